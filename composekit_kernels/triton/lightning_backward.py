"""Lightning attention, gradients: three walks for dq, dk, dv and the initial state, and a walk of its own for the slopes.

With S_t = exp(-s) S_(t-1) + k_t v_t^T and o_t = scale q_t S_t, the gradient of the state runs backwards in time:
dS_t = scale q_t^T do_t + exp(-s) dS_(t+1), and dq_t = scale do_t S_t^T, dk_t = dS_t v_t, dv_t = k_t dS_t. These are the
forward's equations with other names (see ``lightning_forward``). States are computed again, not kept from the forward pass:
that reads keys and values once more and saves a buffer a layer.

The slopes: with Z_t = dS_t / ds = exp(-s) (Z_(t-1) - S_(t-1)), dL/ds = sum_t scale q_t Z_t . do_t. A segment starts Z at
zero and, at its end, adds <gradient of the state that leaves it, Z>. Nothing is telescoped, so nothing cancels over long
sequences.
"""

# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from composekit_kernels.aot import Configuration
from composekit_kernels.triton.lightning_chunks import (
    add_outer,
    deal,
    deal_state,
    gather_state,
    load_chunk,
    over_keys,
    tokens_from,
    turn,
)
from composekit_kernels.triton.lightning_forward import programs, walk
from composekit_kernels.triton.lightning_segments import (
    Segments,
    cut,
    entering_states,
    segment_bounds,
    segment_length,
)
from composekit_kernels.triton.lightning_tiles import AOT_SHAPES, Shape, aot, dot_types, row_strides, tiles


@triton.jit(do_not_specialize=["T", "N", "per_sequence", "length"])
def lightning_slopes(
    q,
    k,
    v,
    do,
    slopes,
    enter,
    leave,
    partial,
    cu,
    first,
    owner,
    q_b,
    q_t,
    q_h,
    k_b,
    k_t,
    k_h,
    v_b,
    v_t,
    v_h,
    do_b,
    do_t,
    do_h,
    scale,
    T,
    N,
    per_sequence,
    length,
    H,
    share,
    DK: tl.constexpr,
    DV: tl.constexpr,
    BK: tl.constexpr,
    BV: tl.constexpr,
    CHUNK: tl.constexpr,
    PARTS: tl.constexpr,
    PACKED: tl.constexpr,
    ENTERS: tl.constexpr,
    LEAVES: tl.constexpr,
    DOT: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """partial[g, block, h] = what one segment and BV channels of v add to the gradient of slope h.

    ``enter`` holds the state that enters a segment, ``leave`` the gradient of the state that leaves it.
    """
    blocks: tl.constexpr = (DV + BV - 1) // BV
    pid = tl.program_id(0)
    block = pid % blocks
    h = (pid // blocks) % H
    segment = pid // (blocks * H)
    _, row, begin, size, _, _ = segment_bounds(cu, first, owner, segment, T, N, per_sequence, length, PACKED)

    i = tl.arange(0, CHUNK)
    dk = tl.arange(0, BK)
    dv = block * BV + tl.arange(0, BV)
    slope = tl.load(slopes + h)
    q = tokens_from(q, row, h, begin, q_b, q_t, q_h)
    k = tokens_from(k, row, h // share, begin, k_b, k_t, k_h)
    v = tokens_from(v, row, h // share, begin, v_b, v_t, v_h)
    do = tokens_from(do, row, h, begin, do_b, do_t, do_h)

    inside = (dk[:, None] < DK) & (dv[None, :] < DV)
    corner = (segment.to(tl.int64) * H + h) * (DK * DV) + dk[:, None] * DV + dv[None, :]
    state = tl.zeros([BK, BV], tl.float32)
    if ENTERS:
        state += tl.load(enter + corner, mask=inside, other=0.0)
    state = deal_state(state, PARTS)
    change = deal_state(tl.zeros([BK, BV], tl.float32), PARTS)
    total = tl.zeros([CHUNK], tl.float32)

    ahead = (i[:, None] - i[None, :]).to(tl.float32)
    mix = tl.where(ahead >= 0, -ahead * tl.exp(-slope * tl.maximum(ahead, 0.0)), 0.0)
    for step in range(tl.cdiv(size, CHUNK)):
        start = step * CHUNK
        live = tl.minimum(CHUNK, size - start)
        q_chunk = deal(load_chunk(q, start, live, dk, q_t, CHUNK, DK, DK != BK).to(DOT), PARTS)
        k_chunk = deal(load_chunk(k, start, live, dk, k_t, CHUNK, DK, DK != BK).to(DOT), PARTS)
        v_chunk = load_chunk(v, start, live, dv, v_t, CHUNK, DV, DV % BV != 0).to(DOT)
        do_chunk = load_chunk(do, start, live, dv, do_t, CHUNK, DV, DV % BV != 0).to(DOT)
        age = tl.minimum(i + 1, live).to(tl.float32)
        left = tl.maximum(live - 1 - i, 0).to(tl.float32)

        scores = over_keys(q_chunk, turn(k_chunk, PARTS), PARTS, PRECISION)
        pull = tl.dot(do_chunk, tl.trans(v_chunk), input_precision=PRECISION)
        total += tl.sum(tl.where(mix != 0.0, scores * pull * mix, 0.0), 1)
        moved = over_keys(q_chunk, change.to(DOT), PARTS, PRECISION)
        moved -= over_keys(q_chunk, state.to(DOT), PARTS, PRECISION) * age[:, None]
        total += tl.sum(moved * do_chunk.to(tl.float32), 1) * tl.exp(-slope * age)

        decay = tl.exp(-slope * live)
        write = tl.exp(-slope * left)
        weighted = v_chunk.to(tl.float32) * write[:, None]
        change = (change - state * live) * decay
        change = add_outer(change, k_chunk, (weighted * -left[:, None]).to(DOT), PARTS, PRECISION)
        state = add_outer(state * decay, k_chunk, weighted.to(DOT), PARTS, PRECISION)

    result = tl.sum(total, 0) * scale
    if LEAVES:
        received = tl.load(leave + corner, mask=inside, other=0.0)
        result += tl.sum(tl.sum(received * gather_state(change, PARTS), 1), 0)
    tl.store(partial + (segment.to(tl.int64) * blocks + block) * H + h, result)


class Gradients(NamedTuple):
    """Gradients of q, k, v, slopes and the initial state; None where not asked for."""

    q: Tensor
    k: Tensor
    v: Tensor
    slopes: Tensor | None
    initial: Tensor | None


def slopes_gradient(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    do: Tensor,
    slopes: Tensor,
    enter: Tensor | None,
    leave: Tensor | None,
    segments: Segments,
    scale: float,
) -> Tensor:
    """Run :func:`lightning_slopes` and add up its parts in one fixed order, float32 [H]."""
    heads, dk, dv = slopes.shape[0], k.shape[3], v.shape[3]
    tile = tiles(Shape.of("slopes", k, v))
    dot, precision = dot_types(q.dtype)
    blocks = triton.cdiv(dv, tile.block_v)
    partial = torch.empty(segments.slots * blocks, heads, dtype=torch.float32, device=q.device)
    if partial.numel():
        lightning_slopes[(segments.slots * heads * blocks,)](
            q,
            k,
            v,
            do,
            slopes,
            enter,
            leave,
            partial,
            *segments.arguments,
            *row_strides(q),
            *row_strides(k),
            *row_strides(v),
            *row_strides(do),
            scale,
            *segments.sizes,
            heads,
            heads // k.shape[2],
            DK=dk,
            DV=dv,
            BK=tile.block_k,
            BV=tile.block_v,
            CHUNK=tile.chunk,
            PARTS=tile.parts,
            PACKED=segments.packed,
            ENTERS=enter is not None,
            LEAVES=leave is not None,
            DOT=dot,
            PRECISION=precision,
            num_warps=tile.num_warps,
            num_stages=tile.num_stages,
            enable_fp_fusion=True,
        )
    return partial.sum(0)


def backward(
    do: Tensor,
    dfinal: Tensor | None,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    slopes: Tensor,
    scale: float,
    cu_seqlens: Tensor | None,
    initial: Tensor | None,
    *,
    need_slopes: bool,
    need_initial: bool,
    segment: int = 0,
) -> Gradients:
    """All gradients. Where a group of heads shares k and v, each head's part is float32 and they are added in order."""
    length = segment or segment_length(q.shape[0] * q.shape[1], programs(slopes, k, v), q.device)
    segments = cut(q, cu_seqlens, length)
    heads, shared = slopes.shape[0], k.shape[2]
    enter = entering_states(k, v, slopes, initial, segments, scale=1.0, reverse=False)
    leave = entering_states(q, do, slopes, dfinal, segments, scale=scale, reverse=True)
    dinitial = None
    if need_initial:
        dinitial = torch.empty(segments.sequences, heads, k.shape[3], v.shape[3], dtype=torch.float32, device=q.device)
    dq = walk(do, v, k, slopes, enter, None, segments, scale=scale, transposed=True)
    wide = None if shared == heads else torch.float32
    dv = walk(k, q, do, slopes, leave, dinitial, segments, scale=scale, reverse=True, dtype=wide)
    dk = walk(v, do, q, slopes, leave, None, segments, scale=scale, reverse=True, transposed=True, dtype=wide)
    if wide is not None:
        dk = dk.unflatten(2, (shared, -1)).sum(3).to(k.dtype)
        dv = dv.unflatten(2, (shared, -1)).sum(3).to(v.dtype)
    dslopes = slopes_gradient(q, k, v, do, slopes, enter, leave, segments, scale) if need_slopes else None
    return Gradients(dq, dk, dv, dslopes, dinitial)


def configurations() -> list[Configuration]:
    """The slopes' kernel with states on both sides at every shape; the other gradients are walks."""
    found: list[Configuration] = []
    for shape in AOT_SHAPES:
        flags = {"PACKED": False, "ENTERS": True, "LEAVES": True, "share": 1}
        found += aot(lightning_slopes, "batch", shape, flags, quick=shape == ("bf16", 128, 128))
    return found
