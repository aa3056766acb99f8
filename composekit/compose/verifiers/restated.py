"""Answers that say one value twice: ``150 minutes (2 hours 30 minutes)``, ``1/2, i.e. 50%``, ``1/6, or about 16.7%``.

Who says the same in other words has not hedged. So each of the two must be worth the gold answer by itself.
"""

from __future__ import annotations

import re

from composekit.compose.verifiers.exactmath.judge import judge
from composekit.compose.verifiers.exactmath.worded import number_word
from composekit.compose.words import CARDINALS, PARTS

MAX_ANSWER = 200
_TEXT = re.compile(r"\\(?:text|mathrm|mbox)\s?\{([^{}]*)\}")
_AGAIN = r"(?:or(?: equivalently)?,?|i\.\s?e\.,?|that is,?|equivalently,?|which (?:is|equals)|=)\s"
_ASIDE = re.compile(rf"(?P<one>[^()]*[^()\s]) ?\((?:{_AGAIN})?(?P<other>.+)\)[.*$ ]*")
_JOINED = re.compile(rf"(?P<one>.*?[^\s,$]\$?),? (?:{_AGAIN})(?P<other>\S.*)")
_NAMED_SET = re.compile(r"(?P<one>(?:[A-Za-z]+ ){1,5}[A-Za-z]+),? (?P<other>[$(\[\\].*)")  # all real numbers, (-oo, oo)
_ABOUT = re.compile(
    r"(?P<one>[^()]*?[^\s,(]),? (?:\(|or )?(?:approximately|approx\.|about|roughly) (?P<other>[^()]+)\)?[.*$ ]*"
)
_SPELLED = rf"(?:{'|'.join((*CARDINALS, 'hundred', 'thousand', 'million', 'billion'))})(?![a-z])"
_IN_WORDS = re.compile(
    rf"(?P<sign>(?:negative|minus) )?(?P<number>{_SPELLED}(?:[ -](?:and )?{_SPELLED}){{0,12}})"
    rf"(?:[ -](?P<part>{'|'.join(PARTS)})(?![a-z]))?"
    r"(?: (?P<unit>[a-z][a-z' ]{0,60}))?"
)


def rounded(answer: str) -> str | None:
    r"""An answer with its rounded value behind it as a chain: ``1/6, or about 16.7%`` as ``1/6 \approx 16.7%``."""
    if len(answer) > MAX_ANSWER:
        return None
    match = _ABOUT.fullmatch(" ".join(_TEXT.sub(r" \1 ", answer).split()))
    return rf"{match['one'].strip(' $*,')} \approx {match['other'].strip(' $*.,)')}" if match else None


def without_breakdown(answer: str) -> str | None:
    """An answer without the sum in brackets behind it that makes its number: ``3 bolts (2 blue + 1 white)``; else None.

    Example:
        >>> without_breakdown("3 bolts (2 blue + 1 white)"), without_breakdown("3 bolts (2 blue or 1 white)")
        ('3 bolts', None)
    """
    match = _ASIDE.fullmatch(answer.replace("**", "")) if len(answer) <= MAX_ANSWER else None
    if match is None or re.search(r"\b(?:or|not|but|maybe|perhaps)\b|[-*/=^\\]", match["other"]):
        return None
    parts, whole = (re.findall(r"(?<![\w.])\d{1,12}(?![\w.,])", match[name]) for name in ("other", "one"))
    adds = len(parts) > 1 and len(re.findall(r"\+|\band\b|,", match["other"])) == len(parts) - 1
    return match["one"] if adds and len(whole) == 1 and sum(map(int, parts)) == int(whole[0]) else None


def in_digits(answer: str) -> str | None:
    """An answer that begins with a number in words, with digits: ``eighteen dollars``, ``three quarters``; else None.

    What follows the number may take it back, and is left as it is. A number alone is read as it stands.

    Example:
        >>> [in_digits(s) for s in ("eighteen dollars", "three-fourths", "negative three", "eighteen")]
        ['18 dollars', '3/4', '-3', None]
    """
    match = _IN_WORDS.fullmatch(answer.strip(" .*").casefold()) if len(answer) <= MAX_ANSWER else None
    value = number_word(match["number"].strip()) if match else None
    if match is None or value is None:
        return None
    part, sign = PARTS.get(match["part"] or ""), "-" if match["sign"] else ""
    if part is None:
        told = (match["unit"] or sign) and match["part"] is None
        return f"{sign}{value} {match['unit'] or ''}".strip() if told else None
    return f"{sign}{value}/{part.denominator}" if not match["unit"] or match["unit"].startswith("of ") else None


def said_twice(answer: str) -> tuple[str, str] | None:
    r"""The two ways in which an answer may say one value; None where it does not look so.

    Example:
        >>> said_twice("150 minutes (2 hours 30 minutes)"), said_twice("all real numbers, $(-2, 2)$"), said_twice("7, 8")
        (('150 minutes', '2 hours 30 minutes'), ('all real numbers', '(-2, 2)'), None)
    """
    if len(answer) > MAX_ANSWER:
        return None
    plain = " ".join(_TEXT.sub(r" \1 ", answer).split())
    match = _JOINED.fullmatch(plain) or _NAMED_SET.fullmatch(plain) or _ASIDE.fullmatch(plain)
    if match is None:
        return None
    one, other = (part.strip(" $*.,") for part in (match["one"], match["other"]))
    return (one, other) if one and other else None


def end_of_chain(answer: str, last: str) -> str:
    """The end of a calculation in words, "15 gallons * 8 pints / gallon = 120 pints", where the last answer repeats it."""
    end = answer.rpartition("=")[2]
    if end == answer or answer == last or judge(last, answer).status != "unreadable":
        return answer
    return last if judge(last, end).status == "equal" else answer
