r"""The losses in chunks of rows and blocks of vocabulary: no array of T V elements, on any device.

Per row the forward keeps a running maximum, the sum of :math:`e^{s}` and the sum of :math:`e^{s} (s - \mu)`, rescaled
whenever the maximum rises, where :math:`\mu = \sum_j c_j x_j` mixes the raw logits of the other models, whose normalisers
cancel in the gradient:

.. math:: \frac{\partial L}{\partial s_v} = \pi_v \Bigl(s_v - \mu_v - \sum_u \pi_u (s_u - \mu_u)\Bigr).

Products with a head are made block by block and never stored. Only :func:`with_gradient`, which looks at the logits twice
but multiplies once, keeps two buffers of [rows, V].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from composekit.distill.mixing import mix
from composekit.distill.sources import MAX_ROWS, Rows, Sink, Source, chunks, columns_of, live_rows, pick

# The two buffers of with_gradient: so many rows, and together no more elements than these (256 MB in float32).
BUFFER_ROWS, BUFFERS = 128, 1 << 26


class Mixture(NamedTuple):
    """A student against a mixture of models. Coefficients are floats, or [J, B, T] in ``row_coefficients``."""

    student: Source
    models: list[Source]
    coefficients: list[float]
    row_coefficients: Tensor
    temperature: float
    normalize: bool
    dtype: torch.dtype


class Totals(NamedTuple):
    """Running sums of some rows: ``top`` and ``total`` for student, models and mixture in turn, [2 + J, n]; ``dot`` [n]."""

    top: Tensor
    total: Tensor
    dot: Tensor

    @staticmethod
    def start(mixture: Mixture, shape: Sequence[int]) -> Totals:
        size = (2 + len(mixture.models), *shape)
        kind: dict[str, Any] = {"dtype": mixture.dtype, "device": mixture.student.x.device}
        return Totals(torch.full(size, -torch.inf, **kind), torch.zeros(size, **kind), torch.zeros(shape, **kind))


class Summary(NamedTuple):
    """What is known of a row at the end: the loss, log-sum-exp of the student, of all models; mean of s - mu."""

    value: Tensor
    lse: Tensor
    model_lse: Tensor
    mean: Tensor


def absorb(x: Tensor, top: Tensor, total: Tensor, weights: Tensor) -> Tensor:
    """Add a block to a running log-sum-exp; ``weights`` becomes e^(x - top). Returns the factor that rescales older sums."""
    new = torch.maximum(top, x.amax(-1))
    anchor = new.masked_fill(new == -torch.inf, 0.0)
    factor = torch.exp(top - anchor)
    torch.sub(x, anchor.unsqueeze(-1), out=weights).exp_()
    total.mul_(factor).add_(weights.sum(-1))
    top.copy_(new)
    return factor


def row_dot(a: Tensor, b: Tensor) -> Tensor:
    """Sum of products along the last axis; overwrites ``a``. A sum adds in pairs, where a product of matrices adds in a row
    and loses two digits over a vocabulary."""
    return a.mul_(b).sum(-1)


class Walk:
    """One chunk of rows on its way over the vocabulary."""

    def __init__(self, mixture: Mixture, rows: Rows, careful: bool) -> None:
        self.mixture, self.careful = mixture, careful or mixture.student.x.device.type != "cpu"
        tau, dtype = mixture.temperature, mixture.dtype
        self.taken = [source.take(rows, tau, dtype) for source in (mixture.student, *mixture.models)]
        self.coefficients: list[float | Tensor] = list(mixture.coefficients)
        if mixture.row_coefficients.numel():
            self.coefficients = [pick(c.unsqueeze(-1), rows) for c in mixture.row_coefficients]
        self.rows = self.taken[0].shape[0]
        self.columns = list(columns_of(mixture.student.vocabulary, self.rows))
        widest = max((c.stop - c.start for c in self.columns), default=0)
        shape = (4, self.rows * widest)
        self.scratch = torch.empty(shape, dtype=dtype, device=mixture.student.x.device)

    def blank(self, index: int, columns: slice) -> Tensor:
        """A block of scratch memory."""
        width = columns.stop - columns.start
        return self.scratch[index, : self.rows * width].view(self.rows, width)

    def logits(self, columns: slice, s: Tensor, gap: Tensor, totals: Totals | None) -> None:
        """Fill ``s`` with the student's logits and ``gap`` with s - mu; add the models to ``totals``."""
        tau = self.mixture.temperature
        self.mixture.student.block(self.taken[0], columns, tau, s)
        x, weights = self.blank(2, columns), self.blank(3, columns)
        kept = []
        for j, (source, taken, c) in enumerate(
            zip(self.mixture.models, self.taken[1:], self.coefficients, strict=True)
        ):
            source.block(taken, columns, tau, x)
            if totals is not None:
                absorb(x, totals.top[1 + j], totals.total[1 + j], weights)
            if self.careful:
                kept.append(x.clone())
            elif j == 0:
                torch.mul(x, c, out=gap)
            elif isinstance(c, Tensor):
                gap.addcmul_(x, c)
            else:
                gap.add_(x, alpha=c)
        if self.careful:
            gap.copy_(mix(kept, self.coefficients))
        elif not bool(torch.isfinite(gap.sum() + s.sum())):
            self.careful = True
            gap.copy_(mix(self._again(columns), self.coefficients))
        if totals is not None and self.mixture.normalize:
            absorb(gap, totals.top[-1], totals.total[-1], weights)
        torch.sub(s, gap, out=gap)

    def _again(self, columns: slice) -> list[Tensor]:
        tau, blocks = self.mixture.temperature, []
        for source, taken in zip(self.mixture.models, self.taken[1:], strict=True):
            blocks.append(source.block(taken, columns, tau, torch.empty_like(self.blank(2, columns))))
        return blocks

    def tally(self, columns: slice, s: Tensor, gap: Tensor, totals: Totals) -> None:
        """Logits of a block into ``s`` and ``gap``, and everything into the totals."""
        self.logits(columns, s, gap, totals)
        weights = self.blank(3, columns)
        factor = absorb(s, totals.top[0], totals.total[0], weights)
        if self.careful:
            gap.masked_fill_(weights == 0, 0.0)
            factor = torch.where(totals.dot.isinf(), 1.0, factor)  # infinite stays infinite, however small its weight
        totals.dot.mul_(factor).add_(row_dot(weights, gap))

    def slope(self, s: Tensor, gap: Tensor, lse: Tensor, mean: Tensor, weight: Tensor) -> Tensor:
        """The gradient of the scaled logits of a block, times the weight of each row; overwrites its arguments."""
        pi = s.sub_(lse.unsqueeze(-1)).exp_()
        if self.careful:
            gap.masked_fill_(pi == 0, 0.0)
        gap.sub_(mean.unsqueeze(-1)).mul_(pi).mul_(weight.unsqueeze(-1))
        return gap.masked_fill_((weight == 0).unsqueeze(-1), 0.0) if self.careful else gap


def finish(totals: Totals, coefficients: Sequence[float | Tensor], normalize: bool) -> Summary:
    """The loss of each row from its sums."""
    lse = totals.top + totals.total.log()
    student, models = lse[0], lse[1:-1]
    mean = totals.dot / totals.total[0]
    value = mean - student
    if normalize:
        value = value + lse[-1]
    for c, norm in zip(coefficients, models, strict=True):
        if not normalize:
            part = c * norm
            value = value + (torch.where(c == 0, 0.0, part) if isinstance(c, Tensor) else part)
    # Infinities of both signs meet as NaN: a token that the teacher excludes outweighs one that the reference excludes.
    sound = student.isfinite()
    for c, norm in zip(coefficients, models, strict=True):
        sound = sound & (norm.isfinite() | (c == 0) if isinstance(c, Tensor) else norm.isfinite())
    return Summary(torch.where(sound & value.isnan(), torch.inf, value), student, models, mean)


def row_size(mixture: Mixture, chunk: int, buffers: bool) -> int:
    """Rows of one chunk: what the caller asks for, else what the memory of the buffers allows."""
    if chunk > 0:
        return chunk
    return max(1, min(BUFFER_ROWS, BUFFERS // (2 * mixture.student.vocabulary))) if buffers else MAX_ROWS


def rows_coefficients(mixture: Mixture, rows: Rows) -> list[float | Tensor]:
    """The coefficients of a chunk, one number or one [n] a model."""
    if mixture.row_coefficients.numel():
        return [c.flatten()[rows] for c in mixture.row_coefficients]
    return list(mixture.coefficients)


def totals_of(mixture: Mixture, chunk: int) -> tuple[Totals, bool]:
    """The sums of all rows, and whether any -inf was met on the way."""
    count = mixture.student.x.shape[0] * mixture.student.x.shape[1]
    everything, careful = Totals.start(mixture, (count,)), False
    for rows in chunks(count, row_size(mixture, chunk, buffers=False)):
        walk = Walk(mixture, rows, careful)
        part = Totals(*(x[..., rows] for x in everything))
        for columns in walk.columns:
            walk.tally(columns, walk.blank(0, columns), walk.blank(1, columns), part)
        careful = walk.careful
    return everything, careful


def backward(
    mixture: Mixture, grad: Tensor, lse: Tensor, mean: Tensor, needs: list[bool], chunk: int, careful: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of the student's input, weight and bias; logits are made again. All row tensors are [B, T]."""
    sink = Sink(mixture.student, needs, mixture.temperature, mixture.dtype)
    grad, lse, mean = grad.to(mixture.dtype).flatten(), lse.flatten(), mean.flatten()
    for rows in chunks(grad.numel(), row_size(mixture, chunk, buffers=False), live_rows(grad)):
        walk = Walk(mixture, rows, careful)
        sink.open(rows, walk.taken[0])
        for columns in walk.columns:
            s, gap = walk.blank(0, columns), walk.blank(1, columns)
            walk.logits(columns, s, gap, None)
            sink.add(walk.slope(s, gap, lse[rows], mean[rows], grad[rows]), columns)
        sink.close()
    return sink.results()


def with_gradient(
    mixture: Mixture, weights: Tensor, needs: list[bool], chunk: int
) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor, Tensor]]:
    """Values [B, T], 0 where the weight is; log-sum-exp of student and models [1 + J, B T]; gradients of the sum."""
    sink = Sink(mixture.student, needs, mixture.temperature, mixture.dtype)
    values = torch.zeros(weights.shape, dtype=mixture.dtype, device=weights.device)
    flat, weight, careful = values.view(-1), weights.to(mixture.dtype).flatten(), False
    norms = torch.zeros(1 + len(mixture.models), weight.numel(), dtype=mixture.dtype, device=weights.device)
    size = row_size(mixture, chunk, buffers=True)
    live = live_rows(weight)
    most = min(size, weight.numel() if live is None else live.numel())
    shape = (2, most, mixture.student.vocabulary)
    buffers = torch.empty(shape, dtype=mixture.dtype, device=weights.device)
    for rows in chunks(weight.numel(), size, live):
        walk = Walk(mixture, rows, careful)
        totals = Totals.start(mixture, (walk.rows,))
        both = buffers[:, : walk.rows]
        for columns in walk.columns:
            walk.tally(columns, both[0, :, columns], both[1, :, columns], totals)
        summary = finish(totals, rows_coefficients(mixture, rows), mixture.normalize)
        flat[rows] = summary.value.masked_fill(weight[rows] == 0, 0.0)
        norms[0, rows], norms[1:, rows] = summary.lse, summary.model_lse
        sink.open(rows, walk.taken[0])
        for columns in walk.columns:
            s, gap = both[0, :, columns], both[1, :, columns]
            sink.add(walk.slope(s, gap, summary.lse, summary.mean, weight[rows]), columns)
        sink.close()
        careful = walk.careful
    return values, norms, sink.results()
