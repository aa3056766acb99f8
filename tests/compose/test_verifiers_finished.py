"""What is a finished answer: solved, worked out, named as the question names it; and right ones in other names and words."""

from __future__ import annotations

import pytest

from composekit.compose import MathVerifier, Problem

JUDGE = MathVerifier()
UNDONE = "the answer leaves a calculation undone"
UNSOLVED = "the answer is an equation or inequality that nobody solved"
OPTIONS = r"Which? $\textbf{(A)}\ 5 \qquad \textbf{(B)}\ 6 \qquad \textbf{(C)}\ \text{none}$"


def _paid(answer: str, gold: str, prompt: str = "What is it?") -> bool:
    return JUDGE.verify(rf"\boxed{{{answer}}}", Problem(prompt, gold)).correct


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("5790", r"193 \cdot 2^5 - 386"), ("5790", r"2^5 \cdot 193 - 386"), ("163", r"2 \cdot 3^4 + 1"),
        ("25", r"2^3 \cdot 3 + 1"),
        ("120", r"5 \cdot 4!"), ("720", r"120 \cdot 3!"), ("1440", r"2 \cdot 6!"), ("1024", "2^9 + 2^9"),
        ("48", "4! + 4!"),
        ("3158", "15^3 - 217"), ("192", "2^5 + 160"), ("140", r"\binom{10}{3} + 20"),
        ("(5790,7)", r"(193 \cdot 2^5 - 386, 7)"),
        ("9", r"\frac{9 \cdot 2^5}{32}"), ("16", r"\frac{2^7}{2^3}"), ("9", r"\frac{216}{4!}"),
        ("9", r"2^3 \cdot 1.125"),
        ("9", "8 + 5^0"), ("26", "2^4 + 3^2 + 1"), ("9", r"\sqrt[3]{729}"),
        ("13530", r"\sqrt[3]{2476813977000}"), ("7, 120", r"7, 5 \cdot 4!"), (r"\{7,120\}", r"\{7, 5 \cdot 4!\}"),
    ],
)  # fmt: skip
def test_a_product_or_power_to_be_added_to_something_is_undone(gold: str, answer: str) -> None:
    verdict = JUDGE.verify(rf"\boxed{{{answer}}}", Problem("What is it?", gold))
    assert (verdict.status, verdict.detail) == ("wrong", UNDONE)
    assert JUDGE.compare(gold=gold, answer=answer).correct  # the value is right
    assert not gold.isdigit() or _paid(f"{answer} = {gold}", gold)


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("1024", "2^{10}"), ("1023", "2^{10}-1"), ("1022", "2^{10}-2"), ("1013", "2^{10}-11"), ("720", "6!"),
        ("119", "5!-1"),
        ("3072", r"3\cdot 2^{10}"), ("24", r"2^3\cdot 3"), ("144", "3!4!"), ("35", r"\frac{7!}{3!4!}"),
        ("671", "6^4-5^4"),
        ("181440", r"\frac{9!}{2}"), (r"\frac{3}{4}", r"\frac{3}{2^2}"), (r"\frac{243}{1024}", r"\frac{3^5}{4^5}"),
        ("0.75", r"\frac{3}{2^2}"), ("1125", r"1.125 \cdot 10^3"), ("720", r"\frac{10!}{7!}"),
        ("120", r"5 \cdot 4! = 120"), ("300000", r"3\cdot 10^5"),
        (r"5\cdot 4!", r"4!\cdot 5"),
        (r"193\cdot 2^5-386", r"193\cdot 2^5-386"), ("20,15", r"\binom{6}{3}, \binom{6}{2}"), ("(8,9)", "(2^3, 3^2)"),
    ],
)  # fmt: skip
def test_one_power_or_count_is_a_way_to_write_a_number(gold: str, answer: str) -> None:
    assert _paid(answer, gold)


@pytest.mark.parametrize(
    ("prompt", "answer", "detail"),
    [
        ("What is it?", "x+x=6", UNSOLVED), ("What is it?", r"\log x = 6", UNSOLVED),
        ("What is it?", r"\ln x = 6", UNSOLVED),
        ("Find $x$.", r"\sin x = 6", UNSOLVED), ("Solve $x+x=12$.", "x+x=6", UNSOLVED),
        ("Find $2x$.", "2x = 3 + 3", UNDONE), ("Find $x$.", "2x = 6", None), ("Solve $2x = 6$.", "2x = 6", None),
        ("If $x+3=6$, find $x$.", "x+3=6", None), ("Find $a$.", "a + 1 = 5 + 1 = 6", UNSOLVED),
        ("Find $x$.", "|x| = 6", None), ("Find $x$.", "2x = 12", None),
    ],
)  # fmt: skip
def test_an_equation_that_is_not_solved_for_what_is_asked_is_wrong(
    prompt: str, answer: str, detail: str | None
) -> None:
    verdict = JUDGE.verify(rf"\boxed{{{answer}}}", Problem(prompt, "6"))
    assert verdict.status == "wrong"
    assert verdict.detail == (detail or verdict.detail)


@pytest.mark.parametrize(
    ("prompt", "answer"),
    [
        ("What is it?", "x = 6"), ("What is it?", "6 = x"), ("What is it?", "f(2) = 6"), ("What is it?", "AB = 6"),
        ("What is it?", "x_1 = 6"), ("What is it?", r"\angle ABC = 6"), ("What is it?", r"\text{Area} = 6"),
        ("Add.", "a + b = 6"),
        ("What is it?", "AB + BC = 6"), ("Find the ratio.", r"\frac{x}{y} = 6"), ("Find $x+x$.", "x+x=6"),
        (r"Find $\log x$.", r"\log x = 6"), ("Find the sine of $A$.", r"\sin A = 6"), ("Find $a^2+b^2$.", "a^2+b^2=6"),
        ("Find $2x$.", "2x = 6"), ("Find $|x|$.", "|x| = 6"), ("Find $n!$.", "n! = 6"),
        ("Find $a+1$.", "a + 1 = 5 + 1 = 6"), ("Find $x^2$.", "x^2 = 6"),
    ],
)  # fmt: skip
def test_an_equation_for_a_name_or_for_what_is_asked_is_paid(prompt: str, answer: str) -> None:
    assert _paid(answer, "6", prompt)


@pytest.mark.parametrize(
    ("gold", "answer", "paid"),
    [
        ("y = 2x+1", "f(x) = 2x+1", True), ("f(x) = 2x+1", "y = 2x+1", True), ("f(x) = 2x+1", "2x+1", True),
        ("2x+1", "f(x) = 2x+1", True), ("y = 2x+1", "g(x) = 1+2x", True), ("y = 2x+1", "P(x) = 2x+1", True),
        ("y = 2x+1", "f(x) = 2x+2", False), ("y = 2x+1", "f(t) = 2x+1", False), ("y = 2x+1", "f(y) = 2y+1", False),
        ("y = 2x+1", "f(t) = 2t+1", False), ("f(x) = 2x+1", "g(x) = 2x+1", False), ("y = x", "f(x) = y", False),
        ("15", r"A = \frac12 bh = \frac12 \cdot 6 \cdot 5 = 15", True), ("15", "A = bh = 15", True),
        ("15", r"bh = 3 \cdot 5 = 15", True),
        (r"9\pi", r"A = \pi r^2 = \pi (3)^2 = 9\pi", True),
        ("5", r"c = \sqrt{a^2+b^2} = \sqrt{3^2+4^2} = \sqrt{25} = 5", True),
        ("15", r"A = bh = 3 \cdot 6 = 15", False), ("15", r"A = bh = 3 \cdot 5", False), ("15", "A = bh", False),
        ("15", r"A = bh = 15 = 16", False), ("5", "x = x + x = 5", False),
        ("5", r"c = \sqrt{a^2+b^2} = \sqrt{3^2+4^2}", False),
    ],
)  # fmt: skip
def test_names_of_functions_and_chains_that_begin_with_letters(gold: str, answer: str, paid: bool) -> None:
    assert _paid(answer, gold) is paid


def test_a_line_has_not_the_name_of_a_function_that_the_question_defines() -> None:
    tangent = "What is the tangent of $f(x) = x^2$ at 1?"
    assert not _paid("f(x) = 2x-1", "y = 2x-1", tangent)
    assert _paid("y = 2x-1", "y=2x-1", tangent)
    assert _paid("g(x) = 2x-1", "y=2x-1", tangent)
    assert _paid("f(x) = 2x-1", "y = 2x-1", "This is the graph of $y=f(x)$. What is it?")


@pytest.mark.parametrize(
    "answer",
    [
        r"\mathbb{R}", r"x \in \mathbb{R}", "all real numbers", r"\text{all reals}", r"x \text{ is any real number}",
        r"\text{All real } x", r"\text{the set of all real numbers}", r"-\infty < x < \infty",
    ],
)  # fmt: skip
def test_all_real_numbers_are_the_whole_line(answer: str) -> None:
    for gold in (r"(-\infty,\infty)", r"\mathbb{R}", r"\text{all real numbers}", r"x \in \mathbb{R}"):
        assert _paid(answer, gold), gold
        assert _paid(gold, answer), gold
    for gold in (r"(0,\infty)", r"(-\infty,0)\cup(0,\infty)"):
        assert not _paid(answer, gold), gold


@pytest.mark.parametrize(
    "answer",
    [
        r"\text{all integers}", r"\text{all positive real numbers}", r"\text{a real number}", r"\text{no real numbers}",
        r"\mathbb{Q}",
        r"\mathbb{R}^+", r"\text{all rational numbers}", r"\text{all real numbers except } 0", r"\mathbb{R}\setminus\{0\}",
    ],
)  # fmt: skip
def test_other_numbers_are_not_all_real_ones(answer: str) -> None:
    assert not _paid(answer, r"(-\infty,\infty)")


@pytest.mark.parametrize(
    ("gold", "answer", "paid"),
    [
        (r"(-\infty,0)\cup(0,\infty)", r"\text{all real numbers except } 0", True),
        (r"(-\infty,0)\cup(0,\infty)", r"\text{all real numbers except 0}", True),
        (r"(-\infty,0)\cup(0,\infty)", r"\text{all real numbers except } x=0", True),
        (r"(-\infty,0)\cup(0,\infty)", r"x \in \mathbb{R}, x \neq 0", True),
        (r"(-\infty,0)\cup(0,\infty)", r"\text{all real numbers except } 1", False),
        (r"(-\infty,-1)\cup(-1,2)\cup(2,\infty)", r"\text{all real numbers except } -1 \text{ and } 2", True),
        (r"(-\infty,-1)\cup(-1,2)\cup(2,\infty)", r"\text{all real numbers except } -1", False),
        (r"\text{all real numbers except } 0", r"\mathbb{R}\setminus\{0\}", True),
        (r"\emptyset", r"\text{no solution}", True),
        (r"\text{no solution}", r"\emptyset", True), (r"\emptyset", r"\text{one solution}", False),
        (r"\emptyset", "0", False),
        (r"\{3\}", r"x = 3 \text{ only}", True), (r"\{3\}", "x = 3 only", True), ("[3,3]", r"x = 3 \text{ only}", True),
        ("[3,3]", "3", True), ("[3,3]", r"\{3\}", True), (r"\{3\}", "[3,3]", True), ("3", r"\text{only } 3", True),
        (r"\{3\}", r"x = 4 \text{ only}", False), ("[3,3]", "4", False), ("[3,4]", "3", False), ("(3,3)", "3", False),
        (r"\text{I and II only}", r"\text{I and II}", True), (r"\text{I only}", r"\text{II only}", False),
    ],
)  # fmt: skip
def test_sets_in_words(gold: str, answer: str, paid: bool) -> None:
    assert _paid(answer, gold) is paid


@pytest.mark.parametrize(
    ("prompt", "gold", "answer", "paid"),
    [
        ("Which?", gold, answer, True)
        for gold in ("E", r"\text{(E)}", r"\textbf{(E)}\ \text{none}")
        for answer in ("E", "(E)", r"\textbf{(E)}\ \text{none}", "(E) none", r"\text{E. none}", r"\text{Option E}")
    ]
    + [
        ("Which?", r"\textbf{(E)}\ \text{none}", r"\text{(D)}", False),
        ("Which?", "E", r"\textbf{(D)}\ \text{none}", False),
        ("Which?", "E", "(E) or (D)", False), ("Which?", "E", "E, D", False), ("Which?", "E", "2E", False),
        ("Which?", "E", "(E) is wrong", False), ("Which?", "E", "(E) is wrong, D", False),
        ("Which?", "E", "(E) maybe", False),
        ("Which?", "E", "(E) Not enough information", True), ("Which?", "E", "(E) No solution", True),
        ("Which?", "E", "E = 5", False), ("Which?", "E", "(E+1)", False),
        ("Which?", r"\textbf{(E)}\ 42", "(E) 42", True),
        ("Which?", r"\textbf{(E)}\ 42", "42", True), ("Which?", r"\textbf{(E)}\ 42", "(E) 43", False),
        ("Which?", r"\textbf{(E)}\ 42", "43", False), ("Which?", "A", r"A \cup B", False),
        (OPTIONS, "B", r"\textbf{(B)}\ 6", True),
        (OPTIONS, "B", r"\textbf{(B)}\ 5", False), (OPTIONS, "C", r"\textbf{(C)}\ \text{none}", True),
        (OPTIONS, "C", r"\textbf{(C)}\ 6", False), (OPTIONS, "B", "B", True),
        (OPTIONS, "B", "(B) because 6 is even", True),
    ],
)  # fmt: skip
def test_a_choice_is_its_letter_and_its_text_does_not_contradict(
    prompt: str, gold: str, answer: str, paid: bool
) -> None:
    assert _paid(answer, gold, prompt) is paid


@pytest.mark.parametrize(
    ("gold", "response", "paid"),
    [
        ("27", "The answer is 27!", True), ("27", "Answer: **27**!", True), ("27", "**Answer: 27!**", True),
        ("27", "The answer is $27$!", True), ("27", "So the answer is 27 apples!", True),
        ("east", "The answer is east!", True),
        ("27", "Answer: Janet makes $27 per day!", True), ("27!", "The answer is 27!", True),
        ("27!", "The answer is $27!$!", True),
        ("120", "The answer is 5!", True), ("27", "The answer is $27!$", False),
        ("27", r"The answer is \(27!\).", False),
        ("27", r"\boxed{27!}", False), ("27", r"So it is \boxed{27}!", True), ("26", "The answer is 27!", False),
        ("27", "The answer is not 27!", False),
    ],
)  # fmt: skip
def test_an_exclamation_mark_ends_a_sentence_or_is_a_factorial(gold: str, response: str, paid: bool) -> None:
    assert JUDGE.verify(response, Problem("What is it?", gold)).correct is paid


@pytest.mark.parametrize(
    "line",
    [
        "**Answer:** **{}**", "**Answer:** **${}**", "**Answer:** *{}*", "<b>Answer:</b> {}", "Answer: <strong>{}</strong>",
        r"\[\text{{Answer: }} {}\]", r"$$\text{{The answer is }} {}.$$", "Answer → {}", "Answer — {}", "Answer：{}。",
        "### Answer\n\n> {}", "Answer: We get ${}$.", "Answer: The value is ${}$.", r"\boxed{{\quad {} \quad}}",
    ],
)  # fmt: skip
def test_the_dress_of_a_final_statement(line: str) -> None:
    problem = Problem("What is it?", "1,234")
    assert JUDGE.verify("We add.\n" + line.format("1,234"), problem).correct
    assert JUDGE.verify("We add.\n" + line.format("1234"), problem).correct
    assert not JUDGE.verify("We add.\n" + line.format("1,235"), problem).correct
    assert not JUDGE.verify("We add.\n" + line.format("-1,234"), problem).correct


@pytest.mark.parametrize(
    "gold", [r"10,\!080", r"\begin{pmatrix} -2 \\ 7 \end{pmatrix}", r"\$32,\!348", r"\frac{x+2}{7}"]
)
def test_a_formula_in_a_declared_sentence_is_kept_as_it_is_written(gold: str) -> None:
    for sentence in ("We get ${}$.", "therefore ${}$, as required.", "The value is ${}$!"):
        assert JUDGE.verify("Answer: " + sentence.replace("{}", gold), Problem("What is it?", gold)).correct, sentence
    assert not JUDGE.verify(f"Answer: half of ${gold}$", Problem("What is it?", gold)).correct
    assert not JUDGE.verify(f"Answer: ${gold}$ or ${gold}1$", Problem("What is it?", gold)).correct


@pytest.mark.parametrize(
    ("prompt", "gold", "answer", "paid"),
    [
        ("Find the line.", "y = 2x+3", "2x - y + 3 = 0", True), ("Find the line.", "y = 2x+3", "2x - y + 4 = 0", False),
        ("Find the line in slope-intercept form.", "y = 2x+3", "2x - y + 3 = 0", False),
        ("Solve $4x-2y=-6$ for $y$.", "y = 2x+3", "2x - y + 3 = 0", False), ("Find it.", "x=5", "2x=10", False),
        ("What line is $2x-y+3=0$?", "y = 2x+3", "2x - y + 3 = 0", False),
        ("What time?", "10:30", r"10:30 \text{ a.m.}", True),
        ("What time?", r"10:30 \text{ a.m.}", r"10:30 \text{ p.m.}", False),
        ("Which point?", "(1,-2)", "P(1,-2)", True), ("Which point?", "(1,-2)", "P(1,2)", False),
        ("Which?", "3", "P(3)", False),
        ("Solve it.", r"[2,\infty)", r"\text{all real numbers greater than or equal to } 2", True),
        ("Solve it.", r"(-\infty,\frac12)", r"\text{all numbers less than } \frac12", True),
        ("Solve it.", r"[2,\infty)", r"\text{all real numbers greater than } 2", False),
    ],
)  # fmt: skip
def test_forms_that_the_question_leaves_open(prompt: str, gold: str, answer: str, paid: bool) -> None:
    assert _paid(answer, gold, prompt) is paid
