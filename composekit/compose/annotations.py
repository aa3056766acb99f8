"""Worked solutions that can be run again: the calculator annotations of GSM8K, ``<<16-3-4=9>>``, with a changed number.

Many solutions of GSM8K are small programs: every step is annotated with its arithmetic. :func:`recompute` runs such a
program with another value for one number of the question. It reads nothing but the numbers, so it cannot know what they
mean; it therefore refuses wherever the steps could stand for something else, and an answer that it does give follows
from a chain of exact steps each number of which is accounted for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

from composekit.compose.problem import Problem
from composekit.compose.tokens import occurrences

_ANNOTATION = re.compile(r"<<([^<>=]+)=([^<>=]+)>>")
_NUMBER = re.compile(r"\d[\d,]*(?:\.\d+)?|\.\d+")
_TOKEN = re.compile(r"\s*(?:(\d[\d,]*(?:\.\d+)?|\.\d+)|([-+*/()]))")
_MAX_STEPS, _MAX_TEXT = 20, 4000

# Words that let a solution use a number which the question does not print.
_IMPLIED: dict[str, tuple[int | Fraction, ...]] = {
    r"%|percent": (100, 1),
    r"\bhal(?:f|ves)\b|\bhalv|\btwice\b|\bdoubl|\bpairs?\b|\bcouple\b|\bboth\b|\bweekend": (2, Fraction(1, 2)),
    r"\bthird|\btripl|\bthrice\b|\btriangle": (3, Fraction(1, 3)),
    r"\bquarter|\bquadrupl|\bfourth|\bsquare|\bseason|\bwheel|\bleg|\btire|\bpaw": (4, Fraction(1, 4)),
    r"\bcent\b|\bcents\b|\bdime|\bnickel|\bpenn|\bquarter": (100, 25, 10, 5),
    r"\bdozen|\bmonth|\byear|\bfoot\b|\bfeet\b|\binch": (12,),
    r"\bweek|\bday|day\b": (7, 5),
    r"\bday|\bhour|\bdaily": (24,),
    r"\bhour|\bminute|\bsecond": (60,),
    r"\byear": (52, 365),
    r"\bmonth": (30,),
    r"\bkilo|\bkm\b|\bkg\b|\bmeter|\bmetre|\bliter|\blitre|\bml\b|\bgram": (1000, 100),
    r"\bounce|\bpound|\blb": (16,),
    r"\byard|\bfeet\b|\bfoot\b": (3,),
    r"\bdecade": (10,),
    r"\bcentur": (100,),
    r"\bcup|\bpint|\bquart|\bgallon": (2, 4, 8, 16),
}
_IMPLIED_VALUES = {Fraction(v) for values in _IMPLIED.values() for v in values}
_COMMON = {0, 1, 2, 100}  # numbers that turn up in arithmetic of their own accord
_AMOUNTS = {"", "said already", "the whole"}  # places of numbers that count something
# Such steps are no function of the numbers alone.
_REFUSED = re.compile(
    r"\bround|nearest|\bremainder|\bat least\b|\bat most\b|\bmaximum|\bminimum|\bprime\b|\bdigit|\beven number|\bodd\b"
    r"|\bconsecutive|\bfactors?\b|\bdivisib|\bmultiples?\b|\bwhole number|\bas many .* as possible|\bexceed",
    re.I,
)


Code = tuple[Fraction | str, ...]  # an expression in reverse Polish notation


@dataclass(frozen=True)
class _Step:
    """One annotation: its expression in reverse Polish notation and its printed result."""

    code: Code
    result: Fraction

    def leaves(self) -> Iterator[Fraction]:
        return (item for item in self.code if isinstance(item, Fraction))


@lru_cache(maxsize=4096)  # most numerals are small and come again
def number_of(text: str) -> Fraction:
    """The number that a numeral with separators says; whole ones are read the quick way."""
    digits = text.replace(",", "")
    return Fraction(int(digits) if digits.isdecimal() else digits)


def compiled(text: str) -> Code:
    """Shunting-yard; raises ValueError for anything but + - * / and brackets between numbers."""
    rank = {"+": 1, "-": 1, "*": 2, "/": 2, "neg": 3}
    code: list[Fraction | str] = []
    stack: list[str] = []
    at, operand_next = 0, True
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None:
            raise ValueError(text)
        at = match.end()
        number, sign = match.groups()
        if number is not None or sign == "(":
            if not operand_next:
                raise ValueError(text)
            operand_next = sign == "("
            stack.append("(") if sign else code.append(number_of(number))
        elif operand_next:
            if sign != "-":
                raise ValueError(text)
            stack.append("neg")
        else:
            while stack and stack[-1] != "(" and (sign == ")" or rank[stack[-1]] >= rank[sign]):
                code.append(stack.pop())
            if sign == ")":
                if not stack:
                    raise ValueError(text)
                stack.pop()
            else:
                stack.append(sign)
                operand_next = True
    if operand_next or "(" in stack:
        raise ValueError(text)
    return (*code, *reversed(stack))


def run(code: Code, values: Mapping[Fraction, Fraction]) -> Fraction:
    """The value of the code with every leaf replaced by its entry in ``values``."""
    stack: list[Fraction] = []
    for item in code:
        if isinstance(item, Fraction):
            stack.append(values.get(item, item))
            continue
        right = stack.pop()
        if item == "neg":
            stack.append(-right)
            continue
        left = stack.pop()
        if item == "/" and right == 0:
            raise ValueError("division by zero")
        stack.append({"+": left + right, "-": left - right, "*": left * right}[item] if item != "/" else left / right)
    return stack.pop()


@dataclass(frozen=True)
class _Program:
    """What a question and its solution say, as far as numbers go."""

    steps: tuple[_Step, ...]
    numbers: tuple[Fraction, ...]
    percents: frozenset[Fraction]
    implied: frozenset[Fraction]


@lru_cache(maxsize=1024)
def _read(prompt: str, solution: str, answer: str) -> _Program | None:
    """The program of a problem, or None where it is not a gapless chain of exact annotated steps to the answer."""
    if max(len(prompt), len(solution)) > _MAX_TEXT or _REFUSED.search(prompt) or _REFUSED.search(solution):
        return None
    found = _ANNOTATION.findall(solution)
    visible = _ANNOTATION.sub("", solution)
    try:
        steps = tuple(_Step(compiled(left), run(compiled(right), {})) for left, right in found)
        final = number_of(answer.strip().removeprefix("$"))
        exact = all(run(step.code, {}) == step.result for step in steps)
    except (ValueError, ZeroDivisionError, IndexError):
        return None
    if not 0 < len(steps) <= _MAX_STEPS or not exact or steps[-1].result != final:
        return None
    # Arithmetic without an annotation, or an annotation with a fault, is a step that nobody checks.
    if "<<" in visible or ">>" in visible or solution.count("=") != 2 * len(found):
        return None
    rational = [n for n in occurrences(prompt) if isinstance(n.value, int | Fraction)]
    printed = [(n, Fraction(n.value)) for n in rational]
    percents = {value for n, value in printed if re.match(r"\s*(%|percent)", prompt[n.span[1] :])}
    implied = implied_by(prompt)
    leaves = {leaf for step in steps for leaf in step.leaves()}
    numbers = tuple(value for _, value in printed)
    known = {*numbers, *leaves, *(step.result for step in steps)}
    # An amount that no step uses may repeat others in other words ("4 boys and 5 girls ... the 9 children").
    amounts = {value for n, value in printed if n.place in _AMOUNTS and value != 1}
    used = leaves | {100 * leaf for leaf in leaves}
    if amounts - used or any(number_of(text) not in known for text in _NUMBER.findall(visible)):
        return None
    return _Program(steps, numbers, frozenset(percents), frozenset(implied))


def implied_by(text: str) -> set[Fraction]:
    """Numbers that the words of a text let a solution use: 60 where it speaks of hours."""
    return {Fraction(v) for words, values in _IMPLIED.items() if re.search(words, text, re.I) for v in values}


def _same_kind(old: Fraction, new: Fraction) -> bool:
    """Whole numbers stay whole, cents stay cents, and signs stay."""
    places = 1 if old.denominator == 1 else 100 if 100 % old.denominator == 0 else 0
    return (old > 0) == (new > 0) and (old == 0) == (new == 0) and (not places or (new * places).denominator == 1)


def _same_order(pairs: list[tuple[Fraction, Fraction]]) -> bool:
    """Whether the new values stand in the same order as the old ones, equal ones together."""
    ordered = sorted(set(pairs))
    return all((a[0] < b[0]) == (a[1] < b[1]) and a[1] <= b[1] for a, b in pairwise(ordered))


class _Unsure(Exception):
    """The steps could mean something else with the new number."""


class _Rerun:
    """A program run again, step by step, with ``new`` in place of ``old``."""

    def __init__(self, program: _Program, old: Fraction, new: Fraction) -> None:
        self.program, self.old, self.new = program, old, new
        self.results: dict[Fraction, Fraction] = {}
        self.unused: set[Fraction] = set()  # changed results that no later step has used
        self.uses = 0  # how often the changed number itself enters
        constants = [Fraction(v) for v in (0, 1, *([100] if program.percents else []))]
        values = [*constants, *program.numbers]
        self.quantities = [(v, new if v == old else v) for v in values]

    def source(self, leaf: Fraction) -> Fraction:
        """What a number of an expression becomes."""
        sources = {self.results[leaf]} if leaf in self.results else set()
        for value, changed in self.quantities:
            if value == leaf and value in self.program.numbers:
                sources.add(changed)
            if value in self.program.percents and value / 100 == leaf:
                sources.add(changed / 100)
        if leaf in self.program.implied:
            sources.add(leaf)
        if len(sources) != 1:
            raise _Unsure
        return sources.pop()

    def run(self, step: _Step) -> Fraction:
        """The new result of a step."""
        values = {leaf: self.source(leaf) for leaf in step.leaves()}
        self.uses += sum(leaf in (self.old, self.old / 100) and values[leaf] != leaf for leaf in step.leaves())
        self.unused -= set(values)
        try:
            result = run(step.code, values)
        except ValueError:
            raise _Unsure from None
        if not _same_kind(step.result, result) or self.results.get(step.result, result) != result:
            raise _Unsure
        self.results[step.result] = result
        self.quantities.append((step.result, result))
        if result != step.result:
            self.unused.add(step.result)
        return result


def recompute(problem: Problem, old_value: int | Fraction, new_value: int | Fraction) -> int | Fraction | None:
    """The answer of a problem with a calculator-annotated solution when one number of its question is changed.

    The annotations are run again in exact arithmetic with ``new_value`` in place of ``old_value``. None is returned
    unless all of this holds, so that no wrong answer is made up:

    * the number occurs once in the question, and is not 0, 1, 2 or 100;
    * every annotation is exact, the last one gives the answer, and no other arithmetic stands in the solution;
    * every number in an annotation has one source: the question, an earlier step, or a word (2 for "half", 12 for
      "months"), and every amount of the question is used;
    * the changed number enters once (or is larger than 12, hence not two things by chance), and every step that it
      changes leads to the answer;
    * whole numbers stay whole, cents stay cents, signs stay, and all quantities keep their order, so that a threshold
      or a comparison in words stays as it was.

    Args:
        problem: A problem whose ``solution`` holds annotations, as :func:`composekit.compose.load_problems` reads GSM8K.
        old_value: The number of the question to change.
        new_value: What to put there.

    Returns:
        The new answer, or None where it cannot be vouched for.

    Example:
        >>> p = Problem("Ann has 48 clips and sells half as many in May as in April, when she sold all but 8. How many?",
        ...             20, solution="In April, she sold 48-8 = <<48-8=40>>40. In May, 40/2 = <<40/2=20>>20.")
        >>> recompute(p, 48, 58), recompute(p, 48, 49), recompute(p, 2, 3)
        (25, None, None)
    """
    old, new = Fraction(old_value), Fraction(new_value)
    program = _read(problem.prompt, problem.solution or "", problem.answer)
    if program is None or old in _COMMON or not _same_kind(old, new):
        return None
    if program.numbers.count(old) != 1:
        return None
    rerun = _Rerun(program, old, new)
    try:
        result = [rerun.run(step) for step in program.steps][-1]
    except _Unsure:
        return None
    final = program.steps[-1].result
    once = rerun.uses == 1 or (rerun.uses > 1 and old > 12 and old not in _IMPLIED_VALUES)
    if not once or rerun.unused != {final} or not _same_order(rerun.quantities):
        return None
    return int(result) if result.denominator == 1 else result
