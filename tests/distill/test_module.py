"""The scalar form: its gradient under everything that a training loop does to it."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from composekit import ComposeKitError
from composekit.distill import ExOPDLoss, LinearHead, gopd_loss, linear_gopd_loss, reduce, selected_logp
from composekit.testing import assert_close

from .conftest import as_head, models, near

MASK = torch.tensor([[True, True, False, True, True], [False, True, True, True, False]])


@pytest.fixture
def heads() -> list[LinearHead]:
    """Student, teacher, reference in float64 with widths that differ; the student's tensors want gradients."""
    made = []
    for width in (4, 6, 3):
        hidden, weight = torch.randn(2, 5, width).double(), torch.randn(17, width).double()
        made.append(LinearHead(hidden, weight, torch.randn(17).double()))
    for x in made[0]:
        x.requires_grad_()
    return made


@pytest.mark.parametrize("mode", ["token_mean", "sequence_mean", "sequence_sum"])
@pytest.mark.parametrize("scale", [0.0, 1.0, 1.25, torch.tensor([0.5, 2.0])])
@pytest.mark.parametrize("denominator", [None, 3.5])
def test_the_module_is_the_reduced_loss(
    heads: list[LinearHead], mode: str, scale: float | Tensor, denominator: float | None
) -> None:
    per_token = linear_gopd_loss(*heads, reward_scale=scale, temperature=0.8, impl="reference")
    expected = reduce(per_token, MASK, mode=mode, denominator=denominator)
    out = ExOPDLoss(scale, 0.8, mode)(*heads, mask=MASK, denominator=denominator)
    assert_close(out.loss, expected, rtol=1e-11)
    assert_close(torch.autograd.grad(out.loss, heads[0]), torch.autograd.grad(expected, heads[0]), rtol=1e-11)
    assert_close(out.diagnostics["per_token"], per_token.detach().masked_fill(~MASK, 0.0), rtol=1e-11)
    kept = per_token.detach()[MASK]
    for name, value in (("mean", kept.mean()), ("lowest", kept.min()), ("highest", kept.max())):
        assert_close(out.diagnostics[name], value, rtol=1e-11)
    assert int(out.diagnostics["tokens"]) == int(MASK.sum())


def test_logits_and_heads_may_meet(heads: list[LinearHead]) -> None:
    module = ExOPDLoss()
    expected = module(*heads, mask=MASK).loss
    logits = [head.logits() for head in heads]
    for student in (heads[0], logits[0]):
        for teacher in (heads[1], logits[1]):
            for reference in (heads[2], logits[2]):
                loss = module(student, teacher, reference, mask=MASK).loss
                assert_close(loss, expected, rtol=1e-11)
                grads = torch.autograd.grad(loss, heads[0], retain_graph=True)
                assert_close(grads, torch.autograd.grad(expected, heads[0], retain_graph=True), rtol=1e-10)


def test_gradients_scale_as_those_of_any_loss(heads: list[LinearHead]) -> None:
    plain = torch.autograd.grad(ExOPDLoss()(*heads, mask=MASK).loss, heads[0])
    scaled = torch.autograd.grad(1024.0 * ExOPDLoss()(*heads, mask=MASK).loss / 3, heads[0])
    assert_close(scaled, tuple(1024.0 / 3 * g for g in plain), rtol=1e-11)


def test_a_retained_graph_gives_the_gradient_again(heads: list[LinearHead]) -> None:
    loss = ExOPDLoss()(*heads, mask=MASK).loss
    first = torch.autograd.grad(3.0 * loss, heads[0], retain_graph=True)
    kept = [g.clone() for g in first]
    second = torch.autograd.grad(0.5 * loss, heads[0], retain_graph=True)
    assert_close(list(first), kept)
    assert_close(second, tuple(g / 6 for g in kept), rtol=1e-11)
    assert_close(torch.autograd.grad(3.0 * loss, heads[0]), first, rtol=1e-11)


def test_gradients_accumulate(heads: list[LinearHead]) -> None:
    expected = torch.autograd.grad(ExOPDLoss()(*heads, mask=MASK).loss, heads[0])
    for _ in range(3):
        ExOPDLoss()(*heads, mask=MASK).loss.backward()
    for x, grad in zip(heads[0], expected, strict=True):
        assert_close(x.grad, 3 * grad, rtol=1e-11)


def test_frozen_tensors_and_no_grad_make_no_gradient(heads: list[LinearHead]) -> None:
    expected = torch.autograd.grad(ExOPDLoss()(*heads, mask=MASK).loss, heads[0].hidden)
    frozen = LinearHead(heads[0].hidden, heads[0].weight.detach(), heads[0].bias.detach())
    for form in (lambda *h: ExOPDLoss()(*h, mask=MASK).loss, lambda *h: reduce(linear_gopd_loss(*h), MASK)):
        assert_close(torch.autograd.grad(form(frozen, *heads[1:]), heads[0].hidden), expected, rtol=1e-11)
        with torch.no_grad():
            assert not form(*heads).requires_grad
        with torch.inference_mode():
            inside = form(*heads)
        assert_close(inside.clone(), form(*heads).detach(), rtol=1e-11)


def test_no_gradient_reaches_teacher_and_reference(heads: list[LinearHead]) -> None:
    for head in heads[1:]:
        for x in head:
            x.requires_grad_()
    logits = [head.logits() for head in heads]
    losses = [ExOPDLoss()(*heads, mask=MASK).loss, linear_gopd_loss(*heads).sum()]
    losses += [linear_gopd_loss(*heads, impl="reference").sum(), gopd_loss(*logits).sum()]
    others = [x for head in heads[1:] for x in head]
    for loss in losses:
        assert torch.autograd.grad(loss, others, allow_unused=True) == (None,) * 6


def test_heads_tied_to_an_embedding_and_shared_by_all_models() -> None:
    """The weight's gradient is the sum of both uses; the shared teacher head adds nothing."""
    embedding = nn.Embedding(17, 4, dtype=torch.float64)
    tokens = torch.randint(0, 17, (2, 5))
    other = torch.randn(2, 2, 5, 4).double()
    results = []
    for impl in ("chunked", "reference"):
        head = [
            LinearHead(torch.tanh(embedding(tokens)), embedding.weight),
            *(LinearHead(h, embedding.weight) for h in other),
        ]
        for loss in (ExOPDLoss(impl=impl)(*head, mask=MASK).loss, reduce(linear_gopd_loss(*head, impl=impl), MASK)):
            results.append(torch.autograd.grad(loss, embedding.weight, retain_graph=True)[0])
    for grad in results[1:]:
        assert_close(grad, results[0], rtol=1e-11)


def test_a_second_differentiation_raises_clearly(heads: list[LinearHead]) -> None:
    tokens = torch.zeros(2, 5, dtype=torch.int64)
    for loss, text in (
        (ExOPDLoss()(*heads, mask=MASK).loss, "ExOPDLoss: create_graph must be False"),
        (linear_gopd_loss(*heads).sum(), "gopd_loss: create_graph must be False"),
        (selected_logp(heads[0], tokens).sum(), "selected_logp: create_graph must be False"),
    ):
        (grad,) = torch.autograd.grad(loss, heads[0].hidden, create_graph=True)
        with pytest.raises(NotImplementedError, match=text):
            torch.autograd.grad(grad.square().sum(), heads[0].hidden)
    plain = linear_gopd_loss(*heads, impl="reference").sum()
    (grad,) = torch.autograd.grad(plain, heads[0].hidden, create_graph=True)
    assert torch.autograd.grad(grad.square().sum(), heads[0].hidden)[0].isfinite().all()


def test_an_empty_mask_gives_zero_and_zero_gradients(heads: list[LinearHead]) -> None:
    none = torch.zeros_like(MASK)
    out = ExOPDLoss()(*heads, mask=none)
    near(out.loss.detach(), torch.zeros((), dtype=torch.float64), 1e-300)
    for grad in torch.autograd.grad(out.loss, heads[0]):
        near(grad, torch.zeros_like(grad), 1e-300)
    assert float(out.diagnostics["highest"]) == 0.0


def test_packed_equals_padded(heads: list[LinearHead]) -> None:
    cu_seqlens = torch.tensor([0, 5, 10], dtype=torch.int32)
    packed = [LinearHead(head.hidden.flatten(0, 1)[None], *head[1:]) for head in heads]
    for mode in ("token_mean", "sequence_mean", "sequence_sum"):
        module = ExOPDLoss(mode=mode)
        flat = module(*packed, mask=MASK.flatten()[None], cu_seqlens=cu_seqlens).loss
        assert_close(flat, module(*heads, mask=MASK).loss, rtol=1e-11)


def test_no_mask_keeps_everything_and_the_scale_can_be_scheduled(heads: list[LinearHead]) -> None:
    module = ExOPDLoss(1.0)
    module.reward_scale = 1.5
    out = module(*heads, mask=None)
    assert_close(out.loss, linear_gopd_loss(*heads, reward_scale=1.5).mean(), rtol=1e-11)
    assert "reward_scale=1.5" in repr(module)


def test_training_on_a_layer_that_is_a_head() -> None:
    """A few steps bring the student to the target of scale 1.25."""
    _, teacher, reference = models(1, 4, 17, scale=1.0)
    layer = nn.Linear(8, 17).double()
    hidden = torch.randn(1, 4, 8).double()
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.05)
    module, mask = ExOPDLoss(1.25), torch.ones(1, 4, dtype=torch.bool)
    values = []
    for _ in range(150):
        out = module(LinearHead(hidden, layer.weight, layer.bias), as_head(teacher), as_head(reference), mask=mask)
        optimizer.zero_grad()
        out.loss.backward()
        optimizer.step()
        values.append(float(gopd_loss(layer(hidden).detach(), teacher, reference, normalize=True).mean()))
    assert values[-1] < 1e-2 < values[0]


def test_bad_input(heads: list[LinearHead]) -> None:
    for options, text in (
        ({"mode": "mean"}, "ExOPDLoss: mode must be one of"),
        ({"temperature": 0}, "ExOPDLoss: temperature must be finite and above 0"),
        ({"reward_scale": float("nan")}, "ExOPDLoss: reward_scale must be finite"),
        ({"chunk_size": 0}, "ExOPDLoss: chunk_size must be None or a whole number"),
    ):
        with pytest.raises(ComposeKitError, match=text):
            ExOPDLoss(**options)
    for arguments, options, text in (
        ((heads[0], heads[1]), {"mask": MASK}, "reference must be given unless reward_scale is the float 1.0"),
        ((heads[0], None, heads[2]), {"mask": MASK}, "teacher must be given unless"),
        (tuple(heads), {"mask": MASK.float()}, "mask must be a bool tensor"),
        (tuple(heads), {"mask": MASK[:1]}, "mask must have shape"),
        (tuple(heads), {"mask": MASK, "denominator": -1}, "denominator must be finite and above 0"),
    ):
        with pytest.raises(ComposeKitError, match=text):
            ExOPDLoss()(*arguments, **options)
