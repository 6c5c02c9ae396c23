# SPDX-License-Identifier: Apache-2.0
"""Parts of an evaluation that other computers run, and what they bring back."""

from pathlib import Path

import pytest

from genima.errors import EvaluationError, InvalidParameter
from genima.evaluation.folder import open_folder
from genima.evaluation.means import Means
from genima.evaluation.plan import EpisodeKey, EvaluationPlan, Pacing
from genima.evaluation.records import EpisodeRecord
from genima.evaluation.unit import Bundle, take_in, units_of

from .cli_cases import genima

PLAN = EvaluationPlan(tasks=("a", "b"), episodes=7, seed=10)


def test_units_are_a_few_seeds_of_one_task_in_a_row() -> None:
    left_over = [key for key in PLAN.keys if key != EpisodeKey("b", 12)]
    units = list(units_of(PLAN, left_over))
    assert [(*unit.tasks, unit.seed, unit.episodes) for unit in units] == [
        ("a", 10, 5),
        ("a", 15, 2),
        ("b", 10, 2),
        ("b", 13, 4),
    ]
    assert [key for unit in units for key in unit.keys] == left_over
    assert list(units_of(PLAN, [])) == []


def test_bundle_is_put_where_own_episodes_would_have_put_it(tmp_path: Path) -> None:
    with open_folder(tmp_path, PLAN) as folder:
        for seed, content in ((15, b"other"), (10, b"first")):
            record = EpisodeRecord("a", seed, True, 30, "")
            files = {f"trajectories/a_{seed}.npz": content, "tiles/a.png": content}
            take_in(folder, PLAN, Bundle((record,), files))
        assert [record.seed for record in folder.records()] == [10, 15]
        assert folder.trajectory_file(EpisodeKey("a", 15)).read_bytes() == b"other"
        assert folder.tile_file("a").read_bytes() == b"first"


def test_impossible_means_are_refused() -> None:
    with pytest.raises(InvalidParameter, match="workers is 0; give 1 to 31"):
        Means(workers=0)
    with pytest.raises(InvalidParameter, match="leave --workers out"):
        Means(workers=2, ray="local")
    realtime = EvaluationPlan(("a",), 1, pacing=Pacing.REALTIME)
    for means in (Means(workers=2), Means(ray="local")):
        with pytest.raises(InvalidParameter, match="needs the computer for itself"):
            means.require_fit(realtime)


def test_policy_that_has_changed_since_is_refused(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("{}")
    plan = EvaluationPlan(("a",), 1, policy=str(tmp_path), weights="of another training")
    with pytest.raises(EvaluationError, match="not those that the evaluation began with"):
        Means().require_fit(plan)


@pytest.mark.parametrize(
    ("address", "why"), [("127.0.0.1:1", "refused"), ("nowhere", "HOST:PORT"), ("host:x", "x")]
)
def test_cluster_that_is_not_there_is_said_so_at_once(
    tmp_path: Path, address: str, why: str
) -> None:
    pytest.importorskip("ray", reason="ray is an extra: pip install 'genima[ray]'")
    words = ("--tasks", "push_button", "--agent", "expert", "--out", tmp_path / "out")
    done = genima("eval", *words, "--ray", address)
    assert done.returncode == 2 and done.stderr.count("\n") == 1
    assert f"no Ray cluster can be used at {address!r}" in done.stderr and why in done.stderr


def test_ray_brings_back_what_a_run_here_gives(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="ray is an extra: pip install 'genima[ray]'")
    words = ("--tasks", "push_button", "--agent", "expert", "--episodes", 2, "--seed", 100_000)
    reports = []
    for name, how in (("here", ()), ("ray", ("--ray", "local"))):
        done = genima("eval", *words, *how, "--out", tmp_path / name)
        assert done.returncode == 0, done.stderr
        files = sorted((tmp_path / name / "trajectories").glob("*.npz"))
        report = tmp_path / name / "report.json"
        reports.append([path.read_bytes() for path in (report, *files)])
    assert len(reports[0]) == 3 and reports[0] == reports[1]
