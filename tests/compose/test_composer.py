"""Composer: addressed by index, the same everywhere, fair to every last problem, and clear about bad pools."""

from __future__ import annotations

import hashlib
import json
import pickle
import subprocess
import sys
from collections import Counter
from itertools import islice

import pytest

from composekit import ComposeKitError
from composekit.compose import Composer, Composite, Problem, Unlinkable

QUESTION = "Ann has {} nuts and {} figs and eats {}. How many are left?"
POOL = [Problem(QUESTION.format(900 + 7 * n, 400 + 3 * n, 100 + n), 1200 + 9 * n) for n in range(12)]
PHYSICS = [
    Problem(
        f"A body of {50 + n} kg moves at {200 + n} m/s. What is its momentum?", (50 + n) * (200 + n), domain="physics"
    )
    for n in range(12)
]
DEAD = [Problem(f"Which of the {word} is it?", word) for word in ("cats", "dogs", "rats")]


# --- the sequence


def test_composer_length_is_size_or_twenty_a_problem() -> None:
    assert len(Composer(POOL)) == 240
    assert len(Composer(POOL, size=7)) == 7
    assert list(Composer(POOL, size=0)) == []


def test_composer_items_depend_on_seed_and_index_alone() -> None:
    forwards, backwards = Composer(POOL, seed=3), Composer(POOL, seed=3, size=5000)
    assert [forwards[i] for i in range(30)] == [backwards[i] for i in reversed(range(30))][::-1]
    assert forwards[4] != Composer(POOL, seed=4)[4]


def test_composer_seeds_share_no_stream() -> None:
    first = {c.prompt for c in Composer(POOL, seed=0)}
    second = {c.prompt for c in Composer(POOL, seed=1)}
    assert len(first & second) < 3


def test_composer_counts_from_the_end_and_slices() -> None:
    composer = Composer(POOL, size=10)
    assert composer[-1] == composer[9]
    assert composer[2:5] == [composer[2], composer[3], composer[4]]
    assert composer[::-4] == [composer[9], composer[5], composer[1]]
    assert composer[20:] == []


@pytest.mark.parametrize("index", [10, -11, 10**9])
def test_composer_refuses_an_index_outside(index: int) -> None:
    with pytest.raises(IndexError, match=r"must lie in \[-10, 10\); got"):
        Composer(POOL, size=10)[index]


@pytest.mark.parametrize("index", ["1", 1.0, None, (1, 2)])
def test_composer_refuses_an_index_of_another_type(index: object) -> None:
    with pytest.raises(TypeError, match="index must be an int or a slice"):
        Composer(POOL)[index]  # type: ignore[call-overload]


def test_composer_takes_numpy_indices() -> None:
    numpy = pytest.importorskip("numpy")
    assert Composer(POOL)[numpy.int64(3)] == Composer(POOL)[3]


def test_composer_iterates_again_and_twice_at_once() -> None:
    composer = Composer(POOL, size=9)
    assert list(composer) == list(composer) == composer[:]
    assert all(a == b for a, b in zip(composer, composer, strict=True))


# --- what it is made of


@pytest.mark.parametrize("depth", [1, 2, 3, 5])
def test_composer_chains_have_the_depth(depth: int) -> None:
    for made in Composer(POOL, depth=depth, size=30):
        assert (made.depth, len(made.parts), len(made.links), made.topology) == (depth, depth, depth - 1, "chain")
        assert len({part.id for part in made.parts}) == depth
        assert made.answer == made.parts[-1].answer


@pytest.mark.parametrize("depth", [1, 2, 3])
def test_composer_trees_fan_in(depth: int) -> None:
    for made in Composer(POOL, mode="tree", depth=depth, size=20):
        assert made.topology == "tree"
        assert made.depth == depth
        assert len(made.parts) == 2 * depth - 1
        fed = Counter(link.target for link in made.links)
        assert set(fed.values()) <= {2}
        assert Counter(link.source for link in made.links) == Counter(range(2 * depth - 2))
        spans = [(link.target, link.span) for link in made.links]
        assert len(set(spans)) == len(spans)
        for link in made.links:
            assert link.definition in made.prompt
            assert link.relation in made.prompt
            assert made.prompt.index(link.definition) < made.prompt.index(link.relation)


def test_composer_bundles_hold_depth_parts() -> None:
    made = Composer([*POOL, *DEAD], mode="bundle", depth=3, size=45)
    assert all((c.topology, len(c.parts), c.links) == ("bundle", 3, ()) for c in made)
    assert {c.parts[-1].id for c in made} == {p.id for p in [*POOL, *DEAD]}


def test_composer_last_parts_run_through_the_pool() -> None:
    composer = Composer(POOL, seed=2)
    rounds = [[composer[i].parts[-1].id for i in range(12 * k, 12 * k + 12)] for k in range(3)]
    assert all(sorted(turn) == sorted(p.id for p in POOL) for turn in rounds)
    assert rounds[0] != rounds[1] != rounds[2]
    assert set(Counter(c.parts[-1].id for c in composer).values()) == {20}


def test_composer_first_parts_vary() -> None:
    firsts = Counter(c.parts[0].id for c in Composer(POOL, seed=2))
    assert len(firsts) == len(POOL)
    assert max(firsts.values()) < 40


def test_composer_passes_over_problems_that_cannot_be_linked() -> None:
    made = list(Composer([*POOL, *DEAD], size=60))
    assert len(made) == 60
    assert not {part.id for c in made for part in c.parts} & {p.id for p in DEAD}


def test_composer_across_domains_links_only_different_ones() -> None:
    for mode, depth in (("chain", 2), ("chain", 4), ("tree", 2), ("bundle", 3)):
        for made in Composer([*POOL, *PHYSICS], mode=mode, depth=depth, size=30, cross_domain=True):
            pairs = [(x.source, x.target) for x in made.links] or [(i, i + 1) for i in range(depth - 1)]
            assert all(made.parts[a].domain != made.parts[b].domain for a, b in pairs)
    plain = Composer([*POOL, *PHYSICS], size=60)
    assert {c.parts[0].domain == c.parts[1].domain for c in plain} == {True, False}


def test_composer_across_domains_finds_a_rare_one() -> None:
    for made in Composer([*POOL, *PHYSICS[:1]], cross_domain=True, size=26):
        assert made.parts[0].domain != made.parts[1].domain


def test_composer_prefers_constants_that_are_hard_to_guess() -> None:
    pool = [
        Problem(f"Ann has {n + 60} nuts, {n % 3 + 2} figs and 9 cups of {n % 5 + 4} ml. How many?", 5000 + n)
        for n in range(12)
    ]
    assert all(c.links[0].value_out >= 60 for c in Composer(pool, size=40))


def test_composer_redraws_rather_than_take_a_poor_constant() -> None:
    equation = Problem("Solve $57x + 1 = y$ for $x$.", "0")
    twice, other = Problem("What is it?", "114"), Problem("What is that?", "500")
    made = Composer([equation, twice, other], size=20)[:]
    assert {(c.links[0].value_in, c.links[0].value_out) for c in made} == {(500, 57)}


def test_composer_keeps_values_unless_asked() -> None:
    from composekit.compose import generators

    pool = generators.arithmetic(30, seed=8)
    originals = {p.id: p for p in pool}
    assert all(part == originals[part.id] for c in Composer(pool, size=30) for part in c.parts)
    renewed = [c for c in Composer(pool, size=30, new_values=True) if c.parts[1] != originals[c.parts[1].id]]
    assert len(renewed) > 15
    for made in renewed:
        template = made.parts[1].template
        assert generators.GENERATORS[template.name].make(**template.params).answer == made.answer
        assert made.parts[1].metadata["renewed"] in originals[made.parts[1].id].prompt
        assert int(made.parts[1].metadata["renewed"]) != made.links[0].value_out


# --- sharing and resuming


@pytest.mark.parametrize("world_size", [1, 2, 3, 7])
def test_composer_shards_are_a_partition(world_size: int) -> None:
    composer = Composer(POOL, size=23)
    shards = [composer.shard(rank, world_size) for rank in range(world_size)]
    assert sum(map(len, shards)) == 23
    for rank, shard in enumerate(shards):
        assert list(shard) == [composer[i] for i in range(rank, 23, world_size)]


def test_composer_shards_of_shards_are_shards() -> None:
    composer = Composer(POOL, size=24)
    assert list(composer.shard(1, 2).shard(2, 3)) == list(composer.shard(5, 6))


@pytest.mark.parametrize(("rank", "world_size"), [(2, 2), (-1, 2), (0, 0), (5, 3)])
def test_composer_refuses_shards_that_do_not_exist(rank: int, world_size: int) -> None:
    with pytest.raises(ComposeKitError):
        Composer(POOL).shard(rank, world_size)


@pytest.mark.parametrize("taken", [0, 1, 5, 14])
def test_composer_resumes_exactly(taken: int) -> None:
    composer = Composer(POOL, size=30, seed=6).shard(1, 2)
    whole = list(composer)
    start = list(islice(iter(composer), taken))
    state = json.loads(json.dumps(composer.state_dict()))
    again = Composer(POOL, size=30, seed=6).shard(1, 2)
    again.load_state_dict(state)
    assert start + list(again) == whole
    assert list(again) == whole


def test_composer_state_after_the_last_composite_has_nothing_left() -> None:
    composer = Composer(POOL, size=5)
    walk = iter(composer)
    for _ in range(5):
        next(walk)
    again = Composer(POOL, size=5)
    again.load_state_dict(composer.state_dict())
    assert list(again) == []
    assert list(walk) == []
    assert composer.state_dict()["position"] == 0


def test_composer_refuses_a_state_of_another() -> None:
    state = Composer(POOL, seed=1).state_dict()
    for other in (
        Composer(POOL, seed=2),
        Composer(POOL[:-1], seed=1),
        Composer(POOL, seed=1, depth=3),
        Composer(POOL, seed=1).shard(0, 2),
    ):
        with pytest.raises(ComposeKitError, match="load_state_dict"):
            other.load_state_dict(state)
    for position in (-1, 241, "3", None):
        with pytest.raises(ComposeKitError, match="position"):
            Composer(POOL, seed=1).load_state_dict({**state, "position": position})
    with pytest.raises(ComposeKitError):
        Composer(POOL).load_state_dict({})


def test_composer_pickles_with_its_place() -> None:
    composer = Composer(POOL, size=20, seed=5)
    walk = iter(composer)
    next(walk)
    copy = pickle.loads(pickle.dumps(composer))
    assert copy.state_dict() == composer.state_dict()
    assert copy[7] == composer[7]


def test_composer_is_the_same_in_another_process() -> None:
    code = (
        "import hashlib; from composekit.compose import Composer, Problem\n"
        f"q = {QUESTION!r}\n"
        "pool = [Problem(q.format(900 + 7 * n, 400 + 3 * n, 100 + n), 1200 + 9 * n) for n in range(12)]\n"
        "c = Composer(pool, depth=3, seed=11)\n"
        "print(hashlib.sha256('|'.join(c[i].prompt for i in (5, 3, 77)).encode()).hexdigest())\n"
    )
    mine = Composer(POOL, depth=3, seed=11)
    seen = {hashlib.sha256("|".join(mine[i].prompt for i in (5, 3, 77)).encode()).hexdigest()}
    for seed in ("0", "1"):
        environment = {"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)}
        run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
        seen.add(run.stdout.strip())
    assert len(seen) == 1


# --- bad pools and options


@pytest.mark.parametrize(
    ("pool", "options", "words"),
    [
        ([], {}, "pool must hold problems; got an empty pool"),
        (POOL[:1], {}, "pool must hold at least 2 problems for this mode and depth; got 1 problem for depth=2"),
        (POOL[:3], {"depth": 4}, "at least 4 problems"),
        (POOL[:4], {"depth": 3, "mode": "tree"}, "at least 5 problems"),
        ([*POOL, POOL[3]], {}, f"pool must hold every id once; got '{POOL[3].id}' more than once"),
        (POOL, {"depth": 0}, "depth must be at least 1"),
        (POOL, {"mode": "ring"}, "mode must be one of chain, bundle, tree; got 'ring'"),
        (POOL, {"size": -1}, "size must be at least 0"),
        (POOL, {"cross_domain": True}, "several domains for cross_domain=True; got only 'math'"),
    ],
)
def test_composer_refuses_bad_pools_and_options(pool: list[Problem], options: dict[str, object], words: str) -> None:
    with pytest.raises(ValueError) as caught:
        Composer(pool, **options)  # type: ignore[arg-type]
    assert str(caught.value).startswith("Composer: ")
    assert words in str(caught.value)
    assert isinstance(caught.value, ComposeKitError)


@pytest.mark.parametrize(
    ("pool", "options"),
    [
        ("text", {}), (POOL[0], {}), (5, {}), (["Tom"], {}), ([None], {}), ({"a": POOL[0]}, {}), (POOL, {"depth": "2"}),
        (POOL, {"depth": 2.0}), (POOL, {"seed": None}), (POOL, {"size": 1.5}), (POOL, {"depth": True}),
    ],
)  # fmt: skip
def test_composer_refuses_wrong_types(pool: object, options: dict[str, object]) -> None:
    with pytest.raises(TypeError, match=r"^Composer: "):
        Composer(pool, **options)  # type: ignore[arg-type]


def test_composer_refuses_misspelt_options() -> None:
    with pytest.raises(TypeError):
        Composer(POOL, dept=3)  # type: ignore[call-arg]


def test_composer_takes_any_iterable() -> None:
    assert Composer(iter(POOL))[0] == Composer(POOL)[0]


@pytest.mark.parametrize("mode", ["chain", "tree"])
def test_composer_says_so_where_nothing_links(mode: str) -> None:
    composer = Composer(DEAD, mode=mode)
    with pytest.raises(Unlinkable, match=r"composer\[0\] must have parts that link; got none in 64 draws"):
        composer[0]


def test_composer_depth_one_is_the_problem_itself() -> None:
    made = Composer([*POOL, *DEAD], depth=1, size=15)
    assert {c.prompt for c in made} == {p.prompt for p in [*POOL, *DEAD]}
    assert all(isinstance(c, Composite) for c in made)


@pytest.mark.parametrize("state", [None, [], "x"])
def test_composer_refuses_a_state_that_is_none(state: object) -> None:
    with pytest.raises(ComposeKitError, match="state must be a mapping"):
        Composer(POOL).load_state_dict(state)  # type: ignore[arg-type]
