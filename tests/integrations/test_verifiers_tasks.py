"""Task sets and rewards of the verifiers package, against the installed v1; rubrics against a stand-in for old releases."""

from __future__ import annotations

import asyncio
import inspect
import pickle
import subprocess
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from composekit._errors import ArgumentError, ArgumentTypeError, ImplementationError
from composekit.compose import MathVerifier, Problem, chain, generators
from composekit.integrations.verifiers import reward, rubric, taskset

SUM = Problem("What is 6 times 7?", 42)
CHOICE = Problem("Which one?\nA. x\nB. y", "B", verifier="choice", metadata={"choices": {"A": "x", "B": "y"}})


@pytest.fixture(scope="module")
def vf() -> Any:
    return pytest.importorskip("verifiers.v1", reason="the verifiers package (0.4 or newer) is not installed")


def _trace(vf: Any, task: Any, reply: str | None) -> Any:
    """A finished rollout whose last reply is this one."""
    trace = types.SimpleNamespace(last_reply=reply, rewards={}, metrics={}, task=task.data)
    trace.record_reward = lambda name, value, weight=1.0: trace.rewards.__setitem__(name, value * weight)
    trace.record_metric = trace.metrics.__setitem__
    return trace


def test_taskset_yields_typed_tasks(vf: Any) -> None:
    problems = [SUM, CHOICE, chain(*generators.arithmetic(2, seed=1)), *generators.code(3)]
    tasks = taskset(problems, instruction="Box it.")
    assert isinstance(tasks, vf.Taskset)
    found = list(tasks)
    assert all(isinstance(task, vf.Task) and isinstance(task.data, vf.TaskData) for task in found)
    assert [task.data.idx for task in found] == list(range(len(problems)))
    assert [task.data.id for task in found] == [p.id for p in problems]
    assert found[0].data.prompt == "What is 6 times 7?\n\nBox it."
    assert len({task.key for task in found}) == len(found)
    assert len(list(tasks.shuffle(seed=1).take(2))) == 2


def test_task_scores_through_the_package(vf: Any) -> None:
    pair = chain(*generators.arithmetic(2, seed=1))
    for problem, right, wrong in (
        (SUM, r"\boxed{42}", r"\boxed{41}"),
        (CHOICE, "(B)", "(A)"),
        (pair, rf"\boxed{{{pair.answer}}}", "hm"),
    ):
        (task,) = taskset([problem])
        for reply, score in ((right, 1.0), (wrong, 0.0), ("", 0.0)):
            trace = _trace(vf, task, reply)
            asyncio.run(task.score(trace))
            assert trace.rewards == {"correct": score}


def test_task_validates_the_gold_answer(vf: Any) -> None:
    (task,) = taskset([SUM])
    assert asyncio.run(task.validate(None)) is True
    (code,) = taskset(generators.code(1, family="write_to_base"))
    assert asyncio.run(code.validate(None)) is None


def test_taskset_uses_the_given_verifier(vf: Any) -> None:
    (task,) = taskset([Problem("Half?", "0.5", verifier="exact")], verifier=MathVerifier())
    trace = _trace(vf, task, r"\boxed{\frac12}")
    asyncio.run(task.score(trace))
    assert trace.rewards == {"correct": 1.0}


def test_reward_plugs_into_a_foreign_task(vf: Any) -> None:
    class Data(vf.TaskData):
        answer: str

    class Foreign(vf.Task[Data]):
        pass

    plugged = {"fn": "composekit.integrations.verifiers:reward", "weight": 2.0}
    task = Foreign(Data(prompt="6 * 7?", answer="42"), vf.TaskConfig(rewards={"composekit": plugged}))
    trace = _trace(vf, task, r"\boxed{42}")
    asyncio.run(task.score(trace))
    assert list(trace.rewards.values()) == [2.0]


def test_v1_api_is_as_assumed(vf: Any) -> None:
    assert "validate" in vars(vf.Task)
    assert "load" in vf.Taskset.__abstractmethods__
    assert list(inspect.signature(vf.Taskset.__init__).parameters) == ["self", "config"]
    assert isinstance(vf.Trace.last_reply, property)


@pytest.mark.parametrize(
    ("problems", "error"), [([], ArgumentError), (SUM, ArgumentTypeError), (["q"], ArgumentTypeError)]
)
def test_taskset_refuses_what_are_no_problems(problems: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match=r"verifiers\.taskset: problems must"):
        taskset(problems)


def test_reward_reads_data_as_a_mapping() -> None:
    trace = types.SimpleNamespace(last_reply=r"\boxed{42}")
    assert asyncio.run(reward({"answer": "42"}, trace)) == 1.0
    assert asyncio.run(reward({"note": "nothing to judge"}, trace)) == 0.0


def test_tasks_reach_a_fresh_process(vf: Any, tmp_path: Path) -> None:
    path = tmp_path / "tasks"
    path.write_bytes(pickle.dumps((taskset([SUM], verifier=MathVerifier()), list(taskset([SUM])))))
    code = "import pickle, sys; tasks, (task,) = pickle.load(open(sys.argv[1], 'rb')); print(len(list(tasks)), task.data.id)"
    done = subprocess.run(
        [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.split() == ["1", SUM.id]


# ---- releases before 0.4 -----------------------------------------------------------------------------------------------


def test_rubric_needs_an_old_release(vf: Any) -> None:
    import verifiers

    if hasattr(verifiers, "Rubric"):
        pytest.skip("this release has rubrics")
    with pytest.raises(ImplementationError, match=r"before 0\.4"):
        rubric()


def test_rubric_function_takes_what_old_rubrics_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    class Rubric:  # as in 0.1: calls every function with the arguments that its signature names
        def __init__(self, funcs: list[Any], weights: list[float]) -> None:
            self.funcs, self.weights = funcs, weights

        async def score(self, **merged: Any) -> list[float]:
            out = []
            for function in self.funcs:
                allowed = {k: v for k, v in merged.items() if k in inspect.signature(function).parameters}
                out.append(float(await function(**allowed)))
            return out

    monkeypatch.setitem(sys.modules, "verifiers", types.SimpleNamespace(Rubric=Rubric, __version__="0.1.9"))
    made = rubric(MathVerifier())
    chat = [{"role": "assistant", "content": r"It is \boxed{42}."}]
    state = {"prompt": "6 * 7?", "completion": chat, "answer": "42", "state": {}, "task": "default", "info": {}}
    assert asyncio.run(made.score(**state)) == [1.0]
    assert asyncio.run(made.score(**{**state, "answer": "41"})) == [0.0]
    whole = {"problem": CHOICE.to_dict()}
    assert asyncio.run(rubric().score(**{**state, "completion": "(B)", "info": whole})) == [1.0]
    assert pickle.loads(pickle.dumps(made.funcs[0])).__name__ == "composekit"
