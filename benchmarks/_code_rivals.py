"""How code is judged elsewhere, written anew for comparison: a plain subprocess, and candidate and tests in one process."""

from __future__ import annotations

import builtins
import multiprocessing
import os
import resource
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from composekit.compose import Problem

TIMEOUT = 10.0
Judge = Callable[[str, Problem], bool]


def script(source: str, problem: Problem) -> str:
    """Candidate, tests and call in one module, as most scripts put them."""
    return f"{source}\n\n{problem.tests[0]}\n\ncheck({problem.entry_point})\n"


def in_subprocess(source: str, problem: Problem) -> bool:
    """A fresh interpreter runs everything; its exit code is the verdict."""
    with tempfile.TemporaryDirectory() as work:
        try:
            done = subprocess.run(
                [sys.executable, "-I", "-c", script(source, problem)], cwd=work, timeout=TIMEOUT,
                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False,
            )  # fmt: skip
        except subprocess.TimeoutExpired:
            return False
    return done.returncode == 0


def in_process(source: str, problem: Problem) -> bool:
    """The way of HumanEval's own harness and of EvalPlus: a forked process disables some functions, executes the candidate
    and the tests in one namespace under a timer, and writes the verdict into shared memory.
    """
    context = multiprocessing.get_context("fork")
    verdict = context.Value("i", 0)
    with tempfile.TemporaryDirectory() as work:
        process = context.Process(target=_guarded, args=(script(source, problem), work, verdict))
        process.start()
        process.join(TIMEOUT + 1)
        if process.is_alive():
            process.kill()
            process.join()
    return bool(verdict.value == 1)


def _guarded(text: str, work: str, verdict: Any) -> None:
    resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    quiet = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(quiet, fd)
    os.chdir(work)
    for module, names in (
        (os, "kill system putenv remove removedirs rmdir fchdir setuid fork forkpty killpg rename renames truncate replace"),
        (os, "unlink fchmod fchown chmod chown chroot lchown getcwd chdir"), (shutil, "rmtree move chown"),
        (subprocess, "Popen"), (builtins, "help exit quit"),
    ):  # fmt: skip
        for name in names.split():
            setattr(module, name, None)
    signal.setitimer(signal.ITIMER_REAL, TIMEOUT)
    try:
        exec(text, {"__name__": "candidate"})
        verdict.value = 1
    except BaseException:
        verdict.value = 0
    os._exit(0)


def many(judge: Judge, pairs: list[tuple[str, Problem]], workers: int) -> list[bool]:
    """Several at once; both ways wait for other processes, so threads are enough."""
    with ThreadPoolExecutor(workers) as pool:
        return list(pool.map(lambda pair: judge(*pair), pairs))


RIVALS: dict[str, Judge] = {"plain subprocess": in_subprocess, "in process (as EvalPlus)": in_process}
