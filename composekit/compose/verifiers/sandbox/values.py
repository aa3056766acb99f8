"""Results as tagged JSON: the exact builtin types and nothing else.

``None``, booleans, strings, lists, finite floats and integers below 2^53 are themselves. The rest is an object with one
key: ``{"i": hex}`` int, ``{"f": "nan"}`` float, ``{"t": [...]}`` tuple, ``{"s": [...]}`` set, ``{"z": [...]}`` frozenset,
``{"d": [[k, v], ...]}`` dict, ``{"b": hex}`` bytes, ``{"a": hex}`` bytearray, ``{"c": [re, im]}`` complex. Runs in the
sandbox too: standard library alone.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

MAX_DEPTH = 200
MAX_NODES = 4_000_000  # brackets of JSON count three times: they become the larger objects
_BRACKET = 3
_SMALL = 1 << 53
_TOO_LARGE = "the value is too large: one may have about a million elements"
_SEQUENCES: dict[type, str] = {tuple: "t", set: "s", frozenset: "z"}


class Refused(Exception):
    """A value that is not made of exact builtin types, or bytes that are no such value."""


def encode(value: Any) -> Any:
    """The JSON values of a result.

    Raises:
        Refused: it holds something that is not exactly a builtin value, is nested too deeply, or is too large.

    Example:
        >>> encode((1, {2: b"x"}))
        {'t': [1, {'d': [[2, {'b': '78'}]]}]}
    """
    budget = [MAX_NODES]
    return _encode(value, 0, budget)


def _encode(value: Any, depth: int, budget: list[int]) -> Any:
    kind = type(value)
    budget[0] -= 1 + _BRACKET * _brackets(kind, value)
    if kind is str:
        budget[0] -= value.count(",")
    if depth > MAX_DEPTH:
        raise Refused(f"the value is nested more than {MAX_DEPTH} deep")
    if budget[0] < 0:
        raise Refused(_TOO_LARGE)
    if value is None or kind is bool or kind is str:
        return value
    if kind is int:
        return value if -_SMALL < value < _SMALL else {"i": hex(value)}
    if kind is float:
        return value if value - value == 0 else {"f": repr(value)}
    if kind is list:
        return [_encode(item, depth + 1, budget) for item in value]
    if kind is dict:
        return {"d": [[_encode(k, depth + 1, budget), _encode(v, depth + 1, budget)] for k, v in value.items()]}
    if kind in _SEQUENCES:
        return {_SEQUENCES[kind]: [_encode(item, depth + 1, budget) for item in value]}
    if kind is bytes or kind is bytearray:
        return {"b" if kind is bytes else "a": value.hex()}
    if kind is complex:
        return {"c": [_encode(value.real, depth + 1, budget), _encode(value.imag, depth + 1, budget)]}
    raise Refused(f"a {kind.__name__} is no plain builtin value")


def _brackets(kind: type, value: Any) -> int:
    """How many opening brackets the JSON of a value has, what is inside aside; in texts, they are not told apart."""
    if kind is dict:
        return 2 + len(value)
    if kind is str:
        return int(value.count("[")) + int(value.count("{"))
    return 1 if kind in (list, bytes, bytearray) else 2 if kind in _SEQUENCES or kind is complex else 0


def dumps(message: Any) -> bytes:
    """One message as bytes."""
    return json.dumps(message, allow_nan=False, separators=(",", ":")).encode()


def loads(data: bytes) -> Any:
    """The JSON of a message, nothing decoded yet.

    Raises:
        Refused: the bytes are no JSON, hold NaN literals or numbers that are written out too long, or are nested too deeply.
    """
    if data.count(b",") + _BRACKET * (data.count(b"{") + data.count(b"[")) > MAX_NODES:  # or memory would hold them all
        raise Refused(_TOO_LARGE)
    try:
        return json.loads(data, parse_constant=_no_constant)
    except (ValueError, RecursionError) as problem:
        raise Refused(f"no JSON: {str(problem)[:80]}") from None


def _no_constant(text: str) -> Any:
    raise ValueError(f"{text} is no JSON")


def untag(raw: Any) -> tuple[str, Any]:
    """The tag of an encoded value and what it tags; plain values have the tag ``""``.

    Raises:
        Refused: this is no encoded value.
    """
    if type(raw) is not dict:
        return "", raw
    if len(raw) != 1:
        raise Refused("an object without a single tag")
    ((tag, content),) = raw.items()
    wanted: type = str if tag in "ifba" else list
    if tag not in "iftszdbac" or len(tag) != 1 or type(content) is not wanted:
        raise Refused(f"no value has the tag {tag[:20]!r}")
    return tag, content


def decode(raw: Any) -> Any:
    """The value that :func:`encode` encoded.

    Raises:
        Refused: this is no encoded value.

    Example:
        >>> decode({"t": [1, {"s": [2]}, {"f": "inf"}]})
        (1, {2}, inf)
    """
    try:
        return _decode(raw, 0)
    except RecursionError:
        raise Refused("a value is nested too deeply") from None


def _decode(raw: Any, depth: int) -> Any:
    if depth > 2 * MAX_DEPTH:
        raise Refused("a value is nested too deeply")
    tag, content = untag(raw)
    if not tag:
        return [_decode(item, depth + 1) for item in content] if type(content) is list else content
    if tag in _SCALARS:
        try:
            return _SCALARS[tag](content)
        except ValueError:
            raise Refused("a malformed scalar") from None
    if tag == "d":
        if not all(type(pair) is list and len(pair) == 2 for pair in content):
            raise Refused("a malformed dict")
        return _hashed(lambda: {_decode(k, depth + 1): _decode(v, depth + 1) for k, v in content})
    if tag == "c":
        if len(content) != 2 or not all(type(x) is float or (type(x) is dict and untag(x)[0] == "f") for x in content):
            raise Refused("a malformed complex number")
        return complex(*(_decode(x, depth + 1) for x in content))
    items = [_decode(item, depth + 1) for item in content]
    if tag == "t":
        return tuple(items)
    return _hashed(lambda: set(items) if tag == "s" else frozenset(items))


def _hashed(build: Callable[[], Any]) -> Any:
    try:
        return build()
    except TypeError:
        raise Refused("an element that cannot be hashed") from None


def _special(text: str) -> float:
    if text not in ("nan", "inf", "-inf"):
        raise ValueError(text)
    return float(text)


_SCALARS: dict[str, Callable[[str], Any]] = {
    "i": lambda text: int(text, 16), "f": _special, "b": bytes.fromhex, "a": bytearray.fromhex,
}  # fmt: skip
