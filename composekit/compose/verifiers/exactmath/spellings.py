r"""Other spellings of what the grammar reads: ``52 \text{ (base 8)}``, ``90{}^\circ``, equations in an ``aligned`` block."""

from __future__ import annotations

import re

from composekit.compose.verifiers.exactmath.grammar import BASES
from composekit.compose.verifiers.exactmath.reals import in_symbols

_TEXT = r"\\(?:text|textrm|mathrm|mbox|operatorname)\s*\{\s*"
_BASE = rf"(?P<base>\d{{1,2}}|{'|'.join(BASES)})"
_IN_WORDS = re.compile(
    rf"\A(?:{_TEXT})?(?P<digits>\d[0-9A-Z]*)\s*\}}?\s*(?:\\[,;: ]\s*)*[,(]?\s?(?:{_TEXT})?[,(]?\s*"
    rf"(?:in\s+)?base(?:\s|[-~]|\\[,; ])*[}}${{]{{0,2}}\s*{_BASE}[\s}})$]{{0,6}}\Z",
    re.IGNORECASE,
)
_SUBSCRIPT = re.compile(
    rf"_\s*(?:\{{\s*)?(?:\(\s*|{_TEXT}\(?\s*(?:base\s*\}}?\s*)?){_BASE}\s*[)}}]{{1,2}}(?P<end>\s*\}})?"
)
_DIGITS = re.compile(rf"(?<![\w}})\]\\])(?:{_TEXT}|\\overline\s*\{{\s*|\{{\s*)(\d[0-9A-Z]*)\s*\}}(?=\s*_)")
_DEGREE = re.compile(
    r"\\text\s*\{\s*\\(?:textdegree|degree)\s*\}|\\textdegree(?![A-Za-z])"
    r"|\{\}(?=\s*\^\s*\{?\s*\\circ)|(?<=\d)\s*\^\s*\{?\s*(?:\\text\s*\{\s*)?o\s*\}{0,2}\s*\Z"
)
_CURRENCY_INSIDE = re.compile(r"(\\times|\\cdot|\\div|[*+/(-])\s*\\?\$\s*(?=[\d.])")
_SPACE_BEFORE = re.compile(r"(?<![\d\s])\s?\\[,;:]\s?(?=\d)")  # of a number in groups, it is no comma
_SHORTENED = re.compile(
    r"(?<=[a-z ])\b(sq|cu|in|ft|yd|mi|lbs?|oz|hrs?|mins?|secs?|cm)\.(?=[\s}^~]|\Z)|(?<=\{)(sq|cu|in|ft)\.(?=[\s}^~])"
)
_INCHES = re.compile(r"(?<=[\d}])\s*(?:\bin|\\text\s*\{\s*(?:''|\")\s*\}|''|\")(?=\s*\^\s*\{?\s*[23]\s*\}?\s*\Z|\s*\Z)")
_SIZE = re.compile(
    r"\A(?:\\left)?(?:\||\\[lv]vert\s?)\s*([A-Z](?:\s*\\(?:cap|cup)\s*[A-Z]){0,4})\s*(?:\\right)?(?:\||\\[rv]vert)(?=\s*=)"
)
_BLOCK = re.compile(
    r"\A\\begin\s*\{(aligned|align\*?|array|gathered|split)\}(?:\s*\{[clr|\s]{1,9}\})?(.*)\\end\s*\{\1\}\Z", re.DOTALL
)
_REPEATING = re.compile(r"(?<![\d.])(\d*)\.(\d*)\\(?:overline|bar)\s*\{\s*(\d+)\s*\}")
_POWER_OF_TEN = re.compile(r"(?<=\d)\s*[xX]\s*(?=10\s*\^)")
_ROUNDED_ASIDE = re.compile(r"\((?:\\approx|about|approximately|approx\.?|roughly)(?![a-z])([^()]{1,40})\)\Z")
_OTHER_FORM_ASIDE = re.compile(r"(?<=[\d}]) ?\((?:or|i\.e\.,?|that is,?|which is|also) ([^()]{1,40})\)\Z")
_OHMS = re.compile(
    r"([\d}\s,;:])(?:\\(?:text|mathrm)\s*\{\s*([kM]?)\s*(?:\\Omega\s*\}|\}\s*\\Omega)|([kM]?)\s*\\Omega)\s*\Z"
)
_MICRO = re.compile(
    r"([\d}\s,;:])(?:\\(?:text|mathrm)\s*\{\s*\}\s*)?(?:\\mu\s*(?:\\(?:text|mathrm)\s*\{\s*([A-Za-z]{1,8})\s*\}|\s([A-Za-z]{1,2}))"
    r"|\\(?:text|mathrm)\s*\{\s*\\mu\s*([A-Za-z]{1,8})\s*\})\s*\Z"
)
_UNIT = r"\{\s*(\\(?:text|mathrm)\s*\{[A-Za-z\s]{1,24}\}(?:\s*\^\s*\{?\s*[1-4]\s*\}?)?)\s*\}"
_UNIT_FRACTION = re.compile(rf"\\[dt]?frac\s*{_UNIT}\s*{_UNIT}\s*\Z")
_LENGTH = re.compile(r"\A\|\s*([A-Z]{2})\s*\|(?=\s*=)")  # of a segment
_CHOOSE = re.compile(r"\{([^{}]{1,40})\\choose(?![A-Za-z])([^{}]{1,40})\}")
_SYSTEM = re.compile(r"\\begin\s*\{cases\}([^&]*)\\end\s*\{cases\}")
_NOT_EQUAL = re.compile(r"\\not\s*=")
_RATIO_IN_WORDS = re.compile(r"\A(\d{1,9}) to (\d{1,9})\Z")
_OUTWARD_INTERVAL = r"(?:\\left)?\s*([][])([^][();,|]{1,80}[;,][^][();,|]{1,80}?)(?:\\right)?\s*([][])"
_OUTWARD = re.compile(rf"\s*{_OUTWARD_INTERVAL}(?:\s*(?:\\cup|\\cap|U)\s*{_OUTWARD_INTERVAL})*\s*")
_BASED_IN_BRACKETS = re.compile(r"(?<![\w})\]])\(\s*(\d[0-9A-Z]*)\s*\)(?=\s*_)")


def respelled(text: str) -> str:
    r"""The text in the spelling that the grammar reads.

    Example:
        >>> respelled(r"52 \text{ (base 8)}"), respelled(r"52_{\mathrm{eight}}"), respelled(r"90\,{}^\circ")
        ('52_{8}', '52_{eight}', '90\\,^\\circ')
        >>> respelled(r"\begin{aligned} x &= 3 + 4 \\ &= 7 \end{aligned}")
        'x = 3 + 4 = 7'
    """
    if "base" in text or "Base" in text:
        text = _IN_WORDS.sub(lambda m: f"{m['digits']}_{{{m['base'].lower()}}}", text)
    if "_" in text:
        text = _DIGITS.sub(r"\1", _SUBSCRIPT.sub(_plain_subscript, text))
    if "degree" in text or "{}" in text or text.rstrip(" }").endswith("o"):
        text = _DEGREE.sub(lambda m: "" if m[0] == "{}" else r"^\circ", text)
    if "\\" in text:
        text = _SPACE_BEFORE.sub(" ", text)
    text = _INCHES.sub(r"\\text{in}", _SHORTENED.sub(lambda m: m[1] or m[2], text))
    if "|" in text or "vert" in text:
        text = _SIZE.sub(lambda m: "S" if "\\c" in m[1] else m[1], text)
    if "real" in text or "R}" in text or "numbers" in text:
        text = in_symbols(text)
    if "$" in text and "=" in text:
        text = _CURRENCY_INSIDE.sub(r"\1 ", text)
    if text.startswith("\\begin") and (block := _BLOCK.match(text)):
        text = _unstacked(block[2], block[1]) or text
    return text


def _plain_subscript(match: re.Match[str]) -> str:
    braces = match[0].count("{") - match[0].count("}")
    return f"_{{{match['base']}}}" if not braces else match[0]


def _unstacked(body: str, name: str) -> str | None:
    """The lines of a block as one chain, where each goes on with the one before, or as a list of equations."""
    rows = [" ".join(row.split()) for row in body.split(r"\\") if row.strip()]
    if not rows or (name == "array" and (len(rows) > 1 or "&" in body)):
        return None
    plain = [" ".join(row.replace("&", "").split()) for row in rows]
    if all(row.startswith("=") for row in plain[1:]):
        return " ".join(plain)
    return ", ".join(plain) if all("=" in row for row in plain) else None


def rewritten(text: str) -> str:
    r"""The text, its numbers joined, in what the parser reads: ``]2,3[``, ``4 \choose 2``, ``1.5 x 10^3``, ``3 to 4``."""
    if "_" in text:
        text = _BASED_IN_BRACKETS.sub(r"\1", text)
    if "overline" in text or "bar" in text:
        text = _REPEATING.sub(_repeating, text)
    if "x" in text or "X" in text:
        text = _POWER_OF_TEN.sub(r"\\times ", text)
    if text.endswith(")") and "(" in text:
        text = _OTHER_FORM_ASIDE.sub(r"=\1", _ROUNDED_ASIDE.sub(r"\\approx \1", text))
    if "not" in text:
        text = _NOT_EQUAL.sub(r"\\ne ", text)
    if ("[" in text or "]" in text) and _OUTWARD.fullmatch(text):
        text = _turned_inward(text)
    if " to " in text:
        text = _RATIO_IN_WORDS.sub(r"\1:\2", text)
    if "frac" in text and ("text" in text or "mathrm" in text):
        text = _UNIT_FRACTION.sub(r"\1/\2", text)
    if text.startswith("|"):
        text = _LENGTH.sub(r"\1", text)
    if "choose" in text:
        text = _CHOOSE.sub(r"\\binom{\1}{\2}", text)
    if "cases" in text and (system := _SYSTEM.fullmatch(text)):
        text = ", ".join(row for row in system[1].split(r"\\") if row.strip())
    return text


def _turned_inward(text: str) -> str:
    """``]2, 3[`` is the open interval ``(2, 3)``, in the notation of Bourbaki."""

    def turn(match: re.Match[str]) -> str:
        return ("(" if match[1] == "]" else "[") + match[2] + (")" if match[3] == "[" else "]")

    return re.sub(_OUTWARD_INTERVAL, turn, text)


def _repeating(match: re.Match[str]) -> str:
    whole, fixed, period = match.groups()
    low, high = int(whole + fixed or "0"), int(whole + fixed + period)
    return rf"\frac{{{high - low}}}{{{10 ** len(fixed) * (10 ** len(period) - 1)}}}"


def greek_units(text: str) -> str:
    r"""The text with a unit in Greek letters at its end in Latin ones: ``25\,\text{k}\Omega``, ``3\,\mu\text{m}``."""
    if "Omega" in text:
        text = _OHMS.sub(lambda m: rf"{m[1]}\text{{{m[2] or m[3] or ''}ohm}}", text)
    if "mu" in text:
        text = _MICRO.sub(lambda m: rf"{m[1]}\text{{micro{m[2] or m[3] or m[4]}}}", text)
    return text
