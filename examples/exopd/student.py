"""A recurrent language model small enough for one core, its noisy base, and exact scores by enumeration."""

from __future__ import annotations

import copy
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from exopd.task import EXPLOIT, STEPS, VOCAB, Problems


class Student(nn.Module):
    """An embedding, a GRU and a head: the next-token distribution after every token."""

    def __init__(self, width: int = 96) -> None:
        super().__init__()
        self.embed = nn.Embedding(VOCAB, width)
        self.cell = nn.GRU(width, width, batch_first=True)
        self.head = nn.Linear(width, VOCAB)

    def forward(self, prompts: Tensor, tokens: Tensor) -> Tensor:
        """``[N, STEPS, VOCAB]``: the logits from which every token of an answer was, or would be, drawn."""
        hidden, _ = self.cell(self.embed(torch.cat([prompts, tokens[:, : STEPS - 1]], 1)))
        return self.head(hidden[:, -STEPS:])

    @torch.no_grad()
    def sample(self, prompts: Tensor, generator: torch.Generator) -> Tensor:
        """``[N, STEPS]``: answers at temperature one."""
        hidden, state = self.cell(self.embed(prompts))
        tokens = []
        for step in range(STEPS):
            if step:
                hidden, state = self.cell(self.embed(tokens[-1]), state)
            tokens.append(torch.multinomial(self.head(hidden[:, -1]).softmax(-1), 1, generator=generator))
        return torch.cat(tokens, 1)

    def copy(self) -> Student:
        """An independent model with the same weights."""
        return copy.deepcopy(self)


class Score(NamedTuple):
    """Exact probabilities under the model, averaged over problems.

    Attributes:
        accuracy: Of a right final digit.
        exploit: Of a first digit that the flawed reward pays for together with a wrong final one.
        entropy: Nats a token, along the model's own answers.
    """

    accuracy: float
    exploit: float
    entropy: float


@torch.no_grad()
def score(model: Student, test: Problems) -> Score:
    """Sum over all first tokens instead of sampling: no noise of evaluation is left in the comparisons."""
    n = len(test)
    first = torch.arange(VOCAB).repeat(n)
    log_p = model(test.prompts.repeat_interleave(VOCAB, 0), first[:, None]).log_softmax(-1).view(n, VOCAB, STEPS, VOCAB)
    p_first, p_second = log_p[:, 0, 0].exp(), log_p[:, :, 1].exp()  # [n, VOCAB] and [n, VOCAB, VOCAB]
    right = p_second.gather(2, test.answers[:, -1].view(n, 1, 1).expand(n, VOCAB, 1)).squeeze(2)
    wrong_exploit = (p_first * (1 - right))[:, list(EXPLOIT)].sum(1)
    entropy_second = torch.special.entr(p_second).sum(2)
    entropy = (torch.special.entr(p_first).sum(1) + (p_first * entropy_second).sum(1)) / STEPS
    return Score((p_first * right).sum(1).mean().item(), wrong_exploit.mean().item(), entropy.mean().item())


def train_base(train: Problems, *, seed: int, steps: int, batch: int, noise: float, width: int = 96) -> Student:
    """Supervised learning: half of the steps on right answers, then half on answers with random digits in them.

    In the second half every digit is replaced by a random one with probability ``noise``. The model learns to be as unsure
    as that data is noisy, while what it needs to know for better answers is there: much as a language model that has read
    more right solutions than it writes.
    """
    torch.manual_seed(seed)
    model, generator = Student(width), torch.Generator().manual_seed(seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=6e-3, weight_decay=0.1)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    for step in range(steps):
        chosen = train.sample(batch, generator)
        wrong = torch.randint(10, chosen.answers.shape, generator=generator)
        spoilt = torch.rand(wrong.shape, generator=generator) < (noise if 2 * step >= steps else 0.0)
        labels = torch.where(spoilt, wrong, chosen.answers)
        loss = F.cross_entropy(model(chosen.prompts, labels).flatten(0, 1), labels.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    return model
