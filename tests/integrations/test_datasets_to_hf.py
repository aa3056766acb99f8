"""Problems to Hugging Face data sets and back."""

from __future__ import annotations

from typing import Any

import pytest

from composekit._errors import ArgumentError, ArgumentTypeError
from composekit.compose import Problem, bundle, chain, generators, load_problems
from composekit.integrations.datasets import from_hf, to_hf

pytest.importorskip("datasets")


def _problems() -> list[Problem]:
    arithmetic = generators.arithmetic(4, seed=1)
    mixed: list[Problem] = [*arithmetic, *generators.code(6, seed=2), *generators.logic(4), *generators.choice(3)]
    return [*mixed, chain(*arithmetic[:2]), bundle(arithmetic[2], mixed[-1])]


def test_to_hf_round_trips_every_kind_of_problem() -> None:
    problems = _problems()
    assert from_hf(to_hf(problems)) == problems


def test_to_hf_has_uniform_columns() -> None:
    problems = _problems()
    data = to_hf(iter(problems), instruction="Put the answer in a box.")
    assert data.column_names == ["prompt", "answer", "domain", "verifier", "id", "depth", "problem"]
    assert all(prompt.endswith("\n\nPut the answer in a box.") for prompt in data["prompt"])
    assert data["depth"][-2:] == [2, 1]
    assert data.features["depth"].dtype == "int64"


def test_to_hf_survives_parquet(tmp_path: Any) -> None:
    from datasets import Dataset

    problems = _problems()
    to_hf(problems, conversational=True).to_parquet(tmp_path / "x.parquet")
    again = Dataset.from_parquet(str(tmp_path / "x.parquet"))
    assert from_hf(again) == problems
    assert again[0]["prompt"] == [{"role": "user", "content": problems[0].prompt}]


@pytest.mark.parametrize(
    ("problems", "error"),
    [([], ArgumentError), (Problem("q", 1), ArgumentTypeError), (["q"], ArgumentTypeError), (None, ArgumentTypeError)],
)
def test_to_hf_refuses_what_are_no_problems(problems: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"datasets\.to_hf: problems must"):
        to_hf(problems)


def test_from_hf_says_which_row_holds_no_problem() -> None:
    rows = [{"prompt": "6 * 7?", "answer": "42"}, {"prompt": "6 * 8?", "answer": None}]
    with pytest.raises(ArgumentError, match=r"datasets\.from_hf: row 1 must hold a problem or a gold answer"):
        from_hf(rows)
    assert from_hf(rows[:1])[0].answer == "42"
    with pytest.raises(ArgumentTypeError, match="row 0 must be a mapping; got str"):
        from_hf({"train": rows})  # type: ignore[arg-type]


@pytest.mark.parametrize("suffix", [".parquet", ".jsonl", ".csv"])
def test_load_problems_reads_what_to_hf_saved(suffix: str, tmp_path: Any) -> None:
    problems = [chain(*generators.arithmetic(2, seed=1)), *generators.choice(2)]
    data, path = to_hf(problems), str(tmp_path / f"rows{suffix}")
    {".parquet": data.to_parquet, ".jsonl": data.to_json, ".csv": data.to_csv}[suffix](path)
    assert load_problems(path) == problems
