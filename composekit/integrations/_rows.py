"""Problems as rows of tables and back: what all the adapters have in common."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from composekit._errors import ComposeKitError, bad_type, bad_value
from composekit.compose.problem import Problem
from composekit.compose.verdict import Verdict, Verifier
from composekit.compose.verifiers import verify

_ANSWERS = ("answer", "solution", "ground_truth")  # columns that hold a gold answer, the first that is there


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
    """The problem of a row: from the column ``problem``, else from a gold answer and the columns beside it.

    None where the row holds neither, which means that a reward does not apply to it.
    """
    whole = row.get("problem")
    if isinstance(whole, Problem):
        return whole
    try:
        if isinstance(whole, str) and whole.lstrip().startswith("{"):
            return Problem.from_dict(json.loads(whole))
        if isinstance(whole, Mapping):
            return Problem.from_dict({k: v for k, v in whole.items() if v is not None})
        return _assembled(row, prompt)
    except (ComposeKitError, ValueError, TypeError, KeyError) as error:
        repair = "Write it with composekit.integrations.datasets.to_hf"
        raise bad_value(op, "problem", "be what Problem.to_dict wrote", error, repair) from error


def _assembled(row: Mapping[str, Any], prompt: Any) -> Problem | None:
    gold = next((row[name] for name in _ANSWERS if row.get(name) not in (None, "")), None)
    tests = row.get("tests")
    tests = json.loads(tests) if isinstance(tests, str) and tests.lstrip().startswith("[") else tests
    if gold is None and not tests:
        return None
    if isinstance(gold, float) and gold.is_integer():
        gold = int(gold)
    answer = "" if gold is None else str(gold).rpartition("####")[2].strip()
    if not answer and not tests:
        return None
    named = {name: row[name] for name in ("domain", "verifier", "entry_point", "id") if isinstance(row.get(name), str)}
    named.setdefault("verifier", "code" if tests and not answer else "math")
    return Problem(text_of(prompt) or "?", answer, tests=tests or (), **named)


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
