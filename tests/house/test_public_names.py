"""Every public name exists, is documented, and shows an example that runs."""

from __future__ import annotations

import inspect
from importlib import import_module
from types import ModuleType

import pytest

# A package joins when its first name is public.
PACKAGES = [
    "composekit.attention",
    "composekit.bridge",
    "composekit.compose",
    "composekit.distill",
    "composekit.testing",
]

NAMES = [(package, name) for package in PACKAGES for name in import_module(package).__all__]


@pytest.mark.parametrize(("package", "name"), NAMES, ids=lambda x: x)
def test_public_name_has_a_docstring_with_an_example(package: str, name: str) -> None:
    value = getattr(import_module(package), name)
    doc = inspect.getdoc(value)
    assert doc, f"{package}.{name} has no docstring"
    if isinstance(value, ModuleType):
        return
    shown = doc + "".join(inspect.getdoc(m) or "" for _, m in inspect.getmembers(value, inspect.isfunction))
    assert ">>>" in shown, f"{package}.{name} shows no example"


@pytest.mark.parametrize("package", PACKAGES)
def test_dir_lists_the_public_names(package: str) -> None:
    module = import_module(package)
    assert set(module.__all__) <= set(dir(module))
    with pytest.raises(AttributeError, match="no_such_name"):
        module.no_such_name  # noqa: B018


@pytest.mark.parametrize(("package", "name"), NAMES, ids=lambda x: x)
def test_public_functions_take_no_keyword_catch_all(package: str, name: str) -> None:
    value = getattr(import_module(package), name)
    if not inspect.isfunction(value):
        return
    kinds = [p.kind for p in inspect.signature(value).parameters.values()]
    assert inspect.Parameter.VAR_KEYWORD not in kinds
