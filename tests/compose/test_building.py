"""Builds: exact caps, splits, the same bytes always, and nothing lost or left behind however a build ends."""

from __future__ import annotations

import errno
import json
import os
import resource
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from composekit import ComposeKitError
from composekit._errors import ArgumentError, ArgumentTypeError
from composekit.compose import Composer, Composite, Problem, audit, build, load_problems
from composekit.compose import building as building_module
from composekit.compose._build_choice import Choice, split_of
from composekit.compose._build_shards import Entry, write_whole

QUESTION = "Ann has {} nuts and gives {} of them to Bob. How many nuts does Ann keep?"


def pool(count: int = 40) -> list[Problem]:
    return [Problem(QUESTION.format(100 + 7 * n, 20 + n), 80 + 6 * n) for n in range(count)]


@pytest.fixture
def small_shards(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many shards out of few composites. Children are told the ranges, so only the parent needs to know."""
    monkeypatch.setattr(building_module, "SHARD_SIZE", 25)


def rows(path: Path) -> list[Composite]:
    return [Problem.from_dict(json.loads(line)) for line in path.read_text().splitlines()]


def children() -> list[psutil.Process]:
    """The workers of builds that are still there; other tests of this process may have left workers of their own."""
    found = []
    for process in psutil.Process().children(recursive=True):
        try:
            if "composekit.compose._build_worker" in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process)
        except psutil.NoSuchProcess:
            continue
    return found


# ---------------------------------------------------------------------------------------------------------------- content


def test_build_writes_every_composite_as_to_dict_has_it(tmp_path: Path) -> None:
    composer = Composer(pool(), size=60, depth=3)
    report = build(composer, tmp_path / "out.jsonl", workers=1)
    lines = (tmp_path / "out.jsonl").read_text().splitlines()
    assert report.written == len(lines) == 60
    assert [json.loads(line) for line in lines] == [json.loads(json.dumps(c.to_dict())) for c in composer]
    assert load_problems(tmp_path / "out.jsonl") == list(composer)
    assert all(audit(c).ok for c in rows(tmp_path / "out.jsonl"))
    assert os.listdir(tmp_path) == ["out.jsonl"]


@pytest.mark.usefixtures("small_shards")
def test_build_gives_the_same_bytes_for_any_number_of_workers(tmp_path: Path) -> None:
    composer = Composer(pool(), size=200)
    caps = {"max_per_problem": 9, "max_per_answer": 4, "splits": {"train": 0.7, "test": 0.3}}
    for workers in (1, 2, 3):
        build(composer, tmp_path / f"{workers}.jsonl", workers=workers, **caps)
    for split in caps["splits"]:
        first = (tmp_path / f"1.{split}.jsonl").read_bytes()
        assert first
        assert all((tmp_path / f"{workers}.{split}.jsonl").read_bytes() == first for workers in (2, 3))
    assert children() == []


def test_build_parquet_holds_what_jsonl_holds(tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    composer = Composer(pool(), size=30)
    build(composer, tmp_path / "out.jsonl", workers=1)
    build(composer, tmp_path / "out.parquet", workers=1)
    assert load_problems(tmp_path / "out.parquet") == load_problems(tmp_path / "out.jsonl")
    assert all(str(kind) == "string" for kind in parquet.read_schema(tmp_path / "out.parquet").types)


def test_build_takes_any_sequence_of_composites(tmp_path: Path) -> None:
    composites = list(Composer(pool(), size=8))
    build(composites, tmp_path / "out.jsonl")
    assert rows(tmp_path / "out.jsonl") == composites


# ------------------------------------------------------------------------------------------------------- caps and splits


def test_build_caps_are_exact(tmp_path: Path) -> None:
    composer = Composer(pool(), size=800)
    for name, of in {
        "max_per_problem": lambda c: [part.id for part in c.parts],
        "max_per_last": lambda c: [c.parts[-1].id],
        "max_per_answer": lambda c: [c.answer],
    }.items():
        report = build(composer, tmp_path / f"{name}.jsonl", workers=1, **{name: 3})
        counts = Counter(key for c in rows(tmp_path / f"{name}.jsonl") for key in of(c))
        assert max(counts.values()) == 3
        assert report.dropped[name] == report.examined - report.written - report.dropped.get("duplicate", 0) > 0


def test_build_stops_at_the_size_asked_for_and_says_when_it_fell_short(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    composer = Composer(pool(), size=3000)
    report = build(composer, tmp_path / "out.jsonl", size=17, workers=1)
    assert (report.written, report.examined) == (17, 1000)
    assert len(rows(tmp_path / "out.jsonl")) == 17
    assert caplog.text == ""
    report = build(composer, tmp_path / "few.jsonl", size=100, max_per_last=1, workers=1)
    assert report.written == 40
    assert "wrote 40 of the 100 composites asked for" in caplog.text


def test_build_splits_by_the_last_part(tmp_path: Path) -> None:
    composer = Composer(pool(), size=400)
    shares = {"train": 0.6, "dev": 0.2, "test": 0.2}
    report = build(composer, tmp_path / "out.jsonl", splits=shares, workers=1)
    assert {split: path.name for split, path in report.paths.items()} == {s: f"out.{s}.jsonl" for s in shares}
    lasts = {split: {c.parts[-1].id for c in rows(path)} for split, path in report.paths.items()}
    assert all(lasts[a].isdisjoint(lasts[b]) for a in shares for b in shares if a < b)
    assert sum(report.per_split.values()) == report.written == sum(len(rows(path)) for path in report.paths.values())
    assert set(lasts["train"] | lasts["dev"] | lasts["test"]) == {p.id for p in pool()}


@given(st.lists(st.text(), min_size=300, max_size=300, unique=True))
def test_split_of_follows_the_shares(ids: list[str]) -> None:
    counts = Counter(split_of(i, {"a": 0.5, "b": 0.5}) for i in ids)
    assert 90 < counts["a"] < 210


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(0, 3)), max_size=60),
    st.integers(1, 4), st.integers(1, 4), st.integers(1, 4), st.integers(1, 30),
)  # fmt: skip
def test_choice_keeps_the_greedy_maximum_under_every_cap(
    drawn: list[tuple[int, int, int]], problem: int, last: int, answer: int, size: int
) -> None:
    entries = [Entry(i, [f"p{a}", f"p{b}"], str(c), f"{a} {b}", False, 1) for i, (a, b, c) in enumerate(drawn)]
    choice = Choice(size, problem, last, answer, {})
    kept = [entry for entry, _ in choice.choose(entries)]
    assert len(kept) <= size
    assert all(n <= problem for n in Counter(p for e in kept for p in set(e.parts)).values())
    assert all(n <= last for n in Counter(e.parts[-1] for e in kept).values())
    assert all(n <= answer for n in Counter(e.answer for e in kept).values())
    assert len({e.key for e in kept}) == len(kept)
    assert choice.kept == len(kept)
    if len(kept) < size:
        assert len(kept) + choice.dropped.total() == len(entries)


def test_build_drops_duplicates_whatever_their_ids(tmp_path: Path) -> None:
    (one,) = Composer(pool(), size=1)
    renamed = one.replace(parts=tuple(p.replace(id=f"other {i}") for i, p in enumerate(one.parts)))
    again = Composite.from_dict({**one.to_dict(), "prompt": one.prompt + " "})
    report = build([one, renamed, again, *Composer(pool(), size=2, seed=5)], tmp_path / "out.jsonl")
    assert (report.written, report.dropped["duplicate"]) == (3, 2)


def test_build_keeps_clear_of_test_sets(tmp_path: Path) -> None:
    problems = pool()
    leaked = problems[3].prompt.upper().replace("?", " ?!")
    composer = Composer(problems, size=200)
    (tmp_path / "tests.jsonl").write_text(json.dumps({"question": leaked, "answer": "#### 1"}) + "\n")
    for sets in ([leaked], [[problems[3]]], [tmp_path / "tests.jsonl"], [str(tmp_path / "tests.jsonl")]):
        report = build(composer, tmp_path / "out.jsonl", decontaminate=sets, ngram=12, overwrite=True, workers=1)
        assert report.dropped["contaminated"] > 0
        assert all(problems[3].id not in {p.id for p in c.parts} for c in rows(tmp_path / "out.jsonl"))


# -------------------------------------------------------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"size": 0}, "size must be a positive integer"),
        ({"max_per_answer": True}, "max_per_answer must be a positive integer"),
        ({"workers": -1}, "workers must be a positive integer"),
        ({"splits": {"train": 0.5}}, "splits must sum to 1"),
        ({"splits": {"../up": 1.0}}, "splits must have names of letters"),
        ({"splits": {"a": 1.5, "b": -0.5}}, r"splits\['b'\] must be a positive share"),
        ({"splits": ["train"]}, "splits must map names to shares"),
        ({"format": "arrow"}, "format must be auto, jsonl or parquet"),
        ({"path": "out.txt"}, r"path must end in \.jsonl"),
        ({"path": "nowhere/out.jsonl"}, "path must lie in a folder that exists"),
        ({"decontaminate": ["text"], "ngram": 1}, "ngram must be at least 2"),
        ({"decontaminate": [7]}, "decontaminate must hold problems, texts or files"),
        ({"composer": []}, "composer must hold at least one composite"),
        ({"composer": 7}, "composer must have a length and indices"),
        ({"composer": ["text"]}, r"composer\[0\] must be a Composite"),
    ],
)
def test_build_says_which_argument_is_wrong(
    arguments: dict, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    values = {"composer": Composer(pool(), size=5), "path": "out.jsonl"} | arguments
    with pytest.raises((ValueError, TypeError), match=message) as caught:
        build(values.pop("composer"), values.pop("path"), **values)
    assert isinstance(caught.value, ComposeKitError)
    assert not any(path.suffix == ".jsonl" for path in tmp_path.iterdir())


def test_build_overwrites_only_when_told(tmp_path: Path) -> None:
    (tmp_path / "out.jsonl").write_text("precious")
    with pytest.raises(ComposeKitError, match="must not exist yet"):
        build(Composer(pool(), size=5), tmp_path / "out.jsonl")
    assert [p.name for p in tmp_path.iterdir()] == ["out.jsonl"]
    assert (tmp_path / "out.jsonl").read_text() == "precious"
    build(Composer(pool(), size=5), tmp_path / "out.jsonl", overwrite=True)
    assert len(rows(tmp_path / "out.jsonl")) == 5


def test_build_that_cannot_pickle_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building_module, "SHARD_SIZE", 5)
    composites = list(Composer(pool(), size=20))

    class Local(list):
        pass

    with pytest.raises(ComposeKitError, match="composer must pickle when workers > 1; got Local"):
        build(Local(composites), tmp_path / "out.jsonl", workers=2)
    assert build(Local(composites), tmp_path / "out.jsonl", workers=1).written == 20


def test_build_reports_progress_only_when_asked(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    seen: list[tuple[int, int]] = []
    composer = Composer(pool(), size=1500)
    build(composer, tmp_path / "quiet.jsonl", workers=1)
    assert capfd.readouterr() == ("", "")
    build(composer, tmp_path / "called.jsonl", workers=1, progress=lambda done, total: seen.append((done, total)))
    assert seen == [(1000, 1500), (1500, 1500)]
    build(composer, tmp_path / "bar.jsonl", workers=1, progress=True)
    out, err = capfd.readouterr()
    assert out == ""
    assert "1500" in err


# ------------------------------------------------------------------------------------------------------- sudden endings

SLOW = '''
"""A composer that takes its time, so that there is time to kill something."""
import os, time
from composekit.compose import Composer

class Slow(Composer):
    pause = 0.004
    trap = ""
    deadly = False

    def __getitem__(self, index):
        time.sleep(self.pause)
        if index == 130 and (self.deadly or (self.trap and not os.path.exists(self.trap))):
            if self.trap:
                open(self.trap, "w").close()
            os.kill(os.getpid(), 9)
        return super().__getitem__(index)
'''


@pytest.fixture
def slow(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Composer]]:
    (tmp_path / "code").mkdir()
    (tmp_path / "code" / "slow_composer.py").write_text(SLOW)
    monkeypatch.syspath_prepend(str(tmp_path / "code"))
    import slow_composer

    yield slow_composer.Slow
    del sys.modules["slow_composer"]


PARENT = """
import sys
sys.path[:0] = {paths}
from composekit.compose import Problem, build, building
from slow_composer import Slow
building.SHARD_SIZE = 25
question = {question!r}
pool = [Problem(question.format(100 + 7 * n, 20 + n), 80 + 6 * n) for n in range(40)]
try:
    print(build(Slow(pool, size=400), {path!r}, workers=2).resumed)
except KeyboardInterrupt:
    print("interrupted")
    sys.exit(130)
"""


def start_parent(path: Path) -> subprocess.Popen[str]:
    paths = [str(path.parent / "code"), str(Path(building_module.__file__).parents[2])]
    code = textwrap.dedent(PARENT).format(paths=paths, question=QUESTION, path=str(path))
    return subprocess.Popen(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
    )  # fmt: skip


def wait_for(condition: Callable[[], object], seconds: float = 30) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def reference(slow: Callable[..., Composer], tmp_path: Path) -> bytes:
    composer = slow(pool(), size=400)
    composer.pause = 0
    build(composer, tmp_path / "reference.jsonl", workers=1)
    return (tmp_path / "reference.jsonl").read_bytes()


@pytest.mark.usefixtures("small_shards")
@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_stopped_build_goes_on_to_the_same_bytes(
    signal_number: int, slow: Callable[..., Composer], tmp_path: Path
) -> None:
    expected = reference(slow, tmp_path)
    path = tmp_path / "out.jsonl"
    folder = tmp_path / "out.jsonl.building"
    parent = start_parent(path)
    wait_for(lambda: len(list(folder.glob("shard-*.json"))) >= 3)
    workers = psutil.Process(parent.pid).children()
    assert len(workers) == 2
    if signal_number == signal.SIGINT:  # as a terminal does it: to all processes of the group
        os.killpg(parent.pid, signal_number)
    else:
        parent.send_signal(signal_number)
    out, err = parent.communicate(timeout=20)
    assert "Traceback" not in err
    assert parent.returncode == (130 if signal_number == signal.SIGINT else -signal_number), err
    wait_for(lambda: not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in workers), 5)
    assert not path.exists()
    if signal_number == signal.SIGINT:
        assert not list(folder.glob("*.tmp"))
        assert not list(folder.glob("output-*"))
    again = start_parent(path)
    out, err = again.communicate(timeout=60)
    assert again.returncode == 0, err
    assert int(out) >= 3
    assert path.read_bytes() == expected
    assert sorted(p.name for p in tmp_path.iterdir()) == ["code", "out.jsonl", "reference.jsonl"]


@pytest.mark.usefixtures("small_shards")
def test_a_build_that_has_enough_does_not_wait_for_the_rest(slow: Callable[..., Composer], tmp_path: Path) -> None:
    composer = slow(pool(), size=2000)
    composer.pause = 0.02  # 20 s for all shards with two workers, 1 s for the first two
    start = time.monotonic()
    assert build(composer, tmp_path / "out.jsonl", size=10, workers=2).written == 10
    assert time.monotonic() - start < 12
    assert children() == []


def test_write_whole_leaves_the_old_file_or_the_new_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_whole(tmp_path / "file", b"old")

    def refuse(source: object, target: object) -> None:
        raise OSError(errno.EIO, "input/output error")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(OSError, match="input/output"):
        write_whole(tmp_path / "file", b"new")
    assert os.listdir(tmp_path) == ["file"]
    assert (tmp_path / "file").read_bytes() == b"old"


@pytest.mark.usefixtures("small_shards")
def test_a_killed_worker_is_replaced(slow: Callable[..., Composer], tmp_path: Path) -> None:
    expected = reference(slow, tmp_path)
    composer = slow(pool(), size=400)
    composer.pause, composer.trap = 0.0, str(tmp_path / "trap")
    build(composer, tmp_path / "out.jsonl", workers=2)
    assert (tmp_path / "trap").exists()
    assert (tmp_path / "out.jsonl").read_bytes() == expected
    assert children() == []


@pytest.mark.usefixtures("small_shards")
def test_a_worker_that_always_dies_stops_the_build_and_its_shards_are_kept(
    slow: Callable[..., Composer], tmp_path: Path
) -> None:
    expected = reference(slow, tmp_path)
    composer = slow(pool(), size=400)
    composer.pause, composer.deadly = 0.001, True
    with pytest.raises(ComposeKitError, match=r"the worker of shard 5 must survive; got exit status -9, 3 times"):
        build(composer, tmp_path / "out.jsonl", workers=2)
    assert children() == []
    assert not (tmp_path / "out.jsonl").exists()
    composer.deadly = False
    report = build(composer, tmp_path / "out.jsonl", workers=2)
    assert report.resumed > 0
    assert (tmp_path / "out.jsonl").read_bytes() == expected


@pytest.mark.usefixtures("small_shards")
def test_a_full_disk_leaves_nothing_half_written(slow: Callable[..., Composer], tmp_path: Path) -> None:
    """The kernel refuses files beyond a limit here, as a full disk would: for the output, then for a shard."""
    expected = reference(slow, tmp_path)
    composer = slow(pool(), size=400)
    composer.pause = 0
    path = tmp_path / "out.jsonl"
    previous = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        for limit in (20_000, 200_000):  # less than a shard, then more than a shard and less than the output
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
            with pytest.raises(ComposeKitError, match="the disk must have room") as caught:
                build(composer, path, workers=2)
            assert "The finished shards are kept" in str(caught.value)
            assert children() == []
            assert not path.exists()
            left = {p.name for p in (tmp_path / "out.jsonl.building").iterdir()}
            assert all(name.startswith("shard-") or name == "manifest.json" for name in left)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        signal.signal(signal.SIGXFSZ, previous)
    report = build(composer, path, workers=2)
    assert report.resumed > 0
    assert path.read_bytes() == expected


def test_a_disk_that_is_really_full(tmp_path: Path) -> None:
    """On a file system of 300 kB, where root may mount one."""
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=300k", "none", str(small)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("cannot mount a small file system here: " + mounted.stderr.decode().strip())
    try:
        with pytest.raises(ComposeKitError, match="the disk must have room"):
            build(Composer(pool(), size=2000), small / "out.jsonl", workers=2)
        assert not (small / "out.jsonl").exists()
        assert children() == []
    finally:
        subprocess.run(["umount", str(small)], check=True)


@pytest.mark.usefixtures("small_shards")
def test_a_damaged_shard_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    composer = Composer(pool(), size=100)
    build(composer, tmp_path / "good.jsonl", workers=1)
    folder = tmp_path / "out.jsonl.building"

    def stop(done: int, total: int) -> None:
        if done == total:
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        build(composer, tmp_path / "out.jsonl", workers=1, progress=stop)
    assert len(list(folder.glob("shard-*.jsonl"))) == 4
    data = (folder / "shard-000001.jsonl").read_bytes()
    (folder / "shard-000001.jsonl").write_bytes(b"\0" * len(data))
    (folder / "shard-000002.json").write_text('{"entries": [')
    (folder / "shard-000003.jsonl").unlink()
    assert build(composer, tmp_path / "out.jsonl", workers=1).resumed == 1
    assert (tmp_path / "out.jsonl").read_bytes() == (tmp_path / "good.jsonl").read_bytes()


@pytest.mark.usefixtures("small_shards")
def test_shards_of_another_build_are_refused_and_can_be_dropped(tmp_path: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        build(Composer(pool(), size=100), tmp_path / "out.jsonl", workers=1, progress=stop)
    other = Composer(pool(), size=100, seed=1)
    with pytest.raises(ComposeKitError, match="must belong to a call with the same composer"):
        build(other, tmp_path / "out.jsonl", workers=1)
    with pytest.raises(ComposeKitError, match="must belong to a call with the same composer"):
        build(Composer(pool(), size=100), tmp_path / "out.jsonl", workers=1, decontaminate=["some text " * 9])
    build(other, tmp_path / "out.jsonl", workers=1, resume=False)
    assert rows(tmp_path / "out.jsonl") == list(other)


def test_two_builds_of_one_file_do_not_meet(tmp_path: Path) -> None:
    pytest.importorskip("fcntl")
    composer = Composer(pool(), size=20)
    errors: list[str] = []

    def meanwhile(done: int, total: int) -> None:
        with pytest.raises(ComposeKitError, match="one build at a time") as caught:
            build(composer, tmp_path / "out.jsonl", workers=1)
        errors.append(str(caught.value))

    build(composer, tmp_path / "out.jsonl", workers=1, progress=meanwhile)
    assert len(errors) == 1
    assert len(rows(tmp_path / "out.jsonl")) == 20


@pytest.mark.usefixtures("small_shards")
def test_a_crash_between_the_outputs_is_mended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    composer = Composer(pool(), size=100)
    shares = {"train": 0.5, "test": 0.5}
    build(composer, tmp_path / "good.jsonl", splits=shares, workers=1)
    original = os.replace

    def fail_at_the_second(source: object, target: object) -> None:
        if str(target).endswith("out.test.jsonl"):
            raise OSError(errno.EIO, "input/output error")
        original(source, target)

    monkeypatch.setattr(os, "replace", fail_at_the_second)
    with pytest.raises(ComposeKitError, match="the files must be writable"):
        build(composer, tmp_path / "out.jsonl", splits=shares, workers=1)
    monkeypatch.setattr(os, "replace", original)
    build(composer, tmp_path / "out.jsonl", splits=shares, workers=1)
    for split in shares:
        assert (tmp_path / f"out.{split}.jsonl").read_bytes() == (tmp_path / f"good.{split}.jsonl").read_bytes()


@pytest.mark.usefixtures("small_shards")
def test_an_error_in_the_composer_reaches_the_caller(tmp_path: Path, slow: Callable[..., Composer]) -> None:
    composer = slow(pool(), size=400)
    composer.pause = "no number"
    with pytest.raises((ComposeKitError, TypeError)):
        build(composer, tmp_path / "out.jsonl", workers=2)
    assert children() == []


def test_unlinkable_indices_are_counted(tmp_path: Path) -> None:
    answers = [Problem("Which ocean is the largest of all?", "the Pacific", verifier="exact"), *pool(3)]
    composer = Composer(answers, size=30)
    report = build(composer, tmp_path / "out.jsonl", workers=1)
    unlinkable = report.dropped["unlinkable"]
    assert sum(report.unlinkable.values()) == unlinkable
    assert report.written + report.dropped["duplicate"] + unlinkable == 30


# ------------------------------------------------------------------------------------------------- things that are not ours


@pytest.mark.parametrize("content", [b"[]", b"null", b"3", b"[", b"\xff", b"{}"])
def test_a_damaged_manifest_is_explained(content: bytes, tmp_path: Path) -> None:
    folder = tmp_path / "out.jsonl.building"
    folder.mkdir()
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(ArgumentError, match=r"must belong to a call with the same composer"):
        build(Composer(pool(), size=5), tmp_path / "out.jsonl", workers=1)
    assert build(Composer(pool(), size=5), tmp_path / "out.jsonl", workers=1, resume=False).written == 5


@pytest.mark.parametrize("kind", ["file", "link", "folder"])
@pytest.mark.parametrize("resume", [True, False])
def test_what_stands_where_the_shards_would_go_is_left_alone(kind: str, resume: bool, tmp_path: Path) -> None:
    place, mine = tmp_path / "out.jsonl.building", tmp_path / "elsewhere"
    mine.mkdir()
    if kind == "link":
        place.symlink_to(mine, target_is_directory=True)
    elif kind == "folder":
        place.mkdir()
        (place / "mine.txt").write_text("precious")
    else:
        place.write_text("precious")
    with pytest.raises(ArgumentError, match=r"out\.jsonl\.building must be a folder that a build made"):
        build(Composer(pool(), size=5), tmp_path / "out.jsonl", workers=1, resume=resume)
    assert kind == "link" or (place / "mine.txt" if kind == "folder" else place).read_text() == "precious"
    assert not (tmp_path / "out.jsonl").exists()


@pytest.mark.parametrize("kind", ["folder", "pipe"])
def test_an_output_must_be_a_file(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "out.jsonl"
    path.mkdir() if kind == "folder" else os.mkfifo(path)
    with pytest.raises(ArgumentError, match=r"path must be a file; got .*out\.jsonl, a folder or a device"):
        build(Composer(pool(), size=5), path, workers=1, overwrite=True)
    assert [item.name for item in tmp_path.iterdir()] == ["out.jsonl"]
    with pytest.raises(ArgumentTypeError, match="path must be a path; got NoneType"):
        build(Composer(pool(), size=5), None)  # type: ignore[arg-type]


def test_lone_surrogates_are_named(tmp_path: Path) -> None:
    broken = [problem.replace(prompt=problem.prompt + " \ud800") for problem in pool()]
    with pytest.raises(ArgumentError, match=r"problems must be valid Unicode; got '\\ud800' after"):
        build(Composer(broken, size=5), tmp_path / "out.jsonl", workers=1)


def test_one_test_set_alone_is_no_list_of_letters(tmp_path: Path) -> None:
    path = tmp_path / "tests.jsonl"
    path.write_text("".join(json.dumps(problem.to_dict()) + "\n" for problem in pool()))
    for number, sets in enumerate([str(path), path, [[path]]]):
        report = build(Composer(pool(), size=5), tmp_path / f"{number}.jsonl", decontaminate=sets, workers=1)
        assert report.dropped["contaminated"] == 5
    for number, sets in enumerate([pool()[0].prompt, pool()[0]]):
        composer = Composer(pool(), size=40)
        report = build(composer, tmp_path / f"one{number}.jsonl", decontaminate=sets, workers=1)
        assert 0 < report.dropped["contaminated"] < 40
    with pytest.raises(ArgumentTypeError, match="decontaminate must hold problems, texts or files; got dict"):
        build(Composer(pool(), size=5), tmp_path / "x.jsonl", decontaminate=[{"question": pool()[0].prompt}])
