"""Figures of the link benchmarks."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from benchmarks.harness import Row

_TARGETS = {"GSM8K train": (0.95, None), "MATH-500": (0.58, 0.80), "vcmd_dev pairs": (None, 0.80)}
_COLOURS = ("#66c2a5", "#8da0cb")


def plot(rows: list[Row], out_dir: Path) -> None:
    """Draw what there are rows for."""
    import matplotlib

    matplotlib.use("agg")
    by_case: dict[str, list[Row]] = {}
    for row in rows:
        by_case.setdefault(row["case"], []).append(row)
    for name, draw in (("coverage", _coverage), ("guessability", _guessability)):
        if name in by_case:
            draw(by_case[name], out_dir / f"compose_links_{name}.png")


def _pairs_of_bars(rows: list[Row], keys: tuple[str, str], labels: tuple[str, str]) -> tuple[Any, Any]:
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
    for offset, (key, label, colour) in enumerate(zip(keys, labels, _COLOURS, strict=True)):
        places = [i + (offset - 0.5) * 0.38 for i in range(len(rows))]
        bars = axes.bar(places, [row[key] for row in rows], 0.36, label=label, color=colour)
        axes.bar_label(bars, fmt="%.3f", padding=2, fontsize=8)
    axes.set_xticks(range(len(rows)), [row["set"].replace(", ", "\n") for row in rows])
    axes.set_ylim(0, 1.12)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def _coverage(rows: list[Row], path: Path) -> None:
    from matplotlib import pyplot as plt

    figure, axes = _pairs_of_bars(rows, ("as_given", "some_order"), ("in the order given", "in some order"))
    for i, row in enumerate(rows):
        for offset, target in enumerate(_TARGETS.get(row["set"], ())):
            if target is not None:
                left = i + (offset - 0.5) * 0.38 - 0.18
                axes.hlines(target, left, left + 0.36, colors="black", linestyles="dotted")
    axes.set_ylabel("share of pairs that link")
    axes.set_title("Pairs of problems that link soundly without a language model (dotted: target)", fontsize=10)
    axes.legend(frameon=False, ncols=2, loc="upper right", fontsize=8)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def _guessability(rows: list[Row], path: Path) -> None:
    from matplotlib import pyplot as plt

    figure, axes = _pairs_of_bars(rows, ("from_0_to_3", "from_0_to_10"), ("0 to 3", "0 to 10"))
    axes.set_ylabel("share of links")
    axes.set_title("Constants that are easily guessed: Y is a whole number ...", fontsize=10)
    axes.legend(frameon=False, ncols=2, loc="upper right", fontsize=8)
    figure.savefig(path, dpi=150)
    plt.close(figure)
