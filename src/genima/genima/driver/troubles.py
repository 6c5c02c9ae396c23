# SPDX-License-Identifier: Apache-2.0
"""What is wrong with the arm, in the words of the driver's status."""

from dataclasses import replace

from genima.driver.types import DriverCause, DriverState, DriverStatus
from genima.errors import GenimaError, InvalidCommand, MissingDependency
from genima.franka.failures import ArmFailure
from genima.franka.types import ArmTrouble

#: Halts that say nothing about the arm: what is wrong with it is worse.
_OUTSIDE = (DriverCause.ORDERED, DriverCause.TWO_COMMANDERS)
_CAUSES = {trouble: DriverCause[trouble.name] for trouble in ArmTrouble}


def trouble_cause(trouble: ArmTrouble | None) -> DriverCause:
    """The cause of an arm's trouble."""
    return DriverCause.NONE if trouble is None else _CAUSES[trouble]


def cause_of(error: GenimaError) -> DriverCause:
    """The cause of an error of arm or gripper."""
    if isinstance(error, ArmFailure):
        return _CAUSES[error.trouble]
    if isinstance(error, MissingDependency):
        return DriverCause.WRONG_SOFTWARE
    if isinstance(error, InvalidCommand):  # it stands outside its limits
        return DriverCause.NOT_READY
    return DriverCause.REFUSED


def with_advice(reason: str) -> str:
    """A reason that also says how to go on once its cause is mended."""
    told = "recover" in reason or "restart" in reason
    return reason if told else f"{reason}; then call recover"


def with_trouble(status: DriverStatus, cause: DriverCause, trouble: str) -> DriverStatus:
    """A status that also tells what is wrong with the equipment at present.

    Args:
        status: Of the motion.
        cause: Of the trouble.
        trouble: A sentence; empty if there is none.
    """
    if not trouble or trouble in status.reason:
        return status
    if status.state is DriverState.IDLE:
        return replace(status, cause=cause, reason=trouble)
    if status.state is DriverState.HALTED:
        worse = cause if status.cause in _OUTSIDE else status.cause
        return replace(status, cause=worse, reason=f"{status.reason}; besides, {trouble}")
    return status
