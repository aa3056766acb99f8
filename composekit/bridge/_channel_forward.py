"""The forward passes of channel_bridge: the reference, a sum of products, a packed buffer, a kernel.

The notation is that of ``_channel_math``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor

from composekit.bridge._channel_backward import differentiable
from composekit.bridge._channel_math import (
    Options,
    Running,
    chunks,
    exact_rows,
    merge_moments,
    moments,
    per_layer,
    rms_scale,
)
from composekit.bridge._checks import accumulation_dtype


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
