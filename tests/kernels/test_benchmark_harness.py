"""The benchmark harness: gates close, ceilings are measured, GPU cases run dry on the CPU."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
import torch

from benchmarks.harness import CASES, Context, against_ceilings, gate, timed
from benchmarks.run import load_cases

ROOT = Path(__file__).resolve().parents[2]


def test_the_gate_lets_pass_what_is_close_and_says_how_close() -> None:
    exact = torch.tensor([3.0, 4.0], dtype=torch.float64)
    assert gate("ours", torch.tensor([3.0, 4.05]), exact, 0.02) == pytest.approx(0.01, rel=1e-4)


@pytest.mark.parametrize(
    ("actual", "reason"),
    [
        (torch.tensor([3.0, 4.2]), "relative error 0.04 exceeds 0.02"),
        (torch.tensor([3.0, float("nan")]), "relative error nan"),
        (torch.tensor([[3.0, 4.0]]), "shape"),
        (torch.zeros(2), "relative error 1 "),
    ],
    ids=["far", "nan", "shape", "zeros"],
)
def test_the_gate_closes(actual: torch.Tensor, reason: str) -> None:
    with pytest.raises(AssertionError, match=reason):
        gate("rival", actual, torch.tensor([3.0, 4.0]), 0.02)


def test_timing_leaves_the_warm_up_out_and_orders_its_quantiles() -> None:
    calls = []
    row = timed(lambda: calls.append(1), repeats=5, warmup=3)
    assert len(calls) == 8
    assert 0 <= row["p20_s"] <= row["median_s"] <= row["p80_s"]


def test_the_floor_is_the_slower_of_products_and_traffic() -> None:
    row = against_ceilings(2.0, flops=100.0, moved=10.0, matmul=100.0, bandwidth=20.0)
    assert (row["floor_s"], row["times_floor"], row["flops_per_s"], row["bytes_per_s"]) == (1.0, 2.0, 50.0, 5.0)
    assert against_ceilings(2.0, flops=1.0, moved=30.0, matmul=100.0, bandwidth=20.0)["floor_s"] == 1.5


def test_a_dry_run_never_uses_the_gpu() -> None:
    assert Context(dry_run=True).device == "cpu"


@pytest.mark.slow
def test_every_gpu_case_runs_dry() -> None:
    load_cases()
    names = [key for key, case in CASES.items() if case.gpu]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.run", "--dry-run"],
        cwd=ROOT, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    for name in names:
        assert f"{name}\n" in done.stdout
    assert "0 rows" not in done.stdout
