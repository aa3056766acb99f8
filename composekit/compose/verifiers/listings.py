r"""Where a response without headings answers which part: in a list, in a table, in boxes on lines of their own."""

from __future__ import annotations

import re
from itertools import islice

from composekit.compose.verifiers.extract import final_answer
from composekit.compose.verifiers.headings import CLOSED, LONGEST_LINE, MOST_LINES, OPENED, SHORT, part_number

LIST_MARK = re.compile(r"^[ \t]{0,3}+[*_]{0,3}+(?:(\d{1,3}+)[.):]|\((\d{1,3}+)\))[*_]{0,3}+(?=\s)", re.MULTILINE)
_LETTER_MARK = re.compile(r"^[ \t]{0,3}+[*_]{0,3}+\(?([a-j])\)[*_]{0,3}+(?=\s)", re.MULTILINE)
_NAMED_MARK = re.compile(
    r"^[ \t]{0,3}+(?:#{1,6}+[ \t]{0,9}+)?" + OPENED + r"(?:problem|question|answer|task|q(?=\d))[ \t]{0,3}+(\d{1,3}+)"
    + CLOSED + r"(?:[.):]" + CLOSED + r"(?=\s)|(?=[ \t]{0,9}+$))",
    re.IGNORECASE | re.MULTILINE,
)  # fmt: skip
_ROW = re.compile(
    r"^[ \t]{0,3}\|[ \t*_]{0,9}(?:part[ \t]{1,3})?(\d{1,2})[ \t*_]{0,9}\|[ \t]{0,9}([^|\n]+?)[ \t]{0,9}\|[ \t]*$",
    re.I | re.M,
)
BOX = re.compile(r"\\{1,2}(?:boxed|fbox|framebox)(?![A-Za-z])")
_BOXED_LINE = re.compile(r"(?:[\s>$*()\[\]-]|\\[\[\](])*(\\{1,2}(?:boxed|fbox).*\})(?:[\s$*.,;)\]]|\\[\])])*")
_WHOSE = re.compile(r"\bpart[ \t]{0,3}\(?(\d{1,3}|[a-h])\b", re.IGNORECASE)
_EITHER = re.compile(r"^\W{0,9}(?:or|either|alternatively|maybe|perhaps)\b", re.IGNORECASE | re.MULTILINE)


def tabled(text: str, count: int) -> dict[int, tuple[str, ...]]:
    """The answers of a response without headings that has a table with a row for each part, in order, and no other rows.

    Example:
        >>> tabled("| Part | Answer |\\n|---|---|\\n| 1 | 42 |\\n| 2 | 7 |", 2)
        {1: ('42',), 2: ('7',)}
    """
    rows = list(islice(_ROW.finditer(text), count + 1)) if "|" in text else []
    in_order = [int(row[1]) for row in rows] == list(range(1, count + 1))
    return {k: (row[2],) for k, row in enumerate(rows, start=1)} if in_order else {}


def enumerated(text: str, count: int) -> dict[int, tuple[str, ...]]:
    """The pieces of a response without headings that numbers its answers once each: ``Question 1``, or else ``1. ...``.

    Letters number them as well, ``(a) ...``, and a response may be nothing but its answers, a line each.
    """
    for mark in (_NAMED_MARK, LIST_MARK, _LETTER_MARK):
        marks = list(mark.finditer(text))
        if len(marks) == count and [number_of(found) for found in marks] == list(range(1, count + 1)):
            ends = [*(found.start() for found in marks[1:]), len(text)]
            pieces = [text[found.end() : end].strip() for found, end in zip(marks, ends, strict=True)]
            return {k: (piece,) for k, piece in enumerate(pieces, start=1)}
    lines = [line.strip() for line in islice(text.strip().splitlines(), 2 * MOST_LINES) if line.strip()]
    if len(lines) == count > 1 and len(text) < LONGEST_LINE and all(SHORT.fullmatch(line) for line in lines):
        return {k: (line,) for k, line in enumerate(lines, start=1)}
    return {}


def number_of(mark: re.Match[str]) -> int:
    said = next(group for group in mark.groups() if group is not None)
    return int(said) if said.isdigit() else ord(said) - ord("a") + 1


def boxed_lines(text: str, count: int) -> dict[int, tuple[str, ...]]:
    r"""The pieces of a response without headings that has a box for each part, each alone on its line, and no other.

    Example:
        >>> boxed_lines("So:\n$\\boxed{42}$\n$\\boxed{7}$", 2)
        {1: ('\\boxed{42}',), 2: ('\\boxed{7}',)}
    """
    if len(BOX.findall(text)) != count or _EITHER.search(text):
        return {}
    lines = [line for line in text.splitlines() if BOX.search(line)]
    alone = [_BOXED_LINE.fullmatch(line) for line in lines if len(line) <= LONGEST_LINE]
    boxes = [found[1] for found in alone if found]
    if len(boxes) != count or any(not _is_one_box(box) for box in boxes):
        return {}
    return {k: (box,) for k, box in enumerate(boxes, start=1)}


def labelled(text: str, count: int) -> dict[int, tuple[str, ...]]:
    r"""The lines of a response that has one box for each part, each in a line that says whose it is, and no other box.

    Example:
        >>> labelled(r"\boxed{42} is the answer to Part 1, and" + "\n" + r"the answer to Part 2 is \boxed{7}.", 2)
        {1: ('\\boxed{42}',), 2: ('\\boxed{7}',)}
    """
    if len(BOX.findall(text)) != count:
        return {}
    pieces: dict[int, tuple[str, ...]] = {}
    for line in (line for line in text.splitlines() if BOX.search(line)):
        named = _WHOSE.findall(line) if len(line) <= LONGEST_LINE else []
        found = final_answer(line)
        if len(named) == 1 and found.source == "box" and len(found.answers) == 1:
            pieces[part_number(named[0])] = (rf"\boxed{{{found.answers[0]}}}",)
    return pieces if sorted(pieces) == list(range(1, count + 1)) else {}


def _is_one_box(text: str) -> bool:
    found = final_answer(text)
    return found.source == "box" and len(found.answers) == 1
