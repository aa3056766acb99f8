r"""Which part a response answers under which heading, and what of it is its final answer."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from composekit.compose.verifiers.extract import final_answer
from composekit.compose.verifiers.program_text import fences
from composekit.compose.verifiers.statements import DOUBT

# White space is bounded or kept wherever two patterns could share it, or a long run of it takes quadratic time.
_TAGS = "(?:u|b|i|em|strong|h[1-6])"
OPENED = (  # marks of emphasis, as Markdown, HTML and LaTeX write them, and signs: emoji, bullets, arrows
    rf"(?:(?:[*_]{{1,3}}+|<{_TAGS}>|\\(?:text(?:bf|it)?|mathbf|underline|emph|(?:sub){{0,2}}section\*?|paragraph\*?)\{{"
    r"|[^\x00-\x7f\w]{1,4}+|\d\ufe0f?\u20e3)[ \t]{0,9}+){0,4}+"
)
CLOSED = rf"(?:[*_]{{1,3}}+|\}}|</{_TAGS}>){{0,3}}+"
_HEADING = re.compile(
    r"^[ \t>]{0,40}+(?:[-*+•][ \t]{1,9}+|\d{1,2}[.)][ \t]{1,9}+)?(?:#{1,6}+[ \t]{0,9}+)?\$?" + OPENED + r"[ \t]{0,9}+"
    r"(?:(?:final[ \t]{1,3}+)?(?:answer|solution|result)[ \t]{1,3}+(?:to|for|of)[ \t]{1,3}+)?"
    r"[(\[]?Part[ \t]{0,9}+[(#]?"
    r"(\d{1,3}+|(?:one|two|three|four|five|six|seven|eight|nine|ten|i{1,3}|iv|vi{0,3}|ix|x|[a-h])\b)"
    r"\)?(?:[ \t]?/[ \t]?\d{1,2}|[ \t]of[ \t]\d{1,2})?(?:[ \t]{1,9}+(?:final[ \t]{1,3}+)?answer\b)?"
    r"(?:[ \t]{0,9}+\([^)\n]{0,60}\))?(?:[ \t]?[^\x00-\x7f\w]{1,4}(?=[ \t]?[:：*_]))?[ \t]{0,40}+"
    + CLOSED
    + r"[ \t]{0,40}+"
    r"(?:[:：][ \t]{0,40}+" + CLOSED + r"(?:\$(?=[ \t\n]|$))?|[-–—=→][ \t]{1,9}+|\.(?:[*_]{1,3}+|\}\$?|(?=[ \t\n]|$))"
    r"|[)\]][:：.]?(?:[*_]{1,3}+)?(?=[ \t\n]|$)|(?=\n|$))",
    re.IGNORECASE | re.MULTILINE,
)
_NUMBERS = {
    "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "i": 1, "ii": 2, "iii": 3, "iv": 4, "v": 5, "vi": 6, "vii": 7, "viii": 8, "ix": 9, "x": 10,
    "first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5,
    "a": 1, "b": 2, "c": 3, "d": 4, "e": 5, "f": 6, "g": 7, "h": 8,
}  # fmt: skip
_LETTERS = frozenset("abcdefgh")
_INLINE = re.compile(
    r"(?i)(?<![A-Za-z])[*_]{0,3}+\(?part[ \t]{1,9}+\(?(\d{1,3}+|[a-h]\b)\)?[ \t]{0,9}+[*_]{0,3}+[ \t]{0,9}+[:：=][*_]{0,3}+"
)
_GLUE = re.compile(r"\A\s+|(?:\s|[,;.|]|\band\b|[*_]{2,3})+\Z", re.IGNORECASE)
SHORT = re.compile(
    r"[^\sA-Za-z]{1,60}|[A-Za-z]{1,30}|\([A-Z]\)|\$[^$\n]{1,60}\$|\\\([^\n]{1,60}?\\\)"
    r"|[-+]?\$?[\d.,]{1,30}%?(?: [A-Za-z]{1,30})?"
)
LONGEST_LINE = 4_000
_MARKED = re.compile(
    r"box|\bans(?:wer)?\b|result|solution|答案|option|choice|####[ \t]{0,9}[-+$(\\]{0,3}\d", re.IGNORECASE
)
MOST_LINES = 64
_VALUE = re.compile(r"[\s*$]{0,9}(?:[A-Z]\s?=\s?)?(?:[-+$\\]{0,3}[\d.,/]{1,30}|\(?[A-J]\)?)[\s*$.]{0,9}")
_TITLE = re.compile(r"(?!\W{0,3}(?:yes|no|true|false)\b)[A-Z][A-Za-z ,'’()-]{2,80}[\s*_:]{0,4}", re.IGNORECASE)
_CONCLUSION = re.compile(
    r"^[ \t>]{0,9}+(?:#{1,6}+[ \t]{0,9}+)?"
    + OPENED
    + r"(?:(?:so|thus|hence|therefore),?[ \t]{1,3}+)?(?:(?:the|my|our)[ \t]{1,3}+)?"
    r"(?:final|overall)[ \t]{1,3}+(?:answer|result|solution)\b(?![^\n]{0,60}\bpart\b)"
    r"|^[ \t>*]{0,9}+####[ \t]{0,9}+[-+$(\\]{0,3}\d",
    re.IGNORECASE | re.MULTILINE,
)
_OF_PART = (
    r"(?:final\s)?(?:answer|result|solution|value)\s(?:to|of|for|from)\s(?:part\s\(?(\d{1,3}|[a-h])\b\)?"
    r"|the\s(first|second|third|fourth|fifth)\s(?:part|problem|question)\b)"
)
_IS_OF_PART = re.compile(rf"\}}[$*.)\s]{{0,5}}\s(?:is|was)\s(?:the\s|our\s|my\s)?{_OF_PART}", re.IGNORECASE)
_OF_PART_IS = re.compile(
    rf"[\s*>#_-]{{0,9}}(?:(?:so|thus|hence|therefore|then),?\s)?(?:the\s|our\s|my\s)?{_OF_PART}"
    r"\s(?:is|was|equals)\b[^.\n]{0,20}\\boxed",
    re.IGNORECASE,
)
_FINAL = re.compile(r"final|overall|####", re.IGNORECASE)
_PART = re.compile("part", re.IGNORECASE)


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
        labels = list(_INLINE.finditer(line)) if len(line) <= LONGEST_LINE else []
        in_code = at < len(code) and code[at].start <= start
        if in_code or [part_number(label[1]) for label in labels] != list(range(1, count + 1)):
            continue
        stops = [*(label.start() for label in labels[1:]), len(line)]
        given = [_GLUE.sub("", line[label.end() : stop]) for label, stop in zip(labels, stops, strict=True)]
        if all(final_answer(piece).source == "box" or SHORT.fullmatch(piece) for piece in given):
            lines[k] = "\n".join([line[: labels[0].start()], *(f"Part {i}: {x}" for i, x in enumerate(given, start=1))])
    return "\n".join(lines)


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
    if any(len(h[1]) > 1 or h[1].isdigit() for h in headings):  # Part A of Part 1, perhaps
        headings = [h for h in headings if h[1].lower() not in _LETTERS]
    ends = [*(h.start() for h in headings[1:]), len(text)]
    return [(part_number(h[1]), h.start(), h.end(), end) for h, end in zip(headings, ends, strict=False)]


def part_number(said: str) -> int:
    """The number of a part that is named by a figure, a word, a Roman numeral or a letter."""
    return _NUMBERS.get(said.lower()) or int(said)


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
    return _without_earlier(re.sub(asked, r"\1the question", "\n".join([*kept, text[at:]])), count)


def _without_earlier(text: str, count: int) -> str:
    r"""The text without its last box if the line says it is an earlier part's: ``\boxed{42} is the answer to Part 1``."""
    box = text.rfind(r"\boxed")
    start, end = text.rfind("\n", 0, max(box, 0)) + 1, text.find("\n", max(box, 0))
    line = text[start : end if end >= 0 else len(text)]
    if box < 0 or len(line) > LONGEST_LINE:
        return text
    said = _IS_OF_PART.search(line, box - start) or _OF_PART_IS.match(line)
    if said is None or part_number(said[1] or said[2]) >= count:
        return text
    return text[:start] + text[start + len(line) :]


def untitled(section: str) -> str:
    """A section without the title behind its heading, ``Part 1: Counting``, where a short answer follows that."""
    title, _, rest = section.partition("\n")
    first = rest.strip().partition("\n")[0].strip(" *_")
    is_title = len(title) <= LONGEST_LINE and _TITLE.fullmatch(title) and not DOUBT.search(title)
    return rest.lstrip() if is_title and SHORT.fullmatch(first) and len(first) <= LONGEST_LINE else section


def _behind_answer(section: str) -> str:
    """What follows the first line of a section, if that is a value, or the one that first declares an answer, or else it."""
    text = untitled(section.lstrip())
    first, _, rest = text.partition("\n")
    if len(first) <= LONGEST_LINE and _VALUE.fullmatch(first):
        return rest
    for start, end in islice(_lines_with(_MARKED, text), MOST_LINES):
        if final_answer(text[start:end]).source in ("box", "marker"):
            return text[end + 1 :]
    return rest
