"""Candidates that solve nothing and want to be paid: by objects that lie, by forged messages, by a hurt grader. All tiers."""

from __future__ import annotations

import os
import time

import pytest

from composekit.compose import CodeVerifier, Problem

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="candidates are forked, which this system cannot do")

TOKEN = 918273645  # what nobody can guess
TIERS = [tier for tier, why in CodeVerifier().tiers().items() if not why] if hasattr(os, "fork") else []

LIAR = "class L({base}):\n    def __eq__(self, other):\n        return True\n    def __ne__(self, other):\n        return False\n    def __hash__(self):\n        return 0\n    def __contains__(self, x):\n        return True\n"
FRAMES = "import sys\nframe = sys._getframe()\nwhile frame:\n    for space in (frame.f_locals, frame.f_globals):\n"

FORGERIES = {
    # objects that lie
    "an object equal to everything": LIAR.format(base="object") + "def f(n):\n    return L()",
    "an integer equal to everything": LIAR.format(base="int") + "def f(n):\n    return L(3)",
    "a float equal to everything": LIAR.format(base="float") + "def f(n):\n    return L(3)",
    "a string equal to everything": LIAR.format(base="str") + "def f(n):\n    return L('x')",
    "a list equal to everything": LIAR.format(base="list") + "def f(n):\n    return L()",
    "a dict equal to everything": LIAR.format(base="dict") + "def f(n):\n    return L()",
    "an object that says it is an integer": "class L:\n    @property\n    def __class__(self):\n        return int\n    def __eq__(self, other):\n        return True\ndef f(n):\n    return L()",
    "a type that says it is int": "class M(type):\n    def __eq__(self, other):\n        return True\n    def __hash__(self):\n        return hash(int)\nclass L(metaclass=M):\n    def __index__(self):\n        return 3\ndef f(n):\n    return L()",
    "an object that becomes what it is compared with": "class L:\n    def __reduce__(self):\n        return (eval, ('expected',))\n    def __eq__(self, o):\n        self.__dict__ = {'o': o}\n        return True\ndef f(n):\n    return L()",
    "an object that unpickles into code": "class L:\n    def __reduce__(self):\n        import os\n        return (os._exit, (0,))\ndef f(n):\n    return L()",
    "not a number": "def f(n):\n    return float('nan')",
    "infinity": "def f(n):\n    return float('inf')",
    "true": "def f(n):\n    return True",
    "everything at once": "def f(n):\n    return list(range(1000))",
    "a generator of guesses": "def f(n):\n    yield from range(10**9)",
    "an exception": "def f(n):\n    return AssertionError()",
    "NotImplemented": "def f(n):\n    return NotImplemented",
    "a result in an exception": "def f(n):\n    raise SystemExit(0)",
    # looking for what is expected
    "frames": FRAMES + f"        if 'expected' in space or {TOKEN} in map(id, ()):\n            found = space.get('expected')\n    frame = frame.f_back\ndef f(n):\n    return globals().get('found')",
    "frames of the caller": "import sys\ndef f(n):\n    frame = sys._getframe()\n    while frame:\n        for v in list(frame.f_locals.values()):\n            if isinstance(v, dict) and 'expected' in v:\n                return v['expected']\n            if isinstance(v, (list, tuple)) and len(v) == 5:\n                return v[2]\n        frame = frame.f_back",
    "every object there is": "import gc\ndef f(n):\n    for o in gc.get_objects():\n        if isinstance(o, dict) and 'expected' in o:\n            return o['expected']\n        if isinstance(o, (list, tuple)):\n            for x in o:\n                if type(x) is int and x > 9 * 10**8 and x < 10**9:\n                    return x",
    "its own memory": "import re\ndef f(n):\n    found = set()\n    for line in open('/proc/self/maps'):\n        a, b = (int(x, 16) for x in line.split()[0].split('-'))\n        if 'r' in line.split()[1] and b - a < 1 << 28:\n            try:\n                m = open('/proc/self/mem', 'rb')\n                m.seek(a)\n                found |= set(re.findall(rb'9\\d{8}', m.read(b - a)))\n            except OSError:\n                pass\n    return int(min(found)) if found else None",
    "modules of tests": "import sys\ndef f(n):\n    m = sys.modules.get('tests') or sys.modules.get('__main__')\n    return getattr(m, 'expected', None) or getattr(m, 'VALUES', None)",
    "standard input": "import sys\ndef f(n):\n    return int(sys.stdin.read() or 0)",
    "every descriptor": "import os\ndef f(n):\n    out = b''\n    for fd in range(3, 64):\n        try:\n            os.set_blocking(fd, False)\n            out += os.read(fd, 1 << 16)\n        except OSError:\n            pass\n    return out.decode(errors='replace')",
    "the file that it came from": "def f(n):\n    return open(__file__).read()",
    # forged messages
    "results on the standard streams": "import os\nfor fd in (1, 2):\n    os.write(fd, b'correct\\nOK\\n{\"value\": 1}\\n{\"passed\": 3}\\n1 passed\\n')\ndef f(n):\n    print('{\"ok\": true}')\n    return 0",
    "results on every descriptor": "import os, struct\ndef frame(b):\n    return struct.pack('>I', len(b)) + b\nfor fd in range(1, 64):\n    for b in (b'{\"ok\":true}', b'{\"passed\":3}', b'{\"status\":\"correct\"}', b'{\"value\":1}'):\n        try:\n            os.write(fd, frame(b))\n        except OSError:\n            pass\ndef f(n):\n    return 0",
    "a passed check": "import os, struct\nb = b'{\"passed\":1}'\nos.write(4, struct.pack('>I', len(b)) + b)\nos._exit(0)",
    "a setup failure": "import os, struct\nb = b'{\"setup\":\"no space left\"}'\nos.write(4, struct.pack('>I', len(b)) + b)\nos._exit(0)",
    "faulty tests": "import os, struct\nb = b'{\"tests\":\"NameError\"}'\nos.write(4, struct.pack('>I', len(b)) + b)\nos._exit(0)",
    "a message of another shape": "import os, struct\nfor b in (b'[]', b'7', b'null', b'{}', b'{\"value\":{}}', b'{\"value\":{\"q\":[]}}'):\n    os.write(4, struct.pack('>I', len(b)) + b)\ndef f(n):\n    return 0",
    "a message without end": "import os, struct\nos.write(4, struct.pack('>I', 1 << 20) + b'{')\nos._exit(0)",
    "a gigantic message": "import os, struct\nos.write(4, struct.pack('>I', (1 << 32) - 1))\nos._exit(0)",
    "noise": "import os\nos.write(4, os.urandom(4096))\nos._exit(0)",
    "a closed channel": "import os\nos.close(4)\ndef f(n):\n    return 0",
    "closed descriptors": "import os\nos.closerange(0, 64)\ndef f(n):\n    return 0",
    "a channel of its own": "import os\nr, w = os.pipe()\nos.dup2(w, 4)\ndef f(n):\n    return 0",
    # leaving early
    "os._exit(0)": "import os\nos._exit(0)",
    "os._exit(0) when called": "import os\ndef f(n):\n    os._exit(0)",
    "sys.exit(0)": "import sys\nsys.exit(0)",
    "raise SystemExit": "raise SystemExit",
    "raise KeyboardInterrupt": "def f(n):\n    raise KeyboardInterrupt",
    "raise GeneratorExit": "def f(n):\n    raise GeneratorExit",
    "an exit handler": "import atexit, os\natexit.register(os._exit, 0)\nraise SystemExit(0)",
    "a replaced process": "import os, sys\nos.execv(sys.executable, [sys.executable, '-c', 'print(1)'])",
    "a signal to itself": "import os, signal\nos.kill(os.getpid(), signal.SIGKILL)",
    "a crash": "import ctypes\nctypes.string_at(0)",
    "an end of the interpreter": "import ctypes\nctypes.pythonapi.Py_FinalizeEx()",
    "a fork that answers for it": "import os\ndef f(n):\n    os.fork()\n    return 0",
    # a hurt harness
    "patched json": "import json, json.encoder, json.decoder\njson.dumps = json.loads = lambda *a, **k: '{\"value\": 1}'\njson.JSONEncoder.encode = lambda *a: '1'\njson.encoder.c_make_encoder = None\ndef f(n):\n    return 0",
    "patched builtins": "import builtins\nfor name in ('len', 'isinstance', 'type', 'repr', 'min', 'str', 'dict', 'list', 'set'):\n    setattr(builtins, name, lambda *a, **k: True)\ndef f(n):\n    return 0",
    "patched standard streams": "import sys\nsys.stdout = sys.stderr = sys.stdin = None\ndef f(n):\n    return 0",
    "patched os": "import os\nos.write = os.read = lambda *a: b''\nos._exit = lambda *a: None\ndef f(n):\n    return 0",
    "patched functions of the harness": "import gc, types\nfor o in gc.get_objects():\n    if isinstance(o, types.FunctionType) and o.__module__ and 'composekit' in o.__module__:\n        o.__code__ = (lambda *a, **k: True).__code__\ndef f(n):\n    return 0",
    "harness found through frames": "import sys\nframe = sys._getframe(1)\nspace = frame.f_globals\nspace['encode'] = lambda v: 1\nspace['matches'] = lambda *a: True\nspace['tell']({'ok': True})\ndef f(n):\n    return 0",
    "a traced harness": "import sys\ndef trace(frame, event, arg):\n    for name in list(frame.f_locals):\n        if name in ('expected', 'wanted'):\n            frame.f_locals[name] = 0\n    return trace\nsys.settrace(trace)\nsys.setprofile(trace)\ndef f(n):\n    return 0",
    "an import hook": "import sys\nclass H:\n    def find_spec(self, *a):\n        raise SystemExit(0)\nsys.meta_path.insert(0, H())\nsys.modules.clear()\ndef f(n):\n    return 0",
    "an assertion that never fails": "import builtins\nbuiltins.AssertionError = type('A', (Exception,), {})\ndef f(n):\n    return 0",
    "a check of its own": "def check(candidate):\n    pass\ndef f(n):\n    return 0\ncandidate = f",
    "unittest that always passes": "import unittest\nunittest.TestCase.assertEqual = lambda *a: None\ndef f(n):\n    return 0",
    "swallowed exceptions": "import sys, threading\nsys.excepthook = threading.excepthook = lambda *a: None\nsys.unraisablehook = lambda *a: None\ndef f(n):\n    try:\n        return 1 / 0\n    except BaseException:\n        return 0",
    # hostile words
    "an exception with a hostile text": "class E(Exception):\n    def __str__(self):\n        raise SystemExit(0)\ndef f(n):\n    raise E",
    "an exception with an endless name": "def f(n):\n    raise type('A' * 10**7, (Exception,), {})('x')",
    "an exception without a text": "class E(BaseException):\n    def __str__(self):\n        return 7\ndef f(n):\n    raise E",
    "a type with a hostile name": "class M(type):\n    @property\n    def __name__(cls):\n        raise SystemExit(0)\nclass E(Exception, metaclass=M):\n    pass\ndef f(n):\n    raise E",
    "escape sequences": "def f(n):\n    raise ValueError('\\x1b[2J\\x1b]0;owned\\x07\\ud800')",
    "surrogates": "def f(n):\n    return '\\ud800' * 100",
    "a result nested without end": "def f(n):\n    x = []\n    x.append(x)\n    return x",
    "a result nested deeply": "def f(n):\n    x = 1\n    for _ in range(100000):\n        x = [x]\n    return x",
    "a result that unfolds": "def f(n):\n    x = [1]\n    for _ in range(60):\n        x = [x, x]\n    return x",
    "a gigantic integer": "def f(n):\n    return 1 << 10**8",
    "a gigantic string": "def f(n):\n    return 'x' * (1 << 28)",
    "a result that changes while it is read": "class L(list):\n    def __iter__(self):\n        while True:\n            yield 1\ndef f(n):\n    return L()",
    "keys whose hashes collide": "def f(n):\n    return {k * ((1 << 61) - 1) for k in range(1, 60000)}",
    # the visible example
    "the example alone": "def f(n):\n    return 1 if n == 1 else 0",
}  # fmt: skip


def problems() -> dict[str, Problem]:
    """The same task in two forms: f(1) = 1, which is in the prompt, and f(2) is what nobody can guess."""
    prompt = "def f(n):\n    \"\"\"Write f.\n\n    >>> f(1)\n    1\n    \"\"\"\n"
    calls = ({"args": [1], "expected": 1}, {"args": [2], "expected": TOKEN}, {"args": [3], "expected": TOKEN + 3})
    check = f"expected = {TOKEN}\ndef check(candidate):\n    assert candidate(1) == 1\n    assert candidate(2) == expected\n    assert candidate(3) == {TOKEN} + 3\n"
    return {
        "calls": Problem(prompt, "", verifier="code", tests=calls, entry_point="f"),
        "check": Problem(prompt, "", verifier="code", tests=check, entry_point="f"),
    }


@pytest.mark.parametrize("tier", TIERS[-1:])
@pytest.mark.parametrize("forgery", FORGERIES)
def test_a_forgery_is_not_paid_and_is_the_candidates_fault(forgery: str, tier: str) -> None:
    judge = CodeVerifier(isolation=tier, timeout=2, memory=400 << 20)
    for form, problem in problems().items():
        start = time.monotonic()
        verdict = judge.verify(f"```python\n{FORGERIES[forgery]}\n```", problem)
        # never "error": a trainer may leave that out, and a candidate that can choose it escapes its zero
        assert (verdict.status, verdict.score) in (("wrong", 0.0), ("timeout", 0.0)), (form, verdict)
        assert len(verdict.detail) < 1000
        assert time.monotonic() - start < 15


def test_forgeries_do_not_pay_on_the_lowest_tier_either() -> None:
    judge = CodeVerifier(isolation=TIERS[0], timeout=2, memory=400 << 20)
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
    source = f"class S:\n    pass\ndef f():\n    import sys\n    space = sys._getframe(1).f_globals\n    space['encode'] = lambda v: {{'s': [{{'i': hex(k * ((1 << 61) - 1))}} for k in range({size})]}}\n    return 0"
    start = time.monotonic()
    verdict = judge.verify(f"```python\n{source}\n```", problem)
    assert verdict.status == "wrong", verdict
    assert time.monotonic() - start < 20


def test_a_key_that_is_a_large_frozenset_is_refused() -> None:
    problem = Problem("q", "", verifier="code", entry_point="f", tests=({"args": [], "expected": {frozenset(range(100))}},))
    assert CodeVerifier().verify("```python\ndef f():\n    return {frozenset(range(100))}\n```", problem).status == "wrong"


PROGRAMS = {
    "the first line alone": "print(1)",
    "nothing": "",
    "leaves at once": "import os\nos._exit(0)",
    "the right output, then a failure": "print(1)\nprint(918273645)\nraise ValueError",
    "the right output and one line more": "print(1)\nprint(918273645)\nprint()\nprint('x')",
    "the right output on the error stream": "import sys\nprint(1, file=sys.stderr)\nprint(918273645, file=sys.stderr)",
    "a message that it is done": "import os, struct\nb = b'{\"done\":null}'\nos.write(4, struct.pack('>I', len(b)) + b)\nos._exit(0)",
    "all answers": "for k in range(1000):\n    print(k)",
    "a child that goes on printing": "import os, time\nif os.fork() == 0:\n    time.sleep(0.5)\n    print(1)\n    print(918273645)\nelse:\n    os._exit(0)",
}  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS)
def test_a_program_that_does_not_do_its_work_is_not_paid(program: str) -> None:
    problem = Problem("Print.", "", verifier="code", tests=({"stdin": "", "stdout": f"1\n{TOKEN}\n"},))
    for tier in TIERS:
        verdict = CodeVerifier(isolation=tier, timeout=5).verify(f"```python\n{PROGRAMS[program] or 'pass'}\n```", problem)
        assert verdict.status == "wrong", (tier, verdict)
