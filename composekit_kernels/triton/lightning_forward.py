"""Lightning attention, the walk: outputs chunk by chunk with the state in registers, forwards or backwards in time.

    out_i = sum_(j <= i) exp(-s (i - j)) (x_i . y_j) z_j + exp(-s (i + 1)) x_i S,    S' = exp(-s C) S + sum_j w_j y_j z_j^T

One kernel is the whole algorithm, for three gradients have the form of the output:

    out: x, y, z = q, k, v            dq: x, y, z = dout, v, k with the state transposed
    dv:  x, y, z = k, q, dout, in reverse     dk: x, y, z = v, dout, q, in reverse, transposed

A program owns ``BV`` channels of z and all of y, reads x, y, z once and writes out once; the state stays in registers.
"""

# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from composekit_kernels.aot import Configuration
from composekit_kernels.triton.lightning_chunks import (
    add_outer,
    chunk_mask,
    chunk_offsets,
    deal,
    deal_state,
    gather_state,
    load_chunk,
    over_keys,
    tokens_from,
    turn,
)
from composekit_kernels.triton.lightning_segments import (
    Segments,
    cut,
    entering_states,
    segment_bounds,
    segment_length,
)
from composekit_kernels.triton.lightning_tiles import AOT_SHAPES, Shape, aot, dot_types, row_strides, tiles


@triton.jit(do_not_specialize=["T", "N", "per_sequence", "length"])
def lightning_walk(
    x,
    y,
    z,
    out,
    slopes,
    enter,
    leave,
    cu,
    first,
    owner,
    x_b,
    x_t,
    x_h,
    y_b,
    y_t,
    y_h,
    z_b,
    z_t,
    z_h,
    out_b,
    out_t,
    out_h,
    state_k,
    state_v,
    scale,
    T,
    N,
    per_sequence,
    length,
    H,
    share_x,
    share_yz,
    DK: tl.constexpr,
    DV: tl.constexpr,
    BK: tl.constexpr,
    BV: tl.constexpr,
    CHUNK: tl.constexpr,
    PARTS: tl.constexpr,
    PACKED: tl.constexpr,
    REVERSE: tl.constexpr,
    ENTERS: tl.constexpr,
    LEAVES: tl.constexpr,
    DOT: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """One segment of one head for BV channels of the output.

    ``enter`` holds a state a segment, ``leave`` one a sequence, both [., H, DK * DV] with inner strides state_k, state_v,
    so that a transposed state is read in place. Head h reads x at h // share_x, y and z at h // share_yz.
    """
    blocks: tl.constexpr = (DV + BV - 1) // BV
    pid = tl.program_id(0)
    h = (pid // blocks) % H
    segment = pid // (blocks * H)
    n, row, begin, size, is_first, is_last = segment_bounds(
        cu, first, owner, segment, T, N, per_sequence, length, PACKED
    )

    i = tl.arange(0, CHUNK)
    dk = tl.arange(0, BK)
    dv = (pid % blocks) * BV + tl.arange(0, BV)
    slope = tl.load(slopes + h)
    x = tokens_from(x, row, h // share_x, begin, x_b, x_t, x_h)
    y = tokens_from(y, row, h // share_yz, begin, y_b, y_t, y_h)
    z = tokens_from(z, row, h // share_yz, begin, z_b, z_t, z_h)
    out = tokens_from(out, row, h, begin, out_b, out_t, out_h)

    inside = (dk[:, None] < DK) & (dv[None, :] < DV)
    corner = dk[:, None] * state_k + dv[None, :] * state_v
    state = tl.zeros([BK, BV], tl.float32)
    if ENTERS:
        state += tl.load(enter + (segment.to(tl.int64) * H + h) * (DK * DV) + corner, mask=inside, other=0.0)
    state = deal_state(state, PARTS)

    # The exponent is a difference of positions, never a quotient of exponentials, which would overflow.
    ahead = i[:, None] - i[None, :]
    if REVERSE:
        ahead = -ahead
    mix = tl.where(ahead >= 0, tl.exp(-slope * tl.maximum(ahead, 0)), 0.0) * scale
    steps = tl.cdiv(size, CHUNK)
    for step in range(steps):
        if REVERSE:
            start = (steps - 1 - step) * CHUNK
        else:
            start = step * CHUNK
        live = tl.minimum(CHUNK, size - start)
        x_chunk = deal(load_chunk(x, start, live, dk, x_t, CHUNK, DK, DK != BK).to(DOT), PARTS)
        y_chunk = deal(load_chunk(y, start, live, dk, y_t, CHUNK, DK, DK != BK).to(DOT), PARTS)
        z_chunk = load_chunk(z, start, live, dv, z_t, CHUNK, DV, DV % BV != 0).to(DOT)
        # Rows behind the last token are zero; their weights are held finite, as 0 * inf is not 0.
        near = tl.exp(-slope * tl.minimum(i + 1, live))
        far = tl.exp(-slope * tl.maximum(live - 1 - i, 0))
        if REVERSE:
            read = far
            write = near * scale
        else:
            read = near * scale
            write = far
        # Weights go to z: y then reaches the matrix unit straight from shared memory, read transposed.
        weighted = (z_chunk.to(tl.float32) * write[:, None]).to(DOT)
        # Scores of later tokens are put away, not multiplied by zero: they may be infinite.
        scores = over_keys(x_chunk, turn(y_chunk, PARTS), PARTS, PRECISION)
        scores = tl.where(mix != 0.0, scores * mix, 0.0).to(DOT)
        result = over_keys(x_chunk, state.to(DOT), PARTS, PRECISION) * read[:, None]
        result = tl.dot(scores, z_chunk, acc=result, input_precision=PRECISION)
        mask = chunk_mask(live, dv, CHUNK, DV, DV % BV != 0)
        tl.store(out + chunk_offsets(start, live, dv, out_t, CHUNK), result.to(out.dtype.element_ty), mask=mask)
        state = add_outer(state * tl.exp(-slope * live), y_chunk, weighted, PARTS, PRECISION)

    if LEAVES:
        if REVERSE:
            terminal = is_first
        else:
            terminal = is_last
        if terminal:
            late = tl.minimum(dk, BK + steps)  # dk, but no earlier than here, for the same reason
            inside = (late[:, None] < DK) & (dv[None, :] < DV)
            corner = late[:, None] * state_k + dv[None, :] * state_v
            slot = leave + (n.to(tl.int64) * H + h) * (DK * DV)
            tl.store(slot + corner, gather_state(state, PARTS), mask=inside)


def walk(
    x: Tensor,
    y: Tensor,
    z: Tensor,
    slopes: Tensor,
    enter: Tensor | None,
    leave: Tensor | None,
    segments: Segments,
    *,
    scale: float,
    reverse: bool = False,
    transposed: bool = False,
    dtype: torch.dtype | None = None,
) -> Tensor:
    """Run :func:`lightning_walk` and return its output, [B, T, H, DV] with as many heads as slopes.

    ``enter`` and ``leave`` are contiguous [., H, DK, DV], or [., H, DV, DK] where ``transposed``; ``leave`` is written.
    """
    heads, dk, dv = slopes.shape[0], y.shape[3], z.shape[3]
    out = torch.empty(*x.shape[:2], heads, dv, dtype=dtype or x.dtype, device=x.device)
    tile = tiles(Shape.of("walk", y, z))
    dot, precision = dot_types(x.dtype)
    grid = (segments.slots * heads * triton.cdiv(dv, tile.block_v),)
    if grid[0] == 0:
        return out
    lightning_walk[grid](
        x,
        y,
        z,
        out,
        slopes,
        enter,
        leave,
        *segments.arguments,
        *row_strides(x),
        *row_strides(y),
        *row_strides(z),
        *row_strides(out),
        *((1, dk) if transposed else (dv, 1)),
        scale,
        *segments.sizes,
        heads,
        heads // x.shape[2],
        heads // y.shape[2],
        DK=dk,
        DV=dv,
        BK=tile.block_k,
        BV=tile.block_v,
        CHUNK=tile.chunk,
        PARTS=tile.parts,
        PACKED=segments.packed,
        REVERSE=reverse,
        ENTERS=enter is not None,
        LEAVES=leave is not None,
        DOT=dot,
        PRECISION=precision,
        num_warps=tile.num_warps,
        num_stages=tile.num_stages,
        enable_fp_fusion=True,
    )
    return out


def programs(slopes: Tensor, y: Tensor, z: Tensor) -> int:
    """How many programs of the walk share one token."""
    return slopes.shape[0] * triton.cdiv(z.shape[3], tiles(Shape.of("walk", y, z)).block_v)


def forward(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    slopes: Tensor,
    scale: float,
    cu_seqlens: Tensor | None,
    initial: Tensor | None,
    final: Tensor | None,
    segment: int = 0,
) -> Tensor:
    """The output, [B, T, Hq, Dv]; ``final`` [N, Hq, Dk, Dv] float32 is written where given. ``segment`` 0 means chosen."""
    length = segment or segment_length(q.shape[0] * q.shape[1], programs(slopes, k, v), q.device)
    segments = cut(q, cu_seqlens, length)
    enter = entering_states(k, v, slopes, initial, segments, scale=1.0, reverse=False)
    return walk(q, k, v, slopes, enter, final, segments, scale=scale)


def configurations() -> list[Configuration]:
    """Forwards with states in and out at every shape; at D = 128 the other uses, too."""
    plain = {
        "PACKED": False,
        "REVERSE": False,
        "ENTERS": True,
        "LEAVES": True,
        "state_v": 1,
        "share_x": 1,
        "share_yz": 1,
    }
    found: list[Configuration] = []
    for shape in AOT_SHAPES:
        found += aot(lightning_walk, "forward", shape, plain, quick=shape == ("bf16", 128, 128))
        turned = {**plain, "REVERSE": True, "state_k": 1, "LEAVES": False}
        del turned["state_v"]
        found += aot(lightning_walk, "reverse transposed", shape, turned)
        if shape == ("bf16", 128, 128):
            found += aot(lightning_walk, "reverse", shape, {**plain, "REVERSE": True})
            found += aot(lightning_walk, "packed", shape, {**plain, "PACKED": True})
            found += aot(lightning_walk, "no states", shape, {**plain, "ENTERS": False, "LEAVES": False})
    return found
