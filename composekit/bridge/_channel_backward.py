"""The one exact backward pass of channel_bridge, for every forward pass that returns its statistics.

The notation is that of ``_channel_math``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from composekit._errors import bad_value
from composekit.bridge._channel_math import Options, chunks, exact_rows, low_precision, per_layer, product
from composekit.bridge._checks import accumulation_dtype

Forward = Callable[..., tuple[Tensor, tuple[Tensor, ...]]]


def layer_backward(
    dy: Tensor,
    hidden: Tensor,
    weight: Tensor,
    norm_weight: Tensor | None,
    mask: Tensor | None,
    norm: str,
    statistics: tuple[Tensor, ...],
    *,
    want_hidden: bool,
    want_weight: bool,
) -> tuple[Tensor | None, Tensor | None, Tensor | None]:
    """dh_l, dW'_l and, for joint_ln, the rows' <h_l, G_l>; dh_l of joint_ln is still G_l, to be corrected by the caller.

    ``statistics`` are rho_l of this layer for layer_rms, mean and scale for joint_ln.
    """
    exact = accumulation_dtype(hidden.dtype)
    low = low_precision(hidden, weight)
    scaled = weight.to(exact) if norm_weight is None else weight.to(exact) * norm_weight.to(exact)
    dh = hidden.new_empty(hidden.shape) if want_hidden else None
    dw = torch.zeros(weight.shape, dtype=exact, device=weight.device) if want_weight else None
    inner = torch.zeros(hidden.shape[0], dtype=exact, device=hidden.device) if norm == "joint_ln" else None
    for rows in chunks(hidden.shape[0], hidden.device):
        x = exact_rows(hidden, mask, rows, exact)
        d = exact_rows(dy, mask, rows, exact)
        if dh is not None:
            g = product(d, scaled, low)
            if norm == "layer_rms":
                rho = statistics[0][rows, None]
                g = rho * (g - x * (rho.square() * (x * g).mean(-1, keepdim=True)))
            elif inner is not None:
                inner[rows] = (x * g).sum(-1)
            dh[rows] = g.to(dh.dtype)
        if dw is not None:
            if norm == "layer_rms":
                d = d * statistics[0][rows, None]
            elif norm == "joint_ln":
                d, x = d * statistics[1][rows, None], x - statistics[0][rows, None]
            dw += product(d.T, x, low)
    return dh, dw, inner


class _ChannelBridge(torch.autograd.Function):
    """Either forward with the exact backward, which needs the taps, the parameters and the statistics alone."""

    @staticmethod
    def forward(
        ctx: Any,
        forward: Forward,
        options: Options,
        mask: Tensor | None,
        weight: Tensor,
        bias: Tensor | None,
        norm_weight: Tensor | None,
        norm_bias: Tensor | None,
        *hiddens: Tensor,
    ) -> Tensor:
        rows = [h.reshape(-1, h.shape[-1]) for h in hiddens]
        flat_mask = None if mask is None else mask.reshape(-1)
        y, statistics = forward(rows, weight, bias, norm_weight, norm_bias, flat_mask, options)
        ctx.options, ctx.layers = options, len(hiddens)
        ctx.bias_dtype = None if bias is None else bias.dtype
        ctx.save_for_backward(mask, weight, norm_weight, norm_bias, *hiddens, *statistics)
        return y.reshape(*hiddens[0].shape[:-1], weight.shape[0])

    @staticmethod
    def backward(ctx: Any, dy: Tensor) -> tuple[Tensor | None, ...]:  # type: ignore[override]
        if torch.is_grad_enabled():
            raise bad_value(
                "channel_bridge",
                "impl",
                "be 'reference' for derivatives of derivatives",
                "create_graph=True",
                "Pass impl='reference'",
            )
        mask, weight, norm_weight, norm_bias, *rest = ctx.saved_tensors
        hiddens, statistics = rest[: ctx.layers], tuple(rest[ctx.layers :])
        _, _, _, need_w, need_b, need_gamma, need_beta, *need_h = ctx.needs_input_grad
        layers, layout, norm = ctx.layers, ctx.options.layout, ctx.options.norm
        exact = accumulation_dtype(hiddens[0].dtype)
        dy = dy.reshape(-1, dy.shape[-1])
        flat_mask = None if mask is None else mask.reshape(-1)
        weights = per_layer(weight, layers, layout)
        gammas = None if norm_weight is None else per_layer(norm_weight, layers, layout)
        total = _column_sum(dy, flat_mask, exact)
        want_weight = need_w or need_gamma
        dw = weight.new_empty(weight.shape) if need_w else None
        dgamma = norm_weight.new_empty(norm_weight.shape) if need_gamma else None
        dhs: list[Tensor | None] = []
        inner = None
        for i, hidden in enumerate(hiddens):
            gamma = None if gammas is None else gammas[i]
            dh, dscaled, own = layer_backward(
                dy,
                hidden.reshape(-1, hidden.shape[-1]),
                weights[:, i],
                gamma,
                flat_mask,
                norm,
                (statistics[0][i],) if norm == "layer_rms" else statistics,
                want_hidden=need_h[i] or (norm == "joint_ln" and any(need_h)),
                want_weight=want_weight,
            )
            dhs.append(dh)
            if own is not None:
                inner = own if inner is None else inner + own
            if dgamma is not None and dscaled is not None:
                per_layer(dgamma, layers, layout)[i] = (dscaled * weights[:, i]).sum(0)
            if dw is not None and dscaled is not None:
                own_w = dscaled if gamma is None else dscaled * gamma
                if norm_bias is not None:
                    own_w = own_w.addr(total, per_layer(norm_bias, layers, layout)[i].to(exact))
                per_layer(dw, layers, layout)[:, i] = own_w.to(dw.dtype)
        if norm == "joint_ln" and any(need_h):
            _correct_joint(dhs, hiddens, dy, weight, norm_weight, flat_mask, statistics, inner)
        grads = [
            None if dh is None or not need else dh.reshape(h.shape)
            for dh, h, need in zip(dhs, hiddens, need_h, strict=True)
        ]
        db = total.to(ctx.bias_dtype) if need_b else None
        dbeta = torch.mv(weight.to(exact).T, total).to(norm_bias.dtype) if need_beta else None
        return (None, None, None, dw, db, dgamma, dbeta, *grads)


def _column_sum(dy: Tensor, mask: Tensor | None, exact: torch.dtype) -> Tensor:
    total = torch.zeros(dy.shape[-1], dtype=exact, device=dy.device)
    for rows in chunks(dy.shape[0], dy.device):
        total += exact_rows(dy, mask, rows, exact).sum(0)
    return total


def _correct_joint(
    dhs: Sequence[Tensor | None],
    hiddens: Sequence[Tensor],
    dy: Tensor,
    weight: Tensor,
    norm_weight: Tensor | None,
    mask: Tensor | None,
    statistics: tuple[Tensor, ...],
    inner: Tensor | None,
) -> None:
    """Turn G_l into dh_l = r (G_l - m1 - (h_l - mu) r m2) in place, once <h, G> is known over all layers."""
    mean, scale = statistics
    exact, channels = mean.dtype, weight.shape[1]
    u = weight.to(exact).sum(1) if norm_weight is None else torch.mv(weight.to(exact), norm_weight.to(exact))
    assert inner is not None  # joint_ln always returns it; this tells the type checker
    for rows in chunks(dy.shape[0], dy.device):
        along = torch.mv(exact_rows(dy, mask, rows, exact), u)
        m1 = (along / channels)[:, None]
        m2 = (scale[rows] / channels * (inner[rows] - mean[rows] * along))[:, None]
        r, mu = scale[rows, None], mean[rows, None]
        for dh, hidden in zip(dhs, hiddens, strict=True):
            if dh is None:
                continue
            x = exact_rows(hidden.reshape(-1, hidden.shape[-1]), mask, rows, exact)
            fixed = r * (dh[rows].to(exact) - m1 - (x - mu) * (r * m2))
            if mask is not None:
                fixed = torch.where(mask[rows, None], fixed, 0.0)
            dh[rows] = fixed.to(dh.dtype)


def differentiable(forward: Forward) -> Callable[..., Tensor]:
    """A forward pass over rows, with the exact backward, for tensors [..., D]."""

    def run(
        hiddens: Sequence[Tensor],
        weight: Tensor,
        bias: Tensor | None,
        norm_weight: Tensor | None,
        norm_bias: Tensor | None,
        mask: Tensor | None,
        options: Options,
    ) -> Tensor:
        return _ChannelBridge.apply(forward, options, mask, weight, bias, norm_weight, norm_bias, *hiddens)

    return run
