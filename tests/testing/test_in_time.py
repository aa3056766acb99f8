"""The fixture that holds calls to a time limit: one slow try is forgiven, a slow call is not."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator

import pytest


def _clock(*durations: float) -> Callable[[], float]:
    """A clock by which the n-th try takes the n-th duration."""

    def reads() -> Iterator[float]:
        for duration in durations:
            yield 0.0
            yield duration

    return reads().__next__


def test_one_slow_try_is_forgiven(in_time) -> None:
    assert in_time(1.0, lambda: "result", clock=_clock(9.0, 0.5)) == "result"


def test_a_call_that_is_slow_in_each_try_fails(in_time) -> None:
    with pytest.raises(AssertionError, match=r"2\.00 s at the best"):
        in_time(1.0, lambda: None, clock=_clock(3.0, 2.0, 4.0))


def test_nothing_is_collected_meanwhile_and_errors_come_through(in_time) -> None:
    assert in_time(1.0, gc.isenabled, clock=_clock(0.1)) is False
    with pytest.raises(ZeroDivisionError):
        in_time(1.0, lambda: 1 // 0)
    assert gc.isenabled()
