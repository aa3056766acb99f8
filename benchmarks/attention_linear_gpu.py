"""Linear attention on a GPU: against flash-linear-attention and dense backends, beside what memory and arithmetic allow."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from importlib.util import find_spec
from typing import Any

import torch
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

from benchmarks._ceilings import ceilings
from benchmarks.attention_linear import CHANNELS, check, dense, inputs
from benchmarks.harness import Context, Row, against_ceilings, case, gate, peak_memory, timed
from composekit.attention import alibi_slopes, lightning_attention

HEADS = 32
LENGTHS = (8192, 32768, 131072)
_DENSE = {"sdpa_flash": SDPBackend.FLASH_ATTENTION, "sdpa_cudnn": SDPBackend.CUDNN_ATTENTION}

Rival = Callable[[Tensor, Tensor, Tensor], Tensor]


def rivals(device: str, slopes: Tensor) -> dict[str, Rival]:
    """What runs here; dense backends compute another function and are held to nothing but their own result."""
    found: dict[str, Rival] = {"linear": lambda q, k, v: lightning_attention(q, k, v, slopes).out}
    if device == "cuda" and find_spec("fla") is not None:
        from fla.ops.simple_gla import chunk_simple_gla

        found["fla"] = lambda q, k, v: chunk_simple_gla(q, k, v, g_gamma=-slopes)[0]
    for name, backend in _DENSE.items() if device == "cuda" else ():

        def run(q: Tensor, k: Tensor, v: Tensor, backend: Any = backend) -> Tensor:
            with sdpa_kernel(backend):
                return dense(q, k, v)

        found[name] = run
    if device != "cuda":
        found["sdpa_math"] = dense
    return found


def work(length: int, heads: int, *, passes: int) -> tuple[float, float]:
    """Least operations (chunks of 64) and bytes (every input and output once, bfloat16) of a forward, or with backward."""
    tensors = 4 if passes == 1 else 11  # q k v o; backward: q k v do, dq dk dv
    moved = tensors * length * heads * CHANNELS * 2.0
    operations = (1 if passes == 1 else 3.5) * length * heads * (2 * 64 * CHANNELS * 2 / 2 + 4 * CHANNELS**2)
    return operations, moved


def _measure(ctx: Context, *, passes: int) -> Iterator[Row]:
    device, heads = ctx.device, 2 if ctx.dry_run else HEADS
    slopes = alibi_slopes(heads, device=device)
    check(torch.bfloat16, device)
    ceiling = ceilings(ctx)
    for length in (256,) if ctx.dry_run else LENGTHS[:1] if ctx.quick else LENGTHS:
        q, k, v = inputs(length, torch.bfloat16, heads=heads, device=device, grad=passes > 1)
        flops, moved = work(length, heads, passes=passes)
        row: Row = {"dtype": "bfloat16", "T": length, "heads": heads, "channels": CHANNELS}
        found = rivals(device, slopes)
        if "fla" in found:
            with torch.no_grad():
                gate("flash-linear-attention", found["fla"](q, k, v), found["linear"](q, k, v), 0.02)
        for name, rival in found.items():
            with torch.set_grad_enabled(passes > 1):
                row[f"{name}_s"] = timed(lambda: _run(rival, q, k, v), repeats=5 if ctx.dry_run else 20)["median_s"]  # noqa: B023
        row |= against_ceilings(row["linear_s"], flops=flops, moved=moved, **ceiling._asdict())
        row["linear_peak_bytes"] = peak_memory(lambda: _run(found["linear"], q, k, v))  # noqa: B023
        yield row


def _run(rival: Rival, q: Tensor, k: Tensor, v: Tensor) -> None:
    out = rival(q, k, v)
    if out.requires_grad:
        torch.autograd.grad(out, (q, k, v), torch.ones_like(out))


@case("attention_linear", "gpu_forward", gpu=True)
def gpu_forward(ctx: Context) -> Iterator[Row]:
    """Forward."""
    yield from _measure(ctx, passes=1)


@case("attention_linear", "gpu_backward", gpu=True)
def gpu_backward(ctx: Context) -> Iterator[Row]:
    """Forward and backward together."""
    yield from _measure(ctx, passes=3)
