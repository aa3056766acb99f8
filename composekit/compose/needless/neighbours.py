r"""Numbers that stand one beside another as places in a row: whoever reads the one knows the other. One rule a function.

*f(n) + f(n - 1) = n^2, f(1) = 7, and what is f(1986) - 3 f(1985)?* With Y in the place of 1986, everybody reads 1986.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from composekit.compose.needless.derivations import Tie
from composekit.compose.places import BASE_OF_POWER
from composekit.compose.tokens import Constant

LEAST = 10  # neighbours among smaller numbers are met by chance
_LEAST_BY_TWO, _LEAST_ANYWHERE = 50, 100
MAX_PLACES = 64

_IN_ROW_BEFORE = re.compile(
    r"(?:(?<![A-Za-z\\])[a-zA-Z]\s?\(|_\s?\{?|\^\s?\{?|dots\s?[-+,]?\s?(?:\\cdot|\\times)?\s?|\.\.\.\s?[-+,]?\s?"
    r"|\b(?:first|last|next|through|1 to|and 1?|from|term|line|row|page|step|number(?:ed)?|year|day)\s\$?"
    r"|(?<![A-Za-z\\])[nkmij]\s?=\s?|\\leq?\s?|<\s?)\Z"
)
_IN_ROW_AFTER = re.compile(
    r"\$?(?:\^\s?\{?\\text\{)?(?:st|nd|rd|th)\b|\$?\s?(?:terms?|rows?|steps?|numbers?|integers?|places?|digits?|lines?)\b"
    r"|\$?\s(?:consecutive|odd|even|positive|natural)\b|\)\s?[-+=]|!"
)
_LINKED = frozenset(("", "said already", BASE_OF_POWER))
_ROW_PLACES = frozenset(("subscript", "exponent", "an ordinal"))


def neighbours(text: str, numerals: Sequence[Constant]) -> Iterator[Tie]:
    """Two places in a row, one or two apart."""
    by_value: dict[int, Constant] = {}
    for n in numerals:
        if isinstance(n.value, int) and n.value >= LEAST and n.kind in ("digits", "ordinal"):
            by_value.setdefault(n.value, n)
    if len(by_value) < 2:
        return
    for value in islice(sorted(by_value), MAX_PLACES):
        one = by_value[value]
        for apart in (1, 2) if value >= _LEAST_BY_TWO else (1,):
            other = by_value.get(value + apart)
            if other is not None and (_far_up(one, other, apart) or (_in_row(text, one) and _in_row(text, other))):
                spans = tuple(n.span for n in (one, other) if n.place in _LINKED)
                yield Tie(spans, f"{value} and {other.value} are neighbours")


def _far_up(one: Constant, other: Constant, apart: int) -> bool:
    """Whether two numbers of formulas are so large that no chance makes them neighbours."""
    return apart == 1 and isinstance(one.value, int) and one.value >= _LEAST_ANYWHERE and one.in_math and other.in_math


def _in_row(text: str, n: Constant) -> bool:
    start, end = n.span
    if n.place in _ROW_PLACES or n.kind == "ordinal":
        return True
    return bool(_IN_ROW_BEFORE.search(text[max(start - 24, 0) : start]) or _IN_ROW_AFTER.match(text, end))


_DOTS = re.compile(
    r"(?<![\d.])(\d{1,6})\s?[,+]\s?(\d{1,6})\s?[,+]\s?(?:\d{1,6}\s?[,+]\s?){0,4}(?:\\[cl]?dots|\.\.\.|\\cdots)\s?[,+]\s?(\d{1,9})(?![\d.]*\d)"
)
_PARITY = re.compile(r"\bfirst \$?(\d{1,6})\$? (?:positive |natural |consecutive )?(odd|even)\b")


def lengths(text: str, numerals: Sequence[Constant]) -> Iterator[Tie]:
    r"""``the first 50 odd numbers, $1 + 3 + \dots + 99$``: each of 50 and 99 tells the other."""
    if "dots" not in text and "..." not in text and "first" not in text:
        return
    for match in islice(_DOTS.finditer(text), MAX_PLACES):
        first, second, last = (int(number) for number in match.groups())
        if second <= first or (last - first) % (second - first):
            continue
        count = (last - first) // (second - first) + 1
        said = [n for n in numerals if n.value == count and not n.place and n.span != match.span(3)]
        if len(said) == 1 and count >= LEAST:
            yield Tie((*(n.span for n in said), match.span(3)), f"{count} numbers from {first} to {last}")
    for stated in islice(_PARITY.finditer(text), MAX_PLACES):
        count = int(stated[1])
        top = 2 * count - (stated[2] == "odd")
        tops = [n for n in numerals if n.value == top and n.span != stated.span(1)]
        if tops and count > 3:
            yield Tie((stated.span(1), *(n.span for n in tops)), f"{top} is {stated[2]} number {count}")


RULES = (neighbours, lengths)  # these look at all numerals, in any place
