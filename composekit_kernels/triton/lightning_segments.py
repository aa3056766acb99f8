"""Lightning attention over time segments: cut the sequences, sum every segment's state, scan the sums.

A walk over a sequence is serial. Where batch and heads are too few to fill the chip, the sequences are cut into segments
that run at the same time; each needs the state that enters it. One pass over the keys and values gives the sum that each
segment adds (:func:`segment_states`), a small scan turns the sums into entering states (:func:`segment_scan`), and the walk
(``lightning_forward``) starts from those. States are written once a segment of hundreds of tokens, not once a chunk.

The same code runs backwards in time for gradients: ``REVERSE`` walks from the last token to the first, and the state is the
gradient that leaves a segment. Padding needs no case of its own: a sequence without tokens has one segment of size 0.
"""

# mypy: disable-error-code="no-untyped-def"
from __future__ import annotations

from typing import NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from composekit_kernels.aot import Configuration
from composekit_kernels.triton.lightning_chunks import add_outer, load_chunk, tokens_from
from composekit_kernels.triton.lightning_tiles import AOT_SHAPES, Shape, aot, dot_types, row_strides, tiles

_TABLE_BLOCK = 256
_SCAN_BLOCK = 1024


@triton.jit(do_not_specialize=["N", "slots", "length"])
def segment_table(cu, first, owner, N, slots, length, BLOCK: tl.constexpr):
    """first[n] = number of segments before sequence n; owner[g] = sequence of segment g, N for the unused ones behind.

    One program a sequence and one for the rest. Each sums the counts of all sequences before its own, which needs no
    second launch and no synchronisation.
    """
    n = tl.program_id(0)
    j = tl.arange(0, BLOCK)
    before = 0
    for start in range(0, n, BLOCK):
        m = start + j
        tokens = tl.load(cu + m + 1, mask=m < n, other=0) - tl.load(cu + m, mask=m < n, other=0)
        counts = tl.maximum((tokens + length - 1) // length, 1)
        before += tl.sum(tl.where(m < n, counts, 0), 0)
    tl.store(first + n, before)
    stop = slots
    if n < N:
        tokens = tl.load(cu + n + 1) - tl.load(cu + n)
        stop = tl.minimum(before + tl.maximum((tokens + length - 1) // length, 1), slots)
    for start in range(before, stop, BLOCK):
        tl.store(owner + start + j, j * 0 + n, mask=start + j < stop)


@triton.jit
def segment_bounds(cu, first, owner, segment, T, N, per_sequence, length, PACKED: tl.constexpr):
    """(sequence, batch row, first token, number of tokens, is the first of its sequence, is the last of it)."""
    if PACKED:
        n = tl.load(owner + segment)
        used = n < N
        before = tl.load(first + n, mask=used, other=0)
        count = tl.load(first + n + 1, mask=used, other=0) - before
        origin = tl.load(cu + n, mask=used, other=0)
        stop = tl.load(cu + n + 1, mask=used, other=0)
        number = segment - before
        row = n * 0
    else:
        n = segment // per_sequence
        count = per_sequence
        number = segment - n * per_sequence
        origin = n * 0
        stop = origin + T
        row = n
    skipped = number * length
    size = tl.maximum(tl.minimum(length, stop - origin - skipped), 0)
    if PACKED:  # An unused segment has number >= 0 = count: neither first nor last, and nothing in it.
        size = tl.where(used, size, 0)
        return n, row, origin + skipped, size, used & (number == 0), number == count - 1
    return n, row, origin + skipped, size, number == 0, number == count - 1


@triton.jit(do_not_specialize=["T", "N", "per_sequence", "length"])
def segment_states(
    y,
    z,
    slopes,
    sums,
    cu,
    first,
    owner,
    y_b,
    y_t,
    y_h,
    z_b,
    z_t,
    z_h,
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
    PACKED: tl.constexpr,
    REVERSE: tl.constexpr,
    DOT: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """sums[g, h] = what segment g adds to the state that it hands on: sum_i w_i y_i z_i^T, [DK, DV] float32.

    Forwards w_i = exp(-s (size - 1 - i)), backwards w_i = scale exp(-s (i + 1)). The segment that hands its state to no
    other is skipped and its slot left for the scan.
    """
    blocks_k: tl.constexpr = (DK + BK - 1) // BK
    blocks_v: tl.constexpr = (DV + BV - 1) // BV
    pid = tl.program_id(0)
    block_v = pid % blocks_v
    block_k = (pid // blocks_v) % blocks_k
    h = (pid // (blocks_k * blocks_v)) % H
    segment = pid // (blocks_k * blocks_v * H)
    _, row, begin, size, is_first, is_last = segment_bounds(
        cu, first, owner, segment, T, N, per_sequence, length, PACKED
    )
    if REVERSE:
        terminal = is_first
    else:
        terminal = is_last
    size = tl.where(terminal, 0, size)

    i = tl.arange(0, CHUNK)
    dk = block_k * BK + tl.arange(0, BK)
    dv = block_v * BV + tl.arange(0, BV)
    slope = tl.load(slopes + h)
    y = tokens_from(y, row, h // share, begin, y_b, y_t, y_h)
    z = tokens_from(z, row, h // share, begin, z_b, z_t, z_h)
    state = tl.zeros([BK, BV], tl.float32)
    steps = tl.cdiv(size, CHUNK)
    for step in range(steps):
        if REVERSE:
            start = (steps - 1 - step) * CHUNK
        else:
            start = step * CHUNK
        live = tl.minimum(CHUNK, size - start)
        y_chunk = load_chunk(y, start, live, dk, y_t, CHUNK, DK, DK % BK != 0).to(DOT)
        z_chunk = load_chunk(z, start, live, dv, z_t, CHUNK, DV, DV % BV != 0)
        if REVERSE:
            weight = tl.exp(-slope * tl.minimum(i + 1, live)) * scale
        else:
            weight = tl.exp(-slope * tl.maximum(live - 1 - i, 0))
        weighted = (z_chunk.to(tl.float32) * weight[:, None]).to(DOT)
        state = add_outer(state * tl.exp(-slope * live), y_chunk, weighted, 1, PRECISION)
    if terminal == 0:
        slot = sums + (segment.to(tl.int64) * H + h) * (DK * DV)
        tl.store(slot + dk[:, None] * DV + dv[None, :], state, mask=(dk[:, None] < DK) & (dv[None, :] < DV))


@triton.jit(do_not_specialize=["T", "N", "per_sequence", "length"])
def segment_scan(
    sums,
    initial,
    slopes,
    cu,
    first,
    T,
    N,
    per_sequence,
    length,
    H,
    SIZE: tl.constexpr,
    BLOCK: tl.constexpr,
    PACKED: tl.constexpr,
    REVERSE: tl.constexpr,
    STARTS: tl.constexpr,
):
    """In place: each segment's sum becomes the state that reaches it, counted from ``initial`` (zeros without STARTS)."""
    blocks: tl.constexpr = (SIZE + BLOCK - 1) // BLOCK
    pid = tl.program_id(0)
    element = (pid % blocks) * BLOCK + tl.arange(0, BLOCK)
    h = (pid // blocks) % H
    n = pid // (blocks * H)
    if PACKED:
        begin = tl.load(first + n)
        count = tl.load(first + n + 1) - begin
        tokens = tl.load(cu + n + 1) - tl.load(cu + n)
    else:
        begin = n * per_sequence
        count = per_sequence
        tokens = T
    slope = tl.load(slopes + h)
    inside = element < SIZE
    carry = tl.zeros([BLOCK], tl.float32)
    if STARTS:
        carry += tl.load(initial + (n.to(tl.int64) * H + h) * SIZE + element, mask=inside, other=0.0)
    for step in range(count):
        if REVERSE:
            number = count - 1 - step
        else:
            number = step
        slot = sums + ((begin + number).to(tl.int64) * H + h) * SIZE + element
        # The last segment adds to no other, and its slot holds no sum.
        added = tl.load(slot, mask=element < tl.where(step < count - 1, SIZE, 0), other=0.0)
        tl.store(slot, carry, mask=inside)
        size = tl.minimum(length, tokens - number * length)
        carry = carry * tl.exp(-slope * tl.maximum(size, 0)) + added


class Segments(NamedTuple):
    """How the sequences are cut: ``length`` tokens a segment, ``slots`` segments at most, all numbered in order of time.

    ``first`` and ``owner`` are the table of :func:`segment_table`, empty for a batch, whose segments are counted off.
    With ``single`` every sequence is one segment, and segment g is sequence g.
    """

    tokens: int
    sequences: int
    length: int
    per_sequence: int
    slots: int
    single: bool
    cu: Tensor
    first: Tensor
    owner: Tensor

    @property
    def packed(self) -> bool:
        """Whether the sequences lie one behind the other."""
        return self.owner.numel() > 0

    @property
    def arguments(self) -> tuple[Tensor, Tensor, Tensor]:
        """The pointers that :func:`segment_bounds` reads."""
        return self.cu, self.first, self.owner

    @property
    def sizes(self) -> tuple[int, int, int, int]:
        """The integers that :func:`segment_bounds` reads."""
        return self.tokens, self.sequences, self.per_sequence, self.length


def segment_length(tokens: int, programs: int, device: torch.device) -> int:
    """Tokens a segment, so that about four programs a multiprocessor share the work; a multiple of 256, at least 512.

    ``tokens`` counts the whole batch, ``programs`` the programs that work on one token (heads times blocks of channels).
    The first pass costs two of six parts of the traffic, so nothing is cut where the chip is full without it.
    """
    if device.type != "cuda":
        return 1 << 30
    processors = torch.cuda.get_device_properties(device).multi_processor_count
    share = triton.cdiv(tokens * programs, 4 * processors)
    return max(512, triton.cdiv(share, 256) * 256)


def cut(q: Tensor, cu_seqlens: Tensor | None, length: int) -> Segments:
    """Cut the batch or the packed sequences of ``q`` [B, T, H, D] into segments of ``length`` tokens."""
    batch, tokens = q.shape[:2]
    none = torch.empty(0, dtype=torch.int32, device=q.device)
    if cu_seqlens is None:
        per_sequence = max(1, -(-tokens // length))
        return Segments(tokens, batch, length, per_sequence, batch * per_sequence, per_sequence == 1, none, none, none)
    cu = cu_seqlens.contiguous()
    sequences = cu.shape[0] - 1
    single = tokens <= length
    # sum(max(1, ceil(tokens / length))) is at most this, whatever the boundaries, so the grid needs no look at them.
    slots = sequences if single else tokens // length + sequences
    first = torch.empty(sequences + 1, dtype=torch.int32, device=q.device)
    owner = torch.empty(slots, dtype=torch.int32, device=q.device)
    if slots:
        segment_table[(sequences + 1,)](cu, first, owner, sequences, slots, length, BLOCK=_TABLE_BLOCK, num_warps=4)
    return Segments(tokens, sequences, length, 0, slots, single, cu, first, owner)


def entering_states(
    y: Tensor, z: Tensor, slopes: Tensor, initial: Tensor | None, segments: Segments, *, scale: float, reverse: bool
) -> Tensor | None:
    """The state that enters every segment, [slots, H, DK, DV] float32; ``initial`` itself where nothing is cut.

    With ``reverse`` the state that a segment hands on to the tokens behind it has this gradient; ``initial`` is then the
    gradient of the last state, and ``scale`` joins as in dS = scale q^T do.
    """
    if segments.single:
        return initial
    heads, dk, dv = slopes.shape[0], y.shape[3], z.shape[3]
    sums = torch.empty(segments.slots, heads, dk, dv, dtype=torch.float32, device=y.device)
    tile = tiles(Shape.of("states", y, z))
    dot, precision = dot_types(y.dtype)
    grid = (segments.slots * heads * triton.cdiv(dk, tile.block_k) * triton.cdiv(dv, tile.block_v),)
    segment_states[grid](
        y,
        z,
        slopes,
        sums,
        *segments.arguments,
        *row_strides(y),
        *row_strides(z),
        scale,
        *segments.sizes,
        heads,
        heads // y.shape[2],
        DK=dk,
        DV=dv,
        BK=tile.block_k,
        BV=tile.block_v,
        CHUNK=tile.chunk,
        PACKED=segments.packed,
        REVERSE=reverse,
        DOT=dot,
        PRECISION=precision,
        num_warps=tile.num_warps,
        num_stages=tile.num_stages,
        enable_fp_fusion=True,
    )
    segment_scan[(segments.sequences * heads * triton.cdiv(dk * dv, _SCAN_BLOCK),)](
        sums,
        initial,
        slopes,
        *segments.arguments[:2],
        *segments.sizes,
        heads,
        SIZE=dk * dv,
        BLOCK=_SCAN_BLOCK,
        PACKED=segments.packed,
        REVERSE=reverse,
        STARTS=initial is not None,
        num_warps=4,
        num_stages=1,
        enable_fp_fusion=True,
    )
    return sums


def configurations() -> list[Configuration]:
    """The sums at every shape and in both directions, the table and the scan once."""
    found: list[Configuration] = []
    for shape in AOT_SHAPES:
        flags = {"PACKED": False, "REVERSE": False, "share": 1}
        found += aot(segment_states, "forward", shape, flags, quick=shape == ("bf16", 128, 128))
        found += aot(segment_states, "reverse", shape, {**flags, "REVERSE": True})
    integers = ("T", "N", "per_sequence", "length", "H")
    signature = {"sums": "*fp32", "initial": "*fp32", "slopes": "*fp32", "cu": "*i32", "first": "*i32"}
    flags = {"SIZE": 128 * 128, "BLOCK": _SCAN_BLOCK, "PACKED": True, "REVERSE": False, "STARTS": True}
    found.append(
        Configuration(
            "segment_scan", "128x128", signature | dict.fromkeys(integers, "i32"), flags, num_stages=1, quick=True
        )
    )
    signature = {"cu": "*i32", "first": "*i32", "owner": "*i32"} | dict.fromkeys(("N", "slots", "length"), "i32")
    found.append(Configuration("segment_table", "any", signature, {"BLOCK": _TABLE_BLOCK}, num_stages=1, quick=True))
    return found
