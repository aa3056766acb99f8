"""What /proc tells about the processes of a job."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress

_PAGE = os.sysconf("SC_PAGE_SIZE")


class Proc:
    """A /proc that stays in hand whatever becomes of this process's root: numbers are those of the /proc that was there.

    Where there is none, or one in which this process does not occur, it knows nobody.
    """

    def __init__(self) -> None:
        try:
            self.fd = os.open("/proc", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError:
            self.fd = -1

    @property
    def ours(self) -> bool:
        """Whether processes have the numbers here that they have for this process."""
        try:
            return self.fd >= 0 and os.readlink("self", dir_fd=self.fd) == str(os.getpid())
        except OSError:
            return False

    def descendants(self) -> list[int]:
        """The children of this process and theirs."""
        if self.fd < 0:
            return []
        found, waiting = [], ["self"]
        while waiting:
            for number in self._children(waiting.pop()):
                found.append(number)
                waiting.append(str(number))
        return found

    def children(self) -> list[int]:
        """The children of this process."""
        return list(self._children("self")) if self.fd >= 0 else []

    def memory(self, limit: int) -> int:
        """Bytes that the descendants hold together; shared pages are told apart only where that could decide."""
        pids = self.descendants()
        total = sum(map(self._resident, pids))
        return total if total <= limit else sum(map(self._proportional, pids))

    def users(self) -> set[int]:
        """The user ids that have processes."""
        found = set()
        for name in self._list(".") if self.fd >= 0 else []:
            with suppress(OSError):
                if name.isdigit():
                    found.add(os.stat(name, dir_fd=self.fd).st_uid)
        return found

    def nameless(self) -> int:
        """Bytes of files that the descendants have open and that have no name any more, or never had one."""
        sizes: dict[tuple[int, int], int] = {}
        for pid in self.descendants():
            for name in self._list(f"{pid}/fd"):
                with suppress(OSError):
                    found = os.stat(f"{pid}/fd/{name}", dir_fd=self.fd)
                    if stat.S_ISREG(found.st_mode) and not found.st_nlink:
                        sizes[found.st_dev, found.st_ino] = 512 * found.st_blocks
        return sum(sizes.values())

    def tasks_of_user(self) -> int:
        """The processes and threads that this user has now."""
        total, user = 0, os.getuid()
        for name in self._list(".") if self.fd >= 0 else []:
            with suppress(OSError):
                if name.isdigit() and os.stat(name, dir_fd=self.fd).st_uid == user:
                    total += len(self._list(f"{name}/task"))
        return total

    def write(self, name: str, text: str) -> None:
        """Write to a file, if that may be."""
        with suppress(OSError):
            fd = os.open(name, os.O_WRONLY | os.O_CLOEXEC, dir_fd=self.fd)
            try:
                os.write(fd, text.encode())
            finally:
                os.close(fd)

    def _children(self, pid: str) -> Iterator[int]:
        for task in self._list(f"{pid}/task"):
            yield from map(int, self._read(f"{pid}/task/{task}/children").split())

    def _resident(self, pid: int) -> int:
        fields = self._read(f"{pid}/statm").split()
        return int(fields[1]) * _PAGE if fields else 0

    def _proportional(self, pid: int) -> int:
        lines: Iterable[bytes] = self._read(f"{pid}/smaps_rollup").splitlines()
        return next((int(x.split()[1]) * 1024 for x in lines if x.startswith(b"Pss:")), self._resident(pid))

    def _list(self, path: str) -> list[str]:
        try:
            fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=self.fd)
        except OSError:
            return []
        try:
            return os.listdir(fd)
        except OSError:
            return []
        finally:
            os.close(fd)

    def _read(self, path: str) -> bytes:
        """A file as it is now; empty where it is gone."""
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=self.fd)
        except OSError:
            return b""
        try:
            parts = []
            while part := os.read(fd, 1 << 16):
                parts.append(part)
            return b"".join(parts)
        except OSError:
            return b""
        finally:
            os.close(fd)
