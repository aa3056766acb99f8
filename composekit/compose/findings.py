"""What an audit finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "incomplete", "constant", "relation", "clash", "answer", "leak", "derivable", "idle", "guessable", "baseline"
]


@dataclass(frozen=True)
class Finding:
    """One thing that an audit found.

    Args:
        kind: What it is about.
        severity: ``"defect"``: the composite must not be used; ``"warning"``: it can be used, but helps less than it could.
        message: What was found, with the values.
        where: The part or the link, such as ``"part 1"`` or ``"link 0"``.
    """

    kind: Kind
    severity: Literal["defect", "warning"]
    message: str
    where: str

    def __str__(self) -> str:
        return f"{self.kind} ({self.where}): {self.message}"


def defect(kind: Kind, message: str, where: str) -> Finding:
    """A finding that makes the composite unfit."""
    return Finding(kind, "defect", message, where)


def warning(kind: Kind, message: str, where: str) -> Finding:
    """A finding that a user may accept."""
    return Finding(kind, "warning", message, where)
