r"""The rows of the distillation losses, block by block: running sums forward, slopes of the logits backward.

A row has logits s (student), t (teacher), r (reference), each over the temperature, and mu = c_t t + c_r r with c_t the
reward scale and c_r = 1 - c_t. Forward: maximum and sum of e^x for x in {s, t, r, mu}, and the sum of e^s (s - mu), rescaled
online. Backward: g pi (s - mu - E_pi[s - mu]) / tau. See docs/concepts/distillation_kernels.md.

One program takes one row (forward) or one block of a row (backward). The vocabulary may come in tiles, so that logits that
are made from hidden states never exist as a whole: between tiles the sums wait in ``state``. Rows are [B, T] with strides of
their own, because logits are mostly a view without the last position.
"""

# mypy: disable-error-code="no-untyped-def"
# The arguments of kernels have no Python types.

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from composekit_kernels.aot import Configuration

BLOCK = 2048
WARPS = 4
STATES = 9  # maximum and sum of s, t, r, mu; sum of e^s (s - mu)


@triton.jit
def _at(x, row, time, batch_stride, time_stride):
    """The first element of a row, counted through batch and time; in int64, for logits pass 2^31 elements."""
    return x + (row // time).to(tl.int64) * batch_stride + (row % time).to(tl.int64) * time_stride


@triton.jit
def _read(x, bias, columns, keep, inverse_temperature, HAS_BIAS: tl.constexpr):
    """Logits over the temperature in float32; -inf where they are not kept."""
    value = tl.load(x + columns, mask=keep, other=float("-inf")).to(tl.float32)
    if HAS_BIAS:
        value += tl.load(bias + columns, mask=keep, other=0.0).to(tl.float32)
    return value * inverse_temperature


@triton.jit
def _share(x, c):
    """c x; an excluded token (-inf) counts by the sign of its coefficient, and nothing at zero, where x was not read."""
    excluded = tl.where(c > 0.0, float("-inf"), tl.where(c < 0.0, float("inf"), 0.0))
    return tl.where(x == float("-inf"), excluded, c * x)


@triton.jit
def _mix(t, r, c_t, c_r, HAS_T: tl.constexpr, HAS_R: tl.constexpr):
    """mu; where infinities of both signs meet, the positive coefficient wins."""
    mu = tl.zeros_like(t)
    if HAS_T:
        mu = _share(t, c_t)
    if HAS_R:
        share = _share(r, c_r)
        mu = tl.where(mu == float("-inf"), mu, tl.where(share == float("-inf"), share, mu + share))
    return mu


@triton.jit
def _absorb(x, top, total):
    """Add a block to a running log-sum-exp; also the factor that rescales older sums, and e^(x - top)."""
    new = tl.maximum(top, tl.max(x, 0))
    anchor = tl.where(new == float("-inf"), 0.0, new)
    factor = tl.exp(top - anchor)
    weights = tl.exp(x - anchor)
    return new, total * factor + tl.sum(weights, 0), factor, weights


@triton.jit
def mixture_stats(
    s, s_bias, t, t_bias, r, r_bias, scale, state, gap, value, lse, mean, lse_t,
    time, width, inverse_temperature, state_stride,
    s_batch, s_time, t_batch, t_time, r_batch, r_time, gap_time,
    HAS_T: tl.constexpr, HAS_R: tl.constexpr,
    S_BIAS: tl.constexpr, T_BIAS: tl.constexpr, R_BIAS: tl.constexpr,
    NORMALIZE: tl.constexpr, STORE_GAP: tl.constexpr, FIRST: tl.constexpr, LAST: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """One tile of the vocabulary, one row: sums from ``state`` (unless FIRST) back to it, or (LAST) into the results."""
    row = tl.program_id(0)
    s = _at(s, row, time, s_batch, s_time)
    t = _at(t, row, time, t_batch, t_time)
    r = _at(r, row, time, r_batch, r_time)
    gap += row.to(tl.int64) * gap_time
    c_t = tl.load(scale + row)
    c_r = 1.0 - c_t
    state += row
    top_s = float("-inf")
    top_t = float("-inf")
    top_r = float("-inf")
    top_m = float("-inf")
    sum_s = 0.0
    sum_t = 0.0
    sum_r = 0.0
    sum_m = 0.0
    dot = 0.0
    if not FIRST:
        top_s = tl.load(state)
        sum_s = tl.load(state + state_stride)
        dot = tl.load(state + 2 * state_stride)
        top_t = tl.load(state + 3 * state_stride)
        sum_t = tl.load(state + 4 * state_stride)
        top_r = tl.load(state + 5 * state_stride)
        sum_r = tl.load(state + 6 * state_stride)
        top_m = tl.load(state + 7 * state_stride)
        sum_m = tl.load(state + 8 * state_stride)
    width_t = tl.where(c_t == 0.0, 0, width)  # a model whose coefficient is zero is not read
    width_r = tl.where(c_r == 0.0, 0, width)
    for start in range(0, width, BLOCK):
        columns = start + tl.arange(0, BLOCK)
        keep = columns < width
        x = _read(s, s_bias, columns, keep, inverse_temperature, S_BIAS)
        other_t = x
        other_r = x
        if HAS_T:
            other_t = _read(t, t_bias, columns, columns < width_t, inverse_temperature, T_BIAS)
            top_t, sum_t, _, _ = _absorb(other_t, top_t, sum_t)
        if HAS_R:
            other_r = _read(r, r_bias, columns, columns < width_r, inverse_temperature, R_BIAS)
            top_r, sum_r, _, _ = _absorb(other_r, top_r, sum_r)
        mu = _mix(other_t, other_r, c_t, c_r, HAS_T, HAS_R)
        if NORMALIZE:
            top_m, sum_m, _, _ = _absorb(mu, top_m, sum_m)
        top_s, sum_s, factor, weights = _absorb(x, top_s, sum_s)
        difference = tl.where(weights == 0.0, 0.0, x - mu)
        dot = tl.where(factor == 0.0, 0.0, dot * factor) + tl.sum(weights * difference, 0)
        if STORE_GAP:
            tl.store(gap + columns, x - mu, mask=keep)
    if LAST:
        norm = top_s + tl.log(sum_s)
        average = dot / sum_s
        loss = average - norm
        sound = tl.abs(norm) < float("inf")
        if HAS_T:
            norm_t = top_t + tl.log(sum_t)
            tl.store(lse_t + row, norm_t)
            sound = sound & ((tl.abs(norm_t) < float("inf")) | (c_t == 0.0))
            if not NORMALIZE:
                loss += tl.where(c_t == 0.0, 0.0, c_t * norm_t)
        if HAS_R:
            norm_r = top_r + tl.log(sum_r)
            sound = sound & ((tl.abs(norm_r) < float("inf")) | (c_r == 0.0))
            if not NORMALIZE:
                loss += tl.where(c_r == 0.0, 0.0, c_r * norm_r)
        if NORMALIZE:
            loss += top_m + tl.log(sum_m)
        # Infinities of both signs meet as NaN: a token that the teacher excludes outweighs one that the reference excludes.
        tl.store(value + row, tl.where(sound & (loss != loss), float("inf"), loss))
        tl.store(lse + row, norm)
        tl.store(mean + row, average)
    else:
        tl.store(state, top_s)
        tl.store(state + state_stride, sum_s)
        tl.store(state + 2 * state_stride, dot)
        tl.store(state + 3 * state_stride, top_t)
        tl.store(state + 4 * state_stride, sum_t)
        tl.store(state + 5 * state_stride, top_r)
        tl.store(state + 6 * state_stride, sum_r)
        tl.store(state + 7 * state_stride, top_m)
        tl.store(state + 8 * state_stride, sum_m)


@triton.jit
def mixture_slope(
    out, s, s_bias, t, t_bias, r, r_bias, scale, lse, mean, grad,
    time, width, inverse_temperature, out_time, s_batch, s_time, t_batch, t_time, r_batch, r_time,
    HAS_T: tl.constexpr, HAS_R: tl.constexpr,
    S_BIAS: tl.constexpr, T_BIAS: tl.constexpr, R_BIAS: tl.constexpr, FROM_GAP: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """One block of the gradient of the raw logits; FROM_GAP reads s - mu in place of t. A row of weight zero gets zeros."""
    row = tl.program_id(0)
    columns = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    g = tl.load(grad + row).to(tl.float32)
    c_t = tl.load(scale + row)
    c_r = 1.0 - c_t
    read = tl.where(g == 0.0, 0, width)  # nor is a row whose weight is zero
    width_t = tl.where(c_t == 0.0, 0, read)
    width_r = tl.where(c_r == 0.0, 0, read)
    keep = columns < read
    x = _read(_at(s, row, time, s_batch, s_time), s_bias, columns, keep, inverse_temperature, S_BIAS)
    if FROM_GAP:
        gap = tl.load(_at(t, row, time, t_batch, t_time) + columns, mask=keep, other=0.0)
    else:
        other_t = x
        other_r = x
        if HAS_T:
            t = _at(t, row, time, t_batch, t_time)
            other_t = _read(t, t_bias, columns, columns < width_t, inverse_temperature, T_BIAS)
        if HAS_R:
            r = _at(r, row, time, r_batch, r_time)
            other_r = _read(r, r_bias, columns, columns < width_r, inverse_temperature, R_BIAS)
        gap = x - _mix(other_t, other_r, c_t, c_r, HAS_T, HAS_R)
    pi = tl.exp(x - tl.load(lse + row))
    average = tl.load(mean + row)
    slope = g * inverse_temperature * pi * (tl.where(pi == 0.0, 0.0, gap) - average)
    slope = tl.where(tl.abs(average) < float("inf"), slope, float("nan"))  # an infinite loss has no gradient
    out += row.to(tl.int64) * out_time
    tl.store(out + columns, tl.where(g == 0.0, 0.0, slope).to(out.dtype.element_ty), mask=columns < width)


@triton.jit
def selected_pick(
    s, s_bias, tokens, picked, time, first, width, count, inverse_temperature, s_batch, s_time,
    S_BIAS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """The logits of a row's ``count`` tokens, as far as they lie in the tile of ``width`` tokens from ``first`` on."""
    row = tl.program_id(0)
    s = _at(s, row, time, s_batch, s_time)
    for start in range(0, count, BLOCK):
        k = start + tl.arange(0, BLOCK)
        place = row.to(tl.int64) * count + k
        local = tl.load(tokens + place, mask=k < count, other=-1) - first
        inside = (local >= 0) & (local < width)
        tl.store(picked + place, _read(s, s_bias, local, inside, inverse_temperature, S_BIAS), mask=inside)


@triton.jit
def selected_slope(
    out, s, s_bias, tokens, lse, grad, time, first, width, count, inverse_temperature, out_time, s_batch, s_time,
    S_BIAS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """One block of the gradient of the raw logits: sum over the row's tokens y of g_y (1[v = y] - pi_v) / tau."""
    row = tl.program_id(0)
    columns = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = columns < width
    s = _at(s, row, time, s_batch, s_time)
    pi = tl.exp(_read(s, s_bias, columns, inside, inverse_temperature, S_BIAS) - tl.load(lse + row))
    slope = tl.zeros_like(pi)
    whole = 0.0
    for k in range(count):
        place = row.to(tl.int64) * count + k
        g = tl.load(grad + place).to(tl.float32)
        whole += g
        slope += tl.where(columns == tl.load(tokens + place) - first, g, 0.0)
    slope = tl.where(whole == 0.0, slope, slope - whole * pi) * inverse_temperature
    tl.store(out + row.to(tl.int64) * out_time + columns, slope.to(out.dtype.element_ty), mask=inside)


# --- launchers -------------------------------------------------------------------------------------------------------


class Rows(NamedTuple):
    """Logits [B, T, width] whose last axis is dense, with the bias [width] that is yet to be added, if any."""

    x: Tensor
    bias: Tensor | None


class Results(NamedTuple):
    """What the forward knows of each row, float32 [B T]: the loss, log-sum-exp of student and teacher, E_pi[s - mu]."""

    value: Tensor
    lse: Tensor
    mean: Tensor
    lse_t: Tensor

    @staticmethod
    def empty(count: int, device: torch.device) -> Results:
        """Four unwritten rows."""
        return Results(*torch.empty(4, count, dtype=torch.float32, device=device))


def _block(width: int) -> int:
    return min(BLOCK, triton.next_power_of_2(max(width, 16)))


def _pointers(models: Sequence[Rows | None], stand_in: Tensor) -> tuple[list[Tensor], list[int], list[bool]]:
    """Pointers (x, bias), strides (batch, time) and presence of biases; an absent model points to something harmless."""
    tensors: list[Tensor] = []
    strides: list[int] = []
    for model in models:
        tensors += [stand_in if model is None else model.x]
        tensors += [stand_in if model is None or model.bias is None else model.bias]
        strides += [0, 0] if model is None else model.x.stride()[:2]
    return tensors, strides, [model is not None and model.bias is not None for model in models]


def stats(
    student: Rows, others: Sequence[Rows | None], scale: Tensor, inverse_temperature: float, results: Results,
    *, state: Tensor | None = None, gap: Tensor | None = None, normalize: bool = False,
    first: bool = True, last: bool = True,
) -> None:  # fmt: skip
    """Walk over one tile; ``others`` are teacher and reference.

    ``state`` [STATES, B T] carries the sums between tiles; ``gap`` [B T, width], where given, receives s - mu.
    """
    batch, time, width = student.x.shape
    if not batch * time:
        return
    tensors, strides, (s_bias, t_bias, r_bias) = _pointers([student, *others], scale)
    gap_time = 0 if gap is None else gap.stride(0)
    mixture_stats[(batch * time,)](
        *tensors, scale, scale if state is None else state, scale if gap is None else gap, *results,
        time, width, inverse_temperature, 0 if state is None else state.stride(0), *strides, gap_time,
        HAS_T=others[0] is not None, HAS_R=others[1] is not None, S_BIAS=s_bias, T_BIAS=t_bias, R_BIAS=r_bias,
        NORMALIZE=normalize, STORE_GAP=gap is not None, FIRST=first, LAST=last, BLOCK=_block(width),
        num_warps=WARPS, enable_fp_fusion=True,
    )  # fmt: skip


def slope(
    out: Tensor, student: Rows, others: Sequence[Rows | None], scale: Tensor, inverse_temperature: float,
    results: Results, grad: Tensor, *, gap: Tensor | None = None,
) -> None:  # fmt: skip
    """Write the gradient of the raw logits to ``out`` [B T, width]; ``gap`` from :func:`stats` stands for both others."""
    batch, time, width = student.x.shape
    if not batch * time:
        return
    if gap is not None:
        others = [Rows(gap.unsqueeze(0), None), None]
    tensors, strides, (s_bias, t_bias, r_bias) = _pointers([student, *others], scale)
    mixture_slope[(batch * time, triton.cdiv(width, _block(width)))](
        out, *tensors, scale, results.lse, results.mean, grad,
        time, width, inverse_temperature, out.stride(0), *strides,
        HAS_T=others[0] is not None, HAS_R=others[1] is not None, S_BIAS=s_bias, T_BIAS=t_bias, R_BIAS=r_bias,
        FROM_GAP=gap is not None, BLOCK=_block(width), num_warps=WARPS, enable_fp_fusion=True,
    )  # fmt: skip


def pick(student: Rows, tokens: Tensor, picked: Tensor, first: int, inverse_temperature: float) -> None:
    """Write the scaled logits of ``tokens`` [B T, K] that the tile holds to ``picked`` [B T, K]."""
    batch, time, width = student.x.shape
    if not picked.numel():
        return
    tensors, strides, biases = _pointers([student], picked)
    selected_pick[(batch * time,)](
        *tensors, tokens, picked, time, first, width, tokens.shape[1], inverse_temperature, *strides,
        S_BIAS=biases[0], BLOCK=16, num_warps=1, enable_fp_fusion=True,
    )  # fmt: skip


def pick_slope(
    out: Tensor, student: Rows, tokens: Tensor, lse: Tensor, grad: Tensor, first: int, inverse_temperature: float
) -> None:
    """Write the gradient of the raw logits of the tile to ``out`` [B T, width]."""
    batch, time, width = student.x.shape
    if not batch * time:
        return
    tensors, strides, biases = _pointers([student], lse)
    selected_slope[(batch * time, triton.cdiv(width, _block(width)))](
        out, *tensors, tokens, lse, grad, time, first, width, tokens.shape[1], inverse_temperature, out.stride(0), *strides,
        S_BIAS=biases[0], BLOCK=_block(width), num_warps=WARPS, enable_fp_fusion=True,
    )  # fmt: skip


# --- what is compiled ahead of time ----------------------------------------------------------------------------------

_ROWS = ("scale", "value", "lse", "lse_t", "mean", "grad")


def _signature(kernel: triton.JITFunction, logits: str, out: str, constants: dict[str, object]) -> dict[str, str]:
    kinds = {
        "s": logits, "t": logits, "r": logits, "out": out,
        "inverse_temperature": "fp32", "tokens": "*i64", "picked": "*fp32",
        "s_bias": "*bf16", "t_bias": "*bf16", "r_bias": "*bf16", "state": "*fp32", "gap": "*fp32",
        **dict.fromkeys(_ROWS, "*fp32"),
    }  # fmt: skip
    return {name: kinds.get(name, "i32") for name in kernel.arg_names if name not in constants}


def configurations() -> list[Configuration]:
    """Stored bf16 logits, a vocabulary of odd size, and the float32 tiles of the path from hidden states."""
    whole = {"HAS_T": True, "HAS_R": True, "S_BIAS": False, "T_BIAS": False, "R_BIAS": False, "BLOCK": BLOCK}
    strides = (
        "width",
        "s_batch",
        "s_time",
        "t_batch",
        "t_time",
        "r_batch",
        "r_time",
        "out_time",
        "gap_time",
        "state_stride",
    )
    biased = {"S_BIAS": True, "T_BIAS": True, "R_BIAS": True}
    ends = {"STORE_GAP": False, "FIRST": True, "LAST": True, "NORMALIZE": False}
    one: dict[str, object] = {"S_BIAS": False, "BLOCK": BLOCK}
    grid: list[tuple[triton.JITFunction, str, str, str, dict[str, object], bool]] = [
        (mixture_stats, "bf16 logits", "*bf16", "*bf16", {**whole, **ends}, True),
        (mixture_stats, "bf16 logits, odd vocabulary", "*bf16", "*bf16", {**whole, **ends}, False),
        (mixture_stats, "bf16 logits, normalize", "*bf16", "*bf16", {**whole, **ends, "NORMALIZE": True}, False),
        (mixture_stats, "bf16 logits, teacher alone", "*bf16", "*bf16", {**whole, **ends, "HAS_R": False}, False),
        (mixture_stats, "fp32 logits", "*fp32", "*fp32", {**whole, **ends}, False),
        (mixture_stats, "fp32 tile with bias and gap", "*fp32", "*bf16",
         {**whole, **biased, **ends, "STORE_GAP": True, "FIRST": False, "LAST": False}, False),
        (mixture_slope, "bf16 logits", "*bf16", "*bf16", {**whole, "FROM_GAP": False}, True),
        (mixture_slope, "bf16 logits, odd vocabulary", "*bf16", "*bf16", {**whole, "FROM_GAP": False}, False),
        (mixture_slope, "fp32 tile with bias", "*fp32", "*bf16", {**whole, **biased, "FROM_GAP": False}, False),
        (mixture_slope, "fp32 gap", "*fp32", "*bf16", {**whole, "FROM_GAP": True}, False),
        (selected_pick, "bf16 logits", "*bf16", "*bf16", {"S_BIAS": False, "BLOCK": 16}, True),
        (selected_slope, "bf16 logits", "*bf16", "*bf16", one, True),
        (selected_slope, "fp32 tile with bias", "*fp32", "*bf16", {"S_BIAS": True, "BLOCK": BLOCK}, False),
    ]  # fmt: skip
    found = []
    for kernel, name, logits, out, constants, quick in grid:
        signature = _signature(kernel, logits, out, constants)
        divisible = () if "odd" in name else tuple(n for n in strides if n in signature)
        warps = 1 if kernel is selected_pick else WARPS
        found.append(
            Configuration(
                kernel.__name__, name, signature, constants, num_warps=warps, divisible=divisible, quick=quick
            )
        )
    return found
