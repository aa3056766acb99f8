"""Composites on disk: caps, duplicates, splits and contamination settled, in parallel, atomic, resumable."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

from composekit._errors import bad_type, bad_value
from composekit.compose._build_choice import Choice, check_splits
from composekit.compose._build_output import FORMATS, Output, open_output
from composekit.compose._build_pool import Pool, Range, disk_error, failed
from composekit.compose._build_shards import (
    SHARD_SIZE,
    Indexable,
    Shard,
    ShardWriter,
    read_shard,
    to_json,
    write_whole,
)
from composekit.compose._build_worker import Job
from composekit.compose.decontamination import texts_of
from composekit.compose.linking import Unlinkable
from composekit.compose.problem import Problem

SHARDS_VERSION = 1  # of what shards hold; raise it when shards of older code must not be used
MOVING = "moving"  # marks that outputs of this very build may be in place already

logger = logging.getLogger(__name__)

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class BuildReport:
    """What :func:`build` wrote.

    Args:
        paths: The files, by split; without splits under the empty name.
        written: How many composites are in them.
        per_split: How many are in each.
        examined: How many of the composer's indices were looked at.
        dropped: How many were left out, by reason: ``"unlinkable"``, ``"contaminated"``, ``"duplicate"``,
            ``"max_per_last"``, ``"max_per_problem"``, ``"max_per_answer"``.
        unlinkable: Why no sound link was found, and how often.
        resumed: How many shards were found finished.
    """

    paths: Mapping[str, Path]
    written: int
    per_split: Mapping[str, int]
    examined: int
    dropped: Mapping[str, int]
    unlinkable: Mapping[str, int] = field(default_factory=dict)
    resumed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {**vars(self), "paths": {split: str(path) for split, path in self.paths.items()}}


def build(
    composer: Indexable,
    path: str | os.PathLike[str],
    *,
    size: int | None = None,
    max_per_problem: int | None = None,
    max_per_last: int | None = None,
    max_per_answer: int | None = None,
    splits: Mapping[str, float] | None = None,
    decontaminate: Iterable[Any] = (),
    ngram: int = 13,
    workers: int | None = None,
    format: Literal["auto", "jsonl", "parquet"] = "auto",
    overwrite: bool = False,
    resume: bool = True,
    progress: bool | Progress = False,
) -> BuildReport:
    """Write a composer's composites to a file, or to one file a split.

    Composites are considered in the order of their indices. One is left out where a test set holds one of its parts, where
    the same parts in the same order have occurred (the same words, whatever their ids), or where a cap is reached. The work
    is cut into shards that lie in ``<path>.building`` until all are there; the output is written aside and renamed.

    Args:
        composer: A :class:`Composer`, or any sequence of composites that pickles (for ``workers=1`` it need not).
        path: The file to write, ``.jsonl`` or ``.parquet``; with splits, ``out.jsonl`` becomes ``out.train.jsonl`` etc.
        size: How many composites to write at most; by default all that pass.
        max_per_problem: In how many composites one problem may be a part, in any place. Exact.
        max_per_last: In how many composites one problem may be the last part. Exact.
        max_per_answer: How many composites may share one final answer. Exact.
        splits: Shares by name, such as ``{"train": 0.9, "test": 0.1}``. The last part's id decides, so that no problem
            closes composites of two splits, in this build or in any other.
        decontaminate: Test sets to keep clear of: problems, texts, or files that :func:`load_problems` reads.
        ngram: A part is contaminated where it shares this many words in a row with a test text.
        workers: Child processes; by default one a usable core, and none for less than two shards. The bytes of the output do
            not depend on it.
        format: By default what the path's ending says.
        overwrite: Whether an existing output may be replaced.
        resume: Whether to go on with the finished shards of an earlier call with the same arguments; otherwise they are
            removed first.
        progress: A function that is called with (composites done, composites in all), or True for a bar on the standard
            error stream.

    Returns:
        A :class:`BuildReport`.

    Raises:
        ArgumentError, ArgumentTypeError: an argument is wrong; the output exists; the folder of the build belongs to a
            call with other arguments, or to one that is running.
        BuildError: the disk is full or not writable, or workers die. Finished shards stay, and the same call goes on.
        MissingExtraError: the output is parquet and pyarrow is not installed.

    Guarantees:
        The same arguments give the same bytes, for any number of workers, and after any interruption. The output appears
        whole or not at all. No child process is left, however the call ends.

    Example:
        >>> import tempfile
        >>> from composekit.compose import Composer, Problem, build, load_problems
        >>> pool = [Problem(f"Tom has {n} nuts and eats 5 of them. How many are left?", n - 5) for n in range(31, 47)]
        >>> folder = tempfile.TemporaryDirectory()
        >>> report = build(Composer(pool, size=40), f"{folder.name}/out.jsonl", size=10, max_per_last=2)
        >>> report.written, len(load_problems(f"{folder.name}/out.jsonl"))
        (10, 10)
        >>> folder.cleanup()
    """
    if not isinstance(path, str | os.PathLike):
        raise bad_type("build", "path", "be a path", type(path).__name__, "Write for example 'train.jsonl'")
    target = Path(path)
    for name, value in (("size", size), ("max_per_problem", max_per_problem), ("max_per_last", max_per_last)):
        _check_count(name, value)
    _check_count("max_per_answer", max_per_answer)
    _check_count("workers", workers)
    kind = _format_of(target, format)
    shares = check_splits(splits) if splits else {}
    total = _length_of(composer)
    paths = {name: target.with_name(f"{target.stem}.{name}{target.suffix}") for name in shares} or {"": target}
    texts = tuple(sorted(set(texts_of(decontaminate))))
    job = Job(composer, texts, ngram, str(target.with_name(target.name + ".building")))
    choice = Choice(size, max_per_problem, max_per_last, max_per_answer, shares)
    tick = _progress_of(progress)
    if not overwrite and not (Path(job.folder) / MOVING).exists():
        _check_absent(paths.values())
    for file in paths.values():
        if file.exists() and not file.is_file():
            raise bad_value("build", "path", "be a file", f"{file}, a folder or a device", "Choose another path")
    with _work_folder(Path(job.folder), _fingerprint(job, total), resume) as folder:
        report = _run(job, folder, total, choice, paths, kind, workers, tick)
        shutil.rmtree(folder)
    if size is not None and report.written < size:
        logger.warning(
            "build: wrote %d of the %d composites asked for; left out: %s", report.written, size, report.dropped
        )
    return report


def _run(
    job: Job,
    folder: Path,
    total: int,
    choice: Choice,
    paths: Mapping[str, Path],
    kind: str,
    workers: int | None,
    tick: Progress,
) -> BuildReport:
    """Write the missing shards, choose among all, and move the outputs into place."""
    ranges = [(n, start, min(start + SHARD_SIZE, total)) for n, start in enumerate(range(0, total, SHARD_SIZE))]
    finished = {n for n, _, _ in ranges if read_shard(folder, n) is not None}
    missing = [item for item in ranges if item[0] not in finished]
    unlinkable: dict[str, int] = {}
    examined = 0
    with ExitStack() as stack:
        made = _shards(job, missing, workers, stack)
        temporary = {split: folder / f"output-{number}" for number, split in enumerate(paths)}
        outputs = {split: stack.enter_context(open_output(file, kind)) for split, file in temporary.items()}
        for number, _, stop in ranges:
            while number not in finished:
                finished.add(next(made))
            shard = read_shard(folder, number)
            if shard is None:
                raise failed(
                    "finished shards must stay as they are", f"shard {number} is gone", "Leave the folder alone."
                )
            _copy(shard, choice, outputs)
            for reason, count in shard.unlinkable.items():
                unlinkable[reason] = unlinkable.get(reason, 0) + count
            examined = stop
            tick(stop, total)
            if choice.full:
                break
    write_whole(folder / MOVING, b"")
    for split, file in temporary.items():
        os.replace(file, paths[split])
    dropped = {**choice.dropped, "unlinkable": sum(unlinkable.values())}
    kept = {split: choice.per_split[split] for split in paths}
    resumed = len(ranges) - len(missing)
    return BuildReport(paths, choice.kept, kept, examined, dropped, unlinkable, resumed)


def _copy(shard: Shard, choice: Choice, outputs: Mapping[str, Output]) -> None:
    """Copy the chosen lines of a shard to their outputs, neighbours in one piece."""
    ends = accumulate(entry.size for entry in shard.entries)
    end_of = {entry.number: end for entry, end in zip(shard.entries, ends, strict=True)}
    lines = memoryview(shard.lines)
    start = stop = 0
    into = ""
    for entry, split in choice.choose(shard.entries):
        end = end_of[entry.number]
        if split != into or end - entry.size != stop:
            if stop > start:
                outputs[into].write(lines[start:stop])
            into, start = split, end - entry.size
        stop = end
    if stop > start:
        outputs[into].write(lines[start:stop])


def _shards(job: Job, missing: list[Range], workers: int | None, stack: ExitStack) -> Iterator[int]:
    """Numbers of shards as they become finished, made here or by children."""
    count = min(workers if workers is not None else _usable_cores(), len(missing))
    if count <= 1:
        return _shards_here(job.writer(), missing)
    return stack.enter_context(Pool(job, count)).run(missing)


def _shards_here(writer: ShardWriter, missing: list[Range]) -> Iterator[int]:
    for item in missing:
        writer.write(*item)
        yield item[0]


# ------------------------------------------------------------------------------------------------------------ the folder


@contextmanager
def _work_folder(folder: Path, fingerprint: str, resume: bool) -> Iterator[Path]:
    """The folder of the shards, locked. It stays where the build fails, with nothing half-written, for the next call."""
    if not folder.parent.is_dir():
        raise bad_value("build", "path", "lie in a folder that exists", folder.parent, "Make the folder first")
    _check_ours(folder)
    try:
        folder.mkdir(exist_ok=True)
        with _locked(folder):
            if not resume:
                _empty(folder, "*")
            try:
                _claim(folder, fingerprint)
                yield folder
            finally:
                _empty(folder, "*.tmp", "output-*")
    except OSError as error:
        raise disk_error(f"{type(error).__name__}: {error}", error.errno) from error


def _check_ours(folder: Path) -> None:
    """The folder is removed in the end, so it must be new, or of a build: one without a manifest holds nothing yet."""
    if not folder.is_symlink() and not folder.exists():
        return
    ours = folder.is_dir() and not folder.is_symlink()
    if not ours or not ((folder / "manifest.json").exists() or all(f.suffix == ".tmp" for f in folder.iterdir())):
        got = "something else of that name"
        raise bad_value("build", str(folder), "be a folder that a build made", got, "Move it away, or build elsewhere")


def _empty(folder: Path, *patterns: str) -> None:
    for pattern in patterns:
        for file in folder.glob(pattern):
            file.unlink(missing_ok=True)


def _claim(folder: Path, fingerprint: str) -> None:
    """Mark the folder as this build's, and sweep what a killed build left half-written."""
    _empty(folder, "*.tmp", "output-*")
    manifest = folder / "manifest.json"
    if not manifest.exists():
        write_whole(manifest, to_json({"fingerprint": fingerprint}).encode())
        return
    try:
        found = json.loads(manifest.read_bytes())
    except ValueError:
        found = None
    if found != {"fingerprint": fingerprint}:
        repair = "Repeat the call that began it, pass resume=False (--no-resume) to start over, or build elsewhere"
        raise bad_value(
            "build", str(folder), "belong to a call with the same composer and test sets", "another", repair
        )


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    """Keep other processes out. The lock vanishes with its owner, however that dies."""
    try:
        import fcntl
    except ImportError:  # no such locks on this system
        yield
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            repair = "Wait for it, or build elsewhere"
            raise bad_value("build", str(folder), "be used by one build at a time", "a running build", repair) from None
        yield
    finally:
        os.close(descriptor)


def _fingerprint(job: Job, total: int) -> str:
    """What tells one build's shards from another's: the test sets, the pool, and the composer by what it makes."""
    digest = hashlib.sha256()
    digest.update(to_json([SHARDS_VERSION, SHARD_SIZE, total, job.ngram, job.texts]).encode())
    for problem in getattr(job.composer, "pool", ()):
        if isinstance(problem, Problem):
            digest.update(to_json([problem.id, problem.prompt, problem.answer]).encode())
    for index in sorted({0, total // 3, total // 2, total - 1}):
        try:
            made = job.composer[index]
            digest.update(to_json(made.to_dict()).encode() if isinstance(made, Problem) else b"?")
        except Unlinkable as reason:
            digest.update(str(reason).encode())
    return digest.hexdigest()


# ------------------------------------------------------------------------------------------------------------- arguments


def _check_count(name: str, value: int | None) -> None:
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 1):
        raise bad_value("build", name, "be a positive integer or None", repr(value), "Leave it out for no limit")


def _format_of(path: Path, format: str) -> str:
    kind = path.suffix.lower().lstrip(".") if format == "auto" else format
    if kind not in FORMATS:
        argument = "path" if format == "auto" else "format"
        rule = f"end in .{' or .'.join(FORMATS)}" if format == "auto" else f"be auto, {' or '.join(FORMATS)}"
        raise bad_value("build", argument, rule, repr(str(path) if format == "auto" else format), "Choose one of them")
    return kind


def _length_of(composer: Indexable) -> int:
    if not hasattr(composer, "__getitem__") or not hasattr(composer, "__len__"):
        raise bad_type("build", "composer", "have a length and indices", type(composer).__name__, "Pass a Composer")
    if len(composer) == 0:
        raise bad_value("build", "composer", "hold at least one composite", "an empty one", "Check its pool and size")
    return len(composer)


def _check_absent(paths: Iterable[Path]) -> None:
    for path in paths:
        if path.exists():
            repair = "Pass overwrite=True (in a shell: --overwrite) or another path"
            raise bad_value("build", "path", "not exist yet", path, repair)


def _usable_cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _progress_of(progress: bool | Progress) -> Progress:
    if callable(progress):
        return progress
    if progress:
        from composekit.compose._progress import bar

        return bar("composites")
    return lambda done, total: None
