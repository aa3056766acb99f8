r"""How an answer can be read: mostly in one way, sometimes in two.

``1,234`` is a number or a list, ``2e-3`` a small number or :math:`2e - 3`, ``5 cm`` a length or a product, ``seven`` a
word or 7. :func:`readings` gives the usual reading first. The gold answer is read more narrowly than the response,
whose writer did not know the conventions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from composekit.compose.verifiers.exactmath.cleaning import clean
from composekit.compose.verifiers.exactmath.lexer import OverLimit, Unreadable, tokenise
from composekit.compose.verifiers.exactmath.parser import parse
from composekit.compose.verifiers.exactmath.spellings import greek_units, respelled, rewritten
from composekit.compose.verifiers.exactmath.tree import Node
from composekit.compose.verifiers.exactmath.unit_marks import mark_units
from composekit.compose.verifiers.exactmath.worded import (
    MAX_TEXT,
    TEXT_COMMAND,
    is_wordlike,
    signed_reals,
    word_value,
    words,
)

_CACHED_LENGTH = 300

_EXPLICIT_GROUPS = re.compile(
    r"(?<![\d.,_^A-Za-z])([1-9]\d{0,2})((?:(?:\{,\}|,(?:\s|\\ ){0,3}\\!\s*|\\,|\\ |~| )\d{3})+)(?![\d])(?!,\d)"
)
_COMMA_GROUPS = re.compile(r"(?<![\d.,_A-Za-z])([1-9]\d{0,2}(?:,\d{3})+)(?!\d)(?!,\d)")
_ZEROS_FIRST = re.compile(r"\d,0\d\d")  # as in 1,000x: no item of a list is written 000x
_DATE = re.compile(
    r"\s*(?:\d{4}-\d{1,2}-\d{1,2}|\d{1,2}/\d{1,2}/\d{2,4}|\d{1,2}:[0-5]\d(?::[0-5]\d)?\s*[aApP]\.?[mM]\.?)\s*"
)
_DIGIT_E_SIGN = re.compile(r"\de[+-]\d")
_LETTER = re.compile(r"[^\W\d_]")
_MAY_BE_WORDS = re.compile(r"[\s({\"']*(?:\\[tmho]|[A-Za-z])")
_WORD_AFTER_VALUE = re.compile(
    r"(?:[\d)}\]%$]|\\pi(?![A-Za-z]))\s*/?(?:\\[,;: ])*\s*(?:\\(?:text|mathrm)\s*\{\s*)?[A-Za-z]"
)


def join_groups(text: str, *, commas: bool, brackets: bool = False) -> str:
    """Numbers in groups of three digits as one; with plain commas only if ``commas``, and where they are no list.

    With ``brackets`` a comma between digits inside brackets is no list either.
    """
    text = _EXPLICIT_GROUPS.sub(lambda m: m[1] + re.sub(r"\D", "", m[2]), text)
    if commas and "," in text:
        spaced = re.search(r",\s", text) is not None

        def join(match: re.Match[str]) -> str:
            before = text[: match.start()]
            inside = sum(before.count(c) for c in "([") > sum(before.count(c) for c in ")]") or r"\{" in before
            return match[0] if inside and not spaced and not brackets else match[0].replace(",", "")

        text = _COMMA_GROUPS.sub(join, text)
    return text


class Convention(NamedTuple):
    """How to read what can be read in two ways.

    Args:
        commas: Whether ``1,234`` is a number; otherwise it is a list.
        brackets: Whether it is one inside brackets too: ``(1,234 + x) y`` makes no sense as a list.
        scientific: Whether ``2e-3`` is a small number; otherwise it is :math:`2e - 3`.
        units: Where units may stand: in ``"text"`` alone, also as ``"bare"`` words, also as single ``"letters"``.
    """

    commas: bool = True
    brackets: bool = False
    scientific: bool = True
    units: str = "text"


def _parsed(text: str, convention: Convention) -> Node:
    text = join_groups(respelled(text), commas=convention.commas, brackets=convention.brackets)
    if not convention.scientific:
        text = re.sub(r"(\d)e(?=[+-]\d)", r"\1 e ", text)
    text = rewritten(text)
    if convention.units != "text":
        text = greek_units(text)
    tokens = tokenise(text)
    if convention.units != "text":
        tokens = mark_units(tokens, letters=convention.units == "letters")
    return parse(tokens)


def readings(text: str, *, gold: bool, unusual: bool = True) -> tuple[Node, ...]:
    """The ways to read an answer, the usual one first; raises :class:`~.lexer.Unreadable` if there is none.

    Args:
        text: The answer.
        gold: Whether it is the gold answer, which is read more narrowly.
        unusual: Whether the other readings are wanted too.
    """
    if len(text) <= _CACHED_LENGTH:
        return _cached_readings(text, gold, unusual)
    return _cached_readings.__wrapped__(text, gold, unusual)


@lru_cache(maxsize=8192)
def _cached_readings(text: str, gold: bool, unusual: bool) -> tuple[Node, ...]:
    found = _readings(text, gold)
    return tuple(found) if unusual else (next(found),)


def _readings(raw: str, gold: bool) -> Iterator[Node]:
    text = clean(raw)
    if not text:
        raise Unreadable("an empty answer")
    if _DATE.fullmatch(text):
        yield Node("text", (words(raw),))
        return
    only_words = False
    if _MAY_BE_WORDS.match(text) and len(text) <= MAX_TEXT:
        bare = TEXT_COMMAND.sub("", text).replace("{", "").replace("}", "").strip(" ()")
        only_words = is_wordlike(bare)
        choice = len(bare) == 1 and bare.isalpha() and TEXT_COMMAND.match(text) is not None
        if only_words or choice:
            said = words(raw)
            yield Node("text", (said,))
            symbols = signed_reals(said)
            value = _parsed(symbols, Convention()) if symbols else word_value(said)
            if value is not None:
                yield value
            elif gold and not choice:
                return
    yield from _expressions(raw, text, gold, only_words)


def _expressions(raw: str, text: str, gold: bool, only_words: bool) -> Iterator[Node]:
    """The distinct trees of the text under the conventions that may apply; without any it is words, or unreadable."""
    seen: set[Node] = set()
    problem: Unreadable | None = None
    for convention in _conventions(text, gold):
        if convention.brackets and seen:
            break
        try:
            node = _parsed(text, convention)
        except OverLimit:
            raise
        except Unreadable as error:
            problem = problem or error
            continue
        if node not in seen:
            seen.add(node)
            yield node
    if seen or only_words:
        return
    if len(text) <= MAX_TEXT and "\\" not in TEXT_COMMAND.sub("", text) and _LETTER.search(text):
        yield Node("text", (words(raw),))
        return
    raise problem or Unreadable("nothing there")


def _conventions(text: str, gold: bool) -> Iterator[Convention]:
    """The conventions under which a text may read differently, the usual one first."""
    yield Convention()
    if _WORD_AFTER_VALUE.search(text) or "\\Omega" in text or "\\mu" in text:
        yield Convention(units="bare")
        if not gold:
            yield Convention(units="letters")
    if "," in text and not _ZEROS_FIRST.search(text):
        yield Convention(commas=False)
    if _DIGIT_E_SIGN.search(text):
        yield Convention(scientific=False)
    if _COMMA_GROUPS.search(text):
        yield Convention(brackets=True)  # where nothing else makes sense
