"""Which depth to train on next, and on which skills: a schedule that follows pass rates and survives a checkpoint."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from math import inf, prod
from typing import Any

from composekit._errors import bad_type, bad_value
from composekit.compose.generators.stream import Stream
from composekit.compose.linking import Unlinkable, chain
from composekit.compose.problem import Composite, Problem
from composekit.compose.results import Group, Score, read_groups
from composekit.compose.skills import Skill, Skills, part_results
from composekit.compose.verdict import Verdict

_CANDIDATES = 24  # partners that are compared for one place of a composite
_LINK_ATTEMPTS = 64
_WEAK_OFFSET = 0.1  # keeps a skill that is never solved in the game
_MAX_BACKOFF = 8
_LEAST_SHARE = 0.05  # of the current depth, so that there is always something to divide by


@dataclass
class _Depth:
    """Averages of one depth, and the window that is being filled."""

    pass_rate: float = 0.0
    solve_all: float = 0.0
    solve_none: float = 0.0
    windows: int = 0
    groups: int = 0
    passed: float = 0.0
    all_solved: int = 0
    none_solved: int = 0

    def add(self, rate: float) -> None:
        self.groups += 1
        self.passed += rate
        self.all_solved += rate == 1
        self.none_solved += rate == 0

    def close(self, keep: float) -> None:
        """Take the window into the averages; the first one sets them."""
        keep = keep if self.windows else 0.0
        self.pass_rate = keep * self.pass_rate + (1 - keep) * self.passed / self.groups
        self.solve_all = keep * self.solve_all + (1 - keep) * self.all_solved / self.groups
        self.solve_none = keep * self.solve_none + (1 - keep) * self.none_solved / self.groups
        self.windows += 1
        self.groups = self.all_solved = self.none_solved = 0
        self.passed = 0.0


class Curriculum:
    """A schedule over depths and skills, driven by pass rates.

    *Depth.* The groups of a depth (all rollouts of one prompt) are collected in windows; exponential averages follow
    the pass rate and the shares of groups in which every rollout is right (*solve-all*) or none (*solve-none*). When
    solve-all at the current depth stays above ``promote_at`` for ``patience`` windows, the next depth becomes current;
    when solve-none there stays above ``demote_at`` as long, the one before does, and each demotion doubles the patience
    before the next promotion, so that the two never chase each other. Every depth keeps a share ``floor`` of the draws.

    *Skills.* Every attempt counts for the skill (domain, topic, level) of its problem, and for the problem; parts of a
    composite share its credit. :meth:`sample` draws problems with a bent towards skills that are weak but not hopeless,
    and picks partners such that the product of the expected pass rates comes near ``target``.

    Args:
        depths: The depths to schedule, ascending.
        seed: Names the stream of :meth:`sample_depth` and :meth:`sample`.
        window: Groups of a depth in a window.
        smoothing: The weight of the past in the exponential averages, in [0, 1).
        promote_at: Promote above this share of solve-all groups.
        demote_at: Demote above this share of solve-none groups.
        patience: For this many windows in a row.
        floor: The least probability of every depth.
        target: The product of pass rates that composites aim at.
        memory: Attempts that a skill remembers.

    Raises:
        ArgumentTypeError, ArgumentError: an argument has the wrong type or no sense.

    Guarantees:
        Deterministic: a function of the arguments, the updates and the number of draws. The state is JSON.

    Example:
        >>> curriculum = Curriculum(depths=(1, 2), window=4, patience=2)
        >>> curriculum.depth
        1
        >>> curriculum.update([(1, [1, 1, 1, 1])] * 12)   # twelve groups at depth 1, all solved
        >>> curriculum.depth, round(curriculum.weights()[2], 3)
        (2, 0.95)

    Source:
        The depth curriculum of Composition-RL (arXiv 2602.12036), which switches "when performance saturates".
    """

    def __init__(
        self,
        depths: Sequence[int] = (1, 2, 3),
        *,
        seed: int = 0,
        window: int = 32,
        smoothing: float = 0.5,
        promote_at: float = 0.7,
        demote_at: float = 0.8,
        patience: int = 3,
        floor: float = 0.05,
        target: float = 0.5,
        memory: int = 200,
    ) -> None:
        if not isinstance(depths, Iterable):
            raise bad_type("Curriculum", "depths", "be a sequence of ints", repr(depths), "Write for example (1, 2, 3)")
        self.depths = tuple(depths)
        self.seed, self.window, self.smoothing, self.patience, self.memory = seed, window, smoothing, patience, memory
        self.promote_at, self.demote_at, self.floor, self.target = promote_at, demote_at, floor, target
        self._check()
        self.skills = Skills(memory)
        self._stats = {depth: _Depth() for depth in self.depths}
        self._current = 0
        self._promote_streak = self._demote_streak = self._demotions = self._draws = 0

    def _check(self) -> None:
        op = "Curriculum"
        ascending = all(type(d) is int and d > 0 for d in self.depths) and list(self.depths) == sorted(set(self.depths))
        if not self.depths or not ascending:
            raise bad_value(op, "depths", "be ascending positive integers", self.depths, "Write for example (1, 2, 3)")
        for name in ("seed", "window", "patience", "memory"):
            value = getattr(self, name)
            if type(value) is not int:
                raise bad_type(op, name, "be an int", repr(value), "Give a whole number")
            if name != "seed" and value < 1:
                raise bad_value(op, name, "be at least 1", value, "Raise it")
        for name in ("smoothing", "promote_at", "demote_at", "floor", "target"):
            value = getattr(self, name)
            if not isinstance(value, int | float) or not 0 <= value <= 1:
                raise bad_value(op, name, "lie in [0, 1]", repr(value), "Give a share")
        if self.floor * len(self.depths) > 1 or self.smoothing == 1:
            raise bad_value(op, "floor", "leave room for all depths, and smoothing be below 1",
                            (self.floor, self.smoothing), "Lower them")  # fmt: skip

    @property
    def depth(self) -> int:
        """The current depth."""
        return self.depths[self._current]

    def rates(self) -> dict[int, dict[str, float]]:
        """The exponential averages of every depth that has closed a window: pass_rate, solve_all, solve_none."""
        names = ("pass_rate", "solve_all", "solve_none")
        return {d: {n: getattr(s, n) for n in names} for d, s in self._stats.items() if s.windows}

    def weights(self) -> dict[int, float]:
        r"""The probability of every depth: the floor, and the rest where groups are most mixed.

        Only groups that are neither all right nor all wrong teach anything, so what the floors leave goes to the depths in
        proportion to :math:`m = 1 -` solve-all :math:`-` solve-none. A depth without a closed window counts as 1 if it is
        the current one and as 0 otherwise: deeper ones first show at their floor that they are within reach. A depth
        before the current one with solve-all above ``promote_at`` keeps its floor alone.
        """
        shares = {}
        for k, (depth, stats) in enumerate(self._stats.items()):
            mixed = 1 - stats.solve_all - stats.solve_none if stats.windows else float(k == self._current)
            mastered = k < self._current and stats.solve_all > self.promote_at
            shares[depth] = 0.0 if mastered else max(mixed, _LEAST_SHARE if k == self._current else 0.0)
        rest = 1 - self.floor * len(self.depths)
        return {depth: self.floor + rest * share / sum(shares.values()) for depth, share in shares.items()}

    def weaknesses(self, n: int = 5) -> list[Skill]:
        """The n weakest skills, with their pass rates and intervals; surely weak ones before little known ones.

        Example:
            >>> easy = Problem("What is 2 + 2?", 4, metadata={"topic": "sums", "level": 1})
            >>> hard = Problem("What is 17 * 23?", 391, metadata={"topic": "products", "level": 2})
            >>> curriculum = Curriculum()
            >>> curriculum.update([(easy, [1, 1, 1, 1]), (hard, [0, 0, 1, 0])])
            >>> weakest = curriculum.weaknesses()[0]
            >>> weakest.topic, weakest.pass_rate, round(weakest.low, 2), round(weakest.high, 2)
            ('products', 0.25, 0.05, 0.7)
        """
        return self.skills.table()[:n]

    # --- learning from results

    def update(self, results: Iterable[tuple[Problem | int, Score | Sequence[Score]]] | Mapping[int, Any]) -> None:
        """Take in results of rollouts.

        Args:
            results: Pairs of a problem (or, for the depth schedule alone, a depth) and the scores of its rollouts: numbers,
                booleans or verdicts, in a list for a group, or one alone. A rollout is right when its score is 1 or its
                verdict is correct. None and NaN, which trainers use for "not applicable", are left out. A mapping from
                depths to scores does as well.

        Raises:
            ArgumentTypeError, ArgumentError: a result is no such pair, or its depth is not in ``depths``. Nothing of
                the call is taken in then.
        """
        for group in read_groups(results, self.depths):
            if isinstance(group.what, Problem):
                self._credit(group.what, group)
            stats = self._stats[group.depth]
            stats.add(sum(group.right) / len(group.right))
            if stats.groups == self.window:
                stats.close(self.smoothing)
                if group.depth == self.depth:
                    self._move(stats)

    def _credit(self, problem: Problem, group: Group) -> None:
        for score, solved in zip(group.scores, group.right, strict=True):
            if isinstance(problem, Composite):
                judged = part_results(score.parts if isinstance(score, Verdict) else (), problem.parts)
                self.skills.record_parts(problem.parts, solved, judged)
            else:
                self.skills.record(problem, float(solved))

    def _move(self, stats: _Depth) -> None:
        """Promote or demote after a window of the current depth."""
        self._promote_streak = self._promote_streak + 1 if stats.solve_all > self.promote_at else 0
        self._demote_streak = self._demote_streak + 1 if stats.solve_none > self.demote_at else 0
        patience = self.patience * min(2**self._demotions, _MAX_BACKOFF)
        if self._promote_streak >= patience and self._current + 1 < len(self.depths):
            self._current += 1
        elif self._demote_streak >= self.patience and self._current > 0:
            self._current -= 1
            self._demotions += 1
        else:
            return
        self._promote_streak = self._demote_streak = 0

    # --- drawing

    def _stream(self) -> Stream:
        self._draws += 1
        return Stream("curriculum", self.seed, self._draws)

    def sample_depth(self) -> int:
        """A depth, drawn with :meth:`weights`."""
        point, total = self._stream().unit(), 0.0
        for depth, weight in self.weights().items():
            total += weight
            if point < total:
                return depth
        return self.depth

    def sample(self, pool: Sequence[Problem], depth: int | None = None) -> tuple[Problem, ...]:
        """Problems for the next exercise, in the order in which they should be chained.

        One of them, the focus, is drawn with weight :math:`(1 - p)(p + 0.1)`, p being its expected pass rate: weak skills
        are preferred, mastered ones left out. The others are the best of some random ones: those that bring the product of
        pass rates nearest to ``target``. The focus stands at a random place.

        Args:
            pool: Problems to draw from, at least as many as the depth: a list, or another sequence.
            depth: How many; by default :meth:`sample_depth`.

        Raises:
            ArgumentTypeError, ArgumentError: the pool is no sequence of problems, or smaller than the depth; the depth is no
                positive int.
        """
        op = "Curriculum.sample"
        if not (hasattr(pool, "__len__") and hasattr(pool, "__getitem__")) or isinstance(pool, Mapping | str):
            raise bad_type(op, "pool", "be a list of problems", type(pool).__name__, "Pass list(problems)")
        if depth is not None and type(depth) is not int:
            raise bad_type(op, "depth", "be an int or None", repr(depth), "Give a whole number")
        if depth is not None and depth < 1:
            raise bad_value(op, "depth", "be at least 1", depth, "Leave it out to draw one")
        depth = self.sample_depth() if depth is None else depth
        if len(pool) < depth:
            raise bad_value(op, "pool", f"hold at least {depth} problems", len(pool), "Add problems, or name the depth")
        if not isinstance(pool[0], Problem):
            raise bad_type(op, "pool", "hold problems", type(pool[0]).__name__, "Load rows with load_problems(rows)")
        rng = self._stream()
        chosen = [self._focus(pool, rng)]
        for k in range(1, depth):
            rate = prod(self.skills.estimate(p) for p in chosen)
            wanted = min(max(self.target / max(rate, 1e-9), 0.0), 1.0) ** (1 / (depth - k))
            candidates = [p for p in (rng.choice(pool) for _ in range(_CANDIDATES)) if p not in chosen]
            candidates = candidates or [p for p in pool if p not in chosen]
            if not candidates:
                raise bad_value("Curriculum.sample", "pool", "hold different problems", "copies", "Remove duplicates")
            chosen.append(min(candidates, key=lambda p: abs(self.skills.estimate(p) - wanted)))
        place = rng.below(depth)
        return (*chosen[1 : place + 1], chosen[0], *chosen[place + 1 :])

    def _focus(self, pool: Sequence[Problem], rng: Stream) -> Problem:
        """Rejection: the weight is at most 0.3025, so a handful of draws do."""
        best, most = pool[0], -1.0
        for _ in range(_LINK_ATTEMPTS):
            problem = rng.choice(pool)
            p = self.skills.estimate(problem)
            weight = (1 - p) * (p + _WEAK_OFFSET)
            if rng.unit() * ((1 + _WEAK_OFFSET) / 2) ** 2 < weight:
                return problem
            if weight > most:
                best, most = problem, weight
        return best

    def compose(self, pool: Sequence[Problem], depth: int | None = None) -> Problem:
        """The next exercise: a problem of the pool, or a chain of some of them.

        Raises:
            Unlinkable: no draw of 64 could be linked.
            ArgumentError: the pool is smaller than the depth.

        Example:
            >>> from composekit.compose import generators
            >>> curriculum = Curriculum(seed=1)
            >>> exercise = curriculum.compose(generators.arithmetic(40), depth=2)
            >>> exercise.depth, len(exercise.parts)
            (2, 2)
        """
        depth = self.sample_depth() if depth is None else depth
        failure: Unlinkable | None = None
        for _ in range(_LINK_ATTEMPTS):
            parts = self.sample(pool, depth)
            if depth == 1:
                return parts[0]
            try:
                return chain(*parts, seed=self._stream().below(2**63))
            except Unlinkable as error:
                failure = error
        assert failure is not None
        raise failure

    # --- checkpoints

    def state_dict(self) -> dict[str, Any]:
        """Everything that changes, as JSON values."""
        names = ("_current", "_promote_streak", "_demote_streak", "_demotions", "_draws")
        counters = {name.strip("_"): getattr(self, name) for name in names}
        stats = {str(depth): asdict(stats) for depth, stats in self._stats.items()}
        return {"version": 1, "seed": self.seed, **counters, "depths": stats, "skills": self.skills.state()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Go on where the curriculum that gave the state stood.

        Raises:
            ArgumentTypeError, ArgumentError: the state is of a curriculum with other depths or another seed, or is none
                at all. Thresholds may differ: a run may be resumed with others.
        """
        op = "Curriculum.load_state_dict"
        if not isinstance(state, Mapping):
            raise bad_type(op, "state", "be a mapping", type(state).__name__, "Pass what state_dict gave")
        mine = {"version": 1, "seed": self.seed}
        got = {key: state.get(key) for key in mine}
        depths = list(state.get("depths", ()))
        if got != mine or depths != [str(depth) for depth in self.depths]:
            expected = f"be of version 1, seed {self.seed} and depths {self.depths}"
            raise bad_value(op, "state", expected, (got, depths), "Build the curriculum with the same arguments")
        try:
            stats = {int(depth): _Depth(**values) for depth, values in state["depths"].items()}
            counters = {
                f"_{k}": int(state[k]) for k in ("current", "promote_streak", "demote_streak", "demotions", "draws")
            }
            if counters["_current"] not in range(len(self.depths)) or min(counters.values()) < 0:
                raise ValueError(f"counters {counters}")
            if not all(0 <= value < inf for one in stats.values() for value in asdict(one).values()):
                raise ValueError(f"averages {state['depths']}")
        except (TypeError, KeyError, ValueError) as error:
            raise bad_value(op, "state", "be what state_dict gave", error, "Pass it unchanged") from None
        self.skills.load(state.get("skills"))
        self._stats = stats
        self.__dict__.update(counters)
