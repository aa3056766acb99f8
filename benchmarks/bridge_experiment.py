"""The bridge experiment of examples/bridge_scenes in full: last layer and stacked layers, with and without think tokens.

The cases share their runs within a process: ``python -m benchmarks.run bridge_experiment`` trains everything once.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from benchmarks.harness import ROOT, Context, Row, case


def _part(name: str, ctx: Context) -> Iterator[Row]:
    where = str(ROOT / "examples")
    if where not in sys.path:
        sys.path.append(where)
    import torch
    from bridge_scenes.experiment import FULL, PARTS, QUICK

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield from PARTS[name](QUICK if ctx.quick else FULL)
    finally:
        torch.set_num_threads(threads)


@case("bridge_experiment", "arms")
def arms(ctx: Context) -> Iterator[Row]:
    """Every arm over five seeds: what its scenes have right, and the flow loss."""
    return _part("arms", ctx)


@case("bridge_experiment", "contrasts")
def contrasts(ctx: Context) -> Iterator[Row]:
    """Differences between arms, paired by seed."""
    return _part("contrasts", ctx)


@case("bridge_experiment", "pictures")
def pictures(ctx: Context) -> Iterator[Row]:
    """Scenes of every arm for the same captions."""
    return _part("pictures", ctx)


@case("bridge_experiment", "longer")
def longer(ctx: Context) -> Iterator[Row]:
    """Last layer and stacked layers, without think tokens, trained for longer."""
    return _part("longer", ctx)
