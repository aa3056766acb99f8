"""Who judges which problem."""

from __future__ import annotations

from functools import lru_cache
from importlib import import_module
from importlib.util import find_spec
from typing import Any

from composekit._errors import bad_type, bad_value
from composekit.compose.problem import Problem
from composekit.compose.verdict import Verdict, Verifier

_PACKAGE = __name__.rpartition(".")[0]
# verifier name -> module, class, and whether its constructor takes a time limit
_JUDGES = {
    "math": ("math_verifier", "MathVerifier", True),
    "choice": ("choice", "ChoiceVerifier", False),
    "exact": ("exact", "ExactVerifier", False),
    "composite": ("composite", "CompositeVerifier", True),
    "code": ("code", "CodeVerifier", True),
}


def verify(response: str, problem: Problem) -> Verdict:
    r"""Judge a model's whole response by the verifier that the problem names, with that verifier's defaults.

    Args:
        response: The text that the model wrote.
        problem: Its ``verifier`` is ``"math"``, ``"choice"``, ``"exact"``, ``"composite"`` or ``"code"``.

    Returns:
        The verdict; only ``status == "correct"`` scores 1.

    Raises:
        ArgumentTypeError: ``response`` is no string or ``problem`` no :class:`Problem`.
        ArgumentError: nobody here judges by ``problem.verifier``.

    Example:
        >>> from composekit.compose import Problem, verify
        >>> verify(r"Six sevens are \boxed{42}.", Problem("What is 6 times 7?", 42)).score
        1.0
        >>> verify("The answer is (B).", Problem("Which one?", "B", verifier="choice")).status
        'correct'
    """
    check("verify", response, problem)
    return judge_for(problem.verifier, None).verify(response, problem)


def check(op: str, response: object, problem: object) -> None:
    """Raise if the arguments of a verification have the wrong types."""
    if not isinstance(response, str):
        raise bad_type(op, "response", "be a string", type(response).__name__, "Pass the text that the model wrote")
    if not isinstance(problem, Problem):
        raise bad_type(op, "problem", "be a Problem", type(problem).__name__, "Build one with Problem(prompt, answer)")


@lru_cache(maxsize=64)
def judge_for(name: str, timeout: float | None) -> Verifier:
    """The verifier of that name; ``timeout`` replaces its own time limit where it has one."""
    if name not in _JUDGES or find_spec(f"{_PACKAGE}.{_JUDGES[name][0]}") is None:
        known = [n for n, (module, _, _) in _JUDGES.items() if find_spec(f"{_PACKAGE}.{module}") is not None]
        raise bad_value(
            "verify", "problem.verifier", f"be one of {', '.join(sorted(known))}", repr(name),
            "Judge other problems with a Verifier of your own",
        )  # fmt: skip
    module, class_name, has_limit = _JUDGES[name]
    judge: Any = getattr(import_module(f"{_PACKAGE}.{module}"), class_name)
    return judge(timeout=timeout) if has_limit and timeout is not None else judge()
