"""The figures of the experiment, from its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]

_MEASURES = ("correct", "objects", "colour", "shape", "count", "relation", "flow_loss")
_INK = {
    "last layer": "#9aa0a6", "last layer + think": "#f2a541", "stacked": "#3a7ca5", "stacked + think": "#16425b",
}  # fmt: skip


def arms(rows: Sequence[Row]) -> Any:
    """Mean and standard error of every measure and arm, with one dot a seed."""
    from matplotlib import pyplot as plt

    found = [row for row in rows if row["arm"] in _INK]
    figure, axes = plt.subplots(1, len(_MEASURES), figsize=(11, 3.4), layout="constrained")
    for axis, measure in zip(axes, _MEASURES, strict=True):
        for place, row in enumerate(found):
            ink = _INK[row["arm"]]
            axis.bar(place, row[measure], color=ink, alpha=0.35, label=row["arm"])
            axis.errorbar(place, row[measure], row[f"{measure}_se"], color=ink, capsize=4, lw=1.6)
            axis.plot([place] * row["seeds"], row[f"{measure}_all"], ".", color=ink, ms=4)
        axis.set(title=measure.replace("_", " "), xticks=[])
        axis.spines[["top", "right"]].set_visible(False)
    lowest = min(value for row in found for value in row["flow_loss_all"])
    axes[-1].set_ylim(bottom=0.95 * lowest)
    axes[0].set_ylabel("share of held-out scenes")
    figure.legend(*axes[0].get_legend_handles_labels(), ncols=4, loc="outside lower center", frameon=False, fontsize=9)
    return figure


def contrasts(rows: Sequence[Row]) -> Any:
    """Paired differences with 95 % intervals."""
    from matplotlib import pyplot as plt

    names = list(dict.fromkeys(row["contrast"] for row in rows))
    figure, axes = plt.subplots(1, len(_MEASURES), figsize=(11, 2.6), sharey=True, layout="constrained")
    for axis, measure in zip(axes, _MEASURES, strict=True):
        axis.axvline(0, color="0.7", lw=1)
        for row in rows:
            if row["measure"] == measure:
                place = -names.index(row["contrast"])
                ink = "#16425b" if row["excludes_zero"] else "#9aa0a6"
                axis.plot([row["low"], row["high"]], [place, place], color=ink, lw=2)
                axis.plot(row["difference"], place, "o", color=ink, ms=5)
        axis.set(title=measure.replace("_", " "), yticks=[-i for i in range(len(names))], yticklabels=names)
        axis.tick_params(labelsize=8)
        axis.spines[["top", "right"]].set_visible(False)
    return figure


def pictures(rows: Sequence[Row]) -> Any:
    """A line of scenes an arm, below the captions; a black frame where everything is right."""
    import numpy as np
    from matplotlib import pyplot as plt

    arms = list(dict.fromkeys(row["arm"] for row in rows))
    said = list(dict.fromkeys(row["caption"] for row in rows))
    figure, axes = plt.subplots(
        len(arms), len(said), figsize=(1.7 * len(said), 1.65 * len(arms)), squeeze=False, layout="constrained"
    )
    for row in rows:
        axis = axes[arms.index(row["arm"]), said.index(row["caption"])]
        pixels = np.frombuffer(bytes.fromhex(row["pixels"]), np.uint8).reshape(16, 16, 3)
        axis.imshow(pixels, interpolation="nearest")
        axis.set(xticks=[], yticks=[])
        axis.spines[:].set(visible=row["correct"], linewidth=3)
    for axis, caption in zip(axes[0], said, strict=True):
        words = caption.split()
        axis.set_title(" ".join(words[:4]) + "\n" + " ".join(words[4:]), fontsize=7)
    for axis, arm in zip(axes[:, 0], arms, strict=True):
        axis.set_ylabel(arm, fontsize=8)
    return figure


FIGURES = {"arms": arms, "contrasts": contrasts, "pictures": pictures, "longer": arms}
