r"""Numbers in a pattern that anyone continues: one rule a function."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import islice, pairwise
from typing import NamedTuple

from composekit.compose.needless.derivations import Span, Tie, Values
from composekit.compose.numbers import Value
from composekit.compose.tokens import Constant
from composekit.compose.words import CARDINALS

_LETTER = re.compile(r"(?<![A-Za-z\\])[A-Za-z](?![A-Za-z])")
_JOINS = re.compile(r"[\s$&]|\\[,;:! ]|\band\b|\\cdot(?![a-z])|\\times(?![a-z])")
_LONG_WORD = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2,}")
_FUNCTION = re.compile(r"\\[a-z]|[(!^_]")
MAX_GAP = 40  # characters between two numbers of a pattern
_SERIES = re.compile(r"\b(geometric|arithmetic) (?:series|sequence|progression)\b")


class _Number(NamedTuple):
    value: Value
    span: Span  # with a sign


def patterns(text: str, values: Values) -> Iterator[Tie]:
    r"""Numbers of a formula in the same surroundings, in progression: ``\sin 20^\circ \sin 40^\circ \sin 60^\circ``."""
    numbers = [_signed(text, n) for n in values if n.in_math and n.kind == "digits"]
    for lag in (1, 2) if len(numbers) > 2 else ():
        gaps = [_surroundings(text[a.span[1] : b.span[0]]) for a, b in zip(numbers, numbers[lag:], strict=False)]
        for offset in range(lag):
            yield from _runs(text, numbers[offset::lag], gaps[offset::lag])


def _signed(text: str, number: Constant) -> _Number:
    """A number, with the minus sign that opens a parenthesis before it: ``f(-2)``."""
    start, end = number.span
    return (
        _Number(-number.value, (start - 1, end))
        if text[start - 2 : start] == "(-"
        else _Number(number.value, (start, end))
    )


def _runs(text: str, numbers: Sequence[_Number], gaps: Sequence[str]) -> Iterator[Tie]:
    """The longest stretches in progression whose numbers have the same text between them."""
    start = 0
    while start + 2 < len(numbers):
        kinds = _progressions(numbers[start : start + 3]) if gaps[start] and gaps[start] == gaps[start + 1] else ()
        end = start + 3
        while kinds and end < len(numbers) and gaps[end - 1] == gaps[start]:
            still = kinds & _progressions(numbers[end - 2 : end + 1])
            if not still:
                break
            kinds, end = still, end + 1
        # Some numbers in steps may be chance, 3x + 5y + 7z = 9, but not in functions, sin 3 + sin 4 + sin 5.
        if kinds and (end - start > 4 or "ratio" in kinds or _FUNCTION.search(gaps[start])):
            run = numbers[start:end]
            spans = tuple((start + (text[start] == "-"), end) for start, end in (n.span for n in run))
            yield Tie(spans, "a pattern of " + ", ".join(str(n.value) for n in run))
        start = end - 2 if kinds else start + 1


def _surroundings(gap: str) -> str:
    """What stands between two numbers, whatever its letters, digits and signs; empty where it is prose or long."""
    gap = _JOINS.sub("", gap) if len(gap) <= MAX_GAP else ""
    if not gap or _LONG_WORD.search(gap):
        return ""
    return _LETTER.sub("L", re.sub("[0-9]+", "#", gap)).replace("-", "+").replace("=", "+")


def _progressions(three: Sequence[_Number]) -> frozenset[str]:
    """Which progressions three different numbers are in: with a constant step, with a constant ratio."""
    a, b, c = (n.value for n in three)
    found = {"step": b - a == c - b, "ratio": a * c == b * b}
    return frozenset(kind for kind, holds in found.items() if holds and a != b)


def series(text: str, values: Values) -> Iterator[Tie]:
    r"""The terms of a sequence whose kind is told: ``the geometric series $4 + \frac{12}{a} + \frac{36}{a^2} + \cdots$``."""
    said = {match[1] for match in _SERIES.finditer(text)} if "metic" in text or "metric" in text else ()
    for three in zip(values, values[1:], values[2:], strict=False) if said else ():
        a, b, c = (n.value for n in three)
        near = three[2].span[0] - three[0].span[1] <= MAX_GAP and all(n.in_math for n in three)
        told = ("geometric" in said and a * c == b * b) or ("arithmetic" in said and b - a == c - b)
        if near and a != b and told:
            yield Tie(tuple(n.span for n in three), f"{a}, {b} and {c} are in progression")


_NEXT = r"[\s$]{0,3}[-+,][\s$]{0,3}"
_TAIL = re.compile(
    rf"(?<![\w.])(\d{{1,9}}){_NEXT}(\d{{1,9}})[\s$]{{0,3}}[-+,]?[\s$]{{0,3}}(?:\\[lcv]?dots[bc]?|\.\s?\.\s?\.|\u2026)"
    rf"{_NEXT}(\d{{1,9}}(?:{_NEXT}\d{{1,9}}){{1,4}})(?![\w^])"
)
_DIGITS = re.compile(r"\d+")


def tails(text: str, values: Values) -> Iterator[Tie]:
    """The end of a list that goes on as it began: ``1, 3, ..., 17, 19``."""
    for match in _TAIL.finditer(text) if "dots" in text or ".." in text or "\u2026" in text else ():
        step = int(match[2]) - int(match[1])
        ends = list(_DIGITS.finditer(text, *match.span(3)))
        if all(int(b[0]) - int(a[0]) == step for a, b in pairwise(ends)):
            places = {end.span() for end in ends}
            why = f"the list ends as it began, in steps of {step}"
            yield Tie(tuple(n.span for n in values if n.span in places), why)


_POWERS = re.compile(
    r"(?<![\w.])([a-z])\^(?:\{(\d{1,2})\}|(\d))((?:\s?[-+]\s?\1(?:\^(?:\{\d{1,2}\}|\d))?(?!\w)){1,60})"
    r"\s?[-+]\s?(1)(?=\s?=|[)$, ]|\Z)"
)
_EXPONENT = re.compile(r"[a-z](?:\^\{?(\d{1,2})\}?)?")
_UNITY = re.compile(r"\b(?:all|each|every)\b[^.?!]{1,120}\broots? of unity\b")


def ones(text: str, values: Values) -> Iterator[Tie]:
    """The last of many terms with the same coefficient: ``z^4 - z^3 + z^2 - z + 1``; or one in a polynomial whose roots are
    ``all roots of unity``, as their product is one.
    """
    for match in _POWERS.finditer(text) if "^" in text else ():
        exponents = [int(match[2] or match[3]), *(int(power or 1) for power in _EXPONENT.findall(match[4])), 0]
        run = len(exponents) > 3 and all(a - b == exponents[-2] for a, b in pairwise(exponents))
        if run or _UNITY.search(text):
            yield Tie(tuple(n.span for n in values if n.span == match.span(5)), "all coefficients are one")


_DIVISORS = re.compile(
    r"\b(proper )?(?:divisors|factors) of \$?(\d{1,6})\$? are ((?:\$?\d{1,6}\$?(?:, and |, | and )?){2,40})"
)


def divisors(text: str, values: Values) -> Iterator[Tie]:
    """``The proper divisors of 12 are 1, 2, 3, 4 and 6``: an example of what a divisor is."""
    for match in _DIVISORS.finditer(text) if "ors of " in text else ():
        number = int(match[2])
        below = number if match[1] else number + 1
        listed = [int(digits[0]) for digits in _DIGITS.finditer(match[3])]
        if number and listed == [n for n in range(1, below) if number % n == 0]:
            yield Tie(
                tuple(n.span for n in values if match.start() <= n.span[0] < match.end()), f"divisors of {number}"
            )


_SUM_IS_ONE = re.compile(r"(?<![\w+] )((?:[a-z]\s?\+\s?){2,8}[a-z])\s?&?=\s?(1)(?![\d.])")


def powers(text: str, values: Values) -> Iterator[Tie]:
    """The first of equations with the powers of a number: ``a + b + c = 1, a + 2b + 4c = 8, a + 3b + 9c = 27``."""
    for match in islice(_SUM_IS_ONE.finditer(text), 2) if "&=" in text or "= 1" in text else ():
        first, *others = _LETTER.findall(match[1])
        terms = "".join(rf"\s?[-+]\s?(\d{{1,9}}){letter}" for letter in others)
        like = re.findall(rf"(?<![\w]){first}{terms}\s?&?=\s?(\d{{1,12}})(?![\d.])", text)
        steps = [[int(number) for number in equation] for equation in like]
        if len(steps) > 1 and all(row == [row[0] ** k for k in range(1, len(row) + 1)] for row in steps):
            yield Tie(tuple(n.span for n in values if n.span == match.span(2)), "the powers of one are one")


_DEGREE = re.compile(r"\b(?:polynomial|degree)\b[^.]{0,30}?\bdegree (?:at most )?\$?(\d{1,2})\$?[^.]{1,200}?")
_FOR_ALL = re.compile(r"\bfor (?:all )?\$?[a-z]\s?=\s?(\d{1,2}),[^.]{0,40}?dots[\s,$]*(?:and )?\$?(\d{1,2})(?!\d)")


def nodes(text: str, values: Values) -> Iterator[Tie]:
    """``a polynomial of degree $4$ such that ... for $n = 1, 2, \\dots, 5$``: so many points as it needs."""
    degree = _DEGREE.search(text) if "dots" in text else None
    points = _FOR_ALL.search(text, degree.end()) if degree else None
    if degree and points and int(points[2]) - int(points[1]) == int(degree[1]):
        ends = {degree.span(1), points.span(2)}
        yield Tie(tuple(n.span for n in values if n.span in ends), "as many points as the degree needs")


_CONSECUTIVE = re.compile(
    r"\b(?P<what>product|sum) of (?P<count>two|three|four|five|six|[2-6]) consecutive (?:positive |natural )?"
    r"(?P<step>even |odd )?(?:integers|numbers|whole numbers) is \$?(?P<worth>[0-9]{1,12})(?![0-9.,]*[0-9])"
)
_OF_THEM = re.compile(
    r"\b(?:(?:That|[Tt]he|[Tt]heir) product,? (?:when )?divided by (?:the|their) (?P<by>mean|average|median|sum)"
    r"|(?:[Tt]he|[Tt]heir) (?P<what>product|sum|mean|average|median))"
    r"(?: of (?:the|these|those)(?: [a-z]+){1,4}?)? is \$?(?P<worth>[0-9]{1,12})(?![0-9.,]*[0-9])"
)


def consecutive(text: str, values: Values) -> Iterator[Tie]:
    """``The product of three consecutive integers is 120. That product divided by their mean is 24``: each tells all."""
    first = _CONSECUTIVE.search(text) if "onsecutive" in text else None
    again = _OF_THEM.search(text, first.end()) if first else None
    if not first or not again:
        return
    count = int(CARDINALS.get(first["count"], 0) or first["count"])
    told = int(first["worth"])
    middle = told / count if first["what"] == "sum" else told ** (1 / count)
    step = 2 if first["step"] else 1
    for start in range(int(middle) - step * count, int(middle) + 2):
        numbers = [start + step * k for k in range(count)]
        total, product = sum(numbers), math.prod(numbers)
        worth = {"product": Fraction(product), "sum": Fraction(total)}
        worth |= dict.fromkeys(("mean", "average", "median"), Fraction(total, count))
        if start > 0 and worth[first["what"]] == told:
            second = product / worth[again["by"]] if again["by"] else worth[again["what"]]
            if second == int(again["worth"]):
                places = (first.span("worth"), again.span("worth"))
                why = "the integers are " + ", ".join(map(str, numbers))
                yield Tie(tuple(n.span for n in values if n.span in places), why)


RULES = (series, tails, ones, divisors, powers, nodes, consecutive)
# Those that look at numbers in any place of a formula.
FORMULA_RULES = (patterns,)
