"""BridgeConnector: bidirectional pre-norm blocks that let every position read every other one of its sample."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from einops import rearrange
from torch import Tensor, nn
from torch.utils.checkpoint import checkpoint

from composekit._errors import bad_value, check_shapes
from composekit.bridge._checks import accumulation_dtype, as_cu_seqlens, as_mask, segment_ids

_OP = "BridgeConnector"


class _Block(nn.Module):
    """x + attention(norm(x)), then x + mlp(norm(x)); tanh-GELU."""

    def __init__(self, dim: int, heads: int, mlp_dim: int, eps: float) -> None:
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(dim, eps=eps)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.out = nn.Linear(dim, dim)
        self.norm2 = nn.LayerNorm(dim, eps=eps)
        self.fc1 = nn.Linear(dim, mlp_dim)
        self.fc2 = nn.Linear(mlp_dim, dim)

    def reset_parameters(self) -> None:
        for i in range(3):  # query, key and value each as a matrix of its own
            nn.init.xavier_uniform_(self.qkv.weight.chunk(3)[i])
        for linear in (self.out, self.fc1, self.fc2):
            nn.init.xavier_uniform_(linear.weight)
        for linear in (self.qkv, self.out, self.fc1, self.fc2):
            nn.init.zeros_(linear.bias)

    def forward(self, x: Tensor, allowed: Tensor | None, rotation: tuple[Tensor, Tensor] | None) -> Tensor:
        q, k, v = rearrange(self.qkv(self.norm1(x)), "b t (three h d) -> three b h t d", three=3, h=self.heads)
        if rotation is not None:
            q, k = _rotate(q, *rotation), _rotate(k, *rotation)
        read = F.scaled_dot_product_attention(q, k, v, attn_mask=allowed)
        x = x + self.out(rearrange(read, "b h t d -> b t (h d)"))
        return x + self.fc2(F.gelu(self.fc1(self.norm2(x)), approximate="tanh"))


def _rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    a, b = x.chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1).to(x.dtype)


def _rotation(positions: Tensor, head_dim: int, dtype: torch.dtype) -> tuple[Tensor, Tensor]:
    """cos and sin ``[B, 1, T, head_dim / 2]`` of rotary positions."""
    exact = accumulation_dtype(dtype)
    half = torch.arange(head_dim // 2, dtype=exact, device=positions.device)
    angles = positions[:, None, :, None].to(exact) * 10_000.0 ** (-2 * half / head_dim)
    return angles.cos(), angles.sin()


class BridgeConnector(nn.Module):
    """A small bidirectional transformer behind the channel bridge.

    Args:
        dim: Channels.
        depth: Number of blocks.
        heads: Attention heads; they divide ``dim``.
        mlp_dim: Hidden channels of the feed-forward part.
        final_norm: A LayerNorm at the end. DeepGen has none; without it the scale of the output is free.
        rope: Rotary positions, counted over real positions. Without them slots are told apart by content alone.
        eps: Of the LayerNorms.

    Attributes:
        gradient_checkpointing: Recompute the blocks in the backward pass (non-reentrant), while training.

    Example:
        >>> import torch
        >>> connector = BridgeConnector(16, depth=2, heads=4, mlp_dim=32)
        >>> y = connector(torch.randn(1, 3, 16), mask=torch.tensor([[1, 1, 0]]))
        >>> y.shape, y[0, 2].abs().sum().item()
        (torch.Size([1, 3, 16]), 0.0)

    Source:
        DeepGen 1.0 (arXiv 2602.12205): six such blocks, 32 heads, no positions.
    """

    def __init__(
        self,
        dim: int,
        *,
        depth: int,
        heads: int,
        mlp_dim: int,
        final_norm: bool = True,
        rope: bool = False,
        eps: float = 1e-6,
    ) -> None:
        super().__init__()
        if dim < 1 or heads < 1 or dim % heads or depth < 0 or mlp_dim < 1:
            raise bad_value(
                _OP, "heads", "divide dim, all sizes being positive", f"heads={heads}, dim={dim}", "Change heads"
            )
        if rope and (dim // heads) % 2:
            raise bad_value(_OP, "heads", "leave an even number of channels a head for rope", dim // heads, "Change it")
        self.dim, self.heads, self.rope = dim, heads, rope
        self.gradient_checkpointing = False
        self.blocks = nn.ModuleList(_Block(dim, heads, mlp_dim, eps) for _ in range(depth))
        self.final_norm = nn.LayerNorm(dim, eps=eps) if final_norm else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Xavier for the matrices, zeros for the shifts."""
        for module in self.modules():
            if isinstance(module, _Block | nn.LayerNorm):
                module.reset_parameters()

    def forward(self, x: Tensor, *, mask: Tensor | None = None, cu_seqlens: Tensor | None = None) -> Tensor:
        """Every real position reads every real position of its sample.

        Args:
            x: ``[B, T, dim]``; packed ``[1, T, dim]``.
            mask: bool or 0/1 ``[B, T]``, True keeps.
            cu_seqlens: int32 ``[N + 1]`` for packed rows, instead of a mask.

        Returns:
            ``[B, T, dim]``, zero at padding.

        Raises:
            ShapeError, ArgumentTypeError: shapes or types that do not fit.
            ArgumentError: a mask and cumulative lengths together.

        Guarantees:
            Padding is neither read nor written, NaN in it included; one packed call equals separate calls.
        """
        sizes = check_shapes(_OP, x=(x, f"B T {self.dim}"))
        mask = as_mask(_OP, mask, (sizes["B"], sizes["T"]))
        if mask is not None and cu_seqlens is not None:
            raise bad_value(_OP, "mask", "be left out where cu_seqlens is given", "both", "Packed rows have no padding")
        cu = as_cu_seqlens(_OP, cu_seqlens, sizes["B"], sizes["T"])
        allowed, positions = _attendable(x, mask, cu)
        rotation = _rotation(positions, self.dim // self.heads, x.dtype) if self.rope else None
        if mask is not None:
            x = torch.where(mask[..., None], x, 0.0)
        for block in self.blocks:
            if self.gradient_checkpointing and self.training and torch.is_grad_enabled():
                x = checkpoint(block, x, allowed, rotation, use_reentrant=False)
            else:
                x = block(x, allowed, rotation)
        if self.final_norm is not None:
            x = self.final_norm(x)
        return x if mask is None else torch.where(mask[..., None], x, 0.0)


def _attendable(x: Tensor, mask: Tensor | None, cu: Tensor | None) -> tuple[Tensor | None, Tensor]:
    """Which keys a query may read, broadcastable to [B, heads, T, T], and positions within the sample [B, T]."""
    places = torch.arange(x.shape[1], device=x.device)
    if cu is not None:
        owner = segment_ids(cu, x.shape[1])
        return (owner[:, None] == owner)[None, None], (places - cu[owner])[None]
    if mask is not None:
        # a row of padding alone reads its padding, which is zero, instead of dividing by nothing
        readable = mask | ~mask.any(-1, keepdim=True)
        return readable[:, None, None, :], (mask.long().cumsum(-1) - 1).clamp(min=0)
    return None, places[None]
