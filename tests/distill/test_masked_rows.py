"""A row that is masked contributes nothing to value and gradient, whatever it holds, in every form and implementation."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from composekit.distill import (
    LinearHead,
    _checks,
    forward_kl,
    gopd_advantages,
    gopd_loss,
    jsd,
    linear_forward_kl,
    linear_gopd_loss,
    linear_jsd,
    linear_reverse_kl,
    reduce,
    reverse_kl,
    sampled_gopd_loss,
    selected_logp,
    topk_gopd_loss,
)
from composekit.testing import assert_close

from .conftest import near

V = 17
TOKENS = torch.arange(6).view(2, 3)
INDICES = torch.arange(2, 6).expand(2, 3, 4)
MASK = torch.tensor([[True, False, True], [True, True, False]])
Form = Callable[[Tensor, Tensor, Tensor, str], Tensor]


def at(x: Tensor, indices: Tensor) -> Tensor:
    return x.log_softmax(-1).gather(-1, indices)


def topk(mode: str) -> Form:
    def form(s: Tensor, t: Tensor, r: Tensor, impl: str) -> Tensor:
        sampled = (TOKENS, *(at(x, TOKENS[..., None])[..., 0] for x in (t, r)))
        return topk_gopd_loss(s, INDICES, at(t, INDICES), at(r, INDICES), mode=mode, sampled=sampled)

    return form


def at_tokens(s: Tensor, t: Tensor, r: Tensor, impl: str) -> Tensor:
    logp = selected_logp(s, TOKENS, impl=impl)
    advantages = gopd_advantages(logp, *(at(x, TOKENS[..., None])[..., 0] for x in (t, r)))
    return sampled_gopd_loss(logp, advantages)


def heads(loss: Callable[..., Tensor], count: int = 2, **options: object) -> Form:
    """From hidden states that hold the spoilt row, with a head that every row shares."""

    def form(s: Tensor, t: Tensor, r: Tensor, impl: str) -> Tensor:
        models = [LinearHead(x, torch.eye(V, dtype=x.dtype), torch.linspace(0, 1, V, dtype=x.dtype)) for x in (s, t, r)]
        weight = (models[0].weight + 0.0 * s.detach().nan_to_num(0, 0, 0).sum()).requires_grad_()
        SHARED.append(weight)
        return loss(models[0]._replace(weight=weight), *models[1:count], impl=impl, **options)

    return form


SHARED: list[Tensor] = []  # the weights of heads, whose gradients are sums over rows
FORMS: dict[str, Form] = {
    "gopd": lambda s, t, r, impl: gopd_loss(s, t, r, impl=impl),
    "normalized": lambda s, t, r, impl: gopd_loss(s, t, r, normalize=True, impl=impl),
    "scale of rows": lambda s, t, r, impl: gopd_loss(s, t, r, reward_scale=torch.full((2,), 1.25).to(s), impl=impl),
    "forward": lambda s, t, r, impl: forward_kl(s, t, impl=impl),
    "reverse": lambda s, t, r, impl: reverse_kl(s, t, impl=impl),
    "jsd": lambda s, t, r, impl: jsd(s, t, impl=impl),
    "selected": lambda s, t, r, impl: selected_logp(s, TOKENS, impl=impl),
    "linear gopd": heads(linear_gopd_loss, 3),
    "linear forward": heads(linear_forward_kl),
    "linear reverse": heads(linear_reverse_kl),
    "linear jsd": heads(linear_jsd),
    "linear selected": heads(selected_logp, 1, tokens=TOKENS),
    **{f"topk {mode}": topk(mode) for mode in ("hybrid", "truncate", "renormalize", "tail")},
    "sampled": at_tokens,
}


def spoilt(x: Tensor, how: str) -> Tensor:
    """Masked rows that exclude all tokens but one that no other form asks for, or that hold what no row may hold."""
    x = x.clone()
    x[~MASK] = {"excluded": -torch.inf, "empty": -torch.inf, "infinite": torch.inf, "nan": torch.nan}[how]
    if how == "excluded":
        x[..., -1] = 0.0
    return x


def outcome(form: Form, models: list[Tensor], impl: str) -> tuple[Tensor, ...]:
    """Value and gradients, also of a weight that the rows share."""
    SHARED.clear()
    student = models[0].clone().requires_grad_()
    loss = reduce(form(student, *models[1:], impl), MASK)
    return loss.detach(), *torch.autograd.grad(loss, [student, *SHARED])


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.bfloat16], ids=lambda d: str(d)[6:])
@pytest.mark.parametrize(
    "impl", ["reference", "chunked", pytest.param("triton", marks=[pytest.mark.interpret, pytest.mark.gpu])]
)
@pytest.mark.parametrize("name", FORMS)
def test_a_masked_row_leaves_no_trace(
    name: str, impl: str, dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch
) -> None:
    if impl == "triton" and (dtype != torch.float32 or name.startswith("topk")):
        pytest.skip("the interpreter runs in float32, and topk names no implementation")
    models = list(torch.randn(3, 2, 3, V).to(dtype).unbind(0))
    for x in models:
        x[..., -1] = 0.0
    clean = outcome(FORMS[name], models, impl)
    for how in ("excluded", "empty", "infinite", "nan"):
        if how != "excluded" or name.startswith("linear"):  # bad rows raise on the CPU; on a GPU nobody looks
            monkeypatch.setattr(_checks, "on_host", lambda x: False)
        for k in range(3):
            found = outcome(FORMS[name], [spoilt(x, how) if k == j else x for j, x in enumerate(models)], impl)
            for one, other in zip(found, clean, strict=True):
                near(one, other, 1e-13 if one.dtype == torch.float64 else 1e-6)


@pytest.mark.parametrize("impl", ["reference", "chunked"])
def test_a_row_that_counts_and_has_no_finite_loss_has_no_gradient(impl: str) -> None:
    """Silence would hide that training goes on without the row."""
    student, teacher, reference = (x.double() for x in torch.randn(3, 2, 3, V).unbind(0))
    for name in ("gopd", "normalized", "reverse", "topk hybrid", "topk truncate", "sampled"):
        leaf = student.clone().requires_grad_()
        loss = FORMS[name](leaf, spoilt(teacher, "excluded"), reference, impl)
        (grad,) = torch.autograd.grad(loss.sum(), leaf)
        assert bool(loss[MASK].isfinite().all())
        assert bool(grad[MASK].isfinite().all())
        assert bool(loss[~MASK].isinf().all())
        assert bool(grad[~MASK].isnan().any(-1).all()), name


def test_a_tail_holds_everything_where_the_student_excludes_the_set() -> None:
    logp = at(torch.randn(2, 3, V).double(), INDICES)
    student = torch.zeros(2, 3, V, dtype=torch.float64)
    student[..., 2:6] = -torch.inf
    student.requires_grad_()
    loss = topk_gopd_loss(student, INDICES, logp, None, reward_scale=1.0, mode="tail")
    assert_close(loss, -torch.log1p(-logp.exp().sum(-1)), rtol=1e-12)
    near(torch.autograd.grad(loss.sum(), student)[0], torch.zeros_like(student), 1e-15)
