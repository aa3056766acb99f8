"""What is shown as an answer: no piece of an expression, nothing hidden or denied, and no second value beside it."""

from __future__ import annotations

import pytest

from composekit.compose import ChoiceVerifier, ExactVerifier, MathVerifier, Problem, Verifier

MATH, CHOICE, EXACT = MathVerifier(), ChoiceVerifier(), ExactVerifier()
APPLES = Problem("How many apples are there?", "18")
PRIME = Problem("Which is prime?\nA. 91\nB. 97\nC. 99", "B", verifier="choice")
VERDICT = Problem("Is 91 prime?", "no", verifier="exact")
PRINTS = Problem("What does it print?", "[1, 2]", verifier="exact", domain="code")


def paid(judge: Verifier, responses: list[str], problem: Problem) -> list[str]:
    return [response for response in responses if judge.verify(response, problem).correct]


PIECES = [
    r"-\boxed{18}", r"$-\boxed{18}$", r"x = -\boxed{18}", r"2\boxed{18}", r"0.\boxed{18}", r"\boxed{18}.5",
    r"20 + \boxed{18}", r"20-\boxed{18}", r"3 \cdot \boxed{18}", r"\boxed{18} + 20", r"$\boxed{18} \times 20$",
    r"\boxed{18}\cdot 20", r"\boxed{18}/20", r"\boxed{18}^{20}", r"\boxed{18}^2", r"x^{\boxed{18}}", r"x_\boxed{18}",
    r"\sqrt{\boxed{18}}", r"\frac{\boxed{18}}{20}", r"\frac{20}{\boxed{18}}", r"x \ne \boxed{18}", r"\neg \boxed{18}",
]  # fmt: skip
WHOLE = [
    "9 + 9 = 18\n- \\boxed{18}", "There are $9$ twice\n* $\\boxed{18}$", "The sum is 18 -\n\\boxed{18}",
    "Whether red or not: \\boxed{18}",
    "18 more than not \\boxed{18}", r"$7! \cdot 0 + 3!=\boxed{18}$",
    r"9 + 9 = \boxed{18}", r"- \boxed{18}", r"> \boxed{18}", r"2. \boxed{18}", r"2) \boxed{18}",
    r"Question 5 - \boxed{18}", r"Step 3: \boxed{18}", r"$\$\boxed{18}$", r"$\boxed{18}^\circ$", r"\boxed{18}^{\circ}",
    r"$\boxed{18}\%$", r"\boxed{18}\text{ apples}", r"\boxed{18} - that is the count.", r"-> \boxed{18}", r"=> \boxed{18}",
    r"\textbf{\boxed{18}}", r"$\color{blue}{\boxed{18}}$", r"$\underline{\boxed{18}}$", r"\text{Answer: \boxed{18}}",
    r"{\Large \boxed{18}}", r"\underbrace{\boxed{18}}_{\text{apples}}", r"\finalanswer{\boxed{18}}", r"<b>\boxed{18}</b>",
    r"We have $f(x) = \{1, 2$ and then \boxed{18}", r"9 - 9 + 18 = \boxed{18} apples + no pears",
]  # fmt: skip


def test_a_piece_of_an_expression_is_no_answer() -> None:
    assert paid(MATH, PIECES, APPLES) == []
    assert paid(MATH, WHOLE, APPLES) == WHOLE


HIDDEN = [
    r"<img alt='\boxed{18}'>", r'<a title="\boxed{18}">x</a>', r"\textcolor[gray]{1}{\boxed{18}}", r"\mathrlap{\boxed{18}}",
    r"\iffalse \boxed{18} \fi", r"\if0 Answer: 18 \fi", r"\begin{comment}\boxed{18}\end{comment}", r"\phantom{\boxed{18}}",
    r"\hphantom{\text{so }\boxed{18}}", r"\cancel{\boxed{18}}", r"\sout{\boxed{18}}", r"\newcommand{\x}{\boxed{18}}",
    r"\def\x{\boxed{18}}", r"\label{\boxed{18}}", r"\index{\boxed{18}}", r"\textcolor{white}{\boxed{18}}",
    r"\color{white}\boxed{18}", r"$\color{#fff}{\boxed{18}}$", r"\color[rgb]{1,1,1}\boxed{18}", r"\boxed{\color{white}18}",
    r"{\color{white} Answer: 18}", r"\transparent{0}\boxed{18}", r"\opacity{0}{\boxed{18}}",
    r'<span style="display:none">\boxed{18}</span>', "<div hidden>Answer: 18</div>", r"<P HIDDEN>\boxed{18}",
    r'<span style="color: white">\boxed{18}</span>', r'<span style="font-size:0">\boxed{18}</span>',
    r"<script>\boxed{18}</script>", r"<template>\boxed{18}</template>", "[//]: # (\\boxed{18})", "[comment]: # (Answer: 18)",
]  # fmt: skip


def test_what_is_hidden_is_no_answer() -> None:
    assert paid(MATH, HIDDEN, APPLES) == []
    shown = [
        r"\iffalse \boxed{20} \fi \boxed{18}", r"x = 9 \iff 2x = \boxed{18}", r"<div hidden>\boxed{20}</div>\boxed{18}",
        r"<span style='color:red'>\boxed{18}</span>", r"$\textcolor{red}{\boxed{18}}$", r"a < b, so \boxed{18}",
        r"<details><summary>Work</summary>9 + 9</details>\boxed{18}", r"<style>p {}</style>Answer: 18",
        r"The hidden box has 18 < 20 apples, so display them: \boxed{18}",
    ]  # fmt: skip
    assert paid(MATH, shown, APPLES) == shown


DENIED = [
    r"minus \boxed{18}", r"negative \boxed{18}", r"\boxed{18}. Or 20.", r"\boxed{18}. Could be 20.",
    "\\boxed{18}\nAlternative: 20",
    r"\boxed{18} \lor 20", r"\boxed{18}. Second choice: 20", r"\boxed{18}. Or maybe 20.",
    r"not \boxed{18}", r"It isn't \boxed{18}", r"The answer is not $\boxed{18}$.", r"It cannot be \boxed{18}.",
    r"anything but \boxed{18}", r"20 instead of \boxed{18}", r"half of \boxed{18}", r"Maybe \boxed{18}",
    r"It could be \boxed{18}.",
    r"I guess \boxed{18}", r"wrong answer: \boxed{18}", r"The naive answer is \boxed{18}",
    r"An incorrect answer would be \boxed{18}",
]  # fmt: skip


def test_what_the_words_before_it_deny_is_no_answer() -> None:
    assert paid(MATH, DENIED, APPLES) == []
    said = [
        r"\boxed{18}. Or 18.0.", r"\boxed{18}. Maybe 20 were there before.", r"It is none other than \boxed{18}.",
        r"It is not 20 but \boxed{18}", r"20 is not right. \boxed{18}", r"At least 5 are red. \boxed{18}",
        r"It is \boxed{18}",
        r"20 is the wrong answer. The answer is \boxed{18}", r"One cannot do better. So it must be \boxed{18}.",
        r"It equals \boxed{18}", r"It is equal to \boxed{18}", r"They cannot be more than \boxed{18}.",
    ]  # fmt: skip
    assert paid(MATH, said, APPLES) == said
    assert (
        paid(CHOICE, [r"The answer isn't \boxed{B}.", r"\phantom{\boxed{B}}", r"\boxed{C} \ne \boxed{B}"], PRIME) == []
    )


@pytest.mark.parametrize(
    "between",
    [
        r"\ne", "!=", "<", ">", "to", "but", "not", "+", "?", "as well as", "plus", "ou", "oder", "或", "или", "o", "<->",
        "x",
        r"\text{ or }", r"\to",
    ],
)  # fmt: skip
def test_two_boxes_with_no_sentence_between_them_are_a_list(between: str) -> None:
    for gold in ("18", "20"):
        assert not MATH.verify(rf"\boxed{{20}} {between} \boxed{{18}}", Problem("How many?", gold)).correct


PAIRS = [
    (r"\frac{1}{2}", r"\frac{1}{3}"), (r"2\sqrt{3}", r"3\sqrt{2}"), ("x+1", "x-1"), ("(1,2)", "(2,1)"), (r"\pi", r"2\pi"),
    (r"\text{east}", r"\text{west}"), ("[0,1]", "(0,1)"), (r"50\%", r"60\%"), ("-3", "3"),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}2\\1\end{pmatrix}"),
]  # fmt: skip
BESIDE = [
    r"\boxed{%s} or $%s$", r"\boxed{%s}, $%s$", r"$\boxed{%s}$, or maybe \(%s\)", r"\boxed{%s}{%s}", r"\boxed{%s} $%s$",
    r"\boxed{%s}. No wait, $%s$.", r"\boxed{%s}. Correction: $%s$", r"\boxed{%s}. Actually, it should be $%s$.",
    r"\boxed{%s} if red, $%s$ if blue", r"\boxed{%s}, otherwise $%s$", r"\boxed{%s} (or $%s$)", r"\boxed{%s} \text{ or } %s",
    r"\boxed{%s} and $%s$ are both possible.", r"\boxed{%s}. It is $%s$.",
]  # fmt: skip
IN_FRONT = [r"$%s$ or \boxed{%s}", r"$%s$, \boxed{%s}", r"$%s$ \boxed{%s}"]
DECLARED = [
    "Answer: $%s$\n\n\\boxed{%s}",
    "#### %s\n\\boxed{%s}",
    "\\boxed{%s}\n\nAnswer: $%s$",
    "<answer>%s</answer>\\boxed{%s}",
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_a_formula_beside_a_box_is_a_second_answer(one: str, other: str) -> None:
    for layout in (*BESIDE, *IN_FRONT, *DECLARED):
        response = layout % (one, other)
        for gold in (one, other):
            assert not MATH.verify(response, Problem("Find it.", gold)).correct, (response, gold)
    for layout in (r"\boxed{%s} or $%s$", r"\boxed{%s}, $%s$", *IN_FRONT, *DECLARED):  # one value said twice
        assert MATH.verify(layout % (one, one), Problem("Find it.", one)).correct, layout


@pytest.mark.parametrize(
    ("gold", "response"),
    [
        (r"\frac{1}{2}", r"\boxed{\frac12} or $0.5$"), (r"\frac{1}{2}", r"\boxed{\frac12} (or $50\%$)"),
        ("x+1", r"$1 + x$, \boxed{x+1}"), ("x+1", r"\boxed{x+1}, $x \ne 0$."), (r"2\sqrt{3}",
        r"\boxed{2\sqrt3} (about $3.46$)"),
        ("2", r"So $x = \boxed{2}$ and $y = 3$."), ("5", r"\boxed{5} for all $a > 1$ and $b > 1$."), ("5",
        r"\boxed{5} $\blacksquare$"),
        (r"12\pi", r"\boxed{12\pi} $\text{cm}^2$"), ("3", r"Since $\sqrt{9} = 3$, \boxed{3}"), ("4",
        r"\boxed{4} $\pmod{7}$"),
        (r"\frac{1}{2}", "Answer: $x = \\frac12$\n\n\\boxed{\\frac12}"), ("6", r"$2 \cdot 3$, \boxed{6}"), ("5",
        r"If $x = 5$, \boxed{5}"),
        ("18", r"There are 20 pears and \boxed{18} apples"), ("-2, 3", r"$-2$ or $\boxed{3}$"),
    ],
)  # fmt: skip
def test_what_else_stands_beside_a_box_leaves_it_as_it_is(gold: str, response: str) -> None:
    assert MATH.verify(response, Problem("Find it.", gold)).correct


def test_a_second_value_in_an_object_is_a_second_answer() -> None:
    second = [
        '{"answer": 18, "alternative": 20}', '{"answer": 18, "answer2": 20}', '{"guess1": 20, "answer": 18}',
        '{"answer": 18, "confidence": 0.5, "alternatives": [20]}', '{"other_answer": "20", "answer": "18"}',
    ]  # fmt: skip
    assert paid(MATH, second, APPLES) == []
    one = [
        '{"answer": 18, "alternative": null}', '{"answer": 18, "confidence": 0.9}', '{"answer": 18, "alternatives": []}',
        '{"steps": 2, "unit": "apples", "answer": 18}', '{"first": 9, "second": 9, "answer": 18}',
    ]  # fmt: skip
    assert paid(MATH, one, APPLES) == one


def test_a_case_that_the_question_does_not_know_makes_a_condition() -> None:
    conditions = ["Answer: 18 for red", "Answer: 18 when red", "Answer: 18 in case A"]
    assert paid(MATH, conditions, APPLES) == []
    known = Problem("How many red apples are there for lunch?", "18")
    said = [
        "Answer: 18 for lunch", "Answer: 18 apples for the last meal", "Answer: 18 when rounded",
        "Answer: 18 apples for all",
        "Answer: She has 18 apples for her friends.",
    ]  # fmt: skip
    assert paid(MATH, said, known) == said


def test_more_sentences_of_choices_verdicts_and_programs() -> None:
    chosen = ["Selected: B", "Response: B", "I'm going with B.", "The only prime is 97, which is option B."]
    assert paid(CHOICE, chosen, PRIME) == chosen
    assert paid(CHOICE, ["Selected: C", "I'm not going with B.", "I'm going with B or C."], PRIME) == []
    reasoned = ["No, 91 = 7*13.", "No. 91 is 7 times 13.", "No — 91 = 7 × 13.", "**No**, it is not prime."]
    assert paid(EXACT, reasoned, VERDICT) == reasoned
    assert (
        paid(EXACT, ["No, it is. Yes.", "No, or yes.", "No, wait.", "No problem, it is prime.", "No, maybe."], VERDICT)
        == []
    )
    printed = [
        "So `print` shows `[1, 2]`.", "So `print(x)` outputs `[1, 2]`.", "This prints `[1, 2]` to the console.",
        "Prints: [1, 2]",
        "`[1, 2]` is printed.", "The printed result: `[1, 2]`", "So print shows [1, 2].",
    ]  # fmt: skip
    assert paid(EXACT, printed, PRINTS) == printed
    other = [
        "So `print` shows `[2, 1]`.", "`[1, 2]` is not printed.", "It prints `[2, 1]`.\n`[1, 2]` is printed.",
        "`[2, 1]` is printed.\n`[1, 2]` is printed.",
    ]  # fmt: skip
    assert paid(EXACT, other, PRINTS) == []


def test_other_names_of_an_answer_and_of_a_power() -> None:
    assert paid(MATH, ["[Answer] $18$", "**[Final Answer]** 18", "[ANSWER] 18 [/ANSWER]"], APPLES)[:1] == [
        "[Answer] $18$"
    ]
    assert paid(MATH, ["[Answer] 18 or 20", "[Answer] not 18", "See [answer] 18"], APPLES) == []
    assert MATH.verify(r"\boxed{\exp(2)}", Problem("Find it.", "e^{2}")).correct
    assert not MATH.verify(r"\boxed{\exp(2)\exp(1)}", Problem("Find it.", "e^{3}")).correct


@pytest.mark.parametrize(
    "unit",
    [
        "{",
        "}",
        "<",
        "<p hidden>",
        "<script>",
        r"\iffalse ",
        r"\color{white",
        "[x]: #",
        r"\phantom{",
        "$1$ or ",
        "1+",
        "- ",
    ],
)
def test_surroundings_are_read_in_linear_time(in_time, unit: str) -> None:
    text = unit * (400_000 // len(unit))
    for response in (rf"{text}\boxed{{\frac12}}{text}", rf"\boxed{{18}} {text}", text):
        in_time(1.0, lambda response=response: MATH.verify(response, APPLES))
