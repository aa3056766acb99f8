"""What a sparse layer remembers: keys, values, and the compressed keys by which blocks are found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from composekit.attention._checks import state_dtype
from composekit.attention.compressing import window_means
from composekit.attention.sparse_config import SparseConfig


@dataclass
class SparseMemory:
    """The memory of one sparse layer. What lies behind a row's length is no part of it, and is written over.

    Compressed keys are averaged again from the keys whenever their last token arrives, always in the same order of
    additions, so their bits do not depend on how the tokens came: at once, in chunks or one by one.
    """

    config: SparseConfig
    keys: Tensor  # [B, capacity, Hkv, D]
    values: Tensor  # [B, capacity, Hkv, Dv]
    c1: Tensor  # [B, capacity / stride + 1, Hkv, D], float32 or float64
    c2: Tensor | None  # likewise; None with the exact normaliser
    lengths: Tensor  # int64 [B]
    most: int = 0  # no row is longer; known without reading ``lengths``

    @classmethod
    def empty(cls, config: SparseConfig, k: Tensor, v: Tensor, rows: int, capacity: int) -> SparseMemory:
        """Room for so many tokens like those of ``k [.., .., Hkv, D]`` and ``v``."""
        exact = config.lse == "exact"
        return cls(
            config,
            k.new_zeros(rows, capacity, *k.shape[2:]),
            v.new_zeros(rows, capacity, *v.shape[2:]),
            _no_means(k, rows, capacity // config.stride + 1),
            None if exact else _no_means(k, rows, capacity // config.lse_stride + 1),
            torch.zeros(rows, dtype=torch.int64, device=k.device),
        )

    @property
    def capacity(self) -> int:
        """Tokens of a row that there is room for."""
        return self.keys.shape[1]

    @property
    def nbytes(self) -> int:
        return sum(x.nbytes for x in (self.keys, self.values, self.c1, self.c2, self.lengths) if x is not None)

    def append(self, k: Tensor, v: Tensor, added: Tensor | None = None) -> None:
        """Write the next tokens of every row.

        Args:
            k: Keys ``[B, T, Hkv, D]``.
            v: Values ``[B, T, Hkv, Dv]``.
            added: int64 ``[B]``, how many of the T each row keeps, the first ones; all by default. The others may be read
                until the next call, by queries that are of no account.
        """
        rows = torch.arange(k.shape[0], device=k.device)[:, None]
        columns = self.lengths[:, None] + torch.arange(k.shape[1], device=k.device)
        self._write(k, v, rows, columns, self.lengths + k.shape[1], k.shape[1])
        self.lengths.add_(k.shape[1] if added is None else added)

    def append_packed(self, k: Tensor, v: Tensor, cu_seqlens: Tensor, longest: int) -> None:
        """Write the next tokens of every row, ``[1, total, Hkv, D]``, row after row; the longest part is ``longest``."""
        counts = cu_seqlens.diff().long()
        token = torch.arange(k.shape[1], device=k.device)
        rows = torch.searchsorted(cu_seqlens[1:].contiguous(), token, right=True)
        columns = self.lengths[rows] + token - cu_seqlens[rows]
        self._write(k[0], v[0], rows, columns, self.lengths + counts, longest)
        self.lengths.add_(counts)

    def packed(self) -> tuple[Tensor, Tensor, Tensor]:
        """All keys and values, ``[1, total, ...]``, row after row, and where rows begin and end, int32 ``[B + 1]``."""
        edges = torch.nn.functional.pad(self.lengths.cumsum(0), (1, 0))
        rows = torch.repeat_interleave(self.lengths)
        columns = torch.arange(rows.shape[0], device=rows.device) - edges[rows]
        return self.keys[rows, columns][None], self.values[rows, columns][None], edges.to(torch.int32)

    def copy(self) -> SparseMemory:
        return self._map(torch.clone)

    def reordered(self, rows: Tensor) -> SparseMemory:
        return self._map(lambda x: x.index_select(0, rows))

    def _map(self, change: Callable[[Tensor], Tensor]) -> SparseMemory:
        second = None if self.c2 is None else change(self.c2)
        first = change(self.c1)
        lengths = change(self.lengths)
        return SparseMemory(self.config, change(self.keys), change(self.values), first, second, lengths, self.most)

    def _write(self, k: Tensor, v: Tensor, rows: Tensor, columns: Tensor, ends: Tensor, longest: int) -> None:
        self.most += longest
        if self.most > self.capacity:
            self._grow(max(self.most, 2 * self.capacity))
        self.keys = _put(self.keys, rows, columns, k)
        self.values = _put(self.values, rows, columns, v)
        _renew(self.c1, self.keys, ends, longest, self.config.kernel_size, self.config.stride)
        if self.c2 is not None:
            _renew(self.c2, self.keys, ends, longest, self.config.lse_kernel_size, self.config.lse_stride)

    def _grow(self, capacity: int) -> None:
        self.keys, self.values = (_longer(x, capacity) for x in (self.keys, self.values))
        self.c1 = _longer(self.c1, capacity // self.config.stride + 1)
        if self.c2 is not None:
            self.c2 = _longer(self.c2, capacity // self.config.lse_stride + 1)


def _no_means(k: Tensor, rows: int, count: int) -> Tensor:
    return k.new_zeros(rows, count, *k.shape[2:], dtype=state_dtype(k.dtype))


def _longer(x: Tensor, length: int) -> Tensor:
    return torch.cat([x, x.new_zeros(x.shape[0], length - x.shape[1], *x.shape[2:])], dim=1)


def _put(buffer: Tensor, rows: Tensor, columns: Tensor, x: Tensor) -> Tensor:
    """Write in place, unless somebody may go back through the buffer: queries may be trained where keys are frozen."""
    if torch.is_grad_enabled():
        return buffer.index_put((rows, columns), x)
    return buffer.index_put_((rows, columns), x)


@torch.no_grad()
def _renew(means: Tensor, keys: Tensor, ends: Tensor, longest: int, size: int, stride: int) -> None:
    """Average again, in place, every window that may end among the last ``longest`` tokens of rows that end at ``ends``.

    The first windows of a short row reach behind its end; they are no part of the memory yet.
    """
    count = longest // stride + 1
    first = (torch.div(ends - size, stride, rounding_mode="floor") - count + 1).clamp(min=0)[:, None]
    inside = torch.arange((count - 1) * stride + size, device=keys.device)
    tokens = (first * stride + inside).clamp(max=keys.shape[1] - 1)
    rows = torch.arange(keys.shape[0], device=keys.device)[:, None]
    window = window_means(keys.detach()[rows, tokens], size, stride)
    means.index_put_((rows, first + torch.arange(count, device=keys.device)), window)
