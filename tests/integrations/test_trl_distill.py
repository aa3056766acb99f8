"""ExOPDTrainer against the installed TRL: real steps on the CPU with tiny random models that are loaded by path."""

from __future__ import annotations

import copy
import inspect
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

pytest.importorskip("trl")

sys.path.append(str(Path(__file__).parent))
import distill_world as world

from composekit._errors import ArgumentError, ArgumentTypeError
from composekit.integrations import trl_distill

SCALE = 1.5
QUESTIONS = ["What is 1 plus 2 ?", "What is 3 times 3 ?", "4 plus 4 ?", "What is 7 times 5 plus 1 ?"]


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Student, teacher (wider, with another template) and reference on disk, each beside its tokenizer."""
    where = tmp_path_factory.mktemp("models")
    for name, seed, hidden, template in (
        ("student", 0, 16, world.STUDENT_TEMPLATE),
        ("teacher", 1, 24, world.TEACHER_TEMPLATE),
        ("reference", 2, 16, world.STUDENT_TEMPLATE),
    ):
        world.llama(seed, hidden=hidden).save_pretrained(where / name)
        world.tokenizer(template).save_pretrained(where / name)
    return {name: str(where / name) for name in ("student", "teacher", "reference")}


def data(chat: bool) -> Any:
    from datasets import Dataset

    return Dataset.from_dict({"prompt": [[{"role": "user", "content": q}] if chat else q for q in QUESTIONS * 2]})


def arguments(where: Path, **options: Any) -> Any:
    from trl import DistillationConfig

    return DistillationConfig(**{
        "output_dir": str(where), "max_steps": 2, "per_device_train_batch_size": 4, "max_completion_length": 5,
        "report_to": [], "use_cpu": True, "bf16": False, "logging_steps": 1, "save_strategy": "no", "learning_rate": 1e-2,
        "max_grad_norm": 0.0, "gradient_checkpointing": False, "disable_tqdm": True, "seed": 3, **options,
    })  # fmt: skip


def watched() -> type:
    """The trainer, keeping every micro-batch, its loss, and the gradients before each step."""
    from transformers import TrainerCallback

    class Watched(trl_distill.ExOPDTrainer):  # type: ignore[name-defined,misc]
        def __init__(self, *args: Any, **options: Any) -> None:
            super().__init__(*args, **options)
            self.seen: list[tuple[dict[str, Any], float]] = []
            self.steps: list[tuple[Any, dict[str, torch.Tensor], int]] = []
            trainer = self

            class Before(TrainerCallback):
                def on_pre_optimizer_step(self, args: Any, state: Any, control: Any, **more: Any) -> None:
                    model = copy.deepcopy(trainer.model)
                    trainer.steps.append((model, world.gradients(trainer.model), len(trainer.seen)))

            self.add_callback(Before())

        def compute_loss(self, model: Any, inputs: Any, *args: Any, **options: Any) -> Any:
            loss = super().compute_loss(model, inputs, *args, **options)
            self.seen.append((inputs, loss.detach().item()))
            return loss

    return Watched


def wanted(student: Any, paths: dict[str, str], batches: list[dict[str, Any]], tokens: int, scale: float) -> Any:
    """Loss and gradients by definition, in float64, of all micro-batches of a step."""
    from transformers import AutoModelForCausalLM

    student = student.double().eval()
    student.zero_grad()
    total = torch.zeros((), dtype=torch.float64)
    for batch in batches:
        judged = {}
        for name in ("teacher", "reference"):
            model = AutoModelForCausalLM.from_pretrained(paths[name], dtype=torch.float64)
            prompt = (batch.get(f"{name}_{key}", batch[key]) for key in ("prompt_ids", "prompt_mask"))
            judged[name] = (model, *prompt)
        total = total + world.plain_loss(student, judged, batch, scale) / tokens
    total.backward()
    return total.item(), world.gradients(student)


@pytest.mark.parametrize("accumulation", [1, 2], ids=["whole", "accumulated"])
def test_trainer_takes_the_gradient_of_the_definition(paths: dict[str, str], tmp_path: Path, accumulation: int) -> None:
    """Conversations, each model by path and with its own template; completions of different lengths."""
    trainer = watched()(
        paths["student"],
        paths["teacher"],
        arguments(tmp_path, gradient_accumulation_steps=accumulation, per_device_train_batch_size=4 // accumulation),
        reference_model=paths["reference"],
        reward_scale=SCALE,
        train_dataset=data(chat=True),
    )
    frozen = {name: copy.deepcopy(judge.state_dict()) for name, judge in trainer._judges.items()}
    trainer.train()
    assert len(trainer.steps) == 2
    assert len(trainer.seen) == 2 * accumulation
    start = 0
    for model, got, end in trainer.steps:
        batches = [inputs for inputs, _ in trainer.seen[start:end]]
        tokens = sum(int(batch["completion_mask"].sum()) for batch in batches)
        loss, want = wanted(model, paths, batches, tokens, SCALE)
        assert sum(value for _, value in trainer.seen[start:end]) == pytest.approx(loss, rel=1e-4)
        world.assert_same_gradients(got, want, bound=1e-4)
        start = end
    lengths = {int(n) for inputs, _ in trainer.seen for n in inputs["completion_mask"].sum(1)}
    assert len(lengths) > 1, "all completions have one length: the divisor was not tested"
    for name, judge in trainer._judges.items():
        assert all(torch.equal(value, frozen[name][key]) for key, value in judge.state_dict().items())
        assert not any(p.requires_grad for p in judge.parameters())
    logged = [row for row in trainer.state.log_history if "exopd/mean" in row]
    assert len(logged) == 2
    assert all(math.isfinite(row["loss"]) and row["exopd/lowest"] <= row["exopd/highest"] for row in logged)
    watched_names = {"entropy", "log_ratio", "kl_teacher", "kl_reference", "kl_target", "log_z", "eos/student"}
    assert all(math.isfinite(row[f"exopd/{name}"]) for row in logged for name in watched_names)


def test_every_model_reads_its_own_template(paths: dict[str, str], tmp_path: Path) -> None:
    trainer = watched()(
        paths["student"], paths["teacher"], arguments(tmp_path, max_steps=1), reference_model=paths["reference"],
        reward_scale=SCALE, train_dataset=data(chat=True),
    )  # fmt: skip
    trainer.train()
    (inputs, _), own = trainer.seen[0], trainer._tokenizer
    students = own.batch_decode(
        [row[m.bool()] for row, m in zip(inputs["prompt_ids"], inputs["prompt_mask"], strict=True)]
    )
    teachers = own.batch_decode(
        [row[m.bool()] for row, m in zip(inputs["teacher_prompt_ids"], inputs["teacher_prompt_mask"], strict=True)]
    )
    assert "reference_prompt_ids" not in inputs, "the same template is not rendered again"
    for mine, theirs in zip(students, teachers, strict=True):
        question = mine.removeprefix("user: ").removesuffix(" answer:")
        assert question in QUESTIONS
        assert theirs == f"teacher, think: {question} ? answer:"


def test_plain_prompts_models_and_scale_one(paths: dict[str, str], tmp_path: Path) -> None:
    """Models instead of paths, prompts that are text, no reference: KL to the teacher."""
    trainer = watched()(
        world.llama(0), world.llama(1, hidden=24), arguments(tmp_path, max_steps=1), reward_scale=1.0,
        train_dataset=data(chat=False), processing_class=world.tokenizer(),
    )  # fmt: skip
    trainer.train()
    model, got, _ = trainer.steps[0]
    inputs = trainer.seen[0][0]
    assert not any(key.startswith(("teacher_", "reference_")) for key in inputs)
    tokens = int(inputs["completion_mask"].sum())
    loss, want = wanted(model, paths, [inputs], tokens, 1.0)
    assert trainer.seen[0][1] == pytest.approx(loss, rel=1e-4)
    assert loss > 0
    world.assert_same_gradients(got, want, bound=1e-4)


def test_models_that_change_their_logits_are_scored_by_logits(tmp_path: Path) -> None:
    """Gemma 2 caps its logits after the head: hidden state times head would be another model."""
    from transformers import Gemma2Config, Gemma2ForCausalLM

    def gemma(seed: int) -> Any:
        torch.manual_seed(seed)
        config = Gemma2Config(
            vocab_size=len(world.PIECES), hidden_size=16, intermediate_size=32, num_hidden_layers=1,
            num_attention_heads=2, num_key_value_heads=2, head_dim=8, final_logit_softcapping=2.0, pad_token_id=0,
            eos_token_id=1, bos_token_id=1, max_position_embeddings=64, initializer_range=0.5,
        )  # fmt: skip
        return Gemma2ForCausalLM(config)

    student, teacher, reference = gemma(0), gemma(1), gemma(2)
    trainer = trl_distill.ExOPDTrainer(  # type: ignore[attr-defined]
        student, teacher, arguments(tmp_path), reference_model=reference, reward_scale=SCALE,
        train_dataset=data(chat=False), processing_class=world.tokenizer(),
    )  # fmt: skip
    inputs = {**world.batch(), "num_items_in_batch": torch.tensor(7.0)}
    trainer.model.train()
    got = trainer.compute_loss(trainer.model, inputs).item()
    prompts = (inputs["prompt_ids"], inputs["prompt_mask"])
    judged = {"teacher": (teacher, *prompts), "reference": (reference, *prompts)}
    want = world.plain_loss(student, judged, inputs, SCALE).item() / 7
    assert got == pytest.approx(want, rel=1e-4)


def test_several_teachers_are_routed_by_a_column(paths: dict[str, str], tmp_path: Path) -> None:
    """Every row is judged by the teacher that it names; rows of both meet in one batch, shuffled by TRL."""
    both = {"sums": paths["teacher"], "products": world.llama(5)}
    rows = data(chat=True).map(lambda row: {"teacher": "sums" if "plus" in row["prompt"][0]["content"] else "products"})
    trainer = watched()(
        paths["student"], both, arguments(tmp_path, max_steps=1), reference_model=paths["reference"],
        reward_scale=SCALE, train_dataset=rows,
    )  # fmt: skip
    both["products"].generation_config.pad_token_id = 0
    trainer.train()
    model, got, _ = trainer.steps[0]
    inputs = trainer.seen[0][0]
    assert set(inputs["teacher_route"].tolist()) == {0, 1}
    model = model.double()
    model.zero_grad()
    total, tokens = torch.zeros((), dtype=torch.float64), inputs["completion_mask"].sum()
    for k in range(len(inputs["prompt_ids"])):
        row = {name: value[k : k + 1] for name, value in inputs.items() if value.dim()}
        text = trainer._tokenizer.decode(row["prompt_ids"][0])
        name = "teacher/sums" if "plus" in text else "teacher/products"
        teacher = trainer._judges[name].double()
        prompt = [row.get(f"{name}_{key}", row[key]) for key in ("prompt_ids", "prompt_mask")]
        judged = {"teacher": (teacher, *prompt)}
        judged["reference"] = (trainer._judges["reference"].double(), row["prompt_ids"], row["prompt_mask"])
        total = total + world.plain_loss(model, judged, row, SCALE) / tokens
    total.backward()
    world.assert_same_gradients(got, world.gradients(model), bound=1e-4)
    logged = next(row for row in trainer.state.log_history if "exopd/mean" in row)
    assert {"exopd/teacher/sums/kl", "exopd/teacher/products/kl"} <= logged.keys()
    with pytest.raises(ArgumentError, match=r"column teacher must hold tags out of .*; got no such column"):
        make(paths, tmp_path, teacher_model=both).train()
    with pytest.raises(ArgumentError, match=r"teacher_processing_class must name the teachers .*'teacher/other'"):
        make(paths, tmp_path, teacher_model=both, teacher_processing_class={"other": world.tokenizer()})


def test_evaluation_uses_the_same_loss(paths: dict[str, str], tmp_path: Path) -> None:
    trainer = trl_distill.ExOPDTrainer(  # type: ignore[attr-defined]
        paths["student"], paths["teacher"], arguments(tmp_path, per_device_eval_batch_size=4),
        reference_model=paths["reference"], reward_scale=SCALE, train_dataset=data(chat=True), eval_dataset=data(chat=True),
    )  # fmt: skip
    metrics = trainer.evaluate()
    assert math.isfinite(metrics["eval_loss"])
    logged = [row for row in trainer.state.log_history if "eval_exopd/mean" in row]
    assert logged, "evaluation logs nothing of the loss"


def make(paths: dict[str, str], where: Path, **changes: Any) -> Any:
    options = {
        "teacher_model": paths["teacher"], "reference_model": paths["reference"], "args": arguments(where),
        "train_dataset": data(chat=True), **changes,
    }  # fmt: skip
    return trl_distill.ExOPDTrainer(paths["student"], **options)  # type: ignore[attr-defined]


def test_bad_combinations_raise_in_the_form_of_the_house(paths: dict[str, str], tmp_path: Path) -> None:
    with pytest.raises(ArgumentError, match=r"^trl\.ExOPDTrainer: reference_model must .*None with reward_scale 1\.25"):
        make(paths, tmp_path, reference_model=None)
    with pytest.raises(ArgumentError, match="teacher_model must be a path or a model; got None"):
        make(paths, tmp_path, teacher_model=None)
    with pytest.raises(ArgumentError, match=r"args\.beta must be 1.*got 0\.5"):
        make(paths, tmp_path, args=arguments(tmp_path, beta=0.5))
    with pytest.raises(ArgumentError, match=f"vocabulary size; got 99, not the student's {len(world.PIECES)}"):
        make(paths, tmp_path, teacher_model=world.llama(1, vocabulary=99))
    with pytest.raises(ArgumentTypeError, match="teacher_model must be a path or a causal language model"):
        make(paths, tmp_path, teacher_model=torch.nn.Linear(2, 2))
    with pytest.raises(ArgumentTypeError, match="reward_scale must be a number; got Tensor"):
        make(paths, tmp_path, reward_scale=torch.tensor([1.0]))
    with pytest.raises(TypeError, match="no_such_option"):
        make(paths, tmp_path, no_such_option=1)


def test_bad_tokenizers_raise_in_the_form_of_the_house(paths: dict[str, str], tmp_path: Path) -> None:
    swapped = world.tokenizer(world.STUDENT_TEMPLATE, (*world.PIECES[:3], "1", "0", *world.PIECES[5:]))
    with pytest.raises(ArgumentError, match=r"reference_processing_class must give every token .*'0': 3 and 4"):
        make(paths, tmp_path, reference_processing_class=swapped)
    bare = tmp_path / "bare"
    world.llama(1).save_pretrained(bare)
    with pytest.raises(
        ArgumentError, match="teacher_processing_class must be a tokenizer; got none beside the weights"
    ):
        make(paths, tmp_path, teacher_model=str(bare))
    trainer = make(paths, tmp_path, teacher_processing_class=world.tokenizer(None))
    with pytest.raises(ArgumentError, match="teacher_processing_class must have a chat template"):
        trainer.train()


def test_what_is_overridden_is_still_there_in_trl() -> None:
    """The parts of TRL's trainer that the subclass leans on, by name and by argument."""
    from trl import DistillationTrainer

    assert list(inspect.signature(DistillationTrainer.__init__).parameters)[1:4] == ["model", "teacher_model", "args"]
    hidden = inspect.signature(DistillationTrainer._get_last_hidden_state).parameters
    assert list(hidden)[1:5] == ["unwrapped_model", "input_ids", "attention_mask", "logits_to_keep"]
    assert set(trl_distill._IMAGES) == set(list(hidden)[5:])
    assert list(inspect.signature(DistillationTrainer._generate_and_score_completions).parameters) == ["self", "inputs"]
    loss = inspect.signature(DistillationTrainer.compute_loss).parameters
    assert list(loss) == ["self", "model", "inputs", "return_outputs", "num_items_in_batch"]
    source = inspect.getsource(DistillationTrainer._compute_loss)
    assert all(repr(name).replace("'", '"') in source for name in trl_distill._AFTER_HEAD[:4]), (
        "new ways to change logits?"
    )
    assert issubclass(trl_distill.ExOPDTrainer, DistillationTrainer)  # type: ignore[attr-defined]


def test_importing_the_adapter_needs_no_trl() -> None:
    code = (
        "import sys\n"
        "class Wall:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in {'trl', 'transformers'}: raise ImportError('forbidden: ' + name)\n"
        "sys.meta_path.insert(0, Wall())\n"
        "import composekit.integrations.trl_distill as m\n"
        "try: m.ExOPDTrainer\n"
        "except ImportError as error: print(error)\n"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True, timeout=120
    )
    assert done.stdout.startswith("trl.ExOPDTrainer: trl must be installed"), done.stdout
    assert "composekit[trl]" in done.stdout
