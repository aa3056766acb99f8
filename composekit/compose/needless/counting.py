"""Small numbers that count what a text then lists, numbers or tells apart: anyone counts again. One rule a function."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise

from composekit.compose.needless.derivations import LIST_GAP, MAX_ADDENDS, NEAR, Tie, Values
from composekit.compose.tokens import Constant
from composekit.compose.words import CONVERSIONS, ORDINALS, singular

FAR = 1500  # characters in which things that were counted are listed

_COUNTED = re.compile(r"\$?\s((?:[a-z-]+\s){0,3}[a-z]+)\b")
_ITEM = r"(?:(?!,? and |, an? )[^.:;()?\n]){3,80}"
_TWO_LISTED = re.compile(
    rf"(?:\s(?:in|of) [a-z ]{{1,20}})?\s?:\s*(?:an?|one|the) {_ITEM},? and (?:an?|one|the|another) {_ITEM}(?:[.;]|\Z)"
)
_COLON_LIST = re.compile(r"(?:\s(?:in|of) [a-z ]{1,20})?\s?:\s*((?:[^.:;()?\n,]+,)+[^.:;()?\n,]*?\band\b[^.:;()?\n,]*)")
NTH = {value: word for word, value in ORDINALS.items()}
_RESPECTIVELY = re.compile(r"[^.?!\n]{0,80}\brespectively\b")


def counts(text: str, values: Values) -> Iterator[Tie]:
    """A small number of things that are listed behind it, or numbered: ``4 kinds: oak, pine, fir and ash``."""
    for index, count in enumerate(values):
        number = count.value
        if count.kind == "fraction" or not isinstance(number, int) or not 2 <= number <= MAX_ADDENDS:
            continue
        match = _COUNTED.match(text, count.span[1])
        if match is None:
            continue
        if (
            _lists(text, match.end(), number)
            or _numbered(text, match, number)
            or _named(text, match.end(), number)
            or _all_but_the_next(text, count.span[0], match, number)
            or _one_and_the_other(text, count.span[0], match, number)
            or _valued(text, values[index : index + MAX_ADDENDS + 1], number)
            or _measured(text, values[index : index + MAX_ADDENDS + 2], number)
            or _listed_before(text, count, values[max(index - MAX_ADDENDS - 1, 0) : index], number)
        ):
            yield Tie((count.span,), f"{number} things are listed")


def _lists(text: str, end: int, number: int) -> bool:
    """Whether a colon and a list of that many items follow."""
    if number == 2:
        return _TWO_LISTED.match(text, end, end + 4 * NEAR) is not None
    match = _COLON_LIST.match(text, end, end + 4 * NEAR)
    return match is not None and len(re.split(r",\s*and\b|,|\sand\s", match[1])) == number


def _numbered(text: str, counted: re.Match[str], number: int) -> bool:
    """Whether the first, the second, ... of the things are mentioned, up to their number."""
    rest = text[counted.end() : counted.end() + FAR].lower() if "irst " in text else ""
    if "first" not in rest or not any(
        re.search(rf"\bfirst (?:[\w-]+ ){{0,2}}{re.escape(singular(word))}\b", rest) for word in counted[1].split()
    ):
        return False
    every = all(re.search(rf"\b{NTH[k]}\b", rest) for k in range(1, number + 1))
    after = rf"(?:{NTH[number + 1]}|last|final)\b"  # a third of the songs is no third song
    return every and not re.search(rf"(?<!\ba )(?<!\bone[ -])\b{after}|\b{after}(?! of\b)", rest)


_FIRST = re.compile(r"\bfirst\s\$?\Z")


def _all_but_the_next(text: str, start: int, counted: re.Match[str], number: int) -> bool:
    """Whether the next thing is told: ``the first four houses have 3 gnomes each ... the fifth house``, ``two sides of a
    triangle ... the third side``.
    """
    things = things_pattern(counted) if NTH.get(number + 1, "?") in text else ""
    article = "" if _FIRST.search(text[max(start - 8, 0) : start]) else "[Tt]he "
    rest = rf"\b{article}{NTH.get(number + 1)} {things}\b"
    return bool(things) and re.compile(rest).search(text, counted.end(), counted.end() + FAR) is not None


_OF_THE = re.compile(r"of (?:the|these|those|his|her|their|its) ")
_STOP = re.compile(r"\b(?:an?|the|per|each|every|more|of|in|to|on|for|at|and|or|is|are|was|were|has|have|had)\b.*")


def things_pattern(counted: re.Match[str]) -> str:
    """A pattern for any word of what is counted, in the singular; empty where there is none."""
    words = _STOP.sub("", _OF_THE.sub("", counted[1])).split()
    return "(?:" + "|".join(re.escape(singular(word)) for word in words) + ")" if words else ""


_ONE = re.compile(r"\b(?:[Oo]ne|[Ff]irst)\b(?! (?:more|of (?:his|her|their|the other)))")
_ONE_BEGINS = re.compile(r"[.;] (?:One|The first)\b(?! of (?:his|her|their|the other))")
_ONE_OF = re.compile(r"\b[Oo]ne of (?:the |its )?\$?\Z")
_OTHER = r"\b[Tt]he other(?: one)?(?: (?:{}{})\b|[,.?])"
_IS = "|is|was|has|had|costs?|weighs?|goes|gets|got|for|with"
_UNIT = re.compile("|".join(sorted({unit for units in CONVERSIONS for unit in units})))


def _one_and_the_other(text: str, start: int, counted: re.Match[str], number: int) -> bool:
    """Whether one of two things is told from the other: ``2 planes. The first plane ... The other plane``, ``one of the
    two factors ... the other factor``.
    """
    told = number == 2 and text.find("he other", counted.end(), counted.end() + FAR) >= 0
    things = things_pattern(counted) if told else ""
    if not things:
        return False
    if re.compile(r"\bThe other [a-z]+ [a-z]").search(text, counted.end(), counted.end() + FAR) and _ONE_BEGINS.search(
        text, counted.end()
    ):
        return True
    amount = any(
        _UNIT.fullmatch(word) for word in things[3:-1].split("|")
    )  # in two hours, one runs and the other walks
    other = re.compile(_OTHER.format(things, "" if amount else _IS)).search(text, counted.end(), counted.end() + FAR)
    one_of = _ONE_OF.search(text[max(start - 12, 0) : start])
    return other is not None and bool(one_of or _ONE.search(text, counted.end(), other.start()))


_NAMES = re.compile(
    r"[^.?!\n]{0,60}?\b(?:cent(?:er|re)s|vertices|corners|labell?ed|named|called|at|points)\s((?:\$[A-Z]\$,?\s){1,7}and\s\$[A-Z]\$)"
)


def _named(text: str, end: int, number: int) -> bool:
    """Whether that many letters follow: ``four circles of radius 1 with centers $P$, $Q$, $R$, and $S$``."""
    match = _NAMES.match(text, end) if "and $" in text else None
    return match is not None and match[1].count("$") == 2 * number


def _valued(text: str, run: Values, number: int) -> bool:
    """Whether a list of that many values follows that says "respectively"."""
    items = run[1 : number + 1]
    if (
        len(items) < number
        or number < 3
        or "respectively" not in text
        or not _RESPECTIVELY.match(text, items[-1].span[1])
    ):
        return False
    listed = all(LIST_GAP.fullmatch(text, a.span[1], b.span[0]) for a, b in pairwise(items))
    return listed and not LIST_GAP.fullmatch(text, run[0].span[1], items[0].span[0])


_MEASURES = re.compile(
    r"\$?\s(?!of\b)(?:[A-Za-z\\$]+\s){1,8}?(?:have|has|had|measures?|are|were|weigh|costs?)\s(?:[a-z]+\s){0,3}?\\?\$?"
)
_EACH = re.compile(r"[^.?!\n]{0,40}\beach\b")


def _measured(text: str, run: Values, number: int) -> bool:
    """Whether a list of that many values follows: ``Two sides of a triangle measure 3 cm and 5 cm``."""
    items = run[1 : number + 1]
    if len(items) < number or not _MEASURES.fullmatch(text, run[0].span[1], items[0].span[0]):
        return False
    listed = all(LIST_GAP.fullmatch(text, a.span[1], b.span[0]) for a, b in pairwise(items))
    longer = len(run) > number + 1 and LIST_GAP.fullmatch(text, items[-1].span[1], run[number + 1].span[0])
    return listed and not longer and not _EACH.match(text, items[-1].span[1])


_IN_HIS = re.compile(
    r"[\s%]*(?:[a-z]+ )?(?:in|on|for|from|at) (?:the |his |her |their |these |those )(?:first |last |past )?"
)


def _listed_before(text: str, count: Constant, run: Values, number: int) -> bool:
    """Whether a list of that many values stands before: ``got 91, 90, and 92 in her three quizzes``."""
    items = run[-number:]
    if number < 3 or len(items) < number or not _IN_HIS.fullmatch(text, items[-1].span[1], count.span[0]):
        return False
    listed = all(LIST_GAP.fullmatch(text, a.span[1], b.span[0]) for a, b in pairwise(items))
    return listed and not (len(run) > number and LIST_GAP.fullmatch(text, run[-number - 1].span[1], items[0].span[0]))


RULES = (counts,)
