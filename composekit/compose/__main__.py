"""``python -m composekit.compose``: build, audit, verify and measure composites from a shell.

Exit status: 0 all is well, 1 something was found (a defect, a response that is not correct), 2 the arguments or the data are
wrong, 130 interrupted.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from composekit._errors import ComposeKitError, bad_value
from composekit.compose._progress import bar
from composekit.compose.problem import Composite, Problem

OK, FOUND, WRONG, INTERRUPTED = 0, 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status is returned."""
    options = _parser().parse_args(arguments)
    try:
        status: int = options.run(options)
        sys.stdout.flush()
        return status
    except KeyboardInterrupt:
        print("\ncomposekit: interrupted" + getattr(options, "after_interrupt", ""), file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader of a pipe, such as head, has seen enough
        _drop_output()
        return OK
    except ComposeKitError as error:
        print(f"composekit: {error}", file=sys.stderr)
        return WRONG
    except OSError as error:  # standard output goes to a disk that is full
        _drop_output()
        print(
            f"composekit: the output must be writable; got {error}. Make room, or send it elsewhere.", file=sys.stderr
        )
        return WRONG


def _drop_output() -> None:
    """Whatever is still to be flushed at the exit must not fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


# ------------------------------------------------------------------------------------------------------------- arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m composekit.compose",
        description="Chain verified problems into harder ones that can still be verified.",
        epilog="Exit status: 0 all is well; 1 something was found; 2 wrong arguments or data; 130 interrupted.",
    )
    commands = parser.add_subparsers(required=True, metavar="command")
    _add_build(commands)
    _add_audit(commands)
    _add_verify(commands)
    _add_stats(commands)
    return parser


def _add(commands: Any, name: str, run: Callable[[argparse.Namespace], int], help: str, *sources: str) -> Any:
    command = commands.add_parser(name, help=help, description=help[0].upper() + help[1:] + ".")
    command.set_defaults(run=run)
    command.add_argument("source", nargs="+" if sources else None, help="a file: jsonl, json, csv, tsv or parquet")
    command.add_argument("--json", action="store_true", help="print the result as JSON")
    command.add_argument("--quiet", action="store_true", help="show no progress bar")
    command.add_argument("--skip-bad-rows", action="store_true", help="leave bad rows out and say how many")
    return command


def _add_build(commands: Any) -> None:
    command = _add(commands, "build", _build, "compose problems and write the composites to a file", "many")
    command.set_defaults(after_interrupt="; the finished shards are kept, and the same command goes on from there")
    command.add_argument("-o", "--output", required=True, help="the file to write: .jsonl or .parquet")
    _add_schema(command)
    command.add_argument("--depth", type=int, default=2, help="problems in a composite (default: 2)")
    command.add_argument(
        "--mode",
        choices=["chain", "bundle", "tree"],
        default="chain",
        help="parts that feed the next one (default), parts side by side, or parts with two inputs",
    )
    command.add_argument("--cross-domain", action="store_true", help="join problems of different domains")
    command.add_argument("--new-values", action="store_true", help="give constants new values where answers can follow")
    command.add_argument("--seed", type=int, default=0, help="names the stream of composites (default: 0)")
    command.add_argument("--candidates", type=int, help="composites to draw (default: 20 for each last problem)")
    command.add_argument("--size", type=int, help="composites to write at most")
    command.add_argument("--max-per-problem", type=int, metavar="N", help="composites that a problem may be part of")
    command.add_argument("--max-per-last", type=int, metavar="N", help="composites that a problem may close")
    command.add_argument("--max-per-answer", type=int, metavar="N", help="composites that may share an answer")
    command.add_argument(
        "--split", action="append", default=[], metavar="NAME=SHARE", help="such as train=0.9; repeat it"
    )
    command.add_argument("--decontaminate", action="append", default=[], metavar="FILE", help="a test set; repeat it")
    command.add_argument("--ngram", type=int, default=13, help="words in a row that contaminate (default: 13)")
    command.add_argument("--workers", type=int, help="child processes (default: one a core)")
    command.add_argument("--overwrite", action="store_true", help="replace the output if it exists")
    command.add_argument("--no-resume", action="store_true", help="forget what an interrupted build has finished")


def _add_schema(command: Any) -> None:
    names = 'auto, gsm8k, math, humaneval, choice, qa, composekit, or {"prompt": column, "answer": column, ...}'
    command.add_argument("--schema", default="auto", help=f"what the columns mean: {names}")


def _add_audit(commands: Any) -> None:
    command = _add(commands, "audit", _audit, "look for defects in composites")
    command.add_argument("-o", "--output", help="write one JSON row a composite there (-: to standard output)")
    command.add_argument("--show", type=int, default=10, metavar="N", help="defects to print (default: 10)")


def _add_verify(commands: Any) -> None:
    command = _add(commands, "verify", _verify, "judge responses to problems")
    command.add_argument(
        "responses", help='jsonl rows {"response": text}, in the order of the problems or with an "id"'
    )
    _add_schema(command)
    command.add_argument("-o", "--output", help="write one JSON row a verdict there (-: to standard output)")
    command.add_argument("--workers", type=int, help="child processes")
    command.add_argument("--timeout", type=float, help="seconds for one response")


def _add_stats(commands: Any) -> None:
    command = _add(commands, "stats", _stats, "measure how robust a data set is to shortcuts")
    _add_schema(command)
    command.add_argument("--limit", type=int, help="look at this many rows, evenly spaced")


# -------------------------------------------------------------------------------------------------------------- commands


def _load(path: str, options: argparse.Namespace) -> list[Problem]:
    from composekit.compose.loading import load_problems

    schema = _schema(getattr(options, "schema", "auto"))
    problems = load_problems(path, schema, on_error="skip" if options.skip_bad_rows else "raise")
    if problems.skipped:
        print(f"composekit: {path}: {len(problems.skipped)} bad rows left out", file=sys.stderr)
        for message in problems.skipped[:5]:
            print(f"  {message}", file=sys.stderr)
    if not problems:
        raise bad_value(
            "load_problems", path, "hold at least one good row", "none", "Repair the rows, or name --schema"
        )
    return problems


def _build(options: argparse.Namespace) -> int:
    from composekit.compose.building import build
    from composekit.compose.composer import Composer

    _check_output(options.output, *options.source, *options.decontaminate)
    pool = [problem for path in options.source for problem in _load(path, options)]
    composer = Composer(
        pool, depth=options.depth, mode=options.mode, size=options.candidates, cross_domain=options.cross_domain,
        seed=options.seed, new_values=options.new_values,
    )  # fmt: skip
    report = build(
        composer, options.output, size=options.size, max_per_problem=options.max_per_problem,
        max_per_last=options.max_per_last, max_per_answer=options.max_per_answer, splits=_splits(options.split),
        decontaminate=[Path(path) for path in options.decontaminate], ngram=options.ngram, workers=options.workers,
        overwrite=options.overwrite, resume=not options.no_resume, progress=not options.quiet,
    )  # fmt: skip
    lines = [f"{report.per_split[split]} composites in {path}" for split, path in report.paths.items()]
    lines += [f"left out: {count} {reason}" for reason, count in report.dropped.items() if count]
    _print(options, report.to_dict(), lines)
    return OK if report.written else FOUND


def _schema(text: str) -> str | dict[str, Any]:
    if not text.startswith("{"):
        return text
    try:
        return dict(json.loads(text))
    except ValueError as error:
        raise bad_value(
            "load_problems", "--schema", "be a name or JSON", error, """Write '{"prompt": "column"}'"""
        ) from None


def _splits(texts: Sequence[str]) -> dict[str, float]:
    splits = {}
    for text in texts:
        name, _, share = text.partition("=")
        if name in splits:
            raise bad_value("build", "--split", "name every split once", repr(name), "Add the shares up")
        try:
            splits[name] = float(share)
        except ValueError:
            raise bad_value("build", "--split", "read NAME=SHARE", repr(text), "Write --split train=0.9") from None
    return splits


def _audit(options: argparse.Namespace) -> int:
    from composekit.compose.auditing import audit

    _check_output(options.output, options.source)
    composites = _load(options.source, options)
    tick = _tick(options, "composites")
    kinds: Counter[str] = Counter()
    rows, shown = [], []
    for number, composite in enumerate(composites, start=1):
        if not isinstance(composite, Composite):
            raise bad_value(
                "audit", f"row {number}", "be a composite", "a single problem", "Give rows that build wrote"
            )
        found = audit(composite)
        kinds.update({f"{f.severity} {f.kind}" for f in found.findings})
        rows.append({"id": composite.id, **found.to_dict()})
        shown += [f"{composite.id}: {f}" for f in found.defects]
        tick(number, len(composites))
    defective = sum(not row["ok"] for row in rows)
    if options.output:
        _write_rows(options.output, rows)
    counts = dict(sorted(kinds.items()))
    lines = shown[: max(options.show, 0)]
    if len(shown) > len(lines):
        lines.append(f"... and {len(shown) - len(lines)} more defects")
    lines += [f"{count} composites with {kind}" for kind, count in counts.items()]
    lines.append(f"{defective} of {len(rows)} composites are defective")
    _print(options, {"composites": len(rows), "defective": defective, "findings": counts}, lines)
    return FOUND if defective else OK


def _verify(options: argparse.Namespace) -> int:
    from composekit.compose.verifiers import verify_batch

    _check_output(options.output, options.source, options.responses)
    problems = _load(options.source, options)
    responses = _responses(options.responses, problems)
    limits = {} if options.timeout is None else {"timeout": options.timeout}
    verdicts = verify_batch(responses, problems, workers=options.workers, progress=not options.quiet, **limits)
    rows = [
        {"id": p.id, "score": v.score, "status": v.status, "extracted": v.extracted, "detail": v.detail}
        for p, v in zip(problems, verdicts, strict=True)
    ]
    if options.output:
        _write_rows(options.output, rows)
    counts = dict(sorted(Counter(verdict.status for verdict in verdicts).items()))
    score = sum(verdict.score for verdict in verdicts) / len(verdicts)
    lines = [f"{count} {status}" for status, count in counts.items()] + [f"mean score {score:.4f}"]
    _print(options, {"responses": len(rows), "score": score, **counts}, lines)
    return OK if counts.get("correct") == len(rows) else FOUND


def _responses(path: str, problems: Sequence[Problem]) -> list[str]:
    """One response a problem: matched by id where the rows have one, else by order."""
    from composekit.compose.reading import read_rows

    rows = list(read_rows("verify", path))
    for row in rows:
        if row.values is None:
            raise row.fault or bad_value("verify", row.where, "be readable", "nothing", "Repair the row")
        if not isinstance(row.values.get("response"), str):
            raise bad_value(
                "verify", f"{row.where}, field 'response',", "be text", repr(row.values.get("response")), "Add it"
            )
    found = [row.values for row in rows if row.values is not None]
    named = [str(values["id"]) for values in found if values.get("id") is not None]
    if named and len(named) < len(found):
        got = f"{len(named)} ids in {len(found)} rows"
        raise bad_value("verify", path, "have an id in every row or in none", got, "Add the ids, or leave them out")
    if named:
        twice = next((name for name, count in Counter(named).items() if count > 1), None)
        if twice is not None:
            repair = "Judge several responses to a problem one file at a time, or with verify_batch"
            raise bad_value("verify", path, "have one response to a problem", f"several to {twice!r}", repair)
        by_id = {name: values["response"] for name, values in zip(named, found, strict=True)}
        missing = [problem.id for problem in problems if problem.id not in by_id]
        if missing:
            repair = "Add rows, or leave the ids out"
            raise bad_value("verify", path, "have a response to every problem", f"none to {missing[0]!r}", repair)
        if len(by_id) > len(problems):
            print(f"composekit: {len(by_id) - len(problems)} responses to other problems left aside", file=sys.stderr)
        return [by_id[problem.id] for problem in problems]
    if len(found) != len(problems):
        got = f"{len(found)} responses to {len(problems)} problems"
        raise bad_value("verify", path, "have one row a problem", got, "Give the rows the ids of the problems")
    return [values["response"] for values in found]


def _stats(options: argparse.Namespace) -> int:
    from composekit.compose.statistics import stats

    found = stats(_load(options.source, options), limit=options.limit).to_dict()
    baselines, lengths = found.pop("baselines"), found.pop("prompt_length")
    flat = {
        **found,
        **{f"baseline {k}": v for k, v in baselines.items()},
        **{f"length {k}": v for k, v in lengths.items()},
    }
    width = max(map(len, flat))
    _print(options, {**found, "baselines": baselines, "prompt_length": lengths}, [
        f"{name.replace('_', ' '):<{width}}  {_show(value)}" for name, value in flat.items()
    ])  # fmt: skip
    return OK


def _show(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key}: {count}" for key, count in value.items()) or "none"
    return "none" if value is None else f"{value:.4f}" if isinstance(value, float) else str(value)


# ---------------------------------------------------------------------------------------------------------------- output


def _tick(options: argparse.Namespace, unit: str) -> Callable[[int, int], None]:
    return (lambda done, total: None) if options.quiet else bar(unit)


def _print(options: argparse.Namespace, result: dict[str, Any], lines: Sequence[str]) -> None:
    text = json.dumps(result, ensure_ascii=False, indent=2) if options.json else "\n".join(lines)
    print(text, file=sys.stderr if getattr(options, "output", None) == "-" else sys.stdout)


def _check_output(output: str | None, *inputs: str) -> None:
    """Refuse to write over what is read: with --overwrite, a slip would cost the problems."""
    if output is None or not os.path.exists(output):
        return
    for path in inputs:
        if os.path.exists(path) and os.path.samefile(output, path):
            raise bad_value("output", output, "be another file than the input", path, "Choose another file")


def _write_rows(path: str, rows: Sequence[dict[str, Any]]) -> None:
    from composekit.compose._build_shards import write_whole

    data = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    if path == "-":
        sys.stdout.write(data)
        return
    try:
        if os.path.islink(path) or (os.path.exists(path) and not os.path.isfile(path)):
            Path(path).write_bytes(data.encode())  # a pipe or a device stays what it is: nothing is renamed over it
        else:
            write_whole(Path(path), data.encode())
    except BrokenPipeError:
        raise
    except OSError as error:
        raise bad_value("output", path, "be writable", error, "Choose another file") from error


if __name__ == "__main__":
    sys.exit(main())
