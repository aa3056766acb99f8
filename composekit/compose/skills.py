"""Pass rates by skill: a tree of counts from all problems down to one, with intervals and shared credit."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from math import inf, prod, sqrt
from typing import Any, NamedTuple

from composekit._errors import bad_value
from composekit.compose.problem import Composite, Problem

_Z = 1.959964  # two-sided 95 %
_PRIOR = 4.0  # how many attempts the rate of the broader skill counts for
_DEPTH = 3  # a skill is (domain, topic, level)

Tag = tuple[str, ...]


class Skill(NamedTuple):
    """What is known about one skill.

    Args:
        domain, topic, level: What it is; topic and level are empty where the problems do not say.
        pass_rate: The share of attempts that were right.
        low, high: The 95 % Wilson interval of the pass rate. Where nearly all attempts were at composites, it covers the
            rate about four times in five, because the credit of one part leans on the estimates of the others.
        attempts: How many attempts at single problems would say as much; old ones are forgotten and composites say less, so
            it is no whole number.
    """

    domain: str
    topic: str
    level: str
    pass_rate: float
    low: float
    high: float
    attempts: float


def wilson(successes: float, attempts: float) -> tuple[float, float]:
    r"""The 95 % Wilson score interval.

    .. math:: \frac{\hat p + z^2/2n \pm z\sqrt{\hat p(1-\hat p)/n + z^2/4n^2}}{1 + z^2/n}

    Example:
        >>> [round(x, 3) for x in wilson(8, 10)]
        [0.49, 0.943]
        >>> wilson(0, 0)
        (0.0, 1.0)
    """
    if attempts <= 0:
        return 0.0, 1.0
    rate, spread = successes / attempts, _Z**2 / attempts
    half = _Z * sqrt(max(rate * (1 - rate), 0.0) / attempts + spread / (4 * attempts))
    centre, scale = rate + spread / 2, 1 + spread
    # The rate lies inside; rounding must not put it an ulp outside.
    return max(min((centre - half) / scale, rate), 0.0), min(max((centre + half) / scale, rate), 1.0)


def tag_of(problem: Problem) -> Tag:
    """Domain, topic and level of a problem, as text; ``subject`` serves where there is no ``topic``."""
    notes = problem.metadata
    topic = notes.get("topic") or notes.get("subject") or ""
    level = notes.get("level")
    return problem.domain, str(topic), "" if level is None else str(level)


class Skills:
    """Counts of successes and attempts for every prefix of (domain, topic, level, problem).

    The estimate for a problem leans on the broader skill where the narrower one has few attempts:

    .. math:: \\hat p_k = \\frac{s_k + c\\,\\hat p_{k-1}}{n_k + c}, \\qquad c = 4

    down from all problems (where the prior is 1/2) to the problem itself.

    Args:
        memory: Attempts that a tag remembers; beyond it, old ones fade as new ones come.
    """

    def __init__(self, memory: float) -> None:
        self.memory = memory
        self._counts: dict[Tag, list[float]] = {}  # successes, attempts, and what these are worth in single attempts

    @staticmethod
    def _path(problem: Problem) -> Iterator[Tag]:
        full = (*tag_of(problem), problem.id)
        return (full[:k] for k in range(len(full) + 1))

    def estimate(self, problem: Problem) -> float:
        """The pass rate to expect; of a composite, the product over its parts."""
        if isinstance(problem, Composite):
            return prod(self.estimate(part) for part in problem.parts)
        rate = 0.5
        for tag in self._path(problem):
            successes, attempts, _ = self._counts.get(tag, (0.0, 0.0, 0.0))
            rate = (successes + _PRIOR * rate) / (attempts + _PRIOR)
        return rate

    def record(self, problem: Problem, success: float, worth: float = 1.0) -> None:
        """One attempt at a problem that is no composite; ``success`` may be a share, ``worth`` less than 1."""
        for tag in self._path(problem):
            counts = self._counts.setdefault(tag, [0.0, 0.0, 0.0])
            if counts[1] >= self.memory:
                keep = (self.memory - 1) / counts[1]
                counts[:] = [count * keep for count in counts]
            counts[0] += success
            counts[1] += 1
            counts[2] += worth

    def record_parts(self, parts: Sequence[Problem], solved: bool, known: Sequence[bool | None]) -> None:
        r"""One attempt at a composite, with credit for its parts.

        A solved composite credits every part. A failed one is shared out: with pass rates :math:`p_k` and their product
        P, part k was right all the same with probability :math:`(p_k - P)/(1 - P)`, given that some part was wrong. What the
        outcome says about :math:`p_k`, its Fisher information, is worth

        .. math:: \frac{P/(1 - P)}{p_k/(1 - p_k)} \le 1

        attempts at the part alone: hardly anything about an easy part next to a hard one.

        Args:
            parts: The parts.
            solved: Whether the final answer was right.
            known: For each part, whether it was judged right on its own; None where it was not judged.
        """
        rates = [self.estimate(part) for part in parts]
        product = prod(rates)
        for part, rate, right in zip(parts, rates, known, strict=True):
            if right is not None:
                self.record(part, float(right))
            else:
                failed = max(1 - product, 1e-12)
                worth = product * (1 - rate) / max(rate * failed, 1e-12)
                self.record(part, 1.0 if solved else (rate - product) / failed, min(worth, 1.0))

    def table(self) -> list[Skill]:
        """Every skill that was met, weakest first: those that are surely weak before those that are little known."""
        rows = []
        for tag, (successes, attempts, worth) in self._counts.items():
            if len(tag) == _DEPTH:
                rate = successes / attempts
                low, high = wilson(rate * worth, worth)
                rows.append(Skill(tag[0], tag[1], tag[2], rate, low, high, worth))
        return sorted(rows, key=lambda skill: (skill.high, skill))

    def state(self) -> list[Any]:
        """The counts as JSON values."""
        return [[list(tag), *counts] for tag, counts in self._counts.items()]

    def load(self, rows: Any) -> None:
        """What :meth:`state` gave."""
        try:
            counts = {tuple(map(str, tag)): [float(s), float(n), float(w[0] if w else n)] for tag, s, n, *w in rows}
        except (TypeError, ValueError):
            counts = None
        if counts is None or any(not (0 <= s <= n < inf and n > 0 and 0 <= w <= n) for s, n, w in counts.values()):
            raise bad_value(
                "Curriculum.load_state_dict",
                "skills",
                "hold tags with counts",
                "something else",
                "Pass what state_dict gave",
            )
        self._counts = counts


def part_results(verdict_parts: Sequence[Any], parts: Sequence[Problem]) -> list[bool | None]:
    """Right or wrong for each part that a verdict judges; None where it found no answer to judge."""
    if len(verdict_parts) != len(parts):
        return [None] * len(parts)
    judged: Mapping[str, bool] = {"correct": True, "wrong": False}
    return [judged.get(v.status) for v in verdict_parts]
