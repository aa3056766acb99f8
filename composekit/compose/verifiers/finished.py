r"""What is still to be worked out in an answer: a finished constant is defined here, and everything else is work left.

A finished constant is a number, written in one of the ways to write one, or a sum of terms of different kinds, each an amount
times a product of :math:`\pi`, powers of e, i, a root and function values, perhaps with one factor before or below the sum.
Of what has letters only its numbers are looked at: they are added and multiplied, and no two terms are of one kind.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction
from functools import lru_cache
from math import gcd
from typing import Any

from composekit.compose.verifiers.canonical import inside
from composekit.compose.verifiers.echo import is_one

_COUNTS = frozenset(("fact", "binom"))
_ATOMS = frozenset(("const", "root", "log", "fn"))
_LEAVES = frozenset(("num", "mixed", "var", "based", "text", "reals", "apply", "contradiction"))
_SUMS = frozenset(("add", "pm", "mp"))
_PRODUCTS = frozenset(("mul", "div", "neg"))
_SCALES = frozenset(("num", Fraction(10) ** k) for k in range(3, 31))  # 26 x 1000 is a way to write a number
_INFINITY = ("const", "inf")
_LARGEST_ROOT = 10**30
_LARGEST_POWER = 64
_MOST = 9  # more numbers than one


def work_left(tree: Any, *, whole: bool = False) -> Iterator[str]:
    r"""What has to be done yet with an answer in canonical form, in words; nothing where it is finished.

    Args:
        tree: The answer.
        whole: Whether it is worth a whole number; then nothing may have to be divided by a power.

    Example:
        >>> from composekit.compose.verifiers.canonical import canonical_of
        >>> for answer in ("2^{10} - 1", r"3 + 2\sqrt5", "200 - 8", r"12 \cdot 16", r"\frac{26}{5 - i}", r"\sqrt{49}"):
        ...     print(list(work_left(canonical_of(answer, gold=False)[0])))
        []
        []
        ['sum']
        ['product']
        ['denominator']
        ['irrational', 'root']
    """
    parts = parts_of(tree)
    if parts is not None:
        for part in parts:
            yield from work_left(part, whole=whole)
        if tree[0] == "set_operation" and not _is_union(tree):
            yield "set operation"
    elif _has(tree, "var"):
        yield from _with_letters(tree)
    elif _is_irrational(tree):
        yield "irrational"
        if _has(tree, "log", "fn"):
            yield "function"
        yield from _constant(tree)
    else:
        yield from _number(tree, whole)


def parts_of(tree: Any) -> tuple[Any, ...] | None:
    """The values that a list, a matrix, an interval, a relation, ... is made of; None for one value."""
    kind = tree[0]
    if kind in ("set", "ratio"):
        return tuple(tree[1:])
    if kind in ("pm", "mp") and tree[1] == ("num", 0):  # a sign alone
        return (tree[2],)
    if kind == "list":
        return tuple(tree[1])
    if kind == "sequence":
        return tuple(tree[3])
    if kind == "set_operation":
        return (tree[2], tree[3])
    if kind == "assign":
        return (tree[4],)
    if kind == "relation":
        return tuple(side for side in tree[2] if side[0] != "var")
    return tuple(cell for row in tree[2] for cell in row) if kind == "matrix" else None


def _is_union(tree: Any) -> bool:
    """Whether this is a union of more than sets of numbers, or a set without some numbers."""
    _, operation, left, right = tree
    return (operation == "cup" and not left[0] == right[0] == "set") or (operation == "minus" and right[0] == "set")


def _has(tree: Any, *kinds: str) -> bool:
    return any(part and part[0] in kinds for part in inside(tree))


def _is_irrational(tree: Any) -> bool:
    r"""Whether :math:`\pi`, a root, a function value or a power with a broken exponent stands in this."""
    return any(
        part
        and (
            (part[0] in _ATOMS and part != _INFINITY)
            or (part[0] == "pow" and _whole(part[2]) is None and not _has(part[2], "var"))
        )
        for part in inside(tree)
    )


def _bare(tree: Any) -> Any:
    while tree[0] == "neg":
        tree = tree[1]
    return tree


def _whole(tree: Any) -> int | None:
    """The value of a whole number, perhaps negative; None for others."""
    sign = -1 if tree[0] == "neg" else 1
    tree = _bare(tree)
    return sign * int(tree[1]) if tree[0] == "num" and tree[1].denominator == 1 else None


# --- numbers


def _number(tree: Any, whole: bool) -> Iterator[str]:
    """What is left of a constant without irrational numbers: it may be written in one of the ways to write a number."""
    while tree[0] in ("neg", "percent", "abs"):
        tree = tree[1]
    if tree[0] == "mul":
        factors = [part for part in tree[1:] if not is_one(part)]
        tree = tree if len(factors) > 1 or not factors else factors[0]
    if tree[0] in _LEAVES or tree == _INFINITY or is_large(tree):
        return
    if tree[0] == "add":
        if not _is_corrected_power(tree[1:]):
            yield "sum"
    elif tree[0] == "mul":
        if not _is_factorisation(tree[1:]):
            yield "product"
    elif tree[0] != "div" or not _is_quotient(*tree[1:], whole=whole):
        yield "quotient" if tree[0] == "div" else tree[0]


def is_large(tree: Any) -> bool:
    """Whether this is a power, a factorial or a binomial coefficient of plain numbers."""
    if tree[0] in _COUNTS:
        return all(part[0] == "num" for part in tree[1:])
    if tree[0] != "pow" or _whole(tree[2]) in (None, 0, 1):
        return False
    base = _bare(tree[1])
    return base[0] == "num" or is_reduced(base)


def is_reduced(tree: Any) -> bool:
    """Whether this is a fraction of two whole numbers in lowest terms."""
    if tree[0] not in ("div", "ratio") or len(tree) != 3:
        return False
    top, bottom = map(_whole, tree[1:])
    return top is not None and bottom is not None and bottom > 0 and gcd(top, bottom) == 1


def _is_factorisation(factors: Sequence[Any]) -> bool:
    """Whether a product is one of powers and at most one whole number, one of factorials, or a number and a scale."""
    factors = [_bare(part) for part in factors]
    scaled = [part for part in factors if part not in _SCALES]
    if len(scaled) == 1 and len(factors) == 2:  # 26 x 1000
        return scaled[0][0] == "num"
    numbers = [part for part in factors if part[0] == "num"]
    powers = [part for part in factors if part[0] == "pow"]
    others = len(factors) - len(numbers) - len(powers)
    if others:
        return others == len(factors) - len(powers) and all(part[0] == "fact" and is_large(part) for part in factors)
    if len(numbers) > 1 or not all(map(is_large, powers)) or len({part[1] for part in powers}) < len(powers):
        return False
    if any(part[1].denominator > 1 for part in numbers):  # 1.125 x 10^3
        return [part[1] for part in powers] == [("num", 10)]
    return all(_whole(part[1]) is not None for part in powers)


def _is_quotient(top: Any, bottom: Any, *, whole: bool) -> bool:
    """Whether this is a fraction of whole numbers, powers, factorials and products of such, with one binomial coefficient."""
    halves = [_bare(top), _bare(bottom)]
    plain = [
        _whole(half) is not None or is_large(half) or (half[0] == "mul" and _is_factorisation(half[1:]))
        for half in halves
    ]
    if not all(plain) or any(part[0] == "div" for half in halves for part in inside(half) if part):
        return False
    if any(map(_is_square, (part for half in halves for part in inside(half) if part))):
        return False
    if sum(half[0] == "binom" for half in halves) > 1 or any(
        half[0] == "num" and half[1].denominator > 1 for half in halves
    ):
        return False
    return not whole or not (_has(tuple(halves), "pow") or (halves[0][0] == "num" and _has(halves[1], "fact")))


def _is_square(tree: Any) -> bool:
    return bool(tree[0] == "pow" and tree[1][0] == "num" and abs(tree[1][1]) > 3 and tree[2] == ("num", 2))


def _is_corrected_power(terms: Sequence[Any]) -> bool:
    """Whether a sum is one of two powers or counts, or of one and a number no larger than those it is made of, or one more.

    ``2^{10} - 1`` is a way to write a number; ``2^9 + 2^9``, ``15^3 - 217`` and ``294^2 - 23334`` are calculations.
    """
    terms = [_bare(term) for term in terms]
    if len(terms) != 2 or terms[0] == terms[1] or any(map(_is_square, terms)):
        return False
    numbers = [term for term in terms if term[0] == "num"]
    large = [term for term in terms if is_large(term) or _is_broken_power(term)]
    if len(numbers) + len(large) < 2 or not large:
        return False
    made_of = [abs(part[1]) for part in inside(tuple(large)) if part and part[0] == "num"]
    return not numbers or abs(numbers[0][1]) <= max(made_of) + 1


def _is_broken_power(tree: Any) -> bool:
    r"""Whether this is a fraction with a power or a count: :math:`\frac{1}{2^{10}}`."""
    halves = tree[1:] if tree[0] == "div" else ()
    return any(map(is_large, halves)) and _is_quotient(*halves, whole=False)


# --- constants with irrational numbers


def _constant(tree: Any) -> Iterator[str]:
    """What is left of a sum of terms with irrational numbers."""
    terms = _terms(tree)
    if len(terms) == 1:
        yield from _term(terms[0])
        return
    units = []
    for term in terms:
        if _is_irrational(term):
            yield from _term(term)
            if any(atom[0] in _SUMS for atom, _ in _atoms(term)):
                yield "product"
        else:
            yield from _amount(term)
        units.append(_kind_of(term))
    if len(set(units)) < len(units):
        yield "sum"


def _terms(tree: Any) -> tuple[Any, ...]:
    tree = _bare(tree)
    if tree[0] not in _SUMS:
        return (tree,)
    return tuple(term for part in tree[1:] if part != ("num", 0) for term in _terms(part))


def _amount(tree: Any) -> Iterator[str]:
    if _count(tree) == _MOST:
        yield "product" if _bare(tree)[0] in _PRODUCTS | {"pow"} else "sum"


def _term(tree: Any) -> Iterator[str]:
    """What is left of one product or quotient: numbers to be multiplied, atoms that meet, a sum in its denominator."""
    if _count(tree) == _MOST:
        yield "product"
    atoms = list(_atoms(tree))
    sums = [(atom, below) for atom, below in atoms if atom[0] in _SUMS]
    above = [atom for atom, below in atoms if not below]
    if any(below and (atom[0] in _SUMS or atom == ("const", "i")) for atom, below in atoms):
        yield "denominator"
    elif len(sums) > 1:
        yield "product"
    for atom, _ in atoms:
        yield from _atom(atom)
    yield from _meeting([(atom, below) for atom, below in atoms if atom[0] not in _SUMS], above)


def _atoms(tree: Any, below: bool = False) -> Iterator[tuple[Any, bool]]:
    """The factors of a term that are no numbers, each with whether it divides."""
    if tree[0] == "neg":
        yield from _atoms(tree[1], below)
    elif tree[0] == "mul":
        for part in tree[1:]:
            yield from _atoms(part, below)
    elif tree[0] == "div":
        yield from _atoms(tree[1], below)
        yield from _atoms(tree[2], not below)
    elif _count(tree) not in (1, 2) and tree not in _SCALES and not _is_power_of_ten(tree):
        yield tree, below


def _meeting(atoms: Sequence[tuple[Any, bool]], above: Sequence[Any]) -> Iterator[str]:
    """Whether two atoms are to be multiplied or divided with each other, or one with those of a sum."""
    names = [_name(atom) for atom, _ in atoms]
    if len(set(names)) < len(names):
        yield "product"
    for name, (atom, below) in zip(names, atoms, strict=True):
        for other in above:
            inner = [found for term in _terms(other) for found, _ in _atoms(term)] if other[0] in _SUMS else []
            if any(_touches(atom, found, below) for found in inner if name is not None):
                yield "product"
    roots = [(_radicand(atom), below) for atom, below in atoms if atom[0] == "root" and _radicand(atom) is not None]
    for k, (one, below) in enumerate(roots):
        for two, under in roots[k + 1 :]:
            if one[1] == two[1] and (below == under or _share(one[0], two[0])):
                yield "product"


def _touches(atom: Any, inner: Any, below: bool) -> bool:
    """Whether an atom before or below a sum makes one with another in that."""
    if atom[0] == "root" and inner[0] == "root":
        one, two = _radicand(atom), _radicand(inner)
        return atom == inner or (one is not None and two is not None and one[1] == two[1] and _share(one[0], two[0]))
    return _name(atom) == _name(inner) and (below or atom == ("const", "i"))


def _share(one: Fraction, two: Fraction) -> bool:
    return gcd(one.numerator * one.denominator, two.numerator * two.denominator) > 1


def _name(atom: Any) -> Any:
    """What may stand once in a product: a constant, whatever its power."""
    return atom[1] if atom[0] == "pow" and atom[1][0] == "const" else atom


def _atom(tree: Any) -> Iterator[str]:
    """What is left of a factor that is no number."""
    kind = tree[0]
    if kind in _SUMS:
        yield from _constant(tree)
    elif kind == "root":
        radicand = _radicand(tree)
        if radicand is not None:
            if _is_power(abs(radicand[0]), radicand[1]):
                yield "root"
        elif _is_irrational(tree[1]):
            yield from _constant(tree[1])
        else:
            yield "root"
    elif kind in ("log", "fn"):
        for part in tree[1:]:
            if isinstance(part, tuple):
                yield from (work for work in work_left(part) if work != "irrational")
    elif kind == "pow":
        base, exponent = tree[1:]
        constant = base in (("const", "e"), ("const", "pi"))
        if not constant and not (base[0] == "num" and _whole(exponent) is None):
            yield "power"
        yield from (work for work in work_left(exponent) if work != "irrational")
    elif kind != "const":
        yield kind


def _count(tree: Any) -> int:
    """How many numbers stand in a term, a fraction as one; 2 for what is no whole number, 9 for too many."""
    tree = _bare(tree)
    if tree in _SCALES or _is_power_of_ten(tree):
        return 0
    if tree[0] == "num":
        return 1 if tree[1].denominator == 1 else 2
    if tree[0] == "mixed":
        return 2
    if tree[0] == "percent":
        return 2 if _count(tree[1]) in (1, 2) else _MOST
    if tree[0] == "mul":
        found = [count for count in map(_count, tree[1:]) if count]
        return found[0] if len(found) == 1 else _MOST if found else 0
    if tree[0] == "div":
        top, bottom = map(_count, tree[1:])
        return (2 if bottom else top) if max(top, bottom) < 2 or not bottom and top < _MOST else _MOST
    if is_large(tree):
        return 1
    return 0


def _is_power_of_ten(tree: Any) -> bool:
    return tree[0] == "pow" and tree[1] == ("num", 10) and is_large(tree)


# --- kinds of terms, and radicals


def _kind_of(term: Any) -> Any:
    """What a term is a multiple of: its constants, the radicals of each index in one, logarithms by their base alone."""
    kinds: list[Any] = []
    radicands: dict[int, Fraction] = {}
    for atom, below in _atoms(term):
        found = _radicand(atom)
        if found is not None and found[0]:
            radicand, index = found
            radicands[index] = radicands.get(index, Fraction(1)) * radicand ** (index - 1 if below else 1)
        elif atom[0] == "log" and not _is_irrational(atom[2]):
            kinds.append(("log", atom[1], below))
        else:
            kinds.append((atom, below))
    kinds += [
        ("root", index, rest) for index, value in radicands.items() if (rest := _free_of_powers(value, index)) != 1
    ]
    return tuple(sorted(kinds, key=repr))


def _radicand(tree: Any) -> tuple[Fraction, int] | None:
    """The number below a radical, and the index; None for other radicals."""
    index = _whole(tree[2]) if tree[0] == "root" else None
    value = _value(tree[1]) if index is not None and 2 <= index <= _LARGEST_POWER else None
    return (value, index) if value is not None and index is not None else None


def _value(tree: Any) -> Fraction | None:
    """The value of a number, a fraction or a power; None for what has to be worked out."""
    if tree[0] == "neg":
        inner = _value(tree[1])
        return None if inner is None else -inner
    if tree[0] == "num":
        return Fraction(tree[1])
    if tree[0] == "div":
        top, bottom = map(_value, tree[1:])
        return top / bottom if top is not None and bottom and all(part[0] != "div" for part in tree[1:]) else None
    exponent = _whole(tree[2]) if tree[0] == "pow" else None
    base = _value(tree[1]) if exponent is not None and 1 < exponent <= _LARGEST_POWER else None
    return base**exponent if base is not None and exponent is not None and abs(base) < _LARGEST_POWER else None


def _free_of_powers(value: Fraction, index: int) -> int:
    """The whole number without n-th powers of small numbers that makes the same radical but for a rational factor."""
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


# --- letters


def _with_letters(tree: Any) -> Iterator[str]:
    """What is left of an expression with letters: its numbers, two in one product, and terms of one kind."""
    if tree[0] == "add":
        letters = [part for part in tree[1:] if _has(part, "var")]
        numbers = tuple(part for part in tree[1:] if part not in letters)
        monomials = [factors for factors in map(_monomial, letters) if factors]
        if len(set(monomials)) < len(monomials):
            yield "like terms"
        if numbers:
            yield from _of_constant(numbers[0] if len(numbers) == 1 else ("add", *numbers))
        parts: Sequence[Any] = letters
    elif tree[0] == "mul":
        if sum(not _has(part, "var") and _count(part) in (1, 2) for part in tree[1:]) > 1:
            yield "product"
        parts = tree[1:]
    else:
        parts = [part for part in tree[1:] if isinstance(part, tuple)]
    for part in parts:
        if part[0] != "var":
            yield from _with_letters(part) if _has(part, "var") else _of_constant(part)


def _of_constant(tree: Any) -> Iterator[str]:
    """What is left of a constant among letters; how a number is written there, and that it is irrational, is nothing."""
    if isinstance(tree[0], str):
        yield from (work for work in work_left(tree) if work not in ("irrational", "function"))


def _monomial(tree: Any) -> tuple[Any, ...]:
    """The powers of letters that a term is a multiple of, with its irrational factors; nothing where it is no monomial."""
    while tree[0] == "neg" or (tree[0] == "div" and not _has(tree[2], "var") and not _is_irrational(tree[2])):
        tree = tree[1]
    factors = tree[1:] if tree[0] == "mul" else (tree,)
    rest = [part for part in factors if _has(part, "var") or _is_irrational(part)]
    powers = all(
        not _has(part, "var") or part[0] == "var" or (part[0] == "pow" and part[1][0] == "var" and part[2][0] == "num")
        for part in rest
    )
    return tuple(rest) if powers else ()
