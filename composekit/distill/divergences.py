"""The family around the loss: forward and reverse KL and Jensen-Shannon, from logits or from hidden states."""

from __future__ import annotations

from functools import partial
from typing import Any

import torch
from torch import Tensor

from composekit._dispatch import choose
from composekit._errors import bad_value
from composekit.distill import _checks, operators, reference
from composekit.distill.engine import call_facts, look, plain_logits, prepare, run_target, student_parts, triple
from composekit.distill.heads import LinearHead, Model, head_dtype, leading
from composekit.distill.linear import chunk_rows

Names = tuple[str, str]
LOGITS: Names = ("student_logits", "teacher_logits")
HEADS: Names = ("student", "teacher")


def forward_kl(
    student_logits: Tensor,
    teacher_logits: Tensor,
    *,
    temperature: float = 1.0,
    align_vocab: str | int | None = None,
    impl: str = "auto",
) -> Tensor:
    r"""KL(teacher || student): the student must cover everything that the teacher does.

    .. math:: \sum_v T_v (\log T_v - \log \pi_v)

    Args:
        student_logits: [B, T, V], any floating dtype.
        teacher_logits: [B, T, V]; no gradient reaches it.
        temperature: Divides both; above 0. No factor :math:`\tau^2` is applied.
        align_vocab: See :func:`gopd_loss`.
        impl: See :func:`gopd_loss`.

    Returns:
        [B, T] in nats, float32 or wider; +inf where the student excludes (-inf) what the teacher does not.

    Raises:
        ShapeError, ArgumentError, ArgumentTypeError: as :func:`gopd_loss`.

    Guarantees:
        compile: No graph break with ``fullgraph=True``.

    Example:
        >>> import torch
        >>> logits = torch.randn(1, 2, 10)
        >>> forward_kl(logits, logits + 3.0).abs().max().item() < 1e-6
        True

    Source: Hinton et al., arXiv 1503.02531.
    """
    return _divergence("forward_kl", 0.0, student_logits, teacher_logits, temperature, align_vocab, impl)


def reverse_kl(
    student_logits: Tensor,
    teacher_logits: Tensor,
    *,
    temperature: float = 1.0,
    align_vocab: str | int | None = None,
    impl: str = "auto",
) -> Tensor:
    r"""KL(student || teacher): the student must not do what the teacher does not. :func:`gopd_loss` at scale 1.

    .. math:: \sum_v \pi_v (\log \pi_v - \log T_v)

    Args:
        student_logits: [B, T, V], any floating dtype.
        teacher_logits: [B, T, V]; no gradient reaches it.
        temperature: Divides both; above 0. No factor :math:`\tau^2` is applied.
        align_vocab: See :func:`gopd_loss`.
        impl: See :func:`gopd_loss`.

    Returns:
        [B, T] in nats, float32 or wider.

    Raises:
        ShapeError, ArgumentError, ArgumentTypeError: as :func:`gopd_loss`.

    Guarantees:
        compile: No graph break with ``fullgraph=True``.

    Example:
        >>> import torch
        >>> student, teacher = torch.tensor([[[0.9, 0.1]], [[0.5, 0.5]]]).log().split(1)
        >>> round(reverse_kl(student, teacher).item(), 4)
        0.3681

    Source: MiniLLM, arXiv 2306.08543.
    """
    return _divergence("reverse_kl", 1.0, student_logits, teacher_logits, temperature, align_vocab, impl)


def jsd(
    student_logits: Tensor,
    teacher_logits: Tensor,
    *,
    beta: float = 0.5,
    temperature: float = 1.0,
    align_vocab: str | int | None = None,
    impl: str = "auto",
) -> Tensor:
    r"""The generalised Jensen-Shannon divergence of TRL and Liger: ``beta=0`` is the forward KL, 1 the reverse.

    .. math:: \beta\, \mathrm{KL}(T \| M) + (1 - \beta)\, \mathrm{KL}(\pi \| M), \qquad M = \beta T + (1 - \beta) \pi

    At 0 and 1, where the formula vanishes, the two KL divergences are taken instead, as in TRL and Liger.

    Args:
        student_logits: [B, T, V], any floating dtype.
        teacher_logits: [B, T, V]; no gradient reaches it.
        beta: From 0 to 1.
        temperature: Divides both; above 0. No factor :math:`\tau^2` is applied.
        align_vocab: See :func:`gopd_loss`.
        impl: See :func:`gopd_loss`.

    Returns:
        [B, T] in nats, float32 or wider.

    Raises:
        ShapeError, ArgumentError, ArgumentTypeError: as :func:`gopd_loss`.

    Guarantees:
        compile: No graph break with ``fullgraph=True``.

    Example:
        >>> import torch
        >>> student, teacher = torch.eye(2).log().view(2, 1, 1, 2).unbind(0)  # they share no token
        >>> round(jsd(student, teacher).item(), 4)  # log 2
        0.6931

    Source: GKD, arXiv 2306.13649, equation 2.
    """
    return _divergence("jsd", beta, student_logits, teacher_logits, temperature, align_vocab, impl)


def linear_forward_kl(
    student: LinearHead,
    teacher: LinearHead,
    *,
    temperature: float = 1.0,
    chunk_size: int | None = None,
    align_vocab: str | int | None = None,
    impl: str = "auto",
) -> Tensor:
    r""":func:`forward_kl` straight from hidden states; no array of T V elements.

    .. math:: \sum_v T_v (\log T_v - \log \pi_v), \qquad \pi = \mathrm{softmax}((h W^\top + b) / \tau)

    Args:
        student: :class:`LinearHead` with hidden states [B, T, D].
        teacher: The same, with a width of its own; no gradient reaches it.
        temperature: Divides the logits of both; above 0.
        chunk_size: Rows of one chunk.
        align_vocab: See :func:`gopd_loss`.
        impl: See :func:`gopd_loss`.

    Returns:
        [B, T] in nats, float32 or wider.

    Raises:
        ShapeError, ArgumentError, ArgumentTypeError: as :func:`linear_gopd_loss`.

    Guarantees:
        compile: No graph break with ``fullgraph=True``.

    Example:
        >>> import torch
        >>> student, teacher = (LinearHead(torch.randn(1, 2, d), torch.randn(50, d)) for d in (4, 8))
        >>> linear_forward_kl(student, teacher).shape
        torch.Size([1, 2])

    Source: Hinton et al., arXiv 1503.02531.
    """
    heads = student, teacher
    return _divergence("linear_forward_kl", 0.0, *heads, temperature, align_vocab, impl, True, chunk_size)


def linear_reverse_kl(
    student: LinearHead,
    teacher: LinearHead,
    *,
    temperature: float = 1.0,
    chunk_size: int | None = None,
    align_vocab: str | int | None = None,
    impl: str = "auto",
) -> Tensor:
    r""":func:`reverse_kl` straight from hidden states: :func:`linear_gopd_loss` at scale 1.

    .. math:: \sum_v \pi_v (\log \pi_v - \log T_v), \qquad \pi = \mathrm{softmax}((h W^\top + b) / \tau)

    Args:
        student: :class:`LinearHead` with hidden states [B, T, D].
        teacher: The same, with a width of its own; no gradient reaches it.
        temperature: Divides the logits of both; above 0.
        chunk_size: Rows of one chunk.
        align_vocab: See :func:`gopd_loss`.
        impl: See :func:`gopd_loss`.

    Returns:
        [B, T] in nats, float32 or wider.

    Raises:
        ShapeError, ArgumentError, ArgumentTypeError: as :func:`linear_gopd_loss`.

    Guarantees:
        compile: No graph break with ``fullgraph=True``.

    Example:
        >>> import torch
        >>> head = LinearHead(torch.randn(1, 2, 4), torch.randn(50, 4))
        >>> linear_reverse_kl(head, head).abs().max().item() < 1e-5
        True

    Source: MiniLLM, arXiv 2306.08543.
    """
    heads = student, teacher
    return _divergence("linear_reverse_kl", 1.0, *heads, temperature, align_vocab, impl, True, chunk_size)


def linear_jsd(
    student: LinearHead,
    teacher: LinearHead,
    *,
    beta: float = 0.5,
    temperature: float = 1.0,
    chunk_size: int | None = None,
    align_vocab: str | int | None = None,
    impl: str = "auto",
) -> Tensor:
    r""":func:`jsd` straight from hidden states; two buffers of [rows, V] in the forward, none in the backward.

    .. math:: \beta\, \mathrm{KL}(T \| M) + (1 - \beta)\, \mathrm{KL}(\pi \| M), \qquad M = \beta T + (1 - \beta) \pi

    Args:
        student: :class:`LinearHead` with hidden states [B, T, D].
        teacher: The same, with a width of its own; no gradient reaches it.
        beta: From 0 (forward KL) to 1 (reverse KL).
        temperature: Divides the logits of both; above 0.
        chunk_size: Rows of one chunk.
        align_vocab: See :func:`gopd_loss`.
        impl: See :func:`gopd_loss`.

    Returns:
        [B, T] in nats, float32 or wider.

    Raises:
        ShapeError, ArgumentError, ArgumentTypeError: as :func:`linear_gopd_loss`.

    Guarantees:
        compile: No graph break with ``fullgraph=True``.

    Example:
        >>> import torch
        >>> student, teacher = (LinearHead(torch.randn(1, 2, d), torch.randn(50, d)) for d in (4, 8))
        >>> bool((linear_jsd(student, teacher) < 0.6932).all())  # log 2 at most
        True

    Source: GKD, arXiv 2306.13649, equation 2.
    """
    heads = student, teacher
    return _divergence("linear_jsd", beta, *heads, temperature, align_vocab, impl, True, chunk_size)


def _divergence(
    op: str,
    beta: float,
    student: Model,
    teacher: Model,
    temperature: float,
    align_vocab: str | int | None,
    impl: str,
    linear: bool = False,
    chunk_size: int | None = None,
) -> Tensor:
    """All six: ``beta`` 0 is the forward KL, 1 the reverse, which is the loss at scale 1."""
    beta, chunk_size = _checks.number(op, "beta", beta, low=0.0), chunk_rows(op, chunk_size)
    if beta > 1.0:
        raise bad_value(op, "beta", "be from 0 to 1", beta, "0 is the forward KL, 1 the reverse")
    names, prefix = (HEADS, "linear_") if linear else (LOGITS, "")
    kinds = (LinearHead,) if linear else (Tensor,)
    target = prepare(op, student, teacher, None, 1.0, temperature, align_vocab, (*names, "reference"), kinds)
    if beta == 1.0:
        return run_target(op, prefix + "gopd", impl, target, chunk_size=chunk_size)
    pair, options = (target.student, target.models[0]), {"beta": beta or None, "temperature": target.temperature}
    portable = {
        "chunked": partial(_chunked, chunk_size=chunk_size or 0, op=op, names=names),
        "reference": partial(_plain, op=op, names=names),
    }
    key = prefix + ("jsd" if beta else "forward_kl")
    name, run = choose(key, impl, call_facts(target.student, others=target.models), portable)
    if name in portable:
        return run(*pair, **options)
    look(op, target.temperature, target.parts())
    return run(*pair, chunk_size=chunk_size, **options)


def _chunked(
    student: Model, teacher: Model, *, beta: float | None, temperature: float, chunk_size: int, op: str, names: Names
) -> Tensor:
    parts = student_parts(student)
    return operators.pair_rows(*parts, triple(teacher), beta, temperature, chunk_size, op, "\n".join(names))[0]


def _plain(student: Model, teacher: Model, *, beta: float | None, temperature: float, op: str, names: Names) -> Tensor:
    common: dict[str, Any] = {"temperature": temperature, "op": op, "names": names}
    common["dtype"] = head_dtype(student, teacher)
    with torch.autocast(leading(student).device.type, enabled=False):
        logits = plain_logits(student), plain_logits(teacher)
        return reference.forward_kl(*logits, **common) if beta is None else reference.jsd(*logits, beta=beta, **common)
