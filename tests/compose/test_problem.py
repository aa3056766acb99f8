"""Problems, links and composites: content, identity, JSON, pickles, and what is refused."""

from __future__ import annotations

import json
import pickle
from fractions import Fraction

import pytest

from composekit import ComposeKitError
from composekit.compose import Composite, Link, Problem, Template

NUTS = Problem("Tom has 57 nuts and eats 21. How many are left?", 36)
FULL = Problem(
    "Write f.", "", domain="code", verifier="code", solution="def f(): ...", tests=({"args": [1], "expected": 2},),
    entry_point="f", template=Template("code", {"n": 3}), metadata={"level": 2, "tags": ["a"]},
)  # fmt: skip
LINK = Link(0, 1, "X", 36, "Y", Fraction(7, 3), "Y is less.", (2, 5), "Let X be it.")


def test_problem_id_is_a_hash_of_its_content() -> None:
    assert NUTS.id == Problem(NUTS.prompt, "36").id != Problem(NUTS.prompt, "37").id
    assert Problem("a", "b", id=7).id == "7"
    assert NUTS.replace(answer="37").id != NUTS.id
    assert NUTS.replace(answer="37", id=NUTS.id).id == NUTS.id


@pytest.mark.parametrize("problem", [NUTS, FULL, Problem("q", Fraction(7, 3))])
def test_problem_survives_json_and_pickle(problem: Problem) -> None:
    assert Problem.from_dict(json.loads(json.dumps(problem.to_dict()))) == problem
    assert pickle.loads(pickle.dumps(problem)) == problem
    assert hash(pickle.loads(pickle.dumps(problem))) == hash(problem)


@pytest.mark.parametrize("value", [5, -3, Fraction(7, 3), 10**40])
def test_link_survives_json_exactly(value: int | Fraction) -> None:
    link = Link(0, 1, "X", value, "Y", value + 1, "Y is 1 more than X.", (0, 1))
    again = Link.from_dict(json.loads(json.dumps(link.to_dict())))
    assert again == link
    assert type(again.value_in) is type(value)


def test_link_survives_json_with_radicals_and_foreign_values() -> None:
    sympy = pytest.importorskip("sympy")
    radical = Link(0, 1, "X", 3 * sympy.sqrt(5) + sympy.pi / 2, "Y", 5, "r", (0, 1))
    foreign = Link(0, 1, "X", "\\frac{1}{2}", "Y", "5", "", None)
    for link in (radical, foreign):
        assert Link.from_dict(json.loads(json.dumps(link.to_dict()))) == link


def test_composite_survives_json_and_pickle() -> None:
    made = Composite("both", "36", parts=(FULL, NUTS), links=(LINK,))
    for again in (Problem.from_dict(json.loads(json.dumps(made.to_dict()))), pickle.loads(pickle.dumps(made))):
        assert isinstance(again, Composite)
        assert again == made
    assert made != Problem(made.prompt, made.answer, id=made.id)


@pytest.mark.parametrize(
    ("feeds", "depth"), [([(0, 1), (1, 2), (2, 3)], 4), ([(0, 3), (1, 3), (2, 3)], 2), ([(0, 1), (1, 3), (2, 3)], 3)]
)
def test_composite_depth_is_the_longest_path(feeds: list[tuple[int, int]], depth: int) -> None:
    parts = tuple(NUTS.replace(prompt=f"{NUTS.prompt} {n}") for n in range(4))
    links = tuple(Link(a, b, "X", 1, "Y", 2, "r", (0, 1)) for a, b in feeds)
    assert Composite("all", "1", parts=parts, links=links, topology="tree").depth == depth


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"prompt": "  "}, "prompt must not be empty"), ({"answer": ""}, "answer must not be empty"),
        ({"prompt": 5}, "prompt must be a string; got int"), ({"answer": None}, "answer must be a string"),
        ({"answer": True}, "answer must be a string; got bool"),
        ({"template": {"params": {}}}, "template must name its generator"),
    ],
)  # fmt: skip
def test_problem_refuses_bad_fields(fields: dict[str, object], words: str) -> None:
    with pytest.raises(ComposeKitError) as caught:
        Problem(**{"prompt": "q", "answer": "a", **fields})  # type: ignore[arg-type]
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"parts": ()}, "parts must hold at least one problem"), ({"links": ()}, "join each part of a chain"),
        ({"topology": "bundle"}, "be empty in a bundle"), ({"topology": "ring"}, "be chain, bundle or tree"),
        ({"links": (Link(1, 0, "X", 1, "Y", 2, "r", None),)}, "run from an earlier to a later"),
        ({"links": (Link(0, 2, "X", 1, "Y", 2, "r", None),)}, "run from an earlier to a later"),
    ],
)  # fmt: skip
def test_composite_refuses_links_that_contradict_its_topology(fields: dict[str, object], words: str) -> None:
    whole = {"parts": (FULL, NUTS), "links": (LINK,), **fields}
    with pytest.raises(ComposeKitError) as caught:
        Composite("both", "36", **whole)  # type: ignore[arg-type]
    assert words in str(caught.value)


@pytest.mark.parametrize(
    "row", [{"prompt": "q", "answer": "a", "colour": 1}, {"prompt": "q", "answer": "a", "parts": [], "colour": 1}]
)
def test_from_dict_refuses_unknown_fields(row: dict[str, object]) -> None:
    with pytest.raises(ComposeKitError, match="colour"):
        Problem.from_dict(row)


def test_metadata_cannot_be_changed() -> None:
    with pytest.raises(TypeError):
        FULL.metadata["level"] = 3  # type: ignore[index]
