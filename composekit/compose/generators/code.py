"""Programs: predict what one returns, write a function, repair a bug."""
# ruff: noqa: RUF012  (the tables of a family are class attributes that nobody changes)

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from composekit.compose.generators.base import Family, Generator
from composekit.compose.generators.routines import ROUTINES, Routine
from composekit.compose.generators.stream import Stream, scaled

P = Mapping[str, Any]
TESTS = 12


class Predict(Family):
    """What does this program return? The answer is a whole number; the argument of the call is a slot."""

    domain = "code"
    source: str
    wordings = (
        "What does the call `f(<n>)` return?\n\n```python\n<source>\n```",
        "Consider this Python function.\n\n```python\n<source>\n```\n\nWhich number does `f(<n>)` return?",
        "Work out, without running it, the value of `f(<n>)`.\n\n```python\n<source>\n```",
    )

    def fields(self, p: P) -> dict[str, str]:
        source = self.source
        for name in self.ranges:
            source = source.replace(f"<{name}>", str(p[name]))
        return {"source": source}


class PredictLoop(Predict):
    """A loop with a condition."""

    name = "predict_loop"
    ranges = {"n": range(2, 2000), "start": range(5000), "m": range(2, 50), "r": range(50), "k": range(2, 100),
              "d": range(1, 100)}  # fmt: skip
    source = """\
def f(n):
    total = <start>
    for i in range(1, n + 1):
        if i % <m> == <r>:
            total += <k> * i
        else:
            total -= <d>
    return total"""

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        m = rng.between(3, 4 + level)
        small = {"m": m, "r": rng.below(m), "k": rng.between(3, 20), "d": rng.between(2, 12)}
        return {"n": rng.between(11, 12 + 6 * level), "start": scaled(rng, level, 11, 90), **small}

    def valid(self, p: P) -> bool:
        return bool(p["r"] < p["m"])

    def solve(self, p: P) -> int:
        hits = range(p["r"] or p["m"], p["n"] + 1, p["m"])
        return int(p["start"] + p["k"] * sum(hits) - p["d"] * (p["n"] - len(hits)))


class PredictDigits(Predict):
    """A loop over the digits of the argument."""

    name = "predict_digits"
    ranges = {"n": range(10, 10**8), "a": range(2, 100), "b": range(2, 100), "limit": range(1, 9)}
    source = """\
def f(n):
    result = 0
    while n > 0:
        n, digit = divmod(n, 10)
        if digit > <limit>:
            result += <a> * digit
        else:
            result += <b>
    return result"""

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        n = rng.between(10 ** (1 + level), 10 ** (2 + level) - 1)
        return {"n": n, "a": rng.between(3, 25), "b": rng.between(3, 30), "limit": rng.between(3, 7)}

    def solve(self, p: P) -> int:
        digits = [int(c) for c in str(p["n"])]
        return int(sum(p["a"] * d if d > p["limit"] else p["b"] for d in digits))


class PredictRecursion(Predict):
    """A recursive function."""

    name = "predict_recursion"
    ranges = {
        "n": range(2, 5000),
        "base": range(2, 50),
        "low": range(2, 50),
        "up": range(1, 200),
        "down": range(1, 200),
    }
    source = """\
def f(n):
    if n < <low>:
        return n
    if n % 2 == 0:
        return f(n // 2) + <up>
    return f(n - <base>) + <down>"""

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        steps = {"base": 2 * rng.between(1, 3) - 1, "low": rng.between(5, 9)}
        n = rng.between(20 * level, 60 * level + 20)
        return {"n": n, "up": rng.between(11, 60), "down": rng.between(11, 60), **steps}

    def valid(self, p: P) -> bool:  # an odd step keeps the recursion shallow; it never passes below zero
        return bool(p["base"] % 2 == 1 and p["base"] <= p["low"])

    def solve(self, p: P) -> int:
        n, total = p["n"], 0
        while n >= p["low"]:
            n, total = (n // 2, total + p["up"]) if n % 2 == 0 else (n - p["base"], total + p["down"])
        return int(n + total)


class PredictComprehension(Predict):
    """A sum over a filtered comprehension."""

    name = "predict_comprehension"
    ranges = {"n": range(2, 3000), "a": range(1, 100), "m": range(2, 60), "q": range(2, 60)}
    source = """\
def f(n):
    values = [i * i + <a> for i in range(n) if i % <q> != 0]
    return sum(v % <m> for v in values) + len(values)"""

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        return {
            "n": rng.between(11, 12 + 5 * level),
            "a": rng.between(2, 30),
            "m": rng.between(5, 20),
            "q": rng.between(2, 5),
        }

    def solve(self, p: P) -> int:
        total = 0
        for i in range(p["n"]):
            if i % p["q"]:
                total += (i * i + p["a"]) % p["m"] + 1
        return total


class PredictState(Predict):
    """Two variables that change in turns."""

    name = "predict_state"
    ranges = {"n": range(1, 400), "x": range(1, 5000), "y": range(1, 5000), "m": range(50, 5000), "k": range(2, 40)}
    source = """\
def f(n):
    x, y = <x>, <y>
    for step in range(n):
        x, y = y, (<k> * x + y + step) % <m>
    return x + y"""

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        values = {"x": rng.between(11, 60), "y": rng.between(11, 60), "m": rng.between(97, 300), "k": rng.between(2, 9)}
        return {"n": rng.between(4 + level, 6 + 2 * level), **values}

    def solve(self, p: P) -> int:
        sequence = [p["x"], p["y"]]
        for step in range(p["n"]):
            sequence.append((p["k"] * sequence[-2] + sequence[-1] + step) % p["m"])
        return int(sum(sequence[-2:]))


class Task(Family):
    """A task about one of the routines; judged by tests whose inputs follow from the parameters."""

    domain = "code"
    verifier = "code"

    def __init__(self, routine: Routine) -> None:
        self.routine = routine
        self.ranges = dict(routine.ranges)
        self.entry_point = routine.entry_point
        self.levels = (routine.level,)

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        return self.routine.draw(rng)

    def solve(self, p: P) -> str:
        return ""

    def solution(self, p: P) -> str:
        return self.routine.source(p)

    def tests(self, p: P) -> tuple[Any, ...]:
        numbers = {k: p[k] for k in (*self.ranges, "level")}
        rng = Stream(self.routine.entry_point, json.dumps(numbers, sort_keys=True))
        inputs = [self.routine.inputs(rng, p, k / (TESTS - 1)) for k in range(TESTS)]
        return tuple({"args": args, "expected": self.routine.oracle(p, *args)} for args in inputs)


class Write(Task):
    """Write a function from its description."""

    def __init__(self, routine: Routine) -> None:
        super().__init__(routine)
        self.name = f"write_{routine.entry_point}"
        self.wordings = tuple(
            text.replace("<task>", routine.task).replace("<call>", routine.signature)
            for text in (
                "Write a Python function `<call>` that <task>",
                "Implement `<call>` in Python. The function <task>",
                "In Python, define a function `<call>`; it <task> Give the complete definition.",
            )
        )


class Repair(Task):
    """Repair a function that does not do what its description says."""

    extras = ("bug",)

    def __init__(self, routine: Routine) -> None:
        super().__init__(routine)
        self.levels = (routine.level + 1,)
        self.fixed = tuple(self.ranges)  # the source repeats them
        self.name = f"repair_{routine.entry_point}"
        self.wordings = tuple(
            text.replace("<task>", routine.task).replace("<call>", routine.signature)
            for text in (
                "The Python function `<call>` should do this: it <task> But it contains a "
                "bug.\n\n```python\n<source>\n```\n\nGive the complete, repaired function.",
                "Find and repair the mistake in this function.\n\n```python\n<source>\n```\n\nThe specification: "
                "`<call>` <task>",
            )
        )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        return {**super().draw(rng, level), "bug": rng.below(len(self.routine.bugs))}

    def valid(self, p: P) -> bool:
        return p["bug"] in range(len(self.routine.bugs))

    def fields(self, p: P) -> dict[str, str]:
        return {"source": self.routine.buggy(p, p["bug"])}


code = Generator(
    "code",
    [
        PredictLoop(), PredictDigits(), PredictRecursion(), PredictComprehension(), PredictState(),
        *(Write(routine) for routine in ROUTINES), *(Repair(routine) for routine in ROUTINES),
    ],
)  # fmt: skip
