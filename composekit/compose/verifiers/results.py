"""Whether what a candidate returned is what a test expects. Runs beside the expected values, so it trusts no other."""

from __future__ import annotations

import math
from typing import Any

from composekit.compose.verifiers.sandbox.values import Refused, decode, untag

_RELATIVE, _ABSOLUTE = 1e-9, 1e-12
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

    Types count: ``True`` is not 1, a list is not a tuple, text is not bytes. Only these are let pass: numbers are equal by
    value, ``2.0`` and ``2``; a tuple may answer to a list, because JSON has no tuples to expect; floats may differ by a
    part in 10^9, or by ``tolerance``; nan equals nan.

    No table is ever built from the candidate's values, whose hashes may all collide: they are looked up among the expected.

    Args:
        expected: A value of exact builtin types.
        raw: An encoded value (see ``sandbox.values``).
        tolerance: How far floats may be off, absolutely and relatively.

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
    if type(value) is int and type(expected) is int:
        return value == expected if tolerance is None else abs(value - expected) <= tolerance * max(1, abs(expected))
    return _close(expected, value, tolerance)


def _close(expected: float, value: float, tolerance: float | None) -> bool:
    try:
        a, b = float(expected), float(value)
    except OverflowError:
        return False
    if math.isnan(a) or math.isnan(b):
        return math.isnan(a) and math.isnan(b)
    if type(expected) is int or type(value) is int:
        return expected == value if tolerance is None else math.isclose(a, b, rel_tol=tolerance, abs_tol=tolerance)
    relative, absolute = (_RELATIVE, _ABSOLUTE) if tolerance is None else (tolerance, tolerance)
    return math.isclose(a, b, rel_tol=relative, abs_tol=absolute)


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
    """Take an element out of the expected ones, if it is there with the same type."""
    try:
        _check_key(raw)
        key = decode(raw)
        found = remaining.get(key)
    except RecursionError:
        raise Refused("an element that is nested too deeply") from None
    except TypeError:
        raise Refused("an element that cannot be hashed") from None
    if found is None or (type(found[0]) is bool) != (type(key) is bool):
        return None
    return remaining.pop(key)


def _check_key(raw: Any) -> None:
    """Refuse keys that hold large frozensets: decoding one builds a table of the candidate's values."""
    if type(raw) is not dict:
        return
    tag, content = untag(raw)
    if tag == "z" and len(content) > _LARGEST_SET_IN_KEY:
        raise Refused(f"an element that is a frozenset of more than {_LARGEST_SET_IN_KEY}")
    if type(content) is list:
        for item in content:
            _check_key(item)


def same_output(expected: str, output: bytes) -> bool:
    """Whether a program wrote what was expected: line by line, without white space at the ends of lines and of the text."""
    try:
        text = output.decode()
    except UnicodeDecodeError:
        return False
    return _lines(text) == _lines(expected)


def _lines(text: str) -> list[str]:
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").split("\n")]
    while lines and not lines[-1]:
        lines.pop()
    return lines


def kind_of(raw: Any) -> str:
    """The type of an encoded value in words, for messages."""
    if raw is None:
        return "None"
    if type(raw) is dict:
        tag = untag(raw)[0]
        return _WORDS.get(tag, "int" if tag == "i" else "float")
    return type(raw).__name__
