"""
From prompt to generator
========================

The way of the data through a stacked channel bridge, drawn from the shapes of a run with tiny random models; and what
padding does to a bridge that does not mask it.
"""

import matplotlib.pyplot as plt
import torch
from matplotlib.axes import Axes
from matplotlib.patches import FancyArrowPatch, Rectangle
from transformers import Qwen2Config, Qwen2ForCausalLM, logging

from composekit.bridge import HiddenStateTap, StackedChannelBridge, tap_layers

logging.set_verbosity_error()
torch.manual_seed(0)
DEPTH, WIDTH, Q = 12, 64, 6
config = Qwen2Config(
    vocab_size=128,
    hidden_size=WIDTH,
    intermediate_size=128,
    num_hidden_layers=DEPTH,
    num_attention_heads=4,
    num_key_value_heads=2,
)
reader = Qwen2ForCausalLM(config).eval().requires_grad_(False)
bridge = StackedChannelBridge(
    WIDTH,
    layers=tap_layers(DEPTH, count=4),
    num_tokens=Q,
    width=64,
    depth=2,
    heads=4,
    mlp_dim=128,
    out_dim=48,
    pooled_dim=32,
).eval()

# %%
# Two prompts of unlike length, padded on the left as chat templates do. The think tokens come last in both rows.
input_ids = torch.tensor([[0, 0, 0, 17, 42, 99, 3], [5, 8, 13, 21, 34, 55, 89]])
attention_mask = (torch.arange(7) >= torch.tensor([[3], [0]])).long()
states, inputs = bridge.think.run(reader, bridge.layers, input_ids=input_ids, attention_mask=attention_mask)
output = bridge(states, mask=inputs.attention_mask, think_index=inputs.think_index)
print("taps", bridge.layers, [tuple(s.shape) for s in states])
print("embeds", tuple(output.embeds.shape), "pooled", tuple(output.pooled.shape))

# %%
# The picture. Every number in it is a shape of the run above.
PAD, TEXT, THINK, TAP = "#e3e6ea", "#3a7ca5", "#f2a541", "#16425b"


def box(axis: Axes, x: float, y: float, w: float, h: float, colour: str, text: str = "", ink: str = "white") -> None:
    axis.add_patch(Rectangle((x, y), w, h, facecolor=colour, edgecolor="white", lw=1))
    axis.text(x + w / 2, y + h / 2, text, ha="center", va="center", color=ink, fontsize=8)


def arrow(axis: Axes, start: tuple[float, float], end: tuple[float, float], colour: str = "#5f6368") -> None:
    axis.add_patch(FancyArrowPatch(start, end, arrowstyle="-|>", mutation_scale=9, color=colour, lw=1.1))


figure, axis = plt.subplots(figsize=(11, 4.8), layout="constrained")
axis.set(xlim=(0, 22), ylim=(-0.7, 9.2))
axis.axis("off")
total = inputs.inputs_embeds.shape[1]
cell = 5.2 / total
for b in range(2):
    for t in range(total):
        real, think = bool(inputs.attention_mask[b, t]), bool((inputs.think_index[b] == t).any())
        colour = THINK if think else TEXT if real else PAD
        label = str(int(inputs.position_ids[b, t])) if real else ""
        box(axis, 0.1 + t * cell, 0.9 - 0.75 * b, cell, 0.65, colour, label)
axis.text(0.1, 1.75, f"prompt + {Q} think tokens  {tuple(inputs.inputs_embeds.shape)}", fontsize=9)
axis.text(
    5.6,
    1.15,
    "numbers are positions, grey is padding;\nthink tokens read the prompt and are not read by it",
    fontsize=8,
    color="#5f6368",
    va="top",
)
arrow(axis, (2.7, 2.15), (2.7, 2.5))
for k in range(DEPTH):
    y = 2.5 + k * 0.5
    box(axis, 0.6, y, 4.2, 0.42, "#cfd8e3", f"layer {k}", ink="#3c4043")
    if k + 1 in bridge.layers:
        box(axis, 4.9, y, 0.9, 0.42, TAP, f"h{k + 1}")
axis.text(0.6, 8.65, f"reader: {DEPTH} layers, {len(bridge.layers)} taps {tuple(states[0].shape)}", fontsize=9)
for i, k in enumerate(bridge.layers):
    y = 2.5 + (k - 1) * 0.5 + 0.21
    target = 6.9 - i * 0.75
    arrow(axis, (5.85, y), (7.4, target))
    box(axis, 7.5, target - 0.3, 2.3, 0.6, TAP, f"ρ · h{k} Wᵀ")
    arrow(axis, (9.85, target), (10.9, 5.75), "#9aa0a6")
axis.text(7.5, 7.6, "channel bridge: a sum,\nnever a stack", fontsize=9)
box(axis, 11.0, 5.25, 0.9, 0.95, "#5f6368", "Σ")
arrow(axis, (11.95, 5.75), (12.9, 5.75))
box(axis, 13.0, 4.4, 2.6, 2.6, "#7a8b99", "connector\nbidirectional,\nmasked")
axis.text(13.0, 7.2, f"{(*inputs.inputs_embeds.shape[:2], bridge.bridge.out_dim)}", fontsize=9)
arrow(axis, (15.65, 6.3), (17.0, 7.0))
arrow(axis, (15.65, 5.1), (17.0, 4.4))
box(axis, 17.1, 6.6, 2.4, 0.8, THINK, "think positions")
box(axis, 17.1, 4.0, 2.4, 0.8, TEXT, "masked mean")
axis.text(17.1, 7.55, f"embeds {tuple(output.embeds.shape)}", fontsize=9)
axis.text(17.1, 3.6, f"pooled {tuple(output.pooled.shape)}", fontsize=9)
arrow(axis, (19.55, 7.0), (20.4, 6.1))
arrow(axis, (19.55, 4.4), (20.4, 5.3))
box(axis, 20.4, 4.9, 1.5, 1.6, "#16425b", "generator")
plt.show()

# %%
# The same prompt with more and more padding beside it. The bridge masks it; run without masks, as published code does, the
# pooled vector drifts with the company that the prompt keeps.
prompt = input_ids[1:]


@torch.no_grad()
def drift(pads: int) -> tuple[float, float]:
    """How far the pooled vector moves, with the mask and without, relative to its length."""
    want = bridge.encode(reader, input_ids=prompt).pooled
    rows = torch.cat([torch.zeros(1, pads, dtype=torch.long), prompt], 1)
    mask = torch.cat([torch.zeros(1, pads, dtype=torch.long), torch.ones_like(prompt)], 1)
    masked = bridge.encode(reader, input_ids=rows, attention_mask=mask).pooled
    extended = bridge.think.extend(reader.get_input_embeddings()(rows), mask)
    with HiddenStateTap(reader, bridge.layers) as tap:
        reader(
            inputs_embeds=extended.inputs_embeds,
            attention_mask=extended.attention_mask,
            position_ids=extended.position_ids,
        )
    bare = bridge(tap.states, think_index=extended.think_index).pooled
    return tuple(float((x - want).norm() / want.norm()) for x in (masked, bare))


counts = (0, 1, 3, 6, 12, 24)
masked, bare = zip(*(drift(n) for n in counts), strict=True)
print("masked", [f"{x:.1e}" for x in masked])
print("bare  ", [f"{x:.1e}" for x in bare])
figure, axis = plt.subplots(figsize=(5, 3), layout="constrained")
axis.plot(counts, bare, "o-", color="#9aa0a6", label="padding not masked")
axis.plot(counts, masked, "o-", color=TAP, label="masked")
axis.set(xlabel="pads beside the prompt", ylabel="relative change of pooled")
axis.spines[["top", "right"]].set_visible(False)
axis.legend(frameon=False)
plt.show()
