r"""Places in a text at which a number is idle: it counts what stands beside it, bounds an angle, is known to anyone.

One rule a function, with the pattern that it reads above it. A rule takes the text and a constant, and says why an answer
may not depend on that constant, or nothing.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache

from composekit.compose.needless.drawn import drawn
from composekit.compose.tokens import Constant
from composekit.compose.words import singular

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
    "product of roots": re.compile(
        r"\b(?:What is|[Ff]ind|[Cc]ompute|[Dd]etermine) the product of (?:all )?(?:the |its )?(?:complex )?(?:roots|zeros)\b"
    ),
    "sum of logarithms": re.compile(
        r"\bsum of (?:the )?(?:(?!of )[a-z0-9$-]{1,12} ){0,2}logarithms of (?:the |its )?(?:roots|zeros|solutions)\b"
    ),
    "flat": re.compile(r"\bhorizontal asymptote\b"),
    "steep": re.compile(r"\bvertical\b"),
    "quotient": re.compile(r"\bquotient\b"),
    "remainder": re.compile(r"\bremainder\b"),
}


@lru_cache(maxsize=64)
def topics_of(text: str) -> frozenset[str]:
    """What a text speaks of, asked for once for all its numbers."""
    return frozenset(topic for topic, words in _TOPICS.items() if words.search(text))


def before(text: str, constant: Constant, length: int = NEAR) -> str:
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
    return "it counts what stands there" if small and _POINTS_AT.search(before(text, constant, 24)) else ""


_ROOTS = re.compile(r"\$?\s(?:[a-z-]+\s){0,2}(?:roots?|zeros|zeroes)\b")


def _degree(text: str, constant: Constant) -> str:
    """``$x^{10} + 3 = 0$ has 10 complex roots``"""
    counts_roots = isinstance(constant.value, int) and constant.value > 1 and _ROOTS.match(text, constant.span[1])
    if counts_roots and re.search(rf"\^\s?(?:\{{\s?{constant.value}\s?\}}|{constant.value}(?![0-9]))", text):
        return "the degree tells the number of roots"
    return ""


_COUNTED = re.compile(r"\$?\s((?:[a-z]+\s){0,3}[a-z]+)")
_BOTH = re.compile(r"\bboth ((?:[a-z]+ ){0,2}[a-z]+)")
_WHERE = re.compile(r"\b(?:in|on|at|for|with|from|to|by|and|which|that)\b.*")  # two classes in his school
_THEN_BOTH = re.compile(r"\$?\s(?:[a-z-]+\s){0,2}[a-z]+s, both\b")


def _both(text: str, constant: Constant) -> str:
    """``3 white and 2 red balls are drawn; both red balls must match``, ``two jars, both full``"""
    counted = _COUNTED.match(text, constant.span[1]) if constant.value == 2 and "both" in text else None
    if counted:
        again = {singular(word) for word in _WHERE.sub("", counted[1]).split()} - {"of", "the"}
        for both in _BOTH.finditer(text, constant.span[1]):
            if not again.isdisjoint(map(singular, both[1].split())):
                return "the text says both"
        if _THEN_BOTH.match(text, constant.span[1]):
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
    if not (constant.value in _TURNS or multiple_of_pi) or "angle" not in topics_of(text):
        return ""
    bounds = _BOUND_BEFORE.search(before(text, constant)) or _BOUND_AFTER.match(text, constant.span[1])
    return "it bounds an angle" if bounds else ""


_RIGHT = re.compile(r"\bright[ -](?:triangle|angled?|\$?\\triangle|isosceles)|right-angled|isosceles right|hypotenuse")


def _right_angle(text: str, constant: Constant) -> str:
    r"""``In right triangle $ABC$, $\angle B = 90^\circ$``"""
    if constant.value != 90 or not text.startswith(("^\\circ", "^{\\circ", " degrees", "\u00b0"), constant.span[1]):
        return ""
    near = before(text, constant, 3 * NEAR) + text[constant.span[0] : constant.span[1] + 3 * NEAR]
    return "the text says that the angle is right" if _RIGHT.search(near) else ""


_SHAPES: dict[str, dict[int, str]] = {
    "side": {3: "triangle", 4: "square|quadrilateral", 5: "pentagon", 6: "hexagon|die|dice", 8: "octagon"},
    "vertices": {3: "triangle", 4: "square|tetrahedron", 5: "pentagon", 6: "hexagon|octahedron", 8: "cube|octagon"},
    "face": {4: "tetrahedron", 6: "cube|die|dice"}, "edge": {12: "cube"}, "corner": {8: "cube"},
    "equilateral triangle": {6: "hexagon"},
    "star": {50: "flag"}, "stripe": {13: "flag"}, "state": {50: "flag|united states"}, "colon": {13: "flag"},
    "card": {52: "deck"}, "suit": {4: "deck"}, "letter": {26: "alphabet"}, "planet": {8: "solar"},
    "leg": {
        4: r"dog|cow|horse|goat|sheep|cats?\b|pigs?\b|chairs?\b", 8: "spider|octopus|tarantula|scorpion",
        6: r"insect|ants?\b|bees?\b|beetle|ladybug|grasshopper|fly\b|flies\b",
    },
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
    one = _EACH_HAS.search(before(text, constant)) if constant.value in _EVEN else None
    return "of two, each has the same chance" if one and re.search(rf"\b[Tt]wo {one[1]}s\b", text) else ""


_FORMULA = re.compile(
    r"\b(?:volume|area|surface area|circumference|perimeter) of (?:a|an|any|the) [a-z -]{3,40} is given by (?:the formula )?"
    r"\$?(?:[A-Z] ?= ?)?\Z"
)


def _known_formula(text: str, constant: Constant) -> str:
    """``The volume of a cone is given by the formula $V = \\frac{1}{3}Bh$``"""
    known = "is given by" in text and _FORMULA.search(before(text, constant, 2 * NEAR))
    return "a formula that anyone knows" if known else ""


_MEET = re.compile(
    r"\b(?:intersects?|intersecting|meets?|meeting|cross(?:es)?|tangent)\b(?![^.?!]*\b(?:exactly|only|most|least)\b)"
    r"[^.?!]{0,60}\b(?:at|in) (?:the )?\$?\Z"
)
_POINTS = re.compile(r"\$? (?:distinct |different )?points?\b")


def _points_of_meeting(text: str, constant: Constant) -> str:
    """``The line meets the parabola at two points``"""
    counts = constant.value in (2, 3, 4) and _POINTS.match(text, constant.span[1])
    return "the curves tell where they meet" if counts and _MEET.search(before(text, constant, 2 * NEAR)) else ""


def _known_name(text: str, constant: Constant) -> str:
    """``where $F_0 = 0$ and $F_1 = 1$`` of the Fibonacci numbers"""
    told = constant.value in (1, 2) and before(text, constant, 8).rstrip("$ ").endswith("=") and "Fibonacci" in text
    return "the name of the sequence tells it" if told else ""


_YEAR_BEFORE = re.compile(
    r"\b(?:[Ii]t(?:'s|\u2019s| is) (?:currently|now)|[Cc]urrently|(?:the|in|of|since|until|by) (?:the )?year|[Ii]n|[Ss]ince"
    r"|[Uu]ntil)\s\Z"
)
_STOP = re.compile(r"\s?(?:[.,;:?!)]|\Z)")


def _year(text: str, constant: Constant) -> str:
    """``It is currently 2021.``"""
    year = isinstance(constant.value, int) and 1900 <= constant.value <= 2100 and len(constant.text) == 4
    near = year and _STOP.match(text, constant.span[1]) and _YEAR_BEFORE.search(before(text, constant, 24))
    return "it is a year" if near else ""


_IN_SOME_YEARS = re.compile(r"\bin \Z", re.IGNORECASE)
_OLDER_THEN = re.compile(r" years?(?: from now| time)?,? [^.?!]{1,60}\bwill be [^.?!]{1,40}\b(?:older|younger)\b")


def _age_difference(text: str, constant: Constant) -> str:
    """``in 10 years Rena will be 5 years older than Pam``, as she is today"""
    before = _IN_SOME_YEARS.search(text[max(constant.span[0] - 3, 0) : constant.span[0]])
    return "a difference of ages stays" if before and _OLDER_THEN.match(text, constant.span[1]) else ""


PLACES: tuple[Callable[[str, Constant], str], ...] = (
    _convention, _pointer, _degree, _both, _range_of_an_angle, _right_angle, _shape, _even_chance, _known_name,
    _known_formula, _points_of_meeting, _year, _age_difference, drawn,
)  # fmt: skip
