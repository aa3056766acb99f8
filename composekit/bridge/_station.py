"""Where taps meet a decoder: one station for each decoder with open taps, however many taps and threads there are.

A module's hooks are seen by every thread and every nested tap. The station therefore owns the only two hooks on the
decoder, hands each forward pass to the open taps of the thread that runs it, and takes its hooks away with the last tap.
"""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from composekit._errors import bad_value

if TYPE_CHECKING:
    from composekit.bridge.taps import HiddenStateTap

_LOCK = threading.RLock()
_STATIONS: weakref.WeakKeyDictionary[nn.Module, Station] = weakref.WeakKeyDictionary()


class Station:
    """The hooks on one decoder and the taps that are open on it."""

    def __init__(self, decoder: nn.Module, layers: nn.ModuleList | None) -> None:
        self.taps: list[HiddenStateTap] = []
        self.skips: dict[int, tuple[nn.Module, Callable[..., Any], int]] = {}
        self.layers = layers
        self.handles = [
            decoder.register_forward_pre_hook(self._before, with_kwargs=True),
            decoder.register_forward_hook(self._after, with_kwargs=True),
        ]

    def here(self) -> list[HiddenStateTap]:
        """The open taps of the thread that runs, oldest first."""
        return [tap for tap in self.taps if tap.in_its_thread()]

    def _before(self, decoder: nn.Module, args: Any, kwargs: dict[str, Any]) -> tuple[Any, dict[str, Any]] | None:
        taps = self.here()
        if not taps:
            return None
        kwargs = dict(kwargs)
        asked = kwargs.get("output_hidden_states")
        if asked is None:
            asked = getattr(getattr(decoder, "config", None), "output_hidden_states", False)
        wanted = sorted({k for tap in taps if tap.mode == "native" for k in tap.indices})
        as_tuple = kwargs.get("return_dict") is False
        for tap in taps:
            tap.begin(asked, as_tuple)
        if wanted and asked is not True:
            own = [] if asked is False or asked is None else [asked] if isinstance(asked, int) else list(asked)
            kwargs["output_hidden_states"] = [*wanted, *own]
        if as_tuple:
            kwargs["return_dict"] = True
        if all(tap.skips_something() for tap in taps) and hasattr(decoder, "config"):
            _without_cache(kwargs)
        return args, kwargs

    def _after(self, decoder: nn.Module, args: Any, kwargs: dict[str, Any], output: Any) -> Any:
        taps = self.here()
        if not taps:
            return output
        hidden = getattr(output, "hidden_states", None)
        last = output[0] if not hasattr(output, "last_hidden_state") else output.last_hidden_state
        for tap in taps:
            tap.finish(hidden, last)
        asked, as_tuple = taps[0].asked
        if hidden is not None and asked is not True:
            output = _with_states(output, _as_asked(hidden, asked))
        return output.to_tuple() if as_tuple else output

    # --- leaving out layers ----------------------------------------------------------------------------------------------

    def skip_from(self, first: int) -> None:
        """Let the layers from ``first`` on pass their input through, in forward passes that no open tap needs them for."""
        for index in range(first, len(self.layers or ())):
            layer, original, users = self.skips.get(index, (None, None, 0))
            if layer is None or original is None:
                layer = self.layers[index]  # type: ignore[index]
                original = layer.forward
                layer.forward = _Skip(self, index, original)
            self.skips[index] = (layer, original, users + 1)

    def unskip_from(self, first: int) -> None:
        """Undo one :meth:`skip_from`."""
        for index in range(first, len(self.layers or ())):
            layer, original, users = self.skips.pop(index)
            if users > 1:
                self.skips[index] = (layer, original, users - 1)
            elif getattr(original, "__func__", None) is type(layer).forward:
                layer.__dict__.pop("forward", None)  # it was the class's own
            else:
                layer.forward = original


class _Skip:
    """A layer's forward that hands its input on where every open tap of this thread lies below the layer."""

    def __init__(self, station: Station, index: int, original: Callable[..., Any]) -> None:
        self.station, self.index, self.original = station, index, original
        self.__signature__ = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        taps = self.station.here()
        if not taps or not all(tap.active and tap.skips(self.index) for tap in taps):
            return self.original(*args, **kwargs)
        hidden = args[0] if args else kwargs["hidden_states"]
        return (hidden,) if taps[0].tuples else hidden


def _without_cache(kwargs: dict[str, Any]) -> None:
    if kwargs.get("past_key_values") is not None or kwargs.get("use_cache") is True:
        raise bad_value(
            "HiddenStateTap",
            "stop_early",
            "be off where a cache is filled, because layers that are left out leave holes in it",
            "stop_early=True with a cache",
            "Pass use_cache=False or stop_early=False",
        )
    kwargs["use_cache"] = False


def _as_asked(hidden: tuple[Tensor | None, ...], asked: Any) -> tuple[Tensor | None, ...] | None:
    """What the caller asked the model for, and nothing that the taps added."""
    if asked is None or asked is False:
        return None
    kept = {k % len(hidden) for k in ([asked] if isinstance(asked, int) else asked) if -len(hidden) <= k < len(hidden)}
    return tuple(h if k in kept else None for k, h in enumerate(hidden))


def _with_states(output: Any, states: Any) -> Any:
    """A copy of a model output with other hidden states. Setting them to None in place would leave the old key."""
    fields = {name: value for name, value in output.items() if name != "hidden_states"}
    return type(output)(**fields, **({} if states is None else {"hidden_states": states}))


def enter(tap: HiddenStateTap, decoder: nn.Module, layers: nn.ModuleList | None) -> Station:
    """Open a tap on a decoder."""
    with _LOCK:
        station = _STATIONS.get(decoder)
        if station is None:
            station = _STATIONS[decoder] = Station(decoder, layers)
        station.layers = station.layers if station.layers is not None else layers
        station.taps = [*station.taps, tap]
        if tap.skips_something():
            station.skip_from(tap.highest)
        return station


def leave(tap: HiddenStateTap, decoder: nn.Module) -> None:
    """Close a tap; the last one takes the hooks with it."""
    with _LOCK:
        station = _STATIONS[decoder]
        station.taps = [other for other in station.taps if other is not tap]
        if tap.skips_something():
            station.unskip_from(tap.highest)
        if not station.taps:
            for handle in station.handles:
                handle.remove()
            del _STATIONS[decoder]


def compiling() -> bool:
    """Whether the code is being traced, when threads cannot be told apart."""
    return torch.compiler.is_compiling()
