# SPDX-License-Identifier: Apache-2.0
import json
import multiprocessing
import os
import resource
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console

from genima.errors import EvaluationError, InvalidParameter
from genima.evaluation.folder import EvaluationFolder, clear_finished, open_folder
from genima.evaluation.markdown import markdown_report
from genima.evaluation.plan import Agent, EpisodeKey, EvaluationPlan
from genima.evaluation.records import EpisodeRecord, Journal, read_records
from genima.evaluation.report import build_report, write_report
from genima.evaluation.terminal import ProgressDisplay, print_report
from genima.evaluation.trajectory import TrajectoryRecorder, load_trajectory, save_trajectory
from genima.evaluation.wilson import wilson_interval, wilson_interval_by_seed

PLAN = EvaluationPlan(tasks=("a", "b"), episodes=2, seed=5)


def record(task: str, seed: int, *, success: bool = True, wall_s: float = 1.0) -> EpisodeRecord:
    reason = "" if success else "max_steps"
    return EpisodeRecord(task, seed, success, 30, reason, instruction="do it", wall_s=wall_s)


@pytest.mark.parametrize(
    ("successes", "episodes", "low", "high"),
    [
        # Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
        (81, 263, 0.2553, 0.3662),
        (15, 148, 0.0624, 0.1605),
        (0, 20, 0.0, 0.1611),
        (1, 29, 0.0061, 0.1718),
        (20, 20, 0.8389, 1.0),
    ],
)
def test_wilson_interval_has_published_values(
    successes: int, episodes: int, low: float, high: float
) -> None:
    assert wilson_interval(successes, episodes) == pytest.approx((low, high), abs=5e-5)


def test_wilson_interval_without_episodes_says_nothing() -> None:
    assert wilson_interval(0, 0) == (0.0, 1.0)


def test_more_successes_than_episodes_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="3 successes of 2 episodes"):
        wilson_interval(3, 2)


def test_interval_of_several_policies_counts_a_seed_as_one_to_all_of_its_runs() -> None:
    seeds = 50
    alike = [3] * 40 + [0] * 10
    assert wilson_interval_by_seed(alike, 3) == pytest.approx(wilson_interval(40, seeds))
    apart = [2, 3, 2, 2, 3] * 10  # as if dealt out evenly
    assert wilson_interval_by_seed(apart, 3) == pytest.approx(wilson_interval(120, 3 * seeds))
    between = [3] * 35 + [2] * 5 + [1] * 5 + [0] * 5
    low, _ = wilson_interval_by_seed(between, 3)
    assert wilson_interval(40, seeds)[0] < low < wilson_interval(120, 3 * seeds)[0]
    assert wilson_interval_by_seed([1] * 40 + [0] * 10, 1) == wilson_interval(40, seeds)
    all_done = wilson_interval_by_seed([3] * seeds, 3)
    assert all_done == pytest.approx(wilson_interval(seeds, seeds))
    assert wilson_interval_by_seed([3] * 49 + [2], 3)[0] < all_done[0]
    assert wilson_interval_by_seed([], 3) == (0.0, 1.0)
    with pytest.raises(InvalidParameter, match="4 successes of 3 runs"):
        wilson_interval_by_seed([4], 3)


@pytest.mark.parametrize("alike", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("rate", [0.5, 0.9])
def test_interval_of_several_policies_holds_the_truth_as_often_as_it_says(
    alike: float, rate: float
) -> None:
    """Also where runs of a seed are alike; with all runs counted it would hold it in 74 %."""
    rng = np.random.default_rng(1)
    held = 0
    for _ in range(1000):
        of_seed = rng.random((50, 1)) < rate
        own = rng.random((50, 3)) < rate
        done = np.where(rng.random((50, 1)) < alike, of_seed, own).sum(axis=1)
        low, high = wilson_interval_by_seed(done.tolist(), 3)
        held += low <= rate <= high
    assert held >= 930


def test_journal_is_read_back_with_its_settings_in_each_line(tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"
    journal = Journal(path, PLAN)
    journal.append(record("a", 5))
    journal.append(record("a", 6, success=False))
    assert list(read_records(path).values()) == [record("a", 5), record("a", 6, success=False)]
    line = json.loads(path.read_text().splitlines()[1])
    assert line["agent"] == "oracle"
    assert line["execution_horizon"] == 20


@pytest.mark.parametrize("torn", [b'{"task": "a", "se', b"\0\0\0", b"{"])
def test_torn_last_line_is_dropped_and_overwritten(tmp_path: Path, torn: bytes) -> None:
    path = tmp_path / "episodes.jsonl"
    Journal(path, PLAN).append(record("a", 5))
    with path.open("ab") as file:
        file.write(torn)
    assert list(read_records(path)) == [EpisodeKey("a", 5)]
    Journal(path, PLAN).append(record("a", 6))
    assert list(read_records(path)) == [EpisodeKey("a", 5), EpisodeKey("a", 6)]


def test_record_for_which_the_disk_has_no_room_is_refused_and_leaves_no_torn_line(
    tmp_path: Path,
) -> None:
    path = tmp_path / "episodes.jsonl"
    journal = Journal(path, PLAN)
    journal.append(record("a", 5))
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + 20, limits[1]))
    try:
        with pytest.raises(EvaluationError, match=r"episodes\.jsonl: .*; make room on that disk"):
            journal.append(record("a", 6))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    journal.append(record("b", 5))
    assert list(read_records(path)) == [EpisodeKey("a", 5), EpisodeKey("b", 5)]


def test_line_that_is_no_record_is_named(tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"
    path.write_text('{"task": "a"}\n')
    with pytest.raises(EvaluationError, match=r"episodes\.jsonl:1 is not the record"):
        read_records(path)


def test_first_record_of_an_episode_counts(tmp_path: Path) -> None:
    path = tmp_path / "episodes.jsonl"
    journal = Journal(path, PLAN)
    journal.append(record("a", 5, success=False))
    journal.append(record("a", 5, success=True))
    assert not read_records(path)[EpisodeKey("a", 5)].success


def test_folder_goes_on_where_the_same_plan_stopped(tmp_path: Path) -> None:
    with open_folder(tmp_path / "out", PLAN) as folder:
        Journal(folder.episodes_file, PLAN).append(record("a", 5))
    with open_folder(tmp_path / "out", PLAN) as folder:
        assert folder.remaining() == PLAN.keys[1:]
        assert folder.records() == [record("a", 5)]


def test_report_of_fewer_episodes_is_gone_once_more_are_wanted(tmp_path: Path) -> None:
    with open_folder(tmp_path, PLAN) as folder:
        folder.report_file.touch()
    more = replace(PLAN, episodes=3)
    with open_folder(tmp_path, more) as folder:
        assert folder.read_plan() == more
        assert not folder.report_file.exists()
    for other in (PLAN, replace(more, seed=4, episodes=4)):
        with pytest.raises(EvaluationError, match="there and"), open_folder(tmp_path, other):
            pass


def test_folder_of_another_plan_is_refused_with_the_difference(tmp_path: Path) -> None:
    with open_folder(tmp_path, PLAN):
        pass
    other = EvaluationPlan(tasks=("a", "b"), episodes=2, seed=6)
    with (
        pytest.raises(EvaluationError, match="seed is 5 there and 6 here"),
        open_folder(tmp_path, other),
    ):
        pass


def test_folder_serves_one_evaluation_at_a_time(tmp_path: Path) -> None:
    with (
        open_folder(tmp_path, PLAN),
        pytest.raises(EvaluationError, match="another evaluation is writing"),
        open_folder(tmp_path, PLAN),
    ):
        pass


def test_folder_below_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(EvaluationError, match=r"cannot write to .*file/out"),
        open_folder(tmp_path / "file" / "out", PLAN),
    ):
        pass


def test_left_overs_of_a_killed_run_are_removed(tmp_path: Path) -> None:
    with open_folder(tmp_path, PLAN) as folder:
        folder.running_file.write_text("{}")
        folder.unfinished_video_file(PLAN.keys[0]).touch()
    with open_folder(tmp_path, PLAN) as folder:
        assert not folder.running_file.exists()
        assert not folder.unfinished_video_file(PLAN.keys[0]).exists()


def test_only_a_finished_folder_is_cleared(tmp_path: Path) -> None:
    with open_folder(tmp_path, PLAN) as folder:
        Journal(folder.episodes_file, PLAN).append(record("a", 5))
    clear_finished(tmp_path, PLAN)
    assert len(folder.records()) == 1
    folder.report_file.touch()
    folder.tile_file("a").touch()
    clear_finished(tmp_path, PLAN)
    assert folder.records() == []
    assert not folder.tile_file("a").exists()


def _write_until_killed(path: Path, ready: "multiprocessing.synchronize.Event") -> None:
    with open_folder(path, PLAN) as folder:
        journal = Journal(folder.episodes_file, PLAN)
        for key in folder.remaining()[:3]:
            journal.append(record(key.task, key.seed))
        ready.set()
        signal.pause()


def test_killed_run_leaves_what_it_finished_and_gives_the_folder_back(tmp_path: Path) -> None:
    context = multiprocessing.get_context("fork")  # spawn would import this file by name
    ready = context.Event()
    process = context.Process(target=_write_until_killed, args=(tmp_path, ready))
    process.start()
    assert ready.wait(timeout=60.0)
    assert process.pid is not None
    os.kill(process.pid, signal.SIGKILL)
    process.join()
    with open_folder(tmp_path, PLAN) as folder:
        assert folder.remaining() == (PLAN.keys[3],)


def test_report_counts_each_task() -> None:
    records = [record("a", 5), record("a", 6), record("b", 5, success=False), record("b", 6)]
    report = build_report(PLAN, records)
    assert report["tasks"]["a"]["successes"] == 2
    assert report["tasks"]["a"]["success_rate"] == 1.0
    assert report["tasks"]["b"]["wilson_95"] == list(wilson_interval(1, 2))
    assert report["tasks"]["b"]["failures"] == [{"seed": 5, "steps": 30, "reason": "max_steps"}]
    assert report["mean_success_rate"] == 0.75
    assert report["seeds"] == [5, 6]
    assert (report["agent"], report["execution_horizon"]) == ("oracle", 20)


def test_errors_are_told_apart_from_failures_of_the_agent() -> None:
    broken = EpisodeRecord("a", 5, False, 3, "error: sim_bridge ended with signal SIGKILL")
    records = [broken, record("a", 6), record("b", 5, success=False), record("b", 6)]
    report = build_report(PLAN, records)
    assert [task["errors"] for task in report["tasks"].values()] == [1, 0]
    console = Console(width=100, record=True, force_terminal=False)
    print_report(report, console)
    for text in (console.export_text(), markdown_report(report)):
        assert "errors of the suite or the simulator: 1. They" in text
    whole = build_report(PLAN, [record("a", 5), *records[1:]])
    assert "errors" not in markdown_report(whole)


def test_report_does_not_depend_on_time_nor_on_interruptions(tmp_path: Path) -> None:
    texts = []
    for run, order in (("once", PLAN.keys), ("twice", PLAN.keys[::-1])):
        with open_folder(tmp_path / run, PLAN) as folder:
            for number, key in enumerate(order):
                wall_s = 1.0 + number + len(run)
                journal = Journal(folder.episodes_file, PLAN)
                journal.append(record(key.task, key.seed, success=key.seed == 5, wall_s=wall_s))
            write_report(folder)
            texts.append(folder.report_file.read_bytes())
    assert texts[0] == texts[1]


def test_report_of_the_expert_claims_no_controller() -> None:
    plan = EvaluationPlan(tasks=("a",), episodes=1, seed=5, agent=Agent.EXPERT)
    report = build_report(plan, [record("a", 5)])
    assert report["controller"] is None
    assert report["execution_horizon"] is None


def test_terminal_shows_each_episode_the_table_and_the_failures() -> None:
    console = Console(width=100, record=True, force_terminal=False)
    failure = record("b", 5, success=False)
    with ProgressDisplay(PLAN, [record("a", 5)], console) as display:
        display.show_running([failure.key])
        display.finish(failure)
    report = build_report(PLAN, [record("a", 5), record("a", 6), failure, record("b", 6)])
    print_report(report, console)
    text = console.export_text()
    assert "2/4 b seed 5: failure (max_steps), 30 steps" in text
    assert "b seed 5, step 30: max_steps" in text
    assert "9 to 91 %" in text
    assert "75.0%" in text


def test_trajectory_has_a_row_for_each_step_and_nan_where_one_was_missed(tmp_path: Path) -> None:
    recorder = TrajectoryRecorder(start_s=10.0, step_s=0.05)
    recorder.add(np.full(7, -1.0), 9.0)
    for step in (0, 1, 3):
        recorder.add(np.full(7, float(step)), 10.0 + 0.05 * step)
    recorder.add(np.full(7, 9.0), 10.05)
    assert recorder.last_step == 3
    path = tmp_path / "a_5.npz"
    save_trajectory(path, recorder.table(3), 0.05)
    assert np.array_equal(load_trajectory(path)[:, 0], [0.0, 1.0, np.nan, 3.0], equal_nan=True)


def test_names_of_videos_tell_the_outcome() -> None:
    folder = EvaluationFolder(Path("out"))
    assert folder.video_file(EpisodeKey("a", 5), True) == Path("out/videos/a_5_success.mp4")
    assert folder.video_file(EpisodeKey("a", 5), False) == Path("out/videos/a_5_failure.mp4")
