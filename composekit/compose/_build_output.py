"""The files that a build writes: lines of JSON, or parquet with nested values as JSON in text columns."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from composekit._errors import missing_extra
from composekit.compose._build_shards import to_json

FORMATS = ("jsonl", "parquet")
TEXT_COLUMNS = ("prompt", "answer", "domain", "verifier", "id", "solution", "entry_point", "topology")
JSON_COLUMNS = ("tests", "template", "metadata", "parts", "links")  # as text, so that every row has the same Arrow type
ROWS_AT_ONCE = 2000


class Output(Protocol):
    """Takes whole lines of JSON, one or several."""

    def write(self, lines: memoryview, /) -> object: ...


@contextmanager
def open_output(path: Path, kind: str) -> Iterator[Output]:
    """A file that is flushed to the disk when it is left without an error."""
    if kind == "jsonl":
        with path.open("wb") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
    else:
        writer = _Parquet(path)
        try:
            yield writer
            writer.flush()
        finally:
            writer.close()
        with path.open("rb") as file:
            os.fsync(file.fileno())


class _Parquet:
    def __init__(self, path: Path) -> None:
        try:
            import pyarrow
            from pyarrow import parquet
        except ImportError:
            raise missing_extra("build", "pyarrow", "data") from None
        self.arrow = pyarrow
        self.schema = pyarrow.schema([(name, pyarrow.string()) for name in (*TEXT_COLUMNS, *JSON_COLUMNS)])
        self.file = parquet.ParquetWriter(path, self.schema, compression="zstd")
        self.rows: list[dict[str, Any]] = []

    def write(self, lines: memoryview) -> None:
        for line in bytes(lines).splitlines():
            row = json.loads(line)
            for name in JSON_COLUMNS:
                if name in row:
                    row[name] = to_json(row[name])
            self.rows.append(row)
            if len(self.rows) >= ROWS_AT_ONCE:
                self.flush()

    def flush(self) -> None:
        if self.rows:
            self.file.write_table(self.arrow.Table.from_pylist(self.rows, schema=self.schema))
            self.rows.clear()

    def close(self) -> None:
        self.file.close()
