"""On-policy distillation with composekit's losses, and weight extrapolation to compare it with."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from composekit.distill import ExOPDLoss, Teachers, gopd_advantages, reduce, sampled_gopd_loss, selected_logp
from exopd.student import Student
from exopd.task import DOMAINS, Problems


def distill(
    start: Student,
    teachers: Sequence[Student],
    reference: Student,
    train: Problems,
    *,
    reward_scale: float,
    seed: int,
    steps: int,
    batch: int,
    estimator: str = "exact",
    lr: float = 1.5e-3,
) -> Student:
    """A copy of ``start`` that learned on its own answers from the teachers, with ``reference`` as R.

    ``estimator`` is ``"exact"``, the sum over the vocabulary, or ``"sampled"``, the drawn token alone, as in the paper.
    """
    model, generator = start.copy(), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    exact = ExOPDLoss(reward_scale=reward_scale)
    for _ in range(steps):
        chosen = train.sample(batch, generator)
        tokens = model.sample(chosen.prompts, generator)
        with torch.no_grad():
            judges = [teacher(chosen.prompts, tokens) for teacher in teachers]
            before = reference(chosen.prompts, tokens)
        student = model(chosen.prompts, tokens)
        if estimator == "exact":
            loss = exact(student, routed(judges, chosen), before).loss
        else:
            logp, logp_before, *logp_judges = (selected_logp(x, tokens) for x in (student, before, *judges))
            advantages = gopd_advantages(logp, routed(logp_judges, chosen), logp_before, reward_scale=reward_scale)
            loss = reduce(sampled_gopd_loss(logp, advantages), None)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


def routed(judges: Sequence[Tensor], batch: Problems) -> Tensor | Teachers:
    """The one teacher, or the teacher of each problem's domain."""
    return judges[0] if len(judges) == 1 else Teachers(dict(zip(DOMAINS, judges, strict=True)), route=batch.domain)


@torch.no_grad()
def extrapolate(teacher: Student, reference: Student, scale: float) -> Student:
    """ExPO: the weights ``scale * teacher + (1 - scale) * reference``, with no training at all."""
    model = teacher.copy()
    for weight, before in zip(model.parameters(), reference.parameters(), strict=True):
        weight.mul_(scale).add_(before, alpha=1 - scale)
    return model
