"""Whether what a candidate returned is what a test expects. Runs beside the expected values, so it trusts no other."""

from __future__ import annotations

import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import zip_longest
from typing import Any

from composekit.compose.verifiers.sandbox.values import Refused, decode, untag

_RELATIVE_F, _ABSOLUTE_F, _EXACT = 1e-9, 1e-12, 1 << 53
_RELATIVE, _ABSOLUTE = Fraction(1, 10**9), Fraction(1, 10**12)
_LARGEST_SET_IN_KEY = 64
_WORDS = {
    "": "list",
    "t": "tuple",
    "s": "set",
    "z": "frozenset",
    "d": "dict",
    "b": "bytes",
    "a": "bytearray",
    "c": "complex",
}
_TAG_OF: dict[type, str] = {
    list: "",
    tuple: "t",
    set: "s",
    frozenset: "z",
    dict: "d",
    bytes: "b",
    bytearray: "a",
    complex: "c",
}


def matches(expected: Any, raw: Any, tolerance: float | None = None) -> bool:
    """Whether an encoded result equals an expected value.

    Types count: ``True`` is not 1, a list is not a tuple, text is not bytes, in keys too. Only these are let pass: numbers
    are equal by value, ``2.0`` and ``2``; a tuple may answer to a list, because JSON has no tuples to expect; floats may
    differ by a part in 10^9 of the expected value (by 10^-12 where that is 0), or by ``tolerance``; nan equals nan.

    No table is ever built from the candidate's values, whose hashes may all collide: they are looked up among the expected.

    Args:
        expected: A value of exact builtin types.
        raw: An encoded value (see ``sandbox.values``).
        tolerance: How far numbers may be off: so much, or that part of the expected value, whichever is more.

    Raises:
        Refused: this is no encoded value.

    Example:
        >>> matches([1, 2.0], {"t": [1, 2]}), matches(1, True), matches({1: "a"}, {"d": [[1, "a"]]})
        (True, False, True)
    """
    kind = type(expected)
    if expected is None or kind in (bool, str):
        return type(raw) is kind and bool(raw == expected)
    if kind in (int, float):
        return _numbers(expected, raw, tolerance)
    tag, content = untag(raw)
    if kind is list:
        return tag in ("", "t") and type(content) is list and _items(expected, content, tolerance)
    if kind not in _TAG_OF or tag != _TAG_OF[kind]:
        return False
    if kind is tuple:
        return _items(expected, content, tolerance)
    if kind is complex:
        value = decode(raw)
        return _close(expected.real, value.real, tolerance) and _close(expected.imag, value.imag, tolerance)
    if kind in (bytes, bytearray):
        return bool(decode(raw) == expected)
    return _pairs(expected, content, tolerance) if kind is dict else _members(expected, content)


def _numbers(expected: float, raw: Any, tolerance: float | None) -> bool:
    if type(raw) is dict and untag(raw)[0] not in ("i", "f"):
        return False
    value = decode(raw)
    if type(value) not in (int, float):
        return False
    return _close(expected, value, tolerance)


def _close(expected: float, value: float, tolerance: float | None) -> bool:
    """Measured against the expected value alone, and exactly: what a candidate returns makes no room for itself."""
    if expected == value or (expected != expected and value != value):
        return True
    if not all(type(x) is int or math.isfinite(x) for x in (expected, value)):
        return False
    if tolerance is None and int in (type(expected), type(value)):
        return False
    if all(type(x) is float or abs(x) < _EXACT for x in (expected, value)):
        if tolerance is None:
            about = _RELATIVE_F * abs(expected) if expected else _ABSOLUTE_F
        else:
            about = tolerance * max(1.0, abs(expected))
        ratio = abs(value - expected) / about if 0 < about < math.inf else 1.0
        if not 1 - 1e-6 < ratio < 1 + 1e-6:  # clear, however this was rounded
            return ratio < 1
    size = abs(Fraction(expected))
    if tolerance is None:
        room = _RELATIVE * size or _ABSOLUTE
    else:
        room = Fraction(tolerance) * max(Fraction(1), size)
    return abs(Fraction(value) - Fraction(expected)) <= room


def _items(expected: Any, content: list[Any], tolerance: float | None) -> bool:
    return len(expected) == len(content) and all(
        matches(e, c, tolerance) for e, c in zip(expected, content, strict=True)
    )


def _members(expected: Any, content: list[Any]) -> bool:
    remaining = {key: (key, None) for key in expected}
    return len(expected) == len(content) and all(_take(item, remaining) is not None for item in content)


def _pairs(expected: dict[Any, Any], content: list[Any], tolerance: float | None) -> bool:
    if len(expected) != len(content):
        return False
    remaining = {key: (key, value) for key, value in expected.items()}
    for pair in content:
        if type(pair) is not list or len(pair) != 2:
            raise Refused("a malformed dict")
        wanted = _take(pair[0], remaining)
        if wanted is None or not matches(wanted[1], pair[1], tolerance):
            return False
    return True


def _take(raw: Any, remaining: dict[Any, tuple[Any, Any]]) -> tuple[Any, Any] | None:
    """Take an element out of the expected ones, if it is there with the same types."""
    try:
        _check_key(raw, [_LARGEST_SET_IN_KEY])
        key = decode(raw)
        found = remaining.get(key)
    except RecursionError:
        raise Refused("an element that is nested too deeply") from None
    except TypeError:
        raise Refused("an element that cannot be hashed") from None
    if found is None or not _alike(found[0], key):
        return None
    return remaining.pop(key)


def _check_key(raw: Any, room: list[int]) -> None:
    """Refuse keys that hold tables: decoding one builds it of the candidate's values. Small frozensets are let pass."""
    tag, content = untag(raw)
    if tag in ("s", "d", "a") or type(raw) is list:
        raise Refused("an element that cannot be hashed")
    if tag == "z":
        room[0] -= len(content)
        if room[0] < 0:
            raise Refused(f"an element with frozensets of more than {_LARGEST_SET_IN_KEY}")
    if tag in ("t", "z"):
        for item in content:
            _check_key(item, room)


def _alike(expected: Any, key: Any) -> bool:
    """Whether equal keys have the same types inside: ``True`` equals 1, and is not 1; nor is ``1 + 0j``."""
    if type(expected) is tuple:
        return type(key) is tuple and all(map(_alike, expected, key))
    if type(expected) is frozenset:
        twins = {item: item for item in expected}
        return type(key) is frozenset and all(_alike(twins[item], item) for item in key)
    return all((type(expected) is kind) == (type(key) is kind) for kind in (bool, complex))


def same_output(expected: str, output: bytes) -> bool:
    """Whether a program wrote what was expected: line by line, without white space at the ends of lines and of the text."""
    try:
        text = output.decode()
    except UnicodeDecodeError:
        return False
    return all(a == b for a, b in zip_longest(_lines(text), _lines(expected)))


def _lines(text: str) -> Iterator[str]:
    """One after the other, so that the first that differs ends it: a program may have written millions."""
    text = text.rstrip()
    start = 0
    while start <= len(text):
        end = text.find("\n", start)
        end = len(text) if end < 0 else end
        yield text[start:end].rstrip()
        start = end + 1


def kind_of(raw: Any) -> str:
    """The type of an encoded value in words, for messages."""
    if raw is None:
        return "None"
    if type(raw) is dict:
        tag = untag(raw)[0]
        return _WORDS.get(tag, "int" if tag == "i" else "float")
    return type(raw).__name__
