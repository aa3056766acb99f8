"""What the forward and the backward passes of channel_bridge share: one layer's part, a chunk of rows at a time.

Notation: L taps ``h_l`` of N rows and D channels, K = L D, ``W'_l`` the slice of layer l of ``W' = W diag(gamma)``.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

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
