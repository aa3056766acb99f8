r"""From a model's whole response to the answer that it declares.

The last box counts (``\boxed``, ``\fbox``); without a box ``<answer>x</answer>`` at the end, a ``#### x`` line, or a last
line that reads ``Answer: x`` or ``the answer is x``, behind which a courtesy or an explanation may follow; without those a
response that is nothing but the answer. What stands in a think section never counts.
Declarations with only separators, "or" or "and" between them are one list: whoever lists guesses has answered with a list.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

from composekit.compose.verifiers.announcements import announced_answers
from composekit.compose.verifiers.closings import without_closing
from composekit.compose.verifiers.statements import marked_answers, statement
from composekit.compose.verifiers.thinking import without_hidden, without_thinking

MAX_RESPONSE = 1_000_000
MAX_BARE = 400

_BOX = re.compile(r"(?P<box>\\{1,2}(?:boxed|fbox|framebox)(?![A-Za-z]))\s*(?P<brace>\{)?|\\[^A-Za-z]|[{}]")
_UNBRACED = re.compile(r"[-+]?\s*(?:\d[\d.,]*\d|\d|\\[A-Za-z]+(?:\s*\{[^{}]*\}|\d)*|[A-Za-z](?![A-Za-z]))")
_BETWEEN = re.compile(
    r"(?:\s|[,;.:/|&$~*`()\[\]-]|\\[,;:! ()\[\]\\]|\\q?quad\b|\\(?:lor|land|vee|wedge|newline)\b|\}|"
    r"\\(?:text|mathrm|mbox)\s*\{|\b(?:or|and|also|either|else|maybe|perhaps|possibly|alternatively)\b)*",
    re.IGNORECASE,
)
_MAX_BETWEEN = 80
# A sentence that says of its own box that it is wrong, and nothing else before it.
_REJECTED = re.compile(
    r"(?:[$*) ]|\\[)\]]){0,8}(?:is|was)\s{1,3}(?:wrong|incorrect|not\s{1,3}(?:correct|right|(?:the|my)\s{1,3}"
    r"(?:(?:correct|right|final)\s{1,3})?answer))[*)]{0,4}\s{0,3}(?:[.;,:!\n]|\Z|(?:because|since|as)\b)"
)
_NO_MORE_BEFORE = re.compile(
    r"(?:[^\w\n]|\b(?i:so|but|thus|hence|and|the|my|first|final|answer|value|result|of|that|gives?|is|here|hmm|wait|no)\b){0,40}"
)
_TAKEN_BACK = "the sentence of the last box takes it back"
_APART = re.compile(r"(?:[ \t$.*]|\\[()])*(?:\n|\\[\[\]]|\$\$)(?:[\s$.*]|\\[()\[\]])*")
_ANSWER_TAG = re.compile(r"<\s{0,9}+(/?)\s{0,9}+(?:final[_ -]?)?answer\s{0,9}+>", re.IGNORECASE)
_END_TOKEN = re.compile(r"(?:<(?:[|｜][\w▁ ]{1,40}[|｜]|/s|eos|end_of_turn)>|\[/INST\])\s*\Z")


class Extraction(NamedTuple):
    """The declared answers, in order (more than one: a list), how they were declared, or why none was found."""

    answers: tuple[str, ...]
    source: str
    detail: str = ""
    apart: bool = False  # several boxes, each in a line or display of its own, with neither comma nor word between


def final_answer(response: str) -> Extraction:
    r"""The answer that a response declares.

    Args:
        response: The whole text that the model wrote.

    Returns:
        The declared answers; ``source`` is ``"box"``, ``"marker"`` (``<answer>`` tags, a ``####`` or answer
        line), ``"bare"`` (the response is one line and nothing but the answer, as far as its form tells), or ``"none"``.

    Example:
        >>> final_answer(r"<think>perhaps \boxed{7}</think> So it is \boxed{8}.").answers
        ('8',)
        >>> final_answer(r"\boxed{7} or \boxed{8}").answers
        ('7', '8')
        >>> final_answer("There is no answer.\nBut 7 appears in the text.").source
        'none'
    """
    if len(response) > MAX_RESPONSE:
        return Extraction((), "none", f"the response has more than {MAX_RESPONSE} characters")
    text = without_thinking(response)
    if "~" in text or "<" in text:
        text = without_hidden(text)
    boxed = _boxes(text)
    if boxed is not None:
        return boxed
    text = _without_end_tokens(text)
    declared = _tagged(text) or _marked(text)
    if declared is None:
        text = without_closing(text)
        declared = _tagged(text) or _marked(text) or _announced(text)
    if declared is not None:
        return declared
    line = " ".join(text.split())
    if not line:
        detail = "the response is empty" if not response.strip() else "nothing follows the think section"
        return Extraction((), "none", detail)
    if len(line) > MAX_BARE or "\n" in text.strip().strip("$[]\\").strip():
        return Extraction((), "none", "no box and no line that states the answer")
    return Extraction((line,), "bare")


def _marked(text: str) -> Extraction | None:
    marked = marked_answers(text)
    return Extraction(marked, "marker") if marked else None


def _announced(text: str) -> Extraction | None:
    announced = announced_answers(text)
    return Extraction(announced, "marker") if announced else None


def _without_end_tokens(text: str) -> str:
    """Without ``<|im_end|>``, ``</s>`` and the like at the end, which some decoders leave there."""
    for _ in range(3):
        token = _END_TOKEN.search(text, max(0, len(text) - 60))
        text = text[: token.start()] if token else text
    return text


class _Box(NamedTuple):
    start: int
    end: int
    content: str | None  # None: the brace was never closed


def _boxes(text: str) -> Extraction | None:
    """The last run of boxes with nothing but separators between them; None if there is no box."""
    first = text.find(r"\boxed")
    if r"\fbox" not in text and r"\framebox" not in text:
        if first < 0:
            return None
        end = text.find("}", first)
        content = text[first + len(r"\boxed{") : end].strip() if text.startswith(r"\boxed{", first) else ""
        if end > 0 and content and text.find(r"\boxed", first + 1) < 0 and "{" not in content and "\\" not in content:
            if _is_rejected(text, content, first, end + 1):
                return Extraction((), "none", _TAKEN_BACK)
            return Extraction((content,), "box")  # the usual case, one box around plain text
    boxes = _outer_boxes(text)
    if not boxes:
        return None
    run = [boxes[-1]]
    for box in reversed(boxes[:-1]):
        gap = text[box.end : run[0].start]
        if len(gap) > _MAX_BETWEEN or not _BETWEEN.fullmatch(gap):
            break
        run.insert(0, box)
        if len(run) > 64:
            break
    if any(box.content is None for box in run):
        return Extraction((), "none", "the last box is not closed")
    answers = tuple((box.content or "").strip() for box in run)
    if not answers[-1]:
        return Extraction((), "none", "the last box is empty")
    if _is_rejected(text, answers[-1], run[-1].start, run[-1].end):
        return Extraction((), "none", _TAKEN_BACK)
    if len(run) == 1:
        return Extraction(answers, "box")
    apart = all(_APART.fullmatch(text, a.end, b.start) for a, b in pairwise(run))
    return Extraction(tuple(filter(None, answers)), "box", apart=apart)


def _is_rejected(text: str, content: str, start: int, end: int) -> bool:
    r"""Whether a sentence that begins with a number in a box takes it back: ``\boxed{18} is wrong``.

    Of an option or a word it may say what the question asks: which statement is wrong.
    """
    if _REJECTED.match(text, end) is None or not any(map(str.isdigit, content)):
        return False
    before = re.split(r"[.!?;]\s|\n", text[max(0, start - 200) : start])[-1]
    return _NO_MORE_BEFORE.fullmatch(before) is not None


def _outer_boxes(text: str) -> list[_Box]:
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
                out.append(_Box(starts[k], text.index("{", starts[k]) + 1, None))
            else:
                out.append(_Box(starts[k], span[2], text[span[0] : span[1]]))
    return out


def _tagged(text: str) -> Extraction | None:
    """What stands in ``<answer>`` tags at the end; neighbours with only separators between them are one list."""
    tags = list(_ANSWER_TAG.finditer(text))
    contents: list[str] = []
    follow = len(text)
    while len(tags) > 1 and tags[-1][1] and not tags[-2][1] and len(contents) < 64:
        closing, opening = tags.pop(), tags.pop()
        between = text[closing.end() : follow]
        if not (_BETWEEN.fullmatch(between) if contents and len(between) <= _MAX_BETWEEN else not between.strip()):
            break
        content = text[opening.end() : closing.start()].strip()
        contents.insert(0, statement(content) or content)
        follow = opening.start()
    return Extraction(tuple(contents), "marker") if contents and contents[-1] else None
