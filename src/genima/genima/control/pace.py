# SPDX-License-Identifier: Apache-2.0
"""How much longer a motion has to take so that the limits let it pass."""

import numpy as np

from genima.arrays import Array, Float
from genima.control.chunk import ActionChunk
from genima.control.minimum_jerk import least_duration_s
from genima.control.splicer import ChunkSplicer, chunk_spline
from genima.limits import JointLimits

#: Samples of a motion, from its beginning to its end.
_SAMPLES = 61
#: Samples of each step of a chunk.
_SAMPLES_A_STEP = 4
#: Acceleration, in limits of the robot, that the gate is left to smooth in a learned chunk, which
#: jitters at any pace. The shipped controller comes to 4; it then takes the time that it was
#: trained for.
_MOST_JITTER = 4.0


def excess(
    splicer: ChunkSplicer,
    now_s: float,
    limits: JointLimits,
    ddq_jitter: Float[Array, "7"] | float,
) -> float:
    """How many times too fast a splicer's motion is, from now to its end.

    Args:
        splicer: With the motion.
        now_s: When it begins [s].
        limits: What it is to keep to.
        ddq_jitter: Beyond this [rad/s^2] an acceleration is jitter.
    """
    times_s = np.linspace(now_s, splicer.end_s, _SAMPLES)
    samples = [splicer.sample(t_s) for t_s in times_s]
    dq, ddq = np.array([s.dq for s in samples]), np.array([s.ddq for s in samples])
    return _excess(dq, ddq, limits, ddq_jitter)


def chunk_pace(
    chunk: ActionChunk, q: Float[Array, "7"], limits: JointLimits, ddq_jitter: Float[Array, "7"]
) -> float:
    """How many times slower a chunk has to be followed by an arm that stands at `q` [rad].

    Its own motion and the way over to it may each take their share of the limits.
    """
    spline, length_s = chunk_spline(chunk, q), len(chunk.q) * chunk.step_s
    times_s = np.linspace(0.0, length_s, _SAMPLES_A_STEP * len(chunk.q) + 1)
    own = _excess(spline(times_s, 1), spline(times_s, 2), limits, ddq_jitter)
    return own + least_duration_s(q - spline(0.0), limits) / length_s


def _excess(
    dq: Float[Array, "n 7"],
    ddq: Float[Array, "n 7"],
    limits: JointLimits,
    ddq_jitter: Float[Array, "7"] | float,
) -> float:
    dq, ddq = np.abs(dq).max(axis=0), np.abs(ddq).max(axis=0)
    ddq_max = limits.ddq_max * np.clip(ddq / ddq_jitter, 1.0, _MOST_JITTER)
    return float(max(np.max(dq / limits.dq_max), np.sqrt(np.max(ddq / ddq_max))))
