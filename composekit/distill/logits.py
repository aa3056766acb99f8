"""The loss from logits."""

from __future__ import annotations

from torch import Tensor

from composekit.distill.engine import prepare, run_target
from composekit.distill.teachers import Teachers


def gopd_loss(
    student_logits: Tensor,
    teacher_logits: Tensor | Teachers | None,
    reference_logits: Tensor | None = None,
    *,
    reward_scale: float | Tensor = 1.25,
    temperature: float = 1.0,
    normalize: bool = False,
    align_vocab: str | int | None = None,
    impl: str = "auto",
) -> Tensor:
    r"""On-policy distillation with the teacher's implicit reward scaled by :math:`\lambda`, exact over the vocabulary.

    The reward of a token is the log-ratio of teacher and reference; the student maximises :math:`\lambda` times it while a
    KL divergence holds it near the reference. 0 is KL to the reference, 1 is plain on-policy distillation, where the
    reference drops out; above 1 (ExOPD) the student extrapolates past the teacher.

    .. math::
        m = \lambda \log T + (1 - \lambda) \log R, \qquad
        L = \sum_v \pi_v (\log \pi_v - m_v) = \mathrm{KL}(\pi \,\|\, q) - \log Z

    with :math:`q = \mathrm{softmax}(m)` and :math:`\log Z = \mathrm{logsumexp}(m) = (\lambda - 1) D_\lambda(T \| R)`, a
    Rényi divergence. For :math:`\lambda > 1` the best loss is therefore negative; ``normalize=True`` adds log Z,
    which changes no gradient.

    Args:
        student_logits: [B, T, V], any floating dtype.
        teacher_logits: [B, T, V]; or :class:`Teachers` of such; None at ``reward_scale=0.0`` only.
        reference_logits: [B, T, V]; None at ``reward_scale=1.0`` only.
        reward_scale: :math:`\lambda`, a float or a floating-point tensor [B] or [B, T]; finite, at least 0.
        temperature: Divides the logits of all models; above 0.
        normalize: Return KL(pi || q), which is never negative.
        align_vocab: What to do where vocabularies differ: ``"prefix"`` keeps the tokens that all have, a number keeps that
            many; None raises. The softmax of each model then runs over what is kept.
        impl: ``"auto"``, ``"chunked"`` (rows and columns in pieces, no copy of the logits), ``"reference"`` (whole
            rows, plain autograd), or a kernel by name.

    Returns:
        [B, T] in nats, float32 (float64 if any argument is float64); position t scores the logits at t, nothing is shifted.

    Raises:
        ShapeError: shapes or vocabularies that differ, a reward scale of another shape.
        ArgumentError: a model that the reward scale needs is missing; a temperature or scale out of range; NaN, or a row
            without a finite logit (found on the CPU).
        ArgumentTypeError: something is not a floating-point tensor.

    Guarantees:
        gradient: Reaches the student alone. Where only the teacher excludes a token that the student does not
            (-inf), the loss is +inf; where only the reference does and the scale is above 1, -inf; both together +inf; a row
            with an infinite loss has a gradient of NaN, and none where :func:`reduce` masks it. What the student excludes
            counts nothing. At scale 0 or 1 the unused model is not read.
        precision: Statistics in float32 or wider whatever the dtype of the logits, autocast or not.
        determinism: Same inputs, same bits, on one device.
        compile: No graph break with ``fullgraph=True``.

    Example:
        >>> import torch
        >>> student, teacher, reference = torch.randn(3, 2, 5, 100).unbind(0)
        >>> gopd_loss(student.requires_grad_(), teacher, reference, reward_scale=1.25).shape
        torch.Size([2, 5])

    Source: "Learning beyond Teacher: Generalized On-Policy Distillation with Reward Extrapolation", arXiv 2602.12125.
    """
    names = ("student_logits", "teacher_logits", "reference_logits")
    target = prepare(
        "gopd_loss",
        student_logits,
        teacher_logits,
        reference_logits,
        reward_scale,
        temperature,
        align_vocab,
        names,
        (Tensor,),
    )
    return run_target("gopd_loss", "gopd", impl, target, normalize=bool(normalize))
