"""What a reader guesses of a constant who never solves the part before it."""

from __future__ import annotations

from fractions import Fraction

MARGIN = 12  # how far below a round number one looks, or 2 % of it


def guess_by_rounding(difference: int | Fraction) -> int | None:
    """Y from a printed difference alone, where the larger of X and Y is a round number just above it; None where none is.

    Example:
        >>> guess_by_rounding(1991), guess_by_rounding(-4496), guess_by_rounding(1550)
        (2000, 4, None)
    """
    if difference.denominator != 1:
        return None
    size = abs(difference.numerator)
    step = 10 ** (len(str(size)) - 1)
    while step >= 100:
        larger = -(-size // step) * step
        if 0 < larger - size <= max(MARGIN, larger // 50):
            return larger if difference > 0 else larger - size
        step //= 10
    return None
