"""Names of the DeepGen 1.0 release -> names of StackedChannelBridge."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from composekit._errors import bad_value

if TYPE_CHECKING:
    from composekit.bridge.stacked import StackedChannelBridge

_OP = "load_deepgen"
_OTHER_PARTS = ("lmm.", "transformer.", "vae.")
_WHOLE = {
    "meta_queries": "think.weight",
    "projector_1.weight": "bridge.weight",
    "projector_1.bias": "bridge.bias",
    "projector_2.weight": "pooled_head.weight",
    "projector_2.bias": "pooled_head.bias",
    "projector_3.weight": "sequence_head.weight",
    "projector_3.bias": "sequence_head.bias",
}
_BLOCK = {
    "self_attn.out_proj": "out",
    "layer_norm1": "norm1",
    "layer_norm2": "norm2",
    "mlp.fc1": "fc1",
    "mlp.fc2": "fc2",
}


def convert(bridge: StackedChannelBridge, state_dict: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state dict under our names; query, key and value become one matrix."""
    if bridge.bridge.norm != "none" or bridge.connector.final_norm is not None or bridge.pooled_head is None:
        raise bad_value(
            _OP,
            "bridge",
            "have norm='none', final_norm=False and a pooled head",
            f"norm={bridge.bridge.norm!r}",
            "Make it with StackedChannelBridge.deepgen()",
        )
    theirs = {name: t for name, t in state_dict.items() if not name.startswith(_OTHER_PARTS)}
    plan: dict[str, list[str]] = {ours: [name] for name, ours in _WHOLE.items()}
    for i in range(len(bridge.connector.blocks)):
        for kind in ("weight", "bias"):
            source = f"connector.layers.{i}."
            plan[f"connector.blocks.{i}.qkv.{kind}"] = [f"{source}self_attn.{x}_proj.{kind}" for x in "qkv"]
            for name, ours in _BLOCK.items():
                plan[f"connector.blocks.{i}.{ours}.{kind}"] = [f"{source}{name}.{kind}"]
    needed = {name for names in plan.values() for name in names}
    missing, unknown = sorted(needed - set(theirs)), sorted(set(theirs) - needed)
    if missing or unknown:
        raise bad_value(
            _OP,
            "state_dict",
            "hold exactly the names of the release",
            f"missing {missing[:4]}, unknown {unknown[:4]}",
            "Check the file and the depth of the connector",
        )
    own = {name: tuple(p.shape) for name, p in bridge.named_parameters()}
    converted = {}
    for ours, names in plan.items():
        tensor = torch.cat([theirs[name] for name in names]) if len(names) > 1 else theirs[names[0]]
        if ours == "think.weight":
            tensor = tensor.reshape(-1, tensor.shape[-1])  # some releases keep a leading axis of one
        if tuple(tensor.shape) != own[ours]:
            raise bad_value(_OP, names[0], f"have shape {list(own[ours])}", list(tensor.shape), "Check the sizes")
        converted[ours] = tensor
    return converted
