"""One small model through the whole library: compose, train, reinforce, distil.

Chains of sums come from ``composekit.compose``, the model is made of ``composekit.attention``, its teacher is trained on
rewards of the verifier along a ``Curriculum``, and its students by ``composekit.distill``. ``--quick`` takes about half a
minute; without it, five seeds and three reward scales, some twenty minutes on one core.
"""

import argparse
import json
from pathlib import Path

import torch
from pipeline.experiment import FULL, QUICK, stages
from pipeline.figure import by_stage, label


def main(argv: list[str] | None = None) -> list[dict]:
    """Run it, print a table, write the rows and a figure. Returns the rows."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one seed, depths 1 and 2, a little training")
    parser.add_argument("--out", type=Path, default=Path("pipeline-output"), help="folder for the rows and the figure")
    options = parser.parse_args(argv)
    import matplotlib

    matplotlib.use("agg")
    torch.set_num_threads(1)  # the model is so small that threads only get in each other's way
    options.out.mkdir(parents=True, exist_ok=True)
    rows = list(stages(QUICK if options.quick else FULL))
    print(table(rows))
    (options.out / "pipeline.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    by_stage(rows).savefig(options.out / "pipeline.png", dpi=150)
    return rows


def table(rows: list[dict]) -> str:
    """Right answers by stage and depth: drawn at temperature 1, and greedily."""
    depths = sorted({row["depth"] for row in rows})
    by = {(label(row), row["depth"]): row for row in rows}
    names = list(dict.fromkeys(label(row) for row in rows))
    lines = [" " * 16 + "".join(f"depth {depth} (greedy)".rjust(20) for depth in depths)]
    for name in names:
        cells = [f"{by[name, d]['drawn']:.1%} ({by[name, d]['likeliest']:.1%})".rjust(20) for d in depths]
        lines.append(f"{name:<16}" + "".join(cells))
    return "\n".join(lines)


if __name__ == "__main__":
    main()
