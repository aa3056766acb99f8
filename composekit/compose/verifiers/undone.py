r"""Answers that leave to the reader what was asked for: :math:`12 \cdot 16` for "12 boxes of 16", :math:`200 - 8` for 192.

Their value is right, but a sum, difference or product of plain numbers is a calculation and no result. The ways to write
large and exact numbers are results: fractions, mixed numbers, percentages, powers, factorials, binomial coefficients,
radicals, multiples of a radical, of :math:`\pi` or of a power, and sums of such.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from math import prod
from typing import Any

from composekit.compose.tokens import numerals
from composekit.compose.verifiers.canonical import COMMUTE, canonical_of, inside, is_fraction, is_mixed, sides_of
from composekit.compose.verifiers.echo import MAX_PROMPT, without_shell
from composekit.compose.verifiers.unfinished import is_hidden_number, leaves_work

_ARITHMETIC = frozenset(("num", "add", "mul", "neg", "div", "ratio", "percent"))
_WRAPPING = frozenset(("abs", "root", "set", "fn", "pow"))
_FUNCTIONS = frozenset(("log", "fn"))
_UNFOLDED = frozenset(("neg", "percent", "abs", "div", "ratio", "set", "pm", "mp", "binom", "fact"))
_SAID_WITHOUT_NUMERAL = frozenset((0, 1, 2, 100))  # none, each, twice, percent
_HIGHEST_POWER = 64
_SMALL_EXPONENTS = (("num", 2), ("num", 3))
_SMALL_POWERS = range(2, 11)
_SCALES = frozenset(("num", Fraction(10) ** k) for k in range(3, 31))  # 26 x 1000 is a way to write a number
_COMBINED = _ARITHMETIC | {"pow", "fact", "binom", "root"}


def is_undone(answer: str, prompt: str, gold: str) -> bool:
    r"""Whether an answer that is worth the gold answer leaves it to the reader to work out what was asked for.

    Where the gold answer is worked out and has no variables, one that still holds a sum or product of two plain numbers is
    not. Where it is a plain number, neither is one made of nothing but numbers that the question gives, or one in which two
    of them meet; a fraction in lowest terms and a mixed number are numbers. Logarithms and function values leave all to be
    worked out, unless the gold answer has some; so do variables, as in ``x - x`` for 0.

    Example:
        >>> question = "How many eggs are in 12 boxes of 16?"
        >>> is_undone(r"12 \times 16", question, "192"), is_undone(r"12 \times 16 = 192", question, "192")
        (True, False)
        >>> is_undone("200 - 8", question, "192"), is_undone(r"2^6 \cdot 3", question, "192")
        (True, False)
        >>> is_undone(r"\frac{3}{4}", "She eats 3 of 4 pies. What share is that?", "0.75")
        False
    """
    wanted = canonical_of(gold, gold=True)
    sides = sides_of(answer, wanted)
    if not wanted or not sides or any(map(_are_numbers, sides)):
        return False
    sides = tuple(map(without_shell, sides))
    constant = "('var'" not in repr(wanted)
    if constant:  # A = bh = 3 * 5: what has no letters is to be worked out
        sides = tuple(side for side in sides if "('var'" not in repr(side)) or sides
    nodes = [part for part in inside(sides) if part and isinstance(part[0], str)]
    kinds = {node[0] for node in nodes}
    if constant and all(map(_cancels, sides)):
        return True
    if "var" not in kinds and all(map(_has_function, sides)):
        return not _has_function(wanted)
    if not constant and all(map(_adds_up, sides)) and not any(map(_adds_up, wanted)):
        return True
    constant = constant or wanted[0][0] == "relation"
    if constant and all(map(_is_open, sides)) and not any(map(_is_open, wanted)):
        return True
    if len(wanted) != 1 or not _are_numbers(wanted[0]):
        return False
    whole = all(part[0] == "num" and part[1].denominator == 1 for part in _members(wanted[0]))
    if all(any(leaves_work(part, whole=whole) for part in _members(side)) for side in sides):
        return True
    if wanted[0][0] != "num":
        return False
    if all(_meet(side, _stated_numbers(prompt)) for side in sides):
        return True
    combined = kinds <= _COMBINED and all(map(_combines, sides))
    plain = kinds <= _ARITHMETIC | _WRAPPING and kinds != {"num", "pow"}
    if not (combined or plain) or any(map(_is_written_large, sides)):
        return False
    return {abs(node[1]) for node in nodes if node[0] == "num"} <= _given_numbers(prompt)


def _is_open(tree: Any, rooted: bool = False) -> bool:
    """Whether two plain numbers are added or multiplied somewhere but in exponents and arguments of functions."""
    kind = tree[0]
    if kind in COMMUTE or kind in ("pm", "mp"):
        amounts = [part for part in tree[1:] if _is_amount(part, rooted)]
        if kind == "mul":
            amounts = [part for part in amounts if part not in _SCALES]
        elif tree[1] == ("num", 0):  # a sign alone: plus-minus 3
            amounts = []
        met = len(amounts) > 1 and not is_mixed(tree)
        met = met or (kind == "mul" and sum(part[0] == "root" and part[1][0] == "num" for part in tree[1:]) > 1)
        met = met or (kind == "add" and _has_like_terms(tree[1:])) or (kind in COMMUTE and _leaves_formula(tree))
        return met or any(_is_open(part, rooted) for part in tree[1:])
    if kind == "root":
        return _is_open(tree[1], rooted=True)
    if kind == "pow":
        return _expands(tree) or _is_open(tree[1], rooted) or (tree[2][0] in COMMUTE and _is_open(tree[2]))
    if kind == "div" and not rooted and _nests_numbers(tree):
        return True
    if kind == "sequence":
        return any(_is_open(part) for part in tree[3])
    if kind in ("list", "relation"):
        return any(map(_is_open, tree[1] if kind == "list" else tree[2]))
    if kind == "assign":
        return _is_open(tree[-1])
    if kind == "matrix":
        return any(_is_open(part) for part in inside(tree) if part and part[0] in COMMUTE)
    return kind in _UNFOLDED and any(_is_open(part, rooted) for part in tree[1:])


def _adds_up(tree: Any) -> bool:
    """Whether two numbers or two multiples of one monomial stand in one sum, ``15x + 1 - 81``, or two numbers in one product
    with variables, ``3 * 5x``.
    """
    return any(_has_terms_to_add(part) for part in inside(tree) if part)


def _has_terms_to_add(tree: Any) -> bool:
    if tree[0] == "mul":
        numbers = [part for part in tree[1:] if _is_amount(part, False) and part not in _SCALES]
        return len(numbers) > 1 and "('var'" in repr(tree)
    if tree[0] != "add" or is_mixed(tree):
        return False
    numbers = [part for part in tree[1:] if part[0] == "num"]
    found = [_monomial(part) for part in tree[1:]]
    letters = [factors for factors in found if factors]
    return len(numbers) > 1 or len(set(letters)) < len(letters)


def _monomial(tree: Any) -> tuple[Any, ...]:
    """The powers of variables that a term is a multiple of; nothing where it is no monomial."""
    while tree[0] == "neg" or (tree[0] == "div" and _is_amount(tree[2], False)):
        tree = tree[1]
    factors = tree[1:] if tree[0] == "mul" else (tree,)
    rest = [part for part in factors if not _is_amount(part, False)]
    powers = all(
        part[0] == "var" or (part[0] == "pow" and part[1][0] == "var" and part[2][0] == "num") for part in rest
    )
    return tuple(rest) if powers else ()


def _nests_numbers(tree: Any) -> bool:
    """Whether a quotient of numbers has a fraction or a decimal in it: ``84 / 7 / 4``."""
    return all(_is_amount(part, False) for part in tree[1:]) and any(
        part[0] == "div" or (part[0] == "num" and part[1].denominator > 1) for part in tree[1:]
    )


def _has_like_terms(terms: Sequence[Any]) -> bool:
    r"""Whether two terms are multiples of one constant or radical: :math:`20\pi - 13\pi`."""
    found = [unit for unit in map(_multiplied, terms) if unit]
    return len(set(found)) < len(found)


def _leaves_formula(tree: Any) -> bool:
    r"""Whether numbers were put into a formula with a constant or a radical: :math:`\frac43 \pi \cdot 3^3`.

    One square or cube is a way to write a number; two, or one and a number to be multiplied with or added to, are not.
    """
    if tree[0] == "mul" and any(map(_holds_sum, tree[1:])):
        found = [surd for part in tree[1:] for surd in _surds(part)]
        if len(set(found)) < len(found):  # what is multiplied out has no such root any more
            return True
    if not any(map(_is_irrational, tree[1:])):
        return False
    if tree[0] == "add":
        return sum(map(_is_term, tree[1:])) > 1 and not all(_is_amount(part, False) for part in tree[1:])
    sums = (part for part in tree[1:] if part[0] == "add" and not is_mixed(part))
    return sum(map(_has_number, tree[1:])) > 1 or any(sum(map(_is_term, part[1:])) > 1 for part in sums)


def _expands(tree: Any) -> bool:
    r"""Whether a square root, i or a sum with such is raised to a small power: :math:`(1 + \sqrt2)^2`."""
    return tree[2][0] == "num" and tree[2][1] in _SMALL_POWERS and bool(_surds(tree[1]))


def _surds(tree: Any) -> frozenset[Any]:
    """The square roots of numbers, without squares in them, and i, that sums, products and quotients are made of."""
    if tree[0] in (*COMMUTE, "neg", "div"):
        return frozenset().union(*map(_surds, tree[1:]))
    square = tree[0] == "root" and tree[1][0] == "num" and tree[2] == ("num", 2)
    return frozenset((_squarefree(tree),)) if square or tree == ("const", "i") else frozenset()


def _holds_sum(tree: Any) -> bool:
    """Whether this is a sum with a square root or i, perhaps with its sign changed or divided."""
    while tree[0] in ("neg", "div"):
        tree = tree[1]
    return tree[0] == "add" and bool(_surds(tree))


def _is_irrational(tree: Any) -> bool:
    """Whether this is a multiple of a constant, of a power of one, or of a radical."""
    while tree[0] == "neg" or (tree[0] == "pow" and tree[2][0] == "num"):
        tree = tree[1]
    if tree[0] in ("mul", "div"):
        return any(map(_is_irrational, tree[1:]))
    return tree[0] == "const" or (tree[0] == "root" and tree[1][0] == "num" and not is_hidden_number(tree))


def _has_number(tree: Any) -> bool:
    """Whether a factor is a number, or a product or quotient with one."""
    while tree[0] in ("neg", "percent"):
        tree = tree[1]
    if tree[0] in ("mul", "div"):
        return any(map(_has_number, tree[1:]))
    return tree != ("num", 1) and tree not in _SCALES and _is_term(tree)


def _is_term(tree: Any) -> bool:
    """Whether this is a number, or the square or the cube of one other than ten."""
    while tree[0] == "neg":
        tree = tree[1]
    small = tree[0] == "pow" and tree[2] in _SMALL_EXPONENTS and tree[1] != ("num", 10)
    return _is_amount(tree[1] if small else tree, False)


def _multiplied(tree: Any) -> tuple[Any, ...]:
    """The constants and radicals that a term is a multiple of, in order; nothing where it is something else."""
    while tree[0] == "neg" or (tree[0] == "div" and _is_amount(tree[2], False)):
        tree = tree[1]
    factors = tree[1:] if tree[0] == "mul" else (tree,)
    rest = tuple(part for part in factors if not _is_term(part))
    return tuple(map(_squarefree, rest)) if all(part[0] in ("const", "root") for part in rest) else ()


def _squarefree(tree: Any) -> Any:
    """The square root of a whole number without the squares of small numbers in it; others as they are."""
    if tree[0] != "root" or tree[1][0] != "num" or tree[2] != ("num", 2) or tree[1][1].denominator > 1:
        return tree
    radicand = int(tree[1][1])
    for k in range(2, 100):
        while radicand and radicand % k**2 == 0:
            radicand //= k**2
    return ("root", ("num", Fraction(radicand)), tree[2])


def _is_amount(tree: Any, rooted: bool) -> bool:
    """Whether this is a number, a fraction or a product of such; below a radical, from which they are drawn, powers too."""
    while tree[0] in ("neg", "percent"):
        tree = tree[1]
    if tree[0] == "num" or is_mixed(tree) or is_hidden_number(tree):
        return True
    if tree[0] in ("div", "ratio", "mul"):
        return all(_is_amount(part, rooted) for part in tree[1:])
    return rooted and tree[0] == "pow" and _is_amount(tree[1], rooted) and tree[2][0] == "num"


def _cancels(tree: Any) -> bool:
    """Whether an expression has variables and is worth the same for all of them: ``x - x``, ``P(0)``, a product with 0."""
    if not any(part and part[0] == "var" for part in inside(tree)):
        return False
    values = [_value(tree, letter) for letter in (Fraction(7, 3), Fraction(11, 5))]
    return values[0] is not None and values[0] == values[1]


def _value(tree: Any, letter: Fraction) -> Fraction | None:
    """The value of an expression in which every variable is worth this; None where it is none or takes too long."""
    kind = tree[0]
    if kind in ("num", "var"):
        return Fraction(tree[1]) if kind == "num" else letter
    if kind not in ("add", "mul", "neg", "div", "pow"):
        return None
    found = [_value(part, letter) for part in tree[1:]]
    values = [value for value in found if value is not None]
    if len(values) < len(found):
        return Fraction(0) if kind == "mul" and 0 in values else None
    if kind == "neg":
        return -values[0]
    if kind == "div":
        return values[0] / values[1] if values[1] else None
    if kind == "pow":
        return _power(*values)
    return sum(values, Fraction(0)) if kind == "add" else prod(values, start=Fraction(1))


def _power(base: Fraction, exponent: Fraction) -> Fraction | None:
    whole = exponent.denominator == 1 and abs(exponent) <= _HIGHEST_POWER and (base or exponent > 0)
    return base ** int(exponent) if whole else None


def _combines(tree: Any) -> bool:
    """Whether this multiplies or divides more than numbers: two binomial coefficients, a power and a number."""
    kinds = [part[0] for part in inside(tree) if part and isinstance(part[0], str)]
    operations = [kind for kind in kinds if kind not in ("num", "neg")]
    return len(operations) > 1 and ("mul" in operations or "div" in operations)


def _has_function(tree: Any) -> bool:
    return any(part and part[0] in _FUNCTIONS for part in inside(tree))


def _meet(tree: Any, numbers: frozenset[Any]) -> bool:
    """Whether two of these numbers are added or multiplied somewhere in a tree."""
    return any(
        part and part[0] in COMMUTE and sum(x[0] == "num" and abs(x[1]) in numbers for x in part[1:]) > 1
        for part in inside(tree)
    )


def _is_written_large(tree: Any) -> bool:
    """Whether this is a number in terms of a power of ten, 3 x 10^5."""
    return tree[0] in ("mul", "neg", "pow") and any(
        part and part[0] == "pow" and part[1] == ("num", 10) for part in inside(tree)
    )


def _members(tree: Any) -> tuple[Any, ...]:
    """What a list, a tuple or a set holds, or what else there is; what has both signs counts once."""
    while tree[0] == "assign" or (tree[0] in ("pm", "mp") and tree[1] == ("num", 0)):
        tree = tree[-1]
    if tree[0] in ("list", "sequence"):
        return tuple(tree[1 if tree[0] == "list" else 3])
    return tuple(tree[1:]) if tree[0] == "set" else (tree,)


def _are_numbers(tree: Any) -> bool:
    """Whether this is a number in its last form, or a list, a tuple or a set of such."""
    members = _members(tree)
    return bool(members) and all(map(_is_number, members))


def _is_number(tree: Any) -> bool:
    """Whether this is a percentage, a fraction in lowest terms or a mixed number, perhaps as the one member of a set."""
    while tree[0] in ("neg", "percent", "abs") or (tree[0] == "set" and len(tree) == 2):
        tree = tree[1]
    if tree[0] == "num":
        return True
    if tree[0] in ("div", "ratio") and len(tree) == 3:
        top, bottom = tree[1:]
        return top[0] == bottom[0] == "num" and bottom[1] == Fraction(top[1], bottom[1] or 1).denominator
    return is_fraction(tree)


@lru_cache(maxsize=1024)
def _stated_numbers(prompt: str) -> frozenset[Any]:
    """The rational numbers above one of a text."""
    return frozenset(n.value for n in numerals(prompt[-MAX_PROMPT:]) if n.kind != "radical" and n.value > 1)


@lru_cache(maxsize=1024)
def _given_numbers(prompt: str) -> frozenset[Any]:
    """The rational numbers of a text, as shares of a hundred too, and those that words say."""
    found = {n.value for n in numerals(prompt[-MAX_PROMPT:]) if n.kind != "radical"}
    return frozenset(found | {Fraction(value) / 100 for value in found} | _SAID_WITHOUT_NUMERAL)
