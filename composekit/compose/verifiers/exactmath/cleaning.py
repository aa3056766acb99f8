"""Answers without what only dresses them."""

from __future__ import annotations

import re

from composekit.compose.verifiers.exactmath.dress import undressed
from composekit.compose.verifiers.exactmath.lexer import to_ascii

_DRESSED = re.compile(
    r"[^\x00-\x7f]|\\(?:rm|bf|it|sf|[hv]space|q?quad|boldsymbol|mathbf|bm|over)(?![A-Za-z])|\\\\\Z|\{ ?\\(?:text|mathrm) ?\{"
    r"|\bUS ?\\?\$|US\\?\$ ?\}|U\.S\.|Q\.?E\.?D|matrix ?\{|\\{4}|\A\"|(?i:negative|minus)|\bto\b|\b(?:of|in)\b"
)
_PAIRED_DOLLARS = re.compile(r"(?<!\\)\$(?=\S)((?:\\.|[^$\\])*?)(?<=[^\s\\])\$(?!\d)")
_BOLD = (r"\mathbf{", r"\boldsymbol{", r"\bm{", r"\mathrm{")
_CALCULATION = re.compile(
    r"[0-9+*/=^]|(?<![A-Za-z])[a-z] ?- ?[a-z](?![A-Za-z])|\\(?!text|math)[a-z]"
)  # what is bold here is no letter that may be a vector, and no word
_LEADING_SPACE = re.compile(
    r"(?:\s|~|\\[ ,;:!]|\\(?:text)?color\s*\{[A-Za-z!0-9]{1,30}\}"
    r"|\\(?:displaystyle|therefore|Rightarrow|implies|small|normalsize|large|Large|LARGE|huge|Huge)(?![A-Za-z]))+"
)
_SPACE = re.compile(r"\s+")
_DECIMAL = re.compile(r"\d\.\d{1,40}\Z")
_STOPS = " \t\r\n\f\v~.,;:✓✔✅☑🎉\ufe0f"
_TICK = re.compile(r"\\(?:checkmark|blacksquare|square|qed)\Z")


def clean(text: str) -> str:
    """The answer without what only dresses it: mathematics delimiters, one enclosing box, emphasis, a final full stop."""
    text = _SPACE.sub(" ", to_ascii(text) if not text.isascii() else text)
    text = _peeled(text)
    return _peeled(undressed(text)) if _DRESSED.search(text) else text


def _peeled(text: str) -> str:
    """Without delimiters, boxes and white space around it all, layer by layer."""
    for _ in range(6):
        before = text
        text = _strip_edges(text)
        for opening, closing in ((r"\[", r"\]"), (r"\(", r"\)"), ("**", "**"), ("`", "`"), ("__", "__")):
            if text.startswith(opening) and text.endswith(closing) and len(text) >= len(opening) + len(closing):
                inner = text[len(opening) : -len(closing)]
                if opening not in inner and closing not in inner:
                    text = inner
        if text.startswith("$$") and text.endswith("$$") and len(text) >= 4:
            text = text[2:-2]
        if text.startswith("$") and text.find("$", 1) == len(text) - 1 and not text.endswith(r"\$"):
            text = text[1:-1]  # white space inside the delimiters may hide a stop
        text = _unboxed(text)
        if "$" in text:
            text = _PAIRED_DOLLARS.sub(r"\1", text)
        if text == before:
            break
    return text


def _strip_edges(text: str) -> str:
    """Without white space and spacing commands at both ends, and without stops at the end."""
    leading = _LEADING_SPACE.match(text)
    text = text[leading.end() :] if leading else text
    while True:
        stripped = text.rstrip(_STOPS)
        if stripped.endswith(("k", "e", "d")) and (tick := _TICK.search(stripped, max(0, len(stripped) - 12))):
            stripped = stripped[: tick.start()]
        elif stripped.endswith(r"\!"):
            stripped = stripped[:-2]
        elif stripped.endswith("\\") and not stripped.endswith("\\\\"):
            stripped = stripped[:-1]  # the backslash of a spacing command
        if stripped == text or (len(text) > len(stripped) + 2 and _goes_on(stripped, text[len(stripped) :])):
            return text
        text = stripped


def _goes_on(value: str, tail: str) -> bool:
    """Whether the dots behind a value are more digits (``0.3...``) or items (``1, 2, ...``), and no stops."""
    return "..." in tail.replace(" ", "") and ("," in tail or _DECIMAL.search(value) is not None)


def _unboxed(text: str) -> str:
    """Without one box, underline or bold type around it all."""
    for name in (r"\boxed{", r"\fbox{", r"\framebox{", r"\underline{", *_BOLD):
        if text.startswith(name) and text.endswith("}") and _balanced(text[len(name) : -1]):
            inner = text[len(name) : -1]
            return text if name in _BOLD and not _CALCULATION.search(inner) else inner
    return text


def _balanced(text: str) -> bool:
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", text):
        depth += 1 if brace == "{" else -1
        if depth < 0:
            return False
    return depth == 0
