"""The connector reads every real position of a sample and no other."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from composekit import ComposeKitError
from composekit.bridge import BridgeConnector

DIM = 16


def connector(rope: bool = False, **changes: Any) -> BridgeConnector:
    torch.manual_seed(1)
    options: dict[str, Any] = {"depth": 2, "heads": 2, "mlp_dim": 24, "rope": rope, **changes}
    return BridgeConnector(DIM, **options).double()


def draw(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, DIM, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("final_norm", [True, False])
def test_is_the_siglip_encoder(final_norm: bool) -> None:
    """An independent implementation of the same block: pre-norm, biases, tanh-GELU, no positions."""
    from transformers import SiglipVisionConfig
    from transformers.models.siglip.modeling_siglip import SiglipEncoderLayer

    ours = connector(final_norm=final_norm)
    config = SiglipVisionConfig(
        hidden_size=DIM, num_attention_heads=2, intermediate_size=24, layer_norm_eps=1e-6, attn_implementation="sdpa"
    )
    x = y = draw(2, 5)
    for block in ours.blocks:
        theirs = SiglipEncoderLayer(config).double().eval()
        q, k, v = block.qkv.weight.chunk(3)
        bq, bk, bv = block.qkv.bias.chunk(3)
        names = {
            "q_proj": (q, bq),
            "k_proj": (k, bk),
            "v_proj": (v, bv),
            "out_proj": (block.out.weight, block.out.bias),
        }
        state = {
            f"self_attn.{n}.{kind}": t
            for n, pair in names.items()
            for kind, t in zip(("weight", "bias"), pair, strict=True)
        }
        for name, module in {
            "layer_norm1": block.norm1,
            "layer_norm2": block.norm2,
            "mlp.fc1": block.fc1,
            "mlp.fc2": block.fc2,
        }.items():
            state |= {f"{name}.weight": module.weight, f"{name}.bias": module.bias}
        theirs.load_state_dict(state)
        y = theirs(y, attention_mask=None)
        y = y[0] if isinstance(y, tuple) else y
    if final_norm:
        y = nn.functional.layer_norm(y, (DIM,), eps=1e-6)
    torch.testing.assert_close(ours(x), y, rtol=1e-12, atol=1e-12)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=3), st.integers(0, 4), st.booleans(), st.booleans())
def test_padding_changes_nothing(lengths: list[int], more: int, left: bool, rope: bool) -> None:
    module, width = connector(rope), max(lengths) + more
    x = torch.full((len(lengths), width, DIM), torch.nan, dtype=torch.float64)
    mask = torch.zeros(len(lengths), width, dtype=torch.bool)
    for b, n in enumerate(lengths):
        real = slice(width - n, width) if left else slice(0, n)
        x[b, real], mask[b, real] = draw(n, seed=b), True
    x.requires_grad_()
    y = module(x, mask=mask)
    assert y[~mask].abs().sum() == 0
    (grad,) = torch.autograd.grad(y.square().sum(), x)
    assert grad[~mask].abs().sum() == 0
    for b, n in enumerate(lengths):
        alone = draw(1, n, seed=b).requires_grad_()
        want = module(alone)
        torch.testing.assert_close(y[b, mask[b]], want[0], rtol=1e-10, atol=1e-10)
        (own,) = torch.autograd.grad(want.square().sum(), alone)
        torch.testing.assert_close(grad[b, mask[b]], own[0], rtol=1e-9, atol=1e-9)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=4).filter(any), st.booleans())
def test_packed_is_separate_calls(lengths: list[int], rope: bool) -> None:
    module = connector(rope)
    rows = [draw(1, n, seed=i) for i, n in enumerate(lengths)]
    cu = torch.tensor([0, *torch.tensor(lengths).cumsum(0).tolist()], dtype=torch.int32)
    packed = module(torch.cat(rows, 1), cu_seqlens=cu)
    apart = torch.cat([module(r) for r in rows if r.shape[1]], 1)
    torch.testing.assert_close(packed, apart, rtol=1e-10, atol=1e-10)


def test_without_positions_order_is_content_and_with_rope_it_is_not() -> None:
    x, order = draw(1, 6), torch.tensor([3, 0, 5, 1, 4, 2])
    plain, rope = connector(), connector(rope=True)
    torch.testing.assert_close(plain(x[:, order]), plain(x)[:, order])
    assert not torch.allclose(rope(x[:, order]), rope(x)[:, order], atol=1e-4)


def test_every_position_reads_every_other_one() -> None:
    x = draw(1, 4).requires_grad_()
    module = connector()
    for t in range(4):
        (grad,) = torch.autograd.grad(module(x)[0, t].square().sum(), x)
        assert (grad[0].abs().sum(-1) > 0).all()


def test_a_row_of_padding_alone_is_zero_and_harmless() -> None:
    module, x = connector(), draw(2, 3).requires_grad_()
    y = module(x, mask=torch.tensor([[True, True, True], [False, False, False]]))
    y.square().sum().backward()
    assert y[1].abs().sum() == 0
    assert all(p.grad is not None and p.grad.isfinite().all() for p in module.parameters())


@pytest.mark.parametrize("rope", [False, True])
def test_gradient_checkpointing_gives_the_same_gradients(rope: bool) -> None:
    module, x = connector(rope).train(), draw(2, 5)
    mask = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]])
    want = torch.autograd.grad(module(x, mask=mask).square().sum(), list(module.parameters()))
    saved: dict[bool, int] = {}
    for on in (False, True):
        module.gradient_checkpointing = on
        count = 0

        def pack(t: Tensor) -> Tensor:
            nonlocal count
            count += t.numel()
            return t

        with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
            y = module(x, mask=mask)
        saved[on] = count
        got = torch.autograd.grad(y.square().sum(), list(module.parameters()))
        for a, b in zip(got, want, strict=True):
            torch.testing.assert_close(a, b, rtol=1e-12, atol=1e-12)
    assert saved[True] < saved[False] / 3


def test_bf16_runs() -> None:
    module = connector(rope=True).to(torch.bfloat16)
    assert module(draw(1, 4).bfloat16(), mask=torch.ones(1, 4, dtype=torch.bool)).dtype == torch.bfloat16


BAD: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"x": torch.zeros(1, 3, 4)}, ValueError, "x must have shape"),
    ({"mask": torch.ones(1, 2, dtype=torch.bool)}, ValueError, "mask must have shape"),
    ({"mask": torch.ones(1, 3)}, TypeError, "mask must be bool"),
    ({"cu_seqlens": torch.tensor([0, 4])}, ValueError, "cu_seqlens must rise"),
    (
        {"cu_seqlens": torch.tensor([0, 3]), "mask": torch.ones(1, 3, dtype=torch.bool)},
        ValueError,
        "mask must be left out",
    ),
]


@pytest.mark.parametrize(("change", "kind", "text"), BAD, ids=lambda x: str(x)[:40])
def test_bad_input_is_named(change: dict[str, Any], kind: type[Exception], text: str) -> None:
    arguments: dict[str, Any] = {"x": draw(1, 3), **change}
    with pytest.raises(kind, match=f"^BridgeConnector: {text}") as caught:
        connector()(arguments.pop("x"), **arguments)
    assert isinstance(caught.value, ComposeKitError)


def test_sizes_must_fit() -> None:
    with pytest.raises(ValueError, match="heads must divide dim"):
        BridgeConnector(10, depth=1, heads=3, mlp_dim=8)
    with pytest.raises(ValueError, match="even number of channels"):
        BridgeConnector(6, depth=1, heads=2, mlp_dim=8, rope=True)
