"""The process that does jobs of a tier, one after another: what is the same for all of them is built once.

Of a job nothing is left when it takes the next one: every process is gone, which it sees by having no child, and so are the
files and the mounts. At T2 it is the first process of a namespace, so that its own end is the end of everything in it.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import struct
import time

from composekit.compose.verifiers.sandbox import child, harness, landlock, linux, rootfs, seccomp, users
from composekit.compose.verifiers.sandbox.child import Walls
from composekit.compose.verifiers.sandbox.layout import Layout
from composekit.compose.verifiers.sandbox.procfs import Proc
from composekit.compose.verifiers.sandbox.supervisor import Supervisor

JOBS = 200  # then another one takes its place
_PATIENCE = 120.0  # seconds for the end of a job that would not end
_LARGEST = 1 << 16  # bytes of a specification


def main(tier: int, layout: Layout, orders: socket.socket) -> None:
    """In a new process of the server: settle, say which process this is, serve until the orders end."""
    unfit = ""
    proc = Proc()
    uid = -1
    for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)  # from inside a namespace, its first process then hears none of them
    try:
        if os.geteuid() == 0:
            uid, _ = users.claim(proc)
            if uid < 0 and tier < 2:
                raise OSError("root's privileges cannot be dropped: there is no other user id")
        if tier >= 2:
            _enter_namespaces()
            pid = os.fork()
            if pid:
                orders.sendall(struct.pack(">I", pid))
                os._exit(0)
        else:
            orders.sendall(struct.pack(">I", os.getpid()))
    except OSError as problem:
        unfit = f"{type(problem).__name__}: {problem}"
        orders.sendall(struct.pack(">I", os.getpid()))
    walls = _walls(tier, layout, proc, unfit)._replace(uid=uid if uid >= 0 else None)
    child.furnish()
    harness.forget(layout.packages)
    gc.collect()
    gc.freeze()
    gc.disable()
    for left in reversed(range(JOBS)):
        data, fds, _, _ = socket.recv_fds(orders, _LARGEST, 8)
        if not data:
            return
        spec = json.loads(data)
        job = Supervisor(spec, walls, proc, dict(zip(spec["fds"], fds, strict=True)), orders)
        again = job.run() and left > 0
        if again:
            orders.sendall(b"+")  # before the caller hears of it and has the next job
        job.tell()
        if not again:
            _insist(job)
            return


def _insist(job: Supervisor) -> None:
    """Go on killing what did not end in time; a namespace ends with this process anyway."""
    until = time.monotonic() + _PATIENCE
    while os.getpid() != 1 and not job.ended["swept"] and time.monotonic() < until:
        job.ended["swept"] = job.sweep()


def _enter_namespaces() -> None:
    if os.geteuid() != 0:
        _own_user_namespace()
    linux.unshare(linux.CLONE_NEWPID | linux.CLONE_NEWNET | linux.CLONE_NEWIPC | linux.CLONE_NEWUTS | linux.CLONE_NEWNS)
    linux.sethostname("sandbox")


def _own_user_namespace() -> None:
    """Become all-powerful in a user namespace in which only this user exists."""
    uid, gid = os.getuid(), os.getgid()
    linux.unshare(linux.CLONE_NEWUSER)
    for name, text in (("setgroups", "deny"), ("uid_map", f"{uid} {uid} 1"), ("gid_map", f"{gid} {gid} 1")):
        with open(f"/proc/self/{name}", "w") as file:
            file.write(text)


def _walls(tier: int, layout: Layout, proc: Proc, unfit: str) -> Walls:
    """Build what all candidates share; a wall that cannot be built is told to the first job that needs it."""
    ruleset = -1
    try:
        proc.write(
            "self/oom_score_adj", "1000"
        )  # inherited: where memory runs out, candidates go first, the largest of all
        if linux.LINUX:
            linux.prctl(linux.PR_SET_CHILD_SUBREAPER, 1)
            linux.prctl(linux.PR_SET_DUMPABLE, 0)
        if tier >= 2 and not unfit:
            rootfs.build(layout)
        if tier == 1:
            ruleset = landlock.prepare(
                [*layout.readable(), "/dev/null"], ["/dev/null"], map(os.path.dirname, layout.covered)
            )
        if tier >= 1:
            seccomp.packed(shared_user=tier == 1 and os.geteuid() != 0, pid=None)
            landlock.version()
            linux.drop_bounds()
    except OSError as problem:
        unfit = unfit or f"{type(problem).__name__}: {problem}"
    return Walls(tier, layout, ruleset, unfit, None)
