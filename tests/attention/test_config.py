"""Settings of a hybrid model."""

from __future__ import annotations

import dataclasses

import pytest

from composekit import ComposeKitError
from composekit.attention import HybridConfig, LightningAttention

GOOD = {"d_model": 64, "num_layers": 8, "num_heads": 4}


def test_sizes_follow_from_the_others() -> None:
    config = HybridConfig(**GOOD)
    assert config.linear == (4, 4, 16, 16, 0.25)
    assert [config.kind(layer) for layer in range(8)] == ["sparse", *["lightning"] * 3] * 2
    changed = dataclasses.replace(config, d_model=128, linear_heads=2, sparse_layers=())
    assert changed.linear == (2, 2, 32, 32, 32**-0.5)
    assert {changed.kind(layer) for layer in range(8)} == {"lightning"}
    assert dataclasses.replace(config, linear_head_dim=8, linear_scale=2.0).linear == (4, 4, 8, 8, 2.0)


def test_the_released_model() -> None:
    config = HybridConfig.minicpm_sala()
    assert [layer for layer in range(32) if config.kind(layer) == "sparse"] == [0, 9, 16, 17, 22, 29, 30, 31]
    assert (config.d_model, *config.linear) == (4096, 32, 32, 128, 128, 128**-0.5)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"num_heads": 5}, "num_heads must divide d_model, 64; got 5"),
        ({"num_heads": 0}, "must be positive"),
        ({"num_layers": -1}, "num_layers must be positive"),
        ({"d_model": 64.0}, "d_model must be an integer; got float"),
        ({"linear_kv_heads": 3}, "linear_kv_heads must divide linear_heads, 4; got 3"),
        ({"linear_head_dim": 7}, "linear_head_dim must be even with linear_rope; got 7"),
        ({"sparse_layers": (0, 8)}, "sparse_layers must hold indices below num_layers, 8; got 8"),
    ],
)
def test_bad_settings_are_named(change, text) -> None:
    with pytest.raises(ComposeKitError, match=f"^HybridConfig: .*{text}"):
        HybridConfig(**GOOD | change)


def test_bad_arguments_of_the_layer_are_named() -> None:
    with pytest.raises(ValueError, match=r"^LightningAttention: layer_idx must be from 0 to 7; got 8"):
        LightningAttention(HybridConfig(**GOOD), 8)
    with pytest.raises(TypeError, match=r"^LightningAttention: config must be a HybridConfig; got dict"):
        LightningAttention(GOOD, 0)
