"""Bad input: the same error, eager and compiled."""

from __future__ import annotations

import pytest
import torch

from composekit import ComposeKitError
from composekit.attention import alibi_slopes, lightning_attention


def good():
    return {
        "q": torch.randn(1, 10, 4, 8),
        "k": torch.randn(1, 10, 2, 8),
        "v": torch.randn(1, 10, 2, 6),
        "slopes": torch.rand(4),
        "cu_seqlens": torch.tensor([0, 4, 10], dtype=torch.int32),
        "initial_state": torch.randn(2, 4, 8, 6),
    }


def ints(*values, dtype=torch.int32):
    return torch.tensor(values, dtype=dtype)


BAD = {
    "q has three axes": (ValueError, r"q must have shape", {"q": torch.randn(10, 4, 8)}),
    "k is longer": (ValueError, r"k must have shape", {"k": torch.randn(1, 11, 2, 8)}),
    "k has other channels": (ValueError, r"k must have shape", {"k": torch.randn(1, 10, 2, 7)}),
    "v has other heads": (ValueError, r"v must have shape", {"v": torch.randn(1, 10, 4, 6)}),
    "heads do not divide": (
        ValueError,
        r"q must have a multiple",
        {"k": torch.randn(1, 10, 3, 8), "v": torch.randn(1, 10, 3, 6)},
    ),
    "no heads": (ValueError, r"q must have at least one", {"q": torch.randn(1, 10, 0, 8), "slopes": torch.rand(0)}),
    "q is a list": (TypeError, r"q must be a tensor", {"q": [1.0]}),
    "q is whole numbers": (TypeError, r"q must be float16", {"q": torch.ones(1, 10, 4, 8, dtype=torch.int64)}),
    "v has another dtype": (TypeError, r"v must have the dtype of q", {"v": torch.randn(1, 10, 2, 6).bfloat16()}),
    "k is elsewhere": (ValueError, r"k must be on the device of q", {"k": torch.randn(1, 10, 2, 8, device="meta")}),
    "slopes per key head": (ValueError, r"slopes must have shape \[Hq=4\]", {"slopes": torch.rand(2)}),
    "slopes are whole numbers": (TypeError, r"slopes must be floating", {"slopes": torch.ones(4, dtype=torch.int64)}),
    "cu_seqlens is int64": (TypeError, r"cu_seqlens must be int32", {"cu_seqlens": ints(0, 4, 10, dtype=torch.int64)}),
    "cu_seqlens is a single number": (ValueError, r"cu_seqlens must have shape", {"cu_seqlens": ints(0)}),
    "cu_seqlens has two axes": (ValueError, r"cu_seqlens must have shape", {"cu_seqlens": ints([0, 4, 10])}),
    "cu_seqlens starts late": (ValueError, r"cu_seqlens must start at 0; got 1", {"cu_seqlens": ints(1, 4, 10)}),
    "cu_seqlens decreases": (ValueError, r"cu_seqlens must not decrease; got 12 and", {"cu_seqlens": ints(0, 12, 10)}),
    "cu_seqlens ends early": (ValueError, r"cu_seqlens must end at .*10; got 9", {"cu_seqlens": ints(0, 4, 9)}),
    "cu_seqlens ends late": (ValueError, r"cu_seqlens must end at .*10; got 11", {"cu_seqlens": ints(0, 4, 11)}),
    "two rows with cu_seqlens": (
        ValueError,
        r"q must have B = 1",
        {"q": torch.randn(2, 10, 4, 8), "k": torch.randn(2, 10, 2, 8), "v": torch.randn(2, 10, 2, 6)},
    ),
    "state for fewer sequences": (
        ValueError,
        r"initial_state must have shape",
        {"initial_state": torch.randn(1, 4, 8, 6)},
    ),
    "state per key head": (ValueError, r"initial_state must have shape", {"initial_state": torch.randn(2, 2, 8, 6)}),
    "state is bfloat16": (TypeError, r"initial_state must be", {"initial_state": torch.randn(2, 4, 8, 6).bfloat16()}),
    "state is float64": (TypeError, r"initial_state must be", {"initial_state": torch.randn(2, 4, 8, 6).double()}),
    "scale is a text": (TypeError, r"scale must be a number", {"scale": "1"}),
    "chunk_size is zero": (ValueError, r"chunk_size must be a positive", {"chunk_size": 0}),
    "chunk_size is a fraction": (TypeError, r"chunk_size must be a positive", {"chunk_size": 1.5}),
    "impl has no such name": (ValueError, r"impl must be one of auto, .*got 'flash'", {"impl": "flash"}),
    "group is a number": (TypeError, r"group must be a torch.distributed", {"group": 3}),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case) -> None:
    kind, text, change = BAD[case]
    with pytest.raises(kind, match=r"^lightning(_attention)?: " + text) as caught:
        lightning_attention(**(good() | change))
    assert isinstance(caught.value, ComposeKitError)


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named_in_a_whole_graph(case) -> None:
    """The same error of the same kind, where Dynamo would make its own of an exception in traced code; any size."""
    kind, text, change = BAD[case]
    torch._dynamo.reset()
    compiled = torch.compile(lightning_attention, backend="aot_eager", fullgraph=True, dynamic=True)
    with pytest.raises(kind, match=r"^lightning(_attention)?: " + text) as caught:
        compiled(**(good() | change))
    assert isinstance(caught.value, ComposeKitError)


def test_bad_input_is_named_in_a_whole_graph_that_goes_on() -> None:
    """What follows the call is traced over a tensor that stands in for the result; other calls are not harmed."""
    torch._dynamo.reset()
    weight = torch.randn(6, 3)

    def model(q, k, v, slopes):
        found = lightning_attention(q, k, v, slopes, output_final_state=True)
        return found.out @ weight, found.final_state.sum()

    compiled = torch.compile(model, backend="aot_eager", fullgraph=True)
    q, k, v, slopes, *_ = good().values()
    for _ in range(2):
        with pytest.raises(ValueError, match=r"^lightning_attention: q must have a multiple"):
            compiled(q, k[:, :, :1].expand(-1, -1, 3, -1), v[:, :, :1].expand(-1, -1, 3, -1), slopes)
        assert compiled(q, k, v, slopes)[0].shape == (1, 10, 4, 3)


def test_data_errors_keep_their_type_under_fullgraph() -> None:
    torch._dynamo.reset()
    compiled = torch.compile(lightning_attention, backend="aot_eager", fullgraph=True)
    arguments = good()
    compiled(**arguments)
    for wrong in ((0, 12, 10), (1, 4, 10), (0, 4, 9)):
        with pytest.raises(ComposeKitError, match=r"^lightning_attention: cu_seqlens must"):
            compiled(**arguments | {"cu_seqlens": ints(*wrong)})


@pytest.mark.parametrize("impl", ["reference", "chunked"])
def test_data_errors_on_every_portable_path(impl) -> None:
    with pytest.raises(ComposeKitError, match="must end at"):
        lightning_attention(**good() | {"cu_seqlens": ints(0, 4, 9), "impl": impl})


def test_slopes_of_another_precision_are_taken() -> None:
    q = torch.randn(1, 5, 2, 4, dtype=torch.float64)
    for dtype in (torch.float32, torch.float64):
        slopes = alibi_slopes(2).to(dtype).requires_grad_()
        lightning_attention(q, q, q, slopes).out.sum().backward()
        assert slopes.grad.dtype == dtype
