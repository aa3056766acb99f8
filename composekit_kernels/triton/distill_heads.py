"""The distillation losses from hidden states: torch's matrix products make tiles of logits, the row kernels consume them.

The products are the bulk of the work, and the library's are the fastest there are; a kernel of our own that fused them with the
row statistics would have to give up more of the tensor cores than the traffic of the tiles costs. bf16 inputs go to the
tensor cores and come out in float32: logits are never rounded on the way.

Two orders of the loops. With recomputation (:func:`forward`, :func:`backward`) tiles of vocabulary are outermost, so the
gradient of a tile of the head is finished before the next begins and no float32 copy of the whole head's gradient exists. With
the gradient in the forward (:func:`weighted_sum`) rows are outermost, for the slope of a row needs its log-sum-exp: the
student's logits and the gap to the target are kept for a chunk of rows, and the head's gradient is summed over chunks.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

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


Pair = tuple[Head | None, Head | None]


def head(x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Head:
    """A head in the form that the kernels take: hidden states as rows, logits with a dense last axis."""
    if weight is not None:
        return Head(x.reshape(-1, x.shape[-1]), weight, None if bias is None else bias.contiguous())
    return Head(x if x.stride(-1) == 1 else x.contiguous(), None, None)


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


def logits(source: Head | None, picked: slice, columns: slice, out: Tensor | None) -> Rows | None:
    """A tile of logits: written to ``out``, whose last two axes are as large as the tile, or a view of stored ones."""
    if source is None:
        return None
    if source.weight is None:
        return Rows(source.x, None)
    assert out is not None
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


class _Scratch:
    """One flat float32 buffer a model, seen as a tile of any shape."""

    def __init__(self, models: list[Head | None], height: int, width: int, device: torch.device) -> None:
        used = [model is not None and model.weight is not None for model in models]
        self.buffers = [torch.empty(height * width, dtype=torch.float32, device=device) if u else None for u in used]

    def tile(self, index: int, picked: slice, columns: slice) -> Tensor | None:
        buffer, n, width = self.buffers[index], picked.stop - picked.start, columns.stop - columns.start
        return None if buffer is None else buffer[: n * width].view(n, width)


def _part(results: Results, picked: slice) -> Results:
    return Results(*(x[picked] for x in results))


def forward(student: Head, pair: Pair, scale: Tensor, temperature: float, normalize: bool, chunk: int) -> Results:
    """Loss, log-sum-exp and mean gap of every row; ``scale`` is float32 [B T]."""
    count, vocabulary = scale.numel(), student.vocabulary
    results = Results.empty(count, scale.device)
    models = [student, *pair]
    if student.weight is None:
        whole = [logits(model, slice(0, 0), slice(0, 0), None) for model in models]
        rows.stats(*whole, scale, 1.0 / temperature, results, normalize=normalize)  # type: ignore[arg-type]
        return results
    height, width = _sizes(count, vocabulary, chunk)
    scratch = _Scratch(models, height, width, scale.device)
    state = torch.empty(STATES, count, dtype=torch.float32, device=scale.device)
    for columns in pieces(vocabulary, width):
        for picked in pieces(count, height):
            tiles = [logits(m, picked, columns, scratch.tile(j, picked, columns)) for j, m in enumerate(models)]
            rows.stats(
                *tiles, scale[picked], 1.0 / temperature, _part(results, picked), state=state[:, picked],
                normalize=normalize, first=columns.start == 0, last=columns.stop == vocabulary,
            )  # type: ignore[arg-type]  # fmt: skip
    return results


def backward(
    student: Head, pair: Pair, scale: Tensor, temperature: float, results: Results, grad: Tensor, needs: list[bool], chunk: int
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Gradients of input, weight and bias, empty where not needed; logits are made again."""
    if student.weight is None:
        out = torch.empty(grad.numel(), student.vocabulary, dtype=student.x.dtype, device=grad.device)
        whole = [logits(model, slice(0, 0), slice(0, 0), None) for model in (student, *pair)]
        rows.slope(out, *whole, scale, 1.0 / temperature, results, grad)  # type: ignore[arg-type]
        return out.view(student.x.shape), grad.new_empty(0), grad.new_empty(0)

    def write(tiles: list[Rows | None], picked: slice, columns: slice, out: Tensor) -> None:
        part = _part(results, picked)
        rows.slope(out, *tiles, scale[picked], 1.0 / temperature, part, grad[picked])  # type: ignore[arg-type]

    return _through_head([student, *pair], write, needs, chunk)


def _through_head(models: list[Head | None], write, needs: list[bool], chunk: int) -> tuple[Tensor, Tensor, Tensor]:  # type: ignore[no-untyped-def]
    """Make the tiles again, let ``write`` turn them into gradients of the logits, and take those through the head."""
    student = models[0]
    assert student is not None
    assert student.weight is not None
    x, weight, bias = student
    count, vocabulary, dtype, device = x.shape[0], student.vocabulary, student.product_dtype, x.device
    height, width = _sizes(count, vocabulary, chunk)
    scratch = _Scratch(models, height, width, device)
    slopes = torch.empty(height * width, dtype=dtype, device=device)
    dx = torch.zeros(x.shape, dtype=torch.float32, device=device) if needs[0] else x.new_empty(0)
    dw = torch.empty(weight.shape, dtype=weight.dtype, device=device) if needs[1] else weight.new_empty(0)
    db = torch.empty(bias.shape, dtype=bias.dtype, device=device) if bias is not None and needs[2] else x.new_empty(0)
    for columns in pieces(vocabulary, width):
        tile_dw = torch.zeros(weight[columns].shape, dtype=torch.float32, device=device) if needs[1] else None
        tile_db = torch.zeros(columns.stop - columns.start, dtype=torch.float32, device=device)
        for picked in pieces(count, height):
            tiles = [logits(m, picked, columns, scratch.tile(j, picked, columns)) for j, m in enumerate(models)]
            n = picked.stop - picked.start
            d = slopes[: n * tile_db.numel()].view(n, tile_db.numel())
            write(tiles, picked, columns, d)
            _take_through(
                student, d, picked, columns, dx if needs[0] else None, tile_dw, tile_db if db.numel() else None
            )
        if tile_dw is not None:
            dw[columns] = tile_dw.to(dw.dtype)
        if db.numel():
            db[columns] = tile_db.to(db.dtype)
    return dx.to(x.dtype), dw, db


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
    student: Head, pair: Pair, scale: Tensor, temperature: float, weights: Tensor, needs: list[bool], chunk: int
) -> tuple[Tensor, tuple[Tensor, Tensor, Tensor]]:
    """The loss of every row, and the gradients of sum(weights * loss); five products, none of them twice."""
    x, weight, bias = student
    assert weight is not None
    count, vocabulary, dtype, device = scale.numel(), student.vocabulary, student.product_dtype, x.device
    fitting = max(1, KEPT // (8 * vocabulary) // 128 * 128)
    height = max(1, min(chunk or fitting, fitting, count))
    width = min(vocabulary, max(128, TILE // height // 128 * 128))
    results = Results.empty(count, device)
    scratch = _Scratch([None, *pair], height, width, device)
    kept, gap = torch.empty(2, height, vocabulary, dtype=torch.float32, device=device)
    slopes = torch.empty(height * width, dtype=dtype, device=device)
    state = torch.empty(STATES, height, dtype=torch.float32, device=device)
    dx = torch.zeros(x.shape, dtype=torch.float32, device=device) if needs[0] else None
    dw = torch.zeros(weight.shape, dtype=torch.float32, device=device) if needs[1] else None
    db = torch.zeros(vocabulary, dtype=torch.float32, device=device) if bias is not None and needs[2] else None
    for picked in pieces(count, height):
        n, part, c = picked.stop - picked.start, _part(results, picked), scale[picked]
        for columns in pieces(vocabulary, width):
            s = logits(student, picked, columns, kept[:n, columns])
            others = [logits(m, picked, columns, scratch.tile(1 + j, picked, columns)) for j, m in enumerate(pair)]
            rows.stats(
                s, *others, c, 1.0 / temperature, part, state=state[:, :n], gap=gap[:n, columns],
                first=columns.start == 0, last=columns.stop == vocabulary,
            )  # type: ignore[arg-type]  # fmt: skip
        for columns in pieces(vocabulary, width):
            d = slopes[: n * (columns.stop - columns.start)].view(n, -1)
            s = Rows(kept[:n, columns].unsqueeze(0), None if bias is None else bias[columns])
            rows.slope(d, s, None, None, c, 1.0 / temperature, part, weights[picked], gap=gap[:n, columns])
            tile_dw, tile_db = (None if g is None else g[columns] for g in (dw, db))
            _take_through(student, d, picked, columns, dx, tile_dw, tile_db)
    out = [
        x.new_empty(0) if g is None else g.to(like.dtype) for g, like in zip((dx, dw, db), (x, weight, x), strict=True)
    ]
    if db is not None and bias is not None:
        out[2] = db.to(bias.dtype)
    return results.value, (out[0], out[1], out[2])


def selected(student: Head, tokens: Tensor, temperature: float, chunk: int) -> tuple[Tensor, Tensor]:
    """Log-probabilities [B T, K] of ``tokens`` [B T, K], and the log-sum-exp [B T]."""
    count, vocabulary = tokens.shape[0], student.vocabulary
    device = tokens.device
    picked_logits = torch.empty(tokens.shape, dtype=torch.float32, device=device)
    results, ones = Results.empty(count, device), torch.ones(count, dtype=torch.float32, device=device)
    if student.weight is None:
        whole = Rows(student.x, None)
        rows.stats(whole, None, None, ones, 1.0 / temperature, results)
        rows.pick(whole, tokens, picked_logits, 0, 1.0 / temperature)
    else:
        height, width = _sizes(count, vocabulary, chunk)
        scratch = _Scratch([student], height, width, device)
        state = torch.empty(STATES, count, dtype=torch.float32, device=device)
        for columns in pieces(vocabulary, width):
            for picked in pieces(count, height):
                tile = logits(student, picked, columns, scratch.tile(0, picked, columns))
                assert tile is not None
                rows.stats(
                    tile, None, None, ones[picked], 1.0 / temperature, _part(results, picked), state=state[:, picked],
                    first=columns.start == 0, last=columns.stop == vocabulary,
                )  # fmt: skip
                rows.pick(tile, tokens[picked], picked_logits[picked], columns.start, 1.0 / temperature)
    return picked_logits - results.lse.unsqueeze(-1), results.lse


def selected_backward(
    student: Head, tokens: Tensor, lse: Tensor, temperature: float, grad: Tensor, needs: list[bool], chunk: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of input, weight and bias, empty where not needed; ``grad`` is [B T, K]."""
    if student.weight is None:
        out = torch.empty(tokens.shape[0], student.vocabulary, dtype=student.x.dtype, device=grad.device)
        rows.pick_slope(out, Rows(student.x, None), tokens, lse, grad, 0, 1.0 / temperature)
        return out.view(student.x.shape), grad.new_empty(0), grad.new_empty(0)

    def write(tiles: list[Rows | None], picked: slice, columns: slice, out: Tensor) -> None:
        tile = tiles[0]
        assert tile is not None
        rows.pick_slope(out, tile, tokens[picked], lse[picked], grad[picked], columns.start, 1.0 / temperature)

    return _through_head([student], write, needs, chunk)
