"""Every kernel of the table compiles with no GPU and keeps its own rules; the whole grid is ``make aot``."""

from __future__ import annotations

import pytest

import composekit_kernels
from composekit_kernels import aot
from composekit_kernels.dispatch import interpreter_on

pytestmark = pytest.mark.aot

# Kernel modules are imported only where this file's tests can run: elsewhere Triton may be absent, or interpret.
TABLE = [] if interpreter_on() else list(aot.configurations())
QUICK = [pytest.param(module, c, id=c.key) for module, c in TABLE if c.quick]


@pytest.mark.parametrize(("module", "configuration"), QUICK)
def test_quick_configuration_compiles_for_sm_90_within_its_rules(module: str, configuration: aot.Configuration) -> None:
    assert aot.measure(module, configuration, 90)["violations"] == []


def test_every_kernel_has_one_quick_configuration_and_unique_names() -> None:
    kernels = {(module, c.kernel) for module, c in TABLE}
    assert sorted((module, c.kernel) for module, c in TABLE if c.quick) == sorted(kernels)
    keys = [(module, c.key) for module, c in TABLE]
    assert len(keys) == len(set(keys))
    assert {module for module, _ in kernels} == set(composekit_kernels.KERNELS)
