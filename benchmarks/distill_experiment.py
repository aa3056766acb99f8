"""The ExOPD experiment of examples/exopd in full: students against teachers over the reward scale, with its controls."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from benchmarks.harness import ROOT, Context, Row, case


def _part(name: str, ctx: Context) -> Iterator[Row]:
    where = str(ROOT / "examples")
    if where not in sys.path:
        sys.path.append(where)
    import torch
    from exopd.experiment import FULL, PARTS, QUICK

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield from PARTS[name](QUICK if ctx.quick else FULL)
    finally:
        torch.set_num_threads(threads)


@case("distill_experiment", "single")
def single(ctx: Context) -> Iterator[Row]:
    """One teacher: exact and sampled loss, weight extrapolation, continued reinforcement learning."""
    return _part("single", ctx)


@case("distill_experiment", "merged")
def merged(ctx: Context) -> Iterator[Row]:
    """Two teachers in one student."""
    return _part("merged", ctx)


@case("distill_experiment", "flaw")
def flaw(ctx: Context) -> Iterator[Row]:
    """A teacher whose reward also pays for something wrong."""
    return _part("flaw", ctx)


@case("distill_experiment", "strong_to_weak")
def strong_to_weak(ctx: Context) -> Iterator[Row]:
    """A narrower student, with its own base and with the teacher's base as the reference."""
    return _part("strong_to_weak", ctx)
