"""The walls between the packages, held over the syntax trees and in fresh processes."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
STDLIB = set(sys.stdlib_module_names)

# What the top level of each layer may import, beside the standard library. Imports inside functions are the extras' way in.
ALLOWED = {
    "composekit/_errors.py": set(),
    "composekit/compose": {"numpy", "composekit._errors", "composekit.compose"},
    "composekit/distill": {"torch", "einops", "numpy", "composekit", "composekit_kernels"},
    "composekit/bridge": {"torch", "einops", "numpy", "composekit", "composekit_kernels"},
    "composekit/attention": {"torch", "einops", "numpy", "composekit", "composekit_kernels"},
    "composekit/testing": {"torch", "numpy", "hypothesis", "composekit"},
    "composekit/integrations": {"torch", "numpy", "composekit"},
    "composekit_kernels": {"torch", "composekit_kernels"},
    "composekit_kernels/triton": {"torch", "triton", "composekit_kernels"},
}
FORBIDDEN = {
    "composekit/compose": {"torch", "triton"},
    "composekit/distill": {
        "composekit.bridge",
        "composekit.attention",
        "composekit.compose",
        "composekit.integrations",
    },
    "composekit/bridge": {
        "composekit.distill",
        "composekit.attention",
        "composekit.compose",
        "composekit.integrations",
    },
    "composekit/attention": {
        "composekit.distill",
        "composekit.bridge",
        "composekit.compose",
        "composekit.integrations",
    },
    "composekit_kernels": {"composekit"},
}


def sources(where: str) -> list[Path]:
    path = ROOT / where
    return [path] if path.is_file() else sorted(path.rglob("*.py"))


def imports(path: Path, *, everywhere: bool) -> set[str]:
    """The modules that a file imports: at its top level, or anywhere in it."""
    tree = ast.parse(path.read_text())
    package = ".".join(path.relative_to(ROOT).parts[:-1])
    found = set()
    inside_functions = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))
        for child in ast.walk(node)
    }
    typing_only = {
        id(child)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)
        for child in ast.walk(node)
    }
    for node in ast.walk(tree):
        if id(node) in typing_only or (id(node) in inside_functions and not everywhere):
            continue
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found.add(node.module or "" if not node.level else f"{package}.{node.module or ''}")
    return found


def within(module: str, names: set[str]) -> bool:
    return any(module == name or module.startswith(name + ".") for name in names)


@pytest.mark.parametrize("layer", ALLOWED)
def test_layer_imports_only_what_it_may(layer: str) -> None:
    nested = {other for other in ALLOWED if other != layer and other.startswith(layer + "/")}
    for path in sources(layer):
        if any(path.is_relative_to(ROOT / other) for other in nested):
            continue
        for module in imports(path, everywhere=False):
            if module.partition(".")[0] not in STDLIB:
                assert within(module, ALLOWED[layer]), f"{path.relative_to(ROOT)} imports {module}"


@pytest.mark.parametrize("layer", FORBIDDEN)
def test_layer_never_imports_what_it_must_not(layer: str) -> None:
    for path in sources(layer):
        for module in imports(path, everywhere=True):
            assert not within(module, FORBIDDEN[layer]), f"{path.relative_to(ROOT)} imports {module}"


def test_only_the_triton_folder_imports_triton() -> None:
    for path in [*sources("composekit"), *sources("composekit_kernels")]:
        if path.is_relative_to(ROOT / "composekit_kernels" / "triton"):
            continue
        assert not within("triton", imports(path, everywhere=False)), path


def fresh(code: str) -> str:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


FORBID = (
    "import sys\n"
    "class Wall:\n"
    "    def find_spec(self, name, path=None, target=None):\n"
    "        if name.split('.')[0] in {names}: raise ImportError('forbidden: ' + name)\n"
    "sys.meta_path.insert(0, Wall())\n"
)


def test_compose_works_where_torch_is_forbidden() -> None:
    wall = FORBID.format(names={"torch", "triton", "einops"})
    out = fresh(
        wall + "from composekit.compose import Problem, chain, verify\n"
        "a = Problem('What is 6 times 7?', '42')\n"
        "b = Problem('Tom has 15 marbles and loses 4. How many are left?', '11')\n"
        "c = chain(a, b); print(verify('\\\\boxed{11}', c).status)"
    )
    assert out == "correct"


def test_every_name_of_compose_loads_where_torch_is_forbidden() -> None:
    wall = FORBID.format(names={"torch", "triton", "einops"})
    fresh(wall + "import composekit.compose as c\nfor name in c.__all__: getattr(c, name)")


def test_portable_paths_import_where_triton_is_forbidden() -> None:
    wall = FORBID.format(names={"triton"})
    fresh(
        wall + "import composekit, composekit_kernels, composekit.testing\n"
        "for part in ('distill', 'bridge', 'attention'):\n"
        "    package = getattr(composekit, part)\n"
        "    for name in getattr(package, '__all__', ()): getattr(package, name)"
    )


def test_import_composekit_is_light_and_fast() -> None:
    loaded = fresh(
        "import sys, composekit; print(sorted({m.split('.')[0] for m in sys.modules} & {'torch', 'triton', 'numpy'}))"
    )
    assert loaded == "[]"
    code = "import time; s = time.perf_counter(); import composekit; print(time.perf_counter() - s)"
    assert min(float(fresh(code)) for _ in range(3)) < 0.1


def test_import_has_no_side_effects_on_numerics_or_logging() -> None:
    fresh(
        "import logging, torch\n"
        "before = (torch.get_default_dtype(), torch.initial_seed(), list(logging.root.handlers))\n"
        "import composekit, composekit.compose, composekit.testing\n"
        "import composekit.distill, composekit.bridge, composekit.attention\n"
        "assert before == (torch.get_default_dtype(), torch.initial_seed(), list(logging.root.handlers))"
    )
