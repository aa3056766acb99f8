"""One bare answer against one bare gold answer, as far as exact reading goes."""

from __future__ import annotations

import re
from typing import Literal, NamedTuple

from composekit.compose.verifiers.exactmath.algebra import TooLarge, Undecided
from composekit.compose.verifiers.exactmath.cleaning import clean
from composekit.compose.verifiers.exactmath.compare import Comparison, Oracle
from composekit.compose.verifiers.exactmath.grammar import NAMED_RUNS
from composekit.compose.verifiers.exactmath.lettered import choice_of, labelled
from composekit.compose.verifiers.exactmath.lexer import MAX_CHARACTERS, OverLimit, Unreadable, tokenise
from composekit.compose.verifiers.exactmath.reading import readings
from composekit.compose.verifiers.exactmath.tree import Node
from composekit.compose.verifiers.exactmath.vocabulary import names
from composekit.compose.verifiers.exactmath.worded import words

DECIMALS, SAME, LETTER = "compared as decimals", "the texts are the same", "compared as the letter of a choice"
MAX_SLOW_LENGTH = 600  # the slow judge gets nothing longer
_PLACES = 12
_DECIMAL = re.compile(r"(?:\\?\$)?([+-]?)([0-9]{1,15}|[1-9][0-9]{0,2}(?:,[0-9]{3}){1,5})(?:\.([0-9]{1,12}))?")
_GROUPED = re.compile(r"-?[1-9]\d{0,2}(?:,\d{3})+")
_ONLY = re.compile(r"\Aonly |,? only\Z")
_ORDINAL_DAY = re.compile(
    r"((?:january|february|march|april|may|june|july|august|september|october|november|december) \d{1,2})(?:st|nd|rd|th)\b"
)
_SLOW_COMMANDS = names("int iint iiint oint sum prod lim limsup liminf max min gcd bmod det Re Im arg")
_SEPARATING = frozenset([",", ";", "=", "==", "approx", "&", "lor", "land"])  # fine inside braces: \sum_{k=1}
_NEVER = frozenset(["$", "?", '"', "!=", "Rightarrow", "implies", "boxed", "text"])


class Judgement(NamedTuple):
    """``equal``, ``different``, ``undecided`` (a slower judge may know) or ``unreadable``, and why."""

    status: Literal["equal", "different", "undecided", "unreadable"]
    detail: str


def judge(gold: str, answer: str, oracle: Oracle | None = None) -> Judgement:
    """Compare two answers exactly.

    Args:
        gold: The gold answer.
        answer: The answer under judgement, without the prose of a response.
        oracle: Decides pairs of expressions that exact arithmetic leaves open.
    """
    wanted = _decimal(gold)
    given = _decimal(answer) if wanted is not None else None
    if wanted is not None and given is not None:  # most answers of word problems: no parsing is needed
        return Judgement("equal" if wanted == given else "different", DECIMALS)
    if max(len(gold), len(answer)) > MAX_CHARACTERS:
        return Judgement("unreadable", f"more than {MAX_CHARACTERS} characters")
    plain = clean(answer)
    if not plain:
        return Judgement("unreadable", "the answer is empty")
    if clean(gold) == plain:
        return Judgement("equal", SAME)
    if "?" in plain and "?" not in gold:
        return Judgement("unreadable", "a question states nothing")
    try:
        judgement = _judge(gold, answer, oracle)
        return judgement if judgement.status == "equal" else _as_choices(gold, answer, oracle) or judgement
    except RecursionError:  # only if the caller's own stack is nearly full: nesting is limited
        return Judgement("unreadable", "the stack is too deep to read the answer")


def _decimal(text: str) -> int | None:
    """A plain decimal, perhaps in dollars and with separators, in units of 10^-12; None for any other text."""
    match = _DECIMAL.fullmatch(text)
    if match is None:
        return None
    sign, whole, places = match.groups()
    value = int(whole.replace(",", "") + (places or "").ljust(_PLACES, "0"))
    return -value if sign == "-" else value


def _judge(gold: str, answer: str, oracle: Oracle | None) -> Judgement:
    judgement = Judgement("different", "")
    for unusual in (False, True):  # the other ways to read the two are needed only if the usual ones differ
        try:
            gold_readings = readings(gold, gold=True, unusual=unusual and not _misquotes(answer, gold))
        except Unreadable as problem:
            return _unread("gold answer", gold, problem, other=answer)
        try:
            given = readings(answer, gold=False, unusual=unusual)
        except Unreadable as problem:
            return _unread("answer", answer, problem, other=gold)
        judgement = _compare(gold_readings, given, answer, oracle)
        if judgement.status == "equal":
            break
    return judgement


def _misquotes(answer: str, gold: str) -> bool:
    """Whether the gold answer is a number in groups of three and the answer has other digits, or the same in another order.

    ``12,345`` may be meant as a list, but then ``345,12`` would pay for a number that it is not. ``12, 345`` still does.
    """
    return _GROUPED.fullmatch(clean(gold)) is not None and re.sub(r"\D", "", gold) != re.sub(r"\D", "", answer)


def _compare(gold: tuple[Node, ...], given: tuple[Node, ...], answer: str, oracle: Oracle | None) -> Judgement:
    undecided: str | None = None
    for g in gold:
        if g.kind == "text":
            if _same_words(g.args[0], answer):
                return Judgement("equal", "compared as words")
            continue
        for a in given:
            if a.kind == "text":
                continue
            comparison = Comparison(oracle)
            try:
                same = comparison.equal(g, a)
            except TooLarge as problem:
                return Judgement("unreadable", f"the answer is over a limit: {problem}")
            except Undecided as problem:
                same, undecided = None, str(problem)
            if same:
                return Judgement("equal", "compared exactly")
            if same is None and comparison.too_large:
                return Judgement("unreadable", f"the answer is over a limit: {comparison.too_large}")
            if same is None:
                undecided = undecided or "function values or nested radicals"
    if undecided:
        return Judgement("undecided", undecided)
    prose = all(a.kind == "text" and any(c.isdigit() for c in a.args[0]) for a in given)
    if prose and all(g.kind != "text" for g in gold):
        return Judgement("unreadable", "the answer is prose with a number in it")
    return Judgement("different", "compared exactly")


def _same_words(gold: str, answer: str) -> bool:
    said = _ORDINAL_DAY.sub(r"\1", words(answer))
    if said == gold or ("only" in said + gold and _ONLY.sub("", said) == _ONLY.sub("", gold)):
        return True
    if len(gold) == 1:  # the letter of a choice, perhaps with its text: (C) 42
        found = labelled(answer)
        return found is not None and found.letter == gold
    return "," in gold and sorted(x.strip() for x in gold.split(",")) == sorted(x.strip() for x in said.split(","))


def _as_choices(gold: str, answer: str, oracle: Oracle | None) -> Judgement | None:
    """Compare two texts as choices: by their letters, and by their texts where both have one, or the answer no letter."""
    wanted = choice_of(gold)
    if wanted is None:
        return None
    given = choice_of(answer)
    if given is None:
        return _judge(wanted.text, answer, oracle) if wanted.text and labelled(gold) else None
    if wanted.letter != given.letter:
        return Judgement("different", LETTER)
    if wanted.text and given.text and not same_text(wanted.text, given.text):
        return Judgement("different", "the texts of the choices differ")
    return Judgement("equal", LETTER)


def same_text(one: str, other: str) -> bool:
    """Whether the texts of two choices are worth the same, or are the same words."""
    return words(one) == words(other) or judge(one, other).status == "equal"


def _unread(what: str, text: str, problem: Unreadable, other: str) -> Judgement:
    """Unreadable, or left to the slow judge where the text is mathematics through and through."""
    if not isinstance(problem, OverLimit) and _needs_calculus(text) and _is_mathematics(other):
        return Judgement("undecided", f"the {what} uses more than the exact grammar: {problem}")
    return Judgement("unreadable", f"the {what} cannot be read: {problem}")


def _needs_calculus(text: str) -> bool:
    """Whether a text that the grammar refuses is sound but for a sum, integral, limit or the like."""
    return _is_mathematics(text) and any(t.kind == "cmd" and t.text in _SLOW_COMMANDS for t in tokenise(clean(text)))


def fits_math_verify(gold: str, answer: str) -> bool:
    """Whether both texts hold nothing that Math-Verify would pick a piece out of."""
    return _is_mathematics(gold) and _is_mathematics(answer)


def _is_mathematics(text: str) -> bool:
    """Whether a text holds no prose, no list and no chain, so that another parser cannot pick a piece out of it."""
    if len(text) > MAX_SLOW_LENGTH:
        return False
    try:
        tokens = tokenise(clean(text))
    except Unreadable:
        return False
    depth = 0
    for token in tokens:
        depth += (token.text == "{") - (token.text == "}")
        if (
            token.kind in ("run", "word")
            and len(token.text) > (2 if token.kind == "run" else 0)
            and token.text not in NAMED_RUNS
        ):
            return False
        if token.kind in ("op", "cmd") and (token.text in _NEVER or (token.text in _SEPARATING and depth == 0)):
            return False
    return bool(tokens)
