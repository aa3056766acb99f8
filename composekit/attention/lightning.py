"""Linear attention with a decay per head: the public function."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from torch import Tensor

from composekit._errors import ComposeKitError
from composekit.attention import _checks as checks
from composekit.attention import _lightning_op
from composekit.attention._refusal import refuse
from composekit.attention.parallel import check_group, lightning_parallel
from composekit.attention.reference import lightning_reference

if TYPE_CHECKING:
    from torch.distributed import ProcessGroup

_OP = "lightning_attention"


class LinearOutput(NamedTuple):
    """What linear attention returns.

    Attributes:
        out: ``[B, T, Hq, Dv]``, in the dtype of the queries.
        final_state: ``[B, Hq, Dk, Dv]`` (packed: ``[N, Hq, Dk, Dv]``), float32 (float64 for float64 inputs); None unless
            asked for.

    Example:
        >>> import torch
        >>> from composekit.attention import alibi_slopes, lightning_attention
        >>> x = torch.ones(1, 3, 2, 4)
        >>> lightning_attention(x, x, x, alibi_slopes(2)).final_state is None
        True
    """

    out: Tensor
    final_state: Tensor | None


def lightning_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    slopes: Tensor,
    *,
    scale: float | None = None,
    cu_seqlens: Tensor | None = None,
    initial_state: Tensor | None = None,
    output_final_state: bool = False,
    chunk_size: int | None = None,
    group: ProcessGroup | None = None,
    impl: str = "auto",
) -> LinearOutput:
    r"""Causal linear attention whose memory decays at one rate per head.

    .. math::
        S_t = e^{-s} S_{t-1} + k_t v_t^\top, \qquad o_t = c\, q_t S_t

    computed in chunks, so that the work is matrix products and grows linearly with the length.

    Args:
        q: Queries ``[B, T, Hq, Dk]``, float16, bfloat16, float32 or float64.
        k: Keys ``[B, T, Hkv, Dk]``, Hq a multiple of Hkv; every key head serves a group of neighbouring query heads.
        v: Values ``[B, T, Hkv, Dv]``.
        slopes: Decay rate *s* of every query head, ``[Hq]``, floating point; :func:`alibi_slopes` or learned ones.
        scale: The factor *c*; ``Dk ** -0.5`` by default.
        cu_seqlens: Boundaries of packed sequences, int32 ``[N + 1]`` from 0 to T; needs B = 1. Sequences may be empty.
        initial_state: State before the first token, ``[B, Hq, Dk, Dv]`` (packed: ``[N, ...]``), float32 (float64 for
            float64 inputs); zero by default.
        output_final_state: Whether to return the state after the last token.
        chunk_size: Tokens that are taken together; changes speed and rounding alone.
        group: A process group over whose ranks the sequence is split, in the order of the ranks; see the guide.
        impl: ``"auto"``, ``"reference"``, ``"chunked"`` or a name of the kernels table.

    Returns:
        :class:`LinearOutput`.

    Raises:
        ShapeError: shapes that contradict each other, head counts that do not divide, B > 1 with ``cu_seqlens``.
        ArgumentTypeError: a dtype that is not supported, or that differs where it must not.
        ArgumentError: devices that differ; ``cu_seqlens`` that do not start at 0, decrease, or do not end at T (on CUDA, an
            assertion on the device).
        ImplementationError: the implementation that was asked for cannot run here.

    Guarantees:
        Gradients to q, k, v, slopes and initial_state, and through ``final_state``; memory linear in T; two runs are
        bit-equal; the state is never rounded below float32, whatever autocast says. Later tokens of any finite size change
        no bit of earlier outputs; NaN and infinity do not leave their sequence, but reach earlier outputs of their chunk
        (not with ``impl="reference"``). Works in ``torch.compile`` with ``fullgraph=True``, where bad arguments raise the
        same errors when the graph runs. Second derivatives exist for ``impl="reference"`` alone, which is plain and eager.

    Example:
        >>> import torch
        >>> from composekit.attention import alibi_slopes, lightning_attention
        >>> q, k, v = torch.randn(3, 1, 100, 2, 8).unbind(0)
        >>> whole = lightning_attention(q, k, v, alibi_slopes(2), output_final_state=True)
        >>> head = lightning_attention(q[:, :60], k[:, :60], v[:, :60], alibi_slopes(2), output_final_state=True)
        >>> tail = lightning_attention(
        ...     q[:, 60:], k[:, 60:], v[:, 60:], alibi_slopes(2), initial_state=head.final_state
        ... )
        >>> torch.allclose(torch.cat([head.out, tail.out], dim=1), whole.out, atol=1e-5)
        True

    Source:
        Qin et al. 2024 (Lightning Attention-2, arXiv 2401.04658); MiniCPM-SALA, section 2.1.
    """
    try:
        _check(q, k, v, slopes, scale, cu_seqlens, initial_state, chunk_size, group)
    except ComposeKitError as error:
        nothing = refuse(error, q, v)
        return LinearOutput(nothing, nothing if output_final_state else None)
    factor = float(q.shape[3]) ** -0.5 if scale is None else float(scale)
    if group is None:
        out, state = _run(q, k, v, slopes, cu_seqlens, initial_state, factor, output_final_state, chunk_size, impl)
    else:

        def local(cu: Tensor | None, entering: Tensor | None) -> tuple[Tensor, Tensor]:
            return _run(q, k, v, slopes, cu, entering, factor, True, chunk_size, impl)

        out, state = lightning_parallel(local, q, slopes, factor, cu_seqlens, initial_state, group)
    return LinearOutput(out, state if output_final_state else None)


def _check(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    slopes: Tensor,
    scale: float | None,
    cu_seqlens: Tensor | None,
    initial_state: Tensor | None,
    chunk_size: int | None,
    group: object,
) -> None:
    """Everything that can be said without looking at data."""
    checks.check_qkv(_OP, q, k, v)
    checks.check_slopes(_OP, slopes, q)
    checks.check_scale(_OP, scale)
    checks.check_chunk_size(_OP, chunk_size)
    rows = q.shape[0]
    if cu_seqlens is not None:
        checks.check_cu_seqlens(_OP, cu_seqlens, q)
        rows = cu_seqlens.shape[0] - 1
    if initial_state is not None:
        checks.check_state(_OP, "initial_state", initial_state, q, v, rows)
    if group is not None:
        check_group(_OP, group)


def _run(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    slopes: Tensor,
    cu_seqlens: Tensor | None,
    initial_state: Tensor | None,
    scale: float,
    output_final_state: bool,
    chunk_size: int | None,
    impl: str,
) -> tuple[Tensor, Tensor]:
    """One device's work: the reference is called as it is, everything else through the operator."""
    if impl == "reference":
        return lightning_reference(q, k, v, slopes, scale=scale, cu_seqlens=cu_seqlens, initial_state=initial_state)
    return _lightning_op.lightning(
        q, k, v, slopes, cu_seqlens, initial_state, scale, output_final_state, chunk_size, impl
    )
