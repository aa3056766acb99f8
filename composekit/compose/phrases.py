"""The sentences of a link, in enough wordings that no fixed one marks a composite.

None of them holds a digit or a number word: the only number that a relation shows is the difference, the only numbers of a
definition are those of the table that turns an option into a number, or of a call. "More" and "less" stand for the sign,
and Y is always the subject, so that ``Y is d more than X`` reads ``Y = X + d`` in all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from composekit.compose.generators.stream import Stream

_QUESTIONS = (
    "the question directly above", "the problem directly above", "the question just above", "the problem just above",
    "the preceding question", "the preceding problem", "the question that was just asked", "the problem stated just above",
)  # fmt: skip
_DEFINITIONS = (
    "Let {X} be the {number} that answers {question}.",
    "Let {X} denote the answer to {question}{form}.",
    "Write {X} for the answer to {question}{form}.",
    "We write {X} for the {number} that answers {question}.",
    "Call the answer to {question} {X}{form}.",
    "The answer to {question} is called {X}{form}.",
    "Denote the answer to {question} by {X}{form}.",
    "Let {X} stand for the correct answer to {question}{form}.",
    "Suppose that {X} is the {number} that correctly answers {question}.",
    "{X} denotes the {number} that answers {question}.",
    "Take {X} to be the answer to {question}{form}.",
    "In what follows, {X} is the answer to {question}{form}.",
)
_TABLES = (
    "Every option of {question} has a number: {table}. Let {X} be twice the number of the correct option.",
    "Give the options of {question} these numbers: {table}. Write {X} for twice the number of the right option.",
    "Let {X} be twice the number that this table gives to the correct option of {question}: {table}.",
    "Look up the correct option of {question} in this table: {table}. {X} denotes twice the number that stands there.",
)
_CALLS = (
    "Let {X} be the number that `{call}` returns, with the function that is wanted in {question}.",
    "Write {X} for the value of `{call}`, where the function is as {question} demands.",
    "{X} denotes the number that a right solution to {question} returns for `{call}`.",
    "With a correct solution to {question}, the call `{call}` returns the number {X}.",
    "Take {X} to be what `{call}` returns once {question} is solved correctly.",
    "Call {X} the number that your function, if it solves {question}, returns for `{call}`.",
)
_DIFFERENCES = (
    "{Y} is {d} {more} than {X}.",
    "Let {Y} be {d} {more} than {X}.",
    "The number {Y} is {d} {more} than {X}.",
    "Let {Y} be the number that is {d} {more} than {X}.",
    "Define {Y} as the number that is {d} {more} than {X}.",
    "Take {Y} to be {d} {more} than {X}.",
    "{Y} denotes the number that is {d} {more} than {X}.",
    "The value of {Y} is {d} {more} than the value of {X}.",
    "Write {Y} for the number that is {d} {more} than {X}.",
    "Further, {Y} is {d} {more} than {X}.",
    "Suppose that {Y} is {d} {more} than {X}.",
    "It is known that {Y} is {d} {more} than {X}.",
)
_EQUALITIES = (
    "{Y} is equal to {X}.",
    "Let {Y} be equal to {X}.",
    "The number {Y} is equal to {X}.",
    "{Y} denotes a number that is equal to {X}.",
    "The values of {Y} and {X} are equal.",
    "Suppose that {Y} is equal to {X}.",
)
_BRIDGES = (
    *("",) * 5,
    "Now consider the following question.",
    "Use this in the question that follows.",
    "With that, solve the following.",
    "The next question uses {Y}.",
    "Here is the next question.",
    "Now turn to this:",
    "Next:",
    "Then answer this:",
    "Keep {Y} in mind for the question below.",
)
_SCOPES = (
    "Apart from {symbols}, a name in any question has nothing to do with the same name in another.",
    "Names other than {symbols} belong only to the question in which they stand.",
    "Except for {symbols}, every question uses its names on its own.",
)
_BREAKS = ("\n\n", "\n\n", "\n")
_NAMED_UNITS = {
    "percent": ("number of percent", ", as a number of percent"),
    "degrees": ("number of degrees", ", as a number of degrees"),
    "dollars": ("number of dollars", ", as a number of dollars"),
}


def definition(symbol: str, unit: str, stream: Stream) -> str:
    """The sentence that names the answer of the question before it."""
    number, form = _in_unit(unit)
    template = stream.choice(_DEFINITIONS)
    return template.format(X=symbol, question=stream.choice(_QUESTIONS), number=number, form=form)


def _in_unit(unit: str) -> tuple[str, str]:
    """How a definition says in which unit the number counts."""
    if not unit:
        return "number", ""
    if unit in _NAMED_UNITS:
        return _NAMED_UNITS[unit]
    if any(character.isdigit() for character in unit):  # the digit of m/s^2 would be a number in the definition
        return "number (without its unit)", " (the number without its unit)"
    return f"number (in {unit})", f" (the number, in {unit})"


def table_definition(symbol: str, table: Mapping[str, int], stream: Stream) -> str:
    """The sentences that turn the option that answers a choice problem into a number."""
    entries = ", ".join(f"{letter}: {number}" for letter, number in table.items())
    return stream.choice(_TABLES).format(X=symbol, question=stream.choice(_QUESTIONS), table=entries)


def call_definition(symbol: str, call: str, stream: Stream) -> str:
    """The sentence that names what the function of a programming task returns for a call."""
    return stream.choice(_CALLS).format(X=symbol, question=stream.choice(_QUESTIONS), call=call)


def relation(symbol_out: str, symbol_in: str, difference: str, more: bool, stream: Stream) -> str:
    """The sentence that gives Y from X; ``difference`` is empty where they are equal."""
    if not difference:
        return stream.choice(_EQUALITIES).format(Y=symbol_out, X=symbol_in)
    word = "more" if more else "less"
    return stream.choice(_DIFFERENCES).format(Y=symbol_out, X=symbol_in, d=difference, more=word)


def bridge(symbols: Sequence[str], stream: Stream) -> str:
    """What leads over to the next part, often nothing."""
    return stream.choice(_BRIDGES).format(Y=_series(symbols))


def scope(symbols: Sequence[str], stream: Stream) -> str:
    """The sentence that keeps names apart which several parts use for different things."""
    return stream.choice(_SCOPES).format(symbols=_series(symbols))


def line_break(stream: Stream) -> str:
    """What stands between a part and the sentences of a link."""
    return stream.choice(_BREAKS)


def _series(symbols: Sequence[str]) -> str:
    return symbols[0] if len(symbols) == 1 else ", ".join(symbols[:-1]) + " and " + symbols[-1]
