r"""Numbers of vectors and matrices that the rest of a text tells, because it says how they lie to each other.

*These two lines are parallel*: two directions are multiples of each other, and a hidden entry of one follows from the
others. One rule a function; each checks that what the words say is so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations, islice, pairwise
from typing import NamedTuple

from composekit.compose.needless.derivations import Span, Tie, Values

MAX_ARRAYS = 12  # of a text that are looked at
_MATRIX = re.compile(r"\\begin\{[bpv]matrix\}(.{1,300}?)\\end\{[bpv]matrix\}", re.DOTALL)
_BRACKETS = re.compile(r"\\(?:begin|end)\{[bpv]matrix\}")
_POINT = re.compile(r"(?<![A-Za-z0-9])\(([^()]{3,60})\)")
_LETTER = re.compile(r"(?<![\\A-Za-z])[a-z](?![A-Za-z])")
_ENTRY = re.compile(r"\s*(-?)\s*([0-9]{1,9})\s*")
_NUMBER = re.compile(r"[0-9]{1,9}")


class _Array(NamedTuple):
    """A vector or matrix in a text: its place, its entries (None where they are no integers), the places of its numbers."""

    span: Span
    rows: tuple[tuple[Fraction | None, ...], ...]
    spans: tuple[Span, ...]
    steps: bool  # whether its entries move: 2 - 3t

    @property
    def vector(self) -> tuple[Fraction, ...]:
        """The entries of a vector of integers; empty for anything else."""
        entries = tuple(row[0] for row in self.rows if len(row) == 1 and row[0] is not None)
        return entries if len(entries) == len(self.rows) > 1 else ()


def _arrays(text: str) -> list[_Array]:
    found = []
    for match in islice(_MATRIX.finditer(text), MAX_ARRAYS):
        rows = [row.split("&") for row in match[1].split("\\\\") if row.strip()]
        found.append(_array(text, match.span(1), rows))
    return found


def _array(text: str, span: Span, rows: list[list[str]]) -> _Array:
    spans = tuple(match.span() for match in _NUMBER.finditer(text, *span))
    moving = _LETTER.search(text, *span) is not None
    return _Array(span, tuple(tuple(map(_integer, row)) for row in rows), spans, moving)


def _integer(entry: str) -> Fraction | None:
    match = _ENTRY.fullmatch(entry)
    return Fraction(int(match[1] + match[2])) if match else None


def _dot(a: tuple[Fraction, ...], b: tuple[Fraction, ...]) -> Fraction:
    return sum((x * y for x, y in zip(a, b, strict=True)), Fraction())


def _pairs(arrays: list[_Array]) -> Iterator[tuple[_Array, _Array]]:
    """Two vectors with as many entries, none of them zero."""
    whole = [array for array in arrays if any(array.vector)]
    yield from ((a, b) for a, b in combinations(whole, 2) if len(a.vector) == len(b.vector))


_PARALLEL = re.compile(r"\blines are parallel|\bparallel lines|\bvectors? [^.]{1,60}\bparallel")


def _parallel(text: str, arrays: list[_Array]) -> Iterator[tuple[tuple[_Array, ...], str]]:
    """``+ t (2, -9, -2)`` and ``+ u (4, -18, -4)``: ``these two lines are parallel``"""
    for a, b in _pairs(arrays) if _PARALLEL.search(text) else ():
        multiple = _dot(a.vector, b.vector) ** 2 == _dot(a.vector, a.vector) * _dot(b.vector, b.vector)
        if multiple and a.vector != b.vector:
            yield (a, b), "the directions are parallel"


_CROSS = re.compile(r"\s*\\times\s*(?:\\mathbf\s?\{?[a-z]\}?|[a-z])\s*=\s*")
_NAMED = re.compile(r"\\mathbf\{([a-z])\}\s*=\s*\\begin\{[bpv]matrix\}\Z")
_NAMED_CROSS = re.compile(r"\\mathbf\{([a-z])\}\s*\\times\s*\\mathbf\{([a-z])\}\s*=\s*\\begin\{[bpv]matrix\}\Z")


def _cross_product(text: str, arrays: list[_Array]) -> Iterator[tuple[tuple[_Array, ...], str]]:
    r"""``(1, 2, -5) \times \mathbf{v} = (90, 30, 30)``, where the first one may have a name"""
    if "\\times" not in text:
        return
    names: dict[str, _Array] = {}
    pairs = [(a, b) for a, b in pairwise(arrays) if _CROSS.fullmatch(_BRACKETS.sub("", text[a.span[1] : b.span[0]]))]
    for array in arrays:
        before = text[max(array.span[0] - 80, 0) : array.span[0]]
        product, name = _NAMED_CROSS.search(before), _NAMED.search(before)
        if product:
            pairs += [(names[factor], array) for factor in product.groups() if factor in names]
        elif name:
            names[name[1]] = array
    for a, b in pairs:
        if len(a.vector) == len(b.vector) == 3 and not _dot(a.vector, b.vector):
            yield (a, b), "a product of vectors is perpendicular to both"


_MOTION = re.compile(r"\b(?:reflection|rotation|isometry) (?:\w+ ){0,6}?takes? ")
_TAKES = re.compile(r"\$? (?:to|into) \$?|,? (?:and|which) ")


def _motion(text: str, arrays: list[_Array]) -> Iterator[tuple[tuple[_Array, ...], str]]:
    """``a reflection takes (5, 0) to (4, 3)``"""
    for a, b in pairwise(arrays) if _MOTION.search(text) else ():
        between = _BRACKETS.sub("", text[a.span[1] : b.span[0]])
        same = a.vector and len(a.vector) == len(b.vector) and _dot(a.vector, a.vector) == _dot(b.vector, b.vector)
        if same and _TAKES.fullmatch(between):
            yield (a, b), "a motion keeps lengths"


_SIMILAR = re.compile(r"\\mathbf\{([A-Z])\}\^\{-1\}.{1,200}\\mathbf\{\1\}", re.DOTALL)


def _similar(text: str, arrays: list[_Array]) -> Iterator[tuple[tuple[_Array, ...], str]]:
    r"""``M = \mathbf{P}^{-1} D \mathbf{P}``: M and D have the same trace and the same determinant."""
    squares = [a for a in arrays if len(a.rows) == 2 and all(len(row) == 2 and None not in row for row in a.rows)]
    for a, b in combinations(squares, 2) if _SIMILAR.search(text) else ():
        if a.rows[0][0] + a.rows[1][1] == b.rows[0][0] + b.rows[1][1]:  # type: ignore[operator]
            yield (a, b), "similar matrices have the same trace and determinant"


_MEETING = re.compile(
    r"\blines intersect\b|\bpoint of intersection of (?:the )?(?:two )?lines|\bintersection point of lines"
)


def _meeting(text: str, arrays: list[_Array]) -> Iterator[tuple[tuple[_Array, ...], str]]:
    """``The two lines intersect``: in space, lines seldom do."""
    if _MEETING.search(text) is None:
        return
    lines = [array for array in arrays if len(array.rows) == 3]
    for match in islice(_POINT.finditer(text), MAX_ARRAYS) if not lines else ():
        entries = match[1].split(",")
        if len(entries) == 3 and all(_integer(entry) is not None for entry in entries):
            lines.append(_array(text, match.span(1), [[entry] for entry in entries]))
    if len(lines) == 4 or (len(lines) == 2 and all(line.steps for line in lines)):
        yield tuple(lines), "lines in space that meet"


_RULES = (_parallel, _cross_product, _motion, _similar, _meeting)


def vectors(text: str, values: Values) -> Iterator[Tie]:
    """Entries of vectors and matrices of which a text says how they lie to each other."""
    if "matrix}" not in text and "intersection point" not in text:
        return
    known = {n.span for n in values}
    arrays = _arrays(text)
    for rule in _RULES:
        for tied, why in rule(text, arrays):
            spans = tuple(span for array in tied for span in array.spans if span in known)
            if spans:
                yield Tie(spans, why)


RULES = (vectors,)
