"""Answers in JSON: ``{"reasoning": "12 + 6", "answer": 18}`` at the end of a response, in a fence or not."""

from __future__ import annotations

import json
import re
from typing import Any

MAX_TAIL = 20_000
_MOST_OBJECTS = 16
_KEY = re.compile(r"(?:(?:final|correct|the)[ _-]?){0,2}answer|答案", re.IGNORECASE)
# A second value under a name of its own: "alternative", "other_answer", "answer2", "guess".
_ANOTHER_KEY = re.compile(
    r"(?:possible|other|another|backup|fallback|secondary|alternat\w{1,7}|alt)"
    r"(?:[ _-]?(?:answer|value|result|option|choice|guess)s?)?|(?:second|first|third)[ _-]?(?:answer|choice|guess)"
    r"|(?:answer|alt|guess|candidate)s?[ _-]?(?:\d|[a-d]|two|alt\w{0,9})?|or|else|maybe",
    re.IGNORECASE,
)
# A value that is the answer, if it is a plain number: "result": 20 beside "answer": 18.
_RESULT_KEY = re.compile(
    r"(?:(?:final|correct|true|actual)[ _-]?)?(?:result|solution)|(?:final|correct|true|actual)[ _-]?value|final",
    re.IGNORECASE,
)
_LETTER = re.compile(r"\s*\(?[A-J]\)?\s*")
_NUMBER = re.compile(r"\s*[-+]?\\?\$?\s?(\d[\d,]*(?:\.\d+)?)\s*")
_VALID_KEY = re.compile(r"(?:is[ _-]?)?(?:valid|correct|right|certain|sure|final)", re.IGNORECASE)
_OPENING = re.compile(r"^[ \t]{0,9}\{", re.MULTILINE)
_BETWEEN = re.compile(r"(?:\s|[,;`~]|json\b|\b(?:or|and)\b)*", re.IGNORECASE)
_BEHIND = re.compile(r"[\s`~]*")
_BACKSLASH = re.compile(r'\\\\|\\(?=[^"\\/nu])')  # \frac is meant, whether or not JSON knows it as an escape


class _Object(tuple[tuple[str, Any], ...]):
    """The pairs of an object, with repeated keys."""


_DECODER = json.JSONDecoder(object_pairs_hook=_Object, parse_int=str, parse_float=str, parse_constant=str, strict=False)


def json_answers(text: str) -> tuple[str, ...]:
    r"""What JSON objects at the end of a text say is the answer; several in a row, or repeated keys, are a list.

    Example:
        >>> json_answers('```json\n{"reasoning": "12 + 6", "answer": 18}\n```'), json_answers('{"answer": 18, "answer": 20}')
        (('18',), ('18', '20'))
    """
    return tuple(dict.fromkeys(answer for pairs in _last_objects(text) for answer in _answers_of(pairs)))


def json_pairs(text: str) -> tuple[tuple[str, Any], ...]:
    """The keys and values of the one JSON object at the end of a text; numbers are texts."""
    objects = _last_objects(text)
    return objects[0] if len(objects) == 1 else ()


def _last_objects(text: str) -> list[_Object]:
    """The objects at the end of a text, with nothing but separators and fences between and behind them."""
    tail = text[-MAX_TAIL:]
    if not tail.rstrip("`~ \t\n").endswith("}") or '"' not in tail:
        return []
    if "\\" in tail:
        tail = _BACKSLASH.sub(lambda m: m[0] if len(m[0]) == 2 else r"\\", tail)
    found: list[_Object] = []
    end = 0
    for opening in list(_OPENING.finditer(tail))[-_MOST_OBJECTS:]:
        if opening.start() < end:
            continue
        try:
            value, stop = _DECODER.raw_decode(tail, opening.end() - 1)
        except (ValueError, RecursionError):
            continue
        if found and not _BETWEEN.fullmatch(tail, end, opening.start()):
            found.clear()
        end = stop
        found.append(value)
    return found if _BEHIND.fullmatch(tail, end) else []


def _answers_of(pairs: _Object) -> list[str]:
    """The values under the keys that say "answer", and under those that offer another; an object or null is none."""
    found: list[str] = []
    if any(value is False and _VALID_KEY.fullmatch(key.strip()) for key, value in pairs):
        numeric = (str(value) for key, value in pairs if _KEY.fullmatch(key.strip()))
        if any(any(map(str.isdigit, text)) or _LETTER.fullmatch(text) for text in numeric):
            return []  # "valid": false takes a number back; of a "No" it may be the reason
    declares = any(_KEY.fullmatch(key.strip()) for key, _ in pairs)
    for key, value in pairs:
        if declares and (_KEY.fullmatch(key.strip()) or _ANOTHER_KEY.fullmatch(key.strip())):
            members = value if type(value) is list else [value]
            texts = [str(m).lower() if type(m) is bool else m for m in members]
            if texts and all(type(text) is str and text.strip() for text in texts):
                found.append(", ".join(texts).strip())
    results = [str(value).strip() for key, value in pairs if declares and _RESULT_KEY.fullmatch(key.strip())]
    return found + [said for said in results if _is_another_number(said, found)]


def _is_another_number(said: str, found: list[str]) -> bool:
    """Whether this is a plain number or a letter, and none of those that are there."""
    if found and all(map(_LETTER.fullmatch, (said, *found))):
        return said not in found
    numbers = [_NUMBER.fullmatch(text) for text in (said, *found)]
    if not found or None in numbers:
        return False
    first, *others = (float(match[1].replace(",", "")) * (1 - 2 * ("-" in match[0])) for match in numbers if match)
    return first not in others
