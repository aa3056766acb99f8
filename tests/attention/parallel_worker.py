"""One rank of a gloo group: attention over a slice, and over the whole, must agree. Run by test_parallel.py."""

from __future__ import annotations

import sys

import torch
import torch.distributed as dist

from composekit.attention import lightning_attention
from composekit.testing import assert_close

# name: tokens of each rank, boundaries of the packed batch, query and key heads, implementation
CASES = {
    "dense": ([30, 30, 30], None, 2, 2, "auto"),
    "uneven": ([1, 50, 17], None, 4, 2, "auto"),
    "empty slice": ([0, 40, 3], None, 2, 1, "auto"),
    "reference": ([7, 5, 9], None, 2, 1, "reference"),
    "packed": ([20, 30, 25], [0, 5, 5, 33, 60, 75], 2, 1, "auto"),
    "one sequence over all": ([20, 30, 25], [0, 0, 70, 75], 4, 2, "auto"),
    "edges meet": ([20, 30, 25], [0, 20, 50, 75, 75], 2, 1, "auto"),
}


def run(totals: list[int], bounds: list[int] | None, heads: int, kv_heads: int, impl: str, with_state: bool) -> None:
    rank, world = dist.get_rank(), dist.get_world_size()
    totals = [*totals[: world - 1], sum(totals[world - 1 :])]
    low = sum(totals[:rank])
    mine = slice(low, low + totals[rank])
    torch.manual_seed(0)  # every rank draws the same whole
    batch = 2 if bounds is None else 1
    rows = batch if bounds is None else len(bounds) - 1
    whole = [
        torch.randn(batch, sum(totals), h, d, dtype=torch.float64)
        for h, d in ((heads, 4), (kv_heads, 4), (kv_heads, 3))
    ]
    slopes = torch.rand(heads, dtype=torch.float64) / 4
    state = torch.randn(rows, heads, 4, 3, dtype=torch.float64)
    weight = torch.randn(batch, sum(totals), heads, 3, dtype=torch.float64)
    weight_state = torch.randn_like(state)
    cu = None if bounds is None else torch.tensor(bounds, dtype=torch.int32)

    def leaves(part: slice) -> list[torch.Tensor]:
        inputs = [x[:, part] for x in whole] + [slopes] + ([state] if with_state else [])
        return [x.clone().requires_grad_() for x in inputs]

    def call(inputs: list[torch.Tensor], group: dist.ProcessGroup | None) -> tuple:
        start = inputs[4] if with_state else None
        return lightning_attention(
            *inputs[:4],
            initial_state=start,
            cu_seqlens=cu,
            output_final_state=True,
            group=group,
            impl=impl,
            chunk_size=None,
        )

    inputs, alone = leaves(mine), leaves(slice(None))
    got, want = call(inputs, dist.group.WORLD), call(alone, None)
    assert_close(got.out, want.out[:, mine], rtol=1e-12, name="out")
    assert_close(got.final_state, want.final_state, rtol=1e-12, name="final_state")

    loss = (got.out * weight[:, mine]).sum() + (got.final_state * weight_state).sum() / world
    grads = torch.autograd.grad(loss, inputs)
    expected = torch.autograd.grad((want.out * weight).sum() + (want.final_state * weight_state).sum(), alone)
    for name, mine_grad, full in zip(("dq", "dk", "dv"), grads[:3], expected[:3], strict=True):
        assert_close(mine_grad, full[:, mine], rtol=1e-11, name=name)
    for name, part, full in zip(("dslopes", "dstate"), grads[3:], expected[3:], strict=False):
        total = part.clone()
        dist.all_reduce(total)
        assert_close(total, full, rtol=1e-11, name=name)


def run_compiled() -> None:
    """One graph holds the exchange, too."""
    torch.manual_seed(0)
    q, k, v = (torch.randn(1, 20, 2, 4, requires_grad=True) for _ in range(3))
    slopes = torch.rand(2, requires_grad=True)

    def call(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, slopes: torch.Tensor) -> torch.Tensor:
        return lightning_attention(q, k, v, slopes, group=dist.group.WORLD).out

    compiled = torch.compile(call, fullgraph=True, backend="aot_eager")
    got, want = compiled(q, k, v, slopes), call(q, k, v, slopes)
    assert_close(got, want)
    leaves = (q, k, v, slopes)
    assert_close(torch.autograd.grad(got.sum(), leaves), torch.autograd.grad(want.sum(), leaves), rtol=1e-5)


def main(rank: int, world: int, store: str) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{store}", rank=rank, world_size=world)
    for name, arguments in CASES.items():
        for with_state in (False, True):
            try:
                run(*arguments, with_state)
            except Exception as error:
                raise RuntimeError(f"case {name!r}, initial state {with_state}") from error
    if world == 2:
        run_compiled()
    dist.barrier()
    dist.destroy_process_group()
    sys.stdout.write(f"rank {rank} agrees\n")


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
