"""The command line: what it prints, what it writes, and its exit status."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from composekit.compose import Composer, Problem, generators, load_problems
from composekit.compose.__main__ import main

QUESTION = "Ann has {} nuts and gives {} of them to Bob. How many nuts does Ann keep?"


@pytest.fixture
def problems(tmp_path: Path) -> Path:
    path = tmp_path / "problems.jsonl"
    rows = [{"question": QUESTION.format(100 + 7 * n, 20 + n), "answer": f"#### {80 + 6 * n}"} for n in range(40)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def composites(problems: Path, tmp_path: Path) -> Path:
    path = tmp_path / "composites.jsonl"
    assert main(["build", str(problems), "-o", str(path), "--candidates", "30", "--quiet"]) == 0
    return path


def run(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "composekit.compose", *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, **options)  # type: ignore[call-overload]


# ------------------------------------------------------------------------------------------------------------------ build


def test_build_writes_what_the_composer_makes(
    problems: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.jsonl"
    assert (
        main(["build", str(problems), "-o", str(out), "--candidates", "25", "--depth", "3", "--seed", "4", "--quiet"])
        == 0
    )
    expected = list(Composer(load_problems(problems), depth=3, size=25, seed=4))
    assert load_problems(out) == expected
    printed = capsys.readouterr()
    assert printed.out == f"25 composites in {out}\n"
    assert printed.err == ""


def test_build_options_reach_the_builder(problems: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tests = tmp_path / "tests.jsonl"
    tests.write_text(problems.read_text().splitlines()[0] + "\n")
    arguments = (
        f"build {problems} -o {tmp_path}/out.parquet --candidates 2000 --quiet --json --max-per-last 1 --size 30 "
    )
    arguments += f"--split train=0.5 --split test=0.5 --decontaminate {tests} --ngram 12"
    assert main(arguments.split()) == 0
    report = json.loads(capsys.readouterr().out)
    assert report["written"] == sum(report["per_split"].values()) == 30
    assert report["dropped"]["contaminated"] > 0
    lasts = [c.parts[-1].id for path in report["paths"].values() for c in load_problems(path)]
    assert len(lasts) == len(set(lasts))
    for split in ("train", "test"):
        assert len(load_problems(tmp_path / f"out.{split}.parquet")) == report["per_split"][split] > 0


def test_build_takes_several_sources_and_named_columns(tmp_path: Path) -> None:
    for name in ("a", "b"):
        rows = [{"q": f"{name}: " + QUESTION.format(200 + 7 * n, 20 + n), "a": 180 + 6 * n} for n in range(5)]
        (tmp_path / f"{name}.json").write_text(json.dumps(rows))
    sources = [str(tmp_path / "a.json"), str(tmp_path / "b.json")]
    columns = json.dumps({"prompt": "q", "answer": "a"})
    assert (
        main(["build", *sources, "-o", str(tmp_path / "o.jsonl"), "--schema", columns, "--mode", "bundle", "--quiet"])
        == 0
    )
    assert {p.prompt[0] for c in load_problems(tmp_path / "o.jsonl") for p in c.parts} == {"a", "b"}


def test_build_shows_a_bar_unless_quiet(problems: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    main(["build", str(problems), "-o", str(tmp_path / "out.jsonl"), "--candidates", "30"])
    assert "30" in capsys.readouterr().err


def test_plain_bar_without_tqdm(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from composekit.compose._progress import bar

    monkeypatch.setitem(sys.modules, "tqdm", None)
    tick = bar("composites")
    tick(5, 10)
    tick(10, 10)
    err = capsys.readouterr().err
    assert "[###############...............] 5/10 composites" in err
    assert "[##############################] 10/10 composites" in err
    assert err.endswith("\n")


def test_an_interrupted_build_says_how_to_go_on(tmp_path: Path) -> None:
    path = tmp_path / "problems.jsonl"
    rows = [{"question": QUESTION.format(1000 + 7 * n, 20 + n), "answer": f"#### {980 + 6 * n}"} for n in range(400)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = [sys.executable, "-m", "composekit.compose", "build", str(path), "-o", str(tmp_path / "out.jsonl")]
    command += ["--candidates", "200000", "--workers", "2", "--quiet"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    folder = tmp_path / "out.jsonl.building"
    end = time.monotonic() + 60
    while not list(folder.glob("shard-*.json")):
        assert time.monotonic() < end
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted; the finished shards are kept, and the same command goes on from there" in err
    assert "Traceback" not in err
    assert out == ""
    assert not (tmp_path / "out.jsonl").exists()


# -------------------------------------------------------------------------------------------------------- audit and stats


def test_audit_passes_sound_composites(composites: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["audit", str(composites), "--quiet"]) == 0
    assert capsys.readouterr().out.endswith("0 of 30 composites are defective\n")


def test_audit_names_defects_and_fails(composites: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    rows = [json.loads(line) for line in composites.read_text().splitlines()]
    rows[3]["prompt"] = rows[3]["prompt"].replace("more than", "times").replace("less than", "times")
    composites.write_text("".join(json.dumps(row) + "\n" for row in rows))
    capsys.readouterr()
    assert main(["audit", str(composites), "-o", str(tmp_path / "audit.jsonl"), "--quiet"]) == 1
    out = capsys.readouterr().out
    assert f"{rows[3]['id']}: relation (link 0): " in out
    assert "1 of 30 composites are defective" in out
    written = [json.loads(line) for line in (tmp_path / "audit.jsonl").read_text().splitlines()]
    assert [row["ok"] for row in written] == [number != 3 for number in range(30)]
    assert main(["audit", str(composites), "--json", "--quiet"]) == 1
    assert json.loads(capsys.readouterr().out)["defective"] == 1


def test_audit_refuses_single_problems(problems: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", str(problems), "--quiet"]) == 2
    assert "row 1 must be a composite" in capsys.readouterr().err


def test_stats_prints_a_table_or_json(composites: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["stats", str(composites)]) == 0
    out = capsys.readouterr().out
    assert "baseline likeliest constant" in out
    assert main(["stats", str(composites), "--json", "--limit", "10"]) == 0
    assert json.loads(capsys.readouterr().out)["rows"] == 10


# ----------------------------------------------------------------------------------------------------------------- verify


def responses(path: Path, problems: list[Problem], wrong: int = 0, ids: bool = True) -> None:
    rows = [{"response": rf"So it is \boxed{{{int(p.answer) + (n < wrong)}}}."} for n, p in enumerate(problems)]
    if ids:
        rows = [{**row, "id": problem.id} for row, problem in zip(rows, problems, strict=True)][::-1]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize("ids", [True, False])
def test_verify_judges_by_id_or_by_order(
    ids: bool, problems: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    answers = tmp_path / "answers.jsonl"
    responses(answers, load_problems(problems), ids=ids)
    assert main(["verify", str(problems), str(answers), "--quiet"]) == 0
    assert capsys.readouterr().out == "40 correct\nmean score 1.0000\n"
    responses(answers, load_problems(problems), wrong=10, ids=ids)
    assert main(["verify", str(problems), str(answers), "--json", "-o", str(tmp_path / "verdicts.jsonl")]) == 1
    assert json.loads(capsys.readouterr().out) == {"responses": 40, "score": 0.75, "correct": 30, "wrong": 10}
    verdicts = [json.loads(line) for line in (tmp_path / "verdicts.jsonl").read_text().splitlines()]
    assert [v["status"] for v in verdicts] == ["wrong"] * 10 + ["correct"] * 30
    assert [v["id"] for v in verdicts] == [p.id for p in load_problems(problems)]


def test_verify_says_what_is_missing(problems: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    answers = tmp_path / "answers.jsonl"
    responses(answers, load_problems(problems)[:39])
    assert main(["verify", str(problems), str(answers)]) == 2
    assert "must have a response to every problem; got none to" in capsys.readouterr().err
    responses(answers, load_problems(problems)[:39], ids=False)
    assert main(["verify", str(problems), str(answers)]) == 2
    assert "got 39 responses to 40 problems" in capsys.readouterr().err
    answers.write_text('{"answer": "7"}\n')
    assert main(["verify", str(problems), str(answers)]) == 2
    assert "line 1, field 'response', must be text" in capsys.readouterr().err


# ---------------------------------------------------------------------------------------------------------------- the rest


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["audit", "missing.jsonl"], "missing.jsonl must be a file that exists"),
        (["build", "missing.jsonl", "-o", "out.jsonl"], "missing.jsonl must be a file that exists"),
        (["build", "missing.jsonl"], "the following arguments are required: -o/--output"),
        (["frobnicate"], "invalid choice: 'frobnicate'"),
        ([], "the following arguments are required: command"),
    ],
)
def test_wrong_arguments_give_status_2_and_no_traceback(arguments: list[str], said: str, tmp_path: Path) -> None:
    done = run(*arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    ("extra", "said"),
    [
        (["--split", "train"], "--split must read NAME=SHARE"),
        (["--split", "train=0.3"], "splits must sum to 1"),
        (["--schema", "{broken"], "--schema must be a name or JSON"),
        (["--schema", "math"], "field 'problem', must be present"),
        (["--depth", "0"], "depth must be at least 1"),
        (["--depth", "99"], "pool must hold at least 99 problems"),
        (["--size", "0"], "size must be a positive integer"),
    ],
)
def test_build_explains_wrong_options(
    extra: list[str], said: str, problems: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["build", str(problems), "-o", str(problems.with_name("o.jsonl")), "--quiet", *extra]) == 2
    assert said in capsys.readouterr().err


def test_bad_rows_stop_or_are_counted(problems: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with problems.open("a") as file:
        file.write("{broken\n")
    out = str(tmp_path / "out.jsonl")
    assert main(["build", str(problems), "-o", out, "--quiet"]) == 2
    assert "line 41 must be JSON" in capsys.readouterr().err
    assert main(["build", str(problems), "-o", out, "--quiet", "--skip-bad-rows", "--candidates", "9"]) == 0
    assert "1 bad rows left out" in capsys.readouterr().err


def test_help_lists_the_commands_and_every_option_is_explained() -> None:
    done = run("--help")
    assert done.returncode == 0
    assert all(command in done.stdout for command in ("build", "audit", "verify", "stats", "Exit status"))
    for command in ("build", "audit", "verify", "stats"):
        assert run(command, "--help").returncode == 0


def test_a_closed_pipe_is_no_error(composites: Path) -> None:
    code = f"{sys.executable} -m composekit.compose stats {composites} | true"
    done = subprocess.run(["bash", "-c", f"set -o pipefail; {code}"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_line_works_without_torch(composites: Path, tmp_path: Path) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('no torch here')")
    paths = os.pathsep.join([str(tmp_path), os.environ.get("PYTHONPATH", ""), str(Path(__file__).parents[2])])
    done = run("audit", str(composites), "--quiet", env={**os.environ, "PYTHONPATH": paths})
    assert done.returncode == 0, done.stderr


# ------------------------------------------------------------------------------------------------ outputs that are not files


@pytest.mark.parametrize("command", ["build", "audit", "verify"])
def test_no_command_writes_over_its_input(
    command: str, problems: Path, composites: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    responses = tmp_path / "responses.jsonl"
    responses.write_text("".join('{"response": "7"}\n' for _ in range(30)))
    before = {path: path.read_bytes() for path in (problems, composites, responses)}
    calls = {
        "build": [["build", str(problems), "-o", str(problems), "--overwrite"]],
        "audit": [["audit", str(composites), "-o", str(composites)]],
        "verify": [["verify", str(composites), str(responses), "-o", str(path)] for path in (composites, responses)],
    }
    for call in calls[command]:
        assert main([*call, "--quiet"]) == 2
        assert "must be another file than the input" in capsys.readouterr().err
    assert {path: path.read_bytes() for path in before} == before


def test_an_output_may_be_a_pipe_and_stays_one(composites: Path, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    reader = subprocess.Popen(["cat", str(pipe)], stdout=subprocess.PIPE, text=True)
    try:
        assert main(["audit", str(composites), "-o", str(pipe), "--quiet"]) == 0
        out, _ = reader.communicate(timeout=30)
    finally:
        reader.kill()
    assert len(out.splitlines()) == 30
    assert pipe.is_fifo()


def test_a_dash_is_standard_output(composites: Path, capsys: pytest.CaptureFixture[str]) -> None:
    capsys.readouterr()
    assert main(["audit", str(composites), "-o", "-", "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert [json.loads(line)["ok"] for line in out.splitlines()] == [True] * 30
    assert err == "0 of 30 composites are defective\n"


def test_a_full_disk_behind_standard_output_is_said_without_a_traceback(composites: Path) -> None:
    with open("/dev/full", "w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "composekit.compose", "stats", str(composites)],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=120,
        )  # fmt: skip
    assert done.returncode == 2
    assert done.stderr.startswith("composekit: the output must be writable; got [Errno 28]")
    assert "Traceback" not in done.stderr


def test_a_build_that_keeps_nothing_is_no_success(problems: Path, tmp_path: Path) -> None:
    call = ["build", str(problems), "-o", str(tmp_path / "o.jsonl"), "--candidates", "5", "--quiet"]
    assert main([*call, "--decontaminate", str(problems)]) == 1
    assert (tmp_path / "o.jsonl").read_bytes() == b""


def test_new_values_reach_the_composer(tmp_path: Path) -> None:
    source, out = tmp_path / "pool.jsonl", tmp_path / "o.jsonl"
    pool = generators.arithmetic(12, seed=1)
    source.write_text("".join(json.dumps(problem.to_dict()) + "\n" for problem in pool))
    assert main(["build", str(source), "-o", str(out), "--candidates", "20", "--new-values", "--quiet"]) == 0
    assert load_problems(out) == list(Composer(pool, size=20, new_values=True))


def test_verify_reads_named_columns(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "p.csv").write_text("q;a\n6 times 7?;42\n")
    (tmp_path / "r.jsonl").write_text('{"response": "Answer: 42"}\n')
    call = ["verify", str(tmp_path / "p.csv"), str(tmp_path / "r.jsonl"), "--quiet"]
    assert main([*call, "--schema", '{"prompt": "q", "answer": "a"}', "--workers", "1"]) == 0
    assert "mean score 1.0000" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("ids", "said"),
    [
        ([0, 0, 1], "must have one response to a problem; got several to"),
        ([0, None, 1], "must have an id in every row or in none; got 2 ids in 3 rows"),
        ([0, 2, None], "must have an id in every row or in none"),
    ],
)
def test_responses_that_are_misaligned_are_refused(
    ids: list[int | None], said: str, problems: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    three, responses = tmp_path / "three.jsonl", tmp_path / "responses.jsonl"
    three.write_text("".join(problems.read_text().splitlines(keepends=True)[:3]))
    loaded = load_problems(three)
    rows = [{"response": "7"} if k is None else {"response": "7", "id": loaded[k].id} for k in ids]
    responses.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(["verify", str(three), str(responses), "--quiet"]) == 2
    assert said in capsys.readouterr().err


def test_responses_match_ids_that_are_numbers_and_leave_others_aside(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "p.jsonl").write_text('{"id": 5, "question": "6 * 7?", "answer": "42"}\n')
    rows = [{"id": 4, "response": "41"}, {"id": 5, "response": "Answer: 42"}]
    (tmp_path / "r.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert main(["verify", str(tmp_path / "p.jsonl"), str(tmp_path / "r.jsonl"), "--quiet", "--workers", "1"]) == 0
    assert "1 responses to other problems left aside" in capsys.readouterr().err


def test_no_good_row_at_all_is_an_error(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "p.jsonl").write_text('{"question": "6 * 7?"}\n')
    (tmp_path / "r.jsonl").write_text('{"id": "x", "response": "42"}\n')
    call = ["verify", str(tmp_path / "p.jsonl"), str(tmp_path / "r.jsonl"), "--skip-bad-rows", "--quiet"]
    assert main([*call, "--schema", "qa"]) == 2
    assert "must hold at least one good row" in capsys.readouterr().err


def test_a_log_is_not_filled_with_bars(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    from composekit.compose._progress import bar

    monkeypatch.setitem(sys.modules, "tqdm", None)
    tick = bar("composites")
    for done in range(1, 1001):
        tick(done, 1000)
    assert capsys.readouterr().err.count("\r") <= 2
