r"""Numbers on which the answer of a problem may not depend: put a symbol in their place, and nobody needs its value.

*If f(1) = 2, f(2) = 6 and f(3) = Y, what is the inverse of f at 2?* Whoever reads this answers 1, whatever Y is. No rule can
know what an answer depends on; these go by the worked solution, where there is one, and by words that are known to lead
to such numbers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from composekit.compose.needless.bases import BASES
from composekit.compose.needless.bounds import BOUNDS
from composekit.compose.needless.cancelling import where_it_goes
from composekit.compose.needless.coefficients import FORMULA_PLACES
from composekit.compose.needless.derivations import Span
from composekit.compose.needless.idle_places import PLACES
from composekit.compose.needless.known import known_needless
from composekit.compose.needless.operands import why_not_taken
from composekit.compose.needless.rough import ROUGH, asks_for_loads
from composekit.compose.needless.stretches import stretches
from composekit.compose.needless.used import Used
from composekit.compose.problem import Problem
from composekit.compose.tokens import Constant

MAX_TEXT = 20_000  # longer texts and solutions are not looked at


def idle(problem: Problem, constants: Sequence[Constant]) -> dict[Span, str]:
    """The constants of a problem on which its answer may not depend, and why.

    Args:
        problem: The problem; its solution, if it has one, is read for numbers only.
        constants: Constants of its text, as :func:`~composekit.compose.tokens.numerals` finds them.

    Example:
        >>> from composekit.compose.tokens import constants
        >>> text = "John visits 8 countries, for 12 days each, and pays $57 a day. What does he pay in each?"
        >>> problem = Problem(text, 684, solution="He pays 12 * 57 = 684 dollars.")
        >>> idle(problem, constants(text)).values()
        dict_values(['the worked solution does not use it'])
    """
    text = problem.prompt
    if len(text) > MAX_TEXT:
        return {}
    found: dict[Span, str] = {}
    formulas = any(constant.in_math for constant in constants)
    whole = next((why for rule in _OF_THE_WHOLE if (why := rule(problem))), "") if formulas else ""
    compared = "than" in text or "difference" in text or "at " in text
    rough = formulas or "ommon" in text or "nearest" in text or "closest" in text or "first" in text
    rough = rough or asks_for_loads(text)
    bounded = formulas or "remainder" in text or "at least" in text
    used = _solution_of(problem, constants)
    doubtful = stretches(problem) if constants else []
    listed = known_needless(text)
    for constant in constants:
        start, end = constant.span
        why = whole if constant.in_math else ""
        why = why or next((why for (a, b), why in doubtful if a <= start and end <= b), "")
        why = why or ("readers of this very problem did without it" if start in listed else "")
        if not why and used is not None and not used.has(constant, text):
            why = "the worked solution does not use it"
        if not why and used is not None:
            why = _idle_in(used, problem, constant)
        if not why:
            rules = PLACES + FORMULA_PLACES if constant.in_math else PLACES
            why = next((why for rule in rules if (why := rule(text, constant))), "")
        if not why and compared:
            why = next((why for rule in BASES if (why := rule(problem, constant))), "")
        if not why and rough:
            why = next((why for rule in ROUGH if (why := rule(problem, constant))), "")
        if not why and bounded:
            why = next((why for rule in BOUNDS if (why := rule(problem, constant))), "")
        if why:
            found[constant.span] = why
    return found


_COURSES = {"cancels": "it cancels in the worked solution", "leads nowhere": "the worked solution only compares it"}


def _idle_in(used: Used, problem: Problem, constant: Constant) -> str:
    """Why a worked solution that mentions a constant does without it."""
    course = where_it_goes(problem, constant)
    if not course and used.only_compares(constant):
        course = "leads nowhere"
    if not course and used.only_labels(constant, problem.prompt):
        return "the worked solution has it in a name alone"
    return _COURSES.get(course, "") or why_not_taken(problem, constant)


def _solution_of(problem: Problem, constants: Sequence[Constant]) -> Used | None:
    """What the solution uses; None where it is no worked one: where it has next to no number, and none of the problem's."""
    if not problem.solution or len(problem.solution) > MAX_TEXT:
        return None
    used = Used(problem.solution)
    worked = len(used.numerals) > 2 or any(used.has(constant, problem.prompt) for constant in constants)
    return used if worked else None


# --- questions whose answer is the same for many numbers

_KINDS = re.compile(r"\b(?:parabola|circle|ellipse|hyperbola|(?:two )?lines?|point|empty|even|odd|neither)\b", re.I)
_KIND_QUESTION = re.compile(
    r"\bDetermine (?:if|whether) the graph|\bcurve defined by"
    r"|\b(?:even|odd), (?:an )?(?:even|odd)(?: function)?, (?:or )?neither",
    re.IGNORECASE,
)
_COUNT_QUESTION = re.compile(
    r"\b(?:[Hh]ow many|number of)\b[^.?!]{0,60}?\b(?:intercepts?|asymptotes?"
    r"|(?:real |complex |distinct )?(?:solutions?|roots?|zeroe?s?))\b(?![^.?!]{0,40}\bmod)"
    r"|\b[Hh]ow many (?:real )?values of [^.?!]{1,200}\b(?:not defined|undefined|not in the domain)"
    r"|\b[Hh]ow many (?:distinct |different )values\b[^.?!]{0,60}\brange of\b"
    r"|\b[Hh]ow many (?:times|points)\b[^.?!]{0,80}\b(?:intersect|cross)"
)
_DEGREE_QUESTION = re.compile(r"\b(?:What is|[Ff]ind) the (?:\w+ ){0,2}degree of (?:the polynomial )?\$")


def _asks_for_a_kind(problem: Problem) -> str:
    """``Determine if the graph of the equation is a parabola, circle, ...``"""
    text = problem.prompt
    if _KIND_QUESTION.search(text) and len({kind.lower() for kind in _KINDS.findall(text)}) > 2:
        return "many numbers give a curve of the same kind"
    return ""


def _counts_few(problem: Problem) -> str:
    """``How many asymptotes ...``, and there are 2."""
    if problem.answer.strip() in ("0", "1", "2", "3", "4") and _COUNT_QUESTION.search(problem.prompt):
        return "many numbers give the same count"
    return ""


def _asks_for_a_degree(problem: Problem) -> str:
    """``$(x - 1) f(x) = 3x^4 + 38x - 17.$ What is the degree of $f$?``"""
    return "a degree goes by exponents" if _DEGREE_QUESTION.search(problem.prompt) else ""


_OF_THE_WHOLE: tuple[Callable[[Problem], str], ...] = (_asks_for_a_kind, _counts_few, _asks_for_a_degree)
