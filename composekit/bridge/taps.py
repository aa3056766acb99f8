"""HiddenStateTap: the hidden states of chosen layers, and no others."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from importlib.util import find_spec
from types import TracebackType
from typing import Any

from torch import Tensor, nn

from composekit._errors import ArgumentError, bad_value, message
from composekit.bridge import _station
from composekit.bridge._readers import decoder_layers, decoder_of, depth_of
from composekit.bridge._streaming import Stream
from composekit.bridge.channel import ChannelBridge

_OP = "HiddenStateTap"
MODES = ("auto", "native", "hook", "stream")


def selects_natively() -> bool:
    """Whether the installed transformers returns only the hidden states that it is asked for; older ones return all."""
    if find_spec("transformers") is None:
        return False
    try:
        from transformers.utils import output_capturing
    except ImportError:
        return False
    return hasattr(output_capturing, "selected_hidden_states")


def resolve_layers(op: str, layers: Sequence[int], depth: int) -> tuple[int, ...]:
    """Indices counted from the front. transformers drops an index that is out of range; here it raises."""
    layers = tuple(layers)
    if not layers:
        raise bad_value(op, "layers", "name at least one hidden state", "none", "See tap_layers")
    for k in layers:
        if isinstance(k, bool) or not isinstance(k, int) or not -(depth + 1) <= k <= depth:
            raise bad_value(
                op,
                "layers",
                f"lie between {-(depth + 1)} and {depth} for a reader of {depth} layers",
                k,
                f"tap_layers({depth}) gives a choice",
            )
    return tuple(k % (depth + 1) for k in layers)


class HiddenStateTap:
    """Capture hidden states while a reader runs inside a ``with`` block.

    Index k is the output of decoder layer k - 1; 0 are the embeddings, the last one is after the final norm: what
    transformers returns in ``hidden_states``. The model's own output is what it is without a tap.

    Args:
        model: A Hugging Face model, or any with ``get_decoder()`` or a list of layers.
        layers: Indices, negative ones from the end, in the order in which ``states`` shall be.
        mode: ``"native"`` lets transformers select (needs a version that can), ``"hook"`` hooks the layers, ``"stream"``
            feeds a ChannelBridge while the layers run and keeps no state, ``"auto"`` is native where possible, else hook.
        bridge: For ``"stream"``: the ChannelBridge with as many layers as ``layers``.
        stop_early: Leave out the layers above the highest tap. The model's own output and its cache are then meaningless,
            so no cache may be filled.
        mask: For ``"stream"``: bool ``[B, T]``, True keeps; other rows are not read and come out zero.

    Attributes:
        states: After a forward pass, a tuple of tensors ``[B, T, D]`` in the order of ``layers``.
        output: In stream mode instead, ``[B, T, out]``.

    Raises:
        ArgumentError: empty ``layers`` or an index out of range; a mode that cannot be had; reading ``states`` before any
            forward pass; a cache with ``stop_early``.

    Guarantees:
        A later forward pass in the block replaces an earlier one; recomputation by gradient checkpointing, reentrant or
        not, does not. Hooks go on exit and on exceptions. Taps nest; a tap sees only the thread that opened it. Nothing is
        retained beside the result in the tap itself. A model compiled with ``fullgraph=True`` may be called in the block.

    Example:
        >>> import torch
        >>> from transformers import LlamaConfig, LlamaModel
        >>> model = LlamaModel(LlamaConfig(vocab_size=32, hidden_size=16, intermediate_size=32, num_hidden_layers=4,
        ...     num_attention_heads=2, num_key_value_heads=1))
        >>> with HiddenStateTap(model, (3, 1)) as tap:
        ...     _ = model(torch.tensor([[1, 2, 3]]))
        >>> [tuple(state.shape) for state in tap.states]
        [(1, 3, 16), (1, 3, 16)]
    """

    def __init__(
        self,
        model: nn.Module,
        layers: Sequence[int],
        mode: str = "auto",
        bridge: ChannelBridge | None = None,
        stop_early: bool = False,
        *,
        mask: Tensor | None = None,
    ) -> None:
        if mode not in MODES:
            raise bad_value(_OP, "mode", f"be one of {', '.join(MODES)}", repr(mode), "Leave it at 'auto'")
        self.decoder = decoder_of(model)
        self.depth = depth_of(_OP, model)
        self.indices = resolve_layers(_OP, layers, self.depth)
        self.highest = max(self.indices)
        if mode == "native" and not selects_natively():
            raise bad_value(
                _OP,
                "mode",
                "be 'hook' where transformers cannot select hidden states",
                repr(mode),
                "Upgrade transformers or pass mode='auto'",
            )
        native = mode == "native" or (mode == "auto" and selects_natively() and hasattr(self.decoder, "config"))
        self.mode = "native" if native else "hook" if mode == "auto" else mode
        self.stop_early = stop_early
        self._check_bridge(bridge)
        self.bridge, self.mask = bridge, mask
        needs_layers = self.mode != "native" or self.skips_something()
        self.layers = decoder_layers(_OP, self.decoder) if needs_layers else None
        self.active, self.tuples, self.asked = False, False, (False, False)
        self._thread: int | None = None
        self._captured: dict[int, Tensor] = {}
        self._seen: set[int] = set()
        self._stream: Stream | None = None
        self._states: tuple[Tensor, ...] | None = None
        self._output: Tensor | None = None
        self._handles: list[Any] = []

    def _check_bridge(self, bridge: ChannelBridge | None) -> None:
        if (self.mode == "stream") != (bridge is not None):
            raise bad_value(
                _OP,
                "bridge",
                "come with mode='stream', and only with it",
                f"mode={self.mode!r}, bridge={'None' if bridge is None else 'given'}",
                "Pass both or neither",
            )
        if bridge is not None and bridge.num_layers != len(self.indices):
            raise bad_value(
                _OP, "layers", f"be {bridge.num_layers}, as many as the bridge has", len(self.indices), "Match them"
            )

    # --- results -------------------------------------------------------------------------------------------------------

    @property
    def states(self) -> tuple[Tensor, ...]:
        """The tapped states of the last forward pass, in the order of ``layers``."""
        if self._states is None:
            wanted = "output" if self.mode == "stream" else "a forward pass in the block"
            raise self._nothing("states", wanted)
        return self._states

    @property
    def output(self) -> Tensor:
        """The projection of the last forward pass; stream mode alone."""
        if self._output is None:
            raise self._nothing("output", "a forward pass in the block" if self.mode == "stream" else "states")
        return self._output

    def _nothing(self, name: str, wanted: str) -> ArgumentError:
        return ArgumentError(
            message(
                _OP,
                name,
                "be read after a forward pass of the tapped model, in the mode that makes them",
                f"mode={self.mode!r}, and the tapped decoder has not run",
                f"Use {wanted}; a model that was compiled before must be compiled again with the tap open",
            )
        )

    # --- the block -------------------------------------------------------------------------------------------------------

    def __enter__(self) -> HiddenStateTap:
        if self._thread is not None:
            raise bad_value(_OP, "tap", "be opened once at a time", "an open tap", "Make a second one")
        self._thread = threading.get_ident()
        _station.enter(self, self.decoder, self.layers)
        try:
            self._install()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._close()

    def _close(self) -> None:
        for handle in self._handles:
            handle.remove()
        self._handles = []
        self._captured, self._stream, self.active = {}, None, False
        self._thread = None
        _station.leave(self, self.decoder)

    def _install(self) -> None:
        if self.layers is None:
            return
        if self.mode != "native":
            for k in {k for k in self.indices if k < self.depth}:
                if k == 0:
                    self._handles.append(self.layers[0].register_forward_pre_hook(self._on_input, with_kwargs=True))
                else:
                    self._handles.append(self.layers[k - 1].register_forward_hook(self._on_output(k)))
        if self.skips_something() and self.highest > 0:
            self._handles.append(self.layers[self.highest - 1].register_forward_hook(self._note_type))

    # --- what the station and the hooks call -----------------------------------------------------------------------------

    def in_its_thread(self) -> bool:
        """Whether this tap is open in the running thread."""
        return _station.compiling() or self._thread == threading.get_ident()

    def skips_something(self) -> bool:
        """Whether there are layers to leave out."""
        return self.stop_early and self.highest < self.depth

    def skips(self, index: int) -> bool:
        """Whether decoder layer ``index`` may be left out."""
        return self.stop_early and self.highest <= index

    def begin(self, asked: Any, as_tuple: bool) -> None:
        """A forward pass of the decoder begins."""
        self._captured, self._seen = {}, set()
        self.active, self.asked = True, (asked, as_tuple)
        if self.bridge is not None:
            self._stream = Stream(self.bridge, self.mask)

    def finish(self, hidden: Sequence[Tensor | None] | None, last: Tensor) -> None:
        """The forward pass is over: what transformers selected, and the state after the final norm."""
        if not self.active:
            return
        if self.mode != "native" and self.depth in self.indices:
            self._take(self.depth, last)
        self.active = False
        if self.mode == "native":
            if hidden is None:
                raise bad_value(_OP, "model", "return hidden states", type(self.decoder).__name__, "Use mode='hook'")
            states = [hidden[k] for k in self.indices]
            self._states = tuple(state for state in states if state is not None)
            return
        if self._stream is not None:
            self._output, self._stream = self._stream.finish(), None
        else:
            self._states = tuple(self._captured[k] for k in self.indices)
        self._captured = {}

    def _take(self, k: int, state: Tensor) -> None:
        """Keep state k if none was kept yet in this forward pass."""
        if not self.active or k in self._seen:
            return
        self._seen.add(k)
        if self._stream is None:
            self._captured[k] = state
            return
        for place, index in enumerate(self.indices):
            if index == k:
                self._stream.add(place, state)

    def _on_input(self, layer: nn.Module, args: Any, kwargs: dict[str, Any]) -> None:
        if self.in_its_thread():
            self._take(0, args[0] if args else kwargs["hidden_states"])

    def _on_output(self, k: int) -> Any:
        def hook(layer: nn.Module, args: Any, output: Any) -> None:
            if self.in_its_thread():
                self._take(k, output[0] if isinstance(output, tuple) else output)

        return hook

    def _note_type(self, layer: nn.Module, args: Any, output: Any) -> None:
        if self.in_its_thread():
            self.tuples = isinstance(output, tuple)
