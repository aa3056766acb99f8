"""The figure of the pipeline."""

from __future__ import annotations

from pathlib import Path

from benchmarks._examples import draw_parts
from benchmarks.harness import Row


def plot(rows: list[Row], out_dir: Path) -> None:
    """Stages side by side for every depth."""
    draw_parts("pipeline", "pipeline", rows, out_dir)
