"""Numbers that cancel: run the annotated steps of a worked solution with another value, and the answer stays.

*Bert made P sandwiches, ate half of them, and the next day 2 fewer. How many are left?* The answer is 2 for every P.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache

from composekit.compose.annotations import Code, compiled, run
from composekit.compose.problem import Problem
from composekit.compose.tokens import Constant

_STEP = re.compile(r"<<([^<>=]{1,80})=([^<>=]{1,30})>>")
MAX_STEPS = 20
_SCALES = (Fraction(101, 100), Fraction(107, 100))


def cancels(problem: Problem, constant: Constant) -> bool:
    """Whether the annotated steps end in the same number for other values of a constant, which they combine with others.

    Example:
        >>> from composekit.compose.tokens import constants
        >>> text = "Bert made 12 rolls, ate half of them, and 2 fewer the next day. How many are left?"
        >>> steps = "12/2=<<12/2=6>>6. 6-2=<<6-2=4>>4. 12-6-4=<<12-6-4=2>>2"
        >>> [c.text for c in constants(text) if cancels(Problem(text, 2, solution=steps), c)]
        ['12']
    """
    if not isinstance(constant.value, (int, Fraction)) or constant.value in (0, 1, 2, 100):
        return False
    steps = _steps(problem.solution or "", problem.answer.strip())
    old = Fraction(constant.value)
    return bool(steps) and all(_stays(steps, old, old * scale) for scale in _SCALES)


def _stays(steps: tuple[tuple[Code, Fraction], ...], old: Fraction, new: Fraction) -> bool:
    values = {old: new}
    for number, (code, result) in enumerate(steps):
        touched = sum(leaf in values for leaf in code if isinstance(leaf, Fraction))
        try:
            again = run(code, values) if touched else result
        except ValueError:
            return False
        if number == len(steps) - 1:
            return touched > 1 and again == result
        if again != result:
            values[result] = again
        else:
            values.pop(result, None)
    return False


@lru_cache(maxsize=64)
def _steps(solution: str, answer: str) -> tuple[tuple[Code, Fraction], ...]:
    """The annotated steps of a solution, if all of them are exact arithmetic and the last one gives the answer."""
    found = _STEP.findall(solution) if "<<" in solution else []
    if not 0 < len(found) <= MAX_STEPS:
        return ()
    try:
        steps = tuple((compiled(left), Fraction(right.replace(",", ""))) for left, right in found)
        exact = all(run(code, {}) == result for code, result in steps) and steps[-1][1] == Fraction(answer)
    except (ValueError, ZeroDivisionError):
        return ()
    return steps if exact else ()
