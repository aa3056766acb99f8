"""The decays inside one tile, and the sums that the gradient to the slopes needs."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from composekit.attention._lanes import Tile


@dataclass(frozen=True)
class Decay:
    r"""Decays of a tile of length *L* for *m* rows of *H* heads; the letters are those of the chunked path.

    Attributes:
        mask: *M*, ``[1, H, L, L]``, in the dtype of the products; the factor *c* is in it.
        entering: *a*, ``[m * H, L, 1]``, in the dtype of the state; *c* is in it.
        leaving: *b*, ``[m * H, L, 1]``, in the dtype of the state.
        total: :math:`e^{-sL}`, ``[m * H, 1, 1]``, in the dtype of the state.
        lengths: ``[m]`` or one number, how long the pieces are.
    """

    mask: Tensor
    entering: Tensor
    leaving: Tensor
    total: Tensor
    lengths: Tensor | int

    def within(self, scores: Tensor) -> None:
        """Multiply ``[m * H, L, L]`` by *M*, in place. What it puts to zero may have been infinite."""
        scores.tril_().view(-1, *self.mask.shape).mul_(self.mask)


def decay_of(tile: Tile, rows: int, slopes: Tensor, scale: float, compute: torch.dtype) -> Decay:
    """The decays of a tile for ``slopes [H]``."""
    length = tile.length
    steps = torch.arange(length + 1, device=slopes.device, dtype=slopes.dtype)
    powers = torch.exp(-slopes[:, None] * steps)  # [H, L + 1]: e^(-s n)
    ahead = torch.cat([powers[:, :length].flip(1), powers.new_zeros(slopes.shape[0], length - 1)], dim=1)
    # Row i holds e^(-s (i - j)) up to j = i, then zeros.
    mask = (ahead.unfold(1, length, 1).flip(1) * scale).to(compute)
    entering = powers[:, 1:, None] * scale
    if tile.gather is None:
        leaving, total = powers[:, :length].flip(1)[:, :, None], powers[:, length, None, None]
        entering, leaving, total = (x.repeat(rows, 1, 1) for x in (entering, leaving, total))
        return Decay(mask, entering, leaving, total, length)
    lengths = tile.gather.lengths
    left = (lengths[:, None] - 1 - steps[:length].long()).clamp(min=0)  # [m, L]: steps to the end of the piece
    leaving = powers[:, left].transpose(0, 1).flatten(0, 1)[:, :, None]  # keys behind the end are 0
    total = powers[:, lengths].t().flatten()[:, None, None]
    return Decay(mask, entering.repeat(rows, 1, 1), leaving, total, lengths)


def slopes_within(decay: Decay, scores: Tensor, raw: Tensor) -> Tensor:
    """:math:`\\sum_{ij} (i - j) A_{ij} B_{ij}` for every head: how the decays inside a tile move with the slopes."""
    heads, length = decay.mask.shape[:2]
    steps = torch.arange(length, device=raw.device, dtype=decay.total.dtype)
    product = scores.to(steps.dtype) * raw.to(steps.dtype)
    return (product * (steps[:, None] - steps)).sum((1, 2)).view(-1, heads).sum(0)


def slopes_entering(decay: Decay, through: Tensor, q: Tensor) -> Tensor:
    """The same for what the entering state adds to the gradient of the queries: token *i* is *i + 1* steps away."""
    heads, length = decay.mask.shape[:2]
    steps = torch.arange(1, length + 1, device=q.device, dtype=decay.total.dtype)
    return ((through.to(steps.dtype) * q.to(steps.dtype)).sum(2) * steps).sum(1).view(-1, heads).sum(0)


def slopes_leaving(decay: Decay, through: Tensor, k: Tensor) -> Tensor:
    """The same for what the leaving state adds to the gradient of the keys: the last token of a piece is 0 steps away."""
    heads, length = decay.mask.shape[:2]
    steps = torch.arange(length, device=k.device, dtype=decay.total.dtype)
    ends = torch.as_tensor(decay.lengths, device=k.device).reshape(-1, 1)
    left = (ends - 1 - steps).clamp(min=0)[:, None]  # [m, 1, L]; a padded key is 0, so its weight does not matter
    products = (through.to(steps.dtype) * k.to(steps.dtype)).sum(2).view(-1, heads, length)
    return (products * left).sum((0, 2))


def slopes_total(decay: Decay, state: Tensor, dnext: Tensor) -> Tensor:
    """The same for the path from the entering to the leaving state, which is as long as the piece."""
    heads = decay.mask.shape[0]
    products = (state * decay.total * dnext).sum((1, 2)).view(-1, heads)
    return (products * torch.as_tensor(decay.lengths, device=state.device).reshape(-1, 1)).sum(0)
