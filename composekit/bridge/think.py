"""Think tokens: learned embeddings behind the prompt that collect what the reader knows about it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from composekit._errors import ShapeError, bad_type, bad_value, message
from composekit.bridge._checks import as_cu_seqlens, as_mask, packed_without_mask, segment_ids
from composekit.bridge._running import prepare, rolled_back, tapped

_OP = "ThinkTokens"


class ThinkInputs(NamedTuple):
    """A prompt with think tokens behind it, ready for a reader.

    Attributes:
        inputs_embeds: ``[B, T + Q, D]``.
        attention_mask: bool ``[B, T + Q]`` (with P cached positions in front, ``[B, P + T + Q]``), True keeps; None for
            packed rows, which must not have one.
        position_ids: int64 ``[B, T + Q]``, or ``[3, B, T + Q]`` on several axes.
        think_index: int64 ``[B, Q]``: where the think tokens stand; for N packed samples ``[N, Q]``, in the packed row.
        cu_seqlens: int32 ``[N + 1]`` of the samples with their think tokens, or None.

    Example:
        >>> import torch
        >>> inputs = ThinkTokens(2, 8).extend(torch.randn(1, 3, 8))
        >>> inputs.position_ids.tolist(), inputs.think_index.tolist()
        ([[0, 1, 2, 3, 4]], [[3, 4]])
    """

    inputs_embeds: Tensor
    attention_mask: Tensor | None
    position_ids: Tensor
    think_index: Tensor
    cu_seqlens: Tensor | None


class ThinkTokens(nn.Module):
    r"""Q learned embeddings, appended to each prompt at its true end.

    In a causal reader think token j reads the prompt and the think tokens before it; the prompt never reads them, so its own
    states stay what they were.

    Args:
        num_tokens: Q, zero or more.
        dim: Channels D of the reader's embeddings.
        init_std: Standard deviation of the normal initialisation; :math:`D^{-1/2}` by default.

    Attributes:
        weight: ``[Q, D]``. Keep it out of weight decay: see ``StackedChannelBridge.parameter_groups``.

    Example:
        >>> think = ThinkTokens(4, 16)
        >>> think.extend(torch.randn(2, 5, 16), torch.tensor([[0, 1, 1, 1, 1], [1, 1, 1, 0, 0]])).think_index.tolist()
        [[5, 6, 7, 8], [3, 4, 5, 6]]

    Source:
        DeepGen 1.0 (arXiv 2602.12205); MetaQuery (arXiv 2504.06256).
    """

    def __init__(self, num_tokens: int, dim: int, *, init_std: float | None = None) -> None:
        super().__init__()
        if num_tokens < 0 or dim < 1:
            raise bad_value(_OP, "num_tokens and dim", "be at least 0 and 1", (num_tokens, dim), "Count again")
        self.num_tokens, self.dim = num_tokens, dim
        self.init_std = 1 / math.sqrt(dim) if init_std is None else init_std
        self.weight = nn.Parameter(torch.empty(num_tokens, dim))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the tokens anew."""
        if self.num_tokens:
            nn.init.normal_(self.weight, std=self.init_std)

    def extra_repr(self) -> str:
        """Sizes."""
        return f"num_tokens={self.num_tokens}, dim={self.dim}"

    def extend(
        self,
        inputs_embeds: Tensor,
        attention_mask: Tensor | None = None,
        position_ids: Tensor | None = None,
        cu_seqlens: Tensor | None = None,
    ) -> ThinkInputs:
        """Append the think tokens to every prompt.

        With padding on the left they come last; with padding on the right they come before it, at the row's true end.
        Embeddings of padding are set to zero, so that NaN there reaches nothing.

        Args:
            inputs_embeds: ``[B, T, D]``; ``[1, T, D]`` for packed rows.
            attention_mask: 0/1 or bool ``[B, T]``, None for no padding; ``[B, P + T]`` where P positions are cached.
            position_ids: ``[B, T]`` or ``[A, B, T]`` of the prompt (with P cached positions in front, if the mask has
                them). By default the running count of real positions.
            cu_seqlens: int32 ``[N + 1]`` for packed rows; then there must be no mask.

        Raises:
            ShapeError, ArgumentTypeError: shapes or types that do not fit.
            ArgumentError: a mask on packed rows, cumulative lengths that do not end at T.

        Guarantees:
            Positions go on from the highest real one plus one, the same on all axes. Traces without graph breaks.
        """
        if inputs_embeds.ndim != 3 or inputs_embeds.shape[-1] != self.dim:
            raise ShapeError(
                message(
                    _OP,
                    "inputs_embeds",
                    f"have shape [B, T, D={self.dim}], the width of the think tokens",
                    list(inputs_embeds.shape),
                    "Take the embeddings of the reader that the bridge was made for",
                )
            )
        batch, length, _ = inputs_embeds.shape
        cu = as_cu_seqlens(_OP, cu_seqlens, batch, length)
        tokens = self.weight.to(inputs_embeds.dtype)
        if cu is not None:
            packed_without_mask(_OP, attention_mask)
            return self._extend_packed(inputs_embeds, tokens, position_ids, cu)
        past = 0 if attention_mask is None else attention_mask.shape[-1] - length
        mask = as_mask(_OP, attention_mask, (batch, length + max(past, 0)), "attention_mask")
        if mask is None:
            mask = torch.ones(batch, length, dtype=torch.bool, device=inputs_embeds.device)
        if position_ids is not None:
            _check_positions(position_ids, tuple(mask.shape))
        return self._extend_padded(inputs_embeds, tokens, mask, position_ids, past)

    def _extend_padded(
        self, embeds: Tensor, tokens: Tensor, mask: Tensor, position_ids: Tensor | None, past: int
    ) -> ThinkInputs:
        (batch, length, _), q = embeds.shape, self.num_tokens
        own = mask[:, past:]
        embeds = torch.where(own[..., None], embeds, 0.0)
        places = torch.arange(length, device=embeds.device)
        ends = torch.where(own, places + 1, 0).amax(1) if length else places.new_zeros(batch)
        # out position p reads the prompt at p, a think token at T + (p - end), or padding at p - Q
        out = torch.arange(length + q, device=embeds.device)
        since = out - ends[:, None]
        source = torch.where(since < 0, out, torch.where(since < q, length + since, out - q))
        joined = torch.cat([embeds, tokens.expand(batch, -1, -1)], 1)
        extended = joined.gather(1, source[..., None].expand(-1, -1, self.dim))
        kept = torch.cat([own, own.new_ones(batch, q)], 1).gather(1, source)
        full = torch.cat([mask[:, :past], kept], 1)
        if position_ids is None:
            positions = (full.long().cumsum(1) - 1).clamp(min=0)[:, past:]
        else:
            positions = _continue(position_ids, mask, past, source, q)
        index = ends[:, None] + torch.arange(q, device=embeds.device)
        return ThinkInputs(extended, full, positions, index, None)

    def _extend_packed(self, embeds: Tensor, tokens: Tensor, position_ids: Tensor | None, cu: Tensor) -> ThinkInputs:
        length, q = embeds.shape[1], self.num_tokens
        rows, lengths = cu.shape[0] - 1, cu.diff()
        extended_cu = cu + q * torch.arange(rows + 1, device=cu.device)
        total = length + rows * q
        owner = segment_ids(extended_cu, total)
        place = torch.arange(total, device=cu.device) - extended_cu[owner]
        since = place - lengths[owner]
        source = torch.where(since < 0, cu[owner] + place, length + since)
        joined = torch.cat([embeds[0], tokens], 0)[source]
        index = (extended_cu[1:, None] - q) + torch.arange(q, device=cu.device)
        if position_ids is None:
            positions = place[None]
        else:
            _check_positions(position_ids, (1, length))
            flat = position_ids[:, 0] if position_ids.ndim == 3 else position_ids
            highest = flat.amax(0)
            starts = torch.zeros(rows, dtype=flat.dtype, device=cu.device)
            starts = starts.scatter_reduce(0, segment_ids(cu, length), highest + 1, "amax")
            behind = (starts[owner] + since).expand(flat.shape[0], -1)
            padded = torch.cat([flat, flat.new_zeros(flat.shape[0], q)], 1)[:, source]
            positions = torch.where(since >= 0, behind, padded)
            positions = positions[:, None] if position_ids.ndim == 3 else positions
        return ThinkInputs(joined[None], None, positions, index, extended_cu.to(torch.int32))

    def run(
        self,
        model: nn.Module,
        layers: Sequence[int],
        *,
        input_ids: Tensor | None = None,
        inputs_embeds: Tensor | None = None,
        attention_mask: Tensor | None = None,
        cu_seqlens: Tensor | None = None,
        stop_early: bool = False,
        **model_inputs: Any,
    ) -> tuple[tuple[Tensor, ...], ThinkInputs]:
        """Extend the prompt, run the reader, and return the hidden states of ``layers``.

        Args:
            model: The reader.
            layers: Indices of hidden states; see :class:`HiddenStateTap`.
            input_ids: ``[B, T]``; or
            inputs_embeds: ``[B, T, D]``. Neither, if ``past_key_values`` holds the whole prompt: then the think tokens alone
                run, and the cache is given back as it was, so that several bridges and then generation can go on from it.
            attention_mask: 0/1 or bool ``[B, T]``, with a cache ``[B, P + T]``.
            cu_seqlens: int32 ``[N + 1]`` for packed rows ``[1, T]``.
            stop_early: Leave out the layers above the highest tap.
            **model_inputs: For the reader: ``pixel_values``, ``position_ids``, ``past_key_values`` and the like. Token types
                are extended by zeros.

        Returns:
            The states ``[B, T + Q, D]`` in the order of ``layers``, and the :class:`ThinkInputs` that were run. After a
            cache, the states of the new positions alone.

        Raises:
            ArgumentTypeError: a name that the reader does not know.
            ArgumentError: both or none of ids and embeddings; a reader with several position axes without ids; a mask on
                packed rows, or a reader that would let packed samples read each other; a cache with padding on the right.
        """
        call, inputs = prepare(self, model, input_ids, inputs_embeds, attention_mask, cu_seqlens, model_inputs)
        with rolled_back(call.get("past_key_values"), self.num_tokens):
            states = tapped(model, layers, call, cu_seqlens=inputs.cu_seqlens, stop_early=stop_early)
        return states, inputs


def _check_positions(position_ids: Tensor, shape: tuple[int, ...]) -> None:
    if position_ids.dtype.is_floating_point:
        raise bad_type(_OP, "position_ids", "be integers", position_ids.dtype, "Cast them")
    if position_ids.ndim not in (2, 3) or tuple(position_ids.shape[-2:]) != shape:
        raise ShapeError(
            message(
                _OP,
                "position_ids",
                f"have shape {list(shape)}, or [A, {', '.join(map(str, shape))}] on several axes",
                list(position_ids.shape),
                "Give the positions of the prompt alone; think tokens get theirs here",
            )
        )


def _continue(position_ids: Tensor, mask: Tensor, past: int, source: Tensor, q: int) -> Tensor:
    """Given positions, and behind them the highest real one over all axes plus 1, 2, ..."""
    axes = position_ids if position_ids.ndim == 3 else position_ids[None]
    highest = torch.where(mask, axes, -1).amax((0, 2)) if mask.shape[1] else axes.new_full(axes.shape[1:2], -1)
    behind = highest[:, None] + 1 + torch.arange(q, device=axes.device)
    joined = torch.cat([axes[..., past:], behind.expand(axes.shape[0], -1, -1)], -1)
    positions = joined.gather(-1, source.expand(axes.shape[0], -1, -1))
    return positions if position_ids.ndim == 3 else positions[0]
