r"""A strict comparison of tensors whose tolerance is derived, not chosen.

The error that a fast implementation may make is measured against what the plain reference itself loses in the same
precision: with ``exact`` computed in float64, :math:`|a - x| \le f \cdot |r - x| + u`, where *a* is the result under
test, *r* the reference in the same dtype, *x* the exact result, *f* a small factor and *u* one unit of rounding at the
scale of *x*. The idea of budgeting with the reference's own error is attention-gym's.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor


class ErrorBudget(NamedTuple):
    """The largest allowed errors: root mean square over all elements, and maximum over single elements."""

    rms: float
    maximum: float


def _rms(x: Tensor) -> float:
    return float(x.square().mean().sqrt()) if x.numel() else 0.0


def _peak(x: Tensor) -> float:
    return float(x.abs().max()) if x.numel() else 0.0


def error_budget(
    reference: Tensor, exact: Tensor, *, factor: float = 2.0, dtype: torch.dtype | None = None
) -> ErrorBudget:
    """What an implementation may lose against ``exact``, given what ``reference`` loses.

    Args:
        reference: The reference's result in the precision under test, any shape.
        exact: The same in float64.
        factor: How much worse than the reference the implementation may be.
        dtype: The precision under test; by default that of ``reference``.

    Example:
        >>> exact = torch.linspace(0, 1, 5, dtype=torch.float64)
        >>> budget = error_budget(exact.bfloat16(), exact)
        >>> 0 < budget.rms < 0.01
        True
    """
    dtype = dtype or reference.dtype
    exact64 = exact.detach().double()
    error = (reference.detach().double() - exact64).nan_to_num(0.0, 0.0, 0.0)
    finite = exact64.masked_fill(~exact64.isfinite(), 0.0)
    unit = torch.finfo(dtype).eps if dtype.is_floating_point else 0.0
    return ErrorBudget(factor * _rms(error) + unit * _rms(finite), factor * _peak(error) + unit * _peak(finite))


def assert_close(
    actual: Any,
    expected: Any,
    *,
    exact: Tensor | None = None,
    factor: float = 2.0,
    rtol: float | None = None,
    name: str = "result",
) -> None:
    """Assert that two tensors, or two (named) tuples, lists or dicts of tensors, agree.

    Type, shape, dtype, device and the places of infinities must be equal, and NaN is never equal to anything. Integer and
    bool tensors must be equal. For floating point, with ``exact`` the bound is :func:`error_budget`; without it, the
    root-mean-square and the largest difference are held below ``rtol`` times the same measure of ``expected``.

    Args:
        actual: The result under test.
        expected: The reference, computed independently in the same dtype.
        exact: The float64 result from which the bound is derived (single tensors only).
        factor: See :func:`error_budget`.
        rtol: Relative tolerance where there is no ``exact``; by default 32 units of rounding of the dtype.
        name: What to call the tensor in the message.

    Raises:
        AssertionError: saying which requirement failed, by how much, and where the worst element is.

    Example:
        >>> assert_close(torch.ones(3), torch.ones(3))
        >>> assert_close(torch.zeros(3), torch.ones(3))
        Traceback (most recent call last):
            ...
        AssertionError: result: root-mean-square error 1 exceeds 3.81e-06; worst element (0,): 0.0 against 1.0
    """
    if isinstance(expected, (tuple, list, dict)):
        if exact is not None:
            raise AssertionError(f"{name}: exact= works on single tensors; compare the items one by one")
        _same_structure(actual, expected, name)
        for key, a, e in zip(_items(expected), _items(actual).values(), _items(expected).values(), strict=True):
            assert_close(a, e, factor=factor, rtol=rtol, name=f"{name}.{key}")
        return
    if expected is None or actual is None:
        if actual is not expected:
            raise AssertionError(f"{name}: one of the two is None")
        return
    actual, expected = torch.as_tensor(actual), torch.as_tensor(expected)
    for what in ("shape", "dtype", "device", "layout"):
        if getattr(actual, what) != getattr(expected, what):
            raise AssertionError(f"{name}: {what} {getattr(actual, what)} differs from {getattr(expected, what)}")
    actual, expected = actual.detach(), expected.detach()
    if not (expected.is_floating_point() or expected.is_complex()):
        if not torch.equal(actual, expected):
            where = tuple((actual != expected).nonzero()[0].tolist())
            raise AssertionError(
                f"{name}: differs first at {where}: {actual[where].item()} against {expected[where].item()}"
            )
        return
    if expected.is_complex():
        actual, expected = torch.view_as_real(actual), torch.view_as_real(expected)
    _compare(actual, expected, exact, factor, rtol, name)


def _items(structure: tuple | list | dict) -> dict[Any, Any]:
    if isinstance(structure, dict):
        return structure
    return dict(zip(getattr(structure, "_fields", range(len(structure))), structure, strict=True))


def _same_structure(actual: Any, expected: tuple | list | dict, name: str) -> None:
    if type(actual) is not type(expected) or len(actual) != len(expected):
        size = len(actual) if hasattr(actual, "__len__") else "?"
        raise AssertionError(
            f"{name}: expected {type(expected).__name__} of {len(expected)}, got {type(actual).__name__} of {size}"
        )
    if list(_items(actual)) != list(_items(expected)):
        raise AssertionError(f"{name}: keys {list(_items(actual))} differ from {list(_items(expected))}")


def _compare(
    actual: Tensor, expected: Tensor, exact: Tensor | None, factor: float, rtol: float | None, name: str
) -> None:
    truth = expected if exact is None else exact.detach()
    if truth.shape != actual.shape:
        raise AssertionError(f"{name}: exact has shape {tuple(truth.shape)}, the result {tuple(actual.shape)}")
    if exact is not None and exact.dtype != torch.float64:
        raise AssertionError(f"{name}: exact must be float64, got {exact.dtype}")
    for label, tensor in (("result", actual), ("expected", expected), ("exact", truth)):
        if tensor.isnan().any():
            where = tuple(tensor.isnan().nonzero()[0].tolist())
            raise AssertionError(f"{name}: {label} has NaN, first at {where}")
    infinite = truth.isinf()
    if not torch.equal(actual.double().masked_fill(~infinite, 0.0), truth.double().masked_fill(~infinite, 0.0)) or bool(
        (actual.isinf() & ~infinite).any()
    ):
        where = tuple(((actual.double() != truth.double()) & (infinite | actual.isinf())).nonzero()[0].tolist())
        raise AssertionError(f"{name}: infinities differ, first at {where}: {actual[where]} against {truth[where]}")
    truth64 = truth.double().masked_fill(infinite, 0.0)
    error = actual.double().masked_fill(infinite, 0.0) - truth64
    if exact is not None:
        budget = error_budget(expected, exact, factor=factor)
    else:
        relative = 32 * torch.finfo(expected.dtype).eps if rtol is None else rtol
        budget = ErrorBudget(relative * _rms(truth64), relative * _peak(truth64))
    found = ErrorBudget(_rms(error), _peak(error))
    for label, got, allowed in (
        ("root-mean-square", found.rms, budget.rms),
        ("largest", found.maximum, budget.maximum),
    ):
        if not got <= allowed:
            where = tuple(int(i) for i in torch.unravel_index(error.abs().argmax(), error.shape))
            raise AssertionError(
                f"{name}: {label} error {got:.3g} exceeds {allowed:.3g}; "
                f"worst element {where}: {actual[where].item()} against {truth[where].item()}"
            )
