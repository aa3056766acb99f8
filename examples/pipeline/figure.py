"""The figure of the pipeline, from its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipeline.stages import Score

Row = dict[str, Any]


def by_stage(rows: Sequence[Row]) -> Any:
    """Bars: the stages side by side for every depth, drawn from the model and greedily."""
    from matplotlib import pyplot as plt

    names = list(dict.fromkeys(label(row) for row in rows))
    depths = sorted({row["depth"] for row in rows})
    whole, axes = plt.subplots(1, 2, figsize=(9, 3.6), sharey=True, layout="constrained")
    for ax, field, title in zip(axes, Score._fields, ("drawn at temperature 1", "the likeliest tokens"), strict=True):
        for i, name in enumerate(names):
            mine = [row for row in rows if label(row) == name]
            places = [depths.index(row["depth"]) + (i - (len(names) - 1) / 2) * 0.8 / len(names) for row in mine]
            errors = [row[f"{field}_se"] or 0.0 for row in mine]
            ax.bar(
                places, [row[field] for row in mine], 0.8 / len(names), yerr=errors, label=name, error_kw={"lw": 0.8}
            )
        ax.set_xticks(range(len(depths)), [f"depth {depth}" for depth in depths])
        ax.set(title=title, ylim=(0, 1))
        ax.spines[["top", "right"]].set_visible(False)
    axes[0].set_ylabel("right answers")
    axes[1].legend(frameon=False, fontsize=8)
    return whole


def label(row: Row) -> str:
    """The stage, and the reward scale of a student."""
    scale = row["reward_scale"]
    return row["stage"] if scale is None else f"student, λ = {scale:g}"


FIGURES = {"stages": by_stage}
