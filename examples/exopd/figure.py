"""The figures of the experiment, from its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]

_LINES = {"exact": "exact loss", "sampled": "sampled token (as in the paper)", "weights": "weights extrapolated (ExPO)"}
_LEVELS = {"teacher": "teacher", "continued RL": "continued RL, same compute", "base": "base", "weak base": "weak base"}
_GREYS = {"teacher": "black", "continued RL": "#1b9e77", "base": "0.6", "weak base": "0.6"}


def _find(rows: Sequence[Row], method: str, domain: str) -> list[Row]:
    found = [row for row in rows if row["method"] == method and row["domain"] == domain]
    return sorted(found, key=lambda row: row["reward_scale"] or 0)


def curve(
    axes: Any, rows: Sequence[Row], method: str, *, domain: str = "+", field: str = "accuracy", **style: Any
) -> None:
    """Mean and standard error over the reward scale, on places of equal distance."""
    found = _find(rows, method, domain)
    scales = _scales(rows)
    places = [scales.index(row["reward_scale"]) for row in found]
    errors = [row[f"{field}_se"] or 0.0 for row in found]
    axes.errorbar(places, [row[field] for row in found], errors, marker="o", ms=4, capsize=3, **style)
    axes.set_xticks(range(len(scales)), [f"{scale:g}" for scale in scales])
    axes.set_xlabel(r"reward scale $\lambda$")
    axes.spines[["top", "right"]].set_visible(False)


def level(
    axes: Any, rows: Sequence[Row], method: str, *, domain: str = "+", field: str = "accuracy", **style: Any
) -> None:
    """A horizontal line with a band of one standard error."""
    for row in _find(rows, method, domain):
        axes.axhline(row[field], ls="--", lw=1, **style)
        error = row[f"{field}_se"] or 0.0
        axes.axhspan(row[field] - error, row[field] + error, alpha=0.12, color=style.get("color"))


def _scales(rows: Sequence[Row]) -> list[float]:
    return sorted({row["reward_scale"] for row in rows if row["reward_scale"] is not None})


def single(rows: Sequence[Row]) -> Any:
    """Students of one teacher, and the controls."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7, 4), layout="constrained")
    for method, label in _LINES.items():
        curve(axes, rows, method, label=label)
    for method in ("teacher", "continued RL", "base"):
        level(axes, rows, method, color=_GREYS[method], label=_LEVELS[method])
    axes.set(ylabel="accuracy on held-out problems", title="One teacher: addition")
    axes.legend(frameon=False, fontsize=8)
    return figure


def merged(rows: Sequence[Row]) -> Any:
    """One student of both teachers, domain by domain."""
    from matplotlib import pyplot as plt

    figure, both = plt.subplots(1, 2, figsize=(8, 3.6), layout="constrained", sharey=True)
    for axes, domain, name in zip(both, "+*", ("addition", "multiplication"), strict=True):
        curve(axes, rows, "merged", domain=domain, label="student of both teachers")
        level(axes, rows, "teacher", domain=domain, color="black", label=f"teacher of {name}")
        level(axes, rows, "other teacher", domain=domain, color="#d95f02", label="the other teacher")
        level(axes, rows, "base", domain=domain, color="0.6", label="base")
        axes.set_title(name)
        axes.legend(frameon=False, fontsize=8)
    both[0].set_ylabel("accuracy on held-out problems")
    return figure


def flaw(rows: Sequence[Row]) -> Any:
    """What extrapolation does with a reward that pays for something wrong."""
    from matplotlib import pyplot as plt

    figure, both = plt.subplots(1, 2, figsize=(9, 3.8), layout="constrained")
    students = sorted({row["method"] for row in rows if row["method"].startswith("student")})
    for axes, field, name in zip(both, ("accuracy", "exploit"), ("accuracy", "wrong, but paid for"), strict=True):
        for k, student in enumerate(students):
            curve(axes, rows, student, field=field, color=f"C{k}", label=student)
            level(axes, rows, student.replace("student", "teacher"), field=field, color=f"C{k}")
        level(axes, rows, "base", field=field, color="0.6", label="base")
        axes.set(title=name, ylim=(0, None))
    both[1].legend(frameon=False, fontsize=8, title="dashed: its teacher", title_fontsize=8)
    both[0].set_ylabel("share of answers to held-out problems")
    return figure


def strong_to_weak(rows: Sequence[Row]) -> Any:
    """A narrow student of a wide teacher, with either reference."""
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(6, 3.6), layout="constrained")
    curve(axes, rows, "own base", label="R: the student's base")
    curve(axes, rows, "teacher's base", label="R: the teacher's base")
    for method in ("teacher", "weak base"):
        level(axes, rows, method, color=_GREYS[method], label=_LEVELS[method])
    axes.set(ylabel="accuracy on held-out problems", title="A narrower student")
    axes.legend(frameon=False, fontsize=8)
    return figure


FIGURES = {"single": single, "merged": merged, "flaw": flaw, "strong_to_weak": strong_to_weak}
