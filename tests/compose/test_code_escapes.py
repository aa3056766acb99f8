"""Candidates that try to get out, to look around, or to be paid for nothing: each is stopped from some tier on.

An attack is a function ``f(world)`` that returns True if it got what it wanted and False if something stopped it. It is tried on
every tier that promises to stop it and that this machine has. Attacks that are marked ``open`` must *work* on T0, which shows
that they are attacks at all: on any T0, or on one that shares the caller's user id ("user").
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


def trying(body: str, before: str = "") -> str:
    """``f(w)`` that is stopped by an exception: returns what the body returns, or False."""
    lines = "".join(f"        {line}\n" for line in body.strip("\n").splitlines())
    return f"import os, sys, socket, ctypes\n{before}\ndef f(w):\n    try:\n{lines}    except Exception:\n        return False\n    return True\n"


def calling(number: int, *args: str) -> str:
    """A system call by its number; it got through unless it failed for want of permission or of the call itself."""
    given = ", ".join(f"ctypes.c_long({a})" for a in args)
    return trying(
        f"libc = ctypes.CDLL(None, use_errno=True)\n"
        f"r = libc.syscall(ctypes.c_long({number}){', ' if given else ''}{given})\n"
        f"return not (r < 0 and ctypes.get_errno() in (1, 38))"
    )


# --- looking around

LOOKING = {
    "read the accounts": Attack("T1", trying("open('/etc/passwd').read()"), "any"),
    "read a secret file that only its owner may read": Attack("T1", trying("return 'staple' in open(w['secret']).read()"), "user"),
    "read a file that everybody may read": Attack("T1", trying("return 'staple' in open(w['public']).read()"), "any"),
    "read it through a symbolic link": Attack("T1", trying("os.symlink(w['public'], 'x')\nreturn 'staple' in open('x').read()"), "any"),
    "read it through a hard link": Attack("T1", trying("os.link(w['public'], 'x')\nreturn 'staple' in open('x').read()")),
    "read it through /proc/self/root": Attack("T1", trying("return 'staple' in open('/proc/self/root' + w['public']).read()"), "any"),
    "read it by mapping": Attack("T1", trying("import mmap\nfd = os.open(w['public'], os.O_RDONLY)\nreturn b'staple' in mmap.mmap(fd, 0, prot=mmap.PROT_READ)[:]"), "any"),
    "read it through a relative path": Attack("T1", trying("return 'staple' in open('/'.join(['..'] * 40) + w['public']).read()"), "any"),
    "list a directory": Attack("T1", trying("return 'public' in os.listdir(w['outside'])"), "any"),
    "read the grader's source": Attack("T1", trying("open(w['grader']).read()"), "any"),
    "import the grader": Attack("T1", trying("sys.path.insert(0, w['root'])\nimport composekit.compose.verifiers.code"), "any"),
    "import the grader that is in memory": Attack("T0", trying("import composekit")),
    "find the grader among the modules": Attack("T0", trying("return any('composekit' in name for name in sys.modules)")),
    "read the generators' solutions": Attack("T1", trying("sys.path.insert(0, w['root'])\nfrom composekit.compose.generators.routines import ROUTINES"), "any"),
    "import a package of the caller": Attack("T1", trying("sys.path += w['path']\nimport pytest"), "any"),
    "environment of this process": Attack("T0", trying("return any('staple' in v for v in os.environ.values())")),
    "environment through C": Attack("T0", trying("return ctypes.CDLL(None).getenv(b'COMPOSEKIT_SECRET') != 0")),
    "environment of the caller": Attack("T1", trying("return b'staple' in open(f\"/proc/{w['pid']}/environ\", 'rb').read()"), "user"),
    "environment of anybody": Attack("T1", trying("""
for name in os.listdir('/proc'):
    if name.isdigit():
        try:
            if b'staple' in open(f'/proc/{name}/environ', 'rb').read():
                return True
        except OSError:
            pass
return False
"""), "user"),
    "command lines of others": Attack("T1", trying("return b'pytest' in open(f\"/proc/{w['pid']}/cmdline\", 'rb').read()")),
    "memory of the caller": Attack("T1", trying("open(f\"/proc/{w['pid']}/mem\", 'rb')")),
    "descriptors of the caller": Attack("T1", trying("os.listdir(f\"/proc/{w['pid']}/fd\")"), "user"),
    "working directory of the caller": Attack("T1", trying("os.listdir(f\"/proc/{w['pid']}/cwd\")"), "user"),
    "descriptors that were left open": Attack("T0", trying("""
found = []
for fd in range(1024):
    try:
        os.fstat(fd)
        found.append(fd)
    except OSError:
        pass
return found != [0, 1, 2, 3, 4]
""")),
    "a socket among the descriptors": Attack("T0", trying("import stat\nreturn any(stat.S_ISSOCK(os.fstat(fd).st_mode) for fd in range(5))")),
    "a terminal": Attack("T1", trying("os.open('/dev/tty', os.O_RDWR)")),
    "a disk": Attack("T0", trying("os.open('/dev/' + [d for d in os.listdir('/sys/block')][0], os.O_RDONLY)")),
    "the kernel's log": Attack("T1", trying("os.open('/dev/kmsg', os.O_RDONLY)")),
    "processes of others": Attack("T2", trying("return any(name.isdigit() and int(name) > 1 for name in os.listdir('/proc'))")),
    "the network's interfaces": Attack("T2", trying("return [name for _, name in socket.if_nameindex()] not in ([], ['lo'])")),
    "the name of the machine": Attack("T2", trying("return os.uname().nodename == w['host']"), "any"),
    "what an earlier candidate left in memory": Attack("T0", trying("""
import gc
return any('solution.py' in str(getattr(o, 'co_filename', '')) and 'earlier' in o.co_names for o in gc.get_objects() if hasattr(o, 'co_names'))
""")),
}  # fmt: skip

# --- changing things

CHANGING = {
    "write a file into a directory that is open to all": Attack("T1", trying("open(w['outside'] + '/made', 'w').write('x')\nreturn os.path.exists(w['outside'] + '/public')"), "any"),
    "append to a file that is open to all": Attack("T1", trying("fd = os.open(w['open'], os.O_WRONLY | os.O_APPEND)\nos.write(fd, b'more')"), "any"),
    "truncate a file that is open to all": Attack("T1", trying("os.truncate(w['open'], 0)")),
    "truncate it by opening it": Attack("T1", trying("os.open(w['open'], os.O_RDONLY | os.O_TRUNC)")),
    "remove a file": Attack("T1", trying("os.unlink(w['outside'] + '/victim')"), "any"),
    "rename a file": Attack("T1", trying("os.rename(w['outside'] + '/public', w['outside'] + '/renamed')")),
    "move a file into its own directory": Attack("T1", trying("os.rename(w['outside'] + '/public', 'public')")),
    "make a directory": Attack("T1", trying("os.mkdir(w['outside'] + '/new')\nreturn os.path.exists(w['outside'] + '/public')")),
    "make a link": Attack("T1", trying("os.symlink('/', w['outside'] + '/link')\nreturn os.path.exists(w['outside'] + '/public')")),
    "make a pipe": Attack("T1", trying("os.mkfifo(w['outside'] + '/pipe')\nreturn os.path.exists(w['outside'] + '/public')")),
    "make a device": Attack("T0", trying("os.mknod('device', 0o020666, os.makedev(1, 1))")),
    "change a file's mode": Attack("T1", trying("os.chmod(w['public'], 0o600)"), "user"),
    "change a file's times": Attack("T1", trying("os.utime(w['public'], (0, 0))"), "user"),
    "change the mode of the interpreter's library": Attack("T1", trying("import abc\nfd = os.open(os.path.dirname(os.__file__) + '/this.py', os.O_RDONLY)\nos.fchmod(fd, 0o600)")),
    "write to the interpreter's library": Attack("T1", trying("open(os.path.dirname(os.__file__) + '/this.py', 'a')")),
    "write to the interpreter": Attack("T1", trying("open(sys.executable, 'ab')")),
    "write to the packages": Attack("T1", trying("import numpy\nopen(os.path.dirname(numpy.__file__) + '/__init__.py', 'a')")),
    "write to the shared memory of the machine": Attack("T1", trying("open('/dev/shm/composekit-escape', 'w').write('x')\nreturn os.path.realpath('/dev/shm') == '/dev/shm'"), "any"),
    "write to the directory of temporary files": Attack("T1", trying("open(w['tmp'] + '/composekit-escape', 'w').write('x')\nreturn os.path.realpath('/tmp') != '/sandbox'"), "any"),
    "write to the caller's memory": Attack("T1", trying("open(f\"/proc/{w['pid']}/mem\", 'r+b')")),
    "write to /proc/sys": Attack("T0", trying("open('/proc/sys/kernel/hostname', 'w').write('x')")),
    "write to /sys": Attack("T0", trying("open('/sys/kernel/mm/ksm/run', 'w').write('0')")),
    "the caller's out-of-memory score": Attack("T1", trying("open(f\"/proc/{w['pid']}/oom_score_adj\", 'w').write('1000')")),
    "become root": Attack("T0", trying("os.setuid(0)\nreturn w['uid'] == 0 or os.getuid() == 0")),
    "become somebody else": Attack("T0", trying("os.setuid(12345)")),
    "gain capabilities": Attack("T0", trying("return any(line.startswith(('CapPrm', 'CapEff', 'CapInh', 'CapAmb')) and int(line.split()[1], 16) for line in open('/proc/self/status'))")),
    "be root": Attack("T0", trying("return 0 in (os.getuid(), os.geteuid(), os.getgid(), os.getegid(), *os.getgroups())")),
    "run a program with the rights of its owner": Attack("T0", trying("return 'NoNewPrivs:\\t1' not in open('/proc/self/status').read()")) if LINUX else Attack("T9", ""),
    "lift a limit": Attack("T0", trying("import resource\nresource.setrlimit(resource.RLIMIT_NPROC, (5000, 5000))")),
    "lift the limit of memory": Attack("T0", trying("import resource\nresource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))")),
    "be preferred by the scheduler": Attack("T0", trying("os.nice(-5)")),
}  # fmt: skip

# --- other processes

PROCESSES = {
    "signal the caller": Attack("T1", trying("os.kill(w['pid'], 0)"), "user"),
    "signal the caller's group": Attack("T1", trying("os.killpg(w['group'], 0)"), "user"),
    "signal the supervisor": Attack("T1", trying("return os.getppid() > 0 and os.kill(os.getppid(), 0) is None"), "user"),
    "signal the caller through a descriptor": Attack("T1", trying("import signal\nsignal.pidfd_send_signal(os.pidfd_open(w['pid']), 0)"), "user"),
    "signal the caller when a pipe is ready": Attack("T1", trying("""
import fcntl, time
r, p = os.pipe()
fcntl.fcntl(r, 10, 1)
fcntl.fcntl(r, fcntl.F_SETOWN, w['pid'])
return fcntl.fcntl(r, fcntl.F_GETOWN) == w['pid'] and w['scoped'] is False
""")),
    "trace the caller": Attack("T1", trying("return ctypes.CDLL(None).ptrace(0x4206, w['pid'], 0, 0) == 0")),
    "read the caller's memory": Attack("T1", trying("""
class V(ctypes.Structure):
    _fields_ = [('p', ctypes.c_void_p), ('n', ctypes.c_size_t)]
b = ctypes.create_string_buffer(8)
return ctypes.CDLL(None).process_vm_readv(w['pid'], ctypes.byref(V(ctypes.addressof(b), 8)), 1, ctypes.byref(V(w['address'], 8)), 1, 0) > 0
""")),
    "take a descriptor from the caller": Attack("T1", trying("fd = os.pidfd_open(w['pid'])\nreturn ctypes.CDLL(None).syscall(438, fd, 0, 0) >= 0")),
    "limit the caller's resources": Attack("T1", trying("import resource\nresource.prlimit(w['pid'], resource.RLIMIT_CORE, (0, 0))"), "user"),
    "bind the caller to a core": Attack("T1", trying("os.sched_setaffinity(w['pid'], os.sched_getaffinity(0))"), "user"),
    "make the caller's work less urgent": Attack("T1", trying("os.setpriority(os.PRIO_PROCESS, w['pid'], os.getpriority(os.PRIO_PROCESS, 0))"), "user"),
    "make all of the user's work less urgent": Attack("T1", trying("os.setpriority(os.PRIO_USER, w['uid'], os.getpriority(os.PRIO_PROCESS, 0))"), "user"),
    "make the caller's disk work less urgent": Attack("T1", trying("return ctypes.CDLL(None).syscall(251, 1, w['pid'], (2 << 13) | 4) == 0") if X86 else trying("return False"), "user" if X86 else ""),
    "schedule the caller as idle": Attack("T1", trying("os.sched_setscheduler(w['pid'], os.SCHED_OTHER, os.sched_param(0))"), "user"),
}  # fmt: skip

# --- talking to the world

TALKING = {
    "TCP": Attack("T1", trying("socket.create_connection(('127.0.0.1', w['tcp']), 2)"), "any"),
    "UDP": Attack("T1", trying("s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\ns.sendto(b'x', ('127.0.0.1', w['udp']))"), "any"),
    "IPv6": Attack("T1", trying("socket.socket(socket.AF_INET6, socket.SOCK_DGRAM)")),
    "names": Attack("T1", trying("return socket.getaddrinfo('localhost', 80) and open('/etc/hosts').read() != ''"), "any"),
    "a socket in the file system": Attack("T1", trying("s = socket.socket(socket.AF_UNIX)\ns.connect(w['unix'])"), "any"),
    "an abstract socket": Attack("T1", trying("s = socket.socket(socket.AF_UNIX)\ns.connect('\\0' + w['abstract'])"), "any"),
    "datagrams from a pair of sockets": Attack("T1", trying("s, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)\ns.sendto(b'x', w['dgram'])"), "any"),
    "datagrams from a pair that is connected anew": Attack("T1", trying("s, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)\ns.connect(w['dgram'])\ns.send(b'x')"), "any"),
    "a pair of packet sockets": Attack("T1", trying("s, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)\ns.connect(w['unix'])")),
    "netlink": Attack("T1", trying("socket.socket(socket.AF_NETLINK, socket.SOCK_RAW)"), "any"),
    "raw": Attack("T0", trying("socket.socket(socket.AF_INET, socket.SOCK_RAW, 1)")),
    "packets": Attack("T0", trying("socket.socket(socket.AF_PACKET, socket.SOCK_RAW)")),
    "virtual machines' sockets": Attack("T1", trying("socket.socket(40, socket.SOCK_STREAM)")),
    "the kernel's ciphers": Attack("T1", trying("socket.socket(socket.AF_ALG, socket.SOCK_SEQPACKET)")),
    "a listening socket": Attack("T1", trying("s = socket.socket()\ns.bind(('127.0.0.1', 0))\ns.listen()"), "any"),
    "descriptors over the private channel": Attack("T0", trying("s = socket.socket(fileno=os.dup(4))\nsocket.send_fds(s, [b'x'], [0])")),
    "a URL": Attack("T1", trying("import urllib.request\nurllib.request.urlopen(f\"http://127.0.0.1:{w['tcp']}/\", timeout=1)")),
}  # fmt: skip

# --- the kernel

KERNEL = {
    "a user namespace": Attack("T1", trying("return ctypes.CDLL(None).unshare(0x10000000) == 0")),
    "a mount namespace": Attack("T0", trying("return ctypes.CDLL(None).unshare(0x00020000) == 0")),
    "a namespace by clone": Attack("T1", trying("return ctypes.CDLL(None).syscall(56, 0x10000011, 0, 0, 0, 0) >= 0") if X86 else trying("return False")),
    "a mount": Attack("T0", trying("return ctypes.CDLL(None).mount(b'none', os.getcwd().encode(), b'tmpfs', 0, None) == 0")),
    "another root": Attack("T0", trying("os.chroot('.')")),
    "a program in memory": Attack("T1", trying("os.memfd_create('x')"), "any"),
    "shared memory that stays": Attack("T1", trying("i = ctypes.CDLL(None).shmget(0, 4096, 0o1600)\nctypes.CDLL(None).shmctl(i, 0, 0)\nreturn i >= 0"), "any"),
    "a queue that stays": Attack("T1", trying("i = ctypes.CDLL(None).msgget(0, 0o1600)\nctypes.CDLL(None).msgctl(i, 0, 0)\nreturn i >= 0"), "any"),
    "semaphores that stay": Attack("T1", trying("i = ctypes.CDLL(None).semget(0, 1, 0o1600)\nctypes.CDLL(None).semctl(i, 0, 0, 0)\nreturn i >= 0"), "any"),
    "a message queue that stays": Attack("T1", trying("return ctypes.CDLL(None).mq_open(b'/composekit-escape', 0o102, 0o600, None) >= 0")),
    "a filter of its own that lets more through": Attack("T1", trying("""
class P(ctypes.Structure):
    _fields_ = [('n', ctypes.c_ushort), ('f', ctypes.c_void_p)]
b = ctypes.create_string_buffer(bytes((6, 0, 0, 0, 0, 0, 0xff, 0x7f)), 8)
ctypes.CDLL(None).prctl(22, 2, ctypes.byref(P(1, ctypes.addressof(b))), 0, 0)
socket.socket()
""")),
    "new privileges again": Attack("T0", trying("return ctypes.CDLL(None).prctl(38, 0, 0, 0, 0) == 0")),
}  # fmt: skip
if X86:
    for what, number, args in (
        ("io_uring", 425, ("1", "0")), ("bpf", 321, ("0", "0", "0")), ("userfaultfd", 323, ("1",)), ("perf", 298, ("0", "0", "0", "0", "0")),
        ("add_key", 248, ("0", "0", "0", "0", "0")), ("keyctl", 250, ("0", "0")), ("clone3", 435, ("0", "0")), ("setns", 308, ("0", "0")),
        ("open_by_handle_at", 304, ("0", "0", "0")), ("fsopen", 430, ("0", "0")), ("pivot_root", 155, ("0", "0")), ("kcmp", 312, ("1", "1", "0", "0", "0")),
        ("personality", 135, ("0xffffffff",)), ("fanotify", 300, ("0", "0")), ("kexec", 320, ("0", "0", "0", "0", "0")), ("quotactl", 179, ("0", "0", "0", "0")),
        ("socket by its number in another table", 0x40000029, ("2", "1", "0")), ("ptrace", 101, ("0", "0", "0", "0")), ("modify_ldt", 154, ("0", "0", "0")),
        ("process_madvise", 440, ("0", "0", "0", "0", "0")), ("swapon", 167, ("0", "0")), ("syslog", 103, ("10", "0", "0")), ("memfd_secret", 447, ("0",)),
        ("mount_setattr", 442, ("0", "0", "0", "0", "0")), ("move_pages", 279, ("1", "0", "0", "0", "0", "0")),
    ):  # fmt: skip
        KERNEL[f"the call {what}"] = Attack("T1", calling(number, *args))
    KERNEL["the calls of 32-bit programs"] = Attack("T1", trying("""
import mmap, signal
m = mmap.mmap(-1, 4096, prot=7)
m.write(bytes.fromhex('53b814000000cd805bc3'))
pid = os.fork()
if pid == 0:
    ctypes.CFUNCTYPE(ctypes.c_long)(ctypes.addressof(ctypes.c_char.from_buffer(m)))()
    os._exit(0)
return os.waitpid(pid, 0)[1] == 0
"""))  # fmt: skip

ATTACKS = {**LOOKING, **CHANGING, **PROCESSES, **TALKING, **KERNEL}


@pytest.fixture(scope="module")
def world() -> Iterator[dict[str, Any]]:
    """Things outside that an attack may want: files, sockets, this process."""
    os.environ["COMPOSEKIT_SECRET"] = SECRET  # of this process and of those that it starts
    keeper = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])  # whose environment holds the secret
    outside = Path(tempfile.mkdtemp(prefix="world-"))
    outside.chmod(0o777)
    for name, mode in (("secret", 0o600), ("public", 0o644), ("open", 0o666), ("victim", 0o666)):
        (outside / name).write_text(SECRET)
        (outside / name).chmod(mode)
    tcp, udp, unix, abstract, dgram = (
        socket.socket(), socket.socket(type=socket.SOCK_DGRAM), socket.socket(socket.AF_UNIX), socket.socket(socket.AF_UNIX),
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM),
    )  # fmt: skip
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
        "secret": str(outside / "secret"), "public": str(outside / "public"), "open": str(outside / "open"), "outside": str(outside),
        "grader": str(ROOT / "composekit/compose/verifiers/code.py"), "root": str(ROOT), "path": [p for p in sys.path if p], "pid": keeper.pid,
        "group": os.getpgid(keeper.pid), "uid": os.getuid(), "tmp": tempfile.gettempdir(), "host": os.uname().nodename,
        "tcp": tcp.getsockname()[1], "udp": udp.getsockname()[1], "unix": str(outside / "unix"), "dgram": str(outside / "dgram"),
        "abstract": f"composekit-escape-{os.getpid()}", "address": ctypes.addressof(ctypes.c_char.from_buffer(buffer)),
        "scoped": os.getuid() == 0 or landlock.version() >= landlock.SCOPES,
    }  # fmt: skip
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
