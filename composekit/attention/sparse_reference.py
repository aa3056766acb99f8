"""Block-sparse attention as its formula, query by query. Nothing here is fast; everything is held against it.

The numbers are those of the equations on the page *Block-sparse attention* of the documentation.
"""

from __future__ import annotations

import torch
from torch import Tensor

from composekit.attention._checks import state_dtype
from composekit.attention._segments import check_indices, dense_positions, segments_of
from composekit.attention._selection import LOUD, empty_selection, prepare
from composekit.attention.compressing import entries
from composekit.attention.sparse_config import SparseConfig


@torch.no_grad()
def select_reference(
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
    """Indices int32 ``[B, T, Hkv, S]`` and counts ``[B, T, Hkv]``; arguments as in :func:`select_blocks`.

    Queries that are dense by ``config.dense_len`` select nothing.
    """
    memories, dense = prepare(q, k, c1, c2, config, cu_seqlens, q_start, q_starts)
    kv_heads = k.shape[2]
    indices, counts = empty_selection(q, kv_heads, config)
    queries = q.to(state_dtype(q.dtype)).unflatten(2, (kv_heads, -1))
    for segment, means1, means2 in memories:
        for t in range(segment.count):
            position = segment.start + t
            for h in range(kv_heads) if position >= dense else ():
                place = segment.row, segment.queries.start + t, h
                second = None if means2 is None else means2[:, h]
                score = _scores(queries[place], means1[:, h], second, position, config, scale)
                blocks = _best(_block_scores(score, position, segment.end, config), position, config)
                indices[place][: len(blocks)] = blocks
                counts[place] = len(blocks)
    return indices, counts


def _scores(q: Tensor, c1: Tensor, c2: Tensor | None, position: int, config: SparseConfig, scale: float) -> Tensor:
    """Equations (2) to (5): the score of every entry of C1 that the query ``q [G, D]`` at this position sees."""
    seen = entries(position + 1, config.kernel_size, config.stride)  # (2)
    seen2 = entries(position + 1, config.lse_kernel_size, config.lse_stride)
    logits = scale * (q[:, None] * c1[:seen]).sum(-1)
    if not seen:
        return logits.sum(0)
    over = scale * (q[:, None] * c2[:seen2]).sum(-1) if c2 is not None and seen2 else logits
    exponents = logits - over.logsumexp(1, keepdim=True)  # (3), (4)
    loudest = exponents.nan_to_num(-torch.inf, torch.inf).max()
    exponents = exponents - (loudest - LOUD).clamp(min=0)
    return exponents.exp().sum(0)  # (5)


def _block_scores(scores: Tensor, position: int, length: int, config: SparseConfig) -> Tensor:
    """Equation (6): the maximum over the entries that overlap a block; future blocks, too, where those are ranked."""
    ratio, before = config.block_size // config.stride, config.kernel_size // config.stride - 1
    blocks = position // config.block_size + 1 if config.mask_future else -(-length // config.block_size)
    found = []
    for b in range(blocks):
        overlapping = scores[max(0, ratio * b - before) : ratio * (b + 1)]
        found.append(overlapping.max() if len(overlapping) else scores.new_zeros(()))
    return torch.stack(found).nan_to_num(0.0, torch.inf)


def _best(scores: Tensor, position: int, config: SparseConfig) -> Tensor:
    """Equations (7) and (8): the forced blocks and the best of the rest, ascending."""
    block, own = torch.arange(len(scores), device=scores.device), position // config.block_size
    forced = (block < config.init_blocks) | (block >= own - config.window_blocks)
    if config.rank_dtype == torch.bfloat16:
        scores = scores.to(torch.bfloat16).to(scores.dtype)
    scores = scores.masked_fill(forced & (block <= own), torch.inf)
    order = scores.sort(descending=True, stable=True).indices[: config.budget]  # stable: the lower block wins a tie
    return order[order <= own].sort().values.to(torch.int32)


def attend_reference(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    indices: Tensor,
    *,
    block_size: int,
    scale: float,
    cu_seqlens: Tensor | None,
    q_start: int,
    q_starts: Tensor | None,
    dense_len: int,
    dense_by: str,
) -> tuple[Tensor, Tensor]:
    """Equations (9) and (10): softmax over the tokens of the selected blocks up to the query's own.

    Returns:
        The output in the dtype of ``q``, ``[B, T, Hq, Dv]``, and the log-sum-exp ``[B, T, Hq]`` in float32 or float64.

    Guarantees:
        Plain autograd: differentiable any number of times.
    """
    segments = segments_of("block_sparse_attention", q, k.shape[1], cu_seqlens, q_start, q_starts)
    check_indices("block_sparse_attention", indices, segments, block_size)
    dense = dense_positions(segments, dense_len, dense_by)
    dtype = state_dtype(q.dtype)
    kv_heads = k.shape[2]
    queries = q.to(dtype).unflatten(2, (kv_heads, -1))
    outs, lses = [q.new_zeros(0, q.shape[2] // kv_heads, v.shape[3], dtype=dtype)], []
    lses.append(outs[0].sum(-1))
    for segment in segments:
        keys, values = k[segment.row, segment.keys].to(dtype), v[segment.row, segment.keys].to(dtype)
        for t in range(segment.count):
            position = segment.start + t
            for h in range(kv_heads):
                place = segment.row, segment.queries.start + t, h
                tokens = torch.arange(position + 1, device=q.device)
                if position >= dense:
                    tokens = tokens[torch.isin(tokens // block_size, indices[place])]
                out, lse = _softmax(queries[place], keys[tokens, h], values[tokens, h], scale)
                outs.append(out[None])
                lses.append(lse[None])
    shape = (q.shape[0], q.shape[1], q.shape[2])
    return torch.cat(outs).reshape(*shape, v.shape[3]).to(q.dtype), torch.cat(lses).reshape(shape)


def _softmax(q: Tensor, keys: Tensor, values: Tensor, scale: float) -> tuple[Tensor, Tensor]:
    """Attention of the queries of a group, ``[G, D]``, to these tokens alone; to none: zero and minus infinity."""
    logits = scale * (q[:, None] * keys).sum(-1)
    lse = logits.logsumexp(1)  # (9)
    return ((logits - lse[:, None]).exp()[:, :, None] * values).sum(1), lse  # (10); no product that autocast rounds
