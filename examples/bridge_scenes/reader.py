"""A small Llama that learns to read captions: it predicts captions, and answers to questions about them."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn import functional as F

from bridge_scenes.scenes import BOS, PAD, TOKEN, WORDS, Facts, captions, questions, sample, tokens


def make_reader(*, width: int, depth: int, seed: int) -> nn.Module:
    """An untrained ``LlamaForCausalLM``."""
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(WORDS),
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=depth,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=128,
        initializer_range=width**-0.5,
        pad_token_id=TOKEN[PAD],
        bos_token_id=TOKEN[BOS],
        eos_token_id=TOKEN[PAD],
        attn_implementation="sdpa",
    )
    return LlamaForCausalLM(config)


def train_reader(
    facts: Facts, *, width: int = 64, depth: int = 6, steps: int, batch: int, seed: int = 0, lr: float = 3e-3
) -> nn.Module:
    """Next-token prediction on captions with questions and answers behind them; then frozen."""
    reader, generator = make_reader(width=width, depth=depth, seed=seed), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(reader.parameters(), lr=lr, weight_decay=0.01, betas=(0.9, 0.98))
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=steps + 1, pct_start=0.1)
    for step in range(steps):
        some = sample(facts, batch, generator)
        ids, mask = _text(some, seed=steps * (seed + 1) + step)
        logits = reader(input_ids=ids, attention_mask=mask, use_cache=False).logits[:, :-1]
        labels = ids[:, 1:].masked_fill(mask[:, 1:] == 0, -100)
        loss = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-100)
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(reader.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return reader.eval().requires_grad_(False)


def _text(facts: Facts, seed: int, each: int = 3) -> tuple[torch.Tensor, torch.Tensor]:
    read, asked = captions(facts, seed).words, questions(facts, seed, each)
    return tokens([caption + more for caption, more in zip(read, asked, strict=True)])


@torch.no_grad()
def answers_right(reader: nn.Module, facts: Facts, seed: int = 0) -> float:
    """The share of questions that the reader answers right, one question a caption."""
    ids, mask = _text(facts, seed, each=1)
    logits = reader(input_ids=ids, attention_mask=mask, use_cache=False).logits
    last = mask.sum(1) - 1  # where the answer stands
    rows = torch.arange(len(ids))
    return (logits[rows, last - 1].argmax(-1) == ids[rows, last]).float().mean().item()
