r"""All taps of a channel bridge in one launch: L products and the statistics of the norm in one pass over the taps.

With taps :math:`h_l` of N rows and D channels, :math:`W' = W\,\mathrm{diag}(\gamma)` in slices :math:`W'_l`, K = L D:

* ``none``: :math:`y = b + \sum_l h_l W_l'^\top`
* ``layer_rms``: :math:`y = b + \sum_l \rho_l \odot (h_l W_l'^\top)`, :math:`\rho_l = (\overline{h_l^2} + \epsilon)^{-1/2}`
* ``joint_ln``: :math:`y = r \odot (\sum_l h_l W_l'^\top - \mu u^\top) + c`, :math:`u = W' 1`, :math:`c = W \beta + b`

Each program owns one tile of the output. It reads every tap tile once, for the product and for the statistics alike, which
it therefore computes again in each column of programs: a few vector operations beside a product, and no second launch.
Neither the [N, L D] stack nor a normalised copy exists. Accumulation is float32. The backward pass is four products, which
belong to the library that multiplies matrices best; see docs/concepts/bridging.md. Untested on GPU.
"""

# mypy: disable-error-code="no-untyped-def"

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from composekit_kernels.aot import Configuration

MOST_TAPS = 8
NORMS = {"none": 0, "layer_rms": 1, "joint_ln": 2}


class Tiles(NamedTuple):
    """Rows, output channels and tap channels of a tile, and how it is run."""

    rows: int
    outs: int
    channels: int
    warps: int
    stages: int


# layer_rms holds two accumulators, the layer's and the sum, so its tiles are half as wide. float32 runs on the vector units.
_HALF, _HALF_RMS, _SINGLE = Tiles(128, 128, 32, 8, 4), Tiles(128, 64, 64, 8, 3), Tiles(64, 32, 16, 8, 2)


def tiles_of(half: bool, norm: str) -> Tiles:
    """The tiles of a precision and a norm."""
    return (_HALF_RMS if norm == "layer_rms" else _HALF) if half else _SINGLE


@triton.jit
def _tap(layer, h0, h1, h2, h3, h4, h5, h6, h7):
    """The tap of a layer. A choice at run time: unrolled layers would hold one another's addresses in registers."""
    low = tl.where(layer < 2, tl.where(layer == 0, h0, h1), tl.where(layer == 2, h2, h3))
    high = tl.where(layer < 6, tl.where(layer == 4, h4, h5), tl.where(layer == 6, h6, h7))
    return tl.where(layer < 4, low, high)


@triton.jit
def _merge(mean, m2, seen, x, keep, count):
    """Mean and sum of squared deviations of the channels so far and of a tile (Chan, Golub and LeVeque)."""
    own = tl.sum(x, 1) / count
    deviation = tl.where(keep, x - own[:, None], 0.0)
    delta = own - mean
    share = count / (seen + count)
    return mean + delta * share, m2 + tl.sum(deviation * deviation, 1) + delta * delta * (seen * share)


@triton.jit
def channel_bridge_forward(
    h0, h1, h2, h3, h4, h5, h6, h7,
    weight, u, shift, mask, out, first_statistic, second_statistic,
    rows, width, outs, w_out, w_layer, w_channel, eps,
    LAYERS: tl.constexpr, NORM: tl.constexpr, HAS_SHIFT: tl.constexpr, HAS_MASK: tl.constexpr,
    ROWS: tl.constexpr, OUTS: tl.constexpr, CHANNELS: tl.constexpr, GROUP: tl.constexpr,
):  # fmt: skip
    """One [ROWS, OUTS] tile of y [rows, outs]; taps [rows, width]; weight [outs, LAYERS, width] by its three strides.

    NORM 0 none; 1 layer_rms, rho [LAYERS, rows] goes to the first statistic; 2 joint_ln, mean and scale [rows] to the two.
    """
    # Programs that share taps run side by side: GROUP tiles of rows, then the next column.
    row_tiles = tl.cdiv(rows, ROWS)
    per_group = GROUP * tl.cdiv(outs, OUTS)
    first = tl.program_id(0) // per_group * GROUP
    members = min(row_tiles - first, GROUP)
    row_tile = first + (tl.program_id(0) % per_group) % members
    column_tile = (tl.program_id(0) % per_group) // members

    row = row_tile * ROWS + tl.arange(0, ROWS)
    col = column_tile * OUTS + tl.arange(0, OUTS)
    channel = tl.arange(0, CHANNELS)
    inside = row < rows
    kept = inside
    if HAS_MASK:  # masked rows are never read, so that a NaN in a pad stays there
        kept = inside & (tl.load(mask + row, mask=inside, other=0) != 0)
    # 64 bits to the tile, 32 bits inside it: wide offsets of every element would not fit the registers.
    tap_base = row_tile.to(tl.int64) * ROWS * width
    tap_offset = tl.arange(0, ROWS)[:, None] * width + channel[None, :]
    weight_base = weight + column_tile.to(tl.int64) * OUTS * w_out
    weight_offset = tl.arange(0, OUTS)[None, :] * w_out + channel[:, None] * w_channel

    total = tl.zeros((ROWS, OUTS), tl.float32)
    mean = tl.zeros((ROWS,), tl.float32)
    m2 = tl.zeros((ROWS,), tl.float32)
    for layer in range(LAYERS):
        taps = _tap(layer, h0, h1, h2, h3, h4, h5, h6, h7) + tap_base
        weights = weight_base + layer * w_layer
        part = total
        squares = tl.zeros((ROWS,), tl.float32)
        if NORM == 1:
            part = tl.zeros((ROWS, OUTS), tl.float32)
        for start in range(0, width, CHANNELS):
            left = channel < width - start
            x = tl.load(taps + (tap_offset + start), mask=kept[:, None] & left[None, :], other=0.0)
            w = tl.load(
                weights + (weight_offset + start * w_channel), mask=left[:, None] & (col < outs)[None, :], other=0.0
            )
            part = tl.dot(x, w, part, input_precision="ieee")
            if NORM == 1:
                squares += tl.sum(x.to(tl.float32) * x.to(tl.float32), 1)
            if NORM == 2:
                seen = (layer * width + start) * 1.0
                count = min(CHANNELS, width - start) * 1.0
                mean, m2 = _merge(mean, m2, seen, x.to(tl.float32), left[None, :], count)
        if NORM == 1:
            rho = tl.rsqrt(squares / width + eps)
            total += rho[:, None] * part
            if column_tile == 0:
                tl.store(first_statistic + row, rho, mask=inside)
            first_statistic += rows
        else:
            total = part
    if NORM == 2:
        scale = tl.rsqrt(m2 / (LAYERS * width) + eps)
        along = tl.load(u + col, mask=col < outs, other=0.0)
        total = scale[:, None] * (total - mean[:, None] * along[None, :])
        if column_tile == 0:
            tl.store(first_statistic + row, mean, mask=inside)
            tl.store(second_statistic + row, scale, mask=inside)
    if HAS_SHIFT:
        total += tl.load(shift + col, mask=col < outs, other=0.0)[None, :]
    if HAS_MASK:
        total = tl.where(kept[:, None], total, 0.0)
    out += row_tile.to(tl.int64) * ROWS * outs
    where = tl.arange(0, ROWS)[:, None] * outs + col[None, :]
    tl.store(out + where, total.to(out.dtype.element_ty), mask=inside[:, None] & (col < outs)[None, :])


def launch(
    hiddens: Sequence[Tensor],
    weight: Tensor,
    u: Tensor | None,
    shift: Tensor | None,
    mask: Tensor | None,
    norm: str,
    layout: str,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """y [N, out] and the statistics: rho [L, N] and nothing; mean [N] and scale [N]; or nothing twice.

    Args:
        hiddens: L contiguous tensors [N, D], L at most :data:`MOST_TAPS`.
        weight: [out, L D], W', in the dtype of the taps.
        u: float32 [out], the row sums of ``weight``, for joint_ln.
        shift: float32 [out], everything that is added at the end.
        mask: bool [N], True keeps.
        norm: A key of :data:`NORMS`.
        layout: ``"layer_major"`` or ``"channel_major"`` columns of ``weight``.
        eps: Of the norm.
    """
    layers, (rows, width), outs = len(hiddens), hiddens[0].shape, weight.shape[0]
    out = torch.empty(rows, outs, dtype=weight.dtype, device=weight.device)
    sizes = {"none": (0, 0), "layer_rms": (layers * rows, 0), "joint_ln": (rows, rows)}[norm]
    first, second = (torch.empty(size, dtype=torch.float32, device=weight.device) for size in sizes)
    tiles = tiles_of(weight.dtype != torch.float32, norm)
    by_layer = (width, 1) if layout == "layer_major" else (1, layers)
    grid = (triton.cdiv(rows, tiles.rows) * triton.cdiv(outs, tiles.outs),)
    if rows and outs:
        channel_bridge_forward[grid](
            *hiddens, *[hiddens[0]] * (MOST_TAPS - layers),
            weight, out if u is None else u, out if shift is None else shift, out if mask is None else mask,
            out, first, second,
            rows, width, outs, weight.stride(0), *by_layer, eps,
            LAYERS=layers, NORM=NORMS[norm], HAS_SHIFT=shift is not None, HAS_MASK=mask is not None,
            ROWS=tiles.rows, OUTS=tiles.outs, CHANNELS=tiles.channels, GROUP=8,
            num_warps=tiles.warps, num_stages=tiles.stages,
        )  # fmt: skip
    return out, first.view(layers, rows) if norm == "layer_rms" else first, second


def configurations() -> list[Configuration]:
    """Six taps, as in DeepGen, in every norm and half type; the strided layout; float32."""
    chosen = []
    matrix = {80: ("mma_sync",), 90: ("wgmma",), 100: ("tcgen05",), 120: ("mma_sync",)}
    for dtype, norm, layout in (
        ("bf16", "layer_rms", "layer_major"), ("bf16", "none", "layer_major"), ("bf16", "joint_ln", "layer_major"),
        ("bf16", "layer_rms", "channel_major"), ("fp16", "layer_rms", "layer_major"), ("fp32", "layer_rms", "layer_major"),
        ("fp32", "joint_ln", "layer_major"),
    ):  # fmt: skip
        half = dtype != "fp32"
        tiles = tiles_of(half, norm)
        signature = {f"h{i}": f"*{dtype}" for i in range(MOST_TAPS)} | {
            "weight": f"*{dtype}", "u": "*fp32", "shift": "*fp32", "mask": "*i1", "out": f"*{dtype}",
            "first_statistic": "*fp32", "second_statistic": "*fp32",
            "rows": "i32", "width": "i32", "outs": "i32", "w_out": "i32", "w_layer": "i32", "w_channel": "i32",
            "eps": "fp32",
        }  # fmt: skip
        constants = {
            "LAYERS": 6, "NORM": NORMS[norm], "HAS_SHIFT": True, "HAS_MASK": True,
            "ROWS": tiles.rows, "OUTS": tiles.outs, "CHANNELS": tiles.channels, "GROUP": 8,
        }  # fmt: skip
        divisible = ["width", "outs", "w_out", "w_layer"]
        if layout == "layer_major":  # a stride of one is a constant at the launch
            del signature["w_channel"]
            constants["w_channel"] = 1
        chosen.append(
            Configuration(
                "channel_bridge_forward", f"{dtype} {norm} {layout}", signature, constants, tiles.warps, tiles.stages,
                tuple(divisible), instructions=matrix if half else {},
                quick=(dtype, norm, layout) == ("bf16", "layer_rms", "layer_major"),
            )
        )  # fmt: skip
    return chosen
