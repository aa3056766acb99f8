"""What a verifier says, and what a verifier is."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from composekit.compose.problem import Problem

Status = Literal["correct", "wrong", "unparseable", "timeout", "error"]


@dataclass(frozen=True)
class Verdict:
    """The judgement of one response.

    Args:
        score: The reward, from 0 to 1.
        status: ``"correct"``; ``"wrong"``: an answer was found and is not right; ``"unparseable"``: no answer was found, or
            it (or the gold answer) could not be read; ``"timeout"``: judging took too long; ``"error"``: judging failed.
        extracted: The answer that was judged, None where none was found.
        detail: One sentence on how the judgement came about.
        parts: The verdicts on the parts of a composite, in order.

    Example:
        >>> verdict = Verdict(1.0, "correct", "42")
        >>> verdict.correct, Verdict.from_dict(verdict.to_dict()) == verdict
        (True, True)
    """

    score: float
    status: Status
    extracted: str | None = None
    detail: str = ""
    parts: tuple[Verdict, ...] = ()

    @property
    def correct(self) -> bool:
        """True only for ``status == "correct"``."""
        return self.status == "correct"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        row: dict[str, Any] = {"score": self.score, "status": self.status, "extracted": self.extracted}
        return row | {"detail": self.detail, "parts": [v.to_dict() for v in self.parts]}

    @classmethod
    def from_dict(cls, row: Mapping[str, Any]) -> Verdict:
        """The verdict that ``to_dict`` wrote."""
        return cls(**{**row, "parts": tuple(cls.from_dict(v) for v in row["parts"])})


class Verifier(ABC):
    """Judges responses. Implement :meth:`verify` and :meth:`compare`; instances must pickle and be safe in threads.

    Example:
        >>> from composekit.compose import Problem, Verdict, Verifier
        >>> class Palindrome(Verifier):
        ...     def verify(self, response, problem):
        ...         return self.compare(gold=problem.answer, answer=response.split()[-1])
        ...     def compare(self, *, gold, answer):
        ...         right = answer == answer[::-1] and len(answer) == int(gold)
        ...         return Verdict(float(right), "correct" if right else "wrong", answer)
        >>> Palindrome().verify("Take level", Problem("Name a palindrome of five letters.", 5)).score
        1.0
    """

    @abstractmethod
    def verify(self, response: str, problem: Problem) -> Verdict:
        """Extract the final answer from a model's whole response and judge it."""

    @abstractmethod
    def compare(self, *, gold: str, answer: str) -> Verdict:
        """Judge a bare answer against a bare gold answer."""
