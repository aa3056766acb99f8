"""Numbers that a text gives away: members of a sequence that anyone continues, examples, instructions, options."""

from __future__ import annotations

import re
from itertools import pairwise

from composekit.compose.numbers import Value

AN_EXAMPLE = "an example or an instruction"
SHOWN = "shown by a sequence"
MAX_GAP = 24  # characters between two numbers of one list

_DOTS = re.compile(
    r"[\s$~,;+-]*(?:\\[,;:! ]\s*|\\cdot\s*|\\times\s*)*(?:\\(?:l|c|v|d)?dots[cbmio]?(?![A-Za-z])|\.\s?\.\s?\.|\u2026)"
)
_LINKS = re.compile(r"[\s$~]*(?:\\[,;:! ]\s*)*(?:,[\s$]*and|,|and|[-+;]|\\cdot|\\times)[\s$~]*(?:\\[,;:! ]\s*)*")
_COMMAS = re.compile(r"[\s$~]*(?:,[\s$]*and|,|and)[\s$~]*")


def sequence_places(text: str, pieces: list[tuple[int, int, Value]]) -> dict[int, str]:
    """Which of the numerals a reader could continue from the others: lists in progression, and lists with dots."""
    places: dict[int, str] = {}
    gaps = [text[a[1] : b[0]] if b[0] - a[1] <= MAX_GAP else "?" for a, b in pairwise(pieces)]
    listed = [_LINKS.fullmatch(gap) is not None for gap in gaps]
    for index, (_, end, _) in enumerate(pieces):
        dots = _DOTS.match(text, end, end + MAX_GAP)
        if dots is not None:
            places |= dict.fromkeys(_list_around(index, listed), SHOWN)
            ahead = index + 1
            while ahead < len(gaps) and _COMMAS.fullmatch(gaps[ahead]):
                places[ahead] = SHOWN  # of "1, 2, ..., 9, 10" only the end says something
                ahead += 1
    for index in range(len(gaps) - 1):
        if listed[index] and listed[index + 1]:
            a, b, c = (pieces[index + k][2] for k in range(3))
            commas = _COMMAS.fullmatch(gaps[index]) and _COMMAS.fullmatch(gaps[index + 1])
            if _growing(str(a), str(b), str(c)) or (commas and (b - a == c - b or a * c == b * b)):
                places |= dict.fromkeys(range(index, index + 3), SHOWN)
            elif index and listed[index - 1] and pieces[index - 1][2] - a == a - b == b - c:  # 1 + 2 + 3 + 4
                places |= dict.fromkeys(range(index - 1, index + 3), SHOWN)
    return places


def _list_around(index: int, listed: list[bool]) -> list[int]:
    """The numeral before some dots and those that are listed before it."""
    back = index
    while back > 0 and listed[back - 1]:
        back -= 1
    return list(range(back, index + 1))


def _growing(a: str, b: str, c: str) -> bool:
    """1, 12, 123"""
    return len(a) + 2 == len(b) + 1 == len(c) and c.startswith(b) and b.startswith(a)


_ITEM = r"(?:\$[^$\n]{1,14}\$|[A-Z][a-z]+(?: \([^()\n]{1,12}\))?)"
_LISTED_AFTER = re.compile(rf"\$?(?:\s+[a-z]+){{1,3}}\W{{1,4}}({_ITEM}(?:,? and {_ITEM}|,\s*{_ITEM})+)")
_LISTED_BEFORE = re.compile(rf"({_ITEM}(?:,? and {_ITEM}|,\s*{_ITEM})+)(?:,?(?:\s+[a-z]+){{1,3}}\s+|\s\()\$?\Z")
_ITEM_PATTERN = re.compile(_ITEM)
_NEAR = 120  # characters in which a list is looked for


def counts_a_list(text: str, start: int, end: int, value: Value) -> bool:
    """Whether a small number counts things that are listed beside it: three friends, Ann, Bob and Carl."""
    if not isinstance(value, int) or not 2 <= value <= 8:
        return False
    after = _LISTED_AFTER.match(text, end, end + _NEAR)
    before = _LISTED_BEFORE.search(text[max(start - _NEAR, 0) : start])
    return any(len(_ITEM_PATTERN.findall(match[1])) == value for match in (after, before) if match is not None)


# From here to the end of the sentence stands an example, or a word on the form of the answer.
_IDLE = re.compile(
    r"\b(?:for example|for instance|e\.g\.|examples?\s*:|express (?:your|the|each|all)"
    r"|round(?:ed|ing)? (?:off |up |down )?to|(?:to|at) the nearest|to the closest|decimal places?"
    r"|give your|enter (?:your|the|each|all)|significant (?:digits|figures)"
    r"|(?:written|expressed|writes?|expressible) (?:uniquely )?(?:in|as) the form"
    r"|(?:write|leave|state|submit) your|your (?:final )?answer|lowest terms|use \$?\\pi|use 3\.14)",
    re.IGNORECASE,
)
_IDLE_HINTS = (
    "example", "instance", "e.g.", "xpress", "round", "nearest", "closest", "ecimal", "your", "nter", "ignificant", "lowest",
    "use ", "the form",
)  # fmt: skip
_IN_BASE = re.compile(r"\bIn base[\s$-]{1,3}\w+[^.?!\n]{0,400}")
_ADDRESS = re.compile(r"\b(?:https?|ftp)://[^\s<>]+|\bwww\.[^\s<>]+")
_SENTENCE_END = re.compile(r"[.?!](?=\s|\Z)|\n\n")
_OPTION = re.compile(
    r"(?m)^[ \t]*+(?:\(A\)|A[.):])\s.*\n++[ \t]*+(?:\(B\)|B[.):])\s|"
    r"(?<![\w)\]])\(A\)(?=[}\s\\][^()]{1,100}(?:\([^()]{0,60}\)[^()]{0,100}){0,6}\(B\))"
)


def idle_spans(text: str) -> list[tuple[int, int, str]]:
    """Stretches whose numbers are no amounts that decide the answer: examples, instructions on its form, the options of a
    choice, calculations in a stated base.
    """
    spans: list[tuple[int, int, str]] = []
    match = _IDLE.search(text) if any(hint in text for hint in _IDLE_HINTS) else None
    while match is not None:
        stop = _SENTENCE_END.search(text, match.end())
        end = stop.end() if stop else len(text)
        spans.append((match.start(), end, AN_EXAMPLE))
        match = _IDLE.search(text, end)
    if "://" in text or "www." in text:
        spans += [(*address.span(), "an address") for address in _ADDRESS.finditer(text)]
        spans.sort()
    if "In base" in text:  # its numerals are no decimal ones
        spans += [(*stated.span(), "a number in another base") for stated in _IN_BASE.finditer(text)]
        spans.sort()
    option = _OPTION.search(text)
    if option is not None:
        spans = [span for span in spans if span[1] <= option.start()] + [(option.start(), len(text), "an option")]
    return spans
