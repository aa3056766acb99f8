r"""Exact values of small numeric expressions, in LaTeX or plain text: the audit's own arithmetic.

A value is a sum of rational multiples of :math:`\sqrt{n}\,\pi^k i^m` with *n* free of squares. Such sums are closed under
addition and multiplication, and two are equal exactly when their coefficients are, because the monomials are linearly
independent over the rationals. Nothing here is shared with the code that makes links, so that a fault there cannot
hide from an audit.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from math import isqrt
from typing import Any

Monomial = tuple[int, int, int]  # square-free radicand, power of pi, power of i (0 or 1)

MAX_TEXT = 400
MAX_DIGITS = 400
MAX_POWER = 64
MAX_TERMS = 64

UNIT: Monomial = (1, 0, 0)

WORDS = {
    "zero": 0, "one": 1, "two": 2, "three": 3, "four": 4, "five": 5, "six": 6, "seven": 7, "eight": 8, "nine": 9,
    "ten": 10, "eleven": 11, "twelve": 12, "thirteen": 13, "fourteen": 14, "fifteen": 15, "sixteen": 16, "seventeen": 17,
    "eighteen": 18, "nineteen": 19, "twenty": 20, "thirty": 30, "forty": 40, "fifty": 50, "sixty": 60, "seventy": 70,
    "eighty": 80, "ninety": 90,
}  # fmt: skip
SCALES = {"hundred": 100, "thousand": 1000, "million": 10**6}
PARTS = {
    "half": 2, "third": 3, "fourth": 4, "quarter": 4, "fifth": 5, "sixth": 6, "seventh": 7, "eighth": 8, "ninth": 9,
    "tenth": 10, "hundredth": 100, "thousandth": 1000,
}  # fmt: skip


class NotExact(ValueError):
    """The text is no expression that this module can evaluate."""


class Exact:
    r"""A finite sum of rational multiples of :math:`\sqrt{n}\,\pi^k i^m`.

    Example:
        >>> value(r"\frac{\sqrt{12}}{2} + 1") == value(r"1 + \sqrt 3")
        True
        >>> value("2") - value(r"\pi") + value(r"\pi") == 2
        True
    """

    __slots__ = ("terms",)

    def __init__(self, terms: Mapping[Monomial, Fraction] | None = None) -> None:
        self.terms = {monomial: c for monomial, c in (terms or {}).items() if c}
        if len(self.terms) > MAX_TERMS:
            raise NotExact("too many terms")

    @classmethod
    def of(cls, number: int | Fraction) -> Exact:
        """The value of an integer or a fraction."""
        return cls({UNIT: Fraction(number)})

    @property
    def rational(self) -> Fraction | None:
        """The value as a fraction, None where it is none."""
        if set(self.terms) <= {UNIT}:
            return self.terms.get(UNIT, Fraction(0))
        return None

    def __eq__(self, other: object) -> bool:
        if isinstance(other, int | Fraction):
            other = Exact.of(other)
        return isinstance(other, Exact) and self.terms == other.terms

    def __hash__(self) -> int:
        return hash(frozenset(self.terms.items()))

    def __neg__(self) -> Exact:
        return Exact({monomial: -c for monomial, c in self.terms.items()})

    def __add__(self, other: Exact) -> Exact:
        terms = dict(self.terms)
        for monomial, c in other.terms.items():
            terms[monomial] = terms.get(monomial, Fraction(0)) + c
        return Exact(terms)

    def __sub__(self, other: Exact) -> Exact:
        return self + -other

    def __mul__(self, other: Exact) -> Exact:
        product = Exact()
        for (n, k, m), a in self.terms.items():
            for (n2, k2, m2), b in other.terms.items():
                square, radicand = _split_square(n * n2)
                sign = -1 if m + m2 == 2 else 1
                product += Exact({(radicand, k + k2, (m + m2) % 2): a * b * square * sign})
        return product

    def __truediv__(self, other: Exact) -> Exact:
        if len(other.terms) != 1:
            raise NotExact("a sum, or zero, below the line")
        ((n, k, m), c) = next(iter(other.terms.items()))
        inverse = Exact({(n, -k, m): (-1 if m else 1) / (c * n)})  # 1/sqrt(n) = sqrt(n)/n, 1/i = -i
        return self * inverse

    def __pow__(self, power: int) -> Exact:
        if abs(power) > MAX_POWER:
            raise NotExact("a large power")
        result = Exact.of(1)
        for _ in range(abs(power)):
            result = result * self
            if any(max(abs(c.numerator), c.denominator).bit_length() > 4 * MAX_DIGITS for c in result.terms.values()):
                raise NotExact("a large number")
        return Exact.of(1) / result if power < 0 else result

    def sqrt(self) -> Exact:
        """The square root of a rational number."""
        number = self.rational
        if number is None:
            raise NotExact("a root of a root")
        square, radicand = _split_square(abs(number.numerator) * number.denominator)
        return Exact({(radicand, 0, int(number < 0)): Fraction(square, number.denominator)})

    def __repr__(self) -> str:
        names = [
            "*".join([str(c), *(f"sqrt({n})" for _ in range(n != 1)), *(f"pi^{k}" for _ in range(k != 0)), *("i" * m)])
            for (n, k, m), c in sorted(self.terms.items())
        ]
        return " + ".join(names) or "0"


def _split_square(n: int) -> tuple[int, int]:
    """The largest s whose square divides n (as far as small factors tell), and n / s^2."""
    if n == 0:
        return 0, 1
    square, factor = 1, 2
    while factor * factor <= n and factor < 10_000:
        while n % (factor * factor) == 0:
            n //= factor * factor
            square *= factor
        factor += 1
    root = isqrt(n)
    return (square * root, 1) if root * root == n else (square, n)


# ------------------------------------------------------------------------------------------------------------- reading

NUMERAL = r"(?:\d{1,3}(?:(?:,|\{,\}|,\\!|\\,)\d{3})+(?!\d)|\d+)(?:\.\d+)?|\.\d+"
TOKEN = re.compile(
    rf"(?P<number>{NUMERAL})|(?P<command>\\[A-Za-z]+)|(?P<name>[A-Za-zα-ωΑ-Ω]+)|(?P<power>\*\*)|(?P<mark>\S)"
)
NOISE = re.compile(
    r"\\(?:left|right|displaystyle)(?![A-Za-z])|(?<!,)\\!|\\,(?!\d{3}(?!\d))|\\[;: ()\[\]]|[~$°]|\^\s*\{?\s*\\circ\s*\}?"
)
ESCAPES = {"\b": "b", "\f": "f", "\v": "v", "\a": "a"}
TIMES = ("*", r"\cdot", r"\times")
FRACTIONS = (r"\frac", r"\dfrac", r"\tfrac")
OVER = ("/", r"\div")


def value(text: str, names: Mapping[str, Exact] | None = None) -> Exact:
    r"""The value of an expression in LaTeX or plain text, or of number words.

    Args:
        text: Integers, decimals, thousands separators, fractions, roots of rational numbers, :math:`\pi`, *i*, sums,
            products, quotients, integer powers; or ``three``, ``twenty-five``, ``three-fourths``, ``a hundredth``.
        names: Values of symbols that may occur, such as ``{"N": Exact.of(10)}``.

    Raises:
        NotExact: it is anything else.

    Example:
        >>> value(r"\( 4 - \frac{\pi}{2} \)"), value("1,\\!000,\\!000"), value("three-fourths")
        (4 + -1/2*pi^1, 1000000, 3/4)
        >>> value("(N + 10)", {"N": Exact.of(5)})
        15
    """
    if len(text) > MAX_TEXT:
        raise NotExact("a long text")
    words = spelled(text)
    if words is not None:
        return Exact.of(words)
    return _Parser(NOISE.sub(" ", text).replace("\u2212", "-"), names or {}).parse()


def of(number: Any) -> Exact:
    """The value of what a link carries: an ``int``, a ``Fraction``, a sympy number (through its text), or text.

    Raises:
        NotExact: the text is no expression.
    """
    if isinstance(number, int | Fraction):
        return Exact.of(number)
    return value(repair_escapes(str(number)))


def repair_escapes(text: str) -> str:
    r"""Undo what reading ``"\frac"`` as a JSON escape leaves: ``rac``, with or without a form feed before it.

    Example:
        >>> print(repair_escapes("\x0crac{1}{2}"), repair_escapes("rac{1}{2}"))
        \frac{1}{2} \frac{1}{2}
    """
    text = re.sub("[\b\f\v\a](?=[a-z])", lambda m: "\\" + ESCAPES[m.group()], text)
    return re.sub(r"(?<![A-Za-z\\])rac(?=\{)", r"\\frac", text)


def spelled(text: str) -> Fraction | None:
    """The value of number words; None where the text is anything else.

    Example:
        >>> spelled("twenty-five"), spelled("two thirds"), spelled("five apples")
        (Fraction(25, 1), Fraction(2, 3), None)
    """
    words = re.findall(r"[a-z]+", text.lower())
    if not words or re.sub(r"[\sA-Za-z-]", "", text):
        return None
    if words[0] in ("a", "an") and len(words) == 2:
        words[0] = "one"
    *count, last = words
    part = PARTS.get(last.removesuffix("s")) or (2 if last == "halves" else None)
    if part is not None:
        number = _cardinal(count) if count else 1
        return None if number is None else Fraction(number, part)
    number = _cardinal(words)
    return None if number is None else Fraction(number)


def _cardinal(words: list[str]) -> int | None:
    total = current = 0
    for word in words:
        if word in WORDS:
            current += WORDS[word]
        elif word in SCALES:
            current = max(current, 1) * SCALES[word]
            if SCALES[word] >= 1000:
                total, current = total + current, 0
        elif word != "and":
            return None
    return total + current


class _Parser:
    """Recursive descent over the tokens of one expression."""

    def __init__(self, text: str, names: Mapping[str, Exact]) -> None:
        self.names = names
        self.tokens = self._split(text)
        self.at = 0
        self.depth = 0

    def _split(self, text: str) -> list[str]:
        tokens: list[str] = []
        for match in TOKEN.finditer(text):
            token = match.group()
            known = token in self.names or token in ("sqrt", "pi")
            if match["name"] and not known:  # ab is a times b
                tokens.extend(token)
            else:
                tokens.append(token)
        return tokens

    def parse(self) -> Exact:
        result = self.sum()
        if self.at != len(self.tokens):
            raise NotExact(f"{self.tokens[self.at]!r} is left over")
        return result

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self) -> str:
        token = self.peek()
        self.at += 1
        return token

    def expect(self, token: str) -> None:
        if self.take() != token:
            raise NotExact(f"{token!r} is missing")

    def sum(self) -> Exact:
        self.depth += 1
        if self.depth > 40:
            raise NotExact("nested too deep")
        result = self.product()
        while self.peek() in ("+", "-"):
            minus = self.take() == "-"
            term = self.product()
            result = result - term if minus else result + term
        self.depth -= 1
        return result

    def product(self) -> Exact:
        result = self.signed()
        while self.at < len(self.tokens):
            token = self.peek()
            if token in TIMES:
                self.take()
                result = result * self.signed()
            elif token in OVER:
                self.take()
                result = result / self.signed()
            elif token in ("+", "-", ")", "}", "]"):
                break
            elif token[0].isdigit():
                raise NotExact("two numbers side by side")
            else:
                result = result * self.power()
        return result

    def signed(self) -> Exact:
        if self.peek() in ("+", "-"):
            return -self.signed() if self.take() == "-" else self.signed()
        return self.power()

    def power(self) -> Exact:
        base = self.atom()
        if self.peek() in ("^", "**"):
            self.take()
            exponent = self.signed().rational
            if exponent is not None and exponent == Fraction(1, 2):
                return base.sqrt()
            if exponent is None or exponent.denominator != 1:
                raise NotExact("a power that is no integer")
            return base**exponent.numerator
        return base

    def group(self) -> Exact:
        """The argument of a command: a braced group, or the next digit, letter or command."""
        if self.peek() == "{":
            return self.atom()
        token = self.peek()
        if token.isdigit() and len(token) > 1:  # \frac12 takes one digit
            self.tokens[self.at : self.at + 1] = [token[0], token[1:]]
        return self.atom()

    def proper_part(self) -> Fraction:
        r"""What follows an integer to make a mixed number, as in 1\frac{4}{5} or 1 4/5; 0 where there is none."""
        at = self.at
        if self.peek() in FRACTIONS:
            part = self.atom().rational
        elif self.peek().isdigit() and self.tokens[at + 1 : at + 2] == ["/"]:
            top = self.atom()
            self.take()
            part = (top / self.atom()).rational
        else:
            return Fraction(0)
        if part is not None and 0 < part < 1:
            return part
        self.at = at
        return Fraction(0)

    def atom(self) -> Exact:
        token = self.take()
        if token in self.names:
            return self.names[token]
        if re.fullmatch(NUMERAL, token):
            digits = re.sub(r"[^\d.]", "", token)
            if len(digits) > MAX_DIGITS:
                raise NotExact("a long number")
            number = Fraction(digits)
            return Exact.of(number + self.proper_part() if token.isdigit() else number)
        if token in ("(", "{", "["):
            result = self.sum()
            self.expect({"(": ")", "{": "}", "[": "]"}[token])
            return result
        if token in FRACTIONS:
            top = self.group()
            return top / self.group()
        if token in (r"\sqrt", "sqrt"):
            return (self.atom() if token == "sqrt" else self.group()).sqrt()
        if token in (r"\pi", "pi", "π"):
            return Exact({(1, 1, 0): Fraction(1)})
        if token == "i":
            return Exact({(1, 0, 1): Fraction(1)})
        raise NotExact(f"{token!r} is no number" if token else "the text ends too early")
