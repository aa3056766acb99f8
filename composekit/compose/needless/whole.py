"""Numbers of which few leave something whole: that divide a polynomial, have factors or whole shares, or are powers.

The rules are of the kind of :mod:`composekit.compose.needless.answerable`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator
from itertools import islice

from composekit.compose.needless.derivations import Span
from composekit.compose.needless.identities import NoPolynomialError, polynomial
from composekit.compose.needless.rows import Rule
from composekit.compose.problem import Problem

_QUOTIENT = re.compile(r"\\[dt]?frac\{([^{}\\]{3,60})\}\{([^{}\\]{2,30})\}\s?=")


def _divides(problem: Problem) -> Iterator[tuple[Span, str]]:
    r"""``Find the value of $r$ such that $\frac{6r^2 - 19r - 7}{2r - 7} = 4r - 3$``: the fraction is $3r + 1$."""
    for match in islice(_QUOTIENT.finditer(problem.prompt), 4):
        try:
            above, below = (polynomial(problem.prompt, match.span(k)) for k in (1, 2))
        except NoPolynomialError:
            continue
        letters = sorted({*"".join((*above, *below))})
        if len(letters) == 1 and set(below) == {"", letters[0]} and max(map(len, above)) > 1 and below[letters[0]]:
            root = -below[""] / below[letters[0]]
            if sum(factor * root ** len(power) for power, factor in above.items()) == 0:
                yield match.span(1), "few numbers divide it"
                yield match.span(2), "few numbers divide it"


_DENOMINATORS = ("third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth", "eleventh", "twelfth")
_SHARES = re.compile(rf"\b[A-Za-z]{{1,6}}-(quarter|{'|'.join(_DENOMINATORS)})s? of (?:the|his|her|its|their|all)\b")
_OF_PEOPLE = re.compile(r"(?<![0-9.,$])\$?([0-9]{2,4})\$? (?:[a-z]+s|people|children)\b")


def _whole_shares(problem: Problem) -> Iterator[tuple[Span, str]]:
    """``Three-fourths of the students ..., and six-sevenths of his students ... If the class has 28 students``"""
    shares = {_DENOMINATORS.index(name) + 3 if name != "quarter" else 4 for name in _SHARES.findall(problem.prompt)}
    least = math.lcm(*shares)
    for match in islice(_OF_PEOPLE.finditer(problem.prompt), 16 if len(shares) > 1 else 0):
        if int(match[1]) == least:
            yield match.span(1), "few numbers have whole shares"


_FACTORED = re.compile(
    r"\b[Ff]actor (?:the )?(?:following |expression |polynomial |quadratic )?(?:completely:? )?\$([^$]{2,60}\^[^$]{1,60})\$"
)
_LOGARITHM = re.compile(
    r"\b(?:[Ee]valuate|[Cc]ompute|[Ff]ind|[Ww]hat is) \$\\log_\s?(?:\{([0-9]{1,4})\}|([0-9]))"
    r"\s?[({]?\s?([0-9]{1,7})\s?[)}]?\s?[.?]?\$"
)


def _factored(problem: Problem) -> Iterator[tuple[Span, str]]:
    """``Factor $9y^2 - 30y + 25$.``"""
    for match in islice(_FACTORED.finditer(problem.prompt), 4):
        yield match.span(1), "few numbers have factors"


def _logarithms(problem: Problem) -> Iterator[tuple[Span, str]]:
    r"""``Evaluate $\log_4 32$.``"""
    for match in islice(_LOGARITHM.finditer(problem.prompt), 4):
        base, number = int(match[1] or match[2]), int(match[3])
        if any(base**n == number**m for n in range(1, 12) for m in range(1, 5)):
            yield match.span(), "few numbers are such powers"


WHOLE_FUNCTIONS: tuple[tuple[str, Rule], ...] = (
    ("frac{", _divides),
    ("s of ", _whole_shares),
    ("actor ", _factored),
    ("log_", _logarithms),
)
