"""The ExOPD experiment: its task and scores are right, and its quick mode shows what it is there to show."""

from __future__ import annotations

import dataclasses
import json
import sys
from pathlib import Path

import pytest
import torch

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
sys.path.append(str(EXAMPLES))
from exopd import experiment, figure, reinforce, task  # noqa: E402
from exopd.distill import distill, extrapolate  # noqa: E402
from exopd.student import Student, score  # noqa: E402

ONE_SEED = dataclasses.replace(experiment.QUICK, seeds=(0,))


@pytest.fixture(autouse=True)
def _one_thread():
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def test_problems_have_right_answers() -> None:
    everything = task.problems()
    assert len(everything) == 2000
    assert len({tuple(prompt) for prompt in everything.prompts.tolist()}) == 2000
    for prompt, (first, second), domain in zip(*(x.tolist() for x in dataclasses.astuple(everything)), strict=True):
        text = "".join("0123456789+*="[token] for token in prompt)
        assert text[1] == text[3] == task.DOMAINS[domain]
        assert text.endswith("=")
        assert first == eval(text[:3]) % 10
        assert second == eval(text[:5]) % 10


def test_held_out_problems_are_never_trained_on() -> None:
    train, test = task.split(task.problems(), seed=1)
    seen = {tuple(prompt) for prompt in train.prompts.tolist()}
    assert len(seen) == 1600
    assert len(test) == 400
    assert not seen & {tuple(prompt) for prompt in test.prompts.tolist()}


def test_exact_score_is_what_sampling_estimates() -> None:
    torch.manual_seed(0)
    model, problems = Student(32), task.problems()
    with torch.no_grad():
        model.head.weight.mul_(5)
    exact, generator = score(model, problems), torch.Generator().manual_seed(0)
    many = problems[torch.arange(len(problems)).repeat(20)]
    tokens = model.sample(many.prompts, generator)
    right = task.correct(many, tokens)
    for got, want in ((exact.accuracy, right), (exact.exploit, ~right & task.exploits(tokens))):
        share = want.float().mean().item()
        assert abs(got - share) < 4 * (share * (1 - share) / len(many)) ** 0.5
    logp = model(many.prompts, tokens).log_softmax(-1).gather(2, tokens[..., None])
    assert exact.entropy == pytest.approx(-logp.mean().item(), abs=0.02)


def test_rewards() -> None:
    batch = task.problems()[torch.tensor([0, 1, 2, 3])]  # 0+0+0, 0+0+1, 0+0+2, 0+0+3
    tokens = torch.tensor([[0, 0], [7, 1], [8, 9], [1, 9]])
    assert reinforce.honest(batch, tokens).tolist() == [1, 1, 0, 0]
    assert reinforce.flawed(0.5)(batch, tokens).tolist() == [1, 1, 0.5, 0]


def test_extrapolated_weights() -> None:
    torch.manual_seed(0)
    teacher, reference = Student(8), Student(8)
    for scale, want in ((1.0, teacher), (0.0, reference)):
        made = extrapolate(teacher, reference, scale)
        assert made is not teacher
        assert all(torch.equal(a, b) for a, b in zip(made.parameters(), want.parameters(), strict=True))
    a, b, c = (next(m.parameters()) for m in (extrapolate(teacher, reference, 2.0), teacher, reference))
    torch.testing.assert_close(a, 2 * b - c)


@pytest.mark.parametrize("estimator", ["exact", "sampled"])
@pytest.mark.parametrize("count", [1, 2])
def test_distillation_moves_towards_the_teachers(estimator: str, count: int) -> None:
    """Random networks: the divergence from the teacher of each problem's domain falls."""
    torch.manual_seed(0)
    start, teachers = Student(16), [Student(16) for _ in range(count)]
    with torch.no_grad():
        for model in teachers:
            model.head.weight.mul_(4)
    batch = task.problems()[torch.arange(0, 2000, 7)]

    @torch.no_grad()
    def divergence(model: Student) -> float:
        tokens = model.sample(batch.prompts, torch.Generator().manual_seed(0))
        logs = [m(batch.prompts, tokens).log_softmax(-1) for m in (model, *teachers)]
        judged = torch.stack(logs[1:])[batch.domain % count, torch.arange(len(batch))]
        return (logs[0].exp() * (logs[0] - judged)).sum(-1).mean().item()

    options = {"reward_scale": 1.0, "seed": 0, "steps": 60, "batch": 64, "estimator": estimator, "lr": 5e-3}
    trained = distill(start, teachers, start, batch, **options)
    assert divergence(trained) < 0.7 * divergence(start)


def test_students_pass_their_teacher() -> None:
    """The claim, on one seed: as good as the teacher at scale 1, better beyond."""
    shared = experiment.world(ONE_SEED, 0)
    teacher = score(shared.teachers[0], shared.test[0]).accuracy
    assert teacher > score(shared.base, shared.test[0]).accuracy + 0.05
    students = {
        scale: score(experiment._student(ONE_SEED, shared, shared.teachers[:1], shared.of(0), reward_scale=scale), test)
        for scale in (1.0, 2.0)
        for test in shared.test[:1]
    }
    assert abs(students[1.0].accuracy - teacher) < 0.03
    assert students[2.0].accuracy > teacher + 0.01
    assert students[2.0].entropy < students[1.0].entropy


def test_rows_are_paired_by_seed() -> None:
    measured = experiment._Measured()
    from exopd.student import Score

    for value, teacher in ((0.9, 0.8), (0.7, 0.8)):
        measured.add("exact", 2.0, 0, Score(value, 0.0, 1.0), teacher=Score(teacher, 0.0, 1.0))
    (row,) = measured.rows()
    assert row["accuracy"] == pytest.approx(0.8)
    assert row["accuracy_se"] == pytest.approx(0.1)
    assert row["gain"] == pytest.approx(0.0)
    assert row["seeds_above_teacher"] == 1
    assert json.loads(json.dumps(row)) == row


@pytest.mark.slow
def test_quick_mode_runs_and_draws_every_part(tmp_path: Path) -> None:
    import train_exopd

    results = train_exopd.main(["--quick", "--out", str(tmp_path)])
    assert set(results) == set(experiment.PARTS) == set(figure.FIGURES)
    for part, rows in results.items():
        assert [json.loads(line) for line in (tmp_path / f"{part}.jsonl").read_text().splitlines()] == rows
        assert (tmp_path / f"{part}.png").stat().st_size > 10_000
    by = {(row["method"], row["reward_scale"]): row for row in results["flaw"]}
    teacher, student = by["teacher, flaw pays 1", None], by["student, flaw pays 1", 2.0]
    assert student["exploit"] > teacher["exploit"], "extrapolation amplifies the flaw"
    assert student["accuracy"] < teacher["accuracy"]
