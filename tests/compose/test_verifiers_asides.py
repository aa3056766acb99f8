r"""What stands beside an answer and what changes it: zero terms, second values, conditions, scales, other fields of JSON."""

from __future__ import annotations

import pytest

from composekit.compose import ChoiceVerifier, CompositeVerifier, ExactVerifier, MathVerifier, Problem, bundle

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


@pytest.mark.parametrize(
    "around",
    [
        "{} to 20", "{} -> 20", "{}–20", "{}:20", "{} and/or 20", "{} (20)", "{} \\footnote{{or 20}}",
        "{}. Kidding, it is 20.",
        "{}\n\n\\[20\\]", "{}\n\n# 20", "{}\n\nFinal: 20", "{}\n\nFinal Answer\n20", "{}\n\n## Final Answer\n\n20",
        "{}\n\nEdit: 20", "{}\n\nUpdate: it should be 20", "{}\n\nHowever, 20 is the correct answer.",
        "{} (50%), 20 (50%)",
        "20 (60%), {} (40%)", "It is 20; alternatively {}", "Guess 1: 20. Guess 2: {}",
        "My answers: 20 and {}", "{} or so",
        "{} is too small.", "{} is the wrong answer", "{} cannot be the answer", "{}\\pi", "{}i", "{}x",
        "\\pi{}", "{}\\frac12",
        "\\sqrt{{2}}{}", "\\ln({})", "{} 1/2", "{} squared", "{} plus 20", "{} thousand", "{} hundred",
        "{} million dollars",
        "{} cents", "{}.\\overline{{3}}",
        "{}\n\nHmm, 20 actually.", "{}\n\nAnother possible answer: 20", "{} (20 otherwise)", "{} or, if wrong, 20",
        "{}, \\textit{{or}} 20", "{} XOR 20", "{} || 20", "{} \\cup 20", "{} as well as 20", "{} and also 20", "{}; also 20",
    ],
)  # fmt: skip
def test_a_second_value_a_scale_or_a_factor_beside_a_box(around: str) -> None:
    assert _status(around.format(r"\boxed{18}")) in ("wrong", "unparseable")


@pytest.mark.parametrize(
    "around",
    [
        "{} dollars plus tips", "{} to be exact", "{}: nine times two", "{}\n\n# Notes\n20 steps", "{} (about 5% more)",
        "45% and {}", "step 2: {}", "2) {}", "\\sqrt{{324}} = {}", "for x, {}", "{} a day", "{}\\qquad\\blacksquare",
        "{}\\,\\text{{eggs}}", "{}$ dollars", "{}\\tag{{1}}", "{} times she does it", "{}\n\nFinal Answer:\n18",
        "{}\n\nIf we include ducks, the answer is 22.", "{}\n\nWait, let me double-check: 9 * 2 = 18. Yes.", "20. {}",
        "{}\n\nConfidence: 95%", "{}\n\nScore: 10/10", "9 eggs\n2 dollars\n{}", "{} – 9 eggs at 2 dollars", "(20) {}",
        "{}\n\n### Final Answer\n\n\\[ 18 \\]", "{}, so it is not too small.", "{} (18)", "{} [1]", "It is 18, also {}",
        "So the answer is $9 + 9 = {}$.\n\nFinal answer: ${}$",
    ],
)  # fmt: skip
def test_what_stands_around_a_box_and_is_no_second_value(around: str) -> None:
    assert _status(around.format(r"\boxed{18}", r"\boxed{18}")) == "correct"


def test_the_scale_behind_a_box_belongs_to_it() -> None:
    assert _status(r"\boxed{18} thousand", "18000", "How many people live there?") == "correct"
    assert _status(r"\boxed{18} dozen", "18", "How many dozen eggs are there?") == "correct"
    assert _status(r"\boxed{36/2}. Wait, it is 18.", "18", "Find it.") == "correct"
    assert _status(r"\boxed{18/7}. Wait, it is 19.", "18/7", "Find it.") == "wrong"


@pytest.mark.parametrize(
    ("response", "status"),
    [
        ("Answer: 18, not 20", "correct"), ("The answer is 18 (not 20).", "correct"),
        ("Answer: 18 and not 20", "correct"),
        ("(Answer: 18)", "correct"), ("[Final answer: 18]", "correct"), ("Answer: 20, not 18", "wrong"),
        ("Answer: 18, not 18.", "unparseable"), ("Answer: It is not 18.", "unparseable"),
    ],
)  # fmt: skip
def test_a_statement_that_names_a_mistake(response: str, status: str) -> None:
    assert _status(response) == status


@pytest.mark.parametrize(
    ("gold", "finished", "undone"),
    [
        ("x+1", ["1+x"], [r"\frac{x^2-1}{x-1}", r"\frac{x^2+x}{x}"]),
        ("x^2", ["x^2"], [r"x \cdot x", r"\frac{x^3}{x}", r"\sqrt{x^4}"]),
        (r"\frac{1}{x}", ["x^{-1}", r"\frac{1}{x}"], []),
        (r"\frac{x+1}{x}", [r"1+\frac1x"], []),
        (r"\tan x", [r"\frac{\sin x}{\cos x}"], []),
        ("2x", [r"\frac{4x}{2}", "2x"], ["x+x"]),
    ],
)
def test_a_quotient_or_root_of_letters_is_left_undone_where_the_gold_answer_is_a_polynomial(
    gold: str, finished: list[str], undone: list[str]
) -> None:
    assert [a for a in finished if _status(rf"\boxed{{{a}}}", gold, "Find it.") != "correct"] == []
    assert [a for a in undone if _status(rf"\boxed{{{a}}}", gold, "Find it.") != "wrong"] == []


THREE = bundle(
    Problem("What is 6 times 7?", "42"),
    Problem("Is 91 prime?", "no", verifier="exact"),
    Problem("Which is prime?\nA. 91\nB. 97", "B", verifier="choice"),
)
HEADED = "Part 1: \\boxed{42}\nPart 2: \\boxed{no}\nPart 3: \\boxed{B}"


@pytest.mark.parametrize(
    ("response", "correct"),
    [
        (HEADED, True), (HEADED + "\n\nFinal: 42, no, B", True), (HEADED + "\n\nFinal: 43, no, B", False),
        (HEADED + "\n\nCorrection: Part 1 is 43.", False), (HEADED + "\n\nWait, part 3 should be A.", False),
        (HEADED + "\n\nActually, part 1 is 42.", True), (r"\boxed{42, \text{no}, B}", True),
        (r"\boxed{42, \text{no}}", False),
        (r"\boxed{43, \text{no}, B}", False), ("Part 1: 42, Part 2: no, Part 3: B", True),
    ],
)  # fmt: skip
def test_recaps_corrections_and_one_box_of_a_bundle(response: str, correct: bool) -> None:
    assert CompositeVerifier().verify(response, THREE).correct is correct


def test_the_dollar_sign_of_a_formula_behind_a_heading_is_no_currency() -> None:
    degrees = Problem("Find the angle, in degrees.", r"90^\circ")
    both = bundle(degrees, Problem("It costs €9 twice. What is that in euros?", "18"))
    assert CompositeVerifier().verify("Part 1: $90^\\circ$\nPart 2: $18$", both).correct
    assert CompositeVerifier().verify("$\\text{Part 1:}$ $90^\\circ$\n$\\text{Part 2:}$ 18", both).correct


@pytest.mark.parametrize(
    ("response", "correct"),
    [
        (r"\boxed{B}", True), (r"\boxed{B} (97)", True), ("\\boxed{B}\n\nAnswer: 97", True),
        (r"\boxed{B}, not 91", True),
        ("\\boxed{B}\n\n91 is 7 times 13.", True), ("\\boxed{B}\n\nAnswer: 91", False), (r"\boxed{B} or 91", False),
        (r"\boxed{B} (91)", False), ("\\boxed{B}\n\n## Final Answer\n\n91", False),
        (r"\boxed{B}. Wait, it is 91.", False),
        ("Answer: 91\n\n\\boxed{B}", False), ('{"answer": "B", "result": "A"}', False),
        ('{"answer": "B", "result": "B"}', True),
        ('{"answer": "B", "valid": false}', False),
    ],
)  # fmt: skip
def test_the_text_of_another_option_beside_a_boxed_letter(response: str, correct: bool) -> None:
    problem = Problem("Which is prime?\nA. 91\nB. 97\nC. 99", "B", verifier="choice")
    assert ChoiceVerifier().verify(response, problem).correct is correct


def test_a_sequence_beside_a_boxed_text_is_a_second_answer() -> None:
    problem = Problem("What does it print?", "[1, 2]", verifier="exact", domain="code")
    assert ExactVerifier().verify(r"\boxed{[1, 2]}", problem).correct
    assert not ExactVerifier().verify(r"\boxed{[1, 2]} -> [2, 1]", problem).correct


@pytest.mark.parametrize("before", ["at least", "The square of", "324 is the square of", "x >", "Twice", "(20,"])
def test_words_before_a_box_are_not_weighed(before: str) -> None:
    """As the page says: the box declares what it holds, and no word before it makes the answer another one."""
    closed = ")" if before.startswith("(") else ""
    response = rf"{before} \boxed{{18}}{closed}"
    assert _status(response) == "correct"
    assert _status(response, "20") == _status(response, "36") == _status(response, "324") == "wrong"
