r"""What stands beside an answer: zero terms, sums to be divided, second values, conditions, JSON fields; and what does not."""

from __future__ import annotations

import pytest

from composekit.compose import MathVerifier, Problem

PROMPT = "Janet sells 9 eggs for 2 dollars each and 4 ducks. How many apples does she have?"


def _status(response: str, gold: str = "18", prompt: str = PROMPT) -> str:
    return MathVerifier().verify(response, Problem(prompt, gold)).status


@pytest.mark.parametrize(
    ("gold", "finished", "undone"),
    [
        (r"2\pi+18", [r"2(\pi+9)", r"18+2\pi"], [r"\frac15(10\pi+90)", r"0.2(10\pi+90)", r"2\pi+18+0", r"0+2\pi+18"]),
        (r"\pi+\frac92", [r"\frac12(2\pi+9)", r"\frac{2\pi+9}{2}"], [r"\frac14(4\pi + 18)+0"]),
        (r"1+\sqrt5", [r"\sqrt5+1"], [r"\frac12(2+2\sqrt5)"]),
        (r"\frac{1+\sqrt5}{2}", [r"\frac12(1+\sqrt5)"], [r"\frac14(2 + 2\sqrt5)+0"]),
        ("x^2+25", ["25+x^2"], ["x^2+5^2", "x^2+25+0", "x^2+25+0x", "x^2+25+0x^3"]),
        ("x^2+5^2", ["x^2+25", "x^2+5^2"], ["x^2+(2+3)^2"]),
        ("x+2^{20}", ["x+2^{20}", "x+1048576"], []),
        ("(x-1)^2+y^2=25", ["(x-1)^2+y^2=5^2", "(x-1)^2+y^2=25"], ["(x-1)^2+y^2+0=25+0"]),
        ("18", ["18.0", "9 + 9 + 0 = 18"], ["18 + 0", "18 - 0", "0 + 18", "18 (1)", "18(1)"]),
        ("10", ["10", "10.00"], ["10 + 0.0"]),
    ],
)
def test_what_is_worth_nothing_and_what_divides_everything_is_left_undone(
    gold: str, finished: list[str], undone: list[str]
) -> None:
    for answer in finished:
        assert _status(rf"\boxed{{{answer}}}", gold, "Find it.") == "correct", answer
    for answer in undone:
        assert _status(rf"\boxed{{{answer}}}", gold, "Find it.") == "wrong", answer


@pytest.mark.parametrize(
    "response",
    [
        r"\boxed{18} or twenty", r"\boxed{18} or twenty-one.", r"\boxed{18} [20]", r"\boxed{18} unless it's $20$",
        r"\boxed{18} (alt: 20)", r"\boxed{18} (or 20)", r"\boxed{18}. 20.", r"$ - \boxed{18}$", r"(-1)\boxed{18}",
        '{"answer": 18, "result": 20}', '{"answer": 18, "final": 20}', '{"answer": 18, "valid": false}',
        "Answer: 18 on Mondays", "Answer: 18 given red", "Answer: 18 during holidays",
        r"{\fontsize{0pt}{0pt}\selectfont \boxed{18}}", r'<div style="height:0">\boxed{18}</div>',
        r'<p style="font-size: 0.01px">\boxed{18}</p>', "Answer: 103 (1)",
    ],
)  # fmt: skip
def test_second_values_conditions_and_what_is_hidden(response: str) -> None:
    assert _status(response) in ("wrong", "unparseable")


@pytest.mark.parametrize(
    "response",
    [
        r"\boxed{18} or eighteen", r"\boxed{18} or one could count them.", r"\boxed{18} [18]", r"\boxed{18} (or 18)",
        r"\boxed{18}. 18.", r"We get $x = 18$ - \boxed{18}", r"So (1) \boxed{18}",
        '{"answer": 18, "result": 18}', '{"result": "9 + 9", "answer": 18}', '{"answer": 18, "valid": true}',
        '{"answer": 18, "final": "18.0"}', "Answer: 18 on average", "Answer: 18 apples on the table",
        r"{\fontsize{12pt}{14pt}\selectfont \boxed{18}}", r'<div style="height:20px">\boxed{18}</div>',
        r'<p style="line-height:0.9; font-size: 0.8em">\boxed{18}</p>',
        "The final answer is 6 gallons * 3 pints / gallon = 18 pints\nAnswer: 18",
    ],
)  # fmt: skip
def test_what_stands_beside_an_answer_and_takes_nothing_back(response: str) -> None:
    assert _status(response) == "correct"


def test_conditions_of_the_question_are_no_hedge() -> None:
    assert _status("Answer: 18 on Mondays", prompt="How many does she sell on Mondays and on Tuesdays?") == "correct"
    assert _status("Answer: $[0,1]$\nAlternatively, $(0,1)$.", "[0,1]") == "unparseable"
    assert _status("Answer: $[0,1]$\nSo the interval is $[0,1]$.", "[0,1]") == "correct"
    other = "The final answer is 6 gallons * 3 pints / gallon = 19 pints\nAnswer: 18"
    assert _status(other) == "wrong"


@pytest.mark.parametrize(
    ("gold", "answer", "other"),
    [
        (r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}", r"\pmatrix{1 & 2 \\ 3 & 4}", r"\pmatrix{1 & 2 \\ 3 & 5}"),
        (r"\begin{pmatrix} 1/2 \\ 3 \end{pmatrix}", r"\pmatrix{\frac{1}{2} \cr 3}", r"\pmatrix{\frac{1}{2} & 3}"),
        (
            r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix}",
            r"\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \end{pmatrix}",
            r"\begin{pmatrix} 1 & 3 \\\\ 2 & 4 \end{pmatrix}",
        ),
        (r"\text{June 20}", "June 20th", "July 20th"),
        (r"\text{(C)}", "C)", "D)"),
    ],
)
def test_other_ways_to_write_matrices_days_and_letters(gold: str, answer: str, other: str) -> None:
    assert _status(rf"\boxed{{{answer}}}", gold, "Find it.") == "correct"
    assert _status(rf"\boxed{{{other}}}", gold, "Find it.") == "wrong"
