"""One layer of a hybrid model, whichever kind it is."""

from __future__ import annotations

from torch import Tensor, nn

from composekit.attention._mixing import check_layer
from composekit.attention.cache import HybridCache
from composekit.attention.config import HybridConfig
from composekit.attention.lightning_layer import LightningAttention
from composekit.attention.sparse_layer import SparseAttention


class HybridAttention(nn.Module):
    """The mixing layer with this index: a :class:`SparseAttention` or a :class:`LightningAttention`, as ``mixer``.

    Args:
        config: The settings; ``config.kind(layer_idx)`` decides.
        layer_idx: Which layer of the model this is; its place in a :class:`HybridCache`.
        impl: The implementation of the attention.

    Raises:
        ArgumentError: ``layer_idx`` is not below ``config.num_layers``.
        ArgumentTypeError: ``config`` is not a :class:`HybridConfig`.

    Example:
        >>> import torch
        >>> from composekit.attention import HybridAttention, HybridConfig
        >>> config = HybridConfig(d_model=16, num_layers=2, num_heads=2, sparse_layers=(1,))
        >>> [type(HybridAttention(config, layer).mixer).__name__ for layer in range(2)]
        ['LightningAttention', 'SparseAttention']
        >>> HybridAttention(config, 1)(torch.randn(2, 10, 16)).shape
        torch.Size([2, 10, 16])
    """

    def __init__(self, config: HybridConfig, layer_idx: int, *, impl: str = "auto") -> None:
        super().__init__()
        check_layer("HybridAttention", config, layer_idx)
        layer = SparseAttention if config.kind(layer_idx) == "sparse" else LightningAttention
        self.mixer = layer(config, layer_idx, impl=impl)

    def forward(
        self,
        x: Tensor,
        *,
        attention_mask: Tensor | None = None,
        cu_seqlens: Tensor | None = None,
        position_ids: Tensor | None = None,
        cache: HybridCache | None = None,
    ) -> Tensor:
        """Mix the tokens of each sequence; arguments, result and errors as of :class:`LightningAttention`."""
        return self.mixer(
            x, attention_mask=attention_mask, cu_seqlens=cu_seqlens, position_ids=position_ids, cache=cache
        )
