"""Blocks and chunks so small that every test crosses several of them, and the paths that each identity is held over."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from composekit.distill import LinearHead, Teachers, gopd_loss, linear_gopd_loss

Loss = Callable[..., Tensor]


@pytest.fixture(autouse=True)
def _several_blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "whole_blocks" in request.fixturenames:
        return
    from composekit.distill import chunked, pairs, sources

    monkeypatch.setattr(sources, "BLOCK", 24)
    monkeypatch.setattr(sources, "NARROWEST", 3)
    monkeypatch.setattr(chunked, "MAX_ROWS", 4)
    monkeypatch.setattr(chunked, "BUFFERS", 2 * 3 * 17)
    monkeypatch.setattr(pairs, "MAX_ROWS", 4)
    monkeypatch.setattr(pairs, "BUFFERS", 2 * 3 * 17)


@pytest.fixture
def whole_blocks() -> None:
    """Ask for the sizes of blocks and chunks that users get."""


def as_head(logits: Tensor) -> LinearHead:
    """A head whose logits are the given ones: the identity over the finite part, -inf from a bias shared by all rows."""
    excluded = (logits == -torch.inf).flatten(0, -2).all(0)
    bias = torch.where(excluded, -torch.inf, 0.0).to(logits.dtype)
    weight = torch.eye(logits.shape[-1], dtype=logits.dtype)
    return LinearHead(logits.masked_fill(excluded, 0.0), weight, bias if bool(excluded.any()) else None)


def _linear(student: Tensor, teacher: Tensor | Teachers | None, reference: Tensor | None = None, **options) -> Tensor:  # type: ignore[no-untyped-def]
    normalize = options.pop("normalize", False)
    heads = [None if x is None else as_head(x) for x in (teacher, reference)]
    loss = linear_gopd_loss(as_head(student), *heads, **options)
    if normalize:  # the linear form has no such option; log Z carries no gradient
        with torch.no_grad():
            plain = {**options, "impl": "reference"}
            log_z = gopd_loss(student, teacher, reference, normalize=True, **plain)
            log_z -= gopd_loss(student, teacher, reference, **plain)
        loss = loss + log_z
    return loss


def _with(impl: str, loss: Loss) -> Loss:
    def run(*args, **options):  # type: ignore[no-untyped-def]
        return loss(*args, impl=impl, **options)

    return run


PATHS: dict[str, Loss] = {
    "reference": _with("reference", gopd_loss),
    "chunked": _with("chunked", gopd_loss),
    "linear-reference": _with("reference", _linear),
    "linear-chunked": _with("chunked", _linear),
}


@pytest.fixture(params=PATHS)
def path(request: pytest.FixtureRequest) -> Loss:
    """One of the ways to compute the loss from logits."""
    return PATHS[request.param]


def models(*shape: int, count: int = 3, scale: float = 2.0, dtype: torch.dtype = torch.float64) -> list[Tensor]:
    """Logits of student, teacher and reference (and more), the student's with gradient."""
    made = [torch.randn(shape, dtype=dtype) * scale for _ in range(count)]
    made[0].requires_grad_()
    return made


@pytest.fixture
def triple() -> list[Tensor]:
    """Student, teacher, reference: [2, 5, 17] in float64."""
    return models(2, 5, 17)


def gradient(loss: Tensor, *inputs: Tensor, weights: Tensor | None = None) -> list[Tensor]:
    """Gradients of a weighted sum of per-token losses; the weights are fixed and uneven."""
    if weights is None:
        weights = torch.linspace(0.3, 1.7, loss.numel(), dtype=loss.dtype).view(loss.shape)
    return list(torch.autograd.grad((loss * weights).sum(), inputs, retain_graph=True))


def near(actual: Tensor, expected: Tensor, tolerance: float = 1e-9) -> None:
    """Equal shape and dtype, no NaN, and an absolute bound: for values that may be zero."""
    assert actual.shape == expected.shape
    assert actual.dtype == expected.dtype
    assert actual.numel() == 0 or float((actual.detach() - expected.detach()).abs().max()) < tolerance
