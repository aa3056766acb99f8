"""The child process that judges what exact reading leaves open. Run as a module; one JSON request a line.

The process that the parent starts imports sympy and Math-Verify once and forks a server from itself. The server reads
the pipes; where it overruns its deadline the kernel kills it (an interval timer with the default action, which no
computation can hold up), and the process that forked it, having one thread and no state, forks the next in
milliseconds. The end of the input, which comes with the end of the parent, ends both, in the middle of a computation too.
"""

from __future__ import annotations

import json
import os
import select
import signal
import sys
from typing import Any

MEMORY = 160 * 2**20  # bytes of address space beyond what the imports take
_RETIRE_AFTER = 2_000  # requests; sympy's caches grow
_RETIRE = 9


def main() -> int:
    """Serve until the input ends."""
    requests, replies = os.dup(0), os.dup(1)
    quiet = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):  # nothing that a library prints may reach the parent
        os.dup2(quiet, fd)
    try:
        # The first use of sympy's integrals and of the LaTeX grammar takes longer than a deadline, so it is not left
        # to an answer.
        _math_verify(r"\frac{1}{3}", r"\int_0^1 x^2 \, dx")
        _judge(r"1", r"\sin^2 x + \cos^2 x")
    except ImportError as problem:
        _send(replies, {"ready": False, "detail": str(problem)})
        return 1
    _send(replies, {"ready": True})
    if not hasattr(os, "fork"):
        return _serve(requests, replies)
    while True:
        lifeline, held = os.pipe()
        child = os.fork()
        if child == 0:
            os.close(lifeline)
            _die_with_parent()
            os._exit(_serve(requests, replies))
        os.close(held)
        if not _wait_for(lifeline, requests):
            os.kill(child, signal.SIGKILL)
        os.close(lifeline)
        _, status = os.waitpid(child, 0)
        code = os.waitstatus_to_exitcode(status)
        if code == 0 or _hung_up(requests):
            return 0
        if code != _RETIRE:
            _send(replies, {"died": -code})


def _wait_for(lifeline: int, requests: int) -> bool:
    """Wait until the server ends, which closes its end of the lifeline; False if the parent went away first."""
    poll = select.poll()
    poll.register(lifeline, 0)
    poll.register(requests, 0)  # no events but a hang-up, which comes even while requests wait to be read
    return all(fd == lifeline for fd, _ in poll.poll())


def _hung_up(requests: int) -> bool:
    poll = select.poll()
    poll.register(requests, 0)
    return bool(poll.poll(0))


def _send(fd: int, message: dict[str, Any]) -> None:
    os.write(fd, json.dumps(message).encode() + b"\n")


def _die_with_parent() -> None:
    """Linux: be killed when the forking process dies. Safe here, where that process has one thread."""
    if sys.platform == "linux":
        import ctypes

        ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)
        if os.getppid() == 1:
            os._exit(0)


def _serve(requests: int, replies: int) -> int:
    limit = _limit_memory()
    served = 0
    with os.fdopen(requests, "rb", buffering=0, closefd=False) as lines:
        while line := lines.readline():
            request = json.loads(line)
            if hasattr(signal, "setitimer"):
                signal.signal(signal.SIGALRM, signal.SIG_DFL)
                signal.setitimer(signal.ITIMER_REAL, request["timeout"])
            try:
                reply = _judge(request["gold"], request["answer"])
            except MemoryError:
                reply = {"status": "memory", "detail": ""}
            except RecursionError:
                reply = {"status": "unreadable", "detail": "too deeply nested for sympy"}
            except Exception as problem:
                reply = {"status": "error", "detail": f"{type(problem).__name__}: {problem}"[:300]}
            if hasattr(signal, "setitimer"):
                signal.setitimer(signal.ITIMER_REAL, 0)
            _send(replies, reply)
            served += 1
            if (
                reply["status"] == "memory"
                or served >= _RETIRE_AFTER
                or (limit and _address_space() > limit - MEMORY // 2)
            ):
                return _RETIRE
    return 0


def _limit_memory() -> int:
    """Cap the address space; returns the cap in bytes, 0 where the system has none."""
    size = _address_space()
    if not size:
        return 0
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = size + MEMORY if soft == resource.RLIM_INFINITY else min(soft, size + MEMORY)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
    return limit


def _address_space() -> int:
    try:
        with open("/proc/self/statm", "rb") as statm:
            return int(statm.read().split()[0]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0


def _judge(gold: str, answer: str) -> dict[str, str]:
    """Exact reading with long numbers to settle expressions, then Math-Verify for what the grammar does not have."""
    from composekit.compose.verifiers.exactmath.judge import fits_math_verify, judge
    from composekit.compose.verifiers.exactmath.oracle import by_long_numbers

    first = judge(gold, answer, by_long_numbers)
    if first.status != "undecided" or not fits_math_verify(gold, answer):
        return {"status": first.status, "detail": "compared with long numbers"}
    return _math_verify(gold, answer)


def _math_verify(gold: str, answer: str) -> dict[str, str]:
    from math_verify import LatexExtractionConfig, parse, verify

    from composekit.compose.verifiers.exactmath.cleaning import clean

    options: dict[str, Any] = {
        "extraction_config": [LatexExtractionConfig()], "fallback_mode": "no_fallback", "parsing_timeout": None,
    }  # fmt: skip
    trees = [parse(f"${clean(text)}$", **options) for text in (gold, answer)]
    for name, tree in zip(("gold answer", "answer"), trees, strict=True):
        if len(tree) != 1:
            return {"status": "unreadable", "detail": f"Math-Verify cannot read the {name}"}
    # Math-Verify rounds to 6 decimals and chops at 15 digits, where small values collide; a hundred digits leave no room.
    same = verify(trees[0], trees[1], float_rounding=100, numeric_precision=100, timeout_seconds=None)
    return {"status": "equal" if same else "different", "detail": "compared by Math-Verify"}


if __name__ == "__main__":
    sys.exit(main())
