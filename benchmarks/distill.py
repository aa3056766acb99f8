"""The losses from hidden states against what a user could take instead: time, peak memory, gradient error, on the CPU."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator

from benchmarks import _distill_rivals as rivals
from benchmarks.harness import ROOT, Context, Row, case

WIDTH = 1024
NEEDS_GPU = "Liger fused JSD"  # a Triton kernel, which has no driver on the CPU
NAMES = [name for name in rivals.RIVALS if name != NEEDS_GPU]
EAGER = [name for name in NAMES if name != "naive compiled"]
FEW = [name for name in EAGER if name not in rivals.VIRTUAL]
GATE = 1e-4  # of the gradient in float32, where a rival that computes something else is off by orders of magnitude


def gate(names: list[str]) -> None:
    """Every rival must give the gradient of the same loss before any is timed."""
    for name in names:
        error = rivals.gradient_error(name, rivals.make(33, 997, 24))
        if not error < GATE:
            raise AssertionError(f"benchmarks: {name} is off by {error:.2g} in the gradient")


def peak(name: str, tokens: int, vocabulary: int, width: int) -> Row:
    """Peak memory of a rival in a process of its own."""
    module = ["-m", "benchmarks._distill_rivals"]
    command = [sys.executable, *module, name, *map(str, (tokens, vocabulary, width))]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.strip().splitlines()[-1])


def seconds(names: list[str], tokens: int, vocabulary: int, width: int, rounds: int) -> dict[str, list[float]]:
    """Forward and backward, all rivals in turn in each round, so that a busy moment hits all alike."""
    heads = rivals.make(tokens, vocabulary, width)
    extra = rivals.virtual(heads) if set(names) & set(rivals.VIRTUAL) else None
    found: dict[str, list[float]] = {name: [] for name in names}
    if "naive compiled" in names:
        rivals.step("naive compiled", heads, None)
    for _ in range(rounds):
        for name in names:
            start = time.perf_counter()
            rivals.step(name, heads, extra if name in rivals.VIRTUAL else None)
            found[name].append(time.perf_counter() - start)
    return found


def measured(tokens: int, vocabulary: int, width: int, names: list[str], rounds: int) -> Iterator[Row]:
    """Rows of one shape: time and peak of each rival, and both as a ratio to naive where that fits."""
    times = seconds(names, tokens, vocabulary, width, rounds)
    peaks = {name: peak(name, tokens, vocabulary, width) for name in names}
    for name in names:
        row: Row = {"name": name, "T": tokens, "V": vocabulary, "D": width, "dtype": "float32"}
        row |= {"median_s": statistics.median(times[name]), "best_s": min(times[name]), "rounds": rounds}
        row |= {
            "peak_mb": peaks[name]["peak"] / 1e6,
            "peak_above_gradients_mb": peaks[name]["peak_above_gradients"] / 1e6,
        }
        if "naive" in names:
            pairs = zip(times[name], times["naive"], strict=True)
            row["time_ratio"] = statistics.median(a / b for a, b in pairs)
            base = peaks["naive"]["peak_above_gradients"]
            row["memory_ratio"] = peaks[name]["peak_above_gradients"] / base
        yield row


@case("distill", "cpu-all-rivals")
def all_rivals(ctx: Context) -> Iterator[Row]:
    """T = 512 at V = 32,000, with compilation and Liger."""
    gate(NAMES)
    shape = (64, 2000) if ctx.quick else (512, 32_000)
    yield from measured(*shape, WIDTH, NAMES, rounds=1 if ctx.quick else 7)


@case("distill", "cpu-eager")
def eager(ctx: Context) -> Iterator[Row]:
    """T = 512 at V = 32,000, without compilation."""
    gate(EAGER)
    shape = (64, 2000) if ctx.quick else (512, 32_000)
    yield from measured(*shape, WIDTH, EAGER, rounds=1 if ctx.quick else 7)


@case("distill", "cpu-small-vocabulary")
def small_vocabulary(ctx: Context) -> Iterator[Row]:
    """T = 2,048 at V = 32,000."""
    gate(EAGER)
    shape = (64, 2000) if ctx.quick else (2048, 32_000)
    yield from measured(*shape, WIDTH, EAGER, rounds=1 if ctx.quick else 2)


@case("distill", "cpu-long")
def long(ctx: Context) -> Iterator[Row]:
    """T = 4,096 at V = 32,000."""
    gate(FEW)
    shape = (128, 2000) if ctx.quick else (4096, 32_000)
    yield from measured(*shape, WIDTH, FEW, rounds=1)


@case("distill", "cpu-large-vocabulary")
def large_vocabulary(ctx: Context) -> Iterator[Row]:
    """T = 512 at V = 151,936; the virtual teacher that Liger needs is two more heads, too many beside the others."""
    gate(FEW)
    shape = (64, 2000) if ctx.quick else (512, 151_936)
    yield from measured(*shape, WIDTH, FEW, rounds=1 if ctx.quick else 2)


@case("distill", "cpu-large-and-long")
def large_and_long(ctx: Context) -> Iterator[Row]:
    """T = 2,048 at V = 151,936: only what keeps no logits fits into a few GB."""
    names = ["ExOPDLoss", "linear_gopd_loss"]
    gate(names)
    shape = (64, 2000) if ctx.quick else (2048, 151_936)
    yield from measured(*shape, WIDTH, names, rounds=1)


@case("distill", "cpu-memory")
def memory(ctx: Context) -> Iterator[Row]:
    """Peak memory at every shape; narrow hidden states, for what is above the gradients hardly depends on their width."""
    shapes = ((64, 2000),) if ctx.quick else ((512, 32_000), (2048, 32_000), (512, 151_936), (2048, 151_936))
    for tokens, vocabulary in shapes:
        names = FEW if tokens * vocabulary < 1e8 else [name for name in FEW if name != "naive"]
        peaks = {name: peak(name, tokens, vocabulary, 128) for name in names}
        for name in names:
            row: Row = {"name": name, "T": tokens, "V": vocabulary, "D": 128, "dtype": "float32"}
            row["peak_above_gradients_mb"] = peaks[name]["peak_above_gradients"] / 1e6
            if "naive" in names:
                row["memory_ratio"] = peaks[name]["peak_above_gradients"] / peaks["naive"]["peak_above_gradients"]
            yield row


@case("distill", "gradient-error")
def gradient_errors(ctx: Context) -> Iterator[Row]:
    """Relative error of the gradient against float64, from float32 and from bf16 heads."""
    import torch

    for vocabulary, tokens, width in ((2000, 16, 64),) if ctx.quick else ((32_000, 128, 128), (151_936, 32, 64)):
        for name in [*EAGER, NEEDS_GPU]:
            row: Row = {"name": name, "T": tokens, "V": vocabulary, "D": width}
            if name == NEEDS_GPU:
                yield row | {"note": "a Triton kernel; does not run on the CPU"}
                continue
            for dtype in (torch.float32, torch.bfloat16):
                heads = rivals.make(tokens, vocabulary, width, dtype)
                row["error_" + str(dtype).removeprefix("torch.")] = rivals.gradient_error(name, heads)
            yield row
