"""Candidates that leave something in the process that starts the next one: whoever comes next must find what they found."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from composekit.compose import CodeVerifier
from composekit.compose.verifiers import isolation
from composekit.compose.verifiers.sandbox.terms import Broken, Limits, Over
from composekit.compose.verifiers.sandbox.values import decode, dumps

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="these are ways of Linux")

TIERS = [tier for tier, why in CodeVerifier().tiers().items() if not why] if hasattr(os, "fork") else []
LOOK = """
import gc, os, resource, signal, sys, threading
def read(path):
    try:
        return open(path).read()
    except OSError as problem:
        return repr(problem)
def f():
    status = dict(line.split(':', 1) for line in read('/proc/self/status').splitlines() if ':' in line)
    mask = os.umask(0)
    kinds = ('Sig', 'Shd', 'Cap', 'Cpus', 'Secc', 'Thr')
    names = [name for name in status if name.startswith(kinds) and name != 'SigQ']
    alone = os.getppid() == 1
    return {
        'status': {name: status[name] for name in names}, 'umask': mask, 'files': os.listdir('.'),
        'limits': [resource.getrlimit(k) for k in range(16) if k != resource.RLIMIT_NPROC],
        'environment': sorted(os.environ),
        'descriptors': [k for k in range(64) if os.path.exists(f'/proc/self/fd/{k}')],
        'blocked': sorted(map(int, signal.pthread_sigmask(0, []))),
        'ignored': [k for k in range(1, 65) if signal.getsignal(k) == signal.SIG_IGN],
        'timers': [signal.getitimer(k) for k in range(3)], 'affinity': sorted(os.sched_getaffinity(0)),
        'nice': os.getpriority(0, 0), 'session': os.getsid(0) == os.getpid() == os.getpgid(0),
        'mounts': [line.split()[4:6] for line in read('/proc/self/mountinfo').splitlines()],
        'host': os.uname().nodename, 'oom': read('/proc/self/oom_score_adj'), 'threads': threading.active_count(),
        'modules': sorted(sys.modules), 'path': sys.path, 'collector': gc.get_threshold(),
        'number': os.getpid() if alone else 0, 'seen': sorted(filter(str.isdigit, os.listdir('/proc'))) if alone else 0,
        'shared': read('/proc/sysvipc/shm').count(chr(10)) if alone else 0,
        'programs': sum(getattr(o, 'co_filename', '') == 'solution.py' for o in gc.get_objects()),
    }
"""
HEAD = """import ctypes, os, resource, signal, socket, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
others = (os.getppid(), 1)
def quietly(call, *args):
    try:
        call(*args)
    except (OSError, ValueError):
        pass
def f():
"""
PARTS = (Path(__file__).parent / "candidates" / "left.txt").read_text().split("\n=== ")[1:]
LEFT = {name: body for name, _, body in (part.partition("\n") for part in PARTS)}


def job(tier: str, source: str) -> Any:
    """What a function returns in a job of a tier; None if it comes to nothing. The last keeper gets the next job."""
    session = isolation.room(tier, "T0", ()).session("function", Limits(), time.monotonic() + 10)
    try:
        session.send(dumps({"source": source, "prompt": "", "entry_point": "f"}))
        session.send(dumps([[], {}]))
        assert session.hear() == {"ok": True}
        return decode(session.hear().get("value"))
    except (Over, Broken):
        return None
    finally:
        assert session.close().swept


@pytest.mark.parametrize("tier", [t for t in TIERS if t in ("T1", "T2")])
def test_the_next_candidate_finds_what_the_first_one_found(tier: str) -> None:
    before = job(tier, LOOK)
    assert isinstance(before, dict)
    for what, body in LEFT.items():
        job(tier, HEAD + "".join(f"    {line}\n" for line in body.splitlines()) + "    return 1\n")
        assert job(tier, LOOK) == before, what


@pytest.mark.skipif("T1" not in TIERS, reason="T1 does not work here")
def test_a_directory_that_has_grown_does_not_stay_with_the_keeper() -> None:
    """A ruleset holds the directories of all jobs; their blocks would be free only when the keeper ends."""
    grow = (
        "import os\ndef f():\n    for k in range(1500):\n        os.close(os.open(f'{k}-' + 'x' * 240, os.O_CREAT))\n"
    )
    sizes = f"{grow}    return os.stat('.').st_blocks * 512"
    parent = "import os\ndef f():\n    return os.getppid()"
    first = job("T1", parent)
    assert job("T1", parent) == first
    grown = job("T1", sizes)
    if grown <= 1 << 16:
        pytest.skip("directories take no room in this file system")
    assert job("T1", parent) != first
