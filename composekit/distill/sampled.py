"""The loss at sampled tokens: advantages, and the policy gradient that uses them."""

from __future__ import annotations

import torch
from torch import Tensor

from composekit._errors import ShapeError, bad_value, check_shapes, message
from composekit.distill import _checks
from composekit.distill._lost import lost_to
from composekit.distill.mixing import mix, scaled_pair
from composekit.distill.reducing import segments
from composekit.distill.teachers import Teachers


def gopd_advantages(
    student_logp: Tensor,
    teacher_logp: Tensor | Teachers | None,
    reference_logp: Tensor | None = None,
    *,
    reward_scale: float | Tensor = 1.25,
    discount: float = 0.0,
    mask: Tensor | None = None,
    cu_seqlens: Tensor | None = None,
    baseline: float | Tensor | None = None,
    clip: float | None = None,
) -> Tensor:
    r"""The advantage of each sampled token: how much better than the student the extrapolated teacher likes it.

    .. math::
        r_t = \lambda \log T(y_t) + (1 - \lambda) \log R(y_t) - \log \pi(y_t), \qquad
        A_t = \sum_{k \ge t} \gamma^{k - t} r_k - b_t

    r is clamped to :math:`\pm` ``clip``; the sum stays inside the sequence and skips what is masked. With
    :math:`\gamma = 0` the expected gradient of :func:`sampled_gopd_loss` is exactly that of :func:`gopd_loss`; a
    baseline that depends on the state alone, ideally :math:`E_\pi[r]`, that is minus :func:`gopd_loss`, keeps it and
    takes all variance away at the optimum.

    Args:
        student_logp: [B, T], log-probabilities of the sampled tokens (:func:`selected_logp`).
        teacher_logp: [B, T]; or :class:`Teachers` of such; None at ``reward_scale=0.0`` only.
        reference_logp: [B, T]; None at ``reward_scale=1.0`` only.
        reward_scale: :math:`\lambda`, a float or a tensor [B] or [B, T].
        discount: :math:`\gamma` from 0 (the reward at hand) to 1 (the whole return).
        mask: bool [B, T], True keeps.
        cu_seqlens: int32 [N + 1], boundaries of packed sequences in a batch [1, T].
        baseline: b, a float or a tensor [B] or [B, T].
        clip: Largest absolute reward, above 0; None clamps nothing.

    Returns:
        [B, T], detached, 0 where masked; float32 (float64 if any argument is float64). Where the student excludes the token
        (-inf), r is 0; where only the teacher does, -inf, which ``clip`` bounds.

    Raises:
        ShapeError: shapes that differ.
        ArgumentTypeError: wrong dtypes.
        ArgumentError: a missing model, NaN, log-probabilities above 0, a number out of range.

    Guarantees:
        compile: No graph break with ``fullgraph=True``.

    Example:
        >>> student, teacher, reference = (torch.tensor([[p]]).log() for p in (0.5, 0.8, 0.4))
        >>> gopd_advantages(student, teacher, reference, reward_scale=2.0)  # log(0.8 ** 2 / 0.4 / 0.5)
        tensor([[1.1632]])

    Source: arXiv 2602.12125; the baseline, vOPD (arXiv 2605.07865).
    """
    op = "gopd_advantages"
    student = _checks.floating(op, "student_logp", student_logp)
    check_shapes(op, student_logp=(student, "B T"))
    shape, device = student.shape, student.device
    dead = None if mask is None else ~_checks.mask_of(op, mask, shape)
    student = _read(op, "student_logp", student, dead)
    discount = _checks.number(op, "discount", discount, low=0.0)
    if discount > 1.0:
        raise bad_value(op, "discount", "be at most 1", discount, "Pass a number from 0 to 1")
    target, dtype = _target(op, student, teacher_logp, reference_logp, reward_scale, dead)
    reward = torch.where(student == -torch.inf, 0.0, target - student.to(dtype))
    if clip is not None:
        bound = _checks.number(op, "clip", clip, above=0.0)
        reward = reward.clamp(-bound, bound)
    if dead is not None:
        reward = reward.masked_fill(dead, 0.0)
    boundaries = None if cu_seqlens is None else _checks.lengths(op, cu_seqlens, shape)
    total = returns(reward, discount, boundaries)
    if baseline is not None:
        total = total - _baseline(op, baseline, shape, device, dtype)
    return total if dead is None else total.masked_fill(dead, 0.0)


def _read(op: str, name: str, x: Tensor, *unread: Tensor | None) -> Tensor:
    """Log-probabilities without gradient, 0 where they are not read."""
    x = x.detach()
    for rows in unread:
        x = x if rows is None else x.masked_fill(rows, 0.0)
    return _checks.checked(x, op, name, "logp")


def _target(
    op: str,
    student: Tensor,
    teacher: Tensor | Teachers | None,
    reference: Tensor | None,
    reward_scale: float | Tensor,
    dead: Tensor | None,
) -> tuple[Tensor, torch.dtype]:
    shape, device = student.shape, student.device
    scale = _checks.scale(op, reward_scale, shape, device, torch.float64)
    if isinstance(teacher, Teachers):
        parts = teacher.mixture(op, reference, scale, shape, device, "reference_logp")
    else:
        _checks.models_needed(op, teacher, reference, scale, ("teacher_logp", "reference_logp"))
        both, coefficients = scaled_pair(("teacher_logp", teacher), ("reference_logp", reference), scale)
        parts = [(name, model, c) for (name, model), c in zip(both, coefficients, strict=True)]
        for name, x in (("teacher_logp", teacher), ("reference_logp", reference)):
            if x is not None:
                _checks.per_token(op, name, x, shape, device=device)
    logps = []
    for name, model, c in parts:
        logp = _checks.per_token(op, name, model, shape, device=device)
        logps.append(_read(op, name, logp, dead, c == 0 if isinstance(c, Tensor) else None))
    dtype = _checks.wide(student, *logps)
    coefficients = [c.to(dtype) if isinstance(c, Tensor) else c for _, _, c in parts]
    return mix([x.to(dtype) for x in logps], coefficients), dtype


def _baseline(
    op: str, baseline: float | Tensor, shape: torch.Size, device: torch.device, dtype: torch.dtype
) -> float | Tensor:
    if not isinstance(baseline, Tensor):
        return _checks.number(op, "baseline", baseline)
    x = _checks.floating(op, "baseline", baseline).detach()
    if tuple(x.shape) not in ((shape[0],), tuple(shape)):
        rule = f"have shape [{shape[0]}] or [{shape[0]}, {shape[1]}]"
        raise ShapeError(message(op, "baseline", rule, list(x.shape), "Pass a number a sample or a token"))
    x = _checks.checked(x, op, "baseline", "number").to(device, dtype)
    return x[:, None] if x.dim() == 1 else x


def returns(reward: Tensor, discount: float, cu_seqlens: Tensor | None) -> Tensor:
    """Discounted sums to the end of each sequence, in log2(T) steps: each doubles the reach of every position."""
    time, step, factor = reward.shape[1], 1, discount
    segment = segments(cu_seqlens, time) if cu_seqlens is not None else None
    while step < time and factor > 0.0:
        ahead = reward[:, step:] * factor
        if segment is not None:
            ahead = ahead.masked_fill(segment[step:] != segment[:-step], 0.0)
        reward = torch.cat([reward[:, :-step] + ahead, reward[:, -step:]], 1)
        step, factor = 2 * step, factor * factor
    return reward


def sampled_gopd_loss(
    logp: Tensor,
    advantages: Tensor,
    *,
    rollout_logp: Tensor | None = None,
    cap: float | None = 5.0,
    mask: Tensor | None = None,
) -> Tensor:
    r"""The policy-gradient loss at sampled tokens.

    .. math:: \ell_t = -A_t\, w_t \log \pi(y_t), \qquad w_t = \min(\pi(y_t) / \beta(y_t),\, c)

    A and w are detached. w corrects for tokens drawn from another policy :math:`\beta`, an engine with other numerics or an
    older student, and is capped above alone: the expected gradient is exactly
    :math:`\sum_v \min(c \beta_v, \pi_v) g_v` with :math:`g_v = -A_v \nabla \log \pi_v`.

    Args:
        logp: [B, T], the student's log-probabilities of the tokens, with gradient.
        advantages: [B, T], from :func:`gopd_advantages`.
        rollout_logp: [B, T], log-probabilities of the policy that sampled; None where that was the student itself (w = 1).
        cap: c, above 0; None caps nothing.
        mask: bool [B, T], True keeps.

    Returns:
        [B, T], 0 where masked, float32 (float64 if any argument is float64); only its gradient means something.

    Raises:
        ShapeError: shapes that differ.
        ArgumentTypeError: wrong dtypes.
        ArgumentError: NaN, log-probabilities above 0, a cap that is not above 0.

    Guarantees:
        gradient: Reaches ``logp`` alone; NaN where the loss is not finite, and 0 where such a token is masked, here or
            in :func:`reduce`.
        compile: No graph break with ``fullgraph=True``.

    Example:
        >>> logp = torch.tensor([[-0.5, -0.7]], requires_grad=True)
        >>> loss = sampled_gopd_loss(logp, torch.tensor([[1.0, -2.0]]), rollout_logp=torch.tensor([[-0.5, -4.0]]))
        >>> torch.autograd.grad(loss.sum(), logp)[0]
        tensor([[-1., 10.]])

    Source: arXiv 2602.12125; capped weights as in its released settings.
    """
    op = "sampled_gopd_loss"
    logp = _checks.floating(op, "logp", logp)
    check_shapes(op, logp=(logp, "B T"))
    shape, device = logp.shape, logp.device
    if mask is not None:
        mask = _checks.mask_of(op, mask, shape)
    dead = None if mask is None else ~mask
    logp = _checks.checked(logp if dead is None else logp.masked_fill(dead, 0.0), op, "logp", "logp")
    advantages = _checks.per_token(op, "advantages", advantages, shape, device=device).detach()
    if dead is not None:
        advantages = advantages.masked_fill(dead, 0.0)
    advantages = _checks.checked(advantages, op, "advantages", "number")
    dtype = _checks.wide(logp, advantages, rollout_logp)
    weight = _weight(op, logp, rollout_logp, cap, dead, dtype)
    fixed = logp.detach().to(dtype)
    slope = -(advantages.to(dtype) * weight).masked_fill(fixed == -torch.inf, 0.0)
    value = slope * fixed.masked_fill(fixed == -torch.inf, 0.0)
    lost = ~(slope.isfinite() & value.isfinite())
    kept = logp.to(dtype).masked_fill(~fixed.isfinite(), 0.0)
    return lost_to(slope.masked_fill(lost, 0.0) * kept, lost, value)


def _weight(
    op: str, logp: Tensor, rollout: Tensor | None, cap: float | None, dead: Tensor | None, dtype: torch.dtype
) -> float | Tensor:
    bound = None if cap is None else _checks.number(op, "cap", cap, above=0.0)
    if rollout is None:
        return 1.0
    rollout = _checks.per_token(op, "rollout_logp", rollout, logp.shape, device=logp.device).detach()
    if dead is not None:
        rollout = rollout.masked_fill(dead, 0.0)
    rollout = _checks.checked(rollout, op, "rollout_logp", "logp")
    weight = (logp.detach().to(dtype) - rollout.to(dtype)).exp()
    return weight if bound is None else weight.clamp(max=bound)
