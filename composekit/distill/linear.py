"""The loss from hidden states."""

from __future__ import annotations

from torch import Tensor

from composekit._errors import bad_value
from composekit.distill.engine import prepare, run_target
from composekit.distill.heads import LinearHead
from composekit.distill.teachers import Teachers


def chunk_rows(op: str, chunk_size: int | None) -> int | None:
    """Rows of one chunk: None, or a whole number above 0."""
    if chunk_size is not None and (isinstance(chunk_size, bool) or not isinstance(chunk_size, int) or chunk_size < 1):
        raise bad_value(op, "chunk_size", "be None or a whole number of rows above 0", chunk_size, "Leave it out")
    return chunk_size


def linear_gopd_loss(
    student: LinearHead,
    teacher: LinearHead | Teachers | None,
    reference: LinearHead | None = None,
    *,
    reward_scale: float | Tensor = 1.25,
    temperature: float = 1.0,
    chunk_size: int | None = None,
    align_vocab: str | int | None = None,
    impl: str = "auto",
) -> Tensor:
    r"""The same loss as :func:`gopd_loss`, straight from hidden states: logits are made in blocks and never stored.

    .. math:: L = \sum_v \pi_v (\log \pi_v - m_v), \qquad \pi = \mathrm{softmax}((h W^\top + b) / \tau)

    The backward makes the blocks of logits again: eight products of hidden states and heads in all, where storing them would
    take five. :class:`ExOPDLoss` knows the weight of every token beforehand and needs five without storing them.

    Args:
        student: Hidden states [B, T, D] with weight [V, D] and bias [V] or None.
        teacher: The same for the teacher, with a width of its own; or :class:`Teachers` of heads; None at
            ``reward_scale=0.0`` only.
        reference: The same for the reference; None at ``reward_scale=1.0`` only.
        reward_scale: :math:`\lambda`, a float or a floating-point tensor [B] or [B, T]; finite, at least 0.
        temperature: Divides the logits of all models; above 0.
        chunk_size: Rows of one chunk of the portable implementation; by default as many as make good use of the caches.
        align_vocab: As in :func:`gopd_loss`.
        impl: As in :func:`gopd_loss`.

    Returns:
        [B, T] in nats, float32 (float64 if any argument is float64).

    Raises:
        ShapeError: shapes or vocabularies that differ.
        ArgumentError: a missing model, a number out of range, NaN or a row without a finite logit (found on the CPU).
        ArgumentTypeError: something is not a :class:`LinearHead`.

    Guarantees:
        gradient: Reaches hidden states, weight and bias of the student alone, accumulated in float32 or wider; tied
            weights add up as in plain autograd. -inf in a bias as in :func:`gopd_loss`.
        memory: Nothing of T V elements, in any implementation but ``"reference"``.
        precision: Products in float32 or wider; logits are never rounded to bf16, autocast or not.
        compile: No graph break with ``fullgraph=True``.

    Example:
        >>> import torch
        >>> heads = [LinearHead(torch.randn(2, 5, d), torch.randn(100, d)) for d in (8, 16, 16)]
        >>> linear_gopd_loss(*heads, reward_scale=1.25).shape
        torch.Size([2, 5])

    Source: arXiv 2602.12125; the running sums are those of online softmax (arXiv 1805.02867).
    """
    op = "linear_gopd_loss"
    chunk_size = chunk_rows(op, chunk_size)
    names = ("student", "teacher", "reference")
    target = prepare(op, student, teacher, reference, reward_scale, temperature, align_vocab, names, (LinearHead,))
    return run_target(op, "linear_gopd", impl, target, chunk_size=chunk_size)
