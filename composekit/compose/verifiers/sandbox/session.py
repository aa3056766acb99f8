"""The caller's end of one job, from its start to the end of all that it started."""

from __future__ import annotations

import json
import os
import selectors
import socket
import struct
import tempfile
import time
from contextlib import suppress
from typing import Any

from composekit.compose.verifiers.sandbox.client import Server
from composekit.compose.verifiers.sandbox.terms import Broken, Ending, Limits, Over
from composekit.compose.verifiers.sandbox.values import Refused, loads

_GRACE = 20.0  # seconds that cleaning up may take after a job
_UNREAD = 1 << 20  # bytes of messages that may wait, beyond one of the largest
_LATE = 0.25  # seconds that the supervisor, whose clock counts, has before the caller's own clock does


class Session:
    """A job, from its start to the end of all that it started.

    Args:
        server: Who forks.
        mode: ``function``, ``program``, ``checker`` or ``nothing``.
        tier: 0, 1 or 2.
        limits: What the candidate may use.
        deadline: When it ends at the latest, in the time of ``time.monotonic``.
        stdin: The standard input of a program.
    """

    def __init__(
        self, server: Server, mode: str, tier: int, limits: Limits, deadline: float, stdin: bytes | None = None
    ) -> None:
        self.tier, self.limits, self.deadline = tier, limits, deadline
        self.output = bytearray()
        self._queues: dict[int, bytearray] = {}
        self._buffer = bytearray()
        self._messages: list[bytes] = []
        self._waiting = 0  # bytes of messages that nobody has taken yet
        self._ending: Ending | None = None
        self._said = bytearray()
        self._ready = False
        self._selector = selectors.DefaultSelector()
        status, theirs = socket.socketpair()
        self._status: socket.socket = status
        given = {"status": theirs.detach()}
        try:
            given["down"], self._down = os.pipe()
            self._up, given["up"] = os.pipe()
            self._stdin = self._stdout = -1
            if stdin is not None:
                given["stdin"], self._stdin = os.pipe()
                self._stdout, given["stdout"] = os.pipe()
            spec = {
                "mode": mode, "tier": tier, "deadline": deadline, "tmp": tempfile.gettempdir(), **limits._asdict(),
                "timeout": max(1.0, deadline - time.monotonic()),
            }  # fmt: skip
            for fd in (self._down, self._up, self._stdin, self._stdout):
                if fd >= 0:
                    os.set_blocking(fd, False)
            self._status.setblocking(False)
            server.launch(spec, given)
        except BaseException:
            self._close_all()
            raise
        finally:
            for fd in given.values():
                os.close(fd)
        for source in (self._up, self._stdout, self._status):
            if source != -1:
                self._selector.register(source, selectors.EVENT_READ)
        if stdin is not None:
            self._queue(self._stdin, stdin)
            if not stdin:
                self._shut(self._stdin)

    # --- messages

    def send(self, message: bytes) -> None:
        """Queue a message; it leaves while others are awaited."""
        self._queue(self._down, struct.pack(">I", len(message)) + message)

    def receive(self) -> bytes:
        """The next message as bytes.

        Raises:
            Over: there will be none.
            Broken: the job could not be started.
        """
        while not self._messages:
            self._step()
        message = self._messages.pop(0)
        self._waiting -= len(message) + 64
        return message

    def hear(self) -> Any:
        """The next message as JSON.

        Raises:
            Over: there will be none, or it is malformed.
            Broken: the job could not be started.
        """
        try:
            message = loads(self.receive())
        except Refused as problem:
            raise Over(f"it wrote to the private channel: {problem}") from None
        if type(message) is not dict:
            raise Over("it wrote to the private channel")
        return message

    @property
    def ending(self) -> Ending | None:
        """How the job ended; None while it has not, or nobody has looked."""
        return self._ending

    def drained(self) -> bytes:
        """All that a program wrote: up to its end, which comes after its last message.

        Raises:
            Over: it does not end, or wrote too much.
        """
        while self._ending is None:
            self._step()
        return bytes(self.output)

    # --- the machinery

    def _queue(self, fd: int, data: bytes) -> None:
        if not data or fd == -1:
            return
        queue = self._queues.get(fd)
        if queue is None:
            self._queues[fd] = bytearray(data)
            self._selector.register(fd, selectors.EVENT_WRITE)
        else:
            queue += data

    def _step(self) -> None:
        """Wait until something happens and deal with it; raises if no message can come any more."""
        if self._ending is not None:
            raise self._over(self._ending)
        left = self.deadline + _LATE - time.monotonic()
        if left <= 0:
            raise Over("the time is over", timeout=True)
        for key, _ in self._selector.select(left):
            if key.fileobj is self._status:
                self._hear_status()
            elif key.fd == self._up:
                self._hear_messages()
            elif key.fd == self._stdout:
                self._hear_output()
            elif key.fd in self._queues:  # the others may have been closed by what came before
                self._write(key.fd)

    def _write(self, fd: int) -> None:
        queue = self._queues[fd]
        try:
            sent = os.write(fd, memoryview(queue)[: 1 << 16])
        except BlockingIOError:
            return
        except OSError:
            self._shut(fd)  # nobody reads: how the job ended will tell
            return
        del queue[:sent]
        if not queue:
            self._selector.unregister(fd)
            del self._queues[fd]
            if fd == self._stdin:
                self._shut(fd)

    def _read(self, fd: int) -> bytes | None:
        try:
            return os.read(fd, 1 << 16)
        except BlockingIOError:
            return None

    def _hear_messages(self) -> None:
        data = self._read(self._up)
        if data is None:
            return
        if not data:
            self._shut(self._up)
            return
        self._buffer += data
        while len(self._buffer) >= 4:
            (length,) = struct.unpack(">I", self._buffer[:4])
            if length > self.limits.output:
                raise Over(f"a result has more than {self.limits.output} bytes")
            if len(self._buffer) < 4 + length:
                return
            message = bytes(self._buffer[4 : 4 + length])
            del self._buffer[: 4 + length]
            if self._ready:
                self._messages.append(message)
                self._waiting += length + 64
                if self._waiting > self.limits.output + _UNREAD:  # or it could fill the caller's memory
                    raise Over("it wrote more to the private channel than anybody asked for")
            else:  # the first word comes from the walls, before the candidate is there
                first = json.loads(message)
                if "setup" in first:
                    raise Broken(first["setup"])
                self._ready = True

    def _hear_output(self) -> None:
        data = self._read(self._stdout)
        if data is None:
            return
        if not data:
            self._shut(self._stdout)
            return
        self.output += data
        if len(self.output) > self.limits.output:
            raise Over(f"it wrote more than {self.limits.output} bytes")

    def _hear_status(self) -> None:
        try:
            data = self._status.recv(1 << 16)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self._said += data
            return
        self._selector.unregister(self._status)
        try:
            said = json.loads(self._said)
            ending = Ending(said.get("exit"), said.get("why", ""), said.get("setup", ""), bool(said.get("swept")))
        except ValueError:
            ending = self._lost()
        for fd, listen in ((self._up, self._hear_messages), (self._stdout, self._hear_output)):
            while fd >= 0 and fd in (self._up, self._stdout):  # what was still in the pipes
                before = len(self._buffer) + len(self.output) + len(self._messages)
                listen()
                if len(self._buffer) + len(self.output) + len(self._messages) == before:
                    break
        self._ending = ending

    def _lost(self) -> Ending:
        """The end of a job whose supervisor is gone. Only where nothing but its user id protects it, and the candidate has
        that, this is the candidate's doing.
        """
        if self.tier == 0 and os.geteuid() != 0 and self._ready:
            return Ending(None, "supervisor", "", True)
        return Ending(None, "", "the supervisor is gone", False)

    def _over(self, ending: Ending) -> Over | Broken:
        if ending.setup:
            return Broken(ending.setup)
        if not self._ready:
            return Broken("the job ended before it began")
        if ending.why == "time":
            return Over("the time is over", timeout=True)
        if ending.why == "memory":
            return Over(f"it used more than {self.limits.memory} bytes of memory")
        if ending.why == "supervisor":
            return Over("it ended its supervisor")
        if ending.why == "files":
            return Over(f"its files have more than {self.limits.files} bytes, or are more than {self.limits.inodes}")
        if ending.exit is not None and ending.exit < 0:
            return Over(f"it was ended by signal {-ending.exit}")
        return Over(f"it ended with exit code {ending.exit} and without a result")

    def _shut(self, fd: int) -> None:
        """Close one end."""
        if fd == -1:
            return
        if fd in self._queues or fd in (self._up, self._stdout):
            with suppress(KeyError):
                self._selector.unregister(fd)
        self._queues.pop(fd, None)
        os.close(fd)
        for name in ("_down", "_up", "_stdin", "_stdout"):
            if getattr(self, name) == fd:
                setattr(self, name, -1)

    def close(self) -> Ending:
        """Stop the job, wait until nothing of it is left, and say how it ended."""
        try:
            if self._ending is None:
                self._status.setblocking(True)
                self._status.settimeout(_GRACE)
                try:
                    self._status.shutdown(socket.SHUT_WR)
                    while data := self._status.recv(1 << 16):
                        self._said += data
                    said = json.loads(self._said)
                    self._ending = Ending(
                        said.get("exit"), said.get("why", ""), said.get("setup", ""), bool(said.get("swept"))
                    )
                except (OSError, ValueError):
                    self._ending = self._lost()
        finally:
            self._close_all()
        return self._ending

    def _close_all(self) -> None:
        for name in ("_down", "_up", "_stdin", "_stdout"):
            fd = getattr(self, name, -1)
            if fd != -1:
                setattr(self, name, -1)
                os.close(fd)
        self._status.close()
        self._selector.close()
        self._queues.clear()
