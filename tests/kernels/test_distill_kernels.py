"""The distillation kernels against float64: in Triton's interpreter, and on the device where there is one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from composekit.distill import (
    ExOPDLoss,
    LinearHead,
    gopd_loss,
    jsd,
    linear_gopd_loss,
    linear_jsd,
    reverse_kl,
    selected_logp,
)
from composekit.testing import assert_close, error_budget
from composekit_kernels.dispatch import interpreter_on

pytestmark = [
    pytest.mark.interpret,
    pytest.mark.gpu,
    pytest.mark.filterwarnings(
        "ignore:.*encountered in.*:RuntimeWarning:triton"
    ),  # numpy on the infinities of masked lanes
]

DEVICE = "cpu" if interpreter_on() else "cuda"
Head = tuple[Tensor, Tensor, Tensor | None]


# --- oracle and helpers ----------------------------------------------------------------------------------------------


def oracle(
    s: Tensor, t: Tensor | None, r: Tensor | None, scale: Any, tau: float = 1.0, normalize: bool = False
) -> Tensor:
    """The loss as the paper writes it, in the dtype of ``s``."""
    log_pi = torch.log_softmax(s / tau, -1)
    scale = scale.to(s.dtype).unsqueeze(-1) if isinstance(scale, Tensor) else scale
    m = torch.zeros_like(log_pi)
    if t is not None:
        m = m + scale * torch.log_softmax(t.to(s.dtype) / tau, -1)
    if r is not None:
        m = m + (1 - scale) * torch.log_softmax(r.to(s.dtype) / tau, -1)
    value = (log_pi.exp() * (log_pi - m)).sum(-1)
    return value + torch.logsumexp(m, -1) if normalize else value


def with_gradients(run: Callable[..., Tensor], inputs: list[Tensor], grad: Tensor, dtype: torch.dtype) -> list[Tensor]:
    """Values of ``run(*inputs)`` and the gradients of sum(grad * values), inputs taken to ``dtype``."""
    leaves = [x.detach().to(dtype, copy=True).requires_grad_() for x in inputs]
    value = run(*leaves)
    value.backward(grad.to(value.dtype))
    return [value.detach(), *(x.grad for x in leaves)]


def hold(
    ours: Callable[..., Tensor],
    plain: Callable[..., Tensor],
    inputs: list[Tensor],
    grad: Tensor,
    magnitude: float = 8.0,
) -> None:
    """Values and gradients of ``ours`` lose in float32 a few times what ``plain`` loses, or a few roundings of a logit.

    ``magnitude`` is that of a logit over the temperature, for it is differences of such that both compute.
    """
    exact = with_gradients(plain, inputs, grad, torch.float64)
    expected = with_gradients(plain, inputs, grad, torch.float32)
    actual = with_gradients(ours, inputs, grad, torch.float32)
    for i, (a, e, x) in enumerate(zip(actual, expected, exact, strict=True)):
        assert (a.shape, a.dtype, a.device) == (e.shape, e.dtype, e.device)
        error, allowed = (a.double() - x).abs().max(), error_budget(e, x, factor=4).maximum
        assert error <= allowed + 4 * magnitude * torch.finfo(torch.float32).eps, ("value", "x", "weight", "bias")[i]


def logits(*shape: int) -> Tensor:
    return 2 * torch.randn(*shape, device=DEVICE)


def head(batch: int, time: int, width: int, vocabulary: int, bias: bool = True) -> Head:
    hidden, weight = torch.randn(batch, time, width, device=DEVICE), torch.randn(vocabulary, width, device=DEVICE)
    return hidden, weight, torch.randn(vocabulary, device=DEVICE) if bias else None


def dense(model: Head, dtype: torch.dtype) -> Tensor:
    hidden, weight, bias = model
    out = hidden.to(dtype) @ weight.to(dtype).T
    return out if bias is None else out + bias.to(dtype)


@contextmanager
def sizes(block: int = 16, tile: int = 200) -> Iterator[None]:
    """Small blocks and tiles, so that small vocabularies take several of each, the last one ragged."""
    from composekit_kernels.triton import distill_heads, distill_rows

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(distill_rows, "BLOCK", block)
        patch.setattr(distill_heads, "TILE", tile)
        yield


# --- from logits -----------------------------------------------------------------------------------------------------


@settings(max_examples=8)
@given(
    batch=st.integers(1, 2),
    time=st.integers(1, 2),
    vocabulary=st.sampled_from([2, 16, 37]),
    scale=st.sampled_from([0.0, 0.5, 1.0, 1.25, 3.0]),
    temperature=st.sampled_from([0.5, 1.0, 2.0]),
    normalize=st.booleans(),
)
def test_logits_values_and_gradients_equal_float64(
    batch: int, time: int, vocabulary: int, scale: float, temperature: float, normalize: bool
) -> None:
    s, t, r = (logits(batch, time, vocabulary) for _ in range(3))
    options = {"reward_scale": scale, "temperature": temperature, "normalize": normalize, "impl": "triton"}
    with sizes():
        hold(
            lambda x: gopd_loss(x, t, r, **options),
            lambda x: oracle(x, t, r, scale, temperature, normalize),
            [s],
            logits(batch, time),
            magnitude=8.0 / temperature,
        )


def test_a_scale_per_row_and_per_sample() -> None:
    s, t, r = (logits(2, 3, 21) for _ in range(3))
    for scale in (torch.tensor([[0.0, 1.0, 2.0], [0.5, 1.25, 3.0]]), torch.tensor([1.25, 0.0])):
        scale = scale.to(DEVICE)
        spread = scale if scale.dim() == 2 else scale.unsqueeze(-1).expand(2, 3)
        hold(
            lambda x, c=scale: gopd_loss(x, t, r, reward_scale=c, impl="triton"),
            lambda x, c=spread: oracle(x, t, r, c),
            [s],
            logits(2, 3),
        )


def test_teacher_alone_and_reference_alone() -> None:
    s, other = logits(1, 2, 19), logits(1, 2, 19)
    hold(lambda x: reverse_kl(x, other, impl="triton"), lambda x: oracle(x, other, None, 1.0), [s], logits(1, 2))
    options = {"reward_scale": 0.0, "impl": "triton"}
    hold(lambda x: gopd_loss(x, None, other, **options), lambda x: oracle(x, None, other, 0.0), [s], logits(1, 2))


def test_views_are_read_where_they_lie() -> None:
    whole = [logits(2, 5, 24) for _ in range(3)]
    cuts: list[Callable[[Tensor], Tensor]] = [
        lambda x: x[:, :-1],
        lambda x: x[:, 1:, :17],  # the rows are no longer dense
        lambda x: x[:, ::2],
        lambda x: x[:1].expand(3, -1, -1),
        lambda x: x.transpose(1, 2).contiguous().transpose(1, 2),  # nor the last axis
    ]
    for cut in cuts:
        s, t, r = (cut(x) for x in whole)
        ours = gopd_loss(s, t, r, impl="triton")
        assert torch.equal(ours, gopd_loss(s.contiguous(), t.contiguous(), r.contiguous(), impl="triton"))


def test_the_gradient_of_a_sum_is_one_expanded_number() -> None:
    s, t, r = (logits(2, 3, 9) for _ in range(3))
    x = s.clone().requires_grad_()
    gopd_loss(x, t, r, impl="triton").sum().backward()
    y = s.double().requires_grad_()
    oracle(y, t, r, 1.25).sum().backward()
    assert_close(x.grad, y.grad.float())


def test_bf16_logits_have_float32_statistics() -> None:
    s, t, r = (logits(1, 3, 40).bfloat16() for _ in range(3))
    x, y = s.clone().requires_grad_(), s.double().requires_grad_()
    value, exact = gopd_loss(x, t, r, impl="triton"), oracle(y, t, r, 1.25)
    assert value.dtype == torch.float32
    assert_close(value.detach(), exact.detach().float(), rtol=1e-5)
    value.sum().backward()
    exact.sum().backward()
    assert x.grad.dtype == torch.bfloat16
    assert_close(x.grad.float(), y.grad.float(), rtol=1e-2)  # one rounding to bf16, which the interpreter truncates


def test_models_may_differ_in_dtype() -> None:
    s, t, r = logits(1, 2, 18), logits(1, 2, 18).bfloat16(), logits(1, 2, 18).half()
    assert_close(gopd_loss(s, t, r, impl="triton"), oracle(s.double(), t, r, 1.25).float())


INF = float("inf")
EXCLUDED = {
    "shared": ((-INF, -INF, -INF), 1.25),
    "student": ((-INF, 0.3, 0.2), 1.25),
    "teacher": ((0.1, -INF, 0.2), 1.25),
    "reference above one": ((0.1, 0.3, -INF), 1.25),
    "reference below one": ((0.1, 0.3, -INF), 0.5),
    "teacher and reference": ((0.1, -INF, -INF), 1.25),
    "teacher, not read": ((0.1, -INF, 0.2), 0.0),
    "reference, not read": ((0.1, 0.3, -INF), 1.0),
}


@pytest.mark.parametrize("tensor_scale", [False, True], ids=["float", "tensor"])
@pytest.mark.parametrize("normalize", [False, True])
@pytest.mark.parametrize("case", EXCLUDED)
def test_excluded_tokens_count_as_in_the_reference(case: str, normalize: bool, tensor_scale: bool) -> None:
    token, scale = EXCLUDED[case]
    s, t, r = (logits(1, 2, 6) for _ in range(3))
    for x, value in zip((s, t, r), token, strict=True):
        x[0, 0, 2] = value
    reward = torch.full((1, 2), scale, device=DEVICE) if tensor_scale else scale
    found = {}
    for impl in ("triton", "reference"):
        x = s.clone().requires_grad_()
        value = gopd_loss(x, t, r, reward_scale=reward, normalize=normalize, impl=impl)
        value.sum().backward()
        found[impl] = value.detach(), x.grad
    assert_close(found["triton"][0], found["reference"][0])
    if found["reference"][0].isfinite().all():
        assert_close(found["triton"][1], found["reference"][1])
    else:
        assert found["triton"][1][0, 0].isnan().all()
        assert found["triton"][1][0, 1].isfinite().all()


def test_two_exclusions_of_opposite_sign_give_plus_infinity() -> None:
    s, t, r = (logits(1, 1, 40) for _ in range(3))
    for first, second in ((3, 30), (30, 3)):  # in different blocks, in either order
        t2, r2 = t.clone(), r.clone()
        t2[..., first], r2[..., second] = -INF, -INF
        with sizes():
            assert gopd_loss(s, t2, r2, impl="triton").item() == INF


def test_what_is_far_below_the_maximum_cannot_poison_the_sums() -> None:
    s, t, r = (logits(1, 1, 40) for _ in range(3))
    s[..., :16] -= 300.0  # its probability is zero in float32, but not within the first block
    t[..., 3] = -INF
    with sizes():
        assert_close(gopd_loss(s, t, r, impl="triton"), gopd_loss(s, t, r, impl="reference"))


def test_a_row_without_weight_gets_no_gradient_whatever_it_holds() -> None:
    s, t, r = (logits(1, 3, 20) for _ in range(3))
    s[0, 1], t[0, 2, 4] = float("nan"), -INF
    grad = torch.tensor([[1.0, 0.0, 0.0]], device=DEVICE)
    x = s.clone().requires_grad_()
    gopd_loss(x, t, r, impl="triton").backward(grad)
    assert x.grad[0, 0].abs().sum() > 0
    assert torch.equal(x.grad[0, 1:], torch.zeros_like(x.grad[0, 1:]))


def test_a_single_token_has_nothing_to_learn() -> None:
    s, t, r = (logits(1, 2, 1) for _ in range(3))
    x = s.clone().requires_grad_()
    value = gopd_loss(x, t, r, impl="triton")
    value.sum().backward()
    assert value.abs().max() <= 1e-6 * (1 + s.abs().max())
    assert x.grad.abs().max() <= 1e-6 * (1 + s.abs().max())


def test_an_empty_batch_passes() -> None:
    x = torch.randn(2, 0, 7, device=DEVICE, requires_grad=True)
    value = gopd_loss(x, x.detach(), x.detach(), impl="triton")
    value.sum().backward()
    assert value.shape == (2, 0)
    assert x.grad.shape == x.shape


# --- from hidden states ----------------------------------------------------------------------------------------------


@settings(max_examples=6)
@given(
    time=st.integers(1, 3),
    widths=st.tuples(*[st.sampled_from([1, 3, 8])] * 3),
    vocabulary=st.sampled_from([5, 129, 200]),
    chunk=st.sampled_from([None, 1, 4]),
    bias=st.booleans(),
    scale=st.sampled_from([0.0, 1.0, 1.25]),
)
def test_heads_values_and_gradients_equal_float64(
    time: int, widths: tuple[int, int, int], vocabulary: int, chunk: int | None, bias: bool, scale: float
) -> None:
    student, teacher, reference = (head(2, time, width, vocabulary, bias) for width in widths)
    others = LinearHead(*teacher), LinearHead(*reference)
    options = {"reward_scale": scale, "temperature": 0.7, "chunk_size": chunk, "impl": "triton"}
    parts = [x for x in student if x is not None]

    def ours(*leaves: Tensor) -> Tensor:
        return linear_gopd_loss(LinearHead(*leaves), *others, **options)

    def plain(*leaves: Tensor) -> Tensor:
        t, r = (dense(model, leaves[0].dtype) for model in (teacher, reference))
        return oracle(dense((*leaves, None)[:3], leaves[0].dtype), t, r, scale, 0.7)

    with sizes(block=64):
        hold(ours, plain, parts, logits(2, time))


@pytest.mark.parametrize("scale", [1.25, torch.tensor([[0.0, 2.0, 1.0], [0.5, 1.0, 1.25]])], ids=["float", "per token"])
def test_the_module_makes_the_same_gradient_in_the_forward(scale: Any) -> None:
    student, teacher, reference = (head(2, 3, width, 150) for width in (8, 5, 8))
    scale = scale.to(DEVICE) if isinstance(scale, Tensor) else scale
    mask = torch.tensor([[True, True, False], [True, True, True]], device=DEVICE)
    others = LinearHead(*teacher), LinearHead(*reference)
    module = ExOPDLoss(reward_scale=scale, temperature=0.7, chunk_size=4, impl="triton")

    def ours(*leaves: Tensor) -> Tensor:
        return module(LinearHead(*leaves), *others, mask=mask).loss

    def plain(*leaves: Tensor) -> Tensor:
        s, t, r = (dense(model, leaves[0].dtype) for model in (leaves, teacher, reference))
        return oracle(s, t, r, scale, 0.7)[mask].mean()

    with sizes(block=64):
        hold(ours, plain, list(student), torch.tensor(-2.5, device=DEVICE))
    out = module(LinearHead(*student), *others, mask=mask)
    assert out.diagnostics["per_token"][0, 2] == 0


def test_the_module_multiplies_five_times_and_the_loss_eight(monkeypatch: pytest.MonkeyPatch) -> None:
    from composekit_kernels.triton import distill_heads

    count = []
    multiply = distill_heads.product
    monkeypatch.setattr(distill_heads, "product", lambda *a, **k: (count.append(1), multiply(*a, **k)))
    models = [LinearHead(*(x.requires_grad_(i == 0) for x in head(1, 2, 4, 30))) for i in range(3)]
    ExOPDLoss(impl="triton")(*models).loss.backward()
    assert len(count) == 5
    linear_gopd_loss(*models, impl="triton").sum().backward()
    assert len(count) == 5 + 8


def test_frozen_parts_get_no_gradient_and_no_product() -> None:
    models = [LinearHead(*head(1, 2, 4, 30)) for _ in range(3)]
    models[0].hidden.requires_grad_()
    ExOPDLoss(impl="triton")(*models).loss.backward()
    first, models[0].hidden.grad = models[0].hidden.grad, None
    linear_gopd_loss(*models, impl="triton").mean().backward()
    assert_close(models[0].hidden.grad, first, rtol=1e-5)
    assert models[0].weight.grad is None
    with torch.no_grad():
        assert not ExOPDLoss(impl="triton")(*models).loss.requires_grad


@pytest.mark.parametrize("weight_dtype", [torch.bfloat16, torch.float32])
def test_bf16_heads_are_not_rounded_to_bf16_on_the_way(weight_dtype: torch.dtype) -> None:
    heads = [head(1, 4, 64, 90, bias=False)[:2] for _ in range(3)]
    models = [LinearHead((h / 4).bfloat16(), (w / 4).to(weight_dtype)) for h, w in heads]
    exact = oracle(*(dense((*m[:2], None), torch.float64) for m in models), 1.25)
    assert_close(linear_gopd_loss(*models, impl="triton"), exact.float(), rtol=2e-5)


def test_nothing_of_the_size_of_the_logits_is_allocated(monkeypatch: pytest.MonkeyPatch) -> None:
    sizes_made = []

    def counted(make: Callable[..., Tensor]) -> Callable[..., Tensor]:
        def counting(*args: Any, **kwargs: Any) -> Tensor:
            out = make(*args, **kwargs)
            sizes_made.append(out.numel())
            return out

        return counting

    for name in ("empty", "zeros", "full"):
        monkeypatch.setattr(torch, name, counted(getattr(torch, name)))
    time, vocabulary = 8, 1030
    models = [LinearHead(*(x.requires_grad_(i == 0) for x in head(1, time, 1, vocabulary))) for i in range(3)]
    with sizes(block=2048, tile=time * 128):
        linear_gopd_loss(*models, impl="triton").sum().backward()
    assert time * 128 <= max(sizes_made) <= time * vocabulary // 8


# --- forward KL and Jensen-Shannon ---------------------------------------------------------------------------------------


def plain_jsd(s: Tensor, t: Tensor, beta: float, tau: float) -> Tensor:
    """As GKD writes it; 0 is the forward KL."""
    log_pi, log_t = torch.log_softmax(s / tau, -1), torch.log_softmax(t.to(s.dtype) / tau, -1)
    if beta == 0.0:
        return (log_t.exp() * (log_t - log_pi)).sum(-1)
    log_m = (beta * log_t.exp() + (1 - beta) * log_pi.exp()).log()
    far, near = (log_t.exp() * (log_t - log_m)).sum(-1), (log_pi.exp() * (log_pi - log_m)).sum(-1)
    return beta * far + (1 - beta) * near


@pytest.mark.parametrize("beta", [0.0, 0.3, 0.9])
@pytest.mark.parametrize("linear", [False, True], ids=["logits", "head"])
def test_divergences_equal_float64(linear: bool, beta: float) -> None:
    vocabulary = 150 if linear else 37
    teacher = head(2, 2, 5, vocabulary)
    inputs = list(head(2, 2, 8, vocabulary)) if linear else [logits(2, 2, vocabulary)]
    t = logits(2, 2, vocabulary)

    def ours(*leaves: Tensor) -> Tensor:
        if linear:
            return linear_jsd(
                LinearHead(*leaves), LinearHead(*teacher), beta=beta, temperature=0.7, chunk_size=3, impl="triton"
            )
        return jsd(leaves[0], t, beta=beta, temperature=0.7, impl="triton")

    def plain(*leaves: Tensor) -> Tensor:
        if linear:
            return plain_jsd(dense(leaves, leaves[0].dtype), dense(teacher, leaves[0].dtype), beta, 0.7)
        return plain_jsd(leaves[0], t, beta, 0.7)

    with sizes(block=16 if not linear else 64):
        hold(ours, plain, inputs, logits(2, 2), magnitude=12.0)


@pytest.mark.parametrize("beta", [0.0, 0.5])
def test_divergences_of_excluded_tokens(beta: float) -> None:
    for excluded_by in (("student", "teacher"), ("teacher",), ("student",)):
        s, t = logits(1, 1, 6), logits(1, 1, 6)
        for name, x in (("student", s), ("teacher", t)):
            if name in excluded_by:
                x[..., 2] = -INF
        assert_close(jsd(s, t, beta=beta, impl="triton"), jsd(s, t, beta=beta, impl="reference"))


# --- selected log-probabilities --------------------------------------------------------------------------------------


@pytest.mark.parametrize("linear", [False, True], ids=["logits", "head"])
@pytest.mark.parametrize("candidates", [None, 1, 20], ids=["one", "of one", "of twenty"])
def test_selected_logp_equals_float64(linear: bool, candidates: int | None) -> None:
    vocabulary = 150
    shape = (2, 3) if candidates is None else (2, 3, candidates)
    tokens = torch.randint(vocabulary, shape, device=DEVICE)
    tokens.view(-1)[:6] = torch.tensor([0, 127, 128, 149, 0, 0])  # the borders of a tile, and one token twice
    inputs = list(head(2, 3, 8, vocabulary)) if linear else [logits(2, 3, vocabulary)]

    def ours(*leaves: Tensor) -> Tensor:
        model = LinearHead(*leaves) if linear else leaves[0]
        return selected_logp(model, tokens, temperature=0.7, impl="triton")

    def plain(*leaves: Tensor) -> Tensor:
        whole = torch.log_softmax((dense(leaves, leaves[0].dtype) if linear else leaves[0]) / 0.7, -1)
        wide = tokens if candidates else tokens.unsqueeze(-1)
        return whole.gather(-1, wide).view(tokens.shape)

    with sizes(block=64):
        hold(ours, plain, inputs, logits(*shape))


def test_an_excluded_token_has_log_probability_minus_infinity() -> None:
    s = logits(1, 1, 9)
    s[..., 4] = -INF
    assert selected_logp(s, torch.tensor([[4]], device=DEVICE), impl="triton").item() == -INF


# --- as operators of torch -------------------------------------------------------------------------------------------


def test_operators_pass_opcheck() -> None:
    from composekit_kernels.ops import distill as ops

    s, t, r = ((logits(1, 2, 9), None, None) for _ in range(3))
    s[0].requires_grad_()
    scale = torch.full((1, 2), 1.25, device=DEVICE)
    torch.library.opcheck(ops.gopd_rows, (*s, *t, *r, scale, 0.7, True, 0))
    student, teacher, reference = (head(1, 2, width, 9) for width in (4, 3, 2))
    for x in student:
        x.requires_grad_()
    torch.library.opcheck(ops.gopd_rows, (*student, *teacher, *reference, scale, 1.0, False, 1))
    torch.library.opcheck(ops.pair_rows, (*student, *teacher, 0.5, 1.0, 0))
    torch.library.opcheck(ops.pair_rows, (*s, *t, None, 1.0, 0))
    weights = torch.rand(1, 2, device=DEVICE)
    needs = [True, True, True]
    torch.library.opcheck(ops.gopd_sum, (weights, needs, *student, *teacher, *reference, scale, 1.0, 1))
    torch.library.opcheck(ops.selected_rows, (*student, torch.tensor([[[3], [8]]], device=DEVICE), 1.0, 0))


def test_fullgraph_compiles_and_gives_the_same_bits() -> None:
    heads = [LinearHead(*head(2, 3, 4, 30)) for _ in range(3)]
    tokens = torch.randint(30, (2, 3), device=DEVICE)

    def run(hidden: Tensor, weight: Tensor, s: Tensor) -> Tensor:
        student = LinearHead(hidden, weight)
        loss = linear_gopd_loss(student, *heads[1:], impl="triton").sum()
        loss = loss + ExOPDLoss(impl="triton")(student, *heads[1:]).loss
        return (
            loss
            + gopd_loss(s, s.detach() * 0.5, s.detach() * 0.1, impl="triton").sum()
            + selected_logp(s, tokens, impl="triton").sum()
        )

    inputs = [*heads[0][:2], logits(2, 3, 30)]
    found = []
    for fn in (run, torch.compile(run, fullgraph=True, backend="aot_eager")):
        leaves = [x.clone().requires_grad_() for x in inputs]
        fn(*leaves).backward()
        found.append([x.grad for x in leaves])
    for eager, compiled in zip(*found, strict=True):
        assert torch.equal(eager, compiled)


def test_autocast_changes_nothing() -> None:
    models = [LinearHead(*head(1, 2, 32, 40)) for _ in range(3)]
    plain = linear_gopd_loss(*models, impl="triton")
    with torch.autocast(DEVICE, dtype=torch.bfloat16):
        assert torch.equal(linear_gopd_loss(*models, impl="triton"), plain)


def test_a_second_differentiation_says_what_to_do() -> None:
    s = logits(1, 2, 9).requires_grad_()
    (first,) = torch.autograd.grad(
        gopd_loss(s, s.detach() / 2, impl="triton", reward_scale=1.0).sum(), s, create_graph=True
    )
    with pytest.raises(NotImplementedError, match=r"impl='reference'"):
        first.square().sum().backward()
