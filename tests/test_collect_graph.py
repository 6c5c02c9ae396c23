# SPDX-License-Identifier: Apache-2.0
"""Demonstrations that the nodes and the recorder make are those of a worker, to the last bit."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from genima.data.demonstration import Demonstration
from genima.data.training_set import TrainingSet
from genima.launching.processes import descendants
from genima.recording.recording import Recording

pytestmark = pytest.mark.graph

CAMERAS = Path(__file__).parent.parent / "config" / "cameras.yaml"
#: Its gripper closes, so a command that came a step late would be seen.
TASK, SEED = "take_lid_off_saucepan", 7
LIMIT_S = 300.0


def command(out: Path, *options: str) -> list[str]:
    words = [sys.executable, "-m", "genima.cli", "collect", "--tasks", TASK, "--episodes", "1"]
    words += ["--seed", str(SEED), "--image-quality", "fast", "--cameras", str(CAMERAS)]
    return [*words, "--out", str(out), *options]


def collect(out: Path, *options: str) -> str:
    done = subprocess.run(
        command(out, *options), capture_output=True, text=True, timeout=LIMIT_S, check=False
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


def same_motion(one: Demonstration, other: Demonstration) -> None:
    for name in ("q", "dq", "q_command", "gripper_width_m"):
        np.testing.assert_allclose(
            getattr(one, name), getattr(other, name), rtol=0.0, atol=1e-9, err_msg=name
        )
    for name in ("gripper_open", "gripper_command"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), err_msg=name)


def test_joints_commands_and_images_are_the_same(direct: Demonstration, through_ros: Path) -> None:
    recorded = TrainingSet.open(through_ros).load(TASK, 0)
    assert len(recorded) == len(direct)
    same_motion(recorded, direct)
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
    same_motion(TrainingSet.open(through_ros).load(TASK, 0), direct)


@pytest.mark.parametrize("victim", ["recorder_node", "sim_bridge_node"])
def test_node_that_is_killed_costs_nothing_but_time(
    direct: Demonstration, tmp_path: Path, victim: str
) -> None:
    out = tmp_path / "set"
    takes = out / "recordings" / "episodes"
    with subprocess.Popen(command(out, "--through-ros"), stdout=subprocess.DEVNULL) as process:
        deadline_s = time.monotonic() + LIMIT_S
        while not any(
            file.stat().st_size > 5_000_000 for file in takes.glob("take_*.part/*.mcap")
        ):
            assert process.poll() is None
            assert time.monotonic() < deadline_s
        os.kill(node(process.pid, victim), signal.SIGKILL)
        assert process.wait(timeout=LIMIT_S) == 0
    same_motion(TrainingSet.open(out).load(TASK, 0), direct)
    episodes = Recording.open(takes).episodes()
    assert [episode.info.success for episode in episodes][-1] is True


def node(root: int, name: str) -> int:
    """Process id of a node below `root`."""
    for pid in descendants(root):
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        if any(word.endswith(name.encode()) for word in words[:2]):
            return pid
    raise AssertionError(f"no {name} runs")
