"""The whole experiment: bases, teachers, students and controls for every seed, summed up as rows."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from exopd.distill import distill, extrapolate
from exopd.reinforce import flawed, honest, reinforce
from exopd.student import Score, Student, score, train_base
from exopd.task import DOMAINS, Problems, problems, split

Row = dict[str, Any]


@dataclass(frozen=True)
class Settings:
    """How much to do. Everything else is the same in both modes."""

    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    scales: tuple[float, ...] = (0.5, 1.0, 1.25, 1.5, 2.0, 3.0)
    beyond: tuple[float, ...] = (5.0, 8.0)  # further scales, for the single teacher alone
    pays: tuple[float, ...] = (0.5, 0.75, 1.0)  # of the flawed rewards, where a right answer earns 1
    noise: float = 0.35
    base_steps: int = 1600
    base_batch: int = 128
    teacher_steps: int = 80
    teacher_batch: int = 128
    steps: int = 250
    batch: int = 64
    weak_width: int = 64

    @property
    def continued_steps(self) -> int:
        """Steps of reinforcement learning for the compute of one distillation.

        In units of a student's forward pass, a step of distillation costs six (answers, forward, backward worth two,
        teacher, reference) and a step of REINFORCE four.
        """
        return self.steps * 6 // 4


FULL = Settings()
QUICK = Settings(
    seeds=(0, 1), scales=(1.0, 2.0), beyond=(), pays=(1.0,), noise=0.2, base_steps=700, base_batch=64, teacher_steps=50,
    teacher_batch=96, steps=80, batch=64,
)  # fmt: skip


@dataclass(frozen=True)
class World:
    """What all methods of one seed share: problems, the base, a teacher for each domain."""

    seed: int
    train: Problems
    test: tuple[Problems, ...]
    base: Student
    teachers: tuple[Student, ...]

    def of(self, domain: int) -> Problems:
        """The training problems of one domain."""
        return self.train[self.train.domain == domain]


@cache
def world(settings: Settings, seed: int) -> World:
    """Train the base and the teachers of a seed, once a process."""
    train, held_out = split(problems(), seed)
    base = train_base(train, seed=seed, steps=settings.base_steps, batch=settings.base_batch, noise=settings.noise)
    teachers = tuple(
        reinforce(
            base, train[train.domain == domain], honest, seed=seed, steps=settings.teacher_steps,
            batch=settings.teacher_batch,
        )
        for domain in range(len(DOMAINS))
    )  # fmt: skip
    test = tuple(held_out[held_out.domain == domain] for domain in range(len(DOMAINS)))
    return World(seed, train, test, base, teachers)


def _student(
    settings: Settings, shared: World, teachers: Sequence[Student], train: Problems, **options: Any
) -> Student:
    options = {"start": shared.base, "reference": shared.base, "seed": 1000 + shared.seed, **options}
    return distill(teachers=teachers, train=train, steps=settings.steps, batch=settings.batch, **options)


def single(settings: Settings) -> Iterator[Row]:
    """One teacher, of addition: the exact loss, the paper's estimator, and the controls that do not distill."""
    measured = _Measured()
    for seed in settings.seeds:
        shared = world(settings, seed)
        (teacher, *_), test, train = shared.teachers, shared.test[0], shared.of(0)
        measured.add("base", None, 0, score(shared.base, test))
        reached = measured.add("teacher", None, 0, score(teacher, test))
        for scale in settings.scales + settings.beyond:
            for method in ("exact", "sampled") if scale in settings.scales else ("exact",):
                model = _student(settings, shared, [teacher], train, reward_scale=scale, estimator=method)
                measured.add(method, scale, 0, score(model, test), teacher=reached)
            measured.add("weights", scale, 0, score(extrapolate(teacher, shared.base, scale), test), teacher=reached)
        model = reinforce(
            teacher, train, honest, seed=2000 + seed, steps=settings.continued_steps, batch=settings.batch
        )
        measured.add("continued RL", None, 0, score(model, test), teacher=reached)
    yield from measured.rows()


def merged(settings: Settings) -> Iterator[Row]:
    """Both teachers in one student, each on its domain, against each teacher on the domain that it was trained for."""
    measured = _Measured()
    for seed in settings.seeds:
        shared = world(settings, seed)
        for domain, test in enumerate(shared.test):
            measured.add("base", None, domain, score(shared.base, test))
            for other, teacher in enumerate(shared.teachers):
                measured.add("teacher" if other == domain else "other teacher", None, domain, score(teacher, test))
        for scale in settings.scales:
            model = _student(settings, shared, shared.teachers, shared.train, reward_scale=scale)
            for domain, test in enumerate(shared.test):
                reached = score(shared.teachers[domain], test)
                measured.add("merged", scale, domain, score(model, test), teacher=reached)
    yield from measured.rows()


def flaw(settings: Settings) -> Iterator[Row]:
    """Teachers of addition whose reward also paid, less or more, for wrong answers that begin with a 7 or an 8."""
    measured = _Measured()
    for seed in settings.seeds:
        shared = world(settings, seed)
        test, train = shared.test[0], shared.of(0)
        measured.add("base", None, 0, score(shared.base, test))
        for pay in settings.pays:
            teacher = reinforce(
                shared.base, train, flawed(pay), seed=seed, steps=settings.teacher_steps, batch=settings.teacher_batch
            )
            reached = measured.add(f"teacher, flaw pays {pay:g}", None, 0, score(teacher, test))
            for scale in settings.scales:
                if scale >= 1:
                    model = _student(settings, shared, [teacher], train, reward_scale=scale)
                    measured.add(f"student, flaw pays {pay:g}", scale, 0, score(model, test), teacher=reached)
    yield from measured.rows()


def strong_to_weak(settings: Settings) -> Iterator[Row]:
    """A narrower student with a base of its own; R is that base, or what the teacher was before its training."""
    measured = _Measured()
    for seed in settings.seeds:
        shared = world(settings, seed)
        (teacher, *_), test, train = shared.teachers, shared.test[0], shared.of(0)
        weak = train_base(
            shared.train, seed=seed, steps=settings.base_steps, batch=settings.base_batch, noise=settings.noise,
            width=settings.weak_width,
        )  # fmt: skip
        measured.add("weak base", None, 0, score(weak, test))
        reached = measured.add("teacher", None, 0, score(teacher, test))
        for scale in settings.scales:
            value = None
            for method, reference in (("own base", weak), ("teacher's base", shared.base)):
                if value is None or scale != 1:  # at 1 the reference drops out
                    model = _student(
                        settings, shared, [teacher], train, reward_scale=scale, start=weak, reference=reference
                    )
                    value = score(model, test)
                measured.add(method, scale, 0, value, teacher=reached)
    yield from measured.rows()


PARTS = {"single": single, "merged": merged, "flaw": flaw, "strong_to_weak": strong_to_weak}


class _Measured:
    """Scores by method, scale and domain, one for each seed."""

    def __init__(self) -> None:
        self._scores: dict[tuple[str, float | None, int], list[tuple[Score, Score | None]]] = {}

    def add(
        self, method: str, scale: float | None, domain: int, value: Score, *, teacher: Score | None = None
    ) -> Score:
        self._scores.setdefault((method, scale, domain), []).append((value, teacher))
        return value

    def rows(self) -> Iterator[Row]:
        """Means with standard errors over the seeds; the gain over the teacher is paired, seed by seed."""
        for (method, scale, domain), values in self._scores.items():
            row: Row = {"method": method, "reward_scale": scale, "domain": DOMAINS[domain], "seeds": len(values)}
            for field in Score._fields:
                row |= _summary(field, [getattr(value, field) for value, _ in values])
            row["accuracies"] = [round(value.accuracy, 4) for value, _ in values]
            gains = [value.accuracy - teacher.accuracy for value, teacher in values if teacher is not None]
            if gains:
                row |= _summary("gain", gains) | {"seeds_above_teacher": sum(gain > 0 for gain in gains)}
            yield row


def _summary(name: str, values: Sequence[float]) -> Row:
    error = statistics.stdev(values) / math.sqrt(len(values)) if len(values) > 1 else None
    return {name: statistics.fmean(values), f"{name}_se": error}
