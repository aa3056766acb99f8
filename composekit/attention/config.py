"""The shape of a hybrid model: which layers are sparse and which linear, and what they are made of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from composekit._errors import bad_type, bad_value
from composekit.attention.sparse_config import SparseConfig

_OP = "HybridConfig"
_OPTIONAL = (
    *("num_kv_heads", "head_dim", "linear_heads", "linear_kv_heads", "linear_head_dim", "linear_value_dim"),
    *("vocab_size", "ffn_dim"),
)
_SALA_SPARSE = (0, 9, 16, 17, 22, 29, 30, 31)


class LinearShape(NamedTuple):
    """The sizes of a linear layer, with nothing left open."""

    heads: int
    kv_heads: int
    head_dim: int
    value_dim: int
    scale: float


class SparseShape(NamedTuple):
    """The sizes of a sparse layer, with nothing left open."""

    heads: int
    kv_heads: int
    head_dim: int
    scale: float


@dataclass(frozen=True, kw_only=True)
class HybridConfig:
    """The settings that the layers of one hybrid model share.

    A size that is None follows from the others, so ``dataclasses.replace`` changes what depends on it too; ``linear`` and
    ``softmax`` hold what came out. The last five concern :class:`HybridDecoder` alone.

    Args:
        d_model: Channels of the hidden states.
        num_layers: How many mixing layers the model has.
        num_heads: Query heads.
        num_kv_heads: Key and value heads of the sparse layers, a divisor of the query heads; as many as those by default.
        head_dim: Channels of a head; ``d_model / num_heads`` by default.
        sparse_layers: Indices of the layers that are sparse, all others being linear; every fourth by default, the first
            included.
        sparse: How the sparse layers choose what to attend to.
        sparse_scale: Factor of the products of queries and keys; one over the root of the channels by default.
        sparse_qk_norm: RMSNorm over the channels of every query and key head of the sparse layers.
        sparse_rope: Rotary position encoding in the sparse layers.
        sparse_gate: Multiply the output of the sparse layers by ``sigmoid(gate(x))``.
        sparse_query_base: With *a* here, the query at position *t* of a sparse layer is multiplied by
            ``log(t + a) / log(a)`` when the layer is not in training, for contexts longer than it was trained on.
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
        vocab_size: Tokens that a decoder knows.
        ffn_dim: Channels inside the feed-forward layers; ``4 * d_model`` by default.
        embedding_scale: Factor of the embeddings.
        residual_scale: Factor of what every layer adds to the hidden states.
        logit_scale: Factor of the logits.

    Raises:
        ArgumentError: sizes that are not positive or do not divide, layer indices out of range.
        ArgumentTypeError: a size that is not an integer.

    Example:
        >>> config = HybridConfig(d_model=64, num_layers=8, num_heads=4)
        >>> [config.kind(layer) for layer in range(4)]
        ['sparse', 'lightning', 'lightning', 'lightning']
        >>> config.linear
        LinearShape(heads=4, kv_heads=4, head_dim=16, value_dim=16, scale=0.25)

    Source:
        MiniCPM-SALA, section 2.1; Hu et al. 2024 (MiniCPM, arXiv 2404.06395) for the three factors; HypeNet for
        ``sparse_query_base``.
    """

    d_model: int
    num_layers: int
    num_heads: int
    num_kv_heads: int | None = None
    head_dim: int | None = None
    sparse_layers: tuple[int, ...] | None = None
    sparse: SparseConfig = field(default_factory=SparseConfig)
    sparse_scale: float | None = None
    sparse_qk_norm: bool = False
    sparse_rope: bool = False
    sparse_gate: bool = True
    sparse_query_base: float | None = None
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
    vocab_size: int | None = None
    ffn_dim: int | None = None
    embedding_scale: float = 1.0
    residual_scale: float = 1.0
    logit_scale: float = 1.0

    def __post_init__(self) -> None:
        for name in ("d_model", "num_layers", "num_heads", *_OPTIONAL):
            _check_size(name, getattr(self, name), optional=name in _OPTIONAL)
        if self.head_dim is None and self.d_model % self.num_heads:
            raise bad_value(_OP, "num_heads", f"divide d_model, {self.d_model}", self.num_heads, "Or pass head_dim")
        _check_heads("linear_kv_heads", self.linear.kv_heads, "linear_heads", self.linear.heads)
        _check_heads("num_kv_heads", self.softmax.kv_heads, "num_heads", self.softmax.heads)
        rotations = (("linear_rope", "linear_head_dim", self.linear), ("sparse_rope", "head_dim", self.softmax))
        for switch, name, shape in rotations:
            if getattr(self, switch) and shape.head_dim % 2:
                raise bad_value(_OP, name, f"be even with {switch}", shape.head_dim, "Rotation takes channels in pairs")
        for layer in self.sparse_layers or ():
            if not 0 <= layer < self.num_layers:
                raise bad_value(
                    _OP, "sparse_layers", f"hold indices below num_layers, {self.num_layers}", layer, "Count from 0"
                )
        if not isinstance(self.sparse, SparseConfig):
            raise bad_type(_OP, "sparse", "be a SparseConfig", type(self.sparse).__name__, "Pass SparseConfig(...)")
        if self.sparse_query_base is not None and self.sparse_query_base <= 1:
            raise bad_value(_OP, "sparse_query_base", "exceed 1", self.sparse_query_base, "Pass, for example, 500")

    @property
    def linear(self) -> LinearShape:
        """The sizes of the linear layers."""
        heads = self.linear_heads or self.num_heads
        channels = self.linear_head_dim or self.head_dim or self.d_model // self.num_heads
        scale = channels**-0.5 if self.linear_scale is None else self.linear_scale
        return LinearShape(heads, self.linear_kv_heads or heads, channels, self.linear_value_dim or channels, scale)

    @property
    def softmax(self) -> SparseShape:
        """The sizes of the sparse layers."""
        channels = self.head_dim or self.d_model // self.num_heads
        scale = channels**-0.5 if self.sparse_scale is None else self.sparse_scale
        return SparseShape(self.num_heads, self.num_kv_heads or self.num_heads, channels, scale)

    def kind(self, layer_idx: int) -> str:
        """``"sparse"`` or ``"lightning"``: what the layer with this index is."""
        sparse = layer_idx % 4 == 0 if self.sparse_layers is None else layer_idx in self.sparse_layers
        return "sparse" if sparse else "lightning"

    @classmethod
    def minicpm_sala(cls) -> HybridConfig:
        """MiniCPM-SALA: 32 layers, eight of them sparse; 32 heads of 128 channels. Its selection is the released one.

        Example:
            >>> HybridConfig.minicpm_sala().sparse_layers
            (0, 9, 16, 17, 22, 29, 30, 31)
        """
        return cls(
            d_model=4096,
            num_layers=32,
            num_heads=32,
            num_kv_heads=2,
            head_dim=128,
            sparse_layers=_SALA_SPARSE,
            sparse=SparseConfig.minicpm_sala(),
            vocab_size=73_448,
            ffn_dim=16_384,
            embedding_scale=12.0,
            residual_scale=1.4 / 32**0.5,
            logit_scale=1 / 16,
        )


def _check_size(name: str, value: object, *, optional: bool) -> None:
    if value is None and optional:
        return
    if isinstance(value, bool) or not isinstance(value, int):
        raise bad_type(_OP, name, "be an integer", type(value).__name__, "Pass a whole number")
    if value < 1:
        raise bad_value(_OP, name, "be positive", value, "Pass a whole number from 1")


def _check_heads(name: str, kv_heads: int, of: str, heads: int) -> None:
    if heads % kv_heads:
        raise bad_value(_OP, name, f"divide {of}, {heads}", kv_heads, "Choose a divisor")
