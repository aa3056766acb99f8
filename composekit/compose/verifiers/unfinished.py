r"""Calculations that are still to be carried out in an answer that is worth a plain number: :math:`193 \cdot 2^5 - 386`.

One power, factorial, binomial coefficient or quotient is a way to write a number, and so is a product of powers or a power
with a small correction, :math:`2^{10} - 1`. What has to be multiplied or added after that is work left to the reader.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from composekit.compose.verifiers.canonical import inside, is_fraction, is_mixed

_COUNTS = frozenset(("binom", "fact"))
_TRIVIAL = (("num", 0), ("num", 1))  # exponents
_LARGEST_ROOT = 10**30


def leaves_work(tree: Any, *, whole: bool) -> bool:
    """Whether something is still to be worked out in a tree in canonical form that is worth a plain number.

    Args:
        tree: The answer.
        whole: Whether that number is whole; then nothing has to be divided by a power either.
    """
    return any(is_left(tree) for is_left in _LEFT) or (whole and _divides_powers(tree))


def _divides_powers(tree: Any) -> bool:
    r"""Whether a power is divided or divides, or a factorial divides a number: ``2^5 * 9 / 2^5``, ``216 / 4!``."""
    quotients = [part for part in inside(tree) if part and part[0] == "div"]
    return any(
        any(x and x[0] == "pow" for x in inside(part[1:])) or (part[1][0] == "num" and _has_factorial(part[2]))
        for part in quotients
    )


def _has_factorial(tree: Any) -> bool:
    return any(part and part[0] == "fact" for part in inside(tree))


def _scales_a_power(tree: Any) -> bool:
    """Whether a power of another base than ten is multiplied by a number that is not whole: ``2^3 * 1.125``."""
    return any(
        part
        and part[0] == "mul"
        and any(x[0] == "num" and x[1].denominator > 1 for x in part[1:])
        and any(x[0] == "pow" and x[1] != ("num", 10) for x in part[1:])
        for part in inside(tree)
    )


def _scales_a_sum(tree: Any) -> bool:
    """Whether a sum is multiplied or divided somewhere: ``171 (23^2 - 18^2)``."""
    return any(
        part and part[0] in ("mul", "div") and any(x[0] == "add" and not is_mixed(x) for x in part[1:])
        for part in inside(tree)
    )


def _combines_a_square(tree: Any) -> bool:
    """Whether the square of a number above 3 is still to be added to something or divided: ``294^2 - 23334``."""
    return any(
        part and part[0] in ("add", "div") and any(_is_square(x) for x in inside(part) if x) for part in inside(tree)
    )


def _is_square(tree: Any) -> bool:
    return tree[0] == "pow" and tree[1][0] == "num" and abs(tree[1][1]) > 3 and tree[2] == ("num", 2)


def _adds_to_a_power(tree: Any) -> bool:
    """Whether a sum has a product, equal terms, or beside a power more than one small number.

    A number is small that is no larger than those that the power is made of, or one more: ``2^{10} - 1`` is a way to write
    a number; ``193 * 2^5 - 386``, ``2^9 + 2^9`` and ``15^3 - 217`` are calculations.
    """
    return any(part and part[0] == "add" and not is_mixed(part) and _is_calculation(part[1:]) for part in inside(tree))


def _is_calculation(terms: Sequence[Any]) -> bool:
    terms = [term[1] if term[0] == "neg" else term for term in terms]
    if len(set(terms)) < len(terms) or any(x and x[0] == "mul" for term in terms for x in inside(term)):
        return True
    numbers = [abs(term[1]) for term in terms if term[0] == "num"]
    others = [term for term in terms if term[0] != "num"]
    if not numbers or not others:
        return False
    made_of = [abs(x[1]) for x in inside(tuple(others)) if x and x[0] == "num"]
    trivial = any(term[0] == "pow" and term[2] in _TRIVIAL for term in others)
    return trivial or len(terms) > 2 or (bool(made_of) and max(numbers) > max(made_of) + 1)


def _multiplies_counts(tree: Any) -> bool:
    """Whether two counts are multiplied, or one and a number: ``5 * 4!`` is half worked out."""
    nodes = [part for part in inside(tree) if part and isinstance(part[0], str)]
    factorials, binomials = (sum(part[0] == kind for part in nodes) for kind in ("fact", "binom"))
    products = [{x[0] for x in part[1:]} for part in nodes if part[0] == "mul"]
    scaled = any("num" in kinds and not kinds.isdisjoint(_COUNTS) for kinds in products)
    return scaled or binomials + factorials // 3 > 1


def _has_root(tree: Any) -> bool:
    r"""Whether roots of numbers stand there, and are rational or cancel: :math:`\sqrt{49}`, :math:`\sqrt{50} / \sqrt2`."""
    return any(part and part[0] == "root" and part[1][0] in ("num", "div") for part in inside(tree))


def _has_constant(tree: Any) -> bool:
    r"""Whether :math:`\pi`, e or i stand there, and cancel, for the gold answer is a number."""
    return any(part[:1] == ("const",) for part in inside(tree))


def _is_power(value: Fraction, index: Fraction) -> bool:
    """Whether a positive number is the power of a rational one with this exponent."""
    if not 0 < value < _LARGEST_ROOT or index < 1 or index.denominator > 1:
        return False
    return all(round(float(part) ** (1 / index)) ** int(index) == part for part in (value.numerator, value.denominator))


def is_hidden_number(tree: Any) -> bool:
    r"""Whether this is a root that is rational, :math:`\sqrt{121}`, or a power of a fraction."""
    if tree[0] == "root" and tree[2][0] == "num":
        radicand = tree[1]
        if radicand[0] == "div" and radicand[1][0] == radicand[2][0] == "num" and radicand[2][1]:
            radicand = ("num", Fraction(radicand[1][1]) / radicand[2][1])
        return radicand[0] == "num" and _is_power(abs(radicand[1]), tree[2][1])
    return tree[0] == "pow" and is_fraction(tree[1]) and tree[1][0] == "div" and tree[2][0] == "num"


_LEFT = (
    _scales_a_sum,
    _combines_a_square,
    _adds_to_a_power,
    _scales_a_power,
    _multiplies_counts,
    _has_root,
    _has_constant,
)
