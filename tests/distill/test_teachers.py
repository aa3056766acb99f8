"""Several teachers: routed, mixed, in conflict; and what diagnostics say of them."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from composekit import ComposeKitError
from composekit.distill import (
    ExOPDLoss,
    Teachers,
    conflict,
    diagnostics,
    gopd_advantages,
    gopd_loss,
    linear_gopd_loss,
    selected_logp,
)
from composekit.testing import assert_close

from .conftest import as_head, gradient, models

IMPLS = ["reference", "chunked"]


@pytest.fixture
def five() -> list[Tensor]:
    """Student, two teachers, two references: [4, 3, 17]."""
    return models(4, 3, 17, count=5)


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("per_token", [False, True])
def test_routing_equals_a_loop_over_samples(impl: str, per_token: bool, five: list[Tensor]) -> None:
    student, *teachers, own, other = five
    shape = (4, 3) if per_token else (4,)
    route = torch.randint(0, 2, shape)
    scales, references = [1.5, 0.5], [own, other]
    whole = gopd_loss(student, Teachers(teachers, references=references, reward_scale=scales, route=route), impl=impl)
    for b in range(4):
        for t in range(3):
            k = int(route[b, t] if per_token else route[b])
            one = [x[b : b + 1, t : t + 1] for x in (student, teachers[k], references[k])]
            assert_close(whole[b : b + 1, t : t + 1], gopd_loss(*one, reward_scale=scales[k]), rtol=1e-11)
    rows = torch.stack([gopd_loss(student, teachers[k], references[k], reward_scale=scales[k]) for k in (0, 1)])
    chosen = torch.where((route if per_token else route[:, None]) == 0, rows[0], rows[1])
    assert_close(gradient(whole, student), gradient(chosen, student), rtol=1e-11)


def test_tags_name_the_teachers_and_rows_of_others_are_not_read(five: list[Tensor]) -> None:
    student, math, code, reference, _ = five
    math, code = math.clone(), code.clone()
    code[0], math[1:] = torch.nan, -torch.inf
    bundle = Teachers({"math": math, "code": code}, route=["math", "code", "code", "code"])
    for impl in IMPLS:
        loss = gopd_loss(student, bundle, reference, reward_scale=1.5, impl=impl)
        assert_close(loss[:1], gopd_loss(student[:1], math[:1], reference[:1], reward_scale=1.5), rtol=1e-11)
        assert_close(loss[1:], gopd_loss(student[1:], code[1:], reference[1:], reward_scale=1.5), rtol=1e-11)


@pytest.mark.parametrize("impl", IMPLS)
def test_mixing_adds_implicit_rewards_on_the_reference(impl: str, five: list[Tensor]) -> None:
    student, *teachers, own, other = five
    anchor = torch.randn(4, 3, 17, dtype=torch.float64)
    log_pi, (t1, t2, r1, r2) = student.log_softmax(-1), (x.log_softmax(-1) for x in five[1:])
    m = anchor.log_softmax(-1) + 0.8 * 1.5 * (t1 - r1) + 0.4 * 0.5 * (t2 - r2)
    by_hand = (log_pi.exp() * (log_pi - m)).sum(-1)
    mixed = Teachers(teachers, references=[own, other], reward_scale=[1.5, 0.5], weights=[0.8, 0.4])
    loss = gopd_loss(student, mixed, anchor, impl=impl)
    assert_close(loss, by_hand, rtol=1e-11)
    assert_close(gradient(loss, student), gradient(by_hand, student), rtol=1e-11)
    normalized = gopd_loss(student, mixed, anchor, normalize=True, impl=impl)
    assert_close(normalized, by_hand + torch.logsumexp(m, -1), rtol=1e-10)
    shared = gopd_loss(student, Teachers(teachers, weights=[0.8, 0.4]), anchor, reward_scale=1.25, impl=impl)
    m = anchor.log_softmax(-1) * (1 - 1.25 * 1.2) + 1.25 * (0.8 * t1 + 0.4 * t2)
    assert_close(shared, (log_pi.exp() * (log_pi - m)).sum(-1), rtol=1e-11)
    weights = torch.tensor([0.8, 0.4], dtype=torch.float64)
    for wide in (weights, weights.expand(4, 2), weights.expand(4, 3, 2)):
        again = gopd_loss(student, Teachers(teachers, weights=wide), anchor, reward_scale=1.25, impl=impl)
        assert_close(again, shared, rtol=1e-11)


def test_mixing_without_a_reference_needs_weights_that_sum_to_one(five: list[Tensor]) -> None:
    student, *teachers, _, _ = five
    half = gopd_loss(student, Teachers(teachers, weights=[0.5, 0.5]), reward_scale=1.0)
    t1, t2 = (x.log_softmax(-1) for x in teachers)
    log_pi = student.log_softmax(-1)
    assert_close(half, (log_pi.exp() * (log_pi - (t1 + t2) / 2)).sum(-1), rtol=1e-11)
    with pytest.raises(ComposeKitError, match="reference_logits must be given unless weights times scales sum to 1"):
        gopd_loss(student, Teachers(teachers, weights=[0.5, 0.6]), reward_scale=1.0)


def test_every_form_takes_teachers(five: list[Tensor]) -> None:
    student, one, two, reference, _ = five
    route = torch.tensor([0, 1, 1, 0])
    expected = gopd_loss(student, Teachers([one, two], route=route), reference)
    heads = Teachers([as_head(one), as_head(two)], route=route)
    assert_close(linear_gopd_loss(as_head(student), heads, as_head(reference)), expected, rtol=1e-11)
    mask = torch.ones(4, 3, dtype=torch.bool)
    out = ExOPDLoss()(as_head(student), heads, as_head(reference), mask=mask)
    assert_close(out.loss, expected.mean(), rtol=1e-11)
    tokens = torch.randint(0, 17, (4, 3))
    s, a, b, r = (selected_logp(x, tokens).detach() for x in (student, one, two, reference))
    found = gopd_advantages(s, Teachers([a, b], route=route), r, reward_scale=1.5)
    picked = torch.where(route[:, None] == 0, a, b)
    assert_close(found, 1.5 * picked - 0.5 * r - s, rtol=1e-11)


def test_bad_teachers(five: list[Tensor]) -> None:
    student, one, two, reference, _ = five
    for build, text in (
        (lambda: Teachers([one, two]), "route must be given, or weights, and not both; got neither"),
        (lambda: Teachers([one], route=torch.zeros(4).long(), weights=[1.0]), "got both"),
        (lambda: Teachers({}, weights=[]), "models must name at least one teacher"),
        (lambda: Teachers(one, weights=[1.0]), "models must be a list or a mapping"),
        (
            lambda: Teachers({"math": one}, route=["math", None, "math", "math"]),
            r"route must hold tags .* got None at 1",
        ),
        (lambda: Teachers({"math": one}, route=["physics"] * 4), "got 'physics' at 0"),
        (lambda: Teachers([one], route=["math"] * 4), "where teachers have no names"),
        (lambda: Teachers([one, two], weights=[1.0]), "weights must hold 2 values"),
        (
            lambda: Teachers([one], weights=[1.0], references=reference),
            "references must hold|references must be|one value",
        ),
        (lambda: Teachers({"a": one}, weights={"b": 1.0}), "weights must name the teachers"),
        (lambda: Teachers([one], weights=[1.0], reward_scale=-1.0), "reward_scale must be finite and at least 0"),
    ):
        with pytest.raises(ComposeKitError, match=text):
            build()
    for bundle, options, text in (
        (Teachers([one, two], route=torch.tensor([0, 1, 2, 0])), {}, r"route must lie in \[0, 2\)"),
        (Teachers([one, two], route=torch.tensor([0, 1])), {}, r"route must have shape \[4\] or \[4, 3\]"),
        (Teachers([one, two], route=torch.zeros(4)), {}, "route must be an integer tensor"),
        (Teachers([one, two[:, :1]], route=torch.zeros(4).long()), {}, "batch and time"),
        (Teachers([one, two], weights=torch.ones(3)), {}, "weights must have shape"),
        (Teachers([one], route=torch.zeros(4).long(), references=[reference]), {"both": True}, "must be None where"),
    ):
        both = options.get("both", False)
        with pytest.raises(ComposeKitError, match=text):
            gopd_loss(student, bundle, reference)
        assert both in (True, False)
    with pytest.raises(ComposeKitError, match="reference of teacher 0 must be given unless"):
        gopd_loss(student, Teachers([one], route=torch.zeros(4).long()))


def test_names_may_be_any(five: list[Tensor]) -> None:
    student, one, two, reference, _ = five
    plain = gopd_loss(student, Teachers([one, two], weights=[0.5, 0.5]), reference)
    odd = Teachers({"student_logits": one, "reference_logits": two}, weights=[0.5, 0.5])
    assert_close(gopd_loss(student, odd, reference), plain)
    found = diagnostics(student, Teachers({"reference": one, "a b": two}, weights=[0.5, 0.5]), reference)
    assert_close(found["loss"], plain.mean().detach(), rtol=1e-10)
    assert_close(found["teacher/reference/kl"], gopd_loss(student, one, reward_scale=1.0).mean().detach(), rtol=1e-10)


def test_conflict() -> None:
    reference = torch.tensor([[0.25, 0.25, 0.25, 0.25]]).log()
    one = torch.tensor([[0.5, 0.5, 0.25, 0.125]]).log()
    two = torch.tensor([[0.5, 0.125, 0.5, 0.25]]).log()
    log2 = float(torch.tensor(2.0).log())
    found = conflict(Teachers([one, two], weights=[0.5, 0.5]), reference)
    assert_close(found.spread / log2, torch.tensor([[0.0, 1.0, 0.5, 0.5]]), rtol=1e-5)
    assert found.opposed.tolist() == [[False, True, False, False]]
    assert_close(found.merged / log2, torch.tensor([[1.0, 0.0, 0.5, -0.5]]), rtol=1e-5)
    assert_close(found.cancelled, torch.tensor([[0.0, 1.0, 0.0, 0.0]]), rtol=1e-5)
    routed = conflict(Teachers([one, two], route=torch.tensor([0])), reference)
    assert_close(routed.merged, found.merged)
    masked = conflict(Teachers([one, two], weights=[0.5, 0.5]), reference, mask=torch.zeros(1, 4, dtype=torch.bool))
    assert_close(masked.spread, torch.zeros(1, 4))
    logits = torch.randn(3, 1, 4, 9)
    tokens = torch.tensor([[0, 3, 8, 1]])
    from_logits = conflict(Teachers([*logits[:2]], weights=[1.0, 1.0]), logits[2], tokens=tokens)
    at = [selected_logp(x, tokens) for x in logits]
    assert_close(from_logits, conflict(Teachers(at[:2], weights=[1.0, 1.0]), at[2]), rtol=1e-5)
    for arguments, options, text in (
        ((Teachers([one], weights=[1.0]),), {}, "reference of teacher 0 must be given"),
        ((one, reference), {}, "teachers must be Teachers"),
        ((Teachers([logits[0]], weights=[1.0]), logits[2]), {}, "tokens must be given"),
        ((Teachers([one], weights=[1.0]), reference), {"tokens": tokens}, "tokens must be None"),
    ):
        with pytest.raises(ComposeKitError, match=text):
            conflict(*arguments, **options)


def test_diagnostics_are_their_definitions(five: list[Tensor]) -> None:
    student, teacher, other, reference, _ = five
    mask = torch.rand(4, 3) < 0.7
    s, t, r = (x.detach().log_softmax(-1) for x in (student, teacher, reference))
    pi = s.exp()
    m = 1.5 * t - 0.5 * r
    log_z = torch.logsumexp(m, -1)
    expected = {
        "entropy": -(pi * s).sum(-1),
        "kl_teacher": (pi * (s - t)).sum(-1),
        "kl_reference": (pi * (s - r)).sum(-1),
        "log_ratio": (pi * (t - r)).sum(-1),
        "log_z": log_z,
        "loss": (pi * (s - m)).sum(-1),
        "kl_target": (pi * (s - m)).sum(-1) + log_z,
    }
    for form in (lambda x: x, as_head):
        found = diagnostics(form(student), form(teacher), form(reference), reward_scale=1.5, mask=mask, eos_token=4)
        for name, values in expected.items():
            assert_close(found[name], values[mask].mean(), rtol=1e-10, name=name)
        assert found["tokens"] == mask.sum()
        assert_close(found["eos/teacher"], t.exp()[..., 4][mask].mean(), rtol=1e-10)
    assert "kl_reference" not in diagnostics(student, teacher, reward_scale=1.0)
    route = torch.tensor([0, 1, 0, 1])
    split = diagnostics(student, Teachers({"a": teacher, "b": other}, route=route), reference, mask=mask)
    here = mask & (route == 0)[:, None]
    assert_close(split["teacher/a/kl"], expected["kl_teacher"][here].mean(), rtol=1e-10)
    assert_close(split["teacher/a/log_ratio"], expected["log_ratio"][here].mean(), rtol=1e-10)
    assert split["teacher/a/tokens"] + split["teacher/b/tokens"] == mask.sum()


def test_diagnostics_of_samples(five: list[Tensor]) -> None:
    student, teacher, _, reference, _ = five
    advantages = torch.arange(12.0).view(4, 3)
    logp = torch.full((4, 3), -1.0)
    agree = diagnostics(student, teacher, reference, advantages=advantages, logp=logp, rollout_logp=logp)
    assert (agree["advantage/q0"], agree["advantage/q100"]) == (0.0, 11.0)
    assert agree["advantage/q50"] in (5.0, 6.0)
    assert_close(agree["effective_sample_size"], torch.tensor(1.0))
    rollout = logp.clone()
    rollout[0, 0] = -8.0
    assert (
        1 / 12
        < float(diagnostics(student, teacher, reference, logp=logp, rollout_logp=rollout)["effective_sample_size"])
        < 0.2
    )
    with pytest.raises(ComposeKitError, match="rollout_logp must come together"):
        diagnostics(student, teacher, reference, logp=logp)
    with pytest.raises(ComposeKitError, match="eos_token must be a token id below 17"):
        diagnostics(student, teacher, reference, eos_token=17)
