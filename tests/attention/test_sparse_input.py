"""Bad input and settings: the same error, eager and compiled."""

from __future__ import annotations

import pytest
import torch

from composekit import ComposeKitError
from composekit.attention import SparseConfig, block_sparse_attention, compress_keys, select_blocks, sparse_attention

from .sparse_forms import SMALL, small


def ints(*values, dtype=torch.int32):
    return torch.tensor(values, dtype=dtype)


def good(op):
    """Arguments that are taken: two sequences of 40 in a pack."""
    q, k, v = torch.randn(1, 80, 4, 8), torch.randn(1, 80, 2, 8), torch.randn(1, 80, 2, 6)
    cu = ints(0, 40, 80)
    if op is compress_keys:
        return {"k": k, "cu_seqlens": cu}
    found = {"q": q, "k": k, "cu_seqlens": cu}
    if op is not select_blocks:
        found["v"] = v
    if op is block_sparse_attention:
        return found | {"indices": torch.zeros(1, 80, 2, 3, dtype=torch.int32), "block_size": 8}
    return found | {"config": small()}


COMMON = {
    "q has three axes": (ValueError, r"q must have shape", {"q": torch.randn(80, 4, 8)}),
    "k has other channels": (ValueError, r"k must have shape", {"k": torch.randn(1, 80, 2, 7)}),
    "k has other rows": (ValueError, r"k must have shape", {"k": torch.randn(2, 80, 2, 8)}),
    "heads do not divide": (ValueError, r"q must have a multiple", {"q": torch.randn(1, 80, 3, 8)}),
    "no heads": (ValueError, r"q must have at least one", {"q": torch.randn(1, 80, 0, 8)}),
    "q is a list": (TypeError, r"q must be a tensor", {"q": [1.0]}),
    "k is None": (TypeError, r"k must be a tensor", {"k": None}),
    "q is whole numbers": (TypeError, r"q must be float16", {"q": torch.ones(1, 80, 4, 8, dtype=torch.int64)}),
    "k has another dtype": (TypeError, r"k must have the dtype", {"k": torch.randn(1, 80, 2, 8).bfloat16()}),
    "k is elsewhere": (ValueError, r"k must be on the device", {"k": torch.randn(1, 80, 2, 8, device="meta")}),
    "cu_seqlens is int64": (TypeError, r"cu_seqlens must be int32", {"cu_seqlens": ints(0, 80, dtype=torch.int64)}),
    "cu_seqlens starts late": (ValueError, r"cu_seqlens must start at 0; got 1", {"cu_seqlens": ints(1, 80)}),
    "cu_seqlens decreases": (ValueError, r"cu_seqlens must not decrease; got 90", {"cu_seqlens": ints(0, 90, 80)}),
    "cu_seqlens ends early": (ValueError, r"cu_seqlens must end at .*80; got 70", {"cu_seqlens": ints(0, 70)}),
    "fewer queries than keys": (ValueError, r"q must have the tokens from q_start", {"q": torch.randn(1, 79, 4, 8)}),
    "q_start behind a sequence": (ValueError, r"q_start must be from 0 to .*40; got 41", {"q_start": 41}),
    "q_start is negative": (ValueError, r"q_start must not be negative", {"q_start": -1}),
    "q_start is a fraction": (TypeError, r"q_start must be an int or", {"q_start": 0.5}),
    "q_start is int64": (TypeError, r"q_start must be an int or", {"q_start": ints(0, 0, dtype=torch.int64)}),
    "q_start of three": (ValueError, r"q_start must have shape \[2\]", {"q_start": ints(0, 0, 0)}),
    "q_start in the pack is negative": (ValueError, r"q_start must be from 0 to", {"q_start": ints(0, -1)}),
    "too few keys": (
        ValueError,
        r"k must hold the keys of all queries, at least 81",
        {"cu_seqlens": None, "q_start": 1},
    ),
    "too few keys for a row": (ValueError, r"q_start must not be neg", {"cu_seqlens": None, "q_start": ints(1)}),
    "scale is a text": (TypeError, r"scale must be a number", {"scale": "1"}),
    "impl has no such name": (ValueError, r"impl must be one of auto, .*got 'flash'", {"impl": "flash"}),
}
SELECTING = {
    "config is a dict": (TypeError, r"config must be a SparseConfig; got dict", {"config": SMALL}),
    "compressed is one tensor": (TypeError, r"compressed must be a pair", {"compressed": torch.zeros(1, 39, 2, 8)}),
    "C2 is missing": (TypeError, r"C2 of comp", {"compressed": (torch.zeros(1, 39, 2, 8), None)}),
    "C1 is bfloat16": (
        TypeError, r"C1 of compressed must be torch.float32", {"compressed": (torch.zeros(1, 39, 2, 8).bfloat16(),) * 2},
    ),
    "C1 has other heads": (
        ValueError, r"C1 of compressed must have shape", {"compressed": (torch.zeros(1, 39, 1, 8),) * 2},
    ),
    "C1 is short": (
        ValueError, r"C1 of compressed must hold 39 entries",
        {"compressed": (torch.zeros(1, 38, 2, 8),) * 2, "cu_seqlens": None},
    ),
    "C1 of the pack is short": (
        ValueError, r"compressed must hold the 38 entries of C1", {"compressed": (torch.zeros(1, 37, 2, 8),) * 2},
    ),
}  # fmt: skip
ATTENDING = {
    "v has other heads": (ValueError, r"v must have shape", {"v": torch.randn(1, 80, 4, 6)}),
    "v is shorter": (ValueError, r"v must have shape", {"v": torch.randn(1, 79, 2, 6)}),
}
BLOCKS = {
    "indices are int64": (
        TypeError,
        r"indices must be int32",
        {"indices": torch.zeros(1, 80, 2, 3, dtype=torch.int64)},
    ),
    "indices of other heads": (ValueError, r"indices must have shape", {"indices": ints(0).expand(1, 80, 4, 3)}),
    "an index is too high": (
        ValueError,
        r"indices must be from -1 to 4.*got 5",
        {"indices": ints(5).expand(1, 80, 2, 3)},
    ),
    "an index is too low": (
        ValueError,
        r"indices must be from -1 to 4.*got -2",
        {"indices": ints(-2).expand(1, 80, 2, 3)},
    ),
    "block_size is zero": (ValueError, r"block_size must be a positive", {"block_size": 0}),
    "block_size is a fraction": (TypeError, r"block_size must be a positive", {"block_size": 8.0}),
}
COMPRESSING = {
    "k has three axes": (ValueError, r"k must have shape", {"k": torch.randn(80, 2, 8)}),
    "k is whole numbers": (TypeError, r"k must be float16", {"k": torch.ones(1, 80, 2, 8, dtype=torch.int64)}),
    "two rows": (ValueError, r"k must have B = 1", {"k": torch.randn(2, 80, 2, 8)}),
    "kernel_size is zero": (ValueError, r"kernel_size must be a positive", {"kernel_size": 0}),
    "stride is a fraction": (TypeError, r"stride must be a positive", {"stride": 2.5}),
    "cu_seqlens ends early": (ValueError, r"cu_seqlens must end at .*80; got 70", {"cu_seqlens": ints(0, 70)}),
}
BAD = [
    *((select_blocks, *case) for case in (COMMON | SELECTING).items()),
    *((sparse_attention, *case) for case in (COMMON | SELECTING | ATTENDING).items()),
    *((block_sparse_attention, *case) for case in (COMMON | ATTENDING | BLOCKS).items() if "fewer" not in case[0]),
    *((compress_keys, *case) for case in COMPRESSING.items()),
]


def names(value) -> str | None:
    return value.__name__ if callable(value) else value if isinstance(value, str) else ""


@pytest.mark.parametrize(("op", "name", "case"), BAD, ids=names)
def test_bad_input_is_named(op, name, case) -> None:
    kind, text, change = case
    with pytest.raises(
        kind, match=r"^(sparse_attention|select_blocks|block_sparse_attention|compress_keys): " + text
    ) as caught:
        op(**good(op) | change)
    assert isinstance(caught.value, ComposeKitError)
    op(**good(op))


@pytest.mark.parametrize("op", [select_blocks, sparse_attention, block_sparse_attention])
def test_bad_input_is_named_in_a_whole_graph(op) -> None:
    """The same error of the same kind, where Dynamo would make its own of an exception in traced code."""
    torch._dynamo.reset()
    compiled = torch.compile(op, backend="aot_eager", fullgraph=True)
    compiled(**good(op))
    for name in (
        "heads do not divide",
        "k has another dtype",
        "cu_seqlens decreases",
        "q_start is int64",
        "impl has no such name",
    ):
        kind, text, change = COMMON[name]
        with pytest.raises(kind, match=text) as caught:
            compiled(**good(op) | change)
        assert isinstance(caught.value, ComposeKitError)


@pytest.mark.parametrize("impl", ["reference", "chunked"])
@pytest.mark.parametrize("name", ["an index is too high", "an index is too low", "cu_seqlens decreases"])
def test_bad_data_is_named_on_every_path(impl, name) -> None:
    kind, text, change = (COMMON | BLOCKS)[name]
    with pytest.raises(kind, match=text):
        block_sparse_attention(**good(block_sparse_attention) | change | {"impl": impl})


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"kernel_size": 3}, "kernel_size must be a multiple of stride, 2; got 3"),
        ({"lse_kernel_size": 7}, "lse_kernel_size must be a multiple of stride"),
        ({"block_size": 9}, "block_size must be a multiple of stride"),
        ({"window_size": 12}, "window_size must be a multiple of block_size, 8; got 12"),
        ({"topk": 1}, "topk must exceed init_blocks, 1; got 1"),
        ({"stride": 0}, "stride must be at least 1; got 0"),
        ({"init_blocks": -1}, "init_blocks must be at least 0"),
        ({"topk": 2.0}, "topk must be an integer; got float"),
        ({"dense_len": True}, "dense_len must be an integer; got bool"),
        ({"lse": "none"}, "lse must be one of approximate, exact; got 'none'"),
        ({"rank_dtype": torch.float16}, "rank_dtype must be one of torch.float32, torch.bfloat16"),
        ({"dense_by": "row"}, "dense_by must be one of query, batch_max"),
        ({"mask_future": 1}, "mask_future must be a bool; got int"),
    ],
)
def test_bad_settings_are_named(change, text) -> None:
    with pytest.raises(ComposeKitError, match=f"^SparseConfig: {text}"):
        small(**change)


def test_settings_are_those_of_the_released_model() -> None:
    config = SparseConfig()
    assert (config.block_size, config.kernel_size, config.stride, config.lse_kernel_size, config.lse_stride) == (
        64,
        32,
        16,
        128,
        64,
    )
    assert (config.init_blocks, config.window_size, config.topk, config.dense_len, config.lse) == (
        1,
        2048,
        64,
        8192,
        "approximate",
    )
    assert (config.budget, config.rank_dtype, config.mask_future, config.dense_by) == (96, torch.float32, True, "query")
    released = SparseConfig.minicpm_sala()
    assert (released.budget, released.rank_dtype, released.mask_future, released.dense_by) == (
        96,
        torch.bfloat16,
        False,
        "batch_max",
    )
    assert SparseConfig(rank_dtype="bfloat16") == SparseConfig(rank_dtype=torch.bfloat16)
