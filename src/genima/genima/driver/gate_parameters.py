# SPDX-License-Identifier: Apache-2.0
"""What the driver asks of its gate."""

from genima.driver.types import DriverParameters
from genima.safety import GateParameters

#: Commands may be changed by a limit for so long [s].
_LONGEST_LIMITED_S = 2.0


def gate_parameters(parameters: DriverParameters) -> GateParameters:
    """What the driver asks of its gate."""
    return GateParameters(
        period_s=parameters.period_s,
        position_margin_rad=parameters.position_margin_rad,
        velocity_fraction=parameters.velocity_fraction,
        acceleration_fraction=parameters.acceleration_fraction,
        start_tolerance_rad=parameters.tracking_tolerance_rad,
        tracking_tolerance_rad=parameters.tracking_tolerance_rad,
        joint_state_timeout_s=parameters.state_timeout_s,
        max_limited_steps=round(_LONGEST_LIMITED_S / parameters.period_s),
        self_collision_margin_m=parameters.self_collision_margin_m,
        workspace_min_m=parameters.workspace_min_m,
        workspace_max_m=parameters.workspace_max_m,
    )
