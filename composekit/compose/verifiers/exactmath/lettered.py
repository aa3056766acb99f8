r"""Answers that are the letter of a choice, perhaps with its text: ``(C) 42``, ``\textbf{(E)}\ \text{none}``."""

from __future__ import annotations

import re
from typing import NamedTuple

from composekit.compose.verifiers.exactmath.cleaning import clean
from composekit.compose.verifiers.exactmath.worded import MAX_TEXT, words

_COMMAND_NAME = re.compile(r"\\(?:(?:text|textbf|textrm|mathrm|mathbf|mbox|quad)(?![A-Za-z])|[,;: ])\s*")
_LABELLED = re.compile(
    r"(?:(?i:option|choice)\s+)?(?:\(?\s*(?P<a>[A-Za-z])\s*\)|(?P<b>[A-Z])\s*[.:])\s*(?P<text>\S.*)"
    r"|(?i:option|choice)\s+\(?\s*(?P<c>[A-Za-z])\s*\)?",
    re.DOTALL,
)
_ALTERNATIVE = re.compile(
    r"\(\s*[A-Za-z]\s*\)|\b(?:or|nor|either|lor|vee|also|unless|maybe|perhaps|possibly|probably)\b|^\s*(?:[,;/|&+]|and\b)|^[A-Za-z][).]?$"
    r"|\b(?:wrong|incorrect)\b|\bis (?:not|false)\b|[,;/&]\s*[A-J]\W*$",
    re.IGNORECASE,
)
_OPERATED_ON = re.compile(r"[\^*/+=<>_']|\\(?:pm|mp|cdot|times|div|cup|cap)(?![A-Za-z])")
_CHOICE = re.compile(r"(?<![A-Za-z\\])[A-J](?![A-Za-z])")
_PRINTED = re.compile(r"\(\s?(?P<letter>[A-J])\s?\)(?P<text>(?:(?!\(\s?[A-J]\s?\)|\n\s*\n)[^\0]){0,200})")
_DRESS = (
    r"(?:\\(?:q?quad(?![A-Za-z])|[,;:! ]|\\|hspace\s?\{[^{}]{0,12}\}"
    r"|(?:text(?:bf|rm|it)?|math(?:bf|rm)|mbox)\s?\{(?=\s?\Z))|[~\s$])"
)  # fmt: skip
_BEFORE, _AFTER = re.compile(rf"\}}?{_DRESS}*"), re.compile(rf"{_DRESS}{{1,40}}\Z")
MAX_PROMPT = 20_000


class Choice(NamedTuple):
    """The letter of a choice, in lower case, and the text behind it."""

    letter: str
    text: str


def choice_of(text: str) -> Choice | None:
    """What choice a text is, by a letter from A to J; None for other texts, and where an alternative follows."""
    if len(text) > MAX_TEXT or _CHOICE.search(text) is None:
        return None
    said = words(text)
    alone = said.strip("()") if len(said) == 2 else said  # C)
    return Choice(alone, "") if len(alone) == 1 else labelled(text)


def labelled(text: str) -> Choice | None:
    """The choice ``(C) 42``; None where no letter is set off, or another option or an alternative follows."""
    plain = _COMMAND_NAME.sub("", clean(text)).replace("{", "").replace("}", "")
    match = _LABELLED.fullmatch(plain)
    if match is None or _ALTERNATIVE.search(match["text"] or "") or _OPERATED_ON.match(match["text"] or ""):
        return None
    return Choice(str(match["a"] or match["b"] or match["c"]).lower(), match["text"] or "")


def printed_choices(prompt: str) -> dict[str, str]:
    r"""The options that a question prints, from (A) on and each once, by their letters in lower case.

    Example:
        >>> printed_choices(r"Which? $\textbf{(A)}\ 5 \qquad \textbf{(B)}\ \text{none}$")
        {'a': '5', 'b': '\\text{none}'}
    """
    found = list(_PRINTED.finditer(prompt[-MAX_PROMPT:]))
    if len(found) < 2 or [match["letter"] for match in found] != [chr(ord("A") + k) for k in range(len(found))]:
        return {}
    return {match["letter"].lower(): _AFTER.sub("", _BEFORE.sub("", match["text"], count=1)) for match in found}
