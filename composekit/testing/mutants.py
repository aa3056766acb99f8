r"""Wrong answers that a verifier must refuse, made from right ones."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction

from composekit.compose.problem import Composite, Problem
from composekit.compose.verdict import Verdict, Verifier

_NUMBER = re.compile(r"\d+(?:\.\d+)?|\.\d+")
_PLAIN = re.compile(r"\s*(?:\\\$|\$)?\s*([-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?|[-+]?\d+(?:\.\d+)?)\s*")
_WRONG_VALUE = 7_919  # a number that answers next to nothing


@dataclass(frozen=True)
class Mutant:
    """A response that a verifier must not pay for.

    Args:
        kind: What was done: ``"empty"``, ``"off by one"``, ``"two answers"``, ``"substring"``, ``"prose"``,
            ``"one percent"``, ``"thought"``, ``"swapped"``, ``"program"``.
        response: The whole response.
        answer: The bare answer in it, None where the response declares none.

    Example:
        >>> from composekit.compose import Problem
        >>> answer_mutants(Problem("What is 6 times 7?", 42))[0].kind
        'empty'
    """

    kind: str
    response: str
    answer: str | None


def answer_mutants(problem: Problem) -> list[Mutant]:
    r"""Wrong responses to a problem, each wrong for a reason of its own.

    Always: an empty response, an empty box, the right answer next to a wrong one, the right answer in prose that declares
    nothing, the right answer only in a think section. For numbers also: off by one, off by one percent, a piece of the
    number and the number with a digit more. For a choice another letter, for words another word, for a bundle the parts'
    answers with the first one wrong. For code: no program, and the solution with every returned value gone.

    Args:
        problem: A problem with a gold answer.

    Returns:
        Mutants, none of which equals the gold answer.

    Example:
        >>> from composekit.compose import Problem
        >>> mutants = answer_mutants(Problem("What is 6 times 7?", 42))
        >>> sorted({m.kind for m in mutants})
        ['empty', 'off by one', 'one percent', 'prose', 'substring', 'thought', 'two answers']
        >>> [m.response for m in mutants if m.kind == "off by one"]
        ['\\boxed{43}', '\\boxed{41}']
    """
    if isinstance(problem, Composite) and problem.topology == "bundle":
        return list(_bundle_mutants(problem))
    if isinstance(problem, Composite):
        return answer_mutants(problem.parts[-1].replace(answer=problem.answer))
    if problem.verifier == "code":
        return list(_program_mutants(problem))
    return list(_mutants(problem))


def gold_response(problem: Problem) -> str:
    r"""The response that declares the gold answer and nothing else: boxed, a solution that is code in a block of code, for a
    bundle under the headings of its parts.

    Example:
        >>> from composekit.compose import Problem
        >>> gold_response(Problem("What is 6 times 7?", 42))
        '\\boxed{42}'
    """
    if isinstance(problem, Composite) and problem.topology == "bundle":
        return "\n\n".join(f"Part {k}:\n{gold_response(part)}" for k, part in enumerate(problem.parts, start=1))
    if isinstance(problem, Composite):
        return gold_response(problem.parts[-1].replace(answer=problem.answer))
    if problem.verifier == "code":
        return _in_block(problem.solution or "")
    return rf"\boxed{{{problem.answer}}}"


def check_verifier(verifier: Verifier, problems: Iterable[Problem]) -> list[str]:
    """What is wrong with a verifier: gold answers that it refuses and mutants that it pays for.

    Args:
        verifier: The verifier under test.
        problems: Problems that it should be able to judge.

    Returns:
        One sentence for each fault; empty if there is none.

    Example:
        >>> from composekit.compose import MathVerifier, Problem
        >>> check_verifier(MathVerifier(), [Problem("What is 6 times 7?", 42), Problem("And halved?", "21")])
        []
    """
    faults = []
    for problem in problems:
        verdict = verifier.verify(gold_response(problem), problem)
        if not (verdict.correct and verdict.score == 1.0):
            faults.append(f"problem {problem.id}: the gold answer {problem.answer!r} is refused: {_said(verdict)}")
        for mutant in answer_mutants(problem):
            verdict = verifier.verify(mutant.response, problem)
            if verdict.correct or verdict.score > 0:
                faults.append(
                    f"problem {problem.id}: {mutant.response!r} ({mutant.kind}) scores {verdict.score} "
                    f"against {problem.answer!r}: {_said(verdict)}"
                )
    return faults


def _said(verdict: Verdict) -> str:
    return f"{verdict.status}, {verdict.detail}"


def _mutants(problem: Problem) -> Iterator[Mutant]:
    gold = problem.answer
    wrong = _other_answer(problem)
    yield Mutant("empty", "", None)
    yield Mutant("empty", r"\boxed{}", None)
    yield Mutant("two answers", rf"\boxed{{{gold}}} or \boxed{{{wrong}}}", None)
    yield Mutant("two answers", rf"\boxed{{{wrong}}}, \boxed{{{gold}}}", None)
    yield Mutant("two answers", rf"\boxed{{{gold} \text{{ or }} {wrong}}}", f"{gold} or {wrong}")
    yield Mutant("prose", f"I did not find an answer, but {gold} appears somewhere in it.", None)
    yield Mutant("prose", f"There were {gold} of them once.\nI cannot say more.", None)
    yield Mutant("thought", rf"<think>So it is \boxed{{{gold}}}.</think> I do not know.", None)
    yield Mutant("thought", rf"<think>So it is \boxed{{{gold}}}.", None)
    if problem.verifier in ("math", "exact"):
        for kind, answer in _wrong_answers(gold):
            yield Mutant(kind, rf"\boxed{{{answer}}}", answer)
    if problem.verifier == "choice" or _as_number(gold) is None:
        yield Mutant("swapped", rf"\boxed{{{wrong}}}", wrong)


def _program_mutants(problem: Problem) -> Iterator[Mutant]:
    yield Mutant("empty", "", None)
    yield Mutant("empty", _in_block(""), None)
    yield Mutant("prose", "The function should loop over its input.", None)
    try:
        tree = ast.parse(problem.solution or "")
    except SyntaxError:  # the body of a function, which goes on where the prompt stops
        tree = ast.parse(problem.prompt + (problem.solution or ""))
    returns = [node for node in ast.walk(tree) if isinstance(node, ast.Return)]
    for node in returns:
        node.value = None
    program = ast.unparse(tree) if returns else "pass"
    yield Mutant("program", _in_block(program), program)


def _in_block(program: str) -> str:
    return f"```python\n{program}\n```"


def _bundle_mutants(bundle: Composite) -> Iterator[Mutant]:
    first, *rest = bundle.parts
    others = "".join(f"\n\nPart {k}:\n{gold_response(part)}" for k, part in enumerate(rest, start=2))
    for mutant in answer_mutants(first):
        yield Mutant(mutant.kind, f"Part 1:\n{mutant.response}{others}", mutant.answer)
    if others:
        yield Mutant("empty", others.strip(), None)


def _as_number(text: str) -> Fraction | None:
    """The value of a plain number, perhaps with separators and a currency sign."""
    match = _PLAIN.fullmatch(text)
    return Fraction(match[1].replace(",", "")) if match else None


def _other_answer(problem: Problem) -> str:
    """An answer of the same sort that is wrong."""
    gold = problem.answer.strip()
    if problem.verifier == "choice":
        letter = next((c for c in reversed(gold) if c.isalpha()), "A").upper()
        return "A" if letter != "A" else "B"
    value = _as_number(gold)
    if value is not None:
        return str(value + 1)
    return "none of these words" if gold.replace(" ", "").isalpha() else str(_WRONG_VALUE)


def _wrong_answers(gold: str) -> Iterator[tuple[str, str]]:
    """Changed numbers: the whole answer if it is one, else the first one in it, which a simplified answer depends on."""
    value = _as_number(gold)
    if value is not None:
        yield "off by one", _written(value + 1)
        yield "off by one", _written(value - 1)
        if value:
            yield "one percent", _written(value * Fraction(101, 100))
        digits = _written(abs(value))
        yield "substring", f"{_written(value)}7"
        if len(digits) > 1 and digits[:-1].strip("0.") and _as_number(digits[:-1].rstrip(".")) != value:
            yield "substring", digits[:-1].rstrip(".")
        return
    first = _NUMBER.search(gold)
    if first is not None:
        digits = first[0]
        changed = str(int(digits) + 1) if "." not in digits else f"{digits}1"
        yield "off by one", gold[: first.start()] + changed + gold[first.end() :]


def _written(value: Fraction) -> str:
    """A fraction as a finite decimal where it is one."""
    if value.denominator == 1:
        return str(value.numerator)
    scale = 1
    while value.denominator != 1 and (value * 10**scale).denominator != 1 and scale < 40:
        scale += 1
    scaled = value * 10**scale
    if scaled.denominator != 1:
        return str(value)
    sign = "-" if scaled < 0 else ""
    text = f"{abs(scaled.numerator):0{scale + 1}d}"
    return f"{sign}{text[:-scale]}.{text[-scale:]}"
