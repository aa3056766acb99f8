"""The numbers that an annotated solution calculates with, and where it has them from.

*Kim can knit as many as 10 sweaters a day. She knit 8 on Monday and 2 more on Tuesday*: the steps ``<<8+2=10>>`` and
``<<10+8=18>>`` have a 10, but it is the result of a step. A constant that no step takes from the question is needless, and
one whose like an earlier step gives may be.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Set
from fractions import Fraction
from functools import cached_property, lru_cache

from composekit.compose.annotations import implied_by, number_of
from composekit.compose.problem import Problem
from composekit.compose.tokens import PART, Constant, numerals
from composekit.compose.words import CARDINALS, ORDINALS

Number = int | Fraction

_STEP = re.compile(r"<<([^<>=]{1,120})=([^<>=]{1,40})>>")
_A_NUMERAL = r"(?<![0-9.])(?:[0-9][0-9,]{0,24}+(?:\.[0-9]{1,9}+)?|\.[0-9]{1,9}+)"
_NUMERAL = re.compile(_A_NUMERAL)
_PROPER = re.compile(r"(?<![0-9.])([0-9]{1,6})\)?/\(?([0-9]{1,6})(?![0-9.])")
_ANSWER = re.compile(r"####\s?\$?([0-9][0-9,]{0,24}(?:\.[0-9]{1,9})?)")
_RESULT = re.compile(r"<<[^<>]{1,160}>>\s?\$?[0-9.,]*")
_SIGN = r"(?:[-+*/\u00d7\u00f7\u2013\u2212=()]|\b(?:[xX]|plus|minus|times|equals|add|adding|by|than)\b)"
_BEFORE_A_SIGN = rf"(?:[A-Za-z]?(?![A-Za-z])|(?:[ /%\u00a2-]?[A-Za-z]++){{1,3}}?),?\s?{_SIGN}"
_BESIDE_A_SIGN = re.compile(rf"{_SIGN}\s?\$?(?P<right>{_A_NUMERAL})|(?P<left>{_A_NUMERAL}){_BEFORE_A_SIGN}")
_BESIDE_A_LETTER = re.compile(r"(?<![0-9.])([0-9]{1,6})[a-zA-Z](?![a-zA-Z])")
_SHARE = re.compile(r"\s?(?:\\?%|percent|per cent|cents?\b|\u00a2)")
_WORD = re.compile("[a-z]+")
_TIME = re.compile(r" (?:more )?(?:second|minute|hour|day|night|week|month|year)s?\b(?! per\b)")
_FREE = frozenset((0, 1, 2, 100))  # they stand in steps of their own accord


class _Course:
    """What the steps of a solution calculate with.

    Attributes:
        steps: The numbers of every annotated step, and its results.
        own: Numbers that no earlier step gives, or that a step has twice, and how often.
        shares: Proper fractions; what stands above and below their lines is in ``own`` too.
        results: What the steps give.
        gapless: Whether all arithmetic is annotated.
    """

    def __init__(self, solution: str, found: list[tuple[str, str]]) -> None:
        self.steps = [(_numbers(left), _numbers(right)) for left, right in found]
        self.own: Counter[Number] = Counter()
        self.results: set[Number] = set()
        self.shares: list[Fraction] = []
        self.gapless = solution.count("=") == 2 * len(found)
        self.solution = solution
        for (text, _), (leaves, worth) in zip(found, self.steps, strict=True):
            for leaf in leaves:
                if leaf not in self.results or leaves.count(leaf) > 1:
                    self.own[leaf] += 1
            if "/" in text:
                self.shares += [Fraction(int(a), int(b)) for a, b in _PROPER.findall(text) if int(a) < int(b)]
            if len(leaves) > 1:
                self.results.update(worth)
            else:
                self.gapless = False
        if not self.gapless:
            prose = _of_prose(_RESULT.sub(" ; ", solution))
            self.own.update(number for number in prose if number not in self.results)
        self.own.update(self.shares)

    @cached_property
    def annotated(self) -> frozenset[Number]:
        """The numbers in annotated steps."""
        return frozenset(leaf for leaves, _ in self.steps for leaf in leaves)

    @cached_property
    def last(self) -> frozenset[Number]:
        """The numbers of the steps that lead to the answer: to the last one that gives it, or to the last one."""
        marked = _ANSWER.search(self.solution)
        answer = _read(marked[1].rstrip(".,")) if marked else None
        end = next((i for i in range(len(self.steps) - 1, 0, -1) if answer in self.steps[i][1]), None)
        if end is None:
            end = 0 if answer in self.steps[0][1] else len(self.steps) - 1
        needed = set(self.steps[end][0])
        for leaves, worth in reversed(self.steps[:end]):
            if not needed.isdisjoint(_rounded(worth)):
                needed.update(leaves)
        return frozenset(needed)


def why_not_taken(problem: Problem, constant: Constant) -> str:
    """Why an annotated solution may not take a constant from the question; empty where it does, or nobody knows.

    Example:
        >>> from composekit.compose.tokens import constants
        >>> text = "Kim can knit 10 scarfs a day. She knit 8 on Monday, 2 more on Tuesday, and 5 today. How many?"
        >>> steps = "On Tuesday, she knit 8+2=<<8+2=10>>10 scarfs. In all, 8+10+5=<<8+10+5=23>>23."
        >>> [why_not_taken(Problem(text, 23, solution=steps), c) for c in constants(text)]
        ['the worked solution has it as a result alone', '', '', '']
    """
    value, text, solution = constant.value, problem.prompt, problem.solution
    if not solution or "<<" not in solution or not isinstance(value, (int, Fraction)):
        return ""
    compares = _compares(text, solution)
    spared = not compares and value > 5 and f"/{constant.text}" not in text and _is_an_end(constant.text, solution)
    course = None if spared else _course(solution)
    if course is None:
        return ""
    if value not in course.annotated and _THRESHOLD.search(text[max(constant.span[0] - 60, 0) : constant.span[0]]):
        return "it tells who or what is counted"
    if value in course.own:
        # What stands in prose alone may lead to a number of the last step that comes from nowhere.
        apart = compares and value not in course.last
        if apart and (value in course.annotated or _explained(text, course.last, _rounded(course.results))):
            return "the worked solution may only compare it"
        return "the worked solution may have it from a word" if _is_a_words(text, value, course) else ""
    if not course.own.keys().isdisjoint(_forms(text, constant)):
        return ""
    if value in course.results:
        return "the worked solution has it as a result alone"
    # Where some arithmetic is not annotated, most numbers are used, but fewer of those that say when.
    if course.gapless:
        without = _explained(text, course.own.keys(), course.results)
    else:
        without = bool(_TIME.match(text, constant.span[1])) or compares
    return "the worked solution does not calculate with it" if without else ""


def _is_an_end(numeral: str, solution: str) -> bool:
    """Whether a step begins or ends with a numeral that no step gives: most do, which spares the reading of the solution."""
    if f"={numeral}>>" in solution:
        return False
    return any(f"<<{numeral}{sign}" in solution or f"{sign}{numeral}=" in solution for sign in "*+-/")


# --- what a solution calculates with


@lru_cache(maxsize=4096)
def _read(numeral: str) -> Number:
    return int(numeral) if numeral.isdecimal() else _plain(number_of(numeral))


def _plain(number: Fraction) -> Number:
    return number.numerator if number.denominator == 1 else number


def _numbers(text: str) -> list[Number]:
    return list(map(_read, _NUMERAL.findall(text)))


@lru_cache(maxsize=64)
def _course(solution: str) -> _Course | None:
    """The course of a solution; None where it has no annotated step."""
    found = _STEP.findall(solution)
    return _Course(solution, found) if found else None


def _of_prose(text: str) -> Iterator[Number]:
    """The numbers beside a sign of arithmetic, or beside an unknown."""
    yield from (_read(match["left"] or match["right"]) for match in _BESIDE_A_SIGN.finditer(text))
    yield from map(int, _BESIDE_A_LETTER.findall(text))


def _rounded(numbers: Iterable[Number]) -> set[Number]:
    """Numbers, and what they are rounded to: 4.8 bags are 5."""
    return {
        whole
        for number in numbers
        for whole in ((number, math.floor(number), math.ceil(number)) if number > 1 else (number,))
    }


# --- where it has its numbers from


def _explained(text: str, numbers: Set[Number], results: Set[Number]) -> bool:
    """Whether numbers of a solution are results, or stand in the question, or its words say them."""
    told = numbers - _printed(text) - results
    known = _known(text) if told else frozenset()
    return all(number in known or {number.numerator, number.denominator} <= known for number in told)


@lru_cache(maxsize=64)
def _printed(text: str) -> frozenset[Number]:
    return frozenset(n.value for n in numerals(text) if n.kind != "radical" and n.place != PART)  # type: ignore[misc]


@lru_cache(maxsize=64)
def _known(text: str) -> frozenset[Number]:
    """The numbers that need no other source: those of a text in any form, and what its words say."""
    printed = _printed(text)
    words = set(_WORD.findall(text.lower()))
    said = {
        n for names in (CARDINALS, ORDINALS) for name, n in names.items() if not words.isdisjoint((name, name + "s"))
    }
    shares = {form for n in printed if 0 < n <= 100 for form in _of_percent(Fraction(n))}
    return frozenset(printed | said | shares | _FREE | implied_by(text))


def _of_percent(n: Fraction) -> tuple[Fraction, ...]:
    """``30 %``: 30, 0.30, what is left, and what comes to be."""
    return n, n / 100, 100 - n, 1 - n / 100, 100 + n, 1 + n / 100


def _forms(text: str, constant: Constant) -> Iterator[Number]:
    """In what other ways a solution writes a share."""
    value = Fraction(constant.value)  # type: ignore[arg-type]  # no radical, seen before
    if value.denominator != 1:
        yield from (1 - value, 1 + value, 1 / value, 100 * value, value.denominator)
    if _SHARE.match(text, constant.span[1]):
        yield from (*_of_percent(value), 100 / value)


_CHOICE = re.compile(
    r"\b(?:cheaper|cheapest|(?:best|better) (?:deal|value|price|buy)|decid(?:e|ing) (?:if|whether|between|which)|whichever"
    r"|costs less|less expensive|least expensive|(?:fastest|shortest) (?:route|way))\b|[0-9] ?[<>] ?\$?[0-9.]"
)


# Whoever is under the age of 30, or gets more if he sells more than 100: the rest is told of them.
_THRESHOLD = re.compile(
    r"\b(?:under|over|above|below) the age of \Z"
    r"|\b(?:if|unless|when|once|whenever)\b[^.?!,;0-9]{0,40}\b(?:more|less|fewer) than \$?\Z"
)
_CHOICE_HINTS = ("cheap", "best ", "better ", "decid", "whichever", "costs less", "expensive", "fastest", "shortest")


@lru_cache(maxsize=64)
def _compares(prompt: str, solution: str) -> bool:
    """Whether a question or its solution compares amounts, so that some of them are needed for that alone."""
    signs = solution.count("<") > 2 * solution.count("<<") or solution.count(">") > 2 * solution.count(">>")
    hinted = any(hint in prompt or hint in solution for hint in _CHOICE_HINTS)
    return (signs or hinted) and bool(_CHOICE.search(prompt) or _CHOICE.search(solution))


_MULTIPLIES: dict[Number, re.Pattern[str]] = {
    2: re.compile(r"\b(?:half|halved|halves|halving|twice|double[ds]?|doubling)\b", re.IGNORECASE),
    3: re.compile(r"\b(?:(?:a|one|two)[ -]thirds?|tripled?|triples|thrice)\b", re.IGNORECASE),
}


def _is_a_words(text: str, value: Number, course: _Course) -> bool:
    """Whether steps have a small number no more often than words and fractions say it: ``Two clubs ... half of the boys``"""
    if not isinstance(value, int) or not 2 <= value <= 12:
        return False
    words = _MULTIPLIES.get(value)
    said = len(words.findall(text)) if words else 0
    if value > 5:  # a sixth is taken by a step that divides by 6
        said += len(re.findall(rf"(?<![0-9.])[0-9]/{value}(?![0-9.])", text))
    elif course.shares:
        printed = _printed(text)
        said += sum(value in (share.numerator, share.denominator) and share in printed for share in course.shares)
    if not said:
        return False
    one = Fraction(1, value)
    return said >= course.own[value] + course.own[one] - course.shares.count(one)
