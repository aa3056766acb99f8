"""Tokens that a model excludes, rows that nobody may read, and bad rows."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from composekit import ComposeKitError
from composekit.distill import (
    ExOPDLoss,
    LinearHead,
    _checks,
    chunked,
    forward_kl,
    gopd_advantages,
    gopd_loss,
    jsd,
    linear_forward_kl,
    linear_gopd_loss,
    linear_jsd,
    pairs,
    reduce,
    sampled_gopd_loss,
    selected_logp,
)
from composekit.testing import assert_close

from .conftest import as_head, gradient, models

EXCLUDED = -torch.inf


def without(x: Tensor, *tokens: int) -> Tensor:
    x = x.detach().clone()
    x[..., list(tokens)] = EXCLUDED
    return x


def test_an_infinite_row_that_is_masked_leaves_the_gradient_alone(triple: list[Tensor]) -> None:
    student, teacher, reference = triple
    bad = teacher.clone()
    bad[0, 2, 4] = EXCLUDED
    mask = torch.ones(2, 5, dtype=torch.bool)
    mask[0, 2] = False
    for impl in ("chunked", "reference"):
        loss = ExOPDLoss(impl=impl)(student, bad, reference, mask=mask).loss
        clean = ExOPDLoss(impl=impl)(student, teacher, reference, mask=mask).loss
        assert_close(loss, clean, rtol=1e-12)
        assert_close(torch.autograd.grad(loss, student), torch.autograd.grad(clean, student), rtol=1e-12)
    bias = torch.zeros(17, dtype=torch.float64)
    bias[4] = EXCLUDED
    heads = [as_head(x) for x in triple]
    strict = LinearHead(heads[1].hidden, heads[1].weight, bias)
    out = ExOPDLoss()(heads[0], strict, heads[2], mask=torch.zeros(2, 5, dtype=torch.bool)).loss
    assert_close(out, torch.zeros_like(out))
    assert_close(torch.autograd.grad(out, student)[0], torch.zeros_like(student))


@pytest.mark.parametrize("form", ["scalar", "gopd", "jsd", "forward", "selected"])
def test_rows_without_weight_do_not_reach_the_head_where_all_rows_are_walked(
    form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As on a GPU, where nobody asks which rows are alive, nor whether they hold NaN."""
    for module in (chunked, pairs):
        monkeypatch.setattr(module, "live_rows", lambda weights: None)
    monkeypatch.setattr(_checks, "on_host", lambda x: False)
    hidden, weight = torch.randn(3, 2, 5, 4).double(), torch.randn(3, 17, 4).double()
    mask = torch.arange(10).view(2, 5) % 3 != 1
    found = []
    for value in (0.5, torch.nan):
        states = hidden.masked_fill(~mask[..., None], value)
        leaves = [x.clone().requires_grad_() for x in (states[0], weight[0], torch.zeros(17).double())]
        s, t, r = LinearHead(*leaves), LinearHead(states[1], weight[1]), LinearHead(states[2], weight[2])
        tokens = torch.full((2, 5), 16)
        loss = {
            "scalar": lambda s, t, r: ExOPDLoss(impl="chunked")(s, t, r, mask=mask).loss,
            "gopd": lambda s, t, r: reduce(linear_gopd_loss(s, t, r, impl="chunked"), mask),
            "jsd": lambda s, t, r: reduce(linear_jsd(s, t, impl="chunked"), mask),
            "forward": lambda s, t, r: reduce(linear_forward_kl(s, t, impl="chunked"), mask),
            "selected": lambda s, t, r, tokens=tokens: reduce(selected_logp(s, tokens, impl="chunked"), mask),
        }[form](s, t, r)
        found.append(torch.autograd.grad(loss, leaves))
    assert_close(found[1], found[0], rtol=1e-11)


def test_divergences_between_supports_that_differ(triple: list[Tensor]) -> None:
    student, teacher, _ = triple
    for impl in ("reference", "chunked"):
        infinite = forward_kl(without(student, 3), teacher, impl=impl)
        assert_close(infinite, torch.full_like(infinite, torch.inf))
        assert bool(forward_kl(student, without(teacher, 3), impl=impl).isfinite().all())
        one, other = without(student, 3, 5).requires_grad_(), without(teacher, 5, 6)
        loss = jsd(one, other, beta=0.3, impl=impl)
        p, q = one.log_softmax(-1).exp(), other.log_softmax(-1).exp()
        m = 0.3 * q + 0.7 * p
        by_hand = 0.3 * torch.special.xlogy(q, q / m.clamp(min=1e-300)).sum(-1)
        by_hand = by_hand + 0.7 * torch.special.xlogy(p, p / m.clamp(min=1e-300)).sum(-1)
        assert_close(loss, by_hand, rtol=1e-11)
        assert bool(gradient(loss, one)[0].isfinite().all())


@pytest.mark.parametrize("impl", ["reference", "chunked"])
@pytest.mark.parametrize("bad", [torch.nan, torch.inf])
@pytest.mark.parametrize("model", [0, 1, 2])
def test_nan_and_plus_infinity_raise_with_the_place(impl: str, bad: float, model: int, triple: list[Tensor]) -> None:
    broken = [x.detach().clone() for x in triple]
    broken[model][1, 3, 7] = bad
    name = ("student", "teacher", "reference")[model]
    with pytest.raises(ComposeKitError, match=rf"gopd_loss: {name}_logits must hold in every row .*\[1, 3\]"):
        gopd_loss(*broken, impl=impl)
    heads = [LinearHead(x, torch.eye(17, dtype=torch.float64)) for x in broken]
    if bad != bad:
        for loss in (linear_gopd_loss(*(as_head(x) for x in triple), impl=impl), None):
            assert loss is None or bool(loss.isfinite().all())
        with pytest.raises(ComposeKitError, match=rf"{name} must hold in every row"):
            linear_gopd_loss(*heads, impl=impl)
        with pytest.raises(ComposeKitError, match=rf"ExOPDLoss: {name} must hold in every row"):
            ExOPDLoss(impl=impl)(*heads, mask=torch.ones(2, 5, dtype=torch.bool))


@pytest.mark.parametrize("impl", ["reference", "chunked"])
def test_a_row_without_any_token_raises(impl: str, triple: list[Tensor]) -> None:
    teacher = triple[1].clone()
    teacher[0, 1] = EXCLUDED
    with pytest.raises(ComposeKitError, match=r"teacher_logits must hold in every row .* got position \[0, 1\]"):
        gopd_loss(triple[0], teacher, triple[2], impl=impl)


def test_excluded_tokens_among_sampled_ones() -> None:
    half = torch.tensor([[0.5, 0.5, 0.5, 0.5]]).log()
    teacher = torch.tensor([[0.5, 0.0, 0.5, 0.0]]).log()
    reference = torch.tensor([[0.5, 0.5, 0.0, 0.0]]).log()
    found = gopd_advantages(half, teacher, reference, reward_scale=1.25)
    assert_close(found, torch.tensor([[0.0, EXCLUDED, torch.inf, EXCLUDED]]))
    clipped = gopd_advantages(half, teacher, reference, reward_scale=1.25, clip=3.0)
    assert_close(clipped, torch.tensor([[0.0, -3.0, 3.0, -3.0]]))
    assert_close(
        gopd_advantages(half, teacher, teacher, reward_scale=0.0, clip=9.0), clipped.new_tensor([[0, -9, 0, -9]])
    )
    impossible = torch.tensor([[EXCLUDED, -0.5]])
    assert_close(gopd_advantages(impossible, half[:, :2], reward_scale=1.0)[0, 0], torch.tensor(0.0))
    loss = sampled_gopd_loss(impossible, torch.tensor([[3.0, 3.0]]), rollout_logp=torch.tensor([[-1.0, EXCLUDED]]))
    assert_close(loss, torch.tensor([[0.0, 7.5]]))


def test_large_logits_do_not_overflow() -> None:
    student, teacher, reference = (300.0 * x.detach() for x in models(2, 5, 17, dtype=torch.float32))
    quick = gopd_loss(student, teacher, reference, impl="chunked")
    exact = gopd_loss(student.double(), teacher.double(), reference.double(), impl="reference")
    assert_close(quick, exact.float(), rtol=1e-5)
    student, teacher, reference = models(2, 5, 17, dtype=torch.float32)
    teacher = teacher + torch.linspace(0.0, 300.0, 17)  # the sums of one model alone leave float32 without an anchor
    assert_close(
        gopd_loss(student, teacher, reference, impl="chunked"),
        gopd_loss(student.double(), teacher.double(), reference.double(), impl="reference").float(),
        rtol=1e-5,
    )
