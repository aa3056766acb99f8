r"""Numbers of which few make a question answerable: whoever hides one leaves a riddle with one sensible solution.

*Solve 3^{2x} + Y = 10^x*: there is a solution that anyone could write down for Y = 19 alone. *Find x in (Ax - 8)(Bx + 3) =
Yx^2 - x - 24 with integers A and B*: few Y have one. Each row or function has the problem that it is for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import islice, pairwise

from composekit.compose.needless.derivations import Span
from composekit.compose.needless.rows import FORMULA, Row, Rule
from composekit.compose.problem import Problem

_FEW = "few numbers make it answerable"
_N = r"\$?[0-9]{1,9}\$?"
_SHARE = r"(?:\$\s?\\[dt]?frac[^.?!$]{1,40}\$|[0-9]{1,9}/[0-9]{1,9})"

_INTEGERS = re.compile(r"\bintegers\b")
_SUM_OF_MODULI = re.compile(r"\\[dt]?frac\s?\{[^{}]{1,12}\}\s?\{\|[^|]{1,40}\|\s?\+\s?\|[^|]{1,40}\|\s?\}")
_COUNT_ASKED = re.compile(r"\b(?:[Ff]ind|[Ww]hat is|[Cc]ompute|[Dd]etermine) (?:the value of )?\$[a-zA-Z]\$")
_POWERED = re.compile(r"\\mathbf\{([A-Z])\}\^\{?[0-9]{2,}|(?<![A-Za-z\\])[A-Z]\^\{?[0-9]{2,}")
_HIGH_POWER = re.compile(r"[a-z]\^\{?[0-9]{2,}")
_THIRD_POWER = re.compile(r"\\sum_\{?[a-z] ?= ?1\}?\^\{?n\}? ?[a-z]_\{?[a-z]\}?\^\{?3")
_NEST = re.compile(r"\bfraction\b")
_DEGREES = re.compile(r"\b(?:degrees|radians)\b")
_REMAINDER = re.compile(r"\bremainder\b(?s:.{1,200})\)\^\{?[0-9]{2,}")
_WHOLE = re.compile(r"\bpositive integers\b")

ANSWERABLE: tuple[Row, ...] = (
    # $10x^2-x-24$ can be written as $(Ax-8)(Bx+3),$ where $A$ and $B$ are integers
    Row("integers", _INTEGERS, re.compile(
        r"\$[^$]{3,80}\$,? (?:can|may) be (?:re)?(?:written|expressed|factored) (?:in the form|as)(?: the product)? "
        r"\$\s?\([^$]{3,60}\)\s?\([^$]{3,60}\)[,.]?\s?\$"
    ), "few numbers have whole factors"),
    # Simplify $\frac{1+\sqrt2}{2+\sqrt3}$. Your solution can be converted to the form $A(1+\sqrt{B})- ...$
    Row("form $", _WHOLE, re.compile(
        r"\b[Ss]implify \$[^$]{0,60}\\sqrt[^$]{0,60}\$[^$]{1,80}\bform \$[^$]{0,60}\\sqrt(?=[^$]{0,60}\$)"
    ), "few numbers have that form"),
    # not in the domain of $f(x)=\frac{1}{|x^2+3x-4|+|x^2+9x+20|}$
    Row("omain", None, _SUM_OF_MODULI, "a sum of moduli is seldom zero"),
    # The distances from a point $P$ to five of the vertices of a regular octahedron are 3, 7, 8, 9, and 11.
    Row("octahedron", None, re.compile(r"\bdistances from [^.?!]{1,80}\bvertices of an? [^.?!]{1,120}"),
        "opposite vertices have equal sums of squares"),
    # $z^4+4z^3i-6z^2-4zi-i=0$
    Row("^4", None, re.compile(
        r"(?<![0-9a-z])([a-z])\^4\s?[-+]\s?4i?\1\^3i?\s?[-+]\s?6i?\1\^2i?\s?[-+]\s?4i?\1i?(?![a-z^])(?:\s?[-+]\s?(?:1|i)(?![0-9]))?"
    ), "a row of binomial coefficients"),
    # The probability that exactly two of them show a number other than 1 is $\frac{25}{216}$. Find $n$.
    Row("robability", _COUNT_ASKED, re.compile(
        rf"\bprobability [^.?!]{{1,80}}\bis {_SHARE}(?=[.,] [^.?!]{{0,40}}\$[a-zA-Z]\$[.?])"
    ), "few numbers are such a probability"),
    # The sum of the first $n$ terms ... is $\frac{255}{512}$. Find $n$.
    Row("um of the first $", _COUNT_ASKED, re.compile(
        rf"\bsum of the first \$[a-zA-Z]\$ [^?!]{{1,160}}?\bis {_SHARE}(?=[.,])"
    ), "few numbers are such a sum"),
    # \mathbf{A} = \begin{pmatrix} 3 & 7 \\ -1 & -2 \end{pmatrix}, compute A^{27} + A^{31}
    Row("matrix", _POWERED, re.compile(
        r"(?:\\mathbf\{[A-Z]\}|(?<![A-Za-z])[A-Z])\s?=\s?\\begin\{[bp]matrix\}(?s:.{1,200}?)\\end\{[bp]matrix\}"
    ), "few matrices have simple powers"),
    # $\sum a_i = 96$, $\sum a_i^2 = 144$, $\sum a_i^3 = 216$: equality in an inequality
    Row("\\sum", _THIRD_POWER, re.compile(
        r"\\sum_\{?[a-z] ?= ?1\}?\^\{?n\}? ?[a-z]_\{?[a-z]\}?(?:\^\{?[0-9]\}?)?\s?=\s?[0-9]{1,9}"
    ), "the sums must be in proportion"),
    # $z + \frac{1}{z} = \frac{1 + \sqrt{5}}{2}$, find $z^{85} + \frac{1}{z^{85}}$
    Row("frac{1}{", _HIGH_POWER, re.compile(
        r"(?<![A-Za-z])([a-z])\s?\+\s?\\[dt]?frac\{1\}\{\1\}\s?=\s?[^,.$\]]{1,60}"
    ), "few numbers are twice the cosine of a known angle"),
    # foci $F_1 = (10,2)$ and $F_2 = (-16,2)$, $|PF_1 - PF_2| = 24$, and an equation with whole axes
    Row("PF_", re.compile(r"\{a\^2\}"), re.compile(
        r"F_\s?[12]\s?=\s?\([^()]{1,20}\)|P\s?F_\s?1\s?[-+]\s?P\s?F_\s?2\s?\|?\s?=\s?[0-9]{1,9}"
    ), "few numbers give whole axes"),
    # The graphs of ... intersect at four points. Compute the sum of the distances from these four points to ...
    Row("four points", re.compile(r"\bsum of the distances from these four points"), re.compile(
        r"\b[Gg]raphs of [^.?!]{1,200}\bintersect at four points[^.?!]{0,4}[.?!][^.?!]{1,160}"
    ), _FEW),
    # The operands of arcsin and the like, if angles are wanted
    Row("\\", _DEGREES, re.compile(
        r"\\(?:arc(?:sin|cos|tan)|(?:sin|cos|tan)\^\{-1\})\s?(?:\\left)?\s?[({]?\s?-?\s?"
        r"(?:\\[dt]?frac\s?\{[^{}]{1,12}\}\s?\{[^{}]{1,12}\}|\\sqrt\s?\{?[0-9]{1,4}|[0-9./]{1,8})"
    ), "few numbers have a known angle"),
    # Find $\cot \frac{3 \pi}{2}$
    Row("pi}", None, re.compile(
        r"\\(?:sin|cos|tan|cot|sec|csc)\s?(?:\\left)?\s?\(?\s?-?\s?\\[dt]?frac\s?\{[0-9]{0,3}\s?\\pi\}\s?\{[0-9]{1,3}\}"
    ), "few numbers have a known angle"),
    # Convert the point $(4, 4, 4 \sqrt{6})$ to spherical coordinates
    Row("coordinates", re.compile(r"\b[Cc]onvert the point\b[^.?!]{1,80}\bto (?:polar|spherical|cylindrical) coordinates"),
        re.compile(r"\([^()]{0,40}\\sqrt[^()]{1,40}\)(?=\$? in rectangular)"), "few points have a known angle"),
    # $z^6+z^3+1=0$ has a root whose argument is to be found in degrees
    Row("argument", _DEGREES, re.compile(r"\$[^$]{0,40}[a-z]\s?\^\s?\{?[3-9][^$]{0,40}=\s?0\s?\$"),
        "few numbers have a known angle"),
    # a $90^\circ$ rotation of complex numbers or points
    Row("rotat", re.compile(r"\bcomplex number|\bmatrix\b|\bvector\b|\bpoint\b|\bdirection\b"), re.compile(
        r"\$?(?:30|45|60|90|120|135|150|180|270)\s?\^\s?\{?\\circ\}?\$? (?:counter-?clockwise |clockwise )?rotation"
    ), "few angles turn whole numbers into whole numbers"),
    # where each non-constant polynomial cannot be factored further over the integers
    Row("factored", re.compile(r"\bfactored further over the integers"), re.compile(
        r"\\\[[^\]]{3,160}|\$[^$]{3,160}\^[^$]{1,120}\$"
    ), "few numbers have factors"),
    # the square which has opposite corners at points $(4,2)$ and $(5,3)$
    Row("square which has", None, re.compile(
        r"\bopposite (?:corners|vertices) at (?:points )?\$?\([^()]{3,20}\)\$? and \$?\([^()]{3,20}\)"
    ), "the sides of a square are equal"),
    # $(x - a)^{611} + ...$ is divided by $x + 2$: one divisor makes the bases small
    Row("divided by", _REMAINDER, re.compile(r"\bdivided by \$\(?[a-z]\s?[-+]\s?[0-9]{1,4}\)?"),
        "few divisors make the powers simple"),
    # \sqrt{\frac{\frac{5}{\sqrt{80}} + \frac{\sqrt{845}}{9} + \sqrt{45}}{\sqrt 5}} as a fraction
    Row("\\sqrt{\\d", _NEST, re.compile(r"\\sqrt\s?\{\\dfrac\{(?=[^$]{0,80}\\sqrt)[^$]{1,200}"),
        "few roots make it a fraction"),
    # Evaluate $\log_2 8 \sqrt{2}$
    Row("log_", None, re.compile(r"\\log_\s?\{?[0-9]{1,4}\}?\s?[({]?\s?[0-9]{0,6}\s?\\sqrt\s?\{?[0-9]{1,6}"),
        "few numbers are such powers"),
    # Six points are equally spaced around a circle. Three of them form a triangle that is not isosceles
    Row("equally spaced", re.compile(r"\bneither equilateral nor isosceles\b"), re.compile(
        r"\b\$?\w{1,9}\$? points are equally spaced"
    ), "other numbers allow no such triangle, or several"),
    # Three mutually tangent spheres rest on a plane.
    Row("mutually tangent", None, re.compile(r"\b\$?\w{1,9}\$? mutually tangent (?:spheres|balls|circles)\b"),
        "no more of them can touch each other"),
    # What is the positive square root of the product $10 \times 15 \times 24$?
    Row("square root", None, re.compile(
        r"\bsquare root of (?:the product (?:of )?)?\$[0-9]{1,6}(?: ?\\(?:times|cdot) ?[0-9]{1,6}){1,4}\$"
    ), "few numbers make it a square"),
    # $xyz = 4,$ $x^3 + y^3 + z^3 = 4,$ $xy^2 + ... = 12$
    Row("x^3 + y^3 + z^3", None, re.compile(r"(?<=[xyz23\s&])=\s?[0-9]{1,6}(?=[\s,.;$\\])"), "few numbers make it a cube"),
    # \sin \left( \tan^{-1} (x) + \cot^{-1} \left( \frac{1}{x} \right) \right)
    Row("^{-1}", None, re.compile(
        r"\\(?:sin|cos|tan|cot)\^\{-1\}\s?(?:\\left)?\s?\(\s?\\[dt]?frac\s?\{[0-9]{1,4}\}\s?\{[a-z]\}"
    ), "only one number makes the angles equal"),
    # The area of the equilateral triangle is $16\sqrt{3}$.
    Row("quilateral triangle", None, re.compile(r"[0-9]\s?\\sqrt\s?\{?(3)(?![0-9])"), "the height has this root", 1),
    # What power of $4$ is equal to $8$?
    Row("ower of", None, re.compile(rf"\b[Ww]hat power of {_N} is (?:equal to )?{_N}"), "few numbers are such powers"),
    # The product of two consecutive positive even integers is $288$.
    Row("onsecutive", re.compile(r"\?"), re.compile(
        rf"\b(?:[Pp]roduct|[Ss]um of the squares) of (?:two|three) (?:positive |negative |odd |even )*consecutive "
        rf"(?:[a-z]+ ){{0,3}}(?:integers|numbers) is {_N}"
    ), "few numbers are such a product"),
    # the lines $y=ax+c$, ... bound a parallelogram with area $18$, and $a$, ... are positive integers
    Row("bounded by the lines", _WHOLE, re.compile(rf"\bbounded by the lines [^.?!]{{1,120}}\barea {_N}"),
        "few areas have whole slopes"),
    # all the roots of $x^3 + ax^2 + ax + 1 = 0$ are real; the smallest possible value of $a$
    Row("roots of", re.compile(
        r"\bare (?:all )?real\b[^?!]{1,60}\b(?:smallest|largest|least|greatest) (?:possible )?value of"
    ), re.compile(r"\\\[[^\]]{0,20}\^\{?[3-9][^\]]{1,120}|\$[^$]{0,20}\^\{?[3-9][^$]{1,120}\$"),
        "few equations of that degree are solved with ease"),
    # the least value of \frac{(a + b + c)[(a + b)^2 + (a + b + 4c)^2]}{abc}
    Row(" value of", None, re.compile(
        r"\b(?:minimum|maximum|least|greatest) value of\s{1,3}\\\[\s?\\[dt]?frac\{\([a-z] \+ [a-z] \+ [a-z]\)"
        r"[^$]{1,120}?\}\{[a-z]{3}\}"
    ), _FEW),
    # the distances to the planes $x - z = 0,$ $x - 2y + z = 0,$ and $x + y + z = 0$
    Row("to the planes", re.compile(r"\b(?:volume|region)\b"), re.compile(r"\bto the planes [^.?!]{1,160}"),
        "few planes are at right angles"),
    # \left| z + \frac{1}{z} \right| \le 2: find the area of $S$
    Row("{z}", re.compile(r"\barea\b"), re.compile(
        r"\|\s?z\s?[-+]\s?\\[dt]?frac\{[0-9]{1,4}\}\{z\}\s?(?:\\right)?\s?\|\s?(?:<|\\leq?(?![a-z])|\\leqslant)\s?[0-9]{1,4}"
    ), "few numbers give circles"),
    # The number $C$ is a multiple of 7, but is NOT a multiple of 3, greater than 20, but less than 30.
    Row("a multiple of", re.compile(r"\bgreater than\b.{1,60}\bless than\b|\bbetween\b"),
        re.compile(rf"\b(?:not|NOT|[Nn]either) a multiple of ({_N}|[a-z]{{3,9}})"), "the bounds leave few", 1),
    # the last digit is equal to the sum of the first two digits
    Row("digits", None, re.compile(rf"\bsum of (?:the|its) (?:first|last) ({_N}|[a-z]{{3,9}}) digits"),
        "a number has few digits", 1),
    # the roots of $x^3 - 52x^2 + 581x - k$ are distinct prime numbers
    Row("prime", re.compile(r"\broots\b[^?!]{1,160}\bprime"), re.compile(
        r"[a-z]\s?\^\s?\{?3\}?\s?-\s?[0-9]{1,6}\s?[a-z]\s?\^\s?\{?2\}?\s?\+\s?[0-9]{1,6}\s?[a-z]"
    ), "few numbers are sums and products of primes"),
    # the integers $C$ and $D$ for which \frac{C}{x-3}+\frac{D}{x+8}=\frac{4x-23}{x^2+5x-24}
    Row("integers", _INTEGERS, re.compile(
        r"\\[dt]?frac\s?\{[A-Z]\}\s?\{[^{}]{1,20}\}\s?[-+]\s?\\[dt]?frac\s?\{[A-Z]\}\s?\{[^{}]{1,20}\}\s?=\s?\\[dt]?frac\s?\{[^{}]{1,40}\}"
    ), "few numbers have whole parts"),
    # The sum of the first $N$ positive odd numbers is 121.
    Row("um of the first $", _COUNT_ASKED, re.compile(
        rf"\bsum of the first \$[a-zA-Z]\$ (?:positive )?(?:odd |even |whole )?(?:numbers|integers) is {_N}"
    ), "few numbers are such a sum"),
)  # fmt: skip


# --- rules that count

_MAPS = re.compile(
    r"\\mathbf\{([A-Z])\}\s*\\begin\{[bp]matrix\}([^\\]{1,20}\\\\[^\\]{1,20}\\\\[^\\]{1,20})\\end\{[bp]matrix\}(\s?=)?"
)


def _of_a_span(problem: Problem) -> Iterator[tuple[Span, str]]:
    r"""``A (3, 1, 0) = ... and A (-5, 2, 2) = ... Find A (-13, 3, 4)``: two vectors of space span a plane."""
    found = list(_MAPS.finditer(problem.prompt))
    given = [match for match in found if match[3]]
    if len({match[1] for match in found}) == 1 and 0 < len(given) < 3 and len(given) < len(found):
        for match in found:
            yield match.span(2), "the vector lies in the span of the others"


_UNKNOWN_EXPONENT = re.compile(r"[0-9)]\}?\s?\^\s?(?:\{[^{}]{0,8}[a-z][^{}]{0,8}\}|[a-z])")
_FUNCTION = re.compile(r"[a-zA-Z]\s?\([a-z]\)\s?=")
_SOLVES = re.compile(
    r"\b[Ss]olve|\b(?:value|values) of \$?[a-z]\b|\b[Ff]ind (?:all )?(?:real )?(?:the value of )?\$[a-z]\$"
    r"|\b[Ww]hat is \$?[a-z]\$?\?"
)


def _exponents(problem: Problem) -> Iterator[tuple[Span, str]]:
    """``Solve for $x$: $3^{2x} + 19 = 10^x$``"""
    if _SOLVES.search(problem.prompt) is None:
        return
    for match in FORMULA.finditer(problem.prompt):
        equation = "=" in match[0] and _UNKNOWN_EXPONENT.search(match[0])
        if equation and _FUNCTION.search(match[0]) is None and "_" not in match[0]:
            yield match.span(), "few numbers are such powers"


_ROOTS_WANTED = re.compile(
    r"\b(?:[Ff]ind|[Dd]etermine|[Ss]olve|[Ww]hat (?:is|are))\b[^.?!$]{0,40}?(?:\b(?:roots|zeros|solutions)|\$x\$-value)\b"
    r"|\bother (?:[a-z]+ )?(?:roots|zeros|solutions)\b"
)
_NO_VALUES = re.compile(
    r"(?<!denotes the )\b(?:sum|product|number|average|mean|polynomial with|squares) of\b|\b[Hh]ow many\b|\breciprocal"
)
_WITH_EASE = "few equations of that degree are solved with ease"
_CUBIC = re.compile(r"[a-z)]\s?\^\s?\{?[3-9](?![0-9])")


_ONE_ROOT = re.compile(
    r"\b[Oo]ne (?:of (?:the|its) )?(?:root|zero|solution)s? (?:of|to)(?s:.{5,160}?)(?:\]|\$),?\s?is \$([^$]{1,24})\$"
)


def _of_high_degree(problem: Problem) -> Iterator[tuple[Span, str]]:
    """``Find all the integer roots of $x^4 + 5x^3 + 9x^2 - x - 14 = 0$``"""
    text = problem.prompt
    if _ROOTS_WANTED.search(text) is None or _NO_VALUES.search(text):
        return
    for match in FORMULA.finditer(text):
        if "=" in match[0] and _CUBIC.search(match[0]):
            yield match.span(), _WITH_EASE
            for root in islice(_ONE_ROOT.finditer(text), 2):
                yield root.span(1), _WITH_EASE


_SUM_OF_FRACTIONS = re.compile(r"\)[^{}]{0,12}\}\s?\{[^{}]{0,12}\(")


def _rational(problem: Problem) -> Iterator[tuple[Span, str]]:
    r"""``\frac{(x + 1)(x - 3)}{5(x + 2)(x - 4)} + ... = \frac{92}{585}``"""
    text = problem.prompt
    if not re.search(r"\b(?:roots|solutions|[Ss]olve)\b", text) or _NO_VALUES.search(text):
        return
    for match in FORMULA.finditer(text):
        if "=" in match[0] and len(_SUM_OF_FRACTIONS.findall(match[0])) > 2:
            yield match.span(), _FEW


_ANGLE_ANSWER = re.compile(r"\$?[0-9]{1,3}(?:\.[0-9])?\s?(?:\^\s?\{?\\circ\}?|\u00b0)?\$?")
_NICE = re.compile(r"\$?(?:30|45|60|90|120|135|150)\s?(?:\^\s?\{?\\circ\}?|\\?\u00b0)?\$?")
_ANGLE_ASKED = re.compile(
    r"\b(?:angle|\\angle)\b[^.?!]{0,80}\bin degrees|\b[Hh]ow many degrees\b|\b[Mm]easure of (?:the )?[^.?!]{0,30}angle"
    r"|\\angle [A-Z]{3},?\$?,? in degrees"
)
_COORDINATES = re.compile(
    r"\\mathbf|matrix\}|\\\||\([^()]{1,12},[^()]{1,12},[^()]{1,12}\)|\bmaximum of \$?\\angle|=\s?-?[xy]"
)
_IN_DEGREES = re.compile(r"\\circ|\bdegrees? (?:angle|rotation)")


def _nice_angle(problem: Problem) -> Iterator[tuple[Span, str]]:
    """``The lines are 2x = 3y = -z and 6x = -y = -4z. Find the angle between them, in degrees.``, and it is 90."""
    text = problem.prompt
    asked = "degrees" in text and _NICE.fullmatch(problem.answer.strip()) and _ANGLE_ASKED.search(text)
    if asked and _COORDINATES.search(text) and not _IN_DEGREES.search(text):
        yield (0, len(text)), "few numbers give an angle that anyone knows"


_VALUE = re.compile(r"(?<![A-Za-z\\])([A-Za-z])\(([0-9]{1,4})\)")


def _next_value(problem: Problem) -> Iterator[tuple[Span, str]]:
    """``$P(1) = 0,$ $P(2) = 3,$ $P(3) = 7.$ Find $P(4).$``"""
    found = list(islice(_VALUE.finditer(problem.prompt), 16))
    arguments = [int(match[2]) for match in found]
    run = len({match[1] for match in found}) == 1 and len(found) > 3
    if run and all(b - a == 1 for a, b in pairwise(arguments)) and "polynomial" in problem.prompt:
        yield found[-1].span(2), "it is the next one"


_ANY_ANGLE_ASKED = re.compile(r"\b(?:[Ff]ind|values of|[Cc]ompute|[Dd]etermine|[Ww]hat is) \$?\\angle|\bin degrees\b")
_ANY_NUMBER = re.compile(r"(?<![\^_\d])[0-9]+")


def _right_angle_alone(problem: Problem) -> Iterator[tuple[Span, str]]:
    r"""``In triangle $ABC$ with bisectors $AD$, $BE$ and $CF$, $\angle EDF = 90^\circ$. Find $\angle BAC$.``"""
    text = problem.prompt
    asked = _ANY_ANGLE_ASKED.search(text) and _ANGLE_ANSWER.fullmatch(problem.answer.strip())
    if asked and _ANY_NUMBER.findall(text) == ["90"]:
        yield (0, len(text)), "few angles make it answerable"


ANSWERABLE_FUNCTIONS: tuple[tuple[str, Rule], ...] = (
    ("matrix}", _of_a_span), ("^", _exponents), ("^", _of_high_degree), ("frac", _rational), ("degrees", _nice_angle),
    ("polynomial", _next_value), ("90", _right_angle_alone),
)  # fmt: skip
