# SPDX-License-Identifier: Apache-2.0
"""Demonstrations that the nodes and the recorder make are those of a worker, to the last bit."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from genima.data.demonstration import Demonstration
from genima.data.training_set import TrainingSet
from genima.recording.recording import Recording

pytestmark = pytest.mark.graph

CAMERAS = Path(__file__).parent.parent / "config" / "cameras.yaml"
#: Its gripper closes, so a command that came a step late would be seen.
TASK, SEED = "take_lid_off_saucepan", 7
LIMIT_S = 300.0


def collect(out: Path, *options: str) -> str:
    words = [sys.executable, "-m", "genima.cli", "collect", "--tasks", TASK, "--episodes", "1"]
    words += ["--seed", str(SEED), "--image-quality", "fast", "--cameras", str(CAMERAS)]
    done = subprocess.run(
        [*words, "--out", str(out), *options],
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def direct(tmp_path_factory: pytest.TempPathFactory) -> Demonstration:
    out = tmp_path_factory.mktemp("direct") / "set"
    collect(out)
    return TrainingSet.open(out).load(TASK, 0)


@pytest.fixture(scope="module")
def through_ros(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("ros") / "set"
    collect(out, "--through-ros")
    return out


def test_joints_commands_and_images_are_the_same(direct: Demonstration, through_ros: Path) -> None:
    recorded = TrainingSet.open(through_ros).load(TASK, 0)
    assert len(recorded) == len(direct)
    for name in ("q", "dq", "q_command", "gripper_width_m"):
        np.testing.assert_allclose(
            getattr(recorded, name), getattr(direct, name), rtol=0.0, atol=1e-9, err_msg=name
        )
    for name in ("gripper_open", "gripper_command"):
        np.testing.assert_array_equal(getattr(recorded, name), getattr(direct, name), err_msg=name)
    assert not direct.gripper_command.all()
    for camera, frames in direct.images.items():
        for t in range(len(direct)):
            np.testing.assert_array_equal(recorded.images[camera][t], frames[t])
    assert (recorded.seed, recorded.success) == (SEED, True)
    assert recorded.descriptions == direct.descriptions
    assert np.ptp(np.diff(recorded.stamps_s)) < 1e-6


def test_recording_is_kept_and_lost_nothing(through_ros: Path, direct: Demonstration) -> None:
    (episode,) = Recording.open(through_ros / "recordings" / "episodes").episodes()
    assert episode.info.success is True
    assert episode.info.task == TASK
    assert {name: info.lost for name, info in episode.info.streams.items() if info.lost} == {}
    trajectories = list(episode.messages(["/joint_trajectory"]))
    stamps = {message.publish_time_ns for message in trajectories}
    assert len(stamps) == len(direct) - 1


def test_finished_collection_starts_no_nodes(through_ros: Path) -> None:
    said = collect(through_ros, "--through-ros")
    assert f"training set: {through_ros}" in said
    assert "episode 0" not in said


def test_recording_whose_import_was_killed_is_imported_and_not_made_again(
    direct: Demonstration, through_ros: Path
) -> None:
    log = through_ros / "recordings" / "graph.log"
    before = log.read_bytes()
    episode = TrainingSet.open(through_ros).folder(TASK, 0)
    episode.rename(episode.with_name(f".{episode.name}.part"))
    assert f"1/1 {TASK} episode 0: seed {SEED}" in collect(through_ros, "--through-ros")
    assert log.read_bytes() == before
    np.testing.assert_array_equal(TrainingSet.open(through_ros).load(TASK, 0).q, direct.q)
