"""The rivals of the distillation benchmarks, each as a user would write or import it, and the exact result.

As a module it measures the peak memory of one rival alone: ``python -m benchmarks._distill_rivals NAME T V D``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from benchmarks.harness import peak_rss
from composekit.distill import ExOPDLoss, LinearHead, linear_gopd_loss

SCALE = 1.25
Heads = list[LinearHead]


class Virtual(NamedTuple):
    """Teacher and reference as one teacher twice as wide: what a rival with two models is given."""

    hidden: Tensor
    weight: Tensor


def make(time: int, vocabulary: int, width: int, dtype: torch.dtype = torch.float32) -> Heads:
    """Student, teacher, reference with logits of the size that language models have; the student wants gradients."""
    torch.manual_seed(0)
    heads = []
    for _ in range(3):
        hidden = torch.randn(1, time, width).to(dtype)
        weight = (torch.randn(vocabulary, width) * (2 / width**0.5)).to(dtype)
        heads.append(LinearHead(hidden, weight))
    heads[0].hidden.requires_grad_(), heads[0].weight.requires_grad_()
    return heads


def virtual(heads: Heads) -> Virtual:
    _, teacher, reference = heads
    weight = torch.cat([SCALE * teacher.weight, (1 - SCALE) * reference.weight], -1)
    return Virtual(torch.cat([teacher.hidden, reference.hidden], -1), weight)


def _loss(student: Tensor, teacher: Tensor, reference: Tensor) -> Tensor:
    s, t, r = (x.float().log_softmax(-1) for x in (student, teacher, reference))
    return (s.exp() * (s - SCALE * t - (1 - SCALE) * r)).sum(-1)


def naive(heads: Heads, extra: Virtual | None = None) -> Tensor:
    """Three products, three log-softmaxes, plain autograd; logits in the dtype of the heads."""
    s, t, r = (h.hidden @ h.weight.T for h in heads)
    return _loss(s, t, r).mean()


_compiled: Callable[..., Tensor] | None = None


def naive_compiled(heads: Heads, extra: Virtual | None = None) -> Tensor:
    """The same through torch.compile."""
    global _compiled
    if _compiled is None:
        _compiled = torch.compile(lambda *x: _loss(x[0] @ x[1].T, x[2] @ x[3].T, x[4] @ x[5].T).mean(), dynamic=False)
    return _compiled(*(x for h in heads for x in h[:2]))


def checkpointed(heads: Heads, extra: Virtual | None = None) -> Tensor:
    """Chunks of 256 tokens, each checkpointed, as TRL does it."""

    def part(*hidden: Tensor) -> Tensor:
        return _loss(*(x @ h.weight.T for x, h in zip(hidden, heads, strict=True))).sum()

    pieces = zip(*(h.hidden.split(256, 1) for h in heads), strict=True)
    sums = [checkpoint(part, *piece, use_reentrant=False) for piece in pieces]
    return torch.stack(sums).sum() / heads[0].hidden.shape[1]


def liger_chunked(heads: Heads, extra: Virtual | None = None) -> Tensor:
    """Liger's chunked JSD loss at beta = 1, no hard loss, on the virtual teacher."""
    from liger_kernel.chunked_loss import LigerFusedLinearJSDLoss

    extra = extra or virtual(heads)
    module = LigerFusedLinearJSDLoss(
        weight_hard_loss=0.0, weight_soft_loss=1.0, beta=1.0, compiled=False, chunk_size=256
    )
    hidden = heads[0].hidden[0]
    labels = torch.zeros(hidden.shape[0], dtype=torch.int64)
    return module(hidden, heads[0].weight, extra.hidden[0], extra.weight, labels)


def liger_fused(heads: Heads, extra: Virtual | None = None) -> Tensor:
    """Liger's fused linear JSD at beta = 1, on the virtual teacher: a Triton kernel."""
    from liger_kernel.transformers import LigerFusedLinearJSD

    extra = extra or virtual(heads)
    return LigerFusedLinearJSD(jsd_beta=1.0)(heads[0].hidden[0], heads[0].weight, extra.hidden[0], extra.weight, None)


def ours_scalar(heads: Heads, extra: Virtual | None = None) -> Tensor:
    """ExOPDLoss: gradients in the forward."""
    return ExOPDLoss(SCALE, impl="chunked")(*heads, mask=torch.ones(heads[0].hidden.shape[:2], dtype=torch.bool)).loss


def ours_per_token(heads: Heads, extra: Virtual | None = None) -> Tensor:
    """linear_gopd_loss: values per token, recomputation in the backward."""
    return linear_gopd_loss(*heads, reward_scale=SCALE, impl="chunked").mean()


RIVALS: dict[str, Callable[..., Tensor]] = {
    "naive": naive,
    "naive compiled": naive_compiled,
    "checkpointed chunks": checkpointed,
    "Liger chunked JSD": liger_chunked,
    "Liger fused JSD": liger_fused,
    "ExOPDLoss": ours_scalar,
    "linear_gopd_loss": ours_per_token,
}
VIRTUAL = ("Liger chunked JSD", "Liger fused JSD")


def step(name: str, heads: Heads, extra: Virtual | None) -> None:
    """Forward and backward with the gradients of hidden states and weight."""
    heads[0].hidden.grad = heads[0].weight.grad = None
    RIVALS[name](heads, extra).backward()


def exact_gradients(heads: Heads) -> tuple[Tensor, Tensor]:
    """In float64, from the very numbers that the heads hold."""
    wide = [LinearHead(h.hidden.detach().double(), h.weight.detach().double()) for h in heads]
    wide[0].hidden.requires_grad_(), wide[0].weight.requires_grad_()
    loss = linear_gopd_loss(*wide, reward_scale=SCALE, impl="reference").mean()
    return torch.autograd.grad(loss, (wide[0].hidden, wide[0].weight))  # type: ignore[return-value]


def gradient_error(name: str, heads: Heads) -> float:
    """The relative error of hidden states' and weight's gradients together."""
    extra = virtual(heads) if name in VIRTUAL else None
    step(name, heads, extra)
    found = heads[0].hidden.grad, heads[0].weight.grad
    exact = exact_gradients(heads)
    return max(float((f.double() - e).norm() / e.norm()) for f, e in zip(found, exact, strict=True) if f is not None)


def main(name: str, time: int, vocabulary: int, width: int) -> None:
    """Print the peak above the inputs, and above inputs and gradients, in bytes."""
    small = make(8, 64, width)
    step(name, small, virtual(small) if name in VIRTUAL else None)  # imports and thread pools are no part of it
    heads = make(time, vocabulary, width)
    extra = virtual(heads) if name in VIRTUAL else None
    if name == "naive compiled":
        step(name, heads, extra)
        heads[0].hidden.grad = heads[0].weight.grad = None
    peak = peak_rss(lambda: step(name, heads, extra))
    gradients = sum(x.grad.numel() * x.grad.element_size() for x in heads[0][:2] if x.grad is not None)
    print(json.dumps({"peak": peak, "peak_above_gradients": peak - gradients}))


if __name__ == "__main__":
    main(sys.argv[1], *(int(x) for x in sys.argv[2:5]))
