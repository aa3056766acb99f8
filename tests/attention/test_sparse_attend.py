"""Attention to selected blocks, forward and backward."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch.utils._python_dispatch import TorchDispatchMode

from composekit.attention import SparseConfig, block_sparse_attention, select_blocks, sparse_attention, sparse_chunked
from composekit.testing import assert_close

from .sparse_forms import dense, draw, leaves, mask_of, masked, small


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparse_chunked, "_ROWS", 96)
    monkeypatch.setattr(sparse_chunked, "_SCORES", 256)
    monkeypatch.setattr(sparse_chunked, "_BAND", 512)
    monkeypatch.setattr(sparse_chunked, "_DENSE", 16)


def random_indices(length, blocks, *, batch=1, kv_heads=2, size=4, q_start=0):
    """Any blocks up to the own one, ascending, and -1 behind; some queries have none."""
    out = torch.full((batch, length, kv_heads, size), -1, dtype=torch.int32)
    for place in out.view(-1, size):
        count = int(torch.randint(0, size + 1, ()))
        chosen = torch.randperm(blocks)[:count].sort().values
        place[: len(chosen)] = chosen.to(torch.int32)
    return out


def test_output_and_gradients_are_those_of_a_masked_matrix(path) -> None:
    inputs, apart = (leaves(*draw(70, batch=2)) for _ in range(2))
    for a, b in zip(inputs, apart, strict=True):
        b.data.copy_(a)
    indices = random_indices(70, 9, batch=2)
    indices[..., 0] = 0  # nobody is without keys
    got = block_sparse_attention(*inputs, indices, block_size=8, scale=0.6, impl=path.impl)
    want = masked(*apart, mask_of(indices, 8, 70), 0.6)
    assert_close(tuple(got), want, rtol=path.rtol)
    weights = [torch.randn_like(x) for x in want]
    grads = torch.autograd.grad(got, inputs, weights)
    for name, a, b in zip("qkv", grads, torch.autograd.grad(want, apart, weights), strict=True):
        assert_close(a, b, rtol=10 * path.rtol, name=f"d{name}")


def test_scale_is_one_over_the_root_of_the_channels(path) -> None:
    q, k, v = draw(40)
    indices = random_indices(40, 5).clamp(min=0)
    got = block_sparse_attention(q, k, v, indices, block_size=8, impl=path.impl)
    assert_close(tuple(got), masked(q, k, v, mask_of(indices, 8, 40)), rtol=path.rtol)


def test_all_blocks_selected_is_dense_attention(path) -> None:
    q, k, v = draw(100, batch=2)
    indices = torch.arange(13, dtype=torch.int32).expand(2, 100, 2, 13)
    assert_close(
        block_sparse_attention(q, k, v, indices, block_size=8, impl=path.impl).out, dense(q, k, v), rtol=path.rtol
    )
    wide = small(topk=11, dense_len=0)  # a budget that no query exhausts
    assert_close(sparse_attention(q, k, v, wide, impl=path.impl).out, dense(q, k, v), rtol=path.rtol)


@pytest.mark.parametrize("few", [1, 8, 100])
def test_few_queries_are_gathered_one_by_one(few, monkeypatch) -> None:
    monkeypatch.setattr(sparse_chunked, "_FEW", few)
    q, k, v = draw(20, keys=80)
    indices = random_indices(20, 10)
    got = block_sparse_attention(q, k, v, indices, block_size=8, q_start=60)
    want = block_sparse_attention(q, k, v, indices, block_size=8, q_start=60, impl="reference")
    assert_close(got, want, rtol=1e-12)


def test_keys_that_nobody_selected_get_no_gradient(path) -> None:
    inputs = leaves(*draw(64))
    indices = torch.tensor([0, 2, 5], dtype=torch.int32).expand(1, 64, 2, 3).clone()
    indices[:, :, 1, 2] = -1  # the second head leaves out block 5, too
    got = block_sparse_attention(*inputs, indices, block_size=8, impl=path.impl)
    _, dk, dv = torch.autograd.grad(got.out.sum() + got.lse.clamp(min=-1e9).sum(), inputs)
    for grad in (dk, dv):
        blocks = grad.unflatten(1, (8, 8)).abs().sum((0, 2, 4))
        assert (blocks != 0).nonzero().tolist() == [[0, 0], [0, 1], [2, 0], [2, 1], [5, 0]]


def test_a_query_without_blocks_has_no_output_and_no_gradient(path) -> None:
    inputs = leaves(*draw(30))
    indices = torch.zeros(1, 30, 2, 1, dtype=torch.int32)
    indices[0, 11, 0] = -1
    indices[0, 12, 1] = 2  # lies ahead
    got = block_sparse_attention(*inputs, indices, block_size=8, impl=path.impl)
    for i, heads in ((11, slice(0, 2)), (12, slice(2, 4))):
        assert (got.out[0, i, heads] == 0).all()
        assert (got.lse[0, i, heads] == -torch.inf).all()
    assert got.lse.isinf().sum() == 4
    dq, dk, dv = torch.autograd.grad(got.out.square().sum(), inputs)
    assert (dq[0, 11, :2] == 0).all()
    assert all(x.isfinite().all() for x in (dq, dk, dv))
    nothing = block_sparse_attention(*inputs, indices[..., :0], block_size=8, impl=path.impl)
    assert (nothing.out == 0).all()
    assert (nothing.lse == -torch.inf).all()


def test_blocks_are_a_set(path) -> None:
    q, k, v = draw(60)
    indices = random_indices(60, 8)
    shuffled = torch.cat([indices, indices[..., :2]], 3)[..., torch.randperm(6)]
    got = block_sparse_attention(q, k, v, shuffled, block_size=8, impl=path.impl)
    assert_close(got.out, block_sparse_attention(q, k, v, indices, block_size=8, impl=path.impl).out, rtol=path.rtol)


def test_outputs_over_disjoint_blocks_merge_by_their_lse(path) -> None:
    q, k, v = draw(64)
    parts = [
        torch.tensor(b, dtype=torch.int32).expand(1, 64, 2, -1) for b in ([0, 3, 6], [1, 2, 7], [0, 1, 2, 3, 6, 7])
    ]
    one, other, both = (block_sparse_attention(q, k, v, p, block_size=8, impl=path.impl) for p in parts)
    lse = torch.logaddexp(one.lse, other.lse)
    out = one.out * (one.lse - lse).exp()[..., None] + other.out * (other.lse - lse).exp()[..., None]
    assert_close(lse, both.lse, rtol=path.rtol)
    assert_close(out, both.out, rtol=path.rtol)


@pytest.mark.parametrize("packed", [False, True])
def test_gradients_are_those_of_finite_differences(path, packed) -> None:
    inputs = leaves(*draw(22, kv_heads=1, channels=3, value_channels=2))
    cu = torch.tensor([0, 4, 4, 22], dtype=torch.int32) if packed else None
    indices = random_indices(22, 1, kv_heads=1, size=1) if packed else random_indices(22, 3, kv_heads=1, size=2)
    indices[0, :, :, 0] = 0

    def call(q, k, v):
        return tuple(block_sparse_attention(q, k, v, indices, block_size=8, cu_seqlens=cu, impl=path.impl))

    if packed:
        indices[:] = 0
    assert torch.autograd.gradcheck(call, inputs, fast_mode=path.impl == "reference")


def test_scores_that_rise_and_fall_by_hundreds(path) -> None:
    """The running maximum must follow them, up at every block and never down."""
    q, k, v = draw(96, kv_heads=1)
    for steps in (torch.arange(12.0), torch.arange(12.0).flip(0), torch.tensor([0.0, 9, 1, 8, 2, 7, 3, 6, 4, 5, 0, 9])):
        loud = k * (8.0 * steps).repeat_interleave(8)[:, None, None]
        indices = torch.arange(12, dtype=torch.int32).expand(1, 96, 1, 12)
        got = block_sparse_attention(q, loud, v, indices, block_size=8, scale=1.0, impl=path.impl)
        assert_close(tuple(got), masked(q, loud, v, mask_of(indices, 8, 96), 1.0), rtol=path.rtol)
    assert got.lse.max() > 300


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_low_precision_loses_no_more_than_the_reference(dtype) -> None:
    low = [x.to(dtype) for x in draw(150, channels=32, value_channels=24)]
    low[0] = low[0] * 6  # peaked: scores that are rounded would show
    indices = select_blocks(*low[:2], small()).indices
    weight = torch.randn(1, 150, 4, 24).to(dtype)

    def results(tensors, impl):
        inputs = leaves(*tensors)
        got = block_sparse_attention(*inputs, indices, block_size=8, impl=impl)
        return [*got, *torch.autograd.grad((got.out.double() * weight).sum() + got.lse.double().sum(), inputs)]

    truth, plain, fast = (
        results([x.double() for x in low], "reference"),
        results(low, "reference"),
        results(low, "chunked"),
    )
    for name, t, p, f in zip(("out", "lse", "dq", "dk", "dv"), truth, plain, fast, strict=True):
        assert_close(f, p, exact=t, factor=2.0, name=name)


def test_only_inputs_and_results_are_kept_for_the_backward_pass() -> None:
    q, k, v = leaves(*draw(300, dtype=torch.float32))
    indices = random_indices(300, 30)
    saved = []
    with torch.autograd.graph.saved_tensors_hooks(lambda x: saved.append(x) or x, lambda x: x):
        out, lse = block_sparse_attention(q, k, v, indices, block_size=8)
    assert sum(x.numel() for x in saved) == sum(x.numel() for x in (q, k, v, indices, out, lse))


class Largest(TorchDispatchMode):
    """The largest tensor that any operation makes."""

    elements = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        made = func(*args, **kwargs or {})
        for x in made if isinstance(made, (tuple, list)) else [made]:
            if isinstance(x, torch.Tensor):
                self.elements = max(self.elements, x.numel())
        return made


def test_no_tensor_grows_with_the_square_of_the_length(monkeypatch) -> None:
    from composekit.attention import select_chunked

    monkeypatch.setattr(select_chunked, "_SCORES", 1 << 12)
    options = {"scale": 1.0, "cu_seqlens": None, "q_start": 0, "q_starts": None}
    largest = []
    for length in (256, 1024):
        q, k, v = draw(length, kv_heads=1, dtype=torch.float32)
        with Largest() as seen:
            indices, _ = select_chunked.select_chunked(q, k, None, None, small(dense_len=100), **options)
            kinds = {"block_size": 8, "local_blocks": 2, "dense_len": 100, "dense_by": "query", **options}
            out, lse = sparse_chunked.attend_chunked(q, k, v, indices, **kinds)
            sparse_chunked.attend_backward_chunked(out, lse, q, k, v, indices, out, lse, **kinds)
        largest.append(seen.elements)
        assert seen.elements <= max(32 * length, 1 << 14)
    assert largest[1] <= 4 * largest[0]


def test_two_runs_are_bit_equal_and_autocast_stays_outside() -> None:
    inputs = leaves(*(x.float() for x in draw(200)))

    def run(impl="auto"):
        out = sparse_attention(*inputs, small(), impl=impl).out
        return [out, *torch.autograd.grad(out.square().sum(), inputs)]

    torch.use_deterministic_algorithms(True)
    try:
        first, second = run(), run()
    finally:
        torch.use_deterministic_algorithms(False)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        third, plain = run(), run("reference")
    for a, b, c, d in zip(first, second, third, plain, strict=True):
        assert torch.equal(a, b)
        assert torch.equal(a, c)
        assert_close(a, d, rtol=1e-5)


def test_second_derivatives_are_refused_but_exist_for_the_reference() -> None:
    inputs = leaves(*draw(12, kv_heads=1, channels=3, value_channels=2))
    indices = torch.zeros(1, 12, 1, 1, dtype=torch.int32)
    out = block_sparse_attention(*inputs, indices, block_size=8).out
    (first,) = torch.autograd.grad(out.square().sum(), inputs[0], create_graph=True)
    with pytest.raises(ValueError, match=r"^block_sparse_attention: the output must be differentiated once;"):
        first.sum().backward()
    assert torch.autograd.gradgradcheck(
        lambda *x: block_sparse_attention(*x, indices, block_size=8, impl="reference").out, inputs, fast_mode=True
    )


@given(
    batch=st.integers(1, 2),
    length=st.integers(0, 30),
    past=st.integers(0, 30),
    beyond=st.integers(0, 9),
    kv_heads=st.integers(1, 2),
    share=st.integers(1, 3),
    channels=st.integers(1, 7),
    value_channels=st.integers(1, 7),
    block_size=st.sampled_from([1, 3, 8]),
    size=st.integers(0, 3),
)
def test_any_shape_and_layout(
    batch, length, past, beyond, kv_heads, share, channels, value_channels, block_size, size
) -> None:
    keys = past + length + beyond
    q = torch.randn(batch, kv_heads * share, channels, length, dtype=torch.float64).permute(0, 3, 1, 2)
    k = torch.randn(batch, 2 * keys, kv_heads, channels, dtype=torch.float64)[:, ::2]
    v = torch.randn(1, keys, kv_heads, value_channels, dtype=torch.float64).expand(batch, -1, -1, -1)
    indices = torch.randint(-1, max(1, -(-keys // block_size)), (batch, length, kv_heads, size), dtype=torch.int32)
    if not keys:
        indices = indices.clamp(max=-1)
    results = []
    for impl in ("chunked", "reference"):
        inputs = [x.detach().requires_grad_() for x in (q, k, v)]
        got = block_sparse_attention(*inputs, indices, block_size=block_size, q_start=past, impl=impl)
        lse = got.lse.masked_fill(got.lse == -torch.inf, 0.0)
        grads = torch.autograd.grad(got.out.sum() + lse.square().sum(), inputs) if length else ()
        results.append([got.out, lse, *grads])
    assert_close(results[0], results[1], rtol=1e-11)


def test_default_settings_over_a_long_sequence(monkeypatch) -> None:
    monkeypatch.undo()  # chunks as users get them
    q, k, v = draw(9000, kv_heads=1, share=2, channels=16, value_channels=16, dtype=torch.float32)
    got = sparse_attention(q, k, v, SparseConfig())
    assert_close(got.out[:, :8191], dense(q, k, v)[:, :8191], rtol=1e-5)
    part = q[:, 8180:8200].double()
    want = sparse_attention(part, k.double(), v.double(), SparseConfig(), q_start=8180, impl="reference")
    assert_close(got.out[:, 8180:8200], want.out.float(), rtol=2e-5)
