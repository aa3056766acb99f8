r"""Sets of real numbers in words: ``all real numbers except 0``, ``all real numbers greater than 2``."""

from __future__ import annotations

import re

_LONGEST = 300
_ALL = re.compile(
    r"(?:[a-z] ?\\in ?)?(?:\\mathbb ?\{? ?R ?\}?|(?:\\text ?\{)? ?(?:the set of )?all "
    r"(?:real (?:numbers|values(?: of)?)|reals?)"
    r"(?: [a-z](?![a-z]))? ?\}?(?: ?\$?[a-z](?![a-z])\$?)?)",
    re.IGNORECASE,
)
_BUT = re.compile(
    r",? ?(?:\\text ?\{)? ?,? ?(?P<word>except(?: for)?|excluding|other than|but not|apart from|not equal to|not including)?"
    r"(?:(?:,? ?(?:where|with|when|and|such that|but)))? ?\}? ?(?P<first>.+)",
    re.IGNORECASE,
)
_BOUND = re.compile(
    r"(?:\\text ?\{)? ?(?:the set of )?all (?:real )?numbers "
    r"(?:(?:that are )?(?:(?P<more>greater|more|larger)|less|smaller) than(?P<orequal> or equal to)?) ?\}? ?"
    r"(?P<value>[-+]?(?:[\d./{} ]|\\[dt]?frac|\\sqrt|\\pi)+)",
    re.IGNORECASE,
)
_AND = re.compile(r" ?(?:, ?(?:\\text ?\{ ?)?(?:and ?)?\}?|\\text ?\{ ?,? ?(?:and|or) ?\}|\b(?:and|or)\b) ?")
_POINT = re.compile(
    r"(?:[a-z] ?(?P<sign>=|\\neq?(?![a-z])|!=) ?)?(?P<value>[-+]?(?:[\d./{}^() ]|\\[dt]?frac|\\sqrt|\\pi)+)\}?"
)


def in_symbols(text: str) -> str:
    r"""The set difference or the inequality that a text says in words; other texts as they are.

    Example:
        >>> in_symbols(r"\text{all real numbers except } -1 \text{ and } 2")
        '\\mathbb{R} \\setminus \\{-1, 2\\}'
        >>> in_symbols(r"\text{all real numbers } 0"), in_symbols(r"x \in \mathbb{R}, x \neq 0")
        ('\\text{all real numbers } 0', '\\mathbb{R} \\setminus \\{0\\}')
        >>> in_symbols(r"\text{all real numbers greater than } 2")
        'x > 2'
    """
    bound = _BOUND.fullmatch(text) if len(text) <= _LONGEST else None
    if bound is not None:
        sign = (r"\ge" if bound["orequal"] else ">") if bound["more"] else (r"\le" if bound["orequal"] else "<")
        return f"x {sign} {_closed(bound['value'].strip())}"
    head = _ALL.match(text) if len(text) <= _LONGEST else None
    rest = _BUT.fullmatch(text, head.end()) if head else None
    if rest is None:
        return text
    points = [_POINT.fullmatch(piece.strip(" ${")) for piece in _AND.split(rest["first"])]
    if not points or any(point is None for point in points):
        return text
    found = [point for point in points if point is not None]
    signs = {(point["sign"] or "").replace("q", "") for point in found}
    if not (signs <= {"", "=", "\\ne"} if rest["word"] else found[0]["sign"] and "=" not in signs):
        return text
    values = ", ".join(_closed(point["value"].strip()) for point in found)
    return rf"\mathbb{{R}} \setminus \{{{values}\}}"


def _closed(value: str) -> str:
    """Without the brace that closed a text around it."""
    return value[:-1] if value.count("}") > value.count("{") else value
