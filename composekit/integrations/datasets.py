"""Problems as a data set of Hugging Face ``datasets``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from composekit._errors import bad_type, bad_value, missing_extra
from composekit.compose.problem import Composite, Problem
from composekit.integrations._rows import problem_of, problems_of, question, to_json

if TYPE_CHECKING:
    from datasets import Dataset


def to_hf(problems: Iterable[Problem], *, conversational: bool = False, instruction: str = "") -> Dataset:
    """A data set that trainers can take: one row a problem, every column of one type.

    Args:
        problems: Problems or composites.
        conversational: Whether ``prompt`` is a list of messages, for chat models, or plain text.
        instruction: Appended to every prompt, for example how to mark the final answer.

    Returns:
        Columns ``prompt``, ``answer``, ``domain``, ``verifier``, ``id``, ``depth`` and ``problem``, which holds all of it as
        JSON: the reward function reads it, and :func:`from_hf` gives the problems back.

    Raises:
        MissingExtraError: ``datasets`` is not installed.
        ArgumentTypeError, ArgumentError: there are no problems.

    Example:
        >>> data = to_hf([Problem("What is 6 times 7?", 42)], conversational=True)
        >>> data[0]["prompt"]
        [{'role': 'user', 'content': 'What is 6 times 7?'}]
    """
    found = problems_of("datasets.to_hf", problems)
    try:
        from datasets import Dataset
    except ImportError:
        raise missing_extra("datasets.to_hf", "datasets", "data") from None
    texts = [question(problem, instruction) for problem in found]
    columns: dict[str, list[Any]] = {
        "prompt": [[{"role": "user", "content": text}] for text in texts] if conversational else texts
    }
    for name in ("answer", "domain", "verifier", "id"):
        columns[name] = [getattr(problem, name) for problem in found]
    columns["depth"] = [problem.depth if isinstance(problem, Composite) else 1 for problem in found]
    columns["problem"] = [to_json(problem) for problem in found]
    return Dataset.from_dict(columns)


def from_hf(rows: Iterable[dict[str, Any]]) -> list[Problem]:
    """The problems of a data set that :func:`to_hf` wrote, in order.

    Args:
        rows: One split: any iterable of mappings with a column ``problem``, or a gold answer.

    Raises:
        ArgumentTypeError, ArgumentError: a row is no mapping, or holds no problem.

    Example:
        >>> problems = [Problem("What is 6 times 7?", 42, metadata={"level": 1})]
        >>> from_hf(to_hf(problems)) == problems
        True
    """
    op, found = "datasets.from_hf", []
    for index, row in enumerate(rows):
        if not isinstance(row, Mapping):
            raise bad_type(op, f"row {index}", "be a mapping", type(row).__name__, "Pass one split of a data set")
        problem = problem_of(op, row, row.get("prompt"))
        if problem is None:
            got = f"none in {', '.join(map(str, row))}"
            raise bad_value(op, f"row {index}", "hold a problem or a gold answer", got, "Filter such rows out first")
        found.append(problem)
    return problems_of(op, found)
