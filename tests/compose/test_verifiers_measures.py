"""Units that the question did not ask for, and amounts in several units."""

from __future__ import annotations

import pytest

from composekit.compose import MathVerifier, Problem

JUDGE = MathVerifier()
UNIT = "the answer is in another unit than the question asks for"
ECHO = "the answer only repeats an expression of the question"


@pytest.mark.parametrize(
    ("prompt", "gold", "wrong", "right"),
    [
        ("What is the area in square meters?", "18", r"18\text{ cm}^2", r"18\text{ m}^2"),
        ("What is the area in square meters?", "18", r"18\text{ square feet}", r"18\text{ square meters}"),
        (r"What is the area, in $\text{m}^2$?", "18", r"18\text{ cm}^2", r"18\text{ m}^2"),
        ("What is the area, in cm$^2$?", "18", r"18\text{ m}^2", r"18\text{ cm}^2"),
        ("What is the area, in sq. ft?", "18", r"18\text{ m}^2", r"18\text{ ft}^2"),
        ("How many square feet are in 2 square yards?", "18", r"18\text{ yd}^2", r"18\text{ ft}^2"),
        ("Find the number of square inches in the area.", "18", r"18\text{ square feet}", r"18\text{ in}^2"),
        ("What is the volume in cubic centimeters?", "18", r"18\text{ m}^3", r"18\text{ mL}"),
        ("What is the volume in cubic centimeters?", "18", r"18\text{ L}", r"18\text{ cm}^3"),
        ("How many quarts?", "18", r"18\text{ pints}", r"18\text{ quarts}"),
        ("What is its speed in m/s?", "18", r"18\text{ km/h}", r"18\text{ m/s}"),
        (r"What is its speed in $\text{m}/\text{s}$?", "18", r"18\text{ mph}", r"18\text{ meters per second}"),
        ("How many kilometers per hour does he ride?", "18", r"18\text{ mph}", r"18\text{ km/h}"),
        ("How many miles did he go at 3 miles per hour?", "18", r"18\text{ km}", r"18\text{ miles}"),
        ("What is the acceleration in m/s^2?", "18", r"18\text{ cm/s}^2", r"18\text{ m/s}^2"),
        ("What is the temperature in degrees Celsius?", "18", r"18^\circ\text{F}", r"18^\circ\text{C}"),
        ("It is 68 °F. What is that in Celsius?", "20", "20°F", "20°C"),
        ("It is 68 °F and falls by 8. What is it?", "60", r"60 \text{ degrees Celsius}", r"60^\circ"),
        ("What is the angle in degrees?", "60", r"60\text{ radians}", r"60^\circ"),
        ("What is the angle in radians?", r"\frac{\pi}{3}", r"\frac{\pi}{3}^\circ", r"\frac{\pi}{3}\text{ radians}"),
        ("How many dollars does it cost?", "18", "€18", r"\$18"),
        ("How many dollars does it cost?", "18", r"18\text{ euros}", r"18\text{ dollars}"),
        ("It costs $3 each. How much are 6?", "18", "€18", r"\$18"),
        ("It costs €3 each. How much are 6?", "18", r"\$18", "€18"),
        ("What does she earn, in dollars per hour?", "18", r"18\text{ cents per hour}", r"\$18/\text{hour}"),
        ("How many dollars per page?", "5.4", r"5.4\text{ cents per page}", r"5.4\text{ dollars per page}"),
        ("How many cents does she pay per page?", "5.4", r"\$5.4", r"5.4\text{ cents}"),
    ],
)  # fmt: skip
def test_another_unit_of_the_kind_that_is_asked_for_is_wrong(prompt: str, gold: str, wrong: str, right: str) -> None:
    verdict = JUDGE.verify(rf"\boxed{{{wrong}}}", Problem(prompt, gold))
    assert (verdict.status, verdict.detail) == ("wrong", UNIT)
    for answer in (right, gold):
        assert JUDGE.verify(rf"\boxed{{{answer}}}", Problem(prompt, gold)).correct, answer


@pytest.mark.parametrize(
    ("prompt", "gold", "answer"),
    [
        ("It costs 3 cents each. How much are 6?", "0.18", r"\$0.18"),  # dollars may be a sum of cents
        ("It costs 3 pounds each. How much are 6?", "18", "£18"),
        ("She has 6 pounds of it. How much is it?", "18", r"\$18"),
        ("How much is it?", "18", "€18"), ("How long is it?", "18", r"18\text{ km}"),
        ("A trip of 3 hours. How far?", "18", r"18\text{ km}"), ("How warm is it?", "18", r"18^\circ\text{F}"),
        ("What is the angle?", "60", r"60^\circ"),
        ("How many meters are in 3 kilometers?", "3000", r"3\text{ thousand}"),
        ("What does it cost?", r"5.4\text{ cents}", r"5.4\text{ cents per page}"),
        ("A book of 100 pages costs $5.40. What does a page cost in cents?", "5.4", r"5.4 \text{ cents per page}"),
    ],
)  # fmt: skip
def test_a_unit_that_nobody_asked_to_be_another_one_is_paid(prompt: str, gold: str, answer: str) -> None:
    for response in (rf"\boxed{{{answer}}}", f"Answer: ${answer}$"):
        assert JUDGE.verify(response, Problem(prompt, gold)).correct, response


@pytest.mark.parametrize(
    ("prompt", "gold", "answer", "correct"),
    [
        ("How many minutes?", "150", r"2 \text{ hours } 30 \text{ minutes}", True),
        ("How many minutes?", "150", r"2 \text{ hours and } 30 \text{ minutes}", True),
        ("How many minutes?", "150", "2 h 30 min", True), ("How many hours?", "2.5", "2 hours 30 minutes", True),
        ("How many hours?", r"\frac73", "2 hours 20 minutes", True),
        ("How long?", r"2.5\text{ hours}", "2 hours 30 minutes", True),
        ("How long?", "2 hours 30 minutes", r"2 \text{ hours and } 30 \text{ minutes}", True),
        ("How many seconds?", "3690", "1 hour, 1 minute, and 30 seconds", True),
        ("How many months?", "18", "1 year and 6 months", True),
        ("How many inches tall?", "63", "5 feet 3 inches", True), ("How many inches tall?", "63", "5'3\"", True),
        ("How many feet tall?", "5.25", r"5 \text{ ft } 3 \text{ in}", True),
        ("How many ounces?", "83", "5 pounds 3 ounces", True),
        ("How much?", "3.50", "3 dollars and 50 cents", True), ("How much?", "3.50", r"\$3 and 50 cents", True),
        ("How many cents?", "350", "3 dollars and 50 cents", True),
        ("How many minutes?", "150", "2 hours 40 minutes", False),
        ("How many hours?", "150", "2 hours 30 minutes", False),
        ("How many minutes?", "150", "2 hours or 30 minutes", False),
        ("How many minutes?", "150", "30 minutes 2 hours", False),
        ("How many minutes?", "150", "2 hours 90 minutes", False), ("How long?", "150", "2 hours 30 minutes", False),
        ("How much?", "350", "3 dollars and 50 cents", False), ("How many days?", "396", "1 year 1 month", False),
        ("How many minutes are 2 hours 30 minutes?", "150", "2 hours 30 minutes", False),
        ("How many minutes are 2 hours and 30 minutes?", "150", "2 h 30 min", False),
        ("How many minutes?", "32", "2 hours 30 minutes", False),
    ],
)  # fmt: skip
def test_an_amount_in_several_units_is_worth_one_number(prompt: str, gold: str, answer: str, correct: bool) -> None:
    for response in (rf"\boxed{{{answer}}}", f"Answer: {answer}"):
        assert JUDGE.verify(response, Problem(prompt, gold)).correct is correct, response


@pytest.mark.parametrize(
    ("response", "correct"),
    [
        ("Answer: It takes 2 hours and 30 minutes.", True), ("The answer is $2$ hours and $30$ minutes.", True),
        ("Answer: It does not take 2 hours and 30 minutes.", False), ("Answer: at least 2 hours and 30 minutes", False),
        ("Answer: 2 hours and 30 minutes less than that", False), ("Answer: between 2 hours and 30 minutes", False),
        ("Answer: 2 hours and 30 minutes or 160 minutes", False),
        ("It may take 2 hours and 30 minutes.", False),
    ],
)  # fmt: skip
def test_an_amount_in_several_units_may_stand_in_a_sentence(response: str, correct: bool) -> None:
    assert JUDGE.verify(response, Problem("How many minutes?", "150")).correct is correct


@pytest.mark.parametrize(
    ("prompt", "gold", "answer", "correct"),
    [
        ("How many eggs are in 7 dozen?", "84", r"7 \text{ dozen}", False),
        ("How many eggs are in 7 dozen?", "84", r"7 \text{ dozens}", False),
        ("Write 3 thousand in digits.", "3000", r"3 \text{ thousand}", False),
        ("Write three thousand as a number.", "3000", "three thousand", False),
        ("Write 3 thousand in digits.", "3000", "3000", True),
        ("3 thousand came. How many?", "3000", r"3 \text{ thousand}", True),
        (r"How much is $3 \cdot 1000$?", "3000", r"3 \text{ thousand}", True),
        (r"How much is $3 \cdot 1000$?", "3000", r"3 \cdot 1000", False),
        ("Compute $513^2 - 487^2$.", "26000", r"\frac{513^2-487^2}{1000} \text{ thousand}", False),
    ],
)  # fmt: skip
def test_a_number_with_a_scale_is_a_number_and_no_copy(prompt: str, gold: str, answer: str, correct: bool) -> None:
    verdict = JUDGE.verify(rf"\boxed{{{answer}}}", Problem(prompt, gold))
    assert verdict.correct is correct
    assert correct or verdict.detail == ECHO
