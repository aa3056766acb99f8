"""ExOPD as a trainer of TRL: the student's own completions, scored by a teacher and a reference, each with its own template.

``ExOPDTrainer`` is built on :class:`trl.DistillationTrainer` when it is first asked for, so that importing this module needs
no TRL.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from functools import cache
from numbers import Real
from typing import Any

import torch
from torch import Tensor

from composekit._errors import bad_type, bad_value, missing_extra
from composekit.distill import ExOPDLoss, LinearHead, Teachers, diagnostics

__all__ = ["ExOPDTrainer"]  # noqa: F822  (built by __getattr__)

_OP = "trl.ExOPDTrainer"

# Names under which configurations keep what happens to the logits after the head. A hidden state and a weight do not say it.
_AFTER_HEAD = ("logit_scale", "output_multiplier", "lm_head_multiplier", "logits_scaling", "final_logit_softcapping")

_IMAGES = (
    "pixel_values", "image_grid_thw", "pixel_attention_mask", "spatial_shapes", "image_sizes", "token_type_ids",
    "mm_token_type_ids", "image_position_ids",
)  # fmt: skip


class ExOPDMixin:
    r"""Turns TRL's ``DistillationTrainer`` into one whose loss is ExOPD: use it as ``ExOPDTrainer``.

    The student generates; the loss at every token of its completions is
    :math:`\sum_v \pi_v (\log \pi_v - \lambda \log T_v - (1 - \lambda) \log R_v)` over the whole vocabulary, from hidden
    states wherever the models allow it, divided by the number of trained tokens in the whole batch (TRL's
    ``num_items_in_batch``), whatever the micro-batches.

    Args:
        model: The student: a path or a model, as TRL takes it.
        teacher_model: The teacher T: a path or a model. Or several, by tag: ``{"math": ..., "code": ...}``; then the data
            set needs a column ``teacher`` with the tag of every row's teacher.
        args: A ``trl.DistillationConfig``. Its ``temperature`` is that of sampling and loss; ``beta`` must stay 1.
        reference_model: The reference R: a path or a model, usually what the student, or the teacher, was before its
            training. May be left out at ``reward_scale=1`` alone.
        reward_scale: :math:`\lambda`. The attribute of the same name may be changed between steps.
        teacher_processing_class: The teacher's tokenizer (of several, again by tag). By default the one beside the weights
            if the teacher is a path, and the student's if it is a model.
        reference_processing_class: The reference's tokenizer, likewise.
        options: What else ``DistillationTrainer`` takes: data sets, ``processing_class``, callbacks, ``peft_config``, ...

    Raises:
        MissingExtraError: TRL is not installed.
        ArgumentTypeError: a reward scale that is no number, a teacher that is no language model.
        ArgumentError: the vocabularies or the tokens behind their ids differ; the reference is missing; a tokenizer has no
            chat template for conversational prompts; tools or images meet another template; a row's teacher is unknown.

    Guarantees: teacher and reference are frozen, and moved to the device as TRL moves its teacher. A prompt is rendered by
    every model's own chat template; the completion's tokens are the same for all three.

    Source: Yang et al., Learning beyond Teacher, 2026, arXiv 2602.12125, equation of G-OPD.
    """

    _tag_names = ("trl", "exopd")
    _name = "ExOPD"

    def __init__(
        self,
        model: Any,
        teacher_model: Any = None,
        args: Any = None,
        *,
        reference_model: Any = None,
        reward_scale: float = 1.25,
        teacher_processing_class: Any = None,
        reference_processing_class: Any = None,
        **options: Any,
    ) -> None:
        _check_arguments(args, teacher_model, reference_model, reward_scale)
        # TRL's own teacher stays empty: what it checks would hide our message, and both models are handled alike here.
        super().__init__(model, None, args, **options)  # type: ignore[call-arg]
        self.reward_scale = reward_scale
        self._watched: int | None = None  # the step that was last looked at in detail
        self._judges: dict[str, Any] = {}
        self._tokenizers: dict[str, Any] = {}
        self._tags = list(teacher_model) if isinstance(teacher_model, Mapping) else None
        judges = _by_name("teacher", teacher_model) | _by_name("reference", reference_model)
        own = _by_name("teacher", teacher_processing_class) | _by_name("reference", reference_processing_class)
        for name, judge in judges.items():
            self._admit(name, judge, own.pop(name, None))
        if own:
            rule = "name the teachers of teacher_model"
            raise bad_value(_OP, "teacher_processing_class", rule, sorted(own), "Use the same tags")

    # ---- the other models -----------------------------------------------------------------------------------------------

    def _admit(self, name: str, judge: Any, tokenizer: Any) -> None:
        """Load a model if it is a path, check it against the student, freeze it, and put it where it belongs."""
        from trl.models import prepare_deepspeed

        if isinstance(judge, str | os.PathLike):
            tokenizer = _tokenizer_at(name, judge) if tokenizer is None else tokenizer
            judge = _model_at(judge, self.args)  # type: ignore[attr-defined]
        own = self._tokenizer  # type: ignore[attr-defined]
        tokenizer = own if tokenizer is None else getattr(tokenizer, "tokenizer", tokenizer)
        _check_vocabulary(name, self.model, judge, own, tokenizer)  # type: ignore[attr-defined]
        if (self.tools or self._is_vlm) and tokenizer.chat_template != own.chat_template:  # type: ignore[attr-defined]
            got = "another one" if tokenizer.chat_template else "none"
            rule = "have the student's chat template where there are tools or images"
            raise bad_value(_OP, f"{name}_processing_class", rule, got, "Pass the student's processing class")
        judge.requires_grad_(False)
        if self.is_deepspeed_enabled:  # type: ignore[attr-defined]
            judge = prepare_deepspeed(judge, self.accelerator)  # type: ignore[attr-defined]
        else:
            judge = self.accelerator.prepare_model(judge, evaluation_mode=True)  # type: ignore[attr-defined]
        self._judges[name] = judge.eval()
        self._tokenizers[name] = tokenizer

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        """What TRL makes of the prompts, and the prompts as every other model's template renders them."""
        batch = super()._generate_and_score_completions(inputs)  # type: ignore[misc]
        prompts = [row["prompt"] for row in inputs]
        if self._tags is not None:
            route = [_index(self._tags, row.get("teacher")) for row in inputs]
            batch["teacher_route"] = torch.tensor(route, device=batch["prompt_ids"].device)
        for name, tokenizer in self._tokenizers.items():
            if tokenizer is self._tokenizer or tokenizer.chat_template == self._tokenizer.chat_template:  # type: ignore[attr-defined]
                continue
            if _is_chat(prompts[0]):
                if tokenizer.chat_template is None:
                    rule = "have a chat template, since the prompts are conversations"
                    raise bad_value(_OP, f"{name}_processing_class", rule, "none", "Set its chat_template")
                rendered = tokenizer.apply_chat_template(
                    prompts, add_generation_prompt=True, tokenize=True, return_dict=True, **self.chat_template_kwargs  # type: ignore[attr-defined]
                )  # fmt: skip
            else:
                rendered = tokenizer(text=prompts)
            ids, mask = _pad_left(rendered["input_ids"], self._tokenizer.pad_token_id)  # type: ignore[attr-defined]
            batch[f"{name}_prompt_ids"] = ids.to(batch["prompt_ids"].device)
            batch[f"{name}_prompt_mask"] = mask.to(batch["prompt_ids"].device)
        return batch

    # ---- the loss -------------------------------------------------------------------------------------------------------

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The loss of a micro-batch, divided by the number of trained tokens in the whole batch."""
        accelerator = self.accelerator  # type: ignore[attr-defined]
        training = self.model.training  # type: ignore[attr-defined]
        denominator = None
        if training and inputs.get("num_items_in_batch") is not None:
            # Data-parallel training averages the ranks' gradients, so each divides by its share of the tokens.
            denominator = inputs["num_items_in_batch"].clamp(min=1) / accelerator.num_processes
        bare = accelerator.unwrap_model(model)
        # All of the diagnostics cost about as much as the loss: once before each line of the log is enough.
        state = self.state  # type: ignore[attr-defined]
        due = (state.global_step + 1) % max(state.logging_steps, 1) == 0 and self._watched != state.global_step
        self._watched = state.global_step if training else None
        loss, metrics = self._forward_redirection(  # type: ignore[attr-defined]
            model, bare, self._compute_loss, bare, inputs, denominator, due or not training
        )
        log = self._metrics["train" if training else "eval"]  # type: ignore[attr-defined]
        for name, value in metrics.items():
            log[f"exopd/{name}"].append(accelerator.gather_for_metrics(value).float().mean().item())
        return (loss, None) if return_outputs else loss

    def _compute_loss(
        self, student: Any, inputs: dict[str, Any], denominator: Any, watch: bool
    ) -> tuple[Tensor, dict[str, Tensor]]:
        mask = inputs["completion_mask"].bool()
        if "tool_mask" in inputs:
            mask = mask & inputs["tool_mask"].bool()
        accelerator = self.accelerator  # type: ignore[attr-defined]
        bare = {name: accelerator.unwrap_model(judge) for name, judge in self._judges.items()}
        linear = all(_is_linear(model) for model in (student, *bare.values()))
        scored: dict[str, Any] = {}
        with torch.no_grad():
            for name, judge in self._judges.items():
                if name != "reference" or self.reward_scale != 1:  # where it is 1, R drops out of the loss
                    scored[name] = self._forward_redirection(  # type: ignore[attr-defined]
                        judge, bare[name], self._score, bare[name], inputs, linear, name
                    )
        teacher: Any = scored.get("teacher")
        if self._tags is not None:
            teacher = Teachers({tag: scored[f"teacher/{tag}"] for tag in self._tags}, route=inputs["teacher_route"])
        models = (self._score(student, inputs, linear), teacher, scored.get("reference"))
        shape = {"reward_scale": self.reward_scale, "temperature": self.temperature}  # type: ignore[attr-defined]
        out = ExOPDLoss(**shape)(*models, mask=mask, denominator=denominator)
        metrics = {name: out.diagnostics[name] for name in ("mean", "lowest", "highest")}
        if watch:
            end = self._tokenizer.eos_token_id  # type: ignore[attr-defined]
            metrics |= diagnostics(*models, **shape, mask=mask, eos_token=end)
        return out.loss, metrics

    def _score(self, model: Any, inputs: dict[str, Any], linear: bool, name: str = "student") -> Any:
        """Logits, or hidden states and head, for every token of the completions after the prompts of that model."""
        ids, mask = (inputs.get(f"{name}_{key}", inputs[key]) for key in ("prompt_ids", "prompt_mask"))
        ids = torch.cat([ids, inputs["completion_ids"]], 1)
        mask = torch.cat([mask, inputs["completion_mask"]], 1)
        width = inputs["completion_ids"].shape[1]
        images = {key: inputs[key] for key in _IMAGES if key in inputs}
        if not linear:
            logits = model(input_ids=ids, attention_mask=mask, use_cache=False, **images).logits
            return logits[:, -width - 1 : -1]
        hidden = self._get_last_hidden_state(model, ids, mask, width, **images)  # type: ignore[attr-defined]
        head = model.get_output_embeddings()
        weight, bias = _whole(head.weight), _whole(getattr(head, "bias", None))
        dtype = torch.promote_types(hidden.dtype, weight.dtype)
        return LinearHead(hidden.to(dtype), weight.to(dtype), None if bias is None else bias.to(dtype))


def _check_arguments(args: Any, teacher: Any, reference: Any, reward_scale: Any) -> None:
    if isinstance(reward_scale, bool) or not isinstance(reward_scale, Real):
        got, repair = type(reward_scale).__name__, "For a schedule, assign trainer.reward_scale between steps"
        raise bad_type(_OP, "reward_scale", "be a number", got, repair)
    if (teacher is None and reward_scale != 0) or (isinstance(teacher, Mapping) and not teacher):
        raise bad_value(_OP, "teacher_model", "be a path or a model", teacher, "Pass the model to learn from")
    if reference is None and reward_scale != 1:
        got, repair = f"None with reward_scale {reward_scale}", "Pass what the student was before, or reward_scale=1"
        raise bad_value(_OP, "reference_model", "be a path or a model unless reward_scale is 1", got, repair)
    if args is not None and getattr(args, "beta", 1.0) != 1.0:
        raise bad_value(_OP, "args.beta", "be 1, since the loss is a reverse divergence", args.beta, "Leave it out")


def _by_name(name: str, value: Any) -> dict[str, Any]:
    """``teacher``, or ``teacher/<tag>`` for several; nothing for None."""
    if isinstance(value, Mapping):
        return {f"{name}/{tag}": one for tag, one in value.items()}
    return {} if value is None else {name: value}


def _index(tags: Sequence[str], tag: Any) -> int:
    if tag not in tags:
        got = "no such column" if tag is None else repr(tag)
        raise bad_value(_OP, "column teacher", f"hold tags out of {list(tags)}", got, "Tag every row of the data set")
    return tags.index(tag)


def _is_chat(prompt: Any) -> bool:
    return isinstance(prompt, Sequence) and not isinstance(prompt, str)


def _is_linear(model: Any) -> bool:
    """Whether a model's logits are its head's product with the last hidden state, and nothing more."""
    config = model.config.get_text_config()
    plain = all(getattr(config, name, None) in (None, 1, 1.0) for name in _AFTER_HEAD)
    return plain and isinstance(model.get_output_embeddings(), torch.nn.Linear)


def _whole(tensor: Any) -> Any:
    """A sharded parameter (DTensor) gathered once; anything else as it is."""
    return tensor.full_tensor() if hasattr(tensor, "full_tensor") else tensor


def _model_at(path: Any, args: Any) -> Any:
    from trl.trainer.utils import create_model_from_path

    options = dict(args.teacher_model_init_kwargs or {})
    options.setdefault("trust_remote_code", args.trust_remote_code)
    if args.distributed_state.distributed_type in ("MULTI_GPU", "DEEPSPEED"):
        options["device_map"] = None
    return create_model_from_path(os.fspath(path), **options)


def _tokenizer_at(name: str, path: Any) -> Any:
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(path)
    except (OSError, ValueError) as error:
        got = f"none beside the weights in {os.fspath(path)!r}"
        repair = f"Save it there, or pass {name}_processing_class"
        raise bad_value(_OP, f"{name}_processing_class", "be a tokenizer", got, repair) from error


def _check_vocabulary(name: str, student: Any, judge: Any, own: Any, other: Any) -> None:
    """The same number of logits, and the same token behind every id."""
    if not hasattr(judge, "get_output_embeddings"):
        got = type(judge).__name__
        raise bad_type(_OP, f"{name}_model", "be a path or a causal language model", got, "Load it with transformers")
    sizes = [model.config.get_text_config().vocab_size for model in (student, judge)]
    if sizes[0] != sizes[1]:
        got, repair = f"{sizes[1]}, not the student's {sizes[0]}", "Resize the embeddings of one to those of the other"
        raise bad_value(_OP, f"{name}_model", "have the student's vocabulary size", got, repair)
    if own is other:
        return
    mine, theirs = own.get_vocab(), other.get_vocab()
    wrong = sorted(token for token in mine.keys() | theirs.keys() if mine.get(token) != theirs.get(token))
    if wrong:
        got = f"{len(wrong)} that differ, such as {wrong[0]!r}: {mine.get(wrong[0])} and {theirs.get(wrong[0])}"
        repair = "Completions are scored token by token; take a teacher with the student's tokenizer"
        raise bad_value(_OP, f"{name}_processing_class", "give every token the student's id", got, repair)


def _pad_left(rows: Sequence[Sequence[int]], padding: int) -> tuple[Tensor, Tensor]:
    width = max(map(len, rows))
    ids = torch.tensor([[padding] * (width - len(row)) + list(row) for row in rows])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    return ids, mask


@cache
def _trainer() -> type:
    try:
        from trl import DistillationTrainer
    except ImportError:
        raise missing_extra(_OP, "trl", "trl") from None
    return type(
        "ExOPDTrainer", (ExOPDMixin, DistillationTrainer), {"__doc__": ExOPDMixin.__doc__, "__module__": __name__}
    )


def __getattr__(name: str) -> Any:
    if name == "ExOPDTrainer":
        return _trainer()
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
