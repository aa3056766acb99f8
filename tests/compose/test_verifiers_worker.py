"""The worker processes: deadlines, alarms, threads, forks, deaths, and that nothing is left behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
import textwrap
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from composekit.compose import MathVerifier, Problem, verify
from composekit.compose.verifiers import processes, worker

pytest.importorskip("math_verify")

SLOW = r"\sum_{k=1}^{10^{10}} \sin(k)"
OPEN = (r"\sin^2 x + \cos^2 x", "1")


@pytest.fixture(scope="module", autouse=True)
def _warm() -> None:
    """Start the worker outside the time that the tests measure."""
    assert MathVerifier(timeout=20).compare(gold=OPEN[1], answer=OPEN[0]).correct


@pytest.mark.parametrize(
    ("gold", "answer", "status"),
    [
        ("1", r"\sin^2 x + \cos^2 x", "correct"), (r"1+\sqrt{2}", r"\sqrt{3+2\sqrt{2}}", "correct"),
        (r"2\sin x \cos x", r"\sin 2x", "correct"), (r"\frac{\pi}{4}", r"\arctan 1", "correct"),
        ("(x+1)^{90}", "(1+x)^{90}", "correct"),
        (r"|x|", r"\sqrt{x^2}", "correct"), ("x", r"\sqrt{x^2}", "wrong"), (r"\frac13", r"\int_0^1 x^2 dx", "correct"),
        (r"\frac14", r"\int_0^1 x^2 dx", "wrong"), ("5050", r"\sum_{k=1}^{100} k", "correct"),
        ("5051", r"\sum_{k=1}^{100} k", "wrong"),
        (r"10^{-99}", r"\int_0^1 10^{-98} dx", "wrong"), ("7", SLOW, "timeout"),
        (r"\sin(\sin(1))", r"\sin(\sin(1)+10^{-200})", "wrong"),
    ],
)  # fmt: skip
def test_open_comparisons_are_settled_in_the_worker(gold: str, answer: str, status: str) -> None:
    assert MathVerifier(timeout=20).compare(gold=gold, answer=answer).status == status


def test_deadline_holds_and_is_repeated_without_new_imports() -> None:
    until_killed, with_the_spare = [], []
    for _ in range(3):
        start = time.perf_counter()
        assert MathVerifier().compare(gold="7", answer=SLOW).status == "timeout"
        until_killed.append(time.perf_counter() - start)
        start = time.perf_counter()
        assert MathVerifier(timeout=20).compare(gold=OPEN[1], answer=OPEN[0]).correct
        with_the_spare.append(time.perf_counter() - start)
    assert 0.75 < min(until_killed) < 1.0
    assert min(with_the_spare) < 0.4, "the spare was not warm"


def test_timeout_raises_the_deadline(in_time) -> None:
    start = time.perf_counter()
    slow = MathVerifier(timeout=1.6)
    assert in_time(2.0, lambda: slow.compare(gold="7", answer=SLOW), clock=time.perf_counter).status == "timeout"
    assert time.perf_counter() - start > 1.55


def test_server_refuses_more_memory_than_its_limit() -> None:
    code = """
    from composekit.compose.verifiers import _worker
    limit = _worker._limit_memory()
    if limit:  # no such limit outside Linux
        try:
            block = bytearray(300 * 2**20)
        except MemoryError:
            pass
        else:
            raise SystemExit("the memory was granted")
    """
    _run(code)


def test_worker_process_memory_stays_small() -> None:
    verdict = MathVerifier(timeout=5).compare(gold="7", answer=r"\prod_{k=1}^{10^{7}} (x+k)")
    assert verdict.status in ("error", "timeout", "unparseable")
    for process in psutil.Process().children(recursive=True):
        if "_worker" in " ".join(process.cmdline()):
            assert process.memory_info().rss < 300 * 2**20


def test_outer_alarm_is_left_alone() -> None:
    fired = []
    before = signal.signal(signal.SIGALRM, lambda *_: fired.append(time.perf_counter()))
    try:
        signal.setitimer(signal.ITIMER_REAL, 30)
        MathVerifier().compare(gold="7", answer=SLOW)
        MathVerifier().compare(gold="7", answer="9^{9^{9}}")
        left = signal.getitimer(signal.ITIMER_REAL)[0]
        assert 25 < left < 30
        assert signal.getsignal(signal.SIGALRM) not in (signal.SIG_DFL, signal.SIG_IGN, before)
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        assert MathVerifier().compare(gold="7", answer=SLOW).status == "timeout"  # the alarm rings during the wait
        assert len(fired) == 1
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def test_an_alarm_that_raises_leaves_a_worker_that_works() -> None:
    def ring(*_: object) -> None:
        raise TimeoutError("outer")

    before = signal.signal(signal.SIGALRM, ring)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.2)
        with pytest.raises(TimeoutError, match="outer"):
            MathVerifier().compare(gold="7", answer=SLOW)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert MathVerifier(timeout=20).compare(gold=OPEN[1], answer=OPEN[0]).correct


def test_threads_get_their_own_verdicts() -> None:
    pairs = [("1", OPEN[0], "correct"), ("2", OPEN[0], "wrong"), (r"1+\sqrt2", r"\sqrt{3+2\sqrt2}", "correct")] * 8
    with ThreadPoolExecutor(8) as pool:
        verdicts = list(pool.map(lambda p: MathVerifier(timeout=20).compare(gold=p[0], answer=p[1]).status, pairs))
    assert verdicts == [p[2] for p in pairs]


def test_worker_thread_that_ends_does_not_take_the_worker_along() -> None:
    found = []
    for _ in range(3):
        thread = threading.Thread(
            target=lambda: found.append(MathVerifier(timeout=20).compare(gold=OPEN[1], answer=OPEN[0]).status)
        )
        thread.start()
        thread.join()
    assert found == ["correct"] * 3


def test_asyncio_goes_on_while_the_worker_computes() -> None:
    async def main() -> tuple[str, int]:
        ticks = 0
        task = asyncio.create_task(asyncio.to_thread(verify, rf"\boxed{{{SLOW}}}", Problem("q", r"\sum_{k=1}^{7} 1")))
        while not task.done():
            await asyncio.sleep(0.02)
            ticks += 1
        return (await task).status, ticks

    status, ticks = asyncio.run(main())
    assert status == "timeout"
    assert ticks > 15


def test_killed_idle_worker_is_replaced() -> None:
    for process in psutil.Process().children(recursive=True):
        if "_worker" in " ".join(process.cmdline()):
            process.kill()
    time.sleep(0.1)
    assert MathVerifier(timeout=20).compare(gold=OPEN[1], answer=OPEN[0]).correct


def test_worker_killed_at_work_is_an_error_and_no_wrong_answer() -> None:
    def assassin() -> None:
        time.sleep(0.3)
        for process in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):  # gone, or a zombie of an earlier test
                if "_worker" in " ".join(process.cmdline()):
                    process.kill()

    thread = threading.Thread(target=assassin)
    thread.start()
    verdict = MathVerifier(timeout=1.0).compare(gold="7", answer=SLOW)
    thread.join()
    assert verdict.status in ("error", "timeout")
    assert MathVerifier(timeout=20).compare(gold=OPEN[1], answer=OPEN[0]).correct


def _run(code: str, **env: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60, check=False,
        env={**os.environ, **env},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done


PROLOGUE = r"""
from composekit.compose import MathVerifier, Problem, verify, verify_batch
import os, psutil, signal, sys, time
assert MathVerifier(timeout=20).compare(gold="1", answer=r"\sin^2 x + \cos^2 x").correct
"""


def _descendants_of(code: str) -> list[int]:
    done = _run(PROLOGUE + textwrap.dedent(code))
    return [int(pid) for pid in done.stdout.split()]


def _all_gone(pids: list[int], within: float) -> bool:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        if not any(psutil.pid_exists(p) and psutil.Process(p).status() != "zombie" for p in pids):
            return True
        time.sleep(0.05)
    return False


PRINT_CHILDREN = "print(*[p.pid for p in psutil.Process().children(recursive=True)], flush=True)"


def test_no_worker_outlives_the_process() -> None:
    pids = _descendants_of(f"verify_batch(['x'], [Problem('q', 7)], workers=1)\n{PRINT_CHILDREN}")
    assert len(pids) >= 3
    assert _all_gone(pids, 15.0)


def test_no_worker_outlives_a_killed_process() -> None:
    pids = _descendants_of(
        f"""
verify_batch(['x'], [Problem('q', 7)], workers=1)
{PRINT_CHILDREN}
if os.fork():
    os._exit(0)  # gone without any clean-up; a fork of it lives on, which must not hold the pipes of the workers
for fd in (0, 1, 2):
    os.close(fd)
time.sleep(6)
os._exit(0)
"""
    )
    assert _all_gone(pids, 15.0)


def test_no_worker_outlives_a_process_that_is_killed_while_it_waits() -> None:
    code = PROLOGUE + textwrap.dedent(
        f"""
        {PRINT_CHILDREN}
        MathVerifier(timeout=20).compare(gold="7", answer=r"{SLOW}")
        """
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pids = [int(p) for p in process.stdout.readline().split()]
    time.sleep(0.5)
    process.kill()
    process.wait()
    process.stdout.close()
    assert pids
    assert _all_gone(pids, 15.0)


def test_forked_process_uses_a_worker_of_its_own() -> None:
    _run(
        PROLOGUE
        + textwrap.dedent(
            r"""
            open_pair = dict(gold="1", answer=r"\sin^2 x + \cos^2 x")
            child = os.fork()
            for _ in range(20):
                assert MathVerifier(timeout=20).compare(**open_pair).correct
                assert MathVerifier(timeout=20).compare(gold="2", answer=open_pair["answer"]).status == "wrong"
            if child == 0:
                sys.exit(0)
            assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
            """
        )
    )


def test_without_math_verify_the_status_names_the_pip_command(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "math_verify", None)
    verdict = MathVerifier().compare(gold=OPEN[1], answer=OPEN[0])
    assert (verdict.status, verdict.score) == ("unparseable", 0.0)
    assert "pip install 'composekit[math]'" in verdict.detail
    assert MathVerifier().compare(gold="1/2", answer="0.5").correct


def test_math_verify_that_does_not_import_is_reported_the_same_way(tmp_path) -> None:
    (tmp_path / "math_verify.py").write_text("raise ImportError('broken')")
    code = r"""
    from composekit.compose import MathVerifier
    verdict = MathVerifier().compare(gold="1", answer=r"\sin^2 x + \cos^2 x")
    assert verdict.status == "unparseable" and "composekit[math]" in verdict.detail, verdict
    """
    _run(code, PYTHONPATH=os.pathsep.join([str(tmp_path), *sys.path]))


def test_importing_and_exact_verdicts_start_no_process() -> None:
    code = """
    import psutil, sys
    from composekit.compose import MathVerifier, Problem, verify
    assert verify(r"\\boxed{7}", Problem("q", 7)).correct
    assert not psutil.Process().children()
    assert "sympy" not in sys.modules and "torch" not in sys.modules and "math_verify" not in sys.modules
    """
    _run(code)


def test_library_is_silent(capfd) -> None:
    MathVerifier().compare(gold="7", answer=SLOW)
    MathVerifier().compare(gold=r"\frac13", answer=r"\int_0^1 x^2 dx")
    assert capfd.readouterr() == ("", "")


def test_worker_says_that_it_is_missing_nothing() -> None:
    assert worker.installed()


def test_a_worker_whose_start_is_interrupted_is_ended(monkeypatch) -> None:
    started: list[subprocess.Popen[bytes]] = []
    execute = subprocess.Popen._execute_child

    def interrupted(self, *args, **options) -> None:
        execute(self, *args, **options)
        started.append(self)
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "_execute_child", interrupted)
    with pytest.raises(KeyboardInterrupt):
        processes.Child("composekit.compose.verifiers._crew_member")
    assert started[0].returncode is not None
