"""The ways to compute the loss, in one form, so that each identity is one test over all of them.

A check takes a path and holds an identity over it. Under pytest :func:`identity` makes it a test with the fixture ``path``:
the local paths run it at once, those over several ranks look up what the ranks of ``identity_ranks.py`` found.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed import ProcessGroup

from composekit.distill import (
    ExOPDLoss,
    ExOPDOutput,
    LinearHead,
    Teachers,
    gopd_loss,
    linear_gopd_loss,
    reduce,
    vocab_parallel_gopd_loss,
)

Check = Callable[[Any], None]
CHECKS: dict[str, Check] = {}


def identity(check: Check) -> Check:
    """A test over all paths."""
    CHECKS[check.__name__] = check

    @functools.wraps(check)
    def test(path: Path | Remote) -> None:
        path.hold(check)

    return test


@dataclass(frozen=True)
class Path:
    """One implementation in one form: ``loss`` per token from logits, ``scalar`` through a mask and a reduction.

    Without ``heads`` the loss is computed from logits, with them from heads whose logits are the given ones. ``scalar_form``
    makes the gradients in the forward; its per-token losses are its diagnostics.
    """

    name: str
    impl: str = "auto"
    heads: bool = False
    scalar_form: bool = False
    group: ProcessGroup | None = None

    @property
    def dtype(self) -> torch.dtype:
        """float64 where the implementation has it."""
        return torch.float32 if self.impl == "triton" else torch.float64

    @property
    def normalizes(self) -> bool:
        """Whether the form has ``normalize=True``."""
        return not self.scalar_form and (not self.heads or self.group is not None)

    @property
    def mixes(self) -> bool:
        """Whether the implementation takes several teachers."""
        return self.impl != "triton"

    def hold(self, check: Check) -> None:
        """Run a check."""
        check(self)

    def models(self, *shape: int, count: int = 3, scale: float = 2.0) -> list[Tensor]:
        """Logits of student (with gradient), teacher, reference and more."""
        shape = shape or (2, 1 if self.impl == "triton" else 3, 17)  # every row is slow in the interpreter
        made = [torch.randn(shape, dtype=self.dtype) * scale for _ in range(count)]
        made[0].requires_grad_()
        return made

    def near(self, actual: Tensor, expected: Tensor, factor: float = 1.0) -> None:
        """Equal shape and infinities, the dtype of the path, and close: a few roundings of logits of this size."""
        assert actual.shape == expected.shape, (actual.shape, expected.shape)
        assert actual.dtype == self.dtype, actual.dtype
        actual, expected = actual.detach().double(), expected.detach().double()
        infinite = expected.isinf()
        assert torch.equal(actual[infinite], expected[infinite]), (actual, expected)
        actual, expected = actual[~infinite], expected[~infinite]
        size = 1.0 + float(expected.abs().max()) if expected.numel() else 1.0
        limit = factor * size * 50 * torch.finfo(self.dtype).eps
        assert not actual.numel() or float((actual - expected).abs().max()) <= limit, (self.name, actual, expected)

    # --- the two forms ---------------------------------------------------------------------------------------------------

    def loss(self, student: Tensor, teacher: Any, reference: Tensor | None = None, **options: Any) -> Tensor:
        """[B, T]."""
        if not self.scalar_form:
            return self._per_token(student, teacher, reference, **options)
        leaf = student.detach().requires_grad_()
        out = self._module(leaf, teacher, reference, None, "sequence_sum", {"denominator": 1}, **options)
        (slope,) = torch.autograd.grad(out.loss, leaf)
        return _Rows.apply(student, out.diagnostics["per_token"], slope)

    def scalar(
        self,
        student: Tensor,
        teacher: Any,
        reference: Tensor | None = None,
        *,
        mask: Tensor | None = None,
        mode: str = "token_mean",
        denominator: float | None = None,
        cu_seqlens: Tensor | None = None,
        **options: Any,
    ) -> Tensor:
        """The reduced loss: of :class:`ExOPDLoss`, or through :func:`reduce`."""
        averaging: dict[str, Any] = {"cu_seqlens": cu_seqlens, "denominator": denominator}
        if not self.scalar_form:
            return reduce(self._per_token(student, teacher, reference, **options), mask, mode=mode, **averaging)
        return self._module(student, teacher, reference, mask, mode, averaging, **options).loss

    def _module(
        self,
        student: Any,
        teacher: Any,
        reference: Any,
        mask: Tensor | None,
        mode: str,
        averaging: dict[str, Any],
        *,
        reward_scale: float | Tensor = 1.25,
        temperature: float = 1.0,
    ) -> ExOPDOutput:
        module = ExOPDLoss(reward_scale, temperature, mode, impl=self.impl, vocab_group=self.group)
        return module(*(self._shaped(x) for x in (student, teacher, reference)), mask=mask, **averaging)

    def _per_token(self, student: Tensor, teacher: Any, reference: Tensor | None = None, **options: Any) -> Tensor:
        models = [self._shaped(x) for x in (student, teacher, reference)]
        if self.group is not None:
            return vocab_parallel_gopd_loss(*models, group=self.group, **options)
        return (linear_gopd_loss if self.heads else gopd_loss)(*models, impl=self.impl, **options)

    def _shaped(self, x: Any) -> Any:
        if isinstance(x, Teachers):
            wrapped = [self._shaped(model) for model in x.models]
            others = None if x.references is None else [self._shaped(model) for model in x.references]
            return Teachers(wrapped, references=others, reward_scale=x.reward_scale, route=x.route, weights=x.weights)
        if x is None or (isinstance(x, LinearHead) and self.group is None):
            return x
        if self.group is None:
            return as_head(x) if self.heads else x
        ranks, vocabulary = dist.get_world_size(self.group), x.vocabulary if isinstance(x, LinearHead) else x.shape[-1]
        # Uneven slices, the narrow ones first, so that tokens at either end are in slices of their own.
        bounds = [vocabulary * i * i // (ranks * ranks) for i in range(ranks + 1)]
        own = slice(*bounds[dist.get_rank(self.group) :][:2])
        if not self.heads:
            return _Replicated.apply(x, self.group)[..., own]
        head = x if isinstance(x, LinearHead) else as_head(x)
        return LinearHead(head.hidden, head.weight[own], None if head.bias is None else head.bias[own])


class _Rows(torch.autograd.Function):
    """Losses per token of a scalar form, with the gradient of their sum: no row of logits touches another row's loss."""

    @staticmethod
    def forward(ctx: Any, student: Tensor, values: Tensor, slope: Tensor) -> Tensor:
        ctx.save_for_backward(slope)
        return values.clone()

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None, None]:
        return grad.unsqueeze(-1) * ctx.saved_tensors[0], None, None


class _Replicated(torch.autograd.Function):
    """Logits that every rank holds and of which it uses a slice: their gradient is the sum over the ranks."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, group: ProcessGroup) -> Tensor:
        ctx.group = group
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, None]:
        total = grad.clone()
        dist.all_reduce(total, group=ctx.group)
        return total, None


def as_head(logits: Tensor) -> LinearHead:
    """A head whose logits are the given ones: the identity over the finite part, -inf from a bias shared by all rows."""
    excluded = (
        (logits == -torch.inf).flatten(0, -2).all(0) if logits.numel() else logits.new_zeros(logits.shape[-1]).bool()
    )
    bias = torch.where(excluded, -torch.inf, 0.0).to(logits.dtype)
    weight = torch.eye(logits.shape[-1], dtype=logits.dtype)
    return LinearHead(logits.masked_fill(excluded, 0.0), weight, bias if bool(excluded.any()) else None)


LOCAL = [
    Path("reference", "reference"),
    Path("chunked", "chunked"),
    Path("linear-reference", "reference", heads=True),
    Path("linear-chunked", "chunked", heads=True),
    Path("scalar-reference", "reference", heads=True, scalar_form=True),
    Path("scalar-chunked", "chunked", heads=True, scalar_form=True),
    Path("scalar-chunked-logits", "chunked", scalar_form=True),
]
TRITON = [
    Path("triton", "triton"),
    Path("linear-triton", "triton", heads=True),
    Path("scalar-triton", "triton", heads=True, scalar_form=True),
]


def over_ranks(group: ProcessGroup | None, ranks: int) -> list[Path]:
    """The paths over a vocabulary that a group splits."""
    made = [
        Path(f"{ranks}-ranks", group=group),
        Path(f"{ranks}-ranks-linear", heads=True, group=group),
        Path(f"{ranks}-ranks-scalar", heads=True, scalar_form=True, group=group),
        Path(f"{ranks}-ranks-scalar-logits", scalar_form=True, group=group),
    ]
    return made if ranks > 2 else made[:-1]


@dataclass(frozen=True)
class Remote:
    """A path that only other processes can take: what its checks found there, "" where all is well."""

    name: str
    found: dict[str, str]

    def hold(self, check: Check) -> None:
        """Fail as the ranks did."""
        problem = self.found.get(check.__name__, "did not run: a rank stopped before it")
        assert not problem, problem


def small_blocks(patch: Callable[[object, str, int], None]) -> None:
    """Blocks and chunks so small that every test crosses several of them."""
    from composekit.distill import chunked, pairs, sources

    for module, name, size in (
        (sources, "BLOCK", 24),
        (sources, "NARROWEST", 3),
        (chunked, "MAX_ROWS", 4),
        (chunked, "BUFFERS", 2 * 3 * 17),
        (pairs, "MAX_ROWS", 4),
        (pairs, "BUFFERS", 2 * 3 * 17),
    ):
        patch(module, name, size)
