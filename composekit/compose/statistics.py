r"""What a data set of composites would teach a model that never solves their first parts.

Numbers for the worry that composed data reward the generator's patterns instead of reasoning: how far would a reader come
who copies, guesses, or solves only the last part?
"""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from typing import Any

from composekit._errors import bad_type, bad_value
from composekit.compose import exact
from composekit.compose.auditing import audit, is_guessable, is_rounded_difference, last_number_is_answer
from composekit.compose.exact import NUMERAL, Exact, NotExact
from composekit.compose.problem import Composite, Link, Problem

REDRAWS = 4  # other first parts that are tried for each link


@dataclass(frozen=True)
class Lengths:
    """Lengths in characters."""

    mean: float
    median: int
    p95: int
    longest: int


@dataclass(frozen=True)
class Baselines:
    """Shares of answers that a reader finds who never solves the first part.

    Args:
        last_number: Answers with the last number of the prompt.
        most_common_answer: Always gives the answer that is most frequent in the data set.
        likeliest_constant: Solves the last part without fault, with the data set's most frequent constants in place of
            its symbols.
        rounded_difference: Solves the last part without fault, where the printed difference, rounded up, gives its symbols.
    """

    last_number: float
    most_common_answer: float
    likeliest_constant: float
    rounded_difference: float


@dataclass(frozen=True)
class Stats:
    """What :func:`stats` counts. All shares are from 0 to 1, None where there is nothing to divide by.

    Args:
        rows: Problems in the data set.
        composites: Of these, composites.
        depths, domains, topologies: How many rows have each depth, domain (of the last part) and topology.
        leaky: Share of the composites in which a value of a link stands somewhere else in the prompt's parts.
        guessable: Share of the links whose constant is an integer from 0 to 10.
        links_depend: Share of re-drawn first parts (answers of other composites in place of the first part's) that give
            the symbol another value.
        answers_depend: Share of re-drawn values of a symbol that change the right answer, over last parts that their
            generator can recompute.
        most_common_answer: The most frequent answer.
        answer_dominance: Its share.
        most_common_constant: The most frequent constant, as text.
        baselines: Scores of readers who never solve the first part.
        phrases: Distinct wordings of definitions and relations, symbols and numbers set aside.
        phrase_dominance: Share of the most frequent wording of a relation.
        last_parts: Distinct last parts.
        prompt_length: Lengths of the prompts.
    """

    rows: int
    composites: int
    depths: dict[int, int]
    domains: dict[str, int]
    topologies: dict[str, int]
    leaky: float | None
    guessable: float | None
    links_depend: float | None
    answers_depend: float | None
    most_common_answer: str
    answer_dominance: float
    most_common_constant: str | None
    baselines: Baselines
    phrases: int
    phrase_dominance: float | None
    last_parts: int
    prompt_length: Lengths

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


def stats(dataset: str | os.PathLike[str] | Iterable[Problem], *, limit: int | None = None) -> Stats:
    """Measure how robust a data set of composites is to shortcuts.

    Args:
        dataset: Composites (and plain problems, which count as depth 1), or a file that :func:`load_problems` reads.
        limit: Look at this many rows, evenly spaced, instead of all.

    Returns:
        A :class:`Stats`.

    Raises:
        ArgumentError, ArgumentTypeError: the data set is empty, or holds something that is no problem.

    Guarantees:
        Deterministic: re-draws go round the data set, nothing is random.

    Example:
        >>> from composekit.compose import Composer, Problem, stats
        >>> pool = [Problem(f"Tom has {n} nuts and eats 5 of them. How many are left?", n - 5) for n in range(31, 47)]
        >>> found = stats(Composer(pool, size=20))
        >>> found.composites, found.depths, found.guessable, found.baselines.last_number
        (20, {2: 20}, 0.0, 0.0)
    """
    rows = _rows(dataset, limit)
    composites = [row for row in rows if isinstance(row, Composite)]
    links = [link for composite in composites for link in composite.links]
    answers = Counter(row.answer.strip() for row in rows)
    (top_answer, top_count) = answers.most_common(1)[0]
    constants = Counter(key for link in links if (key := _worth(link.value_out)) is not None)
    top_constant = constants.most_common(1)[0][0] if constants else None
    relations = Counter(_wording(link.relation, link) for link in links if link.relation)
    definitions = {_wording(link.definition, link) for link in links if link.definition}
    linked = [composite for composite in composites if composite.links]
    return Stats(
        rows=len(rows),
        composites=len(composites),
        depths=_sorted(Counter(row.depth if isinstance(row, Composite) else 1 for row in rows)),
        domains=_sorted(Counter(_last(row).domain for row in rows)),
        topologies=_sorted(Counter(row.topology for row in composites)),
        leaky=_share(bool(audit(composite).leaks) for composite in linked),
        guessable=_share(is_guessable(link) for link in links),
        links_depend=_share(_redraw_links(links)),
        answers_depend=_share(_redraw_answers(linked)),
        most_common_answer=top_answer,
        answer_dominance=top_count / len(rows),
        most_common_constant=None if top_constant is None else repr(top_constant),
        baselines=Baselines(
            last_number=_share(last_number_is_answer(row) for row in rows) or 0.0,
            most_common_answer=top_count / len(rows),
            likeliest_constant=_share(_falls_to(composite, top_constant) for composite in linked) or 0.0,
            rounded_difference=_share(_falls_to_rounding(composite) for composite in linked) or 0.0,
        ),
        phrases=len(relations) + len(definitions),
        phrase_dominance=relations.most_common(1)[0][1] / relations.total() if relations else None,
        last_parts=len({_last(row).id for row in rows}),
        prompt_length=_lengths([len(row.prompt) for row in rows]),
    )


def _rows(dataset: str | os.PathLike[str] | Iterable[Problem], limit: int | None) -> Sequence[Problem]:
    if isinstance(dataset, str | os.PathLike):
        from composekit.compose.loading import load_problems

        dataset = load_problems(dataset)
    if limit is not None and limit < 1:
        raise bad_value(
            "stats", "limit", "be a positive integer or None", repr(limit), "Leave it out to look at all rows"
        )
    rows = list(islice(dataset, limit) if limit is None else islice(_every(dataset, limit), limit))
    for row in rows:
        if not isinstance(row, Problem):
            raise bad_type("stats", "dataset", "hold problems", type(row).__name__, "Load rows with load_problems()")
    if not rows:
        raise bad_value("stats", "dataset", "hold at least one problem", "none", "Check how it was made")
    return rows


def _every(dataset: Any, limit: int) -> Iterator[Problem]:
    """Rows spread over the whole data set where its length is known, else its first ones."""
    if not hasattr(dataset, "__len__"):
        return iter(dataset)
    return (dataset[i] for i in range(0, len(dataset), max(1, len(dataset) // limit)))


def _last(row: Problem) -> Problem:
    return row.parts[-1] if isinstance(row, Composite) else row


def _worth(number: object) -> Exact | None:
    try:
        return exact.of(number)
    except NotExact:
        return None


def _share(hits: Iterable[bool]) -> float | None:
    found = list(hits)
    return sum(found) / len(found) if found else None


def _sorted(counts: Counter[Any]) -> dict[Any, int]:
    return dict(sorted(counts.items()))


def _lengths(lengths: list[int]) -> Lengths:
    lengths.sort()
    return Lengths(
        sum(lengths) / len(lengths), lengths[len(lengths) // 2], lengths[int(0.95 * (len(lengths) - 1))], lengths[-1]
    )


def _wording(sentence: str, link: Link) -> str:
    """A sentence without its symbols, numbers and dollar signs."""
    for symbol, name in ((link.symbol_in, "X"), (link.symbol_out, "Y")):
        sentence = re.sub(rf"(?<![A-Za-z\\]){re.escape(symbol)}(?![A-Za-z])", name, sentence)
    sentence = re.sub(r"\\[dt]?frac\s*\{[^{}]*\}\s*\{[^{}]*\}", "#", sentence.replace("$", ""))
    return re.sub(rf"(?:{NUMERAL})(?:/\d+)?", "#", sentence)


# ------------------------------------------------------------------------------------------------------------ dependence


def _redraw_links(links: Sequence[Link]) -> Iterator[bool]:
    """For each link and some other first parts: does the symbol get another value? Y = X + d changes with X."""
    values = [_worth(link.value_in) for link in links]
    for index, value in enumerate(values):
        for step in range(1, min(REDRAWS, len(values) - 1) + 1):
            other = values[(index + step * 7919) % len(values)]
            if value is not None and other is not None and (step * 7919) % len(values):
                yield other != value


def _redraw_answers(composites: Sequence[Composite]) -> Iterator[bool]:
    """For each constant of a last part that its generator can recompute: does another value change the answer?"""
    from composekit.compose.generators import GENERATORS

    for composite in composites:
        last = composite.parts[-1]
        generator = GENERATORS.get(last.template.name) if last.template else None
        if generator is None or last.template is None or generator.make(**last.template.params).prompt != last.prompt:
            continue
        spans = {link.span: link for link in composite.links if link.target == len(composite.parts) - 1}
        for slot in generator.slots(last.template.params):
            if slot.span not in spans:
                continue
            others = [value for value in slot.values if value != slot.value]
            for value in others[:: max(1, len(others) // REDRAWS)][:REDRAWS]:
                yield generator.make(**{**last.template.params, slot.name: value}).answer != last.answer


# ------------------------------------------------------------------------------------------------------------- baselines


def _falls_to(composite: Composite, constant: Exact | None) -> bool:
    """Whether the last part is solved with this constant in place of every symbol in it."""
    last = len(composite.parts) - 1
    wanted = [_worth(link.value_out) for link in composite.links if link.target == last]
    return constant is not None and bool(wanted) and all(value == constant for value in wanted)


def _falls_to_rounding(composite: Composite) -> bool:
    """Whether the last part is solved with the printed differences rounded up."""
    last = len(composite.parts) - 1
    return all(is_rounded_difference(link) for link in composite.links if link.target == last)
