r"""The losses in chunks of rows and blocks of vocabulary: no array of T V elements, on any device.

Per row the forward sums :math:`e^{s}` and :math:`e^{s} (s - \mu)`, where :math:`\mu = \sum_j c_j x_j` mixes the raw logits
of the other models, whose normalisers cancel in the gradient:

.. math:: \frac{\partial L}{\partial s_v} = \pi_v \Bigl(s_v - \mu_v - \sum_u \pi_u (s_u - \mu_u)\Bigr).

Products with a head are made block by block and never stored. Only :func:`with_gradient`, which looks at the logits twice
but multiplies once, keeps two buffers of [rows, V].

A walk over the vocabulary is quick or careful. The quick one is what a CPU needs for ordinary logits: a fixed anchor for
each row (none where logits are near zero) and as few passes over a block as possible. Its sums tell afterwards whether that
was sound: an excluded token (-inf), or logits that outgrow the first block by far, spoil them, and the chunk is walked again
carefully, with a running maximum and every infinity in its place. Other devices, which nothing should wait for, are always
walked carefully.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from composekit.distill.mixing import mix
from composekit.distill.sources import MAX_ROWS, Rows, Sink, Source, chunks, columns_of, live_rows, pick

# The two buffers of with_gradient: a quarter of the rows within these bounds, as few as that for the memory, as many for the
# products; and together no more elements than BUFFERS (256 MB in float32).
FEWEST, MOST, BUFFERS = 128, 512, 1 << 26
NEAR = 40.0  # logits below this in size need no anchor: e^40 times any vocabulary is far from the end of float32
SOUND = 2.0**80  # sums of a quick walk must stay below; the first block keeps them from vanishing


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
    """Running sums of some rows: e^(x - top) of student, models and mixture, [2 + J, n], and e^(s - top) (s - mu)."""

    top: Tensor
    total: Tensor
    dot: Tensor

    @staticmethod
    def start(mixture: Mixture, shape: Sequence[int]) -> Totals:
        size = (2 + len(mixture.models), *shape)
        kind: dict[str, Any] = {"dtype": mixture.dtype, "device": mixture.student.x.device}
        return Totals(torch.full(size, -torch.inf, **kind), torch.zeros(size, **kind), torch.zeros(shape, **kind))

    def restart(self) -> None:
        """Forget everything."""
        self.top.fill_(-torch.inf), self.total.zero_(), self.dot.zero_()


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


def rescaled(dot: Tensor, factor: Tensor) -> Tensor:
    """Sums on another anchor; what weighs nothing any more counts nothing, infinite or not."""
    return torch.where(factor == 0, 0.0, dot * factor)


class Walk:
    """One chunk of rows on its way over the vocabulary. The blocks ``s`` and ``gap`` that it fills are the caller's."""

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
        self._anchored: dict[int, bool] = {}
        self.scratch = torch.empty(4, self.rows * widest, dtype=dtype, device=mixture.student.x.device)

    def blank(self, index: int, columns: slice) -> Tensor:
        """A block of scratch memory."""
        width = columns.stop - columns.start
        return self.scratch[index, : self.rows * width].view(self.rows, width)

    def blocks(self, buffers: Tensor | None) -> list[tuple[slice, Tensor, Tensor]]:
        """Columns, ``s`` and ``gap`` of each block: of two buffers [rows, V] that last, or of scratch memory."""
        if buffers is None:
            return [(c, self.blank(0, c), self.blank(1, c)) for c in self.columns]
        return [(c, buffers[0, :, c], buffers[1, :, c]) for c in self.columns]

    def tally(self, totals: Totals, buffers: Tensor | None = None) -> None:
        """Everything into the totals. ``buffers`` then hold s and s - mu, or after a quick walk e^(s - top) and its product
        with s - mu."""
        if not self.careful:
            for columns, s, gap in self.blocks(buffers):
                self._tally_quickly(columns, s, gap, totals)
            read = totals.total if self.mixture.normalize else totals.total[:-1]
            self.careful = not bool((totals.dot.isfinite() & (read < SOUND).all(0)).all())
            if self.careful:
                totals.restart()
        if self.careful:
            for columns, s, gap in self.blocks(buffers):
                self._tally_carefully(columns, s, gap, totals)

    def _tally_quickly(self, columns: slice, s: Tensor, gap: Tensor, totals: Totals) -> None:
        self.logits(columns, s, gap, totals)
        gap.mul_(self._weights(s, 0, totals))
        totals.dot.add_(gap.sum(-1))

    def _weights(self, x: Tensor, index: int, totals: Totals) -> Tensor:
        """e^(x - top) in the place of x, added to the totals; the first block decides on top, once and for all."""
        top = totals.top[index]
        if index not in self._anchored:
            top.copy_(x.amax(-1))
            self._anchored[index] = not bool((top.abs() < NEAR).all())
            if not self._anchored[index]:
                top.zero_()
        if self._anchored[index]:
            x.sub_(top.unsqueeze(-1))
        totals.total[index].add_(x.exp_().sum(-1))
        return x

    def _tally_carefully(self, columns: slice, s: Tensor, gap: Tensor, totals: Totals) -> None:
        self.logits(columns, s, gap, totals)
        weights = self.blank(3, columns)
        factor = absorb(s, totals.top[0], totals.total[0], weights)
        gap.masked_fill_(weights == 0, 0.0)
        totals.dot.copy_(rescaled(totals.dot, factor)).add_(row_dot(weights, gap))

    def logits(self, columns: slice, s: Tensor, gap: Tensor, totals: Totals | None) -> None:
        """Fill ``s`` with the student's logits and ``gap`` with s - mu; add the models to ``totals``."""
        tau, normalize = self.mixture.temperature, totals is not None and self.mixture.normalize
        self.mixture.student.block(self.taken[0], columns, tau, s)
        x, kept = self.blank(2, columns), []
        start = torch.zeros_like(s) if normalize else s  # normalize wants mu itself; otherwise it is never made
        models = zip(self.mixture.models, self.taken[1:], self.coefficients, strict=True)
        for j, (source, taken, c) in enumerate(models):
            source.block(taken, columns, tau, x)
            if self.careful:
                kept.append(x.clone())
                if totals is not None:
                    absorb(x, totals.top[1 + j], totals.total[1 + j], self.blank(3, columns))
                continue
            before = gap if j else start
            if isinstance(c, Tensor):
                torch.addcmul(before, x, c, value=-1.0, out=gap)
            else:
                torch.sub(before, x, alpha=c, out=gap)
            if totals is not None:
                self._weights(x, 1 + j, totals)
        if self.careful:
            mu = mix(kept, self.coefficients)
            if totals is not None and normalize:
                absorb(mu, totals.top[-1], totals.total[-1], self.blank(3, columns))
            torch.sub(s, mu, out=gap)
        elif totals is not None and normalize:
            torch.neg(gap, out=x)
            gap.add_(s)
            self._weights(x, -1, totals)

    def slope(self, s: Tensor, gap: Tensor, lse: Tensor, mean: Tensor) -> Tensor:
        """The gradient of the scaled logits of a block over the row's weight, from s and s - mu; overwrites them."""
        pi = s.sub_(lse.unsqueeze(-1)).exp_()
        if self.careful:
            gap.masked_fill_(pi == 0, 0.0)
        return gap.sub_(mean.unsqueeze(-1)).mul_(pi)


def finish(totals: Totals, coefficients: Sequence[float | Tensor], normalize: bool) -> Summary:
    """The loss of each row from its sums."""
    lse = totals.top + totals.total.log()
    student, models = lse[0], lse[1:-1]
    mean = totals.dot / totals.total[0]
    value = mean - student
    if normalize:
        value = value + lse[-1]
    # Infinities of both signs meet as NaN: a token that the teacher excludes outweighs one that the reference excludes.
    sound = student.isfinite()
    for c, norm in zip(coefficients, models, strict=True):
        unread = c == 0  # only ever a tensor of rows: models with the float 0 were left out
        if not normalize:
            value = value + (torch.where(unread, 0.0, c * norm) if isinstance(unread, Tensor) else c * norm)
        sound = sound & (norm.isfinite() | unread)
    return Summary(torch.where(sound & value.isnan(), torch.inf, value), student, models, mean)


def row_size(mixture: Mixture, chunk: int, count: int | None = None) -> int:
    """Rows of one chunk: what the caller asks for, else what the memory of the buffers of ``count`` rows allows."""
    if chunk > 0:
        return chunk
    if count is None:
        return MAX_ROWS
    return max(1, min(max(FEWEST, count // 4), MOST, BUFFERS // (2 * mixture.student.vocabulary)))


def rows_coefficients(mixture: Mixture, rows: Rows) -> list[float | Tensor]:
    """The coefficients of a chunk, one number or one [n] a model."""
    if mixture.row_coefficients.numel():
        return [c.flatten()[rows] for c in mixture.row_coefficients]
    return list(mixture.coefficients)


def totals_of(mixture: Mixture, chunk: int) -> tuple[Totals, bool]:
    """The sums of all rows, and whether the walk had to be careful."""
    count = mixture.student.x.shape[0] * mixture.student.x.shape[1]
    everything, careful = Totals.start(mixture, (count,)), False
    for rows in chunks(count, row_size(mixture, chunk)):
        walk = Walk(mixture, rows, careful)
        walk.tally(Totals(*(x[..., rows] for x in everything)))
        careful = walk.careful
    return everything, careful


def backward(
    mixture: Mixture, grad: Tensor, lse: Tensor, mean: Tensor, needs: list[bool], chunk: int, careful: bool
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of the student's input, weight and bias; logits are made again. All row tensors are [B, T]."""
    sink = Sink(mixture.student, needs, mixture.temperature, mixture.dtype)
    grad, lse, mean = grad.to(mixture.dtype).flatten(), lse.flatten(), mean.flatten()
    for rows in chunks(grad.numel(), row_size(mixture, chunk), live_rows(grad)):
        walk = Walk(mixture, rows, careful)
        sink.open(rows, walk.taken[0], grad[rows])
        for columns, s, gap in walk.blocks(None):
            walk.logits(columns, s, gap, None)
            sink.add(walk.slope(s, gap, lse[rows], mean[rows]), columns)
        sink.close()
    return sink.results()


def with_gradient(
    mixture: Mixture, weights: Tensor, needs: list[bool], chunk: int, merge: Callable[[Totals], Totals] | None = None
) -> tuple[Tensor, Tensor, tuple[Tensor, Tensor, Tensor]]:
    """Values [B, T], 0 where the weight is; log-sum-exp of student and models [1 + J, B T]; gradients of the sum.

    Where the vocabulary is a slice, ``merge`` makes the totals of the whole from those of the slice.
    """
    sink = Sink(mixture.student, needs, mixture.temperature, mixture.dtype)
    values = torch.zeros(weights.shape, dtype=mixture.dtype, device=weights.device)
    flat, weight, careful = values.view(-1), weights.to(mixture.dtype).flatten(), False
    norms = torch.zeros(1 + len(mixture.models), weight.numel(), dtype=mixture.dtype, device=weights.device)
    live = live_rows(weight)
    count = weight.numel() if live is None else live.numel()
    size = row_size(mixture, chunk, count)
    shape = (2, min(size, count), mixture.student.vocabulary)
    buffers = torch.empty(shape, dtype=mixture.dtype, device=weights.device)
    for rows in chunks(weight.numel(), size, live):
        walk = Walk(mixture, rows, careful)
        totals, both = Totals.start(mixture, (walk.rows,)), buffers[:, : walk.rows]
        walk.tally(totals, both)
        careful = walk.careful
        own, totals = totals.top[0], totals if merge is None else merge(totals)
        summary = finish(totals, rows_coefficients(mixture, rows), mixture.normalize)
        flat[rows] = summary.value.masked_fill(weight[rows] == 0, 0.0)
        norms[0, rows], norms[1:, rows] = summary.lse, summary.model_lse
        scale = 1.0 if careful else torch.exp(own - totals.top[0]) / totals.total[0]
        sink.open(rows, walk.taken[0], weight[rows] * scale)
        shift = summary.mean.neg().unsqueeze(-1)
        for columns, s, gap in walk.blocks(both):
            if careful:
                slope = walk.slope(s, gap, summary.lse, summary.mean)
            else:  # e^(s - top) (s - mu - mean), whose normaliser is in the weight of the row
                slope = gap.addcmul_(s, shift)
            sink.add(slope, columns)
        sink.close()
    return values, norms, sink.results()
