"""The main job on real input: compose, audit, verify, write.

``make demo`` runs this. Problems come from ``--data`` (a jsonl, json, csv or parquet file), else from GSM8K where the
network reaches it, else from the library's own generators. Composites of depth 1 to 3 are built within a domain and across
domains, audited, and verified with their gold answers and with mutants of them. The folder ``--out`` gets a figure and
``composites.jsonl``.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import sys
import time
from collections import Counter
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import matplotlib

matplotlib.use("agg")
import matplotlib.pyplot as plt

from composekit.compose import Composer, Composite, Problem, audit, generators, load_problems, verify_batch
from composekit.testing import answer_mutants, gold_response


@dataclass(frozen=True)
class Mix:
    """One line of the table: composites of one depth, within a domain or across domains."""

    label: str
    depth: int
    cross_domain: bool
    problems: list[Problem]
    seconds: float


@dataclass(frozen=True)
class Result:
    """What was found about one mix."""

    mix: Mix
    sound: int
    warnings: int
    gold_accepted: int
    mutants: int
    mutants_refused: int


def own_problems(seed: int) -> list[Problem]:
    """Problems of every domain from the library's own generators."""
    families = (generators.arithmetic, generators.algebra, generators.physics, generators.logic, generators.code)
    return [problem for family in families for problem in family(80, seed=seed)]


def online(host: str = "huggingface.co", timeout: float = 3.0) -> bool:
    """Whether the data set hub answers."""
    try:
        socket.create_connection((host, 443), timeout=timeout).close()
    except OSError:
        return False
    return True


def gsm8k() -> list[Problem]:
    """The test split of GSM8K from the hub; an empty list where it cannot be had, with the reason printed."""
    if not online():
        print("GSM8K: the data set hub cannot be reached; going on with the library's own generators")
        return []
    try:
        from datasets import load_dataset

        return load_problems([dict(row) for row in load_dataset("openai/gsm8k", "main", split="test")], schema="gsm8k")
    except Exception as error:  # the hub fails in many ways, and none of them should end the demo
        print(f"GSM8K: {type(error).__name__}: {error}; going on with the library's own generators")
        return []


def build(pool: list[Problem], label: str, depth: int, count: int, *, cross_domain: bool, seed: int) -> Mix:
    """The first composites of a stream."""
    start = time.perf_counter()
    if depth == 1:
        problems = pool[:count]
    else:
        stream = Composer(pool, depth=depth, cross_domain=cross_domain, seed=seed)
        problems = [stream[i] for i in range(min(count, len(stream)))]
    return Mix(label, depth, cross_domain, problems, time.perf_counter() - start)


def respond(problem: Problem) -> str:
    """A right response as a model would write it."""
    return f"Working through the parts one after the other gives the result.\n\n{gold_response(problem)}"


def examine(mix: Mix) -> Result:
    """Audit every composite, then verify its gold answer and mutants of it."""
    audits = [audit(p) for p in mix.problems if isinstance(p, Composite)]
    gold = verify_batch([respond(p) for p in mix.problems], mix.problems)
    wrong = [(mutant.response, p) for p in mix.problems for mutant in answer_mutants(p)]
    refused = verify_batch([text for text, _ in wrong], [p for _, p in wrong])
    for problem, verdict in zip(mix.problems, gold, strict=True):
        if not verdict.correct:
            print(f"gold answer refused: {problem.answer!r}: {verdict.status}: {verdict.detail}", file=sys.stderr)
    return Result(
        mix=mix,
        sound=sum(a.ok for a in audits) if audits else len(mix.problems),
        warnings=sum(1 for a in audits if a.findings and a.ok),
        gold_accepted=sum(v.correct for v in gold),
        mutants=len(wrong),
        mutants_refused=sum(not v.correct for v in refused),
    )


def table(results: list[Result]) -> str:
    """The results as a table for the terminal."""
    head = ("mix", "depth", "composites", "per second", "audit ok", "with warnings", "gold accepted", "mutants refused")
    body = [
        (
            r.mix.label,
            str(r.mix.depth),
            str(len(r.mix.problems)),
            f"{len(r.mix.problems) / r.mix.seconds:,.0f}" if r.mix.depth > 1 else "",
            f"{r.sound}/{len(r.mix.problems)}",
            str(r.warnings),
            f"{r.gold_accepted}/{len(r.mix.problems)}",
            f"{r.mutants_refused}/{r.mutants}",
        )
        for r in results
    ]
    widths = [max(len(line[i]) for line in [head, *body]) for i in range(len(head))]
    lines = ["  ".join(cell.ljust(w) for cell, w in zip(line, widths, strict=True)).rstrip() for line in [head, *body]]
    return "\n".join([lines[0], "  ".join("-" * w for w in widths), *lines[1:]])


def write_rows(results: list[Result], path: Path) -> int:
    """One JSON object a line, as chat-style trainers take them; ``Problem.from_dict(row["problem"])`` gives it back."""
    scratch = path.with_suffix(".tmp")
    count = 0
    with scratch.open("w", encoding="utf-8") as file:
        for problem in (p for r in results for p in r.mix.problems):
            row = {"prompt": [{"role": "user", "content": problem.prompt}], "answer": problem.answer}
            row |= {"domain": problem.domain, "problem": problem.to_dict()}
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            count += 1
    os.replace(scratch, path)
    return count


def plot(results: list[Result], path: Path) -> None:
    """Prompt lengths by depth, the constants that are replaced, and how the links are distributed over domains."""
    figure, (lengths, constants, domains) = plt.subplots(1, 3, figsize=(13, 3.8), constrained_layout=True)
    composites = [p for r in results for p in r.mix.problems if isinstance(p, Composite)]

    for depth in sorted({r.mix.depth for r in results}):
        sizes = [len(p.prompt) for r in results if r.mix.depth == depth for p in r.mix.problems]
        lengths.hist(sizes, bins=30, alpha=0.6, label=f"depth {depth}")
    lengths.set(title="Length of the prompt", xlabel="characters", ylabel="problems")
    lengths.legend(frameon=False)

    values = [abs(int(x.value_out)) for p in composites for x in p.links if x.value_out == int(x.value_out)]
    edges = [0, 4, 11, 31, 101, 1001, float("inf")]
    names = ["0-3", "4-10", "11-30", "31-100", "101-1000", "more"]
    shares = [sum(low <= v < high for v in values) / max(1, len(values)) for low, high in pairwise(edges)]
    constants.bar(names, shares, color="tab:orange")
    constants.set(title="Constants replaced by Y", xlabel="value", ylabel="share of links")
    constants.tick_params(axis="x", rotation=30)

    pairs = Counter((p.parts[x.source].domain, p.parts[x.target].domain) for p in composites for x in p.links)
    labels = sorted({name for pair in pairs for name in pair})
    grid = [[pairs[a, b] for b in labels] for a in labels]
    image = domains.imshow(grid, cmap="Blues")
    domains.set_xticks(range(len(labels)), labels, rotation=30)
    domains.set_yticks(range(len(labels)), labels)
    domains.set(title="Links between domains", xlabel="part that takes Y", ylabel="part that gives X")
    figure.colorbar(image, ax=domains, label="links")

    figure.savefig(path, dpi=120)
    plt.close(figure)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", help="a file of problems (jsonl, json, csv, parquet)")
    parser.add_argument("--out", type=Path, default=Path("demo-output"), help="folder for the plots and the JSONL")
    parser.add_argument("--count", type=int, default=150, help="composites a line of the table")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    own = own_problems(options.seed)
    given = load_problems(options.data) if options.data else gsm8k()
    pools = {"generated": own, **({Path(options.data).stem if options.data else "gsm8k": given} if given else {})}
    for name, pool in pools.items():
        print(f"{name}: {len(pool)} problems, {dict(Counter(p.domain for p in pool))}")

    mixes = []
    for name, pool in pools.items():
        mathematical = [p for p in pool if p.domain == "math"] if pool is own else pool
        mixes += [
            build(mathematical, name, depth, options.count, cross_domain=False, seed=options.seed)
            for depth in (1, 2, 3)
        ]
    everything = own + given[:400]
    mixes += [
        build(everything, "across domains", depth, options.count, cross_domain=True, seed=options.seed)
        for depth in (2, 3)
    ]
    results = [examine(mix) for mix in mixes]

    print(f"\nOne of them:\n\n{mixes[-2].problems[0].prompt}\n\nanswer: {mixes[-2].problems[0].answer}\n")
    print(table(results))
    options.out.mkdir(parents=True, exist_ok=True)
    count = write_rows(results, options.out / "composites.jsonl")
    plot(results, options.out / "composites.png")
    print(f"\n{count} rows in {options.out / 'composites.jsonl'}, figure in {options.out / 'composites.png'}")
    complete = all(
        r.sound == r.gold_accepted == len(r.mix.problems) and r.mutants_refused == r.mutants for r in results
    )
    if not complete:
        print("Something above is not as it should be.", file=sys.stderr)
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
