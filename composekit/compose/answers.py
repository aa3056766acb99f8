"""What the answer of a problem is worth to a link: its number, the unit that it counts, the letters of its options."""

from __future__ import annotations

import re
from fractions import Fraction
from itertools import islice

from composekit.compose.numbers import NotANumber, Value, parse_quantity
from composekit.compose.problem import Composite, Problem
from composekit.compose.words import CARDINALS

_STOP = re.compile(r"[.?!]\s|\n")
# Not the "20%" or "ten percent" of a condition: what is asked for has no number yet.
_PERCENT = re.compile(r"([A-Za-z0-9)}.]*)[\s$-]{0,3}(?:\\?%|\bpercent)", re.IGNORECASE)
_CHANCE = re.compile(r"\bhow likely\b|likelihood|probability|\bchances?\b", re.IGNORECASE)
_AS_PERCENT = re.compile(r"\b(?:as|in) (?:an? )?(?:\w+ )?percent", re.IGNORECASE)
_NO_PERCENT = re.compile(
    r"\bhow (?:many|much|old|long|far|fast)\b(?! (?:percent|%))|\bsame percent|[a-z]\s?\+\s?[a-z]\b", re.IGNORECASE
)
_LETTER = re.compile(r"\(?([A-Z])\)?\.?")
_OPTION_LETTER = re.compile(r"(?m)^[ \t]*\(?([A-Z])[.):]\s")


def answer_value(problem: Problem) -> tuple[Value | None, str, str]:
    """The number that the answer is and its unit, or why it is none."""
    if isinstance(problem, Composite) and problem.topology == "bundle":
        return None, "", "a bundle has several answers"
    if problem.tests:
        return None, "", "the answer is a program"
    if problem.verifier == "choice":
        return None, "", "the answer is an option that no table numbers"
    try:
        value, unit = parse_quantity(problem.answer)
    except NotANumber as error:
        return None, "", error.reason
    if value == 0:
        return None, "", "an answer of zero would print the constant"
    why_not = _is_no_one_number(problem.prompt, value)
    return (None, "", why_not) if why_not else (value, unit, "")


_CLOCK_QUESTION = re.compile(
    r"\b(?:(?:at )?what time|what (?:is|was|will be|would be) the (?:latest|earliest) time)\b"
    r"(?![^.?!]*\b(?:seconds|minutes|hours|long)\b[^.?!]*\?)",
    re.IGNORECASE,
)
_TWO_QUESTIONS = re.compile(r"\b(?:who|which|what)\b[^.?!]*\band (?:by )?(?:how|what|who|which)\b", re.IGNORECASE)


def _is_no_one_number(text: str, value: Value) -> str:
    """``At what time must he leave?`` is answered by 9 or by 21, ``Who has more, and by how much?`` by two things."""
    question = _STOP.split(text[-400:].rstrip())[-1]
    if isinstance(value, int) and 0 < value <= 24 and _CLOCK_QUESTION.search(question):
        return "a time of day"
    if (" and " in question and _TWO_QUESTIONS.search(question)) or (text.count("?") > 1 and _asks_twice(text)):
        return "one of two answers"
    return ""


_ASKS = re.compile(
    r"\b(?:how (?:many|much|long|far|old|tall|fast|high|big)|what|which)\b[^.?!\"\u201c\u201d]{1,300}\?", re.IGNORECASE
)


def _asks_twice(text: str) -> bool:
    """``(a) How many come on Tuesday? (b) How many come in all?``"""
    return sum(1 for _ in islice(_ASKS.finditer(text), 2)) > 1


def asks_percent(text: str, value: Value | None) -> bool:
    """Whether the last sentence asks for a percentage, or for a chance whose value only a percentage can be."""
    if value is None:
        return False
    question = _STOP.split(text[-400:].rstrip())[-1]
    if _AS_PERCENT.search(question):
        return True
    if _NO_PERCENT.search(question):
        return False
    if any(match[1].lower() not in CARDINALS and not match[1][-1:].isdigit() for match in _PERCENT.finditer(question)):
        return True
    return isinstance(value, (int, Fraction)) and value > 1 and _CHANCE.search(question) is not None


_MEASURES = re.compile(
    r"\bhow (?:long|far|tall|high|deep|wide|fast|heavy)\b|\bhow much (?:\w+ )?time\b|\b(?:distance|speed|weighs?|weight"
    r"|length|width|height|(?:total|average|combined) time|time per|how much (?:longer|farther|further|taller|heavier))\b",
    re.IGNORECASE,
)
_UNIT_NAMES = (
    "seconds|minutes|hours|days|weeks|months|years|inches|feet|yards|miles|cm|centimeters|meters|km|kilometers|ounces|pounds|"
    "tons|grams|kg|kilograms|gallons|liters|mph"
)
_SPEED = re.compile(r"\b(?:what|which|average|his|her|its|their)\b[^.?!]{0,40}\bspeed\b|\bhow fast\b", re.IGNORECASE)
_STRETCH = re.compile(r"\bhow (?:long|far)\b|\b(?:distance|time)\b", re.IGNORECASE)
_IN_UNITS = re.compile(rf"\b(?:in|of|by|many) (?:{_UNIT_NAMES})\b", re.IGNORECASE)


def implied_unit(problem: Problem) -> str:
    """The unit that the worked solution gives a time, a length or a weight, where the question leaves it open."""
    question = _STOP.split(problem.prompt[-400:].rstrip())[-1]
    solution = problem.solution or ""
    percent = ("%" in solution or "percent" in solution) and _ends_in_percent(solution, problem.answer)
    if percent and not _NO_PERCENT.search(question):
        return "percent"
    scale = _stated_scale(solution, problem.answer) if any(name in solution for name in _SCALES) else ""
    if scale and not _NAMES_MONEY.search(question):
        return scale
    if not solution or _IN_UNITS.search(question) or not _MEASURES.search(question):
        return ""
    answer = re.escape(problem.answer.strip())
    stated = re.findall(rf"(?<![\d.,]){answer} ?({_UNIT_NAMES})\b(?! ?(?:/|per\b|an?\b|each\b))", solution[-2000:])
    if _SPEED.search(question) and not _STRETCH.search(question):
        stated = [unit for unit in stated if unit == "mph"]  # 90 miles in an hour are no speed of 90 miles
    return stated[-1] if stated else ""


_SCALES = ("cents", "thousand", "million", "billion")
_NAMES_MONEY = re.compile(r"cent|dollar|\$|thousand|million|billion|¢", re.IGNORECASE)


def _stated_scale(solution: str, answer: str) -> str:
    """The cents or millions in which the last number of a worked solution gives the answer."""
    numbers = re.findall(
        r"(\$?)([\d.,]*\d)(?: (cents|thousand|million|billion)\b)?", solution[-2000:].partition("####")[0]
    )
    if not numbers or numbers[-1][1] != answer.strip() or not numbers[-1][2]:
        return ""
    dollar, _, scale = numbers[-1]
    return scale if scale == "cents" else f"{scale}s of dollars" if dollar else f"{scale}s"


def _ends_in_percent(solution: str, answer: str) -> bool:
    """Whether the last number of a worked solution is the answer with a percent sign."""
    numbers = re.findall(r"([\d.,]*\d)\s?(%|percent\b)?", solution[-2000:].partition("####")[0])
    return bool(numbers) and numbers[-1][0] == answer.strip() and bool(numbers[-1][1])


def option_letters(problem: Problem) -> str:
    """The letters of the options, A to the last one, where the answer is one of them."""
    if problem.verifier != "choice":
        return ""
    answer = _LETTER.fullmatch(problem.answer.strip())
    listed = problem.metadata.get("choices")
    letters = "".join(listed) if isinstance(listed, dict) else "".join(_OPTION_LETTER.findall(problem.prompt))
    expected = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"[: len(letters)]
    return letters if answer is not None and letters == expected and answer[1] in letters and len(letters) > 1 else ""


def option_of(problem: Problem) -> str:
    """The letter that answers a choice problem."""
    match = _LETTER.fullmatch(problem.answer.strip())
    return match[1] if match else ""
