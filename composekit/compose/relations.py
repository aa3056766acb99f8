r"""Sentences that give one symbol from another, as people and language models write them: found and read.

``$M$ is 10 less than $N$``, ``Let M be \( \frac{1}{2} \) more than N``, ``M is equal to N``, ``$M = N - 10$``.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

from composekit.compose import exact
from composekit.compose.exact import Exact
from composekit.compose.naming import says
from composekit.compose.problem import Link

# Every repetition is bounded, so that no text takes more than linear time.
NAME = r"(?:\$|\\\()?\s{0,3}\{{0,2}\s{0,3}(?<![^\W\d_])(\\?[^\W\d_]{1,20})\s{0,3}\}{0,2}\s{0,3}(?:\$|\\\))?"
COMPARED = re.compile(r"\b(?:than|equal\s{1,3}to|the\s{1,3}same\s{1,3}as)\b")
SENTENCE = re.compile(
    r"(?:is|be|equals|are)\s+(?:exactly\s+)?"
    r"(?:(?P<difference>(?:(?!\s(?:is|be|equals|are)\s|\.\s|\n).){1,160}?)\s+"
    r"(?P<word>more|greater|larger|higher|less|smaller|fewer|lower)\s+than|(?P<equal>equal\s{1,3}to|the\s{1,3}same\s{1,3}as))\s+"
    r"(?:the\s+(?:value|number)\s+(?:of\s+)?)?" + NAME
)
EQUATION = re.compile(NAME + r"\s{0,3}:?=\s{0,3}(?P<formula>[^$=\n]{1,120}?)(?=\$|\\\)|\.(?:\s|$)|\n|,\s|$)")
PAIR = re.compile(NAME + r"\s{1,3}and\s{1,3}" + NAME + r"\s{1,3}are\s{1,3}(?:equal|the\s{1,3}same)\b")
SUBJECT = re.compile(r"(?<![\w\\])" + NAME + r"\s*$")
BEFORE, AFTER = 240, 60  # characters around the word that compares
MORE = frozenset(["more", "greater", "larger", "higher"])


@dataclass(frozen=True)
class Relation:
    """A sentence that gives Y from X: the symbols as printed, Y as an expression in X, and where the sentence stands."""

    symbol_in: str
    symbol_out: str
    expression: str
    start: int
    end: int

    def apply(self, value_in: Exact) -> Exact:
        """Y for a given X. Raises NotExact where the expression cannot be read."""
        return exact.value(self.expression, {self.symbol_in: value_in})


def find_relation(link: Link, prompt: str) -> Relation | None:
    r"""The sentence of a prompt that states the link: the one with both of its symbols, else one with either.

    Example:
        >>> link = Link(0, 1, "N", "13", "M", "3", "", None)
        >>> find_relation(link, r"... Define $N$ is that number. $M$ is 10 less than $N$. In triangle ...").expression
        'N - (10)'
        >>> find_relation(link, r"Let $N$ be that. Define $M$ as the number that is $10$ less than $N$.").symbol_out
        'M'
        >>> find_relation(link, r"Let $N$ be that and $M = N - 10$. In triangle ...").expression
        'N - 10'
    """
    source, target = (exact.repair_escapes(symbol) for symbol in (link.symbol_in, link.symbol_out))
    best: tuple[int, Relation] | None = None
    for relation in (*_comparisons(source, target, prompt), *_equalities(source, target, prompt)):
        score = (relation.symbol_out == target) + (relation.symbol_in == source)
        if score and (best is None or score > best[0]):
            best = (score, relation)
    return best[1] if best else None


def _comparisons(source: str, target: str, prompt: str) -> Iterator[Relation]:
    end = 0
    for word in COMPARED.finditer(prompt):
        match = SENTENCE.search(prompt, max(end, word.start() - BEFORE), word.end() + AFTER)
        if match is None or not match.start() < word.start() < match.end():
            continue
        head = prompt[max(end, match.start() - 80) : match.start()]
        end = match.end()
        subject = SUBJECT.search(head)
        symbol = target if says(target, head) else (subject.group(1) if subject else "")
        into = source if match.groups()[-1] == source else match.groups()[-1]
        sign = "+" if match["word"] in MORE else "-"
        difference = exact.spelled(match["difference"] or "") or match["difference"]
        expression = into if match["equal"] else f"{into} {sign} ({difference})"
        yield Relation(into, symbol, expression, match.start(), match.end())


def _equalities(source: str, target: str, prompt: str) -> Iterator[Relation]:
    for match in EQUATION.finditer(prompt):
        if match.group(1) == target and says(source, match["formula"]):
            yield Relation(source, target, match["formula"], match.start(), match.end())
    for match in PAIR.finditer(prompt):
        if {source, target} == set(match.groups()):
            yield Relation(source, target, source, match.start(), match.end())
