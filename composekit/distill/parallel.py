"""The loss over a vocabulary that is split between the ranks of a process group."""

from __future__ import annotations

from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from composekit._errors import bad_value
from composekit.distill import chunked, operators
from composekit.distill._checks import wide
from composekit.distill.chunked import Totals
from composekit.distill.engine import Target, needed, prepare, split, student_parts, triple
from composekit.distill.heads import LinearHead, Model
from composekit.distill.linear import chunk_rows
from composekit.distill.teachers import Teachers


def vocab_parallel_gopd_loss(
    student: Model,
    teacher: Model | Teachers | None,
    reference: Model | None = None,
    *,
    group: dist.ProcessGroup | None = None,
    reward_scale: float | Tensor = 1.25,
    temperature: float = 1.0,
    normalize: bool = False,
    chunk_size: int | None = None,
) -> Tensor:
    r"""The loss of :func:`linear_gopd_loss` and :func:`gopd_loss` where each rank holds a slice of the vocabulary.

    .. math:: L = \sum_r \sum_{v \in r} \pi_v (\log \pi_v - m_v)

    The forward takes one MAX and one SUM all-reduce of a few numbers a row. The backward adds up the gradient of replicated
    hidden states; gradients of weights and of logits stay where the slices are.

    Args:
        student: A :class:`LinearHead` with hidden states [B, T, D], the same on every rank, and this rank's rows of the
            weight [V / ranks, D] and bias; or this rank's slice of the logits [B, T, V / ranks]. Slices may differ in size
            between the ranks, and must be the same tokens for all models.
        teacher: The same for the teacher; or :class:`Teachers`; None at ``reward_scale=0.0`` only.
        reference: The same for the reference; None at ``reward_scale=1.0`` only.
        group: The ranks that share the vocabulary; by default all.
        reward_scale: :math:`\lambda`, the same on every rank.
        temperature: Divides the logits of all models; above 0.
        normalize: Return KL(pi || q).
        chunk_size: Rows of one chunk.

    Returns:
        [B, T] in nats, the same on every rank.

    Raises:
        ShapeError, ArgumentError, ArgumentTypeError: as :func:`linear_gopd_loss`; also where no process group is set up.

    Guarantees:
        gradient: That of the whole vocabulary. Every rank must call backward with the same gradient.
        compile: Runs eagerly; collectives of a group are no part of a compiled graph.

    Example:
        >>> from tempfile import mktemp
        >>> dist.init_process_group("gloo", init_method="file://" + mktemp(), rank=0, world_size=1)
        >>> heads = [LinearHead(torch.randn(2, 5, 8), torch.randn(100, 8)) for _ in range(3)]
        >>> vocab_parallel_gopd_loss(*heads).shape
        torch.Size([2, 5])
        >>> dist.destroy_process_group()

    Source: the running sums of :func:`linear_gopd_loss`, merged as in the vocabulary-parallel cross entropy of
    Megatron-LM (arXiv 1909.08053).
    """
    op = "vocab_parallel_gopd_loss"
    require(op, "group")
    names = ("student", "teacher", "reference")
    chunk = chunk_rows(op, chunk_size) or 0
    kinds = (Tensor, LinearHead)
    target = prepare(op, student, teacher, reference, reward_scale, temperature, None, names, kinds)
    floats, rows = split(target.coefficients, target.student)
    models = [x for model in target.models for x in triple(model)]
    settings = floats, rows, target.temperature, bool(normalize), chunk, group, op, target.names
    return _Parallel.apply(*student_parts(target.student), models, settings)


def require(op: str, argument: str) -> None:
    """Raise where no process group is set up."""
    if not (dist.is_available() and dist.is_initialized()):
        repair = "Call torch.distributed.init_process_group, or use the loss on one process"
        raise bad_value(op, argument, "belong to an initialised torch.distributed", "none", repair)


class _Parallel(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor | None, bias: Tensor | None, models: list[Tensor], settings: tuple
    ) -> Tensor:
        floats, rows, temperature, normalize, chunk, group, op, names = settings
        shape = x.shape[:2]
        with operators.quiet(x):
            mixture = operators.mixture_of((x, weight, bias), models, floats, rows, temperature, normalize)
            totals, ctx.careful = chunked.totals_of(mixture, chunk)
            totals = merge(totals, group)
            coefficients = chunked.rows_coefficients(mixture, slice(0, shape.numel()))
            summary = chunked.finish(totals, coefficients, normalize)
        operators.inspect_rows(
            [summary.lse, *summary.model_lse], operators.unread(mixture), shape, op, "\n".join(names)
        )
        ctx.save_for_backward(summary.lse, summary.mean, x, weight, bias, rows, *models)
        ctx.settings = settings
        return summary.value.view(shape)

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple:
        lse, mean, x, weight, bias, rows, *models = ctx.saved_tensors
        floats, _, temperature, normalize, chunk, group, *_ = ctx.settings
        needs = list(ctx.needs_input_grad[:3])
        with operators.quiet(x):
            mixture = operators.mixture_of((x, weight, bias), models, floats, rows, temperature, normalize)
            dx, dw, db = chunked.backward(mixture, grad, lse, mean, needs, chunk, ctx.careful)
            dx = _whole(dx, needs[0] and weight is not None, group)
        return (*operators.kept(needs, dx, dw, db), None, None)


def _whole(dx: Tensor, replicated: bool, group: dist.ProcessGroup | None) -> Tensor:
    """The gradient of hidden states, which all ranks hold, from the parts of their slices; that of logits stays sliced."""
    if not replicated:
        return dx
    total = dx.to(wide(dx))
    dist.all_reduce(total, group=group)
    return total.to(dx.dtype)


def weighted_sum(
    op: str, target: Target, weights: Tensor, chunk_size: int | None, group: dist.ProcessGroup
) -> tuple[Tensor, Tensor]:
    """sum(weights * loss) and the losses [B, T], as on one process; gradients are made, and reduced, in the forward."""
    floats, rows = split(target.coefficients, target.student)
    parts = student_parts(target.student)
    models = [x for model in target.models for x in triple(model)]
    settings = floats, rows, target.temperature, chunk_size or 0, group, op, target.names, needed(parts)
    return _ParallelSum.apply(*parts, models, weights, settings)


class _ParallelSum(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        weight: Tensor | None,
        bias: Tensor | None,
        models: list[Tensor],
        weights: Tensor,
        settings: tuple,
    ) -> tuple[Tensor, Tensor]:
        floats, rows, temperature, chunk, group, op, names, needs = settings
        with operators.quiet(x):
            mixture = operators.mixture_of((x, weight, bias), models, floats, rows, temperature, False)
            # Slices, and with them the rows that fit the buffers, may differ; the collectives of all ranks must not.
            size = torch.tensor(chunked.row_size(mixture, chunk, weights.numel()), device=x.device)
            dist.all_reduce(size, dist.ReduceOp.MIN, group=group)
            values, lse, (dx, dw, db) = chunked.with_gradient(
                mixture, weights, needs, int(size), lambda totals: merge(totals, group)
            )
            dx = _whole(dx, needs[0] and weight is not None, group)
        operators.inspect_rows(list(lse), operators.unread(mixture), x.shape[:2], op, "\n".join(names))
        ctx.needs = needs
        ctx.save_for_backward(dx, dw, db)
        ctx.mark_non_differentiable(values)
        return (values * weights).sum(), values

    @staticmethod
    @torch.autograd.function.once_differentiable
    def backward(ctx: Any, grad: Tensor, *unused: Tensor) -> tuple:
        gradients = [(g * grad).to(g.dtype) for g in ctx.saved_tensors]
        return (*operators.kept(ctx.needs, *gradients), None, None, None)


def merge(totals: Totals, group: dist.ProcessGroup | None) -> Totals:
    """The sums of the whole vocabulary from those of each rank: one MAX and one SUM."""
    top = totals.top.clone()
    dist.all_reduce(top, dist.ReduceOp.MAX, group=group)
    factor = torch.exp(totals.top - top.masked_fill(top == -torch.inf, 0.0))
    sums = torch.cat([totals.total * factor, chunked.rescaled(totals.dot, factor[0]).unsqueeze(0)])
    dist.all_reduce(sums, group=group)
    return Totals(top, sums[:-1], sums[-1])
