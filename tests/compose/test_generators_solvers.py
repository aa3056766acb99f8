"""A second solver for every family: it reads the numbers out of the text, and gets the answer in another, slower way."""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable
from fractions import Fraction as F
from itertools import combinations, pairwise, permutations, product
from typing import Any

import pytest

from composekit.compose import Problem, generators

SAMPLES = 150


def _texts(*patterns: str) -> list[re.Pattern[str]]:
    """Patterns of the wordings: ``{x}`` stands for a number named x, ``...`` for any text."""
    out = []
    for pattern in patterns:
        text = re.escape(pattern).replace(r"\.\.\.", ".*?")
        out.append(re.compile(re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>\\d+)", text).replace(r"\ ", " "), re.S))
    return out


def _change(n: int, price: int, paid: int) -> int:
    for _ in range(n):
        paid -= price
    return paid


def _stock(start: int, boxes: int, each: int, sold: int) -> int:
    return start + sum(each for _ in range(boxes)) - sold


def _sharing(total: int, kept: int, people: int) -> int:
    return next(x for x in range(total + 1) if x * people + kept == total)


def _discount(n: int, price: int, percent: int) -> F:
    return sum((F(price) - F(price) / 100 * percent for _ in range(n)), F(0))


def _tickets(adults: int, adult_price: int, children: int, child_price: int, costs: int) -> int:
    return sum([adult_price] * adults) + sum([child_price] * children) - costs


def _average(count: int, before: int, after: int) -> int:
    return next(x for x in range(10**6) if F(before * count + x, count + 1) == after)


def _machines(rate: int, hours: int, faster: int, late: int) -> int:
    made = 0
    for hour in range(hours):
        made += rate
        if hour >= late:
            made += rate + faster
    return made


def _recipe(grams: int, serves: int, guests: int, spare: int) -> F:
    return F(grams) / serves * guests + spare


def _ages(young_age: int, older: int, factor: int, years: int) -> int:
    today = [young_age, young_age + older, factor * older]
    return sum(age + years for age in today)


def _linear(a: int, b: int, c: int, e: int) -> int:
    return next(x for x in range(10**6) if a * (x + b) == c * x + e)


def _sum_difference(total: int, gap: int) -> int:
    return next(x * (total - x) for x in range(total + 1) if x - (total - x) == gap)


def _system(a: int, b: int, c: int, d: int, s: int, t: int) -> int:
    solutions = [
        x + (s - a * x) // b for x in range(s // a + 1) if (s - a * x) % b == 0 and c * x + d * ((s - a * x) // b) == t
    ]
    (only,) = solutions
    return only


def _vieta(b: int, c: int) -> int:
    disc = complex(b * b - 4 * c) ** 0.5
    roots = [(b + disc) / 2, (b - disc) / 2]
    return round(sum(r * r for r in roots).real)


def _quadratic(b: int, c: int) -> int:
    return max(x for x in range(1, b) if x * x - b * x + c == 0)


def _arithmetic_sum(first: int, step: int, n: int) -> int:
    return sum(range(first, first + n * step, step))


def _geometric_sum(first: int, ratio: int, n: int) -> int:
    total = 0
    for _ in range(n):
        total, first = total + first, first * ratio
    return total


def _value(a: int, b: int, c: int, k: int) -> int:
    return (a * k + b) * k - c


def _telescope(m: int, n: int) -> F:
    return sum((F(1, k * (k + 1)) for k in range(m, n + 1)), F(0))


def _remainder(a: int, b: int, c: int, m: int) -> int:
    rest = a * b + c
    while rest >= m:
        rest -= m
    return rest


def _power(a: int, n: int, m: int) -> int:
    shown = 1
    for _ in range(n):
        shown = shown * a % m
    return shown % m


def _lcm(a: int, b: int) -> int:
    time = a
    while time % b:
        time += a
    return time


def _divisors(n: int, k: int) -> int:
    return k * sum(n % d == 0 for d in range(1, n + 1))


def _either(n: int, a: int, b: int) -> int:
    return sum(i % a == 0 or i % b == 0 for i in range(1, n + 1))


def _grid(east: int, north: int) -> int:
    row = [1] * (east + 1)
    for _ in range(north):
        for k in range(1, east + 1):
            row[k] += row[k - 1]
    return row[-1]


def _committee(a: int, b: int, i: int, j: int) -> int:
    return sum(1 for _ in combinations(range(a), i)) * sum(1 for _ in combinations(range(b), j))


def _road(**roads: int) -> int:
    ends = {k: (k[0], k[1]) if k[0] != "e" else (k[1], k[2]) for k in roads}
    best = 10**9
    for k in range(4):
        for middle in permutations("123", k):
            walk = ["s", *middle, "g"]
            legs = [
                roads.get(next((n for n, e in ends.items() if set(e) == set(leg)), ""), 10**9) for leg in pairwise(walk)
            ]
            best = min(best, sum(legs))
    return best


def _kinematics(u: int, a: int, t: int) -> F:  # the mean of the first and the last speed
    return F(u + (u + a * t), 2) * t


def _braking(v: int, a: int, reaction: int) -> F:
    time = F(v, a)
    return v * reaction + v * time - a * time * time / 2


def _energy(m: int, u: int, v: int) -> F:
    return F(m, 2) * v * v - F(m, 2) * u * u


def _series(v: int, r1: int, r2: int) -> F:
    share = F(v) * r1 / (r1 + r2)  # the voltage at the first resistor
    return share * share / r1


def _parallel(v: int, r1: int, r2: int) -> F:
    return v / (F(r1 * r2, r1 + r2))


def _density(m1: int, v1: int, m2: int, v2: int) -> F:
    return F(m1 + m2) / (v1 + v2)


def _heat(m1: int, t1: int, m2: int, t2: int) -> F:
    share = F(m2, m1 + m2)
    return t1 - share * (t1 - t2)


def _torque(m1: int, d1: int, m2: int, d2: int, d3: int) -> F:
    return m1 * F(d1, d3) + m2 * F(d2, d3)


def _momentum(m1: int, v1: int, m2: int, v2: int) -> F:
    return v2 + F(m1, m1 + m2) * (v1 - v2)


def _gas(p1: int, v1: int, t1: int, v2: int, t2: int) -> F:
    moles = F(p1 * v1, t1)
    return moles * t2 / v2


def _survey(n: int, a: int, b: int, both: int) -> int:
    people = [(i < a, a - both <= i < a - both + b) for i in range(n)]
    assert sum(x and y for x, y in people) == both
    return sum(not x and not y for x, y in people)


ARITHMETIC = {
    "change": (
        _change,
        _texts(
            "has {paid} ... and buys {n} ... at {price} ... each. How many",
            "pays {price} ... takes {n} of them and hands over {paid} ...should",
            "budget of {paid} ... ordering {n} ... cost {price} ... apiece, how much of the budget",
        ),
    ),
    "stock": (
        _stock,
        _texts(
            "starts the week with {start} ... brings {boxes} boxes with {each} ... by Saturday {sold} ... have been sold",
            "had sold {sold} ... had owned {start} of them, ... {boxes} boxes of {each} ... had arrived. How many",
            "{boxes} boxes, each packed with {each} ... already stores {start} ... then buy {sold} ... remain?",
        ),
    ),
    "sharing": (
        _sharing,
        _texts(
            "owns {total} ... keeps {kept} of them and shares the others equally among {people} children.",
            "{people} classes share ... There are {total} ... puts {kept} aside first. Every",
            "crate of {total} ... {kept} are broken and thrown away. The rest is packed into {people} equal parcels",
        ),
    ),
    "discount": (
        _discount,
        _texts(
            "costs {price} ... takes {percent}% off the whole bill. ... orders {n} sets.",
            "sells {n} sets ... listed at {price} ... a set, ... rebate of {percent} percent on everything",
            "fee for a course is {price} ... group of {n} friends ... each fee drops by {percent} percent",
        ),
    ),
    "tickets": (
        _tickets,
        _texts(
            "sells {adults} tickets for adults at {adult_price} ... and {children} tickets for children at {child_price} "
            "... costs the theatre {costs} ",
            "Adults pay {adult_price} ... children pay {child_price} ... Today {children} children and {adults} adults "
            "took ... came to {costs} ",
            "admits {children} children for {child_price} ... and {adults} adults for {adult_price} ... pays {costs} ",
        ),
    ),
    "average": (
        _average,
        _texts(
            "After {count} games, ... average of {before} points ... lifts the average to {after} points",
            "mean of {count} numbers ... is {before}. When ... the mean becomes {after}.",
            "weighs {count} parcels; their average weight is {before} grams. ... the average is {after} grams",
        ),
    ),
    "machines": (
        _machines,
        _texts(
            "makes {rate} ... an hour and runs for {hours} hours. ... makes {faster} more ... than the first, ... {late} "
            "hours after it",
            "packs {rate} ... an hour and works {hours} hours. A robot joins {late} hours after the start and packs every "
            "hour {faster} ... more than",
        ),
    ),
    "recipe": (
        _recipe,
        _texts(
            "for {serves} people needs {grams} grams ... cooks for {guests} people, ... buys {spare} grams more than needed",
            "{grams} grams of seed are enough for {serves} square ... has {guests} square ... reserve of {spare} grams",
        ),
    ),
    "ages": (
        _ages,
        _texts(
            "is {young_age} years old. ... is {older} years older than ... is {factor} times as old as ... was when ... sum "
            "of the ages of the three in {years} years",
            "was born, ... was {older} years old; today ... is exactly {factor} times that old, and ... is {young_age}. Add "
            "... will have {years} years from now",
        ),
    ),
}
ALGEBRA = {
    "linear_equation": (
        _linear,
        _texts(
            "Solve ${a}(x + {b}) = {c}x + {e}$ for",
            "is ${a}(x + {b})$ equal to ${c}x + {e}$?",
            "Adding {b} to it and then multiplying by {a} gives ... multiplying the number by {c} and then adding {e}.",
        ),
    ),
    "sum_difference": (
        _sum_difference,
        _texts(
            "$x + y = {total}$ and $x - y = {gap}$. Find the product",
            "add up to {total}, and the larger exceeds the smaller by {gap}. What is their product",
            "together own {total} stamps, ... owns {gap} more than ... Multiply",
        ),
    ),
    "linear_system": (
        _system,
        _texts(
            "satisfy ${a}x + {b}y = {s}$ and ${c}x + {d}y = {t}$. What is $x + y$",
            r"{a}x + {b}y &= {s} \\ {c}x + {d}y &= {t} \end... and give $x + y$",
            "{a} apples and {b} pears weigh {s} grams, while {c} apples and {d} pears weigh {t} grams. ... one "
            "apple and one pear",
        ),
    ),
    "vieta": (
        _vieta,
        _texts(
            "of $x^2 - {b}x + {c} = 0$. Find $r^2 + s^2$",
            "sum of the squares of the two roots of $x^2 + {b}x + {c}$?",
            "have the sum {b} and the product {c}. What is the sum of their squares",
        ),
    ),
    "quadratic_roots": (
        _quadratic,
        _texts(
            "larger solution of $x^2 - {b}x + {c} = 0$",
            "polynomial $x^2 - {b}x + {c}$ has two integer roots. Which is the larger",
            "area is {c} square metres, and one long side and one short side together measure {b} metres",
        ),
    ),
    "arithmetic_sum": (
        _arithmetic_sum,
        _texts(
            "starts with {first} and has the common difference {step}. What is the sum of its first {n} terms",
            "saves {first} coins in the first week and in every later week {step} coins more ... after {n} weeks",
            "has {n} rows of seats. There are {first} seats in the front row, and each row behind has {step} seats more",
        ),
    ),
    "geometric_sum": (
        _geometric_sum,
        _texts(
            "first term of a geometric sequence is {first}, and every term is {ratio} times ... sum of the first {n} terms",
            "writes {first} letters ... every further day, {ratio} times as many ... in {n} days",
        ),
    ),
    "polynomial_value": (
        _value,
        _texts(
            "$f(x) = {a}x^2 + {b}x - {c}$. What is $f({k})$",
            "Evaluate ${a}x^2 + {b}x - {c}$ at $x = {k}$",
            "is ${a}x^2 + {b}x - {c}$. How high ... $x = {k}$",
        ),
    ),
    "telescoping_sum": (
        _telescope,
        _texts(
            r"Add $...$ over all integers $k$ with ${m} \le k \le {n}$",
            "1/(k(k+1)) for all whole numbers k from {m} to {n}, both included",
        ),
    ),
}
DISCRETE = {
    "remainder": (
        _remainder,
        _texts(
            r"remainder when ${a} \cdot {b} + {c}$ is divided by ${m}$",
            "has {a} rolls of {b} coins each and {c} loose coins, ... bags of {m} coins",
        ),
    ),
    "power_remainder": (
        _power,
        _texts(
            "of ${a}^...{n}...$ on division by ${m}$",
            "multiplied by {a} again and again, {n} times ... division by {m}.",
        ),
    ),
    "common_multiple": (
        _lcm,
        _texts(
            "multiple of {a} and {b}?",
            "every {a} seconds, another every {b} seconds",
            "tiles of {a} by {b} millimetres",
        ),
    ),
    "divisors": (
        _divisors,
        _texts(
            "divisors does {n} have? Multiply their number by {k}.", "divisor of {n} is written ... worth {k} points"
        ),
    ),
    "multiples_of_either": (
        _either,
        _texts(
            "from 1 to {n} are divisible by {a} or by {b} (or",
            "from 1 to {n}. Every ... multiple of {a} or of {b} is lit",
        ),
    ),
    "grid_paths": (
        _grid,
        _texts("{east} blocks to the east and {north} blocks", "{east} steps to the right and {north} steps up"),
    ),
    "committee": (
        _committee,
        _texts(
            "From {a} teachers and {b} students, ... exactly {i} teachers and {j} students",
            "holds {a} different red cards and {b} different blue cards. ... takes {i} red and {j} blue",
        ),
    ),
    "shortest_road": (
        _road,
        _texts(
            "are {s1} from ... {s2} from ... {s3} from ... {e12} from ... {e23} from ... {g1} from ... {g2} from ... {g3} f",
            "roads of {s1}, {s2} and {s3} ... roads of {g1}, {g2} and {g3} ... a road of {e12} ... one of {e23} kilometres",
        ),
    ),
}
PHYSICS = {
    "kinematics": (
        _kinematics,
        _texts(
            "moves at {u} m/s and then speeds up steadily by {a} m/s every second for {t} seconds",
            "acceleration of {a} m/s^2, ... had a speed of {u} m/s travels on for {t} s. What distance",
        ),
    ),
    "braking": (
        _braking,
        _texts(
            "travels at {v} m/s. The driver reacts after {reaction} s, ... deceleration of {a} m/s^2",
            "take away {a} m/s of speed every second. At {v} m/s ... needs {reaction} s to react",
        ),
    ),
    "energy": (
        _energy,
        _texts("mass of {m} kg is accelerated from {u} m/s to {v} m/s", "of {m} kg from {u} m/s to {v} m/s"),
    ),
    "series_circuit": (
        _series,
        _texts(
            "of {r1} ohms and {r2} ohms ... battery of {v} volts. ... first resistor",
            "lamp of {r1} ohms ... resistor of {r2} ohms to a source of {v} V. ... the lamp",
        ),
    ),
    "parallel_circuit": (
        _parallel,
        _texts(
            "of {r1} ohms and {r2} ohms are connected in parallel to {v} volts",
            "of {r1} and {r2} ohms in parallel ... {v} V.",
        ),
    ),
    "density": (
        _density,
        _texts(
            "weighs {m1} g and has a volume of {v1} cm^3, the other weighs {m2} g and has a volume of {v2} cm^3",
            "mass {m1} g fills {v1} cm^3, ... mass {m2} g fills {v2} cm^3",
        ),
    ),
    "heat": (
        _heat,
        _texts(
            "{m1} g of water at {t1} degrees Celsius into {m2} g of water at {t2} degrees",
            "{m1} kg of water at {t1} degrees Celsius meet {m2} kg of water at {t2} degrees",
        ),
    ),
    "torque": (
        _torque,
        _texts(
            "hang {m1} kg at {d1} cm and {m2} kg at {d2} cm ... other side, {d3} cm from the pivot",
            "alone on one side, {d3} cm from ... weighs {m1} kg, sits {d1} cm ... weighs {m2} kg, sits {d2} cm",
        ),
    ),
    "momentum": (
        _momentum,
        _texts(
            "of {m1} kg rolls at {v1} m/s and ... of {m2} kg that moves in the same direction at {v2} m/s",
            "{m1} kg at {v1} m/s behind {m2} kg at {v2} m/s",
        ),
    ),
    "gas_law": (
        _gas,
        _texts(
            "holds {v1} litres ... pressure of {p1} kPa and a temperature of {t1} K. ... volume is {v2} litres, and the "
            "temperature becomes {t2} K",
            "At {t1} K and {p1} kPa, ... fills {v1} litres. ... brought to {t2} K in a vessel of {v2} litres",
        ),
    ),
}
SURVEY = {
    "survey": (
        _survey,
        _texts(
            "Of {n} people ... {a} like ... and {b} like ...; {both} of them like both",
            "survey of {n} people, {both} said that they like both ... In all, {a} like ... and {b} like",
        ),
    )
}
TABLES = {"arithmetic": ARITHMETIC, "algebra": ALGEBRA, "discrete": DISCRETE, "physics": PHYSICS, "logic": SURVEY}
BY_TEXT = [(g, family, *entry) for g, table in TABLES.items() for family, entry in table.items()]


@pytest.mark.parametrize(("generator", "family", "solver", "texts"), BY_TEXT, ids=[f"{g}-{f}" for g, f, *_ in BY_TEXT])
def test_answer_agrees_with_a_solver_that_reads_the_text(
    generator: str, family: str, solver: Callable[..., Any], texts: list[re.Pattern[str]]
) -> None:
    seen = set()
    for problem in generators.GENERATORS[generator](SAMPLES, seed=11, family=family):
        match = texts[problem.template.params["wording"]].search(problem.prompt)
        assert match, problem.prompt
        seen.add(problem.template.params["wording"])
        numbers = {k: int(v) for k, v in match.groupdict().items()}
        assert {k: problem.template.params[k] for k in numbers} == numbers
        assert set(numbers) == {k for k, v in problem.template.params.items() if type(v) is int} - {"level", "wording"}
        assert F(problem.answer) == solver(**numbers), problem.prompt
    assert seen == set(range(len(texts)))  # every wording was met


# ---- logic: parsed sentence by sentence --------------------------------------------------------------------------------

NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7}


def _claims(prompt: str) -> list[tuple[str, str]]:
    return re.findall(r"(\w+) says: “(.*?)\.”", prompt)


def _claim_holds(speaker: str, claim: str, good: dict[str, bool]) -> bool:
    if m := re.fullmatch(r"(Exactly|At least) (\w+) of us (?:is|are) (?:a knight|knights|sound)", claim):
        count = sum(good.values())
        return count == NUMBERS[m[2]] if m[1] == "Exactly" else count >= NUMBERS[m[2]]
    if m := re.fullmatch(r"(\w+) and I are of (the same kind|different kinds)", claim):
        return (good[m[1]] == good[speaker]) == (m[2] == "the same kind")
    if m := re.fullmatch(r"(\w+) or (\w+) is (?:a knight|sound), or both are", claim):
        return good[m[1]] or good[m[2]]
    m = re.fullmatch(r"(\w+) is (a knight|a knave|sound|broken)", claim)
    assert m, claim
    return good[m[1]] == (m[2] in ("a knight", "sound"))


def _knights(prompt: str) -> int:
    claims = _claims(prompt)
    people = [speaker for speaker, _ in claims]
    solutions = []
    for values in product((True, False), repeat=len(people)):
        good = dict(zip(people, values, strict=True))
        if all(_claim_holds(s, c, good) == good[s] for s, c in claims):
            solutions.append(sum(values))
    assert len(solutions) == 1
    return solutions[0]


def _toll(prompt: str) -> int:
    m = re.search(r"A knight pays (\d+) \w+ and a knave pays (\d+)", prompt) or re.search(
        r"a sound robot costs (\d+) .*? a broken one costs (\d+)", prompt
    )
    assert m
    knights, people = _knights(prompt), len(_claims(prompt))
    return knights * int(m[1]) + (people - knights) * int(m[2])


def _culprit(prompt: str) -> int:
    claims = _claims(prompt)
    people = [speaker for speaker, _ in claims]
    listed = re.search(r"(?:suspects |in this order: )([\w, ]+?)(?: broke|\.)", prompt)
    assert listed
    assert re.split(r", | and ", listed[1]) == people
    count = re.search(r"xactly (\w+) of the(?:se)? statements", prompt)
    assert count

    def true(speaker: str, claim: str, who: str) -> bool:
        if claim == "It was not me":
            return who != speaker
        m = re.fullmatch(r"It was (not )?(\w+)(?: or (\w+))?", claim)
        assert m, claim
        return (who in (m[2], m[3])) != bool(m[1])

    guilty = [p for p in people if sum(true(s, c, p) for s, c in claims) == NUMBERS[count[1]]]
    (only,) = guilty
    return people.index(only) + 1


def _treasure(prompt: str) -> int:
    colours = ["red", "blue", "green", "white"]
    labels = re.findall(r"“the treasure is (.*?)”", prompt)
    weights = [int(w) for w in re.findall(r"(\d+) kg", prompt)]
    count = re.search(r"xactly (\w+) of", prompt)
    assert count
    assert len(labels) == len(weights) == 4
    right = [
        w
        for colour, w in zip(colours, weights, strict=True)
        if sum((f"the {colour} chest" in text) != text.startswith(("not", "neither")) for text in labels)
        == NUMBERS[count[1]]
    ]
    (only,) = right
    return only


def _race(prompt: str) -> int:
    runners = re.search(r"(?:runners, )?((?:\w+, )+\w+ and \w+?)(?:, the prizes| ran a race)", prompt)
    money = re.search(r"(?:got|prizes were) (\d+) .*?(\d+) \w+ less", prompt)
    asked = re.search(r"(?:did (\w+) get|prize of (\w+) in)", prompt)
    assert runners
    assert money
    assert asked
    people = re.split(r", | and ", runners[1])
    rules = [
        (r"(\w+) finished before (\w+)\.", lambda place, a, b: place[a] < place[b]),
        (r"(\w+) finished right behind (\w+)\.", lambda place, a, b: place[a] - place[b] == 1),
        (r"Exactly one runner finished between (\w+) and (\w+)\.", lambda place, a, b: abs(place[a] - place[b]) == 2),
        (r"(\w+) did not win\.", lambda place, a: place[a] != 0),
        (r"(\w+) was not last\.", lambda place, a: place[a] != len(people) - 1),
    ]
    fits = []
    for order in permutations(people):
        place = {p: k for k, p in enumerate(order)}
        found = [(rule, m) for text, rule in rules for m in re.findall(text, prompt)]
        if all(rule(place, *((m,) if isinstance(m, str) else m)) for rule, m in found):
            fits.append(place[asked[1] or asked[2]])
    (only,) = fits
    return int(money[1]) - only * int(money[2])


def _formula(tokens: deque[str], values: dict[str, bool]) -> bool:
    token = tokens.popleft()
    if token == "not":
        return not _formula(tokens, values)
    if token != "(":
        return values[token]
    either = tokens[0] == "either" and bool(tokens.popleft())
    left = _formula(tokens, values)
    joint = tokens.popleft()
    right = _formula(tokens, values)
    if either:
        assert [tokens.popleft() for _ in range(4)] == [",", "but", "not", "both"]
    assert tokens.popleft() == ")"
    return left != right if either else {"and": left & right, "or": left | right, "implies": left <= right}[joint]


def _truth_table(prompt: str) -> int:
    letters = re.search(r"(?:variables|switches) ([p-u, ]+?)(?: is|, each)", prompt)
    text = re.search(r"\(.*\)", prompt)
    assert letters
    assert text
    count = 0
    names = letters[1].split(", ")
    for values in product((False, True), repeat=len(names)):
        tokens = deque(re.findall(r"\w+|[(),]", text[0]))
        count += _formula(tokens, dict(zip(names, values, strict=True)))
        assert not tokens
    return count


LOGIC = {
    "knights": _knights,
    "knights_toll": _toll,
    "culprit": _culprit,
    "treasure": _treasure,
    "race": _race,
    "truth_table": _truth_table,
}


@pytest.mark.parametrize("family", LOGIC)
def test_logic_puzzles_have_one_solution_and_it_is_the_answer(family: str) -> None:
    for problem in generators.logic(2 * SAMPLES, seed=12, family=family):
        assert int(problem.answer) == LOGIC[family](problem.prompt), problem.prompt


# ---- choice: the table is read and every option is compared -------------------------------------------------------------


def _quotient(text: str) -> F:
    first, second = (int(n) for n in re.findall(r"\d+", text))
    return F(first, second)


def _letter(problem: Problem) -> str:
    lines = problem.prompt.split("\n")
    table = dict(line.split(". ", 1) for line in lines[1:])
    assert table == problem.metadata["choices"]
    family = problem.metadata["topic"]
    if family == "only_multiple":
        d = int(re.findall(r"\d+", lines[0])[0])
        right = [letter for letter, n in table.items() if int(n) / d == int(n) // d]
    elif family == "nearest_product":
        a, b = (int(n) for n in re.findall(r"\d+", lines[0]))
        errors = {letter: abs(sum([b] * a) - int(n)) for letter, n in table.items()}
        right = [letter for letter, error in errors.items() if error == min(errors.values())]
    else:
        # numerator over denominator, kilometres a minute, pieces a coin: the largest wins
        values = {letter: _quotient(text) for letter, text in table.items()}
        right = [letter for letter, value in values.items() if value == max(values.values())]
    assert len(right) == 1
    return right[0]


@pytest.mark.parametrize("family", generators.choice.families)
def test_choice_problems_have_one_right_option(family: str) -> None:
    letters = set()
    for problem in generators.choice(SAMPLES, seed=13, family=family):
        assert problem.answer == _letter(problem), problem.prompt
        letters.add(problem.answer)
    assert letters == set("ABCDE")  # no favourite position


# ---- code: the programs are run ----------------------------------------------------------------------------------------


def _source(prompt: str) -> str:
    found = re.findall(r"```python\n(.*?)```", prompt, re.S)
    assert len(found) == 1
    return found[0]


def _define(source: str, name: str) -> Callable[..., Any]:
    space: dict[str, Any] = {}
    exec(source, space)
    return space[name]


@pytest.mark.parametrize("family", [f for f in generators.code.families if f.startswith("predict")])
def test_predicted_value_is_what_the_program_returns(family: str) -> None:
    for problem in generators.code(SAMPLES, seed=14, family=family):
        call = re.search(r"`f\((\d+)\)`", problem.prompt)
        assert call
        assert int(problem.answer) == _define(_source(problem.prompt), "f")(int(call[1])), problem.prompt


def _outcome(function: Callable[..., Any], test: dict[str, Any]) -> Any:
    try:
        return function(*test["args"])
    except Exception as error:
        return error


@pytest.mark.parametrize("family", [f for f in generators.code.families if not f.startswith("predict")])
def test_solution_passes_every_test_and_the_bug_fails_one(family: str) -> None:
    for problem in generators.code(SAMPLES, seed=15, family=family):
        assert problem.solution is not None
        assert problem.entry_point is not None
        good = _define(problem.solution, problem.entry_point)
        for test in problem.tests:
            got = good(*test["args"])
            assert (got, type(got)) == (test["expected"], type(test["expected"]))
        if family.startswith("repair"):
            bad = _define(_source(problem.prompt), problem.entry_point)
            assert any(_outcome(bad, test) != test["expected"] for test in problem.tests), problem.prompt


def test_every_bug_of_every_routine_is_met() -> None:
    for family in generators.code.families:
        if family.startswith("repair"):
            bugs = {p.template.params["bug"] for p in generators.code(SAMPLES, seed=15, family=family)}
            assert bugs == set(range(max(bugs) + 1)), family


def test_every_family_has_a_second_solver() -> None:
    checked = {f"{g}-{f}" for g, f, *_ in BY_TEXT} | {f"logic-{f}" for f in LOGIC}
    checked |= {f"{g}-{f}" for g in ("choice", "code") for f in generators.GENERATORS[g].families}
    assert checked == {f"{name}-{f}" for name, g in generators.GENERATORS.items() for f in g.families}
