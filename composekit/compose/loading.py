"""Problems out of rows: GSM8K, MATH, HumanEval, multiple choice, our own rows, or columns that the caller names."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, Literal

from composekit._errors import ComposeKitError, bad_type, bad_value
from composekit.compose.problem import Problem
from composekit.compose.reading import Row, brief, read_rows
from composekit.compose.schemas import OP, SCHEMAS, Fields, by_columns, detect

logger = logging.getLogger(__name__)


class ProblemList(list[Problem]):
    """The list that :func:`load_problems` returns: problems, and what was left out of them.

    Attributes:
        skipped: One message for every row that ``on_error="skip"`` left out, in order.
        schema: The schema by which the rows were read.
    """

    def __init__(self, problems: Iterable[Problem] = (), skipped: Iterable[str] = (), schema: str = "auto") -> None:
        super().__init__(problems)
        self.skipped = tuple(skipped)
        self.schema = schema


def load_problems(
    source: str | os.PathLike[str] | Iterable[Mapping[str, Any]],
    schema: str | Mapping[str, Any] = "auto",
    *,
    on_error: Literal["raise", "skip"] = "raise",
) -> ProblemList:
    r"""Read problems from a file or from rows.

    The schemas, each with the columns that it reads (further columns become metadata):

    ============== ===================================== ==========================================================
    schema         columns                               what becomes of them
    ============== ===================================== ==========================================================
    ``gsm8k``      question, answer                      the answer is what follows the last ``####``
    ``math``       problem, solution and/or answer       without an answer, the last ``\boxed`` of the solution
    ``humaneval``  prompt, test, entry_point             a code problem whose test is the source of ``check``
    ``choice``     question, choices or options, answer  the choices are printed below the question, lettered
    ``qa``         question (or prompt), answer          as they are
    ``composekit`` what ``to_dict`` or ``to_hf`` writes  the same problem or composite again
    ============== ===================================== ==========================================================

    A mapping names the columns instead: ``{"prompt": "question", "answer": "target", "metadata": ["level"]}``. Its keys are
    fields of :class:`Problem`, its values columns; ``metadata`` takes one column that holds an object, or several.

    Args:
        source: A path (jsonl, ndjson, json, csv, tsv, parquet; UTF-8, with or without a mark) or rows (any iterable of
            mappings, such as a split of a Hugging Face data set). Empty cells and NaN count as absent.
        schema: ``"auto"`` decides by the columns of the first readable row, once for all rows.
        on_error: ``"raise"`` stops at the first bad row; ``"skip"`` leaves bad rows out, logs how many at warning level, and
            keeps one message for each in the ``skipped`` of the result.

    Returns:
        A list of problems with the attribute ``skipped``.

    Raises:
        ArgumentError, ArgumentTypeError: naming file, line (row in json and parquet), field, what was found and the repair;
            for a file that is missing, empty or broken as a whole, whatever ``on_error``. Ids that occur twice are bad rows.
        MissingExtraError: the file is parquet and pyarrow is not installed.

    Example:
        >>> rows = [{"question": "Tom has 3 apples and buys 4. How many?", "answer": "3 + 4 = <<3+4=7>>7\n#### 7"}]
        >>> problem = load_problems(rows)[0]
        >>> problem.answer, problem.domain
        ('7', 'math')
        >>> kept = load_problems([*rows, {"question": "", "answer": "#### 1"}], on_error="skip")
        >>> len(kept), len(kept.skipped)
        (1, 1)
    """
    if on_error not in ("raise", "skip"):
        raise bad_value(OP, "on_error", "be 'raise' or 'skip'", repr(on_error), "Name one of them")
    rows = iter(_rows(source))
    seen_rows: list[Row] = []
    name, convert = _converter(schema, rows, seen_rows)
    problems: list[Problem] = []
    skipped: list[str] = []
    places: dict[str, str] = {}
    for row in chain(seen_rows, rows):
        try:
            problems.append(_convert_row(row, convert, places))
        except ComposeKitError as error:
            if on_error == "raise":
                raise
            skipped.append(str(error))
    if not problems and not skipped:
        raise bad_value(OP, _name_of(source), "hold at least one row", "none", "Check how the rows were made")
    if skipped:
        total = len(problems) + len(skipped)
        logger.warning("%s: skipped %d of %d rows; the first: %s", OP, len(skipped), total, skipped[0])
    return ProblemList(problems, skipped, name)


# ---------------------------------------------------------------------------------------------------------------- rows


def _name_of(source: object) -> str:
    return str(source) if isinstance(source, str | os.PathLike) else "source"


def _rows(source: str | os.PathLike[str] | Iterable[Mapping[str, Any]]) -> Iterator[Row]:
    if isinstance(source, str | os.PathLike):
        return read_rows(OP, source)
    if isinstance(source, Mapping | bytes) or not isinstance(source, Iterable):
        got = type(source).__name__
        repair = "Pass a list of dicts, or one split of a data set"
        raise bad_type(OP, "source", "be a path or an iterable of rows", got, repair)
    return _rows_in_memory(source)


def _rows_in_memory(source: Iterable[Mapping[str, Any]]) -> Iterator[Row]:
    for number, values in enumerate(source, start=1):
        where = f"row {number}"
        if isinstance(values, Mapping):
            yield Row(where, values)
        else:
            rule = "be a mapping from field names to values"
            repair = "Pass dicts; frame.to_dict('records') makes them of a data frame"
            yield Row(where, None, bad_value(OP, where, rule, brief(values), repair))


def _convert_row(row: Row, convert: Callable[[Fields], Problem], places: dict[str, str]) -> Problem:
    if row.values is None:
        raise row.fault or bad_value(OP, row.where, "be readable", "nothing", "Repair the row")
    problem = convert(Fields(row))
    earlier = places.setdefault(problem.id, row.where)
    if earlier == row.where:
        return problem
    same = " (the same question and answer)" if problem.id == problem.replace().id else ""  # an id made of the content
    got = f"{problem.id!r}, which {earlier} has too{same}"
    raise bad_value(OP, f"{row.where}, field 'id',", "be unique", got, "Remove one of the rows or rename it")


def _converter(
    schema: str | Mapping[str, Any], rows: Iterator[Row], seen: list[Row]
) -> tuple[str, Callable[[Fields], Problem]]:
    """The schema's name and function. Deciding by the rows consumes some of them, which go to ``seen``."""
    if isinstance(schema, Mapping):
        return "columns", by_columns(schema)
    if not isinstance(schema, str):
        raise bad_type(OP, "schema", "be a name or a mapping", type(schema).__name__, "Write {'prompt': 'column', ...}")
    if schema in SCHEMAS:
        return schema, SCHEMAS[schema]
    if schema != "auto":
        raise bad_value(OP, "schema", f"be auto, {', '.join(SCHEMAS)} or a mapping", repr(schema), "Name one of them")
    first: Row | None = None
    for row in rows:
        seen.append(row)
        if row.values is not None:
            first = first or row
            name = detect(row.values)
            if name is not None:
                return name, SCHEMAS[name]
    if first is None:  # nothing readable: the faults speak for themselves
        return "auto", SCHEMAS["composekit"]
    columns = ", ".join(map(str, first.values or {})) or "none"
    raise bad_value(
        OP,
        first.where,
        "have the columns of a known schema",
        f"the columns {columns}",
        "Name yours: schema={'prompt': 'column', 'answer': 'column'}",
    )
