"""Programs are judged by their results: the three forms of tests, extraction, statuses, bad input, batches."""

from __future__ import annotations

import math
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import pytest

from composekit import _errors
from composekit.compose import (
    CodeVerifier,
    CompositeVerifier,
    Problem,
    Verifier,
    bundle,
    chain,
    generators,
    load_problems,
    verify,
    verify_batch,
)
from composekit.compose.verifiers import isolation
from composekit.compose.verifiers.program_text import find_program
from composekit.compose.verifiers.results import matches, same_output
from composekit.compose.verifiers.sandbox import client
from composekit.compose.verifiers.sandbox.values import encode
from composekit.testing import program_mutants

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="candidates are forked, which this system cannot do")

ROOT = Path(__file__).resolve().parents[2]
TIERS = isolation.TIERS


def block(source: str) -> str:
    return f"Here it is:\n```python\n{source}\n```\n"


def function(*tests: dict, prompt: str = "Write f.", entry_point: str | None = "f") -> Problem:
    return Problem(prompt, "", domain="code", verifier="code", tests=tests, entry_point=entry_point)


NEXT = function({"args": [1], "expected": 2}, {"args": [5], "expected": 6})
SUM = Problem(
    "Read two numbers and print their sum.",
    "",
    domain="code",
    verifier="code",
    tests=({"stdin": "3 4\n", "stdout": "7\n"}, {"stdin": "1 1", "stdout": "2"}),
)
CHECKED = Problem(
    'def twice(n):\n    """Two times n.\n\n    >>> twice(2)\n    4\n    """\n',
    "",
    domain="code",
    verifier="code",
    tests="def check(candidate):\n    assert candidate(2) == 4\n    assert candidate(-1) == -2\n",
    entry_point="twice",
)
JUDGE = CodeVerifier()


def judged(source: str, problem: Problem = NEXT, judge: Verifier = JUDGE) -> tuple[str, str]:
    verdict = judge.verify(block(source), problem)
    assert verdict.score == float(verdict.status == "correct")
    tier, _, detail = verdict.detail.partition(": ")
    assert tier in TIERS
    return verdict.status, detail


# --- tiers


@pytest.mark.parametrize("tier", TIERS)
def test_each_tier_judges_all_three_forms(tier: str) -> None:
    why = JUDGE.tiers()[tier]
    if why:
        pytest.skip(f"{tier}: {why}")
    judge = CodeVerifier(isolation=tier, min_isolation=tier)
    for problem, right, wrong in (
        (NEXT, "def f(n):\n    return n + 1", "def f(n):\n    return n + n"),
        (SUM, "print(sum(map(int, input().split())))", "print(7)"),
        (CHECKED, "def twice(n):\n    return 2 * n", "def twice(n):\n    return n * n"),
    ):
        verdict = judge.verify(block(right), problem)
        assert (verdict.status, verdict.score, verdict.detail[:4]) == ("correct", 1.0, f"{tier}: "), verdict
        assert verdict.extracted == right + "\n"
        assert judge.verify(block(wrong), problem).status == "wrong"


def test_auto_takes_the_highest_tier_that_works() -> None:
    working = [tier for tier, why in JUDGE.tiers().items() if not why]
    assert JUDGE.verify(block("def f(n):\n    return n + 1"), NEXT).detail.startswith(f"{max(working)}: ")


def test_a_tier_that_is_missing_is_refused_and_never_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    real = isolation._trial
    monkeypatch.setattr(isolation, "_trial", lambda t, p: "no such thing here" if t >= "T1" else real(t, p))
    for options in ({"min_isolation": "T1"}, {"isolation": "T2"}, {"isolation": "T0", "min_isolation": "T2"}):
        with pytest.raises(_errors.ImplementationError, match="min_isolation must be a tier that this machine has"):
            CodeVerifier(**options).verify(block("def f(n):\n    return n + 1"), NEXT)
    if not real("T0", JUDGE.packages):
        assert JUDGE.verify(block("def f(n):\n    return n + 1"), NEXT).detail.startswith("T0: ")


def test_without_fork_nothing_runs_and_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(isolation, "_works", set())
    monkeypatch.setattr(isolation, "_failed", {})
    monkeypatch.delattr(os, "fork")
    with pytest.raises(_errors.ImplementationError, match=r"T0: candidates are forked.*runner="):
        JUDGE.verify(block("def f(n):\n    return n + 1"), NEXT)


def test_without_namespaces_and_filters_the_basic_tier_remains(monkeypatch: pytest.MonkeyPatch) -> None:
    """A system that is no Linux: every system call of ours fails, and candidates still run at T0."""
    if os.geteuid() == 0:
        pytest.skip("as root, without namespaces, the interpreter may lie where only root reads")
    script = (
        "import sys\n"
        "from composekit.compose.verifiers.sandbox import client\n"
        "boot = client._BOOT.replace('server.main', 'from composekit.compose.verifiers.sandbox import linux\\n"
        'linux.LINUX = False\\nlinux._libc = None\\nlinux.MACHINE = ""\\nserver.main\')\n'
        "client._BOOT = boot\n"
        "from composekit.compose import CodeVerifier, Problem\n"
        "judge = CodeVerifier()\n"
        "problem = Problem('q', '', verifier='code', tests=[{'args': [1], 'expected': 2}], entry_point='f')\n"
        "detail = judge.verify('```python\\ndef f(n): return n + 1\\n```', problem).detail\n"
        "print(detail, sorted(t for t, w in judge.tiers().items() if w))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, env=dict(os.environ, PATH="")
    )
    assert done.stdout == "T0: 1 test passes ['T1', 'T2', 'T3']\n", done.stderr


# --- statuses


@pytest.mark.parametrize(
    ("source", "status", "detail"),
    [
        ("def f(n):\n    return n + 1", "correct", "2 tests pass"),
        ("def f(n):\n    return 2", "wrong", "test 2: returned 2, which is not what is expected"),
        ("def f(n):\n    return n / 0", "wrong", "test 1: raised ZeroDivisionError: division by zero"),
        (
            "def f(n)\n    return n + 1",
            "unparseable",
            "the program does not parse: SyntaxError: expected ':' (solution.py, line 1)",
        ),
        ("def g(n):\n    return n + 1", "wrong", "the program does not define f"),
        ("f = 3", "wrong", "the program does not define f"),
        (
            "import nonsense_package\ndef f(n):\n    return n + 1",
            "wrong",
            "loading the program raised ModuleNotFoundError: No module named 'nonsense_package'",
        ),
        (
            "import os\nos._exit(0)\ndef f(n):\n    return n + 1",
            "wrong",
            "it ended with exit code 0 and without a result",
        ),
        ("import os\ndef f(n):\n    os.abort()", "wrong", "test 1: it ended by signal 6"),
        ("def f(n):\n    return", "wrong", "test 1: returned None, which is not what is expected"),
        ("def f(n):\n    return f", "wrong", "test 1: returned no builtin value: a function is no plain builtin value"),
        (
            "async def f(n):\n    return n + 1",
            "wrong",
            "test 1: returned no builtin value: a coroutine is no plain builtin value",
        ),
        ("def f(n):\n    return f(n)", "wrong", "test 1: raised RecursionError: maximum recursion depth exceeded"),
    ],
)
def test_what_a_function_does_and_what_the_verdict_says(source: str, status: str, detail: str) -> None:
    found = judged(source)
    if "signal 6" in detail:  # the first process of a namespace dies by another signal
        assert found[0] == "wrong"
        assert "it was ended by signal" in found[1]
    else:
        assert found == (status, detail)


@pytest.mark.parametrize(
    ("source", "status", "detail"),
    [
        ("a, b = map(int, input().split())\nprint(a + b)", "correct", "2 tests pass"),
        ("import sys\nprint(sum(map(int, sys.stdin.buffer.read().split())), '  \\n\\n')", "correct", "2 tests pass"),
        (
            "import os, sys\nprint(sum(map(int, input().split())))\nsys.stdout.flush()\nos._exit(0)",
            "correct",
            "2 tests pass",
        ),
        ("print(sum(map(int, input().split())))\nexit(0)", "correct", "2 tests pass"),
        ("if __name__ == '__main__':\n    print(sum(map(int, input().split())))", "correct", "2 tests pass"),
        (
            "import threading\nthreading.Timer(0.1, lambda: print(sum(map(int, input().split())))).start()",
            "correct",
            "2 tests pass",
        ),
        ("import atexit\natexit.register(lambda: print(sum(map(int, input().split()))))", "correct", "2 tests pass"),
        ("print(7)", "wrong", "test 2: the output is not what is expected"),
        ("print(sum(map(int, input().split())), 1)", "wrong", "test 1: the output is not what is expected"),
        ("print(sum(map(int, input().split())))\nraise SystemExit(3)", "wrong", "test 1: ended with 3"),
        (
            "print(sum(map(int, input().split())))\nimport os\nos._exit(3)",
            "wrong",
            "test 1: it ended with exit code 3 and without a result",
        ),
        ("print(sum(map(int, input().split())))\n[][0]", "wrong", "test 1: IndexError: list index out of range"),
        ("pass", "wrong", "test 1: the output is not what is expected"),
        (
            "print(",
            "unparseable",
            "the program does not parse: SyntaxError: '(' was never closed (solution.py, line 1)",
        ),
    ],
)
def test_what_a_program_does_and_what_the_verdict_says(source: str, status: str, detail: str) -> None:
    assert judged(source, SUM) == (status, detail)


@pytest.mark.parametrize(
    ("source", "status", "detail"),
    [
        ("def twice(n):\n    return 2 * n", "correct", "1 test passes"),
        ("    return 2 * n", "correct", "1 test passes"),  # the rest of the prompt, as base models answer
        ("def twice(n):\n    return n + 2", "wrong", "call 2: AssertionError in the tests' line 3"),
        (
            "def twice(n):\n    return n.real.foo",
            "wrong",
            "call 1: AttributeError: 'int' object has no attribute 'foo' in the tests' line 2",
        ),
        ("def thrice(n):\n    return 2 * n", "wrong", "the program does not define twice"),
        (
            "def twice(n):\n    return iter([n])",
            "wrong",
            "call 1: the result is no builtin value: a list_iterator is no plain builtin value",
        ),
        ("def twice(n):\n    raise NameError('x')", "wrong", "call 1: NameError: x in the tests' line 2"),
        (
            "import os\ndef twice(n):\n    os._exit(0)",
            "wrong",
            "call 1: it ended with exit code 0 and without a result",
        ),
    ],
)
def test_what_a_checked_function_does_and_what_the_verdict_says(source: str, status: str, detail: str) -> None:
    assert judged(source, CHECKED) == (status, detail)


def test_a_timeout_is_one_and_takes_no_longer() -> None:
    judge = CodeVerifier(timeout=0.5)
    for problem, source in (
        (NEXT, "def f(n):\n    while True:\n        pass"),
        (SUM, "while True:\n    pass"),
        (CHECKED, "import time\ndef twice(n):\n    time.sleep(60)"),
        (NEXT, "import time\ntime.sleep(60)\ndef f(n):\n    return n + 1"),
    ):
        start = time.monotonic()
        verdict = judge.verify(block(source), problem)
        assert verdict.status == "timeout", verdict
        assert verdict.detail.endswith("no end within 0.5 s")
        assert time.monotonic() - start < 5.0


def test_the_time_counts_for_all_tests_together() -> None:
    many = function(*({"args": [k], "expected": k} for k in range(20)))
    source = "import time\ndef f(n):\n    time.sleep(0.05)\n    return n"
    assert CodeVerifier(timeout=0.5).verify(block(source), many).status == "timeout"
    assert CodeVerifier(timeout=8).verify(block(source), many).status == "correct"


# --- tests of problems


@pytest.mark.parametrize(
    ("tests", "source", "detail"),
    [
        (
            "def check(candidate):\n    assert nonsense(candidate(1))",
            "def f(n):\n    return 1",
            "NameError: name 'nonsense' is not defined",
        ),
        ("def check(candidate:\n    pass", "def f(n):\n    return 1", "SyntaxError: '(' was never closed"),
        (
            "def test(candidate):\n    pass",
            "def f(n):\n    return 1",
            "NameError: the tests define no check(candidate)",
        ),
        ("def check(candidate):\n    pass", "def f(n):\n    return 1", "check() never calls the candidate"),
        ("1 / 0\ndef check(candidate):\n    pass", "def f(n):\n    return 1", "ZeroDivisionError"),
        (
            "def check(candidate):\n    assert candidate(print) == 1",
            "def f(n):\n    return 1",
            "an argument cannot be sent",
        ),
        ("import os\ndef check(candidate):\n    os._exit(0)", "def f(n):\n    return 1", "the checker stopped"),
        ("raise SystemExit", "def f(n):\n    return 1", "SystemExit"),
    ],
)
def test_tests_that_themselves_fail_are_errors_and_no_wrong_answers(tests: str, source: str, detail: str) -> None:
    problem = Problem("Write f.", "", verifier="code", tests=tests, entry_point="f")
    verdict = JUDGE.verify(block(source), problem)
    assert (verdict.status, verdict.score) == ("error", 0.0), verdict
    assert detail in verdict.detail


@pytest.mark.parametrize(
    ("tests", "entry_point", "match"),
    [
        ((), "f", "problem.tests must hold at least one test"),
        (({"args": [1]},), "f", r"tests\[0\] must hold the expected value, or stdout; got the keys args"),
        (({"args": 1, "expected": 2},), "f", r"tests\[0\].args must be a list; got int"),
        (({"kwargs": [1], "expected": 2},), "f", r"tests\[0\].kwargs must map names to values"),
        (
            ({"args": [1], "expect": 2},),
            "f",
            r"tests\[0\] must have only the keys args, kwargs, expected, tolerance; got expect",
        ),
        (({"stdin": "1"},), None, r"tests\[0\] must say which stdout is expected"),
        (({"stdin": 1, "stdout": ""},), None, r"tests\[0\].stdin must be a string; got int"),
        (({"args": [], "expected": object()},), "f", r"tests\[0\] must hold plain builtin values; got a object"),
        (({"args": [print], "expected": 1},), "f", r"tests\[0\] must hold plain builtin values"),
        (
            ({"args": [], "expected": 1, "tolerance": -1},),
            "f",
            r"tests\[0\].tolerance must be a number that is not negative",
        ),
        ((7,), "f", r"tests\[0\] must be a mapping or the source of check\(candidate\); got int"),
        (("def check(candidate): pass",), None, r"problem.entry_point must name the function"),
    ],
)
def test_malformed_tests_name_the_test_and_the_field(tests: tuple, entry_point: str | None, match: str) -> None:
    problem = Problem("Write f.", "x", verifier="code", tests=tests, entry_point=entry_point)
    with pytest.raises(_errors.ComposeKitError, match=match):
        JUDGE.verify(block("def f(n):\n    return 1"), problem)


def test_forms_may_be_mixed_and_keywords_are_passed() -> None:
    problem = Problem(
        "Write f.",
        "",
        verifier="code",
        entry_point="f",
        tests=(
            {"args": [1], "kwargs": {"b": 2}, "expected": 3},
            "def check(candidate):\n    assert candidate(2) == f(2)\n    assert f(2, b=1) == 3",
            {"stdin": "", "stdout": "hello"},
        ),
    )
    assert judged("def f(a, b=0):\n    return a + b\nif __name__ == '__main__':\n    print('hello')", problem) == (
        "correct",
        "3 tests pass",
    )
    assert judged("def f(a, b=0):\n    return a + b", problem) == (
        "wrong",
        "test 3: the output is not what is expected",
    )


def test_without_an_entry_point_the_only_function_counts() -> None:
    problem = function({"args": [1], "expected": 2}, entry_point=None)
    assert judged("from math import sqrt\ndef anything(n):\n    return n + 1", problem)[0] == "correct"
    assert judged("def a(n):\n    return n + 1\ndef b(n):\n    return 0", problem) == (
        "wrong",
        "the program does not define a function",
    )


def test_a_method_is_called_on_a_new_instance() -> None:
    problem = function({"args": [1], "expected": 1}, {"args": [2], "expected": 2}, entry_point="Solution.solve")
    source = (
        "class Solution:\n    def __init__(self):\n        self.seen = []\n"
        "    def solve(self, n):\n        self.seen.append(n)\n        return sum(self.seen)"
    )
    assert judged(source, problem) == ("correct", "2 tests pass")


def test_the_prompt_supplies_helpers_and_imports() -> None:
    helper = "from typing import List\nimport math\ndef helper(x):\n    return x * 10\n\n"
    prompt = helper + "def f(xs: List[int]) -> int:\n    pass\n"
    check = "def check(candidate):\n    assert candidate([1, 2]) == helper(3)\n"
    problem = Problem(prompt, "", verifier="code", tests=check, entry_point="f")
    assert judged("def f(xs: List[int]):\n    return helper(sum(xs)) + math.floor(0.5)", problem)[0] == "correct"
    assert judged("x = 1", problem) == ("wrong", "the program does not define f")


def test_an_argument_that_the_candidate_changes_changes_nothing() -> None:
    problem = function({"args": [[3, 1]], "expected": [1, 3]})
    assert judged("def f(xs):\n    xs.sort()\n    return xs", problem)[0] == "correct"
    check = "def check(candidate):\n    xs = [3, 1]\n    candidate(xs)\n    assert xs == [1, 3]\n"
    assert (
        judged("def f(xs):\n    xs.sort()", Problem("q", "", verifier="code", tests=check, entry_point="f"))[0]
        == "wrong"
    )


# --- values

VALUES = [
    None,
    True,
    0,
    -1,
    2**53,
    -(2**200),
    10**5000,
    0.1,
    -0.0,
    math.inf,
    -math.inf,
    "",
    "é\ud800\x00\n",
    b"\x00\xff",
    bytearray(b"x"),
    1 + 2j,
    complex(math.inf, -0.0),
    [],
    [[]],
    (),
    (1, [2, (3,)]),
    set(),
    {1, "a", (2, 3)},
    frozenset((1,)),
    {},
    {1: 2, "1": 3, (1, 2): {4}, None: []},
    {"d": 1},
    {"t": [1]},
    {True: 1},
    "x" * 100_000,
    list(range(50_000)),
]


def test_every_builtin_value_comes_back_as_it_is() -> None:
    tests = [{"args": [value], "expected": value} for value in VALUES]
    assert judged("def f(x):\n    return x", function(*tests)) == ("correct", f"{len(VALUES)} tests pass")
    check = "def check(candidate):\n    for v in VALUES:\n"
    check += "        r = candidate(v)\n        assert r == v and type(r) is type(v), v\n"
    shown = [v for v in VALUES[:-2] if not isinstance(v, (int, complex))]
    source = f"from math import inf\nVALUES = {shown!r} + [1j, complex(inf, -0.0), 10**5000, -7, True]\n" + check
    problem = Problem("q", "", verifier="code", tests=source, entry_point="f")
    assert judged("def f(x):\n    return x", problem) == ("correct", "1 test passes")


@pytest.mark.parametrize(
    ("expected", "result", "equal"),
    [
        (1, 1, True),
        (1, 1.0, True),
        (1.0, 1, True),
        (1, True, False),
        (True, 1, False),
        (0, False, False),
        (1, "1", False),
        (0.3, 0.1 + 0.2, True),
        (0.3, 0.303, False),
        (1e-30, 0.0, False),
        (0.0, 1e-13, True),
        (100.0, 101.0, False),
        (2**60, float(2**60 + 2**7), True),
        (2**60, 2**60 + 1, False),
        (10**400, 1e308, False),
        (math.nan, math.nan, True),
        (math.inf, math.inf, True),
        (math.inf, -math.inf, False),
        (1.0, math.nan, False),
        (math.nan, 1.0, False),
        ([1, 2], (1, 2), True),
        ((1, 2), [1, 2], False),
        ([1, 2], [2, 1], False),
        ([1, 2], [1, 2, 3], False),
        ([1, 2], [1], False),
        ([], (), True),
        ({1, 2}, [1, 2], False),
        ({1, 2}, {2, 1}, True),
        ({1, 2}, {1, 3}, False),
        ({1, 2}, frozenset((1, 2)), False),
        ({1}, {True}, False),
        ({1: 2}, {True: 2}, False),
        ({"a": [1.0]}, {"a": (1,)}, True),
        ({"a": 1}, {"a": 2}, False),
        ({"a": 1}, {"b": 1}, False),
        ({"a": 1}, {"a": 1, "b": 2}, False),
        ({(1, 2): 3}, {(1, 2): 3}, True),
        ("a", "a", True),
        ("a", b"a", False),
        (b"a", bytearray(b"a"), False),
        (b"a", b"a", True),
        (1j, 1j, True),
        (1j, 1, False),
        (1, 1 + 0j, False),
        (None, None, True),
        (None, False, False),
        (None, 0, False),
        ("", None, False),
        ([None], [None], True),
        ([[1, [2]]], [[1, [2]]], True),
        ({1.5}, {1.5}, True),
        ({2}, {2.0}, True),
    ],
)
def test_results_are_compared_by_value_and_type(expected: object, result: object, equal: bool) -> None:
    assert matches(expected, encode(result)) is equal


def test_a_tolerance_is_the_tests_to_give() -> None:
    assert matches(1.0, 1.001, 0.01)
    assert not matches(1.0, 1.1, 0.01)
    assert matches([1.0, {"a": 2.0}], encode([1.001, {"a": 2.001}]), 0.01)
    assert matches(1000, 1001, 0.01)
    problem = function({"args": [], "expected": 3.14, "tolerance": 0.01})
    assert judged("def f():\n    return 3.1415926", problem)[0] == "correct"
    assert judged("def f():\n    return 3", problem)[0] == "wrong"


def test_output_is_compared_line_by_line_and_whole() -> None:
    assert same_output("1\n2\n", b"1  \r\n2\n\n\n")
    assert not same_output("1\n2\n", b"1\n")
    assert not same_output("1\n", b"1\n2\n")
    assert not same_output("1 2", b"1\n2")
    assert not same_output("a", b"\xff")
    assert not same_output("  a", b"a")
    assert same_output("", b"\n\n")


@pytest.mark.parametrize(
    ("gold", "answer", "equal"),
    [
        ("[1, 2]", "[1,2]", True),
        ("[1, 2]", "(1, 2)", True),
        ("(1, 2)", "[1, 2]", False),
        ("1", "True", False),
        ("0.5", ".5", True),
        ("{1: 'a'}", '{1: "a"}', True),
        ("hello world", "hello world \n", True),
        ("hello", "Hello", False),
        ("[" * 5000, "x", False),
        ("7", "__import__('os')", False),
    ],
)
def test_bare_results_are_compared(gold: str, answer: str, equal: bool) -> None:
    assert JUDGE.compare(gold=gold, answer=answer).correct is equal


# --- extraction


@pytest.mark.parametrize(
    ("response", "source"),
    [
        ("```python\na = 1\n```", "a = 1\n"),
        ("```py\na = 1\n```\n```\n3\n```", "a = 1\n"),
        ("```\na = 1\n```", "a = 1\n"),
        ("```python\na\n```\nBetter:\n```python\nb\n```", "b\n"),
        ("```Python title=x\na\n```", "a\n"),
        ("~~~python\na\n~~~", "a\n"),
        ("````python\na\n```\nb\n````", "a\n```\nb\n"),
        ("```python\na = 1\n", "a = 1\n"),
        ("  ```python\n  a\n  ```", "a\n"),
        ("```bash\npip install x\n```", None),
        ("```python\n```", None),
        ("```json\n{}\n```\n```python\na\n```\n```text\nout\n```", "a\n"),
        ("def f():\n    return 1", "def f():\n    return 1\n"),
        ("    return 1\n", "    return 1\n"),
        ("I cannot do it.", None),
        ("", None),
        ("<think>```python\na\n```</think>```python\nb\n```", "b\n"),
        ("<think>```python\na\n```", None),
        ("```python\ndef f():\n    pass\n```\nExample:\n```python\nprint(f())\n```", "def f():\n    pass\n"),
        ("```python\nf: int = lambda n: n\n```\n```python\nf == 3\n```", "f: int = lambda n: n\n"),
        ("```python\ndef f():\n    return 1\n```\n```python\ndef f():\n    return 2\n```", "def f():\n    return 2\n"),
        ("```python\ndef foo():\n    pass\n```", "def foo():\n    pass\n"),
        ("x" * 1_000_001, None),
    ],
)
def test_the_last_code_block_counts(response: str, source: str | None) -> None:
    assert find_program(response, "f").source == source


def test_a_response_without_code_is_unparseable() -> None:
    for response in (
        "",
        "I do not know.",
        "<think>```python\ndef f(n):\n    return n + 1\n```",
        "```python\n```",
        "```sql\nselect 1\n```",
    ):
        verdict = JUDGE.verify(response, NEXT)
        assert (verdict.status, verdict.extracted) == ("unparseable", None), verdict


def test_a_source_with_null_bytes_or_surrogates_does_not_parse() -> None:
    for bad in ("def f(n):\n    return '\x00'", "def f(n):\n    return '\ud800'"):
        assert judged(bad)[0] == "unparseable"


# --- honest candidates that look suspicious


def read(name: str) -> dict[str, list[str]]:
    """The candidates of a file by name: what stands beside the name, then the source."""
    parts = (Path(__file__).parent / "candidates" / f"{name}.txt").read_text().split("\n=== ")[1:]
    found = {}
    for head, _, source in (part.partition("\n") for part in parts):
        title, *fields = (field.strip() for field in head.split("|"))
        found[title] = [*fields, source]
    return found


HONEST = {name: (source, eval(expected, {"math": math})) for name, (expected, source) in read("honest").items()}


@pytest.mark.parametrize("what", HONEST)
def test_honest_candidates_that_look_suspicious_pass(what: str) -> None:
    source, expected = HONEST[what]
    for tier in ("T2", "T1", "T0"):
        if not JUDGE.tiers()[tier]:
            assert (
                judged(source, function({"args": [], "expected": expected}), CodeVerifier(isolation=tier))[0]
                == "correct"
            ), tier


def test_numpy_may_be_imported_at_every_tier_and_other_packages_may_not() -> None:
    pytest.importorskip("numpy")
    uses = "import numpy as np\ndef f(n):\n    return int((np.eye(3) @ np.full(3, n)).sum()) // 3 + 1"
    other = "import psutil\ndef f(n):\n    return n + 1"
    for tier in TIERS:
        if not JUDGE.tiers()[tier]:
            assert judged(uses, NEXT, CodeVerifier(isolation=tier)) == ("correct", "2 tests pass"), tier
            assert (
                judged(other, NEXT, CodeVerifier(isolation=tier))[1]
                == "loading the program raised ModuleNotFoundError: No module named 'psutil'"
            )
    assert judged(uses, NEXT, CodeVerifier(packages=()))[1].endswith("No module named 'numpy'")
    assert judged(other, NEXT, CodeVerifier(packages=("psutil",)))[0] == "correct"
    assert judged(uses, NEXT, CodeVerifier(packages=("numpy", "not_installed_at_all")))[0] == "correct"


def test_worker_processes_of_multiprocessing_work_in_a_file_system_of_ones_own() -> None:
    if JUDGE.tiers()["T2"]:
        pytest.skip(f"T2: {JUDGE.tiers()['T2']}")
    source = (
        "import multiprocessing as mp\ndef g(n):\n    return n * n\ndef f(n):\n"
        "    with mp.get_context('fork').Pool(2) as pool:\n        return sum(pool.map(g, range(3))) + n - 4"
    )
    assert judged(source, NEXT, CodeVerifier(isolation="T2"))[0] == "correct"


# --- limits

SLEEPERS = """import threading, time
def f(n):
    for _ in range({count}):
        threading.Thread(target=time.sleep, args=(9,), daemon=True).start()
    return n + 1
"""


@pytest.mark.parametrize(
    ("options", "source", "status", "detail"),
    [
        ({"memory": 200 << 20}, "def f(n):\n    bytearray(300 << 20)\n    return n + 1", "wrong", "raised MemoryError"),
        ({"memory": 400 << 20}, "def f(n):\n    bytearray(200 << 20)\n    return n + 1", "correct", ""),
        (
            {"files": 1 << 20},
            "def f(n):\n    open('x', 'wb').write(bytes(2 << 20))\n    return n + 1",
            "wrong",
            "raised OSError",
        ),
        ({"files": 4 << 20}, "def f(n):\n    open('x', 'wb').write(bytes(2 << 20))\n    return n + 1", "correct", ""),
        (
            {"processes": 5},
            SLEEPERS.format(count="6"),
            "wrong",
            "can't start new thread",
        ),
        (
            {"processes": 9},
            SLEEPERS.format(count="4 * (n < 2)"),
            "correct",
            "",
        ),
        ({"output": 10_000}, "def f(n):\n    return 'x' * 20_000", "wrong", "a result has more than 10000 bytes"),
    ],
)
def test_limits_can_be_set(options: dict, source: str, status: str, detail: str) -> None:
    found = judged(source, NEXT, CodeVerifier(**options))
    assert found[0] == status, found
    assert detail in found[1]


def test_output_of_programs_has_a_limit_of_its_own() -> None:
    verdict = CodeVerifier(output=10_000).verify(block("print('x' * 20_000)"), SUM)
    assert (verdict.status, verdict.detail[4:]) == ("wrong", "test 1: it wrote more than 10000 bytes")


@pytest.mark.parametrize(
    ("options", "match"),
    [
        ({"timeout": 0}, "timeout must be positive"),
        ({"timeout": "1"}, "timeout must be a number"),
        ({"memory": 0}, "memory must be at least 1"),
        ({"processes": 1.5}, "processes must be a whole number"),
        ({"isolation": "T9"}, "isolation must be one of auto, T0"),
        ({"min_isolation": "auto"}, "min_isolation must be one of T0"),
        ({"min_isolation": 2}, "min_isolation must be one of"),
        ({"runner": 3}, "runner must be callable"),
        ({"packages": "numpy"}, "packages must be a list of names"),
    ],
)
def test_bad_options_are_refused(options: dict, match: str) -> None:
    with pytest.raises(_errors.ComposeKitError, match=match):
        CodeVerifier(**options)


def test_bad_arguments_are_refused() -> None:
    with pytest.raises(_errors.ArgumentTypeError, match="response"):
        JUDGE.verify(None, NEXT)  # type: ignore[arg-type]
    with pytest.raises(_errors.ArgumentTypeError, match="problem"):
        JUDGE.verify("x", "q")  # type: ignore[arg-type]
    with pytest.raises(_errors.ArgumentTypeError, match="gold"):
        JUDGE.compare(gold=1, answer="x")  # type: ignore[arg-type]


# --- the verifier in its surroundings


def test_it_pickles_and_dispatches() -> None:
    judge = CodeVerifier(timeout=3, isolation="auto", packages=())
    copy = pickle.loads(pickle.dumps(judge))
    assert isinstance(copy, Verifier)
    assert repr(copy) == repr(judge)
    assert copy.limits == judge.limits
    assert verify(block("def f(n):\n    return n + 1"), NEXT).correct
    assert not verify(block("def f(n):\n    return n"), NEXT).correct


def test_batches_keep_their_order_and_stop_at_limits() -> None:
    sources = [
        "def f(n):\n    return n + 1",
        "def f(n):\n    return n",
        "def f(n):\n    while True:\n        pass",
        "def f(n:",
        "import os\nos._exit(0)",
    ]
    verdicts = verify_batch([block(s) for s in sources * 2], [NEXT] * 10, workers=2, timeout=1.0)
    assert [v.status for v in verdicts] == ["correct", "wrong", "timeout", "unparseable", "wrong"] * 2


def test_threads_may_judge_at_once() -> None:
    found: dict[int, str] = {}

    def work(k: int) -> None:
        problem = function({"args": [1], "expected": k})
        found[k] = JUDGE.verify(block(f"def f(n):\n    return n * {k}"), problem).status

    threads = [threading.Thread(target=work, args=(k,)) for k in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == dict.fromkeys(range(12), "correct")


def test_a_forked_process_starts_its_own_server() -> None:
    script = (
        "import os, sys\nfrom composekit.compose import CodeVerifier, Problem\n"
        "problem = Problem('q', '', verifier='code', tests=[{'args': [1], 'expected': 2}], entry_point='f')\n"
        "judge = CodeVerifier()\njudge.verify('```python\\ndef f(n): return n + 1\\n```', problem)\n"
        "pid = os.fork()\n"
        "ok = judge.verify('```python\\ndef f(n): return n + 1\\n```', problem).correct\n"
        "if pid == 0:\n    os._exit(0 if ok else 1)\n"
        "print(ok, os.waitpid(pid, 0)[1], judge.verify('```python\\ndef f(n): return n\\n```', problem).status)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.stdout == "True 0 wrong\n", done.stderr


def test_a_server_that_dies_is_replaced() -> None:
    assert judged("def f(n):\n    return n + 1")[0] == "correct"
    for found in client._servers.values():
        found.process.kill()
        found.process.wait()
    assert judged("def f(n):\n    return n + 1")[0] == "correct"


def _children() -> set[int]:
    return {p.pid for p in psutil.Process().children(recursive=True) if p.status() != psutil.STATUS_ZOMBIE}


def test_an_interrupt_leaves_no_process_and_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for tier in (tier for tier, why in JUDGE.tiers().items() if not why):
        judged("def f(n):\n    return n + 1", NEXT, CodeVerifier(isolation=tier))  # the servers stay
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    tmp_path.chmod(0o755)
    before = _children()
    previous = signal.signal(signal.SIGALRM, lambda *_: (_ for _ in ()).throw(KeyboardInterrupt()))
    try:
        for tier in ("T0", "T1", "T2"):
            if JUDGE.tiers()[tier]:
                continue
            for problem, source in (
                (NEXT, "def f(n):\n    while True:\n        pass"),
                (CHECKED, "def twice(n):\n    while True:\n        pass"),
            ):
                signal.setitimer(signal.ITIMER_REAL, 0.3)
                with pytest.raises(KeyboardInterrupt):
                    CodeVerifier(isolation=tier).verify(block(source), problem)
                assert list(tmp_path.iterdir()) == []
        until = time.monotonic() + 10  # keepers go when they have been idle for a moment
        while _children() - before and time.monotonic() < until:
            time.sleep(0.01)
        assert not _children() - before
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, previous)
    assert judged("def f(n):\n    return n + 1")[0] == "correct"


def test_a_caller_that_is_killed_leaves_no_process_and_no_file(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    script = (
        "from composekit.compose import CodeVerifier, Problem\n"
        "problem = Problem('q', '', verifier='code', tests=[{'args': [1], 'expected': 2}], entry_point='f')\n"
        "judge = CodeVerifier(isolation='T0')\n"
        "judge.verify('```python\\ndef f(n): return n + 1\\n```', problem)\nprint('ready', flush=True)\n"
        "judge.verify('```python\\nimport time\\ndef f(n): time.sleep(60)\\n```', problem)\n"
    )
    env = dict(os.environ, TMPDIR=str(tmp_path))
    caller = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, env=env)
    assert caller.stdout is not None
    if not caller.stdout.readline():
        caller.wait()
        pytest.skip("T0 does not work here")
    until = time.monotonic() + 20
    while not list(tmp_path.iterdir()) and time.monotonic() < until:
        time.sleep(0.02)
    ours = psutil.Process(caller.pid).children(recursive=True)
    assert len(ours) >= 3  # the server, a supervisor, the candidate
    caller.kill()
    caller.wait()
    caller.stdout.close()
    while any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in ours) and time.monotonic() < until:
        time.sleep(0.02)
    assert not [p for p in ours if p.is_running() and p.status() != psutil.STATUS_ZOMBIE]
    while list(tmp_path.iterdir()) and time.monotonic() < until:
        time.sleep(0.02)
    assert list(tmp_path.iterdir()) == []


def test_a_temporary_directory_that_is_full_or_gone_is_an_error_that_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if JUDGE.tiers()["T0"]:
        pytest.skip(f"T0: {JUDGE.tiers()['T0']}")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "gone"))
    verdict = CodeVerifier(isolation="T0").verify(block("def f(n):\n    return n + 1"), NEXT)
    assert (verdict.status, verdict.score) == ("error", 0.0)
    assert "gone" in verdict.detail
    if not JUDGE.tiers()["T2"]:  # needs no directory outside
        assert CodeVerifier(isolation="T2").verify(block("def f(n):\n    return n + 1"), NEXT).correct


def test_nothing_is_left_open() -> None:
    judged("def f(n):\n    return n + 1")
    before = len(os.listdir("/proc/self/fd")) if os.path.isdir("/proc/self/fd") else 0
    for problem in (NEXT, SUM, CHECKED):
        for source in ("def f(n):\n    return n + 1", "print(7)", "def twice(n): return 2 * n", "x = 1"):
            JUDGE.verify(block(source), problem)
    if before:
        assert len(os.listdir("/proc/self/fd")) == before


# --- other machines


def elsewhere(job: object) -> str:
    command = [sys.executable, "-I", "-S", "-c", job.program]  # type: ignore[attr-defined]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=True).stdout


@pytest.mark.parametrize(
    ("problem", "source", "status", "detail"),
    [
        (NEXT, "def f(n):\n    return n + 1", "correct", "2 tests pass"),
        (
            NEXT,
            "def f(n):\n    print('{}', n)\n    return n",
            "wrong",
            "test 1: returned 1, which is not what is expected",
        ),
        (
            NEXT,
            "def f(n",
            "unparseable",
            "the program does not parse: SyntaxError: '(' was never closed (solution.py, line 1)",
        ),
        (NEXT, "import os\nos._exit(0)\ndef f(n): pass", "wrong", "it ended with exit code 0 and without a result"),
        (NEXT, "def f(n):\n    while True:\n        pass", "timeout", "no end within 1.5 s"),
        (NEXT, "def f(n):\n    return bytearray(1 << 30)", "wrong", "test 1: raised MemoryError"),
        (SUM, "print(sum(map(int, input().split())))", "correct", "2 tests pass"),
        (SUM, "print(7)", "wrong", "test 2: the output is not what is expected"),
        (
            SUM,
            "import os\nos.write(1, str(sum(map(int, input().split()))).encode())\nos._exit(0)",
            "correct",
            "2 tests pass",
        ),
        (SUM, "import os\nos._exit(1)", "wrong", "test 1: it ended with exit code 1 and without a result"),
        (
            CHECKED,
            "seen = []\ndef twice(n):\n    seen.append(n)\n    assert len(seen) == (1 if n == 2 else 2)\n    return 2 * n",
            "correct",
            "1 test passes",
        ),
        (CHECKED, "def twice(n):\n    return n + 2", "wrong", "call 2: AssertionError in the tests' line 3"),
    ],
)
def test_a_runner_runs_jobs_elsewhere(problem: Problem, source: str, status: str, detail: str) -> None:
    judge = CodeVerifier(
        runner=elsewhere, timeout=1.5 if status == "timeout" else 20, min_isolation="T3", memory=1 << 29
    )
    verdict = judge.verify(block(source), problem)
    assert (verdict.status, verdict.detail.removeprefix("T3 (runner): ")) == (
        status,
        f"test 1: {detail}" if status == "timeout" else detail,
    )
    assert verdict.detail.startswith("T3 (runner): ")


@pytest.mark.parametrize("said", ["", "nonsense", "{}", '{"messages": 3}', None, 7])
def test_a_runner_that_fails_is_an_error(said: object) -> None:
    verdict = CodeVerifier(runner=lambda job: said).verify(block("def f(n):\n    return n + 1"), NEXT)
    assert verdict.status == "error"
    assert "the runner failed" in verdict.detail


def test_a_runner_that_raises_is_an_error_and_sees_no_expected_value() -> None:
    jobs = []

    def runner(job: object) -> str:
        jobs.append(job)
        raise ConnectionError("the cluster is asleep")

    problem = function({"args": [1], "expected": 918273645})
    verdict = CodeVerifier(runner=runner).verify(block("def f(n):\n    return n + 1"), problem)
    assert (verdict.status, "ConnectionError: the cluster is asleep" in verdict.detail) == ("error", True)
    assert "918273645" not in repr(jobs[0]) + jobs[0].program


# --- HumanEval


def test_human_eval_solutions_pass_and_mutants_fail(data_dir: Path) -> None:
    problems = load_problems(data_dir / "humaneval.jsonl")[::7]
    sources = [p.prompt + (p.solution or "") for p in problems]
    verdicts = verify_batch([block(s) for s in sources] + [block(program_mutants(s)[0]) for s in sources], problems * 2)
    statuses = [v.status for v in verdicts]
    assert statuses[: len(problems)] == ["correct"] * len(problems)
    mutants = statuses[
        len(problems) :
    ]  # the first mutant returns nothing at some place, which tests reach nearly always
    assert mutants.count("correct") <= 2
    assert set(mutants) <= {"correct", "wrong", "timeout"}


def test_human_eval_completions_pass_without_the_prompt(data_dir: Path) -> None:
    problems = load_problems(data_dir / "humaneval.jsonl")
    for k in (0, 32, 38, 50):
        assert JUDGE.verify(problems[k].solution or "", problems[k]).correct, k


# --- composition and generators

TASKS = [f for f in generators.code.families if f.startswith(("write_", "repair_"))]
PREDICTIONS = [f for f in generators.code.families if f.startswith("predict_")]


@pytest.mark.parametrize("family", TASKS)
def test_generated_tasks_accept_their_solutions_and_refuse_bugs(family: str) -> None:
    task = generators.code.sample(3, 0, family=family)
    assert JUDGE.verify(block(task.solution or ""), task).correct
    buggy = (
        task.prompt.partition("```python\n")[2].partition("```")[0]
        or (task.solution or "").replace("return", "return None or", 1) + "\n    return 0"
    )
    verdict = JUDGE.verify(
        block(
            buggy if family.startswith("repair_") else (task.solution or "").replace("    return", "    0;return 0,", 1)
        ),
        task,
    )
    assert verdict.status == "wrong", verdict


@pytest.mark.parametrize("family", PREDICTIONS)
def test_generated_predictions_are_what_the_program_returns(family: str) -> None:
    for i in range(3):
        problem = generators.code.sample(3, i, family=family)
        source = problem.prompt.partition("```python\n")[2].partition("```")[0]
        n = problem.template.params["n"]  # type: ignore[union-attr]
        assert judged(source, function({"args": [n], "expected": int(problem.answer)}))[0] == "correct"
        assert judged(source, function({"args": [n], "expected": int(problem.answer) + 1}))[0] == "wrong"


def test_code_is_a_domain_of_composition() -> None:
    predict = generators.code.sample(1, 0, family="predict_loop")
    write = generators.code.sample(1, 1, family="write_weigh_digits")
    number = Problem("Tom has 57 nuts and buys 12 more. How many nuts has he?", 69)
    output_becomes_x = chain(predict, number, seed=1)
    assert output_becomes_x.links[0].value_in == int(predict.answer)
    argument_becomes_y = chain(number, predict, seed=1)
    assert argument_becomes_y.links[0].value_in == 69
    assert verify(rf"\boxed{{{predict.answer}}}", argument_becomes_y).correct
    program_last = chain(predict, write, seed=1)
    assert program_last.tests == write.tests or program_last.parts[-1].tests == write.tests
    assert verify(block(write.solution or ""), program_last).correct
    assert (
        verify(block((write.solution or "").replace("return weight", "return weight + 1")), program_last).status
        == "wrong"
    )


def test_a_bundle_of_arithmetic_debugging_and_logic_is_judged_part_by_part() -> None:
    sums, repair, riddle = (
        generators.arithmetic.sample(2, 0),
        generators.code.sample(2, 0, family="repair_longest_run"),
        generators.logic.sample(2, 0, family="survey"),
    )
    three = bundle(sums, repair, riddle)
    second = block(repair.solution or "")
    right = f"Part 1: \\boxed{{{sums.answer}}}\n\nPart 2:\n{second}\n\nPart 3: \\boxed{{{riddle.answer}}}"
    verdict = verify(right, three)
    assert (verdict.score, [v.status for v in verdict.parts]) == (1.0, ["correct"] * 3)
    broken = right.replace("current += 1", "current += 2")
    verdict = CompositeVerifier(partial=True).verify(broken, three)
    assert [v.status for v in verdict.parts] == ["correct", "wrong", "correct"]
    assert verdict.score == pytest.approx(1 / 3)
    assert verdict.parts[1].detail[:2] in TIERS
