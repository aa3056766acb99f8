"""Constants of word problems that nobody needs: what a worked solution never takes, and what the words around them tell."""

from __future__ import annotations

from pathlib import Path

import pytest

from composekit.compose import Composer, Problem, load_problems
from composekit.compose.ends import ends_of
from composekit.compose.needless.cancelling import room
from composekit.compose.needless.derivable import derivable
from composekit.compose.needless.idle import idle
from composekit.compose.needless.operands import why_not_taken
from composekit.compose.needless.pinned import is_pinned
from composekit.compose.tokens import constants, numerals

KIM = "Kim can knit 10 scarfs a day. She knit 8 on Monday, 2 more on Tuesday, and 5 today. How many?"
FOOD = (
    "A roll weighs 9 ounces, a pie 5. Al eats 8 pies, Bo 3 fewer, Cy one roll more than Bo pies. What do these weigh?"
)
TREES = "Two seeds of each of 81 plums are sown. After 20 years, each is a tree with 5 plums. How many plums are there?"
POLL = "In a poll, 35% of the women want 30 minutes less school. 39 women do not. How many women are there?"
CARS = "Six cars hold 4 people each, 9 vans hold 7. After 3 days, how many people ride?"


@pytest.mark.parametrize(
    ("text", "answer", "steps", "needless"),
    [
        (KIM, 23, "8+2=<<8+2=10>>10. 8+10+5=<<8+10+5=23>>23.", "10"),
        (KIM, 33, "8+2=<<8+2=10>>10. 8+10+10+5=<<8+10+10+5=33>>33.", ""),  # twice in a step: not the result alone
        (FOOD, 54, "Bo eats 8-3=<<8-3=5>>5. Cy eats 5+1=<<5+1=6>>6 rolls, of 6*9=<<6*9=54>>54 ounces.", "5"),
        (TREES, 810, "2*81=<<2*81=162>>162. In 20 years, 162*5=<<162*5=810>>810.", "20"),
        (TREES, 810, "2*81=<<2*81=162>>162. 20/20=1 year a ring. 162*5=<<162*5=810>>810.", ""),  # prose calculates
        (TREES, 810, "2*81=<<2*81=162>>162. 3*162*5/3=<<3*162*5/3=810>>810.", ""),  # the 3 comes from nowhere
        (POLL, 60, "100-35=<<100-35=65>>65% do not. 39/.65=<<39/.65=60>>60.", "30"),
        (CARS, 87, "6*4=<<6*4=24>>24. 9*7=<<9*7=63>>63. 24+63=<<24+63=87>>87 in 3 days.", "3"),
        (CARS, 261, "6*4+9*7=<<6*4+9*7=87>>87. 87*3=<<87*3=261>>261.", ""),
        ("Two clubs have half of the 90 boys each, and 7 girls. How many?", 52,
         "90/2=<<90/2=45>>45. 45+7=<<45+7=52>>52", "Two"),
        ("Two clubs have half of the 90 boys each, and 7 girls. How many?", 104,
         "90/2=<<90/2=45>>45. 45+7=<<45+7=52>>52. 52*2=<<52*2=104>>104", ""),
        ("Three men own 2/3 of the 90 acres, and 8 more. How many?", 68,
         "90*2/3=<<90*2/3=60>>60. 60+8=<<60+8=68>>68", "Three"),
        ("She works 14 weeks, for $31 each, in 6 jobs.", 434, "14 weeks are 14*31=<<14*31=434>>434 dollars for 6 jobs", "6"),
        ("A book has 300 pages. Ann reads 299 and one more, at $3 a page.", 900,
         "She reads 299 + 1 = <<300=300>>300. 300*3=<<300*3=900>>900.", ""),  # the first step names no sum
        ("A half of 5 cents is paid for 40 nuts, or 0.05 a nut.", 2, "40*.05=<<40*.05=2>>2", ""),
    ],
)  # fmt: skip
def test_numbers_that_no_step_takes_are_needless(text: str, answer: int, steps: str, needless: str) -> None:
    problem = Problem(text, answer, solution=steps)
    found = [c.text for c in constants(text) if why_not_taken(problem, c)]
    assert found == needless.split()
    assert set(found) <= {text[slice(*span)] for span in idle(problem, constants(text))}
    bare = Problem(text, answer, solution=steps.replace("<<", "(").replace(">>", ")"))  # nobody knows the steps
    assert not any(why_not_taken(bare, c) for c in constants(text))


def test_amounts_that_a_choice_leaves_behind_are_needless() -> None:
    text = "Rice is $3 for 12 ounces here, $5 for 25 there. What do 50 ounces cost at the better value?"
    steps = "3/12=<<3/12=.25>>.25. 5/25=<<5/25=.2>>.2, which is cheaper. 50*.2=<<50*.2=10>>10."
    problem = Problem(text, 10, solution=steps)
    assert [c.text for c in constants(text) if why_not_taken(problem, c)] == ["3", "12"]
    plain = Problem(text.replace("better value", "other shop"), 10, solution=steps.replace(", which is cheaper", ""))
    assert not any(why_not_taken(plain, c) for c in constants(plain.prompt))


def test_a_choice_goes_by_the_step_that_gives_the_answer() -> None:
    text = "Route A is 1500 miles at 75 mph, route B is 750 miles at 25. How long is the fastest route?"
    steps = "1500/75=<<1500/75=20>>20. 750/25=<<750/25=30>>30. The fastest takes 20, as 20 < 30.{}"
    left = {
        end: [c.text for c in constants(text) if why_not_taken(Problem(text, 20, solution=steps.format(end)), c)]
        for end in ("\n#### 20", "\n#### 30", "")
    }
    assert left == {"\n#### 20": ["750", "25"], "\n#### 30": ["1500", "75"], "": ["1500", "75"]}
    text = "He bakes 12 loaves of 4 pounds. Flour is $10 for 10 pounds, $13 for 12. What does the cheapest cost?"
    steps = "12*4=<<12*4=48>>48. 48/10=<<48/10=4.8>>4.8, so 5 bags for 5*10=<<5*10=50>>50. 48/12=<<48/12=4>>4, 4*13=52 > 50."
    problem = Problem(text, 50, solution=steps + "\n#### 50")
    assert [c.text for c in constants(text) if why_not_taken(problem, c)] == ["13"]  # 4.8 bags are 5


@pytest.mark.parametrize(
    ("text", "steps", "needless"),
    [
        ("50% of them are under the age of 30, and 20 are men. How many?", "20/.5=<<20/.5=40>>40.", "30"),
        ("50% of them are under the age of 30, and 20 are men. How many?", "30+20=<<30+20=50>>50.", ""),
        ("She earns $15 an hour, $5 more if she teaches more than 3 classes. She has 4, of 2 hours.",
         "15*2=<<15*2=30>>30. 4 is more than 3, so 30+5 = $35.", "3"),
        ("She earns $15 an hour, $5 more than 3 others. She has 4, of 2 hours.",
         "15*2=<<15*2=30>>30. 4 is more than 3, so 30+5 = $35.", ""),
    ],
)  # fmt: skip
def test_who_is_counted_is_told_by_the_rest(text: str, steps: str, needless: str) -> None:
    problem = Problem(text, 40, solution=steps)
    told = [c.text for c in constants(text) if why_not_taken(problem, c) == "it tells who or what is counted"]
    assert told == needless.split()


def test_a_number_of_a_fraction_is_no_amount() -> None:
    text = "10% of the 40 kids need less than 6 minutes, 1/6 of the rest more. How many?"
    steps = "40*10%=<<40*10*.01=4>>4. 40-4=<<40-4=36>>36. 36/6=<<36/6=6>>6{}"
    for more, needless in (("", ["6"]), (". 6+6=<<6+6=12>>12", [])):
        problem = Problem(text, 6, solution=steps.format(more))
        assert [c.text for c in constants(text) if why_not_taken(problem, c)] == needless


@pytest.mark.parametrize(
    ("text", "needless"),
    [
        ("Jerry has two pools, both with leaks of 4 gallons.", "two"),
        ("Jerry has two pools and a pond, both with leaks of 4 gallons.", ""),
        ("They have a 2 car garage, which has both cars inside it.", "2"),
        ("John has two classes in his school. What is the capacity of both schools?", ""),
    ],
)
def test_who_reads_both_reads_two(text: str, needless: str) -> None:
    assert [text[slice(*span)] for span in idle(Problem(text, 8), constants(text))] == needless.split()


def test_facts_that_anyone_knows_are_no_constants() -> None:
    text = (
        "A motorcycle has 2 wheels, a kangaroo two legs, a camel two humps. There are four quarters in a school year. "
    )
    text += "A pint equals 16 ounces. There are 21 consonants in the alphabet. A cart has 3 wheels."
    assert [n.text for n in numerals(text) if not n.place] == ["3"]


@pytest.mark.parametrize(
    ("text", "follow"),
    [
        ("Half the pupils have 12 cans, two pupils have none, the remaining 13 pupils have 4. She has 30 pupils.",
         "two 13 30"),
        ("Half the pupils have 12 cans, two pupils have none, the remaining 14 pupils have 4. She has 30 pupils.", ""),
        ("8 men weigh 190 pounds each, 6 women 120. What is the average weight of all 14 men and women?", "8 6 14"),
        ("8 men weigh 190 pounds each, 6 women 120. What is the average weight of all 15 men and women?", ""),
        ("Four small panda bears and five big panda bears eat 25 pounds. What do the 9 pandas eat?", "Four five 9"),
        ("Four small panda bears and six big panda bears eat 25 pounds. What do the 9 pandas eat?", ""),
        ("It must be planted in 7 days. Two men work for 3 days, then six men for another 4 days.", "7 3 4"),
        ("It must be planted in 8 days. Two men work for 3 days, then six men for another 4 days.", ""),
        ("The first side takes 5 minutes, the second and third 6, the last 2 sides 7, and with the 5th it is done.", "2"),
        ("The first side takes 5 minutes, the second and third 6, the last 3 sides 7, and with the 5th it is done.", ""),
        ("Two days ago, he sold 5. Yesterday, he sold 7. Today, he sold 9. What did he sell in the three days?", "three"),
        ("Two days ago, he sold 5. Yesterday, he sold 7. Today, he sold 9. What will he sell in the four days?", ""),
        ("On Saturday she sold 10 pies and on Sunday 15. What did she earn for two days?", "two"),
        ("On Saturday she sold 10 pies and on Sunday 15. She works two days per job.", ""),
        ("He read 5 books last month, and 9 this month. How many has he read in two months?", "two"),
        ("He drove for 14 days at $6 a day. What did he pay during these two weeks?", "14 two"),
        ("He drove for 15 days at $6 a day. What did he pay during these two weeks?", ""),
        ("They ride thrice a day for 5 days; but on two other days, four times. How often is that a week?", "5 two"),
        ("They ride thrice a day for 4 days; but on two other days, four times. How often is that a week?", ""),
        ("10 people lined up. The first six people took 8, the last four people 4. The last four people left.",
         "10 six four"),
        ("20 people came. The first 8 customers bought 3, the next four customers 2, the last 8 customers 1.",
         "20 8 four 8"),
        ("Malou got 91, 90, and 92 in her three quizzes. What is her average?", "three"),
        ("Malou got 91, 90, and 92 in her four quizzes. What is her average?", ""),
        ("Two trains left. One took a track of 200 miles. The other took a track of 240 miles.", "Two"),
        # a whole and parts that are said to be of it
        ("He has 12 rackets. 3 of them need 15 minutes, 5 of them 22, and 4 of them 18.", "12 3 5 4"),
        ("He has 13 rackets. 3 of them need 15 minutes, 5 of them 22, and 4 of them 18.", ""),
        ("She bought ten packs. Six of the packs had 8 pens each, and the other four packs had 16.", "ten Six four"),
        ("She bought ten packs. Six of the bags had 8 pens each, and four boxes had 16.", ""),
        ("She sold 10 of her 15 peaches. He has 15 figs. He sold 9 figs to Ann, 5 other figs to Bo, and ate the other one.",
         "15 9 5 one"),
        ("He had 9 pairs of socks, and sold four of the pairs at $3 and the other 5 pairs at $4.", "9 four 5"),
        ("Ben got 4 fish, Judy 1 fish, Billy 3, and they threw 3 of the fish back.", ""),
        ("There are 25 pupils in her class. 10 kids want tea and 15 want milk.", "25 10 15"),
        ("There are 25 pupils in her class. 10 kids want tea, 15 want milk, and 4 want both.", ""),
        ("She works 50 weeks a year, 35 hours a week as a teacher and 15 hours a week as a coach.", ""),
        ("She ordered 18 items: 6 pieces of soap at $2 each and 12 pieces of cake at $4 each.", "18 6 12"),
        ("She makes 18 shelves of 6 pieces of oak and 12 pieces of pine.", ""),
        ("He walks 7 miles, which includes 5 miles of sand and 2 miles of road.", "7 5 2"),
        ("He walks 7 miles. A rug is 5 miles away, and a lamp 2 miles.", ""),
        # shares
        ("75% have 3 petals. 24% have two and 1% have four.", "75 24 1"),
        ("75% have 3 petals. 20% of the rest have two and 5% have four.", ""),
        ("75% have 3 petals. 23% have two and 1% have four.", ""),
        ("A receives 60% of the combined profits, and company B receives 40% of the profits.", "60 40"),
        ("A receives 60% of the profits under the pact, and company B receives 40% of the profits.", "60 40"),
        ("A receives 60% of the profits, and company B receives 40% of the sales.", ""),
        # counts of what is named or listed
        ("His grade is the average of 5 test scores. On those tests, he received: 65, 94, 81, 86 and 74.", "5"),
        ("His grade is the average of 6 test scores. On those tests, he received: 65, 94, 81, 86 and 74.", ""),
        ("She laid floors in two areas of the house: a 10 foot wide hall, and a 6 foot wide porch.", "two"),
        ("She laid floors in two areas of the house: a 10 foot wide hall, a den, and a 6 foot wide porch.", ""),
        ("Gia and Ansley, two of her friends, come and eat 7 figs each.", "two"),
        ("Gia and Ansley and Bo, two of her friends, come and eat 7 figs each.", ""),
        ("Ali and Leila travel. They pay $14 less each, since there are two of them.", "two"),
        ("Ali and Leila sell eggs for $14. In the last box, there are 3 of them.", ""),
        ("Each grade had 2 classes. The first 4th grade class had 12 girls. The second 4th grade class had 15 girls.", "2"),
    ],
)  # fmt: skip
def test_what_words_tell_of_a_number_is_derivable(text: str, follow: str) -> None:
    found = derivable(text, numerals(text))
    told = [text[slice(*span)] for span in found]
    assert told == follow.split()


def test_loads_for_few_trips_are_needed_roughly() -> None:
    text = "A farmer has 4500 pounds of feed. His truck carries {} pounds. How many trips does he need?"
    few = Problem(text.format(2250), 2, solution="4500/2250=<<4500/2250=2>>2 trips.")
    many = Problem(text.format(450), 10, solution="4500/450=<<4500/450=10>>10 trips.")
    assert [few.prompt[slice(*span)] for span in idle(few, constants(few.prompt))] == ["2250"]
    assert not idle(many, constants(many.prompt))


def test_values_that_make_a_result_negative_are_impossible() -> None:
    text = "She has 18 bottles and drinks 7 every two weeks. How many are left after 4 weeks?"
    steps = "She drinks 4*7=<<4*7=28>>28 halves, 28/2=<<28/2=14>>14 bottles. 18-14=<<18-14=4>>4 are left."
    problem = Problem(text, 4, solution=steps)
    weeks = next(c for c in constants(text) if c.text == "4")
    assert room(problem, weeks) == (0, 5)
    assert is_pinned(problem, weeks, 6, range(13))  # of 2 and 4, which leave whole bottles, nobody knows more
    more = Problem(text, 74, solution=steps.replace("18-14", "88-14").replace("=4>>4 are", "=74>>74 are"))
    assert room(more, weeks) == (0, 25)
    assert not is_pinned(more, weeks, 6, range(13))


@pytest.mark.parametrize(
    "piece",
    ["the other 2 men ", "another 3 days ", "all 5 boys and girls ", "in the 4 weeks ", "these two weeks ", "4 of them ",
     "3 pupils say ", "25% are red, ", "Ann and Bob, two of her friends ", "on those 5 tests 65, 94, and 81 ",
     "two areas: a hall and ", "under the age of 30 ", "two jars, both "],
)  # fmt: skip
def test_words_that_tell_numbers_are_read_in_linear_time(in_time, piece: str) -> None:
    text = "8 days 3 boys 2 girls the 5th. " + piece * (19_000 // len(piece))
    found = numerals(text)
    in_time(2, lambda: derivable(text, found))


@pytest.mark.parametrize("piece", ["<<1+2=3>>", "12 aaaa ", "1,", "7x", "<<1/2", "5 + 3 = ", "a" * 50 + "1 "])
def test_solutions_are_read_in_linear_time(in_time, piece: str) -> None:
    problem = Problem("Ann has 57 nuts.", 3, solution="<<1+2=3>>" + piece * (19_000 // len(piece)))
    in_time(2, lambda: why_not_taken(problem, constants(problem.prompt)[0]))


FOUND = [
    ("laundry shop", "three"), ("orange drink", "24"), ("average weight of all 14", "14"), ("remaining 13 students", "13"),
    ("Rubik", "2"), ("12 fencing tricks", "12"), ("as many as 10 sweaters", "10"), ("24 foot round pool", "four"),
    ("a burger weighs", "5"), ("shortening the school day", "30"), ("keyboard is missing 1/7", "5"),
    ("hectare is equal to", "10000"), ("four packs of gum", "four"), ("80 or higher", "80"), ("selling gingerbread", "two"),
    ("remove the lowest score", "71"), ("Moroccan restaurant", "two"), ("best deal on ketchup", "25"),
    ("26.3 miles", "26.3"),
    ("round all his prices", "2.74"), ("paid off some of his debts", "Two"), ("truck can carry 2250", "2250"),
]  # fmt: skip


@pytest.fixture(scope="module")
def word_problems(data_dir: Path) -> list[Problem]:
    return load_problems(data_dir / "gsm8k_test.jsonl") + load_problems(data_dir / "gsm8k_train.jsonl")[4000:]


@pytest.mark.parametrize(("words", "needless"), FOUND)
def test_needless_numbers_that_readers_found_are_last(word_problems: list[Problem], words: str, needless: str) -> None:
    problem = next(p for p in word_problems if words in p.prompt)
    assert needless not in [c.text for tier in ends_of(problem).link_tiers("needed") for c in tier]


def test_few_problems_lose_all_their_constants(word_problems: list[Problem]) -> None:
    left = sum(bool(ends_of(p).link_tiers("needed")) for p in word_problems[:1319])
    assert left > 0.95 * 1319
    composer = Composer(word_problems[:1319], depth=2, seed=0, size=20)
    assert all(len(composite.links) == 1 for composite in composer)
