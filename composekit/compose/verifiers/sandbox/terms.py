"""What a job may use, how it ended, and the two ways in which there is no answer."""

from __future__ import annotations

from typing import NamedTuple


class Broken(Exception):
    """The machinery failed, not the candidate."""


class Over(Exception):
    """The job gave no answer: it ended, broke the rules of the channel, or used up a limit. Says how."""

    def __init__(self, why: str, *, timeout: bool = False) -> None:
        super().__init__(why)
        self.timeout = timeout


class Limits(NamedTuple):
    """What a candidate may use.

    Args:
        memory: Bytes of address space of each process, and of memory of all processes together.
        processes: Processes and threads.
        files: Bytes of its files, one or all.
        output: Bytes of what it writes to its standard output, and of one result.
        inodes: How many files it may make.
    """

    memory: int = 1 << 30
    processes: int = 64
    files: int = 64 << 20
    output: int = 16 << 20
    inodes: int = 4096


class Ending(NamedTuple):
    """How a job ended: exit code (negative: the signal) if it ended by itself, the limit that it met, what failed."""

    exit: int | None
    why: str
    setup: str
    swept: bool
