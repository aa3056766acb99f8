"""What one query sees is its own affair: later tokens, other sequences, the way in which a prompt is cut."""

from __future__ import annotations

import dataclasses
import itertools

import pytest
import torch

from composekit.attention import (
    SparseConfig,
    block_sparse_attention,
    compress_keys,
    select_blocks,
    select_chunked,
    sparse_attention,
    sparse_chunked,
)
from composekit.testing import assert_close

from .sparse_forms import dense, draw, leaves, small

# A configuration with the ratios of the default one, so small that a short sequence crosses every boundary.
STEPS = SparseConfig(window_size=128, topk=3, dense_len=200)


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparse_chunked, "_ROWS", 96)
    monkeypatch.setattr(sparse_chunked, "_SCORES", 256)
    monkeypatch.setattr(sparse_chunked, "_DENSE", 16)
    monkeypatch.setattr(select_chunked, "_TILE", 16)


_VALUES = [
    ("chunked", dtype, value) for dtype in (torch.float64, torch.float32, torch.bfloat16) for value in ("large", "nan")
]
_VALUES += [
    ("chunked", torch.float32, "inf"),
    ("reference", torch.float64, "large"),
    ("reference", torch.float32, "nan"),
]


@pytest.mark.parametrize(("impl", "dtype", "value"), _VALUES, ids=str)
def test_later_tokens_change_no_bit_of_what_is_earlier(impl, dtype, value) -> None:
    """Selections of later queries change, and with them which queries share a product; NaN times zero is NaN."""
    config = small(dense_len=30)
    tensors = draw(110, dtype=dtype, channels=16)

    def run(q, k, v):
        selection = select_blocks(q, k, config, impl=impl)
        sparse = sparse_attention(q, k, v, config, impl=impl)
        blocks = block_sparse_attention(q, k, v, selection.indices, block_size=8, impl=impl)
        return [*selection, *sparse, *blocks]

    before = run(*tensors)
    for t in (0, 5, 20, 28, 29, 41, 64, 87, 107):
        changed = [x.clone() for x in tensors]
        for x in changed:
            later = x[:, t + 1 :]
            later.copy_(5.0 * torch.randn_like(later) if value == "large" else torch.full_like(later, float(value)))
        after = run(*changed)
        for a, b in zip(after, before, strict=True):
            assert torch.equal(a[:, : t + 1], b[:, : t + 1]), t
        assert not torch.equal(after[2].nan_to_num(), before[2].nan_to_num())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
def test_later_tokens_change_no_bit_in_chunks_of_the_usual_size(dtype, monkeypatch) -> None:
    """Of these sizes, a matrix product gives other bits to the last rows of an odd number."""
    monkeypatch.undo()
    config = small(block_size=32, window_size=32, topk=3, dense_len=30)
    tensors = draw(600, kv_heads=1, share=1, dtype=dtype, channels=64, value_channels=64)
    before = [*select_blocks(*tensors[:2], config), *sparse_attention(*tensors, config)]
    for t in (100, 350, 511, 590):
        changed = [x.clone() for x in tensors]
        for x in changed:
            x[:, t + 1 :] = 5.0 * torch.randn_like(x[:, t + 1 :])
        after = [*select_blocks(*changed[:2], config), *sparse_attention(*changed, config)]
        for a, b in zip(after, before, strict=True):
            assert torch.equal(a[:, : t + 1], b[:, : t + 1]), t


@pytest.mark.parametrize("value", [torch.nan, torch.inf])
def test_gradients_of_earlier_queries_do_not_see_later_keys(value) -> None:
    tensors = draw(60)

    def gradients(q, k, v):
        inputs = leaves(q, k, v)
        out = sparse_attention(*inputs, small()).out
        return torch.autograd.grad(out[:, :51].square().sum(), inputs)[0]

    before = gradients(*tensors)
    for x in tensors[1:]:
        x[:, 51:] = value
    assert torch.equal(gradients(*tensors)[:, :51], before[:, :51])


def test_keys_behind_the_last_query_are_never_read(path) -> None:
    """A cache of fixed size is full of anything behind the tokens that there are."""
    q, k, v = draw(30, keys=90)
    part = [x[:, :70] for x in (k, v)]
    for x in (k, v):
        x[:, 70:] = torch.nan
    want = sparse_attention(q, *part, small(), q_start=40, impl=path.impl)
    got = sparse_attention(q, k, v, small(), q_start=40, impl=path.impl)
    assert torch.equal(got.out, want.out)


@pytest.mark.parametrize("lengths", [[0], [1], [0, 1, 70, 0, 0, 39, 1, 2], [3] * 12], ids=str)
def test_packed_sequences_are_each_sequence_alone(path, lengths) -> None:
    total = sum(lengths)
    bounds = torch.tensor([0, *lengths]).cumsum(0).tolist()
    cu = torch.tensor(bounds, dtype=torch.int32)
    config = small()
    inputs = leaves(*draw(max(total, 1)))
    row = [x[:, :total] for x in inputs]
    got = sparse_attention(*row, config, cu_seqlens=cu, impl=path.impl)
    chosen = select_blocks(*row[:2], config, cu_seqlens=cu, impl=path.impl)
    blocks = block_sparse_attention(*row, chosen.indices, block_size=8, cu_seqlens=cu, impl=path.impl)
    apart = leaves(*inputs)
    parts = [[x[:, a:b] for x in apart] for a, b in itertools.pairwise(bounds)]
    alone = [sparse_attention(*part, config, impl=path.impl) for part in parts]
    want = [torch.cat(x, 1) for x in zip(*alone, strict=True)]
    assert torch.equal(got.out, want[0])
    assert torch.equal(got.lse, want[1])
    each = [select_blocks(*part[:2], config, impl=path.impl) for part in parts]
    assert torch.equal(chosen.indices, torch.cat([x.indices for x in each], 1))
    assert torch.equal(chosen.counts, torch.cat([x.counts for x in each], 1))
    zipped = zip(parts, each, strict=True)
    alone = [block_sparse_attention(*p, s.indices, block_size=8, impl=path.impl) for p, s in zipped]
    assert torch.equal(blocks.out, torch.cat([x.out for x in alone], 1))
    if total:
        weight = torch.randn_like(want[0])
        grads = torch.autograd.grad((got.out * weight).sum() + got.lse.sum(), inputs)
        for a, b in zip(grads, torch.autograd.grad((want[0] * weight).sum() + want[1].sum(), apart), strict=True):
            assert_close(a, b, rtol=path.rtol)


@pytest.mark.parametrize("chunk", [1, 7, 64, 1000])
def test_a_prompt_in_chunks_is_the_whole(path, chunk) -> None:
    """Across the boundaries of 16 keys, of blocks, and of what is dense."""
    length = 330 if path.impl == "chunked" or chunk > 1 else 270
    q, k, v = draw(length, kv_heads=1)
    whole = sparse_attention(q, k, v, STEPS, impl=path.impl)
    selection = select_blocks(q, k, STEPS, impl=path.impl)
    for low in range(0 if chunk > 1 or path.impl == "chunked" else 180, length, chunk):
        high = min(low + chunk, length)
        seen = [x[:, :high] for x in (k, v)]
        pair = compress_keys(seen[0]), compress_keys(seen[0], kernel_size=128, stride=64)
        options = {"q_start": low, "impl": path.impl}
        got = sparse_attention(q[:, low:high], *seen, STEPS, compressed=pair, **options)
        assert_close(tuple(got), tuple(x[:, low:high] for x in whole), rtol=path.rtol)
        chosen = select_blocks(q[:, low:high], seen[0], STEPS, **options)
        assert torch.equal(chosen.indices, selection.indices[:, low:high])


def test_every_row_may_start_elsewhere(path) -> None:
    q, k, v = draw(9, batch=3, keys=100)
    starts = [0, 31, 91]
    got = sparse_attention(q, k, v, small(), q_start=torch.tensor(starts, dtype=torch.int32), impl=path.impl)
    chosen = select_blocks(q, k, small(), q_start=torch.tensor(starts, dtype=torch.int32), impl=path.impl)
    for b, start in enumerate(starts):
        row = [x[b : b + 1] for x in (q, k, v)]
        alone = sparse_attention(*row, small(), q_start=start, impl=path.impl)
        assert torch.equal(got.out[b], alone.out[0])
        assert torch.equal(got.lse[b], alone.lse[0])
        one = select_blocks(*row[:2], small(), q_start=start, impl=path.impl)
        assert torch.equal(chosen.indices[b], one.indices[0])


def test_a_pack_may_be_continued(path) -> None:
    """With q_start, cu_seqlens counts keys, and the queries are those from the starts on."""
    q, k, v = draw(100)
    bounds, starts = [0, 40, 40, 41, 100], [35, 0, 1, 20]
    cu = torch.tensor(bounds, dtype=torch.int32)
    whole = sparse_attention(q, k, v, small(), cu_seqlens=cu, impl=path.impl)
    kept = torch.cat([torch.arange(a + s, b) for a, b, s in zip(bounds, bounds[1:], starts, strict=False)])
    options = {"cu_seqlens": cu, "q_start": torch.tensor(starts, dtype=torch.int32), "impl": path.impl}
    got = sparse_attention(q[:, kept], k, v, small(), **options)
    assert_close(got.out, whole.out[:, kept], rtol=path.rtol)
    assert_close(got.lse, whole.lse[:, kept], rtol=path.rtol)
    bounds = [0, 40, 60, 100]
    cu = torch.tensor(bounds, dtype=torch.int32)
    whole = sparse_attention(q, k, v, small(), cu_seqlens=cu, impl=path.impl)
    kept = torch.cat([torch.arange(a + 19, b) for a, b in itertools.pairwise(bounds)])
    for start in (19, torch.tensor([19], dtype=torch.int32)):
        got = sparse_attention(q[:, kept], k, v, small(), cu_seqlens=cu, q_start=start, impl=path.impl)
        assert_close(got.out, whole.out[:, kept], rtol=path.rtol)


def test_dense_until_a_length_query_by_query(path) -> None:
    config = small(topk=2, window_size=8)  # a budget that is exhausted long before
    q, k, v = draw(60)
    got = sparse_attention(q, k, v, config, impl=path.impl).out
    sparse = sparse_attention(q, k, v, dataclasses.replace(config, dense_len=0), impl=path.impl).out
    assert_close(got[:, :39], dense(q, k, v)[:, :39], rtol=path.rtol)
    assert_close(got[:, 39:], sparse[:, 39:], rtol=path.rtol)
    assert (got[:, 24:39] - sparse[:, 24:39]).abs().amin(1).min() > 1e-9
    never = dataclasses.replace(config, dense_len=61)
    assert_close(sparse_attention(q, k, v, never, impl=path.impl).out, dense(q, k, v), rtol=path.rtol)


def test_dense_by_the_longest_sequence_of_the_batch(path) -> None:
    config = small(topk=2, window_size=8, dense_by="batch_max")
    q, k, v = draw(90)
    for bounds, is_dense in (
        ([0, 51, 90], False),
        ([0, 50, 90], False),
        ([0, 39, 78, 90], True),
        ([0, 40, 78, 90], False),
    ):
        cu = torch.tensor(bounds, dtype=torch.int32)
        got = sparse_attention(q, k, v, config, cu_seqlens=cu, impl=path.impl).out
        alike = dataclasses.replace(config, dense_by="query", dense_len=1000 if is_dense else 0)
        assert_close(got, sparse_attention(q, k, v, alike, cu_seqlens=cu, impl=path.impl).out, rtol=path.rtol)
    starts = torch.tensor([5, 35], dtype=torch.int32)
    q, k, v = draw(5, batch=2, keys=60)
    for shift, is_dense in ((-1, True), (0, False)):
        got = sparse_attention(q, k, v, config, q_start=starts + shift, impl=path.impl).out
        alike = dataclasses.replace(config, dense_by="query", dense_len=1000 if is_dense else 0)
        assert_close(got, sparse_attention(q, k, v, alike, q_start=starts + shift, impl=path.impl).out, rtol=path.rtol)


def test_a_constant_added_to_all_keys_changes_no_output(path) -> None:
    q, k, v = draw(100)
    shifted = k + torch.randn(8, dtype=k.dtype)
    want = sparse_attention(q, k, v, small(), impl=path.impl).out
    assert_close(sparse_attention(q, shifted, v, small(), impl=path.impl).out, want, rtol=100 * path.rtol)
