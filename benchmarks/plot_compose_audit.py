"""Figures of the audit and build benchmarks."""

from __future__ import annotations

from pathlib import Path

from benchmarks.harness import Row


def plot(rows: list[Row], out_dir: Path) -> None:
    """Draw what there are rows for."""
    import matplotlib

    matplotlib.use("agg")
    by_case: dict[str, list[Row]] = {}
    for row in rows:
        by_case.setdefault(row["case"], []).append(row)
    for name, draw in (("human_labels", _labels), ("injected_defects", _injections), ("shortcuts", _shortcuts)):
        if name in by_case:
            draw(by_case[name], out_dir / f"compose_audit_{name}.png")


def _labels(rows: list[Row], path: Path) -> None:
    from matplotlib import pyplot as plt

    rows = [row for row in rows if not row["detector"].startswith("rule")]
    figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
    width = 0.26
    for offset, (measure, colour) in enumerate((("precision", "#8da0cb"), ("recall", "#fc8d62"), ("f1", "#66c2a5"))):
        places = [i + (offset - 1) * width for i in range(len(rows))]
        heights = [row[measure] for row in rows]
        errors = None
        if measure == "f1":
            errors = [[row["f1"] - row["f1_low"] for row in rows], [row["f1_high"] - row["f1"] for row in rows]]
        bars = axes.bar(places, heights, width, yerr=errors, capsize=3, label=measure, color=colour)
        axes.bar_label(bars, fmt="%.2f", padding=2, fontsize=8)
    axes.set_xticks(range(len(rows)), [row["detector"] for row in rows])
    axes.set_ylim(0, 1.15)
    axes.set_title(
        f"Finding the {rows[0]['defective']} defective among {rows[0]['rows']} human-annotated composites", fontsize=10
    )
    axes.legend(frameon=False, ncols=3, loc="upper right", fontsize=8)
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def _injections(rows: list[Row], path: Path) -> None:
    from matplotlib import pyplot as plt

    names = list(dict.fromkeys(row["injection"] for row in rows))
    figure, axes = plt.subplots(figsize=(7, 3.2), layout="constrained")
    for offset, (reading, colour) in enumerate((("own", "#66c2a5"), ("foreign", "#8da0cb"))):
        share = {row["injection"]: row["flagged"] for row in rows if row["reading"] == reading}
        bars = axes.barh(
            [i + (offset - 0.5) * 0.38 for i in range(len(names))], [share[n] for n in names], 0.36, color=colour
        )
        axes.bar_label(bars, fmt="%.3f", padding=2, fontsize=7)
        bars.set_label(f"read as {reading}")
    axes.set_yticks(range(len(names)), ["no defect (should be 0)", *[n.replace("_", " ") for n in names[1:]]])
    axes.invert_yaxis()
    axes.set_xlim(0, 1.12)
    axes.set_xlabel("share of composites flagged")
    axes.legend(frameon=False, fontsize=8, loc="upper right")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def _shortcuts(rows: list[Row], path: Path) -> None:
    from matplotlib import pyplot as plt

    measures = {
        "guessable constants (0 to 10)": lambda row: row["guessable"],
        "a value leaks": lambda row: row["leaky"],
        "most common answer": lambda row: row["baselines"]["most_common_answer"],
        "last number in the prompt": lambda row: row["baselines"]["last_number"],
        "last part with the likeliest constant": lambda row: row["baselines"]["likeliest_constant"],
    }
    figure, axes = plt.subplots(figsize=(7.5, 3.4), layout="constrained")
    height = 0.8 / len(rows)
    for number, row in enumerate(rows):
        places = [i + (number - (len(rows) - 1) / 2) * height for i in range(len(measures))]
        bars = axes.barh(places, [read(row) or 0 for read in measures.values()], height * 0.9, label=row["set"])
        axes.bar_label(bars, fmt="%.3f", padding=2, fontsize=7)
    axes.set_yticks(range(len(measures)), list(measures))
    axes.invert_yaxis()
    axes.set_xlabel("share (lower is harder to game)")
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    axes.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=150)
    plt.close(figure)
