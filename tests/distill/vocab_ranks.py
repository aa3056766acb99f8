"""A rank of the vocabulary-parallel test: python vocab_ranks.py FOLDER RANK RANKS. Compares its slice with the whole."""

from __future__ import annotations

import sys

import torch
import torch.distributed as dist

from composekit.distill import LinearHead, Teachers, gopd_loss, linear_gopd_loss, vocab_parallel_gopd_loss
from composekit.testing import assert_close

BOUNDS = {2: [0, 5, 17], 3: [0, 9, 11, 17]}


def main(folder: str, rank: int, ranks: int) -> None:
    dist.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=ranks)
    torch.manual_seed(0)
    start, stop = BOUNDS[ranks][rank : rank + 2]
    whole = []
    for width in (4, 6, 3):
        parts = torch.randn(2, 5, width), torch.randn(17, width), torch.randn(17)
        whole.append(LinearHead(*(x.double() for x in parts)))
    excluded = whole[1].bias.clone()
    excluded[16] = -torch.inf
    strict = LinearHead(whole[1].hidden, whole[1].weight, excluded)
    never = LinearHead(
        whole[2].hidden, whole[2].weight, whole[2].bias.clone().index_fill(0, torch.tensor([0]), -torch.inf)
    )
    weights = torch.rand(2, 5).double()
    cases = [
        (whole[1], whole[2], {"reward_scale": 1.25}),
        (whole[1], whole[2], {"reward_scale": torch.tensor([0.0, 2.0]), "temperature": 0.7}),
        (whole[1], None, {"reward_scale": 1.0}),
        (strict, whole[2], {"reward_scale": 1.25}),
        (strict, never, {"reward_scale": 1.25}),
        (whole[1], never, {"reward_scale": 1.25}),
    ]
    for teacher, reference, options in cases:
        inputs = [x.clone().requires_grad_() for x in whole[0]]
        full = linear_gopd_loss(LinearHead(*inputs), teacher, reference, **options)
        expected = torch.autograd.grad((full * weights).sum(), inputs)
        own = [x.clone().requires_grad_() for x in (whole[0].hidden, *(y[start:stop] for y in whole[0][1:]))]
        shards = [
            None if h is None else LinearHead(h.hidden, h.weight[start:stop], h.bias[start:stop])
            for h in (teacher, reference)
        ]
        loss = vocab_parallel_gopd_loss(LinearHead(*own), *shards, **options)
        assert_close(loss, full, rtol=1e-11)
        if not bool(full.isfinite().all()):
            continue
        grads = torch.autograd.grad((loss * weights).sum(), own)
        for found, true in zip(grads, (expected[0], expected[1][start:stop], expected[2][start:stop]), strict=True):
            assert_close(found, true, rtol=1e-11)
    logits = [h.logits() for h in whole]
    student, slices = logits[0].clone().requires_grad_(), [x[..., start:stop].clone() for x in logits]
    slices[0].requires_grad_()
    full = gopd_loss(student, Teachers(logits[1:], weights=[0.7, 0.3]), reward_scale=1.0, normalize=True)
    loss = vocab_parallel_gopd_loss(
        slices[0], Teachers(slices[1:], weights=[0.7, 0.3]), reward_scale=1.0, normalize=True
    )
    assert_close(loss, full, rtol=1e-10)
    grad, true = torch.autograd.grad(loss.sum(), slices[0])[0], torch.autograd.grad(full.sum(), student)[0]
    assert_close(grad, true[..., start:stop], rtol=1e-10)
    dist.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
