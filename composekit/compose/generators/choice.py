"""Multiple choice: a question, a printed table of options, the letter of the right one."""
# ruff: noqa: RUF012  (the tables of a family are class attributes that nobody changes)

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from composekit.compose.generators.base import Family, Generator
from composekit.compose.generators.stream import Stream, scaled
from composekit.compose.generators.words import GOODS, MONEY, NAMES

P = Mapping[str, Any]
LETTERS = "ABCDE"


class Choice(Family):
    """Numbers n0, n1, ... (and m0, m1, ...) of the five options; subclasses say what an option reads and which one wins."""

    domain = "choice"
    verifier = "choice"

    def option(self, p: P, k: int) -> str:
        """The text of option k."""
        raise NotImplementedError

    def rank(self, p: P, k: int) -> Any:
        """The right option has the largest rank, alone."""
        raise NotImplementedError

    def few(self, p: P) -> int:
        return len(LETTERS)

    def valid(self, p: P) -> bool:
        ranks = sorted(self.rank(p, k) for k in range(5))
        texts = {self.option(p, k) for k in range(5)}
        return bool(ranks[-1] > ranks[-2]) and len(texts) == 5

    def solve(self, p: P) -> str:
        return LETTERS[max(range(5), key=lambda k: self.rank(p, k))]

    def render(self, p: P) -> tuple[str, dict[str, list[tuple[int, int]]]]:
        prompt, spans = super().render(p)
        table = "\n".join(f"{letter}. {self.option(p, k)}" for k, letter in enumerate(LETTERS))
        return f"{prompt}\n{table}", spans

    def notes(self, p: P) -> dict[str, Any]:
        return {"choices": {letter: self.option(p, k) for k, letter in enumerate(LETTERS)}}


def _five(name: str, values: range) -> dict[str, range]:
    return {f"{name}{k}": values for k in range(5)}


class BestOffer(Choice):
    """The lowest price a piece."""

    name = "best_offer"
    words = {"item": GOODS, "coin": MONEY, "who": NAMES}
    ranges = _five("n", range(2, 5000)) | _five("m", range(2, 10**6))
    wordings = (
        "<who> compares five offers of <item>. Which one has the lowest price a piece?",
        "Five sellers offer <item> in packs. At which offer does <who> pay the least for one piece?",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        each = scaled(rng, level, 11, 40)
        counts = [rng.between(11, 20 + 12 * level) for _ in range(5)]
        slack = 30 // level
        return {f"n{k}": n for k, n in enumerate(counts)} | {
            f"m{k}": each * n + rng.between(-slack, slack) * n // 10 + 1 for k, n in enumerate(counts)
        }

    def option(self, p: P, k: int) -> str:
        return f"{p[f'n{k}']} {p['item']} for {p[f'm{k}']} {p['coin']}"

    def rank(self, p: P, k: int) -> Fraction:
        return -Fraction(p[f"m{k}"], p[f"n{k}"])


class LargestFraction(Choice):
    """The largest of five fractions."""

    name = "largest_fraction"
    ranges = _five("n", range(1, 10**5)) | _five("m", range(2, 10**5))
    wordings = ("Which of these fractions is the largest?", "Which of the following numbers has the greatest value?")

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        below = [scaled(rng, level, 13, 50) for _ in range(5)]
        target = Fraction(rng.between(30, 90), 100)
        return {f"m{k}": m for k, m in enumerate(below)} | {
            f"n{k}": max(1, int(target * m) + rng.between(-1, 1)) for k, m in enumerate(below)
        }

    def option(self, p: P, k: int) -> str:
        return f"{p[f'n{k}']}/{p[f'm{k}']}"

    def rank(self, p: P, k: int) -> Fraction:
        return Fraction(p[f"n{k}"], p[f"m{k}"])


class Fastest(Choice):
    """The highest average speed."""

    name = "fastest"
    words = {"who": NAMES}
    ranges = _five("n", range(2, 10**5)) | _five("m", range(2, 10**5))
    wordings = (
        "<who> timed five trains. Which of them had the highest average speed?",
        "Five tours of <who> are listed with their lengths and times. On which of them was the average speed greatest?",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        minutes = [rng.between(21, 60 + 40 * level) for _ in range(5)]
        pace = rng.between(11, 30)
        return {f"m{k}": m for k, m in enumerate(minutes)} | {
            f"n{k}": m * pace // 10 + rng.between(-12 // level, 12 // level) for k, m in enumerate(minutes)
        }

    def option(self, p: P, k: int) -> str:
        return f"{p[f'n{k}']} km in {p[f'm{k}']} minutes"

    def rank(self, p: P, k: int) -> Fraction:
        return Fraction(p[f"n{k}"], p[f"m{k}"])


class OnlyMultiple(Choice):
    """The one number that another one divides."""

    name = "only_multiple"
    ranges = _five("n", range(2, 10**6)) | {"d": range(3, 500)}
    fixed = ("d",)
    wordings = (
        "Only one of these numbers is divisible by <d>. Which one?",
        "Which of the following is a multiple of <d>?",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        d, right = rng.between(11, 15 + 10 * level), rng.below(5)
        bases = [d * scaled(rng, level, 11, 60) for _ in range(5)]
        return {f"n{k}": n + (k != right) * rng.between(1, d - 1) for k, n in enumerate(bases)} | {"d": d}

    def option(self, p: P, k: int) -> str:
        return str(p[f"n{k}"])

    def rank(self, p: P, k: int) -> int:
        return int(p[f"n{k}"] % p["d"] == 0)


class NearestProduct(Choice):
    """The estimate that comes closest to a product."""

    name = "nearest_product"
    ranges = _five("n", range(2, 10**8)) | {"a": range(11, 5000), "b": range(11, 5000)}
    wordings = (
        r"Which of these numbers is closest to $<a> \cdot <b>$?",
        "A field measures <a> metres by <b> metres. Which number comes closest to its area in square metres?",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        a, b = scaled(rng, level, 21, 60), scaled(rng, level, 21, 60)
        step = 10 ** max(len(str(a * b)) - 3, 1)  # round numbers: the product itself would be the one that a divides
        near = [a * b * rng.between(100 - 40 // level, 100 + 40 // level) // (100 * step) * step for _ in range(5)]
        return {f"n{k}": n for k, n in enumerate(near)} | {"a": a, "b": b}

    def option(self, p: P, k: int) -> str:
        return str(p[f"n{k}"])

    def rank(self, p: P, k: int) -> int:
        return -abs(int(p[f"n{k}"] - p["a"] * p["b"]))


choice = Generator("choice", [BestOffer(), LargestFraction(), Fastest(), OnlyMultiple(), NearestProduct()])
