"""Problems and verifiers for the verifiers package: task sets for its v1 stack, a rubric for releases before 0.4."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from composekit._errors import ImplementationError, message, missing_extra
from composekit.compose.problem import Problem
from composekit.compose.verdict import Verifier
from composekit.integrations._rows import check_verifier, judge, problem_of, problems_of, question, response_of, to_json

if TYPE_CHECKING:
    from verifiers.v1 import Taskset


async def reward(task: Any, trace: Any) -> float:
    """The score of the last reply of a trace, for a task whose data have a field ``problem``, or an answer.

    The form of v1's reward functions, so a configuration can plug it into any task:
    ``rewards={"composekit": {"fn": "composekit.integrations.verifiers:reward"}}``.
    """
    data = getattr(task, "data", task)
    row = data.model_dump() if hasattr(data, "model_dump") else dict(data)
    return await _score(None, trace.last_reply or "", row, row.get("prompt"))


async def _score(verifier: Verifier | None, response: str, row: Mapping[str, Any], prompt: Any) -> float:
    """Judged in a thread: a slow judge must not hold up the event loop, whose lag would look like a timeout."""
    problem = problem_of("verifiers", row, prompt)
    if problem is None:
        return 0.0
    return (await asyncio.to_thread(judge, verifier, response, problem)).score


def taskset(
    problems: Iterable[Problem], *, verifier: Verifier | None = None, instruction: str = ""
) -> Taskset[Any, Any]:
    """A v1 task set: one task a problem, with a reward, and a validation that the gold answer earns it.

    Args:
        problems: Problems or composites.
        verifier: Judges every task; by default the verifier that its problem names.
        instruction: Appended to every prompt.

    Returns:
        A ``verifiers.v1.Taskset``. The data of a task are ``prompt``, ``id``, ``name`` (the domain) and ``problem`` (JSON).

    Raises:
        MissingExtraError: the verifiers package is not installed, or is older than 0.4.
        ArgumentTypeError, ArgumentError: there are no problems, or the verifier is none.

    Example:
        >>> tasks = list(taskset([Problem("What is 6 times 7?", 42)]))
        >>> tasks[0].data.prompt, tasks[0].data.idx
        ('What is 6 times 7?', 0)
    """
    op = "verifiers.taskset"
    check_verifier(op, verifier)
    found = problems_of(op, problems)
    kinds = _v1_classes(op)
    rows = [
        kinds["ComposeData"](id=p.id, name=p.domain, prompt=question(p, instruction), problem=to_json(p)) for p in found
    ]
    return kinds["ComposeTaskset"](kinds["config"](id="composekit"), rows, verifier)


@lru_cache(maxsize=1)
def _v1_classes(op: str) -> dict[str, Any]:
    try:
        import verifiers.v1 as vf
    except ImportError:
        raise missing_extra(op, "verifiers>=0.4", "peers") from None

    class ComposeData(vf.TaskData):
        """A problem, as JSON."""

        problem: str

    class ComposeTask(vf.Task[ComposeData]):
        """A problem to be solved in one reply."""

        verifier: Verifier | None = None

        @vf.reward(weight=1.0)
        async def correct(self, trace: vf.Trace) -> float:
            """1 where the last reply is right."""
            return await _score(self.verifier, trace.last_reply or "", self.data.model_dump(), self.data.prompt)

        async def validate(self, runtime: Any = None) -> bool | None:
            """Whether the gold answer would be rewarded; None where there is none to try, as for code."""
            problem = problem_of(op, self.data.model_dump())
            if problem is None or not problem.answer.strip():
                return None
            gold = f"\\boxed{{{problem.answer}}}"
            return await _score(self.verifier, gold, self.data.model_dump(), None) == 1.0

    class ComposeTaskset(vf.Taskset[ComposeTask, vf.TasksetConfig]):
        """Problems of composekit."""

        def __init__(self, config: vf.TasksetConfig, rows: Sequence[ComposeData], verifier: Verifier | None) -> None:
            super().__init__(config)
            self._rows, self._verifier = list(rows), verifier

        def load(self) -> list[ComposeTask]:
            """One task a problem, in order."""
            tasks = [ComposeTask(row, self.config.task) for row in self._rows]
            for task in tasks:
                task.verifier = self._verifier
            return tasks

    for kind in (ComposeData, ComposeTask, ComposeTaskset):
        kind.__qualname__ = kind.__name__  # found by this module's __getattr__, so that workers can unpickle them
    return {kind.__name__: kind for kind in (ComposeData, ComposeTask, ComposeTaskset)} | {"config": vf.TasksetConfig}


def __getattr__(name: str) -> Any:
    if name not in ("ComposeData", "ComposeTask", "ComposeTaskset"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return _v1_classes("verifiers.taskset")[name]


class RubricFunction:
    """A reward function of ``verifiers.Rubric``; picklable, and named for the logs."""

    __name__ = "composekit"

    def __init__(self, verifier: Verifier | None) -> None:
        self.verifier = verifier

    async def __call__(self, prompt: Any, completion: Any, answer: Any = "", info: Any = None) -> float:
        """The score of a completion; the gold problem stands in ``info["problem"]`` or is made from ``answer``."""
        row = {**(info if isinstance(info, Mapping) else {}), "answer": answer}
        return await _score(self.verifier, response_of(completion), row, prompt)


def rubric(verifier: Verifier | None = None) -> Any:
    """A ``verifiers.Rubric`` that scores by a verifier, for releases of the package before 0.4, which still have rubrics.

    Args:
        verifier: Judges every row; by default the verifier that the row names.

    Raises:
        MissingExtraError: the verifiers package is not installed.
        ImplementationError: it is 0.4 or newer; use :func:`taskset`, or plug :func:`reward` into a task.
        ArgumentTypeError: the verifier is no Verifier.
    """
    op = "verifiers.rubric"
    check_verifier(op, verifier)
    try:
        import verifiers as vf
    except ImportError:
        raise missing_extra(op, "verifiers", "peers") from None
    if not hasattr(vf, "Rubric"):
        got = f"verifiers {vf.__version__}, which has none"
        repair = "Use taskset(problems), or plug composekit.integrations.verifiers:reward into a task"
        raise ImplementationError(message(op, "verifiers", "be a release with Rubric (before 0.4)", got, repair))
    return vf.Rubric(funcs=[RubricFunction(verifier)], weights=[1.0])
