"""Candidates that eat the machine or outlive their verdict. Run inside a pid namespace of their own, so that a wall that does
not hold costs no more than this test: the namespace ends with the process that opened it.
"""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from composekit.compose import CodeVerifier, Problem

ROOT = Path(__file__).resolve().parents[2]
MARK = "ck-left-over"  # the name that daemons give themselves


class Bomb(NamedTuple):
    tier: str  # the lowest that promises to hold
    source: str
    status: tuple[str, ...]
    detail: str = ""


def named(body: str) -> str:
    """A candidate that starts processes which call themselves by the mark."""
    return f"import os, sys, time, ctypes, signal\ndef mark():\n    ctypes.CDLL(None).prctl(15, b'{MARK}', 0, 0, 0)\n{body}"


BOMBS = {
    "forks": Bomb("T0", named("mark()\ndef f():\n    while True:\n        try:\n            os.fork()\n        except OSError:\n            pass"), ("timeout", "wrong")),
    "forks that are counted": Bomb("T0", named(
        "def f():\n    n = 0\n    while n < 200:\n        try:\n            if os.fork() == 0:\n                time.sleep(60)\n        except OSError:\n            return 40 <= n <= 64\n        n += 1\n    return False"), ("correct",)),
    "threads": Bomb("T0", "import threading, time\ndef f():\n    n = 0\n    while n < 200:\n        try:\n            threading.Thread(target=time.sleep, args=(60,), daemon=True).start()\n        except RuntimeError:\n            return 40 <= n <= 64\n        n += 1\n    return False", ("correct",)),
    "memory": Bomb("T0", "def f():\n    x = []\n    while True:\n        x.append(bytearray(1 << 20))", ("wrong",), "raised MemoryError"),
    "memory by a mapping": Bomb("T0", "import mmap\ndef f():\n    x = []\n    while True:\n        x.append(mmap.mmap(-1, 1 << 24))\n        x[-1].write(bytes(1 << 24))", ("wrong",)),
    "memory of many processes": Bomb("T0", named(
        "def f():\n    for _ in range(20):\n        if os.fork() == 0:\n            x = bytearray(120 << 20)\n            time.sleep(60)\n    time.sleep(60)"), ("wrong",), "bytes of memory"),
    "a busy loop": Bomb("T0", "def f():\n    while True:\n        pass", ("timeout",)),
    "a busy loop in C": Bomb("T0", "def f():\n    return sum(range(10**12))", ("timeout",)),
    "a busy loop of a regular expression": Bomb("T0", "import re\ndef f():\n    return re.match('(a+)+$', 'a' * 60 + 'b')", ("timeout",)),
    "sleep": Bomb("T0", "import time\ndef f():\n    time.sleep(600)", ("timeout",)),
    "a stop": Bomb("T0", "import os, signal\ndef f():\n    os.kill(os.getpid(), signal.SIGSTOP)\n    while True:\n        pass", ("timeout",)),
    "swallowed interrupts": Bomb("T0", "import time\ndef f():\n    while True:\n        try:\n            time.sleep(1)\n        except BaseException:\n            pass", ("timeout",)),
    "ignored signals": Bomb("T0", "import signal, time\nfor s in range(1, 65):\n    try:\n        signal.signal(s, signal.SIG_IGN)\n    except (OSError, ValueError):\n        pass\nsignal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\ndef f():\n    while True:\n        pass", ("timeout",)),
    "output": Bomb("T0", "def f():\n    while True:\n        print('x' * 10**6)", ("timeout",)),
    "errors": Bomb("T0", "import sys\ndef f():\n    while True:\n        sys.stderr.write('x' * 10**6)", ("timeout",)),
    "results": Bomb("T0", "import os, struct\ndef f():\n    while True:\n        os.write(4, struct.pack('>I', 2) + b'{}')", ("wrong", "timeout")),
    "a huge file": Bomb("T0", "def f():\n    try:\n        with open('x', 'wb') as h:\n            for _ in range(200):\n                h.write(bytes(1 << 20))\n    except OSError:\n        return True\n    return False", ("correct",)),
    "a sparse file": Bomb("T0", "import os\ndef f():\n    try:\n        os.truncate(os.open('x', os.O_CREAT | os.O_RDWR), 1 << 40)\n    except OSError:\n        return True\n    return False", ("correct",)),
    "many files": Bomb("T0", "def f():\n    k = 0\n    try:\n        while True:\n            open(f'x{k}', 'w').close()\n            k += 1\n    except OSError:\n        return k < 5000\n", ("correct", "wrong")),
    "many large files": Bomb("T0", "def f():\n    try:\n        for k in range(60):\n            with open(f'x{k}', 'wb') as h:\n                h.write(bytes(20 << 20))\n    except OSError:\n        return True\n    import time\n    time.sleep(3)\n    return False", ("correct", "wrong")),
    "many links": Bomb("T0", "import os\nopen('a', 'w').close()\ndef f():\n    k = 0\n    try:\n        while True:\n            os.symlink('a', f'x{k}')\n            k += 1\n    except OSError:\n        return k < 5000\n", ("correct", "wrong")),
    "deep directories": Bomb("T0", "import os\ndef f():\n    for k in range(1200):\n        os.mkdir('d')\n        os.chdir('d')\n    return True", ("correct", "timeout")),
    "directories that nobody may enter": Bomb("T0", "import os\ndef f():\n    os.makedirs('a/b/c')\n    open('a/b/c/x', 'w').close()\n    for d in ('a/b/c', 'a/b', 'a'):\n        os.chmod(d, 0)\n    os.symlink('/', 'up')\n    os.chmod('.', 0)\n    return True", ("correct", "wrong")),
    "descriptors": Bomb("T0", "import os\ndef f():\n    n = 0\n    try:\n        while n < 10**4:\n            os.pipe()\n            n += 1\n    except OSError:\n        return n < 200\n    return False", ("correct",)),
    "shared memory": Bomb("T1", "def f():\n    k = 0\n    try:\n        while k < 200:\n            open(f'/dev/shm/{k}', 'wb').write(bytes(1 << 20))\n            k += 1\n    except OSError:\n        return k < 65\n    return False", ("correct",)),
    "a daemon": Bomb("T0", named("def f():\n    if os.fork() == 0:\n        os.setsid()\n        if os.fork() == 0:\n            mark()\n            signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))\n            time.sleep(600)\n        os._exit(0)\n    time.sleep(0.2)\n    return True"), ("correct",)),
    "many daemons": Bomb("T0", named("def f():\n    for _ in range(15):\n        if os.fork() == 0:\n            os.setsid()\n            if os.fork() == 0:\n                mark()\n                while True:\n                    pass\n            os._exit(0)\n    time.sleep(0.2)\n    return True"), ("correct",)),
    "daemons that keep starting others": Bomb("T0", named("def f():\n    if os.fork() == 0:\n        os.setsid()\n        mark()\n        while True:\n            try:\n                if os.fork():\n                    os._exit(0)\n                os.setsid()\n            except OSError:\n                pass\n    return True"), ("correct",)),
    "a daemon of a program that has ended": Bomb("T0", named("if os.fork() == 0:\n    os.setsid()\n    mark()\n    time.sleep(600)\nos._exit(0)\ndef f():\n    pass"), ("wrong",)),
    "an adopter of orphans": Bomb("T0", named("def f():\n    if os.fork() == 0:\n        ctypes.CDLL(None).prctl(36, 1, 0, 0, 0)\n        mark()\n        if os.fork() == 0:\n            if os.fork() == 0:\n                mark()\n                time.sleep(600)\n            os._exit(0)\n        time.sleep(600)\n    time.sleep(0.2)\n    return True"), ("correct",)),
    "a stopped daemon": Bomb("T0", named("def f():\n    if os.fork() == 0:\n        os.setsid()\n        mark()\n        os.kill(os.getpid(), signal.SIGSTOP)\n    time.sleep(0.2)\n    return True"), ("correct", "timeout")),
    "a signal to everybody": Bomb("T1", "import os, signal\ndef f():\n    try:\n        os.kill(-1, signal.SIGKILL)\n    except OSError:\n        pass\n    return True", ("correct", "wrong")),
    "a signal to its group": Bomb("T0", "import os, signal\ndef f():\n    os.killpg(0, signal.SIGKILL)\n    return True", ("correct", "wrong")),
}  # fmt: skip


def contained(tier: str, names: list[str]) -> None:
    """In the namespace: judge the bombs one after the other, look around after each, and print what was found."""
    work = tempfile.mkdtemp(prefix="bombs-")
    os.chmod(work, 0o755)
    tempfile.tempdir = work
    judge = CodeVerifier(isolation=tier, timeout=1.5, memory=512 << 20)
    problem = Problem("q", "", verifier="code", tests=({"args": [], "expected": True},), entry_point="f")
    judge.verify("```python\ndef f():\n    return True\n```", problem)
    quiet = processes()

    def run(name: str) -> dict[str, Any]:
        start = time.monotonic()
        verdict = judge.verify(f"```python\n{BOMBS[name].source}\n```", problem)
        return {"name": name, "status": verdict.status, "detail": verdict.detail, "seconds": time.monotonic() - start}

    patient = [name for name in names if "timeout" in BOMBS[name].status]
    with ThreadPoolExecutor(4) as pool:
        rows = list(pool.map(run, patient))
    for name in [n for n in names if n not in patient]:
        rows.append(run(name))
        if name != names[-1] and "daemon" not in name:
            continue
        rows[-1] |= {"left": left_over(quiet), "files": os.listdir(work)}
    end = {"left": left_over(quiet), "files": os.listdir(work)}
    for row in rows:
        print(json.dumps({**end, **row}), flush=True)
    after = judge.verify("```python\nimport os\ndef f():\n    return os.listdir('.') == []\n```", problem)
    print(json.dumps({"name": "", "status": after.status, "detail": after.detail}), flush=True)
    os.rmdir(work)


def left_over(quiet: set[int]) -> int:
    """How many processes have come that stay; supervisors take a moment to end."""
    until = time.monotonic() + 5
    while (left := processes() - quiet) and time.monotonic() < until:
        time.sleep(0.01)
    return len(left)


def processes() -> set[int]:
    """The processes of this namespace that are no zombies."""
    found = set()
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                state = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if state not in "ZX":
                found.add(int(name))
    return found


def in_namespace() -> None:
    """Open a pid namespace with its own /proc and go on there."""
    libc = ctypes.CDLL(None, use_errno=True)
    uid, gid = os.getuid(), os.getgid()
    flags = 0x20000000 | 0x00020000 | (0 if uid == 0 else 0x10000000)
    if libc.unshare(flags):
        print(f"no namespace: {os.strerror(ctypes.get_errno())}", flush=True)
        sys.exit(77)
    if uid:
        for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
            Path(f"/proc/self/{name}").write_text(text)
    pid = os.fork()
    if pid:
        signal.alarm(150)  # kills the namespace with its first process
        libc.prctl(1, 9, 0, 0, 0)
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    libc.prctl(1, 9, 0, 0, 0)
    libc.mount(b"none", b"/", None, 0x44000, None)
    if libc.mount(b"proc", b"/proc", b"proc", 0, None):
        print(f"no /proc: {os.strerror(ctypes.get_errno())}", flush=True)
        sys.exit(77)


TIERS = [tier for tier, why in CodeVerifier().tiers().items() if not why] if hasattr(os, "fork") else []


@pytest.fixture(scope="module", params=[pytest.param(t, marks=() if t == TIERS[-1] else pytest.mark.slow) for t in TIERS])
def reports(request: pytest.FixtureRequest) -> tuple[str, dict[str, dict[str, Any]]]:
    tier = request.param
    names = [name for name, bomb in BOMBS.items() if tier >= bomb.tier]
    path = os.pathsep.join([str(ROOT), *sys.path])
    done = subprocess.run(
        [sys.executable, str(Path(__file__)), tier, *names], capture_output=True, text=True, timeout=300,
        env=dict(os.environ, PYTHONPATH=path),
    )  # fmt: skip
    if done.returncode == 77:
        pytest.skip(f"bombs are tried only inside a pid namespace: {done.stdout.strip()}")
    found = {row["name"]: row for row in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 0, done.stderr
    return tier, found


@pytest.mark.skipif(sys.platform != "linux", reason="bombs are tried only inside a pid namespace")
@pytest.mark.parametrize("name", BOMBS)
def test_bomb_is_contained_and_leaves_nothing(name: str, reports: tuple[str, dict[str, dict[str, Any]]]) -> None:
    tier, found = reports
    bomb = BOMBS[name]
    if tier < bomb.tier:
        assert name not in found
        return
    row = found[name]
    assert row["status"] in bomb.status, row
    assert bomb.detail in row["detail"]
    assert (row["left"], row["files"]) == (0, []), row
    assert row["seconds"] < 20, row


@pytest.mark.skipif(sys.platform != "linux", reason="bombs are tried only inside a pid namespace")
def test_the_next_candidate_finds_a_clean_place(reports: tuple[str, dict[str, dict[str, Any]]]) -> None:
    assert reports[1][""]["status"] == "correct", reports[1][""]


if __name__ == "__main__":
    in_namespace()
    contained(sys.argv[1], sys.argv[2:])
