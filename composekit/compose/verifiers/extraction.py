"""What a response declares."""

from __future__ import annotations

from typing import NamedTuple


class Extraction(NamedTuple):
    """The declared answers, in order (more than one: a list), how they were declared, or why none was found."""

    answers: tuple[str, ...]
    source: str
    detail: str = ""
    apart: bool = False  # several boxes, each in a line or display of its own, with neither comma nor word between
