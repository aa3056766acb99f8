"""Composites of real problems, judged by a checker that shares no code with the library.

The checker knows the problems, reads the composite's text with its own patterns and its own arithmetic, and fails on the
first thing that it cannot confirm. Only the public names Problem, Unlinkable, chain and Composer are imported.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path

import pytest
import sympy

from composekit.compose import Composer, Composite, Link, Problem, Unlinkable, chain

_SMALL = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
)
_TENS = "twenty thirty forty fifty sixty seventy eighty ninety"
WORDS = {word: value for value, word in enumerate(_SMALL.split())}
TENS = {word: 10 * value for value, word in enumerate(_TENS.split(), start=2)}
DIGITS = re.compile(r"\d[\d,]*(?:\.\d+)?|\.\d+")


class Unsound(AssertionError):
    """What the checker raises."""


def require(condition: bool, why: str) -> None:
    if not condition:
        raise Unsound(why)


def read_number(text: str) -> Fraction | sympy.Expr:
    """A number as the data sets write it: digits, decimals, fractions in two notations, mixed numbers, roots, words."""
    if "sqrt" in text or "\\pi" in text:
        return latex_to_sympy(text)
    text = text.strip().replace(r"\!", "").replace("{,}", "").replace(r"\,", "").replace(r"\$", "").replace("$", "")
    text = (
        re.sub(r"\^\{?\\circ\}?|\\text\{[^}]*\}|\\mbox\{[^}]*\}(\^2)?|\\?%", "", text).strip().replace("dfrac", "frac")
    )
    words = text.lower().split("-")
    if all(word in WORDS or word in TENS for word in words):
        return Fraction(sum({**WORDS, **TENS}[word] for word in words))
    mixed = re.fullmatch(r"(-?)([\d,]*)\s*\\frac\s*\{?(\d+?)\}?\s*\{?(\d+)\}?", text)
    if mixed:
        sign, whole, top, bottom = mixed.groups()
        value = Fraction(int((whole or "0").replace(",", ""))) + Fraction(int(top), int(bottom))
        return -value if sign else value
    plain = re.fullmatch(r"(?:(\d+) )?(-?\d+)/(\d+)", text)
    if plain:
        return Fraction(int(plain[1] or 0)) + Fraction(int(plain[2]), int(plain[3]))
    return Fraction(text.replace(",", "").replace(" ", ""))


def latex_to_sympy(text: str) -> sympy.Expr:
    """An answer with roots or pi, by rewriting its few commands; the texts are ours, so sympify may read them."""
    text = re.sub(r"\\[dt]?frac\s*(\d)\s*(\d)", r"((\1)/(\2))", text)
    text = re.sub(r"\\sqrt\s*(?:\{(\d+)\}|(\d))", r"*sqrt(\1\2)", text).replace(r"\pi", "*pi")
    text = re.sub(r"\\[dt]?frac\{([^{}]*)\}\{([^{}]*)\}", r"((\1)/(\2))", text)
    text = re.sub(r"(^|[(+\-])\s*\*", r"\1", text.replace(" ", ""))
    return sympy.sympify(text)


def stated(relation: str, link: Link) -> Fraction:
    """The signed difference that the relation's sentence states."""
    body = re.sub(rf"(?<![A-Za-z])[{link.symbol_in}{link.symbol_out}](?![A-Za-z])", "", relation)
    fraction = re.search(r"\\frac\{(\d+)\}\{(\d+)\}", body) or re.search(r"(\d+)/(\d+)", body)
    found = [fraction[0]] if fraction else DIGITS.findall(body)
    if re.search(r"\bequal\b", relation):
        require(not found, "a relation of equals shows a number")
        require("more" not in relation and "less" not in relation, "equal and not")
        return Fraction(0)
    rest = body.replace(found[0], "", 1) if found else body
    require(len(found) == 1 and not re.search(r"\d", rest), f"not one number in {relation!r}")
    size = Fraction(int(fraction[1]), int(fraction[2])) if fraction else Fraction(found[0])
    more, less = len(re.findall(r"\bmore\b", relation)), len(re.findall(r"\bless\b", relation))
    require((more, less) in ((1, 0), (0, 1)), "not one of more and less")
    order = re.search(rf"\b(?:more|less) than\b[^A-Z]*{link.symbol_in}(?![A-Za-z])", relation) or re.search(
        rf"\b(?:more|less) than the value of\b.*{link.symbol_in}(?![A-Za-z])", relation
    )
    require(order is not None, f"X does not follow 'than' in {relation!r}")
    return size if more else -size


def values_in(text: str, *, drawings: bool = True) -> set[Fraction]:
    """Every number that is a value in a text, with its sign: not in exponents, subscripts, ordinals, nor half a fraction.

    Without ``drawings``, of Asymptote code only the labels count.
    """
    if not drawings:
        text = re.sub(
            r"\[asy\].*?\[/asy\]", lambda code: " ; ".join(re.findall(r'"[^"]*"', code[0])), text, flags=re.DOTALL
        )
    text = re.sub(r"[\^_]\s*(?:\\[dt]?frac\s?\{\d+\}\{\d+\}|\{[^{}]*\}|-?[\w\\])", " ", text)
    text = re.sub(r"\\sqrt\s*\[[^\]]*\]", r"\\sqrt", text)
    text = re.sub(r"(?<=\d),?(?:\\!|\{,\}|\\,)\s?(?=\d{3}(?!\d))", "", text)
    text = re.sub(r"\d+(?:\.\d+)? (?:hundred|thousand|million|billion)", " ", text)
    found: set[Fraction] = set()
    latex = r"\\[dtc]?frac\s?(?:\{\s?(\d+)\s?\}|(\d))\s?(?:\{\s?(\d+)\s?\}|(\d))"
    fraction = rf"(-?)(?:(\d+)\s?)?(?:{latex}|(?<!\d)(\d+)/(\d+)(?![\d/]))"
    for sign, whole, a, b, c, d, e, f in re.findall(fraction, text):
        part = Fraction(int(a or b or e), int(c or d or f) or 1)
        mixed = Fraction(int(whole or 0)) + part
        found |= {-mixed if sign else mixed} | ({Fraction(int(whole))} if whole and part >= 1 else set())
    text = re.sub(fraction, " ; ", text)
    numeral = r"(?<![\d.])([-\u2212]?)(\d[\d,]*(?:\.\d+)?|\.\d+)(?!\d)(?!(?:st|nd|rd|th)\b)"
    for match in re.finditer(numeral, text):
        digits, sign = match[2].rstrip(","), match[1]
        readings = digits.split(",")
        if re.fullmatch(r"\d{1,3}(?:,\d{3})+(?:\.\d+)?", digits):
            listed = text[match.start() - 1 : match.start()] in ("(", "[", "{")
            readings = [digits.replace(",", ""), *(readings if listed else ())]
        values = {Fraction(reading) for reading in readings if reading}
        subtraction = sign and re.search(r"[\w)}\]$ ]$", text[: match.start()])
        found |= (values if not sign or subtraction else set()) | ({-value for value in values} if sign else set())
    for ten, unit in re.findall(rf"\b({_TENS.replace(' ', '|')})[- ]({'|'.join(list(WORDS)[1:10])})\b", text.lower()):
        found.add(Fraction(TENS[ten] + WORDS[unit]))
        text = re.sub(rf"{ten}[- ]{unit}", " ", text, flags=re.IGNORECASE)
    for word in re.findall(r"[a-z]+", text.lower()):
        if word not in ("one", "zero") and (word in WORDS or word in TENS):
            found.add(Fraction({**WORDS, **TENS}[word]))
    return found


def spellings(symbol: str) -> tuple[str, ...]:
    return symbol, f"{{{symbol}}}", f"${symbol}$", rf"\({symbol}\)"


def inside_math(text: str, at: int) -> bool:
    """Whether an offset of a LaTeX text lies between dollar signs or in a display."""
    before = re.sub(r"\\\$", "  ", text[:at])
    if before.count(r"\[") > before.count(r"\]") or before.count(r"\begin{align") > before.count(r"\end{align"):
        return True
    return before.count("$") % 2 == 1


def check_span(part: str, link: Link) -> None:
    start, end = link.span
    text, left, right = part[start:end], part[:start], part[end:]
    require(read_number(text) == link.value_out, f"{text!r} is not {link.value_out}")
    whole = not re.search(r"[\d.]$", left) or text[0] == "\\" or left.endswith(". ") or re.search(r"frac\d$", left)
    require(bool(whole), f"a piece of a longer number: {left[-8:]!r} {text!r}")
    uncut = not re.match(r"\.?\d|,\d{3}(?!\d)", right) or re.search(r"frac$|sqrt$", left)
    require(bool(uncut), f"cut: {text!r} {right[:8]!r}")
    grouped = re.search(r"(?<!\d)\d{1,3},$", left) and re.fullmatch(r"\d{3}", text)
    require(not (grouped and not inside_math(part, start)), f"a piece of a longer number: {left[-4:]}{text}")
    require(not re.search(r"[_^]\s*\{?-?$", left), f"an exponent or a subscript: {left[-5:]!r}")
    require(not re.search(r"sqrt\[$", left), "a root's index")
    require(not re.match(r"_", right), "a number in a base")
    raised = re.match(r"\s*\^\s*\{?\s*(?:\\[a-z]+\s*\{?\s*)?(?:st|nd|rd|th)\b", right)
    require(not raised and not re.match(r"(?:st|nd|rd|th)\b", right), "an ordinal")
    require(not re.match(r"\s?(?:[ap]\.?m\b|o'clock)", right, re.I), "a time")
    require(not re.match(r":\d\d", right) and not re.search(r"\d:$", left), "a time")
    compound = re.match(r"\$?-[A-Za-z]", right) and not (inside_math(part, end) and right[0] == "-")
    require(not compound, f"a compound: {text!r} {right[:9]!r}")
    require(
        not re.search(r"(?<![A-Za-z])(?:Point|Room|No\.|Problem|Figure|Step|Day|page|#)\s*\$?$", left),
        f"a label: {left[-9:]!r}",
    )
    require(
        not re.search(
            r"\b(?:January|February|March|April|June|July|August|September|October|November|December)\s$", left
        ),
        "a date",
    )
    require(left.count("[asy]") == left.count("[/asy]"), "a line of a drawing")
    if text.isdigit() and 1900 <= int(text) <= 2030:
        require(not re.search(r"\b(?:in|since|by|year)\s$", left, re.I), f"a year: {left[-9:]!r}")


def check_parts(composite: Composite) -> tuple[list[str], list[str]]:
    """Every part stands in the prompt, in order; returns the texts between them, and the parts as they stand there."""
    between, standing, at = [], [], 0
    for index, part in enumerate(composite.parts):
        links = sorted((x for x in composite.links if x.target == index), key=lambda x: x.span)
        options = [""]
        place = 0
        for link in links:
            start, end = link.span
            options = [done + part.prompt[place:start] + y for done in options for y in spellings(link.symbol_out)]
            place = end
        options = [done + part.prompt[place:] for done in options]
        hits = [(composite.prompt.find(text, at), text) for text in options]
        hits = [hit for hit in hits if hit[0] >= 0]
        require(bool(hits), f"part {index} does not stand in the prompt")
        found, text = min(hits)
        between.append(composite.prompt[at:found])
        standing.append(text)
        at = found + len(text)
    between.append(composite.prompt[at:])
    require(between[0] == "" and between[-1] == "", "text before the first part or after the last")
    return between[1:-1], standing


def check_delimiters(composite: Composite, standing: Sequence[str]) -> None:
    for link in composite.links:
        part = composite.parts[link.target].prompt
        start = link.span[0]
        text = standing[link.target]
        latex = bool(re.search(r"\\[a-zA-Z(\[]|\$[^$\d\s][^$]*\$", part))
        if latex and len([x for x in composite.links if x.target == link.target]) == 1:
            written = text[start : len(text) - (len(part) - link.span[1])]
            require(
                not (inside_math(part, start) and "$" in written),
                f"a $ inside mathematics: {text[start - 20 : start + 20]!r}",
            )


def check(composite: Composite, originals: dict[str, Problem]) -> None:
    """Raise Unsound unless everything that a chain of published problems promises holds."""
    for part in composite.parts:
        require(part == originals[part.id], "a part was changed")
    require(composite.answer == composite.parts[-1].answer, "not the last answer")
    require(
        [(x.source, x.target) for x in composite.links] == [(i, i + 1) for i in range(len(composite.parts) - 1)],
        "no chain",
    )
    between, standing = check_parts(composite)
    check_delimiters(composite, standing)
    symbols = [name for x in composite.links for name in (x.symbol_in, x.symbol_out)]
    require(len(set(symbols)) == len(symbols), "a symbol is used twice")
    for link, text in zip(composite.links, between, strict=True):
        check_link(composite, link, text)


def check_link(composite: Composite, link: Link, between: str) -> None:
    source, target = composite.parts[link.source], composite.parts[link.target]
    for name in (link.symbol_in, link.symbol_out):
        require(re.fullmatch("[A-Z]", name) is not None, f"symbol {name!r}")
        for part in composite.parts:
            used = re.search(rf"(?<![A-Za-z\\]){name}(?![A-Za-z])", part.prompt)
            for formula in re.findall(r"\$([^$]+)\$", part.prompt.replace(r"\$", "")) if "\\" in part.prompt else ():
                point = re.search(rf"(?<![\\A-Za-z])[A-Z]{{0,3}}{name}[A-Z]{{0,3}}(?![A-Za-z])", formula)  # $ABC$
                used = used or point
            require(not used, f"{name} already stands in a part")
    require(
        between.count(link.definition) == 1 and between.count(link.relation) == 1, "definition or relation not as told"
    )
    require(re.search(rf"(?<![A-Za-z]){link.symbol_in}(?![A-Za-z])", link.definition) is not None, "X is not defined")
    shown = stated(link.relation, link)
    first = read_number(source.answer)
    require(first == link.value_in, f"X is {link.value_in}, the answer is {source.answer}")
    require(first + shown == link.value_out, f"{link.relation!r} does not give {link.value_out} from {first}")
    require(abs(shown) not in (abs(first), link.value_out), "the difference is one of the values")
    require(len(re.findall(r"\d[\d,.]*", between.replace(link.relation, ""))) == 0, f"a number in {between!r}")
    check_span(target.prompt, link)
    rest = target.prompt[: link.span[0]] + " ; " + target.prompt[link.span[1] :]
    require(link.value_out not in map(abs, values_in(rest)), f"{link.value_out} stands elsewhere in the target")
    require(first not in values_in(rest, drawings=False), f"{first} stands in the target")


# --- the checker is checked

GOOD_PARTS = (
    Problem("A crate holds 12 boxes of 16 pencils. How many pencils are in it?", 192),
    Problem("Tom has 35 nuts, eats 5. How many are left?", 30),
)


def by_hand(**changes: object) -> Composite:
    first = GOOD_PARTS[0]
    link = {"source": 0, "target": 1, "symbol_in": "X", "value_in": 192, "symbol_out": "Y", "value_out": 35, "span": (8, 10),
            "relation": "Y is 157 less than X.", "definition": "Let X be the answer."}  # fmt: skip
    second_text = str(changes.pop("second", "Tom has Y nuts, eats 5. How many are left?"))
    answer = str(changes.pop("answer", "30"))
    link |= changes
    prompt = f"{first.prompt}\n{link['definition']} {link['relation']}\n{second_text}"
    return Composite(prompt, answer, parts=GOOD_PARTS, links=(Link(**link),))


def test_checker_accepts_a_sound_composite() -> None:
    check(by_hand(), {p.id: p for p in GOOD_PARTS})


@pytest.mark.parametrize(
    "changes",
    [
        {"relation": "Y is 158 less than X."},
        {"relation": "Y is 157 more than X."},
        {"relation": "Y is 157 less than X, which is 192."},
        {"relation": "X is 157 less than Y."},
        {"relation": "Y is equal to X."},
        {"value_in": 191},
        {"value_out": 36},
        {"span": (8, 9)},
        {
            "span": (21, 22),
            "value_out": 5,
            "relation": "Y is 187 less than X.",
            "second": "Tom has 35 nuts, eats Y. How many?",
        },
        {"symbol_in": "Y"},
        {"symbol_out": "T", "relation": "T is 157 less than X."},
        {"second": "Tom has Y nuts, eats 6. How many are left?"},
        {"second": "Tom has Y nuts, eats 5. How many are left? Y = 35."},
        {"definition": "Let X be the answer, 192."},
        {"answer": "31"},
    ],
)
def test_checker_rejects_a_broken_composite(changes: dict[str, object]) -> None:
    with pytest.raises(Unsound):
        check(by_hand(**changes), {p.id: p for p in GOOD_PARTS})


@pytest.mark.parametrize(
    ("prompt", "span"),
    [
        ("A 3-digit number", (2, 3)), ("at 2:30 we", (3, 4)), ("at 2:30 we", (5, 7)), ("Point 3 lies", (6, 7)),
        ("$x_1$", (3, 4)), ("$10^3$", (4, 5)), ("1,000 men", (0, 1)), ("1,000 men", (2, 5)),
        ("$\\sqrt[3]{8}$", (7, 8)),
        ("$1011_2$", (1, 5)), ("the 5th man", (4, 5)), ("[asy] 7 [/asy]", (6, 7)), ("June 5 was", (5, 6)),
        ("in 1999 he", (3, 7)), ("3.75 m", (0, 1)),
    ],
)  # fmt: skip
def test_checker_rejects_a_number_that_is_no_value(prompt: str, span: tuple[int, int]) -> None:
    link = Link(0, 1, "X", 1, "Y", int(prompt[slice(*span)]), "", span)
    with pytest.raises(Unsound):
        check_span(prompt, link)


@pytest.mark.parametrize(
    ("text", "values"),
    [
        ("Tom has 3 cats, -4 dogs and 1,250 ants", [3, 4, -4, 1250]), ("$x^2 + 5x_3$", [5]),
        ("1/2 and $\\frac34$", ["1/2", "3/4"]),
        ("2 1/2 cups", ["5/2"]), ("the 2nd of seven", [7]), ("twenty-one", [21]),
        ("10,\\!080, $(1,234)$, $(-5, 6)$, $x-7$", [10080, 1234, 1, 234, -5, 6, 7, -7]),
        ('[asy] draw((7,8)); label("9"); [/asy]', [7, 8, 9]), ("3 million", []), ("$\\frac{x}{12}$", [12]),
    ],
)  # fmt: skip
def test_checker_finds_the_values_of_a_text(text: str, values: list[object]) -> None:
    assert values_in(text) == {Fraction(value) for value in values}


# --- the library is checked


def gsm8k(data_dir: Path) -> list[Problem]:
    rows = [json.loads(line) for line in (data_dir / "gsm8k_train.jsonl").open()]
    return [Problem(r["question"], r["answer"].split("####")[1].strip(), solution=r["answer"]) for r in rows]


def math500(data_dir: Path) -> list[Problem]:
    rows = [json.loads(line) for line in (data_dir / "math500.jsonl").open()]
    return [Problem(r["problem"], r["answer"], solution=r["solution"]) for r in rows]


def random_chains(pool: Sequence[Problem], count: int, seed: int, depth: int = 2) -> list[Composite]:
    """Chains of pairs as they come, good or bad matches."""
    rng = random.Random(seed)
    made: list[Composite] = []
    while len(made) < count:
        try:
            made.append(chain(*rng.sample(pool, depth), seed=len(made)))
        except Unlinkable:
            continue
    return made


def check_all(composites: Sequence[Composite], pool: Sequence[Problem]) -> None:
    originals = {problem.id: problem for problem in pool}
    failures = []
    for composite in composites:
        try:
            check(composite, originals)
        except Unsound as error:
            failures.append(f"{error}\n{composite.prompt}")
    assert not failures, f"{len(failures)} of {len(composites)} unsound:\n\n" + "\n\n-----\n".join(failures[:5])


@pytest.mark.parametrize(
    ("name", "depth", "count"), [("gsm8k", 2, 400), ("gsm8k", 3, 60), ("math500", 2, 400), ("math500", 3, 60)]
)
def test_chain_is_sound_on_real_problems(data_dir: Path, name: str, depth: int, count: int) -> None:
    pool = {"gsm8k": gsm8k, "math500": math500}[name](data_dir)
    check_all(random_chains(pool, count, seed=depth, depth=depth), pool)


def test_chain_is_sound_between_data_sets(data_dir: Path) -> None:
    pool = gsm8k(data_dir)[:500] + math500(data_dir)
    check_all(random_chains(pool, 300, seed=9), pool)


@pytest.mark.slow
def test_ten_thousand_composites_are_sound(data_dir: Path) -> None:
    grade, math = gsm8k(data_dir), math500(data_dir)
    mixed = grade[:1000] + math
    composites = (
        random_chains(grade, 3000, seed=1) + random_chains(math, 3000, seed=2) + random_chains(mixed, 2000, seed=3)
    )
    composites += Composer(mixed, seed=4, size=1500)[:] + Composer(mixed, depth=3, seed=5, size=500)[:]
    assert len(composites) == 10_000
    check_all(composites, grade + math)
