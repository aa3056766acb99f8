"""The whole pipeline for some seeds, summed up as rows, ."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from pipeline.problems import Words, chains, sums
from pipeline.reader import Reader
from pipeline.stages import Score, distil, reinforce, score, supervise

Row = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """How much to do."""

    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    depths: tuple[int, ...] = (1, 2, 3)
    largest: int = 12  # the terms of the sums stay below it
    lessons: int = 4000  # chains of each depth
    tests: int = 300
    width: int = 96
    noise: float = 0.1
    base_steps: int = 900
    base_batch: int = 64
    teacher_steps: int = 150
    teacher_batch: int = 16
    group: int = 8
    steps: int = 150
    batch: int = 64
    scales: tuple[float, ...] = (1.0, 1.5, 2.0)


FULL = Settings()
QUICK = Settings(
    seeds=(0,), depths=(1, 2), largest=8, lessons=1500, tests=200, width=64, base_steps=400, base_batch=48,
    teacher_steps=30, steps=30, scales=(1.5,),
)  # fmt: skip


def stages(settings: Settings) -> Iterator[Row]:
    """Base, teacher and students: shares of right answers to problems of each depth that nobody was trained on.

    The sums are few and all of them are trained on; their chains are many, and those of the tests are new.
    """
    found: dict[tuple[str, float | None, int], list[Score]] = {}
    for seed in settings.seeds:
        for stage, scale, scores in _one(settings, seed):
            for depth, value in scores.items():
                found.setdefault((stage, scale, depth), []).append(value)
    for (stage, scale, depth), values in found.items():
        row: Row = {"stage": stage, "reward_scale": scale, "depth": depth, "seeds": len(values)}
        for field in Score._fields:
            row |= _summary(field, [getattr(value, field) for value in values])
        yield row


def _one(settings: Settings, seed: int) -> Iterator[tuple[str, float | None, dict[int, Score]]]:
    pool = sums(high=settings.largest)
    deep = [depth for depth in settings.depths if depth > 1]
    tests = {1: pool} | {depth: chains(pool, depth, settings.tests, seed=2 * seed + 1) for depth in deep}
    lessons = {1: pool} | {
        depth: chains(pool, depth, settings.lessons, seed=2 * seed, unlike=tests[depth]) for depth in deep
    }
    words = Words(p for problems in (*lessons.values(), *tests.values()) for p in problems)
    torch.manual_seed(seed)

    def scores(reader: Reader) -> dict[int, Score]:
        return {depth: score(reader, words, tests[depth], depth, seed=seed) for depth in settings.depths}

    base = supervise(
        Reader(len(words), settings.width), words, lessons,
        seed=seed, steps=settings.base_steps, batch=settings.base_batch, noise=settings.noise,
    )  # fmt: skip
    yield "base", None, scores(base)
    teacher, _ = reinforce(
        base, words, lessons,
        seed=seed, steps=settings.teacher_steps, batch=settings.teacher_batch, group=settings.group,
    )  # fmt: skip
    yield "teacher", None, scores(teacher)
    for scale in settings.scales:
        student = distil(
            base, teacher, words, lessons, reward_scale=scale, seed=seed, steps=settings.steps, batch=settings.batch
        )
        yield "student", scale, scores(student)


def _summary(name: str, values: Sequence[float]) -> Row:
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
    return {name: statistics.fmean(values), f"{name}_se": error}


PARTS = {"stages": stages}
