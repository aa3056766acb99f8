"""What a reader guesses of a constant who never solves the part before it."""

from __future__ import annotations

import math
from fractions import Fraction

MARGIN = 12  # how far below a round number one looks, or 2 % of it


def guess_by_rounding(difference: int | Fraction) -> int | Fraction | None:
    """Y from a printed difference alone, None where nothing suggests itself.

    Of a whole difference, the larger of X and Y is taken for a round number just above it. Of any other, one of X and Y is
    taken for whole and the other for a share between 0 and 1.

    Example:
        >>> guess_by_rounding(1991), guess_by_rounding(-4496), guess_by_rounding(1550)
        (2000, 4, None)
        >>> guess_by_rounding(Fraction(1799, 4)), guess_by_rounding(Fraction(-121, 5))  # 449.75 more, 24.2 less
        (450, Fraction(4, 5))
    """
    if difference.denominator != 1:
        return math.ceil(difference) if difference > 0 else difference - math.floor(difference)
    size = abs(difference.numerator)
    step = 10 ** (len(str(size)) - 1)
    while step >= 100:
        larger = -(-size // step) * step
        if 0 < larger - size <= max(MARGIN, larger // 50):
            return larger if difference > 0 else larger - size
        step //= 10
    return None


def shows(constant: int | Fraction, value: int | Fraction) -> bool:
    """Whether the difference that leads from X to Y gives Y away to whoever guesses.

    A share beside a whole X, also one below zero, is what the difference has behind the point.

    Example:
        >>> shows(2000, 9), shows(Fraction(3, 5), -137), shows(340, 192)
        (True, True, False)
    """
    difference = constant - value
    share = 0 < constant < 1 and value.denominator == 1
    return share or guess_by_rounding(difference) == constant
