"""The whole experiment: one reader, and for every arm and seed a bridge and a generator; summed up as rows."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from bridge_scenes.generator import Generator, flow_loss, generate
from bridge_scenes.reader import answers_right, train_reader
from bridge_scenes.scenes import LONGEST, Facts, Judged, captions, judge, render, sample, split, to_image, tokens
from composekit.bridge import BridgeOutput, StackedChannelBridge, tap_layers

Row = dict[str, Any]

# name: (stacked channels, think tokens)
ARMS = {
    "last layer": (False, False), "last layer + think": (False, True),
    "stacked": (True, False), "stacked + think": (True, True),
}  # fmt: skip
MEASURES = ("correct", "objects", "colour", "shape", "count", "relation", "count_by_reference", "flow_loss")
CONTRASTS = {
    "stacked - last layer, without think": (("stacked", 1), ("last layer", -1)),
    "stacked - last layer, with think": (("stacked + think", 1), ("last layer + think", -1)),
    "think - none, last layer": (("last layer + think", 1), ("last layer", -1)),
    "think - none, stacked": (("stacked + think", 1), ("stacked", -1)),
}
# two-sided 95 % points of Student's t, by degrees of freedom
_T95 = (math.nan, 12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262)


@dataclass(frozen=True)
class Settings:
    """How much to do."""

    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    reader_width: int = 48
    reader_depth: int = 6
    reader_steps: int = 600
    reader_batch: int = 32
    think: int = 8
    taps: int = 3
    width: int = 48
    blocks: int = 2
    steps: int = 360
    batch: int = 32
    lr: float = 5e-3
    test: int = 256
    euler: int = 12


FULL = Settings()
QUICK = Settings(seeds=(0, 1), reader_steps=10, reader_batch=32, think=4, steps=12, batch=32, test=64, euler=4)


class Outcome(NamedTuple):
    """One trained arm of one seed: its measures, its size, and pictures for the first test captions."""

    measures: dict[str, float]
    parameters: int
    pictures: Tensor


@cache
def reader_of(settings: Settings) -> nn.Module:
    """The frozen reader, the same for all arms and seeds, trained once a process."""
    train, _ = split()
    return train_reader(
        train, width=settings.reader_width, depth=settings.reader_depth, steps=settings.reader_steps,
        batch=settings.reader_batch,
    )  # fmt: skip


def make_bridge(settings: Settings, arm: str) -> StackedChannelBridge:
    """The bridge of an arm. What an arm saves in taps and tokens goes into its connector, so that all are of one size."""
    stacked, think = ARMS[arm]
    most = settings.taps if stacked else 1
    saved = (settings.taps - most) * settings.reader_width * settings.width
    saved += 0 if think else settings.think * settings.reader_width
    per_hidden = 2 * settings.width + 1
    depth = settings.reader_depth
    return StackedChannelBridge(
        settings.reader_width,
        layers=tap_layers(depth, count=settings.taps) if stacked else (depth,),
        num_tokens=settings.think if think else 0,
        width=settings.width,
        depth=1,
        heads=4,
        mlp_dim=2 * settings.width + round(saved / per_hidden),
        out_dim=settings.width,
        pooled_dim=settings.width,
        emit="all",
        rope=True,
    )


def _read(bridge: StackedChannelBridge, reader: nn.Module, facts: Facts, seed: int) -> BridgeOutput:
    ids, mask = tokens(captions(facts, seed).words, LONGEST)
    return bridge.encode(reader, input_ids=ids, attention_mask=mask)


@cache
def run(settings: Settings, arm: str, seed: int) -> Outcome:
    """Train the bridge and the generator of an arm. Batches, noise and first weights of the generator are the seed's."""
    reader, (train, held_out) = reader_of(settings), split()
    torch.manual_seed(seed)
    model = Generator(settings.width, settings.blocks)
    bridge = make_bridge(settings, arm)
    groups = [*bridge.parameter_groups(weight_decay=0.01), {"params": model.parameters(), "weight_decay": 0.01}]
    optimizer = torch.optim.AdamW(groups, lr=settings.lr, betas=(0.9, 0.98), fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, settings.lr, total_steps=settings.steps + 1)
    generator = torch.Generator().manual_seed(seed)
    learned = [p for group in optimizer.param_groups for p in group["params"]]
    for step in range(settings.steps):
        facts = sample(train, settings.batch, generator)
        cells = render(facts, generator)
        noise = torch.randn(cells.shape, generator=generator)
        time = torch.rand(len(cells), generator=generator)
        given = _read(bridge, reader, facts, seed * settings.steps + step)
        loss = flow_loss(model, cells, noise, time, given).mean()
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(learned, 1.0)
        optimizer.step()
        schedule.step()
    measures, pictures = _test(settings, model, bridge, reader, held_out.rows(torch.arange(settings.test)))
    return Outcome(measures, sum(p.numel() for p in learned), pictures)


@torch.no_grad()
def _test(
    settings: Settings, model: Generator, bridge: StackedChannelBridge, reader: nn.Module, facts: Facts
) -> tuple[dict[str, float], Tensor]:
    """On held-out scenes, with the same captions, noise and times in every arm and seed."""
    generator = torch.Generator().manual_seed(12345)
    given = _read(bridge, reader, facts, 0)
    cells = render(facts, generator)
    noise = torch.randn(cells.shape, generator=generator)
    spread = (torch.randperm(len(cells), generator=generator) + 0.5) / len(cells)
    loss = flow_loss(model, cells, noise, spread, given).mean()
    drawn = generate(model, noise, given, settings.euler)
    judged = judge(drawn, facts)
    measures = {name: value.float().mean().item() for name, value in judged._asdict().items()}
    measures["count_by_reference"] = judged.count[captions(facts, 0).by_reference].float().mean().item()
    return {**measures, "flow_loss": loss.item()}, drawn[:12]


def arms(settings: Settings) -> Iterator[Row]:
    """Every arm over all seeds, and what a picture of another caption would score."""
    asked = answers_right(reader_of(settings), split()[1])
    for arm in ARMS:
        yield {**_arm(settings, arm), "reader_answers": asked}
    yield {"arm": "right picture, other caption", "seeds": 1, **_chance(settings)}


def longer(settings: Settings) -> Iterator[Row]:
    """Does the last layer only need more time? The two arms without think tokens, with twice the steps."""
    settings = replace(settings, steps=2 * settings.steps)
    for arm, (_, think) in ARMS.items():
        if not think:
            yield _arm(settings, arm)


def _arm(settings: Settings, arm: str) -> Row:
    outcomes = [run(settings, arm, seed) for seed in settings.seeds]
    row: Row = {"arm": arm, "seeds": len(outcomes), "steps": settings.steps, "parameters": outcomes[0].parameters}
    for measure in MEASURES:
        values = [outcome.measures[measure] for outcome in outcomes]
        row |= {measure: statistics.fmean(values), f"{measure}_se": _error(values)}
        row[f"{measure}_all"] = [round(value, 4) for value in values]
    return row


def _chance(settings: Settings) -> Row:
    facts = split()[1].rows(torch.arange(settings.test))
    judged: Judged = judge(render(facts, torch.Generator().manual_seed(0)).roll(1, 0), facts)
    return {name: value.float().mean().item() for name, value in judged._asdict().items()}


def contrasts(settings: Settings) -> Iterator[Row]:
    """Differences between arms, paired by seed, with 95 % intervals of Student's t."""
    for name, signs in CONTRASTS.items():
        for measure in MEASURES:
            pairs = [
                sum(sign * run(settings, arm, seed).measures[measure] for arm, sign in signs) for seed in settings.seeds
            ]
            half = _T95[len(pairs) - 1] * _error(pairs)
            mean = statistics.fmean(pairs)
            yield {
                "contrast": name, "measure": measure, "difference": mean, "low": mean - half, "high": mean + half,
                "excludes_zero": abs(mean) > half, "seeds_above": sum(x > 0 for x in pairs), "seeds": len(pairs),
            }  # fmt: skip


def pictures(settings: Settings, count: int = 6) -> Iterator[Row]:
    """What the first seed draws for the first held-out captions; pixels as hexadecimal, two digits a channel."""
    facts = split()[1].rows(torch.arange(settings.test)).rows(torch.arange(count))
    words = captions(facts, 0).words
    truth = render(facts, torch.Generator().manual_seed(0))
    drawn = {"data": truth, **{arm: run(settings, arm, settings.seeds[0]).pictures[:count] for arm in ARMS}}
    for arm, cells in drawn.items():
        images = (to_image(cells) * 255).round().to(torch.uint8)
        right = judge(cells, facts).correct.tolist()
        for i, image in enumerate(images):
            yield {
                "arm": arm, "caption": " ".join(words[i]), "correct": right[i],
                "pixels": bytes(image.flatten().tolist()).hex(),
            }  # fmt: skip


PARTS = {"arms": arms, "contrasts": contrasts, "pictures": pictures, "longer": longer}


def _error(values: Sequence[float]) -> float:
    return statistics.stdev(values) / math.sqrt(len(values))
