"""What every generator promises: streams, templates, slots, errors."""

from __future__ import annotations

import json
import pickle
import random
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composekit._errors import ArgumentError, ArgumentTypeError
from composekit.compose import Problem, generators
from composekit.compose.generators import GENERATORS, Generator, Stream

EACH = pytest.mark.parametrize("generator", list(GENERATORS.values()), ids=list(GENERATORS))
SEEDS = st.integers(-(2**70), 2**70)


def _remade(problem: Problem, **changes: Any) -> Problem:
    return GENERATORS[problem.template.name].make(**{**problem.template.params, **changes})


@EACH
def test_generator_is_a_function_of_seed_and_index(generator: Generator) -> None:
    problems = generator(30, seed=4)
    assert problems == [generator.sample(4, i) for i in range(30)]
    assert problems == list(islice(generator.stream(seed=4), 30))
    assert problems[10:] == list(islice(generator.stream(seed=4, start=10), 20))
    assert generator.sample(4, 10**15) == generator.sample(4, 10**15)


@EACH
def test_streams_of_different_seeds_are_disjoint(generator: Generator) -> None:
    streams = [{p.prompt for p in generator(150, seed=seed)} for seed in range(6)]
    assert (
        sum(map(len, streams)) - len(set().union(*streams)) <= 3
    )  # by chance alone; seed + index would share 149 of 150
    assert all(len(stream) >= 148 for stream in streams)


@EACH
def test_template_makes_the_same_problem_again_after_json(generator: Generator) -> None:
    for problem in generator(60, seed=1):
        row = json.loads(json.dumps(problem.to_dict()))
        again = Problem.from_dict(row)
        assert again == problem
        assert _remade(again) == problem
        assert pickle.loads(pickle.dumps(problem)) == problem


@EACH
def test_metadata_name_a_skill(generator: Generator) -> None:
    met = set()
    for problem in generator(300, seed=2):
        assert problem.metadata["topic"] in generator.families
        assert problem.metadata["level"] in range(1, 6)
        met.add(problem.metadata["topic"])
    assert met == set(generator.families)


@EACH
def test_slot_stands_where_it_says_and_new_values_change_nothing_else(generator: Generator) -> None:
    rng = random.Random(0)
    for problem in generator(40, seed=3):
        slots = generator.slots(problem.template.params)
        assert len({slot.span for slot in slots}) == len(slots)
        for slot in slots:
            start, end = slot.span
            assert problem.prompt[start:end] == str(slot.value)
            assert not problem.prompt[end : end + 1].isdigit()
            assert not problem.prompt[start - 1 : start].isdigit()
            assert slot.value in slot.values
            for value in rng.sample(slot.values, min(4, len(slot.values))):
                other = _remade(problem, **{slot.name: value})
                assert other.prompt == problem.prompt[:start] + str(value) + problem.prompt[end:]
                moved = {s.name: s.span[0] for s in generator.slots(other.template.params)}
                assert list(moved) == [s.name for s in slots]


@EACH
def test_slot_refuses_what_it_does_not_admit(generator: Generator) -> None:
    for problem in generator(40, seed=5):
        for slot in generator.slots(problem.template.params):
            assert not slot.admits(-1)
            assert not slot.admits(10**30)
            assert not slot.admits(True)
            assert not slot.admits(2.0)  # type: ignore[arg-type]
            refused = [v for v in range(slot.value - 8, slot.value + 9) if not slot.admits(v)]
            for value in refused[:3]:
                with pytest.raises(ArgumentError):
                    _remade(problem, **{slot.name: value})


def test_every_numeric_domain_offers_slots() -> None:
    for name in ("arithmetic", "algebra", "discrete", "physics"):
        problems = GENERATORS[name](200, seed=6)
        linkable = [p for p in problems if any(s.value > 10 for s in GENERATORS[name].slots(p.template.params))]
        assert len(linkable) >= 190  # a grid of streets may be small


def test_new_value_changes_the_answer() -> None:
    """The counterfactual that a link relies on: another number, another answer (but for problems like remainders)."""
    changed = total = 0
    for name in ("arithmetic", "algebra", "physics"):
        for problem in GENERATORS[name](40, seed=8):
            for slot in GENERATORS[name].slots(problem.template.params):
                values = [v for v in range(slot.value + 1, slot.value + 40) if slot.admits(v)][:5]
                changed += sum(_remade(problem, **{slot.name: v}).answer != problem.answer for v in values)
                total += len(values)
    assert changed >= 0.98 * total


def test_slot_absent_where_the_number_is_printed_twice() -> None:
    for problem in generators.code(200, seed=0):
        for slot in generators.code.slots(problem.template.params):
            if problem.metadata["topic"].startswith("repair"):
                pytest.fail(f"{slot.name} also stands in the source")


def test_level_and_family_can_be_chosen() -> None:
    for level in range(1, 6):
        assert {p.metadata["level"] for p in generators.algebra(20, level=level)} == {level}
    assert {p.metadata["topic"] for p in generators.logic(20, family="race")} == {"race"}
    easy, hard = (generators.arithmetic(100, level=level, family="stock") for level in (1, 5))
    assert max(int(p.answer) for p in easy) < sorted(int(p.answer) for p in hard)[50]


def test_words_of_one_problem_differ() -> None:
    for problem in generators.discrete(50, family="shortest_road"):
        towns = [problem.template.params[k] for k in ("start", "t1", "t2", "t3", "goal")]
        assert len(set(towns)) == 5


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"n": "12"}, ArgumentTypeError, "n must be an int"),
        ({"n": True}, ArgumentTypeError, "n must be an int"),
        ({"n": 0}, ArgumentError, "n must lie in"),
        ({"level": 6}, ArgumentError, "level must lie in"),
        ({"wording": 99}, ArgumentError, "wording must lie in"),
        ({"item": "dragons"}, ArgumentError, "item must be a known word"),
        ({"paid": 3}, ArgumentError, "params must fit together"),
        ({"colour": "red"}, ArgumentError, "params must be"),
        ({"family": "no such"}, ArgumentError, "family must be one of"),
        ({"family": ["change"]}, ArgumentError, "family must be one of"),
    ],
)
def test_make_names_the_bad_parameter(changes: dict[str, Any], error: type[Exception], says: str) -> None:
    params = generators.arithmetic.sample(0, 0, family="change").template.params
    with pytest.raises(error, match=says):
        generators.arithmetic.make(**{**params, **changes})
    with pytest.raises(ArgumentError, match="params must be"):
        generators.arithmetic.make(family="change")


@pytest.mark.parametrize("bad", [[], "ab", [["knows", 1]], [[1]], 7, None, [["true", 99]] * 3, [["count", "x"]] * 3])
def test_make_refuses_damaged_lists(bad: Any) -> None:
    params = generators.logic.sample(0, 0, family="knights").template.params
    with pytest.raises(ArgumentError):
        generators.logic.make(**{**params, "statements": bad})


@pytest.mark.parametrize(
    ("call", "says"),
    [
        (lambda: generators.physics.sample(0.5, 1), "seed must be an int"),
        (lambda: generators.physics.sample(0, "1"), "i must be an int"),
        (lambda: generators.physics(-1), "n must be a natural number"),
        (lambda: generators.physics(2.0), "n must be a natural number"),
        (lambda: generators.physics(3, level=0), "level must be one"),
        (lambda: generators.code(3, family="write_to_base", level=1), "level must be one"),
        (lambda: generators.physics(3, family="magic"), "family must be one of"),
        (lambda: generators.physics.slots({}), "family must be one of"),
    ],
)
def test_sample_names_the_bad_argument(call: Any, says: str) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=says):
        call()


def test_generator_pickles_as_itself() -> None:
    assert pickle.loads(pickle.dumps(generators.logic)) is generators.logic


@given(SEEDS, st.integers(0, 2**80), st.integers(1, 2**130))
def test_stream_below_stays_below_and_repeats(seed: int, i: int, n: int) -> None:
    values = [Stream("x", seed, i).below(n), Stream("x", seed, i).below(n)]
    assert values[0] == values[1]
    assert 0 <= values[0] < n


def test_stream_is_uniform_over_neighbouring_keys() -> None:
    counts = [0] * 12
    for seed in range(40):
        for i in range(300):
            counts[Stream("uniform", seed, i).below(12)] += 1
    expected = 1000
    assert sum((c - expected) ** 2 / expected for c in counts) < 31.3  # chi-square, 11 degrees of freedom, 0.1 %


@pytest.mark.parametrize("n", [3 * 2**62, 3 * 2**126, 2**200 + 1])
def test_stream_is_uniform_below_large_numbers(n: int) -> None:
    """Taking words modulo n would put half of the draws below a third of n."""
    values = [Stream("large", k).below(n) for k in range(3000)]
    assert max(values) > 0.99 * n
    assert abs(sum(value < n // 3 for value in values) - 1000) < 130  # five standard deviations


def test_stream_sample_has_no_repeats_and_meets_all_orders() -> None:
    orders = {tuple(Stream("s", k).sample("abc", 3)) for k in range(200)}
    assert len(orders) == 6
    assert all(len(set(order)) == 3 for order in orders)
