"""The process that forks: it knows the layout and the limits of jobs, and never their contents.

Started as ``python -I -S`` with a socket as its standard input. Each message is a specification in JSON with the file
descriptors of the job's pipes; the supervisor that is forked for it reports to the caller itself. It ends with the socket.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import signal
import socket
import struct
import sys
from typing import Any

from composekit.compose.verifiers.sandbox import layout as layouts
from composekit.compose.verifiers.sandbox import rootfs
from composekit.compose.verifiers.sandbox.supervisor import Supervisor

# What solutions import most; loaded once here instead of in every candidate.
_COMMON = (
    "array", "abc", "bisect", "cmath", "collections", "collections.abc", "copy", "dataclasses", "datetime", "decimal",
    "enum", "fractions", "functools", "heapq", "io", "itertools", "json", "math", "numbers", "operator", "queue", "random",
    "re", "signal", "statistics", "string", "textwrap", "threading", "time", "traceback", "types", "typing",
)  # fmt: skip


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
    calls.sendall(json.dumps({"pid": os.getpid(), "closed": note}).encode())
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for supervisors
    gc.collect()
    gc.freeze()
    while True:
        data, fds, _, _ = socket.recv_fds(calls, 1 << 16, 8)
        if not data:
            return
        (length,) = struct.unpack(">I", data[:4])
        while len(data) < 4 + length:
            data += calls.recv(1 << 16)
        _serve(json.loads(data[4:]), fds, shown, calls)


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


def _serve(spec: dict[str, Any], fds: list[int], shown: layouts.Layout, calls: socket.socket) -> None:
    if os.fork() == 0:
        try:
            calls.close()
            Supervisor(spec, shown, dict(zip(spec["fds"], fds, strict=True))).run()
        finally:
            os._exit(0)
    for fd in fds:
        os.close(fd)
