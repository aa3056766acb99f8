"""Scenes of 16 x 16 pixels, a caption language for them, and a fixed decoder that tells exactly what a picture shows.

A scene has two groups of one to three equal objects. Each group keeps to one half of the canvas; the relation says to which.
Objects stand on a grid of 4 x 4 cells of 4 x 4 pixels. Where in its half an object stands is free, so a caption never
determines a picture: the generator has to sample.
"""

from __future__ import annotations

import random
from itertools import permutations, product
from typing import NamedTuple

import torch
from torch import Tensor

COLOURS = {
    "red": (1, -1, -1), "green": (-1, 1, -1), "blue": (-1, -1, 1),
    "yellow": (1, 1, -1), "purple": (1, -1, 1), "cyan": (-1, 1, 1),
}  # fmt: skip
SHAPES = {"square": "#########", "cross": ".#.###.#.", "ring": "####.####"}
NUMBERS = ("one", "two", "three")
RELATIONS = {"left": ("left", "of"), "right": ("right", "of"), "above": ("above",), "below": ("below",)}
OPPOSITE = (1, 0, 3, 2)  # of RELATIONS, by index
CELLS, PATCH = 16, 48  # 4 x 4 cells, 4 x 4 pixels of three channels
TOLERANCE = 0.25  # mean squared error of a cell beyond which it shows nothing known
PAD, BOS = "<pad>", "<bos>"
WORDS = (
    PAD, BOS, *COLOURS, *SHAPES, *NUMBERS, *RELATIONS, "of", "is", "as", "many", "more", "fewer",
    "how", "where", "what", "?",
)  # fmt: skip
TOKEN = {word: index for index, word in enumerate(WORDS)}
LONGEST = 11  # tokens of the longest caption


class Facts(NamedTuple):
    """What scenes show; int64 ``[N, 2]`` for the two groups, ``[N]`` for the relation of the first to the second."""

    count: Tensor
    colour: Tensor
    shape: Tensor
    relation: Tensor

    def rows(self, chosen: Tensor) -> Facts:
        """The facts of the chosen scenes."""
        return Facts(*(field[chosen] for field in self))


def all_facts() -> Facts:
    """Every scene that can be described: 9720 of them, in a fixed order."""
    table = [
        (n1, n2, c1, c2, s1, s2, r)
        for (n1, n2), (c1, c2), (s1, s2), r in product(
            product((1, 2, 3), repeat=2), permutations(range(6), 2), product(range(3), repeat=2), range(4)
        )
    ]
    columns = torch.tensor(table)
    return Facts(columns[:, 0:2], columns[:, 2:4], columns[:, 4:6], columns[:, 6])


def split(held_out: float = 0.2) -> tuple[Facts, Facts]:
    """Facts to train on and facts that are never trained on, neither by the reader nor by the generator."""
    facts = all_facts()
    order = torch.randperm(len(facts.relation), generator=torch.Generator().manual_seed(0))
    cut = round(len(order) * held_out)
    return facts.rows(order[cut:]), facts.rows(order[:cut])


def sample(facts: Facts, size: int, generator: torch.Generator) -> Facts:
    """A batch, with replacement."""
    return facts.rows(torch.randint(len(facts.relation), (size,), generator=generator))


# --- pictures ------------------------------------------------------------------------------------------------------------


def _templates() -> Tensor:
    """``[1 + 18, 48]``: an empty cell, and every colour in every shape. The background is 0, colours are corners of ±1."""
    cells = torch.zeros(1 + len(COLOURS) * len(SHAPES), 4, 4, 3)
    for index, (rgb, drawing) in enumerate(product(COLOURS.values(), SHAPES.values())):
        ink = torch.tensor([pixel == "#" for pixel in drawing]).view(3, 3, 1)
        cells[1 + index, :3, :3] = ink * torch.tensor(rgb, dtype=torch.float32)
    return cells.flatten(1)


TEMPLATES = _templates()


def _halves() -> Tensor:
    """bool ``[4, 16]``: the cells of each relation's half."""
    row, column = torch.arange(CELLS) // 4, torch.arange(CELLS) % 4
    return torch.stack([column < 2, column >= 2, row < 2, row >= 2])


def render(facts: Facts, generator: torch.Generator) -> Tensor:
    """``[N, 16, 48]``: pictures as cells of pixels, every object in a random free cell of its half."""
    cells = torch.zeros(len(facts.relation), CELLS, dtype=torch.long)
    for group, relation in enumerate((facts.relation, torch.tensor(OPPOSITE)[facts.relation])):
        order = torch.rand(cells.shape, generator=generator).masked_fill(~_halves()[relation], 2.0)
        chosen = order.argsort(1).argsort(1) < facts.count[:, group, None]
        kind = 1 + facts.colour[:, group] * len(SHAPES) + facts.shape[:, group]
        cells = torch.where(chosen, kind[:, None], cells)
    return TEMPLATES[cells]


def to_image(cells: Tensor) -> Tensor:
    """``[..., 16, 48]`` to ``[..., 16, 16, 3]`` in [0, 1], on grey."""
    grid = cells.unflatten(-1, (4, 4, 3)).unflatten(-4, (4, 4))
    return ((grid.transpose(-4, -3).flatten(-5, -4).flatten(-3, -2) + 1) / 2).clamp(0, 1)


def decode(cells: Tensor) -> Tensor:
    """int64 ``[N, 16]``: 0 for an empty cell, ``1 + 3 colour + shape`` for an object, -1 for what is neither."""
    error = (cells[:, :, None] - TEMPLATES).square().mean(-1)
    best, kind = error.min(-1)
    return torch.where(best <= TOLERANCE, kind, -1)


class Judged(NamedTuple):
    """What a picture has right, ``[N]``: bool but for the last.

    Attributes:
        colour: The two colours of the caption, and no other.
        shape: Every object of a colour has the shape that the caption gives to that colour.
        count: As many objects of each colour as the caption says.
        relation: All objects of each colour are in the half that the caption gives to it.
        correct: All of these, and nothing else in the picture.
        objects: float, the share of what is drawn, blurs included, that has a colour of the caption, and the shape and the
            half that go with it; 0 where nothing is drawn. The one measure that tells degrees.
    """

    colour: Tensor
    shape: Tensor
    count: Tensor
    relation: Tensor
    correct: Tensor
    objects: Tensor


def judge(cells: Tensor, facts: Facts) -> Judged:
    """Decode pictures and compare them with what they should show. A group that is missing has nothing right."""
    kinds = decode(cells)
    seen = kinds > 0
    colour, shape = (kinds - 1).div(len(SHAPES), rounding_mode="floor"), (kinds - 1) % len(SHAPES)
    sides = (facts.relation, torch.tensor(OPPOSITE)[facts.relation])
    of = [seen & (colour == facts.colour[:, group, None]) for group in (0, 1)]
    there = of[0].any(1) & of[1].any(1)
    right_colour = there & ((of[0] | of[1]) == seen).all(1)
    right_shape, right_count, right_relation = there.clone(), there.clone(), there.clone()
    fitting = torch.zeros_like(seen)
    for group, mine in enumerate(of):
        shaped, placed = shape == facts.shape[:, group, None], _halves()[sides[group]]
        fitting |= mine & shaped & placed
        right_shape &= (~mine | shaped).all(1)
        right_count &= mine.sum(1) == facts.count[:, group]
        right_relation &= (~mine | placed).all(1)
    correct = right_colour & right_shape & right_count & right_relation & (kinds >= 0).all(1)
    objects = fitting.sum(1) / (kinds != 0).sum(1).clamp(min=1)
    return Judged(right_colour, right_shape, right_count, right_relation, correct, objects)


# --- captions ------------------------------------------------------------------------------------------------------------


class Captions(NamedTuple):
    """Text for scenes.

    Attributes:
        words: A list of words a scene.
        by_reference: bool ``[N]``, True where the second count is said relative to the first ("as many", "one more").
    """

    words: list[list[str]]
    by_reference: Tensor


def captions(facts: Facts, seed: int) -> Captions:
    """One caption a scene, in one of two orders, half of the second counts relative where that can be said.

    "two red square left of three blue ring" may also be "left of one more blue ring is two red square"
    """
    rng, words, relative = random.Random(seed), [], []
    for count, colour, shape, relation in zip(*(field.tolist() for field in facts), strict=True):
        turned = rng.random() < 0.5  # the second group is named first
        groups = [(count[g], list(COLOURS)[colour[g]], list(SHAPES)[shape[g]]) for g in (0, 1)]
        (n, *first), (m, *second) = groups[::-1] if turned else groups
        said = {0: ["as", "many"], 1: ["one", "more"], -1: ["one", "fewer"]}.get(m - n)
        relative.append(said is not None and rng.random() < 0.5)
        amount = said if said is not None and relative[-1] else [NUMBERS[m - 1]]
        joint = list(RELATIONS[list(RELATIONS)[relation]])
        one, other = [NUMBERS[n - 1], *first], [*amount, *second]
        words.append([*joint, *one, "is", *other] if turned else [*one, *joint, *other])
    return Captions(words, torch.tensor(relative))


def tokens(words: list[list[str]], length: int | None = None) -> tuple[Tensor, Tensor]:
    """Token ids ``[N, T]`` padded on the right, and the mask, 0 or 1."""
    rows = [[TOKEN[word] for word in (BOS, *line)] for line in words]
    length = max(map(len, rows)) if length is None else length
    ids = torch.tensor([row + [TOKEN[PAD]] * (length - len(row)) for row in rows])
    return ids, (ids != TOKEN[PAD]).long()


def questions(facts: Facts, seed: int, each: int = 3) -> list[list[str]]:
    """Questions with their answers, for every scene: how many, what and where the objects of a colour are."""
    rng, lines = random.Random(seed), []
    names, shapes, sides = list(COLOURS), list(SHAPES), list(RELATIONS)
    for count, colour, shape, relation in zip(*(field.tolist() for field in facts), strict=True):
        line = []
        for _ in range(each):
            g, kind = rng.randrange(2), rng.randrange(3)
            side = sides[OPPOSITE[relation] if g else relation]
            asked, answer = (("how", NUMBERS[count[g] - 1]), ("what", shapes[shape[g]]), ("where", side))[kind]
            line += ["?", asked, names[colour[g]], answer]
        lines.append(line)
    return lines
