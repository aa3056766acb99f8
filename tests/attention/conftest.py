"""The paths of linear attention, each with the precision it is tested in."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch


@dataclass(frozen=True)
class Path:
    """One implementation; ``rtol`` is what an algebraic identity may lose in ``dtype``."""

    impl: str
    dtype: torch.dtype = torch.float64
    rtol: float = 1e-12

    def randn(self, *shape: int) -> torch.Tensor:
        return torch.randn(*shape, dtype=self.dtype)


PATHS = [Path("reference"), Path("chunked")]


@pytest.fixture(params=PATHS, ids=lambda path: path.impl)
def path(request: pytest.FixtureRequest) -> Path:
    return request.param
