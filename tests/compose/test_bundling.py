"""bundle: independent parts under headings, each with its own answer and verifier."""

from __future__ import annotations

import re

import pytest

from composekit import ComposeKitError
from composekit.compose import Problem, bundle, chain

SUM = Problem("What is 6 times 7?", 42)
RIDDLE = Problem("Who did it: Ann or Bob?", "Bob", domain="logic", verifier="exact")
PROGRAM = Problem(
    "Write f(n) = n + 1.", "", domain="code", verifier="code", tests=({"args": [1], "expected": 2},), entry_point="f"
)
NUTS = Problem("Tom has 57 nuts and eats 21. How many are left?", 36)


def test_bundle_holds_every_part_word_for_word_under_its_heading() -> None:
    made = bundle(SUM, RIDDLE, PROGRAM)
    pieces = re.split(r"^Part \d+:\n", made.prompt, flags=re.MULTILINE)
    assert [piece.strip() for piece in pieces[1:]] == [SUM.prompt, RIDDLE.prompt, PROGRAM.prompt]
    assert re.findall(r"^Part \d+:$", made.prompt, flags=re.MULTILINE) == ["Part 1:", "Part 2:", "Part 3:"]


def test_bundle_asks_for_answers_under_the_same_headings() -> None:
    instruction = bundle(SUM, RIDDLE, PROGRAM).prompt.partition("\n\n")[0]
    assert all(heading in instruction for heading in ('"Part 1:"', '"Part 2:"', '"Part 3:"'))
    assert r"\boxed{}" in instruction
    assert "in order" in instruction
    assert "code block" in instruction
    assert "code block" not in bundle(SUM, RIDDLE).prompt


def test_bundle_is_a_composite_of_independent_parts() -> None:
    made = bundle(SUM, RIDDLE)
    assert (made.parts, made.links, made.topology, made.depth) == ((SUM, RIDDLE), (), "bundle", 1)
    assert (made.verifier, made.domain) == ("composite", "mixed")
    assert bundle(SUM, NUTS).domain == "math"


def test_bundle_answer_has_one_line_a_part() -> None:
    two_lines = Problem("Say it.", "first\nsecond", verifier="exact")
    assert bundle(SUM, RIDDLE, two_lines).answer.splitlines() == ["42", "Bob", "first second"]
    assert len(bundle(SUM, PROGRAM).answer.splitlines()) == 2
    assert bundle(PROGRAM, PROGRAM.replace(prompt="Write f again.")).answer.count("\n") == 1


def test_bundle_takes_bundles_apart_and_keeps_chains_whole() -> None:
    both = chain(SUM, NUTS)
    assert bundle(bundle(SUM, RIDDLE), both).parts == (SUM, RIDDLE, both)


def test_bundle_of_many_parts_names_its_headings_briefly() -> None:
    parts = [Problem(f"What is {n} plus 1?", n + 1) for n in range(30)]
    made = bundle(*parts)
    assert len(made.prompt.partition("\n\n")[0]) < 300
    assert "Part 30:\nWhat is 29 plus 1?" in made.prompt


def test_bundle_refuses_nothing_and_things_that_are_no_problems() -> None:
    with pytest.raises(ComposeKitError, match="bundle: problems must hold at least one problem; got none"):
        bundle()
    with pytest.raises(TypeError, match=r"bundle: problems\[1\] must be a Problem; got str"):
        bundle(SUM, "six times seven")  # type: ignore[arg-type]
