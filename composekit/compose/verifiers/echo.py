r"""Answers that only repeat an expression of the question: :math:`513^2 - 487^2`, where just that is to be computed.

Their value is right, and so a comparison of values would pay for copying. An answer is an echo if it stands in the question,
with its terms or factors in another order at most, and the gold answer is written in another form. A plain number is none,
nor is a fraction, unless the question asks for another way to write it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import lru_cache
from typing import Any

from composekit.compose.verifiers.canonical import COMMUTE, canonical_of, inside, is_fraction, negative, sides_of

MAX_PROMPT = 20_000
MAX_PIECES = 200
_MOST_SHELLS = 8
_EQUATION = re.compile(r"[^=]{1,80}[a-z)}]\s{0,3}[-+][^=]{1,80}=[^=]{1,80}")  # with a sum to the left, so no name
_SPACES = re.compile(r"\s+")
_MATHEMATICS = re.compile(
    r"\$\$(.{1,1000}?)\$\$|\$([^$]{1,1000})\$|\\\[(.{1,1000}?)\\\]|\\\((.{1,1000}?)\\\)"
    r"|\\begin\{(?:align|equation|gather|multline)\*?\}(.{1,1000}?)\\end",
    re.DOTALL,
)
_PLAIN = re.compile(r"(?<![\w$\\])[-(]?\d[\d\s.,()^*/+×·÷−–-]{1,200}(?:[a-z]{1,2}\b[\d\s.,()^*/+×·÷−–-]{0,200}){0,8}")
_RELATION = re.compile(
    r"\\\\|=|\\(?:le|leq|ge|geq|ne|neq|approx|equiv|lt|gt|text\s*\{[^{}]*\})(?![A-Za-z])|[<>;&]|,(?!\d{3})"
)
_OTHER_FORM = re.compile(
    r"\bas an? (?:\w+ )?(?:decimal|percent\w*|fraction|mixed number|integer|number)\b|simplif|reduce|lowest terms|convert",
    re.I,
)
_CARRIED_OUT = frozenset(("add", "mixed", "mul", "neg", "div", "pow", "fact", "binom", "abs", "percent"))
_LITERALS = frozenset(("num", "based", "var", "const", "text"))


def is_echo(answer: str, prompt: str, gold: str, worth: Callable[[str], bool] | None = None) -> bool:
    """Whether an answer that is worth the gold answer only repeats an expression of the question, or works with one.

    Args:
        answer: The answer.
        prompt: The question.
        gold: The gold answer.
        worth: Whether an expression is worth the gold answer. An answer in which one of the question's does, that is
            written otherwise, is a copy whatever stands around it: ``2 E - E``, :math:`e^{\\ln E}`.

    Example:
        >>> question = "Compute $513^2 - 487^2.$"
        >>> is_echo("513^2 - 487^2", question, "26000"), is_echo("|-487^{2} + 513^2|", question, "26000")
        (True, True)
        >>> is_echo("26000", question, "26000"), is_echo(r"26 \\cdot 1000", question, "26000")
        (False, False)
    """
    if _EQUATION.fullmatch(answer) and _SPACES.sub("", gold) != (copied := _SPACES.sub("", answer)):
        whole = rf"(?<![\w.^*/+-]){re.escape(copied)}(?![\w^*/+-]|\.\d)"
        if re.search(whole, _SPACES.sub("", prompt[-MAX_PROMPT:])):
            return True
    wanted = canonical_of(gold, gold=True)
    sides = tuple(map(without_shell, sides_of(answer, wanted)))
    if len(sides) > 1 and set(sides) != set(wanted) and frozenset(sides) in _equations(prompt):
        return True
    plain = not _OTHER_FORM.search(prompt[-MAX_PROMPT:])
    rooted = plain and "root" in repr(wanted)
    for given in sides:
        bare = plain and (is_fraction(given) or (rooted and given[0] == "root"))
        if given[0] in _LITERALS or (given,) == wanted or bare:
            return False
    said = _expressions(prompt)
    if not sides:
        return False
    if all(given in said or _works_with(given, said, wanted) for given in sides):
        return True
    return worth is not None and all(_holds_copy(given, said, wanted, worth) for given in sides)


def _holds_copy(given: Any, said: Mapping[Any, str], wanted: Any, worth: Callable[[str], bool]) -> bool:
    """Whether an expression of the question that is itself worth the answer stands in this, or with its sign changed."""
    parts = {part for part in inside(given) if part and isinstance(part[0], str) and _operations(part) > 0}
    sums = [(part[0], Counter(part[1:])) for part in parts if part[0] in COMMUTE]
    final = set(inside(wanted))
    for tree, text in said.items():
        if tree in final or _operations(tree) < 1:
            continue
        for form in (tree, negative(tree)):
            stands = form in parts or any(
                kind == form[0] and Counter(form[1:]) <= terms for kind, terms in sums if form[0] in COMMUTE
            )
            if stands and worth(text):
                return True
    return False


def without_shell(tree: Any) -> Any:
    """The tree without a factor worth one, a term worth nothing, a set, absolute value or rounding around it all."""
    for _ in range(_MOST_SHELLS):
        bare = _unwrapped(tree)
        if bare == tree or _operations(bare) < 1:
            return tree
        tree = bare
    return tree


def _unwrapped(tree: Any) -> Any:
    kind, *parts = tree
    if kind in ("set", "abs") and len(parts) == 1:
        return parts[0]
    if kind == "fn" and parts[0] in ("floor", "ceil") and len(parts) == 2:
        return parts[1]
    if kind == "root" and parts[0][0] == "pow" and parts[0][2] == parts[1]:
        return parts[0][1]
    if kind == "div" and parts[1] == ("num", 1):
        return parts[0]
    if kind == "div" and parts[0][0] == "mul" and parts[1] in parts[0]:
        rest = list(parts[0][1:])
        rest.remove(parts[1])
        return ("mul", *rest) if len(rest) > 1 else rest[0]
    if kind == "div" and parts[0] == ("num", 1) and parts[1][0] == "div" and parts[1][1] == ("num", 1):
        return parts[1][2]
    if kind == "mul":
        for part in parts:
            if part[0] == "div" and part[2] in parts:
                others = [x for x in parts if x is not part]
                others.remove(part[2])
                return (kind, part[1], *others) if others else part[1]
        rest = [part for part in parts if not is_one(part)]
        return (kind, *rest) if len(rest) > 1 else rest[0] if rest else tree
    if kind == "add":
        nothing = [part for part in parts if part[0] == "mul" and ("num", 0) in part]
        nothing += [part for part in parts if ("neg", part) in parts or (part[0] == "neg" and part[1] in parts)]
        nothing += [part for part in parts if part[0] == "num" and ("num", -part[1]) in parts]
        rest = [part for part in parts if part not in nothing]
        return (kind, *rest) if len(rest) > 1 else rest[0] if rest else tree
    return tree


def is_one(tree: Any) -> bool:
    """Whether a factor is worth one: ``1!``, ``i^4``, a binomial coefficient of n and n, the power zero of a number."""
    if tree[0] == "fact":
        return tree[1] in (("num", 0), ("num", 1))
    if tree[0] == "binom":
        return tree[2] in (tree[1], ("num", 0))
    if tree[0] == "percent":
        return tree[1] == ("num", 100)
    if tree[0] == "pow" and tree[2][0] == "num":
        return tree[1] == ("num", 1) or tree[2][1] == 0 or (tree[1] == ("const", "i") and tree[2][1] % 4 == 0)
    return False


def _works_with(given: Any, said: Mapping[Any, str], wanted: Any) -> bool:
    """Whether a calculation of the question, with numbers alone, stands in an answer as it was."""
    parts = {part for part in inside(given) if _operations(part) > 1 and _is_calculation(part)}
    if not parts.isdisjoint(inside(wanted)):
        return False
    sums = [(part[0], Counter(part[1:])) for part in parts if part[0] in COMMUTE]
    return any(
        said_part in parts or any(kind == said_part[0] and Counter(said_part[1:]) <= terms for kind, terms in sums)
        for said_part in said
        if _operations(said_part) > 1
    )


def _operations(tree: Any) -> int:
    return sum(isinstance(part[0], str) and part[0] not in _LITERALS for part in inside(tree) if part)


def _is_calculation(tree: Any) -> bool:
    """Whether a tree holds nothing but rational numbers and operations that one carries out."""
    return all(
        part[0] == "num" or part[0] in _CARRIED_OUT for part in inside(tree) if part and isinstance(part[0], str)
    )


@lru_cache(maxsize=1024)
def _equations(prompt: str) -> frozenset[frozenset[Any]]:
    """The equations of a text, each as the set of its sides."""
    found: set[frozenset[Any]] = set()
    for number, match in enumerate(_MATHEMATICS.finditer(prompt[-MAX_PROMPT:])):
        if number == MAX_PIECES:
            break
        formula = next(group for group in match.groups() if group is not None)
        if "=" in formula:
            found.add(frozenset(canonical_of(formula.strip(" .,;"), gold=True)))
    return frozenset(sides for sides in found if len(sides) > 1)


@lru_cache(maxsize=1024)
def lone_expressions(prompt: str) -> frozenset[Any]:
    """The formulas of a text that are no equations, in canonical form: what it may ask for."""
    found: set[Any] = set()
    for number, match in enumerate(_MATHEMATICS.finditer(prompt[-MAX_PROMPT:])):
        if number == MAX_PIECES:
            break
        formula = next(group for group in match.groups() if group is not None).strip(" .,;?")
        if not _RELATION.search(formula):
            found.update(canonical_of(formula, gold=True))
    return frozenset(found)


@lru_cache(maxsize=1024)
def _expressions(prompt: str) -> dict[Any, str]:
    """The expressions of a text in canonical form, each with a piece of text that is worth it."""
    found: dict[Any, str] = {}
    for number, piece in enumerate(_pieces(prompt[-MAX_PROMPT:])):
        if number == MAX_PIECES:
            break
        found.update(dict.fromkeys(canonical_of(piece, gold=True), piece))
    return found


def _pieces(prompt: str) -> Iterator[str]:
    """What stands between the relations of its formulas, and what looks like arithmetic in its prose."""
    for match in _MATHEMATICS.finditer(prompt):
        formula = next(group for group in match.groups() if group is not None)
        yield formula
        yield from _RELATION.split(formula)
    for match in _PLAIN.finditer(_MATHEMATICS.sub(" . ", prompt)):
        yield match[0].strip(" .,")
