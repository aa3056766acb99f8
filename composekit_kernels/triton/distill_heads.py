"""The distillation losses from hidden states: torch's matrix products make tiles of logits, the row kernels consume them.

The products are the bulk of the work, and the library's are the fastest there are; a kernel of our own that fused them with
the row statistics would give up more of the tensor cores than the traffic of the tiles costs. bf16 inputs go to the tensor
cores and come out in float32: logits are never rounded on the way.

Two orders of the loops. With recomputation (:func:`forward`, :func:`backward`) tiles of vocabulary are outermost, so the
gradient of a tile of the head is finished before the next begins and no float32 copy of the whole head's gradient exists.
With the gradient in the forward (:func:`weighted_sum`) rows are outermost, for the slope of a row needs its log-sum-exp: the
student's logits and the gap to the target are kept for a chunk of rows, and the head's gradient is summed over chunks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from composekit_kernels.triton import distill_pairs as pairs
from composekit_kernels.triton import distill_rows as rows
from composekit_kernels.triton.distill_rows import STATES, Results, Rows

TILE = 1 << 25  # elements of one tile of logits: 128 MB in float32, large enough for full speed of the products
MAX_ROWS = 8192  # rows of one product
KEPT = 5 << 28  # bytes of the student's logits and the gap that weighted_sum keeps


class Head(NamedTuple):
    """Hidden states [B T, D], weight [V, D], bias [V] or None. Without weight, ``x`` are logits [B, T, V]."""

    x: Tensor
    weight: Tensor | None
    bias: Tensor | None

    @property
    def vocabulary(self) -> int:
        """V."""
        return self.x.shape[-1] if self.weight is None else self.weight.shape[0]

    @property
    def product_dtype(self) -> torch.dtype:
        """The dtype of the operands of products."""
        assert self.weight is not None
        return torch.promote_types(self.x.dtype, self.weight.dtype)


Pair = Sequence[Head | None]  # teacher and reference
Gradients = tuple[Tensor, Tensor, Tensor]


def head(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Head:
    """A head in the form that the kernels take: hidden states as rows, logits with a dense last axis."""
    if weight is not None:
        return Head(x.reshape(-1, x.shape[-1]), weight, None if bias is None else bias.contiguous())
    return Head(x if x.stride(-1) == 1 else x.contiguous(), None, None)


def living(source: Head, weights: Tensor) -> Head:
    """The head with zeros for hidden states of rows without weight: these may hold NaN, and zero times NaN is NaN."""
    if source.weight is None:
        return source
    return source._replace(x=source.x.masked_fill((weights == 0).unsqueeze(-1), 0.0))


def product(a: Tensor, b: Tensor, out: Tensor, *, add: bool = False) -> None:
    """out = a b, or out += a b, with float32 sums in the float32 ``out``, whatever the dtype of the operands."""
    if a.dtype == torch.float32:
        torch.addmm(out, a, b, out=out) if add else torch.mm(a, b, out=out)
    elif a.is_cuda:
        if add:
            torch.ops.aten.addmm.dtype_out(out, a, b, torch.float32, out=out)
        else:
            torch.ops.aten.mm.dtype_out(a, b, torch.float32, out=out)
    else:  # the interpreter: no such product on the CPU
        out.add_(a.float() @ b.float()) if add else out.copy_(a.float() @ b.float())


def whole(source: Head | None) -> Rows | None:
    """Stored logits as they are."""
    return None if source is None else Rows(source.x, None)


def tile_of(source: Head, picked: slice, columns: slice, out: Tensor) -> Rows:
    """A tile of logits, written to ``out``, whose axes are as large as the tile; the bias is left to the kernel."""
    assert source.weight is not None
    dtype = source.product_dtype
    product(source.x[picked].to(dtype), source.weight[columns].to(dtype).T, out)
    return Rows(out.unsqueeze(0), None if source.bias is None else source.bias[columns])


def pieces(count: int, size: int) -> Iterator[slice]:
    """Slices of ``size``, the last one shorter."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))


def _sizes(count: int, vocabulary: int, chunk: int) -> tuple[int, int]:
    """Rows of a product, and tokens of a tile (a multiple of 128, for alignment)."""
    height = max(1, min(chunk or MAX_ROWS, MAX_ROWS, count))
    return height, min(vocabulary, max(128, TILE // height // 128 * 128))


class _Tiles:
    """Tiles of logits of several heads, each model in one flat float32 buffer that is used again and again."""

    def __init__(self, heads: Sequence[Head | None], height: int, width: int, device: torch.device) -> None:
        self.heads = heads
        size = height * width
        self.buffers = [None if h is None else torch.empty(size, dtype=torch.float32, device=device) for h in heads]

    def __call__(self, picked: slice, columns: slice) -> list[Rows | None]:
        n, width = picked.stop - picked.start, columns.stop - columns.start
        found: list[Rows | None] = []
        for source, buffer in zip(self.heads, self.buffers, strict=True):
            here = None
            if source is not None and buffer is not None:
                here = tile_of(source, picked, columns, buffer[: n * width].view(n, width))
            found.append(here)
        return found


def _part(results: Results, picked: slice) -> Results:
    return Results(*(x[picked] for x in results))


def forward(student: Head, others: Pair, scale: Tensor, temperature: float, normalize: bool, chunk: int) -> Results:
    """Loss, log-sum-exp and mean gap of every row; ``scale`` is float32 [B T]."""
    count, vocabulary = scale.numel(), student.vocabulary
    results = Results.empty(count, scale.device)
    if student.weight is None:
        stored = [whole(other) for other in others]
        rows.stats(Rows(student.x, None), stored, scale, 1.0 / temperature, results, normalize=normalize)
        return results
    height, width = _sizes(count, vocabulary, chunk)
    mine, theirs = (_Tiles(heads, height, width, scale.device) for heads in ([student], others))
    state = torch.empty(STATES, count, dtype=torch.float32, device=scale.device)
    for columns in pieces(vocabulary, width):
        for picked in pieces(count, height):
            s = mine(picked, columns)[0]
            assert s is not None
            rows.stats(
                s, theirs(picked, columns), scale[picked], 1.0 / temperature, _part(results, picked),
                state=state[:, picked], normalize=normalize, first=columns.start == 0, last=columns.stop == vocabulary,
            )  # fmt: skip
    return results


def backward(
    student: Head, others: Pair, scale: Tensor, temperature: float, results: Results, grad: Tensor,
    needs: list[bool], chunk: int,
) -> Gradients:  # fmt: skip
    """Gradients of input, weight and bias, empty where not needed; logits are made again. ``grad`` is float32 [B T]."""
    if student.weight is None:
        stored = [whole(other) for other in others]
        out = torch.empty(grad.numel(), student.vocabulary, dtype=student.x.dtype, device=grad.device)
        rows.slope(out, Rows(student.x, None), stored, scale, 1.0 / temperature, results, grad)
        return out.view(student.x.shape), grad.new_empty(0), grad.new_empty(0)
    theirs = _Tiles(others, *_sizes(grad.numel(), student.vocabulary, chunk), grad.device)

    def write(out: Tensor, s: Rows, picked: slice, columns: slice) -> None:
        part = _part(results, picked)
        rows.slope(out, s, theirs(picked, columns), scale[picked], 1.0 / temperature, part, grad[picked])

    return _through_head(living(student, grad), write, needs, chunk)


def _through_head(
    student: Head, write: Callable[[Tensor, Rows, slice, slice], None], needs: list[bool], chunk: int
) -> Gradients:
    """Make the student's tiles again, let ``write`` turn them into gradients of the logits, take those through the head."""
    x, weight, bias = student
    assert weight is not None
    count, vocabulary, dtype, device = x.shape[0], student.vocabulary, student.product_dtype, x.device
    height, width = _sizes(count, vocabulary, chunk)
    mine = _Tiles([student], height, width, device)
    slopes = torch.empty(height * width, dtype=dtype, device=device)
    dx = torch.zeros(x.shape, dtype=torch.float32, device=device) if needs[0] else None
    dw = torch.empty(weight.shape, dtype=weight.dtype, device=device) if needs[1] else x.new_empty(0)
    db = x.new_empty(0) if bias is None or not needs[2] else torch.empty(bias.shape, dtype=bias.dtype, device=device)
    for columns in pieces(vocabulary, width):
        wide = columns.stop - columns.start
        tile_dw = torch.zeros(wide, x.shape[1], dtype=torch.float32, device=device) if needs[1] else None
        tile_db = torch.zeros(wide, dtype=torch.float32, device=device) if db.numel() else None
        for picked in pieces(count, height):
            s = mine(picked, columns)[0]
            assert s is not None
            d = slopes[: (picked.stop - picked.start) * wide].view(-1, wide)
            write(d, s, picked, columns)
            _take_through(student, d, picked, columns, dx, tile_dw, tile_db)
        if tile_dw is not None:
            dw[columns] = tile_dw.to(dw.dtype)
        if tile_db is not None:
            db[columns] = tile_db.to(db.dtype)
    return x.new_empty(0) if dx is None else dx.to(x.dtype), dw, db


def _take_through(
    student: Head, d: Tensor, picked: slice, columns: slice, dx: Tensor | None, dw: Tensor | None, db: Tensor | None
) -> None:
    """Add what a tile of gradients of the logits gives to the (float32) gradients of hidden states, weight and bias."""
    assert student.weight is not None
    if dx is not None:
        product(d, student.weight[columns].to(d.dtype), dx[picked], add=True)
    if dw is not None:
        product(d.T, student.x[picked].to(d.dtype), dw, add=True)
    if db is not None:
        db += d.sum(0, dtype=torch.float32)


def weighted_sum(
    student: Head, others: Pair, scale: Tensor, temperature: float, weights: Tensor, needs: list[bool], chunk: int
) -> tuple[Tensor, Gradients]:
    """The loss of every row, and the gradients of sum(weights * loss); five products, none of them twice."""
    student = living(student, weights)
    x, weight, bias = student
    assert weight is not None
    count, vocabulary, dtype, device = scale.numel(), student.vocabulary, student.product_dtype, x.device
    fitting = max(1, KEPT // (8 * vocabulary) // 128 * 128)
    height = max(1, min(chunk or fitting, fitting, count))
    width = min(vocabulary, max(128, TILE // height // 128 * 128))
    results = Results.empty(count, device)
    theirs = _Tiles(others, height, width, device)
    kept, gap = torch.empty(2, height, vocabulary, dtype=torch.float32, device=device)
    slopes = torch.empty(height * width, dtype=dtype, device=device)
    state = torch.empty(STATES, height, dtype=torch.float32, device=device)
    dx = torch.zeros(x.shape, dtype=torch.float32, device=device) if needs[0] else None
    dw = torch.zeros(weight.shape, dtype=torch.float32, device=device) if needs[1] else None
    db = torch.zeros(vocabulary, dtype=torch.float32, device=device) if bias is not None and needs[2] else None
    for picked in pieces(count, height):
        n, part, c = picked.stop - picked.start, _part(results, picked), scale[picked]
        for columns in pieces(vocabulary, width):
            rows.stats(
                tile_of(student, picked, columns, kept[:n, columns]), theirs(picked, columns), c, 1.0 / temperature, part,
                state=state[:, :n], gap=gap[:n, columns], first=columns.start == 0, last=columns.stop == vocabulary,
            )  # fmt: skip
        for columns in pieces(vocabulary, width):
            d = slopes[: n * (columns.stop - columns.start)].view(n, -1)
            s = Rows(kept[:n, columns].unsqueeze(0), None if bias is None else bias[columns])
            rows.slope(d, s, (None, None), c, 1.0 / temperature, part, weights[picked], gap=gap[:n, columns])
            tile_dw, tile_db = (None if g is None else g[columns] for g in (dw, db))
            _take_through(student, d, picked, columns, dx, tile_dw, tile_db)
    none = x.new_empty
    return results.value, (
        none(0) if dx is None else dx.to(x.dtype),
        none(0) if dw is None else dw.to(weight.dtype),
        none(0) if db is None or bias is None else db.to(bias.dtype),
    )


def selected(student: Head, tokens: Tensor, temperature: float, chunk: int) -> tuple[Tensor, Tensor]:
    """Log-probabilities [B T, K] of ``tokens`` [B T, K], and the log-sum-exp [B T]."""
    count, vocabulary, device = tokens.shape[0], student.vocabulary, tokens.device
    found = torch.empty(tokens.shape, dtype=torch.float32, device=device)
    results, ones = Results.empty(count, device), torch.ones(count, dtype=torch.float32, device=device)
    alone = (None, None)
    if student.weight is None:
        rows.stats(Rows(student.x, None), alone, ones, 1.0 / temperature, results)
        rows.pick(Rows(student.x, None), tokens, found, 0, 1.0 / temperature)
        return found - results.lse.unsqueeze(-1), results.lse
    height, width = _sizes(count, vocabulary, chunk)
    mine = _Tiles([student], height, width, device)
    state = torch.empty(STATES, count, dtype=torch.float32, device=device)
    for columns in pieces(vocabulary, width):
        for picked in pieces(count, height):
            s = mine(picked, columns)[0]
            assert s is not None
            rows.stats(
                s, alone, ones[picked], 1.0 / temperature, _part(results, picked), state=state[:, picked],
                first=columns.start == 0, last=columns.stop == vocabulary,
            )  # fmt: skip
            rows.pick(s, tokens[picked], found[picked], columns.start, 1.0 / temperature)
    return found - results.lse.unsqueeze(-1), results.lse


def selected_backward(
    student: Head, tokens: Tensor, lse: Tensor, temperature: float, grad: Tensor, needs: list[bool], chunk: int
) -> Gradients:
    """Gradients of input, weight and bias, empty where not needed; ``grad`` is float32 [B T, K]."""
    if student.weight is None:
        out = torch.empty(tokens.shape[0], student.vocabulary, dtype=student.x.dtype, device=grad.device)
        rows.pick_slope(out, Rows(student.x, None), tokens, lse, grad, 0, 1.0 / temperature)
        return out.view(student.x.shape), grad.new_empty(0), grad.new_empty(0)

    def write(out: Tensor, s: Rows, picked: slice, columns: slice) -> None:
        rows.pick_slope(out, s, tokens[picked], lse[picked], grad[picked], columns.start, 1.0 / temperature)

    return _through_head(living(student, grad.abs().sum(-1)), write, needs, chunk)


# --- forward KL and Jensen-Shannon -------------------------------------------------------------------------------------


def pair_forward(
    student: Head, teacher: Head, beta: float | None, temperature: float, chunk: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Value, log-sum-exp of student and teacher, and E_pi[log pi - log M], each of all rows.

    ``beta=None`` is the forward KL: the loss of the exchanged pair at a scale of one.
    """
    count = student.x.shape[:-1].numel()
    ones = torch.ones(count, dtype=torch.float32, device=student.x.device)
    found = forward(teacher, (student, None), ones, temperature, False, chunk)
    lse, lse_t = found.lse_t, found.lse
    if beta is None:
        return found.value, lse, lse_t, torch.zeros_like(lse)
    near, far = torch.zeros(2, count, dtype=torch.float32, device=lse.device)
    if student.weight is None:
        stored = Rows(student.x, None), Rows(teacher.x, None)
        pairs.means(*stored, beta, 1.0 / temperature, lse, lse_t, near, far)
    else:
        height, width = _sizes(count, student.vocabulary, chunk)
        tiles = _Tiles([student, teacher], height, width, lse.device)
        for columns in pieces(student.vocabulary, width):
            for picked in pieces(count, height):
                s, t = tiles(picked, columns)
                assert s is not None
                assert t is not None
                sums = (x[picked] for x in (lse, lse_t, near, far))
                pairs.means(s, t, beta, 1.0 / temperature, *sums)
    return beta * far + (1.0 - beta) * near, lse, lse_t, near


def pair_backward(
    student: Head, teacher: Head, beta: float | None, temperature: float, saved: Sequence[Tensor], grad: Tensor,
    needs: list[bool], chunk: int,
) -> Gradients:  # fmt: skip
    """Gradients of input, weight and bias; ``saved`` is what :func:`pair_forward` gave after the value."""
    lse, lse_t, near = saved
    if student.weight is None:
        out = torch.empty(grad.numel(), student.vocabulary, dtype=student.x.dtype, device=grad.device)
        pairs.slope(out, Rows(student.x, None), Rows(teacher.x, None), beta, 1.0 / temperature, lse, lse_t, near, grad)
        return out.view(student.x.shape), grad.new_empty(0), grad.new_empty(0)
    theirs = _Tiles([teacher], *_sizes(grad.numel(), student.vocabulary, chunk), grad.device)

    def write(out: Tensor, s: Rows, picked: slice, columns: slice) -> None:
        t = theirs(picked, columns)[0]
        assert t is not None
        rows_of = lse[picked], lse_t[picked], near[picked]
        pairs.slope(out, s, t, beta, 1.0 / temperature, *rows_of, grad[picked])

    return _through_head(living(student, grad), write, needs, chunk)
