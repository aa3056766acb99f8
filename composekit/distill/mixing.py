r"""The target of the loss: a mixture of log-probabilities with coefficients that sum to one.

.. math:: m = \sum_j c_j \log P_j, \qquad q = \mathrm{softmax}(m)

G-OPD is the case of two models, teacher and reference, with :math:`c = (\lambda, 1 - \lambda)`.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

Coefficient = float | Tensor


def active(models: Sequence, coefficients: Sequence[Coefficient]) -> tuple[list, list[Coefficient]]:
    """Models and coefficients without those that a float 0 switches off."""
    kept = [(m, c) for m, c in zip(models, coefficients, strict=True) if isinstance(c, Tensor) or c != 0.0]
    return [m for m, _ in kept], [c for _, c in kept]


def scaled_pair(teacher: object, reference: object, reward_scale: Coefficient) -> tuple[list, list[Coefficient]]:
    """Teacher and reference with their coefficients; a model whose coefficient is the float 0 is left out."""
    return active([teacher, reference], [reward_scale, 1.0 - reward_scale])


def mix(logps: Sequence[Tensor], coefficients: Sequence[Coefficient]) -> Tensor:
    """m for log-probabilities (or logits) of one shape; coefficients are floats or broadcast.

    A probability of zero wins over everything where its coefficient is positive (m = -inf), and gives +inf where its
    coefficient is negative. A model whose coefficient is zero is not read.
    """
    total: Tensor | None = None
    floor = ceiling = torch.zeros((), dtype=torch.bool, device=logps[0].device)
    for x, c in zip(logps, coefficients, strict=True):
        zero = x == -torch.inf
        part = c * x.masked_fill(zero, 0.0)
        if isinstance(c, Tensor):
            part = torch.where(c == 0, 0.0, part)
            floor, ceiling = floor | (zero & (c > 0)), ceiling | (zero & (c < 0))
        elif c > 0:
            floor = floor | zero
        else:
            ceiling = ceiling | zero
        total = part if total is None else total + part
    assert total is not None
    total = torch.where(ceiling, torch.inf, total)
    return torch.where(floor, -torch.inf, total)
