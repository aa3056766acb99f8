"""The loss as a module that ends in a scalar."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.distributed import ProcessGroup

from composekit.distill import _checks, parallel
from composekit.distill.engine import prepare, weighted_sum
from composekit.distill.heads import LinearHead, Model, leading
from composekit.distill.linear import chunk_rows
from composekit.distill.reducing import MODES, token_weights
from composekit.distill.teachers import Teachers


class ExOPDOutput(NamedTuple):
    """The result of :class:`ExOPDLoss`.

    Attributes:
        loss: A scalar, with gradient.
        diagnostics: Detached tensors by name: ``per_token`` [B, T] (0 where masked), ``tokens`` (kept ones), ``mean``,
            ``lowest`` and ``highest`` of the kept values.

    Example:
        >>> ExOPDOutput(torch.tensor(0.5), {}).loss.item()
        0.5
    """

    loss: Tensor
    diagnostics: dict[str, Tensor]


class ExOPDLoss(nn.Module):
    r"""On-policy distillation with an extrapolated reward, as one scalar for a training loop.

    .. math:: \mathcal{L} = \mathrm{reduce}(L), \qquad L_t = \sum_v \pi_v (\log \pi_v - m_v), \qquad
        m = \lambda \log T + (1 - \lambda) \log R

    Since the weight of each token is known before the loss, gradients are made while its logits are at hand: five products
    of hidden states and heads where the per-token form, :func:`linear_gopd_loss`, needs eight. On the CPU masked tokens cost
    nothing.

    Args:
        reward_scale: :math:`\lambda`; assign to ``loss.reward_scale`` to follow a schedule.
        temperature: Divides the logits of all models.
        mode: How to average, see :func:`reduce`.
        chunk_size: Rows of one chunk of the portable implementation.
        align_vocab: See :func:`gopd_loss`.
        impl: See :func:`gopd_loss`.
        vocab_group: The ranks of a ``torch.distributed`` group that share the vocabulary: each passes its slice of the heads
            (or of the logits) as to :func:`vocab_parallel_gopd_loss`, with the same hidden states and mask, and gets the
            same loss; gradients of hidden states are those of the whole vocabulary. Portable and eager.

    Raises:
        ArgumentError: a number out of range, an unknown mode, a ``vocab_group`` with a kernel or with ``align_vocab``.
            ``forward`` raises as :func:`linear_gopd_loss` does.

    Guarantees:
        gradient: Reaches the student alone, scaled as any loss is (gradient scalers, accumulation); none is made under
            ``torch.no_grad()`` nor for frozen tensors. A second differentiation raises.
        memory: Two buffers of [rows, V] besides the gradients; gradients of a head are accumulated in float32 or wider.
        compile: No graph break with ``fullgraph=True``.

    Example:
        >>> from composekit.distill import LinearHead
        >>> student, teacher, reference = (LinearHead(torch.randn(2, 5, 8), torch.randn(100, 8)) for _ in range(3))
        >>> _ = student.weight.requires_grad_()
        >>> out = ExOPDLoss(reward_scale=1.25)(student, teacher, reference, mask=torch.ones(2, 5, dtype=torch.bool))
        >>> out.loss.backward()
        >>> student.weight.grad.shape, int(out.diagnostics["tokens"])
        (torch.Size([100, 8]), 10)

    Source: arXiv 2602.12125; gradients made in the forward as Liger Kernel makes them (arXiv 2410.10989).
    """

    def __init__(
        self,
        reward_scale: float | Tensor = 1.25,
        temperature: float = 1.0,
        mode: str = "token_mean",
        *,
        chunk_size: int | None = None,
        align_vocab: str | int | None = None,
        impl: str = "auto",
        vocab_group: ProcessGroup | None = None,
    ) -> None:
        super().__init__()
        op = "ExOPDLoss"
        if not isinstance(reward_scale, Tensor):
            reward_scale = _checks.number(op, "reward_scale", reward_scale, low=0.0)
        if mode not in MODES:
            raise _checks.bad_value(op, "mode", f"be one of {', '.join(MODES)}", repr(mode), "Pick one of them")
        self.reward_scale = reward_scale
        self.temperature = _checks.temperature(op, temperature)
        self.mode, self.align_vocab, self.impl = mode, align_vocab, impl
        self.chunk_size = chunk_rows(op, chunk_size)
        self.vocab_group = vocab_group
        if vocab_group is not None and impl not in ("auto", "chunked"):
            raise _checks.bad_value(op, "impl", "be 'auto' or 'chunked' with vocab_group", repr(impl), "Leave it out")
        if vocab_group is not None and align_vocab is not None:
            repair = "Cut the whole vocabularies to one size before they are sliced"
            raise _checks.bad_value(op, "align_vocab", "be None with vocab_group", repr(align_vocab), repair)

    def extra_repr(self) -> str:
        return f"reward_scale={self.reward_scale}, temperature={self.temperature}, mode={self.mode!r}"

    def forward(
        self,
        student: Model,
        teacher: Model | Teachers | None,
        reference: Model | None = None,
        *,
        mask: Tensor | None = None,
        cu_seqlens: Tensor | None = None,
        denominator: float | Tensor | None = None,
    ) -> ExOPDOutput:
        """The reduced loss of logits [B, T, V] or of heads, alike or mixed.

        Args:
            student: Logits or a :class:`LinearHead`.
            teacher: The same, or :class:`Teachers`; None at scale 0.0 only.
            reference: The same; None at scale 1.0 only.
            mask: bool [B, T], True keeps; None keeps everything. Masked positions are not read.
            cu_seqlens: int32 [N + 1], boundaries of packed sequences in a batch [1, T].
            denominator: See :func:`reduce`.
        """
        op = "ExOPDLoss"
        names = ("student", "teacher", "reference")
        target = prepare(
            op,
            student,
            teacher,
            reference,
            self.reward_scale,
            self.temperature,
            self.align_vocab,
            names,
            (Tensor, LinearHead),
        )
        if self.vocab_group is not None:
            parallel.require(op, "vocab_group")
        like = torch.zeros((), dtype=_checks.wide(*_tensors(student)), device=leading(student).device)
        weights = token_weights(op, like.expand(leading(student).shape[:2]), mask, self.mode, cu_seqlens, denominator)
        if self.vocab_group is None:
            loss, values = weighted_sum(op, self.impl, target, weights, self.chunk_size)
        else:
            loss, values = parallel.weighted_sum(op, target, weights, self.chunk_size, self.vocab_group)
        return ExOPDOutput(loss, _summary(values, mask))


def _tensors(model: Model) -> tuple[Tensor | None, ...]:
    return tuple(model) if isinstance(model, LinearHead) else (model,)


def _summary(values: Tensor, mask: Tensor | None) -> dict[str, Tensor]:
    keep = torch.ones_like(values, dtype=torch.bool) if mask is None else mask
    count = keep.sum()
    some = count > 0
    return {
        "per_token": values,
        "tokens": count,
        "mean": values.sum() / count.clamp(min=1),
        "lowest": torch.where(some, torch.where(keep, values, torch.inf).amin(), 0.0),
        "highest": torch.where(some, torch.where(keep, values, -torch.inf).amax(), 0.0),
    }
