"""How many answers a reader can choose from who does not solve a problem: its options, its suspects, the digits."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from composekit.compose.answers import asks_percent, option_letters
from composekit.compose.problem import Problem
from composekit.compose.words import CARDINALS

FEW = 12  # so many can be tried one by one
MAX_TEXT = 20_000

_COUNT = rf"(\d{{1,2}}|{'|'.join(word for word, value in CARDINALS.items() if 1 < value <= FEW)})"
_HOW_MANY_OF = re.compile(
    r"\b[Hh]ow many (?:[a-z]+ )?(?:of|among) (?:the|these|those|his|her|their|its)(?: following| above| other)? "
    rf"\$?{_COUNT}\b"
    rf"(?! (?:dozen|times|hundred|thousand|million|percent)|[.,]?\d|\s?\\?%)"
)
_REMAINDER = re.compile(
    r"\bremainder\b[^.?!]{0,120}\b(?:divided by|dividing[^.?!]{0,60} by|on division by|divide[^.?!]{0,60} by) "
    r"\$?(\d{1,2})(?![\d.,]*\d)"
    r"|\\pmod\s?\{?(\d{1,2})(?!\d)|\bmod(?:ulo)? \$?(\d{1,2})(?!\d)"
)
_RESIDUE = re.compile(r"\b(?:remainder|residue|congruent|equivalent|modulo)\b|\\equiv")
_DIGIT = re.compile(
    r"\b(?:[Ww]hat|[Ww]hich|[Ff]ind|[Dd]etermine|[Cc]ompute)\b[^.?!]{0,60}\b(?:(?:units?|ones|tens|hundreds|thousands"
    r"|last|first|final|leftmost|rightmost|missing|\d+(?:st|nd|rd|th)|hundredths|tenths) digit"
    r"|(?:what|which) digit|value of (?:the )?digit)\b"
    r"|\b(?:[Ww]hat|[Ww]hich) digit\b"
)
_FROM_TO = re.compile(
    r"\b(?:[Ww]hat|[Ww]hich|[Ff]ind)\b[^.?!]{0,60}\b(?:integer|number|digit)s? (?:from|between) \$?(\d{1,4})\$? "
    r"(?:to|and|through) \$?(\d{1,4})(?![\d.,]*\d)"
)
_ROLLED = re.compile(r"\b[Ww]hat number (?:did|does|was|is)\b[^.?!]{0,60}\b(?:roll\w*|die|dice)\b")


def few_answers(problem: Problem) -> tuple[int, str] | None:
    """How many answers there are to choose from, if 12 at most are known to be all, and what they are.

    Example:
        >>> few_answers(Problem("How many of the four statements are true?", 3))
        (5, 'how many of 4')
        >>> few_answers(Problem("What is the remainder when 3^77 is divided by 7?", 5))
        (7, 'the remainders of 7')
        >>> few_answers(Problem("How many nuts do 4 boys have?", 12)) is None
        True
    """
    found = _of_options(problem) or _of_template(problem)
    if found is None:
        space = _of_text(problem.prompt)
        answer = problem.answer.strip().strip("$")
        if space is None or not (answer.isdecimal() and int(answer) <= FEW):
            return None  # the question is another one
        found = space.many, space.what
    return found if found[0] <= FEW else None


_BEYOND = re.compile(r"\b(?:more|increas\w*|greater|higher|larger|longer|profit|gain|of the original|times)\b")
_ANGLE = re.compile(r"\bangles?\b|\\angle")


@lru_cache(maxsize=32768)  # asked for by links
def most_of(problem: Problem) -> int | None:
    """The largest answer that a reader holds possible: of four as many as four, 100 percent, 180 degrees; None where there
    is no such bound.

    Example:
        >>> most_of(Problem("What percent of the 40 nuts are left?", 95)), most_of(Problem("How many nuts are left?", 38))
        (100, None)
    """
    text = problem.prompt
    space = _of_text(text)
    if space is not None:
        return space.top
    asked = _question(text)
    if asks_percent(text, 1) and not _BEYOND.search(asked):
        return 100
    if _ANGLE.search(asked) and "many" not in asked and "sum" not in asked and ("degree" in text or "\\circ" in text):
        return 180 if "triangle" in text else 360
    return None


def _of_options(problem: Problem) -> tuple[int, str] | None:
    letters = option_letters(problem)
    return (len(letters), "the options") if letters else None


def _of_template(problem: Problem) -> tuple[int, str] | None:
    if problem.template is None:
        return None
    from composekit.compose.renewing import generator_of  # it imports the ends of problems

    generator = generator_of(problem)
    few = generator.few(problem.template.params) if generator is not None else None
    return (few, "as its text tells") if few is not None else None


class _Space(NamedTuple):
    """How many answers there are, the largest one, and what they are."""

    many: int
    top: int
    what: str


def _question(text: str) -> str:
    """The last sentence of a text."""
    return text[max(text.rfind(". "), text.rfind("? ", 0, -2), 0) :]


@lru_cache(maxsize=256)
def _of_text(text: str) -> _Space | None:
    if len(text) > MAX_TEXT:
        return None
    if match := _HOW_MANY_OF.search(text):
        count = int(match[1]) if match[1].isdigit() else int(CARDINALS[match[1]])
        return _Space(count + 1, count, f"how many of {count}")
    asked = _question(text)
    match = _REMAINDER.search(asked) if _RESIDUE.search(asked) else None
    if match and (modulus := int(next(filter(None, match.groups())))) > 1:
        return _Space(modulus, modulus - 1, f"the remainders of {modulus}")
    if _DIGIT.search(asked) and not re.search(r"\b(?:sum|product|number|many|all)\b[^.?!]{0,30}\bdigits\b", asked):
        return _Space(10, 9, "the digits")
    if (match := _FROM_TO.search(asked)) and "many" not in asked and "sum" not in asked:
        first, last = int(match[1]), int(match[2])
        return _Space(last - first + 1, last, f"the numbers from {first} to {last}")
    return _Space(6, 6, "the numbers on a die") if _ROLLED.search(asked) else None
