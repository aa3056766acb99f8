"""What a second reader of the links found: rules that were wrong too often, bounds nobody looked at, words that misread."""

from __future__ import annotations

import pytest

from composekit.compose import Problem
from composekit.compose.idle import idle
from composekit.compose.tokens import constants

# --- what a worked solution leaves aside

DOGS = "She has 4 dogs. Each one eats 250 grams a day. How many kilograms do they eat in 14 days?"
LESSONS = "On Monday he had 6 lessons of 30 minutes, on Tuesday 3 of 1 hour. How many hours were the 3 days?"
CANDIES = "He gave a quarter of his $4 to Bea. How many candies for 20 cents can she buy?"
READS = "Joy reads 8 pages in 20 minutes. How many hours does she need for 120 pages?"
JUGGLERS = "Tom turns 5 balls 80 times each, Bea 4 balls 101 times each. How often does the winner turn them?"


@pytest.mark.parametrize(
    ("text", "answer", "steps", "expected"),
    [
        # What goes on in another unit is a number from nowhere, or one that the question has for something else.
        (DOGS, 14, "They eat 4*250=<<4*250=1000>>1000 grams, or 1 kilogram. So 14*1=<<14*1=14>>14.", []),
        (LESSONS, 12, "6*30=<<6*30=180>>180. That is 3 hours. 2*3=<<2*3=6>>6. 3+3+6=<<3+3+6=12>>12.", []),
        (CANDIES, 5, "(1/4)*4=<<(1/4)*4=1>>1 dollar, or 100 cents. 100/20=<<100/20=5>>5.", []),
        # In words, in other terms, or in a sum that has no annotation it is used all the same.
        (READS, 5, "An hour has 3 sets of 20 minutes, so 8*3=<<8*3=24>>24 pages. 120/24=<<120/24=5>>5.", []),
        (JUGGLERS, 404, "5*80=<<5*80=400>>400. 4*101=<<4*101=404>>404. 404 > 400.", ["5", "80"]),
    ],
)
def test_a_number_is_only_compared_if_all_steps_can_be_followed(
    text: str, answer: int, steps: str, expected: list[str]
) -> None:
    problem = Problem(text, answer, solution=steps)
    assert [text[slice(*span)] for span in idle(problem, constants(text))] == expected
