"""Logic puzzles with a unique solution, found by going through every case, and a number for an answer."""
# ruff: noqa: RUF012  (the tables of a family are class attributes that nobody changes)

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import reduce
from itertools import permutations, product
from typing import Any

from composekit.compose.generators.base import Family, Generator
from composekit.compose.generators.stream import Stream, scaled
from composekit.compose.generators.words import MONEY, NAMES

P = Mapping[str, Any]
_COUNTS = ("none", "one", "two", "three", "four", "five", "six", "seven")


class Logic(Family):
    """A logic puzzle; its names and statements are lists in the parameters."""

    domain = "logic"


def _listing(names: Sequence[str]) -> str:
    return ", ".join(names[:-1]) + " and " + names[-1]


class Knights(Logic):
    """Knights always tell the truth, knaves always lie: how many knights are there?"""

    name = "knights"
    extras = ("names", "statements")
    wordings = (
        "On an island, every inhabitant is either a knight, who always tells the truth, or a knave, who always lies. "
        "You meet <people>. <talk> How many of them are knights?",
        "<people> are robots. A sound robot says only what is true, a broken robot says only what is false. <robots> "
        "How many of these robots are sound?",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        n = min(3 + level // 2, 5)
        return {"names": rng.sample(NAMES, n), "statements": [self._statement(rng, n, i) for i in range(n)]}

    @staticmethod
    def _statement(rng: Stream, n: int, speaker: int) -> list[Any]:
        i, j = rng.sample([k for k in range(n) if k != speaker], 2)
        kind = rng.choice(("true", "false", "same", "differ", "count", "least", "or"))
        if kind in ("count", "least"):
            return [kind, rng.between(1, n - 1)]
        return [kind, i, j] if kind == "or" else [kind, i]

    @staticmethod
    def _holds(statement: Sequence[Any], speaker: int, truth: Sequence[bool]) -> bool:
        kind, i = statement[0], statement[1]
        if kind in ("count", "least"):
            return sum(truth) == i if kind == "count" else sum(truth) >= i
        if kind in ("same", "differ"):
            return (truth[i] == truth[speaker]) == (kind == "same")
        if kind == "or":
            return truth[i] or truth[statement[2]]
        return truth[i] == (kind == "true")

    def _solutions(self, p: P) -> Iterator[tuple[bool, ...]]:
        for truth in product((True, False), repeat=len(p["names"])):
            if all(self._holds(s, k, truth) == truth[k] for k, s in enumerate(p["statements"])):
                yield truth

    def valid(self, p: P) -> bool:
        names = p["names"]
        distinct = len(set(names)) == len(names) == len(p["statements"]) and set(names) <= set(NAMES)
        solutions = list(self._solutions(p)) if distinct else []
        return len(solutions) == 1 and any(solutions[0])  # no knight at all would be too popular an answer

    def few(self, p: P) -> int:
        return len(p["names"]) + 1  # none, one, ..., all of them

    def solve(self, p: P) -> int:
        return sum(next(self._solutions(p)))

    def fields(self, p: P) -> dict[str, str]:
        return {
            "people": _listing(p["names"]),
            "talk": self._talk(p, "a knight", "a knave", "knights"),
            "robots": self._talk(p, "sound", "broken", "sound"),
        }

    @staticmethod
    def _talk(p: P, good: str, bad: str, plural: str) -> str:
        names, said = p["names"], []
        for speaker, statement in zip(names, p["statements"], strict=True):
            match statement:
                case ["true" | "false" as kind, i]:
                    text = f"{names[i]} is {good if kind == 'true' else bad}"
                case ["same" | "differ" as kind, i]:
                    text = f"{names[i]} and I are of {'the same kind' if kind == 'same' else 'different kinds'}"
                case ["count" | "least" as kind, i]:
                    many = f"{_COUNTS[i]} of us {'is ' + good if i == 1 else 'are ' + plural}"
                    text = f"{'exactly' if kind == 'count' else 'at least'} {many}"
                case [_, i, j]:
                    text = f"{names[i]} or {names[j]} is {good}, or both are"
            said.append(f"{speaker} says: “{text[0].upper() + text[1:]}.”")
        return " ".join(said)


class KnightsToll(Knights):
    """Knights and knaves pay different tolls: the sum gives the puzzle a number that cannot be guessed."""

    name = "knights_toll"
    words = {"coin": MONEY}
    ranges = {"knight_pays": range(2, 5000), "knave_pays": range(2, 5000)}
    wordings = (
        "Knights always tell the truth and knaves always lie. <people>, each of them a knight or a knave, come to a "
        "bridge. <talk> A knight pays <knight_pays> <coin> and a knave pays <knave_pays> <coin> to cross. How many "
        "<coin> do they pay in all?",
        "A factory tests the robots <people>. Sound robots say only what is true, broken ones only what is false. "
        "<robots> Keeping a sound robot costs <knight_pays> <coin> a year, and mending a broken one costs "
        "<knave_pays> <coin>. Every sound robot is kept for a year and every broken one is mended. What is the total "
        "cost in <coin>?",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        tolls = {"knight_pays": scaled(rng, level, 11, 60), "knave_pays": scaled(rng, level, 11, 60)}
        return {**super().draw(rng, level), **tolls}

    def valid(self, p: P) -> bool:
        return p["knight_pays"] != p["knave_pays"] and super().valid(p)

    def unneeded(self, p: P) -> tuple[str, ...]:
        return ("knave_pays",) if super().solve(p) == len(p["names"]) else ()

    def solve(self, p: P) -> int:
        knights = super().solve(p)
        return int(knights * p["knight_pays"] + (len(p["names"]) - knights) * p["knave_pays"])


class Culprit(Logic):
    """Exactly k of the statements are true: who did it?"""

    name = "culprit"
    extras = ("names", "statements", "true")
    wordings = (
        "One of the suspects <people> broke the vase, acting alone. <talk> Exactly <number> of these statements "
        "<verb> true. Number the suspects in the order in which they are named, starting with 1. What is the number "
        "of the culprit?",
        "Only one person ate the cake. These are the suspects, numbered from 1 in this order: <people>. <talk> It "
        "turns out that exactly <number> of the statements <verb> true. Which number does the person who ate the cake "
        "have?",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        n = 4 + level // 2
        return {
            "names": rng.sample(NAMES, n),
            "statements": [self._statement(rng, n, i) for i in range(n)],
            "true": rng.between(1, n - 1),
        }

    @staticmethod
    def _statement(rng: Stream, n: int, speaker: int) -> list[Any]:
        i, j = rng.sample([k for k in range(n) if k != speaker], 2)
        kind = rng.choice(("is", "not", "me", "or"))
        return [kind, *{"me": (), "or": (i, j)}.get(kind, (i,))]

    @staticmethod
    def _true(statement: Sequence[Any], speaker: int, culprit: int) -> bool:
        kind, *who = statement
        return {"is": culprit in who, "or": culprit in who, "not": culprit not in who, "me": culprit != speaker}[kind]

    def _solutions(self, p: P) -> list[int]:
        statements = list(enumerate(p["statements"]))
        return [c for c in range(len(p["names"])) if sum(self._true(s, k, c) for k, s in statements) == p["true"]]

    def valid(self, p: P) -> bool:
        names = p["names"]
        distinct = len(set(names)) == len(names) == len(p["statements"]) and set(names) <= set(NAMES)
        return distinct and len(self._solutions(p)) == 1

    def few(self, p: P) -> int:
        return len(p["names"])

    def solve(self, p: P) -> int:
        return self._solutions(p)[0] + 1

    def fields(self, p: P) -> dict[str, str]:
        names, said = p["names"], []
        for speaker, (kind, *who) in zip(names, p["statements"], strict=True):
            people = " or ".join(names[i] for i in who)
            text = {
                "is": f"It was {people}",
                "or": f"It was {people}",
                "not": f"It was not {people}",
                "me": "It was not me",
            }
            said.append(f"{speaker} says: “{text[kind]}.”")
        verb = "is" if p["true"] == 1 else "are"
        return {"people": _listing(names), "talk": " ".join(said), "number": _COUNTS[p["true"]], "verb": verb}


class Treasure(Logic):
    """Chests with labels, few of them true; the weight of the right chest is asked."""

    name = "treasure"
    words = {"who": NAMES}
    ranges = {k: range(2, 3000) for k in ("w1", "w2", "w3", "w4")}
    extras = ("labels", "true")
    colours = ("red", "blue", "green", "white")
    wordings = (
        "<who> finds four chests; one of them holds a treasure. The red chest weighs <w1> kg and its label reads "
        "“<l0>”. The blue chest weighs <w2> kg and is labelled “<l1>”. The green one weighs <w3> kg and says “<l2>”. "
        "The white one weighs <w4> kg and says “<l3>”. Exactly <number> of the four labels <verb> true. How many "
        "kilograms does the chest with the treasure weigh?",
        "A treasure lies in one of four chests: a red one of <w1> kg, a blue one of <w2> kg, a green one of <w3> kg "
        "and a white one of <w4> kg. Their labels say: red, “<l0>”; blue, “<l1>”; green, “<l2>”; white, “<l3>”. <who> "
        "knows that exactly <number> of these labels <verb> true and carries away the right chest. How heavy is it, "
        "in kilograms?",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        weights = rng.sample(range(11 * level, 90 * level), 4)
        labels = [[rng.choice(("in", "not")), *rng.sample(range(4), rng.between(1, 2))] for _ in range(4)]
        return dict(zip(self.ranges, weights, strict=True)) | {"labels": labels, "true": rng.between(1, 3)}

    def _solutions(self, p: P) -> list[int]:
        def true(label: Sequence[Any], chest: int) -> bool:
            return (chest in label[1:]) == (label[0] == "in")

        return [c for c in range(4) if sum(true(label, c) for label in p["labels"]) == p["true"]]

    def valid(self, p: P) -> bool:
        different = len({p[k] for k in self.ranges}) == 4 == len(p["labels"])
        return different and len(self._solutions(p)) == 1

    def few(self, p: P) -> int:
        return len(self.ranges)

    def solve(self, p: P) -> int:
        return int(p[f"w{self._solutions(p)[0] + 1}"])

    def unneeded(self, p: P) -> tuple[str, ...]:
        """The weights of the other chests."""
        right = f"w{self._solutions(p)[0] + 1}"
        return tuple(weight for weight in self.ranges if weight != right)

    def fields(self, p: P) -> dict[str, str]:
        def text(kind: str, *chests: int) -> str:
            which = (" or " if kind == "in" else " nor ").join(f"in the {self.colours[c]} chest" for c in chests)
            return f"the treasure is {'' if kind == 'in' else 'neither ' if len(chests) == 2 else 'not '}{which}"

        labels = {f"l{k}": text(*label) for k, label in enumerate(p["labels"])}
        return labels | {"number": _COUNTS[p["true"]], "verb": "is" if p["true"] == 1 else "are"}


_ORDERS = {n: list(permutations(range(n))) for n in (4, 5)}
_CLUES: dict[str, tuple[str, Callable[..., bool]]] = {
    "before": ("{} finished before {}", lambda place, i, j: place[i] < place[j]),
    "next": ("{} finished right behind {}", lambda place, i, j: place[i] == place[j] + 1),
    "apart": ("exactly one runner finished between {} and {}", lambda place, i, j: abs(place[i] - place[j]) == 2),
    "not_first": ("{} did not win", lambda place, i: place[i] != 0),
    "not_last": ("{} was not last", lambda place, i: place[i] != len(place) - 1),
}


class Race(Logic):
    """Clues that leave one order of arrival; the prize of one runner is asked."""

    name = "race"
    words = {"coin": MONEY}
    ranges = {"prize": range(20, 20000), "less": range(2, 2000)}
    extras = ("names", "clues", "asked")
    wordings = (
        "<people> ran a race, and no two of them finished together. <clues_text> The winner got <prize> <coin>, and "
        "everybody else got <less> <coin> less than the runner who finished right before. How many <coin> did <who> "
        "get?",
        "In a race of <n> runners, <people>, the prizes were <prize> <coin> for the first place and, from place to "
        "place, <less> <coin> less each time. There was no tie. <clues_text> What was the prize of <who> in <coin>?",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        n = 4 + level // 3
        place = rng.sample(range(n), n)
        orders: Sequence[tuple[int, ...]] = _ORDERS[n]
        clues: list[list[Any]] = []
        while len(orders) > 1:
            kind = rng.choice(list(_CLUES))
            clue = [kind, *rng.sample(range(n), 1 if kind.startswith("not") else 2)]
            left = self._agree(orders, clue)
            if tuple(place) in left and len(left) < len(orders):  # a true clue that says something new
                orders, clues = left, [*clues, clue]
        less = scaled(rng, level, 11, 40)
        money = {"less": less, "prize": less * n + scaled(rng, level, 11, 200)}
        return {"names": rng.sample(NAMES, n), "clues": clues, "asked": rng.below(n), **money}

    @staticmethod
    def _agree(orders: Sequence[tuple[int, ...]], clue: Sequence[Any]) -> list[tuple[int, ...]]:
        kind, *who = clue
        return [places for places in orders if _CLUES[kind][1](places, *who)]

    def _orders(self, p: P) -> Sequence[tuple[int, ...]]:
        return reduce(self._agree, p["clues"], _ORDERS[len(p["names"])])

    def valid(self, p: P) -> bool:
        n = len(p["names"])
        fits = set(p["names"]) <= set(NAMES) and n == len(set(p["names"])) and 0 <= p["asked"] < n
        return fits and p["prize"] > p["less"] * (n - 1) and len(self._orders(p)) == 1

    def unneeded(self, p: P) -> tuple[str, ...]:
        return ("less",) if self._orders(p)[0][p["asked"]] == 0 else ()

    def few(self, p: P) -> int:
        return len(p["names"])

    def solve(self, p: P) -> int:
        place = self._orders(p)[0][p["asked"]]
        return int(p["prize"] - p["less"] * place)

    def fields(self, p: P) -> dict[str, str]:
        names = p["names"]
        texts = [_CLUES[kind][0].format(*(names[i] for i in who)) for kind, *who in p["clues"]]
        clues = " ".join(text[0].upper() + text[1:] + "." for text in texts)
        return {"people": _listing(names), "clues_text": clues, "who": names[p["asked"]], "n": _COUNTS[len(names)]}


_JOINTS = ("and", "or", "implies", "xor")


class TruthTable(Logic):
    """The number of ways to make a formula true."""

    name = "truth_table"
    extras = ("formula", "variables")
    wordings = (
        "Each of the variables <letters> is true or false. For how many of all assignments is this formula true? <text>",
        "A panel has switches <letters>, each on or off. The lamp shines exactly when the following holds, where a "
        "letter stands for “this switch is on”: <text>. For how many settings of the switches does the lamp shine?",
    )
    _letters = "pqrstu"

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        n = min(3 + level // 2, 6)
        parts: list[Any] = [k if rng.below(2) else ["not", k] for k in rng.sample(range(n), n)]
        parts += [rng.below(n) for _ in range(level)]
        while len(parts) > 1:
            left, right = parts.pop(rng.below(len(parts))), parts.pop(rng.below(len(parts)))
            parts.append([rng.choice(_JOINTS), left, right])
        return {"formula": parts[0], "variables": n}

    def valid(self, p: P) -> bool:
        return 2 <= p["variables"] <= 6 and self._plain(p["formula"]) and 0 < self.solve(p) < 2 ** p["variables"]

    def _plain(self, f: Any) -> bool:
        """Whether no joint has two equal sides."""
        return isinstance(f, int) or ((f[1] != f[-1] or f[0] == "not") and all(self._plain(side) for side in f[1:]))

    def _true(self, f: Any, values: Sequence[bool]) -> bool:
        if isinstance(f, int):
            return values[f]
        sides = [self._true(side, values) for side in f[1:]]
        if f[0] == "not":
            return not sides[0]
        left, right = sides
        return {"and": left and right, "or": left or right, "implies": not left or right, "xor": left != right}[f[0]]

    def few(self, p: P) -> int:
        return 2 ** int(p["variables"]) - 1

    def solve(self, p: P) -> int:
        return sum(self._true(p["formula"], values) for values in product((False, True), repeat=p["variables"]))

    def _text(self, f: Any) -> str:
        if isinstance(f, int):
            return self._letters[f]
        if f[0] == "not":
            return f"not {self._text(f[1])}"
        left, right = self._text(f[1]), self._text(f[2])
        return f"(either {left} or {right}, but not both)" if f[0] == "xor" else f"({left} {f[0]} {right})"

    def fields(self, p: P) -> dict[str, str]:
        letters = ", ".join(self._letters[: p["variables"]])
        return {"letters": letters, "text": self._text(p["formula"])}


class Survey(Logic):
    """Inclusion and exclusion in a survey."""

    name = "survey"
    words = {
        "one": ("coffee", "chess", "football", "the violin", "swimming"),
        "two": ("tea", "painting", "tennis", "the piano", "hiking"),
    }
    ranges = {"n": range(10, 10**5), "a": range(2, 10**5), "b": range(2, 10**5), "both": range(2, 10**5)}
    wordings = (
        "Of <n> people in a survey, <a> like <one> and <b> like <two>; <both> of them like both. How many people like "
        "neither?",
        "In a survey of <n> people, <both> said that they like both <one> and <two>. In all, <a> like <one> and <b> "
        "like <two>. How many of the people like none of the two?",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        both, only_a, only_b, neither = (scaled(rng, level, 11, 80) for _ in range(4))
        return {"n": both + only_a + only_b + neither, "a": both + only_a, "b": both + only_b, "both": both}

    def valid(self, p: P) -> bool:
        return bool(p["both"] <= min(p["a"], p["b"]) and p["a"] + p["b"] - p["both"] <= p["n"])

    def solve(self, p: P) -> int:
        return int(p["n"] - p["a"] - p["b"] + p["both"])


logic = Generator("logic", [Knights(), KnightsToll(), Culprit(), Treasure(), Race(), TruthTable(), Survey()])
