"""From parts and links to the text of a composite."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from composekit.compose import phrases
from composekit.compose.ends import Ends
from composekit.compose.generators.stream import Stream
from composekit.compose.numbers import Value, format_latex, format_plain, tidy
from composekit.compose.problem import Link, Problem
from composekit.compose.tokens import Constant


class Knot(NamedTuple):
    """A link before it has names and words.

    ``table`` numbers the options where the source is a choice; ``call`` is what to run where it is a programming task.
    """

    source: int
    target: int
    constant: Constant
    value: Value
    table: dict[str, int]
    call: str = ""


class _Style(NamedTuple):
    """How symbols and numbers are written outside formulas."""

    opening: str
    closing: str

    def symbol(self, name: str) -> str:
        return f"{self.opening}{name}{self.closing}"

    def number(self, value: Value) -> str:
        return f"{self.opening}{format_latex(value)}{self.closing}" if self.opening else format_plain(value)


PLAIN = _Style("", "")


def render(
    parts: Sequence[Problem],
    ends: Sequence[Ends],
    knots: Sequence[Knot],
    symbols: Sequence[str],
    stream: Stream,
    *,
    apart: bool,
) -> tuple[str, list[Link]]:
    """The prompt, and the links in the order of the knots.

    Args:
        parts, ends: The problems and what they offer.
        knots: The links to word.
        symbols: Two fresh letters a knot: X, Y, X, Y, ...
        stream: Decides wordings.
        apart: Say that the parts share names by accident.
    """
    style = _style(ends)
    pairs = zip(symbols[::2], symbols[1::2], strict=True)
    links = [_link(knot, pair, style, ends, stream) for knot, pair in zip(knots, pairs, strict=True)]
    pieces = [
        _replaced(part, ends[i], [x for x in links if x.target == i], knots, links, style)
        for i, part in enumerate(parts)
    ]
    line = phrases.line_break(stream)
    for index in range(len(parts) - 1):
        sentences = [link.definition for link in links if link.source == index]
        incoming = [link for link in links if link.target == index + 1]
        sentences += [link.relation for link in incoming]
        if apart and index == 0:
            sentences.append(phrases.scope([style.symbol(name) for name in symbols], stream))
        if incoming:
            sentences.append(phrases.bridge([style.symbol(link.symbol_out) for link in incoming], stream))
        pieces[index] += line + " ".join(filter(None, sentences))
    return line.join(pieces), links


def _style(ends: Sequence[Ends]) -> _Style:
    if not any(e.latex for e in ends):
        return PLAIN
    return _Style(r"\(", r"\)") if any(e.currency for e in ends) else _Style("$", "$")


def _link(knot: Knot, pair: tuple[str, str], style: _Style, ends: Sequence[Ends], stream: Stream) -> Link:
    symbol_in, symbol_out = pair
    value_out = knot.constant.value
    difference = tidy(value_out - knot.value)
    shown_in = style.symbol(symbol_in)
    if knot.table:
        definition = phrases.table_definition(shown_in, knot.table, stream)
    elif knot.call:
        definition = phrases.call_definition(shown_in, knot.call, stream)
    else:
        definition = phrases.definition(shown_in, ends[knot.source].unit, stream)
    number = style.number(abs(difference)) if difference != 0 else ""
    relation = phrases.relation(style.symbol(symbol_out), shown_in, number, difference > 0, stream)
    return Link(
        knot.source, knot.target, symbol_in, knot.value, symbol_out, value_out, relation, knot.constant.span, definition
    )


def _replaced(
    part: Problem, ends: Ends, incoming: Sequence[Link], knots: Sequence[Knot], links: Sequence[Link], style: _Style
) -> str:
    """The part with its symbols in place of its constants."""
    text = part.prompt
    constants = {knot.constant.span: knot.constant for knot in knots if incoming and knot.target == incoming[0].target}
    for link in sorted(incoming, key=lambda x: x.span or (0, 0), reverse=True):
        start, end = link.span or (0, 0)
        text = text[:start] + _written(text, constants[start, end], link.symbol_out, ends, style) + text[end:]
    return text


def _written(text: str, constant: Constant, symbol: str, ends: Ends, style: _Style) -> str:
    start, end = constant.span
    if constant.place == "code":  # dollar signs would be part of the program
        return symbol
    if constant.in_math:  # \\cdot5 must not become \\cdotY
        return f"{{{symbol}}}" if text[start - 1 : start].isalpha() else symbol
    if text[start - 1 : start] == "$" or (ends.currency and not ends.latex):  # where dollar signs are prices
        return symbol
    if style.opening == "$" and text[end : end + 1] == "$":  # 50$\%$ must not become $Y$$\%$
        return rf"\({symbol}\)"
    return style.symbol(symbol)
