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
from composekit.compose.aligning import Edit, Token, cover, edits, tokenize
from composekit.compose.exact import Exact, NotExact
from composekit.compose.findings import Finding, defect, warning
from composekit.compose.naming import clashes, mentions
from composekit.compose.problem import Composite, Link
from composekit.compose.relations import Relation, find_relation


def check(composite: Composite) -> Iterator[Finding]:
    """Every finding about the texts of a composite whose links give no relation or no span."""
    prompt = exact.repair_escapes(composite.prompt)
    relations = [find_relation(link, prompt) for link in composite.links]
    for index, (link, relation) in enumerate(zip(composite.links, relations, strict=True)):
        yield from _check_relation(index, link, relation, prompt)
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
        reached = relation.apply(given)
    except NotExact as error:
        yield warning("relation", f"the relation cannot be recomputed: {error}", where)
        return
    if reached != wanted:
        sentence = prompt[relation.start : relation.end]
        message = f"{sentence!r} gives {reached} from {given}; the constant is {wanted}"
        yield defect("relation", message, where)


# ---------------------------------------------------------------------------------------------------------------- part


def _check_part(where: str, prompt: str, found: Sequence[Edit], symbols: dict[str, Link]) -> Iterator[Finding]:
    lost: list[Token] = []
    for edit in found:
        here = [symbol for symbol in symbols if _holds(symbol, edit.new)]
        for symbol in here:
            yield from _check_constant(edit, symbol, symbols, where)
        constant = _constant_tokens(edit, [symbols[symbol] for symbol in here])
        lost.extend(token for token in edit.lost if token.key not in constant)
    for symbol, link in symbols.items():
        edited = [edit for edit in found if _holds(symbol, edit.new)]
        if not any(edit.old.strip() for edit in edited):
            yield _unreplaced(link, symbol, edited, where)
    yield from check_loss(lost, prompt, where)


def _unreplaced(link: Link, symbol: str, edited: Sequence[Edit], where: str) -> Finding:
    """What it means that a symbol takes the place of no text."""
    if edited and _readable(link.value_out) and exact.of(link.value_out) == 1:
        # One is the only number that a text can leave out: x is 1x, an apple is one apple.
        return warning("constant", f"{symbol} = 1 is written where the part left it unsaid", where)
    return defect("constant", f"{symbol} takes the place of no {link.value_out}", where)


def _printed(link: Link, relation: Relation | None) -> str:
    return relation.symbol_out if relation else exact.repair_escapes(link.symbol_out)


def _holds(symbol: str, text: str) -> bool:
    return any(token.key == symbol for token in tokenize(text))


def _check_constant(edit: Edit, symbol: str, symbols: dict[str, Link], where: str) -> Iterator[Finding]:
    """Whether what stands in place of a constant is worth what the constant was worth."""
    link = symbols[symbol]
    if not edit.old.strip():
        return  # a mention in the text around the part, or nothing replaced at all: see _unreplaced
    try:
        wanted = exact.of(link.value_out)
    except NotExact as error:
        yield warning("constant", f"{link.value_out!r} cannot be read: {error}", where)
        return
    names = {name: exact.of(each.value_out) for name, each in symbols.items() if _readable(each.value_out)}
    before = _worth(edit.old, {})
    after = _worth(edit.new, names)
    if before is not None and after is not None:
        if before != after:
            message = f"{edit.new!r}, worth {after}, stands in place of {edit.old!r}, worth {before}"
            yield defect("constant", message, where)
    elif not _constant_tokens(edit, [link]):
        yield defect("constant", f"{edit.new!r} stands in place of {edit.old!r}, which does not say {wanted}", where)


def _readable(number: object) -> bool:
    try:
        exact.of(number)
    except NotExact:
        return False
    return True


def _worth(text: str, names: dict[str, Exact]) -> Exact | None:
    """The value of a run of text; of its leading expression where words follow (one apple, $Q$ apples)."""
    tokens = tokenize(text)
    for stop in range(len(tokens), 0, -1):
        if stop < len(tokens) and tokens[stop].kind != "word":
            continue
        try:
            start, end = cover(text, tokens[:stop])
            return exact.value(text[start:end], names)
        except NotExact:
            continue
    return None


def _constant_tokens(edit: Edit, links: Sequence[Link]) -> set[str]:
    """The keys of those tokens of the old text that make up the constant itself."""
    keys = set()
    for link in links:
        for token in tokenize(edit.old):
            worth = _worth(token.key, {})
            if (
                worth is not None
                and _readable(link.value_out)
                and worth in (exact.of(link.value_out), -exact.of(link.value_out))
            ):
                keys.add(token.key)
    if links and _worth(edit.old, {}) is not None:
        keys |= {token.key for token in tokenize(edit.old)}
    return keys


def check_loss(lost: Sequence[Token], prompt: str, where: str) -> Iterator[Finding]:
    """Whether what a part lost matters: numbers, formulas, half a drawing or two words do."""
    tokens = tokenize(prompt)
    drawn = Counter(token.drawing for token in tokens if token.drawing is not None and token.kind != "mark")
    gone = Counter(token.drawing for token in lost if token.drawing is not None)
    for number, count in gone.items():
        if 2 * count > drawn[number]:
            yield defect("incomplete", f"the prompt lacks drawing {number} ({count} of {drawn[number]} tokens)", where)
    text = [token for token in lost if token.drawing is None]
    if not text:
        return
    weighty = any(token.kind != "word" for token in text) or len(text) >= 2
    shown = " ".join(token.key for token in text[:12])
    share = f"{len(text)} of {len(tokens)} tokens"
    yield (defect if weighty else warning)("incomplete", f"the prompt lacks {shown!r} ({share})", where)


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


def check_definition(composite: Composite, link: Link, where: str) -> Iterator[Finding]:
    """Whether X is worth the answer that it is defined as, where the answer is one number and is taken whole."""
    prompt = exact.repair_escapes(composite.prompt)
    relation = find_relation(link, prompt)
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
