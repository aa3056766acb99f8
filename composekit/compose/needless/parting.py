"""A whole and the parts that a text takes it apart into, with no word that says total. One rule a function.

*16 guests. 10 guests want fish and 6 guests want rice*; *40 minutes. In the first 20 minutes ..., in the second 20 minutes*:
the parts are marked by a word that goes with each of them, and all that are so marked add up to the whole.
"""

from __future__ import annotations

import re
from bisect import bisect, bisect_left
from collections.abc import Callable, Iterator, Set
from functools import lru_cache, partial
from itertools import accumulate, islice

from composekit.compose.needless.derivations import AROUND, MAX_ADDENDS, Tie, Values, things_of, tie_of
from composekit.compose.tokens import Constant
from composekit.compose.words import CONVERSIONS, singular, word_set


def groups(text: str, values: Values) -> Iterator[Tie]:
    """``a class of 30 students. If 20 students scored 80, 8 students scored 90, and 2 students scored 100``"""
    counted = [(n, things_of(text, n)) for n in values]
    doing: dict[tuple[str, ...], list[Constant]] = {}
    for n, words in counted:
        if len(words) > 1 and "both" not in words:
            doing.setdefault(words[:2], []).append(n)
    for (thing, _), parts in doing.items():
        if 1 < len(parts) <= MAX_ADDENDS:
            worth = sum(part.value for part in parts)
            at = bisect(values, parts[0])
            before = [n for n, words in counted[max(at - AROUND, 0) : at] if n != parts[0] and thing in words[:2]]
            if before and before[-1].value == worth:
                yield tie_of(before[-1], parts, "+")


_FIRST = re.compile(r"\b[Ff]irst\s\$?\Z")
_NEXT = re.compile(r"\bnext\s\$?\Z")
_SAME = re.compile(r"\b(?:last|final|remaining|other)\s\$?\Z")  # spoken of again, they are the same
_LATER = re.compile(r"\b(?:next|second|third|fourth|last|final|remaining|other)\s\$?\Z")


def stretches(text: str, values: Values) -> Iterator[Tie]:
    """``40 minutes. In the first 20 minutes ..., in the second 20 minutes``, ``4 hours ... the next 2 hours``"""
    if "irst " not in text and "next " not in text:
        return
    before = {n: text[max(n.span[0] - 12, 0) : n.span[0]] for n in values}
    counted = [(n, things_of(text, n)[:2]) for n in values]
    for index, (first, words) in enumerate(counted):
        if not words or _LATER.search(before[first]):
            continue
        near = [n for n, kinds in counted[max(index - AROUND, 0) : index + AROUND] if words[0] in kinds]
        later = [n for n in near if n > first and _LATER.search(before[n])]
        if not later or not (_FIRST.search(before[first]) or _NEXT.search(before[later[0]])):
            continue
        parts = (first, *{n.value if _SAME.search(before[n]) else n: n for n in reversed(later)}.values())
        worth = sum(part.value for part in parts)
        people = [n for n, kinds in counted[max(index - AROUND, 0) : index] if kinds[:1] == ("people",)]
        for whole in (*near, *people):  # 20 people, of whom the first 8 customers
            if whole is not first and whole not in later and whole.value == worth:
                yield tie_of(whole, sorted(parts), "+")
                break


_SIDES = {"triangular": 3, "square": 4, "rectangular": 4, "pentagonal": 5, "hexagonal": 6, "octagonal": 8}
_ROUND = re.compile(rf"\b({'|'.join(_SIDES)}) (?:table|fence|field|garden|court|room|lot|frame)")
_ON_A_SIDE = re.compile(r"\$? [a-z]+ (?:on|along|at) (?:each|every|a|one) side\b")


def sides(text: str, values: Values) -> Iterator[Tie]:
    """``8 people around a square table with 2 people on a side``"""
    shape = _ROUND.search(text) if " side" in text else None
    each = [n for n in values if shape and n > values[0] and _ON_A_SIDE.match(text, n.span[1])]
    for n in each[:1]:
        count = _SIDES[shape[1]] if shape else 0
        for whole in values:
            if whole.value == n.value * count and things_of(text, whole)[:1] == things_of(text, n)[:1]:
                yield Tie((whole.span, n.span), f"{whole.value} = {count} sides * {n.value}")


_HALF = re.compile(r"\b[Hh]alf (?:of )?(?:the |these |those )([a-z]{3,20})\b")


def halves(text: str, values: Values) -> Iterator[Tie]:
    """``6 people come. Half of the people eat 3 plums each, 2 of the people eat 4, and 1 person eats 5``"""
    for half in islice(_HALF.finditer(text), MAX_ADDENDS) if "alf " in text else ():
        at = bisect_left(values, half.end(), key=lambda n: n.span[0])
        if not 0 < at < len(values) - 1:
            continue
        thing = {"people": "(?:person|people)"}.get(half[1], re.escape(singular(half[1])))
        of_them = re.compile(rf"\$?\s(?:of (?:the|these|those) )?{thing}")
        stop = text.find(".", half.end())
        near = [n for n in values[at : at + AROUND] if stop < 0 or n.span[0] < stop]
        parts = [n for n in near if of_them.match(text, n.span[1])]
        before = [n for n in values[max(at - AROUND, 0) : at] if of_them.match(text, n.span[1])]
        if len(parts) > 1 and before and before[-1].value == 2 * sum(part.value for part in parts):
            told = " + ".join(str(part.value) for part in parts)
            yield Tie((before[-1].span, *(part.span for part in parts)), f"half of {before[-1].value} = {told}")


_OF_THEM = re.compile(r"\$?\s(?:of (?:them|the|these|those|his|her|their|its|which|whom)\b|other\b)")
_THE_OTHER = re.compile(r"\b[Tt]he (?:other|remaining)\s\Z")
_INCLUDES = re.compile(r"\b(?:includ(?:es?|ing)|consist(?:s|ing) of|made up of|split into)\b")
_ANY_THINGS = word_set("item thing student pupil people person kid child guest friend member player")
_UNITS = frozenset(unit for units in CONVERSIONS for unit in units)
_A_SHARE = re.compile(r"\\?%|\s?percent\b")
_Things = Callable[[Constant], tuple[str, ...]]


def told_apart(text: str, values: Values) -> Iterator[Tie]:
    """``12 racquets: 3 of them ..., 5 of them ..., and 4 of them``, ``25 pupils: 11 say that ..., and 14 say that``"""
    counted = [n for n in values if type(n.value) is int and n.value > 0 and text[n.span[0] - 1 : n.span[0]] != "$"]
    counted = [n for n in counted if not _A_SHARE.match(text, n.span[1])] if len(counted) > 2 else []
    marked = {n for n in counted if _is_marked(text, n)} if counted and _MARKS.search(text) else set()
    things = lru_cache(maxsize=None)(partial(things_of, text))
    for index, whole in enumerate(counted):
        later = counted[index + 1 : index + 1 + AROUND] if whole.value > 2 else []
        parts = _said_to_be_of_it(whole, later, marked, things) or _alike(text, whole, later[:MAX_ADDENDS], things)
        if parts:
            yield tie_of(whole, parts, "+")


_MARKS = re.compile(r" (?:of (?:them|the|these|those|his|her|their|its|which|whom)|other|remaining)\b")


def _is_marked(text: str, n: Constant) -> bool:
    return bool(_OF_THEM.match(text, n.span[1]) or _THE_OTHER.search(text[max(n.span[0] - 16, 0) : n.span[0]]))


def _up_to(whole: Constant, parts: Values) -> Values:
    """The first parts, where they make up the whole."""
    for count, worth in enumerate(accumulate(int(part.value) for part in parts[:MAX_ADDENDS]), start=1):
        if worth >= whole.value:
            return parts[:count] if worth == whole.value and count > 1 else ()
    return ()


def _said_to_be_of_it(whole: Constant, later: Values, marked: Set[Constant], things: _Things) -> Values:
    """Parts of which all but one say that they are of the whole: ``six of the packets ... the other four packets``."""
    if marked.isdisjoint(later):
        return ()
    thing = things(whole)[:1]
    parts = _up_to(whole, [n for n in later if n in marked or (thing and thing[0] in things(n)[:2])])
    return parts if thing and sum(n in marked for n in parts) >= len(parts) - (whole.value > 5) else ()


def _alike(text: str, whole: Constant, later: Values, things: _Things) -> Values:
    """Parts counted in the same words: ``18 items: 6 pieces of soap and 12 pieces of string``."""
    parts = _up_to(whole, later)
    thing = things(whole)[:1] if parts and "both" not in text else ()
    if not thing:
        return ()
    shared = set(things(parts[0])[:3]).intersection(*(things(part)[:3] for part in parts[1:]))
    if thing[0] in shared:
        return parts if _INCLUDES.search(text, whole.span[1], parts[0].span[0]) else ()
    return parts if thing[0] in _ANY_THINGS and shared - _UNITS else ()


RULES = (groups, stretches, sides, halves, told_apart)
