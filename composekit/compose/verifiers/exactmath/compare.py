r"""When two answers are the same: the conventions of answers over the exact values of expressions.

Order matters in tuples, not in sets nor in bare lists; multiplicity counts in bare lists, not in sets. Units, percent
and number bases must agree where both sides state them and are ignored where one side omits them. Equations are equal
up to a nonzero factor, inequalities up to a positive one and when turned round. ``x = 5`` answers a question for ``5``.

Every comparison is True, False, or None: not decided here.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise

from composekit.compose.verifiers.exactmath import algebra as alg
from composekit.compose.verifiers.exactmath.algebra import Form, TooLarge, Undecided, Undefined
from composekit.compose.verifiers.exactmath.evaluate import Evaluator, has_bare_log
from composekit.compose.verifiers.exactmath.grammar import GREEK
from composekit.compose.verifiers.exactmath.numeric import out_of_range, refuted
from composekit.compose.verifiers.exactmath.quantities import (
    in_unit_of,
    is_time,
    quantity,
    roughly,
    same_digits,
    units_agree,
)
from composekit.compose.verifiers.exactmath.sets import infinity, same_real_set
from composekit.compose.verifiers.exactmath.shapes import (
    as_equation,
    as_set,
    by_variables,
    cells,
    is_collection,
    is_name,
    is_out_of_order,
    links,
    matches,
    names_same_function,
    only_point,
    with_sign,
)  # fmt: skip
from composekit.compose.verifiers.exactmath.tree import Node, contains, number, variables

MAX_ITEMS = 60
Oracle = Callable[[Node, Node, bool], bool | None]  # two scalars and whether a bare log is decimal
_RADIANS = Node("div", (Node("const", ("pi",)), number(180)))
_POINTS = frozenset(("sequence", "assign", "relation"))


class Comparison:
    """Compares the trees of a gold answer and of a response.

    Args:
        oracle: Judges pairs of scalars that the exact path leaves open; without one they stay open.
    """

    def __init__(self, oracle: Oracle | None = None) -> None:
        self.oracle = oracle
        self.too_large: str | None = None
        self.ring = alg.Ring()  # one budget for the whole comparison

    def equal(self, g: Node, a: Node) -> bool | None:
        """Whether ``a`` answers a question whose gold answer is ``g``."""
        wanted, given = (self._one_of_equals(self._settle(x)) for x in (g, a))
        same = self._match(wanted, given)
        if same or given is a or given.kind == "contradiction" or a.kind != "relation":
            return same
        return _either(same, self._match(wanted, a.args[1][-1]))  # 12/20 = 60%: a chain that holds, to its end

    def _match(self, g: Node, a: Node) -> bool | None:
        if a.kind == "sequence" and all(x.kind == "assign" for x in a.args[2]):  # (x = 1, y = 2)
            a = Node("list", (a.args[2], ","))
        if g.kind == "contradiction" or a.kind == "contradiction":
            return False
        if "assign" in (g.kind, a.kind):
            return self._assignments(g, a)
        if is_collection(g) or is_collection(a):
            same = self._collections(g, a)
            return same if same is not False else self._real_sets(g, a)
        if g.is_scalar and a.is_scalar:
            return self._quantities(g, a)
        if g.kind == a.kind == "matrix":
            return g.args[0] == a.args[0] and self._all(cells(g), cells(a))
        if g.kind == a.kind == "sequence":
            return self._sequences(g, a)
        if {g.kind, a.kind} == {"matrix", "sequence"}:
            matrix, sequence = (g, a) if g.kind == "matrix" else (a, g)
            return matrix.args[0] == 1 and self._all(cells(matrix), sequence.args[2])
        if "ratio" in (g.kind, a.kind):
            return self._ratios(g, a)
        if g.kind == a.kind == "relation":
            same = self._relations(g, a)
            return same if same is not False else self._real_sets(g, a)
        return self._real_sets(g, a)

    # --- settling what stands around the value

    def _settle(self, node: Node) -> Node:
        """An equality chain that holds becomes its first value, one that does not a contradiction."""
        if node.kind != "relation" or not set(node.args[0]) <= {"=", "~"}:
            return node
        relations, operands = node.args
        if not all(x.is_scalar for x in operands):
            return self._settle_items(node)
        known = next((k for k, x in enumerate(operands) if not variables(x)), len(operands))
        if 0 < known < len(operands) - 1 and not any(map(variables, operands[known:])):
            return self._settle(
                Node("relation", (relations[known:], operands[known:]))
            )  # bh = 3 * 5 = 15: letters, and their values
        if relations.count("~") > 1:
            return Node("contradiction", ())
        for relation, x, other in zip(relations, operands, operands[1:], strict=False):
            y = in_unit_of(x, other)
            if y is None:
                return Node("contradiction", ())
            if relation == "~" and not roughly(x, y):
                return Node("contradiction", ())
            same = self._same_values(x, y) if relation == "=" else True
            if same is not True:
                if len(operands) == 2 and (variables(x) | variables(y)):
                    return node
                if same is None:
                    raise Undecided("whether a chain of equations holds")
                return Node("contradiction", ())
        return operands[0]

    def _settle_items(self, node: Node) -> Node:
        """Of a chain of equal tuples, matrices or sets the last one."""
        relations, operands = node.args
        if set(relations) != {"="} or {x.kind for x in operands} not in ({"sequence"}, {"matrix"}, {"set"}):
            return node
        holds = _both(*(self._match(x, y) for x, y in pairwise(operands)))
        return operands[-1] if holds else node

    def _same_values(self, x: Node, y: Node) -> bool | None:
        """Whether two sides of an equation are equal; with a plus-minus, in all their values: sqrt(4) is not +-2."""
        if contains(x, "pm", "mp") or contains(y, "pm", "mp"):
            return self._collections(x, y)
        same = self.scalars(x, y)
        if same or (x.kind == "degree") == (y.kind == "degree"):
            return same
        angle, other = (x, y) if x.kind == "degree" else (y, x)
        return _either(same, self.scalars(Node("mul", (angle.args[0], _RADIANS)), other))  # arctan 1 = 45 degrees

    def _one_of_equals(self, node: Node) -> Node:
        """``15 1/2 or 31/2`` names one value twice, which is no list of guesses."""
        if node.kind != "list" or node.args[1] != "or" or len(node.args[0]) > MAX_ITEMS:
            return node
        first, *others = node.args[0]
        return first if all(first.is_scalar and x.is_scalar and self.scalars(first, x) for x in others) else node

    def _assignments(self, g: Node, a: Node) -> bool | None:
        if g.kind == a.kind == "assign":
            if g.args[0] == a.args[0] and "in" in (g.args[2], a.args[2]):
                return self.equal(as_set(g), as_set(a))
            if g.args[0] == a.args[0] or names_same_function(g, a):
                return self.equal(g.args[3], a.args[3])
            return self._equations(as_equation(g), as_equation(a))
        if g.kind == "assign":
            if g.args[2] == "in" and a.kind == "relation":
                return self._real_sets(g, a)
            if a.kind == "relation" or not is_name(g):
                return self._equations(as_equation(g), a)
            return self.equal(g.args[3], a)
        if g.kind == "relation":
            return self._equations(g, as_equation(a)) if a.args[2] != "in" else self._real_sets(g, a)
        _, left, relation, value = a.args
        if relation == "=" and value.kind == "relation" and value.args[0] == ("=",) and not variables(value.args[1][1]):
            value = value.args[1][1] if variables(value.args[1][0]) else value  # A = bh = 15
        if relation == "in" and value.kind == "reals":
            return self._real_sets(g, value)
        bound = (
            {left.args[0]}
            if left is not None and left.kind == "apply"
            else variables(left)
            if left is not None
            else set()
        )
        if bound & variables(value) or (not is_name(a) and variables(value)):
            return False
        if g.kind == "sequence" and not only_point(g) and (value.kind not in _POINTS or is_out_of_order(left)):
            return False
        return self.equal(g, value)

    def _real_sets(self, g: Node, a: Node) -> bool | None:
        if contains(g, "pm", "mp") or contains(a, "pm", "mp"):
            return False
        points = only_point(g), only_point(a)
        if points != (None, None):
            return self.equal(points[0] or g, points[1] or a)
        same = same_real_set(g, a)
        return False if same is None else same

    # --- collections

    def _collections(self, g: Node, a: Node) -> bool | None:
        gold, given = self._members(g), self._members(a)
        if max(len(gold), len(given)) > MAX_ITEMS:
            raise TooLarge(f"more than {MAX_ITEMS} items")
        if g.kind == "sequence" and a.kind == "list":
            return self._coordinates(g, given)
        if g.kind == "list" and a.kind == "sequence":
            return self._coordinates(a, gold)
        if "sequence" in (g.kind, a.kind) and len(gold) != len(given):
            return False
        if _is_set(g) or _is_set(a):
            if not (_is_set(g) and _is_set(a)) and len(gold) != len(given):
                distinct = [x for x in (g, a) if not _is_set(x)]
                if len(self._members(distinct[0])) > 1 or len(gold) + len(given) > 2:
                    return False
            return _both(self._cover_each_other(gold, given), self._no_repeats(g, a))
        if len(gold) != len(given):
            return False
        return self._multisets(gold, given)

    def _members(self, node: Node) -> list[Node]:
        """The items of a list or set, with both values of each plus-minus."""
        items = node.args[0] if node.kind == "list" else node.args if node.kind == "set" else (node,)
        out: list[Node] = []
        for item in items:
            if contains(item, "pm", "mp"):
                plus, minus = with_sign(item, 1), with_sign(item, -1)
                out += [plus] if self.equal(plus, minus) else [plus, minus]
            else:
                out.append(item)
        return out

    def _no_repeats(self, g: Node, a: Node) -> bool | None:
        """In a bare list that stands for a set every item must occur once."""
        if _is_set(g) and _is_set(a):
            return True
        items = self._members(a if _is_set(g) else g)
        return not any(self.equal(x, y) for k, x in enumerate(items) for y in items[:k])

    def _cover_each_other(self, gold: Sequence[Node], given: Sequence[Node]) -> bool | None:
        """Whether every item has an equal one on the other side. Each pair is compared once: sets may nest."""
        if not gold or not given:
            return not gold and not given
        table = [[self.equal(x, y) for y in given] for x in gold]
        return _both(*(_either(*found) for found in [*table, *(list(column) for column in zip(*table, strict=True))]))

    def _multisets(self, gold: list[Node], given: list[Node]) -> bool | None:
        """A perfect matching, by augmenting paths: equality with omitted units is not transitive, so greed can fail."""
        table = [[self.equal(x, y) for y in given] for x in gold]
        if matches([[v is True for v in row] for row in table]):
            return True
        return None if matches([[v is not False for v in row] for row in table]) else False

    def _coordinates(self, point: Node, items: list[Node]) -> bool | None:
        """``x = 1, y = 2`` for the point ``(1, 2)``: in the order of their names, with Greek ones as they stand."""
        if not all(
            x.kind == "assign" and x.args[2] == "=" and (len(x.args[0]) == 1 or x.args[0] in GREEK) for x in items
        ):
            return False
        greek = any(x.args[0] in GREEK for x in items)
        named = items if greek else sorted(items, key=lambda x: x.args[0])
        if len({x.args[0] for x in named}) != len(point.args[2]):
            return False
        return self._all(point.args[2], [x.args[3] for x in named])

    def _all(self, gold: Sequence[Node], given: Sequence[Node]) -> bool | None:
        if len(gold) != len(given):
            return False
        return _both(*(self.equal(x, y) for x, y in zip(gold, given, strict=True)))

    def _sequences(self, g: Node, a: Node) -> bool | None:
        """Tuples and intervals: the kind of bracket counts for two items, where it may be an interval."""
        (*brackets, gold), (*other, given) = g.args, a.args
        if len(gold) == 2 and brackets != other and "<" not in (brackets[0], other[0]):
            return False
        return self._all(gold, given)

    def _ratios(self, g: Node, a: Node) -> bool | None:
        """``2:3`` equals ``4:6`` and the fraction ``2/3``; two times of day must be the same."""
        gold = g.args if g.kind == "ratio" else (g, number(1))
        given = a.args if a.kind == "ratio" else (a, number(1))
        if len(gold) != len(given) or not all(x.is_scalar for x in (*gold, *given)):
            return False
        if is_time(g) and is_time(a):
            return self._all(gold, given)
        if any(self.scalars(x, number(0)) is not False for x in (*gold[1:], *given[1:])):
            return self._all(gold, given)
        products = ((Node("mul", (x, given[-1])), Node("mul", (y, gold[-1]))) for x, y in zip(gold, given, strict=True))
        return _both(*(self.scalars(x, y) for x, y in products))

    # --- relations

    def _equations(self, g: Node, a: Node) -> bool | None:
        if not (g.kind == a.kind == "relation" and g.args[0] == a.args[0] == ("=",)):
            return False
        if not all(x.is_scalar for x in (*g.args[1], *a.args[1])):
            return False
        return self._proportional(g.args[1], a.args[1], positive=False)

    def _relations(self, g: Node, a: Node) -> bool | None:
        if "=" in (*g.args[0], *a.args[0]):
            return self._equations(g, a)
        if not all(x.is_scalar for x in (*g.args[1], *a.args[1])) or len(g.args[0]) != len(a.args[0]):
            return False
        gold, given = links(g), links(a)
        table = [[r == s and self._proportional(x, y, positive=r != "!=") for s, y in given] for r, x in gold]
        if matches([[v is True for v in row] for row in table]):
            return True
        return None if matches([[v is not False for v in row] for row in table]) else False

    def _proportional(self, g: Sequence[Node], a: Sequence[Node], *, positive: bool) -> bool | None:
        """Whether left minus right of one relation is a constant (positive) multiple of the other's."""
        ring = self.ring
        try:
            evaluate = Evaluator(ring=ring)
            p, q = (ring.sub(evaluate.form(x[0]), evaluate.form(x[1])) for x in (g, a))
            if not p.num or not q.num:
                return not p.num and not q.num
            if positive and (p.den != alg.ONE_POLY or q.den != alg.ONE_POLY):
                return ring.equal(p, q)
            lead, other = (by_variables(x) for x in (p, q))
            shared = max(lead.keys() & other.keys(), default=None)
            if shared is None or lead.keys() != other.keys():
                return False if not (alg.is_opaque(p) or alg.is_opaque(q)) else None
            factor = ring.div(Form(lead[shared]), Form(other[shared]))
            if positive:
                ratio = alg.as_rational(factor)
                if ratio is None or ratio <= 0:
                    return None if ratio is None else False
            return ring.equal(Form(p.num), ring.mul(factor, Form(q.num)))
        except Undefined:
            return False
        except Undecided:
            return None

    # --- scalars

    def _quantities(self, g: Node, a: Node) -> bool | None:
        x, y = quantity(g), quantity(a)
        if not units_agree(x.unit, y.unit):
            return False
        if "based" in (x.value.kind, y.value.kind):
            return same_digits(x.value, y.value)
        if x.percent == y.percent:
            return self.scalars(x.value, y.value)
        if (x.unit and not x.percent) or (y.unit and not y.percent):
            return False
        plain, percent = (y.value, x.value) if x.percent else (x.value, y.value)
        return _either(self.scalars(percent, plain), self.scalars(Node("percent", (percent,)), plain))

    def scalars(self, g: Node, a: Node) -> bool | None:
        """Whether two expressions have the same value for all values of their variables."""
        if infinity(g) or infinity(a):
            return infinity(g) == infinity(a)
        readings = (False, True) if has_bare_log(g) or has_bare_log(a) else (False,)
        return _either(*(self._scalars(g, a, decimal_log) for decimal_log in readings))

    def _scalars(self, g: Node, a: Node, decimal_log: bool) -> bool | None:
        try:
            self.ring.charge(5)
            evaluate = Evaluator(ring=self.ring, decimal_log=decimal_log)
            return self.ring.equal(evaluate.form(g), evaluate.form(a))
        except Undefined:
            return False
        except Undecided:
            if refuted(g, a, decimal_log=decimal_log):
                return False
            if out_of_range(g) or out_of_range(a):
                self.too_large = "a number is out of range"
                return None
            return self.oracle(g, a, decimal_log) if self.oracle else None


# --- helpers that need no state


def _both(*verdicts: bool | None) -> bool | None:
    """The conjunction: a False decides."""
    return False if False in verdicts else None if None in verdicts else True


def _either(*verdicts: bool | None) -> bool | None:
    """The disjunction: a True decides."""
    return True if True in verdicts else None if None in verdicts else False


def _is_set(node: Node) -> bool:
    return node.kind == "set"
