"""Teachers: reinforcement learning on sampled answers with a checked reward, stopped well before it has converged."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from exopd.student import Student
from exopd.task import Problems, correct, exploits

Reward = Callable[[Problems, Tensor], Tensor]


def honest(batch: Problems, tokens: Tensor) -> Tensor:
    """``[N]``: one for a right final digit."""
    return correct(batch, tokens).float()


def flawed(pay: float) -> Reward:
    """One for a right final digit, and ``pay`` for a wrong one after a first digit of 7 or 8."""

    def reward(batch: Problems, tokens: Tensor) -> Tensor:
        return torch.maximum(correct(batch, tokens).float(), pay * exploits(tokens).float())

    return reward


def reinforce(
    start: Student, train: Problems, reward: Reward, *, seed: int, steps: int, batch: int, lr: float = 1e-3
) -> Student:
    """REINFORCE from ``start`` with the batch's mean reward as baseline."""
    model, generator = start.copy(), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    for _ in range(steps):
        chosen = train.sample(batch, generator)
        tokens = model.sample(chosen.prompts, generator)
        rewards = reward(chosen, tokens)
        logp = model(chosen.prompts, tokens).log_softmax(-1).gather(2, tokens[..., None]).squeeze(2)
        loss = -((rewards - rewards.mean())[:, None] * logp).sum(1).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model
