"""MathVerifier against Math-Verify: real gold answers, model-like responses, hostile inputs. CPU only."""

from __future__ import annotations

import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks._answer_variants import Response, responses
from benchmarks.harness import RESULTS, Context, Row, case, peak_rss, timed
from composekit.compose import MathVerifier, Problem

GROUP = "compose_verifiers"
DISAGREEMENTS = RESULTS / "compose_verifier_disagreements.jsonl"
Judge = Callable[[Problem, str], bool]


def _problems(ctx: Context, name: str) -> list[Problem]:
    rows = [json.loads(line) for line in ctx.data(f"{name}.jsonl").open()]
    if name == "math500":
        problems = [Problem(r["problem"], r["answer"], solution=r["solution"]) for r in rows]
    else:
        problems = [
            Problem(r["question"], r["answer"].rpartition("####")[2].strip(), solution=r["answer"]) for r in rows
        ]
    return problems[:: 20 if ctx.quick else 1]


def _peer() -> Judge:
    """Math-Verify as its documentation uses it, with its own time limits (which need the main thread)."""
    import logging

    from math_verify import parse, verify

    logging.getLogger("math_verify").setLevel(logging.CRITICAL)

    def judge(problem: Problem, response: str) -> bool:
        return bool(verify(parse(rf"\boxed{{{problem.answer}}}"), parse(response)))

    return judge


def _own() -> Judge:
    verifier = MathVerifier()

    def judge(problem: Problem, response: str) -> bool:
        return verifier.verify(response, problem).correct

    return judge


def _forget() -> None:
    """Empty the cache of readings, so that every pass starts cold."""
    from composekit.compose.verifiers.exactmath import reading

    reading._cached_readings.cache_clear()


Pairs = list[tuple[Problem, str]]


def _shaped(problems: list[Problem], shape: str) -> Pairs:
    """Right responses: the gold answer boxed, the published solution, or every rewritten form of the gold answer."""
    if shape == "boxed":
        return [(p, rf"So it is $\boxed{{{p.answer}}}$.") for p in problems]
    if shape == "solution":
        return [(p, p.solution or "") for p in problems]
    apart = {"box", "thought", "revised", "answer line", "final line"}  # dressed, not rewritten
    apart.add("twice over two")  # not always accepted, see the case "agreement"
    return [(p, r.text) for p in problems for r in responses(p) if r.right and r.kind not in apart]


@case(GROUP, "speed")
def speed(ctx: Context) -> Iterator[Row]:
    """Seconds a right response, cold and with the gold answer seen before; both judges run through the same pairs."""
    own, peer = _own(), _peer()
    for name in ("gsm8k_test", "math500"):
        problems = _problems(ctx, name)[: 300 if name == "gsm8k_test" else None]
        for shape in ("boxed", "solution", "rewritten"):
            pairs = _shaped(problems, shape)
            refused = [(p.answer, r) for p, r in pairs if not own(p, r)]
            if refused:
                raise RuntimeError(f"right responses are refused: {refused[:3]}")
            for label, judge, cold in (
                ("composekit, cold", own, True),
                ("composekit", own, False),
                ("Math-Verify", peer, False),
            ):
                yield _pace(name, shape, label, judge, cold, pairs)


def _pace(data: str, shape: str, who: str, judge: Judge, cold: bool, pairs: Pairs) -> Row:
    accepted = 0

    def once() -> None:
        nonlocal accepted
        if cold:
            _forget()
        accepted = sum(judge(*pair) for pair in pairs)

    measured = timed(once, repeats=3 if who == "Math-Verify" else 7, warmup=1)
    each = {k: measured[k] / len(pairs) for k in ("median_s", "p20_s", "p80_s")}
    row = {"data": data, "responses": shape, "who": who, "count": len(pairs), "accepted": accepted}
    return {**row, **each, "repeats": measured["repeats"]}


@case(GROUP, "agreement")
def agreement(ctx: Context) -> Iterator[Row]:
    """Every judgement of both on responses whose truth is known; the disagreements go to a file of their own."""
    own, peer = _own(), _peer()
    listed: list[Row] = []
    for name in ("math500", "gsm8k_test"):
        problems = _problems(ctx, name)
        counts: dict[str, Counter[str]] = {}
        for problem in problems if name == "math500" else problems[::5]:
            for response in responses(problem):
                mine, theirs = own(problem, response.text), peer(problem, response.text)
                tally = counts.setdefault(response.kind, Counter())
                tally["count"] += 1
                tally["right"] += response.right
                tally["composekit wrong"] += mine != response.right
                tally["Math-Verify wrong"] += theirs != response.right
                if mine != theirs:
                    listed.append(_disagreement(name, problem, response, mine, theirs))
        for kind, tally in sorted(counts.items()):
            yield {
                "data": name,
                "kind": kind,
                **{k: tally[k] for k in ("count", "right", "composekit wrong", "Math-Verify wrong")},
            }
    if not ctx.quick:
        DISAGREEMENTS.write_text("".join(json.dumps(row, sort_keys=True) + "\n" for row in listed))


def _disagreement(data: str, problem: Problem, response: Response, mine: bool, theirs: bool) -> Row:
    return {
        "data": data, "gold": problem.answer, "response": response.text, "kind": response.kind, "reason": response.reason,
        "composekit": mine, "Math-Verify": theirs, "truth": response.right,
        "right": "composekit" if mine == response.right else "Math-Verify",
    }  # fmt: skip


HOSTILE = {
    "tower of powers": "9^{9^{9}}",
    "taller tower": "9^{9^{9^{9}}}",
    "tower of factorials": "(((9!)!)!)!",
    "million digits": "9" * 10**6,
    "huge exponent": "1e999999999",
    "ten thousand brackets": "(" * 10_000 + "7" + ")" * 10_000,
    "nested fractions": r"\frac{1}{1+" * 300 + "7" + "}" * 300,
    "nested roots": r"\sqrt{1+" * 300 + "7" + "}" * 300,
    "product of sums": "".join(f"(x_{{{k}}}+1)" for k in range(40)),
    "large power of a sum": "(a+b+c+d+e_1+1)^{60}",
    "five thousand items": ",".join(map(str, range(5000))),
    "many radicals": "+".join(rf"\sqrt{{{k}}}" for k in range(2, 200)),
    "sum to 10^10": r"\sum_{k=1}^{10^{10}} \sin(k)",
    "hard integral": r"\int_0^1 x^{x^{x^{x}}} dx",
    "product to 10^7": r"\prod_{k=1}^{10^{7}} (x+k)",
    "binomial": r"\binom{10^{9}}{5 \cdot 10^{8}}",
    "three hundred boxes": r"\boxed{" * 300 + "7" + "}" * 300,
    "megabyte of boxes": r"\boxed{7} or " * 80_000,
}


@case(GROUP, "hostile")
def hostile(ctx: Context) -> Iterator[Row]:
    """Time and memory for hostile answers in the main thread, in a worker thread, and under somebody else's alarm."""
    verifier = MathVerifier()
    number, left_open = Problem("q", 7), Problem("q", r"\sum_{k=1}^{7} 1")
    if not verifier.compare(gold="1", answer=r"\sin^2 x + \cos^2 x").correct:  # the imports are not part of any answer
        raise RuntimeError("the worker does not work")
    for name, text in HOSTILE.items():
        response = text if text.startswith(r"\boxed{7} or") else rf"\boxed{{{text}}}"
        # A sum as the answer reaches the worker only where the gold answer is one too.
        problem = left_open if re.search(r"\\(?:sum|int|prod)", text) else number
        row: Row = {"input": name}
        for where, run in (("main", _call), ("thread", _in_thread), ("alarm", _under_alarm)):
            start = time.perf_counter()
            verdict = run(lambda: verifier.verify(response, problem))  # noqa: B023  (called at once)
            row[f"{where}_s"] = time.perf_counter() - start
            if verdict.correct or row[f"{where}_s"] > 1.0:
                raise RuntimeError(f"{name} in {where}: {verdict.status} after {row[f'{where}_s']:.2f} s")
            row["status"] = verdict.status
        row["rss_mb"] = peak_rss(lambda: verifier.verify(response, problem)) / 2**20  # noqa: B023
        with _Watch() as watch:
            verifier.verify(response, problem)
        row["worker_rss_mb"] = watch.peak / 2**20
        row["math_verify"] = "not run" if ctx.quick else _peer_alone(response)
        yield row


def _call(judge: Callable[[], object]) -> object:
    return judge()


def _in_thread(judge: Callable[[], object]) -> object:
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(judge()))
    thread.start()
    thread.join()
    return found[0]


def _under_alarm(judge: Callable[[], object]) -> object:
    """Run under an alarm of 30 seconds, which must still be set, to the second, afterwards."""
    before = signal.signal(signal.SIGALRM, lambda *_: None)
    try:
        signal.setitimer(signal.ITIMER_REAL, 30)
        start = time.perf_counter()
        verdict = judge()
        left = signal.getitimer(signal.ITIMER_REAL)[0]
        if abs(30 - (time.perf_counter() - start) - left) > 0.05:
            raise RuntimeError(f"the outer alarm was changed: {left} s left")
        return verdict
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


class _Watch:
    """The largest resident memory of any worker process while this is entered, sampled a hundred times a second."""

    def __enter__(self) -> _Watch:
        self.peak = 0
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._sample)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()

    def _sample(self) -> None:
        while True:
            for status in Path("/proc").glob("[0-9]*/status"):
                try:
                    if b"composekit.compose.verifiers._worker" in (status.parent / "cmdline").read_bytes():
                        high = int(status.read_text().partition("VmHWM:")[2].split()[0])
                        self.peak = max(self.peak, high * 1024)
                except (OSError, IndexError, ValueError):
                    continue
            if self._stop.wait(0.01):
                return


_ALONE = r"""
import resource, sys, time
from math_verify import parse, verify
response = sys.stdin.read()
start = time.perf_counter()
try:
    verdict = verify(parse(r"\boxed{7}"), parse(response))
except BaseException as problem:
    verdict = type(problem).__name__
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(f"{verdict} after {time.perf_counter() - start:.1f} s, {peak:.0f} MB")
"""


def _peer_alone(response: str) -> str:
    """What Math-Verify does with the response in a process of its own, in 20 seconds."""
    try:
        done = subprocess.run(
            [sys.executable, "-c", _ALONE], input=response, capture_output=True, text=True, timeout=20, check=False,
            env=os.environ,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        return "still running after 20 s"
    return (
        done.stdout.strip().splitlines()[-1]
        if done.returncode == 0 and done.stdout.strip()
        else f"exit {done.returncode}"
    )


@case(GROUP, "batch")
def batch(ctx: Context) -> Iterator[Row]:
    """Throughput of verify_batch on boxed answers of both data sets, right and wrong ones."""
    from composekit.compose import verify_batch

    problems = _problems(ctx, "math500") + _problems(ctx, "gsm8k_test")
    rng = random.Random(0)
    chosen = [rng.choice(problems) for _ in range(1000 if ctx.quick else 20_000)]
    texts = [rf"So it is $\boxed{{{p.answer if k % 2 else '7919'}}}$." for k, p in enumerate(chosen)]
    one_by_one = [MathVerifier().verify(t, p) for t, p in zip(texts, chosen, strict=True)]
    for workers in (1, 2):
        if verify_batch(texts, chosen, workers=workers) != one_by_one:
            raise RuntimeError("verify_batch and verify disagree")
        measured = timed(lambda: verify_batch(texts, chosen, workers=workers), repeats=3, warmup=1)  # noqa: B023
        yield {"workers": workers, "count": len(texts), "per_second": len(texts) / measured["median_s"], **measured}
