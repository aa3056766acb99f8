r"""Block-sparse attention in plain torch: one visit for every block of keys and the queries of a chunk that selected it.

A visit is a product of dense matrices, whoever else selected what: no score is made that no query asked for, beside those of
the last, causal block. Forced blocks before the own one are a band, of which the queries of one block visit many at once.
Running sums per query join the visits, first of the band and then of the other blocks, ascending:

.. math::
    p = e^{c\, q K_b^\top - m}, \qquad \ell \leftarrow \ell + p 1, \qquad a \leftarrow a + p V_b,
    \qquad o = a / \ell, \qquad \mathrm{lse} = m + \ln \ell

where *m* follows the maximum at a distance. So a query's output has the same bits whatever later queries select. The
backward pass makes *p* again from lse.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from composekit.attention._checks import state_dtype
from composekit.attention._segments import Segment, check_indices, dense_positions, segments_of

_ROWS = 16384  # queries x heads of a group in a chunk
_SCORES = 1 << 18  # of a visit: a block with more visitors is visited by some after others
_BAND = 1 << 19  # likewise, of a visit to several blocks
_DENSE = 128  # tokens of a block for queries that attend to all
_FEW = 8  # up to so many queries take their own blocks one by one: decoding
_SLACK = 30.0  # how far a score may pass m before m follows: exp(30) is far from the end of float32
# Matrix products give a row the same bits in any number of rows that is a multiple of this; not so for the last few.
_ALIGN = 16


@dataclass(frozen=True)
class _Lane:
    """One sequence and one head of keys and values."""

    q: Tensor  # [t, G, D]
    k: Tensor  # [L, D], up to the last query
    v: Tensor  # [L, Dv]
    indices: Tensor  # [t, S]
    start: int
    dense: int
    block_size: int
    window: int  # blocks before the own one that every query attends to
    scale: float
    where: tuple[int, slice, slice]  # of the queries in q
    keys: tuple[int, slice, int]  # of the keys in k

    def spans(self) -> Iterator[tuple[_Lane, int, int]]:
        """Chunks of queries that are all dense or all sparse, with the lane as it is cut into blocks for them."""
        size, end = max(1, _ROWS // self.q.shape[1]), self.q.shape[0]
        edge = min(max(0, self.dense - self.start), end)
        wide = replace(self, block_size=_DENSE, window=self.k.shape[0])
        for lane, first, last in ((wide, 0, edge), (self, edge, end)):
            for low in range(first, last, size):
                yield lane, low, min(low + size, last)

    @property
    def align(self) -> int:
        """Of how many queries a visit has a multiple."""
        return _ALIGN // math.gcd(_ALIGN, self.q.shape[1])


@dataclass(frozen=True)
class _Visit:
    """Neighbouring keys and the rows of a chunk that attend to them; rows are padded with the one behind the last query."""

    span: slice
    rows: Tensor  # [R]
    hidden: Tensor | None  # [R * G, tokens], True where a token is later than the query; None where none is


def _lanes(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    indices: Tensor,
    segments: list[Segment],
    sizes: tuple[int, int],
    scale: float,
    dense: int,
) -> Iterator[_Lane]:
    group = q.shape[2] // k.shape[2]
    for segment in segments:
        tokens = slice(segment.keys.start, segment.keys.start + segment.end)
        for h in range(k.shape[2] if segment.count else 0):
            where = segment.row, segment.queries, slice(h * group, (h + 1) * group)
            keys = segment.row, tokens, h
            chosen = indices[segment.row, segment.queries, h]
            yield _Lane(q[where], k[keys], v[keys], chosen, segment.start, dense, *sizes, scale, where, keys)


def _visits(lane: _Lane, low: int, high: int) -> Iterator[_Visit]:
    """What queries ``low`` to ``high`` attend to: the band of forced blocks, then the others, ascending."""
    yield from _band_visits(lane, low, high)
    yield from _block_visits(lane, low, high)


def _band_visits(lane: _Lane, low: int, high: int) -> Iterator[_Visit]:
    """The forced blocks before the own one, for the queries of one own block together; nothing there is hidden."""
    size, count = lane.block_size, high - low
    for own in range((lane.start + low) // size, (lane.start + high - 1) // size + 1):
        rows = torch.arange(max(low, own * size - lane.start), min(high, (own + 1) * size - lane.start)) - low
        rows = _padded(rows.to(lane.q.device), count, lane.align)
        step = max(1, _BAND // (rows.shape[0] * lane.q.shape[1] * size)) * size
        for key in range(max(0, own - lane.window) * size, own * size, step):
            yield _Visit(slice(key, min(key + step, own * size)), rows, None)


def _block_visits(lane: _Lane, low: int, high: int) -> Iterator[_Visit]:
    """The blocks that single queries selected, and the own ones; a block beyond the query's own is none."""
    count, group = high - low, lane.q.shape[1]
    position = torch.arange(lane.start + low, lane.start + high, device=lane.q.device)
    own = position // lane.block_size
    blocks = (lane.start + high - 1) // lane.block_size + 1
    taken = torch.zeros(blocks + 1, count, dtype=torch.bool, device=lane.q.device)
    if lane.start + low < lane.dense:
        taken.scatter_(0, own[None], True)
    else:
        chosen = lane.indices[low:high].long()
        elsewhere = (chosen < 0) | (chosen > own[:, None])
        if lane.window:
            elsewhere |= (chosen >= own[:, None] - lane.window) & (chosen < own[:, None])
        taken.scatter_(0, chosen.masked_fill(elsewhere, blocks).t(), True)
    taken = taken[:blocks]
    sizes = taken.sum(1).tolist()
    position = torch.nn.functional.pad(position, (0, 1), value=lane.start + high)
    most = max(1, _SCORES // (lane.block_size * group * lane.align)) * lane.align
    for block, visitors in enumerate(taken.nonzero()[:, 1].split(sizes)):
        span = slice(block * lane.block_size, min((block + 1) * lane.block_size, lane.k.shape[0]))
        token = torch.arange(span.start, span.stop, device=lane.q.device)
        causal = (block + 1) * lane.block_size > lane.start + low + 1
        for rows in visitors.split(most) if sizes[block] else ():
            rows = _padded(rows, count, lane.align)
            hidden = (token > position[rows, None]).repeat_interleave(group, dim=0) if causal else None
            yield _Visit(span, rows, hidden)


def _padded(rows: Tensor, count: int, align: int) -> Tensor:
    return torch.nn.functional.pad(rows, (0, -rows.shape[0] % align), value=count)


def _chunk(x: Tensor, low: int, high: int) -> Tensor:
    """Rows ``[high - low + 1, G * D]`` of ``[t, G, D]`` in the precision of the sums; the last, for padding, is zero."""
    return torch.nn.functional.pad(x[low:high].to(state_dtype(x.dtype)).flatten(1), (0, 0, 0, 1))


def _product(weights: Tensor, x: Tensor, hidden: Tensor | None) -> Tensor:
    """``weights @ x`` where a hidden weight, which is zero, keeps out what it is multiplied with, NaN and infinity too."""
    if hidden is None or x.isfinite().all():
        return weights @ x
    bad = ~x.isfinite()
    touched = (~hidden).to(x.dtype) @ bad.to(x.dtype) > 0
    return torch.where(touched, weights @ x, weights @ x.masked_fill(bad, 0.0))


def attend_chunked(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    indices: Tensor,
    *,
    block_size: int,
    local_blocks: int,
    scale: float,
    cu_seqlens: Tensor | None,
    q_start: int,
    q_starts: Tensor | None,
    dense_len: int,
    dense_by: str,
) -> tuple[Tensor, Tensor]:
    """The forward pass; as :func:`composekit.attention.sparse_reference.attend_reference`, but not differentiable."""
    segments = segments_of("block_sparse_attention", q, k.shape[1], cu_seqlens, q_start, q_starts)
    check_indices("block_sparse_attention", indices, segments, block_size)
    dense = dense_positions(segments, dense_len, dense_by)
    out = torch.empty(*q.shape[:3], v.shape[3], dtype=q.dtype, device=q.device)
    lse = torch.empty(q.shape[:3], dtype=state_dtype(q.dtype), device=q.device)
    for lane in _lanes(q, k, v, indices, segments, (block_size, local_blocks), scale, dense):
        attend = _attend_each if lane.q.shape[0] <= _FEW else _attend_span
        for part, low, high in lane.spans():
            out[lane.where][low:high], lse[lane.where][low:high] = attend(part, low, high)
    return out, lse


def _attend_each(lane: _Lane, low: int, high: int) -> tuple[Tensor, Tensor]:
    """Query by query: gather the tokens of its blocks, and one softmax."""
    dtype = state_dtype(lane.q.dtype)
    out = torch.zeros(high - low, lane.q.shape[1], lane.v.shape[1], dtype=dtype, device=lane.q.device)
    lse = torch.full(out.shape[:2], -torch.inf, dtype=dtype, device=lane.q.device)
    inside = torch.arange(lane.block_size, device=lane.q.device)
    for t in range(low, high):
        position = lane.start + t
        if position < lane.dense:
            keys, values = lane.k[: position + 1], lane.v[: position + 1]
        else:
            blocks = lane.indices[t].unique()  # ascending
            tokens = (blocks[blocks >= 0, None] * lane.block_size + inside).flatten()
            tokens = tokens[tokens <= position]
            keys, values = lane.k.index_select(0, tokens), lane.v.index_select(0, tokens)
        if keys.shape[0]:
            logits = (lane.q[t].to(dtype) * lane.scale) @ keys.to(dtype).t()
            lse[t - low] = logits.logsumexp(1)
            out[t - low] = (logits - lse[t - low, :, None]).exp_() @ values.to(dtype)
    return out, lse


def _attend_span(lane: _Lane, low: int, high: int) -> tuple[Tensor, Tensor]:
    """Block by block, for the queries of a chunk together."""
    group, channels = lane.q.shape[1:]
    queries = _chunk(lane.q, low, high).mul_(lane.scale)
    level = queries.new_full((high - low + 1, group), -torch.inf)  # m
    total = torch.zeros_like(level)
    sums = queries.new_zeros(high - low + 1, group * lane.v.shape[1])
    for visit in _visits(lane, low, high):
        keys, values = (x[visit.span].to(queries.dtype) for x in (lane.k, lane.v))
        scores = queries.index_select(0, visit.rows).view(-1, channels) @ keys.t()
        if visit.hidden is not None:
            scores.masked_fill_(visit.hidden, -torch.inf)
        scores = scores.view(-1, group, keys.shape[0])
        mine, top = level.index_select(0, visit.rows), scores.amax(2)
        risen = top > mine + _SLACK
        if risen.any():
            top = torch.where(risen, top, mine)
            fade = (mine - top).exp_()  # exactly 1 for those that have not
            mine = top
            level[visit.rows] = mine
            total[visit.rows] *= fade
            sums.unflatten(1, (group, -1))[visit.rows] *= fade[:, :, None]
        scores.sub_(mine[:, :, None]).exp_()
        total.index_add_(0, visit.rows, scores.sum(2))
        made = _product(scores.flatten(0, 1), values, visit.hidden)
        sums.index_add_(0, visit.rows, made.view(visit.rows.shape[0], -1))
    out = sums[:-1].unflatten(1, (group, -1)) / total[:-1, :, None].masked_fill(total[:-1, :, None] == 0, 1.0)
    return out, level[:-1] + total[:-1].log()


def attend_backward_chunked(
    dout: Tensor,
    dlse: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    indices: Tensor,
    out: Tensor,
    lse: Tensor,
    *,
    block_size: int,
    local_blocks: int,
    scale: float,
    cu_seqlens: Tensor | None,
    q_start: int,
    q_starts: Tensor | None,
    dense_len: int,
    dense_by: str,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients to q, k and v. What no query selected gets exactly zero."""
    segments = segments_of("block_sparse_attention", q, k.shape[1], cu_seqlens, q_start, q_starts)
    dense = dense_positions(segments, dense_len, dense_by)
    dq = torch.empty(q.shape, dtype=q.dtype, device=q.device)
    dk, dv = (torch.zeros(x.shape, dtype=x.dtype, device=x.device) for x in (k, v))
    for lane in _lanes(q, k, v, indices, segments, (block_size, local_blocks), scale, dense):
        dkeys = torch.zeros_like(lane.k, dtype=state_dtype(k.dtype))
        dvalues = torch.zeros_like(lane.v, dtype=dkeys.dtype)
        for part, low, high in lane.spans():
            given = (dout[lane.where], dlse[lane.where], out[lane.where], lse[lane.where])
            dq[lane.where][low:high] = _backward_span(part, low, high, given, dkeys, dvalues)
        dk[lane.keys], dv[lane.keys] = dkeys.to(k.dtype), dvalues.to(v.dtype)
    return dq, dk, dv


def _backward_span(
    lane: _Lane, low: int, high: int, given: tuple[Tensor, Tensor, Tensor, Tensor], dkeys: Tensor, dvalues: Tensor
) -> Tensor:
    """Return the gradient of the queries of a chunk, and add to those of keys and values."""
    group, channels = lane.q.shape[1:]
    dout, dlse, out, lse = given
    queries, grads = _chunk(lane.q, low, high).mul_(lane.scale), _chunk(dout, low, high)
    weight = (grads * _chunk(out, low, high)).unflatten(1, (group, -1)).sum(2)
    weight[:-1] -= dlse[low:high]
    level = torch.nn.functional.pad(lse[low:high], (0, 0, 0, 1), value=torch.inf)  # whose exp(-inf) is zero
    dqueries = torch.zeros_like(queries)
    for visit in _visits(lane, low, high):
        keys, values = (x[visit.span].to(queries.dtype) for x in (lane.k, lane.v))
        rows, grad = (x.index_select(0, visit.rows).view(visit.rows.shape[0] * group, -1) for x in (queries, grads))
        shape = (visit.rows.shape[0], group, keys.shape[0])
        probs = (rows @ keys.t()).view(shape).sub_(level.index_select(0, visit.rows)[:, :, None]).exp_().flatten(0, 1)
        slopes = (grad @ values.t()).view(shape).sub_(weight.index_select(0, visit.rows)[:, :, None]).flatten(0, 1)
        slopes.mul_(probs)
        hidden, seen = visit.hidden, None
        if hidden is not None:
            probs.masked_fill_(hidden, 0.0)
            slopes.masked_fill_(hidden, 0.0)
            seen = hidden.t()
        made = _product(slopes, keys, hidden)
        dqueries.index_add_(0, visit.rows, made.view(visit.rows.shape[0], -1))
        dkeys[visit.span] += _product(slopes.t(), rows, seen)
        dvalues[visit.span] += _product(probs.t(), grad, seen)
    return dqueries[:-1].unflatten(1, (group, channels)) * lane.scale
