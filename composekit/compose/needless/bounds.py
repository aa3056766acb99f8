r"""Places in a text at which a number bounds something, or scales it, and the answer lies elsewhere. One rule a function.

A rule takes the problem and a constant, and says why its answer may not depend on that constant, or nothing.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from itertools import islice

from composekit.compose.needless.derivations import Span
from composekit.compose.needless.extrema import slack
from composekit.compose.needless.idle_places import NEAR, before
from composekit.compose.problem import Problem
from composekit.compose.tokens import Constant

MAX_LISTS = 16  # of divisors that are looked at


_OUTERMOST = re.compile(
    r"\b(?:smallest|least|largest|greatest)\b[^.?!]{0,40}\binteger\b[^.?!]{0,80}\b(?:real|defined|domain)\b"
)
_DENOMINATOR = re.compile(r"frac\s?\{.{1,60}\}\{[^{}\\]{0,40}\Z", re.DOTALL)
_REST_OF_BRACES = re.compile(r"[^{}\\]{0,40}\}")


@lru_cache(maxsize=64)
def _asks_where_real(text: str) -> bool:
    """Whether a text asks for the first or the last integer at which something is real."""
    return _OUTERMOST.search(text) is not None


def _excluded_point(problem: Problem, constant: Constant) -> str:
    r"""``the smallest integer $x$ for which $\frac{\sqrt{x - 5}}{x - 9}$ is real``"""
    text = problem.prompt
    if "frac" not in text or not _REST_OF_BRACES.match(text, constant.span[1]):
        return ""
    excluded = _DENOMINATOR.search(before(text, constant)) and _asks_where_real(text)
    return "a denominator excludes single points" if excluded else ""


_OVER_AGAINST_ZERO = re.compile(r"\}\s?\{[^{}]{1,60}\}\s?(?:>|<|\\(?:leq?|geq?|lt|gt)(?![a-z]))\s?0(?!\.?[0-9])")


def _sign_alone(problem: Problem, constant: Constant) -> str:
    r"""``\frac{1}{x - 5} > 0``"""
    text = problem.prompt
    numerator = text[: constant.span[0]].endswith(("frac{", "frac{-"))
    return "a sign alone decides" if numerator and _OVER_AGAINST_ZERO.match(text, constant.span[1]) else ""


_SHARE = r"\\[dt]?frac\s?\{[^{}]{1,20}\}\{[a-z](?:\^2|\^\{2\})?\}"
_STANDARD_FORM = re.compile(rf"{_SHARE}\s?[-+]\s?{_SHARE}\s?=\s?\Z")


def _standard_form(problem: Problem, constant: Constant) -> str:
    r"""``can be written as $\frac{x^2}{a^2} - \frac{y^2}{b^2} = 1$``"""
    form = constant.value == 1 and _STANDARD_FORM.search(before(problem.prompt, constant, 2 * NEAR))
    return "everyone writes it in this form" if form else ""


_MODULUS = re.compile(r"\|[a-z]\|\s?=\s?\Z")
_DIGITS = re.compile(r"(?<![\^_])(?<!\^\{)[0-9]+")


@lru_cache(maxsize=64)  # asked for by every constant of a text
def _amounts(text: str) -> frozenset[str]:
    """The numbers of a text that are not zero, but for exponents and subscripts."""
    return frozenset(_DIGITS.findall(text)) - {"0"}


def _scale(problem: Problem, constant: Constant) -> str:
    """``$|a| = |b| = |c| = 1$``, where the answer is zero and the text has no other number."""
    text = problem.prompt
    if problem.answer.strip() != "0" or not _MODULUS.search(before(text, constant, 12)):
        return ""
    return "zero is zero in any scale" if _amounts(text) == {constant.text} else ""


_ANY_TWO = re.compile(r"\$? of the(?:m| [a-z]+) (?:intersect|meet|cross|overlap)\b")


def _any_two(problem: Problem, constant: Constant) -> str:
    """``the number of points where at least two of the lines meet``"""
    text = problem.prompt
    two = constant.value == 2 and _ANY_TWO.match(text, constant.span[1])
    return "to meet takes two" if two and re.search(r"\bat least \$?\Z", before(text, constant, 12)) else ""


_DIVISORS = re.compile(
    r"\bdivi(?:ded|sible) by ((?:\$?[0-9]{1,4}\$?(?:, (?:and |or )?| and | or )){0,12}\$?[0-9]{1,4})\b"
)
_NUMBER = re.compile(r"[0-9]+")


@lru_cache(maxsize=64)
def _divisors(text: str) -> tuple[int, frozenset[Span]]:
    """The least common multiple of what a text divides by, and the places of those that others of their list imply."""
    lcm, implied = 1, set()
    for match in islice(_DIVISORS.finditer(text), MAX_LISTS):
        listed = [(int(number[0]), number.span()) for number in _NUMBER.finditer(text, *match.span(1))]
        lcm = math.lcm(lcm, *(number for number, _ in listed))
        for number, span in listed:
            others = math.lcm(*(other for other, place in listed if place != span))
            if len(listed) > 2 and others and number and others % number == 0:
                implied.add(span)
    return lcm, frozenset(implied)


def _implied_divisor(problem: Problem, constant: Constant) -> str:
    """``divided by 2, 3, 4, or 6, the remainder is 1``: 3 and 4 say so."""
    told = "divi" in problem.prompt and constant.span in _divisors(problem.prompt)[1]
    return "the other divisors imply it" if told else ""


_UPPER_BOUND = re.compile(r"\b(?:less|fewer|smaller) than \$?\Z|\b(?:under|below|at most) \$?\Z")
_CHOOSES = re.compile(
    r"\b(?:largest|greatest|most|maximum|sum|possible|how many (?:such |different )?(?:numbers|integers))\b"
)


@lru_cache(maxsize=64)
def _chooses(text: str) -> bool:
    """Whether a text asks for one among several numbers, or for all."""
    return _CHOOSES.search(text) is not None


def _bound_of_the_first(problem: Problem, constant: Constant) -> str:
    """``If you divide my age by 3, 4 or 5, the remainder is 1. I am less than 75.``: the least solution is the answer."""
    text = problem.prompt
    if "remainder" not in text or not problem.answer.strip().isdigit() or _chooses(text):
        return ""
    bound = _UPPER_BOUND.search(before(text, constant, 16))
    return "the answer is the least solution" if bound and 0 < int(problem.answer) < _divisors(text)[0] else ""


def _slack(problem: Problem, constant: Constant) -> str:
    r"""``For $0 \le x \le 40$, find the minimum value of ...``, which is not at the border."""
    return "the extremum is not at this border" if constant.span in slack(problem.prompt) else ""


_EXPONENT = re.compile(r"(?<![\d.])\d{1,3}\s?\^\s?\{?[a-z]\}?(?:\s?[-+]\s?\d{1,6})?\s?=\s?\Z")


def _power_of_a_number(problem: Problem, constant: Constant) -> str:
    """``10^x - 10 = 9990``"""
    powers = constant.in_math and _EXPONENT.search(before(problem.prompt, constant, 30))
    return "few numbers are such powers" if powers else ""


_FIXED_ANGLE = re.compile(r"\s?\\(?:sin|cos|tan|cot|sec|csc)\s?(?:\(|\{)?\d{1,3}\s?\^\s?\{?\s?\\circ")


def _trigonometric_identity(problem: Problem, constant: Constant) -> str:
    r"""``Simplify $\tan 100^\circ + 4 \sin 100^\circ$``"""
    found = constant.in_math and _FIXED_ANGLE.match(problem.prompt, constant.span[1])
    return "only one number makes it simple" if found else ""


_REWRITES = re.compile(r"\b(?:decimal|fraction|mixed number|percent\w*|scientific notation)\b", re.I)
_WRITES = re.compile(r"\b(?:write|express|convert|change)\b", re.I)


def _decimal_of(constant: Constant) -> str:
    """A fraction whose decimal ends, as that decimal; empty for others."""
    value = constant.value
    if not isinstance(value, Fraction) or (10**12 * value).denominator != 1:
        return ""
    digits = f"{int(abs(value) * 10**12):013d}"
    return f"{digits[:-12]}.{digits[-12:]}".rstrip("0").rstrip(".")


def _only_rewritten(problem: Problem, constant: Constant) -> str:
    r"""``Write $\frac{3}{20}$ as a decimal.``"""
    text = problem.prompt
    if len(text) > 2 * NEAR or not (_WRITES.search(text) and _REWRITES.search(text)):
        return ""
    return "the question is how to write it" if problem.answer.strip() == _decimal_of(constant) else ""


_ROOT_OF = re.compile(r"\b(?:[Ii]f|[Gg]iven that|[Ss]uppose(?: that)?) \$[^$=]{0,60}([a-z])\^\{?2\}?[^$=]{0,60}=\s?0\$")


def _at_a_root(problem: Problem, constant: Constant) -> str:
    """``If $x^2 - x - 1 = 0,$ what is the value of $x^3 - 2x + 1$?``: one value for both roots."""
    text = problem.prompt
    equation = (
        _ROOT_OF.search(text[: constant.span[0]].replace(",$", "$"))
        if constant.in_math and "value of" in text
        else None
    )
    if equation is None or "^2" in problem.answer or "pm" in problem.answer or "," in problem.answer:
        return ""
    own = re.match(rf"\s?{equation[1]}(?![a-z])", text[constant.span[1] : constant.span[1] + 4])
    return "only one number gives both roots the same value" if own else ""


BOUNDS: tuple[Callable[[Problem, Constant], str], ...] = (
    _excluded_point, _sign_alone, _standard_form, _scale, _any_two, _implied_divisor, _bound_of_the_first, _slack,
    _power_of_a_number, _trigonometric_identity, _only_rewritten, _at_a_root,
)  # fmt: skip
