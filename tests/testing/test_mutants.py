"""The mutants are wrong, there is one of every kind, and check_verifier finds what they are meant to find."""

from __future__ import annotations

import pytest
from hypothesis import given

from composekit.compose import (  # fmt: skip
    ChoiceVerifier,
    CodeVerifier,
    CompositeVerifier,
    ExactVerifier,
    MathVerifier,
    Problem,
    Verdict,
    Verifier,
    bundle,
    verify,
)
from composekit.testing import Mutant, answer_mutants, check_verifier
from composekit.testing.mutants import gold_response
from composekit.testing.strategies import problems

JUDGES: dict[str, Verifier] = {"math": MathVerifier(), "choice": ChoiceVerifier(), "exact": ExactVerifier()}


class Careless(Verifier):
    """A verifier with one fault."""

    def __init__(self, fault: str) -> None:
        self.fault = fault

    def verify(self, response: str, problem: Problem) -> Verdict:
        gold = problem.answer
        paid = {
            "substring": gold in response,
            "prefix": gold.startswith(response.removeprefix(r"\boxed{").removesuffix("}")),
            "any box": rf"\boxed{{{gold}}}" in response,
            "loose": self._close(response, gold),
            "everything": True,
        }[self.fault]
        right = paid or response == rf"\boxed{{{gold}}}"
        return Verdict(float(right), "correct" if right else "wrong")

    def compare(self, *, gold: str, answer: str) -> Verdict:
        raise NotImplementedError

    @staticmethod
    def _close(response: str, gold: str) -> bool:
        try:
            value = float(response.removeprefix(r"\boxed{").removesuffix("}"))
            return abs(value - float(gold)) <= 0.02 * abs(float(gold))
        except ValueError:
            return False


class Strict(Careless):
    """A verifier that refuses everything."""

    def verify(self, response: str, problem: Problem) -> Verdict:
        return Verdict(0.0, "wrong")


SEVEN_HUNDRED = Problem("What is 7 times 100?", 700)


@pytest.mark.parametrize(
    ("fault", "kinds"),
    [
        ("substring", {"two answers", "prose", "thought", "substring"}), ("prefix", {"empty", "substring"}),
        ("any box", {"two answers", "thought"}), ("loose", {"off by one", "one percent"}),
        ("everything", {"empty", "off by one", "two answers", "substring", "prose", "one percent", "thought"}),
    ],
)  # fmt: skip
def test_check_verifier_finds_each_fault(fault: str, kinds: set[str]) -> None:
    faults = check_verifier(Careless(fault), [SEVEN_HUNDRED])
    found = {m.kind for m in answer_mutants(SEVEN_HUNDRED) if any(f"({m.kind})" in f for f in faults)}
    assert kinds <= found


def test_check_verifier_finds_refused_gold_answers() -> None:
    faults = check_verifier(Strict("everything"), [SEVEN_HUNDRED])
    assert len(faults) == 1
    assert "'700' is refused" in faults[0]


@given(problems())
def test_own_verifiers_accept_gold_and_refuse_mutants(problem: Problem) -> None:
    assert check_verifier(JUDGES[problem.verifier], [problem]) == []


def test_mutants_of_a_bundle_spoil_one_part() -> None:
    parts = (Problem("What is 6 times 7?", 42), Problem("Is 91 prime?", "no", verifier="exact"))
    both = bundle(*parts)
    assert gold_response(both) == "Part 1:\n\\boxed{42}\n\nPart 2:\n\\boxed{no}"
    mutants = answer_mutants(both)
    assert all("Part 2" in m.response for m in mutants)
    assert check_verifier(CompositeVerifier(), [both]) == []
    assert check_verifier(CompositeVerifier(partial=True), [both]) == []


def test_answer_mutants_cover_every_kind_of_a_number() -> None:
    mutants = answer_mutants(Problem("q", "3.21"))
    assert {"4.21", "2.21", "3.2421", "3.2", "3.217"} <= {m.answer for m in mutants}
    assert Mutant("empty", "", None) in mutants


@pytest.mark.parametrize(
    "gold", ["0", "-1", "1,000", r"\$36", r"\frac{1}{2}", "(1,2)", r"\text{east}", "x^2 + 1", r"\emptyset"]
)
def test_answer_mutants_are_wrong(gold: str) -> None:
    problem = Problem("q", gold)
    assert all(verify(m.response, problem).score == 0 for m in answer_mutants(problem))
    assert verify(gold_response(problem), problem).correct


def test_answer_mutants_have_documented_kinds() -> None:
    documented = {"empty", "off by one", "two answers", "substring", "prose", "one percent", "thought", "swapped"}
    golds = ["700", r"\text{east}", "(1,2)", "0.5"]
    assert {m.kind for gold in golds for m in answer_mutants(Problem("q", gold))} == documented


def test_mutants_of_code_are_programs_that_return_nothing() -> None:
    tests = ({"args": [2], "expected": 4},)
    whole = Problem(
        "Double it.", "", verifier="code", tests=tests, entry_point="f", solution="def f(n):\n    return 2 * n"
    )
    body = whole.replace(prompt='def f(n):\n    """Double it."""\n', solution="    return 2 * n\n")
    for problem in (whole, body):
        mutants = answer_mutants(problem)
        assert [m.kind for m in mutants] == ["empty", "empty", "prose", "program"]
        assert mutants[-1].response.startswith("```python\ndef f(n):\n")
        assert mutants[-1].response.endswith("    return\n```")
        assert check_verifier(CodeVerifier(), [problem]) == []
    assert check_verifier(CodeVerifier(), [whole.replace(solution="def f(n):\n    return n")]) != []


def test_a_bundle_with_code_is_judged_part_by_part() -> None:
    tests = ({"args": [2], "expected": 4},)
    code = Problem(
        "Double it.", "", verifier="code", tests=tests, entry_point="f", solution="def f(n):\n    return 2 * n"
    )
    for parts in ((code, Problem("What is 6 times 7?", 42)), (Problem("What is 6 times 7?", 42), code)):
        assert check_verifier(CompositeVerifier(), [bundle(*parts)]) == []
