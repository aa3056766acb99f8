"""A student made of a few logits, trained as GRPO trains a policy: for trying a schedule out before paying for a GPU."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import exp

import numpy as np

from composekit.compose.problem import Composite, Problem
from composekit.compose.skills import Tag, tag_of


class SimulatedStudent:
    r"""Solves a part with the probability of its skill, and carries a value over a link with another one.

    Part k of a problem is right with probability :math:`p_k = \sigma(\theta_{s(k)})` for its skill s(k), every link with
    :math:`\sigma(\lambda)`, independently; the final answer is right when all are. A group of G rollouts with rewards r
    changes the logits by the policy gradient with group-normalised advantages, as in GRPO:

    .. math:: \Delta\theta_s = \frac{\eta}{G} \sum_i \frac{r_i - \bar r}{\mathrm{std}(r)} (x_{is} - p_s)

    with :math:`x_{is} = 1` where the part was right. A group that is all right or all wrong therefore teaches nothing.

    Args:
        seed: Of its random numbers.
        ability: The logit of skills that it has not met.
        link: The logit of carrying a value over a link.
        lr: The step :math:`\eta`.
        abilities: Logits of known skills, by (domain, topic, level) as text.
    """

    def __init__(
        self,
        seed: int,
        *,
        ability: float = 0.5,
        link: float = -0.5,
        lr: float = 0.02,
        abilities: dict[Tag, float] | None = None,
    ) -> None:
        self._rng = np.random.Generator(np.random.Philox(seed))
        self._ability, self._lr = ability, lr
        self.logits: dict[Tag, float] = {**(abilities or {}), ("link",): link}

    def _tags(self, problem: Problem) -> list[Tag]:
        if not isinstance(problem, Composite):
            return [tag_of(problem)]
        return [tag_of(part) for part in problem.parts] + [("link",)] * len(problem.links)

    def _rates(self, tags: Sequence[Tag]) -> np.ndarray:
        logits = [self.logits.setdefault(tag, self._ability) for tag in tags]
        return np.array([1 / (1 + exp(-x)) for x in logits])

    def pass_rate(self, problem: Problem) -> float:
        """The exact probability of a right final answer."""
        return float(np.prod(self._rates(self._tags(problem))))

    def train(self, problems: Iterable[Problem], rollouts: int = 8) -> list[tuple[Problem, list[float]]]:
        """One step: roll every problem out, update the logits once, return the rewards of every group."""
        groups, steps = [], dict.fromkeys(self.logits, 0.0)
        for problem in problems:
            tags = self._tags(problem)
            rates = self._rates(tags)
            right = self._rng.random((rollouts, len(tags))) < rates
            rewards = right.all(axis=1).astype(float)
            groups.append((problem, rewards.tolist()))
            if 0 < rewards.mean() < 1:
                advantages = (rewards - rewards.mean()) / rewards.std()
                for tag, gradient in zip(tags, advantages @ (right - rates) / rollouts, strict=True):
                    steps[tag] = steps.get(tag, 0.0) + self._lr * float(gradient)
        for tag, step in steps.items():
            self.logits[tag] += step
        return groups
