"""The workers of a build, seen from their parent: started, fed with shards, replaced when they die, never left behind."""

from __future__ import annotations

import errno
import json
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from queue import SimpleQueue
from types import TracebackType
from typing import BinaryIO, cast

from composekit._errors import ArgumentError, ComposeKitError, bad_type
from composekit.compose._build_worker import Job

Range = tuple[int, int, int]  # number of the shard, first index, index after the last

ATTEMPTS = 3  # a shard whose worker dies is tried this often


class BuildError(ComposeKitError, RuntimeError):
    """A build stopped; what was finished is kept, and the same call goes on from there."""


def failed(rule: str, got: object, repair: str) -> BuildError:
    """A :class:`BuildError` in the common form."""
    return BuildError(
        f"build: {rule}; got {got}. {repair} The finished shards are kept: the same call goes on from there."
    )


class Pool:
    """Child processes that write shards. A context manager: on leaving, no child is left.

    Args:
        job: What the children are told first.
        count: How many children.

    Raises:
        ArgumentTypeError: the composer cannot be pickled.
    """

    def __init__(self, job: Job, count: int) -> None:
        try:
            data = pickle.dumps(job, protocol=pickle.HIGHEST_PROTOCOL)
        except Exception as error:  # pickling runs foreign code; any fault means the same
            got = f"{type(job.composer).__name__} ({error})"
            raise bad_type("build", "composer", "pickle when workers > 1", got, "Pass workers=1") from error
        self.greeting = str(len(data)).encode() + b"\n" + data
        self.count = count
        self.lock = threading.Lock()
        self.closed = False
        self.children: set[subprocess.Popen[bytes]] = set()

    def __enter__(self) -> Pool:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self.lock:
            self.closed = True
            children = list(self.children)
        for child in children:
            child.kill()
        for thread in getattr(self, "threads", ()):
            thread.join()

    def run(self, ranges: Sequence[Range]) -> Iterator[int]:
        """Write the shards; yield the number of each when it is done, in any order.

        Raises:
            BuildError: a worker reported an error, or died again and again on one shard.
        """
        todo: SimpleQueue[Range | None] = SimpleQueue()
        done: SimpleQueue[int | ComposeKitError] = SimpleQueue()
        for item in ranges:
            todo.put(item)
        for _ in range(self.count):
            todo.put(None)
        self.threads = [threading.Thread(target=self._serve, args=(todo, done), daemon=True) for _ in range(self.count)]
        for thread in self.threads:
            thread.start()
        for _ in ranges:
            result = done.get()
            if isinstance(result, ComposeKitError):
                raise result
            yield result

    def _serve(self, todo: SimpleQueue[Range | None], done: SimpleQueue[int | ComposeKitError]) -> None:
        """One worker's life, in a thread of its own: a child, and another one if it dies."""
        child: subprocess.Popen[bytes] | None = None
        try:
            while (item := todo.get()) is not None:
                for attempt in range(ATTEMPTS):
                    child = child or self._start()
                    if child is None:
                        return
                    if self._ask(child, json.dumps(item).encode() + b"\n"):
                        done.put(item[0])
                        break
                    code = self._stop(child)
                    child = None
                    if attempt == ATTEMPTS - 1:
                        got = f"exit status {code}, {ATTEMPTS} times"
                        raise failed(f"the worker of shard {item[0]} must survive", got, "Look for what kills it.")
        except ComposeKitError as error:
            done.put(error)
        except BaseException as error:  # a thread must not die in silence: its shards would be waited for forever
            done.put(failed("workers must start and answer", repr(error), "Pass workers=1 to see the cause."))
        finally:
            if child is not None:
                self._stop(child)

    def _start(self) -> subprocess.Popen[bytes] | None:
        """A child that has read its job; None when the pool is closed."""
        with self.lock:
            if self.closed:
                return None
            child = subprocess.Popen(
                [sys.executable, "-P", "-m", "composekit.compose._build_worker"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, "PYTHONPATH": os.pathsep.join(_import_path())},
                start_new_session=True,  # an interrupt is for the parent, which then ends its children
            )
            self.children.add(child)
        if not self._ask(child, self.greeting):
            code = self._stop(child)
            if self.closed:
                return None
            raise failed("workers must start", f"exit status {code}", "Pass workers=1.")
        return child

    def _ask(self, child: subprocess.Popen[bytes], message: bytes) -> bool:
        """Send a message and wait for the answer. False: the child is dead."""
        stdin, stdout = cast(BinaryIO, child.stdin), cast(BinaryIO, child.stdout)  # both are pipes
        try:
            stdin.write(message)
            stdin.flush()
            line = stdout.readline()
        except (OSError, ValueError):  # a broken pipe, or one that was closed meanwhile
            return False
        if not line.endswith(b"\n"):
            return False
        answer = json.loads(line)
        if answer:
            raise _worker_error(answer)
        return True

    def _stop(self, child: subprocess.Popen[bytes]) -> int:
        child.kill()
        code = child.wait()
        for pipe in (child.stdin, child.stdout):
            with suppress(OSError):  # what a dead child has not read
                cast(BinaryIO, pipe).close()
        with self.lock:
            self.children.discard(child)
        return code


def _worker_error(answer: dict[str, object]) -> ComposeKitError:
    if answer["kind"] == "composekit":
        return ArgumentError(str(answer["error"]))
    if answer["kind"] == "os":
        return disk_error(str(answer["error"]), answer["errno"])
    return failed("the composer must make its composites", answer["error"], "Pass workers=1 to see the traceback.")


def disk_error(text: str, number: object) -> BuildError:
    """What to say when a file could not be written."""
    full = number in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
    rule = "the disk must have room" if full else "the files must be writable"
    return failed(rule, text, "Make room, or build elsewhere." if full else "Check the folder and its permissions.")


def _import_path() -> list[str]:
    """The parent's import path, so that a child finds the same modules."""
    root = str(Path(__file__).resolve().parents[2])
    return [root, *(path for path in sys.path if path and path != root)]
