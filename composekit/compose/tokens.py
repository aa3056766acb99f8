r"""Every number of a problem text, and whether it is a constant that a link may replace.

:func:`numerals` finds all numbers, however they are written and wherever they stand, and gives each a ``place``: empty
for a constant of the problem, otherwise why it is none ("exponent", "label", ...). :func:`constants` keeps the former;
:func:`occurrences` has all, for checks that a value stands nowhere else. Time is linear in the length of the text.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import NamedTuple

from composekit.compose.lexing import MATH, TEXT, Lexed, Lexeme, lex
from composekit.compose.needless.giveaways import idle_spans, sequence_places
from composekit.compose.numbers import NotANumber, Value, parse_value
from composekit.compose.places import AMBIGUOUS, place_of
from composekit.compose.words import CARDINALS, COUNTS, MULTIPLES, ORDINALS, PARTS, SCALES, TENS

PART = "part of a longer number"
MAX_DIGITS = 15  # longer numerals are identifiers, not amounts


class Constant(NamedTuple):
    r"""A number in a text.

    Args:
        span: Start and end in the text.
        text: What stands there.
        value: Its exact value.
        in_math: Whether it stands inside mathematics, also in ``\text{...}`` there, where no ``$`` may be written.
        kind: ``"digits"``, ``"word"``, ``"fraction"``, ``"radical"``; of occurrences also ``"ordinal"`` and ``"multiple"``.
        place: Empty for a constant that may be replaced; otherwise why it may not.
    """

    span: tuple[int, int]
    text: str
    value: Value
    in_math: bool
    kind: str
    place: str = ""


def constants(text: str) -> list[Constant]:
    r"""The constants of a problem that a link may replace by a symbol, in order.

    Example:
        >>> [c.text for c in constants("A 3-step task: Ann has 12 cards, pays $1,500, solves $x_1^2 + 7x = \\frac34$.")]
        ['12', '1,500', '7', '\\frac34']
    """
    return [numeral for numeral in numerals(text) if not numeral.place]


def occurrences(text: str) -> list[Constant]:
    """Every number in the text, also in exponents, labels, diagrams, code and words, in order.

    Example:
        >>> [(c.text, c.value, c.place) for c in occurrences("the 2nd of three x^5")]
        [('2', 2, 'an ordinal'), ('three', 3, ''), ('5', 5, 'exponent')]
    """
    return list(numerals(text))


def numerals(text: str) -> tuple[Constant, ...]:
    """Every number in the text; ``place`` tells constants from the rest."""
    return numerals_of(text, lex(text))


def numerals_of(text: str, lexed: Lexed) -> tuple[Constant, ...]:
    """:func:`numerals` of a text that is already cut into lexemes."""
    found = _written_in_digits(text, lexed.lexemes) + _written_in_words(text, lexed.lexemes)
    if "\\sqrt" in text or "\\pi" in text:
        found += _radicals(text, lexed.lexemes)
    found.sort(key=lambda item: (item.span[0], -item.span[1]))
    return tuple(_elsewhere(found, idle_spans(text)))


def _elsewhere(numerals: list[Constant], idle: list[tuple[int, int, str]]) -> list[Constant]:
    """The numerals in order, those in idle stretches (in order too) marked."""
    marked, at = [], 0
    for numeral in numerals:
        while at < len(idle) and idle[at][1] <= numeral.span[0]:
            at += 1
        inside = at < len(idle) and idle[at][0] <= numeral.span[0] and not numeral.place
        marked.append(numeral._replace(place=idle[at][2]) if inside else numeral)
    return marked


# --- digits --------------------------------------------------------------------------------------------------------


class _Piece(NamedTuple):
    """A numeral: the first and last of its lexemes, its value and its kind."""

    first: int
    last: int
    value: Value
    kind: str


def _written_in_digits(text: str, lexemes: list[Lexeme]) -> list[Constant]:
    pieces = _pieces(text, lexemes)
    sequences = sequence_places(text, [(lexemes[p.first].start, lexemes[p.last].end, p.value) for p in pieces])
    found: list[Constant] = []
    for index, piece in enumerate(pieces):
        start, end = lexemes[piece.first].start, lexemes[piece.last].end
        place = place_of(text, lexemes, piece.first, piece.last, piece.value) or sequences.get(index, "")
        whole = text[start:end]
        found.append(Constant((start, end), whole, piece.value, lexemes[piece.first].mode != TEXT, piece.kind, place))
        if piece.kind == "fraction" or place == AMBIGUOUS:
            found += _inner(found[-1])
    return found


_ARGUMENTS = re.compile(r"frac\s?(?:\{\s?([0-9]+)\s?\}|([0-9]))\s?(?:\{\s?([0-9]+)\s?\}|([0-9]))")


def _inner(fraction: Constant) -> list[Constant]:
    """The numerals that a fraction, or a number that may be two, is written with."""
    arguments = _ARGUMENTS.search(fraction.text)
    spans = [] if arguments is None else [arguments.span(group) for group in (1, 2, 3, 4) if arguments[group]]
    stop = len(fraction.text) if arguments is None else arguments.start()
    spans += [match.span() for match in re.finditer(r"[0-9]+", fraction.text[:stop])]
    offset = fraction.span[0]
    return [
        Constant(
            (offset + a, offset + b), fraction.text[a:b], int(fraction.text[a:b]), fraction.in_math, "digits", PART
        )
        for a, b in spans
    ]


def _pieces(text: str, lexemes: list[Lexeme]) -> list[_Piece]:
    pieces: list[_Piece] = []
    index = 0
    while index < len(lexemes):
        lexeme = lexemes[index]
        if lexeme.kind == "number":
            piece = _ratio(text, lexemes, index) or _number(text, lexemes, index)
        elif lexeme.kind == "fraction":
            piece = _latex_fraction(text, lexemes, index)
        else:
            piece = None
        if piece is None:
            index += 1
            continue
        if pieces and piece.kind == "fraction":
            piece = _mixed(text, lexemes, pieces, piece)
        pieces.append(piece)
        index = piece.last + 1
    return pieces


def _number(text: str, lexemes: list[Lexeme], index: int) -> _Piece | None:
    raw = text[lexemes[index].start : lexemes[index].end]
    digits = raw if raw.isdigit() else re.sub(r"[^0-9.]", "", raw)
    if len(digits) > MAX_DIGITS:
        return None
    return _Piece(index, index, int(digits) if digits.isdigit() else _exact(Fraction(digits)), "digits")


def _exact(value: Fraction) -> int | Fraction:
    return value.numerator if value.denominator == 1 else value


def _ratio(text: str, lexemes: list[Lexeme], index: int) -> _Piece | None:
    """``3/4``, three lexemes without space between them, all in the same place."""
    if index + 2 >= len(lexemes) or text[lexemes[index].end : lexemes[index].end + 1] != "/":
        return None
    top, slash, bottom = lexemes[index : index + 3]
    adjacent = top.end == slash.start and slash.end == bottom.start and bottom.kind == "number"
    if not adjacent or not top.mode == slash.mode == bottom.mode or top.place != bottom.place:
        return None
    digits = text[top.start : top.end], text[bottom.start : bottom.end]
    if not all(d.isdigit() and len(d) <= MAX_DIGITS for d in digits) or int(digits[1]) == 0:
        return None
    return _Piece(index, index + 2, _exact(Fraction(int(digits[0]), int(digits[1]))), "fraction")


def _latex_fraction(text: str, lexemes: list[Lexeme], index: int) -> _Piece | None:
    raw = text[lexemes[index].start : lexemes[index].end]
    if len(raw) > 2 * MAX_DIGITS:
        return None
    try:
        return _Piece(index, index, parse_value(raw), "fraction")
    except NotANumber:  # a denominator of zero
        return None


def _mixed(text: str, lexemes: list[Lexeme], pieces: list[_Piece], part: _Piece) -> _Piece:
    """A whole number before a proper fraction belongs to it."""
    whole = pieces[-1]
    gap = text[lexemes[whole.last].end : lexemes[part.first].start]
    space_needed = lexemes[part.first].kind == "number"
    near = gap == " " or (gap == "" and not space_needed)
    same = lexemes[whole.first].mode == lexemes[part.first].mode and whole.last + 1 == part.first
    if not (near and same and isinstance(whole.value, int) and whole.kind == "digits" and 0 < part.value < 1):
        return part
    pieces.pop()
    return _Piece(whole.first, part.last, _exact(whole.value + Fraction(part.value)), "fraction")


# --- words ---------------------------------------------------------------------------------------------------------

_NUMBER_WORDS = frozenset(CARDINALS) | frozenset(SCALES) | frozenset(ORDINALS) | frozenset(PARTS) | frozenset(MULTIPLES)
_NUMBER_WORDS |= {"dozen", "dozens"}


def _written_in_words(text: str, lexemes: list[Lexeme]) -> list[Constant]:
    found: list[Constant] = []
    index = 0
    while index < len(lexemes):
        if lexemes[index].kind == "word":
            word = text[lexemes[index].start : lexemes[index].end].lower()
            if word in _NUMBER_WORDS:
                constant, index = _number_word(text, lexemes, index, word)
                found.append(constant)
                continue
        index += 1
    return found


def _number_word(text: str, lexemes: list[Lexeme], index: int, word: str) -> tuple[Constant, int]:
    """The number word at an index, and the index behind it; ``twenty-five`` is one number."""
    first = lexemes[index]
    last, kind, place = index, "word", ""
    value: Value
    if word in CARDINALS:
        value = CARDINALS[word]
        last, unit = _unit_after_ten(text, lexemes, index, word)
        value += unit
    elif word in SCALES or word in COUNTS:
        value, place = (SCALES.get(word) or COUNTS[word]), PART
    elif word in MULTIPLES:
        value, kind, place = MULTIPLES[word], "multiple", "a word for a multiple"
    else:
        value = ORDINALS[word] if word in ORDINALS else PARTS[word]
        kind, place = "ordinal", "an ordinal"
    place = place or place_of(text, lexemes, index, last, value)
    span = (first.start, lexemes[last].end)
    return Constant(span, text[span[0] : span[1]], value, first.mode != TEXT, kind, place), last + 1


def _unit_after_ten(text: str, lexemes: list[Lexeme], index: int, word: str) -> tuple[int, int]:
    """Of ``twenty-five`` or ``twenty five``: the index of ``five`` and its value."""
    if word in TENS:
        follow = index + 1
        if follow < len(lexemes) and text[lexemes[follow].start] == "-":
            follow += 1
        if follow < len(lexemes) and lexemes[follow].kind == "word" and lexemes[follow].start - lexemes[index].end <= 1:
            unit = CARDINALS.get(text[lexemes[follow].start : lexemes[follow].end].lower(), 10)
            if 0 < unit < 10:
                return follow, unit
    return index, 0


# --- radicals ------------------------------------------------------------------------------------------------------

_ROOT = r"(?:[0-9]{1,6}\s?)?(?:\\sqrt\s?(?:\{\s?[0-9]{1,6}\s?\}|[0-9])|\\pi(?![A-Za-z]))"
_RADICAL = re.compile(rf"\\[dt]?frac\{{{_ROOT}\}}\{{[0-9]{{1,6}}\}}|{_ROOT}")


def _radicals(text: str, lexemes: list[Lexeme]) -> list[Constant]:
    at = {lexeme.start: index for index, lexeme in enumerate(lexemes)}
    found = []
    for match in _RADICAL.finditer(text):
        index = at.get(match.start())
        value = _radical(match[0])
        if index is None or value is None:
            continue
        first = lexemes[index]
        around = text[match.start() - 1 : match.start()], text[match.end() : match.end() + 1]
        clear = first.mode == MATH and not around[0].isalnum() and around[0] not in "/." and around[1] not in "^_!/"
        place = first.place or ("" if clear and not around[1].isdigit() else "part of an expression")
        found.append(Constant(match.span(), match[0], value, True, "radical", place))
    return found


@lru_cache(maxsize=4096)
def _radical(text: str) -> Value | None:
    try:
        value = parse_value(text)
    except NotANumber:
        return None
    return None if isinstance(value, (int, Fraction)) else value
