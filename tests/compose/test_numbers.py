"""Exact numbers from text: what is read, what is refused and why, and that reading is safe."""

from __future__ import annotations

import contextlib
import pickle
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composekit import ComposeKitError
from composekit.compose.numbers import (
    NotANumber,
    format_latex,
    format_plain,
    parse_quantity,
    parse_value,
    radical_from_text,
)

F = Fraction


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("42", 42), ("-50", -50), ("+7", 7), ("\u22125", -5), ("0", 0), ("3.0", 3), ("1.25", F(5, 4)),
        (".35625", F(57, 160)),
        ("58,500", 58500), ("1,000,000", 10**6), ("10,\\!080", 10080), ("11,\\! 111,\\! 100", 11111100),
        ("1{,}000", 1000),
        ("10\\,000", 10000), ("\\frac{14}{3}", F(14, 3)), ("\\frac43", F(4, 3)), ("\\frac 59", F(5, 9)),
        ("\\frac9{19}", F(9, 19)), ("-\\dfrac{3}{8}", F(-3, 8)), ("3/4", F(3, 4)), ("-7/2", F(-7, 2)),
        ("1\\frac{4}{5}", F(9, 5)), ("137 \\frac{1}{2}", F(275, 2)), ("1 4/5", F(9, 5)), ("-1\\frac12", F(-3, 2)),
        ("2^{10}", 1024), ("3 \\times 10^{-4}", F(3, 10000)), ("1.5e3", 1500), ("8^{2/3}", 4), ("\\sqrt[3]{8}", 2),
        ("\\sqrt{9}", 3), ("(5)", 5), ("2\\cdot 3", 6), ("\\boxed{7}", 7), ("$12$.", 12), ("\\text{5}", 5),
        ("\\(3\\)", 3),
        ("\\frac{\\sqrt{4}}{3}", F(2, 3)), ("6/4", F(3, 2)), ("--5", 5), ("\\left(\\frac{1}{2}\\right)", F(1, 2)),
    ],
)  # fmt: skip
def test_parse_value_reads_exactly(text: str, value: int | Fraction) -> None:
    found = parse_value(text)
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("text", "value", "unit"),
    [
        ("90^\\circ", 90, "degrees"), ("55^{\\circ}", 55, "degrees"), ("20 °C", 20, "degrees C"),
        ("50\\%", 50, "percent"),
        ("12.5%", F(25, 2), "percent"), ("\\$18.90", F(189, 10), "dollars"), ("-$5", -5, "dollars"),
        ("\\$32,\\!348", 32348, "dollars"), ("5.4 \\text{ cents}", F(27, 5), "cents"), ("12 m/s", 12, "m/s"),
        ("864 \\mbox{ inches}^2", 864, "inches^2"), ("15\\mbox{ cm}^2", 15, "cm^2"),
        ("5 square feet", 5, "square feet"),
        ("\\frac{270}7\\text{ degrees}", F(270, 7), "degrees"), ("9.8 m/s^2", F(49, 5), "m/s^2"),
        ("3 apples", 3, "apples"),
        ("10 N·m", 10, "N·m"), ("5 m", 5, "m"), ("7", 7, ""),
    ],
)  # fmt: skip
def test_parse_quantity_sets_the_unit_aside(text: str, value: int | Fraction, unit: str) -> None:
    assert parse_quantity(text) == (value, unit)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no digits"), ("0.3...", "go on"), ("\\text{Evelyn}", "words"), ("east", "words"), ("3, 5, 7", "several"),
        ("1,-2", "several"),
        ("(1, 2)", "several"), ("[0, 5]", "several"), ("6 - 5i", "letter 'i'"), ("x=5", "letter 'x'"),
        ("2x", "letter 'x'"),
        ("2 x", "letter 'x'"), ("p - q", "letter 'p'"), ("52_8", "base"), ("1011_{2}", "base"),
        ("1 \\pm \\sqrt{19}", "number"),
        ("3 or 4", "words"), ("3 million", "words"), ("2 \\text{ thousand}", "words"), ("7 pm", "words"),
        ("2 dozen", "words"), ("5 \\text{ or } 6", "words"), ("1/2/3", "slash"), ("1/0", "zero"),
        ("3 4", "more than one"),
        ("2(3)", "more than one"), ("12:30", "unexpected"), ("5!", "unexpected"), ("1,23", "several"),
        ("0.1\\overline{6}", "one"),
        ("\\sqrt{-1}", "negative"), ("9^{9^9}", "exponent"), ("9^{9^{9^{9}}}", "exponent"), ("1e999", "too large"),
        ("9" * 300, "digits"), ("(" * 60 + "1" + ")" * 60, "deeply"), ("1" * 2000, "longer"),
        ("2\u00b2", "unexpected"),
        ("\uff13", "unexpected"), ("1_000", "base"), ("True", "words"), ("nan", "words"), ("\\infty", "unexpected"),
        ("__import__('os')", "base"), ("1 if 2 else 3", "words"), ("10^\\circ + 5", "degree"), ("-", "no number"),
    ],
)  # fmt: skip
def test_parse_value_refuses_and_says_why(text: str, reason: str) -> None:
    with pytest.raises(NotANumber) as caught:
        parse_value(text)
    assert reason in caught.value.reason
    assert str(caught.value).startswith("parse_value: text must be exactly one number; got ")
    assert isinstance(caught.value, ComposeKitError)
    assert isinstance(caught.value, ValueError)


@pytest.mark.parametrize("text", [None, 5, 1.5, b"5"])
def test_parse_value_refuses_what_is_no_text(text: object) -> None:
    with pytest.raises(NotANumber):
        parse_value(text)  # type: ignore[arg-type]


def test_parse_value_reads_radicals() -> None:
    sympy = pytest.importorskip("sympy")
    root = sympy.sqrt
    cases = {
        "3\\sqrt{13}": 3 * root(13), "11\\sqrt2": 11 * root(2), "\\frac{\\sqrt{3}}{3}": root(3) / 3,
        "12\\pi": 12 * sympy.pi,
        "-\\frac{\\pi}{6}": -sympy.pi / 6, "18+2\\pi": 18 + 2 * sympy.pi, "\\frac{20000}{\\pi}": 20000 / sympy.pi,
        "1+2\\sqrt{3}": 1 + 2 * root(3), "\\sqrt{12}": 2 * root(3), "\\sqrt[3]{2}": sympy.root(2, 3),
        "2\u03c0": 2 * sympy.pi,
        "2 pi": 2 * sympy.pi,
    }  # fmt: skip
    for text, value in cases.items():
        assert parse_value(text) == value
        assert radical_from_text(str(parse_value(text))) == parse_value(text)
    assert parse_value("\\sqrt{12}-2\\sqrt{3}") == 0


def test_reading_numbers_needs_no_sympy() -> None:
    import subprocess
    import sys

    code = (
        "import sys; sys.modules['sympy'] = None\n"
        "from composekit.compose.numbers import NotANumber, parse_value\n"
        "assert parse_value('\\\\frac{6}{4}') * 2 == 3\n"
        "try: parse_value('\\\\sqrt{2}')\n"
        "except NotANumber as error: assert 'composekit[math]' in error.reason\n"
        "else: raise SystemExit('no error')\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


@given(st.integers(-(10**12), 10**12))
def test_format_and_parse_integers_round_trip(number: int) -> None:
    assert parse_value(format_plain(number)) == number
    assert parse_value(format_latex(number)) == number
    assert parse_value(f"{number:,}") == number


@given(st.fractions(max_denominator=10**5).filter(lambda f: abs(f) < 10**9))
def test_format_and_parse_fractions_round_trip(number: Fraction) -> None:
    assert parse_value(format_plain(number)) == number
    assert parse_value(format_latex(number)) == number


@pytest.mark.parametrize(
    ("value", "plain", "latex"),
    [
        (F(5, 4), "1.25", "1.25"), (F(1, 16), "0.0625", "0.0625"), (F(1, 32), "1/32", "\\frac{1}{32}"),
        (F(-7, 3), "-7/3", "-\\frac{7}{3}"), (F(-1, 2), "-0.5", "-0.5"), (1234567, "1234567", "1234567"),
        (F(8, 2), "4", "4"),
    ],
)  # fmt: skip
def test_format_writes_decimals_only_where_they_are_short(value: int | Fraction, plain: str, latex: str) -> None:
    assert (format_plain(value), format_latex(value)) == (plain, latex)


@given(st.text(alphabet="0123456789+-*/^(){}[].,\\$% frcaqtpisxe_!=", max_size=60))
def test_parse_value_never_fails_in_another_way(text: str) -> None:
    with contextlib.suppress(NotANumber):
        assert parse_value(text) is not None


@pytest.mark.parametrize(
    "text",
    [
        "1" + "a" * 900 + "!",
        "a " * 480 + "1",
        "(" * 900,
        "\\frac" * 180,
        "1 " * 400 + "/2",
        "\\sqrt{" * 100 + "2",
        "-" * 900,
        "2^" * 300 + "2",
        "\\sqrt{2}+" * 100 + "1",
        "(2+\\sqrt{3})^{400}",
        "\\pi*" * 200 + "1",
        "{" * 20 + "9" * 199 + "}" * 20,
    ],
)
def test_parse_value_answers_hostile_text_at_once(in_time, text: str) -> None:
    def parse() -> None:
        with contextlib.suppress(NotANumber):
            parse_value(text)

    in_time(2, parse)


def test_not_a_number_pickles() -> None:
    error = pickle.loads(pickle.dumps(NotANumber("3, 5", "several numbers")))
    assert (error.text, error.reason, str(error)) == (
        "3, 5",
        "several numbers",
        str(NotANumber("3, 5", "several numbers")),
    )
