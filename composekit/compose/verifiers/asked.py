"""What a question wants its answer counted in: ``How many dozens?`` is answered by "7 dozen", where the gold answer is 7.

A gold answer mostly leaves its unit to the question. So a response may say again what the question counts in, be it a scale
(dozens, millions) or a unit, and may not name another unit of the same kind: 18 cents are not 18 dollars.
"""

from __future__ import annotations

import re
from functools import lru_cache

from composekit.compose.verifiers.exactmath import units
from composekit.compose.verifiers.exactmath.lexer import Unreadable
from composekit.compose.verifiers.exactmath.reading import readings
from composekit.compose.verifiers.exactmath.tree import Node
from composekit.compose.verifiers.exactmath.vocabulary import names

MAX_PROMPT = 20_000
MAX_ANSWER = 100
_SCALED = re.compile(
    rf"(?P<number>.+?)(?:\s|\\[,;: ]|~)*(?:\\(?:text|mathrm|mbox)\s*\{{\s*)?\b(?P<scale>{'|'.join(units.SCALES)})\b"
    r"(?:[A-Za-z ]|\\text\s*\{|\})*\W*",
    re.IGNORECASE,
)
_MANY = re.compile(r"\bhow many((?: [a-z]+){1,3})", re.IGNORECASE)
_IN = re.compile(r"\bin ([a-z]+)\b", re.IGNORECASE)
_ASKING = re.compile(r"\b(?:how|what|express|find|give|determine|calculate|compute|answer)\b", re.IGNORECASE)
_WORD = re.compile(r"[$¢]|[A-Za-z]+")
_SYMBOLS = names("cm mm km nm ft yd mi kg mg lb oz mL ml")  # but "in" is a word
_DOZENS = re.compile(r"(?<![\d.])(\d{1,6})(?:\s|~|\\[,;: ]|\\text\s?\{){1,6}(dozen|score|gross)\b", re.I)
_CENTS = re.compile(r"\bcents?\b|¢", re.I)
_DOLLARS = re.compile(r"\$\s?\d|\bdollars?\b", re.I)
_KINDS = (
    names("$ ¢"), names("s ms min h d week month year"), names("m cm mm km nm in ft yd mi"), names("g kg mg lb oz"),
    names("L mL gal"), names("Pa kPa MPa atm"), names("J kJ"), names("mW W kW MW"), names("Hz kHz MHz"),
)  # fmt: skip


def without_asked_scale(answer: str, prompt: str) -> str | None:
    r"""The number before a scale word that the question counts in; None where the answer has none or the question does not.

    Example:
        >>> without_asked_scale(r"7 \text{ dozen}", "She bakes 84 rolls. How many dozens is that?")
        '7'
    """
    found = _SCALED.fullmatch(answer) if len(answer) <= MAX_ANSWER else None
    if found is None:
        return None
    scale = found["scale"].lower().removesuffix("s")
    asked = re.search(
        rf"\b(?:how\s+many|number\s+of|in)\s+(?:\w+\s+){{0,2}}?{scale}s?\b", prompt[-MAX_PROMPT:], re.IGNORECASE
    )
    return found["number"] if asked else None


def repeats_dozens(answer: str, prompt: str) -> bool:
    """Whether "7 dozen" answers "How many eggs are in 7 dozen?"."""
    found = _DOZENS.search(answer) if "o" in answer else None
    return (
        found is not None and re.search(rf"(?<![\d.]){found[1]}\s+{found[2]}", prompt[-MAX_PROMPT:], re.I) is not None
    )


def is_in_another_unit(answer: str, prompt: str, gold: str) -> bool:
    r"""Whether an answer states a unit where the question counts in another one of its kind; the gold answer states none.

    Example:
        >>> question = "How many dollars does the pen cost?"
        >>> is_in_another_unit(r"18 \text{ cents}", question, "18"), is_in_another_unit(r"\$18", question, "18")
        (True, False)
    """
    words = _WORD.findall(answer)
    asked = _asked(prompt) if words else None
    if words and not asked and _CENTS.search(answer) and _DOLLARS.search(prompt) and not _CENTS.search(prompt):
        return _unit(answer) == "¢" and _unit(gold) is None
    if not asked or not any(name in kind for word in words for name, _ in units.fold(word) for kind in _KINDS):
        return False
    given = _unit(answer)
    if given is None or given in asked or _unit(gold) is not None:
        return False
    return any(given in kind and not kind.isdisjoint(asked) for kind in _KINDS)


@lru_cache(maxsize=1024)
def _asked(prompt: str) -> frozenset[str]:
    """The units of the kinds that are known here in which a question counts."""
    prompt = prompt[-MAX_PROMPT:]
    words = [word for said in _MANY.findall(prompt) for word in said.split()]
    words += [
        word for sentence in re.split(r"[.!?]", prompt) if _ASKING.search(sentence) for word in _IN.findall(sentence)
    ]
    units_of = (name for word in words if len(word) > 2 or word in _SYMBOLS for name, _ in units.fold(word))
    return frozenset(name for name in units_of if any(name in kind for kind in _KINDS))


def _unit(text: str) -> str | None:
    """The one unit of an answer, not raised to any power."""
    try:
        found = readings(text, gold=False)
    except (Unreadable, RecursionError):
        return None
    node: Node | None = next((core for core in map(_core, found) if core.kind == "unit"), None)
    return node.args[1][0][0] if node is not None and len(node.args[1]) == 1 and node.args[1][0][1] == 1 else None


def _core(node: Node) -> Node:
    while node.kind in ("assign", "neg"):
        node = node.args[3] if node.kind == "assign" else node.args[0]
    return node
