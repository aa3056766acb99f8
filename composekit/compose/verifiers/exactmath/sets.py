r"""Sets of real numbers as sorted cuts of the line, so that unions, inequalities and differences compare.

A set is the list of places where membership changes. The cut ``(k, 0)`` lies just before end point number ``k``, ``(k, 1)``
just after it: :math:`[a, b)` is ``(a, 0), (b, 0)`` and the point :math:`\{a\}` is ``(a, 0), (a, 1)``.
"""

from __future__ import annotations

from collections.abc import Callable

from composekit.compose.verifiers.exactmath import algebra as alg
from composekit.compose.verifiers.exactmath.algebra import Form, Undecided, Undefined
from composekit.compose.verifiers.exactmath.evaluate import Evaluator
from composekit.compose.verifiers.exactmath.numeric import FloatArithmetic, Sampler, Unable
from composekit.compose.verifiers.exactmath.tree import Node, variables

Cut = tuple[float, int, int]  # value (for the order), end point, side
Cuts = tuple[Cut, ...]


class NoRealSet(Exception):
    """The node does not describe a set of real numbers."""


class RealLine:
    """Reads nodes as sets over one list of end points, so that equal end points share a number."""

    def __init__(self) -> None:
        self.ends: list[tuple[float, float, Form]] = []
        self.ring = alg.Ring()

    def end(self, node: Node) -> tuple[float, int]:
        """The end point of a constant real expression; raises :class:`NoRealSet` for anything else."""
        infinite = infinity(node)
        if infinite:
            return infinite * float("inf"), -infinite
        if not node.is_scalar or variables(node):
            raise NoRealSet
        try:
            form = Evaluator(ring=self.ring).form(node)
            value, error = Sampler(FloatArithmetic, {}).value(node)
        except (Unable, Undefined) as problem:
            raise NoRealSet from problem
        if abs(value.imag) > 10 * error + 1e-12:
            raise NoRealSet
        for k, (other, margin, known) in enumerate(self.ends, start=2):
            if abs(other - value.real) <= 100 * (error + margin):
                if not self.ring.equal(form, known):
                    raise Undecided("end points too close to order")
                return other, k
        self.ends.append((value.real, error, form))
        return value.real, len(self.ends) + 1

    def read(self, node: Node) -> tuple[str | None, Cuts]:
        """The variable, where one is named, and the set."""
        rule = {
            "reals": self._reals, "sequence": self._interval, "set": self._points, "set_operation": self._operation,
            "relation": self._relation, "list": self._list, "assign": self._membership,
        }.get(node.kind)  # fmt: skip
        if rule is None:
            raise NoRealSet
        return rule(node)

    def _reals(self, _node: Node) -> tuple[None, Cuts]:
        return None, self._from_to(None, False, None, False)

    def _from_to(self, low: Node | None, low_closed: bool, high: Node | None, high_closed: bool) -> Cuts:
        a = (-float("inf"), 1) if low is None else self.end(low)
        b = (float("inf"), -1) if high is None else self.end(high)
        start, stop = (*a, 0 if low_closed else 1), (*b, 1 if high_closed else 0)
        if (start[0], start[2]) >= (stop[0], stop[2]):
            raise NoRealSet
        return start, stop

    def _interval(self, node: Node) -> tuple[None, Cuts]:
        opening, closing, items = node.args
        if len(items) != 2 or opening not in "([" or closing not in ")]":
            raise NoRealSet
        return None, self._from_to(items[0], opening == "[", items[1], closing == "]")

    def _points(self, node: Node) -> tuple[None, Cuts]:
        cuts: Cuts = ()
        for item in node.args:
            cuts = combine(cuts, self._from_to(item, True, item, True), lambda a, b: a or b)
        return None, cuts

    def _operation(self, node: Node) -> tuple[str | None, Cuts]:
        operation, left, right = node.args
        (name, a), (other, b) = self.read(left), self.read(right)
        if name and other and name != other:
            raise NoRealSet
        rules: dict[str, Callable[[bool, bool], bool]] = {
            "cup": lambda x, y: x or y, "cap": lambda x, y: x and y, "minus": lambda x, y: x and not y,
        }  # fmt: skip
        return name or other, combine(a, b, rules[operation])

    def _relation(self, node: Node) -> tuple[str | None, Cuts]:
        relations, operands = node.args
        names = {n for x in operands for n in (variables(x) if x.is_scalar else ())}
        if len(names) != 1:
            raise NoRealSet
        cuts = self._from_to(None, False, None, False)
        for relation, left, right in zip(relations, operands, operands[1:], strict=False):
            if left.kind != "var":
                left, right = right, left
                relation = {"<": ">", ">": "<", "<=": ">=", ">=": "<="}.get(relation, relation)
            if left.kind != "var":
                raise NoRealSet
            cuts = combine(cuts, self._half_line(relation, right), lambda x, y: x and y)
        return names.pop(), cuts

    def _half_line(self, relation: str, end: Node) -> Cuts:
        if relation in ("<", "<="):
            return self._from_to(None, False, end, relation == "<=")
        if relation in (">", ">="):
            return self._from_to(end, relation == ">=", None, False)
        if relation == "!=":
            line, point = self._from_to(None, False, None, False), self._from_to(end, True, end, True)
            return combine(line, point, lambda x, y: x and not y)
        raise NoRealSet

    def _list(self, node: Node) -> tuple[str | None, Cuts]:
        items, join = node.args
        if not all(item.kind == "relation" for item in items):
            raise NoRealSet
        name, cuts = self.read(items[0])
        for item in items[1:]:
            other, more = self.read(item)
            if other != name:
                raise NoRealSet
            cuts = combine(cuts, more, (lambda x, y: x or y) if join == "or" else (lambda x, y: x and y))
        return name, cuts

    def _membership(self, node: Node) -> tuple[str | None, Cuts]:
        label, _left, relation, value = node.args
        if relation != "in":
            raise NoRealSet
        return label, self.read(value)[1]


def infinity(node: Node) -> int:
    """1 or -1 for plus or minus infinity, 0 for anything else."""
    if node == Node("const", ("inf",)):
        return 1
    return -infinity(node.args[0]) if node.kind == "neg" else 0


def combine(a: Cuts, b: Cuts, rule: Callable[[bool, bool], bool]) -> Cuts:
    """The set of points whose membership is ``rule(in a, in b)``; a union, an intersection or a difference."""
    out: list[Cut] = []
    inside_a = inside_b = inside = False
    for cut in sorted({*a, *b}, key=lambda c: (c[0], c[2])):
        inside_a ^= cut in a
        inside_b ^= cut in b
        if rule(inside_a, inside_b) != inside:
            inside = not inside
            out.append(cut)
    return tuple(out)


def same_real_set(g: Node, a: Node) -> bool | None:
    """Whether two nodes describe one set of reals; None where one of them describes none, or the order is not clear."""
    line = RealLine()
    try:
        (name, first), (other, second) = line.read(g), line.read(a)
    except (NoRealSet, Undecided, Undefined):
        return None
    return first == second and (name is None or other is None or name == other)
