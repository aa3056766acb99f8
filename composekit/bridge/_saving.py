"""A bridge in a folder: config.json, model.safetensors, and reader.safetensors for a reader's trainable adapters."""

from __future__ import annotations

import inspect
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from composekit._errors import bad_value, missing_extra

if TYPE_CHECKING:
    from composekit.bridge.stacked import StackedChannelBridge

_OP = "StackedChannelBridge"
_FORMAT = 1
CONFIG, WEIGHTS, ADAPTERS = "config.json", "model.safetensors", "reader.safetensors"


def _safetensors() -> Any:
    try:
        import safetensors.torch
    except ImportError:
        raise missing_extra(_OP, "safetensors", "hf") from None
    return safetensors.torch


def from_config(cls: type[StackedChannelBridge], config: Mapping[str, Any]) -> StackedChannelBridge:
    """Build from plain values, refusing what is unknown or missing."""
    values = {k: v for k, v in config.items() if k not in ("format", "kind")}
    parameters = {name: p for name, p in inspect.signature(cls.__init__).parameters.items() if name != "self"}
    unknown = sorted(set(values) - set(parameters))
    missing = sorted(n for n, p in parameters.items() if p.default is p.empty and n not in values)
    if unknown or missing:
        raise bad_value(
            _OP, "config", "hold its arguments", f"missing {missing}, unknown {unknown}", "Use bridge.config"
        )
    return cls(values.pop("reader_dim"), **values)


def save(bridge: StackedChannelBridge, path: str | os.PathLike[str], reader: nn.Module | None) -> None:
    """Write the folder."""
    folder = Path(path)
    folder.mkdir(parents=True, exist_ok=True)
    files = _safetensors()
    files.save_file(_plain(bridge.state_dict()), folder / WEIGHTS)
    text = json.dumps({"kind": _OP, "format": _FORMAT, **bridge.config}, indent=2, sort_keys=True)
    (folder / CONFIG).write_text(text + "\n")
    (folder / ADAPTERS).unlink(missing_ok=True)
    adapters = adapters_of(bridge.last_reader()) if reader is None else _trainable(reader)
    if adapters:
        files.save_file(_plain(adapters), folder / ADAPTERS)
    elif reader is not None:
        raise bad_value(_OP, "reader", "have trainable parameters to be saved", "none", "Leave reader out")


def _trainable(reader: nn.Module) -> dict[str, Tensor]:
    return {name: p for name, p in reader.named_parameters() if p.requires_grad}


def adapters_of(reader: nn.Module | None) -> dict[str, Tensor]:
    """The trainable parameters of a reader that is frozen otherwise; nothing for one that trains, or rests, as a whole."""
    trainable = {} if reader is None else _trainable(reader)
    return trainable if reader is not None and len(trainable) < sum(1 for _ in reader.parameters()) else {}


def _plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: t.detach().contiguous() for name, t in tensors.items()}


def load(
    cls: type[StackedChannelBridge], path: str | os.PathLike[str], reader: nn.Module | None, strict: bool
) -> StackedChannelBridge:
    """Read the folder."""
    folder = Path(path)
    for name in (CONFIG, WEIGHTS):
        if not (folder / name).is_file():
            raise bad_value(_OP, "path", f"be a folder with {name}", str(folder), "Write it with save_pretrained")
    config = json.loads((folder / CONFIG).read_text())
    if config.get("format", _FORMAT) != _FORMAT:
        raise bad_value(_OP, "format", f"be {_FORMAT}", config["format"], "Load it with the version that wrote it")
    files = _safetensors()
    with torch.device("meta"):
        bridge = from_config(cls, config)
    # copies lie where torch aligns them, so that sums run in the order in which they ran before saving
    stored = {name: t.clone() for name, t in files.load_file(folder / WEIGHTS).items()}
    _fits(dict(bridge.state_dict()), stored, strict=strict, what="the bridge")
    if not strict:
        with_weights = from_config(cls, config)  # what is missing starts anew
        with_weights.load_state_dict(stored, strict=False, assign=True)
        bridge = with_weights
    else:
        bridge.load_state_dict(stored, strict=True, assign=True)
    adapters = folder / ADAPTERS
    if reader is not None:
        bridge._meet(reader)
    if adapters.is_file():
        _load_adapters(files.load_file(adapters), reader, strict=strict)
    return bridge


def _load_adapters(stored: dict[str, Tensor], reader: nn.Module | None, *, strict: bool) -> None:
    if reader is None:
        if strict:
            raise bad_value(
                _OP,
                "reader",
                f"be given, because {len(stored)} tensors of its adapters were saved with the bridge",
                None,
                "Pass the reader with its adapters attached, or strict=False to leave them out",
            )
        return
    own = dict(reader.named_parameters())
    expected = {*adapters_of(reader), *(own.keys() & stored.keys())}
    _fits({name: own[name] for name in expected}, stored, strict=strict, what="the reader's adapters")
    with torch.no_grad():
        for name, tensor in stored.items():
            if name in own:
                own[name].copy_(tensor)


def _fits(own: Mapping[str, Tensor], stored: Mapping[str, Tensor], *, strict: bool, what: str) -> None:
    missing, unknown = sorted(set(own) - set(stored)), sorted(set(stored) - set(own))
    if strict and (missing or unknown):
        raise bad_value(
            _OP,
            "path",
            f"hold exactly the parameters of {what}",
            f"missing {missing[:4]}, unknown {unknown[:4]}",
            "Compare the configurations",
        )
    for name in sorted(set(own) & set(stored)):
        if own[name].shape != stored[name].shape:
            raise bad_value(
                _OP,
                name,
                f"have the shape {list(own[name].shape)} that the configuration says",
                list(stored[name].shape),
                "Load the checkpoint of this reader and these sizes",
            )
