"""Figures of the bridge experiment."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.harness import ROOT, Row


def plot(rows: list[Row], out_dir: Path) -> None:
    """One figure for every part that there are rows for."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    where = str(ROOT / "examples")
    if where not in sys.path:
        sys.path.append(where)
    from bridge_scenes.figure import FIGURES

    for part, draw in FIGURES.items():
        found = [row for row in rows if row["case"] == part]
        if found:
            figure = draw(found)
            figure.savefig(out_dir / f"bridge_experiment_{part}.png", dpi=150)
            plt.close(figure)
