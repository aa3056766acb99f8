"""From prompt to embeddings: invariances, guidance, the DeepGen preset."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from composekit import ComposeKitError
from composekit.bridge import BridgeOutput, HiddenStateTap, StackedChannelBridge

LAYERS = (4, 3, 1)
Q = 3


def bridge(seed: int = 5, **changes: Any) -> StackedChannelBridge:
    options: dict[str, Any] = {
        "layers": LAYERS, "num_tokens": Q, "width": 16, "depth": 2, "heads": 2, "mlp_dim": 24, "out_dim": 12,
        "pooled_dim": 6, **changes,
    }  # fmt: skip
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        return StackedChannelBridge(32, **options).double()


def ids(length: int, seed: int = 0) -> Tensor:
    return torch.randint(0, 90, (1, length), generator=torch.Generator().manual_seed(seed))


def padded(prompts: list[Tensor], side: str, width: int) -> tuple[Tensor, Tensor]:
    rows, masks = [], []
    for i, p in enumerate(prompts):
        pad = ids(width - p.shape[1], seed=50 + i)
        ones, zeros = torch.ones_like(p), torch.zeros_like(pad)
        rows.append(torch.cat([pad, p] if side == "left" else [p, pad], 1))
        masks.append(torch.cat([zeros, ones] if side == "left" else [ones, zeros], 1))
    return torch.cat(rows), torch.cat(masks)


def close(a: Tensor | None, b: Tensor | None) -> None:
    torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("rope", [False, True])
@pytest.mark.parametrize("emit", ["think", "all"])
@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_and_company_change_nothing(reader: nn.Module, side: str, emit: str, rope: bool) -> None:
    module = bridge(emit=emit, rope=rope)
    prompts = [ids(5), ids(2, seed=1), ids(7, seed=2)]
    alone = [module.encode(reader, input_ids=p) for p in prompts]
    for width in (7, 8, 13, 31):
        rows, mask = padded(prompts, side, width)
        together = module.encode(reader, input_ids=rows, attention_mask=mask)
        close(together.pooled, torch.cat([o.pooled for o in alone if o.pooled is not None]))
        for b, own in enumerate(alone):
            if emit == "think":
                assert together.mask is None
                close(together.embeds[b], own.embeds[0])
            else:
                assert together.mask is not None
                close(together.embeds[b, together.mask[b]], own.embeds[0])
                assert together.embeds[b, ~together.mask[b]].abs().sum() == 0


@pytest.mark.parametrize("emit", ["think", "all"])
def test_packed_is_separate_calls(reader: nn.Module, emit: str) -> None:
    module = bridge(emit=emit, rope=True)
    prompts = [ids(5), ids(1, seed=1), ids(7, seed=2)]
    alone = [module.encode(reader, input_ids=p) for p in prompts]
    cu = torch.tensor([0, 5, 6, 13], dtype=torch.int32)
    packed = module.encode(reader, input_ids=torch.cat(prompts, 1), cu_seqlens=cu)
    close(packed.pooled, torch.cat([o.pooled for o in alone if o.pooled is not None]))
    if emit == "think":
        assert packed.embeds.shape == (3, Q, 12)
        assert packed.cu_seqlens is None
        close(packed.embeds, torch.cat([o.embeds for o in alone]))
    else:
        assert packed.embeds.shape == (1, 13 + 3 * Q, 12)
        assert packed.cu_seqlens is not None
        assert packed.cu_seqlens.tolist() == [0, 8, 12, 22]
        assert packed.cu_seqlens.dtype == torch.int32
        close(packed.embeds[0], torch.cat([o.embeds[0] for o in alone]))
    assert packed.mask is None


@pytest.mark.parametrize("norm", ["none", "layer_rms", "joint_ln"])
@pytest.mark.parametrize("emit", ["think", "all"])
def test_poisoned_padding_reaches_neither_output_nor_gradient(emit: str, norm: str) -> None:
    module = bridge(emit=emit, norm=norm)
    mask = torch.tensor([[0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 1, 0]])
    index = torch.tensor([[3, 4, 5], [2, 3, 4]])
    generator = torch.Generator().manual_seed(0)
    taps = [torch.randn(2, 6, 32, generator=generator, dtype=torch.float64) for _ in LAYERS]

    def run(hiddens: list[Tensor]) -> list[Tensor]:
        hiddens = [h.clone().requires_grad_() for h in hiddens]
        out = module(hiddens, mask=mask, think_index=index)
        assert out.pooled is not None
        loss = out.embeds.square().sum() + out.pooled.square().sum()
        return [out.embeds, out.pooled, *torch.autograd.grad(loss, [*hiddens, *_used(module)])]

    clean = run(taps)
    for poison in (torch.nan, torch.inf, 1e300):
        dirty = run([torch.where(mask[..., None].bool(), h, poison) for h in taps])
        for a, b in zip(dirty, clean, strict=True):
            assert torch.equal(a, b)


def _used(module: StackedChannelBridge) -> list[nn.Parameter]:
    return [p for name, p in module.named_parameters() if not name.startswith("think")]


def test_nan_in_the_embeddings_of_padding(llama_reader: nn.Module) -> None:
    module = bridge()
    embeds = llama_reader.get_input_embeddings()(ids(6))
    mask = torch.tensor([[0, 0, 1, 1, 1, 1]])
    want = module.encode(llama_reader, inputs_embeds=embeds, attention_mask=mask)
    dirty = embeds.masked_fill(~mask.bool()[..., None], torch.nan)
    got = module.encode(llama_reader, inputs_embeds=dirty, attention_mask=mask)
    assert torch.equal(got.embeds, want.embeds)
    got.embeds.square().sum().backward()
    assert module.think.weight.grad is not None
    assert module.think.weight.grad.isfinite().all()


def test_the_whole_way_is_its_parts(reader: nn.Module) -> None:
    module, prompt = bridge(norm="joint_ln"), ids(5)
    out = module.encode(reader, input_ids=prompt)
    inputs = module.think.extend(reader.get_input_embeddings()(prompt))
    with HiddenStateTap(reader, LAYERS, "hook") as tap:
        reader(inputs_embeds=inputs.inputs_embeds, use_cache=False)
    x = torch.cat(tap.states, -1)
    x = F.layer_norm(x, x.shape[-1:], module.bridge.norm_weight, module.bridge.norm_bias, 1e-6)
    x = module.connector(F.linear(x, module.bridge.weight, module.bridge.bias))
    assert module.pooled_head is not None
    close(out.embeds, module.sequence_head(x[:, 5:]))
    close(out.pooled, module.pooled_head(x.mean(1)))
    every = bridge(norm="joint_ln", emit="all").encode(reader, input_ids=prompt)
    close(every.embeds[:, 5:], out.embeds)
    assert every.mask is not None
    assert every.mask.all()
    assert every.mask.shape == (1, 8)


def test_a_cached_prompt_serves_several_bridges(make_reader: Callable[[str], nn.Module]) -> None:
    model = make_reader("llama").double().eval().requires_grad_(False)
    prompt, mask = padded([ids(5), ids(3, seed=1)], "left", 6)
    positions = (mask.cumsum(-1) - 1).clamp(min=0)
    for emit in ("think", "all"):
        with HiddenStateTap(model, LAYERS) as tap:
            output = model(input_ids=prompt, attention_mask=mask, position_ids=positions, use_cache=True)
        for seed in (1, 2):
            module = bridge(seed, emit=emit)
            want = module.encode(model, input_ids=prompt, attention_mask=mask)
            got = module.encode(
                model, attention_mask=mask, past_key_values=output.past_key_values, prompt_states=tap.states
            )
            close(got.embeds, want.embeds)
            close(got.pooled, want.pooled)
        with pytest.raises(ValueError, match="prompt_states must come with past_key_values"):
            module.encode(model, attention_mask=mask, past_key_values=output.past_key_values)


def test_the_null_embedding_does_not_depend_on_its_company(reader: nn.Module) -> None:
    module = bridge(emit="all")
    null = module.encode(reader, input_ids=ids(1, seed=8))
    cond = module.encode(reader, input_ids=ids(6))
    both = BridgeOutput.batch([null, cond])
    assert both.mask is not None
    assert both.mask.tolist() == [[True] * 4 + [False] * 5, [True] * 9]
    assert torch.equal(both.embeds[0, :4], null.embeds[0])
    rows, mask = padded([ids(1, seed=8), ids(6)], "left", 6)
    jointly = module.encode(reader, input_ids=rows, attention_mask=mask)
    assert jointly.mask is not None
    close(jointly.embeds[0, jointly.mask[0]], null.embeds[0])


@pytest.mark.parametrize("emit", ["think", "all"])
def test_dropping_the_condition(reader: nn.Module, emit: str) -> None:
    module = bridge(emit=emit, learn_null=True)
    assert module.null_embeds is not None
    with torch.no_grad():
        module.null_embeds.normal_()
    rows, mask = padded([ids(5), ids(3, seed=1)], "left", 5)
    cond = module.encode(reader, input_ids=rows, attention_mask=mask)
    assert cond.pooled is not None
    drop = torch.tensor([False, True])
    for null in (module.null(), module.encode(reader, input_ids=ids(1, seed=8))):
        mixed = cond.drop(drop, null)
        assert mixed.pooled is not None
        assert null.pooled is not None
        n = null.embeds.shape[1]
        assert torch.equal(mixed.embeds[1, :n], null.embeds[0])
        assert torch.equal(mixed.embeds[0, : cond.embeds.shape[1]], cond.embeds[0])
        assert torch.equal(mixed.pooled[1], null.pooled[0])
        assert torch.equal(mixed.pooled[0], cond.pooled[0])
        if emit == "think":
            assert mixed.mask is None
        else:
            assert mixed.mask is not None
            assert mixed.mask[1].tolist() == [True] * n + [False] * (mixed.mask.shape[1] - n)
            assert torch.equal(mixed.mask[0, : cond.embeds.shape[1]], cond.real()[0])
    # a dropped prompt gets exactly no gradient, the null embedding all of it
    everything = cond.drop(torch.tensor([True, True]), module.null())
    everything.embeds.sum().backward()
    assert module.null_embeds.grad is not None
    assert module.think.weight.grad is None or module.think.weight.grad.abs().sum() == 0
    with pytest.raises(ValueError, match="learn_null"):
        bridge().null()


def test_zero_heads_start_silent(reader: nn.Module) -> None:
    module = bridge(zero_init_heads=True)
    out = module.encode(reader, input_ids=ids(5))
    assert out.pooled is not None
    assert out.embeds.abs().sum() == 0
    assert out.pooled.abs().sum() == 0
    ((out.embeds - 1).square().sum() + (out.pooled - 1).square().sum()).backward()
    assert module.think.weight.grad is not None
    assert module.think.weight.grad.abs().sum() == 0  # exactly
    assert module.sequence_head.weight.grad is not None
    assert module.sequence_head.weight.grad.abs().sum() > 0
    with torch.no_grad():  # and after one step it flows
        module.sequence_head.weight -= 0.1 * module.sequence_head.weight.grad
    module.zero_grad()
    (module.encode(reader, input_ids=ids(5)).embeds - 1).square().sum().backward()
    assert module.think.weight.grad.abs().sum() > 0


@pytest.mark.parametrize("place", range(len(LAYERS)))
def test_gradient_reaches_the_think_tokens_through_each_tap_alone(reader: nn.Module, place: int) -> None:
    module = bridge(norm="none")
    with torch.no_grad():
        kept = module.bridge.weight.unflatten(-1, (3, -1))[:, place].clone()
        module.bridge.weight.zero_()
        module.bridge.weight.unflatten(-1, (3, -1))[:, place] = kept
    module.encode(reader, input_ids=ids(5)).embeds.square().sum().backward()
    assert module.think.weight.grad is not None
    assert (module.think.weight.grad.abs().sum(1) > 0).all()


@pytest.mark.parametrize("reentrant", [True, False])
def test_same_gradients_with_checkpointing_everywhere(make_reader: Callable[[str], nn.Module], reentrant: bool) -> None:
    model = make_reader("llama").double().train().requires_grad_(False)

    def gradients(on: bool) -> dict[str, Tensor]:
        module = bridge().train()
        module.connector.gradient_checkpointing = on
        module.encode(model, input_ids=ids(5)).embeds.square().sum().backward()
        return {n: p.grad for n, p in module.named_parameters() if p.grad is not None}

    want = gradients(False)
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": reentrant})
    got = gradients(True)
    assert got.keys() == want.keys()
    for name, grad in got.items():
        torch.testing.assert_close(grad, want[name], rtol=1e-11, atol=1e-12)


# --- DeepGen -------------------------------------------------------------------------------------------------------------


def test_the_preset_has_the_papers_sizes() -> None:
    with torch.device("meta"):
        module = StackedChannelBridge.deepgen()

    def count(part: nn.Module | None) -> int:
        assert part is not None
        return sum(p.numel() for p in part.parameters())

    assert count(module) == 432_449_532
    assert count(module.think) == 262_144
    assert count(module.bridge) == 25_167_872
    assert count(module.pooled_head) == 4_196_352
    assert count(module.sequence_head) == 8_392_704
    assert count(module.connector) == 394_430_460
    assert module.layers == (35, 29, 23, 17, 11, 5)
    assert (module.emit, module.bridge.norm, module.bridge.layout) == ("all", "none", "layer_major")


def release(width: int = 16, blocks: int = 2, q: int = Q) -> dict[str, Tensor]:
    """A state dict with the names of the release, tiny."""
    generator = torch.Generator().manual_seed(0)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64) / 4

    state = {"meta_queries": draw(q, 32)}
    for name, out, inner in (("projector_1", width, 96), ("projector_2", 6, width), ("projector_3", 12, width)):
        state |= {f"{name}.weight": draw(out, inner), f"{name}.bias": draw(out)}
    for i in range(blocks):
        start = f"connector.layers.{i}."
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            state |= {
                f"{start}self_attn.{name}.weight": draw(width, width),
                f"{start}self_attn.{name}.bias": draw(width),
            }
        for name in ("layer_norm1", "layer_norm2"):
            state |= {f"{start}{name}.weight": 1 + draw(width), f"{start}{name}.bias": draw(width)}
        state |= {f"{start}mlp.fc1.weight": draw(24, width), f"{start}mlp.fc1.bias": draw(24)}
        state |= {f"{start}mlp.fc2.weight": draw(width, 24), f"{start}mlp.fc2.bias": draw(width)}
    return state


def as_released(state: dict[str, Tensor], taps: list[Tensor]) -> tuple[Tensor, Tensor]:
    """What the release computes, written out by hand on input without padding."""
    x = F.linear(torch.cat(taps, -1), state["projector_1.weight"], state["projector_1.bias"])
    for i in range(2):
        start = f"connector.layers.{i}."

        def linear(y: Tensor, name: str, start: str = start) -> Tensor:
            return F.linear(y, state[f"{start}{name}.weight"], state[f"{start}{name}.bias"])

        def norm(y: Tensor, name: str, start: str = start) -> Tensor:
            return F.layer_norm(y, y.shape[-1:], state[f"{start}{name}.weight"], state[f"{start}{name}.bias"], 1e-6)

        y = norm(x, "layer_norm1")
        q, k, v = (linear(y, f"self_attn.{n}_proj").unflatten(-1, (2, -1)).transpose(1, 2) for n in "qkv")
        read = torch.softmax(q @ k.mT / q.shape[-1] ** 0.5, -1) @ v
        x = x + linear(read.transpose(1, 2).flatten(-2), "self_attn.out_proj")
        x = x + linear(F.gelu(linear(norm(x, "layer_norm2"), "mlp.fc1"), approximate="tanh"), "mlp.fc2")
    pooled = F.linear(x.mean(1), state["projector_2.weight"], state["projector_2.bias"])
    return F.linear(x, state["projector_3.weight"], state["projector_3.bias"]), pooled


def tiny_deepgen(**changes: Any) -> StackedChannelBridge:
    options = {"norm": "none", "emit": "all", "zero_init_heads": True, "final_norm": False, **changes}
    return bridge(**options)


def test_the_release_loads_and_computes_the_same() -> None:
    state = release()
    module = tiny_deepgen()
    assert module.load_deepgen({**state, "lmm.x": torch.zeros(1), "transformer.y": torch.zeros(1)}) is module
    taps = [torch.randn(2, 5, 32, dtype=torch.float64) for _ in LAYERS]
    out = module(taps)
    embeds, pooled = as_released(state, taps)
    close(out.embeds, embeds)
    close(out.pooled, pooled)
    assert torch.equal(module.think.weight, state["meta_queries"])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"projector_4.weight": torch.zeros(1)}, "unknown .'projector_4"),
        ({"projector_1.bias": None}, "missing .'projector_1.bias"),
        ({"projector_1.weight": torch.zeros(16, 95)}, "projector_1.weight must have shape"),
    ],
)
def test_other_state_dicts_are_refused(change: dict[str, Any], text: str) -> None:
    state = {k: v for k, v in {**release(), **change}.items() if v is not None}
    with pytest.raises(ValueError, match=f"^load_deepgen: .*{text}"):
        tiny_deepgen().load_deepgen(state)
    with pytest.raises(ValueError, match="bridge must have norm='none'"):
        bridge().load_deepgen(release())


# --- readers and bad input -----------------------------------------------------------------------------------------------


def test_another_reader_is_noticed(make_reader: Callable[[str], nn.Module]) -> None:
    module, first = bridge(), make_reader("llama").double()
    assert (module.reader_name, module.reader_depth) == (None, None)
    module.encode(first, input_ids=ids(3))
    assert module.reader_depth == 4
    assert module.reader_name is not None
    module.encode(make_reader("llama").double(), input_ids=ids(3))
    with pytest.raises(ValueError, match="model must be the reader on record"):
        module.encode(make_reader("qwen2").double(), input_ids=ids(3))
    named = make_reader("llama").double()
    named.config._name_or_path = named.name_or_path = "lab/reader-a"
    other = bridge(reader_name="lab/reader-b")
    with pytest.raises(ValueError, match="reader on record, lab/reader-b; got lab/reader-a"):
        other.encode(named, input_ids=ids(3))
    bridge(reader_name="/models/reader-a").encode(named, input_ids=ids(3))


def test_a_reader_of_another_size_is_refused(make_reader: Callable[[str], nn.Module]) -> None:
    from transformers import LlamaConfig, LlamaModel

    def sized(width: int, depth: int) -> nn.Module:
        config = LlamaConfig(
            vocab_size=96, hidden_size=width, intermediate_size=16, num_hidden_layers=depth, num_attention_heads=2,
            num_key_value_heads=1,
        )  # fmt: skip
        return LlamaModel(config).double()

    with pytest.raises(ValueError, match="model must have 32 channels") as caught:
        bridge().encode(sized(16, 4), input_ids=ids(3))
    assert isinstance(caught.value, ComposeKitError)
    with pytest.raises(ValueError, match="layers must lie between -4 and 3"):
        bridge().encode(sized(32, 3), input_ids=ids(3))
    with pytest.raises(ValueError, match="model must have 4 layers, as on record; got 5"):
        bridge(reader_depth=4).encode(sized(32, 5), input_ids=ids(3))


def test_a_model_without_a_head_and_negative_layers(make_reader: Callable[[str], nn.Module]) -> None:
    model = make_reader("llama").double().eval()
    want = bridge().encode(model, input_ids=ids(4))
    for layers in (LAYERS, (-1, -2, -4)):
        assert torch.equal(bridge(layers=layers).encode(model.model, input_ids=ids(4)).embeds, want.embeds)


MAKE: list[tuple[dict[str, Any], str]] = [
    ({"num_tokens": 0}, "num_tokens must be at least 1 with emit='think'"),
    ({"emit": "some"}, "emit must be"),
    ({"layers": ()}, "layers must name at least one"),
    ({"layers": (5,), "reader_depth": 4}, "layers must lie between"),
]


@pytest.mark.parametrize(("change", "text"), MAKE, ids=lambda x: str(x)[:40])
def test_bad_options_are_named(change: dict[str, Any], text: str) -> None:
    with pytest.raises(ValueError, match=f"^StackedChannelBridge: {text}"):
        bridge(**change)


def test_bad_input_is_named() -> None:
    module = bridge()
    taps = [torch.zeros(1, 5, 32).double()] * 3
    mask, cu = torch.ones(1, 5, dtype=torch.bool), torch.tensor([0, 2, 5], dtype=torch.int32)
    with pytest.raises(ValueError, match="hold 3 taps; got 2"):
        module(taps[:2])
    with pytest.raises(ValueError, match=r"have shape \[B, T, 32\]"):
        module([h[..., :16] for h in taps])
    with pytest.raises(ValueError, match="mask must be None on packed rows"):
        module(taps, mask=mask, cu_seqlens=cu)
    with pytest.raises(ValueError, match=r"think_index must have shape \[1, 3\]"):
        module(taps)
    with pytest.raises(ValueError, match=r"think_index must have shape \[2, 3\]"):
        module(taps, cu_seqlens=cu, think_index=torch.zeros(1, 3, dtype=torch.long))
    with pytest.raises(ValueError, match="mask must have shape"):
        module(taps, mask=mask[:, :4])


def test_an_all_ones_mask_on_packed_rows_is_explained(reader: nn.Module) -> None:
    cu = torch.tensor([0, 2, 5], dtype=torch.int32)
    with pytest.raises(ValueError, match="packed samples read each other"):
        bridge().encode(reader, input_ids=ids(5), attention_mask=torch.ones(1, 5).long(), cu_seqlens=cu)


def test_without_think_tokens_every_position_is_emitted(reader: nn.Module) -> None:
    out = bridge(num_tokens=0, emit="all", pooled_dim=None).encode(reader, input_ids=ids(4))
    assert out.embeds.shape == (1, 4, 12)
    assert out.pooled is None


def test_parameter_groups_spare_the_think_tokens() -> None:
    module = bridge(learn_null=True)
    decay, free = module.parameter_groups(weight_decay=0.1)
    assert decay["weight_decay"] == 0.1
    assert free["weight_decay"] == 0.0
    assert any(p is module.think.weight for p in free["params"])
    assert any(p is module.null_embeds for p in free["params"])
    assert any(p is module.bridge.weight for p in decay["params"])
    assert all(p.ndim >= 2 for p in decay["params"])
    assert len(decay["params"]) + len(free["params"]) == len(list(module.parameters()))
    module.think.requires_grad_(False)
    assert not any(p is module.think.weight for g in module.parameter_groups(weight_decay=0.1) for p in g["params"])


def test_a_low_precision_reader_and_a_wide_bridge(make_reader: Callable[[str], nn.Module]) -> None:
    model = make_reader("llama").bfloat16().eval()
    out = bridge().float().encode(model, input_ids=ids(4))
    assert out.embeds.dtype == torch.float32
    low = bridge().bfloat16().encode(model, input_ids=ids(4))
    assert low.embeds.dtype == torch.bfloat16
    assert low.pooled is not None
    assert low.pooled.dtype == torch.bfloat16
    assert (low.embeds.float() - out.embeds).norm() / out.embeds.norm() < 0.03
