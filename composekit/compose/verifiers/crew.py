"""The processes behind :func:`verify_batch`: chunks go out, verdicts come back; the late and the dead are replaced."""

from __future__ import annotations

import json
import pickle
import selectors
import time
from collections import deque

from composekit.compose._progress import bar
from composekit.compose.problem import Problem
from composekit.compose.verdict import Verdict
from composekit.compose.verifiers.processes import Child, Shared, WorkerDied

_MODULE = "composekit.compose.verifiers._crew_member"
_SLACK = 75.0  # seconds beyond every limit that a verifier keeps itself, imports included; then the process is killed
_LONGEST = 60.0  # the limit that is assumed where the verifiers keep their own


class Member:
    """One child with the jobs that it has in hand."""

    def __init__(self, child: Child) -> None:
        self.child = child
        self.jobs: deque[int] = deque()
        self.unsent = b""
        self.started = 0.0

    def give(self, jobs: list[int], request: bytes) -> None:
        """Hand over a chunk; the bytes leave as the pipe takes them."""
        self.jobs.extend(jobs)
        self.unsent = b"%d\n" % len(request) + request
        self.started = time.monotonic()


class Run:
    """One call of :func:`verify_batch`."""

    def __init__(self, responses: list[str], problems: list[Problem], chunk: int, timeout: float | None) -> None:
        self.responses, self.problems, self.timeout = responses, problems, timeout
        self.verdicts: list[Verdict | None] = [None] * len(responses)
        self.waiting = deque(list(range(k, min(k + chunk, len(responses)))) for k in range(0, len(responses), chunk))
        self.deaths: dict[int, int] = {}
        self.done = 0
        self.patience = (timeout or _LONGEST) + _SLACK

    def request(self, jobs: list[int]) -> bytes:
        """The pickle of a chunk."""
        return pickle.dumps((self.timeout, [(k, self.responses[k], self.problems[k]) for k in jobs]))

    def settle(self, job: int, verdict: Verdict) -> None:
        """Store a verdict."""
        if self.verdicts[job] is None:
            self.done += 1
        self.verdicts[job] = verdict

    def lost(self, member: Member, *, late: bool) -> None:
        """Judge what a dead or late child had in hand: the first job fails or is tried once more, the others wait again."""
        if not member.jobs:
            return
        first, *rest = member.jobs
        member.jobs.clear()
        if late:
            self.settle(first, Verdict(0.0, "timeout", None, f"no verdict within {self.patience} s"))
        elif self.deaths.setdefault(first, 0):
            self.settle(first, Verdict(0.0, "error", None, "the process that judged it died twice"))
        else:
            self.deaths[first] += 1
            rest.insert(0, first)
        # One by one, so that a job that kills its process cannot take others with it a second time.
        self.waiting.extend([job] for job in rest)


_shared = Shared(_MODULE)


def run(
    responses: list[str], problems: list[Problem], count: int, chunk: int, timeout: float | None, progress: bool
) -> list[Verdict]:
    """Judge everything on ``count`` processes, in chunks."""
    state = Run(responses, problems, chunk, timeout)
    tick = bar("responses") if progress else None
    members: list[Member] = []
    try:
        while state.done < len(responses):
            while len(members) < count and state.waiting:
                members.append(Member(_shared.acquire()[0]))
            for member in members:
                if not member.jobs and state.waiting:
                    jobs = state.waiting.popleft()
                    member.give(jobs, state.request(jobs))
            members = _step(state, members)
            if tick:
                tick(state.done, len(responses))
    except BaseException:
        for member in members:
            _shared.release(member.child, healthy=False)
        raise
    for member in members:
        _shared.release(member.child, healthy=not member.jobs)
    return [v for v in state.verdicts if v is not None]


def _step(state: Run, members: list[Member]) -> list[Member]:
    """Wait for something to happen, deal with it, and return the members that are still fit."""
    busy = [m for m in members if m.jobs]
    with selectors.DefaultSelector() as selector:
        for member in busy:
            selector.register(member.child.output, selectors.EVENT_READ, member)
            if member.unsent:
                selector.register(member.child.input, selectors.EVENT_WRITE, member)
        next_deadline = min(m.started for m in busy) + state.patience
        ready = selector.select(max(0.0, next_deadline - time.monotonic()))
    failed: set[int] = set()
    for key, event in ready:
        member = key.data
        try:
            if event & selectors.EVENT_WRITE:
                member.unsent = member.unsent[member.child.write_some(member.unsent) :]
            else:
                for line in member.child.read_lines():
                    reply = json.loads(line)
                    member.jobs.remove(reply["number"])
                    member.started = time.monotonic()
                    state.settle(reply["number"], Verdict.from_dict(reply["verdict"]))
        except (WorkerDied, ValueError):
            failed.add(id(member))
    now = time.monotonic()
    fit = []
    for member in members:
        late = bool(member.jobs) and now - member.started > state.patience
        if id(member) in failed or late:
            state.lost(member, late=late and id(member) not in failed)
            _shared.release(member.child, healthy=False)
        else:
            fit.append(member)
    return fit
