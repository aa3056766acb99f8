"""The tester is tested: what it must refuse, and that its bound is neither loose nor too tight."""

from __future__ import annotations

from typing import NamedTuple

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from composekit.testing import assert_close, error_budget


def refused(actual: object, expected: object, match: str, **options: object) -> None:
    with pytest.raises(AssertionError, match=match):
        assert_close(actual, expected, **options)


X = torch.linspace(-1.0, 2.0, 24).reshape(2, 3, 4)


def test_accepts_itself_and_a_last_bit() -> None:
    assert_close(X, X.clone())
    assert_close(X * (1 + torch.finfo(torch.float32).eps), X)


@pytest.mark.parametrize(
    ("actual", "match"),
    [
        (torch.zeros_like(X), "root-mean-square"),
        (X[:1], "shape"),
        (X.double(), "dtype"),
        (X.to("meta"), "device"),
        (X.masked_fill(X > 1.9, float("nan")), "NaN"),
        (X.masked_fill(X > 1.9, float("inf")), "infinities"),
        (X * 1.001, "root-mean-square"),
        (X + torch.nn.functional.one_hot(torch.tensor(0), 24).reshape(2, 3, 4) * 1e-4, "error"),
    ],
    ids=["zeros", "shape", "dtype", "device", "nan", "inf", "scaled", "one element"],
)
def test_refuses(actual: torch.Tensor, match: str) -> None:
    refused(actual, X, match)


def test_refuses_a_dropped_mask() -> None:
    mask = torch.ones(2, 3, 4, dtype=torch.bool)
    mask[0, 0] = False
    refused(X, X * mask, "error")


def test_nan_is_never_equal() -> None:
    nan = torch.full((3,), float("nan"))
    refused(nan, nan, "NaN")


def test_infinities_must_have_the_same_sign_and_place() -> None:
    up = torch.tensor([1.0, float("inf")])
    assert_close(up, up.clone())
    refused(-up, up, "infinities")
    refused(torch.tensor([float("inf"), 1.0]), up, "infinities")


def test_zero_expected_demands_zero() -> None:
    assert_close(torch.zeros(3), torch.zeros(3))
    refused(torch.full((3,), 1e-30), torch.zeros(3), "root-mean-square")


def test_integers_and_bools_are_compared_exactly() -> None:
    refused(torch.tensor([1, 2]), torch.tensor([1, 3]), r"differs first at \(1,\): 2 against 3")
    refused(torch.tensor([True]), torch.tensor([False]), "differs")


class Pair(NamedTuple):
    a: torch.Tensor
    b: torch.Tensor | None


def test_structures_are_compared_item_by_item() -> None:
    assert_close(Pair(X, None), Pair(X, None))
    refused(Pair(X, X), Pair(X, None), "None")
    refused(Pair(X, X + 1), Pair(X, X), r"result\.b")
    refused((X, X), Pair(X, X), "expected Pair")
    refused({"a": X}, {"b": X}, "keys")
    refused([X], [X, X], "expected list of 2")


@given(st.sampled_from([torch.bfloat16, torch.float16, torch.float32]), st.integers(0, 1000))
def test_budget_accepts_the_references_own_error_and_refuses_ten_times_that(dtype: torch.dtype, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    a = torch.randn(16, 32, generator=generator, dtype=torch.float64).to(dtype).double()
    b = torch.randn(32, 16, generator=generator, dtype=torch.float64).to(dtype).double()
    exact = a @ b
    reference = (a.to(dtype) @ b.to(dtype)).to(dtype)
    assert_close(exact.to(dtype), reference, exact=exact)
    assert_close(reference, reference, exact=exact)
    budget = error_budget(reference, exact)
    noise = 10 * budget.rms * torch.sign(torch.randn(16, 16, generator=generator, dtype=torch.float64))
    refused((exact + noise).to(dtype), reference, "error", exact=exact)


def test_exact_must_be_float64_and_of_the_same_shape() -> None:
    refused(X, X, "float64", exact=X)
    refused(X, X, "shape", exact=X.double()[0])
