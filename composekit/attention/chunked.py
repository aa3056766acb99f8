r"""Linear attention in chunks, in plain torch: matrix products inside a chunk, one small state between chunks.

With *S* the state that enters a chunk of length *C* (offsets *i*, *j* from 0; :math:`M_{ij} = c\, e^{-s(i-j)}` for
:math:`i \ge j`, else 0; :math:`a_i = c\, e^{-s(i+1)}`; :math:`b_j = e^{-s(C-1-j)}`):

.. math::
    O = (Q K^\top \circ M) V + \mathrm{diag}(a)\, Q S, \qquad S' = e^{-sC} S + K^\top \mathrm{diag}(b)\, V

No decay is ever inverted, so nothing overflows. The backward pass recomputes the states and walks the chunks from the last
to the first.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from composekit.attention._checks import state_dtype
from composekit.attention._decays import Decay, decay_of, slopes_entering, slopes_leaving, slopes_total, slopes_within
from composekit.attention._lanes import Lane, Tile, lanes_of

# The fastest on a CPU with 512-bit vectors: larger chunks waste work above the diagonal, smaller ones on the state.
CHUNK = 128


@dataclass(frozen=True)
class _Work:
    """What all tiles of one call share."""

    slopes: Tensor  # [Hq], in the dtype of the state
    scale: float
    compute: torch.dtype  # of the matrix products inside a chunk
    state: torch.dtype
    heads: int
    known: dict[tuple[int, int], Decay] = field(default_factory=dict)

    def load(self, x: Tensor, tile: Tile) -> Tensor:
        """The tokens of a tile, ``[rows * Hq, L, D]``, key and value heads repeated for their group."""
        piece = tile.read(x).transpose(1, 2)
        share = self.heads // piece.shape[1]
        if share > 1:
            piece = piece.repeat_interleave(share, dim=1)
        piece = piece.to(self.compute).flatten(0, 1)
        # Products of bfloat16 read strided operands at half the speed; those of float32 do not mind.
        return piece.contiguous() if self.compute == torch.bfloat16 else piece

    def decay(self, tile: Tile, rows: int) -> Decay:
        """The decays of a tile of ``rows`` rows of heads; those of equal slices are made once."""
        if tile.gather is not None:
            return decay_of(tile, rows // self.heads, self.slopes, self.scale, self.compute)
        key = (tile.length, rows)
        if key not in self.known:
            self.known[key] = decay_of(tile, rows // self.heads, self.slopes, self.scale, self.compute)
        return self.known[key]


def _work(q: Tensor, slopes: Tensor, scale: float) -> _Work:
    return _Work(slopes.to(state_dtype(q.dtype)), scale, _compute_dtype(q), state_dtype(q.dtype), q.shape[2])


def _compute_dtype(q: Tensor) -> torch.dtype:
    """float16 would overflow in the scores, and bfloat16 is emulated on old CPUs: both then work in float32."""
    if q.dtype == torch.float16:
        return torch.float32
    if q.dtype == torch.bfloat16 and q.device.type == "cpu":
        fast = torch.backends.mkldnn.is_available() and torch.ops.mkldnn._is_mkldnn_bf16_supported()
        return torch.bfloat16 if fast else torch.float32
    return q.dtype


def lightning_chunked(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    slopes: Tensor,
    *,
    scale: float,
    cu_seqlens: Tensor | None = None,
    initial_state: Tensor | None = None,
    output_final_state: bool = False,
    chunk_size: int | None = None,
) -> tuple[Tensor, Tensor | None]:
    """The forward pass; shapes as in :func:`composekit.attention.lightning_attention`. Not differentiable by itself."""
    work = _work(q, slopes, scale)
    lanes = lanes_of(q, cu_seqlens, chunk_size or CHUNK)
    out = torch.empty(q.shape[:3] + v.shape[3:], dtype=q.dtype, device=q.device)
    final = None
    if output_final_state:
        rows = q.shape[0] if cu_seqlens is None else cu_seqlens.shape[0] - 1
        final = torch.zeros(rows, q.shape[2], q.shape[3], v.shape[3], dtype=work.state, device=q.device)
    for lane in lanes:
        state = lane.take(initial_state)
        for tile in lane.tiles:
            qs, ks, vs = work.load(q, tile), work.load(k, tile), work.load(v, tile)
            decay = work.decay(tile, qs.shape[0])
            tile.write(out, _tile_output(qs, ks, vs, state, decay), work.heads)
            if final is not None or tile is not lane.tiles[-1]:
                state = _next_state(ks, vs, state, decay)
        if final is not None:
            lane.put(final, state)
    return out, final


def _tile_output(q: Tensor, k: Tensor, v: Tensor, state: Tensor | None, decay: Decay) -> Tensor:
    scores = torch.bmm(q, k.transpose(1, 2))
    decay.within(scores)
    out = torch.bmm(scores, v)
    if state is not None:
        out.baddbmm_((q * decay.entering).to(q.dtype), state.to(q.dtype))
    return out


def _next_state(k: Tensor, v: Tensor, state: Tensor | None, decay: Decay) -> Tensor:
    """The state after a tile. The product is in the state's precision: rounded terms would add up over the sequence."""
    weighted = (k.to(decay.leaving.dtype) * decay.leaving).transpose(1, 2)
    values = v.to(decay.leaving.dtype)
    if state is None:
        return torch.bmm(weighted, values)
    return torch.baddbmm(state * decay.total, weighted, values)


def lightning_backward_chunked(
    dout: Tensor,
    dstate: Tensor | None,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    slopes: Tensor,
    *,
    scale: float,
    cu_seqlens: Tensor | None = None,
    initial_state: Tensor | None = None,
    chunk_size: int | None = None,
    need_slopes: bool = False,
) -> tuple[Tensor, Tensor, Tensor, Tensor | None, Tensor | None]:
    """The backward pass: gradients to q, k, v, slopes (where wanted) and the initial state (where there is one)."""
    work = _work(q, slopes, scale)
    lanes = lanes_of(q, cu_seqlens, chunk_size or CHUNK)
    grads = (torch.empty_like(q), torch.empty_like(k), torch.empty_like(v))
    dslopes = torch.zeros_like(work.slopes) if need_slopes else None
    dinitial = None if initial_state is None else torch.zeros_like(initial_state)
    for lane in lanes:
        states = _entering_states(k, v, lane, work, initial_state)
        incoming = lane.take(dstate)
        for tile, state in zip(reversed(lane.tiles), reversed(states), strict=True):
            incoming = _tile_backward(tile, work, (q, k, v, dout), grads, state, incoming, dslopes)
        if dinitial is not None and incoming is not None:
            lane.put(dinitial, incoming)
    return *grads, dslopes, dinitial


def _entering_states(
    k: Tensor, v: Tensor, lane: Lane, work: _Work, initial_state: Tensor | None
) -> list[Tensor | None]:
    states = [lane.take(initial_state)]
    for tile in lane.tiles[:-1]:
        keys, values = work.load(k, tile), work.load(v, tile)
        states.append(_next_state(keys, values, states[-1], work.decay(tile, keys.shape[0])))
    return states[: len(lane.tiles)]


def _tile_backward(
    tile: Tile,
    work: _Work,
    inputs: tuple[Tensor, Tensor, Tensor, Tensor],
    grads: tuple[Tensor, Tensor, Tensor],
    state: Tensor | None,
    dnext: Tensor | None,
    dslopes: Tensor | None,
) -> Tensor:
    """Write the gradients of one tile; return the gradient to the state that entered it."""
    q, k, v, dout = (work.load(x, tile) for x in inputs)
    decay = work.decay(tile, q.shape[0])
    scores, dscores = torch.bmm(q, k.transpose(1, 2)), torch.bmm(dout, v.transpose(1, 2))
    decay.within(scores)
    if dslopes is not None:
        dslopes -= slopes_within(decay, scores, dscores)
    decay.within(dscores)
    dq, dk, dv = torch.bmm(dscores, k), torch.bmm(dscores.transpose(1, 2), q), torch.bmm(scores.transpose(1, 2), dout)
    if state is not None:
        through = (torch.bmm(dout, state.to(q.dtype).transpose(1, 2)) * decay.entering).to(q.dtype)
        dq += through
        if dslopes is not None:
            dslopes -= slopes_entering(decay, through, q)
    dprevious = torch.bmm((q * decay.entering).transpose(1, 2), dout.to(work.state))
    if dnext is not None:
        slim = dnext.to(q.dtype)
        leaving = decay.leaving.to(q.dtype)
        through = torch.bmm(v, slim.transpose(1, 2)) * leaving
        dk += through
        dv.baddbmm_(k * leaving, slim)
        if dslopes is not None:
            dslopes -= slopes_leaving(decay, through, k)
            if state is not None:
                dslopes -= slopes_total(decay, state, dnext)
        dprevious += dnext * decay.total
    tile.write(grads[0], dq, work.heads)
    tile.write(grads[1], dk, work.heads)
    tile.write(grads[2], dv, work.heads)
    return dprevious
