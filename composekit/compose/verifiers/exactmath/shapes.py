"""What an answer is made of: sets, matrices, named values, chains of inequalities, both signs at once."""

from __future__ import annotations

from composekit.compose.verifiers.exactmath import algebra as alg
from composekit.compose.verifiers.exactmath.algebra import Form
from composekit.compose.verifiers.exactmath.tree import Node, contains, variables

_TURNED = {">": "<", ">=": "<="}


def is_collection(node: Node) -> bool:
    """Whether this is several values: a list, a set, or a value with both signs."""
    return node.kind in ("list", "set") or contains(node, "pm", "mp")


def cells(matrix: Node) -> list[Node]:
    """The cells of a matrix, row by row."""
    return [cell for row in matrix.args[1] for cell in row]


def with_sign(node: Node, sign: int) -> Node:
    r"""The tree with the upper sign of every ``\pm`` and ``\mp`` (1), or with the lower one (-1)."""

    def visit(x: object) -> object:
        if isinstance(x, tuple) and not isinstance(x, Node):
            return tuple(visit(y) for y in x)
        if not isinstance(x, Node):
            return x
        args = tuple(visit(y) for y in x.args)
        if x.kind not in ("pm", "mp"):
            return Node(x.kind, args)
        left, right = args
        plus = (x.kind == "pm") == (sign > 0)
        return Node("add", (left, right if plus else Node("neg", (right,))))

    return visit(node)  # type: ignore[return-value]


def matches(allowed: list[list[bool]]) -> bool:
    """Whether a square table allows a perfect matching (augmenting paths)."""
    owner: dict[int, int] = {}

    def place(row: int, tried: set[int]) -> bool:
        for column, ok in enumerate(allowed[row]):
            if ok and column not in tried:
                tried.add(column)
                if column not in owner or place(owner[column], tried):
                    owner[column] = row
                    return True
        return False

    return all(place(row, set()) for row in range(len(allowed)))


def as_equation(node: Node) -> Node:
    """``x + y = 5`` as a relation, where it was read as a value with a name."""
    if node.kind != "assign":
        return node
    _, left, relation, value = node.args
    return Node("relation", (("=",), (left, value))) if left is not None and relation == "=" else node


def as_set(node: Node) -> Node:
    r"""The set that ``x \in S`` names, or the one value of ``x = 5``."""
    return node.args[3] if node.args[2] == "in" else Node("set", (node.args[3],))


def is_name(node: Node) -> bool:
    """Whether the left side of an assignment only names the value: ``x``, ``f(2)``, ``AB``, ``Area``, but not ``x + y``."""
    label, left = node.args[0], node.args[1]
    return (
        left is None
        or left.kind in ("var", "apply", "const")
        or (left.kind == "mul" and label.isalpha() and label.isupper())
        or (left.kind == "sequence" and all(x.kind == "var" for x in left.args[2]))
    )


def names_same_function(g: Node, a: Node) -> bool:
    """Whether these are ``y = 2x + 1`` and ``f(x) = 2x + 1``: a letter, and a function of a letter that both values have."""
    plain, applied = sorted((g, a), key=lambda x: x.args[1] is not None and x.args[1].kind == "apply")
    letter, call = plain.args[1], applied.args[1]
    if letter is None or call is None or letter.kind != "var" or call.kind != "apply" or len(call.args) != 2:
        return False
    values = variables(g.args[3]), variables(a.args[3])
    argument = call.args[1]
    if argument.kind == "mul" and argument.args[0] == Node("var", (call.args[0],)) and len(argument.args) == 2:
        argument = argument.args[1]  # P(x), read as a product
    is_function = argument.kind == "var" and all(argument.args[0] in found for found in values)
    return is_function and not any(letter.args[0] in found for found in values) and g.args[2] == a.args[2] == "="


def only_point(node: Node) -> Node | None:
    """The a of the interval ``[a, a]``, which holds nothing else."""
    if (
        node.kind == "sequence"
        and node.args[:2] == ("[", "]")
        and len(node.args[2]) == 2
        and node.args[2][0] == node.args[2][1]
    ):
        return node.args[2][0]
    return None


def is_out_of_order(left: Node | None) -> bool:
    """``(y, x) = ...`` for a point that is asked for as ``(x, y)``."""
    if left is None or left.kind != "sequence" or not all(x.kind == "var" for x in left.args[2]):
        return False
    found = [x.args[0] for x in left.args[2]]
    return set(found) <= set("xyz") and found != sorted(found)


def links(node: Node) -> list[tuple[str, tuple[Node, Node]]]:
    """The pairs of a chain of inequalities, each written with ``<``, ``<=`` or ``!=``."""
    relations, operands = node.args
    out = []
    for relation, x, y in zip(relations, operands, operands[1:], strict=False):
        out.append((_TURNED[relation], (y, x)) if relation in _TURNED else (relation, (x, y)))
    return out


def by_variables(form: Form) -> dict[alg.Monomial, dict[alg.Monomial, alg.Rational]]:
    """The numerator as a polynomial in its variables: their monomial to the constant factor."""
    out: dict[alg.Monomial, dict[alg.Monomial, alg.Rational]] = {}
    for monomial, c in form.num.items():
        outer = tuple(f for f in monomial if f[0][0] >= alg.VARIABLE)
        inner = tuple(f for f in monomial if f[0][0] < alg.VARIABLE)
        out.setdefault(outer, {})[inner] = c
    return out
