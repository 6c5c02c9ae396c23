# SPDX-License-Identifier: Apache-2.0
"""How much longer a motion has to take so that the limits let it pass."""

from collections.abc import Callable
from copy import copy

import numpy as np

from genima.arrays import Array, Float
from genima.control.splicer import ChunkSplicer
from genima.limits import JointLimits

#: Samples of a motion, from its beginning to its end.
_SAMPLES = 60
#: What is too fast is made so much slower than its samples say, for the peaks between them.
_ROOM = 1.05
#: A next attempt is at least so many times slower; not all of a motion is drawn out with it.
_AT_LEAST = 1.1
#: Acceleration, in limits of the robot, that the gate is left to smooth. The shipped controller
#: comes to 4; it then takes the time that it was trained for.
_MOST_JITTER = 4.0
#: Attempts to find a pace; the gate sees to what is left.
_MOST_ATTEMPTS = 8


def paced(
    splicer: ChunkSplicer,
    begin: Callable[[ChunkSplicer, float], None],
    now_s: float,
    limits: JointLimits,
    ddq_robot: Float[Array, "7"],
) -> tuple[ChunkSplicer, float]:
    """Let a splicer begin a motion as fast as it is asked to, or as fast as the limits allow.

    What of the acceleration is a little beyond the robot's own limits is the jitter of a learned
    chunk; the gate smooths it at any pace.

    Args:
        splicer: What is commanded so far; it stays as it is.
        begin: Begins the motion with a splicer, so many times slower than it was asked for.
        now_s: When it begins [s].
        limits: What it is to keep to.
        ddq_robot: Limits of acceleration that the robot itself has [rad/s^2].

    Returns:
        The splicer with the motion, and how many times longer than asked for it takes.
    """
    slower = 1.0
    ddq_max: Float[Array, "7"] | None = None
    for _ in range(_MOST_ATTEMPTS):
        attempt = copy(splicer)
        begin(attempt, slower)
        dq, ddq = _peaks(attempt, now_s)
        if ddq_max is None:
            ddq_max = limits.ddq_max * np.clip(ddq / ddq_robot, 1.0, _MOST_JITTER)
        excess = max(np.max(dq / limits.dq_max), np.sqrt(np.max(ddq / ddq_max)))
        if excess <= 1.0 + 1e-9:
            break
        slower *= max(_ROOM * excess, _AT_LEAST)
    return attempt, slower


def _peaks(splicer: ChunkSplicer, now_s: float) -> tuple[Float[Array, "7"], Float[Array, "7"]]:
    """Highest speeds [rad/s] and accelerations [rad/s^2] on the way to the splicer's end."""
    samples = [splicer.sample(t_s) for t_s in np.linspace(now_s, splicer.end_s, _SAMPLES)]
    dq, ddq = np.abs([s.dq for s in samples]), np.abs([s.ddq for s in samples])
    return dq.max(axis=0), ddq.max(axis=0)
