"""Compressed keys: means over short windows, by which blocks are found."""

from __future__ import annotations

import itertools
import math

import torch
from torch import Tensor

from composekit._errors import ComposeKitError, bad_type, bad_value, check_shapes
from composekit.attention import _checks as checks
from composekit.attention._refusal import refuse

_OP = "compress_keys"


def compress_keys(k: Tensor, *, kernel_size: int = 32, stride: int = 16, cu_seqlens: Tensor | None = None) -> Tensor:
    r"""Means of ``kernel_size`` neighbouring keys, one every ``stride`` tokens.

    .. math::
        C_j = \frac{1}{w} \sum_{t = d j}^{d j + w - 1} k_t, \qquad
        0 \le j < \lfloor (L - w) / d \rfloor + 1

    with *w* the kernel size and *d* the stride; no entry where *L* < *w*.

    Args:
        k: Keys ``[B, L, Hkv, D]``, float16, bfloat16, float32 or float64.
        kernel_size: Keys that an entry averages.
        stride: Tokens from one entry to the next.
        cu_seqlens: Boundaries of packed sequences, int32 ``[N + 1]`` from 0 to L; needs B = 1.

    Returns:
        ``[B, Tc, Hkv, D]``, float32 (float64 for float64). Packed: the entries of one sequence after those of the other; no
        entry spans two.

    Raises:
        ShapeError: ``k`` without four axes, or B > 1 with ``cu_seqlens``.
        ArgumentTypeError: a dtype that is not supported, a size that is not an integer.
        ArgumentError: a size below 1; ``cu_seqlens`` that do not start at 0, decrease, or do not end at L.

    Guarantees:
        Plain autograd. Keys are added pairwise in a fixed tree, so an entry has the same bits whatever comes before or
        after it, and whether it is made at once or from stored sums of 16 keys. Works in ``torch.compile`` with
        ``fullgraph=True``, except with ``cu_seqlens``, on whose values the shape of the result depends.

    Example:
        >>> import torch
        >>> [compress_keys(torch.ones(1, L, 2, 4)).shape[1] for L in (31, 32, 47, 48, 8192)]
        [0, 1, 1, 2, 511]

    Source:
        Zhao et al. 2025 (InfLLM-V2, arXiv 2509.24663), section 3; equation (1) of the concepts page.
    """
    try:
        _check(k, kernel_size, stride, cu_seqlens)
    except ComposeKitError as error:
        return refuse(error, k)
    if cu_seqlens is None:
        return window_means(k, kernel_size, stride)
    bounds = checks.sequence_bounds(_OP, cu_seqlens, k.shape[1])
    return torch.cat([window_means(k[:, a:b], kernel_size, stride) for a, b in itertools.pairwise(bounds)], dim=1)


def entries(tokens: int, kernel_size: int, stride: int) -> int:
    """How many windows lie within the first ``tokens``: what a query sees whose position is ``tokens - 1``."""
    return max(0, (tokens - kernel_size) // stride + 1)


def window_means(k: Tensor, kernel_size: int, stride: int) -> Tensor:
    """Equation (1) for sequences that are not packed, ``[B, L, H, D]`` to ``[B, Tc, H, D]``."""
    unit = math.gcd(kernel_size, stride)  # all windows are whole numbers of these, which are summed once
    units = k.shape[1] // unit
    sums = k[:, : units * unit].unflatten(1, (units, unit)).to(checks.state_dtype(k.dtype))
    while sums.shape[2] > 1 and sums.shape[2] % 2 == 0:
        sums = sums[:, :, 0::2] + sums[:, :, 1::2]
    total = sums[:, :, 0]
    for i in range(1, sums.shape[2]):
        total = total + sums[:, :, i]
    return _windows(total, kernel_size // unit)[:, :: stride // unit] / kernel_size


def _windows(sums: Tensor, width: int) -> Tensor:
    """Sums over every ``width`` neighbours along axis 1, added as the tree that :func:`window_means` adds within a unit."""
    count = max(0, sums.shape[1] - width + 1)
    reach = 1  # units that an element of sums holds by now
    while width % 2 == 0:
        sums = sums[:, : max(0, sums.shape[1] - reach)] + sums[:, reach:]
        reach, width = 2 * reach, width // 2
    total = sums[:, :count]
    for i in range(1, width):
        total = total + sums[:, i * reach : i * reach + count]
    return total


def _check(k: Tensor, kernel_size: int, stride: int, cu_seqlens: Tensor | None) -> None:
    checks.check_tensor(_OP, "k", k)
    check_shapes(_OP, k=(k, "B L Hkv D"))
    if k.dtype not in checks.DTYPES:
        raise bad_type(_OP, "k", "be float16, bfloat16, float32 or float64", str(k.dtype), "Convert with .float()")
    for name, value in (("kernel_size", kernel_size), ("stride", stride)):
        if isinstance(value, bool) or not isinstance(value, int):
            raise bad_type(_OP, name, "be a positive integer", type(value).__name__, "Pass a whole number")
        if value < 1:
            raise bad_value(_OP, name, "be a positive integer", int(value), "Pass a whole number from 1")
    if cu_seqlens is not None:
        checks.check_cu_seqlens(_OP, cu_seqlens, k, argument="k")
