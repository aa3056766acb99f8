"""The directory that a candidate of T0 or T1 writes in: how much it holds, and how it is removed whatever is in it."""

from __future__ import annotations

import errno
import os
import stat
from contextlib import suppress

_DIRECTORY = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


def too_large(top: int, size: int, count: int) -> bool:
    """Whether an open directory holds more than so many bytes, or files.

    Directories are opened one inside the other and never by a path, which the candidate could turn elsewhere meanwhile.
    What branches too deep for the descriptors that this process may have counts as too much.
    """
    stack: list[tuple[int, list[str]]] = []
    at = os.dup(top)
    try:
        while True:
            inner: list[str] = []
            with suppress(OSError), os.scandir(at) as entries:
                for entry in entries:
                    count -= 1
                    with suppress(OSError):
                        size -= entry.stat(follow_symlinks=False).st_blocks * 512
                        if entry.is_dir(follow_symlinks=False):
                            inner.append(entry.name)
                    if size < 0 or count < 0:
                        return True
            stack.append((at, inner))
            at = -1
            while stack and at < 0:
                holder, names = stack[-1]
                if names:
                    at = _opened(names.pop(), holder)
                if not names:  # so a chain of directories takes one descriptor, however long it is
                    stack.pop()
                    os.close(holder)
            if at < 0:
                return False
    except OSError:  # no more descriptors
        return True
    finally:
        for fd in [at, *(fd for fd, _ in stack)]:
            if fd >= 0:
                os.close(fd)


def _opened(name: str, holder: int) -> int:
    """Open a directory, also one that its owner has made unreadable, for what cannot be read cannot be counted.

    Returns -1 if it is gone, or no directory any more.

    Raises:
        OSError: there are no descriptors left.
    """
    try:
        return os.open(name, _DIRECTORY, dir_fd=holder)
    except PermissionError:
        pass
    except OSError as problem:
        if problem.errno in (errno.EMFILE, errno.ENFILE):
            raise
        return -1
    held = -1
    try:
        held = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=holder)
        if not stat.S_ISDIR(os.fstat(held).st_mode):
            return -1
        os.chmod(f"/proc/self/fd/{held}", 0o700)  # this very directory, whatever stands under its name by now
        return os.open(f"/proc/self/fd/{held}", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except (OSError, AttributeError):  # some systems cannot hold what they cannot read
        return -1
    finally:
        if held >= 0:
            os.close(held)


def remove_tree(path: str, top: int) -> None:
    """Remove a directory whatever a candidate has built in it: deep, unreadable, wide.

    Nothing may run any more that could change it. What lies below a directory is brought up to the top before that
    directory goes, so that depth does not matter.

    Raises:
        OSError: something cannot be removed.
    """
    os.fchmod(top, 0o700)
    prefix, counter = os.urandom(8).hex(), 0
    try:
        while names := os.listdir(top):
            for name in names:
                if not stat.S_ISDIR(os.lstat(name, dir_fd=top).st_mode):
                    os.unlink(name, dir_fd=top)
                    continue
                os.chmod(name, 0o700, dir_fd=top)
                inner = os.open(name, _DIRECTORY, dir_fd=top)
                try:
                    for deeper in os.listdir(inner):
                        counter += 1
                        if stat.S_ISDIR(os.lstat(deeper, dir_fd=inner).st_mode):
                            os.chmod(deeper, 0o700, dir_fd=inner)
                        os.rename(deeper, f"{prefix}{counter}", src_dir_fd=inner, dst_dir_fd=top)
                finally:
                    os.close(inner)
                os.rmdir(name, dir_fd=top)
    finally:
        os.close(top)
    with suppress(OSError):  # where nothing stands in its way, a candidate may rename it and put something in its place
        os.rmdir(path)
