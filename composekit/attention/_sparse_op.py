"""Block-sparse attention as operators of torch: what torch.compile sees, how gradients flow, and where kernels come in.

The table of kernels may list three operations, each an eager function on tensors whose metadata is checked:

* ``select_blocks``: ``fn(q, k, c1, c2, config, *, scale, cu_seqlens, q_start, q_starts)`` returns ``(indices, counts)``;
  with ``c1`` (and ``c2``, unless ``config.lse`` is exact) ``k`` is not read; queries that ``config.dense_len`` makes dense
  select nothing.
* ``block_sparse_attention``: ``fn(q, k, v, indices, *, block_size, local_blocks, scale, cu_seqlens, q_start, q_starts,
  dense_len, dense_by)`` returns ``(out, lse)``.
* ``block_sparse_attention_backward``: ``fn(dout, dlse, q, k, v, indices, out, lse, *, ...)`` with the same options returns
  ``(dq, dk, dv)``.

``q_starts`` is None or the positions of the first queries, which then overrule the number ``q_start``. ``local_blocks`` is
how many blocks before its own every query is known to have selected: a dense band, which needs no look at the indices.

No ``from __future__ import annotations`` here: ``custom_op`` reads the annotations.
"""

from collections.abc import Callable
from dataclasses import fields
from typing import Any

import torch
from torch import Tensor

from composekit._dispatch import choose, describe
from composekit._errors import bad_value
from composekit.attention._checks import state_dtype
from composekit.attention.select_chunked import select_chunked
from composekit.attention.sparse_chunked import attend_backward_chunked, attend_chunked
from composekit.attention.sparse_config import SparseConfig
from composekit.attention.sparse_reference import select_reference
from composekit_kernels.dispatch import Call

_SELECT: dict[str, Callable[..., Any]] = {"chunked": select_chunked, "reference": select_reference}
_ATTEND: dict[str, Callable[..., Any]] = {"chunked": attend_chunked}
_BACKWARD: dict[str, Callable[..., Any]] = {"chunked": attend_backward_chunked}


def flat(config: SparseConfig, *, dense_len: int) -> tuple[list[int], str, torch.dtype, bool, str]:
    """The settings as an operator takes them, with ``dense_len`` in the place of their own."""
    sizes = [config.block_size, config.kernel_size, config.stride, config.lse_kernel_size, config.lse_stride]
    sizes += [config.init_blocks, config.window_size, config.topk, dense_len]
    return sizes, config.lse, config.rank_dtype, config.mask_future, config.dense_by


def _unflat(sizes: list[int], lse: str, rank_dtype: torch.dtype, mask_future: bool, dense_by: str) -> SparseConfig:
    names = (field.name for field in fields(SparseConfig))
    return SparseConfig(**dict(zip(names, (*sizes, lse, rank_dtype, mask_future, dense_by), strict=True)))  # type: ignore[arg-type]


def _named(*options: Any) -> dict[str, Any]:
    """The options of attention, in the order of the operators, by name."""
    names = ("cu_seqlens", "q_start", "q_starts", "block_size", "local_blocks", "scale", "dense_len", "dense_by")
    return dict(zip(names, options, strict=True))


def _facts(q: Tensor, k: Tensor, cu_seqlens: Tensor | None, block_size: int, **sizes: int) -> Call:
    features = () if cu_seqlens is None else ("cu_seqlens",)
    return describe(q, features=features, D=q.shape[3], Hq=q.shape[2], Hkv=k.shape[2], block_size=block_size, **sizes)


@torch.library.custom_op("composekit::select_blocks", mutates_args=())
def select(
    q: Tensor,
    k: Tensor,
    c1: Tensor | None,
    c2: Tensor | None,
    cu_seqlens: Tensor | None,
    q_start: int,
    q_starts: Tensor | None,
    sizes: list[int],
    lse: str,
    rank_dtype: torch.dtype,
    mask_future: bool,
    dense_by: str,
    scale: float,
    impl: str,
) -> tuple[Tensor, Tensor]:
    """Indices and counts; see :func:`composekit.attention.select_blocks`. Nothing is differentiable."""
    _, run = choose("select_blocks", impl, _facts(q, k, cu_seqlens, sizes[0]), _SELECT)
    config = _unflat(sizes, lse, rank_dtype, mask_future, dense_by)
    with torch.autocast(q.device.type, enabled=False):
        return run(q, k, c1, c2, config, scale=scale, cu_seqlens=cu_seqlens, q_start=q_start, q_starts=q_starts)


@select.register_fake
def _(q, k, c1, c2, cu_seqlens, q_start, q_starts, sizes, lse, rank_dtype, mask_future, dense_by, scale, impl):  # type: ignore[no-untyped-def]
    counts = q.new_empty(q.shape[0], q.shape[1], k.shape[2], dtype=torch.int32)
    return counts.new_empty(*counts.shape, sizes[7] + sizes[6] // sizes[0]), counts


@torch.library.custom_op("composekit::block_sparse_attention", mutates_args=())
def attend(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    indices: Tensor,
    cu_seqlens: Tensor | None,
    q_start: int,
    q_starts: Tensor | None,
    block_size: int,
    local_blocks: int,
    scale: float,
    dense_len: int,
    dense_by: str,
    impl: str,
) -> tuple[Tensor, Tensor]:
    """Output and log-sum-exp; see :func:`composekit.attention.block_sparse_attention`."""
    call = _facts(q, k, cu_seqlens, block_size, Dv=v.shape[3])
    _, run = choose("block_sparse_attention", impl, call, _ATTEND)
    options = _named(cu_seqlens, q_start, q_starts, block_size, local_blocks, scale, dense_len, dense_by)
    with torch.autocast(q.device.type, enabled=False):
        return run(q, k, v, indices, **options)


@attend.register_fake
def _(q, k, v, indices, cu_seqlens, q_start, q_starts, block_size, local_blocks, scale, dense_len, dense_by, impl):  # type: ignore[no-untyped-def]
    lse = q.new_empty(q.shape[0], q.shape[1], q.shape[2], dtype=state_dtype(q.dtype))
    return q.new_empty(q.shape[0], q.shape[1], q.shape[2], v.shape[3]), lse


@torch.library.custom_op("composekit::block_sparse_attention_backward", mutates_args=())
def attend_backward(
    dout: Tensor,
    dlse: Tensor,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    indices: Tensor,
    out: Tensor,
    lse: Tensor,
    cu_seqlens: Tensor | None,
    q_start: int,
    q_starts: Tensor | None,
    block_size: int,
    local_blocks: int,
    scale: float,
    dense_len: int,
    dense_by: str,
    impl: str,
) -> tuple[Tensor, Tensor, Tensor]:
    """Gradients to q, k and v."""
    call = _facts(q, k, cu_seqlens, block_size, Dv=v.shape[3])
    _, run = choose("block_sparse_attention_backward", impl, call, _BACKWARD)
    options = _named(cu_seqlens, q_start, q_starts, block_size, local_blocks, scale, dense_len, dense_by)
    with torch.autocast(q.device.type, enabled=False):
        return run(dout, dlse, q, k, v, indices, out, lse, **options)


@attend_backward.register_fake
def _(dout, dlse, q, k, v, *rest):  # type: ignore[no-untyped-def]
    return q.new_empty(q.shape), k.new_empty(k.shape), v.new_empty(v.shape)


def _setup(ctx: Any, inputs: tuple, output: tuple) -> None:
    q, k, v, indices, cu_seqlens, q_start, q_starts, *options = inputs
    ctx.save_for_backward(q, k, v, indices, *output, cu_seqlens, q_starts)
    ctx.q_start, ctx.options = q_start, options


def _differentiate(ctx: Any, dout: Tensor, dlse: Tensor) -> tuple:
    q, k, v, indices, out, lse, cu_seqlens, q_starts = ctx.saved_tensors
    inputs = (q, k, v, indices, out, lse, cu_seqlens, ctx.q_start, q_starts, *ctx.options)
    return *attend_backward(dout, dlse, *inputs), *[None] * 10


def _refuse(ctx: Any, *grads: Tensor) -> tuple:
    raise bad_value(
        "block_sparse_attention",
        "the output",
        "be differentiated once",
        "a second derivative",
        "Use impl='reference', which is plain autograd",
    )


attend.register_autograd(_differentiate, setup_context=_setup)
attend_backward.register_autograd(_refuse, setup_context=lambda ctx, inputs, output: None)
