r"""Formulas that stand beside a box as a second answer: ``\boxed{\frac12} or $\frac13$``, ``\boxed{x+1}. No wait, $x-1$``.

Texts alone do not tell whether two formulas are one value, so what is found here is only offered: whoever asked compares.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

MAX_FORMULA = 200
_BEFORE = 2 * MAX_FORMULA
_FORMULA = (
    rf"(?:\$(?P<{{0}}>[^$\n]{{{{1,{MAX_FORMULA}}}}})\$(?!\d)|\\\((?P<{{0}}_round>[^\n]{{{{1,{MAX_FORMULA}}}}}?)\\\))"
)
_SHUT = r"(?:[$*)\]}\s]|\\[)\]!,; ]){0,12}"
_HEDGE = (
    r"(?:or|otherwise|else|alternatively|maybe|perhaps|possibly)\b[,:]?"
    r"(?:\s(?:maybe|perhaps|possibly|even|it(?:['’]s|\sis)))?"
)
_TURN = (
    r"(?:(?:oh|no|wait|hmm+|oops|sorry|actually|but|correction|rather)\b[,.:!–—-]{0,3}\s{0,3}){1,4}"
    r"|(?:i\smeant?|make\s(?:it|that))\s{1,3}"
)
_IT_IS = (
    r"(?:it|this|that|the\s(?:correct\s|right\s|real\s|true\s)?answer)"
    r"(?:['’]s|\s(?:is|(?:should|must|could|might|may)(?:\shave)?\sbe(?:en)?))\s{1,3}"
)
_END = r"[$*).\s]{0,6}(?:\n|\Z)"
_BEHIND = re.compile(
    rf"{_SHUT}[,;.(]?\s{{0,3}}(?:{_HEDGE}\s{{1,3}}[*(]{{0,3}}{_FORMULA.format('hedged')}"
    rf"|[.;–—-]?\s{{0,3}}(?:{_TURN})(?:{_IT_IS})?[*(]{{0,3}}{_FORMULA.format('turned')}"
    rf"|(?:{_IT_IS})[*(]{{0,3}}{_FORMULA.format('named')}{_END}"
    rf"|[,;/|&]?\s{{0,3}}[*(]{{0,3}}{_FORMULA.format('beside')}{_END}"
    rf"|(?:if|when|assuming|unless|provided)\b[^.\n$]{{1,80}}?(?:\b(?:otherwise|else|or|and|but)\b,?|[,;])\s{{1,3}}{_FORMULA.format('else')}"
    rf"|and\s{{1,3}}{_FORMULA.format('also')}\s(?:\w{{1,9}}\s){{0,3}}?(?:possible|fine|valid|correct|right|acceptable|works?)\b)",
    re.IGNORECASE,
)  # fmt: skip
_RAW = re.compile(
    rf"{_SHUT}(?:or\b|-{{1,2}}>|=>|[→⇒])\s{{0,3}}(?P<raw>[^$\n.;]{{1,{MAX_FORMULA}}}?)[\s$.)\]\\]{{0,6}}(?:\n|\Z)"
)
_IN_FRONT = re.compile(
    rf"(?:(?:\A|\n)[\s*>]{{0,9}}{_FORMULA.format('first')}\s{{0,3}}[,;/|&]?|{_FORMULA.format('either')}\s{{0,3}},?\s{{0,3}}or\b)[\s$*(\\\[]{{0,6}}\Z"
)
_ARROW = re.compile(r"[-=]>|[→⇒]")
# What such a formula ends with, at a glance: a closed formula, and something behind it before the box.
_MAY_BE_IN_FRONT = re.compile(r"(?:\$|\\\))(?:\s|[,;/|&]|or\b).{0,12}\Z", re.DOTALL)
_NAMED = re.compile(r"\A\s?[A-Za-z](?:_\w)?\s?=")
_RELATION = re.compile(r"[=<>≤≥≠∈]|\\(?:leq?|geq?|neq?|in|lt|gt|equiv|approx|sim|p?mod|bmod)(?![A-Za-z])")
_UNIT = re.compile(r"\\(?:text|mathrm|mbox)\s?\{[^{}]*\}(?:\s?\^\s?\{?-?\d\}?)?|\^\s?\{?\s?\\circ\s?\}?")
_WORDS = re.compile(r"\A\s?\\(?:text|mathrm|mbox|textbf)\s?\{[^{}]*\}\s?\Z")
_MATHEMATICS = re.compile(r"\d|\\[A-Za-z]|[∞π√]")
_COMMAND = re.compile(
    r"\\(?:begin|end)\s?\{\w+\*?\}|\\(?:text|mathrm|mbox|operatorname)\s?\{[^{}]*\}|\\[A-Za-z]+|\b(?:sin|cos|tan|ln|log|pi|sqrt)\b"
)
_PROSE = re.compile(r"[A-Za-z]{3,}|[\u4e00-\u9fff]{2,}")
_LAYOUT = re.compile(r"\s|\\[,;:! ]|\\(?:left|right|displaystyle)(?![A-Za-z])|[{}]|[.$]+\Z|\A\$+")


def formulas_beside(text: str, content: str, start: int, end: int) -> Iterator[str]:
    r"""The formulas that the text offers beside a box as another answer.

    Example:
        >>> text = r"\boxed{x+1} or $x-1$"
        >>> list(formulas_beside(text, "x+1", 0, 11)), list(formulas_beside(r"\boxed{x+1} or $x + 1$", "x+1", 0, 11))
        (['x-1'], [])
    """
    if not is_formula(content):
        return
    led = _MAY_BE_IN_FRONT.search(text, max(0, start - 16), start) is not None
    before = _IN_FRONT.search(text, max(0, start - _BEFORE), start) if led else None
    rest = text[end : end + _BEFORE]
    if rest[:1] == "{" and (braced := group(rest)) and are_unlike(content, braced):
        yield braced
    if "\\text" in rest:
        rest = re.sub(r"\\text\s?\{\s?(or|otherwise|else)\s?\}\s?", r" \1 ", rest)
    behind = _BEHIND.match(rest) if "$" in rest[2:] or "\\(" in rest else None
    raw = _RAW.match(rest) if "or" in rest[:24] or _ARROW.search(rest[:24]) else None
    for found in (before, behind, raw):
        for name, said in found.groupdict().items() if found is not None else ():
            if (
                said
                and _answers(said, strict=not name.startswith(("hedged", "either", "raw")))
                and are_unlike(content, said)
            ):
                yield said


def _answers(said: str, *, strict: bool) -> bool:
    """Whether a formula may be an answer: no condition, no unit and no name alone; behind an "or" a named value is one."""
    if _RELATION.search(_NAMED.sub("", said) if not strict else said):
        return False
    return is_formula(said) and (bool(_MATHEMATICS.search(_UNIT.sub("", said))) or _WORDS.match(said) is not None)


def are_unlike(one: str, other: str) -> bool:
    """Whether two texts are formulas, and are written differently."""
    one, other = one.strip(" $"), other.strip(" $")
    if not (is_formula(one) and is_formula(other)) or bool(_WORDS.match(one)) != bool(_WORDS.match(other)):
        return False
    return _LAYOUT.sub("", one).replace("dfrac", "frac") != _LAYOUT.sub("", other).replace("dfrac", "frac")


def is_formula(text: str) -> bool:
    r"""Whether a text is mathematics without prose around it, or ``\text{...}`` alone."""
    if not 0 < len(text) <= MAX_FORMULA or "<<" in text or _MATHEMATICS.search(text) is None:
        return False
    return _PROSE.search(_COMMAND.sub(" ", text)) is None


def group(text: str) -> str:
    """What stands in the group of braces that a text begins with."""
    depth = 0
    for at, char in enumerate(text):
        depth += (char == "{") - (char == "}")
        if not depth:
            return text[1:at]
    return ""
