"""What the arguments of block-sparse attention must be. Metadata here, on every call; data inside the operators."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from composekit._errors import ShapeError, bad_type, bad_value, brackets, check_shapes, message
from composekit.attention import _checks as checks
from composekit.attention.compressing import entries
from composekit.attention.sparse_config import SparseConfig


def check_config(op: str, config: object) -> None:
    """Raise unless the settings are a :class:`SparseConfig`."""
    if not isinstance(config, SparseConfig):
        raise bad_type(op, "config", "be a SparseConfig", type(config).__name__, "Pass SparseConfig(...)")


def check_tensors(op: str, q: Tensor, **others: Any) -> None:
    """``q [B, T, Hq, D]``, ``k [B, L, Hkv, D]`` and, where it is there, ``v [B, L, Hkv, Dv]``."""
    axes = {"q": "B T Hq D", "k": "B L Hkv D", "v": "B L Hkv Dv"}
    tensors = {"q": q, **others}
    for name, x in tensors.items():
        checks.check_tensor(op, name, x)
    check_shapes(op, **{name: (x, axes[name]) for name, x in tensors.items()})
    checks.check_heads(op, q, **others)


def check_places(op: str, q: Tensor, keys: int | None, cu_seqlens: Tensor | None, q_start: int | Tensor) -> None:
    """``cu_seqlens`` and ``q_start``, and that no query lies behind the last of ``keys`` (None where there are none)."""
    if cu_seqlens is not None:
        checks.check_cu_seqlens(op, cu_seqlens, q)
    rows = q.shape[0] if cu_seqlens is None else cu_seqlens.shape[0] - 1
    if isinstance(q_start, Tensor):
        if q_start.dtype != torch.int32:
            raise bad_type(op, "q_start", "be an int or an int32 tensor", str(q_start.dtype), "Convert with .int()")
        if q_start.dim() != 1 or (q_start.shape[0] != rows and not (cu_seqlens is not None and q_start.shape[0] == 1)):
            raise ShapeError(
                message(
                    op,
                    "q_start",
                    f"have shape [{int(rows)}], one per sequence",
                    brackets(q_start.shape),
                    "Or pass an int",
                )
            )
        checks.check_device(op, "q_start", q_start, q)
        return
    if isinstance(q_start, bool) or not isinstance(q_start, (int, torch.SymInt)):
        raise bad_type(op, "q_start", "be an int or an int32 tensor", type(q_start).__name__, "Pass a whole number")
    if q_start < 0:
        raise bad_value(op, "q_start", "not be negative", int(q_start), "Pass the position of the first query")
    if keys is None or cu_seqlens is not None:
        return
    if q_start + q.shape[1] > keys:
        raise ShapeError(
            message(
                op,
                "k",
                f"hold the keys of all queries, at least {int(q_start + q.shape[1])}",
                int(keys),
                "Keys reach from the start of the sequence to the last query",
            )
        )


def check_compressed(
    op: str,
    compressed: object,
    q: Tensor,
    k: Tensor | None,
    config: SparseConfig,
    q_start: int | Tensor,
    cu_seqlens: Tensor | None,
) -> None:
    """C1 and C2 ``[B, entries, Hkv, D]`` as :func:`compress_keys` makes them; C2 may be None with the exact normaliser."""
    if not isinstance(compressed, (tuple, list)) or len(compressed) != 2:
        raise bad_type(
            op, "compressed", "be a pair (C1, C2)", type(compressed).__name__, "Pass two compress_keys results"
        )
    sizes = ((config.kernel_size, config.stride), (config.lse_kernel_size, config.lse_stride))
    like = compressed[0] if k is None else k
    checks.check_tensor(op, "C1 of compressed", like)
    for number, x in enumerate(compressed, 1):
        name = f"C{number} of compressed"
        if number == 2 and x is None and config.lse == "exact":
            continue
        checks.check_tensor(op, name, x)
        check_shapes(op, q=(q, "B T Hq D"), k=(like, "B L Hkv D"), **{name: (x, "B entries Hkv D")})
        if x.shape[2] < 1 or q.shape[2] % x.shape[2]:
            raise ShapeError(
                message(op, name, f"have heads that divide the {int(q.shape[2])} of q", int(x.shape[2]), "As k has")
            )
        if x.dtype != checks.state_dtype(q.dtype):
            want = checks.state_dtype(q.dtype)
            raise bad_type(
                op, name, f"be {want} for {q.dtype} queries", str(x.dtype), "Pass what compress_keys returns"
            )
        checks.check_device(op, name, x, q)
        if isinstance(q_start, Tensor) or cu_seqlens is not None:
            continue
        least = entries(q_start + q.shape[1], *sizes[number - 1])
        if x.shape[1] < least:
            raise ShapeError(
                message(
                    op, name, f"hold {int(least)} entries or more", int(x.shape[1]), "Compress up to the last query"
                )
            )


def check_blocks(op: str, indices: Tensor, q: Tensor, k: Tensor, block_size: int) -> None:
    """int32 indices ``[B, T, Hkv, S]`` and a positive block size."""
    checks.check_tensor(op, "indices", indices)
    check_shapes(op, q=(q, "B T Hq D"), k=(k, "B L Hkv D"), indices=(indices, "B T Hkv S"))
    if indices.dtype != torch.int32:
        raise bad_type(op, "indices", "be int32", str(indices.dtype), "Convert with .int()")
    checks.check_device(op, "indices", indices, q)
    if isinstance(block_size, bool) or not isinstance(block_size, int):
        raise bad_type(op, "block_size", "be a positive integer", type(block_size).__name__, "Pass a whole number")
    if block_size < 1:
        raise bad_value(op, "block_size", "be a positive integer", int(block_size), "Pass a whole number from 1")
