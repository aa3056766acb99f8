"""Several teachers at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

from composekit._errors import ShapeError, bad_type, bad_value, message
from composekit.distill import _checks
from composekit.distill.heads import Model
from composekit.distill.mixing import Coefficient

Part = tuple[str, Model, Coefficient]


class Teachers:
    r"""The outputs of several teachers, each for its samples or all mixed, in the place of the teacher in any loss here.

    *Routed*, the target of a token is that of its own teacher, :math:`m = \lambda_k \log T_k + (1 - \lambda_k) \log R_k`.
    *Mixed*, the implicit rewards add up with weights :math:`w_k` (which need not sum to one) on top of the reference R of the
    loss,

    .. math:: m = \log R + \sum_k w_k \lambda_k (\log T_k - \log R_k).

    Args:
        models: A list of K teachers, or a dict from names to teachers: logits [B, T, V] for :func:`gopd_loss`,
            :class:`LinearHead` for :func:`linear_gopd_loss`, log-probabilities [B, T] for :func:`gopd_advantages`. Rows
            that are not routed to a teacher are not read there, and may hold anything.
        references: One reference a teacher, of the same kind; None where its scale is 1. By default, that of
            the loss.
        reward_scale: :math:`\lambda_k`, a number for all or one a teacher; by default the scale of the loss.
        route: The index of the teacher, int [B] or [B, T]; or a tag out of the names for each sample.
        weights: :math:`w_k`, K numbers, or a tensor [K], [B, K] or [B, T, K].

    Raises:
        ArgumentError: no teachers, both or neither of ``route`` and ``weights``, a tag that is missing or unknown, names
            that do not match. The losses raise where a reference is missing that a scale other than 1 needs.
        ArgumentTypeError: something is no list or mapping.
        ShapeError: from the losses, where route or weights do not fit the batch.

    Guarantees:
        gradient: Reaches none of the teachers and references.

    Example:
        >>> from composekit.distill import gopd_loss
        >>> student, math, code, reference = torch.randn(4, 2, 3, 50).unbind(0)
        >>> routed = Teachers({"math": math, "code": code}, route=["code", "math"], reward_scale={"math": 1.25, "code": 1.5})
        >>> gopd_loss(student, routed, reference).shape
        torch.Size([2, 3])
        >>> merged = Teachers({"math": math, "code": code}, weights={"math": 0.5, "code": 0.5})
        >>> gopd_loss(student, merged, reference, reward_scale=1.25).shape
        torch.Size([2, 3])
        >>> Teachers({"math": math}, route=["maths"])
        Traceback (most recent call last):
            ...
        composekit._errors.ArgumentError: Teachers: route must hold tags out of ['math']; got 'maths' at 0. Tag every sample.

    Source: multi-teacher merging of arXiv 2602.12125, without its fallback to the first teacher.
    """

    def __init__(
        self,
        models: Mapping[str, Model] | Sequence[Model],
        *,
        references: Mapping[str, Model | None] | Sequence[Model | None] | None = None,
        reward_scale: float | Mapping[str, float] | Sequence[float] | None = None,
        route: Tensor | Sequence[str] | None = None,
        weights: Mapping[str, float] | Sequence[float] | Tensor | None = None,
    ) -> None:
        op = "Teachers"
        if isinstance(models, Tensor) or not isinstance(models, (Mapping, Sequence)) or hasattr(models, "_fields"):
            repair = "Pass a list, or a dict from names to models"
            raise bad_type(op, "models", "be a list or a mapping of models", type(models).__name__, repair)
        if not len(models):
            raise bad_value(op, "models", "name at least one teacher", "none", "Pass the teachers' outputs")
        self.names = list(models) if isinstance(models, Mapping) else [f"teacher {k}" for k in range(len(models))]
        self._named = isinstance(models, Mapping)
        self.labels = [f"teacher {name!r}" for name in self.names] if self._named else self.names
        self.models = list(models.values()) if isinstance(models, Mapping) else list(models)
        if (route is None) == (weights is None):
            got = "neither" if route is None else "both"
            raise bad_value(op, "route", "be given, or weights, and not both", got, "Route samples or mix rewards")
        self.references = None if references is None else self._each("references", references)
        self.reward_scale = self._scales(reward_scale)
        self.route = self._tags(route) if route is not None and not isinstance(route, Tensor) else route
        self.weights = weights if weights is None or isinstance(weights, Tensor) else self._numbers("weights", weights)

    def _each(self, argument: str, values: Any) -> list:
        """One value a teacher, from a list or from a mapping with the teachers' names."""
        count = len(self.names)
        if isinstance(values, Mapping):
            if not self._named or set(values) != set(self.names):
                got = f"{sorted(map(str, values))}"
                raise bad_value("Teachers", argument, f"name the teachers {self.names}", got, "Name each teacher once")
            return [values[name] for name in self.names]
        if isinstance(values, (str, Tensor)) or not isinstance(values, Sequence) or hasattr(values, "_fields"):
            got = type(values).__name__
            repair = "What all teachers share goes to the loss itself, as its reference"
            raise bad_type("Teachers", argument, "hold one value a teacher, in a list or a mapping", got, repair)
        if len(values) != count:
            raise bad_value("Teachers", argument, f"hold {count} values, one a teacher", len(values), "Add the others")
        return list(values)

    def _numbers(self, argument: str, values: Any, **bounds: float) -> list[float]:
        return [_checks.number("Teachers", argument, x, **bounds) for x in self._each(argument, values)]

    def _scales(self, value: Any) -> list[float] | None:
        if value is None:
            return None
        if isinstance(value, (int, float)):
            return [_checks.number("Teachers", "reward_scale", value, low=0.0)] * len(self.names)
        return self._numbers("reward_scale", value, low=0.0)

    def _tags(self, tags: Sequence[str]) -> Tensor:
        if not self._named:
            repair = "Pass the teachers as a dict from tags to models, or route by an index tensor"
            raise bad_value("Teachers", "route", "be a tensor, where teachers have no names", "tags", repair)
        index = {name: k for k, name in enumerate(self.names)}
        for i, tag in enumerate(tags):
            if tag not in index:
                got = f"{tag!r} at {i}"
                raise bad_value("Teachers", "route", f"hold tags out of {self.names}", got, "Tag every sample")
        return torch.tensor([index[tag] for tag in tags], dtype=torch.int64)

    def mixture(
        self, op: str, shared: Model | None, scale: Coefficient, shape: Sequence[int], device: torch.device, name: str
    ) -> list[Part]:
        """The models with their coefficients; ``shared`` is the reference of the loss, ``scale`` its reward scale."""
        run = self._mixed if self.route is None else self._routed
        return run(op, shared, scale, shape, device, name)

    def gains(self, op: str, scale: Coefficient, shape: Sequence[int], device: torch.device) -> list[Coefficient]:
        """Weight times scale of each teacher; equal weights where they are routed."""
        scales: list[Coefficient] = [scale] * len(self.models) if self.reward_scale is None else [*self.reward_scale]
        equal: list[Coefficient] = [1.0 / len(self.models)] * len(self.models)
        shares = equal if self.weights is None else self._shares(op, shape, device)
        return [w * c for w, c in zip(shares, scales, strict=True)]

    def _routed(
        self,
        op: str,
        shared: Model | None,
        scale: Coefficient,
        shape: Sequence[int],
        device: torch.device,
        name: str,
    ) -> list[Part]:
        if self.references is not None and shared is not None:
            repair = "Drop one of the two"
            raise bad_value(op, name, "be None where every teacher has its own reference", "both", repair)
        references = self.references or [shared] * len(self.models)
        scales: list[Coefficient] = [scale] * len(self.models) if self.reward_scale is None else [*self.reward_scale]
        route = self.index(op, shape, device)
        parts: list[Part] = []
        for k, (tag, model, reference, own_scale) in enumerate(
            zip(self.labels, self.models, references, scales, strict=True)
        ):
            here = (route == k).double()
            _checks.models_needed(op, model, reference, own_scale, [tag, f"the reference of {tag}"])
            own = shared is None or self.references is not None
            for label, x, c in (
                (tag, model, own_scale),
                (f"the reference of {tag}" if own else name, reference, 1.0 - own_scale),
            ):
                if isinstance(c, Tensor) or c != 0.0:
                    parts.append((label, x, here * c))
        return merged(parts)

    def index(self, op: str, shape: Sequence[int], device: torch.device) -> Tensor:
        """[B, T]: the teacher of each token, where they are routed."""
        route = self.route
        batch, time = shape
        if route is None or route.is_floating_point() or route.dtype == torch.bool:
            raise bad_type(op, "route", "be an integer tensor", "another", "Pass the index of each sample's teacher")
        if tuple(route.shape) not in ((batch,), (batch, time)):
            repair = "Pass one index a sample, or one a token"
            got = list(route.shape)
            raise ShapeError(message(op, "route", f"have shape [{batch}] or [{batch}, {time}]", got, repair))
        route = _checks.checked_tokens(op, route, route.shape, len(self.models), "route").to(device)
        return route[:, None].expand(batch, time) if route.dim() == 1 else route

    def _mixed(
        self,
        op: str,
        shared: Model | None,
        scale: Coefficient,
        shape: Sequence[int],
        device: torch.device,
        name: str,
    ) -> list[Part]:
        gains = self.gains(op, scale, shape, device)
        parts: list[Part] = [
            (tag, model, gain) for tag, model, gain in zip(self.labels, self.models, gains, strict=True)
        ]
        total: Coefficient = sum(gains[1:], start=gains[0])
        if self.references is None and shared is None:
            if isinstance(total, Tensor) or abs(total - 1.0) > 1e-12:
                got = f"None with weights times scales of {total}" if not isinstance(total, Tensor) else "None"
                raise bad_value(op, name, "be given unless weights times scales sum to 1", got, f"Pass {name}")
            return merged(parts)
        if shared is None:
            raise bad_value(op, name, "be given where rewards are mixed", "None", "It is the anchor of the mixture")
        for tag, reference, gain in zip(self.labels, self.references or [shared] * len(gains), gains, strict=True):
            if reference is None:
                raise bad_value(op, f"the reference of {tag}", "be given", "None", "An implicit reward needs it")
            parts.append((name if reference is shared else f"the reference of {tag}", reference, -gain))
        return merged([*parts, (name, shared, 1.0)])

    def _shares(self, op: str, shape: Sequence[int], device: torch.device) -> list[Coefficient]:
        weights, count = self.weights, len(self.models)
        batch, time = shape
        if not isinstance(weights, Tensor):
            return [*(weights or [])]
        allowed = ((count,), (batch, count), (batch, time, count))
        if tuple(weights.shape) not in allowed:
            rule = "have shape " + " or ".join(str(list(s)) for s in allowed)
            raise ShapeError(message(op, "weights", rule, list(weights.shape), "The last axis counts the teachers"))
        weights = _checks.checked(_checks.floating(op, "weights", weights).detach(), op, "weights", "finite")
        full = weights.double().to(device).view((1,) * (3 - weights.dim()) + tuple(weights.shape))
        if weights.dim() == 2:
            full = weights.double().to(device)[:, None, :]
        return list(full.expand(batch, time, count).unbind(-1))


def identity(model: Model) -> tuple[int, ...]:
    """Which tensors a model is made of."""
    return tuple(id(x) for x in model) if isinstance(model, tuple) else (id(model),)


def merged(parts: list[Part]) -> list[Part]:
    """Parts with the coefficients of one and the same model added up, without those that cancel."""
    found: dict[tuple[int, ...], Part] = {}
    for name, model, c in parts:
        key = identity(model)
        if key in found:
            found[key] = (found[key][0], model, found[key][2] + c)
        else:
            found[key] = (name, model, c)
    return [part for part in found.values() if isinstance(part[2], Tensor) or abs(part[2]) > 1e-12]
