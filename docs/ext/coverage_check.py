"""A Sphinx extension that warns about every public name that has no page."""

from __future__ import annotations

from importlib import import_module
from types import ModuleType
from typing import Any

from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.util import logging

log = logging.getLogger(__name__)


def undocumented(packages: list[str], documented: set[str]) -> list[str]:
    """The full names in ``__all__`` of the packages that are not among the documented ones."""
    missing = []
    for package in packages:
        module = import_module(package)
        for name in module.__all__:
            target = f"{package}.{name}"
            value = getattr(module, name)
            names = {target, value.__name__} if isinstance(value, ModuleType) else {target}
            if not names & documented:
                missing.append(target)
    return missing


def _check(app: Sphinx, env: BuildEnvironment) -> None:
    domain = env.domains["py"]
    documented = {name for name, *_ in domain.get_objects()}
    for name in undocumented(app.config.coverage_packages, documented):
        log.warning("public name %s has no documentation; add it to its page in docs/api", name)


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_config_value("coverage_packages", [], "env")
    app.connect("env-check-consistency", _check)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
