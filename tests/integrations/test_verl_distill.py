"""ExOPD's losses as verl calls them: through its registries, its configuration and its batch format."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from composekit._errors import ArgumentError, MissingExtraError
from composekit.distill import gopd_advantages, reduce, sampled_gopd_loss
from composekit.integrations import verl_distill

SCALE = 1.5
PROMPTS, RESPONSES = (2, 3, 4), (3, 5, 1)


def test_advantages_are_those_of_the_library() -> None:
    generator = torch.Generator().manual_seed(0)
    logp, teacher, reference = (-torch.rand(2, 4, generator=generator) * 3 for _ in range(3))
    mask = torch.tensor([[1, 1, 1, 0], [1, 0, 0, 0]])
    batch = {"old_log_probs": logp, "teacher_log_prob": teacher, "ref_log_prob": reference, "response_mask": mask}
    want = (SCALE * teacher + (1 - SCALE) * reference - logp) * mask
    torch.testing.assert_close(verl_distill.advantages(batch, reward_scale=SCALE), want)
    torch.testing.assert_close(verl_distill.advantages(batch, reward_scale=SCALE, clip=0.5), want.clamp(-0.5, 0.5))
    del batch["ref_log_prob"]
    torch.testing.assert_close(verl_distill.advantages(batch, reward_scale=1.0), (teacher - logp) * mask)
    with pytest.raises(ArgumentError, match=r"ref_log_prob must be in the batch.*use_kl_loss=True"):
        verl_distill.advantages(batch, reward_scale=SCALE)


def test_registering_without_verl_names_the_extra() -> None:
    code = (
        "import sys\n"
        "class Wall:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] == 'verl': raise ModuleNotFoundError('no verl', name='verl')\n"
        "sys.meta_path.insert(0, Wall())\n"
        "from composekit.integrations.verl_distill import register\n"
        "register()\n"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False, timeout=120
    )
    assert f"{MissingExtraError.__name__}: verl.register: verl must be installed" in done.stderr
    assert "composekit[verl]" in done.stderr


# ---- against the installed verl ----------------------------------------------------------------------------------------


@pytest.fixture
def verl() -> Iterator[Any]:
    """verl, with its registries as they were afterwards."""
    module = pytest.importorskip("verl", reason="verl is not installed here: make test-verl")
    from verl.trainer.distillation import losses
    from verl.trainer.ppo import core_algos

    registries = (
        losses.DISTILLATION_LOSS_REGISTRY,
        losses.DISTILLATION_SETTINGS_REGISTRY,
        core_algos.POLICY_LOSS_REGISTRY,
    )
    before = [dict(registry) for registry in registries]
    yield module
    for registry, content in zip(registries, before, strict=True):
        registry.clear()
        registry.update(content)


def flat(rows: list[torch.Tensor]) -> torch.Tensor:
    return torch.nested.as_nested_tensor(rows, layout=torch.jagged)


class Batch:
    """Sequences of several lengths, as verl's trainer ships them: nested over prompt and response together."""

    def __init__(self, seed: int = 0) -> None:
        generator = torch.Generator().manual_seed(seed)
        count, widest = len(RESPONSES), max(RESPONSES)
        self.mask = torch.arange(widest).expand(count, -1) < torch.tensor(RESPONSES)[:, None]

        def draw() -> torch.Tensor:
            return (-torch.rand(count, widest, generator=generator) * 3).masked_fill(~self.mask, 0.0)

        self.logp, self.teacher, self.reference = draw(), draw(), draw()
        drift = 0.3 * torch.randn(self.logp.shape, generator=generator)
        self.old = (self.logp + drift).clamp(max=0).masked_fill(~self.mask, 0.0)

    def whole(self, response: torch.Tensor, k: int) -> torch.Tensor:
        """A model's output for sequence k: at every position what it says of the next one; 77 where it means nothing."""
        junk = torch.full((PROMPTS[k] - 1,), 77.0)
        return torch.cat([junk, response[k, : RESPONSES[k]], torch.full((1,), 77.0)])

    def data(
        self, rows: list[int], *, reference: bool = True, nested: bool = True, weights: Any = None, gain: Any = None
    ) -> Any:
        from tensordict import TensorDict
        from verl.utils import tensordict_utils as tu

        def responses(x: torch.Tensor) -> torch.Tensor:
            return flat([x[k, : RESPONSES[k]] for k in rows]) if nested else x[rows]

        entries = {
            "prompts": flat([torch.ones(PROMPTS[k], dtype=torch.long) for k in rows]),
            "responses": flat([torch.ones(RESPONSES[k], dtype=torch.long) for k in rows]),
            "teacher_logprobs": flat([self.whole(self.teacher, k)[:, None] for k in rows]),
            "response_mask": responses(self.mask.long()),
            "old_log_probs": responses(self.old),
            "advantages": responses(torch.zeros_like(self.old) if gain is None else gain),
        }
        if reference:
            entries["ref_log_prob"] = responses(self.reference)
        if weights is not None:
            entries["rollout_is_weights"] = responses(weights)
        data = TensorDict(entries, batch_size=[len(rows)])
        sizes = {} if nested else {"max_response_len": max(RESPONSES)}  # told where responses are padded
        tokens = int(self.mask.sum())
        tu.assign_non_tensor(data, dp_size=1, batch_num_tokens=tokens, global_batch_size=len(RESPONSES), **sizes)
        return data


def configurations(name: str, *, policy_loss: str = "vanilla", **loss: Any) -> tuple[Any, Any]:
    from verl.workers.config import DistillationConfig, DistillationLossConfig, FSDPActorConfig, PolicyLossConfig

    actor = FSDPActorConfig(
        strategy="fsdp", rollout_n=1, ppo_micro_batch_size_per_gpu=1, loss_agg_mode="token-mean", use_kl_loss=False,
        policy_loss=PolicyLossConfig(loss_mode=policy_loss),
    )  # fmt: skip
    settings = {"loss_max_clamp": None, "use_task_rewards": False, **loss}
    return actor, DistillationConfig(
        enabled=False, distillation_loss=DistillationLossConfig(loss_mode=name, **settings)
    )


def gradient(batch: Batch, pieces: list[list[int]], name: str, weights: Any = None, **loss: Any) -> torch.Tensor:
    """The gradient in the log-probabilities that verl's own entry point leaves, micro-batch by micro-batch."""
    from verl.trainer.distillation.losses import distillation_ppo_loss

    logp = batch.logp.clone().requires_grad_()
    for rows in pieces:
        actor, distillation = configurations(name, **loss)
        output = {"log_probs": flat([batch.whole(logp, k) for k in rows])}
        value, metrics = distillation_ppo_loss(actor, distillation, output, batch.data(rows, weights=weights))
        value.backward()
        assert "distillation/exopd_advantage" in metrics
    return logp.grad


def wanted(batch: Batch, scale: float, *, weights: Any = 1.0) -> torch.Tensor:
    """The same by the losses of the library on the padded batch."""
    logp = batch.logp.clone().requires_grad_()
    gain = gopd_advantages(logp, batch.teacher, batch.reference, reward_scale=scale, mask=batch.mask)
    losses = sampled_gopd_loss(logp, gain, rollout_logp=batch.old, cap=5.0, mask=batch.mask) * weights
    reduce(losses, batch.mask).backward()
    return logp.grad


@pytest.mark.parametrize("pieces", [[[0, 1, 2]], [[0], [1, 2]]], ids=["whole", "micro-batches"])
def test_distillation_loss_has_the_gradient_of_the_library(verl: Any, pieces: list[list[int]]) -> None:
    batch = Batch()
    verl_distill.register("exopd", reward_scale=SCALE)
    got = gradient(batch, pieces, "exopd", use_policy_gradient=False)
    torch.testing.assert_close(got, wanted(batch, SCALE))
    weights = torch.rand(batch.mask.shape) + 0.5
    got = gradient(batch, pieces, "exopd", weights=weights, use_policy_gradient=False)
    torch.testing.assert_close(got, wanted(batch, SCALE, weights=weights))


def test_policy_gradient_of_verl_gets_our_advantages(verl: Any) -> None:
    """With old = current nothing is clipped, and verl's PPO loss is the policy gradient."""
    batch = Batch()
    batch.old = batch.logp
    verl_distill.register("exopd", reward_scale=SCALE)
    got = gradient(batch, [[0, 1, 2]], "exopd", use_policy_gradient=True)
    torch.testing.assert_close(got, wanted(batch, SCALE))


def test_padded_batches_do_as_well(verl: Any) -> None:
    from verl.trainer.distillation.losses import get_distillation_loss_fn

    batch = Batch()
    made = verl_distill.register("exopd", reward_scale=SCALE)
    loss = get_distillation_loss_fn("exopd")
    assert loss.__self__ is made
    rows = [0, 1, 2]
    outputs = []
    for nested in (True, False):
        actor, distillation = configurations("exopd", use_policy_gradient=False)
        output = {"log_probs": flat([batch.whole(batch.logp, k) for k in rows])}
        values, _ = loss(actor, distillation, output, batch.data(rows, nested=nested))
        outputs.append(values)
    torch.testing.assert_close(*outputs)
    want = (batch.logp - SCALE * batch.teacher - (1 - SCALE) * batch.reference) * batch.mask
    torch.testing.assert_close(outputs[0], want)


def test_policy_loss_of_verl_is_the_capped_policy_gradient(verl: Any) -> None:
    from verl.workers.utils.losses import ppo_loss

    batch = Batch()
    verl_distill.register("exopd", reward_scale=SCALE)
    gain = verl_distill.advantages(
        {"old_log_probs": batch.logp, "teacher_log_prob": batch.teacher, "ref_log_prob": batch.reference,
         "response_mask": batch.mask}, reward_scale=SCALE,
    )  # fmt: skip
    logp = batch.logp.clone().requires_grad_()
    rows = [0, 1, 2]
    data = batch.data(rows, gain=gain)
    actor, _ = configurations("exopd", policy_loss="exopd")
    output = {"log_probs": flat([batch.whole(logp, k) for k in rows])}
    value, metrics = ppo_loss(actor, output, data)
    value.backward()
    torch.testing.assert_close(logp.grad, wanted(batch, SCALE))
    assert "actor/ppo_kl" in metrics


def test_missing_reference_raises_unless_the_scale_is_one(verl: Any) -> None:
    from verl.trainer.distillation.losses import get_distillation_loss_fn

    batch, rows = Batch(), [0, 1, 2]
    output = {"log_probs": flat([batch.whole(batch.logp, k) for k in rows])}
    for name, scale in (("exopd", SCALE), ("opd", 1.0)):
        verl_distill.register(name, reward_scale=scale)
    data = batch.data(rows, reference=False)
    with pytest.raises(
        ArgumentError, match=r"^verl\.exopd: ref_log_prob must be in the batch unless reward_scale is 1"
    ):
        get_distillation_loss_fn("exopd")(*configurations("exopd"), output, data)
    values, _ = get_distillation_loss_fn("opd")(*configurations("opd"), output, data)
    torch.testing.assert_close(values, (batch.logp - batch.teacher) * batch.mask)


def test_names_are_not_taken_from_anybody(verl: Any) -> None:
    from verl.trainer.distillation.losses import get_distillation_loss_settings
    from verl.trainer.ppo.core_algos import get_policy_loss_fn

    verl_distill.register("exopd")
    verl_distill.register("exopd")  # every process may do so again
    assert get_distillation_loss_settings("exopd").use_estimator
    for name in ("k3", "vanilla", "forward_kl_topk"):
        before = get_policy_loss_fn("vanilla")
        with pytest.raises(ArgumentError, match=f"name must be free in verl's registries; got '{name}'"):
            verl_distill.register(name)
        assert get_policy_loss_fn("vanilla") is before
    with pytest.raises(ArgumentError, match=r"got 'exopd', which is ExOPDLosses\(reward_scale=1\.25"):
        verl_distill.register("exopd", reward_scale=2.0)


def test_verl_imports_a_module_that_registers(verl: Any, tmp_path: Path) -> None:
    """As the guide says: the name is known wherever verl is imported, and the configuration accepts it."""
    (tmp_path / "exopd_losses.py").write_text(
        'from composekit.integrations.verl_distill import register\n\nregister("exopd", reward_scale=1.25)\n'
    )
    code = (
        "import verl\n"
        "from verl.workers.config import DistillationLossConfig\n"
        "print(DistillationLossConfig(loss_mode='exopd').loss_settings.use_estimator)\n"
    )
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": f"{root}{os.pathsep}{tmp_path}", "VERL_USE_EXTERNAL_MODULES": "exopd_losses"},
        cwd=tmp_path, capture_output=True, text=True, check=False, timeout=180,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.split()[-1] == "True"
