"""Which numbers of a text are constants, and that all of them are found. The table is the specification."""

from __future__ import annotations

import time
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composekit.compose.lexing import lex
from composekit.compose.tokens import constants, occurrences

F = Fraction


def texts(prompt: str) -> list[str]:
    return [constant.text for constant in constants(prompt)]


def place(prompt: str, number: str) -> str:
    return next(o.place for o in occurrences(prompt) if o.text == number)


@pytest.mark.parametrize(
    ("prompt", "linkable"),
    [
        # money and formulas share a sign
        ("He paid $5 for 3 apples and $10.50 for pears.", ["5", "3", "10.50"]),
        ("She earns $12-15 an hour", []),
        ("It costs $\\$5$ or $12$ coins", ["5", "12"]),
        ("A pen is \\$1.24, a book \\$30.", ["1.24", "30"]),
        ("$5 and $6 and $x$", ["5", "6"]),
        ("Sam has $7. Let $x = 13$ hold.", ["7", "13"]),
        ("$$5 + 6 = x$$ and \\[7x\\] and \\(8\\)", ["5", "6", "7", "8"]),
        # numbers of several signs
        ("1,000 people and 1,234,567 ants", ["1,000", "1,234,567"]),
        ("$10,\\!000$ and $1{,}234$ and $12\\,500$", ["10,\\!000", "1{,}234", "12\\,500"]),
        ("$(1,234)$ or $[-500,500]$", []),
        ("1/2 of 20% of 30", ["1/2", "20", "30"]),
        ("2 1/2 cups, $2\\frac{1}{3}$ cups", ["2 1/2", "2\\frac{1}{3}"]),
        ("$\\frac34$ and $\\dfrac{5}{6}x$", ["\\frac34", "\\dfrac{5}{6}"]),
        ("24/7 and 50/50", []),
        ("3 million and 2.5 thousand", []),
        ("$0.\\overline{3}$ and $3.14159\\dots$ and 0.333...", []),
        ("version 1.2.3", []),
        ("007 agents and 05", []),
        # places that are no values
        ("$x^2 + 3x^{10}$", ["3"]),
        ("$x_1 + 7x_{12}$", ["7"]),
        ("$\\sqrt[3]{8}$", ["8"]),
        ("$10^3$ and 10^3", []),
        ("$1011_2$ and 1011_2", []),
        ("in base 8, in base $5$", []),
        ("$\\log_2 9$", ["9"]),
        ("$\\sum_{k=1}^{10} 4k$", ["4"]),
        ("$3A7B$ is a number", []),
        ("the digits of $21420N$", []),
        ("[asy]draw((0,0)--(3,4));[/asy] A side is 7.", ["7"]),
        ("```python\nx = 3\n``` and `y = 4` and 15", ["15"]),
        ("$\\hspace{3mm} \\color{5} \\foo{6} 17$", ["17"]),
        ("\\begin{tabular}{c3} 4 & 5 \\end{tabular} 18", ["18"]),
        ("$\\begin{pmatrix} 4 & 12 \\\\ 13 & 5 \\end{pmatrix}$", ["4", "12", "13", "5"]),
        ("$f(x) = \\begin{cases} 3x & \\text{if } x > 12 \\end{cases}$", ["3", "12"]),
        # labels, names, dates, times, orders
        ("Point 3, Room 12, Route 66, page 5, #6, No. 7, day 4", []),
        ("Boeing 747 and Lily 5", []),
        ("1. Find 15 of them\n2) Take 16\n(3) Add", ["15", "16"]),
        ("in 1999, since 2005, on May 5, 2010, 5 May", []),
        ("2000 calories and 1500 men", ["2000", "1500"]),
        ("at 2:30 pm, 5 pm, 7 a.m., at 9, 6 o'clock", []),
        ("the 2nd, the $5$th, the $3^{\\text{rd}}$, the third", []),
        ("a 3-digit code, a $6$-sided die, 5-10 days, three-fold", []),
        ("the first 15 terms", ["15"]),
        ("two-thirds of three cats, one dog, no one", ["three"]),
        ("twenty-five dogs and three hundred cats and forty mice", ["twenty-five", "forty"]),
        ("one hundred and five cats, 2 thousand and 60 dogs, five dozen and six eggs", ["five"]),
        ("2 and 1/2 cups, 5 and a half miles, 3 dogs and 1/2 of a cat", ["3", "1/2"]),
        ("The Three Bears and Five Guys", []),
        ("Twelve people ate. Six left.", ["Twelve", "Six"]),
        ("5' 6\" tall, 8kg, 4x4", []),
        ("a ratio of 4:3", []),
        ("Equation (12), item [13], but f(14)", ["14"]),
        ("Fig. 12, p. 13, pp. 14, No 15, iPhone 16, 17#", []),
        ("on 3/4 and on 12/25 we ate 3/8 of it", ["3/8"]),
        ("13 fourth-grade classes, 3 fourths, 14 quarters, 15 seconds, 16 third parties", ["13", "14", "15", "16"]),
        ("35 and a half, 2 and one-third, 7 and 8", ["7", "8"]),
        ("35\u201446 and 12 \u2014 a lot", ["12"]),
        ("$\\text{Row }13$ and $3\\!5$ and $f'(14)$ and $15'$", ["14"]),
        # numbers that the text gives away
        ("60 minutes in an hour; a week has 7 days; 12 inches in a foot", []),
        ("100% of them, 50% of us", ["50"]),
        ("$1, 2, 3, \\ldots, 100$", ["100"]),
        ("2, 4, 6 and 8", []),
        ("3, 9, 27, ... grows", []),
        ("$1+12+123+1234$", []),
        ("$1 + 2 + 3 + 4 + 5 = x$ and $7 + 8 = y$", ["7", "8"]),
        ("Three friends, Ann, Bob and Carl", []),
        ("$a$, $b$, and $c$ are three numbers", []),
        ("the 3 friends, these 4 dogs, all 5 cats", []),
        ("There are 23. For example, 5 of them. Round to the nearest 10. Take 31.", ["23", "31"]),
        ("Pick one.\nA. 5\nB. 6\nC. 7", []),
        ("0 degrees and zero", []),
        # found by an attack: each was taken for an amount
        ("a site of 8400 BC, 12 relics", ["12"]),
        ("paint mixed as 1 : 2 : 5, 17 cups", ["17"]),
        ("grades 4 \u2013 7 and 30 others", ["30"]),
        ("a 24\u201d dog and 30 cats", ["30"]),
        ("the area of a triangle is 1/2 * base * height, 1/2 of 33", ["33"]),
        ("$7x$ can be written in the form $a\\sqrt{2} + 5b$, where $a < 9$. Find $13a$.", ["7", "13"]),
        ("Which for $x < 12$? $\\textbf{(A)}\\ 3x = 7 \\qquad \\textbf{(B)}\\ 4(x + 5) = 7$", ["12"]),
        ("Is $x = 14$ (A) more than 5 (B) less than 6?", ["14"]),
        ("Let $f(A) = 17$ and $g(B) = 19$.", ["17", "19"]),
    ],
)
def test_constants_are_the_amounts_of_a_text(prompt: str, linkable: list[str]) -> None:
    assert texts(prompt) == linkable


@pytest.mark.parametrize(
    ("prompt", "number", "reason"),
    [
        ("$x^{10}$", "10", "exponent"), ("$x_3$", "3", "subscript"), ("$\\sqrt[3]{8}$", "3", "root index"),
        ("$7^x$", "7", "the base of a power"), ("$52_8$", "52", "a number in another base"),
        ("the 2nd", "2", "an ordinal"),
        (r"the $12^{\mathrm{th}}$ digit", "12", "an ordinal"),
        (r"the $12^{th}$ digit", "12", "an ordinal"),
        (r"the $3^\text{rd}$ digit", "3", "an ordinal"),
        (r"its $12^{t}$", "12", "the base of a power"),
        ("Point 3", "3", "label"), ("2. Go", "2", "list number"), ("at 2:30", "30", "a time or a ratio"),
        ("in 1999", "1999", "a year"), ("May 5", "5", "a date"), ("Boeing 747", "747", "a name"),
        ("twice", "twice", "a word for a multiple"),
        ("[asy] 3 [/asy]", "3", "diagram code"), ('[asy] label("$3$ cm", 4); [/asy]', "3", "diagram label"),
        ("`3`", "3", "code"), ("3/4", "4", "part of a longer number"),
        ("$(1,234)$", "1,234", "an ambiguous comma"), ("5-day", "5", "hyphenated compound or range"),
    ],
)  # fmt: skip
def test_occurrences_tell_why_a_number_is_no_constant(prompt: str, number: str, reason: str) -> None:
    assert place(prompt, number) == reason
    assert number not in texts(prompt)


@pytest.mark.parametrize(
    ("prompt", "values"),
    [
        ("Tom has 3 cats, $x^3$ and three dogs", [3, 3, 3]),
        ("$\\frac{3}{4}$", [F(3, 4), 3, 4]), ("$\\frac34$", [F(3, 4), 3, 4]), ("2 1/2", [F(5, 2), 2, 1, 2]),
        ("[asy] (3,4) [/asy]", [3, 4]), ("twice, half, a dozen", [2, F(1, 2), 12]), ("$(1,234)$", [1234, 1, 234]),
        ("forty-two", [42]), ("1,250.75", [F(5003, 4)]), ("the third", [3]), ("$.5$ and 0.5", [F(1, 2)] * 2),
    ],
)  # fmt: skip
def test_occurrences_find_every_number(prompt: str, values: list[int | Fraction]) -> None:
    assert [o.value for o in occurrences(prompt)] == values


def test_constants_know_formulas() -> None:
    text = "I have 12 coins, $13$ pens, $\\text{and 14 cups}$ and \\[15x\\] for $16."
    assert [(c.text, c.in_math) for c in constants(text)] == [
        ("12", False), ("13", True), ("14", True), ("15", True), ("16", False),
    ]  # fmt: skip


def test_constants_with_roots_are_exact() -> None:
    sympy = pytest.importorskip("sympy")
    found = {c.text: c.value for c in constants("$2\\sqrt{3} + \\frac{\\pi}{5}$") if c.kind == "radical"}
    assert found == {"2\\sqrt{3}": 2 * sympy.sqrt(3), "\\frac{\\pi}{5}": sympy.pi / 5}


@given(st.text(alphabet="0123456789 .,/$\\{}^_-:()[]`ab\nfrcqst%", max_size=80))
def test_occurrences_hold_what_stands_in_their_span(text: str) -> None:
    for found in occurrences(text):
        start, end = found.span
        assert text[start:end] == found.text != ""


@given(
    st.integers(11, 99999), st.sampled_from(["I own {} pens.", "$x = {}$", "$\\frac{{x}}{{{}}}$", "It costs ${} now."])
)
def test_constants_find_a_plain_amount_anywhere(number: int, frame: str) -> None:
    assert [(c.value, c.text) for c in constants(frame.format(number))] == [(number, str(number))]


@given(
    st.integers(2, 99999),
    st.sampled_from(["$x_{{{}}}$", "$x^{{{}}}$", "a {}-fold", "$\\sqrt[{}]{{x}}$", "Room {} here", "#{}"]),
)
def test_constants_never_take_a_number_that_is_no_amount(number: int, frame: str) -> None:
    assert constants(frame.format(number)) == []
    assert [o.value for o in occurrences(frame.format(number))] == [number]


@pytest.mark.parametrize(
    "piece",
    [
        "$", "{", "1,", "\\frac", "\\(", "[asy]", "`", "^", "_{", "$5 ", "\\text{$", "\\begin{array}", "five ", "5-",
        "for example 5. ", "A. 5\nB. 6\n", "\n", "Ann, Bob and Carl share three ", "$\\sqrt{5}$ ",
        "60 minutes in an hour ",
        "x" * 50, "9" * 50,
    ],
)  # fmt: skip
def test_constants_take_time_linear_in_the_text(piece: str) -> None:
    """Four times the text may take up to twelve times as long; a quadratic pass takes sixteen."""

    def seconds(size: int) -> float:
        text = piece * (size // len(piece))
        best = float("inf")
        for _ in range(2):
            start = time.process_time()
            occurrences(text)
            best = min(best, time.process_time() - start)
        return best

    small, large = seconds(4_000), seconds(16_000)
    assert large < 12 * small + 0.05


@pytest.mark.parametrize(
    ("text", "latex", "currency"),
    [
        ("He pays $5 and $6.", False, True), ("$x$ is", True, False), ("$5$ is", True, False), ("\\$5", False, True),
        ("He pays $5 for $x$ pens", True, True), ("$5 x$", True, False), ("$12 a day and $3 a night", False, True),
        ("a lone $ sign", False, True), ("$20,000 and $30,000", False, True), ("\\[x\\]", True, False),
        ("plain", False, False),
        ("$3\\text{ for } y$", True, False), ("$5-$10", False, True), ("$ x + 3 $ is", True, False),
    ],
)  # fmt: skip
def test_lex_tells_formulas_from_money(text: str, latex: bool, currency: bool) -> None:
    found = lex(text)
    assert (found.latex, found.currency) == (latex, currency)
