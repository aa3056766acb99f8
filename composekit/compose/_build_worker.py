"""A child process of a build: reads its job and then shard numbers from standard input, answers each on standard output.

Run as ``python -m composekit.compose._build_worker``. The end of its input ends it at once, so that it never outlives the
process that started it, however that one dies.
"""

from __future__ import annotations

import gc
import json
import os
import pickle
import sys
import threading
from pathlib import Path
from queue import SimpleQueue
from typing import BinaryIO, NamedTuple

from composekit._errors import ComposeKitError
from composekit.compose._build_shards import Indexable, ShardWriter
from composekit.compose.decontamination import NGramIndex


class Job(NamedTuple):
    """What every worker of a build is told first."""

    composer: Indexable
    texts: tuple[str, ...]  # of test sets
    ngram: int
    folder: str

    def writer(self) -> ShardWriter:
        """The writer of this job's shards."""
        return ShardWriter(self.composer, NGramIndex(self.texts, self.ngram) if self.texts else None, Path(self.folder))


def main() -> None:
    """Serve one parent until it closes the pipe."""
    # Whatever the composer prints must not be taken for an answer.
    answers = os.fdopen(os.dup(1), "wb", buffering=0)
    os.dup2(2, 1)
    stdin = sys.stdin.buffer
    try:
        writer = pickle.loads(stdin.read(int(stdin.readline()))).writer()
    except Exception as error:  # anything may go wrong while foreign classes are imported; the parent says what
        answers.write(_answer(error))
        return
    answers.write(b"{}\n")
    numbers: SimpleQueue[tuple[int, int, int]] = SimpleQueue()
    threading.Thread(target=_listen, args=(stdin, numbers), daemon=True).start()
    gc.disable()  # what a shard makes lives to its end; looking for cycles all the time costs a sixth of the speed
    while True:
        try:
            writer.write(*numbers.get())
        except Exception as error:  # reported to the parent, which decides
            answers.write(_answer(error))
        else:
            answers.write(b"{}\n")
        gc.collect(1)


def _answer(error: Exception) -> bytes:
    kind = "composekit" if isinstance(error, ComposeKitError) else "os" if isinstance(error, OSError) else "other"
    text = str(error) if kind == "composekit" else f"{type(error).__name__}: {error}"
    return json.dumps({"kind": kind, "error": text, "errno": getattr(error, "errno", None)}).encode() + b"\n"


def _listen(stdin: BinaryIO, numbers: SimpleQueue[tuple[int, int, int]]) -> None:
    for line in stdin:
        number, start, stop = json.loads(line)
        numbers.put((number, start, stop))
    os._exit(0)


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:  # the parent is gone, and with it whoever could want to know
        os._exit(0)
