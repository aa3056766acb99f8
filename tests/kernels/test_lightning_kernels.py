"""The kernels of linear attention against the float64 recurrence: interpreted on the CPU, compiled where there is a GPU."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from torch import Tensor

from composekit.attention import decode, lightning_attention
from composekit.testing import assert_close
from composekit_kernels.dispatch import interpreter_on
from composekit_kernels.ops import lightning as ops

pytestmark = [pytest.mark.interpret, pytest.mark.gpu]

SLOPES = (0.0, 0.02, 0.84, 50.0)
NAMES = ("out", "final_state", "dq", "dk", "dv", "dslopes", "dinitial")


class Problem(NamedTuple):
    """Inputs of one call and the gradients that come back to it."""

    q: Tensor
    k: Tensor
    v: Tensor
    slopes: Tensor
    cu: Tensor | None
    initial: Tensor | None
    dout: Tensor
    dfinal: Tensor
    scale: float


def problem(
    device: str, batch: int = 1, tokens: int = 40, heads: int = 4, shared: int = 4, dk: int = 16, dv: int = 16,
    lengths: list[int] | None = None, initial: bool = True, dtype: torch.dtype = torch.float32, slopes: Any = SLOPES,
) -> Problem:  # fmt: skip
    cu = None
    rows = batch
    if lengths is not None:
        tokens, rows = sum(lengths), len(lengths)
        cu = torch.tensor([0, *lengths], device=device).cumsum(0).int()

    def draw(*shape: int) -> Tensor:
        return torch.randn(shape).to(device)

    return Problem(
        draw(batch, tokens, heads, dk).to(dtype),
        draw(batch, tokens, shared, dk).to(dtype),
        draw(batch, tokens, shared, dv).to(dtype),
        torch.tensor(slopes[:heads], device=device),
        cu,
        draw(rows, heads, dk, dv) if initial else None,
        draw(batch, tokens, heads, dv).to(dtype),
        draw(rows, heads, dk, dv),
        0.3,
    )


def run(p: Problem, segment: int = 0) -> list[Tensor | None]:
    """Everything that the kernels compute, in the order of NAMES."""
    options: dict[str, Any] = {"scale": p.scale, "cu_seqlens": p.cu, "initial_state": p.initial, "segment": segment}
    out, final = ops.forward(p.q, p.k, p.v, p.slopes, output_final_state=True, **options)
    return [out, final, *ops.backward(p.dout, p.dfinal, p.q, p.k, p.v, p.slopes, need_slopes=True, **options)]


def recurrence(p: Problem, dtype: torch.dtype) -> list[Tensor | None]:
    """The same from the reference and autograd, its inputs in ``dtype``; float32 states go with 16-bit inputs."""
    wide = torch.float64 if dtype == torch.float64 else torch.float32
    leaves = [x.to(dtype).requires_grad_() for x in p[:3]] + [p.slopes.to(wide).requires_grad_()]
    if p.initial is not None:
        leaves.append(p.initial.to(wide).requires_grad_())
    out, final = lightning_attention(
        *leaves[:4], scale=p.scale, cu_seqlens=p.cu, initial_state=leaves[4] if p.initial is not None else None,
        output_final_state=True, impl="reference",
    )  # fmt: skip
    grads = torch.autograd.grad((out, final), leaves, (p.dout.to(out.dtype), p.dfinal.to(final.dtype)))
    return [out.detach(), final.detach(), *grads, *([None] if p.initial is None else [])]


def check(p: Problem, got: list[Tensor | None], factor: float = 4.0) -> None:
    """Hold the results to what the reference itself loses in float32; to a few roundings in 16 bits."""
    truth, plain = recurrence(p, torch.float64), recurrence(p, p.q.dtype)
    for name, actual, same, exact in zip(NAMES, got, plain, truth, strict=True):
        if exact is None:
            assert actual is None
        elif name == "dslopes":  # a sum over all tokens, of which the reference's own error is one sample a head
            eps = torch.finfo(p.q.dtype).eps
            assert_close(actual, exact.to(actual.dtype), rtol=100 * eps if eps < 1e-6 else 4 * eps, name=name)
        elif p.q.dtype == torch.float32:
            assert_close(actual, same, exact=exact, factor=factor, name=name)
        else:
            assert_close(actual, exact.to(actual.dtype), rtol=4 * torch.finfo(p.q.dtype).eps, name=name)


CASES: dict[str, tuple[dict[str, Any], int]] = {
    "one token": ({"batch": 2, "tokens": 1}, 0),
    "one short of a chunk": ({"tokens": 31}, 0),
    "one more than a chunk": ({"tokens": 33}, 0),
    "one more than a wide chunk": ({"tokens": 65, "heads": 3, "shared": 3}, 0),
    "batch, shared keys": ({"batch": 2, "tokens": 37, "shared": 2}, 0),
    "segments": ({"batch": 2, "tokens": 35, "heads": 2, "shared": 1, "slopes": SLOPES[1:3]}, 16),
    "segments that end with the tokens": ({"tokens": 48, "heads": 2, "shared": 2}, 16),
    "segments without a first state": ({"tokens": 40, "initial": False, "heads": 1, "shared": 1, "slopes": (0.3,)}, 16),
    "no state": ({"tokens": 20, "initial": False}, 0),
    "packed": ({"lengths": [0, 1, 39, 0, 3], "heads": 2, "shared": 1}, 0),
    "packed in segments": ({"lengths": [0, 1, 33, 0, 17, 16, 0], "heads": 2, "shared": 2, "slopes": SLOPES[:3:2]}, 16),
    "packed, no state": ({"lengths": [20, 0, 17], "heads": 2, "shared": 2, "initial": False}, 16),
    "packed, one sequence as long as a segment": ({"lengths": [32], "heads": 2, "shared": 2}, 32),
    "odd channels": ({"tokens": 20, "heads": 2, "shared": 1, "dk": 24, "dv": 40}, 16),
    "few channels": ({"tokens": 20, "heads": 2, "shared": 2, "dk": 3, "dv": 1}, 0),
    "many keys": ({"tokens": 18, "heads": 1, "shared": 1, "dk": 200, "dv": 16, "slopes": (0.1,)}, 16),
    "many values": ({"tokens": 18, "heads": 1, "shared": 1, "dk": 16, "dv": 256, "slopes": (0.1,)}, 16),
    "a state that grows": ({"tokens": 35, "heads": 1, "shared": 1, "slopes": (-0.1,)}, 16),
}


@pytest.mark.parametrize("case", CASES)
def test_outputs_states_and_gradients_are_those_of_the_recurrence(device, case) -> None:
    options, segment = CASES[case]
    p = problem(device, **options)
    check(p, run(p, segment))


@pytest.mark.parametrize("parts", [1, 4])
@pytest.mark.skipif(not interpreter_on(), reason="on a card the pinned tiles say how keys are dealt out")
def test_keys_may_be_dealt_out_or_not(device, parts, monkeypatch) -> None:
    """The interpreter deals them out in two; compiled, bfloat16 in one and other types in up to eight."""
    monkeypatch.setattr("composekit_kernels.triton.lightning_tiles.INTERPRETED_PARTS", parts)
    p = problem(device, tokens=37, heads=2, shared=1, dk=24, dv=16, slopes=(0.0, 0.3))
    check(p, run(p, 16))


@pytest.mark.parametrize("lengths", [None, [0, 0]], ids=["batch", "packed"])
def test_no_tokens_hand_the_state_on(device, lengths) -> None:
    p = problem(device, batch=1 if lengths else 2, tokens=0, heads=2, shared=2, lengths=lengths)
    out, final, dq, _, _, dslopes, dinitial = run(p)
    assert out.shape == dq.shape == p.q.shape
    assert torch.equal(final, p.initial)
    assert torch.equal(dinitial, p.dfinal)
    assert torch.equal(dslopes, torch.zeros_like(dslopes))


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16], ids=str)
def test_half_precision(device, dtype) -> None:
    p = problem(device, tokens=70, heads=2, shared=1, dk=32, dv=16, dtype=dtype, slopes=(0.01, 0.5))
    check(p, run(p, 32))


def test_float16_scores_and_states_beyond_its_range(device) -> None:
    p = problem(device, tokens=40, heads=1, shared=1, dk=32, dtype=torch.float16, slopes=(0.001,), initial=False)
    p = p._replace(q=p.q * 60, k=p.k * 60, v=p.v / 64, scale=1.0)
    assert (p.q[0, 5, 0].float() @ p.k[0, 5, 0].float()).abs() < (
        p.q[0, :, 0].float() @ p.k[0, :, 0].float().mT
    ).abs().max()
    assert (p.q[0, :, 0].float() @ p.k[0, :, 0].float().mT).abs().max() > 65504
    out, final = ops.forward(
        p.q, p.k, p.v, p.slopes, scale=1.0, cu_seqlens=None, initial_state=None, output_final_state=True
    )
    exact = recurrence(p, torch.float64)
    assert_close(out, exact[0].half(), rtol=4 * torch.finfo(torch.float16).eps)
    assert_close(final, exact[1].float(), rtol=4 * torch.finfo(torch.float16).eps)


def test_a_gradient_that_nobody_asks_for_is_not_made(device) -> None:
    p = problem(device, tokens=20, heads=2, shared=2, initial=False)
    options: dict[str, Any] = {"scale": p.scale, "cu_seqlens": None, "initial_state": None}
    dq, _, _, dslopes, dinitial = ops.backward(p.dout, None, p.q, p.k, p.v, p.slopes, need_slopes=False, **options)
    assert dslopes is None
    assert dinitial is None
    assert_close(dq, run(p._replace(dfinal=torch.zeros_like(p.dfinal)))[2])
    assert ops.forward(p.q, p.k, p.v, p.slopes, output_final_state=False, **options)[1] is None


# --- layouts ---------------------------------------------------------------------------------------------------------


def scattered(p: Problem) -> Problem:
    """The same problem in other places of memory: transposed, strided, a slice of a fused projection; NaN in between."""
    b, t, h, d = p.k.shape
    wide = p.k.new_full((b, 2 * t, h, 2 * d), float("nan"))
    wide[:, ::2, :, ::2] = p.k
    return p._replace(
        q=p.q.transpose(1, 2).contiguous().transpose(1, 2),
        k=wide[:, ::2, :, ::2],
        v=torch.cat([p.v, p.v * float("nan")], 3)[..., : p.v.shape[3]],
        dout=p.dout.permute(0, 3, 2, 1).contiguous().permute(0, 3, 2, 1),
        slopes=p.slopes.repeat_interleave(2)[::2],
        initial=p.initial.mT.contiguous().mT,
        dfinal=p.dfinal.mT.contiguous().mT,
    )


def test_the_place_in_memory_changes_no_bit(device) -> None:
    p = problem(device, batch=2, tokens=20, heads=2, shared=1, dk=16, dv=24)
    for name, a, b in zip(NAMES, run(scattered(p), 16), run(p, 16), strict=True):
        assert torch.equal(a, b), name


def test_expanded_inputs(device) -> None:
    p = problem(device, batch=2, tokens=20, heads=2, shared=2)
    row = p.k[:1, :1, :1].expand_as(p.k)
    spread = p._replace(k=row, v=p.v[:, :, :1].expand_as(p.v), dout=torch.ones((), device=device).expand_as(p.dout))
    whole = spread._replace(k=row.contiguous(), v=spread.v.contiguous(), dout=spread.dout.contiguous())
    for name, a, b in zip(NAMES, run(spread), run(whole), strict=True):
        assert torch.equal(a, b), name


def test_offsets_beyond_two_to_the_31(device) -> None:
    """Rows of the batch, tokens and heads that lie 2^30 elements apart, three of each; pages in between are never touched.

    A stride of 2^31 would prove nothing: it is an int64 itself, and so is whatever it is multiplied with.
    """
    p = problem(device, batch=3, tokens=3, heads=3, shared=3, dk=16, dv=16, dtype=torch.float16)
    for axis in range(3):
        strides = [x for _, x in sorted(zip([d for d in range(3) if d != axis], (64, 16), strict=True))]
        strides.insert(axis, 2**30)
        size = 2**31 + 256
        room = torch.from_numpy(np.empty(size, np.float16)) if device == "cpu" else torch.empty(
            size, dtype=torch.float16, device=device
        )  # fmt: skip
        far = room.as_strided(p.q.shape, (*strides, 1))
        far.copy_(p.q)
        moved = p._replace(q=far, k=far, v=far, dout=far)
        near = p._replace(q=p.q, k=p.q, v=p.q, dout=p.q)
        for name, a, b in zip(NAMES, run(moved), run(near), strict=True):
            assert torch.equal(a, b), (axis, name)
        state = p.initial.clone()
        other = p.initial.clone()
        assert torch.equal(
            ops.decode(far, far, far, p.slopes, state, scale=1.0), ops.decode(p.q, p.q, p.q, p.slopes, other, scale=1.0)
        )
        del room, far, moved


# --- identities ------------------------------------------------------------------------------------------------------


def test_two_runs_are_bit_equal(device) -> None:
    p = problem(device, lengths=[20, 0, 17], heads=2, shared=1)
    for name, a, b in zip(NAMES, run(p, 16), run(p, 16), strict=True):
        assert torch.equal(a, b), name


@pytest.mark.filterwarnings("ignore:(overflow|invalid value) encountered:RuntimeWarning")  # numpy's, in the interpreter
@pytest.mark.parametrize("segment", [0, 16])
def test_later_tokens_never_change_earlier_outputs(device, segment) -> None:
    p = problem(device, tokens=50, heads=1, shared=1, slopes=(0.1,))
    options: dict[str, Any] = {"scale": 1.0, "cu_seqlens": None, "initial_state": None, "segment": segment}
    before, _ = ops.forward(p.q, p.k, p.v, p.slopes, output_final_state=False, **options)
    for t in (0, 15, 16, 31, 48):
        changed = [x.clone() for x in (p.q, p.k, p.v)]
        for x in changed:
            x[:, t + 1 :] = -3e38  # finite, but their scores are not
        after, _ = ops.forward(*changed, p.slopes, output_final_state=False, **options)
        assert torch.equal(after[:, : t + 1], before[:, : t + 1])
        assert not torch.equal(after, before)


def test_a_pack_is_each_sequence_alone_and_sees_no_neighbour(device) -> None:
    """Neighbours of NaN: not even a masked product may touch them."""
    p = problem(device, lengths=[21, 19, 30], heads=1, shared=1, slopes=(0.1,))
    for x in (p.q, p.k, p.v, p.dout):
        x[:, :21] = float("nan")
        x[:, 40:] = float("nan")
    alone = Problem(
        *(x[:, 21:40] for x in p[:3]), p.slopes, None, p.initial[1:2], p.dout[:, 21:40], p.dfinal[1:2], p.scale
    )
    for name, pack, want in zip(NAMES, run(p, 16), run(alone, 16), strict=True):
        if name != "dslopes":  # a sum over all sequences
            assert torch.equal(pack[:, 21:40] if pack.shape[0] == 1 else pack[1:2], want), name


def test_segments_of_any_length_are_the_whole(device) -> None:
    p = problem(device, tokens=70, heads=1, shared=1, slopes=(0.01,))
    whole = run(p)
    for segment in (16, 40, 69, 70):
        assert_close(run(p, segment), whole, rtol=1e-5)


# --- decoding --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("steps", [1, 3])
def test_decoding_walks_the_state_in_place(device, steps) -> None:
    p = problem(device, batch=2, tokens=6, heads=4, shared=2, dk=24, dv=40)
    truth = recurrence(p, torch.float64)
    cache = torch.full((2, 3, 4, 24, 40), float("nan"), device=device)  # a batch of caches of three layers
    state = cache[:, 1]
    state.copy_(p.initial)
    outs = [
        ops.decode(*(x[:, t : t + steps] for x in p[:3]), p.slopes, state, scale=p.scale) for t in range(0, 6, steps)
    ]
    plain = recurrence(p, torch.float32)
    assert_close(torch.cat(outs, 1), plain[0], exact=truth[0], factor=4.0)
    assert_close(state, plain[1], exact=truth[1], factor=4.0)
    assert cache[:, 0].isnan().all()
    assert cache[:, 2].isnan().all()


def test_decoding_wants_a_state_that_it_can_write(device) -> None:
    p = problem(device, tokens=1, dk=16, dv=24)
    with pytest.raises(ValueError, match=r"^lightning: state must be contiguous in each head; got strides"):
        ops.decode(p.q, p.k, p.v, p.slopes, p.initial.mT.contiguous().mT, scale=1.0)


# --- through the public function -------------------------------------------------------------------------------------


def results(p: Problem, call: Any) -> list[Tensor]:
    leaves = [x.clone().requires_grad_() for x in (*p[:4], p.initial)]
    out, final = call(*leaves)
    return [out, final, *torch.autograd.grad((out, final), leaves, (p.dout, p.dfinal))]


@pytest.mark.parametrize("how", ["batch", "packed", pytest.param("compiled", marks=pytest.mark.slow)])
def test_public_function_forward_and_backward(device, how) -> None:
    sizes = {
        "batch": {"batch": 2, "tokens": 33},
        "packed": {"lengths": [0, 20, 13]},
        "compiled": {"lengths": [0, 5, 3]},
    }
    p = problem(device, heads=2, shared=1, slopes=SLOPES[1:3], **sizes[how])

    def call(q: Tensor, k: Tensor, v: Tensor, slopes: Tensor, initial: Tensor) -> Any:
        return lightning_attention(
            q,
            k,
            v,
            slopes,
            scale=p.scale,
            cu_seqlens=p.cu,
            initial_state=initial,
            output_final_state=True,
            impl="triton",
        )

    if how == "compiled":
        torch._dynamo.reset()
        call = torch.compile(call, fullgraph=True, backend="aot_eager", dynamic=True)
    check(p, results(p, call))


@pytest.mark.slow
def test_opcheck(device) -> None:
    p = problem(device, tokens=3, heads=1, shared=1, slopes=(0.1,))
    arguments = [x.clone().requires_grad_() for x in (p.q, p.k, p.v, p.slopes)]
    initial = p.initial.clone().requires_grad_()
    torch.library.opcheck(
        torch.ops.composekit.lightning.default,
        (*arguments, None, initial, 0.3, True, None, "triton"),
        rtol=1e-5,
        atol=1e-5,
    )
    if interpreter_on():
        state = p.initial.clone()
        one = [x[:, :1].contiguous() for x in (p.q, p.k, p.v)]
        torch.library.opcheck(decode.lightning_decode, (*one, p.slopes, state, 0.3, "triton"), rtol=1e-5, atol=1e-5)


def test_second_derivatives_are_refused(device) -> None:
    p = problem(device, tokens=5, heads=2, shared=2)
    q = p.q.clone().requires_grad_()
    out = lightning_attention(q, p.k, p.v, p.slopes, impl="triton").out
    (first,) = torch.autograd.grad(out.square().sum(), q, create_graph=True)
    with pytest.raises(ValueError, match=r"^lightning_attention: the output must be differentiated once;"):
        first.sum().backward()


@pytest.mark.parametrize("what", ["float64", "too many channels"])
def test_what_the_kernels_cannot_take_is_refused_by_name(device, what) -> None:
    dk = 257 if what == "too many channels" else 16
    p = problem(device, tokens=3, heads=1, shared=1, dk=dk, dtype=torch.float64 if what == "float64" else torch.float32)
    with pytest.raises(ValueError, match=r"^lightning_attention: impl must|^lightning: impl must"):
        lightning_attention(p.q, p.k, p.v, p.slopes, impl="triton")
