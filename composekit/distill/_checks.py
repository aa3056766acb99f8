"""Checks of arguments that the losses share. Metadata is checked always; data on the CPU, compiled or not."""

from __future__ import annotations

import math
from collections.abc import Sequence
from numbers import Real

import torch
from torch import Tensor

from composekit._debug import debugging
from composekit._errors import ArgumentError, ShapeError, bad_type, bad_value, message

# What a tensor of data must obey, in the words of the error.
_RULES = {
    "scale": ("hold finite numbers of at least 0", "Schedules and per-teacher scales stay at 0 or above"),
    "positive": ("be finite and above 0", "Pass the number of tokens or sequences of the whole batch"),
    "finite": ("hold finite numbers", "Look for an overflow before this call"),
    "logp": ("hold log-probabilities (no NaN, nothing above 0)", "Pass log-probabilities, not probabilities or logits"),
    "number": ("hold numbers or infinities, no NaN", "Look for an overflow before this call"),
    "rows": (
        "hold in every row at least one finite logit, beside that finite logits or -inf",
        "Look for an overflow, or for a mask that leaves a row empty",
    ),
}
_SLACK = 1e-3  # log-probabilities that were computed in low precision may round to just above 0


def _broken(x: Tensor, rule: str) -> Tensor:
    if rule == "scale":
        return ~(x.isfinite() & (x >= 0))
    if rule == "positive":
        return ~(x.isfinite() & (x > 0))
    if rule in ("finite", "rows"):
        return ~x.isfinite()
    if rule == "logp":
        return ~(x <= _SLACK)
    return x.isnan()


def on_host(x: Tensor) -> bool:
    """Whether looking at the data of a tensor waits for no device."""
    return x.device.type == "cpu"


def seen(x: Tensor) -> bool:
    """Whether to look at the data of a tensor: on the CPU, and everywhere inside ``composekit.debug()``."""
    return bool(x.numel()) and (on_host(x) or debugging())


def inspect(x: Tensor, op: str, argument: str, rule: str) -> None:
    """Raise where the data of a tensor that may be looked at breaks the rule."""
    if not seen(x):
        return
    broken = _broken(x, rule)
    if bool(broken.any()):
        where = tuple(broken.nonzero()[0].tolist())
        must, repair = _RULES[rule]
        got = f"{float(x[where])} at {list(where)}" if rule != "rows" else f"position {list(where)} without"
        raise ArgumentError(message(op, argument, must, got, repair))


@torch.library.custom_op("composekit::distill_checked", mutates_args=())
def _checked(x: Tensor, op: str, argument: str, rule: str) -> Tensor:
    inspect(x, op, argument, rule)
    return x.clone()


@_checked.register_fake
def _(x: Tensor, op: str, argument: str, rule: str) -> Tensor:
    return torch.empty_like(x)


_checked.register_autograd(lambda ctx, grad: (grad, None, None, None))


def checked(x: Tensor, op: str, argument: str, rule: str) -> Tensor:
    """``x``, after its data obeyed the rule; inside a compiled graph an operator looks when the graph runs."""
    if torch.compiler.is_compiling():
        return _checked(x, op, argument, rule)
    inspect(x, op, argument, rule)
    return x


@torch.library.custom_op("composekit::distill_checked_tokens", mutates_args=())
def _checked_tokens(tokens: Tensor, op: str, argument: str, vocabulary: int, distinct: bool) -> Tensor:
    _inspect_tokens(tokens, op, argument, vocabulary, distinct)
    return tokens.clone()


@_checked_tokens.register_fake
def _(tokens: Tensor, op: str, argument: str, vocabulary: int, distinct: bool) -> Tensor:
    return torch.empty_like(tokens)


def _inspect_tokens(tokens: Tensor, op: str, argument: str, vocabulary: int, distinct: bool) -> None:
    if not seen(tokens):
        return
    low, high = int(tokens.min()), int(tokens.max())
    if low < 0 or high >= vocabulary:
        found = low if low < 0 else high
        repair = "Mask padding instead of marking it with -100" if found == -100 else "Check tokenizer and vocabulary"
        raise bad_value(op, argument, f"lie in [0, {vocabulary})", found, repair)
    if distinct:
        ordered = tokens.sort(-1).values
        twice = (ordered[..., 1:] == ordered[..., :-1]).nonzero()
        if len(twice):
            where = twice[0].tolist()
            got = f"{int(ordered[tuple(where)])} twice at {where[:-1]}"
            raise bad_value(op, argument, "name every token once a position", got, "Its mass would count twice")


def checked_tokens(
    op: str,
    tokens: Tensor,
    shape: Sequence[int],
    vocabulary: int,
    argument: str = "tokens",
    *,
    distinct: bool = False,
) -> Tensor:
    """Token ids of the given shape, as int64, inside the vocabulary; ``distinct`` along the last axis."""
    if not isinstance(tokens, Tensor) or tokens.dtype not in (torch.int64, torch.int32, torch.int16, torch.uint8):
        raise bad_type(op, argument, "be an integer tensor", _kind(tokens), "Pass token ids")
    _same_shape(op, argument, tokens, shape)
    if torch.compiler.is_compiling():
        return _checked_tokens(tokens, op, argument, vocabulary, distinct).long()
    _inspect_tokens(tokens, op, argument, vocabulary, distinct)
    return tokens.long()


def _kind(x: object) -> str:
    return str(x.dtype) if isinstance(x, Tensor) else type(x).__name__


def _same_shape(op: str, argument: str, x: Tensor, shape: Sequence[int]) -> None:
    if tuple(x.shape) != tuple(shape):
        repair = "Sizes follow from the other arguments"
        raise ShapeError(message(op, argument, f"have shape {list(shape)}", list(x.shape), repair))


def number(op: str, argument: str, value: object, *, low: float = -math.inf, above: float = -math.inf) -> float:
    """A finite real number, at least ``low`` and strictly above ``above``."""
    if isinstance(value, bool) or not isinstance(value, Real):
        raise bad_type(op, argument, "be a number", _kind(value), "Pass a float")
    x = float(value)
    if not (-math.inf < x < math.inf and x >= low and x > above):  # isfinite would not trace
        rule = "be finite" + (f" and above {above:g}" if above > -math.inf else f" and at least {low:g}")
        raise bad_value(
            op, argument, rule if max(low, above) > -math.inf else "be finite", value, "Pass a valid number"
        )
    return x


def temperature(op: str, value: object) -> float:
    """A temperature: a finite number above 0."""
    return number(op, "temperature", value, above=0.0)


def floating(op: str, argument: str, x: object) -> Tensor:
    """A floating-point tensor."""
    if not isinstance(x, Tensor):
        raise bad_type(op, argument, "be a tensor", _kind(x), "Pass a floating-point tensor")
    if not x.is_floating_point():
        raise bad_type(op, argument, "have a floating-point dtype", x.dtype, "Convert it, or pass the right tensor")
    return x


def per_token(
    op: str,
    argument: str,
    x: object,
    shape: Sequence[int],
    *,
    rule: str | None = None,
    device: torch.device | None = None,
) -> Tensor:
    """A floating-point tensor of shape [B, T]."""
    x = floating(op, argument, x)
    _same_shape(op, argument, x, shape)
    if device is not None and x.device != device:
        raise bad_value(op, argument, f"be on {device}", x.device, f"Move it: {argument}.to({str(device)!r})")
    return checked(x, op, argument, rule) if rule else x


def mask_of(op: str, mask: object, shape: Sequence[int]) -> Tensor:
    """A bool mask of shape [B, T]; True keeps."""
    if not isinstance(mask, Tensor) or mask.dtype != torch.bool:
        repair = "Convert it: mask.bool(); True keeps a token"
        raise bad_type(op, "mask", "be a bool tensor", _kind(mask), repair)
    _same_shape(op, "mask", mask, shape)
    return mask


def scale(
    op: str, value: float | Tensor, shape: Sequence[int], device: torch.device, dtype: torch.dtype
) -> float | Tensor:
    """The reward scale: a float, or a tensor [B] or [B, T], which comes back as [B, T] in ``dtype``."""
    if not isinstance(value, Tensor):
        return number(op, "reward_scale", value, low=0.0)
    batch, time = shape
    x = floating(op, "reward_scale", value)
    if tuple(x.shape) not in ((batch,), (batch, time)):
        repair = "Pass a float for one scale, [B] for one a sample, [B, T] for one a token"
        raise ShapeError(
            message(op, "reward_scale", f"have shape [{batch}] or [{batch}, {time}]", list(x.shape), repair)
        )
    if x.device != device:
        raise bad_value(op, "reward_scale", f"be on {device}", x.device, "Move it to the device of the logits")
    x = checked(x.detach(), op, "reward_scale", "scale").to(dtype)
    return x[:, None].expand(batch, time) if x.dim() == 1 else x


def models_needed(
    op: str, teacher: object, reference: object, reward_scale: float | Tensor, names: Sequence[str]
) -> None:
    """Raise where a model that the reward scale calls for is missing."""
    fixed = None if isinstance(reward_scale, Tensor) else reward_scale
    for model, needless, name, sentence in (
        (teacher, 0.0, names[0], "0.0, which asks for KL to the reference alone"),
        (reference, 1.0, names[1], "1.0, where the reference drops out"),
    ):
        if model is None and fixed != needless:
            got = f"None at reward_scale={fixed}" if fixed is not None else "None with a tensor reward_scale"
            raise bad_value(op, name, f"be given unless reward_scale is the float {sentence}", got, f"Pass {name}")


def lengths(op: str, cu_seqlens: object, shape: Sequence[int]) -> Tensor:
    """Boundaries of packed sequences, int32 [N + 1], in a batch of one row."""
    if not isinstance(cu_seqlens, Tensor) or cu_seqlens.dtype not in (torch.int32, torch.int64):
        raise bad_type(op, "cu_seqlens", "be an int32 tensor", _kind(cu_seqlens), "Convert it: cu_seqlens.int()")
    if cu_seqlens.dim() != 1 or cu_seqlens.numel() < 1:
        got = list(cu_seqlens.shape)
        raise ShapeError(message(op, "cu_seqlens", "have shape [N + 1]", got, "Pass the cumulative lengths"))
    if shape[0] != 1:
        repair = "Packed batches are [1, T]; leave cu_seqlens out of padded ones"
        raise ShapeError(message(op, "cu_seqlens", "come with a batch of one row", f"{shape[0]} rows", repair))
    if torch.compiler.is_compiling():
        return _checked_lengths(cu_seqlens, op, shape[1])
    _inspect_lengths(cu_seqlens, op, shape[1])
    return cu_seqlens


def _inspect_lengths(cu_seqlens: Tensor, op: str, time: int) -> None:
    good = (cu_seqlens[0] == 0) & (cu_seqlens[-1] == time) & (cu_seqlens[1:] >= cu_seqlens[:-1]).all()
    if not seen(cu_seqlens):
        torch._assert_async(good)
    elif not bool(good):
        rule = f"rise from 0 to T={time}"
        raise bad_value(op, "cu_seqlens", rule, cu_seqlens.tolist(), "Pass cumulative lengths of all sequences")


@torch.library.custom_op("composekit::distill_checked_lengths", mutates_args=())
def _checked_lengths(cu_seqlens: Tensor, op: str, time: int) -> Tensor:
    _inspect_lengths(cu_seqlens, op, time)
    return cu_seqlens.clone()


@_checked_lengths.register_fake
def _(cu_seqlens: Tensor, op: str, time: int) -> Tensor:
    return torch.empty_like(cu_seqlens)


def wide(*tensors: Tensor | None) -> torch.dtype:
    """The dtype of statistics: float64 where an argument has it, else float32."""
    return torch.float64 if any(x is not None and x.dtype == torch.float64 for x in tensors) else torch.float32
