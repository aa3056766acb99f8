"""The exact arithmetic under MathVerifier: properties over generated answers, with sympy as a second opinion."""

from __future__ import annotations

import random
from fractions import Fraction
from functools import partial

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from composekit.compose.verifiers.exactmath import algebra as alg
from composekit.compose.verifiers.exactmath.algebra import Ring, TooLarge, Undefined
from composekit.compose.verifiers.exactmath.cleaning import clean
from composekit.compose.verifiers.exactmath.evaluate import exact
from composekit.compose.verifiers.exactmath.judge import judge
from composekit.compose.verifiers.exactmath.lexer import Unreadable, to_ascii, tokenise
from composekit.compose.verifiers.exactmath.numeric import refuted
from composekit.compose.verifiers.exactmath.reading import readings
from composekit.compose.verifiers.exactmath.sets import combine, same_real_set
from composekit.compose.verifiers.exactmath.worded import number_word
from composekit.testing.strategies import answers, expressions, rationals, written


def tree(text: str):
    return readings(text, gold=True)[0]


# --- numbers, however they are written


@given(st.data(), rationals())
def test_judge_accepts_a_number_in_any_two_spellings(data, value: Fraction) -> None:
    gold, answer = data.draw(written(value)), data.draw(written(value))
    assert judge(gold, answer).status == "equal", (gold, answer)


@given(st.data(), rationals(), rationals())
def test_judge_tells_any_two_numbers_apart(data, value: Fraction, other: Fraction) -> None:
    assume(value not in (other, 100 * other) and other != 100 * value)  # 50% is 50 and 0.5
    gold, answer = data.draw(written(value)), data.draw(written(other))
    assert judge(gold, answer).status == "different", (gold, answer)


@given(rationals(), st.integers(6, 3000))
def test_judge_sees_differences_of_any_smallness(value: Fraction, places: int) -> None:
    gold = rf"\frac{{{value.numerator}}}{{{value.denominator}}}"
    assert judge(gold, f"{gold} + 10^{{-{places}}}").status == "different"
    assert judge(gold, rf"{gold} + 10^{{-{places}}} - \frac{{1}}{{10^{{{places}}}}}").status == "equal"


@given(st.data(), answers())
def test_judge_accepts_every_answer_and_refuses_it_next_to_another(data, gold: str) -> None:
    assert judge(gold, f" ${gold}$ . ").status == "equal"
    other = data.draw(answers())
    assume(judge(gold, other).status != "equal")
    assert judge(gold, rf"{gold} \text{{ or }} {other}").status != "equal"
    assert judge(gold, f"{other}, {gold}").status != "equal"


@given(st.text(max_size=60))
def test_judge_never_raises_and_never_pays_for_noise(text: str) -> None:
    assume(not any(c.isdecimal() for c in text))
    assert judge("7919", text).status != "equal"


@given(st.text(alphabet=r"0123456789+-*/^_=<>(){}[]\,.%$! xyeifracsqrtpmboxdtleqcup&|:;'", max_size=40))
def test_judge_never_raises_on_broken_latex(text: str) -> None:
    judge("7", text)
    judge(text, "7")
    judge(text, text)


@given(expressions(), expressions())
def test_judge_is_symmetric_for_expressions(first: str, second: str) -> None:
    assert judge(first, second).status == judge(second, first).status


# --- a second opinion


@pytest.mark.parametrize("seed", range(4))
def test_judge_agrees_with_sympy(seed: int) -> None:
    sympy = pytest.importorskip("sympy")
    rng = random.Random(seed)
    x, y = sympy.symbols("x y")

    def leaf():
        return rng.choice(
            [sympy.Integer(rng.randint(-9, 9)), sympy.Rational(rng.randint(-9, 9), rng.randint(1, 9)), x, y, sympy.pi,
             sympy.sqrt(rng.randint(2, 20)), sympy.I, sympy.E]
        )  # fmt: skip

    def grow(depth: int):
        if depth == 0:
            return leaf()
        a, b = grow(depth - 1), grow(depth - 1)
        return rng.choice([a + b, a * b, a - b, a / b if b != 0 else a, a ** rng.randint(1, 3)])

    judged = 0
    while judged < 60:
        value = grow(rng.randint(1, 3))
        if value.has(sympy.zoo, sympy.nan):
            continue
        same = rng.choice([sympy.expand, sympy.factor, sympy.together, sympy.cancel, sympy.radsimp])(value)
        wrong = same + rng.choice([1, sympy.Rational(1, 10**9 + 7), sympy.sqrt(2), x])
        if same.has(sympy.zoo, sympy.nan) or wrong.has(sympy.zoo, sympy.nan):
            continue
        gold = sympy.latex(value)
        assert judge(gold, sympy.latex(same)).status in ("equal", "undecided"), (gold, same)
        assert judge(gold, sympy.latex(wrong)).status in ("different", "undecided"), (gold, wrong)
        judged += 1


# --- the ring


@given(st.integers(1, 900), st.integers(1, 900), st.integers(2, 5))
def test_radicals_multiply_exactly(a: int, b: int, n: int) -> None:
    product = exact(tree(rf"\sqrt[{n}]{{{a}}} \cdot \sqrt[{n}]{{{b}}}"))
    assert Ring().equal(product, exact(tree(rf"\sqrt[{n}]{{{a * b}}}")))
    assert Ring().equal(exact(tree(rf"(\sqrt[{n}]{{{a}}})^{n}")), alg.constant(a))


@given(st.integers(-50, 50), st.integers(2, 60), st.integers(-50, 50))
def test_inverse_of_a_sum_of_radicals_is_exact(a: int, b: int, c: int) -> None:
    form = exact(tree(rf"{a} + {c}\sqrt{{{b}}} + \pi"))
    ring = Ring()
    assert ring.equal(ring.mul(form, ring.inverse(form)), alg.constant(1))


def test_powers_of_i_go_round() -> None:
    for k, value in enumerate(("1", "i", "-1", "-i") * 3, start=-4):
        assert judge(value, f"i^{{{k}}}").status == "equal"
    assert judge("(2i)^3", "-8i").status == "equal"


@pytest.mark.parametrize(
    ("opening", "closing"), [("(", ")"), ("{", "}"), (r"\left(", r"\right)"), (r"\sqrt{", "}"), ("|", "|")]
)
def test_nesting_is_read_to_its_limit(opening: str, closing: str) -> None:
    for depth in (1, 12, 29) if opening != "|" else (1,):
        assert judge("1", opening * depth + "1" + closing * depth).status == "equal"
    assert judge("1", opening * 40 + "1" + closing * 40).status == "unreadable"


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("512", "2^3^2"),
        ("x^{-12}", "x^-12"),
        ("10^{-12}", "10^-12"),
        ("-4", "-2^2"),
        ("e^{x^2}", "e^x^2"),
        ("x^6", "(x^2)^3"),
    ],
)
def test_exponents_bind_as_they_are_written(gold: str, answer: str) -> None:
    assert judge(gold, answer).status == "equal"


@pytest.mark.parametrize(
    "text", ["1/0", "0^0", r"\frac{1}{\sqrt{4}-2}", r"\ln 0", r"\tan\frac{\pi}{2}", "0^{-1}", "(-1)!", r"\infty + 1"]
)
def test_what_does_not_exist_is_undefined(text: str) -> None:
    with pytest.raises(Undefined):
        exact(tree(text))


@pytest.mark.parametrize(
    "text", ["(x+1)^{1000}", "(a+b+c+d+1)^{30}", "1001!", "(2x)^{100000}", r"\sqrt{99999999999999999989}"]
)
def test_the_budget_stops_large_expressions(text: str) -> None:
    with pytest.raises(TooLarge):
        exact(tree(text))


def test_trigonometric_values_are_exact_at_multiples_of_fifteen_degrees() -> None:
    ring = Ring()
    for k in range(-30, 31):
        sine, cosine = exact(tree(rf"\sin \frac{{{k}\pi}}{{12}}")), exact(tree(rf"\cos \frac{{{k}\pi}}{{12}}"))
        assert not alg.is_opaque(sine)
        assert ring.equal(ring.add(ring.mul(sine, sine), ring.mul(cosine, cosine)), alg.constant(1))
        assert not refuted(tree(rf"\sin ({15 * k}^\circ)"), tree(rf"\sin \frac{{{k}\pi}}{{12}}"))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (r"\sin 2x", r"2\sin x\cos x"), (r"\ln(xy)", r"\ln x + \ln y"), (r"\sqrt{xy}", r"\sqrt{x}\sqrt{y}"),
        (r"\sqrt{3+2\sqrt2}", r"1+\sqrt2"), (r"\frac{\sinh x}{\cosh x}", r"\tanh x"), (r"\tan(\arctan x)", "x"),
        (r"10^{20}\sin 1 - (10^{20}-1)\sin 1", r"\sin 1"), (r"(x+1)^{60}", r"(1+x)^{60}"), (r"\cos(x+2\pi)", r"\cos x"),
        (r"\sqrt[3]{20+14\sqrt2}+\sqrt[3]{20-14\sqrt2}", "4"), (r"e^{\ln(x+1)}", "x+1"),
        (r"(-8)^{\frac23}", r"-2+2i\sqrt3"),
    ],
)  # fmt: skip
def test_numbers_never_refute_an_identity(first: str, second: str) -> None:
    assert not refuted(tree(first), tree(second))


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (r"\sin 2x", r"\sin x"),
        (r"\sin 1", r"\sin 1.000001"),
        (r"\ln x", r"\ln x + 10^{-6}"),
        (r"\cos x", r"\cos y"),
        ("e^x", "x^e"),
    ],
)
def test_numbers_refute_what_differs(first: str, second: str) -> None:
    assert refuted(tree(first), tree(second))


# --- sets of reals


@given(st.lists(st.integers(0, 8), min_size=2, max_size=8), st.lists(st.integers(0, 8), min_size=2, max_size=8))
def test_set_operations_agree_with_membership(first: list[int], second: list[int]) -> None:
    def cuts(ends: list[int]):
        return tuple((float(k), k, side) for k, side in sorted({(e, s % 2) for s, e in enumerate(ends)}))

    def inside(point: tuple[float, int], cuts) -> bool:
        return sum((c[0], c[2]) <= point for c in cuts) % 2 == 1

    a, b = cuts(first), cuts(second)
    for rule in (lambda p, q: p or q, lambda p, q: p and q, lambda p, q: p and not q):
        c = combine(a, b, rule)
        for k in range(9):
            for side in (0, 1):  # the point k itself, and the open interval after it
                assert inside((k, side), c) == rule(inside((k, side), a), inside((k, side), b))


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [
        (r"(0,1)\cup(1,2)", r"(0,2)\setminus\{1\}", True), (r"[0,1]\cap[1,2]", r"\{1\}", True),
        ("x<3, x>1", "(1,3)", True),
        (r"(0,\sqrt2)", r"0<x<\frac{2}{\sqrt2}", True), (r"(0,\sqrt2)", "(0,1.41421356237)", False),
        ("x<2 or x<3", "x<3", True),
        (r"\{x : x \ge 3\}", r"[3,\infty)", True),
        (r"\mathbb{R}\setminus\{0,1\}", r"(-\infty,0)\cup(0,1)\cup(1,\infty)", True),
        (r"(0,1)\cup(2,3)", "(0,3)", False), ("(3,1)", "x<1", None), ("x<1", "y<1", False),
    ],
)  # fmt: skip
def test_same_real_set(first: str, second: str, same: bool | None) -> None:
    assert same_real_set(tree(first), tree(second)) is same


# --- characters and tokens


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("７½", r"7\frac{1}{2}"), ("x²⁻¹", "x^{2-1}"), ("−３", "-3"), ("𝟕", "7"), ("1\u202f000", "1 000"),
        ("x₁₂", "x_{12}"),
        ("7\u200b\u200d", "7"), ("①", "①"),
    ],
)  # fmt: skip
def test_to_ascii_folds_what_means_the_same_and_nothing_else(text: str, plain: str) -> None:
    assert to_ascii(text) == plain


@pytest.mark.parametrize("text", ["7\u0338", "①", "Ⅶ", "7♥", "\x00", "7\u20dd", "#7", "7@"])
def test_tokenise_refuses_characters_that_it_does_not_know(text: str) -> None:
    with pytest.raises(Unreadable):
        tokenise(to_ascii(text))


@pytest.mark.parametrize(
    ("text", "core"),
    [
        (" $$ 7 $$ ", "7"), (r"\boxed{7}", "7"), (r"\( 7 \).", "7"), ("**7**", "7"), (r"\[7\]", "7"), ("7!", "7!"),
        (r"\{1\}", r"\{1\}"),
        ("$5 and $6", "$5 and $6"), ("$x=1$ or $x=2$", "x=1 or x=2"), (r"7\ ", "7"),
        (r"\boxed{1} + \boxed{2}", r"\boxed{1} + \boxed{2}"),
    ],
)  # fmt: skip
def test_clean_strips_the_dress_alone(text: str, core: str) -> None:
    assert clean(text).strip() == core


def test_number_words() -> None:
    assert [number_word(w) for w in ("zero", "nineteen", "forty", "forty-two", "forty twelve", "east")] == [
        0,
        19,
        40,
        42,
        None,
        None,
    ]


@pytest.mark.parametrize(
    "answer",
    [
        r"\sqrt{" * 29 + "7" + "}" * 29,  # evaluated twice a level, it took for ever
        r"\sqrt[" * 14 + "x" + "]{2}" * 14,
        "e^{" * 25 + "x" + "}" * 25,  # quotes in nested keys doubled
        r"\sin(" * 28 + "x" + ")" * 28,
        "a" * 19_999,  # one token, but as many variables
        "(" + "+".join(rf"\sqrt{{{p}}}" for p in (2, 3, 5, 7, 11, 13, 17, 19)) + ")^{20}",
    ],
    ids=["roots", "indices", "exponents", "functions", "letters", "radicals"],
)
def test_nested_and_long_answers_take_no_time(in_time, answer: str) -> None:
    for gold in ("7", "x^2 + 1"):
        assert in_time(2.0, partial(judge, gold, answer)).status != "equal"


def test_nested_sets_compare_in_no_time(in_time) -> None:
    deep, other = (r"\{" * 26 + core + r"\}" * 26 for core in ("1", "2"))
    assert in_time(2.0, lambda: judge(deep, other)).status == "different"


def test_keys_of_forms_tell_nested_functions_apart() -> None:
    assert judge(r"\sin(e^{e^x})", r"\sin(e^{e^{x}})").status == "equal"
    assert judge(r"\sin(e^{e^x})", r"\sin(e^{e^{2x}})").status == "different"
    assert judge(r"\sin(\sin(xy))", r"\sin(\sin(yx))").status == "equal"


@pytest.mark.parametrize("dressed", ["$ {} $", "${}. $", " $ {}. $ . ", "$ {}.$", "$$ {} . $$", r"\( {}. \)"])
def test_stops_and_space_inside_delimiters_are_dress(dressed: str) -> None:
    assert judge(r"\frac{4}{3}", dressed.replace("{}", r"\frac{4}{3}")).status == "equal"
    assert judge(r"\frac{4}{3}", dressed.replace("{}", r"\frac{5}{3}")).status == "different"


@pytest.mark.parametrize(
    ("gold", "answer", "status"),
    [
        ("7", r"\log_2 128", "equal"), (r"\log_2 100", r"\log_{2}(100)", "equal"),
        (r"\log_2 100", r"\log_2 101", "different"),
        ("7", r"\log_2 1 28", "unreadable"), ("12128", "12 128", "equal"), ("800", r"2^3 100", "unreadable"),
        # commas inside brackets are no list where a list makes no sense
        (r"(x + 1024) y", r"(1,024 + x)y", "equal"), (r"-(12345 + b)", "-(b + 12,345)", "equal"),
        (r"-(12345 + b)", "-(b + 12,346)", "different"), (r"\ln 1002", r"\ln(1,000 + 2)", "equal"),
        (r"\frac{1000}{b}", r"\frac{1,000}{b}", "equal"), (r"\sqrt{12345}", r"\sqrt{12,345}", "equal"),
        (r"|12345 - a|", r"\left|12,345 - a\right|", "equal"), ("(3, 100)", "(3,100)", "equal"),
        ("3100", "(3,100)", "different"),
        ("(x + 2, 100)", "(x+2,100)", "equal"),
        # and what follows on a group of zeros is no item
        ("1,000x", "1,000y", "different"), (r"1,000\,x", r"1000 \cdot x", "equal"), ("20,000a", "20,000b", "different"),
        # dots that go on
        ("0.3", "0.3...", "unreadable"), ("1,2,3", "1,2,3,...", "unreadable"), ("1,2,3", "1, 2, 3, . . .", "unreadable"),
        ("0.3", "0.3.", "equal"), ("5", "5...", "equal"), ("yes", "yes...", "equal"), ("0.3...", "0.3...", "equal"),
        # a fraction and what it is with two digits
        ("71/3162", r"\frac{71}{3162} \approx 0.022", "equal"), ("71/3162", r"\frac{71}{3162} \approx 0.03", "different"),
        ("2/3", r"\frac23 \approx 0.7", "equal"), ("1", r"\frac23 \approx 1", "different"),
        # space is no sign of multiplication, and joins no digits
        ("84", r"8\hspace{1em}4", "unreadable"), ("12345", r"12\hspace{2pt}345", "equal"),
        ("5 cm", r"5\hspace{1mm}cm", "equal"),
        # units behind pi, letters side by side
        (r"2\pi\text{ meters}", r"2\pi meters", "equal"), (r"2\pi\text{ meters}", r"2\pi feet", "different"),
        (r"\frac{\pi}{6}\text{ cm}", r"\frac16\pi cm", "equal"), (r"2\pi h", r"2\pi", "different"),
        (r"2\pi", r"2\pi h", "different"),
        ("vt", r"v \cdot t", "equal"), ("vt", "tv", "equal"), ("zyx", "x y z", "equal"), ("vt", "vs", "different"),
        ("no", "on", "different"), ("north", "thorn", "different"),
    ],
)  # fmt: skip
def test_digits_commas_and_letters_side_by_side(gold: str, answer: str, status: str) -> None:
    assert judge(gold, answer).status == status
