"""From a prompt to a call of the reader: arguments, the call itself, and the cache as it was before."""

from __future__ import annotations

import weakref
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from composekit._errors import bad_value
from composekit.bridge._checks import as_cu_seqlens, as_mask, packed_without_mask
from composekit.bridge._readers import (
    check_names,
    decoder_layers,
    decoder_of,
    depth_of,
    embeddings_of,
    known_names,
    prompt_positions,
)
from composekit.bridge.taps import HiddenStateTap, resolve_layers

if TYPE_CHECKING:
    from composekit.bridge.think import ThinkInputs, ThinkTokens

_OP = "ThinkTokens.run"


def prepare(
    think: ThinkTokens,
    model: nn.Module,
    input_ids: Tensor | None,
    inputs_embeds: Tensor | None,
    attention_mask: Tensor | None,
    cu_seqlens: Tensor | None,
    model_inputs: Mapping[str, Any],
) -> tuple[dict[str, Any], ThinkInputs]:
    """The keyword arguments of the reader's forward, and the inputs among them."""
    check_names(_OP, model, model_inputs)
    rest = dict(model_inputs)
    position_ids, cache = rest.pop("position_ids", None), rest.get("past_key_values")
    _check_sources(input_ids, inputs_embeds, cache, cu_seqlens)
    embeds = _embeds(think, model, input_ids, inputs_embeds, attention_mask, cache)
    batch, length, _ = embeds.shape
    past = 0 if cache is None else cache.get_seq_length()
    if cu_seqlens is not None:
        packed_without_mask(_OP, attention_mask)
    elif attention_mask is None and past:
        attention_mask = torch.ones(batch, past + length, dtype=torch.bool, device=embeds.device)
    mask = as_mask(_OP, attention_mask, (batch, past + length), "attention_mask")
    if cache is not None and mask is not None:
        _without_right_padding(mask)
    if position_ids is None:
        cu = as_cu_seqlens(_OP, cu_seqlens, batch, length)
        position_ids = prompt_positions(_OP, model, None if past else input_ids, mask, cu, rest)
    inputs = think.extend(embeds, mask, position_ids, cu_seqlens)
    return _call(model, inputs, rest, length), inputs


def _check_sources(
    input_ids: Tensor | None, inputs_embeds: Tensor | None, cache: Any, cu_seqlens: Tensor | None
) -> None:
    given = (input_ids is not None) + (inputs_embeds is not None)
    if given == 2 or (given == 0 and cache is None):
        raise bad_value(
            _OP, "input_ids or inputs_embeds", "be given, one of them", "both" if given else "neither", "Pass one"
        )
    if cache is not None and cu_seqlens is not None:
        raise bad_value(
            _OP, "past_key_values", "be left out for packed rows", "both", "Run the samples without a cache"
        )


def _embeds(
    think: ThinkTokens,
    model: nn.Module,
    input_ids: Tensor | None,
    inputs_embeds: Tensor | None,
    attention_mask: Tensor | None,
    cache: Any,
) -> Tensor:
    if inputs_embeds is not None:
        return inputs_embeds
    embeddings = embeddings_of(_OP, model)
    if input_ids is not None:
        return embeddings(input_ids)
    if attention_mask is not None:
        batch = attention_mask.shape[0]
    else:
        batch = cache.layers[0].keys.shape[0]
    like = next(embeddings.parameters())
    return like.new_zeros(batch, 0, think.dim)


def _without_right_padding(mask: Tensor) -> None:
    if (
        mask.device.type == "cpu"
        and not torch.compiler.is_compiling()
        and mask.shape[1]
        and not bool(mask[:, -1].all())
    ):
        raise bad_value(
            _OP,
            "attention_mask",
            "have its padding on the left where a cache is used, whose entries cannot be moved",
            "padding on the right",
            "Pad on the left",
        )


def _call(model: nn.Module, inputs: ThinkInputs, rest: dict[str, Any], length: int) -> dict[str, Any]:
    """All keyword arguments of the reader."""
    names = known_names(model)
    call = {name: _longer(name, value, inputs, length) for name, value in rest.items()}
    call["inputs_embeds"] = inputs.inputs_embeds
    positions = inputs.position_ids
    if inputs.cu_seqlens is not None and positions.ndim == 3:
        # readers with several axes find the packed samples in a row of plain positions before the others
        owner_starts = _restarts(inputs.cu_seqlens, positions.shape[-1])
        positions = torch.cat([owner_starts[None, None], positions])
    if "position_ids" in names:
        call["position_ids"] = positions
    if inputs.attention_mask is not None:
        call["attention_mask"] = inputs.attention_mask.long()
    if "use_cache" in names:
        call["use_cache"] = call.get("past_key_values") is not None
    if "logits_to_keep" in names:
        call.setdefault("logits_to_keep", 1)  # the states are wanted, not a vocabulary of logits at every position
    return call


def _restarts(cu_seqlens: Tensor, total: int) -> Tensor:
    places = torch.arange(total, device=cu_seqlens.device)
    owner = torch.searchsorted(cu_seqlens.long(), places, right=True) - 1
    return places - cu_seqlens.long()[owner]


def _longer(name: str, value: Any, inputs: ThinkInputs, length: int) -> Any:
    """Token types get zeros, text, at the think tokens."""
    if not name.endswith("token_type_ids") or not isinstance(value, Tensor):
        return value
    batch, total = inputs.inputs_embeds.shape[:2]
    rows = torch.arange(total, device=value.device).expand(batch, -1)
    think = inputs.think_index.reshape(batch, -1)
    is_think = torch.zeros(batch, total, dtype=torch.bool, device=value.device).scatter(1, think, True)
    source = (rows - is_think.long().cumsum(1)).clamp(min=0, max=max(length - 1, 0))
    return torch.where(is_think, 0, value.gather(1, source)) if length else value.new_zeros(batch, total)


def tapped(
    model: nn.Module,
    layers: Sequence[int],
    call: Mapping[str, Any],
    *,
    cu_seqlens: Tensor | None = None,
    stop_early: bool = False,
) -> tuple[Tensor, ...]:
    """Run the reader and return its states of these layers."""
    if torch.compiler.is_compiling():
        # hooks cannot be placed inside a graph; transformers selects the states itself
        indices = resolve_layers(_OP, layers, depth_of(_OP, model))
        output = model(**call, output_hidden_states=list(indices))
        return tuple(output.hidden_states[k] for k in indices)
    with _kept_apart(model, cu_seqlens), HiddenStateTap(model, layers, stop_early=stop_early) as tap:
        model(**call)
    return tap.states


_APART: weakref.WeakSet[nn.Module] = weakref.WeakSet()  # decoders that were seen to keep packed samples apart


@contextmanager
def _kept_apart(model: nn.Module, cu_seqlens: Tensor | None) -> Iterator[None]:
    """Look once at the mask that a reader makes of restarting positions: some make none, and the samples would mix."""
    decoder = decoder_of(model)
    if cu_seqlens is None or decoder in _APART:
        yield
        return
    ends = [int(end) for end in cu_seqlens[1:-1] if 0 < int(end) < int(cu_seqlens[-1])]

    def look(layer: nn.Module, args: Any, kwargs: dict[str, Any]) -> None:
        mask = kwargs.get("attention_mask")
        config = getattr(decoder, "config", None)
        if isinstance(mask, Tensor) and mask.ndim == 4 and ends:
            leak = mask[0, 0, ends[0], ends[0] - 1]
            apart = not bool(leak) if mask.dtype == torch.bool else float(leak) < -1e3
        else:  # attention that reads positions or lengths itself needs no mask
            apart = mask is not None or getattr(config, "_attn_implementation", None) not in ("sdpa", "eager")
        if ends and not apart:
            raise bad_value(
                _OP,
                "cu_seqlens",
                "be left out for this reader, which lets packed samples read each other",
                type(decoder).__name__,
                "Run the samples as a padded batch",
            )
        if ends:
            _APART.add(decoder)

    handle = decoder_layers(_OP, decoder)[0].register_forward_pre_hook(look, with_kwargs=True)
    try:
        yield
    finally:
        handle.remove()


@contextmanager
def rolled_back(cache: Any, tokens: int) -> Iterator[None]:
    """Take the think tokens out of the cache again, whatever happens in the block. The prompt stays in."""
    if cache is None:
        yield
        return
    layers = list(cache.layers)
    before = [layer.get_seq_length() for layer in layers]
    recording = [getattr(layer, "record_past", None) for layer in layers]
    for layer in layers:
        activate = getattr(layer, "activate_past_recording", None)
        if activate is not None:
            activate()  # windows would otherwise forget what they must give back
    try:
        yield
    finally:
        for i, layer in enumerate(cache.layers):
            grown = layer.get_seq_length() - (before[i] if i < len(before) else 0)
            if grown:
                layer.crop(-min(tokens, grown))
            if i < len(recording) and recording[i] is not None:
                layer.record_past = recording[i]
