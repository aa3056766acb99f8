r"""How a number of a text can follow from the others: one rule a function, each of which asks for words that say so.

With many numbers in a text almost anything is the sum of something, so no rule goes by arithmetic alone.
"""

from __future__ import annotations

import re
from bisect import bisect
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from composekit.compose import exact
from composekit.compose.exact import NotExact
from composekit.compose.numbers import Value
from composekit.compose.tokens import Constant
from composekit.compose.words import CONVERSIONS, ORDINALS, singular, word_set

Span = tuple[int, int]
Values = Sequence[Constant]
MAX_ADDENDS = 8
AROUND = 24  # numbers on either side among which the like of one is looked for
NEAR = 60  # characters between a total and what it is the total of
FAR = 1500  # characters in which things that were counted are listed


class Tie(NamedTuple):
    """Numbers each of which follows from the others, and how; a single one follows from words."""

    spans: tuple[Span, ...]
    why: str


def _tie(total: Constant, parts: Values, sign: str) -> Tie:
    told = f"{total.value} = " + f" {sign} ".join(str(part.value) for part in parts)
    return Tie((total.span, *(part.span for part in parts)), told)


# --- what a number counts

_STOP_WORDS = word_set(
    """in of and or for to at on are is was were be been has have had each per every a an the with by from that which who
    more less fewer left remaining total totals altogether combined all as than if then so but while into when
    away again now today here there"""
)
_FOLLOWING = re.compile(r"[\s~$]*((?:[A-Za-z][A-Za-z'-]*[ ~]+){0,3}[A-Za-z][A-Za-z'-]*)?")


def _things(text: str, numeral: Constant) -> tuple[str, ...]:
    """What the numeral counts, in the singular: ``("mystery", "book")``, ``("$",)``; empty where nothing is said."""
    start, end = numeral.span
    if text[start - 1 : start] == "$" and not numeral.in_math:
        return ("$",)
    if _PERCENT.match(text, end):
        return ("%",)
    match = _FOLLOWING.match(text, end)
    words: list[str] = []
    for word in (match[1] or "").lower().split() if match else ():
        if word in _STOP_WORDS:
            break
        words.append("$" if word in ("dollar", "dollars") else singular(word))
    return tuple(words)


# --- totals

_TOTAL_BEFORE = re.compile(
    r"\b(?:total(?:s|ed|ing)?(?:(?: \w+){0,3}? (?:of|is|was|are|were))?:?|sum(?: of(?: \w+){1,6})? (?:is|was)|adds? up to"
    r"|combined(?: \w+){0,2} (?:of|is|was)|(?:in all|altogether|all together|in total),?(?: \w+){0,4})\s*\\?[$]?\Z",
    re.IGNORECASE,
)
_TOTAL_AFTER = re.compile(
    r"[\s$%]*(?:[A-Za-z'-]+\s){0,3}?(?:in all|altogether|all together|in total|total|combined)\b", re.IGNORECASE
)
_DEFINITE_BEFORE = re.compile(r"\b(?:the|these|those|all)\s\$?\Z", re.IGNORECASE)
_TOTAL_WORDS = re.compile(
    r"total|in all\b|al(?:l )?together|combined|\bsum\b|adds? up|\b(?:the|these|those|all) \$?[0-9]", re.I
)
_LIST_GAP = re.compile(
    r"[\s$%]*+(?:[A-Za-z'-]++\s*+){0,4}?(?:[,;]\s*(?:and\s+|plus\s+)?|(?<=\s)(?:and|plus)\s+)(?:[A-Za-z'-]++\s++){0,2}?\\?[$]?"
)
_SPREADS = re.compile(
    r"[\s$]*+(?:[A-Za-z'-]++\s*+){0,3}?(?::|\(|(?<=\s)[-\u2013]\s|\u2014)\s*+(?:[A-Za-z'-]++\s++){0,2}?\\?[$]?"
)
_HOLDS = re.compile(
    r"\s[A-Za-z'-]+(?:\s[A-Za-z'-]+)?,?\s(?:each\s)?(?:of|with|holding|containing|has|have|having|at)\s\\?[$]?"
)


def totals(text: str, values: Values) -> Iterator[Tie]:
    """A total and what it is the total of: ``8 math and 10 science books, 18 in all``, ``5 boxes of 4 pens, 20 in all``."""
    hints = [match.start() for match in _TOTAL_WORDS.finditer(text)]
    for index, total in enumerate(values):
        start, end = total.span
        said = False
        if bisect(hints, start - NEAR) < bisect(hints, end + NEAR):
            before, things = text[max(start - NEAR, 0) : start], _things(text, total)
            said = bool(_TOTAL_BEFORE.search(before) or _TOTAL_AFTER.match(text, end, end + NEAR))
            if things and (said or _DEFINITE_BEFORE.search(before)):
                yield from _sum_of_like(text, values[max(index - AROUND, 0) : index + AROUND], total, things[-1])
        if said:
            yield from _sum_of_list(text, total, values[max(index - AROUND, 0) : index][::-1], things)
            yield from _product(text, total, values[max(index - 2, 0) : index], things)
        if said or (index + 1 < len(values) and _SPREADS.fullmatch(text, end, values[index + 1].span[0])):
            yield from _sum_of_list(text, total, values[index + 1 : index + AROUND], ())


def _sum_of_like(text: str, values: Values, total: Constant, thing: str) -> Iterator[Tie]:
    """The total as the sum of the nearest numbers of the same thing, before it or behind it."""
    like = [n for n in values if n is total or thing in _things(text, n)]
    at = like.index(total)
    for run in (like[:at][::-1], like[at + 1 :]):
        worth: Value = 0
        for count, part in enumerate(run[:MAX_ADDENDS], start=1):
            worth += part.value
            if count > 1 and worth == total.value:
                yield _tie(total, sorted(run[:count]), "+")


def _sum_of_list(text: str, total: Constant, run: Values, things: tuple[str, ...]) -> Iterator[Tie]:
    """The total as the sum of a whole list beside it, whose last item may speak for all: ``8 math and 10 science books``."""
    count = min(len(run), 1)
    while count < len(run):
        first, second = sorted(run[count - 1 : count + 1])
        if not _LIST_GAP.fullmatch(text, first.span[1], second.span[0]):
            break
        count += 1
    parts = sorted(run[:count])
    if count < 2 or sum(part.value for part in parts) != total.value:
        return
    apart = parts[0].span[0] - total.span[1] if total < parts[0] else total.span[0] - parts[-1].span[1]
    if apart <= NEAR and (not things or things[-1] in _things(text, parts[-1])):
        yield _tie(total, parts, "+")


def _product(text: str, total: Constant, run: Values, things: tuple[str, ...]) -> Iterator[Tie]:
    if len(run) < 2 or run[0].value * run[1].value != total.value:
        return
    several = _HOLDS.fullmatch(text, run[0].span[1], run[1].span[0])
    if several and (not things or things[-1] in _things(text, run[1])):
        yield _tie(total, run, "*")


# --- shares of a whole, and what is left of it

_PERCENT = re.compile(r"[\s$]?\\?%|[\s$]{0,2}percent\b")
_REST_BEFORE = re.compile(r"\b(?:the|The) (?:other|remaining|rest,?)\s\\?[$(]?\Z")
_AND = re.compile(
    r"[\s$)]*(?:of the [a-z]+ )?(?:[A-Za-z'-]+ ){0,8}?(?:[a-z]+, )?(?:and|while|but) (?:[A-Za-z'-]+ ){0,2}?\\?[$(]?"
)
_OF_ITSELF = re.compile(
    r"\s?(?:of|as|off|discount|more|less|fewer|longer|bigger|larger|faster|times|interest|tax|tip|chance)\b"
)
_IS = re.compile(r"[\s$)]*(?:are|is|was|were|will|in|for|to|by)\b|[\s$)]*[,.]")


def shares(text: str, values: Values) -> Iterator[Tie]:
    """Two shares that make up a whole: ``60% are boys and 40% are girls``, ``80% and the remaining 20%``."""
    percents = [n for n in values if _PERCENT.match(text, n.span[1])]
    fractions = [n for n in values if n.kind == "fraction" and 0 < n.value < 1 and n not in percents]
    for kind, whole in ((percents, 100), (fractions, 1)):
        for first, second in pairwise(kind):
            if first.value + second.value == whole and _make_a_whole(text, first, second):
                yield Tie((first.span, second.span), f"{first.value} + {second.value} = {whole}")


def _make_a_whole(text: str, first: Constant, second: Constant) -> bool:
    if _REST_BEFORE.search(text[max(second.span[0] - 20, 0) : second.span[0]]):
        return True
    sign, last = _PERCENT.match(text, first.span[1]), _PERCENT.match(text, second.span[1])
    end = last.end() if last else second.span[1]
    if _OF_ITSELF.match(text, end) or (last is None and not _IS.match(text, end)):
        return False
    return _AND.fullmatch(text, sign.end() if sign else first.span[1], second.span[0]) is not None


def remainders(text: str, values: Values) -> Iterator[Tie]:
    """``she makes 40 bags, sells 25 bags, and gives the remaining 15 away``."""
    for index, rest in enumerate(values):
        before = text[max(rest.span[0] - 20, 0) : rest.span[0]]
        if index < 2 or not _REST_BEFORE.search(before):
            continue
        things = _things(text, rest)
        like = [n for n in values[max(index - AROUND, 0) : index] if not things or things[-1] in _things(text, n)]
        if len(like) > 1 and like[-2].value - like[-1].value == rest.value:
            yield _tie(like[-2], [like[-1], rest], "+")


# --- equations of numbers, and amounts in another unit

_SIDE = r"(?:[0-9.+*/() {}-]|,(?=[0-9]{3})|\\(?:cdot|times|div|frac|dfrac|left|right|,|!)(?![A-Za-z])|\^){1,200}+"
_EQUATION = re.compile(rf"(?<![\w)}}=^_<>]){_SIDE}(?:={_SIDE})+(?:(?<=\s)(?=[A-Za-z]{{2}}|\Z)|(?![\w\\(=^<>]))")
_BEFORE_EQUATION = re.compile(r"(?:\A|[$.,:;(\[]|\b[A-Za-z]{2,})\s*\Z")
_SAME_AS = re.compile(
    r"\$?\s?(?P<one>[A-Za-z]+)\s?(?:\(|,? or |,? i\.e\.,? |,? that is,? |,? which is |,? equal to | ?= ?)\$?(?:about )?"
)


def equations(text: str, values: Values) -> Iterator[Tie]:
    r"""Equations without a letter: ``$17 \cdot 5 = 85$``."""
    for match in _EQUATION.finditer(text) if "=" in text else ():
        if not _BEFORE_EQUATION.search(text[max(match.start() - 20, 0) : match.start()]):
            continue  # 3x + 12 * 11 = 132
        try:
            sides = [exact.value(side) for side in match[0].rstrip(" .").split("=")]
        except NotExact:
            continue
        spans = tuple(n.span for n in values if match.start() <= n.span[0] and n.span[1] <= match.end())
        if len(spans) > 2 and all(side == sides[0] for side in sides):
            yield Tie(spans, " ".join(match[0].split()))


def conversions(text: str, values: Values) -> Iterator[Tie]:
    """One amount in two units: ``2 hours (120 minutes)``."""
    for first, second in pairwise(values):
        gap = _SAME_AS.fullmatch(text, first.span[1], second.span[0])
        if gap is None:
            continue
        units = [singular(gap["one"]), *_things(text, second)[:1]]
        for small, large in ((first, second), (second, first)):
            names = units if small is first else units[::-1]
            if small.value in [large.value * worth for worth in CONVERSIONS.get((names[0], names[-1]), ())]:
                yield Tie((first.span, second.span), f"{first.value} {units[0]} = {second.value} {units[-1]}")


# --- counts of what is listed

_COUNTED = re.compile(r"\$?\s((?:[a-z-]+\s){0,3}[a-z]+)\b")
_COLON_LIST = re.compile(r"(?:\s(?:in|of) [a-z ]{1,20})?\s?:\s*((?:[^.:;()?\n,]+,)+[^.:;()?\n,]*?\band\b[^.:;()?\n,]*)")
_NTH = {value: word for word, value in ORDINALS.items()}
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
            or _valued(text, values[index : index + MAX_ADDENDS + 1], number)
            or _measured(text, values[index : index + MAX_ADDENDS + 2], number)
        ):
            yield Tie((count.span,), f"{number} things are listed")


def _lists(text: str, end: int, number: int) -> bool:
    """Whether a colon and a list of that many items follow."""
    match = _COLON_LIST.match(text, end, end + 4 * NEAR) if number > 2 else None
    return match is not None and len(re.split(r",\s*and\b|,|\sand\s", match[1])) == number


def _numbered(text: str, counted: re.Match[str], number: int) -> bool:
    """Whether the first, the second, ... of the things are mentioned, up to their number."""
    rest = text[counted.end() : counted.end() + FAR].lower()
    if "first" not in rest or not any(
        re.search(rf"\bfirst {re.escape(singular(word))}\b", rest) for word in counted[1].split()
    ):
        return False
    every = all(re.search(rf"\b{_NTH[k]}\b", rest) for k in range(1, number + 1))
    return every and not re.search(rf"\b(?:{_NTH[number + 1]}|last|final)\b", rest)


_FIRST = re.compile(r"\bfirst\s\$?\Z")


def _all_but_the_next(text: str, start: int, counted: re.Match[str], number: int) -> bool:
    """Whether the next thing is told: ``the first four houses have 3 gnomes each ... the fifth house``."""
    if not _FIRST.search(text[max(start - 8, 0) : start]) or number + 1 not in _NTH:
        return False
    thing = re.escape(singular(counted[1].split()[0]))
    return re.compile(rf"\b{_NTH[number + 1]} {thing}\b").search(text, counted.end(), counted.end() + FAR) is not None


_NAMES = re.compile(
    r"[^.?!\n]{0,60}?\b(?:cent(?:er|re)s|vertices|corners|labell?ed|named|called|at|points)\s((?:\$[A-Z]\$,?\s){1,7}and\s\$[A-Z]\$)"
)


def _named(text: str, end: int, number: int) -> bool:
    """Whether that many letters follow: ``four circles of radius 1 with centers $P$, $Q$, $R$, and $S$``."""
    match = _NAMES.match(text, end)
    return match is not None and match[1].count("$") == 2 * number


def _valued(text: str, run: Values, number: int) -> bool:
    """Whether a list of that many values follows that says "respectively"."""
    items = run[1 : number + 1]
    if len(items) < number or number < 3 or not _RESPECTIVELY.match(text, items[-1].span[1]):
        return False
    listed = all(_LIST_GAP.fullmatch(text, a.span[1], b.span[0]) for a, b in pairwise(items))
    return listed and not _LIST_GAP.fullmatch(text, run[0].span[1], items[0].span[0])


_MEASURES = re.compile(
    r"\$?\s(?!of\b)(?:[A-Za-z\\$]+\s){1,8}?(?:have|has|had|measures?|are|were|weigh|costs?)\s(?:[a-z]+\s){0,3}?\\?\$?"
)
_EACH = re.compile(r"[^.?!\n]{0,40}\beach\b")


def _measured(text: str, run: Values, number: int) -> bool:
    """Whether a list of that many values follows: ``Two sides of a triangle measure 3 cm and 5 cm``."""
    items = run[1 : number + 1]
    if len(items) < number or not _MEASURES.fullmatch(text, run[0].span[1], items[0].span[0]):
        return False
    listed = all(_LIST_GAP.fullmatch(text, a.span[1], b.span[0]) for a, b in pairwise(items))
    longer = len(run) > number + 1 and _LIST_GAP.fullmatch(text, items[-1].span[1], run[number + 1].span[0])
    return listed and not longer and not _EACH.match(text, items[-1].span[1])


_MODULUS_BEFORE = re.compile(r"(?:\bmod(?:ulo|ulus)?|\\pmod\s*\{|\\bmod|\\mod|divided by)\s*[$({]*\Z")
_RANGE = re.compile(
    r"\b(?:from|between)\s*\$?0\$?\s*(?:to|and|through)\s*\$?(\d{1,15})"
    r"|\b0\s*(?:\\leq?|<=|≤)\s*[a-z]\s*(?:\\leq?|<=?|≤)\s*(\d{1,15})"
)


def moduli(text: str, values: Values) -> Iterator[Tie]:
    """A modulus that the range of the residue tells: ``modulo 83, a residue from 0 to 82``."""
    tops = (
        [int(match[1] or match[2]) for match in _RANGE.finditer(text)] if "mod" in text or "divided by" in text else []
    )
    for modulus in values if tops else ():
        if _MODULUS_BEFORE.search(text[max(modulus.span[0] - 24, 0) : modulus.span[0]]):
            for top in tops:
                if modulus.value - top in (0, 1):
                    yield Tie((modulus.span,), f"residues go up to {top}")


RULES = (totals, shares, remainders, equations, conversions, counts, moduli)
