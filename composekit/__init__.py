"""Four composable primitives for post-training research.

Subpackages load when they are first used, so ``import composekit`` is cheap and imports neither torch nor Triton:

* :mod:`composekit.compose`: verified problems chained into harder, still verifiable ones.
* :mod:`composekit.distill`: on-policy distillation with reward extrapolation.
* :mod:`composekit.bridge`: think tokens and stacked channel bridging.
* :mod:`composekit.attention`: sparse-linear hybrid attention.
* :mod:`composekit.testing`: the strict assertions, strategies and mutants that the library tests itself with.

Within ``composekit.debug()`` data is checked on a GPU too.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_SUBPACKAGES = ("attention", "bridge", "compose", "distill", "doctor", "integrations", "testing")

__all__ = ["ComposeKitError", "__version__", "debug", *_SUBPACKAGES]


def __getattr__(name: str) -> Any:
    if name in _SUBPACKAGES:
        return import_module(f"{__name__}.{name}")
    if name == "ComposeKitError":
        from composekit._errors import ComposeKitError

        return ComposeKitError
    if name == "debug":
        from composekit._debug import debug

        return debug
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
