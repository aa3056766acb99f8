r"""Boxes in a response: the last run of them, and whether the text around it leaves its answer standing.

Boxes with only separators, "or", a label (``Case 2:``, ``2.``) or a condition between them are one list. The
sentences around the last box may turn it into a list as well (``\boxed{18} or 20``), or take it back.
"""

from __future__ import annotations

import re
from itertools import islice, pairwise
from typing import NamedTuple

from composekit.compose.verifiers.extraction import Extraction
from composekit.compose.verifiers.hedges import MAX_BEHIND, SILENT, alternatives, is_led_to, is_taken_back
from composekit.compose.verifiers.surroundings import why_not_shown

_BOX = re.compile(r"(?P<box>\\{1,2}(?:boxed|fbox|framebox)(?![A-Za-z]))\s*(?P<brace>\{)?|\\[^A-Za-z]|[{}]")
_LOST = re.compile(r"(?<![A-Za-z\\])(?:\x08|b)oxed(?=\s?\{)")  # \boxed whose backslash an escape swallowed
_UNBRACED = re.compile(r"[-+]?\s*(?:\d[\d.,]*\d|\d|\\[A-Za-z]+(?:\s*\{[^{}]*\}|\d)*|[A-Za-z](?![A-Za-z]))")
_BETWEEN = re.compile(
    r"(?:[\s,;.:/|&$~*`()\[\]=<>!?+≠≤≥≈×÷•●▪·–—→\u200b-\u200f\u2060\ufeff-]|\\[,;:! ()\[\]\\]|\\q?quad\b"
    r"|\\(?:lor|land|vee|wedge|newline|neq?|not|lnot|neg|to|rightarrow|cdot|times|div|pm|approx|sim|[lg](?:t|eq?)|cup)\b|\}|"
    r"\\(?:text|mathrm|mbox)\s*\{|\b(?:or|and|also|either|else|maybe|perhaps|possibly|alternatively|versus|vs|resp|respectively"
    r"|to|not|but|plus|minus|times|as well as|x|nor|ou|et|oder|und|o|y|или|и|lub|eller|atau)\b"
    r"|[或和与、]|または|또는|혹은|أو|या)*",
    re.IGNORECASE,
)
_OR_ELSE = re.compile(
    r"\b(?:or|else|maybe|perhaps|possibly|alternatively)\b(?:\s(?:it|this|that)(?:\s(?:is|was)|['’]s))?[^\w\n]{0,12}\Z"
    r"|\b(?:could|might|may)\s(?:\w{1,9}\s)?be\b|\bprobabl[ey]\b|\A[^\w\n]{0,9}(?:with\s)?\d{1,3}\s?\\?%[^\w\n]{1,9}\Z"
    r"|,\s(?:and\s)?with\s\d{1,3}\s?\\?%[^\w\n]{1,9}\Z",
    re.IGNORECASE,
)
_KIND = r"(?:case|option|guess|possibility|scenario|attempt|candidate|answer|version|try|choice)"
_LABEL = re.compile(
    rf"[\s$*.,;)>\\\]-]{{0,20}}(?:(?:and|or|then)\s)?(?:{_KIND}\s{{0,3}}[#(]?(?:\d{{1,2}}|[ivx]{{1,4}}|[a-j]|one|two|three|four|five)"
    rf"|(?:my\s|the\s)?(?:first|second|third|fourth|another|other|next)\s{_KIND}|[(]?(?:\d{{1,2}}|[a-j])(?=[.)])|[a-j](?=:))"
    r"[)]?\s{0,3}[:.)*–—-]{0,4}[\s$*(\\\[]{0,20}|[\s$*]{0,9}\|\s{0,9}\n\s{0,3}\|\s{0,9}\w{1,9}\s{0,9}\|[\s$*]{0,9}",
    re.IGNORECASE,
)
_IF = (
    r"(?:if|when|for(?!\s(?:part|step|question|problem|example|the|this)\b)|assuming|in case|given|unless|otherwise)\b"
)
_CONDITION = re.compile(
    rf"[\s$*.,;)\\\]]{{0,12}}(?:(?:and|or|but|while)\s)?{_IF}[^.\n\\]{{0,60}}[\s$*(\\\[:]{{0,12}}", re.IGNORECASE
)
_OWN_CONDITION = re.compile(
    r"\A\W*(?!for\b|given\b)(?!.*(?:\b(?:giv|get|got|yield|mak|is\b|are\b)|=))", re.IGNORECASE | re.DOTALL
)
_CONDITIONAL = re.compile(rf"(?:\A|[.;\n])\s{{0,9}}(?:and\s)?{_IF}[^.;\n]{{0,80}}\Z", re.IGNORECASE)
# 18 thousand, whatever of it is boxed
_SCALE = re.compile(
    r"[$*)\s]{0,4}(?:\\,|~)?\s?(?:\\text\{\s?)?(?P<name>hundred|thousand|[mbtr]{1,2}illion|dozen|lakh|crore|cents|euros|yen|rupees)(?![\w-])(?!\sof\sa)"
)
_MAX_BETWEEN = 80
_MOST_BOXES = 64
_APART = re.compile(r"(?:[ \t$.*]|\\[()])*(?:\n|\\[\[\]]|\$\$)(?:[\s$.*]|\\[()\[\]])*")
_TAKEN_BACK = "what stands around the last box takes it back"


class Box(NamedTuple):
    """Where a box starts and ends, and what it holds: None if its brace was never closed."""

    start: int
    end: int
    content: str | None


def boxed_answers(text: str) -> Extraction | None:
    r"""What the last run of boxes declares; None if there is no box.

    Example:
        >>> boxed_answers(r"\boxed{7} or \boxed{8}").answers, boxed_answers(r"Case 1: \boxed{7}. Case 2: \boxed{8}").answers
        (('7', '8'), ('7', '8'))
        >>> boxed_answers(r"\boxed{7}. Wait, no: \boxed{8}").answers, boxed_answers(r"\boxed{7}. I am not sure.").answers
        (('8',), ())
    """
    first = text.find(r"\boxed")
    framed = r"\fbox" in text or r"\framebox" in text
    if first < 0 and not framed:
        if "<|begin_of_box|>" in text:
            return boxed_answers(text.replace("<|begin_of_box|>", r"\boxed{").replace("<|end_of_box|>", "}"))
        if "oxed" not in text or (restored := _LOST.sub(r"\\boxed", text)) == text:
            return None
        text = restored
        first = text.index(r"\boxed")
    end = text.find("}", first)
    content = text[first + len(r"\boxed{") : end].strip() if text.startswith(r"\boxed{", first) else ""
    single = end > 0 and content and not framed and text.find(r"\boxed", first + 1) < 0
    if single and "{" not in content and "\\" not in content:  # the usual case, one box around plain text
        return _settled(text, (content,), first, end + 1)
    boxes = outer_boxes(text)
    if not boxes:
        return None
    run = _last_run(text, boxes)
    if any(box.content is None for box in run):
        return Extraction((), "none", "the last box is not closed")
    answers = tuple((box.content or "").strip() for box in run)
    if not answers[-1]:
        return Extraction((), "none", "the last box is empty")
    apart = len(run) > 1 and all(_stand_apart(text[a.end : b.start]) for a, b in pairwise(run))
    return _settled(text, tuple(filter(None, answers)), run[-1].start, run[-1].end, first=run[0].start, apart=apart)


def _settled(
    text: str, answers: tuple[str, ...], start: int, end: int, *, first: int | None = None, apart: bool = False
) -> Extraction:
    """The answers, with those that the text around the last box offers besides; none where it takes the box back."""
    alone = start == 0 and end == len(text)
    if not alone and (why := why_not_shown(text, start if first is None else first, end)) is not None:
        return Extraction((), "none", why)
    if not text[end : end + MAX_BEHIND].strip(SILENT) and not is_led_to(text, start):
        return Extraction(answers, "box", "", apart)  # nothing is said there
    if is_taken_back(text, answers[-1], start, end):
        return Extraction((), "none", _TAKEN_BACK)
    scale = _SCALE.match(text, end)
    if scale is not None and answers[-1].replace(".", "").replace(",", "").isdigit():
        answers = (*answers[:-1], rf"{answers[-1]} \text{{ {scale['name']}}}")
    others = tuple(dict.fromkeys(alternatives(text, answers[-1], start, end)))
    return Extraction((*answers, *others), "box", "", apart and not others)


def _last_run(text: str, boxes: list[Box]) -> list[Box]:
    """The last box with those before it that it makes a list with."""
    run = [boxes[-1]]
    for box in islice(reversed(boxes[:-1]), _MOST_BOXES):
        if not _joins(text, box, run[0]):
            break
        run.insert(0, box)
    return run


def _joins(text: str, one: Box, other: Box) -> bool:
    """Whether two boxes that follow each other are entries of one list, or guesses."""
    gap = text[one.end : other.start]
    if len(gap) > _MAX_BETWEEN:
        return False
    if _BETWEEN.fullmatch(gap) or _OR_ELSE.search(gap) or _LABEL.fullmatch(gap):
        return True
    if _CONDITION.fullmatch(gap) is None:
        return False
    if gap.lstrip(" $*)\\]")[:1].isalpha():  # 20 if red, 18 if blue
        return _OWN_CONDITION.search(gap) is not None
    return _CONDITIONAL.search(text[max(0, one.start - 120) : one.start]) is not None


def _stand_apart(gap: str) -> bool:
    return _APART.fullmatch(gap) is not None or ("\n" in gap and _LABEL.fullmatch(gap) is not None)


def outer_boxes(text: str) -> list[Box]:
    """All boxes that lie in no other closed box, in one pass: braces on a stack, each with the box that it opened."""
    starts: list[int] = []
    spans: list[tuple[int, int, int] | None] = []  # start of the content, its end, end of the box
    parents: list[int] = []
    braces: list[int] = []  # the index of the box, or -1
    enclosing: list[int] = []
    for match in _BOX.finditer(text):
        token = match[0]
        if match["box"]:
            parent = enclosing[-1] if enclosing else -1
            if match["brace"]:
                braces.append(len(starts))
                enclosing.append(len(starts))
                spans.append(None)
            else:
                content = _UNBRACED.match(text, match.end())
                if content is None:
                    continue  # prose about boxes
                spans.append((content.start(), content.end(), content.end()))
            starts.append(match.start())
            parents.append(parent)
        elif token == "{":
            braces.append(-1)
        elif token == "}" and braces:
            box = braces.pop()
            if box >= 0:
                enclosing.pop()
                opening = text.index("{", starts[box])
                spans[box] = (opening + 1, match.start(), match.end())
    covered: list[bool] = []
    out = []
    for k, parent in enumerate(parents):
        covered.append(parent >= 0 and (spans[parent] is not None or covered[parent]))
        if not covered[k]:
            span = spans[k]
            if span is None:
                out.append(Box(starts[k], text.index("{", starts[k]) + 1, None))
            else:
                out.append(Box(starts[k], span[2], text[span[0] : span[1]]))
    return out
