from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from composekit import ComposeKitError
from composekit.bridge import tap_layers


def test_the_papers_choice() -> None:
    assert tap_layers(36) == (35, 29, 23, 17, 11, 5)
    assert tap_layers(28, stride=6) == (27, 21, 15, 9, 3)


@given(st.integers(2, 80), st.integers(1, 12))
def test_schemes_follow_their_formulas(depth: int, count: int) -> None:
    stride = max(1, depth // count)
    formula = [depth - 1 - i * stride for i in range(depth) if depth - 1 - i * stride >= 1]
    assert tap_layers(depth, count=count) == tuple(formula[:count])
    even = {int(k) for k in np.round(np.linspace(1, depth - 1, count))}
    assert tap_layers(depth, count=count, scheme="even") == tuple(sorted(even, reverse=True))


@given(st.integers(1, 80), st.integers(1, 12), st.sampled_from(["deepgen", "even"]))
def test_distinct_deep_to_shallow_and_never_the_ends(depth: int, count: int, scheme: str) -> None:
    chosen = tap_layers(depth, count=count, scheme=scheme)
    assert 1 <= len(chosen) <= count
    assert list(chosen) == sorted(set(chosen), reverse=True)
    assert chosen == (1,) if depth == 1 else all(1 <= k <= depth - 1 for k in chosen)


@pytest.mark.parametrize(
    "bad", [{"depth": 0}, {"depth": 4, "count": 0}, {"depth": 4, "stride": 0}, {"depth": 4, "scheme": "odd"}]
)
def test_bad_numbers_raise(bad: dict) -> None:
    with pytest.raises(ValueError, match="tap_layers: ") as caught:
        tap_layers(**bad)
    assert isinstance(caught.value, ComposeKitError)


def test_a_stride_belongs_to_deepgen() -> None:
    with pytest.raises(ValueError, match="stride must be left out"):
        tap_layers(8, stride=2, scheme="even")
