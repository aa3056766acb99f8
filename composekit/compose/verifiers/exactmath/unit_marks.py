"""Which bare letters behind a number are its unit."""

from __future__ import annotations

from composekit.compose.verifiers.exactmath import units
from composekit.compose.verifiers.exactmath.grammar import NAMED_RUNS
from composekit.compose.verifiers.exactmath.lexer import Token
from composekit.compose.verifiers.exactmath.worded import reads_as_product


def mark_units(tokens: list[Token], *, letters: bool) -> list[Token]:
    r"""Bare runs of letters that can be a unit after a number become words, as if written in ``\text``.

    With ``letters`` a single letter after a space counts (``7 m``); otherwise only in a quotient of two (``7 m/s``).
    """
    out = list(tokens)
    for k, token in enumerate(tokens):
        if k > 1 and token.kind == "run" and tokens[k - 1].text == "/" and _ends_value(tokens[k - 2]):
            name = token.text
            if len(name) > 1 and name not in NAMED_RUNS and units.is_unit_word(name) and not reads_as_product(name):
                out[k] = Token("word", name, token.gap)  # 650/day
            continue
        if k == 0 or token.kind not in ("run", "word"):
            continue
        behind_pi = tokens[k - 1].text == "pi" and (len(token.text) > 2 or token.text in units.BARE_UNITS)
        if not _ends_value(tokens[k - 1]) and not behind_pi:
            continue
        stop = k
        while stop < len(tokens) and (
            tokens[stop].kind in ("run", "word", "num") or tokens[stop].text in ("/", "^", "-", "{", "}")
        ):
            stop += 1
        names = [t for t in tokens[k:stop] if t.kind in ("run", "word")]
        quotient = any(t.text == "/" for t in tokens[k:stop])
        if all(t.kind == "word" or _can_be_unit(t, token.gap, letters=letters, quotient=quotient) for t in names):
            out[k:stop] = [Token("word", t.text, t.gap) if t.kind == "run" else t for t in tokens[k:stop]]
    return out


def _ends_value(token: Token) -> bool:
    return token.kind in ("num", "based") or token.text in (")", "]", "}", r"\$", "$", r"\%")


def _can_be_unit(token: Token, gap: bool, *, letters: bool, quotient: bool) -> bool:
    name = token.text
    if name in units.BARE_UNITS or (letters and name in units.CLOSE_UNITS):
        return True
    if not gap or name in NAMED_RUNS:
        return False
    if len(name) == 1:
        return name in units.LETTER_UNITS and (letters or quotient)
    if quotient and name in units.PHYSICAL:
        return True
    known = units.is_unit_word(name) or name.lower() in units.SCALES
    return len(name) > 2 and not reads_as_product(name) and known
