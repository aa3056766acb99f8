r"""Forward KL and Jensen-Shannon: what the row statistics of two models leave to do.

Both start from the log-sum-exp of student and teacher, which ``distill_rows.mixture_stats`` gives (with the roles exchanged,
its value is the forward KL). Jensen-Shannon needs a second look at the logits, for its mixture M = beta T + (1 - beta) pi is
known only then.
"""

# mypy: disable-error-code="no-untyped-def"
# The arguments of kernels have no Python types.

from __future__ import annotations

import math

import triton
import triton.language as tl
from torch import Tensor

from composekit_kernels.aot import Configuration
from composekit_kernels.triton.distill_rows import BLOCK, WARPS, Rows, _at, _block, _pointers, _read


@triton.jit
def _log_mixture(log_pi, log_t, log_near, log_far):
    """log((1 - beta) pi + beta T) from its two logarithms; -inf where both are."""
    near = log_pi + log_near
    far = log_t + log_far
    top = tl.maximum(near, far)
    anchor = tl.where(top == float("-inf"), 0.0, top)
    return anchor + tl.log(tl.exp(near - anchor) + tl.exp(far - anchor))


@triton.jit
def _weighted(log_p, log_m):
    """p (log p - log m); a probability of zero counts nothing."""
    p = tl.exp(log_p)
    return tl.where(p == 0.0, 0.0, p * (log_p - log_m))


@triton.jit
def pair_means(
    s, s_bias, t, t_bias, lse, lse_t, near, far, time, width, inverse_temperature, log_near, log_far,
    s_batch, s_time, t_batch, t_time,
    S_BIAS: tl.constexpr, T_BIAS: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """Add a tile to near = E_pi[log pi - log M] and far = E_T[log T - log M] of a row."""
    row = tl.program_id(0)
    s = _at(s, row, time, s_batch, s_time)
    t = _at(t, row, time, t_batch, t_time)
    norm = tl.load(lse + row)
    norm_t = tl.load(lse_t + row)
    sum_near = tl.load(near + row)
    sum_far = tl.load(far + row)
    for start in range(0, width, BLOCK):
        columns = start + tl.arange(0, BLOCK)
        keep = columns < width
        log_pi = _read(s, s_bias, columns, keep, inverse_temperature, S_BIAS) - norm
        log_t = _read(t, t_bias, columns, keep, inverse_temperature, T_BIAS) - norm_t
        log_m = _log_mixture(log_pi, log_t, log_near, log_far)
        sum_near += tl.sum(_weighted(log_pi, log_m), 0)
        sum_far += tl.sum(_weighted(log_t, log_m), 0)
    tl.store(near + row, sum_near)
    tl.store(far + row, sum_far)


@triton.jit
def pair_slope(
    out, s, s_bias, t, t_bias, lse, lse_t, near, grad, time, width, inverse_temperature, log_near, log_far, share,
    out_time, s_batch, s_time, t_batch, t_time,
    S_BIAS: tl.constexpr, T_BIAS: tl.constexpr, MIXED: tl.constexpr, BLOCK: tl.constexpr,
):  # fmt: skip
    """One block of the gradient of the raw logits: pi - T, or (MIXED) share pi (log pi - log M - near)."""
    row = tl.program_id(0)
    columns = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    g = tl.load(grad + row).to(tl.float32)
    keep = columns < tl.where(g == 0.0, 0, width)  # a row whose weight is zero is not read
    norm = tl.load(lse + row)
    norm_t = tl.load(lse_t + row)
    log_pi = _read(_at(s, row, time, s_batch, s_time), s_bias, columns, keep, inverse_temperature, S_BIAS) - norm
    log_t = _read(_at(t, row, time, t_batch, t_time), t_bias, columns, keep, inverse_temperature, T_BIAS) - norm_t
    if MIXED:
        log_m = _log_mixture(log_pi, log_t, log_near, log_far)
        pi = tl.exp(log_pi)
        slope = share * (_weighted(log_pi, log_m) - pi * tl.load(near + row))
    else:
        slope = tl.exp(log_pi) - tl.exp(log_t)
    slope = tl.where(g == 0.0, 0.0, g * inverse_temperature * slope)
    tl.store(out + row.to(tl.int64) * out_time + columns, slope.to(out.dtype.element_ty), mask=columns < width)


def _logs(beta: float) -> tuple[float, float]:
    return math.log1p(-beta), math.log(beta)


def means(
    student: Rows, teacher: Rows, beta: float, inverse_temperature: float,
    lse: Tensor, lse_t: Tensor, near: Tensor, far: Tensor,
) -> None:  # fmt: skip
    """Add a tile to the sums ``near`` and ``far``, float32 [B T]."""
    batch, time, width = student.x.shape
    if not batch * time:
        return
    tensors, strides, (s_bias, t_bias) = _pointers([student, teacher], lse)
    pair_means[(batch * time,)](
        *tensors, lse, lse_t, near, far, time, width, inverse_temperature, *_logs(beta), *strides,
        S_BIAS=s_bias, T_BIAS=t_bias, BLOCK=_block(width), num_warps=WARPS, enable_fp_fusion=True,
    )  # fmt: skip


def slope(
    out: Tensor, student: Rows, teacher: Rows, beta: float | None, inverse_temperature: float,
    lse: Tensor, lse_t: Tensor, near: Tensor, grad: Tensor,
) -> None:  # fmt: skip
    """Write the gradient of the raw logits to ``out`` [B T, width]; ``beta`` is None for the forward KL."""
    batch, time, width = student.x.shape
    if not batch * time:
        return
    tensors, strides, (s_bias, t_bias) = _pointers([student, teacher], lse)
    log_near, log_far = (0.0, 0.0) if beta is None else _logs(beta)
    share = 1.0 if beta is None else 1.0 - beta
    pair_slope[(batch * time, triton.cdiv(width, _block(width)))](
        out, *tensors, lse, lse_t, near, grad, time, width, inverse_temperature, log_near, log_far, share,
        out.stride(0), *strides, S_BIAS=s_bias, T_BIAS=t_bias, MIXED=beta is not None, BLOCK=_block(width),
        num_warps=WARPS, enable_fp_fusion=True,
    )  # fmt: skip


def configurations() -> list[Configuration]:
    """Stored bf16 logits and the float32 tiles of the path from hidden states."""
    strides = ("width", "s_batch", "s_time", "t_batch", "t_time", "out_time")
    reals = dict.fromkeys(("inverse_temperature", "log_near", "log_far", "share"), "fp32")
    found = []
    for kernel, modes in ((pair_means, ({},)), (pair_slope, ({"MIXED": False}, {"MIXED": True}))):
        for mode in modes:
            for biased in (False, True):
                logits = "*fp32" if biased else "*bf16"
                kinds = {"s": logits, "t": logits, "out": "*bf16", "s_bias": "*bf16", "t_bias": "*bf16", **reals}
                kinds |= dict.fromkeys(("lse", "lse_t", "near", "far", "grad"), "*fp32")
                constants = {"S_BIAS": biased, "T_BIAS": biased, "BLOCK": BLOCK, **mode}
                signature = {name: kinds.get(name, "i32") for name in kernel.arg_names if name not in constants}
                name = ("fp32 tile with bias" if biased else "bf16 logits") + ", mixed" * bool(mode.get("MIXED"))
                found.append(
                    Configuration(
                        kernel.__name__,
                        name,
                        signature,
                        constants,
                        num_warps=WARPS,
                        divisible=tuple(n for n in strides if n in signature),
                        quick=name == "bf16 logits",
                    )
                )
    return found
