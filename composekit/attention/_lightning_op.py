"""Linear attention as operators of torch: what torch.compile sees, how gradients flow, and where kernels come in.

The table of kernels may list two operations, each an eager function on tensors whose metadata is checked; autograd, compile,
autocast and the check of ``cu_seqlens`` happen here, once for all of them:

* ``lightning``: ``fn(q, k, v, slopes, *, scale, cu_seqlens, initial_state, output_final_state, chunk_size)`` returns
  ``(out, final_state or None)``.
* ``lightning_backward``: ``fn(dout, dstate, q, k, v, slopes, *, scale, cu_seqlens, initial_state, chunk_size,
  need_slopes)`` returns ``(dq, dk, dv, dslopes or None, dinitial or None)``; ``dstate`` is None or the gradient of the final
  state; ``dslopes`` and ``dinitial`` are wanted where ``need_slopes`` holds and where there is an initial state, both in the
  dtype of the state.

No ``from __future__ import annotations`` here: ``custom_op`` reads the annotations.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from composekit._dispatch import choose, describe
from composekit._errors import bad_value
from composekit.attention._checks import check_cu_data, state_dtype
from composekit.attention.chunked import lightning_backward_chunked, lightning_chunked
from composekit.attention.reference import lightning_reference
from composekit_kernels.dispatch import Call

_OP = "lightning_attention"
_PORTABLE: dict[str, Callable[..., Any]] = {"chunked": lightning_chunked, "reference": lightning_reference}
_PORTABLE_BACKWARD: dict[str, Callable[..., Any]] = {"chunked": lightning_backward_chunked}


def facts(q: Tensor, k: Tensor, v: Tensor, cu_seqlens: Tensor | None) -> Call:
    """The facts of a call on which the choice of a kernel may depend."""
    features = () if cu_seqlens is None else ("cu_seqlens",)
    return describe(q, features=features, Dk=q.shape[3], Dv=v.shape[3], Hq=q.shape[2], Hkv=k.shape[2])


@torch.library.custom_op("composekit::lightning", mutates_args=())
def lightning(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    slopes: Tensor,
    cu_seqlens: Tensor | None,
    initial_state: Tensor | None,
    scale: float,
    output_final_state: bool,
    chunk_size: int | None,
    impl: str,
) -> tuple[Tensor, Tensor]:
    """The forward pass; without ``output_final_state`` the second result is an empty tensor."""
    if cu_seqlens is not None:
        check_cu_data(_OP, cu_seqlens, q.shape[1])
    _, run = choose("lightning", impl, facts(q, k, v, cu_seqlens), _PORTABLE)
    with torch.autocast(q.device.type, enabled=False):
        out, state = run(
            q,
            k,
            v,
            slopes,
            scale=scale,
            cu_seqlens=cu_seqlens,
            initial_state=initial_state,
            output_final_state=output_final_state,
            chunk_size=chunk_size,
        )
    return out, _nothing(q) if state is None else state


@torch.library.custom_op("composekit::lightning_backward", mutates_args=())
def lightning_backward(
    dout: Tensor,
    dstate: Tensor | None,
    q: Tensor,
    k: Tensor,
    v: Tensor,
    slopes: Tensor,
    cu_seqlens: Tensor | None,
    initial_state: Tensor | None,
    scale: float,
    chunk_size: int | None,
    impl: str,
    need_slopes: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients to q, k, v, slopes and the initial state; empty where they are not wanted."""
    call = facts(q, k, v, cu_seqlens)
    _, run = choose("lightning_backward", impl, call, _PORTABLE_BACKWARD)
    with torch.autocast(q.device.type, enabled=False):
        dq, dk, dv, dslopes, dinitial = run(
            dout,
            dstate,
            q,
            k,
            v,
            slopes,
            scale=scale,
            cu_seqlens=cu_seqlens,
            initial_state=initial_state,
            chunk_size=chunk_size,
            need_slopes=need_slopes,
        )
    dslopes = _nothing(slopes) if dslopes is None else dslopes.to(slopes.dtype)
    return dq, dk, dv, dslopes, _nothing(q) if dinitial is None else dinitial


def _nothing(like: Tensor) -> Tensor:
    """An empty tensor in the place of a result that was not asked for."""
    dtype = like.dtype if like.dim() == 1 else state_dtype(like.dtype)
    return torch.empty(0, dtype=dtype, device=like.device)


@lightning.register_fake
def _(q, k, v, slopes, cu_seqlens, initial_state, scale, output_final_state, chunk_size, impl):  # type: ignore[no-untyped-def]
    out = q.new_empty(q.shape[0], q.shape[1], q.shape[2], v.shape[3])
    if not output_final_state:
        return out, _nothing(q)
    rows = q.shape[0] if cu_seqlens is None else cu_seqlens.shape[0] - 1
    return out, q.new_empty(rows, q.shape[2], q.shape[3], v.shape[3], dtype=state_dtype(q.dtype))


@lightning_backward.register_fake
def _(dout, dstate, q, k, v, slopes, cu_seqlens, initial_state, scale, chunk_size, impl, need_slopes):  # type: ignore[no-untyped-def]
    dslopes = torch.empty_like(slopes, memory_format=torch.contiguous_format) if need_slopes else _nothing(slopes)
    dinitial = _nothing(q) if initial_state is None else q.new_empty(initial_state.shape, dtype=initial_state.dtype)
    return q.new_empty(q.shape), k.new_empty(k.shape), v.new_empty(v.shape), dslopes, dinitial


def _setup(ctx: Any, inputs: tuple, output: tuple) -> None:
    q, k, v, slopes, cu_seqlens, initial_state, scale, output_final_state, chunk_size, impl = inputs
    ctx.save_for_backward(q, k, v, slopes, cu_seqlens, initial_state)
    ctx.options = (scale, chunk_size, impl)
    ctx.has_state = output_final_state


def _differentiate(ctx: Any, dout: Tensor, dstate: Tensor) -> tuple:
    q, k, v, slopes, cu_seqlens, initial_state = ctx.saved_tensors
    need_slopes = ctx.needs_input_grad[3]
    dq, dk, dv, dslopes, dinitial = lightning_backward(
        dout,
        dstate if ctx.has_state else None,
        q,
        k,
        v,
        slopes,
        cu_seqlens,
        initial_state,
        *ctx.options,
        need_slopes,
    )
    return (
        dq,
        dk,
        dv,
        dslopes if need_slopes else None,
        None,
        dinitial if initial_state is not None else None,
        None,
        None,
        None,
        None,
    )


def _refuse(ctx: Any, *grads: Tensor) -> tuple:
    raise bad_value(
        _OP,
        "the output",
        "be differentiated once",
        "a second derivative",
        "Use impl='reference', which is plain autograd",
    )


lightning.register_autograd(_differentiate, setup_context=_setup)
lightning_backward.register_autograd(_refuse, setup_context=lambda ctx, inputs, output: None)
