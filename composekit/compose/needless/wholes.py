"""Wholes, rests and numbers of days that a text tells in other words. One rule a function, as in ``derivations``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations, product

from composekit.compose.needless.derivations import AROUND, Tie, Values, things_of, tie_of
from composekit.compose.tokens import Constant
from composekit.compose.words import CARDINALS, CONVERSIONS, ORDINALS, singular

_REST = re.compile(r"\b[Tt]he (?:other|remaining|rest,?)\s\\?\$?\Z")
_HALF = re.compile(r"\b[Hh]alf\b")
_MOST_TAKEN = 3  # amounts that are taken from a whole
_MOST_RESTS, _MOST_LIKE = 8, 8  # that are looked at


def rests(text: str, values: Values) -> Iterator[Tie]:
    """``Half the students have a dog, two have a cat, and the remaining 13 students none. ... the class has 30 students``"""
    if "remaining " not in text and "other " not in text and "rest " not in text:
        return
    found = [i for i, n in enumerate(values) if _REST.search(text[max(n.span[0] - 16, 0) : n.span[0]])]
    all_rests = {values[i] for i in found}
    for index in found[:_MOST_RESTS]:
        rest, things = values[index], set(things_of(text, values[index]))
        near = [n for n in values[max(index - AROUND, 0) : index + AROUND] if n is not rest]
        like = [n for n in near if not things.isdisjoint(things_of(text, n))][:_MOST_LIKE]
        wholes = [n for n in like if n not in all_rests]
        yield from (tie for whole in wholes for tie in _left_of(text, whole, like, rest))


def _left_of(text: str, whole: Constant, like: Values, rest: Constant) -> Iterator[Tie]:
    """A rest as the whole, or half of it, less up to three amounts."""
    taken = [n for n in like if n is not whole and n.value < whole.value]
    for share in (Fraction(1), Fraction(1, 2)) if _HALF.search(text) else (Fraction(1),):
        left = whole.value * share
        several = (some for count in range(1, _MOST_TAKEN + 1) for some in combinations(taken, count))
        sums = next((some for some in several if sum(n.value for n in some) == left - rest.value), None)
        if sums:
            told = " - ".join(str(n.value) for n in sums)
            yield Tie((whole.span, *(n.span for n in sums), rest.span), f"{left} - {told} = {rest.value}")


_BOTH = re.compile(r"\$?\s([a-z]{3,20}) and ([a-z]{3,20})\b")
_ALL = re.compile(r"\b[Aa]ll (?:of )?(?:the |these |those )?\Z")


def unions(text: str, values: Values) -> Iterator[Tie]:
    """``8 men ... 6 women ... all 14 men and women``"""
    if "all " not in text and "All " not in text:
        return
    wholes = [i for i, n in enumerate(values) if _ALL.search(text[max(n.span[0] - 16, 0) : n.span[0]])]
    for index in wholes[:_MOST_RESTS]:
        whole, kinds = values[index], _BOTH.match(text, values[index].span[1])
        near = values[max(index - AROUND, 0) : index + AROUND] if kinds else ()
        counted = [(n, things_of(text, n)[:2]) for n in near if n is not whole]
        one, other = (
            [n for n, words in counted if singular(kind) in words] for kind in (kinds.groups() if kinds else "ab")
        )
        for a, b in product(one[:_MOST_LIKE], other[:_MOST_LIKE]):
            if a.value + b.value == whole.value:
                yield tie_of(whole, sorted((a, b)), "+")


_DEFINITE = re.compile(r"\b(?:[Tt]he|these|those|all|his|her|their) \$?\Z")


def definite(text: str, values: Values) -> Iterator[Tie]:
    """``Four small panda bears ... five bigger panda bears ... the 9 pandas``"""
    wholes = [i for i, n in enumerate(values) if _DEFINITE.search(text[max(n.span[0] - 8, 0) : n.span[0]])]
    for index in wholes[:_MOST_RESTS]:
        whole, things = values[index], set(things_of(text, values[index])[:2])
        before = values[max(index - AROUND, 0) : index]
        like = [n for n in before if not things.isdisjoint(things_of(text, n))][-_MOST_LIKE:]
        several = (some for count in range(2, _MOST_TAKEN + 1) for some in combinations(like, count))
        for parts in several:
            if sum(n.value for n in parts) == whole.value:
                yield tie_of(whole, parts, "+")


_ANOTHER = re.compile(r"\banother \$?\Z")


def another(text: str, values: Values) -> Iterator[Tie]:
    """``It must be done in 5 days. Two men work for 2 days, and then seven men for another 3 days``"""
    more = (
        [i for i, n in enumerate(values) if _ANOTHER.search(text[max(n.span[0] - 9, 0) : n.span[0]])]
        if "another " in text
        else []
    )
    for index in more[:_MOST_RESTS]:
        last, unit = values[index], _UNIT.match(text, values[index].span[1])
        like = [n for n in values[:index] if unit and (again := _UNIT.match(text, n.span[1])) and again[1] == unit[1]]
        for whole, first in combinations(like[-_MOST_LIKE:], 2):
            if whole.value == first.value + last.value:
                yield tie_of(whole, (first, last), "+")


_LAST = re.compile(r"\b[Tt]he (?:last|final|other|remaining) \$?\Z")
_NTH = re.compile(r"\b(?:([0-9]{1,2})(?:st|nd|rd|th)|(" + "|".join(ORDINALS) + r"))\b(?! (?:of|as)\b)")


def last_ones(text: str, values: Values) -> Iterator[Tie]:
    """``the first side ... the second and third sides ... the last 2 sides ... the 5th side``"""
    if "last " not in text and "final " not in text:
        return
    numbered = [(match.start(), int(match[1] or ORDINALS[match[2]])) for match in _NTH.finditer(text)]
    found = [n for n in values if _LAST.search(text[max(n.span[0] - 16, 0) : n.span[0]])]
    for last in found[:_MOST_RESTS]:
        before = max((nth for start, nth in numbered if start < last.span[0]), default=0)
        after = max((nth for start, nth in numbered if start > last.span[0]), default=0)
        if before and after - before == last.value:
            yield Tie((last.span,), f"{after} - {before} = {last.value}")


_SMALL = {value: word for word, value in CARDINALS.items() if 1 < value < 8}
_UNIT = re.compile(r" (day|night|week|month|year)s?\b(?! (?:a|per|each|every|ago|later|old|after|before|from)\b)")
_WITHIN = re.compile(
    r"\b(?:(?:[Ii]n|[Ff]or|[Oo]ver|[Dd]uring|[Aa]cross|[Aa]fter|[Bb]y|of)(?: the end of)?(?: all| only)?"
    r"(?: the| these| those| his| her| their| both)?(?: first| last| past| whole| entire)?"
    r"|\b[Tt]he(?: first| last| past)?|all) \Z"
)
_NUMBERED = (
    rf"\b(first|second|third|fourth|fifth|sixth|seventh) {{0}}\b|\b(?:({'|'.join(_SMALL.values())}|[2-7]) {{0}}s ago)\b"
)
_DAYS = (
    r"\b((?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day)s?\b|\b(today|yesterday|tomorrow)\b"
    r"|\b(next|last|previous|following) {0}\b"
)
_MONTHS = (
    r"\b(January|February|March|April|May|June|July|August|September|October|November|December)\b"
    r"|\b(this|last|next|previous|following) {0}\b"
)
_OTHERS = r"\b(this|last|next|previous|following) {0}\b|\b{0} (before|after)\b"
_NAMES = {"day": _DAYS, "night": _DAYS.replace("today", "tonight"), "month": _MONTHS}


def periods(text: str, values: Values) -> Iterator[Tie]:
    """``Two days ago, ... Yesterday, ... Today, ... for three days``; ``in the two months``, of January and February"""
    named: dict[str, int] = {}
    for count in values:
        unit = _UNIT.match(text, count.span[1]) if count.kind != "fraction" and count.value in _SMALL else None
        if not unit or not _WITHIN.search(text[max(count.span[0] - 24, 0) : count.span[0]]):
            continue
        if unit[1] not in named:
            named[unit[1]] = _named(text, unit[1])
        if count.value in (named[unit[1]], named[unit[1]] + 1 if _starts(text, unit[1]) else 0):
            yield Tie((count.span,), f"the text names {count.value} {unit[1]}s")


def _named(text: str, unit: str) -> int:
    """How many days (nights, weeks, ...) a text tells apart."""
    pattern = _NUMBERED.format(unit) + "|" + _NAMES.get(unit, _OTHERS).format(unit)
    found = re.findall(pattern, text, re.IGNORECASE)
    return len({next(filter(None, groups)).lower() for groups in found})


def _starts(text: str, unit: str) -> bool:
    """Whether the first of them has no name: ``She made $20. The next day ...``"""
    return re.search(rf"\b(?:next|following) {unit}\b", text) is not None


_SMALL_UNITS = "|".join(sorted({small for small, _ in CONVERSIONS} | {large for _, large in CONVERSIONS}))
_ANY_UNIT = re.compile(rf" ({_SMALL_UNITS})s?\b")


def same_time(text: str, values: Values) -> Iterator[Tie]:
    """``He did that for 14 days. What did he pay during these two weeks?``"""
    if "these " not in text and "those " not in text:
        return
    units = [(n, unit[1]) for n in values if (unit := _ANY_UNIT.match(text, n.span[1]))]
    for large, name in units[:AROUND]:
        if _DEFINITE.search(text[max(large.span[0] - 8, 0) : large.span[0]]):
            for small, other in units[:AROUND]:
                if small.value in [large.value * worth for worth in CONVERSIONS.get((other, name), ())]:
                    yield Tie((small.span, large.span), f"{small.value} {other}s = {large.value} {name}s")


_DAYS_OF_A_WEEK = re.compile(r" (other |remaining )?days\b(?! (?:ago|later|old|after|before)\b)")
_OTHER = re.compile(r"\b(?:other|remaining) \Z")


def days_of_a_week(text: str, values: Values) -> Iterator[Tie]:
    """``three rides a day on 5 days, but on two other days four. How many rides are that a week?``"""
    if "week" not in text or ("other " not in text and "remaining " not in text):
        return
    days = [(n, match[1]) for n in values[:AROUND] if (match := _DAYS_OF_A_WEEK.match(text, n.span[1]))]
    others = [n for n, other in days if other or _OTHER.search(text[max(n.span[0] - 11, 0) : n.span[0]])]
    for some, rest in product([n for n, _ in days if n not in others], others):
        if some.value + rest.value == 7:
            yield Tie(tuple(sorted((some.span, rest.span))), "a week has 7 days")


RULES = (rests, unions, definite, another, last_ones, periods, same_time, days_of_a_week)
