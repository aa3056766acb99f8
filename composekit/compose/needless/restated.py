"""Numbers that a text works out itself: *120 miles in 2 hours, that is at 60 mph*.

Whoever hides one of the three has it from the two others. Words have to say that the last one is a result, and the numbers
have to bear it out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import pairwise

from composekit.compose.needless.derivations import Tie, Values
from composekit.compose.numbers import Value

_NEAR = 90  # characters from the first of the numbers to the result
_SAID_AGAIN = re.compile(
    r"(?:,|\s\u2013|;)?\s(?:i\.e\.,?|that is,?|which (?:is|was|are|makes|means|gives)|that makes|for a total of|earning"
    r"|a (?:loss|gain|profit|rise|drop) of|so (?:now|each(?: [a-z]{1,12}){1,2} (?:is|costs?|gets?|has)|its [a-z]{1,12} is"
    r"|[A-Z][a-z]+ is))\s(?:(?:now|only|just|about|a total of|holds|at|for|pays?|costs?) ){0,2}(?:a )?\$?\Z"
)
_HINTS = re.compile(r"i\.e\.|that is|that makes|which |for a total|earning|a loss|a gain|a profit|a rise|a drop|\bso ")
_SHARED = re.compile(r"\b(?:half|twice|double|doubled)\b", re.IGNORECASE)
_SQUARE = re.compile(r"\bsquare\b", re.IGNORECASE)
_COMPARES = re.compile(
    r"%|[\s-]+(?:each|an|per|a|apiece|more|less|fewer|times|percent|of|older|younger|taller|shorter|longer|higher|lower)\b"
)


def _outcomes(a: Value, b: Value) -> Iterator[Value]:
    """What one calculates with two numbers; a percentage is added or taken off, too."""
    yield from (a + b, abs(a - b), a * b)
    if a and b:
        yield from (Fraction(a) / b, Fraction(b) / a)
    for whole, share in ((a, b), (b, a)):
        yield from (whole * Fraction(100 + k * share) / 100 for k in (-1, 1))
        yield Fraction(whole * share) / 100


def restated(text: str, values: Values) -> Iterator[Tie]:
    """``120 miles in 2 hours, that is at 60 mph``; ``a TV for $500, sold for $450, a loss of $50``; ``3 is half of 6``."""
    for index in range(1, len(values) if _HINTS.search(text) else 0):
        result = values[index]
        start = result.span[0]
        if not _SAID_AGAIN.search(text, max(start - _NEAR, values[index - 1].span[1]), start):
            continue
        if _COMPARES.match(text, result.span[1]):
            continue
        last = values[index - 1]
        before = text[max(start - _NEAR, 0) : start]
        if index > 1 and start - values[index - 2].span[0] <= _NEAR:
            first = values[index - 2]
            if result.value in _outcomes(first.value, last.value):
                told = f"the text works out {result.value} from {first.value} and {last.value}"
                yield Tie((first.span, last.span, result.span), told)
                continue
        square = bool(_SQUARE.search(before)) and (4 * result.value == last.value or result.value**2 == last.value)
        shared = bool(_SHARED.search(before)) and (last.value == 2 * result.value or result.value == 2 * last.value)
        if square or shared:
            yield Tie((last.span, result.span), f"the text works out {result.value} from {last.value}")


_EACH = re.compile(r"\s(?P<what>[a-z][a-z ]{1,40}) (?:for|costs?|sells? for|at) \$?\Z")
_PRICE = re.compile(
    r"(?: dollars?)?(?:,? (?:or|i\.e\.,?|that is,?|which (?:is|means))| \((?:i\.e\.,? |that is,? |or )?)"
    r"\s?(?:just |only )?\$?\Z"
)
_PER = re.compile(r"(?P<cents> cents?)?(?: dollars?)? (?:per|for each|each|apiece|a piece)\b")


def unit_prices(text: str, values: Values) -> Iterator[Tie]:
    """``A box of 24 eggs costs 6 dollars, i.e. 25 cents per egg.``"""
    for (count, whole), (_, each) in pairwise(pairwise(values)):
        per = _PER.match(text, each.span[1])
        if per is None or each.span[0] - count.span[0] > _NEAR:
            continue
        if not (
            _EACH.fullmatch(text, count.span[1], whole.span[0]) and _PRICE.fullmatch(text, whole.span[1], each.span[0])
        ):
            continue
        if count.value * each.value == whole.value * (100 if per["cents"] else 1):
            yield Tie((count.span, whole.span, each.span), f"{whole.value} is the price of {count.value}")


RULES = (restated, unit_prices)
