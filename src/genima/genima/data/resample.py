# SPDX-License-Identifier: Apache-2.0
"""Streams of different rates brought to the steps of a demonstration.

All times are whole nanoseconds, so that a stream which already has the wanted rate comes out
unchanged to the last bit.
"""

from dataclasses import dataclass

import numpy as np

from genima.arrays import Array, Float, Int
from genima.errors import InvalidDataset

_NS_PER_S = 1_000_000_000


def step_times(first_ns: int, last_ns: int, step_s: float) -> Int[Array, "n"]:
    """The instants of the steps [ns]: from the first on, as many as fit before the last."""
    step_ns = round(step_s * _NS_PER_S)
    return np.arange(first_ns, last_ns + 1, step_ns, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class FrameChoice:
    """Which frame of a camera stands for each step.

    Attributes:
        index: Which of the frames, for each step.
        error_s: How much later than its step each frame was taken [s]; negative if earlier.
        repeated: How many steps have the same frame as the step before.
    """

    index: Int[Array, "n"]
    error_s: Float[Array, "n"]
    repeated: int


def nearest_frames(
    camera: str,
    stamps_ns: Int[Array, "m"],
    steps_ns: Int[Array, "n"],
    tolerance_s: float,
) -> FrameChoice:
    """Choose the frame whose stamp is nearest to each step.

    The nearest rather than the newest before: the error is then at most half a frame period
    instead of a whole one, and zero on average instead of always late. As long as `tolerance_s`
    is no more than half a step, no frame is chosen twice.

    Args:
        camera: Its name, for the message.
        stamps_ns: When the frames were taken, in ascending order [ns].
        steps_ns: When the steps are [ns].
        tolerance_s: Largest acceptable distance between a step and its frame [s].

    Raises:
        InvalidDataset: A step has no frame within the tolerance.
    """
    after = np.clip(np.searchsorted(stamps_ns, steps_ns), 1, len(stamps_ns) - 1)
    before = after - 1
    nearer_before = steps_ns - stamps_ns[before] <= stamps_ns[after] - steps_ns
    index = np.where(nearer_before, before, after)
    error_s = (stamps_ns[index] - steps_ns) / _NS_PER_S
    far = np.flatnonzero(np.abs(error_s) > tolerance_s)
    if far.size:
        worst = far[np.argmax(np.abs(error_s[far]))]
        at_s = (steps_ns[worst] - steps_ns[0]) / _NS_PER_S
        raise InvalidDataset(
            f"camera {camera!r} has no frame for {far.size} of {len(steps_ns)} steps: the nearest "
            f"to {at_s:.2f} s is {abs(error_s[worst]) * 1e3:.0f} ms away, at most "
            f"{tolerance_s * 1e3:.0f} ms are allowed; record it again, or allow more with "
            "--max-image-error"
        )
    return FrameChoice(index, error_s, int(np.count_nonzero(np.diff(index) == 0)))


def interpolate(
    what: str,
    stamps_ns: Int[Array, "m"],
    values: Float[Array, "m k"],
    steps_ns: Int[Array, "n"],
    max_gap_s: float,
) -> Float[Array, "n k"]:
    """Values at the steps, linear between the two samples around each.

    Args:
        what: Name of the stream, for the message.
        stamps_ns: When the samples were taken, strictly ascending [ns].
        values: The samples.
        steps_ns: When the steps are, none of them outside the samples [ns].
        max_gap_s: Longest acceptable time between two samples [s].

    Raises:
        InvalidDataset: A step lies in a longer gap.
    """
    gaps_s = np.diff(stamps_ns) / _NS_PER_S
    inside = np.searchsorted(stamps_ns, steps_ns, side="right") - 1
    exact = stamps_ns[inside] == steps_ns
    in_gap = ~exact & (np.append(gaps_s, 0.0)[inside] > max_gap_s)
    if in_gap.any():
        first = int(np.argmax(in_gap))
        at_s = (steps_ns[first] - steps_ns[0]) / _NS_PER_S
        raise InvalidDataset(
            f"{what} were silent for {gaps_s[inside[first]]:.2f} s around {at_s:.2f} s, at most "
            f"{max_gap_s:g} s are allowed; record the episode again"
        )
    return _interpolate_columns(stamps_ns, values, steps_ns)


def _interpolate_columns(
    stamps_ns: Int[Array, "m"], values: Float[Array, "m k"], at_ns: Int[Array, "n"]
) -> Float[Array, "n k"]:
    origin_ns = stamps_ns[0]
    x, xp = (at_ns - origin_ns).astype(float), (stamps_ns - origin_ns).astype(float)
    return np.stack([np.interp(x, xp, column) for column in np.transpose(values)], axis=1)


def hold_last(
    stamps_ns: Int[Array, "m"], values: Array, steps_ns: Int[Array, "n"]
) -> tuple[Array, Array]:
    """What was said last at each step, and whether anything had been said."""
    last = np.searchsorted(stamps_ns, steps_ns, side="right") - 1
    return values[np.maximum(last, 0)], last >= 0


@dataclass(frozen=True, eq=False)
class SentTrajectory:
    """A trajectory as it was sent.

    Attributes:
        start_ns: What its points count from [ns].
        times_ns: When each point is to be reached, absolute and ascending [ns].
        q: Positions at the points [rad].
    """

    start_ns: int
    times_ns: Int[Array, "k"]
    q: Float[Array, "k 7"]


def commanded_positions(
    sent: list[SentTrajectory], steps_ns: Int[Array, "n"]
) -> Float[Array, "n 7"]:
    """Where the arm was told to be at each step [rad]; NaN before the first point.

    A trajectory replaces what is left of the one before it, as the driver and the controllers of
    ros2_control do; after the last point its position holds.
    """
    # The steps count from the first of `steps_ns`: no command led to that one.
    times: list[Int[Array, "k"]] = []
    q: list[Float[Array, "k 7"]] = []
    for i, trajectory in enumerate(sent):
        replaced_ns = sent[i + 1].start_ns if i + 1 < len(sent) else np.iinfo(np.int64).max
        kept = trajectory.times_ns < replaced_ns
        times.append(trajectory.times_ns[kept])
        q.append(trajectory.q[kept])
    commanded = np.full((len(steps_ns), 7), np.nan)
    if not times or not sum(map(len, times)):
        return commanded
    at_ns, first = np.unique(np.concatenate(times), return_index=True)
    told = steps_ns >= at_ns[0]
    told[0] = False
    commanded[told] = _interpolate_columns(at_ns, np.concatenate(q)[first], steps_ns[told])
    return commanded
