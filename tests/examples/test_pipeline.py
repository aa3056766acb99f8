"""The pipeline: its problems are new and judged rightly, the model decodes what it computes, and every stage learns."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
sys.path.append(str(EXAMPLES))
from pipeline import figure, problems, stages  # noqa: E402
from pipeline.reader import Reader  # noqa: E402

POOL = problems.sums(2, 7)
CHAINS = problems.chains(POOL, 3, 60, seed=1)
WORDS = problems.Words([*POOL, *CHAINS])


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture
def reader() -> Reader:
    torch.manual_seed(0)
    return Reader(len(WORDS), 32)


def test_worked_numbers_are_right_and_others_are_not() -> None:
    for problem in [*POOL, *CHAINS]:
        numbers = problems.worked(problem)
        assert len(numbers) == 2 * getattr(problem, "depth", 1) - 1
        assert problems.judge(numbers, problem).correct
        assert problems.judge([*numbers[:-1], numbers[-1] + 1], problem).status == "wrong"
        assert problems.judge([], problem).status == "unparseable"


def test_chains_for_tests_are_new() -> None:
    others = problems.chains(POOL, 3, 500, seed=0, unlike=CHAINS)
    assert len(others) == 500
    assert not {p.prompt for p in others} & {p.prompt for p in CHAINS}


def test_tokens_say_what_the_text_says() -> None:
    tokens = WORDS.encode(CHAINS)
    assert tokens.max() < len(WORDS)
    back = {number: word for word, number in WORDS._tokens.items()}
    for row, problem in zip(tokens.tolist(), CHAINS, strict=True):
        words = [back[token] for token in row if token != problems.PAD]
        assert "".join(words) == "".join(problem.prompt.split())
    said = problems.solutions(CHAINS)
    assert problems.numbers_of(said) == [problems.worked(problem) for problem in CHAINS]


def test_decoding_draws_from_what_training_sees(reader: Reader) -> None:
    """The greedy response is the likeliest one under the head that the losses get; padding in front changes nothing."""
    with torch.no_grad():
        reader.weight.mul_(5)
    prompts = WORDS.encode([*POOL[:3], *CHAINS[:5]])  # of unequal lengths
    response = reader.respond(prompts, 6)
    head = reader.head(prompts, response)
    likeliest = (head.hidden @ head.weight.mT).argmax(-1)
    said = response != problems.PAD
    assert torch.equal(likeliest[said], response[said])
    alone = reader.respond(WORDS.encode(POOL[:1]), 6)
    assert torch.equal(alone[0], response[0])


def test_nothing_is_said_behind_the_end(reader: Reader) -> None:
    with torch.no_grad():
        reader.weight[problems.END] *= 20
    response = reader.respond(WORDS.encode(CHAINS), 8, torch.Generator().manual_seed(0))
    ended = (response == problems.END).cumsum(1)
    behind = ended - (response == problems.END).int() > 0
    assert behind.any()
    assert torch.equal(behind, response == problems.PAD)


def test_supervision_teaches_sums(reader: Reader) -> None:
    lessons = {1: POOL}
    trained = stages.supervise(reader, WORDS, lessons, seed=0, steps=80, batch=32, noise=0.0)
    assert stages.score(reader, WORDS, POOL, 1, seed=0).likeliest < 0.3
    assert stages.score(trained, WORDS, POOL, 1, seed=0).likeliest > 0.9


def test_rewards_and_teachers_move_the_model(reader: Reader) -> None:
    """A noisy base of sums: reinforcement raises its share of right answers, and distillation carries most of that over."""
    lessons = {1: POOL}
    base = stages.supervise(reader, WORDS, lessons, seed=0, steps=100, batch=32, noise=0.4)
    teacher, curriculum = stages.reinforce(base, WORDS, lessons, seed=0, steps=30, batch=8, group=8, lr=1e-3)
    student = stages.distil(base, teacher, WORDS, lessons, reward_scale=1.5, seed=0, steps=30, batch=64, lr=1e-3)
    many = POOL * 12
    before, taught, learned = (stages.score(m, WORDS, many, 1, seed=1).drawn for m in (base, teacher, student))
    assert taught > before + 0.1
    assert learned > before + 0.1
    assert curriculum.depth == 1


@pytest.mark.slow
def test_quick_mode_runs_and_draws(tmp_path: Path) -> None:
    import train_pipeline

    rows = train_pipeline.main(["--quick", "--out", str(tmp_path)])
    assert [json.loads(line) for line in (tmp_path / "pipeline.jsonl").read_text().splitlines()] == rows
    assert (tmp_path / "pipeline.png").stat().st_size > 10_000
    by = {(figure.label(row), row["depth"]): row["drawn"] for row in rows}
    assert by["teacher", 1] > by["base", 1]
    assert by["student, λ = 1.5", 1] > by["base", 1]
