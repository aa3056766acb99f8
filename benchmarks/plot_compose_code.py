"""Figures of the code verifier: overhead a candidate, throughput of batches."""

from __future__ import annotations

from pathlib import Path

from benchmarks.harness import Row


def plot(rows: list[Row], out_dir: Path) -> None:
    """Write ``compose_code_overhead.png`` and ``compose_code_batch.png``."""
    import matplotlib

    matplotlib.use("Agg")
    by_case: dict[str, list[Row]] = {}
    for row in rows:
        by_case.setdefault(row["case"], []).append(row)
    if "overhead" in by_case:
        _overhead(by_case["overhead"], out_dir / "compose_code_overhead.png")
    if "batch" in by_case:
        _batch(by_case["batch"], out_dir / "compose_code_batch.png")


def _overhead(rows: list[Row], path: Path) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 0.3 * len(rows) + 1.2), layout="constrained")
    heights = range(len(rows))
    medians = [r["median_ms"] for r in rows]
    spread = [
        [m - r["p20_ms"] for m, r in zip(medians, rows, strict=True)],
        [r["p80_ms"] - m for m, r in zip(medians, rows, strict=True)],
    ]
    bars = axes.barh(
        heights, medians, xerr=spread, color=["tab:blue" if r["who"].startswith("T") else "tab:orange" for r in rows]
    )
    axes.bar_label(bars, fmt="%.1f", fontsize=7, padding=14)
    axes.axvline(20, color="black", linewidth=0.8, linestyle="--")
    axes.set_yticks(heights, [f"{r['form']}, {r['who']}" for r in rows], fontsize=8)
    axes.invert_yaxis()
    axes.margins(x=0.12)
    axes.set_xlabel("milliseconds a candidate, warm (median; 20th to 80th percentile)")
    figure.savefig(path, dpi=150)
    plt.close(figure)


def _batch(rows: list[Row], path: Path) -> None:
    import matplotlib.pyplot as plt

    who = list(dict.fromkeys(r["who"] for r in rows))
    workers = sorted({r["workers"] for r in rows})
    figure, axes = plt.subplots(figsize=(6, 3.2), layout="constrained")
    for k, name in enumerate(who):
        rates = [next(r["per_second"] for r in rows if (r["who"], r["workers"]) == (name, n)) for n in workers]
        bars = axes.bar([x + (k - (len(who) - 1) / 2) * 0.26 for x in range(len(workers))], rates, 0.24, label=name)
        axes.bar_label(bars, fmt="%.0f", fontsize=7)
    axes.set_xticks(range(len(workers)), [f"{n} worker{'s' * (n > 1)}" for n in workers])
    axes.set_ylabel("HumanEval candidates a second")
    axes.legend(frameon=False, fontsize=8)
    axes.margins(y=0.15)
    figure.savefig(path, dpi=150)
    plt.close(figure)
