"""The code blocks of the README and of the documentation run as they stand."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [
    ROOT / "README.md",
    *sorted((ROOT / "docs" / "guide").glob("*.md")),
    *sorted((ROOT / "docs" / "concepts").glob("*.md")),
]
FENCE = re.compile(
    r"^(?P<indent> *)```(?:python|pycon|\{doctest\}|\{testcode\})[^\n]*\n(?P<body>.*?)^(?P=indent)```", re.M | re.S
)


def blocks(text: str) -> list[str]:
    """The Python code of a page, block by block. A block under the comment ``<!-- not run -->`` is left out."""
    found = []
    for match in FENCE.finditer(text):
        if not text[: match.start()].rstrip().endswith("<!-- not run -->"):
            found.append(match["body"])
    return found


RUNNER = """
import doctest, sys
space = {"__name__": "__page__"}
failures = 0
for number, block in enumerate(sys.stdin.read().split("\\x00"), 1):
    if ">>>" in block:
        test = doctest.DocTestParser().get_doctest(block, space, f"block {number}", None, 0)
        flags = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
        runner = doctest.DocTestRunner(optionflags=flags)
        failures += runner.run(test, clear_globs=False).failed
        space.update(test.globs)
    else:
        exec(compile(block, f"block {number}", "exec"), space)
sys.exit(1 if failures else 0)
"""


@pytest.mark.parametrize("page", PAGES, ids=lambda p: str(p.relative_to(ROOT)))
def test_code_blocks_run(page: Path, tmp_path: Path) -> None:
    code = blocks(page.read_text())
    if not code:
        pytest.skip(f"{page.name} has no Python blocks")
    runner = tmp_path / "runner.py"
    runner.write_text(RUNNER)
    done = subprocess.run(
        [sys.executable, str(runner)],
        input="\x00".join(code),
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(ROOT), "MPLBACKEND": "agg"},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_wrong_block_would_fail(tmp_path: Path) -> None:
    assert blocks("```python\nx = 1\n```\n<!-- not run -->\n```python\ny\n```\n```sh\nls\n```\n") == ["x = 1\n"]
    runner = tmp_path / "runner.py"
    runner.write_text(RUNNER)
    for block in (">>> 1 + 1\n3\n", "raise ValueError\n"):
        done = subprocess.run([sys.executable, str(runner)], input=block, capture_output=True, text=True, check=False)
        assert done.returncode != 0
