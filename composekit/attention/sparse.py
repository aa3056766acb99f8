"""Block-sparse attention: the public functions."""

from __future__ import annotations

from typing import NamedTuple

from torch import Tensor

from composekit._errors import ComposeKitError
from composekit.attention import _checks as checks
from composekit.attention import _sparse_checks as sparse_checks
from composekit.attention import _sparse_op as ops
from composekit.attention._refusal import refuse
from composekit.attention.sparse_config import SparseConfig
from composekit.attention.sparse_reference import attend_reference


class BlockSelection(NamedTuple):
    """Which blocks of keys every query attends to.

    Attributes:
        indices: int32 ``[B, T, Hkv, S]``: blocks of the query's own sequence, ascending, each once, -1 behind the last.
        counts: int32 ``[B, T, Hkv]``: how many there are.

    Example:
        >>> import torch
        >>> from composekit.attention import SparseConfig, select_blocks
        >>> q, k = torch.randn(1, 200, 4, 8), torch.randn(1, 200, 2, 8)
        >>> selection = select_blocks(q, k, SparseConfig())
        >>> selection.indices[0, 130, 0, :4].tolist(), selection.counts[0, 130, 0].item()
        ([0, 1, 2, -1], 3)
    """

    indices: Tensor
    counts: Tensor


class SparseOutput(NamedTuple):
    """What block-sparse attention returns.

    Attributes:
        out: ``[B, T, Hq, Dv]``, in the dtype of the queries.
        lse: ``[B, T, Hq]``, float32 (float64 for float64 inputs): the logarithm of the sum of the exponentials that the
            softmax divides by, with which the outputs over disjoint keys can be merged.

    Example:
        >>> import torch
        >>> from composekit.attention import SparseConfig, sparse_attention
        >>> x = torch.zeros(1, 3, 2, 4)
        >>> sparse_attention(x, x, x, SparseConfig()).lse[0, :, 0].exp()
        tensor([1., 2., 3.])
    """

    out: Tensor
    lse: Tensor


def select_blocks(
    q: Tensor,
    k: Tensor | None,
    config: SparseConfig,
    *,
    compressed: tuple[Tensor, Tensor | None] | None = None,
    scale: float | None = None,
    cu_seqlens: Tensor | None = None,
    q_start: int | Tensor = 0,
    impl: str = "auto",
) -> BlockSelection:
    r"""Choose for every query and head of keys the blocks that may matter, by way of compressed keys.

    With :math:`C^1, C^2` the compressed keys and *i* the position of a query,

    .. math::
        p_{hj} = e^{c\, q_h \cdot C^1_j - \mathrm{lse}_h}, \qquad s_j = \sum_{h \in \text{group}} p_{hj}, \qquad
        r_b = \max_{j \text{ overlaps } b} s_j

    over the entries that end by *i*. The initial and the local blocks are taken, and the best of the others by *r* until the
    budget is full. Every query selects so, whatever ``config.dense_len``.

    Args:
        q: Queries ``[B, T, Hq, D]``, float16, bfloat16, float32 or float64.
        k: Keys ``[B, L, Hkv, D]``, Hq a multiple of Hkv, from the start of each sequence at least to the last query. None
            or not read with ``compressed``.
        config: The settings.
        compressed: ``(C1, C2)`` of all keys up to the last query, ``[B, entries, Hkv, D]``, as :func:`compress_keys` makes
            them; more entries do no harm. C2 may be None with ``config.lse == "exact"``.
        scale: The factor *c*; ``D ** -0.5`` by default.
        cu_seqlens: Boundaries of packed sequences of keys, int32 ``[N + 1]`` from 0 to L; needs B = 1. The queries are those
            of each sequence from ``q_start`` on, one sequence after the other.
        q_start: Position of the first query in its sequence: an int, or int32 ``[B]`` (packed ``[N]``).
        impl: ``"auto"``, ``"reference"``, ``"chunked"`` or a name of the kernels table.

    Returns:
        :class:`BlockSelection`, with *S* = ``config.budget``.

    Raises:
        ShapeError: shapes that contradict each other, too few keys for the queries, B > 1 with ``cu_seqlens``.
        ArgumentTypeError: a dtype that is not supported, ``config`` that is no :class:`SparseConfig`.
        ArgumentError: devices that differ; ``cu_seqlens`` out of order; a ``q_start`` out of range.
        ImplementationError: the implementation that was asked for cannot run here.

    Guarantees:
        No gradient. Scores are float32 (float64 for float64) whatever autocast says. Later tokens of any value, NaN
        included, change no earlier index; two runs are equal; memory linear in L for a fixed budget. Works in
        ``torch.compile`` with ``fullgraph=True``.

    Example:
        >>> import torch
        >>> from composekit.attention import SparseConfig, compress_keys, select_blocks
        >>> config = SparseConfig(block_size=16, kernel_size=8, stride=4, lse_kernel_size=16, lse_stride=8,
        ...     window_size=32, topk=4)
        >>> q, k = torch.randn(1, 500, 4, 8), torch.randn(1, 500, 2, 8)
        >>> whole = select_blocks(q, k, config)
        >>> whole.indices.shape, whole.counts.max().item()
        (torch.Size([1, 500, 2, 6]), 6)
        >>> pair = compress_keys(k, kernel_size=8, stride=4), compress_keys(k, kernel_size=16, stride=8)
        >>> last = select_blocks(q[:, 499:], None, config, compressed=pair, q_start=499)
        >>> torch.equal(last.counts, whole.counts[:, 499:])
        True

    Source:
        Zhao et al. 2025 (InfLLM-V2, arXiv 2509.24663), section 3; equations (2) to (8) of the concepts page.
    """
    try:
        _check_selection("select_blocks", q, k, config, compressed, scale, cu_seqlens, q_start)
    except ComposeKitError as error:
        return BlockSelection(*[refuse(error, q)] * 2)
    return _select(q, k, config, compressed, _factor(q, scale), cu_seqlens, q_start, impl, dense_len=0)


def block_sparse_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    indices: Tensor,
    *,
    block_size: int = 64,
    scale: float | None = None,
    cu_seqlens: Tensor | None = None,
    q_start: int | Tensor = 0,
    impl: str = "auto",
) -> SparseOutput:
    r"""Softmax attention of every query to the tokens of its blocks, up to its own position.

    .. math::
        \mathrm{lse}_i = \ln \sum_{j \in A_i} e^{c\, q_i \cdot k_j}, \qquad
        o_i = \sum_{j \in A_i} e^{c\, q_i \cdot k_j - \mathrm{lse}_i}\, v_j, \qquad
        A_i = \{ j \le i : \lfloor j / \text{block size} \rfloor \in \text{indices}_i \}

    Args:
        q: Queries ``[B, T, Hq, D]``, float16, bfloat16, float32 or float64.
        k: Keys ``[B, L, Hkv, D]``, Hq a multiple of Hkv, from the start of each sequence at least to the last query.
        v: Values ``[B, L, Hkv, Dv]``.
        indices: int32 ``[B, T, Hkv, S]``: blocks of the query's sequence, ascending, each once, -1 behind the last; as
            :func:`select_blocks` returns them. The portable implementations read a set: order and repetition do not count.
        block_size: Tokens of a block.
        scale: The factor *c*; ``D ** -0.5`` by default.
        cu_seqlens: Boundaries of packed sequences of keys, int32 ``[N + 1]`` from 0 to L; needs B = 1. The queries are those
            of each sequence from ``q_start`` on, one sequence after the other.
        q_start: Position of the first query in its sequence: an int, or int32 ``[B]`` (packed ``[N]``).
        impl: ``"auto"``, ``"reference"``, ``"chunked"`` or a name of the kernels table.

    Returns:
        :class:`SparseOutput`; zero and minus infinity for a query without blocks.

    Raises:
        ShapeError: shapes that contradict each other, too few keys for the queries, B > 1 with ``cu_seqlens``.
        ArgumentTypeError: a dtype that is not supported, indices that are not int32.
        ArgumentError: devices that differ; an index that names no block; ``cu_seqlens`` out of order; a ``q_start`` out of
            range.
        ImplementationError: the implementation that was asked for cannot run here.

    Guarantees:
        Gradients to q, k and v, through ``lse`` too; exactly zero for keys and values that no query attends to. Sums are
        float32 (float64 for float64) whatever autocast says. Later tokens of any value, NaN included, change no bit of
        earlier outputs; two runs are bit-equal; memory linear in T and L. Works in ``torch.compile`` with
        ``fullgraph=True``. Second derivatives exist for ``impl="reference"`` alone, which is plain and eager.

    Example:
        >>> import torch
        >>> from composekit.attention import block_sparse_attention
        >>> q, k, v = torch.randn(3, 1, 40, 2, 8).unbind(0)
        >>> everything = torch.arange(5, dtype=torch.int32).expand(1, 40, 2, 5)
        >>> out = block_sparse_attention(q, k, v, everything, block_size=8).out
        >>> heads_first = (x.transpose(1, 2) for x in (q, k, v))
        >>> dense = torch.nn.functional.scaled_dot_product_attention(*heads_first, is_causal=True)
        >>> torch.allclose(out, dense.transpose(1, 2), atol=1e-5)
        True

    Source:
        Zhao et al. 2025 (InfLLM-V2, arXiv 2509.24663); equations (9) to (11) of the concepts page.
    """
    op = "block_sparse_attention"
    try:
        sparse_checks.check_tensors(op, q, k=k, v=v)
        sparse_checks.check_blocks(op, indices, q, k, block_size)
        checks.check_scale(op, scale)
        sparse_checks.check_places(op, q, k.shape[1], cu_seqlens, q_start)
    except ComposeKitError as error:
        nothing = refuse(error, q, v)
        return SparseOutput(nothing, nothing)
    return _attend(q, k, v, indices, block_size, 0, _factor(q, scale), cu_seqlens, q_start, impl, 0, "query")


def sparse_attention(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    config: SparseConfig,
    *,
    compressed: tuple[Tensor, Tensor | None] | None = None,
    scale: float | None = None,
    cu_seqlens: Tensor | None = None,
    q_start: int | Tensor = 0,
    impl: str = "auto",
) -> SparseOutput:
    """Select blocks and attend to them; dense where the sequence is still short.

    The query at position *i* attends to all tokens up to its own while ``i + 1 < config.dense_len``, and from then on to the
    blocks that :func:`select_blocks` chooses. So a prompt read at once, in chunks or token by token gives the same
    (unless ``config.dense_by`` is ``"batch_max"``).

    Args:
        q: Queries ``[B, T, Hq, D]``, float16, bfloat16, float32 or float64.
        k: Keys ``[B, L, Hkv, D]``, Hq a multiple of Hkv, from the start of each sequence at least to the last query.
        v: Values ``[B, L, Hkv, Dv]``.
        config: The settings.
        compressed: ``(C1, C2)`` as in :func:`select_blocks`, which then does not read ``k``.
        scale: Factor of the products of queries and keys; ``D ** -0.5`` by default.
        cu_seqlens: Boundaries of packed sequences of keys, int32 ``[N + 1]`` from 0 to L; needs B = 1. The queries are those
            of each sequence from ``q_start`` on, one sequence after the other.
        q_start: Position of the first query in its sequence: an int, or int32 ``[B]`` (packed ``[N]``).
        impl: ``"auto"``, ``"reference"``, ``"chunked"`` or a name of the kernels table.

    Returns:
        :class:`SparseOutput`.

    Raises:
        ShapeError: as :func:`select_blocks` and :func:`block_sparse_attention`.
        ArgumentTypeError: likewise.
        ArgumentError: likewise.
        ImplementationError: the implementation that was asked for cannot run here.

    Guarantees:
        Those of :func:`block_sparse_attention`; no gradient passes through the selection.

    Example:
        >>> import torch
        >>> from composekit.attention import SparseConfig, sparse_attention
        >>> config = SparseConfig(block_size=16, kernel_size=8, stride=4, lse_kernel_size=16, lse_stride=8,
        ...     window_size=32, topk=4, dense_len=100)
        >>> q, k, v = torch.randn(1, 300, 4, 8), torch.randn(1, 300, 2, 8), torch.randn(1, 300, 2, 8)
        >>> whole = sparse_attention(q, k, v, config)
        >>> first = sparse_attention(q[:, :80], k[:, :80], v[:, :80], config)
        >>> rest = sparse_attention(q[:, 80:], k, v, config, q_start=80)
        >>> torch.allclose(torch.cat([first.out, rest.out], dim=1), whole.out, atol=1e-5)
        True

    Source:
        Zhao et al. 2025 (InfLLM-V2, arXiv 2509.24663); MiniCPM-SALA.
    """
    op = "sparse_attention"
    try:
        sparse_checks.check_tensors(op, q, k=k, v=v)
        _check_selection(op, q, k, config, compressed, scale, cu_seqlens, q_start)
        sparse_checks.check_places(op, q, k.shape[1], cu_seqlens, q_start)
    except ComposeKitError as error:
        nothing = refuse(error, q, v)
        return SparseOutput(nothing, nothing)
    factor = _factor(q, scale)
    chosen = _select(q, k, config, compressed, factor, cu_seqlens, q_start, impl, dense_len=config.dense_len)
    options = (
        config.block_size,
        config.window_blocks,
        factor,
        cu_seqlens,
        q_start,
        impl,
        config.dense_len,
        config.dense_by,
    )
    return _attend(q, k, v, chosen.indices, *options)


def _check_selection(
    op: str,
    q: Tensor,
    k: Tensor | None,
    config: SparseConfig,
    compressed: tuple[Tensor, Tensor | None] | None,
    scale: float | None,
    cu_seqlens: Tensor | None,
    q_start: int | Tensor,
) -> None:
    """Everything that can be said without looking at data."""
    sparse_checks.check_config(op, config)
    checks.check_tensor(op, "q", q)
    if k is not None or compressed is None:
        sparse_checks.check_tensors(op, q, k=k)
    checks.check_scale(op, scale)
    keys = None if k is None or compressed is not None else k.shape[1]
    sparse_checks.check_places(op, q, keys, cu_seqlens, q_start)
    if compressed is not None:
        sparse_checks.check_compressed(op, compressed, q, k, config, q_start, cu_seqlens)


def _factor(q: Tensor, scale: float | None) -> float:
    return float(q.shape[3]) ** -0.5 if scale is None else float(scale)


def _split(q_start: int | Tensor) -> tuple[int, Tensor | None]:
    """A number and a tensor, of which the tensor overrules."""
    return (0, q_start) if isinstance(q_start, Tensor) else (q_start, None)


def _select(
    q: Tensor,
    k: Tensor | None,
    config: SparseConfig,
    compressed: tuple[Tensor, Tensor | None] | None,
    scale: float,
    cu_seqlens: Tensor | None,
    q_start: int | Tensor,
    impl: str,
    *,
    dense_len: int,
) -> BlockSelection:
    c1, c2 = (None, None) if compressed is None else (x if x is None else x.detach() for x in compressed)
    keys = k if k is not None else c1[:, :0] if c1 is not None else q
    found = ops.select(
        q.detach(),
        keys.detach(),
        c1,
        c2,
        cu_seqlens,
        *_split(q_start),
        *ops.flat(config, dense_len=dense_len),
        scale,
        impl,
    )
    return BlockSelection(*found)


def _attend(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    indices: Tensor,
    block_size: int,
    local_blocks: int,
    scale: float,
    cu_seqlens: Tensor | None,
    q_start: int | Tensor,
    impl: str,
    dense_len: int,
    dense_by: str,
) -> SparseOutput:
    """The reference is called as it is, everything else through the operator.

    ``local_blocks`` is how many blocks before its own every query is known to have selected.
    """
    start, starts = _split(q_start)
    if impl == "reference":
        found = attend_reference(
            q,
            k,
            v,
            indices,
            block_size=block_size,
            scale=scale,
            cu_seqlens=cu_seqlens,
            q_start=start,
            q_starts=starts,
            dense_len=dense_len,
            dense_by=dense_by,
        )
    else:
        where = (cu_seqlens, start, starts)
        found = ops.attend(q, k, v, indices, *where, block_size, local_blocks, scale, dense_len, dense_by, impl)
    return SparseOutput(*found)
