"""The reward function and the rows of verl; the part against verl itself runs where verl is installed."""

from __future__ import annotations

import asyncio
import json
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from composekit._errors import ArgumentError, ArgumentTypeError
from composekit.compose import Problem, bundle, chain, generators
from composekit.integrations.verl import compute_score, to_parquet, to_rows

SUM = Problem("What is 6 times 7?", 42)
CHOICE = Problem("Which one?\nA. x\nB. y", "B", verifier="choice", metadata={"choices": {"A": "x", "B": "y"}})


def _score(row: dict[str, Any], response: str) -> float:
    return compute_score(
        data_source=row["data_source"],
        solution_str=response,
        ground_truth=row["reward_model"]["ground_truth"],
        extra_info=row["extra_info"],
    )


def test_compute_score_without_a_problem_is_mathematics() -> None:
    assert compute_score("any", r"It is \boxed{42}.", "42") == 1.0
    assert compute_score("any", r"It is \boxed{43}.", "42", {"split": "train", "index": 3}) == 0.0
    assert compute_score("any", "No idea.", "42", {}) == 0.0
    assert compute_score("any", r"\boxed{\frac{84}{2}}", 42) == 1.0
    assert compute_score("openai/gsm8k", r"\boxed{18}", "#### 18") == 1.0
    assert compute_score("any", "The answer is (B).", "B", {"verifier": "choice"}) == 1.0


def test_compute_score_takes_the_gold_answer_from_ground_truth_alone() -> None:
    assert compute_score("any", r"\boxed{1}", "42", {"answer": "1", "solution": "1"}) == 0.0


def test_compute_score_dispatches_on_the_row() -> None:
    pair = chain(*generators.arithmetic(2, seed=1))
    rows = to_rows([SUM, CHOICE, pair, bundle(SUM, CHOICE)])
    right = [r"\boxed{42}", "(B)", rf"\boxed{{{pair.answer}}}", "Part 1: \\boxed{42}\nPart 2: (B)"]
    wrong = [r"\boxed{41}", "(A)", r"\boxed{-1}", "Part 1: \\boxed{42}\nPart 2: (A)"]
    assert [_score(row, text) for row, text in zip(rows, right, strict=True)] == [1.0] * 4
    assert [_score(row, text) for row, text in zip(rows, wrong, strict=True)] == [0.0] * 4


def test_compute_score_is_loud_about_faults_of_the_data() -> None:
    with pytest.raises(ArgumentError, match="ground_truth must hold a gold answer"):
        compute_score("any", r"\boxed{1}", None)
    with pytest.raises(ArgumentError, match="problem must be what"):
        compute_score("any", r"\boxed{1}", "1", {"problem": "{broken"})
    row = to_rows([SUM])[0]
    with pytest.raises(ArgumentError, match="ground_truth must be the answer of"):
        compute_score("any", r"\boxed{43}", "43", row["extra_info"])
    with pytest.raises(ArgumentTypeError, match="solution_str must be a string"):
        compute_score("any", None, "1")  # type: ignore[arg-type]


def test_compute_score_works_in_threads() -> None:
    got: list[float] = []
    threads = [threading.Thread(target=lambda: got.append(compute_score("x", r"\boxed{42}", "42"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == [1.0] * 8


def test_to_rows_has_the_fields_that_verl_reads() -> None:
    row = to_rows([SUM], data_source="mine", split="test", instruction="Box it.")[0]
    assert row["data_source"] == "mine"
    assert row["prompt"] == [{"role": "user", "content": "What is 6 times 7?\n\nBox it."}]
    assert row["ability"] == "math"
    assert row["reward_model"] == {"style": "rule", "ground_truth": "42"}
    assert {k: row["extra_info"][k] for k in ("split", "index", "id")} == {"split": "test", "index": 0, "id": SUM.id}
    assert Problem.from_dict(json.loads(row["extra_info"]["problem"])) == SUM
    with pytest.raises(ArgumentError, match=r"verl\.to_rows: problems must hold at least one"):
        to_rows([])


def test_to_parquet_round_trips(tmp_path: Path) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    problems = [SUM, CHOICE, *generators.code(6, seed=1), chain(*generators.arithmetic(3, seed=2))]
    path = to_parquet(problems, tmp_path / "train.parquet")
    rows = pq.read_table(path).to_pylist()
    assert rows == to_rows(problems)
    assert [Problem.from_dict(json.loads(row["extra_info"]["problem"])) for row in rows] == problems
    assert [p.name for p in tmp_path.iterdir()] == ["train.parquet"]


def test_to_parquet_leaves_nothing_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pq = pytest.importorskip("pyarrow.parquet")
    path = to_parquet([SUM], tmp_path / "train.parquet")
    before = path.read_bytes()

    def full(table: Any, where: Any) -> None:
        Path(where).write_bytes(b"half")
        raise OSError("no space left on device")

    monkeypatch.setattr(pq, "write_table", full)
    with pytest.raises(OSError, match="no space"):
        to_parquet([SUM, CHOICE], path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == ["train.parquet"]


# ---- against the installed verl ----------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def verl() -> Any:
    return pytest.importorskip("verl", reason="verl is not installed here: make test-verl")


def _config(omegaconf: Any, **custom: Any) -> Any:
    manager = {"name": "naive", "source": "register"}
    return omegaconf.OmegaConf.create({"reward": {"custom_reward_function": custom, "reward_manager": manager}})


def test_verl_loads_compute_score_from_its_configuration(verl: Any) -> None:
    import omegaconf
    from verl.trainer.ppo.reward import get_custom_reward_fn

    config = _config(omegaconf, path="pkg://composekit.integrations.verl", name="compute_score")
    function = get_custom_reward_fn(config)
    arguments = {"data_source": "x", "solution_str": r"\boxed{42}", "ground_truth": "42", "extra_info": {}}
    assert function(**arguments) == 1.0
    import composekit.integrations.verl as module

    by_path = get_custom_reward_fn(_config(omegaconf, path=module.__file__, name="compute_score"))
    assert by_path(**arguments) == 1.0


def test_verl_reward_manager_scores_responses(verl: Any) -> None:
    import numpy as np
    import omegaconf
    import torch
    from verl import DataProto
    from verl.experimental.reward_loop.reward_manager.naive import NaiveRewardManager

    class Letters:
        """A tokenizer of characters."""

        def decode(self, ids: Any, skip_special_tokens: bool = True) -> str:
            return "".join(chr(int(i)) for i in ids)

    rows = to_rows([SUM, CHOICE])
    responses = [r"So \boxed{42}", "The answer is (A)."]
    width = max(map(len, responses))

    async def run() -> list[dict[str, Any]]:
        config = _config(omegaconf, path=None)
        manager = NaiveRewardManager(config=config, tokenizer=Letters(), compute_score=compute_score)
        out = []
        for row, response in zip(rows, responses, strict=True):
            ids = torch.zeros(1, width, dtype=torch.long)
            ids[0, : len(response)] = torch.tensor([ord(c) for c in response])
            mask = torch.zeros(1, 3 + width, dtype=torch.long)
            mask[0, : 3 + len(response)] = 1
            tensors = {"responses": ids, "attention_mask": mask}
            others = {k: np.array([row[k]], dtype=object) for k in ("data_source", "reward_model", "extra_info")}
            out.append(await manager.run_single(DataProto.from_dict(tensors, non_tensors=others)))
        return out

    results = asyncio.run(run())
    assert [r["reward_score"] for r in results] == [1.0, 0.0]


def test_verl_data_set_reads_the_parquet_file(verl: Any, tmp_path: Path) -> None:
    import omegaconf
    from verl.utils.dataset.rl_dataset import RLHFDataset

    path = to_parquet([SUM, CHOICE], tmp_path / "train.parquet")
    config = omegaconf.OmegaConf.create(
        {"cache_dir": str(tmp_path / "cache"), "prompt_key": "prompt", "filter_overlong_prompts": False}
    )
    data = RLHFDataset(data_files=str(path), tokenizer=None, config=config)
    assert len(data) == 2
    row = data[1]
    assert row["raw_prompt"] == [{"role": "user", "content": CHOICE.prompt}]
    assert row["reward_model"]["ground_truth"] == "B"
    assert _score({**row, "extra_info": dict(row["extra_info"])}, "The answer is (B).") == 1.0


@pytest.mark.parametrize(("argument", "value"), [("extra_info", 3), ("extra_info", "{}"), ("ground_truth", ["42"])])
def test_compute_score_names_an_argument_of_a_wrong_type(argument: str, value: Any) -> None:
    arguments = {"data_source": "x", "solution_str": r"\boxed{42}", "ground_truth": "42", argument: value}
    with pytest.raises(ArgumentTypeError, match=rf"verl\.compute_score: {argument} must be"):
        compute_score(**arguments)


def test_compute_score_takes_numbers_of_tables() -> None:
    whole = to_rows([SUM])[0]["extra_info"]
    for gold in (42, 42.0, np.int64(42)):
        assert compute_score("x", r"\boxed{42}", gold) == compute_score("x", r"\boxed{42}", gold, whole) == 1.0
    with pytest.raises(ArgumentError, match="ground_truth must hold a gold answer; got nan"):
        compute_score("x", r"\boxed{42}", float("nan"))
