"""Peak memory of one call in a process of its own: prints the bytes above the level before it."""

from __future__ import annotations

import sys
from collections.abc import Callable

import torch

from benchmarks.attention_sparse import EVERYWHERE, dense, inputs
from benchmarks.harness import peak_rss
from composekit.attention import select_blocks, sparse_attention


def call(rival: str, length: int, dtype: torch.dtype) -> Callable[[], object]:
    """One forward pass of a rival on random inputs."""
    q, k, v = inputs(length, dtype)
    if rival == "select":
        return lambda: select_blocks(q, k, EVERYWHERE)
    if rival == "sparse":
        return lambda: sparse_attention(q, k, v, EVERYWHERE)
    return lambda: dense(q, k, v)


def main(rival: str, length: str, dtype: str) -> None:
    call(rival, 256, getattr(torch, dtype))()  # libraries allocate their workspaces
    print(peak_rss(call(rival, int(length), getattr(torch, dtype))))


if __name__ == "__main__":
    main(*sys.argv[1:])
