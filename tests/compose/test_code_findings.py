"""What a reader who only tried to cheat has found: each stays shut."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from fractions import Fraction
from pathlib import Path

import pytest

from composekit.compose import CodeVerifier, CompositeVerifier, Problem, bundle
from composekit.compose.verifiers import results
from composekit.compose.verifiers.composite import sections
from composekit.compose.verifiers.extract import final_answer
from composekit.compose.verifiers.program_text import find_program
from composekit.compose.verifiers.results import matches, same_output
from composekit.compose.verifiers.sandbox.values import MAX_NODES, Refused, encode, loads
from composekit.compose.verifiers.thinking import without_thinking

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="candidates are forked, which this system cannot do")

ROOT = Path(__file__).resolve().parents[2]
JUDGE = CodeVerifier(timeout=20)
TIERS = [tier for tier, why in JUDGE.tiers().items() if not why] if hasattr(os, "fork") else []


def checked(*lines: str, top: str = "") -> Problem:
    tests = top + "def check(candidate):\n" + "".join(f"    {line}\n" for line in lines)
    return Problem("Write f.", "", verifier="code", tests=tests, entry_point="f")


def block(source: str) -> str:
    return f"```python\n{source}\n```"


@pytest.mark.parametrize(
    ("source", "problem"),
    [
        (
            "def f(n): raise StopIteration",
            checked("for a, b in zip(map(candidate, [1, 2]), [5, 6]):", "    assert a == b"),
        ),
        ("def f(n): raise StopIteration", checked("assert all(map(lambda n: candidate(n) == n, [1, 2]))")),
        ("def f(n): return []", checked("for x in candidate(3):", "    last = x", "assert last == 3")),
        ("def f(n): return 'undefined'", checked("assert eval(candidate(3)) == 3")),
        ("def f(n): return '('", checked("assert eval(candidate(3)) == 3")),
        (
            "def f(n):\n    x = 3\n    for _ in range(200): x = [x]\n    return x",
            checked("assert candidate([candidate(3)]) == 4"),
        ),
        ("def f(n): return object()", checked("try:", "    candidate(3)", "except:", "    pass")),
        ("def f(n): return 3", checked("pass", top="assert f(3) == 4\n")),
        ("def f(n): raise ImportError('x')", checked("assert candidate(3) == 4")),
        (
            "def f(n): raise ValueError",
            checked("try:", "    candidate(3)", "except ValueError as e: pass", "assert e == 4"),
        ),
        ("def f(n): return 3", checked("if candidate(1) == 3: raise NameError('x')", "import math")),
        ("def f(n): return 3", checked("if candidate(1) == 3: raise ImportError('x')", "import math")),
        (
            "def f(n): raise ValueError",
            checked("pass", top="try:\n    f(3)\nexcept ValueError as e:\n    pass\nassert str(e) == 'x'\n"),
        ),
        (
            "def f(n): return 3",
            checked("pass", top="match f(3):\n    case [x]: pass\n    case _: pass\nassert x == 5\n"),
        ),
    ],
)
def test_what_follows_a_call_is_the_candidates_doing(source: str, problem: Problem) -> None:
    verdict = JUDGE.verify(block(source), problem)
    assert verdict.status == "wrong", verdict


@pytest.mark.parametrize(
    "problem",
    [
        checked("assert candidate(3) == undefined"),
        checked("assert candidate(3) == 3", "import no_such_module"),
        checked("assert candidate(object()) == 3"),
    ],
)
def test_a_name_or_module_that_tests_lack_is_still_their_own_fault(problem: Problem) -> None:
    assert JUDGE.verify(block("def f(n):\n    return n"), problem).status == "error"


@pytest.mark.parametrize(
    ("expected", "value", "tolerance", "equal"),
    [
        (1.6e-19, 0.0, None, False),
        (1e-316, 1e-13, None, False),
        (1.6e-19, 1.6e-19 * (1 + 1e-10), None, True),
        (0.0, 1e-13, None, True),
        (10.0, 1e308, 1, False),
        (10.0, 20.0, 0.5, False),
        (10.0, 15.0, 0.5, True),
        (10**400, 5, 0.1, False),
        (10**400, 10**400 + 1, 0.1, True),
        (5, float("inf"), 0.1, False),
        (float("inf"), float("inf"), None, True),
        ({(1, 2)}, {(True, 2)}, None, False),
        ({frozenset({1})}, {frozenset({True})}, None, False),
        ({1}, {1 + 0j}, None, False),
        ({(1, 2)}, {(1.0, 2)}, None, True),
        ({frozenset({1, 2})}, {frozenset({2, 1})}, None, True),
    ],
)
def test_what_is_close_and_what_is_the_same_key(
    expected: object, value: object, tolerance: float | None, equal: bool
) -> None:
    assert matches(expected, encode(value), tolerance) is equal


COLLIDING = [{"i": hex(k * ((1 << 61) - 1))} for k in range(40_000)]


@pytest.mark.parametrize(
    ("expected", "raw"),
    [
        ({1}, {"s": [{"s": COLLIDING}]}),
        ({1}, {"s": [{"t": [{"s": COLLIDING}]}]}),
        ({1: 2}, {"d": [[{"d": [[k, 0] for k in COLLIDING]}, 0]]}),
        (1j, {"c": [{"s": COLLIDING}, 0.0]}),
        ({1}, {"s": [{"z": [{"z": COLLIDING[:60]}, {"z": COLLIDING[:60]}]}]}),
    ],
)
def test_no_table_of_the_candidates_keys_is_built(in_time, expected: object, raw: object) -> None:
    def refused() -> None:
        with pytest.raises(Refused):
            matches(expected, raw)

    in_time(2, refused)


def test_a_result_that_would_fill_the_memory_is_not_read() -> None:
    with pytest.raises(Refused, match="too large"):
        loads(b'{"value":[' + b'{"a":[]},' * 600_000 + b"0]}")
    honest = [(k, k + 1) for k in range(200_000)]
    assert len(encode(honest)) == len(honest)
    assert encode("[{," * 100_000) == "[{," * 100_000
    with pytest.raises(Refused, match="too large"):
        encode("[{," * 1_000_000)
    with pytest.raises(Refused, match="too large"):
        encode([[]] * (MAX_NODES // 4 + 1))
    start = time.perf_counter()
    for tail in (b'\\"' * 500_000, b'"' * 500_001, b"\\", b'""xy' * 500_000):
        with pytest.raises(Refused):
            loads(b'{"value":' + b"[" * 1_400_000 + b'"' + tail)
    assert time.perf_counter() - start < 20  # it took days


def test_only_floats_on_the_edge_are_compared_exactly(monkeypatch: pytest.MonkeyPatch) -> None:
    exact = []
    monkeypatch.setattr(results, "Fraction", lambda x: exact.append(x) or Fraction(x))
    for factor, equal in ((1 + 1e-11, True), (1 + 1e-7, False)):
        for value in (1e-300, 3.0, 1e300, -7.5):
            assert matches(value, value * factor) is equal
    assert not exact
    assert matches(1.0, 1.0 + 1e-9 - 3e-16)
    assert exact


@pytest.mark.skipif("T2" not in TIERS, reason="T2 does not work here")
def test_a_candidate_finds_no_trace_of_those_before_it() -> None:
    forks = "    for _ in range(20):\n        if os.fork() == 0:\n            os._exit(0)\n"
    source = f"import os\ndef f(n):\n{forks}    return os.getpid()"
    task = Problem("Write f.", "", verifier="code", tests=[{"args": [1], "expected": 0}], entry_point="f")
    assert len({JUDGE.verify(block(source), task).detail for _ in range(4)}) == 1


@pytest.mark.parametrize(
    "text",
    [
        "```" + " " * 20_000 + "`x", "~" * 20_000 + "`x", "x" + "\n" * 20_000, " " * 20_000 + "x", "class " + "a" * 20_000,
        "```python\n" + "\n" * 20_000 + "```", "```python\nclass" + "\n" * 20_000 + "\n```", "<" + " " * 20_000,
        "<" + " " * 20_000 + "answer", "#" + " " * 20_000 + "x", "Part 1" + " " * 20_000 + "x",
        "answer" + " " * 19_900 + "x", "**answer" + " " * 19_900 + "x\nx", "a, " * 20_000,
    ],
    ids=lambda text: repr(text[:12]),
)  # fmt: skip
def test_no_response_holds_the_reader_up(in_time, text: str) -> None:
    def read() -> None:
        find_program(text, "f"), without_thinking(text), final_answer(text)
        CompositeVerifier().verify(text, bundle(Problem("a", 1), Problem("b", 2)))

    in_time(1.0, read)


@pytest.mark.parametrize(
    ("response", "source"),
    [
        ("1. So:\n\n   ```python\n   def f(n):\n       return n\n   ```", "def f(n):\n    return n\n"),
        ("```python3.11\ndef f(n): return n\n```\n```\nf(3)\n```", "def f(n): return n\n"),
        ("\t```py\n\tx = 1\n\n\tif x:\n\t\ty = 2\n\t```", "x = 1\n\nif x:\n\ty = 2\n"),
    ],
)
def test_blocks_in_lists_and_versions_are_read(response: str, source: str) -> None:
    assert find_program(response).source == source


@pytest.mark.parametrize("fence", ["```", "````", "~~~"])
def test_headings_inside_any_fence_do_not_count(fence: str) -> None:
    text = f"Part 1:\n{fence}python\nPart 2: 7\n{fence}\nPart 2: 8\n"
    assert sections(text)[2] == ("8",)
    assert len(sections("Part 1:\n" * 30_000)[1]) == 30_000


def test_many_headings_cost_no_more_than_one() -> None:
    task = Problem("Write f.", "", verifier="code", tests=[{"args": [1], "expected": 2}], entry_point="f")
    both = bundle(task, Problem("What is 6 times 7?", 42))
    endless = "Part 1:\n```python\ndef f(n):\n    while 1: 0\n```\n"
    start = time.perf_counter()
    assert CompositeVerifier(timeout=0.5).verify(endless * 10 + "Part 2: 42", both).parts[0].status == "timeout"
    assert CompositeVerifier(timeout=0.5).verify(endless * 1000, both).parts[0].status == "wrong"
    assert time.perf_counter() - start < 5


def test_many_lines_are_compared_up_to_the_first_that_differs(in_time) -> None:
    assert not in_time(1, lambda: same_output("1", b"\n" * 16_000_000))
    assert not in_time(1, lambda: same_output("1", b"2\n" * 8_000_000))
    assert same_output("1 \n2\r\n\n", b"1\n2")
    assert not same_output("1\n\n2", b"1\n2")


def test_details_are_text_that_can_be_printed() -> None:
    body = b'{"bad":"raised: \\ud800\\u001b[2J\\n"}'
    source = f"import os, struct\nb = {body!r}\nos.write(4, struct.pack('>I', len(b)) + b)\nos._exit(0)"
    task = Problem("Write f.", "", verifier="code", tests=[{"args": [1], "expected": 2}], entry_point="f")
    verdict = JUDGE.verify(block(source), task)
    assert (verdict.status, verdict.detail.isprintable()) == ("wrong", True)
    verdict.detail.encode()


@pytest.mark.parametrize("tier", [t for t in TIERS if t < "T2"])
@pytest.mark.parametrize(
    "body",
    [
        # its own directory renamed, another one in its place
        "w = os.getcwd()\n    try:\n        os.rename(w, w + '-gone')\n        os.mkdir(w)\n"
        "        open(w + '/x', 'w').close()\n    except OSError:\n        pass",
        # files without names
        "held = []\n    for k in range(24):\n        held.append(open('x', 'wb', buffering=0))\n        os.unlink('x')\n"
        "        held[-1].write(bytes(16 << 20))\n    time.sleep(20)",
        # files below the longest path
        "for k in range(20):\n        os.mkdir('d' * 250)\n        os.chdir('d' * 250)\n"
        "    for k in range(24):\n        open(str(k), 'wb').write(bytes(16 << 20))\n    time.sleep(20)",
        # memory of orphans
        "for k in range(10):\n        if os.fork() == 0:\n            if os.fork() == 0:\n"
        "                x = b'1' * (60 << 20)\n"
        "                time.sleep(20)\n            os._exit(0)\n    time.sleep(20)",
    ],
    ids=["renamed", "nameless", "deep", "orphans"],
)  # fmt: skip
def test_limits_count_what_is_hidden(body: str, tier: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    source = f"import os, time\ndef f(n):\n    {body}\n    return 3"
    task = Problem("Write f.", "", verifier="code", tests=[{"args": [1], "expected": 2}], entry_point="f")
    verdict = CodeVerifier(isolation=tier, memory=256 << 20, timeout=15).verify(block(source), task)
    assert verdict.status == "wrong", verdict
    assert "rename" in body or "bytes" in verdict.detail, verdict


PROGRAMS = {
    "a stream that is closed": "print(7)\nimport sys\nsys.stdout.close()",
    "a stream that is detached": "import sys\nprint(7)\nsys.stdout.detach()",
    "no stream": "import sys\nprint(7)\nsys.stdout = None",
    "a stream of its own": "out = open(1, 'w')\nout.write('7\\n')",
    "the old stream": "import io, sys\nold = sys.stdout\nold.write('7\\n')\nsys.stdout = io.StringIO()",
    "last words": "class A:\n    def __del__(self):\n        print(7)\na = A()",
    "the stream by its name": "with open('/dev/stdout', 'w') as out:\n    out.write('7')",
    "its own file": "import os\nassert os.path.basename(os.path.abspath(__file__)) == 'solution.py'\nprint(7)",
    "its own source": "import inspect\ndef f():\n    return 7\nprint(inspect.getsource(f).strip()[-1])",
    "another interpreter": "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'print(7)'])",
    "modules looked for afresh": "import importlib\nimportlib.invalidate_caches()\nimport wave\nprint(7)",
}


@pytest.mark.parametrize("tier", TIERS)
def test_honest_programs_pass(tier: str) -> None:
    task = Problem("Print 7.", "", verifier="code", tests=[{"stdin": "", "stdout": "7\n"}])
    judge = CodeVerifier(isolation=tier)
    failed = {name: judge.verify(block(source), task).detail for name, source in PROGRAMS.items()}
    assert {name: detail for name, detail in failed.items() if "1 test passes" not in detail} == {}


def test_a_runner_whose_program_was_ended_by_the_candidate_has_judged_it() -> None:
    def runner(job):  # type: ignore[no-untyped-def]
        return subprocess.run([sys.executable, "-I", "-S", "-c", job.program], capture_output=True, text=True).stdout

    task = Problem("Write f.", "", verifier="code", tests=[{"args": [1], "expected": 2}], entry_point="f")
    for before in ("", "open(f'/proc/{os.getppid()}/fd/1', 'w').write('[]\\n')\n"):
        source = f"import os\n{before}os.kill(os.getppid(), 9)\ndef f(n): return 2"
        verdict = CodeVerifier(runner=runner).verify(block(source), task)
        assert verdict.status == "wrong", verdict


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="bombs are tried only inside a pid namespace")
@pytest.mark.parametrize("tier", [t for t in TIERS if t < "T3"])
@pytest.mark.parametrize("uid", [0, 23456])
def test_a_bomb_whose_caller_is_killed_is_swept(tier: str, uid: int) -> None:
    """In a pid namespace of its own, as root and as a user without rights: nothing of it is left soon after."""
    if os.geteuid() != 0:
        pytest.skip("only root can be both")
    done = subprocess.run(
        [sys.executable, str(Path(__file__).parent / "bomb_without_caller.py"), tier, str(uid)],
        capture_output=True, text=True, timeout=120,
        env=dict(os.environ, PYTHONPATH=os.pathsep.join([str(ROOT), *sys.path])),
    )  # fmt: skip
    if done.returncode == 77:
        pytest.skip(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr[-2000:]


@pytest.mark.skipif("T0" not in TIERS, reason="T0 does not work here")
@pytest.mark.parametrize("number", ["SIGKILL", pytest.param("SIGSTOP", marks=pytest.mark.slow)])
def test_a_supervisor_that_the_candidate_ends_is_no_error(number: str) -> None:
    """As root, T0 protects it by another user id; without, it is ended, and that is the candidate's doing."""
    source = f"import os, signal, time\nos.kill(os.getppid(), signal.{number})\ntime.sleep(3)\ndef f(n): return 2"
    task = Problem("Write f.", "", verifier="code", tests=[{"args": [1], "expected": 2}], entry_point="f")
    verdict = CodeVerifier(isolation="T0", timeout=2).verify(block(source), task)
    assert verdict.status in ("wrong", "timeout"), verdict
    assert CodeVerifier(isolation="T0").verify(block("def f(n): return 2"), task).correct
