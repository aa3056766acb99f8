r"""Numbers on which the answer of a problem may not depend: put a symbol in their place, and nobody needs its value.

*If f(1) = 2, f(2) = 6 and f(3) = Y, what is the inverse of f at 2?* Whoever reads this answers 1, whatever Y is. No rule can
know what an answer depends on; these go by the worked solution, where there is one, and by words that are known to lead
to such numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache

from composekit.compose.derivations import Span
from composekit.compose.drawn import drawn
from composekit.compose.problem import Problem
from composekit.compose.tokens import Constant
from composekit.compose.used import Used

MAX_TEXT = 20_000  # longer texts and solutions are not looked at
NEAR = 80  # characters around a numeral


def idle(problem: Problem, constants: Sequence[Constant]) -> dict[Span, str]:
    """The constants of a problem on which its answer may not depend, and why.

    Args:
        problem: The problem; its solution, if it has one, is read for numbers only.
        constants: Constants of its text, as :func:`~composekit.compose.tokens.numerals` finds them.

    Example:
        >>> from composekit.compose.tokens import constants
        >>> text = "John visits 8 countries, for 12 days each, and pays $57 a day. What does he pay in each?"
        >>> problem = Problem(text, 684, solution="He pays 12 * 57 = 684 dollars.")
        >>> idle(problem, constants(text)).values()
        dict_values(['the worked solution does not use it'])
    """
    text = problem.prompt
    if len(text) > MAX_TEXT:
        return {}
    found: dict[Span, str] = {}
    formulas = any(constant.in_math for constant in constants)
    whole = next((why for rule in _OF_THE_WHOLE if (why := rule(problem))), "") if formulas else ""
    used = _solution_of(problem, constants)
    for constant in constants:
        why = whole if constant.in_math else ""
        if not why and used is not None and not used.has(constant):
            why = "the worked solution does not use it"
        if not why:
            rules = _RULES + _FORMULA_RULES if constant.in_math else _RULES
            why = next((why for rule in rules if (why := rule(text, constant))), "")
        if why:
            found[constant.span] = why
    return found


def _solution_of(problem: Problem, constants: Sequence[Constant]) -> Used | None:
    """What the solution uses; None where it is no worked one: where it has next to no number, and none of the problem's."""
    if not problem.solution or len(problem.solution) > MAX_TEXT:
        return None
    used = Used(problem.solution)
    worked = len(used.numerals) > 2 or any(used.has(constant) for constant in constants)
    return used if worked else None


# --- questions whose answer is the same for many numbers

_KINDS = re.compile(r"\b(?:parabola|circle|ellipse|hyperbola|(?:two )?lines?|point|empty|even|odd|neither)\b", re.I)
_KIND_QUESTION = re.compile(
    r"\bDetermine (?:if|whether) the graph|\bcurve defined by"
    r"|\b(?:even|odd), (?:an )?(?:even|odd)(?: function)?, (?:or )?neither",
    re.IGNORECASE,
)
_COUNT_QUESTION = re.compile(
    r"\b(?:[Hh]ow many|number of)\b[^.?!]{0,60}?\b(?:intercepts?|asymptotes?"
    r"|(?:real |complex |distinct )?(?:solutions?|roots?|zeroe?s?))\b(?![^.?!]{0,40}\bmod)"
    r"|\b[Hh]ow many (?:real )?values of [^.?!]{1,200}\b(?:not defined|undefined|not in the domain)"
    r"|\b[Hh]ow many (?:times|points)\b[^.?!]{0,80}\b(?:intersect|cross)"
)
_DEGREE_QUESTION = re.compile(r"\b(?:What is|[Ff]ind) the (?:\w+ ){0,2}degree of (?:the polynomial )?\$")
_DIVIDED = re.compile(r"\)?\$? is divided by")


def _asks_for_a_kind(problem: Problem) -> str:
    """``Determine if the graph of the equation is a parabola, circle, ...``"""
    text = problem.prompt
    if _KIND_QUESTION.search(text) and len({kind.lower() for kind in _KINDS.findall(text)}) > 2:
        return "many numbers give a curve of the same kind"
    return ""


def _counts_few(problem: Problem) -> str:
    """``How many asymptotes ...``, and there are 2."""
    if problem.answer.strip() in ("0", "1", "2", "3", "4") and _COUNT_QUESTION.search(problem.prompt):
        return "many numbers give the same count"
    return ""


def _asks_for_a_degree(problem: Problem) -> str:
    """``$(x - 1) f(x) = 3x^4 + 38x - 17.$ What is the degree of $f$?``"""
    return "a degree goes by exponents" if _DEGREE_QUESTION.search(problem.prompt) else ""


_OF_THE_WHOLE: tuple[Callable[[Problem], str], ...] = (_asks_for_a_kind, _counts_few, _asks_for_a_degree)

# --- numbers that words make idle

_CONVENTION = re.compile(
    r"\s[a-z -]{1,30}?\b(?:are|is|will be) (?:considered|regarded|counted|said to be|called)\b[^.?!]{0,30}"
    r"\b(?:same|equal|equivalent|identical|different|distinct|the|if)\b"
)
_POINTS_AT = re.compile(r"\b(?:[Bb]elow (?:are|is)|[Tt]he following|[Cc]onsider these)\s\$?\Z")
_COUNTED = re.compile(r"\$?\s((?:[a-z]+\s){0,3}[a-z]+)")
_BOTH = re.compile(r"\bboth ((?:[a-z]+ ){0,2}[a-z]+)")
_ROOTS = re.compile(r"\$?\s(?:[a-z-]+\s){0,2}(?:roots?|zeros|zeroes)\b")
_TURNS = (90, 180, 270, 360)
_BOUND_BEFORE = re.compile(
    r"(?:[a-zA-Z]|\\[a-z]+|\|)(?:\^\{?\\circ\}?)?\s?(?:<|\\leq?(?:slant)?|\\lt|≤|\$ (?:is )?(?:less than|below))\s?\$?-?\Z"
    r"|\b(?:between|from)\b[^.?!]{0,40}(?:\band|\bto)\s\$?\Z|\b(?:between|from)\s\$?-?\Z|\[-?[^\[\]]{0,20},\s?\Z"
)
_BOUND_AFTER = re.compile(
    r"(?:\^\{?\\circ\}?)?\s?(?:<|\\leq?(?:slant)?|\\lt|≤)\s?(?:[a-zA-Z]|\\(?:theta|phi|alpha|beta))(?![a-z])"
)
_RIGHT = re.compile(r"\bright[ -](?:triangle|angled?|\$?\\triangle|isosceles)|right-angled|isosceles right|hypotenuse")
_SHAPES: dict[str, dict[int, str]] = {
    "side": {3: "triangle", 4: "square|quadrilateral", 5: "pentagon", 6: "hexagon|die|dice", 8: "octagon"},
    "vertices": {3: "triangle", 4: "square|tetrahedron", 5: "pentagon", 6: "hexagon|octahedron", 8: "cube|octagon"},
    "face": {4: "tetrahedron", 6: "cube|die|dice"}, "edge": {12: "cube"}, "corner": {8: "cube"},
    "star": {50: "flag"}, "stripe": {13: "flag"}, "state": {50: "flag|united states"}, "colon": {13: "flag"},
    "card": {52: "deck"}, "suit": {4: "deck"}, "letter": {26: "alphabet"}, "planet": {8: "solar"},
    "leg": {8: "spider|octopus"},
    "day": {28: "february", 30: "april|june|september|november", 31: "january|march|may|july|august|october|december"},
}  # fmt: skip
_NOUN = re.compile(
    r"\$?\s(?:[a-z-]+\s){0,1}(face|edge|vertices|corner|side|star|state|stripe|colon|planet|leg|suit|letter|card|days in)"
)


_NO_POLYNOMIAL = re.compile(r"[^0-9a-z^+\-=\s\\]|\\[a-z]+|[a-z]{2,}")
_POWER = re.compile(r"[a-z]\^([0-9])")
_ITS_POWER = re.compile(r"\s?[a-z](?:\^([0-9]))?(?![a-z])")


_TOPICS = {
    "angle": re.compile(r"\\theta|\\phi|\\alpha|\\sin|\\cos|\\tan|\\circ|degree|radian|argument|\\arg|\\text\{Arg\}"),
    "sum of roots": re.compile(
        r"\b[Ss]um of (?:all )?(?:the |its |their )?(?:(?!of )[a-z]+ ){0,2}(?:roots|zeros|zeroes)\b(?! of unity)"
        r"|\$a ?\+ ?b(?: ?\+ ?c)?,?\$,? (?:given that|if|where|when) [^.]{1,60}\b(?:roots|zeros|solutions)\b"
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


_INDEX_BEFORE = re.compile(
    r"\b(?:for|when)\b[\s\\}$]{0,4}(?:(?:all|every|each|positive|integers?)\s){0,3}\$?\s?[nkij]\s?(?:\\geq?(?:slant)?|>=?|\u2265)\s?\Z"
)
_EVEN = (50, Fraction(1, 2))
_EACH_HAS = re.compile(r"\b[Ee]ach ([a-z]+) has an? (?:[a-z]+ )?\\?\$?\Z")


def _convention(text: str, constant: Constant) -> str:
    """``Two seatings are considered the same if ...``"""
    if constant.value == 2 and _CONVENTION.match(text, constant.span[1]):
        return "it belongs to a convention"
    return ""


def _pointer(text: str, constant: Constant) -> str:
    """``Below are two equations``"""
    small = isinstance(constant.value, int) and constant.value <= 12
    if small and _POINTS_AT.search(text[max(constant.span[0] - 24, 0) : constant.span[0]]):
        return "it counts what stands there"
    return ""


def _degree(text: str, constant: Constant) -> str:
    """``$x^{10} + 3 = 0$ has 10 complex roots``"""
    counts_roots = isinstance(constant.value, int) and constant.value > 1 and _ROOTS.match(text, constant.span[1])
    if counts_roots and re.search(rf"\^\s?(?:\{{\s?{constant.value}\s?\}}|{constant.value}(?![0-9]))", text):
        return "the degree tells the number of roots"
    return ""


def _both(text: str, constant: Constant) -> str:
    """``3 white and 2 red balls are drawn; both red balls must match``"""
    counted = _COUNTED.match(text, constant.span[1]) if constant.value == 2 and "both" in text else None
    if counted:
        again = set(counted[1].split()) - {"of", "the"}
        for both in _BOTH.finditer(text, constant.span[1]):
            if not again.isdisjoint(both[1].split()):
                return "the text says both"
    return ""


def _range_of_an_angle(text: str, constant: Constant) -> str:
    r"""``$0 < x < 180$``, ``an argument between $90^\circ$ and $180^\circ$``, ``$0 \le \theta < 2 \pi$``"""
    turn = constant.value in _TURNS or (
        constant.kind == "radical" and "pi" in constant.text and "sqrt" not in constant.text
    )
    if not turn or "angle" not in _topics(text):
        return ""
    start, end = constant.span
    if _BOUND_BEFORE.search(text[max(start - NEAR, 0) : start]) or _BOUND_AFTER.match(text, end):
        return "it bounds an angle"
    return ""


def _right_angle(text: str, constant: Constant) -> str:
    r"""``In right triangle $ABC$, $\angle B = 90^\circ$``"""
    if constant.value != 90 or not text.startswith(("^\\circ", "^{\\circ", " degrees", "\u00b0"), constant.span[1]):
        return ""
    near = text[max(constant.span[0] - 3 * NEAR, 0) : constant.span[1] + 3 * NEAR]
    return "the text says that the angle is right" if _RIGHT.search(near) else ""


def _shape(text: str, constant: Constant) -> str:
    """``the 6 faces of a cube``"""
    noun = _NOUN.match(text, constant.span[1]) if isinstance(constant.value, int) else None
    names = _SHAPES[noun[1].removesuffix("s in")].get(constant.value) if noun else None  # type: ignore[arg-type]  # an int, seen above
    return "anyone knows how many there are" if names and re.search(rf"\b(?:{names})", text, re.I) else ""


def _bound_of_an_index(text: str, constant: Constant) -> str:
    r"""``$x_n = x_{n-1} - x_{n-2}$ when $n \geq 5$``"""
    start = constant.span[0]
    found = _INDEX_BEFORE.search(text[max(start - NEAR, 0) : start])
    return "it bounds an index" if found else ""


def _even_chance(text: str, constant: Constant) -> str:
    """``Two candidates run. Each candidate has a 50% chance of winning.``"""
    one = (
        _EACH_HAS.search(text[max(constant.span[0] - NEAR, 0) : constant.span[0]]) if constant.value in _EVEN else None
    )
    return "of two, each has the same chance" if one and re.search(rf"\b[Tt]wo {one[1]}s\b", text) else ""


def _known_name(text: str, constant: Constant) -> str:
    """``where $F_0 = 0$ and $F_1 = 1$`` of the Fibonacci numbers"""
    before = text[max(constant.span[0] - 8, 0) : constant.span[0]]
    if constant.value in (1, 2) and before.rstrip("$ ").endswith("=") and "Fibonacci" in text:
        return "the name of the sequence tells it"
    return ""


def _constant_of_a_quotient(text: str, constant: Constant) -> str:
    """``the quotient when $x^6 - 3$ is divided by $x + 1$``"""
    topics = _topics(text) if _DIVIDED.match(text, constant.span[1]) else ()
    return "it changes the remainder alone" if "quotient" in topics and "remainder" not in topics else ""


def _low_coefficient(text: str, constant: Constant) -> str:
    """A coefficient that the sum of the roots, or the horizontal asymptote, does not depend on."""
    topics = _topics(text)
    sum_of_roots = "sum of roots" in topics
    if not (sum_of_roots or ("flat" in topics and "steep" not in topics)):
        return ""
    start, end = constant.span
    first = max(
        (match.end() for match in _NO_POLYNOMIAL.finditer(text, max(start - NEAR, 0), start)), default=start - NEAR
    )
    last = _NO_POLYNOMIAL.search(text, end, end + NEAR)
    around = text[max(first, 0) : last.start() if last else end + NEAR]
    degree = max((int(n) for n in _POWER.findall(around)), default=1)
    power = _ITS_POWER.match(text, end)
    own = (int(power[1] or 1) if power else 0) if text[start - 1 : start] != "^" else degree
    return "the answer goes by higher coefficients" if degree > 1 and own < degree - bool(sum_of_roots) else ""


_RULES: tuple[Callable[[str, Constant], str], ...] = (
    _convention, _pointer, _degree, _both, _range_of_an_angle, _right_angle, _shape, _even_chance, _known_name, drawn,
)  # fmt: skip
_FORMULA_RULES = (_bound_of_an_index, _constant_of_a_quotient, _low_coefficient)
