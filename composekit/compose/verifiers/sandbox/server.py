"""The process that forks keepers and hands them jobs: it knows the layout and the limits of jobs, and never their contents.

Started as ``python -I -S`` with a socket as its standard input. Each message is a specification in JSON with the file
descriptors of the job's pipes; the keeper that gets it reports to the caller itself. It ends with the socket.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import select
import signal
import socket
import struct
import sys
import time
from contextlib import suppress
from typing import Any

from composekit.compose.verifiers.sandbox import keeper, linux, rootfs
from composekit.compose.verifiers.sandbox import layout as layouts
from composekit.compose.verifiers.sandbox.procfs import Proc

# What solutions import most; loaded once here instead of in every candidate.
_COMMON = (
    "array", "abc", "bisect", "cmath", "collections", "collections.abc", "copy", "dataclasses", "datetime", "decimal",
    "enum", "fractions", "functools", "heapq", "io", "itertools", "json", "math", "numbers", "operator", "queue", "random",
    "re", "signal", "statistics", "string", "textwrap", "threading", "time", "traceback", "types", "typing",
)  # fmt: skip
_IDLE = 1.0  # seconds that a keeper waits for another job
_SWEEP = 5.0  # seconds for the end of what a keeper left that was killed


def main(config: dict[str, Any]) -> None:
    """Serve until the socket ends."""
    if config["wrap"]:
        _wrap(config)
    calls = socket.socket(fileno=os.dup(0))
    quiet = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(quiet, fd)
    for name in _COMMON:
        importlib.import_module(name)
    sys.dont_write_bytecode = True
    shown = layouts.find(config["packages"])
    note = ""
    if os.geteuid() == 0:
        try:
            rootfs.uncover(shown.trees)
        except OSError as problem:
            note = f"the interpreter lies where only root can read ({problem})"
    if linux.LINUX:
        linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)
    calls.sendall(json.dumps({"pid": os.getpid(), "closed": note}).encode())
    gc.collect()
    gc.freeze()
    Server(calls, shown).serve()


class Server:
    """Keepers by tier, the idle ones last used on top.

    Args:
        calls: Where jobs come from.
        shown: What candidates may see.
    """

    def __init__(self, calls: socket.socket, shown: layouts.Layout) -> None:
        self.calls, self.shown, self.proc = calls, shown, Proc()
        self.keepers: dict[int, _Keeper] = {}  # by their sockets
        self.idle: dict[int, list[_Keeper]] = {}
        self.leaving: set[int] = set()  # keepers that were told to go, until they have gone
        self.poll = select.poll()
        self.poll.register(calls, select.POLLIN)

    def serve(self) -> None:
        """Until the caller goes."""
        while True:
            pending = self.leaving or any(self.idle.values())
            ready = [fd for fd, _ in self.poll.poll(1000 * _IDLE if pending else None)]
            done = [self.keepers[fd] for fd in ready if fd in self.keepers]
            for one in done:  # before the jobs, so that they are there for them
                self._hear(one)
            if self.calls.fileno() in ready and not self._job():
                return
            now = time.monotonic()
            for waiting in self.idle.values():
                while waiting and now - waiting[0].since >= _IDLE:
                    self._dismiss(waiting.pop(0))
            self._reap()

    def _job(self) -> bool:
        """Take one job and hand it on; False at the end."""
        data, fds, _, _ = socket.recv_fds(self.calls, 1 << 16, 8)
        if not data:
            return False
        (length,) = struct.unpack(">I", data[:4])
        while len(data) < 4 + length:
            data += self.calls.recv(4 + length - len(data))
        tier = json.loads(data[4:])["tier"]
        waiting = self.idle.get(tier)
        with suppress(OSError):  # no process is left, or it is gone: the end of the job's sockets tells the caller
            chosen = waiting.pop() if waiting else self._hire(tier, fds)
            socket.send_fds(chosen.socket, [data[4:]], fds)
        for fd in fds:
            os.close(fd)
        return True

    def _hire(self, tier: int, foreign: list[int]) -> _Keeper:
        """Start a keeper, in which the descriptors of a job that waits are closed: it gets them with the job."""
        ours, theirs = socket.socketpair()
        try:
            forked = os.fork()
        except OSError:
            ours.close()
            theirs.close()
            raise
        if forked == 0:
            try:
                for other in [self.calls, ours, *(k.socket for k in self.keepers.values())]:
                    other.close()
                for fd in foreign:
                    os.close(fd)
                keeper.main(tier, self.shown, theirs)
            finally:
                os._exit(0)
        theirs.close()
        said = ours.recv(4)
        hired = _Keeper(tier, ours, struct.unpack(">I", said)[0] if len(said) == 4 else forked)
        if hired.pid != forked:  # that one was on the way to it
            os.waitpid(forked, 0)
        self.keepers[ours.fileno()] = hired
        self.poll.register(ours, select.POLLIN)
        return hired

    def _hear(self, one: _Keeper) -> None:
        """A keeper is done with its job, or gone."""
        try:
            said = one.socket.recv(1)
        except OSError:
            said = b""
        if said:
            one.since = time.monotonic()
            self.idle.setdefault(one.tier, []).append(one)
        else:
            self._dismiss(one)
            self._sweep()

    def _dismiss(self, one: _Keeper) -> None:
        """It ends with its socket."""
        self.poll.unregister(one.socket)
        del self.keepers[one.socket.fileno()]
        for waiting in self.idle.values():
            if one in waiting:
                waiting.remove(one)
        one.socket.close()
        self.leaving.add(one.pid)

    def _reap(self) -> None:
        try:
            while pid := os.waitpid(-1, os.WNOHANG)[0]:
                self.leaving.discard(pid)
        except ChildProcessError:
            self.leaving.clear()

    def _sweep(self) -> None:
        """End what a keeper left that was killed in the middle of a job: its orphans come to this process."""
        until = time.monotonic() + _SWEEP
        while self.proc.ours and time.monotonic() < until:
            self._reap()
            known = {k.pid for k in self.keepers.values()} | self.leaving
            left = [pid for pid in self.proc.children() if pid not in known]
            if not left:
                return
            for pid in left:
                with suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
            time.sleep(0.001)


class _Keeper:
    """A keeper as the server knows it."""

    def __init__(self, tier: int, socket_: socket.socket, pid: int) -> None:
        self.tier, self.socket, self.pid = tier, socket_, pid
        self.since = 0.0  # idle since


def _wrap(config: dict[str, Any]) -> None:
    """Start again inside bubblewrap, with nothing in view but what candidates may see and this folder."""
    shown = layouts.find(config["packages"])
    ours = os.path.dirname(os.path.realpath(__file__))
    arguments = [config["wrap"], "--die-with-parent", "--new-session"]
    arguments += ["--unshare-pid", "--unshare-ipc", "--unshare-net", "--unshare-uts"]
    arguments += ["--cap-add", "ALL"] if os.geteuid() == 0 else ["--unshare-user"]
    arguments += ["--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp", "--dir", "/mnt"]
    for tree in (*shown.trees, ours):
        arguments += ["--ro-bind", tree, tree]
    for path, target in shown.links:
        arguments += ["--symlink", target, path]
    inner = json.dumps({**config, "wrap": None, "tmp": "/tmp"})
    python = os.path.realpath(sys.executable)
    os.execv(config["wrap"], [*arguments, python, "-I", "-S", "-X", "utf8", "-c", config["boot"], inner])
