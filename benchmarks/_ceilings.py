"""What this machine can do: the best matrix product and the best copy that torch gets out of it, measured here and now.

A kernel's time is judged against these, not against a data sheet, which no shared or throttled machine reaches.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import torch

from benchmarks.harness import Context, timed


class Ceilings(NamedTuple):
    """Floating-point operations per second of a matrix product, and bytes per second read plus written by a copy."""

    matmul: float
    bandwidth: float


@lru_cache
def ceilings(context: Context, dtype: torch.dtype = torch.bfloat16) -> Ceilings:
    """Measure once a process, on the device of the context; a dry run takes tiny shapes, whose numbers mean nothing."""
    small = context.dry_run or context.quick
    if context.device == "cuda":
        sizes, elements, repeats = (4096, 8192), 2**29, 10
    else:
        sizes, elements, repeats = (256,) if small else (1024, 2048), 2**20 if small else 2**26, 1 if small else 5
    matmul = 0.0
    for size in sizes:
        a, b = (torch.randn(size, size, device=context.device).to(dtype) for _ in range(2))
        out = torch.empty(size, size, device=context.device, dtype=dtype)
        matmul = max(
            matmul, 2 * size**3 / timed(lambda a=a, b=b, out=out: torch.mm(a, b, out=out), repeats=repeats)["p20_s"]
        )
    source = torch.zeros(elements, device=context.device)
    target = torch.empty_like(source)
    copy = timed(lambda: target.copy_(source), repeats=repeats)["p20_s"]
    return Ceilings(matmul, 2 * source.nbytes / copy)
