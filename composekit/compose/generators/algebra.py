"""Equations, systems, polynomials, sequences: exact answers, in words and in LaTeX."""
# ruff: noqa: RUF012  (the tables of a family are class attributes that nobody changes)

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from math import isqrt
from typing import Any

from composekit.compose.generators.base import Family, Generator
from composekit.compose.generators.stream import Stream, scaled
from composekit.compose.generators.words import NAMES

P = Mapping[str, Any]


class LinearEquation(Family):
    """a (x + b) = c x + e with an integer solution."""

    name = "linear_equation"
    ranges = {"a": range(3, 500), "b": range(2, 5000), "c": range(2, 499), "e": range(2, 10**7)}
    fixed = ("a", "c")
    wordings = (
        r"Solve $<a>(x + <b>) = <c>x + <e>$ for $x$.",
        r"For which number $x$ is $<a>(x + <b>)$ equal to $<c>x + <e>$?",
        "Think of a number. Adding <b> to it and then multiplying by <a> gives the same result as multiplying the "
        "number by <c> and then adding <e>. What is the number?",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        c, b, x = rng.between(2, 4 + 4 * level), scaled(rng, level, 11, 40), scaled(rng, level, 11, 60)
        a = c + rng.between(1, 2 + 3 * level)
        return {"a": a, "b": b, "c": c, "e": a * (x + b) - c * x}

    def valid(self, p: P) -> bool:
        return bool(p["a"] > p["c"] and (p["e"] - p["a"] * p["b"]) % (p["a"] - p["c"]) == 0 and self.solve(p) > 0)

    def solve(self, p: P) -> int:
        return int((p["e"] - p["a"] * p["b"]) // (p["a"] - p["c"]))


class SumDifference(Family):
    """Two numbers from their sum and their difference; the product is asked."""

    name = "sum_difference"
    words = {"first": NAMES, "second": NAMES}
    ranges = {"total": range(3, 20000), "gap": range(1, 10000)}
    wordings = (
        r"Let $x + y = <total>$ and $x - y = <gap>$. Find the product $xy$.",
        "Two whole numbers add up to <total>, and the larger exceeds the smaller by <gap>. What is their product?",
        "<first> and <second> together own <total> stamps, and <first> owns <gap> more than <second>. Multiply the "
        "two numbers of stamps. What is the product?",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        small, gap = scaled(rng, level, 11, 60), scaled(rng, level, 11, 50)
        return {"total": 2 * small + gap, "gap": gap}

    def valid(self, p: P) -> bool:
        return bool(p["total"] > p["gap"] and (p["total"] - p["gap"]) % 2 == 0)

    def solve(self, p: P) -> int:
        return int((p["total"] + p["gap"]) * (p["total"] - p["gap"]) // 4)


class LinearSystem(Family):
    """Two linear equations with an integer solution."""

    name = "linear_system"
    words = {"who": NAMES}
    ranges = {k: range(2, 100) for k in "abcd"} | {"s": range(4, 10**6), "t": range(4, 10**6)}
    fixed = ("a", "b", "c", "d")
    wordings = (
        r"The numbers $x$ and $y$ satisfy $<a>x + <b>y = <s>$ and $<c>x + <d>y = <t>$. What is $x + y$?",
        r"Solve the system \[ \begin{aligned} <a>x + <b>y &= <s> \\ <c>x + <d>y &= <t> \end{aligned} \] and give $x + "
        r"y$.",
        "<a> apples and <b> pears weigh <s> grams, while <c> apples and <d> pears weigh <t> grams. All apples weigh "
        "the same, and so do all pears. <who> takes one apple and one pear. How many grams do these two weigh "
        "together?",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        a, b, c, d = (rng.between(2, 4 + 3 * level) for _ in range(4))
        x, y = scaled(rng, level, 11, 60), scaled(rng, level, 11, 60)
        return {"a": a, "b": b, "c": c, "d": d, "s": a * x + b * y, "t": c * x + d * y}

    def _solution(self, p: P) -> tuple[Fraction, Fraction]:
        det = p["a"] * p["d"] - p["b"] * p["c"]
        x, y = p["s"] * p["d"] - p["b"] * p["t"], p["a"] * p["t"] - p["c"] * p["s"]
        return Fraction(x, det), Fraction(y, det)

    def valid(self, p: P) -> bool:
        if p["a"] * p["d"] == p["b"] * p["c"] or p["a"] == p["b"] or p["c"] == p["d"]:
            return False  # from 9x + 9y alone one has x + y
        return all(v.denominator == 1 and v > 0 for v in self._solution(p))

    def solve(self, p: P) -> int:
        return int(sum(self._solution(p)))


class Vieta(Family):
    """The sum of the squares of the roots, from the coefficients."""

    name = "vieta"
    ranges = {"b": range(2, 5000), "c": range(2, 10**6)}
    wordings = (
        r"Let $r$ and $s$ be the roots, real or complex, of $x^2 - <b>x + <c> = 0$. Find $r^2 + s^2$.",
        r"What is the sum of the squares of the two roots of $x^2 + <b>x + <c>$? Count a double root twice; complex "
        r"roots are allowed.",
        r"Two numbers, which may be complex, have the sum <b> and the product <c>. What is the sum of their squares?",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        b = scaled(rng, level, 11, 60)
        return {"b": b, "c": rng.between(11, max(12, b * b // 3))}

    def solve(self, p: P) -> int:
        return int(p["b"] ** 2 - 2 * p["c"])


class QuadraticRoots(Family):
    """A quadratic with two different positive integer roots."""

    name = "quadratic_roots"
    words = {"who": NAMES}
    ranges = {"b": range(3, 2000), "c": range(2, 10**6)}
    wordings = (
        r"What is the larger solution of $x^2 - <b>x + <c> = 0$?",
        r"The polynomial $x^2 - <b>x + <c>$ has two integer roots. Which is the larger one?",
        "<who> fences a rectangular field. Its area is <c> square metres, and one long side and one short side "
        "together measure <b> metres. How many metres long is a long side?",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        r, s = scaled(rng, level, 11, 70), scaled(rng, level, 3, 60)
        return {"b": r + s, "c": r * s}

    def valid(self, p: P) -> bool:
        d = p["b"] ** 2 - 4 * p["c"]
        return bool(d > 0 and isqrt(d) ** 2 == d)

    def solve(self, p: P) -> int:
        return int(p["b"] + isqrt(p["b"] ** 2 - 4 * p["c"])) // 2


class ArithmeticSum(Family):
    """The sum of an arithmetic sequence."""

    name = "arithmetic_sum"
    words = {"who": NAMES}
    ranges = {"first": range(1, 5000), "step": range(1, 1000), "n": range(3, 1000)}
    wordings = (
        r"An arithmetic sequence starts with <first> and has the common difference <step>. What is the sum of its "
        r"first <n> terms?",
        "<who> saves <first> coins in the first week and in every later week <step> coins more than in the week "
        "before. How many coins has <who> saved after <n> weeks?",
        "A hall has <n> rows of seats. There are <first> seats in the front row, and each row behind has <step> seats "
        "more than the row before it. How many seats are there?",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        n = rng.between(11, 15 + 10 * level)
        return {"first": scaled(rng, level, 11, 50), "step": rng.between(3, 11 + 8 * level), "n": n}

    def solve(self, p: P) -> int:
        return int(p["n"] * (2 * p["first"] + (p["n"] - 1) * p["step"]) // 2)


class GeometricSum(Family):
    """Growth by a constant factor."""

    name = "geometric_sum"
    words = {"who": NAMES}
    ranges = {"first": range(2, 5000), "ratio": range(2, 8), "n": range(3, 12)}
    fixed = ("ratio", "n")
    wordings = (
        r"The first term of a geometric sequence is <first>, and every term is <ratio> times the one before. What is "
        r"the sum of the first <n> terms?",
        "<who> writes <first> letters on the first day and, on every further day, <ratio> times as many as on the day "
        "before. How many letters are written in <n> days?",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        return {
            "first": scaled(rng, level, 11, 250),
            "ratio": rng.between(2, 3 + level // 2),
            "n": rng.between(3, 3 + level),
        }

    def solve(self, p: P) -> int:
        return int(p["first"] * (p["ratio"] ** p["n"] - 1) // (p["ratio"] - 1))


class Quadratic(Family):
    """The value of a quadratic function, given by three coefficients."""

    name = "polynomial_value"
    ranges = {"a": range(2, 100), "b": range(2, 1000), "c": range(2, 10**5), "k": range(2, 500)}
    fixed = ("a", "b")
    wordings = (
        r"Let $f(x) = <a>x^2 + <b>x - <c>$. What is $f(<k>)$?",
        r"Evaluate $<a>x^2 + <b>x - <c>$ at $x = <k>$.",
        r"The height of a curve above the point $x$ of an axis is $<a>x^2 + <b>x - <c>$. How high is it above the "
        r"point $x = <k>$? Give a negative number if it lies below the axis.",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        a, b = rng.between(2, 3 + 2 * level), rng.between(3, 11 + 8 * level)
        return {"a": a, "b": b, "c": scaled(rng, level, 11, 90), "k": rng.between(11, 14 + 6 * level)}

    def solve(self, p: P) -> int:
        return int(p["a"] * p["k"] ** 2 + p["b"] * p["k"] - p["c"])


class Telescope(Family):
    """A sum of unit fractions that telescopes; the answer is a fraction."""

    name = "telescoping_sum"
    ranges = {"m": range(2, 2000), "n": range(3, 4000)}
    wordings = (
        r"Add $\frac{1}{k(k+1)}$ over all integers $k$ with $<m> \le k \le <n>$. Give the sum as a fraction in lowest "
        r"terms.",
        "Add the fractions 1/(k(k+1)) for all whole numbers k from <m> to <n>, both included. Give the sum as a "
        "fraction in lowest terms.",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        m = scaled(rng, level, 11, 70)
        return {"m": m, "n": m + scaled(rng, level, 11, 90)}

    def valid(self, p: P) -> bool:
        return bool(p["m"] < p["n"])

    def solve(self, p: P) -> Fraction:
        return Fraction(1, p["m"]) - Fraction(1, p["n"] + 1)


algebra = Generator(
    "algebra",
    [
        LinearEquation(), SumDifference(), LinearSystem(), Vieta(), QuadraticRoots(), ArithmeticSum(), GeometricSum(),
        Quadratic(), Telescope(),
    ],
)  # fmt: skip
