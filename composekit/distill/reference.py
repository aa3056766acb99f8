r"""The losses in plain torch over whole rows of logits: the oracle, differentiated by autograd as often as one likes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from composekit.distill._checks import checked
from composekit.distill.mixing import Coefficient, mix


def log_softmax(logits: Tensor, temperature: float, dtype: torch.dtype, op: str, argument: str) -> Tensor:
    """Log-probabilities in the dtype of the statistics; a row without any probability, or with NaN, raises."""
    scaled = logits.to(dtype) / temperature
    norm = checked(torch.logsumexp(scaled, -1), op, argument, "rows")
    return scaled - norm.unsqueeze(-1)


def expected_gap(log_pi: Tensor, target: Tensor) -> Tensor:
    """sum_v pi_v (log pi_v - m_v), where pi_v = 0 gives 0, and one m_v = -inf elsewhere gives +inf, whatever the others."""
    pi = log_pi.exp()
    unread = pi == 0
    gap = (log_pi - target).masked_fill(unread, 0.0)
    lost = ((target == -torch.inf) & ~unread).any(-1)
    return torch.where(lost, torch.inf, (pi * gap).sum(-1))


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
    log_pi = log_softmax(student, temperature, dtype, op, names[0])
    logps = []
    for x, c, name in zip(models, coefficients, names[1:], strict=True):
        scaled = x.detach().to(dtype) / temperature
        if isinstance(c, Tensor):
            scaled = scaled.masked_fill((c == 0).unsqueeze(-1), 0.0)  # not read there, NaN or not
        logps.append(log_softmax(scaled, 1.0, dtype, op, name))
    target = mix(logps, [c.unsqueeze(-1) if isinstance(c, Tensor) else c for c in coefficients])
    loss = expected_gap(log_pi, target)
    if not normalize:
        return loss
    log_z = torch.logsumexp(target, -1)
    lost = loss.isposinf() | log_z.isposinf()
    return torch.where(lost, torch.inf, loss + log_z)


def forward_kl(
    student: Tensor, teacher: Tensor, *, temperature: float, dtype: torch.dtype, op: str, names: Sequence[str]
) -> Tensor:
    """[B, T]: KL(T || pi)."""
    log_pi = log_softmax(student, temperature, dtype, op, names[0])
    log_t = log_softmax(teacher.detach(), temperature, dtype, op, names[1])
    return expected_gap(log_t, log_pi)


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
    log_pi = log_softmax(student, temperature, dtype, op, names[0])
    log_t = log_softmax(teacher.detach(), temperature, dtype, op, names[1])
    weight = torch.tensor(beta, dtype=dtype, device=student.device)
    empty = (log_pi == -torch.inf) & (log_t == -torch.inf)
    log_m = torch.logaddexp(
        (log_pi + torch.log1p(-weight)).masked_fill(empty, 0.0), (log_t + weight.log()).masked_fill(empty, 0.0)
    )
    return beta * expected_gap(log_t, log_m) + (1.0 - beta) * expected_gap(log_pi, log_m)
