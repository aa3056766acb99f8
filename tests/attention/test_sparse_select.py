"""Compressed keys, and which blocks are selected by them."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from composekit.attention import SparseConfig, _sparse_op, compress_keys, select_blocks, select_chunked
from composekit.testing import assert_close

from .sparse_forms import brute_blocks, draw, small

IMPLS = ["reference", "chunked"]
impls = pytest.mark.parametrize("impl", IMPLS)


@pytest.fixture(autouse=True)
def _small_tiles(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(select_chunked, "_TILE", 16)


def as_lists(selection) -> list[list[int]]:
    """The blocks of every query and head, after a look at their form."""
    indices, counts = selection
    assert indices.dtype == counts.dtype == torch.int32
    assert indices.shape[:-1] == counts.shape
    found = []
    for row, count in zip(indices.flatten(0, -2).tolist(), counts.flatten().tolist(), strict=True):
        assert all(b == -1 for b in row[count:])
        assert all(a < b for a, b in zip([-1, *row[: count - 1]], row[:count], strict=False))
        found.append(row[:count])
    return found


@pytest.mark.parametrize(("length", "count"), [(0, 0), (31, 0), (32, 1), (47, 1), (48, 2), (8192, 511)])
def test_entries_of_the_first_compression(length, count) -> None:
    assert compress_keys(torch.ones(2, length, 1, 3)).shape == (2, count, 1, 3)


@given(
    length=st.integers(0, 70),
    kernel_size=st.integers(1, 24),
    stride=st.integers(1, 12),
    dtype=st.sampled_from([torch.float64, torch.float32, torch.bfloat16, torch.float16]),
)
def test_entries_are_means(length, kernel_size, stride, dtype) -> None:
    k = torch.randn(2, 3, 4, length).permute(0, 3, 1, 2).to(dtype)  # not contiguous
    got = compress_keys(k, kernel_size=kernel_size, stride=stride)
    starts = range(0, length - kernel_size + 1, stride)
    wide = k.double()
    want = torch.stack([wide[:, a : a + kernel_size].mean(1) for a in starts], 1) if starts else wide[:, :0]
    assert got.dtype == (torch.float64 if dtype == torch.float64 else torch.float32)
    assert_close(got, want.to(got.dtype), rtol=1e-12 if dtype == torch.float64 else 1e-5)


def test_entries_of_a_pack_are_those_of_each_sequence() -> None:
    k = torch.randn(1, 100, 2, 4)
    bounds = [0, 0, 3, 60, 61, 100]
    got = compress_keys(k, kernel_size=8, stride=4, cu_seqlens=torch.tensor(bounds, dtype=torch.int32))
    alone = [compress_keys(k[:, a:b], kernel_size=8, stride=4) for a, b in itertools.pairwise(bounds)]
    assert torch.equal(got, torch.cat(alone, 1))


def test_entries_have_the_bits_of_stored_sums() -> None:
    """A cache keeps float32 sums of 16 keys, added pairwise; both compressions come out of them, wherever keys were cut."""
    k = torch.randn(1, 700, 2, 4)

    def tree(x):
        return x[:, 0] if x.shape[1] == 1 else tree(x[:, 0::2] + x[:, 1::2])

    sums = tree(k.float()[0, : 700 // 16 * 16].unflatten(0, (-1, 16)))
    first = torch.stack([(sums[j] + sums[j + 1]) / 32 for j in range(len(sums) - 1)])
    second = torch.stack([tree(sums[None, j : j + 8])[0] / 128 for j in range(0, len(sums) - 7, 4)])
    assert torch.equal(compress_keys(k)[0], first)
    assert torch.equal(compress_keys(k, kernel_size=128, stride=64)[0], second)
    assert torch.equal(compress_keys(k[:, :333]), compress_keys(k)[:, :19])


def test_compression_is_differentiable() -> None:
    k = torch.randn(1, 13, 1, 2, dtype=torch.float64, requires_grad=True)
    cu = torch.tensor([0, 6, 13], dtype=torch.int32)
    for options in ({}, {"cu_seqlens": cu}):
        assert torch.autograd.gradcheck(lambda k: compress_keys(k, kernel_size=4, stride=2, **options), (k,))  # noqa: B023


CONFIGS = {
    "small": {},
    "exact": {"lse": "exact"},
    "no window": {"window_size": 0},
    "nothing forced but the window": {"init_blocks": 0, "topk": 2},
    "no room for the rest": {"init_blocks": 3},
    "many initial blocks": {"init_blocks": 4, "topk": 6, "window_size": 0},
    "long windows": {"kernel_size": 12, "lse_kernel_size": 16, "lse_stride": 8},
    "a block is a stride": {"block_size": 2, "window_size": 4, "kernel_size": 6, "topk": 7},
    "normaliser seen late": {"lse_kernel_size": 60, "lse_stride": 2, "window_size": 0},
    "released": {"rank_dtype": torch.bfloat16, "mask_future": False, "dense_by": "batch_max"},
}


@impls
@pytest.mark.parametrize("name", CONFIGS)
def test_blocks_are_those_of_brute_force(name, impl, monkeypatch) -> None:
    if name in ("no window", "long windows"):
        monkeypatch.undo()  # a tile of usual size, over many blocks
    config = small(**CONFIGS[name])
    length, scale = 90, 0.7
    q, k, _ = draw(length, batch=2)
    found = as_lists(select_blocks(q, k, config, scale=scale, impl=impl))
    at = iter(found)
    for b in range(2):
        for i in range(length):
            for h in range(2):
                assert next(at) == brute_blocks(q[b, i, 2 * h : 2 * h + 2], k[b, :, h], config, i, scale), (b, i, h)
    assert select_blocks(q, k, config).indices.shape[3] == config.topk + config.window_size // config.block_size


@impls
def test_budget_holds_the_forced_blocks_and_no_future_one(impl) -> None:
    config = small(init_blocks=2)
    q, k, _ = draw(120, kv_heads=1)
    for i, blocks in enumerate(as_lists(select_blocks(q, k, config, impl=impl))):
        own = i // 8
        assert set(blocks) >= {b for b in (0, 1, own - 2, own - 1, own) if 0 <= b <= own}
        assert max(blocks) == own
        assert len(blocks) == min(own + 1, config.budget)


@impls
def test_selections_hold_whatever_keys_are_nan(impl) -> None:
    q, k, _ = draw(120)
    for where in (slice(0, 5), slice(40, 50), slice(60, None), slice(None)):
        k[:, where] = torch.nan
        for i, blocks in enumerate(as_lists(select_blocks(q, k, small(), impl=impl))[::2]):
            assert len(blocks) == min(i // 8 + 1, 6)
            assert max(blocks) == i // 8


def test_queries_that_are_dense_select_nothing() -> None:
    """What :func:`sparse_attention` would not look at is not computed."""
    q, k, _ = draw(60)
    for impl in IMPLS:
        settings = _sparse_op.flat(small(), dense_len=40)
        indices, counts = _sparse_op.select(q, k, None, None, None, 0, None, *settings, 1.0, impl)
        assert (indices[:, :39] == -1).all()
        assert (counts[:, :39] == 0).all()
        assert (counts[:, 39:] > 0).all()


@impls
def test_heads_of_a_group_may_be_permuted(impl) -> None:
    q, k, _ = draw(100, share=4)
    order = torch.tensor([2, 0, 3, 1])
    permuted = q.unflatten(2, (2, 4))[:, :, :, order].flatten(2, 3)
    want = select_blocks(q, k, small(), impl=impl)
    assert torch.equal(select_blocks(permuted, k, small(), impl=impl).indices, want.indices)
    swapped = q.unflatten(2, (2, 4)).flip(2).flatten(2, 3)
    assert not torch.equal(select_blocks(swapped, k, small(), impl=impl).indices, want.indices)


@impls
@pytest.mark.parametrize("lse", ["approximate", "exact"])
def test_a_constant_added_to_all_keys_changes_nothing(impl, lse) -> None:
    q, k, _ = draw(150)
    shifted = k + torch.randn(8, dtype=k.dtype)
    config = small(lse=lse)
    assert torch.equal(
        select_blocks(q, shifted, config, impl=impl).indices, select_blocks(q, k, config, impl=impl).indices
    )


@impls
@pytest.mark.parametrize("rank_dtype", [torch.float32, torch.bfloat16], ids=str)
def test_the_lower_block_wins_a_tie(impl, rank_dtype) -> None:
    q = torch.randn(1, 100, 2, 8)
    config = small(rank_dtype=rank_dtype)
    level = torch.randn(8).expand(1, 100, 1, 8)
    last = as_lists(select_blocks(q, level, config, impl=impl))[-1]
    assert last == [0, 1, 2, 10, 11, 12]
    # A block whose score is the best by less than bfloat16 can say; its neighbours share its entries, so it stands alone.
    q = torch.ones(1, 100, 2, 8)
    k = torch.zeros(1, 100, 1, 8)
    k[:, 58:62] += 3e-4  # block 7
    best = [0, 1, 7, 10, 11, 12] if rank_dtype == torch.float32 else [0, 1, 2, 10, 11, 12]
    assert as_lists(select_blocks(q, k, config, impl=impl))[-1] == best


def test_ranks_of_float64_are_not_rounded() -> None:
    q, k = torch.ones(1, 100, 2, 8, dtype=torch.float64), torch.zeros(1, 100, 1, 8, dtype=torch.float64)
    k[:, 58:62] += 1e-10
    for impl in IMPLS:
        assert 7 in as_lists(select_blocks(q, k, small(), impl=impl))[-1]


@impls
def test_future_blocks_masked_before_or_after_ranking_are_the_same(impl) -> None:
    q, k, _ = draw(100)
    before, after = (select_blocks(q, k, small(mask_future=flag), impl=impl) for flag in (True, False))
    assert torch.equal(before.indices, after.indices)
    assert torch.equal(before.counts, after.counts)


@impls
def test_scores_beyond_the_end_of_float32_still_order(impl) -> None:
    """A short loud window is averaged away in C2, so that its exponent passes 88."""
    q, k = torch.ones(1, 120, 2, 8), torch.zeros(1, 120, 1, 8)
    for block, loudness in ((3, 100.0), (5, 120.0), (8, 110.0)):
        k[:, 8 * block + 2 : 8 * block + 6] = loudness
    last = as_lists(select_blocks(q, k, small(), impl=impl))[-1]
    assert last == [0, 5, 8, 12, 13, 14]


@impls
@pytest.mark.parametrize("lse", ["approximate", "exact"])
def test_compressed_keys_stand_for_the_keys(impl, lse) -> None:
    config = small(lse=lse)
    q, k, _ = draw(100, batch=2, dtype=torch.float32)
    want = select_blocks(q, k, config, impl=impl)
    pair = compress_keys(k, kernel_size=4, stride=2), compress_keys(k, kernel_size=8, stride=4)
    room = tuple(torch.nn.functional.pad(x, (0, 0, 0, 0, 0, 9), value=torch.nan) for x in pair)  # a static buffer
    if lse == "exact":
        room = room[0], None
    for keys in (None, torch.full_like(k, torch.nan), k[:, :0]):
        for means in (pair, room):
            assert torch.equal(select_blocks(q, keys, config, compressed=means, impl=impl).indices, want.indices)
    q_start = torch.tensor([70, 95], dtype=torch.int32)
    part = torch.stack([q[0, 70:75], q[1, 95:]])
    got = select_blocks(part, None, config, compressed=room, q_start=q_start, impl=impl)
    assert torch.equal(got.indices, torch.stack([want.indices[0, 70:75], want.indices[1, 95:]]))


@impls
def test_compressed_keys_of_a_pack(impl) -> None:
    q, k, _ = draw(100)
    cu = torch.tensor([0, 2, 2, 55, 100], dtype=torch.int32)
    pair = tuple(compress_keys(k, kernel_size=w, stride=d, cu_seqlens=cu) for w, d in ((4, 2), (8, 4)))
    got = select_blocks(q, None, small(), compressed=pair, cu_seqlens=cu, impl=impl)
    assert torch.equal(got.indices, select_blocks(q, k, small(), cu_seqlens=cu, impl=impl).indices)


@given(
    batch=st.integers(1, 2),
    length=st.integers(0, 50),
    past=st.integers(0, 60),
    beyond=st.integers(0, 9),
    kv_heads=st.integers(1, 2),
    share=st.integers(1, 3),
    channels=st.integers(1, 7),
    lse=st.sampled_from(["approximate", "exact"]),
)
def test_any_shape_and_layout(batch, length, past, beyond, kv_heads, share, channels, lse) -> None:
    keys = past + length + beyond
    q = torch.randn(batch, kv_heads * share, channels, length, dtype=torch.float64).permute(0, 3, 1, 2)
    k = torch.randn(batch, 2 * keys, kv_heads, channels, dtype=torch.float64)[:, ::2]
    got, want = (select_blocks(q, k, small(lse=lse), q_start=past, impl=impl) for impl in ("chunked", "reference"))
    assert as_lists(got) == as_lists(want)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_the_default_settings_over_a_long_sequence(dtype, monkeypatch) -> None:
    """The last queries by the reference; whatever is unlike must be a tie within the rounding of float32."""
    monkeypatch.undo()  # tiles as users get them
    q, k, _ = draw(9000, kv_heads=1, share=2, channels=16, dtype=dtype)
    whole = select_blocks(q[:, 8000:], k, SparseConfig(), q_start=8000)
    exact = select_blocks(q[:, 8990:].double(), k.double(), SparseConfig(), q_start=8990, impl="reference")
    assert (
        as_lists(exact)[0]
        == as_lists(select_blocks(q[:, 8990:8991].double(), k.double(), SparseConfig(), q_start=8990))[0]
    )
    unlike = sum(len({*a} ^ {*b}) for a, b in zip(as_lists(whole)[-10:], as_lists(exact), strict=True))
    assert unlike <= 2
    assert whole.counts.min() == 96


def test_selection_is_outside_of_autograd_and_autocast() -> None:
    q, k, _ = draw(100, dtype=torch.float32)
    want = select_blocks(q, k, small())
    with torch.autocast("cpu", dtype=torch.bfloat16):
        for impl in IMPLS:
            got = select_blocks(q.requires_grad_(), k.requires_grad_(), small(), impl=impl)
            assert torch.equal(got.indices, want.indices)
            assert not got.indices.requires_grad
