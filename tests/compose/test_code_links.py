"""What a written function returns as the first end of a link: sound, judged part by part, told to nobody."""

from __future__ import annotations

import os
import re
from typing import Any

import pytest

from composekit.compose import (
    Composer,
    Composite,
    CompositeVerifier,
    Link,
    Problem,
    Unlinkable,
    audit,
    chain,
    generators,
    verify,
)
from composekit.compose.ends import ends_of

TASKS = [p for p in (generators.code.sample(k, 1 + k % 2) for k in range(160)) if p.tests]
SUMS = [generators.arithmetic.sample(k, 2) for k in range(30)]
SQUARE = Problem(
    "Write a function `square(n)` that returns the square of n.", "", domain="code", verifier="code", entry_point="square",
    tests=[{"args": [k], "expected": k * k} for k in (3, 13, 29)], solution="def square(n):\n    return n * n\n",
)  # fmt: skip
NUTS = Problem("Tom has 57 nuts and eats 18. How many are left?", 39)


def run(source: str, call: str) -> Any:
    """What a reference solution returns, without any of the library."""
    space: dict[str, Any] = {}
    exec(source, space)
    return eval(call, space)


def test_x_is_what_the_function_returns_for_a_test_of_its_own() -> None:
    both = chain(SQUARE, NUTS, seed=4)
    (link,) = both.links
    (call,) = re.findall(r"`(square\(\d+\))`", link.definition)
    assert call in ("square(13)", "square(29)")  # 9 is guessed too easily
    assert link.value_in == run(SQUARE.solution or "", call)
    assert (both.answer, both.verifier, both.topology) == ("39", "composite", "chain")
    assert SQUARE.prompt in both.prompt
    assert link.definition in both.prompt
    assert str(link.value_in) not in both.prompt
    assert audit(both).ok
    assert Problem.from_dict(both.to_dict()) == both


def test_composites_of_a_mixed_pool_are_sound_by_an_independent_check() -> None:
    """Every X is recomputed by running the reference solution; Y by reading the relation; no text shows either."""
    composer = Composer(TASKS + SUMS, depth=2, cross_domain=True, seed=5, size=300)
    first = 0
    for composite in composer:
        (link,) = composite.links
        source, target = composite.parts
        assert audit(composite).ok, composite.prompt
        if not source.tests:
            continue
        first += 1
        (call,) = re.findall(rf"`({source.entry_point}\(.*?\))`", link.definition)
        assert run(source.solution or "", call) == link.value_in
        number = r"(?<![\d.])-?{}(?![\d.])"
        difference = link.value_out - link.value_in
        more, less = "more" in link.relation, "less" in link.relation
        assert (more, less) == (difference > 0, difference < 0)
        if difference:
            assert len(re.findall(number.format(abs(difference)), link.relation)) == 1
        start, end = link.span or (0, 0)
        rest = source.prompt + link.definition + link.relation + target.prompt[:start] + target.prompt[end:]
        assert not re.search(number.format(abs(link.value_in)), rest), composite.prompt
        assert not re.search(number.format(link.value_out), link.definition), composite.prompt
        assert composite.answer == target.answer
    assert first > 100


def test_the_middle_of_a_chain_may_be_a_task_whose_constant_was_replaced() -> None:
    task = next(t for t in TASKS if ends_of(t).calls and ends_of(t).inputs)
    three = chain(SUMS[0], task, SUMS[1], seed=2)
    assert audit(three).ok
    assert [link.source for link in three.links] == [0, 1]
    assert three.links[1].value_in in {test["expected"] for test in task.tests}


@pytest.mark.parametrize(
    "change",
    [
        {"tests": [{"args": [3], "expected": 9}]},  # guessed
        {"tests": [{"args": [13], "expected": 169}], "prompt": "Write square(n). For example `square(13)` is 169."},
        {"tests": [{"args": [13], "expected": 169}], "prompt": "Write square(n). Its largest result is 169."},
        *(
            {"tests": [{"args": [131], "expected": 17161}], "prompt": f"Write square(n), which is at most {shown}."}
            for shown in (
                "17,161",
                "17_161",
                "17 161",
                "17'161",
                "17\u202f161",
                "0x4309",
                "0b100001100001001",
                "1.7161e4",
                "\uff11\uff17\uff11\uff16\uff11",
            )
        ),
        {"tests": [{"args": [169], "expected": 169}]},
        {"tests": [{"args": [13], "expected": "169"}]},
        {"tests": [{"args": [13], "expected": 169.0}]},
        {"tests": [{"args": [True], "expected": 169}]},
        {"tests": [{"args": [13], "expected": 169, "tolerance": 0.1}]},
        {"tests": [{"args": [list(range(100))], "expected": 4950}]},
        {"tests": [{"stdin": "13", "stdout": "169"}]},
        {"tests": "def check(candidate):\n    assert candidate(13) == 169\n"},
        {"entry_point": "Solution.square"},
    ],
)
def test_what_is_no_sound_value_is_not_linked(change: dict[str, Any]) -> None:
    with pytest.raises(Unlinkable, match="must have an answer that is one number"):
        chain(SQUARE.replace(**change), NUTS)


def test_an_argument_that_is_the_constant_is_not_shown() -> None:
    for seed in range(20):
        only = SQUARE.replace(tests=[{"args": [57], "expected": 3249}])
        assert chain(only, NUTS, seed=seed).links[0].value_out != 57


def _changed(composite: Composite, **changes: Any) -> Composite:
    link = composite.links[0]
    values = {name: getattr(link, name) for name in Link.__dataclass_fields__} | changes
    prompt = composite.prompt.replace(link.definition, values["definition"]).replace(link.relation, values["relation"])
    return composite.replace(prompt=prompt, links=(Link(**values),))


def test_the_audit_notices_a_call_that_is_worth_something_else() -> None:
    both = chain(SQUARE, NUTS, seed=4)
    link = both.links[0]
    other = {"square(13)": "square(29)", "square(29)": "square(13)"}
    definition = re.sub(r"square\(\d+\)", lambda m: other[m[0]], link.definition)
    for broken in (
        _changed(both, definition=definition),
        _changed(both, definition=re.sub(r"square\(\d+\)", "square(31)", link.definition)),
    ):
        found = audit(broken)
        assert not found.ok
        assert {finding.kind for finding in found.findings if finding.severity == "defect"} == {"answer"}


@pytest.mark.skipif(not hasattr(os, "fork"), reason="candidates are forked, which this system cannot do")
def test_the_program_is_judged_by_its_tests_and_the_final_answer_decides() -> None:
    both = chain(SQUARE, NUTS, seed=4)
    right = "Part 1:\n```python\ndef square(n):\n    return n * n\n```\nPart 2: \\boxed{39}"
    verdict = verify(right, both)
    assert (verdict.status, [v.status for v in verdict.parts]) == ("correct", ["correct", "correct"])
    wrong = right.replace("n * n", "n + n").replace("39", "40")
    partial = CompositeVerifier(partial=True)
    assert [v.status for v in verify(wrong, both).parts] == ["wrong", "wrong"]
    assert partial.verify(right.replace("39", "40"), both).score == 0.5
    assert partial.verify(wrong, both).score == 0.0
    assert verify("So the answer is \\boxed{39}.", both).correct  # the program is a step on the way
