"""The reward function as TRL calls it: by hand, and by a real trainer on a tiny random model."""

from __future__ import annotations

import inspect
import json
import math
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from composekit._errors import ArgumentError, ArgumentTypeError
from composekit.compose import (
    Composer,
    MathVerifier,
    Problem,
    Verdict,
    Verifier,
    build,
    bundle,
    chain,
    generators,
    load_problems,
)
from composekit.integrations.datasets import to_hf
from composekit.integrations.trl import as_reward

SUM = Problem("What is 6 times 7?", 42)


def _call(reward: Any, completions: list[Any], **columns: Any) -> list[float | None]:
    """As GRPOTrainer of TRL 1.16 calls a reward: keywords alone, all columns, its own extras."""
    logged: dict[str, Any] = {}
    return reward(
        prompts=["What is 6 times 7?"] * len(completions),
        completions=completions,
        completion_ids=[[1, 2]] * len(completions),
        trainer_state=object(),
        log_extra=lambda name, values: logged.update({name: values}),
        log_metric=lambda name, value: logged.update({name: value}),
        **columns,
    )


def test_reward_scores_plain_and_conversational_completions() -> None:
    reward = as_reward(MathVerifier())
    right, wrong = r"So \boxed{42}.", r"So \boxed{41}."
    assert _call(reward, [right, wrong, "no idea"], answer=["42"] * 3) == [1.0, 0.0, 0.0]
    chat = [[{"role": "assistant", "content": text}] for text in (right, wrong)]
    assert _call(reward, chat, answer=["42"] * 2) == [1.0, 0.0]
    tools = [
        [
            {"role": "assistant", "content": wrong},
            {"role": "tool", "content": "x"},
            {"role": "assistant", "content": right},
        ]
    ]
    assert _call(reward, tools, answer=["42"]) == [1.0]
    parts = [
        [{"role": "assistant", "content": [{"type": "text", "text": r"So \boxed"}, {"type": "text", "text": "{42}."}]}]
    ]
    assert _call(reward, parts, answer=["42"]) == [1.0]
    assert _call(reward, [[{"role": "assistant", "content": None, "tool_calls": []}], []], answer=["42"] * 2) == [
        0.0,
        0.0,
    ]


def test_reward_reads_the_usual_columns() -> None:
    reward = as_reward()
    for column in ("answer", "solution", "ground_truth"):
        assert _call(reward, [r"\boxed{42}"], **{column: ["42"]}) == [1.0]
    assert _call(reward, [r"\boxed{18}"], answer=["She has 9*2 = <<9*2=18>>18.\n#### 18"]) == [1.0]
    assert _call(reward, ["(B)", "(C)"], answer=["B", "B"], verifier=["choice"] * 2) == [1.0, 0.0]
    assert _call(reward, [r"\boxed{42}", r"\boxed{0.5}"], answer=[42, 0.5]) == [1.0, 1.0]


def test_reward_is_none_where_it_does_not_apply() -> None:
    reward = as_reward()
    assert _call(reward, ["x", r"\boxed{42}", "y"], answer=[None, "42", ""]) == [None, 1.0, None]
    assert _call(reward, ["x"], other=["column"]) == [None]
    mixed = [SUM.to_dict(), None]
    assert _call(reward, [r"\boxed{42}"] * 2, problem=mixed) == [1.0, None]


def test_reward_dispatches_on_the_problem_of_each_row() -> None:
    pair = chain(*generators.arithmetic(2, seed=1))
    both = bundle(
        SUM, Problem("Which one?\nA. x\nB. y", "B", verifier="choice", metadata={"choices": {"A": "x", "B": "y"}})
    )
    data = to_hf([SUM, pair, both])
    responses = [r"\boxed{42}", rf"\boxed{{{pair.answer}}}", "Part 1: \\boxed{42}\nPart 2: (B)"]
    assert _call(as_reward(), responses, problem=data["problem"], answer=data["answer"]) == [1.0, 1.0, 1.0]
    wrong = [r"\boxed{43}", r"\boxed{-1}", "Part 1: \\boxed{42}\nPart 2: (A)"]
    assert _call(as_reward(), wrong, problem=data["problem"]) == [0.0, 0.0, 0.0]


def test_reward_takes_columns_of_any_name() -> None:
    odd = {
        "self": [1],
        "verifier": [None],
        "name": ["x"],
        "image": [None],
        "environments": [object()],
        "split": "train",
    }
    assert _call(as_reward(), [r"\boxed{42}"], answer=["42"], **odd) == [1.0]


def test_reward_uses_the_given_verifier_for_every_row() -> None:
    class Half(Verifier):
        def verify(self, response: str, problem: Problem) -> Verdict:
            return Verdict(0.5, "wrong", response, problem.id)

        def compare(self, *, gold: str, answer: str) -> Verdict:
            raise NotImplementedError

    assert _call(as_reward(Half()), ["a", "b"], answer=["1", "2"]) == [0.5, 0.5]


def test_reward_pickles_with_its_name() -> None:
    reward = as_reward(MathVerifier(), name="maths")
    again = pickle.loads(pickle.dumps(reward))
    assert again.__name__ == "maths"
    assert _call(again, [r"\boxed{42}"], answer=["42"]) == [1.0]
    assert as_reward().__name__ == "composekit"


def test_reward_logs_statuses() -> None:
    logged: dict[str, Any] = {}
    log = {"log_extra": logged.__setitem__, "log_metric": logged.__setitem__}
    as_reward(name="r")(prompts=["q"] * 3, completions=[r"\boxed{42}", "hm", ""], answer=["42", "42", None], **log)
    assert logged["r/status"] == ["correct", "unparseable", ""]
    assert logged["r/unparseable"] == 0.5


def test_reward_works_off_the_main_thread() -> None:
    got: list[Any] = []
    thread = threading.Thread(target=lambda: got.extend(_call(as_reward(), [r"\boxed{\frac{84}{2}}"], answer=["42"])))
    thread.start()
    thread.join()
    assert got == [1.0]


@pytest.mark.parametrize("verifier", [MathVerifier, "math", 3])
def test_as_reward_refuses_what_is_no_verifier(verifier: Any) -> None:
    with pytest.raises(ArgumentTypeError, match=r"trl\.as_reward: verifier must be a Verifier"):
        as_reward(verifier)


def test_reward_names_bad_columns() -> None:
    with pytest.raises(ArgumentError, match="answer must have 2 entries"):
        _call(as_reward(), ["a", "b"], answer=["1"])
    with pytest.raises(ArgumentError, match="problem must be what"):
        _call(as_reward(), ["a"], problem=['{"prompt": 7}'])


@pytest.mark.parametrize("role", ["tool", "user", "system"])
def test_only_what_the_assistant_says_is_judged(role: str) -> None:
    echoed = [{"role": "assistant", "content": "hm"}, {"role": role, "content": r"\boxed{42}"}]
    assert _call(as_reward(), [echoed], answer=["42"]) == [0.0]
    assert _call(as_reward(), [echoed[1:]], answer=["42"]) == [0.0]
    said = [{"role": "assistant", "content": r"\boxed{42}"}, {"role": role, "content": r"\boxed{41}"}]
    assert _call(as_reward(), [said], answer=["42"]) == [1.0]


def test_reward_reads_the_last_box_of_a_worked_solution() -> None:
    worked = [r"Six sevens: \boxed{40}? No, $\boxed{42}$.", "6*7 = <<6*7=42>>42\n#### 42"]
    assert _call(as_reward(), [r"\boxed{42}"] * 2, solution=worked) == [1.0, 1.0]
    assert _call(as_reward(), ["Answer: #### x"], answer=["#### x"], verifier=["exact"]) == [1.0]


@pytest.mark.parametrize("kind", [np.array, list, torch.tensor])
def test_reward_takes_columns_of_arrays(kind: Any) -> None:
    assert _call(as_reward(), [r"\boxed{42}"] * 2, answer=kind([42.0, 41.0])) == [1.0, 0.0]


def test_reward_is_none_for_nan() -> None:
    assert _call(as_reward(), [r"\boxed{42}"] * 3, answer=[float("nan"), np.nan, 42]) == [None, None, 1.0]


@pytest.mark.parametrize("gold", [["42"], {"value": "42"}, np.array(["42"]), float("inf")])
def test_reward_refuses_gold_answers_that_would_never_match(gold: Any) -> None:
    with pytest.raises((ArgumentTypeError, ArgumentError), match=r"trl\.as_reward: solution must be"):
        _call(as_reward(), [r"\boxed{42}"], solution=[gold])


def test_reward_refuses_a_gold_column_that_is_no_list() -> None:
    with pytest.raises(ArgumentTypeError, match="answer must be a list with one entry a prompt; got str"):
        _call(as_reward(), [r"\boxed{42}"], answer="42")


def test_reward_warns_once_where_no_column_can_hold_a_gold_answer(caplog: pytest.LogCaptureFixture) -> None:
    reward = as_reward()
    for _ in range(2):
        assert _call(reward, [r"\boxed{42}"], target=["42"]) == [None]
    assert [record.getMessage() for record in caplog.records] == [
        "trl.as_reward: no column holds a gold answer, so every reward is None: target, "
        "not problem, parts, tests, answer, solution, ground_truth"
    ]


@pytest.mark.parametrize("kind", ["json", "parquet"])
def test_reward_takes_the_rows_of_a_build(kind: str, tmp_path: Path) -> None:
    datasets = pytest.importorskip("datasets")
    pool = [*generators.arithmetic(12, seed=1), *generators.choice(4), *generators.code(4, seed=2)]
    path = tmp_path / f"train.{'jsonl' if kind == 'json' else kind}"
    build(Composer(pool, mode="bundle", size=6), path, workers=1)
    rows = datasets.load_dataset(kind, data_files=str(path), split="train", cache_dir=str(tmp_path))
    columns = {name: list(rows[name]) for name in rows.column_names if name != "prompt"}
    made = load_problems(path)
    gold = ["\n".join(f"Part {k}: {_gold(part)}" for k, part in enumerate(c.parts, start=1)) for c in made]
    assert _call(as_reward(), gold, **columns) == [1.0] * 6
    assert _call(as_reward(), [g.replace("Part 1", "Part 9") for g in gold], **columns) == [0.0] * 6


def _gold(part: Problem) -> str:
    return f"\n```python\n{part.solution}\n```" if part.tests else rf"\boxed{{{part.answer}}}"


def test_reward_reads_tests_that_a_table_has_filled_with_none() -> None:
    calls = [{"args": [1], "expected": 2, "stdin": None, "stdout": None}]
    prints = [{"args": None, "expected": None, "stdin": "1", "stdout": "2"}]
    code = ["```python\ndef f(x):\n    return x + 1\n```", "```python\nprint(int(input()) + 1)\n```"]
    got = _call(as_reward(), code, tests=[calls, json.dumps(prints)], entry_point=["f", None])
    assert got == [1.0, 1.0]
    with pytest.raises(ArgumentError, match=r"trl\.as_reward: tests must be JSON"):
        _call(as_reward(), code[:1], tests=["[oops"], entry_point=["f"])


@pytest.mark.parametrize("column", ["parts", "links", "metadata", "template", "topology"])
@pytest.mark.parametrize("value", ["a note", "{braces}", 3, ["x"], None])
def test_columns_of_other_data_sets_may_have_our_names(column: str, value: Any) -> None:
    assert _call(as_reward(), [r"\boxed{42}"], answer=["42"], **{column: [value]}) == [1.0]


def test_reward_reads_the_options_of_a_choice() -> None:
    options = {"choices": {"A": "x", "B": "y", "C": None}}
    for metadata in (options, json.dumps(options)):
        assert _call(as_reward(), ["(B)"], answer=["B"], verifier=["choice"], metadata=[metadata]) == [1.0]


def test_adapters_import_nothing_of_others() -> None:
    names = ["trl", "verl", "datasets", "reasoning_gym", "verifiers", "torch", "transformers", "pyarrow"]
    code = (
        f"import sys; [sys.modules.__setitem__(n, None) for n in {names}];"
        "from composekit.integrations import trl, verl, datasets, reasoning_gym, verifiers;"
        r"print(trl.as_reward()(prompts=['q'], completions=[r'\boxed{42}'], answer=['42']))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[1.0]"


@pytest.mark.parametrize(
    ("call", "pip"),
    [
        ("datasets.to_hf([p])", "composekit[data]"),
        ("verl.to_parquet([p], 'x.parquet')", "composekit[data]"),
        ("reasoning_gym.load('chain_sum')", "composekit[peers]"),
        ("verifiers.taskset([p])", "composekit[peers]"),
        ("verifiers.rubric()", "composekit[peers]"),
    ],
)
def test_missing_packages_name_the_pip_command(call: str, pip: str) -> None:
    names = ["datasets", "reasoning_gym", "verifiers", "pyarrow", "verifiers.v1"]
    code = (
        f"import sys; [sys.modules.__setitem__(n, None) for n in {names}];"
        "from composekit.integrations import verl, datasets, reasoning_gym, verifiers;"
        f"from composekit.compose import Problem; p = Problem('6 * 7?', 42); {call}"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert f"pip install '{pip}'" in done.stderr
    assert "MissingExtraError" in done.stderr


# ---- against the installed trainer -------------------------------------------------------------------------------------


def test_trl_calls_rewards_as_assumed() -> None:
    pytest.importorskip("trl")
    from trl import GRPOTrainer

    source = inspect.getsource(GRPOTrainer._calculate_rewards)
    for piece in (
        "prompts=prompts",
        "completions=completions",
        "completion_ids=",
        "**reward_kwargs",
        "is not None else",
    ):
        assert piece in source


def _tokenizer() -> Any:
    """Words of digits and letters, made here: no download."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    pieces = [
        "<pad>",
        "<eos>",
        "<unk>",
        *"0123456789",
        "\\boxed{4}",
        "\\boxed{2}",
        "What",
        "is",
        "times",
        "?",
        "half",
        "of",
    ]
    core = Tokenizer(models.WordLevel({piece: i for i, piece in enumerate(pieces)}, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    return PreTrainedTokenizerFast(tokenizer_object=core, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>")


@pytest.mark.parametrize("conversational", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_grpo_trainer_trains_with_the_reward(tmp_path: Path, conversational: bool) -> None:
    pytest.importorskip("trl")
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM
    from trl import GRPOConfig, GRPOTrainer

    tokenizer = _tokenizer()
    if conversational:
        tokenizer.chat_template = "{% for m in messages %}{{ m['content'] }} {% endfor %}"
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(tokenizer), hidden_size=16, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, pad_token_id=0, eos_token_id=1, bos_token_id=1,
    )  # fmt: skip
    problems = [Problem("What is 2 times 2 ?", 4), Problem("What is half of 4 ?", 2)]
    calls: list[list[float | None]] = []
    reward = as_reward(MathVerifier(), name="right")

    class Watched:
        __name__ = "right"

        def __call__(self, **arguments: Any) -> list[float | None]:
            assert set(arguments) >= {"prompts", "completions", "completion_ids", "trainer_state", "problem", "answer"}
            calls.append(reward(**arguments))
            return calls[-1]

    trainer = GRPOTrainer(
        model=LlamaForCausalLM(config),
        reward_funcs=Watched(),
        args=GRPOConfig(
            output_dir=str(tmp_path), max_steps=2, per_device_train_batch_size=8, num_generations=4,
            max_completion_length=2, report_to=[], use_cpu=True, logging_steps=1, save_strategy="no", beta=0.0,
            temperature=1.0, bf16=False,
        ),
        train_dataset=to_hf(problems * 8, conversational=conversational),
        processing_class=tokenizer,
    )  # fmt: skip
    trainer.train()
    assert len(calls) == 2
    assert all(len(scores) == 8 and set(scores) <= {0.0, 1.0} for scores in calls)
    history = [row for row in trainer.state.log_history if "rewards/right/mean" in row]
    assert [row["rewards/right/mean"] for row in history] == [pytest.approx(sum(s) / 8) for s in calls]
    assert all(math.isfinite(row["loss"]) for row in history)
    assert "right/unparseable" in history[0]
