"""Four composable primitives for post-training research.

Subpackages load when they are first used, so ``import composekit`` is cheap and imports neither torch nor Triton:

* :mod:`composekit.compose`: verified problems chained into harder, still verifiable ones.
* :mod:`composekit.distill`: on-policy distillation with reward extrapolation.
* :mod:`composekit.bridge`: think tokens and stacked channel bridging.
* :mod:`composekit.attention`: sparse-linear hybrid attention.
* :mod:`composekit.testing`: the strict assertions, strategies and mutants that the library tests itself with.
"""

from importlib import import_module
from types import ModuleType

__version__ = "0.1.0"

_SUBPACKAGES = ("attention", "bridge", "compose", "distill", "doctor", "integrations", "testing")

__all__ = ["ComposeKitError", "__version__", *_SUBPACKAGES]


def __getattr__(name: str) -> ModuleType | type:
    if name in _SUBPACKAGES:
        return import_module(f"{__name__}.{name}")
    if name == "ComposeKitError":
        from composekit._errors import ComposeKitError

        return ComposeKitError
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
