"""Run benchmarks: ``python -m benchmarks.run [group[/case] ...]``.

Each case checks first that the rivals agree, then measures them side by side. Rows go to
``benchmarks/results/<group>.jsonl``, in place of the earlier rows of the same case on the same device.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import sys
import time
from importlib import import_module
from pathlib import Path

from benchmarks.harness import CASES, RESULTS, Case, Context, Row, provenance

_SUPPORT = {"__init__", "harness", "run", "plot"}


def load_cases() -> None:
    """Import every benchmark module of this folder, which registers its cases."""
    for path in sorted(Path(__file__).parent.glob("*.py")):
        if path.stem not in _SUPPORT and not path.stem.startswith(("plot_", "_")):
            import_module(f"benchmarks.{path.stem}")


def store(case: Case, rows: list[Row]) -> Path:
    """Replace this case's rows for this device in the group's file, atomically."""
    path = RESULTS / f"{case.group}.jsonl"
    kept = []
    device = rows[0]["device"]
    for line in path.read_text().splitlines() if path.exists() else []:
        old = json.loads(line)
        if (old["case"], old["device"]) != (case.name, device):
            kept.append(old)
    path.parent.mkdir(exist_ok=True)
    scratch = path.with_suffix(".tmp")
    scratch.write_text("".join(json.dumps(row, sort_keys=True) + "\n" for row in [*kept, *rows]))
    os.replace(scratch, path)
    return path


def run_case(case: Case, context: Context, command: str) -> list[Row]:
    """Measure one case, print its rows as they come, and return them with their provenance."""
    origin = provenance(command)
    rows = []
    for row in case.run(context):
        print(
            "  " + "  ".join(f"{k}={v:.4g}" if isinstance(v, float) else f"{k}={v}" for k, v in row.items()), flush=True
        )
        rows.append({"case": case.name, **row, **origin})
    return rows


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.run", description=__doc__)
    parser.add_argument("select", nargs="*", help="group or group/case; everything by default")
    parser.add_argument("--quick", action="store_true", help="smallest run that exercises everything; writes no rows")
    parser.add_argument("--dry-run", action="store_true", help="GPU cases with tiny shapes on the CPU; writes no rows")
    parser.add_argument("--list", action="store_true", help="name the cases and stop")
    options = parser.parse_args(argv)
    if options.dry_run:
        if "triton" in sys.modules:
            parser.error("--dry-run interprets the kernels, so Triton must not be imported before it")
        os.environ["TRITON_INTERPRET"] = "1"
    load_cases()
    chosen = [c for key, c in sorted(CASES.items()) if not options.select or {key, c.group} & set(options.select)]
    if not chosen:
        parser.error(f"no case matches {options.select}; there are: {', '.join(sorted(CASES))}")
    if options.list:
        print("\n".join(f"{c.group}/{c.name}" + ("  (gpu)" if c.gpu else "") for c in chosen))
        return 0
    context = Context(quick=options.quick, dry_run=options.dry_run)
    command = "python -m benchmarks.run " + shlex.join(sys.argv[1:] if argv is None else argv)
    failed = 0
    for case in chosen:
        if case.gpu != options.dry_run and not (case.gpu and context.device == "cuda"):
            continue  # a dry run takes the GPU cases alone; without a GPU the others are what can be measured
        print(f"{case.group}/{case.name}", flush=True)
        start = time.perf_counter()
        try:
            rows = run_case(case, context, command)
        except Exception as error:  # a red case must not hide the others
            print(f"  FAILED: {type(error).__name__}: {error}", file=sys.stderr, flush=True)
            failed += 1
            continue
        where = "not stored" if options.quick or options.dry_run or not rows else store(case, rows)
        print(f"  {len(rows)} rows in {time.perf_counter() - start:.1f} s -> {where}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
