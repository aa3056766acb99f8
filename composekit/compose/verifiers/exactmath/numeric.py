r"""Values with error bounds, to show that two expressions differ.

Each operation returns a value and a bound on its rounding error. With floats a difference far beyond the bounds *refutes*
equality, which spares the slow judge most wrong answers. With mpmath's long numbers (in the worker) agreement to dozens of
digits more than the literals hold, at points on both sides of zero, is taken as equality.
"""

from __future__ import annotations

import cmath
import hashlib
import math
import random
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any, ClassVar

from composekit.compose.verifiers.exactmath.algebra import TooLarge
from composekit.compose.verifiers.exactmath.tree import Node, variables

# Sample points: irrational-looking, of different sizes, far from special values. Positive ones may refute; a variable
# is often meant to be positive, so a difference at a negative point alone proves nothing.
_POINTS = (0.7390851, 1.3247179, 2.6854520, 0.3275822, 3.7168146, 1.9021605, 0.5671432, 4.1327313)
_LARGEST_BINOMIAL = 1_100  # if both parts are larger it is beyond the range of floats


class Unable(Exception):
    """No value: a pole, an overflow, or an operation that is not known here."""


class OutOfRange(Unable):
    """No value because a number is too large for the arithmetic."""


class FloatArithmetic:
    """Complex double precision."""

    epsilon = 4e-16
    sin, cos, log, exp = (staticmethod(f) for f in (cmath.sin, cmath.cos, cmath.log, cmath.exp))
    functions: ClassVar[dict[str, Callable[[complex], complex]]] = {
        "tan": cmath.tan, "sinh": cmath.sinh, "cosh": cmath.cosh, "tanh": cmath.tanh, "arcsin": cmath.asin,
        "arccos": cmath.acos, "arctan": cmath.atan, "arcsinh": cmath.asinh, "arccosh": cmath.acosh,
        "arctanh": cmath.atanh, "sec": lambda z: 1 / cmath.cos(z), "csc": lambda z: 1 / cmath.sin(z),
        "cot": lambda z: cmath.cos(z) / cmath.sin(z), "abs": lambda z: complex(abs(z)),
    }  # fmt: skip
    constants: ClassVar[dict[str, complex]] = {"pi": complex(math.pi), "e": complex(math.e), "i": 1j}

    @staticmethod
    def rational(value: Fraction | int) -> complex:
        """The nearest float; raises OverflowError out of range."""
        return complex(float(value))


class LongArithmetic:
    """mpmath's complex numbers with ``digits`` decimal digits."""

    def __init__(self, mp: Any, digits: int) -> None:
        self.mp = mp
        mp.dps = digits
        self.epsilon = mp.mpf(10) ** (2 - digits)
        self.sin, self.cos, self.log, self.exp = mp.sin, mp.cos, mp.log, mp.exp
        self.functions: dict[str, Callable[[Any], Any]] = {
            "arcsin": mp.asin, "arccos": mp.acos, "arctan": mp.atan, "arcsinh": mp.asinh, "arccosh": mp.acosh,
            "arctanh": mp.atanh, "abs": lambda z: mp.mpc(abs(z)),
        } | {f: getattr(mp, f) for f in ("tan", "sinh", "cosh", "tanh", "sec", "csc", "cot")}  # fmt: skip
        self.constants = {"pi": mp.mpc(mp.pi), "e": mp.mpc(mp.e), "i": mp.mpc(0, 1)}

    def rational(self, value: Fraction | int) -> Any:
        """The nearest long number."""
        value = Fraction(value)
        return self.mp.mpc(self.mp.mpf(value.numerator) / value.denominator)


Bounded = tuple[Any, Any]  # value, bound on the error


class Sampler:
    """Evaluates trees at one point, with error bounds.

    Args:
        arithmetic: :class:`FloatArithmetic` or a :class:`LongArithmetic`.
        point: The value of each variable, and of each function value ``f(...)`` under its name.
        sign, decimal_log: As for :class:`~.evaluate.Evaluator`.
    """

    def __init__(self, arithmetic: Any, point: dict[str, Any], *, sign: int = 1, decimal_log: bool = False) -> None:
        self.a = arithmetic
        self.point = point
        self.sign = sign
        self.decimal_log = decimal_log
        self._radians = False

    def value(self, node: Node) -> Bounded:
        """The value and its error bound; raises :class:`Unable`."""
        rule = getattr(self, f"_{node.kind}", None)
        if rule is None:
            raise Unable(node.kind)
        try:
            value, error = rule(*node.args)
        except OverflowError as problem:
            raise OutOfRange(str(problem)) from problem
        except (ArithmeticError, ValueError) as problem:
            raise Unable(str(problem)) from problem
        if not (abs(value) < math.inf and error < math.inf):
            raise OutOfRange("not finite")
        return value, error

    def _exactly(self, value: Any) -> Bounded:
        return value, abs(value) * self.a.epsilon

    def _num(self, value: Fraction | int, _text: str) -> Bounded:
        return self._exactly(self.a.rational(value))

    def _based(self, digits: str, base: int) -> Bounded:
        return self._exactly(self.a.rational(int(digits, base)))

    def _const(self, name: str) -> Bounded:
        if name not in self.a.constants:
            raise Unable(name)
        return self._exactly(self.a.constants[name])

    def _var(self, name: str) -> Bounded:
        return self._exactly(self.point[name])

    def _add(self, *terms: Node) -> Bounded:
        return self._total([self.value(t) for t in terms])

    _mixed = _add

    def _total(self, values: list[Bounded]) -> Bounded:
        total = sum(v for v, _ in values)
        size = sum(abs(v) for v, _ in values)
        return total, sum(e for _, e in values) + size * self.a.epsilon

    def _neg(self, x: Node) -> Bounded:
        value, error = self.value(x)
        return -value, error

    def _pm(self, x: Node, y: Node) -> Bounded:
        return self._add(x, y if self.sign > 0 else Node("neg", (y,)))

    def _mp(self, x: Node, y: Node) -> Bounded:
        return self._add(x, y if self.sign < 0 else Node("neg", (y,)))

    def _mul(self, *factors: Node) -> Bounded:
        value, error = self.value(factors[0])
        for factor in factors[1:]:
            v, e = self.value(factor)
            value, error = value * v, abs(value) * e + abs(v) * error + abs(value * v) * self.a.epsilon
        return value, error

    def _div(self, x: Node, y: Node) -> Bounded:
        (a, ea), (b, eb) = self.value(x), self.value(y)
        if abs(b) <= 4 * eb:
            raise Unable("the denominator may be zero")
        q = a / b
        return q, (ea + abs(q) * eb) / (abs(b) - eb) + abs(q) * self.a.epsilon

    def _percent(self, x: Node) -> Bounded:
        value, error = self.value(x)
        return value / 100, error / 100

    def _unit(self, x: Node, _unit: Any) -> Bounded:
        return self.value(x)

    def _degree(self, x: Node) -> Bounded:
        value, error = self.value(x)
        factor = self.a.constants["pi"].real / 180 if self._radians else 1
        return value * factor, error * factor

    def _pow(self, base: Node, exponent: Node) -> Bounded:
        return self._power(self.value(base), self.value(exponent))

    def _power(self, base: Bounded, exponent: Bounded) -> Bounded:
        (b, eb), (p, ep) = base, exponent
        if abs(b) <= 4 * eb:
            raise Unable("the base may be zero")
        n = round(p.real) if abs(p.real) < 1e6 else None
        if n is not None and abs(p - n) <= ep and abs(n) <= 400:
            value = b**n
            return value, abs(value) * (abs(n) * (eb / abs(b) + self.a.epsilon))
        log_b = self.a.log(b)
        exponent_error = abs(log_b) * ep + abs(p) * (eb / (abs(b) - eb) + abs(log_b) * self.a.epsilon)
        if b.real < 0 and abs(b.imag) <= 4 * eb and p.imag == 0 and not float(p.real).is_integer():
            b = b.real + 0j  # a rounding error must not choose the side of the branch cut
            log_b = self.a.log(b)
        value = self.a.exp(p * log_b)
        return value, abs(value) * (2 * exponent_error + self.a.epsilon)

    def _root(self, radicand: Node, index: Node) -> Bounded:
        n = index.args[0] if index.kind == "num" else None
        value, error = self.value(radicand)  # once: twice a level would take for ever
        power = self.value(Node("div", (Node("num", (1, "")), index)))
        if n is not None and n % 2 == 1 and value.imag == 0 and value.real < 0:
            root, error = self._power((-value, error), power)
            return -root, error
        return self._power((value, error), power)

    def _fn(self, name: str, argument: Node) -> Bounded:
        before, self._radians = self._radians, name in ("sin", "cos", "tan", "cot", "sec", "csc")
        try:
            x, error = self.value(argument)
        finally:
            self._radians = before
        return self._apply_function(name, x, error)

    def _apply_function(self, name: str, x: Any, error: Any) -> Bounded:
        known = {"sin": self.a.sin, "cos": self.a.cos, "ln": self.a.log, "exp": self.a.exp}
        f = known.get(name) or self.a.functions.get(name)
        if f is None or (name == "ln" and abs(x) <= 4 * error):
            raise Unable(name)
        value = f(x)
        # The slope is measured over a step that is far larger than the error, so that rounding does not hide it.
        step = max(abs(x), 1) * self.a.epsilon**0.5 + error
        slope = max(abs(f(x + step) - value), abs(f(x - step) - value)) / step
        return value, 4 * slope * error + abs(value) * self.a.epsilon * 4

    def _log(self, base: Node | None, argument: Node) -> Bounded:
        top = self._apply_function("ln", *self.value(argument))
        if base is None and not self.decimal_log:
            return top
        bottom = self._exactly(self.a.rational(10)) if base is None else self.value(base)
        b, eb = self._apply_function("ln", *bottom)
        if abs(b) <= 4 * eb:
            raise Unable("base one")
        q = top[0] / b
        return q, (top[1] + abs(q) * eb) / (abs(b) - eb) + abs(q) * self.a.epsilon

    def _fact(self, x: Node) -> Bounded:
        value, error = self.value(x)
        n = round(value.real)
        if n > 170:  # beyond the range of floats; whoever needs it has the exact path
            raise OutOfRange("a factorial")
        if n < 0 or abs(value - n) > error + 1e-9:
            raise Unable("the factorial of no whole number")
        return self._exactly(self.a.rational(math.factorial(n)))

    def _binom(self, top: Node, bottom: Node) -> Bounded:
        (a, ea), (b, eb) = self.value(top), self.value(bottom)
        n, k = round(a.real), round(b.real)
        if abs(k) > _LARGEST_BINOMIAL < abs(n - k):
            raise OutOfRange("a binomial coefficient")
        if not 0 <= k <= n or abs(a - n) > ea + 1e-9 or abs(b - k) > eb + 1e-9:
            raise Unable("a binomial coefficient of no whole numbers")
        return self._exactly(self.a.rational(math.comb(n, k)))

    def _abs(self, x: Node) -> Bounded:
        value, error = self.value(x)
        return abs(value) + 0j, error


class WatchfulSampler(Sampler):
    r"""A sampler that notes where a number that is not zero leaves no trace: :math:`5 + e^{-e^{20}}` is 5 to any precision
    that one can afford, and :math:`\tanh 10000` is 1.
    """

    vanished = False

    def _total(self, values: list[Bounded]) -> Bounded:
        total, error = super()._total(values)
        self._note(any(1_000 * e < abs(v) <= error for v, e in values))
        return total, error

    def _power(self, base: Bounded, exponent: Bounded) -> Bounded:
        value, error = super()._power(base, exponent)
        (b, eb), (p, ep) = base, exponent
        self._note(1_000 * ep < abs(p) < 1e-9 and abs(b - 1) > 1_000 * eb and abs(value - 1) <= 4 * self.a.epsilon)
        return value, error

    def _apply_function(self, name: str, x: Any, error: Any) -> Bounded:
        value, bound = super()._apply_function(name, x, error)
        if abs(x) > 1_000 * error:
            flat = name in ("cos", "cosh", "sec") and abs(x) ** 2 <= self.a.epsilon
            full = name == "tanh" and abs(abs(value) - 1) <= 4 * self.a.epsilon
            far = name == "arctan" and abs(x) * self.a.epsilon >= 1
            self._note(flat or full or far or (name == "exp" and abs(x) <= self.a.epsilon))
        return value, bound

    def _note(self, vanished: bool) -> None:
        self.vanished = self.vanished or vanished


def _points(names: Iterable[str], count: int, *, positive: bool) -> Iterable[dict[str, float]]:
    ordered = sorted(names)
    for k in range(count):
        values = {}
        for j, name in enumerate(ordered):
            x = _POINTS[(3 * k + 5 * j) % len(_POINTS)] + 0.0113 * j + 0.0071 * k
            values[name] = x if positive or (k + j) % 2 == 0 else -x
        yield values


def out_of_range(node: Node) -> bool:
    """Whether a number in the expression is too large for a float: a tower of powers, say."""
    try:
        Sampler(FloatArithmetic, dict.fromkeys(variables(node), 1.37 + 0j)).value(node)
    except OutOfRange:
        return True
    except Unable:
        return False
    return False


def refuted(g: Node, a: Node, *, sign: int = 1, decimal_log: bool = False) -> bool:
    """Whether two expressions certainly differ at some positive point, in double precision."""
    names = variables(g) | variables(a)
    for point in _points(names, 3 if names else 1, positive=True):
        sampler = Sampler(
            FloatArithmetic, {n: complex(v) for n, v in point.items()}, sign=sign, decimal_log=decimal_log
        )
        try:
            (x, ex), (y, ey) = sampler.value(g), sampler.value(a)
        except Unable:
            continue
        if abs(x - y) > 1_000 * (ex + ey):
            return True
    return False


def agree(
    g: Node, a: Node, mp: Any, digits: int, *, sign: int = 1, decimal_log: bool = False, whole: bool = False
) -> bool | None:
    """Whether two expressions agree to ``digits`` digits at several points; None where too few points have values.

    Raises:
        TooLarge: ``whole``, and they agree only where a part of them is too small to show.
    """
    names = variables(g) | variables(a)
    arithmetic = LongArithmetic(mp, digits + 20)
    # The points follow from the two expressions, so that no answer can be built to vanish at points known beforehand.
    shift = random.Random(hashlib.sha256(repr((g, a)).encode()).digest())
    seen = hidden = 0
    for point in _points(names, 6 if names else 1, positive=False):
        shifted = {n: Fraction(v + 0.01 * shift.random()).limit_denominator(10**12) for n, v in point.items()}
        exact_point = {n: arithmetic.rational(v) for n, v in shifted.items()}
        sampler = WatchfulSampler(arithmetic, exact_point, sign=sign, decimal_log=decimal_log)
        try:
            (x, ex), (y, ey) = sampler.value(g), sampler.value(a)
        except Unable:
            continue
        if abs(x - y) > 1_000 * (ex + ey):
            return False
        if ex + ey > mp.mpf(10) ** -digits * max(abs(x), abs(y), mp.mpf(10) ** -10):
            continue
        vanished = whole and sampler.vanished
        seen, hidden = seen + (not vanished), hidden + vanished
    if hidden and seen < (3 if names else 1):
        raise TooLarge(f"{digits} digits do not show all of its terms")
    return True if seen >= (3 if names else 1) else None
