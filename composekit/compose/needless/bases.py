"""Amounts that cancel, and bounds that are needed roughly, told by the words of a problem alone. One rule a function."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache

from composekit.compose.needless.derivations import Span
from composekit.compose.problem import Problem
from composekit.compose.tokens import Constant, numerals

_THAN = (
    r"(?:more|fewer|less|older|younger|taller|shorter|longer|heavier|lighter|higher|lower|faster|slower|further|farther|bigger"
    r"|smaller|greater|deeper|wider|thicker|warmer|colder)"
)
_ASKS_A_DIFFERENCE = re.compile(
    rf"\b(?:[Hh]ow (?:many|much)(?: [a-z]+){{0,3}} {_THAN}\b[^.?!]{{0,120}}\bthan\b"
    r"|[Ww]hat is the (?:difference|gap) (?:between|in)\b)[^.?!]{0,120}\?"
)
# Where amounts are added up or multiplied, a common base no longer cancels.
_NOT_LINEAR = re.compile(
    r"\b(?:times|twice|thrice|half|halves|doubl\w*|tripl\w*|quarters?|thirds?|fourths?|fifths?|total|altogether|combined|together|sum|each|per|every"
    r"|both|all|percent|average|equal(?:ly)?|product|ratio|dozen)\b|%|/",
    re.IGNORECASE,
)
_OFFSET = re.compile(rf"\$?(?:\s(?!than\b)[a-z'-]+){{0,3}}?\s{_THAN}\b")


@lru_cache(maxsize=64)
def _common_base(text: str) -> Span | None:
    """The one amount of a text to which all others are told as differences, where a difference is asked for."""
    if "than" not in text and "difference" not in text:
        return None
    asked = _ASKS_A_DIFFERENCE.search(text)
    if asked is None or _NOT_LINEAR.search(text):
        return None
    # ``one more than`` is a difference as well, and where a text has other amounts, its people spend them.
    amounts = [n for n in numerals(text) if n.place in ("", "said already", "one")]
    bases = [n for n in amounts if not _OFFSET.match(text, n.span[1])]
    return bases[0].span if len(bases) == 1 and len(amounts) > 1 and not asked.start() < bases[0].span[0] else None


def _base(problem: Problem, constant: Constant) -> str:
    """``Tom has 35 stamps. Ann has 12 more than Tom, Bea 5 fewer than Tom. How many more has Ann than Bea?``"""
    return "it cancels in the difference" if constant.span == _common_base(problem.prompt) else ""


_BOUND = re.compile(
    r"\b(?:less|fewer|smaller|greater|more|larger|higher|lower) than(?: or equal to)? \\?\$?\Z"
    r"|\b(?:at most|at least|under|over|below|above|exceeds?|no more than|no less than|not exceed) \\?\$?\Z"
)
_DIFFERENCE = re.compile(
    r"(?:[0-9]\$?|%|percent|times|half)(?: [a-z]+)? [a-z]+er than \\?\$?\Z|[0-9%](?: [a-z]+)? (?:less|more) than \\?\$?\Z"
)
_EXTREME = re.compile(r"\b(?:greatest|largest|maximum|highest|biggest|smallest|least|minimum|lowest|fewest)\b")
_THE_ONE = re.compile(r"\bWhat is (?:this|the|my|her|his|their) (?:number|integer)\b")
_COARSE = re.compile(
    r"\b(?:consecutive|multiples?|divisib|remainder|palindrome|prime|perfect (?:square|cube)|evenly|same number|divided by"
    r"|digits?|power of|odd|even)\b|divisible"
)
_SHARE = re.compile(r"\s?\\?%|\s(?:percent|more|less|times)\b")


@lru_cache(maxsize=64)
def _is_coarse(text: str) -> bool:
    """Whether a text asks for the extreme one, or the only one, of numbers that lie far apart."""
    return bool(_COARSE.search(text) and (_EXTREME.search(text) or _THE_ONE.search(text)))


def _rough_bound(problem: Problem, constant: Constant) -> str:
    """``The sum of three consecutive integers is a palindrome less than 220. What is the greatest possible ...?``"""
    text = problem.prompt
    start, end = constant.span
    near = text[max(start - 48, 0) : start]
    if not _BOUND.search(near) or _DIFFERENCE.search(near) or _SHARE.match(text, end) or not _is_coarse(text):
        return ""
    return "it bounds numbers that lie far apart"


BASES: tuple[Callable[[Problem, Constant], str], ...] = (_base, _rough_bound)
