r"""What surrounds a number in an answer: delimiters, a box, a unit, a currency sign, a percent or a degree sign."""

from __future__ import annotations

import re

from composekit.compose.words import SCALES, word_set

_DELIMITERS = (
    ("$$", "$$"), ("$", "$"), (r"\(", r"\)"), (r"\[", r"\]"), (r"\boxed{", "}"), (r"\fbox{", "}"), (r"\text{", "}"),
    (r"\mathbf{", "}"), (r"\mathrm{", "}"),
)  # fmt: skip
_SPACING = re.compile(r"\\[,;:! ]|\\q?quad(?![A-Za-z])|~|\{,\}(?=[0-9])|[\u00a0\u2009\u202f]")
_DEGREES = re.compile(r"\^\s*\{?\s*\\circ\s*\}?|\\degree(?![A-Za-z])|°")
_FRACTIONS = re.compile(r"\\[dtc]frac(?![A-Za-z])")
_NO_MEANING = re.compile(r"\\(?:left|right|displaystyle)(?![A-Za-z])")
_TEXT_UNIT = re.compile(
    r"\\(?:text|mbox|textrm|textnormal|mathrm|rm|hbox)\s*\{([^{}]*)\}\s*(?:\^\s*\{?\s*([23])\s*\}?)?\s*$"
)
_POWER = r"(?:\^\{?-?[0-9]\}?|[²³])?"
_WORD_UNIT = re.compile(rf"(?<=[0-9)}}\s])([A-Za-zΩ]+{_POWER}(?:[ ./*·-][A-Za-zΩ]+{_POWER})*)\s*$")
_ONE_LETTER_UNITS = frozenset("mgshNJWVAKCLΩ")
_NO_UNITS = word_set("or and to mod if when pi sqrt i e x y is no not than am pm dozen dozens st nd rd th") | frozenset(
    SCALES
)


def undress(text: str) -> str:
    """Without delimiters, box, final full stop and spacing commands; look-alike characters made plain."""
    body = text.strip()
    for _ in range(4):
        before = body
        for opening, closing in _DELIMITERS:
            inner = body[len(opening) : len(body) - len(closing)]
            if body.startswith(opening) and body.endswith(closing) and len(body) > len(opening) and "$" not in inner:
                body = inner.strip()
        if body.endswith(".") and not body.endswith("..") and body[:-1].strip():
            body = body[:-1].strip()
        if body == before:
            break
    body = body.replace("\u2212", "-").replace("\u2013", "-").replace("π", r"\pi ")
    body = re.sub(r"(?<=[0-9]),\s*(?:\\!|\{\})\s*(?=[0-9])", ",", body)
    body = re.sub(r"(?<=[0-9])\{,\}(?=[0-9])", ",", body)
    body = re.sub(r"(?<=[0-9])\\,(?=[0-9]{3}(?![0-9]))", ",", body)
    body = _NO_MEANING.sub("", _FRACTIONS.sub(r"\\frac", body))
    return _SPACING.sub(" ", body).strip()


def set_unit_aside(body: str) -> tuple[str, str]:
    """The number's own text and its unit."""
    sign = re.match(r"\s*[-+]?\s*(?=\\?\$)", body)
    if sign is not None:
        return (sign[0] + body[sign.end() :].lstrip("\\").removeprefix("$")).strip(), "dollars"
    stripped, count = _DEGREES.subn(" ", body)
    if count:
        rest = stripped.strip()
        if count > 1 or _DEGREES.split(body)[-1].strip() not in ("", "C", "F"):
            return body, ""  # a sign inside: no number
        scale = rest[-1] if rest[-1:] in ("C", "F") else ""
        return rest.removesuffix(scale).strip(), f"degrees {scale}".strip()
    for mark in (r"\%", "%"):
        if body.endswith(mark):
            return body[: -len(mark)].strip(), "percent"
    match = _TEXT_UNIT.search(body)
    if match is not None and _NO_UNITS.isdisjoint(match[1].lower().split()):
        unit = " ".join(match[1].split()).strip(" .")
        return body[: match.start()].strip(), unit + (f"^{match[2]}" if match[2] else "")
    match = _WORD_UNIT.search(body)
    if match is not None and match.start() > 0 and _is_unit(match[1]):
        return body[: match.start()].strip(), match[1]
    return body, ""


def _is_unit(words: str) -> bool:
    first = re.match(r"[A-Za-zΩ]+", words)
    if first is None or len(words.split()) > 4:
        return False
    names = re.findall(r"[A-Za-zΩ]+", words)
    if any(name.lower() in _NO_UNITS for name in names):
        return False
    return all(len(name) > 1 or name in _ONE_LETTER_UNITS for name in names)
