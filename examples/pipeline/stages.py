"""The three stages of training, each one loop, and the score."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from composekit.compose import Curriculum, Problem
from composekit.distill import ExOPDLoss, reduce, selected_logp
from pipeline.problems import END, PAD, Words, judge, numbers_of, solutions
from pipeline.reader import Reader

Lessons = dict[int, list[Problem]]  # by depth


def supervise(
    reader: Reader, words: Words, lessons: Lessons, *, seed: int, steps: int, batch: int, noise: float, lr: float = 3e-3
) -> Reader:
    """A base that knows the task badly: worked solutions in which each number is wrong with probability ``noise``."""
    reader, generator = reader.copy(), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(reader.parameters(), lr=lr, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps)
    material = [(words.encode(problems), solutions(problems)) for problems in lessons.values()]
    for step in range(steps):
        prompts, targets = material[step % len(material)]
        chosen = torch.randint(len(prompts), (batch,), generator=generator)
        target = targets[chosen]
        slips = (torch.rand(target.shape, generator=generator) < noise) & (target < END)
        target = torch.where(slips, torch.randint(END, target.shape, generator=generator), target)
        loss = -reduce(selected_logp(reader.head(prompts[chosen], target), target.clamp(max=END)), target != PAD)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return reader


def reinforce(
    start: Reader, words: Words, lessons: Lessons, *, seed: int, steps: int, batch: int, group: int, lr: float = 3e-4
) -> tuple[Reader, Curriculum]:
    """Train on the model's own responses, rewarded by the verifier; a curriculum chooses how deep the problems are.

    Every problem is answered ``group`` times, and its mean reward is the baseline (GRPO without the division).
    """
    reader, generator = start.copy(), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(reader.parameters(), lr=lr)
    curriculum = Curriculum(tuple(lessons), seed=seed, window=batch)
    for _ in range(steps):
        depth = curriculum.sample_depth()
        problems = [p for p in draw(lessons[depth], batch, generator) for _ in range(group)]
        prompts = words.encode(problems)
        response = reader.respond(prompts, 2 * depth, generator)
        rewards = torch.tensor([judge(said, p).score for said, p in zip(numbers_of(response), problems, strict=True)])
        groups = rewards.reshape(batch, group)
        curriculum.update([(depth, row) for row in groups.tolist()])
        advantages = (groups - groups.mean(1, keepdim=True)).flatten()
        logp = selected_logp(reader.head(prompts, response), response.clamp(max=END))
        loss = -reduce(advantages[:, None] * logp, response != PAD, mode="sequence_sum")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return reader, curriculum


def distil(
    start: Reader, teacher: Reader, words: Words, lessons: Lessons, *, reward_scale: float, seed: int, steps: int,
    batch: int, lr: float = 3e-4,
) -> Reader:  # fmt: skip
    """On-policy distillation from the teacher, with ``start`` as the reference: ExOPD above a reward scale of 1."""
    reader, generator = start.copy(), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.Adam(reader.parameters(), lr=lr)
    exopd = ExOPDLoss(reward_scale=reward_scale)
    depths = tuple(lessons)
    for step in range(steps):
        depth = depths[step % len(depths)]
        prompts = words.encode(draw(lessons[depth], batch, generator))
        response = reader.respond(prompts, 2 * depth, generator)
        with torch.no_grad():
            judged, before = teacher.head(prompts, response), start.head(prompts, response)
        loss = exopd(reader.head(prompts, response), judged, before, mask=response != PAD).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return reader


def draw(problems: Sequence[Problem], count: int, generator: torch.Generator) -> list[Problem]:
    """Some of the problems, with repetition."""
    return [problems[i] for i in torch.randint(len(problems), (count,), generator=generator).tolist()]


class Score(NamedTuple):
    """Shares of right answers."""

    drawn: float
    likeliest: float


def score(reader: Reader, words: Words, problems: Sequence[Problem], depth: int, *, seed: int) -> Score:
    """The verifier's verdict on responses drawn from the model, and on its likeliest tokens."""
    prompts = words.encode(problems)

    def share(generator: torch.Generator | None) -> float:
        response: Tensor = reader.respond(prompts, 2 * depth, generator)
        rewards = [judge(said, p).score for said, p in zip(numbers_of(response), problems, strict=True)]
        return sum(rewards) / len(rewards)

    return Score(share(torch.Generator().manual_seed(seed)), share(None))
