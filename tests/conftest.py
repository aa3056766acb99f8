"""Seeds, poisoned memory, and the place of the real data."""

from __future__ import annotations

import gc
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from composekit_kernels.dispatch import interpreter_on

settings.register_profile(
    "ci", derandomize=True, deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("ci")

# Who starts the tests in the background may have SIGINT ignored, which child processes would inherit.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).resolve().parents[1]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what this process cannot run; whether Triton interprets is settled when it is imported.

    ``interpret`` needs the interpreter, ``gpu`` a device and no interpreter, a test with both marks one of the two,
    ``aot`` a process whose kernels can be compiled.
    """
    interpreted = interpreter_on()
    for item in items:
        marks = {mark.name for mark in item.iter_markers()} & {"interpret", "gpu", "aot"}
        if interpreted and "aot" in marks:
            item.add_marker(pytest.mark.skip(reason="an interpreted kernel cannot be compiled: unset TRITON_INTERPRET"))
        elif interpreted and marks == {"gpu"}:
            item.add_marker(pytest.mark.skip(reason="runs the compiled kernel: unset TRITON_INTERPRET"))
        elif not interpreted and marks == {"interpret"}:
            item.add_marker(pytest.mark.skip(reason="needs TRITON_INTERPRET=1, set before Triton is imported"))
        elif not interpreted and "gpu" in marks and not _has_cuda():
            item.add_marker(pytest.mark.skip(reason="needs a CUDA device"))


def _has_cuda() -> bool:
    import torch

    return torch.cuda.is_available()


@pytest.fixture(scope="session")
def data_dir() -> Path:
    """The folder with the real problems, from COMPOSEKIT_DATA."""
    where = os.environ.get("COMPOSEKIT_DATA")
    if not where or not Path(where).is_dir():
        pytest.skip(
            "COMPOSEKIT_DATA does not name a folder with the real problems (gsm8k_train.jsonl, math500.jsonl, ...)"
        )
    return Path(where)


@pytest.fixture(scope="session")
def in_time() -> Callable[..., Any]:
    """``in_time(seconds, call)``: what the call returns, if one of three tries takes less than so many seconds.

    CPU seconds, unless ``clock`` is another one. A busy machine or a collection of other tests' garbage slows one
    try; code that takes quadratic time is slow in each.
    """

    def run(seconds: float, call: Callable[[], Any], *, clock: Callable[[], float] = time.process_time) -> Any:
        took = []
        for _ in range(3):
            collects = gc.isenabled()
            gc.disable()
            try:
                start = clock()
                result = call()
                took.append(clock() - start)
            finally:
                if collects:
                    gc.enable()
            if took[-1] < seconds:
                return result
        raise AssertionError(f"takes {min(took):.2f} s at the best, which should be less than {seconds} s")

    return run


@pytest.fixture(autouse=True)
def _seeds_and_poison(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seed torch, and fill fresh floating-point memory with NaN so that nothing is read before it is written."""
    torch = sys.modules.get("torch")
    if torch is None or request.node.get_closest_marker("slow"):
        return
    torch.manual_seed(0)
    for name in ("empty", "empty_like"):
        original = getattr(torch, name)

        def poisoned(*args, _original=original, **kwargs):  # type: ignore[no-untyped-def]
            out = _original(*args, **kwargs)
            if out.is_floating_point() and not torch.compiler.is_compiling() and out.device.type != "meta":
                out.detach().fill_(float("nan"))
            return out

        monkeypatch.setattr(torch, name, poisoned)
