"""A response without what its model thought aloud: the sections that different models mark in different ways."""

from __future__ import annotations

import re
from collections.abc import Iterator

_NAME = r"(?:seed:|longcat_)?(?:think|thinking|thoughts?|reasoning|scratchpad|analysis|reflection)"
_THINK = re.compile(
    rf"<\s{{0,9}}+(?P<a>/?)\s{{0,9}}+{_NAME}(?:\s[^<>\n]{{0,60}}+|\s{{0,9}}+)>"  # bounded, or long runs take quadratic time
    r"|<\|\s{0,9}+(?:(?P<open>begin_of)|(?P<b>end_of))_(?:thought|thinking|reasoning)\s{0,9}+\|>"
    r"|\[(?P<c>/?)THINK\]|◁(?P<d>/?)think▷",
    re.IGNORECASE,
)
_CHANNEL = "<|channel|>"
_FINAL = re.compile(r"<\|channel\|>\s*+final\b[^<]{0,40}<\|message\|>")
_COMMENT = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_COMMENTED = re.compile(r"(?m)^%[^\n]*$")  # LaTeX
_STRUCK = re.compile(
    r"(?<![~\w$})])~~(?=[^\s~])[^~\n]{1,400}(?<=\S)~~(?!~)|<(?P<tag>del|s|strike)>[^<]{0,400}</(?P=tag)>", re.IGNORECASE
)
# What is in the text and not on the page: comments and dead branches of LaTeX, elements of HTML that are not shown.
_DEAD = re.compile(
    r"\\if(?:false|0)(?![A-Za-z]).*?(?:\\fi(?![A-Za-z])|\Z)|\\begin\{comment\}.*?(?:\\end\{comment\}|\Z)", re.DOTALL
)
_MARKDOWN_COMMENT = re.compile(r"(?m)^[ \t]{0,3}\[[^\[\]\n]{1,40}\]:[ \t]?#[^\n]*$")
_COLORLESS = r"(?:white|transparent|#f{3}(?:f{3})?\b|rgba?\(\s?255\s?,\s?255\s?,\s?255)"
_UNSEEN = re.compile(
    r"<(?P<name>[a-z]{1,10})\b[^<>\n]{0,200}?(?:\shidden\b|display\s?:\s?none|visibility\s?:\s?hidden|opacity\s?:\s?0(?![.\d])"
    rf"|font-size\s?:\s?0(?:\.[01]\d{{0,9}})?(?![.\d])|(?<![-\w])(?:max-)?(?:height|width)\s?:\s?0(?![.\d])|(?<![-\w])color\s?[:=]\s?[\"']?{_COLORLESS})[^<>\n]{{0,200}}>"
    r"|<(?P<kind>script|style|template|noscript|head|title)\b[^<>\n]{0,200}>",
    re.IGNORECASE,
)
_COLOR = re.compile(
    r"\\(?:text)?color\s?(?:\[\w{1,9}\]\s?)?\{\s?(?:white(?:!100)?|transparent|\#?f{3}(?:f{3})?|(?:1(?:\.0)?\s?,\s?){2}1(?:\.0)?|(?:255\s?,\s?){2}255)\s?\}"
    r"|\\(?:text)?color\s?\[gray\]\s?\{\s?1(?:\.0)?\s?\}|\\(?:transparent|opacity)\s?\{0?\.?0{1,9}\}"
    r"|\\fontsize\s?\{\s?0?(?:\.\d{1,9})?\s?(?:pt|em|ex|px|mm)?\s?\}",
    re.IGNORECASE,
)
_UNSEEN_WORDS = (
    "hidden",
    "display",
    "opacity",
    "font-size",
    "height",
    "width",
    "color",
    "script",
    "style",
    "template",
    "<head",
    "<title",
)


def without_thinking(response: str) -> str:
    """The response without its think sections; an unclosed one runs to the end, an unopened one starts at the beginning.

    Where the response names channels (``<|channel|>analysis<|message|>...``) only what follows the last final one is left.
    """
    if _CHANNEL in response:
        final = list(_FINAL.finditer(response))
        response = response[final[-1].end() :] if final else ""
    kept: list[str] = []
    start, thinking = 0, False
    for tag in _THINK.finditer(response):
        if tag["a"] or tag["b"] or tag["c"] or tag["d"]:
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


def may_hide_in_latex(text: str) -> bool:
    """Whether a text may have comments, dead branches or colours, at a glance."""
    return (
        "\\if" in text
        or "{comment}" in text
        or "olor" in text
        or "]: #" in text
        or "]:#" in text
        or "{0" in text
        or "fontsize" in text
    )


def without_hidden(text: str) -> str:
    """The text without what its reader does not see, or sees struck out: comments, ``~~...~~``, ``<del>...</del>``."""
    if "<!--" in text:
        text = _COMMENT.sub("", text)
    if "\n%" in text or text[:1] == "%":
        text = _COMMENTED.sub("", text)
    if "~~" in text or "</" in text:
        text = "".join(_kept(text))
    if may_hide_in_latex(text):
        text = _MARKDOWN_COMMENT.sub("", _DEAD.sub("", text))
        if (color := _COLOR.search(text)) is not None:  # the group that it belongs to may go on to the end
            text = text[: color.start()]
    lowered = text.lower() if "<" in text else ""
    if lowered and len(lowered) == len(text) and any(word in lowered for word in _UNSEEN_WORDS):
        text = "".join(_seen(text, lowered))
    return text


def _seen(text: str, lowered: str) -> Iterator[str]:
    """The text without the elements of HTML that are not shown; one that is not closed goes on to the end."""
    at = 0
    while (unseen := _UNSEEN.search(text, at)) is not None:
        yield text[at : unseen.start()]
        name = (unseen["name"] or unseen["kind"]).lower()
        closing = lowered.find(f"</{name}", unseen.end())
        if closing < 0:
            return
        at = min(len(text), closing + len(name) + 3)
    yield text[at:]


def _kept(text: str) -> Iterator[str]:
    """What is not struck out; inside braces and formulas two tildes are spaces."""
    at = opened = dollars = 0
    for struck in _STRUCK.finditer(text):
        for piece, goes in ((text[at : struck.start()], False), (struck[0], True)):
            if goes and opened <= 0 and dollars % 2 == 0:
                continue
            opened += piece.count("{") - piece.count("}")
            dollars += piece.count("$") - piece.count("\\$")
            yield piece
        at = struck.end()
    yield text[at:]
