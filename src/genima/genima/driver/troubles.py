# SPDX-License-Identifier: Apache-2.0
"""What is wrong with the arm, in the words of the driver's status."""

from genima.driver.types import DriverCause
from genima.errors import GenimaError, InvalidCommand, MissingDependency
from genima.franka.failures import ArmFailure
from genima.franka.types import ArmTrouble

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
