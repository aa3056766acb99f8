r"""Where a number goes in a worked solution whose steps are annotated: each step is a function :math:`a + b Y` of it.

*Bert made P sandwiches, ate half of them, and the next day 2 fewer. How many are left?* The answer is 2 for every P. *Seven
friends share P nuts*: whoever knows that nuts are not cut knows P up to multiples of 7.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from fractions import Fraction
from functools import lru_cache
from typing import Literal, NamedTuple

from composekit.compose.annotations import compiled, number_of
from composekit.compose.problem import Problem
from composekit.compose.tokens import Constant, numerals

_STEP = re.compile(r"<<([^<>=]{1,80})=([^<>=]{1,30})>>")
_DIVIDES = re.compile("<<[^<>=]{1,60}/")
_SUBTRACTS = re.compile("<<[^<>=]{1,60}-")
_PERCENT = re.compile(r"\s?(?:\\?%|percent)")
MAX_STEPS = 20
_SMALL = 12
_SCALES = (Fraction(101, 100), Fraction(107, 100))
_COMMON = frozenset(map(Fraction, (0, 1, 2, 100)))  # they stand in steps of their own accord


_Affine = tuple[int | Fraction, int | Fraction]  # (a, b) of a + b Y


class _NotAffine(Exception):
    """A step multiplies Y by itself, or divides by it."""


class _Step(NamedTuple):
    """An annotated step; numbers as (numerator, denominator), which are quicker to look up than fractions."""

    code: tuple[int | Fraction | str, ...]  # in reverse Polish notation
    result: int | Fraction
    leaves: tuple[tuple[int, int], ...]
    worth: tuple[int, int]


_Steps = tuple[_Step, ...]
Course = Literal["", "is used", "cancels", "leads nowhere"]


def where_it_goes(problem: Problem, constant: Constant) -> Course:
    """What becomes of a constant in the annotated steps.

    Example:
        >>> from composekit.compose.tokens import constants
        >>> text = "Bert made 12 rolls, ate half of them, and 2 fewer the next day. How many are left?"
        >>> steps = "12/2=<<12/2=6>>6. 6-2=<<6-2=4>>4. 12-6-4=<<12-6-4=2>>2"
        >>> [where_it_goes(Problem(text, 2, solution=steps), c) for c in constants(text)]
        ['cancels', '']
        >>> text = "A pen costs $17 here. There, 3 pens cost $63. What do 5 pens cost in the cheaper shop?"
        >>> steps = "There a pen costs 63/3=<<63/3=21>>21, so it is here. 5*17=<<5*17=85>>85."
        >>> [where_it_goes(Problem(text, 85, solution=steps), c) for c in constants(text)]
        ['is used', 'leads nowhere', 'leads nowhere', 'is used']
    """
    steps = _steps_for(problem, constant)
    touched = _touched(steps, constant) if steps else []
    if not any(touched):
        return ""
    if touched[-1]:
        return "cancels" if touched[-1] > 1 and _cancels(steps, constant) else "is used"
    return "leads nowhere" if _is_gapless(problem, constant, steps) else "is used"


def _cancels(steps: _Steps, constant: Constant) -> bool:
    """Whether the last step is the same for other values of a constant."""
    old = Fraction(constant.value)  # type: ignore[arg-type]  # seen in _steps_for
    try:
        return not _flow(steps, old)[-1][1]
    except _NotAffine:
        return all(_stays(steps, old, old * scale) for scale in _SCALES)


def _touched(steps: _Steps, constant: Constant) -> list[int]:
    """For every step, how many of its numbers hang on a constant."""
    changed = {_pair(constant.value)}  # type: ignore[arg-type]  # seen in _steps_for
    found = []
    for step in steps:
        touched = 0
        for leaf in step.leaves:
            touched += leaf in changed
        if touched:
            changed.add(step.worth)
        found.append(touched)
    return found


def _pair(number: int | Fraction) -> tuple[int, int]:
    return number.numerator, number.denominator


def _is_gapless(problem: Problem, constant: Constant, steps: _Steps) -> bool:
    """Whether all arithmetic of a solution is annotated, and every number in it is a result, or the question's own, small
    ones used no more often than they stand there: a 3 that comes from nowhere may be an amount in another unit.
    """
    if len(steps) < 2 or (problem.solution or "").count("=") != 2 * len(steps):
        return False
    if _PERCENT.match(problem.prompt, constant.span[1]):  # a solution may go on with what is left of the whole
        return False
    own = (n.value for n in numerals(problem.prompt) if n.place != "one")  # "each one"
    known = Counter(_pair(value) for value in own if isinstance(value, (int, Fraction)))
    results: set[tuple[int, int]] = set()
    for step in steps:
        if len(step.leaves) < 2:  # calculated elsewhere
            return False
        for leaf in step.leaves:
            if leaf in results:
                continue
            percent = _pair(Fraction(leaf[0] * 100, leaf[1]))
            used = leaf if known[leaf] else percent
            if not known[used]:
                return False
            known[used] -= used[0] <= _SMALL * used[1]
        results.add(step.worth)
    return True


def grain(problem: Problem, constant: Constant) -> int:
    """The step between values of a whole constant for which all annotated results that are whole stay whole; 1 where that is
    not known; minus what it divides, where a step divides a number by it; 0 where it stands below a line in another way.

    Example:
        >>> from composekit.compose.tokens import constants
        >>> text = "Ann shares 42 nuts among 7 friends, and eats 2 of hers. How many does she have left?"
        >>> steps = "Each gets 42/7=<<42/7=6>>6. She has 6-2=<<6-2=4>>4."
        >>> [grain(Problem(text, 4, solution=steps), c) for c in constants(text)]
        [7, -42, 1]
    """
    return _grain(problem, constant) if _DIVIDES.search(problem.solution or "") else 1


@lru_cache(maxsize=65536)
def _grain(problem: Problem, constant: Constant) -> int:
    steps = _steps_for(problem, constant)
    if not steps or not isinstance(constant.value, int):
        return 1
    if not any(many and "/" in step.code for many, step in zip(_touched(steps, constant), steps, strict=True)):
        return 1
    try:
        flow = _flow(steps, Fraction(constant.value))
    except _NotAffine:
        return next((-number for step in steps if (number := _divided_by(step, constant))), 0)
    return math.lcm(*(now[1].denominator for step, now in zip(steps, flow, strict=True) if step.worth[1] == 1))


def room(problem: Problem, constant: Constant) -> tuple[int | None, int | None]:
    """The least and the largest whole value of a constant for which no annotated result that is positive gets negative.

    Example:
        >>> from composekit.compose.tokens import constants
        >>> text = "Ann has 18 nuts and eats 3 a day, for 4 days. How many does she have left?"
        >>> steps = "She eats 3*4=<<3*4=12>>12. 18-12=<<18-12=6>>6"
        >>> [room(Problem(text, 6, solution=steps), c) for c in constants(text)]
        [(12, None), (0, 4), (0, 6)]
    """
    return _room(problem, constant) if _SUBTRACTS.search(problem.solution or "") else (None, None)


@lru_cache(maxsize=65536)
def _room(problem: Problem, constant: Constant) -> tuple[int | None, int | None]:
    steps = _steps_for(problem, constant)
    least: list[int] = []
    largest: list[int] = []
    if any(_touched(steps, constant)):
        try:
            flow = _flow(steps, Fraction(constant.value))  # type: ignore[arg-type]  # seen in _steps_for
        except _NotAffine:
            flow = []
        for step, (base, slope) in zip(steps, flow, strict=False):
            if slope > 0 and step.result > 0:
                least.append(math.ceil(-base / Fraction(slope)))
            elif slope and step.result > 0:
                largest.append(math.floor(-base / Fraction(slope)))
    return max(least, default=None), min(largest, default=None)


def _divided_by(step: _Step, constant: Constant) -> int:
    """The whole number that a step divides by a constant, with a whole result; 0 where it does not."""
    top, below, sign = step.code if len(step.code) == 3 else (0, 0, "")
    whole = sign == "/" and below == constant.value and step.worth[1] == 1
    return top if whole and isinstance(top, int) else 0


def _steps_for(problem: Problem, constant: Constant) -> _Steps:
    """The annotated steps, if they can tell where this constant goes."""
    value = constant.value
    if not isinstance(value, (int, Fraction)) or (value in _COMMON and value != 100):
        return ()
    if value == 100 and ("%" in problem.prompt or "cent" in problem.prompt):  # steps use it of their own accord
        return ()
    return _steps(problem.solution or "", problem.answer.strip())


def _flow(steps: _Steps, old: Fraction) -> list[_Affine]:
    """What every step is worth."""
    values: dict[tuple[int, int], _Affine] = {_pair(old): (0, 1)}
    found: list[_Affine] = []
    for step in steps:
        touched = any(leaf in values for leaf in step.leaves)
        worth = _evaluate(step, values) if touched else (step.result, 0)
        if worth[1]:
            values[step.worth] = worth
        else:
            values.pop(step.worth, None)
        found.append(worth)
    return found


def _evaluate(step: _Step, values: dict[tuple[int, int], _Affine]) -> _Affine:
    stack: list[_Affine] = []
    leaves = iter(step.leaves)
    for item in step.code:
        if not isinstance(item, str):
            stack.append(values.get(next(leaves)) or (item, 0))
            continue
        base, slope = stack.pop()
        if item == "neg":
            stack.append((-base, -slope))
            continue
        left, rise = stack.pop()
        if item == "+":
            stack.append((left + base, rise + slope))
        elif item == "-":
            stack.append((left - base, rise - slope))
        elif item == "/":
            if slope or not base:
                raise _NotAffine
            stack.append((Fraction(left) / base, Fraction(rise) / base if rise else 0))
        elif rise and slope:
            raise _NotAffine
        else:
            stack.append((left * base, rise * base + left * slope))
    return stack.pop()


def _stays(steps: _Steps, old: Fraction, new: Fraction) -> bool:
    """Whether the last step is the same with a new value; for steps that are not affine."""
    values: dict[tuple[int, int], _Affine] = {_pair(old): (new, 0)}
    for step in steps[:-1]:
        try:
            again = _evaluate(step, values)
        except _NotAffine:
            return False
        if again[0] != step.result:
            values[step.worth] = again
        else:
            values.pop(step.worth, None)
    try:
        return _evaluate(steps[-1], values)[0] == steps[-1].result
    except _NotAffine:
        return False


@lru_cache(maxsize=8192)  # asked for again by links
def _steps(solution: str, answer: str) -> _Steps:
    """The annotated steps of a solution, if all of them are exact arithmetic and the last one gives the answer."""
    found = _STEP.findall(solution) if "<<" in solution else []
    if not 0 < len(found) <= MAX_STEPS:
        return ()
    try:
        steps = tuple(_step(left, number_of(right)) for left, right in found)
        exact = all(_evaluate(step, {})[0] == step.result for step in steps) and steps[-1].result == number_of(answer)
    except (ValueError, ZeroDivisionError, _NotAffine):
        return ()
    return steps if exact else ()


def _step(left: str, result: Fraction) -> _Step:
    code = tuple(item if isinstance(item, str) else _plain(item) for item in compiled(left))
    leaves = tuple(_pair(item) for item in code if not isinstance(item, str))
    return _Step(code, _plain(result), leaves, _pair(result))


def _plain(number: Fraction) -> int | Fraction:
    """A whole number as an int, which is quicker."""
    return number.numerator if number.denominator == 1 else number
