"""Landlock: a process denies itself, for good, all files but a few, and signals to anybody outside."""

from __future__ import annotations

import ctypes
import errno
import os
import stat
from collections.abc import Iterable
from functools import lru_cache

from composekit.compose.verifiers.sandbox import linux

NEEDED = 3  # before this version of the interface, files that may be read may also be truncated
SCOPES = 6  # from this version on, signals and abstract sockets are held back too
_CREATE, _ADD_RULE, _RESTRICT = 444, 445, 446
_EXECUTE, _READ_FILE, _READ_DIR = 1 << 0, 1 << 2, 1 << 3
_WRITE_FILE, _TRUNCATE, _IOCTL_DEV = 1 << 1, 1 << 14, 1 << 15
_ALL_FILES = {3: (1 << 15) - 1, 4: (1 << 15) - 1, 5: (1 << 16) - 1}
_DEVICES_IN_DIRS = (1 << 6) | (1 << 11)
_READ = _EXECUTE | _READ_FILE | _READ_DIR
_FOR_FILES = _EXECUTE | _WRITE_FILE | _READ_FILE | _TRUNCATE | _IOCTL_DEV


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _Beneath(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("parent", ctypes.c_int32))


@lru_cache(maxsize=1)
def version() -> int:
    """The version of Landlock's interface here; 0 where there is none."""
    try:
        return linux.syscall("landlock_create_ruleset", _CREATE, None, 0, 1)
    except OSError:
        return 0


def prepare(readable: Iterable[str], writable: Iterable[str], listed: Iterable[str] = ()) -> int:
    """A ruleset, as a descriptor: nothing but reading (and executing) some trees, writing some others, and, of what is
    in a few more, seeing the names.

    Raises:
        OSError: the kernel has no Landlock, or an older one than version 3.
    """
    known = version()
    if known < NEEDED:
        raise OSError(errno.ENOSYS, f"landlock: version {NEEDED} is needed, here is {known or 'none'}")
    rules = _Ruleset(_all_files(), 3 if known >= 4 else 0, 3 if known >= SCOPES else 0)
    size = 24 if known >= SCOPES else 16 if known >= 4 else 8
    ruleset = linux.syscall("landlock_create_ruleset", _CREATE, ctypes.byref(rules), size, 0)
    for path in readable:
        _allow(ruleset, path, _READ)
    for path in listed:
        _allow(ruleset, path, _READ_DIR)
    for path in writable:
        allow(ruleset, path)
    return ruleset


def allow(ruleset: int, path: str) -> None:
    """Add a tree that may be read and written."""
    _allow(ruleset, path, _all_files() & ~_DEVICES_IN_DIRS)


def enforce(ruleset: int) -> None:
    """Hold this process, and all that it starts, to a ruleset, and close it. ``no_new_privs`` must be set."""
    try:
        linux.syscall("landlock_restrict_self", _RESTRICT, ruleset, 0)
    finally:
        os.close(ruleset)


def _all_files() -> int:
    return _ALL_FILES[min(version(), 5)]


def _allow(ruleset: int, path: str, access: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return  # what is not there need not be allowed
    try:
        if not stat.S_ISDIR(os.fstat(fd).st_mode):
            access &= _FOR_FILES
        rule = _Beneath(access, fd)
        linux.syscall("landlock_add_rule", _ADD_RULE, ruleset, 1, ctypes.byref(rule), 0)
    finally:
        os.close(fd)
