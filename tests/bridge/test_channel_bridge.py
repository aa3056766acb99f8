"""Every path of channel_bridge is concatenate, normalise, Linear: forward, gradients, padding and bytes."""

from __future__ import annotations

import weakref
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from composekit import ComposeKitError
from composekit.bridge import ChannelBridge, channel_bridge

NORMS = ("none", "layer_rms", "joint_ln")
LAYOUTS = ("layer_major", "channel_major")
IMPLS = ("reference", "sum", "pack")


def naive(
    taps: list[Tensor],
    weight: Tensor,
    bias: Tensor | None,
    gamma: Tensor | None,
    beta: Tensor | None,
    norm: str,
    layout: str,
    eps: float,
) -> Tensor:
    """What a user would write with torch's own layers."""
    if norm == "layer_rms":
        taps = [F.rms_norm(h, h.shape[-1:], eps=eps) for h in taps]
    x = torch.cat(taps, -1) if layout == "layer_major" else torch.stack(taps, -1).flatten(-2)
    if norm == "joint_ln":
        x = F.layer_norm(x, x.shape[-1:], gamma, beta, eps)
    elif gamma is not None:
        x = x * gamma
    return F.linear(x, weight, bias)


def problem(
    norm: str, *, layers: int = 3, dim: int = 5, out: int = 4, rows: tuple[int, ...] = (2, 3), seed: int = 0
) -> tuple[list[Tensor], dict[str, Tensor | None]]:
    generator = torch.Generator().manual_seed(seed)

    def draw(*shape: int) -> Tensor:
        return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()

    # every tap has a scale and an offset of its own, as the layers of a residual stream do
    taps = [(draw(*rows, dim) * (3.0**i) + i).detach().requires_grad_() for i in range(layers)]
    parameters = {
        "weight": draw(out, layers * dim),
        "bias": draw(out),
        "norm_weight": None if norm == "none" else draw(layers * dim),
        "norm_bias": draw(layers * dim) if norm == "joint_ln" else None,
    }
    return taps, parameters


def gradients(y: Tensor, taps: list[Tensor], parameters: dict[str, Tensor | None]) -> dict[str, Tensor]:
    leaves = {f"hiddens[{i}]": h for i, h in enumerate(taps)} | {k: p for k, p in parameters.items() if p is not None}
    cotangent = torch.linspace(-1, 2, y.numel(), dtype=y.dtype).view_as(y)
    return dict(zip(leaves, torch.autograd.grad(y, list(leaves.values()), cotangent), strict=True))


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("norm", NORMS)
def test_equals_concatenate_normalise_linear(norm: str, layout: str, impl: str) -> None:
    taps, parameters = problem(norm)
    y = channel_bridge(taps, **parameters, norm=norm, layout=layout, eps=1e-5, impl=impl)
    want = naive(
        taps,
        parameters["weight"],
        parameters["bias"],
        parameters["norm_weight"],
        parameters["norm_bias"],
        norm,
        layout,
        1e-5,
    )
    torch.testing.assert_close(y, want, rtol=1e-12, atol=1e-12)
    wanted = gradients(want, taps, parameters)
    for name, got in gradients(y, taps, parameters).items():
        torch.testing.assert_close(got, wanted[name], rtol=1e-10, atol=1e-10, msg=lambda m, name=name: f"{name}: {m}")


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("norm", NORMS)
def test_gradcheck(norm: str, layout: str, impl: str) -> None:
    taps, parameters = problem(norm, layers=2, dim=3, out=2, rows=(2,))
    names = [name for name, value in parameters.items() if value is not None]

    def run(*leaves: Tensor) -> Tensor:
        named = dict(zip(names, leaves[2:], strict=True))
        return channel_bridge(leaves[:2], **named, norm=norm, layout=layout, impl=impl)

    assert torch.autograd.gradcheck(run, (*taps, *(parameters[name] for name in names)))


@given(
    st.integers(1, 4), st.integers(1, 5), st.integers(1, 4), st.lists(st.integers(0, 4), max_size=3),
    st.sampled_from(NORMS), st.sampled_from(LAYOUTS), st.sampled_from(["sum", "pack"]), st.booleans(),
)  # fmt: skip
def test_all_shapes_agree_with_the_reference(
    layers: int, dim: int, out: int, rows: list[int], norm: str, layout: str, impl: str, masked: bool
) -> None:
    taps, parameters = problem(norm, layers=layers, dim=dim, out=out, rows=tuple(rows))
    mask = (torch.arange(taps[0][..., 0].numel()).view(rows) % 3 != 1) if masked else None
    # a tap that is not contiguous
    taps[0] = taps[0].detach().expand(2, *taps[0].shape).movedim(0, -1)[..., 1].requires_grad_()
    y = channel_bridge(taps, **parameters, norm=norm, layout=layout, mask=mask, impl=impl)
    want = channel_bridge(taps, **parameters, norm=norm, layout=layout, mask=mask, impl="reference")
    assert y.shape == (*rows, out)
    torch.testing.assert_close(y, want, rtol=1e-11, atol=1e-11)
    wanted = gradients(want, taps, parameters)
    for name, got in gradients(y, taps, parameters).items():
        torch.testing.assert_close(got, wanted[name], rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("norm", NORMS)
def test_masked_rows_are_never_read(norm: str, impl: str) -> None:
    taps, parameters = problem(norm, rows=(2, 4))
    mask = torch.tensor([[True, True, False, True], [False, True, True, True]])
    poisoned = [torch.where(mask[..., None], h, torch.nan).detach().requires_grad_() for h in taps]
    clean = channel_bridge(taps, **parameters, norm=norm, impl=impl)
    y = channel_bridge(poisoned, **parameters, norm=norm, mask=mask, impl=impl)
    torch.testing.assert_close(y, torch.where(mask[..., None], clean, 0.0), rtol=1e-12, atol=1e-12)
    # NaN comes back from above too
    cotangent = torch.where(mask[..., None], torch.ones_like(y), torch.nan)
    leaves = [p for p in parameters.values() if p is not None]
    got = torch.autograd.grad(y, [*poisoned, *leaves], cotangent)
    want = torch.autograd.grad(torch.where(mask[..., None], clean, 0.0).sum(), [*taps, *leaves])
    for a, b in zip(got, want, strict=True):
        torch.testing.assert_close(a, b, rtol=1e-10, atol=1e-10)
    for grad in got[: len(taps)]:
        assert grad[~mask].abs().sum() == 0


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("norm", NORMS)
def test_permuting_taps_with_their_blocks_changes_nothing(norm: str, impl: str) -> None:
    taps, parameters = problem(norm)
    order = [2, 0, 1]
    moved = {
        name: None
        if p is None
        else p
        if name == "bias"
        else torch.cat([p.unflatten(-1, (3, 5))[..., i, :] for i in order], -1)
        for name, p in parameters.items()
    }
    y = channel_bridge(taps, **parameters, norm=norm, impl=impl)
    torch.testing.assert_close(channel_bridge([taps[i] for i in order], **moved, norm=norm, impl=impl), y)


def relative(x: Tensor, exact: Tensor) -> float:
    return ((x.double() - exact).norm() / exact.norm()).item()


@pytest.mark.parametrize("impl", IMPLS)
@pytest.mark.parametrize("norm", NORMS)
def test_bf16_is_no_worse_than_rounding_the_exact_result(norm: str, impl: str) -> None:
    """Sums are kept in float32: what remains is the rounding of the result, and of the packed taps."""
    generator = torch.Generator().manual_seed(0)
    taps = [torch.randn(64, 96, generator=generator) for _ in range(6)]
    for i, h in enumerate(taps):
        h[:, 7] *= 300.0 * (i + 1)  # a massive activation
    weight = torch.randn(48, 6 * 96, generator=generator) / 24
    low, w = [h.bfloat16() for h in taps], weight.bfloat16()
    exact = channel_bridge([h.double() for h in low], w.double(), norm=norm, impl="reference")
    rounding = relative(exact.bfloat16(), exact)
    got = channel_bridge(low, w, norm=norm, impl=impl)
    assert got.dtype == torch.bfloat16
    # the packed buffer rounds the normalised taps once more
    assert relative(got, exact) <= rounding * (2.0 if impl == "pack" else 1.05)
    accumulated_low = torch.zeros_like(got)
    for h, part in zip(low, w.unflatten(-1, (6, 96)).unbind(1), strict=True):
        scale = torch.rsqrt(h.float().square().mean(-1, keepdim=True) + 1e-6) if norm == "layer_rms" else 1.0
        accumulated_low += (h.float() * scale).bfloat16() @ part.T
    if norm != "joint_ln":
        assert relative(got, exact) < relative(accumulated_low, exact)


@pytest.mark.parametrize("norm", NORMS)
def test_bf16_gradients_stay_close_to_exact_ones(norm: str) -> None:
    taps, parameters = problem(norm, layers=4, dim=32, out=16, rows=(40,))
    low = [h.detach().bfloat16().requires_grad_() for h in taps]
    small = {k: None if p is None else p.detach().bfloat16().requires_grad_() for k, p in parameters.items()}
    wide = [h.detach().double().requires_grad_() for h in low]
    large = {k: None if p is None else p.detach().double().requires_grad_() for k, p in small.items()}
    want = gradients(channel_bridge(wide, **large, norm=norm, impl="reference"), wide, large)
    eager = gradients(channel_bridge(low, **small, norm=norm, impl="reference"), low, small)
    for name, got in gradients(channel_bridge(low, **small, norm=norm, impl="sum"), low, small).items():
        assert relative(got, want[name]) <= 2 * relative(eager[name], want[name]), name


def test_statistics_survive_an_offset_that_float32_squares_would_lose() -> None:
    generator = torch.Generator().manual_seed(0)
    taps = [3000 + torch.randn(8, 64, generator=generator, dtype=torch.float64) for _ in range(3)]
    weight = torch.randn(4, 192, generator=generator, dtype=torch.float64) / 14
    single = [h.float() for h in taps]
    exact = channel_bridge([h.double() for h in single], weight, norm="joint_ln", impl="reference")
    for impl, bound in (("reference", 1e-3), ("pack", 1e-3), ("sum", 1e-2)):  # sum takes mu u off a large product
        assert relative(channel_bridge(single, weight.float(), norm="joint_ln", impl=impl), exact) < bound
    # the mean square minus the squared mean is what must not be used: its variance is off by its own size
    x = torch.cat(single, -1)
    assert ((x.square().mean(-1) - x.mean(-1).square()) / x.double().var(-1, correction=0) - 1).abs().max() > 0.05


@pytest.mark.parametrize("impl", ["sum", "pack"])
@pytest.mark.parametrize(("norm", "extra"), [("none", 0), ("layer_rms", 4 * 3 * 40), ("joint_ln", 2 * 4 * 40)])
def test_saved_for_backward_is_what_the_formula_says(norm: str, extra: int, impl: str) -> None:
    taps, parameters = problem(norm, layers=3, dim=16, out=8, rows=(4, 10))
    taps = [h.detach().float().requires_grad_() for h in taps]
    parameters = {k: None if p is None else p.detach().float().requires_grad_() for k, p in parameters.items()}
    known = {t.untyped_storage().data_ptr() for t in [*taps, *(p for p in parameters.values() if p is not None)]}
    saved: dict[int, int] = {}

    def pack(t: Tensor) -> Tensor:
        storage = t.untyped_storage()
        if storage.data_ptr() not in known and storage.nbytes():
            saved[storage.data_ptr()] = storage.nbytes()
        return t

    with torch.autograd.graph.saved_tensors_hooks(pack, lambda t: t):
        y = channel_bridge(taps, **parameters, norm=norm, impl=impl)
    assert sum(saved.values()) == extra
    y.sum().backward()


class LiveBytes(TorchDispatchMode):
    """The most bytes that tensors of at least ``least`` elements held at once, among those made in the block."""

    def __init__(self, least: int) -> None:
        super().__init__()
        self.least, self.alive, self.peak = least, 0, 0
        self.known: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        given = {t.untyped_storage()._cdata for t in tree_leaves((args, kwargs)) if isinstance(t, Tensor)}
        for t in tree_leaves(out):
            key = t.untyped_storage()._cdata if isinstance(t, Tensor) else 0
            if isinstance(t, Tensor) and t.numel() >= self.least and key not in given | self.known:
                self.known.add(key)
                self.alive += t.untyped_storage().nbytes()
                self.peak = max(self.peak, self.alive)
                weakref.finalize(t.untyped_storage(), self.gone, key, t.untyped_storage().nbytes())
        return out

    def gone(self, key: int, size: int) -> None:
        self.known.discard(key)
        self.alive -= size


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("impl", ["sum", "pack"])
def test_peak_bytes_of_inference_are_what_the_formula_says(norm: str, impl: str) -> None:
    layers, dim, rows = 6, 64, 2048  # more rows than one chunk, so that scratch stays below a tensor of all rows
    taps = [torch.randn(rows, dim).bfloat16() for _ in range(layers)]
    bridge = ChannelBridge(layers, dim, dim, norm=norm).bfloat16()
    with torch.no_grad(), LiveBytes(rows * dim) as live:
        bridge(taps, impl=impl)
    result = rows * dim * 2
    assert live.peak == (rows * dim * 4 + result if impl == "sum" else layers * result + result)


def test_frozen_inputs_get_no_gradient_and_cost_none() -> None:
    taps, parameters = problem("joint_ln")
    frozen = [h.detach() for h in taps]
    channel_bridge(frozen, **parameters, norm="joint_ln", impl="sum").sum().backward()
    got = {k: p.grad for k, p in parameters.items()}
    want = gradients_of_sum(taps, parameters)
    for name, grad in got.items():
        torch.testing.assert_close(grad, want[name])
    only = [taps[0], *frozen[1:]]
    fixed = {k: None if p is None else p.detach() for k, p in parameters.items()}
    (grad,) = torch.autograd.grad(channel_bridge(only, **fixed, norm="joint_ln", impl="sum").sum(), only[:1])
    torch.testing.assert_close(grad, want["hiddens[0]"])


def gradients_of_sum(taps: list[Tensor], parameters: dict[str, Any]) -> dict[str, Tensor]:
    leaves = {f"hiddens[{i}]": h for i, h in enumerate(taps)} | parameters
    y = channel_bridge(taps, **parameters, norm="joint_ln", impl="reference")
    return dict(zip(leaves, torch.autograd.grad(y.sum(), list(leaves.values())), strict=True))


def test_more_rows_than_one_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    from composekit.bridge import _channel_math

    monkeypatch.setitem(_channel_math._ROWS, "cpu", 4)
    for norm in NORMS:
        taps, parameters = problem(norm, rows=(3, 5))
        want = channel_bridge(taps, **parameters, norm=norm, impl="reference")
        for impl in ("sum", "pack"):
            y = channel_bridge(taps, **parameters, norm=norm, impl=impl)
            torch.testing.assert_close(y, want)
            wanted = gradients(want, taps, parameters)
            for name, got in gradients(y, taps, parameters).items():
                torch.testing.assert_close(got, wanted[name])
            want = channel_bridge(taps, **parameters, norm=norm, impl="reference")


def test_second_derivatives_need_the_reference() -> None:
    taps, parameters = problem("layer_rms")
    y = channel_bridge(taps, **parameters, norm="layer_rms", impl="sum")
    with pytest.raises(ValueError, match="derivatives of derivatives"):
        torch.autograd.grad(y.sum(), taps, create_graph=True)
    y = channel_bridge(taps, **parameters, norm="layer_rms", impl="reference")
    (grad, *_) = torch.autograd.grad(y.square().sum(), taps, create_graph=True)
    grad.square().sum().backward()


def test_autocast_does_not_reach_the_statistics() -> None:
    taps, parameters = problem("layer_rms")
    taps = [h.detach().float() for h in taps]
    parameters = {k: None if p is None else p.detach().float() for k, p in parameters.items()}
    want = channel_bridge(taps, **parameters, norm="layer_rms")
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(channel_bridge(taps, **parameters, norm="layer_rms"), want)


def test_a_wide_bridge_reads_a_low_precision_reader() -> None:
    taps = [torch.randn(3, 8).bfloat16() for _ in range(2)]
    weight = torch.randn(4, 16)
    for impl in IMPLS:
        y = channel_bridge(taps, weight, impl=impl)
        assert y.dtype == torch.float32
        torch.testing.assert_close(y, torch.cat(taps, -1).float() @ weight.T)


BAD: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"norm": "rms"}, ValueError, "norm must be one of"),
    ({"layout": "mixed"}, ValueError, "layout must be one of"),
    ({"impl": "triton"}, ValueError, "impl must"),
    ({"impl": "fast"}, ValueError, "impl must be one of auto"),
    ({"hiddens": []}, ValueError, "hiddens must hold at least one"),
    ({"hiddens": [torch.zeros(2, 4), torch.zeros(3, 4)]}, ValueError, r"hiddens\[1\] must have the shape"),
    ({"hiddens": [torch.zeros(2, 4), torch.zeros(2, 4).double()]}, TypeError, r"hiddens\[1\] must be torch.float32"),
    ({"hiddens": [torch.zeros(2, 4, dtype=torch.long)] * 2}, TypeError, "floating point"),
    ({"weight": torch.zeros(3, 7)}, ValueError, "weight must have shape"),
    ({"bias": torch.zeros(4)}, ValueError, "bias must have shape"),
    ({"norm": "layer_rms", "norm_weight": torch.zeros(4)}, ValueError, "norm_weight must have shape"),
    ({"norm": "layer_rms", "norm_bias": torch.zeros(8)}, ValueError, "norm_bias must come with"),
    ({"mask": torch.ones(3, dtype=torch.bool)}, ValueError, "mask must have shape"),
    ({"mask": torch.ones(2)}, TypeError, "mask must be bool"),
]


@pytest.mark.parametrize(("change", "kind", "text"), BAD, ids=lambda x: str(x)[:40])
def test_bad_input_is_named(change: dict[str, Any], kind: type[Exception], text: str) -> None:
    arguments: dict[str, Any] = {"hiddens": [torch.zeros(2, 4)] * 2, "weight": torch.zeros(3, 8), **change}
    with pytest.raises(kind, match=f"^channel_bridge: .*{text}") as caught:
        channel_bridge(**arguments)
    assert isinstance(caught.value, ComposeKitError)


def test_the_module_is_the_function() -> None:
    for norm in NORMS:
        bridge = ChannelBridge(3, 5, 4, norm=norm, layout="channel_major").double()
        taps, _ = problem(norm)
        want = channel_bridge(
            taps,
            bridge.weight,
            bridge.bias,
            norm=norm,
            norm_weight=bridge.norm_weight,
            norm_bias=bridge.norm_bias,
            layout="channel_major",
        )
        assert torch.equal(bridge(taps), want)
    assert bridge.weight.shape == (4, 15)
    with pytest.raises(ValueError, match="hold 3 taps"):
        bridge(taps[:2])
    assert ChannelBridge(3, 5, 4, bias=False).bias is None
