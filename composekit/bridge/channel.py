"""channel_bridge: many hidden states, stacked along the channels, through one Linear."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from composekit._dispatch import choose, describe
from composekit._errors import ShapeError, bad_type, bad_value, check_shapes, message
from composekit.bridge._channel_forward import PORTABLE, kernel
from composekit.bridge._channel_math import Options
from composekit.bridge._checks import as_mask

_OP = "channel_bridge"
NORMS = ("none", "layer_rms", "joint_ln")
LAYOUTS = ("layer_major", "channel_major")


def channel_bridge(
    hiddens: Sequence[Tensor],
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    norm: str = "none",
    norm_weight: Tensor | None = None,
    norm_bias: Tensor | None = None,
    eps: float = 1e-6,
    layout: str = "layer_major",
    mask: Tensor | None = None,
    impl: str = "auto",
) -> Tensor:
    r"""Stack L hidden states along the channels, normalise, and project: without ever building the stack.

    With :math:`W' = W \operatorname{diag}(\gamma)`, :math:`u = W' 1`, :math:`c = W\beta + b` and slices :math:`W'_l`,

    .. math::

        y_\text{none} &= b + \sum_l h_l W_l'^\top, \qquad
        y_\text{layer\_rms} = b + \sum_l \rho_l\,(h_l W_l'^\top), \quad \rho_l = (\overline{h_l^2} + \epsilon)^{-1/2}, \\
        y_\text{joint\_ln} &= r\,\Big(\sum_l h_l W_l'^\top - \mu u^\top\Big) + c,

    where :math:`\mu` and :math:`r` are mean and inverse deviation over all L D channels. These equal "concatenate,
    normalise, Linear" exactly.

    Args:
        hiddens: L tensors ``[..., D]`` of one shape, dtype and device.
        weight: ``[out, L D]``, floating point.
        bias: ``[out]`` or None.
        norm: ``"none"``, ``"layer_rms"`` (every tap by its own root mean square) or ``"joint_ln"`` (one LayerNorm over
            all taps).
        norm_weight: Scale :math:`\gamma`, ``[L D]``, or None for ones.
        norm_bias: Shift :math:`\beta`, ``[L D]``; for ``"joint_ln"`` alone.
        eps: Added to the mean square or variance.
        layout: Column of channel d of layer l in ``weight``, ``norm_weight`` and ``norm_bias``: ``"layer_major"`` is
            l D + d, ``"channel_major"`` d L + l.
        mask: ``[...]`` bool or 0/1, True keeps. Rows that are not kept are never read: their output and their gradient
            are zero, whatever they hold. None keeps all.
        impl: ``"sum"`` adds L products; ``"pack"`` writes the normalised taps into one buffer for one product;
            ``"reference"`` is the formula in plain torch; ``"triton"`` reads up to eight taps in one launch (untested on
            GPU); ``"auto"`` takes the kernel where it runs, else ``"sum"``.

    Returns:
        ``[..., out]`` in the dtype of ``weight``.

    Raises:
        ArgumentError: unknown norm, layout or impl; no taps; ``norm_bias`` without ``joint_ln``.
        ShapeError: shapes that contradict each other.
        ArgumentTypeError: integers, or taps of several dtypes.

    Guarantees:
        Statistics and sums in float32 (float64 for float64), autocast or not. ``"sum"`` and ``"pack"`` save for the
        backward pass no more than taps, parameters, and one number a row and layer (layer_rms) or two a row (joint_ln).
        Differentiable once; ``impl="reference"`` any number of times. Traces under ``torch.compile(fullgraph=True)``.

    Example:
        >>> import torch
        >>> taps = [torch.randn(2, 5, 8) for _ in range(3)]
        >>> weight = torch.randn(4, 24)
        >>> y = channel_bridge(taps, weight)
        >>> torch.allclose(y, torch.cat(taps, -1) @ weight.T, atol=1e-5)
        True

    Source:
        DeepGen 1.0 (arXiv 2602.12205), section on stacked channel bridging; the identities are derived in the concepts.
    """
    hiddens = tuple(hiddens)
    flag = _check(hiddens, weight, bias, norm, norm_weight, norm_bias, layout)
    mask = as_mask(_OP, mask, tuple(hiddens[0].shape[:-1]))
    features = {norm, layout} | ({"mask"} if mask is not None else set()) | flag
    call = describe(weight, features=features, L=len(hiddens), D=hiddens[0].shape[-1], out=weight.shape[0])
    name, run = choose(_OP, impl, call, PORTABLE)
    if name not in PORTABLE:
        run = kernel(run)
    with torch.autocast(device_type=weight.device.type, enabled=False):
        return run(hiddens, weight, bias, norm_weight, norm_bias, mask, Options(norm, layout, float(eps)))


def check_options(op: str, norm: str, layout: str) -> None:
    """Refuse an unknown norm or layout."""
    if norm not in NORMS:
        raise bad_value(op, "norm", f"be one of {', '.join(NORMS)}", repr(norm), "Take 'layer_rms'")
    if layout not in LAYOUTS:
        raise bad_value(op, "layout", f"be one of {', '.join(LAYOUTS)}", repr(layout), "Take 'layer_major'")


def _check(
    hiddens: tuple[Tensor, ...],
    weight: Tensor,
    bias: Tensor | None,
    norm: str,
    norm_weight: Tensor | None,
    norm_bias: Tensor | None,
    layout: str,
) -> set[str]:
    """Check all metadata; return the features that a kernel may not have."""
    check_options(_OP, norm, layout)
    if not hiddens:
        raise bad_value(_OP, "hiddens", "hold at least one tensor", "none", "Pass the states of a tap")
    first = hiddens[0]
    for i, h in enumerate(hiddens):
        if not h.is_floating_point():
            raise bad_type(_OP, f"hiddens[{i}]", "be floating point", h.dtype, "Cast it")
        if h.shape != first.shape or h.ndim < 1:
            raise bad_value(
                _OP, f"hiddens[{i}]", f"have the shape {list(first.shape)} of the first", list(h.shape), "Tap one model"
            )
        if (h.dtype, h.device) != (first.dtype, first.device):
            raise bad_type(
                _OP,
                f"hiddens[{i}]",
                f"be {first.dtype} on {first.device} as the first",
                f"{h.dtype} on {h.device}",
                "Cast it",
            )
    if not weight.is_floating_point():
        raise bad_type(_OP, "weight", "be floating point", weight.dtype, "Cast it")
    channels = len(hiddens) * first.shape[-1]
    if weight.ndim != 2 or weight.shape[1] != channels:
        raise ShapeError(
            message(_OP, "weight", f"have shape [out, L D = {channels}]", list(weight.shape), "Project these taps")
        )
    optional = {"bias": (bias, "O"), "norm_weight": (norm_weight, "K"), "norm_bias": (norm_bias, "K")}
    given = {name: (tensor, spec) for name, (tensor, spec) in optional.items() if tensor is not None}
    check_shapes(_OP, weight=(weight, "O K"), **given)
    if norm_bias is not None and norm != "joint_ln":
        raise bad_value(_OP, "norm_bias", "come with norm='joint_ln'", f"norm={norm!r}", "Leave it out")
    for name, tensor in {"weight": weight, **{n: t for n, (t, _) in given.items()}}.items():
        if tensor.device != first.device:
            raise bad_type(_OP, name, f"be on {first.device}", tensor.device, "Move it")
    features = {name for name in ("norm_weight", "norm_bias", "bias") if name in given}
    return features | ({"mixed dtypes"} if weight.dtype != first.dtype else set())


class ChannelBridge(nn.Module):
    r"""The module around :func:`channel_bridge`: one weight ``[out, L D]`` for L tapped layers.

    Args:
        num_layers: Number L of taps.
        dim: Channels D of each.
        out_dim: Channels of the result.
        norm: ``"none"``, ``"layer_rms"`` or ``"joint_ln"``; the last two have a scale ``norm_weight``, the last a shift
            ``norm_bias`` too.
        layout: ``"layer_major"`` or ``"channel_major"`` columns.
        bias: Whether there is a bias ``[out]``.
        eps: Of the norm.

    Attributes:
        weight: ``[out_dim, num_layers dim]``, normal with standard deviation :math:`(L D)^{-1/2}`.

    Example:
        >>> import torch
        >>> bridge = ChannelBridge(6, 16, 32)
        >>> bridge([torch.randn(2, 7, 16) for _ in range(6)]).shape
        torch.Size([2, 7, 32])
    """

    def __init__(
        self,
        num_layers: int,
        dim: int,
        out_dim: int,
        *,
        norm: str = "layer_rms",
        layout: str = "layer_major",
        bias: bool = True,
        eps: float = 1e-6,
    ) -> None:
        super().__init__()
        check_options("ChannelBridge", norm, layout)
        for name, value in (("num_layers", num_layers), ("dim", dim), ("out_dim", out_dim)):
            if value < 1:
                raise bad_value("ChannelBridge", name, "be at least 1", value, "Give every axis a size")
        self.num_layers, self.dim, self.out_dim = num_layers, dim, out_dim
        self.norm, self.layout, self.eps = norm, layout, eps
        channels = num_layers * dim
        self.weight = nn.Parameter(torch.empty(out_dim, channels))
        self.bias = nn.Parameter(torch.empty(out_dim)) if bias else None
        self.norm_weight = nn.Parameter(torch.empty(channels)) if norm != "none" else None
        self.norm_bias = nn.Parameter(torch.empty(channels)) if norm == "joint_ln" else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weight anew and reset the rest."""
        nn.init.normal_(self.weight, std=1 / math.sqrt(self.weight.shape[1]))
        for shift in (self.bias, self.norm_bias):
            if shift is not None:
                nn.init.zeros_(shift)
        if self.norm_weight is not None:
            nn.init.ones_(self.norm_weight)

    def forward(self, hiddens: Sequence[Tensor], *, mask: Tensor | None = None, impl: str = "auto") -> Tensor:
        """Project L taps ``[..., D]`` to ``[..., out]``; see :func:`channel_bridge`."""
        if len(hiddens) != self.num_layers:
            raise bad_value(
                "ChannelBridge", "hiddens", f"hold {self.num_layers} taps", len(hiddens), "Tap as many layers"
            )
        return channel_bridge(
            hiddens,
            self.weight,
            self.bias,
            norm=self.norm,
            norm_weight=self.norm_weight,
            norm_bias=self.norm_bias,
            eps=self.eps,
            layout=self.layout,
            mask=mask,
            impl=impl,
        )

    def extra_repr(self) -> str:
        """Sizes and options."""
        return (
            f"num_layers={self.num_layers}, dim={self.dim}, out_dim={self.out_dim}, norm={self.norm!r}, "
            f"layout={self.layout!r}, bias={self.bias is not None}"
        )
