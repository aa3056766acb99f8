"""Candidates that are after a particular test: they use how a check is written, or how output is compared."""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import NamedTuple

import pytest

from composekit.compose import CodeVerifier, Problem, Verdict

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="candidates are forked, which this system cannot do")

TIERS = [tier for tier, why in CodeVerifier().tiers().items() if not why] if hasattr(os, "fork") else []


def read(name: str) -> dict[str, list[str]]:
    """The candidates of a file by name: what stands beside the name, then the source."""
    parts = (Path(__file__).parent / "candidates" / f"{name}.txt").read_text().split("\n=== ")[1:]
    found = {}
    for head, _, source in (part.partition("\n") for part in parts):
        title, *fields = (field.strip() for field in head.split("|"))
        found[title] = [*fields, source]
    return found


PROGRAMS = read("programs")
HONEST_PROGRAMS = read("honest_programs")


def value(n: int) -> int:
    return n * 1000003 + 17


class Check(NamedTuple):
    statuses: tuple[str, ...]
    candidate: str
    source: str
    honest: str


def checks() -> dict[str, Check]:
    """The candidates against checks by name."""
    found = {}
    for name, (statuses, text) in read("checks").items():
        candidate, _, rest = text.partition("--- check\n")
        source, marked, honest = rest.partition("--- honest\n")
        found[name] = Check(tuple(statuses.split()), candidate, source, honest if marked else HONEST)
    return found


HONEST = "def f(n):\n    return n * 1000003 + 17\n"
CHECKS = checks()


def checked(candidate: str, check: str, timeout: float = 5) -> Verdict:
    problem = Problem("Write f.", "", verifier="code", tests=check, entry_point="f")
    return CodeVerifier(isolation=TIERS[-1], timeout=timeout).verify(f"```python\n{candidate}```", problem)


@pytest.mark.parametrize("name", CHECKS)
def test_a_check_is_not_talked_into_passing(name: str) -> None:
    start = time.monotonic()
    patience = 0.7 if "timeout" in CHECKS[name].statuses else 5  # a busy machine may be slow
    verdict = checked(CHECKS[name].candidate, CHECKS[name].source, patience)
    assert verdict.status in CHECKS[name].statuses, verdict
    assert verdict.score == 0.0
    assert time.monotonic() - start < 15


@pytest.mark.parametrize("name", [name for name, check in CHECKS.items() if check.honest])
def test_the_same_check_passes_an_honest_candidate(name: str) -> None:
    verdict = checked(CHECKS[name].honest, CHECKS[name].source)
    assert verdict.correct, verdict


@pytest.mark.parametrize("name", PROGRAMS)
def test_output_is_not_talked_into_being_right(name: str) -> None:
    statuses, first, source = PROGRAMS[name]
    tests = tuple({"stdin": f"{n}\n", "stdout": f"{value(n)}\n"} for n in (int(first), 5))
    problem = Problem("Print.", "", verifier="code", tests=tests)
    verdict = CodeVerifier(isolation=TIERS[-1], timeout=2).verify(f"```python\n{source}\n```", problem)
    assert verdict.status in statuses.split(), verdict
    assert verdict.score == 0.0


@pytest.mark.parametrize("name", HONEST_PROGRAMS)
def test_honest_programs_pass(name: str) -> None:
    (source,) = HONEST_PROGRAMS[name]
    tests = tuple({"stdin": f"{n}\n", "stdout": f"{value(n)}\n"} for n in (3, 5))
    problem = Problem("Print.", "", verifier="code", tests=tests)
    for tier in TIERS:
        verdict = CodeVerifier(isolation=tier).verify(f"```python\n{source}\n```", problem)
        assert verdict.correct, verdict
