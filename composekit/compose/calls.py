"""Numbers in the answers to programming tasks: what the function that is asked for returns for the arguments of a test."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from composekit.compose.problem import Problem

_LONGEST = 60  # characters of a call
_LARGEST = 10**12
_GUESSABLE = 10
_LITERAL = re.compile(r"0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO][0-7_]+|\d[\d_]*(?:\.\d*)?(?:[eE][+-]?\d{1,3}(?!\d))?")
_GROUPED = re.compile(r"\d{1,3}(?:[ '\u2019]\d{3})+(?!\d)")


class Call(NamedTuple):
    """A call in words, the number that it returns, and the numbers that it shows."""

    text: str
    value: int
    numbers: frozenset[int]


def calls_of(problem: Problem) -> tuple[Call, ...]:
    """The calls of a programming task whose value may be named X.

    They are tests of the problem itself: whole numbers, or lists of them, go in, and one comes out that is hard to guess
    and that the call does not show. A test that stands in the prompt is none of them.

    Example:
        >>> tests = [{"args": [7], "expected": 49}, {"args": [2], "expected": 4}, {"args": ["x"], "expected": 12}]
        >>> calls_of(Problem("Write f(n), the square of n.", "", verifier="code", tests=tests, entry_point="f"))
        (Call(text='f(7)', value=49, numbers=frozenset({7})),)
    """
    name = problem.entry_point
    if not name or not name.isidentifier():  # a method has no call that could be written in one
        return ()
    found = [_call(name, test) for test in problem.tests if isinstance(test, Mapping)]
    calls = [call for call in found if call is not None and call.text not in problem.prompt]
    shown = _written(problem.prompt) if calls else set()
    return tuple(dict.fromkeys(call for call in calls if abs(call.value) not in shown))


def value_in(problem: Problem, definition: str) -> int | None:
    """What a definition that names a call of a programming task is worth; None where it names none."""
    values = {call.value for call in calls_of(problem) if f"`{call.text}`" in definition}
    return values.pop() if len(values) == 1 else None


def _call(name: str, test: Mapping[str, Any]) -> Call | None:
    value, args = test.get("expected"), test.get("args", ())
    if type(value) is not int or not _GUESSABLE < abs(value) <= _LARGEST:
        return None
    if test.get("kwargs") or test.get("tolerance") is not None or not isinstance(args, (list, tuple)):
        return None
    numbers = list(_numbers(args))
    text = f"{name}({', '.join(map(repr, args))})"
    if (
        not numbers
        or any(type(n) is not int for n in numbers)
        or len(text) > _LONGEST
        or abs(value) in map(abs, numbers)
    ):
        return None
    return Call(text, value, frozenset(map(abs, numbers)))


def _written(prompt: str) -> set[int]:
    """Whole numbers of a prompt in the forms that programmers write, too: ``28_561``, ``0x6f91``, ``1e6``, ``28 561``."""
    text = unicodedata.normalize("NFKC", prompt)  # narrow blanks and wide digits become plain ones
    found = set()
    for match in _LITERAL.finditer(text):
        word = match[0].rstrip("_.")
        try:
            number = int(word, 0) if word[1:2].lower() in ("x", "b", "o") else float(word)
        except ValueError:
            continue
        if abs(number) <= _LARGEST and number == int(number):
            found.add(int(number))
    return found | {int(re.sub(r"\D", "", match[0])) for match in _GROUPED.finditer(text) if len(match[0]) < 20}


def _numbers(args: Any) -> Iterator[Any]:
    """What arguments are made of."""
    for arg in args:
        if isinstance(arg, (list, tuple)):
            yield from _numbers(arg)
        else:
            yield arg
