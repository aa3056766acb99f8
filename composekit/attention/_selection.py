"""What every way of selecting blocks starts from: the compressed keys of each sequence, and the form of the result."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from composekit._errors import bad_value
from composekit.attention._segments import Segment, dense_positions, segments_of
from composekit.attention.compressing import entries, window_means
from composekit.attention.sparse_config import SparseConfig

_OP = "select_blocks"

# Exponents beyond this come near the end of float32. Where one occurs, all scores of its query are divided by a common
# factor, which orders nothing differently.
LOUD = 64.0


class Memory(NamedTuple):
    """One sequence and its compressed keys, ``[entries, Hkv, D]`` each, cut at the last query."""

    segment: Segment
    c1: Tensor
    c2: Tensor | None  # None with the exact normaliser


def prepare(
    q: Tensor,
    k: Tensor,
    c1: Tensor | None,
    c2: Tensor | None,
    config: SparseConfig,
    cu_seqlens: Tensor | None,
    q_start: int,
    q_starts: Tensor | None,
) -> tuple[list[Memory], int]:
    """Compress the keys, or cut what a cache holds, in which case ``k`` is not read; metadata is checked by now.

    Returns:
        The sequences, and how many positions from the start are dense and select nothing.

    Raises:
        ArgumentError: data that contradicts itself, or fewer compressed keys than the queries see.
    """
    segments = segments_of(_OP, q, k.shape[1] if c1 is None else None, cu_seqlens, q_start, q_starts)
    packed = cu_seqlens is not None
    first = _means(segments, k, c1, "C1", (config.kernel_size, config.stride), packed)
    second: list[Tensor | None] = [None] * len(segments)
    if config.lse == "approximate":
        second = [*_means(segments, k, c2, "C2", (config.lse_kernel_size, config.lse_stride), packed)]
    memories = [Memory(*each) for each in zip(segments, first, second, strict=True)]
    return memories, dense_positions(segments, config.dense_len, config.dense_by)


def _means(
    segments: list[Segment], k: Tensor, given: Tensor | None, name: str, sizes: tuple[int, int], packed: bool
) -> list[Tensor]:
    """The compressed keys of every sequence, of those up to its last query."""
    if given is None:
        seen = [k[s.row : s.row + 1, s.keys.start : s.keys.start + s.end] for s in segments]
        return [window_means(each, *sizes)[0] for each in seen]
    found, low = [], 0
    for segment in segments:
        high = low + entries(segment.end, *sizes)
        if given.shape[1] < high:
            raise bad_value(
                _OP,
                "compressed",
                f"hold the {high} entries of {name} that the queries see",
                given.shape[1],
                "Compress the keys up to the last query",
            )
        found.append(given[segment.row, low:high])
        low = high if packed else 0
    return found


def empty_selection(q: Tensor, kv_heads: int, config: SparseConfig) -> tuple[Tensor, Tensor]:
    """Indices and counts of nothing selected."""
    shape = (q.shape[0], q.shape[1], kv_heads)
    indices = torch.full((*shape, config.budget), -1, dtype=torch.int32, device=q.device)
    return indices, torch.zeros(shape, dtype=torch.int32, device=q.device)
