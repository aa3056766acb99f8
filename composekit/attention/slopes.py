"""Decay rates of linear attention."""

from __future__ import annotations

import torch
from torch import Tensor

from composekit._errors import bad_type, bad_value


def alibi_slopes(num_heads: int, *, device: torch.device | str | None = None) -> Tensor:
    r"""The decay rates of the heads: a geometric series, fast heads first.

    For a power of two, :math:`s_h = 2^{-8 (h + 1) / H}`: with 32 heads from 0.8409 to 0.0039, half-lives from 0.8 to 177
    tokens. For any other number, the slopes of the largest power of two below it, followed by every second slope of twice
    that power.

    Args:
        num_heads: How many heads, at least 1.
        device: Where the result lives.

    Returns:
        float32 ``[H]``.

    Raises:
        ArgumentTypeError: ``num_heads`` is not an integer.
        ArgumentError: it is not positive.

    Example:
        >>> alibi_slopes(4).tolist()
        [0.25, 0.0625, 0.015625, 0.00390625]
        >>> alibi_slopes(6).tolist()
        [0.25, 0.0625, 0.015625, 0.00390625, 0.5, 0.125]

    Source:
        Press et al. 2022 (ALiBi), section 3; MiniCPM-SALA uses them in every layer alike, with no factor for the depth.
    """
    rule, repair = "be a positive integer", "Pass the number of heads"
    if isinstance(num_heads, bool) or not isinstance(num_heads, int):
        raise bad_type("alibi_slopes", "num_heads", rule, type(num_heads).__name__, repair)
    if num_heads < 1:
        raise bad_value("alibi_slopes", "num_heads", rule, num_heads, repair)
    power = 1 << (num_heads.bit_length() - 1)
    slopes = [2.0 ** (-8 * (h + 1) / power) for h in range(power)]
    slopes += [2.0 ** (-8 * (h + 1) / (2 * power)) for h in range(0, 2 * (num_heads - power), 2)]
    return torch.tensor(slopes, dtype=torch.float32, device=device)
