# SPDX-License-Identifier: Apache-2.0
"""Records what happens in an episode: joint positions, drawn targets, a tile, and a video."""

from dataclasses import dataclass, field
from functools import partial

import cv2
import numpy as np
from genima_msgs.msg import TargetTile
from rclpy.node import Node
from sensor_msgs.msg import Image, JointState
from visualization_msgs.msg import MarkerArray

from genima.arrays import Array, Float, UInt8
from genima.cameras import square_image
from genima.errors import GenimaError
from genima.evaluation.drawn_targets import DrawnError, DrawnTargets
from genima.evaluation.folder import EvaluationFolder
from genima.evaluation.plan import EpisodeKey
from genima.evaluation.trajectory import TrajectoryRecorder, save_trajectory
from genima.kinematics import JOINT_NAMES
from genima.policy import Policy
from genima_ros.conversions import image_to_rgb, joint_positions, seconds
from genima_ros.markers import shown_target
from genima_ros.qos import LATCHED, RECORDING
from genima_sim_bridge.episode_runner_film import EpisodeFilm

#: Moments of which pictures are kept until those of slower cameras arrive.
_MOST_MOMENTS = 16
#: How often complaints are repeated [s].
_COMPLAIN_EVERY_S = 5.0


@dataclass
class _Recording:
    """What has been gathered of one episode."""

    key: EpisodeKey
    start_s: float
    keeps_tile: bool
    joints: TrajectoryRecorder
    targets: DrawnTargets
    film: EpisodeFilm | None
    tile: UInt8[Array, "t t 3"] | None = None


@dataclass(frozen=True)
class Observed:
    """What a recording amounts to.

    Attributes:
        missed: Joint states that did not come.
        drawn_error: How far the arm was from its targets.
    """

    missed: int = 0
    drawn_error: DrawnError = field(default_factory=DrawnError)


class EpisodeObserver:
    """Subscribes to joint states, targets, tiles and, for videos, to the cameras.

    What cannot be used is complained of and left out; no episode is lost for it.

    Args:
        node: Subscribes.
        folder: Where recordings go.
        policy: Names the cameras and the length of a step.
        video: Whether episodes are filmed.
        targets_topic: Markers of the drawn targets; empty if there are none.
    """

    def __init__(
        self,
        node: Node,
        folder: EvaluationFolder,
        policy: Policy,
        video: bool,
        targets_topic: str = "",
    ) -> None:
        self._node = node
        self._folder = folder
        self._policy = policy
        self._films = video
        # Pictures by stamp, of which some cameras' are still missing.
        self._moments: dict[float, dict[str, UInt8[Array, "s s 3"]]] = {}
        # An episode's first joint state may come before the answer that tells of the reset.
        self._newest_joints: tuple[float, Float[Array, "7"]] | None = None
        self._recording: _Recording | None = None
        node.create_subscription(JointState, "joint_states", self._on_joint_state, RECORDING)
        node.create_subscription(TargetTile, "target_tile", self._on_tile, RECORDING)
        if targets_topic:
            node.create_subscription(MarkerArray, targets_topic, self._on_targets, LATCHED)
        for name in policy.cameras if video else ():
            topic = f"{name}/color/image_raw"
            node.create_subscription(Image, topic, partial(self._on_image, name), RECORDING)

    def begin(
        self, key: EpisodeKey, instruction: str, start_s: float, keeps_tile: bool = False
    ) -> None:
        """Begin to record an episode whose first state is stamped `start_s`.

        Args:
            key: Which episode.
            instruction: What the arm is told.
            start_s: Stamp of the first state [s].
            keeps_tile: Whether its first tile becomes the picture of the task.
        """
        step_s = self._policy.step_s
        film = (key, instruction, self._node.get_logger().error)
        recording = self._recording = _Recording(
            key=key,
            start_s=start_s,
            keeps_tile=keeps_tile,
            joints=TrajectoryRecorder(start_s, step_s),
            targets=DrawnTargets(start_s, step_s, self._policy.horizon_steps),
            film=EpisodeFilm(self._folder, self._policy, *film) if self._films else None,
        )
        if self._newest_joints is not None:
            stamp_s, q = self._newest_joints
            recording.joints.add(q, stamp_s)
        self._film()

    @property
    def last_step(self) -> int:
        """The latest policy step that was seen; -1 without an episode."""
        return self._recording.joints.last_step if self._recording is not None else -1

    def has_seen(self, step: int) -> bool:
        """Whether all that is recorded has come up to a step."""
        recording = self._recording
        if recording is None:
            return True
        filmed = recording.film is None or recording.film.has_shown(step)
        return recording.joints.last_step >= step and filmed

    def finish(self, success: bool, steps: int) -> Observed:
        """Write the recordings of an episode."""
        recording, self._recording = self._recording, None
        if recording is None:
            return Observed()
        table = recording.joints.table(steps)
        save_trajectory(self._folder.trajectory_file(recording.key), table, self._policy.step_s)
        if recording.film is not None:
            recording.film.finish(recording.tile, success)
        missed = int(np.isnan(table).any(axis=1).sum())
        return Observed(missed, recording.targets.error(table))

    def drop(self) -> None:
        """Forget an episode that is not finished."""
        recording, self._recording = self._recording, None
        if recording is not None and recording.film is not None:
            recording.film.drop()

    def _complain(self, text: str) -> None:
        self._node.get_logger().error(text, throttle_duration_sec=_COMPLAIN_EVERY_S)

    def _on_joint_state(self, message: JointState) -> None:
        try:
            stamp_s, q = seconds(message.header.stamp), joint_positions(message, JOINT_NAMES)
        except GenimaError as error:
            self._complain(f"joint_states: {error}")
            return
        self._newest_joints = stamp_s, q
        if self._recording is not None:
            self._recording.joints.add(q, stamp_s)

    def _on_targets(self, message: MarkerArray) -> None:
        try:
            target = shown_target(message)
        except ValueError as error:
            self._complain(f"drawn targets: {error}")
            return
        if target is not None and self._recording is not None:
            self._recording.targets.add(target.q, target.stamp_s)

    def _on_tile(self, message: TargetTile) -> None:
        recording = self._recording
        if recording is None or seconds(message.header.stamp) < recording.start_s - 1e-6:
            return
        try:
            recording.tile = image_to_rgb(message.image)
        except GenimaError as error:
            self._complain(f"target_tile: {error}")
            return
        if recording.keeps_tile:
            path = self._folder.tile_file(recording.key.task)
            cv2.imwrite(str(path), recording.tile[:, :, ::-1])
            recording.keeps_tile = False

    def _on_image(self, camera: str, message: Image) -> None:
        try:
            image = square_image(image_to_rgb(message), self._policy.image_size_px)
        except GenimaError as error:
            self._complain(f"{camera}/color/image_raw: {error}")
            return
        self._moments.setdefault(seconds(message.header.stamp), {})[camera] = image
        while len(self._moments) > _MOST_MOMENTS:
            del self._moments[min(self._moments)]
        self._film()

    def _film(self) -> None:
        """Add a frame to the video for each moment of which all cameras have sent a picture."""
        recording = self._recording
        if recording is None or recording.film is None:
            return
        complete = [
            s for s, views in self._moments.items() if len(views) == len(self._policy.cameras)
        ]
        for stamp_s in sorted(complete):
            views = self._moments.pop(stamp_s)
            step = round((stamp_s - recording.start_s) / self._policy.step_s)
            recording.film.show(views, recording.tile, step)
