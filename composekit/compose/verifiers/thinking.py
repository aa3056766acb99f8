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


def without_hidden(text: str) -> str:
    """The text without what its reader does not see, or sees struck out: comments, ``~~...~~``, ``<del>...</del>``."""
    if "<!--" in text:
        text = _COMMENT.sub("", text)
    if "\n%" in text or text[:1] == "%":
        text = _COMMENTED.sub("", text)
    if "~~" in text or "</" in text:
        text = "".join(_kept(text))
    return text


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
