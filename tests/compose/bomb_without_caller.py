"""A fork bomb whose caller is killed, in a pid namespace: prints what is left of it. Run by test_code_findings.py."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

BOMB = """import os
def f(n):
    while True:
        try:
            os.fork()
        except OSError:
            pass"""
CALLER = f"""
import sys
from composekit.compose import CodeVerifier, Problem
judge = CodeVerifier(isolation=sys.argv[1], timeout=60)
problem = Problem("q", "", verifier="code", tests=[{{"args": [1], "expected": 2}}], entry_point="f")
print(judge.verify("```python\\ndef f(n): return n + 1\\n```", problem).status, flush=True)
judge.verify({"```python" + chr(10) + BOMB + chr(10) + "```"!r}, problem)
"""


def say(text: str) -> None:
    """A line for the test that started this process."""
    sys.stdout.write(text + "\n")


def running() -> list[str]:
    """The processes of this namespace beside this one that are no zombies."""
    found = []
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            try:
                state = Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()[0]
            except OSError:
                continue
            if state not in "ZX":
                found.append(name)
    return found


def main(tier: str, uid: int) -> None:
    """Open the namespace, let the bomb go off, kill its caller, look around."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(0x20020000):
        say("no namespace")
        sys.exit(77)
    pid = os.fork()
    if pid:
        sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    libc.prctl(1, 9, 0, 0, 0)
    libc.mount(b"none", b"/", None, 0x44000, None)
    libc.mount(b"proc", b"/proc", b"proc", 0, None)
    signal.alarm(100)
    prelude = ""
    if uid:  # the interpreter may lie where only root reads
        prelude = (
            "import os, sys, sysconfig\n"
            "from composekit.compose.verifiers.sandbox import layout, rootfs\n"
            "rootfs.uncover([os.path.dirname(p) for p in layout.find({}).trees if p.startswith(sys.base_prefix)])\n"
            f"os.setgroups([])\nos.setresgid({uid}, {uid}, {uid})\nos.setresuid({uid}, {uid}, {uid})\n"
            "os.environ['HOME'] = '/tmp'\n"
        )
    caller = subprocess.Popen([sys.executable, "-c", prelude + CALLER, tier], stdout=subprocess.PIPE)
    assert caller.stdout is not None
    said = caller.stdout.readline()
    if said != b"correct\n":
        caller.wait()
        say(f"{tier} does not work here: {said!r}")
        sys.exit(77)
    until = time.monotonic() + 20
    while len(running()) < 20 and time.monotonic() < until:
        time.sleep(0.05)
    time.sleep(0.5)
    most = len(running())
    caller.kill()
    caller.wait()
    until = time.monotonic() + 30
    while running() and time.monotonic() < until:
        time.sleep(0.05)
    say(f"{most} processes; {len(running())} are left")
    sys.exit(0 if 20 <= most < 120 and not running() else 1)


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
