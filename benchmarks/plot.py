"""Draw every figure from the stored rows: ``python -m benchmarks.plot [out_dir]``."""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path

from benchmarks.harness import RESULTS, ROOT, Row


def rows(group: str) -> list[Row]:
    """The stored rows of one group."""
    path = RESULTS / f"{group}.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def main(argv: list[str]) -> int:
    out = Path(argv[0]) if argv else ROOT / "docs" / "_static" / "benchmarks"
    out.mkdir(parents=True, exist_ok=True)
    for path in sorted(Path(__file__).parent.glob("plot_*.py")):
        group = path.stem.removeprefix("plot_")
        found = rows(group)
        if found:
            import_module(f"benchmarks.{path.stem}").plot(found, out)
            print(f"{group}: {len(found)} rows -> {out}")
        else:
            print(f"{group}: no rows yet")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
