"""What a relation tells of Y to whoever has not solved the part before: X is one of few numbers, or at least not negative.

``Y is 21 more than X`` says that Y is at least 21 where X counts something. A constant is pinned if the X that remain leave
the next part with few exact answers, or most of them with its very answer.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any

from composekit.compose.needless.cancelling import grain, room
from composekit.compose.needless.derivations import things_of
from composekit.compose.numbers import Value
from composekit.compose.problem import Problem
from composekit.compose.tokens import Constant, numerals

SMALL_ANSWER = 12  # up to this a reader may try all answers of the part before
_SMALL = tuple(range(SMALL_ANSWER + 1))
FEWEST = 4  # of them that must leave the next part with an exact answer; one less of the options of a table
_MOST_OPTIONS = 6
_FEWEST_OPTIONS = 3  # that a reader must have to choose from
_SAMPLE = 3  # so few say nothing of the others
_FEWEST_ANSWERS = 3  # that all of them must leave
_TRIALS = 12  # values of X with which a generated problem is solved again
_FARTHEST = 150  # from the right X
_SPREAD = 20  # X is looked for from 0 to so much more than twice its value


def offered(problem: Problem, value: Value, table: dict[str, int]) -> tuple[Value, ...]:
    """The X that a reader may try without solving the part before: those of its table, its numbers, or small ones."""
    if table:
        return tuple(2 * number for number in table.values())
    if problem.template is not None:
        params = problem.template.params
        family = params.get("family")
        if family in _SUMS:
            return tuple(dict.fromkeys(_SUMS[family](params)))
        printed = tuple(n for name, n in params.items() if type(n) is int and name not in _UNPRINTED)
        if value in printed:
            return tuple(dict.fromkeys(printed))
        if family in _MEANS:
            return _means(_MEANS[family](params), value)
    return _SMALL if isinstance(value, int) and 0 <= value <= SMALL_ANSWER else ()


_UNPRINTED = frozenset(("level", "wording", "true", "asked", "bug"))  # parameters that are no numbers of the text
_Params = Mapping[str, Any]
_MEANS: dict[
    str, Callable[[_Params], tuple[Value, Value]]
] = {  # generated problems whose answer lies between two numbers
    "momentum": lambda p: (p["v1"], p["v2"]),
    "heat": lambda p: (p["t1"], p["t2"]),
    "density": lambda p: (Fraction(p["m1"], p["v1"]), Fraction(p["m2"], p["v2"])),
}


def _means(ends: tuple[Value, Value], value: Value) -> tuple[Value, ...]:
    """The numbers between two that are apart from the right one by whole numbers, as the printed difference tells."""
    low, high = sorted(ends)
    reach = math.ceil(high - low)
    return tuple(value + k for k in range(-reach, reach + 1) if low < value + k < high)


def _prizes(params: _Params) -> Iterator[int]:
    """Whoever is asked for has one of the prizes, from place to place less."""
    return (params["prize"] - place * params["less"] for place in range(len(params["names"])))


def _tolls(params: _Params) -> Iterator[int]:
    """Some of the people, from none to all, are knights."""
    people = len(params["names"])
    return (k * params["knight_pays"] + (people - k) * params["knave_pays"] for k in range(people + 1))


_SUMS: dict[str, Callable[[_Params], Iterator[int]]] = {
    "race": _prizes,
    "knights_toll": _tolls,
}  # ... is one of few sums


def is_pinned(
    problem: Problem, constant: Constant, value: Value, tried: Sequence[Value], most: int | None = None
) -> bool:
    """Whether a reader finds Y, or what it leads to, from the relation and the part that it stands in."""
    return bool(why_pinned(problem, constant, value, tried, most))


def why_pinned(
    problem: Problem, constant: Constant, value: Value, tried: Sequence[Value], most: int | None = None
) -> str:
    """How a reader finds Y, or what it leads to, from the relation and the part that it stands in; empty where nobody does.

    Args:
        problem: The part with the constant.
        constant: What Y stands for.
        value: What X is.
        tried: The X that a reader may try, as :func:`offered` gives them; empty where there are many.
        most: The largest X that a reader holds possible, if there is such a bound.
    """
    if not isinstance(value, (int, Fraction)) or not isinstance(constant.value, int):
        return ""
    if value >= 0 and _told_by_a_bound(problem, constant, value, most):
        return "the relation bounds it, which decides the question"
    if tried and len(tried) < _FEWEST_OPTIONS:
        return "few answers before are possible"
    if not isinstance(value, int):
        return ""
    if value >= 0 and _few_are_left_over(problem.prompt, constant, value):
        return "few remainders are as large as the relation says"
    if not constant.in_math and _few_are_positive(constant, value, tried, most):
        return "few of the possible answers before leave it positive"
    if problem.template is None:
        few = bool(tried) and _few_are_whole(problem, constant, value, tried)
        return "few of the possible answers before lead to whole results" if few else ""
    return _why_pinned_by_solving(problem, constant, value, tried)


def _why_pinned_by_solving(problem: Problem, constant: Constant, value: int, tried: Sequence[Value]) -> str:
    """How the solver of a generated problem gives Y, or what it leads to, away to whoever tries the X that there are."""
    from composekit.compose.renewing import admitted, other_answers  # it imports the ends of problems

    shift = constant.value - value
    top = 2 * abs(value) + _SPREAD
    count = admitted(problem, constant, (shift + x for x in tried or _near(value, top)), FEWEST)
    if count is not None and count < (_fewest(tried) if tried else FEWEST):
        return "few of the possible answers before make it possible"
    step = max(top // _TRIALS, 1)
    others = [shift + x for x in tried or range(0, top + 1, step) if x != value]
    answers = other_answers(problem, constant, others)
    if not tried and len(answers) < _SAMPLE:
        return ""
    if answers and 2 * answers.count(problem.answer) >= len(answers):
        return "most of the possible answers before lead to the same answer"
    few = bool(answers and tried) and len({problem.answer, *answers}) < _FEWEST_ANSWERS
    return "the possible answers before lead to two answers" if few else ""


def _few_are_positive(constant: Constant, value: int, tried: Sequence[Value], most: int | None) -> bool:
    """Whether few of the X that there are leave an amount: ``Y is 96 less than X``, and X is a percentage."""
    shift = constant.value - value
    if shift >= 0 or constant.value <= 0:
        return False
    if tried and tried != _SMALL:
        return sum(x + shift > 0 for x in tried) < _fewest(tried)
    return most is not None and value <= most and most + shift < FEWEST


_DIVISOR_BEFORE = re.compile(
    r"\b(?:rows|groups|lines|columns|teams|stacks|piles|bags|boxes) of \$?(\w{1,9})\$?,? [^.?!]{1,40}\Z"
)
_LEFT_OVER = re.compile(r"\$?(?: [a-z]+){0,2} left over\b")
_DIVISOR_AFTER = re.compile(r"\$? when (?:it is )?divided by \$?([0-9]{1,9})")
_LONGEST = 80


def _few_are_left_over(text: str, constant: Constant, value: int) -> bool:
    """``In rows of eight, there are Y left over``, and Y is 6 more than X: it is 6 or 7."""
    shift = constant.value - value
    if shift <= 0 or ("left over" not in text and "remainder" not in text):
        return False
    start, end = constant.span
    before = text[max(start - _LONGEST, 0) : start]
    divisor = _DIVISOR_AFTER.match(text, end) if before.endswith(("remainder of ", "remainder of $")) else None
    place = divisor.span(1) if divisor else None
    if place is None and _LEFT_OVER.match(text, end) and (rows := _DIVISOR_BEFORE.search(before)):
        place = rows.start(1) + start - len(before), rows.end(1) + start - len(before)
    whole = next((n.value for n in numerals(text) if n.span == place), None) if place else None
    return isinstance(whole, int) and constant.value < whole <= shift + _FEWEST_ANSWERS - 1


def _near(value: int, top: int) -> Iterator[int]:
    """The X up to some number, the nearest to the right one first."""
    yield value
    for apart in range(1, min(top, _FARTHEST)):
        yield from (x for x in (value - apart, value + apart) if 0 <= x <= top)


def _fewest(tried: Sequence[Value]) -> int:
    return FEWEST if len(tried) > _MOST_OPTIONS else FEWEST - 1


def _few_are_whole(problem: Problem, constant: Constant, value: int, tried: Sequence[Value]) -> bool:
    """Whether the annotated solution has whole results for few of the X, as where 7 friends share Y nuts, none negative."""
    step = grain(problem, constant)
    if step == 0:
        return False
    shift = int(constant.value) - value
    if step < 0:
        return sum(x + shift > 0 and step % (x + shift) == 0 for x in tried) < _fewest(tried)
    low, high = room(problem, constant)
    left = [x for x in tried if (x - value) % step == 0] if step > 1 else tried
    if low is not None or high is not None:
        left = [x for x in left if (low is None or x + shift >= low) and (high is None or x + shift <= high)]
    return len(left) < _fewest(tried)


_FAR = 50  # from here on, few numbers lie within a small answer of a bound


def between(constant: Value, value: Value, values: Iterable[Value]) -> bool:
    """Whether a reader who takes X for small finds Y between the printed difference and a number of the text, or as the next
    round number.

    Example:
        >>> between(997, 4, (1000, 997)), between(499000, 24, ()), between(997, 4, (2000, 997)), between(490, 24, ())
        (True, True, False, False)
    """
    difference = constant - value
    size = abs(difference)
    if size < _FAR or size.denominator != 1:
        return False
    if difference > 0 and 0 < value <= SMALL_ANSWER:
        top = difference + SMALL_ANSWER
        if any(constant < other <= top for other in values):
            return True
    step = 100
    larger = constant if difference > 0 else value
    while step <= size:
        if larger % step == 0 and 0 < larger - size <= max(SMALL_ANSWER, step // 20):
            return True
        step *= 10
    return False


_LEAST = re.compile(
    r"\b(?:cheapest|cheaper|lowest|smallest|smaller|least expensive|least amount|fewest|shortest|lightest|youngest|least"
    r"|minimum|earliest)\b[^.?!]{0,160}\?"
)
_CHOOSES = re.compile(r"\b[Ww]h(?:ich|o|at)\b|\b[Hh]ow (?:much|many|long|far|old)\b")
_MOST = re.compile(
    r"\b(?:[Ww]ho|[Ww]hich)\b[^.?!]{0,80}\b(?:most|largest|larger|greatest|highest|longest|heaviest|oldest|tallest"
    r"|more|longer|older|taller|heavier)\b[^.?!]{0,80}\?"
)


@lru_cache(maxsize=32768)  # asked for by every link into a text
def _superlative(text: str) -> str:
    """Which one of several a question asks for: ``"least"``, ``"most"``, or neither."""
    least = _LEAST.search(text) if "st" in text or "er" in text or "minimum" in text else None
    if least is not None and _CHOOSES.search(text, max(least.start() - 200, 0), least.end()):
        return "least"
    return "most" if _MOST.search(text) else ""


def _told_by_a_bound(problem: Problem, constant: Constant, value: Value, most: int | None) -> bool:
    """``Which of the bags, for $12, $19 and $Y, is the cheapest?``, and Y is at least 21; or it is less than 15."""
    shift = constant.value - value
    if shift <= 0 and (most is None or value > most):
        return False
    asked = _superlative(problem.prompt)
    rivals = _rivals(problem.prompt, constant) if asked else ()
    if not rivals:
        return False
    if shift > 0:  # Y is at least that, as X is not negative
        ahead, behind = asked == "least", asked == "most"
        lost, won = any(rival < shift for rival in rivals), all(rival <= shift for rival in rivals)
    else:
        ahead, behind = asked == "most", asked == "least"
        top = most + shift  # type: ignore[operator]  # not None, seen above
        lost, won = any(rival > top for rival in rivals), all(rival >= top for rival in rivals)
    named = not any(character.isdigit() for character in problem.answer)
    return (ahead and lost) or (behind and won and named)


@lru_cache(maxsize=16384)
def _rivals(text: str, constant: Constant) -> tuple[Value, ...]:
    """The other numbers of a text that count the same thing."""
    things = things_of(text, constant)
    if not things:
        return ()
    others = (n for n in numerals(text) if not n.place and n.span != constant.span and n.kind != "radical")
    return tuple(n.value for n in others if things_of(text, n)[-1:] == things[-1:])
