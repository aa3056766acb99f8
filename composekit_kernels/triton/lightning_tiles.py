"""Tile sizes of the Lightning kernels: one pinned choice for every dtype, head size and chip, and what a tuner may try.

The choice is a table, not an autotuner: two processes then run the same arithmetic and give the same bits, the first call
does not stall, nothing depends on the length of the sequence, and the kernels compile with no GPU in reach.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from composekit_kernels.aot import ARCHS, Configuration
from composekit_kernels.dispatch import interpreter_on


class Tile(NamedTuple):
    """A program's share: ``chunk`` tokens at a time of a state of [block_k, block_v], keys dealt out in ``parts``."""

    chunk: int
    block_k: int
    block_v: int
    num_warps: int
    num_stages: int
    parts: int


class Shape(NamedTuple):
    """What a choice depends on: the kernel, the channels of keys and values, bfloat16 operands or wider ones, the chip."""

    kernel: str
    keys: int
    values: int
    narrow: bool
    arch: int

    @classmethod
    def of(cls, kernel: str, y: Tensor, z: Tensor) -> Shape:
        """The shape of a call on ``y`` [B, T, H, DK] and ``z`` [B, T, H, DV]."""
        arch = 0
        if y.device.type == "cuda":
            major, minor = torch.cuda.get_device_capability(y.device)
            arch = 10 * major + minor
        return cls(kernel, y.shape[3], z.shape[3], y.dtype == torch.bfloat16, arch)


def width(channels: int) -> int:
    """The power of two that holds the channels; matrix instructions take 16 at least."""
    return max(16, triton.next_power_of_2(channels))


# (kernel, products) -> widest key block -> (chunk, block_v, num_warps, num_stages, parts). Chips with wgmma or tcgen05
# ("group") multiply bfloat16 from shared memory by four warps together. Everything else takes mma.sync, whose warps keep
# operands in registers: there keys are dealt out (see lightning_chunks). "wide" is float32 and float16 on any chip.
PINNED: dict[tuple[str, str], dict[int, tuple[int, int, int, int, int]]] = {
    ("walk", "group"): {64: (64, 64, 4, 3, 1), 128: (64, 64, 4, 2, 1), 256: (64, 32, 8, 2, 1)},
    ("walk", "single"): {64: (32, 32, 4, 2, 4), 128: (32, 32, 8, 2, 8), 256: (32, 32, 8, 2, 8)},
    ("walk", "wide"): {64: (16, 32, 4, 2, 4), 128: (16, 32, 8, 2, 8), 256: (16, 16, 8, 2, 8)},
    ("slopes", "group"): {64: (64, 32, 4, 1, 1), 128: (64, 16, 4, 1, 1), 256: (32, 16, 8, 1, 8)},
    ("slopes", "single"): {64: (16, 32, 4, 1, 4), 128: (32, 16, 8, 1, 8), 256: (32, 16, 8, 1, 8)},
    ("slopes", "wide"): {64: (16, 16, 4, 1, 4), 128: (16, 16, 8, 1, 8), 256: (16, 16, 8, 1, 8)},
    ("states", "group"): dict.fromkeys((64, 128, 256), (64, 64, 4, 3, 1)),
    ("states", "single"): dict.fromkeys((64, 128, 256), (64, 64, 4, 3, 1)),
    ("states", "wide"): dict.fromkeys((64, 128, 256), (32, 32, 4, 2, 1)),
}

# What to try in the place of a pinned tile of the walk, on a card: no choice above has been timed on one.
CANDIDATES = (
    (64, 32, 4, 2, 1), (64, 32, 4, 3, 1), (64, 32, 8, 2, 1), (64, 64, 4, 2, 1), (64, 64, 4, 3, 1), (64, 64, 8, 2, 1),
    (64, 128, 8, 2, 1), (128, 32, 8, 2, 1), (128, 64, 8, 2, 1), (32, 32, 4, 3, 4), (32, 64, 8, 2, 8), (32, 64, 8, 3, 8),
)  # fmt: skip

INTERPRETED_PARTS = 2


def tiles(shape: Shape) -> Tile:
    """The pinned tile of a shape; chip 0 is the interpreter, for which programs are dear and registers free."""
    keys = width(shape.keys)
    block_k = min(keys, 128) if shape.kernel == "states" else keys
    if shape.arch == 0:
        return Tile(32, block_k, min(64, width(shape.values)), 4, 1, INTERPRETED_PARTS)
    column = next(limit for limit in (64, 128, 256) if keys <= limit)
    # Triton 3.6 cannot compile the slopes' kernel with tcgen05; mma.sync runs on those chips, too.
    grouped = (9,) if shape.kernel == "slopes" else (9, 10, 11)
    products = "wide" if not shape.narrow else "group" if shape.arch // 10 in grouped else "single"
    chunk, block_v, warps, stages, parts = PINNED[shape.kernel, products][column]
    if keys != shape.keys or shape.values % block_v:
        block_v = min(block_v, 32)  # masks of channels take registers, too
    return Tile(chunk, block_k, min(block_v, width(shape.values)), warps, stages, min(parts, keys // 16))


def dot_types(dtype: torch.dtype) -> tuple[Any, str]:
    """(type of the operands of products, precision of float32 products); sums are float32 always.

    bfloat16 stays what it is. float16 goes through tf32, with as long a mantissa and the range of float32: scores and
    states of ordinary float16 inputs pass 65504. float32 takes three tf32 products, whose error is that of float32.
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


_TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16, "fp32": torch.float32}
_MATRIX = {80: ("mma_sync",), 90: ("wgmma",), 100: ("tcgen05",), 120: ("mma_sync",)}
AOT_SHAPES = (
    ("bf16", 64, 64),
    ("bf16", 128, 128),
    ("bf16", 256, 256),
    ("bf16", 96, 80),
    ("fp16", 64, 64),
    ("fp16", 128, 128),
    ("fp32", 32, 32),
    ("fp32", 64, 64),
    ("fp32", 128, 128),
    ("fp32", 256, 256),
    ("fp32", 96, 80),
)


def aot(
    kernel: Any, case: str, shape: tuple[str, int, int], constants: Mapping[str, Any], *, quick: bool = False
) -> Iterator[Configuration]:
    """The configurations of a kernel for one dtype and head size, one for each set of chips with a tile of its own.

    The types of arguments follow from their names: integers, but for data and float32 pointers. ``constants`` are added to
    the tile's; one of them may be an ordinary argument that a launch specialises, such as a stride of 1.
    """
    kind, keys, values = shape
    dot, precision = dot_types(_TYPES[kind])
    chips: dict[Tile, list[int]] = {}
    for arch in ARCHS:
        chips.setdefault(tiles(Shape(kernel.__name__.split("_")[1], keys, values, kind == "bf16", arch)), []).append(
            arch
        )
    for tile, archs in chips.items():
        where = "" if len(chips) == 1 else " on " + ", ".join(f"sm_{arch}" for arch in archs)
        fixed: dict[str, Any] = {
            "DK": keys,
            "DV": values,
            "BK": tile.block_k,
            "BV": tile.block_v,
            "CHUNK": tile.chunk,
            "DOT": dot,
            "PRECISION": precision,
            **constants,
        }
        if "PARTS" in kernel.arg_names:
            fixed["PARTS"] = tile.parts  # fmt: skip
        signature = {name: _kind(name, kind) for name in kernel.arg_names if name not in fixed}
        yield Configuration(
            kernel.__name__,
            f"{kind} {keys}x{values} {case}{where}",
            signature,
            fixed,
            num_warps=tile.num_warps,
            num_stages=tile.num_stages,
            divisible=tuple(n for n in signature if n[-2:] in ("_b", "_t", "_h") or n.startswith("state_") or n == "H"),
            archs=tuple(archs),
            instructions={a: _instructions(tile, a) for a in archs},
            may_spill=max(keys, values) > 128,
            quick=quick and 90 in archs,
        )


def _instructions(tile: Tile, arch: int) -> tuple[str, ...]:
    """What must occur in the PTX: dealt products and blocks below 64 rows are mma.sync's on every chip."""
    return ("mma_sync",) if tile.parts > 1 or tile.block_k < 64 else _MATRIX[arch]


def _kind(name: str, data: str) -> str:
    if name in ("x", "y", "z", "q", "k", "v", "do", "out"):
        return f"*{data}"
    if name in ("slopes", "enter", "leave", "sums", "partial", "initial", "state"):
        return "*fp32"
    if name in ("cu", "first", "owner"):
        return "*i32"
    return "fp32" if name == "scale" else "i32"
