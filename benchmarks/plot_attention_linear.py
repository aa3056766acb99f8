"""Figures of the linear attention benchmarks."""

from __future__ import annotations

from pathlib import Path

from benchmarks.harness import Row

_COLOURS = {"linear": "#1b7f79", "sdpa": "#d1762b", "flex": "#8da0cb", "products": "#999999"}


def plot(rows: list[Row], out_dir: Path) -> None:
    """Draw what there are rows for."""
    import matplotlib

    matplotlib.use("agg")
    cases: dict[str, list[Row]] = {}
    for row in rows:
        cases.setdefault(row["case"], []).append(row)
    forward = {name.removeprefix("forward_"): cases[name] for name in cases if name.startswith("forward_")}
    if forward:
        _forward(forward, out_dir / "attention_linear_forward.png")
    if "memory" in cases:
        _memory(cases["memory"], out_dir / "attention_linear_memory.png")


def _line(axis, rows: list[Row], key: str, label: str, **style) -> None:  # type: ignore[no-untyped-def]
    there = [row for row in rows if key in row]
    axis.plot([row["T"] for row in there], [row[key] for row in there], label=label, **style)


def _forward(forward: dict[str, list[Row]], path: Path) -> None:
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(
        1, len(forward), figsize=(4.5 * len(forward), 3.6), sharey=True, layout="constrained", squeeze=False
    )
    for axis, (dtype, rows) in zip(axes[0], forward.items(), strict=True):
        _line(axis, rows, "sdpa_median_s", "SDPA, causal", marker="o", color=_COLOURS["sdpa"])
        _line(axis, rows, "flex_s", "FlexAttention, compiled", marker="o", color=_COLOURS["flex"])
        _line(axis, rows, "linear_median_s", "lightning_attention", marker="o", color=_COLOURS["linear"])
        _line(axis, rows, "products_s", "its matrix products alone", ls="dotted", color=_COLOURS["products"])
        axis.set(xscale="log", yscale="log", xlabel="tokens", title=dtype)
        axis.grid(alpha=0.3)
    axes[0, 0].set_ylabel("seconds")
    axes[0, 0].legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=150)
    plt.close(figure)


def _memory(rows: list[Row], path: Path) -> None:
    from matplotlib import pyplot as plt

    figure, axis = plt.subplots(figsize=(5.5, 3.4), layout="constrained")
    for mode, style in (("forward", "solid"), ("backward", "dashed")):
        chosen = [row for row in rows if row["mode"] == mode]
        _line(axis, chosen, "linear_mib", f"linear, {mode}", marker="o", ls=style, color=_COLOURS["linear"])
        _line(axis, chosen, "sdpa_mib", f"SDPA, {mode}", marker="o", ls=style, color=_COLOURS["sdpa"])
    axis.set(xscale="log", yscale="log", xlabel="tokens", ylabel="MiB above the inputs, at the peak")
    axis.grid(alpha=0.3)
    axis.legend(frameon=False, fontsize=8)
    figure.savefig(path, dpi=150)
    plt.close(figure)
