"""A file system of its own for a process: the layout, read-only, a directory to write in, a private /proc."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress

from composekit.compose.verifiers.sandbox import linux
from composekit.compose.verifiers.sandbox.layout import Layout, hidden_from_others

WORK = "/sandbox"
_PLACES = ("/sys", "/mnt", "/media", "/srv", "/opt", "/run", "/var", "/tmp")
_KEPT = {os.ST_NOEXEC: linux.MS_NOEXEC, 1024: 1 << 10, 2048: 1 << 11, 4096: 1 << 21}  # noexec and the atime flags


def build(layout: Layout) -> None:
    """Replace the root of this process's mount namespace by one that shows a layout. Needs the right to mount."""
    linux.mount("none", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
    new = next(p for p in _PLACES if os.path.isdir(p) and not any(_holds(p, tree) for tree in layout.trees))
    linux.mount("tmpfs", new, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=755,size=1m,nr_inodes=4096")
    for path in layout.trees:
        _bind(path, new + path, linux.MS_NOSUID | linux.MS_NODEV)
    for path in layout.devices:
        _bind(path, new + path, linux.MS_NOSUID)
    for path in layout.covered:
        linux.mount(
            "tmpfs", new + path, "tmpfs", linux.MS_RDONLY | linux.MS_NOSUID | linux.MS_NODEV, "size=4k,mode=555"
        )
    os.mkdir(new + WORK)
    _furnish(new, layout)
    os.chdir(new)
    linux.pivot_root(".", ".")
    linux.umount(".")
    os.chdir("/")
    linux.mount(
        "none", "/", flags=linux.MS_REMOUNT | linux.MS_BIND | linux.MS_RDONLY | linux.MS_NOSUID | linux.MS_NODEV
    )


def own(*, size: int, inodes: int, uid: int, gid: int) -> None:
    """In a mount namespace of one's own with such a root: an empty directory to write in, :data:`WORK`, and go there.

    Args:
        size, inodes: Its limits.
        uid, gid: Its owner.
    """
    options = f"mode=700,size={size},nr_inodes={inodes},uid={uid},gid={gid}"
    linux.mount("tmpfs", WORK, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, options)
    os.chdir(WORK)


def _furnish(new: str, layout: Layout) -> None:
    """What programs expect to find: links to libraries, a place for temporary files, /proc."""
    for path, target in layout.links:
        if not os.path.lexists(new + path):
            os.makedirs(os.path.dirname(new + path), exist_ok=True)
            os.symlink(target, new + path)
    os.makedirs(new + "/dev", exist_ok=True)
    for path, target in (("/tmp", WORK), ("/dev/shm", WORK), ("/dev/fd", "/proc/self/fd"), ("/dev/stdin", "/proc/self/fd/0"),
                         ("/dev/stdout", "/proc/self/fd/1"), ("/dev/stderr", "/proc/self/fd/2")):  # fmt: skip
        if not os.path.lexists(new + path):
            os.symlink(target, new + path)
    os.mkdir(new + "/proc")
    flags = linux.MS_RDONLY | linux.MS_NOSUID | linux.MS_NODEV | linux.MS_NOEXEC
    with suppress(OSError):  # inside some containers nobody may: then there is none
        linux.mount("proc", new + "/proc", "proc", flags, "hidepid=2")  # the keeper is not seen


def _holds(directory: str, path: str) -> bool:
    return path == directory or path.startswith(directory + "/")


def _bind(source: str, target: str, flags: int) -> None:
    """Show a file or a directory at another place, read-only."""
    if os.path.isdir(source):
        os.makedirs(target, exist_ok=True)
    else:
        os.makedirs(os.path.dirname(target), exist_ok=True)
        os.close(os.open(target, os.O_CREAT | os.O_RDONLY, 0o444))
    linux.mount(source, target, flags=linux.MS_BIND | linux.MS_REC)
    present = os.statvfs(target).f_flag
    kept = sum(flag for bit, flag in _KEPT.items() if present & bit)
    linux.mount("none", target, flags=linux.MS_REMOUNT | linux.MS_BIND | linux.MS_RDONLY | flags | kept)


def uncover(paths: Iterable[str]) -> None:
    """Make paths reachable for every user that lie in directories only root can enter, for this process's view alone.

    Such a directory (root's home, with the interpreter in it) is replaced by an empty one that holds these paths.

    Raises:
        OSError: this process may not mount.
    """
    paths = list(paths)
    hidden = sorted(hidden_from_others(paths))
    if hidden:
        linux.unshare(linux.CLONE_NEWNS)
        linux.mount("none", "/", flags=linux.MS_REC | linux.MS_PRIVATE)
    for closed in hidden:
        inside = [(path, os.open(path, os.O_PATH | os.O_CLOEXEC)) for path in paths if _holds(closed, path)]
        linux.mount("tmpfs", closed, "tmpfs", linux.MS_NOSUID | linux.MS_NODEV, "mode=755,size=1m")
        for path, fd in inside:
            _bind(f"/proc/self/fd/{fd}", path, linux.MS_NOSUID | linux.MS_NODEV)
            os.close(fd)
        linux.mount(
            "none", closed, flags=linux.MS_REMOUNT | linux.MS_BIND | linux.MS_RDONLY | linux.MS_NOSUID | linux.MS_NODEV
        )
