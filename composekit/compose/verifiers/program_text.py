"""From a model's whole response to the program in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from composekit.compose.verifiers.extract import MAX_RESPONSE
from composekit.compose.verifiers.thinking import without_thinking

# No part of a pattern gives back what it took, or skips lines: so none takes more than linear time.
_FENCE = re.compile(r"^(?P<indent>[ \t]{0,40}+)(?P<mark>`{3,}+|~{3,}+)(?P<info>[^\n`]*+)$", re.MULTILINE)
_PYTHON = frozenset(("python", "py", "ipython", "cpython", "sage"))
_CODE_LINE = re.compile(
    r"^[ \t]{0,40}+(?:@\w|(?:async )?def \w++\(|class \w++[^\n:]*+:|import \w|from [\w.]++ import|return\b|print\("
    r"|(?:for|while|if|with) (?=[^\n]*+(?<=:)$)|[\w.\[\]][\w.\[\], ]{0,200}? [-+*/%|&]?= )",
    re.MULTILINE,
)


class Program(NamedTuple):
    """The source that was found, or None and why there is none."""

    source: str | None
    detail: str = ""


def find_program(response: str, entry_point: str | None = None) -> Program:
    """The program that a response gives as its answer.

    The last fenced block counts that is marked as Python, or, where none is, the last one without a mark. If the problem
    names an entry point, blocks that define it go before blocks that do not: an example of use after the solution is none.
    A response without fences counts as a whole if it looks like code. What stands in a think section never counts.

    Args:
        response: The whole text that the model wrote.
        entry_point: The function or class that is asked for.

    Example:
        >>> find_program("```python\\ndef f(n):\\n    return n\\n```\\nUse it:\\n```\\nf(3)\\n```").source
        'def f(n):\\n    return n\\n'
        >>> find_program("I do not know.")
        Program(source=None, detail='there is no code block')
    """
    if len(response) > MAX_RESPONSE:
        return Program(None, f"the response has more than {MAX_RESPONSE} characters")
    text = without_thinking(response)
    blocks = [(_language(fence.info), fence.content) for fence in fences(text)]
    if not blocks:
        if _CODE_LINE.search(text):
            return Program(text.strip("\n") + "\n")
        return Program(None, "there is no code block" if text.strip() else "the response is empty")
    marked = [source for mark, source in blocks if mark in _PYTHON]
    candidates = marked or [source for mark, source in blocks if not mark]
    if not candidates:
        return Program(None, "there is no code block in Python")
    if entry_point:
        name = re.escape(entry_point.partition(".")[0])
        head = rf"^[ \t]{{0,200}}+(?:(?:async[ \t]+)?def|class)[ \t]++{name}\b"
        defines = re.compile(rf"{head}|^{name}[ \t]*+(?::[^=\n]*+)?=[^=]", re.MULTILINE)
        candidates = [source for source in candidates if defines.search(source)] or candidates
    if not candidates[-1].strip():
        return Program(None, "the last code block is empty")
    return Program(candidates[-1])


class Fence(NamedTuple):
    """A fenced block: where it starts and ends with its fences, its mark, its text without the fences' indentation."""

    start: int
    end: int
    info: str
    content: str


def fences(text: str) -> Iterator[Fence]:
    """The fenced blocks of a text; one that is not closed runs to the end."""
    opening: re.Match[str] | None = None
    for match in _FENCE.finditer(text):
        if opening is None:
            opening = match
        elif (
            match["mark"][0] == opening["mark"][0]
            and len(match["mark"]) >= len(opening["mark"])
            and not match["info"].strip()
        ):
            yield _fence(text, opening, match.start(), match.end())
            opening = None
    if opening is not None:
        yield _fence(text, opening, len(text), len(text))


def _fence(text: str, opening: re.Match[str], stop: int, end: int) -> Fence:
    content = text[opening.end() + 1 : stop]
    if indent := len(opening["indent"]):  # as in the item of a list
        content = re.sub(rf"^[ \t]{{1,{indent}}}", "", content, flags=re.MULTILINE)
    return Fence(opening.start(), end, opening["info"], content)


def _language(info: str) -> str:
    word = info.strip().partition(" ")[0].strip("{}.").lower()
    return word.partition(":")[0].rstrip("0123456789.")  # python3.11
