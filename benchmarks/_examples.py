"""The experiments of examples/ as benchmarks: each package there has ``experiment.PARTS`` and ``figure.FIGURES``."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

from benchmarks.harness import ROOT, Context, Row


def run_part(package: str, part: str, ctx: Context) -> Iterator[Row]:
    """The rows of one part, in full or quickly. The models are so small that one thread is the fastest."""
    import torch

    experiment = _module(package, "experiment")
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield from experiment.PARTS[part](experiment.QUICK if ctx.quick else experiment.FULL)
    finally:
        torch.set_num_threads(threads)


def draw_parts(package: str, group: str, rows: list[Row], out_dir: Path) -> None:
    """One figure, ``<group>_<part>.png``, for every part that there are rows for."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    for part, draw in _module(package, "figure").FIGURES.items():
        found = [row for row in rows if row["case"] == part]
        if found:
            figure = draw(found)
            figure.savefig(out_dir / f"{group}_{part}.png", dpi=150)
            plt.close(figure)


def _module(package: str, name: str) -> ModuleType:
    where = str(ROOT / "examples")
    if where not in sys.path:
        sys.path.append(where)
    return import_module(f"{package}.{name}")
