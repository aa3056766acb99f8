"""Rows without a finite loss: a value for those who look, and no gradient for those who mask."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def lost_to(x: Tensor, lost: Tensor, value: float | Tensor) -> Tensor:
    """``value`` where ``lost``, else ``x``.

    The gradient passes: 0 stays 0 in what is lost, for a masked row asks with a gradient of 0; anything else becomes NaN.
    For that ``x`` must come from finite numbers alone: plain autograd multiplies that 0 with every infinity on its way.
    """
    if not (torch.is_grad_enabled() and x.requires_grad):
        return torch.where(lost, value, x)
    fill = value if isinstance(value, Tensor) else torch.full((), value, dtype=x.dtype, device=x.device)
    return _Lost.apply(x, lost, fill)


class _Lost(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, lost: Tensor, value: Tensor) -> Tensor:
        return torch.where(lost, value, x)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor, Tensor], output: Tensor) -> None:
        ctx.save_for_backward(inputs[1])

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        (lost,) = ctx.saved_tensors
        return torch.where(lost & (grad != 0), torch.nan, grad), None, None
