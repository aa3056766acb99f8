"""Recaps, numbered answers and the headings of chains, as models lay them out."""

from __future__ import annotations

import pytest

from composekit.compose import CompositeVerifier, Problem, bundle, chain

JUDGE = CompositeVerifier()
SUMS = bundle(Problem("What is 6 times 7?", 42), Problem("What is 3 + 4?", 7))
CHOICES = bundle(Problem("Which?", "A", verifier="choice"), Problem("Which?", "C", verifier="choice"))
CHAIN = chain(
    Problem("Tom has 20 apples and buys 22 more. How many has he?", 42),
    Problem("A box holds 45 eggs and 5 break. How many are left?", 40),
    Problem("A train has 50 cars and loses 20. How many are left?", 30),
)
WORKED = "Part 1: we compute $6 \\cdot 7 = \\boxed{42}$.\n\nPart 2: $3+4 = \\boxed{7}$.\n\n"


@pytest.mark.parametrize(
    "recap",
    [
        "Part 1: {}\nPart 2: {}", "Final answers:\nPart 1: {}\nPart 2: {}", "So:\n- Part 1: {}\n- Part 2: {}",
        "Part 1: {}, Part 2: {}", "**Summary**\n1. {}\n2. {}", "**Summary**\n\n1. **{}**\n\n2. **{}**\n", "(1) {}\n(2) {}.",
    ],
)  # fmt: skip
def test_a_recap_without_boxes_says_the_same_as_the_working(recap: str) -> None:
    assert JUDGE.verify(WORKED + recap.format("42", "7"), SUMS).correct
    for wrong in (("42", "8"), ("41", "7"), ("7", "42")):
        assert not JUDGE.verify(WORKED + recap.format(*wrong), SUMS).correct, wrong


def test_a_recap_may_follow_working_without_headings() -> None:
    working = "First, 6 times 7 is $\\boxed{42}$. Then $3+4=\\boxed{7}$.\n\n"
    for recap in ("Part 1: {}\nPart 2: {}", "**Summary**\n1. {}\n2. {}"):
        assert JUDGE.verify(working + recap.format("42", "7"), SUMS).correct
        assert not JUDGE.verify(working + recap.format("7", "42"), SUMS).correct


def test_a_list_of_steps_in_the_last_part_is_no_recap() -> None:
    steps = "Part 1: \\boxed{42}\nPart 2: we add\n1. 3\n2. 4\n"
    assert JUDGE.verify(steps + "and get \\boxed{7}.", SUMS).correct
    roots = bundle(Problem("What is 6 times 7?", 42), Problem("Solve (x - 1)(x - 2) = 0.", "1, 2"))
    assert JUDGE.verify("Part 1: \\boxed{42}\nPart 2: \\boxed{1, 2}", roots).correct


@pytest.mark.parametrize(
    "form",
    [
        "1. {}\n2. {}", "1) {}\n2) {}", "(1) {}\n(2) {}", "1: {}\n2: {}", "Q1: {}\nQ2: {}", "(a) {}\n(b) {}", "a) {}\nb) {}",
        "The answers are:\n1. $\\boxed{{{}}}$\n2. $\\boxed{{{}}}$", "{}\n{}",
    ],
)  # fmt: skip
def test_numbered_answers_count_in_their_order(form: str) -> None:
    assert JUDGE.verify(form.format("42", "7"), SUMS).correct
    assert JUDGE.verify(form.format("7", "42"), SUMS).status == "wrong"
    assert not JUDGE.verify(form.format("42", "42"), SUMS).correct


def test_numbers_out_of_order_or_too_many_are_no_answers_to_the_parts() -> None:
    for response in ("2. 7\n1. 42", "1. 42\n2. 7\n3. 9", "(a) 42\n(c) 7", "42\n7\n9", "42, 7", "42"):
        assert not JUDGE.verify(response, SUMS).correct, response
    assert JUDGE.verify("(A)\n(C)", CHOICES).correct  # letters that are answers


@pytest.mark.parametrize(
    ("response", "correct"),
    [
        ("Part 1: 20+22=42. So \\boxed{42}.\nPart 2: \\boxed{40}\nPart 3: \\boxed{30}", True),
        ("Part 1: 42\nPart 2: 40\nPart 3: 30", True),
        ("**Part 1**\n20+22=42.\nAnswer: 42\n\n**Part 2**\n45-5=40\nAnswer: 40\n\n**Part 3**\n50-20=30\nAnswer: 30", True),
        ("## Part 1\nHe has 42.\n## Part 2\n40 are left.\n## Part 3\n30 are left.", True),
        ("Part 1: 42, Part 2: 40, Part 3: 30", True), ("Part 1: 42\nPart 2: 40\nPart 3: 30\nFinal answer: 30", True),
        ("Part 1: \\boxed{42}\nPart 2: \\boxed{40}\nPart 3: \\boxed{30}\n\nPart 1: 42\nPart 2: 40\nPart 3: 30", True),
        ("Part 1: 42\nPart 2: 40\nPart 3: 31", False), ("Part 1: 42\nPart 2: 40", False),
        ("Part 1: 42\nPart 2: 30", False),
        ("Part 1: \\boxed{42}\nPart 2: \\boxed{40}", False), ("Part 1: \\boxed{42}\nPart 2: \\boxed{30}", False),
        ("Part 1: 30\nPart 2: 30\nPart 3: 42", False),
    ],
)  # fmt: skip
def test_a_chain_of_three_may_answer_under_the_headings_of_its_parts(response: str, correct: bool) -> None:
    assert JUDGE.verify(response, CHAIN).correct is correct
