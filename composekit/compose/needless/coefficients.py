r"""Numbers of formulas that are idle: coefficients of polynomials that a question does not go by, and the like.

One rule a function, as in :mod:`composekit.compose.needless.idle_places`.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from composekit.compose.needless.idle_places import NEAR, before, topics_of
from composekit.compose.tokens import Constant

_INDEX_BEFORE = re.compile(
    r"\b(?:for|when)\b[\s\\}$]{0,4}(?:(?:all|every|each|positive|integers?)\s){0,3}\$?\s?[nkij]\s?(?:\\geq?(?:slant)?|>=?|\u2265)\s?\Z"
)


def _bound_of_an_index(text: str, constant: Constant) -> str:
    r"""``$x_n = x_{n-1} - x_{n-2}$ when $n \geq 5$``"""
    return "it bounds an index" if _INDEX_BEFORE.search(before(text, constant)) else ""


_DIVIDED = re.compile(r"\)?\$? is divided by")


def _constant_of_a_quotient(text: str, constant: Constant) -> str:
    """``the quotient when $x^6 - 3$ is divided by $x + 1$``"""
    topics = topics_of(text) if _DIVIDED.match(text, constant.span[1]) else ()
    return "it changes the remainder alone" if "quotient" in topics and "remainder" not in topics else ""


_USE = re.compile(r"(?<![A-Za-z\\])f\s?\((-?)([a-z0-9]{1,3})\)")
_DIFFERENCE = re.compile(r"(?<![A-Za-z\\])f\s?\([a-z0-9]{1,3}\)\s?-\s?f\s?\([a-z0-9]{1,3}\)")
_LAST_TERM = re.compile(r"(?<![A-Za-z\\])f\s?\(x\)\s?=\s?([0-9a-z^{}+\-. ]{1,80}[+-])\s?\Z")
_TERM_ENDS = re.compile(r"\s?[.,;]?\s?(?:\$|\\\])|\s?,? (?:and|for)\b")
_UNKNOWN_TERM = re.compile(r"[a-wyz]\s?x(?:\^\{?([0-9]{1,2}))?")


def _constant_term(text: str, constant: Constant) -> str:
    """``Let $f(x) = x^3 + 3x^2 + 1$``, where the rest speaks of $f(x) - f(a)$ alone; ``$f(x) = ax^4 + bx^2 + x + 5$ and
    $f(-3) = 2$``, where it asks for $f(3)$.
    """
    last = _TERM_ENDS.match(text, constant.span[1]) and _LAST_TERM.search(before(text, constant, 2 * NEAR))
    if not last:
        return ""
    rest = text[constant.span[1] :]
    uses = _USE.findall(rest)
    differences = len(_DIFFERENCE.findall(rest))
    powers = [int(power or 1) for power in _UNKNOWN_TERM.findall(last[1])]
    mirrored = len(uses) == 2 and uses[0][1] == uses[1][1] and uses[0][0] != uses[1][0] and uses[0][1].isdigit()
    if (differences and len(uses) == 2 * differences) or (mirrored and powers and not any(p % 2 for p in powers)):
        return "it cancels in differences"
    return ""


_NO_POLYNOMIAL = re.compile(r"[^0-9a-z^+\-=\s\\]|\\[a-z]+|[a-z]{2,}")
_NO_LETTERS = re.compile(r"[^0-9a-z^+\-=\s\\]|\\[a-z]+|[a-z]{3,}")  # 4ax^2 is a term
_POWER = re.compile(r"[a-z]\^([0-9])")
_ITS_POWER = re.compile(r"\s?[a-z](?:\^([0-9]))?(?![a-z])")


_FRACTION_STARTS = re.compile(r"\\[dt]?frac\{-?\Z")
_FRACTION_ENDS = re.compile(r"\}\s?\{[a-z](?:\^[0-9])?\}")


def _polynomial(text: str, start: int, end: int, ends: re.Pattern[str] = _NO_POLYNOMIAL) -> tuple[int, int]:
    """The place of what may be a polynomial around a place of a text."""
    ends_before = (match.end() for match in ends.finditer(text, max(start - NEAR, 0), start))
    first = max(ends_before, default=max(start - NEAR, 0))
    last = ends.search(text, end, end + NEAR)
    return first, last.start() if last else min(end + NEAR, len(text))


def _low_coefficient(text: str, constant: Constant) -> str:
    """A coefficient that the sum of the roots, or the horizontal asymptote, does not depend on."""
    topics = topics_of(text)
    sum_of_roots = not topics.isdisjoint(("sum of roots", "sum of asymptotes"))
    if not (sum_of_roots or ("flat" in topics and "steep" not in topics)):
        return ""
    start, end = constant.span
    below = _FRACTION_ENDS.match(text, end) if sum_of_roots else None
    above = _FRACTION_STARTS.search(before(text, constant, 12)) if below else None
    if below and above:
        start, end = start - len(above[0]), below.end()
    around = text[slice(*_polynomial(text, start, end))]
    degree = max((int(n) for n in _POWER.findall(around)), default=1)
    power = _ITS_POWER.match(text, end)
    own = (int(power[1] or 1) if power else 0) if text[start - 1 : start] != "^" else degree
    own = -1 if below and above else own
    return "the answer goes by higher coefficients" if degree > 1 and own < degree - bool(sum_of_roots) else ""


_HIGHEST = re.compile(r"([a-z])\^([0-9])(?![0-9])")
_ASKED = re.compile(r"\b(?:value of|[Ff]ind|[Cc]ompute|What is) \$([a-z])\$")


def _middle_coefficient(text: str, constant: Constant) -> str:
    """``the sum of the logarithms of the roots`` is that of their product: the first and the last coefficient tell it."""
    topics = topics_of(text) & {"product of roots", "sum of logarithms"}
    if not topics or "real roots" in text or len(topics_of(text) & {"sum of roots"}):
        return ""
    first, last = _polynomial(text, *constant.span, _NO_LETTERS)
    around = text[first:last].removesuffix("\\")
    powers = {int(power): letter for letter, power in _HIGHEST.findall(around)}
    degree = max(powers, default=0)
    x = powers.get(degree, "")
    whole = text[max(first - 1, 0) : first] in ("$", "[") or text[:first].endswith(f"({x})")
    if (
        degree < 2
        or not whole
        or text[last : last + 1] not in ("$", "]", ".", ",")
        or around.count(f"{x}^{degree}") > 1
    ):
        return ""
    own = re.match(rf"\s?[a-z]?\s?{x}(?:\^([0-9]))?(?![a-z^])", text[constant.span[1] : constant.span[1] + 12])
    if own is None or not 0 < int(own[1] or 1) < degree:
        return ""
    return "the answer goes by the first and the last coefficient" if _asks_for_product(text, around, x) else ""


def _asks_for_product(text: str, around: str, x: str) -> bool:
    """Whether a text asks for the product of the roots; or tells it, and asks for a letter of the last coefficient alone."""
    if "product of roots" in topics_of(text):
        return True
    asked = {match[1] for match in _ASKED.finditer(text)} - {x}
    letter = "".join(asked)
    return len(asked) == 1 and re.search(rf"[-+]\s?[0-9]{{0,6}}\s?{letter}\s*(?:=\s*0\s*)?\Z", around) is not None


_DOMAIN = re.compile(r"\b(?:[Dd]omain of|in the domain)\b")
_HOLE = re.compile(r"\bhole at \$?x ?= ?(-?)([0-9]{1,9})(?![0-9])")
_NUMERATOR = re.compile(r"\\[dt]?frac\s?\{([^{}\\]{0,80})\Z")
_FACTOR = re.compile(r"\([a-z]\s?([-+])\s?\Z")


def _of_a_fraction(text: str, constant: Constant) -> str:
    """A number of a numerator, where a domain is asked for; of another factor than the one that a hole is due to."""
    preceding = before(text, constant)
    numerator = _NUMERATOR.search(preceding) if "omain" in text and _DOMAIN.search(text) else None
    if numerator and re.match(r"[^{}\\]{0,80}\}", text[constant.span[1] : constant.span[1] + NEAR]):
        return "a numerator has no part in the domain"
    factor = _FACTOR.search(preceding) if "hole" in text else None
    hole = _HOLE.search(text) if factor and text.startswith(")", constant.span[1]) else None
    if factor and hole and (int(hole[2]) != constant.value or bool(hole[1]) is not (factor[1] == "+")):
        return "the hole is due to another factor"
    return ""


# They look at numbers of formulas alone.
FORMULA_PLACES: tuple[Callable[[str, Constant], str], ...] = (
    _bound_of_an_index, _constant_of_a_quotient, _constant_term, _low_coefficient, _middle_coefficient, _of_a_fraction,
)  # fmt: skip
