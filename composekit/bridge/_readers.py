"""What the bridge asks of a reader, through its public methods: decoder, layers, width, positions, names it knows."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from composekit._errors import bad_type, bad_value
from composekit.bridge._checks import segment_ids

_VISION = ("image_grid_thw", "video_grid_thw")


def decoder_of(model: nn.Module) -> nn.Module:
    """The module whose hidden states are meant: what ``get_decoder()`` returns, else the model itself."""
    find = getattr(model, "get_decoder", None)
    found = find() if callable(find) else None
    return found if isinstance(found, nn.Module) else model


def _text_config(module: nn.Module) -> Any:
    config = getattr(module, "config", None)
    text = getattr(config, "get_text_config", None)
    return text() if callable(text) else config


def decoder_layers(op: str, decoder: nn.Module) -> nn.ModuleList:
    """The decoder's list of layers: the outermost ModuleList with as many entries as the configuration says."""
    depth = getattr(_text_config(decoder), "num_hidden_layers", None)
    lists = [m for m in decoder.modules() if isinstance(m, nn.ModuleList) and len(m) > 0]
    for found in lists:
        if depth is None or len(found) == depth:
            return found
    raise bad_value(
        op, "model", f"hold a ModuleList of {depth} decoder layers", type(decoder).__name__, "Use mode='native'"
    )


def depth_of(op: str, model: nn.Module) -> int:
    """The number of decoder layers."""
    decoder = decoder_of(model)
    depth = getattr(_text_config(decoder), "num_hidden_layers", None)
    return int(depth) if depth is not None else len(decoder_layers(op, decoder))


def width_of(op: str, model: nn.Module) -> int:
    """The channels of the reader's embeddings, which think tokens must have."""
    embeddings = embeddings_of(op, model)
    width = getattr(_text_config(decoder_of(model)), "hidden_size", None)
    if width is not None:
        return int(width)
    weight = getattr(embeddings, "weight", None)
    if not isinstance(weight, Tensor):
        raise bad_type(op, "model", "say its width in config.hidden_size", type(model).__name__, "Set it")
    return int(weight.shape[-1])


def embeddings_of(op: str, model: nn.Module) -> nn.Module:
    """The input embeddings."""
    find = getattr(model, "get_input_embeddings", None)
    found = find() if callable(find) else None
    if not isinstance(found, nn.Module):
        raise bad_type(
            op, "model", "have get_input_embeddings()", type(model).__name__, "Pass a Hugging Face decoder or VLM"
        )
    return found


def reader_name(model: nn.Module) -> tuple[str | None, str]:
    """The name under which the weights were loaded, if any, and the class of the decoder."""
    name = getattr(model, "name_or_path", None) or getattr(getattr(model, "config", None), "_name_or_path", None)
    return (str(name) if name else None), type(decoder_of(model)).__name__


# --- names ---------------------------------------------------------------------------------------------------------------


def _parts(model: nn.Module) -> Iterator[nn.Module]:
    yield model
    for attribute in ("get_base_model",):  # adapters wrap the model whose names count
        inner = getattr(model, attribute, None)
        if callable(inner):
            yield inner()
    base = getattr(model, "base_model", None)
    if isinstance(base, nn.Module):
        yield base
    yield decoder_of(model)


def known_names(model: nn.Module) -> set[str]:
    """The names that the reader's forward methods take: their parameters and the typed ones behind ``**kwargs``."""
    names: set[str] = set()
    for part in _parts(model):
        parameters = inspect.signature(part.forward).parameters
        for parameter in parameters.values():
            if parameter.kind not in (parameter.VAR_KEYWORD, parameter.VAR_POSITIONAL):
                names.add(parameter.name)
            elif parameter.kind == parameter.VAR_KEYWORD:
                names |= _typed(part, parameter)
    return names


def _typed(part: nn.Module, parameter: inspect.Parameter) -> set[str]:
    """The keys of ``**kwargs: Unpack[SomeTypedDict]``."""
    hint = parameter.annotation
    if isinstance(hint, str):
        try:
            hint = typing.get_type_hints(inspect.unwrap(type(part).forward)).get(parameter.name)
        except (NameError, TypeError, AttributeError):  # names that exist for type checkers alone
            return set()
    return {key for arg in typing.get_args(hint) for key in getattr(arg, "__annotations__", ())}


def check_names(op: str, model: nn.Module, names: Mapping[str, Any]) -> None:
    """Raise for a keyword that the reader does not know: transformers would swallow it."""
    unknown = sorted(set(names) - known_names(model))
    if unknown:
        raise bad_type(
            op,
            unknown[0],
            f"be an argument of {type(model).__name__}.forward",
            f"the unknown {'names' if len(unknown) > 1 else 'name'} {', '.join(unknown)}",
            "Correct the spelling or leave it out",
        )


# --- positions -----------------------------------------------------------------------------------------------------------


def rope_index(model: nn.Module) -> Any:
    """The method that makes positions on several axes, or None for a reader with one."""
    for module in model.modules():
        method = getattr(module, "get_rope_index", None)
        if callable(method):
            return method
    return None


def prompt_positions(
    op: str,
    model: nn.Module,
    input_ids: Tensor | None,
    mask: Tensor | None,
    cu_seqlens: Tensor | None,
    model_inputs: Mapping[str, Any],
) -> Tensor | None:
    """Positions [3, B, T] that a reader with several axes makes for its prompt; None for one axis."""
    method = rope_index(model)
    if method is None:
        return None
    if input_ids is None:
        raise bad_value(
            op,
            "input_ids",
            "be given to a reader with several position axes, which finds its images in them",
            "none",
            "Pass input_ids, or position_ids of all axes",
        )
    if cu_seqlens is not None:
        return _packed(model, method, input_ids, cu_seqlens, model_inputs)
    if all(model_inputs.get(name) is None for name in _VISION):
        keep = torch.ones_like(input_ids) if mask is None else mask.long()
        return (keep.cumsum(-1) - 1).clamp(min=0).expand(3, -1, -1)
    return _ask(model, method, input_ids, mask, model_inputs)


def _ask(
    model: nn.Module, method: Any, input_ids: Tensor, mask: Tensor | None, model_inputs: Mapping[str, Any]
) -> Tensor:
    names = inspect.signature(method).parameters
    arguments = {name: model_inputs[name] for name in names if name in model_inputs}
    if "mm_token_type_ids" in names and arguments.get("mm_token_type_ids") is None:
        arguments["mm_token_type_ids"] = _token_types(model, input_ids)
    if mask is not None:
        arguments["attention_mask"] = mask.long()
    return method(input_ids=input_ids, **arguments)[0]


def _token_types(model: nn.Module, input_ids: Tensor) -> Tensor:
    """0 for text, 1 for an image, 2 for a video, read off the placeholders."""
    config = getattr(model, "config", None)
    types = torch.zeros_like(input_ids)
    for kind, name in ((1, "image_token_id"), (2, "video_token_id")):
        token = getattr(config, name, None)
        if token is not None:
            types = types.masked_fill(input_ids == token, kind)
    return types


def _packed(
    model: nn.Module, method: Any, input_ids: Tensor, cu_seqlens: Tensor, model_inputs: Mapping[str, Any]
) -> Tensor:
    """Positions of a packed row: the samples side by side in a padded batch, asked for, and put back in a row."""
    total = input_ids.shape[1]
    owner = segment_ids(cu_seqlens, total)
    place = torch.arange(total, device=input_ids.device) - cu_seqlens[owner]
    if all(model_inputs.get(name) is None for name in _VISION):
        return place.expand(3, 1, -1)
    lengths = cu_seqlens.diff()
    rows, width = lengths.shape[0], int(lengths.max())
    batch = input_ids.new_zeros(rows, width)
    batch[owner, place] = input_ids[0]
    types = model_inputs.get("mm_token_type_ids")
    spread = dict(model_inputs)
    if types is not None:
        wide = types.new_zeros(rows, width)
        wide[owner, place] = types[0]
        spread["mm_token_type_ids"] = wide
    mask = torch.arange(width, device=input_ids.device) < lengths[:, None]
    return _ask(model, method, batch, mask, spread)[:, owner, place][:, None]


# --- which reader --------------------------------------------------------------------------------------------------------

_UNNAMED = " (unnamed)"


def meet(op: str, recorded: str | None, model: nn.Module) -> str:
    """The reader's name to record; raises if another one is on record.

    Names are compared by their last part, so that a local copy is the same reader. A reader without a name, made from a
    configuration, is recorded by its class and compared only with such a record.
    """
    name, kind = reader_name(model)
    own = name if name is not None else kind + _UNNAMED
    if recorded is None:
        return own
    if recorded.endswith(_UNNAMED):
        same = recorded == kind + _UNNAMED
    else:
        same = name is None or _last(name) == _last(recorded)
    if not same:
        raise bad_value(
            op,
            "model",
            f"be the reader on record, {recorded}",
            own,
            "Take that one, or set bridge.reader_name to None if they are the same",
        )
    return recorded


def _last(name: str) -> str:
    return name.rstrip("/").rpartition("/")[2]
