"""Letters that are free to name a number: used in no part, and not to be taken for a unit, a point or a variable."""

from __future__ import annotations

from composekit.compose.generators.stream import Stream
from composekit.compose.lexing import MATH, Lexed

# Without A and I (words), E (the constant e), D and O (easily taken for a differential and for zero).
PREFERRED = "XYZWMNKPQRTUV"
OTHERS = "BHGJLFCS"
_BITS = {letter: 1 << index for index, letter in enumerate("ABCDEFGHIJKLMNOPQRSTUVWXYZ")}
_LONGEST_NAME = 4  # of capitals (triangle ABCD, USA), or of letters in a formula


def letters_used(text: str, lexed: Lexed) -> int:
    """The letters that a text uses as names, in either case, as a bit mask (A is bit 0)."""
    mask = 0
    for lexeme in lexed.lexemes:
        if lexeme.kind != "word" or lexeme.end - lexeme.start > _LONGEST_NAME:
            continue
        word = text[lexeme.start : lexeme.end]
        if len(word) == 1:
            if text[lexeme.start - 1 : lexeme.start] not in ("'", "\u2019") or lexeme.start == 0:  # not Sam's
                mask |= _BITS[word.upper()]
        elif lexeme.mode == MATH or word.isupper():
            for letter in word.upper():
                mask |= _BITS[letter]
    return mask


def mask_of(letters: str) -> int:
    """The bit mask of some letters."""
    mask = 0
    for letter in letters.upper():
        mask |= _BITS.get(letter, 0)
    return mask


def fresh_symbols(used: int, count: int, stream: Stream) -> list[str] | None:
    """That many letters outside the mask, in random order, the usual ones first; None where there are too few."""
    free = [letter for letter in PREFERRED if not used & _BITS[letter]]
    if len(free) < count:
        free += [letter for letter in OTHERS if not used & _BITS[letter]]
        if len(free) < count:
            return None
    return stream.sample(free, count)
