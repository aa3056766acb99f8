"""Stretches of a text whose numbers are doubtful constants: a table of patterns, looked up once for a problem.

The tables are in :mod:`.answerable` and :mod:`.coarse`. A row says which words a text must have, and where in it the
numbers stand. A few rules need more than patterns and are functions, among them those of :mod:`.whole` and :mod:`.told`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice

from composekit.compose.needless.answerable import ANSWERABLE, ANSWERABLE_FUNCTIONS
from composekit.compose.needless.coarse import COARSE, COARSE_FUNCTIONS
from composekit.compose.needless.derivations import Span
from composekit.compose.needless.told import TOLD_FUNCTIONS
from composekit.compose.needless.whole import WHOLE_FUNCTIONS
from composekit.compose.problem import Problem

MAX_STRETCHES = 32  # that one pattern finds in a text


def stretches(problem: Problem) -> list[tuple[Span, str]]:
    """The stretches of the text of a problem whose numbers are doubtful, and why.

    Example:
        >>> stretches(Problem("For how many positive integers $n$ is $2^{24}$ a perfect $n$-th power?", 8))
        [((39, 40), 'numbers that are no powers have the same')]
    """
    return list(_stretches(problem))


def _stretches(problem: Problem) -> Iterator[tuple[Span, str]]:
    text = problem.prompt
    for row in (*ANSWERABLE, *COARSE):
        if row.hint in text and (row.asked is None or row.asked.search(text)):
            for match in islice(row.place.finditer(text), MAX_STRETCHES):
                yield match.span(row.group), row.why
    for hint, rule in (*ANSWERABLE_FUNCTIONS, *WHOLE_FUNCTIONS, *COARSE_FUNCTIONS, *TOLD_FUNCTIONS):
        if hint in text:
            yield from rule(problem)
