"""Problems as rows of tables and back: what all the adapters have in common."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from composekit._errors import ComposeKitError, bad_type, bad_value
from composekit.compose.loading import load_problems
from composekit.compose.problem import Problem
from composekit.compose.schemas import COMPOSITE_FIELDS, is_blank, last_box, number_as_text, without_gaps
from composekit.compose.verdict import Verdict, Verifier
from composekit.compose.verifiers import verify

_ANSWERS = ("answer", "solution", "ground_truth")  # columns that hold a gold answer, the first that is there
GOLD = ("problem", "parts", "tests", *_ANSWERS)  # columns of which one must be there, or nothing can be judged


def problems_of(op: str, problems: Iterable[Problem]) -> list[Problem]:
    """The problems of an iterable, checked."""
    if isinstance(problems, Problem) or not isinstance(problems, Iterable):
        raise bad_type(op, "problems", "be an iterable of Problem", type(problems).__name__, "Pass a list of problems")
    found = list(problems)
    for index, problem in enumerate(found):
        if not isinstance(problem, Problem):
            got = f"{type(problem).__name__} at {index}"
            raise bad_type(op, "problems", "hold Problems alone", got, "Read rows with load_problems")
    if not found:
        raise bad_value(
            op, "problems", "hold at least one problem", "none", "Pass what load_problems or a Composer gave"
        )
    return found


def to_json(problem: Problem) -> str:
    """The problem as one string, so that every row of a table has the same type there."""
    return json.dumps(problem.to_dict(), ensure_ascii=False)


def question(problem: Problem, instruction: str) -> str:
    """The prompt, followed by an instruction such as how to mark the final answer."""
    return f"{problem.prompt}\n\n{instruction}" if instruction else problem.prompt


def problem_of(op: str, row: Mapping[str, Any], prompt: Any = None) -> Problem | None:
    """The problem of a row: from the column ``problem``, from the columns that ``build`` writes, or from a gold answer.

    None where the row holds nothing of these, which means that a reward does not apply to it.
    """
    whole = row.get("problem")
    if isinstance(whole, Problem):
        return whole
    try:
        if isinstance(whole, str) and whole.lstrip().startswith("{"):
            whole = json.loads(whole)
        if isinstance(whole, Mapping):
            return Problem.from_dict(without_gaps(whole))
        if row.get("verifier") == "composite" and not is_blank(row.get("parts")):
            values = {name: row[name] for name in COMPOSITE_FIELDS if name in row}
            return load_problems([values | {"prompt": text_of(prompt) or "?"}], "composekit")[0]
    except (ComposeKitError, ValueError, TypeError, KeyError, ArithmeticError) as error:
        repair = "Write it with composekit.integrations.datasets.to_hf"
        raise bad_value(op, "problem", "be what Problem.to_dict wrote", error, repair) from error
    return _assembled(op, row, prompt)


def _assembled(op: str, row: Mapping[str, Any], prompt: Any) -> Problem | None:
    column = next((name for name in _ANSWERS if not is_blank(row.get(name))), None)
    tests = _parsed(op, row, "tests")
    if column is None and not tests:
        return None
    names = ("domain", "verifier", "entry_point", "id")
    named = {name: row[name] for name in names if isinstance(row.get(name), str) and row[name]}
    verifier = named.setdefault("verifier", "math" if column is not None else "code")
    answer = "" if column is None else _gold(op, column, row[column], verifier)
    if not answer and not tests:
        return None
    kept = without_gaps({"tests": tests or (), "metadata": _metadata(row.get("metadata"))})
    return Problem(text_of(prompt) or "?", answer, **kept, **named)


def _metadata(value: Any) -> Mapping[str, Any]:
    """What helps to judge, such as the options of a choice; other data sets call other things metadata."""
    if isinstance(value, str) and value.lstrip().startswith("{"):
        with suppress(ValueError, RecursionError):
            value = json.loads(value)
    return value if isinstance(value, Mapping) else {}


def _gold(op: str, column: str, value: Any, verifier: str) -> str:
    r"""A gold answer as text; of a worked solution in mathematics what follows ``####``, or else the last box."""
    number = str(value) if isinstance(value, bool) else number_as_text(value)
    if number is None and not isinstance(value, str):
        got = f"{type(value).__name__} {value!r}"[:100]
        raise bad_type(op, column, "be one answer, as text or a number", got, "Write the one that counts as a string")
    if number == "":
        raise bad_value(
            op, column, "be finite and not too long to write", "infinity or more", "Give the answer as text, or None"
        )
    text = number or str(value)
    if verifier != "math":
        return text.strip()
    _, mark, final = text.rpartition("####")
    return final.strip() if mark else (last_box(text) or text).strip()


def _parsed(op: str, row: Mapping[str, Any], column: str) -> Any:
    """A nested value, which tables of mixed rows hold as JSON."""
    value = row.get(column)
    if not (isinstance(value, str) and value.lstrip()[:1] in ("[", "{")):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise bad_value(op, column, "be JSON", error, "Write it with composekit.integrations.datasets.to_hf") from None


def response_of(completion: Any) -> str:
    """What the model itself said last. Messages of tools and users are not its answer, whatever stands in them."""
    if (
        isinstance(completion, Sequence)
        and completion
        and isinstance(completion[-1], Mapping)
        and "role" in completion[-1]
    ):
        own = [message for message in completion if message.get("role") == "assistant"]
        return text_of(own[-1]) if own else ""
    return text_of(completion)


def text_of(message: Any) -> str:
    """The text of a completion or a prompt: a string, or messages, whose last one counts; parts of text are joined."""
    if isinstance(message, str):
        return message
    if isinstance(message, Mapping):
        return text_of(message.get("content"))
    if isinstance(message, Sequence) and message:
        if isinstance(message[-1], Mapping) and "role" in message[-1]:
            return text_of(message[-1])
        return "".join(str(part.get("text", "")) if isinstance(part, Mapping) else str(part) for part in message)
    return ""


def judge(verifier: Verifier | None, response: str, problem: Problem) -> Verdict:
    """The verdict of this verifier, or of the one that the problem names."""
    return verify(response, problem) if verifier is None else verifier.verify(response, problem)


def check_verifier(op: str, verifier: object) -> None:
    """Raise unless it is None or a verifier."""
    if verifier is not None and not isinstance(verifier, Verifier):
        got = type(verifier).__name__ if not isinstance(verifier, type) else f"the class {verifier.__name__}"
        raise bad_type(op, "verifier", "be a Verifier or None", got, "Pass an instance, such as MathVerifier()")
