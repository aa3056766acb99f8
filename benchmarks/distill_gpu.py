"""The distillation losses on a GPU: time and memory against what a user could take instead, and against the products alone.

A dry run goes through the same code on the CPU with tiny shapes and interpreted kernels.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from importlib.util import find_spec

import torch
from torch import Tensor
from torch.utils.checkpoint import checkpoint

from benchmarks._ceilings import ceilings
from benchmarks.harness import Context, Row, against_ceilings, case, gate, peak_memory, timed
from composekit.distill import ExOPDLoss, LinearHead, gopd_loss, linear_gopd_loss

SCALE = 1.25
WIDTH = 2560
SHAPES = ((2048, 32_000), (8192, 32_000), (2048, 151_936), (8192, 151_936))
GATE = 0.01  # relative error of the gradients in bf16
NAIVE_LIMIT = 2048 * 151_936  # logits of three models in float32, their softmaxes and gradients still fit below this

Loss = Callable[[list[LinearHead]], Tensor]


def heads_of(tokens: int, vocabulary: int, width: int, device: str, dtype: torch.dtype) -> list[LinearHead]:
    """Student, teacher, reference with logits of about the size of a language model's; the student wants gradients."""
    torch.manual_seed(0)
    found = []
    for _ in range(3):
        hidden = torch.randn(1, tokens, width, device=device).to(dtype)
        weight = torch.randn(vocabulary, width, device=device).mul_(2 / width**0.5).to(dtype)
        found.append(LinearHead(hidden, weight))
    found[0].hidden.requires_grad_(), found[0].weight.requires_grad_()
    return found


def mixed(s: Tensor, t: Tensor, r: Tensor) -> Tensor:
    """The loss in plain torch, from logits."""
    s, t, r = (x.float().log_softmax(-1) for x in (s, t, r))
    return (s.exp() * (s - SCALE * t - (1 - SCALE) * r)).sum(-1)


def naive(heads: list[LinearHead]) -> Tensor:
    """Stored logits, plain autograd."""
    return mixed(*(h.hidden @ h.weight.T for h in heads)).mean()


def checkpointed(heads: list[LinearHead]) -> Tensor:
    """Chunks of 256 tokens, made again in the backward, as TRL does it."""

    def part(*hidden: Tensor) -> Tensor:
        return mixed(*(x @ h.weight.T for x, h in zip(hidden, heads, strict=True))).sum()

    chunks = zip(*(h.hidden.split(256, 1) for h in heads), strict=True)
    return torch.stack([checkpoint(part, *c, use_reentrant=False) for c in chunks]).sum() / heads[0].hidden.shape[1]


def _virtual(heads: list[LinearHead]) -> tuple[Tensor, Tensor]:
    """Teacher and reference as one teacher, twice as wide; the only form that a two-model rival can take."""
    _, teacher, reference = heads
    weight = torch.cat([SCALE * teacher.weight, (1 - SCALE) * reference.weight], -1)
    return torch.cat([teacher.hidden, reference.hidden], -1)[0], weight


def liger_fused(heads: list[LinearHead], other: tuple[Tensor, Tensor]) -> Tensor:
    """Liger's fused linear JSD at beta = 1; its value differs by log Z, its gradient does not."""
    from liger_kernel.transformers import LigerFusedLinearJSD

    return LigerFusedLinearJSD(jsd_beta=1.0)(heads[0].hidden[0], heads[0].weight, *other, None)


def liger_chunked(heads: list[LinearHead], other: tuple[Tensor, Tensor]) -> Tensor:
    """Liger's chunked JSD loss at beta = 1 without hard loss."""
    from liger_kernel.chunked_loss import LigerFusedLinearJSDLoss

    module = LigerFusedLinearJSDLoss(weight_hard_loss=0.0, weight_soft_loss=1.0, beta=1.0)
    hidden = heads[0].hidden[0]
    return module(hidden, heads[0].weight, *other, torch.zeros(len(hidden), dtype=torch.long, device=hidden.device))


def rivals(heads: list[LinearHead], device: str) -> dict[str, Loss]:
    """What runs here, ours first. On the CPU our kernels are interpreted, and kernels of others left out."""
    mask = torch.ones(heads[0].hidden.shape[:2], dtype=torch.bool, device=device)
    found: dict[str, Loss] = {
        "ExOPDLoss, triton": lambda h: ExOPDLoss(SCALE, impl="triton")(*h, mask=mask).loss,
        "linear_gopd_loss, triton": lambda h: linear_gopd_loss(*h, reward_scale=SCALE, impl="triton").mean(),
        "ExOPDLoss, chunked": lambda h: ExOPDLoss(SCALE, impl="chunked")(*h, mask=mask).loss,
        "checkpointed chunks": checkpointed,
    }
    tokens, vocabulary = heads[0].hidden.shape[1], heads[0].weight.shape[0]
    if tokens * vocabulary <= NAIVE_LIMIT:
        found["naive"] = naive
    if device == "cuda":
        if tokens * vocabulary <= NAIVE_LIMIT:
            compiled = torch.compile(mixed, dynamic=False)
            found["naive, compiled"] = lambda h: compiled(*(x.hidden @ x.weight.T for x in h)).mean()
        if find_spec("liger_kernel") is not None:
            other = _virtual(heads)
            found["Liger fused JSD"] = partial(liger_fused, other=other)
            found["Liger chunked JSD"] = partial(liger_chunked, other=other)
    return found


def step(loss: Loss, heads: list[LinearHead]) -> tuple[Tensor, Tensor]:
    """Forward and backward: the gradients of hidden states and weight."""
    return torch.autograd.grad(loss(heads), [heads[0].hidden, heads[0].weight])  # type: ignore[return-value]


def exact(heads: list[LinearHead]) -> tuple[Tensor, Tensor]:
    """The gradients in float64."""
    wide = [LinearHead(*(x.detach().double().requires_grad_(i == 0) for x in h[:2])) for i, h in enumerate(heads)]
    return step(lambda h: linear_gopd_loss(*h, reward_scale=SCALE, impl="reference").mean(), wide)


def errors(device: str, dtype: torch.dtype, small: bool) -> dict[str, float]:
    """The gradient error of every rival on a shape whose exact gradient is affordable; ours must pass the gate."""
    heads = heads_of(*((4, 257, 16) if small else (512, 32_003, 512)), device, dtype)
    truth = exact(heads)
    found = {}
    for name, loss in rivals(heads, device).items():
        limit = GATE if "triton" in name else 0.5  # a rival that rounds its logits is shown, one that errs is not
        pairs = zip(step(loss, heads), truth, strict=True)
        found[name] = max(gate(name, actual, wanted, limit) for actual, wanted in pairs)
    return found


@case("distill", "gpu-heads", gpu=True)
def from_heads(ctx: Context) -> Iterator[Row]:
    """Forward and backward from hidden states, three models, gradients of hidden states and head."""
    device, dtype = ctx.device, torch.float32 if ctx.dry_run else torch.bfloat16
    error = errors(device, dtype, ctx.dry_run)
    top = ceilings(ctx, dtype)
    shapes = ((4, 300),) if ctx.dry_run else SHAPES[:1] if ctx.quick else SHAPES
    for tokens, vocabulary in shapes:
        width = 16 if ctx.dry_run else WIDTH
        heads = heads_of(tokens, vocabulary, width, device, dtype)
        for name, loss in rivals(heads, device).items():
            run = partial(step, loss, heads)
            row = timed(run, repeats=1 if ctx.dry_run else 10, warmup=1 if ctx.dry_run else 3)
            products = 8 if name.startswith("linear_gopd_loss") else 5
            work = {"flops": 2.0 * products * tokens * vocabulary * width, "moved": 0.0}
            yield {
                "name": name, "T": tokens, "V": vocabulary, "D": width, "dtype": str(dtype).removeprefix("torch."),
                **row, "products": products, "gradient_error": error.get(name), "peak_bytes": peak_memory(run),
                **against_ceilings(row["median_s"], **work, **top._asdict()),
            }  # fmt: skip


@case("distill", "gpu-logits", gpu=True)
def from_logits(ctx: Context) -> Iterator[Row]:
    """Forward and backward from stored bf16 logits, against plain and compiled torch and the traffic that must be."""
    device, dtype = ctx.device, torch.float32 if ctx.dry_run else torch.bfloat16
    top = ceilings(ctx, dtype)
    for tokens, vocabulary in ((4, 300),) if ctx.dry_run else ((1024, 32_000), (1024, 151_936), (4096, 151_936)):
        logits = [torch.randn(1, tokens, vocabulary, device=device).to(dtype) for _ in range(3)]
        logits[0].requires_grad_()
        losses = {
            "gopd_loss, triton": lambda *x: gopd_loss(*x, reward_scale=SCALE, impl="triton"),
            "gopd_loss, chunked": lambda *x: gopd_loss(*x, reward_scale=SCALE, impl="chunked"),
            "naive": mixed,
        }
        if device == "cuda":
            losses["naive, compiled"] = torch.compile(mixed, dynamic=False)
        few = [x.detach()[:, :64] for x in logits]
        few[0].requires_grad_()
        (truth,) = torch.autograd.grad(mixed_exact(*few).sum(), few[0])
        for name, loss in losses.items():
            (found,) = torch.autograd.grad(loss(*few).sum(), few[0])
            error = gate(name, found, truth, GATE)

            def run(loss: Callable[..., Tensor] = loss, logits: list[Tensor] = logits) -> None:
                torch.autograd.grad(loss(*logits).sum(), logits[0])

            row = timed(run, repeats=1 if ctx.dry_run else 10, warmup=1 if ctx.dry_run else 3)
            moved = 7.0 * tokens * vocabulary * logits[0].element_size()  # three read twice, one written
            yield {
                "name": name, "T": tokens, "V": vocabulary, "dtype": str(dtype).removeprefix("torch."), **row,
                "gradient_error": error, "peak_bytes": peak_memory(run),
                **against_ceilings(row["median_s"], flops=0.0, moved=moved, **top._asdict()),
            }  # fmt: skip


def mixed_exact(*logits: Tensor) -> Tensor:
    """The loss in float64; the gradient returns to the dtype of the logits."""
    return gopd_loss(*(x.double() for x in logits), reward_scale=SCALE, impl="reference")
