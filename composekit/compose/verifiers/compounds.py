"""Amounts in several units: ``2 hours 30 minutes``, ``5 feet 3 inches``, ``3 dollars and 50 cents``.

Such an amount is worth one number in the unit that the gold answer or the question counts in.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from composekit.compose.verifiers.asked import asked_units, unit_of
from composekit.compose.verifiers.exactmath import units
from composekit.compose.verifiers.exactmath.units import Unit
from composekit.compose.verifiers.measures import is_measured, measure

MAX_ANSWER = 300
MAX_PROMPT = 20_000
MOST_AMOUNTS = 64
_PART = re.compile(
    r"(?P<sign>[$€£])?(?<![\w.,/])(?P<number>\d{1,3}(?:,\d{3}){1,3}|\d{1,9}(?:\.\d{1,9})?)"
    r"(?: ?-?(?P<unit>[A-Za-z¢]{1,12}(?![A-Za-z])\.?|''|'|\"))?"
)
_JOIN = re.compile(r"(?:,? (?:and|&)|,)? ?")
_PAIRED = re.compile(r"(?<!\\)\$([^$\\]{1,60})\$(?!\d)")
_DRESS = re.compile(r"\\(?:text\w{0,2}|mathrm|mbox)\s?\{|\\[,;:! ]|\\(?=\$)|[{}~]|\\[()]")
_MARKS = {"'": "ft", "''": "in", '"': "in"}
_CALENDAR = frozenset(("month", "year"))  # of no fixed number of days


class Amount(NamedTuple):
    """Where an amount in several units stands, and what it is worth in the size of its dimension."""

    start: int
    end: int
    worth: Fraction
    unit: Unit  # the largest


def in_one_unit(answer: str, prompt: str, gold: str) -> str | None:
    r"""The answer with one number for an amount in several units; None where it has none, or the question gives just that.

    Example:
        >>> in_one_unit(r"2 \text{ hours } 30 \text{ minutes}", "How many minutes does it take?", "150")
        '150 \\text{min}'
        >>> in_one_unit("2 hours 30 minutes", "How many minutes are 2 hours 30 minutes?", "150") is None
        True
    """
    if len(answer) > MAX_ANSWER or sum(c.isdigit() for c in answer) < 2:
        return None
    plain = _plain(answer)
    found = next(_amounts(plain), None)
    if found is None or any(found[2:] == given[2:] for given in _amounts(_plain(prompt[-MAX_PROMPT:]))):
        return None
    if any(found[2:] == wanted[2:] for wanted in _amounts(_plain(gold))):
        return gold if found[:2] == (0, len(plain)) else None
    unit = _unit_for(found.unit, prompt, gold)
    if unit is None:
        return None
    value = found.worth / measure(unit).size
    name = unit[0][0] if unit[0][0] != "$" else "dollars"
    return rf"{plain[: found.start]}{_shown(value)} \text{{{name}}}{plain[found.end :]}"


def _plain(text: str) -> str:
    return " ".join(_DRESS.sub(" ", _PAIRED.sub(r" \1 ", text)).split())


def _amounts(text: str) -> Iterator[Amount]:
    """The runs of numbers with smaller and smaller units of one dimension."""
    run: list[Amount] = []
    for count, match in enumerate(_PART.finditer(text)):
        if count == MOST_AMOUNTS:
            break
        part = _part(match)
        if part is None or (run and not _goes_on(run[-1], part, text)):
            if len(run) > 1:
                yield _sum(run)
            run = []
        if part is not None:
            run.append(part)
    if len(run) > 1:
        yield _sum(run)


def _part(match: re.Match[str]) -> Amount | None:
    """A number with a unit that has a size; None for other numbers."""
    name = match["sign"] or _MARKS.get(match["unit"], (match["unit"] or "").rstrip("."))
    unit, end = units.fold(name), match.end("number" if match["sign"] else "unit")
    if len(unit) != 1 or not is_measured(unit[0][0]):
        return None
    value = Fraction(match["number"].replace(",", ""))
    return Amount(match.start(), end, value * measure(unit).size, unit)


def _goes_on(before: Amount, part: Amount, text: str) -> bool:
    """Whether a part follows another one and is less than one of its units."""
    larger, smaller = measure(before.unit), measure(part.unit)
    calendar = [unit[0][0] in _CALENDAR for unit in (before.unit, part.unit)]
    return (
        larger.dimensions == smaller.dimensions
        and part.worth < larger.size > smaller.size
        and calendar[0] == calendar[1]
        and _JOIN.fullmatch(text, before.end, part.start) is not None
    )


def _sum(run: list[Amount]) -> Amount:
    return Amount(run[0].start, run[-1].end, sum((part.worth for part in run), Fraction(0)), run[0].unit)


def _unit_for(unit: Unit, prompt: str, gold: str) -> Unit | None:
    """The unit in which an amount is to be counted; money whose unit nobody states is counted in its own."""
    dimensions = measure(unit).dimensions
    stated = unit_of(gold)
    candidates = {stated} if stated else set(asked_units(prompt))
    same = {one for one in candidates if len(one) == 1 and measure(one).dimensions == dimensions}
    if dimensions == (("money", 1),) and not same and not stated:
        return unit
    return same.pop() if len(same) == 1 else None


def _shown(value: Fraction) -> str:
    """A whole number or a decimal where there is one, else a fraction."""
    for places in range(7):
        scaled = value * 10**places
        if scaled.denominator == 1:
            digits = str(scaled.numerator).zfill(places + 1)
            return f"{digits[:-places]}.{digits[-places:]}" if places else digits
    return rf"\frac{{{value.numerator}}}{{{value.denominator}}}"
