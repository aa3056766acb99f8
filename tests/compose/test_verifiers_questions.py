"""What an answer owes to its question: it is worked out, counts in what was asked for, and may be a sentence."""

from __future__ import annotations

import re
import time

import pytest

from composekit.compose import MathVerifier, Problem, load_problems

JUDGE = MathVerifier()


def _status(gold: object, answer: str, prompt: str = "How many?", *, box: bool = True) -> str:
    return JUDGE.verify(rf"\boxed{{{answer}}}" if box else answer, Problem(prompt, gold)).status


# --- worked out


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("192", r"13 \cdot 16 - 16"), ("192", "12*16 = 200-8"), ("192", "200 - 8"), ("192", "96 + 96"),
        ("192", r"\$200 - 8"),
        ("192", r"(200-8) \text{ eggs}"), ("192", r"-(8-200)"), ("192", r"\frac{400-16}{2}"),
        ("192", r"2^6 \cdot (2+1)"),
        (r"\frac{1}{6}", r"\frac12 \cdot \frac13"), (r"\frac{13}{18}", r"1 - \frac{5}{18}"), ("0.7", "1 - 0.3"),
        (r"3\sqrt5", r"\sqrt{(2+4)^2+3^2}"), (r"3\sqrt{5}", r"\sqrt{36+9}"), (r"3\sqrt{5}", r"\sqrt{6^2+3^2}"),
        (r"6\sqrt5", r"2 \cdot 3\sqrt5"), (r"6\pi", r"2 \cdot \pi \cdot 3"), (r"7+5\sqrt3", r"10+5\sqrt3-3"),
        (r"7\pi", r"20\pi - 13\pi"), ("6+9i", "6+12i-3i"), (r"\frac{\pi}{2}", r"\frac{\pi}{3}+\frac{\pi}{6}"),
        (r"11\sqrt5+11", r"\frac{11}{2}\sqrt5+\frac{11\sqrt5}{2}+11"),
        ("0", "x - x"), ("0", "P(0)"), ("0", "f^{-1}(0)"), ("0", "0x"), ("1", r"\frac{x}{x}"), ("1", "n^0"),
        ("3", r"0\cdot y + 3"),
        ("(3,7)", "(1+2, 7)"), ("3,7", "7, 1+2"), ("10", r"50\% \cdot 20"), ("7", r"2 \cdot 3\frac12"),
    ],
)  # fmt: skip
def test_arithmetic_with_plain_numbers_is_no_result(gold: str, answer: str) -> None:
    verdict = JUDGE.verify(rf"\boxed{{{answer}}}", Problem("How many?", gold))
    assert (verdict.status, verdict.detail) == ("wrong", "the answer leaves a calculation undone")
    assert JUDGE.compare(gold=gold, answer=answer).correct  # the value is right


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("1024", "2^{10}"), ("120", "5!"), ("120", r"\binom{10}{3}"), ("35", r"\frac{7!}{3!4!}"),
        ("0.75", r"\frac34"),
        ("0.15", r"\frac{6}{40}"), ("8", r"\frac{56}{7}"), ("1.5", r"1\frac12"), ("-1.5", r"-1\frac12"),
        ("0.5", r"50\%"),
        ("200000", r"2\cdot10^5"), ("1000000", "10^6"), ("26000", r"26 \cdot 1000"), ("1023", "2^{10}-1"),
        ("5000", "5 thousand"),
        ("3072", r"3\cdot2^{10}"), ("24", r"2^3 \cdot 3"), (r"3+\sqrt2", r"\sqrt2+3"), (r"3\sqrt5", r"\sqrt{45}"),
        (r"\frac{\sqrt3}{2}", r"\frac12\sqrt3"), (r"\frac{1+\sqrt5}{2}", r"\frac12+\frac{\sqrt5}{2}"),
        (r"5\pi", r"\pi \cdot 5"),
        ("192", r"200 - 8 = 192"), ("192", r"192 = 12 \cdot 16"), ("5+3", "3+5"), ("2x+2x", "4x"),
        ("3+4i", "4i+3"), (r"\frac{1023}{1024}", r"1-\frac{1}{2^{10}}"), (r"2 \cdot 3 \cdot 5", r"5 \cdot 3 \cdot 2"),
        ("144", "3!4!"), (r"5\sqrt2+3\sqrt3", r"3\sqrt3+\sqrt2\cdot 5"),
        (r"2\pi+\pi", r"\pi+2\pi"),
        ("10080", r"7!\times 2!=10,\!080"),
    ],
)  # fmt: skip
def test_ways_to_write_a_number_are_results(gold: str, answer: str) -> None:
    assert _status(gold, answer) == "correct"


@pytest.mark.parametrize(
    ("prompt", "gold", "answer", "correct"),
    [
        ("How long is it? Express your answer in simplest radical form.", r"5\sqrt2", r"\sqrt{50}", False),
        ("How long is it? Express your answer in simplest radical form.", r"5\sqrt2", r"\sqrt2 \cdot 5", True),
        (
            "How long is it? Express your answer in simplest radical form.",
            r"\frac{\sqrt2}{2}",
            r"\sqrt{\frac12}",
            False,
        ),
        ("How long is it? Express your answer in simplest radical form.", r"2\sqrt[3]{2}", r"\sqrt[3]{16}", False),
        ("How long is it? Express your answer in simplest radical form.", r"\sqrt{50}", r"1\sqrt{50}", True),
        ("How long is it?", r"5\sqrt2", r"\sqrt{50}", True),
        ("How long is it? Rationalize the denominator.", r"\frac{\sqrt2}{2}", r"\frac{1}{\sqrt2}", False),
        ("How long is it?", r"\frac{\sqrt2}{2}", r"\frac{1}{\sqrt2}", True),
    ],
)
def test_a_radical_has_the_form_that_was_asked_for(prompt: str, gold: str, answer: str, correct: bool) -> None:
    assert (_status(gold, answer, prompt) == "correct") is correct


# --- counted in what was asked for


@pytest.mark.parametrize(
    ("prompt", "gold", "answer", "correct"),
    [
        ("A baker made 84 rolls. How many dozens did he bake?", "7", r"7 \text{ dozen}", True),
        ("A baker made 84 rolls. How many dozens did he bake?", "7", "7 dozens", True),
        ("How many dozen eggs will she eat?", "7", r"7 \text{ dozen eggs}", True),
        ("How many rolls did he bake?", "84", r"7 \text{ dozen}", True),
        ("How many rolls did he bake?", "7", r"7 \text{ dozen}", False),
        ("How many dozens did he bake?", "7", r"8 \text{ dozen}", False),
        ("How many million people live there?", "7", r"7 \text{ million}", True),
        ("How many million people live there?", "7", r"7 \text{ thousand}", False),
        ("How many dollars does it cost?", "18", r"18 \text{ cents}", False),
        ("How many dollars does it cost?", "18", r"18¢", False),
        ("How many dollars does it cost?", "18", r"\$18", True),
        ("How many cents does it cost?", "18", r"\$18", False),
        ("How many cents does it cost, at 100 cents a dollar?", "18", r"18 \text{ cents}", True),
        ("How much is that, in cents?", "18", r"\$18", False),
        ("How much is that?", "18", r"18 \text{ cents}", True),
        ("How many hours does it take?", "5", r"5 \text{ minutes}", False),
        ("How many hours does it take?", "5", r"5 \text{ hrs}", True),
        ("How many hours does it take to walk 5 miles?", "5", r"5 \text{ eggs}", True),
        ("How many letters are in his name?", "7", r"7 \text{ feet}", True),
        ("How many feet is it in inches?", "7", r"7 \text{ inches}", True),
    ],
)
def test_an_answer_counts_in_what_the_question_asks_for(prompt: str, gold: str, answer: str, correct: bool) -> None:
    assert (_status(gold, answer, prompt) == "correct") is correct


# --- sentences that were declared the answer


@pytest.mark.parametrize(
    ("gold", "response"),
    [
        ("3", "The answer is 3 bolts in total."), ("18", "Answer: Janet makes $18 per day at the market."),
        ("18", r"Answer: Janet makes \$18 every day."), ("540", "Answer: James runs a total of 540 meters a week."),
        ("20", "The final answer is 20 cups of feed for the last meal."), ("15", "Answer: 15 more than Tommy."),
        ("36", "Answer: She spent 36 more on ice cream than on yogurt."),
        ("72", "Answer: 72 clips altogether in April and May."),
        ("7", "Answer: There are 7 letters in Samantha's last name."), ("18", "Answer: He is 18 years old."),
        (r"\frac{3}{4}", r"Answer: Each friend gets $\frac{3}{4}$ of a pizza."), ("7", "#### He needs 7 of them"),
        ("6", "Answer: the smallest possible value of $n$ is $6$."),
        ("85", "Answer: The average of the scores was 85."),
        ("7", "<answer>There are 7 of them left.</answer>"), ("7", r"\boxed{7 \text{ bolts in total}}"),
        ("17", "Answer: $17 in all."),
        ("7", "Answer: **7** apples are left for them."), ("25", "Answer: 25ml of oil is needed."),
        ("22", "Answer: Tyler has 22 CDs now."),
        ("3,000", "Answer: She sold 3,000 cups in total."), ("650", "Answer: $650/day"),
        ("5 apples", "Answer: He has 5 apples left."),
    ],
)  # fmt: skip
def test_a_declared_sentence_with_one_number_declares_it(gold: str, response: str) -> None:
    assert _status(gold, response, box=False) == "correct"


@pytest.mark.parametrize(
    "response",
    [
        "Answer: It is not 7.", "Answer: She doesn't have 7 nuts.", "Answer: at least 7 apples",
        "Answer: less than 7 apples",
        "Answer: more than 7 apples", "Answer: about 7 apples or so", "Answer: It could be 7 apples.",
        "Answer: perhaps 7 apples",
        "Answer: 7 out of 9 apples", "Answer: 7 apples or 8 pears", "Answer: 7 apples and 8 pears",
        "Answer: half of 7 apples",
        "Answer: twice 7 apples", "Answer: the square root of 7 apples", "Answer: the sum of 7 apples",
        "Answer: 7 times the number",
        "Answer: 7 more than x", "Answer: 7 more than the number", "Answer: 7 plus some more",
        "Answer: 7 dollars and some cents",
        "Answer: 7 below zero today", "Answer: 7 hundredths of it", "Answer: 7 quadrillion of them",
        "Answer: negative 7 of them",
        "Answer: 7-year-old children", "Answer: see step 7 for it", "Answer: Part 7", "Answer: it is $7$ times $x$.",
        "Answer: 7' of rope is left", "Answer: 7! ways are there", "Answer: 7^2 ways are there",
        "Answer: the 7 n apples",
        "Answer: if she is right, there are 7 apples", "Answer: I think there are 7 apples",
        "Answer: 7 pi of them are left",
        r"The answer is $\text{not} = 7$.", "It takes 7 bolts in total.", "She has 7 apples left over.",
        "There is no answer, but 7 appears.", "So Janet makes $7 every day.",
        "The answer to the first part is 7 bolts in total.",
        "Answer: 7 is too small", "Answer: all numbers from 7", "Answer: everything after 7", "Answer: within 7 of it",
        "Answer: until 7 of them are left", "Answer: There were 7, now fewer", "Answer: multiples of 7 only",
        "Answer: the 7th prime number", "Answer: greater than 7 in all", "Answer: anything except 7 of them",
        "Answer: She has 3 + 4 = 7 apples", "Answer: six apples, not 7 of them",
        "Answer: something like 7", "Answer: ballpark 7 apples", "Answer: 7 apples, give or take", "Answer: 7?",
    ],
)  # fmt: skip
def test_sentences_that_state_no_one_number_are_not_paid(response: str) -> None:
    assert _status(7, response, box=False) == "unparseable"


def test_a_question_states_nothing() -> None:
    assert _status(r"\text{even}", r"\boxed{\text{even?}}", box=False) == "unparseable"
    assert _status(r"\text{even}", r"\boxed{\text{even}}", box=False) == "correct"


def test_a_declared_number_that_is_another_one_is_wrong() -> None:
    assert _status(7, "Answer: Janet makes $8 per day at the market.", box=False) == "wrong"
    assert _status("5 apples", "Answer: He has 5 oranges left.", box=False) == "wrong"


def test_last_sentences_of_real_solutions_are_paid_where_they_are_declared(data_dir) -> None:
    paid = other = 0
    for problem in load_problems(data_dir / "gsm8k_test.jsonl"):
        last = re.sub(r"<<.*?>>", "", (problem.solution or "").split("####")[0].strip().splitlines()[-1])
        tail = re.match(r".*= *(\$? *[\d.,]+[^=]*)$", last)  # the result and what is said of it
        if tail is None or re.search(r"\d.*[ -]\d|\d\D*$", tail[1]) is None:
            continue
        verdict = JUDGE.verify(f"Answer: {tail[1]}", problem)
        assert not JUDGE.verify(f"So {tail[1]} it is.", problem).correct
        paid += verdict.correct
        other += not verdict.correct
    assert paid > 10 * other


# --- chains of equations, units, systems


@pytest.mark.parametrize(
    ("gold", "answer", "correct"),
    [
        (r"\frac{\pi}{4}", r"\arctan 1 = \frac{\pi}{4}", True),
        (r"-\frac{\pi}{6}", r"\arcsin(-\frac12)=-\frac{\pi}{6}", True),
        (r"\frac{2\pi}{3}", r"\arccos(-\frac12) = \frac{2\pi}{3}", True), ("45", r"\arctan 1 = 45^\circ", True),
        ("45", r"\arctan 1 = 46^\circ", False), (r"\frac{\pi}{4}", r"\arctan 2 = \frac{\pi}{4}", False),
        ("21", r"\gcd(84,63)=21", True), ("21", r"\max(3,21)=21", True), ("21", r"\gcd(84,63)=22=21", False),
        ("52_8", r"6_8\cdot7_8=52_8", True), ("52_8", r"6_8\cdot6_8=52_8", False),
        ("60", r"\frac{12}{20}=60\%", True),
        ("60", r"\frac{13}{20}=60\%", False), ("60", r"x = \frac{12}{20} = 60\%", True), ("7", "8 = 7", False),
        (r"\frac13", r"\sum_{k=1}^\infty 4^{-k} = \frac13", True), ("2", r"\int_0^1 x\,dx = \frac12 = 2", False),
        ("(-1,6)", r"\left(\frac{-5+3}{2},\frac{5+7}{2}\right)=(-1,6)", True), ("(1,2)", "(2,1)=(1,2)", False),
        ("(8,-2)", "P=(x,y)=(8,-2)", True), ("28", r"{8 \choose 2} = 28", True),
        ("25", r"25 \text{ k}\Omega", True), ("25", "25 kΩ", True), (r"25 \text{ ohm}", r"25 \text{ k}\Omega", False),
        ("25", r"25\,\mu\text{m}", True), ("25", "25 µm", True), (r"25 \text{ m}", r"25\,\mu\text{m}", False),
        ("25", r"25\mu", False),
        ("2.7", r"2.7\,\frac{\text{g}}{\text{cm}^3}", True),
        (r"2.7 \text{ g/cm}^3", r"2.7 \frac{\text{g}}{\text{cm}^3}", True),
        (r"2.7 \text{ g/cm}^3", r"2.7 \frac{\text{g}}{\text{cm}^2}", False), ("5", r"5\text{ man-hours}", True),
        ("10", "10 T-shirts", True),
        ("5", "|AB| = 5", True), ("5", "|x| = 5", False),
        ("900", "900m", True), ("650", "650/day", True), ("7", "7/x", False), ("7", r"7/\theta", False),
        ("7", r"\text{7k}", False),
        ("(1,2)", r"\begin{cases} x=1 \\ y=2 \end{cases}", True),
        ("(1,2)", r"\begin{cases} x=2 \\ y=1 \end{cases}", False),
    ],
)  # fmt: skip
def test_chains_units_and_systems(gold: str, answer: str, correct: bool) -> None:
    assert (_status(gold, answer) == "correct") is correct


# --- giants


@pytest.mark.parametrize(
    "answer",
    [
        r"\binom{10^9}{5\cdot10^8}", r"\left|\binom{10^9}{5\cdot10^8}\right|", r"\binom{10^5}{10^4}",
        r"\binom{x}{10^9}",
        r"\binom{10^{300}}{2}", r"\binom{\binom{1000}{500}}{\binom{1000}{499}}", r"\cos\binom{10^9}{5}", "(10^9)!",
        "((3!)!)!!",
        "10^{10^9}", "2^{2^{2^{2^{2^2}}}}", "10^{-10^9}", r"\sqrt[10^9]{2}", r"\log_2(2^{10^9})",
        r"(1+\sqrt2)^{10^6}",
        r"\sum_{k=1}^{10^{12}} k", r"\prod_{k=1}^{10^{12}} k", r"\tan(10^{10^5})",
    ],
)  # fmt: skip
def test_giants_are_refused_by_their_size(in_time, answer: str) -> None:
    JUDGE.compare(gold="1", answer="2")  # no import on the clock
    assert in_time(0.5, lambda: _status(7, answer), clock=time.perf_counter) in ("wrong", "unparseable")


def test_binomial_coefficients_of_large_numbers_are_exact_where_they_are_small() -> None:
    assert JUDGE.compare(gold="499999999500000000", answer=r"\binom{10^9}{2}").detail == "compared exactly"
    assert (
        JUDGE.compare(gold=r"\frac{1300!}{(650!)^2}", answer=r"\binom{1300}{650}").status != "correct"
    )  # over a limit
    assert JUDGE.compare(gold="0", answer=r"\binom{3}{5}").correct


# --- other spellings of one thing


@pytest.mark.parametrize(
    ("gold", "answer", "correct"),
    [
        ("52_8", r"52 \text{ (base 8)}", True), ("52_8", r"52\text{ base }8", True), ("52_8", "52 in base 8", True),
        ("52_8", r"52_{(8)}", True), ("52_8", r"52_\text{8}", True), ("52_8", r"52_{\mathrm{eight}}", True),
        ("52_8", r"{52}_8", True), ("52_8", r"\text{52}_8", True), ("52_8", r"\overline{52}_8", True),
        ("52_8", r"52_{\text{(eight)}}", True), ("52_8", r"52 \text{ (base eight)}", True),
        ("52_8", r"52 \text{ (base 9)}", False), ("52_8", r"52 \text{ base }9", False), ("52_8", r"52_{(9)}", False),
        ("52_8", r"52_{\mathrm{nine}}", False), ("52_8", r"42 \text{ (base 10)}", False),
        (r"90^\circ", r"90\,{}^\circ", True), (r"90^\circ", r"90\text{\textdegree}", True), (r"90^\circ", "90^o", True),
        (r"90^\circ", r"90^{\text{o}}", True), (r"90^\circ", r"80\,{}^\circ", False), ("4^o", "4^o", True),
        ("7", r"\begin{aligned} x &= 3 + 4 \\ &= 7 \end{aligned}", True), ("7", r"\begin{array}{c} 7 \end{array}", True),
        ("7", r"\begin{aligned} x &= 3 + 5 \\ &= 7 \end{aligned}", False),
        ("7", r"\begin{array}{cc} 7 & 8 \end{array}", False),
        ("(1,2)", r"\begin{aligned} x &= 1 \\ y &= 2 \end{aligned}", True),
        ("7", r"\begin{aligned} x &= 7 \\ x &= 8 \end{aligned}", False),
        ("7", r"\begin{gathered} 7 \\ 8 \end{gathered}", False),
        ("18", r"9 \times \$2 = \$18", True), ("18", r"\$20 - \$2 = \$18", True), ("18", r"9 \times \$2 = \$19", False),
        ("18", r"9 \times \$3 = \$18", False), (r"\$32,348", r"\$\,32{,}348", True), ("32,348", r"x=\,32{,}348", True),
        ("42", "42''", True), ("42", "42 in", True), (r"864 \text{ in}^2", "864 in^2", True), (r"90^\circ", "90''", False),
        (r"864 \text{ in}^2", r"864\text{ sq. in.}", True), (r"864 \text{ in}^2", r"864 \text{ in.}^2", True),
        (r"864 \text{ in}^2", r"864\text{ cu. in.}", False), ("27", "|S| = 27", True), ("27", r"|A \cap B| = 27", True),
        ("27", r"27\checkmark", True), ("27", "27 ✅", True), ("27", "2✅7", False),
        (r"\text{east}", r"\large \text{east}", True),
        (r"\text{east}", r"\color{blue}{\text{east}}", True), (r"\text{east}", r"\textcolor{red}{\text{west}}", False),
        ("p - q", r"\boldsymbol{p - q}", True), (r"\cot x", r"\mathbf{\cot x}", True),
        (r"(3, \frac{\pi}{2})", r"r = 3, \theta = \frac{\pi}{2}", True),
        (r"(3, \frac{\pi}{2})", r"r = \frac{\pi}{2}, \theta = 3", False),
        (r"\text{(C)}", r"\text{Option C}", True), (r"\text{(C)}", "C: 3", True),
        (r"\text{(C)}", r"\text{Choice (C)}", True),
        (r"\text{(C)}", r"\text{Option D}", False), (r"\text{(C)}", "C: 3 or D", False), (r"\text{(C)}", "D: C", False),
    ],
)  # fmt: skip
def test_other_spellings_of_one_answer(gold: str, answer: str, correct: bool) -> None:
    assert (_status(gold, answer) == "correct") is correct


# --- sentences that answer with a word; brackets, scales, and nouns that the question counts

FACING = "She is facing north and spins to her right. Which direction (north, south, east or west) is she facing?"
PARITY = "Let $f(x)$ be an odd function, and $g(x)$ an even function. Is $f(g(x))$ even, odd, or neither?"
RUNNERS = "The graph shows five students. Which student has the greatest average speed?"


@pytest.mark.parametrize(
    ("prompt", "gold", "response", "correct"),
    [
        (PARITY, "even", "Answer: The function is even.", True), (PARITY, "even", "Answer: $f(g(x))$ is even.", True),
        (PARITY, "even", r"\boxed{\text{even function}}", True), (PARITY, "even", r"\boxed{\text{an even function}}", True),
        (RUNNERS, "Evelyn", "Answer: Evelyn has the greatest average speed.", True),
        (RUNNERS, "Evelyn", "The answer is that student Evelyn.", False),
        (FACING, "east", "Answer: She is facing east.", True),
        (PARITY, "even", "Answer: The function is odd.", False),
        (PARITY, "even", "Answer: The function is not even.", False),
        (PARITY, "even", r"\boxed{\text{even, odd}}", False), (PARITY, "even", r"\boxed{\text{even odd}}", False),
        (PARITY, "odd", r"\boxed{\text{odd even}}", False), (PARITY, "even", r"\boxed{\text{even or odd}}", False),
        (PARITY, "even", r"\boxed{\text{even, odd, or neither}}", False),
        (PARITY, "even", "Answer: neither is even.", False),
        (FACING, "north", r"\boxed{\text{north south east}}", False),
        (FACING, "north", r"\boxed{\text{north, south}}", False),
        (FACING, "east", "Answer: She is facing north-east.", False), (FACING, "east", "Answer: east of north", False),
        (RUNNERS, "Evelyn", "Answer: Carla has greater speed than Evelyn.", False),
        (RUNNERS, "Evelyn", "Answer: Evelyn or Carla has the greatest average speed.", False),
        ("How many M&Ms did she get?", "762", "Answer: 762 M&Ms", True),
        ("How many M&Ms?", "762", "Answer: 761 M&Ms", False),
        ("How many quarters are left?", "16", r"\boxed{16 \text{ quarters}}", True),
        ("How much is left?", "16", r"\boxed{16 \text{ quarters}}", False),
        ("How many fourth grade boys are there?", "49", "Answer: 49 fourth grade boys", True),
        ("q", "18", "Answer: 18 (dollars)", True), ("q", "18", r"\boxed{18\text{ (dollars)}}", True),
        ("q", "27", "The answer is **27** (twenty-seven).", True), ("q", "27", "Answer: 27 (thirty)", False),
        ("q", "27", "Answer: 27 (not sure)", False), ("q", "27", "Answer: 27 (million)", False),
        ("q", "27", "Answer: twenty (27)", False),
        ("q", r"90^\circ", "Answer: The angle is 90°.", True), ("q", "7", "Answer: the minimum is 7", True),
        ("q", "7", "Answer: There are 7 trees near the house.", True), ("q", "7", "Answer: He takes 7 min.", True),
        ("q", "7", r"\boxed{7\text{ bn}}", False), ("q", "7", r"\boxed{7\text{ kilo}}", False),
        ("q", "7", r"\boxed{\text{near }7}", False),
        ("q", "7", "Answer: just shy of 7 cups", False), ("q", "50", "Answer: 50 per mille", False),
        ("q", "7", r"\boxed{7\text{ish}}", False),
        ("q", "7", r"\boxed{\text{a factor of }7}", False), ("q", "7", r"\boxed{7\text{ maximum}}", False),
    ],
)  # fmt: skip
def test_words_of_the_question_may_stand_around_an_answer(prompt: str, gold: str, response: str, correct: bool) -> None:
    assert (_status(gold, response, prompt, box=False) == "correct") is correct


@pytest.mark.parametrize(
    ("gold", "response", "correct"),
    [
        ("18", "The answer in dollars is 18.", True), ("18", "The answer, in dollars, is 18.", True),
        ("18", "The answer in simplest form is 18.", True), ("18", "The answer turns out to be 18.", True),
        ("18", "The answer comes to $18.", True), ("p - q", "The answer is therefore $p - q$.", True),
        ("18", r"\boxed{\text{Answer: } 18}", True), ("18", r"\boxed{\text{The final answer is } 18}", True),
        ("18", r"\boxed{\text{Answer: 18}}", True), ("18", r"\boxed{\text{Answer: not } 18}", False),
        ("18", r"\boxed{\text{Answer: } 17 \text{ or } 18}", False), ("18", r"\boxed{\text{Answer: }}", False),
        ("18", "The answer in step one is 18.", False), ("18", "The answer in the first case is 18.", False),
        ("18", "The answer turns out not to be 18.", False), ("18", "If so, the answer comes to 18.", False),
    ],
)  # fmt: skip
def test_words_that_say_that_this_is_the_answer(gold: str, response: str, correct: bool) -> None:
    assert (_status(gold, response, box=False) == "correct") is correct


@pytest.mark.parametrize(
    ("gold", "response", "correct"),
    [
        ("7", "Answer: his 7 friends get the rest", False), ("7", "The answer is that the 7 others share it", False),
        ("7", "Answer: 7 friends come to the party", True), ("7", "Answer: the 7 dollars that she saved", True),
        ("1,-2", "Answer: The roots are 1 and -2", True),
        ("1,-2", "The answer is: the zeros of $f$ are $x=1$ and $x=-2$.", True),
        ("1,-2", "Answer: The roots are 1 and perhaps -2", False), ("1,-2", "Answer: The roots are not 1 and -2", False),
        ("1", "Answer: The roots are 1 and -2", False),
        ("27", "The answer is 27!", True), ("27", "The answer is $27!$", False), ("120", "The answer is 5!", True),
        (r"\frac{14}{3}", "Answer: 14/3 (or 4 2/3)", True), (r"\frac{14}{3}", "Answer: 14/3 (about 4.67)", True),
        (r"\frac{14}{3}", r"\boxed{\frac{14}{3} (or 5)}", False), ("7", "Answer: 7 (or 8)", False),
        ("7", "Answer: 8 (or 7)", False),
        ("1,-2", r"\boxed{1 \quad -2}", True), ("1,-2", r"\boxed{x = 1, \quad x = -2}", True),
        ("1", r"\boxed{1 \quad -2}", False),
    ],
)  # fmt: skip
def test_lists_in_sentences_and_what_stands_behind_a_number(gold: str, response: str, correct: bool) -> None:
    assert JUDGE.verify(response, Problem("What is it?", gold)).correct is correct
