# SPDX-License-Identifier: Apache-2.0
"""What can be asked about."""

from enum import Enum


class Area(Enum):
    """A purpose that a computer can be fit for."""

    SUITE = "suite"
    ROBOT = "robot"
    RLBENCH = "rlbench"

    @property
    def purpose(self) -> str:
        """The same for people."""
        return _PURPOSES[self]


_PURPOSES = {
    Area.SUITE: "the suite itself, with a simulated robot",
    Area.ROBOT: "a real robot",
    Area.RLBENCH: "RLBench's simulated benchmark",
}
