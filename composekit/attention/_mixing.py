"""What the mixing layers have in common: a norm, the checks of a call, and where its tokens are."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from composekit._errors import ShapeError, bad_type, bad_value, brackets, check_shapes, message
from composekit.attention import _checks as checks
from composekit.attention._positions import dense_positions, packed_positions
from composekit.attention.cache import HybridCache
from composekit.attention.config import HybridConfig


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


def head_norm(channels: int, config: HybridConfig, on: bool) -> nn.Module:
    """An :class:`RMSNorm`, or nothing."""
    return RMSNorm(channels, config.norm_eps) if on else nn.Identity()


def positions_of(x: Tensor, cu_seqlens: Tensor | None, past: Tensor | None) -> Tensor:
    """Where the tokens of a call are in their sequences, ``[B or 1, T]``, with ``past`` tokens before them."""
    if cu_seqlens is not None:
        return packed_positions(cu_seqlens, x.shape[1], past)
    return dense_positions(x.shape[0], x.shape[1], x.device, past)


def check_layer(op: str, config: object, layer_idx: int) -> None:
    """Raise unless a layer can be made with this place in this model."""
    if not isinstance(config, HybridConfig):
        raise bad_type(op, "config", "be a HybridConfig", type(config).__name__, "Pass HybridConfig(...)")
    if not 0 <= layer_idx < config.num_layers:
        raise bad_value(
            op, "layer_idx", f"be from 0 to {config.num_layers - 1}", layer_idx, "Or raise config.num_layers"
        )


def check_call(
    op: str,
    x: Tensor,
    attention_mask: Tensor | None,
    cu_seqlens: Tensor | None,
    position_ids: Tensor | None,
    cache: HybridCache | None,
    *,
    layer_idx: int | None,
    d_model: int | None,
    argument: str = "x",
) -> None:
    """The arguments of a call with ``x [B, T, d_model]``, or of a whole model's with ``[B, T]`` tokens.

    Args:
        op: Who asks.
        x: Hidden states, or tokens.
        attention_mask: As given.
        cu_seqlens: As given.
        position_ids: As given.
        cache: As given.
        layer_idx: The layer whose rows in the cache count; None for any.
        d_model: Channels of the hidden states; None for tokens.
        argument: What the caller calls ``x``.
    """
    checks.check_tensor(op, argument, x)
    axes = "B T" if d_model is None else f"B T {d_model}"
    sizes = check_shapes(op, **{argument: (x, axes)})
    if attention_mask is not None:
        checks.check_tensor(op, "attention_mask", attention_mask)
        if cu_seqlens is not None:
            raise bad_value(op, "attention_mask", "be absent with cu_seqlens", "both", "Packed rows need no mask")
        if attention_mask.dtype != torch.bool:
            raise bad_type(op, "attention_mask", "be bool", str(attention_mask.dtype), "Pass mask.bool()")
        check_shapes(op, **{argument: (x, axes), "attention_mask": (attention_mask, "B T")})
    if cu_seqlens is not None:
        checks.check_cu_seqlens(op, cu_seqlens, x, argument=argument)
    if position_ids is not None:
        _check_positions(op, position_ids, sizes["B"], sizes["T"])
    if cache is not None:
        if not isinstance(cache, HybridCache):
            raise bad_type(op, "cache", "be a HybridCache", type(cache).__name__, "Pass HybridCache()")
        rows = sizes["B"] if cu_seqlens is None else cu_seqlens.shape[0] - 1
        cache.check_rows(op, layer_idx, rows, argument=argument)


def _check_positions(op: str, position_ids: Tensor, rows: int, length: int) -> None:
    checks.check_tensor(op, "position_ids", position_ids)
    if position_ids.dtype not in (torch.int32, torch.int64):
        raise bad_type(op, "position_ids", "be int32 or int64", str(position_ids.dtype), "Pass .long()")
    shape = position_ids.shape
    if position_ids.dim() != 2 or shape[1] != length or shape[0] not in (1, rows):
        raise ShapeError(message(op, "position_ids", "have shape [B, T] or [1, T]", brackets(shape), "One per token"))
