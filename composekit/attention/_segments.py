"""The sequences of a call, each with its queries, its keys and the position at which its queries start."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

from torch import Tensor

from composekit._errors import bad_value
from composekit.attention._checks import sequence_bounds


@dataclass(frozen=True)
class Segment:
    """One sequence: a row of a dense batch, or one of a pack."""

    row: int
    queries: slice
    keys: slice  # all that there are; empty where keys are not given
    start: int  # position of the first query in its sequence

    @property
    def count(self) -> int:
        """How many queries there are."""
        return self.queries.stop - self.queries.start

    @property
    def end(self) -> int:
        """Tokens up to the last query; no query sees more."""
        return self.start + self.count


def segments_of(
    op: str, q: Tensor, keys: int | None, cu_seqlens: Tensor | None, q_start: int, q_starts: Tensor | None
) -> list[Segment]:
    """The sequences in order. Reads data, so call it inside an operator.

    Args:
        op: Who asks.
        q: Queries ``[B, T, Hq, D]``.
        keys: The length of k; None where there is no k.
        cu_seqlens: Boundaries of packed keys. The queries of a sequence are those from its start on.
        q_start: The start of all sequences, unless ``q_starts`` gives one each.
        q_starts: int32 ``[B]``; packed ``[N]`` or ``[1]``.

    Raises:
        ArgumentError: boundaries out of order, or starts that leave queries without keys.
    """
    if cu_seqlens is not None:
        return _packed(op, q, keys, cu_seqlens, q_start, q_starts)
    starts = [q_start] * q.shape[0] if q_starts is None else q_starts.tolist()
    length = q.shape[1]
    for start in starts:
        if start < 0 or (keys is not None and start + length > keys):
            most = "" if keys is None else f" and leave room for {length} queries among {keys} keys"
            raise bad_value(op, "q_start", f"not be negative{most}", start, "Pass the position of the first query")
    return [Segment(n, slice(0, length), slice(0, keys or 0), start) for n, start in enumerate(starts)]


def _packed(
    op: str, q: Tensor, keys: int | None, cu_seqlens: Tensor, q_start: int, q_starts: Tensor | None
) -> list[Segment]:
    bounds = sequence_bounds(op, cu_seqlens, int(cu_seqlens[-1]) if keys is None else keys)
    starts = [q_start] if q_starts is None else q_starts.tolist()
    if len(starts) == 1:
        starts = starts * (len(bounds) - 1)
    found, at = [], 0
    for (low, high), start in zip(itertools.pairwise(bounds), starts, strict=True):
        if not 0 <= start <= high - low:
            raise bad_value(
                op,
                "q_start",
                f"be from 0 to the length of its sequence, {high - low}",
                start,
                "Queries need their keys",
            )
        queries = slice(at, at + high - low - start)
        found.append(Segment(0, queries, slice(low, high), start))
        at = queries.stop
    if at != q.shape[1]:
        raise bad_value(
            op,
            "q",
            f"have the tokens from q_start on of every sequence, {at}",
            q.shape[1],
            "Check cu_seqlens and q_start",
        )
    return found


def dense_positions(segments: list[Segment], dense_len: int, dense_by: str) -> int:
    """How many positions from the start are dense: position *i* while ``i + 1 < dense_len``, or by the longest sequence."""
    if dense_by == "query":
        return max(0, dense_len - 1)
    longest = max((segment.end for segment in segments), default=0)
    return longest if longest < dense_len else 0


def check_indices(op: str, indices: Tensor, segments: list[Segment], block_size: int) -> None:
    """Every index names a block of its sequence, or is -1. Reads data.

    Raises:
        ArgumentError: one does not.
    """
    for segment in segments:
        mine = indices[segment.row, segment.queries]
        blocks = -(-(segment.keys.stop - segment.keys.start) // block_size)
        if not mine.numel():
            continue
        low, high = (int(x) for x in mine.aminmax())
        if low < -1 or high >= blocks:
            raise bad_value(
                op,
                "indices",
                f"be from -1 to {blocks - 1}, the last block of the sequence",
                low if low < -1 else high,
                "Pass what select_blocks returns for these keys",
            )
