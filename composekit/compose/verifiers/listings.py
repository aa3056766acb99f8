r"""Where a response without headings answers which part: in a list, in a table, in boxes on lines of their own."""

from __future__ import annotations

import re
from itertools import islice

from composekit.compose.verifiers.extract import final_answer
from composekit.compose.verifiers.headings import CLOSED, LONGEST_LINE, MOST_LINES, OPENED, SHORT, part_number
from composekit.compose.verifiers.statements import DOUBT
from composekit.compose.verifiers.structured import json_pairs

LIST_MARK = re.compile(r"^[ \t]{0,3}+[*_]{0,3}+(?:(\d{1,3}+)[.):]|\((\d{1,3}+)\))[*_]{0,3}+(?=\s)", re.MULTILINE)
_LETTER_MARK = re.compile(r"^[ \t]{0,3}+[*_]{0,3}+\(?([a-j])\)[*_]{0,3}+(?=\s)", re.MULTILINE)
_NAMED_MARK = re.compile(
    r"^[ \t]{0,3}+(?:#{1,6}+[ \t]{0,9}+)?" + OPENED + r"(?:(?:problem|question|answer|task|q(?=\d))[ \t]{0,3}+(\d{1,3}+)"
    r"|(?:the[ \t])?(first|second|third|fourth|fifth)[ \t](?:part|question|problem))"
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
_SENTENCE = re.compile(r"\n+|(?<=[.;])\s{1,9}(?=[A-Z\\$])")
_STATED = re.compile(
    r"[\s>*_#-]{0,9}(?:(?:so|thus|hence|therefore),?\s)?(?:the\s|my\s)?(?:final\s)?answer\s(?:to|for|of)\spart\s{0,3}\(?\w{1,3}\)?"
    r"\s{0,3}(?:is|=|:)\s{0,3}(?P<said>\S.{0,300})",
    re.IGNORECASE,
)
_KEY = re.compile(
    r"(?:final[ _-]?)?answers?|(?:(?:part|question|problem|answer|task|q|p)[ _-]{0,2}#?(?P<k>\d{1,3}|[a-h]))"
    r"(?:[ _-]?(?:final[ _-]?)?answer)?",
    re.IGNORECASE,
)
_EITHER = re.compile(r"^\W{0,9}(?:or|either|alternatively|maybe|perhaps)\b", re.IGNORECASE | re.MULTILINE)


def listed(text: str, count: int) -> dict[int, tuple[str, ...]]:
    """The pieces of a response without headings that answers each part once, in whatever way, by number; none otherwise."""
    for find in (enumerated, boxed_lines, labelled, tabled, keyed):
        if pieces := find(text, count):
            return pieces
    return {}


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
    return int(said) if said.isdigit() else ord(said) - ord("a") + 1 if len(said) == 1 else part_number(said)


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
    r"""The answers of a response that has one sentence for each part that says whose answer it states, and no other box.

    Example:
        >>> labelled(r"\boxed{42} is the answer to Part 1. The answer to Part 2 is \boxed{7}.", 2)
        {1: ('\\boxed{42}',), 2: ('\\boxed{7}',)}
        >>> labelled("The answer to Part 1 is 42.\nThe answer to Part 2 is 7.", 2)
        {1: ('42.',), 2: ('7.',)}
    """
    if len(found := list(islice(_WHOSE.finditer(text), count + 1))) != count or len(BOX.findall(text)) not in (
        0,
        count,
    ):
        return {}
    pieces: dict[int, tuple[str, ...]] = {}
    for sentence in _SENTENCE.split(text[max(0, found[0].start() - LONGEST_LINE) : found[-1].end() + LONGEST_LINE]):
        named = _WHOSE.findall(sentence)
        if len(named) != 1 or len(sentence) > LONGEST_LINE:
            continue
        boxed, stated = final_answer(sentence), _STATED.fullmatch(sentence)
        if boxed.source == "box" and len(boxed.answers) == 1:
            pieces[part_number(named[0])] = (rf"\boxed{{{boxed.answers[0]}}}",)
        elif stated is not None and not DOUBT.search(stated["said"].partition(" ")[2]):
            pieces[part_number(named[0])] = (stated["said"],)
    return dict(sorted(pieces.items())) if sorted(pieces) == list(range(1, count + 1)) else {}


def keyed(text: str, count: int) -> dict[int, tuple[str, ...]]:
    """The answers of a response that ends with an object in JSON that has a key for each part, or a list of the answers.

    Example:
        >>> keyed('{"part1": 42, "part2": 7}', 2), keyed('{"answers": [42, 7]}', 2)
        ({1: ('42',), 2: ('7',)}, {1: ('42',), 2: ('7',)})
    """
    pairs = [(_KEY.fullmatch(key.strip()), value) for key, value in json_pairs(text)]
    found = [(key["k"], value) for key, value in pairs if key]
    if len(found) == 1 and found[0][0] is None and type(found[0][1]) is list:
        found = [(str(k), value) for k, value in enumerate(found[0][1], start=1)]
    if any(k is None or type(value) is not str for k, value in found):
        return {}
    pieces = {part_number(k): (value,) for k, value in found}
    return dict(sorted(pieces.items())) if len(found) == count and sorted(pieces) == list(range(1, count + 1)) else {}


def _is_one_box(text: str) -> bool:
    found = final_answer(text)
    return found.source == "box" and len(found.answers) == 1
