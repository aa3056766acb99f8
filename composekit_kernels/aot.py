"""Compile every kernel ahead of time, with no GPU, and read what it needs: ``python -m composekit_kernels.aot``.

Triton brings the assembler, so a cubin can be made for any chip on any machine. From the cubin ``cuobjdump`` (which Triton
brings, too) reads registers and spilled bytes; the compiler's metadata hold the shared memory; the PTX shows which matrix
instructions the chip will run. A configuration that breaks its own rules makes the command fail.

Rows go to ``benchmarks/results/aot.jsonl``, in place of the earlier rows of the same kernels.
"""

# ruff: noqa: T201

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

ARCHS = (80, 90, 100, 120)
# Bytes of shared memory that a block may use, as CUDA's programming guide lists them.
SHARED_LIMIT = {80: 166_912, 90: 232_448, 100: 232_448, 120: 101_376}
INSTRUCTIONS = {
    "mma_sync": r"\bmma\.sync",
    "wgmma": r"\bwgmma\.mma_async",
    "tcgen05": r"\btcgen05\.mma",
    "cp_async": r"\bcp\.async\.c[ag]\b",
    "tma": r"\bcp\.async\.bulk",
}

Row = dict[str, Any]


@dataclass(frozen=True)
class Configuration:
    """One specialisation of one kernel: what the compiler must know, and what has to come out.

    Attributes:
        kernel: The name of the kernel in its module.
        name: What tells this configuration from the others of the kernel, such as ``"bf16 D=64"``.
        signature: Argument -> type (``"*bf16"``, ``"i32"``, ``"i64"``, ``"fp32"``), without the constexprs.
        constants: Constexpr -> value.
        num_warps: As at the launch.
        num_stages: As at the launch.
        divisible: Integer arguments that are multiples of 16. Pointers always are, as torch's allocations are.
        archs: The chips that it is compiled for.
        instructions: Chip -> keys of :data:`INSTRUCTIONS` that must occur, such as ``{90: ("wgmma",)}``.
        may_spill: Registers may spill; the row reports how much.
        quick: The one configuration that ``make test`` compiles, for sm_90.
    """

    kernel: str
    name: str
    signature: Mapping[str, str]
    constants: Mapping[str, Any] = field(default_factory=dict)
    num_warps: int = 4
    num_stages: int = 3
    divisible: tuple[str, ...] = ()
    archs: tuple[int, ...] = ARCHS
    instructions: Mapping[int, tuple[str, ...]] = field(default_factory=dict)
    may_spill: bool = False
    quick: bool = False

    @property
    def key(self) -> str:
        """``kernel[name]``, unique among all configurations."""
        return f"{self.kernel}[{self.name}]"


def configurations(modules: Iterable[str] | None = None) -> Iterator[tuple[str, Configuration]]:
    """Every configuration with the module of its kernel, in the order of ``composekit_kernels.KERNELS``."""
    if modules is None:
        from composekit_kernels import KERNELS

        modules = KERNELS
    for module in modules:
        for configuration in import_module(module).configurations():
            yield module, configuration


def compile_kernel(module: Any, configuration: Configuration, arch: int) -> Any:
    """The compiled kernel: ``.asm["ptx"]``, ``.asm["cubin"]``, ``.metadata``. ``module`` is the module or its name."""
    import triton
    from triton.backends.compiler import GPUTarget
    from triton.compiler import ASTSource

    kernel = getattr(import_module(module) if isinstance(module, str) else module, configuration.kernel)
    while not hasattr(kernel, "arg_names") or not hasattr(kernel, "cache_key"):
        if not hasattr(kernel, "fn"):
            raise TypeError(
                f"aot: {configuration.key} must name a Triton kernel that is compiled; got {type(kernel).__name__}. "
                "Unset TRITON_INTERPRET: an interpreted kernel cannot be compiled."
            )
        kernel = kernel.fn  # autotuners and heuristics wrap the kernel
    given, wanted = {*configuration.signature, *configuration.constants}, set(kernel.arg_names)
    if given != wanted:
        raise ValueError(
            f"aot: {configuration.key} must give every argument of the kernel once; got missing {sorted(wanted - given)} "
            f"and unknown {sorted(given - wanted)}. Repair configurations()."
        )
    signature = {name: configuration.signature.get(name, "constexpr") for name in kernel.arg_names}
    aligned = [n for n, kind in signature.items() if kind.startswith("*") or n in configuration.divisible]
    source = ASTSource(
        fn=kernel,
        signature=signature,
        constexprs=dict(configuration.constants),
        attrs={(kernel.arg_names.index(name),): [["tt.divisibility", 16]] for name in aligned},
    )
    options = {
        "num_warps": configuration.num_warps,
        "num_stages": configuration.num_stages,
        "enable_fp_fusion": True,
    }
    return triton.compile(source, target=GPUTarget("cuda", arch, 32), options=options)


def resources(compiled: Any) -> Row:
    """Registers, spilled and shared bytes, and how often each matrix or copy instruction occurs."""
    with tempfile.NamedTemporaryFile(suffix=".cubin") as cubin:
        cubin.write(compiled.asm["cubin"])
        cubin.flush()
        done = subprocess.run(
            [_cuobjdump(), "--dump-resource-usage", cubin.name], capture_output=True, text=True, check=True
        )
    usage = {key: int(value) for key, value in re.findall(r"\b(REG|STACK|LOCAL):(\d+)", done.stdout)}
    ptx = compiled.asm["ptx"]
    counts = {key: len(re.findall(pattern, ptx)) for key, pattern in INSTRUCTIONS.items()}
    spilled = usage["STACK"] + usage["LOCAL"]
    return {"registers": usage["REG"], "spill_bytes": spilled, "shared_bytes": compiled.metadata.shared, **counts}


def _cuobjdump() -> str:
    from triton import knobs

    bundled = knobs.nvidia.cuobjdump
    path = bundled.path if bundled is not None and Path(bundled.path).exists() else shutil.which("cuobjdump")
    if path is None:
        raise FileNotFoundError(
            "aot: cuobjdump must be at hand; got none from Triton. Put that of a CUDA toolkit on PATH."
        )
    return path


def violations(configuration: Configuration, arch: int, row: Row) -> list[str]:
    """What the compiled configuration must not do and does."""
    found = []
    if row["spill_bytes"] and not configuration.may_spill:
        found.append(f"spills {row['spill_bytes']} bytes")
    if row["shared_bytes"] > SHARED_LIMIT[arch]:
        found.append(f"wants {row['shared_bytes']} bytes of shared memory where {SHARED_LIMIT[arch]} is the limit")
    for instruction in configuration.instructions.get(arch, ()):
        if not row[instruction]:
            found.append(f"has no {instruction} instruction")
    return found


def measure(module: Any, configuration: Configuration, arch: int) -> Row:
    """One row: the configuration and what it needs on this chip."""
    facts = resources(compile_kernel(module, configuration, arch))
    return {
        "case": "resources",
        "kernel": configuration.kernel,
        "configuration": configuration.name,
        "arch": arch,
        "num_warps": configuration.num_warps,
        "num_stages": configuration.num_stages,
        **facts,
        "shared_limit": SHARED_LIMIT[arch],
        "violations": violations(configuration, arch, facts),
    }


def _origin(command: str) -> Row:
    done = subprocess.run(["git", "rev-parse", "--short", "HEAD"], capture_output=True, text=True, check=False)
    return {
        "device": "compiled ahead of time",
        "packages": {"triton": version("triton"), "torch": version("torch")},
        "commit": done.stdout.strip() or "unknown",
        "command": command,
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
    }


def store(path: Path, rows: Sequence[Row], *, whole: bool) -> None:
    """Replace the rows of the same kernels (of all kernels where ``whole``) with the same Triton, atomically."""
    fresh = {row["kernel"] for row in rows}
    triton = rows[0]["packages"]["triton"] if rows else version("triton")
    kept = []
    for line in path.read_text().splitlines() if path.exists() else []:
        old = json.loads(line)
        if old["packages"]["triton"] != triton or not (whole or old["kernel"] in fresh):
            kept.append(old)
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".tmp")
    scratch.write_text("".join(json.dumps(row, sort_keys=True) + "\n" for row in [*kept, *rows]))
    os.replace(scratch, path)


def main(argv: Sequence[str] | None = None) -> int:
    """Compile, print, store; 1 where a configuration breaks its rules."""
    argv = sys.argv[1:] if argv is None else list(argv)
    parser = argparse.ArgumentParser(prog="python -m composekit_kernels.aot", description=__doc__)
    parser.add_argument("kernels", nargs="*", help="only kernels whose name contains one of these")
    parser.add_argument("--arch", type=int, action="append", choices=ARCHS, help="only these chips; stores no rows")
    parser.add_argument("--quick", action="store_true", help="only the quick configurations; stores no rows")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/aot.jsonl"), help="where the rows go")
    options = parser.parse_args(argv)
    origin = _origin(" ".join(["python -m composekit_kernels.aot", *argv]))
    rows, failed = [], 0
    for module, configuration in configurations():
        if options.kernels and not any(part in configuration.kernel for part in options.kernels):
            continue
        if options.quick and not configuration.quick:
            continue
        for arch in options.arch or configuration.archs:
            row = {**measure(module, configuration, arch), **origin}
            rows.append(row)
            failed += bool(row["violations"])
            counts = "  ".join(f"{key} {row[key]}" for key in INSTRUCTIONS if row[key])
            print(
                f"{configuration.key:60} sm_{arch:<4} {row['registers']:>3} registers  {row['spill_bytes']:>5} spilled  "
                f"{row['shared_bytes']:>7} shared  {counts}  {'; '.join(row['violations'])}",
                flush=True,
            )
    if not (options.arch or options.quick):
        store(options.out, rows, whole=not options.kernels)
    print(f"{len(rows)} compiled, {failed} break a rule")
    return 1 if failed else 0


if __name__ == "__main__":
    # Kernel modules import this module by its name; without the detour there would be two of it.
    sys.exit(import_module("composekit_kernels.aot").main())
