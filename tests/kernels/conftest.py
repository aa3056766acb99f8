"""The device of the kernels under test, and the toy kernel of the harness's own tests."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from composekit_kernels.dispatch import interpreter_on


@pytest.fixture
def device() -> str:
    """Where kernels run: ``"cpu"`` in Triton's interpreter, else ``"cuda"``.

    A test of a kernel takes this fixture and both marks, ``interpret`` and ``gpu``, so that one body serves both.
    """
    return "cpu" if interpreter_on() else "cuda"


@pytest.fixture(scope="session")
def toy() -> ModuleType:
    """The module ``toy.py``, which lies beside the tests and is no package's."""
    name = "composekit_toy_kernel"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, Path(__file__).with_name("toy.py"))
        assert spec is not None
        assert spec.loader is not None
        sys.modules[name] = module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    return sys.modules[name]
