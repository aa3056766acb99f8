"""Responses that are after the judge itself: its time, its memory, its rules of comparison, its exceptions."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import tracemalloc
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from composekit.compose import CodeVerifier, CompositeVerifier, MathVerifier, Problem, bundle
from composekit.compose.verifiers.composite import sections
from composekit.compose.verifiers.extract import final_answer, without_thinking
from composekit.compose.verifiers.program_text import find_program
from composekit.compose.verifiers.results import matches, same_output
from composekit.compose.verifiers.sandbox.values import Refused, encode, loads

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="candidates are forked, which this system cannot do")

ROOT = Path(__file__).resolve().parents[2]
TIERS = [tier for tier, why in CodeVerifier().tiers().items() if not why] if hasattr(os, "fork") else []
LONG = 300_000


def function(*tests: dict) -> Problem:
    return Problem("Write f.", "", verifier="code", tests=tests, entry_point="f")


def block(source: str) -> str:
    return f"```python\n{source}\n```\n"


# --- time before anything runs

TEXTS = {
    "a fence with blanks": "```" + " " * LONG + "`x",
    "a fence with tabs": "```\t" * (LONG // 4),
    "tildes": "~" * LONG + "`x",
    "backticks": "`" * LONG + "~",
    "newlines": "x" + "\n" * LONG,
    "newlines and a fence": "```python\n" + "\n" * LONG + "```\n",
    "an unclosed fence": "```python\n" + "\n" * LONG,
    "blanks": " " * LONG + "x",
    "lines of blanks": (" " * 1000 + "\n") * (LONG // 1000),
    "a class without end": "class " + "a" * LONG,
    "the word class alone": "```python\nclass" + "\n" * LONG + "\n```",
    "the word async alone": "```python\nasync" + " " * LONG + "\n```",
    "names without end": "a." * (LONG // 2),
    "commas": "a, " * (LONG // 3),
    "an import without end": "from " + "a." * (LONG // 2),
    "angles": "<" * LONG,
    "an angle and blanks": "<" + " " * LONG,
    "an angle, blanks and a word": "<" + " " * LONG + "answer",
    "a slash between blanks": "<" + " " * (LONG // 2) + "/" + " " * (LONG // 2),
    "thoughts": "<think>" * (LONG // 7),
    "thoughts that close": "<think></think>" * (LONG // 15),
    "blanks before a heading": " " * LONG + "Part",
    "a mark and blanks": "#" + " " * LONG + "x",
    "a heading and blanks": "Part 1" + " " * LONG + "x",
    "a heading in brackets": "Part 1 (" + " " * LONG,
    "headings": "Part 1:\n" * (LONG // 8),
    "stars": "*" * LONG + "Part",
    "angles and blanks": "> " * (LONG // 2),
}


@pytest.mark.parametrize("what", TEXTS)
def test_reading_a_response_takes_no_time_whatever_it_is(in_time, what: str) -> None:
    text = TEXTS[what]
    for read in (lambda t: find_program(t, "f"), find_program, without_thinking, sections, final_answer):
        in_time(1, partial(read, text))


def test_a_response_of_blanks_holds_up_no_verifier(in_time) -> None:
    for judge in (CodeVerifier(), MathVerifier()):
        problem = function({"args": [], "expected": 1}) if isinstance(judge, CodeVerifier) else Problem("1 + 1?", 2)
        for text in ("<" + " " * LONG, "x" + "\n" * LONG, " " * LONG + "x"):
            assert not in_time(2, partial(judge.verify, text, problem), clock=time.monotonic).correct


# --- time after the end


@pytest.mark.parametrize(
    "text", [b"\n" * (16 << 20), b"x\n" * (8 << 20), b" \n" * (8 << 20), b"1" + b"\n" * (16 << 20)]
)
def test_output_of_newlines_is_compared_at_once(in_time, text: bytes) -> None:
    assert in_time(1, lambda: same_output("1", text)) is text.startswith(b"1")


COLLIDING = "[{'i': hex(k * ((1 << 61) - 1))} for k in range(30000)]"
TABLES = {
    "a set in a set": ({1}, f"{{'s': [{{'s': {COLLIDING}}}]}}"),
    "a dict in a set": ({1}, f"{{'s': [{{'d': [[k, 0] for k in {COLLIDING}]}}]}}"),
    "a dict as a key": ({1: 0}, f"{{'d': [[{{'d': [[k, 0] for k in {COLLIDING}]}}, 0]]}}"),
    "a set in a tuple": ({(1,)}, f"{{'s': [{{'t': [{{'s': {COLLIDING}}}]}}]}}"),
    "a set in a frozenset": ({frozenset({1})}, f"{{'s': [{{'z': [{{'s': {COLLIDING}}}]}}]}}"),
    "a set as a part of a complex number": (1j, f"{{'c': [{{'s': {COLLIDING}}}, 0.0]}}"),
    "a set as a value": ({1: {1}}, f"{{'d': [[1, {{'s': {COLLIDING}}}]]}}"),
}


@pytest.mark.parametrize("what", TABLES)
def test_no_table_is_built_from_what_a_candidate_sends(what: str) -> None:
    expected, raw = TABLES[what]
    source = f"import sys\ndef f():\n    sys._getframe(1).f_globals['encode'] = lambda v: {raw}\n    return 0"
    start = time.process_time()
    verdict = CodeVerifier(timeout=30).verify(block(source), function({"args": [], "expected": expected}))
    assert verdict.status == "wrong", verdict
    assert time.process_time() - start < 3


def test_many_headings_take_no_longer_than_a_few() -> None:
    problem = bundle(function({"args": [1], "expected": 2}), Problem("2 * 3?", 6))
    piece = "Part 1:\n```python\ndef f(n):\n    while True:\n        pass\n```\n"
    start = time.monotonic()
    verdict = CompositeVerifier(timeout=0.5).verify(piece * 30 + "Part 2: \\boxed{6}", problem)
    assert (verdict.score, verdict.parts[0].correct) == (0.0, False)
    assert time.monotonic() - start < 8


# --- memory


def test_a_result_of_empty_things_does_not_fill_the_callers_memory() -> None:
    script = (
        "from resource import RUSAGE_SELF, getrusage\nfrom composekit.compose import CodeVerifier, Problem\n"
        "problem = Problem('q', '', verifier='code', tests=[{'args': [], 'expected': 1}], entry_point='f')\n"
        "source = '''import os, struct\\nb = b'{\"value\":[' + b','.join([b'{\"a\":[]}'] * 1600000) + b']}'\\n"
        "def f():\\n    v = memoryview(struct.pack('>I', len(b)) + b)\\n"
        "    while v:\\n        v = v[os.write(4, v):]\\n'''\n"
        "judge = CodeVerifier()\njudge.verify('```python\\ndef f(): return 1\\n```', problem)\n"
        "before = getrusage(RUSAGE_SELF).ru_maxrss\n"
        "verdict = judge.verify(f'```python\\n{source}```', problem)\n"
        "print(verdict.status, getrusage(RUSAGE_SELF).ru_maxrss - before)\n"
    )
    path = os.pathsep.join([str(ROOT), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        env=dict(os.environ, PYTHONPATH=path),
    )
    status, more = done.stdout.split()
    assert status == "wrong"
    assert int(more) < 200_000  # KiB


MESSAGES = {
    "escaped quotes": b"[" * 1_400_000 + b'"' + b'\\"' * 7_000_000,
    "backslashes": b"[" * 1_400_000 + b'"' + b"\\" * 14_000_000,
    "empty texts": b"[" * 1_400_000 + b'""xy' * 3_500_000,
    "one text": b"[" * 1_400_000 + b'"' + b"x" * 14_000_000 + b'"',
    "commas": b"[" + b"1," * 8_000_000 + b"1]",
    "brackets": b"[" * 16_000_000,
    "a long integer": b"1" * 16_000_000,
    "a long float": b"1." + b"1" * 16_000_000,
}


@pytest.mark.parametrize("what", MESSAGES)
def test_a_message_is_refused_at_once_and_without_copies_in_pieces(what: str) -> None:
    tracemalloc.start()
    start = time.process_time()
    with suppress(Refused):
        loads(MESSAGES[what])
    seconds, (_, peak) = time.process_time() - start, tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert seconds < 6
    assert peak < 100 << 20


def test_many_floats_that_are_a_little_off_are_compared_at_once(in_time) -> None:
    expected = [k / 7 for k in range(1, 200_001)]
    assert in_time(1, lambda: matches(expected, [x * (1 + 1e-12) for x in expected]))
    assert not in_time(1, lambda: matches(expected, [x * (1 + 1e-7) for x in expected]))


# --- the rules of comparison


@pytest.mark.parametrize(
    ("expected", "result", "tolerance"),
    [
        (1.6e-19, 0.0, None),
        (6.62607015e-34, -6.62607015e-34, None),
        (1e-13, 2e-13, None),
        (1e-316, 1e-13, None),
        (10.0, 1e308, 1),
        (10.0, 20.0, 0.5),
        (10.0, float("inf"), 1.0),
        (10, 1e300, 1),
        (0.0, 1e300, 1.0),
        (10 + 0j, 1e300 + 0j, 1.0),
        ({(1, 2)}, {(True, 2)}, None),
        ({(1, (0,)): 3}, {(1, (False,)): 3}, None),
        ({frozenset({1})}, {frozenset({True})}, None),
        ({1}, {1 + 0j}, None),
        ({1: 2}, {1 + 0j: 2}, None),
        ({(0,)}, {(0j,)}, None),
    ],
)
def test_these_are_not_equal(expected: object, result: object, tolerance: float | None) -> None:
    assert not matches(expected, encode(result), tolerance)


@pytest.mark.parametrize(
    ("expected", "result", "tolerance"),
    [
        (1.6e-19, 1.6000000000001e-19, None),
        (0.0, 0.0, None),
        (10.0, 10.9, 1),
        (10**400, 10**400 + 1, 0.1),
        (10**400, 5, 2.0),
        ({(1, 2)}, {(1.0, 2)}, None),
        ({(True, 2)}, {(True, 2)}, None),
        ({frozenset({1})}, {frozenset({1})}, None),
        ({1 + 0j}, {1 + 0j}, None),
    ],
)
def test_these_are_equal_or_at_least_no_exception(expected: object, result: object, tolerance: float | None) -> None:
    assert matches(expected, encode(result), tolerance) is True


# --- what is said about a candidate


@pytest.mark.parametrize("reply", ['{"bad":"raised: %s"}', '{"bad":"missing: %s"}', '{"ok":true,"%s":1}'])
def test_what_is_said_about_a_candidate_can_be_printed(reply: str) -> None:
    hostile = reply % "\\ud800\\u001b[2J\\nT2: 3 tests pass\\u0000"
    source = f"import os, struct\nb = {hostile.encode()!r}\nos.write(4, struct.pack('>I', len(b)) + b)\nos._exit(0)"
    verdict = CodeVerifier().verify(block(source + "\ndef f(): pass"), function({"args": [], "expected": 1}))
    assert verdict.status == "wrong", verdict
    verdict.detail.encode()
    assert verdict.detail.isprintable(), verdict.detail


@pytest.mark.parametrize("key", ["raised", "refused", "value"])
def test_what_is_said_about_an_answer_can_be_printed(key: str) -> None:
    reply = f'{{"{key}":"\\\\ud800\\\\u001b[2J\\\\n"}}'
    source = f"import os, struct\ndef f():\n    b = b'{reply}'\n    os.write(4, struct.pack('>I', len(b)) + b)"
    verdict = CodeVerifier().verify(block(source), function({"args": [], "expected": 1}))
    assert verdict.status == "wrong", verdict
    assert verdict.detail.isprintable(), verdict.detail


# --- errors of its own making


def elsewhere(job: object) -> str:
    command = [sys.executable, "-I", "-S", "-c", job.program]  # type: ignore[attr-defined]
    return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout


@pytest.mark.parametrize(
    "source",
    [
        "import os\nos.kill(os.getppid(), 9)\ndef f(): return 0",
        "import os\nos.kill(os.getppid(), 15)\nos._exit(0)\ndef f(): return 0",
        "import os\ndef f():\n    os.kill(os.getppid(), 9)",
        "import os\nopen(f'/proc/{os.getppid()}/fd/1', 'w').write('x\\n')\nos.kill(os.getppid(), 9)\ndef f(): return 0",
        "import os\nopen(f'/proc/{os.getppid()}/fd/1', 'w').write('[]\\n')\nos.kill(os.getppid(), 9)\ndef f(): return 0",
    ],
)
def test_a_candidate_that_ends_its_parent_elsewhere_is_wrong(source: str) -> None:
    verdict = CodeVerifier(runner=elsewhere, timeout=5).verify(block(source), function({"args": [], "expected": 1}))
    assert verdict.status == "wrong", verdict


@pytest.mark.skipif("T0" not in TIERS, reason="T0 does not work here")
def test_a_candidate_that_puts_another_directory_in_the_place_of_its_own_is_no_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tmp_path.chmod(0o777)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    source = (
        "import os\ndef f():\n    here = os.getcwd()\n    os.rename(here, here + '-gone')\n    os.mkdir(here)\n"
        "    open(here + '/x', 'w').close()"
    )
    verdict = CodeVerifier(isolation="T0").verify(block(source), function({"args": [], "expected": 1}))
    assert verdict.status == "wrong", verdict


@pytest.mark.skipif(sys.platform != "linux" or os.geteuid() != 0, reason="only root takes user ids")
def test_user_ids_that_others_hold_by_name_are_no_way_to_an_error_or_to_root() -> None:
    """In a network namespace of its own, where such names are private."""
    script = (
        "import ctypes, resource, socket, sys\n"
        "if ctypes.CDLL(None).unshare(0x40000000):\n    print('no namespace')\n    sys.exit()\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (8192, 8192))\n"
        "held = [socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) for _ in range(61184, 65520)]\n"
        "for uid, s in zip(range(61184, 65520), held):\n    s.bind(f'\\0composekit-user-{uid}')\n"
        "from composekit.compose import CodeVerifier, Problem\n"
        "problem = Problem('q', '', verifier='code', tests=[{'args': [], 'expected': True}], entry_point='f')\n"
        "for tier in ('T0', 'T2'):\n"
        "    judge = CodeVerifier(isolation=tier)\n"
        "    if not judge.tiers()[tier]:\n"
        "        print(judge.verify('```python\\nimport os\\ndef f(): return os.getuid() > 0\\n```', problem).status)\n"
    )
    path = os.pathsep.join([str(ROOT), *sys.path])
    done = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        timeout=60,
        env=dict(os.environ, PYTHONPATH=path),
    )
    if "no namespace" in done.stdout:
        pytest.skip("network namespaces cannot be made here")
    assert set(done.stdout.split()) == {"correct"}, done.stderr


# --- honest responses that are read wrongly


HONEST = {
    "a block in a list": "1. So:\n\n   ```python\n   def f():\n       return 1\n   ```\n",
    "a block in a quotation of a version": "```python3.11\ndef f():\n    return 1\n```\n",
}


@pytest.mark.parametrize("what", HONEST)
def test_an_honest_response_is_read(what: str) -> None:
    verdict = CodeVerifier().verify(HONEST[what], function({"args": [], "expected": 1}))
    assert verdict.correct, verdict
