"""What a run should be watched by."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from composekit._errors import bad_value
from composekit.distill import _checks
from composekit.distill.chunked import absorb, row_dot
from composekit.distill.engine import Target, prepare, triple
from composekit.distill.heads import LinearHead, Model, head_dtype, leading, vocabulary
from composekit.distill.mixing import mix
from composekit.distill.selecting import selected_logp
from composekit.distill.sources import MAX_ROWS, Source, chunks, columns_of, pick
from composekit.distill.teachers import Teachers, identity

QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


def diagnostics(
    student: Model,
    teacher: Model | Teachers | None,
    reference: Model | None = None,
    *,
    reward_scale: float | Tensor = 1.25,
    temperature: float = 1.0,
    mask: Tensor | None = None,
    eos_token: int | None = None,
    advantages: Tensor | None = None,
    logp: Tensor | None = None,
    rollout_logp: Tensor | None = None,
    chunk_size: int | None = None,
) -> dict[str, Tensor]:
    r"""Means over the kept tokens of what tells whether a distillation goes well.

    .. math:: E_\pi \log T/R,\quad \mathrm{KL}(\pi\|T),\quad \mathrm{KL}(\pi\|R),\quad \mathrm{KL}(\pi\|q),\quad \log Z,\quad
        \mathrm{ESS} = \frac{(\sum w)^2}{n \sum w^2}

    ``kl_target`` falling to 0 means that the student has arrived; ``log_ratio`` far above its early values means that it
    exploits the reward; the hazards of the end-of-sequence token tell which way lengths will go, since extrapolation
    multiplies their ratio.

    Args:
        student: Logits [B, T, V] or a :class:`LinearHead`.
        teacher: The same; or :class:`Teachers`, which adds ``teacher/<name>/...`` for each; None at ``reward_scale=0.0`` only.
        reference: The same; None at ``reward_scale=1.0`` only.
        reward_scale: :math:`\lambda`, a float or a tensor [B] or [B, T].
        temperature: Divides the logits of all models.
        mask: bool [B, T], True keeps.
        eos_token: Adds ``eos/student``, ``eos/teacher``, ``eos/reference``: the mean probability of this token.
        advantages: [B, T]; adds ``advantage/q0``, ``q5``, ``q25``, ``q50``, ``q75``, ``q95``, ``q100``.
        logp: [B, T], the student's log-probabilities of the sampled tokens; with ``rollout_logp`` adds
            ``effective_sample_size``, from 0 to 1 (1: rollout policy and student agree).
        rollout_logp: [B, T], those of the policy that sampled.
        chunk_size: Rows of one chunk.

    Returns:
        Names to scalars, detached: ``tokens``, ``entropy``, ``loss``, ``log_z``, ``kl_target``; ``kl_teacher``,
        ``kl_reference`` and ``log_ratio`` where there are such models; for several teachers ``teacher/<name>/tokens``,
        ``teacher/<name>/kl`` and ``teacher/<name>/log_ratio``, over the tokens routed to each. NaN where there is nothing to average.

    Raises:
        ShapeError, ArgumentError, ArgumentTypeError: as :func:`linear_gopd_loss`.

    Guarantees:
        memory: Nothing of T V elements.

    Example:
        >>> student, teacher, reference = torch.randn(3, 2, 5, 100).unbind(0)
        >>> found = diagnostics(student, teacher, reference, reward_scale=1.5)
        >>> sorted(found)
        ['entropy', 'kl_reference', 'kl_target', 'kl_teacher', 'log_ratio', 'log_z', 'loss', 'tokens']
        >>> bool((found["loss"] + found["log_z"] - found["kl_target"]).abs() < 1e-5)
        True

    Source: arXiv 2602.12125; the hazards, from this library's notes on length.
    """
    op, names = "diagnostics", ("student", "teacher", "reference")
    target = prepare(op, student, teacher, reference, reward_scale, temperature, None, names, (Tensor, LinearHead))
    shape = leading(target.student).shape[:2]
    keep = torch.ones(shape, dtype=torch.bool, device=leading(target.student).device)
    if mask is not None:
        keep = _checks.mask_of(op, mask, shape)
    with torch.no_grad():
        models = _cast(teacher, reference)
        rows = _rows(target, list(models.values()), chunk_size or MAX_ROWS)
        found = _means(target, models, rows, keep)
        if isinstance(teacher, Teachers):
            found |= _by_teacher(op, teacher, models, rows, keep)
        if eos_token is not None:
            found |= _hazards(op, target, teacher, reference, eos_token, keep)
        if advantages is not None:
            found |= _quantiles(_checks.per_token(op, "advantages", advantages, shape)[keep])
        if (logp is None) != (rollout_logp is None):
            raise bad_value(op, "rollout_logp", "come together with logp", "one of the two", "Pass both or neither")
        if logp is not None:
            found["effective_sample_size"] = _effective(
                _checks.per_token(op, "logp", logp, shape)[keep],
                _checks.per_token(op, "rollout_logp", rollout_logp, shape)[keep],
            )
    return found


def _cast(teacher: Model | Teachers | None, reference: Model | None) -> dict[str, Model]:
    """Every model that there is, by its role."""
    models: dict[str, Model] = {} if reference is None else {"reference": reference}
    if isinstance(teacher, Teachers):
        references = teacher.references or [None] * len(teacher.names)
        for name, model, own in zip(teacher.names, teacher.models, references, strict=True):
            models[f"teacher/{name}"] = model
            if own is not None:
                models[f"reference/{name}"] = own
    elif teacher is not None:
        models["teacher"] = teacher
    return models


class _Rows:
    """Per row: E_pi log pi, the mean of every model's log-probability, the loss and log Z."""

    def __init__(self, count: int, models: int, like: Tensor, dtype: torch.dtype) -> None:
        self.own, self.loss, self.log_z = torch.zeros(3, count, dtype=dtype, device=like.device).unbind(0)
        self.means = torch.zeros(models, count, dtype=dtype, device=like.device)


def _rows(target: Target, models: Sequence[Model], chunk: int) -> _Rows:
    dtype = head_dtype(target.student, *models)
    sources = [Source(*triple(model)) for model in (target.student, *models)]
    coefficients = _coefficients(target, models)
    x = leading(target.student)
    count = x.shape[0] * x.shape[1]
    result = _Rows(count, len(models), x, dtype)
    for rows in chunks(count, chunk):
        taken = [source.take(rows, target.temperature, dtype) for source in sources]
        n = taken[0].shape[0]
        here = [pick(c.to(dtype).unsqueeze(-1), rows) if isinstance(c, Tensor) else c for c in coefficients]
        state = torch.zeros(3, len(sources) + 1, n, dtype=dtype, device=x.device)
        top, total, dots = state[0].fill_(-torch.inf), state[1], state[2]
        for block in columns_of(sources[0].vocabulary, n):
            shape = (n, block.stop - block.start)
            blocks = [
                source.block(t, block, target.temperature, x.new_empty(shape, dtype=dtype))
                for source, t in zip(sources, taken, strict=True)
            ]
            active = [(b, c) for b, c in zip(blocks[1:], here, strict=True) if isinstance(c, Tensor) or c != 0.0]
            blocks.append(mix([b for b, _ in active], [c for _, c in active]))
            weights = torch.empty_like(blocks[0])
            for j in range(1, len(blocks)):
                absorb(blocks[j], top[j], total[j], weights)
            dots.mul_(absorb(blocks[0], top[0], total[0], weights))
            unread = weights == 0
            for j, b in enumerate(blocks):
                dots[j] += row_dot(b.masked_fill(unread, 0.0), weights)
        lse, means = top + total.log(), dots / total[0]
        result.own[rows] = means[0] - lse[0]
        result.means[:, rows] = means[1:-1] - lse[1:-1]
        shift = lse.new_zeros(n)
        for j, c in enumerate(here):
            flat = c.flatten() if isinstance(c, Tensor) else c
            part = flat * lse[1 + j]
            shift = shift + (torch.where(flat == 0, 0.0, part) if isinstance(flat, Tensor) else (part if flat else 0.0))
        result.log_z[rows] = lse[-1] - shift
        result.loss[rows] = result.own[rows] - (means[-1] - shift)
    return result


def _coefficients(target: Target, models: Sequence[Model]) -> list[float | Tensor]:
    """The coefficient of each model in the target; 0 where it has none."""
    known = {identity(m): c for m, c in zip(target.models, target.coefficients, strict=True)}
    return [known.get(identity(model), 0.0) for model in models]


def _mean(x: Tensor, keep: Tensor) -> Tensor:
    return x.view(keep.shape)[keep].mean()


def _means(target: Target, models: dict[str, Model], rows: _Rows, keep: Tensor) -> dict[str, Tensor]:
    found = {
        "tokens": keep.sum(),
        "entropy": -_mean(rows.own, keep),
        "loss": _mean(rows.loss, keep),
        "log_z": _mean(rows.log_z, keep),
        "kl_target": _mean(rows.loss + rows.log_z, keep),
    }
    means = dict(zip(models, rows.means, strict=True))
    for role in ("teacher", "reference"):
        if role in means:
            found[f"kl_{role}"] = _mean(rows.own - means[role], keep)
    if "teacher" in means and "reference" in means:
        found["log_ratio"] = _mean(means["teacher"] - means["reference"], keep)
    return found


def _by_teacher(op: str, teachers: Teachers, models: dict[str, Model], rows: _Rows, keep: Tensor) -> dict[str, Tensor]:
    means = dict(zip(models, rows.means, strict=True))
    route = None if teachers.route is None else teachers.index(op, keep.shape, keep.device)
    found = {}
    for k, name in enumerate(teachers.names):
        here = keep if route is None else keep & (route == k)
        own = means[f"teacher/{name}"]
        found[f"teacher/{name}/tokens"] = here.sum()
        found[f"teacher/{name}/kl"] = _mean(rows.own - own, here)
        reference = means.get(f"reference/{name}", means.get("reference"))
        if reference is not None:
            found[f"teacher/{name}/log_ratio"] = _mean(own - reference, here)
    return found


def _hazards(
    op: str,
    target: Target,
    teacher: Model | Teachers | None,
    reference: Model | None,
    eos_token: int,
    keep: Tensor,
) -> dict[str, Tensor]:
    size = vocabulary(target.student)
    if isinstance(eos_token, bool) or not isinstance(eos_token, int) or not 0 <= eos_token < size:
        raise bad_value(op, "eos_token", f"be a token id below {size}", eos_token, "Pass tokenizer.eos_token_id")
    models = {"eos/student": target.student}
    for role, model in _cast(teacher, reference).items():
        models[f"eos/{role}"] = model
    tokens = torch.full(keep.shape, eos_token, device=keep.device)
    return {
        name: _mean(selected_logp(model, tokens, temperature=target.temperature).exp(), keep)
        for name, model in models.items()
    }


def _quantiles(values: Tensor) -> dict[str, Tensor]:
    """Quantiles by sorting, for torch.quantile refuses large inputs."""
    ordered = values.float().sort().values
    found = {}
    for q in QUANTILES:
        at = round(q * (ordered.numel() - 1)) if ordered.numel() else 0
        found[f"advantage/q{round(100 * q)}"] = ordered[at] if ordered.numel() else ordered.new_tensor(torch.nan)
    return found


def _effective(logp: Tensor, rollout: Tensor) -> Tensor:
    weight = (logp.double() - rollout.double()).exp()
    return (weight.sum().square() / (weight.square().sum() * max(weight.numel(), 1))).float()
