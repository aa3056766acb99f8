r"""Exact arithmetic: quotients of polynomials over the rationals in numbers, constants and variables.

A *monomial* is a product of atoms with exponents, a *polynomial* a map from monomials to rational coefficients. Atoms are

* primes with a fractional exponent, so :math:`\sqrt{12} = 2 \cdot 3^{1/2}`. Products of such radicals are linearly
independent
  over the rationals (Besicovitch 1940), so equal numbers have equal polynomials;
* :math:`i`, with exponent 0 or 1;
* :math:`\pi`, :math:`e` and variables, which nothing known relates to each other or to the radicals;
* *opaque* atoms: function values, nested radicals, powers with a variable in the exponent. Relations between them are not
  known here, so two expressions that differ in opaque atoms are not proved different.

Every operation is charged to a budget, so that no input can keep the interpreter busy.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from math import gcd, lcm
from typing import NamedTuple

Rational = int | Fraction
Atom = tuple[int, int, str]  # kind, prime (of kind PRIME) and name; the kinds sort in the order of these numbers
Monomial = tuple[tuple[Atom, Rational], ...]
Poly = Mapping[Monomial, Rational]

PRIME, IMAGINARY, CONSTANT, VARIABLE, OPAQUE = range(5)
I_ATOM: Atom = (IMAGINARY, 0, "i")
PI_ATOM: Atom = (CONSTANT, 0, "pi")
E_ATOM: Atom = (CONSTANT, 0, "e")

ONE_POLY: Poly = {(): 1}
MAX_BITS = 16_384
MAX_TERMS = 400
MAX_WORK = 60_000
MAX_POWER = 40
_SMALL_PRIMES = 1_000


class Undecided(Exception):
    """The exact path does not know; a slower judge may."""


class TooLarge(Undecided):
    """A limit on size stopped the computation."""


class Undefined(Exception):
    """A division by zero, or another value that does not exist."""


class Form(NamedTuple):
    """A quotient of two polynomials; the denominator is never the zero polynomial."""

    num: Poly
    den: Poly = ONE_POLY

    @property
    def atoms(self) -> set[Atom]:
        """Every atom in numerator and denominator."""
        return {atom for poly in self for monomial in poly for atom, _ in monomial}

    def key(self) -> str:
        """A text that is the same for forms that are written the same way. No quotes: they double where keys nest."""
        return f"{_written(self.num)}/{_written(self.den)}"


def _written(poly: Poly) -> str:
    terms = ((c, [f"[{kind},{prime},{name}^{k}]" for (kind, prime, name), k in m]) for m, c in sorted(poly.items()))
    return "+".join(f"{c}{''.join(atoms)}" for c, atoms in terms)


def constant(value: Rational) -> Form:
    """A rational number."""
    return Form({(): value} if value else {})


def atom(kind: int, name: str) -> Form:
    """One atom to the power one."""
    return Form({(((kind, 0, name), 1),): 1})


I_FORM = Form({((I_ATOM, 1),): 1})


def as_rational(form: Form) -> Rational | None:
    """The value, if it is a rational number written without atoms."""
    if form.den is not ONE_POLY and form.den != ONE_POLY:
        return None
    if not form.num:
        return 0
    return form.num.get(()) if len(form.num) == 1 else None


def is_opaque(form: Form) -> bool:
    """Whether an atom occurs whose relations to others are not known."""
    return any(a[0] == OPAQUE for a in form.atoms)


def tidy(value: Rational) -> Rational:
    """A whole fraction as an int: ints are an order of magnitude faster."""
    return value.numerator if isinstance(value, Fraction) and value.denominator == 1 else value


@lru_cache(maxsize=2048)
def factorise(n: int) -> tuple[tuple[int, int], ...]:
    """The prime factors of a positive integer; raises :class:`Undecided` where they are hard to find."""
    out = []
    for p in _primes():
        if p * p > n:
            break
        k = 0
        while n % p == 0:
            n //= p
            k += 1
        if k:
            out.append((p, k))
    if n > 1:
        if n >= _SMALL_PRIMES**2:
            raise TooLarge("a radicand or base is hard to factor")
        out.append((n, 1))
    return tuple(out)


@lru_cache(maxsize=1)
def _primes() -> tuple[int, ...]:
    sieve = bytearray([1]) * (_SMALL_PRIMES + 1)
    for i in range(2, int(_SMALL_PRIMES**0.5) + 1):
        if sieve[i]:
            sieve[i * i :: i] = bytes(len(range(i * i, _SMALL_PRIMES + 1, i)))
    return tuple(i for i in range(2, _SMALL_PRIMES + 1) if sieve[i])


class Ring:
    """The operations, with one budget for all that is computed through this object."""

    def __init__(self) -> None:
        self.work = 0

    def charge(self, amount: int) -> None:
        """Spend some of the budget; raises :class:`TooLarge` when it is gone."""
        self.work += amount
        if self.work > MAX_WORK:
            raise TooLarge("the expression is too large to expand")

    def add(self, a: Form, b: Form) -> Form:
        """The sum of two forms."""
        if a.den == b.den:
            return Form(self._add(a.num, b.num), a.den)
        num = self._add(self._mul(a.num, b.den), self._mul(b.num, a.den))
        return Form(num, self._mul(a.den, b.den))

    def neg(self, a: Form) -> Form:
        """The form with the opposite sign."""
        return Form({m: -c for m, c in a.num.items()}, a.den)

    def sub(self, a: Form, b: Form) -> Form:
        """The difference of two forms."""
        return self.add(a, self.neg(b))

    def mul(self, a: Form, b: Form) -> Form:
        """The product of two forms."""
        num = self._mul(a.num, b.num)
        return Form(num, ONE_POLY if not num else self._mul(a.den, b.den))

    def inverse(self, a: Form) -> Form:
        """One over a form; raises :class:`Undefined` for zero."""
        if not a.num:
            raise Undefined("division by zero")
        if len(a.num) == 1:
            ((monomial, c),) = a.num.items()
            return self.mul(Form(a.den), Form(self.term(Fraction(1) / c, [(x, -k) for x, k in monomial])))
        return Form(a.den, a.num)

    def div(self, a: Form, b: Form) -> Form:
        """The quotient of two forms."""
        return self.mul(a, self.inverse(b))

    def integer_power(self, a: Form, k: int) -> Form:
        """``a ** k`` for an integer, by repeated multiplication unless ``a`` is a single term."""
        if k < 0:
            return self.integer_power(self.inverse(a), -k)
        if k == 0:
            return constant(1)
        if len(a.num) == 1 and a.den == ONE_POLY:
            ((monomial, c),) = a.num.items()
            bits = (abs(c.numerator).bit_length() + c.denominator.bit_length() - 2) * k
            if bits > MAX_BITS:
                return self._long_power(c, k) if not monomial else self._too_long()
            return Form(self.term(Fraction(c) ** k, [(x, e * k) for x, e in monomial]))
        if k > MAX_POWER:
            raise TooLarge(f"a sum is raised to a power over {MAX_POWER}")
        out = constant(1)
        for bit in f"{k:b}":
            out = self.mul(out, out)
            out = self.mul(out, a) if bit == "1" else out
        return out

    def _long_power(self, c: Rational, k: int) -> Form:
        """A power that is too long to write out, as powers of primes: enough to see that 4^50000 is 2^100000."""
        if c < 0 or k.bit_length() > MAX_BITS:
            return self._too_long()
        factors = [(p, e * k) for p, e in factorise(Fraction(c).numerator)]
        factors += [(p, -e * k) for p, e in factorise(Fraction(c).denominator)]
        return Form({tuple(sorted(((OPAQUE, 0, f"long power({p})"), e) for p, e in factors)): 1})

    def _too_long(self) -> Form:
        raise TooLarge(f"a power has more than {MAX_BITS} bits")

    def equal(self, a: Form, b: Form) -> bool:
        """Whether two forms are equal; raises :class:`Undecided` if opaque atoms leave it open."""
        difference = self._add(self._mul(a.num, b.den), {m: -c for m, c in self._mul(b.num, a.den).items()})
        if not difference:
            return True
        if any(x[0] == OPAQUE for m in difference for x, _ in m):
            raise Undecided("function values or nested radicals may be related")
        return False

    def _add(self, a: Poly, b: Poly) -> Poly:
        self.charge((len(a) + len(b)) * (1 + (_bits(a) + _bits(b) >> 9) ** 2))
        out = dict(a)
        for monomial, c in b.items():
            total = out.get(monomial, 0) + c
            if total:
                out[monomial] = total
            else:
                out.pop(monomial, None)
        return _checked(out)

    def _mul(self, a: Poly, b: Poly) -> Poly:
        if a is ONE_POLY:
            return b
        if b is ONE_POLY:
            return a
        # Reducing a fraction costs the square of its length, so long coefficients pay for it; so do terms of many atoms.
        width = max(map(len, a), default=0) + max(map(len, b), default=0)
        self.charge(len(a) * len(b) * (1 + width // 2 + (_bits(a) + _bits(b) >> 9) ** 2))
        out: dict[Monomial, Rational] = {}
        for ma, ca in a.items():
            for mb, cb in b.items():
                for monomial, c in self.term(ca * cb, [*ma, *mb]).items():
                    total = out.get(monomial, 0) + c
                    if total:
                        out[monomial] = total
                    else:
                        out.pop(monomial, None)
        return _checked(out)

    def term(self, c: Rational, factors: list[tuple[Atom, Rational]]) -> Poly:
        """One term in normal form: exponents added up, whole powers of primes and of i moved into the coefficient."""
        if not factors:
            return {(): tidy(c)} if c else {}
        exponents: dict[Atom, Rational] = {}
        for x, k in factors:
            exponents[x] = exponents.get(x, 0) + k
        out = []
        for x, k in sorted(exponents.items()):
            if x[0] == PRIME:
                whole = k.numerator // k.denominator
                if abs(whole) * x[1].bit_length() > MAX_BITS:
                    raise TooLarge(f"a power has more than {MAX_BITS} bits")
                c, k = c * Fraction(x[1]) ** whole, k - whole
            elif x[0] == IMAGINARY:
                c, k = (-c if k % 4 in (2, 3) else c), k % 2
            if k:
                out.append((x, tidy(k)))
        return {tuple(out): tidy(c)} if c else {}


def _checked(poly: dict[Monomial, Rational]) -> Poly:
    if len(poly) > MAX_TERMS:
        raise TooLarge(f"a polynomial has more than {MAX_TERMS} terms")
    if _bits(poly) > 2 * MAX_BITS:
        raise TooLarge(f"a coefficient has more than {2 * MAX_BITS} bits")
    return poly


def _bits(poly: Poly) -> int:
    """The length of the longest coefficient."""
    return max((c.numerator.bit_length() + c.denominator.bit_length() for c in poly.values()), default=0)


def content(poly: Poly) -> Fraction:
    """The positive rational that makes the coefficients coprime integers when divided out."""
    numerators = gcd(*(c.numerator for c in poly.values()))
    return Fraction(numerators, lcm(*(c.denominator for c in poly.values())))
