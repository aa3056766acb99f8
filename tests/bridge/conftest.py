"""Tiny random readers, made from configurations: no downloads."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

DEPTH, WIDTH, VOCABULARY = 4, 32, 96
IMAGE, VISION_START, VISION_END = 91, 92, 93


def llama() -> nn.Module:
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        intermediate_size=48,
        num_hidden_layers=DEPTH,
        num_attention_heads=4,
        num_key_value_heads=2,
        attn_implementation="sdpa",
    )
    return LlamaForCausalLM(config)


def qwen2() -> nn.Module:
    from transformers import Qwen2Config, Qwen2ForCausalLM

    config = Qwen2Config(
        vocab_size=VOCABULARY,
        hidden_size=WIDTH,
        intermediate_size=48,
        num_hidden_layers=DEPTH,
        num_attention_heads=4,
        num_key_value_heads=2,
        attn_implementation="sdpa",
    )
    return Qwen2ForCausalLM(config)


def qwen25vl() -> nn.Module:
    from transformers import Qwen2_5_VLConfig, Qwen2_5_VLForConditionalGeneration

    config = Qwen2_5_VLConfig(
        text_config={
            "vocab_size": VOCABULARY,
            "hidden_size": WIDTH,
            "intermediate_size": 48,
            "num_hidden_layers": DEPTH,
            "num_attention_heads": 4,
            "num_key_value_heads": 2,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0, "mrope_section": [1, 1, 2]},
        },
        vision_config={
            "depth": 2,
            "hidden_size": 16,
            "intermediate_size": 16,
            "num_heads": 2,
            "out_hidden_size": WIDTH,
            "patch_size": 4,
            "window_size": 16,
            "fullatt_block_indexes": [1],
        },
        image_token_id=IMAGE,
        video_token_id=94,
        vision_start_token_id=VISION_START,
        vision_end_token_id=VISION_END,
        attn_implementation="sdpa",
    )
    return Qwen2_5_VLForConditionalGeneration(config)


MAKERS = {"llama": llama, "qwen2": qwen2, "qwen25vl": qwen25vl}
_MADE: dict[str, nn.Module] = {}


def made(name: str) -> nn.Module:
    """A reader in float64, frozen, made once for the session."""
    if name not in _MADE:
        with torch.random.fork_rng():
            torch.manual_seed(7)
            _MADE[name] = MAKERS[name]().double().eval().requires_grad_(False)
    return _MADE[name]


@pytest.fixture(params=sorted(MAKERS))
def reader(request: pytest.FixtureRequest) -> nn.Module:
    """Each reader in turn."""
    return made(request.param)


@pytest.fixture
def llama_reader() -> nn.Module:
    return made("llama")


@pytest.fixture
def vlm() -> nn.Module:
    return made("qwen25vl")


@pytest.fixture
def make_reader() -> Callable[[str], nn.Module]:
    """A fresh reader of the given kind, which the test may change."""

    def make(name: str) -> nn.Module:
        return MAKERS[name]()

    return make
