"""What runs behind the walls: a function that is called, a program that is run, or a checker that calls a function.

The harness shares its process with the candidate, so nothing that it says is trusted; it knows no expected value either.
"""

from __future__ import annotations

import atexit
import builtins
import gc
import os
import sys
import threading
import types
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.util import spec_from_file_location
from typing import Any, NoReturn

from composekit.compose.verifiers.sandbox import checker
from composekit.compose.verifiers.sandbox.channel import Gone, hear, tell
from composekit.compose.verifiers.sandbox.sources import CANDIDATE, PROMPT, choose, described, module, show
from composekit.compose.verifiers.sandbox.values import Refused, decode, encode, loads

_exit = os._exit
_PREFIX = "composekit"


def main(mode: str) -> NoReturn:
    """Serve one job and end the process; :func:`forget` went before, in it or in the one that forked it."""
    tell({"ready": True})
    try:
        job = loads(hear())
        {"function": _function, "program": _program, "checker": checker.check, "nothing": _nothing}[mode](job)
    except Gone:
        pass
    finally:
        _exit(0)


def _nothing(job: Any) -> None:
    tell({"ok": True})


def forget(packages: Mapping[str, str]) -> None:
    """Make the interpreter look as if it had just started, with only the standard library and some packages in reach."""
    for name in [n for n in sys.modules if n == _PREFIX or n.startswith(_PREFIX + ".")]:
        del sys.modules[name]
    sys.meta_path.append(_Packages(packages))  # type: ignore[arg-type]
    sys.argv = [CANDIDATE]
    for name in ("exit", "quit"):  # what the site module adds, which is not loaded
        setattr(builtins, name, sys.exit)


class _Packages:
    """Finds the packages that candidates may import, and nothing that lies beside them."""

    def __init__(self, packages: Mapping[str, str]) -> None:
        self.places = packages

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> Any:
        """The import system's question."""
        place = self.places.get(name) if path is None else None
        if place is None:
            return None
        if not os.path.isdir(place):
            return spec_from_file_location(name, place)
        return spec_from_file_location(name, os.path.join(place, "__init__.py"), submodule_search_locations=[place])


# --- a function


def _function(job: Any) -> None:
    """Load the candidate, then answer one call after the other."""
    chosen = choose(job)
    if isinstance(chosen, str):
        return tell({"bad": chosen})
    code, before = chosen
    space = module("solution", CANDIDATE).__dict__
    try:
        if before is not None:
            exec(compile(before, PROMPT, "exec"), space)
        exec(code, space)
        call = _entry(space, job["entry_point"], code)
    except Gone:
        raise
    except BaseException as problem:
        return tell({"bad": "raised: " + described(problem)})
    if call is None:
        return tell({"bad": f"missing: {job['entry_point'] or 'a function'}"})
    tell({"ok": True})
    while True:
        tell(_answer(call, hear()))


def _entry(space: Mapping[str, Any], wanted: str | None, code: Any) -> Callable[..., Any] | None:
    """The function to call: by name, or the only one that there is; ``Class.method`` is called on a new instance."""
    if wanted is None:
        own = [v for k, v in space.items() if isinstance(v, types.FunctionType) and v.__code__.co_filename == CANDIDATE]
        return own[0] if len(own) == 1 else None
    first, _, method = wanted.partition(".")
    found = space.get(first)
    if method and isinstance(found, type):
        kind = found
        return lambda *args, **kwargs: getattr(kind(), method)(*args, **kwargs)
    return found if callable(found) else None


def _answer(call: Callable[..., Any], request: bytes) -> Any:
    args, kwargs = loads(request)
    args, kwargs = [decode(a) for a in args], {k: decode(v) for k, v in kwargs.items()}
    try:
        value = call(*args, **kwargs)
    except Gone:
        raise
    except BaseException as problem:
        return {"raised": described(problem)}
    try:
        return {"value": encode(value)}
    except Refused as problem:
        return {"refused": str(problem)}


# --- a program


def _program(job: Any) -> None:
    """Run the candidate as a script: its standard input and output are the caller's."""
    try:
        code = compile(job["source"], CANDIDATE, "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as problem:
        return tell({"bad": f"syntax: {described(problem)}"})
    show(job["source"])
    space = module("__main__", CANDIDATE).__dict__
    failure = None
    try:
        exec(code, space)
    except SystemExit as stop:
        failure = None if stop.code in (None, 0, False) else f"ended with {stop.code!r}"[:300]
    except BaseException as problem:
        failure = described(problem)
    try:
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()
    except BaseException as problem:
        failure = failure or described(problem)
    del code
    _flush()
    with suppress(BaseException):
        space.clear()  # files that are still open write what they hold, and objects say their last words
        gc.collect()
    _flush()
    tell({"done": failure})


def _flush() -> None:
    """What an interpreter does at its end; a program may have closed its streams, or have others in their place."""
    for stream in (sys.stdout, sys.__stdout__):
        with suppress(BaseException):
            stream.flush()  # type: ignore[union-attr]
