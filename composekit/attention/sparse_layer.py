"""The sparse layer of a hybrid model: hidden states in, hidden states out."""

from __future__ import annotations

import math

import torch
from einops import rearrange
from torch import Tensor, nn

from composekit._errors import ComposeKitError
from composekit.attention import _checks as checks
from composekit.attention._mixing import check_call, check_layer, head_norm, positions_of
from composekit.attention._positions import Padding, rotate
from composekit.attention._refusal import refuse
from composekit.attention.cache import HybridCache
from composekit.attention.config import HybridConfig
from composekit.attention.sparse import sparse_attention
from composekit.attention.sparse_memory import SparseMemory

_OP = "SparseAttention"


class SparseAttention(nn.Module):
    """A layer of block-sparse softmax attention: projections, the choice of blocks, attention to them, a gate.

    ``o_proj(sparse_attention(q, k, v) * sigmoid(gate(x)))``, without position encoding; norms of queries and keys, rotation
    and the gate are switches of :class:`HybridConfig`.

    Args:
        config: The settings.
        layer_idx: Which layer of the model this is; its place in a :class:`HybridCache`.
        impl: The implementation of :func:`sparse_attention`.

    Raises:
        ArgumentError: ``layer_idx`` is not below ``config.num_layers``.
        ArgumentTypeError: ``config`` is not a :class:`HybridConfig`.

    Example:
        >>> layer = SparseAttention(HybridConfig(d_model=16, num_layers=2, num_heads=4, num_kv_heads=2), layer_idx=0)
        >>> layer(torch.randn(2, 10, 16)).shape
        torch.Size([2, 10, 16])

    Source:
        Zhao et al. 2025 (InfLLM-V2, arXiv 2509.24663); MiniCPM-SALA, section 2.1.
    """

    def __init__(self, config: HybridConfig, layer_idx: int, *, impl: str = "auto") -> None:
        super().__init__()
        check_layer(_OP, config, layer_idx)
        self.config, self.layer_idx, self.impl = config, layer_idx, impl
        heads, kv_heads, channels, self.scale = config.softmax
        self.q_proj = nn.Linear(config.d_model, heads * channels, bias=False)
        self.k_proj = nn.Linear(config.d_model, kv_heads * channels, bias=False)
        self.v_proj = nn.Linear(config.d_model, kv_heads * channels, bias=False)
        self.o_proj = nn.Linear(heads * channels, config.d_model, bias=False)
        self.gate = nn.Linear(config.d_model, heads * channels, bias=False) if config.sparse_gate else None
        self.q_norm = head_norm(channels, config, config.sparse_qk_norm)
        self.k_norm = head_norm(channels, config, config.sparse_qk_norm)

    def forward(
        self,
        x: Tensor,
        *,
        attention_mask: Tensor | None = None,
        cu_seqlens: Tensor | None = None,
        position_ids: Tensor | None = None,
        cache: HybridCache | None = None,
    ) -> Tensor:
        """Mix the tokens of each sequence.

        Args:
            x: Hidden states ``[B, T, d_model]``.
            attention_mask: bool ``[B, T]``, True for tokens, False for padding, which may lie anywhere and may hold NaN.
            cu_seqlens: int32 ``[N + 1]`` for a packed batch (B = 1); excludes ``attention_mask``.
            position_ids: int ``[B, T]`` or ``[1, T]`` for rotation and ``sparse_query_base``; by default each sequence
                counts its tokens, going on from the cache. What a token attends to depends on the order alone.
            cache: What earlier calls left; updated.

        Returns:
            ``[B, T, d_model]``; zero at padding.

        Raises:
            ShapeError: shapes that do not fit, or another number of rows than the cache holds.
            ArgumentTypeError: a mask that is not bool, positions that are not integers.
            ArgumentError: both ``attention_mask`` and ``cu_seqlens``.
        """
        try:
            where = (attention_mask, cu_seqlens, position_ids, cache)
            check_call(_OP, x, *where, layer_idx=self.layer_idx, d_model=self.config.d_model)
        except ComposeKitError as error:
            return refuse(error, x)
        if attention_mask is not None:
            return self._forward_padded(x, attention_mask, position_ids, cache)
        q, k, v = self._project(x, position_ids, cu_seqlens, cache)
        if cu_seqlens is None:
            return self._finish(x, self._attend_rows(q, k, v, cache, None))
        return self._finish(x, self._attend_packed(q, k, v, cu_seqlens, cache))

    def _forward_padded(
        self, x: Tensor, mask: Tensor, position_ids: Tensor | None, cache: HybridCache | None
    ) -> Tensor:
        """The tokens of every row move to its beginning; what the padding behind them makes is thrown away."""
        padding = Padding.of(mask)
        rows = padding.align(x.masked_fill(~mask[:, :, None], 0.0))
        if position_ids is not None:
            position_ids = padding.align(position_ids.expand(mask.shape))
        q, k, v = self._project(rows, position_ids, None, cache)
        made = self._finish(rows, self._attend_rows(q, k, v, cache, padding.counts))
        return padding.unpack(made.flatten(0, 1)[None]).masked_fill(~mask[:, :, None], 0.0)

    def _project(
        self, x: Tensor, position_ids: Tensor | None, cu_seqlens: Tensor | None, cache: HybridCache | None
    ) -> tuple[Tensor, Tensor, Tensor]:
        q, k, v = (
            rearrange(project(x), "b t (h d) -> b t h d", d=self.config.softmax.head_dim)
            for project in (self.q_proj, self.k_proj, self.v_proj)
        )
        q, k = self.q_norm(q), self.k_norm(k)
        base = None if self.training else self.config.sparse_query_base
        if position_ids is None and (self.config.sparse_rope or base):
            position_ids = positions_of(x, cu_seqlens, None if cache is None else cache.lengths(self.layer_idx))
        if self.config.sparse_rope and position_ids is not None:
            q, k = (rotate(each, position_ids, self.config.rope_theta) for each in (q, k))
        if base and position_ids is not None:
            factor = (position_ids + base).to(checks.state_dtype(q.dtype)).log() / math.log(base)
            q = (q * factor[:, :, None, None]).to(q.dtype)
        return q, k, v

    def _attend_rows(self, q: Tensor, k: Tensor, v: Tensor, cache: HybridCache | None, added: Tensor | None) -> Tensor:
        if cache is None:
            return self._attend(q, k, v, None, 0)
        memory = self._memory(cache, k, v, k.shape[0])
        start = memory.lengths.to(torch.int32)
        memory.append(k, v, added)
        return self._attend(q, memory.keys, memory.values, None, start, (memory.c1, memory.c2))

    def _attend_packed(self, q: Tensor, k: Tensor, v: Tensor, cu_seqlens: Tensor, cache: HybridCache | None) -> Tensor:
        if cache is None:
            return self._attend(q, k, v, cu_seqlens, 0)
        checks.check_cu_data(_OP, cu_seqlens, k.shape[1])
        memory = self._memory(cache, k, v, cu_seqlens.shape[0] - 1)
        start = memory.lengths.to(torch.int32)
        memory.append_packed(k, v, cu_seqlens, int(cu_seqlens.diff().max()))
        keys, values, bounds = memory.packed()
        return self._attend(q, keys, values, bounds, start)

    def _memory(self, cache: HybridCache, k: Tensor, v: Tensor, rows: int) -> SparseMemory:
        found = cache.sparse_memory(self.layer_idx)
        return cache.make_sparse(self.layer_idx, self.config.sparse, k, v, rows) if found is None else found

    def _attend(
        self,
        q: Tensor,
        k: Tensor,
        v: Tensor,
        cu_seqlens: Tensor | None,
        q_start: int | Tensor,
        compressed: tuple[Tensor, Tensor | None] | None = None,
    ) -> Tensor:
        return sparse_attention(
            q,
            k,
            v,
            self.config.sparse,
            compressed=compressed,
            scale=self.scale,
            cu_seqlens=cu_seqlens,
            q_start=q_start,
            impl=self.impl,
        ).out

    def _finish(self, x: Tensor, mixed: Tensor) -> Tensor:
        mixed = mixed.flatten(2)
        if self.gate is not None:
            mixed = mixed * torch.sigmoid(self.gate(x))
        return self.o_proj(mixed)
