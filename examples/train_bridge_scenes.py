"""Train generators of small scenes through four bridges and draw what comes out.

``python examples/train_bridge_scenes.py --quick`` takes half a minute on one core and shows that everything runs; without
``--quick``, five seeds and training that is long enough to compare. ``--part arms`` runs one part.
"""

import argparse
import json
from pathlib import Path

import torch
from bridge_scenes.experiment import FULL, PARTS, QUICK
from bridge_scenes.figure import FIGURES


def main(argv: list[str] | None = None) -> dict[str, list[dict]]:
    """Run the chosen parts, print a line an arm, and write rows and figures. Returns the rows of every part."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="two seeds, hardly any training")
    parser.add_argument("--part", choices=PARTS, action="append", help="one part, or several; all by default")
    parser.add_argument("--out", type=Path, default=Path("bridge-scenes-output"), help="folder for rows and figures")
    options = parser.parse_args(argv)
    import matplotlib

    matplotlib.use("agg")
    torch.set_num_threads(1)  # the models are so small that threads only get in each other's way
    options.out.mkdir(parents=True, exist_ok=True)
    results = {}
    for part in options.part or PARTS:
        rows = []
        for row in PARTS[part](QUICK if options.quick else FULL):
            rows.append(row)
            if part != "pictures":
                print("  ".join(f"{k} {v:.3f}" if isinstance(v, float) else f"{v}" for k, v in row.items()), flush=True)
        (options.out / f"{part}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        FIGURES[part](rows).savefig(options.out / f"{part}.png", dpi=150)
        results[part] = rows
    return results


if __name__ == "__main__":
    main()
