"""Slices of the vocabulary on several ranks equal the whole."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from composekit import ComposeKitError
from composekit.distill import LinearHead, vocab_parallel_gopd_loss

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("ranks", [2, pytest.param(3, marks=pytest.mark.slow)])
def test_slices_equal_the_whole(ranks: int, tmp_path: Path) -> None:
    script = Path(__file__).with_name("vocab_ranks.py")
    env = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    workers = [
        subprocess.Popen(
            [sys.executable, str(script), str(tmp_path), str(rank), str(ranks)],
            env=env,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        for rank in range(ranks)
    ]
    try:
        for worker in workers:
            out, _ = worker.communicate(timeout=240)
            assert worker.returncode == 0, out
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()


def test_it_needs_a_process_group() -> None:
    head = LinearHead(torch.randn(1, 2, 3), torch.randn(7, 3))
    with pytest.raises(ComposeKitError, match="group must belong to an initialised torch.distributed"):
        vocab_parallel_gopd_loss(head, head, head)
