"""Rewards and rows for verl. Nothing here imports verl.

In the configuration of a run:

.. code-block:: yaml

    reward:
      custom_reward_function:
        path: pkg://composekit.integrations.verl
        name: compute_score
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from composekit._errors import bad_type, bad_value, missing_extra
from composekit.compose.problem import Problem
from composekit.compose.schemas import number_as_text
from composekit.integrations._rows import judge, problem_of, problems_of, question, to_json

_OP = "verl.compute_score"


def compute_score(
    data_source: str, solution_str: str, ground_truth: Any, extra_info: Mapping[str, Any] | None = None
) -> float:
    r"""The reward of one response, as verl's reward managers ask for it.

    Args:
        data_source: The name of the data set; not looked at.
        solution_str: The model's whole response.
        ground_truth: The gold answer, which is judged as mathematics unless ``extra_info`` says more.
        extra_info: From the row. ``problem``, as :func:`to_rows` writes it, names the verifier and holds parts and tests;
            without it ``verifier`` may name one.

    Returns:
        A score from 0 to 1. An answer that cannot be read, a timeout and a failure of the judge score 0.

    Raises:
        ArgumentTypeError, ArgumentError: there is no gold answer, or ``problem`` is damaged: a fault of the data, which
            silent zeros would hide.

    Guarantees: safe in the executor threads that verl calls it in; no signals are used.

    Example:
        >>> compute_score("gsm8k", r"So she has \boxed{18} left.", "18")
        1.0
        >>> row = to_rows([Problem("Which one?", "B", verifier="choice")])[0]
        >>> compute_score(row["data_source"], "It is (C).", row["reward_model"]["ground_truth"], row["extra_info"])
        0.0
    """
    if not isinstance(solution_str, str):
        raise bad_type(_OP, "solution_str", "be a string", type(solution_str).__name__, "Pass the decoded response")
    if not isinstance(extra_info, Mapping | None):
        got = type(extra_info).__name__
        raise bad_type(_OP, "extra_info", "be a mapping or None", got, "Pass the column extra_info of the row")
    row = {**(extra_info or {}), "ground_truth": ground_truth}
    row = {k: v for k, v in row.items() if k not in ("answer", "solution")}  # the gold answer is ground_truth alone
    problem = problem_of(_OP, row)
    if problem is None:
        raise bad_value(_OP, "ground_truth", "hold a gold answer", repr(ground_truth), "Write the rows with to_rows")
    if "problem" in row and (number_as_text(ground_truth) or str(ground_truth)) != problem.answer:
        got = f"{ground_truth!r}, not {problem.answer!r}"
        raise bad_value(
            _OP, "ground_truth", "be the answer of extra_info['problem']", got, "Change both or leave one out"
        )
    return judge(None, solution_str, problem).score


def to_rows(
    problems: Iterable[Problem], *, data_source: str = "composekit", split: str = "train", instruction: str = ""
) -> list[dict[str, Any]]:
    """Rows of verl's data sets.

    Args:
        problems: Problems or composites.
        data_source: The name that metrics are grouped by.
        split: ``"train"`` or ``"test"``.
        instruction: Appended to every prompt, for example how to mark the final answer.

    Returns:
        For every problem ``data_source``, ``prompt`` (messages), ``ability`` (the domain), ``reward_model`` with ``style``
        and ``ground_truth``, and ``extra_info`` with ``split``, ``index``, ``id`` and the whole ``problem`` as JSON.

    Raises:
        ArgumentTypeError, ArgumentError: there are no problems.

    Example:
        >>> row = to_rows([Problem("What is 6 times 7?", 42)])[0]
        >>> row["prompt"], row["reward_model"]
        ([{'role': 'user', 'content': 'What is 6 times 7?'}], {'style': 'rule', 'ground_truth': '42'})
    """
    return [
        {
            "data_source": data_source,
            "prompt": [{"role": "user", "content": question(problem, instruction)}],
            "ability": problem.domain,
            "reward_model": {"style": "rule", "ground_truth": problem.answer},
            "extra_info": {"split": split, "index": index, "id": problem.id, "problem": to_json(problem)},
        }
        for index, problem in enumerate(problems_of("verl.to_rows", problems))
    ]


def to_parquet(
    problems: Iterable[Problem],
    path: str | os.PathLike[str],
    *,
    data_source: str = "composekit",
    split: str = "train",
    instruction: str = "",
) -> Path:
    """Write :func:`to_rows` to a parquet file, whole or not at all.

    Returns:
        The path.

    Raises:
        MissingExtraError: pyarrow is not installed.
        ArgumentTypeError, ArgumentError: there are no problems.
        OSError: the file cannot be written.
    """
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError:
        raise missing_extra("verl.to_parquet", "pyarrow", "data") from None
    rows = to_rows(problems, data_source=data_source, split=split, instruction=instruction)
    target = Path(path)
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        pq.write_table(pa.Table.from_pylist(rows), partial)
        partial.replace(target)
    finally:
        partial.unlink(missing_ok=True)
    return target
