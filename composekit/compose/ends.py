"""The two ends that a problem offers to links: the number in its answer, and the constants in its text."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Literal

from composekit.compose.answers import answer_value, asks_percent, implied_unit, option_letters
from composekit.compose.calls import Call, calls_of
from composekit.compose.lexing import lex
from composekit.compose.naming import free_names
from composekit.compose.needless.derivable import derivable
from composekit.compose.needless.idle import idle
from composekit.compose.numbers import Value
from composekit.compose.places import BASE_OF_POWER
from composekit.compose.problem import Problem
from composekit.compose.symbols import letters_used, mask_of
from composekit.compose.tokens import PART, Constant, numerals_of

CACHE = 32768  # problems whose ends are kept
GUESSABLE = 10  # whole numbers up to here are guessed first


# Where a number is no value of the problem: finding it there tells a reader nothing.
_NO_VALUES = frozenset(
    ("exponent", "subscript", "root index", "an ordinal", "a word for a multiple", "list number", PART)
)


def _is_value(numeral: Constant) -> bool:
    if numeral.kind == "word":
        return numeral.place != "one"  # "no one"
    if numeral.place == "an ordinal" and numeral.kind == "digits":
        return isinstance(numeral.value, int) and numeral.value > 3  # after the 11th step of 11
    return numeral.place not in _NO_VALUES


Tiers = tuple[tuple[Constant, ...], ...]
Only = Literal["needed", "any"]


@dataclass(frozen=True, slots=True)
class Ends:
    """What a link can take from a problem, and what it must keep clear of.

    Args:
        value: The number that the answer is; None where it is none.
        unit: The unit that the answer is in, empty where the question implies it.
        why_not: Why the answer is no number.
        options: The letters of a choice problem.
        calls: Calls of the function that a programming task asks for, with the numbers that they return.
        tiers: Constants that a link may replace, the ones that are hardest to guess first. No number in the text, in any
            place, equals one of them.
        spare: More constants, for want of better: a one, the base of a power, one whose digits also stand in an exponent, a
            subscript, an ordinal; last the doubtful ones.
        idle: How many tiers at the end of ``spare`` hold constants on which the answer may not depend.
        derivable: How many tiers before those hold constants that follow from the rest of the text.
        radicals: Constants with roots or pi, for answers of that kind.
        values: The rational numbers in the text that are values, with their signs.
        mentions: The rational numbers anywhere in the text.
        letters: Mask of the letters in use.
        names: Names that stand for one thing in the text.
        latex, currency: How the text uses the dollar sign.
    """

    value: Value | None
    unit: str
    why_not: str
    options: str
    calls: tuple[Call, ...]
    tiers: tuple[tuple[Constant, ...], ...]
    spare: tuple[tuple[Constant, ...], ...]
    idle: int
    derivable: int
    radicals: tuple[Constant, ...]
    values: frozenset[int | Fraction]
    mentions: frozenset[int | Fraction]
    letters: int
    names: frozenset[str]
    latex: bool
    currency: bool

    @property
    def is_source(self) -> bool:
        """Whether a link can start here."""
        return self.value is not None or bool(self.options) or bool(self.calls)

    @property
    def inputs(self) -> int:
        """How many links from most problems can end here; constants with radicals wait for a partner of their kind."""
        return sum(map(len, self.tiers)) + sum(map(len, self.spare))

    def link_tiers(self, only: Only) -> Tiers:
        """The constants that a link may replace, the ones that a reader needs first.

        Args:
            only: ``"needed"``: leave out those that follow from the rest of the text, and those on which the answer may not
                depend; ``"any"``: leave out none.
        """
        doubtful = self.idle + self.derivable if only == "needed" else 0
        return self.tiers + self.spare[: len(self.spare) - doubtful]


@lru_cache(maxsize=CACHE)
def ends_of(problem: Problem) -> Ends:
    """The ends of a problem. Kept for the problems used last, because pools are linked again and again."""
    text = problem.prompt
    lexed = lex(text)
    numerals = numerals_of(text, lexed)
    value, unit, why_not = answer_value(problem)
    options = option_letters(problem)
    usable = _constants(problem, numerals)
    rational = [n for n in numerals if n.kind != "radical"]
    everywhere = _Standing(numerals)
    plain = [n for n in usable if n.kind != "radical"]
    follows = derivable(text, numerals) if plain else {}
    unneeded = idle(problem, usable)
    standing = everywhere, _Standing(filter(_is_value, numerals))
    tiers, spare, *doubtful = _tiers(problem, plain, standing, follows, unneeded)
    return Ends(
        value=value,
        unit=unit or ("percent" if asks_percent(text, value) else implied_unit(problem)),
        why_not=why_not,
        options=options,
        calls=_untold_calls(problem, rational),
        tiers=tiers,
        spare=spare,
        idle=doubtful[0],
        derivable=doubtful[1],
        radicals=tuple(n for n in usable if n.kind == "radical" and everywhere.once(n) and n.span not in unneeded),
        values=frozenset(v for n in rational if _is_value(n) and n.place != "diagram code" for v in _signed(text, n)),
        mentions=frozenset(n.value for n in rational),
        letters=letters_used(text, lexed) | mask_of(options) | mask_of("".join(re.findall(r"\b[A-Za-z]\b", unit))),
        names=free_names(text) if lexed.latex else frozenset(),
        latex=lexed.latex,
        currency=lexed.currency,
    )


def _untold_calls(problem: Problem, numerals: list[Constant]) -> tuple[Call, ...]:
    """The calls whose value the text does not mention."""
    told = {numeral.value for numeral in numerals}
    return tuple(call for call in calls_of(problem) if abs(call.value) not in told)


def _signed(text: str, numeral: Constant) -> tuple[int | Fraction, ...]:
    """The value with a minus sign that touches it; with and without where that may be a subtraction."""
    start = numeral.span[0]
    if start == 0 or text[start - 1] not in ("-", "\u2212"):
        return (numeral.value,)
    subtraction = start > 1 and (text[start - 2].isalnum() or text[start - 2] in ")}]$ ")
    return (numeral.value, -numeral.value) if subtraction else (-numeral.value,)


# --- the constants


def _constants(problem: Problem, numerals: tuple[Constant, ...]) -> list[Constant]:
    """Constants of the text, slots of the template, arguments of calls in code; of a program to be written, only slots."""
    slots = slot_spans(problem)
    plain = not problem.tests and problem.verifier != "code"
    options = len(option_letters(problem))
    found = []
    for n in numerals:
        if options and n.value == options and n.span not in slots:
            continue  # "Leo timed five trains", which are then listed as A to E
        slot = n.span in slots and n.place in _SLOT_PLACES
        if slot or (plain and (_is_usable(n, problem.prompt) or _is_argument(n, problem.prompt))):
            found.append(n)
    return found


_CALL = re.compile(r"(?<!def )\b[A-Za-z_]\w*\((?:[^()\n]*,\s*)?\Z")
_AFTER_ARGUMENT = re.compile(r"\s*[,)]")


def _is_argument(constant: Constant, text: str) -> bool:
    """Whether it is what a piece of code calls a function with: ``f(7)``."""
    if constant.place != "code" or constant.kind != "digits" or not constant.text.isdigit():
        return False
    start, end = constant.span
    return bool(_AFTER_ARGUMENT.match(text, end)) and bool(_CALL.search(text[max(start - 80, 0) : start]))


_SLOT_PLACES = frozenset(("", "code"))


def _is_usable(constant: Constant, text: str) -> bool:
    """A constant; a base of a power too, but not ten, whose powers write numbers, nor one in a series of powers."""
    if constant.place != BASE_OF_POWER:
        return not constant.place
    return constant.in_math and constant.value != 10 and "dots" not in text


@lru_cache(
    maxsize=64
)  # asked for twice a problem, and the problem is made again to see whether its text is the template's
def slot_spans(problem: Problem) -> dict[tuple[int, int], str]:
    """The spans of the numbers that the problem's generator lets vary and its answer hangs on, with their names."""
    if problem.template is None:
        return {}
    from composekit.compose.renewing import generator_of  # it imports this module

    generator = generator_of(problem)
    if generator is None:
        return {}
    return {slot.span: slot.name for slot in generator.slots(problem.template.params) if slot.needed}


class _Standing:
    """Where each value stands among some numerals."""

    def __init__(self, numerals: Iterable[Constant]) -> None:
        self.spans: dict[Value, list[tuple[int, int]]] = {}
        for numeral in numerals:
            self.spans.setdefault(numeral.value, []).append(numeral.span)

    def once(self, constant: Constant) -> bool:
        """Whether the value stands nowhere but in the constant itself."""
        start, end = constant.span
        return all(start <= a and b <= end for a, b in self.spans.get(constant.value, ()))


_GOOD = 4  # constants of a lower rank are good ones
_DERIVABLE, _IDLE = 100, 200  # those of a higher one are the last resort


def _tiers(
    problem: Problem,
    constants: list[Constant],
    standing: tuple[_Standing, _Standing],
    follows: Container[tuple[int, int]],
    unneeded: Container[tuple[int, int]],
) -> tuple[Tiers, Tiers, int, int]:
    """The constants whose value stands once in the text, by how good they are to link: the good ones, the rest, and how many
    tiers of the rest are idle and derivable.
    """
    if not constants:
        return (), (), 0, 0
    everywhere, as_values = standing
    slots = slot_spans(problem)
    tiers: dict[int, list[Constant]] = {}
    for constant in constants:
        if not as_values.once(constant):
            continue
        # Of a generated problem the other numbers are part of the wording, or not known to matter.
        unused = problem.template is not None and constant.span not in slots
        rank = _guessability(constant, problem.prompt) + 40 * (not everywhere.once(constant))
        rank += _IDLE * (unused or constant.span in unneeded) + _DERIVABLE * (constant.span in follows)
        if constant.in_math:
            following = problem.prompt[constant.span[1] : constant.span[1] + 1]
            rank += 20 * (constant.place == BASE_OF_POWER) + 5 * (following == "(")  # Y(x + 1) looks like a function
        tiers.setdefault(rank, []).append(constant)
    ranks = sorted(tiers)
    good, rest = ([tuple(tiers[r]) for r in ranks if (r < _GOOD) is good] for good in (True, False))
    idle_ranks = sum(r >= _IDLE for r in ranks)
    return tuple(good), tuple(rest), idle_ranks, sum(r >= _DERIVABLE for r in ranks) - idle_ranks


BANKNOTE = re.compile(r"[\s-](?:dollar[\s-])?bills?\b")


def _guessability(constant: Constant, text: str) -> int:
    """0 for what nobody guesses, rising to 3 for the smallest numbers, and 4 for a one, which is often no choice at all."""
    value = constant.value
    if value in (2, 5, 10, 20, 50, 100) and BANKNOTE.match(text, constant.span[1]):
        return 3  # there are few banknotes, and most often one of them fits the price
    start = constant.span[0]
    if _ARTICLE.search(text, max(start - 6, 0), start):
        return max(3, _guessability_of(value))  # "an K hour day": it begins with 8, or is 11 or 18
    period = _PERIOD.match(text, constant.span[1])
    if period and value in _PERIODS[period[1]]:
        return max(2, _guessability_of(value))
    return _guessability_of(value)


_ARTICLE = re.compile(r"\b[Aa]n \\?\$?\Z")
_PERIOD = re.compile(r"\s(hour|day|week|month|minute|second)s?\b")
_PERIODS = {
    "hour": (12, 24), "day": (7, 14, 30, 365), "week": (52,), "month": (12,), "minute": (30, 60), "second": (30, 60),
}  # fmt: skip


def _guessability_of(value: Value) -> int:
    if not isinstance(value, int) or value > GUESSABLE:
        return 1 if value in (12, 20, 50, 100, 1000) or value == Fraction(1, 2) else 0
    return 2 if value > 3 else 3 if value > 1 else 4
