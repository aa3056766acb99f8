"""The compile harness itself, on a toy kernel: what it reads, what it refuses, what it writes."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from composekit_kernels import aot

pytestmark = pytest.mark.aot

MATRIX = {80: "mma_sync", 90: "wgmma", 100: "tcgen05", 120: "mma_sync"}


@pytest.mark.parametrize("arch", aot.ARCHS)
def test_each_chip_gets_its_own_matrix_instruction(toy, arch: int) -> None:
    row = aot.measure(toy, toy.configurations()[0], arch)
    assert row["violations"] == []
    assert row[MATRIX[arch]] > 0
    assert 16 <= row["registers"] <= 255
    assert 0 < row["shared_bytes"] <= row["shared_limit"]
    assert row["spill_bytes"] == 0


def test_a_missing_instruction_is_a_violation(toy) -> None:
    row = aot.measure(toy, toy.configurations()[1], 90)
    assert row["violations"] == ["has no wgmma instruction"]  # 16 rows are too few for a warp group


def test_a_spill_is_a_violation_unless_it_is_allowed(toy) -> None:
    crowded = toy.configurations()[2]
    row = aot.measure(toy, crowded, 80)
    assert row["spill_bytes"] > 0  # 128 x 128 accumulators in two warps
    assert row["violations"] == [f"spills {row['spill_bytes']} bytes"]
    assert aot.violations(dataclasses.replace(crowded, may_spill=True), 80, row) == []


def test_too_much_shared_memory_is_a_violation(toy) -> None:
    row = {"spill_bytes": 0, "shared_bytes": 120_000}
    found = [aot.violations(aot.Configuration("k", "n", {}), arch, row) for arch in (90, 120)]
    assert found == [[], ["wants 120000 bytes of shared memory where 101376 is the limit"]]


def test_an_incomplete_configuration_is_named(toy) -> None:
    with pytest.raises(
        ValueError, match=r"toy_product\[incomplete\].*missing \['BLOCK', 'b', 'out', .*unknown \['TILE'\]"
    ):
        aot.compile_kernel(toy, aot.Configuration("toy_product", "incomplete", {"a": "*bf16"}, {"TILE": 1}), 90)


def row(kernel: str, triton: str = "1", registers: int = 1) -> aot.Row:
    return {"kernel": kernel, "registers": registers, "packages": {"triton": triton}}


def test_rows_of_other_kernels_and_other_tritons_are_kept(tmp_path: Path) -> None:
    path = tmp_path / "aot.jsonl"
    aot.store(path, [row("a"), row("b")], whole=True)
    aot.store(path, [row("a", triton="2")], whole=True)
    aot.store(path, [row("a", registers=7)], whole=False)
    stored = [json.loads(line) for line in path.read_text().splitlines()]
    assert sorted((r["kernel"], r["packages"]["triton"], r["registers"]) for r in stored) == [
        ("a", "1", 7),
        ("a", "2", 1),
        ("b", "1", 1),
    ]
    aot.store(path, [row("a", registers=9)], whole=True)
    assert [r["kernel"] for r in map(json.loads, path.read_text().splitlines())] == ["a", "a"]
