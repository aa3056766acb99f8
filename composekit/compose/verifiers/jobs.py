"""Jobs for other machines: what to run, as a program that needs nothing but Python."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from composekit.compose.verifiers.sandbox.single import BEGUN
from composekit.compose.verifiers.sandbox.terms import Broken, Ending, Limits, Over
from composekit.compose.verifiers.sandbox.values import Refused, loads

_EMBEDDED = ("values", "channel", "sources", "checker", "harness", "single")
_PACKAGE = "composekit.compose.verifiers.sandbox"
_PROGRAM = """
import json, sys, types
parts = {package!r}.split(".")
for k in range(len(parts)):
    module = types.ModuleType(".".join(parts[:k + 1]))
    module.__path__ = []
    sys.modules[module.__name__] = module
for name, source in json.loads({sources!r}):
    module = types.ModuleType({package!r} + "." + name)
    sys.modules[module.__name__] = module
    setattr(sys.modules[{package!r}], name, module)
    exec(compile(source, name + ".py", "exec"), module.__dict__)
sys.modules[{package!r} + ".single"].main(json.loads({job!r}))
"""


@dataclass(frozen=True)
class Job:
    """What a ``runner`` is to run.

    Args:
        mode: ``"function"``: define and call a function; ``"program"``: run a whole program.
        messages: What the candidate is told, as JSON texts: its source and the arguments of calls. No expected value.
        stdin: The standard input of a program.
        timeout: Seconds that are left.
        memory, processes, files, output: The limits in bytes (and processes); the program sets those that it can.

    Example:
        >>> import subprocess, sys
        >>> from composekit.compose import CodeVerifier, Problem
        >>> def on_the_cluster(job):
        ...     command = [sys.executable, "-I", "-S", "-c", job.program]   # here: ssh, srun, a container, an HTTP call
        ...     return subprocess.run(command, capture_output=True, text=True, timeout=job.timeout + 5).stdout
        >>> problem = Problem("Write f.", "", verifier="code", tests=[{"args": [1], "expected": 2}], entry_point="f")
        >>> judge = CodeVerifier(runner=on_the_cluster)
        >>> judge.verify("```python\\ndef f(n): return n + 1\\n```", problem).detail
        'T3 (runner): 1 test passes'
    """

    mode: str
    messages: tuple[str, ...]
    stdin: str
    timeout: float
    memory: int
    processes: int
    files: int
    output: int

    @property
    def program(self) -> str:
        """A program for Python 3.11 or later that does the job and prints two lines of JSON, which the runner returns.

        The first says that it begins, the second how it ended. Without the second, the candidate has ended the program,
        which is its own loss; a runner that knows better (its machine went away) raises.
        It separates the candidate from itself by a process and sets limits, but builds no walls: the machine is the wall.
        """
        folder = Path(__file__).resolve().parent / "sandbox"
        sources = json.dumps([(name, (folder / f"{name}.py").read_text()) for name in _EMBEDDED])
        job = json.dumps({**self.__dict__, "messages": list(self.messages)})
        return _PROGRAM.format(package=_PACKAGE, sources=sources, job=job)


Runner = Callable[[Job], Any]


@dataclass
class Elsewhere:
    """A job on another machine with the manners of a session. New messages start it anew, with all earlier ones before."""

    runner: Runner
    mode: str
    limits: Limits
    deadline: float
    stdin: str = ""
    ending: Ending | None = None
    _messages: list[str] = field(default_factory=list)
    _replies: list[str] = field(default_factory=list)
    _taken: int = 0
    _output: bytes = b""
    _why: str = ""

    def send(self, message: bytes) -> None:
        """Queue a message."""
        self._messages.append(message.decode())

    def receive(self) -> bytes:
        """The next message that comes back.

        Raises:
            Over: there is none.
            Broken: the runner failed.
        """
        if self._taken >= len(self._replies) and not (self._why and self._taken >= len(self._messages)):
            self._run()
        if self._taken < len(self._replies):
            self._taken += 1
            return self._replies[self._taken - 1].encode()
        if self._why == "time":
            raise Over("the time is over", timeout=True)
        if self._why == "output":
            raise Over(f"it wrote more than {self.limits.output} bytes")
        code = self.ending.exit if self.ending else None
        raise Over(f"it ended with exit code {code} and without a result")

    def hear(self) -> Any:
        """The same as JSON."""
        try:
            message = loads(self.receive())
        except Refused as problem:
            raise Over(f"it wrote to the private channel: {problem}") from None
        if type(message) is not dict:
            raise Over("it wrote to the private channel")
        return message

    def drained(self) -> bytes:
        """All that a program wrote."""
        return self._output

    def close(self) -> Ending:
        """The end of the job; whatever is left is the other machine's."""
        return self.ending or Ending(None, "", "", True)

    def _run(self) -> None:
        left = self.deadline - time.monotonic()
        if left <= 0:
            raise Over("the time is over", timeout=True)
        limits = self.limits
        job = Job(
            self.mode,
            tuple(self._messages),
            self.stdin,
            left,
            limits.memory,
            limits.processes,
            limits.files,
            limits.output,
        )
        begun = False
        try:
            said = self.runner(job)
            text = said.decode("utf-8", "replace") if isinstance(said, bytes) else str(said)
            lines = text.strip().splitlines()
            begun = lines[0] == BEGUN
            row = json.loads(lines[-1])
            self._replies = [str(m) for m in row["messages"]]
            self._output = base64.b64decode(row["output"])
            self._why = str(row["why"])
            code = row["exit"] if type(row["exit"]) is int else None
        except Exception as problem:  # whatever a foreign callable may raise
            if begun:  # what comes after that, or does not, is the candidate's doing
                raise Over("it ended or hurt the program that ran it") from None
            raise Broken(f"the runner failed: {type(problem).__name__}: {problem}"[:300]) from problem
        self.ending = Ending(code, "" if self._why == "enough" else self._why, "", True)
