"""StackedChannelBridge: from a prompt, through many layers of a reader, to what a generator takes."""

from __future__ import annotations

import os
import weakref
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from composekit._errors import bad_value
from composekit.bridge import _readers, _saving
from composekit.bridge._checks import accumulation_dtype, as_cu_seqlens, as_mask, segment_ids
from composekit.bridge._deepgen import convert
from composekit.bridge.channel import ChannelBridge
from composekit.bridge.connector import BridgeConnector
from composekit.bridge.output import BridgeOutput
from composekit.bridge.taps import resolve_layers
from composekit.bridge.think import ThinkTokens

_OP = "StackedChannelBridge"
EMITS = ("think", "all")


class StackedChannelBridge(nn.Module):
    r"""Think tokens, taps, channel bridge, connector and heads in one module.

    The connector reads every real position of the taps; ``emit`` chooses afterwards which of them the generator gets.
    ``pooled`` is the mean over all real positions, through its own head.

    Args:
        reader_dim: Channels D of the reader.
        layers: L indices of hidden states, as in :class:`HiddenStateTap`; :func:`tap_layers` proposes some.
        num_tokens: Q think tokens.
        width: Channels of the connector.
        depth: Blocks of the connector.
        heads: Attention heads of the connector.
        mlp_dim: Hidden channels of its feed-forward parts.
        out_dim: Channels Dc of ``embeds``.
        pooled_dim: Channels Dp of ``pooled``; None for no pooled vector.
        norm: Of the channel bridge: ``"none"``, ``"layer_rms"`` or ``"joint_ln"``.
        emit: ``"think"`` gives the Q think positions, without padding; ``"all"`` every position and a mask.
        zero_init_heads: Start both heads at zero: the generator starts unconditioned, and in the first step the heads alone
            get a gradient; that of the think tokens is exactly zero.
        final_norm: A LayerNorm behind the connector.
        rope: Rotary positions in the connector.
        reader_name: Recorded with the weights and compared at every :meth:`encode`; the first one records it when not given.
        reader_depth: Likewise, the number of decoder layers.
        layout: Column order of the channel bridge, ``"layer_major"`` or ``"channel_major"``.
        learn_null: Add a learned null embedding, for :meth:`null`.

    Attributes:
        think: :class:`ThinkTokens` with one parameter ``weight`` ``[Q, D]``.
        bridge: :class:`ChannelBridge`.
        connector: :class:`BridgeConnector`.

    Raises:
        ArgumentError: sizes or options that contradict each other, such as ``emit="think"`` without think tokens.

    Example:
        >>> import torch
        >>> bridge = StackedChannelBridge(16, layers=(3, 1), num_tokens=4, width=16, depth=1, heads=2, mlp_dim=32, out_dim=8)
        >>> taps = [torch.randn(2, 9, 16) for _ in range(2)]
        >>> think_index = torch.arange(5, 9).expand(2, -1)
        >>> bridge(taps, think_index=think_index).embeds.shape
        torch.Size([2, 4, 8])

    Source:
        DeepGen 1.0 (arXiv 2602.12205), stacked channel bridging.
    """

    def __init__(
        self,
        reader_dim: int,
        *,
        layers: Sequence[int],
        num_tokens: int = 128,
        width: int,
        depth: int = 6,
        heads: int,
        mlp_dim: int,
        out_dim: int,
        pooled_dim: int | None = None,
        norm: str = "layer_rms",
        emit: str = "think",
        zero_init_heads: bool = False,
        final_norm: bool = True,
        rope: bool = False,
        reader_name: str | None = None,
        reader_depth: int | None = None,
        layout: str = "layer_major",
        learn_null: bool = False,
    ) -> None:
        super().__init__()
        if emit not in EMITS:
            raise bad_value(_OP, "emit", "be 'think' or 'all'", repr(emit), "Take 'think' for generators without masks")
        if emit == "think" and num_tokens < 1:
            raise bad_value(_OP, "num_tokens", "be at least 1 with emit='think'", num_tokens, "Pass emit='all'")
        layers = tuple(int(k) for k in layers)
        if reader_depth is not None:
            resolve_layers(_OP, layers, reader_depth)
        elif not layers:
            raise bad_value(_OP, "layers", "name at least one hidden state", "none", "See tap_layers")
        self.layers, self.emit = layers, emit
        self.reader_name, self.reader_depth = reader_name, reader_depth
        self._reader: weakref.ref[nn.Module] | None = None
        self._options: dict[str, Any] = {
            "reader_dim": reader_dim, "layers": list(layers), "num_tokens": num_tokens, "width": width, "depth": depth,
            "heads": heads, "mlp_dim": mlp_dim, "out_dim": out_dim, "pooled_dim": pooled_dim, "norm": norm, "emit": emit,
            "zero_init_heads": zero_init_heads, "final_norm": final_norm, "rope": rope, "layout": layout,
            "learn_null": learn_null,
        }  # fmt: skip
        self.think = ThinkTokens(num_tokens, reader_dim)
        self.bridge = ChannelBridge(len(layers), reader_dim, width, norm=norm, layout=layout)
        self.connector = BridgeConnector(
            width, depth=depth, heads=heads, mlp_dim=mlp_dim, final_norm=final_norm, rope=rope
        )
        self.sequence_head = nn.Linear(width, out_dim)
        self.pooled_head = None if pooled_dim is None else nn.Linear(width, pooled_dim)
        if zero_init_heads:
            for head in (self.sequence_head, self.pooled_head):
                if head is not None:
                    nn.init.zeros_(head.weight)
                    nn.init.zeros_(head.bias)
        slots = num_tokens if emit == "think" else 1
        self.null_embeds = nn.Parameter(torch.zeros(slots, out_dim)) if learn_null else None
        self.null_pooled = nn.Parameter(torch.zeros(pooled_dim)) if learn_null and pooled_dim is not None else None

    # --- making one ------------------------------------------------------------------------------------------------------

    @property
    def config(self) -> dict[str, Any]:
        """All arguments, as plain values: ``from_config(bridge.config)`` makes another one of the same kind."""
        return {**self._options, "reader_name": self.reader_name, "reader_depth": self.reader_depth}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> StackedChannelBridge:
        """Make a bridge with new weights from what :attr:`config` gave.

        Raises:
            ArgumentError: an unknown or a missing key.
        """
        return _saving.from_config(cls, config)

    @classmethod
    def deepgen(cls) -> StackedChannelBridge:
        """The bridge of DeepGen 1.0, between Qwen2.5-VL-3B and SD3.5-M: 432,449,532 parameters.

        No norm over the taps, every position emitted, no final norm, heads at zero. Padding, which the release attends to,
        is masked; on input without padding both agree.

        Example:
            >>> import torch
            >>> with torch.device("meta"):
            ...     bridge = StackedChannelBridge.deepgen()
            >>> sum(p.numel() for p in bridge.parameters())
            432449532
        """
        return cls(
            2048,
            layers=(35, 29, 23, 17, 11, 5),
            num_tokens=128,
            width=2048,
            depth=6,
            heads=32,
            mlp_dim=11946,
            out_dim=4096,
            pooled_dim=2048,
            norm="none",
            emit="all",
            zero_init_heads=True,
            final_norm=False,
            reader_depth=36,
        )

    def load_deepgen(self, state_dict: Mapping[str, Tensor]) -> StackedChannelBridge:
        """Load a state dict with the names of the release: ``meta_queries``, ``projector_1..3``, ``connector.layers.*``.

        Entries of the reader (``lmm.``), the generator (``transformer.``) and its autoencoder (``vae.``) are left alone. The
        bridge needs ``norm="none"``, ``final_norm=False``, no rope, a pooled head and the release's sizes.

        Returns:
            The bridge itself.

        Raises:
            ArgumentError: names that are missing or unknown, tensors of other shapes, a bridge of another kind.
        """
        self.load_state_dict(convert(self, state_dict), strict=True)
        return self

    # --- running ---------------------------------------------------------------------------------------------------------

    def forward(
        self,
        hiddens: Sequence[Tensor],
        *,
        mask: Tensor | None = None,
        think_index: Tensor | None = None,
        cu_seqlens: Tensor | None = None,
    ) -> BridgeOutput:
        """Bridge hidden states that were tapped elsewhere.

        Args:
            hiddens: L tensors ``[B, T, D]`` in the order of ``layers``, think positions included.
            mask: bool or 0/1 ``[B, T]``, True keeps; None for no padding.
            think_index: int64 ``[B, Q]``, packed ``[N, Q]``: needed for ``emit="think"``.
            cu_seqlens: int32 ``[N + 1]`` for packed rows ``[1, T, D]``, instead of a mask.

        Returns:
            :class:`BridgeOutput`. ``emit="all"``: embeds ``[B, T, Dc]`` and the mask; packed ``[1, T, Dc]`` and cu_seqlens.
            ``emit="think"``: embeds ``[B, Q, Dc]``, packed ``[N, Q, Dc]``, neither mask nor cu_seqlens.

        Raises:
            ArgumentError: a mask on packed rows; no ``think_index`` where it is needed; another number of taps.
            ShapeError, ArgumentTypeError: shapes or types that do not fit.

        Guarantees:
            A sample alone equals the sample in any batch, padded on any side, or packed. What stands in padding reaches
            neither outputs nor gradients.
        """
        mask = self._check_inputs(hiddens, mask, cu_seqlens)
        return self._finish(self.bridge(hiddens, mask=mask), mask, think_index, cu_seqlens)

    def _check_inputs(self, hiddens: Sequence[Tensor], mask: Tensor | None, cu_seqlens: Tensor | None) -> Tensor | None:
        if len(hiddens) != len(self.layers):
            raise bad_value(_OP, "hiddens", f"hold {len(self.layers)} taps", len(hiddens), "Tap the bridge's layers")
        first = hiddens[0]
        if first.ndim != 3 or first.shape[-1] != self.bridge.dim:
            raise bad_value(
                _OP, "hiddens", f"have shape [B, T, {self.bridge.dim}]", list(first.shape), "Tap the right reader"
            )
        if cu_seqlens is not None and mask is not None:
            raise bad_value(
                _OP,
                "mask",
                "be None on packed rows, whose samples cu_seqlens keeps apart",
                f"shape {list(mask.shape)}",
                "Leave it out: packed rows have no padding",
            )
        return as_mask(_OP, mask, tuple(first.shape[:2]))

    def _finish(
        self, x: Tensor, mask: Tensor | None, think_index: Tensor | None, cu_seqlens: Tensor | None
    ) -> BridgeOutput:
        """From the projection ``[B, T, width]`` to the output."""
        batch, total, _ = x.shape
        cu = as_cu_seqlens(_OP, cu_seqlens, batch, total)
        x = self.connector(x, mask=mask, cu_seqlens=cu_seqlens)
        pooled = None if self.pooled_head is None else self.pooled_head(_masked_mean(x, mask, cu))
        if self.emit == "think":
            return BridgeOutput(self.sequence_head(self._think_positions(x, think_index, cu)), None, pooled, None)
        embeds = self.sequence_head(x)
        if cu is not None:
            return BridgeOutput(embeds, None, pooled, cu.to(torch.int32))
        if mask is None:
            mask = torch.ones(batch, total, dtype=torch.bool, device=x.device)
        return BridgeOutput(torch.where(mask[..., None], embeds, 0.0), mask, pooled, None)

    def _think_positions(self, x: Tensor, think_index: Tensor | None, cu: Tensor | None) -> Tensor:
        rows = x.shape[0] if cu is None else cu.shape[0] - 1
        want = (rows, self.think.num_tokens)
        if think_index is None or tuple(think_index.shape) != want:
            raise bad_value(
                _OP,
                "think_index",
                f"have shape {list(want)} for emit='think'",
                None if think_index is None else list(think_index.shape),
                "Pass ThinkInputs.think_index, or make the bridge with emit='all'",
            )
        if cu is not None:
            return x[0][think_index]
        return x.gather(1, think_index[..., None].expand(-1, -1, x.shape[-1]))

    def encode(
        self,
        model: nn.Module,
        *,
        input_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        attention_mask: Tensor | None = None,
        cu_seqlens: Tensor | None = None,
        prompt_states: Sequence[Tensor] | None = None,
        stop_early: bool = False,
        **model_inputs: Any,
    ) -> BridgeOutput:
        """The whole way: append think tokens, run the reader, tap it, bridge the taps.

        Args:
            model: The reader, of the width and at least the depth that the bridge was made for.
            input_ids: ``[B, T]``; or
            inputs_embeds: ``[B, T, D]``.
            attention_mask: 0/1 or bool ``[B, T]``, from the tokenizer; padding on either side.
            cu_seqlens: int32 ``[N + 1]`` for packed rows; then there must be no mask.
            prompt_states: With ``past_key_values``: the bridge's taps of the cached prompt, L tensors ``[B, P, D]``, because
                the connector reads the prompt too.
            stop_early: Leave out the reader's layers above the highest tap.
            **model_inputs: For the reader, as in :meth:`ThinkTokens.run`.

        Raises:
            ArgumentTypeError: a name that the reader does not know.
            ArgumentError: a reader of another width, depth or name, or too shallow; see also :meth:`ThinkTokens.run`.
        """
        self._meet(model)
        cached = model_inputs.get("past_key_values") is not None
        if cached != (prompt_states is not None):
            raise bad_value(
                _OP,
                "prompt_states",
                "come with past_key_values, and only with it: the connector reads the prompt too",
                "one of them",
                "Tap the bridge's layers while the prompt is cached, and pass both",
            )
        states, inputs = self.think.run(
            model,
            self.layers,
            input_ids=input_ids,
            inputs_embeds=inputs_embeds,
            attention_mask=attention_mask,
            cu_seqlens=cu_seqlens,
            stop_early=stop_early,
            **model_inputs,
        )
        think_index = inputs.think_index
        if prompt_states is not None:
            think_index = think_index + prompt_states[0].shape[1]
            states = tuple(torch.cat(pair, 1) for pair in zip(prompt_states, states, strict=True))
        return self(states, mask=inputs.attention_mask, think_index=think_index, cu_seqlens=inputs.cu_seqlens)

    def _meet(self, model: nn.Module) -> None:
        """Compare the reader with the one on record, or record it."""
        width, depth = _readers.width_of(_OP, model), _readers.depth_of(_OP, model)
        if width != self.bridge.dim:
            raise bad_value(
                _OP, "model", f"have {self.bridge.dim} channels, as the bridge was made for", width, "Take its reader"
            )
        resolve_layers(_OP, self.layers, depth)
        if self.reader_depth is not None and depth != self.reader_depth:
            raise bad_value(
                _OP, "model", f"have {self.reader_depth} layers, as on record", depth, "Take the reader of this bridge"
            )
        self.reader_name = _readers.meet(_OP, self.reader_name, model)
        self.reader_depth = depth
        self._reader = weakref.ref(model)

    def last_reader(self) -> nn.Module | None:
        """The reader of the last :meth:`encode`, if it still exists; no reference keeps it alive."""
        return None if self._reader is None else self._reader()

    def null(self, batch: int = 1) -> BridgeOutput:
        """The learned null embedding, repeated.

        Raises:
            ArgumentError: the bridge was made without ``learn_null``.
        """
        if self.null_embeds is None:
            raise bad_value(
                _OP, "learn_null", "be True for a learned null embedding", False, "Or encode an empty prompt on its own"
            )
        pooled = None if self.null_pooled is None else self.null_pooled[None]
        return BridgeOutput(self.null_embeds[None], None, pooled, None).expand(batch)

    # --- training --------------------------------------------------------------------------------------------------------

    def parameter_groups(self, *, weight_decay: float) -> list[dict[str, Any]]:
        """Two groups for an optimiser: matrices that decay; think tokens, null embeddings, norms and biases that do not.

        Example:
            >>> bridge = StackedChannelBridge(8, layers=(1,), num_tokens=2, width=8, heads=1, mlp_dim=8, out_dim=8)
            >>> [group["weight_decay"] for group in bridge.parameter_groups(weight_decay=0.05)]
            [0.05, 0.0]
        """
        free = {id(p) for p in (self.think.weight, self.null_embeds) if p is not None}
        decaying = [p for p in self.parameters() if p.requires_grad and p.ndim >= 2 and id(p) not in free]
        chosen = {id(p) for p in decaying}
        others = [p for p in self.parameters() if p.requires_grad and id(p) not in chosen]
        return [{"params": decaying, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]

    # --- saving ----------------------------------------------------------------------------------------------------------

    def save_pretrained(self, path: str | os.PathLike[str], *, reader: nn.Module | None = None) -> None:
        """Write ``config.json`` and ``model.safetensors`` into a folder, and ``reader.safetensors`` for a reader's adapters.

        Args:
            path: The folder; it is made if need be.
            reader: The reader whose trainable parameters are saved with the bridge. By default that of the last
                :meth:`encode`, if it is frozen but for adapters.

        Raises:
            MissingExtraError: safetensors is not installed.
        """
        _saving.save(self, path, reader)

    @classmethod
    def from_pretrained(
        cls, path: str | os.PathLike[str], *, reader: nn.Module | None = None, strict: bool = True
    ) -> StackedChannelBridge:
        """Read what :meth:`save_pretrained` wrote. Parameters keep the dtype in which they were stored.

        Args:
            path: The folder.
            reader: The reader whose adapters were saved: they are loaded into it. It is compared with the one on record.
            strict: Raise where names are missing or left over, adapters included. False ignores them.

        Raises:
            ArgumentError: names or shapes that do not fit; adapters were saved and no reader is given.
            MissingExtraError: safetensors is not installed.
        """
        return _saving.load(cls, path, reader, strict)


def _masked_mean(x: Tensor, mask: Tensor | None, cu: Tensor | None) -> Tensor:
    """Mean over the real positions of each sample: [B, width], packed [N, width]."""
    exact = accumulation_dtype(x.dtype)
    if cu is not None:
        sums = x.new_zeros(cu.shape[0] - 1, x.shape[-1], dtype=exact)
        sums = sums.index_add(0, segment_ids(cu, x.shape[1]), x[0].to(exact))
        return (sums / cu.diff().clamp(min=1)[:, None]).to(x.dtype)
    if mask is None:
        return x.mean(1, dtype=exact).to(x.dtype)
    # the connector has already zeroed the padding
    return (x.sum(1, dtype=exact) / mask.sum(1).clamp(min=1)[:, None]).to(x.dtype)
