"""Block-sparse attention in forms that share no code with the library, and small settings that cross many boundaries."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from composekit.attention import SparseConfig

SMALL = {
    "block_size": 8, "kernel_size": 4, "stride": 2, "lse_kernel_size": 8, "lse_stride": 4, "init_blocks": 1,
    "window_size": 16, "topk": 4, "dense_len": 40,
}  # fmt: skip


def small(**change) -> SparseConfig:
    return SparseConfig(**SMALL | change)


def draw(length, *, batch=1, kv_heads=2, share=2, channels=8, value_channels=6, keys=None, dtype=torch.float64):
    """Queries for ``length`` tokens and ``keys`` (as many) keys and values."""
    keys = keys or length
    return (
        torch.randn(batch, length, kv_heads * share, channels, dtype=dtype),
        torch.randn(batch, keys, kv_heads, channels, dtype=dtype),
        torch.randn(batch, keys, kv_heads, value_channels, dtype=dtype),
    )


def leaves(*tensors):
    return [x.detach().clone().requires_grad_() for x in tensors]


def mask_of(indices: Tensor, block_size: int, keys: int, q_start: int = 0) -> Tensor:
    """bool ``[B, T, Hkv, L]``: which keys a query attends to."""
    blocks = torch.arange(keys) // block_size
    chosen = (indices[..., None] == blocks).any(3)
    position = q_start + torch.arange(indices.shape[1])
    return chosen & (torch.arange(keys) <= position[:, None])[None, :, None]


def masked(q: Tensor, k: Tensor, v: Tensor, mask: Tensor, scale: float | None = None) -> tuple[Tensor, Tensor]:
    """Attention as one masked matrix: output and log-sum-exp."""
    share = q.shape[2] // k.shape[2]
    k, v, mask = (x.repeat_interleave(share, 2) for x in (k, v, mask))
    scale = q.shape[3] ** -0.5 if scale is None else scale
    logits = scale * torch.einsum("bihd,bjhd->bihj", q, k)
    logits = logits.masked_fill(~mask, -torch.inf)
    return torch.einsum("bihj,bjhv->bihv", torch.softmax(logits, 3), v), torch.logsumexp(logits, 3)


def dense(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    heads_first = (x.transpose(1, 2) for x in (q, k, v))
    return torch.nn.functional.scaled_dot_product_attention(*heads_first, is_causal=True, enable_gqa=True).transpose(
        1, 2
    )


def brute_blocks(q: Tensor, k: Tensor, config: SparseConfig, i: int, scale: float) -> list[int]:
    """The blocks of the query ``q [G, D]`` at position ``i`` of a sequence ``k [L, D]``, in loops over plain numbers."""

    def means(size, stride):
        starts = [a for a in range(0, len(k), stride) if a + size <= i + 1]
        return starts, [k[a : a + size].mean(0) for a in starts]

    starts, first = means(config.kernel_size, config.stride)
    _, second = means(config.lse_kernel_size, config.lse_stride)
    scores = [0.0] * len(starts)
    for head in q:
        logits = [scale * float(head @ c) for c in first]
        over = [scale * float(head @ c) for c in second]
        if config.lse == "exact" or not over:
            over = logits
        for j, logit in enumerate(logits):
            scores[j] += math.exp(logit) / sum(math.exp(x) for x in over)
    if config.rank_dtype == torch.bfloat16:
        scores = torch.tensor(scores).bfloat16().tolist()
    own, size = i // config.block_size, config.block_size
    rank = {}
    for b in range(own + 1):
        if b < config.init_blocks or own - b <= config.window_size // size:
            rank[b] = (-math.inf, b)
        else:
            inside = [
                s
                for a, s in zip(starts, scores, strict=True)
                if a < (b + 1) * size and a + config.kernel_size > b * size
            ]
            rank[b] = (-max(inside, default=0.0), b)
    return sorted(sorted(rank, key=rank.get)[: config.topk + config.window_size // size])
