"""Constants on which an answer may not depend: what is found, what is left alone, and that links take them last."""

from __future__ import annotations

import dataclasses
from functools import partial

import pytest

from composekit.compose import Composer, Composite, Problem, Unlinkable, audit, chain
from composekit.compose.ends import ends_of
from composekit.compose.needless.idle import MAX_TEXT, idle
from composekit.compose.tokens import numerals

ORACLE = Problem("What does the oracle say?", 5077)


def found(text: str, *, answer: object = 7, solution: str | None = None) -> list[str]:
    """The constants on which the answer may not depend."""
    problem = Problem(text, answer, solution=solution)
    return [text[slice(*span)] for span in idle(problem, [n for n in numerals(text) if not n.place])]


# --- the worked solution


@pytest.mark.parametrize(
    ("text", "solution", "expected"),
    [
        ("If $f(1) = 2$, $f(2) = 6$ and $f(3) = 5$, what is $f^{-1}(6)$?", "Since $f(2) = 6$, it is $2$. $f(1)=2$.", "3 5"),
        ("Below are 8 equations. Solve $x^2 = 49$.", "The root is 7, as 49 is a square.", "8"),
        ("John visits three countries for 12 days each.", "That is 12 days.", "three"),
        ("Lines meet. One has $-\\frac{3}{2} + s$ and $17$.", "The vectors 17, 3 and 2.", "\\frac{3}{2}"),
        ("The least period is $2\\pi$. A side is $17$.", "It is 17, and $\\sqrt{2}$.", "2\\pi"),
        ("She pays $26.52 and 17 euros.", "In all 17 euros.", "26.52"),
    ],
)  # fmt: skip
def test_numbers_that_the_worked_solution_does_not_use_are_idle(text: str, solution: str, expected: str) -> None:
    assert sorted(set(found(text, solution=solution))) == sorted(expected.split())


@pytest.mark.parametrize(
    ("text", "solution"),
    [
        ("He pays 80% of 57 dollars.", "57 * .8 = 45.6"),
        ("He gets 20% off 57 dollars.", "57 * 0.8 = 45.6"),
        ("It grows by 20% from 57.", "57 * 1.2 = 68.4"),
        ("He gets 20% less than 57.", "It is 80% of 57."),
        ("She pays $26.52 and 57 euros.", "2652 cents and 57."),
        ("He has 8 hens.", "The eight hens."),
        ("He has eight hens.", "8 hens."),
        ("He has 2 hens.", "Twice as many."),
        ("It costs $24,\\!000$ in all, and 1,500.", "24000 and $1{,}500$"),
        ("He eats 2/3 of 57.", "57 / 3 = 19, 2 * 19 = 38"),
        ("He eats $\\frac{2}{3}$ of 57.", "$57 \\cdot \\frac 23$"),
        ("He eats $\\frac{36}{7}$ of 57.", "$\\dfrac{36}{7}$ of 57"),
        ("It is $3\\sqrt{5}$ of 57.", "57, 3 and $\\sqrt{5}$"),
        ("He has 57 hens.", ""),
        ("He has 57 hens and 12 cows.", "#### 69"),  # an answer is no worked solution
        ("He has 57 hens.", "It is clear. " * 2000),
    ],
)
def test_numbers_that_the_worked_solution_uses_in_any_form_are_not(text: str, solution: str) -> None:
    assert found(text, solution=solution) == []


# --- words

ROOTS = "$x^{10} + (13x - 1)^{10} = 0$"


@pytest.mark.parametrize(
    ("text", "answer", "expected"),
    [
        # the kind and the count of something
        ("Determine if the graph of $(x - 3)^2 + y^2 = 10$ is a parabola, circle, ellipse or hyperbola.",
         "\\text{circle}", "3 10"),
        ("How many $y$-intercepts does the graph of $x = y^2 - 4y - 9$ have?", 2, "4 9"),
        ("For how many values of $x$ is $\\frac{x - 5}{x^2 - 9}$ not defined?", 2, "5 9"),
        ("How many asymptotes does $y = \\frac{x}{x^2 + 4}$ have?", 1, "4"),
        ("Suppose that $(x - 1) f(x) = 3x^4 + 38x - 17.$ What is the degree of $f$?", 3, "1 3 38 17"),
        # conventions and pointers
        ("How many ways can 8 people sit? Two seatings are considered the same if one can be turned.", 720, "Two"),
        ("Below are five equations for $x$. Which has the largest solution?", "B", "five"),
        # what the rest of the words says
        (f"The equation {ROOTS} has 10 complex roots. Find their sum.", 850, "10"),
        ("In each drawing, 3 white and 2 red balls are drawn. To win, both red balls must match.", 77, "2"),
        ("In right triangle $ABC$ with $\\angle B = 90^\\circ$, find $\\tan A$.", 2, "90"),
        ("A cube has 6 faces. Paint 4 of them.", 9, "6"),
        ("The flag of the United States has 50 stars and 13 stripes. He paints half.", 9, "50 13"),
        ("He works all the 31 days in March and 57 more.", 9, "31"),
        ("Two candidates run. Each candidate has a 50$\\%$ chance.", 9, "50"),
        ("where $F_n$ is the $n$th Fibonacci number, so $F_0 = 0$ and $F_1 = 1$", 2, "1"),
        ("Compute $a+b,$ given that $a$ and $b$ are the roots of \\[5x^2 = 6x - 24.\\]", 9, "24"),
        ("Let $x_1 = 7$ and $x_n = 3x_{n-1}$ when $n \\geq 2$. Find $x_9$.", 9, "2"),
        ("What is the minimum value of $f(n)$ for $n \\ge 2015$?", 1, "2015"),
        # what an angle may be
        ("For some $x$ with $0 < x < 180$, $\\tan 53^\\circ = \\tan x^\\circ$. Find $x$.", 46, "180"),
        ("It has one root with argument between $90^\\circ$ and $180^\\circ$. Find it.", 160, "90 180"),
        # what a polynomial's other coefficients decide
        ("Find the quotient when $x^6 - 3$ is divided by $x + 1.$", "x", "3"),
        ("Let $f(x) = x^3 - 49x^2 + 623x - 2015.$ Find the sum of the roots of $f.$", 49, "623 2015"),
        ("Let $f(x) = x^3 - 49x^2 + 623x - 2015.$ Find the product of the roots of $f.$", 2015, "49 623"),
        ("If $3x^3 + 57ax^2 + 19bx + a = 0$, and the sum of the base-2 logarithms of the roots is 5, what is the value of "
         "$a$?", 9, "57 19"),
        ("Compute $a+b+c,$ given that $a,$ $b$ and $c$ are the roots of \\[\\frac{57}{x} + 5x^2 = 6x.\\]", 9, "57"),
        ("Find the horizontal asymptote of $y=\\frac{4x^3+2x-7}{3x^3-8x^2+5x-1}$?", 1, "2 7 8 5 1"),
        ("$\\frac{2x}{x^2-5x-14}$ has vertical asymptotes $x=a$ and $x=b$. Find $a+b$.", 5, "2 14"),
        ("Let $f(x) = x^3 + 3x^2 + 57.$ Which $a$ gives $f(x) - f(a) = (x - a)^2 (x - b)$?", 9, "57"),
        ("If $f(x) = ax^4 - bx^2 + x + 57$ and $f(-3) = 2,$ what is $f(3)$?", 8, "57"),
        # what a domain and a hole are due to
        ("What is the domain of $\\frac{2x - 57}{\\sqrt{x^2 - 5x + 6}}$?", 9, "2 57"),
        ("The graph of $\\frac{(x + 57)(x - 7)^5}{(x - 1)(x - 7)^n}$ has a hole at $x = 7$.", 5, "57 1"),
        # what bounds or scales, while the answer lies elsewhere
        ("For which smallest integer $x$ is $\\frac{\\sqrt{x-57}}{x-61}$ a real number?", 57, "61"),
        ("Solve \\[\\frac{57}{x - 5} > 0.\\]", 9, "57"),
        ("It is written as $\\frac{(x - h)^2}{a^2} - \\frac{(y - k)^2}{b^2} = 1.$ Add 57.", 9, "1"),
        ("Let $|a| = |b| = |c| = 57$ and $a + b + c = 0$. What is the least value of $|a + b + c|$?", 0, "57"),
        ("At how many points do at least two of the lines meet? There are 57 lines.", 9, "two"),
        ("A number, when divided by 2, 3, 4, or 6, leaves the remainder 1. It is a multiple of 57.", 9, "6"),
        ("When divided by 8 or 9, it leaves the remainder 1. It is less than 115. Which number is it?", 1, "115"),
        ("For $0 \\le x \\le 57$, find the minimum value of $\\sqrt{x^2 - 8x + 20}$.", 2, "57"),
        ("How many distinct values are there in the range of $\\lfloor \\sin 57x \\rfloor$?", 3, "57"),
        # what anyone knows
        ("A regular hexagon is cut into six equilateral triangles of perimeter 57.", 114, "six"),
        ("The volume of a cone is given by the formula $V = \\frac{1}{3}Bh$. The height is 12.", 9, "\\frac{1}{3}"),
        ("The circle is tangent to the ellipse $x^2 + 9y^2 = 57$ at two points on the axis.", 9, "two"),
    ],
)  # fmt: skip
def test_idle_numbers_are_found(text: str, answer: object, expected: str) -> None:
    assert sorted(found(text, answer=answer)) == sorted(expected.split())


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        ("Find the sum of the solutions of $x^2 - 4x - 9 = 0$.", 4),
        ("How many integer solutions has $x^2 < 57$?", 15),  # no small count
        ("A polynomial of degree 4 goes through 5 points.", 3),
        ("How many ways can 8 people sit? Two people are friends.", 720),
        (f"The equation {ROOTS} has 7 roots that are not in question.", 850),
        ("He draws 2 red balls. Both players win.", 77),
        ("In triangle $ABC$ with $\\angle B = 90^\\circ$, find $\\tan A$.", 2),
        ("He climbs 180 steps, between 90 and 180 a day.", 2),
        ("A box has 6 faces of wood.", 9),
        ("He works 30 days in March.", 9),
        ("For how many integers $n > 57$ is $n^2 < 9000$?", 37),
        ("For which $x$, where $x \\geq 57$, is it true?", 37),
        ("Two candidates run. Each voter has a 50$\\%$ chance.", 9),
        ("Find the remainder when $x^6 - 3$ is divided by $x + 1.$", -2),
        ("Let $f(x) = x^3 - 49x^2 + 623x - 2015.$ Find the product of the real roots of $f.$", 2015),
        ("Let $f(x) = 3x^2 - 2015.$ Find the product of the roots of $f.$", 9),
        ("Let $x^2 + \\sqrt{x^2 + 57x} = 6.$ Find the product of the roots.", 9),
        ("Let $x^3 + 57x = x^3 + 3x^2 - 7.$ Find the product of the roots.", 9),
        (
            "If $3x^3 + 57ax^2 + bx + a = 0$, and the sum of the logarithms of the roots is 5, what is the value of $b$?",
            9,
        ),
        (
            "If $3x^3 + 57ax^2 + bx + a = 0$, and the sum of the reciprocals of the roots is 5, what is the value of $a$?",
            9,
        ),
        ("Compute $a+b,$ given that $a$ and $b$ are the roots of \\[\\frac{57}{y} = 6y - 24.\\]", 9),
        ("$\\frac{x}{x^2-5x-14}$ has vertical asymptotes $x=a$ and $x=b$. Find $ab$.", -14),
        ("Let $f(x) = x^3 + 3x^2 + 57.$ Which $a$ gives $f(x) - f(a) = (x - a)^2 (x - b)$, and what is $f(2)$?", 9),
        ("If $f(x) = ax^5 - bx^3 + x + 57$ and $f(-3) = 2,$ what is $f(3)$?", 8),
        ("If $f(x) = ax^4 - bx^2 + x + 57$ and $f(-3) = 2,$ what is $f(4)$?", 8),
        ("What is the range of $\\frac{2x - 57}{\\sqrt{x^2 - 5x + 6}}$?", 9),
        ("What is the domain of $\\frac{\\sqrt{2x - 57}}{x}$?", 9),
        ("The graph of $\\frac{(x + 57)(x - 7)^5}{(x - 1)(x - 7)^n}$ crosses $x = 7$.", 5),
        ("The volume of a cone is a third of $57$.", 9),
        ("The line $y = kx$ meets the ellipse $x^2 + 9y^2 = 57$ at exactly two points.", 9),
        ("For which largest real $x$ is $\\frac{\\sqrt{57-x}}{x-61}$ a real number?", 57),
        ("Solve \\[\\frac{57}{x - 5} > 7.\\]", 9),
        ("It is written as $\\frac{x^2}{4} - \\frac{y^2}{b^2} = 1.$", 9),
        ("Let $|a| = |b| = |c| = 57$. What is the greatest value of $|a + b + c|$?", 171),
        ("Let $|a| = |b| = 57$ and $a + b = 3$. What is the least value of $|a + b - 3|$?", 0),
        ("He eats at least two of the plums that 57 people picked.", 9),
        ("A number, when divided by 3, 4, or 5, leaves the remainder 1.", 61),
        ("When divided by 8 or 9, it leaves the remainder 1. It is less than 115. Which number is it?", 73),
        ("For $0 \\le x \\le 57$, find the maximum value of $\\sqrt{x^2 - 8x + 20}$.", 9),
        ("For $0 \\le x \\le 3$, find the minimum value of $\\sqrt{x^2 - 8x + 20}$.", 9),
        ("Cut a hexagon and six triangles out of 57 sheets.", 9),
        ("Find the sum of the squares of the roots of $x^3 - 49x^2 + 623x - 2015 = 0.$", 1155),
    ],
)
def test_near_misses_are_left_alone(text: str, answer: object) -> None:
    assert found(text, answer=answer) == []


def test_a_multiple_of_pi_bounds_an_angle_with_its_factor_alone_too() -> None:
    text = r"Find all $\theta$ with $0 \le \theta < 2 \pi$ and $\sin \theta = 1$."
    assert "2" in found(text)
    assert found(text.replace(r"\pi", "x")) == []


# --- drawings

TRIANGLE = '[asy] draw((0,0)--(9,0)--(9,12)--cycle); label("$9$", (4.5,0), S); [/asy]'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"In $\\triangle ABC$, $\\cos B = \\frac{{3}}{{5}}$. What is $\\cos C$? {TRIANGLE}", ["\\frac{3}{5}"]),
        (f"In $\\triangle ABC$, $AC = 15$. What is $AB$? {TRIANGLE}", ["15"]),
        (f"In $\\triangle ABC$, $AC = 16$. What is $AB$? {TRIANGLE}", []),  # not to scale
        ("[asy] draw((0,0)--(10,0)--(8.2635,9.8481)--(20,0)); [/asy] $\\angle BCA = 40^\\circ.$", ["40"]),
        ("[asy] draw((0,0)--(10,0)--(8.2635,9.8481)--(20,0)); [/asy] $\\angle BCA = 43^\\circ.$", []),
        ("$AD = 10$ [asy] A = (0,11); D = (0,1); B = (-11/2,0); C = (11/2,0); [/asy]", ["10"]),
        ("$\\angle BDC = 3\\angle BAC$ [asy] A = (0,11); D = (0,1); B = (-11/2,0); C = (11/2,0); [/asy]", ["3"]),
        ("$\\angle BDC = 5\\angle BAC$ [asy] A = (0,11); D = (0,1); B = (-11/2,0); C = (11/2,0); [/asy]", []),
        ("Suppose $\\sin D = 0.7$. [asy] pair D,E,F; F = (0,0); D = (sqrt(51),7); E = (0,7); [/asy]", ["0.7"]),
    ],
)
def test_a_drawing_to_scale_shows_numbers(text: str, expected: list[str]) -> None:
    assert found(text) == expected


def test_idle_takes_linear_time(in_time) -> None:
    units = (
        "Two a ",
        "2 red both red ",
        "of a 90 < x",
        "sum of the a b ",
        "the degree ",
        "1+",
        "(1,2)",
        "0 < x < 90 \\sin ",
        "how many ",
        "f(x) - f(a) ",
        "f(x) = 3 $",
        "$x=a$ and vertical asymptotes ",
        "meets at 2 points ",
        "volume of a cone is given by 3 ",
        "divided by 2, 3 or 6 remainder less than 5 ",
        "Find the product of the roots of x^2 + 5x = ",
        "sum of logarithms of the roots ",
        "sum of the roots \\frac{5}{x} + x^3 ",
        "divided by " + "12, " * 4000,
        "$|a| = 5$ ",
        "smallest integer real \\frac{\\sqrt{x}}{x - 5} ",
        "$0 \\le x \\le 5$ minimum value of $",
        "$0 \\le x \\le 5$ minimum value of " + "x+" * 4000,
    )
    for unit in units:
        text = unit * (MAX_TEXT // len(unit))
        problem = Problem(text, 0, solution=text)
        constants = numerals(text)
        in_time(2, partial(idle, problem, constants))


# --- links


def test_an_ordinal_is_no_use_of_a_number() -> None:
    text = "Near a pond are three ant hills. The first has 45 ants, the next twice as many. How many has the last?"
    solution = "The second has 2 * 45 = 90 ants, the third 90 / 2 = 45."
    assert "three" in found(text, solution=solution)
    assert "three" not in found(text, solution="A third of 45 is 15.")


INVERSE = Problem(
    "Suppose that $f(2) = 6$ and $f(8) = 35$. As $f(2) = 6$, what is $f^{-1}(6)$?",
    2,
    solution="It is $2$, for $f(2) = 6$.",
)
TRAIN = Problem("A train covers 340 km at 85 km per hour. How many hours does it travel?", 4)


def test_chain_takes_an_idle_constant_for_want_of_another() -> None:
    mixed = INVERSE.replace(prompt=INVERSE.prompt + " Add 57 to it.", solution=INVERSE.solution + " 57", id=None)
    for seed in range(8):
        assert chain(ORACLE, mixed, seed=seed).links[0].value_out == 57
        assert chain(ORACLE, INVERSE, seed=seed).links
    ends = ends_of(INVERSE)
    assert ends.inputs
    assert not ends.link_tiers("needed")


def test_composer_lets_no_problem_come_last_whose_constants_are_all_idle() -> None:
    pool = [ORACLE, TRAIN, INVERSE, Problem("What does the seer say?", 9011)]
    composites = Composer(pool, depth=2, size=40, seed=3)
    assert {c.parts[-1].id for c in composites} == {TRAIN.id}
    alone = Composer([ORACLE, INVERSE], depth=2, size=4, seed=3)  # better than nothing
    assert {c.parts[-1].id for c in alone} == {INVERSE.id}
    three = Composer(pool, depth=3, size=20, seed=3)
    for index in range(20):
        try:
            assert INVERSE not in three[index].parts[1:]
        except Unlinkable:
            continue


def test_audit_warns_of_an_idle_constant() -> None:
    made = next(c for c in (chain(ORACLE, INVERSE, seed=seed) for seed in range(20)) if c.links[0].value_out == 35)
    link = made.links[0]
    foreign = made.replace(
        links=(dataclasses.replace(link, relation="", span=None, value_in="5077", value_out=str(link.value_out)),)
    )
    expected = (
        f"idle (link 0): the answer of part 1 may not depend on {link.symbol_out}: the worked solution does not use it"
    )
    for reading in (made, foreign):
        found = audit(reading)
        assert found.ok
        assert [str(f) for f in found.warnings if f.kind == "idle"] == [expected]
    sound: Composite = chain(ORACLE, TRAIN)
    assert not [f for f in audit(sound).findings if f.kind == "idle"]
