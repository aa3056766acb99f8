"""Tile sizes of the Lightning kernels: one pinned choice for every dtype, head size and chip, and what a tuner may try.

The choice is a table, not an autotuner: two processes then run the same arithmetic and give the same bits, the first call
does not stall, nothing depends on the length of the sequence, and the kernels compile with no GPU in reach.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from composekit_kernels.dispatch import interpreter_on

SMALL_SHARED = (86, 87, 89, 120, 121)  # chips on which a block has about 99 KiB of shared memory, not 163 or more


class Tile(NamedTuple):
    """A program's share: ``chunk`` tokens at a time of a state of [block_k, block_v]."""

    chunk: int
    block_k: int
    block_v: int
    num_warps: int
    num_stages: int


class Shape(NamedTuple):
    """What a choice depends on: the kernel, the channels of keys and values, the bytes of a number, the chip."""

    kernel: str
    keys: int
    values: int
    itemsize: int
    arch: int

    @classmethod
    def of(cls, kernel: str, y: Tensor, z: Tensor) -> Shape:
        """The shape of a call on ``y`` [B, T, H, DK] and ``z`` [B, T, H, DV]."""
        arch = 0
        if y.device.type == "cuda":
            major, minor = torch.cuda.get_device_capability(y.device)
            arch = 10 * major + minor
        return cls(kernel, y.shape[3], z.shape[3], y.element_size(), arch)


def width(channels: int) -> int:
    """The power of two that holds the channels; matrix instructions take 16 at least."""
    return max(16, triton.next_power_of_2(channels))


# kernel -> bytes of a number -> widest key block -> (chunk, block_v, num_warps, num_stages)
PINNED: dict[str, dict[int, dict[int, tuple[int, int, int, int]]]] = {
    "walk": {
        2: {64: (64, 64, 4, 3), 128: (64, 64, 4, 2), 256: (64, 32, 4, 2)},
        4: {64: (32, 32, 4, 2), 128: (32, 32, 4, 2), 256: (16, 32, 8, 1)},
    },
    "slopes": {
        2: {64: (64, 32, 4, 2), 128: (64, 32, 4, 2), 256: (32, 32, 8, 1)},
        4: {64: (32, 32, 4, 1), 128: (32, 16, 4, 1), 256: (16, 16, 8, 1)},
    },
    "states": {
        2: {64: (64, 64, 4, 3), 128: (64, 64, 4, 3), 256: (64, 64, 4, 3)},
        4: {64: (32, 32, 4, 2), 128: (32, 32, 4, 2), 256: (32, 32, 4, 2)},
    },
}


def tiles(shape: Shape) -> Tile:
    """The pinned tile of a shape."""
    keys = width(shape.keys)
    column = next(limit for limit in (64, 128, 256) if keys <= limit)
    chunk, block_v, warps, stages = PINNED[shape.kernel][shape.itemsize][column]
    block_k = min(keys, 128) if shape.kernel == "states" else keys
    if shape.arch in SMALL_SHARED:
        stages = 1 if column > 64 else min(stages, 2)
        block_v = min(block_v, 32) if column > 128 else block_v
    return Tile(chunk, block_k, min(block_v, width(shape.values)), warps, stages)


def dot_types(dtype: torch.dtype) -> tuple[Any, str]:
    """(type of the operands of products, precision of float32 products); sums are float32 always.

    bfloat16 stays what it is. float16 goes through tf32, whose mantissa is as long and whose range is that of float32: scores
    and states of ordinary float16 inputs pass 65504. float32 takes three tf32 products, whose error is that of float32.
    The interpreter computes in float32, as it gets bfloat16 wrong.
    """
    if dtype == torch.bfloat16 and not interpreter_on():
        return tl.bfloat16, "tf32"
    return tl.float32, "tf32" if dtype == torch.float16 else "tf32x3"


def row_strides(x: Tensor) -> tuple[int, int, int]:
    """The strides of batch, time and head; the kernels want the channels side by side."""
    if x.stride(3) != 1 and x.shape[3] > 1:
        raise ValueError(f"lightning: channels must lie side by side; got strides {x.stride()}. Call contiguous().")
    return x.stride(0), x.stride(1), x.stride(2)


AOT_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
