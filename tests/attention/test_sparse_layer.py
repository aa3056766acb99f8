"""The sparse layer: what it computes, and that prefill, pieces and decoding agree however the batch is laid out."""

from __future__ import annotations

import math

import pytest
import torch
from torch.nn import functional as F

from composekit import ComposeKitError
from composekit._errors import ArgumentTypeError, ShapeError
from composekit.attention import (
    HybridCache,
    HybridConfig,
    SparseAttention,
    SparseConfig,
    compress_keys,
    sparse_attention,
)
from composekit.testing import assert_close

SMALL = SparseConfig(
    block_size=8, kernel_size=4, stride=2, lse_kernel_size=8, lse_stride=4, window_size=8, topk=2, dense_len=20
)
SHAPES = {
    "as released": {},
    "all heads": {"num_kv_heads": 4},
    "norms and rotation": {"sparse_qk_norm": True, "sparse_rope": True},
    "plain": {"sparse_gate": False, "sparse_scale": 0.7, "head_dim": 6},
    "longer than trained": {"sparse_query_base": 30.0, "sparse": SparseConfig(**{**vars(SMALL), "lse": "exact"})},
}
LENGTH = 70


def make(dtype=torch.float64, **options) -> SparseAttention:
    torch.manual_seed(1)
    settings = {"num_kv_heads": 2, "sparse": SMALL, **options}
    layer = SparseAttention(HybridConfig(d_model=32, num_layers=4, num_heads=4, **settings), 0).to(dtype).eval()
    for parameter in layer.parameters():  # away from uniform attention, and norms away from one
        parameter.data.mul_(3.0) if parameter.dim() == 2 else parameter.data.uniform_(0.5, 1.5)
    return layer


@pytest.fixture(params=SHAPES)
def layer(request) -> SparseAttention:
    return make(**SHAPES[request.param])


def by_hand(layer: SparseAttention, x: torch.Tensor) -> torch.Tensor:
    """One sequence ``[T, d_model]`` with rotation as a product of complex numbers and the plain reference of attention."""
    c = layer.config
    heads, kv_heads, channels, scale = c.softmax
    times = torch.arange(len(x), dtype=x.dtype)

    def project(weight, count, norm=None):
        made = (x @ weight.t()).reshape(len(x), count, channels)
        if norm is None:
            return made
        if c.sparse_qk_norm:
            made = made / (made.square().mean(-1, keepdim=True) + c.norm_eps).sqrt() * norm.weight
        if c.sparse_rope:
            half = channels // 2
            angle = times[:, None, None] * c.rope_theta ** (-torch.arange(half, dtype=x.dtype) / half)
            turned = torch.complex(made[..., :half], made[..., half:]) * torch.exp(1j * angle)
            made = torch.cat([turned.real, turned.imag], -1)
        return made

    q = project(layer.q_proj.weight, heads, layer.q_norm)
    if c.sparse_query_base:
        q = q * ((times + c.sparse_query_base).log() / math.log(c.sparse_query_base))[:, None, None]
    k = project(layer.k_proj.weight, kv_heads, layer.k_norm)
    v = project(layer.v_proj.weight, kv_heads)
    mixed = sparse_attention(q[None], k[None], v[None], c.sparse, scale=scale, impl="reference").out[0].flatten(1)
    if c.sparse_gate:
        mixed = mixed * torch.sigmoid(x @ layer.gate.weight.t())
    return mixed @ layer.o_proj.weight.t()


def test_layer_is_the_formula(layer) -> None:
    x = torch.randn(2, LENGTH, 32, dtype=torch.float64)
    assert_close(layer(x), torch.stack([by_hand(layer, row) for row in x]), rtol=1e-11)


def test_the_sizes_make_a_difference() -> None:
    """With the lengths of these tests some blocks are left out, or they would prove little."""
    layer, x = make(), torch.randn(1, LENGTH, 32, dtype=torch.float64)
    dense = make(sparse=SparseConfig(**{**vars(SMALL), "dense_len": 1000}))
    apart = (layer(x) - dense(x)).abs().amax((0, 2))
    assert apart[:24].max() < 1e-12  # a budget of three blocks, all of them
    assert (apart[40:] > 1e-6).all()


@pytest.mark.parametrize(
    "pieces", [[70], [69, 1], [1] * 70, [7, 1, 1, 20, 1, 40], [16, 16, 8, 30], [18, 1, 1, 1, 49]], ids=str
)
def test_prefill_pieces_and_decoding_agree(layer, pieces) -> None:
    x = torch.randn(2, LENGTH, 32, dtype=torch.float64)
    cache, at, outs = HybridCache(max_length=5), 0, []
    with torch.no_grad():
        for size in pieces:
            outs.append(layer(x[:, at : at + size], cache=cache))
            at += size
            assert cache.lengths(0).tolist() == [at, at]
        whole = layer(x)
    assert_close(torch.cat(outs, 1), whole, rtol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=str)
def test_compressed_keys_have_the_same_bits_however_the_tokens_came(dtype) -> None:
    layer = make(dtype, sparse=SparseConfig(**{**vars(SMALL), "kernel_size": 6, "lse_kernel_size": 10}))
    x = torch.randn(1, LENGTH, 32, dtype=dtype)
    memories = []
    for pieces in ([70], [1] * 70, [3, 30, 1, 36]):
        cache = HybridCache(max_length=1)
        with torch.no_grad():
            for piece in x.split(pieces, 1):
                layer(piece, cache=cache)
        memories.append(cache.sparse_memory(0))
    for memory, others in ((m, [n for n in memories if n is not m]) for m in memories):
        keys = memory.keys[:, :LENGTH]
        for other in others:
            assert_close(other.keys[:, :LENGTH], keys, rtol=2e-2 if dtype == torch.bfloat16 else 1e-5)
        first = compress_keys(keys, kernel_size=6, stride=2)
        second = compress_keys(keys, kernel_size=10, stride=4)
        assert torch.equal(memory.c1[:, : first.shape[1]], first)
        assert torch.equal(memory.c2[:, : second.shape[1]], second)


@pytest.mark.parametrize("sizes", [(LENGTH,), (9, 1, 60)], ids=str)
def test_pieces_with_gradient_are_the_whole_with_gradient(layer, sizes) -> None:
    x = torch.randn(1, LENGTH, 32, dtype=torch.float64)
    weights = list(layer.parameters())
    cache = HybridCache()
    parts = torch.cat([layer(piece, cache=cache) for piece in x.split(sizes, 1)], 1)
    got = torch.autograd.grad(parts.square().sum(), weights)
    assert_close(list(got), list(torch.autograd.grad(layer(x).square().sum(), weights)), rtol=1e-10)


def test_queries_are_trained_through_pieces_where_keys_are_frozen() -> None:
    layer, x = make(), torch.randn(1, LENGTH, 32, dtype=torch.float64)
    layer.k_proj.requires_grad_(False)
    layer.v_proj.requires_grad_(False)
    cache = HybridCache()
    parts = torch.cat([layer(piece, cache=cache) for piece in x.split((30, 1, 39), 1)], 1)
    got = torch.autograd.grad(parts.square().sum(), layer.q_proj.weight)
    assert_close(got, torch.autograd.grad(layer(x).square().sum(), layer.q_proj.weight), rtol=1e-10)


def masks() -> dict[str, torch.Tensor]:
    steps = torch.arange(45)
    return {
        "left": steps >= torch.tensor([[5], [0], [44]]),
        "right": steps < torch.tensor([[33], [45], [1]]),
        "both sides and a hole": ((steps > 3) & (steps < 37) & (steps != 9)).expand(3, -1),
        "an empty row": torch.stack([steps >= 0, steps < 0, steps > 2]),
    }


@pytest.mark.parametrize("side", masks())
@pytest.mark.parametrize("rubbish", [float("nan"), float("inf"), 1e30])
def test_padding_never_leaks(layer, side, rubbish) -> None:
    mask = masks()[side]
    x = torch.randn(3, 45, 32, dtype=torch.float64)
    dirty = x.masked_fill(~mask[:, :, None], rubbish).requires_grad_()
    cache = HybridCache(max_length=1)
    out = layer(dirty, attention_mask=mask, cache=cache)
    again = layer(dirty, attention_mask=mask, cache=cache)
    (out.sum() + again.sum()).backward()
    assert dirty.grad.isfinite().all()
    assert not dirty.grad[~mask].any()
    assert not out[~mask].any()
    assert cache.lengths(0).tolist() == (2 * mask.sum(1)).tolist()
    assert_close(layer(dirty, attention_mask=mask), out, rtol=1e-12)
    for b in range(3):
        kept = x[b, mask[b]][None]
        want = layer(torch.cat([kept, kept], 1))[0]
        assert_close(torch.cat([out[b, mask[b]], again[b, mask[b]]]), want, rtol=1e-12)


def test_ragged_rows_decode_each_from_its_own_last_token(layer) -> None:
    mask = masks()["right"]
    x, steps = torch.randn(3, 45, 32, dtype=torch.float64), torch.randn(3, 12, 32, dtype=torch.float64)
    there = torch.tensor([[True], [True], [False]])
    cache = HybridCache(max_length=1)
    with torch.no_grad():
        layer(x, attention_mask=mask, cache=cache)
        got = [layer(step, cache=cache) for step in steps[:, :6].split(1, 1)]
        for step in steps[:, 6:].split(1, 1):  # the last row has ended
            got.append(layer(step, cache=cache, attention_mask=there))
        for b in range(3):
            count = 12 if there[b] else 6
            want = layer(torch.cat([x[b, mask[b]][None], steps[b : b + 1, :count]], 1))[:, -count:]
            assert_close(torch.cat(got, 1)[b : b + 1, :count], want, rtol=1e-12)
        assert not torch.cat(got, 1)[2, 6:].any()


def test_packed_sequences_are_each_alone_and_go_on_as_rows(layer) -> None:
    cu_seqlens = torch.tensor([0, 30, 30, 31, 70], dtype=torch.int32)
    x = torch.randn(1, LENGTH, 32, dtype=torch.float64)
    more = torch.tensor([0, 1, 12, 40, 41], dtype=torch.int32)
    y, step = torch.randn(1, 41, 32, dtype=torch.float64), torch.randn(4, 1, 32, dtype=torch.float64)
    cache = HybridCache(max_length=1)
    with torch.no_grad():
        first = layer(x, cu_seqlens=cu_seqlens, cache=cache)
        second = layer(y, cu_seqlens=more, cache=cache)
        third = layer(step, cache=cache)
        assert_close(layer(x, cu_seqlens=cu_seqlens), first, rtol=1e-12)
        for n in range(4):
            a, b = slice(*cu_seqlens[n : n + 2].tolist()), slice(*more[n : n + 2].tolist())
            want = layer(torch.cat([x[:, a], y[:, b], step[n : n + 1]], 1))[0]
            assert_close(torch.cat([first[0, a], second[0, b], third[n]]), want, rtol=1e-12)


def test_position_ids_turn_and_scale_but_choose_nothing() -> None:
    x = torch.randn(1, 40, 32, dtype=torch.float64)
    later = torch.arange(1000, 1040)[None]
    plain, turned = make(), make(sparse_rope=True)
    assert torch.equal(plain(x, position_ids=later), plain(x))
    assert_close(turned(x, position_ids=later), turned(x), rtol=1e-9)  # only differences of positions count
    spread = turned(x, position_ids=torch.arange(0, 80, 2)[None])
    assert (spread - turned(x)).abs().max() > 1e-3


def test_queries_are_scaled_outside_training_alone() -> None:
    layer, x = make(sparse_query_base=30.0), torch.randn(1, LENGTH, 32, dtype=torch.float64)
    plain = make()
    assert torch.equal(layer.train()(x), plain(x))
    assert (layer.eval()(x)[:, 1:] - plain(x)[:, 1:]).abs().amax(2).min() > 0
    assert torch.equal(layer(x)[:, 0], plain(x)[:, 0])


def test_snapshots_and_reordering() -> None:
    layer, x = make(), torch.randn(2, LENGTH, 32, dtype=torch.float64)
    cache = HybridCache()
    with torch.no_grad():
        layer(x[:, :50], cache=cache)
        before = cache.snapshot()
        first = layer(x[:, 50:], cache=cache)
        assert torch.equal(layer(x[:, 50:], cache=before), first)
        cache = HybridCache()
        layer(x[:, :50], cache=cache)
        cache.reorder(torch.tensor([1, 1, 0]))
        swapped = layer(x[[1, 1, 0], 50:], cache=cache)
    assert torch.equal(swapped, first[[1, 1, 0]])
    assert cache.lengths(0).tolist() == [LENGTH] * 3


def test_room_that_was_asked_for_stays_where_it_is() -> None:
    layer, cache = make(), HybridCache(max_length=LENGTH)
    with torch.no_grad():
        layer(torch.randn(1, 10, 32, dtype=torch.float64), cache=cache)
        memory = cache.sparse_memory(0)
        where = [x.data_ptr() for x in (memory.keys, memory.values, memory.c1, memory.c2, memory.lengths)]
        for _ in range(60):
            layer(torch.randn(1, 1, 32, dtype=torch.float64), cache=cache)
    assert [x.data_ptr() for x in (memory.keys, memory.values, memory.c1, memory.c2, memory.lengths)] == where
    assert memory.capacity == LENGTH
    size = sum(x.nbytes for x in (memory.keys, memory.values, memory.c1, memory.c2, memory.lengths))
    assert repr(cache) == f"HybridCache(sparse layers [0], {size} bytes)"


@pytest.mark.parametrize("padded", [False, True])
def test_compiled_layer_is_the_layer(padded) -> None:
    layer = make(torch.float32)
    x = torch.randn(2, LENGTH, 32)
    mask = torch.rand(2, LENGTH) > 0.2 if padded else None
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    got = compiled(x, attention_mask=mask)
    assert_close(got, layer(x, attention_mask=mask), rtol=1e-5)
    got.sum().backward()
    assert layer.q_proj.weight.grad.isfinite().all()


def test_causal_to_the_bit() -> None:
    layer, x = make(torch.float32), torch.randn(1, LENGTH, 32)
    changed = x.clone()
    changed[:, 41:] = float("nan")
    want, got = layer(x)[:, :41], layer(changed)[:, :41]
    assert torch.equal(got, want)


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda m, x: m(x[0]), ShapeError, "SparseAttention: x must have shape"),
        (lambda m, x: m(x[..., :31]), ShapeError, "32"),
        (lambda m, x: m(x, attention_mask=torch.ones(2, 8)), ArgumentTypeError, "mask.bool()"),
        (lambda m, x: m(x, position_ids=torch.zeros(2, 8)), ArgumentTypeError, "position_ids must be int32 or int64"),
        (lambda m, x: m(x, cache={}), ArgumentTypeError, "HybridCache()"),
        (lambda m, x: m(x, cu_seqlens=torch.tensor([0, 8], dtype=torch.int32)), ShapeError, "B = 1"),
        (lambda m, x: (c := HybridCache(), m(x, cache=c), m(x[:1], cache=c)), ShapeError, "have as many rows"),
        (
            lambda m, x: m(x[:1], cu_seqlens=torch.tensor([0, 9], dtype=torch.int32), cache=HybridCache()),
            ComposeKitError,
            "cu_seqlens must end at the number of tokens, 8",
        ),
        (lambda m, x: SparseAttention(m.config, 9), ComposeKitError, "layer_idx must be from 0 to 3"),
        (lambda m, x: SparseAttention({}, 0), ArgumentTypeError, "HybridConfig(...)"),
        (lambda m, x: HybridCache(max_length=0), ComposeKitError, "max_length must be positive"),
        (lambda m, x: HybridCache(max_length=1.5), ArgumentTypeError, "max_length must be an integer"),
    ],
)
def test_bad_calls_say_how_to_repair_them(call, error, words) -> None:
    with pytest.raises(error) as caught:
        call(make(torch.float32), torch.randn(2, 8, 32))
    assert words in str(caught.value)


def test_a_refused_call_leaves_the_cache_as_it_was() -> None:
    layer, cache = make(), HybridCache()
    with torch.no_grad():
        layer(torch.randn(1, 30, 32, dtype=torch.float64), cache=cache)
        kept = cache.snapshot().sparse_memory(0)
        with pytest.raises(ComposeKitError):
            layer(torch.randn(1, 9, 32).double(), cu_seqlens=torch.tensor([0, 7], dtype=torch.int32), cache=cache)
    now = cache.sparse_memory(0)
    assert now.most == kept.most
    assert torch.equal(now.lengths, kept.lengths)
    assert torch.equal(now.keys, kept.keys)


def test_dense_sizes_are_softmax_attention() -> None:
    """Below dense_len the layer is what every transformer has."""
    layer, x = make(sparse=SparseConfig()), torch.randn(2, 50, 32, dtype=torch.float64)
    q, k, v = (p(x).unflatten(2, (-1, 8)).transpose(1, 2) for p in (layer.q_proj, layer.k_proj, layer.v_proj))
    mixed = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True).transpose(1, 2).flatten(2)
    assert_close(layer(x), layer.o_proj(mixed * layer.gate(x).sigmoid()), rtol=1e-11)
