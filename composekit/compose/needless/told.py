r"""Numbers that facts tell which everyone knows: the value of a binomial coefficient, the third angle of a triangle.

*Given that \binom{23}{3} = Y, find ...*: nobody needs X for it. Each rule checks with the numbers themselves that the fact
holds.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from itertools import islice

from composekit.compose.needless.derivations import Span
from composekit.compose.needless.identities import NoPolynomialError, polynomial
from composekit.compose.needless.rows import Rule
from composekit.compose.problem import Problem

_MOST = 16  # matches that are looked at
_LARGEST = 60  # of a factorial or binomial coefficient that is worked out
_FACT = "anyone can work it out"

_BINOMIAL = re.compile(r"\\[dt]?binom\s?\{([0-9]{1,2})\}\s?\{([0-9]{1,2})\}\s?=\s?([0-9][0-9,]{0,15})")
_FACTORIAL = re.compile(r"(?<![0-9.])([0-9]{1,2})!\s?=\s?([0-9][0-9,]{0,15})")


def _known_values(problem: Problem) -> Iterator[tuple[Span, str]]:
    r"""``Given that $\binom{23}{3}=1771$``, ``$7! = 5040$``"""
    for match in islice(_BINOMIAL.finditer(problem.prompt), _MOST):
        n, k = int(match[1]), int(match[2])
        if n <= _LARGEST and math.comb(n, k) == int(match[3].replace(",", "")):
            yield match.span(), _FACT
    for match in islice(_FACTORIAL.finditer(problem.prompt), _MOST):
        n = int(match[1])
        if n <= _LARGEST and math.factorial(n) == int(match[2].replace(",", "")):
            yield match.span(), _FACT


_UNKNOWN_FACTORIAL = re.compile(r"(?<![A-Za-z])[a-zA-Z]!\s?=\s?([0-9][0-9,]{0,15})")
_ANGLE_SUM = re.compile(
    r"\b(?:sum (?:of (?:the|its) )?(?:(?:degree )?measures of (?:the|its) )?(?:interior|internal) angles[^.?!0-9]{0,40}\bis"
    r"|(?:interior|internal) angles (?:whose sum is|with (?:a|the) sum of|that add up to)) \$?([0-9]{3,5})"
)
_DIAGONALS = re.compile(
    r"\$?[0-9]{1,4}\$? (?:distinct |different )?diagonals\b"
    r"|\bnumber of (?:its )?diagonals (?:of [a-z ]{1,40} )?is \$?[0-9]{1,4}"
)
_SIDES = re.compile(r"\b[Hh]ow many (?:sides|vertices)\b")


def _factorials(problem: Problem) -> Iterator[tuple[Span, str]]:
    """``If $n! = 5040$, what is $n$?``"""
    for match in islice(_UNKNOWN_FACTORIAL.finditer(problem.prompt), _MOST):
        yield match.span(1), "few numbers are factorials"


def _sums_of_angles(problem: Problem) -> Iterator[tuple[Span, str]]:
    """``the sum of the interior angles of a polygon is 1980 degrees``"""
    for match in islice(_ANGLE_SUM.finditer(problem.prompt), _MOST):
        if int(match[1]) % 180 == 0:
            yield match.span(1), "it is a multiple of 180 degrees"


def _diagonals(problem: Problem) -> Iterator[tuple[Span, str]]:
    """``A convex polygon has 27 diagonals. How many sides has it?``"""
    for match in islice(_DIAGONALS.finditer(problem.prompt), _MOST if _SIDES.search(problem.prompt) else 0):
        yield match.span(), "few numbers count diagonals"


_OF_ITS_INVERSE = re.compile(r"(?<![A-Za-z\\])(?:([a-z])\^\{-1\}\s?\(\s?\1|([a-z])\s?\(\s?\2\^\{-1\})\s?\(")


def _of_its_inverse(problem: Problem) -> Iterator[tuple[Span, str]]:
    """``Let $f(x) = 3x + 7$. What is $f^{-1}(f(19))$?``"""
    text = problem.prompt
    nested = _OF_ITS_INVERSE.search(text)
    if nested is None:
        return
    name = nested[1] or nested[2]
    uses = len(re.findall(rf"(?<![A-Za-z\\]){name}\s?\(|{name}\^\{{-1\}}\s?\(", text))
    made = re.search(rf"(?<![A-Za-z\\]){name}\s?\([a-z]\)\s?=\s?[^$=]{{1,80}}", text)
    if made is not None and uses == 3:  # its definition, and the two of the nest
        yield made.span(), "the inverse undoes it"


_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth")
_TERM = re.compile(rf"\b({'|'.join(_ORDINALS)}) term (?:of [a-z ]{{1,40}} )?is \$?(-?[0-9]{{1,6}})(?![0-9/.]\d)")


def _terms_in_a_row(problem: Problem) -> Iterator[tuple[Span, str]]:
    """``The first term of an arithmetic sequence is 5, the second term is 12 and the third term is 19.``"""
    if "rithmetic" not in problem.prompt:
        return
    found = list(islice(_TERM.finditer(problem.prompt), _MOST))
    points = [(_ORDINALS.index(match[1]), int(match[2])) for match in found]
    if len({place for place, _ in points}) < 3:
        return
    (a, u), (b, v) = points[:2]
    if a != b and all((w - u) * (b - a) == (v - u) * (c - a) for c, w in points):
        for match in found:
            yield match.span(2), "the other terms tell it"


_DEGREES = re.compile(r"(?<![0-9.])([0-9]{1,3})\$?\s?(?:\^\s?\{?\s?\\circ|degrees|\u00b0)")
_THREE = re.compile(r"\bangles of (?:a|the) triangle (?:are|measure|have measures(?: of)?)\b[^.?!]{1,80}")
_TWO = re.compile(r"\b(complementary|supplementary)\b")


def _angles_that_add_up(problem: Problem) -> Iterator[tuple[Span, str]]:
    r"""``The angles of a triangle are $35^\circ$, $65^\circ$ and $80^\circ$``; ``complementary: one is 38 degrees, ...``"""
    text = problem.prompt
    three, two = _THREE.search(text), _TWO.search(text)
    angles = list(islice(_DEGREES.finditer(text, *(three.span() if three else (0, len(text)))), _MOST))
    whole = 180 if three or (two and two[1].startswith("s")) else 90
    wanted = 3 if three else 2 if two else 0
    if wanted and len(angles) == wanted and sum(int(angle[1]) for angle in angles) == whole:
        for angle in angles:
            yield angle.span(1), f"the angles add up to {whole} degrees"


_CURVE = re.compile(r"(?<![A-Za-z\\])y\s?=\s?([-+0-9x^{} ]{2,40})(?=[$,.;])")
_POINT = re.compile(r"\(\s?(-?[0-9]{1,4})\s?,\s?(-?[0-9]{1,4})\s?\)")
_LIES_ON = re.compile(
    r"\b(?:passes through|passing through|lies on|lie on|contains|vertex|intersects?|meets?"
    r"|on the (?:line|graph|parabola|curve))\b"
)


def _points_of_curves(problem: Problem) -> Iterator[tuple[Span, str]]:
    """``The line $y = 3x + 7$ passes through the point $(2, 13)$.``"""
    text = problem.prompt
    points = list(islice(_POINT.finditer(text), _MOST)) if _LIES_ON.search(text) else []
    for curve in islice(_CURVE.finditer(text) if points else (), _MOST):
        try:
            values = polynomial(text, curve.span(1))
        except NoPolynomialError:
            continue
        for point in points:
            x, y = int(point[1]), int(point[2])
            if "x" in "".join(values) and sum(c * x ** len(power) for power, c in values.items()) == y:
                yield curve.span(1), "the point lies on the curve"
                yield point.span(), "the point lies on the curve"


_ROOTS = re.compile(
    r"\b(?:roots|solutions|zeros|zeroes) (?:of|to) \$([-+0-9a-z^{} ]{3,60}?)\s?(?:=\s?0\s?)?\$ are "
    r"\$?(-?[0-9]{1,4})\$?,? and \$?(-?[0-9]{1,4})(?![0-9]|[./][0-9])"
)


def _roots_of_a_polynomial(problem: Problem) -> Iterator[tuple[Span, str]]:
    """``The two roots of $x^2 - 12x + 35 = 0$ are 5 and 7.``"""
    for match in islice(_ROOTS.finditer(problem.prompt), _MOST):
        try:
            values = polynomial(problem.prompt, match.span(1))
        except NoPolynomialError:
            continue
        roots = int(match[2]), int(match[3])
        if len({*"".join(values)}) == 1 and not any(
            sum(c * root ** len(power) for power, c in values.items()) for root in roots
        ):
            yield match.span(), "a polynomial and its roots tell each other"


_MODE = re.compile(r"\b(?:[Ww]hat is|[Ff]ind) the mode of [^?]{1,200}")


def _modes(problem: Problem) -> Iterator[tuple[Span, str]]:
    """``What is the mode of 3, 8, 8, 12?``; no link replaces a number that stands there twice."""
    for match in islice(_MODE.finditer(problem.prompt), _MOST):
        yield match.span(), "numbers that stand once are no mode"


TOLD_FUNCTIONS: tuple[tuple[str, Rule], ...] = (
    ("=", _known_values), ("!", _factorials), ("angles", _sums_of_angles), ("diagonals", _diagonals),
    ("^{-1}", _of_its_inverse), (" term ", _terms_in_a_row), ("angle", _angles_that_add_up),
    ("y", _points_of_curves), (" are ", _roots_of_a_polynomial),
    ("mode of", _modes),
)  # fmt: skip
