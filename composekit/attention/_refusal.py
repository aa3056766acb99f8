"""Bad arguments inside a compiled graph: the error is raised when the graph runs, and stays what it is.

An exception that traced code raises becomes Dynamo's own under ``fullgraph=True``, no longer a ValueError. So a check that
fails while tracing puts an operator into the graph, which raises the house's error as soon as it runs.

No ``from __future__ import annotations`` here: ``custom_op`` reads the annotations.
"""

import torch
from torch import Tensor

from composekit._errors import ArgumentError, ArgumentTypeError, ComposeKitError, ShapeError

_KINDS = {kind.__name__: kind for kind in (ArgumentError, ArgumentTypeError, ShapeError)}


@torch.library.custom_op("composekit::refuse", mutates_args=())
def _refuse(like: Tensor, kind: str, text: str, shape: list[int]) -> Tensor:
    """Raise the error of this kind; for tracing, a tensor of this shape."""
    raise _KINDS[kind](text)


@_refuse.register_fake
def _(like, kind, text, shape):  # type: ignore[no-untyped-def]
    return like.new_empty(shape)


def refuse(error: ComposeKitError, *tensors: object) -> Tensor:
    """Raise ``error``, or, while tracing, return a tensor in whose place it will be raised.

    Args:
        error: What a check has found.
        tensors: Arguments of the call as they came. The result has the shape of the first, with the last axis of the last,
            so that whatever the caller does with it can be traced, too.
    """
    if not torch.compiler.is_compiling():
        raise error
    found = [x for x in tensors if isinstance(x, Tensor) and x.dim()]
    like = found[0] if found else torch.zeros(0)
    shape = [*like.shape[:-1], found[-1].shape[-1]] if found else [0]
    return _refuse(like, type(error).__name__, error.args[0], shape)
