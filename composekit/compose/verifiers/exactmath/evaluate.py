r"""From the tree of an expression to its exact value, a :class:`~.algebra.Form`.

Only identities that hold for every value of the variables are used: :math:`(xy)^{1/2}` is not split,
:math:`\sqrt{x^2}` is not :math:`x`. What cannot be written with known atoms becomes an opaque one, named by its exact
argument.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from math import ceil, comb, factorial, floor
from typing import Any

from composekit.compose.verifiers.exactmath import algebra as alg
from composekit.compose.verifiers.exactmath.algebra import Form, Rational, TooLarge, Undecided, Undefined
from composekit.compose.verifiers.exactmath.tree import Node, walk
from composekit.compose.verifiers.exactmath.vocabulary import names

MAX_FACTORIAL = 1_000
MAX_NAME = 20_000  # characters
_RATIOS = {"tan": ("sin", "cos"), "cot": ("cos", "sin"), "sec": (None, "cos"), "csc": (None, "sin")}
_ODD = names("sin arcsin arctan sinh tanh arcsinh arctanh")
_EVEN = names("cos cosh abs")
_TRIG = names("sin cos tan cot sec csc")
# sin(pi * k / 12) as (coefficient, radicand) terms, for k = 0..6
_SINES: dict[int, tuple[tuple[Fraction, int], ...]] = {
    0: (),
    1: ((Fraction(1, 4), 6), (Fraction(-1, 4), 2)),
    2: ((Fraction(1, 2), 1),),
    3: ((Fraction(1, 2), 2),),
    4: ((Fraction(1, 2), 3),),
    5: ((Fraction(1, 4), 6), (Fraction(1, 4), 2)),
    6: ((Fraction(1), 1),),
}


class Evaluator:
    r"""Evaluates trees with one work budget.

    Args:
        sign: What ``\pm`` stands for, +1 or -1; ``\mp`` is its opposite.
        decimal_log: Whether a bare ``\log`` has base ten; otherwise it is the natural one.
    """

    def __init__(self, *, sign: int = 1, decimal_log: bool = False, ring: alg.Ring | None = None) -> None:
        self.ring = ring or alg.Ring()
        self.sign = sign
        self.decimal_log = decimal_log
        self._radians = False

    def form(self, node: Node) -> Form:
        """The exact value; raises Undecided (too large, or no scalar) or Undefined (division by zero, infinity)."""
        rule = getattr(self, f"_{node.kind}", None)
        if rule is None:
            raise Undecided(f"a {node.kind} is no number")
        return rule(*node.args)

    # --- leaves

    def _num(self, value: Rational, _text: str) -> Form:
        return alg.constant(value)

    def _var(self, name: str) -> Form:
        return alg.atom(alg.VARIABLE, name)

    def _const(self, name: str) -> Form:
        if name == "i":
            return alg.I_FORM
        if name == "inf":
            raise Undefined("infinity is no number")
        return alg.atom(alg.CONSTANT, name)

    def _based(self, digits: str, base: int) -> Form:
        return alg.constant(int(digits, base))

    # --- field operations

    def _add(self, *terms: Node) -> Form:
        total = self.form(terms[0])
        for term in terms[1:]:
            total = self.ring.add(total, self.form(term))
        return total

    _mixed = _add

    def _neg(self, a: Node) -> Form:
        return self.ring.neg(self.form(a))

    def _mul(self, *factors: Node) -> Form:
        total = self.form(factors[0])
        for factor in factors[1:]:
            total = self.ring.mul(total, self.form(factor))
        return total

    def _div(self, a: Node, b: Node) -> Form:
        return self.ring.div(self.form(a), self.form(b))

    def _pm(self, a: Node, b: Node) -> Form:
        return self._signed(a, b, self.sign)

    def _mp(self, a: Node, b: Node) -> Form:
        return self._signed(a, b, -self.sign)

    def _signed(self, a: Node, b: Node, sign: int) -> Form:
        right = self.form(b)
        return self.ring.add(self.form(a), right if sign > 0 else self.ring.neg(right))

    def _percent(self, a: Node) -> Form:
        return self.ring.mul(self.form(a), alg.constant(Fraction(1, 100)))

    def _unit(self, a: Node, _unit: Any) -> Form:
        return self.form(a)

    def _degree(self, a: Node) -> Form:
        value = self.form(a)
        if not self._radians:
            return value
        return self.ring.mul(value, Form({((alg.PI_ATOM, 1),): Fraction(1, 180)}))

    # --- powers and roots

    def _pow(self, base: Node, exponent: Node) -> Form:
        return self.power(self.form(base), self.form(exponent))

    def _root(self, radicand: Node, index: Node) -> Form:
        degree, a = self.form(index), self.form(radicand)
        n = alg.as_rational(degree)
        if n is None or n == 0 or Fraction(n).denominator != 1:
            return self.power(a, self.ring.inverse(degree))
        value = alg.as_rational(a)
        if value is not None and value < 0 and n % 2:  # the real root, as everyone writes it
            return self.ring.neg(self.power(alg.constant(-value), alg.constant(Fraction(1, int(n)))))
        return self.power(a, alg.constant(Fraction(1, int(n))))

    def power(self, base: Form, exponent: Form) -> Form:
        """``base ** exponent``, the principal value."""
        q = alg.as_rational(exponent)
        if not base.num:
            if q is None or q <= 0:
                raise Undefined("zero to a power that is not positive")
            return base
        if q is None:
            return self._symbolic_power(base, exponent)
        if Fraction(q).denominator == 1:
            return self.ring.integer_power(base, int(q))
        return self._fractional_power(base, Fraction(q))

    def _fractional_power(self, base: Form, q: Fraction) -> Form:
        if base.den != alg.ONE_POLY:
            return self._opaque("power", base, exponent=q)
        if len(base.num) > 1:
            content = alg.content(base.num)
            rest = Form({m: alg.tidy(Fraction(k) / content) for m, k in base.num.items()})
            return self.ring.mul(self._rational_root(content, q), self._opaque("power", rest, exponent=q))
        ((monomial, c),) = base.num.items()
        positive = [(x, k) for x, k in monomial if x[0] in (alg.PRIME, alg.CONSTANT)]
        unknown = tuple((x, k) for x, k in monomial if x[0] not in (alg.PRIME, alg.CONSTANT))
        out = self._rational_root(abs(Fraction(c)), q)
        for x, k in positive:
            out = self.ring.mul(out, Form(self.ring.term(1, [(x, k * q)])))
        if not unknown and c > 0:
            return out
        if not unknown and q.denominator == 2:
            return self.ring.mul(out, self.ring.integer_power(alg.I_FORM, int(2 * q) % 4))
        if c > 0 and len(unknown) == 1 and unknown[0][1] == 1 and unknown[0][0][0] != alg.IMAGINARY:
            return self.ring.mul(out, Form({((unknown[0][0], q),): 1}))
        return self.ring.mul(out, self._opaque("power", Form({unknown: 1 if c > 0 else -1}), exponent=q))

    def _rational_root(self, value: Fraction, q: Fraction) -> Form:
        """A positive rational to a rational power, as primes with exponents."""
        out = alg.constant(1)
        for number, sign in ((value.numerator, 1), (value.denominator, -1)):
            for p, k in alg.factorise(number):
                out = self.ring.mul(out, Form(self.ring.term(1, [((alg.PRIME, p, ""), sign * k * q)])))
        return out

    def _symbolic_power(self, base: Form, exponent: Form) -> Form:
        """A power whose exponent is no rational number: split over the sum in the exponent and the primes of the base."""
        value = alg.as_rational(base)
        if exponent.den != alg.ONE_POLY:
            return self._opaque("power", base, exponent)
        if value is not None and value > 0:
            fraction = Fraction(value)
            bases = [((alg.PRIME, p, ""), k) for p, k in alg.factorise(fraction.numerator)]
            bases += [((alg.PRIME, p, ""), -k) for p, k in alg.factorise(fraction.denominator)]
        elif len(base.num) == 1 and base.den == alg.ONE_POLY and next(iter(base.num.values())) == 1:
            (monomial,) = base.num
            if len(monomial) != 1 or monomial[0][1] != 1 or monomial[0][0][0] not in (alg.CONSTANT, alg.VARIABLE):
                return self._opaque("power", base, exponent)
            bases = [(monomial[0][0], 1)]
        else:
            return self._opaque("power", base, exponent)
        out = alg.constant(1)
        for x, k in bases:
            for term, coefficient in exponent.num.items():
                out = self.ring.mul(out, self._atom_power(x, term, Fraction(coefficient) * k))
        return out

    def _atom_power(self, x: alg.Atom, monomial: alg.Monomial, c: Fraction) -> Form:
        base = Form({((x, 1),): 1}) if x[0] != alg.PRIME else alg.constant(x[1])
        if monomial == ():
            return self.power(base, alg.constant(alg.tidy(c)))
        if x == alg.E_ATOM and monomial == ((alg.I_ATOM, 1), (alg.PI_ATOM, 1)):
            angle = Form({((alg.PI_ATOM, 1),): alg.tidy(c)})
            return self.ring.add(self._function("cos", angle), self.ring.mul(alg.I_FORM, self._function("sin", angle)))
        name = _name("power", str(x[1:]), Form({monomial: Fraction(1, c.denominator)}).key())
        return Form({(((alg.OPAQUE, 0, name), c.numerator),): 1})

    def _opaque(self, name: str, *arguments: Form, exponent: Rational = 1) -> Form:
        text = _name(name, *(a.key() for a in arguments))
        return Form({(((alg.OPAQUE, 0, text), exponent),): 1})

    # --- functions

    def _fn(self, name: str, argument: Node) -> Form:
        before, self._radians = self._radians, name in _TRIG
        try:
            return self._function(name, self.form(argument))
        finally:
            self._radians = before

    def _function(self, name: str, x: Form) -> Form:
        if name in _RATIOS:
            top, bottom = _RATIOS[name]
            numerator = self._function(top, x) if top else alg.constant(1)
            return self.ring.div(numerator, self._function(bottom, x))
        if name == "exp":
            return self.power(alg.atom(alg.CONSTANT, "e"), x)
        if name == "ln":
            return self._ln(x)
        if name in ("sin", "cos"):
            known = self._known_sine(x, shift=6 if name == "cos" else 0)
            if known is not None:
                return known
        if name in ("arcsin", "arccos", "arctan") and x.key() in (known_angles := _angles(name)):
            return Form(
                {((alg.PI_ATOM, 1),): alg.tidy(Fraction(known_angles[x.key()], 12))} if known_angles[x.key()] else {}
            )
        value = alg.as_rational(x)
        if value is not None and name in ("floor", "ceil", "abs"):
            if name == "abs":
                return alg.constant(value if value >= 0 else -value)
            return alg.constant(int(floor(Fraction(value)) if name == "floor" else ceil(Fraction(value))))
        if value == 0 and name in _ODD:
            return alg.constant(0)
        if (name in _ODD or name in _EVEN) and x.num and x.num[min(x.num)] < 0:
            flipped = self._opaque(name, self.ring.neg(x))
            return self.ring.neg(flipped) if name in _ODD else flipped
        return self._opaque(name, x)

    def _known_sine(self, x: Form, shift: int) -> Form | None:
        """The sine of a multiple of a twelfth of pi, shifted by ``shift`` twelfths."""
        if x.den != alg.ONE_POLY or any(m != ((alg.PI_ATOM, 1),) for m in x.num):
            return None
        twelfths = Fraction(next(iter(x.num.values()), 0)) * 12 + shift
        if twelfths.denominator != 1:
            return None
        k = int(twelfths) % 24
        sign = -1 if k >= 12 else 1
        k %= 12
        out = alg.constant(0)
        for c, radicand in _SINES[min(k, 12 - k)]:
            root = self._rational_root(Fraction(radicand), Fraction(1, 2))
            out = self.ring.add(out, self.ring.mul(alg.constant(alg.tidy(c * sign)), root))
        return out

    def _ln(self, x: Form) -> Form:
        value = alg.as_rational(x)
        if value == 0:
            raise Undefined("the logarithm of zero")
        if value is not None and value > 0:
            out = alg.constant(0)
            for number, sign in ((Fraction(value).numerator, 1), (Fraction(value).denominator, -1)):
                for p, k in alg.factorise(number):
                    out = self.ring.add(out, Form({(((alg.OPAQUE, 0, f"ln({p})"), 1),): sign * k}))
            return out
        if x.den == alg.ONE_POLY and len(x.num) == 1:
            ((monomial, c),) = x.num.items()
            if c == 1 and len(monomial) == 1 and monomial[0][0] == alg.E_ATOM:
                return alg.constant(monomial[0][1])
        return self._opaque("ln", x)

    def _log(self, base: Node | None, argument: Node) -> Form:
        top = self._ln(self.form(argument))
        if base is None and not self.decimal_log:
            return top
        return self.ring.div(top, self._ln(alg.constant(10) if base is None else self.form(base)))

    def _apply(self, name: str, *arguments: Node) -> Form:
        return self._opaque(f"apply {name}", *(self.form(a) for a in arguments))

    def _abs(self, a: Node) -> Form:
        return self._function("abs", self.form(a))

    def _fact(self, a: Node) -> Form:
        form = self.form(a)
        n = alg.as_rational(form)
        if n is None or Fraction(n).denominator != 1:
            return self._opaque("factorial", form)
        if n < 0:
            raise Undefined("the factorial of a negative number")
        if n > MAX_FACTORIAL:
            raise TooLarge(f"a factorial of more than {MAX_FACTORIAL}")
        return alg.constant(factorial(int(n)))

    def _binom(self, n: Node, k: Node) -> Form:
        top, bottom = self.form(n), self.form(k)
        a, b = alg.as_rational(top), alg.as_rational(bottom)
        if not (isinstance(a, int) and isinstance(b, int)) or a < 0:
            return self._opaque("binomial", top, bottom)
        if b < 0 or b > a:
            return alg.constant(0)
        shorter = int(min(b, a - b))
        if shorter > MAX_FACTORIAL or shorter * a.bit_length() > alg.MAX_BITS:
            raise TooLarge(f"a binomial coefficient of more than {alg.MAX_BITS} bits")
        return alg.constant(comb(int(a), shorter))


@lru_cache(maxsize=3)
def _angles(name: str) -> dict[str, int]:
    """The twelfths of pi that an inverse function gives for a value, by the value's key."""
    direct, first, last = {"arcsin": ("sin", -6, 6), "arccos": ("cos", 0, 12), "arctan": ("tan", -4, 4)}[name]
    evaluate = Evaluator()
    angles = {k: Form({((alg.PI_ATOM, 1),): Fraction(k, 12)} if k else {}) for k in range(first, last + 1)}
    if name == "arctan":
        angles = {k: angles[k] for k in (-4, -3, -2, 0, 2, 3, 4)}  # the others have quotients of sums
    return {evaluate._function(direct, angle).key(): k for k, angle in angles.items()}


def _name(function: str, *arguments: str) -> str:
    """The name of the atom that a function value is."""
    text = f"{function}({','.join(arguments)})"
    if len(text) > MAX_NAME:
        raise TooLarge("a function's argument is too long")
    return text


def exact(node: Node, *, sign: int = 1, decimal_log: bool = False) -> Form:
    """The exact value of a scalar tree."""
    return Evaluator(sign=sign, decimal_log=decimal_log).form(node)


def has_bare_log(node: Node) -> bool:
    """Whether a logarithm without a base occurs, which some mean with base ten."""
    return any(n.kind == "log" and n.args[0] is None for n in walk(node))
