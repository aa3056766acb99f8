"""The arithmetic of channel_bridge: reference, sum of products, packed buffer, and one exact backward for the last two.

Notation: L taps ``h_l`` of N rows and D channels, K = L D, ``W'_l`` the slice of layer l of ``W' = W diag(gamma)``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from composekit._errors import bad_value
from composekit.bridge._checks import accumulation_dtype

_ROWS = {
    "cpu": 512,
    "cuda": 8192,
}  # rows at once: large enough for a fast product, small enough that scratch stays small


class Options(NamedTuple):
    """What is not a tensor."""

    norm: str
    layout: str
    eps: float


def per_layer(matrix: Tensor, layers: int, layout: str) -> Tensor:
    """View the last axis, of L D channels, as [..., L, D], whichever runs faster in memory."""
    if layout == "layer_major":
        return matrix.unflatten(-1, (layers, -1))
    return matrix.unflatten(-1, (-1, layers)).transpose(-1, -2)


def reference(
    hiddens: Sequence[Tensor],
    weight: Tensor,
    bias: Tensor | None,
    norm_weight: Tensor | None,
    norm_bias: Tensor | None,
    mask: Tensor | None,
    options: Options,
) -> Tensor:
    """Concatenate, normalise, Linear: as it is written, all in the accumulation type."""
    exact = accumulation_dtype(hiddens[0].dtype)
    x = torch.stack([h.to(exact) for h in hiddens], dim=-2)
    if mask is not None:
        x = torch.where(mask[..., None, None], x, 0.0)
    if options.norm == "layer_rms":
        x = x * torch.rsqrt(x.square().mean(-1, keepdim=True) + options.eps)
    elif options.norm == "joint_ln":
        x = x - x.mean((-2, -1), keepdim=True)
        x = x * torch.rsqrt(x.square().mean((-2, -1), keepdim=True) + options.eps)
    x = rearrange(x, "... l d -> ... (l d)" if options.layout == "layer_major" else "... l d -> ... (d l)")
    if norm_weight is not None:
        x = x * norm_weight.to(exact)
    if norm_bias is not None:
        x = x + norm_bias.to(exact)
    y = F.linear(x, weight.to(exact), None if bias is None else bias.to(exact))
    if mask is not None:
        y = torch.where(mask[..., None], y, 0.0)
    return y.to(weight.dtype)


# --- one layer's share ---------------------------------------------------------------------------------------------------


def chunks(rows: int, device: torch.device) -> Iterator[slice]:
    """Slices of rows. One slice while compiling: the compiler fuses, and a loop would fix the number of rows."""
    step = rows if torch.compiler.is_compiling() else _ROWS.get(device.type, 8192)
    if torch.compiler.is_compiling():
        yield slice(None)
        return
    for start in range(0, rows, step):
        yield slice(start, min(start + step, rows))


def product(a: Tensor, b: Tensor, low: torch.dtype | None) -> Tensor:
    """``a @ b`` with a float32 (float64) result; on CUDA from half-precision factors, which torch offers there alone."""
    if low is None:
        return torch.mm(a, b)
    return torch.mm(a.to(low), b.to(low), out_dtype=torch.float32)


def low_precision(hidden: Tensor, weight: Tensor) -> torch.dtype | None:
    """The half type whose products a GPU accumulates in float32, or None where rows are cast instead."""
    half = (torch.bfloat16, torch.float16)
    return hidden.dtype if hidden.is_cuda and hidden.dtype in half and weight.dtype == hidden.dtype else None


def exact_rows(hidden: Tensor, mask: Tensor | None, rows: slice, exact: torch.dtype) -> Tensor:
    """Rows in the accumulation type, zero where masked, whatever stood there."""
    x = hidden[rows].to(exact)
    return x if mask is None else torch.where(mask[rows, None], x, 0.0)


def rms_scale(x: Tensor, eps: float) -> Tensor:
    """rho = rsqrt(mean(x^2) + eps) of every row."""
    return torch.rsqrt(x.square().mean(-1) + eps)


def moments(x: Tensor) -> tuple[Tensor, Tensor]:
    """Mean and variance of every row, in two passes."""
    mean = x.mean(-1)
    return mean, (x - mean[:, None]).square().mean(-1)


def merge_moments(
    mean: Tensor, m2: Tensor, seen: int, other_mean: Tensor, other_m2: Tensor, count: int
) -> tuple[Tensor, Tensor]:
    """Mean and sum of squared deviations of two groups together (Chan, Golub and LeVeque), without cancellation."""
    total = seen + count
    delta = other_mean - mean
    return mean + delta * (count / total), m2 + other_m2 + delta.square() * (seen * count / total)


class Running:
    """The projection while it accumulates, one layer after another. Not differentiable by itself.

    It holds one [N, out] accumulator, and for joint_ln two numbers a row; nothing grows with the number of layers.
    """

    def __init__(self, rows: int, out: int, hidden: Tensor, options: Options) -> None:
        exact = accumulation_dtype(hidden.dtype)
        self.options, self.seen = options, 0
        self.sum = torch.zeros(rows, out, dtype=exact, device=hidden.device)
        self.u, self.c = (torch.zeros(out, dtype=exact, device=hidden.device) for _ in range(2))
        self.mean, self.m2 = (torch.zeros(rows, dtype=exact, device=hidden.device) for _ in range(2))
        self.scales: list[Tensor] = []

    def add(
        self,
        hidden: Tensor,
        weight: Tensor,
        norm_weight: Tensor | None,
        norm_bias: Tensor | None,
        mask: Tensor | None,
    ) -> None:
        """Add the layer with taps [N, D], weight [out, D] and affine [D]."""
        exact, norm = self.sum.dtype, self.options.norm
        low = low_precision(hidden, weight)
        scaled = weight.to(exact) if norm_weight is None else weight.to(exact) * norm_weight.to(exact)
        scales = hidden.new_empty(hidden.shape[0], dtype=exact)
        for rows in chunks(hidden.shape[0], hidden.device):
            x = exact_rows(hidden, mask, rows, exact)
            if norm == "layer_rms":
                scales[rows] = rms_scale(x, self.options.eps)
                x = x * scales[rows, None]
            elif norm == "joint_ln":
                mean, variance = moments(x)
                width = hidden.shape[-1]
                self.mean[rows], self.m2[rows] = merge_moments(
                    self.mean[rows], self.m2[rows], self.seen * width, mean, variance * width, width
                )
            if low is None:
                self.sum[rows].addmm_(x, scaled.T)
            else:
                self.sum[rows] += product(x, scaled.T, low)
        if norm == "layer_rms":
            self.scales.append(scales)
        if norm == "joint_ln":
            self.u += scaled.sum(1)
            if norm_bias is not None:
                self.c += torch.mv(weight.to(exact), norm_bias.to(exact))
        self.seen += 1

    def statistics(self, channels: int) -> tuple[Tensor, ...]:
        """What the backward needs beside taps and parameters."""
        if self.options.norm == "layer_rms":
            return (torch.stack(self.scales),)
        if self.options.norm == "joint_ln":
            return (self.mean, torch.rsqrt(self.m2 / channels + self.options.eps))
        return ()

    def finish(self, bias: Tensor | None, mask: Tensor | None, channels: int, dtype: torch.dtype) -> Tensor:
        """The projection [N, out]; the accumulator is used up."""
        y = self.sum
        if self.options.norm == "joint_ln":
            mean, scale = self.statistics(channels)
            y = y.addr_(mean, self.u, alpha=-1).mul_(scale[:, None]).add_(self.c)
        if bias is not None:
            y = y.add_(bias)
        if mask is not None:
            y = y.masked_fill_(~mask[:, None], 0.0)
        return y.to(dtype)


# --- forward passes ------------------------------------------------------------------------------------------------------

Forward = Callable[..., tuple[Tensor, tuple[Tensor, ...]]]


def forward_sum(
    hiddens: Sequence[Tensor],
    weight: Tensor,
    bias: Tensor | None,
    norm_weight: Tensor | None,
    norm_bias: Tensor | None,
    mask: Tensor | None,
    options: Options,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """A sum of L products over rows [N, D]; the concatenation never exists."""
    layers, width = len(hiddens), hiddens[0].shape[-1]
    weights = per_layer(weight, layers, options.layout)
    gammas = None if norm_weight is None else per_layer(norm_weight, layers, options.layout)
    betas = None if norm_bias is None else per_layer(norm_bias, layers, options.layout)
    running = Running(hiddens[0].shape[0], weight.shape[0], hiddens[0], options)
    for i, hidden in enumerate(hiddens):
        running.add(
            hidden, weights[:, i], None if gammas is None else gammas[i], None if betas is None else betas[i], mask
        )
    channels = layers * width
    statistics = running.statistics(channels)
    return running.finish(bias, mask, channels, weight.dtype), statistics


def forward_pack(
    hiddens: Sequence[Tensor],
    weight: Tensor,
    bias: Tensor | None,
    norm_weight: Tensor | None,
    norm_bias: Tensor | None,
    mask: Tensor | None,
    options: Options,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """Normalised taps, written into one [N, L D] buffer in the weight's type, and one product."""
    layers, (rows_all, width) = len(hiddens), hiddens[0].shape
    exact = accumulation_dtype(hiddens[0].dtype)
    flat = weight.new_empty(rows_all, layers * width)
    buffer = per_layer(flat, layers, options.layout)
    statistics = _statistics(hiddens, mask, options, exact)
    for i, hidden in enumerate(hiddens):
        for rows in chunks(rows_all, hidden.device):
            x = exact_rows(hidden, mask, rows, exact)
            if options.norm == "layer_rms":
                x = x * statistics[0][i, rows, None]
            elif options.norm == "joint_ln":
                x = (x - statistics[0][rows, None]) * statistics[1][rows, None]
            if norm_weight is not None:
                x = x * per_layer(norm_weight, layers, options.layout)[i].to(exact)
            if norm_bias is not None:
                x = x + per_layer(norm_bias, layers, options.layout)[i].to(exact)
            buffer[rows, i] = x.to(flat.dtype)
    y = F.linear(flat, weight, None if bias is None else bias.to(weight.dtype))
    return (y if mask is None else y.masked_fill_(~mask[:, None], 0.0)), statistics


def _statistics(
    hiddens: Sequence[Tensor], mask: Tensor | None, options: Options, exact: torch.dtype
) -> tuple[Tensor, ...]:
    """rho [L, N] of layer_rms; mean and scale [N] of joint_ln."""
    if options.norm == "none":
        return ()
    if options.norm == "layer_rms":
        scales = hiddens[0].new_empty(len(hiddens), hiddens[0].shape[0], dtype=exact)
        for i, h in enumerate(hiddens):
            for rows in chunks(h.shape[0], h.device):
                scales[i, rows] = rms_scale(exact_rows(h, mask, rows, exact), options.eps)
        return (scales,)
    width = hiddens[0].shape[-1]
    mean, m2 = (torch.zeros(hiddens[0].shape[0], dtype=exact, device=hiddens[0].device) for _ in range(2))
    for i, h in enumerate(hiddens):
        for rows in chunks(h.shape[0], h.device):
            own, variance = moments(exact_rows(h, mask, rows, exact))
            mean[rows], m2[rows] = merge_moments(mean[rows], m2[rows], i * width, own, variance * width, width)
    return mean, torch.rsqrt(m2 / (len(hiddens) * width) + options.eps)


# --- the backward pass ---------------------------------------------------------------------------------------------------


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


def kernel(launch: Callable[..., tuple[Tensor, tuple[Tensor, ...]]]) -> Callable[..., Tensor]:
    """A forward pass of the kernels table, with the same backward."""

    def forward(
        hiddens: Sequence[Tensor],
        weight: Tensor,
        bias: Tensor | None,
        norm_weight: Tensor | None,
        norm_bias: Tensor | None,
        mask: Tensor | None,
        options: Options,
    ) -> tuple[Tensor, tuple[Tensor, ...]]:
        norm, layout, eps = options
        return launch(list(hiddens), weight, bias, norm_weight, norm_bias, mask, norm=norm, layout=layout, eps=eps)

    return differentiable(forward)


PORTABLE: dict[str, Callable[..., Tensor]] = {
    "sum": differentiable(forward_sum),
    "pack": differentiable(forward_pack),
    "reference": reference,
}
