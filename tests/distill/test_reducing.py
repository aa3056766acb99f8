"""One place that averages: packed equals padded equals split in any way."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from composekit import ComposeKitError
from composekit.distill import ExOPDLoss, reduce
from composekit.testing import assert_close

from .conftest import near

MODES = ["token_mean", "sequence_mean", "sequence_sum"]


def by_hand(rows: list[Tensor], masks: list[Tensor], mode: str) -> float:
    kept = [row[mask] for row, mask in zip(rows, masks, strict=True) if bool(mask.any())]
    if not kept:
        return 0.0
    if mode == "token_mean":
        return float(torch.cat(kept).mean())
    return sum(float(row.mean() if mode == "sequence_mean" else row.sum()) for row in kept) / len(kept)


@given(
    lengths=st.lists(st.integers(0, 5), min_size=1, max_size=5), mode=st.sampled_from(MODES), seed=st.integers(0, 99)
)
def test_packed_equals_padded_equals_by_hand(lengths: list[int], mode: str, seed: int) -> None:
    torch.manual_seed(seed)
    rows = [torch.randn(n, dtype=torch.float64) for n in lengths]
    masks = [torch.rand(n) < 0.6 for n in lengths]
    expected = by_hand(rows, masks, mode)
    cu_seqlens = torch.tensor([0, *torch.tensor(lengths).cumsum(0).tolist()], dtype=torch.int32)
    packed = reduce(torch.cat(rows)[None], torch.cat(masks)[None], mode=mode, cu_seqlens=cu_seqlens)
    padded = torch.full((len(lengths), max(lengths)), torch.nan, dtype=torch.float64)
    mask = torch.zeros(padded.shape, dtype=torch.bool)
    for i, (row, keep) in enumerate(zip(rows, masks, strict=True)):
        padded[i, : len(row)], mask[i, : len(row)] = row, keep
    near(packed, torch.tensor(expected, dtype=torch.float64), 1e-12)
    near(reduce(padded, mask, mode=mode), torch.tensor(expected, dtype=torch.float64), 1e-12)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("split", [[4], [1, 3], [2, 1, 1], [1, 1, 1, 1]])
def test_micro_batches_with_one_denominator_give_one_gradient(mode: str, split: list[int]) -> None:
    logits = torch.randn(3, 4, 5, 17, dtype=torch.float64)
    student = logits[0].clone().requires_grad_()
    mask = torch.rand(4, 5) < 0.7
    mask[1] = False
    denominator = int(mask.sum()) if mode == "token_mean" else int(mask.any(-1).sum())
    module = ExOPDLoss(mode=mode)
    whole = module(student, logits[1], logits[2], mask=mask).loss
    (expected,) = torch.autograd.grad(whole, student)
    total = torch.zeros((), dtype=torch.float64)
    start = 0
    for size in split:
        part = slice(start, start + size)
        loss = module(student[part], logits[1, part], logits[2, part], mask=mask[part], denominator=denominator).loss
        loss.backward()
        total += loss.detach()
        start += size
    assert_close(total, whole.detach(), rtol=1e-12)
    assert_close(student.grad, expected, rtol=1e-12)


def test_masked_values_are_not_read_and_nothing_gives_zero() -> None:
    loss = torch.tensor([[1.0, torch.nan], [torch.inf, 3.0]], requires_grad=True)
    mask = torch.tensor([[True, False], [False, True]])
    out = reduce(loss, mask)
    assert_close(out, torch.tensor(2.0))
    assert_close(torch.autograd.grad(out, loss)[0], torch.tensor([[0.5, 0.0], [0.0, 0.5]]))
    for mode in MODES:
        none = reduce(loss, torch.zeros_like(mask), mode=mode)
        assert_close(none, torch.tensor(0.0))
        assert_close(torch.autograd.grad(none, loss)[0], torch.zeros(2, 2))
    assert_close(reduce(torch.ones(2, 3).bfloat16(), None), torch.tensor(1.0))


def test_bad_input() -> None:
    loss, mask = torch.ones(1, 4), torch.ones(1, 4, dtype=torch.bool)
    bounds = torch.tensor([0, 4], dtype=torch.int32)
    for arguments, options, text in (
        ((loss, mask.int()), {}, "mask must be a bool tensor"),
        ((loss, mask[:, :2]), {}, "mask must have shape"),
        ((loss, mask), {"mode": "mean"}, "mode must be one of"),
        ((loss, mask), {"denominator": 0}, "denominator must be finite and above 0"),
        ((loss, mask), {"denominator": torch.tensor(0)}, "denominator must be finite and above 0"),
        ((loss, mask), {"denominator": torch.ones(2)}, "denominator must hold one number"),
        ((loss, mask), {"cu_seqlens": bounds + 1}, "cu_seqlens must rise from 0 to T=4"),
        ((loss, mask), {"cu_seqlens": bounds.float()}, "cu_seqlens must be an int32 tensor"),
        (
            (loss.expand(2, 4), mask.expand(2, 4)),
            {"cu_seqlens": bounds},
            "cu_seqlens must come with a batch of one row",
        ),
        ((loss.long(), mask), {}, "per_token must have a floating-point dtype"),
        ((loss[0], mask[0]), {}, "per_token must have shape"),
    ):
        with pytest.raises(ComposeKitError, match=text):
            reduce(*arguments, **options)
