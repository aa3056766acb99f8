"""Rows out of files: jsonl, json, csv and parquet, each row with the place it came from, each fault with its repair.

Nothing here knows what a problem is; :mod:`composekit.compose.loading` turns the rows into problems.
"""

from __future__ import annotations

import csv
import io
import json
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from composekit._errors import ArgumentError, bad_value, missing_extra

UTF8_MARK = b"\xef\xbb\xbf"
FOREIGN = {  # what a file begins with that is no text in UTF-8: its name, and what to do
    b"\xff\xfe": ("a UTF-16 byte order mark", "Convert it: iconv -f UTF-16 -t UTF-8"),
    b"\xfe\xff": ("a UTF-16 byte order mark", "Convert it: iconv -f UTF-16 -t UTF-8"),
    b"\x1f\x8b": ("a gzip archive", "Decompress it: gunzip"),
    b"PK\x03\x04": ("a zip archive", "Decompress it: unzip"),
    b"\x28\xb5\x2f\xfd": ("a zstd archive", "Decompress it: unzstd"),
    b"PAR1": ("a parquet file", "Rename it to .parquet"),
}


@dataclass(frozen=True)
class Row:
    """One row and its place. ``values`` is None where the row could not be read; ``fault`` then says why."""

    where: str
    values: Mapping[str, Any] | None
    fault: ArgumentError | None = None


def read_rows(op: str, path: str | os.PathLike[str]) -> Iterator[Row]:
    """The rows of a file, read as they are asked for.

    A row that cannot be read comes with its fault instead of values, so that the caller may skip it. A fault of the file
    as a whole is raised.

    Args:
        op: The name of the calling operation, for messages.
        path: A file ending in ``.jsonl``, ``.ndjson``, ``.json``, ``.csv``, ``.tsv`` or ``.parquet``.

    Raises:
        ArgumentError: the file is missing, a folder, empty, of another kind, or broken as a whole.
        MissingExtraError: the file is parquet and pyarrow is not installed.
    """
    path = Path(path)
    if not path.is_file():
        found = "a folder" if path.is_dir() else "no such file"
        raise bad_value(op, str(path), "be a file that exists", found, "Check the path")
    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise bad_value(
            op,
            str(path),
            f"end in {', '.join(READERS)}",
            repr(path.suffix),
            "Rename or convert the file, or pass its rows",
        )
    if path.stat().st_size == 0:
        raise bad_value(op, str(path), "hold at least one row", "an empty file", "Check how the file was written")
    return _opened(op, path, reader)


def _opened(op: str, path: Path, reader: Callable[[str, Path], Iterator[Row]]) -> Iterator[Row]:
    try:
        yield from reader(op, path)
    except OSError as error:
        raise bad_value(op, str(path), "be readable", error, "Check its permissions and the disk") from error


def brief(value: object, limit: int = 80) -> str:
    """The repr of a value, cut to a length that fits into a message."""
    text = repr(value[: limit + 1] if isinstance(value, str | bytes) else value)
    return text if len(text) <= limit else text[: limit - 3] + "..."


def _decode(op: str, where: str, raw: bytes) -> str:
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        got = f"the byte 0x{raw[error.start]:02x} at position {error.start}"
        raise bad_value(op, where, "be UTF-8", got, "Convert the file: iconv -f LATIN1 -t UTF-8") from None


def _refuse_foreign(op: str, path: Path) -> None:
    with path.open("rb") as file:
        start = file.read(4)
    for mark, (name, repair) in FOREIGN.items():
        if start.startswith(mark):
            raise bad_value(op, str(path), "be text in UTF-8", name, repair)


def _parse_json(op: str, where: str, text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object)
    except RecursionError:
        raise bad_value(op, where, "be JSON", "brackets nested too deep", "Flatten the row") from None
    except ValueError as error:  # a JSONDecodeError, an integer of more than 4300 digits, a name that occurs twice
        got = f"{brief(text)} ({error})"
        raise bad_value(op, where, "be JSON", got, "Write one JSON object a line, or repair this one") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Plain JSON takes the last of two values with one name, and an answer would be lost in silence."""
    values = dict(pairs)
    if len(values) < len(pairs):
        twice = next(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
        raise ValueError(f"the name {twice!r} occurs twice in one object")
    return values


def _as_row(op: str, where: str, value: Any) -> Row:
    if isinstance(value, Mapping):
        return Row(where, value)
    got = f"{type(value).__name__} {brief(value)}"
    return Row(where, None, bad_value(op, where, "be an object of named fields", got, 'Write {"field": value, ...}'))


def _read_jsonl(op: str, path: Path) -> Iterator[Row]:
    _refuse_foreign(op, path)
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            if number == 1:
                raw = raw.removeprefix(UTF8_MARK)
            if not raw.strip():
                continue
            where = f"{path}, line {number}"
            try:
                yield _as_row(op, where, _parse_json(op, where, _decode(op, where, raw)))
            except ArgumentError as fault:
                yield Row(where, None, fault)


def _read_json(op: str, path: Path) -> Iterator[Row]:
    _refuse_foreign(op, path)
    text = _decode(op, str(path), path.read_bytes().removeprefix(UTF8_MARK))
    if _is_lines(text):
        yield from _read_jsonl(op, path)
        return
    data = _parse_json(op, str(path), text)
    if isinstance(data, Mapping):  # {"data": [...]}: one list in an envelope is unmistakable
        lists = [value for value in data.values() if isinstance(value, list)]
        data = lists[0] if len(lists) == 1 and len(data) == 1 else [data]
    if not isinstance(data, list):
        raise bad_value(op, str(path), "hold a list of rows", brief(data), "Write [{...}, {...}]")
    for number, value in enumerate(data):
        yield _as_row(op, f"{path}, row {number + 1}", value)


def _is_lines(text: str) -> bool:
    """Whether a .json file holds an object a line: the first line is one, and something follows it."""
    first, _, rest = text.lstrip().partition("\n")
    if not (first.startswith("{") and rest.lstrip().startswith("{")):
        return False
    try:
        json.loads(first)
    except (ValueError, RecursionError):
        return False
    return True


def _read_csv(op: str, path: Path) -> Iterator[Row]:
    _refuse_foreign(op, path)
    text = _decode(op, str(path), path.read_bytes().removeprefix(UTF8_MARK))
    delimiter = "\t" if path.suffix.lower() == ".tsv" else _delimiter(text)
    limit = csv.field_size_limit(sys.maxsize)  # a prompt may be a megabyte; the module's own limit is 128 KiB
    try:
        records = []
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        first_line = 1
        for record in reader:
            records.append((first_line, record))
            first_line = reader.line_num + 1
    except csv.Error as error:
        where = f"{path}, line {reader.line_num}"
        raise bad_value(
            op, where, "be CSV", str(error), "Quote fields that hold commas, quotes or line breaks"
        ) from None
    finally:
        csv.field_size_limit(limit)
    if not records:
        raise bad_value(op, str(path), "hold at least one row", "nothing but white space", "Check how it was written")
    header = [name.strip() for name in records[0][1]]
    twice = [name for name, count in Counter(header).items() if count > 1]
    if twice:
        raise bad_value(op, f"{path}, line 1", "name every column once", f"{twice[0]!r} twice", "Rename one of them")
    for number, record in records[1:]:
        if not record:
            continue
        where = f"{path}, line {number}"
        if len(record) != len(header):
            got = f"{len(record)} fields, {brief(record)}"
            yield Row(where, None, bad_value(op, where, f"have the header's {len(header)} fields", got, "Quote commas"))
        else:
            yield Row(where, dict(zip(header, record, strict=True)))


def _delimiter(text: str) -> str:
    """A comma, or where the first line has none and one of its rivals, that one: spreadsheets differ by country."""
    header = text.partition("\n")[0]
    return "," if "," in header else next((rival for rival in ";\t|" if rival in header), ",")


def _read_parquet(op: str, path: Path) -> Iterator[Row]:
    try:
        import pyarrow as arrow
        import pyarrow.parquet as parquet
    except ImportError:
        raise missing_extra(op, "pyarrow", "data") from None
    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(batch_size=1024):
                for values in batch.to_pylist():
                    number += 1
                    yield Row(f"{path}, row {number}", values)
    except (arrow.ArrowException, OSError, UnicodeDecodeError) as error:
        raise bad_value(op, str(path), "be parquet", brief(str(error)), "Write the file again") from None


READERS = {
    ".jsonl": _read_jsonl,
    ".ndjson": _read_jsonl,
    ".json": _read_json,
    ".csv": _read_csv,
    ".tsv": _read_csv,
    ".parquet": _read_parquet,
}
