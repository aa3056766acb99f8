"""What is installed, and which kernels will run here and why: ``python -m composekit.doctor``.

Paste its output into a bug report.
"""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from importlib.metadata import PackageNotFoundError, version

from composekit import __version__
from composekit_kernels import IMPLS, KERNELS
from composekit_kernels.aot import ARCHS
from composekit_kernels.dispatch import Call, explain

_CORE = ("numpy", "torch", "einops", "triton")
_CHIPS = [f"sm_{arch}" for arch in ARCHS]
_EXTRAS = {
    "math": ("math-verify",),
    "data": ("datasets", "pyarrow"),
    "plot": ("matplotlib",),
    "progress": ("tqdm",),
    "hf": ("transformers", "safetensors", "accelerate"),
    "trl": ("trl",),
    "verl": ("verl",),
    "diffusers": ("diffusers",),
    "peers": ("reasoning-gym", "verifiers", "liger-kernel"),
}


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _device() -> tuple[str, str, int]:
    """The device that kernels would see: its kind, its name and its compute capability (0 off CUDA)."""
    if _version("torch") is None:
        return "cpu", "torch is not installed", 0
    try:
        import torch
    except Exception as error:  # a broken installation is what this report is for
        return "cpu", f"torch cannot be imported: {error!r}", 0
    if torch.cuda.is_available():
        if torch.version.hip:
            return "rocm", torch.cuda.get_device_name(), 0
        major, minor = torch.cuda.get_device_capability()
        return "cuda", torch.cuda.get_device_name(), 10 * major + minor
    if torch.backends.mps.is_available():
        return "mps", platform.processor(), 0
    return "cpu", f"{torch.get_num_threads()} threads", 0


def report() -> Iterator[str]:
    """The lines of the report.

    Example:
        >>> next(report()).startswith("composekit ")
        True
    """
    yield f"composekit {__version__}"
    yield f"python     {platform.python_version()} ({sys.executable}) on {platform.platform()}"
    yield ""
    yield "core packages"
    for package in _CORE:
        yield f"  {package:14} {_version(package) or 'not installed'}"
    yield "extras"
    for extra, packages in _EXTRAS.items():
        found = ", ".join(f"{p} {_version(p) or 'missing'}" for p in packages)
        repair = "" if all(_version(p) for p in packages) else f"   (pip install 'composekit[{extra}]')"
        yield f"  {extra:14} {found}{repair}"
    device, name, arch = _device()
    yield ""
    yield f"device         {device}: {name}" + (f", sm_{arch}" if arch else "")
    yield f"interpreter    TRITON_INTERPRET={os.environ.get('TRITON_INTERPRET', 'unset')}"
    yield f"bubblewrap     {shutil.which('bwrap') or 'not found (code is judged in the next best sandbox)'}"
    yield "kernels (auto takes the first that can run, else a portable path)"
    dtype = "bfloat16" if device == "cuda" else "float32"
    for op in IMPLS:
        for impl, reason in explain(op, Call(device=device, dtype=dtype, arch=arch)).items():
            yield f"  {op:24} {impl:8} {reason}"
    if not IMPLS:
        yield "  none yet: every operation runs on its portable path"
    yield f"kernel files   {len(KERNELS)} (python -m composekit_kernels.aot compiles them for {', '.join(_CHIPS)})"


def main() -> int:
    """Print the report."""
    for line in report():
        print(line)
    return 0


if __name__ == "__main__":
    sys.exit(main())
