r"""Remainders stated by a congruence: :math:`58 \equiv 28 \pmod{30}` answers what 58 leaves when it is divided by 30."""

from __future__ import annotations

import re
from math import prod
from typing import Any

from composekit.compose.verifiers.canonical import canonical_of
from composekit.compose.verifiers.finished import has_letters
from composekit.compose.verifiers.written import whole_number

MAX_ANSWER = 300
MAX_PROMPT = 20_000
_MODULUS = re.compile(
    r"\s?(?:\\[,;:! ]|\\quad)?\s?\(?\s?(?:\\(?:pmod|pod|bmod|mod)|(?:\\text\s?\{\s?)?mod)(?![a-z])"
    r"\s?\}?\s?\{?\s?(\d{1,9})\s?\}?\s?\)?"
)
_EQUIVALENT = re.compile(r"\\equiv(?![A-Za-z])|≡")
_ASKED = re.compile(r"remainder|\bmod|residue|congruent|\bdigit|\\pmod|\\equiv", re.IGNORECASE)


def residue(answer: str, prompt: str) -> str | None:
    r"""The remainder that a congruence ends in, or ``58 \bmod 30 = 28``; None where it does not hold or is not asked for.

    Example:
        >>> question = "What is the remainder when 58 is divided by 30?"
        >>> residue(r"58 \equiv 28 \pmod{30}", question), residue(r"59 \equiv 28 \pmod{30}", question)
        ('28', None)
    """
    found = _MODULUS.search(answer) if len(answer) <= MAX_ANSWER else None
    if found is None or not int(found[1]) or not _ASKED.search(prompt[-MAX_PROMPT:]):
        return None
    rest = answer[found.end() :].strip(" .$")
    sides = [side.strip(" $") for side in _EQUIVALENT.split(answer[: found.start()])]
    if rest.startswith("=") and len(sides) == 1:  # 58 mod 30 = 28
        sides.append(rest[1:].strip())
    elif rest:
        return None
    modulus = int(found[1])
    values = [_remainder(side, modulus, named=not k) for k, side in enumerate(sides)]
    if len(sides) < 2 or None in values or not sides[-1].isdecimal() or int(sides[-1]) != values[-1]:
        return None
    return sides[-1] if {value for value in values if value != -1} == {values[-1]} else None


def _remainder(side: str, modulus: int, *, named: bool) -> int | None:
    """What a side leaves; -1 for a name with letters, None for what is no whole number."""
    trees = canonical_of(side, gold=False)
    if len(trees) != 1:
        return None
    return -1 if named and has_letters(trees[0]) else _modulo(trees[0], modulus)


def _modulo(tree: Any, modulus: int) -> int | None:
    kind, *parts = tree
    if (value := whole_number(tree)) is not None:
        return value % modulus
    if kind == "pow":
        base, exponent = _modulo(parts[0], modulus), whole_number(parts[1])
        return pow(base, exponent, modulus) if base is not None and exponent is not None and exponent >= 0 else None
    if kind not in ("add", "mul", "neg"):
        return None
    values = [_modulo(part, modulus) for part in parts]
    if None in values:
        return None
    known = [value for value in values if value is not None]
    return (-known[0] if kind == "neg" else sum(known) if kind == "add" else prod(known)) % modulus
