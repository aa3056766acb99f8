"""Answers that say one value twice: ``150 minutes (2 hours 30 minutes)``, ``1/2, i.e. 50%``, ``all real numbers, (-oo, oo)``.

Who says the same in other words has not hedged. So each of the two must be worth the gold answer by itself.
"""

from __future__ import annotations

import re

MAX_ANSWER = 200
_TEXT = re.compile(r"\\(?:text|mathrm|mbox)\s?\{([^{}]*)\}")
_AGAIN = r"(?:or(?: equivalently)?,?|i\.\s?e\.,?|that is,?|equivalently,?|which (?:is|equals)|=)\s"
_ASIDE = re.compile(rf"(?P<one>[^()]*[^()\s]) ?\((?:{_AGAIN})?(?P<other>[^()]+)\)[.*$ ]*")
_JOINED = re.compile(rf"(?P<one>.*?[^\s,$]\$?),? (?:{_AGAIN})(?P<other>\S.*)")
_NAMED_SET = re.compile(r"(?P<one>(?:[A-Za-z]+ ){1,5}[A-Za-z]+),? (?P<other>[$(\[\\].*)")  # all real numbers, (-oo, oo)


def said_twice(answer: str) -> tuple[str, str] | None:
    r"""The two ways in which an answer may say one value; None where it does not look so.

    Example:
        >>> said_twice("150 minutes (2 hours 30 minutes)"), said_twice("all real numbers, $(-2, 2)$"), said_twice("7, 8")
        (('150 minutes', '2 hours 30 minutes'), ('all real numbers', '(-2, 2)'), None)
    """
    if len(answer) > MAX_ANSWER:
        return None
    plain = " ".join(_TEXT.sub(r" \1 ", answer).split())
    match = _JOINED.fullmatch(plain) or _NAMED_SET.fullmatch(plain) or _ASIDE.fullmatch(plain)
    if match is None:
        return None
    one, other = (part.strip(" $*.,") for part in (match["one"], match["other"]))
    return (one, other) if one and other else None
