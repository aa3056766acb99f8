"""The process that a candidate runs in: the walls go up, then the harness takes over."""

from __future__ import annotations

import os
import resource
import signal
import sys
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple

from composekit.compose.verifiers.sandbox import landlock, linux, rootfs, seccomp
from composekit.compose.verifiers.sandbox.layout import Layout

_RULESET = 5  # where arrange() puts it


class Walls(NamedTuple):
    """What stands around every candidate of a keeper.

    Args:
        tier: 0, 1 or 2.
        layout: What a candidate may see.
        ruleset: Of Landlock, as a descriptor, where it is the same for all; else -1.
        unfit: Why these walls cannot be built here; empty if they can.
        uid: The user id that candidates get; None: that of the caller.
    """

    tier: int
    layout: Layout
    ruleset: int
    unfit: str
    uid: int | None


class Place(NamedTuple):
    """Where and as whom the candidate runs.

    Args:
        uid, gid: The user; None: nobody else than now.
        own_user: Whether no other process and no file belongs to that user.
        work: The directory to write in; None: in a file system of its own.
        processes: The limit of processes and threads as the kernel counts them.
    """

    uid: int | None
    gid: int | None
    own_user: bool
    work: str | None
    processes: int


def become(spec: Mapping[str, Any], place: Place, walls: Walls) -> None:
    """Build the walls around this process. It cannot be undone.

    Raises:
        OSError: a wall cannot be built here.
    """
    os.setsid()
    if walls.tier >= 2:
        linux.unshare(linux.CLONE_NEWNS | linux.CLONE_NEWIPC)
        uid, gid = (os.getuid(), os.getgid()) if place.uid is None else (place.uid, place.gid or 0)
        rootfs.own(size=spec["files"], inodes=spec["inodes"], uid=uid, gid=gid)
    else:
        os.chdir(str(place.work))
    work = rootfs.WORK if place.work is None else place.work
    os.environ["HOME"] = os.environ["TMPDIR"] = work
    _drop(place)
    _limit(spec, place.processes)
    if linux.LINUX:
        linux.prctl(linux.PR_SET_PDEATHSIG, signal.SIGKILL)
        linux.prctl(linux.PR_SET_DUMPABLE, 1)
        linux.prctl(linux.PR_SET_NO_NEW_PRIVS, 1)
    if walls.tier >= 1:
        linux.drop_capabilities()
        _wall(walls, place, work)
    for number in (signal.SIGPIPE, signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGPIPE, signal.SIG_IGN)  # as in any Python


def arrange(fds: Mapping[str, int], ruleset: int = -1) -> None:
    """The pipes as 0 (input), 1 (output), 2 (nothing), 3 and 4 (the private channel); everything else closed.

    A ruleset is 5, until the walls stand.
    """
    quiet = os.open(os.devnull, os.O_RDWR)
    wanted = [fds.get("stdin", quiet), fds.get("stdout", quiet), quiet, fds["down"], fds["up"]]
    wanted += [ruleset] if ruleset >= 0 else []
    high = [os.dup2(fd, 100 + k) for k, fd in enumerate(wanted)]
    for k, fd in enumerate(high):
        os.dup2(fd, k, inheritable=k < 3)
    os.closerange(len(wanted), resource.getrlimit(resource.RLIMIT_NOFILE)[0] if not linux.LINUX else 4096)


def furnish() -> None:
    """In the process that forks candidates: the environment and the streams that all of them find."""
    os.environ.clear()
    os.environ.update(PATH="/usr/bin:/bin", LANG="C.UTF-8", OPENBLAS_NUM_THREADS="1", OMP_NUM_THREADS="1")
    os.umask(0o077)
    ends = os.pipe()  # streams look at what they are opened on: like these, those of candidates cannot seek
    for k, fd in enumerate((ends[0], ends[1], ends[1])):
        os.dup2(fd, k)
    sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = open(1, "w", encoding="utf-8", errors="surrogateescape", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.__stdin__, sys.__stdout__, sys.__stderr__ = sys.stdin, sys.stdout, sys.stderr  # type: ignore[misc]
    quiet = os.open(os.devnull, os.O_RDWR)
    for k in range(3):
        os.dup2(quiet, k)
    for fd in (*ends, quiet):
        os.close(fd)


def _drop(place: Place) -> None:
    if place.uid is None:
        return
    os.setgroups([])
    gid = place.gid or 0
    if linux.LINUX:
        os.setresgid(gid, gid, gid)
        os.setresuid(place.uid, place.uid, place.uid)
    else:
        os.setregid(gid, gid)
        os.setreuid(place.uid, place.uid)
    if 0 in (os.getuid(), os.geteuid(), os.getgid(), os.getegid()):
        raise PermissionError("the privileges of root could not be given up")


def _limit(spec: Mapping[str, Any], processes: int) -> None:
    """Resource limits, of which a candidate can lift none."""
    seconds = int(spec["timeout"]) + 1
    for name, value in (
        ("AS", spec["memory"]), ("FSIZE", spec["files"]), ("CORE", 0), ("NOFILE", 128), ("NPROC", processes),
        ("CPU", seconds), ("MEMLOCK", 0), ("MSGQUEUE", 0), ("NICE", 0), ("RTPRIO", 0), ("SIGPENDING", 1024),
    ):  # fmt: skip
        which = getattr(resource, f"RLIMIT_{name}", None)
        if which is None:
            continue
        hard = resource.getrlimit(which)[1]
        value = value if hard == resource.RLIM_INFINITY else min(value, hard)
        try:
            resource.setrlimit(which, (value, value))
        except (OSError, ValueError):
            if linux.LINUX:
                raise


def _wall(walls: Walls, place: Place, work: str) -> None:
    """Landlock and the filter of system calls."""
    if walls.tier >= 2:
        with suppress(OSError):  # where there is none, the mount namespace alone holds the files
            landlock.enforce(landlock.prepare(["/"], [work, "/dev/null"]))
        seccomp.install(shared_user=False, pid=None)
        return
    landlock.allow(_RULESET, work)
    landlock.enforce(_RULESET)
    scoped = place.own_user or landlock.version() >= landlock.SCOPES
    seccomp.install(shared_user=not place.own_user, pid=None if scoped else os.getpid())
