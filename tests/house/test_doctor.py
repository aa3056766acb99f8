"""The report of an installation: complete, and given even where something is broken."""

from __future__ import annotations

import sys
import tomllib
from pathlib import Path

import pytest

from composekit import doctor


def test_every_extra_of_users_is_reported() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert set(doctor._EXTRAS) == set(project["optional-dependencies"]) - {"docs", "test", "dev"}
    for name in doctor._EXTRAS:
        assert any(line.split()[:1] == [name] for line in doctor.report())


def test_a_broken_torch_is_reported_and_no_crash(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    device = next(line for line in doctor.report() if line.startswith("device"))
    assert "torch cannot be imported" in device
