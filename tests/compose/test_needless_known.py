"""Constants that are listed as needless by the hash of their problem."""

from __future__ import annotations

from composekit.compose import Composer, load_problems
from composekit.compose.needless import known
from composekit.compose.needless.idle import idle
from composekit.compose.tokens import constants


def test_every_listed_constant_is_one_of_the_public_problems_and_is_passed_over(data_dir) -> None:
    left = dict(known._STARTS)
    for name in ("gsm8k_test.jsonl", "gsm8k_train.jsonl", "math500.jsonl"):
        for problem in load_problems(data_dir / name):
            starts = known.known_needless(problem.prompt)
            if not starts:
                continue
            found = constants(problem.prompt)
            assert set(starts) <= {constant.span[0] for constant in found}, problem.prompt
            passed_over = {span[0] for span in idle(problem, found)}
            assert set(starts) <= passed_over
            del left[known.hashlib.sha256(problem.prompt.encode()).hexdigest()[:16]]
    assert not left


def test_a_composer_does_not_hide_a_listed_constant(data_dir) -> None:
    problems = load_problems(data_dir / "gsm8k_train.jsonl")
    listed = [problem for problem in problems if known.known_needless(problem.prompt)]
    stream = Composer(listed, depth=2, seed=3, size=200)
    ends = 0
    for index in range(200):
        composite = stream[index]
        for link in composite.links:
            ends += 1
            assert link.span[0] not in known.known_needless(composite.parts[link.target].prompt)
    assert ends >= 200


def test_other_texts_are_not_listed() -> None:
    assert known.known_needless("Five people are planning a party. How many are they?") == ()
    assert known.known_needless("\ud800") == ()  # half of a character, which has no bytes of its own
