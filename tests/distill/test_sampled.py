"""Estimators at sampled tokens, held against the exact loss by enumerating every token."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from composekit import ComposeKitError
from composekit.distill import (
    forward_kl,
    gopd_advantages,
    gopd_loss,
    sampled_gopd_loss,
    selected_logp,
    topk_gopd_loss,
)
from composekit.testing import assert_close

from .conftest import gradient, models, near

VOCABULARY = 7


@pytest.fixture
def small() -> list[Tensor]:
    return models(1, 2, VOCABULARY)


def everything(shape: tuple[int, int]) -> Tensor:
    """[V, B, T]: one batch of tokens for each token of the vocabulary."""
    return torch.arange(VOCABULARY)[:, None, None].expand(VOCABULARY, *shape)


def at(x: Tensor, tokens: Tensor) -> Tensor:
    return x.log_softmax(-1).gather(-1, tokens[..., None])[..., 0]


def expected_gradient(
    student: Tensor, teacher: Tensor, reference: Tensor, *, rollout: Tensor | None = None, **options
) -> Tensor:  # type: ignore[no-untyped-def]
    """The gradient of the sampled loss, averaged over the distribution that samples."""
    total: Tensor | float = 0.0
    sampler = (student if rollout is None else rollout).detach().log_softmax(-1).exp()
    cap = options.pop("cap", 5.0)
    for v, tokens in enumerate(everything((1, 2))):
        logp = selected_logp(student, tokens)
        advantages = gopd_advantages(logp, at(teacher, tokens), at(reference, tokens), **options)
        behaviour = None if rollout is None else at(rollout, tokens).detach()
        loss = sampled_gopd_loss(logp, advantages, rollout_logp=behaviour, cap=cap)
        (grad,) = torch.autograd.grad((loss * sampler[..., v]).sum(), student)
        total = total + grad
    return total  # type: ignore[return-value]


@pytest.mark.parametrize("scale", [0.0, 1.0, 1.25, 2.0])
def test_the_expected_sampled_gradient_is_the_full_one(small: list[Tensor], scale: float) -> None:
    full = torch.autograd.grad(gopd_loss(*small, reward_scale=scale).sum(), small[0])[0]
    assert_close(expected_gradient(*small, reward_scale=scale), full, rtol=1e-11)


def test_a_baseline_keeps_the_gradient(small: list[Tensor]) -> None:
    full = torch.autograd.grad(gopd_loss(*small).sum(), small[0])[0]
    best = -gopd_loss(*small).detach()
    for baseline in (best, best[:, 0], 3.0):
        assert_close(expected_gradient(*small, baseline=baseline), full, rtol=1e-11)


def test_at_the_target_the_best_baseline_leaves_no_variance(small: list[Tensor]) -> None:
    _, teacher, reference = small
    student = (1.25 * teacher.log_softmax(-1) - 0.25 * reference.log_softmax(-1)).requires_grad_()
    baseline = -gopd_loss(student, teacher, reference).detach()
    for tokens in everything((1, 2)):
        logp = selected_logp(student, tokens)
        plain, better = (
            gopd_advantages(logp, at(teacher, tokens), at(reference, tokens), baseline=b) for b in (None, baseline)
        )
        assert_close(plain, baseline, rtol=1e-11)
        near(better, torch.zeros_like(better), 1e-12)


@pytest.mark.parametrize("cap", [0.7, 1.5, 5.0, None])
def test_the_capped_off_policy_expectation(small: list[Tensor], cap: float | None) -> None:
    """Exactly sum_v min(cap beta_v, pi_v) g_v with g_v = -A_v grad log pi_v."""
    student, teacher, reference = small
    rollout = torch.randn(1, 2, VOCABULARY, dtype=torch.float64) * 2
    log_pi = student.log_softmax(-1)
    pi, beta = log_pi.detach().exp(), rollout.softmax(-1)
    weight = pi if cap is None else torch.minimum(cap * beta, pi)
    advantage = (1.25 * teacher.log_softmax(-1) - 0.25 * reference.log_softmax(-1) - log_pi).detach()
    by_hand = torch.autograd.grad(-(weight * advantage * log_pi).sum(), student)[0]
    assert_close(expected_gradient(*small, rollout=rollout, cap=cap), by_hand, rtol=1e-11)


def test_back_propagating_k2_is_ours_and_k1_is_nothing(small: list[Tensor]) -> None:
    student, teacher, reference = small
    log_pi = student.log_softmax(-1)
    gap = log_pi - 1.25 * teacher.log_softmax(-1) + 0.25 * reference.log_softmax(-1)
    pi = log_pi.detach().exp()
    full = torch.autograd.grad(gopd_loss(*small).sum(), student)[0]
    k1 = torch.autograd.grad((pi * gap).sum(), student, retain_graph=True)[0]
    k2 = torch.autograd.grad((pi * gap.square() / 2).sum(), student)[0]
    assert_close(k2, full, rtol=1e-11)
    near(k1, torch.zeros_like(k1), 1e-14)
    # k3 is another loss: Z times the forward KL to q.
    m = (log_pi - gap).detach()
    student = student.detach().requires_grad_()
    again = student.log_softmax(-1) - m
    k3 = torch.autograd.grad((pi * ((-again).exp() - 1 + again)).sum(), student)[0]
    z = m.logsumexp(-1).exp()
    assert_close(k3, torch.autograd.grad((z * forward_kl(student, m)).sum(), student)[0], rtol=1e-10)


def test_the_reward_at_hand_leads_to_q_and_the_whole_return_to_the_optimum_of_sequences() -> None:
    """Two steps over three tokens: pi proportional to T^c R^(1 - c) Z(next), and both agree at scales 0 and 1."""
    first, second = torch.randn(3, 3).double(), torch.randn(3, 3, 3).double()  # of student, teacher, reference

    for scale in (0.0, 1.0, 1.6):
        m1, m2 = (scale * x[1].log_softmax(-1) + (1 - scale) * x[2].log_softmax(-1) for x in (first, second))
        future = m2.logsumexp(-1)
        for discount, best in ((0.0, m1), (1.0, m1 + future)):
            one, two = best.clone().requires_grad_(), m2.clone().requires_grad_()
            total: Tensor | float = 0.0
            for a in range(3):
                for b in range(3):
                    s, t, r = (
                        torch.stack([x.log_softmax(-1)[a], y.log_softmax(-1)[a, b]])[None]
                        for x, y in ((one, two), (first[1], second[1]), (first[2], second[2]))
                    )
                    found = gopd_advantages(s, t, r, reward_scale=scale, discount=discount)
                    total = total + s.detach().sum().exp() * sampled_gopd_loss(s, found).sum()
            for grad in torch.autograd.grad(total, (one, two)):
                near(grad, torch.zeros_like(grad), 1e-12)
        assert bool(future.abs().max() < 1e-12) == (scale in (0.0, 1.0))


@given(
    lengths=st.lists(st.integers(0, 6), min_size=1, max_size=5),
    discount=st.sampled_from([0.0, 0.5, 0.97, 1.0]),
    seed=st.integers(0, 99),
)
def test_returns_stay_in_their_sequence_and_mask(lengths: list[int], discount: float, seed: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    time = sum(lengths)
    student, teacher, reference = (-torch.rand(1, time, generator=generator).double() for _ in range(3))
    mask = torch.rand(1, time, generator=generator) < 0.7
    cu_seqlens = torch.tensor([0, *torch.tensor(lengths).cumsum(0).tolist()], dtype=torch.int32)
    options = {"discount": discount, "reward_scale": 1.5, "clip": 0.4, "baseline": 0.25}
    packed = gopd_advantages(student, teacher, reference, mask=mask, cu_seqlens=cu_seqlens, **options)
    reward = (1.5 * teacher - 0.5 * reference - student).clamp(-0.4, 0.4) * mask
    expected = torch.zeros(1, time, dtype=torch.float64)
    for start, stop in zip(cu_seqlens[:-1].tolist(), cu_seqlens[1:].tolist(), strict=True):
        for t in range(start, stop):
            total = sum(float(reward[0, k]) * discount ** (k - t) for k in range(t, stop))
            expected[0, t] = (total - 0.25) * float(mask[0, t])
        alone = [x[:, start:stop] for x in (student, teacher, reference)]
        near(gopd_advantages(*alone, mask=mask[:, start:stop], **options), packed[:, start:stop], 1e-12)
    near(packed, expected, 1e-12)
    assert not packed.requires_grad


def test_a_later_sequence_never_changes_an_earlier_one() -> None:
    student, teacher = (-torch.rand(2, 1, 9)).unbind(0)
    cu_seqlens = torch.tensor([0, 4, 9], dtype=torch.int32)
    before = gopd_advantages(student, teacher, reward_scale=1.0, discount=1.0, cu_seqlens=cu_seqlens)
    teacher = teacher.clone()
    teacher[:, 4:] -= 3.0
    after = gopd_advantages(student, teacher, reward_scale=1.0, discount=1.0, cu_seqlens=cu_seqlens)
    assert torch.equal(before[:, :4], after[:, :4])
    assert not torch.equal(before[:, 4:], after[:, 4:])


def test_masked_positions_are_not_read() -> None:
    logp = torch.tensor([[-0.5, torch.nan]], requires_grad=True)
    mask = torch.tensor([[True, False]])
    loss = sampled_gopd_loss(logp, torch.tensor([[2.0, torch.nan]]), rollout_logp=logp.detach(), mask=mask)
    assert_close(loss, torch.tensor([[1.0, 0.0]]))
    assert_close(torch.autograd.grad(loss.sum(), logp)[0], torch.tensor([[-2.0, 0.0]]))
    bad = torch.tensor([[-0.5, torch.nan]])
    found = gopd_advantages(bad, bad - 1.0, bad, reward_scale=1.5, mask=mask)
    assert_close(found, torch.tensor([[-1.5, 0.0]]))


# --- top-k -------------------------------------------------------------------------------------------------------------


def at_k(indices: Tensor, *logits: Tensor) -> list[Tensor]:
    return [x.log_softmax(-1).gather(-1, indices) for x in logits]


@pytest.mark.parametrize("k", range(1, VOCABULARY + 1))
@pytest.mark.parametrize("scale", [1.25, 1.0])
def test_hybrid_equals_the_full_loss_in_expectation(small: list[Tensor], k: int, scale: float) -> None:
    student, teacher, reference = small
    indices = student.topk(k).indices
    pi = student.detach().softmax(-1)
    known = at_k(indices, teacher, reference)
    full = gopd_loss(*small, reward_scale=scale)
    value, grad = torch.zeros_like(full), torch.zeros_like(student)
    for v, tokens in enumerate(everything((1, 2))):
        sampled = (tokens, at(teacher, tokens), at(reference, tokens))
        loss = topk_gopd_loss(student, indices, *known, reward_scale=scale, sampled=sampled)
        value = value + pi[..., v] * loss.detach()
        grad = grad + torch.autograd.grad((loss * pi[..., v]).sum(), student)[0]
    assert_close(value, full, rtol=1e-11)
    assert_close(grad, torch.autograd.grad(full.sum(), student)[0], rtol=1e-11)


@pytest.mark.parametrize("mode", ["hybrid", "truncate", "renormalize", "tail"])
def test_every_mode_is_exact_with_the_whole_vocabulary(small: list[Tensor], mode: str) -> None:
    student, teacher, reference = small
    indices = torch.randperm(VOCABULARY).expand(1, 2, -1)
    tokens = torch.zeros(1, 2, dtype=torch.int64)
    sampled = (tokens, at(teacher, tokens), at(reference, tokens))
    scale = torch.tensor([1.4], dtype=torch.float64)
    loss = topk_gopd_loss(
        student, indices, *at_k(indices, teacher, reference), reward_scale=scale, mode=mode, sampled=sampled
    )
    full = gopd_loss(*small, reward_scale=1.4)
    assert_close(loss, full, rtol=1e-7 if mode == "tail" else 1e-11)  # the tail is a rest of rounding there
    assert_close(gradient(loss, student), gradient(full, student), rtol=1e-6 if mode == "tail" else 1e-11)


def test_biased_modes_are_their_definitions(small: list[Tensor]) -> None:
    student, teacher, reference = small
    indices = student.topk(3).indices
    known = at_k(indices, teacher, reference)
    p, t, r = (x.log_softmax(-1).exp().gather(-1, indices) for x in small)

    def loss_of(p: Tensor, t: Tensor, r: Tensor) -> Tensor:
        return (p * (p.log() - 1.25 * t.log() + 0.25 * r.log())).sum(-1)

    def normal(x: Tensor) -> Tensor:
        return x / x.sum(-1, keepdim=True)

    def tail(x: Tensor) -> Tensor:
        return torch.cat([x, 1 - x.sum(-1, keepdim=True)], -1)

    for mode, change in (("truncate", lambda x: x), ("renormalize", normal), ("tail", tail)):
        loss = topk_gopd_loss(student, indices, *known, mode=mode)
        by_hand = loss_of(*(change(x) for x in (p, t, r)))
        assert_close(loss, by_hand, rtol=1e-10)
        assert_close(gradient(loss, student), gradient(by_hand, student), rtol=1e-9)


def test_topk_bad_input(small: list[Tensor]) -> None:
    student, teacher, reference = small
    indices = student.topk(3).indices
    known = at_k(indices, teacher, reference)
    for arguments, options, text in (
        ((indices, *known), {}, "sampled must be"),
        ((indices, *known), {"mode": "best"}, "mode must be one of hybrid"),
        ((indices, known[0], None), {"mode": "tail"}, "reference_logp must be given unless"),
        ((indices * 0, *known), {"mode": "tail"}, "indices must name every token once"),
        ((indices + VOCABULARY, *known), {"mode": "tail"}, r"indices must lie in \[0, 7\)"),
        ((indices[:, :1], *known), {"mode": "tail"}, "indices must have shape"),
        ((indices, known[0][..., :2], known[1]), {"mode": "tail"}, "teacher_logp must have shape"),
        ((indices, -known[0], known[1]), {"mode": "tail"}, "teacher_logp must hold log-probabilities"),
        ((indices.double(), *known), {"mode": "tail"}, "indices must be an integer tensor"),
    ):
        with pytest.raises(ComposeKitError, match=text):
            topk_gopd_loss(student, *arguments, **options)
    assert topk_gopd_loss(student, indices, known[0], None, reward_scale=1.0, mode="truncate").shape == (1, 2)


# --- selected log-probabilities ----------------------------------------------------------------------------------------


@given(
    shape=st.tuples(st.integers(1, 2), st.integers(0, 5), st.integers(1, 30)),
    many=st.booleans(),
    seed=st.integers(0, 9),
)
def test_selected_logp_is_a_gather(shape: tuple[int, int, int], many: bool, seed: int) -> None:
    torch.manual_seed(seed)
    logits = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    tokens = torch.randint(0, shape[-1], (*shape[:2], 3) if many else shape[:2])
    wide = tokens if many else tokens[..., None]
    by_hand = (logits / 0.7).log_softmax(-1).gather(-1, wide).view(tokens.shape)
    for impl in ("chunked", "reference"):
        logp = selected_logp(logits, tokens, temperature=0.7, impl=impl)
        near(logp, by_hand, 1e-12)
        near(gradient(logp, logits)[0], gradient(by_hand, logits)[0], 1e-12)
