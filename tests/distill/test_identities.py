"""What must hold mathematically, on every path."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from composekit.distill import LinearHead, gopd_loss, linear_gopd_loss
from composekit.testing import assert_close

from .conftest import Loss, gradient, models, near

TOLERANCE = 1e-12


def kl(p: Tensor, q: Tensor) -> Tensor:
    """KL of two rows of logits, by its definition."""
    p, q = p.log_softmax(-1), q.log_softmax(-1)
    return (p.exp() * (p - q)).sum(-1)


def target(teacher: Tensor, reference: Tensor, scale: float | Tensor) -> Tensor:
    return scale * teacher.log_softmax(-1) + (1 - scale) * reference.log_softmax(-1)


@pytest.mark.parametrize("scale", [0.0, 0.5, 1.0, 1.25, 3.0])
def test_the_loss_is_its_definition(path: Loss, triple: list[Tensor], scale: float) -> None:
    student, teacher, reference = triple
    log_pi = student.log_softmax(-1)
    by_hand = (log_pi.exp() * (log_pi - target(teacher, reference, scale))).sum(-1)
    loss = path(student, teacher, reference, reward_scale=scale)
    assert_close(loss, by_hand, rtol=TOLERANCE)
    assert_close(gradient(loss, student), gradient(by_hand, student), rtol=TOLERANCE)


def test_scale_one_is_kl_to_the_teacher_for_any_reference(path: Loss, triple: list[Tensor]) -> None:
    student, teacher, reference = triple
    expected = kl(student, teacher)
    for other in (reference, 5.0 * reference, None):
        loss = path(student, teacher, other, reward_scale=1.0)
        assert_close(loss, expected, rtol=TOLERANCE)
        assert_close(gradient(loss, student), gradient(expected, student), rtol=TOLERANCE)


def test_scale_zero_is_kl_to_the_reference(path: Loss, triple: list[Tensor]) -> None:
    student, teacher, reference = triple
    for other in (teacher, None):
        assert_close(path(student, other, reference, reward_scale=0.0), kl(student, reference), rtol=TOLERANCE)


def test_reference_equal_to_teacher_gives_kl_to_the_teacher_at_every_scale(path: Loss, triple: list[Tensor]) -> None:
    student, teacher, _ = triple
    for scale in (0.0, 0.7, 1.0, 2.5):
        loss = path(student, teacher, teacher.clone(), reward_scale=scale)
        assert_close(loss, kl(student, teacher), rtol=1e-11)


def test_loss_and_gradient_are_affine_in_the_scale(path: Loss, triple: list[Tensor]) -> None:
    student, teacher, reference = triple
    losses = [path(student, teacher, reference, reward_scale=scale) for scale in (0.0, 1.0, 2.75)]
    assert_close(losses[2], losses[0] + 2.75 * (losses[1] - losses[0]), rtol=1e-11)
    zero, one, far = (gradient(loss, student)[0] for loss in losses)
    assert_close(far, zero + 2.75 * (one - zero), rtol=1e-11)


@pytest.mark.parametrize("scale", [0.3, 1.0, 1.25, 2.0])
def test_loss_plus_log_z_is_kl_to_the_target(path: Loss, triple: list[Tensor], scale: float) -> None:
    student, teacher, reference = triple
    m = target(teacher, reference, scale)
    log_z = torch.logsumexp(m, -1)
    loss = path(student, teacher, reference, reward_scale=scale)
    normalized = path(student, teacher, reference, reward_scale=scale, normalize=True)
    assert_close(loss + log_z, kl(student, m), rtol=1e-11)
    assert_close(normalized, kl(student, m), rtol=1e-11)
    assert bool((normalized >= 0).all())
    assert_close(gradient(normalized, student), gradient(loss, student), rtol=1e-11)
    if scale != 1.0:
        t, r = teacher.log_softmax(-1), reference.log_softmax(-1)
        renyi = torch.logsumexp(scale * t + (1 - scale) * r, -1) / (scale - 1)
        assert_close(log_z, (scale - 1) * renyi, rtol=1e-11)
        assert bool((renyi >= -1e-12).all())
        assert bool((log_z.sign() == torch.sign(torch.tensor(scale - 1.0))).all())


def test_row_shifts_of_any_logits_change_nothing(path: Loss, triple: list[Tensor]) -> None:
    before = path(*triple, reward_scale=1.25)
    shifted = [x + 7.0 * torch.randn(2, 5, 1, dtype=torch.float64) for x in triple]
    after = path(*shifted, reward_scale=1.25)
    assert_close(after, before, rtol=1e-11)
    assert_close(gradient(after, triple[0]), gradient(before, triple[0]), rtol=1e-11)


def test_temperature_divides_all_models(path: Loss, triple: list[Tensor]) -> None:
    student, teacher, reference = triple
    warm = path(*triple, reward_scale=1.25, temperature=1.7)
    cold = path(*(x / 1.7 for x in triple), reward_scale=1.25)
    assert_close(warm, cold, rtol=1e-11)
    assert_close(gradient(warm, student), gradient(cold, student), rtol=1e-11)


def test_a_scale_per_sample_or_per_token_is_that_of_each(path: Loss, triple: list[Tensor]) -> None:
    student, teacher, reference = triple
    scales = torch.tensor([[0.0, 0.5, 1.0, 1.25, 3.0], [2.0, 1.0, 0.0, 1.5, 0.1]], dtype=torch.float64)
    for scale in (scales, scales[:, 0]):
        loss = path(student, teacher, reference, reward_scale=scale)
        for b in range(2):
            for t in range(5):
                own = float(scale[b, t] if scale.dim() == 2 else scale[b])
                row = [x[b : b + 1, t : t + 1] for x in triple]
                assert_close(loss[b : b + 1, t : t + 1], path(*row, reward_scale=own), rtol=1e-11)
        wide = scale if scale.dim() == 2 else scale[:, None]
        by_hand = student.log_softmax(-1)
        by_hand = (by_hand.exp() * (by_hand - target(teacher, reference, wide[..., None]))).sum(-1)
        assert_close(gradient(loss, student), gradient(by_hand, student), rtol=1e-11)


def test_teacher_and_reference_are_one_virtual_teacher() -> None:
    """mu = [h_T | h_R] [scale W_T | (1 - scale) W_R]^T gives the same gradient, and the same KL to q."""
    student, teacher, reference = (
        LinearHead(torch.randn(2, 5, d, dtype=torch.float64), torch.randn(17, d, dtype=torch.float64))
        for d in (4, 6, 3)
    )
    student.hidden.requires_grad_(), student.weight.requires_grad_()
    scale = 1.6
    virtual = LinearHead(
        torch.cat([teacher.hidden, reference.hidden], -1),
        torch.cat([scale * teacher.weight, (1 - scale) * reference.weight], -1),
    )
    ours = linear_gopd_loss(student, teacher, reference, reward_scale=scale)
    theirs = linear_gopd_loss(student, virtual, reward_scale=1.0)
    assert_close(gradient(ours, *student[:2]), gradient(theirs, *student[:2]), rtol=1e-11)
    logits = [x.logits() for x in (student, teacher, reference)]
    assert_close(theirs, gopd_loss(*logits, reward_scale=scale, normalize=True), rtol=1e-10)


def test_if_the_teacher_is_a_tilted_reference_so_is_the_target() -> None:
    """T = R exp(rho / beta) / Z gives q = R exp(scale rho / beta) / Z'."""
    reference, rho = torch.randn(2, 1, 3, 17, dtype=torch.float64).unbind(0)
    for scale in (0.5, 2.0):
        tilted = reference + scale * rho / 0.7
        loss = gopd_loss(tilted, reference + rho / 0.7, reference, reward_scale=scale, normalize=True)
        near(loss, torch.zeros_like(loss), 1e-13)


@pytest.mark.parametrize("scale", [0.5, 1.25, 2.0])
def test_optimising_free_logits_reaches_the_target(path: Loss, scale: float) -> None:
    """Steps of the natural gradient: the fixed point is q, to 1e-6 in total variation."""
    _, teacher, reference = models(1, 3, 9, scale=1.0)
    student = torch.zeros(1, 3, 9, dtype=torch.float64, requires_grad=True)
    for _ in range(30):
        (grad,) = torch.autograd.grad(path(student, teacher, reference, reward_scale=scale).sum(), student)
        with torch.no_grad():
            student -= 0.5 * grad / student.softmax(-1)
    q = target(teacher, reference, scale).softmax(-1)
    assert float((student.detach().softmax(-1) - q).abs().sum(-1).max()) / 2 < 1e-6


@given(
    batch=st.integers(1, 3),
    time=st.integers(0, 6),
    vocabulary=st.integers(1, 40),
    scale=st.floats(0, 4),
    data=st.data(),
)
def test_chunked_equals_reference_for_all_shapes(batch: int, time: int, vocabulary: int, scale: float, data) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(batch + 10 * time + 100 * vocabulary)
    student, teacher, reference = models(batch, time, vocabulary)
    layout = data.draw(st.sampled_from(["plain", "sliced", "transposed", "expanded"]))
    if layout == "sliced":
        student = models(batch, time + 1, vocabulary)[0]
        view = student[:, 1:]
    elif layout == "transposed":
        student = models(time, batch, vocabulary)[0]
        view = student.transpose(0, 1)
    elif layout == "expanded":
        student = models(1, time, vocabulary)[0]
        view = student.expand(batch, time, vocabulary)
    else:
        view = student
    options = {"reward_scale": scale, "temperature": data.draw(st.floats(0.2, 3))}
    plain = gopd_loss(view, teacher, reference, impl="reference", **options)
    quick = gopd_loss(view, teacher, reference, impl="chunked", **options)
    near(quick, plain)
    near(gradient(quick, student)[0], gradient(plain, student)[0])


@given(
    time=st.integers(1, 6),
    vocabulary=st.integers(2, 40),
    widths=st.tuples(*[st.integers(1, 6)] * 3),
    bias=st.booleans(),
    chunk=st.none() | st.integers(1, 9),
)
def test_linear_equals_reference_for_all_shapes(
    time: int, vocabulary: int, widths: tuple[int, int, int], bias: bool, chunk: int | None
) -> None:
    torch.manual_seed(time + 100 * vocabulary + sum(widths))
    heads = []
    for width in widths:
        hidden, weight = torch.randn(2, time, width).double(), torch.randn(vocabulary, width).double()
        heads.append(LinearHead(hidden, weight, torch.randn(vocabulary).double() if bias else None))
    inputs = [x.requires_grad_() for x in heads[0] if x is not None]
    plain = linear_gopd_loss(*heads, impl="reference")
    quick = linear_gopd_loss(*heads, impl="chunked", chunk_size=chunk)
    near(quick, plain)
    for ours, theirs in zip(gradient(quick, *inputs), gradient(plain, *inputs), strict=True):
        near(ours, theirs)
