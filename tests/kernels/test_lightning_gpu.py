"""Linear attention at real sizes, on a card: segments as chosen, every tile that a tuner may pick, CUDA graphs."""

from __future__ import annotations

import pytest
import torch

from composekit.attention import alibi_slopes, decode, lightning_attention
from composekit.testing import assert_close

lightning_tiles = pytest.importorskip("composekit_kernels.triton.lightning_tiles", exc_type=ImportError)

pytestmark = pytest.mark.gpu

OPTIONS = {"output_final_state": True, "impl": "triton"}


def inputs(tokens: int, heads: int = 4, shared: int = 2, channels: int = 128, dtype=torch.bfloat16):  # type: ignore[no-untyped-def]
    q, k, v = (torch.randn(1, tokens, h, channels, device="cuda").to(dtype) for h in (heads, shared, shared))
    return q, k, v, alibi_slopes(heads, device="cuda")


def agree(q, k, v, slopes, cu=None) -> None:  # type: ignore[no-untyped-def]
    """Forward and backward against the same kernels' mathematics in float64, chunked."""
    low = [x.clone().requires_grad_() for x in (q, k, v, slopes)]
    wide = [x.double().requires_grad_() for x in (q, k, v, slopes)]
    got = lightning_attention(*low, cu_seqlens=cu, **OPTIONS)
    want = lightning_attention(*wide, cu_seqlens=cu, output_final_state=True, impl="chunked")
    weight, state = torch.randn_like(got.out), torch.randn_like(got.final_state)
    grads = torch.autograd.grad(got, low, (weight, state))
    exact = torch.autograd.grad(want, wide, (weight.double(), state.double()))
    rtol = 4 * max(torch.finfo(q.dtype).eps, 1e-6)
    for name, a, b in zip(("out", "state", "dq", "dk", "dv", "dslopes"), (*got, *grads), (*want, *exact), strict=True):
        assert_close(a, b.to(a.dtype), rtol=rtol, name=name)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
@pytest.mark.parametrize("channels", [16, 80, 128, 256])
def test_thousands_of_tokens_in_segments(dtype, channels) -> None:
    agree(*inputs(3001, channels=channels, dtype=dtype))


def test_packed_thousands() -> None:
    cu = torch.tensor([0, 1, 1, 700, 2900, 3001], dtype=torch.int32, device="cuda")
    agree(*inputs(3001), cu)


@pytest.mark.parametrize("tile", lightning_tiles.CANDIDATES, ids=str)
def test_every_candidate_tile_is_right_or_does_not_fit(tile, monkeypatch) -> None:
    from triton.runtime.errors import OutOfResources

    row = dict.fromkeys((64, 128, 256), tile)
    for products in ("group", "single"):
        monkeypatch.setitem(lightning_tiles.PINNED, ("walk", products), row)
    try:
        agree(*inputs(1000))
    except OutOfResources:
        pytest.skip("needs more shared memory than this card has")


def test_decoding_in_a_cuda_graph() -> None:
    q, k, v, slopes = inputs(6, heads=4, shared=4)
    state = torch.zeros(1, 4, 128, 128, device="cuda")
    token = [x[:, :1].clone() for x in (q, k, v)]

    def step():  # type: ignore[no-untyped-def]
        return decode.lightning_decode(*token, slopes, state, 128**-0.5, "triton")

    step()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        out = step()
    state.zero_()
    outs = []
    for t in range(6):
        for held, x in zip(token, (q, k, v), strict=True):
            held.copy_(x[:, t : t + 1])
        graph.replay()
        outs.append(out.clone())
    want = lightning_attention(q.double(), k.double(), v.double(), slopes, output_final_state=True, impl="reference")
    assert_close(torch.cat(outs, 1), want.out.bfloat16(), rtol=4 * torch.finfo(torch.bfloat16).eps)
    assert_close(state, want.final_state.float(), rtol=1e-5)


def test_a_forward_in_a_cuda_graph() -> None:
    q, k, v, slopes = inputs(2000)
    cu = torch.tensor([0, 900, 2000], dtype=torch.int32, device="cuda")
    eager = lightning_attention(q, k, v, slopes, cu_seqlens=cu, **OPTIONS)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        held = lightning_attention(q, k, v, slopes, cu_seqlens=cu, **OPTIONS)
    graph.replay()
    assert torch.equal(held.out, eager.out)
    assert torch.equal(held.final_state, eager.final_state)
