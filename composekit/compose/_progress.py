"""A progress bar on the standard error stream, for those who ask for one."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

WIDTH = 30
ON_SCREEN, IN_A_LOG = 0.1, 10.0  # seconds between two pictures; a log keeps every one of them


def bar(unit: str) -> Callable[[int, int], None]:
    """A function of (done, total) that draws a bar: tqdm's where it is installed, else a plain one."""
    try:
        from tqdm import tqdm
    except ImportError:
        return _plain(unit)
    shown: list[tqdm] = []

    def tick(done: int, total: int) -> None:
        if not shown:
            shown.append(tqdm(total=total, unit=f" {unit}", file=sys.stderr, mininterval=_pause()))
        shown[0].update(done - shown[0].n)
        if done >= total:
            shown[0].close()

    return tick


def _plain(unit: str) -> Callable[[int, int], None]:
    start, drawn = time.monotonic(), [0.0]

    def tick(done: int, total: int) -> None:
        now = time.monotonic()
        if 0 < done < total and now - drawn[0] < _pause():
            return
        drawn[0] = now
        full = WIDTH * done // max(total, 1)
        rate = done / max(now - start, 1e-9)
        line = f"\r[{'#' * full}{'.' * (WIDTH - full)}] {done}/{total} {unit} ({rate:.0f}/s)"
        sys.stderr.write(line + ("\n" if done >= total else ""))
        sys.stderr.flush()

    return tick


def _pause() -> float:
    return ON_SCREEN if sys.stderr.isatty() else IN_A_LOG
