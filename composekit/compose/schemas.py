"""How the rows of a published data set become problems: one function a schema, and the detection of the schema."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import fields
from decimal import Decimal
from fractions import Fraction
from numbers import Integral, Rational, Real
from typing import Any

from composekit._errors import ArgumentError, ComposeKitError, bad_type, bad_value
from composekit.compose.problem import Composite, Problem
from composekit.compose.reading import Row, brief

OP = "load_problems"
PROBLEM_FIELDS = tuple(f.name for f in fields(Problem))
COMPOSITE_FIELDS = tuple(f.name for f in fields(Composite))
MOST = 10**4000  # Python writes no longer integers
NESTED_FIELDS = ("tests", "template", "metadata", "parts", "links")


class Fields:
    """The fields of one row, read with messages that name the place, the field, what was found and the repair."""

    def __init__(self, row: Row) -> None:
        self.where = row.where
        self.values: Mapping[str, Any] = row.values or {}
        self.used: set[str] = set()

    def fault(self, field: str, rule: str, got: object, repair: str) -> ArgumentError:
        """An error about one field of this row."""
        return bad_value(OP, f"{self.where}, field {field!r},", rule, got, repair)

    def has(self, field: str) -> bool:
        """Whether the row has a value there: an empty cell is none, nor is NaN, which data frames write into one."""
        return not is_blank(self.values.get(field))

    def take(self, field: str) -> Any:
        """The value, which must be there."""
        self.used.add(field)
        if field not in self.values:
            columns = ", ".join(map(str, self.values)) or "none"
            raise self.fault(
                field, "be present", f"only the fields {columns}", "Add it, or name columns with schema={...}"
            )
        return self.values[field]

    def text(self, field: str) -> str:
        """A text that is not empty."""
        value = self.take(field)
        if not isinstance(value, str):
            raise self.fault(field, "be text", f"{type(value).__name__} {brief(value)}", "Write it as a string")
        if not value.strip():
            raise self.fault(field, "not be empty", brief(value), "Fill it in or remove the row")
        try:
            value.encode()
        except UnicodeEncodeError as error:
            got = f"{value[error.start]!r} at position {error.start}"
            raise self.fault(field, "be valid Unicode", got, "Replace lone surrogates") from None
        return value

    def answer(self, field: str) -> str:
        """An answer: text, or a finite number that is written as text."""
        number = number_as_text(self.take(field))
        if number is None:
            return self.text(field).strip()
        if not number:
            value = self.values[field]
            got = value if isinstance(value, float) else f"a {type(value).__name__}"
            raise self.fault(field, "be finite and not too long to write", got, "Give the answer as text")
        return number

    def rest(self, *nested: str) -> dict[str, Any]:
        """The columns that nobody read, as metadata; empty ones are left out."""
        free = [name for name in self.values if name not in self.used and name not in nested and self.has(name)]
        return {str(name): self.values[name] for name in free}

    def make(self, **values: Any) -> Problem:
        """The problem, with this row named in any fault."""
        try:
            return Problem(**values)
        except ComposeKitError as error:
            raise bad_value(OP, self.where, "make a problem", str(error).rstrip("."), "Repair the row") from error

    def identity(self, *candidates: str) -> str | None:
        """The first of the id columns that is there."""
        for field in candidates:
            if self.has(field):
                value = self.take(field)
                return str(value) if isinstance(value, Integral) and not isinstance(value, bool) else self.text(field)
        return None


def is_blank(value: object) -> bool:
    """None, an empty text, or NaN."""
    if isinstance(value, str):
        return not value.strip()
    return value is None or (isinstance(value, Real) and math.isnan(value))


def number_as_text(value: object) -> str | None:
    """A number as a person would write it, exactly; empty if it is not finite or too long, None if the value is no number.

    Example:
        >>> [number_as_text(x) for x in (3, 3.0, 0.1, 1e22, "3", float("nan"))]
        ['3', '3', '0.1', '1e+22', None, '']
    """
    if isinstance(value, bool) or not isinstance(value, Real | Decimal):
        return None
    if isinstance(value, Rational):
        exact = Fraction(value)
        return str(exact) if max(abs(exact.numerator), exact.denominator) < MOST else ""
    number: Any = value
    try:
        if not math.isfinite(number):
            return ""
        return str(int(number)) if abs(number) < 2**53 and number == int(number) else str(number)
    except ValueError:  # a signalling NaN
        return ""


def _gsm8k(row: Fields) -> Problem:
    worked, mark, final = row.text("answer").rpartition("####")
    if not mark or not final.strip():
        got = brief(row.values["answer"][-40:])
        raise row.fault("answer", "end in '#### ' and the final answer", got, "Add it, or load with schema='qa'")
    return row.make(
        prompt=row.text("question"),
        answer=final.strip(),
        solution=worked.rstrip() or None,
        id=row.identity("id"),
        metadata=row.rest(),
    )


def last_box(text: str) -> str | None:
    r"""The content of the last ``\boxed{...}``, ``\fbox{...}`` or ``\boxed 7`` of a text; None where there is none.

    Example:
        >>> last_box(r"so \boxed{1}, or rather $\boxed{\frac{1}{2}}$.")
        '\\frac{1}{2}'
    """
    found = list(re.finditer(r"\\(?:boxed|fbox)(?![A-Za-z])\s*", text))
    if not found:
        return None
    start = found[-1].end()
    if not text.startswith("{", start):
        bare = re.match(r"[^\s$.,;]+", text[start:])
        return bare.group() if bare else None
    depth = 0
    for brace in re.finditer(r"\\.|[{}]", text[start:], re.DOTALL):
        depth += {"{": 1, "}": -1}.get(brace.group(), 0)
        if depth == 0:
            return text[start + 1 : start + brace.start()].strip()
    return None


def _math(row: Fields) -> Problem:
    solution = row.text("solution") if row.has("solution") else None
    row.used.add("solution")
    if row.has("answer"):
        answer = row.answer("answer")
    else:
        row.used.add("answer")
        answer = last_box(row.text("solution")) or ""
        if not answer:
            got = brief(row.values["solution"][-40:])
            raise row.fault("solution", r"hold a final \boxed answer", got, "Add the field 'answer'")
    prompt = row.text("problem")
    return row.make(
        prompt=prompt, answer=answer, solution=solution, id=row.identity("unique_id", "id"), metadata=row.rest()
    )


def _humaneval(row: Fields) -> Problem:
    tests, entry_point = row.text("test"), row.text("entry_point")
    if "def check(" not in tests:
        raise row.fault("test", "define check(candidate)", brief(tests), "Use HumanEval's form")
    solution = row.text("canonical_solution") if row.has("canonical_solution") else None
    row.used.add("canonical_solution")
    return row.make(
        prompt=row.text("prompt"),
        answer="",
        domain="code",
        verifier="code",
        solution=solution,
        tests=tests,
        entry_point=entry_point,
        id=row.identity("task_id", "id"),
        metadata=row.rest(),
    )


def _choices(row: Fields, field: str) -> dict[str, str]:
    """The choices by letter, from a list, from {"A": ...}, or from {"text": [...], "label": [...]}."""
    value = row.take(field)
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):  # a csv cell
        value = _json_cell(row, field, value)
    if isinstance(value, Mapping) and "text" in value and "label" in value:
        try:
            value = dict(zip(value["label"], value["text"], strict=True))
        except (TypeError, ValueError):
            rule = "hold as many labels as texts"
            raise row.fault(field, rule, brief(value), "Write {'text': [...], 'label': [...]}") from None
    if not isinstance(value, Mapping):
        if not isinstance(value, list | tuple) or len(value) > 26 or any(map(is_blank, value)):
            raise row.fault(field, "be a list of up to 26 choices or an object", brief(value), "Write [...]")
        value = {chr(ord("A") + i): choice for i, choice in enumerate(value)}
    # A data set whose rows have different letters fills the gaps with None.
    letters = {str(letter): str(choice) for letter, choice in value.items() if not is_blank(choice)}
    if len(letters) < 2:
        raise row.fault(field, "offer at least two choices", brief(value), "Add choices")
    return letters


def _choice(row: Fields) -> Problem:
    question = row.text("question")
    letters = _choices(row, "choices" if row.has("choices") else "options")
    field = "answer" if "answer" in row.values or "answerKey" not in row.values else "answerKey"
    given = row.take(field)
    if isinstance(given, Integral) and not isinstance(given, bool) and 0 <= int(given) < len(letters):
        answer = list(letters)[int(given)]
    else:
        answer = str(given).strip()
        by_text = [letter for letter, choice in letters.items() if choice.strip() == answer]
        if answer not in letters and len(by_text) == 1:
            answer = by_text[0]
    if answer not in letters:
        got = f"{brief(given)} among {', '.join(letters)}"
        raise row.fault(field, "name one choice by letter, index or text", got, "Correct the answer or the choices")
    printed = "\n".join(f"{letter}. {choice}" for letter, choice in letters.items())
    return row.make(
        prompt=f"{question}\n{printed}",
        answer=answer,
        domain="choice",
        verifier="choice",
        id=row.identity("id"),
        metadata={"choices": letters, **row.rest()},
    )


def _qa(row: Fields) -> Problem:
    prompt = row.text("question" if "question" in row.values else "prompt")
    return row.make(prompt=prompt, answer=row.answer("answer"), id=row.identity("id"), metadata=row.rest())


def _json_cell(row: Fields, field: str, text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise row.fault(field, "be JSON", f"{brief(text)} ({error})", "Write the nested value as JSON") from None


def _own(row: Fields) -> Problem:
    """What ``to_dict`` wrote; in csv and parquet nested fields are JSON in a cell, and empty cells are absent fields."""
    if _holds_whole(row.values):  # what to_hf writes: the columns beside it repeat some of it
        row.values = _json_cell(row, "problem", row.values["problem"])
    values: dict[str, Any] = {}
    for field, value in row.values.items():
        absent = value is None or (value == "" and field not in ("prompt", "answer"))
        if absent:
            continue
        is_json = isinstance(value, str) and value.lstrip()[:1] in ("[", "{")
        values[field] = _json_cell(row, field, value) if field in NESTED_FIELDS and is_json else value
    values = without_gaps(values)
    unknown = [field for field in values if field not in COMPOSITE_FIELDS and field != "depth"]
    if unknown:
        repair = "Put it into metadata, or name columns with schema={...}"
        raise row.fault(unknown[0], f"be one of {', '.join(COMPOSITE_FIELDS)}", "another name", repair)
    row.values = values
    row.text("prompt")
    if "answer" in values and values["answer"] != "":
        values["answer"] = row.answer("answer")
    values.setdefault("answer", "")
    try:
        return Problem.from_dict(values)
    except (ComposeKitError, TypeError, KeyError, ValueError, IndexError, ArithmeticError) as error:
        raise bad_value(
            OP, row.where, "be a row that to_dict wrote", str(error).rstrip("."), "Repair the field that is named"
        ) from error


def _holds_whole(columns: Mapping[str, Any]) -> bool:
    whole = columns.get("problem")
    return isinstance(whole, str) and whole.lstrip().startswith("{") and "prompt" in columns


def without_gaps(values: Mapping[str, Any]) -> dict[str, Any]:
    """The fields of a problem without the None with which Arrow fills what other rows have and this one has not.

    Example:
        >>> without_gaps({"prompt": "?", "metadata": {"level": 1, "topic": None}, "tests": [{"stdin": "1", "args": None}]})
        {'prompt': '?', 'metadata': {'level': 1}, 'tests': [{'stdin': '1'}]}
    """
    kept = {name: value for name, value in values.items() if value is not None}
    for name in ("parts", "links"):
        if isinstance(kept.get(name), list):
            kept[name] = [without_gaps(x) if isinstance(x, Mapping) else x for x in kept[name]]
    for name in ("metadata", "template", "value_in", "value_out"):
        if isinstance(kept.get(name), Mapping):
            kept[name] = _filled(kept[name])
    if isinstance(kept.get("tests"), list):
        kept["tests"] = [_test(x) if isinstance(x, Mapping) else x for x in kept["tests"]]
    if "symbol_in" in kept:  # a link of a foreign composite has no span, and says so
        kept.setdefault("span", None)
    return kept


def _filled(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {name: _filled(x) for name, x in value.items() if x is not None}
    return [_filled(x) for x in value] if isinstance(value, list) else value


def _test(test: Mapping[str, Any]) -> dict[str, Any]:
    """A test of one form; None may be what it expects, so that only the fields of the other form go."""
    forms = (("stdin", "stdout"), ("args", "kwargs", "expected"))
    other = forms[0] if test.get("stdin") is None else forms[1]
    return {name: x for name, x in test.items() if x is not None or (name == "expected" and name not in other)}


SCHEMAS: dict[str, Callable[[Fields], Problem]] = {
    "gsm8k": _gsm8k,
    "math": _math,
    "humaneval": _humaneval,
    "choice": _choice,
    "qa": _qa,
    "composekit": _own,
}


def by_columns(mapping: Mapping[str, Any]) -> Callable[[Fields], Problem]:
    unknown = [key for key in mapping if key not in PROBLEM_FIELDS]
    repair = "Write {'prompt': 'your column', 'answer': 'your column'}"
    if unknown or "prompt" not in mapping:
        got = ", ".join(map(str, mapping)) or "nothing"
        raise bad_value(
            OP, "schema", f"map 'prompt' and other fields of Problem ({', '.join(PROBLEM_FIELDS)})", got, repair
        )
    for field, column in mapping.items():
        several = field == "metadata" and isinstance(column, list | tuple)
        if not all(isinstance(name, str) for name in (column if several else [column])):
            rule = "be the name of a column, for metadata also a list of names"
            raise bad_type(OP, f"schema[{field!r}]", rule, brief(column), repair)

    def convert(row: Fields) -> Problem:
        values: dict[str, Any] = {}
        for field, column in mapping.items():
            if field == "metadata" and not isinstance(column, str):
                values[field] = {name: row.take(name) for name in column}
            elif field == "prompt":
                values[field] = row.text(column)
            elif field == "answer":
                values[field] = row.answer(column)
            elif field == "id":
                values[field] = row.identity(column)
            else:
                value = row.take(column)
                is_json = field in NESTED_FIELDS and isinstance(value, str) and value.lstrip()[:1] in ("[", "{")
                values[field] = _json_cell(row, column, value) if is_json else value
        return row.make(**{"answer": ""} | without_gaps(values))

    return convert


def detect(columns: Mapping[str, Any]) -> str | None:
    has = columns.keys().__contains__
    if has("prompt") and has("test") and has("entry_point"):
        return "humaneval"
    if has("question") and (has("choices") or has("options")) and (has("answer") or has("answerKey")):
        return "choice"
    if has("problem") and (has("solution") or has("answer")) and not _holds_whole(columns):
        return "math"
    if has("prompt") and (has("answer") or has("tests") or has("parts")):
        return "composekit"
    if has("question") and has("answer"):
        answer = columns["answer"]
        return "gsm8k" if isinstance(answer, str) and "####" in answer else "qa"
    return None
