"""The tree that the parser builds, and walks over it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from composekit.compose.verifiers.exactmath.vocabulary import names

SCALARS = names(
    "num mixed var const add neg mul div pow root pm mp fn log apply abs fact binom percent degree unit based"
)


class Node(NamedTuple):
    """One operation; ``args`` are nodes or plain values, as the parser's rule for ``kind`` says."""

    kind: str
    args: tuple[Any, ...]

    @property
    def is_scalar(self) -> bool:
        """Whether this is an expression and no list, set, relation or text."""
        return self.kind in SCALARS


def number(value: Any) -> Node:
    """An exact number."""
    return Node("num", (value, ""))


def walk(node: Node) -> Iterator[Node]:
    """The node and everything below it."""
    stack = [node]
    while stack:
        top = stack.pop()
        yield top
        stack.extend(_children(top))


def depth_exceeds(node: Node, limit: int) -> bool:
    """Whether the tree is deeper than ``limit``, found without recursion: long chains of one operator nest too."""
    level = [node]
    for _ in range(limit):
        level = [x for n in level for x in _children(n)]
        if not level:
            return False
    return True


def _children(node: Node) -> Iterator[Node]:
    for arg in node.args:
        if isinstance(arg, Node):
            yield arg
        elif isinstance(arg, tuple):
            for x in arg:
                if isinstance(x, Node):
                    yield x
                elif isinstance(x, tuple):
                    yield from (y for y in x if isinstance(y, Node))


def contains(node: Node, *kinds: str) -> bool:
    """Whether a node of one of these kinds occurs."""
    return any(n.kind in kinds for n in walk(node))


def variables(node: Node) -> set[str]:
    """The names of the variables that occur."""
    return {n.args[0] for n in walk(node) if n.kind == "var"}


def replace(node: Node, old: str, new: str) -> Node:
    """The tree with every node of kind ``old`` turned into kind ``new``."""

    def visit(x: Any) -> Any:
        if isinstance(x, Node):
            return Node(new if x.kind == old else x.kind, tuple(visit(a) for a in x.args))
        return tuple(visit(a) for a in x) if isinstance(x, tuple) else x

    return visit(node)
