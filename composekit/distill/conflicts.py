"""Where several teachers disagree."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from composekit._errors import bad_type, bad_value
from composekit.distill import _checks
from composekit.distill.heads import LinearHead, leading
from composekit.distill.selecting import selected_logp
from composekit.distill.teachers import Teachers


class Conflict(NamedTuple):
    """The result of :func:`conflict`, each [B, T] at the tokens in question.

    Attributes:
        spread: Standard deviation of the teachers' implicit rewards, in nats; 0 for a single teacher.
        opposed: bool, whether one teacher likes the token better than its reference and another likes it less.
        merged: The sum of the rewards that mixing would use, each times its weight and scale.
        cancelled: The share of the rewards' total size that mixing loses to opposite signs, from 0 to 1.

    Example:
        >>> Conflict(*torch.zeros(4, 1, 1).unbind(0)).spread
        tensor([[0.]])
    """

    spread: Tensor
    opposed: Tensor
    merged: Tensor
    cancelled: Tensor


def conflict(
    teachers: Teachers,
    reference: Tensor | LinearHead | None = None,
    *,
    tokens: Tensor | None = None,
    reward_scale: float = 1.0,
    temperature: float = 1.0,
    mask: Tensor | None = None,
) -> Conflict:
    r"""How far the implicit rewards of several teachers disagree at each token, and what merging would do with it.

    .. math:: \rho_k = \log T_k(y) - \log R_k(y), \qquad \text{merged} = \sum_k w_k \lambda_k \rho_k, \qquad
        \text{cancelled} = 1 - \frac{|\sum_k w_k \lambda_k \rho_k|}{\sum_k |w_k \lambda_k \rho_k|}

    Where teachers are routed, each token hears one of them only; the weights are then taken as equal, 1 / K, to show what
    mixing in their place would do.

    Args:
        teachers: :class:`Teachers` of log-probabilities [B, T] at the tokens; or of logits or heads, with
            ``tokens``.
        reference: What all teachers share, of the same kind; None where each has its own.
        tokens: Integer ids [B, T]; given exactly where models are logits or heads.
        reward_scale: :math:`\lambda` for teachers that bring none.
        temperature: Divides logits; above 0.
        mask: bool [B, T]; masked positions give 0.

    Returns:
        :class:`Conflict`, detached.

    Raises:
        ArgumentTypeError: ``teachers`` is something else.
        ArgumentError: a reference is missing, tokens are missing or needless, NaN.
        ShapeError: shapes that differ.

    Guarantees:
        memory: Nothing of T V elements.

    Example:
        >>> likes, dislikes, reference = (torch.tensor([[p]]).log() for p in (0.5, 0.125, 0.25))
        >>> found = conflict(Teachers([likes, dislikes], weights=[0.5, 0.5]), reference)
        >>> found.opposed.item(), round(found.cancelled.item(), 4)
        (True, 1.0)

    Source: the implicit reward of arXiv 2602.12125.
    """
    op = "conflict"
    if not isinstance(teachers, Teachers):
        raise bad_type(
            op, "teachers", "be Teachers", type(teachers).__name__, "Wrap the models: Teachers([...], weights=...)"
        )
    scale = _checks.number(op, "reward_scale", reward_scale, low=0.0)
    references = teachers.references or [reference] * len(teachers.models)
    rewards = []
    for name, model, other in zip(teachers.names, teachers.models, references, strict=True):
        if other is None:
            raise bad_value(op, f"the reference of {name}", "be given", "None", "An implicit reward needs it")
        rewards.append(_logp(op, name, model, tokens, temperature) - _logp(op, "reference", other, tokens, temperature))
    shape, device = rewards[0].shape, rewards[0].device
    rho = torch.stack(
        [_checks.per_token(op, name, r, shape, device=device) for name, r in zip(teachers.names, rewards, strict=True)]
    )
    if mask is not None:
        rho = rho.masked_fill(~_checks.mask_of(op, mask, shape), 0.0)
    rho = torch.stack([_checks.checked(r, op, name, "number") for name, r in zip(teachers.names, rho, strict=True)])
    gains = teachers.gains(op, scale, shape, device)
    parts = torch.stack([r * g for r, g in zip(rho, gains, strict=True)])
    merged, size = parts.sum(0), parts.abs().sum(0)
    cancelled = torch.where(size > 0, 1.0 - merged.abs() / size.masked_fill(size == 0, 1.0), 0.0)
    opposed = (rho > 0).any(0) & (rho < 0).any(0)
    return Conflict(rho.std(0, correction=0), opposed, merged.to(rho.dtype), cancelled.to(rho.dtype))


def _logp(op: str, name: str, model: Tensor | LinearHead, tokens: Tensor | None, temperature: float) -> Tensor:
    if tokens is None:
        if not isinstance(model, Tensor) or model.dim() != 2:
            raise bad_value(op, "tokens", f"be given with the logits of {name}", "None", "Pass the sampled tokens")
        return _checks.floating(op, name, model).detach()
    if isinstance(model, Tensor) and model.dim() == 2:
        repair = "Drop the tokens, or pass logits"
        raise bad_value(op, "tokens", f"be None with log-probabilities ({name})", "tokens", repair)
    with torch.no_grad():
        return selected_logp(model, tokens.to(leading(model).device), temperature=temperature)
