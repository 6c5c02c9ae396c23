# SPDX-License-Identifier: Apache-2.0
"""Lets a world's arm do what another arm does, so that the world supplies that arm's pictures."""

import numpy as np

from genima.arrays import Array, Float
from genima.control.follower import JointSample, TrajectoryFollower
from genima.errors import NotReady

#: Farther than this from its start a world's arm would swing across the scene [rad].
_START_TOLERANCE_RAD = 0.1


class MirroredArm(TrajectoryFollower):
    """A follower that goes by another arm's joint states; trajectories do not concern it.

    One thread may `hear` while another one samples.

    Args:
        q_start: Where the world's arm stands when an episode begins [rad].
    """

    def __init__(self, q_start: Float[Array, "7"]) -> None:
        super().__init__()
        self._q_start = q_start
        self._q: Float[Array, "7"] | None = None

    def hear(self, q: Float[Array, "7"]) -> None:
        """The other arm is at `q` [rad]."""
        self._q = np.array(q, float)

    def sample(self, t_s: float) -> JointSample:
        """Where the other arm is, whatever the time."""
        return JointSample(self._q_start if self._q is None else self._q, np.zeros(7))

    def require_start(self) -> None:
        """Refuse to begin an episode elsewhere than where episodes begin.

        Raises:
            NotReady: The other arm is not there.
        """
        if self._q is None:
            raise NotReady("no joint_states have come; start the driver of the arm first")
        distance = np.abs(self._q - self._q_start)
        if distance.max() > _START_TOLERANCE_RAD:
            joint = int(distance.argmax())
            raise NotReady(
                f"joint {joint + 1} is {distance[joint]:.2f} rad from where an episode begins; "
                f"move the arm to {self._q_start.round(4).tolist()} first, as the driver's home"
            )
