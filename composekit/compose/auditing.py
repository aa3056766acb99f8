r"""Is a composite what it claims to be, and can it be solved without its first part?

An audit reads the prompt as a solver would: are all parts there, is the constant replaced by a symbol that is worth the
same, does the sentence that joins the parts give the right value, is any name used for two things? These are defects. What
merely makes a composite easier than it looks (a value that stands elsewhere, a constant that follows from other numbers, is
easily guessed, or on which the answer may not depend) is a warning.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any

from composekit._errors import bad_type
from composekit.compose import audit_links, audit_needs, audit_texts, exact
from composekit.compose.aligning import tokenize
from composekit.compose.exact import Exact, NotExact
from composekit.compose.findings import Finding, defect, warning
from composekit.compose.guessing import shows
from composekit.compose.problem import Composite, Link, Problem

GUESSES = 11  # a guesser without the first part tries the integers 0 to 10


@dataclass(frozen=True)
class Audit:
    """What :func:`audit` found.

    Args:
        findings: Defects first, then warnings.
        completeness: The share of the parts that the prompt holds whole, from 0 to 1.
        guessability: The chance that a guesser who draws each constant from the integers 0 to 10 has all of them right; 0
            where a constant is no such integer, 1 where there are no links to guess.
        dependence: The share of the links on which the answer depends: the symbol stands in the part that it feeds, and the
            relation gives another value for another answer of the earlier part. 1 where there are no links.

    Example:
        >>> from composekit.compose import Composite, Link, Problem, audit
        >>> parts = Problem("What is 20 + 22?", 42), Problem("Tom has 35 nuts, eats 5. How many are left?", 30)
        >>> link = Link(0, 1, "X", 42, "Y", 35, "Y is 7 less than X.", (8, 10), "Let X be the answer.")
        >>> prompt = "What is 20 + 22? Let X be the answer. Y is 7 less than X. Tom has Y nuts, eats 5. How many are left?"
        >>> good = Composite(prompt, "30", parts=parts, links=(link,))
        >>> audit(good).ok
        True
        >>> audit(good.replace(prompt=prompt.replace("7 less", "8 less"))).findings[0].kind
        'relation'
    """

    findings: tuple[Finding, ...]
    completeness: float
    guessability: float
    dependence: float

    @property
    def ok(self) -> bool:
        """Whether there are no defects. Warnings do not count."""
        return not self.defects

    @property
    def defects(self) -> tuple[Finding, ...]:
        """The findings that make the composite unfit."""
        return tuple(finding for finding in self.findings if finding.severity == "defect")

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """The findings that a user may accept."""
        return tuple(finding for finding in self.findings if finding.severity == "warning")

    @property
    def leaks(self) -> tuple[Finding, ...]:
        """The warnings about values that stand in the prompt."""
        return tuple(finding for finding in self.findings if finding.kind == "leak")

    @property
    def clashes(self) -> tuple[Finding, ...]:
        """The defects of names that are used for two things."""
        return tuple(finding for finding in self.findings if finding.kind == "clash")

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"ok": self.ok, **asdict(self), "findings": [asdict(finding) for finding in self.findings]}


def audit(composite: Composite) -> Audit:
    r"""Read a composite as a solver would and report what is wrong with it.

    Works on composites of any origin. Where the links carry their relation and span (those of :func:`chain` do), texts are
    compared exactly and links recomputed exactly; a foreign composite (values as LaTeX text, ``relation=""``,
    ``span=None``) is compared with its parts token by token, and its relation is looked for in the prompt. No language model
    is asked, and no verdict that the composite carries is read.

    Args:
        composite: The composite. A bundle is audited for completeness alone.

    Returns:
        An :class:`Audit`. ``ok`` is false for defects only: a part incomplete, a constant wrong or absent, a wrong relation,
        a clash of symbols, an answer that is not the last part's.

    Raises:
        ArgumentTypeError: it is no :class:`Composite`.

    Guarantees:
        Deterministic; no input is evaluated as code; time is linear in the texts where parts stand in the prompt word for
        word.

    Example:
        >>> from composekit.compose import Problem, audit, chain
        >>> boxes = Problem("A shop sells 12 boxes of 17 pens. How many pens is that?", 204)
        >>> nuts = Problem("Tom has 35 nuts and eats 11 of them. How many are left?", 24)
        >>> both = chain(boxes, nuts)
        >>> audit(both).ok
        True
        >>> print(audit(both.replace(prompt=both.prompt.replace("Tom", "Tim"))).defects[0])
        incomplete (part 1): the prompt lacks 'Tom' (1 of 15 tokens)

    Source:
        The checks are those that the pipeline of Composition-RL (arXiv 2602.12036) leaves to a language model.
    """
    if not isinstance(composite, Composite):
        got = type(composite).__name__
        raise bad_type("audit", "composite", "be a Composite", got, "Pass what chain(), bundle() or a Composer made")
    findings = list(_findings(composite))
    findings.sort(key=lambda finding: finding.severity == "warning")
    incomplete = {f.where for f in findings if f.kind == "incomplete" and f.severity == "defect"}
    broken = {f.where for f in findings if f.kind in ("constant", "relation") and f.severity == "defect"}
    feeding = [i for i, x in enumerate(composite.links) if not {f"link {i}", f"part {x.target}"} & broken]
    return Audit(
        findings=tuple(findings),
        completeness=1 - len(incomplete) / len(composite.parts),
        guessability=_guessability(composite),
        dependence=len(feeding) / len(composite.links) if composite.links else 1.0,
    )


def _findings(composite: Composite) -> Iterator[Finding]:
    exactly = all(link.relation and link.span is not None for link in composite.links)
    yield from (audit_links if exactly else audit_texts).check(composite)
    if composite.topology != "bundle":
        yield from audit_texts.check_names(composite)
        yield from _check_answer(composite)
    if composite.links and last_number_is_answer(composite):
        yield warning("baseline", "the last number of the prompt is the answer", "answer")
    for index, link in enumerate(composite.links):
        where = f"link {index}"
        yield from _check_leaks(composite, link, where)
        yield from audit_needs.check(composite, link, where)
        if exactly:
            yield from audit_links.check_difference(link, where)
        if is_guessable(link):
            yield warning("guessable", f"{link.symbol_out} = {link.value_out} is an integer from 0 to 10", where)
        if is_rounded_difference(link):
            message = f"{link.symbol_out} = {link.value_out} shows where the difference is rounded up"
            yield warning("guessable", message, where)


def _check_answer(composite: Composite) -> Iterator[Finding]:
    last = composite.parts[-1]
    if composite.answer.strip() != last.answer.strip() and not last.tests:
        yield defect("answer", f"the answer {composite.answer!r} is not the last part's {last.answer!r}", "answer")


# --------------------------------------------------------------------------------------------------------- shortcuts


def _check_leaks(composite: Composite, link: Link, where: str) -> Iterator[Finding]:
    """Values that a solver can read off instead of finding them."""
    try:
        given, wanted = exact.of(link.value_in), exact.of(link.value_out)
    except NotExact:
        return
    target = composite.parts[link.target].prompt
    left = target if link.span is None else target[: link.span[0]] + " " + target[link.span[1] :]
    times = _count(left, wanted) - (1 if link.span is None else 0)
    if times > 0:
        yield warning("leak", f"{link.symbol_out} = {wanted} still stands in part {link.target}", where)
    if _count(left, given):
        yield warning("leak", f"{link.symbol_in} = {given} stands in part {link.target}", where)
    if _count(composite.parts[link.source].prompt, given):
        yield warning("leak", f"{link.symbol_in} = {given} stands in part {link.source} itself", where)
    yield from _check_asides(composite, {link.symbol_in: given, link.symbol_out: wanted}, where)


def _check_asides(composite: Composite, values: dict[str, Exact], where: str) -> Iterator[Finding]:
    """Values that the prompt tells between its parts: more often than the parts and the sentences of the links do."""
    pieces = [part.prompt for part in composite.parts]
    pieces += [sentence for link in composite.links for sentence in (link.definition, link.relation)]
    replaced = [composite.parts[x.target].prompt[slice(*x.span) if x.span else slice(None)] for x in composite.links]
    for symbol, worth in values.items():
        gone = sum(
            min(_count(text, worth), 1)
            for text, link in zip(replaced, composite.links, strict=True)
            if _is_worth(link.value_out, worth)
        )
        if _count(composite.prompt, worth) > sum(_count(piece, worth) for piece in pieces) - gone:
            yield warning("leak", f"{symbol} = {worth} is told between the parts", where)


def _is_worth(number: object, worth: Exact) -> bool:
    try:
        return exact.of(number) == worth
    except NotExact:
        return False


def last_number_is_answer(problem: Problem) -> bool:
    """Whether a reader who answers with the last number of the prompt is right."""
    numbers = re.findall(exact.NUMERAL, problem.prompt)
    try:
        return bool(numbers) and exact.value(problem.answer) == exact.value(numbers[-1])
    except NotExact:
        return False


def _count(text: str, wanted: Exact) -> int:
    """How often a text says a number, as a numeral or as a word."""
    number = wanted.rational
    return 0 if number is None else _numbers_said(text)[abs(number)]


@lru_cache(maxsize=256)
def _numbers_said(text: str) -> Counter[Fraction]:
    """How often a text says each number, its sign aside."""
    said = (_said(token.key) for token in tokenize(text) if token.kind in ("number", "word"))
    return Counter(abs(value) for value in said if value is not None)


@lru_cache(maxsize=65536)
def _said(key: str) -> Fraction | None:
    """The number that a numeral or a word says."""
    if not key[0].isdigit() and key[0] != "." and len(key) < 3:
        return None
    try:
        return exact.value(key).rational
    except NotExact:
        return None


def is_guessable(link: Link) -> bool:
    """Whether the constant is an integer from 0 to 10."""
    try:
        number = exact.of(link.value_out).rational
    except NotExact:
        return False
    return number is not None and number.denominator == 1 and 0 <= number < GUESSES


def is_rounded_difference(link: Link) -> bool:
    """Whether a reader finds the constant by rounding the printed difference up: 1991 more is probably 2000."""
    try:
        given, wanted = exact.of(link.value_in).rational, exact.of(link.value_out).rational
    except NotExact:
        return False
    return given is not None and wanted is not None and shows(wanted, given)


def _guessability(composite: Composite) -> float:
    chance = 1.0
    for link in composite.links:
        chance *= 1 / GUESSES if is_guessable(link) else 0.0
    return chance
