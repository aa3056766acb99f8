"""From a candidate and its tests to a status: sessions are started, results are heard and compared."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from typing import Any

from composekit.compose.verdict import Status
from composekit.compose.verifiers.code_tests import Call, Run, Tests
from composekit.compose.verifiers.jobs import Elsewhere
from composekit.compose.verifiers.results import kind_of, matches, same_output
from composekit.compose.verifiers.sandbox.session import Session
from composekit.compose.verifiers.sandbox.terms import Broken, Ending, Over
from composekit.compose.verifiers.sandbox.values import Refused, dumps

Outcome = tuple[Status, str]
Start = Callable[[str, float, bytes | None], Session | Elsewhere]


class Trial:
    """The trial of one candidate.

    Args:
        start: Starts a job of a mode: ``(mode, deadline, stdin)``.
        source: The candidate.
        prompt: The problem's, for the helpers that may stand in it.
        tests: What it must pass.
        timeout: Seconds for all of them.
    """

    def __init__(self, start: Start, source: str, prompt: str, tests: Tests, timeout: float) -> None:
        self.start, self.tests = start, tests
        self.deadline = time.monotonic() + timeout
        self.job = {"source": source, "prompt": prompt, "entry_point": tests.entry_point}
        self.at = ""  # which test is in hand

    def judge(self) -> Outcome:
        """Run the tests until one fails."""
        for outcome in self._outcomes():
            if outcome is not None:
                return outcome
        count = len(self.tests.calls) + len(self.tests.runs) + len(self.tests.checks)
        return "correct", f"{count} {'tests pass' if count > 1 else 'test passes'}"

    def _outcomes(self) -> Iterator[Outcome | None]:
        if self.tests.calls:
            yield self._calls()
        for run in self.tests.runs:
            yield self._run(run)
        for check in self.tests.checks:
            yield self._check(check)

    def _session(self, mode: str, job: Any, stdin: bytes | None = None) -> Session | Elsewhere:
        session = self.start(mode, self.deadline, stdin)
        session.send(dumps(job))
        return session

    def _loaded(self, candidate: Session | Elsewhere) -> Outcome | None:
        """Wait until the candidate's definitions are executed."""
        self.at = ""
        word = candidate.hear()
        return None if word == {"ok": True} else _not_loaded(word)

    # --- calls

    def _calls(self) -> Outcome | None:
        candidate = self._session("function", self.job)
        try:
            for call in self.tests.calls:
                candidate.send(dumps([call.args, call.kwargs]))
            failure = self._loaded(candidate)
            if failure:
                return failure
            for call in self.tests.calls:
                self.at = f"test {call.number}: "
                failure = _judge_call(call, candidate.hear())
                if failure:
                    return failure
        finally:
            _closed(candidate)
        return None

    # --- programs

    def _run(self, run: Run) -> Outcome | None:
        self.at = f"test {run.number}: "
        program = self._session("program", self.job, run.stdin.encode())
        ending: Ending | None = None
        try:
            try:
                word = program.hear()
            except Over as problem:
                ending = program.ending
                if problem.timeout or ending is None or ending.exit != 0 or ending.why:
                    raise
                word = {"done": None}  # it left by os._exit(0): what it wrote is what counts
            output = program.drained()
        finally:
            _closed(program)
        if "bad" in word:
            return _not_loaded(word)
        if word.get("done") is not None:
            return "wrong", f"{self.at}{str(word['done'])[:300]}"
        if same_output(run.stdout, output):
            return None
        return "wrong", f"{self.at}the output is not what is expected"

    # --- checkers

    def _check(self, source: str) -> Outcome | None:
        candidate = self._session("function", self.job)
        checker: Session | Elsewhere | None = None
        try:
            checker = self._session("checker", {**self.job, "tests": source})
            failure = self._loaded(candidate)
            if failure:
                return failure
            calls = 0
            while True:
                word = self._checker_says(checker, calls)
                if "call" not in word:
                    return _judge_check(word)
                calls += 1
                self.at = f"call {calls}: "
                candidate.send(dumps(word["call"]))
                checker.send(candidate.receive())
        finally:
            _closed(candidate)
            if checker is not None:
                _closed(checker)

    def _checker_says(self, checker: Session | Elsewhere, calls: int) -> Any:
        try:
            return checker.hear()
        except Over as problem:
            if problem.timeout:
                raise
            if calls:  # a result has done that, say by its size
                raise Over(f"the checker stopped at this result: {problem}") from None
            raise Broken(f"the checker stopped: {problem}") from None


def _closed(session: Session | Elsewhere) -> None:
    """End a job; what survived its end is the machinery's failure."""
    ending = session.close()
    if not ending.swept:
        raise Broken(ending.setup or "processes may be left")


def _not_loaded(word: Any) -> Outcome:
    kind, _, text = str(word.get("bad", ""))[:400].partition(": ")
    if kind == "syntax":
        return "unparseable", f"the program does not parse: {text}"
    if kind == "missing":
        return "wrong", f"the program does not define {text}"
    if kind == "raised":
        return "wrong", f"loading the program raised {text}"
    return "wrong", "it wrote to the private channel"


def _judge_call(call: Call, reply: Any) -> Outcome | None:
    at = f"test {call.number}: "
    if "raised" in reply:
        return "wrong", f"{at}raised {str(reply['raised'])[:300]}"
    if "value" not in reply:
        return "wrong", f"{at}returned no builtin value: {str(reply.get('refused'))[:300]}"
    try:
        if matches(call.expected, reply["value"], call.tolerance):
            return None
        return "wrong", f"{at}returned {_shown(reply['value'])}, which is not what is expected"
    except Refused as problem:
        return "wrong", f"{at}returned no builtin value: {problem}"


def _shown(raw: Any) -> str:
    if raw is None or type(raw) in (bool, int, float):
        return repr(raw)
    return f"a {kind_of(raw)}"


def _judge_check(word: Any) -> Outcome | None:
    if "tests" in word:
        return "error", f"the tests themselves fail: {str(word['tests'])[:300]}"
    if "failed" in word:
        return "wrong", f"call {word.get('calls')}: {str(word['failed'])[:300]}"
    return None if word.get("passed") is True else ("error", "the checker gave no verdict")


def clean(text: str) -> str:
    """A text in which a candidate had a hand: nothing in it that moves a cursor, breaks a line, or cannot be written."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
