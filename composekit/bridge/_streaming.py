"""The projection of a ChannelBridge, accumulated tap by tap while the reader's layers run."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from composekit.bridge._channel_backward import layer_backward
from composekit.bridge._channel_math import (
    Options,
    Running,
    chunks,
    exact_rows,
    low_precision,
    merge_moments,
    moments,
    per_layer,
    product,
    rms_scale,
)
from composekit.bridge._checks import accumulation_dtype
from composekit.bridge.channel import ChannelBridge


class _AddLayer(torch.autograd.Function):
    """acc + rho_l (h_l W'_l^T), in place in the accumulator. Saves the tap and rho_l."""

    @staticmethod
    def forward(
        ctx: Any,
        acc: Tensor,
        hidden: Tensor,
        weight: Tensor,
        gamma: Tensor | None,
        mask: Tensor | None,
        options: Options,
    ) -> Tensor:
        exact = acc.dtype
        scaled = weight.to(exact) if gamma is None else weight.to(exact) * gamma.to(exact)
        low = low_precision(hidden, weight)
        rho = torch.ones(hidden.shape[0] if options.norm == "layer_rms" else 0, dtype=exact, device=hidden.device)
        for rows in chunks(hidden.shape[0], hidden.device):
            x = exact_rows(hidden, mask, rows, exact)
            if options.norm == "layer_rms":
                rho[rows] = rms_scale(x, options.eps)
                x = x * rho[rows, None]
            acc[rows] += product(x, scaled.T, low)
        ctx.mark_dirty(acc)
        ctx.norm = "layer_rms" if options.norm == "layer_rms" else "none"
        ctx.save_for_backward(hidden, weight, gamma, mask, rho)
        return acc

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        hidden, weight, gamma, mask, rho = ctx.saved_tensors
        _, want_h, want_w, want_gamma, *_ = ctx.needs_input_grad
        dh, dscaled, _ = layer_backward(
            dy, hidden, weight, gamma, mask, ctx.norm, (rho,), want_hidden=want_h, want_weight=want_w or want_gamma
        )
        dw = dgamma = None
        if dscaled is not None:
            dw = (dscaled if gamma is None else dscaled * gamma).to(weight.dtype)
            dgamma = None if gamma is None else (dscaled * weight).sum(0).to(gamma.dtype)
        return dy, dh, dw, dgamma, None, None


class _Moments(torch.autograd.Function):
    """Mean and sum of squared deviations of every row. Saves the tap and the means."""

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, mask: Tensor | None) -> tuple[Tensor, Tensor]:
        exact = accumulation_dtype(hidden.dtype)
        mean, m2 = (torch.zeros(hidden.shape[0], dtype=exact, device=hidden.device) for _ in range(2))
        for rows in chunks(hidden.shape[0], hidden.device):
            mean[rows], variance = moments(exact_rows(hidden, mask, rows, exact))
            m2[rows] = variance * hidden.shape[1]
        ctx.save_for_backward(hidden, mask, mean)
        return mean, m2

    @staticmethod
    def backward(ctx: Any, dmean: Tensor, dm2: Tensor) -> tuple[Tensor | None, None]:  # type: ignore[override]
        hidden, mask, mean = ctx.saved_tensors
        dh = hidden.new_empty(hidden.shape)
        for rows in chunks(hidden.shape[0], hidden.device):
            x = exact_rows(hidden, mask, rows, mean.dtype)
            g = dmean[rows, None] / hidden.shape[1] + 2 * dm2[rows, None] * (x - mean[rows, None])
            dh[rows] = (g if mask is None else torch.where(mask[rows, None], g, 0.0)).to(dh.dtype)
        return dh, None


class Stream:
    """Takes the taps of one forward pass in any order, one call each, and gives the projection ``[..., out]``.

    Without gradients it holds one accumulator. With them autograd keeps every tap, as it keeps a layer's input anyway.
    """

    def __init__(self, bridge: ChannelBridge, mask: Tensor | None = None) -> None:
        self.bridge, self.mask = bridge, None if mask is None else mask.reshape(-1)
        self.options = Options(bridge.norm, bridge.layout, bridge.eps)
        layers, layout = bridge.num_layers, bridge.layout
        # one view and one unbind, so that their gradients come back as one tensor of the weight's size
        self.weights = per_layer(bridge.weight, layers, layout).unbind(1)
        self.gammas = self._split(bridge.norm_weight)
        self.betas = self._split(bridge.norm_bias)
        self.running: Running | None = None
        self.shape: torch.Size | None = None
        self.grad = torch.is_grad_enabled()
        self.moments: tuple[Tensor, Tensor] | None = None
        self.seen = 0

    def _split(self, vector: Tensor | None) -> tuple[Tensor | None, ...]:
        layers = self.bridge.num_layers
        return (None,) * layers if vector is None else per_layer(vector, layers, self.bridge.layout).unbind(0)

    def add(self, index: int, hidden: Tensor) -> None:
        """Add the tap with this place among the bridge's layers."""
        with torch.autocast(device_type=hidden.device.type, enabled=False):
            rows = hidden.reshape(-1, hidden.shape[-1])
            if self.running is None:
                self.shape = hidden.shape[:-1]
                self.running = Running(rows.shape[0], self.bridge.out_dim, rows, self.options)
            weight, gamma, beta = self.weights[index], self.gammas[index], self.betas[index]
            if self.grad:
                self._add_differentiably(rows, weight, gamma)
            else:
                self.running.add(rows, weight, gamma, beta, self.mask)
            self.seen += 1

    def _add_differentiably(self, rows: Tensor, weight: Tensor, gamma: Tensor | None) -> None:
        assert self.running is not None
        self.running.sum = _AddLayer.apply(self.running.sum, rows, weight, gamma, self.mask, self.options)
        if self.options.norm == "joint_ln":
            mean, m2 = _Moments.apply(rows, self.mask)
            width = rows.shape[1]
            if self.moments is not None:
                mean, m2 = merge_moments(*self.moments, self.seen * width, mean, m2, width)
            self.moments = mean, m2

    def finish(self) -> Tensor:
        """The projection, in the dtype of the bridge's weight."""
        bridge, running = self.bridge, self.running
        assert running is not None
        assert self.shape is not None
        channels = bridge.num_layers * bridge.dim
        with torch.autocast(device_type=bridge.weight.device.type, enabled=False):
            if not self.grad:
                y = running.finish(bridge.bias, self.mask, channels, bridge.weight.dtype)
            else:
                y = self._finish_differentiably(running.sum, channels)
        return y.reshape(*self.shape, bridge.out_dim)

    def _finish_differentiably(self, y: Tensor, channels: int) -> Tensor:
        exact, bridge = y.dtype, self.bridge
        if self.moments is not None:
            mean, m2 = self.moments
            weight = bridge.weight.to(exact)
            gamma = torch.ones_like(weight[0]) if bridge.norm_weight is None else bridge.norm_weight.to(exact)
            scale = torch.rsqrt(m2 / channels + bridge.eps)
            y = scale[:, None] * (y - mean[:, None] * torch.mv(weight, gamma))
            if bridge.norm_bias is not None:
                y = y + torch.mv(weight, bridge.norm_bias.to(exact))
        if bridge.bias is not None:
            y = y + bridge.bias.to(exact)
        if self.mask is not None:
            y = torch.where(self.mask[:, None], y, 0.0)
        return y.to(bridge.weight.dtype)
