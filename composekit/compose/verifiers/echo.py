r"""Answers that only repeat an expression of the question: :math:`513^2 - 487^2`, where just that is to be computed.

Their value is right, and so a comparison of values would pay for copying. An answer is an echo if it stands in the question,
with its terms or factors in another order at most, and the gold answer is written in another form. A plain number is none,
nor is a fraction, unless the question asks for another way to write it.

Nor is a number of the question that is only set beside another one an answer: :math:`12 \times 16` for "12 boxes of 16".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from typing import Any

from composekit.compose.tokens import numerals
from composekit.compose.verifiers.exactmath.lexer import Unreadable
from composekit.compose.verifiers.exactmath.reading import readings
from composekit.compose.verifiers.exactmath.tree import Node

MAX_PROMPT = 20_000
MAX_PIECES = 200
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
_COMMUTE = frozenset(("add", "mul"))
_CARRIED_OUT = frozenset(("add", "mul", "neg", "div", "pow", "fact", "binom", "abs", "percent"))
_ARITHMETIC = frozenset(("num", "add", "mul", "neg", "div", "ratio", "percent"))
_WRAPPING = frozenset(("abs", "root", "set", "fn", "pow"))
_FUNCTIONS = frozenset(("log", "fn"))
_SAID_WITHOUT_NUMERAL = frozenset((0, 1, 2, 100))  # none, each, twice, percent
_LITERALS = frozenset(("num", "based", "var", "const", "text"))


def is_echo(answer: str, prompt: str, gold: str) -> bool:
    """Whether an answer that is worth the gold answer only repeats an expression of the question, or works with one.

    Example:
        >>> question = "Compute $513^2 - 487^2.$"
        >>> is_echo("513^2 - 487^2", question, "26000"), is_echo("|-487^{2} + 513^2|", question, "26000")
        (True, True)
        >>> is_echo("26000", question, "26000"), is_echo(r"26 \\cdot 1000", question, "26000")
        (False, False)
    """
    wanted = _canonical_of(gold, gold=True)
    sides = _sides(answer, wanted)
    plain = not _OTHER_FORM.search(prompt[-MAX_PROMPT:])
    rooted = plain and "root" in repr(wanted)
    for given in sides:
        bare = plain and (_is_fraction(given) or (rooted and given[0] == "root"))
        if given[0] in _LITERALS or (given,) == wanted or bare:
            return False
    said = _expressions(prompt)
    return bool(sides) and all(given in said or _works_with(given, said, wanted) for given in sides)


def is_undone(answer: str, prompt: str, gold: str) -> bool:
    r"""Whether an answer that is worth the gold answer leaves it to the reader to work out what was asked for.

    Of a plain number that is a sum, product, ... of numbers that the question gives, or one in which two of them meet. A
    fraction in lowest terms and a mixed number are numbers; powers are how large numbers are written. Logarithms and
    function values leave all to be worked out, unless the gold answer has some.

    Example:
        >>> question = "How many eggs are in 12 boxes of 16?"
        >>> is_undone(r"12 \times 16", question, "192"), is_undone(r"12 \times 16 = 192", question, "192")
        (True, False)
        >>> is_undone(r"\frac{3}{4}", "She eats 3 of 4 pies. What share is that?", "0.75")
        False
    """
    wanted = _canonical_of(gold, gold=True)
    sides = _sides(answer, wanted)
    if not wanted or not sides or any(_is_number(side) for side in sides):
        return False
    nodes = [part for part in _inside(sides) if part and isinstance(part[0], str)]
    kinds = {node[0] for node in nodes}
    if "var" not in kinds and all(map(_has_function, sides)):
        return not _has_function(wanted)
    if len(wanted) != 1 or wanted[0][0] != "num":
        return False
    if all(_meet(side, _stated_numbers(prompt)) for side in sides):
        return True
    if not kinds <= _ARITHMETIC | _WRAPPING or kinds == {"num", "pow"} or any(map(_is_written_large, sides)):
        return False
    return {abs(node[1]) for node in nodes if node[0] == "num"} <= _given_numbers(prompt)


def _has_function(tree: Any) -> bool:
    return any(part and part[0] in _FUNCTIONS for part in _inside(tree))


def _meet(tree: Any, numbers: frozenset[Any]) -> bool:
    """Whether two of these numbers are added or multiplied somewhere in a tree."""
    return any(
        part and part[0] in _COMMUTE and sum(x[0] == "num" and abs(x[1]) in numbers for x in part[1:]) > 1
        for part in _inside(tree)
    )


def _is_written_large(tree: Any) -> bool:
    """Whether this is a number in terms of a power of ten, 3 x 10^5."""
    return tree[0] in ("mul", "neg", "pow") and any(
        part and part[0] == "pow" and part[1] == ("num", 10) for part in _inside(tree)
    )


def _is_number(tree: Any) -> bool:
    """Whether this is a percentage, a fraction in lowest terms or a mixed number."""
    while tree[0] in ("neg", "percent"):
        tree = tree[1]
    if tree[0] == "num":
        return True
    if tree[0] in ("div", "ratio") and len(tree) == 3:
        top, bottom = tree[1:]
        return top[0] == bottom[0] == "num" and bottom[1] == Fraction(top[1], bottom[1] or 1).denominator
    return _is_fraction(tree)


@lru_cache(maxsize=1024)
def _stated_numbers(prompt: str) -> frozenset[Any]:
    """The rational numbers above one of a text."""
    return frozenset(n.value for n in numerals(prompt[-MAX_PROMPT:]) if n.kind != "radical" and n.value > 1)


@lru_cache(maxsize=1024)
def _given_numbers(prompt: str) -> frozenset[Any]:
    """The rational numbers of a text, as shares of a hundred too, and those that words say."""
    found = {n.value for n in numerals(prompt[-MAX_PROMPT:]) if n.kind != "radical"}
    return frozenset(found | {Fraction(value) / 100 for value in found} | _SAID_WITHOUT_NUMERAL)


def _works_with(given: Any, said: frozenset[Any], wanted: Any) -> bool:
    """Whether a calculation of the question, with numbers alone, stands in an answer as it was."""
    parts = {part for part in _inside(given) if _operations(part) > 1 and _is_calculation(part)}
    if not parts.isdisjoint(_inside(wanted)):
        return False
    sums = [(part[0], Counter(part[1:])) for part in parts if part[0] in _COMMUTE]
    return any(
        said_part in parts or any(kind == said_part[0] and Counter(said_part[1:]) <= terms for kind, terms in sums)
        for said_part in said
        if _operations(said_part) > 1
    )


def _inside(tree: Any) -> Iterator[Any]:
    """The tree and everything below it."""
    if isinstance(tree, tuple):
        yield tree
        for part in tree:
            yield from _inside(part)


def _operations(tree: Any) -> int:
    return sum(isinstance(part[0], str) and part[0] not in _LITERALS for part in _inside(tree) if part)


def _is_calculation(tree: Any) -> bool:
    """Whether a tree holds nothing but rational numbers and operations that one carries out."""
    return all(
        part[0] == "num" or part[0] in _CARRIED_OUT for part in _inside(tree) if part and isinstance(part[0], str)
    )


@lru_cache(maxsize=1024)
def _expressions(prompt: str) -> frozenset[Any]:
    """The expressions of a text in canonical form."""
    found: set[Any] = set()
    for number, piece in enumerate(_pieces(prompt[-MAX_PROMPT:])):
        if number == MAX_PIECES:
            break
        found.update(_canonical_of(piece, gold=True))
    return frozenset(found)


def _pieces(prompt: str) -> Iterator[str]:
    """What stands between the relations of its formulas, and what looks like arithmetic in its prose."""
    for match in _MATHEMATICS.finditer(prompt):
        formula = next(group for group in match.groups() if group is not None)
        yield formula
        yield from _RELATION.split(formula)
    for match in _PLAIN.finditer(_MATHEMATICS.sub(" . ", prompt)):
        yield match[0].strip(" .,")


def _sides(answer: str, wanted: tuple[Any, ...]) -> tuple[Any, ...]:
    """The sides of an answer; letters behind it that the gold answer lacks are a unit."""
    sides = _canonical_of(answer, gold=False)
    if "('var'" in repr(sides) and "('var'" not in repr(wanted):
        return _canonical_of(answer, gold=False, unit=True) or sides
    return sides


def _canonical_of(text: str, *, gold: bool, unit: bool = False) -> tuple[Any, ...]:
    """The usual reading of a text in canonical form, or the one with a unit, of an equation its sides; nothing for what is
    no expression.
    """
    if not text.strip(" .,") or len(text) > 1000:
        return ()
    try:
        found = readings(text, gold=gold, unusual=unit)
    except (Unreadable, RecursionError):
        return ()
    node = next((reading for reading in found if reading.kind == "unit" or not unit), None)
    if node is None:
        return ()
    while node.kind == "assign":
        node = node.args[3]
    sides = node.args[1] if node.kind == "relation" and set(node.args[0]) <= {"=", "~"} else (node,)
    return tuple(map(_canonical, sides))


def _canonical(node: Any) -> Any:
    """Nested tuples in which the order of terms and factors, a zero term and a unit factor leave no trace."""
    if not isinstance(node, Node):
        return tuple(_canonical(x) for x in node) if isinstance(node, tuple) else node
    if node.kind == "num":
        return ("num", Fraction(node.args[0]))
    if node.kind in ("unit", "degree"):
        return _canonical(node.args[0])
    if node.kind == "percent":
        return ("percent", _canonical(node.args[0]))
    if node.kind == "pow" and node.args[1].kind == "num" and node.args[1].args[0] == 1:
        return _canonical(node.args[0])
    if node.kind == "mul" and len(node.args) == 2 and all(part.kind == "num" for part in node.args):
        number, scale = node.args
        if not scale.args[1]:  # written as a word: three thousand
            return ("num", Fraction(number.args[0] * scale.args[0]))
    if node.kind == "neg":
        return _negative(_canonical(node.args[0]))
    if node.kind not in _COMMUTE:
        return (node.kind, *(_canonical(x) for x in node.args))
    idle = ("num", Fraction(int(node.kind == "mul")))
    parts: list[Any] = []
    for part in node.args:
        plain = _canonical(part)
        parts += plain[1:] if plain[0] == node.kind else [] if plain == idle else [plain]
    parts.sort(key=repr)
    return (node.kind, *parts) if len(parts) > 1 else parts[0] if parts else idle


def _negative(tree: Any) -> Any:
    if tree[0] == "num":
        return ("num", -tree[1])
    if tree[0] == "neg":
        return tree[1]
    if tree[0] == "add":
        return ("add", *sorted(map(_negative, tree[1:]), key=repr))
    return ("neg", tree)


def _is_fraction(tree: Any) -> bool:
    """Whether this is a quotient of two numbers, perhaps negative, or a mixed number."""
    if tree[0] in ("neg", "percent"):
        return tree[1][0] == "num" or _is_fraction(tree[1])
    if tree[0] == "add" and len(tree) == 3:  # a mixed number
        return any(part[0] == "num" for part in tree[1:]) and any(
            _is_fraction(part) for part in tree[1:] if part[0] == "div"
        )
    return tree[0] == "div" and all(part[0] == "num" for part in tree[1:])
