"""The shape of a hybrid model: which layers are sparse and which linear, and what the linear ones are made of."""

from __future__ import annotations

from dataclasses import dataclass

from composekit._errors import bad_type, bad_value

_OP = "HybridConfig"
_POSITIVE = ("d_model", "num_layers", "num_heads", "head_dim", "linear_heads", "linear_kv_heads", "linear_head_dim")
_SALA_SPARSE = (0, 9, 16, 17, 22, 29, 30, 31)


@dataclass(frozen=True, kw_only=True)
class HybridConfig:
    """The settings that the layers of one hybrid model share.

    A size that is left out follows from the others: ``head_dim`` is ``d_model / num_heads``, the linear layers have
    ``num_heads`` heads of ``head_dim`` channels with keys and values of their own, and every fourth layer, the first
    included, is sparse.

    Args:
        d_model: Channels of the hidden states.
        num_layers: How many mixing layers the model has.
        num_heads: Query heads.
        head_dim: Channels of a head.
        sparse_layers: Indices of the layers that are sparse; all others are linear.
        linear_heads: Query heads of the linear layers; each has a decay rate and a state.
        linear_kv_heads: Key and value heads of the linear layers; a divisor of ``linear_heads``.
        linear_head_dim: Channels of a query and key head of the linear layers.
        linear_value_dim: Channels of a value head of the linear layers; ``linear_head_dim`` by default.
        linear_scale: Factor of the outputs; ``linear_head_dim ** -0.5`` by default.
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
        >>> config.head_dim, config.linear_kv_heads
        (16, 4)
    """

    d_model: int
    num_layers: int
    num_heads: int
    head_dim: int = 0
    sparse_layers: tuple[int, ...] | None = None
    linear_heads: int = 0
    linear_kv_heads: int = 0
    linear_head_dim: int = 0
    linear_value_dim: int = 0
    linear_scale: float | None = None
    linear_qk_norm: bool = True
    linear_rope: bool = True
    linear_output_norm: bool = True
    linear_gate: bool = True
    learned_slopes: bool = False
    rope_theta: float = 10_000.0
    norm_eps: float = 1e-6

    def __post_init__(self) -> None:
        for name in (*_POSITIVE, "linear_value_dim"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, int):
                raise bad_type(_OP, name, "be an integer", type(value).__name__, "Pass a whole number")
        if self.head_dim == 0 and self.num_heads > 0:
            if self.d_model % self.num_heads:
                raise bad_value(_OP, "num_heads", f"divide d_model, {self.d_model}", self.num_heads, "Or pass head_dim")
            self._fill("head_dim", self.d_model // self.num_heads)
        self._fill("linear_heads", self.num_heads)
        self._fill("linear_kv_heads", self.linear_heads)
        self._fill("linear_head_dim", self.head_dim)
        self._fill("linear_value_dim", self.linear_head_dim)
        for name in (*_POSITIVE, "linear_value_dim"):
            if getattr(self, name) < 1:
                raise bad_value(_OP, name, "be positive", getattr(self, name), "Pass a whole number from 1")
        if self.linear_heads % self.linear_kv_heads:
            raise bad_value(
                _OP,
                "linear_kv_heads",
                f"divide linear_heads, {self.linear_heads}",
                self.linear_kv_heads,
                "Choose a divisor",
            )
        if self.linear_rope and self.linear_head_dim % 2:
            raise bad_value(
                _OP,
                "linear_head_dim",
                "be even with linear_rope",
                self.linear_head_dim,
                "Rotation takes channels in pairs",
            )
        layers = range(0, self.num_layers, 4) if self.sparse_layers is None else sorted(set(self.sparse_layers))
        object.__setattr__(self, "sparse_layers", tuple(layers))
        for layer in layers:
            if not 0 <= layer < self.num_layers:
                raise bad_value(
                    _OP, "sparse_layers", f"hold indices below num_layers, {self.num_layers}", layer, "Count from 0"
                )

    def _fill(self, name: str, value: int) -> None:
        if getattr(self, name) == 0:
            object.__setattr__(self, name, value)

    def kind(self, layer_idx: int) -> str:
        """``"sparse"`` or ``"lightning"``: what the layer with this index is."""
        return "sparse" if self.sparse_layers and layer_idx in self.sparse_layers else "lightning"

    @classmethod
    def minicpm_sala(cls) -> HybridConfig:
        """The layers of MiniCPM-SALA: 32, eight of them sparse; 32 heads of 128 channels.

        Example:
            >>> HybridConfig.minicpm_sala().sparse_layers
            (0, 9, 16, 17, 22, 29, 30, 31)
        """
        return cls(d_model=4096, num_layers=32, num_heads=32, head_dim=128, sparse_layers=_SALA_SPARSE)
