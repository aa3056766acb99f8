r"""What is still to be worked out in an answer: a finished constant is defined, and everything else is work left.

A finished constant is a rational number that is written as :mod:`.written` says, or an irrational one as :mod:`.irrational`
says. Of what has letters only its numbers are looked at: they are added and multiplied, and no two terms are of one kind.
Lists, intervals, matrices and the like are finished if all their members are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

from composekit.compose.verifiers.canonical import inside
from composekit.compose.verifiers.irrational import constant_left, count_numbers, is_irrational
from composekit.compose.verifiers.written import bare, is_small_power, number_left, whole_number


def work_left(tree: Any, *, whole: bool = False) -> Iterator[str]:
    r"""What has to be done yet with an answer in canonical form, in words; and that it is irrational, or has functions.

    Args:
        tree: The answer.
        whole: Whether it is worth a whole number; then nothing may have to be divided by a power.

    Example:
        >>> from composekit.compose.verifiers.canonical import canonical_of
        >>> for answer in ("2^{10} - 1", r"3 + 2\sqrt5", "200 - 8", r"12 \cdot 16", r"\frac{26}{5 - i}", r"\sqrt{49}"):
        ...     print(list(work_left(canonical_of(answer, gold=False)[0])))
        []
        ['irrational']
        ['sum']
        ['product']
        ['irrational', 'denominator']
        ['irrational', 'root']
    """
    parts = parts_of(tree)
    if parts is not None:
        for part in parts:
            yield from work_left(part, whole=whole)
        if tree[0] == "set_operation":
            yield "union" if _is_union(tree) else "set operation"
    elif has_letters(tree):
        yield from _with_letters(tree)
    elif is_irrational(tree):
        yield "irrational"
        if any(part and part[0] in ("log", "fn") for part in inside(tree)):
            yield "function"
        yield from constant_left(tree)
    else:
        yield from number_left(tree, whole=whole)


def parts_of(tree: Any) -> tuple[Any, ...] | None:
    """The values that a list, a matrix, an interval, a relation, ... is made of; None for one value."""
    kind = tree[0]
    if kind in ("set", "ratio"):
        return tuple(tree[1:])
    if kind == "assign" or (kind in ("pm", "mp") and tree[1] == ("num", 0)):  # a sign alone
        return (tree[-1],)
    if kind in ("list", "sequence"):
        return tuple(tree[1 if kind == "list" else 3])
    if kind == "set_operation":
        return tuple(tree[2:])
    if kind == "relation":
        return tuple(side for side in tree[2] if side[0] != "var")
    return tuple(cell for row in tree[2] for cell in row) + tree[3:] if kind == "matrix" else None


def has_letters(tree: Any) -> bool:
    """Whether variables stand in this."""
    return "('var'" in repr(tree)


def _is_union(tree: Any) -> bool:
    """Whether this is a union of more than sets of numbers, or a set without some numbers."""
    _, operation, left, right = tree
    if operation == "minus":
        return bool(left[0] != "set" and right[0] == "set")
    return operation == "cup" and not left[0] == right[0] == "set"


def _with_letters(tree: Any) -> Iterator[str]:
    """What is left of an expression with letters: its numbers, two in one product, and terms of one kind."""
    parts: Sequence[Any] = [part for part in tree[1:] if isinstance(part, tuple)]
    if tree[0] == "add":
        numbers = [part for part in parts if not has_letters(part)]
        parts = [part for part in parts if has_letters(part)]
        monomials = [factors for factors in map(_monomial, parts) if factors]
        if len(set(monomials)) < len(monomials):
            yield "like terms"
        if any(part[0] == "pow" and is_small_power(part) for part in map(bare, numbers)):
            yield "power"
        if numbers:
            parts.append(numbers[0] if len(numbers) == 1 else ("add", *numbers))
    elif tree[0] == "mul" and ("num", 0) in parts:
        yield "zero"
    elif tree[0] == "mul" and any(one == other and one[0] == "var" for one, other in pairwise(parts)):  # in order
        yield "like factors"
    elif tree[0] == "root":
        yield "root of letters"
    elif _is_quotient(tree):
        yield "letters below"
    elif tree[0] == "mul" and sum(not has_letters(part) and count_numbers(part) in (1, 2) for part in parts) > 1:
        yield "product"
    for part in parts:
        if has_letters(part):
            yield from _with_letters(part)
        elif isinstance(part[0], str):
            yield from constant_left(part) if is_irrational(part) else number_left(part)


def _is_quotient(tree: Any) -> bool:
    """Whether letters stand below a fraction, or have an exponent that is negative or no number."""
    if tree[0] == "pow":
        exponent = whole_number(tree[2])
        return exponent is None or exponent < 0
    return bool(tree[0] == "div" and has_letters(tree[2]))


def _monomial(tree: Any) -> tuple[Any, ...]:
    """The powers of letters that a term is a multiple of, with its irrational factors; nothing where it is no monomial."""
    while tree[0] == "neg" or (tree[0] == "div" and count_numbers(tree[2]) in (1, 2)):
        tree = tree[1]
    factors = tree[1:] if tree[0] == "mul" else (tree,)
    rest = tuple(part for part in factors if has_letters(part) or is_irrational(part))
    powers = all(
        part[0] == "var" or (part[0] == "pow" and part[1][0] == "var" and part[2][0] == "num")
        for part in rest
        if has_letters(part)
    )
    return rest if powers else ()
