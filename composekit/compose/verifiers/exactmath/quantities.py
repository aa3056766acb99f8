"""Numbers with a unit, in percent or in another base; times of day; rounded values."""

from __future__ import annotations

from typing import NamedTuple

from composekit.compose.verifiers.exactmath.numeric import FloatArithmetic, Sampler, Unable
from composekit.compose.verifiers.exactmath.tree import Node, number
from composekit.compose.verifiers.exactmath.units import PHYSICAL, Unit, product
from composekit.compose.verifiers.measures import measure


class Quantity(NamedTuple):
    """A scalar taken apart: the number, its unit, and whether it was given in percent."""

    value: Node
    unit: Unit
    percent: bool


def quantity(node: Node) -> Quantity:
    if node.kind == "neg":
        value, unit, percent = quantity(node.args[0])
        return Quantity(Node("neg", (value,)), unit, percent)
    if node.kind == "unit":
        value, unit, percent = quantity(node.args[0])
        return Quantity(value, product(unit, node.args[1]), percent)
    if node.kind == "percent":
        return Quantity(node.args[0], (), True)
    if node.kind == "degree":
        return Quantity(node.args[0], (("degree", 1),), False)
    return Quantity(node, (), False)


def units_agree(x: Unit, y: Unit) -> bool:
    """Physical units must be the same; a noun may be described more closely on one side (``marbles``, ``blue marbles``), and
    money, say, be per something there.
    """
    if not x or not y:
        return True
    first, second = ({u for u in unit if u[0] not in PHYSICAL} for unit in (x, y))
    physical = set(x) - first
    if physical != set(y) - second or not (first <= second or second <= first):
        return False
    return bool(first) == bool(second) or (bool(physical) and all(exponent < 0 for _, exponent in first | second))


def same_digits(g: Node, a: Node) -> bool:
    """Numbers in a stated base: the digits must agree, and the base where both sides state one."""
    signs = [0, 0]
    nodes = [g, a]
    for k in (0, 1):
        while nodes[k].kind == "neg":
            nodes[k] = nodes[k].args[0]
            signs[k] ^= 1
    if signs[0] != signs[1]:
        return False
    if all(n.kind == "based" for n in nodes):
        return nodes[0] == nodes[1]
    plain = next(n for n in nodes if n.kind != "based")
    based = next(n for n in nodes if n.kind == "based")
    return plain.kind == "num" and plain.args[1].isdigit() and plain.args[1].lstrip("0") == based.args[0].lstrip("0")


def is_time(node: Node) -> bool:
    """``3:45``: hours and two-digit minutes."""
    if node.kind != "ratio" or len(node.args) != 2 or any(x.kind != "num" for x in node.args):
        return False
    hours, minutes = (x.args[1] for x in node.args)
    return hours.isdigit() and minutes.isdigit() and len(minutes) == 2 and len(hours) <= 2 and int(minutes) < 60


def roughly(x: Node, y: Node) -> bool:
    """Whether one of two values is the other one, rounded or cut off to its digits; whole numbers never are, and of two
    decimals the second is.
    """
    try:
        (a, _), (b, _) = Sampler(FloatArithmetic, {}).value(x), Sampler(FloatArithmetic, {}).value(y)
    except (Unable, KeyError):
        return False
    shown = [_decimals(node) for node in (x, y)]
    if abs(a - b) > abs(a) / (20 if None in shown else 100):  # two digits are near enough to a fraction
        return False
    if shown[0] is not None and shown[1] is not None and shown[1] > shown[0]:  # nobody rounds 4.5 to 4.51
        return bool(a == b)
    for digits, other in ((shown[1], shown[0]), (shown[0], shown[1])):
        if digits is not None and (other is None or other > digits):
            near = abs(a - b) <= (1.0 if digits else 0.5) * 10.0**-digits * (1 + 1e-9)
            return bool(near and (digits or a != int(a.real)))
    return bool(a == b)


def in_unit_of(x: Node, y: Node) -> Node | None:
    """The second of two amounts in the unit of the first, if both state units; None if these measure different things."""
    if x.kind != "unit" or y.kind != "unit" or x.args[1] == y.args[1]:
        return y
    mine, theirs = measure(x.args[1]), measure(y.args[1])
    if (mine.dimensions, mine.currency) != (theirs.dimensions, theirs.currency):
        return None
    ratio = theirs.size / mine.size
    factor = Node("div", (number(ratio.numerator), number(ratio.denominator)))
    return Node("unit", (Node("mul", (y.args[0], factor)), x.args[1]))


def _decimals(node: Node) -> int | None:
    """How many digits a plain number shows behind its point; None for what is none."""
    more = 0
    while node.kind in ("neg", "percent", "unit", "degree"):
        more += 2 * (node.kind == "percent")
        node = node.args[0]
    if node.kind != "num" or not node.args[1].replace(".", "", 1).isdigit():
        return None
    return len(node.args[1].partition(".")[2]) + more
