r"""Model-like responses to real problems, with the truth known by construction.

Right ones rewrite the gold answer in a way that keeps its value (rules on the text, and sympy's own rewriting and
printing, which share no code with the verifier under test). Wrong ones are :func:`composekit.testing.answer_mutants`
and changes of order, brackets and precision. Each has a reason, which the list of disagreements quotes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

from composekit.compose import Problem
from composekit.testing import answer_mutants

_INTEGER = re.compile(r"-?\d+")
_FRACTION = re.compile(r"(-?)\\[dt]?frac\{(\d+)\}\{(\d+)\}")
_PAIR = re.compile(r"(\\left)?([(\[])(.+?),(.+?)(\\right)?([)\]])", re.DOTALL)


class Response(NamedTuple):
    """A response, whether it deserves the reward, and why."""

    kind: str
    text: str
    right: bool
    reason: str


def responses(problem: Problem, *, symbolic: bool = True) -> Iterator[Response]:
    """Right and wrong responses to a problem."""
    asked = re.search(r"common fraction|as an? (?:\w+ )?fraction|mixed number", problem.prompt)
    yield from _right(problem.answer, decimals=asked is None)
    if symbolic:
        yield from _rewritten(problem)
    yield from _wrong(problem)


def _boxed(answer: str) -> str:
    return rf"Adding up, we find that the result is $\boxed{{{answer}}}$."


def _right(gold: str, *, decimals: bool) -> Iterator[Response]:
    """The gold answer dressed and rewritten by rules on its text; as a decimal unless the question asks for a fraction."""
    yield Response("box", _boxed(gold), True, "the gold answer, boxed")
    thought = r"<think>Is it \boxed{7919}? No.</think> "
    yield Response("thought", thought + _boxed(gold), True, "the box of the think section is no answer")
    yield Response(
        "revised", rf"First I get \boxed{{7919}}. That is wrong. {_boxed(gold)}", True, "the last box counts"
    )
    yield Response("answer line", f"We add.\n\n**Answer:** ${gold}$", True, "a last line states the answer")
    final = f"We add.\nThe final answer is ${gold}$. I hope it is correct."
    yield Response("final line", final, True, "a last line states the answer")
    if _INTEGER.fullmatch(gold):
        n = int(gold)
        rewritten = [f"{n}.0", f"x = {n}", rf"\text{{{n}}}", rf"\frac{{{7 * n}}}{{7}}", f"{n:,}"]
        rewritten += [f"+{n}" if n > 0 else f"-({-n})"]
        rewritten += [f"{n:,}".replace(",", r"{,}"), rf"{n} \text{{ apples}}", f"{n}e0", rf"{n - 1} + 1 = {n}"]
        yield from (Response("integer", _boxed(a), True, "the same integer") for a in rewritten)
        # composekit refuses a quotient whose numbers the question gives, as a calculation left undone; the value is right.
        yield Response("twice over two", _boxed(rf"\frac{{{2 * n}}}{{2}}"), True, "the same integer")
        if 0 <= n <= 9:
            yield Response("bare box", rf"So it is $\boxed{n}$.", True, "TeX allows a box without braces")
        yield Response("hashes", f"We add.\n#### {n}", True, "GSM8K's own final line")
    fraction = _FRACTION.fullmatch(gold)
    if fraction:
        sign, a, b = fraction[1], int(fraction[2]), int(fraction[3])
        rewritten = [f"{sign}{a}/{b}", rf"\dfrac{{{sign}{a}}}{{{b}}}", rf"{sign}\frac{{{2 * a}}}{{{2 * b}}}"]
        if a > b:
            rewritten.append(rf"{sign}{a // b}\frac{{{a % b}}}{{{b}}}")
        decimal = _decimal(Fraction(a, b))
        if decimal is not None and decimals:
            rewritten.append(sign + decimal)
        yield from (Response("fraction", _boxed(x), True, "the same fraction") for x in rewritten)
    if gold.startswith(r"\text{") and gold.endswith("}"):
        word = gold[6:-1]
        yield Response("word", _boxed(word), True, "the same word")
        yield Response("word", _boxed(rf"\textbf{{{word}}}."), True, "the same word")
    if r"^\circ" in gold:
        yield Response("unit", _boxed(gold.replace(r"^\circ", "")), True, "the unit may be omitted")
        yield Response("unit", _boxed(gold.replace(r"^\circ", r"\text{ degrees}")), True, "the same unit in words")
    if re.fullmatch(r"-?\w+,\s*-?\w+(,\s*-?\w+)*", gold) and not re.fullmatch(r"\d{1,3}(,\d{3})+", gold):
        items = [x.strip() for x in gold.split(",")]
        yield Response("list", _boxed(", ".join(reversed(items))), True, "the order of a bare list does not matter")
        yield Response("list", " and ".join(rf"$\boxed{{{x}}}$" for x in items), True, "adjacent boxes are one list")


def _rewritten(problem: Problem) -> Iterator[Response]:
    """Sympy's expansion and factorisation of the gold answer, in sympy's own LaTeX; not what the question shows itself."""
    import sympy
    from latex2sympy2_extended import latex2sympy

    gold = problem.answer
    if not re.search(r"[a-z\\]", gold) or re.search(r"text|mbox|_|\\\$|circ|matrix|,|=|\\in|cup|infty|pm", gold):
        return
    try:
        value = latex2sympy(gold)
        found = [f(value) for f in (sympy.expand, sympy.factor, sympy.together)]
        shown = _shown(problem.prompt)
        forms = {sympy.latex(form) for form in found if str(form) not in shown or form == value}
    except Exception:  # sympy cannot read every answer; then there is one variant less
        return
    yield from (Response("rewritten", _boxed(form), True, "an equal expression, by sympy") for form in sorted(forms))


def _shown(prompt: str) -> set[str]:
    """The formulas of a question that sympy can read."""
    from latex2sympy2_extended import latex2sympy

    found = set()
    for formula in re.findall(r"\$([^$=]+)\$", prompt):
        if "\\" not in formula:
            formula = re.sub(r"(?<=[a-z])(?=[a-z])", " ", formula)  # ab is a product
        try:
            found.add(str(latex2sympy(formula.strip(" .,"))))
        except Exception:  # not every formula is an expression
            continue
    return found


def _wrong(problem: Problem) -> Iterator[Response]:
    """Mutants, and changes of order, brackets and precision."""
    gold = problem.answer
    reasons = {
        "empty": "nothing is answered", "off by one": "another number", "one percent": "one percent too much",
        "two answers": "a hedge of two answers", "substring": "a part of the number, or one digit more",
        "prose": "no answer is declared", "thought": "an answer in the think section alone", "swapped": "another word",
    }  # fmt: skip
    for mutant in answer_mutants(problem):
        yield Response(mutant.kind, mutant.response, False, reasons[mutant.kind])
    fraction = _FRACTION.fullmatch(gold)
    if fraction and _decimal(Fraction(int(fraction[2]), int(fraction[3]))) is None:
        value = int(fraction[2]) / int(fraction[3])
        yield Response("rounded", _boxed(f"{fraction[1]}{value:.8f}"), False, "a rounded decimal is not the fraction")
    pair = _PAIR.fullmatch(gold)
    if pair:
        _, opening, first, second, _, closing = pair.groups()
        if first.strip() != second.strip():
            swapped = f"{opening}{second.strip()}, {first.strip()}{closing}"
            yield Response("order", _boxed(swapped), False, "the order of a tuple matters")
        flipped = "[" if opening == "(" else "("
        changed = f"{flipped}{first}, {second}{closing}"
        yield Response("bracket", _boxed(changed), False, "the brackets of an interval matter")
    base = re.fullmatch(r"(\d+)_\{?(\d)\}?", gold)
    if base:
        yield Response("base", _boxed(f"{base[1]}_{{{int(base[2]) + 1}}}"), False, "the same digits in another base")
    if _INTEGER.fullmatch(gold):
        yield Response("tiny", _boxed(rf"{gold} + \frac{{1}}{{2^{{99}}}}"), False, "off by 2^-99")
        yield Response("range", _boxed(rf"{gold} \pm 1"), False, "a range is no answer")


def _decimal(value: Fraction) -> str | None:
    for places in range(10):
        if (value * 10**places).denominator == 1:
            return f"{float(value):.{places}f}"
    return None
