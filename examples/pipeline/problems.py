"""Chains of sums for a model that can be trained in a minute, and the tokens that they are made of."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor

from composekit.compose import Composer, Composite, Problem, Verdict, verify

NUMBERS = 100  # the tokens 0..99 are the numbers 0..99
END, PAD = NUMBERS, NUMBERS + 1
_WORD = re.compile(r"\d+|\w+|[^\w\s]")


def sums(low: int = 2, high: int = 12) -> list[Problem]:
    """Every sum of two numbers from ``low`` up to ``high``, as problems of depth 1."""
    terms = range(low, high)
    return [Problem(f"What is {a} + {b}?", a + b) for a in terms for b in terms]


def chains(
    pool: list[Problem], depth: int, count: int, *, seed: int, unlike: Iterable[Problem] = ()
) -> list[Composite]:
    """The first ``count`` chains of a stream that are not among ``unlike``."""
    seen = {problem.prompt for problem in unlike}
    stream = Composer(pool, depth=depth, seed=seed, size=2 * count)
    fresh = {problem.prompt: problem for problem in stream if problem.prompt not in seen}
    return list(fresh.values())[:count]


def worked(problem: Problem) -> list[int]:
    """The numbers on the way to the answer: X and Y of every link, and the last answer."""
    links = problem.links if isinstance(problem, Composite) else ()
    steps = [value for link in links for value in (link.value_in, link.value_out)]
    return [int(value) for value in (*steps, problem.answer)]


def judge(numbers: Sequence[int], problem: Problem) -> Verdict:
    """The verdict on a response that writes these numbers down and boxes the last."""
    *steps, answer = numbers or [""]
    return verify("".join(f"{step}, so " for step in steps) + rf"\boxed{{{answer}}}", problem)


class Words:
    """The words of some problems as tokens. Numbers come first, so that a number is its own token.

    Args:
        problems: Where the words are taken from.

    Raises:
        KeyError: ``encode`` met a word that none of them has.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        words = sorted({word for problem in problems for word in _WORD.findall(problem.prompt) if not word.isdigit()})
        self._tokens = {str(n): n for n in range(NUMBERS)} | {word: PAD + 1 + i for i, word in enumerate(words)}

    def __len__(self) -> int:
        return PAD + 1 + len(self._tokens) - NUMBERS

    def encode(self, problems: Sequence[Problem]) -> Tensor:
        """``[N, T]``: the prompts, padded on the left."""
        rows = [[self._tokens[word] for word in _WORD.findall(problem.prompt)] for problem in problems]
        longest = max(map(len, rows))
        return torch.tensor([[PAD] * (longest - len(row)) + row for row in rows])


def solutions(problems: Sequence[Problem]) -> Tensor:
    """``[N, S]``: the worked numbers and the end, padded on the right."""
    rows = [[*worked(problem), END] for problem in problems]
    longest = max(map(len, rows))
    return torch.tensor([row + [PAD] * (longest - len(row)) for row in rows])


def numbers_of(tokens: Tensor) -> list[list[int]]:
    """What each row ``[N, S]`` of a response says before it ends."""
    rows = tokens.tolist()
    return [row[: row.index(END)] if END in row else row for row in rows]
