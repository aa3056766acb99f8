"""Precision and memory of the chunked path, at the sizes of real vocabularies."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from composekit.distill import (
    ExOPDLoss,
    LinearHead,
    chunked,
    gopd_loss,
    linear_forward_kl,
    linear_gopd_loss,
    linear_jsd,
    operators,
    selected_logp,
)
from composekit.distill.engine import triple as tensors
from composekit.testing import assert_close

pytestmark = pytest.mark.usefixtures("whole_blocks")


def heads(
    time: int, vocabulary: int, widths: tuple[int, int, int], dtype: torch.dtype, bias: bool = True
) -> list[LinearHead]:
    """Heads whose logits are of the size that language models have; hidden states and weights in ``dtype``."""
    made = []
    for width in widths:
        hidden = torch.randn(1, time, width).to(dtype)
        weight = (torch.randn(vocabulary, width) * 3 / width**0.5).to(dtype)
        made.append(LinearHead(hidden, weight, torch.randn(vocabulary).to(dtype) if bias else None))
    return made


def relative(actual: Tensor, exact: Tensor) -> float:
    return float((actual.double() - exact).norm() / exact.norm())


def exactly(models: list[LinearHead], weights: Tensor) -> tuple[Tensor, list[Tensor]]:
    """Loss and gradients in float64 on the reference path."""
    wide = [LinearHead(*(None if x is None else x.detach().double() for x in model)) for model in models]
    inputs = [x.requires_grad_() for x in wide[0] if x is not None]
    loss = linear_gopd_loss(*wide, impl="reference")
    return loss.detach(), list(torch.autograd.grad((loss * weights).sum(), inputs))


@pytest.mark.parametrize(
    ("vocabulary", "time", "dtype", "tolerance"),
    [
        pytest.param(151_936, 3, torch.float32, 1e-5, id="qwen-float32"),
        pytest.param(32_003, 7, torch.float32, 1e-5, id="prime-float32"),
        pytest.param(32_003, 7, torch.bfloat16, 1e-2, id="prime-bfloat16"),
    ],
)
@pytest.mark.parametrize("form", ["per token", "scalar"])
def test_the_linear_path_equals_float64(
    vocabulary: int, time: int, dtype: torch.dtype, tolerance: float, form: str
) -> None:
    models = heads(time, vocabulary, (16, 24, 32), dtype)
    inputs = [x.requires_grad_() for x in models[0] if x is not None]
    weights = torch.linspace(0.5, 1.5, time, dtype=torch.float64)[None]
    exact, exact_grads = exactly(models, weights / 7)
    if form == "per token":
        loss = linear_gopd_loss(*models)
        grads = torch.autograd.grad((loss * weights.float() / 7).sum(), inputs)
        assert loss.dtype == torch.float32
        assert relative(loss.detach(), exact) < 1e-5, "the values lose nothing to bf16: the inputs are exact in float64"
    else:
        mask = torch.ones(1, time, dtype=torch.bool)
        total = ExOPDLoss(mode="sequence_sum")(*models, mask=mask, denominator=7)
        grads = torch.autograd.grad(total.loss, inputs)
        exact, exact_grads = exactly(models, torch.full_like(weights, 1 / 7))
        assert relative(total.loss.detach(), exact.sum() / 7) < 1e-5
    plain = [LinearHead(*(x.detach().float().requires_grad_() for x in model)) for model in models]
    plain_loss = (
        linear_gopd_loss(*plain, impl="reference") * (weights.float() if form == "per token" else 1.0)
    ).sum() / 7
    own = torch.autograd.grad(plain_loss, tuple(plain[0]))
    for grad, true, given, peer in zip(grads, exact_grads, inputs, own, strict=True):
        assert grad.dtype == given.dtype
        # The gradient of a hidden state is a small rest of large terms: float32 itself is the limit.
        assert relative(grad, true) < max(tolerance, 1.5 * relative(peer, true))


def test_bf16_logits_are_read_as_they_are() -> None:
    logits = [torch.randn(1, 4, 500).bfloat16() for _ in range(3)]
    logits[0].requires_grad_()
    loss = gopd_loss(*logits)
    exact = gopd_loss(*(x.detach().double() for x in logits), impl="reference")
    assert loss.dtype == torch.float32
    assert relative(loss.detach(), exact) < 1e-5
    assert torch.autograd.grad(loss.sum(), logits[0])[0].dtype == torch.bfloat16


def test_float64_in_anything_is_float64_out() -> None:
    logits = [torch.randn(1, 4, 50) for _ in range(3)]
    assert gopd_loss(*logits).dtype == torch.float32
    for k in range(3):
        mixed = [x.double() if i == k else x for i, x in enumerate(logits)]
        for impl in ("reference", "chunked"):
            assert gopd_loss(*mixed, impl=impl).dtype == torch.float64


def test_autocast_changes_nothing() -> None:
    models = heads(5, 300, (16, 16, 16), torch.float32)
    weight = models[0].weight.requires_grad_()
    mask = torch.ones(1, 5, dtype=torch.bool)
    for impl in ("reference", "chunked"):
        plain = linear_gopd_loss(*models, impl=impl)
        scalar = ExOPDLoss(impl=impl)(*models, mask=mask).loss
        with torch.autocast("cpu", torch.bfloat16):
            cast = linear_gopd_loss(*models, impl=impl)
            cast_scalar = ExOPDLoss(impl=impl)(*models, mask=mask).loss
            if impl == "chunked":  # plain autograd asks for its backward outside of autocast
                cast_grads = torch.autograd.grad(cast.sum() + cast_scalar, weight)
        if impl == "reference":
            cast_grads = torch.autograd.grad(cast.sum() + cast_scalar, weight)
        assert_close(cast, plain, rtol=1e-6)
        assert_close(cast_scalar, scalar, rtol=1e-6)
        assert_close(cast_grads, torch.autograd.grad(plain.sum() + scalar, weight), rtol=1e-6)


class Largest(TorchDispatchMode):
    """The element counts of the tensors that operators make, the largest first."""

    def __init__(self) -> None:
        super().__init__()
        self.sizes: dict[tuple[int, ...], int] = {}

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):  # type: ignore[no-untyped-def]
        out = func(*args, **(kwargs or {}))
        for x in out if isinstance(out, (tuple, list)) else (out,):
            if isinstance(x, Tensor):
                self.sizes[tuple(x.shape)] = x.untyped_storage().nbytes() // x.element_size()
        return out


def test_nothing_of_t_v_elements_is_made() -> None:
    time, vocabulary = 640, 32_003
    models = heads(time, vocabulary, (4, 4, 4), torch.float32, bias=False)
    mixture = operators.mixture_of(
        tensors(models[0]), [x for m in models[1:] for x in tensors(m)], [1.25, -0.25], torch.zeros(0), 1.0, False
    )
    biggest = max(4 * vocabulary, chunked.BUFFERS // 2)
    with Largest() as forward:
        totals, _ = chunked.totals_of(mixture, 0)
        summary = chunked.finish(totals, [1.25, -0.25], False)
    with Largest() as backward:
        chunked.backward(mixture, summary.value, summary.lse, summary.mean, [True, True, False], 0, False)
    with Largest() as both:
        chunked.with_gradient(mixture, torch.ones(1, time), [True, True, False], 128)
    assert max(forward.sizes.values()) <= 4 * 2**19 + 4 * 640
    assert max(backward.sizes.values()) <= 4 * 2**19 + 4 * 640
    assert max(both.sizes.values()) == 2 * 128 * vocabulary, "two buffers of [rows, V]"
    assert max(both.sizes.values()) < time * vocabulary < biggest * 2


@pytest.mark.parametrize(("shift", "careful"), [(0.0, False), (-120.0, False), (500.0, False), (None, True)])
def test_ordinary_logits_need_no_second_walk(shift: float | None, careful: bool) -> None:
    """Wherever they lie; an excluded token does."""
    logits = [torch.randn(1, 5, 300) + (shift or 0.0) for _ in range(3)]
    if shift is None:
        logits[1][..., 7] = -torch.inf
    parts = [x for m in logits[1:] for x in tensors(m)]
    mixture = operators.mixture_of(tensors(logits[0]), parts, [1.25, -0.25], torch.zeros(0), 1.0, False)
    assert chunked.totals_of(mixture, 2)[1] == careful


@pytest.mark.parametrize("loss", [linear_forward_kl, linear_jsd])
def test_divergences_equal_float64_at_a_real_vocabulary(loss) -> None:  # type: ignore[no-untyped-def]
    models = heads(4, 32_003, (16, 24, 8), torch.float32)[:2]
    inputs = [x.requires_grad_() for x in models[0] if x is not None]
    wide = [LinearHead(*(x.detach().double() for x in model)) for model in models]
    exact_inputs = [x.requires_grad_() for x in wide[0]]
    quick, exact = loss(*models), loss(*wide, impl="reference")
    assert relative(quick.detach(), exact.detach()) < 1e-5
    plain = LinearHead(*(x.detach().requires_grad_() for x in models[0]))
    own = torch.autograd.grad(loss(plain, models[1], impl="reference").sum(), tuple(plain))
    grads = torch.autograd.grad(quick.sum(), inputs)
    for ours, true, peer in zip(grads, torch.autograd.grad(exact.sum(), exact_inputs), own, strict=True):
        assert relative(ours, true) < max(1e-5, 1.5 * relative(peer, true))


def test_selected_log_probabilities_equal_float64_at_a_real_vocabulary() -> None:
    head = heads(5, 32_003, (16, 1, 1), torch.float32)[0]
    inputs = [x.requires_grad_() for x in head if x is not None]
    tokens = torch.tensor([[0, 32_002, 5, 16_000, 31_999]])
    wide = LinearHead(*(x.detach().double().requires_grad_() for x in head))
    quick, exact = (
        selected_logp(head, tokens, temperature=0.7),
        selected_logp(wide, tokens, temperature=0.7, impl="reference"),
    )
    assert relative(quick.detach(), exact.detach()) < 1e-6
    for ours, true in zip(
        torch.autograd.grad(quick.sum(), inputs), torch.autograd.grad(exact.sum(), tuple(wide)), strict=True
    ):
        assert relative(ours, true) < 1e-5
