# SPDX-License-Identifier: Apache-2.0
"""How far an arm is from its drawn targets, and how reports show it."""

import json
from pathlib import Path

import numpy as np
import pytest

from genima.evaluation.drawn_targets import DrawnError, DrawnTargets
from genima.evaluation.folder import open_folder
from genima.evaluation.plan import EpisodeKey, EvaluationPlan
from genima.evaluation.records import EpisodeRecord, Journal
from genima.evaluation.report import write_report
from genima.kinematics import base_T_tcp

Q = np.array([0.0, -0.3, 0.0, -2.2, 0.0, 2.0, 0.8])
PLAN = EvaluationPlan(tasks=("push_button", "juggle"), episodes=2, seed=5)


def targets() -> DrawnTargets:
    return DrawnTargets(start_s=10.0, step_s=0.05, horizon_steps=20)


def test_target_is_compared_with_where_the_arm_is_when_its_time_has_come() -> None:
    drawn = targets()
    drawn.add(Q + 0.01, stamp_s=10.1)  # due at step 22
    q = np.tile(Q + 1.0, (30, 1))
    q[22] = Q
    error = drawn.error(q)
    assert error.targets == 1
    assert error.joints_deg == pytest.approx(np.rad2deg(0.01), abs=1e-4)
    apart_m = np.linalg.norm(base_T_tcp(Q + 0.01)[:3, 3] - base_T_tcp(Q)[:3, 3])
    assert error.tip_mm == pytest.approx(1e3 * apart_m, abs=1e-4)


def test_targets_of_other_episodes_unreached_ones_and_missed_states_do_not_count() -> None:
    drawn = targets()
    drawn.add(Q, stamp_s=9.0)
    drawn.add(Q, stamp_s=10.0)  # due at step 20, at which no joint state came
    drawn.add(Q, stamp_s=11.0)  # due at step 40, after the end
    q = np.tile(Q, (31, 1))
    q[20] = np.nan
    assert drawn.error(q) == DrawnError()


def test_report_shows_errors_and_intervals_beside_the_paper(tmp_path: Path) -> None:
    errors = {"push_button": [(3, 1.0, 5.0), (1, 2.0, 9.0)], "juggle": [(0, None, None)] * 2}
    with open_folder(tmp_path, PLAN) as folder:
        journal = Journal(folder.episodes_file, PLAN)
        for task, of_task in errors.items():
            for seed, (reached, deg, mm) in enumerate(of_task, start=5):
                journal.append(
                    EpisodeRecord(
                        task,
                        seed,
                        success=seed == 5,
                        steps=30,
                        reason="",
                        targets_reached=reached,
                        drawn_error_deg=deg,
                        drawn_error_mm=mm,
                    )
                )
        write_report(folder)
        tasks = json.loads(folder.report_file.read_text())["tasks"]
        assert (tasks["push_button"]["drawn_error_deg"], tasks["juggle"]["drawn_error_mm"]) == (
            1.25,
            None,
        )
        table = folder.table_file.read_text()
        assert (
            "| push_button | 1 of 2 | 50.0% | 9.5% to 90.5% | 30 | 1.25 deg, 6.0 mm | 76.7% |"
            in (table)
        )
        assert "| juggle | 1 of 2 | 50.0% | 9.5% to 90.5% | 30 | - | - |" in table
        assert "| **mean** | | **50.0%** | | | | 76.7% |" in table
        assert "CoRL 2024, Table 1" in table
        for name in ("success", "drawn_error"):
            assert folder.plot_file(name).read_bytes().startswith(b"\x89PNG")


def test_episode_is_taken_once_and_again_after_its_release(tmp_path: Path) -> None:
    with open_folder(tmp_path, PLAN) as folder:
        key = folder.take_next()
        assert key == EpisodeKey("push_button", 5)
        assert folder.take_next() == EpisodeKey("push_button", 6)
        assert not folder.claims.take(EpisodeKey("push_button", 5), worker=1)
        assert folder.claims.of(0) == set(PLAN.keys[:2]) and folder.claims.of(1) == set()
        folder.claims.release(EpisodeKey("push_button", 5))
        assert folder.take_next() == EpisodeKey("push_button", 5)
    with open_folder(tmp_path, PLAN) as folder:  # whoever had them is gone
        assert folder.take_next() == EpisodeKey("push_button", 5)
