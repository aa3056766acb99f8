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
from composekit.compose.words import CONVERSIONS, singular, word_set

Span = tuple[int, int]
Values = Sequence[Constant]
MAX_ADDENDS = 8
AROUND = 24  # numbers on either side among which the like of one is looked for
NEAR = 60  # characters between a total and what it is the total of


class Tie(NamedTuple):
    """Numbers each of which follows from the others, and how; a single one follows from words."""

    spans: tuple[Span, ...]
    why: str


def tie_of(total: Constant, parts: Values, sign: str) -> Tie:
    told = f"{total.value} = " + f" {sign} ".join(str(part.value) for part in parts)
    return Tie((total.span, *(part.span for part in parts)), told)


# --- what a number counts

_STOP_WORDS = word_set(
    """in of and or for to at on are is was were be been has have had each per every a an the with by from that which who
    more less fewer left remaining total totals altogether combined all as than if then so but while into when
    away again now today here there"""
)
_FOLLOWING = re.compile(r"[\s~$]*((?:[A-Za-z][A-Za-z'-]*[ ~]+){0,3}[A-Za-z][A-Za-z'-]*)?")


def things_of(text: str, numeral: Constant) -> tuple[str, ...]:
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
LIST_GAP = re.compile(
    r"[\s$%\\]*+(?:[A-Za-z'-]++\s*+){0,4}?(?:[,;]\s*(?:and\s+|plus\s+)?|(?<=\s)(?:and|plus)\s+)(?:[A-Za-z'-]++\s++){0,2}?\\?[$]?"
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
            before, things = text[max(start - NEAR, 0) : start], things_of(text, total)
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
    like = [n for n in values if n is total or thing in things_of(text, n)]
    at = like.index(total)
    for run in (like[:at][::-1], like[at + 1 :]):
        worth: Value = 0
        for count, part in enumerate(run[:MAX_ADDENDS], start=1):
            worth += part.value
            if count > 1 and worth == total.value:
                yield tie_of(total, sorted(run[:count]), "+")


def _sum_of_list(text: str, total: Constant, run: Values, things: tuple[str, ...]) -> Iterator[Tie]:
    """The total as the sum of a whole list beside it, whose last item may speak for all: ``8 math and 10 science books``."""
    count = min(len(run), 1)
    while count < len(run):
        first, second = sorted(run[count - 1 : count + 1])
        if not LIST_GAP.fullmatch(text, first.span[1], second.span[0]):
            break
        count += 1
    parts = sorted(run[:count])
    if count < 2 or sum(part.value for part in parts) != total.value:
        return
    apart = parts[0].span[0] - total.span[1] if total < parts[0] else total.span[0] - parts[-1].span[1]
    if apart <= NEAR and (not things or things[-1] in things_of(text, parts[-1])):
        yield tie_of(total, parts, "+")


def _product(text: str, total: Constant, run: Values, things: tuple[str, ...]) -> Iterator[Tie]:
    if len(run) < 2 or run[0].value * run[1].value != total.value:
        return
    several = _HOLDS.fullmatch(text, run[0].span[1], run[1].span[0])
    if several and (not things or things[-1] in things_of(text, run[1])):
        yield tie_of(total, run, "*")


# --- shares of a whole, and what is left of it

_PERCENT = re.compile(r"[\s$]?\\?%|[\s$]{0,2}percent\b")
_REST_BEFORE = re.compile(r"\b(?:the|The) (?:other|remaining|rest,?)\s\\?[$(]?\Z")
_AND = re.compile(
    r"[\s$)]*(?:of the [a-z]+ )?(?:[A-Za-z'-]+ ){0,8}?(?:[a-z]+, )?(?:and|while|but) (?:[A-Za-z'-]+ ){0,3}?\\?[$(]?"
)
_OF_ITSELF = re.compile(
    r"\s?(?:of|as|off|discount|more|less|fewer|longer|bigger|larger|faster|times|interest|tax|tip|chance)\b"
)
_OF_WHAT = re.compile(
    r" of (?:the|all|his|her|their) ([a-z]+ )??([a-z]+)\b(?= under\b| in\b|[.,;]| and\b| (?:are|were|is|was)\b)"
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
    for start in range(len(percents) - 2):  # 75% have 3 petals, 24% have two and 1% have four
        for run in (percents[start : start + 3], percents[start : start + 4]):
            if sum(n.value for n in run) == 100 and not any(_is_of_another(text, n) for n in run[1:]):
                yield Tie(tuple(n.span for n in run), " + ".join(str(n.value) for n in run) + " = 100")


def _is_of_another(text: str, share: Constant) -> bool:
    """Whether a percentage is of something of its own: ``60% of the rest``, ``5% more``."""
    sign = _PERCENT.match(text, share.span[1])
    return _OF_ITSELF.match(text, sign.end() if sign else share.span[1]) is not None


_SO_MANY_FAIL = re.compile(
    r"(?:\\?%| percent)?(?:\s[a-z]+){1,6},? (?:because|since|as) (?:only |about )?(?:the (?:other|remaining) )?\\?[$]?"
    r"[0-9./%\\$]{1,9} of (?:the (?:[a-z]+ )?)?[a-z]+ "
    r"(?:do|did|will|ca|wo|can|could|would)(?: ?not|n['\u2019]t)\b"
)


def complements(text: str, values: Values) -> Iterator[Tie]:
    """A share, and the one that it leaves out: ``.75 bags a guest, because 1/4 of the guests do not come``."""
    for first, second in pairwise(values) if "n't " in text or "not " in text or "n\u2019t " in text else ():
        whole = 100 if _PERCENT.match(text, second.span[1]) else 1
        if first.value + second.value == whole and 0 < first.value < whole and _SO_MANY_FAIL.match(text, first.span[1]):
            yield Tie((first.span, second.span), f"{first.value} + {second.value} = {whole}")


def _make_a_whole(text: str, first: Constant, second: Constant) -> bool:
    if _REST_BEFORE.search(text[max(second.span[0] - 20, 0) : second.span[0]]):
        return True
    sign, last = _PERCENT.match(text, first.span[1]), _PERCENT.match(text, second.span[1])
    end = last.end() if last else second.span[1]
    first_of, last_of = _OF_WHAT.match(text, sign.end() if sign else first.span[1]), _OF_WHAT.match(text, end)
    same = first_of is not None and last_of is not None and first_of[2] == last_of[2] and "remaining" not in last_of[0]
    if not same and (_OF_ITSELF.match(text, end) or (last is None and not _IS.match(text, end))):
        return False
    return _AND.fullmatch(text, sign.end() if sign else first.span[1], second.span[0]) is not None


def remainders(text: str, values: Values) -> Iterator[Tie]:
    """``she makes 40 bags, sells 25 bags, and gives the remaining 15 away``."""
    for index, rest in enumerate(values):
        before = text[max(rest.span[0] - 20, 0) : rest.span[0]]
        if index < 2 or not _REST_BEFORE.search(before):
            continue
        things = things_of(text, rest)
        like = [n for n in values[max(index - AROUND, 0) : index] if not things or things[-1] in things_of(text, n)]
        if len(like) > 1 and like[-2].value - like[-1].value == rest.value:
            yield tie_of(like[-2], [like[-1], rest], "+")


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
    """One amount in two units: ``2 hours (120 minutes)``, ``144 rolls (12 dozen)``."""
    for first, second in pairwise(values):
        gap = _SAME_AS.fullmatch(text, first.span[1], second.span[0])
        if gap is None:
            continue
        units = [singular(gap["one"]), *things_of(text, second)[:1]]
        for small, large in ((first, second), (second, first)):
            names = units if small is first else units[::-1]
            facts = (12,) if names[-1] == "dozen" else CONVERSIONS.get((names[0], names[-1]), ())
            if small.value in [large.value * worth for worth in facts]:
                yield Tie((first.span, second.span), f"{first.value} {units[0]} = {second.value} {units[-1]}")


# --- moduli

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


RULES = (totals, shares, complements, remainders, equations, conversions, moduli)
