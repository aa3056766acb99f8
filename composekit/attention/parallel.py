r"""One sequence over several processes: each holds a slice in order, and they exchange states, never keys.

Rank *r* runs its slice of length :math:`L_r` from a zero state, which gives its own contribution :math:`A_r` to the memory.
All contributions are gathered (one state per sequence and head from each rank, whatever the length), and each rank forms the
state that enters it,

.. math::
    S_r = \sum_{j < r} e^{-s (L_{j+1} + \dots + L_{r-1})} A_j, \qquad o_i \mathrel{+}= c\, e^{-s(i+1)} q_i S_r .

The backward pass of the gathering is the sum of the gradients that the ranks have for one contribution.
Sun et al. 2025 (LASP-2, arXiv 2502.07563) exchange states in this way.

No ``from __future__ import annotations`` here: ``custom_op`` reads the annotations.
"""

from collections.abc import Callable
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from composekit._errors import bad_type
from composekit.attention._checks import check_cu_data

_OP = "lightning_attention"


def lightning_parallel(
    run: Callable[[Tensor | None, Tensor | None], tuple[Tensor, Tensor]],
    q: Tensor,
    slopes: Tensor,
    scale: float,
    cu_seqlens: Tensor | None,
    initial_state: Tensor | None,
    group: Any,
) -> tuple[Tensor, Tensor]:
    """The output of this rank's slice, and the state after the whole sequence.

    Args:
        run: Attention of the local slice, ``run(cu_seqlens, initial_state) -> (out, final_state)``.
        q: The local queries ``[B, T_r, Hq, Dk]``.
        slopes: ``[Hq]``.
        scale: The factor *c*.
        cu_seqlens: The boundaries of the *whole* packed batch, the same on every rank.
        initial_state: The state before the whole sequence, the same on every rank.
        group: The process group.
    """
    rank, world = dist.get_rank(group), dist.get_world_size(group)
    own = torch.tensor([q.shape[1]], dtype=torch.int64, device=q.device)
    totals = gather_ranks(own, world, group.group_name)[:, 0]  # [R]
    bounds = torch.stack([totals.new_zeros(()), totals.sum()]).to(torch.int32) if cu_seqlens is None else cu_seqlens
    local, lengths, starts_here = shard_bounds(bounds, totals, rank)
    if initial_state is not None:
        initial_state = initial_state * starts_here[:, None, None, None]
    out, own_state = run(None if cu_seqlens is None else local, initial_state)
    states = gather_ranks(own_state, world, group.group_name)  # [R, N, H, Dk, Dv]
    with torch.autocast(q.device.type, enabled=False):
        rates = slopes.to(states.dtype)
        final = _carried(states, lengths, rates, world)
        entering = _carried(states, lengths, rates, rank)
        if cu_seqlens is None:
            reach = local[1]
        else:  # of all sequences only one can reach over the left edge, and its tokens come first
            first = torch.searchsorted(bounds[1:].contiguous(), totals[:rank].sum().to(torch.int32), right=True)
            first = first.clamp(max=bounds.shape[0] - 2)
            entering, reach = entering.index_select(0, first.reshape(1)), local[1:].index_select(0, first.reshape(1))
        return _add_entering(out, q, entering, rates, scale, reach), final


def check_group(op: str, group: object) -> None:
    """Raise unless this is a process group."""
    if not isinstance(group, dist.ProcessGroup):
        raise bad_type(op, "group", "be a torch.distributed process group", type(group).__name__, "Use new_group(...)")


def _carried(states: Tensor, lengths: Tensor, rates: Tensor, rank: int) -> Tensor:
    """The state that enters ``rank``: the contributions ``[R, N, H, Dk, Dv]`` before it, decayed over ``lengths``."""
    before = lengths[:rank]
    steps = (before.flip(0).cumsum(0).flip(0) - before).to(
        states.dtype
    )  # [rank, N]: tokens between a rank and this one
    weights = torch.exp(-steps[:, :, None] * rates)
    return (states[:rank] * weights[:, :, :, None, None]).sum(0)


def _add_entering(out: Tensor, q: Tensor, state: Tensor, rates: Tensor, scale: float, reach: Tensor) -> Tensor:
    """Add what the first ``reach`` tokens of ``q [B, T, H, Dk]`` read from the entering ``state [B, H, Dk, Dv]``."""
    steps = torch.arange(q.shape[1], device=q.device)
    weights = scale * torch.exp(-(steps[:, None] + 1).to(rates.dtype) * rates) * (steps < reach)[:, None]  # [T, H]
    added = torch.einsum("bthk,bhkv->bthv", q.to(rates.dtype) * weights[:, :, None], state)
    return (out.to(rates.dtype) + added).to(out.dtype)


@torch.library.custom_op("composekit::shard_bounds", mutates_args=())
def shard_bounds(cu_seqlens: Tensor, totals: Tensor, rank: int) -> tuple[Tensor, Tensor, Tensor]:
    """Cut the boundaries of a packed batch at the edges between the ranks.

    Args:
        cu_seqlens: int32 ``[N + 1]``, of the whole batch.
        totals: int64 ``[R]``, tokens of every rank.
        rank: This rank.

    Returns:
        The boundaries inside this rank's slice, int32 ``[N + 1]``; the tokens that every rank has of every sequence, int64
        ``[R, N]``; which sequences begin here, bool ``[N]``.
    """
    if cu_seqlens.device.type == "cpu":
        check_cu_data(_OP, cu_seqlens, int(totals.sum()))
    edges = totals.cumsum(0) - totals
    inside = (cu_seqlens.long() - edges[:, None]).clamp(min=0).minimum(totals[:, None])  # [R, N + 1]
    begins = cu_seqlens[:-1].long()
    # The last rank whose slice begins at or before a sequence owns its beginning, so every sequence has one owner.
    owner = torch.searchsorted(edges, begins, right=True) - 1
    return inside[rank].to(torch.int32), inside.diff(dim=1), owner == rank


@shard_bounds.register_fake
def _(cu_seqlens, totals, rank):  # type: ignore[no-untyped-def]
    sequences = cu_seqlens.shape[0] - 1
    return (
        cu_seqlens.new_empty(sequences + 1),
        totals.new_empty(totals.shape[0], sequences),
        cu_seqlens.new_empty(sequences, dtype=torch.bool),
    )


@torch.library.custom_op("composekit::gather_ranks", mutates_args=())
def gather_ranks(x: Tensor, world: int, group: str) -> Tensor:
    """Stack a tensor of every rank, ``[world, ...]``. An operator, so that tracing never communicates."""
    out = torch.empty((world, *x.shape), dtype=x.dtype, device=x.device)
    dist.all_gather(list(out.unbind(0)), x.contiguous(), group=_named(group))
    return out


@gather_ranks.register_fake
def _(x, world, group):  # type: ignore[no-untyped-def]
    return x.new_empty((world, *x.shape))


@torch.library.custom_op("composekit::sum_own", mutates_args=())
def sum_own(grad: Tensor, group: str) -> Tensor:
    """The sum over all ranks of the part of ``grad [world, ...]`` that belongs to this one."""
    process_group = _named(group)
    total = grad.clone(memory_format=torch.contiguous_format)
    dist.all_reduce(total, group=process_group)
    return total[dist.get_rank(process_group)].clone()


@sum_own.register_fake
def _(grad, group):  # type: ignore[no-untyped-def]
    return grad.new_empty(grad.shape[1:])


def _named(group: str) -> Any:
    """The process group of this name; not every build of torch has the module, so it is imported here."""
    from torch.distributed.distributed_c10d import _resolve_process_group

    return _resolve_process_group(group)  # type: ignore[arg-type]


def _keep_group(ctx: Any, inputs: tuple, output: Tensor) -> None:
    ctx.group = inputs[2]


gather_ranks.register_autograd(lambda ctx, grad: (sum_own(grad, ctx.group), None, None), setup_context=_keep_group)
