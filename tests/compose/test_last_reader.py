"""What the last readers of links found: results that a text works out itself, years, few X, shares beside a whole X."""

from __future__ import annotations

import time
from fractions import Fraction

import pytest

from composekit.compose import Problem, Unlinkable, audit, chain
from composekit.compose.ends import ends_of
from composekit.compose.generators import GENERATORS
from composekit.compose.guessing import shows
from composekit.compose.needless.derivable import derivable
from composekit.compose.needless.pinned import is_pinned, offered
from composekit.compose.tokens import constants, numerals


def linkable(text: str, answer: object = 10) -> list[str]:
    """The constants that a composer may hide, in the order of the text."""
    tiers = ends_of(Problem(text, answer)).link_tiers("needed")
    return [c.text for c in sorted((c for tier in tiers for c in tier), key=lambda c: c.span)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("Ann drove 120 miles in 2 hours, that is at 60 mph. How far in 5 hours?", "120 2 60"),
        ("Ann drove 120 miles in 2 hours, that is at 70 mph. How far in 5 hours?", ""),
        ("Ann drove 120 miles in 2 hours, Bob drove 60 miles. How far in 5 hours?", ""),
        ("A dress costs $80 but is 25% off, so now $60. Tax is 5%. What is the price?", "80 25 60"),
        ("A dress costs $80 but is 25% off, so now $65. Tax is 5%. What is the price?", ""),
        ("Half of the 36 pupils, that is 18, are boys. 5 boys are ill. How many are well?", "36 18"),
        ("All of the 36 pupils, that is 18, are boys. 5 boys are ill. How many are well?", ""),
        ("The perimeter of a square is 36, so each side is 9. What is the area?", "36 9"),
        ("The perimeter of a rhombus is 36, so each side is 9. What is the area?", ""),
        ("He bought it for $500 and sold it for $450, a loss of $50. Tax is 7%.", "500 450 50"),
        ("He has 8 cats and 4 dogs, which is 2 times as many cats. How many birds?", ""),
        ("She sits 4 times, earning $5 each time. Shoes cost $20. How much is left?", ""),
        ("A tank of 500 litres is 40% full, i.e. holds 200 litres. 60 are added.", "500 40 200"),
        # prices
        ("A box of 24 eggs costs 6 dollars, i.e. 25 cents per egg. What do 40 eggs cost?", "24 6 25"),
        ("A box of 24 eggs costs 6 dollars, i.e. 35 cents per egg. What do 40 eggs cost?", ""),
        ("He sells 12 pens for $6 or $0.50 each. What do 40 pens cost?", "12 6 0.50"),
        ("He sells 12 pens for $6 and cups at $0.50 each. What do 40 cups cost?", ""),
        # dozens
        ("A baker made 144 rolls (12 dozen). He sold 99. How many are left?", "144 12"),
        ("A baker made 144 rolls (13 dozen). He sold 99. How many are left?", ""),
        ("A baker made 144 rolls and 12 dozen buns. He sold 99. How many are left?", ""),
    ],
)
def test_what_a_text_works_out_itself_follows(text: str, told: str) -> None:
    assert [text[slice(*span)] for span in derivable(text, numerals(text))] == told.split()


def test_results_are_looked_for_in_linear_time() -> None:
    for piece in ("12 pens for $6 or ", "that is 4, that is ", "so each side ", " 1, i.e. 2, so now "):
        text = piece * (19_000 // len(piece))
        start = time.perf_counter()
        derivable(text, numerals(text))
        assert time.perf_counter() - start < 8


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The 1998 census counted 4,210 people; the 2008 census 5,060. How many more?", "4,210 5,060"),
        ("The 1998 sheep and the 2008 cows graze. How many more?", "1998 2008"),
        ("Lisa has 3 brothers: Tim (8), Tom (11) and Ted (14). She is 5. How old are all?", "8 11 14 5"),
        ("Lisa has 4 brothers: Tim (8), Tom (11) and Ted (14). She is 5. How old are all?", "4 8 11 14 5"),
        ("What is the mode of 13, 28, 28, 42? Add 77.", "77"),
        ("What is the sum of 13, 28, 29, 42? Add 77.", "13 28 29 42 77"),
        ("A guitar has 6 strings. How many strings have 9 guitars?", "9"),
        ("A harp has 46 strings. How many strings have 9 harps?", "46 9"),
    ],
)
def test_years_and_known_counts_are_no_constants(text: str, expected: str) -> None:
    assert set(linkable(text)) <= set(expected.split())
    assert {number for number in expected.split() if len(number) > 1} <= set(linkable(text)) or "(8)" in text


@pytest.mark.parametrize(
    ("text", "linked"),
    [
        ("45 come on Monday. (a) How many come on Tuesday, if twice as many do? (b) How many come in all?", False),
        ("How many come on Tuesday, if 45 came on Monday? And how many come in all?", False),
        ("A zoo has 45 penguins and twice as many bears? How many animals has it?", True),
        ('A magnet says: "What a day!" and "Where is Tom?" How many words are on 27 magnets of 5 words?', True),
        ("45 come on Monday, and twice as many on Tuesday. How many come in all?", True),
    ],
)
def test_of_two_questions_nobody_knows_which_one_x_answers(text: str, linked: bool) -> None:
    train = Problem("A train covers 340 km at 85 km per hour. How long does it take?", 4)
    if linked:
        assert chain(Problem(text, 135), train).links[0].value_in == 135
    else:
        with pytest.raises(Unlinkable, match="one of two answers"):
            chain(Problem(text, 135), train)


def test_a_share_beside_a_whole_x_shows_behind_the_point() -> None:
    assert shows(Fraction(3, 5), -137)
    assert shows(Fraction(3, 5), 137)
    assert not shows(Fraction(8, 5), -137)
    assert not shows(Fraction(3, 5), Fraction(-7, 3))
    below = Problem("What is 5 less 142?", -137)
    shares = Problem("Mia has 3/5 of the age of Leo, who is 25. How old is she?", 15)
    assert {chain(below, shares, seed=seed).links[0].value_out for seed in range(8)} == {25}
    alone = chain(below, Problem("Mia has 3/5 of the age of Leo, who is 2. How old is she?", 2))
    assert alone.links[0].value_out in (2, Fraction(3, 5))
    share = chain(below, Problem("Mia has 3/5 of the age of Leo. How old is she?", 2))
    assert [f.kind for f in audit(share).warnings] == ["guessable"]


@pytest.mark.parametrize(("family", "logic"), [("race", True), ("knights_toll", True), ("survey", False)])
def test_prizes_and_tolls_are_few_x(family: str, logic: bool) -> None:
    generator = next(g for g in GENERATORS.values() if family in g.families)
    for problem in generator(12, seed=5, family=family):
        tried = offered(problem, int(problem.answer), {})
        assert bool(tried) is logic or not logic
        if logic:
            assert int(problem.answer) in tried
            assert len(tried) <= len(problem.template.params["names"]) + 1


def test_a_prize_that_leaves_few_numbers_pins_the_next_constant() -> None:
    generator = next(g for g in GENERATORS.values() if "race" in g.families)
    drawn = next(p for p in generator(40, seed=5, family="race") if len(p.template.params["names"]) == 4)
    problem = generator.make(**{**drawn.template.params, "prize": 900, "less": 250})
    value = int(problem.answer)
    assert set(offered(problem, value, {})) == {900, 650, 400, 150}
    text = "A shelf of {} books and 12 more. How many?"
    for number, pinned in ((value - 645, True), (value + 1000, False)):  # 645 less: only 650 and 900 leave an amount
        place = next(c for c in constants(text.format(number)) if c.value == number)
        shelf = Problem(text.format(number), number + 12)
        assert is_pinned(shelf, place, value, offered(problem, value, {})) is pinned


def test_of_a_treasure_only_the_weights_are_tried() -> None:
    generator = next(g for g in GENERATORS.values() if "treasure" in g.families)
    for problem in generator(8, seed=5, family="treasure"):
        weights = {problem.template.params[f"w{k}"] for k in (1, 2, 3, 4)}
        assert set(offered(problem, int(problem.answer), {})) == weights


@pytest.mark.parametrize(
    ("masses", "pinned"),
    [((1426, 1072), True), ((1426, 5072), False)],  # between 3.008 and 4.03, or 19.07, grams
)
def test_the_density_of_a_mixture_is_known_from_its_fraction(masses: tuple[int, int], pinned: bool) -> None:
    params = {"family": "density", "level": 1, "wording": 0, "who": "Ada", "v1": 474, "v2": 266}
    source = GENERATORS["physics"].make(**params, m1=masses[0], m2=masses[1])
    value = Fraction(source.answer)
    tried = offered(source, value, {})
    assert value in tried
    assert (len(tried) == 1) is pinned
    text = "A shelf of 855 books and 12 more. How many?"
    place = next(c for c in constants(text) if c.value == 855)
    assert is_pinned(Problem(text, 867), place, value, tried) is pinned
