r"""The form that a question asks for: solved for its variable, as a decimal, in simplest radical form."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Any

from composekit.compose.tokens import numerals
from composekit.compose.verifiers.canonical import canonical_of, canonical_tree, inside, is_fraction, sides_of
from composekit.compose.verifiers.echo import MAX_PROMPT, lone_expressions
from composekit.compose.verifiers.exactmath.judge import judge, same_text
from composekit.compose.verifiers.exactmath.lettered import choice_of, printed_choices
from composekit.compose.verifiers.exactmath.lexer import Unreadable
from composekit.compose.verifiers.exactmath.reading import readings
from composekit.compose.verifiers.exactmath.shapes import is_name
from composekit.compose.verifiers.exactmath.tree import Node, variables

MAX_EQUATION = 400
_FUNCTION = re.compile(r"\s*([a-zA-Z])\s?\(\s?([a-z])\s?\)\s?=")
_SPACES = re.compile(r"\s+")
_DIGIT = re.compile(r"\d")
_LETTER = re.compile(r"\s*[a-zA-Z]\s?=")
_ASKS_FORM = re.compile(
    r"\bforms?\b|\bsolv|\bin terms of\b|\bexpress|\bisolate|\bwrite\b|\bfunction\b|\bformula\b|[a-z]\s?= ?\?",
    re.I,
)
_SIMPLEST = re.compile(r"\bsimpl(?:est|ified)\s+(?:\w+\s+){0,2}form\b|\bsimplest\s+radical|\bsimplify\b", re.I)
_RATIONAL = re.compile(r"\brationali[sz]", re.I)
_AS_DECIMAL = re.compile(r"\b(?:as|to|into|in) (?:an? |the )?(?:\w+ )?decimal\b(?! place)", re.I)
_AS_PERCENT = re.compile(r"\b(?:as|to|into|in) an? (?:\w+ )?percent", re.I)
_AS_FRACTION = re.compile(
    r"\b(?:(?:as|to|into|in) an? (?:\w+ ){0,2}(?:fraction|mixed number)(?! of\b)|(?:common|improper) fraction"
    r"|mixed number)s?\b",
    re.I,
)
_BROKEN = re.compile(r"[.%]|percent")
_DECIMAL = re.compile(r"\s*[-+]?\d*\.(?:\d|\\(?:overline|bar))[^/]*|\s*[-+]?[\d.]+\s*\\?%\s*")


def is_unsolved(answer: str, prompt: str, gold: str) -> bool:
    """Whether an equation or inequality is not solved for what its gold answer is the value of.

    Where the gold answer has its variable alone on one side, so must the answer; but an equation for two letters, such as
    that of a line, may have any form if the question asks for none. Where it is no equation, one for a single
    letter must be solved for that, or for an expression of the question: ``x + x = 6`` says that x is 3.

    Example:
        >>> [is_unsolved(answer, "Solve.", "x = 5") for answer in ("2x + 6 = 16", "5 = x")]
        [True, False]
        >>> is_unsolved("2x = 3", "Solve.", "4x = 6"), is_unsolved("x + x = 6", "Solve.", "6")
        (False, True)
        >>> is_unsolved("a + 1 = 5 + 1 = 6", "Find $a$.", "6")
        True
        >>> is_unsolved("x + x = 6", "What is $x + x$?", "6"), is_unsolved("a + b = 6", "Add them.", "6")
        (False, False)
    """
    if not any(sign in text for text in (answer, gold) for sign in "=<>\\"):
        return False
    given = _statement(answer, gold=False)
    if given is None:
        return False
    wanted = _statement(gold, gold=True)
    if wanted is not None:
        if _is_line(wanted) and not _ASKS_FORM.search(prompt[-MAX_PROMPT:]):
            return False
        return _is_solved(wanted) and not _is_solved(given)
    left = _left_of(given)
    if left is None or left.kind == "sequence" or len(variables(left)) != 1:
        return False
    if judge(gold, answer.partition("=")[0]).status == "equal":  # (x + 1)^2 = x^2 + 2x + 1
        return False
    asked = left.kind == "fn" and left.args[0] in prompt[-MAX_PROMPT:]  # the cosine of the angle
    return not asked and canonical_tree(left) not in lone_expressions(prompt)


def _left_of(statement: Node) -> Node | None:
    """The first side of an equation, unless that is a name, for which the equation is solved."""
    if statement.kind == "assign":
        return None if statement.args[2] == "in" or is_name(statement) else statement.args[1]
    relations, operands = statement.args
    return operands[0] if set(relations) == {"="} and operands[0].kind != "var" and operands[0].is_scalar else None


def asked_value(answer: str, prompt: str) -> str | None:
    """The right side of an equation whose left side is an expression that the question asks for; None for others.

    Example:
        >>> asked_value("a^2 + b^2 = 7", "Find $a^2+b^2$."), asked_value("2x = 12", "Solve $2x = 12$.")
        ('7', None)
    """
    left, sign, right = answer.partition("=")
    if not sign or "=" in right or len(answer) > MAX_EQUATION or not left.strip():
        return None
    found = canonical_of(left.strip(" $"), gold=False)
    return right.strip(" $") if found and found[0] in lone_expressions(prompt) else None


def is_another_function(answer: str, prompt: str, gold: str) -> bool:
    """Whether a line ``y = ...`` or another expression is given the name of a function that the question defines as another.

    Example:
        >>> is_another_function("f(x) = 2x - 1", "The line touches f(x) = x^2 at 1.", "y = 2x - 1")
        True
        >>> is_another_function("f(x) = 2x - 1", "Give the line through (0, -1) and (1, 1).", "y = 2x - 1")
        False
        >>> is_another_function("f(x) = x - 2", "Let $f(x) = x + 2$. Find its inverse.", "x - 2")
        True
        >>> is_another_function("p(y) = x^2", "Find $p(x)$.", "x^2"), is_another_function("p(x) = x^2", "Find it.", "x^2")
        (True, False)
    """
    named = _FUNCTION.match(answer)
    if named is None:
        return False
    prompt = prompt[-MAX_PROMPT:]
    letters = _letters_of(answer)
    if letters and named[2] not in letters and f"{named[1]}({named[2]})" not in _SPACES.sub("", prompt):
        return True
    defined = re.search(
        rf"(?<![A-Za-z\\]){named[1]}\s?\(\s?{named[2]}\s?\)\s?=\s?(?P<as>[^=$;]{{0,200}}?)\s?(?:[.,$;]|\Z)", prompt
    )
    if defined is None:
        return False
    if _LETTER.match(gold):
        return re.search(rf"=\s?{named[1]}\s?\(", prompt) is None
    given = defined["as"].strip("\\)] ")
    both = [_letters_of(text) for text in (gold.strip("\\)] "), given)]
    return both == [{named[2]}] * 2 and judge(gold, given).status == "different"


def _letters_of(text: str) -> set[str]:
    """The variables of an expression, or of what an equation names."""
    return {part[1] for part in inside(canonical_of(text, gold=True)) if part[:1] == ("var",)}


def is_another_option(answer: str, prompt: str) -> bool:
    r"""Whether the text behind the letter of a choice is none of that letter, as the question prints its options.

    Example:
        >>> question = r"Which? $\textbf{(A)}\ 5 \qquad \textbf{(B)}\ 6$"
        >>> is_another_option("(B) 5", question), is_another_option("(B) 6", question), is_another_option("B", question)
        (True, False, False)
    """
    given = choice_of(answer)
    printed = printed_choices(prompt) if given is not None and given.text else {}
    if given is None or given.letter not in printed or same_text(printed[given.letter], given.text):
        return False
    if any(same_text(text, given.text) for letter, text in printed.items() if letter != given.letter):
        return True
    return bool(_DIGIT.search(given.text)) and judge(printed[given.letter], given.text).status == "different"


def _statement(text: str, *, gold: bool) -> Node | None:
    """The usual reading of a text, if that is an equation or an inequality."""
    try:
        found = readings(text, gold=gold)[0]
    except (Unreadable, RecursionError):
        return None
    return found if found.kind in ("assign", "relation") else None


def _is_line(node: Node) -> bool:
    """Whether this is ``y = 2x + 3``, an equation for two letters or more."""
    left = node.args[1] if node.kind == "assign" and node.args[2] == "=" else None
    return left is not None and left.kind == "var" and bool(variables(node.args[3]) - {left.args[0]})


def _is_solved(node: Node) -> bool:
    if node.kind == "assign":
        return True
    parts = [part for part in node.args[1] if isinstance(part, Node)]
    alone = [part for part in parts if part.kind in ("var", "apply")]
    return any(all(repr(one) not in repr(part) for part in parts if part is not one) for one in alone)


def is_in_another_form(answer: str, prompt: str, gold: str) -> bool:
    r"""Whether a fraction answers where a decimal is asked for, or a decimal that is to become a fraction.

    Example:
        >>> is_in_another_form(r"\frac{6}{40}", r"Write $\frac{3}{20}$ as a decimal.", "0.15")
        True
        >>> is_in_another_form("0.75", "Express 0.75 as a fraction.", r"\frac{3}{4}")
        True
        >>> is_in_another_form("0.75", "What is 1/2 + 1/4?", r"\frac{3}{4}")
        False
    """
    prompt = prompt[-MAX_PROMPT:]
    if _DECIMAL.fullmatch(gold) and _AS_DECIMAL.search(prompt):
        sides = sides_of(answer, canonical_of(gold, gold=True))
        return bool(sides) and all(is_fraction(side) for side in sides)
    if "%" in gold and "%" not in answer and "percent" not in answer and _AS_PERCENT.search(prompt):
        share = _ratio(*canonical_of(answer, gold=False)[:1])
        return share is not None and any(number.value == share for number in numerals(prompt))
    if _BROKEN.search(answer) is None or _DECIMAL.fullmatch(gold) or not _AS_FRACTION.search(prompt):
        return False
    sides = sides_of(answer, canonical_of(gold, gold=True))
    broken = [side for side in sides if side[0] == "percent" or (side[0] == "num" and side[1].denominator > 1)]
    repeating = len(sides) == 1 and ("overline" in answer or "\\bar" in answer)
    return bool(sides) and (len(broken) == len(sides) or repeating)


def _ratio(tree: Any = ("text",)) -> Fraction | None:
    """What a number or a fraction in canonical form is worth; None for others."""
    if tree[0] == "num":
        return Fraction(tree[1])
    plain = tree[0] == "div" and all(part[0] == "num" for part in tree[1:]) and tree[2][1]
    return Fraction(tree[1][1], tree[2][1]) if plain else None


def is_unsimplified(answer: str, prompt: str, gold: str) -> bool:
    r"""Whether an answer holds a radical that the question wants simplified, or a denominator that it wants rational.

    Example:
        >>> question = "How long is the diagonal? Express your answer in simplest radical form."
        >>> is_unsimplified(r"\sqrt{50}", question, r"5\sqrt{2}"), is_unsimplified(r"\sqrt{50}", "How long?", r"5\sqrt{2}")
        (True, False)
    """
    if "sqrt" not in answer and "√" not in answer and "^" not in answer:
        return False
    prompt = prompt[-MAX_PROMPT:]
    simplest, rational = _SIMPLEST.search(prompt) is not None, _RATIONAL.search(prompt) is not None
    if not (simplest or rational):
        return False
    wanted = canonical_of(gold, gold=True)
    faults = [set(_awkward(side, simplest, rational)) for side in sides_of(answer, wanted)]
    return bool(faults) and all(faults) and not any(_awkward(wanted, simplest, rational))


def _awkward(tree: Any, simplest: bool, rational: bool) -> Iterator[Any]:
    """The radicals with a power to be drawn out or a fraction inside, and the quotients by a radical of numbers."""
    for part in inside(tree):
        if not part:
            continue
        if simplest and part[0] == "root" and part[2][0] == "num":
            radicand, index = part[1], part[2][1]
            if is_fraction(radicand) or (radicand[0] == "num" and not _is_free_of_powers(radicand[1], index)):
                yield part
        elif part[0] == "div" and any(
            x and x[0] == "root" and (rational or "('var'" not in repr(x)) for x in inside(part[2])
        ):
            yield part


def _is_free_of_powers(value: Fraction, index: Fraction) -> bool:
    """Whether a radicand is whole, and no power of a small number that its root would draw out divides it."""
    if value.denominator != 1 or index.denominator != 1 or not 2 <= index <= 9:
        return value.denominator == 1
    return value == 0 or all(value % k**index for k in range(2, 100) if k**index <= abs(value))
