"""reasoning-gym as a source of problems."""

from __future__ import annotations

import json
from typing import Any

import pytest

from composekit._errors import ArgumentError
from composekit.compose import Problem, chain, verify
from composekit.integrations.reasoning_gym import ReasoningGymVerifier, load

pytest.importorskip("reasoning_gym")

NAMES = ("chain_sum", "gcd", "knights_knaves", "simple_equations", "leg_counting", "caesar_cipher", "maze", "sudoku")


@pytest.mark.parametrize("name", NAMES)
def test_load_gives_problems_whose_gold_answer_passes(name: str) -> None:
    for problem in load(name, size=8, seed=3):
        assert problem.metadata["topic"] == name
        assert ReasoningGymVerifier().verify(f"<answer>{problem.answer}</answer>", problem).correct
        if problem.verifier == "math":
            assert verify(rf"\boxed{{{problem.answer}}}", problem).correct
            assert not verify(rf"\boxed{{{problem.answer}1}}", problem).correct
        assert Problem.from_dict(problem.to_dict()) == problem


def test_load_is_seeded_and_neighbouring_seeds_share_nothing() -> None:
    one, again, two = (load("chain_sum", size=60, seed=seed) for seed in (1, 1, 2))
    assert one == again
    assert not {p.prompt for p in one} & {p.prompt for p in two}


def test_numeric_problems_link() -> None:
    first, second = load("chain_sum", size=1, seed=1)[0], load("leg_counting", size=1, seed=1)[0]
    made = chain(first, second)
    assert made.answer == second.answer


def test_load_passes_options_and_names_bad_ones() -> None:
    problem = load("chain_sum", size=1, config={"min_terms": 6, "max_terms": 6})[0]
    assert problem.prompt.count(" + ") + problem.prompt.count(" - ") == 5
    for bad in ({"name": "no such"}, {"name": "chain_sum", "config": {"colour": 1}}, {"name": "gcd", "size": 0}):
        with pytest.raises(ArgumentError, match=r"reasoning_gym\.load: (name|size) must"):
            load(**bad)


def test_verifier_pays_for_full_scores_alone() -> None:
    (problem,) = load("chain_sum", size=1, seed=4)
    judge = ReasoningGymVerifier()
    answer = int(problem.answer)
    cases: dict[str, str] = {
        rf"\boxed{{{answer}}}": "correct",
        rf"<think>\boxed{{{answer}}}</think>\boxed{{{answer + 1}}}": "wrong",
        f"<answer>{answer}</answer>": "correct",
        f"<answer>{answer + 1} or {answer}</answer>": "wrong",  # contains it: reasoning-gym pays a share
        rf"\boxed{{{answer}}} or \boxed{{{answer + 1}}}": "wrong",
        f"<answer>{answer}.0001</answer>": "wrong",
        "": "unparseable",
        "I tried it.\nThen I gave up, though 7 came up.": "unparseable",
    }
    for response, status in cases.items():
        assert judge.verify(response, problem).status == status, response


def test_verifier_refuses_other_problems_and_survives_its_scorer(monkeypatch: pytest.MonkeyPatch) -> None:
    judge = ReasoningGymVerifier()
    with pytest.raises(ArgumentError, match="come from reasoning_gym"):
        judge.verify(r"\boxed{42}", Problem("What is 6 times 7?", 42))
    import reasoning_gym

    def broken(name: str) -> Any:
        def score(**arguments: Any) -> float:
            raise RuntimeError("bad cell")

        return score

    (problem,) = load("chain_sum", size=1, seed=4)
    monkeypatch.setattr(reasoning_gym, "get_score_answer_fn", broken)
    verdict = judge.verify(r"\boxed{42}", problem)
    assert (verdict.score, verdict.status) == (0.0, "error")


@pytest.mark.parametrize("name", ["arc_agi", "rearc"])
def test_entries_keep_their_types_through_json(name: str) -> None:
    (problem,) = load(name, size=1, seed=2)
    again = Problem.from_dict(json.loads(json.dumps(problem.to_dict())))
    assert ReasoningGymVerifier().verify(f"<answer>{problem.answer}</answer>", again).status == "correct"
    assert ReasoningGymVerifier().verify("<answer>0</answer>", again).status == "wrong"


def test_a_problem_without_an_answer_is_for_its_own_verifier_alone() -> None:
    (problem,) = load("propositional_logic", size=1, seed=2)
    with pytest.raises(ArgumentError, match=r"problem\.verifier must be one of"):
        verify("None", problem)
    example = problem.metadata["reasoning_gym"]["metadata"]["example_answer"]
    assert ReasoningGymVerifier().verify(f"<answer>{example}</answer>", problem).status == "correct"
