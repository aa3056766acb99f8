"""The channel bridge in one launch, against the formula in float64; forward, statistics and gradients."""

from __future__ import annotations

import pytest
import torch

from composekit.bridge import channel_bridge
from composekit.testing import assert_close

pytestmark = [pytest.mark.interpret, pytest.mark.gpu]

# Taps, rows, channels, outputs: smaller than a tile, over its edge in every axis, one row, all eight taps.
SIZES = [(3, 5, 7, 9), (6, 70, 40, 66), (8, 1, 33, 24), (1, 129, 17, 34)]


def inputs(sizes: tuple[int, int, int, int], norm: str, device: str, *, affine: bool = True) -> dict:
    taps, rows, width, outs = sizes
    offset = 3.0  # a mean that is larger than the spread: naive variances would lose digits
    made = {
        "hiddens": [torch.randn(rows, width, device=device) + offset for _ in range(taps)],
        "weight": torch.randn(outs, taps * width, device=device),
        "bias": torch.randn(outs, device=device) if affine else None,
        "norm_weight": torch.randn(taps * width, device=device) if affine and norm != "none" else None,
        "norm_bias": torch.randn(taps * width, device=device) if affine and norm == "joint_ln" else None,
    }
    return {**made, "norm": norm}


def doubled(value: object) -> object:
    if isinstance(value, torch.Tensor) and value.is_floating_point():
        return value.double()
    return [doubled(v) for v in value] if isinstance(value, list) else value


@pytest.mark.parametrize("norm", ["none", "layer_rms", "joint_ln"])
@pytest.mark.parametrize("layout", ["layer_major", "channel_major"])
@pytest.mark.parametrize("sizes", SIZES, ids=str)
def test_forward_equals_the_formula(sizes: tuple[int, int, int, int], layout: str, norm: str, device: str) -> None:
    given = inputs(sizes, norm, device) | {"layout": layout}
    exact = channel_bridge(**{k: doubled(v) for k, v in given.items()}, impl="reference")
    plain = channel_bridge(**given, impl="reference")
    assert_close(channel_bridge(**given, impl="triton"), plain, exact=exact, factor=4.0)


@pytest.mark.parametrize("norm", ["none", "layer_rms", "joint_ln"])
def test_gradients_equal_those_of_the_formula(norm: str, device: str) -> None:
    given = inputs((3, 6, 10, 5), norm, device)
    names = [k for k, v in given.items() if isinstance(v, torch.Tensor)]
    leaves = [*given["hiddens"], *(given[k] for k in names)]
    for leaf in leaves:
        leaf.requires_grad_()
    direction = torch.randn(6, 5, device=device)
    found = torch.autograd.grad(channel_bridge(**given, impl="triton"), leaves, direction)
    plain = torch.autograd.grad(channel_bridge(**given, impl="reference"), leaves, direction)
    wide = {k: doubled(v) for k, v in given.items()}
    exact = torch.autograd.grad(
        channel_bridge(**wide, impl="reference"), [*wide["hiddens"], *(wide[k] for k in names)], direction.double()
    )
    for a, b, x in zip(found, plain, exact, strict=True):
        assert_close(a, b, exact=x, factor=4.0)


@pytest.mark.parametrize("norm", ["none", "layer_rms", "joint_ln"])
def test_masked_rows_are_never_read(norm: str, device: str) -> None:
    given = inputs((2, 9, 12, 4), norm, device)
    mask = torch.tensor([1, 1, 0, 1, 0, 0, 1, 1, 1], device=device, dtype=torch.bool)
    clean = channel_bridge(**given, mask=mask, impl="triton")
    for tap in given["hiddens"]:
        tap[~mask] = float("nan")
    poisoned = channel_bridge(**given, mask=mask, impl="triton")
    assert torch.equal(clean, poisoned)
    assert not poisoned[~mask].any()
    assert poisoned[mask].all()


def test_taps_of_any_shape_and_stride(device: str) -> None:
    given = inputs((2, 1, 6, 3), "layer_rms", device)
    given["hiddens"] = [torch.randn(6, 4, 2, device=device).permute(2, 1, 0) for _ in range(2)]
    straight = channel_bridge(**{**given, "hiddens": [h.contiguous() for h in given["hiddens"]]}, impl="triton")
    assert torch.equal(channel_bridge(**given, impl="triton"), straight)
    assert straight.shape == (2, 4, 3)


def test_no_rows_and_nine_taps(device: str) -> None:
    given = inputs((2, 0, 6, 3), "joint_ln", device)
    assert channel_bridge(**given, impl="triton").shape == (0, 3)
    with pytest.raises(ValueError, match="takes L from 1 to 8, not 9"):
        channel_bridge(**inputs((9, 2, 4, 3), "none", device), impl="triton")


def test_two_runs_are_bit_equal(device: str) -> None:
    given = inputs(SIZES[1], "joint_ln", device)
    assert torch.equal(channel_bridge(**given, impl="triton"), channel_bridge(**given, impl="triton"))


@pytest.mark.parametrize("norm", ["none", "layer_rms", "joint_ln"])
def test_operator_passes_opcheck(norm: str, device: str) -> None:
    from composekit_kernels.ops.channel_bridge import channel_bridge as operator

    taps = [torch.randn(4, 6, device=device) for _ in range(2)]
    weight = torch.randn(3, 12, device=device)
    u = weight.sum(1) if norm == "joint_ln" else None
    mask = torch.tensor([True, False, True, True], device=device)
    torch.library.opcheck(operator, (taps, weight, u, torch.randn(3, device=device), mask, norm, "layer_major", 1e-6))
