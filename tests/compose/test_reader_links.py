"""What a hostile reader found: shares that a letter makes amounts, banknotes, old answers, what everybody fills in."""

from __future__ import annotations

import pytest

from composekit.compose import Composer, Problem, audit, chain, load_problems
from composekit.compose.ends import ends_of
from composekit.compose.generators import GENERATORS
from composekit.compose.needless.derivable import derivable
from composekit.compose.needless.idle import idle
from composekit.compose.needless.pinned import SMALL_ANSWER
from composekit.compose.renewing import admitted
from composekit.compose.tokens import constants, numerals

CRATE = Problem("A crate holds 12 boxes of 16 pencils. How many pencils are in the crate?", 192)


@pytest.mark.parametrize(
    ("text", "linked"),
    [
        ("Robi gave $4000, and Rudy gave 1/4 more money than Robi. What did both give?", ["4000"]),
        ("A desert has 3/5 fewer palms than a forest of 5000 palms. How many has it?", ["5000"]),
        ("The coat costs $80 and is sold for 1/4 off. What is paid?", ["80"]),
        ("Each of 25 men drinks 2/3 a gallon of water. How many gallons are needed?", ["25"]),
        ("Ali is 2/5 the age of Ben, who is 55 years old. How old is Ali?", ["55"]),
        (r"She got $\frac{1}{3}$ less money than he, who got $\$45$. How much did she get?", ["45"]),
        ("She got one-third less money than he, who got $45. How much did she get?", ["45"]),
        ("He ate 2/5 of the 600 cookies. How many are left?", ["2/5", "600"]),
        ("Susana has 3/4 as many chips as Ann, who has 28. How many chips has Susana?", ["3/4", "28"]),
        ("He won 5/8 times as many games as Ann, who won 40. How many did he win?", ["5/8", "40"]),
        ("Ten of his 27 songs made it on the top 100 charts. How many did not?", ["Ten", "27"]),
        ("She had 1.5 more litres than Ann, who had 17 litres. How many did she have?", ["1.5", "17"]),
    ],
)
def test_a_share_that_its_form_tells_from_an_amount_is_no_constant(text: str, linked: list[str]) -> None:
    """With K = 1/4, ``K more money`` is a quarter of a dollar; ``K of the money`` and ``K times as much`` stay shares."""
    assert [c.text for c in constants(text)] == linked


def test_a_banknote_is_linked_after_what_is_bought() -> None:
    first = Problem("Jack orders 13 sandwiches that cost $7 each. He pays with a $100 bill. What is his change?", 9)
    tiers = [[c.text for c in tier] for tier in ends_of(first).link_tiers("needed")]
    assert tiers[0] == ["13"]
    assert tiers[-1] == ["100"]


def test_a_usual_period_is_linked_after_other_numbers() -> None:
    """A day has 24 hours, so that ``in K hours`` is filled in."""
    problem = Problem("Ross takes 17 breaths a minute. How many are that in 24 hours?", 24480)
    assert [[c.text for c in tier] for tier in ends_of(problem).link_tiers("any")] == [["17"], ["24"]]


@pytest.mark.parametrize("text", ["They work an 88 hour day, 25 days long.", "She got an $80 rebate on 25 coats."])
def test_a_number_that_its_article_tells_is_linked_last(text: str) -> None:
    """``an K hour day`` tells the first digit."""
    tiers = ends_of(Problem(text, 7)).link_tiers("any")
    assert [[c.text for c in tier] for tier in tiers] == [["25"], [text.split()[3].lstrip("$")]]


def test_a_composer_avoids_a_last_answer_that_an_earlier_part_has() -> None:
    """Who stops after the first part would be paid."""
    asked = [Problem(f"Ann has {3 * n + 20} nuts and eats {n}. How many are left?", 2 * n + 20) for n in range(11, 19)]
    same = [Problem(f"Ben bakes {n + 150} rolls and sells {150 - n}. How many are left?", 2 * n) for n in range(21, 29)]
    for composite in Composer(asked + same, depth=3, seed=4, size=160):
        assert composite.answer not in {part.answer for part in composite.parts[:-1]}


def test_two_parts_of_one_answer_are_still_linked_where_these_are_given() -> None:
    second = Problem("A train has 34 cars with 8 seats each, and 80 seats are taken. How many are free?", 192)
    composite = chain(CRATE, second, seed=1)
    assert composite.answer == "192"


def test_no_composite_of_gsm8k_ends_in_an_earlier_answer(data_dir) -> None:
    composer = Composer(load_problems(data_dir / "gsm8k_train.jsonl")[310:1310], depth=2, seed=11, size=400)
    assert not [c for c in composer if ends_of(c.parts[0]).value == ends_of(c.parts[1]).value]


@pytest.mark.parametrize(
    ("text", "follow"),
    [
        ("He saves $2 in May, $4 in June, $8 in July, $16 in August and follows this pattern to December.", "2 4 8 16"),
        ("The first player took 1, the second took 3, the third took 5, and so on. What was taken?", "1 3 5"),
        ("He saves $2 in May, $4 in June, $8 in July and $16 in August. How much is that?", ""),
        ("He saves $3 in May, $4 in June, $8 in July and follows the same pattern next year.", ""),
        ("She made 150 cookies so her 15 neighbours could get 10 cookies each. Ann took 13.", "150 15 10"),
        ("She made 160 cookies so her 15 neighbours could get 10 cookies each. Ann took 13.", ""),
        ("She made 150 cookies. Her 15 neighbours got 10 cookies each.", ""),
        (
            "Owen has 12 boxes. Each box has 50 masks. He fills 6 of these boxes and sells the other 300 masks.",
            "12 50 6 300",
        ),
        ("Owen has 12 boxes. Each box has 50 masks. He fills 6 of these boxes and sells the other 200 masks.", ""),
        ("In triangle $ABC$, $AB = 17$, $AC = 8$, and $BC = 15$. Find the area.", "17 8 15"),
        ("In triangle $ABC$, $AB = 17$, $AC = 8$, and $BC = 16$. Find the area.", ""),
        ("There were 3 birds, 5 dogs and 4 snakes for sale. How many legs is that?", ""),
        (
            r"What is $\left(\frac{37}{8}\right)^{55} \cdot \left(\frac{8}{37}\right)^{55}$?",
            r"\frac{37}{8} \frac{8}{37}",
        ),
        (r"What is $\left(\frac{37}{8}\right)^{55} \cdot \left(\frac{7}{37}\right)^{55}$?", ""),
        ("What is $513^2 - 487^2$?", "513 487"),
        ("What is $513^2 - 486^2$?", ""),
        ("Find the roots of $(x - 3)^3 + (x -7)^3 = (2x - 10)^3.$", "3 7 10"),
        ("Find the roots of $(x - 3)^3 + (x -7)^3 = (2x - 11)^3.$", ""),
        (
            "Ham on 2 days. The other 3 school days, jam. Cake on one day and cookies the other four days.",
            "2 3 one four",
        ),
        ("Ham on 2 days. The other 3 school days, jam. Cake on one day and cookies the other five days.", ""),
        ("A square has area 16. [asy]draw((0,0)--(0,4)--(4,4)--(4,0)--cycle);[/asy] What is its side?", "16"),
        ("A square has area 25. [asy]draw((0,0)--(0,4)--(4,4)--(4,0)--cycle);[/asy] What is its side?", ""),
    ],
)
def test_what_everybody_fills_in_is_derivable(text: str, follow: str) -> None:
    assert [text[slice(*span)] for span in derivable(text, numerals(text))] == follow.split()


@pytest.mark.parametrize(
    "piece",
    [
        "and so on ",
        "$2 in May, $4 in June, ",
        "12 boxes 6 of these boxes ",
        "2 so 2 get 1 each ",
        "triangle 3 4 5 ",
        "so each ",
        "the other 2 days ",
        "513^2 - 487^2 ",
        "[asy](0,4) ",
    ],
)
def test_long_texts_of_one_piece_are_read_in_time(piece: str) -> None:
    text = piece * (19_000 // len(piece))
    derivable(text, numerals(text))


def test_a_small_answer_is_not_linked_where_whole_numbers_tell_it() -> None:
    """Who tries the answers 0 to 12 of the first part must find more than three that the last part makes sense with."""
    pool = [problem for generator in GENERATORS.values() for problem in generator(40, seed=17)]
    composer = Composer(pool, depth=2, cross_domain=True, seed=11, size=600)
    small = 0
    for composite in composer:
        link, last = composite.links[0], composite.parts[1]
        spot = next((c for c in constants(last.prompt) if c.span == link.span), None)
        if spot is None or not isinstance(link.value_in, int) or not 0 <= link.value_in <= SMALL_ANSWER:
            continue
        left = admitted(last, spot, (link.value_out - link.value_in + x for x in range(SMALL_ANSWER + 1)))
        small += left is not None
        assert left is None or left > 3
    assert small > 5


def test_a_share_and_a_whole_number_are_not_linked_as_their_difference_tells_both() -> None:
    """``P is 24.2 less than Z`` tells P = 0.8 to whoever knows that Z is a count, ``449.75 more`` tells 450."""
    pool = [
        Problem("Ann has 7 bags of 5 nuts. How many nuts are there?", 35),
        Problem("Tom keeps 0.8 of what he earns, which is 57 dollars a day. What does he keep in 13 days?", "592.8"),
        Problem("She cuts 3/8 of a rope of 96 feet and then 17 feet. How much is left?", 43),
    ]
    for composite in Composer(pool, depth=2, seed=3, size=60):
        link = composite.links[0]
        assert not (isinstance(link.value_in, int) and 0 < link.value_out < 1)
    pool[1] = Problem("Half of half a cake is left. Which share of the cake is it?", "1/4")
    for composite in Composer(pool, depth=2, seed=3, size=60):
        link = composite.links[0]
        assert not (0 < link.value_in < 1 and isinstance(link.value_out, int))
    told = chain(pool[1], pool[0], seed=1)
    assert [f.kind for f in audit(told).findings if "rounded up" in f.message] == ["guessable"]


@pytest.mark.parametrize(
    ("text", "answer", "steps", "idle_numbers"),
    [
        ("Bert made 12 rolls, ate half of them, and 2 fewer the next day. How many are left?", 2,
         "12/2=<<12/2=6>>6. 6-2=<<6-2=4>>4. 12-6-4=<<12-6-4=2>>2", ["12"]),
        ("Jim has 20 cards, Kim 7 more than he. Lea has 11 more than Jim. How many more has Lea than Kim?", 4,
         "20+7=<<20+7=27>>27. 20+11=<<20+11=31>>31. 31-27=<<31-27=4>>4", ["20"]),
        ("Jim has 20 cards, Kim 7 more than he. How many have they?", 47, "20+7=<<20+7=27>>27. 20+27=<<20+27=47>>47", []),
        ("Jim has 20 cards, Kim 7 more. How many have they?", 47,
         "20+7=<<20+7=27>>27. 20+27=<<20+27=47>>47. Check: 47-27-20=<<47-27-20=0>>0", []),
        ("He pays $200 for 4 coats and 50 for a hat. What does he pay?", 250, "200+50=<<200+50=250>>250 for 4",
         ["4"]),
        ("Ted starts with $200 and earns 15 a day. How much does he earn in 5 days?", 75, "15*5=<<15*5=75>>75. 2 coins.",
         ["200"]),
    ],
)  # fmt: skip
def test_numbers_that_cancel_or_are_not_used_are_idle(
    text: str, answer: int, steps: str, idle_numbers: list[str]
) -> None:
    problem = Problem(text, answer, solution=steps)
    found = idle(problem, constants(text))
    assert [text[slice(*span)] for span in found] == idle_numbers


@pytest.mark.parametrize(
    ("text", "answer", "number", "doubtful"),
    [
        ("If $10^x - 10 = 9990,$ what is $x$?", "4", "9990", True),
        ("If $10x - 10 = 9990,$ what is $x$?", "1000", "9990", False),
        (r"Simplify $\tan 100^\circ + 4 \sin 100^\circ.$", r"-\sqrt{3}", "4", True),
        (r"Write $\frac{3}{20}$ as a decimal.", "0.15", r"\frac{3}{20}", True),
        ("If $x^2 - x - 1 = 0$, what is the value of $x^3 - 2x + 1$?", "2", "2", True),
        ("If $x^2 - x - 1 = 0$, what are the values of $x^3 - 2x + 1$?", "1,2", "2", False),
        ("Leila was born in 1995. It is currently 2021. How old is she?", "26", "2021", True),
        ("She counted 2021 stars and 7 planets. How many are there?", "2028", "2021", False),
    ],
)  # fmt: skip
def test_numbers_that_the_question_pins_down_are_doubtful(text: str, answer: str, number: str, doubtful: bool) -> None:
    problem = Problem(text, answer)
    found = [text[slice(*span)] for span in idle(problem, numerals(text))]
    assert (number in found) is doubtful


def test_few_options_do_not_tell_a_number_by_what_divides() -> None:
    pool = [problem for generator in GENERATORS.values() for problem in generator(40, seed=5)]
    seen = 0
    for composite in Composer(pool, depth=2, cross_domain=True, seed=7, size=800):
        link, (first, last) = composite.links[0], composite.parts
        if first.template is None or first.template.params.get("family") != "treasure":
            continue
        spot = next((c for c in constants(last.prompt) if c.span == link.span), None)
        weights = {n for n in first.template.params.values() if type(n) is int}
        if spot is None or link.value_in not in weights:
            continue
        left = admitted(last, spot, (link.value_out - link.value_in + x for x in weights))
        seen += left is not None
        assert left is None or left > 2
    assert seen
