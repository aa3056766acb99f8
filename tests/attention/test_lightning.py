"""What linear attention must satisfy, on every path."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from composekit.attention import alibi_slopes, lightning_attention
from composekit.testing import assert_close


def quadratic(q: Tensor, k: Tensor, v: Tensor, slopes: Tensor, scale: float) -> Tensor:
    """The same attention as one masked matrix: a third form, which shares no code with the library."""
    share = q.shape[2] // k.shape[2]
    k, v = k.repeat_interleave(share, 2), v.repeat_interleave(share, 2)
    steps = torch.arange(q.shape[1], dtype=q.dtype)
    distance = steps[:, None] - steps
    mask = torch.where(distance >= 0, torch.exp(-slopes[:, None, None] * distance.clamp(min=0)), 0.0)
    return scale * torch.einsum("bihk,bjhk,hij,bjhv->bihv", q, k, mask, v)


def draw(path, batch, length, heads=2, kv_heads=1, dk=8, dv=6):
    return (
        path.randn(batch, length, heads, dk),
        path.randn(batch, length, kv_heads, dk),
        path.randn(batch, length, kv_heads, dv),
    )


def leaves(*tensors):
    return [t.clone().requires_grad_() for t in tensors]


@pytest.mark.parametrize("length", [1, 15, 63, 64, 65, 300, 1000])
def test_recurrent_chunked_and_quadratic_forms_agree(path, length) -> None:
    q, k, v = draw(path, 1, length)
    slopes = torch.tensor([0.3, 0.004], dtype=path.dtype)
    want = quadratic(q, k, v, slopes, 0.5)
    for chunk_size in (None,) if path.impl == "reference" else (16, 40, 64, 128, 256, None):
        got = lightning_attention(q, k, v, slopes, scale=0.5, chunk_size=chunk_size, impl=path.impl)
        assert_close(got.out, want, rtol=path.rtol, name=f"chunk {chunk_size}")
        assert got.final_state is None


def test_scale_is_one_over_the_root_of_the_channels(path) -> None:
    q, k, v = draw(path, 2, 9, dk=7)
    slopes = torch.rand(2, dtype=path.dtype)
    got = lightning_attention(q, k, v, slopes, impl=path.impl).out
    assert_close(got, quadratic(q, k, v, slopes, 7**-0.5), rtol=path.rtol)


@pytest.mark.parametrize("cut", [0, 1, 31, 64, 99, 100])
def test_split_with_the_state_carried_is_the_whole(path, cut) -> None:
    q, k, v = draw(path, 2, 100)
    slopes, start = torch.tensor([0.1, 0.01], dtype=path.dtype), path.randn(2, 2, 8, 6)

    def call(part, state):
        return lightning_attention(
            q[:, part], k[:, part], v[:, part], slopes, initial_state=state, output_final_state=True, impl=path.impl,
            chunk_size=32,
        )  # fmt: skip

    whole = call(slice(None), start)
    first = call(slice(0, cut), start)
    second = call(slice(cut, None), first.final_state)
    assert_close(torch.cat([first.out, second.out], 1), whole.out, rtol=path.rtol)
    assert_close(second.final_state, whole.final_state, rtol=path.rtol)


def test_no_decay_is_a_running_sum_and_strong_decay_sees_itself_alone(path) -> None:
    q, k, v = draw(path, 1, 90, heads=2, kv_heads=2)
    slopes = torch.tensor([0.0, 50.0], dtype=path.dtype)
    out = lightning_attention(q, k, v, slopes, scale=2.0, impl=path.impl).out
    memory = torch.einsum("btk,btv->btkv", k[:, :, 0], v[:, :, 0]).cumsum(1)
    assert_close(out[:, :, 0], 2.0 * torch.einsum("btk,btkv->btv", q[:, :, 0], memory), rtol=path.rtol)
    assert_close(out[:, :, 1], 2.0 * (q[:, :, 1] * k[:, :, 1]).sum(-1, keepdim=True) * v[:, :, 1], rtol=path.rtol)


def test_decays_of_any_size_stay_finite(path) -> None:
    q, k, v = draw(path, 1, 600)
    got = lightning_attention(
        q, k, v, torch.tensor([8.0, 1e4], dtype=path.dtype), output_final_state=True, impl=path.impl
    )
    assert got.out.isfinite().all()
    assert got.final_state.isfinite().all()


@pytest.mark.parametrize("with_state", [False, True])
@pytest.mark.parametrize(
    "lengths",
    [[0], [1], [5, 0, 1, 70, 0], [0, 0, 40], [3] * 25, [5, 8, 6, 33, 7, 5], [130, 2, 200, 17, 16, 1]],
    ids=lambda x: f"{len(x)}of{max(x)}",
)
def test_packed_sequences_are_each_sequence_alone(path, lengths, with_state) -> None:
    total = sum(lengths)
    q, k, v = draw(path, 1, total)
    slopes = torch.tensor([0.2, 0.02], dtype=path.dtype)
    start = path.randn(len(lengths), 2, 8, 6) if with_state else None
    cu = torch.tensor([0, *lengths]).cumsum(0).int()
    inputs = leaves(q, k, v, slopes, *([start] if with_state else []))
    apart = leaves(q, k, v, slopes, *([start] if with_state else []))
    kwargs = {"output_final_state": True, "impl": path.impl, "chunk_size": 32}
    got = lightning_attention(*inputs[:4], cu_seqlens=cu, initial_state=inputs[4] if with_state else None, **kwargs)
    outs, states = [], []
    for n, (low, high) in enumerate(zip(cu.tolist(), cu.tolist()[1:], strict=False)):
        state = apart[4][n : n + 1] if with_state else None
        one = lightning_attention(*(x[:, low:high] for x in apart[:3]), apart[3], initial_state=state, **kwargs)
        outs.append(one.out)
        states.append(one.final_state)
    want_out, want_state = torch.cat(outs, 1), torch.cat(states)
    assert_close(got.out, want_out, rtol=path.rtol)
    assert_close(got.final_state, want_state, rtol=path.rtol)
    if total:
        weight, weight_state = torch.randn_like(want_out), torch.randn_like(want_state)
        grads = torch.autograd.grad((got.out * weight).sum() + (got.final_state * weight_state).sum(), inputs)
        expected = torch.autograd.grad((want_out * weight).sum() + (want_state * weight_state).sum(), apart)
        for name, a, b in zip(("dq", "dk", "dv", "dslopes", "dstate"), grads, expected, strict=False):
            assert_close(a, b, rtol=10 * path.rtol, name=name)


@pytest.mark.parametrize("packed", [False, True])
def test_later_tokens_never_change_earlier_outputs(path, packed) -> None:
    q, k, v = draw(path, 1, 80)
    cu = torch.tensor([0, 30, 30, 80], dtype=torch.int32) if packed else None
    slopes = alibi_slopes(2)
    before = lightning_attention(q, k, v, slopes, cu_seqlens=cu, impl=path.impl, chunk_size=32).out
    for t in (0, 29, 30, 31, 63, 78):
        changed = [x.clone() for x in (q, k, v)]
        for x in changed:
            x[:, t + 1 :] += 3.0 * path.randn(*x[:, t + 1 :].shape)
        after = lightning_attention(*changed, slopes, cu_seqlens=cu, impl=path.impl, chunk_size=32).out
        assert torch.equal(after[:, : t + 1], before[:, : t + 1])
        assert not torch.equal(after, before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=str)
def test_later_tokens_of_any_finite_size_change_nothing_before(dtype) -> None:
    """Their scores overflow, and infinity times a mask's zero would be NaN; so, too, for the gradients of queries."""
    q, k, v = (torch.randn(1, 40, 2, 8).to(dtype) for _ in range(3))
    slopes = torch.tensor([0.1, 0.0])

    def first(q: Tensor, k: Tensor, v: Tensor) -> list[Tensor]:
        (q,) = leaves(q)
        out = lightning_attention(q, k, v, slopes, impl="chunked").out[:, :20]
        (dq,) = torch.autograd.grad(out.float().square().sum(), q)
        return [out.detach(), dq[:, :20]]

    before = first(q, k, v)
    for x in (q, k, v):
        x[:, 20:] = 3e38
    for a, b in zip(first(q, k, v), before, strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("packed", [False, True])
def test_gradients_are_those_of_finite_differences(path, packed) -> None:
    if path.dtype != torch.float64:
        pytest.skip("finite differences need float64")
    batch, rows = (1, 3) if packed else (2, 2)
    inputs = leaves(*draw(path, batch, 9, dk=3, dv=2), torch.rand(2, dtype=path.dtype), path.randn(rows, 2, 3, 2))
    cu = torch.tensor([0, 2, 2, 9], dtype=torch.int32) if packed else None

    def call(q, k, v, slopes, state):
        return tuple(
            lightning_attention(
                q,
                k,
                v,
                slopes,
                cu_seqlens=cu,
                initial_state=state,
                output_final_state=True,
                impl=path.impl,
                chunk_size=4,
            )
        )

    assert torch.autograd.gradcheck(call, inputs)


@pytest.mark.parametrize("share", [1, 3])
def test_gradients_are_those_of_the_quadratic_form(path, share) -> None:
    inputs = leaves(*draw(path, 2, 150, heads=3, kv_heads=3 // share), torch.tensor([0.0, 0.1, 2.0], dtype=path.dtype))
    out = lightning_attention(*inputs, scale=0.3, impl=path.impl).out
    weight = torch.randn_like(out)
    got = torch.autograd.grad(out, inputs, weight)
    want = torch.autograd.grad(quadratic(*inputs, 0.3), inputs, weight)
    for name, a, b in zip(("dq", "dk", "dv", "dslopes"), got, want, strict=True):
        assert_close(a, b, rtol=10 * path.rtol, name=name)


@given(
    batch=st.integers(1, 3),
    length=st.integers(0, 70),
    kv_heads=st.integers(1, 3),
    share=st.integers(1, 3),
    dk=st.integers(1, 9),
    dv=st.integers(1, 9),
    chunk_size=st.sampled_from([1, 2, 7, 16, 64, None]),
    with_state=st.booleans(),
)
def test_any_shape_and_layout(batch, length, kv_heads, share, dk, dv, chunk_size, with_state) -> None:
    heads = kv_heads * share
    q = torch.randn(batch, heads, dk, length, dtype=torch.float64).permute(0, 3, 1, 2)  # not contiguous
    k = torch.randn(batch, 2 * length, kv_heads, dk, dtype=torch.float64)[:, ::2]
    v = torch.randn(1, length, kv_heads, dv, dtype=torch.float64).expand(batch, -1, -1, -1)
    state = torch.randn(batch, heads, dv, dk, dtype=torch.float64).mT if with_state else None
    slopes = torch.rand(2 * heads, dtype=torch.float64)[::2]
    options = {"initial_state": state, "output_final_state": True}
    got = lightning_attention(q, k, v, slopes, chunk_size=chunk_size, impl="chunked", **options)
    want = lightning_attention(q, k, v, slopes, impl="reference", **options)
    assert_close(got, want, rtol=1e-12)


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=str)
def test_low_precision_loses_no_more_than_the_reference(dtype, packed) -> None:
    """bfloat16: products in it, state in float32. float16: scores that pass 65504."""
    length, loud = 500, 20.0 if dtype == torch.float16 else 1.0
    exact = [torch.randn(1, length, h, d, dtype=torch.float64) for h, d in ((4, 64), (2, 64), (2, 48))]
    exact[0], exact[1] = exact[0] * loud, exact[1] * loud
    low = [x.to(dtype) for x in exact]
    exact = [x.double() for x in low]
    slopes, start = alibi_slopes(4), torch.randn(3 if packed else 1, 4, 64, 48)
    cu = torch.tensor([0, 10, 30, length], dtype=torch.int32) if packed else None
    weight, weight_state = torch.randn(1, length, 4, 48).to(dtype), torch.randn_like(start)

    def results(tensors, impl):
        wide = tensors[0].dtype == torch.float64
        inputs = leaves(*tensors, *(x.double() if wide else x for x in (slopes, start)))
        got = lightning_attention(
            *inputs[:4], cu_seqlens=cu, initial_state=inputs[4], output_final_state=True, impl=impl
        )
        loss = (got.out.double() * weight).sum() + (got.final_state.double() * weight_state).sum()
        return [*got, *torch.autograd.grad(loss, inputs)]

    truth, plain, fast = results(exact, "reference"), results(low, "reference"), results(low, "chunked")
    names = ("out", "final_state", "dq", "dk", "dv", "dslopes", "dstate")
    for name, t, p, f in zip(names, truth, plain, fast, strict=True):
        if (
            name == "dslopes" and dtype == torch.bfloat16
        ):  # a float32 sum of terms of which each has three bfloat16 factors
            assert_close(f, t.float(), rtol=4 * 2**-8, name=name)
        else:
            assert_close(f, p, exact=t, factor=4.0, name=name)


def test_state_is_as_exact_for_bfloat16_as_for_float32() -> None:
    """Rounding each chunk's contribution to bfloat16 would cost three digits."""
    q, k, v = (torch.randn(1, 4096, 2, 32).bfloat16() for _ in range(3))
    slopes = torch.tensor([0.0, 0.001])
    state = lightning_attention(q, k, v, slopes, output_final_state=True).final_state
    wide = lightning_attention(q.double(), k.double(), v.double(), slopes, output_final_state=True).final_state
    assert state.dtype == torch.float32
    assert_close(state, wide.float(), rtol=1e-5)


def test_memory_saved_for_the_backward_pass_is_the_inputs_alone() -> None:
    q, k, v, slopes = leaves(*(torch.randn(1, 2000, 2, 8) for _ in range(3)), torch.rand(2))
    saved: list[Tensor] = []

    def keep(x):
        saved.append(x)
        return x

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        lightning_attention(q, k, v, slopes)
    assert sum(x.numel() for x in saved) == 3 * q.numel() + 2


def test_autocast_does_not_reach_inside() -> None:
    q, k, v, slopes = leaves(*(torch.randn(1, 300, 2, 32) for _ in range(3)), torch.rand(2))
    out = lightning_attention(q, k, v, slopes).out
    grads = torch.autograd.grad(out.sum(), (q, k, v, slopes))
    for impl in ("chunked", "reference"):
        with torch.autocast("cpu", dtype=torch.bfloat16):
            inside = lightning_attention(q, k, v, slopes, impl=impl).out
            inside_grads = torch.autograd.grad(inside.sum(), (q, k, v, slopes))
        assert_close(inside, out, rtol=1e-5)
        assert_close(inside_grads, grads, rtol=1e-4)


def test_two_runs_are_bit_equal() -> None:
    inputs = leaves(*(torch.randn(2, 700, 2, 16).bfloat16() for _ in range(3)), torch.rand(2))

    def run():
        out = lightning_attention(*inputs).out
        return [out, *torch.autograd.grad(out.float().sum(), inputs)]

    torch.use_deterministic_algorithms(True)
    try:
        for a, b in zip(run(), run(), strict=True):
            assert torch.equal(a, b)
    finally:
        torch.use_deterministic_algorithms(False)


def test_second_derivatives_are_refused_but_exist_for_the_reference() -> None:
    inputs = leaves(
        *(torch.randn(1, 5, 2, 3, dtype=torch.float64) for _ in range(3)), torch.rand(2, dtype=torch.float64)
    )
    out = lightning_attention(*inputs).out
    (first,) = torch.autograd.grad(out.square().sum(), inputs[0], create_graph=True)
    with pytest.raises(ValueError, match=r"^lightning_attention: the output must be differentiated once;"):
        first.sum().backward()
    assert torch.autograd.gradgradcheck(lambda *x: lightning_attention(*x, impl="reference").out, inputs)


def test_only_wanted_gradients_are_made() -> None:
    q, k, v = (torch.randn(1, 20, 2, 4) for _ in range(3))
    v.requires_grad_()
    slopes = alibi_slopes(2)
    lightning_attention(q, k, v, slopes, output_final_state=True).final_state.sum().backward()
    assert v.grad is not None
    assert q.grad is None
    assert slopes.grad is None


def test_state_given_is_not_written_to(path) -> None:
    q, k, v = draw(path, 1, 40)
    for length in (0, 1, 40):
        start = path.randn(1, 2, 8, 6)
        kept = start.clone()
        part = (x[:, :length] for x in (q, k, v))
        final = lightning_attention(
            *part, alibi_slopes(2), initial_state=start, output_final_state=True, impl=path.impl
        ).final_state
        final.zero_()
        assert torch.equal(start, kept)


def test_alibi_slopes_are_those_of_the_model() -> None:
    slopes = alibi_slopes(32)
    assert slopes.dtype == torch.float32
    assert slopes[0].item() == pytest.approx(0.8409, abs=5e-5)
    assert slopes[-1].item() == 2.0**-8
    assert_close(slopes[1:] / slopes[:-1], torch.full((31,), 2.0**-0.25))
    assert alibi_slopes(1).tolist() == [2.0**-8]
    assert alibi_slopes(12).tolist() == [*alibi_slopes(8).tolist(), *alibi_slopes(16)[0:8:2].tolist()]
    for kind, wrong in ((ValueError, 0), (ValueError, -1), (TypeError, 2.0), (TypeError, True)):
        with pytest.raises(kind, match=r"^alibi_slopes: num_heads must be a positive integer"):
            alibi_slopes(wrong)
