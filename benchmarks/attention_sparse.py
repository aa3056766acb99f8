"""Block-sparse attention against dense causal attention: CPU time, its share of selection, and memory over the length."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from benchmarks.harness import ROOT, Context, Row, case
from composekit.attention import SparseConfig, block_sparse_attention, select_blocks, sparse_attention
from composekit.testing import assert_close

HEADS, KV_HEADS, CHANNELS = 8, 2, 128
LENGTHS = (8192, 32768)
DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}
EVERYWHERE = SparseConfig(dense_len=0)  # sparse from the first query on: what the blocks themselves cost


def inputs(length: int, dtype: torch.dtype, *, grad: bool = False) -> list[Tensor]:
    """Random q, k, v of one row: random keys are the worst case, for no two queries then want the same blocks."""
    generator = torch.Generator().manual_seed(0)
    shapes = [(1, length, heads, CHANNELS) for heads in (HEADS, KV_HEADS, KV_HEADS)]
    return [torch.randn(shape, generator=generator).to(dtype).requires_grad_(grad) for shape in shapes]


def dense(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """The backend that torch picks: on the CPU its flash kernel, which shares keys between heads as ours does."""
    heads_first = (x.transpose(1, 2) for x in (q, k, v))
    return torch.nn.functional.scaled_dot_product_attention(*heads_first, is_causal=True, enable_gqa=True)


def check(dtype: torch.dtype) -> None:
    """Hold the path that is timed to the formula in float64: on the last queries, and to dense attention below dense_len."""
    q, k, v = inputs(9000, dtype)
    q = q[:, -4:]
    indices = select_blocks(q, k, EVERYWHERE, q_start=8996).indices
    exact = [x.double() for x in (q, k, v)]
    results = [
        block_sparse_attention(*tensors, indices, q_start=8996, impl=impl).out
        for tensors, impl in (((q, k, v), "chunked"), ((q, k, v), "reference"), (exact, "reference"))
    ]
    assert_close(*results[:2], exact=results[2], factor=4.0)
    q, k, v = inputs(600, dtype)
    whole, matrix = sparse_attention(q, k, v, SparseConfig()).out, dense(q, k, v).transpose(1, 2)
    assert_close(whole, matrix, exact=dense(*(x.double() for x in (q, k, v))).transpose(1, 2), factor=4.0)


def cpu_seconds(call: Callable[[], object], repeats: int) -> float:
    """CPU seconds of the quickest call in one thread: a busy machine adds little to them, where two threads would wait."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    took = []
    try:
        for _ in range(repeats):
            start = time.process_time()
            call()
            took.append(time.process_time() - start)
    finally:
        torch.set_num_threads(threads)
    return min(took)


def _forward(ctx: Context, dtype_name: str) -> Iterator[Row]:
    dtype = DTYPES[dtype_name]
    check(dtype)
    for length in (1024,) if ctx.quick else LENGTHS:
        q, k, v = inputs(length, dtype)
        shape = {"T": length, "heads": HEADS, "kv_heads": KV_HEADS, "channels": CHANNELS}
        repeats = 3 if length <= 8192 else 1
        row: Row = {"dtype": dtype_name, **shape, "threads": 1}
        with torch.no_grad():
            indices = select_blocks(q, k, EVERYWHERE).indices
            row["sdpa_s"] = cpu_seconds(lambda: dense(q, k, v), repeats)  # noqa: B023
            row["select_s"] = cpu_seconds(lambda: select_blocks(q, k, EVERYWHERE), repeats)  # noqa: B023
            row["attend_s"] = cpu_seconds(lambda: block_sparse_attention(q, k, v, indices), repeats)  # noqa: B023
            row["default_s"] = cpu_seconds(lambda: sparse_attention(q, k, v, SparseConfig()), repeats)  # noqa: B023
        row["sparse_s"] = row["select_s"] + row["attend_s"]
        row["select_share"] = row["select_s"] / row["sparse_s"]
        row["speedup"] = row["sdpa_s"] / row["sparse_s"]
        row["default_speedup"] = row["sdpa_s"] / row["default_s"]
        row["tokens_attended"] = 64 * float((indices >= 0).sum()) / (length * KV_HEADS)
        yield row


@case("attention_sparse", "forward_bfloat16")
def forward_bfloat16(ctx: Context) -> Iterator[Row]:
    """Forward in bfloat16."""
    yield from _forward(ctx, "bfloat16")


@case("attention_sparse", "forward_float32")
def forward_float32(ctx: Context) -> Iterator[Row]:
    """Forward in float32."""
    yield from _forward(ctx, "float32")


@case("attention_sparse", "memory")
def memory(ctx: Context) -> Iterator[Row]:
    """Peak resident memory above the inputs of a forward pass, in a process of its own each."""
    for dtype_name, dtype in DTYPES.items():
        for length in (1024,) if ctx.quick else LENGTHS:
            elements = length * (HEADS + 2 * KV_HEADS) * CHANNELS
            row: Row = {"dtype": dtype_name, "T": length, "input_mib": elements * dtype.itemsize / 2**20}
            for rival in ("select", "sparse", "sdpa"):
                command = [sys.executable, "-m", "benchmarks._sparse_memory", rival, str(length), dtype_name]
                done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
                row[f"{rival}_mib"] = int(done.stdout.split()[-1]) / 2**20
            yield row


@case("attention_sparse", "backward")
def backward(ctx: Context) -> Iterator[Row]:
    """Forward and backward together, sparse from the first query on, selection included."""
    for dtype_name, dtype in DTYPES.items():
        for length in (1024,) if ctx.quick else LENGTHS[:1]:
            q, k, v = inputs(length, dtype, grad=True)
            row: Row = {"dtype": dtype_name, "T": length}
            row["sparse_s"] = _train(lambda: sparse_attention(q, k, v, EVERYWHERE).out, (q, k, v))  # noqa: B023
            row["sdpa_s"] = _train(lambda: dense(q, k, v), (q, k, v))  # noqa: B023
            yield row | {"speedup": row["sdpa_s"] / row["sparse_s"]}


def _train(forward: Callable[[], Tensor], leaves: tuple[Tensor, ...]) -> float:
    def step() -> None:
        out = forward()
        torch.autograd.grad(out, leaves, torch.ones_like(out))

    return cpu_seconds(step, 1)
