"""Choose an implementation: the kernels table first, then the portable ones that the caller brings."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from composekit._errors import ImplementationError, message
from composekit_kernels.dispatch import Call, explain, resolve


def choose(
    op: str, impl: str, call: Call, portable: Mapping[str, Callable[..., Any]]
) -> tuple[str, Callable[..., Any]]:
    """The name and the function of the implementation that runs.

    ``portable`` maps ``"chunked"`` and ``"reference"`` to functions that take any device, best first. ``auto`` tries the
    kernels table, then the first portable one. An explicit name never falls back.

    Raises:
        ImplementationError: the named implementation does not exist or cannot take the call; the message says why.
    """
    if impl in portable:
        return impl, portable[impl]
    chosen = resolve(op, call, impl)
    if chosen is not None:
        return chosen
    if impl == "auto":
        return next(iter(portable.items()))
    reasons = explain(op, call)
    names = ", ".join(["auto", *portable, *reasons])
    if impl not in reasons:
        raise ImplementationError(message(op, "impl", f"be one of {names}", repr(impl), "Leave it at 'auto'"))
    raise ImplementationError(
        message(
            op,
            "impl",
            "name an implementation that can run these arguments",
            f"{impl!r}, which {reasons[impl]}",
            f"Use impl='auto' or one of {', '.join(portable)}",
        )
    )
