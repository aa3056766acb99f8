"""Choose an implementation: the kernels table first, then the portable ones that the caller brings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import torch
from torch import Tensor

from composekit._errors import ImplementationError, message
from composekit_kernels.dispatch import LOADED, Call, accepted, explain, load


def describe(tensor: Tensor, *, features: Iterable[str] = (), **sizes: int) -> Call:
    """The facts of a call on ``tensor``: its device and dtype, the options in use, the axes that kernels ask about.

    Name no axis that varies from call to call (batch, time): under torch.compile each named size becomes a guard.
    """
    device = tensor.device.type
    arch = 0
    if device == "cuda" and torch.version.hip:
        device = "rocm"
    elif device == "cuda":
        major, minor = torch.cuda.get_device_capability(tensor.device)
        arch = 10 * major + minor
    return Call(device, str(tensor.dtype).removeprefix("torch."), arch, sizes, frozenset(features))


# Loading imports a module, which cannot be traced: under torch.compile it happens while tracing, and only the look-up of the
# function that it has put into the table is traced.
_load: Callable[[str], bool] = torch.compiler.assume_constant_result(load)


def kernel(op: str, impl: str, call: Call) -> tuple[str, Callable[..., Any]] | None:
    """Name and function of the kernel that takes the call, None where none does; traces without a graph break."""
    found = accepted(op, call, impl)
    if found is None or not _load(found[1]):
        return None
    return found[0], LOADED[found[1]]


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
    chosen = kernel(op, impl, call)
    if chosen is not None:
        return chosen
    if impl == "auto":
        return next(iter(portable.items()))
    reasons = explain(op, call, named=True)
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
