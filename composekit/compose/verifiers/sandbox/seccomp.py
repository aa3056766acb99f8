"""A seccomp filter: the system calls that a candidate has no business with fail with EPERM."""

from __future__ import annotations

import ctypes
import errno
import struct
from functools import lru_cache

from composekit.compose.verifiers.sandbox import linux

# name -> number on x86_64, number on aarch64 (None: not there); from 424 on they are the same everywhere
_DENIED: dict[str, tuple[int | None, int | None]] = {
    # sockets: a pair of streams is all that stays, asyncio needs it
    "socket": (41, 198), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201), "accept": (43, 202),
    "accept4": (288, 242),
    # other processes
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271), "kcmp": (312, 272),
    "pidfd_getfd": (438, 438), "process_madvise": (440, 440), "process_mrelease": (448, 448),
    "migrate_pages": (256, 238), "move_pages": (279, 239), "ioprio_set": (251, 30),
    # namespaces and mounts
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39), "pivot_root": (155, 41),
    "chroot": (161, 51), "move_mount": (429, 429), "open_tree": (428, 428), "fsopen": (430, 430), "fsconfig": (431, 431),
    "fsmount": (432, 432), "fspick": (433, 433), "mount_setattr": (442, 442), "open_tree_attr": (467, 467),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "fanotify_init": (300, 262),
    "fanotify_mark": (301, 263), "inotify_add_watch": (254, 27),
    # the kernel's wide doors
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426), "io_uring_register": (427, 427), "add_key": (248, 217), "request_key": (249, 218),
    "keyctl": (250, 219), "kexec_load": (246, 104), "kexec_file_load": (320, 294), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "reboot": (169, 142), "swapon": (167, 224),
    "swapoff": (168, 225),
    "acct": (163, 89), "quotactl": (179, 60), "quotactl_fd": (443, 443), "syslog": (103, 116), "vhangup": (153, 58),
    "lookup_dcookie": (212, 18), "personality": (135, 92), "modify_ldt": (154, None), "iopl": (172, None),
    "ioperm": (173, None), "uselib": (134, None), "ustat": (136, None), "sysfs": (139, None), "nfsservctl": (180, 42),
    "settimeofday": (164, 170), "clock_settime": (227, 112), "clock_adjtime": (305, 266), "adjtimex": (159, 171),
    "sethostname": (170, 161), "setdomainname": (171, 162), "sync": (162, 81), "syncfs": (306, 267),
    # memory that outlives a process or is in no limit
    "memfd_create": (319, 279), "memfd_secret": (447, 447), "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195),
    "semget": (64, 190), "semop": (65, 193), "semctl": (66, 191), "semtimedop": (220, 192), "msgget": (68, 186),
    "msgsnd": (69, 189), "msgrcv": (70, 188), "msgctl": (71, 187), "mq_open": (240, 180), "mq_unlink": (241, 181),
}  # fmt: skip

# Calls that name a process in their first argument; zero is the caller itself.
_SELF_ONLY = {
    "prlimit64": (302, 261), "sched_setaffinity": (203, 122), "sched_setscheduler": (144, 119), "sched_setparam": (142, 118),
    "sched_setattr": (314, 274),
}  # fmt: skip

# Where the user id is shared with the world outside and nothing else stands in between: no change to a file's owner, mode,
# times or attributes, and no signal to anybody else.
_METADATA = {
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452), "chown": (92, None),
    "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54), "utime": (132, None), "utimes": (235, None),
    "utimensat": (280, 88), "futimesat": (261, None), "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16), "setxattrat": (463, 463),
    "removexattrat": (466, 466), "file_setattr": (469, 469),
}  # fmt: skip
_SIGNALS = {
    "kill": (62, 129), "tgkill": (234, 131), "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
}  # fmt: skip
_SIGNALS_BY_THREAD = {"tkill": (200, 130), "pidfd_send_signal": (424, 424)}

_SETPRIORITY, _CLONE, _CLONE3 = (141, 140), (56, 220), (435, 435)
_IOCTL, _FCNTL, _SOCKETPAIR = (16, 29), (72, 25), (53, 199)
_ARCHITECTURE = {"x86_64": (0, 0xC000003E), "aarch64": (1, 0xC00000B7)}
_NAMESPACES = 0x7E020080  # every CLONE_NEW flag
_TTY_INPUT = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX: typing into somebody's terminal
_OWNER_IOCTLS = (0x8901, 0x8902)  # FIOSETOWN, SIOCSPGRP: who gets the signals of a file
_OWNER_FCNTLS = (8, 10, 15)  # F_SETOWN, F_SETSIG, F_SETOWN_EX
_LEASES = (1024, 1026)  # F_SETLEASE, F_NOTIFY: waiting for, or holding up, what others do with a file
# FS_IOC_SETFLAGS (two forms), FS_IOC_FSSETXATTR, FS_IOC_ENABLE_VERITY: attributes of files that belong to the user
_ATTRIBUTE_IOCTLS = (0x40086602, 0x40046602, 0x401C5820, 0x40806685)

_LOAD, _JUMP_EQUAL, _JUMP_ANY, _JUMP_AT_LEAST, _RETURN, _AND = 0x20, 0x15, 0x45, 0x35, 0x06, 0x54
_ALLOW, _KILL, _ERRNO = 0x7FFF0000, 0x80000000, 0x00050000
_EPERM = _ERRNO | errno.EPERM

Instruction = tuple[int, int, int, int]


def _ret(value: int) -> Instruction:
    return _RETURN, 0, 0, value


def _argument(index: int, high: bool = False) -> Instruction:
    return _LOAD, 0, 0, 16 + 8 * index + 4 * high


def program(machine: str, *, shared_user: bool, pid: int | None) -> list[Instruction]:
    """The filter as instructions.

    Args:
        machine: ``x86_64`` or ``aarch64``.
        shared_user: Whether other processes and files belong to the user that the candidate runs as.
        pid: Allow signals to this process alone; None: something else holds them back.

    Raises:
        OSError: no table of system calls is known for this machine.
    """
    if machine not in _ARCHITECTURE:
        raise OSError(errno.ENOSYS, f"seccomp: no table of system calls for {machine or 'this machine'}")
    column, architecture = _ARCHITECTURE[machine]
    code: list[Instruction] = [(_LOAD, 0, 0, 4), (_JUMP_EQUAL, 1, 0, architecture), _ret(_KILL), (_LOAD, 0, 0, 0)]
    if machine == "x86_64":
        code += [(_JUMP_AT_LEAST, 0, 1, 0x40000000), _ret(_ERRNO | errno.ENOSYS)]  # the x32 numbers

    def when(numbers: tuple[int | None, int | None], block: list[Instruction]) -> None:
        number = numbers[column]
        if number is not None:
            code.extend([(_JUMP_EQUAL, 0, len(block), number), *block])

    denied = {**_DENIED, **(_METADATA if shared_user else {}), **(_SIGNALS_BY_THREAD if pid is not None else {})}
    for numbers in denied.values():
        when(numbers, [_ret(_EPERM)])
    when(_CLONE3, [_ret(_ERRNO | errno.ENOSYS)])  # its flags lie in memory; libraries then use clone
    when(_CLONE, [_argument(0), (_JUMP_ANY, 0, 1, _NAMESPACES), _ret(_EPERM), _ret(_ALLOW)])
    for numbers in _SELF_ONLY.values():
        when(numbers, [_argument(0), (_JUMP_EQUAL, 1, 0, 0), _ret(_EPERM), _ret(_ALLOW)])
    # A pair of datagram sockets could send to any other socket by its name.
    pair = [_argument(0), (_JUMP_EQUAL, 1, 0, 1), _ret(_EPERM), _argument(1), (_AND, 0, 0, 0xF), (_JUMP_EQUAL, 1, 0, 1)]
    when(_SOCKETPAIR, [*pair, _ret(_EPERM), _ret(_ALLOW)])
    only_self = [_argument(0), (_JUMP_EQUAL, 1, 0, 0), _ret(_EPERM), _argument(1), (_JUMP_EQUAL, 1, 0, 0), _ret(_EPERM)]
    when(_SETPRIORITY, [*only_self, _ret(_ALLOW)])
    ioctls = (*_TTY_INPUT, *(_OWNER_IOCTLS if pid is not None else ()), *(_ATTRIBUTE_IOCTLS if shared_user else ()))
    when(_IOCTL, [_argument(1), *_none_of(ioctls)])
    when(_FCNTL, [_argument(1), *_none_of((*_LEASES, *(_OWNER_FCNTLS if pid is not None else ())))])
    if pid is not None:
        for numbers in _SIGNALS.values():
            when(numbers, [_argument(0), (_JUMP_EQUAL, 1, 0, pid), _ret(_EPERM), _ret(_ALLOW)])
    return [*code, _ret(_ALLOW)]


def _none_of(values: tuple[int, ...]) -> list[Instruction]:
    """Deny if the loaded word is one of these."""
    block: list[Instruction] = []
    for value in values:
        block += [(_JUMP_EQUAL, 0, 1, value), _ret(_EPERM)]
    return [*block, _ret(_ALLOW)]


class _Program(ctypes.Structure):
    _fields_ = (("length", ctypes.c_ushort), ("filter", ctypes.c_void_p))


@lru_cache(maxsize=4)
def packed(*, shared_user: bool, pid: int | None) -> bytes:
    """The filter for this machine as the kernel reads it."""
    instructions = program(linux.MACHINE, shared_user=shared_user, pid=pid)
    return b"".join(struct.pack("<HBBI", *instruction) for instruction in instructions)


def install(*, shared_user: bool, pid: int | None) -> None:
    """Put the filter over this process and all that it starts. ``no_new_privs`` must be set."""
    instructions = packed(shared_user=shared_user, pid=pid)
    buffer = ctypes.create_string_buffer(instructions, len(instructions))
    filter_ = _Program(len(instructions) // 8, ctypes.cast(buffer, ctypes.c_void_p))
    linux.prctl(linux.PR_SET_SECCOMP, 2, ctypes.byref(filter_))
