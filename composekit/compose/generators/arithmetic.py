"""Word problems of arithmetic: a few exact steps from the numbers of the text to one number."""
# ruff: noqa: RUF012  (the tables of a family are class attributes that nobody changes)

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from composekit.compose.generators.base import Family, Generator
from composekit.compose.generators.stream import Stream, scaled
from composekit.compose.generators.words import GOODS, MONEY, NAMES, SHOPS

P = Mapping[str, Any]
_SMALL, _LARGE, _HUGE = range(2, 1001), range(2, 20001), range(2, 10**7)


class Change(Family):
    """What is left of a sum after a purchase."""

    name = "change"
    words = {"who": NAMES, "item": GOODS, "coin": MONEY}
    ranges = {"n": _SMALL, "price": _SMALL, "paid": _HUGE}
    wordings = (
        "<who> has <paid> <coin> and buys <n> <item> at <price> <coin> each. How many <coin> does <who> have left?",
        "At a fair, one pays <price> <coin> for each of the <item>. <who> takes <n> of them and hands over <paid> "
        "<coin>. How many <coin> should <who> get back?",
        "A club gives <who> a budget of <paid> <coin>. After ordering <n> <item> that cost <price> <coin> apiece, how "
        "much of the budget, in <coin>, remains?",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        n, price = scaled(rng, level, 11, 30), scaled(rng, level, 11, 50)
        return {"n": n, "price": price, "paid": n * price + scaled(rng, level, 3, 400)}

    def valid(self, p: P) -> bool:
        return bool(p["paid"] > p["n"] * p["price"])

    def solve(self, p: P) -> int:
        return int(p["paid"] - p["n"] * p["price"])


class Stock(Family):
    """A store that receives boxes and sells pieces."""

    name = "stock"
    words = {"shop": SHOPS, "item": GOODS}
    ranges = {"start": _LARGE, "boxes": _SMALL, "each": _SMALL, "sold": _HUGE}
    wordings = (
        "A <shop> starts the week with <start> <item>. A delivery brings <boxes> boxes with <each> <item> in each "
        "box, and by Saturday <sold> <item> have been sold. How many <item> does the <shop> have then?",
        "By Saturday, a <shop> had sold <sold> <item>. On Monday it had owned <start> of them, and on Tuesday <boxes> "
        "boxes of <each> <item> each had arrived. How many <item> were left on Saturday?",
        "<boxes> boxes, each packed with <each> <item>, arrive at a <shop> that already stores <start> <item>. "
        "Customers then buy <sold> <item>. How many <item> remain?",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        start, boxes, each = scaled(rng, level, 20, 300), scaled(rng, level, 11, 30), scaled(rng, level, 12, 40)
        return {"start": start, "boxes": boxes, "each": each, "sold": rng.between(11, start + boxes * each - 1)}

    def valid(self, p: P) -> bool:
        return bool(p["start"] + p["boxes"] * p["each"] > p["sold"])

    def solve(self, p: P) -> int:
        return int(p["start"] + p["boxes"] * p["each"] - p["sold"])


class Sharing(Family):
    """An equal division of what is left when some is kept."""

    name = "sharing"
    words = {"who": NAMES, "item": GOODS}
    ranges = {"total": _HUGE, "kept": _LARGE, "people": _SMALL}
    wordings = (
        "<who> owns <total> <item>, keeps <kept> of them and shares the others equally among <people> children. How "
        "many <item> does each child get?",
        "<people> classes share the <item> that <who> collected. There are <total> <item> in all, but <who> puts "
        "<kept> aside first. Every class receives the same number. How many <item> does one class receive?",
        "From a crate of <total> <item>, <kept> are broken and thrown away. The rest is packed into <people> equal "
        "parcels for <who>. How many <item> are in one parcel?",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        people, kept = scaled(rng, level, 11, 30), scaled(rng, level, 11, 90)
        return {"people": people, "kept": kept, "total": kept + people * scaled(rng, level, 11, 60)}

    def valid(self, p: P) -> bool:
        return bool(p["total"] > p["kept"] and (p["total"] - p["kept"]) % p["people"] == 0)

    def solve(self, p: P) -> int:
        return int((p["total"] - p["kept"]) // p["people"])


class Discount(Family):
    """A price cut by a percentage; the answer may be a fraction."""

    name = "discount"
    words = {"who": NAMES, "item": GOODS, "coin": MONEY}
    ranges = {"n": _SMALL, "price": _LARGE, "percent": range(3, 98)}
    wordings = (
        "A set of <item> costs <price> <coin>. For orders of several sets the maker takes <percent>% off the whole "
        "bill. <who> orders <n> sets. How many <coin> must <who> pay?",
        "<who> sells <n> sets of <item>, listed at <price> <coin> a set, and grants the buyer a rebate of <percent> "
        "percent on everything. How many <coin> does <who> receive?",
        "The regular fee for a course is <price> <coin>. A group of <n> friends signs up together, so that each fee "
        "drops by <percent> percent. How many <coin> does the group pay in all?",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        percent = 5 * rng.between(1, 19) if level < 4 else rng.between(3, 97)
        return {"n": scaled(rng, level, 11, 20), "price": 20 * scaled(rng, level, 2, 20), "percent": percent}

    def solve(self, p: P) -> Fraction:
        return Fraction(p["n"] * p["price"] * (100 - p["percent"]), 100)


class Tickets(Family):
    """A total of two products."""

    name = "tickets"
    words = {"who": NAMES, "coin": MONEY}
    ranges = {"adults": _LARGE, "adult_price": _SMALL, "children": _LARGE, "child_price": _SMALL, "costs": _HUGE}
    wordings = (
        "A theatre sells <adults> tickets for adults at <adult_price> <coin> each and <children> tickets for children "
        "at <child_price> <coin> each. The evening costs the theatre <costs> <coin>. <who> keeps the books: what "
        "profit, in <coin>, does <who> write down?",
        "<who> runs a boat tour. Adults pay <adult_price> <coin> and children pay <child_price> <coin>. Today "
        "<children> children and <adults> adults took the tour, while fuel and wages came to <costs> <coin>. How many "
        "<coin> did the tour earn after these costs?",
        "A zoo admits <children> children for <child_price> <coin> each and <adults> adults for <adult_price> <coin> "
        "each on a day when <who> pays <costs> <coin> for food and repairs out of the income. How many <coin> of the "
        "income are left?",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        adults, children = scaled(rng, level, 15, 60), scaled(rng, level, 15, 60)
        child_price = rng.between(11, 20)
        adult_price = child_price + rng.between(2, 30)
        income = adults * adult_price + children * child_price
        prices = {"adult_price": adult_price, "child_price": child_price}
        return {"adults": adults, "children": children, "costs": rng.between(income // 4, income - 11), **prices}

    def valid(self, p: P) -> bool:
        income = p["adults"] * p["adult_price"] + p["children"] * p["child_price"]
        return bool(income > p["costs"] and p["adult_price"] > p["child_price"])

    def solve(self, p: P) -> int:
        return int(p["adults"] * p["adult_price"] + p["children"] * p["child_price"] - p["costs"])


class NewAverage(Family):
    """The value that moves an average."""

    name = "average"
    words = {"who": NAMES}
    ranges = {"count": range(3, 200), "before": _SMALL, "after": _SMALL}
    wordings = (
        "After <count> games, <who> has an average of <before> points a game. One more game lifts the average to "
        "<after> points. How many points did <who> score in that last game?",
        "The mean of <count> numbers on a list by <who> is <before>. When one number is added to the list, the mean "
        "becomes <after>. Which number was added?",
        "<who> weighs <count> parcels; their average weight is <before> grams. With one more parcel the average is "
        "<after> grams. How many grams does the extra parcel weigh?",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        before = scaled(rng, level, 20, 50)
        return {"count": rng.between(11, 12 + 8 * level), "before": before, "after": before + rng.between(1, 3 + level)}

    def valid(self, p: P) -> bool:
        return bool(p["after"] > p["before"])

    def solve(self, p: P) -> int:
        return int(p["after"] * (p["count"] + 1) - p["before"] * p["count"])


class Machines(Family):
    """Work done by two machines at different rates."""

    name = "machines"
    words = {"item": GOODS, "who": NAMES}
    ranges = {"rate": _SMALL, "hours": range(2, 500), "faster": _SMALL, "late": range(2, 400)}
    wordings = (
        "A machine makes <rate> <item> an hour and runs for <hours> hours. A second machine, which makes <faster> "
        "more <item> an hour than the first, is switched on by <who> <late> hours after it. Both stop at the same "
        "time. How many <item> have the two made together?",
        "<who> packs <rate> <item> an hour and works <hours> hours. A robot joins <late> hours after the start and "
        "packs every hour <faster> <item> more than <who> does. Both finish together. How many <item> are packed in "
        "all?",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        hours = scaled(rng, level, 15, 24)
        late = rng.between(3, hours - 2)
        return {"rate": scaled(rng, level, 12, 60), "hours": hours, "faster": scaled(rng, level, 11, 30), "late": late}

    def valid(self, p: P) -> bool:
        return bool(p["late"] < p["hours"])

    def solve(self, p: P) -> int:
        return int(p["rate"] * p["hours"] + (p["rate"] + p["faster"]) * (p["hours"] - p["late"]))


class Recipe(Family):
    """A quantity in proportion; the answer may be a fraction."""

    name = "recipe"
    words = {"who": NAMES}
    ranges = {"grams": _LARGE, "serves": _SMALL, "guests": _LARGE, "spare": _LARGE}
    wordings = (
        "A recipe for <serves> people needs <grams> grams of flour. <who> cooks for <guests> people, keeps to the "
        "recipe, and buys <spare> grams more than needed. How many grams of flour does <who> buy? Give the exact "
        "value.",
        "<grams> grams of seed are enough for <serves> square metres of lawn. <who> has <guests> square metres to sow "
        "and orders a reserve of <spare> grams on top. How many grams is the order? Give the exact value.",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        serves = scaled(rng, level, 11, 20)
        step = 1 if level > 3 else serves
        return {
            "serves": serves,
            "grams": step * scaled(rng, level, 11, 40 if level > 3 else 15),
            "guests": scaled(rng, level, 11, 60),
            "spare": scaled(rng, level, 15, 90),
        }

    def solve(self, p: P) -> Fraction:
        return Fraction(p["grams"] * p["guests"], p["serves"]) + int(p["spare"])


class Ages(Family):
    """Three ages that hang on each other."""

    name = "ages"
    words = {"old": NAMES, "mid": NAMES, "young": NAMES}
    ranges = {"years": range(2, 60), "factor": range(2, 10), "older": range(2, 60), "young_age": range(2, 60)}
    fixed = ("factor",)
    wordings = (
        "<young> is <young_age> years old. <mid> is <older> years older than <young>, and <old> is <factor> times as "
        "old as <mid> was when <young> was born. What will be the sum of the ages of the three in <years> years?",
        "When <young> was born, <mid> was <older> years old; today <old> is exactly <factor> times that old, and "
        "<young> is <young_age>. Add the ages that <young>, <mid> and <old> will have <years> years from now. What is "
        "the sum?",
    )

    def draw(self, rng: Stream, level: int) -> dict[str, Any]:
        ages = {"young_age": rng.between(11, 15 + 3 * level), "older": rng.between(11, 20 + 3 * level)}
        return {**ages, "factor": rng.between(2, 4), "years": rng.between(3, 11 + 5 * level)}

    def valid(self, p: P) -> bool:  # the oldest is older than the second, and nobody passes 110
        old = p["factor"] * p["older"]
        return bool(p["young_age"] + p["older"] < old and old + p["years"] <= 110)

    def solve(self, p: P) -> int:
        return int(2 * p["young_age"] + p["older"] + p["factor"] * p["older"] + 3 * p["years"])


arithmetic = Generator(
    "arithmetic",
    [Change(), Stock(), Sharing(), Discount(), Tickets(), NewAverage(), Machines(), Recipe(), Ages()],
)
