"""Forward KL, Jensen-Shannon and selected log-probabilities in chunks of rows and blocks of vocabulary."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from composekit.distill.chunked import BUFFERS, FEWEST, Mixture, absorb, finish, row_dot, totals_of
from composekit.distill.sources import MAX_ROWS, Sink, Source, chunks, columns_of, live_rows

Gradients = tuple[Tensor, Tensor, Tensor]


def forward_kl(student: Source, teacher: Source, temperature: float, dtype: torch.dtype, chunk: int) -> list[Tensor]:
    """Values, log-sum-exp of student and teacher, each of all rows: the mixture's walk with the roles exchanged."""
    exchanged = Mixture(teacher, [student], [1.0], student.x.new_zeros(0), temperature, False, dtype)
    totals, _ = totals_of(exchanged, chunk)
    summary = finish(totals, [1.0], False)
    return [summary.value, summary.model_lse[0], summary.lse, torch.zeros_like(summary.value)]


def jsd(
    student: Source, teacher: Source, beta: float, temperature: float, dtype: torch.dtype, chunk: int
) -> list[Tensor]:
    """Values, log-sum-exp of student and teacher, and the mean of log pi - log M under pi, each of all rows."""
    count, vocabulary = student.x.shape[0] * student.x.shape[1], student.vocabulary
    kind: dict[str, Any] = {"dtype": dtype, "device": student.x.device}
    value, lse, lse_t, mean = torch.zeros(4, count, **kind).unbind(0)
    size = chunk or max(1, min(FEWEST, BUFFERS // (2 * vocabulary)))
    buffers = torch.empty(2, min(size, count), vocabulary, **kind)
    for rows in chunks(count, size):
        taken = student.take(rows, temperature, dtype), teacher.take(rows, temperature, dtype)
        n = taken[0].shape[0]
        top, total = torch.full((2, n), -math.inf, **kind), torch.zeros(2, n, **kind)
        columns = list(columns_of(vocabulary, n))
        for block in columns:
            for j, source in enumerate((student, teacher)):
                x = source.block(taken[j], block, temperature, buffers[j, :n, block])
                absorb(x, top[j], total[j], torch.empty_like(x))
        lse[rows], lse_t[rows] = top + total.log()
        far, near = torch.zeros(2, n, **kind)
        for block in columns:
            log_pi = buffers[0, :n, block].sub_(lse[rows].unsqueeze(-1))
            log_t = buffers[1, :n, block].sub_(lse_t[rows].unsqueeze(-1))
            log_m = torch.logaddexp(log_pi + math.log1p(-beta), log_t + math.log(beta))
            far += _expected(log_t, log_m)
            near += _expected(log_pi, log_m)
        value[rows], mean[rows] = beta * far + (1.0 - beta) * near, near
    return [value, lse, lse_t, mean]


def _expected(log_p: Tensor, log_m: Tensor) -> Tensor:
    p = log_p.exp()
    return row_dot(p, (log_p - log_m).masked_fill_(p == 0, 0.0))


def backward(
    student: Source,
    teacher: Source,
    beta: float | None,
    grad: Tensor,
    saved: list[Tensor],
    needs: list[bool],
    temperature: float,
    dtype: torch.dtype,
    chunk: int,
) -> Gradients:
    """Gradients of the student's input, weight and bias; ``beta`` is None for the forward KL."""
    sink = Sink(student, needs, temperature, dtype)
    grad = grad.to(dtype).flatten()
    lse, lse_t, mean = (x.flatten() for x in saved)
    for rows in chunks(grad.numel(), chunk or MAX_ROWS, live_rows(grad)):
        taken = student.take(rows, temperature, dtype), teacher.take(rows, temperature, dtype)
        sink.open(rows, taken[0], grad[rows])
        n, device = taken[0].shape[0], grad.device
        for block in columns_of(student.vocabulary, n):
            scratch = torch.empty(2, n, block.stop - block.start, dtype=dtype, device=device)
            log_pi = student.block(taken[0], block, temperature, scratch[0]).sub_(lse[rows].unsqueeze(-1))
            log_t = teacher.block(taken[1], block, temperature, scratch[1]).sub_(lse_t[rows].unsqueeze(-1))
            if beta is None:
                slope = log_pi.exp_().sub_(log_t.exp_())
            else:
                log_m = torch.logaddexp(log_pi + math.log1p(-beta), log_t + math.log(beta))
                pi = log_pi.exp()
                slope = log_pi.sub_(log_m).masked_fill_(pi == 0, 0.0).sub_(mean[rows].unsqueeze(-1))
                slope.mul_(pi).mul_(1.0 - beta)
            sink.add(slope, block)
        sink.close()
    return sink.results()


def selected(
    source: Source, tokens: Tensor, temperature: float, dtype: torch.dtype, chunk: int
) -> tuple[Tensor, Tensor]:
    """Log-probabilities [n, K] of ``tokens`` [n, K], and the log-sum-exp [n]."""
    count, width = tokens.shape
    kind: dict[str, Any] = {"dtype": dtype, "device": source.x.device}
    picked, lse = torch.zeros(count, width, **kind), torch.zeros(count, **kind)
    for rows in chunks(count, chunk or MAX_ROWS):
        taken = source.take(rows, temperature, dtype)
        n = taken.shape[0]
        top, total = torch.full((n,), -math.inf, **kind), torch.zeros(n, **kind)
        for block in columns_of(source.vocabulary, n):
            scratch = torch.empty(2, n, block.stop - block.start, **kind)
            s = source.block(taken, block, temperature, scratch[0])
            absorb(s, top, total, scratch[1])
            local = tokens[rows] - block.start
            inside = (local >= 0) & (local < s.shape[1])
            picked[rows] = torch.where(inside, s.gather(1, local.clamp(0, s.shape[1] - 1)), picked[rows])
        lse[rows] = top + total.log()
    return picked - lse.unsqueeze(-1), lse


def selected_backward(
    source: Source,
    tokens: Tensor,
    grad: Tensor,
    lse: Tensor,
    needs: list[bool],
    temperature: float,
    dtype: torch.dtype,
    chunk: int,
) -> Gradients:
    """Gradients of input, weight and bias: one at the token, minus the probabilities."""
    sink = Sink(source, needs, temperature, dtype)
    grad = grad.to(dtype)
    live = live_rows((grad != 0).any(-1))
    for rows in chunks(tokens.shape[0], chunk or MAX_ROWS, live):
        taken = source.take(rows, temperature, dtype)
        n = taken.shape[0]
        sink.open(rows, taken, (grad[rows] != 0).any(-1).to(dtype))
        for block in columns_of(source.vocabulary, n):
            out = torch.empty(n, block.stop - block.start, dtype=dtype, device=grad.device)
            slope = source.block(taken, block, temperature, out).sub_(lse[rows].unsqueeze(-1)).exp_()
            slope.mul_(grad[rows].sum(-1, keepdim=True).neg())
            local = tokens[rows] - block.start
            inside = (local >= 0) & (local < slope.shape[1])
            slope.scatter_add_(1, local.clamp(0, slope.shape[1] - 1), grad[rows].masked_fill(~inside, 0.0))
            sink.add(slope, block)
        sink.close()
    return sink.results()
