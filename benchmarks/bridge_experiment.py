"""The bridge experiment of examples/bridge_scenes in full: last layer and stacked layers, with and without think tokens.

The cases share their runs within a process: ``python -m benchmarks.run bridge_experiment`` trains everything once.
"""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks._examples import run_part
from benchmarks.harness import Context, Row, case


@case("bridge_experiment", "arms")
def arms(ctx: Context) -> Iterator[Row]:
    """Every arm over five seeds: what its scenes have right, and the flow loss."""
    return run_part("bridge_scenes", "arms", ctx)


@case("bridge_experiment", "contrasts")
def contrasts(ctx: Context) -> Iterator[Row]:
    """Differences between arms, paired by seed."""
    return run_part("bridge_scenes", "contrasts", ctx)


@case("bridge_experiment", "pictures")
def pictures(ctx: Context) -> Iterator[Row]:
    """Scenes of every arm for the same captions."""
    return run_part("bridge_scenes", "pictures", ctx)


@case("bridge_experiment", "longer")
def longer(ctx: Context) -> Iterator[Row]:
    """Last layer and stacked layers, without think tokens, trained for longer."""
    return run_part("bridge_scenes", "longer", ctx)
