"""CodeVerifier on HumanEval: verdicts, overhead, throughput, and who pays for cheats. CPU only."""

from __future__ import annotations

import ast
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from benchmarks._code_rivals import RIVALS, Judge, in_subprocess, many
from benchmarks.harness import ROOT, Context, Row, case
from composekit.compose import CodeVerifier, Problem, load_problems, verify_batch
from composekit.testing import program_mutants

GROUP = "compose_code"
FORGERIES = ROOT / "tests" / "compose" / "candidates" / "forgeries.txt"
Pair = tuple[str, Problem]

_FUNCTION = Problem(
    "Write f.", "", verifier="code", tests=[{"args": [k], "expected": k + 1} for k in range(5)], entry_point="f"
)
_CHECK = Problem(
    "Write f.", "", verifier="code", entry_point="f",
    tests="def check(candidate):\n    assert candidate(1) == 2\n    assert candidate(2) == 3\n",
)  # fmt: skip
_PROGRAM = Problem("Print.", "", verifier="code", tests=[{"stdin": "1\n", "stdout": "2\n"}])
_SOLUTIONS = {
    "function": "def f(n):\n    return n + 1",
    "check": "def f(n):\n    return n + 1",
    "program": "print(int(input()) + 1)",
}
_FORMS = {"function": _FUNCTION, "check": _CHECK, "program": _PROGRAM}


def block(source: str) -> str:
    """A response that is one code block."""
    return f"```python\n{source}\n```"


@lru_cache(maxsize=1)
def _human_eval(path: Path, step: int) -> tuple[list[Pair], list[Pair]]:
    """Canonical solutions, and for each the first mutant that a plain subprocess refuses."""
    problems = load_problems(path)[::step]
    right = [(p.prompt + (p.solution or ""), p) for p in problems]
    wrong = []
    for source, problem in right:
        helpers = _helpers(source, problem)  # a checker has its own, so a change there is no change of the answer
        mutants = (m for m in program_mutants(source) if _helpers(m, problem) == helpers)
        mutant = next(m for m in mutants if not in_subprocess(m, problem))
        wrong.append((mutant, problem))
    return right, wrong


def _helpers(source: str, problem: Problem) -> list[str]:
    """What a module holds beside the function that is asked for."""
    return [ast.unparse(n) for n in ast.parse(source).body if getattr(n, "name", None) != problem.entry_point]


def _working(judge: CodeVerifier) -> list[str]:
    return [tier for tier, why in judge.tiers().items() if not why]


@case(GROUP, "humaneval")
def humaneval(ctx: Context) -> Iterator[Row]:
    """Verdicts on canonical solutions and on mutants, one after the other; ours on the highest tier."""
    right, wrong = _human_eval(ctx.data("humaneval.jsonl"), 20 if ctx.quick else 1)
    judges: dict[str, Judge] = dict(RIVALS)
    for tier in _working(CodeVerifier())[-1:]:
        verifier = CodeVerifier(isolation=tier)
        judges[f"composekit {tier}"] = lambda source, problem, verifier=verifier: (
            verifier.verify(block(source), problem).correct
        )
    for who, judge in judges.items():
        judge(*right[0])
        start = time.perf_counter()
        passed = sum(judge(*pair) for pair in right)
        seconds = time.perf_counter() - start
        accepted = [problem.id for source, problem in wrong if judge(source, problem)]
        yield {
            "who": who, "problems": len(right), "canonical_pass": passed, "mutants_fail": len(wrong) - len(accepted),
            "seconds_each": seconds / len(right), "accepted_mutants": ", ".join(accepted),
        }  # fmt: skip


@case(GROUP, "overhead")
def overhead(ctx: Context) -> Iterator[Row]:
    """Milliseconds for a candidate that does nothing, once warm; every judge in turn, round after round."""
    repeats = 5 if ctx.quick else 40
    tiers = _working(CodeVerifier())
    for form, problem in _FORMS.items():
        source = _SOLUTIONS[form]
        judges: dict[str, Judge] = {}
        for tier in tiers:
            verifier = CodeVerifier(isolation=tier)
            judges[tier] = lambda s, p, v=verifier: v.verify(block(s), p).correct
        if form == "check":
            judges |= RIVALS
        samples: dict[str, list[float]] = {who: [] for who in judges}
        for turn in range(repeats + 3):
            for who, judge in judges.items():
                start = time.perf_counter()
                if not judge(source, problem):
                    raise RuntimeError(f"{who} refuses a right {form}")
                if turn >= 3:
                    samples[who].append(1e3 * (time.perf_counter() - start))
        for who, times in samples.items():
            cuts = statistics.quantiles(times, n=5, method="inclusive")
            yield {
                "form": form,
                "who": who,
                "median_ms": statistics.median(times),
                "p20_ms": cuts[0],
                "p80_ms": cuts[-1],
                "repeats": repeats,
            }


_COLD = """
import time
start = time.perf_counter()
from composekit.compose import CodeVerifier, Problem
loaded = time.perf_counter()
problem = Problem("Write f.", "", verifier="code", tests=[{"args": [1], "expected": 2}], entry_point="f")
assert CodeVerifier(isolation="%s").verify("```python\\ndef f(n):\\n    return n + 1\\n```", problem).correct
print(time.perf_counter() - loaded)
"""


@case(GROUP, "cold")
def cold(ctx: Context) -> Iterator[Row]:
    """Milliseconds of the first verdict of a process, which starts the server and tries the tier."""
    for tier in _working(CodeVerifier()):
        times = []
        for _ in range(2 if ctx.quick else 7):
            done = subprocess.run(
                [sys.executable, "-c", _COLD % tier], capture_output=True, text=True, check=True, cwd=ROOT
            )
            times.append(1e3 * float(done.stdout))
        yield {"tier": tier, "median_ms": statistics.median(times), "max_ms": max(times), "repeats": len(times)}


@case(GROUP, "batch")
def batch(ctx: Context) -> Iterator[Row]:
    """Candidates a second: solutions and mutants of every fourth problem together, on one worker and on two."""
    right, wrong = _human_eval(ctx.data("humaneval.jsonl"), 20 if ctx.quick else 4)
    pairs = right + wrong
    responses, problems = [block(s) for s, _ in pairs], [p for _, p in pairs]
    want = [True] * len(right) + [False] * len(wrong)
    for workers in (1, 2):
        verify_batch(responses[:4], problems[:4], workers=workers)
        runs = {who: (lambda judge=judge, n=workers: many(judge, pairs, n)) for who, judge in RIVALS.items()}
        runs["composekit"] = lambda n=workers: [v.correct for v in verify_batch(responses, problems, workers=n)]
        samples: dict[str, list[float]] = {who: [] for who in runs}
        for _ in range(1 if ctx.quick else 4):  # in turns, so that what else the machine does falls on all of them
            for who, run in runs.items():
                start = time.perf_counter()
                if run() != want:
                    raise RuntimeError(f"{who} disagrees with the truth")
                samples[who].append(time.perf_counter() - start)
        for who, times in samples.items():
            yield {
                "who": who, "workers": workers, "candidates": len(pairs),
                "per_second": len(pairs) / statistics.median(times), "best_per_second": len(pairs) / min(times),
                "median_s": statistics.median(times), "repeats": len(times),
            }  # fmt: skip


@case(GROUP, "cheats")
def cheats(ctx: Context) -> Iterator[Row]:
    """How many of the forgeries of the test suite are paid: candidates that solve nothing."""
    parts = FORGERIES.read_text().split("\n=== ")[1:]
    token = 918273645
    check = f"expected = {token}\ndef check(candidate):\n    assert candidate(1) == 1\n    assert candidate(2) == expected\n"
    problem = Problem("Write f.", "", verifier="code", tests=check, entry_point="f")
    sources = {head.strip(): source for head, _, source in (part.partition("\n") for part in parts)}
    chosen = dict(list(sources.items())[:: 8 if ctx.quick else 1])
    ours = CodeVerifier(timeout=2)
    judges: dict[str, Judge] = {**RIVALS, "composekit": lambda s, p: ours.verify(block(s), p).correct}
    for who, judge in judges.items():
        paid = [name for name, source in chosen.items() if judge(source, problem)]
        yield {"who": who, "forgeries": len(chosen), "paid": len(paid), "which": "; ".join(paid)}
