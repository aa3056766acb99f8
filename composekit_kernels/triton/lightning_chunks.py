"""Lightning attention, what the kernels share: where the tokens of a head lie, what a chunk loads, products over keys.

A product over the channels of keys may be dealt out: with ``PARTS`` above 1 every warp multiplies its own share of the
channels, [PARTS, CHUNK, BK / PARTS], and the shares are added up. Undivided, small chunks of float32 would have every warp
hold all channels of its operands twice over (float32 takes three tf32 products), which no register file has room for.
"""

# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

import triton
import triton.language as tl


@triton.jit
def tokens_from(x, row, head, begin, x_b, x_t, x_h):
    """The pointer to token ``begin`` of one head; offsets are int64, as a tensor may hold more than 2^31 elements."""
    return x + (row.to(tl.int64) * x_b + head.to(tl.int64) * x_h + begin.to(tl.int64) * x_t)


@triton.jit
def chunk_offsets(start, live, channels, x_t, CHUNK: tl.constexpr):
    """Offsets of a chunk of tokens, [CHUNK, channels].

    Computed anew for every chunk: rows kept through the loop would cost the registers that the state needs. Rows behind
    the last token all point to the one after it, so that no address is further away.
    """
    rows = start + tl.minimum(tl.arange(0, CHUNK), live)
    return rows[:, None].to(tl.int64) * x_t + channels[None, :]


@triton.jit
def chunk_mask(live, channels, CHUNK: tl.constexpr, WIDTH: tl.constexpr, BLOCKED: tl.constexpr):
    """True for the live rows of a chunk and, where the block reaches beyond the width, for the channels that exist."""
    mask = tl.arange(0, CHUNK)[:, None] < live
    if BLOCKED:
        mask = mask & (channels[None, :] < WIDTH)
    return mask


@triton.jit
def load_chunk(x, start, live, channels, x_t, CHUNK: tl.constexpr, WIDTH: tl.constexpr, BLOCKED: tl.constexpr):
    """A chunk of tokens of one head, [CHUNK, channels]; zero behind the last token and the last channel."""
    mask = chunk_mask(live, channels, CHUNK, WIDTH, BLOCKED)
    return tl.load(x + chunk_offsets(start, live, channels, x_t, CHUNK), mask=mask, other=0.0)


@triton.jit
def deal(x, PARTS: tl.constexpr):
    """[rows, BK] as [PARTS, rows, BK / PARTS]; as it is for one part."""
    if PARTS > 1:
        x = tl.permute(tl.reshape(x, [x.shape[0], PARTS, x.shape[1] // PARTS]), (1, 0, 2))
    return x


@triton.jit
def deal_state(state, PARTS: tl.constexpr):
    """[BK, BV] as [PARTS, BK / PARTS, BV]; as it is for one part."""
    if PARTS > 1:
        state = tl.reshape(state, [PARTS, state.shape[0] // PARTS, state.shape[1]])
    return state


@triton.jit
def gather_state(state, PARTS: tl.constexpr):
    """The inverse of :func:`deal_state`."""
    if PARTS > 1:
        state = tl.reshape(state, [PARTS * state.shape[1], state.shape[2]])
    return state


@triton.jit
def turn(x, PARTS: tl.constexpr):
    """Swap the last two axes."""
    if PARTS > 1:
        x = tl.permute(x, (0, 2, 1))
    else:
        x = tl.trans(x)
    return x


@triton.jit
def over_keys(a, b, PARTS: tl.constexpr, PRECISION: tl.constexpr):
    """a @ b, whose inner axis is that of the keys, dealt out or not: [rows, columns] float32."""
    product = tl.dot(a, b, input_precision=PRECISION)
    if PARTS > 1:
        product = tl.sum(product, 0)
    return product


@triton.jit
def add_outer(state, y, z, PARTS: tl.constexpr, PRECISION: tl.constexpr):
    """state + y^T z for y [., CHUNK, BK / PARTS] and z [CHUNK, BV]."""
    if PARTS > 1:
        z = tl.broadcast_to(z[None, :, :], [PARTS, z.shape[0], z.shape[1]])
    return tl.dot(turn(y, PARTS), z, acc=state, input_precision=PRECISION)
