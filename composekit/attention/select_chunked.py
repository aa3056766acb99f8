"""Which blocks a query attends to, in plain torch: tiles of queries against the compressed keys, and one ranking a tile.

Scores lie as ``[entries of C1, heads of a group x queries]``, so that sums over heads and maxima over entries run along
contiguous memory. A tile is small enough that they never grow with the square of the length.
"""

from __future__ import annotations

import torch
from torch import Tensor

from composekit.attention._checks import state_dtype
from composekit.attention._selection import LOUD, Memory, empty_selection, prepare
from composekit.attention.compressing import entries
from composekit.attention.sparse_config import SparseConfig

_TILE = 64  # queries of a tile, fewer where that would make more than _SCORES scores
_SCORES = 1 << 22


@torch.no_grad()
def select_chunked(
    q: Tensor,
    k: Tensor,
    c1: Tensor | None,
    c2: Tensor | None,
    config: SparseConfig,
    *,
    scale: float,
    cu_seqlens: Tensor | None,
    q_start: int,
    q_starts: Tensor | None,
) -> tuple[Tensor, Tensor]:
    """As :func:`composekit.attention.sparse_reference.select_reference`.

    ``config.mask_future`` makes no difference here: a future block scores 0 and has the higher index, so no visible one ever
    loses to it.
    """
    memories, dense = prepare(q, k, c1, c2, config, cu_seqlens, q_start, q_starts)
    kv_heads = k.shape[2]
    indices, counts = empty_selection(q, kv_heads, config)
    group = q.shape[2] // kv_heads
    for memory in memories:
        segment = memory.segment
        size = max(8, min(_TILE, _SCORES // (group * max(1, memory.c1.shape[0]))))
        for low in range(max(0, dense - segment.start), segment.count, size):
            high = min(low + size, segment.count)
            where = slice(segment.queries.start + low, segment.queries.start + high)
            for h in range(kv_heads):
                tile = q[segment.row, where, h * group : (h + 1) * group]
                taken = _select_tile(tile, memory, h, segment.start + low, config, scale)
                _write(taken, indices[segment.row, where, h], counts[segment.row, where, h])
    return indices, counts


def _select_tile(q: Tensor, memory: Memory, head: int, start: int, config: SparseConfig, scale: float) -> Tensor:
    """The blocks of the queries ``q [t, G, D]`` from position ``start`` on, bool ``[t, blocks]``."""
    own = torch.arange(start, start + q.shape[0], device=q.device) // config.block_size
    last = (start + q.shape[0] - 1) // config.block_size
    block = torch.arange(last + 1, device=q.device)
    local = own[:, None] - config.window_blocks
    taken = (block <= own[:, None]) & ((block < config.init_blocks) | (block >= local))
    low, high = config.init_blocks, last - config.window_blocks  # blocks that are not forced for every query
    room = config.topk - config.init_blocks - 1  # of the budget, where neither the initial nor the local blocks are cut
    if high <= low or room == 0:
        return taken
    free = block[low:high] < local
    if high - low > room:
        scores = _block_scores(_scores(q, memory, head, start, config, scale), high, config)[:, low:]
        free = _best(scores, free, room)
    taken[:, low:high] |= free
    return taken


def _scores(q: Tensor, memory: Memory, head: int, start: int, config: SparseConfig, scale: float) -> Tensor:
    """The scores of the entries of C1 that the last query sees, ``[entries, t]``, summed over the group; unseen ones 0."""
    tokens = start + q.shape[0]
    dtype = state_dtype(q.dtype)
    flat = (q.to(dtype) * scale).transpose(0, 1).flatten(0, 1).t()
    sizes, sizes2 = (config.kernel_size, config.stride), (config.lse_kernel_size, config.lse_stride)
    logits = _masked(memory.c1[: entries(tokens, *sizes), head] @ flat, start, q.shape[0], *sizes)
    if memory.c2 is None:
        lse = logits.logsumexp(0)
    else:
        logits2 = memory.c2[: entries(tokens, *sizes2), head] @ flat
        lse = _masked(logits2, start, q.shape[0], *sizes2).logsumexp(0)
        if not entries(start + 1, *sizes2):  # the first of these queries see no entry of C2 yet
            lse = torch.where(lse == -torch.inf, logits.logsumexp(0), lse)
    exponents = logits.sub_(lse)
    group = (exponents.shape[0], q.shape[1], q.shape[0])
    scores = exponents.exp().view(group).sum(1)
    if scores.isinf().any():
        loudest = exponents.view(group).amax((0, 1))
        scores = (exponents.view(group) - (loudest - LOUD).clamp(min=0)).exp().sum(1)
    if config.rank_dtype == torch.bfloat16:
        scores = scores.to(torch.bfloat16).to(dtype)
    return scores


def _masked(logits: Tensor, start: int, count: int, size: int, stride: int) -> Tensor:
    """Hide, in place, the entries that a query does not see; the last query sees all."""
    low = entries(start + 1, size, stride)  # what the first query sees, all see
    entry = torch.arange(low, logits.shape[0], device=logits.device)
    position = torch.arange(start, start + count, device=logits.device)
    hidden = entry[:, None] * stride + size > position + 1
    logits[low:].unflatten(1, (-1, count)).masked_fill_(hidden[:, None], -torch.inf)
    return logits


def _block_scores(scores: Tensor, blocks: int, config: SparseConfig) -> Tensor:
    """The maximum over the entries that overlap each of the first blocks, ``[t, blocks]``."""
    ratio, before = config.block_size // config.stride, config.kernel_size // config.stride - 1
    padded = scores.new_zeros(before + ratio * blocks, scores.shape[1])  # scores are not negative
    padded[before : before + scores.shape[0]] = scores[: ratio * blocks]
    best = padded[before:].unflatten(0, (blocks, ratio)).amax(1)
    for i in range(before):
        best = torch.maximum(best, padded[i : i + ratio * blocks : ratio])
    return best.nan_to_num_(0.0, torch.inf).t().contiguous()  # NaN: keys that are NaN, or a query that sees no entry


def _best(scores: Tensor, candidates: Tensor, room: int) -> Tensor:
    """The ``room`` best candidates of every row, the lower index winning ties."""
    scores = scores.masked_fill(~candidates, -1.0)
    limit = scores.topk(room, dim=1, sorted=False).values.amin(1, keepdim=True)
    above, level = scores > limit, scores == limit
    left = room - above.sum(1, keepdim=True)
    return (above | (level & (level.cumsum(1) <= left))) & candidates


def _write(taken: Tensor, indices: Tensor, counts: Tensor) -> None:
    """Store the selected blocks of ``[t, blocks]`` in ascending order."""
    rows, blocks = taken.nonzero(as_tuple=True)
    total = taken.sum(1)
    first = total.cumsum(0) - total
    slots = torch.arange(rows.shape[0], device=rows.device) - first[rows]
    indices[rows, slots] = blocks.to(torch.int32)
    counts.copy_(total)
