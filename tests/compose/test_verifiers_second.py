"""A second reader's findings: other words that announce answers, copies in shells, hidden text, two answers in one."""

from __future__ import annotations

import time

import pytest

from composekit.compose import (
    ChoiceVerifier,
    CompositeVerifier,
    ExactVerifier,
    MathVerifier,
    Problem,
    Verifier,
    bundle,
    chain,
)

MATH, CHOICE, EXACT, COMPOSITE = MathVerifier(), ChoiceVerifier(), ExactVerifier(), CompositeVerifier()
EGGS = Problem("How many eggs does she sell? The first box has 9 eggs.", 18)
PRIME = Problem(
    "Which is prime?\nA. 91\nB. 97\nC. 99",
    "B",
    verifier="choice",
    metadata={"choices": {"A": "91", "B": "97", "C": "99"}},
)
VERDICT = Problem("Is 91 prime?", "no", verifier="exact")
PRINTS = Problem("What does it print?", "[1, 2]", verifier="exact", domain="code")


def paid(judge: Verifier, responses: list[str], problem: Problem) -> list[str]:
    return [response for response in responses if judge.verify(response, problem).correct]


def asked(prompt: str, gold: str, answer: str) -> bool:
    return MATH.verify(answer, Problem(prompt, gold)).correct


# Announcements.

ANNOUNCED = [
    "Ans. $18$", "Final result: $18$", "Result: 18", "So, the solution to the problem is $18$.", "The result is **18**.",
    "Therefore, $18$ is the answer.", "9 + 9 = 18. So 18 is the final answer.", "答案：18", "所以，答案是 **18**。",
    "**最终答案：** 18", "### 答案\n18", "## Answer\n- 18", "Answer:\n- 18", "Final Answer\n\n* $18$", '{"answer": "18"}',
    "| Step | Value |\n|---|---|\n| **Answer** | **18** |", "La respuesta final es 18.", "Die Antwort ist 18.",
    "Ответ: 18", "Result: 18\n\nI hope this helps!", "Answer: 18\n\n---",
]  # fmt: skip
NARROWED = [
    "Intermediate result: 18", "The first result is 18.", "The result of the first step is 18.", "Half of 18 is the answer.",
    "18 is the answer to the first part.", "Therefore, 18 is not the answer.", "Perhaps 18 is the answer.",
    "17 or 18 is the answer.", "Result: 18 or 19", "Result: 19\nResult: 18", "Answer: 19\nResult: 18",
    "The result is not 18.",
    "The result is a number such as 18.", "The answer is far from 18.", "The answer is 18 at best.",
    "答案不是18", "答案可能是18", "答案：18或19", "第一问的答案是18", "Die Antwort ist nicht 18", "La respuesta es 18 o 19",
    "| Answer | 18 | 19 |", "| Answer | 18 |\n| Answer | 19 |", "# Answer\n- 18\n- 19", "| Wrong answer | 18 |",
]  # fmt: skip


def test_a_result_a_table_and_other_languages_announce_the_answer() -> None:
    assert paid(MATH, ANNOUNCED, EGGS) == ANNOUNCED
    wrong = Problem(EGGS.prompt, 19)
    assert paid(MATH, ANNOUNCED, wrong) == []
    assert paid(MATH, NARROWED, EGGS) == []


def test_usual_statements_go_before_other_announcements() -> None:
    assert MATH.verify("The result is 9 for each.\nThe answer is 18.", EGGS).correct
    assert not MATH.verify("The answer is 9.\nThe result is 18.", EGGS).correct
    # A bullet, but a minus sign in a display.
    negative = Problem("q", -18)
    assert not MATH.verify("## Answer\n- 18", negative).correct
    assert MATH.verify("## Answer\n$$\n- 18\n$$", negative).correct
    assert MATH.verify("## Answer\n-18", negative).correct


# Sentences.


@pytest.mark.parametrize(
    ("prompt", "answer", "right"),
    [
        ("Find the volume of $ABCDEFGH$.", "Final Answer: The volume of $ABCDEFGH$ is 18.", True),
        ("Find the area.", r"The final answer is: the area of $\triangle ABC$ is $18$.", True),
        ("Find the volume.", "Final Answer: The volume of $2ABC$ is 18.", False),
        ("How many quarters does she have?", "The final answer is $18$ quarters.", True),
        ("How much money does she have?", "The final answer is $18$ quarters.", False),
        ("How many pairs of shoes are there?", "Final Answer: There are 18 pairs of shoes.", True),
        ("How many shoes are there?", "Final Answer: There are 18 pairs.", False),
        ("How many shoes are there?", "The answer is 18 pairs.", False),
        ("Find the number of ordered pairs.", r"\boxed{18 \text{ pairs}}", True),
        ("How many third graders are there?", "Answer: There are 18 third graders.", True),
        ("How many students are there?", "Answer: 18 thirds of the students.", False),
        ("How many three-pointers did he make?", "Answer: He made 18 three-pointers.", True),
    ],
)
def test_figures_and_the_noun_asked_for_are_no_numbers(prompt: str, answer: str, right: bool) -> None:
    assert asked(prompt, "18", answer) == right


@pytest.mark.parametrize("gold", [r"\text{does not exist}", "DNE", "undefined"])
def test_what_does_not_exist_has_several_names(gold: str) -> None:
    problem = Problem("Find the limit.", gold)
    same = [
        r"\boxed{DNE}", r"\boxed{\text{undefined}}", "The answer is: does not exist.", "Answer: The limit does not exist.",
        r"\boxed{\text{does not exist (DNE)}}", r"\boxed{\text{doesn't exist}}", r"\boxed{\text{not defined}}",
    ]  # fmt: skip
    assert paid(MATH, same, problem) == same
    others = [
        r"\boxed{0}",
        r"\boxed{\infty}",
        r"\boxed{\text{exists}}",
        r"\boxed{\emptyset}",
        r"\boxed{\text{defined}}",
    ]
    assert paid(MATH, others, problem) == []
    assert not asked("Find the limit.", "5", r"\boxed{DNE}")
    told_apart = "Is the value undefined, or is it that the limit does not exist?"
    assert not asked(told_apart, "undefined", r"\boxed{\text{does not exist}}")


# One value said twice.


@pytest.mark.parametrize(
    ("prompt", "gold", "answer", "right"),
    [
        ("How many minutes?", "150", "Answer: 2 hours 30 minutes (150 minutes)", True),
        ("How many minutes?", "150", "Answer: 2 hours 30 minutes (160 minutes)", False),
        ("How many minutes?", "150", "Answer: 150 minutes (2 hours 35 minutes)", False),
        ("How many minutes?", "150", "Answer: 150 minutes, or 2 hours 30 minutes", True),
        ("For which x?", r"(-\infty,\infty)", r"\boxed{\text{all real numbers, } (-\infty,\infty)}", True),
        ("For which x?", r"(-\infty,\infty)", r"Answer: all real numbers, or $(0, \infty)$.", False),
        ("What part?", r"\frac{1}{2}", r"\boxed{\frac12 \text{ or } 0.5}", True),
        ("What part?", r"\frac{1}{2}", "Answer: 1/2, i.e. 50%", True),
        ("What part?", r"\frac{1}{2}", r"\boxed{\frac12 \text{ or } 0.6}", False),
        ("What part?", "50\\%", r"\boxed{50 \text{ or } 0.5}", False),
        ("How many?", "7", "Answer: 7 or seven", True),
        ("How many?", "7", "Answer: 7 or eight", False),
    ],
)
def test_one_value_may_be_said_twice(prompt: str, gold: str, answer: str, right: bool) -> None:
    assert asked(prompt, gold, answer) == right


def test_a_response_that_is_a_number_may_end_in_an_exclamation_mark() -> None:
    assert asked("How many?", "27", "27!")
    assert asked("How many?", "27", "**27!**")
    assert asked("How many?", "27!", "27!")
    assert not asked("How many?", "27", "$27!$")


# Copies and calculations in shells.

SHELLS = [
    "{}", "({})", r"\binom{{{}}}{{1}}", r"({})^{{1/2+1/2}}", r"(({})^{{-1}})^{{-1}}", r"({})\cdot 17^0",
    r"({})\cdot\frac{{3}}{{3}}",
    "{}+x-x", "|{}|", r"\sqrt[1]{{{}}}", r"2({0})-({0})", r"e^{{\ln({})}}", r"\log_2(2^{{{}}})", r"\frac{{({0})^2}}{{{0}}}",
    r"({})\cos 0", r"({})(\sin^2x+\cos^2x)", r"\frac{{-({})}}{{-1}}", r"0.5\cdot({})\cdot 2", r"100\cdot({})\%",
    r"\frac{{({0})!}}{{({0}-1)!}}",
]  # fmt: skip


@pytest.mark.parametrize(
    ("gold", "copied", "mathematics"),
    [
        ("2k+2", "(-k + 4) + (-2 + 3k)", True),
        ("6+9i", "(1+2i)6-3i", True),
        (r"\cot x", r"\frac{\sec x}{\sin x} - \frac{\sin x}{\cos x}", True),
        ("26000", "513^2 - 487^2", True),
        ("192", "12 \\cdot 16", False),
        ("192", "200-8", False),
        ("12", "96/8", False),
    ],
)
def test_no_shell_makes_a_copy_or_a_calculation_an_answer(gold: str, copied: str, mathematics: bool) -> None:
    prompt = f"Compute ${copied}$." if mathematics else "12 boxes of 16 eggs, and 96 nuts for 8 boys. How many?"
    problem = Problem(prompt, gold)
    assert paid(MATH, [rf"\boxed{{{shell.format(copied)}}}" for shell in SHELLS], problem) == []
    assert MATH.verify(rf"\boxed{{{copied} = {gold}}}", problem).correct
    assert MATH.verify(rf"\boxed{{{gold}}}", problem).correct


@pytest.mark.parametrize(
    ("gold", "answer", "right"),
    [
        ("15x-80", "-80+15x", True), ("15x-80", "5(3x-16)", True), ("15x-80", "19x-4x-80=15x-80", True),
        ("15x-80", "15x+1-81", False), ("15x-80", "20x-5x-80", False), ("15x-80", "(20-5)x-80", False),
        (r"x+\frac72", r"x+3\frac12", True), ("n^2+n", "n(n+1)", True), ("n^2+n", "n^2+2n-n", False),
        ("y=2x+3", "y=2(x-1)+5", True), ("y=2x+3", "y=2x+1+2", False),
    ],
)  # fmt: skip
def test_terms_that_are_to_be_added_up_are_left_undone(gold: str, answer: str, right: bool) -> None:
    assert asked("Simplify.", gold, rf"\boxed{{{answer}}}") == right


def test_a_shell_around_the_number_itself_hides_nothing() -> None:
    written = [
        r"\boxed{7\cdot 17^0}",
        r"\boxed{\binom{7}{1}}",
        r"\boxed{|{-7}|}",
        r"\boxed{(1/7)^{-1}}",
        r"\boxed{7\cdot1}",
    ]
    assert paid(MATH, written, Problem("How many pens were sold?", 7)) == written


# Hidden and struck-out text.

HIDDEN = [
    "~~Answer: 18~~",
    r"~~\boxed{18}~~",
    r"<!-- \boxed{18} -->",
    "<!-- Answer: 18",
    "Answer: <del>18</del>",
    "<s>18</s>",
]


def test_what_is_struck_out_or_hidden_is_no_answer() -> None:
    assert paid(MATH, HIDDEN, EGGS) == []
    corrected = [
        r"~~\boxed{17}~~ \boxed{18}",
        "Answer: ~~17~~ 18",
        r"\boxed{18} <!-- checked -->",
        "Answer: <del>17</del> 18",
    ]
    assert paid(MATH, corrected, EGGS) == corrected
    for spaced in (r"\boxed{18~~\text{or 19}~~}", r"\boxed{18 ~~\text{or 19}~~ }", r"Answer: $18 ~~\text{or 19}~~ $"):
        assert not MATH.verify(spaced, EGGS).correct  # spaces, in formulas
    assert MATH.verify(r"\boxed{x=3 ~~\text{or}~~ x=-2}", Problem("Solve.", "-2, 3")).correct
    assert not CHOICE.verify("~~Answer: B~~", PRIME).correct
    assert CHOICE.verify("Answer: ~~C~~ B", PRIME).correct
    assert not EXACT.verify("~~no~~", VERDICT).correct


# Units and names.


@pytest.mark.parametrize(
    ("prompt", "gold", "answer", "right"),
    [
        ("What is the area in square meters?", "18", r"\boxed{18\text{ m}}", False),
        ("What is the area in square meters?", "18", r"\boxed{18\text{ m}^3}", False),
        ("What is the area in square meters?", "18", r"\boxed{18\text{ m}^2}", True),
        ("How many meters?", "18", r"\boxed{18\text{ m}^2}", False),
        ("How many square feet of carpet?", "18", "Answer: 18 square feet of carpet.", True),
        (r"Let $f(x) = x^2 + 1$. Find its slope.", "2x", r"\boxed{f(x) = 2x}", False),
        (r"Let $f(x) = x^2 + 1$. Find its slope.", "2x", r"\boxed{f'(x) = 2x}", True),
        (r"Let $f(x) = (x+1)^2$. Expand $f(x)$.", "x^2+2x+1", r"\boxed{f(x) = x^2+2x+1}", True),
        (r"Let $f(x) = ax^2+b$ with ... Find $f(x)$.", "x^2+1", r"\boxed{f(x) = x^2+1}", True),
    ],
)
def test_lengths_are_no_areas_and_functions_keep_their_names(prompt: str, gold: str, answer: str, right: bool) -> None:
    assert asked(prompt, gold, answer) == right


@pytest.mark.parametrize(
    ("gold", "answer", "right"),
    [
        ("18", r"\$18 = 1800\text{ cents}", True), ("18", r"18\text{ cents} = \$18", False),
        ("150", "2.5 hours = 150 minutes", True), ("150", "150 minutes = 3 hours", False),
        ("18", r"18\text{ cm}^2 = 18\text{ cm}^3", False), ("18", "18 eggs = 18 hens", False),
        ("4.5", r"4.5 \approx 4.51", False), ("4.5", r"4.46 \approx 4.5", True),
    ],
)  # fmt: skip
def test_chains_hold_in_their_units_and_are_rounded_to_fewer_digits(gold: str, answer: str, right: bool) -> None:
    assert MATH.compare(gold=gold, answer=answer).correct == right


def test_a_sentence_with_another_scale_repeats_nothing() -> None:
    assert not MATH.verify("Answer: 18\n\nSo she has 18 thousand eggs.", EGGS).correct
    assert not MATH.verify("Answer: 18\n\nSo it is 18%.", EGGS).correct
    assert MATH.verify("Answer: 18\n\nSo she has 18 eggs.", EGGS).correct


@pytest.mark.parametrize(
    ("prompt", "gold", "answer", "right"),
    [
        ("How many ways?", "105", "Answer: one hundred and five ways", True),
        ("How many ways?", "100", "Answer: one hundred and five ways", False),
        ("How much is left?", r"\frac{3}{4}", "Answer: three quarters of the pizza", True),
        ("How much is left?", r"\frac{3}{4}", "Answer: three quarters or so", False),
        ("How many?", "18", "Answer: eighteen or nineteen", False),
        ("How many?", "18", "Answer: eighteen dozen", False),
        ("What is the chance?", r"\frac{1}{6}", "Answer: $1/6$, or about 16.7%", True),
        ("What is the chance?", r"\frac{1}{6}", "Answer: $1/6$, or about 17.7%", False),
        ("Simplify.", "x^2 + 2x + 1", r"\boxed{(x+1)^2 = x^2 + 2x + 1}", True),
        ("Give its equation.", "y = 2x + 3", "The answer is the line $y=2x+3$.", True),
        ("How much a day?", "18", "Answer: **$18 per day**", True),
        ("Find all x.", "-2, 3", "Answer:\n- $x=-2$\n- $x=3$", True),
        ("Find all x.", "-2, 3", "The solutions are $x=-2$ and $x=3$.", True),
        ("Find all x.", "-2, 3", r"\boxed{x=-2\vee x=3}", True),
        ("How many bolts?", "3", "Answer: 3 bolts (2 blue + 1 white)", True),
        ("How many bolts?", "3", "Answer: 3 bolts in total (2 blue and 1 white).", True),
        ("How many bolts?", "3", "Answer: 3 bolts (2 blue + 2 white)", False),
        ("How many bolts?", "3", "Answer: 3 bolts (2 blue or 1 white)", False),
        ("How many bolts?", "3", "The answer is 3.\n\n(2 + 1 = 3)", True),
        ("How many bolts?", "3", "The answer is 3.\n\n2 + 2 = 4", False),
        ("How many bolts?", "3", "__Answer__: 3", True),
        ("How many bolts?", "3", "<final_answer>3</final_answer>", True),
        ("How many bolts?", "3", "The final answer, therefore, is 3.", True),
        ("Give its range.", r"[0,\infty)", "Answer: all nonnegative real numbers", True),
        ("Give its range.", r"(0,\infty)", "Answer: all nonnegative real numbers", False),
        ("Give its range.", r"(0,\infty)", r"\boxed{\text{all positive real numbers}}", True),
        ("Give its range.", r"[0,\infty)", "Answer: y ≥ 0 (or [0, ∞))", True),
        ("Convert 0.75 to a percent.", r"75\%", r"\boxed{0.75}", False),
        ("Convert $\\frac34$ to a percent.", r"75\%", r"\boxed{\frac{3}{4}}", False),
        ("Convert 0.75 to a percent.", r"75\%", r"\boxed{75}", True),
        ("What share is that?", r"75\%", r"\boxed{0.75}", True),
        ("Which day?", r"\text{Sunday}", "Answer: On a Sunday.", True),
    ],
)
def test_other_ways_to_state_an_answer(prompt: str, gold: str, answer: str, right: bool) -> None:
    assert asked(prompt, gold, answer) == right


# Choices and texts.


def test_choices_as_models_state_them() -> None:
    right = [
        "The correct answer is option **B** (97).", "Option B (97) is correct.", "Hence, option B.", "So it's B.", "故选B。",
        "选择B", "Answer: B - 97 is prime.", "Only 97 is prime.\n\n**B**", "Only 97 is prime.\n\n**B. 97**", "[[B]]",
        '{"answer": "B"}', "Die richtige Antwort ist B.",
    ]  # fmt: skip
    assert paid(CHOICE, right, PRIME) == right
    wrong = [
        "The correct answer is option **B** (91).", "Option B (99) is correct.",
        "The correct answer is option B (97 or 99).",
        "Hence, option C.", "So it's not B.", "故选B或C", "不选B", "A. 91\nB. 97", "A\nB", "A. 91\n**B. 97**",
        "Is it B?\n\n**C**",
        "Answer: B - C", "B is tempting, but C.",
    ]  # fmt: skip
    assert paid(CHOICE, wrong, PRIME) == []


def test_texts_as_models_state_them() -> None:
    verdicts = ["91 = 7 * 13.\n\nNo", "91 = 7 * 13.\n\n**No**", "Answer: 91 is 7 times 13, so no.", '"No"']
    assert paid(EXACT, verdicts, VERDICT) == verdicts
    assert (
        paid(EXACT, ["Yes.\n\nNo", "No.\n\nYes", "Answer: yes or no, so no.", "91 = 7 * 13.\n\nNobody knows"], VERDICT)
        == []
    )
    outputs = [
        "**Output**\n```\n[1, 2]\n```", "## Output\n```\n[1, 2]\n```", "The output of the program is `[1, 2]`.",
        "The output will be:\n\n[1, 2]", "The value printed is `[1, 2]`.",
    ]  # fmt: skip
    assert paid(EXACT, outputs, PRINTS) == outputs
    assert paid(EXACT, ["Output: [2, 1]\nOutput: [1, 2]", "The output is not:\n[1, 2]"], PRINTS) == []
    city = Problem("Which city?", "New York", verifier="exact")
    assert EXACT.verify('The answer is "New York".', city).correct
    assert not EXACT.verify('Answer: "[1, 2]"', PRINTS).correct


# Composites.

BOTH = bundle(Problem("What is 6 times 7?", 42), VERDICT, Problem("What is 3 + 4?", 7))
STEPS = chain(
    Problem("Tom has 20 apples and buys 22 more. How many has he?", 42),
    Problem("A box holds 45 eggs and 5 break. How many are left?", 40),
    Problem("A train has 50 cars and loses 20. How many are left?", 30),
)


@pytest.mark.parametrize(
    "layout",
    [
        "| Part | Answer |\n|---|---|\n| 1 | {} |\n| 2 | {} |\n| 3 | {} |",
        "| Part 1 | {} |\n| **Part 2** | {} |\n| Part 3 | {} |",
        "<answer>Part 1: {}\nPart 2: {}\nPart 3: {}</answer>",
        "Part 1: **{}**\n\n---\n\nPart 2: **{}**\n\n---\n\nPart 3: **{}**",
        "Part 1 = {}\nPart 2 = {}\nPart 3 = {}",
        "Part 1\nResult: {}\n\nPart 2\nResult: {}\n\nPart 3\nResult: {}",
    ],
)
def test_layouts_of_bundles(layout: str) -> None:
    assert COMPOSITE.verify(layout.format("42", "no", "7"), BOTH).correct
    for wrong in (("43", "no", "7"), ("42", "yes", "7"), ("42", "no", "8"), ("7", "no", "42")):
        assert not COMPOSITE.verify(layout.format(*wrong), BOTH).correct, wrong


def test_a_chain_whose_last_part_is_answered_twice_must_say_the_same() -> None:
    for first, second, right in (("30", "30", True), ("31", "30", False), ("30", "31", False)):
        response = f"Part 1: 42\nPart 2: 40\nPart 3: \\boxed{{{first}}}\n\nPart 3: \\boxed{{{second}}}"
        assert COMPOSITE.verify(response, STEPS).correct == right
    for other in (
        "Part 1\nResult: 30",
        "Part 2\nSo the result is 30.",
        "Part 1\n| Answer | 30 |",
        "Part 2\n30 is the answer.",
    ):
        assert not COMPOSITE.verify(other, STEPS).correct, other


def test_headings_may_have_titles() -> None:
    titled = "### Part 1: Counting\n**{}**\n\n### Part 2: Is it prime?\n{}\n\n### Part 3: The sum\n{}"
    assert COMPOSITE.verify(titled.format("42", "**No**", "7"), BOTH).correct
    assert not COMPOSITE.verify(titled.format("43", "**No**", "7"), BOTH).correct
    # What stands under the title of an earlier part is that part's answer.
    assert not COMPOSITE.verify("### Part 1: Counting\n30\n\n### Part 2: Eggs\n30", STEPS).correct
    assert COMPOSITE.verify("### Part 1: Count\n42\n\n### Part 2: Eggs\n40\n\n### Part 3: Cars\n30", STEPS).correct


def test_a_heading_of_four_marks_states_nothing() -> None:
    left = Problem("How many of 45 eggs are left when 5 break?\nA. 39\nB. 40\nC. 50", "B", verifier="choice")
    choice = chain(STEPS.parts[0], left)
    for heading in ("###", "####"):
        response = f"{heading} Part 1\n\n**42**\n\n{heading} Part 2\n\n**{{}}**"
        assert COMPOSITE.verify(response.format("B"), choice).correct
        assert not COMPOSITE.verify(response.format("C"), choice).correct
    assert MATH.verify("#### Step 2: Add\n9 + 9 = 18\n\nResult: 18", EGGS).correct
    assert MATH.verify("9 + 9 = 18\n#### 18\nLet me know if you have questions.", EGGS).correct
    assert MATH.verify("So it flies\n#### east", Problem("Where to?", r"\text{east}")).correct


# Formulas with numbers put in, and other work that is left.


@pytest.mark.parametrize(
    ("gold", "right", "wrong"),
    [
        ("28", [r"2.8 \times 10^1", r"2.8\times10^{1}"], [r"28 \cdot 10^1 / 10", r"14 \cdot 2^1", r"12 \times 10^1 - 92"]),
        ("120", [r"1.2 \times 10^2"], [r"12 \times 10^1"]),
        ("-15", [r"-1.5 \times 10^1"], [r"-3 \cdot 5"]),
        (
            "-2, 2",
            [r"\pm 2", r"x = \pm 2", r"\pm\frac{4}{2}", "-2, 2"],
            [r"\pm\sqrt{4}", r"x=\pm\sqrt4", r"\pm\sqrt{\frac{16}{4}}", r"\pm\sqrt[3]{8}", r"\pm(4 - 2)"],
        ),
        (r"-\sqrt2, \sqrt2", [r"\pm\sqrt2", r"x = \pm\sqrt{2}"], [r"\pm\sqrt{1 + 1}"]),
        ("-2i, 2i", [r"\pm 2i"], [r"\pm 1 \cdot 2 \cdot 1 \cdot \frac22 i"]),
        ("3 - 2\\sqrt5, 3 + 2\\sqrt5", [r"3 \pm 2\sqrt5"], [r"3 \pm \sqrt{4 \cdot 5}", r"(2+1) \pm 2\sqrt5"]),
        (
            r"42\pi",
            [r"42\pi", r"\pi \cdot 42", r"\frac{84\pi}{2}"],
            [
                r"\pi\cdot3^2\cdot\frac{14}{3}", r"\pi\cdot 6^2+6\pi", r"\pi(7^2-7)", r"\frac{2\pi}{1}\cdot21",
                r"\pi(6^2 + 6)",
            ],
        ),
        (r"24\pi", [r"24\pi"], [r"\pi\cdot 7^2 - \pi\cdot 5^2", r"\pi(7^2-5^2)"]),
        (r"36\pi", [r"36\pi", r"6^2\pi"], [r"\frac43\pi\cdot3^3", r"\frac{4}{3}\pi(3)^3", r"\pi(3)^2(4)"]),
        (r"\frac{\pi}{6}", [r"\frac{1}{6}\pi", r"\pi/6"], [r"\frac{\pi}{2}\cdot\frac13"]),
        (r"\frac{25\pi}{3}", [r"\frac{25\pi}{3}", r"\frac{25}{3}\pi", r"8\frac13\pi"], [r"\frac{5\pi}{3} \cdot 5"]),
        (r"2\pi\sqrt3", [r"2\pi\sqrt3", r"2\sqrt3\pi"], [r"\frac{\pi}{3} \cdot 6\sqrt3"]),
        (r"\frac{\pi^2}{6}", [r"\pi^2/6", r"\frac16\pi^2"], [r"\frac{\pi^2}{2} \cdot \frac13"]),
        (r"6\sqrt3 + 4\pi", [r"4\pi + 6\sqrt3"], [r"\frac{\sqrt3}{4} \cdot 24 + 4\pi", r"2^2\pi + 2 \cdot 3\sqrt3"]),
        (r"18 + 2\pi", [r"2\pi + 18"], [r"3^2 + 3^2 + 2\pi", r"4^2 + 2 + 2\pi"]),
        (r"3000\pi", [r"3 \times 10^3\pi", r"3000\pi"], [r"300 \cdot \frac{20\pi}{2}"]),
        (r"9\sqrt3", [r"9\sqrt3"], [r"\frac{\sqrt3}{4}\cdot6^2", r"\frac{\sqrt3}{4}\cdot36"]),
        (r"3 + 2\sqrt2", [r"2\sqrt2 + 3"], [r"(1+\sqrt2)^2", r"(1+\sqrt2)(1+\sqrt2)", r"1 + 2\sqrt2 + (\sqrt2)^2"]),
        (r"\frac{\sqrt6+\sqrt2}{4}", [r"\frac{\sqrt2(\sqrt3+1)}{4}"], [r"\frac{\sqrt2(\sqrt{12}+2)}{8} \cdot \frac22"]),
        ("12", ["12"], [r"(2\sqrt3)^2", r"\sqrt{\frac{288}{2}}"]),
        (r"\frac54", [r"\frac{10}{8}"], [r"\frac{\sqrt{25}}{4}", r"\frac{5}{\sqrt{16}}", r"\frac{\sqrt{50}}{4\sqrt2}"]),
        ("5 + i", ["i + 5"], ["(2+3i)(1-i)", "-i(5i-1)", "5-i^3"]),
        (r"\sqrt2 + i\sqrt2", [r"\sqrt2(1+i)"], [r"\sqrt2(1+i)(1+i)(1-i)/2"]),
        (
            "15x",
            ["15x", r"x \cdot 15", r"\frac{30x}{2}", "y = 15x", r"3 \cdot 5x = 15x"],
            [r"3\cdot5x", "(3x)(5)", r"30x\cdot\frac12", r"y = 3 \cdot 5x"],
        ),
        ("2x^2 + 2x", ["2x(x+1)"], [r"4x(x+1) \cdot \frac12"]),
        ("5xy", [r"5x \cdot y"], [r"\frac12 \cdot 10xy"]),
        (r"3x \cdot 2^n", [r"3x\cdot2^n", r"2^n \cdot 3x"], [r"\frac12 x \cdot 6 \cdot 2^n"]),
        (r"1500x", [r"1.5 \cdot 10^3 x"], [r"15 \cdot 100 \cdot x + 0 \cdot 3"]),
    ],
)  # fmt: skip
def test_work_that_is_left_in_formulas(gold: str, right: list[str], wrong: list[str]) -> None:
    assert paid(MATH, [rf"\boxed{{{answer}}}" for answer in wrong], Problem("q", gold)) == []
    answers = [rf"\boxed{{{answer}}}" for answer in right]
    assert paid(MATH, answers, Problem("q", gold)) == answers


@pytest.mark.parametrize("question", ["In simplest radical form?", "Simplify fully.", "Write it in simplest form."])
def test_no_root_stays_in_a_denominator_where_the_simplest_form_is_asked_for(question: str) -> None:
    assert not asked(question, r"11\sqrt2", r"\boxed{\frac{22}{\sqrt2}}")
    assert asked(question, r"11\sqrt2", r"\boxed{11\sqrt{2}}")
    assert asked(question, r"\frac{\sqrt2}{2}", r"\boxed{\frac{1}{2}\sqrt{2}}")
    assert asked("How long is it?", r"11\sqrt2", r"\boxed{\frac{22}{\sqrt2}}")
    assert asked(question, r"\frac{\sqrt{x}}{x}", r"\boxed{\frac{1}{\sqrt{x}}}")


def test_a_full_stop_behind_an_abbreviation_ends_no_sentence() -> None:
    clips = Problem("How many clips did he sell?", 72)
    right = [
        "Answer: Mr. Lee sold 72 clips.", "Answer: **Mr. Lee sold 72 clips.**", "Answer: Mrs. Smith sold 72 of them.",
        "Answer: Ms. Lee sold 72 clips.", "Answer: Dr. Lee sold 72 clips.", "Answer: The shop in Main St. sold 72 clips.",
        "Answer: 72 sq. ft.", "Answer: It covers 72 sq. ft. in all.",
    ]  # fmt: skip
    assert paid(MATH, right, clips) == right
    wrong = [
        "Answer: Mr. Lee sold 71 clips.", "Answer: Mr. Lee sold 72. He had 3.", "Answer: Mr. Lee sold 72 clips. No, 71.",
        "Answer: Mr. Lee never sold 72 clips.", "Answer: 72 ft. That is wrong.", "Answer: 72 is it. Mr. Lee knows.",
    ]  # fmt: skip
    assert paid(MATH, wrong, clips) == []


def test_an_option_with_its_text_and_a_reason() -> None:
    right = [
        "The correct answer is B. 97 has no divisors other than 1 and itself.",
        "The answer is B. Since 97 is prime, it has no divisors.", "The answer is B. 97 is not divisible by 2, 3, 5 and 7.",
    ]  # fmt: skip
    assert paid(CHOICE, right, PRIME) == right
    wrong = [
        "Answer: B. 97 is prime, but 91 is not.", "The answer is B. 97 has no chance.", "The answer is B. 97 is wrong.",
        "The answer is B. 97 or 91", "The answer is B. 97 is not prime.", "Answer: A. 91 has no divisors other than 1.",
        "The answer is B. 97 has no divisors other than 1, or C.", "The answer is B. 97 has no divisors, unlike 91.",
    ]  # fmt: skip
    assert paid(CHOICE, wrong, PRIME) == []


def test_a_box_that_its_own_sentence_takes_back_is_no_answer() -> None:
    taken = [
        r"\boxed{18} is wrong; it's 20.", r"\boxed{18} is incorrect.", r"\boxed{18} is not the answer",
        r"So $\boxed{\frac{36}{2}}$ is not correct.", r"$\boxed{20}$. The first answer $\boxed{18}$ was wrong.",
    ]  # fmt: skip
    assert {MATH.verify(response, EGGS).status for response in taken} == {"unparseable"}
    right = [
        r"\boxed{18} is not prime.", r"If you think \boxed{18} is wrong, check again.", r"20 is wrong, \boxed{18} is right.",
        r"\boxed{20} is wrong; it's \boxed{18}.", r"\boxed{18}. The claim of 20 is wrong.", r"Who says \boxed{18} is wrong?",
    ]  # fmt: skip
    assert paid(MATH, right, EGGS) == right
    assert CHOICE.verify(r"\boxed{B} is wrong.", Problem("Which statement is wrong?", "B", verifier="choice")).correct


# Time.

PIECES = [
    "~~",
    "<s>",
    "<!--",
    "| 1 | 2 |\n",
    "| Answer |",
    "答案",
    "18 is the answer ",
    "Result: ",
    "**B**",
    "no\n",
    "i.e. ",
    "$AB$ is ",
    r"\boxed{18} is wrong; ",
    "Answer: Mr. ",
]


@pytest.mark.parametrize("piece", PIECES)
def test_long_runs_take_linear_time(piece: str) -> None:
    text = piece * (200_000 // len(piece))
    start = time.perf_counter()
    for judge, problem in ((MATH, EGGS), (CHOICE, PRIME), (EXACT, VERDICT), (COMPOSITE, BOTH)):
        assert not judge.verify(text, problem).correct
    assert time.perf_counter() - start < 8


@pytest.mark.parametrize(
    ("response", "status"),
    [
        ("Answer: B (97 is prime)", "correct"), ("Answer: B (since 97 is prime)", "correct"), ("Answer: B (97)", "correct"),
        ("Answer: B (91)", "wrong"), ("Answer: B (97 is not prime)", "wrong"), ("Answer: B (97 or 91)", "wrong"),
        ("Answer: A (97 is prime)", "wrong"), ("Answer: B (97 is prime, unlike A)", "wrong"), ("Answer: B (970)", "wrong"),
    ],
)  # fmt: skip
def test_a_reason_in_brackets_may_go_on_from_the_text_of_an_option(response: str, status: str) -> None:
    problem = Problem("Which is prime?\nA. 91\nB. 97\nC. 99", "B", verifier="choice")
    assert ChoiceVerifier().verify(response, problem).status == status
