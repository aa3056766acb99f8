"""The linear layer of a hybrid model: hidden states in, hidden states out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

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
from composekit.attention.decode import lightning_decode
from composekit.attention.lightning import lightning_attention
from composekit.attention.slopes import alibi_slopes

_OP = "LightningAttention"


class LightningAttention(nn.Module):
    """A linear attention layer: projections, norms, rotation, the decaying memory, a gate.

    ``o_proj(o_norm(lightning(rope(q_norm(q)), rope(k_norm(k)), v)) * sigmoid(gate(x)))``, every part of which
    :class:`HybridConfig` can switch off. The state is float32 whatever the dtype of the model; the decay rates stay float32
    when the model is converted.

    Args:
        config: The settings.
        layer_idx: Which layer of the model this is; its place in a :class:`HybridCache`.
        impl: The implementation of :func:`lightning_attention`.

    Raises:
        ArgumentError: ``layer_idx`` is not below ``config.num_layers``.
        ArgumentTypeError: ``config`` is not a :class:`HybridConfig`.

    Example:
        >>> layer = LightningAttention(HybridConfig(d_model=16, num_layers=2, num_heads=2), layer_idx=1)
        >>> layer(torch.randn(2, 10, 16)).shape
        torch.Size([2, 10, 16])

    Source:
        MiniCPM-SALA, section 2.1.
    """

    def __init__(self, config: HybridConfig, layer_idx: int, *, impl: str = "auto") -> None:
        super().__init__()
        check_layer(_OP, config, layer_idx)
        self.config, self.layer_idx, self.impl = config, layer_idx, impl
        heads, kv_heads, channels, value_channels, self.scale = config.linear
        width = heads * value_channels
        self.q_proj = nn.Linear(config.d_model, heads * channels, bias=False)
        self.k_proj = nn.Linear(config.d_model, kv_heads * channels, bias=False)
        self.v_proj = nn.Linear(config.d_model, kv_heads * value_channels, bias=False)
        self.o_proj = nn.Linear(width, config.d_model, bias=False)
        self.gate = nn.Linear(config.d_model, width, bias=False) if config.linear_gate else None
        self.q_norm = head_norm(channels, config, config.linear_qk_norm)
        self.k_norm = head_norm(channels, config, config.linear_qk_norm)
        self.o_norm = head_norm(width, config, config.linear_output_norm)
        if config.learned_slopes:
            self.log_slopes = nn.Parameter(alibi_slopes(heads).log())
        else:
            self.fixed_slopes: Tensor
            self.register_buffer("fixed_slopes", alibi_slopes(heads), persistent=False)

    @property
    def slopes(self) -> Tensor:
        """The decay rates of the heads, one per head."""
        if not self.config.learned_slopes:
            return self.fixed_slopes
        return self.log_slopes.to(checks.state_dtype(self.log_slopes.dtype)).exp()

    def _apply(self, fn: Callable[..., Any], recurse: bool = True) -> LightningAttention:
        """Move or convert; fixed decay rates move, but are never rounded (and come to life on leaving the meta device)."""
        super()._apply(fn, recurse)
        if not self.config.learned_slopes:
            self.fixed_slopes = alibi_slopes(self.config.linear.heads, device=self.fixed_slopes.device)
        return self

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
            position_ids: int ``[B, T]`` or ``[1, T]`` for the rotation; by default each sequence counts its tokens, going on
                from the cache.
            cache: What earlier calls left; updated. A call with one token per row decodes.

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
        past = None if cache is None else cache.lengths(self.layer_idx)
        if position_ids is None and self.config.linear_rope:
            position_ids = positions_of(x, cu_seqlens, past)
        state = None if cache is None else cache.linear_state(self.layer_idx)
        q, k, v = self._project(x, position_ids)
        if state is not None and cu_seqlens is None and x.shape[1] == 1 and not checks.tracks_gradient(q, k, v, state):
            mixed = lightning_decode(q, k, v, self.slopes, state, self.scale, self.impl)
            final: Tensor | None = state
        else:
            mixed, final = self._attend(q, k, v, cu_seqlens, state, cache is not None)
        if cache is not None and final is not None:
            added = x.shape[1] if cu_seqlens is None else cu_seqlens.diff().long()
            cache.store_linear(self.layer_idx, final, added)
        return self._finish(x, mixed)

    def _forward_padded(
        self, x: Tensor, mask: Tensor, position_ids: Tensor | None, cache: HybridCache | None
    ) -> Tensor:
        """Padded rows run as packed sequences; see :class:`Padding`."""
        padding = Padding.of(mask)
        packed = padding.pack(x.masked_fill(~mask[:, :, None], 0.0))
        if position_ids is not None:
            position_ids = padding.pack(position_ids.expand(mask.shape))
        elif self.config.linear_rope:
            past = None if cache is None else cache.lengths(self.layer_idx)
            position_ids = positions_of(x, None, past).expand(mask.shape).reshape(1, -1)
        q, k, v = self._project(packed, position_ids)
        state = None if cache is None else cache.linear_state(self.layer_idx)
        entering = None if state is None else padding.states_in(state)
        mixed, final = self._attend(q, k, v, padding.cu_seqlens, entering, cache is not None)
        if cache is not None and final is not None:
            cache.store_linear(self.layer_idx, padding.states_out(final), padding.counts)
        return padding.unpack(self._finish(packed, mixed)).masked_fill(~mask[:, :, None], 0.0)

    def _project(self, x: Tensor, position_ids: Tensor | None) -> tuple[Tensor, Tensor, Tensor]:
        q = self.q_norm(rearrange(self.q_proj(x), "b t (h d) -> b t h d", d=self.config.linear.head_dim))
        k = self.k_norm(rearrange(self.k_proj(x), "b t (h d) -> b t h d", d=self.config.linear.head_dim))
        v = rearrange(self.v_proj(x), "b t (h d) -> b t h d", d=self.config.linear.value_dim)
        if self.config.linear_rope and position_ids is not None:
            q, k = (rotate(each, position_ids, self.config.rope_theta) for each in (q, k))
        return q, k, v

    def _attend(
        self, q: Tensor, k: Tensor, v: Tensor, cu_seqlens: Tensor | None, state: Tensor | None, keep: bool
    ) -> tuple[Tensor, Tensor | None]:
        return lightning_attention(
            q,
            k,
            v,
            self.slopes,
            scale=self.scale,
            cu_seqlens=cu_seqlens,
            initial_state=state,
            output_final_state=keep,
            impl=self.impl,
        )

    def _finish(self, x: Tensor, mixed: Tensor) -> Tensor:
        mixed = self.o_norm(mixed.flatten(2))
        if self.gate is not None:
            mixed = mixed * torch.sigmoid(self.gate(x))
        return self.o_proj(mixed)
