r"""Sound links between problems, without a language model.

The operator: take the number :math:`v_1` that answers a question and name it X; take a constant :math:`v_2` of another
question and write Y in its place; say in words that :math:`Y = X + (v_2 - v_1)`. Everything here serves to make that sound:
the arithmetic is exact, the values stand nowhere else, the names are new, and the texts are untouched but for the constant.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from composekit._errors import ArgumentError, bad_type, bad_value, message
from composekit.compose.answers import option_of
from composekit.compose.ends import Ends, Only, ends_of
from composekit.compose.generators.stream import Stream
from composekit.compose.guessing import shows
from composekit.compose.needless.pinned import between, is_pinned, offered
from composekit.compose.needless.spaces import most_of
from composekit.compose.numbers import Value, tidy
from composekit.compose.problem import Composite, Link, Problem, Topology
from composekit.compose.rendering import Knot, render
from composekit.compose.symbols import fresh_symbols
from composekit.compose.tokens import Constant

_NOWHERE = Constant((0, 0), "", 0, False, "digits", "")  # of a knot that looks for one
LARGEST = 10**18  # larger numbers are no fun to read in a relation


# How strict, how wary, and with which constants links are tried, until one is made.
_CARE: tuple[tuple[bool, bool, Only], ...] = ((True, True, "needed"), (False, True, "needed"), (False, False, "any"))


class Unlinkable(ArgumentError):
    """These problems cannot be linked soundly; the message says why and what to do instead. ``reason`` is the why alone.

    Example:
        >>> try:
        ...     chain(Problem("Who won?", "Ann", verifier="exact"), Problem("Tom eats 57 nuts. How many?", 57))
        ... except Unlinkable as error:
        ...     print(error.reason)
        'Ann' (words)
    """

    def __init__(self, text: str, reason: str = "") -> None:
        super().__init__(text)
        self.reason = reason


class Refusal(NamedTuple):
    """Why no link was made: the part at fault, the rule it breaks, what was found, what to do. Cheap, unlike an error."""

    part: int
    rule: str
    got: str
    repair: str

    def error(self, op: str, argument: str) -> Unlinkable:
        return Unlinkable(message(op, argument, self.rule, self.got, self.repair), self.got)


def chain(first: Problem, second: Problem, *more: Problem, seed: int = 0, new_value: bool = False) -> Composite:
    r"""Compose problems into one whose parts must be solved in order: each answer gives a constant of the next part.

    .. math:: \text{Compose}(q_1, q_2) = q_1 \oplus [X := v_1] \oplus [Y = X + (v_2 - v_1)] \oplus q_2[v_2 \to Y]

    The answer is that of the last part, unchanged, because Y equals the constant that it replaces.

    Args:
        first: A problem whose answer is one number, or the letter of an option, or a function with a test that returns a
            whole number.
        second: A problem with a constant in its text.
        more: Further problems, for a longer chain.
        seed: Names the choice of constants, symbols and wordings.
        new_value: Give every constant a new value and recompute the answer of its part, which needs a solver: a template of
            :mod:`composekit.compose.generators`, or calculator annotations in the solution.

    Returns:
        A :class:`Composite` with ``topology="chain"`` and one link fewer than parts. Composites that are chains may stand
        for problems; their parts are linked anew.

    Raises:
        ArgumentTypeError: an argument is no :class:`Problem`.
        Unlinkable: no sound link exists; the message says why.

    Guarantees:
        * A function of its arguments alone.
        * The prompt holds the first part word for word, and every later part word for word but for one constant.
        * ``Y = X + d`` gives the constant exactly, and for no other X. The relation prints :math:`|d|` once, with "more" or
          "less", and :math:`|d|` differs from :math:`|v_1|` and :math:`|v_2|`; if d = 0 it says equal and shows no number.
        * No other value in the later part equals :math:`v_2` or :math:`v_1`.
        * X and Y are letters that no part uses.

    Example:
        >>> crate = Problem("A crate holds 12 boxes of 16 pencils. How many pencils are in the crate?", 192)
        >>> train = Problem("A train covers 340 km at 85 km per hour. How many hours does it travel?", 4)
        >>> both = chain(crate, train, seed=3)
        >>> both.answer, both.depth, both.links[0].value_in
        ('4', 2, 192)
        >>> chain(Problem("Which is the largest ocean?", "the Pacific", verifier="exact"), train)
        Traceback (most recent call last):
        ...
        composekit.compose.linking.Unlinkable: chain: first must have an answer that is one number; got 'the ...

    Source:
        Xiao and Zhao (EMNLP 2025) and Composition-RL (arXiv 2602.12036), which ask a language model for each step.
    """
    given = (first, second, *more)
    for index, problem in enumerate(given):
        if not isinstance(problem, Problem):
            got = type(problem).__name__
            raise bad_type("chain", argument_name(index), "be a Problem", got, "Build one with Problem(prompt, answer)")
    if type(seed) is not int:
        raise bad_type("chain", "seed", "be an int", repr(seed), "Give a whole number")
    parts, feeds, topology = _flatten(given)
    key: tuple[int | str, ...] = ("chain", seed, *(part.id for part in parts))
    found: Composite | Refusal | None = None
    for strict, wary, only in _CARE:
        found = join(
            parts, feeds, topology, Stream(*key), strict=strict, wary=wary, only=only, new_value=new_value,
            must_renew=new_value,
        )  # fmt: skip
        if isinstance(found, Composite):
            return found
    if isinstance(found, Refusal):
        raise found.error("chain", argument_name(found.part) if len(parts) == len(given) else f"part {found.part}")
    raise AssertionError("chain: nothing was tried")


def argument_name(index: int) -> str:
    """What the signature of :func:`chain` calls its arguments."""
    return ("first", "second")[index] if index < 2 else f"more[{index - 2}]"


def _flatten(given: Sequence[Problem]) -> tuple[list[Problem], list[tuple[int, int]], Topology]:
    """The parts of the arguments, and which of them feed which."""
    parts: list[Problem] = []
    feeds: list[tuple[int, int]] = []
    topology: Topology = "chain"
    for index, problem in enumerate(given):
        inner = problem.parts if isinstance(problem, Composite) else (problem,)
        links = problem.links if isinstance(problem, Composite) else ()
        if isinstance(problem, Composite) and problem.topology == "bundle":
            raise bad_value(
                "chain", argument_name(index), "have one answer", "a bundle of several", "Chain its parts, then bundle"
            )
        if isinstance(problem, Composite) and problem.topology == "tree":
            topology = "tree"
        if parts:
            feeds.append((len(parts) - 1, len(parts)))
        feeds += [(len(parts) + link.source, len(parts) + link.target) for link in links]
        parts += inner
    return parts, feeds, topology


def join(
    parts: Sequence[Problem],
    feeds: Sequence[tuple[int, int]],
    topology: Topology,
    stream: Stream,
    *,
    strict: bool,
    wary: bool = False,
    only: Only = "any",
    new_value: bool = False,
    must_renew: bool = False,
) -> Composite | Refusal:
    """Link parts along ``feeds``, pairs (source, target) in the order of targets, or say why not.

    Args:
        parts: The problems, sources before targets; the last one is asked.
        feeds: Which answers feed which parts.
        topology: What to call the result.
        stream: Decides every choice.
        strict: Refuse also what is sound but could be better: parts that share a name or an answer, constants whose digits
            stand in an exponent too.
        wary: Refuse constants that the printed difference, or the X that there are, give away. What is strict is wary, too.
        only: ``"needed"``: refuse constants that follow from the rest of their part, or on which its answer may not depend;
            ``"any"``: take them too, for want of others.
        new_value: Give constants new values where a solver vouches for the answer.
        must_renew: Refuse where none does.
    """
    work = _Work(list(parts), [ends_of(part) for part in parts], stream, strict, wary or strict, only)
    if len({part.prompt for part in parts}) < len(parts):  # the constant would stand in the other one
        return Refusal(len(parts) - 1, "differ from the earlier parts", "the same text again", "Choose another problem")
    shared = work.share_names()
    if shared and strict:
        return Refusal(len(parts) - 1, "share no name with an earlier part", "a shared name", "Choose another pair")
    if strict and work.repeats_an_answer():
        got = "the answer of an earlier part"
        return Refusal(len(parts) - 1, "have an answer of its own", got, "Choose another pair")
    for source, target in feeds:
        refusal = work.tie(source, target, new_value, must_renew)
        if refusal is not None:
            return refusal
    used = 0
    for ends in work.ends:
        used |= ends.letters
    symbols = fresh_symbols(used, 2 * len(work.knots), stream)
    if symbols is None:
        return Refusal(len(parts) - 1, "leave letters free for X and Y", "none", "Link fewer parts")
    prompt, links = render(work.parts, work.ends, work.knots, symbols, stream, apart=shared)
    return _composite(prompt, work.parts, links, topology)


def _composite(prompt: str, parts: Sequence[Problem], links: Sequence[Link], topology: Topology) -> Composite:
    last = parts[-1]
    return Composite(
        prompt,
        last.answer,
        domain=last.domain,
        verifier="composite",
        tests=last.tests,
        entry_point=last.entry_point,
        parts=tuple(parts),
        links=tuple(links),
        topology=topology,
    )


@dataclass
class _Work:
    """Parts on the way to a composite, and the links made so far."""

    parts: list[Problem]
    ends: list[Ends]
    stream: Stream
    strict: bool
    wary: bool
    only: Only

    def __post_init__(self) -> None:
        self.knots: list[Knot] = []

    def share_names(self) -> bool:
        """Whether two parts use a name for two things."""
        seen: set[str] = set()
        for ends in self.ends:
            if ends.names:
                if not seen.isdisjoint(ends.names):
                    return True
                seen |= ends.names
        return False

    def repeats_an_answer(self) -> bool:
        """Whether the last part has the answer of an earlier one, so that who stops there is paid."""
        *earlier, last = (ends.value for ends in self.ends)
        return last is not None and last in earlier

    def tie(self, source: int, target: int, new_value: bool, must_renew: bool) -> Refusal | None:
        """Make one link, or say why not."""
        if self.ends[source].options:
            return self._tie_option(source, target, new_value, must_renew)
        if self.ends[source].calls:
            return self._tie_call(source, target, new_value, must_renew)
        value = self.ends[source].value
        if value is None:
            answer = self.parts[source].answer
            shown = f"{answer if len(answer) <= 60 else answer[:57] + '...'!r} ({self.ends[source].why_not})"
            repair = "Put this problem last, bundle() it, or let an LLMComposer link it"
            return Refusal(source, "have an answer that is one number", shown, repair)
        return self._tie_value(Knot(source, target, _NOWHERE, value, {}), new_value, must_renew)

    def _tie_option(self, source: int, target: int, new_value: bool, must_renew: bool) -> Refusal | None:
        """Number the options in a table; X is twice the number of the right one, so that the table does not print X."""
        right = option_of(self.parts[source])
        refusal: Refusal | None = None
        for _ in range(8):
            numbers = self.stream.sample(range(11, 60), len(self.ends[source].options))
            table = dict(zip(self.ends[source].options, numbers, strict=True))
            value = 2 * table[right]
            if value not in numbers:
                refusal = self._tie_value(Knot(source, target, _NOWHERE, value, table), new_value, must_renew)
                if refusal is None:
                    return None
        return refusal or Refusal(source, "have few options", str(len(self.ends[source].options)), "Put it last")

    def _tie_call(self, source: int, target: int, new_value: bool, must_renew: bool) -> Refusal | None:
        """X is what the function of a programming task returns for the arguments of one of its tests."""
        refusal: Refusal | None = None
        calls = self.ends[source].calls
        for call in self.stream.sample(calls, min(len(calls), 4)):
            knot = Knot(source, target, _NOWHERE, call.value, {}, call.text)
            refusal = self._tie_value(knot, new_value, must_renew, call.numbers)
            if refusal is None:
                return None
        return refusal

    def _tie_value(
        self, open_end: Knot, new_value: bool, must_renew: bool, shown: frozenset[int] = frozenset()
    ) -> Refusal | None:
        """Find the constant for a knot that has none yet; ``shown`` are numbers in its definition, which give it away."""
        target, value = open_end.target, open_end.value
        taken = [knot for knot in self.knots if knot.target == target]
        ends = self.ends[target]
        for constant in _candidates(ends, value, self.strict, self.only, self.stream):
            if constant.value in shown or any(_overlap(constant.span, knot.constant.span) for knot in taken):
                continue
            if new_value and not taken and self._renewed(open_end, constant, shown):
                return None
            if must_renew or not _fits(constant.value, value, ends, self.strict, self.wary):
                continue
            if not self.wary or not self._is_pinned(self.parts[target], constant, open_end):
                self.knots.append(open_end._replace(constant=constant))
                return None
        if must_renew:
            rule, got = "have a solver for new values", "none that vouches for an answer"
            return Refusal(target, rule, got, "Use a generated problem, or new_value=False")
        return _no_constant(target, ends, value)

    def _is_pinned(self, problem: Problem, constant: Constant, open_end: Knot) -> bool:
        source, value = self.parts[open_end.source], open_end.value
        plain = isinstance(value, (int, Fraction)) and not open_end.call and not open_end.table
        most = most_of(source) if plain and constant.value < value else None
        return is_pinned(problem, constant, value, offered(source, value, open_end.table), most)

    def _renewed(self, open_end: Knot, constant: Constant, shown: frozenset[int]) -> bool:
        """Make the link with a new value for the constant."""
        target = open_end.target
        from composekit.compose.renewing import renew

        found = renew(self.parts[target], constant, self.stream)
        if found is None:
            return False
        problem, span = found
        ends = ends_of(problem)
        again = next((c for tier in ends.tiers + ends.spare for c in tier if c.span == span), None)
        if (
            again is None
            or again.value in shown
            or not _fits(again.value, open_end.value, ends, self.strict, self.wary)
        ):
            return False
        if self.wary and self._is_pinned(problem, again, open_end):
            return False
        self.parts[target], self.ends[target] = problem, ends
        self.knots.append(open_end._replace(constant=again))
        return True


def _overlap(a: tuple[int, int], b: tuple[int, int]) -> bool:
    return a[0] < b[1] and b[0] < a[1]


def _candidates(ends: Ends, value: Value, strict: bool, only: Only, stream: Stream) -> list[Constant]:
    """The constants to try, the hardest to guess first, equals in random order."""
    if not isinstance(value, (int, Fraction)):
        tiers: tuple[tuple[Constant, ...], ...] = (ends.radicals,)
    else:
        tiers = ends.tiers if strict else ends.link_tiers(only)
    if len(tiers) == 1 and len(tiers[0]) == 1:
        return list(tiers[0])
    return [constant for tier in tiers for constant in (tier if len(tier) == 1 else stream.sample(tier, len(tier)))]


def _fits(constant: Value, value: Value, ends: Ends, strict: bool, wary: bool) -> bool:
    """Whether X = value and Y = constant make a sound link, that gives nothing away if one is wary."""
    if not isinstance(value, (int, Fraction)):
        return _radicals_fit(constant, value)
    size: Value = abs(value)
    if size != constant and (size in ends.mentions if strict else value in ends.values):
        return False
    if size > LARGEST or value.denominator > LARGEST:
        return False
    difference: Value = abs(constant - value)
    if difference in (size, constant):
        return False
    if wary and shows(constant, value):
        return False
    if wary and between(constant, value, ends.values):
        return False
    return difference.denominator == 1 or not {difference.numerator, difference.denominator} & {size, constant}


def _radicals_fit(constant: Value, value: Value) -> bool:
    difference: Value = tidy(constant - value)
    return isinstance(difference, (int, Fraction)) and -LARGEST <= difference <= LARGEST


def _no_constant(target: int, ends: Ends, value: Value) -> Refusal:
    if not ends.inputs and not ends.radicals:
        got = "no number that is an amount and stands there once"
        return Refusal(target, "have a constant that can be replaced", got, "Put this problem first")
    got = f"none that fits X = {value}"
    return Refusal(target, "have a constant that gives nothing away", got, "Swap the problems, or choose another pair")
