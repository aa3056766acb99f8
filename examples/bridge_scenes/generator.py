"""A small flow-matching transformer: from noise to a scene, conditioned on what a bridge hands over."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bridge_scenes.scenes import CELLS, PATCH
from composekit.bridge import BridgeOutput

SCALE = 2.0  # of pixels inside the generator: most are background, and so their spread comes near to that of the noise


class _Block(nn.Module):
    """Attention among cells, cross attention to the condition, feed-forward; scaled and shifted by time and pooled."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList(nn.LayerNorm(width, elementwise_affine=False) for _ in range(3))
        self.modulate = nn.Linear(width, 6 * width)
        self.qkv, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.query, self.key_value = nn.Linear(width, width), nn.Linear(width, 2 * width)
        self.cross = nn.Linear(width, width)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor, condition: Tensor, embeds: Tensor, mask: Tensor | None) -> Tensor:
        scale1, shift1, gate1, scale2, shift2, gate2 = self.modulate(F.silu(condition))[:, None].chunk(6, -1)
        own = self.norms[0](x) * (1 + scale1) + shift1
        x = x + (1 + gate1) * self.out(self._attend(*self.qkv(own).chunk(3, -1), None))
        asked = self.query(self.norms[1](x))
        x = x + self.cross(self._attend(asked, *self.key_value(embeds).chunk(2, -1), mask))
        own = self.norms[2](x) * (1 + scale2) + shift2
        return x + (1 + gate2) * self.down(F.gelu(self.up(own)))

    def _attend(self, q: Tensor, k: Tensor, v: Tensor, mask: Tensor | None) -> Tensor:
        q, k, v = (t.unflatten(-1, (self.heads, -1)).transpose(1, 2) for t in (q, k, v))
        allowed = None if mask is None else mask[:, None, None, :]
        return F.scaled_dot_product_attention(q, k, v, attn_mask=allowed).transpose(1, 2).flatten(2)


class Generator(nn.Module):
    """Predicts the velocity from noise to picture, for cells ``[N, 16, 48]`` at times ``[N]``."""

    def __init__(self, width: int = 64, depth: int = 3, heads: int = 4) -> None:
        super().__init__()
        self.width = width
        self.enter = nn.Linear(PATCH, width)
        self.place = nn.Parameter(0.5 * torch.randn(CELLS, width))
        self.time = nn.Sequential(nn.Linear(width, width), nn.SiLU(), nn.Linear(width, width))
        self.blocks = nn.ModuleList(_Block(width, heads) for _ in range(depth))
        self.norm, self.leave = nn.LayerNorm(width), nn.Linear(width, PATCH)
        nn.init.zeros_(self.leave.weight)

    def forward(self, cells: Tensor, time: Tensor, given: BridgeOutput) -> Tensor:
        """``[N, 16, 48]``: the velocity."""
        condition = self.time(_waves(time, self.width)) + given.pooled
        x = self.enter(cells) + self.place
        for block in self.blocks:
            x = block(x, condition, given.embeds, given.mask)
        return self.leave(self.norm(x))


def _waves(time: Tensor, width: int) -> Tensor:
    """Sines and cosines of time, of periods from 2 down to 1/50."""
    rate = math.pi * 100.0 ** torch.linspace(0, 1, width // 2)
    angle = time[:, None] * rate
    return torch.cat([angle.sin(), angle.cos()], -1)


def flow_loss(model: Generator, cells: Tensor, noise: Tensor, time: Tensor, given: BridgeOutput) -> Tensor:
    """``[N]``: squared error of the velocity ``SCALE * cells - noise`` on the straight line between both."""
    t, cells = time[:, None, None], SCALE * cells
    velocity = model((1 - t) * noise + t * cells, time, given)
    return (velocity - (cells - noise)).square().mean((1, 2))


@torch.no_grad()
def generate(model: Generator, noise: Tensor, given: BridgeOutput, steps: int) -> Tensor:
    """Follow the velocity from noise at time 0 to a picture at time 1, in Euler steps."""
    cells = noise  # times SCALE
    for step in range(steps):
        time = torch.full((len(noise),), step / steps)
        cells = cells + model(cells, time, given) / steps
    return cells / SCALE
