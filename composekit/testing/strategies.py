r"""Hypothesis strategies for answers and problems.

``hypothesis`` is imported when a strategy is made, so that the other helpers work without it.
"""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

from composekit._errors import missing_extra
from composekit.compose.problem import Problem

if TYPE_CHECKING:
    from types import ModuleType

    from hypothesis.strategies import SearchStrategy

_WORDS = ("east", "even", "ellipse", "Tuesday", "Evelyn", "no", "prism", "undefined")
_VARIABLES = "xyabnkt"


def _hypothesis() -> ModuleType:
    try:
        import hypothesis.strategies
    except ImportError:
        raise missing_extra("composekit.testing.strategies", "hypothesis", "test") from None
    return hypothesis.strategies


def rationals(*, limit: int = 10_000) -> SearchStrategy[Fraction]:
    """Fractions with numerator and denominator up to ``limit``, whole numbers among them often.

    Example:
        >>> from hypothesis import find
        >>> find(rationals(), lambda q: q > 2)
        Fraction(3, 1)
    """
    st = _hypothesis()
    whole = st.integers(-limit, limit).map(Fraction)
    return st.one_of(whole, st.builds(Fraction, st.integers(-limit, limit), st.integers(1, limit)))


def written(value: Fraction) -> SearchStrategy[str]:
    r"""The ways in which people and models write one number.

    Args:
        value: The number.

    Returns:
        Texts that all stand for ``value``: ``-\frac{7}{2}``, ``-3.5``, ``-3\frac{1}{2}``, ``-35/10``, ``-350\%``, ...

    Example:
        >>> from hypothesis import find
        >>> find(written(Fraction(1234)), lambda text: "," in text)
        '1,234'
    """
    st = _hypothesis()
    n, d = abs(value.numerator), value.denominator
    sign = "-" if value < 0 else ""
    ways = [
        rf"{sign}\frac{{{n}}}{{{d}}}",
        rf"\dfrac{{{sign}{n}}}{{{d}}}",
        f"{sign}{n}/{d}",
        rf"{sign}\tfrac{{{3 * n}}}{{{3 * d}}}",
    ]
    if d == 1:
        ways += [f"{sign}{n}", f"{sign}{n:,}", f"{sign}{n:,}".replace(",", r"{,}"), f"{sign}{n:,}".replace(",", r"\,")]
        ways += [f"{sign}{n}.0", f"{sign}{n}.00", rf"\text{{{sign}{n}}}", f"{sign}0{n}", f"{sign}({n})"]
    elif n > d:
        ways += [rf"{sign}{n // d}\frac{{{n % d}}}{{{d}}}", f"{sign}{n // d} {n % d}/{d}"]
    decimal = _decimal(abs(value))
    if decimal is not None:
        ways += [sign + decimal, f"{sign}{decimal}0" if "." in decimal else f"{sign}{decimal}.0", f"{sign}{decimal}e0"]
        ways += [rf"{sign}{_decimal(abs(value) * 100)}\%", rf"{sign}{decimal} \cdot 10^0"]
    dressed = [rf"${w}$" for w in ways[:2]] + [rf"\left( {ways[0]} \right)", ways[0].replace("-", "−"), f" {ways[0]}. "]
    return st.sampled_from(ways + dressed)


def _decimal(value: Fraction) -> str | None:
    """The finite decimal of a number that is not negative, None where it has none of reasonable length."""
    for places in range(13):
        scaled = value * 10**places
        if scaled.denominator == 1:
            text = f"{scaled.numerator:0{places + 1}d}"
            return f"{text[:-places]}.{text[-places:]}" if places else text
    return None


def expressions() -> SearchStrategy[str]:
    r"""Gold answers that are expressions: polynomials, radicals, multiples of pi, complex numbers."""
    st = _hypothesis()
    small = st.integers(2, 30)
    variable = st.sampled_from(_VARIABLES)
    return st.one_of(
        st.builds(lambda a, b: rf"{a}\sqrt{{{b}}}", small, small),
        st.builds(lambda a, b: rf"\frac{{{a}\pi}}{{{b}}}", small, small),
        st.builds(lambda a, b: f"{a} + {b}i", small, small),
        st.builds(lambda v, a, b: f"{a}{v}^2 - {b}{v} + {a}", variable, small, small),
        st.builds(lambda v, a, b: rf"\frac{{{a}}}{{{v} + {b}}}", variable, small, small),
    )


def answers() -> SearchStrategy[str]:
    """Gold answers of all the sorts that ``MathVerifier`` compares exactly.

    Example:
        >>> from hypothesis import find
        >>> find(answers(), lambda text: text.endswith("]"))[-3:]
        ' 0]'
    """
    st = _hypothesis()
    number = rationals(limit=999).flatmap(written)
    plain = st.integers(-99, 99)
    return st.one_of(
        number,
        expressions(),
        st.builds(lambda a, b: f"({a}, {b})", plain, plain),
        st.builds(lambda a, b: rf"\{{{a}, {a + b}\}}", plain, st.integers(1, 9)),
        st.builds(lambda a, b: rf"[{a}, {a + b})", plain, st.integers(1, 9)),
        st.builds(lambda a: rf"(-\infty, {a}]", plain),
        st.builds(lambda a, b: rf"\begin{{pmatrix}} {a} \\ {b} \end{{pmatrix}}", plain, plain),
        st.builds(lambda a: rf"{a} \text{{ cm}}", st.integers(1, 99)),
        st.sampled_from(_WORDS).map(lambda word: rf"\text{{{word}}}"),
    )


def problems() -> SearchStrategy[Problem]:
    """Problems with an answer of any sort, each judged by the verifier for it.

    Example:
        >>> from hypothesis import find
        >>> find(problems(), lambda p: p.verifier == "choice").answer
        'A'
    """
    st = _hypothesis()
    prompt = st.text("abcdefgh ,?", min_size=1, max_size=60).map(lambda text: f"Question: {text}")
    return st.one_of(
        st.builds(Problem, prompt, answers()),
        st.builds(Problem, prompt, st.sampled_from("ABCDE"), verifier=st.just("choice"), domain=st.just("choice")),
        st.builds(Problem, prompt, st.sampled_from(_WORDS), verifier=st.just("exact"), domain=st.just("logic")),
    )
