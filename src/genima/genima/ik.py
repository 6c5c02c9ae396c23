# SPDX-License-Identifier: Apache-2.0
"""Inverse kinematics: joint positions that bring panda_hand_tcp to a pose.

`mink` solves a small quadratic program a step, with the joint limits as its constraints, on a
MuJoCo model that is written from our own kinematic constants, so that no mesh need be installed.
"""

import math
from collections.abc import Iterator

import mink
import mujoco
import numpy as np

from genima.arrays import Array, Float
from genima.errors import InvalidCommand, Unreachable
from genima.geometry import pose_error, quat_xyzw_from_rotation
from genima.kinematics import DH_TABLE, FLANGE_M, JOINT_NAMES, LINK8_T_TCP, base_T_tcp
from genima.limits import JointLimits, RobotModel, limits_of

_TCP_SITE = "panda_hand_tcp"
_SOLVER = "daqp"
#: A step of more than this [rad] leaves the region where the Jacobian says anything.
_LONGEST_STEP_RAD = 0.5
#: A start that has not arrived after so many steps is stuck at limits; a near one takes 2 or 3.
_STEPS_PER_START = 40
#: How many metres of distance a radian of rotation is worth.
_METRES_PER_RADIAN = 0.3
#: The same for a radian of joint motion away from the seed, when another start has to be chosen.
_METRES_PER_JOINT_RADIAN = 0.02
_DAMPING = 1e-6
_LM_DAMPING = 0.1
#: Postures all over the joint space to start from where the seed leads nowhere.
_STARTS = 2000
_TRIED_STARTS = 16


class InverseKinematics:
    """Finds the joint positions of a pose, close to a seed.

    Not thread-safe: the object keeps the state of its solver.

    Args:
        model: Whose joint limits hold.
        tolerance_m: Largest accepted distance from the pose [m].
        tolerance_rad: Largest accepted rotation from the pose [rad].
    """

    def __init__(
        self,
        model: RobotModel = RobotModel.PANDA,
        tolerance_m: float = 1e-5,
        tolerance_rad: float = 1e-4,
    ) -> None:
        self._limits = limits_of(model)
        self._tolerance_m, self._tolerance_rad = tolerance_m, tolerance_rad
        arm = mujoco.MjModel.from_xml_string(_arm_mjcf(self._limits))
        self._configuration = mink.Configuration(arm)
        self._task = mink.FrameTask(
            _TCP_SITE, "site", 1.0, _METRES_PER_RADIAN, lm_damping=_LM_DAMPING
        )
        self._constraints = [
            mink.ConfigurationLimit(arm, gain=1.0),
            mink.VelocityLimit(arm, dict.fromkeys(JOINT_NAMES, _LONGEST_STEP_RAD)),
        ]
        spread = np.random.default_rng(0).uniform(size=(_STARTS, 7))
        self._q_starts = self._limits.q_min + spread * (self._limits.q_max - self._limits.q_min)
        self._base_T_tcp_starts = base_T_tcp(self._q_starts)

    def solve(
        self, base_T_tcp_wanted: "Float[Array, '4 4']", q_seed: Float[Array, "7"]
    ) -> Float[Array, "7"]:
        """Joint positions [rad] within the limits that reach the pose.

        Every step is the smallest in joint space, so a seed that is near gives a result that is
        near. Where the way ends at a limit, other postures are started from, and the result may be
        far from the seed: a caller who needs continuity looks at the distance.

        Args:
            base_T_tcp_wanted: Pose of panda_hand_tcp in the base.
            q_seed: Where to start [rad]; clamped to the limits.

        Raises:
            InvalidCommand: The pose or the seed is not finite.
            Unreachable: No start led to the pose; the message says how close the best one came.
        """
        if not (np.all(np.isfinite(base_T_tcp_wanted)) and np.all(np.isfinite(q_seed))):
            raise InvalidCommand("inverse kinematics: the pose or the seed holds NaN or infinity")
        self._task.set_target(mink.SE3.from_matrix(np.asarray(base_T_tcp_wanted, float)))
        closest = (math.inf, math.inf)
        for q_start in self._starts(base_T_tcp_wanted, self._limits.clamp(q_seed)):
            q, error = self._descend(q_start, base_T_tcp_wanted)
            if self._arrived(error):
                return q
            closest = min(closest, error)
        x, y, z = base_T_tcp_wanted[:3, 3]
        raise Unreachable(
            f"the pose at ({x:.3f}, {y:.3f}, {z:.3f}) m cannot be reached within joint limits: "
            f"the closest is {closest[0] * 1e3:.1f} mm and {math.degrees(closest[1]):.1f} degrees "
            "off; choose a pose nearer to the base or with another orientation"
        )

    def _arrived(self, error: tuple[float, float]) -> bool:
        return error[0] <= self._tolerance_m and error[1] <= self._tolerance_rad

    def _starts(
        self, base_T_tcp_wanted: "Float[Array, '4 4']", q_seed: Float[Array, "7"]
    ) -> Iterator[Float[Array, "7"]]:
        """The seed, and if that was not enough, postures close to the pose and to the seed."""
        yield q_seed
        distance_m, angle_rad = pose_error(self._base_T_tcp_starts, base_T_tcp_wanted)
        joint_motion = np.linalg.norm(self._q_starts - q_seed, axis=-1)
        cost = (
            distance_m + _METRES_PER_RADIAN * angle_rad + _METRES_PER_JOINT_RADIAN * joint_motion
        )
        yield from self._q_starts[np.argsort(cost)[:_TRIED_STARTS]]

    def _descend(
        self, q_start: Float[Array, "7"], base_T_tcp_wanted: "Float[Array, '4 4']"
    ) -> tuple[Float[Array, "7"], tuple[float, float]]:
        """Where the steps from a start end, and the error there in [m] and [rad]."""
        q = np.array(q_start, float)
        error = _error(q, base_T_tcp_wanted)
        for _ in range(_STEPS_PER_START):
            if self._arrived(error):
                break
            self._configuration.update(q)
            try:
                step = mink.solve_ik(
                    self._configuration,
                    [self._task],
                    dt=1.0,
                    solver=_SOLVER,
                    damping=_DAMPING,
                    limits=self._constraints,
                )
            except mink.NoSolutionFound:
                break
            # The solver keeps the limits to its own tolerance, the caller wants them exactly.
            q = self._limits.clamp(q + step)
            error = _error(q, base_T_tcp_wanted)
        return q, error


def _error(q: Float[Array, "7"], base_T_tcp_wanted: "Float[Array, '4 4']") -> tuple[float, float]:
    distance_m, angle_rad = pose_error(base_T_tcp(q), base_T_tcp_wanted)
    return float(distance_m), float(angle_rad)


def _arm_mjcf(limits: JointLimits) -> str:
    """The arm without meshes, as MJCF. Masses are arbitrary: only kinematics is computed."""
    twist = {0: "1 0 0 0", 1: "1 1 0 0", -1: "1 -1 0 0"}
    bodies = ""
    joints = zip(JOINT_NAMES, DH_TABLE, limits.q_min, limits.q_max, strict=True)
    for name, (a, d, quarter), low, high in joints:
        # d runs along the joint's own z axis, which a quarter turn about x brings to -y or y.
        offset = f"{a} 0 {d}" if quarter == 0 else f"{a} {-quarter * d} 0"
        bodies += (
            f'<body pos="{offset}" quat="{twist[quarter]}">'
            '<inertial pos="0 0 0" mass="1" diaginertia="1 1 1"/>'
            f'<joint name="{name}" axis="0 0 1" range="{low} {high}"/>'
        )
    x, y, z, w = quat_xyzw_from_rotation(LINK8_T_TCP[:3, :3])
    height = FLANGE_M + LINK8_T_TCP[2, 3]
    site = f'<site name="{_TCP_SITE}" pos="0 0 {height}" quat="{w} {x} {y} {z}"/>'
    return (
        '<mujoco><compiler angle="radian"/><worldbody>'
        f"{bodies}{site}{'</body>' * len(JOINT_NAMES)}</worldbody></mujoco>"
    )
