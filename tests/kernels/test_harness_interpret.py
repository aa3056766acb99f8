"""The interpreter harness itself, on the toy kernel."""

from __future__ import annotations

import pytest
import torch

from composekit.testing import assert_close

pytestmark = [pytest.mark.interpret, pytest.mark.gpu]


def test_a_kernel_runs_and_honours_its_mask(toy, device: str) -> None:
    a, b = (torch.randn(16, 16, device=device) for _ in range(2))
    exact = 0.5 * a.double() @ b.double()
    exact[11:] = 0
    expected = exact.float()
    assert_close(toy.launch(a, b, 0.5, 11), expected)
