r"""Answers that leave to the reader what was asked for: :math:`12 \cdot 16` for "12 boxes of 16", :math:`200 - 8` for 192.

Their value is right, but a calculation is no result. What a result is :mod:`.finished` says; here the answer is held against
the gold answer, which may be unfinished itself, and against the numbers of the question.
"""

from __future__ import annotations

import re
from fractions import Fraction
from functools import lru_cache
from typing import Any

from composekit.compose.tokens import numerals
from composekit.compose.verifiers.canonical import MAX_LENGTH, canonical_of, inside, sides_of
from composekit.compose.verifiers.echo import MAX_PROMPT, without_shell
from composekit.compose.verifiers.finished import has_letters, parts_of, work_left
from composekit.compose.verifiers.written import is_reduced

_SAID_WITHOUT_NUMERAL = frozenset((0, 1, 2, 100))  # none, each, twice, percent
# What changes nothing and should not stand there: 18 + 0, 0 + 18, 18 (1).
_IDLE = re.compile(
    r"(?<=[\w)}])\s?[+-]\s?0(?:\.0{0,9})?(?![.\w])|(?<![\w.,^+*/-])0(?:\.0{1,9})?\s?\+|\d\s?\(\s?1\s?\)[\s.$]{0,3}\Z"
)
_OPEN = re.compile(r"\\(?:i{0,3}int|oint|sum|prod|lim(?:sup|inf)?|max|min|gcd|lcm|det)(?![A-Za-z])")
_BOUNDS = re.compile(r"_\s*\{[^{}]*\}")  # the = of \sum_{k=1}
_OPERATIONS = frozenset(("add", "mul", "div", "ratio", "percent", "neg", "fact", "binom", "abs", "set"))


def is_undone(answer: str, prompt: str, gold: str) -> bool:
    r"""Whether an answer that is worth the gold answer leaves it to the reader to work out what was asked for.

    It does where something is left to be worked out that is not left in the gold answer either; so do letters that the gold
    answer has not, as in ``x - x`` for 0. Where the gold answer is a plain number, neither is one finished that is made of
    nothing but numbers that the question gives; a fraction in lowest terms and a mixed number are numbers.

    Example:
        >>> question = "How many eggs are in 12 boxes of 16?"
        >>> is_undone(r"12 \times 16", question, "192"), is_undone(r"12 \times 16 = 192", question, "192")
        (True, False)
        >>> is_undone("200 - 8", question, "192"), is_undone(r"2^6 \cdot 3", question, "192")
        (True, False)
        >>> is_undone(r"\frac{3}{4}", "She eats 3 of 4 pies. What share is that?", "0.75")
        False
    """
    if _IDLE.search(answer.rpartition("=")[2][-MAX_LENGTH:]) and not _IDLE.search(gold[-MAX_LENGTH:]):
        return True
    wanted = canonical_of(gold, gold=True)
    if len(answer) > MAX_LENGTH:
        answer = answer.rpartition("=")[2]  # of a chain, which holds
        if len(answer) > max(MAX_LENGTH, 3 * len(gold)):  # too long to be looked at, and for its gold answer
            return bool(wanted) and wanted[0][0] != "text"
    sides = sides_of(answer, wanted)
    if not wanted or not sides or wanted[0][0] == "text" or any(map(_is_number, sides)):
        return False
    if not has_letters(wanted):  # A = bh = 3 * 5: what has no letters is to be worked out
        sides = tuple(side for side in sides if not has_letters(side)) or sides
    whole = len(wanted) == 1 and all(map(_is_whole, _members(wanted[0])))
    allowed = _left(wanted, whole)
    if wanted[0][0] != "sequence":  # it may be all numbers but some; an interval is no union
        allowed |= {"union"}
    if len(wanted) > 1 or not _is_polynomial(wanted[0]):  # a quotient may be all there is to say
        allowed |= {"letters below", "root of letters"}
    if all(_left((side,), whole) - allowed for side in sides):
        return True
    if len(wanted) > 1 or wanted[0][0] != "num":
        return False
    return all(_is_made_of(without_shell(side), _given_numbers(prompt)) for side in sides)


def _left(sides: tuple[Any, ...], whole: bool) -> frozenset[str]:
    """What is left to be worked out in an answer, or that it has letters."""
    letters = ("letters",) if any(map(_values_have_letters, sides)) else ()
    return frozenset((*letters, *(work for side in sides for work in work_left(side, whole=whole))))


def _values_have_letters(tree: Any) -> bool:
    """Whether a value, but no condition, has letters."""
    parts = parts_of(tree)
    if parts is None:
        return has_letters(tree)
    return tree[0] != "relation" and any(map(_values_have_letters, parts))


def _is_polynomial(tree: Any) -> bool:
    """Whether nothing but numbers, letters, sums, products and whole powers stand in this."""
    if tree[0] == "pow":
        return _is_polynomial(tree[1]) and _is_whole(tree[2]) and tree[2][1] >= 0
    if tree[0] in ("add", "mul", "neg"):
        return all(map(_is_polynomial, tree[1:]))
    return tree[0] in ("num", "var") or (tree[0] == "div" and _is_polynomial(tree[1]) and tree[2][0] == "num")


def _is_whole(tree: Any) -> bool:
    return bool(tree[0] == "num" and tree[1].denominator == 1)


def _members(tree: Any) -> tuple[Any, ...]:
    """What a list, a tuple or a set holds, or what else there is; what has both signs counts once."""
    parts = parts_of(tree)
    return (tree,) if parts is None or tree[0] == "ratio" else tuple(x for part in parts for x in _members(part))


def _is_number(tree: Any) -> bool:
    """Whether this is a percentage, a fraction in lowest terms or a mixed number, or some such values."""
    parts = parts_of(tree)
    if parts is not None and tree[0] != "ratio":
        return tree[0] not in ("set_operation", "relation") and bool(parts) and all(map(_is_number, parts))
    while tree[0] in ("neg", "percent", "abs"):
        tree = tree[1]
    return tree[0] in ("num", "mixed") or is_reduced(tree)


def _is_made_of(tree: Any, numbers: frozenset[Any]) -> bool:
    """Whether an answer calculates with these numbers alone, and is no power and no number in terms of a power of ten."""
    nodes = [part for part in inside(tree) if part and isinstance(part[0], str)]
    kinds = {node[0] for node in nodes}
    powers = [node[1] for node in nodes if node[0] == "pow"]
    if not kinds <= _OPERATIONS | {"num", "pow"} or kinds == {"num", "pow"} or ("num", 10) in powers:
        return False
    operations = sum(node[0] not in ("num", "neg") for node in nodes)
    if kinds & {"pow", "fact", "binom"} and (operations < 2 or not kinds & {"mul", "div"}):
        return False
    return {abs(node[1]) for node in nodes if node[0] == "num"} <= numbers


@lru_cache(maxsize=1024)
def _given_numbers(prompt: str) -> frozenset[Any]:
    """The rational numbers of a text, as shares of a hundred too, and those that words say."""
    found = {n.value for n in numerals(prompt[-MAX_PROMPT:]) if n.kind != "radical"}
    return frozenset(found | {Fraction(value) / 100 for value in found} | _SAID_WITHOUT_NUMERAL)


def is_left_open(answer: str, gold: str) -> bool:
    r"""Whether an answer is a sum, integral, limit, ... that nobody evaluated; ``\int_0^1 x\,dx = \frac12`` is not."""
    if "\\" not in answer or _OPEN.search(answer) is None or _OPEN.search(gold) is not None:
        return False
    return "=" not in _BOUNDS.sub("", answer)
