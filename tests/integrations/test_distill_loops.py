"""The loops of the guide: the same gradient for the same batch, whatever the loop and however the batch was split."""

from __future__ import annotations

import copy
import os
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("transformers")

sys.path.append(str(Path(__file__).parent))
import distill_world as world

SCALE = 1.25


class Keep:
    """An optimizer that keeps the gradients of the step and changes nothing."""

    def __init__(self, model: Any) -> None:
        self.model = model

    def step(self) -> None:
        self.kept = world.gradients(self.model)

    def zero_grad(self) -> None:
        self.model.zero_grad()


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    """The names of the guide, after its blocks ran."""
    space: dict[str, Any] = {"__name__": "guide"}
    for title, code in world.page_blocks().items():
        exec(compile(code, title, "exec"), space)
    return space


@pytest.fixture
def models() -> tuple[Any, Any, Any]:
    return world.llama(0), world.llama(1, hidden=24), world.llama(2)


def wanted(models: tuple[Any, Any, Any], data: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    student, teacher, reference = (copy.deepcopy(model).double() for model in models)
    prompts = (data["prompt_ids"], data["prompt_mask"])
    judged = {"teacher": (teacher, *prompts), "reference": (reference, *prompts)}
    (world.plain_loss(student, judged, data, SCALE) / data["completion_mask"].sum()).backward()
    return world.gradients(student)


def pieces(data: dict[str, torch.Tensor], sizes: tuple[int, ...]) -> list[dict[str, torch.Tensor]]:
    columns = {name: value.split(sizes) for name, value in data.items()}
    return [{name: column[k] for name, column in columns.items()} for k in range(len(sizes))]


@pytest.mark.parametrize("sizes", [(4,), (1, 3), (1, 1, 1, 1)], ids=str)
def test_plain_loop_has_the_gradient_of_the_definition(page: Any, models: Any, sizes: tuple[int, ...]) -> None:
    data, optimizer = world.batch(), Keep(models[0])
    page["update"](*models, optimizer, pieces(data, sizes), page["ExOPDLoss"](reward_scale=SCALE))
    world.assert_same_gradients(optimizer.kept, wanted(models, data))
    assert not any(p.grad is not None for model in models[1:] for p in model.parameters())


@pytest.mark.parametrize("sizes", [(4,), (1, 3)], ids=str)
def test_accelerate_loop_has_the_same_gradient(page: Any, models: Any, sizes: tuple[int, ...]) -> None:
    data, accelerator = world.batch(), page["Accelerator"](cpu=True)
    learner = accelerator.prepare(page["Learner"](models[0], page["ExOPDLoss"](reward_scale=SCALE)))
    optimizer = Keep(models[0])
    page["update_everywhere"](accelerator, learner, *models[1:], optimizer, pieces(data, sizes))
    world.assert_same_gradients(optimizer.kept, wanted(models, data))


def test_another_divisor_would_be_noticed(page: Any, models: Any) -> None:
    data, total = world.batch(), {}
    for piece in pieces(data, (1, 3)):  # each micro-batch by its own count: the usual mistake
        optimizer = Keep(models[0])
        page["update"](*models, optimizer, [piece], page["ExOPDLoss"](reward_scale=SCALE))
        total = {name: total.get(name, 0) + value / 2 for name, value in optimizer.kept.items()}
    with pytest.raises(AssertionError, match="relative difference"):
        world.assert_same_gradients(total, wanted(models, data), bound=1e-2)


def test_sampled_loop_has_the_exact_gradient_on_average(page: Any, models: Any) -> None:
    """One prompt and one token: the expectation over all completions is a sum."""
    data = {name: value[:1] for name, value in world.batch(width=1).items()}
    size = len(world.PIECES)
    everything = {name: value.repeat(size, 1) for name, value in data.items()}
    everything["completion_ids"] = torch.arange(size)[:, None]
    student = models[0]
    logits = world.plain_logits(
        student, torch.cat([data["prompt_ids"], data["completion_ids"]], 1),
        torch.cat([data["prompt_mask"], data["completion_mask"]], 1), 1,
    )  # fmt: skip
    total: dict[str, Any] = {}
    for token, probability in enumerate(logits.softmax(-1)[0, 0].tolist()):
        student.zero_grad()
        one = {name: value[token : token + 1] for name, value in everything.items()}
        page["sampled_loss"](*models, one, 1, reward_scale=SCALE).backward()
        total = {name: total.get(name, 0) + probability * g for name, g in world.gradients(student).items()}
    world.assert_same_gradients(total, wanted(models, data), bound=1e-4)


def test_loops_of_the_guide_are_short() -> None:
    for title, code in world.page_blocks().items():
        assert sum(bool(line.strip()) for line in code.splitlines()) < 55, title
    loop = world.page_blocks()["Plain PyTorch"].partition("from composekit")[2]
    assert sum(bool(line.strip()) for line in loop.splitlines()) < 40


TWO_PROCESSES = """
import sys; sys.path[:0] = [{tests!r}]
import torch, distill_world as world
space = {{"__name__": "guide"}}
blocks = world.page_blocks()
for title in ("Plain PyTorch", "Accelerate"):
    exec(compile(blocks[title], title, "exec"), space)
models = world.llama(0), world.llama(1, hidden=24), world.llama(2)
data = world.batch()
accelerator = space["Accelerator"](cpu=True)
assert accelerator.num_processes == 2
mine = {{k: v[:1] if accelerator.process_index == 0 else v[1:] for k, v in data.items()}}
learner = accelerator.prepare(space["Learner"](models[0], space["ExOPDLoss"](reward_scale=1.25)))
class Keep:
    def step(self): self.kept = world.gradients(models[0])
    def zero_grad(self): pass
optimizer = Keep()
space["update_everywhere"](accelerator, learner, *models[1:], optimizer, [mine])
student, teacher, reference = world.llama(0).double(), world.llama(1, hidden=24).double(), world.llama(2).double()
prompts = (data["prompt_ids"], data["prompt_mask"])
loss = world.plain_loss(student, {{"teacher": (teacher, *prompts), "reference": (reference, *prompts)}}, data, 1.25)
(loss / data["completion_mask"].sum()).backward()
world.assert_same_gradients(optimizer.kept, world.gradients(student))
print("same")
"""


@pytest.mark.slow
def test_two_processes_have_the_gradient_of_the_whole_batch(tmp_path: Path) -> None:
    script = tmp_path / "two.py"
    script.write_text(textwrap.dedent(TWO_PROCESSES).format(tests=str(Path(__file__).parent)))
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--master-port=0", str(script)],
        env={**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1", "ACCELERATE_USE_CPU": "true"},
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=240,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("same") == 2
