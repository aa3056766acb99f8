r"""Exact numbers and the text that writes them.

A value is an ``int``, a :class:`~fractions.Fraction`, or, where a radical or :math:`\pi` is left, a sympy number. No float
ever appears, and no text is ever evaluated: a small recursive-descent parser with size limits reads it. sympy (in the
``math`` extra) is imported when the first radical is met, never before.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any, NamedTuple, TypeAlias

from composekit._errors import ArgumentError
from composekit.compose.units import set_unit_aside, undress

Value: TypeAlias = Any  # int | Fraction | sympy.Expr; sympy has no types of its own

MAX_CHARACTERS = 1000  # of a text that is read as a number
MAX_DIGITS = 200  # of one numeral
MAX_BITS = 4000  # of a numerator or denominator on the way
MAX_NESTING = 24


class NotANumber(ArgumentError):
    """A text that is not exactly one number; ``reason`` says why in a few words."""

    def __init__(self, text: str, reason: str) -> None:
        shown = text if len(text) <= 60 else text[:57] + "..."
        super().__init__(
            f"parse_value: text must be exactly one number; got {shown!r} ({reason}). "
            "Give an integer, a decimal, a fraction, or an expression of roots and pi, with or without a unit."
        )
        self.text, self.reason = text, reason

    def __reduce__(self) -> tuple[Any, ...]:
        return NotANumber, (self.text, self.reason)


class Quantity(NamedTuple):
    """A number with the unit it is written in: ``"percent"``, ``"degrees"``, ``"dollars"``, other words, or nothing."""

    value: Value
    unit: str


def parse_value(text: str) -> Value:
    r"""The exact value of a number as people and LaTeX write it.

    Reads integers, decimals, thousands separators, scientific notation, fractions, mixed numbers, powers, roots,
    :math:`\pi`, and sums, products and quotients of these, inside or outside math delimiters or a box. A unit, a currency
    sign, a percent or a degree sign is set aside: ``50\%`` is 50 (see :func:`parse_quantity` for the unit).

    Args:
        text: The number as text, up to 1000 characters.

    Returns:
        An ``int``, else a ``Fraction``, else a sympy number.

    Raises:
        NotANumber: the text is anything else: words, several numbers, a name, an interval, a complex number, a number in
            another base. The reason is in the message.

    Example:
        >>> parse_value("10,\\!080"), parse_value("-1.25"), parse_value("1\\frac{4}{5}"), parse_value("30^\\circ")
        (10080, Fraction(-5, 4), Fraction(9, 5), 30)
        >>> parse_value("3, 5, 7")
        Traceback (most recent call last):
        ...
        composekit.compose.numbers.NotANumber: parse_value: text must be exactly one number; got '3, 5, 7' (...
    """
    return parse_quantity(text).value


def parse_quantity(text: str) -> Quantity:
    r"""The exact value of a number, and the unit that stands with it.

    Example:
        >>> parse_quantity("\\$18.90"), parse_quantity("5.4 \\text{ cents}")
        (Quantity(value=Fraction(189, 10), unit='dollars'), Quantity(value=Fraction(27, 5), unit='cents'))
    """
    if not isinstance(text, str):
        raise NotANumber(repr(text), "no text")
    if len(text) > MAX_CHARACTERS:
        raise NotANumber(text, f"longer than {MAX_CHARACTERS} characters")
    body, unit = set_unit_aside(undress(text))
    if not body:
        raise NotANumber(text, "no digits")
    return Quantity(_Reader(body, text).read(), unit)


def radical_from_text(text: str) -> Value:
    """The number that ``str`` of a sympy number wrote, read without evaluating text.

    Example:
        >>> radical_from_text("3*sqrt(13)/2 + pi")
        pi + 3*sqrt(13)/2
    """
    return parse_value(text)


def format_plain(value: Value) -> str:
    """The number as plain text: an integer, a finite decimal of at most four places, or ``a/b``.

    Example:
        >>> format_plain(-12), format_plain(Fraction(5, 4)), format_plain(Fraction(7, 3))
        ('-12', '1.25', '7/3')
    """
    if isinstance(value, (int, Fraction)):
        return _decimal(Fraction(value)) or str(value)
    return str(value)


def format_latex(value: Value) -> str:
    r"""The number as LaTeX, without delimiters.

    Example:
        >>> format_latex(-12), format_latex(Fraction(5, 4)), format_latex(Fraction(-7, 3))
        ('-12', '1.25', '-\\frac{7}{3}')
    """
    if isinstance(value, int):
        return str(value)
    if isinstance(value, Fraction):
        sign = "-" if value < 0 else ""
        return _decimal(value) or rf"{sign}\frac{{{abs(value.numerator)}}}{{{value.denominator}}}"
    from sympy import latex

    return str(latex(value))


def _decimal(value: Fraction) -> str | None:
    """The value in at most four decimal places, None where they do not hold it exactly."""
    scaled, rest = divmod(value.numerator * 10**4, value.denominator)
    if rest:
        return None
    whole, places = divmod(abs(scaled), 10**4)
    tail = f"{places:04d}".rstrip("0")
    return f"{'-' if scaled < 0 else ''}{whole}" + (f".{tail}" if tail else "")


# --- the number itself ---------------------------------------------------------------------------------------------

_TOKEN = re.compile(
    r"\s*(?:(?P<number>(?:[0-9]{1,3}(?:,[0-9]{3})+(?![0-9])|[0-9]+)(?:\.[0-9]+)?|\.[0-9]+)(?P<ten>[eE][-+]?[0-9]{1,4}(?![0-9A-Za-z]))?"
    r"|(?P<name>\\[A-Za-z]+|sqrt|pi)|(?P<mark>\*\*|[-+*/^(){}\[\]]))"
)


class _Reader:
    """Recursive descent over one number. Every method leaves ``self.at`` behind what it has read."""

    def __init__(self, body: str, text: str) -> None:
        self.text, self.at, self.nesting = text, 0, 0
        self.tokens = self._split(body)

    def _split(self, body: str) -> list[str]:
        tokens: list[str] = []
        at = 0
        while at < len(body):
            match = _TOKEN.match(body, at)
            if match is None:
                raise self.fail(_why_not(body[at:].lstrip()))
            tokens.append(match[0].strip())
            at = match.end()
        return tokens

    def fail(self, reason: str) -> NotANumber:
        return NotANumber(self.text, reason)

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, expected: str = "") -> str:
        token = self.peek()
        if expected and token != expected:
            raise self.fail(f"{expected!r} is missing")
        self.at += 1
        return token

    def read(self) -> Value:
        value = self.sum()
        if self.peek():
            raise self.fail("more than one number")
        return tidy(value)

    def sum(self) -> Value:
        self.nesting += 1
        if self.nesting > MAX_NESTING:
            raise self.fail("nested too deeply")
        value = self.product()
        while self.peek() in ("+", "-"):
            sign = 1 if self.take() == "+" else -1
            value = self.sized(value + sign * self.product())
        self.nesting -= 1
        return value

    def product(self) -> Value:
        value, divided = self.signed(), False
        while True:
            token = self.peek()
            if token in ("*", r"\cdot", r"\times"):
                self.take()
                value = self.sized(value * self.signed())
            elif token == "/":
                if divided:
                    raise self.fail("more than one slash")
                self.take()
                divided = True
                value = self.quotient(value, self.signed())
            elif token in (r"\sqrt", r"\pi", "sqrt", "pi"):  # 2\sqrt{3}: a product that needs no sign
                if divided:
                    raise self.fail("a factor after a slash")
                value = self.sized(value * self.power())
            else:
                return value

    def signed(self) -> Value:
        sign = 1
        for _ in range(2):
            if self.peek() in ("+", "-"):
                sign *= -1 if self.take() == "-" else 1
        return sign * self.power()

    def power(self) -> Value:
        base = self.atom()
        if self.peek() not in ("^", "**"):
            return base
        self.take()
        exponent: Value = tidy(self.signed() if self.peek() == "-" else self.atom())
        if not isinstance(exponent, (int, Fraction)) or not -400 <= exponent <= 400:
            raise self.fail("an exponent that is not a small number")
        if base == 0 and exponent <= 0:
            raise self.fail("a power of zero")
        if isinstance(exponent, int):
            if abs(exponent) * _bits(base) > MAX_BITS:
                raise self.fail("too large")
            return Fraction(base) ** exponent if isinstance(base, (int, Fraction)) else base**exponent
        return self.root(base**exponent.numerator if abs(exponent) <= 8 else base, exponent.denominator)

    def atom(self) -> Value:
        token = self.take()
        if token[:1].isdigit() or token[:1] == ".":
            return self.number(token)
        if token in ("(", "{"):
            value = self.sum()
            self.take(")" if token == "(" else "}")
            return value
        if token == r"\frac":
            return self.quotient(self.argument(), self.argument())
        if token in (r"\sqrt", "sqrt"):
            index = 2
            if self.peek() == "[":
                self.take()
                index = tidy(self.sum())
                self.take("]")
            return self.root(self.argument(), index)
        if token in (r"\pi", "pi"):
            return _sympy(self.text).pi
        if token == r"\circ":
            raise self.fail("a degree sign inside")
        raise self.fail("no number" if not token else f"unexpected {token!r}")

    def number(self, token: str) -> Value:
        if len(token) > MAX_DIGITS:
            raise self.fail("too many digits")
        mantissa, _, ten = token.replace(",", "").lower().partition("e")
        if ten and abs(int(ten)) > 400:
            raise self.fail("too large")
        value = Fraction(mantissa) * Fraction(10) ** int(ten or 0)
        follows = self.peek()
        if not token.isdigit():
            return value
        if follows == r"\frac":  # a mixed number, 1\frac{4}{5}
            self.take()
            return self.mixed(value, tidy(self.quotient(self.argument(), self.argument())))
        if follows.isdigit() and self.tokens[self.at + 1 : self.at + 2] == ["/"]:  # 1 4/5
            top = Fraction(self.take())
            self.take("/")
            return self.mixed(value, tidy(self.quotient(top, self.atom())))
        return value

    def mixed(self, whole: Fraction, part: Value) -> Fraction:
        if not isinstance(part, Fraction) or not 0 < part < 1:
            raise self.fail("more than one number")
        return whole + part

    def argument(self) -> Value:
        r"""What a command takes: a group, or a single token, of which \frac34 takes one digit each."""
        token = self.peek()
        if token in ("{", "("):
            return self.atom()
        if token.isdigit() and len(token) > 1:
            self.tokens[self.at] = token[1:]
            return Fraction(token[0])
        if token.isdigit():
            return Fraction(self.take())
        if token in (r"\pi", r"\sqrt", r"\frac"):
            return self.atom()
        raise self.fail("a command without its argument")

    def quotient(self, top: Value, bottom: Value) -> Value:
        if tidy(bottom) == 0:
            raise self.fail("division by zero")
        exact = isinstance(top, (int, Fraction)) and isinstance(bottom, (int, Fraction))
        return self.sized(Fraction(top) / Fraction(bottom) if exact else top / bottom)

    def root(self, radicand: Value, index: Value) -> Value:
        radicand = tidy(radicand)
        if not isinstance(index, int) or not 2 <= index <= 12:
            raise self.fail("a root's index that is not from 2 to 12")
        if not isinstance(radicand, (int, Fraction)) or _bits(radicand) > 64:
            raise self.fail("a root of something that is not a small number")
        if radicand < 0:
            raise self.fail("a root of a negative number")
        sympy = _sympy(self.text)
        return sympy.root(sympy.Rational(radicand.numerator, radicand.denominator), index)

    def sized(self, value: Value) -> Value:
        if _bits(value) > MAX_BITS:
            raise self.fail("too large")
        return value


def _bits(value: Value) -> int:
    if isinstance(value, (int, Fraction)):
        return max(value.numerator.bit_length(), value.denominator.bit_length())
    return 64 * (1 + int(value.count_ops()))


def tidy(value: Value) -> Value:
    """An int where it is one, a Fraction where it is one, else the simplified sympy number."""
    if isinstance(value, (int, Fraction)):
        return value.numerator if value.denominator == 1 else value
    if not value.is_Rational:
        value = value.expand()
    if not value.is_Rational:
        return value
    return tidy(Fraction(int(value.p), int(value.q)))


def _sympy(text: str) -> Any:
    try:
        import sympy
    except ImportError:
        raise NotANumber(text, "radicals and pi need sympy: pip install 'composekit[math]'") from None
    return sympy


def _why_not(rest: str) -> str:
    """What the first thing that no number holds says about the text."""
    head = rest[:1]
    if head in ",;":
        return "several numbers"
    if head in "=<>" or rest.startswith((r"\le", r"\ge", r"\in", r"\neq")):
        return "an equation or a relation"
    if rest.startswith(".."):
        return "digits that go on"
    if head == "_":
        return "a number in another base, or an index"
    if head == "°":
        return "a degree sign inside"
    if rest.startswith((r"\pm", "±")):
        return "two values"
    if rest.startswith((r"\text", r"\mbox", r"\mathrm")) or (head.isalpha() and rest[1:2].isalpha()):
        return "words"
    if rest.startswith(r"\begin"):
        return "a matrix"
    if head.isalpha():
        return f"the letter {head!r}"
    return f"unexpected {rest[:12]!r}"
