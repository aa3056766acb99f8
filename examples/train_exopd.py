"""Train teachers and students of the ExOPD experiment and draw what comes out.

``python examples/train_exopd.py --quick`` takes half a minute on one core; without ``--quick``, five seeds and all controls,
some twenty minutes. ``--part single`` runs one part.
"""

import argparse
import json
import time
from pathlib import Path

import torch
from exopd.experiment import FULL, PARTS, QUICK
from exopd.figure import FIGURES


def main(argv: list[str] | None = None) -> dict[str, list[dict]]:
    """Run the chosen parts, print a line a setting, and write rows and figures. Returns the rows of every part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two seeds, two reward scales, a little training")
    parser.add_argument("--part", choices=PARTS, action="append", help="one part, or several; all by default")
    parser.add_argument("--out", type=Path, default=Path("exopd-output"), help="folder for rows and figures")
    options = parser.parse_args(argv)
    import matplotlib

    matplotlib.use("agg")
    torch.set_num_threads(1)  # the models are so small that threads only get in each other's way
    options.out.mkdir(parents=True, exist_ok=True)
    results = {}
    for part in options.part or PARTS:
        start = time.perf_counter()
        rows = list(PARTS[part](QUICK if options.quick else FULL))
        print(f"{part}: {time.perf_counter() - start:.0f} s")
        for row in rows:
            scale = "" if row["reward_scale"] is None else f"lambda {row['reward_scale']:g}"
            error = "" if row["accuracy_se"] is None else f" ± {row['accuracy_se']:.3f}"
            print(
                f"  {row['method']:>16} {scale:<11} {row['domain']}  accuracy {row['accuracy']:.3f}{error}"
                f"  wrong but paid for {row['exploit']:.3f}"
            )
        (options.out / f"{part}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        FIGURES[part](rows).savefig(options.out / f"{part}.png", dpi=150)
        results[part] = rows
    return results


if __name__ == "__main__":
    main()
