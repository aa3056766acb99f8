"""Mixing layers of a hybrid model: hidden states in, hidden states out."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from einops import rearrange
from torch import Tensor, nn

from composekit._errors import ComposeKitError, ShapeError, bad_type, bad_value, brackets, check_shapes, message
from composekit.attention import _checks as checks
from composekit.attention._positions import Padding, dense_positions, packed_positions, rotate
from composekit.attention._refusal import refuse
from composekit.attention.cache import HybridCache
from composekit.attention.config import HybridConfig
from composekit.attention.decode import lightning_decode
from composekit.attention.lightning import lightning_attention
from composekit.attention.slopes import alibi_slopes

_OP = "LightningAttention"


class RMSNorm(nn.Module):
    """Divide by the root mean square over the last axis, in float32 or better, and scale every channel."""

    def __init__(self, channels: int, eps: float) -> None:
        super().__init__()
        self.eps = eps
        self.weight = nn.Parameter(torch.ones(channels))

    def forward(self, x: Tensor) -> Tensor:
        wide = x.to(checks.state_dtype(x.dtype))
        scaled = wide * torch.rsqrt(wide.square().mean(-1, keepdim=True) + self.eps)
        return (scaled * self.weight.to(wide.dtype)).to(x.dtype)


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
        if not isinstance(config, HybridConfig):
            raise bad_type(_OP, "config", "be a HybridConfig", type(config).__name__, "Pass HybridConfig(...)")
        if not 0 <= layer_idx < config.num_layers:
            raise bad_value(
                _OP, "layer_idx", f"be from 0 to {config.num_layers - 1}", layer_idx, "Or raise config.num_layers"
            )
        self.config, self.layer_idx, self.impl = config, layer_idx, impl
        heads, kv_heads, channels, value_channels, self.scale = config.linear
        width = heads * value_channels
        self.q_proj = nn.Linear(config.d_model, heads * channels, bias=False)
        self.k_proj = nn.Linear(config.d_model, kv_heads * channels, bias=False)
        self.v_proj = nn.Linear(config.d_model, kv_heads * value_channels, bias=False)
        self.o_proj = nn.Linear(width, config.d_model, bias=False)
        self.gate = nn.Linear(config.d_model, width, bias=False) if config.linear_gate else None
        self.q_norm = RMSNorm(channels, config.norm_eps) if config.linear_qk_norm else nn.Identity()
        self.k_norm = RMSNorm(channels, config.norm_eps) if config.linear_qk_norm else nn.Identity()
        self.o_norm = RMSNorm(width, config.norm_eps) if config.linear_output_norm else nn.Identity()
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
            self._check(x, attention_mask, cu_seqlens, position_ids, cache)
        except ComposeKitError as error:
            return refuse(error, x)
        if attention_mask is not None:
            return self._forward_padded(x, attention_mask, position_ids, cache)
        past = None if cache is None else cache.lengths(self.layer_idx)
        if position_ids is None and self.config.linear_rope:
            if cu_seqlens is not None:
                position_ids = packed_positions(cu_seqlens, x.shape[1], past)
            else:
                position_ids = dense_positions(x.shape[0], x.shape[1], x.device, past)
        state = None if cache is None else cache.linear_state(self.layer_idx)
        q, k, v = self._project(x, position_ids)
        if state is not None and cu_seqlens is None and x.shape[1] == 1 and not _tracks_gradient(q, k, v, state):
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
            position_ids = (
                dense_positions(mask.shape[0], mask.shape[1], x.device, past).expand(mask.shape).reshape(1, -1)
            )
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

    def _check(
        self,
        x: Tensor,
        attention_mask: Tensor | None,
        cu_seqlens: Tensor | None,
        position_ids: Tensor | None,
        cache: HybridCache | None,
    ) -> None:
        checks.check_tensor(_OP, "x", x)
        sizes = check_shapes(_OP, x=(x, f"B T {self.config.d_model}"))
        if attention_mask is not None:
            checks.check_tensor(_OP, "attention_mask", attention_mask)
            if cu_seqlens is not None:
                raise bad_value(_OP, "attention_mask", "be absent with cu_seqlens", "both", "Packed rows need no mask")
            if attention_mask.dtype != torch.bool:
                raise bad_type(_OP, "attention_mask", "be bool", str(attention_mask.dtype), "Pass mask.bool()")
            check_shapes(_OP, x=(x, f"B T {self.config.d_model}"), attention_mask=(attention_mask, "B T"))
        if cu_seqlens is not None:
            checks.check_cu_seqlens(_OP, cu_seqlens, x)
        if position_ids is not None:
            checks.check_tensor(_OP, "position_ids", position_ids)
            if position_ids.dtype not in (torch.int32, torch.int64):
                raise bad_type(_OP, "position_ids", "be int32 or int64", str(position_ids.dtype), "Pass .long()")
            if (
                position_ids.dim() != 2
                or position_ids.shape[1] != sizes["T"]
                or position_ids.shape[0] not in (1, sizes["B"])
            ):
                raise ShapeError(
                    message(
                        _OP,
                        "position_ids",
                        "have shape [B, T] or [1, T]",
                        brackets(position_ids.shape),
                        "One per token",
                    )
                )
        if cache is not None:
            if not isinstance(cache, HybridCache):
                raise bad_type(_OP, "cache", "be a HybridCache", type(cache).__name__, "Pass HybridCache()")
            cache.check_rows(_OP, self.layer_idx, sizes["B"] if cu_seqlens is None else cu_seqlens.shape[0] - 1)


def _tracks_gradient(*tensors: Tensor) -> bool:
    return torch.is_grad_enabled() and any(t.requires_grad for t in tensors)
