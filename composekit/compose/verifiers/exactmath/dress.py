r"""What dresses an answer without a meaning of its own: ``{\rm cm}``, ``{\bf \text{east}}``, ``18\text{元}``, "QED"."""

from __future__ import annotations

import re
import unicodedata

_TYPE = re.compile(
    r"\{\s{0,3}\\(?:rm|bf|it|sf)(?:\s{1,3}|(?=\\))(?:\\text\{)?([A-Za-z ]{1,30})\}{1,2}|\\(?:rm|sf)\s?\{([A-Za-z ]{1,30})\}"
)
_BRACED_UNIT = re.compile(r"(?<=[\d ])\{\s?(\\(?:text|mathrm)\s?\{[^{}]{1,30}\})\s?\}")
_SPACING = re.compile(
    r"\\[hv]space\*?\s?\{[^{}]{0,12}\}|(?:\\\\\s?){1,9}\Z|\A(?:\\q?quad\s?){1,9}|(?:\\q?quad\s?){1,9}\Z"
)
_BOLD_WORD = re.compile(r"\\(?:boldsymbol|mathbf|bm)\s?\{\s?(\\text\s?\{[^{}]{1,60}\})\s?\}")
_OVER = re.compile(r"\{([^{}]{1,40})\\over(?![A-Za-z])\s?([^{}]{1,40})\}")
_LONE_TYPE = re.compile(r"\A\\(?:rm|bf|it|sf)(?![A-Za-z])\s?(?=[A-Za-z\\])")  # to the end of the box
_OVER_ALL = re.compile(r"\A(-?\{[^{}]{1,40}\}|[^{}=,]{1,40})\\over(?![A-Za-z])\s?(\{[^{}]{1,40}\}|[^{}=,]{1,40})\Z")
_AMERICAN = re.compile(r"\\text\s?\{\s?US\s?\\?\$\s?\}|\bUS\s?\\?\$(?=\s?\d)|\bU\.S\. (?=dollars?\b)")
_NEGATIVE = re.compile(r"\A(?:\\text\s?\{\s?)?(?:negative|minus)\s?\}?\s?(?=\$?\d)", re.IGNORECASE)
_TO = re.compile(r"\A(?:\\text\s?\{)?\s?(\d{1,9})\s?(?:\\text\s?\{)?\s?to\s?\}?\s?(\d{1,9})\s?\}?\Z")
_OUT_OF = re.compile(r"\A(\d{1,9})\s?(?:\\text\s?\{)?\s?(?:out of|in)\s?\}?\s?(\d{1,9})\Z")
_ESCAPED_ROW = re.compile(r"(?<!\\)\\{4}(?!\\)")
_PLAIN_MATRIX = re.compile(r"\\([pbB]?matrix) ?\{((?:[^{}]|\{(?:[^{}]|\{[^{}]{0,60}\}){0,60}\}){1,600})\}")
_QUOTED = re.compile(r'\A"([^"]{1,200})"\Z')
_END_OF_PROOF = re.compile(r"[.\s$]\s{0,3}(?:QED|Q\.E\.D\.?|[\u25a1\u25a0\u220e\u25fb\u2b1c])[.\s$]{0,3}\Z")
# Counters and units of Chinese and Japanese; not the scales, and nothing worth a part of another unit.
_EASTERN = re.compile(
    r"(?<=[\d}])\s?(?:\\text\s?\{\s?)?(?:元|美元|日元|円|个|個|人|名|只|本|页|張|张|块|岁|歳|天|日|小时|分钟|秒|周|年|米|厘米|公分|毫米|千米|公里"
    r"|平方米|平方厘米|立方厘米|立方米|克|千克|公斤|升|毫升|度|次|种|辆|棵|条|件|支|瓶|盒|袋|组|位)\s?\}?\Z"
)


def undressed(text: str) -> str:
    r"""The text without marks of type, spacing, currency and proof, and with signs and ratios for the words that say them.

    Example:
        >>> undressed(r"18{\rm cm}"), undressed(r"{2 \over 3}"), undressed("negative 50"), undressed(r"3 \text{ to } 2")
        ('18\\text{cm}', '\\frac{2 }{3}', '-50', '3:2')
    """
    if not text.isascii():
        text = _EASTERN.sub("", _END_OF_PROOF.sub("", text))
        text = "".join(map(_without_accent, text))
    if "\\\\\\\\" in text and "\\begin" in text:
        text = _ESCAPED_ROW.sub(r"\\\\", text)
    if "matrix" in text:
        text = _PLAIN_MATRIX.sub(_environment, text)
    if "\\" in text:
        text = _BOLD_WORD.sub(r"\1", _TYPE.sub(lambda m: rf"\text{{{m[1] or m[2]}}}", text))
        text = _SPACING.sub(" ", _BRACED_UNIT.sub(r"\1", _LONE_TYPE.sub("", text)))
        text = _OVER_ALL.sub(r"\\frac{\1}{\2}", _OVER.sub(r"\\frac{\1}{\2}", text))
    if "US" in text or "U.S." in text:
        text = _AMERICAN.sub(lambda m: "" if m[0].startswith("U.") else r"\$", text)
    if text.endswith(("QED", "D.", "QED.")):
        text = _END_OF_PROOF.sub("", text)
    if text.startswith('"'):
        text = _QUOTED.sub(r"\1", text)
    if text[:6] in ("\\text{", "\\text ") or text[:1] in "nNmM":
        text = _NEGATIVE.sub("-", text)
    if "to" in text:
        text = _TO.sub(r"\1:\2", text)
    if "in " in text or "of" in text or "in}" in text:
        text = _OUT_OF.sub(r"\\frac{\1}{\2}", text)
    return text


def _environment(matrix: re.Match[str]) -> str:
    r"""The matrix of plain TeX, ``\pmatrix{1 & 2 \cr 3 & 4}``, as an environment."""
    rows = re.sub(r"\\cr(?![A-Za-z])", r"\\\\", matrix[2])
    return rf"\begin{{{matrix[1]}}}{rows}\end{{{matrix[1]}}}"


def _without_accent(c: str) -> str:
    parts = unicodedata.normalize("NFD", c)
    base = parts[0]
    return base if len(parts) > 1 and base.isascii() and base.isalpha() else c
