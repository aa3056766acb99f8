"""Tests in the form of HumanEval: ``check(candidate)``, where the candidate lives in another process."""

from __future__ import annotations

import ast
import builtins
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from typing import Any

from composekit.compose.verifiers.sandbox.channel import Gone, hear, tell
from composekit.compose.verifiers.sandbox.sources import PROMPT, TESTS, defined, described, module, preamble
from composekit.compose.verifiers.sandbox.values import Refused, decode, encode, loads


class _Fault(BaseException):
    """The candidate gave something that is no result. Tests may catch this; it is remembered."""


class _BadTests(BaseException):
    """The tests themselves are at fault."""


def check(job: Any) -> None:
    """Run the tests of a job and tell how they ended: ``passed``, ``failed`` (the candidate) or ``tests`` (themselves)."""
    proxy = _Proxy()
    try:
        tree = ast.parse(job["tests"], TESTS)
    except BaseException as problem:
        return tell({"tests": described(problem)})
    found: dict[str, Any] = {"passed": True}
    try:
        _load_tests(job, tree, proxy)(proxy)
    except Gone:
        raise
    except BaseException as problem:
        own = isinstance(problem, _BadTests) or not proxy.calls or _is_their_own(problem, tree)
        found = {"tests" if own else "failed": str(problem) if isinstance(problem, _BadTests) else _where(problem)}
    if proxy.fault:
        found = {"failed": proxy.fault}
    elif "passed" in found and not proxy.calls:
        found = {"tests": "check() never calls the candidate"}
    tell({**found, "calls": proxy.calls})


class _Proxy:
    """Stands for the candidate: calls it in the other process."""

    def __init__(self) -> None:
        self.calls = 0
        self.fault = ""

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        try:
            request = [[encode(a) for a in args], {k: encode(v) for k, v in kwargs.items()}]
        except Refused as problem:
            if self.calls:  # it may have come from the candidate
                raise self._spoiled(f"an argument made of its results cannot be sent back: {problem}") from None
            raise _BadTests(f"an argument cannot be sent to the candidate: {problem}") from None
        tell({"call": request})
        self.calls += 1
        answer = hear()
        try:
            reply = loads(answer)
            if type(reply) is not dict or len(reply) != 1:
                raise Refused("it wrote to the private channel")
            if "value" in reply:
                return decode(reply["value"])
            if "raised" not in reply:
                raise Refused(str(reply.get("refused")))
        except Refused as problem:
            raise self._spoiled(f"the result is no builtin value: {problem}") from None
        raise _raised(str(reply["raised"]))

    def _spoiled(self, why: str) -> BaseException:
        self.fault = self.fault or why
        return _Fault(why)


def _load_tests(job: Mapping[str, Any], tree: ast.Module, candidate: Callable[..., Any]) -> Callable[[Any], Any]:
    """Execute the prompt for its helpers, then the tests, with the proxy under the entry point's name."""
    space = module("tests", TESTS).__dict__
    before = preamble(job["prompt"], job["entry_point"])
    if before is not None:
        exec(compile(before, PROMPT, "exec"), space)
    for name in ("candidate", job["entry_point"]):
        if name:
            space[name] = candidate
    exec(compile(tree, TESTS, "exec"), space)
    if not callable(space.get("check")):
        raise NameError("the tests define no check(candidate)")
    return space["check"]  # type: ignore[no-any-return]


def _is_their_own(problem: BaseException, tree: ast.Module) -> bool:
    """Whether tests broke at a name that they never bind, or a module that they import: no result can bring that about."""
    if (
        hasattr(problem, "_sandboxed")
        or _last_file(problem) != TESTS
        or not isinstance(getattr(problem, "name", None), str)
    ):
        return False  # nor one that tests raise themselves
    if type(problem) is NameError:
        return problem.name not in defined(tree)
    imports = (n for n in ast.walk(tree) if isinstance(n, (ast.Import, ast.ImportFrom)))
    return isinstance(problem, ImportError) and any(
        problem.name in (getattr(n, "module", None), *(alias.name for alias in n.names)) for n in imports
    )


def _last_file(problem: BaseException) -> str:
    trace = problem.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return trace.tb_frame.f_code.co_filename if trace else ""


def _raised(text: str) -> BaseException:
    """The exception that the candidate raised, if it is one of Python's own, so that tests may expect it."""
    name, _, words = text.partition(": ")
    kind = getattr(builtins, name, None)
    problem: BaseException = RuntimeError(text)
    # The end of an iteration would end the tests' own loops; as from generators, it comes as another exception.
    if (
        isinstance(kind, type)
        and issubclass(kind, Exception)
        and not issubclass(kind, (StopIteration, StopAsyncIteration))
    ):
        with suppress(Exception):  # some take more than words
            problem = kind(words)
    problem._sandboxed = True  # type: ignore[attr-defined]
    return problem


def _where(problem: BaseException) -> str:
    """An exception with the line of the tests that it came from."""
    lines = [f"line {line}" for line in _lines(problem)]
    return f"{described(problem)} in the tests' {lines[-1]}" if lines else described(problem)


def _lines(problem: BaseException) -> Iterator[int]:
    trace = problem.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == TESTS:
            yield trace.tb_lineno
        trace = trace.tb_next
