"""The caller's side: the servers of this process."""

from __future__ import annotations

import atexit
import json
import os
import shutil
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from composekit.compose.verifiers.sandbox.terms import Broken
from composekit.compose.verifiers.sandbox.values import dumps

_HERE = Path(__file__).resolve().parent
# Empty parent packages, so that the modules of this folder are found and nothing else of the library is loaded.
_BOOT = """
import json, sys, types
config = json.loads(sys.argv[1])
for name, path in config["parents"]:
    module = types.ModuleType(name)
    module.__path__ = [path]
    sys.modules[name] = module
from composekit.compose.verifiers.sandbox import server
server.main(config)
"""
_NAMES = ("composekit", "composekit.compose", "composekit.compose.verifiers", "composekit.compose.verifiers.sandbox")
_START = 60.0  # seconds that a server may take to start


class Server:
    """The forking server of this process, with or without bubblewrap around it."""

    def __init__(self, packages: Mapping[str, str], wrapped: bool) -> None:
        ours, theirs = socket.socketpair()
        folder, parents = _HERE, []
        for name in reversed(_NAMES):
            parents.append((name, str(folder)))
            folder = folder.parent
        config = {
            "packages": dict(packages),
            "parents": parents[::-1],
            "wrap": shutil.which("bwrap") if wrapped else None,
        }
        executable = str(getattr(sys, "_base_executable", None) or sys.executable)
        config |= {"python": executable, "boot": _BOOT}
        env = {"PATH": os.defpath, "LANG": "C.UTF-8", "MALLOC_ARENA_MAX": "2", "OPENBLAS_NUM_THREADS": "1"}
        try:
            self.process = subprocess.Popen(
                [executable, "-I", "-S", "-X", "utf8", "-c", _BOOT, json.dumps(config)],
                stdin=theirs.fileno(), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd="/", env=env,
                start_new_session=True,
            )  # fmt: skip
        except OSError as problem:
            ours.close()
            raise Broken(f"the server does not start: {problem}") from problem
        finally:
            theirs.close()
        self.socket = ours
        self.lock = threading.Lock()
        self.socket.settimeout(_START)
        try:
            hello = self.socket.recv(1 << 16)
        except OSError:
            hello = b""
        if not hello:
            self.process.kill()
            said = self.process.stderr.read()[-300:].decode(errors="replace") if self.process.stderr else ""
            self.stop()
            raise Broken(f"the server does not start: {said.strip().splitlines()[-1:]}")
        self.closed: str = json.loads(hello)["closed"]
        if self.process.stderr:
            self.process.stderr.close()

    @property
    def alive(self) -> bool:
        """Whether the process still runs."""
        return self.process.poll() is None

    def launch(self, spec: Mapping[str, Any], fds: Mapping[str, int]) -> None:
        """Start a job."""
        body = dumps({**spec, "fds": list(fds)})
        with self.lock:
            try:
                socket.send_fds(self.socket, [struct.pack(">I", len(body)) + body], list(fds.values()))
            except OSError as problem:
                raise Broken(f"the server is gone: {problem}") from problem

    def stop(self) -> None:
        """End the process: it ends with the socket, and the jobs with their own."""
        self.socket.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        if self.process.stderr:
            self.process.stderr.close()

    def abandon(self) -> None:
        """In a forked process: leave the server to the process that started it."""
        self.socket.close()
        self.process.returncode = 0


_servers: dict[tuple[Any, ...], Server] = {}
_lock = threading.Lock()
_hooked = False


def server(packages: Mapping[str, str], *, wrapped: bool = False) -> Server:
    """The server of this process for these packages, started on first use."""
    global _hooked
    key = (tuple(sorted(packages.items())), wrapped)
    with _lock:
        found = _servers.get(key)
        if found is not None and not found.alive:
            found.stop()
            found = None
        if found is None:
            found = _servers[key] = Server(packages, wrapped)
        if not _hooked:
            _hooked = True
            atexit.register(stop)
            os.register_at_fork(after_in_child=_forget)
    return found


def stop() -> None:
    """End the servers of this process."""
    with _lock:
        for found in _servers.values():
            found.stop()
        _servers.clear()


def _forget() -> None:
    global _lock
    _lock = threading.Lock()  # a thread that does not exist here may hold the old one
    for found in _servers.values():
        found.abandon()
    _servers.clear()
