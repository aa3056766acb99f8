"""The numbers that a worked solution uses, in whatever form."""

from __future__ import annotations

import re
from fractions import Fraction
from functools import cached_property

from composekit.compose.annotations import number_of
from composekit.compose.tokens import Constant
from composekit.compose.words import CARDINALS

_SAID_AS: dict[object, tuple[str, ...]] = {
    2: ("twice", "double", "doubled", "half", "both", "pair", "couple", "two"), 3: ("thrice", "triple", "tripled", "third"),
    4: ("quarter", "fourth", "quadruple"), 12: ("dozen",), Fraction(1, 2): ("half",), Fraction(1, 4): ("quarter",),
    Fraction(1, 3): ("third",),
}  # fmt: skip
_SAID_AS |= {value: (*_SAID_AS.get(value, ()), word) for word, value in CARDINALS.items()}
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?|\.[0-9]+")
_FRACTION = re.compile(
    r"frac\s?(?:\{\s?([0-9]{1,9})\s?\}|([0-9]))\s?(?:\{\s?([0-9]{1,9})\s?\}|([0-9]))|([0-9]{1,9})/([0-9]{1,9})"
)
_SEPARATOR = re.compile(r"[, ](?<=[0-9].)(?=[0-9]{3}(?![0-9]))")
_WORD = re.compile(r"[a-z]+")
_ORDINAL = re.compile(r"\bthe (?:third|fourth)\b(?! of)")  # of the three hills, the third
_PART_OF_UNIT = re.compile(
    r"\s?(?:(?P<percent>\\?%|percent|per cent)|cents?\b|¢|minutes?\b|seconds?\b|grams?\b|g\b|m[lm]\b|met(?:er|re)s?\b|cm\b"
    r"|milli)"
)
_ANNOTATION = re.compile("<<[^<>]{1,120}>>")
_COMPARISON = re.compile(
    r"(?:[0-9] ?[<>] ?|\b(?:is|are|was|were|be)(?: [a-z]+)? (?:more|less|[a-z]{2,12}er) than (?:the )?"
    r"|\b(?:over|above|under|below|at least) )"
    r"\\?\$?([0-9]{1,12}(?:\.[0-9]{1,6})?|\.[0-9]{1,6})"
)
_OR_MORE = re.compile(r"\$? (?:[a-z]+ )?(?:or|and) (?:more|fewer|less|over|above|under|below)\b")
_ANYWHERE = frozenset(map(Fraction, (0, 1, 2, 100)))
_RADICAND = re.compile(r"sqrt\s?\{?([0-9]{1,9})")


class Used:
    """What a worked solution uses; most constants stand in it as they are, so the rest is read only where one does not."""

    def __init__(self, solution: str) -> None:
        self.text = _SEPARATOR.sub("", solution.replace("\\!", "").replace("{,}", ","))
        self.numerals = frozenset(_NUMBER.findall(self.text))

    @cached_property
    def numbers(self) -> frozenset[Fraction]:
        """The numbers in digits."""
        numbers = {number_of(numeral) for numeral in self.numerals if len(numeral) < 40}
        found = (int(number) for match in _FRACTION.findall(self.text) for number in filter(None, match))
        return frozenset(numbers | {Fraction(above, below) for above, below in zip(found, found, strict=True) if below})

    @cached_property
    def words(self) -> frozenset[str]:
        """The words in small letters."""
        return frozenset(_WORD.findall(_ORDINAL.sub(" ", self.text.lower())))

    @cached_property
    def compared(self) -> frozenset[Fraction]:
        """The numbers to which others are compared in prose."""
        prose = _ANNOTATION.sub("", self.text)
        return frozenset(map(number_of, _COMPARISON.findall(prose)))

    def only_compares(self, constant: Constant) -> bool:
        """Whether an annotated solution has a number once, where it compares: ``112 is not greater than 125``."""
        if not any(
            word in self.text for word in ("than", "> ", "< ", "over ", "above ", "under ", "below ", "at least ")
        ):
            return False
        if "<<" not in self.text or constant.value not in self.compared:
            return False
        return len(re.findall(rf"(?<![0-9.]){re.escape(constant.text)}(?![0-9])", self.text)) == 1

    def only_labels(self, constant: Constant, prompt: str) -> bool:
        """Whether an annotated solution has a number only in the name of a kind: ``40 pupils read three or more books``."""
        if "<<" not in self.text or not _OR_MORE.match(prompt, constant.span[1]):
            return False
        forms = {constant.text, str(constant.value), *_SAID_AS.get(constant.value, ())}
        said = re.compile(rf"(?<![\w.])(?:{'|'.join(map(re.escape, forms))})(?![\w])", re.IGNORECASE)
        return all(_OR_MORE.match(self.text, match.end()) for match in said.finditer(self.text))

    def has(self, constant: Constant, prompt: str) -> bool:
        """Whether a number is there: in digits, in words, as a percentage, in cents, as what words make of it."""
        value = constant.value
        if constant.text in self.numerals:
            return True
        if constant.kind == "radical":
            inner = [Fraction(number) for number in _RADICAND.findall(constant.text)]
            return "\\pi" in self.text if "pi" in constant.text else all(number in self.numbers for number in inner)
        if not isinstance(value, (int, Fraction)) or value in self.numbers:
            return True
        if not self.words.isdisjoint(_SAID_AS.get(value, ())):
            return True
        if constant.kind == "word" and not self.words.isdisjoint(constant.text.lower().split("-")):
            return True
        unit = _PART_OF_UNIT.match(prompt, constant.span[1])
        if isinstance(value, int) and unit is not None:
            share = Fraction(value, 100)
            others = (1 - share, 1 + share, Fraction(100 - value), Fraction(100 + value)) if unit["percent"] else ()
            evidence = self.numbers.intersection((share, *others, Fraction(value, 60), Fraction(value, 1000)))
            return not evidence <= _ANYWHERE
        if isinstance(value, int):
            return False
        apart = not constant.in_math and {Fraction(value.numerator), Fraction(value.denominator)} <= self.numbers
        return apart or 100 * value in self.numbers  # a fifth of the 20 is 20 / 5
