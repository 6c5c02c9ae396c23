# SPDX-License-Identifier: Apache-2.0
"""What the controller node builds its session and planner from."""

from genima.cameras import CameraRig
from genima.control.planner import GeometricPlanner, Planner
from genima.control.session import ControlSession
from genima.control.session_types import SessionSettings
from genima.control.splicer import ChunkSplicer
from genima.decode import TargetDecoder
from genima.kinematics import Q_HOME
from genima.limits import RobotModel, limits_of
from genima.policy import Policy
from genima.safety import CommandGate, GateParameters
from genima_controller_node.parameters import ControllerParameters


def make_planner(parameters: ControllerParameters, policy: Policy, rig: CameraRig) -> Planner:
    """The planner that the parameters name."""
    return GeometricPlanner(TargetDecoder(rig, policy, limits_of(RobotModel(parameters.robot))))


def make_session(parameters: ControllerParameters, policy: Policy) -> ControlSession:
    """A session with the gate and the splicer that the parameters ask for."""
    limits = limits_of(RobotModel(parameters.robot))
    settings = SessionSettings(
        execution_horizon=min(parameters.execution_horizon, policy.horizon_steps),
        tick_s=1.0 / parameters.rate_hz,
        lookahead_s=parameters.lookahead_s,
        target_timeout_s=parameters.target_timeout_s,
        max_target_age_s=parameters.max_target_age_s,
        first_target_timeout_s=parameters.first_target_timeout_s,
        blocking=parameters.pacing == "lockstep",
    )
    gate = CommandGate(
        limits,
        GateParameters(
            period_s=settings.tick_s,
            velocity_fraction=parameters.velocity_fraction,
            acceleration_fraction=parameters.acceleration_fraction,
            start_tolerance_rad=parameters.start_tolerance_rad,
            tracking_tolerance_rad=parameters.tracking_tolerance_rad,
            joint_state_timeout_s=parameters.joint_state_timeout_s,
            # A chunk is followed to its end, so the gate must bear a target as old as that.
            target_timeout_s=policy.horizon_s
            + parameters.max_target_age_s
            + parameters.target_timeout_s,
        ),
    )
    return ControlSession(settings, policy, gate, ChunkSplicer(limits, Q_HOME))
