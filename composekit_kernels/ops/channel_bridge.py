"""The operator ``composekit::channel_bridge``: all taps in one launch, opaque to the compiler. Forward only.

``custom_op`` and not ``triton_op``: the launch pads the list of taps and picks tiles, which a trace would turn into guards,
and there is nothing around it that a compiler could fuse.
"""

from __future__ import annotations

import torch
from torch import Tensor


@torch.library.custom_op("composekit::channel_bridge", mutates_args=())
def channel_bridge(
    hiddens: list[Tensor],
    weight: Tensor,
    u: Tensor | None,
    shift: Tensor | None,
    mask: Tensor | None,
    norm: str,
    layout: str,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """y [N, out] and two statistics; see :func:`composekit_kernels.triton.channel_bridge.launch`."""
    from composekit_kernels.triton.channel_bridge import launch

    return launch([h.contiguous() for h in hiddens], weight.contiguous(), u, shift, mask, norm, layout, eps)


@channel_bridge.register_fake
def _(
    hiddens: list[Tensor],
    weight: Tensor,
    u: Tensor | None,
    shift: Tensor | None,
    mask: Tensor | None,
    norm: str,
    layout: str,
    eps: float,
) -> tuple[Tensor, Tensor, Tensor]:
    rows = hiddens[0].shape[0]
    out = weight.new_empty(rows, weight.shape[0])
    first = weight.new_empty(
        {"none": (0,), "layer_rms": (len(hiddens), rows), "joint_ln": (rows,)}[norm], dtype=torch.float32
    )
    second = weight.new_empty(rows if norm == "joint_ln" else 0, dtype=torch.float32)
    return out, first, second


def forward(
    hiddens: list[Tensor],
    weight: Tensor,
    bias: Tensor | None,
    norm_weight: Tensor | None,
    norm_bias: Tensor | None,
    mask: Tensor | None,
    *,
    norm: str,
    layout: str,
    eps: float,
) -> tuple[Tensor, tuple[Tensor, ...]]:
    """The projection of L taps [N, D] and the statistics that a backward pass needs. Not differentiable.

    W' = W diag(gamma) is rounded to the dtype of the taps, as the product needs it, and its row sums u are taken after the
    rounding, so that the mean which joint_ln takes off is the one that the product put in.

    Args:
        hiddens: L tensors [N, D] of one dtype.
        weight: [out, L D], same dtype.
        bias: [out] or None.
        norm_weight: [L D] or None, in the order of the columns of ``weight``.
        norm_bias: [L D] or None, for joint_ln.
        mask: bool [N] or None, True keeps; rows that are not kept become zero.
        norm: ``"none"``, ``"layer_rms"`` or ``"joint_ln"``.
        layout: ``"layer_major"`` or ``"channel_major"``.
        eps: Of the norm.

    Returns:
        y [N, out] in the dtype of ``weight``; ``(rho [L, N],)``, ``(mean [N], scale [N])`` or ``()`` in float32.
    """
    scaled = weight if norm_weight is None else (weight.float() * norm_weight.float()).to(weight.dtype)
    u = scaled.float().sum(1) if norm == "joint_ln" else None
    shift = None if bias is None else bias.float()
    if norm_bias is not None:
        moved = torch.mv(weight.float(), norm_bias.float())
        shift = moved if shift is None else shift + moved
    y, first, second = channel_bridge(hiddens, scaled, u, shift, mask, norm, layout, eps)
    return y, {"none": (), "layer_rms": (first,), "joint_ln": (first, second)}[norm]
