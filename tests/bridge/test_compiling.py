"""Graphs: torch.compile(fullgraph=True) and torch.export, forward and backward, with lengths that change."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from composekit.bridge import (
    BridgeConnector,
    BridgeOutput,
    HiddenStateTap,
    StackedChannelBridge,
    ThinkTokens,
    channel_bridge,
)

LAYERS = (3, 1)


@pytest.fixture(autouse=True)
def _seeds_and_poison() -> None:
    """Seeds alone: a poisoned torch.empty cannot be traced."""
    torch.manual_seed(0)
    torch._dynamo.reset()


def compiled(fn: Any, **options: Any) -> Any:
    return torch.compile(fn, fullgraph=True, backend="aot_eager", **options)


def ids(length: int, batch: int = 1) -> Tensor:
    return torch.randint(0, 90, (batch, length), generator=torch.Generator().manual_seed(length))


def bridge(**changes: Any) -> StackedChannelBridge:
    options: dict[str, Any] = {
        "layers": LAYERS, "num_tokens": 3, "width": 16, "depth": 1, "heads": 2, "mlp_dim": 24, "out_dim": 12,
        "pooled_dim": 6, **changes,
    }  # fmt: skip
    torch.manual_seed(0)
    return StackedChannelBridge(32, **options).double()


def taps(batch: int, length: int) -> list[Tensor]:
    return [torch.randn(batch, length, 32, dtype=torch.float64).requires_grad_() for _ in LAYERS]


@pytest.mark.parametrize(("norm", "impl"), [("layer_rms", "sum"), ("joint_ln", "sum"), ("joint_ln", "pack")])
def test_channel_bridge(norm: str, impl: str) -> None:
    weight, gamma = (torch.randn(*s, dtype=torch.float64).requires_grad_() for s in ((6, 64), (64,)))

    def run(hiddens: list[Tensor], mask: Tensor) -> Tensor:
        scale = None if norm == "none" else gamma
        return channel_bridge(hiddens, weight, norm=norm, norm_weight=scale, mask=mask, impl=impl)

    fast = compiled(run, dynamic=True)
    for length in (5, 9):
        hiddens, mask = taps(2, length), torch.arange(length) < torch.tensor([[length], [3]])
        leaves = [*hiddens, weight, *([] if norm == "none" else [gamma])]
        got, want = fast(hiddens, mask), run(hiddens, mask)
        torch.testing.assert_close(got, want)
        wanted = torch.autograd.grad(want.square().sum(), leaves)
        for a, b in zip(torch.autograd.grad(got.square().sum(), leaves), wanted, strict=True):
            torch.testing.assert_close(a, b)


def test_metadata_is_checked_in_graphs_too() -> None:
    with pytest.raises(Exception, match="weight must have shape"):
        compiled(lambda h, w: channel_bridge([h, h], w))(torch.zeros(2, 4), torch.zeros(3, 7))


def test_think_tokens_padded_and_packed() -> None:
    think = ThinkTokens(3, 8)
    fast = compiled(think.extend, dynamic=True)
    for length in (4, 6):
        embeds, mask = torch.randn(2, length, 8), (torch.arange(length) < torch.tensor([[2], [length]])).long()
        for a, b in zip(fast(embeds, mask), think.extend(embeds, mask), strict=True):
            assert a is b is None or torch.equal(a, b)
    packed = compiled(lambda e, cu: think.extend(e, cu_seqlens=cu))
    row, cu = torch.randn(1, 7, 8), torch.tensor([0, 3, 7], dtype=torch.int32)
    for a, b in zip(packed(row, cu), think.extend(row, cu_seqlens=cu), strict=True):
        assert a is b is None or torch.equal(a, b)
    with pytest.raises(ValueError, match="cu_seqlens must rise from 0"):  # data are checked where they are
        packed(row, torch.tensor([0, 5, 6], dtype=torch.int32))


def test_connector_padded_and_packed() -> None:
    module, x = BridgeConnector(16, depth=2, heads=2, mlp_dim=24, rope=True).double(), torch.randn(2, 5, 16).double()
    mask, cu = torch.tensor([[1, 1, 1, 0, 0], [1, 1, 1, 1, 1]]), torch.tensor([0, 2, 5], dtype=torch.int32)
    torch.testing.assert_close(compiled(module)(x, mask=mask), module(x, mask=mask))
    torch.testing.assert_close(compiled(module)(x[:1], cu_seqlens=cu), module(x[:1], cu_seqlens=cu))


@pytest.mark.parametrize("emit", ["think", pytest.param("all", marks=pytest.mark.slow)])
def test_the_bridge_forward_and_backward(emit: str) -> None:
    module = bridge(emit=emit, norm="joint_ln")
    hiddens, mask = taps(2, 7), torch.arange(7) >= torch.tensor([[2], [0]])
    index = torch.tensor([[4, 5, 6]] * 2)
    leaves = [*hiddens, *(p for n, p in module.named_parameters() if not n.startswith("think"))]

    def loss(out: BridgeOutput) -> Tensor:
        assert out.pooled is not None
        return out.embeds.square().sum() + out.pooled.square().sum()

    got = compiled(module)(hiddens, mask=mask, think_index=index)
    want = module(hiddens, mask=mask, think_index=index)
    assert isinstance(got, BridgeOutput)
    torch.testing.assert_close(got.embeds, want.embeds)
    wanted = torch.autograd.grad(loss(want), leaves)
    for a, b in zip(torch.autograd.grad(loss(got), leaves), wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("mode", ["native", "stream"])
def test_a_compiled_reader_in_a_tap(llama_reader: nn.Module, mode: str) -> None:
    module = bridge().bridge
    extra = {"bridge": module} if mode == "stream" else {}
    with torch.no_grad():
        with HiddenStateTap(llama_reader, LAYERS) as plain:
            llama_reader(input_ids=ids(6), use_cache=False)
        with HiddenStateTap(llama_reader, LAYERS, mode, **extra) as tap:
            compiled(llama_reader)(input_ids=ids(6), use_cache=False)
    if mode == "stream":
        torch.testing.assert_close(tap.output, module(plain.states))
    else:
        torch.testing.assert_close(tap.states, plain.states)


@pytest.mark.parametrize("name", ["llama", pytest.param("qwen25vl", marks=pytest.mark.slow)])
def test_the_whole_way_in_one_graph(make_reader: Callable[[str], nn.Module], name: str) -> None:
    module, reader = bridge(), make_reader(name).double().eval().requires_grad_(False)
    module.encode(reader, input_ids=ids(3))

    def run(prompt: Tensor, mask: Tensor) -> Tensor:
        return module.encode(reader, input_ids=prompt, attention_mask=mask).embeds

    prompt, mask = ids(6, 2), torch.tensor([[0, 0, 1, 1, 1, 1], [1, 1, 1, 1, 1, 1]])
    got, want = compiled(run)(prompt, mask), run(prompt, mask)
    torch.testing.assert_close(got, want)
    (a,) = torch.autograd.grad(got.square().sum(), module.think.weight)
    (b,) = torch.autograd.grad(want.square().sum(), module.think.weight)
    torch.testing.assert_close(a, b)


def test_export_of_the_bridge_with_a_dynamic_length() -> None:
    module = bridge(emit="all").eval()

    class Wrapped(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bridge = module

        def forward(self, a: Tensor, b: Tensor, mask: Tensor) -> tuple[Tensor, Tensor | None, Tensor | None]:
            return self.bridge([a, b], mask=mask)[:3]

    length = torch.export.Dim("length", min=2, max=64)
    a, b = (h.detach() for h in taps(2, 7))
    mask = torch.ones(2, 7, dtype=torch.bool)
    dims = ({1: length},) * 3
    exported = torch.export.export(Wrapped(), (a, b, mask), dynamic_shapes=dims, strict=False).module()
    for n in (7, 11):
        a, b = (h.detach() for h in taps(2, n))
        mask = torch.arange(n) < torch.tensor([[n], [3]])
        for got, want in zip(exported(a, b, mask), Wrapped()(a, b, mask), strict=True):
            torch.testing.assert_close(got, want)


def test_export_of_reader_and_bridge(llama_reader: nn.Module) -> None:
    module = bridge().eval()
    module.encode(llama_reader, input_ids=ids(3))

    class Whole(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.bridge, self.reader = module, llama_reader

        def forward(self, prompt: Tensor, mask: Tensor) -> Tensor:
            return self.bridge.encode(self.reader, input_ids=prompt, attention_mask=mask).embeds

    mask = torch.tensor([[0, 1, 1, 1, 1]])
    exported = torch.export.export(Whole(), (ids(5), mask), strict=False).module()
    torch.testing.assert_close(exported(ids(5), mask), Whole()(ids(5), mask))


def test_the_operator_that_checks_data() -> None:
    op = torch.ops.composekit_bridge.checked_cu_seqlens.default
    torch.library.opcheck(op, (torch.tensor([0, 2, 5], dtype=torch.int32), 5, "demo"))


@pytest.mark.slow
def test_inductor() -> None:
    module = bridge(norm="joint_ln").float()
    hiddens, index = [h.detach().float() for h in taps(2, 7)], torch.tensor([[4, 5, 6]] * 2)
    mask = torch.arange(7) >= torch.tensor([[2], [0]])
    parameters = [p for n, p in module.named_parameters() if n.startswith("bridge")]
    fast = torch.compile(module, fullgraph=True)
    got, want = (m(hiddens, mask=mask, think_index=index).embeds for m in (fast, module))
    torch.testing.assert_close(got, want, rtol=1e-4, atol=1e-5)
    wanted = torch.autograd.grad(want.square().sum(), parameters)
    for a, b in zip(torch.autograd.grad(got.square().sum(), parameters), wanted, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-3, atol=1e-4)


def test_fullgraph_may_be_the_very_first_call() -> None:
    code = (
        "import torch\n"
        "from composekit.bridge import channel_bridge\n"
        "w = torch.randn(3, 8, requires_grad=True)\n"
        "f = torch.compile(lambda h: channel_bridge(h, w, norm='layer_rms'), fullgraph=True, backend='aot_eager')\n"
        "f([torch.randn(2, 4), torch.randn(2, 4)]).sum().backward()\n"
        "assert w.grad.abs().sum() > 0\n"
    )
    root = Path(__file__).resolve().parents[2]
    subprocess.run([sys.executable, "-c", code], cwd=root, check=True, timeout=300)
