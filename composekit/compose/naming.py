r"""The names that a problem gives to things, as far as its mathematics shows them.

A name is *free* in a problem when it stands for one thing that the problem fixes or asks for (a number, a point, a set);
it is *bound* when renaming it would change nothing: the argument of a function, the variable of a graph or a polynomial,
an index of a sum. Two problems in one prompt clash where both use a name freely; a bound name clashes with nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

_GREEK_LETTERS = (
    "alpha|beta|gamma|delta|epsilon|varepsilon|zeta|eta|theta|vartheta|iota|kappa|lambda|mu|nu|xi|rho|sigma|tau|upsilon|phi|"
    "varphi|chi|psi|omega|ell|Gamma|Delta|Theta|Lambda|Xi|Sigma|Phi|Psi|Omega"
)
GREEK = frozenset("\\" + letter for letter in _GREEK_LETTERS.split("|"))
OPENING = re.compile(r"\$\$|(?<!\\)\$|\\\[|\\\(|\\begin\{(?:align|equation|gather|eqnarray)\*?\}")
CLOSING = {
    "$$": re.compile(r"\$\$"),
    "$": re.compile(r"(?<!\\)\$"),
    r"\[": re.compile(r"\\\]"),
    r"\(": re.compile(r"\\\)"),
    "begin": re.compile(r"\\end"),
}
PROSE = re.compile(
    r"(?<![\\A-Za-z])(?!sin|cos|tan|log|mod|gcd|lcm|max|min)[A-Za-z][a-z]{2,}(?=[\s.,;:?!]|$)|\s[a-z]{2,}\s+[a-z]{2,}\s|[.?!]\s+[A-Z]"
)
UPRIGHT = re.compile(
    r"\\(?:text|mbox|textbf|textit|textrm|mathrm|operatorname|textnormal|begin|end|label|hspace|vspace)\*?\s*\{[^{}]*\}"
)
CONSTANTS = frozenset({"e", "i"})
ATOM = re.compile(r"\\[A-Za-z]+|[A-Za-z]")

# The letters that by custom run over a range where a problem speaks of curves, functions or all numbers.
RUNNING = frozenset("xyztuvr") | {r"\theta"}
RANGE_WORDS = re.compile(
    r"graphs?\b|ax[ie]s\b|\bplane\b|function|polynomial|quadratic|parabola|hyperbola|ellipse|curve|\bcircle|\bline\b|"
    r"\bfor (?:all|any|every|each)\b|intercept|coordinate|identity|inequality|factor|expand|simplif",
    re.IGNORECASE,
)
INDEX = re.compile(r"\\(?:sum|prod|int|lim|bigcup|bigcap|max|min)\b\S{0,2}_\s{0,3}\{?\s{0,3}(\\?[A-Za-z]{1,12})")
DIFFERENTIAL = re.compile(r"(?<![A-Za-z\\])d([a-z])(?![A-Za-z])")
ASKING = r"(?:[Vv]alues? of|[Ff]ind|[Ss]olve for|[Cc]ompute|[Ww]hat is|[Dd]etermine|[Ll]et)\s+(?:\$|\\\()\s*"
ARGUMENT = re.compile(r"(?<![A-Za-z\\])[A-Za-z]\s*\(\s*([a-z])\s*\)")


def drawings(text: str) -> list[tuple[int, int]]:
    """Where the drawings of a text, ``[asy]...[/asy]``, start and end."""
    spans = []
    end = 0
    while (start := text.find("[asy]", end)) >= 0 and (close := text.find("[/asy]", start)) >= 0:
        end = close + len("[/asy]")
        spans.append((start, end))
    return spans


def without_drawings(text: str) -> str:
    """The text with a space in place of each drawing."""
    kept, at = [], 0
    for start, end in drawings(text):
        kept.append(text[at:start])
        at = end
    return " ".join([*kept, text[at:]])


def says(symbol: str, text: str) -> bool:
    r"""Whether a symbol stands in a text by itself, in a formula or not.

    Example:
        >>> says("X", "2X + 1"), says("X", "Xavier"), says(r"\phi", r"$\phi$")
        (True, False, True)
    """
    return re.search(rf"(?<![A-Za-z\\]){re.escape(symbol)}(?![A-Za-z])", text) is not None


def formulas(text: str) -> list[str]:
    r"""The contents of ``$...$``, ``\(...\)``, ``\[...\]`` and aligned displays, without drawings and upright text.

    A dollar sign before words of prose is money.

    Example:
        >>> formulas(r"Pens cost $3 each and cards $5. If $x = 2 \text{ pens}$, how much is that?")
        ['x = 2  ']
    """
    return [formula for _, _, formula in _formulas(without_drawings(text))]


def _formulas(text: str) -> Iterator[tuple[int, int, str]]:
    """Start, end and upright-free content of each formula. Linear in the text: a missing end is looked for once."""
    at = 0
    unclosed: set[str] = set()
    while (opening := OPENING.search(text, at)) is not None:
        at = opening.end()
        kind = opening.group() if opening.group() in CLOSING else "begin"
        closing = None if kind in unclosed else CLOSING[kind].search(text, at)
        if closing is None:
            unclosed.add(kind)
            continue
        formula = UPRIGHT.sub(" ", text[at : closing.start()])
        if kind != "$" or not PROSE.search(formula):
            at = closing.end()
            yield opening.start(), at, formula


def names(text: str) -> frozenset[str]:
    r"""Every name in the formulas of a text: single letters and Greek commands; *e* and *i* are constants.

    Example:
        >>> sorted(names(r"In $\triangle ABC$, $\angle B = \theta$ and $\text{sum} = \sin x$."))
        ['A', 'B', 'C', '\\theta', 'x']
    """
    atoms = (atom for formula in formulas(text) for atom in ATOM.findall(formula))
    return frozenset(a for a in atoms if a in GREEK or (len(a) == 1 and a not in CONSTANTS))


def bound_names(text: str) -> frozenset[str]:
    r"""The names that a text only ranges over.

    Example:
        >>> sorted(bound_names(r"Find the minimum of $f(x) = x^2 + a$."))
        ['x']
        >>> sorted(bound_names(r"Let $x$ and $y$ be numbers with $x + y = 5$. Find $x$."))
        []
    """
    bound: set[str] = set()
    for formula in formulas(text):
        bound.update(INDEX.findall(formula), DIFFERENTIAL.findall(formula), ARGUMENT.findall(formula))
    if RANGE_WORDS.search(without_drawings(text)):
        bound |= RUNNING & names(text)
    return frozenset(name for name in bound if not _is_asked_for(name, text))


def free_names(text: str) -> frozenset[str]:
    """The names that stand for one thing in the text."""
    return names(text) - bound_names(text)


def _is_asked_for(name: str, text: str) -> bool:
    """Whether the text introduces the name as an unknown, or asks for its value."""
    return re.search(rf"{ASKING}{re.escape(name)}(?![A-Za-z])\s*(?:\$|\\\))", text) is not None


def clashes(first: str, second: str) -> frozenset[str]:
    r"""The names that both texts use freely.

    Example:
        >>> sorted(clashes(r"The number $C$ is a multiple of $7$.", r"In triangle $ABC$, $\angle C = 47^\circ$."))
        ['C']
        >>> sorted(clashes(r"Factor the polynomial $x^2 - 1$.", r"The line $y = x$ meets the graph of $y = 2$."))
        []
    """
    return free_names(first) & free_names(second)


def mentions(symbol: str, text: str) -> bool:
    r"""Whether a text already uses a symbol: in a formula, or standing alone as a word.

    Outside formulas the article *a* and the pronoun *I* are words, and a letter in parentheses is a label.

    Example:
        >>> mentions("X", "Let $X$ be"), mentions("X", "Box office"), mentions("A", "A dog")
        (True, False, False)
    """
    if symbol in names(text):
        return True
    if len(symbol) == 1 and symbol in "aAI":
        return False
    text = without_drawings(text)
    plain, at = [], 0
    for start, end, _ in _formulas(text):
        plain.append(text[at:start])
        at = end
    return re.search(rf"(?<![A-Za-z\\(]){re.escape(symbol)}(?![A-Za-z)])", " ".join([*plain, text[at:]])) is not None
