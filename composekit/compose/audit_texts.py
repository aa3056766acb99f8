r"""Audit of composites that other people made: the texts and the values are known, the rewriting is not.

The prompt is cut where it states how Y follows from X; each part is then compared with its piece of the prompt. What a part
lost makes it incomplete; what stands in place of its constant must be worth what the constant was worth.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from fractions import Fraction

from composekit.compose import exact
from composekit.compose.aligning import Edit, Token, carries_content, cover, edits, tokenize
from composekit.compose.exact import Exact, NotExact
from composekit.compose.findings import Finding, defect, warning
from composekit.compose.naming import clashes, mentions, says
from composekit.compose.problem import Composite, Link
from composekit.compose.relations import Relation, find_relation

COUNTED_WORDS = 2  # words behind a number that may change with it
INTERRUPTION = 3  # words with content that do not belong into the midst of a part


def check(composite: Composite) -> Iterator[Finding]:
    """Every finding about the texts of a composite whose links give no relation or no span."""
    prompt = exact.repair_escapes(composite.prompt)
    relations = [find_relation(link, prompt) for link in composite.links]
    for index, (link, relation) in enumerate(zip(composite.links, relations, strict=True)):
        yield from _check_relation(index, link, relation, prompt)
        yield from _check_definition(composite, link, relation, prompt, f"link {index}")
        yield from _check_defined(relation, relations, prompt, f"link {index}")
    pieces = _pieces(composite, prompt, relations)
    for index, part in enumerate(composite.parts):
        incoming = [(link, rel) for link, rel in zip(composite.links, relations, strict=True) if link.target == index]
        symbols = {_printed(link, relation): link for link, relation in incoming}
        found = edits(exact.repair_escapes(part.prompt), pieces[index], symbols)
        yield from _check_part(f"part {index}", part.prompt, found, symbols)


def _pieces(composite: Composite, prompt: str, relations: Sequence[Relation | None]) -> list[str]:
    """The piece of the prompt in which each part is looked for: between the relations of a chain, else all of it."""
    cuts = [relation.end for relation in relations if relation is not None]
    chained = [(link.source, link.target) for link in composite.links] == [(i, i + 1) for i in range(len(cuts))]
    if not chained or len(cuts) != len(composite.parts) - 1 or cuts != sorted(cuts):
        return [prompt] * len(composite.parts)
    return [prompt[start:end] for start, end in zip([0, *cuts], [*cuts, len(prompt)], strict=True)]


# ------------------------------------------------------------------------------------------------------------ relation


def _check_relation(index: int, link: Link, relation: Relation | None, prompt: str) -> Iterator[Finding]:
    where = f"link {index}"
    if relation is None:
        yield defect("relation", f"no sentence gives {link.symbol_out} from {link.symbol_in}", where)
        return
    try:
        given, wanted = exact.of(link.value_in), exact.of(link.value_out)
        reached, other = relation.apply(given), relation.apply(given + Exact.of(1))
    except NotExact as error:
        yield warning("relation", f"the relation cannot be recomputed: {error}", where)
        return
    sentence = prompt[relation.start : relation.end]
    if reached != wanted:
        message = f"{sentence!r} gives {reached} from {given}; the constant is {wanted}"
        yield defect("relation", message, where)
    elif reached == other:
        message = f"{sentence!r} gives {reached} for another {relation.symbol_in} too"
        yield defect("relation", message, where)


# ---------------------------------------------------------------------------------------------------------------- part


def _check_part(where: str, prompt: str, found: Sequence[Edit], symbols: dict[str, Link]) -> Iterator[Finding]:
    values = {symbol: exact.of(link.value_out) for symbol, link in symbols.items() if _readable(link.value_out)}
    lost: list[Token] = []
    replaced: dict[str, list[Edit]] = {symbol: [] for symbol in symbols}
    for edit in found:
        here = [symbol for symbol in symbols if _holds(symbol, edit.new)]
        for symbol in here:
            replaced[symbol].append(edit)
            if symbol in values and edit.old.strip():
                yield from _check_constant(edit, values[symbol], values, where)
        number = _number_at_start(edit.old) if here else 0
        if number == 0:
            said = _saying(edit.old, [values[symbol] for symbol in here if symbol in values])
            lost.extend(token for token in edit.lost if token.key not in said)
        else:  # the number is accounted for, and so is the word that it counts; not the rest of a sentence
            told = Counter(token.key for token in tokenize(edit.old)[:number])
            rest = list((Counter(token.key for token in edit.lost) - told).elements())
            if len(rest) > COUNTED_WORDS:
                lost.extend(token for token in edit.lost if token.key in rest)
    for symbol, link in symbols.items():
        if not any(edit.old.strip() for edit in replaced[symbol]):
            yield _unreplaced(symbol, link, values.get(symbol) == 1 and bool(replaced[symbol]), where)
    yield from check_loss(lost, prompt, where)
    yield from _check_interruptions(found, prompt, where)


def _printed(link: Link, relation: Relation | None) -> str:
    return relation.symbol_out if relation else exact.repair_escapes(link.symbol_out)


def _readable(number: object) -> bool:
    try:
        exact.of(number)
    except NotExact:
        return False
    return True


def _holds(symbol: str, text: str) -> bool:
    return any(token.key == symbol for token in tokenize(text))


def _unreplaced(symbol: str, link: Link, unsaid: bool, where: str) -> Finding:
    """What it means that a symbol takes the place of no text."""
    if unsaid:  # one is the only number that a text can leave out: x is 1x, an apple is one apple
        return warning("constant", f"{symbol} = 1 is written where the part left it unsaid", where)
    return defect("constant", f"{symbol} takes the place of no {link.value_out}", where)


def _check_constant(edit: Edit, wanted: Exact, values: dict[str, Exact], where: str) -> Iterator[Finding]:
    """Whether what stands in place of a constant is worth what the constant was worth."""
    before, after = _worth(edit.old, {}), _worth(edit.new, values)
    if before is None or after is None:
        if before != wanted and (before is not None or not _saying(edit.old, [wanted])):
            yield defect(
                "constant", f"{edit.new!r} stands in place of {edit.old!r}, which does not say {wanted}", where
            )
    elif before != after:
        message = f"{edit.new!r}, worth {after}, stands in place of {edit.old!r}, worth {before}"
        yield defect("constant", message, where)


def _worth(text: str, values: dict[str, Exact]) -> Exact | None:
    """The value of a run of text, or of the expression that it begins with before words (one apple, $Q$ apples)."""
    return _leading_expression(text, values)[0]


def _number_at_start(text: str) -> int:
    """How many tokens of a text are the number that it begins with."""
    return _leading_expression(text, {})[1]


def _leading_expression(text: str, values: dict[str, Exact]) -> tuple[Exact | None, int]:
    tokens = tokenize(text[: exact.MAX_TEXT])
    for stop in range(len(tokens), 0, -1):
        if stop == len(tokens) or tokens[stop].kind == "word":
            start, end = cover(text, tokens[:stop])
            try:
                return exact.value(text[start:end], values), stop
            except NotExact:
                continue
    return None, 0


def _saying(text: str, wanted: Sequence[Exact]) -> set[str]:
    """The keys of the tokens of a text that say one of some numbers, its sign aside."""
    tokens = tokenize(text)
    worths = {token.key: _worth(token.key, {}) for token in tokens if token.kind in ("number", "word")}
    return {key for key, worth in worths.items() if worth is not None and (worth in wanted or -worth in wanted)}


def check_loss(lost: Sequence[Token], prompt: str, where: str) -> Iterator[Finding]:
    """What a part lost, if anything that carries content; of a drawing, numbers or half of it."""
    tokens = tokenize(prompt)
    drawn = Counter(token.drawing for token in tokens if token.drawing is not None and token.kind != "mark")
    gone = Counter(token.drawing for token in lost if token.drawing is not None)
    numbers = {token.drawing for token in lost if token.drawing is not None and token.kind == "number"}
    for drawing, count in gone.items():
        if 2 * count > drawn[drawing] or drawing in numbers:
            yield defect(
                "incomplete", f"the prompt lacks {count} of {drawn[drawing]} tokens of drawing {drawing}", where
            )
    text = [token.key for token in lost if token.drawing is None]
    if text:
        yield defect(
            "incomplete", f"the prompt lacks {' '.join(text[:12])!r} ({len(text)} of {len(tokens)} tokens)", where
        )


def _check_interruptions(found: Sequence[Edit], prompt: str, where: str) -> Iterator[Finding]:
    """Foreign words inside a part, so that it does not stand there in one piece."""
    places = [token.start for token in tokenize(prompt) if carries_content(token)]
    for edit in found:
        inside = bool(places) and places[0] < edit.start and edit.end <= places[-1]
        replaces = any(map(carries_content, tokenize(edit.old)))
        if inside and not replaces and sum(map(carries_content, tokenize(edit.new))) >= INTERRUPTION:
            yield defect("incomplete", f"{edit.new[:80]!r} interrupts the part", where)


# ---------------------------------------------------------------------------------------------------------- definition

# Words by which a definition takes a piece of a number or turns it into another: only a reader can recompute that.
DERIVED = re.compile(
    r"digit|numerator|denominator|order|position|letter|alphabet|coefficient|exponent|base\b|root|part\b", re.IGNORECASE
)
DEFINING = re.compile(r"\b(?:[Dd]efine|[Ll]et|[Dd]enote|[Cc]all)\b")


# Units and signs beside a number, with the exponent of a unit.
UNIT = re.compile(r"\\(?:text|mbox|textrm|mathrm|textnormal|hbox)\s*\{[^{}]*\}(?:\s*\^\s*\{?\s*\d\s*\}?)?|\\?[$%]")


def answer_value(answer: str) -> Exact:
    """The number that an answer is, its unit set aside. Raises NotExact where it is none."""
    return exact.value(UNIT.sub(" ", answer))


def _check_definition(
    composite: Composite, link: Link, relation: Relation | None, prompt: str, where: str
) -> Iterator[Finding]:
    """Whether X is worth the answer that it is defined as, where the answer is one number and is taken whole."""
    before = prompt[: relation.start] if relation else prompt
    starts = [match.start() for match in DEFINING.finditer(before)]
    definition = before[starts[-1] :] if starts else ""
    try:
        given, whole = exact.of(link.value_in), answer_value(composite.parts[link.source].answer)
    except NotExact:
        return
    if whole.rational is None or DERIVED.search(definition):
        return
    if "radian" in definition:
        whole = whole * Exact({(1, 1, 0): Fraction(1, 180)})
    if given != whole:
        yield defect("answer", f"{link.symbol_in} = {given}, but part {link.source} is worth {whole}", where)


# What a relation may say about its own X: "N, which is the answer above".
SAID_BESIDE = re.compile(
    r"answer|result|solution|problem|question|part\b|above|previous|former|first|found|\bwhere\b|\bwhich\b",
    re.IGNORECASE,
)


def _check_defined(
    relation: Relation | None, relations: Sequence[Relation | None], prompt: str, where: str
) -> Iterator[Finding]:
    """Whether X stands anywhere but in the sentences that take it for known."""
    if relation is None:
        return
    rest, at = [], 0
    for other in sorted((other for other in relations if other is not None), key=lambda other: other.start):
        rest.append(prompt[at : other.start])
        at = max(at, other.end)
    if says(relation.symbol_in, "\n".join([*rest, prompt[at:]])):
        return
    head = max(prompt.rfind(mark, 0, relation.start) for mark in (". ", "\n", "? "))
    tail = re.search(r"[.?!]\s|\n|$", prompt[relation.end :])
    stop = relation.end + (tail.start() if tail else 0)
    beside = prompt[head + 1 : relation.start] + " " + prompt[relation.end : stop]
    if not SAID_BESIDE.search(beside):
        yield defect("relation", f"{relation.symbol_in} is used, but nothing says what it is", where)


# --------------------------------------------------------------------------------------------------------------- names


# A sentence that keeps the names of the parts apart, so that sharing one does no harm.
SCOPE = re.compile(
    r"\b[Nn]ames?\b[^.\n]{0,160}\b(?:nothing to do with|belongs? only to|on its own|of its own|unrelated|independent)"
)


def check_names(composite: Composite) -> Iterator[Finding]:
    """Names that two linked parts share, and symbols of links that a part already uses."""
    parts = [exact.repair_escapes(part.prompt) for part in composite.parts]
    scoped = SCOPE.search(composite.prompt) is not None
    for second in range(len(parts)):
        for first in range(second):
            shared = sorted(clashes(parts[first], parts[second]))
            if shared and not scoped:
                message = f"parts {first} and {second} both use {', '.join(shared)}"
                yield defect("clash", message, f"part {second}")
    for index, link in enumerate(composite.links):
        where = f"link {index}"
        source, target = exact.repair_escapes(link.symbol_in), exact.repair_escapes(link.symbol_out)
        if source == target:
            yield defect("clash", f"{source} names both ends of the link", where)
        for number, part in enumerate(parts):
            if number != link.source and mentions(source, part):
                yield defect("clash", f"{source} already means something in part {number}", where)
            if mentions(target, part):
                yield defect("clash", f"{target} already means something in part {number}", where)
