"""One job from its start to its end: limits, waiting, the end of every process, no file left."""

from __future__ import annotations

import errno
import json
import os
import random
import select
import signal
import socket
import stat
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from composekit.compose.verifiers.sandbox import child, harness, linux
from composekit.compose.verifiers.sandbox.layout import Layout

_USERS = (61184, 65519)  # user ids that distributions leave to passing use
_PAGE = os.sysconf("SC_PAGE_SIZE")
_WATCH = 0.05  # seconds between two looks at the memory
_SWEEP = 10.0  # seconds that the sweep may take


class Supervisor:
    """Runs in a process of its own, outside the walls, with the privileges of the server.

    Args:
        spec: Tier, limits and deadline of the job, which itself is not among it.
        layout: What the candidate may see.
        fds: The pipes of the job, and ``status``, a socket: its end is the order to stop.
    """

    def __init__(self, spec: Mapping[str, Any], layout: Layout, fds: dict[str, int]) -> None:
        self.spec, self.layout, self.fds = spec, layout, fds
        self.tier: int = spec["tier"]
        self.status = socket.socket(fileno=fds.pop("status"))
        self.claim: socket.socket | None = None
        self.uid: int | None = None
        self.work: str | None = None
        self.pid = 0
        self.why = ""

    def run(self) -> None:
        """Do the job and say how it ended; never raises."""
        ended: dict[str, Any] = {}
        try:
            self._prepare()
            self.pid = os.fork()
            if self.pid == 0:
                self._candidate()
            for fd in self.fds.values():
                os.close(fd)
            self._wait()
        except BaseException as problem:
            ended["setup"] = f"{type(problem).__name__}: {problem}"
        try:
            ended |= self._end()
        except BaseException as problem:
            ended["setup"] = f"{type(problem).__name__}: {problem}"
        with suppress(OSError):  # nobody may be interested any more
            self.status.sendall(json.dumps(ended).encode())

    # --- before

    def _prepare(self) -> None:
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        if linux.LINUX:
            linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)
        root = os.geteuid() == 0
        if root:
            self._claim_user()
        if self.tier >= 2:
            flags = (
                linux.CLONE_NEWPID | linux.CLONE_NEWNET | linux.CLONE_NEWIPC | linux.CLONE_NEWUTS | linux.CLONE_NEWNS
            )
            if not root:
                _own_user_namespace()
            linux.unshare(flags & ~linux.CLONE_NEWNS)
            linux.sethostname("sandbox")
        else:
            self.work = tempfile.mkdtemp(prefix="composekit-", dir=self.spec["tmp"])
            if self.uid is not None:
                os.chown(self.work, self.uid, self.uid)

    def _claim_user(self) -> None:
        """A user id that nobody has: a name that only one process can hold stands for it."""
        count = _USERS[1] - _USERS[0] + 1
        start = random.SystemRandom().randrange(count)
        for step in range(count):
            uid = _USERS[0] + (start + step) % count
            if not _mapped(uid):
                continue
            claim = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
            try:
                if linux.LINUX:
                    claim.bind(f"\0composekit-user-{uid}")
            except OSError as problem:
                claim.close()
                if problem.errno == errno.EADDRINUSE:
                    continue
                raise
            self.claim, self.uid = claim, uid
            return
        if self.tier < 2:
            raise OSError(errno.EAGAIN, "root's privileges cannot be dropped: no unused user id is there")

    def _place(self) -> child.Place:
        limit = self.spec["processes"]
        if self.uid is None:
            own = self.tier >= 2 and _counts_in_namespaces()
            limit += 1 if own else _tasks_of_user()
        return child.Place(self.uid, self.uid, self.uid is not None, self.work, limit)

    def _candidate(self) -> None:
        """In the new process; does not return."""
        try:
            self.status.close()
            if self.claim:
                self.claim.close()
            child.arrange(self.fds)
            try:
                child.become(self.tier, self.spec, self._place(), self.layout)
            except BaseException as problem:
                harness.tell({"setup": f"{type(problem).__name__}: {problem}"})
                os._exit(1)
            harness.main(self.spec["mode"], self.layout.packages)
        finally:
            os._exit(1)

    # --- during

    def _wait(self) -> None:
        """Until the candidate ends, the caller has had enough, the time is over or the memory is too much."""
        deadline, limit = self.spec["deadline"], self.spec["memory"]
        poll = select.poll()
        poll.register(self.status, select.POLLIN | select.POLLHUP)
        ending = os.pidfd_open(self.pid) if hasattr(os, "pidfd_open") else None
        if ending is not None:
            poll.register(ending, select.POLLIN)
        pause = _WATCH if ending is not None else 0.002
        while True:
            left = deadline - time.monotonic()
            if left <= 0:
                self.why = "time"
                return
            if poll.poll(1000 * min(left, pause)):
                return
            if ending is None and os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                return
            if linux.LINUX and _memory_of([self.pid, *descendants(self.pid)], limit) > limit:
                self.why = "memory"
                return
            if self.work is not None and _too_large(self.work, self.spec["files"], self.spec["inodes"]):
                self.why = "files"
                return

    # --- after

    def _end(self) -> dict[str, Any]:
        """End every process of the job, and remove its files."""
        code = None
        if self.pid:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if not done:
                os.kill(self.pid, signal.SIGKILL)
                _, status = os.waitpid(self.pid, 0)
            elif not self.why:
                code = os.waitstatus_to_exitcode(status)
            swept = self._sweep()
        else:
            swept = True
        if self.work is not None:
            remove_tree(self.work)
        return {"exit": code, "why": self.why, "swept": swept}

    def _sweep(self) -> bool:
        """Kill what the candidate left behind: orphans come to this process, so that none is left when it has no child."""
        until = time.monotonic() + _SWEEP
        while time.monotonic() < until:
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                return True
            self._kill_user()
            for pid in descendants(os.getpid()):
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.001)
        return False

    def _kill_user(self) -> None:
        """Kill all processes of the candidate's own user at one stroke."""
        if self.uid is None:
            return
        helper = os.fork()
        if helper == 0:
            try:
                os.setresuid(self.uid, self.uid, self.uid)
                os.kill(-1, signal.SIGKILL)
            finally:
                os._exit(0)
        os.waitpid(helper, 0)


def _own_user_namespace() -> None:
    """Become all-powerful in a user namespace in which only this user exists."""
    uid, gid = os.getuid(), os.getgid()
    linux.unshare(linux.CLONE_NEWUSER)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def _mapped(uid: int) -> bool:
    """Whether a user id exists here: in a container it may not."""
    try:
        with open("/proc/self/uid_map") as file:
            ranges = [tuple(map(int, line.split())) for line in file]
    except OSError:
        return True
    return any(first <= uid < first + count for first, _, count in ranges)


def _counts_in_namespaces() -> bool:
    """Whether the kernel counts the processes of a user in each user namespace apart: since 5.14."""
    release = [int("".join(c for c in part if c.isdigit()) or 0) for part in os.uname().release.split(".")[:2]]
    return release >= [5, 14]


def _tasks_of_user() -> int:
    """The processes and threads that this user has now."""
    total = 0
    for name in os.listdir("/proc") if os.path.isdir("/proc/self") else []:
        try:
            if name.isdigit() and os.stat(f"/proc/{name}").st_uid == os.getuid():
                total += len(os.listdir(f"/proc/{name}/task"))
        except OSError:
            continue
    return total or 1000


def descendants(pid: int) -> Iterator[int]:
    """The children of a process and theirs, as far as /proc tells."""
    if not _proc_is_ours():
        return
    try:
        tasks = os.listdir(f"/proc/{pid}/task")
    except OSError:
        return
    for task in tasks:
        try:
            with open(f"/proc/{pid}/task/{task}/children") as file:
                children = [int(text) for text in file.read().split()]
        except OSError:
            continue
        for number in children:
            yield number
            yield from descendants(number)


def _proc_is_ours() -> bool:
    """Whether /proc shows the processes by the numbers that they have here; in a bare pid namespace it does not."""
    try:
        return os.readlink("/proc/self") == str(os.getpid())
    except OSError:
        return False


def _memory_of(pids: list[int], limit: int) -> int:
    """Bytes that some processes hold together; shared pages are told apart only where that could decide."""
    total = sum(_resident(pid) for pid in pids)
    return total if total <= limit else sum(_proportional(pid) for pid in pids)


def _resident(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/statm") as file:
            return int(file.read().split()[1]) * _PAGE
    except (OSError, IndexError):
        return 0


def _proportional(pid: int) -> int:
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            return next(int(line.split()[1]) * 1024 for line in file if line.startswith("Pss:"))
    except (OSError, StopIteration):
        return _resident(pid)


def _too_large(path: str, size: int, count: int) -> bool:
    """Whether a directory holds more than so many bytes, or files, as far as it can be read."""
    waiting = [path]
    while waiting:
        try:
            entries = list(os.scandir(waiting.pop()))
        except OSError:
            continue
        count -= len(entries)
        for entry in entries:
            try:
                size -= entry.stat(follow_symlinks=False).st_blocks * 512
                if entry.is_dir(follow_symlinks=False):
                    waiting.append(entry.path)
            except OSError:
                continue
        if size < 0 or count < 0:
            return True
    return False


def remove_tree(path: str) -> None:
    """Remove a directory whatever a candidate has built in it: deep, unreadable, wide.

    Nothing may run any more that could change it. What lies below a directory is brought up to the top before that
    directory goes, so that depth does not matter.

    Raises:
        OSError: something cannot be removed.
    """
    top = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    prefix, counter = os.urandom(8).hex(), 0
    try:
        while names := os.listdir(top):
            for name in names:
                if not stat.S_ISDIR(os.lstat(name, dir_fd=top).st_mode):
                    os.unlink(name, dir_fd=top)
                    continue
                os.chmod(name, 0o700, dir_fd=top)
                inner = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW, dir_fd=top)
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
    os.rmdir(path)
