r"""ExOPD in verl: a distillation loss and a policy loss under a name of your choice. verl is imported when they register.

Every process of a run must know the name, the driver too, which checks the configuration. Let verl import a module of yours,
say ``exopd_losses.py`` on the Python path, wherever it starts:

.. code-block:: python

    from composekit.integrations.verl_distill import register

    register("exopd", reward_scale=1.25)

.. code-block:: sh

    VERL_USE_EXTERNAL_MODULES=exopd_losses python -m verl.trainer.main_ppo \
        distillation.enabled=True distillation.distillation_loss.loss_mode=exopd \
        distillation.distillation_loss.loss_max_clamp=null distillation.distillation_loss.use_task_rewards=False \
        actor_rollout_ref.actor.use_kl_loss=True actor_rollout_ref.actor.kl_loss_coef=0 ...

verl's reference policy is R; ``use_kl_loss`` with the coefficient 0 is what makes verl compute its log-probabilities. The
teacher's come from verl's teacher servers, at temperature 1, so that the rollout's temperature must be 1 as well. Only the
sampled token's are there: verl computes top-k losses in a function that cannot be replaced from outside.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from composekit._errors import bad_value, missing_extra
from composekit.distill import gopd_advantages, sampled_gopd_loss

__all__ = ["ExOPDLosses", "advantages", "register"]

_OP = "verl.register"
_CAP = 5.0  # of importance weights, as in the paper's runs


class ExOPDLosses:
    """The two losses that :func:`register` gives to verl. Equal settings make equal losses."""

    def __init__(self, reward_scale: float, clip: float | None) -> None:
        self.reward_scale, self.clip = reward_scale, clip

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ExOPDLosses) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash((self.reward_scale, self.clip))

    def __repr__(self) -> str:
        return f"ExOPDLosses(reward_scale={self.reward_scale}, clip={self.clip})"

    def distillation(
        self, config: Any, distillation_config: Any, model_output: Mapping[str, Any], data: Any
    ) -> tuple[Tensor, dict[str, Any]]:
        r"""verl's interface of a distillation loss: ``[B, T]`` per response token, and metrics.

        The value is :math:`\log\pi - m`, minus the advantage. With ``use_policy_gradient`` verl detaches it and gives it to
        its PPO loss; without, the gradient that is attached to it here is the policy gradient
        :math:`-A w \nabla \log\pi`, not the useless one of the value itself.
        """
        from verl.workers.utils.padding import no_padding_2_padding

        logp = no_padding_2_padding(model_output["log_probs"], data)
        teacher = no_padding_2_padding(data["teacher_logprobs"], data).squeeze(-1)
        mask = _padded(data["response_mask"]).bool()
        gain = self._advantages(logp, teacher, _entry(data, "ref_log_prob"), mask)
        losses = -gain
        if not distillation_config.distillation_loss.use_policy_gradient:
            drawn = _entry(data, "old_log_probs")
            surrogate = sampled_gopd_loss(logp, gain, rollout_logp=drawn, cap=_CAP, mask=mask)
            weights = _entry(data, "rollout_is_weights")
            if weights is not None:
                surrogate = surrogate * weights
            losses = losses + surrogate - surrogate.detach()
        mean = gain.sum() / mask.sum().clamp(min=1)
        return losses, {"distillation/exopd_advantage": mean.item()}

    def policy(
        self,
        old_log_prob: Tensor,
        log_prob: Tensor,
        advantages: Tensor,
        response_mask: Tensor,
        loss_agg_mode: str = "token-mean",
        config: Any = None,
        rollout_is_weights: Tensor | None = None,
    ) -> tuple[Tensor, dict[str, Any]]:
        r"""verl's interface of a policy loss: :math:`-A w \log\pi` without PPO's clipping, averaged as verl is told to.

        w is :math:`\pi / \pi_{old}`, capped and detached, times verl's weights of the rollout. The advantages are those of
        the batch; :func:`advantages` makes ExOPD's.
        """
        from verl.trainer.ppo.core_algos import agg_loss

        mask = response_mask.bool()
        losses = sampled_gopd_loss(log_prob, advantages, rollout_logp=old_log_prob, cap=_CAP, mask=mask)
        if rollout_is_weights is not None:
            losses = losses * rollout_is_weights
        batch = dict(config.global_batch_info) if config is not None else {}
        loss = agg_loss(loss_mat=losses, loss_mask=mask, loss_agg_mode=loss_agg_mode, **batch)
        drift = ((old_log_prob - log_prob.detach()) * mask).sum() / mask.sum().clamp(min=1)
        return loss, {"actor/ppo_kl": drift.item()}

    def _advantages(self, logp: Tensor, teacher: Tensor, reference: Tensor | None, mask: Tensor) -> Tensor:
        if reference is None and self.reward_scale != 1:
            repair = "Set actor_rollout_ref.actor.use_kl_loss=True with kl_loss_coef=0, or register reward_scale=1"
            raise bad_value("verl.exopd", "ref_log_prob", "be in the batch unless reward_scale is 1", "none", repair)
        kept = {"reward_scale": self.reward_scale, "mask": mask, "clip": self.clip}
        return gopd_advantages(logp.detach(), teacher, reference if self.reward_scale != 1 else None, **kept)


def register(name: str = "exopd", *, reward_scale: float = 1.25, clip: float | None = None) -> ExOPDLosses:
    r"""Register ExOPD with verl, as a distillation loss and as a policy loss of that name.

    Args:
        name: For ``distillation.distillation_loss.loss_mode`` and ``actor_rollout_ref.actor.policy_loss.loss_mode``.
        reward_scale: :math:`\lambda`. Register several names for several values.
        clip: Bound on the advantages' magnitude. verl's own ``loss_max_clamp`` should be null: outside of its bounds it
            takes the gradient away when ``use_policy_gradient`` is off.

    Returns:
        What was registered.

    Raises:
        MissingExtraError: verl is not installed.
        ArgumentError: verl, or a call with other settings, has a loss of that name. The same call again does nothing.

    Source: Yang et al., Learning beyond Teacher, 2026, arXiv 2602.12125; its estimator with the sampled token.
    """
    try:
        from verl.trainer.distillation import losses as distillation
        from verl.trainer.ppo import core_algos
    except ImportError as error:
        if error.name is None or error.name.partition(".")[0] != "verl":
            raise  # verl is there and lacks something of its own
        raise missing_extra(_OP, "verl", "verl") from None
    made = ExOPDLosses(reward_scale, clip)
    for registry in (distillation.DISTILLATION_LOSS_REGISTRY, core_algos.POLICY_LOSS_REGISTRY):
        taken = registry.get(name)
        if taken is not None and getattr(taken, "__self__", None) != made:
            owner = getattr(taken, "__self__", getattr(taken, "__qualname__", taken))
            raise bad_value(_OP, "name", "be free in verl's registries", f"{name!r}, which is {owner}", "Take another")
    if name not in distillation.DISTILLATION_LOSS_REGISTRY:
        settings = distillation.DistillationLossSettings(names=[name], use_estimator=True)
        distillation.register_distillation_loss(settings)(made.distillation)
    if name not in core_algos.POLICY_LOSS_REGISTRY:
        core_algos.register_policy_loss(name)(made.policy)
    return made


def advantages(batch: Mapping[str, Tensor], *, reward_scale: float = 1.25, clip: float | None = None) -> Tensor:
    """ExOPD's advantages for a batch of verl, for trainers that score the teacher themselves.

    Args:
        batch: ``old_log_probs``, ``teacher_log_prob``, ``ref_log_prob`` (not needed at ``reward_scale=1``) and
            ``response_mask``, all ``[B, T]`` over the response.
        reward_scale: Lambda.
        clip: Bound on their magnitude.

    Returns:
        ``[B, T]``, detached, 0 outside the mask: store it as ``advantages``, and use the policy loss of :func:`register`.

    Raises:
        ArgumentError: the reference is missing.

    Example:
        >>> logp = torch.tensor([[-1.0, -2.0]])
        >>> batch = {"old_log_probs": logp, "teacher_log_prob": logp + 1, "ref_log_prob": logp}
        >>> advantages({**batch, "response_mask": torch.tensor([[1, 0]])}, reward_scale=2.0)
        tensor([[2., 0.]])
    """
    losses = ExOPDLosses(reward_scale, clip)
    keys = set(batch.keys())
    reference = batch["ref_log_prob"] if "ref_log_prob" in keys else None
    return losses._advantages(
        batch["old_log_probs"], batch["teacher_log_prob"], reference, batch["response_mask"].bool()
    )


def _entry(data: Any, key: str) -> Tensor | None:
    return _padded(data[key]) if key in data else None


def _padded(tensor: Tensor) -> Tensor:
    """verl keeps responses as nested tensors or padded on the right; losses take the latter."""
    if not tensor.is_nested:
        return tensor
    padding = False if tensor.dtype == torch.bool else 0
    return tensor.to_padded_tensor(padding)
