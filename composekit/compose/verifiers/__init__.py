"""Verifiers: who judges a response, and how.

:func:`verify` and :func:`verify_batch` pick the judge that the problem names: :class:`MathVerifier`,
:class:`ChoiceVerifier`, :class:`ExactVerifier`, :class:`CompositeVerifier`, or the code verifier.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "MathVerifier": "math_verifier",
    "ChoiceVerifier": "choice",
    "ExactVerifier": "exact",
    "CompositeVerifier": "composite",
    "CodeVerifier": "code",
    "verify": "dispatch",
    "verify_batch": "batch",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
