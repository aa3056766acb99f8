"""The parent's side of the worker processes that run Math-Verify under a real deadline."""

from __future__ import annotations

import importlib.util
import json
import os
import signal
import time

from composekit.compose.verifiers.processes import Child, Shared, WorkerDied

PIP = "pip install 'composekit[math]'"
_START_LIMIT = 60.0  # seconds for the imports; they are not charged to any answer
_GRACE = 1.0 if hasattr(os, "fork") else 0.1  # what the parent waits beyond the worker's own deadline
_ALARM = getattr(signal, "SIGALRM", 14)

_shared = Shared("composekit.compose.verifiers._worker", limit=max(1, min(4, os.cpu_count() or 1)))

Reply = dict[str, str]


def installed() -> bool:
    """Whether Math-Verify can be found, without importing it."""
    try:
        return importlib.util.find_spec("math_verify") is not None
    except (ImportError, ValueError):
        return False


def ask(gold: str, answer: str, timeout: float) -> Reply:
    """Judge a pair in a worker.

    Args:
        gold, answer: The bare answers.
        timeout: Seconds for the judgement, from when the worker is ready.

    Returns:
        ``status``: equal, different, undecided, unreadable, timeout, memory, error or missing; and a ``detail``.
    """
    if not installed():
        return {"status": "missing", "detail": ""}
    request = json.dumps({"gold": gold, "answer": answer, "timeout": timeout}).encode() + b"\n"
    for _attempt in (1, 2):  # a worker that somebody ended while it was idle costs one more try
        try:
            child, new = _shared.acquire()
        except (OSError, WorkerDied) as problem:
            return {"status": "error", "detail": f"no worker can be started: {problem!r}"}
        healthy = False
        try:
            if new:
                refusal = _greeting(child)
                if refusal is not None:
                    return refusal
            reply = _exchange(child, request, timeout)
            healthy = reply is not None
            return _understood(reply)
        except WorkerDied:
            continue
        finally:  # an interrupt passes here too: a worker with a request in flight is of no use to the next caller
            _shared.release(child, healthy=healthy)
    return {"status": "error", "detail": "the worker died twice"}


def _greeting(child: Child) -> Reply | None:
    """Wait until the imports are done; a reply instead if they failed."""
    line = child.receive(time.monotonic() + _START_LIMIT)
    if line is None:
        return {"status": "error", "detail": f"the worker did not start within {_START_LIMIT} s"}
    greeting = json.loads(line)
    return None if greeting["ready"] else {"status": "missing", "detail": greeting["detail"]}


def _exchange(child: Child, request: bytes, timeout: float) -> Reply | None:
    deadline = time.monotonic() + timeout + _GRACE
    line = child.receive(deadline) if child.send(request, deadline) else None
    return None if line is None else json.loads(line)


def _understood(reply: Reply | None) -> Reply:
    if reply is None:
        return {"status": "timeout", "detail": ""}
    if "died" in reply:
        late = int(reply["died"]) == _ALARM
        return {"status": "timeout" if late else "error", "detail": f"the worker was ended by signal {reply['died']}"}
    return reply
