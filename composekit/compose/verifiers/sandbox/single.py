"""One job without walls, for a machine that is itself one: a child process with limits; what it said, as JSON."""

from __future__ import annotations

import base64
import json
import os
import resource
import selectors
import shutil
import signal
import struct
import sys
import tempfile
import time
from typing import Any

from composekit.compose.verifiers.sandbox import harness

BEGUN = '{"begun": true}'


def main(job: dict[str, Any]) -> None:
    """Do a job and print that it begins, then ``{"messages": [...], "output": base64, "why": ..., "exit": ...}``."""
    work = tempfile.mkdtemp()
    sys.stdout.write(BEGUN + "\n")
    sys.stdout.flush()
    try:
        sys.stdout.write(json.dumps(run(job, work)) + "\n")
    finally:
        shutil.rmtree(work, ignore_errors=True)


def run(job: dict[str, Any], work: str) -> dict[str, Any]:
    """Fork, feed, listen until the job ends or a limit is met, and kill."""
    down, feed = os.pipe()
    up, say = os.pipe()
    source, stdin = os.pipe()
    stdout, sink = os.pipe()
    deadline = time.monotonic() + job["timeout"]
    pid = os.fork()
    if pid == 0:
        _child(job, work, (source, sink, down, say))
    for fd in (down, say, source, sink):
        os.close(fd)
    try:
        talk = _Talk(
            job, {feed: b"".join(_framed(m) for m in job["messages"]), stdin: job["stdin"].encode()}, up, stdout
        )
        why = talk.listen(deadline)
    finally:
        try:
            os.killpg(pid, signal.SIGKILL)
        except OSError:
            os.kill(pid, signal.SIGKILL)
    status = os.waitpid(pid, 0)[1]
    code = os.waitstatus_to_exitcode(status) if not why else None
    return {
        "messages": talk.messages,
        "output": base64.b64encode(talk.heard[stdout]).decode(),
        "why": why,
        "exit": code,
    }


def _framed(message: str) -> bytes:
    data = message.encode()
    return struct.pack(">I", len(data)) + data


class _Talk:
    """Both directions of all pipes at once."""

    def __init__(self, job: dict[str, Any], unsent: dict[int, bytes], up: int, stdout: int) -> None:
        self.job, self.unsent, self.up = job, unsent, up
        self.heard: dict[int, bytearray] = {up: bytearray(), stdout: bytearray()}
        self.messages: list[str] = []

    def listen(self, deadline: float) -> str:
        """Until every expected message has come and the job has ended; says which limit was met."""
        with selectors.DefaultSelector() as selector:
            for fd in self.heard:
                selector.register(fd, selectors.EVENT_READ)
            for fd in self.unsent:
                os.set_blocking(fd, False)
                selector.register(fd, selectors.EVENT_WRITE)
            while any(fd in selector.get_map() for fd in self.heard):
                left = deadline - time.monotonic()
                if left <= 0:
                    return "time"
                for key, _ in selector.select(left):
                    done = self._write(key.fd) if key.fd in self.unsent else self._read(key.fd)
                    if done:
                        selector.unregister(key.fd)
                        if key.fd in self.unsent:
                            os.close(key.fd)
                if any(len(data) > self.job["output"] for data in self.heard.values()):
                    return "output"
                if self.job["mode"] == "function" and len(self.messages) >= len(self.job["messages"]):
                    return "enough"
        return ""

    def _write(self, fd: int) -> bool:
        try:
            sent = os.write(fd, self.unsent[fd][: 1 << 16])
        except BlockingIOError:
            return False
        except OSError:
            return True
        self.unsent[fd] = self.unsent[fd][sent:]
        return not self.unsent[fd] and self.job["mode"] == "program"

    def _read(self, fd: int) -> bool:
        data = os.read(fd, 1 << 18)
        self.heard[fd] += data
        while fd == self.up and len(self.heard[fd]) >= 4:
            (length,) = struct.unpack(">I", self.heard[fd][:4])
            if length > self.job["output"] or len(self.heard[fd]) < 4 + length:
                break
            self.messages.append(self.heard[fd][4 : 4 + length].decode("ascii", "replace"))
            del self.heard[fd][: 4 + length]
            if self.messages == ['{"ready":true}']:
                self.messages.clear()
            if self.job["mode"] == "program" and len(self.messages) > 1:
                del self.messages[1:]  # it says one thing, at its end
        return not data


def _child(job: dict[str, Any], work: str, fds: tuple[int, ...]) -> None:
    try:
        os.setsid()
        quiet = os.open(os.devnull, os.O_RDWR)
        source, sink, down, say = fds
        high = [os.dup2(fd, 100 + k) for k, fd in enumerate((source, sink, quiet, down, say))]
        for k, fd in enumerate(high):
            os.dup2(fd, k)
        os.closerange(5, 1024)
        sys.stdin = open(0, closefd=False)  # noqa: SIM115
        sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115
        os.chdir(work)
        os.environ.clear()
        os.environ.update(HOME=work, TMPDIR=work, PATH="/usr/bin:/bin", LANG="C.UTF-8")
        for name, value in (
            ("AS", job["memory"]),
            ("FSIZE", job["files"]),
            ("CORE", 0),
            ("CPU", int(job["timeout"]) + 1),
        ):
            hard = resource.getrlimit(getattr(resource, f"RLIMIT_{name}"))[1]
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))
        harness.forget({})
        harness.main(job["mode"])
    finally:
        os._exit(1)
