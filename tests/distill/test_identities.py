"""What must hold mathematically, over every path: in this process, in Triton's interpreter, over two and three ranks."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from composekit._errors import ImplementationError
from composekit.distill import (
    LinearHead,
    Teachers,
    gopd_advantages,
    gopd_loss,
    linear_gopd_loss,
    sampled_gopd_loss,
    selected_logp,
    topk_gopd_loss,
)
from composekit.testing import assert_close

from .conftest import gradient, models, near
from .paths import Path, identity

EXCLUDED = -torch.inf
MASK = torch.tensor([[True, False, True], [True, True, False]])


def kl(p: Tensor, q: Tensor) -> Tensor:
    """KL of two rows of logits, by its definition, in float64."""
    p, q = p.double().log_softmax(-1), q.double().log_softmax(-1)
    return (p.exp() * (p - q)).sum(-1)


def target(teacher: Tensor, reference: Tensor, scale: float | Tensor, tau: float = 1.0) -> Tensor:
    """m, in float64."""
    t, r = ((x.double() / tau).log_softmax(-1) for x in (teacher, reference))
    return scale * t + (1 - scale) * r


def by_definition(student: Tensor, m: Tensor, tau: float = 1.0) -> Tensor:
    """sum_v pi_v (log pi_v - m_v), in float64."""
    log_pi = (student.double() / tau).log_softmax(-1)
    return (log_pi.exp() * (log_pi - m)).sum(-1)


def same(path: Path, loss: Tensor, expected: Tensor, student: Tensor) -> None:
    """Values, and gradients with uneven weights."""
    path.near(loss, expected)
    path.near(gradient(loss, student)[0], gradient(expected, student)[0].to(student.dtype))


def without(x: Tensor, *tokens: int) -> Tensor:
    x = x.detach().clone()
    x[..., list(tokens)] = EXCLUDED
    return x


# --- the loss --------------------------------------------------------------------------------------------------------


@identity
def test_the_loss_is_its_definition(path: Path) -> None:
    student, teacher, reference = path.models()
    for scale, tau in ((0.0, 1.0), (0.5, 0.7), (1.0, 1.0), (1.25, 2.0), (3.0, 1.0)):
        loss = path.loss(student, teacher, reference, reward_scale=scale, temperature=tau)
        same(path, loss, by_definition(student, target(teacher, reference, scale, tau), tau), student)


@identity
def test_the_gradient_is_that_of_one_virtual_teacher(path: Path) -> None:
    """dL / ds_v = pi_v (d_v - sum_u pi_u d_u) / tau with d = (s - mu) / tau: the normalisers of T and R cancel."""
    student, teacher, reference = path.models()
    loss = path.loss(student, teacher, reference, reward_scale=1.6, temperature=0.8)
    s = student.detach().double()
    d = (s - 1.6 * teacher.double() + 0.6 * reference.double()) / 0.8
    pi = (s / 0.8).softmax(-1)
    by_hand = pi * (d - (pi * d).sum(-1, keepdim=True)) / 0.8
    (grad,) = torch.autograd.grad(loss.sum(), student)
    path.near(grad, by_hand)


@identity
def test_scale_one_is_kl_to_the_teacher_for_any_reference(path: Path) -> None:
    student, teacher, reference = path.models()
    for other in (reference, 5.0 * reference, None):
        same(path, path.loss(student, teacher, other, reward_scale=1.0), kl(student, teacher), student)


@identity
def test_scale_zero_is_kl_to_the_reference_for_any_teacher(path: Path) -> None:
    student, teacher, reference = path.models()
    for other in (teacher, 5.0 * teacher, None):
        same(path, path.loss(student, other, reference, reward_scale=0.0), kl(student, reference), student)


@identity
def test_reference_equal_to_teacher_gives_kl_to_the_teacher_at_every_scale(path: Path) -> None:
    student, teacher, _ = path.models()
    for scale in (0.0, 0.7, 1.0, 2.5):
        loss = path.loss(student, teacher, teacher.clone(), reward_scale=scale)
        path.near(loss, kl(student, teacher), 2.0)


@identity
def test_loss_and_gradient_are_affine_in_the_scale(path: Path) -> None:
    student, teacher, reference = path.models()
    losses = [path.loss(student, teacher, reference, reward_scale=scale) for scale in (0.0, 1.0, 2.75)]
    path.near(losses[2], losses[0] + 2.75 * (losses[1] - losses[0]), 2.0)
    zero, one, far = (gradient(loss, student)[0] for loss in losses)
    path.near(far, zero + 2.75 * (one - zero), 2.0)


@identity
def test_loss_plus_log_z_is_kl_to_the_target(path: Path) -> None:
    student, teacher, reference = path.models()
    for scale in (0.3, 1.0, 1.25, 2.0):
        m = target(teacher, reference, scale)
        log_z = torch.logsumexp(m, -1)
        loss = path.loss(student, teacher, reference, reward_scale=scale)
        path.near(loss.detach() + log_z.to(loss.dtype), kl(student, m))
        assert bool((loss.detach().double() + log_z >= 0).all())
        if path.normalizes:
            normalized = path.loss(student, teacher, reference, reward_scale=scale, normalize=True)
            same(path, normalized, kl(student, m), student)
        if scale != 1.0:
            t, r = teacher.double().softmax(-1), reference.double().softmax(-1)
            renyi = (t**scale * r ** (1 - scale)).sum(-1).log() / (scale - 1)
            assert_close((scale - 1) * renyi, log_z, rtol=1e-10)
            assert bool((renyi >= 0).all())


@identity
def test_the_best_loss_is_minus_log_z(path: Path) -> None:
    """Negative above scale 1: at the target the loss is -log Z, with no gradient left."""
    _, teacher, reference = path.models()
    m = target(teacher, reference, 2.0)
    student = m.to(path.dtype).requires_grad_()
    loss = path.loss(student, teacher, reference, reward_scale=2.0)
    path.near(loss, -torch.logsumexp(m, -1), 2.0)
    assert bool((loss < 0).all())
    path.near(gradient(loss, student)[0], torch.zeros_like(student))


@identity
def test_if_the_teacher_is_a_tilted_reference_so_is_the_target(path: Path) -> None:
    """T = R exp(rho / beta) / Z gives q = R exp(scale rho / beta) / Z': no gradient there."""
    _, reference, rho = path.models(1, 3, 17, scale=1.0)
    for scale in (0.5, 2.0):
        tilted = (reference + scale * rho / 0.7).requires_grad_()
        loss = path.loss(tilted, reference + rho / 0.7, reference, reward_scale=scale)
        path.near(gradient(loss, tilted)[0], torch.zeros_like(tilted))
        if path.normalizes:
            whole = path.loss(tilted, reference + rho / 0.7, reference, reward_scale=scale, normalize=True)
            path.near(whole, torch.zeros_like(whole), 2.0)


@identity
def test_row_shifts_of_any_logits_change_nothing(path: Path) -> None:
    student, teacher, reference = path.models()
    before = path.loss(student, teacher, reference, reward_scale=1.25)
    shifted = [x + 7.0 * torch.randn(*x.shape[:2], 1, dtype=path.dtype) for x in (student, teacher, reference)]
    after = path.loss(*shifted, reward_scale=1.25)
    path.near(after, before, 4.0)
    path.near(gradient(after, student)[0], gradient(before, student)[0], 4.0)


@identity
def test_logits_of_any_size_are_taken(path: Path) -> None:
    """Far below zero, far above it, and rising by hundreds from one block to the next."""
    student, teacher, reference = path.models(scale=1.0)
    rise = torch.linspace(-300.0, 300.0, student.shape[-1], dtype=path.dtype)
    everywhere = [(x, "str") for x in (-200.0, 200.0, rise, -rise)]
    for added, which in (*everywhere, (rise, "s"), (rise, "t"), (rise, "r")):
        changed = [x + added if m in which else x for m, x in zip("str", (student, teacher, reference), strict=True)]
        expected = by_definition(changed[0], target(*changed[1:], 1.25))
        loss = path.loss(*changed, reward_scale=1.25)
        path.near(loss, expected, 40.0)
        path.near(gradient(loss, student)[0], gradient(expected, student)[0].to(path.dtype), 40.0)


@identity
def test_a_scale_per_sample_or_per_token_is_that_of_each(path: Path) -> None:
    student, teacher, reference = path.models()
    scales = torch.tensor([[0.0, 0.5, 1.0], [1.25, 3.0, 0.1]], dtype=path.dtype)
    scales = scales[:, : student.shape[1]]
    for scale in (scales, scales[:, -1]):
        wide = (scale if scale.dim() == 2 else scale[:, None])[..., None].double()
        expected = by_definition(student, target(teacher, reference, wide))
        same(path, path.loss(student, teacher, reference, reward_scale=scale), expected, student)


@identity
def test_optimising_free_logits_reaches_the_target(path: Path) -> None:
    """Steps of the natural gradient: the fixed point is q, to 1e-6 in total variation."""
    _, teacher, reference = path.models(1, 2, 9, scale=1.0)
    for scale in (0.5, 1.25, 2.0):
        student = torch.zeros(1, 2, 9, dtype=path.dtype, requires_grad=True)
        for _ in range(10):
            (grad,) = torch.autograd.grad(path.loss(student, teacher, reference, reward_scale=scale).sum(), student)
            with torch.no_grad():
                student -= 0.9 * grad / student.softmax(-1)
        q = target(teacher, reference, scale).softmax(-1)
        assert float((student.detach().double().softmax(-1) - q).abs().sum(-1).max()) / 2 < 1e-6


@identity
def test_several_teachers_equal_a_loop_over_samples(path: Path) -> None:
    student, one, two, reference = path.models(count=4)
    route, scales = torch.tensor([1, 0]), [1.5, 0.5]
    bundle = Teachers([one, two], route=route, reward_scale=scales)
    if not path.mixes:
        with pytest.raises(ImplementationError, match="does not support teachers"):
            path.loss(student, bundle, reference)
        return
    rows = [by_definition(student, target(t, reference, c)) for t, c in zip((one, two), scales, strict=True)]
    expected = torch.stack([rows[int(k)][b] for b, k in enumerate(route)])
    same(path, path.loss(student, bundle, reference), expected, student)
    mixed = path.loss(student, Teachers([one, two], weights=[0.7, 0.6]), reference, reward_scale=1.25)
    t1, t2, r = (x.double().log_softmax(-1) for x in (one, two, reference))
    same(path, mixed, by_definition(student, r + 1.25 * (0.7 * (t1 - r) + 0.6 * (t2 - r))), student)


@identity
def test_no_gradient_reaches_teacher_and_reference(path: Path) -> None:
    student, teacher, reference = path.models()
    teacher.requires_grad_(), reference.requires_grad_()
    loss = path.scalar(student, teacher, reference)
    assert torch.autograd.grad(loss, (teacher, reference), allow_unused=True) == (None, None)


@identity
def test_numerical_gradients(path: Path) -> None:
    """In float64; what has float32 alone is held against float64 above."""
    if path.dtype == torch.float32:
        return
    student, teacher, reference = path.models(2, 1, 9, scale=1.0)
    scale = torch.tensor([0.5, 1.7], dtype=path.dtype)
    options = {"reward_scale": scale, "temperature": 0.7}
    assert torch.autograd.gradcheck(lambda s: path.loss(s, teacher, reference, **options), student)


# --- against estimators at sampled and at known tokens, by enumeration ------------------------------------------------


def at(x: Tensor, tokens: Tensor) -> Tensor:
    return x.log_softmax(-1).gather(-1, tokens[..., None])[..., 0]


@identity
def test_the_expected_sampled_gradient_is_the_full_one(path: Path) -> None:
    """With and without a baseline that depends on the state alone."""
    student, teacher, reference = path.models(1, 2, 9)
    full = path.loss(student, teacher, reference, reward_scale=1.25)
    (exact,) = torch.autograd.grad(full.sum(), student)
    pi = student.detach().softmax(-1)
    for baseline in (None, -full.detach(), 3.0):
        total = torch.zeros_like(student)
        for v in range(9):
            tokens = torch.full((1, 2), v)
            logp = selected_logp(student, tokens)
            found = gopd_advantages(logp, at(teacher, tokens), at(reference, tokens), baseline=baseline)
            loss = sampled_gopd_loss(logp, found)
            total += torch.autograd.grad((loss * pi[..., v]).sum(), student)[0]
        path.near(exact, total, 4.0)


@identity
def test_hybrid_topk_equals_the_full_loss_in_expectation(path: Path) -> None:
    """For every k, values and gradients."""
    student, teacher, reference = path.models(1, 2, 9)
    full = path.loss(student, teacher, reference, reward_scale=1.25)
    (exact,) = torch.autograd.grad(full.sum(), student)
    pi = student.detach().softmax(-1)
    for k in range(1, 10) if path.group is None else (1, 5):  # over ranks every k is the same collectives
        indices = student.topk(k).indices
        known = [x.log_softmax(-1).gather(-1, indices) for x in (teacher, reference)]
        value, grad = torch.zeros_like(full), torch.zeros_like(student)
        for v in range(9):
            tokens = torch.full((1, 2), v)
            sampled = (tokens, at(teacher, tokens), at(reference, tokens))
            loss = topk_gopd_loss(student, indices, *known, reward_scale=1.25, sampled=sampled)
            value = value + pi[..., v] * loss.detach()
            grad = grad + torch.autograd.grad((loss * pi[..., v]).sum(), student)[0]
        path.near(full, value, 4.0)
        path.near(exact, grad, 4.0)


# --- reductions ------------------------------------------------------------------------------------------------------


@identity
def test_packed_equals_padded_equals_split(path: Path) -> None:
    """In values and gradients, for every mode; micro-batches share one denominator."""
    student, teacher, reference = path.models(2, 3, 17)
    per_token = by_definition(student, target(teacher, reference, 1.25))
    sums = (per_token * MASK).sum(-1)
    flat = [x.flatten(0, 1)[None] for x in (student, teacher, reference)]
    bounds = torch.tensor([0, 3, 6], dtype=torch.int32)
    for mode, expected, count in (
        ("token_mean", sums.sum() / 4, 4),
        ("sequence_mean", (sums / 2).mean(), 2),
        ("sequence_sum", sums.mean(), 2),
    ):
        padded = path.scalar(student, teacher, reference, mask=MASK, mode=mode)
        packed = path.scalar(*flat, mask=MASK.flatten()[None], cu_seqlens=bounds, mode=mode)
        split = torch.zeros((), dtype=path.dtype)
        for b in range(2):
            part = [x[b : b + 1] for x in (student, teacher, reference)]
            split = split + path.scalar(*part, mask=MASK[b : b + 1], mode=mode, denominator=count)
        (exact,) = torch.autograd.grad(expected, student, retain_graph=True)
        for loss in (padded, packed, split):
            path.near(loss, expected)
            path.near(torch.autograd.grad(2.5 * loss, student, retain_graph=True)[0], 2.5 * exact)


@identity
def test_an_empty_mask_gives_zero_and_zero_gradient(path: Path) -> None:
    student, teacher, reference = path.models(2, 3, 17)
    for mode in ("token_mean", "sequence_mean", "sequence_sum"):
        loss = path.scalar(student, teacher, reference, mask=torch.zeros_like(MASK), mode=mode)
        path.near(loss, torch.zeros(()), 0.0)
        assert not torch.autograd.grad(loss, student)[0].any()


@identity
def test_masked_rows_are_not_read(path: Path) -> None:
    """NaN in any model at a masked row changes no other row and gives no gradient, nor does an excluded token there."""
    if not path.scalar_form:
        return  # the loss per token knows no mask
    student, teacher, reference = path.models(2, 3, 17)
    clean = path.scalar(student, teacher, reference, mask=MASK)
    (exact,) = torch.autograd.grad(clean, student)
    for value in (torch.nan, torch.inf):
        spoilt = [x.detach().clone() for x in (student, teacher, reference)]
        for x in spoilt:
            x[~MASK] = value
        spoilt[0].requires_grad_()
        loss = path.scalar(*spoilt, mask=MASK)
        path.near(loss, clean)
        path.near(torch.autograd.grad(loss, spoilt[0])[0], exact)


@identity
def test_masked_rows_do_not_reach_the_head(path: Path) -> None:
    """The weight's gradient is a sum over rows, where zero times NaN would be NaN."""
    if not (path.heads and path.scalar_form):
        return  # logits have no head, and NaN in rows that a loss per token cannot know to be masked raises
    hidden, weight = torch.randn(3, 2, 3, 4, dtype=path.dtype), torch.randn(3, 17, 4, dtype=path.dtype)
    found = []
    for value in (0.5, torch.nan):
        states = hidden.masked_fill(~MASK[..., None], value)
        leaves = [x.clone().requires_grad_() for x in (states[0], weight[0], torch.zeros(17, dtype=path.dtype))]
        heads = [LinearHead(*leaves), LinearHead(states[1], weight[1]), LinearHead(states[2], weight[2])]
        found.append(torch.autograd.grad(path.scalar(*heads, mask=MASK), leaves))
    for clean, spoilt in zip(*found, strict=True):
        path.near(spoilt, clean)


# --- excluded tokens -------------------------------------------------------------------------------------------------


@identity
def test_excluded_tokens(path: Path) -> None:
    """By the teacher alone +inf, by the reference alone above scale 1 -inf, by both +inf, the same token or not."""
    student, t, r = path.models()
    for scale, teacher, reference, value in (
        (1.0, [3], [], torch.inf),
        (1.25, [3], [], torch.inf),
        (0.5, [3], [], torch.inf),
        (0.5, [], [3], torch.inf),
        (1.25, [], [3], -torch.inf),
        (1.25, [3], [3], torch.inf),
        (1.25, [3], [4], torch.inf),
        (1.25, [16], [0], torch.inf),
        (1.25, [0], [16], torch.inf),
    ):
        models_now = [student, without(t, *teacher), without(r, *reference)]
        loss = path.loss(*models_now, reward_scale=scale)
        path.near(loss, torch.full_like(loss, value))
        assert bool(gradient(loss, student)[0].isnan().any())
        per_row = path.loss(*models_now, reward_scale=torch.full((2,), scale, dtype=path.dtype))
        path.near(per_row, torch.full_like(loss, value))
        if path.normalizes:
            path.near(path.loss(*models_now, reward_scale=scale, normalize=True), torch.full_like(loss, torch.inf))


@identity
def test_what_is_too_improbable_for_the_dtype_counts_nothing(path: Path) -> None:
    """Excluded or not: whole blocks far below one token that comes last, or first."""
    student, teacher, reference = path.models()
    for token, low in ((3, slice(0, 16)), (13, slice(1, 17))):
        far = student.detach().clone()
        far[..., low] -= 2000.0
        far.requires_grad_()
        kept = [v for v in range(17) if v != token]
        for t, r in ((without(teacher, token), reference), (teacher, without(reference, token))):
            expected = by_definition(far[..., kept], target(t, r, 1.25)[..., kept])
            same(path, path.loss(far, t, r, reward_scale=1.25), expected, far)


@identity
def test_what_the_student_excludes_counts_nothing(path: Path) -> None:
    student, teacher, reference = path.models()
    student = without(student, 3, 16).requires_grad_()
    kept = [v for v in range(student.shape[-1]) if v not in (3, 16)]
    for t, r in ((teacher, reference), (without(teacher, 3), reference), (teacher, without(reference, 3, 16))):
        m = 1.25 * t.double().log_softmax(-1) - 0.25 * r.double().log_softmax(-1)
        expected = by_definition(student[..., kept], m[..., kept])
        same(path, path.loss(student, t, r, reward_scale=1.25), expected, student)


@identity
def test_tokens_that_all_exclude_give_finite_loss_and_zero_gradient(path: Path) -> None:
    shared = [without(x, 0, 5, 6, 16) for x in path.models()]  # all of the narrow slices of three ranks among them
    shared[0].requires_grad_()
    kept = [v for v in range(shared[0].shape[-1]) if v not in (0, 5, 6, 16)]
    expected = by_definition(shared[0][..., kept], target(shared[1][..., kept], shared[2][..., kept], 1.25))
    loss = path.loss(*shared, reward_scale=1.25)
    same(path, loss, expected, shared[0])
    assert not gradient(loss, shared[0])[0][..., [0, 5, 6, 16]].any()


@identity
def test_the_unused_model_is_not_read(path: Path) -> None:
    student, teacher, reference = path.models()
    nothing = torch.full_like(teacher, torch.nan)
    path.near(path.loss(student, teacher, nothing, reward_scale=1.0), kl(student, teacher))
    path.near(path.loss(student, nothing, reference, reward_scale=0.0), kl(student, reference))


@identity
def test_rows_of_scale_zero_or_one_do_not_read_the_unused_model(path: Path) -> None:
    student, teacher, reference = path.models()
    scale = torch.tensor([0.0, 1.0], dtype=path.dtype)
    expected = torch.stack([kl(student, reference)[0], kl(student, teacher)[1]])
    teacher[0], reference[1] = torch.nan, torch.nan
    same(path, path.loss(student, teacher, reference, reward_scale=scale), expected, student)


# --- the local paths against each other ----------------------------------------------------------------------------


def test_teacher_and_reference_are_one_virtual_teacher() -> None:
    """mu = [h_T | h_R] [scale W_T | (1 - scale) W_R]^T gives the same gradient, and the same KL to q."""
    student, teacher, reference = (
        LinearHead(torch.randn(2, 5, d, dtype=torch.float64), torch.randn(17, d, dtype=torch.float64))
        for d in (4, 6, 3)
    )
    student.hidden.requires_grad_(), student.weight.requires_grad_()
    scale = 1.6
    virtual = LinearHead(
        torch.cat([teacher.hidden, reference.hidden], -1),
        torch.cat([scale * teacher.weight, (1 - scale) * reference.weight], -1),
    )
    ours = linear_gopd_loss(student, teacher, reference, reward_scale=scale)
    theirs = linear_gopd_loss(student, virtual, reward_scale=1.0)
    assert_close(gradient(ours, *student[:2]), gradient(theirs, *student[:2]), rtol=1e-11)
    logits = [x.logits() for x in (student, teacher, reference)]
    assert_close(theirs, gopd_loss(*logits, reward_scale=scale, normalize=True), rtol=1e-10)


@given(
    batch=st.integers(1, 3),
    time=st.integers(0, 6),
    vocabulary=st.integers(1, 40),
    scale=st.floats(0, 4),
    data=st.data(),
)
def test_chunked_equals_reference_for_all_shapes(batch: int, time: int, vocabulary: int, scale: float, data) -> None:  # type: ignore[no-untyped-def]
    torch.manual_seed(batch + 10 * time + 100 * vocabulary)
    student, teacher, reference = models(batch, time, vocabulary)
    layout = data.draw(st.sampled_from(["plain", "sliced", "transposed", "expanded"]))
    if layout == "sliced":
        student = models(batch, time + 1, vocabulary)[0]
        view = student[:, 1:]
    elif layout == "transposed":
        student = models(time, batch, vocabulary)[0]
        view = student.transpose(0, 1)
    elif layout == "expanded":
        student = models(1, time, vocabulary)[0]
        view = student.expand(batch, time, vocabulary)
    else:
        view = student
    options = {"reward_scale": scale, "temperature": data.draw(st.floats(0.2, 3))}
    plain = gopd_loss(view, teacher, reference, impl="reference", **options)
    quick = gopd_loss(view, teacher, reference, impl="chunked", **options)
    near(quick, plain)
    near(gradient(quick, student)[0], gradient(plain, student)[0])


@given(
    time=st.integers(1, 6),
    vocabulary=st.integers(2, 40),
    widths=st.tuples(*[st.integers(1, 6)] * 3),
    bias=st.booleans(),
    chunk=st.none() | st.integers(1, 9),
)
def test_linear_equals_reference_for_all_shapes(
    time: int, vocabulary: int, widths: tuple[int, int, int], bias: bool, chunk: int | None
) -> None:
    torch.manual_seed(time + 100 * vocabulary + sum(widths))
    heads = []
    for width in widths:
        hidden, weight = torch.randn(2, time, width).double(), torch.randn(vocabulary, width).double()
        heads.append(LinearHead(hidden, weight, torch.randn(vocabulary).double() if bias else None))
    inputs = [x.requires_grad_() for x in heads[0] if x is not None]
    plain = linear_gopd_loss(*heads, impl="reference")
    quick = linear_gopd_loss(*heads, impl="chunked", chunk_size=chunk)
    near(quick, plain)
    for ours, theirs in zip(gradient(quick, *inputs), gradient(plain, *inputs), strict=True):
        near(ours, theirs)
