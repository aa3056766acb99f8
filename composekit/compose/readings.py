"""Numbers that can be read off answers that are no number, each by a rule that code evaluates exactly.

A rule is a sentence and a value: "the sum of its coordinates" of ``(3, -5)`` is -2. The value follows from the gold answer
alone, so nobody has to be believed about it.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NamedTuple

from composekit.compose.exact import Exact, NotExact, value
from composekit.compose.generators.stream import Stream
from composekit.compose.problem import Problem

MAX_ITEMS = 40
_ANSWER = 400  # characters
_DRESSING = re.compile(r"\\(?:left|right|displaystyle)(?![A-Za-z])|(?<!\\)\\[,!;: ]|\$|(?<!\\)\\[()\[\]]")
_BOX = re.compile(r"\\(?:boxed|text|mbox|mathrm|textbf)\s*\{([^{}]*)\}\Z")
_WORD = re.compile(r"[A-Za-z]{2,24}")
_BASED = re.compile(r"([0-9]{1,60})_\{?([2-9]|10)\}?")
_LETTER = re.compile(r"(?<![A-Za-z\\])([A-Za-z])(?![A-Za-z])")
_MATRIX = re.compile(r"\\begin\{[pbv]?matrix\}(.*)\\end\{[pbv]?matrix\}", re.S)
_NAMED = re.compile(r"\s*[a-zA-Z]\s*(?:\(\s*([a-z])\s*\))?\s*=(.*)", re.S)


class Reading(NamedTuple):
    """A number in an answer.

    Args:
        rule: Its name, stable across versions.
        phrase: What it is, completing "report ...": ``"the sum of the two coordinates of that answer"``.
        value: Its exact value.
    """

    rule: str
    phrase: str
    value: int | Fraction


def readings(problem: Problem, *, seed: int = 0) -> list[Reading]:
    r"""Every number that a rule reads off the answer, the ones that depend on all of it first.

    Args:
        problem: A problem whose answer is a tuple, an interval, a set, a list, a matrix, an expression in up to three
            letters, a complex number, the equation of a function, a number in another base, or a single word.
        seed: Chooses the point at which expressions are evaluated.

    Returns:
        The readings; empty where no rule applies.

    Example:
        >>> [(r.rule, r.value) for r in readings(Problem("Where do the lines meet?", r"\left(3, -\frac{5}{2}\right)"))]
        [('sum', Fraction(1, 2)), ('first', 3), ('last', Fraction(-5, 2))]
        >>> readings(Problem("Which river is it?", "Danube", verifier="exact"))[0].phrase
        'the number of letters in that word'
    """
    answer = _DRESSING.sub("", problem.answer).strip()
    while boxed := _BOX.match(answer):
        answer = boxed[1].strip()
    if not answer or len(answer) > _ANSWER:
        return []
    if match := _BASED.fullmatch(answer):
        return _of_numeral(match[1], int(match[2]))
    if _WORD.fullmatch(answer):
        return _of_word(answer)
    matrix = _MATRIX.fullmatch(answer)
    entries = [] if matrix is None else [e.strip() for e in re.split(r"\\\\|&", matrix[1]) if e.strip()]
    items = ("tuple", entries) if 2 <= len(entries) <= MAX_ITEMS else _items(answer)
    if items is not None:
        return _of_items(*items)
    return _of_expression(answer, Stream("reading", seed, problem.id))


def _exact(number: Fraction) -> int | Fraction:
    return int(number) if number.denominator == 1 else number


def _of_word(word: str) -> list[Reading]:
    first = word[0].upper()
    place = ord(first) - ord("A") + 1
    return [
        Reading("letters", "the number of letters in that word", len(word)),
        Reading("alphabet", "the position in the alphabet of the first letter of that word", place),
    ]


def _of_numeral(digits: str, base: int) -> list[Reading]:
    if any(int(d) >= base for d in digits):
        return []
    return [
        Reading("base ten", "the value of that numeral, written in base ten", int(digits, base)),
        Reading("digit sum", "the sum of the digits of that numeral, written in base ten", sum(map(int, digits))),
    ]


def _items(answer: str) -> tuple[str, list[str]] | None:
    """The kind of a list (``"tuple"``, ``"interval"``, ``"set"`` or ``"list"``) and its top-level items."""
    body, kind = answer, "list"
    if body.startswith(r"\{") and body.endswith(r"\}"):
        body, kind = body[2:-2], "set"
    elif body[0] in "([{" and body[-1] in ")]}" and _matches(body):
        kind = "set" if body[0] == "{" else "tuple" if body[0] + body[-1] in ("()", "[]") else "interval"
        body = body[1:-1]
    items, level, start = [], 0, 0
    for k, c in enumerate(body):
        level += (c in "([{") - (c in ")]}")
        if level < 0:
            return None
        if c == "," and level == 0:
            items.append(body[start:k].strip())
            start = k + 1
    items.append(body[start:].strip())
    return (kind, items) if level == 0 and 2 <= len(items) <= MAX_ITEMS else None


def _matches(body: str) -> bool:
    """Whether the first bracket is closed by the last one."""
    level = 0
    for k, c in enumerate(body):
        level += (c in "([{") - (c in ")]}")
        if level == 0:
            return k == len(body) - 1
    return False


def _of_items(kind: str, items: list[str]) -> list[Reading]:
    """Order counts in tuples, intervals and matrices; copies count in all of them and in lists, but not in sets."""
    numbers = [_rational(item) for item in items]
    infinite = [r"\infty" in item or "infinity" in item.lower() for item in items]
    if any(infinite):
        finite = [number for number, unbounded in zip(numbers, infinite, strict=True) if not unbounded]
        if len(items) != 2 or len(finite) != 1 or finite[0] is None:
            return []
        return [Reading("finite end", "the only finite end of that interval", _exact(finite[0]))]
    known = [number for number in numbers if number is not None]
    whole = len(known) == len(numbers)
    ends: list[tuple[str, Fraction | None]] = [("first", numbers[0]), ("last", numbers[-1])]
    if kind in ("set", "list"):
        ends = [("largest", max(known)), ("smallest", min(known))] if whole else []
    total = sum(set(known) if kind == "set" else known, Fraction(0))
    found = [Reading("sum", "the sum of all the numbers in that answer", _exact(total))] if whole else []
    return found + [Reading(rule, f"the {rule} number in that answer", _exact(n)) for rule, n in ends if n is not None]


def _rational(text: str) -> Fraction | None:
    try:
        return value(text).rational if re.search(r"\d", text) else None
    except NotExact:
        return None


def _of_expression(answer: str, rng: Stream) -> list[Reading]:
    named = _NAMED.fullmatch(answer)
    body = named[2] if named else answer
    letters = sorted({*_LETTER.findall(body), *([named[1]] if named and named[1] else [])})
    if letters == ["i"]:
        return _of_complex(body)
    alone = not named and body.strip("() .") in letters  # the letter of an option, or a bare unknown
    if "=" in body or alone or {"e", "i"} & set(letters) or len(letters) > 3 or not (letters or named):
        return []
    points = rng.sample(range(11, 30), len(letters))
    try:
        number = value(body, {letter: Exact.of(n) for letter, n in zip(letters, points, strict=True)}).rational
    except NotExact:
        return []
    if number is None:
        return []
    phrase = "the right-hand side of that equation" if named else "the value of that expression"
    given = " and ".join(f"{letter} = {n}" for letter, n in zip(letters, points, strict=True))
    return [Reading("value", f"{phrase} for {given}" if given else phrase, _exact(number))]


def _of_complex(body: str) -> list[Reading]:
    try:
        terms = value(body).terms
    except NotExact:
        return []
    if not set(terms) <= {(1, 0, 0), (1, 0, 1)}:
        return []
    real, imaginary = (terms.get((1, 0, k), Fraction(0)) for k in (0, 1))
    return [
        Reading("parts", "the sum of the real part and the imaginary part of that answer", _exact(real + imaginary)),
        Reading("real", "the real part of that answer", _exact(real)),
        Reading("imaginary", "the imaginary part of that answer", _exact(imaginary)),
    ]
