# SPDX-License-Identifier: Apache-2.0
"""What is around a node while it is fuzzed: good messages, and an arm that does what it is told.

Every joint trajectory that a node sends is checked on its way: names, numbers, limits.
"""

import time
from collections import deque
from pathlib import Path
from typing import Any

import numpy as np
from genima_msgs.msg import DriverStatus, EmergencyStop, GripperCommand, TargetRequest
from sensor_msgs.msg import CameraInfo, Image, JointState
from std_msgs.msg import Float32, String
from trajectory_msgs.msg import JointTrajectory

from genima.cameras import load_rig
from genima.kinematics import JOINT_NAMES, Q_HOME
from genima.limits import RobotModel, limits_of
from genima.policy import Policy
from genima.spheres import draw_targets
from genima.tiles import tile_images
from genima_ros.conversions import (
    FINGER_JOINTS,
    camera_info,
    joint_state,
    rgb_to_image,
    seconds,
    time_message,
    trajectory,
    trajectory_arrays,
)
from genima_ros.tiles import tile_message

ROOT = Path(__file__).parent.parent
CAMERAS_FILE = ROOT / "config" / "cameras.yaml"
INSTRUCTION = "push the maroon button"
#: Numbers in messages are rounded; speeds of a spliced motion are measured over a short time.
_ROUNDING_RAD, _SPEED_SHARE = 1e-6, 1.02
#: Setpoints this far apart belong to different motions [s].
_PAUSE_S = 0.1
_STEP_RAD = 0.15
#: Rounds that time waits for a command, where it does.
_PATIENCE = 40
#: How far a leader is ahead of the arm.
_LEAD_RAD = 0.04
#: An arm lags behind its command and swings a little.
_SWING_RAD = 0.02


class FuzzWorld:
    """Knows what is good, and whether what a node commands is.

    Args:
        policy: What tiles look like.
        robot: Whose limits hold.
        lockstep: Whether the time of messages is made here; else it is the clock's.
        seed: Of the targets.
    """

    def __init__(self, policy: Policy, robot: RobotModel, lockstep: bool, seed: int) -> None:
        self._policy = policy
        self._rng = np.random.default_rng(seed)
        self._made_s = time.time() if lockstep else None
        self._waited = 0
        self._rig = load_rig(CAMERAS_FILE)
        size = policy.image_size_px
        for name, camera in self._rig.cameras.items():
            self._rig = self._rig.with_intrinsics(name, camera.intrinsics.square(size))
        self._image = np.full((size, size, 3), 90, np.uint8)
        self._limits = limits_of(robot)
        self._setpoints: deque[tuple[float, np.ndarray]] = deque(maxlen=500)
        self.q = Q_HOME.copy()
        self.commands = self.states = 0
        #: Whether the node is being told wrong times, by which it must go in lockstep.
        self.time_is_spoilt = False
        self.largest_speed_share = 0.0
        self.faults: list[str] = []

    def now_s(self) -> float:
        """The time that stamps are of [s]."""
        return time.time() if self._made_s is None else self._made_s

    def tick(self) -> None:
        """Let a policy step pass where time is made here: when a command covers it.

        Else time waits, as in lockstep, but not for ever: the node may want nothing.
        """
        if self._made_s is None:
            return
        next_s = self._made_s + self._policy.step_s
        covered = bool(self._setpoints) and self._setpoints[-1][0] >= next_s - 1e-6
        self._waited = 0 if covered else self._waited + 1
        if covered or self._waited % _PATIENCE == 0:
            self._made_s = next_s

    def forget(self) -> None:
        """Forget what was commanded: by times that nobody can compare, maybe."""
        self._setpoints.clear()

    def good(self, topic: str, kind: type) -> Any:
        """A message as a well-meaning node would send it now."""
        now_s = self.now_s()
        camera = topic.strip("/").split("/")[0]
        if kind is CameraInfo:
            return camera_info(self._rig.cameras[camera].intrinsics, camera, now_s)
        if kind is Image:
            return rgb_to_image(self._image, f"{camera}_color_optical_frame", now_s)
        if kind is JointState:
            self._move(now_s)
            q = np.append(self.q, [0.04, 0.04])
            if "leader" in topic:
                q[:7] += _LEAD_RAD * np.sin(now_s)
            return joint_state((*JOINT_NAMES, *FINGER_JOINTS), q, np.zeros(9), now_s)
        if kind is JointTrajectory:
            ahead = self.q + 0.002 * self._rng.standard_normal(7)
            q = np.stack([self.q, ahead, ahead])
            return trajectory(JOINT_NAMES, now_s, now_s + np.arange(3) * 0.1, q, np.zeros((3, 7)))
        if topic.endswith("target_tile"):
            return self._tile(now_s)
        return self._simple(kind, now_s)

    def _simple(self, kind: type, now_s: float) -> Any:
        if kind is String:
            return String(data=INSTRUCTION)
        if kind is Float32:
            return Float32(data=0.5)
        if kind is TargetRequest:
            return TargetRequest(not_before=time_message(now_s))
        message = kind()
        if hasattr(message, "header"):
            message.header.stamp = time_message(now_s)
        if kind is GripperCommand:
            message.open = True
        if kind is EmergencyStop:
            message.source = "button"
        if kind is DriverStatus:
            message.state = DriverStatus.IDLE
        return message

    def _tile(self, now_s: float) -> Any:
        limits = self._limits
        step = self._rng.uniform(-_STEP_RAD, _STEP_RAD, 7)
        q = np.clip(self.q + step, limits.q_min + 0.1, limits.q_max - 0.1)
        images = dict.fromkeys(self._policy.cameras, self._image)
        drawn = draw_targets(images, q, True, self._rig.views(self.q), self._policy)
        return tile_message(
            tile_images(drawn, self._policy.cameras),
            self._policy,
            stamp_s=now_s,
            instruction=INSTRUCTION,
            model="fuzz",
            inference_s=0.01,
            seed=0,
        )

    def _move(self, now_s: float) -> None:
        """Bring the arm to where it was sent."""
        due = [q for time_s, q in self._setpoints if time_s <= now_s]
        if due:
            self.q = due[-1]

    def check(self, message: JointTrajectory) -> None:
        """Look at what a node commands, and note it for the arm."""
        self.commands += 1
        if list(message.joint_names) != list(JOINT_NAMES):
            self.faults.append(f"names {list(message.joint_names)}")
            return
        times_s, q, dq = trajectory_arrays(message)
        stamp_s = seconds(message.header.stamp)
        if not (np.isfinite(q).all() and np.isfinite(dq).all()):
            self.faults.append(f"not finite: {q} {dq}")
            return
        if not self._limits.within(q, -_ROUNDING_RAD).all():
            self.faults.append(f"beyond the limits of position: {q}")
        self.largest_speed_share = max(
            self.largest_speed_share, float(np.max(np.abs(dq) / self._limits.dq_max, initial=0.0))
        )
        if (np.abs(dq) > _SPEED_SHARE * self._limits.dq_max).any():
            self.faults.append(f"beyond the limits of velocity: {dq}")
        if (np.diff(times_s) <= 0.0).any():
            self.faults.append(f"times that do not increase: {times_s}")
        for time_s, position in zip(stamp_s + times_s, q, strict=True):
            self._take(float(time_s), position)

    def check_state(self, message: JointState) -> None:
        """Look at where a node has moved its arm; what it touches may make it swing."""
        q = np.array(message.position[:7])
        self.states += 1
        if not np.isfinite(q).all() or not self._limits.within(q, -_SWING_RAD).all():
            self.faults.append(f"state beyond the limits of position: {q}")
        self.q = q

    def check_motion(self, q: np.ndarray, dq: np.ndarray) -> None:
        """Look at what a simulated arm is told at this moment.

        It follows up to twice the robot's speed, which it leaves to the sender to keep.
        """
        self.commands += 1
        if not np.isfinite(dq).all() or not self._limits.within(q, -_ROUNDING_RAD).all():
            self.faults.append(f"moved beyond the limits of position: {q}, at {dq} rad/s")

    def _take(self, time_s: float, q: np.ndarray) -> None:
        while self._setpoints and self._setpoints[-1][0] >= time_s - 1e-6:
            self._setpoints.pop()
        if self._setpoints:
            before_s, before = self._setpoints[-1]
            far = np.abs(q - before) > _SPEED_SHARE * self._limits.dq_max * (time_s - before_s)
            same_motion = time_s - before_s < _PAUSE_S and not self.time_is_spoilt
            if same_motion and (far & (np.abs(q - before) > 1e-4)).any():
                self.faults.append(f"a step of {q - before} rad in {time_s - before_s:.4f} s")
        self._setpoints.append((time_s, q))
