r"""How an answer can be read: mostly in one way, sometimes in two.

``1,234`` is a number or a list, ``2e-3`` a small number or :math:`2e - 3`, ``5 cm`` a length or a product, ``seven`` a
word or 7. :func:`readings` gives the usual reading first. The gold answer is read more narrowly than the response,
whose writer did not know the conventions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from composekit.compose.verifiers.exactmath import units
from composekit.compose.verifiers.exactmath.grammar import NAMED_RUNS
from composekit.compose.verifiers.exactmath.lexer import OverLimit, Token, Unreadable, to_ascii, tokenise
from composekit.compose.verifiers.exactmath.parser import parse
from composekit.compose.verifiers.exactmath.spellings import respelled
from composekit.compose.verifiers.exactmath.tree import Node, number
from composekit.compose.verifiers.exactmath.vocabulary import names

MAX_TEXT = 300
_CACHED_LENGTH = 300

_EXPLICIT_GROUPS = re.compile(r"(?<![\d.,])([1-9]\d{0,2})((?:(?:\{,\}|,\\!\s*|\\,|\\ |~| )\d{3})+)(?![\d])(?!,\d)")
_COMMA_GROUPS = re.compile(r"(?<![\d.,_A-Za-z])([1-9]\d{0,2}(?:,\d{3})+)(?!\d)(?!,\d)")
_REPEATING = re.compile(r"(?<![\d.])(\d*)\.(\d*)\\(?:overline|bar)\s*\{\s*(\d+)\s*\}")
_POWER_OF_TEN = re.compile(r"(?<=\d)\s*[xX]\s*(?=10\s*\^)")
_PAIRED_DOLLARS = re.compile(r"(?<!\\)\$(?=\S)((?:\\.|[^$\\])*?)(?<=[^\s\\])\$(?!\d)")
_ROUNDED_ASIDE = re.compile(r"\((\\approx[^()]{1,40})\)\Z")
_BOLD = (r"\mathbf{", r"\boldsymbol{", r"\bm{", r"\mathrm{")
_CALCULATION = re.compile(
    r"[0-9+*/=^]|(?<![A-Za-z])[a-z] ?- ?[a-z](?![A-Za-z])|\\(?!text|math)[a-z]"
)  # what is bold here is no letter that may be a vector, and no word
_OHMS = re.compile(
    r"([\d}\s,;:])(?:\\(?:text|mathrm)\s*\{\s*([kM]?)\s*(?:\\Omega\s*\}|\}\s*\\Omega)|([kM]?)\s*\\Omega)\s*\Z"
)
_MICRO = re.compile(
    r"([\d}\s,;:])(?:\\(?:text|mathrm)\s*\{\s*\}\s*)?(?:\\mu\s*(?:\\(?:text|mathrm)\s*\{\s*([A-Za-z]{1,8})\s*\}|\s([A-Za-z]{1,2}))"
    r"|\\(?:text|mathrm)\s*\{\s*\\mu\s*([A-Za-z]{1,8})\s*\})\s*\Z"
)
_UNIT = r"\{\s*(\\(?:text|mathrm)\s*\{[A-Za-z\s]{1,24}\}(?:\s*\^\s*\{?\s*[1-4]\s*\}?)?)\s*\}"
_UNIT_FRACTION = re.compile(rf"\\[dt]?frac\s*{_UNIT}\s*{_UNIT}\s*\Z")
_LENGTH = re.compile(r"\A\|\s*([A-Z]{2})\s*\|(?=\s*=)")  # of a segment
_CHOOSE = re.compile(r"\{([^{}]{1,40})\\choose(?![A-Za-z])([^{}]{1,40})\}")
_SYSTEM = re.compile(r"\\begin\s*\{cases\}([^&]*)\\end\s*\{cases\}")
_NOT_EQUAL = re.compile(r"\\not\s*=")
_RATIO_IN_WORDS = re.compile(r"\A(\d{1,9}) to (\d{1,9})\Z")
_OUTWARD_INTERVAL = r"(?:\\left)?\s*([][])([^][();,|]{1,80}[;,][^][();,|]{1,80}?)(?:\\right)?\s*([][])"
_OUTWARD = re.compile(rf"\s*{_OUTWARD_INTERVAL}(?:\s*(?:\\cup|\\cap|U)\s*{_OUTWARD_INTERVAL})*\s*")
_DATE = re.compile(
    r"\s*(?:\d{4}-\d{1,2}-\d{1,2}|\d{1,2}/\d{1,2}/\d{2,4}|\d{1,2}:[0-5]\d(?::[0-5]\d)?\s*[aApP]\.?[mM]\.?)\s*"
)
_DIGIT_E_SIGN = re.compile(r"\de[+-]\d")
_TEXT_COMMAND = re.compile(
    r"\\(?:text|textrm|textbf|textit|textsf|texttt|textnormal|mbox|hbox|mathrm|mathbf|mathit|mathsf|emph)\s*(?=\{)"
)
_LEADING_SPACE = re.compile(
    r"(?:\s|~|\\[ ,;:!]|\\(?:text)?color\s*\{[A-Za-z!0-9]{1,30}\}"
    r"|\\(?:displaystyle|therefore|Rightarrow|implies|small|normalsize|large|Large|LARGE|huge|Huge)(?![A-Za-z]))+"
)
_SPACE = re.compile(r"\s+")
_HALF_DAY = re.compile(r"\b([ap])\.\s?m\b")
_BASED_IN_BRACKETS = re.compile(r"(?<![\w})\]])\(\s*(\d[0-9A-Z]*)\s*\)(?=\s*_)")
_ARTICLE = re.compile(r"(?:an?|the)\s+(?=\w{2})")
_STOPS = " \t\r\n\f\v~.,;:✓✔✅☑🎉\ufe0f"
_TICK = re.compile(r"\\(?:checkmark|blacksquare|square|qed)\Z")
_LETTERS_ALONE = re.compile(r"[A-Za-z][A-Za-z' .-]*")
_LETTER = re.compile(r"[^\W\d_]")
_MAY_BE_WORDS = re.compile(r"[\s({\"']*(?:\\[tmho]|[A-Za-z])")
_WORD_AFTER_VALUE = re.compile(r"[\d)}\]%$]\s*/?(?:\\[,;: ])*\s*(?:\\(?:text|mathrm)\s*\{\s*)?[A-Za-z]")
_NUMBER_WORDS = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9, "ten": 10,
    "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17,
    "eighteen": 18, "nineteen": 19,
}  # fmt: skip
_TENS = {
    "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70, "eighty": 80, "ninety": 90,
}  # fmt: skip
_SCALES = {"billion": 10**9, "million": 10**6, "thousand": 10**3, "hundred": 10**2}
_ALL_REALS = frozenset(["all real numbers", "all reals", "set of all real numbers", "set of real numbers"])
_SHORT_WORDS = names("no up on so in am pm ok us uk it is he me we go hi")


def clean(text: str) -> str:
    """The answer without what only dresses it: mathematics delimiters, one enclosing box, emphasis, a final full stop."""
    text = _SPACE.sub(" ", to_ascii(text) if not text.isascii() else text)
    for _ in range(6):
        before = text
        text = _strip_edges(text)
        for opening, closing in ((r"\[", r"\]"), (r"\(", r"\)"), ("**", "**"), ("`", "`"), ("__", "__")):
            if text.startswith(opening) and text.endswith(closing) and len(text) >= len(opening) + len(closing):
                inner = text[len(opening) : -len(closing)]
                if opening not in inner and closing not in inner:
                    text = inner
        if text.startswith("$$") and text.endswith("$$") and len(text) >= 4:
            text = text[2:-2]
        if text.startswith("$") and text.find("$", 1) == len(text) - 1 and not text.endswith(r"\$"):
            text = text[1:-1]  # white space inside the delimiters may hide a stop
        text = _unboxed(text)
        if "$" in text:
            text = _PAIRED_DOLLARS.sub(r"\1", text)
        if text == before:
            break
    return text


def _strip_edges(text: str) -> str:
    """Without white space and spacing commands at both ends, and without stops at the end."""
    leading = _LEADING_SPACE.match(text)
    text = text[leading.end() :] if leading else text
    while True:
        stripped = text.rstrip(_STOPS)
        if stripped.endswith(("k", "e", "d")) and (tick := _TICK.search(stripped, max(0, len(stripped) - 12))):
            stripped = stripped[: tick.start()]
        elif stripped.endswith(r"\!"):
            stripped = stripped[:-2]
        elif stripped.endswith("\\") and not stripped.endswith("\\\\"):
            stripped = stripped[:-1]  # the backslash of a spacing command
        if stripped == text:
            return text
        text = stripped


def _unboxed(text: str) -> str:
    for name in (r"\boxed{", r"\fbox{", r"\framebox{", r"\underline{", *_BOLD):
        if text.startswith(name) and text.endswith("}") and _balanced(text[len(name) : -1]):
            inner = text[len(name) : -1]
            return text if name in _BOLD and not _CALCULATION.search(inner) else inner
    return text


def _balanced(text: str) -> bool:
    depth = 0
    for brace in re.findall(r"(?<!\\)[{}]", text):
        depth += 1 if brace == "{" else -1
        if depth < 0:
            return False
    return depth == 0


def join_groups(text: str, *, commas: bool) -> str:
    """Numbers in groups of three digits as one; with plain commas only if ``commas``, and where they are no list."""
    text = _EXPLICIT_GROUPS.sub(lambda m: m[1] + re.sub(r"\D", "", m[2]), text)
    if commas and "," in text:
        spaced = re.search(r",\s", text) is not None

        def join(match: re.Match[str]) -> str:
            before = text[: match.start()]
            inside = sum(before.count(c) for c in "([") > sum(before.count(c) for c in ")]") or r"\{" in before
            return match[0] if inside and not spaced else match[0].replace(",", "")

        text = _COMMA_GROUPS.sub(join, text)
    return text


def _turned_inward(text: str) -> str:
    """``]2, 3[`` is the open interval ``(2, 3)``, in the notation of Bourbaki."""

    def turn(match: re.Match[str]) -> str:
        return ("(" if match[1] == "]" else "[") + match[2] + (")" if match[3] == "[" else "]")

    return re.sub(_OUTWARD_INTERVAL, turn, text)


def _repeating(match: re.Match[str]) -> str:
    whole, fixed, period = match.groups()
    low, high = int(whole + fixed or "0"), int(whole + fixed + period)
    return rf"\frac{{{high - low}}}{{{10 ** len(fixed) * (10 ** len(period) - 1)}}}"


def mark_units(tokens: list[Token], *, letters: bool) -> list[Token]:
    r"""Bare runs of letters that can be a unit after a number become words, as if written in ``\text``.

    With ``letters`` a single letter after a space counts (``7 m``); otherwise only in a quotient of two (``7 m/s``).
    """
    out = list(tokens)
    for k, token in enumerate(tokens):
        if k > 1 and token.kind == "run" and tokens[k - 1].text == "/" and _ends_value(tokens[k - 2]):
            name = token.text
            if len(name) > 1 and name not in NAMED_RUNS and units.is_unit_word(name) and not _reads_as_product(name):
                out[k] = Token("word", name, token.gap)  # 650/day
            continue
        if k == 0 or token.kind not in ("run", "word") or not _ends_value(tokens[k - 1]):
            continue
        stop = k
        while stop < len(tokens) and (
            tokens[stop].kind in ("run", "word", "num") or tokens[stop].text in ("/", "^", "-", "{", "}")
        ):
            stop += 1
        names = [t for t in tokens[k:stop] if t.kind in ("run", "word")]
        quotient = any(t.text == "/" for t in tokens[k:stop])
        if all(t.kind == "word" or _can_be_unit(t, token.gap, letters=letters, quotient=quotient) for t in names):
            out[k:stop] = [Token("word", t.text, t.gap) if t.kind == "run" else t for t in tokens[k:stop]]
    return out


def _ends_value(token: Token) -> bool:
    return token.kind in ("num", "based") or token.text in (")", "]", "}", r"\$", "$", r"\%")


def _can_be_unit(token: Token, gap: bool, *, letters: bool, quotient: bool) -> bool:
    name = token.text
    if name in units.BARE_UNITS or (letters and name in units.CLOSE_UNITS):
        return True
    if not gap or name in NAMED_RUNS:
        return False
    if len(name) == 1:
        return name in units.LETTER_UNITS and (letters or quotient)
    if quotient and name in units.PHYSICAL:
        return True
    known = units.is_unit_word(name) or name.lower() in units.SCALES
    return len(name) > 2 and not _reads_as_product(name) and known


def _reads_as_product(run: str) -> bool:
    """``abc`` and ``xyz`` are products: factors come in the order of the alphabet; few words do, and no ``CDs``."""
    if run[:-1].isupper() and run[-1] == "s":
        return False
    return len(run) <= 3 and run not in _SHORT_WORDS and list(run) == sorted(run)


def is_wordlike(text: str) -> bool:
    r"""Whether bare letters are words (``east``) rather than a product of variables (``xy``)."""
    if not _LETTERS_ALONE.fullmatch(text):
        return False
    runs = re.findall(r"[A-Za-z]+", text)
    if any(r in NAMED_RUNS and r not in ("or", "and") for r in runs):
        return False
    return any(len(r) > 1 and not _reads_as_product(r) for r in runs) and not (
        "-" in text and all(len(r) < 3 for r in runs)
    )


def words(text: str) -> str:
    """The text in lower case without commands, braces, outer brackets and punctuation: what words are compared by."""
    text = _TEXT_COMMAND.sub("", clean(text)[: 4 * MAX_TEXT])
    text = re.sub(r"\\[ ,;:!]|[{}$~\\]", " ", text).casefold()
    text = _HALF_DAY.sub(r"\1m", " ".join(text.split()))
    for _ in range(3):
        text = text.strip(" .,;:!?\"'`*_")
        if text.startswith("(") and text.endswith(")") and text.count("(") == 1:
            text = text[1:-1]
    article = _ARTICLE.match(text)
    return text[article.end() :] if article else text


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


def _word_value(said: str) -> Node | None:
    """The number or the set of numbers that words name."""
    value = number_word(said)
    return Node("reals", ()) if said in _ALL_REALS else number(value) if value is not None else None


class Convention(NamedTuple):
    """How to read what can be read in two ways.

    Args:
        commas: Whether ``1,234`` is a number; otherwise it is a list.
        scientific: Whether ``2e-3`` is a small number; otherwise it is :math:`2e - 3`.
        units: Where units may stand: in ``"text"`` alone, also as ``"bare"`` words, also as single ``"letters"``.
    """

    commas: bool = True
    scientific: bool = True
    units: str = "text"


def _parsed(text: str, convention: Convention) -> Node:
    text = join_groups(respelled(text), commas=convention.commas)
    if not convention.scientific:
        text = re.sub(r"(\d)e(?=[+-]\d)", r"\1 e ", text)
    if "_" in text:
        text = _BASED_IN_BRACKETS.sub(r"\1", text)
    if "overline" in text or "bar" in text:
        text = _REPEATING.sub(_repeating, text)
    if "x" in text or "X" in text:
        text = _POWER_OF_TEN.sub(r"\\times ", text)
    if "(\\approx" in text:
        text = _ROUNDED_ASIDE.sub(r"\1", text)
    if "not" in text:
        text = _NOT_EQUAL.sub(r"\\ne ", text)
    if ("[" in text or "]" in text) and _OUTWARD.fullmatch(text):
        text = _turned_inward(text)
    if " to " in text:
        text = _RATIO_IN_WORDS.sub(r"\1:\2", text)
    if "frac" in text and ("text" in text or "mathrm" in text):
        text = _UNIT_FRACTION.sub(r"\1/\2", text)
    if text.startswith("|"):
        text = _LENGTH.sub(r"\1", text)
    if "choose" in text:
        text = _CHOOSE.sub(r"\\binom{\1}{\2}", text)
    if "cases" in text and (system := _SYSTEM.fullmatch(text)):
        text = ", ".join(row for row in system[1].split(r"\\") if row.strip())
    if convention.units != "text":
        text = _greek_units(text)
    tokens = tokenise(text)
    if convention.units != "text":
        tokens = mark_units(tokens, letters=convention.units == "letters")
    return parse(tokens)


def _greek_units(text: str) -> str:
    r"""The text with a unit in Greek letters at its end in Latin ones: ``25\,\text{k}\Omega``, ``3\,\mu\text{m}``."""
    if "Omega" in text:
        text = _OHMS.sub(lambda m: rf"{m[1]}\text{{{m[2] or m[3] or ''}ohm}}", text)
    if "mu" in text:
        text = _MICRO.sub(lambda m: rf"{m[1]}\text{{micro{m[2] or m[3] or m[4]}}}", text)
    return text


def readings(text: str, *, gold: bool, unusual: bool = True) -> tuple[Node, ...]:
    """The ways to read an answer, the usual one first; raises :class:`~.lexer.Unreadable` if there is none.

    Args:
        text: The answer.
        gold: Whether it is the gold answer, which is read more narrowly.
        unusual: Whether the other readings are wanted too.
    """
    if len(text) <= _CACHED_LENGTH:
        return _cached_readings(text, gold, unusual)
    return _cached_readings.__wrapped__(text, gold, unusual)


@lru_cache(maxsize=8192)
def _cached_readings(text: str, gold: bool, unusual: bool) -> tuple[Node, ...]:
    found = _readings(text, gold)
    return tuple(found) if unusual else (next(found),)


def _readings(raw: str, gold: bool) -> Iterator[Node]:
    text = clean(raw)
    if not text:
        raise Unreadable("an empty answer")
    if _DATE.fullmatch(text):
        yield Node("text", (words(raw),))
        return
    only_words = False
    if _MAY_BE_WORDS.match(text) and len(text) <= MAX_TEXT:
        bare = _TEXT_COMMAND.sub("", text).replace("{", "").replace("}", "").strip(" ()")
        only_words = is_wordlike(bare)
        choice = len(bare) == 1 and bare.isalpha() and _TEXT_COMMAND.match(text) is not None
        if only_words or choice:
            said = words(raw)
            yield Node("text", (said,))
            value = _word_value(said)
            if value is not None:
                yield value
            elif gold and not choice:
                return
    yield from _expressions(raw, text, gold, only_words)


def _expressions(raw: str, text: str, gold: bool, only_words: bool) -> Iterator[Node]:
    """The distinct trees of the text under the conventions that may apply; without any it is words, or unreadable."""
    seen: set[Node] = set()
    problem: Unreadable | None = None
    for convention in _conventions(text, gold):
        try:
            node = _parsed(text, convention)
        except OverLimit:
            raise
        except Unreadable as error:
            problem = problem or error
            continue
        if node not in seen:
            seen.add(node)
            yield node
    if seen or only_words:
        return
    if len(text) <= MAX_TEXT and "\\" not in _TEXT_COMMAND.sub("", text) and _LETTER.search(text):
        yield Node("text", (words(raw),))
        return
    raise problem or Unreadable("nothing there")


def _conventions(text: str, gold: bool) -> Iterator[Convention]:
    """The conventions under which a text may read differently, the usual one first."""
    yield Convention()
    if _WORD_AFTER_VALUE.search(text) or "\\Omega" in text or "\\mu" in text:
        yield Convention(units="bare")
        if not gold:
            yield Convention(units="letters")
    if "," in text:
        yield Convention(commas=False)
    if _DIGIT_E_SIGN.search(text):
        yield Convention(scientific=False)
