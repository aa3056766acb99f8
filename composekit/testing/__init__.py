"""The truth that composekit tests itself with, shipped so that others can hold their own code to it.

:func:`assert_close` is strict about metadata and derives its bound from float64; :func:`answer_mutants` makes wrong answers
that a verifier must refuse, :func:`program_mutants` wrong programs; :mod:`composekit.testing.strategies` holds Hypothesis
strategies for shapes, packings, problems.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "assert_close": "closeness",
    "error_budget": "closeness",
    "answer_mutants": "mutants",
    "Mutant": "mutants",
    "gold_response": "mutants",
    "check_verifier": "mutants",
    "program_mutants": "programs",
}

__all__ = [*sorted(_HOME), "strategies"]


def __getattr__(name: str) -> Any:
    if name == "strategies":
        return import_module(f"{__name__}.strategies")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
