"""Number theory, counting and graphs."""
# ruff: noqa: RUF012  (the tables of a family are class attributes that nobody changes)

from __future__ import annotations

from collections.abc import Mapping
from heapq import heappop, heappush
from math import comb, gcd, lcm, prod
from typing import Any

from composekit.compose.generators.base import Family, Generator
from composekit.compose.generators.stream import Stream, scaled
from composekit.compose.generators.words import NAMES, TOWNS

P = Mapping[str, Any]


class Remainder(Family):
    """The remainder of a product plus a number."""

    name = "remainder"
    words = {"who": NAMES}
    ranges = {"a": range(2, 10**5), "b": range(2, 10**5), "c": range(2, 10**5), "m": range(3, 5000)}
    wordings = (
        r"What is the remainder when $<a> \cdot <b> + <c>$ is divided by $<m>$?",
        "<who> has <a> rolls of <b> coins each and <c> loose coins, and packs all of them into bags of <m> coins. How "
        "many coins are left over when no further bag can be filled?",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        return {k: scaled(rng, level, 11, 90) for k in "abc"} | {"m": scaled(rng, level, 23, 60)}

    def valid(self, p: P) -> bool:  # where b is a multiple of m, nobody needs a
        periods = (p["m"] // gcd(p[k], p["m"]) for k in "ab")
        return self.solve(p) > 1 and min(periods) > 2

    def solve(self, p: P) -> int:
        return int((p["a"] * p["b"] + p["c"]) % p["m"])


class PowerRemainder(Family):
    """The remainder of a power."""

    name = "power_remainder"
    ranges = {"a": range(2, 10**4), "n": range(2, 10**4), "m": range(3, 5000)}
    fixed = ("n",)  # an exponent is typography, not a value to be linked
    wordings = (
        r"Find the remainder of $<a>^{<n>}$ on division by $<m>$.",
        r"A counter shows 1 and is multiplied by <a> again and again, <n> times in all. It only ever keeps the "
        r"remainder on division by <m>. Which number does it show in the end?",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        return {"a": scaled(rng, level, 11, 40), "n": scaled(rng, level, 11, 40), "m": scaled(rng, level, 23, 60)}

    def valid(self, p: P) -> bool:
        return self.solve(p) > 1

    def solve(self, p: P) -> int:
        return pow(p["a"], p["n"], p["m"])


class CommonMultiple(Family):
    """Least common multiple: when two rhythms meet again."""

    name = "common_multiple"
    words = {"who": NAMES}
    ranges = {"a": range(2, 5000), "b": range(2, 5000)}
    wordings = (
        "What is the least common multiple of <a> and <b>?",
        "One lighthouse flashes every <a> seconds, another every <b> seconds. <who> sees both flash at the same "
        "moment. After how many seconds do they next flash together?",
        "<who> tiles a square floor with tiles of <a> by <b> millimetres, all laid in the same direction and none of "
        "them cut. How many millimetres does the side of the smallest such square measure?",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        shared = rng.between(2, 6 + 2 * level)
        return {"a": shared * rng.between(11, 11 + 8 * level), "b": shared * rng.between(11, 11 + 8 * level)}

    def valid(self, p: P) -> bool:
        return bool(p["a"] != p["b"])

    def solve(self, p: P) -> int:
        return lcm(p["a"], p["b"])


class Divisors(Family):
    """How many divisors a number has, or how many numbers below it share no factor with it."""

    name = "divisors"
    ranges = {"n": range(2, 10**5), "k": range(2, 2000)}
    wordings = (
        "How many positive divisors does <n> have? Multiply their number by <k>. What is the result?",
        "Every positive divisor of <n> is written on a card of its own, and each card is worth <k> points. How many "
        "points are the cards worth in all?",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        n = prod(rng.choice((2, 2, 2, 3, 3, 5, 7, 11, 13)) for _ in range(3 + level))
        return {"n": n, "k": scaled(rng, level, 11, 40)}

    def valid(self, p: P) -> bool:
        return bool(p["n"] > 20)

    def solve(self, p: P) -> int:
        n, divisors, q = p["n"], 1, 2
        while q * q <= n:
            exponent = 0
            while n % q == 0:
                n, exponent = n // q, exponent + 1
            divisors, q = divisors * (exponent + 1), q + 1
        return int(divisors * (1 + (n > 1)) * p["k"])


class MultiplesOfEither(Family):
    """Inclusion and exclusion for two divisors."""

    name = "multiples_of_either"
    ranges = {"n": range(20, 10**6), "a": range(2, 500), "b": range(2, 500)}
    wordings = (
        "How many whole numbers from 1 to <n> are divisible by <a> or by <b> (or by both)?",
        "Lamps are numbered from 1 to <n>. Every lamp whose number is a multiple of <a> or of <b> is lit, and no "
        "other lamp is. How many lamps are lit?",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        return {
            "n": scaled(rng, level, 200, 900),
            "a": rng.between(3, 12 + 2 * level),
            "b": rng.between(3, 13 + 3 * level),
        }

    def valid(self, p: P) -> bool:
        return bool(p["a"] % p["b"] and p["b"] % p["a"] and p["n"] > p["a"] * p["b"])

    def solve(self, p: P) -> int:
        a, b, n = p["a"], p["b"], p["n"]
        return int(n // a + n // b - n // (a * b // gcd(a, b)))


class GridPaths(Family):
    """Shortest walks on a grid of streets."""

    name = "grid_paths"
    words = {"who": NAMES}
    ranges = {"east": range(1, 60), "north": range(1, 60)}
    wordings = (
        "<who> walks from home to the station, which lies <east> blocks to the east and <north> blocks to the north "
        "on a square grid of streets. Every block walked leads east or north. How many different routes are there?",
        "<who> steers a robot that stands in a corner of a grid. It must get to the point <east> steps to the right "
        "and <north> steps up, moving only right or up, one step at a time. In how many ways can it do so?",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        return {"east": rng.between(3, 12 + 2 * level), "north": rng.between(3, 12 + 2 * level)}

    def solve(self, p: P) -> int:
        return comb(p["east"] + p["north"], p["east"])


class Committee(Family):
    """Choosing from two groups."""

    name = "committee"
    words = {"who": NAMES}
    ranges = {"a": range(2, 200), "b": range(2, 200), "i": range(1, 5), "j": range(1, 5)}
    fixed = ("i", "j")
    wordings = (
        "From <a> teachers and <b> students, <who> must choose a committee of exactly <i> teachers and <j> students. "
        "In how many ways can it be chosen?",
        "A box holds <a> different red cards and <b> different blue cards. <who> takes <i> red and <j> blue cards "
        "out. The order does not matter. How many different choices are possible?",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        a, b = rng.between(11, 13 + 3 * level), rng.between(11, 13 + 3 * level)
        return {"a": a, "b": b, "i": rng.between(2, 2 + level // 3), "j": rng.between(2, 2 + level // 2)}

    def solve(self, p: P) -> int:
        return comb(p["a"], p["i"]) * comb(p["b"], p["j"])


class ShortestRoad(Family):
    """The shortest way through a small network of roads."""

    name = "shortest_road"
    words = dict.fromkeys(("start", "t1", "t2", "t3", "goal"), TOWNS)
    ranges = {k: range(2, 2000) for k in ("s1", "s2", "s3", "e12", "e23", "g1", "g2", "g3")}
    wordings = (
        "All roads may be used in both directions. Their lengths in kilometres are <s1> from <start> to <t1>, <s2> "
        "from <start> to <t2>, <s3> from <start> to <t3>, <e12> from <t1> to <t2>, <e23> from <t2> to <t3>, <g1> from "
        "<t1> to <goal>, <g2> from <t2> to <goal>, and <g3> from <t3> to <goal>. There are no other roads. How many "
        "kilometres long is the shortest way from <start> to <goal>?",
        "A courier drives from <start> to <goal>. From <start>, roads of <s1>, <s2> and <s3> kilometres lead to <t1>, "
        "<t2> and <t3>. From <goal>, roads of <g1>, <g2> and <g3> kilometres lead to <t1>, <t2> and <t3>, in this "
        "order. Besides, <t1> and <t2> are joined by a road of <e12> kilometres, and <t2> and <t3> by one of <e23> "
        "kilometres. What is the least number of kilometres that the courier has to drive?",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        return {k: scaled(rng, level, 11, 90) if k[0] != "e" else rng.between(11, 30) for k in self.ranges}

    def solve(self, p: P) -> int:
        roads: dict[str, dict[str, int]] = {k: {} for k in "s123g"}
        for key in self.ranges:
            a, b = (key[0], key[1]) if key[0] != "e" else (key[1], key[2])
            roads[a][b] = roads[b][a] = p[key]
        best, queue = {"s": 0}, [(0, "s")]
        while queue:
            length, town = heappop(queue)
            for other, road in roads[town].items():
                if length + road < best.get(other, 10**9):
                    best[other] = length + road
                    heappush(queue, (length + road, other))
        return best["g"]

    def unneeded(self, p: P) -> tuple[str, ...]:
        """The roads off the shortest way."""
        shortest = self.solve(p)
        return tuple(road for road in self.ranges if self.solve({**p, road: p[road] + 1}) == shortest)


discrete = Generator(
    "discrete",
    [
        Remainder(), PowerRemainder(), CommonMultiple(), Divisors(), MultiplesOfEither(), GridPaths(), Committee(),
        ShortestRoad(),
    ],
)  # fmt: skip
