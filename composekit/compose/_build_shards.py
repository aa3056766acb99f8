"""One shard of a build: a range of composites as lines of JSON, and what is needed to choose among them.

A shard depends on the composer and its range alone, so any process may write it, and may write it again.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from composekit._errors import bad_type, bad_value
from composekit.compose.decontamination import NGramIndex, words
from composekit.compose.linking import Unlinkable
from composekit.compose.problem import Composite, Problem

SHARD_SIZE = 1000  # composites; small enough to lose little to a kill, large enough to cost little
KEPT_AT_MOST = 50_000  # parts whose JSON is kept; generators make new ones without end


ENCODER = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"))


class Indexable(Protocol):
    """What a build reads: a composer, or any sequence of composites."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> Any: ...


class Entry(NamedTuple):
    """What the choice among composites looks at."""

    number: int
    parts: list[str]  # ids
    answer: str
    key: str  # of the words of its parts, in order
    contaminated: bool
    size: int  # bytes of its line


class Shard(NamedTuple):
    """The lines of a shard, their entries, and how often no sound link was found, by reason."""

    lines: bytes
    entries: list[Entry]
    unlinkable: dict[str, int]


def shard_paths(folder: Path, number: int) -> tuple[Path, Path]:
    """Where the lines and the entries of a shard are. The entries are written last: where they are, the shard is whole."""
    return folder / f"shard-{number:06d}.jsonl", folder / f"shard-{number:06d}.json"


def read_shard(folder: Path, number: int) -> Shard | None:
    """A finished shard, None where it is not finished or where a crash of the machine has damaged it."""
    lines_path, entries_path = shard_paths(folder, number)
    try:
        found = json.loads(entries_path.read_bytes())
        lines = lines_path.read_bytes()
        whole = zlib.adler32(lines) == found["checksum"]
        entries = [Entry(*entry) for entry in found["entries"]]
    except (FileNotFoundError, ValueError, KeyError, TypeError):
        return None
    return Shard(lines, entries, found["unlinkable"]) if whole else None


class ShardWriter:
    """Writes shards of one composer. Keeps what the parts that occur again and again cost only once.

    Args:
        composer: The source of composites.
        index: The test sets to keep clear of, or None.
        folder: Where shards go.
    """

    def __init__(self, composer: Indexable, index: NGramIndex | None, folder: Path) -> None:
        self.composer = composer
        self.index = index
        self.folder = folder
        self.json_of: dict[Problem, str] = {}
        self.keys: dict[str, str] = {}
        self.contaminated: dict[str, bool] = {}

    def write(self, number: int, start: int, stop: int) -> None:
        """Write the composites from ``start`` to ``stop`` as shard ``number``: both files whole, or neither."""
        lines: list[bytes] = []
        entries: list[Entry] = []
        unlinkable: dict[str, int] = {}
        for index in range(start, stop):
            try:
                composite = self.composer[index]
            except Unlinkable as reason:
                why = reason.reason or str(reason)
                unlinkable[why] = unlinkable.get(why, 0) + 1
                continue
            if not isinstance(composite, Problem):
                got = type(composite).__name__
                raise bad_type("build", f"composer[{index}]", "be a Composite", got, "Pass a Composer")
            lines.append(self.line(composite))
            entries.append(self.entry(index, composite, len(lines[-1])))
        lines_path, entries_path = shard_paths(self.folder, number)
        data = b"".join(lines)
        found = {"checksum": zlib.adler32(data), "entries": entries, "unlinkable": unlinkable}
        write_whole(lines_path, data, sync=False)
        write_whole(entries_path, to_json(found).encode(), sync=False)

    def line(self, problem: Problem) -> bytes:
        """The problem as a line of JSON: that of ``to_dict``, put together from the lines of its parts."""
        if not isinstance(problem, Composite):
            return (self.part(problem) + "\n").encode()
        links = [link.to_dict() for link in problem.links]
        row = to_json(Problem.to_dict(problem) | {"links": links, "topology": problem.topology})
        return f'{row[:-1]},"parts":[{",".join([self.part(part) for part in problem.parts])}]}}\n'.encode()

    def part(self, problem: Problem) -> str:
        """The JSON of a part, kept."""
        text = self.json_of.get(problem)
        if text is None:
            if len(self.json_of) >= KEPT_AT_MOST:
                self.json_of.clear()
            text = self.json_of[problem] = to_json(problem.to_dict())
        return text

    def entry(self, index: int, problem: Problem, size: int) -> Entry:
        """What the choice among composites looks at."""
        parts: Sequence[Problem] = problem.parts if isinstance(problem, Composite) else (problem,)
        key = hashlib.blake2b(" ".join([self.key(part) for part in parts]).encode(), digest_size=12).hexdigest()
        contaminated = self.index is not None and any(self.is_contaminated(part) for part in parts)
        return Entry(index, [part.id for part in parts], problem.answer.strip(), key, contaminated, size)

    def key(self, part: Problem) -> str:
        """A hash of the part's words, kept: the same for the same question under another id."""
        found = self.keys.get(part.prompt)
        if found is None:
            if len(self.keys) >= KEPT_AT_MOST:
                self.keys.clear()
            text = " ".join(words(part.prompt))
            found = self.keys[part.prompt] = hashlib.blake2b(text.encode(), digest_size=12).hexdigest()
        return found

    def is_contaminated(self, part: Problem) -> bool:
        """Whether a test set holds the part, kept. Parts are looked at before a symbol takes the place of a constant."""
        if self.index is None:
            return False
        found = self.contaminated.get(part.prompt)
        if found is None:
            if len(self.contaminated) >= KEPT_AT_MOST:
                self.contaminated.clear()
            found = self.contaminated[part.prompt] = self.index.contaminated(part.prompt)
        return found


def to_json(value: object) -> str:
    """Compact JSON in plain UTF-8.

    Raises:
        ArgumentTypeError: something in it is no JSON value.
    """
    try:
        text = ENCODER.encode(value)
        if not text.isascii():
            text.encode()
    except UnicodeEncodeError as error:
        got = f"{error.object[error.start]!r} after {error.object[max(0, error.start - 40) : error.start]!r}"
        raise bad_value("build", "problems", "be valid Unicode", got, "Replace lone surrogates") from None
    except (TypeError, ValueError) as error:
        raise bad_type("build", "metadata", "hold JSON values", error, "Convert it to text or numbers") from None
    return text


def write_whole(path: Path, data: bytes, *, sync: bool = True) -> None:
    """Write a file under another name, then give it its name; on failure nothing is left.

    With ``sync`` it is on the disk before it has its name. Shards do without: their checksum tells whether they are whole.
    """
    temporary = path.with_name(f"{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as file:
            file.write(data)
            if sync:
                file.flush()
                os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
