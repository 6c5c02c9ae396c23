# SPDX-License-Identifier: Apache-2.0
"""Whatever a learned controller plans: with the shipped parameters no driver halts because of it.

Controller and driver as they are, with their parameter files; between them a perfect network, and
an arm that does what it is told.
"""

from pathlib import Path

import numpy as np
import pytest
import yaml

from genima.arrays import Array, Float
from genima.control.planner import Plan, PlannedChunk
from genima.control.session_types import SessionState, Setpoint
from genima.driver import DriverState
from genima.driver.motion import ArmMotion
from genima.driver.types import Trajectory
from genima.kinematics import JOINT_NAMES, Q_HOME
from genima.limits import RobotModel, limits_of
from genima.policy import Policy
from genima.safety import JointReading
from genima_controller_node.driver_parameters import DriverNodeParameters, driver_parameters
from genima_controller_node.parameters import ControllerParameters
from genima_controller_node.planning import make_session

CONFIG = Path(__file__).parent.parent / "config"
POLICY = Policy()
TICK_S = 0.01
STEPS = POLICY.horizon_steps


def values_of(name: str) -> dict[str, object]:
    (section,) = yaml.safe_load((CONFIG / name).read_text()).values()
    return dict(section["ros__parameters"])


class Pair:
    """A session and a driver's motion, on a clock that the test moves."""

    def __init__(self, **changes: float) -> None:
        given = values_of("robot.yaml") | values_of("controller.yaml") | changes
        p = driver_parameters(DriverNodeParameters(**values_of("panda.yaml")))
        self.session = make_session(ControllerParameters(**given), POLICY)
        self.motion = ArmMotion(limits_of(RobotModel.PANDA), p)
        self.now_s = 100.0
        self.arm = np.array(Q_HOME)
        self.motion.begin(self.arm, self.now_s)
        self._window: list[Setpoint] = []
        self._ticks = 0

    def follow(self, chunk: PlannedChunk) -> None:
        """Work on a goal until the chunk is over, or the session has had enough of it."""
        session = self.session
        if not session.active and session.moving:
            self.run(1.0)
        self.tick()
        if not session.active:
            session.begin("push the maroon button", self.now_s)
        session.hear_target(self.now_s)
        session.offer(Plan(chunk.q[-1], True, 0.9, chunk=chunk), self.now_s, self.now_s)
        self.tick()
        while session.active and not session.wants_target(self.now_s):
            session.hear_target(self.now_s)
            self.tick()

    def run(self, duration_s: float) -> None:
        for _ in range(round(duration_s / TICK_S)):
            self.tick()

    def tick(self) -> None:
        self.now_s = round(self.now_s + TICK_S, 9)
        self._ticks += 1
        self.session.on_joint_state(self.arm, self.now_s, gripper_open=True)
        if self._ticks % 2 == 0:
            self._send(self.session.advance(self.now_s))
        q = self.motion.step(JointReading(self.arm, self.now_s), self.now_s)
        assert q is not None
        self.arm = q
        assert self.motion.status.state is not DriverState.HALTED, self.motion.status.reason

    def _send(self, new: list[Setpoint]) -> None:
        if not new:
            return
        ahead = [point for point in self._window if self.now_s < point.time_s < new[0].time_s]
        self._window = points = [*ahead, *new]
        times_s = np.array([point.time_s for point in points]) - self.now_s
        q, dq = np.array([point.q for point in points]), np.array([point.dq for point in points])
        self.motion.accept(Trajectory(self.now_s, JOINT_NAMES, times_s, q, dq), self.now_s)


def wild_chunk(q: Float[Array, "7"], kind: str, rng: np.random.Generator) -> PlannedChunk:
    """What no sane controller plans, from where the arm is."""
    share = np.linspace(1.0 / STEPS, 1.0, STEPS)[:, None]
    limits = limits_of(RobotModel.PANDA)
    if kind == "jitters":
        way = q + rng.normal(0.0, rng.choice([0.001, 0.004]), (STEPS, 7))
    elif kind == "raves":
        way = q + rng.normal(0.0, rng.choice([0.02, 0.05]), (STEPS, 7))
    elif kind == "leaves the limits":
        joint = rng.integers(7)
        wall = rng.choice([limits.q_min[joint] - 0.2, limits.q_max[joint] + 0.2])
        way = q + share * np.where(np.arange(7) == joint, wall - q, 0.0)
    elif kind == "is too far":
        way = q + share * rng.uniform(-1.5, 1.5, 7)
    else:  # begins elsewhere
        way = np.tile(q + rng.uniform(-0.3, 0.3, 7), (STEPS, 1))
    return PlannedChunk(way, rng.random(STEPS) < 0.5)


@pytest.mark.parametrize(
    ("kind", "fraction"),
    [
        ("jitters", 0.8),
        ("jitters", 0.2),
        ("raves", 0.8),
        ("leaves the limits", 0.8),
        ("leaves the limits", 0.4),
        ("is too far", 0.8),
        ("is too far", 0.2),
        ("begins elsewhere", 0.2),
    ],
)
def test_no_chunk_of_a_learned_controller_makes_the_driver_halt(
    kind: str, fraction: float
) -> None:
    rng = np.random.default_rng(len(kind))
    pair = Pair(velocity_fraction=fraction, acceleration_fraction=0.75 * fraction)
    chunks = 0
    for _ in range(4):
        pair.follow(wild_chunk(pair.arm, kind, rng))
        status = pair.session.status
        chunks += status.chunks
        assert status.state is not SessionState.HALTED or kind == "raves", status.reason
    pair.session.end("the end of the test")
    pair.run(1.0)
    assert chunks >= 2
    assert pair.motion.status.trajectories_refused == 0
