r"""Bounds of an extremum that do not bind: the extremum of a sum of polynomials and their roots lies inside."""

from __future__ import annotations

import math
import re
from functools import lru_cache
from itertools import product

from composekit.compose.needless.derivations import Span
from composekit.compose.needless.identities import NoPolynomialError, Poly, polynomial

STEPS = 24  # of the grid from zero to each bound
MAX_VARIABLES = 2
MAX_TERMS = 8
_BOUND = re.compile(r"(?<![0-9.])0 ?\\leq? ?([a-z]) ?\\leq? ?([0-9]{1,6})(?![0-9.])")
_ASKED = re.compile(
    r"\b(?:(?P<low>minimum|least|smallest)|maximum|greatest|largest) (?:possible )?value of\s*"
    r"(?:\\\[|\$)(?P<formula>.{3,400}?)[.,]?\s*(?:\\\]|\$)",
    re.DOTALL,
)
_TERM = re.compile(r"\s*([-+]?)\s*(?:\\sqrt\s?\{([^{}]{1,80})\}|([^-+\\{}$]{1,40}))\s*")


@lru_cache(maxsize=64)
def slack(text: str) -> frozenset[Span]:
    r"""The places of the upper bounds of variables at which an extremum that is asked for does not lie.

    Example:
        >>> text = r"For $0 \le x \le 9$, find the minimum value of $\sqrt{x^2 - 8x + 20}$."
        >>> [text[slice(*span)] for span in slack(text)]
        ['9']
        >>> slack(text.replace("minimum", "maximum"))
        frozenset()
    """
    asked = _ASKED.search(text) if "value of" in text and "\\le" in text else None
    bounds = {match[1]: (int(match[2]), match.span(2)) for match in _BOUND.finditer(text)} if asked else {}
    if not asked or not 0 < len(bounds) <= MAX_VARIABLES:
        return frozenset()
    try:
        terms = _terms(text, asked.span("formula"))
    except NoPolynomialError:
        return frozenset()
    if {letter for _, poly, _ in terms for m in poly for letter in m} - set(bounds):
        return frozenset()
    # On a box of twice the size: where the best point lies inside the first half, its border does not matter.
    grid = [[(k, bound * k / STEPS) for k in range(2 * STEPS + 1)] for bound, _ in bounds.values()]
    sign = 1 if asked["low"] else -1
    try:
        best = min(product(*grid), key=lambda point: sign * _worth(terms, dict(zip(bounds, point, strict=True))))
    except ValueError:  # a root of less than zero
        return frozenset()
    places = zip(best, bounds.values(), strict=True)
    return frozenset(span for (step, _), (_, span) in places if 0 < step < STEPS)


def _terms(text: str, span: Span) -> list[tuple[int, Poly, bool]]:
    """The sum as signs, polynomials, and whether their roots are meant."""
    found: list[tuple[int, Poly, bool]] = []
    at, end = span
    while at < end:
        match = _TERM.match(text, at, end)
        if match is None or match.end() == at or len(found) == MAX_TERMS:
            raise NoPolynomialError
        rooted = match[2] is not None
        found.append((-1 if match[1] == "-" else 1, polynomial(text, match.span(2 if rooted else 3)), rooted))
        at = match.end()
    return found


def _worth(terms: list[tuple[int, Poly, bool]], at: dict[str, tuple[int, float]]) -> float:
    total = 0.0
    for sign, poly, rooted in terms:
        worth = sum(float(c) * math.prod(at[letter][1] for letter in m) for m, c in poly.items())
        total += sign * (math.sqrt(worth) if rooted else worth)
    return total
