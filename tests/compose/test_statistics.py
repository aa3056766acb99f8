"""Statistics: each share against a data set where it is known."""

from __future__ import annotations

import dataclasses
import json
from fractions import Fraction
from pathlib import Path

import pytest

from composekit import ComposeKitError
from composekit._errors import ArgumentError, ArgumentTypeError
from composekit.compose import Composer, Composite, Link, Problem, bundle, chain, generators, stats

FIRST = Problem("A shop sells 12 boxes of 7 pens. How many pens is that?", 84)


def joined(given: int, wanted: int, answer: int, tail: str = "") -> Composite:
    first = FIRST.replace(answer=given)
    second = Problem(f"Ann has {wanted} nuts.{tail} How many?", answer)
    word = "more" if wanted > given else "less"
    relation = f"Y is {abs(wanted - given)} {word} than X."
    link = Link(0, 1, "X", given, "Y", wanted, relation, (8, 8 + len(str(wanted))), "Let X be the answer.")
    text = f"{first.prompt} Let X be the answer. {relation} Ann has Y nuts.{tail} How many?"
    return Composite(text, str(answer), parts=(first, second), links=(link,))


def test_stats_counts_what_is_there() -> None:
    rows = [joined(84, 35, 5), joined(84, 35, 5), joined(84, 35, 5), joined(84, 7, 5), joined(90, 40, 9)]
    rows += [bundle(Problem("One?", 1), Problem("Two?", 2)), Problem("Plain?", 3, domain="logic")]
    found = stats(rows)
    assert (found.rows, found.composites) == (7, 6)
    assert found.depths == {1: 2, 2: 5}
    assert found.domains == {"logic": 1, "math": 6}
    assert found.topologies == {"bundle": 1, "chain": 5}
    assert found.guessable == 0.2
    assert found.leaky == 0.0
    assert stats([*rows, joined(84, 35, 5, " She had 84.")]).leaky == pytest.approx(1 / 6)
    assert (found.most_common_answer, found.answer_dominance) == ("5", 4 / 7)
    assert found.most_common_constant == "35"
    assert found.baselines.likeliest_constant == 0.6
    assert found.baselines.most_common_answer == 4 / 7
    assert found.last_parts == 5


def test_stats_last_number_baseline_reads_numbers_exactly() -> None:
    hits = [joined(84, 35, 1200, " He counts 1,200."), joined(84, 36, 5, " Half is 5.0.")]
    misses = [joined(84, 37, 5, " Then 6 more."), joined(84, 38, 5)]
    assert stats(hits + misses).baselines.last_number == 0.5


def test_stats_links_depend_on_the_first_part() -> None:
    assert stats([joined(80 + n, 300, 5) for n in range(6)]).links_depend == 1.0
    assert stats([joined(84, 300 + n, 5) for n in range(6)]).links_depend == 0.0
    assert stats([Problem("Plain?", 1)]).links_depend is None


def test_stats_answers_depend_where_a_generator_can_recompute() -> None:
    problems = generators.arithmetic(40, seed=3)
    found = stats(Composer(problems, size=60))
    assert found.answers_depend is not None
    assert found.answers_depend > 0.8
    assert stats([joined(84, 35, 5)]).answers_depend is None


def test_stats_sees_fixed_and_varied_phrases() -> None:
    fixed = stats([joined(84 + n, 35 + 2 * n, 5) for n in range(8)])
    assert (fixed.phrases, fixed.phrase_dominance) == (2, 1.0)
    pool = [Problem(f"Tom has {n} nuts and eats 5 of them. How many are left?", n - 5) for n in range(31, 61)]
    varied = stats(Composer(pool, size=200))
    assert varied.phrases > 10
    assert varied.phrase_dominance < 0.5


def test_stats_wording_sets_fractions_and_symbols_aside() -> None:
    one, other = joined(84, 35, 5), joined(90, 35, 5)
    link = other.links[0]
    latex = dataclasses.replace(
        link, symbol_in="P", symbol_out="Q", value_in=Fraction(1, 3), relation=r"$Q$ is $\frac{104}{3}$ less than $P$."
    )
    assert stats([one, other.replace(links=(latex,))]).phrase_dominance == 1.0


def test_stats_limit_spreads_over_the_data_set() -> None:
    rows = [joined(84, 35, n) for n in range(10)]
    assert stats(rows, limit=2).most_common_answer == "0"
    assert stats(rows, limit=2).rows == 2
    assert stats(iter(rows), limit=3).rows == 3
    assert stats(rows, limit=100).rows == 10


def test_stats_reads_files_and_turns_into_json(tmp_path: Path) -> None:
    rows = [joined(84, 35, n) for n in range(4)]
    (tmp_path / "rows.jsonl").write_text("".join(json.dumps(row.to_dict()) + "\n" for row in rows))
    assert stats(tmp_path / "rows.jsonl") == stats(rows)
    assert json.loads(json.dumps(stats(rows).to_dict()))["baselines"]["last_number"] == 0.0


def test_stats_refuses_nothing_and_strangers() -> None:
    with pytest.raises(ComposeKitError, match="dataset must hold at least one problem"):
        stats([])
    with pytest.raises(ComposeKitError, match="dataset must hold problems; got dict"):
        stats([{"prompt": "p"}])
    with pytest.raises(ComposeKitError, match="limit must be a positive integer"):
        stats([FIRST], limit=0)


@pytest.mark.parametrize(
    ("dataset", "limit"), [(None, None), (Problem("q", 1), None), (3, None), ([Problem("q", 1)], 2.5)]
)
def test_stats_names_a_wrong_argument(dataset: object, limit: object) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match=r"stats: (dataset|limit) must be"):
        stats(dataset, limit=limit)  # type: ignore[arg-type]


def test_stats_of_a_set_with_a_limit() -> None:
    assert stats({Problem(f"What is {n} + 1?", n + 1) for n in range(9)}, limit=4).rows == 4


@pytest.mark.parametrize(
    "template",
    [{"name": "nosuch"}, {"name": "arithmetic"}, {"name": "arithmetic", "params": {"family": "sharing", "x": 1}}],
)
def test_a_template_that_did_not_make_the_problem_vouches_for_nothing(template: dict) -> None:
    first, second = generators.arithmetic(2, seed=1)
    sound = chain(first, second)
    row = sound.to_dict()
    row["parts"][1]["template"] = template
    assert stats([sound]).answers_depend == 1.0
    assert stats([Problem.from_dict(row)]).answers_depend is None


def test_an_edited_text_gets_no_new_value_from_the_template_of_the_old_one() -> None:
    first, second = generators.arithmetic(2, seed=1)
    assert chain(first, second, new_value=True).parts[1].answer != second.answer
    edited = second.replace(prompt=second.prompt + " Show your work.")
    with pytest.raises(ArgumentError, match="must have a solver for new values"):
        chain(first, edited, new_value=True)
