"""Peak memory of one attention call in a process of its own: prints the bytes above the level before it."""

from __future__ import annotations

import sys
from collections.abc import Callable

import torch

from benchmarks.harness import peak_rss
from composekit.attention import alibi_slopes, lightning_attention


def call(
    rival: str, length: int, heads: int, channels: int, dtype: torch.dtype, backward: bool
) -> Callable[[], object]:
    """One forward, or forward and backward, of a rival on random inputs."""
    q, k, v = (torch.randn(1, length, heads, channels).to(dtype).requires_grad_(backward) for _ in range(3))
    slopes = alibi_slopes(heads)

    def run() -> object:
        if rival == "linear":
            out = lightning_attention(q, k, v, slopes).out
        else:
            dense = torch.nn.functional.scaled_dot_product_attention
            out = dense(*(x.transpose(1, 2) for x in (q, k, v)), is_causal=True)
        return out.sum().backward() if backward else out

    return run


def main(rival: str, length: str, heads: str, channels: str, dtype: str, backward: str) -> None:
    shape = (int(heads), int(channels), getattr(torch, dtype), backward == "backward")
    call(rival, 256, *shape)()  # libraries allocate their workspaces
    print(peak_rss(call(rival, int(length), *shape)))


if __name__ == "__main__":
    main(*sys.argv[1:])
