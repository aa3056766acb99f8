"""How the next token is drawn from logits."""

from __future__ import annotations

import torch
from torch import Tensor

from composekit._errors import ShapeError, bad_value, brackets, message
from composekit.attention._checks import check_tensor

_OP = "HybridDecoder.generate"


def sample(
    logits: Tensor, temperature: float, top_k: int | None, top_p: float | None, generator: torch.Generator | None
) -> Tensor:
    """One token a row, ``[B, vocab]`` to ``[B, 1]``."""
    if temperature == 0:
        return logits.argmax(dim=1, keepdim=True)
    logits = logits.double() / temperature
    if top_k is not None and top_k < logits.shape[1]:
        logits = logits.masked_fill(logits < logits.topk(top_k).values[:, -1:], -torch.inf)
    if top_p is not None:
        ordered, order = logits.softmax(1).sort(dim=1, descending=True, stable=True)
        beyond = ordered.cumsum(1) - ordered >= top_p  # the share before a token is enough without it
        logits = logits.masked_fill(beyond.scatter(1, order, beyond), -torch.inf)
    return logits.softmax(1).multinomial(1, generator=generator)


def check_sampling(
    input_ids: Tensor,
    attention_mask: Tensor | None,
    max_new_tokens: int,
    temperature: float,
    top_k: int | None,
    top_p: float | None,
    prefill_chunk: int | None,
) -> None:
    """The arguments of ``generate`` that the model's own call does not check, or that are read before it."""
    check_tensor(_OP, "input_ids", input_ids)
    if attention_mask is not None:
        check_tensor(_OP, "attention_mask", attention_mask)
    if input_ids.dim() == 2 and not input_ids.shape[1]:
        raise ShapeError(
            message(_OP, "input_ids", "have at least one token", brackets(input_ids.shape), "Start with a BOS token")
        )
    for name, value in (("max_new_tokens", max_new_tokens), ("top_k", top_k), ("prefill_chunk", prefill_chunk)):
        if value is not None and value < (name != "max_new_tokens"):
            raise bad_value(_OP, name, "be positive", value, "Pass a whole number from 1")
    if temperature < 0:
        raise bad_value(_OP, "temperature", "not be negative", temperature, "0 takes the likeliest token")
    if top_p is not None and not 0 < top_p <= 1:
        raise bad_value(_OP, "top_p", "be above 0 and at most 1", top_p, "Or leave it out")
    if attention_mask is not None and attention_mask.dim() == 2 and not attention_mask.any(1).all():
        row = int((~attention_mask.any(1)).nonzero()[0])
        raise bad_value(_OP, "attention_mask", "keep a token in every row", f"none in row {row}", "Drop the row")
