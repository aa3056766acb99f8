"""Sentences that answer with a word, and numbers of what the question counts: "The function is even.", "762 M&Ms".

A gold answer that is a word may stand in a sentence, as a number may (see :mod:`.prose`). The rest of the sentence must
be the question's own: a subject before "is", what the question says of the one it asks for, or the noun that it
describes.
"""

from __future__ import annotations

import re

from composekit.compose.verifiers.exactmath.vocabulary import names
from composekit.compose.verifiers.exactmath.worded import is_wordlike, words
from composekit.compose.verifiers.statements import DOUBT

MAX_SENTENCE = 200
MAX_PROMPT = 20_000
_MOST_WORDS = 8
_IS = re.compile(
    r"(?P<subject>[a-z][a-z' ]*?) (?:is|are|was|(?:must|will|would) be)(?P<doing> [a-z]+ing)? (?:(?:an?|the) )?(?P<word>.+)"
)
# That a limit, a value or an inverse is none: "does not exist", "undefined", "DNE".
_NONEXISTENT = re.compile(r"\b(?:(?:does|do|did) not exist|doesn['’]t exist|dne|non-?existent)\b", re.IGNORECASE)
_UNDEFINED = re.compile(r"\b(?:undefined|not defined)\b", re.IGNORECASE)
_NO_VALUE = re.compile(
    r"(?:(?:this |that )?"
    r"(?:(?:\w+ )?(?:limit|value|integral|expression|answer|sum|series|derivative|function|slope|inverse)|it|[a-z])"
    r" (?:is )?)?(?:(?:(?:does not|doesn['’]t) exist|dne|undefined|not defined|non-?existent)(?: |\Z)){1,2}"
)
_OPEN_WORDS = names("the a an this that it its she he they of in on for to given")
_BEFORE_WORD = re.compile(r"^(?:on|in|at|by|to) (?:an? |the )?")
_HEDGE = re.compile(
    r"\b(?:or|and|both|nor|but|except|unless|almost|nearly|opposite|other|than|think|guess|probabl[ey]|likely|seems?)\b"
)
_COUNTED = re.compile(
    r"(?P<number>\\?\$?\d[\d,.]*)(?:\s|~|\\[,;: ])*(?:\\(?:text|mathrm|mbox)\s*\{(?P<text>[^{}]*)\}|(?P<bare>[A-Za-z].*))"
)


def says_nothing_exists(answer: str, gold: str, prompt: str) -> bool:
    """Whether both say that there is no value, in any words, between which the question makes no difference.

    Example:
        >>> [says_nothing_exists(a, "does not exist", "Find the limit.") for a in ("DNE", "The limit is undefined.", "0")]
        [True, True, False]
        >>> says_nothing_exists("DNE", "undefined", "State whether it is undefined or does not exist.")
        False
    """
    if len(answer) > MAX_SENTENCE or not _NO_VALUE.fullmatch(_folded(gold)) or not _NO_VALUE.fullmatch(_folded(answer)):
        return False
    prompt = prompt[-MAX_PROMPT:]
    return not (_UNDEFINED.search(prompt) and _NONEXISTENT.search(prompt))


def says_word(answer: str, gold: str, prompt: str) -> bool:
    """Whether a sentence answers with the gold answer, which is a word.

    Example:
        >>> question = "Is the function even, odd, or neither? Which student was the fastest?"
        >>> [says_word(a, "even", question) for a in ("The function is even.", "an even function", "It is not even")]
        [True, True, False]
        >>> [says_word(a, "even", question) for a in ("even, odd", "even odd", "even or odd")]
        [False, False, False]
        >>> says_word("Evelyn was the fastest", "Evelyn", question)
        True
    """
    if len(answer) > MAX_SENTENCE or gold[-1:].isdigit() or not is_wordlike(wanted := words(gold)):
        return False
    said, asked = _folded(answer), f" {_folded(prompt[-MAX_PROMPT:])} "
    if "," in said or "/" in said:  # a list, perhaps the question's own
        return False
    if said == wanted or len(said.split()) > _MOST_WORDS + len(wanted.split()) or f" {wanted} " not in f" {said} ":
        return False
    if _BEFORE_WORD.sub("", said) == wanted:  # on a Sunday
        return True
    rest = f" {said} ".replace(f" {wanted} ", " ", 1)
    if DOUBT.search(rest) or _HEDGE.search(rest):
        return False
    if (match := _IS.fullmatch(said)) and match["word"] == wanted:
        subject = f"{match['subject']}{match['doing'] or ''}".split()
        return all(word in _OPEN_WORDS or f" {word} " in asked or len(word) == 1 for word in subject)
    ending = said.removeprefix(wanted).strip() if said.startswith(f"{wanted} ") else ""
    if " " in ending:
        return f" {ending} " in asked
    if not ending or _are_options(wanted, ending, asked):
        return False
    return any(f" {before} {ending} " in asked for before in (wanted, "the", "a", "an", "this", "each", "which"))


def _are_options(one: str, other: str, asked: str) -> bool:
    """Whether the question lists two words side by side, with a comma, "or" or "and" between them."""
    pairs = ((one, other), (other, one))
    return any(f" {a} {join} {b} " in asked for a, b in pairs for join in (",", "or", "and", ", or", ", and"))


def without_counted(answer: str, prompt: str) -> str | None:
    r"""The number before what the question asks how many there are of; None where the answer has something else there.

    Example:
        >>> without_counted("762 M&Ms", "How many M&Ms did Mary get?"), without_counted("16 quarters", "How many dimes?")
        ('762', None)
    """
    match = _COUNTED.fullmatch(answer.strip(" .*$")) if len(answer) <= MAX_SENTENCE else None
    noun = (match["text"] or match["bare"] or "").strip(" .*") if match else ""
    if match is None or not noun or any(c.isdigit() for c in noun):
        return None
    asked = re.search(rf"\bhow\s+many\s+{re.escape(noun)}(?![\w-])", prompt[-MAX_PROMPT:], re.IGNORECASE)
    return match["number"] if asked else None


def _folded(text: str) -> str:
    """Small letters and single spaces, without commands and marks; what separates stays, as commas."""
    plain = re.sub(r"\\(?:text\w*|math\w+|mbox|emph)\s*(?=\{)|\\[ ,;:!]|[{}$*_~.:!?\"()]", " ", text.strip(" .,"))
    folded = " ".join(re.sub(r"[,;&|+]", " , ", plain.casefold()).split())
    return re.sub(r"^(?:an?|the) ", "", folded)
