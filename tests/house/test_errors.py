from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import composekit
from composekit import _errors as errors


def test_errors_belong_to_one_family_and_to_the_builtin_kinds() -> None:
    for kind, builtin in (
        (errors.ArgumentError, ValueError),
        (errors.ArgumentTypeError, TypeError),
        (errors.ShapeError, ValueError),
        (errors.ImplementationError, ValueError),
        (errors.MissingExtraError, ImportError),
    ):
        assert issubclass(kind, composekit.ComposeKitError)
        assert issubclass(kind, builtin)


def test_message_has_the_common_form() -> None:
    error = errors.bad_value("op", "argument", "be positive", -1, "Take its absolute value.")
    assert str(error) == "op: argument must be positive; got -1. Take its absolute value."


def test_missing_extra_names_the_pip_command() -> None:
    assert "pip install 'composekit[math]'" in str(errors.missing_extra("verify", "math-verify", "math"))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=4))
def test_check_shapes_binds_every_axis(sizes: list[int]) -> None:
    spec = " ".join("ABCD"[: len(sizes)])
    assert errors.check_shapes("op", x=(np.zeros(sizes), spec)) == dict(zip("ABCD", sizes, strict=False))


def test_check_shapes_names_the_argument_and_both_shapes() -> None:
    with pytest.raises(errors.ShapeError, match=r"^op: k must have shape \[B=2, S, D=4\]; got \[2, 3, 5\]\."):
        errors.check_shapes("op", q=(np.zeros((2, 3, 4)), "B T D"), k=(np.zeros((2, 3, 5)), "B S D"))


def test_check_shapes_takes_leading_axes_and_numbers() -> None:
    assert errors.check_shapes("op", x=(np.zeros((7, 8, 2, 3)), "... 2 D")) == {"D": 3}
    with pytest.raises(errors.ShapeError):
        errors.check_shapes("op", x=(np.zeros((3,)), "... 2 D"))
    with pytest.raises(errors.ShapeError):
        errors.check_shapes("op", x=(np.zeros((4, 3)), "2 D"))
