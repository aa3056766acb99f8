"""Figures of the bridge: bytes at the design's shape, and peaks over L, D and T."""

from __future__ import annotations

from pathlib import Path

from benchmarks.harness import Row

COLOURS = {"naive": "#9aa0a6", "pack": "#f2a541", "sum": "#3a7ca5", "stream": "#16425b"}


def plot(rows: list[Row], out: Path) -> None:
    """Draw what the stored rows allow."""
    _bytes(rows, out)
    _peaks(rows, out)


def _bytes(rows: list[Row], out: Path) -> None:
    import matplotlib.pyplot as plt

    inference = [r for r in rows if r["case"] == "inference-bytes"]
    saved = [r for r in rows if r["case"] == "saved-bytes" and r["norm"] == "joint_ln"]
    if not inference or not saved:
        return
    figure, (left, right) = plt.subplots(1, 2, figsize=(9, 3.2), layout="constrained")
    for axis, found, key, title in (
        (left, inference, "bytes", "inference: alive at once"),
        (right, saved, "saved_bytes", "training: saved beyond taps, joint_ln"),
    ):
        names = [r["way"] for r in found]
        values = [r[key] / 2**20 for r in found]
        bars = axis.barh(names, values, color=[COLOURS[n] for n in names])
        axis.bar_label(bars, [f"{v:,.0f} MiB" if v >= 1 else f"{v * 1024:,.0f} KiB" for v in values], padding=3)
        axis.set_xlim(0, 1.25 * max(values))
        axis.set_title(title, fontsize=10)
        axis.set_xlabel("MiB")
        axis.invert_yaxis()
        axis.spines[["top", "right"]].set_visible(False)
    figure.savefig(out / "bridge_bytes.png", dpi=130)
    plt.close(figure)


def _peaks(rows: list[Row], out: Path) -> None:
    import matplotlib.pyplot as plt

    peaks = [r for r in rows if r["case"] == "peak"]
    if not peaks:
        return
    usual = {axis: max({r[axis] for r in peaks}, key=lambda v, a=axis: sum(r[a] == v for r in peaks)) for axis in "LDT"}
    figure, axes = plt.subplots(2, 3, figsize=(9.5, 5), layout="constrained")
    for line, training in zip(axes, (False, True), strict=True):
        for axis, name in zip(line, "LDT", strict=True):
            others = [a for a in "LDT" if a != name]
            for way, colour in COLOURS.items():
                found = [
                    r
                    for r in peaks
                    if r["way"] == way and r["training"] is training and all(r[a] == usual[a] for a in others)
                ]
                found.sort(key=lambda r, n=name: r[n])
                axis.plot(
                    [r[name] for r in found], [r["peak_bytes"] / 2**20 for r in found], "o-", color=colour, label=way
                )
            axis.set_ylim(bottom=0)
            axis.set_xlabel(name)
            axis.spines[["top", "right"]].set_visible(False)
        line[0].set_ylabel(f"{'training' if training else 'inference'}, MiB")
    axes[0][0].legend(frameon=False, fontsize=8)
    figure.suptitle("most bytes of tensors alive at once, reader's states included", fontsize=10)
    figure.savefig(out / "bridge_peak.png", dpi=130)
    plt.close(figure)
