r"""What a numeral is, by what stands beside it: an amount of the problem, or a label, a date, an ordinal, ...

Each rule returns a reason, or nothing. A rule that is in doubt gives a reason: a constant that is passed over costs one
of many, a label that is replaced makes a composite that nobody can read.
"""

from __future__ import annotations

import re
from fractions import Fraction

from composekit.compose.lexing import MATH, TWO_ARGUMENTS, Lexeme
from composekit.compose.needless.giveaways import counts_a_list
from composekit.compose.numbers import Value
from composekit.compose.words import (
    BEFORE_YEARS,
    BETWEEN_YEARS,
    CARDINALS,
    CLOCK,
    CONVERSIONS,
    COUNTS,
    DEFINITE,
    LABELS,
    MONTHS,
    OF_A_YEAR,
    OPENERS,
    PARTS,
    SCALES,
    singular,
    word_set,
)

AMBIGUOUS = "an ambiguous comma"
BASE_OF_POWER = "the base of a power"
_DASHES = "-\u2010\u2011\u2012\u2013\u2014"
_STOPS = frozenset(".!?:;")
_LABEL_COMMANDS = frozenset((r"\angle", r"\measuredangle", r"\ell", r"\#", r"\overline", r"\dots", r"\ldots"))


def place_of(text: str, lexemes: list[Lexeme], first: int, last: int, value: Value) -> str:
    """Why the numeral of these lexemes is no constant of the problem; empty where it is one."""
    if lexemes[first].place:
        return lexemes[first].place
    site = _Site(text, lexemes, first, last)
    rules = (_shape, _neighbours, *(_TEXT_RULES if site.prose else ()), *(_MATH_RULES if site.math else ()))
    for rule in rules:
        reason = rule(site, value)
        if reason:
            return reason
    return ""


class _Site:
    """A numeral and its surroundings. A formula that holds nothing but the numeral is looked at from outside."""

    __slots__ = ("after", "before", "end", "left", "lexemes", "math", "prose", "raw", "right", "start", "text")

    def __init__(self, text: str, lexemes: list[Lexeme], first: int, last: int) -> None:
        start, end = lexemes[first].start, lexemes[last].end
        before, after = first - 1, last + 1
        self.math = lexemes[first].mode == MATH
        alone = self.math and before >= 0 and after < len(lexemes)
        alone = alone and lexemes[before].kind == "delimiter" and lexemes[after].kind == "delimiter"
        self.prose = alone or not self.math
        self.raw = text[start:end]
        if alone:
            start, end = lexemes[before].start, lexemes[after].end
            before, after = before - 1, after + 1
        self.text, self.lexemes, self.start, self.end = text, lexemes, start, end
        self.before, self.after = before, after
        self.left, self.right = text[start - 1 : start] if start else "", text[end : end + 1]

    def piece(self, index: int) -> str:
        """The text of the lexeme at an index, empty outside."""
        return self.text[self.lexemes[index].start : self.lexemes[index].end] if self.exists(index) else ""

    def exists(self, index: int) -> bool:
        return 0 <= index < len(self.lexemes)

    def is_word(self, index: int) -> bool:
        return self.exists(index) and self.lexemes[index].kind == "word"

    def is_number(self, index: int) -> bool:
        """Whether a numeral stands there, on the same level: not an exponent or a subscript."""
        return (
            self.exists(index) and self.lexemes[index].kind in ("number", "fraction") and not self.lexemes[index].place
        )

    def touches(self, index: int) -> bool:
        """Whether nothing stands between the numeral and this neighbour."""
        return self.exists(index) and (self.lexemes[index].end == self.start or self.lexemes[index].start == self.end)

    def word_before(self) -> str:
        return self.piece(self.before) if self.is_word(self.before) else ""

    def word_after(self) -> str:
        return self.piece(self.after) if self.is_word(self.after) else ""

    def char(self, offset: int) -> str:
        """The character at a distance: -1 is the one to the left, 1 the one to the right."""
        at = self.start + offset if offset < 0 else self.end + offset - 1
        return self.text[at : at + 1] if at >= 0 else ""

    def starts_sentence(self, index: int) -> bool:
        """Whether the lexeme before this index ends a sentence, or there is none."""
        return index < 1 or self.lexemes[index - 1].kind == "line" or self.piece(index - 1) in _STOPS


# --- rules for every numeral


def _shape(site: _Site, value: Value) -> str:
    raw = site.raw
    if len(raw) > 1 and raw[0] == "0" and raw[1].isdigit():
        return "leading zero"
    if site.math and not site.prose and "," in raw and "{" not in raw and "\\" not in raw and site.left != "$":
        return AMBIGUOUS  # (1,234) may be one number or two
    return "zero" if value == 0 else ""


_VULGAR = "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅐⅛⅜⅝⅞⅑⅒"
_SPACED_COLON = re.compile(r"(?:\\[!,;]:(?:\\[!,;])?|:\\[!,;])\d")
_AFTER_SPACED_COLON = re.compile(r"\d(?:\\[!,;]:(?:\\[!,;])?|:\\[!,;])\Z")


_THIN = "\u00a0\u2007\u2009\u202f"  # spaces that group digits: 1 200


def _neighbours(site: _Site, value: Value) -> str:
    left, right = site.left, site.right
    if (right and right in _THIN and site.char(2).isdigit()) or (left and left in _THIN and site.char(-2).isdigit()):
        return "part of a longer number"
    command = site.exists(site.before) and site.lexemes[site.before].kind == "command"
    if left.isalpha() and not command and not _is_argument(site):
        return "joined to letters"
    if right and (right in _VULGAR or (right.isspace() and site.char(2) in _VULGAR and site.char(2))):
        return "part of a longer number"
    if _SPACED_COLON.match(site.text, site.end) or _AFTER_SPACED_COLON.search(site.text, site.start - 6, site.start):
        return "a time or a ratio"
    if (left and left in "_#@&№") or right == "#":
        return "label"
    if (right == "." and (site.char(2).isdigit() or site.char(2) == ".")) or (left == "." and site.char(-2).isalnum()):
        return "part of a longer number"
    if left == "." and site.char(-2) == ".":
        return "part of a longer number"
    if (right == ":" and site.char(2).isdigit()) or (left == ":" and site.char(-2).isdigit()):
        return "a time or a ratio"
    if (site.piece(site.before) == ":" and site.is_number(site.before - 1)) or (
        site.piece(site.after) == ":" and site.is_number(site.after + 1)
    ):
        return "a time or a ratio"
    if site.is_number(site.before) or site.is_number(site.after):
        near = site.before if site.is_number(site.before) else site.after
        if site.raw[0] == "." or not (site.math and site.touches(near)):  # \\binom52 has two arguments side by side
            return "two numbers side by side"
    for near, beyond in ((site.before, site.before - 1), (site.after, site.after + 1)):
        if site.piece(near) in (r"\!", r"\,") and site.is_number(beyond):
            return "part of a longer number"
    return _powered(site)


def _is_argument(site: _Site) -> bool:
    r"""Whether the numeral is the 2 of ``\frac x2``."""
    return len(site.piece(site.before)) == 1 and site.piece(site.before - 1) in TWO_ARGUMENTS


_RAISED_ENDING = re.compile(
    r"\s?\^\s?\{?\s?(?:\\(?:mathrm|textrm|text|textup|mbox|rm)\s?\{?\s?)?(?:st|nd|rd|th)(?![A-Za-z])"
)


def _powered(site: _Site) -> str:
    if site.piece(site.after) == "^":
        if _RAISED_ENDING.match(site.text, site.end):
            return "an ordinal"  # 12^{\mathrm{th}}
        follow = site.piece(site.after + 1)
        if follow == "{":
            follow = site.piece(site.after + 2)
        return "" if follow in (r"\circ", r"\prime") else BASE_OF_POWER
    return "a number in another base" if site.piece(site.after) == "_" else ""


# --- rules for numerals inside formulas


_NUMERAL_OF_BASE = re.compile(r"[0-9A-Z]{1,12}_\s?\{?\s?\d")


def _in_formula(site: _Site, value: Value) -> str:
    left, right = site.left, site.right
    if right.isalpha() and "frac" not in site.raw and ("digit" in site.text or (right.isupper() and len(site.raw) > 2)):
        return "a digit among letters"
    if (
        right.isalpha()
        and site.is_number(site.after + 1)
        and site.lexemes[site.after].end == site.lexemes[site.after + 1].start
    ):
        return "a digit among letters"
    if right.isupper() and _NUMERAL_OF_BASE.match(site.text, site.end):
        return "a digit among letters"
    if site.piece(site.before) in _LABEL_COMMANDS:
        return "label"
    if site.piece(site.after) in (r"\overline", r"\dots", r"\ldots", r"\cdots", r"\dotsc"):
        return "part of a longer number"
    if "/" in site.raw and (right.isalpha() or right in "\\(" or left == "/"):
        return "a fraction without brackets"
    if ("/" in (left, right)) and "/" in site.raw:
        return "part of a longer number"
    if right == "'":
        return "part of a longer expression"
    quoted = site.before - 1 if site.piece(site.before) == "}" else site.before  # \text{Row }3
    if site.is_word(quoted) and site.lexemes[quoted].mode != MATH:
        return _named(site.piece(quoted))
    return ""


# --- rules for numerals in prose


_AND_A_FRACTION = re.compile(r"\s+and\s+(?:an?\s+half|\$?\\[dt]?frac|[0-9]+/[0-9]+)(?![A-Za-z])")
_ORDINAL_ENDING = re.compile(r"(?:st|nd|rd|th)(?![A-Za-z])")


def _joined(site: _Site, value: Value) -> str:
    left, right = site.left, site.right
    if right.isalnum() or right == "_":
        return "an ordinal" if _ORDINAL_ENDING.match(site.text, site.end) else "joined to letters"
    if left and left in _DASHES and (site.char(-2).isalnum() or site.char(-2) in "$)%"):
        return "hyphenated compound or range"
    if right and right in _DASHES and (site.char(2).isalnum() or site.char(2) in "$\\"):
        return "hyphenated compound or range"
    dash = site.piece(site.before)
    if dash and dash in _DASHES and site.is_number(site.before - 1):
        return "hyphenated compound or range"  # grades 4 - 7
    if (left and left in "/'\u2019") or (right and right in "/'\"\u201d\u2032\u2033"):
        return "part of a longer expression"
    if (right == "," and site.char(2).isdigit()) or (left == "," and site.char(-2).isdigit()):
        return "part of a longer number"
    called = left == "(" and (site.char(-2).isalnum() or site.char(-2) == "_")  # f(7), but not (7)
    if (left, right) in (("(", ")"), ("[", "]")) and not called:
        return "label"
    if "/" in site.raw and " " not in site.raw and value > 1:
        return "a date or a manner of speaking"  # 24/7, 50/50
    return ""


def _list_number(site: _Site, value: Value) -> str:
    at_start = site.before < 0 or site.lexemes[site.before].kind == "line"
    return "list number" if at_start and site.right in (".", ")", ":") and site.right != "" else ""


_ABBREVIATIONS = frozenset(
    (
        "p",
        "pp",
        "pg",
        "fig",
        "figs",
        "eq",
        "eqs",
        "ch",
        "sec",
        "vol",
        "no",
        "nos",
        "nr",
        "art",
        "ex",
        "tab",
        "thm",
        "prob",
        "q",
    )
)


def _label(site: _Site, value: Value) -> str:
    word = site.word_before()
    if word:
        return "a date" if "/" in site.raw and word.lower() == "on" else _named(word)
    abbreviated = site.piece(site.before) == "." and site.piece(site.before - 1).lower() in _ABBREVIATIONS
    return "label" if abbreviated else ""


def _named(word: str) -> str:
    """What the word before a numeral makes of it."""
    lower = word.lower()
    if lower in MONTHS and (word[0].isupper() or lower not in ("march", "may")):
        return "a date"
    if lower in LABELS:
        return "label"
    return "a name" if word != lower and lower not in OPENERS and lower not in CARDINALS else ""


_AND_A_HALF = re.compile(r"\s+and\s+(?:an?|one|two|three)[\s-]+(?:half|third|quarter|fourth|fifth|eighth|tenth)s?\b")


def _following(site: _Site, value: Value) -> str:
    word = site.word_after()
    lower = word.lower()
    if not word:
        return ""
    if _AND_A_HALF.match(site.text, site.end):
        return "part of a longer number"
    if lower in SCALES or (lower in COUNTS and lower not in ("dozen", "dozens")):
        return "part of a longer number"
    if lower in PARTS and (value == 1 or lower.endswith("s")) and lower not in ("quarters", "seconds"):
        return "part of a longer number"  # three fourths, but: 3 fourth-grade classes, 3 quarters, 30 seconds
    if lower in CLOCK or (lower in ("a", "p", "o") and site.piece(site.after + 1) in (".", "'", "\u2019")):
        return "a time"
    if lower in MONTHS and (word[0].isupper() or lower not in ("may", "march")):
        return "a date"
    return ""


def _time(site: _Site, value: Value) -> str:
    before, after = site.word_before().lower(), site.word_after().lower()
    clock = before == "at" and isinstance(value, int) and value <= 24
    if clock and after in (
        "",
        "and",
        "to",
        "in",
        "on",
        "until",
        "till",
        "every",
        "each",
        "the",
        "for",
        "with",
        "or",
        "then",
    ):
        return "a time"
    return ""


def _year(site: _Site, value: Value) -> str:
    before, after = site.word_before().lower(), site.word_after()
    if after in ("AD", "BC", "BCE", "CE"):
        return "a year"
    if not (isinstance(value, int) and 1000 < value < 2200 and site.raw.isdigit()):
        return ""
    if before in BEFORE_YEARS:
        return "a year"
    if before in BETWEEN_YEARS and (not after or after in OPENERS):  # from 1990 to 2000 the ...; but: 1500 of 2000 men
        return "a year"
    if site.piece(site.before) == "," and site.is_number(site.before - 1):
        return "a year"
    if 1900 <= value < 2100 and before in ("the", "of", "a") and after[:1].isupper():  # the 2010 FIFA World Cup
        return "a year"
    if before in ("the", "a", "our", "its", "their") and after.lower() in OF_A_YEAR:  # the 1998 census
        return "a year"
    return ""


def _small_definite(site: _Site, value: Value) -> str:
    if value == 1:
        return "one"
    small = isinstance(value, int) and value <= 12
    return "said already" if small and site.word_before().lower() in DEFINITE else ""


def _counted(site: _Site, value: Value) -> str:
    return "said already" if counts_a_list(site.text, site.start, site.end, value) else ""


_RELATIVE = word_set(
    """more less fewer off bigger larger smaller greater longer shorter taller higher lower older younger faster slower
    heavier lighter cheaper farther further a an the my your his her its our their"""
)


def _share(site: _Site, value: Value) -> str:
    """``1/4 more money`` is a share of the money, ``K more money`` is an amount; ``1/4 the price``, but ``1/4 of`` it."""
    written = isinstance(value, Fraction) and 0 < value < 1 and "." not in site.raw
    return "a share, by its form" if written and site.word_after().lower() in _RELATIVE else ""


_TRIANGLE = re.compile(r"\barea of a (?:triangle|trapezoid)\b[^.?!]*\Z")  # half of base times height
_FACTS = frozenset(value for values in CONVERSIONS.values() for value in values)
_SMALL_UNITS = frozenset(small for small, _ in CONVERSIONS)


def _known_fact(site: _Site, value: Value) -> str:
    if value == 100 and (site.piece(site.after) in ("%", r"\%") or site.word_after().lower() in ("percent", "per")):
        return "the whole"
    if value == Fraction(1, 2) and _TRIANGLE.search(site.text[max(site.start - 80, 0) : site.start]):
        return "common knowledge"
    unit = singular(site.word_after()) if value in _FACTS else ""
    if unit not in _SMALL_UNITS:
        return ""
    for index in range(site.after + 1, min(site.after + 9, len(site.lexemes))):
        if site.is_word(index):
            known = CONVERSIONS.get((unit, singular(site.piece(index))))
            if known and value in known:
                return "common knowledge"
    for index in range(max(site.before - 6, 0), site.before + 1):
        if site.is_word(index):
            known = CONVERSIONS.get((unit, singular(site.piece(index))))
            if known and value in known:
                return "common knowledge"
    return ""


def _compounded(site: _Site, value: Value) -> str:
    """``five`` of *one hundred and five*, and both parts of *2 and 1/2*."""
    earlier = site.piece(site.before - 1).lower() if site.piece(site.before) == "and" else ""
    scaled = earlier in SCALES or earlier in COUNTS
    part = earlier and value < 1 and (site.is_number(site.before - 1) or earlier in CARDINALS)
    whole = isinstance(value, int) and _AND_A_FRACTION.match(site.text, site.end)
    return "part of a longer number" if scaled or part or whole else ""


def _number_word(site: _Site, value: Value) -> str:
    if site.raw[:1].isdigit() or site.raw[:1] in ".\\":
        return ""
    after = site.word_after()
    if after.lower() in CARDINALS or site.word_before().lower() in CARDINALS or site.word_before().lower() in SCALES:
        return "part of a longer number"
    index = site.before + 1
    if site.raw[0].isupper() and not site.starts_sentence(index):
        return "a name"
    if after[:1].isupper() and after.lower() not in OPENERS:
        return "a name"
    return ""


_MATH_RULES = (_in_formula,)
_TEXT_RULES = (
    _joined, _list_number, _label, _following, _time, _year, _small_definite, _counted, _share, _known_fact,
    _compounded, _number_word,
)  # fmt: skip
