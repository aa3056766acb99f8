"""Expressions that exact arithmetic leaves open, settled with long numbers. Needs mpmath, so it runs in the worker alone."""

from __future__ import annotations

from composekit.compose.verifiers.exactmath import algebra as alg
from composekit.compose.verifiers.exactmath.algebra import TooLarge, Undecided, Undefined
from composekit.compose.verifiers.exactmath.evaluate import Evaluator
from composekit.compose.verifiers.exactmath.numeric import agree
from composekit.compose.verifiers.exactmath.tree import Node

DIGITS = 60
CONFIRMED = 1_000  # more digits, to which an agreement is held
MAX_DIGITS = 4_000


def by_long_numbers(g: Node, a: Node, decimal_log: bool) -> bool | None:
    """Whether two expressions agree far beyond the digits that their numbers hold, at several points.

    Two closed forms that differ, differ within about as many digits as it takes to write them (nothing else is known, and
    a near miss must be built from long numbers on purpose), so the precision grows with the coefficients.
    """
    from mpmath import mp

    digits = DIGITS + _digits(g, decimal_log) + _digits(a, decimal_log)
    if digits > MAX_DIGITS:
        raise TooLarge(f"telling the values apart could take more than {MAX_DIGITS} digits")
    same = agree(g, a, mp, digits, decimal_log=decimal_log)
    # Where a function saturates, as tanh does, more digits tell what 60 do not.
    return agree(g, a, mp, digits + CONFIRMED, decimal_log=decimal_log, whole=True) if same else same


def _digits(node: Node, decimal_log: bool) -> int:
    try:
        form = Evaluator(decimal_log=decimal_log).form(node)
    except (Undecided, Undefined):
        return 400
    bits = [c.numerator.bit_length() + c.denominator.bit_length() for poly in form for c in poly.values()]
    inner = max((len(x[2]) for x in form.atoms if x[0] == alg.OPAQUE), default=0)
    return int(0.31 * max(bits, default=0)) + inner
