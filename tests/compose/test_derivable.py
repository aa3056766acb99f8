"""Constants that follow from the rest of a text: found by words that say so, never by arithmetic alone."""

from __future__ import annotations

import dataclasses
from functools import partial

import pytest

from composekit.compose import Composer, Composite, Problem, audit, chain
from composekit.compose.ends import ends_of
from composekit.compose.needless.derivable import MAX_TEXT, derivable
from composekit.compose.tokens import numerals

SHELVES = "He has 8 math, 10 science and 6 history books, 24 in all, on 3 shelves. How many are not about math?"


def column(*entries: object) -> str:
    """A vector."""
    return r"\begin{pmatrix} " + r" \\ ".join(map(str, entries)) + r" \end{pmatrix}"


def follow(text: str) -> list[str]:
    """The numerals that follow from the rest."""
    return [text[slice(*span)] for span in derivable(text, numerals(text))]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # totals
        (SHELVES, "8 10 6 24"),
        ("The 3 shelves hold a total of 24 books. The top has 8 math books, the next 10 art books, the last 6 books.",
         "24 8 10 6"),
        ("A family of 6 (2 adults and 4 kids) shares a melon.", "6 2 4"),
        ("He jumped a total of 24 feet - 20 feet in the run and 4 feet in the jump.", "24 20 4"),
        ("She runs 5 miles a day for 30 days, then 10 miles for 60 days. How far does she run in the 90 days?", "30 60 90"),
        ("They spend $20 in total: $14 on a ticket and $6 on food.", "20 14 6"),
        ("He buys 5 boxes of 14 pens each, 70 pens in all.", "5 14 70"),
        # shares
        ("60% are boys and 40% are girls.", "60 40"),
        (r"Of them, 60\% are red and 40\% are green.", "60 40"),
        ("It pays 80% of the costs and he pays the remaining 20%.", "80 20"),
        ("4/5 of the eggs are blue and 1/5 are purple.", "4/5 1/5"),
        ("She eats 3/4 of the cake and gives away the other 1/4.", "3/4 1/4"),
        # what is left
        ("She makes 40 bags, sells 25 bags, and gives the remaining 15 bags away.", "40 25 15"),
        # equations
        (r"Find $17^{-1} \pmod{83}$. Note that $17\cdot 5=85$.", "5 85"),
        ("You may use that 12 * 11 = 132 here.", "12 11 132"),
        # units
        ("The film takes 120 minutes (2 hours).", "120 2"),
        # residues
        ("Compute $997^{-1}$ modulo $1000$. Express your answer as an integer from $0$ to $999$.", "1000"),
        # counts
        ("There are 4 kinds of trees: oak, pine, fir and birch.", "4"),
        ("He has three tanks. The first tank holds 50 liters, the second 70, the third 90.", "three"),
        ("Three of the tanks hold 70, 50 and 30 liters.", ""),
        ("He has 3 tanks of 70, 50 and 20 liters respectively.", "3"),
        ("Two sides of a triangle measure $3$ centimeters and $5$ centimeters.", "Two"),
        ("Two parallel chords in a circle have lengths 10 and 14, and the distance between them is 6.", "Two"),
        ("Draw four circles of radius 1 with centres $P$, $Q$, $R$, and $S$.", "four"),
        ("Each of the first four houses has 30 gnomes. How many has the fifth house?", "four"),
        # patterns
        (r"Find $\sin 20^\circ \sin 40^\circ \sin 60^\circ \sin 80^\circ.$", "20 40 60 80"),
        (r"Find $\log_2{3} \cdot \log_3{4} \cdot \log_4{5} \cdot \log_5{6}$.", "3 4 5 6"),
        (r"There are $a,$ $b$ such that $a \sin 7x + b \sin 5x + c \sin 3x + d \sin x = 1$.", "7 5 3"),
        (r"Let $a + 6b + 36c + 216d = 1296.$", "6 36 216 1296"),
        (r"Let $a - 5b + 25c - 125d &= 625.$", "5 25 125 625"),
        (r"Compute $\sin^{-1} (\sin 3) + \sin^{-1} (\sin 4) + \sin^{-1} (\sin 5).$", "3 4 5"),
        (r"The multiple of $3!+4!$, $4!+5!$, $5!+6!$, and $6!+7!$", "3 4 5 6 7"),
        (r"Suppose that $4^a = 5$, $5^b = 6$, $6^c = 7$, and $7^d = 8$.", "4 5 6 7 8"),
        (r"Consider the geometric series $4+\frac{12}{a}+\frac{36}{a^2}+\cdots$.", "4 12 36"),
        (r"How many are in the list $2008, 2003, 1998, \ldots, 8, 3?$", "3"),
        (r"Find the sum $19+21+\dots+195+197+199.$", "195 197 199"),
        (r"Let $z^4 - z^3 + z^2 - z + 1 = 0$.", "1"),
        (r"For which $n$ are all the roots of $z^6 - z^3 + 1 = 0$ $n^{\text{th}}$ roots of unity?", "1"),
        (r"\begin{align*} a + b + c &= 1, \\ a + 2b + 4c &= 8, \\ a + 3b + 9c &= 27 \end{align*}",
         "1 2 4 8 3 9 27"),
        (r"Let $p(x)$ be a polynomial of degree $4$ such that $p(n) = n^9$ for $n = 1,$ 2, $\dots,$ $5$.", "4 5"),
        ("The proper divisors of 12 are 1, 2, 3, 4 and 6. Find those of $284$.", "1 12 6"),
        (r"Find $f(-4) + f(-2) + f(0)$.", "4 2 0"),
        (r"Find $g(-9) \cdot g(-5) \cdot g(-1)$.", "9 5 1"),
        ("The product of three consecutive integers is 210. That product divided by their mean is 35.", "210 35"),
        ("The sum of three consecutive odd integers is 33. Their product is $1287$.", "33 1287"),
        # parts of a whole
        ("She invited 16 people. 10 people want the fish and 6 people want the rice.", "16 10 6"),
        ("A class of 30 pupils sat a test. If 20 pupils got 80, 8 pupils got 90 and 2 pupils got 99, who won?", "30 20 8 2"),
        ("He plays for 40 minutes. In the first 15 minutes he scores 4. In the second 25 minutes he scores 5.", "40 15 25"),
        ("For 4 hours he sells 15 cups an hour, in the next 2 hours 10 cups. How many in 6 hours?", "4 2 6"),
        ("In how many ways can 8 people sit at a square table with 2 people on each side?", "8 2"),
        # counts
        ("Two sides of a triangle are 8 and 5 cm long. How long is the third side?", "Two"),
        ("She finds 5 shells a day for 3 days and 6 on the fourth day.", "3"),
        ("He has 2 planes. The first plane flies to Rome, the other plane to Oslo.", "2"),
        ("One of the two numbers is 57. What is the other number?", "two"),
        ("She has 4 children. The first child is 60 cm, the second 70, the third 80, the fourth 90 cm tall.", "4"),
        # how the rest of the things is told
        ("You have seven jars. One day you find a jar of 53 nuts, and share out so that all eight jars are alike.", "seven"),
        ("Three cats weigh 17 kg. The two lighter cats weigh the same. What does the heaviest cat weigh?", "Three"),
        ("The mean of 4 test grades is 17. One of the tests is lost; others have grades of 15\\%, 18\\% and 16\\%.", "4"),
        ("Three of these dots are the corners of a triangle.", "Three"),
        ("Ann, Bob, and Cem share figs. Only two people get alike, while the other person gets 17.", "two"),
        ("He has 9 oat buns, 4 nut buns, and 5 rye buns. He ate 3 buns for lunch, one of each kind.", "3"),
        ("He has 9 oat buns, 4 nut buns, and 5 rye buns. He ate 3 of the buns, one of each kind.", "3"),
        ("He has two songs. The first song is long; a third of it is old. The second song is short.", "two"),
        ("Six pots: 18 figs are in one pot, 10 limes in another, 12 nuts in another, and the last 3 have as many.", "Six 3"),
        ("Three of the halls show rugs. One rug fills an entire hall, and the other two halls have 17 each.", "Three two"),
        ("Four boys guess. The first says 17. The fourth doubles the sum of the first three boys.", "Four three"),
        ("6 people come. Half of the people get 17 figs, 2 of the people get 40 and 1 person gets 50.", "6 2 1"),
        ("8 cats came. Half the cats get 17 figs, 3 cats get 40 and 1 cat gets 50.", "8 3 1"),
        ("She needs .75 caps for each guest, because 1/4 of guests don't come.", ".75 1/4"),
        ("She cooks for 70% of the guests, since 30% of them won't come.", "70 30"),
        # equal polynomials
        (r"If $10x^2-x-24$ can be written as $(Ax-8)(Bx+3),$ what is $A + B$?", "24 8 3"),
        (r"The product of $3t^2+5t+a$ and $4t^2+bt-2$ is $12t^4+26t^3-8t^2-16t+6$.", "12 26 8 16 6 3 5 4 2"),
        (r"He has to factor $-35-x+12 x^2$ and knows one of the factors: $(3x + 5).$", "35 12 3 5"),
        (r"When $3y^3-13y^2+11y+23$ is divided by $3y+2$, the quotient is $y^2-5y+c$ and the remainder is constant.",
         "3 13 2 5"),
        (r"For which $C$ and $D$ is \[\frac{C}{x-3}+\frac{D}{x+8}=\frac{4x-23}{x^2+5x-24}\]?", "3 8 5 24"),
        (r"Factor $ab+5b+2a+10$.", "5 2 10"),
        (r"Simplify $4(3r^3+5r-7)-6(2r^3-r^2+8r)$, and express your answer in the form $Ar^2 + Br + C$.", "4 3 6 2"),
        # vectors
        (rf"{column(3, 7, 1)} + t {column(2, -9, -2)} and {column(5, 3, 6)} + u {column(4, -18, -4)}, parallel lines.",
         "2 9 4 18"),
        (rf"There are $\mathbf{{v}}$ with {column(1, 2, -5)} \times \mathbf{{v}} = {column(90, 30, 30)}.", "1 2 5 90 30"),
        (rf"$\mathbf{{a}} = {column(1, 1, 4)}$ and $\mathbf{{a}} \times \mathbf{{v}} = {column(9, -5, -1)}$", "1 4 9 5"),
        (rf"A reflection takes ${column(5, 0)}$ to ${column(4, 3)}.$", "5 4 3"),
        (rf"{column('4 & 3', '-1 & 0')} = \mathbf{{P}}^{{-1}} {column('1 & 0', '0 & 3')} \mathbf{{P}}",
         "4 3 1"),
        (rf"{column('2 - 3t', '5 - 2t', '1 - 6t')} and {column('s', '2s', '-6 + 2s')}. The two lines intersect.",
         "2 3 5 1 6"),
        (r"$A = (2,3,5),$ $B = (7,8,1),$ $C = (3,2,5),$ $D = (3,4,7).$ Find the intersection point of lines $AB$ and $CD.$",
         "2 3 5 7 8 1 4"),
    ],
)  # fmt: skip
def test_derivable_numbers_are_found(text: str, expected: str) -> None:
    assert sorted(set(follow(text)) - {"17"}) == sorted(expected.split())


@pytest.mark.parametrize(
    "text",
    [
        "He has 8 math, 10 science and 6 history books, 25 in all.",  # another number
        "He has 8 math, 10 science and 6 history books and pays $24 in all.",  # of something else
        "He has 8 math books, 10 science books, 6 pens and 24 caps.",  # nobody says total
        "He buys 8 pens for $10, eats 6 plums, and has a total of 24 cards.",  # not of the same things
        "They played a total of 20 games, won 14, lost 2 and drew the rest. A win gives 3 points, a draw 1 point.",
        "He bought a total of 12 notebooks. He bought 3 red notebooks at 4 dollars each.",
        "5 kids have 14 pens. They want 70 caps in total.",
        "60% of the cars are hybrids, and 40% of the hybrids have one light.",  # shares of two things
        "They found 40% of the shells, and then 60% of the remaining shells.",
        "The first tree is 40% red. The second tree is 60% red.",
        "She sells 1/4 of the cows and 3/4 of the dogs.",
        "Prices are 20% off and then 80% off.",
        "A cup costs $.25 and a plate costs $.75.",
        "He mixes 1/4 cup of milk and 3/4 cup of oil.",
        "She makes 40 bags, sells 25 bags, and gives the remaining 14 bags away.",
        "If 4 daps = 7 yaps, and 5 yaps = 3 baps, how many daps equal 42 baps?",
        "If $f(1)=2$, $f(2) = 6$, and $x = 12$, then what is $3 = 4$?",
        r"$441+2(21)(17)+361=x$. Solve for $x$.",
        "He works 120 minutes (3 hours with the break).",
        "It takes 120 minutes. 2 hours later he leaves.",
        "There are 4 kinds of trees: oak, pine and birch.",
        "He has three tanks. The first tank holds 50 liters, the second 70.",  # the third is not mentioned
        "He has three tanks. The first tank holds 50 liters, the second 70, the third 90, the fourth 20.",
        "He helps 4 pupils on the first day, 5 on the second, 6 on the third and 8 on the fourth.",
        "Compute $5^{-1}$ modulo $1000$. Express your answer as an integer from $0$ to $99$.",
        "She bought 3 packs with 5 red, 6 blue and 7 green pens each.",
        "Two trains have 5 and 6 cars each.",
        "Each of the first four houses has 30 gnomes. How many has the sixth house?",
        "Draw three circles of radius 1 with centres $P$, $Q$, $R$, and $S$.",
        r"Let $3x + 5y + 7z = 9$.",  # in steps by chance
        r"Find $\sin 20^\circ \sin 40^\circ \cos 60^\circ \sin 80^\circ.$",
        r"The series $4+\frac{12}{a}+\frac{36}{a^2}+\cdots$ is arithmetic.",
        r"Find the sum $19+21+\dots+195+200.$",
        r"Let $z^4 - z^3 + z - 1 = 0$.",
        r"Find $f(-4) + f(-3) + f(0)$.",
        r"Find $f(-4) + f(2) + f(0)$.",
        "The product of three consecutive integers is 210. That product divided by the mean of the integers is 36.",
        "The product of three integers is 210. That product divided by the mean of the integers is 35.",
        "The sum of three consecutive odd integers is 33. What is their product?",
        r"Let $z^6 - z^3 + 1 = 0$.",
        "The proper divisors of 12 are 1, 2, 3, 4 and 7.",
        r"\begin{align*} a + b + c &= 1, \\ a + 2b + 3c &= 8, \\ a + 4b + 9c &= 27 \end{align*}",
        r"Let $p(x)$ be a polynomial of degree $4$ such that $p(n) = n^9$ for $n = 1,$ 2, $\dots,$ $7$.",
        "She invited 17 people. 10 people want the fish and 6 people want the rice.",
        "180 take both, 100 take both, 80 take both.",
        "He plays for 41 minutes. In the first 15 minutes he scores 4. In the second 25 minutes he scores 5.",
        "He has 30 pens. In the first 20 minutes he sells 5, in the next 10 minutes 6.",  # of something else
        "In how many ways can 9 people sit at a square table with 2 people on each side?",
        "Two sides of a triangle are each 8 cm long. How long is the longest side?",
        "She runs 2 miles a week. The third week she runs 9 miles.",
        "He picks 4 plums, and two more ripen every day, but on the third day 5 fall.",
        "At the first stop 2 got on. At the third stop 5 got on.",
        "Tom has two more pens than Ann. One has 5 red pens and the other has 7 red pens.",
        "In two hours one train goes 50 miles and the other goes 60 miles.",
        "He buys 2 pens for one child, and gives the pens of his sister to 8 others.",
        "You have seven jars. He has a jar of 53 nuts, so that all nine jars are alike.",
        "You have seven jars and fill all eight pots with the nuts of a jar.",
        "Three cats weigh 17 kg. The two lighter cats weigh the same. What does the next cat weigh?",
        "Three cats weigh 17 kg. The two lighter cats weigh the same. What does the heaviest dog weigh?",
        "The mean of his 5 test grades is 17. He lost one of the tests; the others have grades of 15, 18 and 16.",
        "The mean of his 4 test grades is 17. He dropped no test; some have grades of 15, 18 and 16.",
        "Three of these dots are the corners of a square.",
        "Ann, Bob, Cem, and Dan share figs. Only two people get alike, while the other person gets 17.",
        "Ann, Bob, and Cem share figs. Only two people get alike, and the others get 17.",
        "He has 9 oat buns, 4 nut buns, and 5 rye buns. He ate 4 buns for lunch, one of each kind.",
        "He has 9 oat buns, 4 nut buns, and 5 rye buns. He ate 3 buns for lunch.",
        "He has 7 pea buns, 9 oat buns, 4 nut buns, and 5 rye buns. He ate 3 buns, one of each kind that he likes.",
        "He has two songs. The first song is long. The second song is short, and a third, old song is a waltz.",
        "Seven pots: 18 figs are in one pot, 10 limes in another, 12 nuts in another, and the last 3 have as many.",
        "Five pots: 18 figs are in one pot, 10 limes in it, and the last 4 have as many.",
        "Four of the halls show rugs. One rug fills an entire hall, and the other two halls have 17 each.",
        "Three of the halls show rugs. Rugs are old, and the other two halls have 17 each.",
        "Four boys guess. The first says 17. The last doubles the guess of the first three boys.",
        "He took 5 tests, with a total of 330 in the first 4 tests.",
        "7 people come. Half of the people get 17 figs, 2 of the people get 40 and 1 person gets 50.",
        "6 people come. Half of the people get 17 figs. 2 of the people get 40 and 1 person gets 50.",
        "She needs .75 caps for each guest, because 1/5 of guests don't come.",
        "She needs .75 caps for each guest, while 1/4 of guests don't come.",
        "Two days later, three had been adopted. One of the cats had five kittens, and one person came.",
        r"If $x^2+7x+36$ can be written in the form $(x+b)^2+c$, what is $b + c$?",
        r"Find $t$ such that $x-3$ is a factor of $x^3-8x^2+tx+27$.",
        r"The polynomial $x^3 - 3x^2 + 4x - 1$ is a factor of $x^9 + px^6 + qx^3 + r.$",
        r"For which $C$ and $D$ is \[\frac{C}{x-3}+\frac{D}{x+8}=\frac{4x-23}{x^2+5x-25}\]?",
        r"Simplify $4(3r^3+5r-7)-6(2r^3-r^2+8r)$, and express your answer in the form $Ar^3 + Br^2 + Cr + D$.",
        r"Factor $ab+5b+2a+11$.",
        rf"{column(3, 7, 1)} + t {column(2, -9, -2)} and {column(5, 3, 6)} + u {column(4, -18, -5)}, parallel lines.",
        rf"{column(3, 7, 1)} + t {column(2, -9, -2)} and {column(5, 3, 6)} + u {column(4, -18, -4)}. How far are they?",
        rf"There are $\mathbf{{v}}$ with {column(1, 2, -5)} \times \mathbf{{v}} = {column(90, 30, 31)}.",
        rf"If $\mathbf{{a}} = {column(1, 1, 4)}$ and $\mathbf{{b}} \times \mathbf{{v}} = {column(9, -5, -1)}$, find it.",
        rf"A reflection takes ${column(5, 0)}$ to ${column(4, 4)}.$",
        rf"A matrix takes ${column(5, 0)}$ to ${column(4, 3)}.$",
        rf"{column('2 - 3t', '5 - 2t', '1 - 6t')} and {column('s', '2s', '-6 + 2s')}. How far are the two lines?",
    ],
)
def test_derivable_near_misses_are_left_alone(text: str) -> None:
    assert follow(text) == []


def test_derivable_takes_linear_time(in_time) -> None:
    units = (
        "2 things the first thing ",
        "(",
        "1+",
        "3 x: a, ",
        "a, ",
        "a total of 5 pens, 2 and 3 pens ",
        "3 aaa ",
        "=1",
        "aaa ",
        "first 2 miles next 3 miles ",
        "5 men ate, ",
        "the other 2 men one ",
        "two sides the third ",
        "$x^2+1$ is a factor of ",
        "Factor $x^2+3$ factors ",
        "a + b + ",
        "a + b + c = 1 ",
        "z^2 + ",
        column(1, 2, 3) + " \\times v = ",
        "lines intersect (1,2,3) ",
        "square table 2 men on each side ",
        "seven bags find a bag all eight bags ",
        "three dogs the two smaller dogs the largest cow ",
        "four scores one of the scores have 1, 2, ",
        "3 of these points are the vertices of a square ",
        "Ann, Bob, Cem, and Dan share, 2 people the other person ",
        "Ann, ",
        "2 a buns, 3 buns, one of each ",
        "5 pots in one pot in another pot the last 2 ",
        "3 of the halls One hall the other two halls ",
        "3 boys double the sum of the first two boys ",
        "6 men half the men 2 men ",
        "$f(-2)f(-1)$ ",
        "product of three consecutive integers is 210 ",
        "product of six consecutive integers is 999999999999. Their sum is 9, ",
        ".75 a because 1/4 of them don't ",
        ".75 " + "a " * 4000,
    )
    texts = ["3 " + unit * ((MAX_TEXT - 4) // len(unit)) + "=" for unit in units]
    for text in texts:
        found = numerals(text)
        assert len(text) <= MAX_TEXT
        in_time(1, partial(derivable, text, found))


# --- links


def test_ends_hold_derivable_constants_back() -> None:
    ends = ends_of(Problem(SHELVES, 16))
    assert [[c.text for c in tier] for tier in ends.tiers] == [["3"]]
    assert {c.text for tier in ends.spare for c in tier} == {"24", "8", "10", "6"}


@pytest.mark.parametrize("seed", range(8))
def test_chain_takes_a_derivable_constant_only_for_want_of_another(seed: int) -> None:
    oracle = Problem("What does the oracle say?", 57)
    assert chain(oracle, Problem(SHELVES, 16), seed=seed).links[0].value_out == 3
    alone = Problem(SHELVES.replace(", on 3 shelves", ""), 16)
    made = chain(oracle, alone, seed=seed)
    assert made.links[0].value_out in (24, 8, 10, 6)
    found = audit(made)
    assert found.ok
    assert [f.kind for f in found.warnings if f.kind != "guessable"] == ["derivable"]


def test_composer_prefers_what_is_not_derivable() -> None:
    pool = [Problem(f"Tom has {n} nuts and eats 5 of them. How many are left?", n - 5) for n in range(31, 41)]
    composites = Composer([*pool, Problem(SHELVES, 16)], size=110, seed=2)
    links = [c.links[0] for c in composites if c.parts[1].prompt == SHELVES]
    assert len(links) == 10
    assert {link.value_out for link in links} == {3}


# --- audits


def test_audit_warns_of_a_constant_that_follows_from_its_part() -> None:
    part = Problem("A shop has 24 caps in total, 14 red caps and 10 blue caps. How many are red?", 14)
    first = Problem("What is 20 + 22?", 42)
    composite = chain(first, part)
    link = composite.links[0]
    foreign = composite.replace(
        links=(dataclasses.replace(link, relation="", span=None, value_in="42", value_out=str(link.value_out)),)
    )
    for reading in (composite, foreign):
        found = audit(reading)
        assert found.ok
        assert [str(f) for f in found.warnings if f.kind == "derivable"] == [
            f"derivable (link 0): {link.symbol_out} follows from the rest of part 1: 24 = 14 + 10"
        ]
    other = Problem("A shop has 24 caps, 14 red caps and 11 blue caps. How many are red?", 14)
    assert not [f for f in audit(chain(first, other)).findings if f.kind == "derivable"]


def test_audit_of_a_tree_warns_where_one_link_tells_what_the_other_hides() -> None:
    """Whoever solves one source has both constants, and can skip the other source."""
    target = Problem("A shop has 24 caps in total, 14 red caps and 10 blue caps. How many are red?", 14)
    made = Composer(
        [Problem("What does the oracle say?", 101), Problem("What does the echo say?", 402), target],
        mode="tree",
        depth=2,
    )
    trees: list[Composite] = [c for c in made if c.parts[-1] == target]
    assert trees
    for tree in trees:
        assert any(f.kind == "derivable" for f in audit(tree).warnings)


def test_trees_hide_no_constant_that_the_other_one_tells() -> None:
    target = Problem(
        "A shop has 24 caps in total, 14 red caps and 10 blue caps, for 57 pounds each, and 83 hats. What do 95 caps cost?",
        5415,
    )
    sources = [Problem(f"What is {k} + {k + 3}?", 2 * k + 3) for k in range(200, 260)]
    made = Composer([*sources, target], mode="tree", depth=2, size=600)
    trees = [c for c in made if c.parts[-1] == target]
    assert trees
    for tree in trees:
        assert {link.value_out for link in tree.links} <= {57, 83, 95}
        assert not [f for f in audit(tree).findings if f.kind == "derivable"]
