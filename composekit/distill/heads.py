"""Hidden states with the output head that turns them into logits, and what the losses ask of their models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from composekit._errors import ShapeError, bad_type, bad_value, check_shapes, message
from composekit.distill._checks import floating
from composekit.distill._lost import lost_to


class LinearHead(NamedTuple):
    r"""Hidden states and the output projection after them: logits :math:`h W^\top + b` that nobody has to store.

    A hidden state of 2,560 bf16 numbers takes 5 KB a token, its logits over 151,936 tokens 304 KB; teachers on other
    machines are better asked for the former.

    Args:
        hidden: [B, T, D], any floating dtype; the last hidden state, after the final norm.
        weight: [V, D], the output embedding (often tied to the input embedding); may have another floating dtype.
        bias: [V] or None.

    Raises:
        ShapeError: the shapes contradict each other.
        ArgumentTypeError: something is not a floating-point tensor.
        ArgumentError: hidden and weight are on different devices.

    Example:
        >>> head = LinearHead(torch.randn(2, 3, 8), torch.randn(100, 8))
        >>> head.vocabulary, head.logits().shape
        (100, torch.Size([2, 3, 100]))
        >>> LinearHead(torch.randn(2, 3, 8), torch.randn(100, 9))
        Traceback (most recent call last):
            ...
        composekit._errors.ShapeError: LinearHead: weight must have shape [V, D=8]; got [100, 9]. Sizes given with = are ...
    """

    hidden: Tensor
    weight: Tensor
    bias: Tensor | None = None

    @property
    def vocabulary(self) -> int:
        """V."""
        return self.weight.shape[0]

    def logits(self) -> Tensor:
        """[B, T, V]: what the losses avoid; for tests and for small vocabularies. float32, or float64 if anything is."""
        dtype = head_dtype(self)
        bad = ~self.hidden.isfinite().all(-1, keepdim=True)
        with torch.autocast(self.hidden.device.type, enabled=False):  # zero times NaN would reach the weight's gradient
            out = lost_to(self.hidden, bad, 0.0).to(dtype) @ self.weight.to(dtype).T
        if self.bias is not None:
            out = out + self.bias.to(dtype)
        return lost_to(out, bad, torch.nan)


_construct: Any = LinearHead.__new__


def _construct_checked(cls: type[LinearHead], hidden: Tensor, weight: Tensor, bias: Tensor | None = None) -> LinearHead:
    head = _construct(cls, hidden, weight, bias)
    # Dynamo of torch 2.11 builds named tuples of its own stand-ins for tensors; the losses check their heads again.
    if not type(hidden).__module__.startswith("torch._dynamo."):
        check_head("LinearHead", "", head)
    return head


LinearHead.__new__ = _construct_checked  # type: ignore[assignment]  # typing.NamedTuple allows no __new__ in the class

Model = Tensor | LinearHead


def check_head(op: str, prefix: str, head: LinearHead) -> None:
    """Shapes, dtypes and devices of one head; ``prefix`` is ``"student."`` and so on."""
    dot = prefix + "." if prefix else ""
    floating(op, f"{dot}hidden", head.hidden)
    floating(op, f"{dot}weight", head.weight)
    check_shapes(op, **{f"{dot}hidden": (head.hidden, "B T D"), f"{dot}weight": (head.weight, "V D")})
    rest = {f"{dot}weight": head.weight}
    if head.bias is not None:
        floating(op, f"{dot}bias", head.bias)
        check_shapes(op, **{f"{dot}weight": (head.weight, "V D"), f"{dot}bias": (head.bias, "V")})
        rest[f"{dot}bias"] = head.bias
    for name, x in rest.items():
        if x.device != head.hidden.device:
            raise bad_value(op, name, f"be on {head.hidden.device}", x.device, "Move the head to the hidden states")


def head_dtype(*models: Model) -> torch.dtype:
    """The dtype of statistics: float64 where any tensor of any model has it, else float32."""
    for model in models:
        for x in model if isinstance(model, LinearHead) else (model,):
            if x is not None and x.dtype == torch.float64:
                return torch.float64
    return torch.float32


def vocabulary(model: Model) -> int:
    """V of logits or of a head."""
    return model.vocabulary if isinstance(model, LinearHead) else model.shape[-1]


def leading(model: Model) -> Tensor:
    """The tensor whose first two axes are [B, T]: the logits or the hidden states."""
    return model.hidden if isinstance(model, LinearHead) else model


def check_model(op: str, argument: str, model: object, *, kinds: Sequence[type] = (Tensor, LinearHead)) -> Model:
    """Logits [B, T, V] or a head, of the kinds that the operation takes."""
    if isinstance(model, LinearHead) and LinearHead in kinds:
        check_head(op, argument, model)
        return model
    if isinstance(model, Tensor) and Tensor in kinds:
        floating(op, argument, model)
        check_shapes(op, **{argument: (model, "B T V")})
        return model
    wanted = " or ".join({Tensor: "a tensor of logits [B, T, V]", LinearHead: "a LinearHead"}[kind] for kind in kinds)
    hint = "Wrap it: LinearHead(hidden, weight, bias)" if LinearHead in kinds else "Pass logits"
    got = "a LinearHead" if isinstance(model, LinearHead) else type(model).__name__
    if got == "a LinearHead":
        hint = "Use the linear_ form of this loss"
    raise bad_type(op, argument, f"be {wanted}", got, hint)


def check_against(op: str, argument: str, model: Model, student: Model) -> None:
    """A teacher or reference must share batch, time and device with the student."""
    x, s = leading(model), leading(student)
    if x.shape[:2] != s.shape[:2]:
        repair = "Score the student's own tokens, with the same padding"
        want = f"have batch and time {list(s.shape[:2])} like the student"
        raise ShapeError(message(op, argument, want, list(x.shape[:2]), repair))
    if x.device != s.device:
        raise bad_value(op, argument, f"be on {s.device} like the student", x.device, "Move it there")


def cut(model: Model, size: int) -> Model:
    """The first ``size`` tokens of the vocabulary, as a view."""
    if vocabulary(model) == size:
        return model
    if isinstance(model, LinearHead):
        return LinearHead(model.hidden, model.weight[:size], None if model.bias is None else model.bias[:size])
    return model[..., :size]


def align(op: str, models: dict[str, Model], how: str | int | None) -> dict[str, Model]:
    """Models over one vocabulary: as they are when sizes agree, else cut to the shared prefix when told so.

    Never pads: a padded logit of 0 is real probability mass.
    """
    sizes = {name: vocabulary(model) for name, model in models.items()}
    least = min(sizes.values())
    if how is None:
        if len(set(sizes.values())) > 1:
            first = next(iter(sizes))
            name = next(n for n in sizes if sizes[n] != sizes[first])
            repair = "Pass align_vocab='prefix' if the smaller vocabulary is a prefix of the larger, or its size"
            raise ShapeError(message(op, name, f"have the vocabulary of {first}, {sizes[first]}", sizes[name], repair))
        return models
    if isinstance(how, bool) or not (how == "prefix" or isinstance(how, int)):
        raise bad_value(op, "align_vocab", "be None, 'prefix' or a number of tokens", repr(how), "Pass 'prefix'")
    size = least if how == "prefix" else int(how)
    if not 0 < size <= least:
        raise bad_value(op, "align_vocab", f"be from 1 to the smallest vocabulary, {least}", how, "Pass 'prefix'")
    return {name: cut(model, size) for name, model in models.items()}
