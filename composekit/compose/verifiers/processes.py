"""Subprocess children that run a module of ours, shared by all callers of one process.

They start on first use and end with this process: their input then ends, even when this process is killed. They are not
inherited by a fork: the new process forgets them and starts its own. No signal handler, alarm or thread is installed here.
"""

from __future__ import annotations

import atexit
import os
import selectors
import subprocess
import sys
import threading
import time
from typing import IO, Any

KILLED = 9


class WorkerDied(Exception):
    """The process at the other end of the pipes is gone."""


def _start(command: list[str], **options: Any) -> subprocess.Popen[bytes]:
    """A process; one whose start is interrupted, while the new program is loaded, say, is ended at once."""
    process: subprocess.Popen[bytes] = subprocess.Popen.__new__(subprocess.Popen)
    try:
        process.__init__(command, **options)  # type: ignore[misc]
    except BaseException:
        if getattr(process, "pid", None) is not None and process.returncode is None:
            process.kill()
            process.wait()
        raise
    return process


class Child:
    """A subprocess that runs ``python -m module``, with lines coming back.

    It sees this process's import path, has a session of its own (so an interrupt from the keyboard does not reach it) and no
    standard error stream.
    """

    def __init__(self, module: str) -> None:
        path = dict.fromkeys(os.path.abspath(p) for p in sys.path)
        self.process = _start(
            [sys.executable, "-P", "-m", module],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0, start_new_session=True,
            env=dict(os.environ, PYTHONPATH=os.pathsep.join(path)),
        )  # fmt: skip
        if self.process.stdin is None or self.process.stdout is None:
            raise WorkerDied("no pipes")
        self.input: IO[bytes] = self.process.stdin
        self.output: IO[bytes] = self.process.stdout
        os.set_blocking(self.input.fileno(), False)
        self._buffer = b""

    def write_some(self, data: bytes) -> int:
        """Write what the pipe takes without waiting, and return how many bytes that were."""
        try:
            return os.write(self.input.fileno(), data)
        except BlockingIOError:
            return 0
        except (OSError, ValueError) as problem:
            raise WorkerDied from problem

    def send(self, data: bytes, deadline: float) -> bool:
        """Write everything; False if that did not work by the deadline (of ``time.monotonic``)."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.input, selectors.EVENT_WRITE)
            while data:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    return False
                data = data[self.write_some(data) :]
        return True

    def read_lines(self) -> list[bytes]:
        """The complete lines that have come, after waiting for some bytes; raises :class:`WorkerDied` at the end."""
        chunk = os.read(self.output.fileno(), 1 << 16)
        if not chunk:
            raise WorkerDied
        *lines, self._buffer = (self._buffer + chunk).split(b"\n")
        return lines

    def receive(self, deadline: float) -> bytes | None:
        """The next line of a child that writes one a request; None at the deadline."""
        with selectors.DefaultSelector() as selector:
            selector.register(self.output, selectors.EVENT_READ)
            while selector.select(max(0.0, deadline - time.monotonic())):
                lines = self.read_lines()
                if lines:
                    return lines[0]
        return None

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self.process.poll() is None

    def close(self) -> None:
        """Close the pipes; the child stops at the end of its input."""
        for pipe in (self.input, self.output):
            try:
                pipe.close()
            except OSError:
                continue

    def kill(self) -> None:
        """End the process and everything in its session, and collect it."""
        if self.alive:
            try:
                os.killpg(self.process.pid, KILLED)
            except (OSError, AttributeError):  # gone already, or no process groups here
                self.process.kill()
        self.close()
        self.process.wait()

    def abandon(self) -> None:
        """In a forked process: close the inherited pipes and leave the child to the process that started it."""
        self.close()
        self.process.returncode = 0  # or Popen would wait for, and complain about, somebody else's child


class Shared:
    """Children that are handed out to one caller at a time and kept between uses.

    Args:
        module: What the children run.
        limit: How many may exist; callers wait for one another beyond it. None: as many as callers ask for.
    """

    def __init__(self, module: str, limit: int | None = None) -> None:
        self.module, self.limit = module, limit
        self._reset()

    def _reset(self) -> None:
        self._idle: list[Child] = []
        self._all: list[Child] = []
        self._free = threading.Condition()
        self._hooked = False

    def acquire(self) -> tuple[Child, bool]:
        """A child, and whether it is a new one."""
        with self._free:
            while True:
                while self._idle:
                    child = self._idle.pop()
                    if child.alive:
                        return child, False
                    self._all.remove(child)
                    child.kill()
                if self.limit is None or len(self._all) < self.limit:
                    self._install_hooks()
                    child = Child(self.module)
                    self._all.append(child)
                    return child, True
                self._free.wait()

    def release(self, child: Child, *, healthy: bool) -> None:
        """Give a child back; one with work in flight or in an unknown state is not healthy, and is ended."""
        with self._free:
            if child in self._all:
                if healthy:
                    self._idle.append(child)
                else:
                    self._all.remove(child)
            self._free.notify()
        if not healthy:
            child.kill()

    def stop(self) -> None:
        """End all children."""
        with self._free:
            children = list(self._all)
            self._all.clear()
            self._idle.clear()
            self._free.notify_all()
        for child in children:
            child.kill()

    def _install_hooks(self) -> None:
        if self._hooked:
            return
        self._hooked = True
        atexit.register(self.stop)
        if hasattr(os, "register_at_fork"):
            os.register_at_fork(after_in_child=self._forget)

    def _forget(self) -> None:
        """After a fork, in the new process: the lock may be held by a thread that does not exist here."""
        for child in self._all:
            child.abandon()
        hooked = self._hooked
        self._reset()
        self._hooked = hooked
