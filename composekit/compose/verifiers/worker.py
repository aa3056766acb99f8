"""The parent's side of the worker processes that run Math-Verify under a real deadline.

The workers are shared by all verifiers of a process, start on first use, and end with it: they stop at the end of their input,
which comes even when this process is killed. No signal handler, alarm or thread is installed here.
"""

from __future__ import annotations

import atexit
import importlib.util
import json
import os
import selectors
import subprocess
import sys
import threading
import time
from typing import Any

_MODULE = "composekit.compose.verifiers._worker"
_START_LIMIT = 60.0  # seconds for the imports; they are not charged to any answer
_GRACE = 1.0 if hasattr(os, "fork") else 0.1  # what the parent waits beyond the worker's own deadline
_MAX_WORKERS = 4

PIP = "pip install 'composekit[math]'"


class WorkerDied(Exception):
    """The worker process is gone."""


class Child:
    """A subprocess that runs a module of ours, with one JSON message a line each way.

    Args:
        module: The module to run with ``-m``.
        arguments: Further command-line arguments.
    """

    def __init__(self, module: str, *arguments: str) -> None:
        path = [os.path.abspath(p) for p in sys.path]
        env = dict(os.environ, PYTHONPATH=os.pathsep.join(dict.fromkeys(path)))
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-m", module, *arguments],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=env, start_new_session=True,
            bufsize=0,
        )  # fmt: skip
        self._buffer = b""

    def send(self, data: bytes) -> None:
        """Write one message; raises :class:`WorkerDied` if nobody reads."""
        assert_pipe = self.process.stdin
        if assert_pipe is None:
            raise WorkerDied
        try:
            view = memoryview(data)
            while view:
                view = view[assert_pipe.write(view) or 0 :]
        except (OSError, ValueError) as problem:
            raise WorkerDied from problem

    def receive(self, deadline: float) -> dict[str, Any] | None:
        """The next message; None at the deadline (of ``time.monotonic``); raises :class:`WorkerDied` at the end."""
        pipe = self.process.stdout
        if pipe is None:
            raise WorkerDied
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while b"\n" not in self._buffer:
                if not selector.select(max(0.0, deadline - time.monotonic())):
                    return None
                chunk = os.read(pipe.fileno(), 65536)
                if not chunk:
                    raise WorkerDied
                self._buffer += chunk
        line, _, self._buffer = self._buffer.partition(b"\n")
        return json.loads(line)

    def kill(self) -> None:
        """End the process and everything in its session, and collect it."""
        if self.process.poll() is None:
            try:
                os.killpg(self.process.pid, 9)
            except (OSError, AttributeError):
                self.process.kill()
        self.close()
        self.process.wait()

    def close(self) -> None:
        """Close the pipes; the child stops at the end of its input."""
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                try:
                    pipe.close()
                except OSError:
                    continue

    def abandon(self) -> None:
        """In a forked child: drop the pipes that belong to the parent, and leave its process alone."""
        self.close()
        self.process.returncode = 0


class Pool:
    """Idle workers, and new ones up to a limit; threads wait for one another beyond it."""

    def __init__(self) -> None:
        self._idle: list[Child] = []
        self._all: list[Child] = []
        self._free = threading.Condition()

    def ask(self, gold: str, answer: str, timeout: float) -> dict[str, Any]:
        """The reply of a worker: a ``status`` and a ``detail``."""
        request = json.dumps({"gold": gold, "answer": answer, "timeout": timeout}).encode() + b"\n"
        for _attempt in (1, 2):  # a worker that somebody killed while it was idle costs one more try
            child = self._acquire()
            healthy = False
            try:
                child.send(request)
                reply = child.receive(time.monotonic() + timeout + _GRACE)
                if reply is None:
                    return {"status": "timeout", "detail": ""}
                healthy = True
                if reply.get("died") == 14:
                    return {"status": "timeout", "detail": ""}
                if "died" in reply:
                    return {"status": "error", "detail": f"the worker was killed by signal {reply['died']}"}
                return reply
            except WorkerDied:
                continue
            finally:  # also on KeyboardInterrupt: a worker with a request in flight is of no use to the next caller
                self._release(child, healthy)
        return {"status": "error", "detail": "the worker died twice"}

    def _acquire(self) -> Child:
        with self._free:
            while True:
                while self._idle:
                    child = self._idle.pop()
                    if child.process.poll() is None:
                        return child
                    self._all.remove(child)
                    child.kill()
                if len(self._all) < min(_MAX_WORKERS, os.cpu_count() or 1):
                    child = Child(_MODULE)
                    self._all.append(child)
                    break
                self._free.wait()
        try:
            greeting = child.receive(time.monotonic() + _START_LIMIT)
        except BaseException:
            self._release(child, False)
            raise
        if greeting is None or not greeting.get("ready"):
            self._release(child, False)
            raise MissingMathVerify((greeting or {}).get("detail", "it did not start"))
        return child

    def _release(self, child: Child, healthy: bool) -> None:
        with self._free:
            if healthy:
                self._idle.append(child)
            elif child in self._all:
                self._all.remove(child)
            self._free.notify()
        if not healthy:
            child.kill()

    def stop(self) -> None:
        """End all workers."""
        with self._free:
            children, self._all, self._idle = self._all, [], []
            self._free.notify_all()
        for child in children:
            child.kill()

    def abandon(self) -> None:
        """Forget the workers without ending them: they belong to the process that this one was forked from."""
        for child in self._all:
            child.abandon()


class MissingMathVerify(Exception):
    """Math-Verify cannot be imported by the worker."""


_pool: Pool | None = None
_pool_lock = threading.Lock()
_hooks_installed = False


def ask(gold: str, answer: str, timeout: float) -> dict[str, Any]:
    """Judge a pair in a worker, within ``timeout`` seconds.

    Returns:
        ``status``: equal, different, undecided, unreadable, timeout, memory, error or missing; and a ``detail``.
    """
    if not installed():
        return {"status": "missing", "detail": ""}
    try:
        return _shared_pool().ask(gold, answer, timeout)
    except MissingMathVerify as problem:
        return {"status": "missing", "detail": str(problem)}
    except (OSError, WorkerDied) as problem:
        return {"status": "error", "detail": f"the worker cannot be started: {problem!r}"}


def installed() -> bool:
    """Whether Math-Verify can be found, without importing it."""
    try:
        return importlib.util.find_spec("math_verify") is not None
    except (ImportError, ValueError):
        return False


def _shared_pool() -> Pool:
    global _pool, _hooks_installed
    with _pool_lock:
        if _pool is None:
            _pool = Pool()
            if not _hooks_installed:
                _hooks_installed = True
                atexit.register(_stop)
                if hasattr(os, "register_at_fork"):
                    os.register_at_fork(after_in_child=_forget)
        return _pool


def _stop() -> None:
    if _pool is not None:
        _pool.stop()


def _forget() -> None:
    global _pool, _pool_lock
    if _pool is not None:
        _pool.abandon()
    _pool, _pool_lock = None, threading.Lock()
