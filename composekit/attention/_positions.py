"""Where tokens are: positions of packed and padded batches, and the rotation by them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from composekit.attention._checks import state_dtype


def rotate(x: Tensor, positions: Tensor, theta: float) -> Tensor:
    """Rotary position encoding of ``x [B, T, H, D]`` by ``positions [B or 1, T]``: channel *i* turns with *i + D / 2*."""
    dtype = state_dtype(x.dtype)
    half = x.shape[3] // 2
    frequencies = theta ** (-torch.arange(half, device=x.device, dtype=dtype) / half)
    angles = positions.to(dtype)[:, :, None, None] * frequencies
    cos, sin = angles.cos(), angles.sin()
    first, second = x.to(dtype).split(half, dim=3)
    return torch.cat([first * cos - second * sin, second * cos + first * sin], dim=3).to(x.dtype)


def packed_positions(cu_seqlens: Tensor, total: int, past: Tensor | None) -> Tensor:
    """Positions inside each packed sequence, ``[1, T]``, continued from ``past [N]``."""
    tokens = torch.arange(total, device=cu_seqlens.device)
    # Boundaries that are out of order raise in the operator; until then they must not index out of range.
    sequence = torch.searchsorted(cu_seqlens[1:].contiguous(), tokens, right=True).clamp(max=cu_seqlens.shape[0] - 2)
    positions = tokens - cu_seqlens[sequence]
    return (positions if past is None else positions + past[sequence])[None]


def dense_positions(batch: int, total: int, device: torch.device, past: Tensor | None) -> Tensor:
    """Positions of rows without padding, ``[1 or B, T]``, continued from ``past [B]``."""
    positions = torch.arange(total, device=device)[None]
    return positions if past is None else positions + past[:, None]


class Padding(NamedTuple):
    """A padded batch as a packed one whose shapes do not depend on the mask.

    Row *b* becomes two sequences: its tokens in order, then its padding. So padding neither enters a state nor ages it,
    on whichever side it lies.

    Attributes:
        order: int64 ``[B * T]``, where each packed token comes from.
        cu_seqlens: int32 ``[2 B + 1]``.
        counts: int64 ``[B]``, tokens of each row.
    """

    order: Tensor
    cu_seqlens: Tensor
    counts: Tensor

    @classmethod
    def of(cls, mask: Tensor) -> Padding:
        batch, length = mask.shape
        base = torch.arange(batch, device=mask.device)[:, None] * length
        order = torch.argsort(~mask, dim=1, stable=True) + base
        counts = mask.sum(1)
        ends = torch.cat([base + counts[:, None], base + length], dim=1).flatten()
        return cls(order.flatten(), torch.nn.functional.pad(ends, (1, 0)).to(torch.int32), counts)

    def pack(self, x: Tensor) -> Tensor:
        """``[B, T, ...]`` to ``[1, B * T, ...]``."""
        return x.flatten(0, 1).index_select(0, self.order)[None]

    def align(self, x: Tensor) -> Tensor:
        """``[B, T, ...]`` with the tokens of every row at its beginning and its padding behind them."""
        return self.pack(x)[0].unflatten(0, x.shape[:2])

    def unpack(self, x: Tensor) -> Tensor:
        """``[1, B * T, ...]`` to ``[B, T, ...]``."""
        rows = x.new_zeros(x.shape[1:]).index_copy(0, self.order, x[0])
        return rows.unflatten(0, (self.counts.shape[0], -1))

    def states_in(self, state: Tensor) -> Tensor:
        """``[B, ...]`` to ``[2 B, ...]``: padding starts from nothing."""
        return torch.stack([state, torch.zeros_like(state)], dim=1).flatten(0, 1)

    def states_out(self, state: Tensor) -> Tensor:
        """``[2 B, ...]`` to ``[B, ...]``."""
        return state[0::2].contiguous()
