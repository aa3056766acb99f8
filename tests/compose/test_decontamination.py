"""Contamination: found through dress, not found by chance."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from composekit import ComposeKitError
from composekit.compose import Problem
from composekit.compose.decontamination import NGramIndex, texts_of, words

LONG = "A train leaves the station at noon and covers 340 km at a steady 85 km per hour before it stops."


@given(
    st.lists(st.sampled_from(["ant", "bee", "cat", "dog", "elk", "fox"]), min_size=1, max_size=40), st.integers(2, 9)
)
def test_index_agrees_with_a_search_by_hand(found: list[str], n: int) -> None:
    test = words("the ant met the bee and the cat met the dog and the elk met the fox by the big old tree")
    index = NGramIndex([" ".join(test)], n=n)
    runs = {tuple(test[i : i + n]) for i in range(len(test) - n + 1)}
    by_hand = any(tuple(found[i : i + n]) in runs for i in range(len(found) - n + 1))
    assert index.contaminated(" ".join(found)) == by_hand


@pytest.mark.parametrize(
    "dressed",
    [
        LONG.upper(),
        LONG.replace(" ", "\n  "),
        LONG.replace(",", "").replace(".", "!?"),
        f"Hi. {LONG} Bye.",
        LONG.translate({c: c + 0xFEE0 for c in range(0x21, 0x7F)}),
    ],
)
def test_index_sees_through_case_spacing_marks_and_wide_letters(dressed: str) -> None:
    assert NGramIndex([LONG]).contaminated(dressed)


def test_index_is_exact_about_the_length_of_a_run() -> None:
    index = NGramIndex([LONG], n=13)
    found = words(LONG)
    assert index.contaminated(" ".join(["x", *found[:13], "y"]))
    assert not index.contaminated(" ".join(["x", *found[:12], "y", *found[13:]])[:60])


def test_short_test_texts_count_whole_or_as_the_same_text_alone() -> None:
    nine = "Add all even numbers from two up to ninety"
    index = NGramIndex([nine, "What is 2 + 2?"])
    assert index.contaminated(f"Please: {nine.lower()}, quickly!")
    assert index.contaminated("what is 2+2")
    assert not index.contaminated("What is 2 + 2 + 2?")
    assert not index.contaminated("Tell me: what is 2 + 2?")


def test_an_empty_index_finds_nothing() -> None:
    assert not NGramIndex([]).contaminated(LONG)
    assert not NGramIndex([LONG]).contaminated("")


def test_texts_of_takes_problems_texts_files_and_lists(tmp_path: Path) -> None:
    file = tmp_path / "test.jsonl"
    file.write_text('{"prompt": "from a file", "answer": "1"}\n')
    given = [Problem("a problem", 1), "a text that ends in .jsonl\n", file, str(file), [[Problem("nested", 2)]]]
    assert list(texts_of(given)) == [
        "a problem",
        "a text that ends in .jsonl\n",
        "from a file",
        "from a file",
        "nested",
    ]
    with pytest.raises(ComposeKitError, match="must hold problems, texts or files; got int"):
        list(texts_of([3]))
    with pytest.raises(ComposeKitError, match="no such file"):
        list(texts_of([str(tmp_path / "missing.jsonl")]))


def test_texts_without_spaces_share_runs_of_characters() -> None:
    question = "小明有三百个苹果，他给了小红二十个苹果，然后又买了五十个苹果。"
    index = NGramIndex([f"题目：{question}（选做）"])
    assert index.contaminated(question)
    assert not index.contaminated(question.replace("苹果", "橘子"))


def test_a_test_text_without_words_contaminates_nothing() -> None:
    index = NGramIndex(["", "?!"])
    assert not index.contaminated("...")
    assert not index.contaminated("What is 6 times 7?")
