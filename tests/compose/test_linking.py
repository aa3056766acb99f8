"""chain: what it promises, word by word, and what it refuses. Soundness on real problems is in test_soundness.py."""

from __future__ import annotations

import pickle
import re
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composekit import ComposeKitError
from composekit.compose import Composite, Problem, Unlinkable, audit, bundle, chain
from composekit.compose.ends import ends_of
from composekit.compose.phrases import _BRIDGES, _DEFINITIONS, _DIFFERENCES, _EQUALITIES, _QUESTIONS, _SCOPES, _TABLES
from composekit.compose.tokens import occurrences

F = Fraction
CRATE = Problem("A crate holds 12 boxes of 16 pencils. How many pencils are in the crate?", 192)
TRAIN = Problem("A train covers 340 km at 85 km per hour. How many hours does it travel?", 4)
ROOTS = Problem("Find the larger root of $x^2 - 35x + 34 = 0.$", "34")
NUTS = Problem("Tom has 57 nuts and eats 21. How many are left?", 36)
SEEDS = range(25)


def source(answer: object) -> Problem:
    return Problem("What does the oracle say?", str(answer))


def target(text: str) -> Problem:
    return Problem(text, "7")


def links(first: Problem, second: Problem) -> list[tuple[object, object, str]]:
    """What the links of all seeds replace."""
    return [
        (c.links[0].value_in, c.links[0].value_out, c.links[0].relation)
        for c in (chain(first, second, seed=s) for s in SEEDS)
    ]


# --- shape


def test_chain_makes_a_composite_of_its_parts() -> None:
    made = chain(CRATE, TRAIN, seed=1)
    assert isinstance(made, Composite)
    assert made.parts == (CRATE, TRAIN)
    assert (made.answer, made.depth, made.topology, made.verifier, len(made.links)) == ("4", 2, "chain", "composite", 1)
    assert (made.links[0].source, made.links[0].target, made.links[0].value_in) == (0, 1, 192)


def test_chain_is_a_function_of_its_arguments() -> None:
    assert chain(CRATE, TRAIN, seed=5) == chain(Problem(CRATE.prompt, 192), TRAIN, seed=5)
    assert len({chain(CRATE, TRAIN, seed=s).prompt for s in SEEDS}) > 15


def test_chain_pickles_and_survives_json() -> None:
    made = chain(CRATE, ROOTS, NUTS, seed=2)
    assert pickle.loads(pickle.dumps(made)) == made
    assert Composite.from_dict(made.to_dict()) == made


@pytest.mark.parametrize("seed", SEEDS)
def test_chain_keeps_parts_word_for_word(seed: int) -> None:
    made = chain(CRATE, ROOTS, NUTS, seed=seed)
    assert made.prompt.startswith(CRATE.prompt)
    for link in made.links:
        part = made.parts[link.target].prompt
        start, end = link.span
        spellings = (link.symbol_out, f"{{{link.symbol_out}}}", f"${link.symbol_out}$", f"\\({link.symbol_out}\\)")
        assert sum(part[:start] + y + part[end:] in made.prompt for y in spellings) == 1
        assert link.definition in made.prompt
        assert link.relation in made.prompt


def test_chain_of_chains_is_one_chain() -> None:
    for made in (
        chain(CRATE, ROOTS, NUTS, TRAIN),
        chain(chain(CRATE, ROOTS), chain(NUTS, TRAIN)),
        chain(chain(CRATE, ROOTS, NUTS), TRAIN),
    ):
        assert made.parts == (CRATE, ROOTS, NUTS, TRAIN)
        assert [(x.source, x.target) for x in made.links] == [(0, 1), (1, 2), (2, 3)]
        assert made.depth == 4
        assert [x.value_in for x in made.links] == [192, 34, 36]


def test_chain_defines_each_answer_right_after_its_question() -> None:
    made = chain(CRATE, ROOTS, NUTS, seed=3)
    first, second = made.links
    in_order = (
        CRATE.prompt, first.definition, first.relation, "Find the larger", second.definition, second.relation, "Tom has",
    )  # fmt: skip
    places = [made.prompt.index(text) for text in in_order]
    assert places == sorted(places)


# --- the link


@pytest.mark.parametrize("seed", SEEDS)
def test_chain_relation_is_exact_and_prints_one_number(seed: int) -> None:
    link = chain(CRATE, TRAIN, seed=seed).links[0]
    numbers = re.findall(r"\d+(?:\.\d+)?", link.relation)
    assert len(numbers) == 1
    sign = {"more": 1, "less": -1}[re.search(r"\b(more|less)\b", link.relation)[1]]
    assert link.value_in + sign * int(numbers[0]) == link.value_out


def test_chain_says_equal_and_shows_no_number_where_values_agree() -> None:
    for seed in SEEDS:
        link = chain(source(57), target("Tom has 57 nuts."), seed=seed).links[0]
        assert "equal" in link.relation
        assert not re.search(r"\d|more|less", link.relation)


@pytest.mark.parametrize(
    ("answer", "text"),
    [
        (21, "He has 42 nuts."),  # d = 21 = v1
        (0, "He has 42 nuts."),  # d = 42 = v2
        (84, "He has 42 nuts."),  # d = 42 = v2
        (-42, "He has 21 nuts, she $x = 84$, 63."),  # 84 - -42 = 126 is fine, 21 - -42 = 63 is fine
        (42, "He has 42 nuts and 42 figs."),  # v2 twice
        (42, "He has 42 nuts, she forty-two."),
        (42, "He has 30 nuts, she 42 and forty-two."),  # v1 in q2
        (42, "He has 30 nuts. [asy] label(42); [/asy]"),
    ],
)
def test_chain_shuns_differences_and_values_that_give_something_away(answer: int, text: str) -> None:
    try:
        found = links(source(answer), target(text))
    except Unlinkable:
        return
    for value_in, value_out, relation in found:
        shown = {int(n) for n in re.findall(r"\d+", relation)}
        assert not shown & {abs(value_in), value_out}
        assert value_out not in (42, abs(answer))


def test_chain_takes_another_constant_where_one_gives_something_away() -> None:
    assert {found[1] for found in links(source(21), target("He has 42 nuts and 35 figs."))} == {35}
    assert {found[1] for found in links(source(50), target("He has 42 nuts and 35 figs, or 42 cups."))} == {35}


def test_chain_shows_no_numerator_that_is_a_value() -> None:
    for answer, text in ((F(1, 3), "It has 22 pens and 7 cups."), (F(7, 3), "It has $\\frac{2}{3}$ of 14.")):
        for value_in, value_out, relation in links(source(answer), target(text)):
            assert not {o.value for o in occurrences(relation)} & {value_in, value_out}


@pytest.mark.parametrize(
    ("answer", "text", "expected"),
    [
        ("\\frac{14}{3}", "He has 57 nuts.", F(157, 3)), ("1.25", "He has 57 nuts.", F(223, 4)),
        ("192", "He pays $2.50 now.", F(379, 2)),
        ("-50", "He has 57 nuts.", 107), ("90^\\circ", "He has 57 nuts.", 33),
        ("\\$18.90", "He has 57 nuts.", F(381, 10)),
        ("10,\\!080", "He has 57 nuts.", 10023), ("192", "He eats $\\frac{3}{4}$ of it.", F(765, 4)),
        ("192", "Fifty-seven nuts.", 135),
        ("192", "We pour 2 1/2 cups.", F(379, 2)), ("12\\%", "He has 1,250 nuts.", 1238),
    ],
)  # fmt: skip
def test_chain_calculates_exactly(answer: str, text: str, expected: int | Fraction) -> None:
    for value_in, value_out, relation in links(source(answer), target(text)):
        assert abs(value_out - value_in) == expected
        assert type(value_in) in (int, Fraction)
        shown = relation.replace("\\frac{", "").replace("}{", "/").replace("}", "").replace("$", "")
        assert Fraction(re.search(r"\d+(?:\.\d+|/\d+)?", shown)[0]) == expected


def test_chain_links_radicals_that_differ_by_a_rational() -> None:
    sympy = pytest.importorskip("sympy")
    link = chain(source("18+2\\pi"), Problem("A circle has area $2\\pi$. Go.", "1")).links[0]
    assert (link.value_in, link.value_out) == (18 + 2 * sympy.pi, 2 * sympy.pi)
    assert re.findall(r"\d+", link.relation) == ["18"]
    equal = chain(source("3\\sqrt{5}"), Problem("A side of $3\\sqrt5$ is drawn.", "1")).links[0]
    assert "equal" in equal.relation
    with pytest.raises(Unlinkable):
        chain(source("3\\sqrt{5}"), target("He has 57 nuts."))


@given(st.integers(-(10**6), 10**6), st.integers(2, 10**6), st.integers(0, 10**6))
def test_chain_is_sound_for_any_numbers(answer: int, constant: int, seed: int) -> None:
    try:
        made = chain(source(answer), target(f"Tom has {constant} nuts."), seed=seed)
    except Unlinkable:
        assert answer == 0 or abs(constant - answer) in (abs(answer), constant)
        return
    link = made.links[0]
    numbers = [int(n) for n in re.findall(r"\d+", link.relation)]
    shown = numbers[0] if numbers else 0
    assert answer + (shown if "more" in link.relation else -shown) == constant
    assert made.prompt.count(f"Tom has {link.symbol_out} nuts.") == 1


# --- how it is written


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("Solve $57x = x^2.$", "Solve $Yx = x^2.$"),
        ("Solve $x \\cdot57 = x^2.$", "Solve $x \\cdot{Y} = x^2.$"),
        ("Solve $\\frac x{57} = x^2.$", "Solve $\\frac x{Y} = x^2.$"),
        ("Let $x$ be one of 57 roots.", "Let $x$ be one of $Y$ roots."),
        ("Let $x$ be 57% of it.", "Let $x$ be $Y$% of it."),
        ("Let $x$ be $57$ cm.", "Let $x$ be $Y$ cm."),
        ("Let $x$ be $\\text{57 cm}.$", "Let $x$ be $\\text{Y cm}.$"),
        ("Let $x$ be \\$57 now.", "Let $x$ be \\$Y now."),
        ("There is a 57$\\%$ chance of $x$.", "There is a \\(Y\\)$\\%$ chance of $x$."),
        ("He pays $57 for it.", "He pays $Y for it."),
        ("He has 57 of them.", "He has Y of them."),
        ("\\[x = 57\\]", "\\[x = Y\\]"),
        ("It is $\\frac57$ of it, $x$.", "It is $Y$ of it, $x$."),
    ],
)
def test_chain_writes_the_symbol_as_the_place_demands(text: str, written: str) -> None:
    made = chain(source(1000), target(text))
    assert made.prompt.endswith(written.replace("Y", made.links[0].symbol_out))


def test_chain_uses_other_delimiters_where_the_dollar_is_money() -> None:
    made = chain(Problem("He pays $12 and $13. How much?", 25), Problem("Solve $x^2 = 57.$", "1"))
    assert f"\\({made.links[0].symbol_in}\\)" in made.links[0].definition
    assert f"\\({made.links[0].symbol_out}\\)" in made.links[0].relation
    plain = chain(Problem("He pays $12 and $13. How much?", 25), NUTS)
    assert "\\" not in plain.links[0].definition + plain.links[0].relation


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Points $X$ and $Y$ and $Z$. Go.", "Take $W$ and 57 nuts."),
        ("Point M and Room N and type K are far.", "In $\\triangle PQR$, 57."),
        ("Let x, y, z be 5 m, 6 N, 7 K.", "Solve $w = 57 m n$, p and q."),
        ("Triangle UVW is $RST$ with x.", "Box X. Take 57 of y and Z."),
    ],
)  # fmt: skip
def test_chain_symbols_are_fresh(first: str, second: str) -> None:
    for seed in SEEDS:
        link = chain(Problem(first, "1000"), target(second), seed=seed).links[0]
        assert link.symbol_in != link.symbol_out
        for symbol in (link.symbol_in, link.symbol_out):
            assert re.fullmatch("[B-DF-HJ-NP-Z]", symbol)
            assert not re.search(rf"(?<![a-z]){symbol}(?![a-z])", first + " " + second, re.IGNORECASE)


def test_chain_without_a_free_letter_is_unlinkable() -> None:
    letters = ", ".join("BCFGHJKLMNPQRSTUVWXYZ")
    with pytest.raises(Unlinkable, match="leave letters free"):
        chain(Problem(f"Take {letters}. Go.", "1000"), NUTS)


def test_chain_varies_its_words() -> None:
    made = [chain(CRATE, TRAIN, seed=s) for s in range(200)]
    for sentences in ([c.links[0].relation for c in made], [c.links[0].definition for c in made]):
        frames = {re.sub(r"\b[A-Z]\b|\d+", "_", sentence) for sentence in sentences}
        assert len(frames) > 8
        assert max(sum(re.sub(r"\b[A-Z]\b|\d+", "_", s) == f for s in sentences) for f in frames) < 60


def test_phrases_hold_no_number() -> None:
    for phrase in (*_DEFINITIONS, *_QUESTIONS, *_DIFFERENCES, *_EQUALITIES, *_BRIDGES, *_SCOPES):
        assert not occurrences(phrase), phrase
    for phrase in _TABLES:
        assert [o.text for o in occurrences(phrase)] == ["twice"]
    for phrase in _DIFFERENCES:
        assert re.search(r"\{d\} \{more\} than (the value of )?\{X\}\.$", phrase)
        assert phrase.index("{Y}") < phrase.index("{d}")


@pytest.mark.parametrize(
    ("prompt", "answer", "word"),
    [
        ("How steep is it?", "30^\\circ", "degrees"), ("How much is it?", "\\$36", "dollars"),
        ("What share is it?", "20\\%", "percent"),
        ("What percent of them stay?", "20", "percent"), ("How likely is it?", "25", "percent"),
        ("How fast is it?", "12 m/s", "in m/s"),
        ("How hard?", "9.8 m/s^2", "without its unit"),
    ],
)  # fmt: skip
def test_chain_names_the_unit_of_the_answer(prompt: str, answer: str, word: str) -> None:
    for seed in SEEDS:
        definition = chain(Problem(prompt, answer), NUTS, seed=seed).links[0].definition
        assert word in definition
        assert not re.search(r"\d", definition)


def test_chain_takes_a_probability_as_it_is() -> None:
    for seed in SEEDS:
        assert "percent" not in chain(Problem("How likely is it?", "\\frac{1}{4}"), NUTS, seed=seed).links[0].definition


def test_chain_keeps_shared_names_apart_in_words() -> None:
    first = Problem("Let $a = 5 - b$ and $b = 2$. Find $a$.", "3")
    second = Problem("Let $a = 57 + c$ and $c = 2$. Find $a$.", "59")
    assert ends_of(first).names & ends_of(second).names
    made = chain(first, second)
    between = made.prompt.removeprefix(first.prompt).partition("Let $a")[0]
    assert re.search(r"\bnames?\b", between)


# --- choices


CHOICE = Problem(
    "Which is prime?\nA. 51\nB. 53\nC. 55",
    "B",
    domain="choice",
    verifier="choice",
    metadata={"choices": {"A": "51", "B": "53", "C": "55"}},
)


@pytest.mark.parametrize("problem", [CHOICE, Problem(CHOICE.prompt, "(B)", domain="choice", verifier="choice")])
def test_chain_turns_an_option_into_a_number_by_a_table(problem: Problem) -> None:
    for seed in SEEDS:
        link = chain(problem, NUTS, seed=seed).links[0]
        table = {letter: int(number) for letter, number in re.findall(r"([A-C]): (\d+)", link.definition)}
        assert len(set(table.values())) == len(table) == 3
        assert "twice" in link.definition
        assert link.value_in == 2 * table["B"]
        assert link.value_in not in table.values()


def test_chain_never_replaces_a_number_of_an_option() -> None:
    for seed in SEEDS:
        made = chain(
            CRATE, Problem("Which of 57 is right?\nA. 15\nB. 16", "A", domain="choice", verifier="choice"), seed=seed
        )
        assert made.links[0].value_out == 57


def test_chain_needs_options_that_are_letters_in_order() -> None:
    with pytest.raises(Unlinkable):
        chain(Problem("Which?", "B", domain="choice", verifier="choice"), NUTS)


# --- code


def test_chain_replaces_the_argument_of_a_call() -> None:
    body = "```python\ndef f(n, m=3):\n    return n * n + m\n```"
    for call in ("What is f(57)?", "What does `f(57)` return?", "```python\nprint(f(57))\n```"):
        made = chain(CRATE, Problem(f"{body}\n{call}", "3252", domain="code", verifier="exact"))
        assert made.links[0].value_out == 57
        assert f"f({made.links[0].symbol_out})" in made.prompt
    assert chain(Problem(f"{body}\nWhat is f(57)?", "3252", domain="code"), NUTS).links[0].value_in == 3252


def test_chain_leaves_other_numbers_in_code_alone() -> None:
    with pytest.raises(Unlinkable):
        chain(CRATE, Problem("```python\ndef f(n=57):\n    return n + 61\n```\nWhat is f()?", "118", domain="code"))


# --- what cannot be linked


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("\\text{Evelyn}", "words"), ("(3, 4)", "several numbers"), ("x^2 + 1", "letter 'x'"),
        ("[0, 1]", "several numbers"), ("52_8", "base"),
        ("1 \\pm \\sqrt{19}", "number"), ("True", "words"), ("0", "zero"), ("6-5i", "letter 'i'"),
        ("\\begin{pmatrix}1\\end{pmatrix}", "matrix"),
    ],
)  # fmt: skip
def test_chain_refuses_an_answer_that_is_no_number(answer: str, reason: str) -> None:
    with pytest.raises(Unlinkable) as caught:
        chain(Problem("What is it?", answer, verifier="exact"), NUTS)
    assert reason in str(caught.value)
    assert str(caught.value).startswith("chain: first must have an answer that is one number; got ")
    assert isinstance(caught.value, (ComposeKitError, ValueError))


@pytest.mark.parametrize(
    "text",
    [
        "Prove it.",
        "Solve $x^2 = x^3$.",
        "Room 12, day 3, $x_4$.",
        "A 3-digit code?",
        "[asy] 5 [/asy]",
        "He has 5, she has five.",
    ],
)
def test_chain_refuses_a_part_without_a_constant(text: str) -> None:
    with pytest.raises(Unlinkable, match="second must have a constant"):
        chain(source(1000), target(text))


def test_chain_takes_the_base_of_a_power_only_for_want_of_better() -> None:
    assert {found[1] for found in links(source(1000), target("Find $57^2 - 31.$"))} == {31}
    assert {found[1] for found in links(source(1000), target("Find $57^2.$"))} == {57}
    for series in ("Multiply $(3^4 - x)(5^4 - x) \\dotsm (x^4 - x)$.", "Find $10^7.$"):
        with pytest.raises(Unlinkable):
            chain(source(1000), target(series))


def test_chain_refuses_programs_and_bundles() -> None:
    program = Problem(
        "Write f. Use 57 lines. >>> f(23)\n24",
        "",
        verifier="code",
        tests=({"args": [1], "expected": 2},),
        entry_point="f",
    )
    with pytest.raises(Unlinkable, match="the answer is a program"):
        chain(program, NUTS)
    with pytest.raises(Unlinkable, match="second must have a constant"):
        chain(NUTS, program)
    with pytest.raises(ComposeKitError, match="a bundle of several"):
        chain(bundle(NUTS, TRAIN), CRATE)


def test_chain_refuses_things_that_are_no_problems() -> None:
    with pytest.raises(TypeError, match="chain: second must be a Problem; got str"):
        chain(CRATE, "Tom has 5")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="seed must be an int"):
        chain(CRATE, TRAIN, seed="1")  # type: ignore[arg-type]


def test_chain_reads_a_text_of_a_megabyte() -> None:
    long = Problem("He says so. " * 90_000 + "Tom has 57 nuts.", "1")
    assert chain(CRATE, long).links[0].value_out == 57
    with pytest.raises(Unlinkable):
        chain(CRATE, Problem("7 $x$ " * 170_000, "1"))


# --- new values


def test_chain_gives_a_generated_problem_a_new_value_and_answer() -> None:
    from composekit.compose import generators

    changed = 0
    for problem in generators.arithmetic(12, seed=4):
        try:
            made = chain(CRATE, problem, seed=1, new_value=True)
        except Unlinkable:
            continue
        link, part = made.links[0], made.parts[1]
        assert part.id == problem.id
        assert part.prompt[slice(*link.span)] == str(link.value_out)
        again = generators.GENERATORS[part.template.name].make(**part.template.params)
        assert (again.prompt, again.answer) == (part.prompt, part.answer)
        assert part.prompt != problem.prompt
        assert made.answer == part.answer
        changed += part.answer != problem.answer
    assert changed >= 6


def test_chain_recalculates_an_annotated_solution() -> None:
    lawn = Problem(
        "Lee charges $33 a lawn. Last week he mowed 16 lawns and got $30 in tips. How many dollars did he earn?",
        "558",
        solution="33 * 16 = $<<33*16=528>>528\nWith tips 528 + 30 = $<<528+30=558>>558",
    )  # fmt: skip
    for seed in SEEDS:
        made = chain(CRATE, lawn, seed=seed, new_value=True)
        numbers = [int(n) for n in re.findall(r"\d+", made.parts[1].prompt)]
        assert int(made.answer) == numbers[0] * numbers[1] + numbers[2]
        assert numbers != [33, 16, 30]


def test_chain_without_a_solver_has_no_new_values() -> None:
    with pytest.raises(Unlinkable, match="have a solver"):
        chain(CRATE, NUTS, new_value=True)


@pytest.mark.parametrize(
    ("question", "solution", "unit"),
    [
        ("How long does it take him?", "It takes 3+3.5=<<3+3.5=216>>216 seconds to dig.\n#### 216", "in seconds"),
        ("How long does it take him?", "It takes 216.\n#### 216", ""),
        ("How many seconds does it take him?", "It takes 216 seconds.\n#### 216", ""),
        ("How long does it take him in seconds?", "It takes 216 seconds.\n#### 216", ""),
        ("How fast is he?", "He runs 216 miles per hour.\n#### 216", ""),
        ("How fast is he?", "He runs 1216 mph, no, 216 mph.\n#### 216", "in mph"),
        ("How many boxes does he dig?", "In 216 seconds he digs 216.\n#### 216", ""),
    ],
)
def test_a_definition_states_the_unit_that_the_question_leaves_open(question: str, solution: str, unit: str) -> None:
    digger = Problem(f"He digs 72 holes, one every 3 minutes. {question}", 216, solution=solution)
    definition = chain(digger, Problem("Tom has 57 nuts and eats 11. How many are left?", 46)).links[0].definition
    assert (unit in definition) if unit else (" in " not in definition.replace("In what", ""))


def test_the_same_text_twice_is_no_chain() -> None:
    """The constant that Y replaces would stand in the other copy."""
    once = Problem("A crate holds 12 boxes of 16 pencils. How many pencils is that?", 192)
    again = Problem(once.prompt, 192, id="again")
    nuts = Problem("Tom has 57 nuts and eats 11. How many are left?", 46)
    for parts in ((once, once), (once, again), (once, nuts, again)):
        with pytest.raises(Unlinkable, match="differ from the earlier parts"):
            chain(*parts)


# --- what X counts, and constants that do not matter


@pytest.mark.parametrize(
    ("question", "answer", "asks"),
    [
        ("Insurance covers 80% of $375. How much does he pay?", 75, False),
        ("If she puts ten percent more into her bank, how much money has she?", 240, False),
        ("What's 60% of the number of cats?", 15, False),
        ("By what percent does the area of 40 by 50 change?", 10, True),
        ("Of 50 cats, 15 sleep. What percentage sleeps?", 30, True),
        ("How many percent of the 50 cats sleep?", 30, True),
        ("Expressed as a percentage, how much more likely is A than B?", 20, True),
        ("What is the probability of heads in percent?", 50, True),
        ("What is the chance of heads?", 50, True),
        ("How many patients are likely to have it?", 13, False),
        ("The probability is $m/n$; what is $m + n$?", 29, False),
    ],
)  # fmt: skip
def test_x_counts_percent_only_where_percent_is_asked_for(question: str, answer: int, asks: bool) -> None:
    assert (ends_of(Problem(question, answer)).unit == "percent") is asks


def test_number_words_that_the_solution_does_not_use_are_spare() -> None:
    text = "John visits three countries, {} weeks each, and pays $57 a week. What does he pay in all?"
    solution = "He pays for 3*{0}=<<3*{0}={1}>>{1} weeks."
    used = ends_of(Problem(text.format("four"), 684, solution=solution.format(4, 12) + " That is 12*57=684."))
    assert {c.text for tier in used.tiers for c in tier} == {"three", "four", "57"}
    idle = ends_of(Problem(text.format("four"), 228, solution="He pays twice 2*57=114, so 228."))
    assert {c.text for tier in idle.spare for c in tier} == {"three", "four"}
    doubled = ends_of(Problem("Ann has two hens and 57 nuts.", 1, solution="She has double of 57."))
    assert "two" in {c.text for tier in doubled.tiers for c in tier}


def test_links_into_choices_replace_no_count_of_the_options() -> None:
    options = "\n".join(f"{letter}. {speed} km/h" for letter, speed in zip("ABCDE", (41, 52, 63, 74, 86), strict=True))
    choices = {"choices": dict(zip("ABCDE", (41, 52, 63, 74, 86), strict=True))}
    timed = Problem(f"Leo timed five trains. Which was fastest?\n{options}", "E", verifier="choice", metadata=choices)
    assert ends_of(timed).inputs == 0
    slow = timed.replace(prompt=timed.prompt.replace("five trains", "five trains over 300 km"), id=None)
    assert {c.text for tier in ends_of(slow).tiers + ends_of(slow).spare for c in tier} == {"300"}


def test_links_into_generated_problems_prefer_their_parameters() -> None:
    from composekit.compose.ends import slot_spans
    from composekit.compose.generators import GENERATORS

    for generator in GENERATORS.values():
        for problem in generator(20, seed=7):
            slots = slot_spans(problem)
            assert all(constant.span in slots for tier in ends_of(problem).tiers for constant in tier), problem.prompt


def test_a_template_that_is_not_ours_offers_no_slots() -> None:
    from composekit.compose import Template, generators
    from composekit.compose.ends import slot_spans

    first, own = source(9), generators.arithmetic(1, seed=3)[0]
    assert slot_spans(own)
    foreign = [Template("arithmetic", {}), Template("arithmetic", {"family": "sharing", "x": 1}), Template("other", {})]
    for template in foreign:
        problem = target("Tom eats 57 of 100 nuts.").replace(template=template)
        assert slot_spans(problem) == {}
        assert chain(first, problem).links
    assert slot_spans(own.replace(prompt="Indeed: " + own.prompt)) == {}  # the text is not the template's any more


def test_links_whose_difference_tells_y_are_made_for_want_of_others() -> None:
    """1991 more than X is 2000 to whoever rounds."""
    from composekit.compose.guessing import guess_by_rounding

    assert [guess_by_rounding(d) for d in (1991, -4496, 119_997, -98, 95, 1550, F(1991, 2), F(-121, 5))] == [
        2000, 4, 120_000, None, None, None, 996, F(4, 5),
    ]  # fmt: skip
    oracle = source(9)
    assert {y for _, y, _ in links(oracle, target("She pays $2000 for 35 caps."))} == {35}
    alone = chain(oracle, target("She pays $2000 for caps."))
    assert alone.links[0].value_out == 2000
    assert [f.message for f in audit(alone).warnings] == [
        "W = 2000 shows where the difference is rounded up".replace("W", alone.links[0].symbol_out)
    ]


def test_an_ordinal_in_digits_tells_the_constant() -> None:
    text = "A cakewalk has 11 steps, so that after the {}th step he is back. It costs $35."
    told, free = (ends_of(target(text.format(n))) for n in (11, 15))
    assert [c.text for tier in told.tiers + told.spare for c in tier] == ["35"]
    assert {c.text for tier in free.tiers for c in tier} == {"35", "11"}


def test_x_counts_percent_where_the_solution_ends_in_percent() -> None:
    problem = Problem("What is the class average on the test?", 86, solution="(80+92)/2 = <<172/2=86>>86%\n#### 86")
    assert ends_of(problem).unit == "percent"
    assert ends_of(problem.replace(solution=problem.solution.replace("86%", "86 of 100%"))).unit == ""


@pytest.mark.parametrize(
    "question", ["How much longer is his trip?", "What is the total time?", "What is the length?", "How long is it?"]
)
def test_x_counts_the_unit_of_the_solution_where_the_question_leaves_it_open(question: str) -> None:
    assert ends_of(Problem(question, 45, solution="It is 90 / 2 = <<90/2=45>>45 minutes.")).unit == "minutes"
    assert ends_of(Problem("What is the total time in minutes?", 45, solution="It is 45 minutes.")).unit == ""
