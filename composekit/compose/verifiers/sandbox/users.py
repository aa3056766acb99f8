"""User ids that nobody has: root's candidates run as one, so that nothing else on the machine is theirs.

A keeper holds its own by a lock on a file in a directory that only root may enter; a name in /tmp, or of a socket, anybody
could hold.
"""

from __future__ import annotations

import errno
import os
import random
import stat
from contextlib import suppress

from composekit.compose.verifiers.sandbox.procfs import Proc

_RANGE = (61184, 65519)  # what distributions leave to passing use
_NAME = "composekit-users"


def claim(proc: Proc) -> tuple[int, int]:
    """A user id without processes, and the lock that stands for it, which the caller keeps open.

    Returns (-1, -1) where this process is root of a namespace in which no such id exists: its root has no power outside.

    Raises:
        OSError: there is no place for locks, or every id is taken.
    """
    ranges = _ranges()
    mapped = [uid for uid in range(_RANGE[0], _RANGE[1] + 1) if _mapped(uid, ranges)]
    if not mapped:
        return -1, -1
    import fcntl

    holder, busy = _directory(), proc.users()
    try:
        random.SystemRandom().shuffle(mapped)
        for uid in mapped:
            if uid in busy:
                continue
            lock = os.open(str(uid), os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=holder)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                return uid, lock
            except BlockingIOError:
                os.close(lock)
    finally:
        os.close(holder)
    raise OSError(errno.EAGAIN, "root's privileges cannot be dropped: no unused user id is there")


def _directory() -> int:
    """A directory of root's alone, open."""
    for place in ("/run", "/tmp"):  # tempfile would remember its place, for the candidates too
        path = os.path.join(place, _NAME)
        with suppress(OSError):
            with suppress(FileExistsError):
                os.mkdir(path, 0o700)
            fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
            found = os.fstat(fd)
            if found.st_uid == os.geteuid() and not stat.S_IMODE(found.st_mode) & 0o077:
                return fd
            os.close(fd)
    raise OSError(
        errno.EACCES, f"root's privileges cannot be dropped: /run/{_NAME} cannot be a directory of root's alone"
    )


def _ranges() -> list[tuple[int, ...]] | None:
    try:
        with open("/proc/self/uid_map") as file:
            return [tuple(map(int, line.split())) for line in file]
    except OSError:
        return None


def _mapped(uid: int, ranges: list[tuple[int, ...]] | None) -> bool:
    return ranges is None or any(first <= uid < first + count for first, _, count in ranges)
