"""The linear layer: what it computes, and that prefill, pieces and decoding agree however the batch is laid out."""

from __future__ import annotations

import copy

import pytest
import torch
from torch.nn import functional as F

from composekit import ComposeKitError
from composekit.attention import HybridCache, HybridConfig, LightningAttention, alibi_slopes
from composekit.testing import assert_close

PLAIN = {"linear_qk_norm": False, "linear_rope": False, "linear_output_norm": False, "linear_gate": False}
SHAPES = {
    "as released": {},
    "shared keys": {"linear_kv_heads": 2},
    "other sizes": {"linear_heads": 6, "linear_kv_heads": 3, "linear_head_dim": 10, "linear_value_dim": 7},
    "plain": PLAIN,
    "learned": {"learned_slopes": True, "linear_scale": 1.0},
}


def make(dtype=torch.float64, **options):
    torch.manual_seed(1)
    layer = LightningAttention(HybridConfig(d_model=32, num_layers=4, num_heads=4, **options), 1).to(dtype)
    for parameter in layer.parameters():  # norms away from one
        if parameter.dim() == 1 and not options.get("learned_slopes"):
            parameter.data.uniform_(0.5, 1.5)
    return layer


@pytest.fixture(params=SHAPES)
def layer(request):
    return make(**SHAPES[request.param])


def by_hand(layer: LightningAttention, x: torch.Tensor) -> torch.Tensor:
    """One sequence ``[T, d_model]``, token by token and head by head; rotation as a product of complex numbers."""
    c = layer.config
    heads, kv_heads, channels, value_channels, scale = c.linear

    def norm(vector, module, on):
        return vector / (vector.square().mean() + c.norm_eps).sqrt() * module.weight if on else vector

    def turn(vector, t):
        if not c.linear_rope:
            return vector
        half = len(vector) // 2
        turned = torch.complex(vector[:half], vector[half:]) * torch.exp(
            1j * t * c.rope_theta ** (-torch.arange(half, dtype=x.dtype) / half)
        )
        return torch.cat([turned.real, turned.imag])

    states = [0.0] * heads
    rows = []
    for t, token in enumerate(x):
        q = (layer.q_proj.weight @ token).split(channels)
        k = (layer.k_proj.weight @ token).split(channels)
        v = (layer.v_proj.weight @ token).split(value_channels)
        mixed = []
        for h in range(heads):
            g = h // (heads // kv_heads)
            query = turn(norm(q[h], layer.q_norm, c.linear_qk_norm), t)
            key = turn(norm(k[g], layer.k_norm, c.linear_qk_norm), t)
            states[h] = torch.exp(-layer.slopes[h].to(x.dtype)) * states[h] + torch.outer(key, v[g])
            mixed.append(scale * query @ states[h])
        mixed = norm(torch.cat(mixed), layer.o_norm, c.linear_output_norm)
        if c.linear_gate:
            mixed = mixed * torch.sigmoid(layer.gate.weight @ token)
        rows.append(layer.o_proj.weight @ mixed)
    return torch.stack(rows)


def test_layer_is_the_formula(layer) -> None:
    x = torch.randn(2, 9, 32, dtype=torch.float64)
    assert_close(layer(x), torch.stack([by_hand(layer, row) for row in x]), rtol=1e-12)


@pytest.mark.parametrize("pieces", [[40], [39, 1], [1] * 40, [7, 1, 1, 20, 1, 10], [16, 16, 8]], ids=len)
def test_prefill_pieces_and_decoding_agree(layer, pieces) -> None:
    x = torch.randn(2, 40, 32, dtype=torch.float64)
    cache, at, outs = HybridCache(), 0, []
    with torch.no_grad():
        for size in pieces:
            outs.append(layer(x[:, at : at + size], cache=cache))
            at += size
            assert cache.lengths(1).tolist() == [at, at]
        whole = layer(x)
    assert_close(torch.cat(outs, 1), whole, rtol=1e-12)


def test_pieces_with_gradient_are_the_whole_with_gradient(layer) -> None:
    x = torch.randn(1, 30, 32, dtype=torch.float64)
    weights = list(layer.parameters())
    cache = HybridCache()
    parts = torch.cat([layer(x[:, low:high], cache=cache) for low, high in ((0, 9), (9, 10), (10, 30))], 1)
    got = torch.autograd.grad(parts.square().sum(), weights)
    assert_close(list(got), list(torch.autograd.grad(layer(x).square().sum(), weights)), rtol=1e-10)


def masks() -> dict[str, torch.Tensor]:
    steps = torch.arange(20)
    return {
        "left": steps >= torch.tensor([[5], [0], [19]]),
        "right": steps < torch.tensor([[13], [20], [1]]),
        "both sides and a hole": ((steps > 3) & (steps < 17) & (steps != 9)).expand(3, -1),
        "an empty row": torch.stack([steps >= 0, steps < 0, steps > 2]),
    }


@pytest.mark.parametrize("side", masks())
@pytest.mark.parametrize("rubbish", [float("nan"), float("inf"), 1e30])
def test_padding_never_leaks(layer, side, rubbish) -> None:
    mask = masks()[side]
    x = torch.randn(3, 20, 32, dtype=torch.float64)
    dirty = x.masked_fill(~mask[:, :, None], rubbish).requires_grad_()
    cache = HybridCache()
    out = layer(dirty, attention_mask=mask, cache=cache)
    again = layer(dirty, attention_mask=mask, cache=cache)
    out.sum().backward()
    assert dirty.grad.isfinite().all()
    assert not dirty.grad[~mask].any()
    assert not out[~mask].any()
    assert cache.lengths(1).tolist() == (2 * mask.sum(1)).tolist()
    for b in range(3):
        kept = x[b, mask[b]][None]
        alone = HybridCache()
        want = layer(torch.cat([kept, kept], 1), cache=alone)[0]
        assert_close(torch.cat([out[b, mask[b]], again[b, mask[b]]]), want, rtol=1e-12)
        assert_close(cache.linear_state(1)[b], alone.linear_state(1)[0], rtol=1e-12)


def test_decoding_after_padded_prefill_goes_on_from_each_rows_last_token(layer) -> None:
    mask = masks()["right"]
    x, step = torch.randn(3, 20, 32, dtype=torch.float64), torch.randn(3, 1, 32, dtype=torch.float64)
    cache = HybridCache()
    with torch.no_grad():
        layer(x, attention_mask=mask, cache=cache)
        out = layer(step, cache=cache)
        for b in range(3):
            want = layer(torch.cat([x[b, mask[b]][None], step[b : b + 1]], 1))[:, -1:]
            assert_close(out[b : b + 1], want, rtol=1e-12)


def test_decoding_skips_rows_that_the_mask_excludes(layer) -> None:
    x = torch.randn(2, 6, 32, dtype=torch.float64)
    cache = HybridCache()
    with torch.no_grad():
        layer(x[:, :5], cache=cache)
        state = cache.linear_state(1).clone()
        out = layer(x[:, 5:], attention_mask=torch.tensor([[True], [False]]), cache=cache)
        assert_close(out[:1], layer(x[:1])[:, 5:], rtol=1e-12)
    assert not out[1].any()
    assert torch.equal(cache.linear_state(1)[1], state[1])
    assert cache.lengths(1).tolist() == [6, 5]


def test_packed_batch_is_each_sequence_and_decodes_as_rows(layer) -> None:
    x = torch.randn(1, 30, 32, dtype=torch.float64)
    cu = torch.tensor([0, 12, 12, 13, 30], dtype=torch.int32)
    cache = HybridCache()
    with torch.no_grad():
        out = layer(x, cu_seqlens=cu, cache=cache)
        assert cache.lengths(1).tolist() == [12, 0, 1, 17]
        second = layer(x[:, :10], cu_seqlens=torch.tensor([0, 2, 4, 9, 10], dtype=torch.int32), cache=cache)
        step = torch.randn(4, 1, 32, dtype=torch.float64)
        last = layer(step, cache=cache)
        parts = [(0, 12, 0, 2), (12, 12, 2, 4), (12, 13, 4, 9), (13, 30, 9, 10)]
        for n, (a, b, c, d) in enumerate(parts):
            want = layer(torch.cat([x[:, a:b], x[:, c:d], step[n : n + 1]], 1))[0]
            assert_close(torch.cat([out[0, a:b], second[0, c:d], last[n]]), want, rtol=1e-12)


def test_position_ids_turn_queries_and_keys() -> None:
    layer = make()
    x = torch.randn(2, 8, 32, dtype=torch.float64)
    steps = torch.arange(8)[None]
    assert_close(layer(x, position_ids=steps), layer(x), rtol=1e-12)
    assert_close(layer(x, position_ids=steps.int() + 100), layer(x), rtol=1e-9)  # only distances matter
    far = layer(x, position_ids=torch.stack([steps[0], 3 * steps[0]]))
    assert_close(far[0], layer(x)[0], rtol=1e-12)
    assert (far[1] - layer(x)[1]).abs().max() > 1e-3
    mask = masks()["left"][:2, 12:]
    given = (mask.cumsum(1) - 1).clamp(min=0)
    assert_close(layer(x, attention_mask=mask, position_ids=given), layer(x, attention_mask=mask), rtol=1e-12)


def test_decoding_updates_the_state_where_it_lies() -> None:
    layer = make(torch.float32)
    cache = HybridCache()
    with torch.no_grad():
        layer(torch.randn(2, 5, 32), cache=cache)
        places = (cache.linear_state(1).data_ptr(), cache.lengths(1).data_ptr())
        size = cache.nbytes
        for _ in range(3):
            layer(torch.randn(2, 1, 32), cache=cache)
        assert places == (cache.linear_state(1).data_ptr(), cache.lengths(1).data_ptr())
        assert cache.nbytes == size
    assert cache.linear_state(1).dtype == torch.float32


def test_snapshots_branch_and_rows_reorder() -> None:
    layer = make()
    x = torch.randn(2, 12, 32, dtype=torch.float64)
    cache = HybridCache()
    with torch.no_grad():
        layer(x[:, :6], cache=cache)
        branch = cache.snapshot()
        for _ in range(3):
            layer(torch.randn(2, 1, 32, dtype=torch.float64), cache=cache)
        outs = [layer(x[:, t : t + 1], cache=branch) for t in range(6, 9)]
        branch.reorder(torch.tensor([1]))
        outs_of_one = layer(x[1:, 9:], cache=branch)
        whole = layer(x)
    assert_close(torch.cat(outs, 1), whole[:, 6:9], rtol=1e-12)
    assert_close(outs_of_one, whole[1:, 9:], rtol=1e-12)
    assert branch.lengths(1).tolist() == [12]


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_low_precision_layer_follows_the_exact_one(dtype) -> None:
    exact = make()
    low = copy.deepcopy(exact).to(dtype)
    for mine, theirs in zip(exact.parameters(), low.parameters(), strict=True):
        mine.data.copy_(theirs.data)
    assert low.slopes.dtype == torch.float32
    assert torch.equal(low.slopes, alibi_slopes(4))
    x = torch.randn(2, 70, 32).to(dtype)
    cache = HybridCache()
    with torch.no_grad():
        out = torch.cat([low(x[:, :69], cache=cache), low(x[:, 69:], cache=cache)], 1)
        assert_close(out.double(), exact(x.double()), rtol=8 * torch.finfo(dtype).eps)
    assert cache.linear_state(1).dtype == torch.float32


def test_autocast_runs_the_layer_without_a_warning(recwarn) -> None:
    layer = make(torch.float32)
    x = torch.randn(2, 20, 32, requires_grad=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        out = layer(x)
    out.float().sum().backward()
    assert out.dtype == torch.bfloat16
    assert x.grad.isfinite().all()
    assert not [w for w in recwarn if "composekit" in str(w.filename)]


def test_weights_survive_saving_and_the_meta_device() -> None:
    layer = make(torch.float32)
    assert "fixed_slopes" not in layer.state_dict()
    with torch.device("meta"):
        empty = LightningAttention(layer.config, 1)
    empty = empty.to_empty(device="cpu")
    empty.load_state_dict(layer.state_dict())
    x = torch.randn(1, 5, 32)
    assert torch.equal(empty(x), layer(x))


def test_learned_slopes_learn() -> None:
    layer = make(learned_slopes=True)
    assert_close(layer.slopes, alibi_slopes(4).double(), rtol=1e-6)
    x = torch.randn(1, 9, 32, dtype=torch.float64)

    def loss(rates):
        return torch.func.functional_call(layer, {"log_slopes": rates}, (x,)).square().sum()

    assert torch.autograd.gradcheck(loss, (layer.log_slopes.detach().clone().requires_grad_(),))


@pytest.mark.parametrize("how", ["dense", "packed", "padded", "cached"])
def test_layer_compiles_whole(how) -> None:
    torch._dynamo.reset()
    layer = make(torch.float32)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager", dynamic=True)
    for length in (8, 20):
        x = torch.randn(1, length, 32)
        options = {
            "packed": {"cu_seqlens": torch.tensor([0, 3, length], dtype=torch.int32)},
            "padded": {"attention_mask": torch.arange(length)[None] > 2},
        }.get(how, {})
        if how == "cached":
            caches = HybridCache(), HybridCache()
            with torch.no_grad():
                for part in (slice(0, length - 2), slice(length - 2, length - 1), slice(length - 1, length)):
                    assert_close(compiled(x[:, part], cache=caches[0]), layer(x[:, part], cache=caches[1]))
            continue
        got, want = compiled(x, **options), layer(x, **options)
        assert_close(got, want)
        weights = list(layer.parameters())
        grads = torch.autograd.grad(got.square().sum(), weights)
        assert_close(list(grads), list(torch.autograd.grad(want.square().sum(), weights)), rtol=1e-4)


GOOD = torch.randn(2, 6, 32)
MASK = torch.ones(2, 6, dtype=torch.bool)


@pytest.mark.parametrize(
    ("kind", "text", "x", "options"),
    [
        (ValueError, r"x must have shape \[B, T, 32\]", GOOD[0], {}),
        (ValueError, r"x must have shape", torch.randn(2, 6, 31), {}),
        (TypeError, r"x must be a tensor", "x", {}),
        (ValueError, r"attention_mask must have shape", GOOD, {"attention_mask": MASK[:, :5]}),
        (TypeError, r"attention_mask must be bool", GOOD, {"attention_mask": MASK.long()}),
        (ValueError, r"attention_mask must be absent", GOOD, {"attention_mask": MASK, "cu_seqlens": torch.arange(2)}),
        (ValueError, r"x must have B = 1", GOOD, {"cu_seqlens": torch.tensor([0, 6], dtype=torch.int32)}),
        (ValueError, r"position_ids must have shape", GOOD, {"position_ids": torch.arange(5)[None]}),
        (TypeError, r"position_ids must be int32 or int64", GOOD, {"position_ids": torch.ones(2, 6)}),
        (TypeError, r"cache must be a HybridCache", GOOD, {"cache": {}}),
    ],
)  # fmt: skip
@pytest.mark.parametrize("compiled", [False, True])
def test_bad_input_is_named(kind, text, x, options, compiled) -> None:
    layer = make(torch.float32)
    if compiled:
        torch._dynamo.reset()
        layer = torch.compile(layer, backend="aot_eager", fullgraph=True, dynamic=True)
    with pytest.raises(kind, match="^LightningAttention: " + text) as caught:
        layer(x, **options)
    assert isinstance(caught.value, ComposeKitError)


def test_other_rows_than_the_cache_has_are_named() -> None:
    layer, cache = make(torch.float32), HybridCache()
    layer(GOOD, cache=cache)
    with pytest.raises(ValueError, match=r"^LightningAttention: x must have as many rows as the cache, 2; got 1"):
        layer(GOOD[:1], cache=cache)


@pytest.mark.parametrize("bounds", [(0, 9, 6), (1, 3, 6), (0, 3, 5)])
def test_bad_boundaries_are_named_by_the_layer(bounds) -> None:
    with pytest.raises(ComposeKitError, match="cu_seqlens must"):
        make(torch.float32)(GOOD[:1], cu_seqlens=torch.tensor(bounds, dtype=torch.int32))


def test_layer_trains() -> None:
    """A token that was announced long ago: only a memory can say it again."""
    torch.manual_seed(0)
    layer = make(torch.float32)
    head = torch.nn.Linear(32, 4)
    embed = torch.nn.Embedding(5, 32)
    weights = [*layer.parameters(), *head.parameters(), *embed.parameters()]
    optimizer = torch.optim.Adam(weights, 1e-2)
    for _ in range(60):
        tokens = torch.full((32, 12), 4)
        tokens[:, 0] = target = torch.randint(4, (32,))
        loss = F.cross_entropy(head(layer(embed(tokens)))[:, -1], target)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss < 0.1
