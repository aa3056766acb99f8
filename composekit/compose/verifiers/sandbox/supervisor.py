"""One job from its start to its end: a user, a place, limits, waiting, the end of every process, no file left."""

from __future__ import annotations

import gc
import json
import os
import select
import signal
import socket
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from functools import lru_cache
from typing import Any

from composekit.compose.verifiers.sandbox import child, harness
from composekit.compose.verifiers.sandbox.child import Walls
from composekit.compose.verifiers.sandbox.files import remove_tree, too_large
from composekit.compose.verifiers.sandbox.procfs import Proc

_WATCH = 0.05  # seconds at most between two looks at the memory
_FILL = 4 << 30  # bytes a second that one core can fill
_SWEEP = 10.0  # seconds that the sweep may take
_SLACK = 1 << 16  # bytes for what directories take themselves
_HELP = 0.5  # seconds that one killing helper may take


class Supervisor:
    """Runs in a keeper's process, with its privileges, while a job lasts.

    Args:
        spec: Limits and deadline of the job, which itself is not among it.
        walls: What stands around every candidate of this keeper.
        proc: Where its processes are seen.
        fds: The pipes of the job, and ``status``, a socket: its end is the order to stop.
        foreign: What else is open in this process, for the candidate to close.
    """

    def __init__(
        self, spec: Mapping[str, Any], walls: Walls, proc: Proc, fds: dict[str, int], foreign: socket.socket
    ) -> None:
        self.spec, self.walls, self.proc, self.fds, self.foreign = spec, walls, proc, fds, foreign
        self.status = socket.socket(fileno=fds.pop("status"))
        self.uid = walls.uid
        self.around: str | None = None
        self.work: str | None = None  # inside of that
        self.top = -1  # the same as a descriptor
        self.pid = 0
        self.why = ""
        self.heavy = False  # whether this job's directory has grown
        self.ended: dict[str, Any] = {"swept": False}

    def run(self) -> bool:
        """Do the job; False if this process must do no other. Never raises; :meth:`tell` says how it ended."""
        ended = self.ended
        try:
            self._prepare()
            place = self._place()  # here, where /proc is still in hand
            if self.walls.tier >= 2 and os.getpid() == 1:
                self.proc.write("sys/kernel/ns_last_pid", "1")  # or numbers would tell what ran before
            self.pid = os.fork()
            if self.pid == 0:
                self._candidate(place)
            for fd in self.fds.values():
                os.close(fd)
            self.fds = {}
            self._wait()
        except BaseException as problem:
            ended["setup"] = f"{type(problem).__name__}: {problem}"
        try:
            ended |= self._end()
        except BaseException as problem:
            ended["setup"] = f"{type(problem).__name__}: {problem}"
        for fd in self.fds.values():
            os.close(fd)
        return bool(ended["swept"]) and "setup" not in ended and not self.heavy

    def tell(self) -> None:
        """Say how the job ended."""
        with suppress(OSError):  # nobody may be interested any more
            self.status.sendall(json.dumps(self.ended).encode())
        self.status.close()

    # --- before

    def _prepare(self) -> None:
        if self.walls.unfit:
            raise OSError(self.walls.unfit)
        if self.walls.tier < 2:
            # The candidate's directory lies in another one, in which it may rename nothing where it has its own user id.
            self.around = tempfile.mkdtemp(prefix="composekit-", dir=self.spec["tmp"])
            self.top = os.open(self.around, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)  # whatever it is called later
            self.work = os.path.join(self.around, "work")
            os.mkdir(self.work, 0o700)
            if self.uid is not None:
                os.chmod(self.around, 0o711)
                os.chown(self.work, self.uid, self.uid)
        if self.uid is not None:
            for name in ("stdin", "stdout"):  # which a program may open again by name
                if name in self.fds:
                    os.fchown(self.fds[name], self.uid, self.uid)

    def _place(self) -> child.Place:
        limit = self.spec["processes"]
        if self.uid is None:
            own = self.walls.tier >= 2 and _counts_in_namespaces()
            limit += 1 if own else self.proc.tasks_of_user()
        return child.Place(self.uid, self.uid, self.uid is not None, self.work, limit)

    def _candidate(self, place: child.Place) -> None:
        """In the new process; does not return."""
        try:
            self.status.close()
            self.foreign.close()
            gc.enable()
            child.arrange(self.fds, self.walls.ruleset)
            try:
                child.become(self.spec, place, self.walls)
            except BaseException as problem:
                harness.tell({"setup": f"{type(problem).__name__}: {problem}"})
                os._exit(1)
            harness.main(self.spec["mode"])
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
        # Between two looks all cores together must not be able to fill much more than is allowed.
        pause = min(_WATCH, limit / (2 * _FILL * (os.cpu_count() or 1))) if ending is not None else 0.002
        try:
            while True:
                left = deadline - time.monotonic()
                if left <= 0:
                    self.why = "time"
                    return
                if poll.poll(max(1, 1000 * min(left, pause))):
                    return
                if ending is None and os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                    return
                if self.proc.memory(limit) > limit:
                    self.why = "memory"
                    return
                if self.work is not None and self._holds_too_much():
                    self.why = "files"
                    return
        finally:
            if ending is not None:
                os.close(ending)

    def _holds_too_much(self) -> bool:
        limit = self.spec["files"] + _SLACK - self.proc.nameless()
        return limit < 0 or too_large(self.top, limit, self.spec["inodes"] + 1)

    # --- after

    def _end(self) -> dict[str, Any]:
        """End every process of the job, and remove its files."""
        code = None
        if self.pid:
            done, status = os.waitpid(self.pid, os.WNOHANG)
            if not done:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
            elif not self.why:
                code = os.waitstatus_to_exitcode(status)
        swept = self.sweep()
        if self.around is not None:
            with suppress(OSError):  # a ruleset of Landlock holds the directory's blocks as long as this process lives
                self.heavy = 512 * os.stat("work", dir_fd=self.top, follow_symlinks=False).st_blocks > _SLACK
            remove_tree(self.around, self.top)
        return {"exit": code, "why": self.why, "swept": swept}

    def sweep(self) -> bool:
        """Kill what the candidate left behind: orphans come to this process, so that none is left when it has no child."""
        until = time.monotonic() + _SWEEP
        while time.monotonic() < until:
            try:
                while os.waitpid(-1, os.WNOHANG)[0]:
                    pass
            except ChildProcessError:
                return True
            if self.walls.tier >= 2 and os.getpid() == 1:  # all others of the namespace are the job's
                with suppress(ProcessLookupError):
                    os.kill(-1, signal.SIGKILL)
            else:
                frozen = self._frozen()  # before a helper takes their user id, or they could stop it
                self._kill_user()
                for pid in frozen:
                    with suppress(OSError):
                        os.kill(pid, signal.SIGKILL)
            time.sleep(0.001)
        return False

    def _frozen(self) -> set[int]:
        """All descendants, stopped first: one that is killed makes room for another, one that is stopped does not."""
        found: set[int] = set()
        for _ in range(50 if self.proc.ours else 0):  # those that end while they start others would keep this busy
            new = set(self.proc.descendants()) - found
            if not new:
                break
            for pid in new:
                with suppress(OSError):
                    os.kill(pid, signal.SIGSTOP)
            found |= new
        return found

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
        until = time.monotonic() + _HELP
        while not os.waitpid(helper, os.WNOHANG)[0]:
            if time.monotonic() > until:
                os.kill(helper, signal.SIGKILL)
                os.waitpid(helper, 0)
                return
            time.sleep(0.0002)


@lru_cache(maxsize=1)
def _counts_in_namespaces() -> bool:
    """Whether the kernel counts the processes of a user in each user namespace apart: since 5.14."""
    release = [int("".join(c for c in part if c.isdigit()) or 0) for part in os.uname().release.split(".")[:2]]
    return release >= [5, 14]
