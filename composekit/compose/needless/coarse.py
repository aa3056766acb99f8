"""Numbers of which many give the same answer, by the words of a competition problem."""

from __future__ import annotations

import re
from collections.abc import Iterator

from composekit.compose.needless.derivations import Span
from composekit.compose.needless.rows import FORMULA, Row, Rule
from composekit.compose.problem import Problem

_ROUGHLY = "it is needed roughly"
_N = r"\\?\$?[0-9][0-9,]{0,8}\$?"
_FILTER = re.compile(
    r"\b(?:equal (?:size|groups)|groups? of|primes?|multiples?|divisible|divisors?|perfect (?:squares?|cubes?)|remainder"
    r"|palindromes?|left over|leftover)\b"
)

COARSE: tuple[Row, ...] = (
    # In rows of eight, seven are left over. In rows of four, how many are left over?
    Row("left over", re.compile(r"\bhow many [^.?!]{0,20}left over\?"), re.compile(
        r"\b(rows|groups|lines|columns|teams|stacks|piles|bags|boxes) of \$?(\w{1,9})\$?"
        r"(?=,? [^.?!]{1,40}\bleft over\.\s[^.?!]{1,60}\b\1 of )"
    ), "only multiples of the second number answer it", 2),
    Row("left over", re.compile(r"\bhow many [^.?!]{0,20}left over\?"), re.compile(
        r"\b(rows|groups|lines|columns|teams|stacks|piles|bags|boxes) of \$?\w{1,9}\$?,? [^.?!]{1,40}\bleft over\.\s{1,4}"
        r"[^.?!]{1,60}\b\1 of \$?(\w{1,9})"
    ), "few numbers divide the first one", 2),
    # between 30 and 50 students ... could not be broken up into groups of equal size
    Row("etween", _FILTER, re.compile(rf"\b[Bb]etween {_N} and {_N}(?! %|\s?\\?%)"), _ROUGHLY),
    # $N$ students, where $N < 50$ ... the last group has 5 students
    Row("$", re.compile(r"\b(?:last group has|remainder|left over|leftover|remaining when)\b"), re.compile(
        r"\$\s?(?:[0-9]{1,9}\s?(?:<|\\leq?|\\le)\s?)?[a-zA-Z]\s?(?:<|\\leq?|\\le|\\leqslant)\s?[0-9]{2,9}\s?\$"
    ), _ROUGHLY),
    # He has over 200 stamps; the last page has 5. What is the smallest number of stamps he can have?
    Row("number of", re.compile(
        r"\b(?:last|left over|remainder|multiples?)\b(?s:.{1,400})\b(?:smallest|least|fewest) (?:possible )?number of"
    ), re.compile(rf"\b(?:over|(?:more|greater) than) {_N}(?! more\b|\s?\\?%)"), _ROUGHLY),
    # positive integers less than 103 have an odd number of divisors; the greatest number of factors of one less than 20
    Row("less than", re.compile(r"\b(?:divisors|factors|perfect (?:squares|cubes))\b"), re.compile(
        rf"\bless than ({_N})(?= (?:have an odd number of|can have\b|are perfect (?:squares|cubes)\b))"
    ), _ROUGHLY, 1),
    # How many digits repeat in the decimal of $\frac{31}{11111}$?
    Row("repeat", re.compile(r"\b[Hh]ow many digits (?:repeat|are in the repe)|\blength of the (?:repe|period)"), re.compile(
        r"\\[dt]?frac\s?\{?[0-9]{1,9}\}?\s?\{?[0-9]{1,9}\}?|(?<![0-9/])[0-9]{1,9}/[0-9]{1,9}"
    ), "the period goes by the denominator, which a difference shows"),
    # the last nonzero digit to the right of the decimal point of $\frac{137}{500}$
    Row("nonzero digit", re.compile(r"\bdecimal\b"), re.compile(r"\\[dt]?frac\s?\{[0-9]{1,9}\}\s?\{[0-9]{1,9}\}"),
        "a difference shows its last digit"),
    # How much money, in cents, was left after they converted as many coins into bills as they could?
    Row("in cents", re.compile(r"\bleft\b[^.?!]{0,60}\b(?:convert|exchang|chang)\w*\b"), re.compile(r"[0-9]{1,9}\.[0-9]{2}"),
        "the cents decide, which a difference shows"),
    # if the sum of all but one of its interior angles is $1070^{\circ}$
    Row("all but one", None, re.compile(rf"\ball but one of (?:its|the) interior angles (?:is|of) {_N}"), _ROUGHLY),
    # For how many real values of $x$ is $\sqrt{120-\sqrt{x}}$ an integer?
    Row("an integer", None, re.compile(
        r"\b[Hh]ow many (?:[a-z]+ )?values of \$[a-z]\$ is \$[^$]{1,80}\$ an integer"
    ), _ROUGHLY),
    # How many integers are in the solution set of $|x-2| \leq 5.6$?
    Row("ow many integers", None, re.compile(r"\|[a-z]\s?[-+]\s?[0-9]{1,6}\|(?=\s?(?:<|\\leq?|\\le))"),
        "as many lie around any whole number"),
    Row("ow many integers", None, re.compile(
        r"(?<=\|)\s?(?:<|\\leq?(?:q|slant)?|\\lt)\s?(?:[0-9]{0,6}\.[0-9]{1,6}|\\[dt]?frac\{[0-9]{1,4}\}\{[0-9]{1,4}\})"
    ), _ROUGHLY),
    # such that whenever $c$ is a root of the equation, $c^2 - 2$ is also a root
    Row("is also a root", None, re.compile(r"\bwhenever \$([a-z])\$ is a root [^.?!$]{0,30}\$\1\^2 ?[-+] ?[0-9]{1,4}\$"),
        "a map of that kind has as many such pairs for most numbers"),
    # is it true that $2^{24}$ is a perfect $n^{\text{th}}$ power?
    Row("perfect $", None, re.compile(r"(?<![0-9.])([0-9]{1,6})(?=\s?\^\s?\{?[0-9]{1,4}\}?\$ (?:is )?a perfect \$[a-z]\b)"),
        "numbers that are no powers have the same", 1),
    # The symbols represent four different integers from 1 to 9.
    Row("represent", None, re.compile(
        rf"\brepresents? (?:[a-z]+ )?(?:different |distinct )(?:integers|digits) from {_N} to {_N}"
    ), _ROUGHLY),
    # f(n) = \lfloor n \rfloor ...: Find $f(\sqrt{45})$
    Row("\\lfloor", re.compile(r"[a-z]\([a-z]\)\s?=(?s:.{0,60})\\l(?:floor|ceil) ?[a-z]"), re.compile(
        r"(?<![A-Za-z])[a-z]\s?(?:\\left)?\s?\((?:[^()]{0,24}(?:sqrt|pi|/|\.)[^()]{0,24})\)"
    ), "it is rounded"),
    # digits sum to 13, the difference to the reversed number is 27; what is the sum of the two?
    Row("digits reversed", re.compile(r"\bsum of the original number and the number with its digits reversed"), re.compile(
        rf"\b[Dd]ifference between [^.?!]{{1,80}}\breversed is {_N}"
    ), "the sum of the digits decides"),
    # $8x \equiv 1 \pmod{p}$ has no solutions, whatever number stands for the one that has no factor in common with 8
    Row("has no solutions", None, re.compile(r"\\equiv\s?-?([0-9]{1,4})(?=\s?\\pmod\s?\{?[a-z])"),
        "its factors alone count", 1),
    # $f(x) = 3-x$ if $x \leq 3$, $-x^3+2x^2+3x$ if $x>3$. Calculate $f^{-1}(0)+f^{-1}(6).$
    Row("f^{-1}(", re.compile(r"\\(?:leq?|geq?|le|ge)(?![a-z])|[<>]"), re.compile(
        r"f\(\w\)\s?=\s?(?:\\left\s?\\\{)?\s*\\begin\{(?:array|cases)\}(?s:.{1,300}?)\\end\{(?:array|cases)\}"
    ), "one branch gives each value"),
    # $f(x) = \frac{2x}{x^2-5x-14}$ has a horizontal asymptote
    Row("asymptote", None, re.compile(r"\\[dt]?frac\s?\{([^{}^]{1,40})\}\s?\{[^{}]{0,40}[a-z]\s?\^\s?\{?[2-9]"),
        "a numerator of lower degree has no part in it", 1),
    # How many different values are represented by $3^{-2}, 9^{-2}, 27^{-\frac{2}{3}}$?
    Row("different values", re.compile(r"\b[Hh]ow many different values are (?:represented|among)"), re.compile(
        r"\$\$[^$]{3,200}\$\$|\\\[[^\]]{3,200}|\$[^$]{3,200}\$"
    ), "few numbers are equal to others"),
    # who would earn the most
    Row("most", re.compile(r"\b[Ww]ho (?:would |will |can )?[a-z]+ (?:the )?most\b[^?]{0,60}\?"), re.compile(r"(?s:.+)"),
        "one of two is left whatever it is"),
    # $p(n) = ...$ for $n = 2,$ 3, 4, $\dots,$ 7. Find $p(8).$
    Row("dots", re.compile(r"\bpolynomial\b"), re.compile(
        r"\bfor \$?[a-z] ?= ?[0-9]{1,4}[^.?!]{0,40}dots[^.?!]{1,20}[.?!]\$?\s{1,3}(?:Find|Compute|Determine|What is)"
        r"[^.?!]{0,20}\$[a-zA-Z]\(([0-9]{1,4})\)"
    ), "it is the next one", 1),
)  # fmt: skip


# --- rules that count

_SUM_OF_VALUES = re.compile(
    r"\bsum of (?:all )?(?:the |its )?(?:possible |distinct |real )?(?:values|solutions|roots)\b[^.?!]{0,60}"
)
_EVEN = re.compile(
    r"\(\s?(?:[0-9]{1,6}\s?[-+]\s?(?P<a>[a-z])|(?P<b>[a-z])\s?[-+]\s?[0-9]{1,6})\s?\)\s?\^\s?\{?2\}?"
    r"|\|\s?(?:[0-9]{1,6}\s?[-+]\s?(?P<c>[a-z])|(?P<d>[a-z])\s?[-+]\s?[0-9]{1,6})\s?\|"
)
_COMMANDS = re.compile(r"\\[A-Za-z]+")


def _around_a_centre(problem: Problem) -> Iterator[tuple[Span, str]]:
    """``the sum of the values of $a$ that satisfy $(3)5^2 - 4(5 - a)^2 / 3 = 63$``: twice the centre of the square."""
    text = problem.prompt
    if _SUM_OF_VALUES.search(text) is None:
        return
    for match in FORMULA.finditer(text):
        body = _COMMANDS.sub(" ", match[0])
        even = list(_EVEN.finditer(match[0]))
        letters = re.findall(r"[a-z]", body)
        if "=" in body and len(even) == 1 and len(letters) == 1:
            inner = match.start() + even[0].start(), match.start() + even[0].end()
            yield (match.start(), inner[0]), "the values lie around a centre"
            yield (inner[1], match.end()), "the values lie around a centre"


COARSE_FUNCTIONS: tuple[tuple[str, Rule], ...] = (("um of ", _around_a_centre),)
