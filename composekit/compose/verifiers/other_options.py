r"""The texts of other options beside a boxed letter: ``\boxed{C} or 91``, ``\boxed{C}`` and then ``Answer: 91``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice

from composekit.compose.verifiers.statements import statement, states_answer, without_long_runs

_BOX = re.compile(r"\\(?:boxed|fbox)\s?\{(?:[^{}]|\{[^{}]{0,60}\}){0,60}\}")
_CUT = re.compile(
    r"[;:(),\[\]→]|[-=]>|\.(?:\s|\Z)|\b(?:or|wait|no|actually|alternatively|otherwise|maybe|perhaps|it\sis|it['’]s|that\sis|answer(?:\sis)?)\b",
    re.IGNORECASE,
)
_TURNS = re.compile(
    r"\W{0,9}(?:wait|no|actually|alternatively|otherwise|correction|edit|update|oops|sorry|or)\b", re.IGNORECASE
)
_REACH = 400
_SHORT = 80
_MOST_LINES = 16


def said_beside(text: str) -> Iterator[str]:
    r"""The short clauses beside the last box that may offer another answer, and what the lines around it state.

    Example:
        >>> list(said_beside("\\boxed{C} or 91\n\nAnswer: 93")), list(said_beside("\\boxed{C}\n\nFor 91 is 7 times 13."))
        (['91', '93'], [])
    """
    boxes = list(_BOX.finditer(text[-20_000:]))
    if not boxes:
        return
    text = text[-20_000:]
    above = (
        text[max(0, boxes[-1].start() - _REACH) : boxes[-1].start()].rpartition("\n")[0].rstrip().rpartition("\n")[2]
    )
    if (stated := statement(above)) is not None:
        yield _bare(stated)
    here, *lines = without_long_runs(text[boxes[-1].end() : boxes[-1].end() + _REACH]).splitlines() or [""]
    headed = False
    for line in (here, *islice(lines, _MOST_LINES)):
        stated = statement(line)
        if stated:
            yield _bare(stated)
        elif headed and line.strip():
            yield _bare(line)
        elif len(line) <= _SHORT and (line is here or _TURNS.match(line)):
            yield from filter(None, map(_bare, _CUT.split(line)))
        headed = (headed and not line.strip()) or states_answer(line)


def _bare(piece: str) -> str:
    return piece.strip(" \t$*_.\\{}#>\"'`")
