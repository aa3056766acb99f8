"""Candidates that try to get out, to look around, or to be paid for nothing: each is stopped from some tier on.

An attack is a function ``f(world)`` that returns True if it got what it wanted and False if something stopped it. It is
tried on every tier that promises to stop it and that this machine has. Attacks that are marked ``open`` must *work* on T0,
which shows that they are attacks at all: on any T0, or on one that shares the caller's user id ("user").
"""

from __future__ import annotations

import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psutil
import pytest

from composekit.compose import CodeVerifier, Problem
from composekit.compose.verifiers import isolation

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="candidates are forked, which this system cannot do")

ROOT = Path(__file__).resolve().parents[2]
SECRET = "correct-horse-battery-staple"
LINUX = sys.platform == "linux"
X86 = LINUX and os.uname().machine == "x86_64"


class Attack(NamedTuple):
    tier: str
    source: str
    open: str = ""


def trying(body: str) -> str:
    """``f(w)`` that is stopped by an exception: returns what the body returns, or False."""
    lines = "".join(f"        {line}\n" for line in body.strip("\n").splitlines())
    tail = "    except Exception:\n        return False\n    return True\n"
    return f"import os, sys, socket, ctypes\ndef f(w):\n    try:\n{lines}{tail}"


def calling(number: int, *args: str) -> str:
    """A system call by its number; it got through unless it failed for want of permission or of the call itself."""
    given = ", ".join(f"ctypes.c_long({a})" for a in args)
    return trying(
        f"libc = ctypes.CDLL(None, use_errno=True)\n"
        f"r = libc.syscall(ctypes.c_long({number}){', ' if given else ''}{given})\n"
        f"return not (r < 0 and ctypes.get_errno() in (1, 38))"
    )


# --- looking around


# --- changing things


# --- other processes


# --- talking to the world


# --- the kernel


def read(name: str) -> dict[str, list[str]]:
    """The candidates of a file by name: what stands beside the name, then the source."""
    parts = (Path(__file__).parent / "candidates" / f"{name}.txt").read_text().split("\n=== ")[1:]
    found = {}
    for head, _, source in (part.partition("\n") for part in parts):
        title, *fields = (field.strip() for field in head.split("|"))
        found[title] = [*fields, source]
    return found


ATTACKS = {name: Attack(tier, trying(body), open_on) for name, (tier, open_on, body) in read("attacks").items()}
# System calls by their numbers on x86-64, with arguments that must not matter.
CALLS: tuple[tuple[str, int, tuple[str, ...]], ...] = (
    ("io_uring", 425, ("1", "0")),
    ("bpf", 321, ("0", "0", "0")),
    ("userfaultfd", 323, ("1",)),
    ("perf", 298, ("0", "0", "0", "0", "0")),
    ("add_key", 248, ("0", "0", "0", "0", "0")),
    ("keyctl", 250, ("0", "0")),
    ("clone3", 435, ("0", "0")),
    ("setns", 308, ("0", "0")),
    ("open_by_handle_at", 304, ("0", "0", "0")),
    ("fsopen", 430, ("0", "0")),
    ("pivot_root", 155, ("0", "0")),
    ("kcmp", 312, ("1", "1", "0", "0", "0")),
    ("personality", 135, ("0xffffffff",)),
    ("fanotify", 300, ("0", "0")),
    ("kexec", 320, ("0", "0", "0", "0", "0")),
    ("quotactl", 179, ("0", "0", "0", "0")),
    ("socket by its number in another table", 0x40000029, ("2", "1", "0")),
    ("ptrace", 101, ("0", "0", "0", "0")),
    ("modify_ldt", 154, ("0", "0", "0")),
    ("process_madvise", 440, ("0", "0", "0", "0", "0")),
    ("swapon", 167, ("0", "0")),
    ("syslog", 103, ("10", "0", "0")),
    ("memfd_secret", 447, ("0",)),
    ("mount_setattr", 442, ("0", "0", "0", "0", "0")),
    ("syncfs", 306, ("0",)),
    ("move_pages", 279, ("1", "0", "0", "0", "0", "0")),
)
if X86:
    ATTACKS |= {f"the call {what}": Attack("T1", calling(number, *args)) for what, number, args in CALLS}
else:
    ATTACKS = {name: attack for name, attack in ATTACKS.items() if "x86" not in attack.source}


@pytest.fixture(scope="module")
def world() -> Iterator[dict[str, Any]]:
    """Things outside that an attack may want: files, sockets, this process."""
    os.environ["COMPOSEKIT_SECRET"] = SECRET  # of this process and of those that it starts
    keeper = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"]
    )  # whose environment holds the secret
    outside = Path(tempfile.mkdtemp(prefix="world-"))
    outside.chmod(0o777)
    for name, mode in (("secret", 0o600), ("public", 0o644), ("open", 0o666), ("victim", 0o666)):
        (outside / name).write_text(SECRET)
        (outside / name).chmod(mode)
    tcp, udp, unix, abstract, dgram = (
        socket.socket(),
        socket.socket(type=socket.SOCK_DGRAM),
        socket.socket(socket.AF_UNIX),
        socket.socket(socket.AF_UNIX),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM),
    )
    tcp.bind(("127.0.0.1", 0))
    udp.bind(("127.0.0.1", 0))
    unix.bind(str(outside / "unix"))
    dgram.bind(str(outside / "dgram"))
    for name in ("unix", "dgram"):
        (outside / name).chmod(0o777)
    if LINUX:
        abstract.bind(f"\0composekit-escape-{os.getpid()}")
    for listening in (tcp, unix, *([abstract] if LINUX else [])):
        listening.listen(128)
    buffer = bytearray(SECRET.encode())
    import ctypes

    from composekit.compose.verifiers.sandbox import landlock

    yield {
        "secret": str(outside / "secret"),
        "public": str(outside / "public"),
        "open": str(outside / "open"),
        "outside": str(outside),
        "grader": str(ROOT / "composekit/compose/verifiers/code.py"),
        "root": str(ROOT),
        "path": [p for p in sys.path if p],
        "pid": keeper.pid,
        "group": os.getpgid(keeper.pid),
        "uid": os.getuid(),
        "tmp": tempfile.gettempdir(),
        "host": os.uname().nodename,
        "tcp": tcp.getsockname()[1],
        "udp": udp.getsockname()[1],
        "unix": str(outside / "unix"),
        "dgram": str(outside / "dgram"),
        "abstract": f"composekit-escape-{os.getpid()}",
        "address": ctypes.addressof(ctypes.c_char.from_buffer(buffer)),
        "scoped": os.getuid() == 0 or landlock.version() >= landlock.SCOPES,
    }
    keeper.kill()
    keeper.wait()
    for open_socket in (tcp, udp, unix, abstract, dgram):
        open_socket.close()
    shutil.rmtree(outside)
    del os.environ["COMPOSEKIT_SECRET"]
    for left in (Path(tempfile.gettempdir()) / "composekit-escape", Path("/dev/shm/composekit-escape")):
        left.unlink(missing_ok=True)


TIERS = [tier for tier, why in CodeVerifier().tiers().items() if not why] if hasattr(os, "fork") else []


@pytest.mark.parametrize("tier", isolation.TIERS)
def test_this_machine_has_the_tier(tier: str) -> None:
    why = CodeVerifier().tiers()[tier]
    if why:
        pytest.skip(f"no attack is tried on {tier}: {why}")


def attempt(attack: str, tier: str, world: dict[str, Any]) -> tuple[bool, str]:
    problem = Problem("q", "", verifier="code", tests=({"args": [world], "expected": False},), entry_point="f")
    verdict = CodeVerifier(isolation=tier).verify(f"```python\n{ATTACKS[attack].source}\n```", problem)
    return verdict.correct, verdict.detail


@pytest.mark.parametrize(("attack", "tier"), [(a, t) for a in ATTACKS for t in TIERS if t >= ATTACKS[a].tier])
def test_attack_is_stopped(attack: str, tier: str, world: dict[str, Any]) -> None:
    stopped, detail = attempt(attack, tier, world)
    assert stopped, detail
    assert (Path(world["outside"]) / "public").read_text() == SECRET
    assert not (Path(world["outside"]) / "made").exists()


@pytest.mark.skipif("T0" not in TIERS, reason="T0 does not work here")
@pytest.mark.parametrize("attack", [a for a in ATTACKS if ATTACKS[a].open])
def test_attack_is_one(attack: str, world: dict[str, Any]) -> None:
    if ATTACKS[attack].open == "user" and os.getuid() == 0:
        pytest.skip("root's candidates have a user id of their own, which stops this on T0 too")
    _, detail = attempt(attack, "T0", world)
    assert detail == "T0: test 1: returned True, which is not what is expected"
    outside = Path(world["outside"])  # as it was
    for name in ("made",):
        (outside / name).unlink(missing_ok=True)
    for name, mode in (("open", 0o666), ("victim", 0o666), ("public", 0o644)):
        (outside / name).write_text(SECRET)
        (outside / name).chmod(mode)


def test_the_caller_keeps_its_limits(world: dict[str, Any]) -> None:
    assert psutil.Process(world["pid"]).is_running()
    assert resource.prlimit(os.getpid(), resource.RLIMIT_NPROC)[0] != 0
