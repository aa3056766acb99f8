"""The loss from the teacher's log-probabilities of K tokens a position."""

from __future__ import annotations

import torch
from torch import Tensor

from composekit._errors import ShapeError, bad_type, bad_value, message
from composekit.distill import _checks
from composekit.distill._lost import lost_to
from composekit.distill.heads import Model, check_model, leading, vocabulary
from composekit.distill.mixing import Coefficient, mix, scaled_pair
from composekit.distill.reference import expected_gap
from composekit.distill.selecting import selected_logp

MODES = ("hybrid", "truncate", "renormalize", "tail")
OP = "topk_gopd_loss"


def topk_gopd_loss(
    student_logits: Model,
    indices: Tensor,
    teacher_logp: Tensor | None,
    reference_logp: Tensor | None,
    *,
    reward_scale: float | Tensor = 1.25,
    mode: str = "hybrid",
    sampled: tuple[Tensor, Tensor | None, Tensor | None] | None = None,
    temperature: float = 1.0,
) -> Tensor:
    r"""The loss where teacher and reference are known at K tokens of each position only.

    With S the set of K tokens, y the token sampled from the student and :math:`g_v = \log \pi_v - m_v`:

    - ``"hybrid"``: value :math:`\sum_S \pi_v g_v + 1[y \notin S]\, g_y`, gradient
      :math:`\sum_S \bar g_v \nabla \pi_v + 1[y \notin S]\, \bar g_y \nabla \log \pi_y` with :math:`\bar g` held constant.
      Both are unbiased for any S that does not depend on y: their expectations are those of :func:`gopd_loss`.
    - ``"truncate"``: :math:`\sum_S \pi_v g_v`, with :math:`\pi` the full softmax. Biased.
    - ``"renormalize"``: all three models renormalised over S, then mixed. Biased.
    - ``"tail"``: one more token with the mass :math:`1 - \sum_S` in each model, mixed there too. Biased.

    Args:
        student_logits: [B, T, V], or a :class:`LinearHead`.
        indices: Integer ids [B, T, K], all different within a position; the student's own top K as a rule.
        teacher_logp: [B, T, K], the teacher's log-probabilities there; None at ``reward_scale=0.0`` only.
        reference_logp: [B, T, K]; None at ``reward_scale=1.0`` only.
        reward_scale: :math:`\lambda`, a float or a tensor [B] or [B, T].
        mode: One of the four above.
        sampled: For ``"hybrid"``: the tokens y [B, T], drawn from the student, with the log-probabilities of teacher and
            reference there [B, T], either None as above. The other modes do not read it.
        temperature: Divides the student's logits; teacher and reference must come at the same temperature.

    Returns:
        [B, T] in nats, float32 (float64 if any argument is float64).

    Raises:
        ShapeError: shapes that differ.
        ArgumentTypeError: wrong dtypes.
        ArgumentError: ``"hybrid"`` without ``sampled``, an unknown mode, a missing model, ids that repeat or lie outside the
            vocabulary, NaN, log-probabilities above 0.

    Guarantees:
        gradient: Reaches the student alone.
        compile: No graph break with ``fullgraph=True``.

    Example:
        >>> student, teacher, reference = torch.randn(3, 1, 4, 100).log_softmax(-1).unbind(0)
        >>> indices = student.topk(8).indices
        >>> y = torch.distributions.Categorical(logits=student).sample()
        >>> sampled = (y, *(x.gather(-1, y[..., None])[..., 0] for x in (teacher, reference)))
        >>> at_k = [x.gather(-1, indices) for x in (teacher, reference)]
        >>> topk_gopd_loss(student, indices, *at_k, sampled=sampled).shape
        torch.Size([1, 4])

    Source: the sampled estimator of arXiv 2602.12125, applied outside S alone.
    """
    if mode not in MODES:
        raise bad_value(OP, "mode", f"be one of {', '.join(MODES)}", repr(mode), "Pick one of them")
    model = check_model(OP, "student_logits", student_logits)
    shape, device = leading(model).shape[:2], leading(model).device
    indices = _indices(indices, shape, vocabulary(model))
    scale = _checks.scale(OP, reward_scale, shape, device, torch.float64)
    target = _target(scale, teacher_logp, reference_logp, indices.shape, device, ("teacher_logp", "reference_logp"))
    if mode == "hybrid":
        return _hybrid(model, indices, target, _sample(sampled, shape, scale, device), temperature)
    log_pi = selected_logp(model, indices, temperature=temperature)
    if mode == "renormalize":
        log_pi, bad = _renormalized(log_pi)
        both = [(*_renormalized(x.to(log_pi.dtype)), c) for x, c in target]
        bad = torch.stack([bad, *(b for _, b, _ in both)]).any(0)
        return lost_to(expected_gap(log_pi, _mixed([(x, c) for x, _, c in both])), bad, torch.nan)
    log_pi, target, bad = _sound(log_pi, target)
    if mode == "tail":
        log_pi, target = _with_tail(log_pi), [(_with_tail(x), c) for x, c in target]
    return lost_to(expected_gap(log_pi, _mixed(target)), bad, torch.nan)


Parts = list[tuple[Tensor, Coefficient]]


def _target(
    scale: Coefficient,
    teacher: Tensor | None,
    reference: Tensor | None,
    shape: torch.Size,
    device: torch.device,
    names: tuple[str, str],
) -> Parts:
    """The log-probabilities that the scale calls for, with their coefficients."""
    _checks.models_needed(OP, teacher, reference, scale, names)
    both, coefficients = scaled_pair((names[0], teacher), (names[1], reference), scale)
    parts: Parts = []
    for (name, x), c in zip(both, coefficients, strict=True):
        x = _checks.per_token(OP, name, x, shape, device=device).detach()
        if isinstance(c, Tensor):
            c = c.unsqueeze(-1) if x.dim() == 3 else c
            x = x.masked_fill(c == 0, 0.0)
        parts.append((_checks.checked(x, OP, name, "logp"), c))
    return parts


def _mixed(parts: Parts) -> Tensor:
    dtype = _checks.wide(*(x for x, _ in parts))
    return mix([x.to(dtype) for x, _ in parts], [c.to(dtype) if isinstance(c, Tensor) else c for _, c in parts])


def _sound(log_pi: Tensor, target: Parts) -> tuple[Tensor, Parts, Tensor]:
    """Student and models with zeros in place of rows that hold NaN, and [B, T], which these are."""
    bad = torch.stack([x.isnan().any(-1) for x in (log_pi, *(x for x, _ in target))]).any(0)
    dead = bad.unsqueeze(-1)
    return lost_to(log_pi, dead, 0.0), [(x.to(log_pi.dtype).masked_fill(dead, 0.0), c) for x, c in target], bad


def _renormalized(logp: Tensor) -> tuple[Tensor, Tensor]:
    """Log-probabilities given S, and [B, T], where S has none."""
    bad = ~logp.detach().amax(-1).isfinite()
    return torch.log_softmax(lost_to(logp, bad.unsqueeze(-1), 0.0), -1), bad


def _with_tail(logp: Tensor) -> Tensor:
    """One more entry: the log of the mass that is left, -inf where nothing is."""
    left = 1.0 - logp.exp().sum(-1, keepdim=True)
    some = left > 0
    return torch.cat([logp, torch.where(some, torch.where(some, left, 1.0).log(), -torch.inf)], -1)


def _sample(
    sampled: tuple[Tensor, Tensor | None, Tensor | None] | None,
    shape: torch.Size,
    scale: Coefficient,
    device: torch.device,
) -> tuple[Tensor, Parts]:
    if sampled is None:
        got = "None with mode='hybrid'"
        repair = "Pass the sampled tokens and both log-probabilities there, or take mode='truncate'"
        raise bad_value(OP, "sampled", "be (tokens, teacher_logp, reference_logp)", got, repair)
    if not isinstance(sampled, (tuple, list)) or len(sampled) != 3:
        got = type(sampled).__name__
        raise bad_type(OP, "sampled", "be (tokens, teacher_logp, reference_logp)", got, "Pass all three")
    tokens, teacher, reference = sampled
    return tokens, _target(scale, teacher, reference, shape, device, ("sampled[1]", "sampled[2]"))


def _hybrid(model: Model, indices: Tensor, target: Parts, sample: tuple[Tensor, Parts], temperature: float) -> Tensor:
    tokens, at_sample = sample
    shape = leading(model).shape[:2]
    tokens = _checks.checked_tokens(OP, tokens, shape, vocabulary(model), "sampled[0]").to(indices.device)
    both = torch.cat([indices, tokens.unsqueeze(-1)], -1)
    log_pi = selected_logp(model, both, temperature=temperature)
    m = torch.cat([_mixed(target), _mixed(at_sample).unsqueeze(-1)], -1).to(log_pi.dtype)
    log_pi, [(m, _)], bad = _sound(log_pi, [(m, 1.0)])
    outside = (indices != tokens.unsqueeze(-1)).all(-1, keepdim=True)
    fixed = log_pi.detach()
    # The weight of a gap: pi inside S, 1 at the sampled token where S misses it. Its gradient is grad pi, and grad log pi,
    # with the gap held constant: both terms must drop the same constant.
    weight = torch.cat([fixed[..., :-1].exp(), outside.to(fixed.dtype)], -1)
    unread = weight == 0
    gap = (fixed - m).masked_fill(unread, 0.0)
    below = ((m == -torch.inf) & ~unread).any(-1)
    value = torch.where(bad, torch.nan, torch.where(below, torch.inf, (weight * gap).sum(-1)))
    lost = ~value.isfinite()
    slope = (weight * gap).masked_fill(unread | lost.unsqueeze(-1), 0.0)
    surrogate = (slope * log_pi.masked_fill(unread | ~fixed.isfinite(), 0.0)).sum(-1)
    return lost_to(value.masked_fill(lost, 0.0) + (surrogate - surrogate.detach()), lost, value)


def _indices(indices: Tensor, shape: torch.Size, size: int) -> Tensor:
    if isinstance(indices, Tensor) and (indices.dim() != 3 or indices.shape[:2] != shape):
        rule = f"have shape [{shape[0]}, {shape[1]}, K]"
        raise ShapeError(message(OP, "indices", rule, list(indices.shape), "Pass K token ids a position"))
    return _checks.checked_tokens(OP, indices, getattr(indices, "shape", ()), size, "indices", distinct=True)
