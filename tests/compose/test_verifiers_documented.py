"""The tables of answers on the page about verification say what the verifier does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from composekit.compose import MathVerifier, Problem

PAGE = Path(__file__).resolve().parents[2] / "docs" / "concepts" / "verification.md"
_ROW = re.compile(
    r"\|(?: (?P<question>[^`|]+) \|)? `(?P<gold>[^`]+)` \| `(?P<answer>[^`]+)` \|"
    r" (?P<verdict>wrong|correct|unparseable) \|.*"
)


def _rows() -> list[tuple[str, str, str, str]]:
    lines = PAGE.read_text(encoding="utf-8").splitlines()
    found = [match for match in map(_ROW.fullmatch, lines) if match]
    return [(m["question"] or "What is it?", m["gold"], m["answer"], m["verdict"]) for m in found]


@pytest.mark.parametrize(("question", "gold", "answer", "verdict"), _rows())
def test_documented_verdicts_are_those_of_the_verifier(question: str, gold: str, answer: str, verdict: str) -> None:
    found = MathVerifier().verify(rf"\boxed{{{answer}}}", Problem(question, gold))
    assert (found.status, found.score) == (verdict, float(verdict == "correct"))


def test_every_row_of_the_tables_is_checked() -> None:
    tables = [
        line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("| ") and "` | `" in line
    ]
    assert len(tables) == len(_rows()) > 40
