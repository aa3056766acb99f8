"""How a batch is cut for the chunked path: lanes that are walked one after the other, tiles along each.

A lane is a set of sequences that advance together: rows of a dense batch, one packed sequence, or a bundle of short packed
sequences, which are gathered into one padded tile so that a thousand tiny sequences do not cost a thousand steps.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

import torch
from torch import Tensor

from composekit.attention._checks import sequence_bounds

# Heads x tokens of a tile on the CPU: enough work for the matrix products, little enough for the cache.
_TILE = 4096


@dataclass(frozen=True)
class Gather:
    """Pieces of different lengths in one tile: ``index [m, L]`` are packed positions, ``kept [m, L]`` those that exist."""

    index: Tensor
    kept: Tensor
    lengths: Tensor  # [m]


@dataclass(frozen=True)
class Tile:
    """Tokens that are handled at once: the slice ``[rows, low:high]``, or gathered pieces."""

    rows: slice
    low: int
    high: int
    gather: Gather | None = None

    @property
    def length(self) -> int:
        return self.high - self.low

    def read(self, x: Tensor) -> Tensor:
        """``[m, L, H, D]``; zero behind the end of a gathered piece."""
        if self.gather is None:
            return x[self.rows, self.low : self.high]
        return x[0, self.gather.index].masked_fill(~self.gather.kept[:, :, None, None], 0.0)

    def write(self, x: Tensor, value: Tensor, heads: int) -> None:
        """Store ``[m * heads, L, D]``, summed in float32 or better over the heads that share one head of ``x``."""
        value = value.unflatten(0, (-1, heads))
        if heads != x.shape[2]:
            wide = torch.promote_types(value.dtype, torch.float32)
            value = value.unflatten(1, (x.shape[2], -1)).sum(2, dtype=wide)
        value = value.transpose(1, 2)
        if self.gather is None:
            x[self.rows, self.low : self.high] = value
        else:
            x[0, self.gather.index[self.gather.kept]] = value[self.gather.kept].to(x.dtype)


@dataclass(frozen=True)
class Lane:
    """Sequences that advance together, and their tiles in order; ``rows`` selects their states."""

    rows: slice | Tensor
    tiles: list[Tile] = field(default_factory=list)

    def take(self, states: Tensor | None) -> Tensor | None:
        """The states of the lane, ``[m * Hq, Dk, Dv]``; None stands for zero."""
        return None if states is None else states[self.rows].flatten(0, 1)

    def put(self, states: Tensor, value: Tensor | None) -> None:
        """Store the states of the lane."""
        states[self.rows] = 0.0 if value is None else value.unflatten(0, (-1, states.shape[1]))


def lanes_of(q: Tensor, cu_seqlens: Tensor | None, chunk: int) -> list[Lane]:
    """Cut a batch into lanes that cover every token once."""
    batch, length, heads = q.shape[:3]
    if cu_seqlens is not None:
        return _packed(sequence_bounds("lightning_attention", cu_seqlens, length), heads, chunk, q.device)
    rows = batch if q.device.type != "cpu" else max(1, _TILE // (heads * max(1, min(chunk, length))))
    groups = [slice(low, min(low + rows, batch)) for low in range(0, batch, rows)]
    return [Lane(group, _slices(group, 0, length, chunk)) for group in groups]


def _slices(rows: slice, low: int, high: int, chunk: int) -> list[Tile]:
    return [Tile(rows, t, min(t + chunk, high)) for t in range(low, high, chunk)]


def _packed(bounds: list[int], heads: int, chunk: int, device: torch.device) -> list[Lane]:
    lanes = []
    short: dict[int, list[int]] = {}  # sequences up to half a chunk, by the power of two that their length reaches
    for n, (low, high) in enumerate(itertools.pairwise(bounds)):
        if 0 < high - low <= chunk // 2:
            short.setdefault((high - low - 1).bit_length(), []).append(n)
        else:
            lanes.append(Lane(slice(n, n + 1), _slices(slice(0, 1), low, high, chunk)))
    for bits, members in short.items():
        size = max(1, _TILE // (heads << bits))
        for first in range(0, len(members), size):
            lanes.append(_bundle(members[first : first + size], bounds, device))
    return lanes


def _bundle(members: list[int], bounds: list[int], device: torch.device) -> Lane:
    rows = torch.tensor(members, device=device)
    low = torch.tensor([bounds[n] for n in members], device=device)
    lengths = torch.tensor([bounds[n + 1] - bounds[n] for n in members], device=device)
    longest = max(bounds[n + 1] - bounds[n] for n in members)
    offset = torch.arange(longest, device=device)
    kept = offset < lengths[:, None]
    index = torch.minimum(low[:, None] + offset, (low + lengths - 1)[:, None])
    return Lane(rows, [Tile(slice(0, 1), 0, longest, Gather(index, kept, lengths))])
