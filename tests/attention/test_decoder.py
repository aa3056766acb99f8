"""The whole decoder: what its parts are, that it learns, and that generation is the argmax of whole forward passes."""

from __future__ import annotations

import pytest
import torch
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.nn import functional as F

from composekit import ComposeKitError
from composekit._errors import ArgumentTypeError, ShapeError
from composekit.attention import (
    HybridAttention,
    HybridCache,
    HybridConfig,
    HybridDecoder,
    LightningAttention,
    SparseAttention,
    SparseConfig,
)
from composekit.testing import assert_close

SMALL = SparseConfig(
    block_size=8, kernel_size=4, stride=2, lse_kernel_size=8, lse_stride=4, window_size=8, topk=2, dense_len=20
)
EOS = 7


def make(dtype=torch.float64, **options) -> HybridDecoder:
    torch.manual_seed(3)
    settings = {"num_kv_heads": 2, "sparse": SMALL, "vocab_size": 40, "sparse_layers": (0, 2), "ffn_dim": 48, **options}
    model = HybridDecoder(HybridConfig(d_model=32, num_layers=3, num_heads=4, **settings)).to(dtype).eval()
    for parameter in model.parameters():
        parameter.data.mul_(4.0) if parameter.dim() == 2 else parameter.data.uniform_(0.5, 1.5)
    return model


def tokens(rows: int, length: int) -> torch.Tensor:
    return torch.randint(40, (rows, length), generator=torch.Generator().manual_seed(5))


def test_decoder_is_the_formula() -> None:
    model = make(embedding_scale=12.0, residual_scale=0.3, logit_scale=1 / 16)
    ids = tokens(2, 30)

    def norm(x, module):
        return x / (x.square().mean(-1, keepdim=True) + 1e-6).sqrt() * module.weight

    x = 12.0 * model.embedding.weight[ids]
    for layer in model.layers:
        x = x + 0.3 * layer.attention.mixer(norm(x, layer.attention_norm))
        inner = norm(x, layer.ffn_norm)
        gate, up, down = (getattr(layer.ffn, name).weight.t() for name in ("gate", "up", "down"))
        x = x + 0.3 * ((F.silu(inner @ gate) * (inner @ up)) @ down)
    want = norm(x, model.norm) @ model.head.weight.t() / 16
    logits, cache = model(ids)
    assert_close(logits, want, rtol=1e-11)
    assert [cache.lengths(layer).tolist() for layer in range(3)] == [[30, 30]] * 3
    assert_close(model.hidden_states(ids) @ model.head.weight.t() / 16, want, rtol=1e-11)
    assert_close(model(ids, logits_to_keep=4)[0], want[:, -4:], rtol=1e-11)


def test_layers_are_of_the_kinds_that_the_config_names() -> None:
    kinds = [type(layer.attention.mixer) for layer in make().layers]
    assert kinds == [SparseAttention, LightningAttention, SparseAttention]
    assert [layer.attention.mixer.layer_idx for layer in make().layers] == [0, 1, 2]
    assert isinstance(make().layers[0].attention, HybridAttention)


def test_the_cache_is_made_in_evaluation_and_on_demand() -> None:
    model, ids = make(), tokens(1, 5)
    assert isinstance(model(ids)[1], HybridCache)
    assert model(ids, use_cache=False)[1] is None
    assert model.train()(ids)[1] is None
    assert isinstance(model(ids, use_cache=True)[1], HybridCache)
    mine = HybridCache()
    assert model(ids, cache=mine)[1] is mine


@pytest.mark.parametrize("pieces", [[60], [1] * 60, [17, 1, 25, 1, 16]], ids=len)
def test_pieces_and_decoding_agree(pieces) -> None:
    model, ids = make(), tokens(2, 60)
    cache, logits = HybridCache(), []
    with torch.no_grad():
        for piece in ids.split(pieces, 1):
            logits.append(model(piece, cache=cache)[0])
        assert_close(torch.cat(logits, 1), model(ids)[0], rtol=1e-11)


def test_compiled_decoding_is_one_graph_for_all_steps() -> None:
    model, ids = make(torch.float32), tokens(2, 60)
    compiled, plain = HybridCache(max_length=60), HybridCache(max_length=60)
    torch._dynamo.reset()
    torch._dynamo.utils.counters.clear()  # earlier tests counted there, too
    step = torch.compile(lambda token, cache: model(token, cache=cache)[0], fullgraph=True, backend="aot_eager")
    with torch.no_grad():
        for cache in (compiled, plain):
            model(ids[:, :15], cache=cache)
        for token in ids[:, 15:].split(1, 1):
            assert_close(step(token, compiled), model(token, cache=plain)[0], rtol=1e-4)
    assert compiled.lengths(0).tolist() == [60, 60]
    assert torch._dynamo.utils.counters["stats"]["unique_graphs"] <= 2  # one that learns which numbers change


def test_autocast_stays_outside_of_sums_and_caches() -> None:
    model, ids = make(torch.float32), tokens(1, 50)
    with torch.autocast("cpu", dtype=torch.bfloat16), torch.no_grad():
        whole, cache = model(ids)
        parts = HybridCache()
        pieces = torch.cat([model(piece, cache=parts)[0] for piece in ids.split([20, 1, 29], 1)], 1)
    assert cache.linear_state(1).dtype == cache.sparse_memory(0).c1.dtype == torch.float32
    assert_close(pieces, whole, rtol=3e-2)


def greedy(model: HybridDecoder, prompt: torch.Tensor, count: int, eos: int | None = None) -> list[int]:
    """Without any cache: the argmax behind the whole text so far, again and again."""
    row = prompt.tolist()
    for _ in range(count):
        row.append(int(model(torch.tensor([row]), use_cache=False)[0][0, -1].argmax()))
        if row[-1] == eos:
            break
    return row[len(prompt) :]


@pytest.mark.parametrize("chunk", [None, 1, 7])
@pytest.mark.parametrize("eos", [None, EOS])
def test_greedy_generation_is_the_argmax_of_whole_passes(chunk, eos) -> None:
    model, ids = make(), tokens(3, 25)
    mask = torch.rand(3, 25, generator=torch.Generator().manual_seed(2)) > 0.3
    mask[2] = False
    mask[2, 3] = True
    made = model.generate(
        ids, max_new_tokens=25, attention_mask=mask, eos_token_id=eos, pad_token_id=39, prefill_chunk=chunk
    )
    assert torch.equal(made[:, :25], ids)
    for b in range(3):
        want = greedy(model, ids[b, mask[b]], 25, eos)
        assert made[b, 25:].tolist() == want + [39] * (made.shape[1] - 25 - len(want))


def test_generation_ends_when_all_rows_have() -> None:
    model, ids = make(), tokens(2, 10)
    first = model.generate(ids, max_new_tokens=1)[:, -1]
    model.head.weight.data[:, :] = model.head.weight.data[first[0]]  # every token is as likely, and 0 comes first
    assert model.generate(ids, max_new_tokens=50, eos_token_id=0).shape == (2, 11)
    assert model.generate(ids, max_new_tokens=0).shape == (2, 10)


def test_generation_goes_on_from_a_cache() -> None:
    model, ids = make(), tokens(2, 40)
    cache = HybridCache()
    with torch.no_grad():
        model(ids[:, :30], cache=cache)
    made = model.generate(ids[:, 30:], max_new_tokens=6, cache=cache)
    assert torch.equal(made, model.generate(ids, max_new_tokens=6)[:, 30:])
    assert cache.lengths(0).tolist() == [45, 45]


def test_drawn_tokens_follow_the_distribution_that_was_asked_for() -> None:
    model = make(head_dim=8)
    ids = tokens(1, 12).expand(400, -1)
    probabilities = (model(ids[:1])[0][0, -1] / 1.7).softmax(0)
    ordered = probabilities.sort(descending=True)

    def drawn(**options):
        generator = torch.Generator().manual_seed(11)
        last = model.generate(ids, max_new_tokens=1, temperature=1.7, generator=generator, **options)[:, -1]
        return last.bincount(minlength=40) / 400

    assert (drawn() - probabilities).abs().max() < 4 * 0.5 / 400**0.5
    for options, kept in (
        ({"top_k": 3}, 3),
        ({"top_p": ordered.values[:2].sum().item() + 1e-6}, 3),
        ({"top_p": 1e-9}, 1),
    ):
        allowed = torch.zeros(40, dtype=torch.float64)
        allowed[ordered.indices[:kept]] = ordered.values[:kept] / ordered.values[:kept].sum()
        found = drawn(**options)
        assert not found[allowed == 0].any()
        assert (found - allowed).abs().max() < 4 * 0.5 / 400**0.5


def test_it_learns() -> None:
    """Four rows by heart, in fewer steps than chance or a lost gradient would allow."""
    torch.manual_seed(0)
    model = HybridDecoder(
        HybridConfig(d_model=32, num_layers=2, num_heads=4, num_kv_heads=1, sparse=SMALL, vocab_size=12)
    )
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-2)
    ids = torch.randint(12, (4, 41))
    for _ in range(60):
        loss = F.cross_entropy(model(ids[:, :-1])[0].flatten(0, 1), ids[:, 1:].flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.8  # guessing costs ln 12 = 2.48


def test_packed_training_is_training_row_by_row() -> None:
    model = make().train()
    ids = tokens(1, 50)
    cu_seqlens = torch.tensor([0, 21, 50], dtype=torch.int32)
    packed = model(ids, cu_seqlens=cu_seqlens)[0]
    apart = torch.cat([model(ids[:, :21])[0], model(ids[:, 21:])[0]], 1)
    assert_close(packed, apart, rtol=1e-11)


def test_released_settings_have_the_released_size() -> None:
    """About 9.48 billion parameters, counted without making them."""
    with FakeTensorMode():
        model = HybridDecoder(HybridConfig.minicpm_sala())
    count = sum(p.numel() for p in model.parameters())
    assert count == pytest.approx(9.48e9, rel=2e-3)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda m: m(tokens(1, 5)[0]), ShapeError, "input_ids must have shape"),
        (lambda m: m(torch.zeros(1, 5)), ArgumentTypeError, "input_ids must be int32 or int64"),
        (lambda m: m(tokens(1, 5), cache=3), ArgumentTypeError, "HybridCache()"),
        (lambda m: m(tokens(1, 5), logits_to_keep=0), ComposeKitError, "logits_to_keep must be positive"),
        (
            lambda m: m(tokens(1, 5), cache=m(tokens(2, 5))[1]),
            ShapeError,
            "input_ids must have as many rows as the cache",
        ),
        (
            lambda m: HybridDecoder(HybridConfig(d_model=8, num_layers=1, num_heads=1)),
            ComposeKitError,
            "vocab_size=...",
        ),
        (lambda m: HybridDecoder(40), ArgumentTypeError, "HybridConfig(...)"),
        (lambda m: m.generate([[1, 2]], max_new_tokens=1), ArgumentTypeError, "input_ids must be a tensor"),
        (lambda m: m.generate(tokens(1, 0), max_new_tokens=1), ShapeError, "at least one token"),
        (lambda m: m.generate(tokens(1, 2), max_new_tokens=-1), ComposeKitError, "max_new_tokens must"),
        (lambda m: m.generate(tokens(1, 2), max_new_tokens=1, temperature=-1), ComposeKitError, "temperature must"),
        (lambda m: m.generate(tokens(1, 2), max_new_tokens=1, top_p=0), ComposeKitError, "top_p must"),
        (lambda m: m.generate(tokens(1, 2), max_new_tokens=1, top_k=0), ComposeKitError, "top_k must be positive"),
        (
            lambda m: m.generate(
                tokens(2, 2), max_new_tokens=1, attention_mask=torch.tensor([[True] * 2, [False] * 2])
            ),
            ComposeKitError,
            "none in row 1",
        ),
    ],
)
def test_bad_calls_say_how_to_repair_them(call, error, words) -> None:
    with pytest.raises(error) as caught:
        call(make(torch.float32))
    assert words in str(caught.value)
