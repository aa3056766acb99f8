r"""Constants with :math:`\pi`, e, i, roots and function values: sums of terms of different kinds.

A term is one number, perhaps a fraction, times atoms that do not make one with each other: :math:`\pi` and e to some powers,
i, one root, function values. One factor may stand before or below a sum; no sum and no i may stand below.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from itertools import combinations
from math import gcd
from typing import Any

from composekit.compose.verifiers.canonical import inside
from composekit.compose.verifiers.written import INFINITY, SCALES, bare, is_inverse, is_large, number_left, whole_number

Factor = tuple[Any, bool]  # an atom, and whether it divides

_ATOMS = frozenset(("const", "root", "log", "fn"))
_SUMS = frozenset(("add", "pm", "mp"))
_I = ("const", "i")
_ROOT_OF_MINUS_ONE = (Fraction(-1), 2)
_LARGEST_ROOT = 10**30
_LARGEST_POWER = 64
_MANY = 9


def is_irrational(tree: Any) -> bool:
    r"""Whether :math:`\pi`, e, i, a root, a function value or a power whose exponent is not whole stands in this."""
    return any(
        (part[0] in _ATOMS and part != INFINITY)
        or (part[0] == "pow" and whole_number(part[2]) is None and "('var'" not in repr(part[2]))
        for part in inside(tree)
        if part
    )


def constant_left(tree: Any) -> Iterator[str]:
    """What is left to be worked out in a constant with irrational numbers, in canonical form."""
    terms = _terms(tree)
    for term in terms:
        if not is_irrational(term):
            yield from () if count_numbers(term) < _MANY else ("sum",)
            continue
        yield from _term_left(term)
        if len(terms) > 1 and any(atom[0] in _SUMS for atom, _ in _factors(term)):
            yield "product"
    if len({_kind_of(term) for term in terms}) < len(terms):
        yield "sum"


def _terms(tree: Any) -> tuple[Any, ...]:
    tree = bare(tree)
    return tuple(term for part in tree[1:] for term in _terms(part)) if tree[0] in _SUMS else (tree,)


def _term_left(tree: Any) -> Iterator[str]:
    """What is left of one product or quotient."""
    factors = list(_factors(tree))
    atoms = [factor for factor in factors if factor[0][0] not in _SUMS]
    sums = [factor for factor in factors if factor not in atoms]
    for atom, below in factors:
        yield from _atom_left(atom)
        if below and (atom[0] in _SUMS or atom == _I):
            yield "denominator"
    terms = [term for total, _ in sums for term in _terms(total)]
    summed = [list(_factors(term)) for term in terms]
    numbers = count_numbers(tree)
    if (
        numbers == _MANY
        or (numbers and any(count_numbers(term) > 1 for term in terms))
        or len(sums) > 1
        or any(_meet(one, two) for one, two in combinations(atoms, 2))
        or any(_meet(one, two, through_sum=True) for one in atoms for term in summed for two in term)
        or any(map(_divides, sums, [_share(tree)] * len(sums)))
        or any(summed and all(_name(one[0]) in [_name(two[0]) for two in term] for term in summed) for one in atoms)
    ):
        yield "product"


def _share(tree: Any) -> int:
    r"""The denominator of the number that stands before the other factors: 5 in :math:`\frac15(10\pi + 90)`."""
    tree = bare(tree)
    if tree[0] != "mul":
        return 1
    values = (
        part[1] if part[0] == "num" else _value(part) if part[0] == "div" else None for part in map(bare, tree[1:])
    )
    return next((value.denominator for value in values if value is not None), 1)


def _divides(factor: Factor, share: int) -> bool:
    """Whether every term of a sum can be divided by a whole number, larger than one, without a remainder."""
    wholes = [_whole_part(term) for term in _terms(factor[0])]
    return share > 1 and not factor[1] and all(whole is not None and whole % share == 0 for whole in wholes)


def _whole_part(term: Any) -> int | None:
    """The whole number that a term is or begins with, 1 where there is none; None for other numbers."""
    found = [part for part in (term[1:] if term[0] == "mul" else (term,)) if not is_irrational(part)]
    return 1 if not found else whole_number(found[0]) if len(found) == 1 else None


def _factors(tree: Any, below: bool = False) -> Iterator[Factor]:
    """The factors of a term that are no numbers."""
    if tree[0] in ("neg", "mul"):
        for part in tree[1:]:
            yield from _factors(part, below)
    elif tree[0] == "div":
        yield from _factors(tree[1], below)
        yield from _factors(tree[2], not below)
    elif is_irrational(tree):
        yield tree, below


def _meet(one: Factor, two: Factor, *, through_sum: bool = False) -> bool:
    r"""Whether two factors make one: :math:`\pi \cdot \pi^2`, :math:`\sqrt6 / \sqrt2`; through a sum, i and roots do."""
    (a, below), (b, under) = one, two
    first, second = _radicand(a), _radicand(b)
    if first is None or second is None or first[1] != second[1]:
        kept = through_sum and _name(a) in ("pi", "e") and (below or not under)
        return _name(a) == _name(b) and not kept
    numbers = [value.numerator * value.denominator for value in (first[0], second[0])]
    return gcd(*numbers) > 1 or (below == under and not through_sum)


def _name(atom: Any) -> Any:
    """What may stand once in a product: a constant, whatever its power."""
    return atom[1] if atom[0] == "const" else atom[1][1] if atom[0] == "pow" and atom[1][0] == "const" else atom


def _atom_left(tree: Any) -> Iterator[str]:
    """What is left of a factor that is no number."""
    kind = tree[0]
    if kind in _SUMS:
        yield from constant_left(tree)
    elif kind == "root":
        found = _radicand(tree)
        if found is None and is_irrational(tree[1]):
            yield from constant_left(tree[1])
        elif found is None or (_is_power(abs(found[0]), found[1]) and found != _ROOT_OF_MINUS_ONE):
            yield "root"
    elif kind in ("log", "fn"):
        for part in tree[1:]:
            yield from _value_left(part) if isinstance(part, tuple) else ()
    elif kind == "pow":
        base, exponent = tree[1:]
        if base not in (("const", "e"), ("const", "pi")) and (base[0] != "num" or whole_number(exponent) is not None):
            yield "power"
        yield from _value_left(exponent)
    elif kind != "const":
        yield kind


def _value_left(tree: Any) -> Iterator[str]:
    yield from constant_left(tree) if is_irrational(tree) else number_left(tree)


def count_numbers(tree: Any) -> int:
    """How many numbers stand in a term: 1 for a whole one, 2 for a fraction or a decimal, 9 for more or what is none."""
    tree = bare(tree)
    if tree in SCALES or (tree[0] == "pow" and tree[1] == ("num", 10) and is_large(tree)):
        return 0
    if tree[0] in ("num", "mixed"):
        return 1 if whole_number(tree) is not None else 2
    if tree[0] == "percent":
        return 2 if 0 < count_numbers(tree[1]) < _MANY else _MANY
    if tree[0] == "mul":
        found = [count for count in map(count_numbers, tree[1:]) if count]
        return found[0] if len(found) == 1 else _MANY if found else 0
    if tree[0] == "div":
        top, bottom = map(count_numbers, tree[1:])
        return max(top, 2 * bottom) if max(top, bottom) < 2 or (top == 2 and not bottom) else _MANY
    if is_inverse(tree):
        return 2
    return 1 if is_large(tree) else 0 if is_irrational(tree) else _MANY


def _kind_of(term: Any) -> Any:
    """What a term is a multiple of: its constants, the roots of each index as one, logarithms by their base alone."""
    kinds: list[Any] = []
    radicands: dict[int, Fraction] = {}
    for atom, below in _factors(term):
        found = _radicand(atom)
        if (
            found is not None
            and 0 < max(abs(found[0].numerator), found[0].denominator) * bool(found[0]) < _LARGEST_ROOT
        ):
            radicand, index = found
            radicands[index] = radicands.get(index, Fraction(1)) * radicand ** (index - 1 if below else 1)
        elif (atom[0] == "log" or atom[:2] == ("fn", "ln")) and not is_irrational(atom[2]):
            kinds.append(("log", atom[1], below))
        else:
            kinds.append((atom, below))
    return tuple(sorted(kinds, key=repr)), tuple(sorted((n, _free_of_powers(x, n)) for n, x in radicands.items()))


def _radicand(tree: Any) -> tuple[Fraction, int] | None:
    """The number below a radical, and the index; None for other trees."""
    index = whole_number(tree[2]) if tree[0] == "root" else None
    value = _value(tree[1]) if index is not None and 2 <= index <= _LARGEST_POWER else None
    return (value, index) if value is not None and index is not None else None


def _value(tree: Any) -> Fraction | None:
    """The value of a number, a fraction or a power; None for what has to be worked out."""
    if tree[0] == "neg":
        inner = _value(tree[1])
        return None if inner is None else -inner
    if tree[0] == "num":
        return Fraction(tree[1])
    one, two = map(whole_number, tree[1:]) if tree[0] in ("div", "pow") else (None, None)
    if one is None or two is None:
        return None
    if tree[0] == "div":
        return Fraction(one, two) if two else None
    return Fraction(one) ** two if 1 < two <= _LARGEST_POWER and abs(one) < _LARGEST_POWER else None


def _free_of_powers(value: Fraction, index: int) -> int:
    """The whole number without n-th powers of small numbers that makes the same root but for a rational factor."""
    rest = value.numerator * value.denominator ** (index - 1)
    for k in range(2, 100):
        while rest and rest % k**index == 0:
            rest //= k**index
    return rest


def _is_power(value: Fraction, index: int) -> bool:
    """Whether a number that is not negative is the power of a rational one with this exponent."""
    if not 0 < value < _LARGEST_ROOT:
        return not value
    return all(round(float(part) ** (1 / index)) ** index == part for part in (value.numerator, value.denominator))
