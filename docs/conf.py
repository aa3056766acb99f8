"""Sphinx configuration. Warnings are errors (make docs), and a public name without documentation is a warning."""

from __future__ import annotations

import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "docs" / "ext")]
os.environ.setdefault("MPLBACKEND", "agg")

import composekit  # noqa: E402

project = "composekit"
author = "The composekit authors"
copyright = "The composekit authors"
version = release = composekit.__version__

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.doctest",
    "sphinx.ext.mathjax",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_gallery.gen_gallery",
    "bench_table",
    "chunk_picture",
    "coverage_check",
]
source_suffix = {".rst": "restructuredtext", ".md": "markdown"}
exclude_patterns = ["_build", "gallery/**/*.ipynb", "gallery/**/*.py", "gallery/**/*.md5"]

myst_enable_extensions = ["dollarmath", "amsmath", "colon_fence", "deflist"]
myst_heading_anchors = 3

autosummary_generate = True
autodoc_typehints = "none"
autodoc_member_order = "bysource"
napoleon_google_docstring = True
napoleon_numpy_docstring = False
napoleon_custom_sections = [("Guarantees", "params_style"), "Source"]

sphinx_gallery_conf = {
    "examples_dirs": ["../examples"],
    "gallery_dirs": ["gallery"],
    "filename_pattern": r"/plot_",
    "ignore_pattern": r"^(?!plot_)",
    "download_all_examples": False,
    "show_memory": False,
    "remove_config_comments": True,
    "abort_on_example_error": True,
}

html_theme = "furo"
html_title = f"composekit {version}"
html_static_path = ["_static"]
html_show_sourcelink = False

# Every name in __all__ of these packages must have a page.
coverage_packages = [
    "composekit.attention",
    "composekit.bridge",
    "composekit.compose",
    "composekit.distill",
    "composekit.testing",
]
