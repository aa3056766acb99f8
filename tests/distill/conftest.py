"""Blocks and chunks so small that every test crosses several of them, and the paths that each identity is held over."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path as File

import pytest
import torch
from torch import Tensor

from .paths import LOCAL, TRITON, Path, Remote, as_head, over_ranks, small_blocks

__all__ = ["as_head"]
ROOT = File(__file__).resolve().parents[2]


@pytest.fixture(autouse=True)
def _several_blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "whole_blocks" not in request.fixturenames:
        small_blocks(monkeypatch.setattr)


@pytest.fixture
def whole_blocks() -> None:
    """Ask for the sizes of blocks and chunks that users get."""


@pytest.fixture(scope="session")
def ranks(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, str]]:
    """What two and three ranks found, in one session of three processes: path -> check -> problem."""
    folder = tmp_path_factory.mktemp("ranks")
    command = [sys.executable, "-m", "tests.distill.vocab_ranks", str(folder)]
    env = {**os.environ, "OMP_NUM_THREADS": "1", "TRITON_INTERPRET": "0"}
    workers = [subprocess.Popen([*command, str(rank)], cwd=ROOT, env=env) for rank in range(3)]
    try:
        for worker in workers:
            worker.wait(timeout=240)
    finally:
        for worker in workers:
            worker.kill()
            worker.wait()
    found: dict[str, dict[str, str]] = {}
    for file in sorted(folder.glob("*.json")):
        for name, checks in json.loads(file.read_text()).items():
            for check, problem in checks.items():
                found.setdefault(name, {})[check] = found.get(name, {}).get(check, "") or problem
    return found


REMOTE = [path.name for count in (2, 3) for path in over_ranks(None, count)]
PATHS = [*LOCAL, *(pytest.param(path, marks=pytest.mark.interpret) for path in TRITON), *REMOTE]


@pytest.fixture(params=PATHS, ids=lambda path: getattr(path, "name", path))
def path(request: pytest.FixtureRequest) -> Iterator[Path | Remote]:
    """One of the ways to compute the loss."""
    if isinstance(request.param, str):
        found = request.getfixturevalue("ranks")
        yield Remote(request.param, found.get(request.param, {}))
        return
    with pytest.MonkeyPatch.context() as patch:
        if request.param.impl == "triton":
            from composekit_kernels.triton import distill_rows

            patch.setattr(distill_rows, "BLOCK", 16)
        yield request.param


def models(*shape: int, count: int = 3, scale: float = 2.0, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """Logits of student, teacher and reference (and more), the student's with gradient."""
    made = [torch.randn(shape, dtype=dtype) * scale for _ in range(count)]
    made[0].requires_grad_()
    return made


@pytest.fixture
def triple() -> list[Tensor]:
    """Student, teacher, reference: [2, 5, 17] in float64."""
    return models(2, 5, 17)


def gradient(loss: Tensor, *inputs: Tensor, weights: Tensor | None = None) -> list[Tensor]:
    """Gradients of a weighted sum of per-token losses; the weights are fixed and uneven."""
    if weights is None:
        weights = torch.linspace(0.3, 1.7, loss.numel(), dtype=loss.dtype).view(loss.shape)
    return list(torch.autograd.grad((loss * weights).sum(), inputs, retain_graph=True))


def near(actual: Tensor, expected: Tensor, tolerance: float = 1e-9) -> None:
    """Equal shape and dtype, no NaN, and an absolute bound: for values that may be zero."""
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    assert actual.numel() == 0 or float((actual.detach() - expected.detach()).abs().max()) < tolerance
