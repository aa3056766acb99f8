"""Tables of names are written as text, which reads better than lists of quoted words."""

from __future__ import annotations


def names(text: str) -> frozenset[str]:
    """The words of a text as a set."""
    return frozenset(text.split())
