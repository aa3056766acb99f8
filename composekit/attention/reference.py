"""Linear attention as its recurrence, token by token. Nothing here is fast; everything is held against it."""

from __future__ import annotations

import itertools

import torch
from torch import Tensor

from composekit.attention._checks import sequence_bounds, state_dtype


def lightning_reference(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    slopes: Tensor,
    *,
    scale: float,
    cu_seqlens: Tensor | None = None,
    initial_state: Tensor | None = None,
) -> tuple[Tensor, Tensor]:
    r"""The recurrence :math:`S_t = e^{-s} S_{t-1} + k_t v_t^\top`, :math:`o_t = c\, q_t S_t`, in float32 or float64.

    Args:
        q: ``[B, T, Hq, Dk]``.
        k: ``[B, T, Hkv, Dk]``; every head serves ``Hq / Hkv`` neighbouring query heads.
        v: ``[B, T, Hkv, Dv]``.
        slopes: ``[Hq]``.
        scale: The factor *c*.
        cu_seqlens: int32 ``[N + 1]`` for a packed batch.
        initial_state: ``[B or N, Hq, Dk, Dv]``; zero by default.

    Returns:
        The output in the dtype of ``q``, ``[B, T, Hq, Dv]``, and the final state in float32 or float64.

    Guarantees:
        Plain autograd: differentiable any number of times, in every argument. Memory grows with the number of states.
    """
    dtype = state_dtype(q.dtype)
    share = q.shape[2] // k.shape[2]
    queries = q.to(dtype)
    keys = k.to(dtype).repeat_interleave(share, dim=2)
    values = v.to(dtype).repeat_interleave(share, dim=2)
    decay = torch.exp(-slopes.to(dtype))[:, None, None]
    if cu_seqlens is None:
        pieces = [(slice(None), 0, q.shape[1])]
        rows = q.shape[0]
    else:
        bounds = sequence_bounds("lightning_attention", cu_seqlens, q.shape[1])
        pieces = [(slice(0, 1), low, high) for low, high in itertools.pairwise(bounds)]
        rows = len(pieces)
    if initial_state is None:
        initial_state = q.new_zeros(rows, q.shape[2], q.shape[3], v.shape[3], dtype=dtype)
    outputs, finals = [q.new_zeros(q.shape[0], 0, q.shape[2], v.shape[3], dtype=dtype)], []
    for n, (row, low, high) in enumerate(pieces):
        state = initial_state if cu_seqlens is None else initial_state[n : n + 1]
        for t in range(low, high):
            state = decay * state + keys[row, t, :, :, None] * values[row, t, :, None, :]
            outputs.append(
                scale * (queries[row, t, :, :, None] * state).sum(2)[:, None]
            )  # no product that autocast rounds
        finals.append(state)
    return torch.cat(outputs, dim=1).to(q.dtype), torch.cat(finals).clone()
