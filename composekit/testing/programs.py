"""Wrong programs that a verifier must refuse, made from right ones."""

from __future__ import annotations

import ast
from collections.abc import Iterator

_SWAPS: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add, ast.Div: ast.Mult, ast.Mod: ast.FloorDiv, ast.FloorDiv: ast.Mod,
    ast.Lt: ast.GtE, ast.Gt: ast.LtE, ast.LtE: ast.Gt, ast.GtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.In: ast.NotIn, ast.NotIn: ast.In, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip


def program_mutants(source: str) -> list[str]:
    """Programs that differ from a program in one place: an operator, a comparison, a whole number, a returned value.

    Most do something else than the original, but not all, and not all of those are caught by given tests: run them.

    Args:
        source: A Python module.

    Returns:
        Mutants in the order of their places; comments and formatting are lost.

    Raises:
        SyntaxError: the source does not parse.

    Example:
        >>> program_mutants("def f(n):\\n    return n + 1")
        ['def f(n):\\n    return None', 'def f(n):\\n    return n - 1', 'def f(n):\\n    return n + 2']
    """
    return list(dict.fromkeys(_mutants(source)))


def _mutants(source: str) -> Iterator[str]:
    for place in range(sum(1 for _ in ast.walk(ast.parse(source)))):
        tree = ast.parse(source)
        node = next(node for k, node in enumerate(ast.walk(tree)) if k == place)
        if _changed(node):
            yield ast.unparse(ast.fix_missing_locations(tree))


def _changed(node: ast.AST) -> bool:
    """Change a node in place, if it is of a kind that can be."""
    if isinstance(node, ast.Return) and node.value is not None:
        node.value = ast.Constant(None)
    elif isinstance(node, (ast.BinOp, ast.BoolOp)) and type(node.op) in _SWAPS:
        node.op = _SWAPS[type(node.op)]()
    elif isinstance(node, ast.Compare) and type(node.ops[0]) in _SWAPS:
        node.ops[0] = _SWAPS[type(node.ops[0])]()
    elif isinstance(node, ast.Constant) and type(node.value) is int:
        node.value += 1
    else:
        return False
    return True
