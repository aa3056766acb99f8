"""Which files a candidate may see: the interpreter, its libraries, the packages that it may import. Nothing else."""

from __future__ import annotations

import os
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from typing import NamedTuple

_DEVICES = ("/dev/null", "/dev/zero", "/dev/random", "/dev/urandom")
_DATA = ("/etc/ld.so.cache", "/usr/share/zoneinfo", "/etc/localtime", "/usr/lib/locale/C.utf8")
_LOADERS = ("/lib64", "/lib/ld-linux-aarch64.so.1", "/lib/ld-musl-x86_64.so.1", "/lib/ld-musl-aarch64.so.1")
_FOREIGN = ("site-packages", "dist-packages")


class Layout(NamedTuple):
    """What is visible.

    Args:
        trees: Files and directories to read, as absolute real paths.
        covered: Directories inside the trees that are hidden: whatever is installed beside the standard library.
        links: Symbolic links on the way to the trees, with where they lead.
        devices: Device files.
        packages: Importable packages and where they lie.
    """

    trees: tuple[str, ...]
    covered: tuple[str, ...]
    links: tuple[tuple[str, str], ...]
    devices: tuple[str, ...]
    packages: Mapping[str, str]

    def readable(self) -> list[str]:
        """The same as paths that together hold no covered directory, for walls that cannot cover."""
        found: list[str] = [*self.devices]
        for tree in self.trees:
            found += _without(tree, self.covered)
        return found


def find(packages: Mapping[str, str]) -> Layout:
    """The layout of this interpreter, with packages by name and path."""
    standard = {os.path.realpath(sysconfig.get_path(key)) for key in ("stdlib", "platstdlib")}
    trees = {os.path.realpath(path) for path in (*_DATA, sys.executable) if os.path.exists(path)}
    trees |= standard | _library_directories() | {os.path.realpath(p) for p in _LOADERS if os.path.exists(p)}
    for path in packages.values():
        trees.add(os.path.realpath(path))
        libraries = os.path.realpath(path) + ".libs"
        if os.path.isdir(libraries):
            trees.add(libraries)
    shown = _outermost(trees)
    covered = [os.path.join(path, name) for path in standard for name in _FOREIGN]
    covered = [path for path in covered if os.path.isdir(path) and not any(_inside(t, path) for t in trees)]
    if any(_inside(path, cover) for cover in covered for path in packages.values()):
        covered = []  # pragma: no cover
    return Layout(tuple(shown), tuple(covered), tuple(_links(trees)), _present(_DEVICES), dict(packages))


def _library_directories() -> set[str]:
    """Where the shared libraries of this process lie, and so those of the modules that it may still load."""
    found = set()
    try:
        with open("/proc/self/maps") as maps:
            for line in maps:
                path = line.rstrip("\n").partition("/")[2]
                if ".so" in path and "(deleted)" not in path:
                    found.add(os.path.realpath(os.path.dirname("/" + path)))
    except OSError:
        pass
    return {path for path in found if path != "/"}


def _present(paths: Iterable[str]) -> tuple[str, ...]:
    return tuple(path for path in paths if os.path.exists(path))


def _inside(path: str, tree: str) -> bool:
    return path == tree or path.startswith(tree.rstrip("/") + "/")


def _outermost(paths: Iterable[str]) -> list[str]:
    """Without the paths that lie in others."""
    shown: list[str] = []
    for path in sorted(paths):
        if not (shown and any(_inside(path, tree) for tree in shown)):
            shown.append(path)
    return shown


def _links(paths: Iterable[str]) -> list[tuple[str, str]]:
    """Links that programs expect at the root of a merged file system: /lib to usr/lib and the like."""
    found = []
    for path in ("/lib", "/lib64", "/usr/lib64", "/usr/local/lib64"):
        if os.path.islink(path):
            target = os.path.realpath(path)
            if any(_inside(p, target) or _inside(target, p) for p in paths):
                found.append((path, target))
    return found


def _without(tree: str, covered: Iterable[str]) -> list[str]:
    """A tree as its parts, so that none of them holds a covered directory."""
    if not any(_inside(cover, tree) for cover in covered):
        return [tree]
    if tree in covered:
        return []
    found = []
    for name in os.listdir(tree):
        found += _without(os.path.join(tree, name), covered)
    return found


def hidden_from_others(paths: Iterable[str]) -> set[str]:
    """The outermost directories that keep users other than their owner away from these paths."""
    found = set()
    for path in paths:
        at = "/"
        for name in path.strip("/").split("/")[:-1]:
            at = os.path.join(at, name)
            if not os.stat(at).st_mode & 0o001:
                found.add(at)
                break
    return found
