"""Linear attention: the functions that ``composekit_kernels.IMPLS`` names, on tensors whose metadata is checked.

The operators of torch (schema, fake, autograd) stand with the public function, once for every implementation; what is named
here runs inside them, eagerly, so that Triton is never traced.
"""

from __future__ import annotations

import torch
from torch import Tensor


def _rows(*tensors: Tensor) -> tuple[Tensor, ...]:
    """Tensors whose channels lie side by side; any other strides are the kernels' to follow."""
    return tuple(x if x.stride(-1) == 1 or x.shape[-1] == 1 else x.contiguous() for x in tensors)


def _state(state: Tensor | None) -> Tensor | None:
    return None if state is None else state.contiguous()


def forward(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    slopes: Tensor,
    *,
    scale: float,
    cu_seqlens: Tensor | None,
    initial_state: Tensor | None,
    output_final_state: bool,
    chunk_size: int | None = None,
    segment: int = 0,
) -> tuple[Tensor, Tensor | None]:
    """Output and final state. ``chunk_size`` is a hint that the pinned tiles overrule; ``segment`` tokens a segment or chosen."""
    from composekit_kernels.triton import lightning_forward

    q, k, v = _rows(q, k, v)
    final = None
    if output_final_state:
        sequences = q.shape[0] if cu_seqlens is None else cu_seqlens.shape[0] - 1
        shape = (sequences, q.shape[2], q.shape[3], v.shape[3])
        final = torch.empty(shape, dtype=torch.float32, device=q.device)
    out = lightning_forward.forward(
        q, k, v, slopes.float().contiguous(), scale, cu_seqlens, _state(initial_state), final, segment
    )
    return out, final


def backward(
    dout: Tensor,
    dstate: Tensor | None,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    slopes: Tensor,
    *,
    scale: float,
    cu_seqlens: Tensor | None,
    initial_state: Tensor | None,
    chunk_size: int | None = None,
    need_slopes: bool,
    segment: int = 0,
) -> tuple[Tensor, Tensor, Tensor, Tensor | None, Tensor | None]:
    """Gradients of q, k, v, of slopes where needed, of the initial state where there is one."""
    from composekit_kernels.triton import lightning_backward

    dout, q, k, v = _rows(dout, q, k, v)
    return tuple(  # type: ignore[return-value]
        lightning_backward.backward(
            dout,
            _state(dstate),
            q,
            k,
            v,
            slopes.float().contiguous(),
            scale,
            cu_seqlens,
            _state(initial_state),
            need_slopes=need_slopes,
            need_initial=initial_state is not None,
            segment=segment,
        )
    )


def decode(q: Tensor, k: Tensor, v: Tensor, slopes: Tensor, state: Tensor, *, scale: float) -> Tensor:
    """The output of the next token or tokens; ``state`` is updated where it lies."""
    from composekit_kernels.triton import lightning_decode

    q, k, v = _rows(q, k, v)
    return lightning_decode.decode(q, k, v, slopes.float().contiguous(), scale, state)
