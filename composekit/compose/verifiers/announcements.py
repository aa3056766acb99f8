"""Answers that are announced in other words than ``answer``: a result, a row of a table, "18 is the answer".

They count where the usual statements (see :mod:`.statements`) are missing. Words like "result" are said of steps, too, so
here a line must begin with them, and nothing may narrow them: an intermediate result and the solution of the first part
are not the answer.
"""

from __future__ import annotations

import re

from composekit.compose.verifiers.abroad import announced_abroad
from composekit.compose.verifiers.statements import BULLET, bare, statement, without_long_runs

MAX_TAIL = 20_000
_MOST_LINES = 64
_SENTENCE = re.compile(r"(?<=[.!?])(?<!Ans.)\s{1,9}(?=[*_$\\A-Z])")
_LEAD = (
    r"(?:[*_#>]{1,6}\s{0,3})?"
    r"(?:(?:so|thus|hence|therefore|then|finally|in\s+(?:conclusion|summary)|conclusion)[,:]?\s{1,3})?"
)
_OF_ALL = r"(?:\s{1,3}(?:to|of|for)\s{1,3}(?:the|this)\s{1,3}(?:(?:given|original|whole)\s{1,3})?(?:problem|question))?"
_NAMED = re.compile(
    rf"{_LEAD}(?:(?:(?:the|our|my)\s{{1,3}})?(?:(?:final|overall)\s{{1,3}}(?:result|solution|value|total)|result|solutions?(?:\s{{1,3}}set)?|roots|zeros)"
    rf"{_OF_ALL}[*_]{{0,3}}\s{{0,3}}(?:is|are|equals|[:：=→])(?!\s*n['’]t)|ans\.(?=\s))[:：=*_\s]{{0,6}}(?!that\b)(?P<said>.*)",
    re.IGNORECASE,
)
_AMOUNT = (
    r"(?P<said>(?:[*_]{1,3})?(?:\$[^$]{1,200}\$|\\\([^\n]{1,200}?\\\)"
    r"|[-+$€£]{0,2}\d[\d,./]{0,40}%?(?: [a-z]{1,20}){0,2})(?:[*_]{1,3})?)"
)
_SAID_BEFORE = re.compile(
    rf"{_LEAD}{_AMOUNT}\s{{1,3}}is\s{{1,3}}(?:the|our|my)\s{{1,3}}"
    rf"(?:(?:final|correct|right|required|desired)\s{{1,3}}){{0,2}}answer{_OF_ALL}[.!*_]{{0,4}}",
    re.IGNORECASE,
)
_FOUND = re.compile(
    rf"{_LEAD}(?:(?:we|i)\s{{1,3}}(?:get|obtain|have|find)|(?:this|which|that)\s{{1,3}}gives(?:\s{{1,3}}us)?)\s{{1,3}}{_AMOUNT}"
    r"\s{1,3}as\s{1,3}(?:the|our|my)\s{1,3}(?:final\s{1,3})?(?:answer|result)[.!*_]{0,4}",
    re.IGNORECASE,
)
_ROW = re.compile(
    r"\|\s{0,9}[*_]{0,3}(?:the\s)?(?:(?:final|correct|overall)\s)?(?:answer|result)[*_:]{0,4}\s{0,9}\|(?P<said>[^|]+)\|",
    re.IGNORECASE,
)
_COLUMN = re.compile(
    r"\|\s{0,9}[*_]{0,3}(?:(?:final|correct)\s)?answer[*_]{0,3}\s{0,9}\|\n\|[\s:-]{1,60}\|\n"
    r"\|(?P<said>[^|\n]+)\|",
    re.IGNORECASE,
)
_HEADING = re.compile(r"(?:#{1,6}\s{0,3}|[*_]{2,3})[^\n]*")


def announced_answers(text: str) -> tuple[str, ...]:
    """What the last lines of a text announce as the answer; adjacent ones are a list, with usual statements among them.

    Example:
        >>> announced_answers("So 9 + 9 is 18.\\nFinal result: $18$"), announced_answers("Intermediate result: 18")
        (('$18$',), ())
        >>> announced_answers("Therefore, $18$ is the answer."), announced_answers("18 is the answer to the first part.")
        (('$18$',), ())
    """
    tail = without_long_runs(text[-MAX_TAIL:])
    lines = [line for line in map(str.strip, tail.splitlines()) if line]
    found: list[str] = []
    while lines and len(found) < _MOST_LINES:
        content = announcement(lines[-1])
        content = statement(lines[-1]) if content is None and found else content
        if not content:
            break
        found.insert(0, content)
        lines.pop()
    column = _COLUMN.fullmatch("\n".join(lines[-3:])) if not found else None
    if column is not None:
        return (bare(column["said"].strip()),)
    if not found and len(lines) > 1 and _HEADING.fullmatch(lines[-2]) and announcement(lines[-2]) == "":
        return (BULLET.sub("", lines[-1]),)
    return tuple(found)


def announcement(line: str) -> str | None:
    """The x of a line that announces it as the answer, nothing for a heading alone; None for other lines."""
    row = _ROW.fullmatch(line)
    if row is not None:
        return bare(row["said"])
    sentence = _SENTENCE.split(line)[-1]
    match = _NAMED.fullmatch(sentence) or _SAID_BEFORE.fullmatch(sentence) or _FOUND.fullmatch(sentence)
    if match is not None:
        return bare(match["said"])
    return announced_abroad(line)
