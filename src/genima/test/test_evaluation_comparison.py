# SPDX-License-Identifier: Apache-2.0
"""Evaluations of the same episodes side by side, as `genima compare` shows them."""

from dataclasses import replace
from pathlib import Path

import pytest

from genima.errors import InvalidParameter
from genima.evaluation.checkpoints import CHECKPOINTS_FILE
from genima.evaluation.comparison import read_evaluations
from genima.evaluation.factor_plot import factor_plot
from genima.evaluation.folder import EvaluationFolder, open_folder
from genima.evaluation.mcnemar import mcnemar_p
from genima.evaluation.plan import Agent, EpisodeKey, EvaluationPlan
from genima.evaluation.records import EpisodeRecord, Journal
from genima.evaluation.report import write_report
from genima.sim.scenery import Factor, Poses

from .cli_cases import Run, genima

PLAN = EvaluationPlan(tasks=("push_button", "open_drawer"), episodes=8, seed=100)


def finished(
    path: Path,
    plan: EvaluationPlan,
    failed: set[EpisodeKey] | None = None,
    second: set[EpisodeKey] | None = None,
) -> Path:
    """A folder of an evaluation in which episodes have failed, or had the seed's second scene."""
    with open_folder(path, plan) as folder:
        journal = Journal(folder.episodes_file, plan)
        for key in plan.keys:
            success = key not in (failed or set())
            reason = "" if success else "max_steps"
            scene = int(key in (second or set()))
            journal.append(EpisodeRecord(key.task, key.seed, success, 30, reason, scene=scene))
    return path


def compare(*folders: object) -> Run:
    return genima("compare", *folders)


def refusal(*folders: object) -> str:
    done = compare(*folders)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.count("\n") == 1 and "Traceback" not in done.stderr
    return done.stderr


@pytest.mark.parametrize(
    ("only_first", "only_second", "p"),
    [
        (0, 0, 1.0),
        (5, 5, 1.0),
        (1, 0, 1.0),
        (6, 0, 2 / 64),
        (0, 6, 2 / 64),
        (2, 8, 2 * (1 + 10 + 45) / 1024),
        (121, 59, 4.434e-06),  # Agresti, Categorical Data Analysis: 101, 121, 59, 33
    ],
)
def test_mcnemar_counts_the_tail_of_the_binomial(
    only_first: int, only_second: int, p: float
) -> None:
    assert mcnemar_p(only_first, only_second) == pytest.approx(p, rel=1e-3)


def test_mcnemar_refuses_negative_counts() -> None:
    with pytest.raises(InvalidParameter, match="neither can be negative"):
        mcnemar_p(-1, 3)


def test_comparison_pairs_the_same_episodes(tmp_path: Path) -> None:
    first = finished(tmp_path / "oracle", PLAN, {EpisodeKey("push_button", 100)})
    lost = {EpisodeKey("open_drawer", seed) for seed in range(100, 106)}
    second = finished(tmp_path / "blank", replace(PLAN, agent=Agent.BLANK), lost)
    done = compare(first, second)
    assert done.returncode == 0, done.stderr
    rows = {}
    for line in done.stdout.splitlines():
        if "│" in line:
            name, *cells = (cell.strip() for cell in line.split("│")[1:-1])
            rows[name] = cells
    assert rows["push_button"] == ["8", "7  88%", "8 100%", "+1 -0", "1.000"]
    assert rows["open_drawer"] == ["8", "8 100%", "2  25%", "+0 -6", "0.031"]
    assert rows["all"] == ["16", "15  94%", "10  62%", "+1 -6", "0.125"]
    assert "blank against oracle:" in done.stdout
    assert "settings: agent is blank there and oracle here" in done.stdout
    assert "gained: push_button 100\n" in done.stdout
    assert "lost: open_drawer 100, open_drawer 101" in done.stdout


def test_pairs_of_different_scenes_are_pointed_out(tmp_path: Path) -> None:
    """RLBench's planner is not seeded: which of a seed's scenes it can do is partly chance."""
    first = finished(tmp_path / "a", PLAN, second={PLAN.keys[3], PLAN.keys[5]})
    done = compare(first, finished(tmp_path / "b", PLAN, second={PLAN.keys[5]}))
    assert "not the same scenes: push_button 103; RLBench's planner" in done.stdout
    assert (
        "not the same"
        not in compare(
            first, finished(tmp_path / "c", PLAN, set(), {PLAN.keys[3], PLAN.keys[5]})
        ).stdout
    )


def test_errors_of_the_suite_are_pointed_out_in_either(tmp_path: Path) -> None:
    whole, broken = finished(tmp_path / "a", PLAN), tmp_path / "b"
    finished(broken, PLAN, {PLAN.keys[2]})
    assert "errors of the suite" not in compare(whole, broken).stdout
    journal = EvaluationFolder(broken).episodes_file
    journal.write_text(journal.read_text().replace('max_steps", "inst', 'error: x", "inst'))
    for folders in ((whole, broken), (broken, whole)):
        said = compare(*folders).stdout
        assert "errors of the suite or the simulator in one: push_button 102\n" in said


def test_folders_of_the_same_name_are_told_apart(tmp_path: Path) -> None:
    done = compare(finished(tmp_path / "a" / "x", PLAN), finished(tmp_path / "b" / "x", PLAN))
    assert "settings: the same" in done.stdout
    assert "b/x against" in done.stdout


def test_what_cannot_be_compared_is_refused_with_a_sentence(tmp_path: Path) -> None:
    first = finished(tmp_path / "first", PLAN)
    assert "1 folders to compare" in refusal(first)
    assert "is named twice" in refusal(first, first)
    assert "nowhere is no folder of an evaluation" in refusal(first, tmp_path / "nowhere")
    other = finished(tmp_path / "other", replace(PLAN, seed=7))
    assert "holds other episodes" in refusal(first, other)
    assert "seed is 7 there and 100 here" in refusal(first, other)
    with open_folder(tmp_path / "begun", PLAN):
        pass
    assert "0 of 16 episodes; finish it with genima eval --resume" in refusal(
        first, tmp_path / "begun"
    )
    (tmp_path / "several").mkdir()
    (tmp_path / "several" / CHECKPOINTS_FILE).write_text("[]")
    assert "compare the folders in it" in refusal(first, tmp_path / "several")


def test_plot_has_a_bar_for_each_factor_and_agent(tmp_path: Path) -> None:
    failed = set(PLAN.keys[:4])
    light, both = (Factor.LIGHT,), (Factor.LIGHT, Factor.CAMERA_POSE)
    folders = [
        finished(tmp_path / "plain", PLAN),
        finished(tmp_path / "light", replace(PLAN, perturb=light), failed),
        finished(tmp_path / "blank", replace(PLAN, agent=Agent.BLANK, perturb=light), failed),
        finished(tmp_path / "both", replace(PLAN, perturb=both)),
    ]
    axes = factor_plot(read_evaluations(folders)).axes[0]
    names = [label.get_text() for label in axes.get_xticklabels()]
    assert names == ["none", "light", "light +\ncamera\npose"]
    bars = [bar for bar in axes.patches if bar.get_width() > 0]
    assert sorted(round(bar.get_height()) for bar in bars) == [75, 75, 100, 100]

    done = compare(*folders[:2], "--plot", tmp_path / "factors.png")
    assert done.returncode == 0 and "perturb is light there and none here" in done.stdout
    assert (tmp_path / "factors.png").stat().st_size > 5000
    again = finished(tmp_path / "again", PLAN)
    assert (
        "both hold oracle + geometric perturbed by none; plot one of them"
        in compare(folders[0], again, "--plot", tmp_path / "x.png").stderr
    )
    with_grid = finished(tmp_path / "grid", replace(PLAN, poses=Poses.GRID))
    assert "poses is grid there and random here" in refusal(folders[0], with_grid)


def test_grid_of_poses_is_drawn_with_its_report(tmp_path: Path) -> None:
    plan = replace(PLAN, tasks=("push_button",), poses=Poses.GRID)
    finished(tmp_path / "grid", plan)
    with open_folder(tmp_path / "grid", plan) as folder:
        assert write_report(folder)["poses"] == "grid"
        assert folder.plot_file("workspace").stat().st_size > 5000
        assert not (tmp_path / "grid" / "plots" / "drawn_error.png").exists()
