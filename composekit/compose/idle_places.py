r"""Places in a text at which a number is idle: it counts what stands beside it, bounds an angle, is known to anyone.

One rule a function, with the pattern that it reads above it. A rule takes the text and a constant, and says why an answer
may not depend on that constant, or nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache

from composekit.compose.drawn import drawn
from composekit.compose.tokens import Constant

NEAR = 80  # characters around a numeral

_TOPICS = {
    "angle": re.compile(r"\\theta|\\phi|\\alpha|\\sin|\\cos|\\tan|\\circ|degree|radian|argument|\\arg|\\text\{Arg\}"),
    "sum of roots": re.compile(
        r"\b[Ss]um of (?:all )?(?:the |its |their )?(?:(?!of )[a-z]+ ){0,2}(?:roots|zeros|zeroes)\b(?! of unity)"
        r"|\$a ?\+ ?b(?: ?\+ ?c)?,?\$,? (?:given that|if|where|when) [^.]{1,60}\b(?:roots|zeros|solutions)\b"
    ),
    "sum of asymptotes": re.compile(
        r"\bvertical asymptotes (?:at )?\$x ?= ?([a-z])\$ and \$x ?= ?([a-z])\$.{1,120}\$\1 ?\+ ?\2 ?[+$]", re.DOTALL
    ),
    "flat": re.compile(r"\bhorizontal asymptote\b"),
    "steep": re.compile(r"\bvertical\b"),
    "quotient": re.compile(r"\bquotient\b"),
    "remainder": re.compile(r"\bremainder\b"),
}


@lru_cache(maxsize=64)
def _topics(text: str) -> frozenset[str]:
    """What a text speaks of, asked for once for all its numbers."""
    return frozenset(topic for topic, words in _TOPICS.items() if words.search(text))


def _before(text: str, constant: Constant, length: int = NEAR) -> str:
    """What stands before a constant."""
    start = constant.span[0]
    return text[max(start - length, 0) : start]


_CONVENTION = re.compile(
    r"\s[a-z -]{1,30}?\b(?:are|is|will be) (?:considered|regarded|counted|said to be|called)\b[^.?!]{0,30}"
    r"\b(?:same|equal|equivalent|identical|different|distinct|the|if)\b"
)


def _convention(text: str, constant: Constant) -> str:
    """``Two seatings are considered the same if ...``"""
    said = constant.value == 2 and _CONVENTION.match(text, constant.span[1])
    return "it belongs to a convention" if said else ""


_POINTS_AT = re.compile(r"\b(?:[Bb]elow (?:are|is)|[Tt]he following|[Cc]onsider these)\s\$?\Z")


def _pointer(text: str, constant: Constant) -> str:
    """``Below are two equations``"""
    small = isinstance(constant.value, int) and constant.value <= 12
    return "it counts what stands there" if small and _POINTS_AT.search(_before(text, constant, 24)) else ""


_ROOTS = re.compile(r"\$?\s(?:[a-z-]+\s){0,2}(?:roots?|zeros|zeroes)\b")


def _degree(text: str, constant: Constant) -> str:
    """``$x^{10} + 3 = 0$ has 10 complex roots``"""
    counts_roots = isinstance(constant.value, int) and constant.value > 1 and _ROOTS.match(text, constant.span[1])
    if counts_roots and re.search(rf"\^\s?(?:\{{\s?{constant.value}\s?\}}|{constant.value}(?![0-9]))", text):
        return "the degree tells the number of roots"
    return ""


_COUNTED = re.compile(r"\$?\s((?:[a-z]+\s){0,3}[a-z]+)")
_BOTH = re.compile(r"\bboth ((?:[a-z]+ ){0,2}[a-z]+)")


def _both(text: str, constant: Constant) -> str:
    """``3 white and 2 red balls are drawn; both red balls must match``"""
    counted = _COUNTED.match(text, constant.span[1]) if constant.value == 2 and "both" in text else None
    if counted:
        again = set(counted[1].split()) - {"of", "the"}
        for both in _BOTH.finditer(text, constant.span[1]):
            if not again.isdisjoint(both[1].split()):
                return "the text says both"
    return ""


_TURNS = (90, 180, 270, 360)
_BOUND_BEFORE = re.compile(
    r"(?:[a-zA-Z]|\\[a-z]+|\|)(?:\^\{?\\circ\}?)?\s?(?:<|\\leq?(?:slant)?|\\lt|≤|\$ (?:is )?(?:less than|below))\s?\$?-?\Z"
    r"|\b(?:between|from)\b[^.?!]{0,40}(?:\band|\bto)\s\$?\Z|\b(?:between|from)\s\$?-?\Z|\[-?[^\[\]]{0,20},\s?\Z"
)
_BOUND_AFTER = re.compile(
    r"(?:\^\{?\\circ\}?)?\s?(?:<|\\leq?(?:slant)?|\\lt|≤)\s?(?:[a-zA-Z]|\\(?:theta|phi|alpha|beta))(?![a-z])"
)


def _range_of_an_angle(text: str, constant: Constant) -> str:
    r"""``$0 < x < 180$``, ``an argument between $90^\circ$ and $180^\circ$``, ``$0 \le \theta < 2 \pi$``"""
    multiple_of_pi = constant.kind == "radical" and "pi" in constant.text and "sqrt" not in constant.text
    multiple_of_pi = multiple_of_pi or text.startswith(("\\pi", " \\pi"), constant.span[1])
    if not (constant.value in _TURNS or multiple_of_pi) or "angle" not in _topics(text):
        return ""
    bounds = _BOUND_BEFORE.search(_before(text, constant)) or _BOUND_AFTER.match(text, constant.span[1])
    return "it bounds an angle" if bounds else ""


_RIGHT = re.compile(r"\bright[ -](?:triangle|angled?|\$?\\triangle|isosceles)|right-angled|isosceles right|hypotenuse")


def _right_angle(text: str, constant: Constant) -> str:
    r"""``In right triangle $ABC$, $\angle B = 90^\circ$``"""
    if constant.value != 90 or not text.startswith(("^\\circ", "^{\\circ", " degrees", "\u00b0"), constant.span[1]):
        return ""
    near = _before(text, constant, 3 * NEAR) + text[constant.span[0] : constant.span[1] + 3 * NEAR]
    return "the text says that the angle is right" if _RIGHT.search(near) else ""


_SHAPES: dict[str, dict[int, str]] = {
    "side": {3: "triangle", 4: "square|quadrilateral", 5: "pentagon", 6: "hexagon|die|dice", 8: "octagon"},
    "vertices": {3: "triangle", 4: "square|tetrahedron", 5: "pentagon", 6: "hexagon|octahedron", 8: "cube|octagon"},
    "face": {4: "tetrahedron", 6: "cube|die|dice"}, "edge": {12: "cube"}, "corner": {8: "cube"},
    "equilateral triangle": {6: "hexagon"},
    "star": {50: "flag"}, "stripe": {13: "flag"}, "state": {50: "flag|united states"}, "colon": {13: "flag"},
    "card": {52: "deck"}, "suit": {4: "deck"}, "letter": {26: "alphabet"}, "planet": {8: "solar"},
    "leg": {8: "spider|octopus"},
    "day": {28: "february", 30: "april|june|september|november", 31: "january|march|may|july|august|october|december"},
}  # fmt: skip
_NOUN = re.compile(
    r"\$?\s(?:[a-z-]+\s){0,1}"
    r"(equilateral triangle|face|edge|vertices|corner|side|star|state|stripe|colon|planet|leg|suit|letter|card|days in)"
)


def _shape(text: str, constant: Constant) -> str:
    """``the 6 faces of a cube``"""
    noun = _NOUN.match(text, constant.span[1]) if isinstance(constant.value, int) else None
    names = _SHAPES[noun[1].removesuffix("s in")].get(constant.value) if noun else None  # type: ignore[arg-type]  # an int, seen above
    return "anyone knows how many there are" if names and re.search(rf"\b(?:{names})", text, re.I) else ""


_EVEN = (50, Fraction(1, 2))
_EACH_HAS = re.compile(r"\b[Ee]ach ([a-z]+) has an? (?:[a-z]+ )?\\?\$?\Z")


def _even_chance(text: str, constant: Constant) -> str:
    """``Two candidates run. Each candidate has a 50% chance of winning.``"""
    one = _EACH_HAS.search(_before(text, constant)) if constant.value in _EVEN else None
    return "of two, each has the same chance" if one and re.search(rf"\b[Tt]wo {one[1]}s\b", text) else ""


_FORMULA = re.compile(
    r"\b(?:volume|area|surface area|circumference|perimeter) of (?:a|an|any|the) [a-z -]{3,40} is given by (?:the formula )?"
    r"\$?(?:[A-Z] ?= ?)?\Z"
)


def _known_formula(text: str, constant: Constant) -> str:
    """``The volume of a cone is given by the formula $V = \\frac{1}{3}Bh$``"""
    known = "is given by" in text and _FORMULA.search(_before(text, constant, 2 * NEAR))
    return "a formula that anyone knows" if known else ""


_MEET = re.compile(
    r"\b(?:intersects?|intersecting|meets?|meeting|cross(?:es)?|tangent)\b(?![^.?!]*\b(?:exactly|only|most|least)\b)"
    r"[^.?!]{0,60}\b(?:at|in) (?:the )?\$?\Z"
)
_POINTS = re.compile(r"\$? (?:distinct |different )?points?\b")


def _points_of_meeting(text: str, constant: Constant) -> str:
    """``The line meets the parabola at two points``"""
    counts = constant.value in (2, 3, 4) and _POINTS.match(text, constant.span[1])
    return "the curves tell where they meet" if counts and _MEET.search(_before(text, constant, 2 * NEAR)) else ""


def _known_name(text: str, constant: Constant) -> str:
    """``where $F_0 = 0$ and $F_1 = 1$`` of the Fibonacci numbers"""
    told = constant.value in (1, 2) and _before(text, constant, 8).rstrip("$ ").endswith("=") and "Fibonacci" in text
    return "the name of the sequence tells it" if told else ""


_INDEX_BEFORE = re.compile(
    r"\b(?:for|when)\b[\s\\}$]{0,4}(?:(?:all|every|each|positive|integers?)\s){0,3}\$?\s?[nkij]\s?(?:\\geq?(?:slant)?|>=?|\u2265)\s?\Z"
)


def _bound_of_an_index(text: str, constant: Constant) -> str:
    r"""``$x_n = x_{n-1} - x_{n-2}$ when $n \geq 5$``"""
    return "it bounds an index" if _INDEX_BEFORE.search(_before(text, constant)) else ""


_DIVIDED = re.compile(r"\)?\$? is divided by")


def _constant_of_a_quotient(text: str, constant: Constant) -> str:
    """``the quotient when $x^6 - 3$ is divided by $x + 1$``"""
    topics = _topics(text) if _DIVIDED.match(text, constant.span[1]) else ()
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
    last = _TERM_ENDS.match(text, constant.span[1]) and _LAST_TERM.search(_before(text, constant, 2 * NEAR))
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
_POWER = re.compile(r"[a-z]\^([0-9])")
_ITS_POWER = re.compile(r"\s?[a-z](?:\^([0-9]))?(?![a-z])")


def _low_coefficient(text: str, constant: Constant) -> str:
    """A coefficient that the sum of the roots, or the horizontal asymptote, does not depend on."""
    topics = _topics(text)
    sum_of_roots = not topics.isdisjoint(("sum of roots", "sum of asymptotes"))
    if not (sum_of_roots or ("flat" in topics and "steep" not in topics)):
        return ""
    start, end = constant.span
    ends_before = (match.end() for match in _NO_POLYNOMIAL.finditer(text, max(start - NEAR, 0), start))
    first = max(ends_before, default=start - NEAR)
    last = _NO_POLYNOMIAL.search(text, end, end + NEAR)
    around = text[max(first, 0) : last.start() if last else end + NEAR]
    degree = max((int(n) for n in _POWER.findall(around)), default=1)
    power = _ITS_POWER.match(text, end)
    own = (int(power[1] or 1) if power else 0) if text[start - 1 : start] != "^" else degree
    return "the answer goes by higher coefficients" if degree > 1 and own < degree - bool(sum_of_roots) else ""


_DOMAIN = re.compile(r"\b(?:[Dd]omain of|in the domain)\b")
_HOLE = re.compile(r"\bhole at \$?x ?= ?(-?)([0-9]{1,9})(?![0-9])")
_NUMERATOR = re.compile(r"\\[dt]?frac\s?\{([^{}\\]{0,80})\Z")
_FACTOR = re.compile(r"\([a-z]\s?([-+])\s?\Z")


def _of_a_fraction(text: str, constant: Constant) -> str:
    """A number of a numerator, where a domain is asked for; of another factor than the one that a hole is due to."""
    before = _before(text, constant)
    numerator = _NUMERATOR.search(before) if "omain" in text and _DOMAIN.search(text) else None
    if numerator and re.match(r"[^{}\\]{0,80}\}", text[constant.span[1] : constant.span[1] + NEAR]):
        return "a numerator has no part in the domain"
    factor = _FACTOR.search(before) if "hole" in text else None
    hole = _HOLE.search(text) if factor and text.startswith(")", constant.span[1]) else None
    if factor and hole and (int(hole[2]) != constant.value or bool(hole[1]) is not (factor[1] == "+")):
        return "the hole is due to another factor"
    return ""


PLACES: tuple[Callable[[str, Constant], str], ...] = (
    _convention, _pointer, _degree, _both, _range_of_an_angle, _right_angle, _shape, _even_chance, _known_name,
    _known_formula, _points_of_meeting, drawn,
)  # fmt: skip
# Those that look at numbers of formulas alone.
FORMULA_PLACES = (_bound_of_an_index, _constant_of_a_quotient, _constant_term, _low_coefficient, _of_a_fraction)
