"""The bridge experiment: its captions, pictures and judgements are right, its arms are of one size, its quick mode runs."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
sys.path.append(str(EXAMPLES))
from bridge_scenes import experiment, figure, generator, reader, scenes  # noqa: E402


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def some(count: int = 400) -> scenes.Facts:
    facts = scenes.all_facts()
    return facts.rows(torch.randperm(len(facts.relation), generator=torch.Generator().manual_seed(3))[:count])


def test_held_out_scenes_are_never_trained_on() -> None:
    train, test = (
        {tuple(row) for row in torch.cat([f.count, f.colour, f.shape, f.relation[:, None]], 1).tolist()}
        for f in scenes.split()
    )
    assert (len(train), len(test)) == (7776, 1944)
    assert not train & test


def parse(words: list[str]) -> tuple[list[int], list[int], list[int], int]:
    """What a caption says, read without the code that wrote it."""
    text = " ".join(words)
    turned = " is " in text
    relation = next(r for r in ("left of", "right of", "above", "below") if r in text)
    first, second = text.removeprefix(relation).split(" is ") if turned else text.split(relation)
    numbers = {"one": 1, "two": 2, "three": 3}
    *amount, colour, shape = first.split()
    told = [(numbers[amount[0]], colour, shape)]
    *amount, colour, shape = second.split()
    relative = {"as many": 0, "one more": 1, "one fewer": -1}.get(" ".join(amount))
    told.append((numbers[amount[0]] if relative is None else told[0][0] + relative, colour, shape))
    if turned:
        told.reverse()
    return (
        [n for n, _, _ in told],
        [list(scenes.COLOURS).index(c) for _, c, _ in told],
        [list(scenes.SHAPES).index(s) for _, _, s in told],
        ["left of", "right of", "above", "below"].index(relation),
    )


def test_captions_say_what_the_scenes_are() -> None:
    facts = some()
    made = scenes.captions(facts, 0)
    for i, words in enumerate(made.words):
        assert parse(words) == tuple(field[i].tolist() for field in facts)
    said = [" ".join(words) for words in made.words]
    assert {"as many" in s or "one more" in s or "one fewer" in s for s in said} == {True, False}
    relative = ["as many" in s or "one more" in s or "one fewer" in s for s in said]
    assert relative == made.by_reference.tolist()
    ids, mask = scenes.tokens(made.words, scenes.LONGEST)
    assert ids.shape == mask.shape == (400, scenes.LONGEST)
    assert (ids[mask == 0] == scenes.TOKEN[scenes.PAD]).all()


def test_answers_are_right() -> None:
    facts = some(50)
    for i, line in enumerate(scenes.questions(facts, 0)):
        for asked, colour, answer in zip(line[1::4], line[2::4], line[3::4], strict=True):
            g = facts.colour[i].tolist().index(list(scenes.COLOURS).index(colour))
            side = ["left", "right", "above", "below"][int(facts.relation[i])]
            turned = {"left": "right", "right": "left", "above": "below", "below": "above"}
            want = {
                "how": scenes.NUMBERS[facts.count[i, g] - 1],
                "what": list(scenes.SHAPES)[facts.shape[i, g]],
                "where": turned[side] if g else side,
            }
            assert answer == want[asked]


def test_pictures_show_their_facts() -> None:
    facts, random = some(), torch.Generator().manual_seed(0)
    cells = scenes.render(facts, random)
    assert cells.shape == (400, 16, 48)
    assert all(value.all() for value in scenes.judge(cells, facts))
    assert (scenes.decode(cells) > 0).sum(1).equal(facts.count.sum(1))
    assert not scenes.render(facts, random).equal(cells), "where objects stand is free"
    noisy = cells + 0.2 * torch.randn(cells.shape, generator=random)
    assert scenes.judge(noisy, facts).correct.float().mean() > 0.99


def test_images_keep_every_pixel_in_its_place() -> None:
    red_cross = 2
    cells = torch.zeros(1, 16, 48)
    cells[0, 4 * 1 + 2] = scenes.TEMPLATES[red_cross]  # second row, third column
    image = scenes.to_image(cells)[0]
    want = torch.full((16, 16, 3), 0.5)
    for y, x in ((0, 1), (1, 0), (1, 1), (1, 2), (2, 1)):
        want[4 + y, 8 + x] = torch.tensor([1.0, 0.0, 0.0])
    assert image.equal(want)


@pytest.mark.parametrize("spoilt", ["colour", "shape", "count", "relation"])
def test_judgement_notices_what_is_wrong(spoilt: str) -> None:
    facts = some()
    other = {
        "colour": facts._replace(colour=(facts.colour + 1 + (facts.colour == facts.colour.flip(1) - 1)) % 6),
        "shape": facts._replace(shape=(facts.shape + torch.tensor([[0, 1]])) % 3),
        "count": facts._replace(count=facts.count % 3 + 1),
        "relation": facts._replace(relation=torch.tensor(scenes.OPPOSITE)[facts.relation]),
    }[spoilt]
    judged = scenes.judge(scenes.render(other, torch.Generator().manual_seed(0)), facts)
    assert not judged.correct.any()
    assert not getattr(judged, spoilt).any()
    assert judged.objects.max() < 1 or spoilt == "count"
    assert judged.objects.max() == 0 or spoilt != "relation"
    if spoilt != "colour":  # without its colours nothing in a picture can be told apart
        assert all(getattr(judged, name).all() for name in {"colour", "shape", "count", "relation"} - {spoilt})


def test_judgement_refuses_empty_and_broken_pictures() -> None:
    facts = some(20)
    assert not any(value.any() for value in scenes.judge(torch.zeros(20, 16, 48), facts))
    cells = scenes.render(facts, torch.Generator().manual_seed(0))
    empty = (scenes.decode(cells) == 0).float().argmax(1)
    cells[torch.arange(20), empty] = torch.tensor([1.0, -1.0]).repeat(24)  # noise in one cell
    judged = scenes.judge(cells, facts)
    assert judged.count.all()
    assert not judged.correct.any()
    assert judged.objects.allclose(facts.count.sum(1) / (facts.count.sum(1) + 1))


def test_perfect_velocity_draws_perfect_scenes() -> None:
    """Euler steps along the exact velocity end in the picture, whatever their number."""
    facts, random = some(8), torch.Generator().manual_seed(0)
    cells = scenes.render(facts, random)
    noise = torch.randn(cells.shape, generator=random)

    class Oracle(generator.Generator):
        def forward(self, x, time, given):  # type: ignore[override]
            return generator.SCALE * cells - noise

    assert scenes.judge(generator.generate(Oracle(16), noise, None, 3), facts).correct.all()
    assert generator.flow_loss(Oracle(16), cells, noise, torch.rand(8), None).max() < 1e-10


def test_answers_are_counted_at_the_right_place() -> None:
    """A reader that knows the next token is always right; one that repeats the last is always wrong."""

    class Knows:
        def __init__(self, shift: int) -> None:
            self.shift = shift

        def __call__(self, *, input_ids, attention_mask, use_cache):  # type: ignore[no-untyped-def]
            logits = torch.nn.functional.one_hot(input_ids.roll(-self.shift, 1), len(scenes.WORDS)).float()
            return type("Output", (), {"logits": logits})

    assert reader.answers_right(Knows(1), some(40)) == 1.0
    assert reader.answers_right(Knows(0), some(40)) == 0.0


def test_arms_differ_only_in_what_they_are_named_after() -> None:
    bridges = {arm: experiment.make_bridge(experiment.FULL, arm) for arm in experiment.ARMS}
    sizes = [sum(p.numel() for p in bridge.parameters()) for bridge in bridges.values()]
    assert max(sizes) - min(sizes) < 0.01 * max(sizes)
    assert [bridge.think.num_tokens > 0 for bridge in bridges.values()] == [False, True, False, True]
    assert [len(bridge.layers) for bridge in bridges.values()] == [1, 1, 3, 3]
    assert bridges["last layer"].layers == (experiment.FULL.reader_depth,)


def test_contrasts_are_paired_by_seed(monkeypatch: pytest.MonkeyPatch) -> None:
    def fake(settings: experiment.Settings, arm: str, seed: int) -> experiment.Outcome:
        stacked, think = experiment.ARMS[arm]
        value = 10.0 * seed + (3.0 if stacked else 0.0) + (0.1 * (-1) ** seed if think else 0.0)
        return experiment.Outcome(dict.fromkeys(experiment.MEASURES, value), 1, torch.zeros(0))

    monkeypatch.setattr(experiment, "run", fake)
    rows = {(row["contrast"], row["measure"]): row for row in experiment.contrasts(experiment.FULL)}
    stacked, think = rows["stacked - last layer, without think", "count"], rows["think - none, stacked", "count"]
    assert stacked["difference"] == pytest.approx(3.0)
    assert stacked["excludes_zero"]
    assert stacked["seeds_above"] == 5
    assert not think["excludes_zero"]
    deviation = torch.tensor([0.1, -0.1, 0.1, -0.1, 0.1]).std().item()
    assert think["high"] - think["difference"] == pytest.approx(2.776 * deviation / 5**0.5, rel=1e-4)


def test_quick_mode_runs_and_draws_every_part(tmp_path: Path) -> None:
    import train_bridge_scenes

    results = train_bridge_scenes.main(["--quick", "--out", str(tmp_path)])
    assert set(results) == set(experiment.PARTS) == set(figure.FIGURES)
    for part, rows in results.items():
        assert [json.loads(line) for line in (tmp_path / f"{part}.jsonl").read_text().splitlines()] == rows
        assert (tmp_path / f"{part}.png").stat().st_size > 10_000
    arms = {row["arm"]: row for row in results["arms"]}
    assert set(arms) == {*experiment.ARMS, "right picture, other caption"}
    for arm in experiment.ARMS:
        assert all(loss < 1.4 for loss in arms[arm]["flow_loss_all"]), "predicting nothing costs more than 1.4"
    assert not any(p.requires_grad for p in experiment.reader_of(experiment.QUICK).parameters())
    pixels = {row["pixels"] for row in results["pictures"]}
    assert len(pixels) == len(results["pictures"])
