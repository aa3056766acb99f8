"""What a bridge hands to a generator."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from composekit._errors import ShapeError, bad_value, message
from composekit.bridge._checks import as_mask

_OP = "BridgeOutput"


class BridgeOutput(NamedTuple):
    """Embeddings for a generator.

    Attributes:
        embeds: ``[B, S, Dc]``; packed ``[1, S, Dc]``. Padding is zero.
        mask: bool ``[B, S]``, True at real positions, or None where there is no padding.
        pooled: ``[B, Dp]``, or None for a bridge without a pooled head.
        cu_seqlens: int32 ``[N + 1]`` where ``embeds`` is packed, else None.

    Example:
        >>> import torch
        >>> short = BridgeOutput(torch.ones(1, 2, 4), None, None, None)
        >>> long = BridgeOutput(torch.ones(1, 3, 4), None, None, None)
        >>> BridgeOutput.batch([short, long]).mask.tolist()
        [[True, True, False], [True, True, True]]
    """

    embeds: Tensor
    mask: Tensor | None = None
    pooled: Tensor | None = None
    cu_seqlens: Tensor | None = None

    @staticmethod
    def batch(outputs: Sequence[BridgeOutput]) -> BridgeOutput:
        """Put outputs that were computed apart into one batch, padded on the right, masked where lengths differ.

        This is the order that guidance needs: the null embedding on its own first, padding afterwards, so that it does not
        depend on the prompt beside it.

        Raises:
            ArgumentError: no outputs, packed ones, or some with and some without a pooled vector.
        """
        if not outputs or any(o.cu_seqlens is not None for o in outputs):
            raise bad_value(
                _OP, "outputs", "be one or more that are not packed", "other", "Bridge the prompts unpacked"
            )
        if len({o.pooled is None for o in outputs}) > 1:
            raise bad_value(_OP, "outputs", "all have a pooled vector, or none", "some", "Use one bridge for all")
        width = max(o.embeds.shape[1] for o in outputs)
        if all(o.mask is None and o.embeds.shape[1] == width for o in outputs):
            mask = None
        else:
            mask = torch.cat([_pad(o.real(), width) for o in outputs])
        embeds = torch.cat([_pad(o.embeds, width) for o in outputs])
        pooled = [o.pooled for o in outputs if o.pooled is not None]
        return BridgeOutput(embeds, mask, torch.cat(pooled) if pooled else None, None)

    def real(self) -> Tensor:
        """The mask, ones where there is none: bool ``[B, S]``."""
        if self.mask is not None:
            return self.mask
        return torch.ones(self.embeds.shape[:2], dtype=torch.bool, device=self.embeds.device)

    def expand(self, batch: int) -> BridgeOutput:
        """One row repeated ``batch`` times, without copies: a null embedding beside a batch of prompts.

        Raises:
            ArgumentError: more than one row, or packed.
        """
        if self.embeds.shape[0] != 1 or self.cu_seqlens is not None:
            raise bad_value(_OP, "embeds", "hold one row to be expanded", self.embeds.shape[0], "Encode one prompt")
        mask, pooled = (None if t is None else t.expand(batch, -1) for t in (self.mask, self.pooled))
        return BridgeOutput(self.embeds.expand(batch, -1, -1), mask, pooled, None)

    def drop(self, rows: Tensor, null: BridgeOutput) -> BridgeOutput:
        """Replace the condition of the chosen rows by a null embedding: the dropout that guidance is trained with.

        Args:
            rows: bool ``[B]``, True drops.
            null: One row, from an empty prompt or :meth:`StackedChannelBridge.null`.

        Returns:
            A batch of the same rows, padded to the longer of both lengths and masked where they differ.

        Raises:
            ShapeError, ArgumentTypeError: ``rows`` of another shape or type.
            ArgumentError: packed outputs, more than one null row.

        Guarantees:
            Whole rows are chosen with ``where``: dropped prompts get exactly zero gradient, NaN in them included.
        """
        batch = self.embeds.shape[0]
        chosen = as_mask(_OP, rows, (batch,), "rows")
        if chosen is None:
            raise bad_value(_OP, "rows", "be a mask [B]", None, "Draw one: torch.rand(B) < 0.1")
        if null.embeds.shape[-1] != self.embeds.shape[-1]:
            raise ShapeError(
                message(
                    _OP, "null", f"have {self.embeds.shape[-1]} channels", null.embeds.shape[-1], "Use the same bridge"
                )
            )
        both = BridgeOutput.batch([self, null.expand(batch)])

        def pick(tensor: Tensor | None) -> Tensor | None:
            if tensor is None:
                return None
            kept, dropped = tensor.split(batch)
            return torch.where(chosen.view(-1, *[1] * (tensor.ndim - 1)), dropped, kept)

        embeds = pick(both.embeds)
        assert embeds is not None
        return BridgeOutput(embeds, pick(both.mask), pick(both.pooled), None)


def _pad(tensor: Tensor, width: int) -> Tensor:
    missing = width - tensor.shape[1]
    return torch.cat([tensor, tensor.new_zeros(tensor.shape[0], missing, *tensor.shape[2:])], 1) if missing else tensor
