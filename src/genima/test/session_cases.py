# SPDX-License-Identifier: Apache-2.0
"""A session in the loop with an arm that does what it is told; what session tests share."""

import numpy as np

from genima.arrays import Array, Float
from genima.control.planner import Plan
from genima.control.session import ControlSession
from genima.control.session_types import SessionSettings, SessionState, SessionStatus, Setpoint
from genima.control.splicer import ChunkSplicer
from genima.kinematics import Q_HOME
from genima.limits import RobotModel, limits_of
from genima.policy import Policy
from genima.safety import CommandGate, GateParameters

LIMITS = limits_of(RobotModel.PANDA)
POLICY = Policy()
#: The smallest time between two calls in these tests [s]; joint states come as often.
DT_S = 0.01


class Loop:
    """A session with an arm that does what it is told, on a clock that the test moves."""

    def __init__(
        self,
        settings: SessionSettings | None = None,
        now_s: float = 100.0,
        fraction: float = 1.0,  # of velocity and acceleration
    ) -> None:
        settings = settings if settings is not None else SessionSettings(target_timeout_s=0.5)
        gate = CommandGate(
            LIMITS,
            GateParameters(
                period_s=settings.tick_s,
                target_timeout_s=POLICY.horizon_s + 2.0,
                joint_state_timeout_s=0.1,
                tracking_tolerance_rad=0.5,
                velocity_fraction=fraction,
                acceleration_fraction=fraction,
            ),
        )
        self.session = ControlSession(settings, POLICY, gate, ChunkSplicer(gate.limits, Q_HOME))
        self.settings = settings
        self.now_s = now_s
        self.arm = np.array(Q_HOME)
        self.sent: list[Setpoint] = []
        self.joint_states_come = True
        self.arm_obeys = True

    @property
    def status(self) -> SessionStatus:
        return self.session.status

    def measure(self) -> None:
        self.session.on_joint_state(self.arm, self.now_s, gripper_open=True)

    def advance(self) -> list[Setpoint]:
        """One tick now; the arm reaches setpoints when their time has come."""
        for point in self.sent:
            if self.arm_obeys and point.time_s <= self.now_s + 1e-9:
                self.arm = point.q
        if self.joint_states_come:
            self.measure()
        new = self.session.advance(self.now_s)
        self.sent += new
        return new

    def run(self, duration_s: float) -> list[Setpoint]:
        """Let time pass, ticking all the while; returns what was sent."""
        began = len(self.sent)
        for _ in range(round(duration_s / DT_S)):
            self.now_s = round(self.now_s + DT_S, 9)
            self.advance()
        return self.sent[began:]

    def finish(self) -> None:
        """Follow a target until another one is wanted, while the diffusion node goes on."""
        until_s = self.now_s + 100.0
        while not self.session.wants_target(self.now_s):
            assert self.now_s < until_s, "no other target is ever wanted"
            self.session.hear_target(self.now_s)
            self.run(DT_S)
            assert self.status.state is SessionState.RUNNING, self.status.reason

    def start(self) -> None:
        self.measure()
        self.session.begin("push the maroon button", self.now_s)

    def offer(
        self, target: Float[Array, "7"], age_s: float = 0.0, gripper_open: bool = True
    ) -> None:
        self.session.hear_target(self.now_s)
        self.session.offer(Plan(target, gripper_open, 0.9), self.now_s - age_s, self.now_s)


def target(offset_rad: float = 0.2) -> Float[Array, "7"]:
    return Q_HOME + offset_rad


def require_smooth(points: list[Setpoint], tick_s: float = 0.02) -> None:
    """One motion on one grid, within the limits."""
    times_s = np.array([point.time_s for point in points])
    q = np.array([point.q for point in points])
    assert np.allclose(np.diff(times_s), tick_s, atol=1e-6)
    assert (LIMITS.q_min <= q).all() and (q <= LIMITS.q_max).all()
    dq = np.diff(q, axis=0) / tick_s
    assert (np.abs(dq) <= LIMITS.dq_max * (1 + 1e-9)).all()
    assert (np.abs(np.diff(dq, axis=0)) <= tick_s * LIMITS.ddq_max * (1 + 1e-6)).all()
