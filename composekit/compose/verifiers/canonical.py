r"""Answers as nested tuples in which it leaves no trace how their terms and factors were ordered.

:func:`sides_of` gives the sides of an equation, :math:`12 \cdot 16 = 192`, of another answer the one that there is.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from typing import Any

from composekit.compose.verifiers.exactmath.lexer import Unreadable
from composekit.compose.verifiers.exactmath.reading import readings
from composekit.compose.verifiers.exactmath.tree import Node, variables

MAX_LENGTH = 1000
COMMUTE = frozenset(("add", "mul"))


def inside(tree: Any) -> Iterator[Any]:
    """The tree and everything below it."""
    if isinstance(tree, tuple):
        yield tree
        for part in tree:
            yield from inside(part)


def sides_of(answer: str, wanted: tuple[Any, ...]) -> tuple[Any, ...]:
    """The sides of an answer; letters behind it that the gold answer lacks are a unit."""
    found = canonical_of(answer, gold=False)
    if "('var'" in repr(found) and "('var'" not in repr(wanted):
        return canonical_of(answer, gold=False, unit=True) or found
    return found


@lru_cache(maxsize=64)  # one verdict asks for the same texts several times
def canonical_of(text: str, *, gold: bool, unit: bool = False) -> tuple[Any, ...]:
    """The usual reading of a text in canonical form, or the one with a unit, of an equation its sides; nothing for what is
    no expression.
    """
    if not text.strip(" .,") or len(text) > MAX_LENGTH:
        return ()
    try:
        found = readings(text, gold=gold, unusual=unit)
    except (Unreadable, RecursionError):
        return ()
    # Of "$18 per day" the reading counts in which "per day" is the unit and no product.
    node = min(found, key=lambda reading: len(variables(reading))) if unit else found[0]
    while node.kind == "assign":
        node = node.args[3]
    parts = node.args[1] if node.kind == "relation" and set(node.args[0]) <= {"=", "~"} else (node,)
    return tuple(map(canonical_tree, parts))


def canonical_tree(node: Any) -> Any:
    """Nested tuples in which the order of terms and factors, a zero term and a unit factor leave no trace."""
    if not isinstance(node, Node):
        return tuple(canonical_tree(x) for x in node) if isinstance(node, tuple) else node
    if node.kind == "num":
        return ("num", Fraction(node.args[0]))
    if node.kind in ("unit", "degree"):
        return canonical_tree(node.args[0])
    if node.kind == "pow" and (root := _root(node)) is not None:
        return root
    if node.kind == "fn" and node.args[0] == "exp":
        return ("pow", ("const", "e"), canonical_tree(node.args[1]))
    if node.kind == "percent":
        return ("percent", canonical_tree(node.args[0]))
    if node.kind == "pow" and node.args[1].kind == "num" and node.args[1].args[0] == 1:
        return canonical_tree(node.args[0])
    if node.kind == "mul" and len(node.args) == 2 and all(part.kind == "num" for part in node.args):
        number, scale = node.args
        if not scale.args[1]:  # written as a word: three thousand
            return ("num", Fraction(number.args[0] * scale.args[0]))
    if node.kind == "mul" and len(node.args) == 2 and node.args[0].kind == "num" and _is_ten(node.args[1]):
        mantissa = canonical_tree(node.args[0])
        if mantissa[0] == "num" and 1 <= abs(mantissa[1]) < 10:  # 2.8 x 10^1, in scientific notation
            return ("num", mantissa[1] * 10)
    if node.kind == "matrix":
        return _matrix(node)
    if node.kind == "neg":
        return negative(canonical_tree(node.args[0]))
    if node.kind not in COMMUTE:
        return (node.kind, *(canonical_tree(x) for x in node.args))
    idle = ("num", Fraction(int(node.kind == "mul")))
    parts: list[Any] = []
    for part in node.args:
        plain = canonical_tree(part)
        parts += plain[1:] if plain[0] == node.kind else [] if plain == idle else [plain]
    parts.sort(key=repr)
    return (node.kind, *parts) if len(parts) > 1 else parts[0] if parts else idle


def _matrix(node: Node) -> Any:
    """A matrix, and behind its rows what stood before it and was multiplied into all its cells."""
    columns, rows, scalars = node.args[0], node.args[1], []
    while all(cell.kind == "mul" and cell.args[0] == rows[0][0].args[0] for row in rows for cell in row):
        scalars.append(rows[0][0].args[0])
        rows = tuple(tuple(_product(cell.args[1:]) for cell in row) for row in rows)
    return ("matrix", columns, *(canonical_tree(x) for x in (rows, *scalars)))


def _product(factors: tuple[Node, ...]) -> Node:
    return Node("mul", factors) if len(factors) > 1 else factors[0]


def _is_ten(node: Any) -> bool:
    """Whether this is ten, written as a power."""
    return (
        node.kind == "pow"
        and all(part.kind == "num" for part in node.args)
        and [x.args[0] for x in node.args] == [10, 1]
    )


def _root(node: Node) -> Any:
    """A power with the exponent 1/n as the root that it is; None for other powers."""
    if node.args[1].kind != "div":  # a tower of powers would be walked through twice at every level
        return None
    exponent = canonical_tree(node.args[1])
    if exponent[0] != "div" or exponent[1] != ("num", 1) or exponent[2][0] != "num":
        return None
    return ("root", canonical_tree(node.args[0]), exponent[2])


def negative(tree: Any) -> Any:
    """The tree with the other sign."""
    if tree[0] == "num":
        return ("num", -tree[1])
    if tree[0] == "neg":
        return tree[1]
    if tree[0] == "add":
        return ("add", *sorted(map(negative, tree[1:]), key=repr))
    return ("neg", tree)


def is_fraction(tree: Any) -> bool:
    """Whether this is a quotient of two numbers, perhaps negative, or a mixed number."""
    if tree[0] in ("neg", "percent"):
        return tree[1][0] == "num" or is_fraction(tree[1])
    return tree[0] == "mixed" or (tree[0] == "div" and all(part[0] == "num" for part in tree[1:]))
