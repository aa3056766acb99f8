r"""Audit of composites whose links say everything: definition, relation and span are compared with the prompt exactly.

Each link is recomputed with the audit's own arithmetic from the sentence that the reader sees, never from the numbers that
the link carries alone.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import product

from composekit.compose import exact
from composekit.compose.aligning import edits, tokenize
from composekit.compose.audit_texts import DERIVED, answer_value, check_loss
from composekit.compose.calls import value_in
from composekit.compose.exact import Exact, NotExact
from composekit.compose.findings import Finding, defect, warning
from composekit.compose.naming import drawings, says
from composekit.compose.problem import Composite, Link, Problem

WORD = re.compile(r"\b(more|less|equal|equals)\b")
QUANTITY = re.compile(rf"\$([^$]+)\$|\\\((.+?)\\\)|(?<![\w.\\])(-?(?:{exact.NUMERAL})(?:/\d+)?)(?![\w\\])")
SPELLINGS = ("{}", "{{{}}}", "${}$", r"\({}\)")
MAX_SPANS = 6


def check(composite: Composite) -> Iterator[Finding]:
    """Every finding about the exact texts of a composite that carries its relations and spans."""
    place = 0
    for index, part in enumerate(composite.parts):
        incoming = sorted(
            (link for link in composite.links if link.target == index), key=lambda link: link.span or (0, 0)
        )
        found = _find_part(part.prompt, incoming, composite.prompt, place)
        if found is None:
            yield from _describe_loss(index, part.prompt, incoming, composite.prompt)
        else:
            place = found
    for index, link in enumerate(composite.links):
        where = f"link {index}"
        yield from _check_span(link, composite.parts[link.target].prompt, where)
        yield from _check_relation(link, composite.prompt, where)
        yield from _check_source(link, composite.parts[link.source], where)


# ---------------------------------------------------------------------------------------------------------------- parts


def _find_part(part: str, incoming: Sequence[Link], prompt: str, place: int) -> int | None:
    """Where the part ends in the prompt, looked for from ``place``; None where it does not stand there word for word."""
    if not incoming:
        start = prompt.find(part, place)
        return None if start < 0 else start + len(part)
    if len(incoming) > MAX_SPANS or any(link.span is None for link in incoming):
        return None
    for spellings in product(SPELLINGS, repeat=len(incoming)):
        text, at = [], 0
        for link, spelling in zip(incoming, spellings, strict=True):
            start, end = link.span  # type: ignore[misc]  # checked above
            if not at <= start < end <= len(part):
                return None
            text += [part[at:start], spelling.format(link.symbol_out)]
            at = end
        expected = "".join([*text, part[at:]])
        start = prompt.find(expected, place)
        if start >= 0:
            return start + len(expected)
    return None


def _describe_loss(index: int, part: str, incoming: Sequence[Link], prompt: str) -> Iterator[Finding]:
    """Say what is missing; a part that is not there word for word is incomplete even if no word is missing."""
    where = f"part {index}"
    replaced = {key for link in incoming if link.span for key in _keys(part[slice(*link.span)])}
    lost = [token for edit in edits(part, prompt) for token in edit.lost if token.key not in replaced]
    unsaid = defect("incomplete", "the part does not stand in the prompt word for word", where)
    yield from list(check_loss(lost, part, where)) or [unsaid]


def _keys(text: str) -> list[str]:
    return [token.key for token in tokenize(text)]


def _check_span(link: Link, part: str, where: str) -> Iterator[Finding]:
    """Whether the span holds one whole number, worth the link's value, where a number is a value."""
    start, end = link.span  # type: ignore[misc]  # links without a span are audited by their texts
    if not 0 <= start < end <= len(part):
        yield defect("constant", f"span {link.span} lies outside part {link.target}", where)
        return
    text = part[start:end]
    try:
        worth, wanted = exact.value(text), exact.of(link.value_out)
    except NotExact as error:
        yield defect("constant", f"{text!r} was replaced, which is no number: {error}", where)
        return
    if worth != wanted:
        yield defect("constant", f"{text!r} was replaced, which is not {wanted}", where)
    tokens = tokenize(part)
    cut = [t for t in tokens if t.start < end and start < t.end and not (start <= t.start and t.end <= end)]
    before = part[:start].rstrip(" {")
    if cut:
        yield defect("constant", f"{text!r} is a piece of {part[cut[0].start : cut[0].end]!r}", where)
    elif before.endswith("_"):
        yield defect("constant", f"{text!r} is a subscript", where)
    elif any(first < start < last for first, last in drawings(part)):
        yield defect("constant", f"{text!r} stands in a drawing's code", where)


# ------------------------------------------------------------------------------------------------------------- relation


def _check_relation(link: Link, prompt: str, where: str) -> Iterator[Finding]:
    for name, sentence in (("definition", link.definition), ("relation", link.relation)):
        if sentence and sentence not in prompt:
            yield defect("relation", f"the {name} {sentence!r} is not in the prompt", where)
    if link.definition and not says(link.symbol_in, link.definition):
        yield defect("relation", f"the definition does not name {link.symbol_in}", where)
    missing = [symbol for symbol in (link.symbol_in, link.symbol_out) if not says(symbol, link.relation)]
    if missing:
        yield defect("relation", f"the relation does not name {' and '.join(missing)}", where)
        return
    try:
        reached = recompute(link)
        wanted = exact.of(link.value_out)
    except NotExact as error:
        yield defect("relation", f"{link.relation!r} cannot be recomputed: {error}", where)
        return
    if reached != wanted:
        message = f"{link.relation!r} gives {reached} from {link.value_in}; the constant is {wanted}"
        yield defect("relation", message, where)


def _check_source(link: Link, source: Problem, where: str) -> Iterator[Finding]:
    """Whether X is worth what the source part answers: its number, twice what a table gives to its option, what a call of
    its function returns.
    """
    try:
        given = exact.of(link.value_in)
        if source.tests:
            called = value_in(source, link.definition)
            worth = exact.of(called) if called is not None else None
        elif source.verifier == "choice":
            option = re.search(rf"(?<!\w){re.escape(source.answer.strip())}: (\d+)", link.definition)
            worth = exact.value(f"2*{option.group(1)}") if option else None
        elif DERIVED.search(link.definition):
            return
        else:
            worth = answer_value(source.answer)
    except NotExact:  # an answer with words or a unit, which this arithmetic does not read
        return
    if worth is None or worth != given:
        yield defect("answer", f"{link.symbol_in} = {given}, but part {link.source} is worth {worth}", where)


def recompute(link: Link) -> Exact:
    r"""Y from X as the relation's sentence says it, by reading the sentence.

    Raises:
        NotExact: the sentence does not say exactly one of more, less and equal, or not exactly one number.

    Example:
        >>> recompute(Link(0, 1, "X", 5, "Y", 7, "The number $Y$ is $2$ more than $X$.", (7, 8)))
        7
    """
    words = {"equal" if word == "equals" else word for word in WORD.findall(link.relation)}
    if len(words) != 1:
        raise NotExact(f"it says {' and '.join(sorted(words)) or 'neither more nor less'}")
    numbers = _numbers(link)
    given = exact.of(link.value_in)
    if words == {"equal"}:
        if numbers:
            raise NotExact("it says equal and shows a number")
        return given
    if len(numbers) != 1:
        raise NotExact(f"it shows {len(numbers)} numbers")
    than = re.search(r"\bthan\b(.*)", link.relation, re.DOTALL)
    more = words == {"more"}
    if than and says(link.symbol_out, than.group(1)) and not says(link.symbol_in, than.group(1)):
        more = not more  # X is 2 less than Y
    return given + numbers[0] if more else given - numbers[0]


def _numbers(link: Link) -> list[Exact]:
    """The numbers that the relation shows."""
    found = []
    for match in QUANTITY.finditer(link.relation):
        text = next(group for group in match.groups() if group is not None)
        if text.strip("{} ") not in (link.symbol_in, link.symbol_out):
            found.append(exact.value(text))
    return found


def check_difference(link: Link, where: str) -> Iterator[Finding]:
    """Whether the relation prints one of the two values that the reader is to find."""
    try:
        shown = _numbers(link)
        values = {"X": exact.of(link.value_in), "Y": exact.of(link.value_out)}
    except NotExact:
        return
    for name, worth in values.items():
        if any(number in (worth, -worth) for number in shown):
            yield warning("leak", f"the relation prints the value of {name}", where)
