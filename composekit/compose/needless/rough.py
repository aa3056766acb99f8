"""Numbers that are needed roughly, or whose like alone makes a question answerable. One rule a function."""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from functools import lru_cache

from composekit.compose.needless.derivations import Span
from composekit.compose.problem import Problem
from composekit.compose.tokens import Constant

_FLOOR_BEFORE = re.compile(r"\\l(?:floor|ceil)\s?\{?\s?-?\s?(?:\\sqrt\s?\{?)?-?\Z")
_FLOOR_AFTER = re.compile(r"(?:\s?\}){0,2}\s?(?:\\right)?\s?\\r(?:floor|ceil)")
_IS_THE_FLOOR = re.compile(r"\\r(?:floor|ceil)\s?=\s?-?\Z")


def _rounded(problem: Problem, constant: Constant) -> str:
    r"""``\lfloor \frac{36}{7} \rfloor``; ``how many values has $\lfloor 5x \rfloor$ if $\lfloor x \rfloor = 9$?``"""
    text = problem.prompt
    if "floor" not in text and "ceil" not in text:
        return ""
    before = text[max(constant.span[0] - 24, 0) : constant.span[0]]
    if _FLOOR_BEFORE.search(before) and _FLOOR_AFTER.match(text, constant.span[1]):
        return "it is rounded"
    counts = "ow many" in text and _IS_THE_FLOOR.search(before)
    return "there are as many numbers between any two whole ones" if counts else ""


_NEAREST = re.compile(r"\b(?:to|at) the nearest (?:ten|hundred|thousand|million|\$?10{1,6}\b)(?!th|s?\b of)")


def _nearest_ten(problem: Problem, constant: Constant) -> str:
    """``What is the sum of 26 and 52, rounded to the nearest ten?``"""
    return "the answer is rounded" if _nearest(problem.prompt) else ""


@lru_cache(maxsize=64)
def _nearest(text: str) -> bool:
    return "nearest" in text and _NEAREST.search(text) is not None


_CLOSEST = re.compile(r"\b(?:closest|nearest) to \$?\s?\Z")


def _closest(problem: Problem, constant: Constant) -> str:
    """``For which grade is the share of bus riders closest to 135 %?``, of a few that are given"""
    text, at = problem.prompt, constant.span[0]
    if problem.template is not None or "est to" not in text or _CLOSEST.search(text[max(at - 16, 0) : at]) is None:
        return ""
    return "one of a few is the closest" if re.search(r"\b[Ww]hich\b", text[:at]) else ""


_FIRST = re.compile(
    r"\b(?:first|smallest|least|next) (?:term|number|integer|element|member|perfect square|prime)\b[^.?!]{0,60}"
    r"\b(?:greater than|larger than|more than|exceeds?|exceeding|after|above|over) \$?\Z"
)


def _first_beyond(problem: Problem, constant: Constant) -> str:
    """``the first term of the sequence that is greater than 125``, where one is smaller and the next much larger"""
    text, answer = problem.prompt, problem.answer.strip().strip("$")
    first = _FIRST.search(text[max(constant.span[0] - 140, 0) : constant.span[0]])
    beyond = first and answer.isdecimal() and isinstance(constant.value, int) and int(answer) - constant.value > 2
    return "the first number beyond it is far" if beyond else ""


_ANGLE = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc)\s?(?:\^\{?[0-9]\}?)?\s?[({]?\s?([0-9]{1,3})\s?\^\s?\{?\s?\\circ")
_UNKNOWN_ANGLE = re.compile(r"(?<![A-Za-z])[a-z]\s?\^\s?\{?\s?\\circ|\\theta")
_SIMPLIFIES = re.compile(r"\b(?:[Ss]implify|[Cc]ompute|[Ee]valuate|[Ff]ind|[Ww]hat is)\b")


@lru_cache(maxsize=64)
def _angles(text: str) -> frozenset[Span]:
    """The angles of an expression with three at least that is to be simplified."""
    found = [match.span(1) for match in _ANGLE.finditer(text)] if "\\circ" in text else []
    if _UNKNOWN_ANGLE.search(text):
        return frozenset()
    return frozenset(found if len(found) > 2 and _SIMPLIFIES.search(text) else ())


def _fixed_angles(problem: Problem, constant: Constant) -> str:
    r"""``Simplify $\sin 70^\circ \cos 50^\circ + \sin 260^\circ \cos 280^\circ.$``"""
    return "few angles make it simple" if constant.span in _angles(problem.prompt) else ""


_COMMON = re.compile(
    r"\b(?P<what>greatest common (?:divisor|factor)|least common multiple|GCD|GCF|LCM|gcd|lcm) (?:of|for) "
    r"(?:the (?:three )?numbers )?"
    r"(?P<list>(?:\$?\d{1,9}\$?,\s){1,6}(?:and )?\$?\d{1,9}|\$?\d{1,9}\$?(?: and \$?\d{1,9}))"
)
_NUMBER = re.compile(r"\d+")


@lru_cache(maxsize=64)
def _implied_by_others(text: str) -> frozenset[Span]:
    """The numbers of a list whose common divisor or multiple is that of the others alone."""
    match = _COMMON.search(text) if "ommon" in text or "gcd" in text.lower() or "lcm" in text.lower() else None
    if match is None:
        return frozenset()
    listed = [(int(number[0]), number.span()) for number in _NUMBER.finditer(text, *match.span("list"))]
    common = math.lcm if "ultiple" in match["what"] or "lcm" in match["what"].lower() else math.gcd
    whole = common(*(number for number, _ in listed))
    return frozenset(
        span for _, span in listed if len(listed) > 2 and common(*(n for n, other in listed if other != span)) == whole
    )


def _common_to_the_others(problem: Problem, constant: Constant) -> str:
    """``the greatest common divisor of 3339, 2961 and 1491``: 3339 and 1491 have no larger one."""
    return "the other numbers have the same" if constant.span in _implied_by_others(problem.prompt) else ""


_MANY = re.compile(r"\)?\s?\^\s?\{?\s?\(?\s?(?:[0-9]{2,}|[0-9]\s?\^)")


def _power_of_one(problem: Problem, constant: Constant) -> str:
    """``What is $1^{223}$?``"""
    start, end = constant.span
    before = problem.prompt[max(start - 8, 0) : start]
    one = constant.value == 1 and _MANY.match(problem.prompt, end)
    if one and one[0].startswith(")"):  # (x - 1)^9 is another thing
        one = one if before.endswith(("(", "(-")) else None
    return "no other number has such powers" if one else ""


_LOADS = re.compile(
    r"\b[Hh]ow many (?:[a-z]+ ){0,2}(?:trips|loads|buses|vans|cars|trucks|boats|rides|flights|batches|tents|tables)\b"
)
_DIVIDED = re.compile(r"/\(?\s?([0-9][0-9,.]*)\)?=([0-9]{1,3})(?:\.[0-9]+)?>>(?!.*<<)", re.DOTALL)
_FEW_LOADS = 4


@lru_cache(maxsize=64)
def asks_for_loads(text: str) -> bool:
    """Whether a question asks how many times something has to be filled."""
    return "ow many" in text and _LOADS.search(text) is not None


def _few_loads(problem: Problem, constant: Constant) -> str:
    """``4500 pounds. A truck can carry 2250 pounds. How many trips?``: two, for every load up to 4499"""
    if problem.solution is None or not asks_for_loads(problem.prompt):
        return ""
    last = _DIVIDED.search(problem.solution)
    divides = last and last[1].replace(",", "").rstrip(".") in (constant.text.replace(",", ""), str(constant.value))
    return "many loads make as few trips" if last and divides and int(last[2]) <= _FEW_LOADS else ""


ROUGH: tuple[Callable[[Problem, Constant], str], ...] = (
    _rounded, _nearest_ten, _closest, _first_beyond, _fixed_angles, _common_to_the_others, _power_of_one,
    _few_loads,
)  # fmt: skip
