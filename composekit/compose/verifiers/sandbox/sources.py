"""The text of a program: which one a response gives, with what stands before it, and what it defines."""

from __future__ import annotations

import ast
import builtins
import linecache
import sys
import types
from collections.abc import Mapping
from typing import Any

CANDIDATE, PROMPT, TESTS = "solution.py", "prompt.py", "tests.py"


def choose(job: Mapping[str, Any]) -> tuple[Any, ast.Module | None] | str:
    """The compiled candidate and what comes before it, or what is wrong with it.

    A response may hold the whole function or, as base models answer, only what follows the prompt.
    """
    source, prompt, wanted = job["source"], job["prompt"], job["entry_point"]
    before = preamble(prompt, wanted)
    tries = [(source, 0)]
    if before is not None:
        prompt = prompt.rstrip() + "\n"
        tries += [(prompt + source, prompt.count("\n")), (prompt + "    " + source, prompt.count("\n"))]
    problem = ""
    for text, above in tries:
        try:
            tree = ast.parse(text, CANDIDATE)
            code = compile(tree, CANDIDATE, "exec")
        except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
            problem = problem or f"syntax: {type(error).__name__}: {error}"
            continue
        if wanted is None or (_continues(tree, wanted, above) if above else wanted.partition(".")[0] in defined(tree)):
            show(text)
            return code, before
        return f"missing: {wanted}"
    return problem  # of the source as it stands


def defined(tree: ast.AST) -> set[str]:
    """Names that are bound anywhere in a module, in functions and branches too."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.alias):
            found.add(node.asname or node.name)
        elif isinstance(node, (ast.ExceptHandler, ast.MatchAs, ast.MatchStar)) and node.name:
            found.add(node.name)
        elif isinstance(node, ast.MatchMapping) and node.rest:
            found.add(node.rest)
    return found


def _continues(tree: ast.Module, wanted: str, above: int) -> bool:
    """Whether what was put below the prompt went on with the body of the function that is wanted."""
    return any((node.end_lineno or 0) > above for node in tree.body if getattr(node, "name", None) == wanted)


def preamble(prompt: str, wanted: str | None) -> ast.Module | None:
    """A prompt that is itself Python with the head of the function in it: the helpers and imports that stand there."""
    try:
        tree = ast.parse(prompt)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    functions = [n for n in tree.body if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))]
    if not any(node.name == wanted for node in functions):
        return None
    return ast.Module([n for n in tree.body if getattr(n, "name", None) != wanted], [])


def module(name: str, file: str) -> types.ModuleType:
    """A new module, in place."""
    made = types.ModuleType(name)
    made.__dict__.update(__builtins__=builtins, __file__=file)
    sys.modules[name] = made
    return made


def show(text: str) -> None:
    """Let tracebacks and ``inspect`` find the candidate's lines, for which there is no file."""
    linecache.cache[CANDIDATE] = (len(text), None, text.splitlines(keepends=True), CANDIDATE)


def described(problem: BaseException) -> str:
    """An exception in words; its own text may be hostile."""
    try:
        text = str(problem)
    except BaseException:
        text = ""
    return f"{type(problem).__name__}: {text}"[:300].encode("utf-8", "replace").decode().rstrip(": ")
