# SPDX-License-Identifier: Apache-2.0
"""`genima eval` of several checkpoints, and after kills, with the expert: the quickest agent."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from genima.evaluation.folder import EvaluationFolder
from genima.evaluation.records import EpisodeRecord

from .cli_cases import Run, genima

PLAN = ("--tasks", "push_button", "--agent", "expert", "--episodes", 3, "--seed", 100_000)


def evaluate(out: Path, *words: object) -> Run:
    return genima("eval", "--out", out, *words)


def refusal(out: Path, *words: object) -> str:
    done = evaluate(out, *words)
    assert done.returncode == 2 and "Traceback" not in done.stderr
    assert done.stderr.count("\n") == 1
    return done.stderr


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> EvaluationFolder:
    """An evaluation that nobody has interrupted."""
    out = tmp_path_factory.mktemp("eval") / "whole"
    done = evaluate(out, *PLAN)
    assert done.returncode == 0, done.stderr
    return EvaluationFolder(out)


@pytest.fixture(scope="module")
def averaged(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """Two checkpoints, and the words for `--policy`; the second one's episodes were run before."""
    root = tmp_path_factory.mktemp("checkpoints")
    for name in ("step_1", "step_2"):
        (root / name).mkdir()
        (root / name / "policy.yaml").write_text(f"# {name}\n")
    policies = f"{root / 'step_1'},{root / 'step_2'}"
    done = evaluate(root / "out", *PLAN, "--policy", policies)
    assert done.returncode == 0, done.stderr
    return root / "out", policies


def without_time(folder: EvaluationFolder) -> list[EpisodeRecord]:
    return [EpisodeRecord(**(vars(record) | {"wall_s": 0.0})) for record in folder.records()]


def killed(out: Path, episodes: int, words: tuple[object, ...]) -> None:
    """Kill an evaluation as soon as so many episodes are on the disk."""
    command = [sys.executable, "-m", "genima.cli", "eval", "--out", str(out), *map(str, words)]
    folder = EvaluationFolder(out)
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while not folder.plan_file.exists() or len(folder.records()) < episodes:
            assert process.poll() is None
            os.sched_yield()
        process.send_signal(signal.SIGKILL)


def test_killed_evaluation_that_goes_on_gives_the_report_of_an_unbroken_one(
    whole: EvaluationFolder, tmp_path: Path
) -> None:
    folder = EvaluationFolder(tmp_path / "out")
    killed(folder.path, 0, PLAN)
    killed(folder.path, 1, ("--resume",))
    assert not folder.report_file.exists()
    done = evaluate(folder.path, "--resume", "--workers", 2)
    assert done.returncode == 0, done.stderr
    assert folder.report_file.read_bytes() == whole.report_file.read_bytes()
    assert folder.table_file.read_bytes() == whole.table_file.read_bytes()
    assert without_time(folder) == without_time(whole)
    for key in whole.read_plan().keys:
        theirs = whole.trajectory_file(key).read_bytes()
        assert folder.trajectory_file(key).read_bytes() == theirs


def test_finished_evaluation_that_gets_more_episodes_gives_the_report_of_a_long_one(
    whole: EvaluationFolder, tmp_path: Path
) -> None:
    folder = EvaluationFolder(tmp_path / "out")
    assert evaluate(folder.path, *PLAN, "--episodes", 1).returncode == 0
    (first,) = folder.records()
    done = evaluate(folder.path, "--resume", "--episodes", 3)
    assert done.returncode == 0, done.stderr
    assert folder.records()[0] == first  # it was not run again
    assert without_time(folder) == without_time(whole)
    assert folder.report_file.read_bytes() == whole.report_file.read_bytes()
    assert folder.table_file.read_bytes() == whole.table_file.read_bytes()
    fewer = refusal(folder.path, "--resume", "--episodes", 2)
    assert "episodes is 3 there and 2 here" in fewer


def test_checkpoints_are_averaged(averaged: tuple[Path, str]) -> None:
    out, _ = averaged
    report = json.loads((out / "report.json").read_text())
    task = report["tasks"]["push_button"]
    assert (task["successes"], task["episodes"]) == (6, 6)
    names = [Path(checkpoint["policy"]).name for checkpoint in report["checkpoints"]]
    assert names == ["step_1", "step_2"]
    for checkpoint in report["checkpoints"]:
        own = json.loads((out / checkpoint["folder"] / "report.json").read_text())
        assert own["tasks"]["push_button"]["episodes"] == 3
        assert own["mean_success_rate"] == checkpoint["mean_success_rate"]
    table = (out / "report.md").read_text()
    assert "| push_button | 6 of 6 |" in table and "Mean over 2 checkpoints" in table


def test_mean_is_over_the_rates_of_the_checkpoints(averaged: tuple[Path, str]) -> None:
    out, policies = averaged
    first = EvaluationFolder(out / "1_step_1")
    text = first.episodes_file.read_text()
    try:  # as if the first checkpoint had failed at one of its three
        first.episodes_file.write_text(text.replace('"success": true', '"success": false', 1))
        assert evaluate(out, *PLAN, "--policy", policies).returncode == 0
        report = json.loads((out / "report.json").read_text())
    finally:
        first.episodes_file.write_text(text)
    assert report["mean_success_rate"] == pytest.approx((2 / 3 + 1) / 2)


def test_several_checkpoints_go_on_by_resume_alone_also_with_more_episodes(
    averaged: tuple[Path, str],
) -> None:
    out, _ = averaged
    (out / "report.json").unlink()
    assert evaluate(out, "--resume").returncode == 0
    assert (out / "report.json").exists()
    assert evaluate(out, "--resume", "--episodes", 4).returncode == 0
    report = json.loads((out / "report.json").read_text())
    assert report["tasks"]["push_button"]["episodes"] == 8


def test_folders_of_one_policy_and_of_several_are_not_mixed(
    whole: EvaluationFolder, averaged: tuple[Path, str]
) -> None:
    out, policies = averaged
    assert "of several checkpoints; name another folder" in refusal(out, *PLAN)
    assert "of one policy; name another folder" in refusal(whole.path, *PLAN, "--policy", policies)
    first, second = policies.split(",")
    other = refusal(out, *PLAN, "--policy", f"{second},{first}")
    assert "holds another evaluation, of" in other and "--resume" in other


def test_words_that_make_no_plan_are_refused_with_a_sentence(
    whole: EvaluationFolder, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    assert "no task is named" in refusal(out)
    assert "holds no evaluation that could go on" in refusal(out, "--resume")
    assert "leave --seed out" in refusal(whole.path, "--resume", "--seed", 3)
    assert "agent is 'dog'" in refusal(out, "--tasks", "a", "--agent", "dog")
    assert "twice" in refusal(out, "--tasks", "a", "--policy", "x,x")
    assert "is no policy folder" in refusal(out, "--tasks", "a", "--policy", "x,y")
    assert "there is no task 'juggle'" in refusal(out, "--tasks", "juggle")
    assert not out.exists()
