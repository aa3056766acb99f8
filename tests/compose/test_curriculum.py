"""The schedule over depths, the diagnosis of skills, checkpoints; and whether a simulated student gets deeper with it."""

from __future__ import annotations

import json
import math
import random
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from composekit._errors import ArgumentError, ArgumentTypeError
from composekit.compose import Composer, Composite, Curriculum, Problem, Unlinkable, Verdict, chain, generators
from composekit.compose.skills import Skills, wilson
from composekit.testing.learner import SimulatedStudent

ALL, NONE, MIXED = [1, 1, 1, 1], [0, 0, 0, 0], [1, 0, 1, 0]


def _skilled(topic: str, n: int = 0, level: int = 1, domain: str = "math") -> Problem:
    return Problem(f"{topic} number {n + 11} of {level}?", n, domain=domain, metadata={"topic": topic, "level": level})


def _windows(curriculum: Curriculum, depth: int, scores: Sequence[int], n: int) -> None:
    curriculum.update([(depth, scores)] * (n * curriculum.window))


# ---- depth -------------------------------------------------------------------------------------------------------------


def test_promotion_needs_several_windows_of_solve_all() -> None:
    curriculum = Curriculum(window=8, patience=3)
    _windows(curriculum, 1, ALL, 2)
    assert curriculum.depth == 1
    _windows(curriculum, 1, ALL, 1)
    assert curriculum.depth == 2
    assert curriculum.weights()[2] == max(curriculum.weights().values())


def test_promotion_counts_windows_in_a_row() -> None:
    curriculum = Curriculum(window=8, patience=2, smoothing=0.0)
    for scores in (ALL, MIXED, ALL, MIXED, ALL):
        _windows(curriculum, 1, scores, 1)
    assert curriculum.depth == 1
    _windows(curriculum, 1, ALL, 1)
    assert curriculum.depth == 2


@pytest.mark.parametrize(("solved", "promoted"), [(7, False), (8, True)])
def test_promotion_threshold_is_strict(solved: int, promoted: bool) -> None:
    curriculum = Curriculum(window=10, patience=1)
    curriculum.update([(1, ALL)] * solved + [(1, MIXED)] * (10 - solved))
    assert (curriculum.depth == 2) == promoted


def test_a_high_pass_rate_alone_does_not_promote() -> None:
    curriculum = Curriculum(window=8, patience=1)
    _windows(curriculum, 1, [1, 1, 1, 1, 1, 1, 1, 0], 10)
    assert curriculum.depth == 1
    assert curriculum.rates()[1] == {"pass_rate": 0.875, "solve_all": 0.0, "solve_none": 0.0}


def test_results_of_other_depths_do_not_promote() -> None:
    curriculum = Curriculum(window=4, patience=1)
    _windows(curriculum, 3, ALL, 5)
    assert curriculum.depth == 1


def test_demotion_and_hysteresis() -> None:
    curriculum = Curriculum((1, 2), window=4, patience=2, smoothing=0.0)
    _windows(curriculum, 1, ALL, 2)
    assert curriculum.depth == 2
    _windows(curriculum, 2, NONE, 1)
    assert curriculum.depth == 2
    _windows(curriculum, 2, NONE, 1)
    assert curriculum.depth == 1
    _windows(curriculum, 1, ALL, 3)  # twice the patience after a demotion
    assert curriculum.depth == 1
    _windows(curriculum, 1, ALL, 1)
    assert curriculum.depth == 2


def test_mixed_results_neither_promote_nor_demote() -> None:
    curriculum = Curriculum(window=4, patience=1)
    _windows(curriculum, 1, ALL, 1)
    _windows(curriculum, 2, MIXED, 20)
    assert curriculum.depth == 2


def test_last_depth_stays() -> None:
    curriculum = Curriculum((1, 2), window=2, patience=1)
    _windows(curriculum, 1, ALL, 1)
    _windows(curriculum, 2, ALL, 9)
    assert curriculum.depth == 2


def test_averages_are_exponential() -> None:
    curriculum = Curriculum(window=2, smoothing=0.75, patience=99)
    for scores in (ALL, NONE, MIXED):
        _windows(curriculum, 1, scores, 1)
    expected = {"pass_rate": 0.75 * 0.75 + 0.25 * 0.5, "solve_all": 0.75**2, "solve_none": 0.75 * 0.25}
    assert curriculum.rates()[1] == pytest.approx(expected)


@given(st.lists(st.tuples(st.sampled_from([1, 2, 3]), st.lists(st.sampled_from([0, 1]), min_size=1, max_size=4))))
def test_weights_are_a_distribution_with_a_floor(results: list[tuple[int, list[int]]]) -> None:
    curriculum = Curriculum(window=2, patience=1, floor=0.1)
    curriculum.update(results)
    weights = curriculum.weights()
    assert list(weights) == [1, 2, 3]
    assert sum(weights.values()) == pytest.approx(1)
    assert min(weights.values()) >= 0.1 - 1e-12


def test_weights_follow_mixed_groups() -> None:
    curriculum = Curriculum(window=4, floor=0.0, patience=99)
    assert curriculum.weights() == {1: 1.0, 2: 0.0, 3: 0.0}
    _windows(curriculum, 1, ALL, 5)
    _windows(curriculum, 2, MIXED, 1)
    _windows(curriculum, 3, NONE, 1)
    weights = curriculum.weights()
    assert weights[2] > 0.9
    assert weights[3] == 0


def test_mastered_depths_keep_their_floor_alone() -> None:
    curriculum = Curriculum(window=8, patience=1, floor=0.1)
    curriculum.update([(1, ALL)] * 6 + [(1, MIXED)] * 2)
    assert curriculum.depth == 2
    assert curriculum.weights() == {1: pytest.approx(0.1), 2: pytest.approx(0.8), 3: pytest.approx(0.1)}


def test_sample_depth_draws_with_the_weights() -> None:
    curriculum = Curriculum(window=4, floor=0.1, seed=3)
    counts = Counter(curriculum.sample_depth() for _ in range(4000))
    for depth, weight in curriculum.weights().items():
        assert abs(counts[depth] - 4000 * weight) < 5 * math.sqrt(4000 * weight * (1 - weight))


# ---- what a result may be ----------------------------------------------------------------------------------------------


def test_update_accepts_every_form_of_score() -> None:
    right, wrong = Verdict(1.0, "correct"), Verdict(0.0, "wrong")
    forms: list[Any] = [
        [(1, [1, 0])],
        [(1, [True, False])],
        [(1, [right, wrong])],
        [(_skilled("a"), (1.0, 0.0))],
        {1: [1, 0]},
        iter([(1, [1.0, None, 0.0, math.nan])]),
        [(1, [1, 0.999])],  # partial credit is no solution
        [(1, []), (1, None), (1, [1, 0])],
    ]
    for form in forms:
        curriculum = Curriculum(window=1)
        curriculum.update(form)
        assert curriculum.rates()[1]["pass_rate"] == 0.5, form
    for single in (1, True, right):
        curriculum = Curriculum(window=1)
        curriculum.update([(1, single)])
        assert curriculum.rates()[1]["solve_all"] == 1


def test_update_takes_the_depth_of_a_composite() -> None:
    composite = chain(*generators.arithmetic(3, seed=1))
    curriculum = Curriculum(window=1)
    curriculum.update([(composite, ALL)])
    assert list(curriculum.rates()) == [3]


@pytest.mark.parametrize(
    ("results", "error"),
    [
        ([7], ArgumentTypeError),
        ([("deep", [1])], ArgumentTypeError),
        ([(1, ["yes"])], ArgumentTypeError),
        ([(1, "111")], ArgumentTypeError),
        ([(1, [object()])], ArgumentTypeError),
        ([(9, [1])], ArgumentError),
        ([(True, [1])], ArgumentTypeError),
    ],
)
def test_update_names_a_bad_result_and_takes_nothing_in(results: Any, error: type[Exception]) -> None:
    curriculum = Curriculum(window=1)
    with pytest.raises(error, match=r"Curriculum\.update: results"):
        curriculum.update([(1, [1]), *results])
    assert curriculum.rates() == {}


@pytest.mark.parametrize(
    "arguments",
    [
        {"depths": ()}, {"depths": (2, 1)}, {"depths": (1, 1)}, {"depths": (0, 1)}, {"depths": (1, 2.0)}, {"window": 0},
        {"patience": 0}, {"floor": 0.5}, {"floor": -0.1}, {"promote_at": 1.5}, {"smoothing": 1.0}, {"target": "half"},
        {"window": 2.5}, {"seed": "x"}, {"memory": 0},
    ],
)  # fmt: skip
def test_curriculum_refuses_senseless_arguments(arguments: dict[str, Any]) -> None:
    with pytest.raises((ArgumentError, ArgumentTypeError), match="Curriculum: "):
        Curriculum(**arguments)


# ---- skills ------------------------------------------------------------------------------------------------------------


@given(st.integers(1, 400), st.data())
def test_wilson_interval_is_where_the_score_test_stops(n: int, data: Any) -> None:
    s = data.draw(st.integers(0, n))
    low, high = wilson(s, n)
    assert 0 <= low <= s / n <= high <= 1
    for edge in (low, high):
        if 0 < edge < 1:
            assert (s / n - edge) ** 2 * n == pytest.approx(1.959964**2 * edge * (1 - edge), rel=1e-6)


def test_weaknesses_names_the_weakest_skill_first() -> None:
    rng = random.Random(0)
    truth = {("algebra", 1): 0.9, ("algebra", 3): 0.2, ("optics", 2): 0.6}
    curriculum = Curriculum()
    for _ in range(100):
        for (topic, level), rate in truth.items():
            problem = _skilled(topic, rng.randrange(10**6), level)
            curriculum.update([(problem, [rng.random() < rate for _ in range(8)])])
    found = curriculum.weaknesses(2)
    assert [(s.domain, s.topic, s.level) for s in found] == [("math", "algebra", "3"), ("math", "optics", "2")]
    for skill in found:
        assert skill.low < truth[skill.topic, int(skill.level)] < skill.high
        assert skill.high - skill.low < 0.2


def test_weaknesses_prefers_evidence_to_bad_luck() -> None:
    curriculum = Curriculum()
    curriculum.update([(_skilled("unlucky"), [0]), *((_skilled("weak", k), [0, 0, 0, 1]) for k in range(10))])
    assert [s.topic for s in curriculum.weaknesses()] == ["weak", "unlucky"]


def test_skills_forget() -> None:
    curriculum = Curriculum(memory=40)
    curriculum.update([(_skilled("t", k), NONE) for k in range(50)])
    curriculum.update([(_skilled("t", k), ALL) for k in range(50)])
    (skill,) = curriculum.weaknesses()
    assert skill.attempts == pytest.approx(40)
    assert skill.pass_rate > 0.95


def test_skill_of_published_problems_is_their_subject() -> None:
    problem = Problem("1 + 1?", 2, metadata={"subject": "Algebra", "level": "Level 5"})
    curriculum = Curriculum()
    curriculum.update([(problem, ALL), (Problem("2 + 2?", 4), NONE)])
    assert {(s.topic, s.level) for s in curriculum.weaknesses()} == {("Algebra", "Level 5"), ("", "")}


def _pair(a: str, b: str) -> Composite:
    parts = (
        Problem("A crate holds 12 boxes of 16 cups. How many cups?", 192, metadata={"topic": a, "level": 1}),
        Problem("A train covers 340 km at 85 km per hour. How many hours?", 4, metadata={"topic": b, "level": 1}),
    )
    return chain(*parts)


def test_failed_composites_blame_the_weak_part() -> None:
    curriculum = Curriculum()
    curriculum.update([(_skilled("strong", k), ALL) for k in range(20)])
    curriculum.update([(_skilled("weak", k), MIXED) for k in range(20)])
    before = {s.topic: s.pass_rate for s in curriculum.weaknesses()}
    curriculum.update([(_pair("strong", "weak"), NONE)] * 10)
    after = {s.topic: s.pass_rate for s in curriculum.weaknesses()}
    assert before["strong"] - after["strong"] < 0.1
    assert before["weak"] - after["weak"] > 0.1


def test_verdicts_of_parts_settle_the_blame() -> None:
    right, wrong, silent = Verdict(1, "correct"), Verdict(0, "wrong"), Verdict(0, "unparseable")
    curriculum = Curriculum()
    curriculum.update([(_pair("a", "b"), [Verdict(0, "wrong", parts=(right, wrong))] * 8)])
    assert {s.topic: s.pass_rate for s in curriculum.weaknesses()} == {"a": 1.0, "b": 0.0}
    shared = Curriculum()
    shared.update([(_pair("a", "b"), [Verdict(0, "wrong", parts=(silent, silent))])])
    assert {s.topic: s.pass_rate for s in shared.weaknesses()} == {
        "a": pytest.approx(1 / 3),
        "b": pytest.approx(1 / 3),
    }


def test_solved_composites_credit_every_part_in_full() -> None:
    curriculum = Curriculum()
    curriculum.update([(_pair("a", "b"), ALL)])
    assert {(s.topic, s.pass_rate) for s in curriculum.weaknesses()} == {("a", 1.0), ("b", 1.0)}


def test_a_failure_after_endless_success_is_no_division_by_zero() -> None:
    skills = Skills(10**9)
    problem = _skilled("t")
    for tag in skills._path(problem):
        skills._counts[tag] = [1e9, 1e9, 1e9]
    skills.record_parts([problem, problem], False, [None, None])
    assert all(0 <= skill.pass_rate < 1 for skill in skills.table())


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.integers(1, 4))
def test_shared_credit_stays_a_share(outcomes: list[bool], parts: int) -> None:
    skills = Skills(50)
    problems = [_skilled(f"t{k % 2}", k) for k in range(parts)]
    for solved in outcomes:
        skills.record_parts(problems, solved, [None] * parts)
    for skill in skills.table():
        assert 0 <= skill.pass_rate <= 1


def test_estimate_leans_on_the_broader_skill() -> None:
    skills = Skills(200)
    known, new = _skilled("sums", 1, level=1), _skilled("sums", 2, level=4)
    for _ in range(50):
        skills.record(known, 1.0)
    other = _skilled("optics", 3, domain="physics")
    assert skills.estimate(known) > skills.estimate(new) > skills.estimate(other) > 0.5
    assert skills.estimate(_pair("x", "y")) == pytest.approx(skills.estimate(_pair("x", "y").parts[0]) ** 2)


# ---- drawing -----------------------------------------------------------------------------------------------------------


def _trained(rates: dict[str, float]) -> tuple[Curriculum, list[Problem]]:
    curriculum = Curriculum(seed=5)
    pool = [_skilled(topic, k) for topic in rates for k in range(40)]
    for problem in pool:
        share = round(20 * rates[problem.metadata["topic"]])
        curriculum.update([(problem, [1] * share + [0] * (20 - share))])
    return curriculum, pool


def test_sample_aims_at_the_target_product() -> None:
    curriculum, pool = _trained({"easy": 0.95, "good": 0.8, "fair": 0.55, "hard": 0.3, "never": 0.0})
    products = [math.prod(curriculum.skills.estimate(p) for p in curriculum.sample(pool, 2)) for _ in range(200)]
    uniform = random.Random(0)
    plain = [math.prod(curriculum.skills.estimate(p) for p in uniform.sample(pool, 2)) for _ in range(200)]
    assert sum(abs(p - 0.5) for p in products) < 0.6 * sum(abs(p - 0.5) for p in plain)


def test_sample_bends_towards_weak_skills() -> None:
    curriculum, pool = _trained({"mastered": 1.0, "weak": 0.4})
    drawn = Counter(p.metadata["topic"] for _ in range(200) for p in curriculum.sample(pool, 1))
    assert drawn["weak"] > 150
    never, pool = _trained({"never": 0.0, "also never": 0.0})
    assert len({p.id for _ in range(60) for p in never.sample(pool, 1)}) > 20  # still spread over the pool


def test_sample_gives_different_problems_and_every_place_to_the_focus() -> None:
    curriculum, pool = _trained({"mastered": 1.0, "weak": 0.3})
    places = Counter()
    for _ in range(200):
        parts = curriculum.sample(pool, 3)
        assert len({p.id for p in parts}) == 3
        places.update(k for k, p in enumerate(parts) if p.metadata["topic"] == "weak")
    assert min(places[k] for k in range(3)) > 30


def test_compose_links_real_problems_at_each_depth() -> None:
    pool = generators.arithmetic(60, seed=2)
    curriculum = Curriculum(seed=1)
    for depth in (1, 2, 3):
        exercise = curriculum.compose(pool, depth)
        assert (exercise.depth if isinstance(exercise, Composite) else 1) == depth
    met = Counter(e.depth if isinstance(e, Composite) else 1 for e in (curriculum.compose(pool) for _ in range(80)))
    assert met[1] > 50


def test_compose_varies_its_wording() -> None:
    pool = list(_pair("a", "b").parts)
    curriculum = Curriculum()
    assert len({curriculum.compose(pool, 2).prompt for _ in range(12)}) > 6


def test_compose_says_why_nothing_links() -> None:
    pool = [Problem(f"Name river {name}.", name, verifier="exact") for name in ("Po", "Ob", "Don")]
    with pytest.raises(Unlinkable):
        Curriculum().compose(pool, 2)
    with pytest.raises(ArgumentError, match="pool must hold at least 2"):
        Curriculum().compose(pool[:1], 2)
    with pytest.raises(ArgumentError, match="pool must hold different"):
        Curriculum().sample([pool[0]] * 5, 2)


# ---- state -------------------------------------------------------------------------------------------------------------


def _history(curriculum: Curriculum, pool: Sequence[Problem], steps: int) -> list[Any]:
    seen: list[Any] = []
    for step in range(steps):
        parts = curriculum.sample(pool)
        seen.append([p.id for p in parts])
        curriculum.update([(len(parts), [1, step % 3 > 0]), (parts[0], [step % 2])])
        seen.append(curriculum.weights())
    return seen


def test_curriculum_is_deterministic_and_seeds_differ() -> None:
    pool = generators.logic(50)
    one, two, other = (_history(Curriculum(window=4, seed=seed), pool, 40) for seed in (7, 7, 8))
    assert one == two
    assert one != other


def test_state_survives_json_in_the_middle_of_everything() -> None:
    pool = generators.logic(50)
    whole = Curriculum(window=4, patience=1, seed=7)
    _history(whole, pool, 25)
    state = json.loads(json.dumps(whole.state_dict()))
    resumed = Curriculum(window=4, patience=1, seed=7)
    resumed.load_state_dict(state)
    assert resumed.state_dict() == whole.state_dict()
    assert _history(resumed, pool, 25) == _history(whole, pool, 25)
    assert resumed.weaknesses() == whole.weaknesses()


def test_load_state_dict_refuses_what_does_not_fit() -> None:
    state = Curriculum().state_dict()
    bad: list[dict[str, Any]] = [
        {}, {**state, "seed": 1}, {**state, "version": 2}, {**state, "depths": {"1": state["depths"]["1"]}},
        {**state, "depths": {**state["depths"], "2": {"nonsense": 1}}}, {**state, "skills": [["x"]]},
        {**state, "skills": [[["math"], 5, 2]]}, {k: v for k, v in state.items() if k != "draws"},
        {**state, "current": 17},
    ]  # fmt: skip
    for broken in bad:
        curriculum = Curriculum()
        with pytest.raises(ArgumentError, match="load_state_dict"):
            curriculum.load_state_dict(broken)
        assert curriculum.state_dict() == state


# ---- does it help? -----------------------------------------------------------------------------------------------------

DEPTHS = (1, 2, 3, 4)
STEPS, BATCH = 160, 24
Schedule = Callable[[int], Sequence[float]] | None
SCHEDULES: dict[str, Schedule] = {
    "curriculum": None,
    "uniform": lambda step: [0.25] * 4,
    "deepest": lambda step: [0, 0, 0, 1],
    "early stages": lambda step: [float(k == min(12 * step // STEPS, 3)) for k in range(4)],
}


@lru_cache
def _bank() -> dict[int, list[Problem]]:
    pool = [p for g in (generators.arithmetic, generators.physics) for p in g(60, seed=3)]
    bank: dict[int, list[Problem]] = {1: pool}
    for depth in DEPTHS[1:]:
        bank[depth] = [*Composer(pool, depth=depth, seed=depth, size=100)]
    return bank


def _steps_to_half(schedule: Schedule, seed: int, ability: float) -> list[float]:
    """Steps until a random problem of each depth is solved half of the time; infinity where that never happens."""
    student = SimulatedStudent(seed, ability=ability, link=-1.0, lr=0.3)
    rng = random.Random(seed)
    curriculum = Curriculum(DEPTHS, seed=seed, window=16, patience=2)
    reached = [math.inf] * 3
    for step in range(STEPS):
        if schedule is None:
            depths = [curriculum.sample_depth() for _ in range(BATCH)]
        else:
            depths = rng.choices(DEPTHS, schedule(step), k=BATCH)
        results = student.train([rng.choice(_bank()[depth]) for depth in depths])
        if schedule is None:
            curriculum.update(results)
        if step % 4 == 3:
            for k, depth in enumerate(DEPTHS[:3]):
                rate = sum(student.pass_rate(p) for p in _bank()[depth][:12]) / 12
                reached[k] = min(reached[k], step if rate >= 0.5 else math.inf)
            if reached[2] < math.inf:
                break
    return reached


@pytest.mark.parametrize("ability", [-1.0, -2.0])
def test_curriculum_takes_a_weak_student_deeper_sooner(ability: float) -> None:
    runs = {name: [_steps_to_half(s, seed, ability) for seed in range(5)] for name, s in SCHEDULES.items()}
    for seed in range(5):
        ours = runs["curriculum"][seed]
        assert ours[2] < math.inf
        for name in ("uniform", "deepest"):
            assert ours[1] < runs[name][seed][1], (name, seed)
            assert ours[2] < runs[name][seed][2], (name, seed)
        if ability == -2.0:  # stages that suit one student come too early for another
            assert ours[2] < runs["early stages"][seed][2]


@pytest.mark.parametrize("results", [None, 5, "results"])
def test_update_takes_a_collection(results: Any) -> None:
    with pytest.raises(ArgumentTypeError, match=r"Curriculum\.update: results"):
        Curriculum().update(results)


# ---- uncertainty, by simulation ------------------------------------------------------------------------------------------


def _covered(direct: float, attempts: int, seed: int, skills: int = 6) -> list[bool]:
    """Whether the interval of each skill holds its true rate, after attempts of which this share is at single problems."""
    rng = random.Random(seed)
    rates = [rng.uniform(0.15, 0.97) for _ in range(skills)]
    problems, table = [_skilled(f"t{k}") for k in range(skills)], Skills(200)
    for _ in range(attempts):
        parts = rng.sample(range(skills), 1 if rng.random() < direct else 2)
        solved = all(rng.random() < rates[k] for k in parts)
        if len(parts) == 1:
            table.record(problems[parts[0]], float(solved))
        else:
            table.record_parts([problems[k] for k in parts], solved, [None] * 2)
    return [skill.low <= rates[int(skill.topic[1:])] <= skill.high for skill in table.table()]


@pytest.mark.parametrize(
    ("direct", "least", "most"), [(1.0, 0.92, 0.98), (0.3, 0.8, 0.98), (0.05, 0.74, 0.98), (0.0, 0.74, 0.98)]
)
def test_intervals_cover_the_true_rate(direct: float, least: float, most: float) -> None:
    # Credit that counts as full attempts covers 66 and 60 % here, where parts share it. The docs say what is left to wish.
    found = [hit for seed in range(60) for hit in _covered(direct, 400, seed)]
    assert least <= sum(found) / len(found) <= most


def test_a_composite_says_little_about_its_easy_part() -> None:
    skills, easy, hard = Skills(200), _skilled("easy"), _skilled("hard")
    for k in range(100):
        skills.record(easy, float(k % 10 > 0))
        skills.record(hard, float(k % 10 == 0))
    before = {skill.topic: skill.attempts for skill in skills.table()}
    skills.record_parts([easy, hard], False, [None, None])
    gained = {skill.topic: skill.attempts - before[skill.topic] for skill in skills.table()}
    assert 0 < gained["easy"] < 0.02
    assert 0.8 < gained["hard"] < 1
    skills.record_parts([easy, hard], False, [True, False])  # judged apart: as good as attempts at each
    for skill in skills.table():
        assert skill.attempts == pytest.approx(before[skill.topic] + gained[skill.topic] + 1)


def test_a_state_from_before_shared_credit_was_weighed_loads() -> None:
    curriculum = Curriculum()
    curriculum.update([(_skilled("sums"), [1, 0, 1])])
    state = curriculum.state_dict()
    old = Curriculum()
    old.load_state_dict({**state, "skills": [row[:3] for row in state["skills"]]})
    assert old.weaknesses() == curriculum.weaknesses()


@pytest.mark.parametrize(
    ("pool", "depth"),
    [
        ((p for p in [_skilled("t")]), 1), ([_skilled("t")], 0), ([_skilled("t")], -1), ([_skilled("t")], "1"), ([1, 2], 1),
        ({}, 1), ("ab", 1), (None, 1), ([_skilled("t")], 1.0), ([_skilled("t")], True),
    ],
)  # fmt: skip
@pytest.mark.parametrize("method", ["sample", "compose"])
def test_drawing_names_a_wrong_argument(method: str, pool: Any, depth: Any) -> None:
    curriculum = Curriculum()
    with pytest.raises((ArgumentError, ArgumentTypeError), match=r"Curriculum\.sample: (pool|depth) must"):
        getattr(curriculum, method)(pool, depth)


@pytest.mark.parametrize(
    "change",
    [{"draws": -1}, {"skills": None}, {"depths": "nan"}, {"depths": "text"}, {"skills": [[["math"], 0, 0, 0]]}],
)
def test_a_damaged_state_is_refused_and_nothing_of_it_taken(change: dict[str, Any]) -> None:
    curriculum = Curriculum(window=2)
    curriculum.update([(1, ALL)] * 4)
    state = curriculum.state_dict()
    if isinstance(change.get("depths"), str):
        value = math.nan if change["depths"] == "nan" else "0.5"
        change = {"depths": {**state["depths"], "1": {**state["depths"]["1"], "solve_all": value}}}
    other = Curriculum(window=2)
    with pytest.raises(ArgumentError, match="load_state_dict"):
        other.load_state_dict({**state, **change})
    assert other.state_dict() == Curriculum(window=2).state_dict()
    with pytest.raises(ArgumentTypeError, match="state must be a mapping"):
        other.load_state_dict(None)  # type: ignore[arg-type]


def test_update_takes_numbers_of_arrays() -> None:
    curriculum = Curriculum(window=1)
    curriculum.update([(np.int64(1), np.array([1.0, 0.0], dtype=np.float32)), (_skilled("t"), np.array(1.0))])
    assert curriculum.rates()[1]["pass_rate"] == 0.75
    with pytest.raises(ArgumentTypeError, match="results must hold pairs"):
        curriculum.update([(np.bool_(True), [1])])
