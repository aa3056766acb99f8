"""Numerical gradients, torch's own checks of operators, compiled graphs."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torch._dynamo.testing import CompileCounterWithBackend

from composekit import ComposeKitError
from composekit.distill import (
    ExOPDLoss,
    LinearHead,
    Teachers,
    forward_kl,
    gopd_advantages,
    gopd_loss,
    jsd,
    linear_gopd_loss,
    linear_jsd,
    operators,
    reduce,
    sampled_gopd_loss,
    selected_logp,
    topk_gopd_loss,
)
from composekit.testing import assert_close

IMPLS = ["reference", "chunked"]
TOKENS = torch.tensor([[3, 0, 6]])


def head(width: int, time: int = 3, vocabulary: int = 7) -> LinearHead:
    parts = torch.randn(1, time, width), torch.randn(vocabulary, width), torch.randn(vocabulary)
    return LinearHead(*(x.double() for x in parts))


@pytest.mark.parametrize("impl", IMPLS)
def test_gradcheck(impl: str) -> None:
    student, teacher, reference = torch.randn(3, 1, 3, 7, dtype=torch.float64).unbind(0)
    student.requires_grad_()
    scale = torch.tensor([[0.0, 1.0, 1.7]])
    indices = torch.tensor([[[0, 2], [1, 5], [6, 3]]])
    known = [x.log_softmax(-1).gather(-1, indices) for x in (teacher, reference)]
    checks: list[Callable[[Tensor], Tensor]] = [
        lambda s: gopd_loss(s, teacher, reference, temperature=0.7, impl=impl),
        lambda s: gopd_loss(s, teacher, reference, reward_scale=scale, normalize=True, impl=impl),
        lambda s: forward_kl(s, teacher, impl=impl),
        lambda s: jsd(s, teacher, beta=0.3, temperature=1.3, impl=impl),
        lambda s: selected_logp(s, TOKENS, temperature=0.8, impl=impl),
    ]
    if impl == "chunked":
        checks += [
            lambda s, mode=mode: topk_gopd_loss(s, indices, *known, mode=mode)
            for mode in ("truncate", "renormalize", "tail")
        ]
    for check in checks:
        assert torch.autograd.gradcheck(check, student)


@pytest.mark.parametrize("impl", IMPLS)
def test_gradcheck_of_heads(impl: str) -> None:
    parts, teacher, reference = head(3), head(4), head(2)
    mask = torch.tensor([[True, False, True]])
    inputs = tuple(x.requires_grad_() for x in parts)
    for check in (
        lambda *x: linear_gopd_loss(LinearHead(*x), teacher, reference, impl=impl),
        lambda *x: linear_jsd(LinearHead(*x), teacher, beta=0.4, impl=impl),
        lambda *x: selected_logp(LinearHead(*x), TOKENS, impl=impl),
        lambda *x: ExOPDLoss(1.6, 0.9, impl=impl)(LinearHead(*x), teacher, reference, mask=mask).loss,
    ):
        assert torch.autograd.gradcheck(check, inputs)


def test_the_reference_differentiates_twice() -> None:
    student, teacher, reference = torch.randn(3, 1, 2, 5, dtype=torch.float64).unbind(0)
    student.requires_grad_()
    assert torch.autograd.gradgradcheck(lambda s: gopd_loss(s, teacher, reference, impl="reference"), student)


def test_opcheck() -> None:
    none, rows = torch.zeros(0, dtype=torch.float64), torch.rand(2, 1, 3).double()
    student = [x.requires_grad_() for x in head(3)]
    models = [x for h in (head(4), head(2)) for x in h]
    names = "a\nb\nc"
    logits = [torch.randn(1, 3, 7, requires_grad=True), None, None]
    flat = [torch.randn(1, 3, 7), torch.zeros(0), torch.zeros(0)]
    weights = torch.rand(1, 3).double()
    calls = [
        (operators.mixture_rows, (*student, models, [1.5, -0.5], none, 1.0, True, 0, "op", names)),
        (operators.mixture_rows, (*student, models, [0.0, 0.0], rows, 0.7, False, 2, "op", names)),
        (operators.mixture_rows, (*logits, flat, [1.0], none, 1.0, False, 0, "op", "a\nb")),
        (operators.mixture_sum, (weights, [True] * 3, *student, models, [1.5, -0.5], none, 1.0, 0, "op", names)),
        (
            operators.mixture_sum,
            (weights.float(), [True, False, False], *logits, flat, [1.0], none, 1.0, 0, "op", "a\nb"),
        ),
        (operators.pair_rows, (*student, models[:3], None, 1.0, 0, "op", "a\nb")),
        (operators.pair_rows, (*logits, flat, 0.3, 1.0, 0, "op", "a\nb")),
        (operators.selected_rows, (*student, TOKENS[..., None], 1.0, 0, "op", "a")),
    ]
    for operator, arguments in calls:
        torch.library.opcheck(operator, arguments)


def compiled(function: Callable[..., Tensor], *arguments: Tensor, backend: str = "aot_eager") -> None:
    """Held against the eager run, values and gradients, with no graph break."""
    torch._dynamo.reset()
    wanted = [x for x in arguments if x.requires_grad]
    expected = function(*arguments)
    found = torch.compile(function, backend=backend, fullgraph=True)(*arguments)
    assert_close(found, expected, rtol=1e-11)
    if found.requires_grad:
        grads = torch.autograd.grad(found.sum(), wanted)
        assert_close(grads, torch.autograd.grad(expected.sum(), wanted), rtol=1e-11)


@pytest.mark.parametrize("impl", IMPLS)
def test_every_loss_compiles_without_a_graph_break(impl: str) -> None:
    student, teacher, reference = torch.randn(3, 2, 3, 7, dtype=torch.float64).unbind(0)
    student.requires_grad_()
    mask = torch.rand(2, 3) < 0.7
    tokens = torch.randint(0, 7, (2, 3))
    compiled(lambda s, t, r: gopd_loss(s, t, r, impl=impl), student, teacher, reference)
    compiled(
        lambda s, t, r, c: gopd_loss(s, t, r, reward_scale=c, normalize=True, impl=impl),
        student, teacher, reference, torch.tensor([0.5, 2.0]),
    )  # fmt: skip
    compiled(lambda s, t: jsd(s, t, impl=impl), student, teacher)
    compiled(lambda s, t: forward_kl(s, t, impl=impl), student, teacher)
    compiled(lambda s, k: selected_logp(s, k, impl=impl), student, tokens)
    parts = [x.requires_grad_() for x in head(3)]
    others = [x for h in (head(4), head(2)) for x in h]
    keep = torch.tensor([[True, False, True]])

    def linear(*x: Tensor) -> Tensor:
        return linear_gopd_loss(*(LinearHead(*x[i : i + 3]) for i in (0, 3, 6)), impl=impl)

    def scalar(*x: Tensor) -> Tensor:
        return ExOPDLoss(impl=impl)(*(LinearHead(*x[i : i + 3]) for i in (0, 3, 6)), mask=keep).loss

    compiled(linear, *parts, *others)
    compiled(scalar, *parts, *others)
    compiled(lambda x, m: reduce(x, m, mode="sequence_mean"), student[..., 0], mask)


def test_sampled_losses_compile_without_a_graph_break() -> None:
    logp = torch.randn(3, 1, 6).double().abs().neg()
    student = logp[0].clone().requires_grad_()
    cu_seqlens = torch.tensor([0, 2, 6], dtype=torch.int32)

    def sampled(s: Tensor, t: Tensor, r: Tensor, bounds: Tensor) -> Tensor:
        found = gopd_advantages(s, t, r, discount=0.9, cu_seqlens=bounds, clip=2.0)
        return sampled_gopd_loss(s, found, rollout_logp=t)

    compiled(sampled, student, logp[1], logp[2], cu_seqlens)
    logits = torch.randn(1, 6, 7).double().requires_grad_()
    indices = torch.randint(0, 7, (1, 6, 1))
    compiled(
        lambda s, k, t: topk_gopd_loss(s, k, t, None, reward_scale=1.0, sampled=(k[..., 0], t[..., 0], None)),
        logits, indices, logp[1][..., None],
    )  # fmt: skip
    compiled(
        lambda s, a, b, r, route: gopd_loss(s, Teachers([a, b], route=route), r),
        logits, *torch.randn(3, 1, 6, 7).double().unbind(0), torch.tensor([1]),
    )  # fmt: skip


def test_inductor_compiles_it() -> None:
    student, teacher = torch.randn(2, 1, 3, 7, dtype=torch.float64).unbind(0)
    compiled(
        lambda s, t: gopd_loss(s.tanh(), t, reward_scale=1.0), student.requires_grad_(), teacher, backend="inductor"
    )


def test_one_graph_serves_every_length() -> None:
    torch._dynamo.reset()
    counter = CompileCounterWithBackend("aot_eager")

    def both(s: Tensor, t: Tensor, r: Tensor, m: Tensor) -> Tensor:
        return reduce(gopd_loss(s, t, r), m) + ExOPDLoss()(s, t, r, mask=m).loss

    quick = torch.compile(both, backend=counter, fullgraph=True, dynamic=True)
    frames = []
    for time in (4, 6, 9):
        logits = [
            torch.randn(2, time, 7).double() for _ in range(3)
        ]  # views of one tensor would be guarded by its sizes
        mask = torch.ones(2, time, dtype=torch.bool)
        assert_close(quick(*logits, mask), both(*logits, mask), rtol=1e-11)
        frames.append(counter.frame_count)
    assert frames[2] == frames[1] == frames[0], frames


def test_numbers_may_vary_in_a_dynamic_graph() -> None:
    """Temperatures and scales as floats, which each have a graph; as tensors they share one."""
    torch._dynamo.reset()
    counter = CompileCounterWithBackend("aot_eager")
    s, t, r = (torch.randn(2, 4, 7).double() for _ in range(3))

    def loss(s: Tensor, t: Tensor, r: Tensor, temperature: float, scale: float | Tensor) -> Tensor:
        return gopd_loss(s, t, r, temperature=temperature, reward_scale=scale)

    quick = torch.compile(loss, backend=counter, fullgraph=True, dynamic=True)
    for temperature, scale in ((0.7, 1.25), (1.3, 1.5)):
        assert_close(quick(s, t, r, temperature, scale), loss(s, t, r, temperature, scale), rtol=1e-11)
    frames = []
    for scale in (0.0, 1.25, 3.0):
        wide = torch.full((2,), scale)
        assert_close(quick(s, t, r, 1.3, wide), loss(s, t, r, 1.3, scale), rtol=1e-11)
        frames.append(counter.frame_count)
    assert frames[2] == frames[0], frames


def test_checks_of_data_run_in_compiled_graphs_too() -> None:
    torch._dynamo.reset()
    quick = torch.compile(lambda s, t, c: gopd_loss(s, t, t, reward_scale=c), backend="aot_eager", fullgraph=True)
    logits = torch.randn(2, 3, 7)
    quick(logits, logits, torch.ones(2))
    with pytest.raises(ComposeKitError, match=r"student_logits must hold in every row .*\[1, 0\]"):
        quick(logits.index_fill(0, torch.tensor([1]), torch.nan), logits, torch.ones(2))
    with pytest.raises(ComposeKitError, match="reward_scale must hold finite numbers"):
        quick(logits, logits, -torch.ones(2))
    with pytest.raises(ComposeKitError, match="teacher_logits must have batch and time"):
        torch.compile(lambda s, t: gopd_loss(s, t, t), backend="aot_eager")(logits, logits[:, :2])


def test_equal_inputs_give_equal_bits() -> None:
    student, teacher, reference = torch.randn(3, 2, 3, 7).unbind(0)
    student.requires_grad_()
    runs = [torch.autograd.grad(gopd_loss(student, teacher, reference).sum(), student)[0] for _ in range(2)]
    assert torch.equal(*runs)
