"""One token of linear attention, with the state updated where it lies.

The kernels table may list ``lightning_decode``: ``fn(q, k, v, slopes, state, *, scale)`` updates ``state`` in place and
returns the output.

No ``from __future__ import annotations`` here: ``custom_op`` reads the annotations.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from composekit._dispatch import choose
from composekit.attention._lightning_op import facts


def decode_portable(q: Tensor, k: Tensor, v: Tensor, slopes: Tensor, state: Tensor, *, scale: float) -> Tensor:
    """The recurrence, once, in the dtype of the state: reads and writes the state a single time each."""
    share = q.shape[2] // k.shape[2]
    query = q[:, 0].to(state.dtype)
    key = k[:, 0].to(state.dtype).repeat_interleave(share, dim=1)
    value = v[:, 0].to(state.dtype).repeat_interleave(share, dim=1)
    state.mul_(torch.exp(-slopes.to(state.dtype))[:, None, None])
    state.addcmul_(key[:, :, :, None], value[:, :, None, :])
    return (scale * (query[:, :, None, :] @ state)).transpose(1, 2).to(q.dtype)


_PORTABLE: dict[str, Callable[..., Any]] = {"chunked": decode_portable, "reference": decode_portable}


@torch.library.custom_op("composekit::lightning_decode", mutates_args={"state"})
def lightning_decode(q: Tensor, k: Tensor, v: Tensor, slopes: Tensor, state: Tensor, scale: float, impl: str) -> Tensor:
    """One step for ``q [B, 1, Hq, Dk]``, ``k [B, 1, Hkv, Dk]``, ``v [B, 1, Hkv, Dv]``, ``state [B, Hq, Dk, Dv]``."""
    _, run = choose("lightning_decode", impl, facts(q, k, v, None), _PORTABLE)
    with torch.autocast(q.device.type, enabled=False):
        return run(q, k, v, slopes, state, scale=scale)


@lightning_decode.register_fake
def _(q, k, v, slopes, state, scale, impl):  # type: ignore[no-untyped-def]
    return q.new_empty(q.shape[0], 1, q.shape[2], v.shape[3])
