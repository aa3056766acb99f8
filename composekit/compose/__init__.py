"""Verified problems, composed into harder ones that can still be verified. Imports neither torch nor anything heavy.

See :func:`chain` for the operator, :class:`Composer` for streams of composites, :func:`verify` for judging responses.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "Problem": "problem",
    "Template": "problem",
    "Link": "problem",
    "Composite": "problem",
    "Unlinkable": "linking",
    "chain": "linking",
    "bundle": "bundling",
    "Composer": "composer",
    "build": "building",
    "Curriculum": "curriculum",
    "Audit": "auditing",
    "audit": "auditing",
    "stats": "statistics",
    "Verdict": "verdict",
    "Verifier": "verdict",
    "MathVerifier": "verifiers",
    "ChoiceVerifier": "verifiers",
    "ExactVerifier": "verifiers",
    "CodeVerifier": "verifiers",
    "CompositeVerifier": "verifiers",
    "verify": "verifiers",
    "verify_batch": "verifiers",
    "LLMComposer": "llm",
    "load_problems": "loading",
    "generators": "generators",
}

__all__ = sorted(_HOME)


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(f"{__name__}.{_HOME[name]}")
    value = module if name == _HOME[name] == "generators" else getattr(module, name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
