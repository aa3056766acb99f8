"""Checks that several parts of the bridge share: masks, cumulative lengths, and the data inside them."""

from __future__ import annotations

import torch
from torch import Tensor

from composekit._errors import ShapeError, bad_type, bad_value, message


def as_mask(op: str, mask: Tensor | None, shape: tuple[int, ...], argument: str = "mask") -> Tensor | None:
    """The mask as bool, True keeps; None stays None. Integers and bool are taken, of exactly this shape."""
    if mask is None:
        return None
    if mask.dtype.is_floating_point or mask.dtype.is_complex:
        raise bad_type(op, argument, "be bool or 0/1 integers", mask.dtype, "Pass what the tokenizer returned")
    if tuple(mask.shape) != tuple(shape):
        raise ShapeError(
            message(op, argument, f"have shape {list(shape)}", list(mask.shape), "Give every position one entry")
        )
    return mask.bool()


def as_cu_seqlens(op: str, cu_seqlens: Tensor | None, batch: int, total: int) -> Tensor | None:
    """Cumulative lengths of a packed row as int64, checked: metadata here, data where the numbers are."""
    if cu_seqlens is None:
        return None
    if cu_seqlens.dtype not in (torch.int32, torch.int64):
        raise bad_type(op, "cu_seqlens", "be int32 or int64", cu_seqlens.dtype, "Cast it")
    if cu_seqlens.ndim != 1 or cu_seqlens.shape[0] < 2:
        raise ShapeError(
            message(op, "cu_seqlens", "have shape [N + 1]", list(cu_seqlens.shape), "Begin with 0 and end with T")
        )
    if batch != 1:
        raise bad_value(op, "cu_seqlens", "come with a batch of one packed row", f"batch {batch}", "Pack into [1, T]")
    return torch.ops.composekit_bridge.checked_cu_seqlens(cu_seqlens, total, op)


def packed_without_mask(op: str, mask: Tensor | None) -> None:
    """Refuse a mask on packed rows: an all-ones mask would let the packed samples read each other."""
    if mask is not None:
        raise bad_value(
            op,
            "attention_mask",
            "be None on packed rows: with a mask, even of ones, a reader takes the row for one sample and lets the "
            "packed samples read each other",
            f"shape {list(mask.shape)}",
            "Leave it out; cu_seqlens keeps the samples apart",
        )


@torch.library.custom_op("composekit_bridge::checked_cu_seqlens", mutates_args=())
def _checked_cu_seqlens(cu_seqlens: Tensor, total: int, op: str) -> Tensor:
    ordered = (cu_seqlens[1:] >= cu_seqlens[:-1]).all()
    sound = ordered & (cu_seqlens[0] == 0) & (cu_seqlens[-1] == total)
    if cu_seqlens.device.type == "cpu":
        if not bool(sound):
            raise bad_value(
                op,
                "cu_seqlens",
                f"rise from 0 to the number of positions, {total}",
                cu_seqlens.tolist(),
                "Sum up the lengths of the samples",
            )
    else:
        torch._assert_async(sound)
    return cu_seqlens.to(torch.int64, copy=True)


@_checked_cu_seqlens.register_fake
def _(cu_seqlens: Tensor, total: int, op: str) -> Tensor:
    return cu_seqlens.new_empty(cu_seqlens.shape, dtype=torch.int64)


def segment_ids(cu_seqlens: Tensor, total: int) -> Tensor:
    """The number of the sample that each position of a packed row belongs to, int64 [total]."""
    places = torch.arange(total, device=cu_seqlens.device)
    return torch.searchsorted(cu_seqlens, places, right=True) - 1


def accumulation_dtype(dtype: torch.dtype) -> torch.dtype:
    """What statistics and sums are kept in: float64 for float64, else float32."""
    return torch.float64 if dtype == torch.float64 else torch.float32
