"""Whatever number of a generated problem a link may replace is needed: with another value, the answer is another one."""

from __future__ import annotations

import random
from typing import Any

import pytest

from composekit.compose import Problem, Unlinkable, chain
from composekit.compose.ends import ends_of
from composekit.compose.generators import GENERATORS, Generator, Slot

FAMILIES = [(generator, family) for generator in GENERATORS.values() for family in generator.families]
PROBLEMS, VALUES = 14, 8


def _replaceable(problem: Problem) -> list[Slot]:
    """The slots whose span a Composer may put a symbol into."""
    slots = {slot.span: slot for slot in GENERATORS[problem.template.name].slots(problem.template.params)}
    spans = {c.span for tier in ends_of(problem).link_tiers("needed") for c in tier}
    assert spans <= set(slots), "a number of the wording may be replaced"
    return [slots[span] for span in sorted(spans)]


def _others(slot: Slot, rng: random.Random) -> list[int]:
    """Other values, from half to twice the present one where there are enough."""
    near = [v for v in slot.values if v != slot.value]
    close = [v for v in near if slot.value / 2 <= v <= 2 * slot.value]
    return rng.sample(close or near, min(VALUES, len(close or near)))


def _fails(problem: Problem, source: str) -> bool:
    """Whether a program for other numbers fails a test of the problem."""
    space: dict[str, Any] = {}
    exec(source, space)  # our own source
    function = space[problem.entry_point]
    return any(function(*test["args"]) != test["expected"] for test in problem.tests)


def _changed(problem: Problem, slot: Slot, value: int) -> bool:
    other = GENERATORS[problem.template.name].make(**{**problem.template.params, slot.name: value})
    return _fails(problem, other.solution) if problem.tests else other.answer != problem.answer


@pytest.mark.parametrize(("generator", "family"), FAMILIES, ids=[family for _, family in FAMILIES])
def test_whatever_a_link_may_replace_is_needed(generator: Generator, family: str) -> None:
    rng = random.Random(family)
    changed = total = 0
    for problem in generator(PROBLEMS, seed=31, family=family):
        for slot in _replaceable(problem):
            differ = [_changed(problem, slot, value) for value in _others(slot, rng)]
            assert any(differ) or not differ, f"{slot.name} = {slot.value} is idle in {problem.prompt!r}"
            changed, total = changed + sum(differ), total + len(differ)
    least = 0.5 if generator.name == "choice" or family == "shortest_road" else 0.8
    assert changed >= least * total


@pytest.mark.parametrize("family", ["treasure", "race", "knights_toll"])
def test_unneeded_numbers_of_a_puzzle_are_told_apart(family: str) -> None:
    """Both kinds are met, and what is called unneeded is: no other value of it changes the answer."""
    generator, met = GENERATORS["logic"], set()
    for problem in generator(40, seed=5, family=family):
        for slot in generator.slots(problem.template.params):
            met.add(slot.needed)
            if not slot.needed:
                assert not any(_changed(problem, slot, value) for value in _others(slot, random.Random(0)))
    assert met == {True, False}


def test_a_new_value_is_needed_too() -> None:
    """A road that gets a new length may leave the shortest way; then it is not the one to be replaced."""
    first, made = Problem("A crate holds 12 boxes of 16 pencils. How many pencils are in the crate?", 192), 0
    for problem in GENERATORS["discrete"](30, seed=8, family="shortest_road"):
        try:
            composite = chain(first, problem, seed=1, new_value=True)
        except Unlinkable:
            continue
        last, made = composite.parts[1], made + 1
        slots = {slot.span: slot for slot in GENERATORS["discrete"].slots(last.template.params)}
        assert slots[composite.links[0].span].needed
    assert made > 20
