"""On-policy distillation with reward extrapolation: losses for any training loop, from logits or from hidden states.

See :func:`gopd_loss` for the loss, :class:`ExOPDLoss` for the module that fits a training loop, :class:`Teachers` for
several teachers at once.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "gopd_loss": "logits",
    "linear_gopd_loss": "linear",
    "LinearHead": "heads",
    "topk_gopd_loss": "topk",
    "gopd_advantages": "sampled",
    "sampled_gopd_loss": "sampled",
    "selected_logp": "selecting",
    "forward_kl": "divergences",
    "reverse_kl": "divergences",
    "jsd": "divergences",
    "linear_forward_kl": "divergences",
    "linear_reverse_kl": "divergences",
    "linear_jsd": "divergences",
    "Teachers": "teachers",
    "conflict": "conflicts",
    "Conflict": "conflicts",
    "reduce": "reducing",
    "diagnostics": "diagnosing",
    "ExOPDLoss": "module",
    "ExOPDOutput": "module",
    "vocab_parallel_gopd_loss": "parallel",
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
