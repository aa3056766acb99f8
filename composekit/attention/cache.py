"""What a hybrid model remembers between calls."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from composekit._errors import ShapeError, message


@dataclass
class LinearMemory:
    """The memory of one linear layer: a state per row and head, and how many tokens each row has seen."""

    state: Tensor  # [B, H, Dk, Dv], float32 or float64
    lengths: Tensor  # int64 [B]

    def copy(self) -> LinearMemory:
        return LinearMemory(self.state.clone(), self.lengths.clone())


class HybridCache:
    """One memory for all layers of a hybrid model, for prefill in one piece or several and for decoding.

    Pass the same object to every layer and every call. A linear layer keeps one state ``[B, H, Dk, Dv]`` whose size does not
    depend on the length; decoding one token updates it in place, so that its address never changes (CUDA graphs). After a
    packed prefill every sequence is a row.

    Example:
        >>> import torch
        >>> from composekit.attention import HybridCache, HybridConfig, LightningAttention
        >>> layer = LightningAttention(HybridConfig(d_model=16, num_layers=2, num_heads=2), 1)
        >>> x, cache = torch.randn(1, 6, 16), HybridCache()
        >>> with torch.no_grad():
        ...     whole = layer(x)
        ...     first = layer(x[:, :5], cache=cache)
        ...     last = layer(x[:, 5:], cache=cache)
        >>> torch.allclose(torch.cat([first, last], dim=1), whole, atol=1e-5)
        True
        >>> cache.lengths(1)
        tensor([6])
    """

    def __init__(self) -> None:
        self._linear: dict[int, LinearMemory] = {}

    def __repr__(self) -> str:
        return f"HybridCache(linear layers {sorted(self._linear)}, {self.nbytes} bytes)"

    @property
    def nbytes(self) -> int:
        """The size of all tensors in the cache."""
        return sum(m.state.nbytes + m.lengths.nbytes for m in self._linear.values())

    def lengths(self, layer_idx: int) -> Tensor | None:
        """Tokens that each row of a layer has seen, int64 ``[B]``; None before the first call."""
        memory = self._linear.get(layer_idx)
        return None if memory is None else memory.lengths

    def linear_state(self, layer_idx: int) -> Tensor | None:
        """The state of a linear layer, ``[B, H, Dk, Dv]``; None before the first call. Decoding writes into it."""
        memory = self._linear.get(layer_idx)
        return None if memory is None else memory.state

    def store_linear(self, layer_idx: int, state: Tensor, added: Tensor | int) -> None:
        """Keep the state of a linear layer after a call, and count its tokens.

        Args:
            layer_idx: The layer.
            state: ``[B, H, Dk, Dv]``; kept as it is, not copied.
            added: How many tokens the call had: a number, or int64 ``[B]``.
        """
        memory = self._linear.get(layer_idx)
        if memory is None:
            lengths = torch.zeros(state.shape[0], dtype=torch.int64, device=state.device) + added
            self._linear[layer_idx] = LinearMemory(state, lengths)
        else:
            memory.state = state
            memory.lengths.add_(added)  # in place, so that a captured decoding step keeps counting

    def check_rows(self, op: str, layer_idx: int, rows: int) -> None:
        """Raise unless a call brings as many rows (or packed sequences) as the layer remembers."""
        memory = self._linear.get(layer_idx)
        if memory is not None and memory.state.shape[0] != rows:
            raise ShapeError(
                message(
                    op,
                    "x",
                    f"have as many rows as the cache, {int(memory.state.shape[0])}",
                    int(rows),
                    "Use one cache per batch; a packed batch has a row per sequence",
                )
            )

    def snapshot(self) -> HybridCache:
        """An independent copy: what either does afterwards is not seen by the other.

        Example:
            >>> import torch
            >>> cache = HybridCache()
            >>> cache.store_linear(0, torch.zeros(1, 2, 4, 4), 3)
            >>> before = cache.snapshot()
            >>> cache.linear_state(0).add_(1.0).sum(), before.linear_state(0).sum()
            (tensor(32.), tensor(0.))
        """
        copy = HybridCache()
        copy._linear = {layer: memory.copy() for layer, memory in self._linear.items()}
        return copy

    def reorder(self, rows: Tensor) -> None:
        """Keep these rows in this order, for beam search or to drop finished rows: int64 ``[B']``."""
        for memory in self._linear.values():
            memory.state = memory.state.index_select(0, rows)
            memory.lengths = memory.lengths.index_select(0, rows)
