r"""From the characters of an answer to tokens.

Layout commands (``\left``, ``\,``, ``\displaystyle``, ...) vanish, typographic variants fold into one (full-width digits,
U+2212, superscripts, vulgar fractions), and what stands in ``\text{...}`` comes out as words instead of variables. A
character that is not understood is an error, never skipped: it could change the meaning.
"""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

MAX_CHARACTERS = 20_000
MAX_DIGITS = 4_000
MAX_TOKENS = 1_500
MAX_NESTING = 30


class Unreadable(Exception):
    """The text is no answer in the grammar of this package."""


class OverLimit(Unreadable):
    """The text is longer, deeper or has longer numbers than any answer."""


class Token(NamedTuple):
    """``kind``: num, based, run (mathematical letters), word (letters of text), cmd, env, op; ``gap``: after a space."""

    kind: str
    text: str
    gap: bool


_INVISIBLE = dict.fromkeys([*range(0x200B, 0x2010), *range(0x202A, 0x202F), *range(0x2060, 0x2065), 0xFEFF, 0x00AD])
_CHARACTERS = {
    "−": "-", "﹣": "-", "－": "-", "–": "-", "‐": "-", "‑": "-", "×": r"\times ", "✕": r"\times ", "·": r"\cdot ",
    "⋅": r"\cdot ", "•": r"\cdot ", "∙": r"\cdot ", "÷": "/", "∕": "/", "⁄": "/", "√": r"\sqrt ", "∛": r"\sqrt[3]",
    "π": r"\pi ", "∞": r"\infty ", "°": r"^\circ ", "º": r"^\circ ", "±": r"\pm ", "∓": r"\mp ", "≤": r"\le ",
    "⩽": r"\le ", "≥": r"\ge ", "⩾": r"\ge ", "≠": r"\ne ", "≈": r"\approx ", "∈": r"\in ", "∪": r"\cup ",
    "∩": r"\cap ", "∅": r"\emptyset ", "ℝ": r"\mathbb{R}", "θ": r"\theta ", "α": r"\alpha ", "β": r"\beta ",
    "γ": r"\gamma ", "δ": r"\delta ", "λ": r"\lambda ", "μ": r"\mu ", "\u00b5": r"\mu ",
    "ω": r"\omega ", "φ": r"\phi ", "σ": r"\sigma ",
    "τ": r"\tau ", "ρ": r"\rho ", "ε": r"\epsilon ", "Δ": r"\Delta ", "Ω": r"\Omega ", "€": r"\€", "£": r"\£",
    "¥": r"\¥", "₹": r"\₹", "¢": r"\¢", "′": "'", "’": "'", "‘": "'", "“": '"', "”": '"', "⟨": r"\langle ",
    "⟩": r"\rangle ", "，": ", ", "、": ", ", "。": ". ", "；": ";", "∖": r"\setminus ", "∠": r"\angle ", "△": r"\triangle ",
}  # fmt: skip
_SUPERSCRIPTS = {ord(a): b for a, b in zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ", "0123456789+-n", strict=True)}
_SUBSCRIPTS = {ord(a): b for a, b in zip("₀₁₂₃₄₅₆₇₈₉", "0123456789", strict=True)}
_RUN_OF_SUPERSCRIPTS = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿ]+")
_RUN_OF_SUBSCRIPTS = re.compile("[₀₁₂₃₄₅₆₇₈₉]+")


def to_ascii(text: str) -> str:
    """Fold typographic characters into ASCII and LaTeX; characters without a meaning here stay as they are."""
    text = text.translate(_INVISIBLE)
    text = _RUN_OF_SUPERSCRIPTS.sub(lambda m: "^{" + m[0].translate(_SUPERSCRIPTS) + "}", text)
    text = _RUN_OF_SUBSCRIPTS.sub(lambda m: "_{" + m[0].translate(_SUBSCRIPTS) + "}", text)
    return "".join(c if c.isascii() else _fold_character(c) for c in text)


def _fold_character(c: str) -> str:
    if c in _CHARACTERS:
        return _CHARACTERS[c]
    if c.isspace():
        return " "
    if c.isdecimal():
        return str(unicodedata.decimal(c))
    if unicodedata.decomposition(c).startswith("<fraction>"):
        top, _, bottom = unicodedata.normalize("NFKC", c).partition("⁄")
        return rf"\frac{{{top}}}{{{bottom}}}" if top and bottom else c
    if 0xFF01 <= ord(c) <= 0xFF5E or 0x1D400 <= ord(c) <= 0x1D7FF:
        folded = unicodedata.normalize("NFKC", c)
        return folded if folded.isascii() else _CHARACTERS.get(folded, c)
    return c


_LAYOUT = (
    r"\\(?:left|right)\s*\.|"
    r"\\(?:left|right|middle|[bB]igg?[lrm]?|displaystyle|textstyle|scriptstyle|limits|nolimits|quad|qquad|thinspace|enspace"
    r"|space|rm|bf|it|tt|hfill|nobreak|relax|null|underline|tiny|scriptsize|footnotesize|small|normalsize|large|Large|LARGE"
    r"|huge|Huge)(?![A-Za-z])|\\(?:text)?color\s*\{[A-Za-z!0-9]{1,30}\}|\\[,;:!> ]|\\\n|~|\s"
)
_TEXT = r"\\(?:text|textrm|textbf|textit|textsf|texttt|mbox|hbox|mathrm|mathsf|mathtt|mathit|operatorname\*?)\s*\{"
_BASE = (
    r"_\s*(?:\{\s*\d{1,2}\s*\}|\d{1,2}(?!\d)|"
    r"\{?\s*(?:\\text\s*\{)?\s*(?:two|three|four|five|six|seven|eight|nine|ten)\b\s*\}{0,2})"
)
_NUMBER = r"(?:\d+(?:\.\d+)?|\.\d+)"
_TOKEN = re.compile(
    rf"(?P<space>(?:{_LAYOUT})+)|(?P<text>{_TEXT})|(?P<env>\\(?:begin|end)\s*\{{\s*[A-Za-z]+\*?\s*\}})|(?P<cmd>\\[A-Za-z]+)|"
    r"(?P<row>\\\\\s*\[[^\]\\]{0,12}(?:pt|em|ex|mm|cm)\s*\])|"
    rf"(?P<special>\\[^A-Za-z0-9\s])|(?P<based>(?:\d[0-9A-Z]*|[A-F][0-9A-F]+(?=_\{{?1[1-6])){_BASE})|"
    rf"(?P<num>{_NUMBER}(?:[eE][+-]?\d+(?![A-Za-z\d._^]))?)|(?P<run>[A-Za-z]+)|"
    r"(?P<op>\*\*|<=|>=|(?<![\d)}])!=|==|[-+*/^_=<>(){}\[\]|,;:!'%&$\"?])"
)


def tokenise(text: str) -> list[Token]:
    """The tokens of an answer; raises :class:`Unreadable` for a character that is not understood."""
    if len(text) > MAX_CHARACTERS:
        raise OverLimit(f"more than {MAX_CHARACTERS} characters")
    tokens: list[Token] = []
    text_depth: list[int] = []  # brace depths at which \text{...} groups opened
    depth = 0
    gap = False
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            raise Unreadable(f"unexpected character {text[at]!r}")
        kind, value, at = match.lastgroup or "", match[0], match.end()
        if kind == "space":
            gap = True
            continue
        if kind in ("num", "based") and len(value) > MAX_DIGITS:
            raise OverLimit(f"a number of more than {MAX_DIGITS} digits")
        if kind == "text":
            depth += 1
            text_depth.append(depth)
            gap = True
            continue
        if value == "{":
            depth += 1
        elif value == "}":
            depth -= 1
            if text_depth and depth < text_depth[-1]:
                text_depth.pop()
                gap = True
                continue
        if kind == "run" and text_depth and value not in ("e", "i"):
            kind = "word"
        elif kind == "row":
            kind, value = "cmd", "\\\\"
        elif kind == "special":
            kind, value = ("cmd", "\\\\") if value == "\\\\" else ("op", value)
        if len(tokens) >= MAX_TOKENS:
            raise OverLimit(f"more than {MAX_TOKENS} symbols")
        tokens.append(Token(kind, value[1:] if kind == "cmd" and value != "\\\\" else value, gap))
        gap = False
    if depth:
        raise Unreadable("braces do not match")
    return tokens
