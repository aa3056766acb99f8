"""Data sets of reasoning-gym as sources of problems."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

from composekit._errors import bad_value, missing_extra
from composekit.compose.generators.stream import Stream
from composekit.compose.numbers import NotANumber, parse_value
from composekit.compose.problem import Problem
from composekit.compose.verdict import Verdict, Verifier
from composekit.compose.verifiers.extract import final_answer
from composekit.compose.verifiers.thinking import without_thinking

_KEY = "reasoning_gym"
_TAGGED = re.compile(r"<answer>(.*?)</answer>", re.DOTALL)  # the form that reasoning-gym's own prompts ask for


def load(name: str, *, size: int = 100, seed: int = 0, config: Mapping[str, Any] | None = None) -> list[Problem]:
    """Problems of a reasoning-gym data set.

    Answers that are one number are judged as mathematics and can start a chain; others are judged by exact comparison. For
    data sets with many right answers (puzzles, plans) use :class:`ReasoningGymVerifier`.

    Args:
        name: The data set, such as ``"chain_sum"``.
        size: How many.
        seed: Names the stream. reasoning-gym draws item i with ``seed + i``, so that its neighbouring seeds share nearly all
            items; here the seed is hashed first.
        config: More options of the data set.

    Returns:
        Problems whose metadata hold the ``topic`` (the name) and the entry that reasoning-gym scores answers against.

    Raises:
        MissingExtraError: reasoning-gym is not installed.
        ArgumentError: there is no such data set, or it refuses the configuration.

    Example:
        >>> load("chain_sum", size=2, seed=1)[0].metadata["topic"]
        'chain_sum'
    """
    if type(size) is not int or size < 1:
        raise bad_value("reasoning_gym.load", "size", "be a positive int", repr(size), "Say how many problems")
    gym = _gym("reasoning_gym.load")
    drawn = Stream(_KEY, name, seed).below(2**31)
    try:
        data = gym.create_dataset(name, size=size, seed=drawn, **(config or {}))
        entries = [data[i] for i in range(size)]
    except (ValueError, TypeError, AssertionError) as error:
        known = "See reasoning_gym.factory.DATASETS for the names, and the config class of the data set"
        raise bad_value("reasoning_gym.load", "name", "be a data set with this config", error, known) from error
    return [_problem(name, entry) for entry in entries]


def _gym(op: str) -> Any:
    try:
        import reasoning_gym
    except ImportError:
        raise missing_extra(op, "reasoning-gym", "peers") from None
    return reasoning_gym


def _problem(name: str, entry: Mapping[str, Any]) -> Problem:
    answer = str(entry["answer"])
    try:
        parse_value(answer)
        verifier = "math"
    except NotANumber:
        verifier = "exact"
    kept = json.loads(json.dumps({k: v for k, v in entry.items() if k != "question"}, default=str))
    return Problem(
        entry["question"], answer, domain=_domain(name), verifier=verifier, metadata={"topic": name, _KEY: kept}
    )


def _domain(name: str) -> str:
    """The folder that the data set lies in: algebra, games, logic, ..."""
    from reasoning_gym.factory import DATASETS

    return str(DATASETS[name][0].__module__.split(".")[1])


class ReasoningGymVerifier(Verifier):
    """Judges by the ``score_answer`` of the data set that a problem is from; nothing but a full score is right.

    The scores of reasoning-gym reach 1 for right answers alone, but give shares of points for answers that merely contain
    the right one; those count as wrong here.

    Example:
        >>> problem = load("chain_sum", size=1, seed=1)[0]
        >>> ReasoningGymVerifier().verify(rf"It is \\boxed{{{problem.answer}}}.", problem).status
        'correct'
    """

    def verify(self, response: str, problem: Problem) -> Verdict:
        """Judge the final answer of a response, in a box or in ``<answer>`` tags, to a problem that :func:`load` made."""
        tagged = _TAGGED.findall(without_thinking(response))
        answers = (tagged[-1].strip(),) if tagged else final_answer(response).answers
        if not answers:
            return Verdict(0.0, "unparseable", None, "No final answer was found.")
        if len(answers) > 1:
            return Verdict(0.0, "wrong", ", ".join(answers), "Several answers were given.")
        answer = answers[0]
        entry = problem.metadata.get(_KEY)
        if not isinstance(entry, Mapping):
            rule, repair = "come from reasoning_gym.load", "Use verify() for other problems"
            raise bad_value("ReasoningGymVerifier.verify", "problem", rule, problem.id, repair)
        score = _gym("ReasoningGymVerifier").get_score_answer_fn(problem.metadata["topic"])
        try:
            points = float(score(answer=answer, entry={"question": problem.prompt, **entry}))
        except Exception as error:  # a scorer of a hundred authors, on the text of a model
            return Verdict(0.0, "error", answer, f"reasoning-gym failed: {error!r}"[:300])
        right = points >= 1
        return Verdict(float(right), "correct" if right else "wrong", answer, f"reasoning-gym gives {points:g} points.")

    def compare(self, *, gold: str, answer: str) -> Verdict:
        """Two bare answers are equal when their texts are; the entry that scores them otherwise is not known here."""
        right = gold.strip() == answer.strip()
        return Verdict(float(right), "correct" if right else "wrong", answer, "Compared as text.")
