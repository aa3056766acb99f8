"""Sparse-linear hybrid attention: parts that fit into any model, on the CPU and the GPU, packed, padded and cached.

:func:`lightning_attention` is linear attention with a decay per head; :class:`LightningAttention` is a layer around it,
set up by a :class:`HybridConfig` and decoding from a :class:`HybridCache`. :func:`sparse_attention` is softmax attention to
few blocks of the past, which :func:`select_blocks` chooses as a :class:`SparseConfig` says.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

_HOME = {
    "lightning_attention": "lightning",
    "LinearOutput": "lightning",
    "alibi_slopes": "slopes",
    "sparse_attention": "sparse",
    "SparseOutput": "sparse",
    "block_sparse_attention": "sparse",
    "select_blocks": "sparse",
    "BlockSelection": "sparse",
    "compress_keys": "compressing",
    "SparseConfig": "sparse_config",
    "HybridConfig": "config",
    "HybridCache": "cache",
    "LightningAttention": "layers",
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
