"""Lightning attention, decoding: read the state, take one token or a few, write the state back in place.

A step moves 8 bytes of state for 4 floating-point operations, so it is bound by memory, and the state is read and written
once whatever the number of tokens. Nothing is allocated but the output and nothing synchronises: CUDA graphs can hold it.
"""

# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from composekit_kernels.aot import Configuration
from composekit_kernels.triton.lightning_tiles import row_strides, width

_BLOCK = 2048  # numbers of state a program holds: 16 a thread


@triton.jit(do_not_specialize=["T"])
def lightning_decode(
    q,
    k,
    v,
    out,
    slopes,
    state,
    q_b,
    q_t,
    q_h,
    k_b,
    k_t,
    k_h,
    v_b,
    v_t,
    v_h,
    out_b,
    out_t,
    out_h,
    state_b,
    state_h,
    scale,
    T,
    H,
    share,
    DK: tl.constexpr,
    DV: tl.constexpr,
    BK: tl.constexpr,
    BV: tl.constexpr,
):
    """T steps of S = exp(-s) S + k v^T, out = scale q S, for BV channels of one head's state [DK, DV]."""
    blocks: tl.constexpr = (DV + BV - 1) // BV
    pid = tl.program_id(0)
    h = (pid // blocks) % H
    b = (pid // (blocks * H)).to(tl.int64)
    group = (h // share).to(tl.int64)
    dk = tl.arange(0, BK)
    dv = (pid % blocks) * BV + tl.arange(0, BV)
    inside = (dk[:, None] < DK) & (dv[None, :] < DV)
    q += b * q_b + h.to(tl.int64) * q_h
    k += b * k_b + group * k_h
    v += b * v_b + group * v_h
    out += b * out_b + h.to(tl.int64) * out_h
    tile = state + b * state_b + h.to(tl.int64) * state_h + dk[:, None] * DV + dv[None, :]
    decay = tl.exp(-tl.load(slopes + h))
    values = tl.load(tile, mask=inside, other=0.0)
    for t in range(T):
        at = tl.cast(t, tl.int64)
        key = tl.load(k + at * k_t + dk, mask=dk < DK, other=0.0).to(tl.float32)
        value = tl.load(v + at * v_t + dv, mask=dv < DV, other=0.0).to(tl.float32)
        query = tl.load(q + at * q_t + dk, mask=dk < DK, other=0.0).to(tl.float32)
        values = values * decay + key[:, None] * value[None, :]
        result = tl.sum(values * query[:, None], 0) * scale
        tl.store(out + at * out_t + dv, result.to(out.dtype.element_ty), mask=dv < DV)
    tl.store(tile, values, mask=inside)


def decode(q: Tensor, k: Tensor, v: Tensor, slopes: Tensor, scale: float, state: Tensor) -> Tensor:
    """The output, [B, T, Hq, Dv]; ``state`` [B, Hq, Dk, Dv] float32 moves on by T tokens in place."""
    batch, tokens, heads, dk = q.shape
    dv = v.shape[3]
    if state.stride()[2:] != (dv, 1):
        raise ValueError(f"lightning: state must be contiguous in each head; got strides {state.stride()}.")
    out = torch.empty(batch, tokens, heads, dv, dtype=q.dtype, device=q.device)
    block_k = width(dk)
    block_v = max(1, min(_BLOCK // block_k, width(dv)))
    grid = (batch * heads * triton.cdiv(dv, block_v),)
    if grid[0] and tokens:
        lightning_decode[grid](
            q,
            k,
            v,
            out,
            slopes,
            state,
            *row_strides(q),
            *row_strides(k),
            *row_strides(v),
            *row_strides(out),
            state.stride(0),
            state.stride(1),
            scale,
            tokens,
            heads,
            heads // k.shape[2],
            DK=dk,
            DV=dv,
            BK=block_k,
            BV=block_v,
            num_warps=4,
            num_stages=1,
            enable_fp_fusion=True,
        )
    return out


def configurations() -> list[Configuration]:
    """A token at every head size."""
    found: list[Configuration] = []
    strides = [f"{name}_{axis}" for name in ("q", "k", "v", "out") for axis in "bth"] + ["state_b", "state_h"]
    for kind, keys, values in (("bf16", 64, 64), ("bf16", 128, 128), ("fp32", 256, 256), ("fp16", 96, 80)):
        block_k = width(keys)
        signature = dict.fromkeys(("q", "k", "v", "out"), f"*{kind}") | {"slopes": "*fp32", "state": "*fp32"}
        signature |= dict.fromkeys(strides, "i32") | {"scale": "fp32", "T": "i32", "H": "i32"}
        flags = {"DK": keys, "DV": values, "BK": block_k, "BV": min(_BLOCK // block_k, width(values)), "share": 1}
        found.append(
            Configuration(
                "lightning_decode",
                f"{kind} {keys}x{values}",
                signature,
                flags,
                num_stages=1,
                divisible=(*strides, "H"),
                quick=(kind, keys) == ("bf16", 128),
            )
        )
    return found
