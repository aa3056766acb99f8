"""Links without a language model: how many pairs they reach, how sound they are, how hard to guess, how fast."""

from __future__ import annotations

import hashlib
import importlib.util
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

from benchmarks.harness import ROOT, Context, Row, case, timed
from composekit.compose import Composer, Composite, Problem, Unlinkable, bundle, chain

PAPER_SET = 199_000  # composites in the paper's set of depth 2
WORKERS = 2


def gsm8k(path: Path) -> list[Problem]:
    """Problems of GSM8K, as published."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [Problem(r["question"], r["answer"].split("####")[1].strip(), solution=r["answer"]) for r in rows]


def math(path: Path) -> list[Problem]:
    """Problems of MATH-500, as published."""
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    return [Problem(r["problem"], r["answer"], solution=r["solution"]) for r in rows]


def links(first: Problem, second: Problem) -> bool:
    """Whether the pair links in this order."""
    try:
        chain(first, second)
    except Unlinkable:
        return False
    return True


@case("compose_links", "coverage")
def coverage(ctx: Context) -> Iterator[Row]:
    """The share of ordered pairs that link as given, and in some order."""
    pools = {"GSM8K train": gsm8k(ctx.data("gsm8k_train.jsonl")), "MATH-500": math(ctx.data("math500.jsonl"))}
    for name, pool in pools.items():
        everything = len(pool) * (len(pool) - 1)
        rng = random.Random(0)
        if name == "MATH-500" and not ctx.quick:
            pairs = [(a, b) for i, a in enumerate(pool) for b in pool[i + 1 :]]
        else:
            pairs = [tuple(rng.sample(pool, 2)) for _ in range(2_000 if ctx.quick else 100_000)]
        found = [(links(a, b), links(b, a)) for a, b in pairs]
        yield _covered(name, found, pairs=everything)
    rows = [json.loads(line) for line in ctx.data("vcmd_dev.jsonl").read_text().splitlines()]
    found = []
    for row in rows:
        a = Problem(row["question1"], row["data1"]["final_answer"], solution=row["data1"]["solution"])
        b = Problem(row["question2"], row["data2"]["final_answer"], solution=row["data2"]["solution"])
        found.append((links(a, b), links(b, a)))
    yield _covered("vcmd_dev pairs", found, pairs=len(rows)) | {
        "as_given": sum(there for there, _ in found) / len(found)
    }


def _covered(name: str, found: list[tuple[bool, bool]], *, pairs: int) -> Row:
    share = sum(there + back for there, back in found) / (2 * len(found))
    either = sum(there or back for there, back in found) / len(found)
    return {"set": name, "ordered_pairs": pairs, "tried": 2 * len(found), "as_given": share, "some_order": either}


def checker() -> ModuleType:
    """The checker of the tests, which shares no code with the library."""
    spec = importlib.util.spec_from_file_location("soundness", ROOT / "tests" / "compose" / "test_soundness.py")
    if spec is None or spec.loader is None:
        raise FileNotFoundError("benchmarks: tests/compose/test_soundness.py is missing")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@case("compose_links", "soundness")
def soundness(ctx: Context) -> Iterator[Row]:
    """Composites of pairs as they come, judged by the independent checker."""
    judge = checker()
    grade, competition = gsm8k(ctx.data("gsm8k_train.jsonl")), math(ctx.data("math500.jsonl"))
    mixed = grade[:1000] + competition
    known = {problem.id: problem for problem in grade + competition}
    share = 50 if ctx.quick else 1
    for name, pool, depth, count in (
        ("GSM8K", grade, 2, 4000),
        ("MATH-500", competition, 2, 4000),
        ("both", mixed, 2, 1000),
        ("both", mixed, 3, 1000),
    ):
        made = judge.random_chains(pool, count // share, seed=2026, depth=depth)
        unsound = [c for c in made if not _is_sound(judge, c, known)]
        yield {"set": name, "depth": depth, "composites": len(made), "unsound": len(unsound)}


def _is_sound(judge: ModuleType, composite: Composite, known: dict[str, Problem]) -> bool:
    try:
        judge.check(composite, known)
    except judge.Unsound:
        return False
    return True


@case("compose_links", "guessability")
def guessability(ctx: Context) -> Iterator[Row]:
    """How often Y is a number that one guesses first: the language-model pipeline's composites, and ours."""
    rows = [json.loads(line) for line in ctx.data("vcmd_dev.jsonl").read_text().splitlines()]
    pipeline = [int(row["var2"]) if row["var2"].lstrip("-").isdigit() else None for row in rows]
    yield _guessed("pipeline of Composition-RL, vcmd_dev", pipeline)
    pools = {
        "Composer, GSM8K": gsm8k(ctx.data("gsm8k_train.jsonl")),
        "Composer, MATH-500": math(ctx.data("math500.jsonl")),
    }
    for name, pool in pools.items():
        composites = Composer(pool, size=200 if ctx.quick else 5000, seed=1)
        values = [link.value_out for composite in composites for link in composite.links]
        yield _guessed(name, [value if isinstance(value, int) else None for value in values])


def _guessed(name: str, values: list[int | None]) -> Row:
    low = sum(value is not None and 0 <= value <= 3 for value in values)
    ten = sum(value is not None and 0 <= value <= 10 for value in values)
    return {"set": name, "links": len(values), "from_0_to_3": low / len(values), "from_0_to_10": ten / len(values)}


@case("compose_links", "derivable")
def derivable_constants(ctx: Context) -> Iterator[Row]:
    """How many constants follow from the other numbers of their problem, and how many links rest on one all the same."""
    from composekit.compose.ends import ends_of
    from composekit.compose.needless.derivable import derivable
    from composekit.compose.tokens import numerals

    for name, pool in (
        ("GSM8K train", gsm8k(ctx.data("gsm8k_train.jsonl"))),
        ("MATH-500", math(ctx.data("math500.jsonl"))),
    ):
        found = {problem.prompt: derivable(problem.prompt, numerals(problem.prompt)) for problem in pool}
        constants = [(p, c) for p in pool for tier in (*ends_of(p).tiers, *ends_of(p).spare) for c in tier]
        follow = sum(c.span in found[p.prompt] for p, c in constants)
        composites = Composer(pool, size=200 if ctx.quick else len(pool), seed=1)
        links = [(c.parts[link.target].prompt, link.span) for c in composites for link in c.links]
        rest = sum(span in found[prompt] for prompt, span in links)
        yield {
            "set": name,
            "constants": len(constants),
            "derivable": follow,
            "links": len(links),
            "links_derivable": rest,
        }


@case("compose_links", "calls")
def calls(ctx: Context) -> Iterator[Row]:
    """Seconds of single calls, with warm and with cold caches."""
    from composekit.compose.ends import ends_of

    pool = gsm8k(ctx.data("gsm8k_train.jsonl"))[:400]
    repeats = 3 if ctx.quick else 7

    def cold() -> None:
        ends_of.cache_clear()
        for problem in pool:
            ends_of(problem)

    composer = {depth: Composer(pool, depth=depth, seed=0) for depth in (2, 3, 5)}
    tree, parts = Composer(pool, mode="tree", depth=3), pool[:4]
    yield {"call": "ends of a new problem", "each": len(pool), **timed(cold, repeats=repeats)}
    for depth, composites in composer.items():
        yield {"call": f"chain of depth {depth}", "each": 400, **timed(lambda c=composites: c[:400], repeats=repeats)}
    yield {"call": "tree of depth 3", "each": 400, **timed(lambda: tree[:400], repeats=repeats)}
    yield {"call": "bundle of 4", "each": 400, **timed(lambda: [bundle(*parts) for _ in range(400)], repeats=repeats)}


@case("compose_links", "throughput")
def throughput(ctx: Context) -> Iterator[Row]:
    """The paper's number of composites from GSM8K, made by worker processes: start, reading and analysis included."""
    path = ctx.data("gsm8k_train.jsonl")
    size = 2000 if ctx.quick else PAPER_SET
    one = Composer(gsm8k(path), size=size, seed=0)
    for _ in range(1 if ctx.quick else 3):
        start = time.perf_counter()
        command = [sys.executable, "-m", "benchmarks.compose_links", str(path), str(size), str(WORKERS)]
        workers = [
            subprocess.Popen([*command, str(rank)], cwd=ROOT, stdout=subprocess.PIPE, text=True)
            for rank in range(WORKERS)
        ]
        reports = [json.loads(worker.communicate()[0]) for worker in workers]
        seconds = time.perf_counter() - start
        for rank, report in enumerate(reports):  # the same composites as in this process
            if report["count"] != len(range(rank, size, WORKERS)) or report["digest"] != _digest(one, rank, 50):
                raise AssertionError(f"worker {rank} made other composites")
        busy = max(report["cpu_s"] for report in reports)  # what a machine that does nothing else would take
        yield {"composites": size, "workers": WORKERS, "seconds": seconds, "busiest_worker_cpu_s": busy}


def _digest(composer: Composer, rank: int, first: int) -> str:
    prompts = [composer[rank + WORKERS * k].prompt for k in range(first)]
    return hashlib.sha256("\0".join(prompts).encode()).hexdigest()


def work(path: str, size: str, workers: str, rank: str) -> None:
    """A worker: make one shard, print how many composites it has, a digest of the first 50, and the CPU time."""
    share = Composer(gsm8k(Path(path)), size=int(size), seed=0).shard(int(rank), int(workers))
    first: list[str] = []
    count = 0
    for composite in share:
        count += 1
        if len(first) < 50:
            first.append(composite.prompt)
    digest = hashlib.sha256("\0".join(first).encode()).hexdigest()
    print(json.dumps({"count": count, "digest": digest, "cpu_s": time.process_time()}))


if __name__ == "__main__":
    work(*sys.argv[1:])
