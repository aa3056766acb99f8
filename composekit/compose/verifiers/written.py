"""The ways to write a rational number: plain, as a power, a factorial or a binomial coefficient, or by a few of these."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from math import gcd
from typing import Any

from composekit.compose.verifiers.canonical import inside
from composekit.compose.verifiers.echo import is_one

SCALES = frozenset(("num", Fraction(10) ** k) for k in range(3, 31))  # 26 x 1000 is a way to write a number
INFINITY = ("const", "inf")
_LEAVES = frozenset(("num", "mixed", "based", "text", "reals", "apply", "contradiction"))
_COUNTS = frozenset(("fact", "binom"))
_SQUARE = ("num", Fraction(2))


def number_left(tree: Any, *, whole: bool = False) -> Iterator[str]:
    """What is left to be worked out in a constant without irrational numbers, in canonical form: one word at most.

    Args:
        tree: The constant.
        whole: Whether it is worth a whole number; then nothing may have to be divided by a power.
    """
    while tree[0] in ("neg", "abs"):
        tree = tree[1]
    if tree[0] == "percent" and tree[1][0] in ("num", "mixed", "div"):
        tree = tree[1]
    if tree[0] == "mul":
        factors = [part for part in tree[1:] if not is_one(part)]
        tree = factors[0] if len(factors) == 1 else tree
    kind, *parts = tree
    if kind in _LEAVES or tree == INFINITY or is_large(tree):
        return
    if (
        (kind == "add" and _is_corrected_power(parts))
        or (kind == "mul" and _is_factorisation(parts))
        or (kind == "div" and _is_quotient(parts, whole=whole))
    ):
        return
    yield {"add": "sum", "mul": "product", "div": "quotient"}.get(kind, kind)


def bare(tree: Any) -> Any:
    """The tree without its sign."""
    while tree[0] == "neg":
        tree = tree[1]
    return tree


def whole_number(tree: Any) -> int | None:
    """The value of a whole number, perhaps negative; None for others."""
    value = bare(tree)
    if value[0] != "num" or value[1].denominator > 1:
        return None
    return -int(value[1]) if tree[0] == "neg" else int(value[1])


def is_large(tree: Any) -> bool:
    """Whether this is a power, a factorial or a binomial coefficient of plain numbers, or a power of a fraction."""
    if tree[0] in _COUNTS:
        return all(part[0] == "num" for part in tree[1:])
    if tree[0] != "pow" or whole_number(tree[2]) in (None, 0, 1):
        return False
    base = bare(tree[1])
    return base[0] == "num" or is_reduced(base)


def is_small_power(tree: Any) -> bool:
    """Whether this is a power of a whole number that anyone would have worked out: below a thousand."""
    base, exponent = map(whole_number, tree[1:])
    return base is not None and exponent is not None and 0 < exponent < 10 and abs(base) ** exponent < 1000


def is_inverse(tree: Any) -> bool:
    """Whether this is a power of a number with a negative exponent."""
    return is_large(tree) and tree[0] == "pow" and (whole_number(tree[2]) or 0) < 0


def is_reduced(tree: Any) -> bool:
    """Whether this is a fraction of two whole numbers in lowest terms."""
    if tree[0] not in ("div", "ratio") or len(tree) != 3:
        return False
    top, bottom = map(whole_number, tree[1:])
    return top is not None and bottom is not None and bottom > 0 and gcd(top, bottom) == 1


def _is_factorisation(factors: Sequence[Any]) -> bool:
    """Whether a product is one of factorials, of a number and a scale, or of powers and at most one number.

    That one is whole, and so are the bases, but for :math:`1.125 \\cdot 10^3`.
    """
    factors = [bare(part) for part in factors]
    numbers = [part for part in factors if part[0] == "num"]
    powers = [part for part in factors if part[0] == "pow"]
    if len(numbers) == len(factors) == 2:
        return any(part in SCALES for part in numbers)
    if not all(map(is_large, powers)) or len({part[1] for part in powers}) < len(powers):
        return False
    if any(is_inverse(part) for part in powers if part[1] != ("num", 10)):
        return False
    if len(numbers) + len(powers) < len(factors):
        return not numbers and all(part[0] == "fact" and is_large(part) for part in factors if part not in powers)
    whole = all(whole_number(part) is not None for part in (*numbers, *(part[1] for part in powers)))
    if any(number in [part[1] for part in powers] for number in numbers):  # 2^9 x 2
        return False
    return len(numbers) < 2 and (whole or [part[1] for part in powers] == [("num", 10)])


def _is_quotient(halves: Sequence[Any], *, whole: bool) -> bool:
    """Whether a quotient is one of whole numbers, powers, factorials and products of such, with one binomial coefficient."""
    halves = [bare(half) for half in halves]
    nodes = [part for half in halves for part in inside(half) if part]
    for half in halves:
        if whole_number(half) is None and not is_large(half) and not (half[0] == "mul" and _is_factorisation(half[1:])):
            return False
    if any(
        part[0] == "div" or _is_square(part) or is_inverse(part) or (part[0] == "num" and part[1].denominator > 1)
        for part in nodes
    ):
        return False
    kinds = [part[0] for part in nodes]
    work = "pow" in kinds or (halves[0][0] == "num" and "fact" in kinds)
    return kinds.count("binom") < 2 and not (whole and work)


def _is_square(tree: Any) -> bool:
    return bool(tree[0] == "pow" and tree[1][0] == "num" and abs(tree[1][1]) > 3 and tree[2] == _SQUARE)


def _is_corrected_power(terms: Sequence[Any]) -> bool:
    """Whether a sum is one of two powers, of a power and a number no larger than those it is made of, or one more, of a
    count and one or two, or of a fraction with a power and one.

    ``2^{10} - 1`` is a way to write a number; ``2^9 + 2^9``, ``15^3 - 217`` and ``294^2 - 23334`` are calculations.
    """
    terms = [bare(term) for term in terms]
    if len(terms) != 2 or terms[0] == terms[1] or any(map(_is_square, terms)):
        return False
    numbers = [abs(term[1]) for term in terms if term[0] == "num"]
    large = tuple(term for term in terms if is_large(term) or _is_broken_power(term))
    made_of = [abs(part[1]) for part in inside(large) if part and part[0] == "num"]
    counts = any(part and part[0] in _COUNTS for part in inside(large))
    if len(numbers) + len(large) < 2 or (counts and not numbers) or any(number.denominator > 1 for number in numbers):
        return False
    fraction = any(is_inverse(part) or "div" in (part[0], part[1][0]) for part in large)
    return max(numbers, default=0) <= (1 if fraction else 2 if counts else max(made_of, default=-2) + 1)


def _is_broken_power(tree: Any) -> bool:
    r"""Whether this is a fraction with a power or a count: :math:`\frac{1}{2^{10}}`."""
    return tree[0] == "div" and any(map(is_large, tree[1:])) and _is_quotient(tree[1:], whole=False)
