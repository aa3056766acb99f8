"""The system calls that Python has no functions for. Where there is no Linux, asking for one raises :class:`OSError`."""

from __future__ import annotations

import ctypes
import errno
import os
import sys
from contextlib import suppress

CLONE_NEWNS, CLONE_NEWUTS, CLONE_NEWIPC = 0x00020000, 0x04000000, 0x08000000
CLONE_NEWUSER, CLONE_NEWPID, CLONE_NEWNET = 0x10000000, 0x20000000, 0x40000000

MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_REMOUNT = 1, 2, 4, 8, 32
MS_BIND, MS_REC, MS_PRIVATE = 4096, 16384, 1 << 18
MNT_DETACH = 2

PR_SET_PDEATHSIG, PR_SET_DUMPABLE, PR_SET_SECCOMP, PR_CAPBSET_DROP = 1, 4, 22, 24
PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS, PR_CAP_AMBIENT = 36, 38, 47
PR_CAP_AMBIENT_CLEAR_ALL = 4

MACHINE = os.uname().machine if hasattr(os, "uname") else ""
_PIVOT_ROOT = {"x86_64": 155, "aarch64": 41}
_CAPSET = {"x86_64": 126, "aarch64": 91}

LINUX = sys.platform == "linux"
_libc = ctypes.CDLL(None, use_errno=True) if LINUX else None


def _checked(name: str, *args: object) -> int:
    if _libc is None:
        raise OSError(errno.ENOSYS, f"{name}: this is no Linux")
    result = int(getattr(_libc, name)(*args))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
    return result


def syscall(name: str, number: int, *args: object) -> int:
    """Any system call by its number."""
    if _libc is None:
        raise OSError(errno.ENOSYS, f"{name}: this is no Linux")
    _libc.syscall.restype = ctypes.c_long
    wide = [ctypes.c_long(a) if isinstance(a, int) else a for a in args]
    result = int(_libc.syscall(ctypes.c_long(number), *wide))
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")
    return result


def prctl(option: int, *args: object) -> int:
    """``prctl`` with up to four further arguments."""
    padded = [*args, *[0] * (4 - len(args))]
    return _checked("prctl", option, *[ctypes.c_ulong(a) if isinstance(a, int) else a for a in padded])


def unshare(flags: int) -> None:
    """New namespaces for this process (of pids: for its children)."""
    _checked("unshare", flags)


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    """``mount``."""
    _checked(
        "mount", os.fsencode(source), os.fsencode(target), kind.encode() or None, ctypes.c_ulong(flags),
        options.encode() or None,
    )  # fmt: skip


def umount(target: str) -> None:
    """Detach a mount."""
    _checked("umount2", os.fsencode(target), MNT_DETACH)


def pivot_root(new: str, old: str) -> None:
    """Make ``new`` the root of this mount namespace."""
    if MACHINE not in _PIVOT_ROOT:
        raise OSError(errno.ENOSYS, f"pivot_root: no number is known for {MACHINE}")
    syscall("pivot_root", _PIVOT_ROOT[MACHINE], os.fsencode(new), os.fsencode(old))


def sethostname(name: str) -> None:
    """The name of the machine, in this namespace."""
    _checked("sethostname", name.encode(), len(name))


def drop_bounds() -> None:
    """Let no program that this process or its children may start gain a capability."""
    for capability in range(64):
        try:
            prctl(PR_CAPBSET_DROP, capability)
        except OSError:
            break  # beyond the last one, or none to drop


def drop_capabilities() -> None:
    """Give up every capability, for this process and for all that it may start."""
    if not LINUX:
        return
    with suppress(OSError):
        prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)
    if MACHINE in _CAPSET:
        header = (ctypes.c_uint32 * 2)(0x20080522, 0)
        syscall("capset", _CAPSET[MACHINE], ctypes.byref(header), ctypes.byref((ctypes.c_uint32 * 6)()))
