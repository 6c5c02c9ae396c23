# SPDX-License-Identifier: Apache-2.0
"""What the controller node builds its session and planner from."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from genima.cameras import CameraRig
from genima.control.planner import GeometricPlanner, Planner
from genima.control.session import ControlSession
from genima.control.session_types import SessionSettings
from genima.control.splicer import ChunkSplicer
from genima.decode import TargetDecoder
from genima.errors import InvalidParameter
from genima.kinematics import Q_HOME
from genima.limits import RobotModel, limits_of
from genima.policy import Policy
from genima.safety import CommandGate, GateParameters
from genima_controller_node.parameters import ControllerParameters

#: Commands may be changed by limits for so long where the robot's own acceleration is used [s].
_LONGEST_LIMITED_S = 1.0

if TYPE_CHECKING:
    from genima.act.predictor import ActPredictor


def planner_factory(
    parameters: ControllerParameters, policy: Policy
) -> Callable[[CameraRig], Planner]:
    """Load what the parameters name; the planner itself needs to know the cameras.

    Raises:
        GenimaError: The weights cannot be used.
    """
    limits = limits_of(RobotModel(parameters.robot))
    if parameters.controller == "geometric":
        return lambda rig: GeometricPlanner(TargetDecoder(rig, policy, limits))
    from genima.act.planner import ActPlanner  # torch takes seconds, and only this needs it

    predictor = _load_predictor(parameters, policy)
    tolerance_rad, check = parameters.follow_tolerance_rad, parameters.check_drawing
    return lambda rig: ActPlanner(
        predictor, TargetDecoder(rig, policy, limits), tolerance_rad, check
    )


def _load_predictor(parameters: ControllerParameters, policy: Policy) -> "ActPredictor":
    from genima.act.checkpoint import ActCheckpoint
    from genima.act.predictor import ActPredictor

    if not parameters.policy_file:
        raise InvalidParameter(
            "controller 'act' needs weights: set policy_file to the policy.yaml of a policy "
            "folder that has the folder controller/ beside it"
        )
    folder = Path(parameters.policy_file).parent / "controller"
    text_model = Path(parameters.text_model) if parameters.text_model else None
    checkpoint = ActCheckpoint.load(folder)
    predictor = ActPredictor(checkpoint, policy, text_model, parameters.device)
    predictor.warm_up()
    return predictor


def make_session(parameters: ControllerParameters, policy: Policy) -> ControlSession:
    """A session with the gate and the splicer that the parameters ask for.

    Raises:
        InvalidParameter: Parameters contradict one another.
    """
    limits = limits_of(RobotModel(parameters.robot))
    settings = SessionSettings(
        execution_horizon=min(parameters.execution_horizon, policy.horizon_steps),
        first_horizon=min(parameters.first_horizon, policy.horizon_steps),
        tick_s=1.0 / parameters.rate_hz,
        lookahead_s=parameters.lookahead_s,
        target_timeout_s=parameters.target_timeout_s,
        max_target_age_s=parameters.max_target_age_s,
        first_target_timeout_s=parameters.first_target_timeout_s,
        blocking=parameters.pacing == "lockstep",
        halt_on_warning=parameters.halt_on_disagreement,
        approve=parameters.approve,
        approval_timeout_s=parameters.approval_timeout_s,
        dry_run=parameters.dry_run,
    )
    if settings.dry_run and settings.blocking:
        raise InvalidParameter(
            "dry_run needs pacing realtime: a world in lockstep waits for commands that never come"
        )
    gate = CommandGate(
        limits,
        GateParameters(
            period_s=settings.tick_s,
            velocity_fraction=parameters.velocity_fraction,
            acceleration_fraction=parameters.acceleration_fraction,
            position_margin_rad=parameters.position_margin_rad,
            start_tolerance_rad=parameters.start_tolerance_rad,
            tracking_tolerance_rad=parameters.tracking_tolerance_rad,
            arm_delay_s=parameters.lookahead_s + parameters.joint_state_timeout_s,
            joint_state_timeout_s=parameters.joint_state_timeout_s,
            # An arm that may accelerate less takes longer to catch up with a chunk that jitters.
            max_limited_steps=round(
                _LONGEST_LIMITED_S / (settings.tick_s * parameters.acceleration_fraction)
            ),
            # A chunk is followed to its end, so the gate must bear a target as old as that.
            target_timeout_s=policy.horizon_s
            + parameters.max_target_age_s
            + parameters.target_timeout_s,
            self_collision_margin_m=parameters.self_collision_margin_m,
            workspace_min_m=tuple(parameters.workspace_min_m),
            workspace_max_m=tuple(parameters.workspace_max_m),
        ),
    )
    return ControlSession(settings, policy, gate, ChunkSplicer(gate.limits, Q_HOME))
