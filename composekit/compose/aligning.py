r"""Where the parts of a composite stand in its prompt, and how they differ from what they were.

For composites that other people made: nothing is known but the texts. Both are cut into tokens that carry meaning
(numerals, commands, words, marks; dollar signs, braces and spacing carry none) and compared.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence, Set
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import NamedTuple

from composekit.compose.exact import NUMERAL
from composekit.compose.naming import drawings

TOKEN = re.compile(
    rf"(?P<number>{NUMERAL})"
    r"|(?P<noise>\\(?:left|right|displaystyle|limits)(?![A-Za-z])|\\[,;:! ()\[\]]|[${}~])"
    r"|(?P<command>\\[A-Za-z]+)"
    r"|(?P<word>[^\W\d_]+(?:['’][^\W\d_]+)?)"
    r"|(?P<mark>\S)"
)
FUNCTION_WORDS = frozenset(
    [
        "a",
        "an",
        "the",
        "of",
        "in",
        "on",
        "at",
        "to",
        "by",
        "is",
        "are",
        "was",
        "be",
        "and",
        "or",
        "that",
        "this",
        "it",
        "its",
        "as",
        "there",
    ]
)
INFLECTED_AT_MOST = 100  # words among which another form of a word is looked for
COMPARED_AT_MOST = 10_000_000  # pairs of equal tokens; beyond, nothing is aligned


class Token(NamedTuple):
    """A piece of text that carries meaning: its key, kind and place, and the number of the drawing that it is in."""

    key: str
    kind: str
    start: int
    end: int
    drawing: int | None = None


@dataclass(frozen=True)
class Edit:
    """A run of a part's text that reads differently in the prompt; ``old`` or ``new`` may be empty.

    ``start`` and ``end`` delimit ``old`` in the part; ``lost`` holds tokens of ``old`` that are gone.
    """

    old: str
    new: str
    start: int
    end: int
    lost: tuple[Token, ...]


def tokenize(text: str) -> list[Token]:
    r"""The tokens of a text that carry meaning.

    Example:
        >>> [token.key for token in tokenize(r"so $\dfrac{1}{ 2}x = {M}$, 1{,}000.")]
        ['so', '\\frac', '1', '2', 'x', '=', 'M', ',', '1000', '.']
    """
    drawn = drawings(text)
    tokens = []
    for match in TOKEN.finditer(text):
        kind = str(match.lastgroup)
        if kind != "noise":
            at = match.start()
            inside = next((n for n, (start, end) in enumerate(drawn) if start <= at < end), None) if drawn else None
            tokens.append(Token(_key(match.group(), kind), kind, at, match.end(), inside))
    return tokens


def _key(text: str, kind: str) -> str:
    if kind == "number":
        return re.sub(r"[^\d.]", "", text)
    return re.sub(r"^\\[dtc]frac$", r"\\frac", text) if kind == "command" else text


def edits(part: str, prompt: str, symbols: Collection[str] = ()) -> list[Edit]:
    r"""How a part reads in a prompt: every run that differs, in order. No edits: it is there word for word.

    Args:
        part: The text as it was.
        prompt: The text in which it should stand.
        symbols: Names that may stand in the prompt in place of numbers; they are told apart from letters beside them.

    Example:
        >>> [(e.old, e.new) for e in edits(r"If $x = 3$, find $x^2$.", r"Easy. If $x = {Y}$, find $x^2$.")]
        [('', 'Easy.'), ('3', 'Y')]
        >>> [(e.old, e.new) for e in edits("Solve $3x = 5$.", "Solve $Yx = 5$.", ["Y"])]
        [('3', 'Y')]
    """
    old = tokenize(part)
    new = list(_apart(tokenize(prompt), symbols, {t.key for t in old}))
    a, b = [t.key for t in old], [t.key for t in new]
    head = 0
    while head < min(len(a), len(b)) and a[head] == b[head]:
        head += 1
    tail = 0
    while tail < min(len(a), len(b)) - head and a[-1 - tail] == b[-1 - tail]:
        tail += 1
    inner_a, inner_b = a[head : len(a) - tail], b[head : len(b) - tail]
    found = []
    for i1, i2, j1, j2 in _differences(inner_a, inner_b):
        run, other = old[head + i1 : head + i2], new[head + j1 : head + j2]
        start, end = _extent(part, run, old, head + i1)
        new_start, new_end = _extent(prompt, other, new, head + j1)
        moved = len(run) >= 3 and _contains(b, [t.key for t in run])
        forms = {t.key.lower() for t in other}
        lost = () if moved else tuple(t for t in run if not _kept(t, forms))
        found.append(Edit(part[start:end], prompt[new_start:new_end], start, end, lost))
    return found


def _apart(tokens: Sequence[Token], symbols: Collection[str], known: Set[str]) -> Iterator[Token]:
    """The tokens, with a symbol cut off from a word of the part that it was written against: Yx is Y and x."""
    for token in tokens:
        cut = 0
        if token.kind == "word" and token.key not in known:
            for symbol in symbols:
                if token.key.startswith(symbol) and token.key[len(symbol) :] in known:
                    cut = len(symbol)
                elif token.key.endswith(symbol) and token.key[: -len(symbol)] in known:
                    cut = len(token.key) - len(symbol)
        if cut:
            yield token._replace(key=token.key[:cut], end=token.start + cut)
            yield token._replace(key=token.key[cut:], start=token.start + cut)
        else:
            yield token


def _differences(a: Sequence[str], b: Sequence[str]) -> list[tuple[int, int, int, int]]:
    if not a and not b:
        return []
    counts = Counter(b)
    if sum(counts[key] for key in a) > COMPARED_AT_MOST:
        return [(0, len(a), 0, len(b))]
    matcher = SequenceMatcher(None, a, b, autojunk=False)
    return [(i1, i2, j1, j2) for kind, i1, i2, j1, j2 in matcher.get_opcodes() if kind != "equal"]


def _extent(text: str, run: Sequence[Token], tokens: Sequence[Token], at: int) -> tuple[int, int]:
    if run:
        return cover(text, run)
    place = tokens[at].start if at < len(tokens) else len(text)
    return place, place


def cover(text: str, run: Sequence[Token]) -> tuple[int, int]:
    """Where a run of tokens stands in its text, with the braces that belong to it."""
    start, end = run[0].start, run[-1].end
    depth = text.count("{", start, end) - text.count("}", start, end)
    while depth > 0 and text[end : end + 1] == "}":
        end, depth = end + 1, depth - 1
    while depth < 0 and text[start - 1 : start] == "{":
        start, depth = start - 1, depth + 1
    return start, end


def _contains(keys: Sequence[str], run: Sequence[str]) -> bool:
    """Whether a run of tokens stands somewhere in one piece."""
    return any(keys[i] == run[0] and list(keys[i : i + len(run)]) == run for i in range(len(keys) - len(run) + 1))


def carries_content(token: Token) -> bool:
    """Whether a token is more than a mark or a function word."""
    return token.kind != "mark" and token.key.lower() not in FUNCTION_WORDS


def _kept(token: Token, forms: Set[str]) -> bool:
    """Whether a token of a changed run carries no content, or is still there, perhaps in another form (pound, pounds)."""
    word = token.key.lower()
    if not carries_content(token) or word in forms:
        return True
    if token.kind != "word" or len(word) < 3 or len(forms) > INFLECTED_AT_MOST:
        return False
    return any(len(form) >= 3 and (form.startswith(word) or word.startswith(form)) for form in forms)
