"""Candidates that solve nothing and want to be paid: by objects that lie, by forged messages, by a hurt grader."""

from __future__ import annotations

import os
import resource
import time
from pathlib import Path

import pytest

from composekit.compose import CodeVerifier, Problem

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="candidates are forked, which this system cannot do")

TOKEN = 918273645  # what nobody can guess
TIERS = [tier for tier, why in CodeVerifier().tiers().items() if not why] if hasattr(os, "fork") else []


def read(name: str) -> dict[str, list[str]]:
    """The candidates of a file by name: what stands beside the name, then the source."""
    parts = (Path(__file__).parent / "candidates" / f"{name}.txt").read_text().split("\n=== ")[1:]
    found = {}
    for head, _, source in (part.partition("\n") for part in parts):
        title, *fields = (field.strip() for field in head.split("|"))
        found[title] = [*fields, source]
    return found


FORGERIES = {name: source for name, (source,) in read("forgeries").items()}


def problems() -> dict[str, Problem]:
    """The same task in two forms: f(1) = 1, which is in the prompt, and f(2) is what nobody can guess."""
    prompt = 'def f(n):\n    """Write f.\n\n    >>> f(1)\n    1\n    """\n'
    calls = ({"args": [1], "expected": 1}, {"args": [2], "expected": TOKEN}, {"args": [3], "expected": TOKEN + 3})
    asserts = (
        f"    assert candidate(1) == 1\n    assert candidate(2) == expected\n    assert candidate(3) == {TOKEN} + 3\n"
    )
    check = f"expected = {TOKEN}\ndef check(candidate):\n{asserts}"
    return {
        "calls": Problem(prompt, "", verifier="code", tests=calls, entry_point="f"),
        "check": Problem(prompt, "", verifier="code", tests=check, entry_point="f"),
    }


@pytest.mark.parametrize("tier", TIERS[-1:])
@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forgery_is_not_paid_and_is_the_candidates_fault(forgery: str, tier: str) -> None:
    judge = CodeVerifier(isolation=tier, timeout=1, memory=400 << 20)
    for form, problem in problems().items():
        start = time.monotonic()
        verdict = judge.verify(f"```python\n{FORGERIES[forgery]}\n```", problem)
        # never "error": a trainer may leave that out, and a candidate that can choose it escapes its zero
        assert (verdict.status, verdict.score) in (("wrong", 0.0), ("timeout", 0.0)), (form, verdict)
        assert len(verdict.detail) < 1000
        assert time.monotonic() - start < 15


def test_forgeries_do_not_pay_on_the_lowest_tier_either() -> None:
    judge = CodeVerifier(isolation=TIERS[0], timeout=1, memory=400 << 20)
    for forgery in list(FORGERIES)[::4]:
        for form, problem in problems().items():
            verdict = judge.verify(f"```python\n{FORGERIES[forgery]}\n```", problem)
            assert verdict.status in ("wrong", "timeout"), (forgery, form, verdict)


def test_the_honest_solution_of_the_same_task_passes() -> None:
    source = f"def f(n):\n    return 1 if n == 1 else {TOKEN} if n == 2 else {TOKEN + 3}"
    for problem in problems().values():
        assert CodeVerifier().verify(f"```python\n{source}\n```", problem).correct


def test_colliding_keys_do_not_slow_the_caller_down() -> None:
    """Sets and dicts of the right size whose keys all have one hash would take the caller hours to build."""
    size = 100_000
    problem = Problem("q", "", verifier="code", entry_point="f", tests=({"args": [], "expected": set(range(size))},))
    judge = CodeVerifier(timeout=60)
    keys = f"[{{'i': hex(k * ((1 << 61) - 1))}} for k in range({size})]"
    patch = f"sys._getframe(1).f_globals['encode'] = lambda v: {{'s': {keys}}}"
    source = f"import sys\ndef f():\n    {patch}\n    return 0"
    start = time.monotonic()
    verdict = judge.verify(f"```python\n{source}\n```", problem)
    assert verdict.status == "wrong", verdict
    assert time.monotonic() - start < 20


def test_a_key_that_is_a_large_frozenset_is_refused() -> None:
    problem = Problem(
        "q", "", verifier="code", entry_point="f", tests=({"args": [], "expected": {frozenset(range(100))}},)
    )
    assert (
        CodeVerifier().verify("```python\ndef f():\n    return {frozenset(range(100))}\n```", problem).status == "wrong"
    )


PROGRAMS = {
    "the first line alone": "print(1)",
    "nothing": "",
    "leaves at once": "import os\nos._exit(0)",
    "the right output, then a failure": "print(1)\nprint(918273645)\nraise ValueError",
    "the right output and one line more": "print(1)\nprint(918273645)\nprint()\nprint('x')",
    "the right output on the error stream": "import sys\nprint(1, file=sys.stderr)\nprint(918273645, file=sys.stderr)",
    "a message that it is done": (
        "import os, struct\nb = b'{\"done\":null}'\nos.write(4, struct.pack('>I', len(b)) + b)\nos._exit(0)"
    ),
    "all answers": "for k in range(1000):\n    print(k)",
    "a child that goes on printing": (
        "import os, time\nif os.fork() == 0:\n    time.sleep(0.5)\n    print('1\\n918273645')\nelse:\n    os._exit(0)"
    ),
}


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_that_does_not_do_its_work_is_not_paid(program: str) -> None:
    problem = Problem("Print.", "", verifier="code", tests=({"stdin": "", "stdout": f"1\n{TOKEN}\n"},))
    for tier in TIERS:
        verdict = CodeVerifier(isolation=tier, timeout=5).verify(
            f"```python\n{PROGRAMS[program] or 'pass'}\n```", problem
        )
        assert verdict.status == "wrong", (tier, verdict)


@pytest.mark.parametrize("size", [2, 1 << 20])
def test_messages_that_nobody_asked_for_do_not_fill_the_callers_memory(size: int) -> None:
    body = "b'{\"done\":null}'" if size == 2 else f"b'{{\"done\":\"' + b'x' * {size} + b'\"}}'"
    source = (
        f"import os, struct\nb = {body}\nframe = struct.pack('>I', len(b)) + b\nwhile True:\n    os.write(4, frame)"
    )
    problem = Problem("Print.", "", verifier="code", tests=({"stdin": "", "stdout": "x"},))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    verdict = CodeVerifier(timeout=30).verify(f"```python\n{source}\n```", problem)
    assert verdict.status == "wrong", verdict
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200_000
