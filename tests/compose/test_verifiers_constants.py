"""A finished constant is defined, and everything else is work left: what is paid and what is not, shape by shape."""

from __future__ import annotations

import time

import pytest

from composekit.compose import MathVerifier, Problem, load_problems
from composekit.compose.verifiers.canonical import canonical_of
from composekit.compose.verifiers.finished import work_left

JUDGE = MathVerifier()
UNDONE = "the answer leaves a calculation undone"


def _judged(answer: str, gold: str, prompt: str = "What is it?") -> tuple[str, str]:
    verdict = JUDGE.verify(rf"\boxed{{{answer}}}", Problem(prompt, gold))
    return verdict.status, verdict.detail


@pytest.mark.parametrize(
    ("gold", "answers"),
    [
        ("3", ["1+2", r"\frac{6}{1+1}", r"\sqrt9", r"|1-4|", r"\lfloor 3.5\rfloor", r"\log_2 8", r"\sqrt3\cdot\sqrt3"]),
        (r"\frac32", [r"1+\frac12", r"\frac12+1", r"2-\frac12", r"3\cdot\frac12", r"\frac{1+2}{2}",
            r"\frac{1.5}{3-2}"]),
        (r"\frac{14}{3}", [r"4+\frac23", r"5-\frac13", r"\frac{28}{2\cdot3}"]),
        ("605", [r"500(1+\frac{10}{100})^2", r"500\cdot1.1^2", r"500\cdot 1\frac1{10}\cdot 1\frac1{10}"]),
        ("324", [r"400\cdot0.9^2", r"400(\frac9{10})^2", r"400\cdot\frac{81}{100}",
            r"18^2\cdot 1.0001^0 \cdot 7^{-1}\cdot 7"]),
        ("12", [r"84\cdot7^{-1}", r"(2\sqrt3)^2", r"\binom42+6", r"2\cdot6", r"\frac{2^3\cdot3}{2}", r"6+6"]),
        ("1024", [r"2\cdot2^9", r"2^5\cdot2^5", r"2^9+2^9", r"32^{1+1}"]),
        ("1023.5", [r"2^{10}-0.5", r"2^{10}-\frac12"]), (r"\frac{73}{12}", [r"6+12^{-1}", r"6+\frac1{12}"]),
        ("5 + i", [r"\frac{26}{5-i}", "(2+3i)(1-i)", "5-i^3", "2+3+i", "-i(5i-1)", r"5+\sqrt{-1}\cdot 1\cdot\sqrt1"]),
        ("i", [r"\frac{-1}{i}", "i^5", r"\frac{1+i}{1-i}"]),
        (r"3 + 2\sqrt2", [r"\frac{1}{3-2\sqrt2}", r"(1+\sqrt2)^2", r"3+\sqrt2+\sqrt2",
            r"3+\sqrt2\cdot2\cdot1\cdot\sqrt1", r"1+2+2\sqrt2"]),
        (r"\sqrt2+1", [r"\frac{1}{\sqrt2-1}", r"\frac{\sqrt2+2}{\sqrt2}", r"\sqrt2(1+\frac{\sqrt2}{2})"]),
        (r"9-2\sqrt3", [r"\sqrt3(\sqrt{27}-2)", r"\sqrt3(3\sqrt3-2)", r"\sqrt{81}-2\sqrt3"]),
        (r"2\sqrt5", [r"(3\sqrt5)(\frac23)", r"3\sqrt5-\sqrt5", r"\sqrt{4\cdot5}", r"\frac{10\sqrt2}{\sqrt{10}}",
            r"\sqrt{2^2+4^2}"]),
        (r"18+2\pi", [r"3(\frac{2\pi}{3}+6)", r"(2+\frac{18}{\pi})\pi", r"3^2+3^2+2\pi", r"9\cdot2+2\pi"]),
        (r"90\pi", [r"\pi(3)^2(10)", r"\pi\cdot9\cdot10", r"45\pi+45\pi"]),
        (r"\pi^3", [r"\pi\cdot\pi^2", r"\frac{\pi^4}{\pi}"]),
        ("e^3", [r"e\cdot e^2", "e^{1+2}", r"\frac{e^5}{e^2}", "(e^2)(e)"]),
        (r"\log_3 10", [r"\log_3 2+\log_3 5", r"\log_3(2\cdot5)", r"\log_3 20-\log_3 2"]),
        (r"\ln 10", [r"\ln 2+\ln 5", r"\ln(4+6)"]),
        (r"[2,5]", [r"[2,5]\cap[0,9]", r"[2,4]\cup[3,5]", r"\sqrt4\le x\le5", r"[1+1,5]", r"[2,5]\cup\{3\}"]),
        (r"\{1,2\}", [r"\{1\}\cup\{2\}", r"\{1,2,3\}\cap\{1,2\}", r"\{1,2,3\}\setminus\{3\}", r"\{1,1+1\}"]),
        (r"\begin{pmatrix}\frac12&0\\0&3\end{pmatrix}", [r"\frac{1}{1+1}\begin{pmatrix}1&0\\0&6\end{pmatrix}",
            r"\begin{pmatrix}\frac12&0\\0&1+2\end{pmatrix}"]),
        ("3:4", ["(1+2):4"]), ("x^6", [r"x^{2\cdot3}", "x^{4+2}"]), (r"3\sqrt2x", [r"x\sqrt2+2x\sqrt2",
            r"3\cdot\sqrt2\cdot\sqrt1 x"]),
    ],
)  # fmt: skip
def test_what_is_not_finished_is_undone(gold: str, answers: list[str]) -> None:
    assert {answer: found for answer in answers if (found := _judged(answer, gold)) != ("wrong", UNDONE)} == {}


@pytest.mark.parametrize(
    ("gold", "answers"),
    [
        (r"\frac32", [r"1\frac12", "1.5", r"150\%", r"\frac64", "3/2", r"\frac{3}{2}", r"x = \frac32",
            r"1+\frac12=\frac32"]),
        ("1024", ["2^{10}", "4^5", r"1.024\cdot10^3"]), (r"\frac18", ["2^{-3}", r"(\frac12)^3", r"\frac{1}{2^3}",
            r"12.5\%"]),
        (r"\frac{671}{1296}", [r"1-(\frac56)^4", r"1-\frac{5^4}{6^4}"]),
        (r"11\sqrt2", [r"\frac{22}{\sqrt2}", r"\sqrt{242}", r"\frac{11\sqrt8}{2}"]),
        (r"\frac{3+3\sqrt5}{2}", [r"\frac{3(1+\sqrt5)}{2}", r"\frac32(1+\sqrt5)", r"\frac32+\frac{3\sqrt5}{2}",
            r"1.5+1.5\sqrt5"]),
        (r"\sqrt2+\sqrt6", [r"\sqrt2(1+\sqrt3)", r"\sqrt6+\sqrt2"]), (r"\frac{\sqrt6}{2}", [r"\sqrt{\frac32}",
            r"\frac{\sqrt3}{\sqrt2}", r"\frac12\sqrt6"]),
        (r"\frac{\sqrt2}{2}+\frac{i\sqrt2}{2}", [r"\frac{1+i}{\sqrt2}", r"\frac{\sqrt2}{2}(1+i)",
            r"\frac{\sqrt2+i\sqrt2}{2}"]),
        (r"1+\frac1\pi", [r"\frac{\pi+1}{\pi}", r"\frac1\pi+1"]), (r"12\pi+6", [r"6(2\pi+1)", r"6+12\pi"]),
        (r"\frac{8\pi-12\sqrt3}{3}", [r"\frac43(2\pi-3\sqrt3)", r"\frac{8\pi}{3}-4\sqrt3"]),
        (r"\log_3 10", [r"\frac{\ln 10}{\ln 3}", r"1+\log_3\frac{10}{3}"]), (r"\ln 8", [r"3\ln 2"]),
        ("5\\sqrt5", [r"5^{3/2}", "5^{1.5}", r"\sqrt{5^3}"]), ("i", [r"\sqrt{-1}"]), ("2i\\sqrt2", [r"2\sqrt2i",
            r"2\sqrt{-2}"]),
        (r"2\cdot3\cdot5", [r"5\cdot3\cdot2", r"6\cdot5"]), (r"171(23^2-18^2)", [r"171(23^2-18^2)"]),
        (r"(-\infty,2)\cup(2,\infty)", [r"\mathbb{R}\setminus\{2\}", r"x\ne2", r"(2,\infty)\cup(-\infty,2)"]),
        (r"\begin{pmatrix}\frac12&0\\0&3\end{pmatrix}", [r"\frac12\begin{pmatrix}1&0\\0&6\end{pmatrix}",
            r"\begin{pmatrix}0.5&0\\0&3\end{pmatrix}"]),
        ("2^{n+1}", [r"2\cdot2^n"]), (r"\frac{x+1}{2}", [r"\frac x2+\frac12", "0.5x+0.5"]), ("3, 5, 7",
            ["3, 5, 7 kg"]), ("x=5", ["x=5cm"]),
        (r"-2,2", [r"\pm2", r"\pm(2\cdot1)"]),
    ],
)  # fmt: skip
def test_finished_constants_are_paid(gold: str, answers: list[str]) -> None:
    assert {answer: found for answer in answers if (found := _judged(answer, gold))[0] != "correct"} == {}


def test_every_gold_answer_is_finished(data_dir) -> None:
    for name in ("math500", "gsm8k_test"):
        for problem in load_problems(data_dir / f"{name}.jsonl"):
            left = {work for tree in canonical_of(problem.answer, gold=True) for work in work_left(tree)}
            assert left <= {"irrational", "function", "union"}, problem.answer
            assert JUDGE.verify(rf"\boxed{{{problem.answer}}}", problem).correct


@pytest.mark.parametrize(
    ("prompt", "gold", "answer", "status"),
    [
        ("What is the remainder when 58 is divided by 30?", "28", answer, status)
        for answer, status in [
            (r"58\equiv 28\pmod{30}", "correct"), (r"58 \equiv 28 (\text{mod } 30)", "correct"),
            (r"N\equiv28\pmod{30}", "correct"),
            (r"58\bmod 30=28", "correct"), (r"58\equiv -2\equiv 28\pmod{30}", "correct"), (r"59\equiv 28\pmod{30}",
            "unparseable"),
            (r"58\equiv 58\pmod{30}", "unparseable"), (r"28\pmod{30}", "unparseable"),
            (r"58\equiv 27\equiv28\pmod{30}", "unparseable"),
        ]
    ]
    + [
        ("How many are there?", "28", r"58\equiv 28\pmod{30}", "unparseable"),
        ("How many divisors?", "9", r"\tau(196)=9", "correct"), ("How many divisors?", "9", r"\tau(196)=10", "wrong"),
        ("How many?", "4", r"\varphi(12)=4", "correct"), ("Which?", "A", r"\bf A", "correct"), ("Which?", "A",
            r"\bf\text{A}", "correct"),
        ("Which?", "A", r"\bf B", "wrong"), ("Where?", "east", r"\bf east", "correct"),
        ("What?", r"\frac{14}{3}", r"{14}\over{3}", "correct"), ("What?", r"\frac{14}{3}", r"14\over 3", "correct"),
        ("What?", r"-\frac{14}{3}", r"-{14}\over{3}", "correct"), ("What?", r"\frac{14}{3}", r"{14}\over{4}", "wrong"),
        ("What?", "10080", r"10,\ \!080", "correct"), ("What?", "10080", r"10,\ \!081", "wrong"),
        ("What?", "-3", r"\text{negative three}", "correct"), ("What?", "-3", "negative three", "correct"),
        ("What?", "3", "negative three", "wrong"), ("What?", "28", r"2.8\times10^1", "correct"),
        ("Find $p(x)$.", "x^2", "p(y)=x^2", "wrong"), ("Find $p(x)$.", "x^2", "p(x)=x^2", "correct"),
        ("Find $f(a)$ in terms of $x$.", "x^2", "f(a)=x^2", "correct"),
        ("How many dollars?", "18", r"\text{Answer in cents: }18", "wrong"), ("How many dollars?", "18",
            r"\text{Cost (cents)}: 18", "wrong"),
        ("How many dollars?", "18", r"\text{Answer in dollars: }18", "correct"), ("How many dollars?", "18",
            r"\text{cost in cents}=18", "wrong"),
        ("How many minutes?", "18", r"\text{Time in minutes}: 18", "correct"), ("How many minutes?", "18",
            r"\text{Time in hours}: 18", "wrong"),
    ],
)  # fmt: skip
def test_names_congruences_and_labels(prompt: str, gold: str, answer: str, status: str) -> None:
    assert _judged(answer, gold, prompt)[0] == status


def test_a_unit_that_introduces_the_answer_is_stated() -> None:
    problem = Problem("How many dollars?", "18")
    assert not JUDGE.verify("Answer in cents: 18", problem).correct
    assert not JUDGE.verify("The answer in cents is 18.", problem).correct
    assert JUDGE.verify("Answer in dollars: $18", problem).correct
    assert JUDGE.verify("The answer in simplest form is 18.", problem).correct
    assert JUDGE.verify("Answer: negative three", Problem("What?", "-3")).correct


def test_length_and_towers_hide_nothing() -> None:
    padding = r"\," * 600
    assert _judged(f"200{padding}-8", "192") == ("wrong", UNDONE)
    assert _judged(f"200{padding}-8 = 192", "192")[0] == "correct"
    start = time.perf_counter()
    assert _judged("1^{" * 28 + "1" + "}" * 28, "1")[0] in ("wrong", "correct")
    assert time.perf_counter() - start < 5  # it was walked through twice at every level: for hours
