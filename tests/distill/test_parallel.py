"""Slices of the vocabulary on several ranks equal the whole."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
import torch.distributed as dist

from composekit import ComposeKitError
from composekit.distill import ExOPDLoss, LinearHead, vocab_parallel_gopd_loss
from composekit.testing import assert_close


@pytest.mark.parametrize("count", [2, 3])
def test_slices_of_heads_equal_the_whole(count: int, ranks: dict[str, dict[str, str]]) -> None:
    problem = ranks.get(f"{count}-ranks", {}).get("slices_of_heads_equal_the_whole", "did not run")
    assert not problem, problem


def test_the_module_over_a_group_of_one_and_bad_input(tmp_path: Path) -> None:
    heads = [LinearHead(torch.randn(1, 4, d), torch.randn(17, d)) for d in (3, 4, 5)]
    heads[0].weight.requires_grad_()
    alone = ExOPDLoss()(*heads)
    dist.init_process_group("gloo", init_method=f"file://{tmp_path}/meet", rank=0, world_size=1)
    try:
        world = dist.group.WORLD
        split = ExOPDLoss(vocab_group=world)(*heads)
        assert_close(split.loss, alone.loss)
        assert_close(split.diagnostics, alone.diagnostics)
        assert_close(torch.autograd.grad(split.loss, heads[0].weight), torch.autograd.grad(alone.loss, heads[0].weight))
        for options, text in (
            ({"impl": "reference"}, "ExOPDLoss: impl must be 'auto' or 'chunked' with vocab_group"),
            ({"align_vocab": "prefix"}, "ExOPDLoss: align_vocab must be None with vocab_group"),
        ):
            with pytest.raises(ComposeKitError, match=text):
                ExOPDLoss(vocab_group=world, **options)
        nan = LinearHead(heads[1].hidden * torch.nan, heads[1].weight)
        with pytest.raises(ComposeKitError, match="ExOPDLoss: teacher must hold in every row"):
            ExOPDLoss(vocab_group=world)(heads[0], nan, heads[2])
    finally:
        dist.destroy_process_group()
    with pytest.raises(ComposeKitError, match=r"vocab_group must belong to an initialised torch\.distributed"):
        ExOPDLoss(vocab_group=world)(*heads)


def test_it_needs_a_process_group() -> None:
    head = LinearHead(torch.randn(1, 2, 3), torch.randn(7, 3))
    with pytest.raises(ComposeKitError, match=r"group must belong to an initialised torch\.distributed"):
        vocab_parallel_gopd_loss(head, head, head)
