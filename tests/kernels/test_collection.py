"""Which tests run in which process: the four runs of the Makefile never touch one another's kernels."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PROBE = """
import pytest

@pytest.mark.interpret
def test_interpret(): pass

@pytest.mark.gpu
def test_gpu(): pass

@pytest.mark.interpret
@pytest.mark.gpu
def test_both(): pass

@pytest.mark.aot
def test_aot(): pass

def test_plain(): pass
"""


def outcomes(tmp_path: Path, *select: str, interpret: str = "") -> set[str]:
    """The probe's tests that pass under the project's own conftest and options."""
    (tmp_path / "test_probe.py").write_text(PROBE)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-c", str(ROOT / "pyproject.toml"), "--confcutdir", str(tmp_path),
         "-p", "tests.conftest", "-p", "no:cacheprovider", "-rA", str(tmp_path / "test_probe.py"), *select],
        cwd=ROOT, env={**os.environ, "TRITON_INTERPRET": interpret, "CUDA_VISIBLE_DEVICES": ""},
        capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return {line.rpartition("::")[2] for line in done.stdout.splitlines() if line.startswith("PASSED")}


@pytest.mark.parametrize(
    ("select", "interpret", "expected"),
    [
        ((), "", {"test_plain"}),
        (("-m", "interpret"), "1", {"test_interpret", "test_both"}),
        (("-m", "aot"), "1", set()),
        (("-m", "gpu or aot"), "", {"test_aot"}),
    ],
)
def test_each_run_passes_its_own_tests_and_skips_the_others(
    tmp_path: Path, select: tuple[str, ...], interpret: str, expected: set[str]
) -> None:
    assert outcomes(tmp_path, *select, interpret=interpret) == expected
