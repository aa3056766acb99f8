"""Problems, links and composites: the data that everything else in this package passes around.

All three are frozen, compare by content, pickle, and turn into plain JSON with ``to_dict`` and back with ``from_dict``.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from fractions import Fraction
from numbers import Integral
from types import MappingProxyType
from typing import Any, Literal, Self

from composekit._errors import bad_type, bad_value

Topology = Literal["chain", "bundle", "tree"]
_ENCODE = json.JSONEncoder(default=str).encode  # made once: composites are hashed by the hundred thousand


@dataclass(frozen=True)
class Template:
    """The generator and the parameters that made a problem, so that it can be made again with other values.

    ``name`` is a key of :data:`composekit.compose.generators.GENERATORS`; ``params`` holds JSON values.

    Example:
        >>> from composekit.compose import generators
        >>> template = generators.arithmetic.sample(0, 0).template
        >>> generators.GENERATORS[template.name].make(**template.params) == generators.arithmetic.sample(0, 0)
        True
    """

    name: str
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Problem:
    r"""A question whose answer can be checked.

    Args:
        prompt: The question, as the model sees it.
        answer: The gold answer as text (LaTeX allowed). Integers and fractions are converted. May be empty only for a
            problem that is judged by ``tests``.
        domain: What it is about: ``"math"``, ``"physics"``, ``"logic"``, ``"choice"``, ``"code"``, ...
        verifier: Who judges it: ``"math"``, ``"choice"``, ``"exact"``, ``"code"`` or ``"composite"``.
        id: Stable identity; by default a hash of the content.
        solution: A worked solution, if there is one.
        tests: Tests of a code problem.
        entry_point: The function that the tests of a code problem call.
        template: The generator that can recompute the problem with other values.
        metadata: Anything else, as JSON values.

    Raises:
        ArgumentTypeError, ArgumentError: a field has the wrong type or is empty.

    Example:
        >>> p = Problem("What is 6 times 7?", 42)
        >>> p.answer, p.domain, p.verifier, len(p.id)
        ('42', 'math', 'math', 16)
        >>> Problem.from_dict(p.to_dict()) == p
        True
    """

    prompt: str
    answer: str
    domain: str = "math"
    verifier: str = "math"
    id: str = None  # type: ignore[assignment]  # filled with the content hash
    solution: str | None = None
    tests: tuple[Any, ...] = ()
    entry_point: str | None = None
    template: Template | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        op = type(self).__name__
        if isinstance(self.answer, (int, Fraction)) and not isinstance(self.answer, bool):
            object.__setattr__(self, "answer", str(self.answer))
        for name in ("prompt", "answer", "domain", "verifier"):
            value = getattr(self, name)
            if not isinstance(value, str):
                raise bad_type(op, name, "be a string", type(value).__name__, "Convert it to text first")
        if not self.prompt.strip():
            raise bad_value(op, "prompt", "not be empty", repr(self.prompt), "Give the question as text")
        self._check_optional_fields(op)
        tests = (self.tests,) if isinstance(self.tests, str) else tuple(self.tests)
        object.__setattr__(self, "tests", tests)
        if not self.answer.strip() and not tests:
            raise bad_value(op, "answer", "not be empty", repr(self.answer), "Give the gold answer, or tests")
        template = self.template
        if template is not None and isinstance(template, Mapping):
            if not isinstance(template.get("name"), str):
                raise bad_value(
                    op, "template", "name its generator", dict(template), "Write {'name': ..., 'params': ...}"
                )
            object.__setattr__(self, "template", Template(template["name"], dict(template.get("params", {}))))
        object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata)))
        if self.id is None:
            object.__setattr__(self, "id", self._content_hash())
        elif not isinstance(self.id, str):
            object.__setattr__(self, "id", str(self.id))

    def _check_optional_fields(self, op: str) -> None:
        for name, value, kinds, rule in (
            ("id", self.id, (str, Integral), "be a string"),
            ("solution", self.solution, (str,), "be a string"),
            ("entry_point", self.entry_point, (str,), "be a string"),
            ("template", self.template, (Template, Mapping), "be a Template or its mapping"),
        ):
            if value is not None and not isinstance(value, kinds):
                raise bad_type(op, name, rule, type(value).__name__, "Leave it out, or give that")
        if not isinstance(self.tests, (str, tuple, list)):
            raise bad_type(op, "tests", "be a list of tests or a string", type(self.tests).__name__, "Write [...]")
        if type(self.metadata) is not dict and not isinstance(self.metadata, Mapping):
            raise bad_type(op, "metadata", "be a mapping", type(self.metadata).__name__, "Write {'name': value}")

    def _content_hash(self) -> str:
        content = [self.prompt, self.answer, self.domain, self.verifier, list(self.tests), self.entry_point]
        try:
            text = _ENCODE(content)
        except (TypeError, ValueError):  # tests with keys or numbers that JSON cannot write
            text = _encode_all(content)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, f.name) == getattr(other, f.name) for f in fields(self))

    def __hash__(self) -> int:
        return hash((self.id, self.prompt))

    def __reduce__(self) -> tuple[Any, ...]:  # a mapping proxy does not pickle; the dict behind it does
        values = {f.name: getattr(self, f.name) for f in fields(self)} | {"metadata": dict(self.metadata)}
        return _rebuild, (type(self), values)

    def replace(self, **changes: Any) -> Self:
        """A copy with other field values; the id follows the content unless it is given."""
        changes.setdefault("id", None)
        return replace(self, **changes)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; fields at their defaults are left out."""
        row: dict[str, Any] = {"prompt": self.prompt, "answer": self.answer, "domain": self.domain}
        row |= {"verifier": self.verifier, "id": self.id}
        for name in ("solution", "entry_point"):
            if getattr(self, name) is not None:
                row[name] = getattr(self, name)
        if self.tests:
            row["tests"] = list(self.tests)
        if self.template is not None:
            row["template"] = {"name": self.template.name, "params": dict(self.template.params)}
        if self.metadata:
            row["metadata"] = dict(self.metadata)
        return row

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Problem:
        """The problem, or the composite, that ``to_dict`` wrote."""
        if "parts" in row and cls is not Composite:
            return Composite.from_dict(row)
        known = {f.name for f in fields(cls)}
        unknown = sorted(set(row) - known)
        if unknown:
            raise bad_value(
                cls.__name__,
                "row",
                f"have only the fields {', '.join(sorted(known))}",
                ", ".join(unknown),
                "Put further values into metadata",
            )
        return cls(**row)


def _encode_all(content: Any) -> str:
    """JSON of values that plain JSON has no form for: tuples as keys, integers of thousands of digits."""
    from composekit.compose.verifiers.sandbox.values import Refused, encode

    try:
        return _ENCODE(encode(content))
    except Refused:
        return repr(content)


def _rebuild(cls: type[Problem], values: dict[str, Any]) -> Problem:
    return cls(**values)


@dataclass(frozen=True)
class Link:
    r"""How one part of a composite feeds another: ``value_out = value_in + d``, said in words.

    Args:
        source, target: Indices of the parts; ``source < target``.
        symbol_in: The name that the answer of the source part (or a value taken from it) gets, bare: ``X``.
        value_in: Its value: an ``int``, a ``Fraction``, or a sympy number for radicals. LaTeX text in foreign composites.
        symbol_out: The name that stands in the target part in place of its constant, bare: ``Y``.
        value_out: The value of the constant that it replaces.
        relation: The sentence that gives Y from X, as it stands in the prompt. Empty in foreign composites.
        span: Start and end of the replaced text in ``parts[target].prompt``; None in foreign composites.
        definition: The sentence that defines X, as it stands in the prompt.

    Example:
        >>> from composekit.compose import chain
        >>> link = chain(Problem("What is 6 times 32?", 192), Problem("Tom eats 57 nuts. How many?", 57), seed=1).links[0]
        >>> link.value_in, link.value_out, link.span
        (192, 57, (9, 11))
        >>> Link.from_dict(link.to_dict()) == link
        True
    """

    source: int
    target: int
    symbol_in: str
    value_in: Any
    symbol_out: str
    value_out: Any
    relation: str
    span: tuple[int, int] | None
    definition: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; exact numbers are written as text with their kind."""
        row = {f.name: getattr(self, f.name) for f in fields(self)}
        row["value_in"], row["value_out"] = _value_to_json(self.value_in), _value_to_json(self.value_out)
        row["span"] = None if self.span is None else list(self.span)
        return row

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Link:
        """The link that ``to_dict`` wrote."""
        names = {f.name for f in fields(cls)}
        absent = sorted(names - {"definition"} - set(row))
        if absent or set(row) - names:
            got = f"no {absent[0]}" if absent else f"also {sorted(set(row) - names)[0]}"
            raise bad_value(
                "Link", "row", f"have the fields {', '.join(sorted(names))}", got, "Pass what to_dict() wrote"
            )
        values = dict(row)
        values["value_in"], values["value_out"] = _value_from_json(row["value_in"]), _value_from_json(row["value_out"])
        values["span"] = None if row["span"] is None else (int(row["span"][0]), int(row["span"][1]))
        return cls(**values)


def _value_to_json(value: Any) -> Any:
    if isinstance(value, str):
        return value
    if isinstance(value, int):
        return {"int": str(value)}
    if isinstance(value, Fraction):
        return {"fraction": str(value)}
    return {"sympy": str(value)}


def _value_from_json(value: Any) -> Any:
    if not isinstance(value, Mapping):
        return value
    ((kind, text),) = value.items()
    if kind == "int":
        return int(text)
    if kind == "fraction":
        return Fraction(text)
    from composekit.compose.numbers import radical_from_text

    return radical_from_text(text)


@dataclass(frozen=True, eq=False)
class Composite(Problem):
    """Several problems made into one, which can still be checked part by part.

    ``parts`` are the problems, each with its own answer and verifier; ``links`` say how an answer feeds a later part;
    ``answer`` is the answer of the last part (of a bundle: one line a part). See :func:`composekit.compose.chain` and
    :func:`composekit.compose.bundle` for the ways to make one.

    Raises:
        ArgumentError: there are no parts, or the links do not run forward, or contradict the topology.

    Example:
        >>> from composekit.compose import bundle
        >>> both = bundle(Problem("What is 6 times 7?", 42), Problem("Is 91 prime?", "no", verifier="exact"))
        >>> both.topology, [part.answer for part in both.parts], both.links
        ('bundle', ['42', 'no'], ())
        >>> Problem.from_dict(both.to_dict()) == both
        True
    """

    parts: tuple[Problem, ...] = ()
    links: tuple[Link, ...] = ()
    topology: Topology = "chain"

    def __post_init__(self) -> None:
        for name, items, kinds in (("parts", self.parts, (Problem, Mapping)), ("links", self.links, (Link, Mapping))):
            if not isinstance(items, (tuple, list)) or not all(isinstance(x, kinds) for x in items):
                rule = f"be a list of {kinds[0].__name__} objects"
                raise bad_type("Composite", name, rule, repr(items)[:60], "Pass what chain() or to_dict() made")
        parts = tuple(p if isinstance(p, Problem) else Problem.from_dict(p) for p in self.parts)
        links = tuple(x if isinstance(x, Link) else Link.from_dict(x) for x in self.links)
        object.__setattr__(self, "parts", parts)
        object.__setattr__(self, "links", links)
        super().__post_init__()
        if not parts:
            raise bad_value("Composite", "parts", "hold at least one problem", "none", "Use chain() or bundle()")
        for link in links:
            if not 0 <= link.source < link.target < len(parts):
                raise bad_value(
                    "Composite",
                    "links",
                    f"run from an earlier to a later one of the {len(parts)} parts",
                    f"{link.source} -> {link.target}",
                    "Order the parts so that every link points forward",
                )
        feeds = [(link.source, link.target) for link in links]
        if self.topology == "chain" and feeds != [(i, i + 1) for i in range(len(parts) - 1)]:
            raise bad_value(
                "Composite", "links", "join each part of a chain to the next one", feeds, "Use topology='tree'"
            )
        if self.topology == "bundle" and links:
            raise bad_value("Composite", "links", "be empty in a bundle", feeds, "Use topology='tree'")
        if self.topology not in ("chain", "bundle", "tree"):
            raise bad_value(
                "Composite", "topology", "be chain, bundle or tree", repr(self.topology), "Name one of them"
            )

    @property
    def depth(self) -> int:
        """The number of parts on the longest path of links: the length of a chain, 1 for a bundle."""
        longest = [1] * len(self.parts)
        for link in sorted(self.links, key=lambda x: x.target):
            longest[link.target] = max(longest[link.target], longest[link.source] + 1)
        return max(longest)

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        row = super().to_dict() | {"parts": [p.to_dict() for p in self.parts]}
        return row | {"links": [x.to_dict() for x in self.links], "topology": self.topology}

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Composite:
        """The composite that ``to_dict`` wrote."""
        return super().from_dict({k: v for k, v in row.items() if k != "depth"})  # type: ignore[return-value]
