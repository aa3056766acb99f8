"""The error family of composekit and the shape checker. Standard library only.

Every message reads ``<op>: <argument> must <rule>; got <observed>. <how to repair it>.``
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Protocol


class ComposeKitError(Exception):
    """Base of every error that composekit raises on purpose."""


class ArgumentError(ComposeKitError, ValueError):
    """An argument has a value that the operation cannot take."""


class ArgumentTypeError(ComposeKitError, TypeError):
    """An argument has a type (or a dtype) that the operation cannot take."""


class ShapeError(ArgumentError):
    """A tensor has a shape that contradicts the other arguments."""


class ImplementationError(ArgumentError):
    """The implementation that was asked for cannot run these arguments here."""


class MissingExtraError(ComposeKitError, ImportError):
    """An optional dependency is not installed; the message names the pip command."""


def message(op: str, argument: str, rule: str, got: object, repair: str) -> str:
    """Build the one sentence form of all errors."""
    return f"{op}: {argument} must {rule}; got {got}. {repair.rstrip('.')}."


def brackets(sizes: Iterable[int]) -> str:
    """A shape as text. Sizes that a compiler holds symbolic become numbers, so that the text is one it can hold.

    Example:
        >>> brackets((2, 3))
        '[2, 3]'
    """
    return "[" + ", ".join([f"{int(n)}" for n in sizes]) + "]"


def bad_value(op: str, argument: str, rule: str, got: object, repair: str) -> ArgumentError:
    """An :class:`ArgumentError` in the common form, to be raised by the caller."""
    return ArgumentError(message(op, argument, rule, got, repair))


def bad_type(op: str, argument: str, rule: str, got: object, repair: str) -> ArgumentTypeError:
    """An :class:`ArgumentTypeError` in the common form, to be raised by the caller."""
    return ArgumentTypeError(message(op, argument, rule, got, repair))


def missing_extra(op: str, package: str, extra: str) -> MissingExtraError:
    """A :class:`MissingExtraError` that names the pip command."""
    return MissingExtraError(
        message(op, package, "be installed", "no such package", f"Run: pip install 'composekit[{extra}]'")
    )


class HasShape(Protocol):
    """Anything with a ``shape``: a torch tensor, a numpy array."""

    @property
    def shape(self) -> Any: ...


def check_shapes(op: str, **tensors: tuple[HasShape, str]) -> dict[str, int]:
    """Bind the axes of several tensors by name and return the sizes.

    Each keyword is an argument name with ``(tensor, "B T H D")``. An axis name that occurs twice must have one size; a
    number must be met exactly; a leading ``...`` matches any leading axes.

    Raises:
        ShapeError: naming the argument, the expected shape with the sizes bound so far, and the observed one.

    Example:
        >>> import numpy as np
        >>> check_shapes("demo", q=(np.zeros((2, 3, 4)), "B T D"), k=(np.zeros((2, 5, 4)), "B S D"))
        {'B': 2, 'T': 3, 'D': 4, 'S': 5}
    """
    bound: dict[str, int] = {}
    for argument, (tensor, spec) in tensors.items():
        axes = spec.split()
        shape = tuple(tensor.shape)
        if axes and axes[0] == "...":
            axes = axes[1:]
            fits = len(shape) >= len(axes)
            tail = shape[len(shape) - len(axes) :]
        else:
            fits = len(shape) == len(axes)
            tail = shape
        trial = dict(bound)
        if fits:
            for axis, size in zip(axes, tail, strict=True):
                want = int(axis) if axis.isdigit() else trial.setdefault(axis, size)
                fits = fits and want == size
        if not fits:
            expected = ", ".join(f"{a}={int(bound[a])}" if a in bound else a for a in spec.split())
            raise ShapeError(
                message(
                    op,
                    argument,
                    f"have shape [{expected}]",
                    brackets(shape),
                    "Sizes given with = are fixed by the arguments before it",
                )
            )
        bound = trial
    return bound
