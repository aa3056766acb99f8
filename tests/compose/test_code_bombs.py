"""Candidates that eat the machine or outlive their verdict.

They run inside a pid namespace of their own, so that a wall that does not hold costs no more than this test: the namespace
ends with the process that opened it.
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


def read(name: str) -> dict[str, list[str]]:
    """The candidates of a file by name: what stands beside the name, then the source."""
    parts = (Path(__file__).parent / "candidates" / f"{name}.txt").read_text().split("\n=== ")[1:]
    found = {}
    for head, _, source in (part.partition("\n") for part in parts):
        title, *fields = (field.strip() for field in head.split("|"))
        found[title] = [*fields, source]
    return found


PRELUDE = f"""import os, sys, time, ctypes, signal
def mark():
    ctypes.CDLL(None).prctl(15, b{MARK!r}, 0, 0, 0)
"""
BOMBS = {
    name: Bomb(tier, PRELUDE + source, tuple(status.split()), detail)
    for name, (tier, status, detail, source) in read("bombs").items()
}


def say(text: str) -> None:
    """A line for the test that started this process."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def contained(tier: str, names: list[str]) -> None:
    """In the namespace: judge the bombs one after the other, look around after each, and print what was found."""
    work = tempfile.mkdtemp(prefix="bombs-")
    os.chmod(work, 0o755)
    tempfile.tempdir = work
    judge = CodeVerifier(isolation=tier, timeout=20, memory=256 << 20)  # enough for what ends by another limit
    hurried = CodeVerifier(isolation=tier, timeout=1.0, memory=256 << 20)
    problem = Problem("q", "", verifier="code", tests=({"args": [], "expected": True},), entry_point="f")
    judge.verify("```python\ndef f():\n    return True\n```", problem)
    quiet = processes()

    patient = [name for name in names if "timeout" in BOMBS[name].status]

    def run(name: str) -> dict[str, Any]:
        start = time.monotonic()
        by = hurried if name in patient else judge
        verdict = by.verify(f"```python\n{BOMBS[name].source}\n```", problem)
        return {"name": name, "status": verdict.status, "detail": verdict.detail, "seconds": time.monotonic() - start}

    with ThreadPoolExecutor(8) as pool:
        rows = list(pool.map(run, patient))
    for name in [n for n in names if n not in patient]:
        rows.append(run(name))
        if name != names[-1] and "daemon" not in name:
            continue
        rows[-1] |= {"left": left_over(quiet), "files": os.listdir(work)}
    end = {"left": left_over(quiet), "files": os.listdir(work)}
    for row in rows:
        say(json.dumps({**end, **row}))
    after = judge.verify("```python\nimport os\ndef f():\n    return os.listdir('.') == []\n```", problem)
    say(json.dumps({"name": "", "status": after.status, "detail": after.detail}))
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
        say(f"no namespace: {os.strerror(ctypes.get_errno())}")
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
        say(f"no /proc: {os.strerror(ctypes.get_errno())}")
        sys.exit(77)


TIERS = [tier for tier, why in CodeVerifier().tiers().items() if not why] if hasattr(os, "fork") else []


@pytest.fixture(
    scope="module", params=[pytest.param(t, marks=() if t == TIERS[-1] else pytest.mark.slow) for t in TIERS]
)  # twenty seconds a tier; the strongest one is what most people rely on
def reports(request: pytest.FixtureRequest) -> tuple[str, dict[str, dict[str, Any]]]:
    tier = request.param
    names = [name for name, bomb in BOMBS.items() if tier >= bomb.tier]
    path = os.pathsep.join([str(ROOT), *sys.path])
    done = subprocess.run(
        [sys.executable, str(Path(__file__)), tier, *names],
        capture_output=True,
        text=True,
        timeout=300,
        env=dict(os.environ, PYTHONPATH=path),
    )
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
