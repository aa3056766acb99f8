"""Bridge outputs in the real transformers of diffusers: masks pass on or are refused."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

pytest.importorskip("diffusers")

from composekit import ComposeKitError
from composekit.bridge import BridgeOutput, StackedChannelBridge
from composekit.integrations.diffusers import to_flux, to_qwen_image, to_sd3

DC, DP, IMAGE = 12, 8, 16


def sd3() -> nn.Module:
    from diffusers import SD3Transformer2DModel

    return SD3Transformer2DModel(
        sample_size=8, patch_size=2, in_channels=4, out_channels=4, num_layers=2, attention_head_dim=8,
        num_attention_heads=2, joint_attention_dim=DC, caption_projection_dim=16, pooled_projection_dim=DP,
        pos_embed_max_size=8,
    )  # fmt: skip


def flux() -> nn.Module:
    from diffusers import FluxTransformer2DModel

    return FluxTransformer2DModel(
        in_channels=4, num_layers=1, num_single_layers=1, attention_head_dim=8, num_attention_heads=2,
        joint_attention_dim=DC, pooled_projection_dim=DP, axes_dims_rope=(2, 2, 4),
    )  # fmt: skip


def qwen_image() -> nn.Module:
    from diffusers import QwenImageTransformer2DModel

    return QwenImageTransformer2DModel(
        in_channels=4, out_channels=4, num_layers=2, attention_head_dim=8, num_attention_heads=2,
        joint_attention_dim=DC, axes_dims_rope=(2, 2, 4),
    )  # fmt: skip


def frozen(model: nn.Module) -> nn.Module:
    for p in model.parameters():  # some parts start at zero, which would hide a wrong condition
        if p.abs().sum() == 0:
            nn.init.normal_(p, std=0.3)
    return model.double().eval().requires_grad_(False)


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def run_sd3(model: nn.Module, output: BridgeOutput) -> Tensor:
    batch = output.embeds.shape[0]
    x = draw(1, 4, 8, 8).expand(batch, -1, -1, -1)
    return model(x, timestep=torch.full((batch,), 0.5, dtype=torch.float64), **to_sd3(output)).sample


def run_flux(model: nn.Module, output: BridgeOutput) -> Tensor:
    batch = output.embeds.shape[0]
    x = draw(1, IMAGE, 4).expand(batch, -1, -1)
    where = torch.cartesian_prod(torch.arange(4.0), torch.arange(4.0)).double()
    ids = torch.cat([torch.zeros(IMAGE, 1), where], 1)
    time = torch.full((batch,), 0.5, dtype=torch.float64)
    return model(x, timestep=time, img_ids=ids, **to_flux(output, image_tokens=x)).sample


def run_qwen(model: nn.Module, output: BridgeOutput) -> Tensor:
    batch = output.embeds.shape[0]
    x = draw(1, IMAGE, 4).expand(batch, -1, -1)
    time = torch.full((batch,), 0.5, dtype=torch.float64)
    return model(x, timestep=time, img_shapes=[[(1, 4, 4)]] * batch, **to_qwen_image(output)).sample


RUNS: dict[str, tuple[Any, Any]] = {
    "sd3": (sd3, run_sd3),
    "flux": (flux, run_flux),
    "qwen-image": (qwen_image, run_qwen),
}


def plain(length: int = 5, batch: int = 1, seed: int = 0) -> BridgeOutput:
    return BridgeOutput(draw(batch, length, DC, seed=seed), None, draw(batch, DP, seed=seed), None)


def padded(output: BridgeOutput, side: str, pads: int) -> BridgeOutput:
    batch, length, _ = output.embeds.shape
    junk, real = draw(batch, pads, DC, seed=9), torch.ones(batch, length, dtype=torch.bool)
    parts, masks = [junk, output.embeds], [~real[:, :1].expand(-1, pads), real]
    if side == "right":
        parts, masks = parts[::-1], masks[::-1]
    return output._replace(embeds=torch.cat(parts, 1), mask=torch.cat(masks, 1))


@pytest.mark.parametrize("name", RUNS)
def test_the_generator_listens(name: str) -> None:
    make, run = RUNS[name]
    model = frozen(make())
    a, b = run(model, plain()), run(model, plain(seed=1))
    assert a.shape == b.shape
    assert (a - b).abs().max() > 1e-3


@pytest.mark.parametrize("side", ["left", "right"])
@pytest.mark.parametrize("name", ["flux", "qwen-image"])
def test_padding_changes_nothing(name: str, side: str) -> None:
    make, run = RUNS[name]
    model, want = frozen(make()), None
    want = run(model, plain())
    for pads in (1, 6):
        got = run(model, padded(plain(), side, pads))
        # diffusers casts parts of its own arithmetic to float32
        torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-6)
        broken = padded(plain(), side, pads)._replace(mask=None)
        assert (run(model, broken) - want).abs().max() > 1e-3  # and a mask that is dropped would show


def test_sd3_refuses_padding_because_it_would_attend_to_it() -> None:
    model = frozen(sd3())
    output = padded(plain(), "right", 3)
    with pytest.raises(ValueError, match=r"^to_sd3: output.mask must keep every position.*3 padded") as caught:
        to_sd3(output)
    assert isinstance(caught.value, ComposeKitError)
    full = plain()._replace(mask=torch.ones(1, 5, dtype=torch.bool))
    assert torch.equal(run_sd3(model, full), run_sd3(model, plain()))
    # the claim itself: the mask is accepted and ignored
    unmasked = {"encoder_hidden_states": output.embeds, "pooled_projections": output.pooled}
    x, time = draw(1, 4, 8, 8), torch.full((1,), 0.5, dtype=torch.float64)
    masked = {**unmasked, "joint_attention_kwargs": {"attention_mask": output.mask}}
    assert torch.equal(model(x, timestep=time, **masked).sample, model(x, timestep=time, **unmasked).sample)


def test_flux_needs_to_know_the_image() -> None:
    with pytest.raises(ValueError, match=r"^to_flux: image_tokens must be given"):
        to_flux(padded(plain(), "left", 1))
    assert "joint_attention_kwargs" not in to_flux(plain())
    by_count, by_tensor = (to_flux(padded(plain(), "left", 1), image_tokens=x) for x in (IMAGE, draw(1, IMAGE, 4)))
    mask = by_count["joint_attention_kwargs"]["attention_mask"]
    assert mask.shape == (1, 1, 1, 6 + IMAGE)
    assert torch.equal(mask, by_tensor["joint_attention_kwargs"]["attention_mask"])


@pytest.mark.parametrize("adapter", [to_sd3, to_flux, to_qwen_image])
def test_packed_rows_are_refused(adapter: Any) -> None:
    packed = plain()._replace(cu_seqlens=torch.tensor([0, 2, 5], dtype=torch.int32))
    with pytest.raises(ValueError, match="2 packed prompts"):
        adapter(packed)


@pytest.mark.parametrize("adapter", [to_sd3, to_flux])
def test_a_pooled_vector_is_needed(adapter: Any) -> None:
    with pytest.raises(ValueError, match="pooled_dim"):
        adapter(plain()._replace(pooled=None))


def reader() -> nn.Module:
    from transformers import Qwen2Config, Qwen2ForCausalLM

    config = Qwen2Config(
        vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=4, num_attention_heads=4,
        num_key_value_heads=2,
    )  # fmt: skip
    return Qwen2ForCausalLM(config).double().eval().requires_grad_(False)


@pytest.mark.parametrize(
    ("name", "emit"), [("sd3", "think"), ("flux", "all"), ("flux", "think"), ("qwen-image", "all")]
)
def test_from_prompt_to_generator_whatever_the_padding(name: str, emit: str) -> None:
    make, run = RUNS[name]
    model, text = frozen(make()), reader()
    bridge = StackedChannelBridge(
        32, layers=(3, 1), num_tokens=4, width=16, depth=1, heads=2, mlp_dim=24, out_dim=DC, pooled_dim=DP, emit=emit
    ).double()
    prompt = torch.randint(0, 64, (1, 5))
    want = run(model, bridge.encode(text, input_ids=prompt))
    rows = torch.cat([torch.zeros(1, 3, dtype=torch.long), prompt], 1)
    mask = torch.tensor([[0, 0, 0, 1, 1, 1, 1, 1]])
    got = run(model, bridge.encode(text, input_ids=rows, attention_mask=mask))
    torch.testing.assert_close(got, want, rtol=1e-5, atol=1e-6)
    got.square().sum().backward()
    assert bridge.think.weight.grad is not None
    assert (bridge.think.weight.grad.abs().sum(1) > 0).all()


@pytest.mark.parametrize("name", ["flux", "qwen-image"])
def test_guidance_in_one_batch_is_guidance_in_two(name: str) -> None:
    """Null and prompt of unlike lengths, put together after they were bridged."""
    make, run = RUNS[name]
    model, null, cond = frozen(make()), plain(2, seed=3), plain(6, seed=4)
    both = run(model, BridgeOutput.batch([null, cond]))
    torch.testing.assert_close(both[:1], run(model, null), rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(both[1:], run(model, cond), rtol=1e-5, atol=1e-6)
