"""Tiny models, a tokenizer and a batch for the contract tests of the distillation loops. No download."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

PAGE = Path(__file__).resolve().parents[2] / "docs" / "guide" / "distill_loops.md"
WORDS = ["user:", "teacher,", "think:", "answer:", "What", "is", "plus", "times", "?"]
PIECES = ("<pad>", "<eos>", "<unk>", *"0123456789", *WORDS)

_TEMPLATE = (
    "{% for m in messages %}BEFORE {{ m['content'] }} {% endfor %}{% if add_generation_prompt %}AFTER{% endif %}"
)
STUDENT_TEMPLATE = _TEMPLATE.replace("BEFORE", "user:").replace("AFTER", "answer:")
TEACHER_TEMPLATE = _TEMPLATE.replace("BEFORE", "teacher, think:").replace("AFTER", "? answer:")


def tokenizer(template: str | None = None, pieces: tuple[str, ...] = PIECES) -> Any:
    """Words of digits and letters."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    core = Tokenizer(models.WordLevel({piece: i for i, piece in enumerate(pieces)}, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made = PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", eos_token="<eos>", unk_token="<unk>", padding_side="left"
    )
    made.chat_template = template
    return made


def llama(seed: int, *, hidden: int = 16, vocabulary: int = len(PIECES)) -> Any:
    """A random causal language model whose logits are spread enough to disagree."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=vocabulary, hidden_size=hidden, intermediate_size=32, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, pad_token_id=0, eos_token_id=1, bos_token_id=1, max_position_embeddings=64,
        tie_word_embeddings=False,
    )  # fmt: skip
    model = LlamaForCausalLM(config)
    with torch.no_grad():
        model.lm_head.weight.mul_(30)
    return model.eval()


def batch(seed: int = 0, rows: int = 4, prompt: int = 5, width: int = 6) -> dict[str, Tensor]:
    """Prompts padded on the left, completions padded on the right, lengths that all differ."""
    generator = torch.Generator().manual_seed(seed)
    prompt_ids = torch.randint(3, len(PIECES), (rows, prompt), generator=generator)
    completion_ids = torch.randint(3, len(PIECES), (rows, width), generator=generator)
    prompt_mask = torch.arange(prompt).expand(rows, -1) >= torch.arange(rows)[:, None] % prompt
    completion_mask = torch.arange(width).expand(rows, -1) < width - torch.arange(rows)[:, None] % width
    return {
        "prompt_ids": prompt_ids.masked_fill(~prompt_mask, 0),
        "prompt_mask": prompt_mask.long(),
        "completion_ids": completion_ids.masked_fill(~completion_mask, 0),
        "completion_mask": completion_mask.long(),
    }


def plain_logits(model: Any, ids: Tensor, mask: Tensor, width: int) -> Tensor:
    """What the model itself says the logits of the completion's tokens are."""
    return model(input_ids=ids, attention_mask=mask).logits[:, -width - 1 : -1]


def plain_loss(
    student: Any, judged: dict[str, tuple[Any, Tensor, Tensor]], data: dict[str, Tensor], scale: float
) -> Tensor:
    """The sum of the loss over trained tokens, spelled out from logits in float64: nothing of the library is used.

    ``judged`` has model, prompt ids and prompt mask for ``teacher`` and ``reference``.
    """
    width, keep = data["completion_ids"].shape[1], data["completion_mask"].double()
    logs = {}
    models = {"student": (student, data["prompt_ids"], data["prompt_mask"]), **judged}
    for name, (model, prompt_ids, prompt_mask) in models.items():
        ids = torch.cat([prompt_ids, data["completion_ids"]], 1)
        mask = torch.cat([prompt_mask, data["completion_mask"]], 1)
        with torch.set_grad_enabled(name == "student"):
            logs[name] = plain_logits(model, ids, mask, width).double().log_softmax(-1)
    target = scale * logs["teacher"]
    if "reference" in logs:
        target = target + (1 - scale) * logs["reference"]
    return ((logs["student"].exp() * (logs["student"] - target)).sum(-1) * keep).sum()


def gradients(model: Any) -> dict[str, Tensor]:
    """Copies of the gradients by name."""
    return {name: p.grad.clone() for name, p in model.named_parameters() if p.grad is not None}


def assert_same_gradients(got: dict[str, Tensor], want: dict[str, Tensor], bound: float = 2e-5) -> None:
    """Equal names, and a difference that is small against the whole gradient."""
    assert got.keys() == want.keys()
    assert got
    difference = sum((got[name].double() - want[name].double()).square().sum() for name in want).sqrt()
    size = sum(value.double().square().sum() for value in want.values()).sqrt()
    assert size > 1e-3
    assert difference <= bound * size, f"relative difference {difference / size:.2e}"


def page_blocks() -> dict[str, str]:
    """The Python blocks of the guide by the section that they stand in, joined."""
    sections: dict[str, str] = {}
    title = ""
    for part in re.split(r"^(## .*)$", PAGE.read_text(), flags=re.M):
        if part.startswith("## "):
            title = part.removeprefix("## ").strip()
        elif title:
            sections[title] = "\n".join(re.findall(r"^```python\n(.*?)^```", part, flags=re.M | re.S))
    return {title: code for title, code in sections.items() if code}
