"""What the compiled kernels of linear attention compute their addresses in."""

from __future__ import annotations

import re
from importlib import import_module

import pytest

from composekit_kernels import aot
from composekit_kernels.dispatch import interpreter_on

pytestmark = pytest.mark.aot

MODULES = [f"composekit_kernels.triton.lightning_{name}" for name in ("segments", "forward", "backward", "decode")]
TABLE = [] if interpreter_on() else [(m, c) for m, c in aot.configurations(MODULES) if c.quick]


@pytest.mark.parametrize(("module", "configuration"), [pytest.param(m, c, id=c.kernel) for m, c in TABLE])
def test_products_with_strides_are_int64(module, configuration) -> None:
    """A tensor of more than 2^31 elements must be reached: no stride is multiplied before it is widened."""
    ttir = aot.compile_kernel(import_module(module), configuration, 90).asm["ttir"]
    strides = [name for name in configuration.signature if name[-2:] in ("_b", "_t", "_h")]
    if strides:
        wide = re.findall(r"arith\.extsi %(\w+)(?: loc\S*)? : i32 to i64", ttir)
        assert set(strides) <= set(wide)
    for line in ttir.splitlines():
        if "arith.muli" in line and re.search(r": (tensor<[^>]*)?i32", line):
            used = set(re.findall(r"%(\w+)", line))
            assert not used & set(strides), line


def test_the_length_specialises_nothing() -> None:
    """Other lengths must not compile again."""
    if interpreter_on():
        pytest.skip("an interpreted kernel has no specialisation")
    for module, configuration in TABLE:
        kernel = getattr(import_module(module), configuration.kernel)
        for parameter in kernel.params:
            if parameter.name in ("T", "N", "per_sequence", "length", "slots"):
                assert parameter.do_not_specialize, (configuration.kernel, parameter.name)
