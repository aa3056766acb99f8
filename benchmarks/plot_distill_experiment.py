"""Figures of the ExOPD experiment."""

from __future__ import annotations

from pathlib import Path

from benchmarks._examples import draw_parts
from benchmarks.harness import Row


def plot(rows: list[Row], out_dir: Path) -> None:
    """One figure for every part that there are rows for."""
    draw_parts("exopd", "distill_experiment", rows, out_dir)
