"""What a generator of problems is: families of templates, parameters drawn from a counter stream, slots for new values."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from itertools import count
from types import MappingProxyType
from typing import Any

from composekit._errors import bad_type, bad_value
from composekit.compose.generators.stream import Stream
from composekit.compose.problem import Problem, Template

LEVELS = range(1, 6)
_ATTEMPTS = 2000
_NEAR = 1000
_DIFFERENT = 20  # draws that insist on different numbers
_FIELD = re.compile(r"<(\w+)>")


@dataclass(frozen=True)
class Slot:
    """A number in a prompt that may take other values.

    Args:
        name: The parameter of the template.
        span: Start and end of the number in the prompt.
        value: The number that stands there now.
        family: The family that decides which values are allowed.
        params: The parameters, of which this is one.
    """

    name: str
    span: tuple[int, int]
    value: int
    family: Family
    params: Mapping[str, Any]

    def admits(self, value: int) -> bool:
        """Whether the problem still makes sense, with an exact answer, when this number alone becomes ``value``."""
        if type(value) is not int or value not in self.family.ranges[self.name]:
            return False
        return self.family.valid({**self.params, self.name: value})

    @property
    def needed(self) -> bool:
        """Whether the answer hangs on this number: whoever does not know it cannot answer."""
        return self.name not in self.family.unneeded(self.params)

    @cached_property
    def values(self) -> tuple[int, ...]:
        """The values that the slot admits within 1,000 of the present one, in ascending order."""
        near = range(max(self.value - _NEAR, 0), self.value + _NEAR + 1)
        return tuple(v for v in near if self.admits(v))


class Family:
    """One kind of problem: wordings with fields, ranges of its numbers, a rule that says which fit, an exact solver.

    Subclasses set the class attributes and write :meth:`draw` and :meth:`solve`; :meth:`valid` where numbers depend on each
    other. ``<field>`` in a wording stands for a parameter of that name. The parameters are JSON values.
    """

    name: str
    domain: str = "math"
    verifier: str = "math"
    wordings: tuple[str, ...]
    words: Mapping[str, Sequence[str]] = MappingProxyType({})  # parameters that are one of these words
    ranges: Mapping[str, Sequence[int]] = MappingProxyType({})  # parameters that are one of these numbers
    fixed: tuple[str, ...] = ()  # numbers that are never slots
    extras: tuple[str, ...] = ()  # parameters that are lists
    levels: Sequence[int] = LEVELS  # the difficulties that it comes in
    entry_point: str | None = None

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        """Numbers (and extras) for a level; need not be valid, it is then called again."""
        raise NotImplementedError

    def solve(self, p: Mapping[str, Any]) -> int | Fraction | str:
        """The exact answer for valid parameters."""
        raise NotImplementedError

    def valid(self, p: Mapping[str, Any]) -> bool:
        """Whether the numbers, each within its range, fit together."""
        return True

    def unneeded(self, p: Mapping[str, Any]) -> Sequence[str]:
        """Numbers that the answer does not hang on here, such as the weight of a chest without the treasure."""
        return ()

    def few(self, p: Mapping[str, Any]) -> int | None:
        """How many answers a reader can choose from unsolved, such as the suspects; None where there are many."""
        return None

    def fields(self, p: Mapping[str, Any]) -> Mapping[str, Any]:
        """Texts of the wording's fields that are no parameters, such as a list of statements."""
        return {}

    def tests(self, p: Mapping[str, Any]) -> tuple[Any, ...]:
        """Tests of a code problem."""
        return ()

    def solution(self, p: Mapping[str, Any]) -> str | None:
        """A worked solution; the source of a code problem."""
        return None

    def notes(self, p: Mapping[str, Any]) -> Mapping[str, Any]:
        """What the metadata hold besides topic and level."""
        return {}

    def render(self, p: Mapping[str, Any]) -> tuple[str, dict[str, list[tuple[int, int]]]]:
        """The prompt, and where each field stands in it."""
        texts = {**p, **self.fields(p)}
        out: list[str] = []
        spans: dict[str, list[tuple[int, int]]] = {}
        at = length = 0
        wording = self.wordings[p["wording"]]
        for match in _FIELD.finditer(wording):
            text = str(texts[match[1]])
            out += [wording[at : match.start()], text]
            length += match.start() - at + len(text)
            spans.setdefault(match[1], []).append((length - len(text), length))
            at = match.end()
        return "".join([*out, wording[at:]]), spans

    def sample(self, rng: Stream, level: int) -> dict[str, Any]:
        """Valid parameters of a level."""
        p: dict[str, Any] = {"family": self.name, "level": level, "wording": rng.below(len(self.wordings))}
        for field, choices in self.words.items():
            p[field] = rng.choice([c for c in choices if c not in p.values()])
        for attempt in range(_ATTEMPTS):
            p |= self.draw(rng, level)
            numbers = [p[k] for k in self.ranges if k not in self.fixed]
            # A number that stands in the text twice cannot be linked, so different ones come first.
            plain = len(set(numbers)) == len(numbers) or attempt >= _DIFFERENT
            if plain and all(p[k] in r for k, r in self.ranges.items()) and self.valid(p):
                return p
        raise RuntimeError(f"generators: family {self.name} drew no valid parameters at level {level}")

    def check(self, op: str, params: Mapping[str, Any]) -> None:
        """Raise unless the parameters are complete, within their ranges and valid together."""
        known = {"family", "level", "wording", *self.words, *self.ranges, *self.extras}
        if set(params) != known:
            wrong = sorted(set(params) ^ known)
            raise bad_value(
                op, "params", f"be {sorted(known)}", f"a difference in {wrong}", "Start from a template's params"
            )
        allowed = {
            "level": range(min(self.levels), max(self.levels) + 1),
            "wording": range(len(self.wordings)),
            **self.ranges,
        }
        for field, values in allowed.items():
            if type(params[field]) is not int:
                raise bad_type(op, field, "be an int", repr(params[field]), "Give a whole number")
            if params[field] not in values:
                raise bad_value(op, field, f"lie in {values}", params[field], "See Generator.slots for what fits")
        for field, choices in self.words.items():
            if params[field] not in choices:
                raise bad_value(
                    op, field, "be a known word", repr(params[field]), f"Use one of {list(choices)[:5]} ..."
                )
        try:
            fits = self.valid(params)
        except (TypeError, ValueError, LookupError):  # lists that do not hold what they should
            fits = False
        if not fits:
            raise bad_value(op, "params", "fit together", dict(params), "See Generator.slots for the values that do")


class Generator:
    """Unlimited problems of one kind, index-addressable, each of which can be made again with other numbers.

    Calling it gives a list, iterating :meth:`stream` never ends, and :meth:`sample` gives problem ``i`` of a seed without
    the ones before it. ``Problem.template`` holds the name of the generator and the parameters; ``Problem.metadata`` holds
    ``topic`` (the family) and ``level`` (1 to 5), which together with the domain name the skill that a problem trains.

    Args:
        name: The key in :data:`GENERATORS`.
        families: The kinds of problems that it mixes in equal shares.

    Example:
        >>> from composekit.compose import generators
        >>> first, second = generators.arithmetic(2, seed=0)
        >>> first == generators.arithmetic.sample(0, 0)
        True
        >>> template = first.template
        >>> generators.GENERATORS[template.name].make(**template.params) == first
        True
    """

    def __init__(self, name: str, families: Sequence[Family]) -> None:
        self.name = name
        self._families = {family.name: family for family in families}

    def __repr__(self) -> str:
        return f"Generator({self.name!r}, families={list(self._families)})"

    def __reduce__(self) -> tuple[Any, ...]:  # the one instance of this name, not a copy
        return _lookup, (self.name,)

    @property
    def families(self) -> tuple[str, ...]:
        """The names of the families."""
        return tuple(self._families)

    def __call__(self, n: int, seed: int = 0, *, level: int | None = None, family: str | None = None) -> list[Problem]:
        """The first n problems of a seed.

        Args:
            n: How many.
            seed: Names the stream; streams of different seeds are unrelated.
            level: Difficulty 1 to 5; by default mixed.
            family: One of :attr:`families`; by default mixed.

        Raises:
            ArgumentTypeError, ArgumentError: n is no natural number, or as :meth:`sample`.
        """
        if type(n) is not int or n < 0:
            raise bad_value(f"generators.{self.name}", "n", "be a natural number", repr(n), "Say how many problems")
        return [self.sample(seed, i, level=level, family=family) for i in range(n)]

    def stream(
        self, *, seed: int = 0, start: int = 0, level: int | None = None, family: str | None = None
    ) -> Iterator[Problem]:
        """Problems start, start + 1, ... of a seed, without end."""
        return (self.sample(seed, i, level=level, family=family) for i in count(start))

    def sample(self, seed: int, i: int, *, level: int | None = None, family: str | None = None) -> Problem:
        """Problem i of a seed: a function of its arguments alone.

        Raises:
            ArgumentTypeError, ArgumentError: an argument is no int, a level is not in 1..5, a family is unknown.
        """
        op = f"generators.{self.name}"
        for argument, value in (("seed", seed), ("i", i)):
            if type(value) is not int:
                raise bad_type(op, argument, "be an int", repr(value), "Give a whole number")
        families = list(self._families.values()) if family is None else [self._family(op, family)]
        if level is not None:
            families = [f for f in families if level in f.levels]
            if not families:
                raise bad_value(op, "level", "be one that the family comes in", level, "Leave it out for a mixture")
        rng = Stream(self.name, seed, i)
        chosen = rng.choice(families)
        return self._build(chosen, chosen.sample(rng, rng.choice(chosen.levels) if level is None else level))

    def make(self, **params: Any) -> Problem:
        """The problem with these parameters: those of a template, some of them changed.

        Raises:
            ArgumentTypeError, ArgumentError: parameters are missing, unknown, out of range, or do not fit together.

        Example:
            >>> from composekit.compose import generators
            >>> p = generators.arithmetic.sample(0, 0)
            >>> slot = generators.arithmetic.slots(p.template.params)[0]
            >>> q = generators.arithmetic.make(**{**p.template.params, slot.name: slot.values[-1]})
            >>> start, end = slot.span
            >>> q.prompt == p.prompt[:start] + str(slot.values[-1]) + p.prompt[end:]
            True
        """
        op = f"generators.{self.name}.make"
        family = self._family(op, params.get("family"))
        family.check(op, params)
        return self._build(family, params)

    def slots(self, params: Mapping[str, Any]) -> tuple[Slot, ...]:
        """The numbers of the prompt that may be changed one at a time, with the values that each may take.

        A number that stands in the prompt more than once, or that has no other value to take, is no slot.
        """
        family = self._family(f"generators.{self.name}.slots", params.get("family"))
        _, spans = family.render(params)
        names = [n for n in family.ranges if n not in family.fixed and len(spans.get(n, ())) == 1]
        slots = [Slot(n, spans[n][0], params[n], family, dict(params)) for n in names]
        return tuple(sorted(slots, key=lambda slot: slot.span))

    def few(self, params: Mapping[str, Any]) -> int | None:
        """How many answers a reader can choose from who does not solve it; None where there are many."""
        return self._family(f"generators.{self.name}.few", params.get("family")).few(params)

    def _family(self, op: str, name: Any) -> Family:
        if not isinstance(name, str) or name not in self._families:
            raise bad_value(op, "family", f"be one of {', '.join(self._families)}", repr(name), "Check the spelling")
        return self._families[name]

    def _build(self, family: Family, p: Mapping[str, Any]) -> Problem:
        return Problem(
            family.render(p)[0],
            str(family.solve(p)),
            domain=family.domain,
            verifier=family.verifier,
            solution=family.solution(p),
            tests=family.tests(p),
            entry_point=family.entry_point,
            template=Template(self.name, dict(p)),
            metadata={"topic": family.name, "level": p["level"], **family.notes(p)},
        )


def _lookup(name: str) -> Generator:
    from composekit.compose.generators import GENERATORS

    return GENERATORS[name]
