"""Which layers of a reader to tap."""

from __future__ import annotations

from composekit._errors import bad_value

_OP = "tap_layers"


def tap_layers(depth: int, *, count: int = 6, stride: int | None = None, scheme: str = "deepgen") -> tuple[int, ...]:
    r"""Indices of hidden states to tap, spread over the depth of a reader.

    ``"deepgen"`` walks down from the last layer but one: :math:`d - 1 - i s` for :math:`i = 0, 1, \dots` while that is at
    least 1. ``"even"`` rounds ``count`` evenly spaced places between 1 and :math:`d - 1`. Index k is the output of decoder
    layer k - 1, as in transformers; 0 are the embeddings and d the last state, after the final norm: neither is chosen.

    Args:
        depth: Number of decoder layers d, at least 1.
        count: Most indices to return, at least 1.
        stride: Distance s of the ``"deepgen"`` scheme; ``max(1, depth // count)`` by default.
        scheme: ``"deepgen"`` or ``"even"``.

    Returns:
        Distinct indices, deep to shallow, at most ``count``. A reader of depth 1 gives ``(1,)``.

    Raises:
        ArgumentError: a number below 1, a stride for the even scheme, or an unknown scheme.

    Example:
        >>> tap_layers(36)
        (35, 29, 23, 17, 11, 5)
        >>> tap_layers(28, count=4, scheme="even")
        (27, 18, 10, 1)

    Source:
        DeepGen 1.0 (arXiv 2602.12205), six taps of 36 layers.
    """
    for name, value in (("depth", depth), ("count", count), ("stride", 1 if stride is None else stride)):
        if value < 1:
            raise bad_value(_OP, name, "be at least 1", value, "Count layers from one")
    if scheme not in ("deepgen", "even"):
        raise bad_value(_OP, "scheme", "be 'deepgen' or 'even'", repr(scheme), "Leave it at 'deepgen'")
    if depth == 1:
        return (1,)
    if scheme == "deepgen":
        step = max(1, depth // count) if stride is None else stride
        return tuple(range(depth - 1, 0, -step))[:count]
    if stride is not None:
        raise bad_value(_OP, "stride", "be left out with scheme='even'", stride, "Set count instead")
    gap = (depth - 2) / (count - 1) if count > 1 else 0.0
    return tuple(sorted({round(1 + i * gap) for i in range(count)}, reverse=True))
