"""What runs behind the walls: a function that is called, a program that is run, or a checker that calls a function.

The harness shares its process with the candidate, so nothing that it says is trusted; it knows no expected value either.
Messages on the private channel are a length of four bytes and that many bytes of JSON.
"""

from __future__ import annotations

import ast
import builtins
import os
import struct
import sys
import types
from collections.abc import Callable, Iterator, Mapping
from importlib.util import spec_from_file_location
from typing import Any, NoReturn

from composekit.compose.verifiers.sandbox.values import Refused, decode, dumps, encode, loads

DOWN, UP = 3, 4  # where the pipes are
_read, _write, _exit = os.read, os.write, os._exit
_PREFIX = "composekit"
_LARGEST = 1 << 28


class Gone(BaseException):
    """The other end of the channel is closed."""


def tell(message: Any, fd: int = UP) -> None:
    """Send a message."""
    data = dumps(message)
    view = memoryview(struct.pack(">I", len(data)) + data)
    while view:
        view = view[_write(fd, view) :]


def hear(fd: int = DOWN) -> bytes:
    """The next message."""
    (length,) = struct.unpack(">I", _exactly(fd, 4))
    return _exactly(fd, length)


def _exactly(fd: int, length: int) -> bytes:
    parts = []
    while length:
        part = _read(fd, min(length, 1 << 20))
        if not part:
            raise Gone
        parts.append(part)
        length -= len(part)
    return b"".join(parts)


def main(mode: str) -> NoReturn:
    """Serve one job and end the process; :func:`forget` went before, in it or in the one that forked it."""
    tell({"ready": True})
    try:
        job = loads(hear())
        {"function": _function, "program": _program, "checker": _checker, "nothing": _nothing}[mode](job)
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
    sys.argv = ["solution.py"]
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


# --- sources


def _choose(job: Mapping[str, Any]) -> tuple[Any, ast.Module | None] | str:
    """The compiled candidate and what comes before it, or what is wrong with it.

    A response may hold the whole function or, as base models answer, only what follows the prompt.
    """
    source, prompt, wanted = job["source"], job["prompt"], job["entry_point"]
    before = _preamble(prompt, wanted)
    tries = [(source, 0)]
    if before is not None:
        prompt = prompt.rstrip() + "\n"
        tries += [(prompt + source, prompt.count("\n")), (prompt + "    " + source, prompt.count("\n"))]
    problem = ""
    for text, above in tries:
        try:
            tree = ast.parse(text, "solution.py")
            code = compile(tree, "solution.py", "exec")
        except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as error:
            problem = problem or f"syntax: {type(error).__name__}: {error}"
            continue
        if wanted is None or (_continues(tree, wanted, above) if above else wanted.partition(".")[0] in _defined(tree)):
            return code, before
        return f"missing: {wanted}"
    return problem  # of the source as it stands


def _defined(tree: ast.Module) -> set[str]:
    """Names that a module may define at its top level, in branches too."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            found.add(node.name)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            found.add(node.id)
        elif isinstance(node, ast.alias):
            found.add(node.asname or node.name)
    return found


def _continues(tree: ast.Module, wanted: str, above: int) -> bool:
    """Whether what was put below the prompt went on with the body of the function that is wanted."""
    return any((node.end_lineno or 0) > above for node in tree.body if getattr(node, "name", None) == wanted)


def _preamble(prompt: str, wanted: str | None) -> ast.Module | None:
    """A prompt that is itself Python with the head of the function in it: the helpers and imports that stand there."""
    try:
        tree = ast.parse(prompt)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return None
    functions = [n for n in tree.body if isinstance(n, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef))]
    if not any(node.name == wanted for node in functions):
        return None
    return ast.Module([n for n in tree.body if getattr(n, "name", None) != wanted], [])


def _module(name: str) -> types.ModuleType:
    module = types.ModuleType(name)
    module.__dict__["__builtins__"] = builtins
    sys.modules[name] = module
    return module


def _described(problem: BaseException) -> str:
    """An exception in words; its own text may be hostile."""
    try:
        text = str(problem)
    except BaseException:
        text = ""
    return f"{type(problem).__name__}: {text}"[:300].encode("utf-8", "replace").decode().rstrip(": ")


# --- a function


def _function(job: Any) -> None:
    """Load the candidate, then answer one call after the other."""
    chosen = _choose(job)
    if isinstance(chosen, str):
        return tell({"bad": chosen})
    code, before = chosen
    space = _module("solution").__dict__
    try:
        if before is not None:
            exec(compile(before, "prompt.py", "exec"), space)
        exec(code, space)
        call = _entry(space, job["entry_point"], code)
    except Gone:
        raise
    except BaseException as problem:
        return tell({"bad": "raised: " + _described(problem)})
    if call is None:
        return tell({"bad": f"missing: {job['entry_point'] or 'a function'}"})
    tell({"ok": True})
    while True:
        tell(_answer(call, hear()))


def _entry(space: Mapping[str, Any], wanted: str | None, code: Any) -> Callable[..., Any] | None:
    """The function to call: by name, or the only one that there is; ``Class.method`` is called on a new instance."""
    if wanted is None:
        own = [
            v for k, v in space.items() if isinstance(v, types.FunctionType) and v.__code__.co_filename == "solution.py"
        ]
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
        return {"raised": _described(problem)}
    try:
        return {"value": encode(value)}
    except Refused as problem:
        return {"refused": str(problem)}


# --- a program


def _program(job: Any) -> None:
    """Run the candidate as a script: its standard input and output are the caller's."""
    try:
        code = compile(job["source"], "solution.py", "exec")
    except (SyntaxError, ValueError, RecursionError, MemoryError, OverflowError) as problem:
        return tell({"bad": f"syntax: {_described(problem)}"})
    failure = None
    try:
        exec(code, _module("__main__").__dict__)
    except SystemExit as stop:
        failure = None if stop.code in (None, 0, False) else f"ended with {stop.code!r}"[:300]
    except BaseException as problem:
        failure = _described(problem)
    try:
        _as_at_the_end()
    except BaseException as problem:
        failure = failure or _described(problem)
    tell({"done": failure})


def _as_at_the_end() -> None:
    """What an interpreter does before it ends: wait for threads, run exit handlers, write what is still in buffers."""
    import atexit
    import threading

    threading._shutdown()  # type: ignore[attr-defined]
    atexit._run_exitfuncs()
    sys.stdout.flush()


# --- a checker


def _checker(job: Any) -> None:
    """Run tests in the form of HumanEval: ``check(candidate)``, where the candidate lives in another process."""
    calls = 0

    def candidate(*args: Any, **kwargs: Any) -> Any:
        nonlocal calls
        try:
            request = [[encode(a) for a in args], {k: encode(v) for k, v in kwargs.items()}]
        except Refused as problem:
            raise _BadTests(f"an argument cannot be sent to the candidate: {problem}") from None
        tell({"call": request})
        answer = hear()
        calls += 1
        try:
            reply = loads(answer)
            if type(reply) is not dict or len(reply) != 1:
                raise Refused("it wrote to the private channel")
            if "value" in reply:
                return decode(reply["value"])
            if "raised" not in reply:
                raise Refused(str(reply.get("refused")))
        except Refused as problem:
            raise _Spoiled(f"the result is no builtin value: {problem}") from None
        raise _raised(str(reply["raised"]))

    try:
        check = _load_tests(job, candidate)
    except BaseException as problem:
        return tell({"tests": _described(problem)})
    try:
        check(candidate)
    except Gone:
        raise
    except _BadTests as problem:
        return tell({"tests": str(problem)})
    except (NameError, ImportError, SyntaxError) as problem:
        return tell({"tests" if not hasattr(problem, "_sandboxed") else "failed": _described(problem), "calls": calls})
    except _Spoiled as problem:
        return tell({"failed": str(problem), "calls": calls})
    except BaseException as problem:
        return tell({"failed" if calls else "tests": _where(problem), "calls": calls})
    tell({"passed": calls} if calls else {"tests": "check() never calls the candidate"})


class _BadTests(BaseException):
    """The tests themselves are at fault."""


class _Spoiled(BaseException):
    """The candidate's result is none; tests cannot catch this and go on."""


def _load_tests(job: Mapping[str, Any], candidate: Callable[..., Any]) -> Callable[[Any], Any]:
    """Execute the prompt for its helpers, then the tests, with the proxy under the entry point's name."""
    space = _module("tests").__dict__
    before = _preamble(job["prompt"], job["entry_point"])
    if before is not None:
        exec(compile(before, "prompt.py", "exec"), space)
    for name in ("candidate", job["entry_point"]):
        if name:
            space[name] = candidate
    exec(compile(job["tests"], "tests.py", "exec"), space)
    if not callable(space.get("check")):
        raise NameError("the tests define no check(candidate)")
    return space["check"]  # type: ignore[no-any-return]


def _raised(text: str) -> BaseException:
    """The exception that the candidate raised, if it is one of Python's own, so that tests may expect it."""
    name, _, words = text.partition(": ")
    kind = getattr(builtins, name, None)
    if not (isinstance(kind, type) and issubclass(kind, Exception)):
        kind = RuntimeError
    try:
        problem = kind(words)
    except Exception:
        problem = RuntimeError(text)
    problem._sandboxed = True  # type: ignore[attr-defined]
    return problem


def _where(problem: BaseException) -> str:
    """An exception with the line of the tests that it came from."""
    lines = [f"line {line}" for line in _lines(problem)]
    return f"{_described(problem)} in the tests' {lines[-1]}" if lines else _described(problem)


def _lines(problem: BaseException) -> Iterator[int]:
    trace = problem.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "tests.py":
            yield trace.tb_lineno
        trace = trace.tb_next
