r"""From a model's whole response to the answer that it declares.

The last box counts (``\boxed``, ``\fbox``); without a box ``<answer>x</answer>`` at the end, a ``#### x`` line, or a last
line that reads ``Answer: x`` or ``the answer is x``; without those a response that is nothing but the answer. What stands
in a think section never counts.
Declarations with only separators, "or" or "and" between them are one list: whoever lists guesses has answered with a list.
"""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_RESPONSE = 1_000_000
MAX_BARE = 400

# White space is bounded wherever two patterns could share it, or a long run of it takes quadratic time.
_THINK = re.compile(r"<\s{0,9}+(/?)\s{0,9}+think(?:ing)?\s{0,9}+>", re.IGNORECASE)
_BOX = re.compile(r"(?P<box>\\{1,2}(?:boxed|fbox)(?![A-Za-z]))\s*(?P<brace>\{)?|\\[^A-Za-z]|[{}]")
_UNBRACED = re.compile(r"[-+]?\s*(?:\d[\d.,]*\d|\d|\\[A-Za-z]+(?:\s*\{[^{}]*\}|\d)*|[A-Za-z](?![A-Za-z]))")
_BETWEEN = re.compile(
    r"(?:\s|[,;.:/|&$~*`()\[\]-]|\\[,;:! ()\[\]\\]|\\q?quad\b|\\(?:lor|land|vee|wedge|newline)\b|\}|"
    r"\\(?:text|mathrm|mbox)\s*\{|\b(?:or|and|also|either|else|maybe|perhaps|possibly|alternatively)\b)*",
    re.IGNORECASE,
)
_MAX_BETWEEN = 80
_HASHES = re.compile(r"^[ \t>*]*####[ \t]*([^#\s].*)$", re.MULTILINE)
_MARKER = re.compile(
    r"\b(?:answer|ans|(?:correct|right|best)\s{1,9}(?:option|choice))(?:\s{1,9}(?:to|of|for)\s{1,9}[\w\s'()-]{1,60}?)?"
    r"\s{0,9}\*{0,9}\s{0,9}(?:\bis\b(?!\s{0,9}n['’]t)|[:：=])(?:\s{0,9}(?:\bis\b|[:：=]))?\s*+\**+\s*+",
    re.IGNORECASE,
)
_HEADING = re.compile(
    r"[\s>]*+(?:#+|\*\*|__)\s*+(?:the\s++)?(?:final\s++|correct\s++)?answer(?:\s{1,9}is)?\s{0,9}[:：]?[\s*_]*+",
    re.IGNORECASE,
)
_BEFORE_MARKER = re.compile(r"(?:\b(?:so|thus|hence|therefore|the|my|our|final|correct)\b|[\s,*$])*", re.IGNORECASE)
_DOUBT = re.compile(
    r"\b(?:not|never|no|nobody|none|cannot|if|unless|whether|wrong|false|incorrect|doubt\w*|could|might|may|maybe|perhaps|possibly"
    r"|either|neither|suppos\w*|assum\w*|say|says|said|claim\w*|pretend\w*|reject\w*|rather|than|instead|previous\w*|old|first)\b|n['’]t\b",
    re.IGNORECASE,
)
_ADVERB = re.compile(r"(?:exactly|approximately|therefore|thus)[,:]?\s+(?=[-+($\\]*\d)", re.IGNORECASE)
_ANSWER_TAG = re.compile(r"<\s{0,9}+(/?)\s{0,9}+answer\s{0,9}+>", re.IGNORECASE)
_END_TOKEN = re.compile(r"<(?:\|\w{1,30}\|>|/s>)\s*\Z")
_COURTESY = re.compile(r"\.\s*I hope (?:it|this) is correct\W*$", re.IGNORECASE)


class Extraction(NamedTuple):
    """The declared answers, in order (more than one: a list), how they were declared, or why none was found."""

    answers: tuple[str, ...]
    source: str
    detail: str = ""


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
    boxed = _boxes(text)
    if boxed is not None:
        return boxed
    text = _without_end_tokens(text)
    marked = _tagged(text) or _markers(text)
    if marked is not None:
        return marked
    line = " ".join(text.split())
    if not line:
        detail = "the response is empty" if not response.strip() else "nothing follows the think section"
        return Extraction((), "none", detail)
    if len(line) > MAX_BARE or "\n" in text.strip().strip("$[]\\").strip():
        return Extraction((), "none", "no box and no line that states the answer")
    return Extraction((line,), "bare")


def without_thinking(response: str) -> str:
    """The response without its think sections; an unclosed one runs to the end, an unopened one starts at the beginning."""
    kept: list[str] = []
    start, thinking = 0, False
    for tag in _THINK.finditer(response):
        if tag[1]:
            if not thinking:
                kept.clear()
            thinking = False
            start = tag.end()
        elif not thinking:
            kept.append(response[start : tag.start()])
            thinking = True
    if not thinking:
        kept.append(response[start:])
    return "\n".join(kept)


def _without_end_tokens(text: str) -> str:
    """Without ``<|im_end|>`` or ``</s>`` at the end, which some decoders leave there."""
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
    if r"\boxed" not in text and r"\fbox" not in text:
        return None
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
    return Extraction(tuple(filter(None, answers)), "box")


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
        contents.insert(0, _statement(content) or content)
        follow = opening.start()
    return Extraction(tuple(contents), "marker") if contents and contents[-1] else None


def _markers(text: str) -> Extraction | None:
    """The last ``####`` line or the last line's statement, whichever comes later; adjacent ones are a list."""
    tail = text[-20_000:].rstrip()
    hashes = list(_HASHES.finditer(tail))
    if hashes and not _HEADING.fullmatch(hashes[-1][0]) and not _stated(tail, after=hashes[-1].end()):
        run = [hashes[-1]]
        for match in reversed(hashes[:-1]):
            if tail[match.end() : run[0].start()].strip(" \t\r\n,;"):
                break
            run.insert(0, match)
        return Extraction(tuple(_statement(m[1]) or m[1].strip() for m in run), "marker")
    answers = _stated(tail, after=0)
    return Extraction(answers, "marker") if answers else None


def _stated(text: str, *, after: int) -> tuple[str, ...]:
    """What the last lines of the text state as the answer, if anything."""
    lines = [line.strip() for line in text[after:].splitlines() if line.strip()]
    found: list[str] = []
    while lines and (content := _statement(lines[-1])):
        found.insert(0, content)
        lines.pop()
    if found:
        return tuple(found)
    # "Answer:" or a heading on a line of its own, then the answer on the last line, perhaps between display delimiters
    block = [line for line in lines[-4:] if line not in ("$$", r"\[", r"\]")]
    if len(block) >= 2 and (_HEADING.fullmatch(block[-2]) or _statement(block[-2]) == ""):
        return (block[-1],)
    return ()


def _statement(line: str) -> str | None:
    """The x of ``Answer: x`` or ``... the answer is x``; None without such words, or where the sentence doubts them."""
    marker = _MARKER.search(line)
    if marker is None:
        return None
    sentence = re.split(r"[.!?]\s", line[: marker.start()])[-1]
    if _DOUBT.search(sentence):
        return None
    content = _COURTESY.sub("", line[marker.end() :]).strip().removesuffix("**").strip()
    again = _MARKER.search(content)  # "Final answer: The final answer is 7"
    if again is not None and _BEFORE_MARKER.fullmatch(content[: again.start()]):
        content = content[again.end() :].strip()
    return _ADVERB.sub("", content, count=1) if _ADVERB.match(content) else content


def states_answer(text: str) -> bool:
    """Whether a text ends with words that announce an answer: ``Answer:`` or a heading that says so."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return bool(lines) and (_HEADING.fullmatch(lines[-1]) is not None or _statement(lines[-1]) == "")
