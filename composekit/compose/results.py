"""Scores of rollouts, in every form in which trainers and verifiers give them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from numbers import Integral
from typing import Any, NamedTuple

from composekit._errors import bad_type, bad_value
from composekit.compose.problem import Composite, Problem
from composekit.compose.verdict import Verdict

_OP = "Curriculum.update"
_RULE = "hold pairs of a problem (or a depth) and its scores"

Score = float | bool | Verdict | None


class Group(NamedTuple):
    """The rollouts of one prompt: the problem or a bare depth, its depth, the scores that apply, and which are right."""

    what: Problem | int
    depth: int
    scores: tuple[float | Verdict, ...]
    right: tuple[bool, ...]


def read_groups(results: Iterable[Any] | Mapping[int, Any], depths: Sequence[int]) -> list[Group]:
    """The groups of results, without those in which no score applies.

    Raises:
        ArgumentTypeError, ArgumentError: a result is no pair of a problem or depth and scores, or its depth is not
            in ``depths``.
    """
    if not isinstance(results, Iterable) or isinstance(results, str):
        raise bad_type(_OP, "results", _RULE, type(results).__name__, "Write [(problem, [1, 0, 1]), ...]")
    pairs = results.items() if isinstance(results, Mapping) else results
    groups = [_group(pair, depths) for pair in pairs]
    return [group for group in groups if group.scores]


def _group(pair: Any, depths: Sequence[int]) -> Group:
    try:
        what, scores = pair
    except (TypeError, ValueError):
        raise bad_type(_OP, "results", _RULE, repr(pair)[:80], "Write [(problem, [1, 0, 1]), ...]") from None
    if isinstance(what, Integral) and not isinstance(what, bool):
        what = int(what)  # of numpy, say
    elif not isinstance(what, Problem):
        raise bad_type(_OP, "results", _RULE, type(what).__name__, "Write [(problem, [1, 0, 1]), ...]")
    depth = what if isinstance(what, int) else what.depth if isinstance(what, Composite) else 1
    if depth not in depths:
        raise bad_value(_OP, "results", f"be of a depth in {depths}", depth, "Add the depth to depths")
    scores = scores.tolist() if hasattr(scores, "tolist") else scores  # of numpy and torch, where it may have no axis
    if isinstance(scores, Verdict | str) or not isinstance(scores, Iterable):
        scores = [scores]
    kept = tuple(score for score in map(_score, scores) if score is not None)
    return Group(what, depth, kept, tuple(s.correct if isinstance(s, Verdict) else s >= 1 for s in kept))


def _score(score: Any) -> float | Verdict | None:
    """A number or a verdict; None for None and NaN, which mean that the reward does not apply."""
    if score is None or isinstance(score, Verdict):
        return score
    try:
        number = float("" if isinstance(score, str) else score)
    except (TypeError, ValueError):
        raise bad_type(_OP, "results", _RULE, repr(score)[:80], "Scores are numbers or verdicts") from None
    return None if math.isnan(number) else number
