r"""Numbers of polynomials that a text says to be equal for every x: hide one, and the coefficients of the others tell it.

*10x^2 - x - 24 can be written as (Ax - 8)(Bx + 3)*: with Y for 24, a reader has Y = 8 * 3. Compare coefficients: each power
of x gives one equation in the letters and in Y, and a number is told if Y cannot move while all of them hold. That is so,
for almost all values of the letters, if the unit vector of Y lies in the row space of the equations' derivatives.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from typing import NamedTuple

from composekit.compose.needless.derivations import Span, Tie, Values

MAX_DEGREE = 16
MAX_TERMS = 80
MAX_STATED = 4  # equalities of a text that are looked at
_X = r"\$((?:\\[!,;:]|\\left|\\right|\\cdot|\\times|[-+0-9A-Za-z(){}^. ]){3,120}?)[.,]?\$"

Poly = dict[str, Fraction]  # "axx": 3 is 3 a x^2


class NoPolynomialError(ValueError):
    """The text is no polynomial that this module reads."""


def _times(a: Poly, b: Poly) -> Poly:
    product: Poly = {}
    for m, c in a.items():
        for n, d in b.items():
            if len(m) + len(n) > MAX_DEGREE or len(product) > MAX_TERMS:
                raise NoPolynomialError
            key = "".join(sorted(m + n))
            product[key] = product.get(key, Fraction()) + c * d
    return product


def _plus(a: Poly, b: Poly, factor: int = 1) -> Poly:
    total = dict(a)
    for m, c in b.items():
        total[m] = total.get(m, Fraction()) + factor * c
    return {m: c for m, c in total.items() if c}


_TOKEN = re.compile(
    r"(?P<skip>[\s{}]|\\[!,;:]|\\left|\\right|\\cdot(?![a-z])|\\times(?![a-z]))|(?P<number>[0-9]{1,9}(?:\.[0-9]{1,6})?)"
    r"|(?P<power>\^\s?(?:\{\s?[0-9]{1,2}\s?\}|[0-9]))|(?P<letter>(?![A-Za-z]{4})[A-Za-z])|(?P<sign>[-+()])"
)


class _Reader:
    """A polynomial at a place of a text, with one number raised by one if so wanted."""

    def __init__(self, text: str, span: Span, raised: Span | None) -> None:
        self.tokens: list[tuple[str, str, Span]] = []
        self.at, self.raised = 0, raised
        place, end = span
        while place < end:
            match = _TOKEN.match(text, place, end)
            if match is None:
                raise NoPolynomialError
            if match.lastgroup != "skip":
                self.tokens.append((match.lastgroup or "", match[0], match.span()))
            place = match.end()

    @property
    def numbers(self) -> list[Span]:
        return [span for kind, _, span in self.tokens if kind == "number"]

    def whole(self) -> Poly:
        found = self._sum()
        if self.at < len(self.tokens):
            raise NoPolynomialError
        return found

    def _next(self, *wanted: str) -> str:
        """The next token, if it is of a wanted kind or one of the wanted signs."""
        if self.at < len(self.tokens):
            kind, token, _ = self.tokens[self.at]
            if kind in wanted or token in wanted:
                self.at += 1
                return token
        return ""

    def _sum(self) -> Poly:
        total: Poly = {}
        sign = self._next("+", "-") or "+"
        while sign:
            total = _plus(total, self._product(), -1 if sign == "-" else 1)
            sign = self._next("+", "-")
        return total

    def _product(self) -> Poly:
        product = self._factor()
        while product is not None and self.at < len(self.tokens) and self.tokens[self.at][1] not in ("+", "-", ")"):
            product = _times(product, self._factor())
        return product

    def _factor(self) -> Poly:
        token = self._next("number", "letter", "(")
        if token == "(":
            base = self._sum()
            if not self._next(")"):
                raise NoPolynomialError
        elif token:
            at = self.tokens[self.at - 1]
            base = {token: Fraction(1)} if at[0] == "letter" else {"": Fraction(token) + (at[2] == self.raised)}
        else:
            raise NoPolynomialError
        power = int(self._next("power").strip("^{} ") or 1)
        result: Poly = {"": Fraction(1)}
        for _ in range(power):
            result = _times(result, base)
        return result


def polynomial(text: str, span: Span, raised: Span | None = None) -> Poly:
    """The polynomial at a place of a text, with one of its numbers raised by one if so wanted.

    Raises:
        NoPolynomialError: what stands there is none.
    """
    return _Reader(text, span, raised).whole()


# --- what a text says to be equal


class _Equal(NamedTuple):
    """The sum of products of polynomials is zero for every x; the spans are their places in a text."""

    products: tuple[tuple[Span, ...], ...]  # the first one has the opposite sign
    cofactor: bool = False  # a polynomial that is not told multiplies the second product
    rest: bool = False  # a constant that is not told comes on top


_WRITTEN = re.compile(
    rf"{_X},? (?:can be|is|was) (?:re)?(?:written|expressed|factored)(?: uniquely)? (?:in the form|as)(?: the product)? {_X}"
)
_SIMPLIFIED = re.compile(rf"\b[Ss]implify {_X},? and (?:express|write) (?:your answer|it|the result) in the form {_X}")
_PRODUCT = re.compile(rf"\b[Pp]roduct of {_X} and {_X} is {_X}")
_FACTOR_OF = re.compile(rf"{_X} is a factor of (?:the polynomial )?{_X}")
_DIVISIBLE = re.compile(rf"{_X} is divisible by {_X}")
_FACTORING = re.compile(rf"\b[Ff]actor(?:s|ed|ing)? {_X}[^$.?!]{{1,80}}\bfactors?:? (?:is |are )?{_X}")
_DIVIDED = re.compile(
    rf"{_X} is divided by {_X},? (?:the|its) quotient is {_X},? and the remainder is (?:a )?(?:constant|{_X})"
)

_PART = r"\\[dt]?frac\{{{0}\}}\{{([-+0-9A-Za-z^ ]{{1,40}})\}}"
_PARTIAL = re.compile(rf"{_PART.format('[A-Z]')}\s?\+\s?{_PART.format('[A-Z]')}\s?=\s?{_PART.format('[^{}]{1,40}')}")
_FACTOR = re.compile(rf"\bFactor (?:the )?(?:expression |polynomial )?(?:completely:? )?{_X}")


def _stated(text: str) -> Iterator[_Equal]:
    for pattern in (_WRITTEN, _SIMPLIFIED):
        for match in pattern.finditer(text):
            yield _Equal(((match.span(1),), (match.span(2),)))
    for match in _PRODUCT.finditer(text):
        yield _Equal(((match.span(3),), (match.span(1), match.span(2))))
    for match in _FACTOR_OF.finditer(text):
        yield _Equal(((match.span(2),), (match.span(1),)), cofactor=True)
    for pattern in (_DIVISIBLE, _FACTORING):
        for match in pattern.finditer(text):
            yield _Equal(((match.span(1),), (match.span(2),)), cofactor=True)
    for match in _DIVIDED.finditer(text):
        rest = ((match.span(4),),) if match[4] else ()
        yield _Equal(((match.span(1),), (match.span(2), match.span(3)), *rest), rest=not match[4])

    for match in _PARTIAL.finditer(text) if "frac" in text else ():
        yield _Equal(((match.span(3),), (match.span(1), match.span(2))))


def _difference(text: str, equal: _Equal, raised: Span | None) -> Poly:
    """What is zero for every x. Unknown coefficients are called by capital Greek letters."""
    products: list[Poly] = []
    for spans in equal.products:
        product: Poly = {"": Fraction(1)}
        for span in spans:
            product = _times(product, polynomial(text, span, raised))
        products.append(product)
    if equal.cofactor:
        x = _variable(products[0])
        degree = _degree(products[0], x) - _degree(products[1], x)
        products[1] = _times(products[1], {chr(0x391 + k) + x * k: Fraction(1) for k in range(degree + 1)})
    if equal.rest:
        products.append({"\u03a9": Fraction(1)})
    total: Poly = {}
    for index, product in enumerate(products):
        total = _plus(total, product, 1 if index else -1)
    return total


def _degree(poly: Poly, letter: str) -> int:
    return max((m.count(letter) for m in poly), default=0)


def _variable(poly: Poly) -> str:
    """The letter with the highest power, where there is one."""
    letters = sorted({letter for m in poly for letter in m}, key=lambda letter: _degree(poly, letter))
    if not letters or _degree(poly, letters[-1]) < 2 or len(letters) > 6:
        raise NoPolynomialError
    return letters[-1]


def identities(text: str, values: Values) -> Iterator[Tie]:
    r"""``$10x^2-x-24$ can be written as $(Ax-8)(Bx+3)$``, ``the product of ... and ... is ...``, factors, quotients."""
    if "^" not in text or not any(
        word in text for word in ("factor", "roduct", "written", "express", "divi", "frac{A}", "frac{C}")
    ):
        return
    known = {n.span for n in values}
    for equal in islice(_stated(text), MAX_STATED):
        try:
            at = _difference(text, equal, None)
            x = _variable(_Reader(text, equal.products[0][0], None).whole())
            readers = [_Reader(text, span, None) for spans in equal.products for span in spans]
            numbers = [span for reader in readers for span in reader.numbers if span in known]
            told = [span for span in numbers if _is_told(at, _difference(text, equal, span), x)]
        except NoPolynomialError:
            continue
        if told and (at == {} or any(letter != x for m in at for letter in m)):
            yield Tie(tuple(told), "the coefficients of equal polynomials are equal")


def rectangles(text: str, values: Values) -> Iterator[Tie]:
    """``Factor $ab + 5b + 2a + 10$``: of four coefficients in two letters, three tell the fourth."""
    for match in islice(_FACTOR.finditer(text), MAX_STATED) if "Factor" in text else ():
        try:
            reader = _Reader(text, match.span(1), None)
            poly = reader.whole()
        except NoPolynomialError:
            continue
        both = max(poly, key=len, default="")
        corners = [poly.get(m, Fraction()) for m in (both, both[1:], both[:1], "")]
        if len(poly) == 4 and len(set(both)) == 2 == len(both) and corners[0] * corners[3] == corners[1] * corners[2]:
            spans = tuple(n.span for n in values if n.span in reader.numbers)
            yield Tie(spans, "a product of two sums")


def _is_told(at: Poly, raised: Poly, x: str) -> bool:
    """Whether a number cannot move: ``raised`` is what ``at`` becomes if it grows by one."""
    move = _plus(raised, at, -1)
    letters = sorted({letter for m in (*at, *move) for letter in m} - {x})
    anywhere = {letter: Fraction(7 + 3 * k * k + k, 2 + k) for k, letter in enumerate(letters)}
    rows = []
    for power in range(max(_degree(at, x), _degree(move, x)) + 1):
        row = [_slope(at, x, power, anywhere, letter) for letter in letters]
        rows.append([*row, _slope(move, x, power, anywhere, "")])
    return _rank(rows) > _rank([row[:-1] for row in rows])


def _slope(poly: Poly, x: str, power: int, anywhere: dict[str, Fraction], letter: str) -> Fraction:
    """The derivative of a coefficient by a letter (without one, the coefficient itself) at some values of the letters."""
    total = Fraction()
    for m, c in poly.items():
        times = m.count(letter) if letter else 1
        if m.count(x) == power and times:
            worth = c * times
            for other in m.replace(x, "").replace(letter, "", 1) if letter else m.replace(x, ""):
                worth *= anywhere[other]
            total += worth
    return total


def _rank(rows: list[list[Fraction]]) -> int:
    rows = [row[:] for row in rows if any(row)]
    rank = 0
    for column in range(len(rows[0]) if rows else 0):
        pivot = next((i for i in range(rank, len(rows)) if rows[i][column]), None)
        if pivot is None:
            continue
        rows[rank], rows[pivot] = rows[pivot], rows[rank]
        for i in range(rank + 1, len(rows)):
            share = rows[i][column] / rows[rank][column]
            rows[i] = [a - share * b for a, b in zip(rows[i], rows[rank], strict=True)]
        rank += 1
    return rank


RULES = (identities, rectangles)
