"""What a question wants its answer counted in: ``How many dozens?`` is answered by "7 dozen", where the gold answer is 7.

A gold answer mostly leaves its unit to the question. So a response may say again what the question counts in, be it a scale
(dozens, millions) or a unit, and may not name another unit of the same kind: 18 cents are not 18 dollars.
"""

from __future__ import annotations

import re
from functools import lru_cache

from composekit.compose.verifiers.exactmath import units
from composekit.compose.verifiers.exactmath.lexer import Unreadable
from composekit.compose.verifiers.exactmath.reading import readings
from composekit.compose.verifiers.exactmath.tree import Node
from composekit.compose.verifiers.exactmath.units import Unit
from composekit.compose.verifiers.measures import Measure, is_measured, measure, units_said

MAX_PROMPT = 20_000
MAX_ANSWER = 100
_SCALED = re.compile(
    rf"(?P<number>.+?)(?:\s|\\[,;: ]|~)*(?:\\(?:text|mathrm|mbox)\s*\{{\s*)?\b(?P<scale>{'|'.join(units.SCALES)})\b"
    r"(?:[A-Za-z ]|\\text\s*\{|\})*\W*",
    re.IGNORECASE,
)
_LABEL = re.compile(r"(?:\bin |\()(?P<unit>[A-Za-z ]{1,30}?)\)?\s?\}?\s?\)?\s?[:=]")
_COUNTING = re.compile(r"\b(?:how many|number of) ", re.IGNORECASE)
_IN = re.compile(r"\bin (?=[a-zA-Z])")
_ASKING = re.compile(r"\b(?:how|what|express|find|give|determine|calculate|compute|answer)\b", re.IGNORECASE)
_LAYOUT = re.compile(r"\\(?:text|mathrm|mbox)\s?\{|[{}$~]|\\[,;: ]")
_WORD = re.compile(r"[$¢€£¥₹]|[A-Za-z]+")
_BEFORE_SCALE = re.compile(
    rf"(?<![\d.])(\d{{1,6}}(?:\.\d{{1,6}})?|[a-z]{{3,12}})(?:\s|~|\\[,;: ]|\\text\s?\{{){{1,6}}({'|'.join(units.SCALES)})\b",
    re.I,
)
_DOZENS = frozenset(("dozen", "dozens", "score", "gross"))
_GROUPS = re.compile(r"\b(pair|couple|trio|quartet|triplet)s?\b", re.I)  # 18 pairs are 36
_IN_DIGITS = re.compile(
    r"\b(?:in|as|using|with) (?:an? )?(?:digits|numerals?|figures|numbers?|(?:standard|decimal) (?:form|notation))\b",
    re.I,
)
_CURRENCIES = {
    "$": re.compile(r"\$\s?\d|\bdollars?\b", re.I), "¢": re.compile(r"\bcents?\b|¢", re.I),
    "€": re.compile(r"€|\beuros?\b", re.I), "£": re.compile(r"£|\bpounds?\b", re.I),
    "¥": re.compile(r"¥|\byen\b", re.I), "₹": re.compile(r"₹|\brupees?\b", re.I),
}  # fmt: skip
_DEGREES = re.compile(
    r"(?:\\circ|°|\bdeg(?:rees?)?)[\s{}]{0,4}(?:\\(?:text|mathrm)\s?\{)?\s?([FC])\b|\b(F)ahrenheit|\b(C)elsius", re.I
)
_IN_DEGREES = re.compile(
    r"\b(?:in|to|into|how many) (?:degrees? |\W{0,2}\^?\\?circ\W{0,2}|°)?(?:\\text\{)?([FC])(?:ahrenheit|elsius)?\b",
    re.I,
)


def without_asked_scale(answer: str, prompt: str) -> str | None:
    r"""The number before a scale word that the question counts in; None where the answer has none or the question does not.

    Example:
        >>> without_asked_scale(r"7 \text{ dozen}", "She bakes 84 rolls. How many dozens is that?")
        '7'
    """
    found = _SCALED.fullmatch(answer) if len(answer) <= MAX_ANSWER else None
    if found is None:
        return None
    scale = found["scale"].lower().removesuffix("s")
    asked = re.search(
        rf"\b(?:how\s+many|number\s+of|in)\s+(?:\w+\s+){{0,2}}?{scale}s?\b", prompt[-MAX_PROMPT:], re.IGNORECASE
    )
    return found["number"] if asked else None


def repeats_scale(answer: str, prompt: str) -> bool:
    """Whether a number before a scale stands so in the question, which asks to turn that into a plain number.

    Dozens are counted out: "7 dozen" does not answer "How many eggs are in 7 dozen?". "3 thousand" is a way to write 3000
    and no copy, unless the question wants just that written in digits.

    Example:
        >>> repeats_scale("7 dozen", "How many eggs are in 7 dozen?")
        True
        >>> [repeats_scale("3 thousand", asked) for asked in ("3 thousand came. How many?", "Write 3 thousand in digits.")]
        [False, True]
    """
    found = _BEFORE_SCALE.search(answer) if answer[-1:].isalpha() or "}" in answer else None
    prompt = prompt[-MAX_PROMPT:]
    if found is None or not (found[2].lower() in _DOZENS or _IN_DIGITS.search(prompt)):
        return False
    return re.search(rf"(?<![\d.]){re.escape(found[1])}\s+{found[2].rstrip('sS')}", prompt, re.I) is not None


def is_labelled_otherwise(answer: str, prompt: str, gold: str) -> bool:
    """Whether the name before a number states a unit where the question counts in another one of its kind.

    Example:
        >>> [is_labelled_otherwise(f"Cost ({unit}): 18", "How many dollars?", "18") for unit in ("cents", "dollars")]
        [True, False]
    """
    label = _LABEL.search(answer[:MAX_ANSWER])
    unit = next(units_said(label["unit"], 1), None) if label else None
    return unit is not None and unit_of(gold) is None and _is_other(unit, answer, prompt)


def is_in_another_unit(answer: str, prompt: str, gold: str) -> bool:
    r"""Whether an answer states a unit where the question counts in another one of its kind; the gold answer states none.

    Example:
        >>> question = "How many dollars does the pen cost?"
        >>> is_in_another_unit(r"18 \text{ cents}", question, "18"), is_in_another_unit(r"\$18", question, "18")
        (True, False)
    """
    words = _WORD.findall(answer)
    group = _GROUPS.search(answer)
    if group is not None and group[1].lower() not in prompt.lower():
        return True
    if not any(is_measured(name) for word in words for name, _ in units.fold(word)) and "\\circ" not in answer:
        return _is_in_other_degrees(answer, prompt) if words else False
    given = unit_of(answer)
    if given is None or unit_of(gold) is not None:
        return False
    return _is_other(given, answer, prompt)


def _is_other(given: Unit, answer: str, prompt: str) -> bool:
    """Whether a unit is not the one that a question counts in, but one of its kind."""
    asked = asked_units(prompt)
    if len(given) == 1 and given[0][0] in _CURRENCIES and not any(unit == given for unit in asked):
        wanted = any(len(unit) == 1 and unit[0][0] in _CURRENCIES for unit in asked)
        return wanted or (not asked and _is_other_money(given[0][0], prompt))
    found = measure(tuple(part for part in given if is_measured(part[0])))  # of cents per page, cents
    same = [one for one in map(measure, asked) if one.dimensions == found.dimensions]
    if not same and _power_of_length(found):  # meters where square meters are asked for
        return any(_power_of_length(one) for one in map(measure, asked))
    return bool(same and found not in same) or _is_in_other_degrees(answer, prompt)


def _power_of_length(found: Measure) -> int:
    """1 for a length, 2 for an area, 3 for a volume, 0 for what is none of them."""
    return found.dimensions[0][1] if len(found.dimensions) == 1 and found.dimensions[0][0] == "length" else 0


def _is_other_money(currency: str, prompt: str) -> bool:
    """Whether a question speaks of money, but of none in this currency; dollars may be a sum of its cents."""
    prompt = prompt[-MAX_PROMPT:]
    said = {name for name, mark in _CURRENCIES.items() if mark.search(prompt)}
    if currency in said or (currency == "$" and "¢" in said):
        return False
    return bool(said - {"£"}) or "£" in prompt  # pounds may be a weight


def _is_in_other_degrees(answer: str, prompt: str) -> bool:
    """Whether degrees Fahrenheit answer a question for degrees Celsius, or the other way round."""
    given = _degrees(_DEGREES, answer)
    if len(given) != 1:
        return False
    asked = _degrees(_IN_DEGREES, prompt[-MAX_PROMPT:]) or _degrees(_DEGREES, prompt[-MAX_PROMPT:])
    return bool(asked) and given.isdisjoint(asked)


def _degrees(pattern: re.Pattern[str], text: str) -> set[str]:
    return {group.upper() for match in pattern.finditer(text) for group in match.groups() if group}


@lru_cache(maxsize=1024)
def asked_units(prompt: str) -> frozenset[Unit]:
    """The units with a size in which a question counts."""
    prompt = " ".join(_LAYOUT.sub(" ", prompt[-MAX_PROMPT:]).split())
    found = [unit for at in _COUNTING.finditer(prompt) for unit in units_said(prompt[at.end() : at.end() + 80], 3)]
    for sentence in re.split(r"(?<!sq)(?<!cu)[.!?]", prompt):
        if _ASKING.search(sentence):
            found += [
                unit for at in _IN.finditer(sentence) for unit in units_said(sentence[at.end() : at.end() + 80], 1)
            ]
    return frozenset(found)


def unit_of(text: str) -> Unit | None:
    """The unit of an answer."""
    try:
        found = readings(text, gold=False)
    except (Unreadable, RecursionError):
        return None
    cores = [core for core in map(_core, found) if core.kind in ("unit", "degree")]
    return (("degree", 1),) if cores and cores[0].kind == "degree" else cores[0].args[1] if cores else None


def _core(node: Node) -> Node:
    while node.kind in ("assign", "neg"):
        node = node.args[3] if node.kind == "assign" else node.args[0]
    return node
