"""Bad input is an error in the house's form, never a silent fallback."""

from __future__ import annotations

import re

import pytest
import torch

from composekit import ComposeKitError
from composekit.distill import (
    LinearHead,
    gopd_advantages,
    gopd_loss,
    linear_gopd_loss,
    sampled_gopd_loss,
    selected_logp,
)
from composekit.testing import assert_close

S, T, R = torch.randn(3, 2, 3, 9).unbind(0)
LOGP = -S[..., 0].abs()
HEAD = LinearHead(torch.randn(2, 3, 4), torch.randn(9, 4))
FORM = re.compile(r"^\w+: [\w.\[\]' ]+ must .+; got .+\. .+\.$", re.S)

CASES = {
    "no reference": (lambda: gopd_loss(S, T), "reference_logits must be given unless"),
    "no reference at a tensor of ones": (lambda: gopd_loss(S, T, reward_scale=torch.ones(2)), "reference_logits must"),
    "no teacher": (lambda: gopd_loss(S, None, R), "teacher_logits must be given unless"),
    "neither": (lambda: gopd_loss(S, None, None, reward_scale=0.0), "reference_logits must be given unless"),
    "vocabularies": (lambda: gopd_loss(S, T[..., :8], R), r"vocabulary of student_logits, 9; got 8"),
    "vocabulary of an unused model": (lambda: gopd_loss(S, T, R[..., :8], reward_scale=1.0), "got 8"),
    "lengths": (lambda: gopd_loss(S, T[:, :2], R), r"teacher_logits must have batch and time \[2, 3\]"),
    "two axes": (lambda: gopd_loss(S[0], T[0], R[0]), r"student_logits must have shape \[B, T, V\]"),
    "integers": (lambda: gopd_loss(S.long(), T, R), "student_logits must have a floating-point dtype"),
    "a list": (lambda: gopd_loss([1.0], T, R), "student_logits must be a tensor of logits"),
    "a head": (lambda: gopd_loss(HEAD, T, R), "student_logits must be a tensor of logits"),
    "logits": (lambda: linear_gopd_loss(S, T, R), "student must be a LinearHead"),
    "cold": (lambda: gopd_loss(S, T, R, temperature=0), "temperature must be finite and above 0; got 0"),
    "colder": (lambda: gopd_loss(S, T, R, temperature=-1.0), "temperature must be finite and above 0"),
    "a word": (lambda: gopd_loss(S, T, R, temperature="1"), "temperature must be a number"),
    "a truth": (lambda: gopd_loss(S, T, R, reward_scale=True), "reward_scale must be a number"),
    "infinite scale": (lambda: gopd_loss(S, T, R, reward_scale=float("inf")), "reward_scale must be finite"),
    "negative scale": (lambda: gopd_loss(S, T, R, reward_scale=-0.5), "reward_scale must be finite and at least 0"),
    "scale of V": (lambda: gopd_loss(S, T, R, reward_scale=torch.ones(9)), r"reward_scale must have shape \[2\] or"),
    "scale of nothing": (lambda: gopd_loss(S, T, R, reward_scale=torch.tensor(1.25)), "reward_scale must have shape"),
    "whole scale": (lambda: gopd_loss(S, T, R, reward_scale=torch.ones(2).long()), "reward_scale must have a floating"),
    "nan scale": (lambda: gopd_loss(S, T, R, reward_scale=torch.tensor([1.0, torch.nan])), "reward_scale must hold finite"),
    "minus scale": (lambda: gopd_loss(S, T, R, reward_scale=torch.tensor([1.0, -1.0])), "reward_scale must hold finite"),
    "impl": (lambda: gopd_loss(S, T, R, impl="fast"), "impl must be one of auto, chunked, reference"),
    "align": (lambda: gopd_loss(S, T, R, align_vocab="pad"), "align_vocab must be None, 'prefix' or a number"),
    "align too far": (lambda: gopd_loss(S, T, R, align_vocab=10), "align_vocab must be from 1 to the smallest"),
    "chunk": (lambda: linear_gopd_loss(HEAD, HEAD, HEAD, chunk_size=0), "chunk_size must be None or a whole number"),
    "widths": (lambda: LinearHead(torch.randn(2, 3, 4), torch.randn(9, 5)), r"weight must have shape \[V, D=4\]"),
    "bias": (lambda: LinearHead(HEAD.hidden, HEAD.weight, torch.randn(8)), r"bias must have shape \[V=9\]"),
    "flat hidden": (lambda: LinearHead(torch.randn(3, 4), HEAD.weight), r"hidden must have shape \[B, T, D\]"),
    "integers in a head": (lambda: LinearHead(HEAD.hidden, HEAD.weight.long()), "weight must have a floating-point"),
    "no tensor in a head": (lambda: LinearHead(HEAD.hidden, None), "weight must be a tensor"),
    "tokens": (lambda: selected_logp(S, torch.zeros(2, 2).long()), r"tokens must have shape \[2, 3\] or \[2, 3, K\]"),
    "ignored tokens": (lambda: selected_logp(S, torch.full((2, 3), -100)), r"tokens must lie in \[0, 9\); got -100"),
    "beyond": (lambda: selected_logp(HEAD, torch.full((2, 3), 9)), r"tokens must lie in \[0, 9\); got 9"),
    "soft tokens": (lambda: selected_logp(S, torch.zeros(2, 3)), "tokens must be an integer tensor"),
    "flat logp": (lambda: gopd_advantages(S[0, 0], T[0, 0], reward_scale=1.0), "student_logp must have shape"),
    "positive logp": (lambda: gopd_advantages(-LOGP, LOGP, reward_scale=1.0), "student_logp must hold log-prob"),
    "discount": (lambda: gopd_advantages(LOGP, LOGP, reward_scale=1.0, discount=1.1), "discount must be at most 1"),
    "clip": (lambda: gopd_advantages(LOGP, LOGP, reward_scale=1.0, clip=0.0), "clip must be finite and above 0"),
    "baseline": (lambda: gopd_advantages(LOGP, LOGP, reward_scale=1.0, baseline=torch.ones(3)), "baseline must have shape"),
    "cap": (lambda: sampled_gopd_loss(LOGP, S[..., 0], rollout_logp=LOGP, cap=0.0), "cap must be finite and above 0"),
    "advantages": (lambda: sampled_gopd_loss(LOGP, S[:, :2, 0]), "advantages must have shape"),
    "nan advantages": (lambda: sampled_gopd_loss(LOGP, S[..., 0] * torch.nan), "advantages must hold numbers"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_bad_input_raises_in_the_common_form(case: str) -> None:
    run, text = CASES[case]
    with pytest.raises(ComposeKitError, match=text) as caught:
        run()
    assert isinstance(caught.value, ValueError | TypeError)
    assert FORM.match(str(caught.value)), str(caught.value)


def test_devices_must_agree() -> None:
    with pytest.raises(ComposeKitError, match="teacher_logits must be on cpu like the student; got meta"):
        gopd_loss(S, T.to("meta"), R)
    with pytest.raises(ComposeKitError, match="weight must be on cpu; got meta"):
        LinearHead(HEAD.hidden, HEAD.weight.to("meta"))
    with pytest.raises(ComposeKitError, match="reward_scale must be on cpu; got meta"):
        gopd_loss(S, T, R, reward_scale=torch.ones(2, device="meta"))


def test_vocabularies_are_aligned_on_their_prefix_when_told_so() -> None:
    expected = gopd_loss(S[..., :7], T[..., :7], R[..., :7])
    assert_close(gopd_loss(S, T[..., :7], R[..., :8], align_vocab="prefix"), expected)
    assert_close(gopd_loss(S, T, R, align_vocab=7), expected)
    assert_close(gopd_loss(S, T, R, align_vocab="prefix"), gopd_loss(S, T, R))
    student = LinearHead(HEAD.hidden, HEAD.weight.clone().requires_grad_(), torch.randn(9))
    other = LinearHead(torch.randn(2, 3, 5), torch.randn(7, 5))
    loss = linear_gopd_loss(student, other, reward_scale=1.0, align_vocab="prefix")
    (grad,) = torch.autograd.grad(loss.sum(), student.weight)
    assert grad.shape == (9, 4)
    assert bool((grad[7:] == 0).all())
    assert bool((grad[:7] != 0).all())


@pytest.mark.parametrize("impl", ["reference", "chunked"])
def test_a_vocabulary_without_tokens_is_named(impl: str) -> None:
    empty = torch.zeros(2, 3, 0)
    with pytest.raises(ComposeKitError, match="student_logits must hold in every row at least one finite logit"):
        gopd_loss(empty, empty, empty, impl=impl)
