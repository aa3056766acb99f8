r"""Where a response answers which part: under headings, at the numbers of a list, in boxes on lines of their own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice
from typing import NamedTuple

from composekit.compose.verifiers.extract import final_answer
from composekit.compose.verifiers.program_text import fences
from composekit.compose.verifiers.statements import DOUBT

# White space is bounded or kept wherever two patterns could share it, or a long run of it takes quadratic time.
_TAGS = "(?:u|b|i|em|strong|h[1-6])"
_OPENED = (  # marks of emphasis, as Markdown, HTML and LaTeX write them, and signs: emoji, bullets, arrows
    rf"(?:(?:[*_]{{1,3}}+|<{_TAGS}>|\\(?:text(?:bf|it)?|mathbf|underline|emph|(?:sub){{0,2}}section\*?|paragraph\*?)\{{"
    r"|[^\x00-\x7f\w]{1,4}+|\d\ufe0f?\u20e3)[ \t]{0,9}+){0,4}+"
)
_CLOSED = rf"(?:[*_]{{1,3}}+|\}}|</{_TAGS}>){{0,3}}+"
_HEADING = re.compile(
    r"^[ \t>]{0,40}+(?:[-*+•][ \t]{1,9}+|\d{1,2}[.)][ \t]{1,9}+)?(?:#{1,6}+[ \t]{0,9}+)?" + _OPENED + r"[ \t]{0,9}+"
    r"(?:(?:final[ \t]{1,3}+)?(?:answer|solution|result)[ \t]{1,3}+(?:to|for|of)[ \t]{1,3}+)?"
    r"\(?Part[ \t]{0,9}+(\d{1,3}+|(?:one|two|three|four|five|six|seven|eight|nine|ten|i{1,3}|iv|vi{0,3}|ix|x)\b)"
    r"(?:[ \t]{1,9}+(?:final[ \t]{1,3}+)?answer\b)?"
    r"(?:[ \t]{0,9}+\([^)\n]{0,60}\))?[ \t]{0,40}+" + _CLOSED + r"[ \t]{0,40}+"
    r"(?:[:：][ \t]{0,40}+"
    + _CLOSED
    + r"|[-–—=][ \t]{1,9}+|\.(?:[*_]{1,3}+|\}|(?=[ \t\n]|$))|\)[:：.]?(?=[ \t\n]|$)|(?=\n|$))",
    re.IGNORECASE | re.MULTILINE,
)
_NUMBERS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "vii": 7, "viii": 8, "ix": 9, "x": 10,
}  # fmt: skip
_LIST_MARK = re.compile(r"^[ \t]{0,3}+[*_]{0,3}+(?:(\d{1,3}+)[.):]|\((\d{1,3}+)\))[*_]{0,3}+(?=\s)", re.MULTILINE)
_LETTER_MARK = re.compile(r"^[ \t]{0,3}+[*_]{0,3}+\(?([a-j])\)[*_]{0,3}+(?=\s)", re.MULTILINE)
_NAMED_MARK = re.compile(
    r"^[ \t]{0,3}+(?:#{1,6}+[ \t]{0,9}+)?" + _OPENED + r"(?:problem|question|answer|task|q(?=\d))[ \t]{0,3}+(\d{1,3}+)"
    + _CLOSED + r"(?:[.):]" + _CLOSED + r"(?=\s)|(?=[ \t]{0,9}+$))",
    re.IGNORECASE | re.MULTILINE,
)  # fmt: skip
_INLINE = re.compile(
    r"(?i)(?<![A-Za-z])[*_]{0,3}+\(?part[ \t]{1,9}+(\d{1,3}+)\)?[ \t]{0,9}+[*_]{0,3}+[ \t]{0,9}+[:：=][*_]{0,3}+"
)
_ROW = re.compile(
    r"^[ \t]{0,3}\|[ \t*_]{0,9}(?:part[ \t]{1,3})?(\d{1,2})[ \t*_]{0,9}\|[ \t]{0,9}([^|\n]+?)[ \t]{0,9}\|[ \t]*$",
    re.I | re.M,
)
_GLUE = re.compile(r"\A\s+|(?:\s|[,;.]|\band\b|[*_]{2,3})+\Z", re.IGNORECASE)
_SHORT = re.compile(
    r"[^\sA-Za-z]{1,60}|[A-Za-z]{1,30}|\([A-Z]\)|\$[^$\n]{1,60}\$|\\\([^\n]{1,60}?\\\)"
    r"|[-+]?\$?[\d.,]{1,30}%?(?: [A-Za-z]{1,30})?"
)
_LONGEST_LINE = 4_000
_BOX = re.compile(r"\\{1,2}(?:boxed|fbox|framebox)(?![A-Za-z])")
_BOXED_LINE = re.compile(r"(?:[\s>$*()\[\]-]|\\[\[\](])*(\\{1,2}(?:boxed|fbox).*\})(?:[\s$*.,;)\]]|\\[\])])*")
_EITHER = re.compile(r"^\W{0,9}(?:or|either|alternatively|maybe|perhaps)\b", re.IGNORECASE | re.MULTILINE)
_MARKED = re.compile(
    r"box|\bans(?:wer)?\b|result|solution|答案|option|choice|####[ \t]{0,9}[-+$(\\]{0,3}\d", re.IGNORECASE
)
_MOST_LINES = 64
_VALUE = re.compile(r"[\s*$]{0,9}(?:[A-Z]\s?=\s?)?(?:[-+$\\]{0,3}[\d.,/]{1,30}|\(?[A-J]\)?)[\s*$.]{0,9}")
_TITLE = re.compile(r"(?!\W{0,3}(?:yes|no|true|false)\b)[A-Z][A-Za-z ,'’()-]{2,80}[\s*_:]{0,4}", re.IGNORECASE)
_CONCLUSION = re.compile(
    r"^[ \t>]{0,9}+(?:#{1,6}+[ \t]{0,9}+)?"
    + _OPENED
    + r"(?:(?:so|thus|hence|therefore),?[ \t]{1,3}+)?(?:(?:the|my|our)[ \t]{1,3}+)?"
    r"(?:final|overall)[ \t]{1,3}+(?:answer|result|solution)\b(?![^\n]{0,60}\bpart\b)"
    r"|^[ \t>*]{0,9}+####[ \t]{0,9}+[-+$(\\]{0,3}\d",
    re.IGNORECASE | re.MULTILINE,
)
_FINAL = re.compile(r"final|overall|####", re.IGNORECASE)
_PART = re.compile("part", re.IGNORECASE)
_LEADS_ON = re.compile(r"\s*(?:#.*|[*_]{2}.*[*_]{2}|[-*_=]{3,}|.*[:：]|\$\$|\\\[)\s*")
_LONGEST_LIST = 2_000
_CUT = re.compile(
    r"[({\[]|[)}\]]|(?P<cut>;|,(?:\s|\\[,;: ]|~)+(?:and\s)?|\\q?quad\b|,?\s*\\text\s?\{\s?and\s?\}|\s(?:and|&)\s)",
    re.IGNORECASE,
)


def on_lines(text: str, count: int) -> str:
    """The text with a line for each part where one line answers them all: ``Part 1: 42, Part 2: 43``.

    Such a line names every part once, in order, and gives each a box or one short answer.
    """
    if count < 2 or len(_INLINE.findall(text)) < count:
        return text
    code, at, end = list(fences(text)), 0, -1
    lines = text.split("\n")
    for k, line in enumerate(lines):
        start, end = end + 1, end + 1 + len(line)
        while at < len(code) and code[at].end < start:
            at += 1
        labels = list(_INLINE.finditer(line)) if len(line) <= _LONGEST_LINE else []
        in_code = at < len(code) and code[at].start <= start
        if in_code or [int(label[1]) for label in labels] != list(range(1, count + 1)):
            continue
        stops = [*(label.start() for label in labels[1:]), len(line)]
        given = [_GLUE.sub("", line[label.end() : stop]) for label, stop in zip(labels, stops, strict=True)]
        if all(final_answer(piece).source == "box" or _SHORT.fullmatch(piece) for piece in given):
            lines[k] = "\n".join([line[: labels[0].start()], *(f"Part {i}: {x}" for i, x in enumerate(given, start=1))])
    return "\n".join(lines)


def tabled(text: str, count: int) -> dict[int, tuple[str, ...]]:
    """The answers of a response without headings that has a table with a row for each part, in order, and no other rows.

    Example:
        >>> tabled("| Part | Answer |\\n|---|---|\\n| 1 | 42 |\\n| 2 | 7 |", 2)
        {1: ('42',), 2: ('7',)}
    """
    rows = list(islice(_ROW.finditer(text), count + 1)) if "|" in text else []
    in_order = [int(row[1]) for row in rows] == list(range(1, count + 1))
    return {k: (row[2],) for k, row in enumerate(rows, start=1)} if in_order else {}


def sections(text: str) -> dict[int, tuple[str, ...]]:
    """The pieces of a response under ``Part k:`` headings, by k; headings inside fenced code do not count.

    Example:
        >>> sections("Part 1: 42\\n**Part 2:**\\nso 7\\n")
        {1: ('42',), 2: ('so 7',)}
    """
    pieces: dict[int, list[str]] = {}
    for k, _, start, end in _headed(text):
        pieces.setdefault(k, []).append(text[start:end].strip())
    return {k: tuple(found) for k, found in pieces.items()}


def enumerated(text: str, count: int) -> dict[int, tuple[str, ...]]:
    """The pieces of a response without headings that numbers its answers once each: ``Question 1``, or else ``1. ...``.

    Letters number them as well, ``(a) ...``, and a response may be nothing but its answers, a line each.
    """
    for mark in (_NAMED_MARK, _LIST_MARK, _LETTER_MARK):
        marks = list(mark.finditer(text))
        if len(marks) == count and [_number(found) for found in marks] == list(range(1, count + 1)):
            ends = [*(found.start() for found in marks[1:]), len(text)]
            pieces = [text[found.end() : end].strip() for found, end in zip(marks, ends, strict=True)]
            return {k: (piece,) for k, piece in enumerate(pieces, start=1)}
    lines = [line.strip() for line in islice(text.strip().splitlines(), 2 * _MOST_LINES) if line.strip()]
    if len(lines) == count > 1 and len(text) < _LONGEST_LINE and all(_SHORT.fullmatch(line) for line in lines):
        return {k: (line,) for k, line in enumerate(lines, start=1)}
    return {}


def _number(mark: re.Match[str]) -> int:
    said = next(group for group in mark.groups() if group is not None)
    return int(said) if said.isdigit() else ord(said) - ord("a") + 1


def boxed_lines(text: str, count: int) -> dict[int, tuple[str, ...]]:
    r"""The pieces of a response without headings that has a box for each part, each alone on its line, and no other.

    Example:
        >>> boxed_lines("So:\n$\\boxed{42}$\n$\\boxed{7}$", 2)
        {1: ('\\boxed{42}',), 2: ('\\boxed{7}',)}
    """
    if len(_BOX.findall(text)) != count or _EITHER.search(text):
        return {}
    lines = [line for line in text.splitlines() if _BOX.search(line)]
    alone = [_BOXED_LINE.fullmatch(line) for line in lines if len(line) <= _LONGEST_LINE]
    boxes = [found[1] for found in alone if found]
    if len(boxes) != count or any(not _is_one_box(box) for box in boxes):
        return {}
    return {k: (box,) for k, box in enumerate(boxes, start=1)}


def _is_one_box(text: str) -> bool:
    found = final_answer(text)
    return found.source == "box" and len(found.answers) == 1


class Recap(NamedTuple):
    """What stands before a recap, and the answers that it says again."""

    own: str
    answers: tuple[str, ...]


def recap(section: str, count: int) -> Recap | None:
    r"""The answers to all parts that end the section of the last one: a run of boxes, or one box with as many entries.

    Example:
        >>> recap("\\boxed{7}\n\nIn all:\n\\boxed{42, 7}", 2)
        Recap(own='\\boxed{7}', answers=('42', '7'))
    """
    found = final_answer(section) if count > 1 and _BOX.search(section) else None
    if found is None or found.source != "box":
        return None
    answers = _entries(found.answers[-1], count) if len(found.answers) == 1 + found.apart else ()
    first = 1 if answers else count  # of the boxes from behind
    if not answers and len(found.answers) in (count, count + 1):
        answers = found.answers[-count:]
    boxes = [box.start() for box in _BOX.finditer(section)]
    if not answers or len(boxes) < first:
        return None
    before = section[: boxes[-first]]
    lines = before.split("\n")[:-1]
    while lines and (not lines[-1].strip() or (len(lines[-1]) <= _LONGEST_LINE and _LEADS_ON.fullmatch(lines[-1]))):
        lines.pop()
    return Recap("\n".join(lines) if lines else before, answers)


def listed_recap(section: str, count: int) -> Recap | None:
    """The short answers to all parts that end a section as a numbered list: ``1. 42`` and ``2. 7``.

    Example:
        >>> listed_recap("Answer: 7\\n\\n**Summary**\\n1. 42\\n2. 7", 2)
        Recap(own='Answer: 7\\n\\n**Summary**', answers=('42', '7'))
    """
    lines = section[-_LONGEST_LINE:].rstrip().split("\n")
    at = len(lines)
    answers: list[str] = []
    for k in range(count, 0, -1):
        at -= 1
        while at > 0 and not lines[at].strip():
            at -= 1
        mark = _LIST_MARK.match(lines[at]) if at > 0 else None
        said = lines[at][mark.end() :].strip(" *_") if mark else ""
        if mark is None or _number(mark) != k or not _SHORT.fullmatch(said.rstrip(".")):
            return None
        answers.insert(0, said)
    return Recap(section[:-_LONGEST_LINE] + "\n".join(lines[:at]).rstrip(), tuple(answers))


def _entries(box: str, count: int) -> tuple[str, ...]:
    """The members of a list, cut at what separates them outside of brackets."""
    if len(box) > _LONGEST_LIST:
        return ()
    text = box[1:-1] if box[:1] + box[-1:] in ("()", "[]") else box
    entries, at, depth = [], 0, 0
    for mark in _CUT.finditer(text):
        if mark["cut"] is None:
            depth += 1 if mark[0] in "({[" else -1
        elif depth == 0:
            entries.append(text[at : mark.start()].strip())
            at = mark.end()
    entries = [*entries, text[at:].strip()] if entries else [entry.strip() for entry in text.split(",")]
    entries = [entry for entry in entries if entry]
    return tuple(entries) if len(entries) == count else ()


def _lines_with(mark: re.Pattern[str], text: str) -> Iterator[tuple[int, int]]:
    """Where the lines start and end that hold a mark, so that patterns need not be tried at all the others."""
    end = -1
    for found in mark.finditer(text):
        if found.start() > end:
            start, end = text.rfind("\n", 0, found.start()) + 1, text.find("\n", found.start())
            end = end if end >= 0 else len(text)
            yield start, end


def _headed(text: str) -> list[tuple[int, int, int, int]]:
    """For every heading its number, its start, and where what stands under it starts and ends."""
    code = list(fences(text))
    headings = []
    fence = 0
    for start, _ in _lines_with(_PART, text):
        while fence < len(code) and code[fence].end <= start:
            fence += 1
        match = _HEADING.match(text, start)
        if match and (fence == len(code) or start < code[fence].start):
            headings.append(match)
    ends = [*(h.start() for h in headings[1:]), len(text)]
    return [
        (_NUMBERS.get(h[1].lower()) or int(h[1]), h.start(), h.end(), end)
        for h, end in zip(headings, ends, strict=False)
    ]


def concluded(text: str, count: int) -> int:
    """Where the section under the last heading ends, if that is an earlier part's and a final answer follows in it."""
    headed = _headed(text)
    if not headed or headed[-1][0] >= count:
        return len(text)
    start = headed[-1][2]
    said = len(text) - len(text[start:].lstrip())
    tried = (line for line, _ in _lines_with(_FINAL, text) if line > said)
    found = next((c for c in (_CONCLUSION.match(text, line) for line in tried) if c), None)
    behind = _behind_answer(text[start : found.start()] if found else "")
    return found.start() if found and final_answer(behind).source not in ("box", "marker") else len(text)


def final_text(text: str, count: int, end: int) -> str:
    """The text without what stands under the headings of earlier parts: it answers those. From ``end`` on all is kept.

    Where the last heading of all is an earlier part's, what follows its answer may go on without a heading, and is kept.
    """
    headed = _headed(text[:end])
    kept, at = [], 0
    for k, start, _, stop in headed:
        kept.append(text[at:start] if k < count else text[at:stop])
        at = stop
    if headed and headed[-1][0] < count and end == len(text):
        section = text[headed[-1][2] : headed[-1][3]]
        inline = re.search(
            rf"(?i)\bpart[ \t]{{1,9}}{count}[ \t]{{0,9}}[*_]{{0,3}}[ \t]{{0,9}}[:：–—-].*", section, re.DOTALL
        )
        kept.append(inline[0] if inline else _behind_answer(section))
    asked = rf"(?i)(\banswer\s{{1,9}}(?:to|of|for)\s{{1,9}})part\s{{1,9}}{count}\b"
    return re.sub(asked, r"\1the question", "\n".join([*kept, text[at:]]))


def untitled(section: str) -> str:
    """A section without the title behind its heading, ``Part 1: Counting``, where a short answer follows that."""
    title, _, rest = section.partition("\n")
    first = rest.strip().partition("\n")[0].strip(" *_")
    is_title = len(title) <= _LONGEST_LINE and _TITLE.fullmatch(title) and not DOUBT.search(title)
    return rest.lstrip() if is_title and _SHORT.fullmatch(first) and len(first) <= _LONGEST_LINE else section


def _behind_answer(section: str) -> str:
    """What follows the first line of a section, if that is a value, or the one that first declares an answer, or else it."""
    text = untitled(section.lstrip())
    first, _, rest = text.partition("\n")
    if len(first) <= _LONGEST_LINE and _VALUE.fullmatch(first):
        return rest
    for start, end in islice(_lines_with(_MARKED, text), _MOST_LINES):
        if final_answer(text[start:end]).source in ("box", "marker"):
            return text[end + 1 :]
    return rest
