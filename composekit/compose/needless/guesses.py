r"""Numbers that nobody is told and everybody fills in: the next one of a pattern in prose, an equal share, a right triangle.

One rule a function, as in :mod:`composekit.compose.needless.derivations`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Sequence
from itertools import islice, pairwise

from composekit.compose.needless.derivations import Tie, Values, things_of, tie_of
from composekit.compose.tokens import Constant
from composekit.compose.words import singular

# --- a pattern in prose

_GOES_ON = re.compile(
    r"[^.?!]{0,60}(?:[.?!]\s[^.?!]{0,60})?\b(?:(?:this|the same|that|the) (?:[a-z]+ )?(?:pattern|progression|trend)"
    r"|and so on|so forth|etc\b)"
)
_GAP = 40  # characters between two numbers that are seen together


def steps(text: str, values: Values) -> Iterator[Tie]:
    """``$2 in January, $4 in February, $8 in March, $16 in April and follows this pattern``."""
    if not ("pattern" in text or "progression" in text or "trend" in text or "so on" in text or "so forth" in text):
        return
    numbers = [n for n in values if not n.in_math and n.kind != "fraction"]
    for index in range(len(numbers) - 2):
        run = numbers[index : index + 2]
        while len(run) < len(numbers) - index and _continues(text, [*run[-2:], numbers[index + len(run)]]):
            run.append(numbers[index + len(run)])
        if len(run) > 2 and _GOES_ON.match(text, run[-1].span[1]):
            yield Tie(tuple(n.span for n in run), "a pattern of " + ", ".join(str(n.value) for n in run))
            return


def _continues(text: str, three: Values) -> bool:
    """Whether three numbers of the same thing, near each other, are in progression."""
    a, b, c = (n.value for n in three)
    if a == b or not (b - a == c - b or a * c == b * b):
        return False
    if any(second.span[0] - first.span[1] > _GAP for first, second in pairwise(three)):
        return False
    return len({things_of(text, n)[:1] for n in three}) == 1


_ORDERS = (
    ("first", "second", "third", "fourth", "fifth", "sixth", "seventh"),
    ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"),
)
MAX_DATED = 12  # numbers with a day that are looked at
_CUES = [re.compile(rf"\b(?P<cue>{'|'.join(order)})(?: [a-z]+)?,? [^.?!,;0-9]{{0,40}}\Z") for order in _ORDERS]


def dated(text: str, values: Values) -> Iterator[Tie]:
    """``In the second week she walks 2 miles a day, in the third week 3, and in the fourth week 4``."""
    for order, cue in zip(_ORDERS, _CUES, strict=True):
        if order[2] not in text:
            continue
        said = ((n, cue.search(text[max(n.span[0] - 60, 0) : n.span[0]])) for n in values if n.kind != "fraction")
        at = list(islice(((order.index(match["cue"]) + 1, n) for n, match in said if match), MAX_DATED))
        for length in range(len(at), 2 + (order is not _ORDERS[0]), -1):
            for run in (at[i : i + length] for i in range(len(at) - length + 1)):
                if _is_dated_pattern(text, run):
                    yield Tie(
                        tuple(n.span for _, n in run), "in progression: " + ", ".join(str(n.value) for _, n in run)
                    )
                    return


def _is_dated_pattern(text: str, run: Sequence[tuple[int, Constant]]) -> bool:
    """Whether numbers of one thing grow with their places in equal steps; three of them, in proportion to their places."""
    (first, one), (second, two) = run[:2]
    step = two.value - one.value
    even = all(b[0] - a[0] == 1 and b[1].value - a[1].value == step for a, b in pairwise(run))
    things = {things_of(text, n)[:1] for _, n in run}
    return step != 0 and even and len(things) == 1 and (len(run) > 3 or one.value * second == two.value * first)


# --- equal shares

_SO_THAT = re.compile(r"[^.?!]{1,40}?\b(?:so|enough)\b[^.?!]{0,40}?")
_GET = re.compile(r"[^.?!]{1,60}?\b(?:could|can|would|will|gets?|got|receives?|have|has)\b[^.?!]{0,30}?")
_EACH = re.compile(r"[^.?!]{0,30}\b(?:each|apiece)\b")


def shared_out(text: str, values: Values) -> Iterator[Tie]:
    """``She made 150 cookies so her 15 neighbours could get 10 cookies each``."""
    if "each" not in text and "apiece" not in text:
        return
    for total, people, each in zip(values, values[1:], values[2:], strict=False):
        if (
            total.value == people.value * each.value
            and 1 not in (people.value, each.value)
            and _SO_THAT.fullmatch(text, total.span[1], people.span[0])
            and _GET.fullmatch(text, people.span[1], each.span[0])
            and _EACH.match(text, each.span[1])
        ):
            yield tie_of(total, (people, each), "*")


BEFORE = 8  # numbers before a rest among which its whole is looked for
_REST = re.compile(r"\b(?:the|The) (?:other|remaining|rest,?)\s\\?[$(]?\Z")
_OF_THESE = re.compile(r"\sof (?:these|those|the|her|his|their) (?:[a-z]+ ){0,2}?([a-z]+)\b|\sof them\b")


def rest_of_boxes(text: str, values: Values) -> Iterator[Tie]:
    """``12 boxes. Each box has 50 masks. He repacked 6 of these boxes and sold the remaining 300 masks``."""
    if not _OF_THESE.search(text):
        return
    rests = [i for i, n in enumerate(values) if i > 2 and _REST.search(text[max(n.span[0] - 20, 0) : n.span[0]])]
    things = [(things_of(text, n) or ("",))[-1] for n in values] if rests else []
    parts = [_OF_THESE.match(text, n.span[1]) for n in values] if rests else []
    for index in rests:
        rest, earlier = values[index], range(max(index - BEFORE, 0), index)
        for used in earlier:
            part = parts[used]
            for boxes in range(earlier.start, used) if part else ():
                if not things[boxes] or (part and part[1] and singular(part[1]) != things[boxes]):
                    continue
                left = values[boxes].value - values[used].value
                for each in earlier:
                    worth = values[each].value
                    if worth != 1 and left * worth == rest.value and _is_each(text, values[each], things[boxes]):
                        spans = sorted(n.span for n in (values[boxes], values[used], values[each], rest))
                        yield Tie(tuple(spans), f"{left} * {worth} = {rest.value}")


def _is_each(text: str, numeral: Constant, thing: str) -> bool:
    """``each box has 50 masks``, ``50 masks per box``."""
    before = text[max(numeral.span[0] - 60, 0) : numeral.span[0]].lower()
    after = text[numeral.span[1] : numeral.span[1] + 40].lower()
    name = re.escape(thing.removesuffix("e")) + "e?"  # boxes, boxe, box
    said = re.search(rf"\b(?:each|every|per|in an?) {name}\b[^.?!,]*\Z", before)
    return bool(said or re.match(rf"[^.?!,]{{1,25}}\b(?:per|in each|in every|in an?|a) {name}\b", after))


# --- right triangles and reciprocals

_HEIGHT = re.compile(r"\b(?:area|altitude|height|median|inradius|circumradius)\b")
_SIDES = re.compile(r"\btriangle|\\triangle|\bhypotenuse", re.IGNORECASE)


def triples(text: str, values: Values) -> Iterator[Tie]:
    """``In triangle ABC, AB = 17, AC = 8, and BC = 15``: whoever sees two of them guesses the third; so in ``5, 5 and 6``,
    which is two right triangles.
    """
    if not _SIDES.search(text):
        return
    for three in zip(values, values[1:], values[2:], strict=False):
        near = all(b.span[0] - a.span[1] <= _GAP for a, b in pairwise(three))
        a, b, c = sorted(n.value for n in three)
        if not near or not isinstance(a * b * c, int) or a < 3:
            continue
        if a * a + b * b == c * c:
            yield Tie(tuple(n.span for n in three), f"{a}, {b} and {c} are the sides of a right triangle")
        elif b in (a, c) and _HEIGHT.search(text) and _has_whole_height(b, a + c - b):
            yield Tie(tuple(n.span for n in three), f"a triangle of {a}, {b} and {c} has a whole height")


def _has_whole_height(leg: int, base: int) -> bool:
    """Whether an isosceles triangle is two right triangles with whole sides."""
    square = 4 * leg * leg - base * base
    return base % 2 == 0 and square > 0 and math.isqrt(square) ** 2 == square


def reciprocals(text: str, values: Values) -> Iterator[Tie]:
    r"""``$(\frac{3}{7})^{55} \cdot (\frac{7}{3})^{55}$``: a product that nobody would ask for unless it is one."""
    for a, b in pairwise(values):
        near = a.in_math and b.in_math and b.span[0] - a.span[1] <= _GAP
        if near and a.kind == b.kind == "fraction" and a.value * b.value == 1 and a.value != 1 and "^" in text:
            yield Tie((a.span, b.span), f"{a.value} and {b.value} are reciprocal")


# --- formulas of a known form

_POWERS = re.compile(
    r"\(([a-z])\s*-\s*(\d{1,6})\)\^(\d)\s*\+\s*\(\1\s*-\s*(\d{1,6})\)\^\3\s*=\s*\(2\1\s*-\s*(\d{1,6})\)\^\3(?!\d)"
)
_SQUARES = re.compile(r"(?<![\d.^)])(\d{2,6})\^2\s*-\s*(\d{2,6})\^2(?!\d)")


def forms(text: str, values: Values) -> Iterator[Tie]:
    """``$513^2 - 487^2$`` has bases with a round sum, ``$(x-3)^3 + (x-7)^3 = (2x-10)^3$`` a sum of numbers on the right."""
    for match in _POWERS.finditer(text) if ")^" in text else ():
        one, other, both = int(match[2]), int(match[4]), int(match[5])
        if one + other == both:
            yield _tie_at(values, [match.span(2), match.span(4), match.span(5)], f"{one} + {other} = {both}")
    for match in _SQUARES.finditer(text) if "^2" in text else ():
        total = int(match[1]) + int(match[2])
        if str(total).strip("0") == "1":
            yield _tie_at(values, [match.span(1), match.span(2)], f"{match[1]} + {match[2]} = {total}")


_SQUARE_OF_SUM = re.compile(
    r"(?<![\d.])(\d{1,6})\^\{?2\}?\s?[-+]\s?(2)\s?(?:\(\1\)|(?:\\cdot|\\times|\*)\s?\1)\s?\+\s?(1)(?![\d.])"
)
_CUBE_OF_SUM = re.compile(
    r"(?<![\d.])(\d{1,6})\^\{?3\}?\s?[-+]\s?3\s?(?:\(|\\cdot|\\times|\*)\s?\(?\1\^\{?2\}?\)*\s?\+"
    r"\s?3\s?(?:\(|\\cdot|\\times|\*)\s?\(?\1\)*\s?[-+]\s?(1)(?![\d.])"
)


def binomials(text: str, values: Values) -> Iterator[Tie]:
    """``$101^3 - 3 \\cdot 101^2 + 3 \\cdot 101 - 1$``: whoever sees the rest knows the one."""
    for pattern in (_SQUARE_OF_SUM, _CUBE_OF_SUM) if "^" in text else ():
        for match in pattern.finditer(text):
            told = [match.span(group) for group in range(2, len(match.groups()) + 1)]
            yield _tie_at(values, told, f"a power of {match[1]} and one")


_THREE_TERMS = re.compile(
    r"(?<![\d.^])(\d{1,9})\s?[-+]\s?(2)\s?(?:\(|\\cdot|\\times|\*)\s?(\d{1,6})\)?\s?(?:\(|\\cdot|\\times|\*)\s?(\d{1,6})\)?"
    r"\s?\+\s?(\d{1,9})(?![\d.^])"
)


def squares_of_sums(text: str, values: Values) -> Iterator[Tie]:
    r"""``$441 + 2(21)(19) + 361$``: whoever sees the rest of the numbers knows any one, the two as well."""
    for match in _THREE_TERMS.finditer(text) if "+" in text else ():
        first, _, a, b, last = (int(match[group]) for group in range(1, 6))
        if {first, last} == {a * a, b * b}:
            yield _tie_at(values, [match.span(group) for group in range(1, 6)], f"{a} and {b}, and their squares")


_LEAST_ROOT = 32  # smaller numbers stand beside their squares by chance, or nobody is sure


def squares(text: str, values: Values) -> Iterator[Tie]:
    """``$\\cos(\\log(2009)i) + \\sin(\\log(4036081)i)$``: a number and its square."""
    large = {n.value: n for n in values if n.in_math and isinstance(n.value, int) and n.value >= _LEAST_ROOT**2}
    for root in values if large else ():
        square = large.get(root.value**2) if isinstance(root.value, int) and root.value >= _LEAST_ROOT else None
        if square is not None and root.in_math:
            yield Tie((root.span, square.span), f"{square.value} is the square of {root.value}")


_TERM = r"(?:\\?[a-z]{3,6}\s?(?:\^\{?[0-9]\}?\s?)?)?\(?[0-9]{0,4}\s?[a-z]\)?"
_AND = r"(?:\s?[+:,]\s?(?:\\ )?|\$,? (?:and )?\$)"
_TERMS = re.compile(rf"(?<![0-9a-z^_\\}}){{]){_TERM}(?:{_AND}{_TERM}){{2,8}}(?![0-9a-z^_])")
_COEFFICIENT = re.compile(rf"(?<![0-9^{{])([0-9]{{0,4}})\s?([a-z])\)?\s?(?:{_AND}|\Z)")


def coefficients(text: str, values: Values) -> Iterator[Tie]:
    r"""``$\arccos x + \arccos 2x + \arccos 3x$``: terms that differ in a number alone, which goes on in equal steps."""
    for match in _TERMS.finditer(text) if "$" in text or "\\[" in text else ():
        found = list(_COEFFICIENT.finditer(match[0]))
        shapes = {shape.strip() for shape in _COEFFICIENT.sub("|", match[0]).split("|")[:-1]}
        numbers = [int(one[1] or 1) for one in found]
        if len(shapes) > 1 or len({one[2] for one in found}) > 1 or len(numbers) < 3 or numbers[0] == numbers[1]:
            continue
        three = list(zip(numbers, numbers[1:], numbers[2:], strict=False))
        if all(b - a == c - b for a, b, c in three) or all(a * c == b * b for a, b, c in three):
            spans = [(match.start() + one.start(1), match.start() + one.end(1)) for one in found if one[1]]
            yield _tie_at(values, spans, "in progression: " + ", ".join(map(str, numbers)))


def _tie_at(values: Values, places: Sequence[tuple[int, int]], why: str) -> Tie:
    return Tie(tuple(n.span for n in values if n.span in places), why)


# --- what two divisions of the same whole tell, and what a drawing does

_THE_OTHER = re.compile(r"\b[Tt]he other \Z")


def twice_divided(text: str, values: Values) -> Iterator[Tie]:
    """``ham on 2 days, jam on the other 3 school days, cake on one day, cookies the other four days``."""
    pairs: dict[tuple[object, str], list[Constant]] = {}
    for first, other in pairwise(values):
        if _THE_OTHER.search(text[max(other.span[0] - 12, 0) : other.span[0]]):
            things = things_of(text, other)
            if things and things[-1:] == things_of(text, first)[-1:]:
                pairs.setdefault((first.value + other.value, things[-1]), []).extend((first, other))
    for (whole, thing), parts in pairs.items():
        if len(parts) > 2:
            yield Tie(tuple(n.span for n in parts), f"{whole} {thing}, divided twice")


_DRAWING = re.compile(r"\[asy\](.{1,4000}?)\[/asy\]", re.DOTALL)
_POINT = re.compile(r"\((-?\d{1,4}(?:\.\d{1,4})?),\s?(-?\d{1,4}(?:\.\d{1,4})?)\)")
_AREA = re.compile(r"\b(?:square|rectangle)\b[^.?!]{0,60}\barea (?:of |is |equal to )?\$?\Z")


def drawn_areas(text: str, values: Values) -> Iterator[Tie]:
    """The area of a square or rectangle whose corners a drawing gives."""
    drawing = _DRAWING.search(text) if "[asy]" in text and "area" in text else None
    points = [(float(x), float(y)) for x, y in _POINT.findall(drawing[1])] if drawing else []
    if len(points) < 3:
        return
    sides = [max(axis) - min(axis) for axis in zip(*points, strict=True)]
    for area in values:
        if area.value == sides[0] * sides[1] and _AREA.search(text[max(area.span[0] - 100, 0) : area.span[0]]):
            yield Tie((area.span,), "the drawing shows the sides")


RULES = (steps, dated, shared_out, rest_of_boxes, triples, reciprocals, twice_divided, drawn_areas)
# Those that look at numbers in any place of a formula.
FORMULA_RULES = (forms, binomials, squares_of_sums, squares, coefficients)
