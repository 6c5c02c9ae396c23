# SPDX-License-Identifier: Apache-2.0
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from genima_msgs.msg import TargetTile
from sensor_msgs.msg import Image

from genima.evaluation.folder import EvaluationFolder, open_folder
from genima.evaluation.plan import EpisodeKey, EvaluationPlan
from genima.evaluation.trajectory import load_trajectory
from genima.kinematics import JOINT_NAMES
from genima.policy import Policy
from genima.spheres import sphere_poses
from genima_ros.conversions import joint_state, rgb_to_image, time_message
from genima_ros.markers import target_markers
from genima_sim_bridge.episode_runner_observer import EpisodeObserver

KEY = EpisodeKey("push_button", 7)
POLICY = Policy(image_size_px=32)
START_S = 50.0
REST = np.array([0.1, -0.3, 0.2, -2.2, 0.1, 2.0, 0.8])


class Topics:
    """Stands in for a node: hands messages to whoever has subscribed."""

    def __init__(self) -> None:
        self._callbacks: dict[str, Callable[[Any], None]] = {}
        self.complaints: list[str] = []

    def get_logger(self) -> "Topics":
        return self

    def error(self, text: str, **_: float) -> None:
        self.complaints.append(text)

    def say(self, topic: str, message: Any) -> None:
        self._callbacks[topic](message)

    def create_subscription(self, _: type, topic: str, callback: Any, qos: Any) -> None:
        self._callbacks[topic] = callback

    def joints(self, step: int, at_rest: bool = False) -> None:
        q = REST if at_rest else np.full(7, float(step))
        message = joint_state(JOINT_NAMES, q, q, START_S + 0.05 * step)
        self._callbacks["joint_states"](message)

    def image(self, camera: str, step: int) -> None:
        image = np.full((48, 64, 3), step, np.uint8)
        message = rgb_to_image(image, camera, START_S + 0.05 * step)
        self._callbacks[f"{camera}/color/image_raw"](message)

    def images(self, step: int) -> None:
        for camera in POLICY.cameras:
            self.image(camera, step)

    def tile(self, step: int, value: int) -> None:
        message = TargetTile(image=rgb_to_image(np.full((64, 64, 3), value, np.uint8), "", 0.0))
        message.header.stamp = time_message(START_S + 0.05 * step)
        self._callbacks["target_tile"](message)

    def target(self, step: int, q: Any) -> None:
        stamp_s = START_S + 0.05 * step
        self._callbacks["targets/drawn"](target_markers(sphere_poses(q), True, stamp_s, 1.0, 1.0))


@pytest.fixture
def folder(tmp_path: Path) -> EvaluationFolder:
    with open_folder(tmp_path, EvaluationPlan((KEY.task,), 1, KEY.seed)) as folder:
        return folder


@pytest.fixture
def topics() -> Topics:
    return Topics()


@pytest.fixture
def observer(topics: Topics, folder: EvaluationFolder) -> EpisodeObserver:
    return EpisodeObserver(topics, folder, POLICY, video=True)  # type: ignore[arg-type]


def frame_steps(path: Path) -> list[int]:
    with av.open(str(path)) as video:
        return [round(frame.time / POLICY.step_s) for frame in video.decode(video=0)]


def test_first_observation_counts_though_it_comes_before_the_answer_to_the_reset(
    topics: Topics, observer: EpisodeObserver, folder: EvaluationFolder
) -> None:
    topics.joints(-20)
    topics.joints(0)
    topics.images(0)
    observer.begin(KEY, "push", START_S)
    topics.joints(1)
    topics.images(1)
    assert observer.has_seen(1)
    assert observer.finish(success=True, steps=1).missed == 0
    assert load_trajectory(folder.trajectory_file(KEY))[:, 0].tolist() == [0.0, 1.0]
    assert frame_steps(folder.video_file(KEY, success=True))[:2] == [0, 1]


def test_missed_joint_states_are_counted(topics: Topics, observer: EpisodeObserver) -> None:
    observer.begin(KEY, "push", START_S)
    for step in (0, 1, 4):
        topics.joints(step)
    assert observer.finish(success=False, steps=4).missed == 2


def test_cameras_that_lag_behind_one_another_lose_no_frame(
    topics: Topics, observer: EpisodeObserver, folder: EvaluationFolder
) -> None:
    observer.begin(KEY, "push", START_S)
    *others, slow = POLICY.cameras
    for step in range(4):
        for camera in others:
            topics.image(camera, step)
        if step > 0:
            topics.image(slow, step - 1)
    observer.finish(success=False, steps=4)
    assert frame_steps(folder.video_file(KEY, success=False))[:3] == [0, 1, 2]


def test_moment_that_a_camera_missed_has_no_frame_and_delays_no_other(
    topics: Topics, observer: EpisodeObserver, folder: EvaluationFolder
) -> None:
    observer.begin(KEY, "push", START_S)
    topics.images(0)
    topics.image(POLICY.cameras[0], 1)
    topics.images(2)
    observer.finish(success=False, steps=4)
    assert frame_steps(folder.video_file(KEY, success=False))[:3] == [0, 2, 3]


def test_first_tile_of_the_episode_is_kept_as_a_picture(
    topics: Topics, observer: EpisodeObserver, folder: EvaluationFolder
) -> None:
    observer.begin(KEY, "push", START_S, keeps_tile=True)
    topics.tile(step=-20, value=1)
    assert not folder.tile_file(KEY.task).exists()
    topics.tile(step=0, value=2)
    first = folder.tile_file(KEY.task).read_bytes()
    topics.tile(step=20, value=3)
    assert folder.tile_file(KEY.task).read_bytes() == first


def test_distance_to_a_drawn_target_is_told_when_its_time_has_come(
    topics: Topics, folder: EvaluationFolder
) -> None:
    observer = EpisodeObserver(topics, folder, POLICY, False, "targets/drawn")  # type: ignore[arg-type]
    observer.begin(KEY, "push", START_S)
    for step in range(POLICY.horizon_steps + 1):
        topics.joints(step, at_rest=True)
    topics.target(0, REST + 0.02)
    topics.target(5, REST)  # its time never comes
    error = observer.finish(success=True, steps=POLICY.horizon_steps).drawn_error
    assert error.targets == 1
    assert error.joints_deg == pytest.approx(np.rad2deg(0.02), abs=1e-3)


def test_dropped_episode_leaves_nothing(
    topics: Topics, observer: EpisodeObserver, folder: EvaluationFolder
) -> None:
    observer.begin(KEY, "push", START_S)
    topics.images(0)
    observer.drop()
    topics.images(1)
    assert list((folder.path / "videos").iterdir()) == []
    assert not folder.trajectory_file(KEY).exists()


def test_what_cannot_be_used_costs_no_episode(
    topics: Topics, observer: EpisodeObserver, folder: EvaluationFolder
) -> None:
    observer.begin(KEY, "push", START_S, keeps_tile=True)
    topics.joints(0)
    topics.images(0)
    topics.say("joint_states", joint_state(["finger"], np.zeros(1), np.zeros(1), START_S))
    late = TargetTile()
    late.header.stamp = time_message(START_S)
    topics.say("target_tile", late)
    topics.say("front/color/image_raw", Image())
    for topic, complaint in zip(
        ("joint_states", "target_tile", "front/color"), topics.complaints, strict=True
    ):
        assert complaint.startswith(topic)
    assert observer.finish(success=True, steps=0).missed == 0
    assert folder.video_file(KEY, success=True).exists()


@pytest.mark.parametrize("filmed", [False, True], ids=["from the beginning", "at the end"])
def test_video_that_cannot_be_written_is_lost_without_the_episode(
    topics: Topics, observer: EpisodeObserver, folder: EvaluationFolder, filmed: bool
) -> None:
    if not filmed:
        shutil.rmtree(folder.path / "videos")
    observer.begin(KEY, "push", START_S)
    topics.joints(0)
    topics.images(0)
    if filmed:
        shutil.rmtree(folder.path / "videos")
    assert observer.has_seen(0)
    assert observer.finish(success=True, steps=0).missed == 0
    assert len(topics.complaints) == 1 and "no video of push_button 7" in topics.complaints[0]
    assert folder.trajectory_file(KEY).exists()
