"""What every benchmark shares: the list of cases, timing, peak memory and the provenance of a row."""

from __future__ import annotations

import ctypes
import gc
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

Row = dict[str, Any]

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"

_PACKAGES = ("numpy", "torch", "triton", "math-verify", "transformers", "liger-kernel", "flash-linear-attention")


@dataclass(frozen=True)
class Context:
    """What a case may look at: where the real problems are, and how much to do.

    ``quick`` asks for the smallest run that still exercises everything; ``dry_run`` for the GPU cases with tiny shapes on
    the CPU, to prove that the code runs end to end, and writes no rows.
    """

    quick: bool = False
    dry_run: bool = False

    @property
    def device(self) -> str:
        """``"cuda"`` where there is a GPU (and this is no dry run), else ``"cpu"``."""
        if self.dry_run:
            return "cpu"
        import torch

        return "cuda" if torch.cuda.is_available() else "cpu"

    def data(self, name: str) -> Path:
        """The path of a file of real problems; COMPOSEKIT_DATA names the folder."""
        where = os.environ.get("COMPOSEKIT_DATA")
        if not where or not (Path(where) / name).is_file():
            raise FileNotFoundError(f"benchmarks: COMPOSEKIT_DATA must name a folder with {name}; got {where!r}")
        return Path(where) / name


@dataclass(frozen=True)
class Case:
    """One benchmark: ``run(context)`` checks that the rivals agree, then yields rows."""

    group: str
    name: str
    run: Callable[[Context], Iterable[Row]]
    gpu: bool = False


CASES: dict[str, Case] = {}


def case(group: str, name: str, *, gpu: bool = False) -> Callable[[Callable[[Context], Iterable[Row]]], Callable]:
    """Register a benchmark under ``group/name``; ``gpu`` cases run only where there is a GPU, or dry."""

    def register(run: Callable[[Context], Iterable[Row]]) -> Callable[[Context], Iterable[Row]]:
        key = f"{group}/{name}"
        if key in CASES:
            raise ValueError(f"benchmarks: case names must be unique; got {key} twice. Rename one of them.")
        CASES[key] = Case(group, name, run, gpu)
        return run

    return register


def timed(fn: Callable[[], Any], *, repeats: int = 7, warmup: int = 2) -> Row:
    """Median, 20th and 80th percentile of the seconds that one call takes, after warm-up calls that do not count.

    Where torch has a GPU in use, events on the device measure, and its cache is flushed before every call.
    """
    for _ in range(warmup):
        fn()
    once = _once_on_gpu if _gpu_in_use() else _once
    seconds = sorted(once(fn) for _ in range(repeats))
    if repeats == 1:
        low = high = seconds[0]
    else:
        cuts = statistics.quantiles(seconds, n=5, method="inclusive")
        low, high = cuts[0], cuts[-1]
    return {"median_s": statistics.median(seconds), "p20_s": low, "p80_s": high, "repeats": repeats}


def _gpu_in_use() -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and torch.cuda.is_initialized()


def _once(fn: Callable[[], Any]) -> float:
    start = time.perf_counter()
    fn()
    return time.perf_counter() - start


def _once_on_gpu(fn: Callable[[], Any]) -> float:
    import torch

    torch.empty(256 * 2**20, dtype=torch.int8, device="cuda").zero_()  # larger than any cache so far
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    torch.cuda.synchronize()
    start.record()
    fn()
    end.record()
    torch.cuda.synchronize()
    return start.elapsed_time(end) / 1e3


def peak_memory(fn: Callable[[], Any]) -> int:
    """Bytes above what was allocated before, at the peak, during ``fn()``: of the GPU in use, else of this process."""
    if not _gpu_in_use():
        return peak_rss(fn)
    import torch

    gc.collect()
    torch.cuda.synchronize()
    before = torch.cuda.memory_allocated()
    torch.cuda.reset_peak_memory_stats()
    fn()
    torch.cuda.synchronize()
    return torch.cuda.max_memory_allocated() - before


def gate(name: str, actual: Any, exact: Any, limit: float) -> float:
    """The relative error |actual - exact| / |exact| (2-norms, in float64), which must not pass ``limit``.

    Call it before anything is timed: a rival that computes something else is no rival.

    Raises:
        AssertionError: the shapes differ, something is not finite, or the error is too large.
    """
    if actual.shape != exact.shape:
        raise AssertionError(f"{name}: shape {tuple(actual.shape)} differs from {tuple(exact.shape)}")
    exact = exact.detach().double()
    error = float((actual.detach().double() - exact).norm() / exact.norm().clamp_min(1e-300))
    if not error <= limit:
        raise AssertionError(f"{name}: relative error {error:.3g} exceeds {limit:.3g}")
    return error


def against_ceilings(seconds: float, *, flops: float, moved: float, matmul: float, bandwidth: float) -> Row:
    """What a kernel that must do ``flops`` and move ``moved`` bytes reaches of what this machine can do.

    ``floor_s`` is the time that the machine's own measured ceilings (``benchmarks._ceilings``) allow.
    """
    floor = max(flops / matmul, moved / bandwidth)
    return {
        "flops": flops, "moved_bytes": moved, "floor_s": floor, "times_floor": seconds / floor,
        "flops_per_s": flops / seconds, "bytes_per_s": moved / seconds,
    }  # fmt: skip


def peak_rss(fn: Callable[[], Any]) -> int:
    """Bytes by which the resident memory of this process rose above its level at the start, at the peak, during ``fn()``.

    Linux only: the kernel's own high-water mark is reset and read, so nothing between two samples is missed. Call it in a
    process of its own where earlier allocations could hide the peak.
    """
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    before = _status("VmRSS")
    fn()
    return _status("VmHWM") - before


def _status(field: str) -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise RuntimeError(f"benchmarks: /proc/self/status has no {field}")


def provenance(command: str) -> Row:
    """Where, with what and how a row was measured."""
    packages = {}
    for package in _PACKAGES:
        try:
            packages[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "device": _device_name(),
        **_gpu_facts(),
        "python": platform.python_version(),
        "packages": packages,
        "commit": _commit(),
        "command": command,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def _device_name() -> str:
    import torch

    if torch.cuda.is_available():
        return torch.cuda.get_device_name()
    cpu = platform.processor() or platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []:
        if line.startswith("model name"):
            cpu = line.partition(":")[2].strip()
            break
    return f"{cpu}, {os.cpu_count()} cores"


def _gpu_facts() -> Row:
    """Compute capability, CUDA and driver version where there is a GPU."""
    import torch

    if not torch.cuda.is_available():
        return {}
    major, minor = torch.cuda.get_device_capability()
    done = None
    if shutil.which("nvidia-smi"):
        query = ["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"]
        done = subprocess.run(query, capture_output=True, text=True, check=False)
    driver = done.stdout.split()[0] if done is not None and done.stdout.split() else "unknown"
    return {"arch": 10 * major + minor, "cuda": torch.version.cuda, "driver": driver}


def _commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"
