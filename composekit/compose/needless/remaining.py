"""Small numbers that follow from how a text goes on to tell the things: all but one, one more, the last few of them.

One rule a function. A rule takes the text, what :class:`Count` says of a number, and the numbers around it, and gives the
places of the numbers that follow; it never goes by arithmetic alone.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from itertools import islice, pairwise
from typing import NamedTuple

from composekit.compose.needless.counting import FAR, NTH, things_pattern
from composekit.compose.needless.derivations import LIST_GAP, MAX_ADDENDS, Span, Tie, Values, things_of
from composekit.compose.tokens import Constant

MAX_COUNTS = 64  # of a text that are looked at


class Count(NamedTuple):
    """A small number that counts things."""

    number: Constant
    things: str  # a pattern for any word of what is counted
    end: int  # of what is counted


_COUNTED = re.compile(r"\$?\s((?:[a-z-]+\s){0,3}[a-z]+)\b")


def remaining(text: str, values: Values) -> Iterator[Tie]:
    """``seven bags ... a bag more ... all eight bags``, ``three dogs. The two smaller ones ... the largest``."""
    rules = [rule for rule, one, other, hint in _RULES if (one in text or other in text) and hint.search(text)]
    small = (n for n in values if n.kind != "fraction" and n.value in range(2, MAX_ADDENDS + 1))
    for number in islice(small, MAX_COUNTS) if rules else ():
        match = _COUNTED.match(text, number.span[1])
        things = things_pattern(match) if match else ""
        if match:
            count = Count(number, things or "(?!)", match.end())
            for rule in rules:
                spans = rule(text, count, values)
                if spans:
                    yield Tie(spans, f"the text tells all {number.value} of the things")


def _next_to(text: str, count: Count, values: Values, worth: range) -> Iterator[Constant]:
    """The numbers behind a count that are worth so much."""
    start, end = count.end, count.end + FAR
    return (n for n in values if start <= n.span[0] < end and n.value in worth)


_ALL = re.compile(r"\ball (?:of )?(?:the |these |his |her |their |your )?\$?\Z")
_ONE_MORE = r"\b(?:an?|another|one (?:more|other)) (?:[a-z]+ )?{}\b"


def _one_more(text: str, count: Count, values: Values) -> tuple[Span, ...]:
    """``You have seven bags. You find a bag of coins. ... all eight bags``"""
    for whole in _next_to(text, count, values, _more(count, 1)):
        start, end = whole.span
        thing = re.compile(rf"\$?\s(?:of the )?{count.things}")
        if _ALL.search(text[max(start - 20, 0) : start]) and thing.match(text, end):
            another = re.compile(_ONE_MORE.format(count.things)).search(text, count.end, start)
            return (count.number.span,) if another else ()
    return ()


_THE = re.compile(r"\b[Tt]he \$?\Z")
_COMPARED = re.compile(r"\$?\s([a-z]{3,12})er ([a-z]+)s\b")
_OPPOSITES = {
    "small": "large", "light": "heavi", "short": "tall|long", "young": "old", "low": "high", "slow": "fast", "cheap": "\\w",
}  # fmt: skip
_OPPOSITES |= {"larg": "small", "heavi": "light", "tall": "short", "long": "short", "old": "young", "high": "low"}


def _the_extreme(text: str, count: Count, values: Values) -> tuple[Span, ...]:
    """``three hounds. The two smaller dogs weigh the same. ... the largest dog``"""
    for few in _next_to(text, count, values, _more(count, -1)):
        compared = _COMPARED.match(text, few.span[1])
        opposite = _OPPOSITES.get(compared[1]) if compared else None
        if compared and opposite and _THE.search(text[max(few.span[0] - 8, 0) : few.span[0]]):
            one = re.compile(rf"\bthe (?:{opposite})(?:r|st|er|est) {compared[2]}\b")
            return (count.number.span,) if one.search(text, compared.end(), compared.end() + FAR) else ()
    return ()


_LIST_OPENS = re.compile(r"\b(?:scores?|values?|are|were|is|have|has|had|got|received)(?:(?: [a-z]+)? of)?:? \\?\$?\Z")
_ONE_OF_THEM = r"\b(?:[Oo]ne|another) of (?:(?:these|those|the|her|his|their) (?:[a-z]+ )?{}|them\b)"


def _all_but_one_listed(text: str, count: Count, values: Values) -> tuple[Span, ...]:
    """``the mean of her five quiz scores. She lost one of these quizzes. The others have scores of 90, 95, 99, 98``"""
    if not re.compile(_ONE_OF_THEM.format(count.things)).search(text, count.end, count.end + FAR):
        return ()
    runs = _runs(text, [n for n in values if count.end <= n.span[0] < count.end + FAR])
    lists = [run for run in runs if len(run) > 1 and not any(n.place for n in run)]
    listed = len(lists) == 1 and len(lists[0]) == _int(count) - 1 and _int(count) > 2
    start = lists[0][0].span[0] if listed else 0
    return (count.number.span,) if listed and _LIST_OPENS.search(text[max(start - 24, 0) : start]) else ()


def _all_listed(text: str, count: Count, values: Values) -> tuple[Span, ...]:
    """``the average of 5 test scores. On those tests, he received 65, 94, 81, 86 and 74``"""
    after = [n for n in values if count.end <= n.span[0] < count.end + FAR]
    if not 2 < _int(count) <= len(after):
        return ()
    lists = [run for run in _runs(text, after) if len(run) > 1 and not any(n.place for n in run)]
    listed = len(lists) == 1 and len(lists[0]) == _int(count)
    start = lists[0][0].span[0] if listed else 0
    if not listed or not _LIST_OPENS.search(text[max(start - 24, 0) : start]):
        return ()
    again = rf"\b(?:those|these|the|his|her|their) (?:[a-z]+ )?{count.things}"
    return (count.number.span,) if re.compile(again).search(text, count.end, start) else ()


def _runs(text: str, numbers: Values) -> list[list[Constant]]:
    """Lists among numbers: those joined by commas, and by a last ``and``."""
    runs: list[list[Constant]] = []
    for n in numbers:
        joined = runs and LIST_GAP.fullmatch(text, runs[-1][-1].span[1], n.span[0])
        runs[-1].append(n) if joined else runs.append([n])
    return runs


_POLYGONS = {
    "triangle": 3, "square": 4, "rectangle": 4, "quadrilateral": 4, "rhombus": 4, "trapezoid": 4, "parallelogram": 4,
    "pentagon": 5, "hexagon": 6, "octagon": 8,
}  # fmt: skip
_CORNERS = re.compile(
    r"\$? of (?:the|these|those) (?:[a-z]+ ){1,3}?(?:are|form|become|make up|serve as) (?:the )?(?:vertices|corners) of "
    rf"(?:an?|the same|one) (?:[a-z]+ ){{0,2}}?({'|'.join(_POLYGONS)})\b"
)


def _corners(text: str, count: Count, values: Values) -> tuple[Span, ...]:
    """``Three of these points are the vertices of a triangle``"""
    shape = _CORNERS.match(text, count.number.span[1])
    return (count.number.span,) if shape and _POLYGONS[shape[1]] == count.number.value else ()


_NAMES = re.compile(r"(?<![A-Za-z'] )\b[A-Z][a-z]+(?:, [A-Z][a-z]+){1,6},? and [A-Z][a-z]+\b")
_PEOPLE = re.compile(r"\$? (?:of them|people|persons|friends|siblings|children|kids|boys|girls|students|players)\b")
_OTHER_PERSON = re.compile(r"\bthe other (?:one|person|friend|sibling|child|kid|boy|girl|student|player)\b")


def _named_but_one(text: str, count: Count, values: Values) -> tuple[Span, ...]:
    """``Ann, Bob, and Cem share; only two people get the same, while the other person gets more``"""
    people = _PEOPLE.match(text, count.number.span[1])
    if not people or not _OTHER_PERSON.search(text, people.end(), people.end() + FAR):
        return ()
    start = count.number.span[0]
    names = [match[0] for match in _NAMES.finditer(text, max(start - FAR, 0), start)]
    listed = [len(re.split(r", and |, | and ", name)) for name in names]
    return (count.number.span,) if listed == [_int(count) + 1] else ()


_PAIR = re.compile(r"(?<![A-Za-z'] )\b[A-Z][a-z]+(?:(?:, [A-Z][a-z]+){1,6},?)? and [A-Z][a-z]+\b")
_OF_HIS = re.compile(r"\$? of (?:his|her|their|my) [a-z]+")
_OF_THEM = re.compile(r"\$? of them\b")
_THERE_ARE = re.compile(r"\bthere (?:are|were) \Z")


def _all_named(text: str, count: Count, values: Values) -> tuple[Span, ...]:
    """``Ann and Bob, two of her friends``; ``Ann and Bob go there. They pay less, since there are two of them``"""
    start, end = count.number.span
    lists = list(_PAIR.finditer(text, max(start - FAR, 0), start))
    for names in lists:
        if len(re.split(r",? and |, ", names[0])) == _int(count):
            beside = text[names.end() : start] == ", " and _OF_HIS.match(text, end)
            alone = len(lists) == 1 and _OF_THEM.match(text, end)
            if beside or (alone and _THERE_ARE.search(text[max(start - 12, 0) : start])):
                return (count.number.span,)
    return ()


_ONE_OF_EACH = re.compile(r"[^.?!\n]{0,60}[,(] ?one (?:of|from) each\b")


def _one_of_each(text: str, count: Count, values: Values) -> tuple[Span, ...]:
    """``9 oat cookies, 4 nut cookies, and 5 sugar cookies. He ate 3 cookies, one of each flavor``"""
    if not _ONE_OF_EACH.match(text, count.number.span[1]):
        return ()
    thing = re.compile(count.things)
    at, several = values.index(count.number), _int(count)
    before = values[max(at - several, 0) : at]
    listed = len(before) == several and all(thing.match("".join(things_of(text, n)[-1:])) for n in before)
    joined = listed and all(LIST_GAP.fullmatch(text, a.span[1], b.span[0]) for a, b in pairwise(before))
    if joined and at > several and LIST_GAP.fullmatch(text, values[at - several - 1].span[1], before[0].span[0]):
        return ()  # there are more of them
    return (count.number.span,) if joined else ()


_THE_LAST = re.compile(r"\bthe (?:last|other|remaining) \$?\Z")
_IN_ONE = r"\b(in|on|at|to|from|for|into) one(?: {})?\b"


def _the_last(text: str, count: Count, values: Values) -> tuple[Span, ...]:
    """``five baskets: 18 mangoes in one basket, 10 pears in another, 12 limes in another, and the last 2 hold nuts``"""
    one = re.compile(_IN_ONE.format(count.things)).search(text, count.end, count.end + FAR)
    for last in _next_to(text, count, values, range(2, _int(count))) if one else ():
        if one and one.end() <= last.span[0] and _THE_LAST.search(text[max(last.span[0] - 16, 0) : last.span[0]]):
            others = len(re.findall(rf"\b{one[1]} (?:another|a second|a third)\b", text[one.end() : last.span[0]]))
            told = others and 1 + others + last.value == count.number.value
            return (count.number.span, last.span) if told else ()
    return ()


_OF_THE = re.compile(r"\$? of (?:the|these|those|his|her|their|its) ")
_THE_OTHER = re.compile(r"\b[Tt]he other \$?\Z")
_A_WHOLE = r"(?:\bOne\b|\b[Oo]ne of (?:these|those|them)\b|\ban? (?:entire|whole|single) {0}\b|\b[Oo]ne {0}\b)"


def _one_and_the_others(text: str, count: Count, values: Values) -> tuple[Span, ...]:
    """``Three of the wings show paintings. One painting takes up an entire wing; the other two wings house 12 each``"""
    if not _OF_THE.match(text, count.number.span[1]):
        return ()
    for others in _next_to(text, count, values, _more(count, -1)):
        start, end = others.span
        if _THE_OTHER.search(text[max(start - 12, 0) : start]) and re.compile(rf"\$?\s{count.things}").match(text, end):
            one = re.compile(_A_WHOLE.format(count.things)).search(text, count.end, start)
            return (count.number.span, others.span) if one else ()
    return ()


_TOGETHER = (
    r"\b(?:twice|double|triple|quadruple|times|half|{})\b[^.?!\n]{{0,40}}"
    r"\b(?:combined|total|sum|average|mean)\b[^.?!\n]{{0,40}}\bthe first \$?\Z"
)


def _last_from_the_first(text: str, count: Count, values: Values) -> tuple[Span, ...]:
    """``Three schools sent pupils ..., and twice the combined number of the first two schools came from the last``"""
    together = re.compile(_TOGETHER.format(NTH[_int(count)]))
    for first in _next_to(text, count, values, _more(count, -1)):
        start, end = first.span
        if together.search(text[max(start - 120, 0) : start]) and re.compile(rf"\$?\s{count.things}").match(text, end):
            return count.number.span, first.span
    return ()


def _int(count: Count) -> int:
    return int(count.number.value)


def _more(count: Count, number: int) -> range:
    """The one number that is so much more than a count."""
    return range(_int(count) + number, _int(count) + number + 1)


_FEW = r"\$?(?:[2-9]|two|three|four|five|six|seven|eight|nine)\b"
_Rule = Callable[[str, Count, Values], tuple[Span, ...]]
# A rule is tried where the text has one of two strings, and the pattern.
_RULES: tuple[tuple[_Rule, str, str, re.Pattern[str]], ...] = (
    (_one_more, "all ", "all ", re.compile(rf"all (?:of )?(?:the |these |his |her |their |your )?{_FEW}")),
    (_the_extreme, "st ", "er ", re.compile(rf"he {_FEW} [a-z]{{3,12}}er ")),
    (_all_but_one_listed, "ne of ", "another of ", re.compile("er of the|ne of (?:the|those|his|her)")),
    (_all_listed, " and ", " and ", re.compile(r"[0-9],? and \$?[0-9]")),
    (_corners, "vertices of", "corners of", _CORNERS),
    (_named_but_one, "the other ", "the other ", _OTHER_PERSON),
    (
        _all_named,
        ", two of ",
        " of them",
        re.compile(r", two of (?:his|her|their|my) |\bthere (?:are|were) \S+ of them"),
    ),
    (_one_of_each, "one of each", "one from each", re.compile(" each")),
    (_the_last, "another", "a second", re.compile(rf"the (?:last|other|remaining) {_FEW}")),
    (_one_and_the_others, "he other ", "he other ", re.compile(rf"he other {_FEW}")),
    (_last_from_the_first, "the first ", "the first ", re.compile(rf"the first {_FEW}")),
)

RULES = (remaining,)
