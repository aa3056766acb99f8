"""MathVerifier against tables of answers: what must be paid, what must not, and the real gold answers."""

from __future__ import annotations

import itertools
import json
import pickle
import re

import pytest

from composekit import _errors
from composekit.compose import MathVerifier, Problem
from composekit.testing import check_verifier

JUDGE = MathVerifier()

EQUAL = [
    # numbers
    ("7", "7.0"), ("7", "07"), ("7", "+7"), ("7", "-(-7)"), ("7000", "7,000"), ("7000", "7 000"), ("7", "7.000"),
    ("7", r"\$7"), ("7", r"\$7.00"), ("7", "7 apples"), ("7", "x=7"), ("7", r"\text{7}"), ("7", "{7}"), ("7", "[7]"),
    ("12,345", "12{,}345"), ("12,345", r"12\,345"), ("1,000,000", "10^6"), ("1,000,000", "1 million"), ("0.5", ".5"),
    ("1500", "1.5e3"), ("1500", r"1.5\times10^3"), ("1500", "1.5 x 10^3"), ("10^{-99}", "1e-99"), ("7", "700e-2"),
    (r"3\frac{1}{2}", "3.5"), ("3.5", r"3\frac12"), (r"3\frac{1}{2}", "3 1/2"), (r"\frac{31}{2}", "31/2"),
    (r"\frac{2}{3}", r"0.\overline{6}"), (r"\frac{1}{2}", "0.5"), ("7", r"\sqrt{49}"), ("4", "|-4|"), ("120", "5!"),
    ("-2", r"\sqrt[3]{-8}"), ("10", r"\binom{5}{2}"), ("3", r"\log_2 8"), ("7", "2+5=7"), ("5", "x+y=5"),
    ("3", r"\text{three}"),
    ("2^{100000}", "4^{50000}"), ("7", r"\approx 7"), (r"\sqrt{2}", r"\sqrt{2} \approx 1.414"),
    ("7", ["the", "7"][1]),
    # other alphabets and marks
    ("7", "７"), ("7", "٧"), ("-7", "−7"), ("-7", "－7"), ("7", "7\u200b"), ("49", "7²"), ("7.5", "7½"), (r"\pi", "π"),
    # percent, units, bases
    (r"50\%", "50"), (r"50\%", "0.5"), ("50", "50%"), ("0.5", "50%"), ("7", "700%"), ("0.07", r"7\%"),
    (r"7\%", "7 percent"),
    ("5.4 \\text{ cents}", "5.4"), (r"15\mbox{ cm}^2", "15 square centimeters"), (r"90^\circ", "90 degrees"),
    (r"\$36", "36 dollars"), (r"864 \mbox{ inches}^2", "864 square inches"), ("18", "18 m/s"),
    (r"18 \text{ m/s}", "18 m/s"),
    (r"9.8\text{ m/s}^2", r"9.8\ \mathrm{m\,s^{-2}}"), ("7", "7 m"), ("1011_2", "1011"), ("40", "40_9"),
    ("4210_{5}", "4210_5"), ("4210_5", "(4210)_5"), (r"60 \text{ mph}", "60 mi/h"), ("7,000", "7 thousand"), ("7,000",
    "7 thousands"),
    (r"\$3 \text{ per dozen}", r"\$3 \text{ per dozen}"), (r"3 \text{ dollars per dozen}", "3"),
    # expressions
    (r"2\sqrt{3}", r"\sqrt{12}"), (r"\frac{\sqrt3}{3}", r"\frac{1}{\sqrt{3}}"), (r"\frac{1}{1+\sqrt2}", r"\sqrt2-1"),
    ("x^2-1", "(x-1)(x+1)"), (r"\frac{x^2-1}{x-1}", "x+1"), ("2^{n+1}", r"2\cdot 2^n"), ("6 - 5i", "-5i+6"),
    ("-1", "i^2"),
    (r"\sin 30^\circ", "1/2"), (r"\frac{\sqrt{2}}{2}", r"\sin\frac{\pi}{4}"), (r"\cot x", r"\frac{\cos x}{\sin x}"),
    ("e^{2x}", r"\exp(2x)"), ("e^{2x}", "(e^x)^2"), (r"e^{i\pi}", "-1"), (r"\log 2", r"\ln 2"),
    (r"\log_{10} 2", r"\log 2"),
    ("x^2+1", "f(x)=x^2+1"), ("x^2+1", "P(x) = 1+x^2"),
    # tuples, sets, lists, intervals, matrices
    ("(1,2)", r"\left( 1,2 \right)"), ("(1,2)", "x=1,y=2"), ("x=1,y=2", "(1,2)"), (r"\frac{7}{2}\text{ or }3.5",
    "3.5"), ("2,-2", r"x=\pm\sqrt{4}=\pm2"), ("(1,2),(3,4)", "(3,4),(1,2)"), ("1,2", "2,1"),
    ("1,2", r"2 \text{ and } 1"), ("1,2", r"x=1 \text{ or } x=2"), ("1,2", "x_1=1, x_2=2"), ("3,-1", r"1 \pm 2"),
    (r"\{1,2,2\}", r"\{1,2\}"), (r"\{1,2\}", r"\{2,1\}"), (r"\emptyset", r"\{\}"),
    (r"1 \pm \sqrt{19}", r"1-\sqrt{19}, 1+\sqrt{19}"),
    ("[0,\\infty)", r"x\ge0"), (r"(-\infty,\infty)", r"\mathbb{R}"), (r"(-\infty,0)\cup(0,\infty)", r"x\ne0"),
    (r"(-\infty,0)\cup(0,\infty)", r"\mathbb{R}\setminus\{0\}"), ("[1,3]", r"[1,2]\cup[2,3]"),
    (r"x \in [-2,7]", "[-2,7]"),
    (r"x \in [-2,7]", r"-2 \le x \le 7"), ("x<2 or x>3", r"(-\infty,2)\cup(3,\infty)"), ("x>3", "3<x"),
    (r"\begin{pmatrix} -2 \\ -14 \end{pmatrix}", "(-2,-14)"),
    (r"\begin{pmatrix} 16/49 \\ 48/49 \end{pmatrix}", r"\frac{1}{49}\begin{pmatrix} 16 \\ 48 \end{pmatrix}"),
    (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{bmatrix}1&2\\3&4\end{bmatrix}"),
    # equations
    ("y = 2x + 3", "2x-y+3=0"), ("y = 2x + 3", "2x+3"), ("y = 2x + 3", "2y=4x+6"), ("x=5", "5"), ("x=5", "2x=10"),
    # words
    (r"\text{east}", "East"), ("east", r"\text{east}."), (r"\text{(C)}", "C"), (r"\text{(C)}", "(C)"),
    (r"\text{(C)}", "(C) 42"),
    ("May 7, 2023", "May 7, 2023"), ("3:45 PM", "3:45 pm"), ("3:45 PM", "3:45 p.m."), (r"3:45\text{ a.m.}",
    "3:45 AM"), ("121", "one hundred twenty-one"),
    ("2105", "two thousand one hundred and five"), (r"\mathbb{R}", r"\text{all real numbers}"),
    (r"\text{all real numbers}", r"(-\infty,\infty)"), ("2:3", "4:6"), ("2:3", r"\frac23"),
    ("3:2", "3 to 2"), ("3 to 2", "6:4"), ("3 to 2", r"\frac{3}{2}"),
    # intervals that open outwards, units inside fractions, what only colours an answer
    (r"(2,\infty)", r"]2,\infty["), (r"]2,\infty[", r"(2,\infty)"), (r"]2,\infty[", "x > 2"), ("[2,3)", "[2;3["),
    ("(2,3]", "]2,3]"),
    (r"(-\infty,0)\cup(0,\infty)", r"\left]-\infty,0\right[ \cup \left]0,+\infty\right["),
    (r"[\frac12,3)", r"\left[\frac{1}{2}, 3\right["),
    (r"\frac34 \text{ miles}", r"\frac{3\text{ miles}}{4}"), (r"\frac{3\text{ miles}}{4}", "0.75"),
    (r"\frac{3}{4}\text{ miles per hour}", r"\frac{3\text{ miles}}{4\text{ hours}}"),
    ("7", r"\large 7"), ("7", r"\Large{7}"), ("7", r"\color{red}{7}"), ("7", r"\textcolor{blue}{7}"),
    ("7", r"\underline{7}"),
    # a sign behind a mixed number or a fraction is that of the whole
    (r"12.5\%", r"12\frac12\%"), ("0.125", r"12\frac12\%"), (r"3.5^\circ", r"3\frac12^\circ"),
    (r"67\frac{1}{2}^\circ", "67.5^\\circ"),
    (r"33\frac13\%", r"\frac{100}{3}\%"), (r"0.5\%", r"1/2\%"), ("7", r"2\cdot 3\frac12"), (r"3.5\%", "3 1/2%"),
    ("12.25", r"(3\frac12)^2"),
    ("7", r"7\degree"), (r"\frac12", r"\nicefrac{1}{2}"), (r"\frac13", r"0.\bar{3}"),
    (r"\frac13", r"\frac{1}{3}\ (\approx 0.333)"),
    ("(1,2)", "(x,y)=(1,2)"), ("(1,-16,-4,43)", "(a,b,c,d)=(1,-16,-4,43)"),
    (r"25 \text{ amperes}", r"25\ \text{A}"), ("25", r"25\,\mathrm{A}"), ("25", r"25\,\Omega"),
    (r"25\text{ ohms}", r"25 \text{ Ω}"),
    (r"5 \text{ hours}", r"5 \text{ hrs}"), (r"5 \text{ minutes}", r"5 \text{ mins}"),
    (r"\frac12", r"\mathbf{\frac{1}{2}}"), ("-50", r"\boldsymbol{-50}"), ("x=5", r"\mathbf{x=5}"),
    ("7", r"\therefore 7"),
    (r"x \ne 7", r"x \not= 7"), ("30", r"m\angle ABC = 30"), ("7", r"\frac{dy}{dx} = 7"),
    ("7", r"\lim_{x \to 0} f(x) = 7"),
]  # fmt: skip

# the gold answers of MATH-500 as models write them
MODEL_LIKE = [
    (r"\frac{14}{3}", r"\dfrac{14}{3}"), (r"90^\circ", r"90^{\circ}"), (r"\$18.90", "18.9"), (r"\$18.90", r"\$18.90"),
    (r"3\sqrt{13}", r"3\sqrt{13}\text{ units}"), (r"\left( 3, \frac{\pi}{2} \right)", r"(3, \pi/2)"),
    (r"(-\infty, 2) \cup (3, \infty)", r"x \in (-\infty,2)\cup(3,\infty)"),
    (r"\{1\pm\sqrt{5},-2\}", r"\{1-\sqrt5, 1+\sqrt5, -2\}"), (r"\{1\pm\sqrt{5},-2\}", r"-2, 1-\sqrt{5}, 1+\sqrt{5}"),
    ("52_8", "52_{8}"), ("52_8", r"52_\text{eight}"), ("52_8", r"52_{\text{eight}}"), ("(a+5)(b+2)", "ab+2a+5b+10"),
    ("y = -2x", "2x+y=0"), (r"11 \sqrt{5} + 11", r"11(\sqrt5+1)"),
    (r"\frac{270}7\text{ degrees}", r"\frac{270}{7}^\circ"),
    (r"\frac{270}7\text{ degrees}", r"\left(\frac{270}{7}\right)^\circ"),
    (r"\frac{270}7\text{ degrees}", r"\frac{270}{7}"), (".0000672", r"6.72\times10^{-5}"),
    (".0000672", r"6.72 \cdot 10^{-5}"), (r"5.4 \text{ cents}", "5.4¢"), (r"5.4 \text{ cents}", r"5.4\text{¢}"),
    ("1,-2", "x=1, x=-2"), ("1,-2", r"x = 1 \text{ or } x = -2"), ("1,-2", r"1 \text{ and } -2"), ("1,-2", "x=1,-2"),
    ("1,-2", r"x = 1 \quad \text{or} \quad x = -2"), (r"3 \pm 2 \sqrt{2}", r"3+2\sqrt2, 3-2\sqrt2"),
    (r"3 \pm 2 \sqrt{2}", r"x=3\pm2\sqrt2"),
    (r"\begin{pmatrix} -1/3 \\ 2/3 \\ 5/3 \end{pmatrix}", r"-\frac{1}{3}\begin{pmatrix}1\\-2\\-5\end{pmatrix}"),
    (r"\begin{pmatrix} -1/3 \\ 2/3 \\ 5/3 \end{pmatrix}", r"\langle -\frac13, \frac23, \frac53\rangle"),
    (r"\begin{pmatrix} -1/3 \\ 2/3 \\ 5/3 \end{pmatrix}", r"\left(-\frac13, \frac23, \frac53\right)"),
    (r"\begin{pmatrix} -1/3 \\ 2/3 \\ 5/3 \end{pmatrix}",
     r"\begin{bmatrix} -\frac{1}{3} \\[4pt] \frac{2}{3} \\[4pt] \frac{5}{3} \end{bmatrix}"),
    (r"\begin{pmatrix} -1/3 \\ 2/3 \\ 5/3 \end{pmatrix}",
    r"\left(\begin{array}{c} -1/3 \\ 2/3 \\ 5/3 \end{array}\right)"),
    (r"\begin{pmatrix} -1/3 \\ 2/3 \\ 5/3 \end{pmatrix}",
    r"\mathbf{v}=\begin{pmatrix} -1/3 \\ 2/3 \\ 5/3 \end{pmatrix}"),
    (r"\cot x", r"\cot(x)"), (r"\cot x", r"\frac{1}{\tan x}"), (r"15\mbox{ cm}^2", r"15\,\text{cm}^2"),
    (r"15\mbox{ cm}^2", r"15 \text{ square cm}"), (r"15\mbox{ cm}^2", r"15 \text{ cm}^{2}"),
    (r"15\mbox{ cm}^2", "15 cm²"), (r"15\mbox{ cm}^2", r"15\ \mathrm{cm}^2"),
    (r"864 \mbox{ inches}^2", r"864\text{ in}^2"), (r"18+2\pi", r"2(9+\pi)"), (r"\frac{11+9a}{20}", "0.45a+0.55"),
    (r"137 \frac{1}{2}", "137.5"), (r"1\frac{4}{5}", r"\frac95"), (r"\text{even}", "even"),
    (r"\text{ellipse}", r"\text{an ellipse}"), (r"\text{ellipse}", r"\textbf{ellipse}"),
    (r"x \in [-2,7]", r"-2\leq x\leq 7"), (r"x \in [-2,7]", r"\{x : -2 \le x \le 7\}"),
    (r"x \in [-2,7]", r"\{ x \in \mathbb{R} \mid -2 \le x \le 7\}"), ("(3,4]", r"3<x\le4"),
    (r"(2,12) \cup (12,102)", r"x\in(2,12)\cup(12,102)"), ("5x - 7y + 11z + 4 = 0", "5x-7y+11z=-4"),
    ("5x - 7y + 11z + 4 = 0", "-5x+7y-11z-4=0"), ("y = 2x + 3", "y-3=2x"), ("x^3+3x-6", "f(x) = x^3 + 3x - 6"),
    ("x^3+3x-6", "x^{3}+3x-6"), ("6+9i", r"6 + 9\mathrm{i}"), ("6+9i", "9i+6"), ("-2 + 7i", r"-2+7\cdot i"),
    (r"\frac{3\sqrt{3}}{4}", r"\frac34\sqrt3"), (r"\frac{\sqrt{21}}{5}", r"\sqrt{\frac{21}{25}}"),
    (r"288 \pi", r"288\pi \text{ cubic inches}"), (r"\frac{20000}{\pi}", r"20000/\pi"), ("x=5", "x = 5.0"),
    ("10", r"10\text{ minutes}"), (r"8\text{ meals}", "8"), (r"\text{(C)}", r"\mathrm{(C)}"),
    (r"\text{(C)}", r"\textbf{(C) }42"), (r"\text{(C)}", "C) 42"), (r"\text{(C)}", r"\mathrm{C}"),
    (r"\text{(C)}", r"\boxed{C}"), ("58,500", "58{,}500"), ("58,500", r"\$58,500"), (r"\$32,\!348", "32348"),
    (r"\frac{1}{4}", r"25\%"), ("5r^5", "5 r^{5}"), (r"70 \sqrt{2}", r"70\sqrt{2}\text{ miles}"),
    ("1.25", r"1\frac14"), (r"\frac{3}{2}", "1.50"), ("(1,-16,-4,43)", "(a,b,c,d)=(1,-16,-4,43)"),
    ("(6,31,-1)", "A=6, B=31, C=-1"), ("(6,31,-1)", "[6,31,-1]"), (r"2\sqrt{113}", r"\sqrt{452}"),
    (r"-\frac{\pi}{6}", r"\frac{-\pi}{6}"), ("204_5", "204_{5}"), ("10", "10%"), ("4", "x=4"), ("4", "n = 4"),
    (r"\frac{3}{56}", r"\frac{3}{56} \approx 0.0536"), (r"\sqrt{51}", r"\sqrt{51}\approx 7.14"),
    ("2516_8", "2516_8 = 1358_{10}"), (r"(\infty)", r"\infty"),
]  # fmt: skip

DIFFERENT = [
    # known errors of Math-Verify
    (r"\frac{1}{2^{99}}", r"\frac{1}{2^{98}}"), ("1011_2", "1011_3"), ("10^{-99}", "10^{-98}"), ("0", "10^{-300}"),
    ("1", "1+10^{-300}"), (r"\sin(1)", r"\sin(1)+10^{-1000}"),
    # numbers
    (r"\frac13", "0.333333"), (r"\frac{2}{3}", "0.6666666666666666"), (r"\pi", "3.14159265358979"),
    (r"\pi", r"\frac{22}{7}"),
    ("7.5", "7,5"), ("7000", "7.000"), ("12.345", "12,345"), ("12345", "1,2345"), (r"3\frac{1}{2}", "1.5"),
    ("1.5", r"3\frac{1}{2}"),
    ("7", "-7"), ("7", "7!"), ("7", "7/8"), ("7", r"\pm 7"), ("-7", r"\sqrt{49}"), ("72", "7²"), ("7", "1/0"),
    ("7", "0/0"),
    ("7", r"7+0\cdot\frac{1}{0}"), ("0", r"\infty-\infty"), ("1", r"\frac{\infty}{\infty}"), ("0", r"0\cdot\infty"),
    ("1", "0^0"),
    ("7", "2+5=8"), ("8", "2+5=8"), ("7", "7=8"), ("7", r"7.4 \approx 7"), ("7", "(-x)=7"), ("7", "-x=7"), ("2",
    r"\sqrt{4}=\pm 2"),
    # numbers that look like units
    ("7", "7 thousands"), ("7", "7 million"), ("7", "7 lakh"), ("7", "7 gross"), ("7", "7 score"), ("x=1,y=2",
    "(2,1)"),
    ("121", "one hundred twenty"), ("101", "one one hundred"),
    # hedges
    ("7", "7 or 8"), ("7", r"7\text{ or }8"), ("7", "7;8"), ("7", r"\{7,8\}"), ("7", r"7 \pm 1"), ("7", "6.9<x<7.1"),
    (r"\text{even}", r"\text{even or odd}"), (r"\text{Evelyn}", "Evelyn, Navin"), (r"\text{(C)}", "(C) or (D)"),
    (r"\text{(C)}", "(C) or 42"), (r"\text{(C)}", "(C), 42"), (r"\text{even}", r"\text{not even}"),
    # percent, units, bases
    (r"50\%", r"0.5\%"), ("7", r"0.07\%"), (r"7\%", "700"), ("0.07", "7"), (r"15\mbox{ cm}^2", "15 cm"),
    (r"5 \text{ km}", r"5 \text{ m}"), (r"\$36", "€36"), (r"90^\circ", r"\frac{\pi}{2}"), ("40_9", "36"),
    ("1011_2", "11"),
    (r"18 \text{ m/s}", r"18 \text{ m}"), ("5 apples", "5 oranges"), ("5 mW", "5 MW"), ("(1,2)", "(y=1, x=2)"), ("7m",
    "7"),
    # order, multiplicity, brackets
    ("(1,2)", "(2,1)"), ("(1,2)", "[1,2]"), ("[1,2]", "(1,2]"), ("(1,2)", r"\{1,2\}"), ("(1,2)", "1,2"),
    ("(1,2)", "(1,2),(2,1)"),
    ("1,2,2", "1,2"), ("1,2", "1,1,2"), ("1,2", "1"), ("1,2", "1,2,3"), ("1,2,2", "1,1,2"),
    ("(1,2),(3,4)", "(1,4),(3,2)"),
    ("[0,\\infty)", "x>0"), ("[1,3]", r"[1,2)\cup(2,3]"), (r"\emptyset", "0"), ("0", r"\emptyset"), (r"\{1\}",
    r"\emptyset"), (r"-\infty", r"\infty"),
    (r"\begin{pmatrix}1&2\\3&4\end{pmatrix}", r"\begin{pmatrix}1&3\\2&4\end{pmatrix}"),
    (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1&2\end{pmatrix}"),
    # names and equations
    ("x=5", "y=5"), ("y = 2x + 3", "y=2x"), ("x=5", "x=5, y=3"), ("x", "X"), ("x^2+1", "y^2+1"), ("x+1", "x=x+1"),
    ("x+y=5", "5"), ("x>3", "x<3"), ("x>3", r"x \ge 3"), (r"\cot x", r"\tan x"), ("(x+1)^{30}", "(x+1)^{31}"),
    # words
    ("east", "seat"), ("no", "on"), (r"\text{Yes}", "No"), ("3:45", "1:15"), ("3:45 PM", "3:45 am"),
    ("2023-05-07", "2023-07-05"),
    ("May 7, 2023", "May 8, 2023"),
    # what is not equal, ratios the wrong way round, brackets, units of fractions
    ("0.06", r"12\frac12\%"), (r"6\%", r"12\frac12\%"), ("1.5", r"3\frac12^\circ"), ("50", r"1/2\%"),
    ("3", r"2\cdot 3\frac12"),
    ("(1,2)", "(y,x)=(1,2)"), (r"\frac13", r"\frac{1}{3}\ (\approx 0.433)"), (r"\frac13", r"0.\bar{4}"),
    (r"25 \text{ V}", r"25\ \text{A}"), (r"25 \text{ A}", r"25\,\Omega"), (r"\text{(C)}", r"\text{(C)}\pm 1"),
    (r"\text{(C)}", r"\text{(C)}^2"),
    ("i", r"\mathbf{i}"), ("7", r"x \not= 7"), ("7", r"x \not=7"), ("3:2", "2 to 3"), ("3:2", "3 to 20"),
    ("3", "3 to 2"), ("2", "3 to 2"),
    (r"(2,\infty)", r"[2,\infty["), (r"]2,\infty[", r"[2,\infty)"), ("(2,3)", "]2,3]"), ("[2,3]", "]2,3["),
    ("[2,3)", "]2,3]"),
    (r"(-\infty,0)\cup(0,\infty)", r"]-\infty,0] \cup ]0,\infty["),
    (r"\frac34 \text{ miles}", r"\frac{3\text{ km}}{4}"), (r"\frac34 \text{ miles}", r"\frac{4\text{ miles}}{3}"),
    (r"\frac{3}{4}\text{ miles per hour}", r"\frac{3\text{ miles}}{4}"), ("7", r"\textcolor{blue}{8}"),
]  # fmt: skip


@pytest.mark.parametrize(("gold", "answer"), EQUAL + MODEL_LIKE)
def test_compare_accepts_every_way_to_write_the_answer(gold: str, answer: str) -> None:
    verdict = JUDGE.compare(gold=gold, answer=answer)
    assert (verdict.status, verdict.score) == ("correct", 1.0), verdict


@pytest.mark.parametrize(("gold", "answer"), DIFFERENT)
def test_compare_refuses_wrong_answers_as_wrong(gold: str, answer: str) -> None:
    verdict = JUDGE.compare(gold=gold, answer=answer)
    assert (verdict.status, verdict.score) == ("wrong", 0.0), verdict


@pytest.mark.parametrize(
    "answer",
    [r"3\frac12^2", r"\not= 7", r"\neg = 7", r"\nexists x = 7", r"\cancel{=} 7", r"\not\in 7", "7[", "]7", "]7[", "]7,8",
     "7 quadrillion", "7 grand", r"\text{isn't} = 7", r"\text{at most} = 7", r"\text{half of it} = 7",
     "", "  ", r"\frac{7}", "7^", "7+", "(7", "7)", "7 8", r"7\;8", r"7\\8", r"\frac{1}{", "{7",
    "7 because of the sum", "7\u0338",
     "7\u20dd", r"\unknown{7}", "9^{9^{9}}", "((9!)!)!", "1e999999999", "9" * 10**6, "(" * 1000 + "7" + ")" * 1000,
     "7!!", "1,,2", "1 2/", r"\begin{pmatrix}1&2\\3\end{pmatrix}", "0x7", "3x4", "7 squared", "7 halves",
     r"7 \text{ below zero}", "{1}{2}", r"\text{not} = 7", "7 or more", "7 mod 12", "7 thirteen", "7 twentieths",
     "7 thirtieths", "7 millionths", r"\sqrt", "<7", "5 + apples"],
)  # fmt: skip
def test_compare_calls_what_cannot_be_read_unparseable_and_never_correct(answer: str) -> None:
    verdict = JUDGE.compare(gold="7", answer=answer)
    assert (verdict.status, verdict.score) == ("unparseable", 0.0), verdict


@pytest.mark.parametrize("gold", [r"\frac{7}", "9^{9^{9}}", r"\sum", "{"])
def test_compare_says_so_when_the_gold_answer_cannot_be_read(gold: str) -> None:
    assert JUDGE.compare(gold=gold, answer="7").status == "unparseable"
    assert JUDGE.compare(gold=gold, answer=gold).correct


def test_compare_takes_keywords_alone() -> None:
    with pytest.raises(TypeError):
        JUDGE.compare("7", "7")  # type: ignore[misc]


@pytest.mark.parametrize(
    ("response", "correct"),
    [
        (r"So it is \boxed{7}.", True), (r"\boxed{\boxed{7}}", True), (r"\boxed7", True), (r"\fbox{7}", True),
        (r"$\boxed 7$", True),
        (r"-\boxed{7}", False), (r"\boxed{8}. No: \boxed{7}", True), (r"\boxed{7}. No: \boxed{8}", False),
        (r"\boxed{7} or \boxed{8}", False), (r"\boxed{8}, \boxed{7}", False),
        (r"\boxed{8} or perhaps \boxed{7}", False),
        ("\\boxed{7}.\n\n$$\\boxed{7}$$", True), (r"\boxed{7} and \boxed{7}", True),
        (r"\boxed{8} $\text{or}$ \boxed{7}", False),
        (r"<think>\boxed{8}</think>\boxed{7}", True), (r"<think>\boxed{7}</think>\boxed{8}", False),
        (r"<think>\boxed{7}", False),
        (r"<think>\boxed{7}</think> I cannot tell.", False), (r"\boxed{7} <think>or \boxed{8}", True),
        (r"\boxed{7}</think>", False),
        (r"\boxed{7} then \boxed{8", False), (r"\boxed{7} then \boxed{}", False), (r"\boxed{7} \boxed{}", False),
        (r"Put it in \boxed{}: \boxed{7}", True),
        (r"\boxed{}, \boxed{8} or \boxed{7}", False), ("<answer>7</answer>", True),
        ("so <answer>\n$7$\n</answer>\n", True),
        ("<answer>8</answer> or <answer>7</answer>", False), ("<answer>8</answer> No: <answer>7</answer>", True),
        ("<answer>7</answer> <answer></answer>", False), ("<answer>7", False), ("7</answer>", False),
        ("<answer>7</answer> No.", False),
        ("<answer>The answer is 7.</answer>", True), ("<answer>not 7</answer>", False),
        ("<think><answer>7</answer>", False),
        ("The answer is 7.<|im_end|>", True), ("#### 7</s>", True), ("#### The answer is 7", True),
        ("#### Not the answer: 7", False),
        ("The answer is approximately 7.", True), ("The answer is therefore $7$.", True),
        (r"use \boxed{ like so: \boxed{7}", True),
        ("#### 7", True), ("sum\n#### 7", True), ("#### 7\n#### 8", False), ("#### Step 2\nThe answer is 7.", True),
        ("The answer is 7.", True), ("**Answer:** $7$", True), ("Answer:\n7", True),
        ("### Final Answer\n\n$$\n7\n$$", True),
        ("Final Answer: The final answer is $7$. I hope it is correct.", True), ("The answer is 7 or 8", False),
        ("Answer: 8\nAnswer: 7", False), ("The answer is not 7", False), ("I don't think the answer is 7", False),
        ("The answer isn't 7", False), ("7 is not the answer", False), ("No answer but 7 appears", False),
        ("Answer 7", False),
        ("The answer is 8.\nOr maybe the answer is 7.", False), ("I would say 7", False), ("1 2 3 4 5 6 7 8 9", False),
        ("The answer is **7**.", True), ("**The answer is 7.**", True), ("The answer is **7.**", True),
        ("*Answer: 7*", True),
        ("__Answer: 7__", True), ("The answer is 7.\n\n---", True), ("The answer is 7.\n```", True),
        ("Answer:\n```\n7\n```", True),
        ("The answer is 7.<end_of_turn>", True), ("The answer is 7.<eos>", True), ("The answer is 7.[/INST]", True),
        ("The answer is 7.<｜end▁of▁sentence｜>", True), ("The answer is 7 because 3+4=7.", True),
        ("The answer is 7, since 3+4=7.", True), ("The answer would be 7.", True), ("The answer should be 7.", True),
        ("The answer will be 7.", True), ("The answer equals 7.", True), ("Answer (a): 7", True), ("- Answer: 7", True),
        ("Since 3+4=7, the answer must be 7.", True), ("$3+4=7$. Answer: 7", True), ("We see the answer is $7$", True),
        ("The answer to the question is 7", True), ("Hence answer = 7", True), (r"\framebox{7}", True),
        ("The answer should not be 7", False), ("The answer should be 7 or 8", False),
        ("The answer should be at least 7", False),
        ("The answer would be 7 if x were 3", False), ("The answer is 7 because 3+4=8, so it is 8", False),
        ("The answer should be 8 because 7 is wrong", False),
        ("Half of the answer is 7", False), ("Twice the answer is 7", False),
        ("The last digit of the answer is 7", False),
        ("An upper bound on the answer is 7", False), ("A bound for the answer is 7", False),
        ("The answer of the first part is 7", False), ("The answer to the previous question is 7", False),
        ("The answer to part one is 7", False), ("The answer to part 1 is 7", False), ("A possible answer is 7", False),
        ("The answer to an easier problem is 7", False), ("A tempting answer is 7", False),
        ("The naive answer is 7", False),
        ("The student's answer is 7", False), ("The answer could be 7", False),
        ("The answer is 7!", True), ("The answer is $7!$", False), ("7", True), ("$7$", True), ("x = 7", True), ("", False),
        ("The answer is 7.\nBye.", False),
        ("Answer: 1, 2, 3, 4, 5, 6, 7", False), (r"\boxed{7 \text{ if } x>0}", False),
        (r"\boxed{\text{7 is wrong}}", False),
    ],
)  # fmt: skip
def test_verify_judges_the_declared_answer(response: str, correct: bool) -> None:
    verdict = JUDGE.verify(response, Problem("What is 3 + 4?", 7))
    assert verdict.correct is correct, verdict


@pytest.mark.parametrize(
    ("prompt", "gold", "answer"),
    [
        ("Compute $513^2 - 487^2.$", "26000", "513^2 - 487^2"),
        ("Compute $513^2 - 487^2.$", "26000", "-487^{2} + 513^2"),
        ("Compute $513^2 - 487^2.$", "26000", r"x = 513^{2}-487^{2}+0"),
        ("What is 3 + 4 * 5?", "23", "3 + 4*5"),
        (
            r"Simplify $\dfrac{\sec x}{\sin x} - \frac{\sin x}{\cos x}$.",
            r"\cot x",
            r"\frac{\sec x}{\sin x}-\frac{\sin x}{\cos x}",
        ),
        (r"Find $\binom{31}{28}$.", "4495", r"\dbinom{31}{28}"),
        (r"Factor \[x^2 - 9.\]", "(x-3)(x+3)", "x^2 - 9"),
        (r"Write $\frac{3}{20}$ as a decimal.", "0.15", r"\frac{3}{20}"),
        (r"Let $x = 12 \cdot 11$. Find $x$.", "132", r"12 \times 11"),
        ("What is 3 + 4?", "7", "4 + 3 = 3 + 4"),
        ("Compute $513^2 - 487^2.$", "26000", r"\frac{513^2 - 487^2}{1}"),
        ("Compute $513^2 - 487^2.$", "26000", "-(487^2 - 513^2)"),
        ("Compute $513^2 - 487^2.$", "26000", r"|513^2 - 487^2|"),
        ("Compute $513^2 - 487^2.$", "26000", "513^2 - 487^2 + 1 - 1"),
        (r"Simplify $\sqrt{50}$.", r"5\sqrt2", r"\sqrt{50}"),
        (r"Compute $\sqrt{2704}$.", "52", r"\sqrt{2704}"),
        (r"Solve $\sqrt{x} = 2^{10} - 2^9$ for $\sqrt{x}$.", "512", r"\boxed{2^{10} - 2^9} = 512"),
    ],
)
def test_verify_pays_no_copy_of_an_expression_of_the_question(prompt: str, gold: str, answer: str) -> None:
    verdict = JUDGE.verify(answer if "boxed" in answer else rf"\boxed{{{answer}}}", Problem(prompt, gold))
    assert (verdict.status, "repeats" in verdict.detail) == ("wrong", True), verdict
    bare = JUDGE.verify(answer, Problem(prompt, gold))
    assert not bare.correct
    assert JUDGE.verify(rf"\boxed{{{gold}}}", Problem(prompt, gold)).correct


@pytest.mark.parametrize(
    ("prompt", "gold", "answer"),
    [
        ("Compute $513^2 - 487^2.$", "26000", r"26 \cdot 1000"),  # half the work is work
        (r"A coin shows heads with probability $\frac12$. And tails?", "0.5", r"\frac12"),  # a number is no expression
        (r"It is $\frac{3}{4}$ full. How full is it after a change of $50\%$ and back?", "0.75", r"\frac34"),
        ("Which is larger, $2^{30}$ or $3^{20}$?", "3^{20}", "3^{20}"),
        ("Is $x + 1$ or $2x + 1$ a factor?", "1 + x", "x + 1"),  # the gold answer in another order
        (r"How many ways are there to choose 3 of 31?", "4495", r"\binom{31}{3}"),
        ("If $x = -5$, what is $x$?", "-5", "x = -5.0"),
        ("How many orders of 5 are there?", "120", "5!"),
        ("What is 3 + 4?", "7", "3 + 4 = 7"),  # all sides but one
        (r"The sides are $\sqrt{50}$ and 3. Which is larger?", r"5\sqrt2", r"\sqrt{50}"),
        (r"A side is $\frac{\sqrt{3}}{2}$ long.", r"\frac{1+\sqrt3}{2}", r"\frac{\sqrt{3}}{2}+\frac12"),
        ("What is 3 + 4?", "7", r"\therefore x = 3 + 4 = 7"),
    ],
)
def test_verify_pays_for_an_answer_that_only_looks_like_one(prompt: str, gold: str, answer: str) -> None:
    assert JUDGE.verify(rf"\boxed{{{answer}}}", Problem(prompt, gold)).correct


@pytest.mark.parametrize(
    ("gold", "answer", "correct"),
    [
        (r"\frac13", r"\int_0^1 x^2 \, dx", False), ("55", r"\sum_{k=1}^{10} k", False),
        ("1", r"\lim_{x \to 0} \frac{\sin x}{x}", False),
        ("3", r"\max(1, 3)", False), (r"\sum_{k=1}^{n} k", r"\sum_{k=1}^{n} k", True),
        ("0", r"\lim_{x \to 0} f(x) = 0", True),
    ],
)  # fmt: skip
def test_verify_pays_for_no_sum_that_is_left_open(gold: str, answer: str, correct: bool) -> None:
    assert JUDGE.verify(rf"\boxed{{{answer}}}", Problem("Evaluate it.", gold)).correct is correct


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("1", r"\tanh(1000)"),
        ("1", r"\cos(10^{-100})"),
        ("0", r"\ln(1+e^{-1000})"),
        ("5", r"5+e^{-e^{7}}"),
        ("x", r"x+e^{-e^7}"),
        ("5", r"5+e^{-e^8}"),
        ("5", r"5+e^{-e^{20}}"),
        ("5", r"5-2^{-e^{20}}"),
        ("x", r"x+e^{-e^{20}}"),
        (r"\sqrt{2}", r"\sqrt{2+e^{-e^8}}"),
        ("1", r"\cos(e^{-e^{20}})"),
        ("1", r"e^{e^{-e^{20}}}"),
        ("1", r"\pi^{e^{-e^{20}}}"),
        ("1", r"\tanh(e^{20})"),
        (r"\frac{\pi}{2}", r"\arctan(e^{e^{20}})"),
        ("0", r"\ln(1+e^{-e^{20}})"),
    ],
)
def test_compare_calls_no_near_miss_equal(gold: str, answer: str) -> None:
    pytest.importorskip("mpmath")
    assert not JUDGE.compare(gold=gold, answer=answer).correct


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        (r"\tan(\arctan 3)", "3"),
        (r"\sin 1 \cos 1", r"\frac{\sin 2}{2}"),
        (r"\cosh 2", r"\frac{e^2+e^{-2}}{2}"),
        (r"e^{-e^{20}}+5", r"5+e^{-e^{20}}"),
        (r"\sqrt{3+2\sqrt2}", r"1+\sqrt2"),
        (r"\tanh x", r"\frac{e^{2x}-1}{e^{2x}+1}"),
    ],
)
def test_compare_still_settles_identities_by_long_numbers(gold: str, answer: str) -> None:
    pytest.importorskip("mpmath")
    assert JUDGE.compare(gold=gold, answer=answer).correct


def test_verify_pays_no_formula_of_a_real_question(data_dir) -> None:
    """Every formula of MATH-500's questions in a box pays only if it is written as the gold answer is."""
    for problem in _math500(data_dir):
        for formula in re.findall(r"(?<!\\)\$([^$]+)\$", problem.prompt):
            for piece in {formula, *formula.split("=")}:
                verdict = JUDGE.verify(rf"\boxed{{{piece}}}", problem)
                assert not verdict.correct or "=" in piece or len(piece) < 12, (problem.answer, piece, verdict)


def test_verify_takes_adjacent_boxes_as_the_list_that_was_asked_for() -> None:
    problem = Problem("Solve.", "1,-2")
    assert JUDGE.verify(r"\boxed{-2} and $\boxed{1}$", problem).correct
    assert JUDGE.verify(r"\boxed{1}, \boxed{-2}, \boxed{3}", problem).status == "wrong"
    assert JUDGE.verify(r"\boxed{1}", problem).status == "wrong"


def test_one_value_declared_in_two_forms_is_no_hedge() -> None:
    problem = Problem("Divide.", r"\frac{31}{2}")
    assert JUDGE.verify(r"\boxed{15\frac{1}{2}} or \boxed{\frac{31}{2}}", problem).correct
    assert JUDGE.verify(r"\boxed{15\frac{1}{2} \text{ or } \frac{31}{2}}", problem).correct
    assert JUDGE.verify(r"\boxed{15\frac{1}{2}} or \boxed{\frac{32}{2}}", problem).status == "wrong"
    half = Problem("How much?", r"50\%")
    assert JUDGE.verify(r"\boxed{50} or \boxed{0.5}", half).status == "wrong"
    assert JUDGE.verify(r"\boxed{50 \text{ or } 0.5}", half).status == "wrong"
    assert JUDGE.verify(r"\boxed{50\%} or \boxed{0.5}", half).status == "correct"


def test_verify_distinguishes_no_answer_from_a_wrong_one() -> None:
    problem = Problem("What is 3 + 4?", 7)
    assert JUDGE.verify("Hm.", problem).status == "unparseable"
    assert JUDGE.verify("", problem).status == "unparseable"
    assert JUDGE.verify(r"\boxed{8}", problem).status == "wrong"
    assert JUDGE.verify("x" * 2_000_000, problem).status == "unparseable"


@pytest.mark.parametrize("timeout", [0, -1, float("inf"), float("nan")])
def test_math_verifier_refuses_a_limit_that_is_none(timeout: float) -> None:
    with pytest.raises(_errors.ArgumentError, match="timeout"):
        MathVerifier(timeout=timeout)


def test_math_verifier_refuses_wrong_types() -> None:
    for bad in (None, 7, b"7"):
        with pytest.raises(_errors.ArgumentTypeError):
            JUDGE.verify(bad, Problem("q", 7))  # type: ignore[arg-type]
        with pytest.raises(_errors.ArgumentTypeError):
            JUDGE.compare(gold="7", answer=bad)  # type: ignore[arg-type]
    with pytest.raises(_errors.ArgumentTypeError):
        MathVerifier(timeout="1")  # type: ignore[arg-type]


def test_math_verifier_pickles_with_its_limit() -> None:
    copy = pickle.loads(pickle.dumps(MathVerifier(timeout=2.5)))
    assert copy.timeout == 2.5
    assert copy.compare(gold="1/2", answer="0.5").correct


def _math500(data_dir) -> list[Problem]:
    rows = [json.loads(line) for line in (data_dir / "math500.jsonl").open()]
    return [Problem(row["problem"], row["answer"]) for row in rows]


def _gsm8k(data_dir, limit: int) -> list[Problem]:
    rows = [json.loads(line) for _, line in zip(range(limit), (data_dir / "gsm8k_test.jsonl").open(), strict=False)]
    return [Problem(row["question"], row["answer"].rpartition("####")[2].strip()) for row in rows]


def test_math_verifier_accepts_every_gold_answer_and_refuses_every_mutant(data_dir) -> None:
    assert check_verifier(JUDGE, _math500(data_dir) + _gsm8k(data_dir, 1319)) == []


def test_math_verifier_decides_the_real_gold_answers_without_a_worker(data_dir, monkeypatch) -> None:
    from composekit.compose.verifiers import worker

    monkeypatch.setattr(worker, "ask", lambda *_: pytest.fail("the worker was asked"))
    for problem in _math500(data_dir):
        assert JUDGE.compare(gold=problem.answer, answer=f" {problem.answer} .").correct


SAME_GOLD = {
    ("-2,1", "1,-2"), ("10,\\!080", "10080"), ("120", "120^\\circ"), ("15", "15\\mbox{ cm}^2"),
    ("2 \\sqrt{5}", "2\\sqrt{5}"), ("30", "30^\\circ"), ("36", "36^\\circ"), ("36", "\\$36"), ("40", "40_9"),
    ("5", "x=5"),
    ("90", "90^\\circ"), ("\\frac14", "\\frac{1}{4}"),
}  # fmt: skip


def test_different_gold_answers_are_equal_only_where_they_are_one_value(data_dir) -> None:
    """All pairs of the different answers of MATH-500: the equal ones are known, and each is one value written twice."""
    texts = sorted({p.answer for p in _math500(data_dir)})
    equal = {(g, a) for g, a in itertools.combinations(texts, 2) if JUDGE.compare(gold=g, answer=a).correct}
    assert equal == SAME_GOLD


@pytest.mark.parametrize(
    ("gold", "answer", "status"),
    [
        ("12,345", "345,12", "wrong"),
        ("12,345", r"\{345, 12\}", "wrong"),
        ("-12,345", "345, -12", "wrong"),
        ("12,345", "12345", "correct"),
        ("12,345", "12, 345", "correct"),
        ("2,3", "3,2", "correct"),
    ],
)
def test_a_number_in_groups_is_no_list_in_another_order(gold: str, answer: str, status: str) -> None:
    assert MathVerifier().compare(gold=gold, answer=answer).status == status


def test_no_answer_vanishes_at_points_that_can_be_known_beforehand() -> None:
    """A product of zeros at every point of sampling, added to the gold answer, must not be found equal to it."""
    mpmath = pytest.importorskip("mpmath")
    from fractions import Fraction

    from composekit.compose.verifiers.exactmath import numeric
    from composekit.compose.verifiers.exactmath.reading import readings

    places = [next(iter(point.values())) for point in numeric._points({"x"}, 6, positive=False)]
    zeros = [Fraction(x).limit_denominator(10**12) for x in places]  # as they would be without the shift
    product = "".join(rf"(x - \frac{{{z.numerator}}}{{{z.denominator}}})" for z in zeros)
    gold, answer = (readings(t, gold=True)[0] for t in (r"\sin(x)", rf"\sin(x) + {product}\cos(\sin(x))"))
    assert numeric.agree(gold, answer, mpmath.mp, 60) is False
    assert numeric.agree(gold, gold, mpmath.mp, 60) is True
