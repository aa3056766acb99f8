"""The directive ``bench-table``: a table whose numbers are read from ``benchmarks/results`` when the page is built.

.. code-block:: rst

    .. bench-table:: compose
       :case: build-throughput
       :columns: workers, composites_per_s
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, ClassVar

from docutils import nodes
from docutils.parsers.rst import directives
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

RESULTS = Path(__file__).resolve().parents[2] / "benchmarks" / "results"


def show(value: Any) -> str:
    """A value as a reader wants it: four significant digits, no trailing zeros."""
    if isinstance(value, bool) or value is None:
        return {True: "yes", False: "no", None: ""}[value]
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    if isinstance(value, int):
        return f"{value:,}"
    return value if isinstance(value, str) else json.dumps(value)


class BenchTable(SphinxDirective):
    """Reads the rows of one case, checks that the columns exist, and lays them out with their origin below."""

    required_arguments = 1
    option_spec: ClassVar = {
        "case": directives.unchanged_required,
        "columns": directives.unchanged_required,
        "headers": directives.unchanged,
        "where": directives.unchanged,
    }

    def run(self) -> list[nodes.Node]:
        path = RESULTS / f"{self.arguments[0]}.jsonl"
        self.env.note_dependency(str(path))
        if not path.exists():
            raise self.error(f"bench-table: no rows in {path.name}; run python -m benchmarks.run {self.arguments[0]}")
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        rows = [row for row in rows if row["case"] == self.options["case"]]
        for condition in filter(None, self.options.get("where", "").split(",")):
            key, _, want = (s.strip() for s in condition.partition("="))
            rows = [row for row in rows if str(row.get(key)) == want]
        if not rows:
            raise self.error(f"bench-table: no rows of case {self.options['case']!r} in {path.name}")
        columns = [c.strip() for c in self.options["columns"].split(",")]
        headers = (
            [h.strip() for h in self.options.get("headers", "").split(",")] if "headers" in self.options else columns
        )
        body = [[show(row.get(c)) for c in columns] for row in rows]
        origin = rows[-1]
        note = f"{origin['device']}, {origin['date']}, commit {origin['commit']}; {origin['command']}"
        return [_table(headers, body), nodes.caption("", note, classes=["bench-origin"])]


def _table(headers: list[str], body: list[list[str]]) -> nodes.table:
    group = nodes.tgroup(cols=len(headers))
    group += [nodes.colspec(colwidth=1) for _ in headers]
    for kind, lines in ((nodes.thead, [headers]), (nodes.tbody, body)):
        section = kind()
        for line in lines:
            row = nodes.row()
            row += [nodes.entry("", nodes.paragraph(text=cell)) for cell in line]
            section += row
        group += section
    table = nodes.table()
    table += group
    return table


def setup(app: Sphinx) -> dict[str, Any]:
    app.add_directive("bench-table", BenchTable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
