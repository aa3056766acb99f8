"""Figures of the verifiers: speed against Math-Verify, errors by kind of response, hostile inputs."""

from __future__ import annotations

from pathlib import Path

from benchmarks.harness import Row


def plot(rows: list[Row], out_dir: Path) -> None:
    """Write ``compose_verifiers_speed.png``, ``..._errors.png`` and ``..._hostile.png``."""
    import matplotlib

    matplotlib.use("Agg")
    by_case: dict[str, list[Row]] = {}
    for row in rows:
        by_case.setdefault(row["case"], []).append(row)
    for name, draw in (("speed", _speed), ("errors", _errors), ("hostile", _hostile)):
        found = by_case.get("agreement" if name == "errors" else name)
        if found:
            draw(found, out_dir / f"compose_verifiers_{name}.png")


def _speed(rows: list[Row], path: Path) -> None:
    import matplotlib.pyplot as plt

    groups = list(dict.fromkeys((r["data"], r["responses"]) for r in rows))
    who = list(dict.fromkeys(r["who"] for r in rows))
    figure, axes = plt.subplots(figsize=(7, 3.6), layout="constrained")
    for k, name in enumerate(who):
        seconds = [
            next(r["median_s"] for r in rows if (r["data"], r["responses"], r["who"]) == (*g, name)) for g in groups
        ]
        positions = [g + (k - (len(who) - 1) / 2) * 0.26 for g in range(len(groups))]
        bars = axes.bar(positions, [1e6 * s for s in seconds], 0.24, label=name)
        axes.bar_label(bars, fmt="%.0f", fontsize=7)
    axes.set_yscale("log")
    axes.set_xticks(range(len(groups)), [f"{data}\n{shape}" for data, shape in groups])
    axes.set_ylabel("microseconds a response")
    axes.legend(frameon=False, fontsize=8, ncols=len(who), loc="lower center", bbox_to_anchor=(0.5, 1.0))
    figure.savefig(path, dpi=150)
    plt.close(figure)


def _errors(rows: list[Row], path: Path) -> None:
    import matplotlib.pyplot as plt

    kinds: dict[str, list[int]] = {}
    for row in rows:
        total = kinds.setdefault(row["kind"], [0, 0, 0])
        for k, key in enumerate(("count", "composekit wrong", "Math-Verify wrong")):
            total[k] += row[key]
    shown = sorted(kinds.items(), key=lambda item: item[1][2] / item[1][0])
    figure, axes = plt.subplots(figsize=(7, 0.28 * len(shown) + 1.2), layout="constrained")
    heights = range(len(shown))
    axes.barh(
        [h + 0.2 for h in heights], [100 * t[2] / t[0] for _, t in shown], 0.38, label="Math-Verify", color="tab:orange"
    )
    axes.barh(
        [h - 0.2 for h in heights], [100 * t[1] / t[0] for _, t in shown], 0.38, label="composekit", color="tab:blue"
    )
    axes.set_title("Responses by kind (how many), truth known by construction", fontsize=9)
    axes.set_yticks(heights, [f"{kind} ({t[0]})" for kind, t in shown], fontsize=8)
    axes.set_xlabel("judgements that contradict the truth, percent")
    axes.set_xlim(0, 100)
    axes.legend(frameon=False, fontsize=8, loc="lower right")
    figure.savefig(path, dpi=150)
    plt.close(figure)


def _hostile(rows: list[Row], path: Path) -> None:
    import matplotlib.pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 0.28 * len(rows) + 1.2), layout="constrained")
    heights = range(len(rows))
    for offset, where in ((-0.25, "main"), (0, "thread"), (0.25, "alarm")):
        seconds = [max(r[f"{where}_s"], 1e-5) for r in rows]
        axes.barh(
            [h + offset for h in heights],
            seconds,
            0.24,
            label={"main": "main thread", "alarm": "under an alarm"}.get(where, where),
        )
    axes.axvline(1.0, color="black", linewidth=0.8, linestyle="--")
    axes.set_xscale("log")
    axes.set_yticks(heights, [r["input"] for r in rows], fontsize=8)
    axes.invert_yaxis()
    axes.set_xlabel("seconds until the verdict (dashed: one second)")
    axes.legend(frameon=False, fontsize=8, ncols=3, loc="lower center", bbox_to_anchor=(0.5, 1.0))
    figure.savefig(path, dpi=150)
    plt.close(figure)
