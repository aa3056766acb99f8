"""A kernel that exists to test the harness: a scaled product of two tiles."""

from __future__ import annotations

import torch
import triton
import triton.language as tl

from composekit_kernels.aot import Configuration


@triton.jit
def toy_product(a, b, out, scale, rows, BLOCK: tl.constexpr):
    """out = scale * a @ b, one [BLOCK, BLOCK] tile; rows beyond ``rows`` are not written."""
    i = tl.arange(0, BLOCK)
    tile = i[:, None] * BLOCK + i[None, :]
    product = tl.dot(tl.load(a + tile), tl.load(b + tile), input_precision="ieee") * scale
    tl.store(out + tile, product, mask=i[:, None] < rows)


def configurations() -> list[Configuration]:
    """One that passes and, for the tests of the harness, some that break a rule."""
    pointers = {"a": "*bf16", "b": "*bf16", "out": "*fp32", "scale": "fp32", "rows": "i32"}
    matrix = {80: ("mma_sync",), 90: ("wgmma",), 100: ("tcgen05",), 120: ("mma_sync",)}
    return [
        Configuration("toy_product", "bf16 64", pointers, {"BLOCK": 64}, instructions=matrix, quick=True),
        Configuration("toy_product", "bf16 16", pointers, {"BLOCK": 16}, instructions={90: ("wgmma",)}),
        Configuration("toy_product", "bf16 128 two warps", pointers, {"BLOCK": 128}, num_warps=2),
        Configuration("toy_product", "incomplete", {"a": "*bf16"}, {"BLOCK": 16, "TILE": 1}),
    ]


def launch(a: torch.Tensor, b: torch.Tensor, scale: float, rows: int) -> torch.Tensor:
    """Run it on the device of ``a``."""
    out = torch.zeros_like(a, dtype=torch.float32)
    toy_product[(1,)](a, b, out, scale, rows, BLOCK=a.shape[0], enable_fp_fusion=True)
    return out
