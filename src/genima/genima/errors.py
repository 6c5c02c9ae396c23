# SPDX-License-Identifier: Apache-2.0
"""Errors, one class for each cause that a person can act on.

Every message is one sentence that says what was wrong, what was got, what is allowed and what to
do.
"""


class GenimaError(Exception):
    """Root of all errors that the suite raises on purpose."""


class InvalidParameter(GenimaError, ValueError):
    """A parameter or argument is of the wrong type or out of its range."""


class InvalidImage(GenimaError, ValueError):
    """An image has a size, type or encoding that cannot be used."""


class InvalidCommand(GenimaError, ValueError):
    """A joint state, trajectory or chunk is malformed: wrong names, wrong length, NaN."""


class CalibrationError(GenimaError):
    """A camera calibration is missing, unreadable or of the wrong kind."""


class PolicyError(GenimaError):
    """A policy folder is missing, unreadable or does not fit the robot's configuration."""


class DrawingError(GenimaError):
    """A drawing model broke down while it drew."""


class NotReady(GenimaError):
    """Something must be started or must flow before this can begin."""


class UnknownTask(GenimaError, KeyError):
    """A task was named that the world does not have."""

    def __str__(self) -> str:
        return str(self.args[0])


class WorldError(GenimaError):
    """A simulated world cannot be built, reset or stepped."""


class WorldDown(WorldError):
    """A simulated world has stopped or does not come up; no episode is to blame, and none begins.

    Only starting it anew helps, once the cause is mended.
    """


class Unreachable(GenimaError):
    """No joint configuration within the limits reaches a pose."""


class MissingDependency(GenimaError):
    """An optional package or a system library is not installed."""


class LaunchError(GenimaError):
    """A launch file cannot be read, evaluated or started."""


class EvaluationError(GenimaError):
    """An evaluation cannot begin or go on."""


class InvalidDataset(GenimaError):
    """A data set, an episode or a file of one is missing, unreadable or contradicts itself."""


class CameraError(GenimaError):
    """A camera or its recording cannot be found, opened or set as asked."""


class ArmError(GenimaError):
    """A robot arm or its gripper cannot be reached, refuses to move, or has stopped by itself."""


class CollectionError(GenimaError):
    """Demonstrations cannot be collected, or not gone on with."""
