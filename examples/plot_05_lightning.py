"""
A memory that fades: training with linear attention
===================================================

A :class:`composekit.attention.LightningAttention` layer keeps one matrix per head instead of all keys and values, and
forgets at one rate per head. This example trains a small model that has to look things up in such a memory, shows which
distances each head can serve, lets the rates be learned, and decodes token by token.
"""

# %%
# A task for a memory
# -------------------
# Every token brings a name and a number, "x is 3", or a name alone, "x?". The answer is the number that this name had last.
# Nothing helps but remembering, and what is asked for was said up to a hundred tokens ago or more.

import matplotlib.pyplot as plt
import torch
from torch import nn
from torch.nn import functional as F

from composekit.attention import HybridCache, HybridConfig, LightningAttention, alibi_slopes

torch.manual_seed(0)
NAMES, NUMBERS, LENGTH = 16, 8, 192


def draw(batch, ask=0.3):
    """Names, numbers (``NUMBERS`` stands for a question), answers, and how long ago each answer was given (0: never)."""
    names = torch.randint(NAMES, (batch, LENGTH))
    numbers = torch.randint(NUMBERS, (batch, LENGTH))
    numbers[torch.rand(batch, LENGTH) < ask] = NUMBERS
    latest = torch.full((batch, NAMES), -1)
    answers, ages = torch.full((batch, LENGTH), -100), torch.zeros(batch, LENGTH, dtype=torch.long)
    rows = torch.arange(batch)
    for t in range(LENGTH):
        said = latest[rows, names[:, t]]
        asked = (numbers[:, t] == NUMBERS) & (said >= 0)
        answers[asked, t] = numbers[rows, said.clamp(min=0)][asked]
        ages[asked, t] = (t - said)[asked]
        told = numbers[:, t] < NUMBERS
        latest[rows[told], names[told, t]] = t
    return names, numbers, answers, ages


# %%
# The model
# ---------
# Embeddings, two linear layers with a feed-forward network each, a head. Looking a name up needs no position, so the rotary
# encoding is off.


class Block(nn.Module):
    def __init__(self, config, layer):
        super().__init__()
        self.norms = nn.ModuleList([nn.RMSNorm(config.d_model) for _ in range(2)])
        self.mixer = LightningAttention(config, layer)
        self.mlp = nn.Sequential(
            nn.Linear(config.d_model, 2 * config.d_model), nn.SiLU(), nn.Linear(2 * config.d_model, config.d_model)
        )

    def forward(self, x, cache=None):
        x = x + self.mixer(self.norms[0](x), cache=cache)
        return x + self.mlp(self.norms[1](x))


class Model(nn.Module):
    def __init__(self, **options):
        super().__init__()
        config = HybridConfig(d_model=64, num_layers=2, num_heads=4, sparse_layers=(), linear_rope=False, **options)
        self.names, self.numbers = nn.Embedding(NAMES, 64), nn.Embedding(NUMBERS + 1, 64)
        self.blocks = nn.ModuleList([Block(config, layer) for layer in range(config.num_layers)])
        self.head = nn.Linear(64, NUMBERS)

    def forward(self, names, numbers, cache=None):
        x = self.names(names) + self.numbers(numbers)
        for block in self.blocks:
            x = block(x, cache)
        return self.head(x)


def train(model, steps=260, batch=8):
    optimizer = torch.optim.AdamW(model.parameters(), lr=4e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, total_steps=steps)
    losses = []
    for _ in range(steps):
        names, numbers, answers, _ = draw(batch)
        loss = F.cross_entropy(model(names, numbers).flatten(0, 1), answers.flatten())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    return losses


torch.manual_seed(0)
models = {"fixed rates": Model(), "learned rates": Model(learned_slopes=True)}
losses = {name: train(model) for name, model in models.items()}

# %%
# Right answers by distance
# -------------------------
# The fixed rates are those of MiniCPM-SALA: with four heads, half-lives from 3 to 177 tokens. Both models look names up
# almost without fault while the slow heads still hear them, and find little where only the slowest does. In a run as short
# as this one, learning the rates gains little.

names, numbers, answers, ages = draw(64)
edges = [1, 4, 8, 16, 32, 64]
figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.6))
for name, model in models.items():
    with torch.no_grad():
        correct = model(names, numbers).argmax(-1) == answers
    shares = [
        correct[(ages >= low) & (ages < high)].float().mean()
        for low, high in zip(edges, [*edges[1:], 10**9], strict=True)
    ]
    left.plot(losses[name], label=name)
    right.plot(edges, shares, "o-", label=name)
    print(name, [f"{share:.2f}" for share in shares])
left.set(xlabel="step", ylabel="loss")
left.axhline(torch.tensor(NUMBERS).log(), color="0.6", lw=0.8)
right.set(xlabel="tokens since the answer was given (from)", ylabel="right answers", xscale="log", ylim=(0, 1.02))
right.axhline(1 / NUMBERS, color="0.6", lw=0.8)
right.legend()
figure.tight_layout()

# %%
# What the heads remember
# -----------------------
# A head with rate *s* has forgotten half of what it heard after ln 2 / s tokens. The learned model began with the same.

figure, axis = plt.subplots(figsize=(6, 3.2))
axis.plot(torch.log(torch.tensor(2.0)) / alibi_slopes(4), "k_", ms=24, label="fixed")
for layer, block in enumerate(models["learned rates"].blocks):
    half_lives = torch.log(torch.tensor(2.0)) / block.mixer.slopes.detach()
    axis.plot(half_lives, "o", label=f"learned, layer {layer}")
axis.set(xlabel="head", ylabel="half-life in tokens", yscale="log", xticks=range(4))
axis.legend()
figure.tight_layout()

# %%
# Decoding
# --------
# One cache serves both layers. The first half is read in one piece, the rest token by token; the state is updated in place
# and its size does not depend on how much was read.

model, cache = models["learned rates"], HybridCache()
with torch.no_grad():
    whole = model(names[:1], numbers[:1])
    pieces = [model(names[:1, :96], numbers[:1, :96], cache)]
    size = cache.nbytes
    for t in range(96, LENGTH):
        pieces.append(model(names[:1, t : t + 1], numbers[:1, t : t + 1], cache))
print("largest difference from reading everything at once:", (torch.cat(pieces, 1) - whole).abs().max().item())
print("bytes of memory after 96 tokens and after", LENGTH, "tokens:", size, cache.nbytes)
plt.show()
