r"""What a second reader tried against the verifiers, the links and the audit, and what held.

Nothing here knows the library's own reading of texts: numbers, words and relations are read again, differently.
"""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Iterator
from fractions import Fraction

import pytest

from composekit.compose import (  # fmt: skip
    ChoiceVerifier,
    Composer,
    Composite,
    CompositeVerifier,
    ExactVerifier,
    Link,
    MathVerifier,
    Problem,
    Unlinkable,
    audit,
    bundle,
    chain,
    generators,
    load_problems,
    verify,
    verify_batch,
)
from composekit.compose.tokens import constants

JUDGE = MathVerifier()
SEVEN = Problem("A crate holds some boxes. How many boxes are there?", 7)
PRIME = Problem("Which one is prime?\nA. 91\nB. 97\nC. 99\nD. 100", "B", verifier="choice")
STATUSES = {"correct", "wrong", "unparseable", "timeout", "error"}

# --- right answers as models write them

WRITTEN = {
    "7": [
        "7.", r"\mathbf{7}", r"\textbf{7}", r"\mathrm{7}", r"\$7", r"7\$", r"\text{\$}7", "£7", "€7", "7€", r"7.0\%",
        r"7^{\circ}", "7°", "n=7", r"\text{Total}=7", "[7]", "{7}", "007", "7.00", r"6.\overline{9}", r"{\bf 7}",
    ],
    "6": [
        r"\angle ABC = 6", r"AB = 6", r"\overline{AB} = 6", r"\text{Area of } ABC = 6", r"S_{\triangle ABC} = 6",
        r"P(X=2)=6",
        r"a_{10}=6", r"f(g(2))=6", r"\log_2 64 = 6", "a+b=6", r"a + b + c = 1+2+3 = 6", r"\frac{a}{b} = 6",
        r"\boxed{6}",
        r"\det A = 6", r"m \angle{A} = 6^{\circ}", r"6 \text{ km/h}", r"6\,\text{m}\cdot\text{s}^{-1}",
        r"6 \text{ square units}",
    ],
    "1000": [r"1 000", r"1\,000", "10^3", r"1{,}000.00", r"\$1,000", "1 thousand", "1E3", r"1.0\cdot 10^3",
    "1.0*10**3"],
    r"\frac{1}{2}": [r"\frac 1 2", r"\frac{1}2", r"\tfrac{1}{2}", "½", "2^{-1}", ".5", r"\frac{1}{2}=0.5",
    r"50\%", "1:2"],
    r"-\frac{1}{3}": [r"\frac{-1}{3}", "-1/3", r"\frac{1}{-3}", r"-0.\overline{3}", r"\left(-\frac13\right)", "−1/3"],
    r"\sqrt{2}": [r"\sqrt 2", r"\sqrt[2]{2}", "2^{0.5}", "√2", "sqrt(2)", r"\sqrt{2} \text{ units}",
    r"\frac{2}{\sqrt2}"],
    r"2+\sqrt3": [r"\sqrt{7+4\sqrt3}", r"\sqrt{3}+2", r"\frac{1}{2-\sqrt3}"],
    r"\frac{\pi}{4}": [r"\arctan 1", r"0.25\pi", r"\frac{1}{4}\pi", r"\frac{\pi}{4} \text{ rad}",
    r"\theta = \frac{π}{4}"],
    "(1,2)": [r"(1;2)", r"x=1, y=2", r"(x,y)=(1,2)", r"\langle 1,2\rangle", r"\begin{pmatrix}1\\2\end{pmatrix}"],
    "1,2,3": ["3,2,1", "1;2;3", r"1,2 \text{ and } 3", r"\{1,2,3\}"],
    r"(1,2)\cup(2,3)": [r"(1,3)\setminus\{2\}", r"1<x<3, x\ne2", r"x\in(1,2)\cup(2,3)", "(2,3)∪(1,2)"],
    "x>3": ["3<x", r"(3,\infty)", r"\{x|x>3\}", "x > 3"],
    "y=2x+1": ["y-1=2x", "2x+1", r"x=\frac{y-1}{2}", "0=2x-y+1"],
    r"1\pm\sqrt2": [r"1\mp\sqrt2", r"1+\sqrt2, 1-\sqrt2", r"x=1\pm\sqrt{2}"],
    r"\text{Tuesday}": ["Tuesday", "tuesday.", r"\mathrm{Tuesday}", "**Tuesday**"],
}  # fmt: skip


@pytest.mark.parametrize("gold", WRITTEN)
def test_right_answers_in_many_dresses_are_paid(gold: str) -> None:
    refused = [answer for answer in WRITTEN[gold] if not JUDGE.compare(gold=gold, answer=answer).correct]
    assert not refused


# --- wrong answers, hedges, tricks

TRICKS = {
    "7": [
        "7 or 8", "7--8", "7–8", r"7 \sim 8", "7|8", r"7 \quad 8", r"7 \\ 8", "7 & 8", "7 8", r"7\,8", "7{8}",
        r"7\!8", "7%8",
        r"\ge 7", "> 7", "x > 7", r"x \in \{7,8\}", r"\neq 7", r"\neg 7", "!7", r"7 \pm 0.5", r"7^{\pm 1}",
        "[6,8]", "(7,7)",
        "x=7=8", "x=7,y=8", r"x=7 \text{ or } x=8", "8=7", r"\text{not } 7", r"\text{wrong} = 7", "x+1 = 7", "2x = 7",
        "-x=7", r"\frac{x}{2}=7", "1/x = 7", r"\sqrt{x}=7", "x_1=7, x_2=7.5", "7.0000000000000001",
        "6.9999999999", "7!", "7'",
        "7k", "7M", "7 lakhs", "7 dozens", "7 R 3", "7 to 8", r"\cancel{7}", r"\not{7}", r"\overline{7}",
        r"\phantom{7}",
        r"\text{7}\text{8}", r"\begin{pmatrix}7\\8\end{pmatrix}", r"\begin{array}{7}8\end{array}", "7..8",
        "1,2,...,7",
        r"\text{between } 6 \text{ and } 8", r"7 \Rightarrow 8", r"8 \implies 7", r"7 \to 8", "7 = x = 8",
        r"7 \approx 8", "7?8",
        r"x \in (-\infty,\infty)", r"\text{7, but } 8", r"\infty", "7i", "7 percent of 100", "7 below zero", "٨",
        "⁻7", "seven eight",
    ],
    "9": ["-3^2", "3", "9,9", "09_8", "-9", "9/1.0000001"],
    r"\frac{1}{3}": ["0.3333333333333333", r"33\%", "1/3.0001", "3", "1,3", "(1,3)"],
    r"\sqrt{50}": ["7.07", "7.0710678118654755", r"\sqrt{5}0", r"5\sqrt{20}"],
    r"[1,2]": ["(1,2)", "[1,2)", "1<x<2", r"\{1,2\}", "[2,1]"],
    r"(1,\infty)": [r"x\ge1", r"[1,\infty)", r"(1,\infty]", "(1,100)"],
    "1,2,3": ["1,2", "(1,2),3", "1,2,3,4", "1,1,2,3", "(1,2,3)", "123"],
    "(1,-16,-4,43)": ["(-16,1,-4,43)", "(1,16,-4,43)", "1,-16,-4,43,0", r"\{1,-16,-4,43\}"],
    r"\frac{x^2}{4}+\frac{y^2}{9}=1": ["4x^2+9y^2=36", "9x^2+4y^2=35", "x^2+y^2=1"],
    "x=5": ["x^2=25", "0=0", "0x=0", "(x-5)^2=0"],
    r"\text{odd}": ["even", "odd and even", "not odd", "odd, even", "odd/even", "neither"],
    "0": ["none", r"\emptyset", r"\infty", "0.0000001", "i"],
    "52_8": ["52_9", "42", "52_{10}", "25_8"],
    r"90^\circ": [r"90 \text{ rad}", r"\frac{\pi}{2}", "90 cm"],
}  # fmt: skip


@pytest.mark.parametrize("gold", TRICKS)
def test_tricks_are_not_paid(gold: str) -> None:
    verdicts = {answer: JUDGE.compare(gold=gold, answer=answer) for answer in TRICKS[gold]}
    assert not [answer for answer, verdict in verdicts.items() if verdict.correct]
    assert {verdict.status for verdict in verdicts.values()} <= {"wrong", "unparseable"}


def _mutants(gold: str) -> Iterator[str]:
    """A gold answer with one thing wrong; only what is wrong whatever the answer is."""
    for match in re.finditer(r"[1-9]", gold):
        yield gold[: match.start()] + str(int(match[0]) % 9 + 1) + gold[match.end() :]
    for match in re.finditer(r"(?<=[\d)])-|(?<= )-|\+", gold):
        yield gold[: match.start()] + ("+" if match[0] == "-" else "-") + gold[match.end() :]
    for wrong in (r"{}+1", r"\frac{{{}}}{{2}}+12345", r"{}, 123456", r"{} \text{{ or }} 123456", "[{},10^9]", "x<{}"):
        yield wrong.format(gold)


def test_no_mutant_of_a_gold_answer_is_paid(data_dir) -> None:
    golds = [json.loads(line)["answer"] for line in (data_dir / "math500.jsonl").open()]
    pairs = [(gold, mutant) for gold in golds[::9] for mutant in _mutants(gold)]
    assert len(pairs) > 400
    assert not [pair for pair in pairs if JUDGE.compare(gold=pair[0], answer=pair[1]).correct]


# --- calculations of the question, left undone

UNDONE = [
    (
        "What is 123 times 456?",
        "56088",
        [r"123 \times 456", "456*123", r"x = 123\cdot 456", "(123)(456)", r"123 \cdot 456^1"],
    ),
    ("What is the sum of 47 and 38?", "85", ["47 + 38", "38+47", "47+38+0", r"47 - (-38)", r"|47 + 38|", r"\{47+38\}"]),
    (
        "How many eggs are in 12 boxes of sixteen?",
        "192",
        [
            r"12 \times 16",
            r"$12 \cdot 16$ eggs",
            r"12*16 \text{ eggs}",
            r"\lfloor 12 \cdot 16\rfloor",
            "+".join(["16"] * 12),
        ],
    ),
    (
        "96 nuts are shared by 8 boys. How many has each?",
        "12",
        ["96/8", r"\frac{96}{8}", "96:8", r"96 \div 8", r"\sqrt{(96/8)^2}"],
    ),
    (
        "How much is 20% of $50?",
        "10",
        [r"20\% \cdot 50", r"0.2 \times 50", r"\frac{20 \cdot 50}{100}", r"\$50 \times 0.2"],
    ),
]
WORKED_OUT = [
    (
        "What is 123 times 456?",
        "56088",
        ["56088", r"123 \times 456 = 56088", "56{,}088", r"56088 = 123\cdot 456", "56 088"],
    ),
    ("What is 123 times 456?", r"123 \cdot 456", [r"456 \cdot 123"]),
    ("She has 3 of 4 parts. What share?", "0.75", [r"\frac{3}{4}", "3/4", r"75\%", "3:4", ".75"]),
    (
        "35 pears for 2 boys. How many for each?",
        "17.5",
        [r"\frac{35}{2}", r"17\frac{1}{2}", "17.50", r"17 \frac12 \text{ pears}"],
    ),
    (
        "How much is 3 times 1000, or 10 times 300?",
        "3000",
        ["3 thousand", r"3 \text{ thousand}", r"3 \times 10^3", r"3\,000"],
    ),
    ("What is 2 to the 10?", "1024", ["2^{10}", "1{,}024"]),
    ("How many is 3 dozen and 0?", "36", [r"36 \text{ eggs}", "6^2", r"2^2 \cdot 9"]),
]


@pytest.mark.parametrize(("question", "gold", "answers"), UNDONE, ids=range(len(UNDONE)))
def test_numbers_of_the_question_set_side_by_side_are_no_answer(question: str, gold: str, answers: list[str]) -> None:
    problem = Problem(question, gold)
    verdicts = {answer: JUDGE.verify(rf"It is \boxed{{{answer}}}.", problem) for answer in answers}
    assert {answer: v.status for answer, v in verdicts.items() if v.status != "wrong"} == {}
    details = {v.detail for v in verdicts.values()}
    assert "the answer leaves a calculation undone" in details


@pytest.mark.parametrize(("question", "gold", "answers"), WORKED_OUT, ids=range(len(WORKED_OUT)))
def test_results_with_numbers_of_the_question_are_paid(question: str, gold: str, answers: list[str]) -> None:
    problem = Problem(question, gold)
    assert [a for a in answers if not JUDGE.verify(rf"It is \boxed{{{a}}}.", problem).correct] == []


def test_no_gold_answer_in_usual_dress_is_called_undone(data_dir) -> None:
    problems = [p for f in ("gsm8k_test", "math500") for p in load_problems(data_dir / f"{f}.jsonl")]
    for problem in problems:
        for dress in ("{}", "x = {}", r"{} \text{{ units}}", "({})", r"1 + 1 = {}"):
            answer = dress.format(problem.answer)
            verdict = JUDGE.verify(rf"\boxed{{{answer}}}", problem)
            assert "undone" not in verdict.detail, (problem.answer, answer)


# --- whole responses

PAID = [
    "\\[\\boxed{7}\\]", "\\begin{align*} x &= 3+4 \\\\ &= \\boxed{7} \\end{align*}", "$\\boxed{7}",
    "\\boxed\n{7}", "\\boxed{\n7\n}",
    "\\boxed{7}. Tell me if you want 8 more.", "\\boxed{7}\n\nCheck: 7 - 3 = 4.", "\\boxed{\\boxed{7}}",
    "\\boxed{\\text{7 boxes}}",
    "**Answer:** 7", "**Answer**: 7", "Answer: **7**", "Answer: \\[7\\]", "The answer is: **7**",
    "### Final Answer:\n**7**",
    "## Final Answer: 7", "#### $7", "####7", "#### **7**", "#### 7 boxes", "#### Answer: 7", "**7**", "= 7",
    "<answer> 7 </answer>\n",
    "<think>8?</think><answer>7</answer>", "\\boxed{7}<|eot_id|>", "The answer is 7.</s>", "Answer: x = 7",
    "Answer: `7`",
    "答案是 \\boxed{7}", "\\boxed{8}. Wait, no: \\boxed{7}", "Hence, the required answer is 7.",
    "The correct answer is: 7",
    "\\boxed{7}\n\n\\boxed{7}", "The answer is \\boxed{7}, i.e. \\boxed{\\text{seven}}", "\\boxed{7}" + "\n" * 1000,
]  # fmt: skip
UNPAID = [
    "\\boxed{8}\n#### 7", "\\boxed{8}\nAnswer: 7", "\\boxed{7}\\boxed{8}", "\\boxed{7}, or \\boxed{8}",
    "\\boxed{7}/\\boxed{8}",
    "-\\boxed{8}, \\boxed{7}", "\\boxed{1}, \\boxed{2}, \\boxed{7}", "The answer is 7.\nThe answer is 8.",
    "The answer is 8.\nThe answer is 7.", "The answer is 8, or the answer is 7", "Answer: 8 Answer: 7",
    "#### 8 #### 7", "#### 7 #### 8",
    "<answer>7</answer><answer>8</answer>", "<answer>7, 8</answer>", "<think>\\boxed{7}",
    "<think>The answer is 7", "<THINK>\\boxed{7}",
    "\\boxed{8}<think>\\boxed{7}</think>", "\\boxed{8}<think>\\boxed{7}", "<thinking>\\boxed{7}",
    "\\boxed{7} then \\boxed{8",
    "\\boxed{7", "\\boxed 78", "\\boxed{}7", "\\boxed{7?8}", "7 7 7", "7 or 8", "1\n2\n3\n4\n5\n6\n7",
    "It could be 7", "Answer: not 7",
    "Answer: 7 (or 8)", "Answer: between 7 and 8", "The wrong answer is 7", "The answer minus one is 7",
    "The answer is at most 7",
    "The answer is anything but 7", "The answer is definitely not 7", "The answer is x=7, y=8",
    "The answer is 7 or more",
    "The answer is ±7", "The answer is less than 7", "I don't think that the answer is 7", "If so, the answer is 7",
]  # fmt: skip


@pytest.mark.parametrize("response", PAID)
def test_responses_that_declare_the_answer_are_paid(response: str) -> None:
    assert verify(response, SEVEN).correct


@pytest.mark.parametrize("response", UNPAID)
def test_responses_that_do_not_declare_it_are_not_paid(response: str) -> None:
    assert not verify(response, SEVEN).correct


@pytest.mark.parametrize(
    "response",
    [r"\boxed{\textbf{(B) }97}", r"\boxed{\mathrm{(B)}\ 97}", r"\boxed{\text{B: }97}", "Answer: **B. 97**",
    "The answer is **B**.",
     "So the correct answer is **(B) 97**.", "The correct option is (B) 97", "**B. 97**", "The answer is $B$.",
     "The answer is\n**B**"],
)  # fmt: skip
def test_an_option_in_many_dresses_is_paid(response: str) -> None:
    assert verify(response, PRIME).correct


@pytest.mark.parametrize(
    "response",
    [r"\boxed{A or B}", r"\boxed{A/B}", r"\boxed{AB}", r"\boxed{B A}", r"\boxed{B}\boxed{A}", r"\boxed{\neg B}",
    r"\boxed{not B}",
     r"\boxed{A, B, C, D}", r"\boxed{A. 97 or B}", r"\boxed{B. A}", r"\boxed{(A)(B)}", r"\boxed{B - A}",
     r"\boxed{A = B}", r"\boxed{(B) 97, C}",
     r"\boxed{(B) 97 and (C) 99}", "Answer: A\nAnswer: B", "The answer is A, not B", "The answer is not B",
     "B and C", r"\boxed{В}", r"\boxed{2}"],
)  # fmt: skip
def test_two_options_and_look_alikes_are_not_paid(response: str) -> None:
    with_texts = PRIME.replace(metadata={"choices": {"A": "91", "B": "97", "C": "99", "D": "100"}})
    assert not ChoiceVerifier().verify(response, PRIME).correct
    assert not ChoiceVerifier().verify(response, with_texts).correct


THREE = bundle(
    Problem("What is 6 times 7?", 42), Problem("Is 91 prime?", "no", verifier="exact"), Problem("Add.", r"\frac34")
)


@pytest.mark.parametrize(
    ("response", "paid"),
    [
        ("Part 1: 42\nPart 2: no\nPart 3: 3/4", True),
        ("**Part 1:** \\boxed{42}\n**Part 2:** \\boxed{no}\n**Part 3:** \\boxed{0.75}", True),
        ("### Part 1: Product\n\\boxed{42}\n### Part 2: Prime?\n\\boxed{no}\n### Part 3: Sum\n\\boxed{3/4}", True),
        ("Part 1: 42\nPart 1: 41\nPart 2: no\nPart 3: 3/4", False),
        ("Part 1: 41\nPart 1: 42\nPart 2: no\nPart 3: 3/4", False),
        ("Part 1: \\boxed{41}\\boxed{42}\nPart 2: no\nPart 3: 3/4", False),
        ("Part 1: 42 or 41\nPart 2: no\nPart 3: 3/4", False),
        ("Part 1: 42\nPart 2: yes\nPart 2: no\nPart 3: 3/4", False), ("Part 1: 42\nPart 2: no\nyes\nPart 3: 3/4",
        False),
        ("Part 1: 42\nPart 2: \\boxed{yes}\nOr\nPart 2: \\boxed{no}\nPart 3: 3/4", False),
        ("Part 1: 42\nPart 3: 3/4", False),
        ("<think>Part 1: 42\nPart 2: no\nPart 3: 3/4</think>", False), ("\\boxed{42}, \\boxed{no}, \\boxed{3/4}",
        False),
    ],
)  # fmt: skip
def test_a_bundle_is_paid_for_one_right_answer_a_part(response: str, paid: bool) -> None:
    assert CompositeVerifier().verify(response, THREE).correct is paid


# --- hostile text: a verdict or a house error, nothing else

HOSTILE = [
    "9" * 19_999, "(" * 5_000, "{" * 9_000 + "}" * 9_000, r"\frac{" * 200 + "1" + "}{2}" * 200,
    r"\sqrt{1+" * 28 + "2" + "}" * 28,
    "*".join(f"(x_{k}+1)" for k in range(20)), "(x+y+z+w)^{12}", "2^{2^{2^{2^{2}}}}", "1e4001", "7" + "!" * 20,
    "1/" * 700 + "1",
    ",".join(["1"] * 61), r"\pm".join(["1"] * 12), r"\cup".join(f"({k},{k + 1})" for k in range(100)),
    r"\sqrt{" + "9" * 100 + "}",
    r"\sqrt[0]{5}", r"\log_1 5", r"\tan\frac{\pi}{2}", "|" * 40 + "7" + "|" * 40, "\x00", "\ud800", "7\x00",
    "\u202e8", "²" * 3_000, "½" * 3_000,
    r"\text{" * 100 + "8" + "}" * 100, r"\begin{pmatrix}" * 20 + "1" + r"\end{pmatrix}" * 20, "$" * 19_999,
    "\\" * 19_999, "," * 19_999,
    "x=" * 9_000, "1,000" * 4_000, "one hundred " * 1_500, "\\boxed{" * 2_500 + "8" + "}" * 2_500, "_" * 19_999,
    "e" * 19_999,
]  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_answers_get_a_verdict_and_no_pay(text: str) -> None:
    for gold in ("7", r"\text{east}", "(1,2)"):
        verdict = JUDGE.compare(gold=gold, answer=text)
        assert verdict.status in STATUSES
        assert not verdict.correct
    for judge, gold in (
        (JUDGE, SEVEN),
        (ChoiceVerifier(), PRIME),
        (ExactVerifier(), Problem("?", "B", verifier="exact")),
    ):
        for response in (text, f"Answer: {text}", rf"\boxed{{{text}}}"):
            assert not judge.verify(response, gold).correct


@pytest.mark.parametrize(
    "gold",
    ["\\boxed{", "\\frac{", "\ud800", "\x00", "nan", "None", "-", "\\text{}", "$$", "{}", "()", "7\n8", "x" * 30_000],
)
def test_strange_gold_answers_are_paid_for_nothing_else(gold: str) -> None:
    problem = Problem("?", gold)
    assert not any(
        verdict.correct for verdict in verify_batch([r"\boxed{8}", "Answer: 8", "", "#### 8"], [problem] * 4, workers=1)
    )


# --- links, read again by other means

ONES = [
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "thirteen",
    "fourteen", "fifteen", "sixteen", "seventeen", "eighteen", "nineteen",
]  # fmt: skip
TENS = ["twenty", "thirty", "forty", "fifty", "sixty", "seventy", "eighty", "ninety"]
WORDS = {word: value for value, word in enumerate(ONES, start=1)} | {"hundred": 100, "dozen": 12}
WORDS |= {word: 10 * value for value, word in enumerate(TENS, start=2)}
WORDS |= {f"{ten}-{one}": WORDS[ten] + WORDS[one] for ten in TENS for one in ONES[:9]}
FRACTION = re.compile(
    r"(?:(\d+)\s?)?(?:\\[dt]?frac\s*(?:\{\s*(\d+)\s*\}|(\d))\s*(?:\{\s*(\d+)\s*\}|(\d))"
    r"|(?<![\d.])(\d+)/(\d+))"
)
DECIMAL = re.compile(r"\d{1,3}(?:(?:,|\{,\}|,\\!)\d{3})+(?:\.\d+)?|\d+(?:\.\d+)?|\.\d+")


def _numbers(text: str) -> list[tuple[Fraction, int, int]]:
    """Every number of a text that stands on its own, with its place; neither exponents nor subscripts nor ordinals."""
    found, taken = [], []
    for m in FRACTION.finditer(text):
        pair = [int(x) for x in m.groups()[1:] if x is not None]
        if len(pair) == 2 and pair[1]:
            taken.append(m.span())
            found.append((Fraction(int(m[1] or 0)) + Fraction(*pair), *m.span()))
    for m in DECIMAL.finditer(text):
        before, after = text[max(m.start() - 12, 0) : m.start()], text[m.end() : m.end() + 2]
        inside = any(a <= m.start() and m.end() <= b for a, b in taken)
        if not inside and not re.search(r"[\^_]\{?[^\s{}]*$", before) and after not in ("st", "nd", "rd", "th"):
            found.append((Fraction(re.sub(r"[^\d.]", "", m[0])), *m.span()))
    for m in re.finditer(r"(?<![a-z-])[a-z]+(?:-[a-z]+)?(?![a-z])", text.lower()):
        if m[0] in WORDS:
            found.append((Fraction(WORDS[m[0]]), *m.span()))
    return found


def _faults(c: Composite) -> list[str]:
    faults, at = [], 0
    for index, part in enumerate(c.parts):
        pattern, start = "", 0
        for link in sorted((x for x in c.links if x.target == index), key=lambda x: x.span):
            symbol = re.escape(link.symbol_out)
            pattern += re.escape(part.prompt[start : link.span[0]])
            pattern += rf"(?:\${symbol}\$|\\\({symbol}\\\)|\{{{symbol}\}}|{symbol})"
            start = link.span[1]
        match = re.compile(pattern + re.escape(part.prompt[start:])).search(c.prompt, at)
        faults += [] if match else [f"part {index} is not whole"]
        at = match.end() if match else at
    for link in c.links:
        if not isinstance(link.value_in, (int, Fraction)):
            continue  # radicals: sympy would have to be trusted
        given, wanted = Fraction(str(link.value_in)), Fraction(str(link.value_out))
        shown = [value for value, *_ in _numbers(link.relation)]
        sign = len(re.findall(r"\bmore\b", link.relation)) - len(re.findall(r"\bless\b", link.relation))
        if given + sign * sum(shown) != wanted or len(shown) != abs(sign) or c.prompt.count(link.relation) != 1:
            faults.append(f"{link.relation!r} does not lead from {given} to {wanted}")
        if shown and shown[0] in (abs(given), wanted):
            faults.append("the difference tells a value")
        target = c.parts[link.target].prompt
        a, b = link.span
        if wanted not in [value for value, *_ in _numbers(target[a:b])]:
            faults.append(f"{target[a:b]!r} is not {wanted}")
        faults += [f"{v} stands again" for v, x, y in _numbers(target) if v in (wanted, given) and (y <= a or x >= b)]
        symbols = (link.symbol_in, link.symbol_out)
        faults += [
            f"{s} is in use"
            for s in symbols
            for p in c.parts
            if re.search(rf"(?<![A-Za-z\\]){s}(?![A-Za-z])", p.prompt)
        ]
    return faults


@pytest.mark.parametrize("file", ["gsm8k_test.jsonl", "math500.jsonl"])
@pytest.mark.parametrize(("depth", "mode"), [(2, "chain"), (4, "chain"), (2, "tree")])
def test_composites_of_real_problems_hold_when_read_by_other_means(data_dir, file: str, depth: int, mode: str) -> None:
    pool = load_problems(data_dir / file)[:250]
    composer = Composer(pool, depth=depth, mode=mode, seed=20_26, size=50)
    faults = {index: _faults(composite) for index, composite in enumerate(composer)}
    worst = {index: found for index, found in faults.items() if found}
    # In the lenient tier a numerator may repeat the constant ("1/4 pound ... 4 dozen"), which is sound: a few at most.
    serious = {i: [f for f in found if "stands again" not in f] for i, found in worst.items()}
    assert not any(serious.values())
    assert len(worst) <= (6 if file == "math500.jsonl" else 3)


def test_cross_domain_composites_pay_the_gold_answer_and_not_the_first_part() -> None:
    pool = [
        p
        for g in (generators.arithmetic, generators.physics, generators.logic, generators.choice, generators.code)
        for p in g(12, seed=3)
    ]
    for composite in Composer(pool, depth=2, cross_domain=True, seed=5, size=60):
        first, last = composite.parts
        assert audit(composite).ok
        assert first.domain != last.domain
        if last.verifier != "code":
            assert verify(rf"\boxed{{{composite.answer}}}", composite).correct
            assert not verify(rf"\boxed{{{first.answer}}}", composite).correct or first.answer == last.answer


NO_CONSTANT = [
    "Apollo 13 took off.", "Route 66 is long.", "COVID-19 struck.", "The 7-Eleven is open.",
    "In 1999 he had cows.", "Room 204 is full.",
    "On page 57 there are words.", "Player #5 scored.", "Team 7 beat Team 9.", "They split it 50-50.",
    "Open 24/7.", "Size 12 shoes.",
    "A grade 5 class.", "At 12:30 he came.", "At 5 o'clock he came.", "She is 5'10\".", "An F-16 flew.",
    "A 12-year-old sang.", "On May 7, he came.",
    "WD-40 helps.", "A V8 engine.", "Vitamin B12 helps.", "Flight 370 left.", "The ratio is 3:2.",
    "Version 2.0 sold.", "A 3-for-2 deal.",
    "What is $1011_2$ in base 10?", r"Compute $\sum_{k=1}^{50} k^2$.", r"Find $\int_0^{12} x dx$.", "$x_{12}$",
    "$21420N$", r"$0.\overline{36}$",
    "the $12$th term", "a $12$-gon", "a three-digit number", "$1, 12, 123, 1234$", "a 30-60-90 triangle",
    r"${}_{12}C_5$", "17–19", "17th-century",
]  # fmt: skip


@pytest.mark.parametrize("text", NO_CONSTANT)
def test_names_labels_and_typography_are_no_constants(text: str) -> None:
    assert not constants(text)


# --- tampering

SOURCE = Problem("What is 6 times 7?", 42)
TARGET = Problem("Tom has 157 nuts and eats a few, as many as Ann has. How many are left?", 127)


@pytest.mark.parametrize("seed", range(4))
def test_audit_sees_every_tampering_with_a_composite(seed: int) -> None:
    whole = chain(SOURCE, TARGET, seed=seed)
    (link,) = whole.links
    swapped = link.relation.replace("more", "LESS").replace("less", "more").replace("LESS", "less")
    prompts = [
        whole.prompt.replace(link.relation, swapped), whole.prompt.replace(link.relation, ""),
        whole.prompt.replace("6 times", "8 times"),
        whole.prompt.replace("How many are left?", ""), whole.prompt.replace(f"has {link.symbol_out}", "has 157"),
        whole.prompt.replace(link.relation, re.sub(r"\d+", lambda m: str(int(m[0]) + 1), link.relation)),
        whole.prompt.replace("What is 6 times 7?", ""), whole.prompt.replace(link.definition, ""),
    ]  # fmt: skip
    assert audit(whole).ok
    for prompt in prompts:
        assert prompt != whole.prompt
        assert not audit(whole.replace(prompt=prompt)).ok
    for changed in (
        {"value_in": 43},
        {"value_out": link.value_out + 1},
        {"symbol_out": link.symbol_in},
        {"span": (0, 3)},
    ):
        assert not audit(whole.replace(links=(dataclasses.replace(link, **changed),))).ok
    assert not audit(whole.replace(answer="5")).ok


@pytest.mark.parametrize(
    "answer",
    ["0", "x+1", "(1,2)", "1,2", "12:30", "1011_2", "e", "3+2i", r"\infty", "7!", "3/0", r"\pm 12", "10^5000",
    "9^{9^{9}}", "1" * 5_000, "B"],
)  # fmt: skip
def test_an_answer_that_is_no_fit_number_is_unlinkable(answer: str) -> None:
    with pytest.raises(Unlinkable):
        chain(Problem("Which number is it?", answer), TARGET)


@pytest.mark.parametrize(
    "text",
    ["{" * 20_000, r"\frac{" * 10_000, "```\n" * 5_000, "[asy] " * 5_000, "1 2 3 " * 5_000, "\ud800", "８８個", "88²"],
)
def test_hostile_prompts_link_soundly_or_not_at_all(text: str) -> None:
    try:
        made = chain(SOURCE, Problem(f"{text} nuts", 5))
    except Unlinkable:
        return
    assert not _faults(made)


def test_a_link_keeps_its_type() -> None:
    assert isinstance(chain(SOURCE, TARGET).links[0], Link)


# --- units, other bases, headings and named boxes


@pytest.mark.parametrize(
    ("question", "answer", "solution", "unit"),
    [
        ("Ann has 6 nickels. How much money does she have?", 30, "She has 6*5 = 30 cents.", "in cents"),
        ("How much money is left?", 4, "There is 32 - 28 = $4 million left.", "in millions of dollars"),
        ("How many live there now?", 4, "So there are 32 - 28 = 4 million.", "in millions"),
        ("How many dollars does she have?", 50, "So it is 5000 / 100 = $50.", ""),
        ("How many cents does she have?", 30, "She has 6*5 = 30 cents.", ""),
        ("How much does she pay?", 30, "As 100 cents make a dollar, it is $30.", ""),
    ],
)
def test_cents_and_millions_of_the_solution_are_in_the_definition(
    question: str, answer: int, solution: str, unit: str
) -> None:
    made = chain(
        Problem(question, answer, solution=solution), Problem("Tom eats 57 nuts of 100. How many are left?", 43)
    )
    found = re.search(r"in (?:cents|thousands|millions|billions)[a-z ]*", made.links[0].definition)
    assert (found[0].strip() if found else "") == unit


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("She needs 17 ½ cups and 25 pans.", ["25"]),
        ("She needs 17 cups and ½ of 25 pans.", ["17", "25"]),
        ("In base 7, $A5 + 12 = 30$ holds. He has 25 pens.", ["25"]),
        ("$4AB_7$ is worth 43 dimes.", ["43"]),
        ("The base 12 of 25 pens", ["25"]),
        (r"At $12\!:\!30$ he has 25 pens.", ["25"]),
        (r"At last $12\!\cdot 30$ of 25 pens.", ["12", "30", "25"]),
    ],
)
def test_pieces_of_numbers_and_numerals_of_other_bases_are_no_constants(text: str, numbers: list[str]) -> None:
    assert [c.text for c in constants(text)] == numbers


@pytest.mark.parametrize("answer", ["12th", "1st", "2nd", "12 th"])
def test_an_ordinal_is_no_number_with_a_unit(answer: str) -> None:
    with pytest.raises(Unlinkable):
        chain(Problem("Which floor?", answer), Problem("Tom eats 57 nuts of 100. How many are left?", 43))


@pytest.mark.parametrize(
    ("heading", "read"),
    [
        ("Part {}. ", True), ("(Part {}) ", True), ("**Part {}.** ", True), ("Part {}.\n", True), ("Part {}) ", True),
        ("Part {}.5 ", False), ("Part {} of ", False), ("Partly {}. ", False),
    ],
)  # fmt: skip
def test_headings_of_bundles_in_words_and_with_stops_are_found(heading: str, read: bool) -> None:
    both = bundle(Problem("What is 6 times 7?", 42), Problem("What is 40 + 3?", 43))
    for first, second in (("1", "2"), ("One", "Two"), ("one", "two")):
        answers = f"{heading.format(first)}42\n{heading.format(second)}{{}}"
        assert verify(answers.format(43), both).correct is read
        assert not verify(answers.format(42), both).correct


def test_a_box_that_says_what_a_links_symbol_is_is_no_guess() -> None:
    both = chain(Problem("What is 6 times 7?", 42), Problem("Tom eats 57 nuts of 100. How many are left?", 43), seed=1)
    x, y = both.links[0].symbol_in, both.links[0].symbol_out
    right = [
        rf"${x} = \boxed{{42}}$" + "\n\n" + r"$\boxed{43}$",
        rf"\boxed{{{x} = 42}}" + "\n" + r"\boxed{43}",
        rf"\boxed{{{x}=42}}, \boxed{{{y}=57}}, \boxed{{43}}",
    ]
    wrong = [
        r"\boxed{42}, \boxed{43}",
        rf"\boxed{{43}} ${x} = \boxed{{42}}$",
        rf"\boxed{{{x}=43}}, \boxed{{44}}",
        rf"\boxed{{{x}=42}}, \boxed{{41}}, \boxed{{43}}",
        r"\boxed{Q7=42}, \boxed{43}",
    ]
    assert [response for response in right if not verify(response, both).correct] == []
    assert [response for response in wrong if verify(response, both).correct] == []


EGGS = Problem("How many eggs are in 12 boxes of 16?", 192)


@pytest.mark.parametrize(
    "answer",
    [r"12\cdot16\cdot1^2", r"12\times16+0^2", r"12\cdot16+5-5", r"12\cdot16\cdot\frac77", r"\binom{12\cdot16}{1}",
     r"\log_2 2^{12\cdot16}", r"\ln e^{192}", r"16^1\cdot12"],
)  # fmt: skip
def test_two_numbers_of_the_question_that_meet_are_no_answer(answer: str) -> None:
    assert JUDGE.verify(rf"\boxed{{{answer}}}", EGGS).status == "wrong"
    assert JUDGE.verify(rf"\boxed{{{answer} = 192}}", EGGS).correct


@pytest.mark.parametrize("answer", ["192", r"3\cdot2^6", r"1.92\times10^2", r"\frac{384}{2}", r"192\text{ eggs}"])
def test_a_number_in_another_form_is_an_answer(answer: str) -> None:
    assert JUDGE.verify(rf"\boxed{{{answer}}}", EGGS).correct


@pytest.mark.parametrize(
    ("gold", "undone", "done"),
    [
        (r"\frac{3}{2}", [r"\log_4 8", r"\frac{\log 8}{\log 4}"], ["1.5", r"\log_4 8 = \frac32"]),
        (r"\frac{\sqrt3}{2}", [r"\cos 30^\circ"], [r"\sqrt{3}/2", r"\sin 60^\circ = \frac{\sqrt{3}}{2}"]),
        (r"\frac{\pi}{4}", [r"\arctan 1"], [r"\pi/4"]),
        (r"\ln 2", [], [r"\ln 2", r"\ln(2)"]),
        (r"\ln x", [], [r"\ln x", r"\ln(x)"]),
    ],
)
def test_function_values_are_no_answer_where_the_gold_has_none(gold: str, undone: list[str], done: list[str]) -> None:
    problem = Problem("What is it?", gold)
    assert not any(JUDGE.verify(rf"\boxed{{{answer}}}", problem).correct for answer in undone)
    assert all(JUDGE.verify(rf"\boxed{{{answer}}}", problem).correct for answer in done)


OPTIONS = {"A": "91", "B": "97", "C": "99", "D": "a hundred"}
LINES = "\n".join(f"{letter}. {text}" for letter, text in OPTIONS.items())
LISTED = [
    Problem("Which one is prime?", "B", verifier="choice", metadata={"choices": OPTIONS}),
    Problem(f"Which one is prime?\n{LINES}", "B", verifier="choice"),
]


@pytest.mark.parametrize("problem", LISTED, ids=["metadata", "prompt"])
@pytest.mark.parametrize(
    ("answer", "right"),
    [
        ("B. c", False), ("B: a, c, d", False), ("B) i guess, else d", False),
        ("(B) unless it is c", False),
        ("B: A is also right", False), ("B. 91", False), ("(B) 99", False), ("B. 97 and 99", False), ("B. 97, 99", False),
        ("B. 97 / c", False), ("97 or 99", False), ("B. 97", True), ("(B) 97", True), ("B", True), ("97", True),
        ("B) 97, which is prime", True), ("B. a prime number", True), ("B) the second", True),
    ],
)  # fmt: skip
def test_a_letter_is_no_answer_beside_another_option(problem: Problem, answer: str, right: bool) -> None:
    for response in (rf"\boxed{{{answer}}}", f"The answer is {answer}."):
        assert ChoiceVerifier().verify(response, problem).correct == right
