"""Audits against human annotations, against injected defects, and on sound composites; builds against the clock."""

from __future__ import annotations

import json
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.harness import Context, Row, case, timed
from composekit.compose import Composer, Composite, Link, Problem, Unlinkable, audit, chain, load_problems, stats

HUMAN = ("human_is_p1_complete", "human_is_p2_complete", "human_check_var1", "human_check_var2", "human_check_same_var")
PAPER = tuple(name.removeprefix("human_") for name in HUMAN)
RESAMPLES = 2000
GSM8K_COMPOSITES = 199_000  # as many as the paper's set holds


# ------------------------------------------------------------------------------------------------------ human annotations


def vcmd(path: Path) -> list[tuple[Composite, Row]]:
    """The composites of vcmd_dev, built from texts and values alone, each with its row of flags."""
    found = []
    for line in path.read_text().splitlines():
        row = json.loads(line)
        parts = (Problem(row["question1"], row["data1"]["final_answer"]), Problem(row["question2"], row["Answer"]))
        link = Link(0, 1, row["symbol_of_var1"], row["var1"], row["symbol_of_var2"], row["var2"], "", None)
        prompt = row["merged_question"] or "(the pipeline wrote none)"
        found.append((Composite(prompt, row["Answer"], parts=parts, links=(link,)), row))
    return found


def scores(pairs: list[tuple[bool, bool]]) -> Row:
    """Precision, recall and F1 of (flagged, defective) pairs."""
    hits = sum(flagged and bad for flagged, bad in pairs)
    flagged, bad = sum(f for f, _ in pairs), sum(b for _, b in pairs)
    precision, recall = hits / flagged if flagged else 0.0, hits / bad if bad else 0.0
    return {"flagged": flagged, "hits": hits, "precision": precision, "recall": recall, "f1": f1(pairs)}


def f1(pairs: list[tuple[bool, bool]]) -> float:
    """The harmonic mean of precision and recall."""
    total = sum(f for f, _ in pairs) + sum(b for _, b in pairs)
    return 2 * sum(f and b for f, b in pairs) / total if total else 0.0


def interval(values: list[float]) -> tuple[float, float]:
    """The central 95 % of a sample."""
    values = sorted(values)
    return values[int(0.025 * len(values))], values[int(0.975 * len(values)) - 1]


@case("compose_audit", "human_labels")
def human_labels(ctx: Context) -> Iterator[Row]:
    """Finding the defective composites of vcmd_dev: this audit, its single rules, the paper's language-model flags."""
    data = vcmd(ctx.data("vcmd_dev.jsonl"))
    bad = [any(not row[name] for name in HUMAN) for _, row in data]
    if (len(bad), sum(bad)) != (250, 40):
        raise AssertionError("vcmd_dev must have 250 rows, 40 of them defective")
    audits = [audit(composite) for composite, _ in data]
    detectors: dict[str, list[bool]] = {
        "composekit audit": [not found.ok for found in audits],
        "paper's pipeline (LLM flags)": [any(not row[name] for name in PAPER) for _, row in data],
        "flag everything": [True] * len(data),
    }
    for kind in ("incomplete", "constant", "clash", "relation", "answer"):
        detectors[f"rule: {kind}"] = [any(f.kind == kind for f in found.defects) for found in audits]
    rng = random.Random(0)
    draws = [rng.choices(range(len(data)), k=len(data)) for _ in range(RESAMPLES)]
    ours = detectors["composekit audit"]
    for name, flags in detectors.items():
        pairs = list(zip(flags, bad, strict=True))
        low, high = interval([f1([pairs[i] for i in draw]) for draw in draws])
        lead = [f1([(ours[i], bad[i]) for i in draw]) - f1([pairs[i] for i in draw]) for draw in draws]
        lead_low, lead_high = interval(lead)
        halves = [f1(pairs[::2]), f1(pairs[1::2])]
        yield {
            "detector": name, "rows": len(pairs), "defective": sum(bad), **scores(pairs), "f1_low": low, "f1_high": high,
            "lead_low": lead_low, "lead_high": lead_high, "f1_even_rows": halves[0], "f1_odd_rows": halves[1],
        }  # fmt: skip


# -------------------------------------------------------------------------------------------------------- injected defects


def drop_words(composite: Composite, rng: random.Random) -> str:
    """Three words of a part are missing."""
    part = composite.parts[0].prompt
    words = [m for m in re.finditer(r"(?:[A-Za-z]{3,} ){3}", part) if "[asy]" not in part[: m.end()]]
    if not words:
        return composite.prompt
    found = rng.choice(words)
    return composite.prompt.replace(part, part[: found.start()] + part[found.end() :], 1)


def drop_drawing(composite: Composite, rng: random.Random) -> str:
    """A drawing is missing."""
    return re.sub(r"\[asy\].*?\[/asy\]", "", composite.prompt, count=1, flags=re.DOTALL)


def change_number(composite: Composite, rng: random.Random) -> str:
    """A number of the last part is another one."""
    start = composite.prompt.rindex(composite.links[-1].relation) + len(composite.links[-1].relation)
    found = [m for m in re.finditer(r"(?<![\w.])\d+(?![\w.])", composite.prompt) if m.start() > start]
    if not found:
        return composite.prompt
    number = rng.choice(found)
    return composite.prompt[: number.start()] + str(int(number.group()) + 1) + composite.prompt[number.end() :]


def flip_sign(composite: Composite, rng: random.Random) -> str:
    """The relation says more for less, or less for more."""
    relation = composite.links[-1].relation
    flipped = relation.replace(" more ", "\0").replace(" less ", " more ").replace("\0", " less ")
    return composite.prompt.replace(relation, flipped)


def change_difference(composite: Composite, rng: random.Random) -> str:
    """The relation's number is one more than it should be."""
    relation = composite.links[-1].relation
    changed = re.sub(r"\d+", lambda m: str(int(m.group()) + 1), relation, count=1)
    return composite.prompt.replace(relation, changed)


def keep_constant(composite: Composite, rng: random.Random) -> str:
    """The constant was never replaced."""
    link, part = composite.links[-1], composite.parts[-1].prompt
    head = composite.prompt[: composite.prompt.rindex(link.relation) + len(link.relation)]
    return f"{head}\n\n{part}"


def replace_another(composite: Composite, rng: random.Random) -> str:
    """The symbol stands in place of another number than the relation says."""
    link, part = composite.links[-1], composite.parts[-1].prompt
    start, end = link.span
    others = [m for m in re.finditer(r"(?<![\w.^_{])\d+(?![\w.])", part) if m.end() <= start or m.start() >= end]
    others = [m for m in others if int(m.group()) != link.value_out and "[asy]" not in part[: m.start()]]
    if not others:
        return composite.prompt
    other = rng.choice(others)
    head = composite.prompt[: composite.prompt.rindex(link.relation) + len(link.relation)]
    return f"{head}\n\n{part[: other.start()]}{link.symbol_out}{part[other.end() :]}"


INJECTIONS: tuple[Callable[[Composite, random.Random], str], ...] = (
    drop_words, drop_drawing, change_number, flip_sign, change_difference, keep_constant, replace_another,
)  # fmt: skip


def foreign(composite: Composite) -> Composite:
    """The composite as a stranger would hand it over: symbols and values as text, no sentence, no place."""
    links = [
        Link(x.source, x.target, x.symbol_in, str(x.value_in), x.symbol_out, str(x.value_out), "", None)
        for x in composite.links
    ]
    return composite.replace(links=tuple(links))


def mixed_chains(ctx: Context, count: int, seed: int, depths: tuple[int, ...] = (2,)) -> list[Composite]:
    """Chains from GSM8K and MATH-500, a part from either with equal chance."""
    pools = [load_problems(ctx.data("gsm8k_train.jsonl")), load_problems(ctx.data("math500.jsonl"))]
    rng = random.Random(seed)
    found: list[Composite] = []
    while len(found) < count:
        parts = [rng.choice(rng.choice(pools)) for _ in range(rng.choice(depths))]
        if len({part.id for part in parts}) < len(parts):
            continue
        try:
            found.append(chain(*parts, seed=rng.randrange(2**31)))
        except Unlinkable:
            continue
    return found


@case("compose_audit", "injected_defects")
def injected_defects(ctx: Context) -> Iterator[Row]:
    """Defects put into sound composites, of kinds and texts that no rule was written for: found, read as own or foreign."""
    composites = mixed_chains(ctx, 200 if ctx.quick else 1500, seed=17)
    rng = random.Random(0)
    for reading, read in (("own", lambda c: c), ("foreign", foreign)):
        flagged = sum(not audit(read(composite)).ok for composite in composites)
        yield {"reading": reading, "injection": "none", "rows": len(composites), "flagged": flagged / len(composites)}
        for inject in INJECTIONS:
            found = total = 0
            for composite in composites:
                prompt = inject(composite, rng)
                if prompt != composite.prompt:
                    total += 1
                    found += not audit(read(composite).replace(prompt=prompt)).ok
            yield {"reading": reading, "injection": inject.__name__, "rows": total, "flagged": found / total}


@case("compose_audit", "sound_composites")
def sound_composites(ctx: Context) -> Iterator[Row]:
    """Sound composites that an audit flags all the same, and its speed."""
    composites = mixed_chains(ctx, 1000 if ctx.quick else 10_000, seed=5, depths=(2, 2, 3))
    found = [audit(composite) for composite in composites]
    kinds = Counter(kind for each in found for kind in {f"{f.severity} {f.kind}" for f in each.findings})
    clock = timed(lambda: [audit(composite) for composite in composites[:500]], repeats=5, warmup=1)
    yield {
        "rows": len(found), "flagged": sum(not each.ok for each in found) / len(found), "findings": dict(kinds),
        "audits_per_s": 500 / clock["median_s"], **clock,
    }  # fmt: skip


# --------------------------------------------------------------------------------------------------------------- shortcuts


@case("compose_audit", "shortcuts")
def shortcuts(ctx: Context) -> Iterator[Row]:
    """What a reader who never solves the first part gets, in our composites and in the paper's."""
    count = 500 if ctx.quick else 4000
    sets = {
        "GSM8K, composekit": Composer(load_problems(ctx.data("gsm8k_train.jsonl")), size=count, seed=1),
        "MATH-500, composekit": Composer(load_problems(ctx.data("math500.jsonl")), size=count, seed=1),
    }
    for name, composer in sets.items():
        made = []
        for index in range(len(composer)):
            try:
                made.append(composer[index])
            except Unlinkable:
                continue
        yield {"set": name, **stats(made).to_dict()}
    paper = [composite for composite, row in vcmd(ctx.data("vcmd_dev.jsonl")) if all(row[name] for name in HUMAN)]
    yield {"set": "MATH, the paper's pipeline (sound rows)", **stats(paper).to_dict()}


# ------------------------------------------------------------------------------------------------------------------ builds


def run_cli(*arguments: str) -> Row:
    """Run ``python -m composekit.compose`` in a fresh process: its JSON result, wall-clock and processor seconds."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.perf_counter()
    command = [sys.executable, "-m", "composekit.compose", *arguments, "--json", "--quiet"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    seconds = time.perf_counter() - start
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - used.ru_utime - used.ru_stime
    return {**json.loads(done.stdout), "seconds": seconds, "cpu_seconds": cpu}


@case("compose_audit", "build_throughput")
def build_throughput(ctx: Context) -> Iterator[Row]:
    """From GSM8K's training split to as many depth-2 composites as the paper's set holds, by the command line."""
    source = str(ctx.data("gsm8k_train.jsonl"))
    size = 5000 if ctx.quick else GSM8K_COMPOSITES
    with tempfile.TemporaryDirectory() as folder:
        for workers in (1, 2):
            run_cli(
                "build", source, "-o", f"{folder}/{workers}.jsonl", "--candidates", "3000", "--workers", str(workers)
            )
        if Path(f"{folder}/1.jsonl").read_bytes() != Path(f"{folder}/2.jsonl").read_bytes():
            raise AssertionError("a build must give the same bytes for any number of workers")
    candidates = str(size + size // 100)  # some pairs are drawn twice
    for workers in (2, 1):
        for repeat in range(1 if ctx.quick else 3):
            with tempfile.TemporaryDirectory() as folder:
                out = f"{folder}/out.jsonl"
                options = [
                    "--size",
                    str(size),
                    "--candidates",
                    candidates,
                    "--workers",
                    str(workers),
                    "--seed",
                    str(repeat),
                ]
                found = run_cli("build", source, "-o", out, *options)
                yield {
                    "workers": workers, "repeat": repeat, "written": found["written"], "seconds": found["seconds"],
                    "cpu_seconds": found["cpu_seconds"], "per_second": size / found["seconds"],
                    "bytes": Path(out).stat().st_size, "load_average": os.getloadavg()[0],
                }  # fmt: skip
