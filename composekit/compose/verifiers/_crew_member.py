"""A child process of :func:`verify_batch`: judges chunks of responses. Run as a module, not to be imported.

A request is a length in decimal digits and a newline, then that many bytes of pickle: the time limit and a list of (number,
response, problem). Each verdict goes back at once, as a line of JSON, so that the parent knows which response is in hand.
"""

from __future__ import annotations

import json
import os
import pickle
import select
import threading
from typing import Any


def main() -> None:
    """Serve until the input ends."""
    requests, replies = os.fdopen(os.dup(0), "rb"), os.dup(1)
    if hasattr(select, "poll"):
        threading.Thread(target=_end_with_parent, args=(os.dup(0),), daemon=True).start()
    quiet = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):  # nothing that a judge prints may be taken for a verdict
        os.dup2(quiet, fd)
    while header := requests.readline():
        timeout, jobs = pickle.loads(requests.read(int(header)))
        for number, response, problem in jobs:
            reply = json.dumps({"number": number, "verdict": _judged(response, problem, timeout)})
            _write(replies, reply.encode() + b"\n")


def _end_with_parent(requests: int) -> None:
    """Stop at once, in the middle of a judgement too, when the parent's end of the pipe closes."""
    poll = select.poll()
    poll.register(requests, 0)
    poll.poll()
    os._exit(0)


def _judged(response: str, problem: Any, timeout: float | None) -> dict[str, Any]:
    from composekit.compose.verifiers.dispatch import judge_for

    try:
        return judge_for(problem.verifier, timeout).verify(response, problem).to_dict()
    except Exception as problem_:  # one response must not take the others down
        detail = f"{type(problem_).__name__}: {problem_}"[:300]
        return {"score": 0.0, "status": "error", "extracted": None, "detail": detail, "parts": []}


def _write(fd: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(fd, view) :]


if __name__ == "__main__":
    main()
