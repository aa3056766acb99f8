"""Many responses at once, on several processes."""

from __future__ import annotations

import os
from collections.abc import Sequence

from composekit._errors import bad_type, bad_value
from composekit.compose.problem import Problem
from composekit.compose.verdict import Verdict
from composekit.compose.verifiers import crew
from composekit.compose.verifiers.dispatch import check, judge_for

_CHUNK = 64


def verify_batch(
    responses: Sequence[str],
    problems: Sequence[Problem],
    *,
    workers: int | None = None,
    timeout: float | None = None,
    progress: bool = False,
) -> list[Verdict]:
    r"""Judge many responses, each by the verifier that its problem names, on a pool of processes.

    Args:
        responses: The texts that the model wrote.
        problems: The problem of each response; the same problem may stand for several.
        workers: How many processes to use; by default one for each core that this process may use, and no more than
            responses.
        timeout: Seconds for each response, in place of the verifiers' own limits (0.8 for mathematics).
        progress: Whether to draw a bar on the standard error stream.

    Returns:
        One verdict for each response, in order.

    Raises:
        ArgumentError: the lengths differ, ``workers`` or ``timeout`` is not positive, or nobody judges by a problem's
        verifier.
        ArgumentTypeError: a response is no string, or a problem no :class:`Problem`.

    Guarantees: a response whose judge dies is judged once more, and is an ``"error"`` if that one dies too; the others
    are not affected. The processes are kept for the next call and end with this one.

    Example:
        >>> from composekit.compose import Problem, verify_batch
        >>> problem = Problem("What is 6 times 7?", 42)
        >>> [v.status for v in verify_batch([r"\boxed{42}", r"\boxed{41}", "Hm."], [problem] * 3, workers=1)]
        ['correct', 'wrong', 'unparseable']
    """
    if isinstance(responses, (str, bytes)) or isinstance(problems, Problem):
        raise bad_type(
            "verify_batch", "responses and problems", "be two lists", "one of them alone", "Use verify() for one"
        )
    responses, problems = list(responses), list(problems)
    if len(responses) != len(problems):
        raise bad_value(
            "verify_batch", "problems", f"have one problem for each of the {len(responses)} responses", len(problems),
            "Repeat a problem that several responses answer",
        )  # fmt: skip
    for response, problem in zip(responses, problems, strict=True):
        check("verify_batch", response, problem)
    for name in {p.verifier for p in problems}:
        judge_for(name, timeout)  # raises for an unknown verifier and for a bad limit
    count = _worker_count(workers, len(responses))
    if not responses:
        return []
    slow = any(p.verifier in ("code", "composite") for p in problems)
    chunk = 1 if slow else max(1, min(_CHUNK, len(responses) // (4 * count)))
    return crew.run(responses, problems, count, chunk, timeout, progress)


def _worker_count(workers: int | None, jobs: int) -> int:
    if workers is None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        return max(1, min(cores, jobs))
    if isinstance(workers, bool) or not isinstance(workers, int):
        raise bad_type("verify_batch", "workers", "be a whole number or None", type(workers).__name__, "Give an int")
    if workers < 1:
        raise bad_value("verify_batch", "workers", "be at least 1", workers, "None uses every core")
    return min(workers, max(jobs, 1))
