"""Bytes of tensors, counted: what is alive at the peak, and what autograd keeps for the backward pass."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves


class LiveBytes(TorchDispatchMode):
    """Follow every storage that is made inside the block; ``peak`` is the most that was alive at once.

    ``keep(tensor)`` chooses which tensors count, by default all. Temporary memory inside an operator is not seen.
    """

    def __init__(self, keep: Callable[[Tensor], bool] = lambda t: True) -> None:
        super().__init__()
        self.keep, self.alive, self.peak = keep, 0, 0
        self._seen: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        given = {t.untyped_storage()._cdata for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)}
        for t in tree_leaves(out):
            if isinstance(t, Tensor):
                storage = t.untyped_storage()
                if storage._cdata not in given | self._seen and self.keep(t):
                    self._follow(storage)
        return out

    def _follow(self, storage: torch.UntypedStorage) -> None:
        key, size = storage._cdata, storage.nbytes()
        self._seen.add(key)
        self.alive += size
        self.peak = max(self.peak, self.alive)
        weakref.finalize(storage, self._gone, key, size)

    def _gone(self, key: int, size: int) -> None:
        self._seen.discard(key)
        self.alive -= size


def saved_bytes(fn: Callable[[], Any], known: Iterable[Tensor]) -> int:
    """Bytes of the storages that autograd saves during ``fn()``, beyond those of ``known``."""
    apart = {t.untyped_storage()._cdata for t in known}
    saved: dict[int, int] = {}
    held = []

    def pack(t: Tensor) -> Tensor:
        storage = t.untyped_storage()
        if storage._cdata not in apart:
            saved[storage._cdata] = storage.nbytes()
            held.append(storage)  # an address is not used again while it counts
        return t

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        result = fn()
    del result
    return sum(saved.values())
