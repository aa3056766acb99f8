"""Streams of composites: composite i of a seed is a function of the pool, the seed and i, and of nothing else."""

from __future__ import annotations

import hashlib
import logging
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from fractions import Fraction
from typing import Any, Literal, Self, overload

from composekit._errors import bad_type, bad_value
from composekit.compose.bundling import bundle
from composekit.compose.ends import Ends, Only, ends_of
from composekit.compose.generators.stream import Stream
from composekit.compose.linking import Refusal, Unlinkable, join
from composekit.compose.problem import Composite, Problem

Mode = Literal["chain", "bundle", "tree"]
MODES = ("chain", "bundle", "tree")
ATTEMPTS = 64  # draws of earlier parts before an index is given up
STRICT_ATTEMPTS = 48  # of these, draws that insist on the best links
WARY_ATTEMPTS = 60  # draws that insist on links that give nothing away
MIXED = 12  # one answer of so many is no whole number where draws find such an answer soon
PER_LAST = 20  # the default size, per problem of the pool

_log = logging.getLogger(__name__)


class Composer:
    """A data set of composites made from a pool of problems, each addressed by its index.

    ``composer[i]`` depends on the pool, the options, the seed and ``i`` alone, so any number of workers on any machines can
    share the work. The last part, the one whose answer counts, runs through the pool in a random order, and again in another
    one, so that none is used much more often than another; the parts before it are drawn afresh until they link.

    Args:
        pool: The problems, with different ids.
        depth: The number of parts of a chain or a bundle. In a tree, the number of parts on the longest path; each of
            them but the first is fed by one more part, so that there are ``2 * depth - 1``.
        mode: ``"chain"``, ``"bundle"`` (independent parts) or ``"tree"`` (fan-in: parts with two inputs).
        size: How many composites there are; by default 20 for every problem of the pool.
        cross_domain: Link (or bundle next to each other) only parts of different domains.
        seed: Names the stream. Streams of different seeds have nothing in common.
        new_values: Give constants new values and recompute the answers, wherever a part has a solver that vouches for it.

    Raises:
        ArgumentTypeError, ArgumentError: the pool is empty, holds things that are no problems or ids twice, or is too
            small for the depth; an option has no sense.

    Guarantees:
        * Deterministic, whatever was asked for before; pickles; may be shared by threads.
        * No problem occurs twice in a composite.
        * Every problem that can come last does so in ``size / n`` composites, rounded up or down, where n is their number.
          In chains and trees, a problem whose text has no constant for a link (a tree: not two) cannot come last, nor one
          whose constants are all doubtful: they follow from the rest of its text, or its answer may not depend on them.
          Where no other problem is left, such constants are taken all the same.
        * ``composer[i]`` raises :class:`Unlinkable` where 64 draws of earlier parts gave no sound link.

    Example:
        >>> question = "Ann has {} nuts and eats {}. How many are left?"
        >>> pool = [Problem(question.format(3 * n + 20, n), 2 * n + 20) for n in range(11, 19)]
        >>> composites = Composer(pool, depth=2, seed=1)
        >>> len(composites), composites[5] == Composer(pool, depth=2, seed=1)[5]
        (160, True)
        >>> len({c.parts[-1].id for c in composites[:8]})
        8
        >>> [composites.shard(1, 4)[j] == composites[1 + 4 * j] for j in range(3)]
        [True, True, True]
    """

    def __init__(
        self,
        pool: Iterable[Problem],
        *,
        depth: int = 2,
        mode: Mode = "chain",
        size: int | None = None,
        cross_domain: bool = False,
        seed: int = 0,
        new_values: bool = False,
    ) -> None:
        self.pool = _checked_pool(pool)
        self.depth = _checked_int("depth", depth, 1)
        self.mode: Mode = mode
        self.cross_domain = bool(cross_domain)
        self.new_values = bool(new_values)
        self.seed = _checked_seed(seed)
        self.size = len(self.pool) * PER_LAST if size is None else _checked_int("size", size, 0)
        self._check_options()
        self._feeds = _feeds(mode, depth)
        self._indices = range(self.size)
        self._position = 0
        self._resumed = False
        self._orders: dict[int, list[int]] = {}
        self._beside: dict[tuple[bool, str], list[int]] = {}
        # Of two that a tree hides, too: whoever solves for the one must not have the other from it and from the rest.
        self._only: Only = "needed"
        self._inputs = 2 if mode == "tree" else 1  # links that end in one part
        self._sources, self._middles, self._lasts = self._eligible()

    def _check_options(self) -> None:
        if self.mode not in MODES:
            raise bad_value("Composer", "mode", f"be one of {', '.join(MODES)}", repr(self.mode), "Name one of them")
        needed = _parts(self.mode, self.depth)
        if needed > len(self.pool):
            got = f"{len(self.pool)} problem{'s' * (len(self.pool) > 1)} for depth={self.depth}"
            rule = f"hold at least {needed} problems for this mode and depth"
            raise bad_value("Composer", "pool", rule, got, "Add problems, or lower depth")
        domains = {problem.domain for problem in self.pool}
        if self.cross_domain and self.depth > 1 and len(domains) < 2:
            got = f"only {domains.pop()!r}"
            raise bad_value(
                "Composer", "pool", "hold several domains for cross_domain=True", got, "Add problems of another one"
            )

    def _eligible(self) -> tuple[list[int], list[int], list[int]]:
        """The problems that may start a link, that may stand in the middle, and that may come last."""
        everyone = list(range(len(self.pool)))
        if self.mode == "bundle" or self.depth == 1:
            return everyone, everyone, everyone
        ends = [ends_of(problem) for problem in self.pool]
        sources = [i for i in everyone if ends[i].is_source]
        mixed = MIXED * sum(isinstance(ends[i].value, Fraction) for i in sources) >= len(sources)
        lasts = [i for i in everyone if _constants(ends[i], self._only, shares=mixed) >= self._inputs]
        middles = sorted({*sources} & {*lasts})
        if not lasts or not (middles or self.depth == 2):  # better than nothing
            self._only = "any"
            lasts = [i for i in everyone if ends[i].inputs >= self._inputs]
            middles = sorted({*sources} & {*lasts})
        if len(lasts) < len(everyone):
            _log.info(
                "Composer: %d of %d problems have too few constants on which their answer depends to come last",
                len(everyone) - len(lasts),
                len(everyone),
            )
        # Where nothing links, indexing says so; building a data set of nothing is no reason to fail here.
        return sources or everyone, middles or everyone, lasts or everyone

    # --- the sequence

    def __len__(self) -> int:
        return len(self._indices)

    @overload
    def __getitem__(self, index: int) -> Composite: ...
    @overload
    def __getitem__(self, index: slice) -> list[Composite]: ...
    def __getitem__(self, index: int | slice) -> Composite | list[Composite]:
        if isinstance(index, slice):
            return [self._make(i) for i in self._indices[index]]
        try:
            position = index.__index__()
        except (AttributeError, TypeError):
            got = type(index).__name__
            raise bad_type(
                "Composer", "index", "be an int or a slice", got, "Write composer[3] or composer[:8]"
            ) from None
        if not -len(self) <= position < len(self):
            raise IndexError(
                f"Composer: index must lie in [{-len(self)}, {len(self)}); got {position}. Raise size, or count down."
            )
        return self._make(self._indices[position])

    def __iter__(self) -> Iterator[Composite]:
        """From the start, or once from where ``load_state_dict`` put it."""
        start = self._position if self._resumed else 0
        self._resumed = False
        for position in range(start, len(self)):
            self._position = position + 1
            yield self._make(self._indices[position])
        self._position = 0

    def shard(self, rank: int, world_size: int) -> Self:
        """Every ``world_size``-th composite from ``rank`` on: disjoint shares whose union is the whole."""
        world_size = _checked_int("world_size", world_size, 1)
        rank = _checked_int("rank", rank, 0)
        if rank >= world_size:
            raise bad_value("Composer.shard", "rank", f"be below world_size = {world_size}", rank, "Count ranks from 0")
        share = self.__class__.__new__(self.__class__)
        share.__dict__.update(self.__dict__)
        share._indices = self._indices[rank::world_size]
        share._position, share._resumed = 0, False
        return share

    # --- resuming

    def state_dict(self) -> dict[str, Any]:
        """Where iteration stands, and what it iterates over, as JSON values."""
        return {"position": self._position, **self._identity()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Let the next iteration go on where the one that gave the state stood.

        Raises:
            ArgumentError: the state is of a Composer with another pool or other options, or is no state at all.
        """
        if not isinstance(state, Mapping):
            got = type(state).__name__
            raise bad_type("Composer.load_state_dict", "state", "be a mapping", got, "Pass what state_dict() gave")
        for key, mine in self._identity().items():
            if key not in state or state[key] != mine:
                raise bad_value(
                    "Composer.load_state_dict", key, f"be {mine!r}, as in this Composer", repr(state.get(key)),
                    "Build the Composer with the same pool and options",
                )  # fmt: skip
        position = state.get("position")
        if type(position) is not int or not 0 <= position <= len(self):
            rule = f"be an int from 0 to {len(self)}"
            raise bad_value("Composer.load_state_dict", "position", rule, repr(position), "Pass what state_dict() gave")
        self._position, self._resumed = position, True

    def _identity(self) -> dict[str, Any]:
        digest = hashlib.blake2b("\n".join(problem.id for problem in self.pool).encode(), digest_size=16)
        indices = [self._indices.start, self._indices.stop, self._indices.step]
        options = {
            "depth": self.depth,
            "mode": self.mode,
            "cross_domain": self.cross_domain,
            "new_values": self.new_values,
        }
        return {"pool": digest.hexdigest(), "seed": self.seed, **options, "size": self.size, "indices": indices}

    def __repr__(self) -> str:
        return (
            f"Composer({len(self.pool)} problems, depth={self.depth}, mode={self.mode!r}, size={self.size}, "
            f"cross_domain={self.cross_domain}, seed={self.seed}, new_values={self.new_values})"
        )

    # --- one composite

    def _make(self, i: int) -> Composite:
        last = self._last(i)
        refusal: Refusal | None = None
        for attempt in range(ATTEMPTS):
            stream = Stream("composer", self.seed, i, attempt)
            chosen = self._draw(last, stream)
            if chosen is None:
                continue
            parts = [self.pool[k] for k in chosen]
            if self.mode == "bundle":
                return bundle(*parts)
            good = sum(map(len, ends_of(parts[-1]).tiers)) >= self._inputs
            made = join(
                parts, self._feeds, self.mode, stream, strict=good and attempt < STRICT_ATTEMPTS,
                wary=attempt < WARY_ATTEMPTS, only=self._only, new_value=self.new_values,
            )  # fmt: skip
            if isinstance(made, Composite):
                return made
            refusal = made
        why = f"{refusal.rule}; got {refusal.got}" if refusal else "be of different domains"
        raise Unlinkable(
            f"Composer: composer[{i}] must have parts that link; got none in {ATTEMPTS} draws before problem "
            f"{self.pool[last].id} (in the last draw, a part had to {why}). Widen the pool, or skip this index.",
            why,
        )

    def _last(self, i: int) -> int:
        """The last part: round after round through a random order of the problems that can be last."""
        turn, place = divmod(i, len(self._lasts))
        order = self._orders.get(turn)
        if order is None:
            order = sorted(self._lasts, key=lambda k: _rank(self.seed, turn, k))
            self._orders[turn] = order
        return order[place]

    def _draw(self, last: int, stream: Stream) -> list[int] | None:
        """Indices of the parts, sources before targets, ending in ``last``; None where nobody is left."""
        count = _parts(self.mode, self.depth)
        chosen = [last] * count
        used = {last}
        fed = {target for _, target in self._feeds}
        for place in range(count - 2, -1, -1):
            beside = next((target for source, target in self._feeds if source == place), place + 1)
            candidates = self._candidates(place in fed, self.pool[chosen[beside]].domain)
            for _ in range(ATTEMPTS if candidates else 0):
                chosen[place] = candidates[stream.below(len(candidates))]
                if chosen[place] not in used:
                    break
            else:
                return None
            used.add(chosen[place])
        return chosen

    def _candidates(self, fed: bool, domain: str) -> list[int]:
        """The problems that may stand beside one of this domain; ``fed``: a link also ends there."""
        candidates = self._middles if fed else self._sources
        if not self.cross_domain:
            return candidates
        if (fed, domain) not in self._beside:
            self._beside[fed, domain] = [k for k in candidates if self.pool[k].domain != domain]
        return self._beside[fed, domain]


def _constants(ends: Ends, only: Only, *, shares: bool) -> int:
    """How many constants a link may replace. Beside a whole X, a share between 0 and 1 shows in the printed difference."""
    constants = (constant.value for tier in ends.link_tiers(only) for constant in tier)
    return sum(shares or not 0 < value < 1 for value in constants)


def _rank(seed: int, turn: int, k: int) -> bytes:
    return hashlib.blake2b(f"last {seed} {turn} {k}".encode(), digest_size=16).digest()


def _parts(mode: str, depth: int) -> int:
    return 2 * depth - 1 if mode == "tree" else depth


def _feeds(mode: str, depth: int) -> list[tuple[int, int]]:
    """Which parts feed which. In a tree, parts 2k and 2k + 1 feed part 2k + 2."""
    if mode == "bundle":
        return []
    if mode == "tree":
        return [(source, target) for target in range(2, 2 * depth - 1, 2) for source in (target - 2, target - 1)]
    return [(k, k + 1) for k in range(depth - 1)]


def _checked_pool(pool: Iterable[Problem]) -> tuple[Problem, ...]:
    if isinstance(pool, (str, bytes, Mapping, Problem)) or not isinstance(pool, Iterable):
        raise bad_type("Composer", "pool", "be a list of problems", type(pool).__name__, "Pass [Problem(...), ...]")
    problems = tuple(pool)
    if not problems:
        raise bad_value("Composer", "pool", "hold problems", "an empty pool", "Load some with load_problems(...)")
    for index, problem in enumerate(problems):
        if not isinstance(problem, Problem):
            got = type(problem).__name__
            raise bad_type("Composer", f"pool[{index}]", "be a Problem", got, "Load rows with load_problems(rows)")
    twice = [name for name, count in Counter(problem.id for problem in problems).items() if count > 1]
    if twice:
        shown = ", ".join(map(repr, twice[:5])) + (f" and {len(twice) - 5} others" if len(twice) > 5 else "")
        raise bad_value("Composer", "pool", "hold every id once", f"{shown} more than once", "Drop the duplicates")
    return problems


def _checked_int(argument: str, value: int, least: int) -> int:
    if type(value) is not int:
        raise bad_type("Composer", argument, "be an int", repr(value), "Give a whole number")
    if value < least:
        raise bad_value("Composer", argument, f"be at least {least}", value, "Raise it")
    return value


def _checked_seed(seed: int) -> int:
    if type(seed) is not int:
        raise bad_type("Composer", "seed", "be an int", repr(seed), "Give a whole number")
    return seed
