# SPDX-License-Identifier: Apache-2.0
"""Whether joint states and commands can be trusted, before the command gate acts on them."""

from collections.abc import Sequence

import numpy as np

from genima.arrays import Array, Float
from genima.control.joint_order import JointOrder
from genima.errors import InvalidCommand
from genima.limits import JointLimits
from genima.safety.gate_types import Fault, GateParameters, GateReason, JointCommand, JointReading

#: A stamp may be ahead of the clock by this much [s]; two computers never quite agree.
_FUTURE_TOLERANCE_S = 0.05


class InputChecks:
    """Puts joints into the arm's order and finds faults; remembers nothing but that order.

    Args:
        parameters: How strict to be.
        names: The arm's joints.
        limits: That commands keep to.
    """

    def __init__(
        self, parameters: GateParameters, names: Sequence[str], limits: JointLimits
    ) -> None:
        self._parameters = parameters
        self._limits = limits
        self._reading_order = JointOrder(names, extra_allowed=True)
        self._command_order = JointOrder(names, extra_allowed=False)

    def reading_fault(
        self, reading: JointReading | None, now_s: float, recent: Sequence[Float[Array, "7"]]
    ) -> Fault | None:
        """What is wrong with a joint state of an arm that was sent along `recent`, to its end."""
        q, fault = self.measured(reading, now_s)
        if q is None:
            return fault
        tolerance_rad = self._parameters.tracking_tolerance_rad
        if np.abs(q - recent[-1]).max() <= tolerance_rad:
            return None
        distances = np.abs(q - np.array(recent))
        distance = distances[distances.max(axis=1).argmin()]
        if distance.max() <= tolerance_rad:
            return None
        joint = int(distance.argmax())
        return Fault(
            GateReason.TRACKING,
            f"joint {joint + 1} is {distance[joint]:.3f} rad from where it was sent, at most "
            f"{tolerance_rad} is allowed; free the arm and reset",
        )

    def measured(
        self, reading: JointReading | None, now_s: float
    ) -> tuple[Float[Array, "7"] | None, Fault | None]:
        """Measured positions in the arm's order [rad], or why there are none to be trusted."""
        timeout_s = self._parameters.joint_state_timeout_s
        if reading is None:
            return None, Fault(GateReason.STALE_JOINT_STATE, "no joint state has come yet")
        age_s = now_s - reading.stamp_s
        if age_s < -_FUTURE_TOLERANCE_S:
            return None, Fault(
                GateReason.STALE_JOINT_STATE,
                f"the newest joint state is stamped {-age_s:.3f} s in the future; set the clocks",
            )
        if not age_s <= timeout_s:  # so that NaN is too old
            return None, Fault(
                GateReason.STALE_JOINT_STATE,
                f"the newest joint state is {age_s:.3f} s old, at most {timeout_s} s is allowed; "
                "see whether the driver runs",
            )
        try:
            return _ordered(reading.q, reading.names, self._reading_order), None
        except InvalidCommand as error:
            return None, Fault(GateReason.BAD_JOINT_STATE, f"joint state: {error}")

    def wanted(
        self, command: JointCommand, now_s: float, q_out: Float[Array, "7"], passing: bool
    ) -> tuple[Float[Array, "7"] | None, Fault | None]:
        """Commanded positions in the arm's order [rad], or why they may not be followed."""
        try:
            q = _ordered(command.q, command.names, self._command_order)
        except InvalidCommand as error:
            return None, Fault(GateReason.BAD_COMMAND, f"command: {error}")
        return q, self._target_fault(command, now_s) or self._distance_fault(q, q_out, passing)

    def velocity(self, command: JointCommand, dq: Float[Array, "7"]) -> Float[Array, "7"]:
        """The command's velocity where it fits its positions, else the estimate `dq` [rad/s]."""
        if command.dq is None:
            return dq
        wanted = np.asarray(command.dq, float)
        if wanted.shape != (len(command.names),):
            return dq
        wanted = wanted[self._command_order.index(command.names)]
        slack = self._parameters.period_s * self._limits.ddq_max
        fits = (np.abs(wanted - dq) <= slack) & (np.abs(wanted) <= self._limits.dq_max)
        return np.where(fits, wanted, dq)

    def _target_fault(self, command: JointCommand, now_s: float) -> Fault | None:
        age_s = now_s - command.target_stamp_s
        timeout_s = self._parameters.target_timeout_s
        if -_FUTURE_TOLERANCE_S <= age_s <= timeout_s:
            return None
        if age_s < 0:
            return Fault(
                GateReason.FUTURE_TARGET,
                f"the target is stamped {-age_s:.3f} s in the future; set the clocks",
            )
        return Fault(
            GateReason.STALE_TARGET,
            f"the target is {age_s:.3f} s old, at most {timeout_s} s is allowed; "
            "see whether the diffusion node runs",
        )

    def _distance_fault(
        self, q: Float[Array, "7"], q_out: Float[Array, "7"], passing: bool
    ) -> Fault | None:
        parameters = self._parameters
        distance = np.abs(q - q_out)
        allowed = parameters.tracking_tolerance_rad if passing else parameters.start_tolerance_rad
        if distance.max() <= allowed:
            return None
        joint = int(distance.argmax())
        return Fault(
            GateReason.FAR_COMMAND if passing else GateReason.FAR_START,
            f"joint {joint + 1} is commanded {distance[joint]:.3f} rad away from where it is, "
            f"at most {allowed} is allowed; begin where the arm is",
        )


def _ordered(q: Float[Array, "n"], names: Sequence[str], order: JointOrder) -> Float[Array, "7"]:
    """Positions in the arm's order [rad].

    Raises:
        InvalidCommand: They do not fit their names or are not finite.
    """
    index = order.index(names)
    values = np.asarray(q, float)
    if values.shape != (len(names),):
        raise InvalidCommand(
            f"{len(names)} joints are named and positions have shape {values.shape}; "
            "give one position for each name"
        )
    values = values[index]
    if not np.isfinite(values).all():
        raise InvalidCommand(f"positions {values.tolist()} must be finite")
    return values
