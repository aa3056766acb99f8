"""New values for constants, with the answer recomputed, where a problem has a solver.

A problem that a generator made is made again with another parameter; a problem whose solution carries calculator
annotations is recalculated from them. A constant that neither can vouch for keeps its value.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from itertools import islice

from composekit._errors import ComposeKitError
from composekit.compose.annotations import recompute
from composekit.compose.ends import BANKNOTE, GUESSABLE
from composekit.compose.generators import GENERATORS
from composekit.compose.generators.base import Generator
from composekit.compose.generators.stream import Stream
from composekit.compose.problem import Problem
from composekit.compose.tokens import Constant

ATTEMPTS = 12


def renew(problem: Problem, constant: Constant, stream: Stream) -> tuple[Problem, tuple[int, int]] | None:
    """The problem with another value for a constant, and where that now stands.

    The problem keeps its id: it is the same problem, and caps and splits go by ids. ``metadata["renewed"]`` holds the value
    that the published problem had.

    Args:
        problem: A problem.
        constant: One of its constants.
        stream: Where the new value is drawn from: half to twice the old one, but nothing that is easily guessed.

    Returns:
        The new problem and the span of the new value, or None where no solver vouches for an answer.
    """
    old = constant.value
    if not isinstance(old, int) or not constant.text.isdigit():
        return None
    generator = generator_of(problem)
    if generator is None and (problem.template is not None or "<<" not in (problem.solution or "")):
        return None
    if generator is None and BANKNOTE.match(problem.prompt, constant.span[1]):
        return None  # there is no $16 bill
    for _ in range(ATTEMPTS):
        value = stream.between(max(old // 2, GUESSABLE + 1), max(2 * old, 3 * GUESSABLE))
        if value == old:
            continue
        if generator is not None:
            found = _by_template(generator, problem, constant, value)
        else:
            found = _by_annotations(problem, constant, value)
        if found is not None:
            return found
    return None


def admitted(problem: Problem, constant: Constant, values: Iterable[int], enough: int | None = None) -> int | None:
    """How many of these values the generator of a problem admits for a constant, counted up to ``enough``; None where no
    generator made it.
    """
    generator = generator_of(problem)
    if generator is None or problem.template is None:
        return None
    slot = next((slot for slot in generator.slots(problem.template.params) if slot.span == constant.span), None)
    return sum(1 for _ in islice(filter(slot.admits, values), enough)) if slot is not None else None


def other_answers(problem: Problem, constant: Constant, values: Iterable[int]) -> list[str]:
    """The answers of a problem for those of these values, but for its own, that its generator admits; empty where no
    generator made it.
    """
    generator = generator_of(problem)
    if generator is None or problem.template is None or problem.tests:
        return []
    slot = next((slot for slot in generator.slots(problem.template.params) if slot.span == constant.span), None)
    if slot is None:
        return []
    fit = [value for value in values if value != slot.value and slot.admits(value)]
    return [str(slot.family.solve({**slot.params, slot.name: value})) for value in fit]


def generator_of(problem: Problem) -> Generator | None:
    """The generator that makes this very text; None where there is no template, or a foreign one, or the text was edited."""
    template = problem.template
    generator = GENERATORS.get(template.name) if template is not None else None
    if template is None or generator is None:
        return None
    try:
        made = generator.make(**template.params)
    except (ComposeKitError, TypeError, ValueError, KeyError, ArithmeticError):  # parameters that it never gave
        return None
    return generator if made.prompt == problem.prompt else None


def _by_template(
    generator: Generator, problem: Problem, constant: Constant, value: int
) -> tuple[Problem, tuple[int, int]] | None:
    old = problem.template.params if problem.template is not None else {}
    slot = next((slot for slot in generator.slots(old) if slot.span == constant.span), None)
    if slot is None or not slot.admits(value):
        return None
    params = {**old, slot.name: value}
    made = generator.make(**params)
    # The new value must be needed, too: a longer road may no longer be on the shortest way.
    span = next((again.span for again in generator.slots(params) if again.name == slot.name and again.needed), None)
    if span is None:
        return None
    return _same_problem(problem, made, constant), span


def _by_annotations(problem: Problem, constant: Constant, value: int) -> tuple[Problem, tuple[int, int]] | None:
    answer = recompute(problem, constant.value, value)
    if answer is None:
        return None
    start, end = constant.span
    prompt = f"{problem.prompt[:start]}{value}{problem.prompt[end:]}"
    text = str(answer) if isinstance(answer, (int, Fraction)) else ""
    made = problem.replace(prompt=prompt, answer=text, solution=None)
    return _same_problem(problem, made, constant), (start, start + len(str(value)))


def _same_problem(problem: Problem, made: Problem, constant: Constant) -> Problem:
    return made.replace(id=problem.id, metadata={**problem.metadata, **made.metadata, "renewed": constant.text})
