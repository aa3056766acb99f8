"""The only place that averages."""

from __future__ import annotations

import torch
from torch import Tensor

from composekit._errors import ShapeError, bad_type, bad_value, check_shapes, message
from composekit.distill import _checks

MODES = ("token_mean", "sequence_mean", "sequence_sum")


def reduce(
    per_token: Tensor,
    mask: Tensor | None,
    *,
    mode: str = "token_mean",
    cu_seqlens: Tensor | None = None,
    denominator: float | Tensor | None = None,
) -> Tensor:
    r"""Average a loss over tokens and sequences.

    .. math::
        \text{token\_mean} = \frac{\sum m\,l}{\sum m}, \quad
        \text{sequence\_mean} = \frac{1}{N} \sum_n \frac{\sum_{t \in n} m_t l_t}{\sum_{t \in n} m_t}, \quad
        \text{sequence\_sum} = \frac{1}{N} \sum_n \sum_{t \in n} m_t l_t

    N counts the sequences with at least one token. ``denominator`` replaces the divisor (the number of tokens in
    ``token_mean``, N in the others): pass that of the whole batch, and micro-batches, accumulation and data parallelism add
    up to the same gradient, however the batch was split.

    Args:
        per_token: [B, T], floating point.
        mask: bool [B, T], True keeps; None keeps everything.
        mode: One of the three above.
        cu_seqlens: int32 [N + 1], boundaries of packed sequences in a batch [1, T]; by default each row is a sequence.
        denominator: A number above 0, or a tensor with one element.

    Returns:
        A scalar, float32 or wider; 0 where nothing is kept. What is masked is not read, infinite or not.

    Raises:
        ShapeError: shapes that differ.
        ArgumentTypeError: the mask is not bool, ``per_token`` not floating point.
        ArgumentError: an unknown mode, a denominator that is not above 0, boundaries that do not rise from 0 to T.

    Guarantees:
        compile: No graph break with ``fullgraph=True``.

    Example:
        >>> loss = torch.tensor([[1.0, 2.0, 9.0], [6.0, 9.0, 9.0]])
        >>> mask = torch.tensor([[True, True, False], [True, False, False]])
        >>> [reduce(loss, mask, mode=mode).item() for mode in ("token_mean", "sequence_mean", "sequence_sum")]
        [3.0, 3.75, 4.5]
        >>> halves = [reduce(loss[i : i + 1], mask[i : i + 1], denominator=3) for i in (0, 1)]
        >>> sum(halves).item()
        3.0

    Source: the averages of DAPO (arXiv 2503.14476) and Dr. GRPO (arXiv 2503.20783), with the divisor named.
    """
    op = "reduce"
    per_token = _checks.floating(op, "per_token", per_token)
    check_shapes(op, per_token=(per_token, "B T"))
    if per_token.dtype not in (torch.float32, torch.float64):
        per_token = per_token.float()
    weights = token_weights(op, per_token, mask, mode, cu_seqlens, denominator)
    kept = per_token if mask is None else per_token.masked_fill(~mask, 0.0)
    return (kept * weights).sum()


def token_weights(
    op: str,
    like: Tensor,
    mask: Tensor | None,
    mode: str,
    cu_seqlens: Tensor | None,
    denominator: float | Tensor | None,
) -> Tensor:
    """[B, T]: the weight of each token in the reduction, so that the result is the weighted sum."""
    shape = like.shape[:2]
    if mode not in MODES:
        raise bad_value(op, "mode", f"be one of {', '.join(MODES)}", repr(mode), "Pick one of them")
    keep = like.new_ones(shape) if mask is None else _checks.mask_of(op, mask, shape).to(like.dtype)
    divisor = None if denominator is None else _divisor(op, denominator, like)
    if cu_seqlens is not None:
        cu_seqlens = _checks.lengths(op, cu_seqlens, shape)
    if mode == "token_mean":
        return keep / (keep.sum().clamp(min=1.0) if divisor is None else divisor)
    counts, per_position = _counts(keep, cu_seqlens)
    if divisor is None:
        divisor = (counts > 0).sum().clamp(min=1).to(like.dtype)
    return keep / divisor if mode == "sequence_sum" else keep / (per_position.clamp(min=1.0) * divisor)


def _divisor(op: str, denominator: float | Tensor, like: Tensor) -> float | Tensor:
    if not isinstance(denominator, Tensor):
        return _checks.number(op, "denominator", denominator, above=0.0)
    if denominator.numel() != 1:
        got = list(denominator.shape)
        raise ShapeError(message(op, "denominator", "hold one number", got, "Sum it over the batch first"))
    if denominator.dtype == torch.bool:
        raise bad_type(op, "denominator", "be a number", denominator.dtype, "Pass mask.sum()")
    one = denominator.detach().reshape(()).to(like.device, like.dtype)
    one = _checks.checked(one, op, "denominator", "positive")
    return one


def _counts(keep: Tensor, cu_seqlens: Tensor | None) -> tuple[Tensor, Tensor]:
    """Kept tokens of each sequence, and at each position those of its sequence."""
    if cu_seqlens is None:
        counts = keep.sum(-1)
        return counts, counts[:, None].expand(keep.shape)
    segment = segments(cu_seqlens, keep.shape[1])
    counts = keep.new_zeros(cu_seqlens.numel() - 1).scatter_add(0, segment, keep[0])
    return counts, counts[segment][None]


def segments(cu_seqlens: Tensor, time: int) -> Tensor:
    """[T]: which packed sequence each position belongs to."""
    ends = cu_seqlens[1:].contiguous()
    return torch.searchsorted(ends, torch.arange(time, device=ends.device, dtype=ends.dtype), right=True)
