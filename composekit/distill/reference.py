r"""The losses in plain torch over whole rows of logits: the oracle, differentiated by autograd as often as one likes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from composekit.distill._checks import checked
from composekit.distill._lost import lost_to
from composekit.distill.mixing import Coefficient, mix


def log_softmax(
    logits: Tensor, temperature: float, dtype: torch.dtype, op: str, argument: str
) -> tuple[Tensor, Tensor]:
    """Log-probabilities in the dtype of the statistics, and [B, T], which rows have none: those raise, where one may look.

    Where one may not, such a row is taken for a uniform one, so that it can be masked afterwards without a trace.
    """
    scaled = logits.to(dtype) / temperature
    bad = ~checked(torch.logsumexp(scaled.detach(), -1), op, argument, "rows").isfinite()
    return torch.log_softmax(lost_to(scaled, bad.unsqueeze(-1), 0.0), -1), bad


def expected_gap(log_pi: Tensor, target: Tensor) -> Tensor:
    """sum_v pi_v (log pi_v - m_v), where pi_v = 0 gives 0, and one m_v = -inf elsewhere gives +inf, whatever the others."""
    pi = log_pi.exp()
    read = pi > 0
    below, above = ((target == end) & read for end in (-torch.inf, torch.inf))
    gap = (log_pi - target).masked_fill(~read | below | above, 0.0)
    below = below.any(-1)
    return lost_to((pi * gap).sum(-1), below | above.any(-1), torch.where(below, torch.inf, -torch.inf).to(pi.dtype))


def mixture_loss(
    student: Tensor,
    models: Sequence[Tensor],
    coefficients: Sequence[Coefficient],
    *,
    temperature: float,
    normalize: bool,
    dtype: torch.dtype,
    op: str,
    names: Sequence[str],
) -> Tensor:
    """[B, T]: KL(pi || q) - log Z, or KL(pi || q) with ``normalize``; coefficients are floats or [B, T]."""
    log_pi, bad = log_softmax(student, temperature, dtype, op, names[0])
    logps = []
    for x, c, name in zip(models, coefficients, names[1:], strict=True):
        scaled = x.detach().to(dtype) / temperature
        if isinstance(c, Tensor):
            scaled = scaled.masked_fill((c == 0).unsqueeze(-1), 0.0)  # not read there, NaN or not
        logp, unread = log_softmax(scaled, 1.0, dtype, op, name)
        logps.append(logp)
        bad = bad | unread
    target = mix(logps, [c.unsqueeze(-1) if isinstance(c, Tensor) else c for c in coefficients])
    loss = expected_gap(log_pi, target)
    if normalize:
        log_z = torch.logsumexp(target, -1)
        # -inf and +inf meet where the reference alone excludes a token: there log Z is +inf, and so is the divergence.
        lost = log_z.isposinf()
        loss = lost_to(loss + log_z.masked_fill(lost, 0.0), loss.isposinf() | lost, torch.inf)
    return lost_to(loss, bad, torch.nan)


def forward_kl(
    student: Tensor, teacher: Tensor, *, temperature: float, dtype: torch.dtype, op: str, names: Sequence[str]
) -> Tensor:
    """[B, T]: KL(T || pi)."""
    log_pi, bad = log_softmax(student, temperature, dtype, op, names[0])
    log_t, unread = log_softmax(teacher.detach(), temperature, dtype, op, names[1])
    return lost_to(expected_gap(log_t, log_pi), bad | unread, torch.nan)


def jsd(
    student: Tensor,
    teacher: Tensor,
    *,
    beta: float,
    temperature: float,
    dtype: torch.dtype,
    op: str,
    names: Sequence[str],
) -> Tensor:
    """[B, T]: beta KL(T || M) + (1 - beta) KL(pi || M) with M = beta T + (1 - beta) pi, for 0 < beta < 1."""
    log_pi, bad = log_softmax(student, temperature, dtype, op, names[0])
    log_t, unread = log_softmax(teacher.detach(), temperature, dtype, op, names[1])
    weight = torch.tensor(beta, dtype=dtype, device=student.device)
    empty = (log_pi == -torch.inf) & (log_t == -torch.inf)
    log_m = torch.logaddexp(
        (log_pi + torch.log1p(-weight)).masked_fill(empty, 0.0), (log_t + weight.log()).masked_fill(empty, 0.0)
    )
    loss = beta * expected_gap(log_t, log_m) + (1.0 - beta) * expected_gap(log_pi, log_m)
    return lost_to(loss, bad | unread, torch.nan)
