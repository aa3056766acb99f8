"""The chunked losses as operators of torch: schema, fake, autograd. A compiled graph calls them as they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from composekit.distill import chunked, pairs
from composekit.distill._checks import inspect, wide
from composekit.distill.chunked import Mixture
from composekit.distill.sources import Source
from composekit_kernels.ops._autograd import forbid_double_backward

Triples = tuple[Tensor, Tensor, Tensor]


def sources_of(tensors: Sequence[Tensor]) -> list[Source]:
    """Flat triples (input, weight, bias) as sources."""
    return [Source(*tensors[i : i + 3]) for i in range(0, len(tensors), 3)]


def mixture_of(
    student: Sequence[Tensor | None],
    models: Sequence[Tensor],
    coefficients: Sequence[float],
    row_coefficients: Tensor,
    temperature: float,
    normalize: bool,
) -> Mixture:
    source = _student(*student)
    dtype = wide(*source, *models)
    rows = row_coefficients.to(dtype)
    return Mixture(source, sources_of(models), list(coefficients), rows, temperature, normalize, dtype)


def _student(x: Tensor | None, weight: Tensor | None, bias: Tensor | None) -> Source:
    assert x is not None
    none = x.new_zeros(0)
    return Source(x, none if weight is None else weight, none if bias is None else bias)


def inspect_rows(
    lse: Sequence[Tensor], unread: Sequence[Tensor | None], shape: torch.Size, op: str, names: str
) -> None:
    for x, skip, name in zip(lse, unread, names.split("\n"), strict=True):
        inspect((x if skip is None else x.masked_fill(skip, 0.0)).view(shape), op, name, "rows")


def unread(mixture: Mixture) -> list[Tensor | None]:
    if not mixture.row_coefficients.numel():
        return [None] * (1 + len(mixture.models))
    return [None, *(c.flatten() == 0 for c in mixture.row_coefficients)]


class quiet(torch.autocast):
    """Autocast off on the device of a tensor: the products of a loss keep the precision of its statistics."""

    def __init__(self, x: Tensor) -> None:
        super().__init__(x.device.type, enabled=False)


def remember(ctx: Any, output: tuple, saved: Sequence[Tensor | None], settings: Any) -> None:
    """What all losses keep for the backward: tensors and settings; only the first output has a gradient."""
    ctx.save_for_backward(*saved)
    ctx.mark_non_differentiable(*output[1:])
    ctx.set_materialize_grads(False)
    ctx.settings = settings


def kept(needs: Sequence[bool], *gradients: Tensor) -> tuple:
    """The gradients that are needed."""
    return tuple(g if need else None for need, g in zip(needs, gradients, strict=True))


def _fake_rows(count: int, x: Tensor, *tensors: Tensor | None) -> tuple[Tensor, ...]:
    """So many results [B, T] of an operator on x."""
    dtype = wide(x, *tensors)
    return tuple(x.new_empty(x.shape[:2], dtype=dtype) for _ in range(count))


def _fake_gradients(needs: Sequence[bool], x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Triples:
    parts = zip((x, weight, bias), needs, strict=True)
    dx, dw, db = (x.new_empty(0) if y is None or not need else y.new_empty(y.shape) for y, need in parts)
    return dx, dw, db


# --- mixtures: G-OPD and everything that is one ----------------------------------------------------------------------


@torch.library.custom_op("composekit::distill_mixture", mutates_args=())
def mixture_rows(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    models: Sequence[Tensor],
    coefficients: Sequence[float],
    row_coefficients: Tensor,
    temperature: float,
    normalize: bool,
    chunk: int,
    op: str,
    names: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Values, log-sum-exp of the student and mean gap [B, T], and whether -inf was met."""
    with quiet(x):
        mixture = mixture_of((x, weight, bias), models, coefficients, row_coefficients, temperature, normalize)
        totals, careful = chunked.totals_of(mixture, chunk)
        everything = slice(0, x.shape[0] * x.shape[1])
        summary = chunked.finish(totals, chunked.rows_coefficients(mixture, everything), normalize)
    shape = x.shape[:2]
    inspect_rows([summary.lse, *summary.model_lse], unread(mixture), shape, op, names)
    flag = torch.tensor(careful)
    return summary.value.view(shape), summary.lse.clone().view(shape), summary.mean.view(shape), flag


@mixture_rows.register_fake
def _(x, weight, bias, models, *rest):  # type: ignore[no-untyped-def]
    return *_fake_rows(3, x, weight, bias, *models), torch.empty((), dtype=torch.bool, device="cpu")


@torch.library.custom_op("composekit::distill_mixture_backward", mutates_args=())
def mixture_rows_backward(
    grad: Tensor,
    lse: Tensor,
    mean: Tensor,
    careful: Tensor,
    needs: Sequence[bool],
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    models: Sequence[Tensor],
    coefficients: Sequence[float],
    row_coefficients: Tensor,
    temperature: float,
    chunk: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of input, weight and bias; an empty tensor for each that is not needed."""
    with quiet(x):
        mixture = mixture_of((x, weight, bias), models, coefficients, row_coefficients, temperature, False)
        return chunked.backward(mixture, grad, lse, mean, list(needs), chunk, bool(careful))


@mixture_rows_backward.register_fake
def _(grad, lse, mean, careful, needs, x, weight, bias, *rest):  # type: ignore[no-untyped-def]
    return _fake_gradients(needs, x, weight, bias)


def _setup_mixture(ctx: Any, inputs: tuple, output: tuple) -> None:
    x, weight, bias, models, coefficients, rows, temperature, _, chunk, *_ = inputs
    saved = [*output[1:], x, weight, bias, rows, *models]
    remember(ctx, output, saved, (list(coefficients), temperature, chunk))


def _mixture_grad(ctx: Any, grad: Tensor | None, *unused: None) -> tuple:
    lse, mean, careful, x, weight, bias, rows, *models = ctx.saved_tensors
    rest = [None] * len(models), *(None,) * 7
    if grad is None:
        return None, None, None, *rest
    coefficients, temperature, chunk = ctx.settings
    needs = list(ctx.needs_input_grad[:3])
    dx, dw, db = mixture_rows_backward(
        grad, lse, mean, careful, needs, x, weight, bias, models, coefficients, rows, temperature, chunk
    )
    return *kept(needs, dx, dw, db), *rest


mixture_rows.register_autograd(_mixture_grad, setup_context=_setup_mixture)
forbid_double_backward(mixture_rows_backward, "gopd_loss")


# --- a weighted sum of a mixture's values, whose gradient is made in the forward ---------------------------------------


@torch.library.custom_op("composekit::distill_mixture_sum", mutates_args=())
def mixture_sum(
    weights: Tensor,
    needs: Sequence[bool],
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    models: Sequence[Tensor],
    coefficients: Sequence[float],
    row_coefficients: Tensor,
    temperature: float,
    chunk: int,
    op: str,
    names: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """sum(weights * values), the values [B, T], and the sum's gradients of input, weight and bias as far as needed."""
    with quiet(x):
        mixture = mixture_of((x, weight, bias), models, coefficients, row_coefficients, temperature, False)
        values, lse, gradients = chunked.with_gradient(mixture, weights, list(needs), chunk)
        loss = (values * weights).masked_fill(weights == 0, 0.0).sum()
    inspect_rows(list(lse), unread(mixture), x.shape[:2], op, names)
    return loss, values, *gradients


@mixture_sum.register_fake
def _(weights, needs, x, weight, bias, models, *rest):  # type: ignore[no-untyped-def]
    values = x.new_empty(x.shape[:2], dtype=wide(x, weight, bias, *models))
    return values.new_empty(()), values, *_fake_gradients(needs, x, weight, bias)


def _setup_sum(ctx: Any, inputs: tuple, output: tuple) -> None:
    weights, needs, x, weight, bias, models, coefficients, rows, *settings = inputs
    saved = [weights, x, weight, bias, rows, *models]
    remember(ctx, output, saved, (list(needs), list(coefficients), settings))
    # Not saved with the tensors above: the backward scales the gradients where they are, so that nothing of the size of
    # the head is held twice. Being marked, they refer to no node, and this makes no cycle.
    ctx.gradients = list(output[2:])


def _sum_grad(ctx: Any, grad: Tensor | None, *unused: None) -> tuple:
    needs, coefficients, settings = ctx.settings
    weights, x, weight, bias, rows, *models = ctx.saved_tensors
    rest = [None] * len(models), *(None,) * 6
    if grad is None:
        return *(None,) * 5, *rest
    gradients, ctx.gradients = ctx.gradients, None
    if gradients is None:  # a second backward through a retained graph: what was scaled in place is gone
        gradients = list(mixture_sum(weights, needs, x, weight, bias, models, coefficients, rows, *settings)[2:])
    if torch.is_grad_enabled():
        inputs = [y for y in (x, weight, bias) if y is not None]
        out = [scaled(g, grad, inputs) for g in gradients]
    else:  # in place, but for the tensors that stand for others while a graph is traced
        out = [g.mul_(grad) if type(g) is Tensor else g * grad for g in gradients]
    return None, None, *kept(needs, *out), *rest


@torch.library.custom_op("composekit::distill_scaled", mutates_args=())
def scaled(x: Tensor, factor: Tensor, inputs: Sequence[Tensor]) -> Tensor:
    """x * factor, where x is a gradient of the inputs that nobody can differentiate again."""
    return (x * factor).to(x.dtype)


@scaled.register_fake
def _(x: Tensor, factor: Tensor, inputs: Sequence[Tensor]) -> Tensor:
    return torch.empty_like(x)


mixture_sum.register_autograd(_sum_grad, setup_context=_setup_sum)
forbid_double_backward(scaled, "ExOPDLoss")


# --- forward KL and Jensen-Shannon -------------------------------------------------------------------------------------


@torch.library.custom_op("composekit::distill_pair", mutates_args=())
def pair_rows(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    teacher: Sequence[Tensor],
    beta: float | None,
    temperature: float,
    chunk: int,
    op: str,
    names: str,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Values, log-sum-exp of student and teacher, and a mean, all [B, T]; ``beta=None`` means the forward KL."""
    source, other = _student(x, weight, bias), Source(*teacher)
    dtype, shape = wide(*source, *other), x.shape[:2]
    with quiet(x):
        if beta is None:
            rows = pairs.forward_kl(source, other, temperature, dtype, chunk)
        else:
            rows = pairs.jsd(source, other, beta, temperature, dtype, chunk)
    inspect_rows(rows[1:3], [None, None], shape, op, names)
    value, lse, lse_t, mean = (row.clone().view(shape) for row in rows)
    return value, lse, lse_t, mean


@pair_rows.register_fake
def _(x, weight, bias, teacher, *rest):  # type: ignore[no-untyped-def]
    return _fake_rows(4, x, weight, bias, *teacher)


@torch.library.custom_op("composekit::distill_pair_backward", mutates_args=())
def pair_rows_backward(
    grad: Tensor,
    saved: Sequence[Tensor],
    needs: Sequence[bool],
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    teacher: Sequence[Tensor],
    beta: float | None,
    temperature: float,
    chunk: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of input, weight and bias; an empty tensor for each that is not needed."""
    source, other = _student(x, weight, bias), Source(*teacher)
    with quiet(x):
        return pairs.backward(
            source, other, beta, grad, list(saved), list(needs), temperature, wide(*source, *other), chunk
        )


@pair_rows_backward.register_fake
def _(grad, saved, needs, x, weight, bias, *rest):  # type: ignore[no-untyped-def]
    return _fake_gradients(needs, x, weight, bias)


def _setup_pair(ctx: Any, inputs: tuple, output: tuple) -> None:
    x, weight, bias, teacher, beta, temperature, chunk, *_ = inputs
    remember(ctx, output, [*output[1:], x, weight, bias, *teacher], (beta, temperature, chunk))


def _pair_grad(ctx: Any, grad: Tensor | None, *unused: None) -> tuple:
    rest = [None] * 3, *(None,) * 5
    if grad is None:
        return None, None, None, *rest
    *saved, x, weight, bias, t, t_weight, t_bias = ctx.saved_tensors
    needs = list(ctx.needs_input_grad[:3])
    gradients = pair_rows_backward(grad, saved, needs, x, weight, bias, [t, t_weight, t_bias], *ctx.settings)
    return *kept(needs, *gradients), *rest


pair_rows.register_autograd(_pair_grad, setup_context=_setup_pair)
forbid_double_backward(pair_rows_backward, "forward_kl and jsd")


# --- selected log-probabilities ----------------------------------------------------------------------------------------


@torch.library.custom_op("composekit::distill_selected", mutates_args=())
def selected_rows(
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    tokens: Tensor,
    temperature: float,
    chunk: int,
    op: str,
    name: str,
) -> tuple[Tensor, Tensor]:
    """Log-probabilities [B, T, K] of tokens [B, T, K], and the log-sum-exp [B, T]."""
    source = _student(x, weight, bias)
    with quiet(x):
        logp, lse = pairs.selected(source, tokens.flatten(0, 1), temperature, wide(*source), chunk)
    inspect_rows([lse], [None], x.shape[:2], op, name)
    return logp.view(tokens.shape), lse.view(x.shape[:2])


@selected_rows.register_fake
def _(x, weight, bias, tokens, *rest):  # type: ignore[no-untyped-def]
    kind = {"dtype": wide(x, weight, bias)}
    return x.new_empty(tokens.shape, **kind), x.new_empty(x.shape[:2], **kind)


@torch.library.custom_op("composekit::distill_selected_backward", mutates_args=())
def selected_rows_backward(
    grad: Tensor,
    lse: Tensor,
    needs: Sequence[bool],
    x: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    tokens: Tensor,
    temperature: float,
    chunk: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients of input, weight and bias; an empty tensor for each that is not needed."""
    source, flat = _student(x, weight, bias), tokens.flatten(0, 1)
    with quiet(x):
        grad = grad.reshape(flat.shape)
        return pairs.selected_backward(
            source, flat, grad, lse.flatten(), list(needs), temperature, wide(*source), chunk
        )


@selected_rows_backward.register_fake
def _(grad, lse, needs, x, weight, bias, *rest):  # type: ignore[no-untyped-def]
    return _fake_gradients(needs, x, weight, bias)


def _setup_selected(ctx: Any, inputs: tuple, output: tuple) -> None:
    x, weight, bias, tokens, temperature, chunk, *_ = inputs
    remember(ctx, output, [output[1], x, weight, bias, tokens], (temperature, chunk))


def _selected_grad(ctx: Any, grad: Tensor | None, unused: None) -> tuple:
    if grad is None:
        return (None,) * 8
    lse, x, weight, bias, tokens = ctx.saved_tensors
    needs = list(ctx.needs_input_grad[:3])
    gradients = selected_rows_backward(grad, lse, needs, x, weight, bias, tokens, *ctx.settings)
    return kept(needs, *gradients) + (None,) * 5


selected_rows.register_autograd(_selected_grad, setup_context=_setup_selected)
forbid_double_backward(selected_rows_backward, "selected_logp")
