"""Whether data on a GPU may be looked at. Standard library only."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

_depth = 0


@contextmanager
def debug() -> Iterator[None]:
    """Within it, data is checked on every device, as it always is on the CPU: NaN, rows without a finite logit, ids.

    Outside of it no check waits for a GPU. Kernels inside a compiled graph are not looked at; the portable implementations
    are, compiled or not.

    Example:
        >>> import composekit
        >>> with composekit.debug():
        ...     pass  # a step whose loss came out as NaN
    """
    global _depth
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1


def debugging() -> bool:
    """Whether a :func:`debug` is open, in any thread: backward passes run in threads of their own."""
    return _depth > 0
