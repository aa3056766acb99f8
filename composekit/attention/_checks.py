"""What the arguments of linear attention must be. Metadata here is checked on every call; data inside the operator."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from composekit._errors import ShapeError, bad_type, bad_value, brackets, check_shapes, message

DTYPES = (torch.float16, torch.bfloat16, torch.float32, torch.float64)


def state_dtype(dtype: torch.dtype) -> torch.dtype:
    """The dtype of the running state: float64 for float64, float32 for everything else."""
    return torch.float64 if dtype == torch.float64 else torch.float32


def tracks_gradient(*tensors: Tensor) -> bool:
    """Whether a result of these will need its history."""
    return torch.is_grad_enabled() and any(t.requires_grad for t in tensors)


def check_tensor(op: str, argument: str, value: object) -> None:
    """Raise unless the value is a tensor."""
    if not isinstance(value, Tensor):
        raise bad_type(op, argument, "be a tensor", type(value).__name__, "Pass a torch.Tensor")


def check_qkv(op: str, q: Tensor, k: Tensor, v: Tensor) -> None:
    """Shapes, dtypes and devices of ``q [B, T, Hq, Dk]``, ``k [B, T, Hkv, Dk]``, ``v [B, T, Hkv, Dv]``."""
    for name, x in (("q", q), ("k", k), ("v", v)):
        check_tensor(op, name, x)
    check_shapes(op, q=(q, "B T Hq D"), k=(k, "B T Hkv D"), v=(v, "B T Hkv Dv"))
    check_heads(op, q, k=k, v=v)


def check_heads(op: str, q: Tensor, **others: Tensor) -> None:
    """Head counts, dtypes and devices of queries and of the keys and values beside them."""
    heads, kv_heads = q.shape[2], next(iter(others.values())).shape[2]
    for name, x in {"q": q, **others}.items():
        if x.shape[2] < 1 or x.shape[3] < 1:
            raise ShapeError(
                message(op, name, "have at least one head and one channel", brackets(x.shape), "Check the reshape")
            )
    if heads % kv_heads:
        raise ShapeError(
            message(
                op,
                "q",
                "have a multiple of the heads of k and v",
                f"{int(heads)} heads of q and {int(kv_heads)} of k",
                "Query heads share the heads of k and v in equal groups",
            )
        )
    if q.dtype not in DTYPES:
        raise bad_type(
            op, "q", "be float16, bfloat16, float32 or float64", str(q.dtype), "Convert it, for example with .float()"
        )
    for name, x in others.items():
        if x.dtype != q.dtype:
            raise bad_type(op, name, f"have the dtype of q, {q.dtype}", str(x.dtype), "Convert with .to(q.dtype)")
        check_device(op, name, x, q)


def check_device(op: str, name: str, x: Tensor, q: Tensor) -> None:
    """Raise unless ``x`` is where ``q`` is."""
    if x.device != q.device:
        raise bad_value(op, name, f"be on the device of q, {q.device}", str(x.device), "Move it with .to(q.device)")


def check_slopes(op: str, slopes: Tensor, q: Tensor) -> None:
    """One floating-point slope per query head, on the device of ``q``."""
    check_tensor(op, "slopes", slopes)
    heads = q.shape[2]
    if slopes.dim() != 1 or slopes.shape[0] != heads:
        raise ShapeError(
            message(
                op,
                "slopes",
                f"have shape [Hq={int(heads)}]",
                brackets(slopes.shape),
                f"Pass one decay rate per query head, for example alibi_slopes({int(heads)})",
            )
        )
    if not slopes.dtype.is_floating_point:
        raise bad_type(op, "slopes", "be floating point", str(slopes.dtype), "Convert with .float()")
    check_device(op, "slopes", slopes, q)


def check_cu_seqlens(op: str, cu_seqlens: Tensor, q: Tensor, *, argument: str = "q") -> None:
    """The metadata of ``cu_seqlens``: int32 ``[N + 1]`` and a packed batch of one row, ``argument`` by name."""
    check_tensor(op, "cu_seqlens", cu_seqlens)
    if cu_seqlens.dtype != torch.int32:
        raise bad_type(op, "cu_seqlens", "be int32", str(cu_seqlens.dtype), "Convert with .int()")
    if cu_seqlens.dim() != 1 or cu_seqlens.shape[0] < 2:
        raise ShapeError(
            message(
                op,
                "cu_seqlens",
                "have shape [N + 1] with N >= 1 sequences",
                brackets(cu_seqlens.shape),
                "Pass the running total of the lengths, starting with 0",
            )
        )
    if q.shape[0] != 1:
        raise ShapeError(
            message(
                op,
                argument,
                "have B = 1 when cu_seqlens is given",
                f"B = {int(q.shape[0])}",
                "Packed sequences are concatenated along T in one row",
            )
        )
    check_device(op, "cu_seqlens", cu_seqlens, q)


def check_state(op: str, name: str, state: Tensor, q: Tensor, v: Tensor, rows: int) -> None:
    """A state ``[rows, Hq, Dk, Dv]`` in the state dtype of ``q``."""
    check_tensor(op, name, state)
    want = (rows, q.shape[2], q.shape[3], v.shape[3])
    if tuple(state.shape) != want:
        raise ShapeError(
            message(
                op,
                name,
                f"have shape {brackets(want)}, one [Dk, Dv] per sequence and query head",
                brackets(state.shape),
                "Pass the final_state of an earlier call",
            )
        )
    if state.dtype != state_dtype(q.dtype):
        raise bad_type(
            op, name, f"be {state_dtype(q.dtype)} for {q.dtype} inputs", str(state.dtype), "The state is never rounded"
        )
    check_device(op, name, state, q)


def check_scale(op: str, scale: float | None) -> None:
    """None or a number."""
    if scale is not None and (isinstance(scale, bool) or not isinstance(scale, (int, float))):
        raise bad_type(op, "scale", "be a number or None", type(scale).__name__, "Pass a Python float")


def check_chunk_size(op: str, chunk_size: int | None) -> None:
    """None or a positive integer."""
    if chunk_size is None:
        return
    if isinstance(chunk_size, bool) or not isinstance(chunk_size, int):
        raise bad_type(op, "chunk_size", "be a positive integer or None", type(chunk_size).__name__, "Leave it out")
    if chunk_size < 1:
        raise bad_value(op, "chunk_size", "be a positive integer or None", int(chunk_size), "Leave it out")


def sequence_bounds(op: str, cu_seqlens: Tensor, total: int) -> list[int]:
    """The boundaries of a packed batch as Python integers, checked. Reads the data, so call it inside an operator.

    Raises:
        ArgumentError: the boundaries do not start at 0, decrease, or do not end at ``total``.
    """
    bounds = cu_seqlens.tolist()
    repair = "Pass the running total of the lengths, starting with 0"
    if bounds[0] != 0:
        raise bad_value(op, "cu_seqlens", "start at 0", bounds[0], repair)
    for n, (low, high) in enumerate(itertools.pairwise(bounds)):
        if high < low:
            raise bad_value(op, "cu_seqlens", "not decrease", f"{low} and then {high} at {n + 1}", repair)
    if bounds[-1] != total:
        raise bad_value(op, "cu_seqlens", f"end at the number of tokens, {total}", bounds[-1], repair)
    return bounds


def check_cu_data(op: str, cu_seqlens: Tensor, total: int) -> None:
    """The order of ``cu_seqlens``: an error on the CPU; elsewhere an assertion on the device, without a synchronisation."""
    if cu_seqlens.device.type == "cpu":
        sequence_bounds(op, cu_seqlens, total)
    elif cu_seqlens.device.type == "cuda":
        good = (cu_seqlens[0] == 0) & (cu_seqlens[-1] == total) & (cu_seqlens.diff() >= 0).all()
        torch._assert_async(good, f"{op}: cu_seqlens must start at 0, not decrease and end at {total}.")
