"""Sparse-linear hybrid attention: parts that fit into any model, on the CPU and the GPU, packed, padded and cached.

:func:`lightning_attention` is linear attention with a decay per head, :func:`sparse_attention` softmax attention to few
blocks of the past, which :func:`select_blocks` chooses as a :class:`SparseConfig` says. :class:`LightningAttention` and
:class:`SparseAttention` are layers around them, :class:`HybridAttention` is the one or the other; they are set up by a
:class:`HybridConfig` and decode from a :class:`HybridCache`. :class:`HybridDecoder` is a language model of such layers.
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
    "LightningAttention": "lightning_layer",
    "SparseAttention": "sparse_layer",
    "HybridAttention": "hybrid",
    "HybridDecoder": "decoder",
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
