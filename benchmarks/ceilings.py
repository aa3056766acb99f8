"""The ceilings of the machine as rows, to read the other rows by."""

from __future__ import annotations

from collections.abc import Iterator

import torch

from benchmarks._ceilings import ceilings
from benchmarks.harness import Context, Row, case


def _rows(ctx: Context, dtypes: tuple[torch.dtype, ...]) -> Iterator[Row]:
    for dtype in dtypes:
        found = ceilings(ctx, dtype)
        name = str(dtype).removeprefix("torch.")
        yield {"dtype": name, "matmul_flops_per_s": found.matmul, "bandwidth_bytes_per_s": found.bandwidth}


@case("ceilings", "cpu")
def cpu(ctx: Context) -> Iterator[Row]:
    """Matrix products and a copy on the CPU, with as many threads as torch was given."""
    if ctx.device == "cpu":
        for row in _rows(ctx, (torch.float32,)):
            yield {**row, "threads": torch.get_num_threads()}


@case("ceilings", "gpu", gpu=True)
def gpu(ctx: Context) -> Iterator[Row]:
    """Matrix products and a copy on the GPU."""
    yield from _rows(ctx, (torch.bfloat16, torch.float16, torch.float32))
