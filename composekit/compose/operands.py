"""The numbers that an annotated solution calculates with, and where it has them from.

*Kim can knit as many as 10 sweaters a day. She knit 8 on Monday and 2 more on Tuesday*: the steps ``<<8+2=10>>`` and
``<<10+8=18>>`` have a 10, but it is the result of a step. A constant that no step takes from the question is needless, and
one whose like an earlier step gives may be.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from composekit.compose.annotations import implied_by, number_of
from composekit.compose.problem import Problem
from composekit.compose.tokens import PART, Constant, numerals
from composekit.compose.words import CARDINALS, ORDINALS

Number = int | Fraction

_STEP = re.compile(r"<<([^<>=]{1,120})=([^<>=]{1,40})>>")
_NUMERAL = re.compile(r"[0-9][0-9,]*(?:\.[0-9]+)?|\.[0-9]+")
_PROPER = re.compile(r"(?<![0-9.])([0-9]{1,6})\)?/\(?([0-9]{1,6})(?![0-9.])")
_RESULT = re.compile(r"<<[^<>]{1,160}>>\s?\$?[0-9.,]*")
_SIGN = r"[-+*/\u00d7\u00f7\u2013\u2212=()]|\b(?:[xX]|plus|minus|times|equals|add|adding|by|than)\b"
_IN_PROSE = re.compile(
    rf"(?:{_SIGN})\s?\$?(?P<right>[0-9][0-9,]*(?:\.[0-9]+)?|\.[0-9]+)"
    rf"|(?P<left>[0-9][0-9,]*(?:\.[0-9]+)?|\.[0-9]+)(?:[A-Za-z]?(?![A-Za-z])|(?:[ /%\u00a2-]?[A-Za-z]+){{1,3}}),?\s?(?:{_SIGN})"
)
_LETTERED = re.compile(r"(?<![0-9.])([0-9]{1,6})[a-zA-Z](?![a-zA-Z])")
_SHARE = re.compile(r"\s?(?:\\?%|percent|per cent|cents?\b|\u00a2)")
_WORD = re.compile("[a-z]+")
_TIME = re.compile(r" (?:more )?(?:second|minute|hour|day|night|week|month|year)s?\b(?! per\b)")
_FREE = frozenset((0, 1, 2, 100))  # they stand in steps of their own accord


class _Course(NamedTuple):
    """What the steps of a solution calculate with."""

    own: Counter[Number]  # numbers that no earlier step gives, or that a step has twice
    given: frozenset[Number]  # numbers that an earlier step gives
    results: frozenset[Number]
    gapless: bool  # whether all arithmetic is annotated


def _read(numeral: str) -> Number:
    digits = numeral.replace(",", "")
    return int(digits) if digits.isdecimal() else _plain(number_of(digits))


def _plain(number: Fraction) -> Number:
    return number.numerator if number.denominator == 1 else number


@lru_cache(maxsize=64)
def _course(solution: str) -> _Course | None:
    """The course of a solution; None where it has no annotated step."""
    steps = _STEP.findall(solution)
    if not steps:
        return None
    own: Counter[Number] = Counter()
    given: set[Number] = set()
    results: set[Number] = set()
    complete = solution.count("=") == 2 * len(steps)
    for left, right in steps:
        leaves = [_read(numeral) for numeral in _NUMERAL.findall(left)]
        complete = complete and len(leaves) > 1
        for leaf in leaves:
            if leaf not in results or leaves.count(leaf) > 1:
                own[leaf] += 1
            else:
                given.add(leaf)
        if "/" in left:
            own.update(_plain(Fraction(int(a), int(b))) for a, b in _PROPER.findall(left) if int(a) < int(b))
        if len(leaves) > 1:
            results.update(_read(numeral) for numeral in _NUMERAL.findall(right))
    if not complete:
        own.update(number for number in _of_prose(_RESULT.sub(" ; ", solution)) if number not in results)
    return _Course(own, frozenset(given), frozenset(results), complete)


def _of_prose(text: str) -> Iterator[Number]:
    """The numbers beside a sign of arithmetic."""
    yield from (_read(match["left"] or match["right"]) for match in _IN_PROSE.finditer(text))
    yield from map(int, _LETTERED.findall(text))


def why_not_taken(problem: Problem, constant: Constant) -> str:
    """Why an annotated solution may not take a constant from the question; empty where it does, or nobody knows.

    Example:
        >>> from composekit.compose.tokens import constants
        >>> text = "Kim can knit 10 scarfs a day. She knit 8 on Monday, 2 more on Tuesday, and 5 today. How many?"
        >>> steps = "On Tuesday, she knit 8+2=<<8+2=10>>10 scarfs. In all, 8+10+5=<<8+10+5=23>>23."
        >>> [why_not_taken(Problem(text, 23, solution=steps), c) for c in constants(text)]
        ['the worked solution has it as a result alone', '', '', '']
    """
    value = constant.value
    course = _course(problem.solution) if problem.solution and "<<" in problem.solution else None
    if course is None or not isinstance(value, (int, Fraction)) or value in course.own:
        return ""
    if not course.own.keys().isdisjoint(_forms(problem.prompt, constant)):
        return ""
    if value in course.given or value in course.results:
        return "the worked solution has it as a result alone"
    if not course.gapless:
        when = _TIME.match(problem.prompt, constant.span[1])  # the other numbers of such a solution are used, as a rule
        return "the worked solution does not calculate with it" if when else ""
    told = course.own.keys() - _printed(problem.prompt)  # these stand in the question in another form, or not at all
    known = _known(problem.prompt) | course.results
    rest = (number for number in told if number not in known and not {number.numerator, number.denominator} <= known)
    return "the worked solution does not calculate with it" if next(rest, None) is None else ""


@lru_cache(maxsize=64)
def _printed(text: str) -> frozenset[Number]:
    return frozenset(n.value for n in numerals(text) if n.kind != "radical" and n.place != PART)  # type: ignore[misc]


@lru_cache(maxsize=64)
def _known(text: str) -> frozenset[Number]:
    """The numbers that need no other source: those of a text in any form, and what its words say."""
    printed = _printed(text)
    words = set(_WORD.findall(text.lower()))
    said = {value for names in (CARDINALS, ORDINALS) for name, value in names.items() if not words.isdisjoint((name, name + "s"))}
    small = {n for n in printed if 0 < n <= 100}
    shares = {form for n in small for form in (100 - n, 100 + n, Fraction(n) / 100, 1 - Fraction(n) / 100, 1 + Fraction(n) / 100)}
    return frozenset(printed | said | shares | _FREE | implied_by(text))


def _forms(text: str, constant: Constant) -> Iterator[Number]:
    """In what other ways a solution writes a share."""
    value = Fraction(constant.value)  # type: ignore[arg-type]  # no radical, seen above
    unit = _SHARE.match(text, constant.span[1])
    if value.denominator != 1:
        yield from (1 - value, 1 + value, 1 / value, 100 * value, value.denominator)
    if unit:
        yield from (value / 100, 100 - value, 100 + value, 1 - value / 100, 1 + value / 100, 100 / value)
