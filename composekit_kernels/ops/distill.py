"""Operators of the distillation losses; from logits and from heads they are one: no weight means stored logits.

The functions without underscore at the end of the file are what ``composekit_kernels.IMPLS`` names. A model is a tensor
[B, T, V] or a tuple (hidden [B, T, D], weight [V, D], bias [V] or None).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from composekit_kernels.ops._autograd import forbid_double_backward

Model = Tensor | tuple[Tensor, Tensor, Tensor | None]
Parts = Sequence[Tensor | None]  # (input, weight, bias) of the student, the teacher and the reference in turn
Triple = tuple[Tensor, Tensor, Tensor]


def _quiet(x: Tensor) -> torch.autocast:
    """Autocast off: products keep the precision of the statistics."""
    return torch.autocast(x.device.type, enabled=False)


def _heads(parts: Parts) -> list[Any]:
    from composekit_kernels.triton.distill_heads import head

    models = [parts[i : i + 3] for i in range(0, len(parts), 3)]
    return [None if x is None else head(x, weight, bias) for x, weight, bias in models]


def _fake_gradients(needs: Sequence[bool], x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Triple:
    return (
        x.new_empty(x.shape) if needs[0] else x.new_empty(0),
        weight.new_empty(weight.shape) if weight is not None and needs[1] else x.new_empty(0),
        bias.new_empty(bias.shape) if bias is not None and needs[2] else x.new_empty(0),
    )


def _kept(needs: Sequence[bool], gradients: Sequence[Tensor]) -> tuple[Tensor | None, ...]:
    return tuple(g if need else None for need, g in zip(needs, gradients, strict=True))


# --- G-OPD per token: the backward makes the logits again ------------------------------------------------------------


@torch.library.custom_op("composekit::gopd_triton", mutates_args=())
def gopd_rows(
    x: Tensor, weight: Tensor | None, bias: Tensor | None,
    t: Tensor | None, t_weight: Tensor | None, t_bias: Tensor | None,
    r: Tensor | None, r_weight: Tensor | None, r_bias: Tensor | None,
    scale: Tensor, temperature: float, normalize: bool, chunk: int,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Loss, log-sum-exp of the student and mean gap, float32 [B, T]; ``scale`` is float32 [B, T]."""
    from composekit_kernels.triton import distill_heads

    with _quiet(x):
        student, *others = _heads((x, weight, bias, t, t_weight, t_bias, r, r_weight, r_bias))
        results = distill_heads.forward(student, others, scale.flatten(), temperature, normalize, chunk)
    # Operators return no views of one another.
    value, lse, mean = (row.clone().view(x.shape[:2]) for row in results[:3])
    return value, lse, mean


@gopd_rows.register_fake
def _(x, *rest):  # type: ignore[no-untyped-def]
    row = x.new_empty(x.shape[:2], dtype=torch.float32)
    return row, torch.empty_like(row), torch.empty_like(row)


@torch.library.custom_op("composekit::gopd_triton_backward", mutates_args=())
def gopd_rows_backward(
    grad: Tensor, lse: Tensor, mean: Tensor, needs: Sequence[bool],
    x: Tensor, weight: Tensor | None, bias: Tensor | None,
    t: Tensor | None, t_weight: Tensor | None, t_bias: Tensor | None,
    r: Tensor | None, r_weight: Tensor | None, r_bias: Tensor | None,
    scale: Tensor, temperature: float, chunk: int,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Gradients of the student's input, weight and bias; an empty tensor for each that is not needed."""
    from composekit_kernels.triton import distill_heads
    from composekit_kernels.triton.distill_rows import Results

    with _quiet(x):
        student, *others = _heads((x, weight, bias, t, t_weight, t_bias, r, r_weight, r_bias))
        lse, mean = lse.flatten(), mean.flatten()
        results = Results(value=mean, lse=lse, mean=mean, lse_t=mean)  # the slope reads lse and mean alone
        flat = grad.float().flatten().contiguous()  # of a sum it is one number, expanded
        dx, dw, db = distill_heads.backward(
            student, others, scale.flatten(), temperature, results, flat, list(needs), chunk
        )
    return dx.view(x.shape) if needs[0] else dx, dw, db


@gopd_rows_backward.register_fake
def _(grad, lse, mean, needs, x, weight, bias, *rest):  # type: ignore[no-untyped-def]
    return _fake_gradients(needs, x, weight, bias)


def _setup_gopd(ctx: Any, inputs: tuple, output: tuple) -> None:
    *parts, scale, temperature, _, chunk = inputs
    _, lse, mean = output
    ctx.save_for_backward(lse, mean, scale, *parts)
    ctx.mark_non_differentiable(lse, mean)
    ctx.set_materialize_grads(False)
    ctx.settings = temperature, chunk


def _gopd_grad(ctx: Any, grad: Tensor | None, *unused: None) -> tuple:
    if grad is None:
        return (None,) * 13
    lse, mean, scale, *parts = ctx.saved_tensors
    needs = list(ctx.needs_input_grad[:3])
    gradients = gopd_rows_backward(grad, lse, mean, needs, *parts, scale, *ctx.settings)
    return (*_kept(needs, gradients), *(None,) * 10)


gopd_rows.register_autograd(_gopd_grad, setup_context=_setup_gopd)
forbid_double_backward(gopd_rows_backward, "gopd_loss")


# --- G-OPD as a weighted sum: the gradient is made in the forward ----------------------------------------------------


@torch.library.custom_op("composekit::gopd_triton_sum", mutates_args=())
def gopd_sum(
    weights: Tensor, needs: Sequence[bool], x: Tensor, weight: Tensor, bias: Tensor | None,
    t: Tensor | None, t_weight: Tensor | None, t_bias: Tensor | None,
    r: Tensor | None, r_weight: Tensor | None, r_bias: Tensor | None,
    scale: Tensor, temperature: float, chunk: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """sum(weights * values), the values [B, T] (zero where the weight is), and the sum's gradients as far as needed."""
    from composekit_kernels.triton import distill_heads

    with _quiet(x):
        student, *others = _heads((x, weight, bias, t, t_weight, t_bias, r, r_weight, r_bias))
        flat = weights.float().flatten().contiguous()
        value, (dx, dw, db) = distill_heads.weighted_sum(
            student, others, scale.flatten(), temperature, flat, list(needs), chunk
        )
        value = value.masked_fill(flat == 0, 0.0)
    return (value * flat).sum(), value.view(weights.shape), dx.view(x.shape) if needs[0] else dx, dw, db


@gopd_sum.register_fake
def _(weights, needs, x, weight, bias, *rest):  # type: ignore[no-untyped-def]
    values = x.new_empty(x.shape[:2], dtype=torch.float32)
    return values.new_empty(()), values, *_fake_gradients(needs, x, weight, bias)


@torch.library.custom_op("composekit::gopd_triton_scaled", mutates_args=())
def scaled(x: Tensor, factor: Tensor) -> Tensor:
    """x * factor in the dtype of x, not to be differentiated."""
    return (x * factor).to(x.dtype)


@scaled.register_fake
def _(x: Tensor, factor: Tensor) -> Tensor:
    return torch.empty_like(x)


def _setup_sum(ctx: Any, inputs: tuple, output: tuple) -> None:
    ctx.mark_non_differentiable(*output[1:])
    ctx.set_materialize_grads(False)
    ctx.save_for_backward(*output[2:])
    ctx.needs = list(inputs[1])


def _sum_grad(ctx: Any, grad: Tensor | None, *unused: None) -> tuple:
    if grad is None:
        return (None,) * 14
    gradients = [scaled(g, grad) if need else g for need, g in zip(ctx.needs, ctx.saved_tensors, strict=True)]
    return (None, None, *_kept(ctx.needs, gradients), *(None,) * 9)


gopd_sum.register_autograd(_sum_grad, setup_context=_setup_sum)
forbid_double_backward(scaled, "ExOPDLoss")


# --- selected log-probabilities --------------------------------------------------------------------------------------


@torch.library.custom_op("composekit::selected_logp_triton", mutates_args=())
def selected_rows(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, tokens: Tensor, temperature: float, chunk: int
) -> tuple[Tensor, Tensor]:
    """Log-probabilities [B, T, K] of ``tokens`` [B, T, K], and the log-sum-exp [B, T], float32."""
    from composekit_kernels.triton import distill_heads

    with _quiet(x):
        (student,) = _heads((x, weight, bias))
        logp, lse = distill_heads.selected(student, tokens.flatten(0, 1).contiguous(), temperature, chunk)
    return logp.view(tokens.shape), lse.clone().view(x.shape[:2])


@selected_rows.register_fake
def _(x, weight, bias, tokens, *rest):  # type: ignore[no-untyped-def]
    return x.new_empty(tokens.shape, dtype=torch.float32), x.new_empty(x.shape[:2], dtype=torch.float32)


@torch.library.custom_op("composekit::selected_logp_triton_backward", mutates_args=())
def selected_rows_backward(
    grad: Tensor, lse: Tensor, needs: Sequence[bool],
    x: Tensor, weight: Tensor | None, bias: Tensor | None, tokens: Tensor, temperature: float, chunk: int,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Gradients of input, weight and bias; an empty tensor for each that is not needed."""
    from composekit_kernels.triton import distill_heads

    with _quiet(x):
        (student,) = _heads((x, weight, bias))
        flat = tokens.flatten(0, 1).contiguous()
        dx, dw, db = distill_heads.selected_backward(
            student, flat, lse.flatten(), temperature, grad.float().reshape(flat.shape).contiguous(), list(needs), chunk
        )
    return dx.view(x.shape) if needs[0] else dx, dw, db


@selected_rows_backward.register_fake
def _(grad, lse, needs, x, weight, bias, *rest):  # type: ignore[no-untyped-def]
    return _fake_gradients(needs, x, weight, bias)


def _setup_selected(ctx: Any, inputs: tuple, output: tuple) -> None:
    x, weight, bias, tokens, temperature, chunk = inputs
    ctx.save_for_backward(output[1], x, weight, bias, tokens)
    ctx.mark_non_differentiable(output[1])
    ctx.set_materialize_grads(False)
    ctx.settings = temperature, chunk


def _selected_grad(ctx: Any, grad: Tensor | None, unused: None) -> tuple:
    if grad is None:
        return (None,) * 6
    lse, x, weight, bias, tokens = ctx.saved_tensors
    needs = list(ctx.needs_input_grad[:3])
    gradients = selected_rows_backward(grad, lse, needs, x, weight, bias, tokens, *ctx.settings)
    return (*_kept(needs, gradients), None, None, None)


selected_rows.register_autograd(_selected_grad, setup_context=_setup_selected)
forbid_double_backward(selected_rows_backward, "selected_logp")


# --- forward KL and Jensen-Shannon -------------------------------------------------------------------------------------


@torch.library.custom_op("composekit::divergence_triton", mutates_args=())
def pair_rows(
    x: Tensor, weight: Tensor | None, bias: Tensor | None, t: Tensor, t_weight: Tensor | None, t_bias: Tensor | None,
    beta: float | None, temperature: float, chunk: int,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:  # fmt: skip
    """Value, log-sum-exp of student and teacher, and a mean, float32 [B, T]; ``beta=None`` is the forward KL."""
    from composekit_kernels.triton import distill_heads

    with _quiet(x):
        student, teacher = _heads((x, weight, bias, t, t_weight, t_bias))
        rows = distill_heads.pair_forward(student, teacher, beta, temperature, chunk)
    value, lse, lse_t, mean = (row.clone().view(x.shape[:2]) for row in rows)
    return value, lse, lse_t, mean


@pair_rows.register_fake
def _(x, *rest):  # type: ignore[no-untyped-def]
    row = x.new_empty(x.shape[:2], dtype=torch.float32)
    return row, torch.empty_like(row), torch.empty_like(row), torch.empty_like(row)


@torch.library.custom_op("composekit::divergence_triton_backward", mutates_args=())
def pair_rows_backward(
    grad: Tensor, lse: Tensor, lse_t: Tensor, mean: Tensor, needs: Sequence[bool],
    x: Tensor, weight: Tensor | None, bias: Tensor | None, t: Tensor, t_weight: Tensor | None, t_bias: Tensor | None,
    beta: float | None, temperature: float, chunk: int,
) -> tuple[Tensor, Tensor, Tensor]:  # fmt: skip
    """Gradients of the student's input, weight and bias; an empty tensor for each that is not needed."""
    from composekit_kernels.triton import distill_heads

    with _quiet(x):
        student, teacher = _heads((x, weight, bias, t, t_weight, t_bias))
        saved = [row.flatten() for row in (lse, lse_t, mean)]
        flat = grad.float().flatten().contiguous()
        dx, dw, db = distill_heads.pair_backward(student, teacher, beta, temperature, saved, flat, list(needs), chunk)
    return dx.view(x.shape) if needs[0] else dx, dw, db


@pair_rows_backward.register_fake
def _(grad, lse, lse_t, mean, needs, x, weight, bias, *rest):  # type: ignore[no-untyped-def]
    return _fake_gradients(needs, x, weight, bias)


def _setup_pair(ctx: Any, inputs: tuple, output: tuple) -> None:
    *parts, beta, temperature, chunk = inputs
    ctx.save_for_backward(*output[1:], *parts)
    ctx.mark_non_differentiable(*output[1:])
    ctx.set_materialize_grads(False)
    ctx.settings = beta, temperature, chunk


def _pair_grad(ctx: Any, grad: Tensor | None, *unused: None) -> tuple:
    if grad is None:
        return (None,) * 9
    lse, lse_t, mean, *parts = ctx.saved_tensors
    needs = list(ctx.needs_input_grad[:3])
    gradients = pair_rows_backward(grad, lse, lse_t, mean, needs, *parts, *ctx.settings)
    return (*_kept(needs, gradients), *(None,) * 6)


pair_rows.register_autograd(_pair_grad, setup_context=_setup_pair)
forbid_double_backward(pair_rows_backward, "forward_kl and jsd")


# --- what the kernels table names ------------------------------------------------------------------------------------


def _parts(model: Model | None, *, detach: bool = False) -> tuple[Tensor | None, ...]:
    parts = (None, None, None) if model is None else (model, None, None) if isinstance(model, Tensor) else tuple(model)
    return tuple(x if x is None or not detach else x.detach() for x in parts)


def _scale(reward_scale: float | Tensor, x: Tensor) -> Tensor:
    """The reward scale as float32 [B, T]."""
    if isinstance(reward_scale, Tensor):
        spread = reward_scale.detach().to(x.device, torch.float32)
        return (spread.unsqueeze(-1) if spread.dim() == 1 else spread).expand(x.shape[:2]).contiguous()
    return torch.full(x.shape[:2], reward_scale, dtype=torch.float32, device=x.device)


def gopd(
    student: Model, teacher: Model | None, reference: Model | None, *,
    reward_scale: float | Tensor, temperature: float, normalize: bool = False, chunk_size: int | None = None,
) -> Tensor:  # fmt: skip
    """[B, T]: the loss of every token, from logits or from heads; a model may be None where its coefficient is zero."""
    x, weight, bias = _parts(student)
    assert x is not None
    others = *_parts(teacher, detach=True), *_parts(reference, detach=True)
    scale = _scale(reward_scale, x)
    return gopd_rows(x, weight, bias, *others, scale, temperature, normalize, chunk_size or 0)[0]


def linear_gopd_sum(
    student: Model, teacher: Model | None, reference: Model | None, weights: Tensor, *,
    reward_scale: float | Tensor, temperature: float, chunk_size: int | None = None,
) -> tuple[Tensor, Tensor]:  # fmt: skip
    """sum(weights * loss) and the losses [B, T], from heads; the gradient of the sum is ready when the forward is."""
    x, weight, bias = _parts(student)
    assert x is not None
    needs = [torch.is_grad_enabled() and p is not None and p.requires_grad for p in (x, weight, bias)]
    others = *_parts(teacher, detach=True), *_parts(reference, detach=True)
    scale = _scale(reward_scale, x)
    loss, values, *_ = gopd_sum(weights.detach(), needs, x, weight, bias, *others, scale, temperature, chunk_size or 0)
    return loss, values


def selected_logp(model: Model, tokens: Tensor, *, temperature: float, chunk_size: int | None = None) -> Tensor:
    """Log-probabilities of ``tokens`` [B, T] or [B, T, K], in their shape."""
    wide = tokens if tokens.dim() == 3 else tokens.unsqueeze(-1)
    x, weight, bias = _parts(model)
    assert x is not None
    return selected_rows(x, weight, bias, wide.long(), temperature, chunk_size or 0)[0].view(tokens.shape)


def divergence(
    student: Model, teacher: Model, *, beta: float | None, temperature: float, chunk_size: int | None = None
) -> Tensor:
    """[B, T]: the forward KL (``beta=None``), or the Jensen-Shannon divergence strictly between the two KLs."""
    x, weight, bias = _parts(student)
    t, t_weight, t_bias = _parts(teacher, detach=True)
    assert x is not None
    assert t is not None
    return pair_rows(x, weight, bias, t, t_weight, t_bias, beta, temperature, chunk_size or 0)[0]
