# SPDX-License-Identifier: Apache-2.0
"""Open or closed, from how far the leader's gripper is open."""

import math

#: Shares of the full opening above which it is open and below which it is closed. Between them a
#: finger at rest on a threshold must not make the follower's gripper clap.
_OPEN_ABOVE, _CLOSED_BELOW = 0.6, 0.4


class GripperMirror:
    """Follows the leader's gripper with hysteresis."""

    def __init__(self) -> None:
        self._is_open: bool | None = None

    def begin(self, follower_opening: float) -> None:
        """Begin with what the follower's gripper does, 0 closed to 1 open; NaN without one."""
        self._is_open = None if math.isnan(follower_opening) else follower_opening > _OPEN_ABOVE

    def follow(self, leader_opening: float) -> bool | None:
        """What the gripper is to do now; None if neither arm ever told.

        Args:
            leader_opening: 0 closed to 1 open; NaN changes nothing.
        """
        if leader_opening > _OPEN_ABOVE:
            self._is_open = True
        elif leader_opening < _CLOSED_BELOW:
            self._is_open = False
        return self._is_open
