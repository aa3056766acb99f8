"""The shape of a hybrid model: which layers are sparse and which linear, and what the linear ones are made of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from composekit._errors import bad_type, bad_value

_OP = "HybridConfig"
_SALA_SPARSE = (0, 9, 16, 17, 22, 29, 30, 31)


class LinearShape(NamedTuple):
    """The sizes of a linear layer, with nothing left open."""

    heads: int
    kv_heads: int
    head_dim: int
    value_dim: int
    scale: float


@dataclass(frozen=True, kw_only=True)
class HybridConfig:
    """The settings that the layers of one hybrid model share.

    A size that is None follows from the others, so ``dataclasses.replace`` changes what depends on it too; ``linear`` holds
    what came out.

    Args:
        d_model: Channels of the hidden states.
        num_layers: How many mixing layers the model has.
        num_heads: Query heads.
        head_dim: Channels of a head; ``d_model / num_heads`` by default.
        sparse_layers: Indices of the layers that are sparse, all others being linear; every fourth by default, the first
            included.
        linear_heads: Query heads of the linear layers, each with a decay rate and a state; ``num_heads`` by default.
        linear_kv_heads: Key and value heads of the linear layers, a divisor of the query heads; as many as those by default.
        linear_head_dim: Channels of a query and key head of the linear layers; ``head_dim`` by default.
        linear_value_dim: Channels of a value head of the linear layers; as many as a key head by default.
        linear_scale: Factor of the outputs; one over the root of the key channels by default.
        linear_qk_norm: RMSNorm over the channels of every query and key head.
        linear_rope: Rotary position encoding of queries and keys.
        linear_output_norm: RMSNorm over all channels of the output.
        linear_gate: Multiply the output by ``sigmoid(gate(x))``.
        learned_slopes: Train the decay rates (their logarithms), starting at :func:`alibi_slopes`.
        rope_theta: Base of the rotary frequencies.
        norm_eps: Added to the mean square by every RMSNorm.

    Raises:
        ArgumentError: sizes that are not positive or do not divide, layer indices out of range.
        ArgumentTypeError: a size that is not an integer.

    Example:
        >>> config = HybridConfig(d_model=64, num_layers=8, num_heads=4)
        >>> [config.kind(layer) for layer in range(4)]
        ['sparse', 'lightning', 'lightning', 'lightning']
        >>> config.linear
        LinearShape(heads=4, kv_heads=4, head_dim=16, value_dim=16, scale=0.25)
    """

    d_model: int
    num_layers: int
    num_heads: int
    head_dim: int | None = None
    sparse_layers: tuple[int, ...] | None = None
    linear_heads: int | None = None
    linear_kv_heads: int | None = None
    linear_head_dim: int | None = None
    linear_value_dim: int | None = None
    linear_scale: float | None = None
    linear_qk_norm: bool = True
    linear_rope: bool = True
    linear_output_norm: bool = True
    linear_gate: bool = True
    learned_slopes: bool = False
    rope_theta: float = 10_000.0
    norm_eps: float = 1e-6

    def __post_init__(self) -> None:
        sizes = ("head_dim", "linear_heads", "linear_kv_heads", "linear_head_dim", "linear_value_dim")
        for name in ("d_model", "num_layers", "num_heads", *sizes):
            value = getattr(self, name)
            if value is None and name in sizes:
                continue
            if isinstance(value, bool) or not isinstance(value, int):
                raise bad_type(_OP, name, "be an integer", type(value).__name__, "Pass a whole number")
            if value < 1:
                raise bad_value(_OP, name, "be positive", value, "Pass a whole number from 1")
        if self.head_dim is None and self.d_model % self.num_heads:
            raise bad_value(_OP, "num_heads", f"divide d_model, {self.d_model}", self.num_heads, "Or pass head_dim")
        shape = self.linear
        if shape.heads % shape.kv_heads:
            raise bad_value(
                _OP, "linear_kv_heads", f"divide linear_heads, {shape.heads}", shape.kv_heads, "Choose a divisor"
            )
        if self.linear_rope and shape.head_dim % 2:
            raise bad_value(
                _OP, "linear_head_dim", "be even with linear_rope", shape.head_dim, "Rotation takes channels in pairs"
            )
        for layer in self.sparse_layers or ():
            if not 0 <= layer < self.num_layers:
                raise bad_value(
                    _OP, "sparse_layers", f"hold indices below num_layers, {self.num_layers}", layer, "Count from 0"
                )

    @property
    def linear(self) -> LinearShape:
        """The sizes of the linear layers."""
        heads = self.linear_heads or self.num_heads
        channels = self.linear_head_dim or self.head_dim or self.d_model // self.num_heads
        scale = channels**-0.5 if self.linear_scale is None else self.linear_scale
        return LinearShape(heads, self.linear_kv_heads or heads, channels, self.linear_value_dim or channels, scale)

    def kind(self, layer_idx: int) -> str:
        """``"sparse"`` or ``"lightning"``: what the layer with this index is."""
        sparse = layer_idx % 4 == 0 if self.sparse_layers is None else layer_idx in self.sparse_layers
        return "sparse" if sparse else "lightning"

    @classmethod
    def minicpm_sala(cls) -> HybridConfig:
        """The layers of MiniCPM-SALA: 32, eight of them sparse; 32 heads of 128 channels.

        Example:
            >>> HybridConfig.minicpm_sala().sparse_layers
            (0, 9, 16, 17, 22, 29, 30, 31)
        """
        return cls(d_model=4096, num_layers=32, num_heads=32, head_dim=128, sparse_layers=_SALA_SPARSE)
