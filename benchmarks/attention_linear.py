"""Linear attention against dense causal attention: time and memory over the length, with the ceiling of its own products."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from benchmarks.harness import ROOT, Context, Row, case, timed
from composekit.attention import alibi_slopes, lightning_attention
from composekit.attention.chunked import CHUNK
from composekit.attention.decode import lightning_decode
from composekit.testing import assert_close

HEADS, CHANNELS = 8, 128
LENGTHS = (1024, 2048, 4096, 8192, 16384, 32768, 65536)
DENSE_FORWARD, DENSE_BACKWARD, FLEX = 32768, 4096, 4096  # beyond, dense attention takes minutes on two cores
MEMORY = (8192, 16384, 32768, 65536)
DTYPES = {"bfloat16": torch.bfloat16, "float32": torch.float32}


def inputs(
    length: int, dtype: torch.dtype, *, heads: int = HEADS, device: str = "cpu", grad: bool = False
) -> list[Tensor]:
    """Random q, k, v of one row."""
    generator = torch.Generator(device).manual_seed(0)
    shape = (1, length, heads, CHANNELS)
    draw = (torch.randn(shape, generator=generator, device=device).to(dtype) for _ in range(3))
    return [x.requires_grad_(grad) for x in draw]


def dense(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    """The backend that torch picks: on the CPU its flash kernel."""
    heads_first = (x.transpose(1, 2) for x in (q, k, v))
    return torch.nn.functional.scaled_dot_product_attention(*heads_first, is_causal=True)


def check(dtype: torch.dtype, device: str, call: Callable[..., Tensor] | None = None) -> None:
    """Hold the path that is timed to the recurrence in float64."""
    q, k, v = inputs(300, dtype, heads=2, device=device)
    slopes = alibi_slopes(2, device=device)
    got = lightning_attention(q, k, v, slopes).out if call is None else call(q, k, v, slopes)
    exact = lightning_attention(*(x.double() for x in (q, k, v)), slopes.double(), impl="reference").out
    plain = lightning_attention(q, k, v, slopes, impl="reference").out
    assert_close(got, plain, exact=exact, factor=4.0)


def ceiling(length: int, dtype: torch.dtype, *, repeats: int) -> float:
    """Seconds of the four bare products of every chunk, contiguous, with nothing in between."""
    q = torch.randn(HEADS, CHUNK, CHANNELS).to(dtype)
    scores = torch.empty(HEADS, CHUNK, CHUNK, dtype=dtype)
    out, state = torch.empty_like(q), torch.empty(HEADS, CHANNELS, CHANNELS, dtype=dtype)

    def products() -> None:
        for _ in range(length // CHUNK):
            torch.bmm(q, q.transpose(1, 2), out=scores)
            torch.bmm(scores, q, out=out)
            torch.bmm(q, state, out=out)
            torch.bmm(q.transpose(1, 2), q, out=state)

    return timed(products, repeats=repeats, warmup=1)["median_s"]


def _forward(ctx: Context, dtype_name: str) -> Iterator[Row]:
    dtype = DTYPES[dtype_name]
    check(dtype, "cpu")
    slopes = alibi_slopes(HEADS)
    flex = _flex()
    for length in LENGTHS[:1] if ctx.quick else LENGTHS:
        q, k, v = inputs(length, dtype)
        repeats = 9 if length <= 8192 else 5
        row: Row = {
            "dtype": dtype_name,
            "T": length,
            "heads": HEADS,
            "channels": CHANNELS,
            "threads": torch.get_num_threads(),
        }
        with torch.no_grad():
            linear = timed(lambda: lightning_attention(q, k, v, slopes).out, repeats=repeats)  # noqa: B023
            row |= {f"linear_{key}": value for key, value in linear.items()}
            row["products_s"] = ceiling(length, dtype, repeats=3)
            if length <= DENSE_FORWARD:
                few = 5 if length <= 4096 else 3 if length <= 8192 else 1
                sdpa = timed(lambda: dense(q, k, v), repeats=few, warmup=int(length <= 8192))  # noqa: B023
                row |= {f"sdpa_{key}": value for key, value in sdpa.items()}
                row["speedup"] = sdpa["median_s"] / linear["median_s"]
            if length <= FLEX and flex is not None:
                row["flex_s"] = timed(lambda: flex(q, k, v), repeats=3, warmup=1)["median_s"]  # noqa: B023
        yield row


def _flex() -> Callable[..., Tensor] | None:
    """Compiled FlexAttention with a causal block mask, where the compiler for it is installed."""
    from torch.nn.attention.flex_attention import create_block_mask, flex_attention

    compiled = torch.compile(flex_attention, dynamic=False)

    def run(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
        size = q.shape[1]
        if size not in masks:
            masks[size] = create_block_mask(lambda b, h, i, j: i >= j, None, None, size, size, device="cpu")
        return compiled(*(x.transpose(1, 2) for x in (q, k, v)), block_mask=masks[size])

    masks: dict[int, object] = {}
    try:
        with torch.no_grad():
            run(*inputs(256, torch.float32))
    except Exception as error:  # no compiler: the rival is absent, and the rows say so by having no column
        print(f"  FlexAttention does not run here: {type(error).__name__}")
        return None
    return run


@case("attention_linear", "forward_bfloat16")
def forward_bfloat16(ctx: Context) -> Iterator[Row]:
    """Forward in bfloat16."""
    yield from _forward(ctx, "bfloat16")


@case("attention_linear", "forward_float32")
def forward_float32(ctx: Context) -> Iterator[Row]:
    """Forward in float32."""
    yield from _forward(ctx, "float32")


@case("attention_linear", "backward")
def backward(ctx: Context) -> Iterator[Row]:
    """Forward and backward together."""
    slopes = alibi_slopes(HEADS)
    for dtype_name, dtype in DTYPES.items():
        check(dtype, "cpu")
        for length in LENGTHS[:1] if ctx.quick else LENGTHS[::2]:
            q, k, v = inputs(length, dtype, grad=True)
            row: Row = {"dtype": dtype_name, "T": length}
            linear = timed(lambda: _train(lightning_attention(q, k, v, slopes).out, (q, k, v)), repeats=3, warmup=1)  # noqa: B023
            row["linear_s"] = linear["median_s"]
            if length <= DENSE_BACKWARD:
                sdpa = timed(lambda: _train(dense(q, k, v), (q, k, v)), repeats=3, warmup=1)  # noqa: B023
                row |= {"sdpa_s": sdpa["median_s"], "speedup": sdpa["median_s"] / linear["median_s"]}
            yield row


def _train(out: Tensor, leaves: tuple[Tensor, ...]) -> None:
    torch.autograd.grad(out, leaves, torch.ones_like(out))


@case("attention_linear", "memory")
def memory(ctx: Context) -> Iterator[Row]:
    """Peak resident memory above the inputs, in a process of its own each."""
    for mode in ("forward", "backward"):
        for length in MEMORY[:1] if ctx.quick else MEMORY:
            row: Row = {
                "dtype": "bfloat16",
                "mode": mode,
                "T": length,
                "input_mib": 3 * length * HEADS * CHANNELS * 2 / 2**20,
            }
            row["linear_mib"] = _peak("linear", length, mode)
            if length <= (16384 if mode == "forward" else 8192):
                row["sdpa_mib"] = _peak("sdpa", length, mode)
            yield row


def _peak(rival: str, length: int, mode: str) -> float:
    command = [sys.executable, "-m", "benchmarks._attention_memory", rival]
    command += [str(length), str(HEADS), str(CHANNELS), "bfloat16", mode]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return int(done.stdout.split()[-1]) / 2**20


@case("attention_linear", "decode")
def decode(ctx: Context) -> Iterator[Row]:
    """One token: the state has one size, a cache of keys and values grows."""
    state = torch.zeros(1, HEADS, CHANNELS, CHANNELS)
    slopes = alibi_slopes(HEADS)
    q, k, v = inputs(1, torch.bfloat16)
    with torch.no_grad():
        linear = timed(lambda: lightning_decode(q, k, v, slopes, state, 0.1, "auto"), repeats=200, warmup=20)
        for length in LENGTHS[:1] if ctx.quick else LENGTHS:
            _, keys, values = (x.transpose(1, 2).contiguous() for x in inputs(length, torch.bfloat16))
            attend = torch.nn.functional.scaled_dot_product_attention
            sdpa = timed(lambda: attend(q.transpose(1, 2), keys, values), repeats=30, warmup=3)  # noqa: B023
            yield {
                "T": length,
                "linear_us": 1e6 * linear["median_s"],
                "sdpa_us": 1e6 * sdpa["median_s"],
                "speedup": sdpa["median_s"] / linear["median_s"],
            }
