"""Answers in words: what they are compared by, and the numbers that words name."""

from __future__ import annotations

import re

from composekit.compose.verifiers.exactmath.cleaning import clean
from composekit.compose.verifiers.exactmath.grammar import NAMED_RUNS
from composekit.compose.verifiers.exactmath.tree import Node, number
from composekit.compose.verifiers.exactmath.vocabulary import names

MAX_TEXT = 300
TEXT_COMMAND = re.compile(
    r"\\(?:text|textrm|textbf|textit|textsf|texttt|textnormal|mbox|hbox|mathrm|mathbf|mathit|mathsf|emph)\s*(?=\{)"
)
_HALF_DAY = re.compile(r"\b([ap])\.\s?m\b")
_ARTICLE = re.compile(r"(?:an?|the)\s+(?=\w{2})")
_LETTERS_ALONE = re.compile(r"[A-Za-z][A-Za-z' .-]*")
_CONSONANTS = re.compile(r"[b-df-hj-np-tv-z]{2,3}")  # vt is a product: no word lacks vowels
_SHORT_WORDS = names("no up on so in am pm ok us uk it is he me we go hi")
_NUMBER_WORDS = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17,
    "eighteen": 18, "nineteen": 19,
}  # fmt: skip
_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
_SCALES = {"billion": 10**9, "million": 10**6, "thousand": 10**3, "hundred": 10**2}
_ALL_REALS = re.compile(
    r"(?:(?:[a-z]|it) (?:is|can be|may be|in) )?(?:(?:(?:the )?set of )?(?:all |any |every )?(?:the )?real(?: numbers|s)"
    r"|(?:all|any|every) real(?: number| value)?)(?: (?:for |of )?[a-z])?|(?:entire |whole )?real line"
)
_SIGNED_REALS = re.compile(
    r"(?:(?:[a-z]|it) (?:is|can be|may be) )?(?:(?:the )?set of )?(?:all |any |every )"
    r"(?P<sign>(?:strictly )?positive|non-?negative|(?:strictly )?negative|non-?positive|non-?zero)"
    r" real(?:s| numbers?| values?)"
)
_SIGNS = {
    "positive": "x > 0",
    "negative": "x < 0",
    "nonnegative": r"x \ge 0",
    "nonpositive": r"x \le 0",
    "nonzero": r"x \ne 0",
}
_MINUS = re.compile(r"(?:negative|minus) ")
_NOTHING = re.compile(r"no (?:real )?solutions?|(?:the )?(?:empty|null) set")


def words(text: str) -> str:
    """The text in lower case without commands, braces, outer brackets and punctuation: what words are compared by."""
    text = TEXT_COMMAND.sub("", clean(text)[: 4 * MAX_TEXT])
    text = re.sub(r"\\[ ,;:!]|[{}$~\\]", " ", text).casefold()
    text = _HALF_DAY.sub(r"\1m", " ".join(text.split()))
    for _ in range(3):
        text = text.strip(" .,;:!?\"'`*_")
        if text.startswith("(") and text.endswith(")") and text.count("(") == 1:
            text = text[1:-1]
    article = _ARTICLE.match(text)
    return text[article.end() :] if article else text


def is_wordlike(text: str) -> bool:
    r"""Whether bare letters are words (``east``) rather than a product of variables (``xy``)."""
    if not _LETTERS_ALONE.fullmatch(text):
        return False
    runs = re.findall(r"[A-Za-z]+", text)
    if any(r in NAMED_RUNS and r not in ("or", "and") for r in runs):
        return False
    return any(len(r) > 1 and not reads_as_product(r) and not _CONSONANTS.fullmatch(r) for r in runs) and not (
        "-" in text and all(len(r) < 3 for r in runs)
    )


def reads_as_product(run: str) -> bool:
    """``abc`` and ``xyz`` are products: factors come in the order of the alphabet; few words do, and no ``CDs``."""
    if run[:-1].isupper() and run[-1] == "s":
        return False
    return len(run) <= 3 and run not in _SHORT_WORDS and list(run) == sorted(run)


def number_word(text: str) -> int | None:
    """The value of ``seven``, ``twenty-one`` or ``two thousand one hundred and five``."""
    low = [w for w in text.replace("-", " ").split() if w != "and"]
    return _number_of(low, tuple(_SCALES)) if low else None


def _number_of(low: list[str], scales: tuple[str, ...]) -> int | None:
    """The value of a list of words, the largest scale first."""
    if not scales:
        if len(low) == 1:
            return _NUMBER_WORDS.get(low[0], _TENS.get(low[0]))
        if len(low) == 2 and low[0] in _TENS and 0 < _NUMBER_WORDS.get(low[1], 0) < 10:
            return _TENS[low[0]] + _NUMBER_WORDS[low[1]]
        return None
    scale, *smaller = scales
    if scale not in low:
        return _number_of(low, tuple(smaller))
    at = low.index(scale)
    count = _number_of(low[:at], tuple(smaller))
    rest = _number_of(low[at + 1 :], tuple(smaller)) if low[at + 1 :] else 0
    return count * _SCALES[scale] + rest if count and rest is not None else None


def signed_reals(said: str) -> str | None:
    """The inequality that words say: ``all nonnegative real numbers``."""
    match = _SIGNED_REALS.fullmatch(said)
    return _SIGNS[match["sign"].replace("-", "").removeprefix("strictly ")] if match else None


def word_value(said: str) -> Node | None:
    """The number or the set of numbers that words name."""
    if _ALL_REALS.fullmatch(said):
        return Node("reals", ())
    if _NOTHING.fullmatch(said):
        return Node("set", ())
    sign = _MINUS.match(said)
    value = number_word(said[sign.end() :] if sign else said)
    if value is None:
        return None
    return Node("neg", (number(value),)) if sign else number(value)
