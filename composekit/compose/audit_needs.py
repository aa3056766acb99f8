"""Whether a reader needs the first part of a link at all: warnings by the rules that links are chosen by."""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache

from composekit.compose import exact
from composekit.compose.exact import NotExact
from composekit.compose.findings import Finding, warning
from composekit.compose.guessing import shows
from composekit.compose.needless.derivable import MAX_TEXT, derivable
from composekit.compose.needless.derivations import Span
from composekit.compose.needless.idle import idle
from composekit.compose.needless.pinned import between, offered, why_pinned
from composekit.compose.needless.spaces import few_answers, most_of
from composekit.compose.problem import Composite, Link, Problem
from composekit.compose.tokens import numerals


def check(composite: Composite, link: Link, where: str) -> Iterator[Finding]:
    """Every way around the first part of a link that its texts show."""
    yield from _check_derivable(composite, link, where)
    yield from _check_idle(composite, link, where)
    yield from _check_pinned(composite, link, where)
    few = _few_answers(composite.parts[link.source])
    if few is not None:
        message = f"{link.symbol_in} is one of {few[0]} values that anyone can try: {few[1]}"
        yield warning("guessable", message, where)


def _check_derivable(composite: Composite, link: Link, where: str) -> Iterator[Finding]:
    """Whether a reader has the constant from the rest of its part. What other links hide there is a part of the rest:
    whoever has it from their sources has no need of this one.
    """
    part = composite.parts[link.target].prompt
    if len(part) > MAX_TEXT:
        return
    spans = [link.span] if link.span is not None else _standing(part, link.value_out)
    why = [_follows(part).get(span) for span in spans]
    if why and all(why):
        message = f"{link.symbol_out} follows from the rest of part {link.target}: {why[0]}"
        yield warning("derivable", message, where)


def _check_idle(composite: Composite, link: Link, where: str) -> Iterator[Finding]:
    """Whether the answer of the part may be the same for any constant in this place."""
    part = composite.parts[link.target]
    spans = [link.span] if link.span is not None else _standing(part.prompt, link.value_out)
    why = [_unneeded(part).get(span) for span in spans]
    if why and all(why):
        message = f"the answer of part {link.target} may not depend on {link.symbol_out}: {why[0]}"
        yield warning("idle", message, where)


_TABLE_ENTRY = re.compile(r"\b[A-Z]: (\d+)")


def _check_pinned(composite: Composite, link: Link, where: str) -> Iterator[Finding]:
    """Whether the relation itself, and what X can be, tell Y or what it leads to."""
    source, part = composite.parts[link.source], composite.parts[link.target]
    try:
        given, wanted = exact.of(link.value_in).rational, exact.of(link.value_out).rational
    except NotExact:
        return
    if given is None or wanted is None or len(part.prompt) > MAX_TEXT:
        return
    value = given.numerator if given.denominator == 1 else given
    spans = [link.span] if link.span is not None else _standing(part.prompt, link.value_out)
    places = [n for n in numerals(part.prompt) if n.span in spans]
    table = {str(i): int(number) for i, number in enumerate(_TABLE_ENTRY.findall(link.definition))}
    table = table if source.verifier == "choice" else {}
    most = None if table or source.tests else most_of(source)
    why = [why_pinned(part, place, value, offered(source, value, table), most) for place in places]
    if why and all(why):
        message = f"{link.symbol_out} or what it leads to shows without {link.symbol_in}: {why[0]}"
        yield warning("guessable", message, where)
        return
    others = (n.value for n in numerals(part.prompt) if isinstance(n.value, (int, Fraction)))
    if places and not shows(wanted, given) and between(wanted, given, others):
        message = f"{link.symbol_out} = {wanted} lies between the difference and a number in the text, or a round one"
        yield warning("guessable", message, where)


@lru_cache(maxsize=8192)
def _few_answers(part: Problem) -> tuple[int, str] | None:
    return few_answers(part)


@lru_cache(maxsize=8192)
def _unneeded(part: Problem) -> dict[Span, str]:
    return idle(part, numerals(part.prompt))


def _standing(text: str, wanted: object) -> list[Span]:
    """Where a text has a number."""
    try:
        number = exact.of(wanted).rational
    except NotExact:
        return []
    return [n.span for n in numerals(text) if n.kind != "radical" and n.value == number]


@lru_cache(maxsize=8192)
def _follows(text: str) -> dict[Span, str]:
    return derivable(text, numerals(text))
