"""Where blocks of logits come from: stored logits, or hidden states times a slice of their head; where gradients go to."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor

Rows = slice | Tensor
BLOCK = 1 << 19  # elements of one block: four of them at work fit a shared cache
NARROWEST, WIDEST = 128, 4096  # columns of a block; longer sums of products lose digits in float32
MAX_ROWS = 1024


class Source(NamedTuple):
    """One model: logits [B, T, V], or hidden states [B, T, D] with weight [V, D] and bias [V]; empty tensors mean none."""

    x: Tensor
    weight: Tensor
    bias: Tensor

    @property
    def linear(self) -> bool:
        return self.weight.dim() == 2

    @property
    def vocabulary(self) -> int:
        return self.weight.shape[0] if self.linear else self.x.shape[-1]

    def take(self, rows: Rows, temperature: float, dtype: torch.dtype) -> Tensor:
        """What blocks are made of: rows of hidden states over the temperature in ``dtype``, or rows of logits."""
        picked = pick(self.x, rows)
        return picked.to(dtype) / temperature if self.linear else picked

    def block(self, taken: Tensor, columns: slice, temperature: float, out: Tensor) -> Tensor:
        """Logits over the temperature, of the taken rows and the columns, written to ``out``."""
        if not self.linear:
            return out.copy_(taken[:, columns]).mul_(1.0 / temperature)
        torch.mm(taken, self.weight[columns].to(out.dtype).T, out=out)
        if self.bias.numel():
            out.add_(self.bias[columns].to(out.dtype) / temperature)
        return out


def pick(x: Tensor, rows: Rows) -> Tensor:
    """Rows of [B, T, D], counted through batch and time, as [n, D]: a view where that is possible, never a copy of all."""
    batch, time, width = x.shape
    if isinstance(rows, slice):
        if batch == 1 or x.stride(0) == time * x.stride(1):
            flat = x.as_strided((batch * time, width), (x.stride(1), x.stride(2)), x.storage_offset())
            return flat[rows]
        rows = torch.arange(rows.start, rows.stop, device=x.device)
    return x[rows // time, rows % time]


def chunks(count: int, size: int, live: Tensor | None = None) -> Iterator[Rows]:
    """Slices of all rows, or pieces of the list of live ones, even in size."""
    total = count if live is None else live.numel()
    pieces = -(-total // size)
    for i in range(pieces):
        start, stop = total * i // pieces, total * (i + 1) // pieces
        yield slice(start, stop) if live is None else live[start:stop]


def columns_of(vocabulary: int, rows: int) -> Iterator[slice]:
    """Blocks of columns, even in size."""
    pieces = -(-vocabulary // min(max(BLOCK // rows, NARROWEST), WIDEST))
    for i in range(pieces):
        yield slice(vocabulary * i // pieces, vocabulary * (i + 1) // pieces)


def live_rows(weights: Tensor) -> Tensor | None:
    """The rows whose weight is not zero; None means all. Asked on the CPU alone, where the answer costs no waiting."""
    if weights.device.type != "cpu" or bool((weights != 0).all()):
        return None
    return weights.flatten().nonzero().squeeze(-1)


class Sink:
    """Collects the gradients of the student's input, weight and bias from blocks of gradients of its scaled logits."""

    def __init__(self, source: Source, needs: list[bool], temperature: float, dtype: torch.dtype) -> None:
        self.source, self.temperature, self.dtype = source, temperature, dtype
        x, weight, bias = source
        needs = needs if source.linear else [needs[0], False, False]
        self.x = x.new_zeros(x.shape if needs[0] else 0)
        self.weight = x.new_zeros(weight.shape if needs[1] else 0, dtype=dtype)
        self.bias = x.new_zeros(bias.shape if needs[2] else 0, dtype=dtype)
        self._needs = needs

    def open(self, rows: Rows, taken: Tensor, weight: Tensor) -> None:
        """Begin a chunk of rows with its weights [n]; ``taken`` is what its blocks were made of."""
        self._rows, self._weight = rows, weight.unsqueeze(-1)
        dead = self._weight == 0  # such rows may hold NaN, and zero times NaN would reach the head
        self._dead = dead if dead.device.type != "cpu" or bool(dead.any()) else None
        self._taken = self._cleaned(taken * self._weight) if self._needs[1] else taken
        if self.source.linear and self._needs[0]:
            self._hidden = torch.zeros(taken.shape, dtype=self.dtype, device=taken.device)

    def add(self, gradient: Tensor, columns: slice) -> None:
        """One block, yet to be multiplied with the weights of the rows; ``gradient`` may be overwritten."""
        gradient = self._cleaned(gradient)
        if not self.source.linear:
            if self._needs[0]:
                self._flat()[self._rows, columns] = gradient.mul_(self._weight / self.temperature).to(self.x.dtype)
            return
        if self._needs[0]:
            self._hidden.addmm_(gradient, self.source.weight[columns].to(self.dtype))
        if self._needs[1]:
            self.weight[columns].addmm_(gradient.T, self._taken)
        if self.bias.numel():
            self.bias[columns].add_((gradient * self._weight).sum(0), alpha=1.0 / self.temperature)

    def close(self) -> None:
        """End the chunk."""
        if self.source.linear and self._needs[0]:
            self._flat()[self._rows] = self._hidden.mul_(self._weight / self.temperature).to(self.x.dtype)

    def _cleaned(self, x: Tensor) -> Tensor:
        return x if self._dead is None else x.masked_fill_(self._dead, 0.0)

    def _flat(self) -> Tensor:
        return self.x.view(-1, self.x.shape[-1])

    def results(self) -> tuple[Tensor, Tensor, Tensor]:
        """Gradients in the dtypes of the inputs; empty tensors where none was asked for."""
        _, weight, bias = self.source
        return self.x, self.weight.to(weight.dtype), self.bias.to(bias.dtype)
