"""Figures of the distillation benchmarks."""

from __future__ import annotations

from pathlib import Path

from benchmarks.harness import Row

_COLOURS = {"ExOPDLoss": "#1b9e77", "linear_gopd_loss": "#66c2a5"}
_OTHERS = "#b3b3b3"


def plot(rows: list[Row], out_dir: Path) -> None:
    """Time and peak memory of every rival, relative to naive, at each shape; gradient errors."""
    import matplotlib

    matplotlib.use("agg")
    timed = [row for row in rows if "time_ratio" in row]
    if timed:
        _ratios(timed, out_dir / "distill_cpu.png")
    errors = [row for row in rows if row["case"] == "gradient-error" and "error_bfloat16" in row]
    if errors:
        _errors(errors, out_dir / "distill_errors.png")


def _ratios(rows: list[Row], path: Path) -> None:
    from matplotlib import pyplot as plt

    shapes = sorted({(row["V"], row["T"]) for row in rows})
    figure, axes = plt.subplots(2, len(shapes), figsize=(3.1 * len(shapes), 5.4), layout="constrained", squeeze=False)
    for column, (vocabulary, tokens) in enumerate(shapes):
        here = [row for row in rows if (row["V"], row["T"]) == (vocabulary, tokens)]
        names = [row["name"] for row in here]
        colours = [_COLOURS.get(name, _OTHERS) for name in names]
        for place, (key, label, target) in enumerate(
            (("time_ratio", "time / naive", None), ("memory_ratio", "peak memory above gradients / naive", 1 / 8))
        ):
            axis = axes[place, column]
            bars = axis.barh(names, [row[key] for row in here], color=colours)
            axis.bar_label(bars, fmt="%.2f" if place == 0 else "%.3f", padding=2, fontsize=7)
            axis.set_xlabel(label, fontsize=8)
            axis.set_xlim(0, 1.2 * max(row[key] for row in here))
            axis.invert_yaxis()
            axis.tick_params(labelsize=7)
            axis.spines[["top", "right"]].set_visible(False)
            if target:
                axis.axvline(target, color="black", linestyle="dotted")
        axes[0, column].set_title(f"T = {tokens:,}, V = {vocabulary:,}", fontsize=9)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def _errors(rows: list[Row], path: Path) -> None:
    from matplotlib import pyplot as plt

    shapes = sorted({row["V"] for row in rows})
    figure, axes = plt.subplots(1, len(shapes), figsize=(4 * len(shapes), 2.8), layout="constrained", squeeze=False)
    for axis, vocabulary in zip(axes[0], shapes, strict=True):
        here = [row for row in rows if row["V"] == vocabulary]
        bars = axis.barh(
            [row["name"] for row in here],
            [100 * row["error_bfloat16"] for row in here],
            color=[_COLOURS.get(row["name"], _OTHERS) for row in here],
        )
        axis.bar_label(bars, fmt="%.2f", padding=2, fontsize=7)
        axis.set_xlabel("relative error of the gradient from bf16 heads, %", fontsize=8)
        axis.invert_yaxis()
        axis.tick_params(labelsize=7)
        axis.spines[["top", "right"]].set_visible(False)
        axis.set_title(f"V = {vocabulary:,}", fontsize=9)
    figure.savefig(path, dpi=150)
    plt.close(figure)
