"""A whole and the parts that a text takes it apart into, with no word that says total. One rule a function.

*Of 16 guests, 10 guests want fish and 6 guests want rice*; *40 minutes: in the first 20 minutes ..., in the second 20 minutes*:
the parts must be all that the text tells of the kind, and be marked as parts by a word that goes with each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from composekit.compose.derivations import AROUND, MAX_ADDENDS, Tie, Values, things_of, tie_of
from composekit.compose.tokens import Constant


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
            before = [n for n, words in counted if n < parts[0] and thing in words[:2]]
            if before and before[-1].value == worth:
                yield tie_of(before[-1], parts, "+")


_FIRST = re.compile(r"\b[Ff]irst\s\$?\Z")
_LATER = re.compile(r"\b(?:next|second|third|fourth|last|final|remaining|other)\s\$?\Z")


def stretches(text: str, values: Values) -> Iterator[Tie]:
    """``plays for 40 minutes. In the first 20 minutes ..., in the second 20 minutes``"""
    if "irst " not in text:
        return
    before = {n: text[max(n.span[0] - 12, 0) : n.span[0]] for n in values}
    for index, first in enumerate(values):
        kind = things_of(text, first)[:1] if _FIRST.search(before[first]) else ()
        if not kind:
            continue
        near = [n for n in values[max(index - AROUND, 0) : index + AROUND] if kind[0] in things_of(text, n)[:2]]
        later = [n for n in near if n > first and _LATER.search(before[n])]
        parts = [first, *later]
        for whole in near:
            if later and whole not in parts and whole.value == sum(part.value for part in parts):
                yield tie_of(whole, parts, "+")
                break


RULES = (groups, stretches)
