r"""What stands again behind the last part's answer: the answers to all parts, as boxes, as one box or as a list."""

from __future__ import annotations

import re
from itertools import islice
from typing import NamedTuple

from composekit.compose.verifiers.extract import final_answer
from composekit.compose.verifiers.headings import LONGEST_LINE, SHORT, part_number
from composekit.compose.verifiers.listings import BOX, LIST_MARK, number_of

_LEADS_ON = re.compile(r"\s*(?:#.*|[*_]{2}.*[*_]{2}|[-*_=]{3,}|.*[:：]|\$\$|\\\[)\s*")
_LONGEST_LIST = 2_000
_MOST_CORRECTIONS = 16
_CORRECTION = re.compile(
    r"\b(?:correction|wait|actually|edit|update|oops|sorry|hmm+|rather)\b[,.:!–—* -]{1,6}"
    r"(?:no,\s|actually,?\s)?(?:the\s)?(?:(?:correct\s)?answer\s(?:to|for|of)\s)?"
    r"part\s?\(?(?P<part>\d{1,2}|[a-h])\b\)?(?:['’]s\sanswer)?\s?(?:is|=|equals|(?:should|must)\s(?:be|have\sbeen))\s(?:actually\s)?"
    r"(?P<said>\S[^\n.;]{0,60}(?:\.\d[^\n.;]{0,30})?)",
    re.IGNORECASE,
)
_IN_A_LINE = re.compile(
    r"[\s>*_#-]{0,9}(?:final|(?:all\s|final\s)?(?:answers|results)|(?:in\s)?summary|recap|in\s(?:short|all)|altogether|overall)"
    r"[*_\s]{0,4}[:：][*_\s]{0,4}(?P<said>\S.{0,400}?)[.*_\s]{0,4}",
    re.IGNORECASE,
)
_CUT = re.compile(
    r"[({\[]|[)}\]]|(?P<cut>;|,(?:\s|\\[,;: ]|~)+(?:and\s)?|\\q?quad\b|,?\s*\\text\s?\{\s?and\s?\}|\s(?:and|&)\s)",
    re.IGNORECASE,
)


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
    found = final_answer(section) if count > 1 and BOX.search(section) else None
    if found is None or found.source != "box":
        return None
    answers = _entries(found.answers[-1], count) if len(found.answers) == 1 + found.apart else ()
    first = 1 if answers else count  # of the boxes from behind
    if not answers and len(found.answers) in (count, count + 1):
        answers = found.answers[-count:]
    boxes = [box.start() for box in BOX.finditer(section)]
    if not answers or len(boxes) < first:
        return None
    before = section[: boxes[-first]]
    lines = before.split("\n")[:-1]
    while lines and (not lines[-1].strip() or (len(lines[-1]) <= LONGEST_LINE and _LEADS_ON.fullmatch(lines[-1]))):
        lines.pop()
    return Recap("\n".join(lines) if lines else before, answers)


def one_box(text: str, count: int) -> dict[int, tuple[str, ...]]:
    r"""The pieces of a response without headings whose only box has an entry for each part.

    Example:
        >>> one_box(r"So \boxed{42, \text{no}}.", 2)
        {1: ('\\boxed{42}',), 2: ('\\boxed{\\text{no}}',)}
    """
    found = final_answer(text) if count > 1 and len(BOX.findall(text)) == 1 else None
    if found is None or found.source != "box" or len(found.answers) != 1:
        return {}
    return {k: (rf"\boxed{{{said}}}",) for k, said in enumerate(_entries(found.answers[0], count), start=1)}


def corrections(text: str, count: int) -> dict[int, tuple[str, ...]]:
    """What a response says behind its answers that they should have been: ``Correction: Part 1 is 7``.

    Example:
        >>> corrections("Part 1: 6\\nPart 2: 8\\n\\nWait, part 1 should be 7.", 2)
        {1: ('7',)}
    """
    found: dict[int, tuple[str, ...]] = {}
    for match in islice(_CORRECTION.finditer(text), _MOST_CORRECTIONS):
        k = part_number(match["part"])
        if k <= count:
            found[k] = (*found.get(k, ()), match["said"].strip(" *"))
    return found


def listed_recap(section: str, count: int) -> Recap | None:
    """The short answers to all parts that end a section as a numbered list, ``1. 42`` and ``2. 7``, or ``Summary: 42, 7``.

    Example:
        >>> listed_recap("Answer: 7\\n\\n**Summary**\\n1. 42\\n2. 7", 2)
        Recap(own='Answer: 7\\n\\n**Summary**', answers=('42', '7'))
    """
    lines = section[-LONGEST_LINE:].rstrip().split("\n")
    inline = _IN_A_LINE.fullmatch(lines[-1])
    if inline is not None and len(lines) > 1 and (told := _entries(inline["said"], count)):
        return Recap(section[:-LONGEST_LINE] + "\n".join(lines[:-1]).rstrip(), told)
    at = len(lines)
    answers: list[str] = []
    for k in range(count, 0, -1):
        at -= 1
        while at > 0 and not lines[at].strip():
            at -= 1
        mark = LIST_MARK.match(lines[at]) if at > 0 else None
        said = lines[at][mark.end() :].strip(" *_") if mark else ""
        if mark is None or number_of(mark) != k or not SHORT.fullmatch(said.rstrip(".")):
            return None
        answers.insert(0, said)
    return Recap(section[:-LONGEST_LINE] + "\n".join(lines[:at]).rstrip(), tuple(answers))


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
