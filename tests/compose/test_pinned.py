"""What a reader gets of Y without the part before: from a bound, from few X, from neighbours, from a common base."""

from __future__ import annotations

import re
import time
from fractions import Fraction

import pytest

from composekit.compose import Composer, Problem, audit, chain
from composekit.compose.ends import ends_of
from composekit.compose.generators import GENERATORS
from composekit.compose.needless.cancelling import grain
from composekit.compose.needless.derivable import derivable
from composekit.compose.needless.idle import idle
from composekit.compose.needless.pinned import between, is_pinned, offered
from composekit.compose.needless.spaces import FEW, few_answers
from composekit.compose.places import BASE_OF_POWER
from composekit.compose.renewing import other_answers
from composekit.compose.tokens import Constant, constants, numerals

# --- the relation


def spot(problem: Problem, text: str) -> Constant:
    """The constant of a problem that reads so."""
    return next(c for c in constants(problem.prompt) if c.text == text)


SHOPS = "A hat costs ${} at one shop, $19 at the next, and $95 at the last. How much is it at the cheapest?"
ROWS = "When the girls line up in rows of eight, there are seven left over. How many are left over in rows of four?"
LARGEST = "Ann has {} nuts, Bea has 19 nuts and Cem has 23 nuts. Who has the most nuts?"


@pytest.mark.parametrize(
    ("text", "answer", "number", "value", "pinned"),
    [
        (SHOPS.format(43), 19, 43, 22, True),  # Y is 21 more than X, and 19 is less
        (SHOPS.format(43), 19, 43, 26, False),  # Y is 17 more than X
        (SHOPS.format(43), 19, 43, 143, False),  # Y is less than X
        (SHOPS.format(43), 19, 43, -143, False),  # X may be negative
        (SHOPS.format(43).replace("cheapest", "first"), 19, 43, 22, False),
        (LARGEST.format(43), "Ann", 43, 12, True),
        (LARGEST.format(43), "Ann", 43, 22, False),  # 21 more: Cem may have more
        (LARGEST.format(43).replace("Who has", "How many has who has"), 43, 43, 12, False),
        (ROWS, 3, "seven", 1, True),  # 6 more than X: 6 or 7
        (ROWS, 3, "seven", 2, False),  # 5, 6 or 7
        (ROWS, 3, "seven", -1, False),
        (ROWS.replace("eight", "nine"), 3, "seven", 1, False),
        ("Find the least number above 90 with a remainder of $14$ when divided by $16$.", 94, 14, 1, False),
        ("Find the least number above 90 with a remainder of $14$ when divided by $15$.", 104, 14, 1, True),
        ("Two bags weigh 43 kg and 19 pounds. What is the least weight of 5 bags?", 95, 43, 12, False),  # other things
    ],
)
def test_a_relation_bounds_y_from_below(text: str, answer: object, number: int | str, value: int, pinned: bool) -> None:
    problem = Problem(text, answer)
    assert is_pinned(problem, spot(problem, str(number)), value, ()) is pinned


def test_a_constant_that_its_bound_tells_is_linked_after_others() -> None:
    nuts = Problem("Ann picks 4 nuts, then 7 times as many, then eats 10. How many has she?", 22)
    shops = Problem(SHOPS.format(43), 19)
    for seed in range(12):
        assert chain(nuts, shops, seed=seed).links[0].value_out != 43
    other = Problem("Ann picks 50 nuts, then 3 times as many, then eats 60. How many has she?", 140)
    assert {chain(other, shops, seed=seed).links[0].value_out for seed in range(12)} >= {43, 95}


SHARED = "Seven friends share {} nuts, and each of them eats 2. How many nuts does each of them have left?"
STEPS = "Each gets {0}/7=<<{0}/7={1}>>{1}. Left are {1}-2=<<{1}-2={2}>>{2}."


def test_whole_numbers_tell_a_constant_to_whoever_tries_small_answers() -> None:
    """Only 0 and 7 of the X from 0 to 12 give whole nuts."""
    problem = Problem(SHARED.format(84), 10, solution=STEPS.format(84, 12, 10))
    c = spot(problem, "84")
    assert grain(problem, c) == 7
    assert is_pinned(problem, c, 7, offered(problem, 7, {}))
    assert not is_pinned(problem, c, 700, offered(problem, 700, {}))
    thirds = Problem(SHARED.format(84).replace("Seven", "Two"), 40, solution="84/2=<<84/2=42>>42. 42-2=<<42-2=40>>40.")
    assert grain(thirds, c) == 2
    assert not is_pinned(thirds, c, 7, offered(thirds, 7, {}))


@pytest.mark.parametrize(
    ("steps", "answer", "expected"),
    [
        ("84/7=<<84/7=12>>12", 12, 7),
        ("84/8=<<84/8=10.5>>10.5", "10.5", 1),  # nothing was whole
        ("84*5=<<84*5=420>>420. 420/7=<<420/7=60>>60", 60, 7),
        ("84*14=<<84*14=1176>>1176. 1176/7=<<1176/7=168>>168", 168, 1),
        ("336/84=<<336/84=4>>4", 4, -336),
        ("84+6=<<84+6=90>>90. 270/90=<<270/90=3>>3", 3, 0),
        ("84/7=<<84/7=13>>13", 13, 1),  # wrong, so nobody knows
        ("84/7=12", 12, 1),
    ],
)
def test_the_grain_of_a_constant_keeps_whole_results_whole(steps: str, answer: object, expected: int) -> None:
    problem = Problem("There are 84 nuts.", answer, solution=steps)
    assert grain(problem, spot(problem, "84")) == expected


def test_generated_problems_are_solved_again_with_what_the_relation_leaves() -> None:
    """No link of a pool of generated problems leaves the same answer for half of the X, where others fit."""
    pool = [problem for generator in GENERATORS.values() for problem in generator(30, seed=23)]
    tried = 0
    for composite in Composer(pool, depth=2, seed=4, size=250):
        link, (first, last) = composite.links[0], composite.parts
        c = next((c for c in constants(last.prompt) if c.span == link.span), None)
        if c is not None and isinstance(link.value_in, int) and ends_of(last).tiers and not ends_of(first).options:
            tried += 1
            assert not is_pinned(last, c, link.value_in, offered(first, link.value_in, {})), composite.prompt
    assert tried > 100


def test_a_table_leaves_three_answers_at_least() -> None:
    """Five X on offer that lead to two options of the next part make that a choice of two."""
    pool = list(GENERATORS["choice"](120, seed=7, family="nearest_product"))
    found = []
    for composite in Composer(pool, depth=2, seed=9, size=240):
        link, last = composite.links[0], composite.parts[-1]
        table = [2 * int(number) for number in re.findall(r"\b[A-Z]: (\d+)", link.definition)]
        assert link.value_in in table
        c = next(c for c in constants(last.prompt) if c.span == link.span)
        given = other_answers(last, c, [x + link.value_out - link.value_in for x in table])
        found.append(len({last.answer, *given}))
    assert min(found) == 3


# --- what a worked solution does with a number


CHEAPER = "A pen costs $17 here. There, 3 pens cost $63. What do 5 pens cost in the cheaper shop?"


@pytest.mark.parametrize(
    ("text", "answer", "steps", "expected"),
    [
        (CHEAPER, 85, "There a pen costs 63/3=<<63/3=21>>21, so it is here. 5*17=<<5*17=85>>85.", "3 63"),
        (CHEAPER, 85, "There a pen costs 63/3=21, so it is here. 5*17=<<5*17=85>>85.", "3 63"),  # arithmetic in prose
        (CHEAPER, 85, "63/3=<<63/3=21>>21. He saves 21-17=4. 5*17=<<5*17=85>>85.", "3 63"),  # a step has no annotation
        (CHEAPER.replace("17", "27"), 105, "It is 63/3=21, so it is there. 5*21=<<5*21=105>>105.", "27"),  # the 21 is used
        ("She has 41% red pens of 200. How many are not?", 118, "100-41=<<100-41=59>>59. 200*.59=<<200*.59=118>>118.", ""),
        ("She saves $112 and gets $25 for more than $125. What has she after paying 66?", 46,
         "As 112 is not greater than 125, she does not get the 25. 112-66=<<112-66=46>>46.", "25 125"),
        ("She saves $112 and gets $25 for more than $99. What has she after paying 66?", 71,
         "As it is more than 99, she has 112+25-66=<<112+25-66=71>>71.", "99"),
        ("Eighteen hours ago she had 112 nuts. She ate 66.", 46,
         "It is eighteen hours later. 112-66=<<112-66=46>>46.", "Eighteen"),  # said again, not used
        ("Eighteen boys have 112 nuts each.", 2016, "Eighteen times 112 is <<18*112=2016>>2016.", ""),
    ],
)  # fmt: skip
def test_numbers_that_a_solution_only_mentions_or_compares_are_idle(
    text: str, answer: int, steps: str, expected: str
) -> None:
    problem = Problem(text, answer, solution=steps)
    assert [text[slice(*span)] for span in idle(problem, constants(text))] == expected.split()


# --- a common base, a rough bound


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tom has 35 stamps. Ann has 12 more than Tom, Bea 5 fewer than Tom. How many more has Ann than Bea?", "35"),
        ("Tom is 35 years old. Ann is 12 years older than Tom. How much older is Ann than Tom?", "35"),
        ("Tom is 35 cm tall, Ann is 12 cm taller, Bea 5 cm taller. What is the difference between Bea and Tom?",
         "35"),
        ("Tom has 35 stamps. Ann has 12 more than Tom. How many stamps has Ann?", ""),
        ("Tom has 35 stamps. Ann has 12 times as many. How many more has Ann than Tom?", ""),
        ("Tom has 35 stamps. Ann has 12 more. How many more have both together than Tom?", ""),
        ("Tom has 35 stamps, Bea has 40 stamps. Ann has 12 more than Tom. How many more has Ann than Bea?", ""),
        ("A third of 35 boys run. Ann has 12 more. How many more has Ann than Tom?", ""),
    ],
)  # fmt: skip
def test_the_base_of_differences_is_idle(text: str, expected: str) -> None:
    assert [text[slice(*span)] for span in idle(Problem(text, 17), constants(text))] == expected.split()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Three consecutive integers have a sum less than 220. What is the greatest possible of them?", "220"),
        ("What is the smallest multiple of 17 that is more than 150?", "150"),
        ("What is the largest integer less than 150 that leaves the remainder 5 when divided by 17?", "150"),
        ("What is the largest number less than 150 minus 17?", ""),
        ("What is the sum of the multiples of 17 that are less than 150?", ""),
        ("What is the smallest multiple of 17 that has 150 divisors?", ""),
        ("A prime is 20% less than 35. What is the largest price less than 150% of it?", ""),
    ],
)
def test_a_bound_that_is_needed_roughly_is_idle(text: str, expected: str) -> None:
    assert [text[slice(*span)] for span in idle(Problem(text, 77), constants(text))] == expected.split()


@pytest.mark.parametrize(
    ("text", "answer", "expected"),
    [
        (r"Evaluate $\left\lfloor\frac{36}{7}\right\rfloor$.", "5", r"\frac{36}{7}"),
        (r"If $\lfloor x \rfloor = 19,$ how many values are there for $\lfloor 5x \rfloor$?", "5", "19"),
        (r"If $\lfloor x \rfloor = 19,$ what is the least value of $\lfloor 5x \rfloor$?", "95", ""),
        ("What is the sum of 26 and 52, rounded to the nearest ten?", "80", "26 52"),
        ("What is the sum of 26 and 52?", "78", ""),
        ("What is the smallest number after $3456$ whose digits add up to $12$?", "3504", "3456"),
        ("What is the smallest number after $3456$?", "3457", ""),
        (r"Simplify $\sin 70^\circ \cos 50^\circ + \sin 260^\circ.$", "1", "70 50 260"),
        (r"Find $x$ if $\sin 70^\circ \cos 50^\circ + \sin 260^\circ = \sin x^\circ.$", "1", ""),
        ("Find the greatest common divisor of $3339$, $2961$, and $1491$.", "21", "3339 2961"),
        ("Find the greatest common divisor of $12$, $18$, and $45$.", "3", "18"),
        ("Find the greatest common divisor of $3339$ and $1491$.", "21", ""),
        ("What is $1^{223}$?", "1", "1"),
        ("What is $7^{223} + (x - 1)^{223}$ at 3?", "1", ""),
    ],
)
def test_numbers_that_are_needed_roughly_or_must_be_nice_are_idle(text: str, answer: str, expected: str) -> None:
    usable = [n for n in numerals(text) if n.place in ("", BASE_OF_POWER)]
    assert [text[slice(*span)] for span in idle(Problem(text, answer), usable)] == expected.split()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("What is the value of $19^2 + 2(19) + 1$?", "2 1"),
        (r"What is $101^{3} - 3 \cdot 101^{2} + 3 \cdot 101 - 1$?", "1"),
        (r"What is $101^{3} - 3 \cdot 101^{2} + 2 \cdot 101 - 1$?", ""),
        (r"Simplify $\cos(\log(2009)i) + \sin(\log(4036081)i).$", "2009 4036081"),
        (r"Simplify $\cos(\log(2009)i) + \sin(\log(4036082)i).$", ""),
        ("The circle $x^2 + y^2 = 49$ and the line $y = 7$.", ""),
    ],
)
def test_powers_that_everybody_knows_are_derivable(text: str, expected: str) -> None:
    linked = {c.span for c in numerals(text)}
    assert [text[slice(*s)] for s in derivable(text, numerals(text)) if s in linked] == expected.split()


@pytest.mark.parametrize(
    ("constant", "value", "others", "told"),
    [
        (997, 4, (1000,), True),  # Y is 993 more than X, and below 1000
        (997, 4, (1100,), False),
        (997, 40, (1000,), False),
        (47, 4, (50,), False),  # there are as many small numbers
        (499000, 24, (), True),
        (499000, 224, (), False),
        (24, 499000, (), True),
        (700, 9000, (), False),
    ],
)
def test_y_lies_between_the_difference_and_a_bound(constant: int, value: int, others: tuple[int], told: bool) -> None:
    assert between(constant, value, others) is told


# --- neighbours in a row


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"$g = f(1986)$. Find $h(1) + \dots + f(1985)$.", "1986 1985"),
        (r"Find $f(75)$, given $f(73) = 17$.", "75 73"),
        ("The 41st term is 7. What is the sum of the first 40 terms?", "40"),
        (r"The sum $x_1 + \dots + x_{61}$ is 8. What is $g(60)$?", "60"),
        ("Find the sum of the first 50 odd numbers, from 1 to 99.", "50 99"),
        (r"The 50 terms of $1 + 3 + 5 + \dots + 99$ are added.", "50 99"),
        ("Ann has 41 nuts, Bea has 40 plums.", ""),
        (r"Find $f(75)$, given $f(63) = 17$.", ""),
        (r"The solutions of $41x + 40y = 7$.", ""),
        ("The first 50 odd numbers have the sum 2500.", ""),
        ("There are 26 boys and 25 girls, who read 31 books.", ""),
    ],
)
def test_neighbours_in_a_row_tell_each_other(text: str, expected: str) -> None:
    found = derivable(text, numerals(text))
    linked = {c.span for c in constants(text)}
    assert [text[slice(*span)] for span in found if span in linked] == expected.split()


def test_neighbours_are_found_in_linear_time() -> None:
    text = " ".join(f"$f({n})$ and {n} terms, first {n} odd," for n in range(10, 400))
    start = time.process_time()
    derivable(text, numerals(text))
    assert time.process_time() - start < 5


# --- parts with few answers


@pytest.mark.parametrize(
    ("text", "answer", "few"),
    [
        ("How many of the four statements are true?", 3, 5),
        ("Ann, Bea and Cem talk. How many of these 3 people lie?", 1, 4),
        ("What is the remainder when $3^{77}$ is divided by 7?", 5, 7),
        (r"If $n \equiv 3 \pmod{11}$, what is the remainder of $n^2$ modulo 11?", 9, 11),
        ("What is the units digit of $7^{99}$?", 3, 10),
        ("Which integer from 1 to 6 is it?", 4, 6),
        ("What is the remainder when $3^{77}$ is divided by 97?", 5, None),
        (r"What is the mean of the two least solutions of $14u \equiv 46 \pmod{10}$?", 64, None),
        ("How many of the 4 dozen eggs are left?", 7, None),
        ("What is the sum of the digits of 3^77?", 9, None),
        ("How many numbers from 1 to 6 are even?", 3, None),
        ("How many nuts have 4 boys?", 12, None),
    ],
)
def test_few_answers_are_counted(text: str, answer: int, few: int | None) -> None:
    found = few_answers(Problem(text, answer))
    assert (found[0] if found else None) == few


@pytest.mark.parametrize("family", ["knights", "culprit", "treasure", "race", "truth_table", "fastest"])
def test_generators_tell_few_answers(family: str) -> None:
    """The answers of a family stay within what it says: no more of them for one text, and the text's own among them."""
    generator = next(g for g in GENERATORS.values() if family in g.families)
    told = [few_answers(problem) for problem in generator(20, seed=3, family=family)]
    assert all(few is None or 2 < few[0] <= FEW for few in told)
    assert any(told)


def test_audit_warns_of_a_source_with_few_answers() -> None:
    nuts = Problem("Tom has 35 nuts, eats 16. How many are left?", 19)
    few = chain(Problem("How many of the four statements of Ann are true?", 3), nuts)
    many = chain(Problem("How many statements does Ann make in 7 days of 8 talks?", 56), nuts)
    assert [f.kind for f in audit(few).warnings] == ["guessable"]
    assert audit(few).ok
    assert "one of 5 values" in audit(few).warnings[0].message
    assert not audit(many).warnings
    reworded = GENERATORS["logic"].sample(1, 0, family="treasure")
    assert any("4 values" in f.message for f in audit(chain(reworded, nuts)).warnings)


@pytest.mark.parametrize(("fast", "pinned"), [(3, True), (4, True), (5, False), (40, False)])
def test_a_mean_of_two_close_numbers_is_known_from_its_fraction(fast: int, pinned: bool) -> None:
    params = {"family": "momentum", "level": 1, "wording": 1, "body": "cart", "m1": 112, "v1": fast, "m2": 98, "v2": 2}
    source = GENERATORS["physics"].make(**params)
    value = Fraction(source.answer)
    tried = offered(source, value, {})
    assert value in tried
    assert all(2 < x < fast and (x - value).denominator == 1 for x in tried)
    text = "A shelf of 855 books and 12 more. How many?"
    place = next(c for c in constants(text) if c.value == 855)
    assert is_pinned(Problem(text, 867), place, value, tried) is pinned


def test_one_of_two_options_is_no_choice() -> None:
    text = "A shelf of 855 books and 12 more. How many?"
    place = next(c for c in constants(text) if c.value == 855)
    assert is_pinned(Problem(text, 867), place, 40, (40, 52))
    assert not is_pinned(Problem(text, 867), place, 40, (40, 52, 34))
