"""The pipeline of examples/pipeline in full: base, teacher and students by depth."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks._examples import run_part
from benchmarks.harness import Context, Row, case


@case("pipeline", "stages")
def stages(ctx: Context) -> Iterator[Row]:
    """Right answers of every stage to problems of every depth, over five seeds."""
    return run_part("pipeline", "stages", ctx)
