"""The channel bridge: bytes and seconds of the naive way against sum, pack and stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks._bytes import LiveBytes, saved_bytes
from benchmarks.harness import Context, Row, case, peak_rss, timed
from composekit.bridge import ChannelBridge, HiddenStateTap, tap_layers

WAYS = ("naive", "sum", "pack", "stream")


@dataclass(frozen=True)
class Shape:
    """One configuration: ``depth`` layers of a reader, L of them tapped, D channels in and out, N = B T rows."""

    layers: int = 6
    width: int = 1024
    length: int = 512
    batch: int = 4
    depth: int = 36
    norm: str = "joint_ln"
    dtype: torch.dtype = torch.float32

    @property
    def rows(self) -> int:
        return self.batch * self.length

    def row(self) -> Row:
        return {
            "L": self.layers,
            "D": self.width,
            "T": self.length,
            "B": self.batch,
            "norm": self.norm,
            "dtype": str(self.dtype).removeprefix("torch."),
        }


class Reader(nn.Module):
    """The states of a reader and nothing else: each layer hands on a new one, as a decoder's layers do."""

    def __init__(self, shape: Shape) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_Layer() for _ in range(shape.depth))

    def forward(self, x: Tensor) -> tuple[Tensor]:
        for layer in self.layers:
            x = layer(x)
        return (x,)


class _Layer(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 1.01


def made(shape: Shape, device: str = "cpu") -> tuple[ChannelBridge, Tensor, tuple[int, ...]]:
    """A bridge, an input for the reader, and the layers to tap."""
    torch.manual_seed(0)
    bridge = ChannelBridge(shape.layers, shape.width, shape.width, norm=shape.norm)
    x = torch.randn(shape.batch, shape.length, shape.width)
    layers = tap_layers(shape.depth, count=shape.layers)
    if len(layers) != shape.layers:
        raise ValueError(f"benchmarks: depth {shape.depth} must give {shape.layers} taps; got {len(layers)}")
    return bridge.to(device, shape.dtype), x.to(device, shape.dtype), layers


def naive(bridge: ChannelBridge, taps: tuple[Tensor, ...]) -> Tensor:
    """Concatenate, normalise, project, with torch's own layers."""
    if bridge.norm == "layer_rms":
        taps = tuple(F.rms_norm(h, h.shape[-1:], eps=bridge.eps) for h in taps)
    stacked = torch.cat(taps, -1)
    if bridge.norm == "joint_ln":
        normal = F.layer_norm(stacked, stacked.shape[-1:], bridge.norm_weight, bridge.norm_bias, bridge.eps)
    else:
        normal = stacked if bridge.norm_weight is None else stacked * bridge.norm_weight
    return F.linear(normal, bridge.weight, bridge.bias)


def projected(way: str, bridge: ChannelBridge, taps: tuple[Tensor, ...]) -> Tensor:
    """The projection of given taps."""
    return naive(bridge, taps) if way == "naive" else bridge(taps, impl=way)


def all_states(reader: Reader, x: Tensor) -> list[Tensor]:
    """What ``output_hidden_states=True`` keeps: every state."""
    states = [x]
    for layer in reader.layers:
        x = layer(x)
        states.append(x)
    return states


def run(way: str, reader: Reader, bridge: ChannelBridge, x: Tensor, layers: tuple[int, ...]) -> Tensor:
    """From the reader's input to the projection."""
    if way == "naive":
        states = all_states(reader, x)
        return naive(bridge, tuple(states[k] for k in layers))
    if way == "stream":
        with HiddenStateTap(reader, layers, "stream", bridge=bridge) as tap:
            reader(x)
        return tap.output
    with HiddenStateTap(reader, layers) as tap:
        reader(x)
    return bridge(tap.states, impl=way)


def gate() -> None:
    """Every way and every gradient agrees with the naive one in float64, or nothing is measured."""
    for norm in ("none", "layer_rms", "joint_ln"):
        shape = Shape(layers=3, width=24, length=10, batch=2, depth=12, norm=norm, dtype=torch.float64)
        bridge, x, layers = made(shape)
        for p in bridge.parameters():
            nn.init.normal_(p)
        x.requires_grad_()
        leaves = [x, *bridge.parameters()]
        outcomes = []
        for way in WAYS:
            y = run(way, Reader(shape), bridge, x, layers)
            outcomes.append([y, *torch.autograd.grad(y.sin().sum(), leaves)])
        for way, outcome in zip(WAYS[1:], outcomes[1:], strict=True):
            for got, want in zip(outcome, outcomes[0], strict=True):
                worst = ((got - want).abs().max() / want.abs().max()).item()
                if not worst < 1e-10:
                    raise AssertionError(f"benchmarks: {way} differs from naive by {worst:.2g} with norm={norm}")


# --- the bytes of the design, at its shape -------------------------------------------------------------------------------

DESIGN = Shape(layers=6, width=2048, length=512, batch=8, depth=36, norm="none", dtype=torch.bfloat16)
SMALL = Shape(layers=3, width=64, length=1024, batch=8, depth=12, norm="none", dtype=torch.bfloat16)


@case("bridge", "inference-bytes")
def inference_bytes(ctx: Context) -> Iterator[Row]:
    """Tensors of N rows alive at once in inference, without weights and scratch: counted, beside what arithmetic says."""
    gate()
    shape = SMALL if ctx.quick else DESIGN
    state = shape.rows * shape.width * shape.dtype.itemsize
    accumulator = shape.rows * shape.width * 4
    expected = {
        "naive": (shape.depth + 1 + 2 * shape.layers + 1) * state,
        "pack": (2 * shape.layers + 1) * state,
        "sum": shape.layers * state + accumulator + state,
        "stream": accumulator + state,
    }
    for way, formula in expected.items():
        norm = "joint_ln" if way == "naive" else "none"  # concatenated and normalised; the others add two numbers a row
        bridge, x, layers = made(replace(shape, norm=norm))
        live = LiveBytes(lambda t: t.numel() >= shape.rows * shape.width)
        with torch.no_grad():
            kept, peak = _inference(way, bridge, x, layers, shape, live)
        counted = {"kept_bytes": kept, "made_bytes": peak, "bytes": kept + peak, "formula_bytes": formula}
        yield {**shape.row(), "norm": norm, "way": way, **counted}


def _inference(
    way: str, bridge: ChannelBridge, x: Tensor, layers: tuple[int, ...], shape: Shape, live: LiveBytes
) -> tuple[int, int]:
    """Bytes of the reader's states that are kept for the bridge, and the peak of what the bridge makes."""
    if way == "stream":  # the state that is running belongs to the reader
        reader = Reader(shape)
        with HiddenStateTap(reader, layers, "stream", bridge=bridge) as tap:
            take, finish = tap._take, tap.finish

            def measured_take(k: int, state: Tensor) -> None:
                with live:
                    take(k, state)

            def measured_finish(hidden: None, last: Tensor) -> None:
                with live:
                    finish(hidden, last)

            tap._take, tap.finish = measured_take, measured_finish  # type: ignore[method-assign]
            reader(x)
        return 0, live.peak
    states = all_states(Reader(shape), x)
    kept = states if way == "naive" else [states[k] for k in layers]
    taps = tuple(states[k] for k in layers)
    with live:
        y = projected(way, bridge, taps)
    del y
    return sum(t.untyped_storage().nbytes() for t in kept), live.peak


@case("bridge", "saved-bytes")
def saved(ctx: Context) -> Iterator[Row]:
    """What autograd keeps for the backward pass, beyond taps and parameters."""
    gate()
    for norm in ("none", "layer_rms", "joint_ln"):
        shape = replace(SMALL if ctx.quick else DESIGN, norm=norm)
        bridge, x, layers = made(shape)
        states = all_states(Reader(shape), x)
        taps = tuple(states[k].detach().requires_grad_() for k in layers)
        del states
        known = [*taps, *bridge.parameters()]
        for way in ("naive", "pack", "sum"):
            forward = partial(projected, way, bridge, taps)
            yield {**shape.row(), "way": way, "saved_bytes": saved_bytes(forward, known)}


# --- peak and time over shapes -------------------------------------------------------------------------------------------

BASE = Shape()
SWEEP = [
    BASE,
    *(replace(BASE, layers=n) for n in (2, 12)),
    *(replace(BASE, width=n) for n in (256, 512)),
    *(replace(BASE, length=n) for n in (128, 256)),
]
QUICK = [Shape(layers=2, width=32, length=16, batch=2, depth=12)]


def _once(way: str, reader: Reader, bridge: ChannelBridge, x: Tensor, layers: tuple[int, ...], training: bool) -> None:
    with torch.set_grad_enabled(training):
        bridge.zero_grad()
        x.grad = None
        y = run(way, reader, bridge, x, layers)
        if training:
            y.sum().backward()


def _bridge_alone(way: str, bridge: ChannelBridge, taps: tuple[Tensor, ...], training: bool) -> None:
    with torch.set_grad_enabled(training):
        y = projected(way, bridge, taps)
        if training:
            y.sum().backward()


@case("bridge", "peak")
def peak(ctx: Context) -> Iterator[Row]:
    """Most bytes alive at once from reader input to projection, and back: tensors counted, and the process's own peak."""
    gate()
    for shape in QUICK if ctx.quick else SWEEP:
        for training in (False, True):
            for way in WAYS:
                bridge, x, layers = made(shape)
                x.requires_grad_(training)
                reader = Reader(shape)
                live = LiveBytes()

                once = partial(_once, way, reader, bridge, x, layers, training)
                resident = peak_rss(once)
                with live:
                    once()
                yield {**shape.row(), "way": way, "training": training, "peak_bytes": live.peak, "rss_bytes": resident}


def _time(shapes: list[Shape], *, training: bool, device: str, repeats: int) -> Iterator[Row]:
    """Side by side, on one thread of a CPU: with more, a busy neighbour stalls whoever calls more operators."""
    gate()
    if device == "cpu":
        torch.set_num_threads(1)
    for shape in shapes:
        bridge, x, layers = made(shape, device)
        reader = Reader(shape).to(device)
        with torch.no_grad():
            taps = [h.clone() for h in (all_states(reader, x)[k] for k in layers)]
        for h in taps:
            h.requires_grad_(training)
        baseline = 0.0
        for way in ("naive", "sum", "pack"):
            took = timed(partial(_bridge_alone, way, bridge, tuple(taps), training), repeats=repeats, warmup=1)
            baseline = took["median_s"] if way == "naive" else baseline
            yield {
                **shape.row(),
                "way": way,
                "training": training,
                "threads": torch.get_num_threads(),
                **took,
                "of_naive": took["median_s"] / baseline,
            }


@case("bridge", "time-inference")
def time_inference(ctx: Context) -> Iterator[Row]:
    """Seconds of the bridge alone, forward."""
    shapes = QUICK if ctx.quick else [replace(shape, batch=1) for shape in SWEEP]
    yield from _time(shapes, training=False, device="cpu", repeats=1 if ctx.quick else 7)


@case("bridge", "time-training")
def time_training(ctx: Context) -> Iterator[Row]:
    """Seconds of the bridge alone, forward and backward."""
    shapes = QUICK if ctx.quick else [replace(shape, batch=1) for shape in SWEEP]
    yield from _time(shapes, training=True, device="cpu", repeats=1 if ctx.quick else 5)


@case("bridge", "time-gpu", gpu=True)
def time_gpu(ctx: Context) -> Iterator[Row]:
    """The same on a GPU, in bf16 at the shape of the design."""
    shapes = QUICK if ctx.dry_run else [replace(DESIGN, norm=norm) for norm in ("none", "layer_rms", "joint_ln")]
    for training in (False, True):
        yield from _time(shapes, training=training, device=ctx.device, repeats=1 if ctx.dry_run else 30)
