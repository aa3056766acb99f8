"""What stands around a box and takes it back, or offers another value beside it."""

from __future__ import annotations

import re

import pytest

from composekit.compose import (
    ChoiceVerifier,
    ExactVerifier,
    MathVerifier,
    Problem,
    bundle,
    chain,
    load_problems,
    verify,
)

JUDGE = MathVerifier()
EIGHTEEN = Problem("How many apples are there?", "18")
LETTER = Problem("Which is prime?\nA. 91\nB. 97\nC. 99", "B", verifier="choice")


@pytest.mark.parametrize(
    "response",
    [
        r"\boxed{18} is wrong; it's 20.", r"\boxed{18}. Actually no, it should be 20.", "\\boxed{18}\nThis is incorrect.",
        r"\boxed{18}? I'm not sure.", r"\boxed{18}?", r"$\boxed{18}$?", "$\\boxed{18}$.\n\nWait, that's not right.",
        r"\boxed{18} - no wait, 20", r"\boxed{18}. Correction: 20", r"\boxed{18}. Sorry, it is 20.",
        r"\boxed{18}. I made a mistake.", "\\boxed{18}\n\nHmm, I am not certain.", r"\boxed{18} (just a guess)",
        r"\boxed{18}. No, make it 20.", r"\boxed{18}. My answer is a wild guess.", r"\boxed{18}. I meant 20.",
        r"\boxed{18}. That can't be right.", r"\boxed{18}. The correct answer is 20.", r"\boxed{18}. I don't know.",
    ],
)  # fmt: skip
def test_a_box_that_the_next_sentence_takes_back_is_no_answer(response: str) -> None:
    verdict = JUDGE.verify(response, EIGHTEEN)
    assert verdict.status in ("unparseable", "wrong"), verdict
    assert not JUDGE.verify(response, Problem("How many apples are there?", "20")).correct


@pytest.mark.parametrize(
    "response",
    [
        r"If red, \boxed{20}. If blue, \boxed{18}.", "Case 1: \\boxed{20}\nCase 2: \\boxed{18}",
        r"$\boxed{20}$, hmm, or $\boxed{18}$", "1. \\boxed{20}\n2. \\boxed{18}", "(a) $\\boxed{20}$\n(b) $\\boxed{18}$",
        r"\boxed{18}{20}", r"\boxed{20} if red, \boxed{18} if blue.", r"\boxed{18} or 20", r"$\boxed{18}$, or maybe $20$",
        r"\boxed{18} (or 20)", r"It is 20 or \boxed{18}.", r"$20$ or $\boxed{18}$", r"\boxed{18} or 20 apples",
        "\\boxed{18}\n\nAnswer: 20", "\\boxed{18}\n\n**The final answer is 20.**", "\\boxed{18}\n#### 20",
        r"\boxed{18} if it rains, otherwise 20", r"\boxed{18} if red, 20 if blue",
        "Guess 1: \\boxed{20}; guess 2: \\boxed{18}",
        "Option A: \\boxed{20}\n\nOption B: \\boxed{18}", r"\boxed{20}, perhaps $\boxed{18}$",
        "When it rains, $\\boxed{20}$. When it does not, $\\boxed{18}$",
    ],
)  # fmt: skip
def test_a_second_value_beside_a_box_is_a_hedge(response: str) -> None:
    for gold in ("18", "20"):
        verdict = JUDGE.verify(response, Problem("How many apples are there?", gold))
        assert verdict.status in ("wrong", "unparseable"), (gold, verdict)


@pytest.mark.parametrize(
    "response",
    [
        r"\boxed{20}. Wait, no: \boxed{18}", "\\boxed{20} is the first sum.\nThe total is \\boxed{18}",
        r"\boxed{18}. I hope it is right!", "\\boxed{18}\n\nWait, let me check: 9 + 9 = 18. Yes.",
        "\\boxed{18}\n\nThis is not the only way to count them.", r"It is \boxed{18} or 18.0.",
        "\\boxed{18}\n\nAnswer: 18 apples",
        "\\boxed{18}\n\nThe answer to part 2 is 20.", "\\boxed{18}\nThe naive answer is 20.", r"\boxed{18}. It is 18.",
        "\\boxed{18}\n\nAnswer: Janet has 18 apples.", r"\boxed{18}, or one and a half dozen", r"\boxed{18} (or about 20)",
        r"If we add both, we get $\boxed{18}$.", r"The sum is \boxed{9}. If we double it, \boxed{18}",
        r"\boxed{9} when doubled gives \boxed{18}", "Step 1: 20 - 11 = \\boxed{9}\nStep 2: 9 * 2 = \\boxed{18}",
        "\\boxed{18}\n\n####", r"$\boxed{18}$ is not 20.", r"It is not 20 but \boxed{18}", "boxed{18}", "\x08oxed{18}",
        r"So the answer is boxed{18}.", r"\boxed{18}{}", "\\boxed{18}\n\n**Answer:** $\\boxed{18}$",
    ],
)  # fmt: skip
def test_what_leaves_a_box_as_it_is(response: str) -> None:
    assert JUDGE.verify(response, EIGHTEEN).correct


@pytest.mark.parametrize("other", ["none of these words", "it depends", "yes", "Alice", "91 is 7 times 13"])
def test_a_second_box_is_no_reason_for_the_verdict_in_the_first(other: str) -> None:
    problem = Problem("Is 91 prime?", "no", verifier="exact")
    assert not ExactVerifier().verify(rf"\boxed{{no}} or \boxed{{{other}}}", problem).correct
    assert not ExactVerifier().verify(rf"\boxed{{{other}}}, \boxed{{no}}", problem).correct
    assert ExactVerifier().verify(r"\boxed{No, 91 is 7 times 13.}", problem).correct


def test_letters_are_hedged_and_taken_back_as_numbers_are() -> None:
    judge = ChoiceVerifier()
    for response in (
        r"\boxed{B} or C",
        r"C or \boxed{B}",
        "\\boxed{B}\n\nAnswer: C",
        r"\boxed{B}? Not sure.",
        r"\boxed{B}{C}",
    ):
        assert not judge.verify(response, LETTER).correct, response
    for response in (
        r"\boxed{B}", "\\boxed{B}\n\nAnswer: B. 97", "The other options are wrong.\n\\boxed{B}. It is wrong to say 91 is.",
    ):  # fmt: skip
        assert judge.verify(response, LETTER).correct, response


def test_labelled_boxes_of_composites_are_their_parts() -> None:
    sums = bundle(Problem("What is 6 times 7?", 42), Problem("What is 3 + 4?", 7))
    assert verify("1. \\boxed{42}\n2. \\boxed{7}", sums).correct
    steps = chain(
        Problem("Tom has 20 apples and buys 22 more. How many has he?", 42),
        Problem("A box holds 45 eggs and 5 break. How many are left?", 40),
    )
    assert verify("1. \\boxed{42}\n2. \\boxed{40}", steps).correct
    assert not verify("1. \\boxed{41}\n2. \\boxed{40}", steps).correct


@pytest.mark.parametrize(
    "unit", ["or ", "if ", "no, ", "18 or ", r"\boxed{1} if a, ", "wait ", "is wrong", "Answer: 1\n", "#### 1\n"]
)
def test_what_stands_around_a_box_is_read_in_linear_time(in_time, unit: str) -> None:
    text = unit * (400_000 // len(unit))
    for response in (rf"{text}\boxed{{18}}{text}", rf"\boxed{{18}} {text}"):
        in_time(1.0, lambda response=response: JUDGE.verify(response, EIGHTEEN))


def test_the_real_solutions_behind_a_box_leave_it_as_it_is(data_dir) -> None:
    problems = load_problems(data_dir / "gsm8k_train.jsonl")[:400] + load_problems(data_dir / "math500.jsonl")[:200]
    for problem in problems:
        solution = re.sub(r"<<[^>]*>>|\\boxed", "", (problem.solution or "").split("####")[0]).strip()
        for form in (
            "The answer is $\\boxed{{{}}}$. {}",
            "$\\boxed{{{}}}$\n{}",
            "{1}\n\n**Answer:** \\boxed{{{0}}}\n\n---\n{1}",
        ):
            assert JUDGE.verify(form.format(problem.answer, solution), problem).correct, problem.prompt
