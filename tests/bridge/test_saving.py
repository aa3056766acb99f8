"""A bridge in a folder comes back bit by bit, with its reader's adapters, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from composekit import ComposeKitError
from composekit.bridge import StackedChannelBridge


def bridge(**changes: Any) -> StackedChannelBridge:
    options: dict[str, Any] = {
        "layers": (3, 1), "num_tokens": 3, "width": 16, "depth": 1, "heads": 2, "mlp_dim": 24, "out_dim": 12,
        "pooled_dim": 6, **changes,
    }  # fmt: skip
    return StackedChannelBridge(32, **options)


def ids(length: int = 5) -> Tensor:
    return torch.randint(0, 90, (1, length), generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_saved_and_loaded_is_bit_identical(llama_reader: nn.Module, tmp_path: Path, dtype: torch.dtype) -> None:
    module = bridge(norm="joint_ln", layout="channel_major", rope=True, learn_null=True).to(dtype)
    before = tmp_path / "before"
    module.save_pretrained(before)  # no encode is needed
    want = module.encode(llama_reader, input_ids=ids())
    module.save_pretrained(tmp_path / "after")
    assert json.loads((before / "config.json").read_text())["reader_depth"] is None
    for folder in ("before", "after"):
        loaded = StackedChannelBridge.from_pretrained(tmp_path / folder)
        assert all(p.dtype == dtype for p in loaded.parameters())
        for (name, a), (other, b) in zip(module.named_parameters(), loaded.named_parameters(), strict=True):
            assert name == other
            assert torch.equal(a, b)
            assert b.requires_grad
        got = loaded.encode(llama_reader, input_ids=ids())
        assert torch.equal(got.embeds, want.embeds)
        assert got.pooled is not None
        assert want.pooled is not None
        assert torch.equal(got.pooled, want.pooled)


def test_the_configuration_says_what_must_be_known(llama_reader: nn.Module, tmp_path: Path) -> None:
    module = bridge(reader_name="lab/reader").double()
    module.encode(llama_reader, input_ids=ids())
    module.save_pretrained(str(tmp_path))
    config = json.loads((tmp_path / "config.json").read_text())
    want = {
        "layers": [3, 1],
        "layout": "layer_major",
        "norm": "layer_rms",
        "reader_name": "lab/reader",
        "reader_depth": 4,
    }
    assert {name: config[name] for name in want} == want
    again = StackedChannelBridge.from_config(module.config)
    assert again.config == module.config
    loaded = StackedChannelBridge.from_pretrained(tmp_path)
    assert loaded.config == module.config
    assert loaded.layers == (3, 1)


def test_mixed_dtypes_are_kept(tmp_path: Path) -> None:
    module = bridge().bfloat16()
    module.think.float()
    module.save_pretrained(tmp_path)
    loaded = StackedChannelBridge.from_pretrained(tmp_path)
    assert loaded.think.weight.dtype == torch.float32
    assert loaded.bridge.weight.dtype == torch.bfloat16


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"reader_dim": 16}, "must have the shape"),
        ({"layers": [3, 2, 1]}, "bridge.norm_weight must have the shape"),
        ({"num_tokens": 4}, "think.weight must have the shape"),
        ({"norm": "none"}, "unknown .'bridge.norm_weight'"),
        ({"depth": 2}, "missing .'connector.blocks.1"),
        ({"reader_depth": 2}, "layers must lie between"),
        ({"colour": 1}, "unknown .'colour'"),
        ({"format": 9}, "format must be 1"),
    ],
)
def test_another_configuration_fails_loudly(tmp_path: Path, change: dict[str, Any], text: str) -> None:
    bridge().save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | change))
    with pytest.raises(ValueError, match=f"^StackedChannelBridge: .*{text}") as caught:
        StackedChannelBridge.from_pretrained(tmp_path)
    assert isinstance(caught.value, ComposeKitError)


def test_a_missing_file_and_a_missing_key(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=r"be a folder with config.json"):
        StackedChannelBridge.from_pretrained(tmp_path)
    with pytest.raises(ValueError, match=r"missing .'heads'"):
        StackedChannelBridge.from_config({k: v for k, v in bridge().config.items() if k != "heads"})


def test_not_strict_takes_what_fits(tmp_path: Path) -> None:
    module = bridge()
    module.save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"depth": 2}))
    loaded = StackedChannelBridge.from_pretrained(tmp_path, strict=False)
    assert torch.equal(loaded.bridge.weight, module.bridge.weight)
    assert all(p.device.type == "cpu" for p in loaded.parameters())


class Adapter(nn.Module):
    """A low-rank addition to a Linear, as LoRA makes it."""

    def __init__(self, base: nn.Linear) -> None:
        super().__init__()
        self.base = base
        self.down = nn.Linear(base.in_features, 2, bias=False)
        self.up = nn.Linear(2, base.out_features, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, x: Tensor) -> Tensor:
        return self.base(x) + self.up(self.down(x))


def adapted(make_reader: Callable[[str], nn.Module], seed: int) -> nn.Module:
    torch.manual_seed(11)
    model = make_reader("llama").eval().requires_grad_(False)
    torch.manual_seed(seed)
    for layer in model.model.layers:
        layer.self_attn.q_proj = Adapter(layer.self_attn.q_proj)
    return model


@pytest.mark.parametrize("explicit", [True, False])
def test_adapters_of_the_reader_are_saved_with_the_bridge(
    make_reader: Callable[[str], nn.Module], tmp_path: Path, explicit: bool
) -> None:
    module, trained = bridge(), adapted(make_reader, 1)
    for layer in trained.model.layers:
        nn.init.normal_(layer.self_attn.q_proj.up.weight)
    want = module.encode(trained, input_ids=ids())
    if explicit:
        module.save_pretrained(tmp_path, reader=trained)
    else:
        module.save_pretrained(tmp_path)
    fresh = adapted(make_reader, 2)
    assert not torch.equal(module.encode(fresh, input_ids=ids()).embeds, want.embeds)
    loaded = StackedChannelBridge.from_pretrained(tmp_path, reader=fresh)
    assert torch.equal(loaded.encode(fresh, input_ids=ids()).embeds, want.embeds)
    # and never without a word
    with pytest.raises(ValueError, match="reader must be given, because 8 tensors of its adapters"):
        StackedChannelBridge.from_pretrained(tmp_path)
    StackedChannelBridge.from_pretrained(tmp_path, strict=False)
    bare = make_reader("llama").requires_grad_(False)
    with pytest.raises(
        ValueError, match=r"the reader's adapters; got missing .*unknown .'model.layers.0.self_attn.q_proj"
    ):
        StackedChannelBridge.from_pretrained(tmp_path, reader=bare)


def test_a_reader_that_rests_or_trains_as_a_whole_is_not_saved(
    make_reader: Callable[[str], nn.Module], tmp_path: Path
) -> None:
    for trains in (False, True):
        module = bridge()
        model = make_reader("llama").requires_grad_(trains)
        module.encode(model, input_ids=ids())
        module.save_pretrained(tmp_path)
        assert not (tmp_path / "reader.safetensors").exists()
    with pytest.raises(ValueError, match="reader must have trainable parameters"):
        module.save_pretrained(tmp_path, reader=model.requires_grad_(False))


def test_loading_beside_another_reader_fails(make_reader: Callable[[str], nn.Module], tmp_path: Path) -> None:
    module = bridge()
    module.encode(make_reader("llama").requires_grad_(False), input_ids=ids())
    module.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="reader on record"):
        StackedChannelBridge.from_pretrained(tmp_path, reader=make_reader("qwen2"))
