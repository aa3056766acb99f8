"""The tests that a code problem carries, checked and sorted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from composekit._errors import ArgumentError, ArgumentTypeError, bad_type, bad_value
from composekit.compose.problem import Problem
from composekit.compose.verifiers.sandbox.values import Refused, encode

OP = "CodeVerifier"


class Call(NamedTuple):
    """A call with encoded arguments and the value that must come back."""

    args: list[Any]
    kwargs: dict[str, Any]
    expected: Any
    tolerance: float | None
    number: int


class Run(NamedTuple):
    """A run of the whole program, with what it reads and what it must write."""

    stdin: str
    stdout: str
    number: int


class Tests(NamedTuple):
    """The tests of a problem by kind; ``checks`` are sources that define ``check(candidate)``."""

    calls: list[Call]
    runs: list[Run]
    checks: list[str]
    entry_point: str | None


def tests_of(problem: Problem) -> Tests:
    """Read the tests of a problem.

    Raises:
        ArgumentError, ArgumentTypeError: there are none, or one has none of the three forms.
    """
    found = Tests([], [], [], problem.entry_point)
    for number, test in enumerate(problem.tests, start=1):
        if isinstance(test, str):
            found.checks.append(test)
        elif not isinstance(test, Mapping):
            raise _bad(
                f"tests[{number - 1}]",
                "be a mapping or the source of check(candidate)",
                type(test).__name__,
                typed=True,
            )
        elif "stdin" in test or "stdout" in test:
            found.runs.append(_run(test, number))
        else:
            found.calls.append(_call(test, number))
    if not problem.tests:
        raise _bad("problem.tests", "hold at least one test", "none")
    if found.checks and not problem.entry_point:
        raise _bad("problem.entry_point", "name the function that check(candidate) tests", "none")
    return found


def _run(test: Mapping[str, Any], number: int) -> Run:
    _only(test, ("stdin", "stdout"), number)
    if "stdout" not in test:
        raise _bad(f"tests[{number - 1}]", "say which stdout is expected", "only stdin")
    for name in ("stdin", "stdout"):
        if not isinstance(test.get(name, ""), str):
            raise _bad(f"tests[{number - 1}].{name}", "be a string", type(test[name]).__name__, typed=True)
    return Run(test.get("stdin", ""), test["stdout"], number)


def _call(test: Mapping[str, Any], number: int) -> Call:
    _only(test, ("args", "kwargs", "expected", "tolerance"), number)
    where = f"tests[{number - 1}]"
    if "expected" not in test:
        raise _bad(where, "hold the expected value, or stdout", f"the keys {', '.join(map(str, test)) or 'none'}")
    args, kwargs, tolerance = test.get("args", ()), test.get("kwargs") or {}, test.get("tolerance")
    if not isinstance(args, (list, tuple)):
        raise _bad(f"{where}.args", "be a list", type(args).__name__, typed=True)
    if not isinstance(kwargs, Mapping) or not all(isinstance(k, str) for k in kwargs):
        raise _bad(f"{where}.kwargs", "map names to values", repr(kwargs)[:60], typed=True)
    if tolerance is not None and not (type(tolerance) in (int, float) and 0 <= tolerance < float("inf")):
        raise _bad(f"{where}.tolerance", "be a number that is not negative", repr(tolerance)[:60])
    try:
        encode(test["expected"])
        sent = [encode(a) for a in args], {k: encode(v) for k, v in kwargs.items()}
    except Refused as problem:
        raise _bad(where, "hold plain builtin values", str(problem)) from None
    return Call(*sent, test["expected"], tolerance, number)


def _only(test: Mapping[str, Any], known: tuple[str, ...], number: int) -> None:
    unknown = [str(key) for key in test if key not in known]
    if unknown:
        raise _bad(f"tests[{number - 1}]", f"have only the keys {', '.join(known)}", ", ".join(unknown))


def _bad(argument: str, rule: str, got: str, *, typed: bool = False) -> ArgumentError | ArgumentTypeError:
    repair = "See CodeVerifier for the three forms of tests"
    return bad_type(OP, argument, rule, got, repair) if typed else bad_value(OP, argument, rule, got, repair)
