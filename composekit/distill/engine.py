"""From checked models to values: which implementation runs, and how it is called."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import torch
from torch import Tensor

from composekit._debug import debugging
from composekit._dispatch import choose, describe, kernel
from composekit.distill import _checks, operators, reference
from composekit.distill.heads import LinearHead, Model, align, check_against, check_model, head_dtype, leading
from composekit.distill.mixing import Coefficient, scaled_pair
from composekit.distill.teachers import Part, Teachers
from composekit_kernels.dispatch import Call


def call_facts(student: Model, features: Sequence[str] = (), others: Sequence[Model | None] = ()) -> Call:
    """What the choice of an implementation may depend on: also whether heads meet logits, and the widest dtype."""
    models = [student, *(model for model in others if model is not None)]
    mixed = len({isinstance(model, LinearHead) for model in models}) > 1
    call = describe(leading(student), features=[*features, *["mixed"] * mixed])
    return replace(call, dtype="float64") if head_dtype(*models) == torch.float64 else call


def triple(model: Model) -> list[Tensor]:
    """Input, weight, bias, with empty tensors for what there is not, and no gradient."""
    none = leading(model).new_zeros(0)
    if isinstance(model, LinearHead):
        bias = none if model.bias is None else model.bias.detach()
        return [model.hidden.detach(), model.weight.detach(), bias]
    return [model.detach(), none, none]


def student_parts(model: Model) -> tuple[Tensor, Tensor | None, Tensor | None]:
    """Input, weight, bias of the student, with their gradients."""
    return (model.hidden, model.weight, model.bias) if isinstance(model, LinearHead) else (model, None, None)


def split(coefficients: Sequence[Coefficient], student: Model) -> tuple[list[float], Tensor]:
    """Coefficients as floats, or as one tensor [J, B, T] where any of them is a tensor."""
    x = leading(student)
    if not any(isinstance(c, Tensor) for c in coefficients):
        return [float(c) for c in coefficients], x.new_zeros(0)
    rows = [c if isinstance(c, Tensor) else x.new_full(x.shape[:2], c, dtype=torch.float64) for c in coefficients]
    return [0.0] * len(rows), torch.stack([r.detach().double() for r in rows])  # the floats are then not read


def mixture_chunked(
    student: Model,
    models: Sequence[Model],
    coefficients: Sequence[Coefficient],
    *,
    temperature: float,
    op: str,
    names: Sequence[str],
    normalize: bool = False,
    chunk_size: int | None = None,
) -> Tensor:
    """[B, T] through the chunked operator."""
    floats, rows = split(coefficients, student)
    tensors = [x for model in models for x in triple(model)]
    return operators.mixture_rows(
        *student_parts(student), tensors, floats, rows, temperature, normalize, chunk_size or 0, op, "\n".join(names)
    )[0]


def plain_logits(model: Model, dead: Tensor | None = None) -> Tensor:
    """Logits, made if need be; zeros in the rows [B, T] that are ``dead``, whatever these hold."""
    if dead is None:
        return model.logits() if isinstance(model, LinearHead) else model
    fill = dead.unsqueeze(-1)
    if isinstance(model, LinearHead):  # hidden states too: zero times NaN would reach the head
        model = LinearHead(model.hidden.masked_fill(fill, 0.0), model.weight, model.bias).logits()
    return model.masked_fill(fill, 0.0)


def mixture_reference(
    student: Model,
    models: Sequence[Model],
    coefficients: Sequence[Coefficient],
    *,
    temperature: float,
    op: str,
    names: Sequence[str],
    normalize: bool = False,
    chunk_size: int | None = None,
    dead: Tensor | None = None,
) -> Tensor:
    """[B, T] through whole rows of logits, of which those that are ``dead`` are not read."""
    dtype = head_dtype(student, *models)
    with torch.autocast(leading(student).device.type, enabled=False):
        return reference.mixture_loss(
            plain_logits(student, dead),
            [plain_logits(model, dead) for model in models],
            [c.to(dtype) if isinstance(c, Tensor) else c for c in coefficients],
            temperature=temperature,
            normalize=normalize,
            dtype=dtype,
            op=op,
            names=names,
        )


MIXTURES: dict[str, Callable[..., Tensor]] = {"chunked": mixture_chunked, "reference": mixture_reference}


# --- what every loss against teacher and reference does first ----------------------------------------------------------


class Target(NamedTuple):
    """A checked call: the student, and the models that its target mixes."""

    student: Model
    models: list[Model]
    coefficients: list[Coefficient]
    names: list[str]  # of the student and of the models
    temperature: float
    pair: tuple[Model | None, Model | None, Coefficient] | None  # teacher, reference, scale, where there are no others

    def parts(self) -> list[Part]:
        """Names, models and coefficients of all that is read; the student's is 1."""
        return list(zip(self.names, [self.student, *self.models], [1.0, *self.coefficients], strict=True))


def prepare(
    op: str,
    student: Model,
    teacher: Model | Teachers | None,
    reference: Model | None,
    reward_scale: float | Tensor,
    temperature: float,
    align_vocab: str | int | None,
    names: tuple[str, str, str],
    kinds: Sequence[type],
) -> Target:
    """Check the arguments of a loss and bring teacher and reference, or several teachers, into one form."""
    temperature = _checks.temperature(op, temperature)
    student = check_model(op, names[0], student, kinds=kinds)
    shape, device = leading(student).shape[:2], leading(student).device
    scale = _checks.scale(op, reward_scale, shape, device, torch.float64)
    pair = None
    if isinstance(teacher, Teachers):
        parts = teacher.mixture(op, reference, scale, shape, device, names[2])
    else:
        _checks.models_needed(op, teacher, reference, scale, names[1:])
        both, coefficients = scaled_pair((names[1], teacher), (names[2], reference), scale)
        parts = [(name, model, c) for (name, model), c in zip(both, coefficients, strict=True)]
    models: dict[str, Model] = {names[0]: student}
    for name, model in ((names[1], None if isinstance(teacher, Teachers) else teacher), (names[2], reference)):
        if model is not None:  # also one that the scale switches off must be of the right kind
            check_against(op, name, check_model(op, name, model, kinds=kinds), student)
            models[name] = model
    for name, model, _ in parts:
        check_against(op, name, check_model(op, name, model, kinds=kinds), student)
        models[name] = model
    aligned = align(op, models, align_vocab)
    if not isinstance(teacher, Teachers):
        pair = aligned.get(names[1]), aligned.get(names[2]), scale
    chosen = [name for name, _, _ in parts]
    coefficients = [c for _, _, c in parts]
    return Target(aligned[names[0]], [aligned[n] for n in chosen], coefficients, [names[0], *chosen], temperature, pair)


def _features(target: Target) -> list[str]:
    return ["teachers"] if target.pair is None else ["scale_tensor"] * isinstance(target.pair[2], Tensor)


def run_target(op: str, key: str, impl: str, target: Target, dead: Tensor | None = None, **options: Any) -> Tensor:
    """[B, T] of a checked call, through the kernels table where teacher and reference are all there is.

    Rows that are ``dead`` [B, T] may hold anything; only the reference implementation needs to know.
    """
    common = {"temperature": target.temperature, **options}
    portable = {
        name: partial(run, target.student, target.models, target.coefficients, op=op, names=target.names, **common)
        for name, run in MIXTURES.items()
    }
    portable["reference"] = partial(portable["reference"], dead=dead)
    features = [*_features(target), *["normalize"] * bool(options.get("normalize"))]
    name, run = choose(key, impl, call_facts(target.student, features, target.models), portable)
    if name in portable or target.pair is None:
        return run()
    look(op, target.temperature, target.parts(), dead)
    teacher, reference, scale = target.pair
    return run(target.student, teacher, reference, reward_scale=scale, **common)


def look(op: str, temperature: float, parts: Iterable[Part], dead: Tensor | None = None) -> None:
    """What a kernel leaves out: inside ``composekit.debug()``, raise where a row that is read is bad."""
    if not debugging() or torch.compiler.is_compiling():
        return
    for name, model, c in parts:
        x, weight, bias = student_parts(model)
        for unread in (dead, c == 0 if isinstance(c, Tensor) else None):
            x = x if unread is None else x.masked_fill(unread.unsqueeze(-1), 0.0)
        nothing = torch.zeros((*x.shape[:2], 0), dtype=torch.int64, device=x.device)
        with torch.no_grad():
            operators.selected_rows(x, weight, bias, nothing, temperature, 0, op, name)


def weighted_sum(op: str, impl: str, target: Target, weights: Tensor, chunk_size: int | None) -> tuple[Tensor, Tensor]:
    """sum(weights * loss), and the losses [B, T] without gradient, 0 where the weight is. Such rows are not read."""
    dead, linear = weights == 0, isinstance(target.student, LinearHead)
    facts = call_facts(target.student, _features(target), target.models)
    fused = kernel("linear_gopd_sum", impl, facts) if linear and target.pair is not None else None
    if fused is not None and target.pair is not None:
        look(op, target.temperature, target.parts(), dead)
        teacher, reference, scale = target.pair
        options = {"reward_scale": scale, "temperature": target.temperature, "chunk_size": chunk_size}
        return fused[1](target.student, teacher, reference, weights, **options)
    if impl == "chunked" or (impl == "auto" and (linear or kernel("gopd", impl, facts) is None)):
        return _sum_chunked(op, target, weights, chunk_size)
    key = "linear_gopd" if linear else "gopd"
    values = run_target(op, key, impl, target, dead, chunk_size=chunk_size, normalize=False).masked_fill(dead, 0.0)
    return (values * weights).sum(), values.detach()


def _sum_chunked(op: str, target: Target, weights: Tensor, chunk_size: int | None) -> tuple[Tensor, Tensor]:
    floats, rows = split(target.coefficients, target.student)
    parts = student_parts(target.student)
    models = [x for model in target.models for x in triple(model)]
    settings = (target.temperature, chunk_size or 0, op, "\n".join(target.names))
    return operators.mixture_sum(weights, needed(parts), *parts, models, floats, rows, *settings)[:2]


def needed(parts: Sequence[Tensor | None]) -> list[bool]:
    """Which gradients a forward that makes them should make."""
    return [torch.is_grad_enabled() and x is not None and x.requires_grad for x in parts]
