"""Think tokens stand at the true end of every prompt, read it, and leave it as it was."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from composekit import ComposeKitError
from composekit.bridge import HiddenStateTap, ThinkTokens

Q, D = 3, 32
LAYERS = (4, 3, 1)


def think(tokens: int = Q, dim: int = D) -> ThinkTokens:
    torch.manual_seed(3)
    return ThinkTokens(tokens, dim).double()


def ids(length: int, seed: int = 0) -> Tensor:
    return torch.randint(0, 90, (1, length), generator=torch.Generator().manual_seed(seed))


@given(st.lists(st.integers(0, 5), min_size=1, max_size=4), st.integers(0, 3), st.booleans(), st.integers(0, 3))
def test_places_positions_and_masks(lengths: list[int], more: int, left: bool, q: int) -> None:
    tokens, width = ThinkTokens(q, 2), max(lengths) + more
    with torch.no_grad():
        tokens.weight.copy_(torch.arange(1, q + 1)[:, None].expand(-1, 2) * -1.0)
    embeds = torch.full((len(lengths), width, 2), torch.nan)
    mask = torch.zeros(len(lengths), width, dtype=torch.long)
    for b, n in enumerate(lengths):
        real = slice(width - n, width) if left else slice(0, n)
        embeds[b, real] = torch.arange(10.0, 10 + n)[:, None]
        mask[b, real] = 1
    got = tokens.extend(embeds, mask)
    assert got.inputs_embeds.shape == (len(lengths), width + q, 2)
    assert got.attention_mask is not None
    for b, n in enumerate(lengths):
        sequence = [*range(10, 10 + n), *range(-1, -q - 1, -1)]
        row = got.attention_mask[b]
        assert got.inputs_embeds[b, row, 0].tolist() == sequence
        assert got.position_ids[b, row].tolist() == list(range(n + q))
        assert got.inputs_embeds[b, ~row].abs().sum() == 0
        assert got.inputs_embeds[b, got.think_index[b], 0].tolist() == sequence[n:]


@given(st.lists(st.integers(0, 4), min_size=1, max_size=4), st.integers(0, 3))
def test_packed_places_and_positions(lengths: list[int], q: int) -> None:
    tokens = ThinkTokens(q, 2)
    total = sum(lengths)
    cu = torch.tensor([0, *torch.tensor(lengths).cumsum(0).tolist()], dtype=torch.int32)
    embeds = torch.arange(total, dtype=torch.float32).view(1, -1, 1).expand(1, -1, 2)
    axes = torch.stack([torch.arange(total), torch.arange(total) * 2])[:, None]
    got, given_positions = tokens.extend(embeds, cu_seqlens=cu), tokens.extend(embeds, None, axes, cu)
    assert got.attention_mask is None
    assert got.cu_seqlens is not None
    assert got.cu_seqlens.dtype == torch.int32
    assert got.cu_seqlens.tolist() == [int(c) + i * q for i, c in enumerate(cu)]
    for i, n in enumerate(lengths):
        row = slice(int(got.cu_seqlens[i]), int(got.cu_seqlens[i + 1]))
        assert got.position_ids[0, row].tolist() == list(range(n + q))
        assert got.inputs_embeds[0, row][:n].tolist() == embeds[0, cu[i] : cu[i + 1]].tolist()
        assert torch.equal(got.inputs_embeds[0, got.think_index[i]], tokens.weight)
        assert got.think_index[i].tolist() == list(range(row.stop - q, row.stop))
        own = axes[:, 0, cu[i] : cu[i + 1]]
        start = int(own.max()) + 1 if n else 0
        assert given_positions.position_ids[:, 0, row][:, :n].tolist() == own.tolist()
        assert given_positions.position_ids[:, 0, row][:, n:].tolist() == [list(range(start, start + q))] * 2


def test_given_positions_go_on_from_their_maximum_over_all_axes() -> None:
    axes = torch.tensor([[[0, 1, 2, 9]], [[0, 5, 1, 9]], [[0, 1, 7, 9]]])
    mask = torch.tensor([[1, 1, 1, 0]])
    got = ThinkTokens(2, 4).extend(torch.zeros(1, 4, 4), mask, axes)
    assert got.position_ids[:, 0].tolist() == [[0, 1, 2, 8, 9, 9], [0, 5, 1, 8, 9, 9], [0, 1, 7, 8, 9, 9]]
    flat = ThinkTokens(2, 4).extend(torch.zeros(1, 4, 4), mask, axes[0])
    assert flat.position_ids.tolist() == [[0, 1, 2, 3, 4, 9]]


def test_initialisation_and_low_precision() -> None:
    torch.manual_seed(0)
    assert ThinkTokens(128, 2048).weight.std().item() == pytest.approx(2048**-0.5, rel=0.02)
    assert ThinkTokens(128, 2048, init_std=0.5).weight.std().item() == pytest.approx(0.5, rel=0.02)
    assert ThinkTokens(2, 4).extend(torch.zeros(1, 3, 4, dtype=torch.bfloat16)).inputs_embeds.dtype == torch.bfloat16


def test_prompt_states_are_those_without_think_tokens(reader: nn.Module) -> None:
    prompt = ids(6)
    want = reader(input_ids=prompt, output_hidden_states=True).hidden_states
    states, inputs = think().run(reader, LAYERS, input_ids=prompt)
    assert inputs.inputs_embeds.shape == (1, 9, D)
    for k, state in zip(LAYERS, states, strict=True):
        torch.testing.assert_close(state[:, :6], want[k], rtol=1e-13, atol=1e-13)


def test_think_token_j_changes_itself_and_later_ones_alone(reader: nn.Module) -> None:
    tokens, prompt = think(), ids(5)
    before, _ = tokens.run(reader, LAYERS, input_ids=prompt)
    for j in range(Q):
        moved = think()
        with torch.no_grad():
            moved.weight[j] += 1
        after, _ = moved.run(reader, LAYERS, input_ids=prompt)
        for a, b in zip(after, before, strict=True):
            changed = (a - b).abs().amax(-1)[0] > 1e-12
            assert changed.tolist() == [p >= 5 + j for p in range(5 + Q)]


@pytest.mark.parametrize("side", ["left", "right"])
def test_padding_reaches_no_state(reader: nn.Module, side: str) -> None:
    tokens, prompt = think(), ids(5)
    want, _ = tokens.run(reader, LAYERS, input_ids=prompt)
    for pads in (1, 6, 24):
        pad, zeros, ones = ids(pads, seed=9), torch.zeros(1, pads, dtype=torch.long), torch.ones(1, 5, dtype=torch.long)
        order = (lambda a, b: [a, b]) if side == "left" else (lambda a, b: [b, a])
        padded, mask = torch.cat(order(pad, prompt), 1), torch.cat(order(zeros, ones), 1)
        states, inputs = tokens.run(reader, LAYERS, input_ids=padded, attention_mask=mask)
        assert inputs.attention_mask is not None
        for got, expected in zip(states, want, strict=True):
            torch.testing.assert_close(got[inputs.attention_mask], expected[0], rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("layer", LAYERS)
def test_think_tokens_get_gradient_through_each_tap_alone(reader: nn.Module, layer: int) -> None:
    tokens = think()
    states, inputs = tokens.run(reader, (layer,), input_ids=ids(5))
    states[0][0, inputs.think_index[0]].square().sum().backward()
    assert tokens.weight.grad is not None
    assert (tokens.weight.grad.abs().sum(1) > 0).all()


@pytest.mark.parametrize("reentrant", [True, False])
def test_same_gradients_with_checkpointing(make_reader: Callable[[str], nn.Module], reentrant: bool) -> None:
    model = make_reader("qwen2").double().train().requires_grad_(False)

    def gradient() -> Tensor:
        tokens = think()
        states, _ = tokens.run(model, LAYERS, input_ids=ids(5))
        sum(s.square().sum() for s in states).backward()
        return tokens.weight.grad

    want = gradient()
    model.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": reentrant})
    torch.testing.assert_close(gradient(), want, rtol=1e-12, atol=1e-12)


def test_packed_samples_are_separate_calls(reader: nn.Module) -> None:
    tokens, prompts = think(), [ids(n, seed=n) for n in (4, 1, 6)]
    cu = torch.tensor([0, 4, 5, 11], dtype=torch.int32)
    states, inputs = tokens.run(reader, LAYERS, input_ids=torch.cat(prompts, 1), cu_seqlens=cu)
    assert inputs.cu_seqlens is not None
    apart = [tokens.run(reader, LAYERS, input_ids=p)[0] for p in prompts]
    for i, state in enumerate(states):
        torch.testing.assert_close(state[0], torch.cat([s[i][0] for s in apart]), rtol=1e-10, atol=1e-10)


def test_a_reader_that_mixes_packed_samples_is_refused() -> None:
    from transformers import OPTConfig, OPTForCausalLM

    config = OPTConfig(
        vocab_size=96, hidden_size=D, ffn_dim=48, num_hidden_layers=2, num_attention_heads=4, word_embed_proj_dim=D,
        max_position_embeddings=64, attn_implementation="sdpa",
    )  # fmt: skip
    model = OPTForCausalLM(config).double().eval().requires_grad_(False)
    before = sum(len(m._forward_pre_hooks) for m in model.modules())
    cu = torch.tensor([0, 4, 9], dtype=torch.int32)
    with pytest.raises(ValueError, match="lets packed samples read each other; got OPTDecoder"):
        think().run(model, (2, 1), input_ids=ids(9), cu_seqlens=cu)
    assert sum(len(m._forward_pre_hooks) for m in model.modules()) == before
    one = think().run(model, (2, 1), input_ids=ids(9), cu_seqlens=torch.tensor([0, 9]))[
        0
    ]  # a single sample has no neighbour
    torch.testing.assert_close(one, think().run(model, (2, 1), input_ids=ids(9))[0])


def cached(model: nn.Module, prompt: Tensor, mask: Tensor | None = None) -> Any:
    positions = None if mask is None else (mask.cumsum(-1) - 1).clamp(min=0)
    return model(input_ids=prompt, attention_mask=mask, position_ids=positions, use_cache=True).past_key_values


@pytest.mark.parametrize("name", ["llama", "qwen2"])
@pytest.mark.parametrize("pads", [0, 3])
def test_prefix_with_cache_then_think_many_times(make_reader: Callable[[str], nn.Module], name: str, pads: int) -> None:
    model = make_reader(name).double().eval().requires_grad_(False)
    prompt = ids(6 + pads)
    mask = torch.cat([torch.zeros(1, pads, dtype=torch.long), torch.ones(1, 6, dtype=torch.long)], 1) if pads else None
    cache = cached(model, prompt, mask)
    for seed in (0, 1):  # several bridges on one prompt
        torch.manual_seed(seed)
        tokens = ThinkTokens(Q, D).double()
        want, _ = tokens.run(model, LAYERS, input_ids=prompt, attention_mask=mask)
        got, inputs = tokens.run(model, LAYERS, attention_mask=mask, past_key_values=cache)
        assert inputs.think_index.tolist() == [[0, 1, 2]]
        assert inputs.position_ids.tolist() == [[6, 7, 8]]
        for a, b in zip(got, want, strict=True):
            torch.testing.assert_close(a, b[:, -Q:], rtol=1e-12, atol=1e-12)
    assert cache.get_seq_length() == 6 + pads
    rest = torch.cat([torch.ones(1, 6 + pads, dtype=torch.long) if mask is None else mask, torch.ones(1, 1).long()], 1)
    step = {"attention_mask": rest, "position_ids": torch.tensor([[6]])}
    after = model(input_ids=ids(1, seed=5), past_key_values=cache, **step).logits
    fresh = model(input_ids=ids(1, seed=5), past_key_values=cached(model, prompt, mask), **step).logits
    torch.testing.assert_close(after, fresh, rtol=0, atol=0)


def test_generation_goes_on_as_if_nothing_had_happened(make_reader: Callable[[str], nn.Module]) -> None:
    model = make_reader("llama").double().eval().requires_grad_(False)
    prompt = ids(6)
    options = {"max_new_tokens": 8, "do_sample": False, "pad_token_id": 0}
    want = model.generate(prompt, attention_mask=torch.ones_like(prompt), **options)
    cache = cached(model, prompt[:, :-1])
    think().run(model, LAYERS, past_key_values=cache)
    got = model.generate(prompt, attention_mask=torch.ones_like(prompt), past_key_values=cache, **options)
    assert torch.equal(got, want)


def test_new_prompt_tokens_stay_in_the_cache(llama_reader: nn.Module) -> None:
    prompt, tokens = ids(7), think()
    want, _ = tokens.run(llama_reader, LAYERS, input_ids=prompt)
    cache = cached(llama_reader, prompt[:, :4])
    got, _ = tokens.run(llama_reader, LAYERS, input_ids=prompt[:, 4:], past_key_values=cache)
    assert cache.get_seq_length() == 7
    for a, b in zip(got, want, strict=True):
        torch.testing.assert_close(a, b[:, 4:], rtol=1e-12, atol=1e-12)


def test_a_window_gives_back_what_it_forgot() -> None:
    from transformers import MistralConfig, MistralForCausalLM

    config = MistralConfig(
        vocab_size=96, hidden_size=D, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4,
        num_key_value_heads=2, sliding_window=4, attn_implementation="sdpa",
    )  # fmt: skip
    model = MistralForCausalLM(config).double().eval().requires_grad_(False)
    prompt, tokens = ids(9), think()
    cache, fresh = cached(model, prompt), cached(model, prompt)
    want, _ = tokens.run(model, (2, 1), input_ids=prompt)
    got, _ = tokens.run(model, (2, 1), past_key_values=cache)
    for a, b in zip(got, want, strict=True):
        torch.testing.assert_close(a, b[:, -Q:], rtol=1e-12, atol=1e-12)
    step = {"position_ids": torch.tensor([[9]])}
    a = model(input_ids=ids(1), past_key_values=cache, **step).logits
    b = model(input_ids=ids(1), past_key_values=fresh, **step).logits
    assert torch.equal(a, b)


def picture(vlm: nn.Module, before: int, after: int, seed: int = 0) -> dict[str, Tensor]:
    """A prompt with an image of 4 x 8 patches, 8 tokens after merging, in it."""
    text = ids(before + after, seed)
    image = torch.full((1, 8), vlm.config.image_token_id)
    generator = torch.Generator().manual_seed(seed)
    kinds = torch.cat([torch.zeros(1, before), torch.ones(1, 8), torch.zeros(1, after)], 1).int()
    return {
        "input_ids": torch.cat([text[:, :before], image, text[:, before:]], 1),
        "pixel_values": torch.randn(32, 3 * 2 * 4 * 4, generator=generator, dtype=torch.float64),
        "image_grid_thw": torch.tensor([[1, 4, 8]]),
        "mm_token_type_ids": kinds,
    }


def test_a_picture_in_the_prompt(vlm: nn.Module) -> None:
    inputs = picture(vlm, 3, 2)
    want = vlm(**inputs, output_hidden_states=True, use_cache=False).hidden_states
    tokens = think()
    states, run = tokens.run(vlm, LAYERS, **inputs)
    for k, state in zip(LAYERS, states, strict=True):
        torch.testing.assert_close(state[:, :13], want[k], rtol=1e-12, atol=1e-12)
    assert run.position_ids.shape == (3, 1, 16)
    highest = int(run.position_ids[..., :13].max())
    assert run.position_ids[:, 0, 13:].tolist() == [list(range(highest + 1, highest + 1 + Q))] * 3
    # the placeholders are found without token types as well
    without = {k: v for k, v in inputs.items() if k != "mm_token_type_ids"}
    again, other = tokens.run(vlm, LAYERS, **without)
    assert torch.equal(other.position_ids, run.position_ids)
    assert torch.equal(again[0], states[0])


@pytest.mark.parametrize("side", ["left", "right"])
def test_pictures_under_padding_and_packing(vlm: nn.Module, side: str) -> None:
    tokens = think()
    samples = [picture(vlm, 3, 2), picture(vlm, 1, 6, seed=1)]
    apart = [tokens.run(vlm, LAYERS, **s)[0] for s in samples]
    width = max(s["input_ids"].shape[1] for s in samples) + 2

    def pad(x: Tensor) -> Tensor:
        zeros = x.new_zeros(1, width - x.shape[1])
        return torch.cat([zeros, x] if side == "left" else [x, zeros], 1)

    together = {
        "input_ids": torch.cat([pad(s["input_ids"]) for s in samples]),
        "attention_mask": torch.cat([pad(torch.ones_like(s["input_ids"])) for s in samples]),
        "mm_token_type_ids": torch.cat([pad(s["mm_token_type_ids"]) for s in samples]),
        "pixel_values": torch.cat([s["pixel_values"] for s in samples]),
        "image_grid_thw": torch.cat([s["image_grid_thw"] for s in samples]),
    }
    states, inputs = tokens.run(vlm, LAYERS, **together)
    assert inputs.attention_mask is not None
    for i, state in enumerate(states):
        for b in range(2):
            torch.testing.assert_close(state[b, inputs.attention_mask[b]], apart[b][i][0], rtol=1e-10, atol=1e-10)
    lengths = [s["input_ids"].shape[1] for s in samples]
    packed = {name: torch.cat([s[name] for s in samples], 1) for name in ("input_ids", "mm_token_type_ids")}
    packed |= {name: together[name] for name in ("pixel_values", "image_grid_thw")}
    cu = torch.tensor([0, lengths[0], sum(lengths)], dtype=torch.int32)
    states, _ = tokens.run(vlm, LAYERS, **packed, cu_seqlens=cu)
    for i, state in enumerate(states):
        torch.testing.assert_close(state[0], torch.cat([a[i][0] for a in apart]), rtol=1e-10, atol=1e-10)


def test_several_axes_need_ids(vlm: nn.Module) -> None:
    embeds = vlm.get_input_embeddings()(ids(4))
    with pytest.raises(ValueError, match="input_ids must be given to a reader with several position axes"):
        think().run(vlm, LAYERS, inputs_embeds=embeds)
    want, _ = think().run(vlm, LAYERS, input_ids=ids(4))
    got, _ = think().run(vlm, LAYERS, inputs_embeds=embeds, position_ids=torch.arange(4).expand(3, 1, -1))
    assert torch.equal(got[0], want[0])


def test_a_cached_prompt_of_several_axes_needs_its_positions(vlm: nn.Module) -> None:
    cache = cached(vlm, ids(5))
    with pytest.raises(ValueError, match="several position axes"):
        think().run(vlm, LAYERS, past_key_values=cache)
    want, _ = think().run(vlm, LAYERS, input_ids=ids(5))
    got, inputs = think().run(vlm, LAYERS, past_key_values=cache, position_ids=torch.arange(5).expand(3, 1, -1))
    assert inputs.position_ids.tolist() == [[[5, 6, 7]]] * 3
    torch.testing.assert_close(got[0], want[0][:, -Q:], rtol=1e-12, atol=1e-12)


def test_misspelt_and_contradictory_arguments(reader: nn.Module) -> None:
    run, prompt = think().run, ids(4)
    with pytest.raises(TypeError, match="unknown name pixel_value") as caught:
        run(reader, LAYERS, input_ids=prompt, pixel_value=None)
    assert isinstance(caught.value, ComposeKitError)
    with pytest.raises(ValueError, match="one of them; got both"):
        run(reader, LAYERS, input_ids=prompt, inputs_embeds=torch.zeros(1, 4, D))
    with pytest.raises(ValueError, match="one of them; got neither"):
        run(reader, LAYERS)
    cu = torch.tensor([0, 2, 4], dtype=torch.int32)
    with pytest.raises(ValueError, match="read each other"):
        run(reader, LAYERS, input_ids=prompt, attention_mask=torch.ones_like(prompt), cu_seqlens=cu)
    with pytest.raises(ValueError, match="layers must lie between"):
        run(reader, (9,), input_ids=prompt)


def test_right_padding_and_packing_refuse_a_cache(llama_reader: nn.Module) -> None:
    cache = cached(llama_reader, ids(4))
    with pytest.raises(ValueError, match="padding on the left where a cache is used"):
        think().run(llama_reader, LAYERS, attention_mask=torch.tensor([[1, 1, 1, 0]]), past_key_values=cache)
    cu = torch.tensor([0, 2, 4], dtype=torch.int32)
    with pytest.raises(ValueError, match="past_key_values must be left out for packed rows"):
        think().run(llama_reader, LAYERS, input_ids=ids(4), cu_seqlens=cu, past_key_values=cache)
    assert cache.get_seq_length() == 4


BAD: list[tuple[dict[str, Any], type[Exception], str]] = [
    (
        {"inputs_embeds": torch.zeros(1, 3, 5)},
        ValueError,
        "inputs_embeds must have shape .* the width of the think tokens",
    ),
    ({"inputs_embeds": torch.zeros(3, 4)}, ValueError, "inputs_embeds must have shape"),
    ({"attention_mask": torch.ones(1, 2).long()}, ValueError, "attention_mask must have shape"),
    ({"attention_mask": torch.ones(1, 3)}, TypeError, "attention_mask must be bool"),
    ({"position_ids": torch.zeros(1, 2).long()}, ValueError, "position_ids must have shape"),
    ({"position_ids": torch.zeros(1, 3)}, TypeError, "position_ids must be integers"),
    ({"cu_seqlens": torch.tensor([0, 2], dtype=torch.int32)}, ValueError, "cu_seqlens must rise from 0"),
    ({"cu_seqlens": torch.tensor([0, 2, 1, 3])}, ValueError, "cu_seqlens must rise from 0"),
    ({"cu_seqlens": torch.tensor([0.0, 3.0])}, TypeError, "cu_seqlens must be int32"),
    ({"cu_seqlens": torch.tensor([3])}, ValueError, "cu_seqlens must have shape"),
    (
        {"cu_seqlens": torch.tensor([0, 3]), "attention_mask": torch.ones(1, 3, dtype=torch.bool)},
        ValueError,
        "attention_mask must be None on packed rows",
    ),
]


@pytest.mark.parametrize(("change", "kind", "text"), BAD, ids=lambda x: str(x)[:50])
def test_bad_input_is_named(change: dict[str, Any], kind: type[Exception], text: str) -> None:
    arguments: dict[str, Any] = {"inputs_embeds": torch.zeros(1, 3, 4), **change}
    with pytest.raises(kind, match=f"^ThinkTokens: {text}") as caught:
        ThinkTokens(2, 4).extend(**arguments)
    assert isinstance(caught.value, ComposeKitError)


def test_a_batch_is_no_packed_row() -> None:
    with pytest.raises(ValueError, match="batch of one packed row"):
        ThinkTokens(2, 4).extend(torch.zeros(2, 3, 4), cu_seqlens=torch.tensor([0, 3]))
    with pytest.raises(ValueError, match="num_tokens and dim"):
        ThinkTokens(-1, 4)


def test_logits_are_not_computed_for_the_whole_prompt(llama_reader: nn.Module) -> None:
    shapes: list[Any] = []
    handle = llama_reader.lm_head.register_forward_hook(lambda m, a, out: shapes.append(out.shape[1]))
    think().run(llama_reader, LAYERS, input_ids=ids(5))
    handle.remove()
    assert shapes == [1]


def test_stop_early_gives_the_same_states(reader: nn.Module) -> None:
    want, _ = think().run(reader, (2, 1), input_ids=ids(5))
    got, _ = think().run(reader, (2, 1), input_ids=ids(5), stop_early=True)
    assert all(torch.equal(a, b) for a, b in zip(got, want, strict=True))


def test_the_tap_can_be_used_by_hand(llama_reader: nn.Module) -> None:
    tokens, prompt = think(), ids(5)
    inputs = tokens.extend(llama_reader.get_input_embeddings()(prompt))
    with HiddenStateTap(llama_reader, LAYERS) as tap:
        llama_reader(
            inputs_embeds=inputs.inputs_embeds,
            attention_mask=inputs.attention_mask,
            position_ids=inputs.position_ids,
        )
    want, _ = tokens.run(llama_reader, LAYERS, input_ids=prompt)
    torch.testing.assert_close(tap.states, want, rtol=1e-13, atol=1e-13)
