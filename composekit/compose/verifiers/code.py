"""The verifier of programs: they run behind walls, and only their results are judged."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence
from typing import Any

from composekit._errors import bad_type, bad_value
from composekit.compose.problem import Problem
from composekit.compose.verdict import Verdict, Verifier
from composekit.compose.verifiers import isolation as rooms
from composekit.compose.verifiers.code_tests import tests_of
from composekit.compose.verifiers.jobs import Elsewhere, Job
from composekit.compose.verifiers.program_text import find_program
from composekit.compose.verifiers.results import matches, same_output
from composekit.compose.verifiers.sandbox.session import Session
from composekit.compose.verifiers.sandbox.terms import Broken, Limits, Over
from composekit.compose.verifiers.sandbox.values import Refused, encode
from composekit.compose.verifiers.trial import Trial, clean

_AUTO = "auto"


class CodeVerifier(Verifier):
    """Judges programs by what they return or print, in processes that they cannot leave.

    A response's last code block is the candidate (see :func:`~composekit.compose.verifiers.program_text.find_program`).
    ``problem.tests`` holds tests of three forms, which may be mixed:

    * ``{"args": [...], "kwargs": {...}, "expected": ..., "tolerance": ...}``: a call of ``problem.entry_point``;
    * ``{"stdin": ..., "stdout": ...}``: a run of the whole program;
    * a string: source that defines ``check(candidate)`` as HumanEval does. It runs in a process of its own, where
      ``candidate`` and the entry point's name stand for a proxy that calls the function in the candidate's process.

    Expected values never enter the candidate's process. Its results come back through a private channel as JSON of exact
    builtin types; its exit code and what it prints are no evidence (but for the output of whole programs).

    ===== =====================================================================================================
    tier  what stands around a candidate
    ===== =====================================================================================================
    T0    limits, a session, an environment and a directory of its own, the clock; no security boundary
    T1    and: no new privileges, Landlock (files), seccomp (system calls)
    T2    and: namespaces of processes, network, mounts, IPC, users; a file system with nothing but the interpreter
    T3    and: bubblewrap around all of that; or ``runner``
    ===== =====================================================================================================

    Root's privileges are dropped at every tier, in favour of a user id that nobody else has.

    Args:
        isolation: The tier, or ``"auto"``: the highest that works here.
        min_isolation: The tier below which nothing runs.
        runner: A callable that runs prepared jobs elsewhere, in place of this machine: it gets a
            :class:`~composekit.compose.verifiers.jobs.Job` and returns what ``job.program`` printed. A ``check(candidate)``
            still runs here; each of its calls is another job, in which the earlier ones are repeated.
        timeout: Seconds for a response in all, tests and checker included.
        memory: Bytes: address space of each process, and memory of all processes of a candidate together.
        processes: Processes and threads of a candidate.
        files: Bytes of files that a candidate may write.
        output: Bytes that a candidate may print, and that one result may have.
        packages: Importable packages beside the standard library; those that are not installed are left out.

    Raises:
        ArgumentError, ArgumentTypeError: a limit is not positive, or a tier is none.

    Guarantees: picklable; safe in threads and after ``fork``; no process and no file outlives :meth:`verify`, even if it is
    interrupted. A timeout is the candidate's; ``"error"`` is never its doing.

    Example:
        >>> from composekit.compose import CodeVerifier, Problem
        >>> tests = [{"args": [1], "expected": 2}]
        >>> problem = Problem("Write f(n) = n + 1.", "", verifier="code", tests=tests, entry_point="f")
        >>> judge = CodeVerifier()
        >>> judge.verify("```python\\ndef f(n):\\n    return n + 1\\n```", problem).status
        'correct'
        >>> judge.verify("```python\\ndef f(n):\\n    return n\\n```", problem).detail.partition(": ")[2]
        'test 1: returned 1, which is not what is expected'
    """

    def __init__(
        self,
        *,
        isolation: str = _AUTO,
        min_isolation: str = "T0",
        runner: Callable[[Job], Any] | None = None,
        timeout: float = 10.0,
        memory: int = 1 << 30,
        processes: int = 64,
        files: int = 64 << 20,
        output: int = 16 << 20,
        packages: Sequence[str] = ("numpy",),
    ) -> None:
        self.isolation = _tier("isolation", isolation, (_AUTO, *rooms.TIERS))
        self.min_isolation = _tier("min_isolation", min_isolation, rooms.TIERS)
        if runner is not None and not callable(runner):
            raise bad_type("CodeVerifier", "runner", "be callable", type(runner).__name__, "See Job for what it gets")
        self.runner = runner
        if isinstance(timeout, bool) or not isinstance(timeout, (int, float)):
            raise bad_type("CodeVerifier", "timeout", "be a number of seconds", type(timeout).__name__, "Give a float")
        if not 0 < timeout < float("inf"):
            raise bad_value("CodeVerifier", "timeout", "be positive and finite", timeout, "The default is 10 seconds")
        self.timeout = float(timeout)
        for name, value in (("memory", memory), ("processes", processes), ("files", files), ("output", output)):
            if isinstance(value, bool) or not isinstance(value, int):
                raise bad_type("CodeVerifier", name, "be a whole number", type(value).__name__, "Give an int")
            if value < 1:
                raise bad_value("CodeVerifier", name, "be at least 1", value, "Leave it out for the default")
        self.limits = Limits(memory, processes, files, output)
        if isinstance(packages, str) or not all(isinstance(p, str) for p in packages):
            raise bad_type("CodeVerifier", "packages", "be a list of names", repr(packages), "Write ('numpy',)")
        self.packages = tuple(packages)

    def __repr__(self) -> str:
        runner = f", runner={self.runner!r}" if self.runner else ""
        tiers = f"isolation={self.isolation!r}, min_isolation={self.min_isolation!r}"
        return f"CodeVerifier({tiers}, timeout={self.timeout}{runner})"

    def tiers(self) -> dict[str, str]:
        """For every tier, an empty text if it works here, or why it does not."""
        return rooms.report(self.packages)

    def verify(self, response: str, problem: Problem) -> Verdict:
        """Extract the program from a whole response and judge it by the problem's tests.

        Raises:
            ArgumentError, ArgumentTypeError: the problem has no tests, or one has none of the three forms.
            ImplementationError: no tier works that is as high as ``isolation`` and ``min_isolation`` ask.
        """
        if not isinstance(response, str):
            raise bad_type("CodeVerifier.verify", "response", "be a string", type(response).__name__, "Pass the text")
        if not isinstance(problem, Problem):
            raise bad_type("CodeVerifier.verify", "problem", "be a Problem", type(problem).__name__, "Build a Problem")
        tests = tests_of(problem)
        tier = "T3 (runner)" if self.runner else self._room().tier
        found = find_program(response, problem.entry_point)
        if found.source is None:
            return Verdict(0.0, "unparseable", None, f"{tier}: {found.detail}")
        trial = Trial(self.session, found.source, problem.prompt, tests, self.timeout)
        try:
            status, detail = trial.judge()
        except Over as problem_:
            status, detail = ("timeout" if problem_.timeout else "wrong"), f"{trial.at}{problem_}"
        except Broken as problem_:
            status, detail = "error", f"the sandbox failed: {problem_}"
        if status == "timeout":
            detail = f"{trial.at}no end within {self.timeout:g} s"
        return Verdict(float(status == "correct"), status, found.source, clean(f"{tier}: {detail}"))

    def _room(self) -> rooms.Room:
        """Where code runs on this machine: candidates, or, with a runner, only the checkers that come with problems."""
        if self.runner:
            return rooms.room(_AUTO, "T0", self.packages)
        return rooms.room(self.isolation, self.min_isolation, self.packages)

    def session(self, mode: str, deadline: float, stdin: bytes | None = None) -> Session | Elsewhere:
        """Start a job of a mode: a candidate's runs where the verifier says, a checker's always here."""
        if self.runner and mode != "checker":
            return Elsewhere(self.runner, mode, self.limits, deadline, (stdin or b"").decode())
        return self._room().session(mode, self.limits, deadline, stdin)

    def compare(self, *, gold: str, answer: str) -> Verdict:
        """Judge a bare result, or the text that a program printed, against a bare gold one.

        Python literals are compared as values, as the results of tests are; everything else line by line.
        """
        for name, value in (("gold", gold), ("answer", answer)):
            if not isinstance(value, str):
                raise bad_type("CodeVerifier.compare", name, "be a string", type(value).__name__, "Convert it to text")
        try:
            equal = matches(_literal(gold), encode(_literal(answer)))
        except (ValueError, Refused):
            equal = same_output(gold, answer.encode("utf-8", "replace"))
        return Verdict(float(equal), "correct" if equal else "wrong", answer, "compared as results")


def _tier(name: str, value: object, known: tuple[str, ...]) -> str:
    if not isinstance(value, str):
        raise bad_type("CodeVerifier", name, f"be one of {', '.join(known)}", repr(value), 'Write "T1"')
    if value not in known:
        raise bad_value("CodeVerifier", name, f"be one of {', '.join(known)}", repr(value), 'Write "T1"')
    return value


def _literal(text: str) -> Any:
    if len(text) > 100_000:
        raise ValueError("too long to be read as a literal")
    try:
        return ast.literal_eval(text.strip())
    except (SyntaxError, MemoryError, RecursionError, TypeError) as problem:
        raise ValueError(str(problem)) from None
