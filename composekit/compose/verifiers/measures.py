"""Units by what they measure and how much: a square foot and a square meter measure the same, but not as much.

The units of :mod:`.exactmath.units` as powers of a few dimensions and a size. Other nouns are dimensions of their own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from composekit.compose.verifiers.exactmath import units
from composekit.compose.verifiers.exactmath.units import Unit
from composekit.compose.verifiers.exactmath.vocabulary import names

_GALLON = Fraction("0.003785411784")
_MONTH = Fraction("2629746")  # a twelfth of the mean year
_SIZES: dict[str, dict[str, Fraction | int | str]] = {
    "length": {
        "m": 1, "cm": "0.01", "mm": "0.001", "km": 1000, "nm": "1e-9", "in": "0.0254", "ft": "0.3048", "yd": "0.9144",
        "mi": "1609.344",
    },
    "time": {
        "s": 1, "ms": "0.001", "min": 60, "h": 3600, "d": 86400, "week": 604800, "month": _MONTH, "year": 12 * _MONTH,
    },
    "mass": {"g": 1, "kg": 1000, "mg": "0.001", "lb": "453.59237", "oz": "28.349523125"},
    "volume": {
        "L": "0.001", "mL": "1e-6", "gal": _GALLON, "quart": _GALLON / 4, "pint": _GALLON / 8, "cup": _GALLON / 16,
    },
    "money": {"$": 1, "¢": "0.01"},
    "pressure": {"Pa": 1, "kPa": 1000, "MPa": 10**6, "atm": 101325},
    "energy": {"J": 1, "kJ": 1000},
    "power": {"mW": "0.001", "W": 1, "kW": 1000, "MW": 10**6},
    "frequency": {"Hz": 1, "kHz": 1000, "MHz": 10**6},
    "angle": {"degree": 1, "radian": 57},  # about: it is compared, and nothing is converted
}  # fmt: skip
_KNOWN = {name: (kind, Fraction(size)) for kind, sizes in _SIZES.items() for name, size in sizes.items()}
_CURRENCIES = frozenset("€£¥₹")
_POWERS = {"square": 2, "sq": 2, "cubic": 3, "cu": 3}
_EXPONENTS = {"squared": 2, "cubed": 3, "2": 2, "3": 3}
_SYMBOLS = names("cm mm km nm ft yd mi kg mg lb oz mL ml mph kph")  # but "in" is a word
_PIECE = re.compile(r"[$¢€£¥₹]|[A-Za-z]+|/|\^|[23](?!\d)|\S")


class Measure(NamedTuple):
    """What a unit measures, its dimensions to their powers, and how much of it, in the first unit of each."""

    dimensions: tuple[tuple[str, int], ...]
    size: Fraction
    currency: str = ""  # one that has no fixed worth


def measure(unit: Unit) -> Measure:
    """What a unit measures.

    Example:
        >>> measure(units.fold("mph")).dimensions, measure((("cm", 3),)) == measure(units.fold("mL"))
        ((('length', 1), ('time', -1)), True)
    """
    powers: dict[str, int] = {}
    size, currency = Fraction(1), ""
    for name, exponent in unit:
        if name in _CURRENCIES:
            currency, name = name, "$"
        kind, worth = _KNOWN.get(name, (name, Fraction(1)))
        size *= worth**exponent
        if kind == "volume":
            kind, exponent = "length", 3 * exponent
        powers[kind] = powers.get(kind, 0) + exponent
    return Measure(tuple(sorted((kind, e) for kind, e in powers.items() if e)), size, currency)


def is_measured(name: str) -> bool:
    """Whether this unit has a size here."""
    return name in _KNOWN or name in _CURRENCIES


def units_said(text: str, most: int) -> Iterator[Unit]:
    """The units with a size that start among the first words of a text: ``square feet``, ``km/h``, ``meters per second``.

    Example:
        >>> list(units_said("cubic feet of water", 1)), list(units_said("more miles per hour", 2))
        ([(('ft', 3),)], [(('h', -1), ('mi', 1))])
    """
    pieces, at = _PIECE.findall(text[:80]), 0
    for _ in range(most):
        found, stop = _factor(pieces, at)
        while found and stop < len(pieces) and pieces[stop] in ("per", "/"):
            below, end = _factor(pieces, stop + 1, quotient=True)
            if not below:
                break
            found, stop = units.product(found, units.power(below, -1)), end
        if found:
            yield found
        at = max(stop, at + 1)


def _factor(pieces: list[str], at: int, *, quotient: bool = False) -> tuple[Unit, int]:
    """A unit and its exponent at a place, and where it ends; nothing for what is none with a size."""
    exponent, start = 1, at
    if at < len(pieces) and pieces[at].lower() in _POWERS:
        exponent, at = _POWERS[pieces[at].lower()], at + 1
        at += at < len(pieces) and pieces[at] == "."
    if at == len(pieces):
        return (), at
    word, at = pieces[at], at + 1
    raised = at + (at < len(pieces) and pieces[at] == "^")
    if raised < len(pieces) and (higher := _EXPONENTS.get(pieces[raised].lower())) and exponent == 1:
        exponent, at = higher, raised + 1
    is_symbol = len(word) < 3 and word.isalpha() and word not in _SYMBOLS
    quotient = quotient or (at < len(pieces) and pieces[at] == "/")
    unit = units.fold(word)
    if (is_symbol and not (quotient or exponent > 1)) or not any(is_measured(name) for name, _ in unit):
        return (), start + 1
    return units.power(unit, exponent), at
