"""The ExOPD experiment of examples/exopd in full: students against teachers over the reward scale, with its controls."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks._examples import run_part
from benchmarks.harness import Context, Row, case


@case("distill_experiment", "single")
def single(ctx: Context) -> Iterator[Row]:
    """One teacher: exact and sampled loss, weight extrapolation, continued reinforcement learning."""
    return run_part("exopd", "single", ctx)


@case("distill_experiment", "colder")
def colder(ctx: Context) -> Iterator[Row]:
    """Base and teacher sampled at lower temperatures."""
    return run_part("exopd", "colder", ctx)


@case("distill_experiment", "merged")
def merged(ctx: Context) -> Iterator[Row]:
    """Two teachers in one student."""
    return run_part("exopd", "merged", ctx)


@case("distill_experiment", "flaw")
def flaw(ctx: Context) -> Iterator[Row]:
    """A teacher whose reward also pays for something wrong."""
    return run_part("exopd", "flaw", ctx)


@case("distill_experiment", "strong_to_weak")
def strong_to_weak(ctx: Context) -> Iterator[Row]:
    """A narrower student, with its own base and with the teacher's base as the reference."""
    return run_part("exopd", "strong_to_weak", ctx)
