r"""Texts that a test set already holds, found by the runs of words that they share.

A text is contaminated when it shares a run of ``n`` words with a text of a test set, after case, punctuation and spacing are
set aside. A test text shorter than ``n`` words counts where it stands whole, unless it is so short that chance would
find it everywhere: then only the same text counts.
"""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping

from composekit._errors import bad_type, bad_value
from composekit.compose.problem import Problem
from composekit.compose.reading import READERS

IDEOGRAPH = r"\u3040-\u30ff\u3400-\u9fff"  # written without spaces: each is a word of its own
WORD = re.compile(rf"[{IDEOGRAPH}]|[^\W_{IDEOGRAPH}]+")
SHORTEST_RUN = 8  # words; a shorter test text must be matched as a whole text


def words(text: str) -> list[str]:
    r"""The words and numbers of a text, without case, accents' encodings, punctuation and spacing.

    Example:
        >>> words("Find $\\frac{1}{2}$ of  THE cake!")
        ['find', 'frac', '1', '2', 'of', 'the', 'cake']
        >>> words("三只猫")
        ['三', '只', '猫']
    """
    return WORD.findall(unicodedata.normalize("NFKC", text).casefold())


def texts_of(test_sets: Iterable[object]) -> Iterator[str]:
    """The texts of test sets: problems (their prompts), texts, files that :func:`load_problems` reads, or lists of these.

    Raises:
        ArgumentTypeError: something else is among them.
    """
    from composekit.compose.loading import load_problems

    if isinstance(test_sets, str | os.PathLike | Problem):  # one alone; a string's items would be its letters
        test_sets = [test_sets]
    for item in [test_sets] if isinstance(test_sets, Mapping) or not isinstance(test_sets, Iterable) else test_sets:
        is_file = isinstance(item, str) and "\n" not in item and item.lower().endswith(tuple(READERS))
        if isinstance(item, Problem):
            yield item.prompt
        elif isinstance(item, os.PathLike) or is_file:
            yield from (problem.prompt for problem in load_problems(item))  # type: ignore[arg-type]
        elif isinstance(item, str):
            yield item
        elif isinstance(item, Iterable) and not isinstance(item, Mapping | bytes):
            yield from texts_of(item)
        else:
            got = type(item).__name__
            repair = "Pass prompts as strings, or rows through load_problems"
            raise bad_type("build", "decontaminate", "hold problems, texts or files", got, repair)


class NGramIndex:
    """The runs of ``n`` words of some test texts.

    Args:
        texts: The test texts.
        n: The length of a run, in words; 13 is what the literature on contamination uses most.

    Raises:
        ArgumentError: ``n`` is less than 2.

    Example:
        >>> index = NGramIndex(["How many legs do three cats and four birds have in all together?"], n=6)
        >>> index.contaminated("Ann asks: how many legs do THREE cats, and four dogs have?")
        True
        >>> index.contaminated("How many legs do two cats have?")
        False
    """

    def __init__(self, texts: Iterable[str], n: int = 13) -> None:
        if n < 2:
            raise bad_value("build", "ngram", "be at least 2 words", n, "13 is customary")
        self.n = n
        self.runs: dict[int, set[str]] = {}
        self.whole: set[str] = set()
        for text in texts:
            found = words(text)
            length = min(n, len(found))
            if not found:  # no words at all: every such text would be the same
                continue
            if length < min(n, SHORTEST_RUN):
                self.whole.add(" ".join(found))
            else:
                self.runs.setdefault(length, set()).update(_runs(found, length))

    def contaminated(self, text: str) -> bool:
        """Whether the text shares a run of words with a test text."""
        found = words(text)
        if " ".join(found) in self.whole:
            return True
        return any(run in runs for length, runs in self.runs.items() for run in _runs(found, length))


def _runs(found: list[str], length: int) -> Iterator[str]:
    return (" ".join(found[i : i + length]) for i in range(len(found) - length + 1))
