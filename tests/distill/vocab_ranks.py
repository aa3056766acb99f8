"""A rank of the vocabulary-parallel tests: python -m tests.distill.vocab_ranks FOLDER RANK, three times.

Ranks 0 and 1 hold every check over a vocabulary split in two, then all three over one split in three; each writes what it
found to FOLDER. A rank stops at its first problem, for from there on the collectives of the others would meet nothing.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path as File

import torch
import torch.distributed as dist
from torch.distributed import ProcessGroup

from composekit.distill import ExOPDLoss, LinearHead, linear_gopd_loss, reduce, vocab_parallel_gopd_loss
from composekit.testing import assert_close
from tests.distill import test_identities
from tests.distill.paths import CHECKS, over_ranks, small_blocks

__all__ = ["test_identities"]  # whose import fills CHECKS

BOUNDS = {2: [0, 5, 17], 3: [0, 9, 11, 17]}


def slices_of_heads_equal_the_whole(group: ProcessGroup) -> None:
    """Three widths, weights and biases: each rank has the whole gradient of hidden states, and its own of the rest."""
    rank, count = dist.get_rank(group), dist.get_world_size(group)
    start, stop = BOUNDS[count][rank : rank + 2]
    heads = []
    for width in (4, 6, 3):
        parts = torch.randn(2, 5, width), torch.randn(17, width), torch.randn(17)
        heads.append(LinearHead(*(x.double() for x in parts)))
    weights, mask = torch.rand(2, 5).double(), torch.rand(2, 5) < 0.7
    for teacher, reference, options in (
        (heads[1], heads[2], {"reward_scale": 1.25}),
        (heads[1], heads[2], {"reward_scale": torch.tensor([0.0, 2.0]), "temperature": 0.7}),
        (heads[1], None, {"reward_scale": 1.0}),
    ):
        inputs = [x.clone().requires_grad_() for x in heads[0]]
        own = [x.clone().requires_grad_() for x in (heads[0].hidden, *(y[start:stop] for y in heads[0][1:]))]
        slices = [
            None if h is None else LinearHead(h.hidden, h.weight[start:stop], h.bias[start:stop])
            for h in (teacher, reference)
        ]
        full = linear_gopd_loss(LinearHead(*inputs), teacher, reference, **options)
        per_token = vocab_parallel_gopd_loss(LinearHead(*own), *slices, group=group, **options)
        assert_close(per_token, full, rtol=1e-11)
        # Rows of a chunk follow from the memory of the slice, so that uneven slices must agree on them.
        module = ExOPDLoss(options["reward_scale"], options.get("temperature", 1.0), vocab_group=group)
        out = module(LinearHead(*own), *slices, mask=mask)
        assert_close(out.diagnostics["per_token"], full.detach().masked_fill(~mask, 0.0), rtol=1e-11)
        for ours, whole in (((per_token * weights).sum(), (full * weights).sum()), (out.loss, reduce(full, mask))):
            assert_close(ours, whole, rtol=1e-11)
            expected = torch.autograd.grad(3.0 * whole, inputs, retain_graph=True)
            grads = torch.autograd.grad(3.0 * ours, own)
            for found, true in zip(grads, (expected[0], *(x[start:stop] for x in expected[1:])), strict=True):
                assert_close(found, true, rtol=1e-11)


def main(folder: str, rank: int) -> None:
    dist.init_process_group(
        "gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=3, timeout=timedelta(seconds=60)
    )
    small_blocks(setattr)
    found: dict[str, dict[str, str]] = {}

    def hold(name: str, check: str, run: Callable[[], None]) -> None:
        torch.manual_seed(0)
        problem = f"rank {rank}: did not come to an end"
        try:
            run()
            problem = ""
        except BaseException:
            problem = f"rank {rank}: {traceback.format_exc()}"
            raise
        finally:
            found.setdefault(name, {})[check] = problem
            File(folder, f"{rank}.json").write_text(json.dumps(found))

    two = dist.new_group([0, 1])
    for count, group in ((2, two), (3, dist.group.WORLD)):
        if rank < count:
            hold(
                f"{count}-ranks", "slices_of_heads_equal_the_whole", lambda g=group: slices_of_heads_equal_the_whole(g)
            )
            for path in over_ranks(group, count):
                for name, check in CHECKS.items():
                    hold(path.name, name, lambda c=check, p=path: c(p))
    dist.destroy_process_group()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
