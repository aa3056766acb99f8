"""A row of the tables of :mod:`composekit.compose.needless.stretches`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from composekit.compose.needless.derivations import Span
from composekit.compose.problem import Problem

FORMULA = re.compile(r"\$\$?([^$]{1,400})\$|\\\[(.{1,600}?)\\\]", re.DOTALL)
Rule = Callable[[Problem], Iterator[tuple[Span, str]]]


class Row(NamedTuple):
    """Where the doubtful numbers of a text stand.

    Args:
        hint: A string without which nothing is looked for.
        asked: What must stand anywhere in the text.
        place: The stretch that holds the numbers.
        why: What to say of them.
        group: The group of ``place`` that is the stretch.
    """

    hint: str
    asked: re.Pattern[str] | None
    place: re.Pattern[str]
    why: str
    group: int = 0
