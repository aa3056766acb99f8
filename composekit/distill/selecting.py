"""Log-probabilities of given tokens without an array of log-probabilities."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor

from composekit._dispatch import choose
from composekit._errors import ShapeError, message
from composekit.distill import _checks, operators
from composekit.distill._lost import lost_to
from composekit.distill.engine import call_facts, look, plain_logits, student_parts
from composekit.distill.heads import Model, check_model, head_dtype, leading, vocabulary
from composekit.distill.linear import chunk_rows
from composekit.distill.reference import log_softmax


def selected_logp(
    head_or_logits: Model,
    tokens: Tensor,
    *,
    temperature: float = 1.0,
    chunk_size: int | None = None,
    impl: str = "auto",
) -> Tensor:
    r"""The log-probability of ``tokens[b, t]`` under the distribution at position t.

    .. math:: \log \pi_{y} = s_y / \tau - \mathrm{logsumexp}(s / \tau)

    Nothing is shifted here: pass the logits (or hidden states) of the positions *before* the tokens.

    Args:
        head_or_logits: Logits [B, T, V], or a :class:`LinearHead`, whose logits are made in blocks and never stored.
        tokens: Integer ids [B, T]; or [B, T, K] for several candidates of each position.
        temperature: Divides the logits; above 0.
        chunk_size: Rows of one chunk of the portable implementation.
        impl: As in :func:`gopd_loss`.

    Returns:
        Shaped like ``tokens``, float32 (float64 if any argument is float64). Differentiable.

    Raises:
        ShapeError: tokens and positions differ in number.
        ArgumentError: a token outside the vocabulary, NaN or a row without a finite logit (found on the CPU).
        ArgumentTypeError: tokens are no integers, or the logits no floating-point numbers.

    Guarantees:
        memory: Nothing of T V elements but the gradient of given logits.
        compile: No graph break with ``fullgraph=True``.

    Example:
        >>> import torch
        >>> selected_logp(torch.zeros(1, 2, 4), torch.tensor([[3, 0]]))
        tensor([[-1.3863, -1.3863]])

    Source: arXiv 2602.12125, whose estimator scores sampled tokens.
    """
    op = "selected_logp"
    temperature, chunk_size = _checks.temperature(op, temperature), chunk_rows(op, chunk_size)
    model = check_model(op, "head_or_logits", head_or_logits)
    shape = leading(model).shape[:2]
    if isinstance(tokens, Tensor) and (tokens.dim() not in (2, 3) or tokens.shape[:2] != shape):
        rule = f"have shape [{shape[0]}, {shape[1]}] or [{shape[0]}, {shape[1]}, K]"
        raise ShapeError(
            message(op, "tokens", rule, list(tokens.shape), "One position a token; nothing is shifted here")
        )
    ids = _checks.checked_tokens(op, tokens, getattr(tokens, "shape", ()), vocabulary(model)).to(leading(model).device)
    portable: dict[str, Callable[..., Tensor]] = {
        "chunked": partial(_chunked, chunk_size=chunk_size),
        "reference": _reference,
    }
    features = ["candidates"] * (ids.dim() == 3)
    name, run = choose(op, impl, call_facts(model, features), portable)
    if name not in portable:
        look(op, temperature, [("head_or_logits", model, 1.0)])
    return run(model, ids, temperature=temperature)


def _chunked(model: Model, tokens: Tensor, *, temperature: float, chunk_size: int | None = None) -> Tensor:
    wide = tokens if tokens.dim() == 3 else tokens.unsqueeze(-1)
    logp, _ = operators.selected_rows(
        *student_parts(model), wide, temperature, chunk_size or 0, "selected_logp", "head_or_logits"
    )
    return logp.view(tokens.shape)


def _reference(model: Model, tokens: Tensor, *, temperature: float) -> Tensor:
    wide = tokens if tokens.dim() == 3 else tokens.unsqueeze(-1)
    with torch.autocast(tokens.device.type, enabled=False):
        logp, bad = log_softmax(plain_logits(model), temperature, head_dtype(model), "selected_logp", "head_or_logits")
    return lost_to(logp.gather(-1, wide), bad.unsqueeze(-1), torch.nan).view(tokens.shape)
