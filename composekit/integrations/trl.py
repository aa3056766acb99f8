"""Verifiers as reward functions of TRL's trainers (GRPO, RLOO): no import of TRL is needed."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from composekit._errors import bad_type, bad_value
from composekit.compose.verdict import Verdict, Verifier
from composekit.integrations._rows import GOLD, check_verifier, judge, problem_of, response_of

_OP = "trl.as_reward"

logger = logging.getLogger(__name__)


class Reward:
    """A reward function of TRL: see :func:`as_reward`."""

    def __init__(self, verifier: Verifier | None, name: str) -> None:
        self.verifier = verifier
        self.__name__ = name  # the trainers name metrics after it
        self._warned = False

    def __repr__(self) -> str:
        return f"as_reward({self.verifier!r}, name={self.__name__!r})"

    # TRL passes every column of the data set by keyword, whatever its name.
    def __call__(
        self,
        /,
        prompts: Sequence[Any],
        completions: Sequence[Any],
        completion_ids: Any = None,
        trainer_state: Any = None,
        log_extra: Callable[[str, list[Any]], None] | None = None,
        log_metric: Callable[[str, float], None] | None = None,
        **columns: Any,
    ) -> list[float | None]:
        """The score of every completion; None where its row has no gold answer."""
        rows = self._rows(columns)
        for name, values in {"completions": completions, **rows}.items():
            if len(values) != len(prompts):
                raise bad_value(
                    _OP, name, f"have {len(prompts)} entries, one a prompt", len(values), "Pass full columns"
                )
        verdicts: list[Verdict | None] = []
        for i, (prompt, completion) in enumerate(zip(prompts, completions, strict=True)):
            problem = problem_of(_OP, {name: values[i] for name, values in rows.items()}, prompt)
            verdicts.append(None if problem is None else judge(self.verifier, response_of(completion), problem))
        self._log(verdicts, log_extra, log_metric)
        return [None if verdict is None else verdict.score for verdict in verdicts]

    def _rows(self, columns: Mapping[str, Any]) -> dict[str, Sequence[Any]]:
        """The columns of the data set among the keywords: the trainer passes other things too."""
        rows = {}
        for name, values in columns.items():
            values = values.tolist() if hasattr(values, "tolist") else values  # of numpy, torch, pandas
            if isinstance(values, Sequence) and not isinstance(values, str | bytes):
                rows[name] = values
            elif name in GOLD and values is not None:
                got = type(values).__name__
                raise bad_type(_OP, name, "be a list with one entry a prompt", got, "Pass the column")
        if not self._warned and not any(name in rows for name in GOLD):
            self._warned = True
            found, known = ", ".join(rows) or "none", ", ".join(GOLD)
            logger.warning("%s: no column holds a gold answer, so every reward is None: %s, not %s", _OP, found, known)
        return rows

    def _log(self, verdicts: Sequence[Verdict | None], log_extra: Any, log_metric: Any) -> None:
        judged = [verdict for verdict in verdicts if verdict is not None]
        if log_extra is not None:
            log_extra(f"{self.__name__}/status", ["" if v is None else v.status for v in verdicts])
        if log_metric is not None and judged:
            counts = Counter(verdict.status for verdict in judged)
            for status in ("unparseable", "timeout", "error"):
                log_metric(f"{self.__name__}/{status}", counts[status] / len(judged))


def as_reward(verifier: Verifier | None = None, *, name: str = "composekit") -> Reward:
    r"""A reward function for TRL's ``GRPOTrainer(reward_funcs=...)``.

    The trainer calls it with ``prompts``, ``completions`` and all columns of the data set. A row is judged against the
    column ``problem``, as :func:`composekit.integrations.datasets.to_hf` writes it, or against the columns that
    :func:`composekit.compose.build` writes; a data set of your own does with a gold answer in ``answer``, ``solution`` or
    ``ground_truth`` (and ``verifier``, ``tests``, ``entry_point``). Of a worked solution in mathematics,
    what follows ``####`` counts, or else the last box.

    Args:
        verifier: Judges every row. By default, each row is judged by the verifier that its problem names.
        name: What the trainer's logs call the reward.

    Returns:
        A picklable function with a ``__name__``. It gives one float a completion, in order; None, which TRL leaves out of
        the advantages, where a row has no gold answer. Completions may be strings or lists of messages, of which the last
        one by the assistant is judged: what a tool returns is no answer. The shares of
        unparseable, timed-out and failed verdicts are logged as metrics of the trainer, the statuses as a column.

    Raises:
        ArgumentTypeError: the verifier is no Verifier.
        ArgumentTypeError, ArgumentError: when called with a column ``problem`` that holds no problem, a gold answer that is
            neither text nor a number, or columns of other lengths.

    Example:
        >>> from composekit.compose import MathVerifier
        >>> reward = as_reward(MathVerifier())
        >>> reward(prompts=["6 * 7?"] * 3, completions=[r"\boxed{42}", r"\boxed{41}", "Hm."], answer=["42", "42", None])
        [1.0, 0.0, None]
        >>> reward.__name__
        'composekit'
    """
    check_verifier(_OP, verifier)
    if not isinstance(name, str) or not name:
        raise bad_value(_OP, "name", "be a string that is not empty", repr(name), "Name it as it should be logged")
    return Reward(verifier, name)
