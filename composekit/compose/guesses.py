r"""Numbers that nobody is told and everybody fills in: the next one of a pattern in prose, an equal share, a right triangle.

One rule a function, as in :mod:`composekit.compose.derivations`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from composekit.compose.derivations import Tie, Values, things_of, tie_of
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

_SIDES = re.compile(r"\btriangle|\\triangle|\bhypotenuse", re.IGNORECASE)


def triples(text: str, values: Values) -> Iterator[Tie]:
    """``In triangle ABC, AB = 17, AC = 8, and BC = 15``: whoever sees two of them guesses the third."""
    if not _SIDES.search(text):
        return
    for three in zip(values, values[1:], values[2:], strict=False):
        near = all(b.span[0] - a.span[1] <= _GAP for a, b in pairwise(three))
        a, b, c = sorted(n.value for n in three)
        if near and isinstance(a * b * c, int) and a > 2 and a * a + b * b == c * c:
            yield Tie(tuple(n.span for n in three), f"{a}, {b} and {c} are the sides of a right triangle")


def reciprocals(text: str, values: Values) -> Iterator[Tie]:
    r"""``$(\frac{3}{7})^{55} \cdot (\frac{7}{3})^{55}$``: a product that nobody would ask for unless it is one."""
    for a, b in pairwise(values):
        near = a.in_math and b.in_math and b.span[0] - a.span[1] <= _GAP
        if near and a.kind == b.kind == "fraction" and a.value * b.value == 1 and a.value != 1 and "^" in text:
            yield Tie((a.span, b.span), f"{a.value} and {b.value} are reciprocal")


RULES = (steps, shared_out, rest_of_boxes, triples, reciprocals)
