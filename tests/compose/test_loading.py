"""Loading: every schema, every kind of file, every kind of damage."""

from __future__ import annotations

import csv
import json
import logging
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from composekit import ComposeKitError
from composekit.compose import Composite, Link, Problem, bundle, chain, generators, load_problems
from composekit.compose.schemas import last_box

GSM8K = {"question": "Tom has 3 apples and buys 4. How many?", "answer": "3 + 4 = <<3+4=7>>7\n#### 7"}
MATH = {"problem": "Find $1+1$.", "solution": r"It is $\boxed{2}$.", "answer": "2", "level": 1, "unique_id": "a/1"}


def write_lines(path: Path, *rows: object) -> Path:
    path.write_text(
        "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows), encoding="utf-8"
    )
    return path


# ------------------------------------------------------------------------------------------------------------- schemas


def test_load_gsm8k_takes_what_follows_the_last_mark() -> None:
    rows = [GSM8K, {"question": "And with 1,000 more?", "answer": "#### 5 is wrong\n#### 1,007 "}]
    first, second = load_problems(rows)
    assert (first.prompt, first.answer, first.verifier) == (GSM8K["question"], "7", "math")
    assert first.solution == "3 + 4 = <<3+4=7>>7"
    assert second.answer == "1,007"


def test_load_math_prefers_the_answer_and_falls_back_to_the_last_box() -> None:
    boxed = {"problem": "Halve $1$.", "solution": r"Not \boxed{3} but $\boxed{\frac{1}{2}}$."}
    first, second = load_problems([MATH, boxed])
    assert (first.answer, first.id, first.metadata["level"]) == ("2", "a/1", 1)
    assert second.answer == r"\frac{1}{2}"
    assert second.solution == boxed["solution"]


def test_load_humaneval_makes_a_code_problem() -> None:
    row = {
        "task_id": "HumanEval/0",
        "prompt": "def one():\n",
        "entry_point": "one",
        "canonical_solution": "    return 1\n",
        "test": "def check(candidate):\n    assert candidate() == 1\n",
    }
    (problem,) = load_problems([row])
    assert (problem.domain, problem.verifier, problem.entry_point) == ("code", "code", "one")
    assert problem.tests == (row["test"],)
    assert (problem.id, problem.answer, problem.solution) == ("HumanEval/0", "", row["canonical_solution"])


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ({"choices": ["red", "blue"], "answer": 1}, "B"),
        ({"options": ["red", "blue"], "answer": "A"}, "A"),
        ({"choices": ["red", "blue"], "answer": "blue"}, "B"),
        ({"options": {"C": "red", "D": "blue"}, "answer": "D"}, "D"),
        ({"choices": {"text": ["red", "blue"], "label": ["1", "2"]}, "answerKey": "2"}, "2"),
    ],
)
def test_load_choice_prints_the_choices_and_answers_with_a_letter(columns: dict, expected: str) -> None:
    (problem,) = load_problems([{"question": "Colour of the sky?", **columns}])
    assert (problem.answer, problem.verifier, problem.domain) == (expected, "choice", "choice")
    assert problem.prompt.startswith("Colour of the sky?\n")
    assert f"{expected}. {dict(problem.metadata)['choices'][expected]}" in problem.prompt


def test_load_mapping_names_columns_of_any_row() -> None:
    rows = [{"q": "What is 2 + 3?", "a": 5, "topic": "sums", "n": 1}, {"q": "And 2 + 4?", "a": " 6 ", "topic": "sums"}]
    problem, other = load_problems(rows, {"prompt": "q", "answer": "a", "metadata": ["topic"]})
    assert (problem.prompt, problem.answer, dict(problem.metadata)) == ("What is 2 + 3?", "5", {"topic": "sums"})
    assert other.answer == "6"


def test_load_auto_decides_once_for_a_file_so_that_a_malformed_row_is_found() -> None:
    with pytest.raises(ComposeKitError, match=r"row 2, field 'answer', must end in '#### '"):
        load_problems([GSM8K, {"question": "q", "answer": "no mark"}])
    assert load_problems([{"question": "q", "answer": "no mark"}])[0].answer == "no mark"


def test_load_real_files(data_dir: Path) -> None:
    train = load_problems(data_dir / "gsm8k_train.jsonl")
    assert (len(train), train.skipped, train.schema) == (7473, (), "gsm8k")
    with (data_dir / "gsm8k_train.jsonl").open() as file:
        assert [p.answer for p in train] == [json.loads(line)["answer"].split("####")[1].strip() for line in file]
    assert len(load_problems(data_dir / "math500.jsonl")) == 500
    assert len(load_problems(data_dir / "humaneval.jsonl")) == 164


def test_last_box_agrees_with_the_answers_of_math500(data_dir: Path) -> None:
    for line in (data_dir / "math500.jsonl").read_text().splitlines():
        row = json.loads(line)
        assert last_box(row["solution"]) is not None, row["unique_id"]
        assert "".join(last_box(row["solution"]).split()) == "".join(row["answer"].split()), row["unique_id"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (r"\boxed{1} then \boxed{2}", "2"),
        (r"\boxed 7.", "7"),
        (r"\fbox{a}", "a"),
        (r"\boxed{\{1,2\}}", r"\{1,2\}"),
        (r"\boxed{1", None),
        (r"\boxedness{3}", None),
        ("none", None),
    ],
)
def test_last_box_reads_balanced_braces(text: str, expected: str | None) -> None:
    assert last_box(text) == expected


# ---------------------------------------------------------------------------------------------------------- round trips


def composite() -> Composite:
    parts = (Problem("What is 2 + 3?", 5), Problem("Double 7.", 14, metadata={"level": 1}))
    link = Link(0, 1, "X", Fraction(5), "Y", 7, "Y is 2 more than X.", (7, 8), "Let X be the answer.")
    return Composite(
        "What is 2 + 3? Let X be the answer. Y is 2 more than X. Double Y.", "14", parts=parts, links=(link,)
    )


OWN = [
    composite(),
    Problem("Write f.", "", "code", "code", tests=({"args": [1], "expected": 2},), entry_point="f"),
    Problem("Write g.", "", "code", "code", tests="def check(candidate):\n    assert candidate(1)\n", entry_point="g"),
    Problem("¿Cuánto es 1/2 + 1/2?", 1, template={"name": "sum", "params": {"a": 1}}, solution="1"),
]


@pytest.mark.parametrize("suffix", ["jsonl", "json", "csv", "parquet"])
def test_own_rows_survive_every_kind_of_file(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"rows.{suffix}"
    rows = [problem.to_dict() for problem in OWN]
    nested = ("tests", "metadata", "parts", "links", "template")
    flat = [{k: json.dumps(v) if k in nested else v for k, v in row.items()} for row in rows]
    columns = sorted({column for row in flat for column in row})
    if suffix == "jsonl":
        write_lines(path, *rows)
    elif suffix == "json":
        path.write_text(json.dumps(rows))
    elif suffix == "csv":
        with path.open("w", newline="", encoding="utf-8") as file:
            writer = csv.DictWriter(file, columns)
            writer.writeheader()
            writer.writerows(flat)
    else:
        arrow = pytest.importorskip("pyarrow")
        parquet = pytest.importorskip("pyarrow.parquet")
        parquet.write_table(arrow.table({c: [row.get(c) for row in flat] for c in columns}), path)
    assert load_problems(path) == OWN


@given(st.text(min_size=1).filter(str.strip), st.text(min_size=1).filter(str.strip))
def test_own_rows_round_trip_for_any_text(prompt: str, answer: str) -> None:
    try:
        (prompt + answer).encode()
    except UnicodeEncodeError:
        return
    problem = Problem(prompt, answer.strip())
    assert load_problems([problem.to_dict()]) == [problem]


def test_json_takes_one_list_in_an_envelope(tmp_path: Path) -> None:
    path = tmp_path / "data.json"
    path.write_text(json.dumps({"data": [GSM8K]}))
    assert load_problems(path)[0].answer == "7"


# ------------------------------------------------------------------------------------------------------------ bad input

BAD_ROWS = [
    ('{"question": "q", "answer": ', "must be JSON"),
    ("[1, 2]", "must be an object of named fields"),
    ({"question": "q"}, r"field 'answer', must be present"),
    ({"question": 7, "answer": "#### 1"}, r"field 'question', must be text; got int 7"),
    ({"question": None, "answer": "#### 1"}, r"field 'question', must be text; got NoneType"),
    ({"question": "  ", "answer": "#### 1"}, r"field 'question', must not be empty"),
    ({"question": "q", "answer": "#### "}, r"field 'answer', must end in '#### '"),
    ({"question": "q", "answer": ["#### 1"]}, r"field 'answer', must be text; got list"),
    ('{"question": "\\ud800", "answer": "#### 1"}', r"field 'question', must be valid Unicode"),
    ('{"question": "q", "answer": ' + "[" * 100_000, "nested too deep"),
    ('{"question": "q", "answer": ' + "9" * 5000 + "}", "must be JSON"),
]


@pytest.mark.parametrize(("bad", "message"), BAD_ROWS, ids=range(len(BAD_ROWS)))
def test_a_bad_row_names_file_line_and_repair_and_can_be_skipped(
    bad: object, message: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = write_lines(tmp_path / "bad.jsonl", GSM8K, "", bad, {**GSM8K, "question": "Another?"})
    with pytest.raises(ValueError, match=message) as caught:
        load_problems(path)
    assert isinstance(caught.value, ComposeKitError)
    assert f"{path}, line 3" in str(caught.value)
    assert len(str(caught.value)) < 600
    with caplog.at_level(logging.WARNING, logger="composekit"):
        kept = load_problems(path, on_error="skip")
    assert [p.prompt for p in kept] == [GSM8K["question"], "Another?"]
    assert len(kept.skipped) == 1
    assert f"{path}, line 3" in kept.skipped[0]
    assert "skipped 1 of 3 rows" in caplog.text


def test_a_clean_file_logs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger="composekit"):
        load_problems([GSM8K], on_error="skip")
    assert caplog.text == ""


def test_bytes_that_are_not_utf8_name_line_and_position(tmp_path: Path) -> None:
    path = tmp_path / "latin.jsonl"
    path.write_bytes(json.dumps(GSM8K).encode() + b'\n{"question": "caf\xe9", "answer": "#### 1"}\n')
    with pytest.raises(ComposeKitError, match=r"line 2 must be UTF-8; got the byte 0xe9 at position 17. Convert"):
        load_problems(path)
    assert len(load_problems(path, on_error="skip")) == 1


@pytest.mark.parametrize("suffix", ["jsonl", "json", "csv"])
def test_byte_order_marks_are_read_or_explained(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"marked.{suffix}"
    text = {"jsonl": json.dumps(GSM8K), "json": json.dumps([GSM8K]), "csv": 'question,answer\nq,"x\n#### 7"\n'}[suffix]
    path.write_bytes(b"\xef\xbb\xbf" + text.encode())
    assert load_problems(path)[0].answer == "7"
    path.write_bytes(text.encode("utf-16"))
    with pytest.raises(ComposeKitError, match="UTF-16 byte order mark"):
        load_problems(path)


@pytest.mark.parametrize("suffix", ["jsonl", "json", "csv", "parquet"])
def test_an_empty_file_is_an_error_even_when_rows_may_be_skipped(suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"empty.{suffix}"
    path.touch()
    with pytest.raises(ComposeKitError, match="must hold at least one row"):
        load_problems(path, on_error="skip")
    if suffix != "parquet":
        path.write_text({"json": "[]", "csv": "question,answer\n"}.get(suffix, "\n\n"))
        with pytest.raises(ComposeKitError, match="must hold at least one row"):
            load_problems(path, on_error="skip")


def test_no_rows_at_all_is_an_error() -> None:
    with pytest.raises(ComposeKitError, match="source must hold at least one row"):
        load_problems([])


def test_a_missing_file_a_folder_and_an_unknown_kind_are_errors(tmp_path: Path) -> None:
    with pytest.raises(ComposeKitError, match="no such file"):
        load_problems(tmp_path / "nothing.jsonl")
    with pytest.raises(ComposeKitError, match="a folder"):
        load_problems(tmp_path)
    (tmp_path / "rows.xlsx").write_text("x")
    with pytest.raises(ComposeKitError, match=r"must end in \.jsonl"):
        load_problems(tmp_path / "rows.xlsx")


def test_a_prompt_of_a_megabyte_is_read_from_jsonl_and_csv(tmp_path: Path) -> None:
    long = "word " * 250_000
    limit = 131072
    csv.field_size_limit(limit)
    problem = load_problems(write_lines(tmp_path / "long.jsonl", {**GSM8K, "question": long}))[0]
    assert problem.prompt == long
    (tmp_path / "long.csv").write_text(f"question,answer\n{long},7\n")
    assert load_problems(tmp_path / "long.csv")[0].prompt == long
    assert csv.field_size_limit() == limit


def test_duplicate_ids_name_both_places() -> None:
    twice = [{**MATH}, {**MATH, "problem": "Another with the same id."}]
    with pytest.raises(ComposeKitError, match=r"row 2, field 'id', must be unique; got 'a/1', which row 1 has too"):
        load_problems(twice)
    assert len(load_problems(twice, on_error="skip")) == 1
    with pytest.raises(ComposeKitError, match="must be unique"):
        load_problems([GSM8K, GSM8K])


def test_csv_with_a_wrong_number_of_fields_names_the_line(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text('question,answer\n"two\nlines",7\nq,1,2\nr,3\n')
    with pytest.raises(ComposeKitError, match=r"line 4 must have the header's 2 fields; got 3 fields"):
        load_problems(path)
    assert [p.answer for p in load_problems(path, on_error="skip")] == ["7", "3"]
    path.write_text('question,answer\n"open,7\n')
    with pytest.raises(ComposeKitError, match="must be CSV"):
        load_problems(path)


def test_broken_parquet_is_an_error(tmp_path: Path) -> None:
    pytest.importorskip("pyarrow")
    path = tmp_path / "rows.parquet"
    path.write_bytes(b"PAR1 not really")
    with pytest.raises(ComposeKitError, match="must be parquet"):
        load_problems(path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((b"rows",), "source must be a path or an iterable of rows"),
        ((7,), "source must be a path or an iterable of rows"),
        (({"question": "q"},), "source must be a path or an iterable of rows"),
        (([GSM8K], "gsm9k"), "schema must be auto, gsm8k"),
        (([GSM8K], {"question": "prompt"}), "schema must map 'prompt'"),
        (([GSM8K], {"prompt": "q"}), r"row 1, field 'q', must be present; got only the fields question, answer"),
        (([{"x": 1}],), "must have the columns of a known schema; got the columns x"),
        (([{"prompt": "p", "answer": "a", "levle": 1}],), "field 'levle', must be one of"),
        (([{"prompt": "p", "answer": "a", "parts": 3}],), "must be a row that to_dict wrote"),
        (([{"question": "q", "choices": ["a", "b"], "answer": "z"}],), "must name one choice"),
        (([{"question": "q", "choices": ["a"], "answer": 0}],), "at least two choices"),
        (([{"question": "q", "answer": float("nan")}], "qa"), "must be finite"),
        (([{"question": "q", "answer": True}], "qa"), "must be text; got bool"),
    ],
)
def test_wrong_arguments_say_what_to_write_instead(arguments: tuple, message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        load_problems(*arguments)
    assert isinstance(caught.value, ComposeKitError)


def test_on_error_takes_two_words() -> None:
    with pytest.raises(ComposeKitError, match="on_error must be 'raise' or 'skip'"):
        load_problems([GSM8K], on_error="ignore")


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ({"prompt": "q", "answer": "1", "parts": [1]}, "parts must be a list of Problem objects"),
        (
            {"prompt": "q", "answer": "1", "parts": [{"prompt": "p", "answer": "1"}], "links": [{"source": 0}]},
            "no relation",
        ),
        ({"prompt": "q", "answer": "1", "template": 5}, "template must be a Template"),
        ({"prompt": "q", "answer": "1", "tests": 5}, "tests must be a list"),
        ({"prompt": "q", "answer": "1", "metadata": 5}, "metadata must be a mapping"),
        ({"prompt": "q", "answer": "1", "id": {"a": 1}}, "id must be a string"),
        ({"prompt": "q", "answer": "1", "solution": 5}, "solution must be a string"),
        ({"question": "q", "choices": {"text": 5, "label": 5}, "answer": "B"}, "as many labels as texts"),
        ({"question": "q", "choices": {"text": ["a", "b"], "label": ["A"]}, "answer": "A"}, "as many labels as texts"),
    ],
)
def test_a_field_of_another_type_is_named(row: dict, message: str) -> None:
    with pytest.raises(ComposeKitError, match=message) as caught:
        load_problems([row])
    assert "row 1" in str(caught.value)
    assert ".. " not in str(caught.value)


# ----------------------------------------------------------------------------------------- what files and tables bring


@pytest.mark.parametrize(
    ("value", "answer"),
    [
        (3.0, "3"),
        (0.5, "0.5"),
        (-0.0, "0"),
        (np.int64(3), "3"),
        (np.float64(2.5), "2.5"),
        (np.float32(0.1), "0.1"),
        (Decimal("3.00"), "3"),
        (Fraction(1, 2), "1/2"),
        (np.str_("x"), "x"),
    ],
)
def test_numbers_of_every_type_become_the_same_text(value: object, answer: str) -> None:
    assert load_problems([{"question": "q", "answer": value}])[0].answer == answer


def test_a_name_that_occurs_twice_is_a_bad_row(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "rows.jsonl", '{"question": "q", "answer": "1", "answer": "2"}', GSM8K)
    with pytest.raises(ComposeKitError, match=r"line 1 must be JSON; got .*the name 'answer' occurs twice"):
        load_problems(path)
    assert len(load_problems(path, on_error="skip")) == 1
    table = tmp_path / "rows.csv"
    table.write_text("question,answer,answer\nq,1,2\n")
    with pytest.raises(ComposeKitError, match=r"line 1 must name every column once; got 'answer' twice"):
        load_problems(table)


@pytest.mark.parametrize(
    ("start", "name"), [(b"\x1f\x8b\x08\x00", "a gzip archive"), (b"PK\x03\x04", "zip"), (b"PAR1\x15", "parquet")]
)
@pytest.mark.parametrize("suffix", [".jsonl", ".json", ".csv"])
def test_archives_under_a_wrong_name_are_explained(start: bytes, name: str, suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"rows{suffix}"
    path.write_bytes(start + b"\x00\xff" * 20)
    with pytest.raises(ComposeKitError, match=name):  # of the file as a whole, not a row to skip
        load_problems(path, on_error="skip")


def test_a_file_that_may_not_be_read_is_an_error_of_ours(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_lines(tmp_path / "rows.jsonl", GSM8K)

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(ComposeKitError, match=r"rows\.jsonl must be readable; got .*Permission denied"):
        load_problems(path)


def test_json_may_hold_lines(tmp_path: Path) -> None:
    path = write_lines(tmp_path / "rows.json", GSM8K, "", {"question": "q", "answer": "#### 1"})
    assert [problem.answer for problem in load_problems(path)] == ["7", "1"]
    pretty = tmp_path / "pretty.json"
    pretty.write_text(json.dumps({"rows": [GSM8K]}, indent=1))
    assert len(load_problems(pretty)) == 1


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_csv_delimiters_of_other_countries(delimiter: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text(f'question{delimiter} answer\n"one, two; three\nfour|five"{delimiter}4\n')
    (problem,) = load_problems(path)
    assert (problem.prompt, problem.answer) == ("one, two; three\nfour|five", "4")


def test_empty_cells_and_nan_are_absent(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("problem,solution,answer,id,level\np,,3,,\nq,so \\boxed{4},,x,2\n")
    first, second = load_problems(path)
    assert (first.answer, first.solution, dict(first.metadata)) == ("3", None, {})
    assert (second.answer, second.id, dict(second.metadata)) == ("4", "x", {"level": "2"})
    nan = float("nan")
    (problem,) = load_problems([{"question": "q", "answer": "1", "level": nan, "id": np.nan}])
    assert dict(problem.metadata) == {}
    with pytest.raises(ComposeKitError, match=r"must be finite .*; got nan"):
        load_problems([{"question": "q", "answer": nan}])


def test_gaps_that_a_table_fills_with_none_are_no_values() -> None:
    (problem,) = load_problems([{"question": "q", "options": {"A": "x", "B": "y", "C": None}, "answer": "B"}])
    assert problem.metadata["choices"] == {"A": "x", "B": "y"}
    datasets = pytest.importorskip("datasets")
    first, second = generators.arithmetic(2, seed=1)
    half = Problem("Cut 37 in two. How much is a half?", Fraction(37, 2), metadata={"note": [1]})
    mixed = [chain(first, second), bundle(first, generators.choice(1)[0]), chain(half, second)]
    rows = datasets.Dataset.from_list([composite.to_dict() for composite in mixed])
    assert load_problems(rows) == mixed
    test = {"args": [1], "kwargs": None, "expected": None, "stdin": None, "stdout": None}
    other = {"args": None, "kwargs": None, "expected": None, "stdin": "1", "stdout": "2"}
    code = {"prompt": "f", "verifier": "code", "entry_point": "f", "tests": [test, other]}
    assert load_problems([code])[0].tests == ({"args": [1], "expected": None}, {"stdin": "1", "stdout": "2"})


def test_rows_of_to_hf_are_read_whole() -> None:
    both = chain(*generators.arithmetic(2, seed=1))
    row = {"prompt": "p", "answer": both.answer, "domain": "math", "verifier": "composite", "depth": 2}
    assert load_problems([row | {"id": both.id, "problem": json.dumps(both.to_dict())}]) == [both]


def test_a_fraction_over_zero_in_a_link_is_a_bad_row() -> None:
    row = chain(*generators.arithmetic(2, seed=1)).to_dict()
    row["links"][0]["value_in"] = {"fraction": "1/0"}
    with pytest.raises(ComposeKitError, match="must be a row that to_dict wrote"):
        load_problems([row])


@pytest.mark.parametrize("column", [["a"], 3, None])
def test_a_mapping_takes_names_of_columns(column: object) -> None:
    with pytest.raises(ComposeKitError, match=r"schema\['answer'\] must be the name of a column"):
        load_problems([{"q": "q", "a": "1"}], {"prompt": "q", "answer": column})  # type: ignore[dict-item]
    with pytest.raises(ComposeKitError, match=r"schema\['metadata'\] must be"):
        load_problems([{"q": "q", "a": "1"}], {"prompt": "q", "answer": "a", "metadata": 3})


def test_the_same_row_twice_says_so() -> None:
    with pytest.raises(ComposeKitError, match=r"which row 1 has too \(the same question and answer\)"):
        load_problems([GSM8K, GSM8K])


@pytest.mark.parametrize(
    "value",
    [10**5000, Fraction(1, 10**5000), Decimal("sNaN"), Decimal("1e999999"), float("inf")],
    ids=["digits", "fraction", "signal", "exponent", "infinite"],
)
def test_numbers_that_nobody_can_write_are_bad_rows(value: object) -> None:
    with pytest.raises(ComposeKitError, match="row 1, field 'answer', must be finite and not too long to write"):
        load_problems([{"question": "q", "answer": value}])
