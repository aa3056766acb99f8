"""A small language model whose layers are linear attention."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from composekit.attention import HybridCache, HybridConfig, LightningAttention
from composekit.distill import LinearHead
from pipeline.problems import END, PAD


class Block(nn.Module):
    """Attention and a feed-forward network, each behind a norm."""

    def __init__(self, config: HybridConfig, layer: int) -> None:
        super().__init__()
        width = config.d_model
        self.mixer_norm, self.mlp_norm = nn.RMSNorm(width), nn.RMSNorm(width)
        self.mixer = LightningAttention(config, layer)
        self.mlp = nn.Sequential(nn.Linear(width, 4 * width), nn.SiLU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor, mask: Tensor | None, cache: HybridCache | None) -> Tensor:
        x = x + self.mixer(self.mixer_norm(x), attention_mask=mask, cache=cache)
        return x + self.mlp(self.mlp_norm(x))


class Reader(nn.Module):
    """Embedding, three layers, and a head over what can be said: the numbers and the end.

    Args:
        vocabulary: How many tokens can be read.
        width: Channels of the hidden states.
    """

    def __init__(self, vocabulary: int, width: int = 96) -> None:
        super().__init__()
        config = HybridConfig(d_model=width, num_layers=3, num_heads=4, sparse_layers=(), linear_rope=False)
        self.embedding = nn.Embedding(vocabulary, width)
        self.blocks = nn.ModuleList([Block(config, layer) for layer in range(config.num_layers)])
        self.norm = nn.RMSNorm(width)
        self.weight = nn.Parameter(torch.randn(END + 1, width) * width**-0.5)

    def copy(self) -> Reader:
        return copy.deepcopy(self)

    def hidden(self, tokens: Tensor, cache: HybridCache | None = None) -> Tensor:
        """Hidden states ``[N, T, D]`` of tokens ``[N, T]``; padding is not read."""
        x, mask = self.embedding(tokens), tokens != PAD
        for block in self.blocks:
            x = block(x, mask, cache)
        return self.norm(x)

    def head(self, prompts: Tensor, response: Tensor) -> LinearHead:
        """What predicts each token of a response ``[N, S]`` to prompts ``[N, T]``: hidden states and the head."""
        states = self.hidden(torch.cat([prompts, response[:, :-1]], dim=1))
        return LinearHead(states[:, prompts.shape[1] - 1 :], self.weight)

    @torch.no_grad()
    def respond(self, prompts: Tensor, steps: int, generator: torch.Generator | None = None) -> Tensor:
        """Responses ``[N, steps]``, padded behind their end; drawn from the generator, or the likeliest tokens without one.

        The prompts are read once. From then on each step reads one token and the cache, whose size stays the same.
        """
        cache, tokens, response = HybridCache(), prompts, []
        over = torch.zeros(len(prompts), dtype=torch.bool)
        for _ in range(steps):
            logits = self.hidden(tokens, cache)[:, -1] @ self.weight.mT
            if generator is None:
                drawn = logits.argmax(-1)
            else:
                drawn = torch.multinomial(logits.softmax(-1), 1, generator=generator).squeeze(1)
            response.append(drawn.masked_fill(over, PAD))
            over = over | (drawn == END)
            tokens = drawn[:, None]
        return torch.stack(response, dim=1)
