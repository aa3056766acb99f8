"""What a hybrid model remembers between calls."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from composekit._errors import ShapeError, bad_type, bad_value, message
from composekit.attention.sparse_config import SparseConfig
from composekit.attention.sparse_memory import SparseMemory

_FIRST = 256  # tokens that a sparse layer makes room for at least


@dataclass
class LinearMemory:
    """The memory of one linear layer: a state per row and head, and how many tokens each row has seen."""

    state: Tensor  # [B, H, Dk, Dv], float32 or float64
    lengths: Tensor  # int64 [B]

    @property
    def nbytes(self) -> int:
        return self.state.nbytes + self.lengths.nbytes

    def copy(self) -> LinearMemory:
        return LinearMemory(self.state.clone(), self.lengths.clone())

    def reordered(self, rows: Tensor) -> LinearMemory:
        return LinearMemory(self.state.index_select(0, rows), self.lengths.index_select(0, rows))


class HybridCache:
    """One memory for all layers of a hybrid model, for prefill in one piece or several and for decoding.

    Pass the same object to every layer and every call. A linear layer keeps one state ``[B, H, Dk, Dv]`` whose size does not
    depend on the length; decoding one token updates it in place, so that its address never changes (CUDA graphs). A sparse
    layer keeps keys, values and compressed keys, in room that doubles when it is full. After a packed prefill every sequence
    is a row.

    Args:
        max_length: Tokens of a row that sparse layers make room for from the start, so that no address changes before.
            Longer rows are no error.

    Raises:
        ArgumentError: ``max_length`` is not positive.
        ArgumentTypeError: ``max_length`` is not an integer.

    Example:
        >>> import torch
        >>> from composekit.attention import HybridAttention, HybridCache, HybridConfig
        >>> layer = HybridAttention(HybridConfig(d_model=16, num_layers=2, num_heads=2), 1)
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

    def __init__(self, *, max_length: int | None = None) -> None:
        if max_length is not None:
            if isinstance(max_length, bool) or not isinstance(max_length, int):
                raise bad_type(
                    "HybridCache", "max_length", "be an integer", type(max_length).__name__, "Or leave it out"
                )
            if max_length < 1:
                raise bad_value("HybridCache", "max_length", "be positive", max_length, "Or leave it out")
        self._room = max_length or _FIRST
        self._layers: dict[int, LinearMemory | SparseMemory] = {}

    def __repr__(self) -> str:
        kinds = {"linear": LinearMemory, "sparse": SparseMemory}
        layers = (f"{name} layers {self._of(kind)}" for name, kind in kinds.items() if self._of(kind))
        return f"HybridCache({', '.join([*layers, f'{self.nbytes} bytes'])})"

    @property
    def nbytes(self) -> int:
        """The size of all tensors in the cache, room that is still free included."""
        return sum(memory.nbytes for memory in self._layers.values())

    def lengths(self, layer_idx: int) -> Tensor | None:
        """Tokens that each row of a layer has seen, int64 ``[B]``; None before the first call."""
        memory = self._layers.get(layer_idx)
        return None if memory is None else memory.lengths

    def linear_state(self, layer_idx: int) -> Tensor | None:
        """The state of a linear layer, ``[B, H, Dk, Dv]``; None before the first call. Decoding writes into it."""
        memory = self._layers.get(layer_idx)
        return memory.state if isinstance(memory, LinearMemory) else None

    def store_linear(self, layer_idx: int, state: Tensor, added: Tensor | int) -> None:
        """Keep the state of a linear layer after a call, and count its tokens.

        Args:
            layer_idx: The layer.
            state: ``[B, H, Dk, Dv]``; kept as it is, not copied.
            added: How many tokens the call had: a number, or int64 ``[B]``.
        """
        memory = self._layers.get(layer_idx)
        if isinstance(memory, LinearMemory):
            memory.state = state
            memory.lengths.add_(added)  # in place, so that a captured decoding step keeps counting
        else:
            lengths = torch.zeros(state.shape[0], dtype=torch.int64, device=state.device) + added
            self._layers[layer_idx] = LinearMemory(state, lengths)

    def sparse_memory(self, layer_idx: int) -> SparseMemory | None:
        """The memory of a sparse layer; None before the first call."""
        memory = self._layers.get(layer_idx)
        return memory if isinstance(memory, SparseMemory) else None

    def make_sparse(self, layer_idx: int, config: SparseConfig, k: Tensor, v: Tensor, rows: int) -> SparseMemory:
        """Room for a sparse layer whose keys and values are like ``k [.., .., Hkv, D]`` and ``v``."""
        memory = SparseMemory.empty(config, k, v, rows, max(self._room, k.shape[1]))
        self._layers[layer_idx] = memory
        return memory

    def check_rows(self, op: str, layer_idx: int | None, rows: int, *, argument: str = "x") -> None:
        """Raise unless a call brings as many rows (or packed sequences) as the layer, or any, remembers."""
        found = self._layers.values() if layer_idx is None else [self._layers.get(layer_idx)]
        held = next((int(memory.lengths.shape[0]) for memory in found if memory is not None), rows)
        if held != rows:
            raise ShapeError(
                message(
                    op,
                    argument,
                    f"have as many rows as the cache, {held}",
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
        copy = HybridCache(max_length=self._room)
        copy._layers = {layer: memory.copy() for layer, memory in self._layers.items()}
        return copy

    def reorder(self, rows: Tensor) -> None:
        """Keep these rows in this order, for beam search or to drop finished rows: int64 ``[B']``."""
        self._layers = {layer: memory.reordered(rows) for layer, memory in self._layers.items()}

    def _of(self, kind: type) -> list[int]:
        return sorted(layer for layer, memory in self._layers.items() if isinstance(memory, kind))
