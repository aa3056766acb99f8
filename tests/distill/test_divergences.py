"""Forward and reverse KL and Jensen-Shannon."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from composekit import ComposeKitError
from composekit.distill import (
    LinearHead,
    forward_kl,
    jsd,
    linear_forward_kl,
    linear_jsd,
    linear_reverse_kl,
    reverse_kl,
)
from composekit.testing import assert_close

from .conftest import as_head, gradient, models, near

FORMS = [("logits", "chunked"), ("logits", "reference"), ("linear", "chunked"), ("linear", "reference")]


def call(form: tuple[str, str], kind: str, student: Tensor, teacher: Tensor, **options) -> Tensor:  # type: ignore[no-untyped-def]
    names = {
        "forward": (forward_kl, linear_forward_kl),
        "reverse": (reverse_kl, linear_reverse_kl),
        "jsd": (jsd, linear_jsd),
    }
    plain, linear = names[kind]
    if form[0] == "linear":
        return linear(as_head(student), as_head(teacher), impl=form[1], **options)
    return plain(student, teacher, impl=form[1], **options)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("temperature", [1.0, 0.6])
def test_they_are_their_definitions(form: tuple[str, str], temperature: float) -> None:
    student, teacher = models(2, 5, 17, count=2)
    p, q = (student / temperature).log_softmax(-1), (teacher / temperature).log_softmax(-1)
    by_hand = {"forward": (q.exp() * (q - p)).sum(-1), "reverse": (p.exp() * (p - q)).sum(-1)}
    for kind, expected in by_hand.items():
        loss = call(form, kind, student, teacher, temperature=temperature)
        assert_close(loss, expected, rtol=1e-11)
        assert_close(gradient(loss, student), gradient(expected, student), rtol=1e-11)
    for beta in (0.0, 0.1, 0.5, 0.9, 1.0):
        m = (beta * q.exp() + (1 - beta) * p.exp()).log()
        expected = beta * (q.exp() * (q - m)).sum(-1) + (1 - beta) * (p.exp() * (p - m)).sum(-1)
        expected = by_hand["forward"] if beta == 0 else by_hand["reverse"] if beta == 1 else expected
        loss = call(form, "jsd", student, teacher, temperature=temperature, beta=beta)
        assert_close(loss, expected, rtol=1e-11)
        assert_close(gradient(loss, student), gradient(expected, student), rtol=1e-10)


@pytest.mark.parametrize("form", FORMS)
def test_equal_models_have_no_divergence(form: tuple[str, str]) -> None:
    student, _ = models(2, 5, 17, count=2)
    for kind in ("forward", "reverse", "jsd"):
        loss = call(form, kind, student, student.detach() + 3.0)
        near(loss, torch.zeros_like(loss), 1e-13)
        near(gradient(loss, student)[0], torch.zeros_like(student), 1e-13)


def test_jsd_agrees_with_trl() -> None:
    trl = pytest.importorskip("trl.experimental.gkd.gkd_trainer")
    student, teacher = models(2, 5, 17, count=2)
    labels = torch.zeros(2, 5, dtype=torch.int64)
    for beta in (0.0, 0.3, 1.0):
        theirs = trl.GKDTrainer.generalized_jsd_loss(
            student, teacher, labels=labels, beta=beta, temperature=0.7, reduction="sum"
        )
        ours = jsd(student, teacher, beta=beta, temperature=0.7)
        assert_close(ours.sum(), theirs, rtol=1e-10)
        assert_close(
            gradient(ours, student, weights=torch.ones(2, 5).double()),
            gradient(theirs, student, weights=torch.ones(()).double()),
            rtol=1e-9,
        )


def test_bad_input() -> None:
    student, teacher = torch.randn(2, 1, 3, 9).unbind(0)
    head = LinearHead(torch.randn(1, 3, 4), torch.randn(9, 4))
    for run, text in (
        (lambda: jsd(student, teacher, beta=1.5), "jsd: beta must be from 0 to 1"),
        (lambda: jsd(student, teacher, beta=-0.1), "jsd: beta must be finite and at least 0"),
        (lambda: forward_kl(student, teacher[..., :8]), "forward_kl: teacher_logits must have the vocabulary"),
        (lambda: forward_kl(student, teacher, temperature=0.0), "forward_kl: temperature must be finite and above 0"),
        (lambda: linear_jsd(head, teacher), "linear_jsd: teacher must be a LinearHead"),
        (lambda: linear_forward_kl(head, head, chunk_size=-1), "linear_forward_kl: chunk_size"),
        (lambda: reverse_kl(head, teacher), "reverse_kl: student_logits must be a tensor of logits"),
        (lambda: reverse_kl(student, None), "reverse_kl: teacher_logits must be"),
        (lambda: forward_kl(student, teacher, impl="fast"), "forward_kl: impl must be one of"),
    ):
        with pytest.raises(ComposeKitError, match=text):
            run()
